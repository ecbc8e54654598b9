/* output.c -- what the core says has to happen, carried out.
 *
 *   raft_flush -> lease published -> write submitted -> messages sent, or held until the write they
 *   rest on is durable -> commit index noted, read rounds answered
 *
 * A write that was synced in place is told to the core, and what follows from it is flushed in the
 * same turn. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "node/lease.h"

#define FLUSHES_PER_TURN 8
#define LEASE_DRIFT 16     /* a 16th of the lease is given to clocks that run unequally */

/* --- entries of the core's own ---------------------------------------------------------------- */

struct block *config_block(struct consensus *c, const struct raft_config *config)
{
    const struct members m = {
        .config = *config, .next_node = c->next_node, .level = c->level, .spares = c->spares,
        .book = c->book};
    buf_reset(&c->scratch);
    members_encode(&m, &c->scratch);
    return block_new(buf_bytes(&c->scratch));
}

/* An entry that the core appended: what it says is what the block says. */
static struct block *own_config(struct consensus *c, const struct raft_status *status)
{
    struct block *block = config_block(c, &status->config);
    struct members m;
    const bool decoded = members_decode(block_bytes(block), &m);
    CHECK(decoded);
    members_log_append(&c->said, status->config_index, &m);
    c->config_changed = true;
    return block;
}

void cache_fill(struct consensus *c)
{
    struct raft_entry e;
    while (raft_entry_at(c->raft, entry_cache_next(&c->cache), &e)) {
        struct cached_entry entry = {.term = e.term, .kind = e.kind};
        CHECK(e.kind != RAFT_DATA); /* those we put there ourselves, as they are taken */
        if (e.kind == RAFT_CONFIG) {
            struct raft_status status;
            raft_status(c->raft, &status);
            CHECK(status.config_index == entry_cache_next(&c->cache));
            entry.block = own_config(c, &status);
        }
        entry_cache_put(&c->cache, &entry);
    }
}

/* Who is no member by next stays known for a while, to be told so (caretaker.c). */
static void keep_guests(struct consensus *c, const struct raft_config *next)
{
    struct raft_set before, after;
    config_nodes(&c->config, &before);
    config_nodes(next, &after);
    if (!node_set_has(&before, c->identity.node_id))
        return; /* a newcomer that reads of old times */
    for (uint32_t i = 0; i < before.count; i++) {
        const raft_node node = before.node[i];
        if (!node_set_has(&after, node) && node != c->identity.node_id &&
            c->guests.count < RAFT_NODES_MAX)
            node_set_add(&c->guests, node);
    }
}

void config_refresh(struct consensus *c)
{
    if (!c->config_changed)
        return;
    c->config_changed = false;
    struct raft_status status;
    raft_status(c->raft, &status);
    keep_guests(c, &status.config);
    c->config = status.config;
    c->config_index = status.config_index;
    const struct members *said = members_log_at(&c->said, status.config_index);
    if (said != NULL) {
        c->spares = said->spares;
        c->level = said->level;
    }
    c->status_due = true;
    peers_connect(c);
}

/* --- the write -------------------------------------------------------------------------------- */

static bool is_only_voter(const struct consensus *c)
{
    return c->config.incoming.count == 1 && c->config.outgoing.count == 0 &&
           c->config.incoming.node[0] == c->identity.node_id;
}

static void write_free(struct pending_write *w)
{
    for (size_t i = 0; i < w->count; i++)
        block_unref(w->blocks[i]);
    free(w->entries);
    free(w->blocks);
    free(w->configs);
    free(w);
}

static void write_entries(struct consensus *c, struct pending_write *w,
                          const struct raft_write *out)
{
    w->count = out->append_last - out->append_first + 1;
    w->entries = xcalloc(w->count, sizeof(*w->entries));
    w->blocks = xcalloc(w->count, sizeof(*w->blocks));
    size_t config_count = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct cached_entry *entry = entry_cache_get(&c->cache, out->append_first + i);
        CHECK(entry != NULL); /* what is not durable stays in the cache */
        w->blocks[i] = entry->block == NULL ? NULL : block_ref(entry->block);
        w->entries[i] = (struct log_entry){entry->term, entry->kind, cached_payload(entry)};
        w->job.bytes += w->entries[i].payload.size;
        config_count += entry->kind == RAFT_CONFIG;
    }
    w->configs = xcalloc(config_count + 1, sizeof(*w->configs));
    for (size_t i = 0; i < w->count; i++)
        if (w->entries[i].kind == RAFT_CONFIG)
            w->configs[w->write.config_count++] =
                (struct log_config){out->append_first + i, w->entries[i].payload};
    w->write.first = out->append_first;
    w->write.entries = w->entries;
    w->write.entry_count = w->count;
    w->write.configs = w->configs;
}

static bool submit(struct consensus *c, struct pending_write *w)
{
    w->job.id = ++c->next_job;
    w->job.write = &w->write;
    w->submitted_us = c->now_us;
    c->persists++;
    queue_push_back(&c->writes, &w->node);
    const bool in_place = w->kind == WRITE_RAFT && is_only_voter(c) &&
                          queue_first(&c->writes) == &w->node;
    return c->o.log_writer.submit(c->o.log_writer.context, &w->job, in_place) == SUBMIT_DONE;
}

void output_write(struct consensus *c, enum write_kind kind, const struct log_write *write)
{
    CHECK(write->entry_count == 0);
    CHECK(write->config_count <= 1);
    struct pending_write *w = xcalloc(1, sizeof(*w));
    w->kind = kind;
    w->write = *write;
    if (write->config_count == 1) {
        w->configs = xmalloc(sizeof(*w->configs));
        w->configs[0] = write->configs[0];
        w->write.configs = w->configs;
    }
    const bool done = submit(c, w);
    CHECK(!done);
}

/* Whether the write is durable already. */
static bool submit_write(struct consensus *c, const struct raft_write *out)
{
    struct pending_write *w = xcalloc(1, sizeof(*w));
    if (out->hard_state_changed) {
        w->hard = (struct log_hard_state){out->hard_state.current_term, out->hard_state.voted_for,
                                          out->hard_state.promise_ms};
        w->write.hard_state = &w->hard;
    }
    w->write.truncate_from = out->truncate_from;
    if (out->append_last > 0)
        write_entries(c, w, out);
    w->raft_id = out->id;
    return submit(c, w);
}

/* --- messages --------------------------------------------------------------------------------- */

static void hold(struct consensus *c, const struct raft_message *m)
{
    struct held_message *held = xmalloc(sizeof(*held));
    held->message = *m;
    queue_push_back(&c->held, &held->node);
}

static void release_held(struct consensus *c)
{
    struct queue_node *next;
    for (struct queue_node *at = queue_first(&c->held); at != NULL; at = next) {
        next = queue_next(&c->held, at);
        struct held_message *held = container_of(at, struct held_message, node);
        if (held->message.after_write > c->durable_write)
            continue;
        queue_remove(at);
        /* Its entries are those of its own term alone: later they may be others. */
        if (held->message.type != RAFT_MSG_APPEND || held->message.term == c->term)
            peers_send(c, &held->message);
        free(held);
    }
}

/* Everything up to the job is durable: the core learns of its own, then the driver of its own. */
static void writes_done(struct consensus *c, uint64_t job_id)
{
    c->done_job = MAX(c->done_job, job_id);
    c->done_us = c->now_us;
    bool compacted = false, installed = false;
    struct queue_node *first;
    while ((first = queue_first(&c->writes)) != NULL) {
        struct pending_write *w = container_of(first, struct pending_write, node);
        if (w->job.id > job_id)
            break;
        c->durable_write = MAX(c->durable_write, w->raft_id);
        compacted = compacted || w->kind == WRITE_COMPACT;
        installed = installed || w->kind == WRITE_INSTALL;
        queue_remove(first);
        write_free(w);
    }
    step_quietly(c, &(struct raft_input){.type = RAFT_PERSISTED, .write_id = c->durable_write});
    if (compacted)
        compact_done(c);
    if (installed)
        snapshot_receive_cut_done(c);
}

/* Mails may report the newest of several writes alone. What they release goes out in this turn's
 * flush, in order. */
void output_persisted(struct consensus *c, uint64_t job_id)
{
    CHECK(c->raft != NULL);
    writes_done(c, job_id);
}

/* --- the lease -------------------------------------------------------------------------------- */

static void note_rounds(struct consensus *c, const struct raft_output *out)
{
    for (size_t i = 0; i < out->message_count; i++) {
        const struct raft_message *m = &out->messages[i];
        if (m->type != RAFT_MSG_HEARTBEAT || m->round <= c->lease_newest || m->lease_ms == 0)
            continue;
        c->lease_newest = m->round;
        c->lease_rounds[m->round % LEASE_ROUNDS].round = m->round;
        c->lease_rounds[m->round % LEASE_ROUNDS].sent_us = c->o.clock.boot_us(c->o.clock.context);
    }
}

/* Before any message of this flush is sent: whoever may be elected, or may acknowledge, because of
 * one of them must come after what readers here will see. */
static void publish_lease(struct consensus *c, const struct raft_output *out)
{
    if (c->o.lease == NULL || c->o.lease_ms == 0)
        return;
    if (out->role_changed)
        c->lease_end_us = c->lease_newest = 0;
    note_rounds(c, out);
    const uint64_t round = out->lease_round;
    if (round == 0 || out->role != RAFT_LEADER)
        c->lease_end_us = 0;
    else if (c->lease_rounds[round % LEASE_ROUNDS].round == round)
        c->lease_end_us = MAX(c->lease_end_us, c->lease_rounds[round % LEASE_ROUNDS].sent_us +
                              (uint64_t)(c->o.lease_ms - c->o.lease_ms / LEASE_DRIFT) * 1000);
    const uint64_t commit = out->apply_last != 0 ? out->apply_last : c->commit_index;
    const struct lease_value value = {
        c->lease_end_us, commit, c->lease_end_us == 0 ? 0 : leader_clock_ms(c)};
    lease_publish(c->o.lease, &value);
}

/* --- the flush -------------------------------------------------------------------------------- */

static const char *const role_names[] = {"follower", "pre-candidate", "candidate", "leader"};

static void note_role(struct consensus *c, const struct raft_output *out)
{
    if (!out->role_changed)
        return;
    const bool new_leader = out->leader != c->leader || out->term != c->term;
    if (out->role == RAFT_LEADER && c->role != RAFT_LEADER) {
        c->leader_since_us = c->now_us;
        c->first_given = c->next_node;
    }
    if (out->role == RAFT_CANDIDATE && c->role != RAFT_CANDIDATE)
        c->elections++;
    c->role = out->role;
    c->term = out->term;
    c->leader = out->leader;
    c->status_due = true;
    c->status_on_commit = true;
    log_info("consensus", role_names[out->role], "term=%" PRIu64 " leader=%" PRIu64, out->term,
             out->leader);
    if (!new_leader)
        return;
    batches_resend(c);
    rounds_leader_changed(c);
    c->role_news = true; /* what waited for a leader goes in this turn */
}

static void note_snapshots(struct consensus *c, const struct raft_set *to)
{
    for (uint32_t i = 0; i < to->count; i++) {
        struct peer *p = peer_find(c, to->node[i]);
        if (p != NULL)
            p->snapshot_wanted = true;
    }
}

static bool flush_once(struct consensus *c)
{
    const struct raft_output *out = core_flush(c);
    cache_fill(c);
    note_role(c, out);
    config_refresh(c);
    publish_lease(c, out);
    const uint64_t write_id = out->write.id;
    const bool is_durable = write_id != 0 && submit_write(c, &out->write);
    if (is_durable)
        c->durable_write = write_id;

    release_held(c);
    for (size_t i = 0; i < out->message_count; i++) {
        const struct raft_message *m = &out->messages[i];
        if (m->after_write > c->durable_write)
            hold(c, m);
        else
            peers_send(c, m);
    }
    note_snapshots(c, &out->snapshot_to);
    if (out->apply_last != 0) {
        c->commit_index = out->apply_last;
        c->status_due = c->status_due || c->status_on_commit;
        c->status_on_commit = false;
    }
    for (size_t i = 0; i < out->read_count; i++)
        rounds_answer(c, &out->reads[i]);

    if (is_durable)
        writes_done(c, c->next_job); /* out is void from here on */
    return is_durable;
}

void output_flush(struct consensus *c)
{
    for (int flushes = 0; flushes < FLUSHES_PER_TURN; flushes++)
        if (!flush_once(c))
            return;
    c->again = true;
}

void output_close(struct consensus *c)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&c->writes)) != NULL)
        write_free(container_of(node, struct pending_write, node));
    while ((node = queue_pop_front(&c->held)) != NULL)
        free(container_of(node, struct held_message, node));
}
