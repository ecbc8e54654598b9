/* consensus.c -- the turn of the consensus half, and how it begins.
 *
 *   turn:  mails -> frames -> ticks -> batches, rounds, admin -> flush -> committed entries, status
 *
 * Everything that comes from outside was only noted before (mailbox, inbound frames, done fetches);
 * the turn feeds it to the core and carries out what the core says. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "machine/entry.h"
#include "node/raft_trace.h"

#define MAILS_PER_TURN 256
#define TICKS_PER_TURN 4 /* a loop that stood still does not campaign for what it slept through */

static void record(struct consensus *c)
{
    c->o.trace.record(c->o.trace.context, buf_bytes(&c->trace));
    buf_reset(&c->trace);
}

enum status core_step(struct consensus *c, const struct raft_input *input, raft_index *first)
{
    raft_index index;
    const enum status status = raft_step(c->raft, input, &index);
    if (first != NULL)
        *first = index;
    if (c->o.trace.record != NULL) {
        raft_trace_input(&c->trace, input, status, index);
        record(c);
    }
    return status;
}

const struct raft_output *core_flush(struct consensus *c)
{
    const struct raft_output *out = raft_flush(c->raft);
    if (c->o.trace.record != NULL) {
        raft_trace_flush(&c->trace, out);
        record(c);
    }
    return out;
}

void step_quietly(struct consensus *c, const struct raft_input *input)
{
    const enum status status = core_step(c, input, NULL);
    (void)status; /* the caller has nothing to do about a refusal */
}

/* --- mails ------------------------------------------------------------------------------------ */

static void mail_applied(struct consensus *c, const struct consensus_mail *mail)
{
    batches_settled(c, mail->batch);
    if (snapshot_is_installing(c))
        return; /* the core learns it with the rest */
    step_quietly(c, &(struct raft_input){.type = RAFT_APPLIED, .index = mail->index});
    deliver_applied(c, mail->index);
}

static void take_mail(struct consensus *c, struct consensus_mail *mail)
{
    switch (mail->kind) {
    case MAIL_BATCH:
        batches_mail(c, mail);
        return;
    case MAIL_READ:
        rounds_mail(c, mail->read_id);
        return;
    case MAIL_APPLIED:
        if (c->raft != NULL)
            mail_applied(c, mail);
        return;
    case MAIL_DURABLE:
        c->durable_applied = MAX(c->durable_applied, mail->index);
        c->compaction.state_bytes = mail->bytes;
        c->compaction.due = true;
        return;
    case MAIL_DIGEST:
        digest_mail(c, mail->index, mail->id);
        return;
    case MAIL_INSTALLED:
        snapshot_receive_installed(c, mail->index, mail->ok);
        return;
    case MAIL_PERSISTED:
        output_persisted(c, mail->id);
        return;
    case MAIL_RELAY:
        relay_send(c, mail);
        return;
    case MAIL_RELAY_TAKEN:
        c->relay_taken = mail->id;
        return;
    case MAIL_ADMIN:
        admin_mail(c, mail->admin);
        return;
    case MAIL_STOP:
        admin_stop(c);
        return;
    }
    panic("unknown mail %d", (int)mail->kind);
}

static void take_mails(struct consensus *c)
{
    struct consensus_mail mails[MAILS_PER_TURN];
    const size_t count = mailbox_receive(c->o.inbox, mails, MAILS_PER_TURN);
    for (size_t i = 0; i < count; i++)
        take_mail(c, &mails[i]);
    c->again = c->again || count == MAILS_PER_TURN;
}

/* --- ticks ------------------------------------------------------------------------------------ */

static void take_ticks(struct consensus *c)
{
    const uint64_t tick_us = (uint64_t)c->o.tick_ms * 1000;
    for (int ticks = 0; c->now_us >= c->next_tick_us; ticks++) {
        if (ticks == TICKS_PER_TURN) {
            c->next_tick_us = c->now_us + tick_us;
            break;
        }
        c->next_tick_us += tick_us;
        c->batches_wait = false;
        c->ticked = true;
        if (c->raft == NULL)
            continue;
        step_quietly(c, &(struct raft_input){.type = RAFT_TICK});
        health_tick(c);
        space_tick(c);
        compact_tick(c);
        archive_tick(c);
        caretaker_tick(c);
        digest_tick(c);
    }
}

static void turn_core(struct consensus *c)
{
    peers_turn(c);
    snapshot_send_turn(c);
    snapshot_receive_turn(c);
    backup_turn(c);
    batches_turn(c);
    rounds_turn(c);
    output_flush(c);
    if (c->changes_used > 0 || c->stopping) {
        admin_turn(c);
        output_flush(c); /* what administration has set going need not wait for a tick */
    }
    if (c->role_news) { /* a new leader takes its own batches and reads at once */
        batches_turn(c);
        rounds_turn(c);
        output_flush(c);
    }
    deliver_turn(c);
}

uint64_t consensus_turn(struct consensus *c)
{
    c->now_us = c->o.clock.boot_us(c->o.clock.context);
    c->again = c->role_news = c->ticked = false;
    take_mails(c);
    peers_receive(c);
    take_ticks(c);
    if (c->raft != NULL) {
        turn_core(c);
        sight_turn(c);
    } else {
        rounds_turn(c);
        admin_turn(c);
    }
    admin_give_back(c);
    return c->again ? c->now_us : c->next_tick_us;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* What the core is opened with, from what the log store recovered. */
struct opening {
    struct trail trail;
    struct raft_hard_state hard;
    struct raft_config_at *configs;
    size_t config_count;
    uint32_t *sizes;
    uint64_t last_index;
    uint64_t applied; /* where to go on behind */
    bool state_lost;
};

static void opening_clear(struct opening *o)
{
    free(o->configs);
    free(o->sizes);
}

/* What a node has said itself is newer than what a log says that may be of old times. */
void learn_members(struct consensus *c, const struct members *m)
{
    for (uint32_t i = 0; i < m->book.count; i++) {
        const struct address_entry *entry = &m->book.entries[i];
        if (!book_is_heard(&c->book, entry->node))
            book_set(&c->book, entry->node, &entry->address);
    }
    c->next_node = MAX(c->next_node, m->next_node);
}

void members_said(struct consensus *c, raft_index index, const struct members *m)
{
    members_log_append(&c->said, index, m);
    learn_members(c, m);
}

static enum status load_configs(struct consensus *c, struct opening *o, struct error *e)
{
    const struct log_recovered *found = c->o.recovered;
    o->configs = xcalloc(found->config_count + 1, sizeof(*o->configs));
    for (size_t i = 0; i < found->config_count; i++) {
        struct members m;
        const enum status status =
            members_read(found->configs[i].config, c->o.level_max, &m, e);
        if (status != STATUS_OK)
            return status;
        o->configs[o->config_count++] =
            (struct raft_config_at){.index = found->configs[i].index, .config = m.config};
        members_said(c, found->configs[i].index, &m);
    }
    return STATUS_OK;
}

static enum status load_log(struct consensus *c, struct opening *o, struct error *e)
{
    const struct log_recovered *found = c->o.recovered;
    trail_init(&o->trail, found->base_index, found->base_term);
    for (size_t i = 0; i < found->run_count; i++) {
        const uint64_t end =
            i + 1 < found->run_count ? found->runs[i + 1].first : found->last_index + 1;
        if (!trail_append(&o->trail, found->runs[i].term, (uint32_t)(end - found->runs[i].first)))
            return fail(e, STATUS_INVALID, "the log spans more than %d terms", TRAIL_RUNS_MAX);
    }
    const size_t count = found->last_index - found->base_index;
    o->last_index = found->last_index;
    o->sizes = xcalloc(count + 1, sizeof(*o->sizes));
    for (size_t i = 0; i < count; i++)
        o->sizes[i] = found->items[i].size;
    o->hard = (struct raft_hard_state){found->hard_state.current_term, found->hard_state.voted_for,
                                       found->hard_state.promise_ms};
    return load_configs(c, o, e);
}

/* The first entry of a new cluster: the configuration that has us alone. */
static enum status bootstrap(struct consensus *c, struct opening *o, struct error *e)
{
    const struct members alone = {
        .config = {.incoming = {.count = 1, .node = {c->identity.node_id}}},
        .next_node = c->identity.node_id + 1,
        .level = c->o.level_max, /* nobody else is to be waited for */
        .book = c->book,
    };
    struct buf payload = {0};
    members_encode(&alone, &payload);
    members_said(c, 1, &alone);

    const struct log_hard_state hard = {.current_term = 1};
    const struct log_entry entry = {.term = 1, .kind = RAFT_CONFIG, .payload = buf_bytes(&payload)};
    const struct log_config log_config = {.index = 1, .config = buf_bytes(&payload)};
    const struct log_write write = {.hard_state = &hard, .first = 1, .entries = &entry,
                                    .entry_count = 1, .configs = &log_config, .config_count = 1};
    const enum status status = log_store_write(c->o.log, &write, 1, e);
    o->hard = (struct raft_hard_state){.current_term = 1};
    const bool appended = trail_append(&o->trail, 1, 1);
    CHECK(appended);
    o->configs[o->config_count++] = (struct raft_config_at){.index = 1, .config = alone.config};
    o->sizes[0] = (uint32_t)payload.size;
    o->last_index = 1;
    buf_clear(&payload);
    return status;
}

/* The state is ahead of the log (§3.8 step 3): its entries were committed, the log's own write was
 * lost. The log starts anew behind the state. */
static enum status reset_log(struct consensus *c, struct opening *o, struct error *e)
{
    struct bytes config = c->o.applied_config;
    const struct log_recovered *found = c->o.recovered;
    for (size_t i = 0; config.size == 0 && i < found->config_count; i++)
        if (found->configs[i].index <= c->o.applied_index)
            config = found->configs[i].config;
    struct members m;
    const enum status status = members_read(config, c->o.level_max, &m, e);
    if (status == STATUS_CORRUPT)
        return fail(e, STATUS_CORRUPT, "the state is ahead of the log, and neither knows the "
                    "cluster's members: remove the directory and add this node anew");
    if (status != STATUS_OK)
        return status;
    members_said(c, c->o.applied_index, &m);

    log_warn("consensus", "the state is ahead of the log, which starts anew behind it",
             "applied=%" PRIu64 " last=%" PRIu64, c->o.applied_index, o->last_index);
    o->hard.current_term = MAX(o->hard.current_term, c->o.applied_term);
    if (o->hard.current_term != found->hard_state.current_term)
        o->hard.voted_for = 0;
    const struct log_hard_state hard = {o->hard.current_term, o->hard.voted_for,
                                        o->hard.promise_ms};
    const struct log_reset reset = {c->o.applied_index, c->o.applied_term, config, &hard};
    trail_init(&o->trail, c->o.applied_index, c->o.applied_term);
    o->last_index = c->o.applied_index;
    o->configs[0] = (struct raft_config_at){.index = c->o.applied_index, .config = m.config};
    o->config_count = 1;
    return log_store_reset(c->o.log, &reset, e);
}

bool consensus_state_is_elsewhere(const struct log_recovered *found)
{
    struct members m;
    if (found->config_count == 0 ||
        !members_decode(found->configs[found->config_count - 1].config, &m))
        return false;
    for (uint32_t i = 0; i < m.config.incoming.count; i++)
        if (m.config.incoming.node[i] != found->identity.node_id)
            return true;
    return false;
}

/* Log and votes are sound, the state ends before them (§6.4): somebody else's snapshot takes its
 * place. Until then this node applies nothing and does not campaign. */
static enum status lose_state(struct consensus *c, struct opening *o, struct error *e)
{
    const uint64_t base = o->trail.base_index;
    if (!consensus_state_is_elsewhere(c->o.recovered))
        return fail(e, STATUS_CORRUPT, "the state was applied up to %" PRIu64 ", but the log "
                    "begins behind %" PRIu64 ": entries between them are lost, and there is no "
                    "other member that has them; restore a backup", c->o.applied_index, base);
    log_warn("consensus", "the state does not reach the log: a snapshot will replace it",
             "applied=%" PRIu64 " log_begins_behind=%" PRIu64, c->o.applied_index, base);
    o->state_lost = true;
    o->applied = base;
    return STATUS_OK;
}

static enum status reconcile(struct consensus *c, struct opening *o, struct error *e)
{
    const uint64_t applied = o->applied = c->o.applied_index;
    if (applied < o->trail.base_index)
        return lose_state(c, o, e);
    if (applied <= o->last_index && trail_term(&o->trail, applied) == c->o.applied_term)
        return STATUS_OK;
    return reset_log(c, o, e);
}

/* The clock of the newest DATA entry: the log's time never runs backwards (§3.6 step 7). */
static enum status find_log_clock(struct consensus *c, const struct opening *o, struct error *e)
{
    clock_seen(c, c->o.applied_clock_ms);
    const struct log_recovered *found = c->o.recovered;
    if (o->last_index != found->last_index)
        return STATUS_OK; /* bootstrapped or reset: no DATA entry in it */
    uint64_t index = found->last_index;
    const struct log_item *items = found->items;
    while (index > found->base_index && items[index - found->base_index - 1].kind != RAFT_DATA)
        index--;
    if (index == found->base_index)
        return STATUS_OK;
    struct log_block block = {0};
    const struct log_range range = {index, index, 1};
    const enum status status = log_store_read(c->o.log, &range, &block, e);
    if (status == STATUS_OK && block.count == 1) {
        struct entry_head head;
        struct reader requests;
        if (entry_decode(block.entries[0].payload, &head, &requests, NULL) == STATUS_OK)
            clock_seen(c, head.clock_ms); /* another format: apply will stop at it, not we */
    }
    log_block_clear(&block);
    return status;
}

#define APPEND_BYTES_MAX (1u << 20)
#define INFLIGHT_BYTES_MAX (16u << 20)

static void open_core(struct consensus *c, const struct opening *o)
{
    const struct raft_options options = {
        .self = c->identity.node_id,
        .election_ticks = c->o.election_ticks,
        .heartbeat_ticks = c->o.heartbeat_ticks,
        .append_bytes_max = APPEND_BYTES_MAX,
        .inflight_bytes_max = INFLIGHT_BYTES_MAX,
        .log_entries_max = LOG_ENTRIES_MAX,
        .tick_ms = c->o.tick_ms,
        .lease_ms = c->o.lease_ms,
        .seed = prng_next(&c->prng),
    };
    const struct raft_saved saved = {
        .hard_state = o->hard,
        .configs = o->configs,
        .config_count = o->config_count,
        .trail = &o->trail,
        .sizes = o->sizes,
        .commit_index = o->applied,
        .state_lost = o->state_lost,
    };
    if (c->o.trace.record != NULL) {
        raft_trace_open(&c->trace, &options, &saved);
        record(c);
    }
    c->raft = raft_open(&options, &saved);
    entry_cache_init(&c->cache, c->o.cache_bytes, o->last_index + 1);
    c->commit_index = c->mailed_index = c->applied_index = o->applied;
    c->term = o->hard.current_term;
    c->role = RAFT_FOLLOWER;
    c->config_changed = true;
    c->status_due = true;
    config_refresh(c);
    compact_open(c);
    log_info("consensus", "opened", "node=%" PRIu64 " boot=%" PRIu64 " term=%" PRIu64
             " last=%" PRIu64 " applied=%" PRIu64, c->identity.node_id, c->boot, c->term,
             o->last_index, o->applied);
}

/* To a newcomer its log says little of where the others are. Who introduced it knew; but who is a
 * member the log alone says. */
static void learn_introduction(struct consensus *c)
{
    struct members m;
    if (!is_newcomer(c) || !members_decode(buf_bytes(&c->o.recovered->introduction), &m))
        return;
    learn_members(c, &m);
    peers_connect(c);
}

static enum status open_log(struct consensus *c, struct error *e)
{
    struct opening o = {0};
    enum status status = load_log(c, &o, e);
    /* Node 1 exists by --cluster-init alone; it may have died before it wrote its first entry. */
    const bool is_new = o.last_index == 0 && o.hard.current_term == 0 && c->o.applied_index == 0;
    if (status == STATUS_OK && is_new && (c->o.cluster_init || c->identity.node_id == 1))
        status = bootstrap(c, &o, e);
    if (status == STATUS_OK)
        status = reconcile(c, &o, e);
    if (status == STATUS_OK)
        status = find_log_clock(c, &o, e);
    if (status == STATUS_OK)
        open_core(c, &o);
    opening_clear(&o);
    return status;
}

#define CACHE_BYTES_DEFAULT ((size_t)32 << 20)
#define LOG_KEEP_BYTES_DEFAULT ((uint64_t)128 << 20)
#define SNAPSHOT_CHUNK_DEFAULT ((uint32_t)128 << 10) /* larger ones hold both loops up */
#define SNAPSHOT_RATE_DEFAULT ((uint64_t)32 << 20)

/* What this node says of itself is right, whatever the log says. */
static void know_self(struct consensus *c)
{
    if (c->o.self.host[0] == '\0')
        return;
    book_set(&c->book, c->identity.node_id, &c->o.self);
    book_heard(&c->book, c->identity.node_id, true);
}

void consensus_set_snapshot_rate(struct consensus *c, uint64_t bytes_per_second)
{
    atomic_store_explicit(&c->snapshot_rate, bytes_per_second, memory_order_relaxed);
}

enum status consensus_open(const struct consensus_options *options, struct consensus **consensus,
                           struct error *e)
{
    CHECK(options->recovered != NULL);
    struct consensus *c = xcalloc(1, sizeof(*c));
    c->o = *options;
    if (c->o.snapshot_chunk_bytes == 0)
        c->o.snapshot_chunk_bytes = SNAPSHOT_CHUNK_DEFAULT;
    c->o.snapshot_chunk_bytes = MIN(c->o.snapshot_chunk_bytes, WIRE_CHUNK_MAX);
    c->snapshot_rate = c->o.snapshot_rate == 0 ? SNAPSHOT_RATE_DEFAULT : c->o.snapshot_rate;
    if (c->o.log_keep_bytes == 0)
        c->o.log_keep_bytes = LOG_KEEP_BYTES_DEFAULT;
    if (c->o.backup_rate == 0)
        c->o.backup_rate = BACKUP_RATE_DEFAULT;
    if (c->o.cache_bytes == 0)
        c->o.cache_bytes = CACHE_BYTES_DEFAULT;
    if (c->o.level_max == 0)
        c->o.level_max = FEATURE_LEVEL_MAX;
    c->level = FEATURE_LEVEL_FIRST; /* until the log says more */
    c->identity = options->recovered->identity;
    c->boot = options->recovered->boot;
    c->frame = xcalloc(1, sizeof(*c->frame));
    prng_seed(&c->prng, options->seed);
    queue_init(&c->writes);
    queue_init(&c->held);
    queue_init(&c->inbound);
    queue_init(&c->fetches);
    queue_init(&c->batches);
    peers_init(c);
    c->now_us = c->o.clock.boot_us(c->o.clock.context);
    c->next_tick_us = c->now_us + (uint64_t)c->o.tick_ms * 1000;
    c->next_node = c->identity.node_id + 1;
    c->digests.is_quarantined = options->is_quarantined;
    space_open(c);

    if (c->identity.node_id != 0) {
        know_self(c);
        const enum status status = open_log(c, e);
        if (status != STATUS_OK) {
            consensus_close(c);
            return status;
        }
        learn_introduction(c);
    }
    c->o.recovered = NULL; /* borrowed for the open alone */
    c->o.applied_config = BYTES_NONE;
    *consensus = c;
    return STATUS_OK;
}

/* A leader has introduced us, an empty node, to its cluster: be who it says, from now on and after
 * every restart. Nothing else is going on yet, so the disk may be waited for. */
void consensus_become(struct consensus *c, const struct wire_introduce *introduce)
{
    CHECK(c->raft == NULL);
    struct log_identity identity = {
        .node_id = introduce->node,
        .incarnation = c->o.clock.wall_ms(c->o.clock.context),
    };
    memcpy(identity.cluster_id, introduce->cluster_id, sizeof(identity.cluster_id));
    memcpy(identity.hash_key, introduce->hash_key, sizeof(identity.hash_key));
    struct error e;
    buf_reset(&c->scratch);
    members_encode(&introduce->members, &c->scratch);
    if (log_store_introduce(c->o.log, &identity, buf_bytes(&c->scratch), &e) != STATUS_OK)
        panic("cannot write this node's identity: %s", e.text);

    c->identity = identity;
    know_self(c);
    struct opening o = {0};
    trail_init(&o.trail, 0, 0);
    open_core(c, &o);
    if (c->o.introduced != NULL)
        c->o.introduced(c->o.context, &identity);
    peers_drop_inbound(c); /* it may be meant for whoever was at our address before */
    learn_members(c, &introduce->members);
    peers_connect(c);
    log_info("consensus", "introduced to a cluster", "node=%" PRIu64, introduce->node);
}

void consensus_close(struct consensus *c)
{
    if (c == NULL)
        return;
    struct consensus_mail mail; /* what was sent to us and not taken holds references */
    while (mailbox_receive(c->o.inbox, &mail, 1) == 1)
        block_unref(mail.block);
    backup_close(c);
    archive_close(c);
    admin_close(c);
    output_close(c);
    peers_close_all(c);
    batches_close(c);
    snapshot_send_close(c);
    snapshot_receive_close(c);
    if (c->raft != NULL) {
        entry_cache_clear(&c->cache);
        raft_close(c->raft);
    }
    buf_clear(&c->out);
    buf_clear(&c->scratch);
    buf_clear(&c->trace);
    free(c->frame);
    free(c);
}

/* --- status ----------------------------------------------------------------------------------- */

static uint64_t last_contact_ms(const struct consensus *c, raft_node node)
{
    if (node == c->identity.node_id)
        return 0;
    const struct peer *p = peer_find((struct consensus *)c, node);
    if (p == NULL || p->heard_us == 0)
        return UINT64_MAX;
    return (c->now_us - p->heard_us) / 1000;
}

static void fill_members(const struct consensus *c, struct consensus_status *status)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (is_leader(c) && node_set_has(&all, c->digests.accused))
        status->digest_accused = c->digests.accused;
    for (uint32_t i = 0; i < all.count; i++) {
        const raft_node node = all.node[i];
        struct member *m = &status->members[status->member_count];
        m->node = node;
        m->voter = node_set_has(&c->config.incoming, node);
        m->learner = node_set_has(&c->config.learners, node);
        m->spare = m->learner && node_set_has(&c->spares, node);
        const struct peer_address *address = book_find(&c->book, node);
        if (address != NULL)
            m->address = *address;
        const struct peer *p = peer_find((struct consensus *)c, node);
        m->is_connected = node == c->identity.node_id || (p != NULL && p->up[CHANNEL_CONTROL]);
        if (node == c->identity.node_id)
            m->build.level = c->o.level_max;
        if (p != NULL) {
            m->build = p->build;
            m->space = p->space;
            m->wall_ahead_ms = p->wall_known ? p->wall_ahead_ms : 0;
        }
        status->last_contact_ms[status->member_count++] = last_contact_ms(c, node);
    }
}

/* How long what takes its time is under way. */
static void fill_ages(const struct consensus *c, struct consensus_status *status)
{
    const struct queue_node *first = queue_first(&c->writes);
    if (first != NULL)
        status->write_age_ms =
            (c->now_us - container_of(first, struct pending_write, node)->submitted_us) / 1000;
    for (size_t i = 0; i < c->changes_used; i++)
        if (c->changes[i].step != CHANGE_FREE)
            status->change_age_ms =
                MAX(status->change_age_ms, (c->now_us - c->changes[i].begun_us) / 1000);
    if (c->send.step != SEND_IDLE)
        status->snapshot_age_ms = (c->now_us - c->send.begun_us) / 1000;
    memcpy(status->snapshot_refused, c->receive.refused, sizeof(status->snapshot_refused));
    if (c->backup.step != BACKUP_IDLE)
        status->backup_age_ms = (c->now_us - c->backup.begun_us) / 1000;
}

static void fill_archive(const struct consensus *c, struct consensus_status *status)
{
    const struct archive *a = &c->archive;
    status->archives = c->o.archive_dir != NULL && *c->o.archive_dir != '\0';
    status->archive_index = a->archived;
    status->archive_segments = a->segments;
    status->archive_gaps = a->gaps;
    status->archive_gap_first = a->gap_first;
    status->archive_gap_last = a->gap_last;
    if (a->failing_us != 0)
        status->archive_failing_ms = MAX(1, (c->now_us - a->failing_us) / 1000);
}

void consensus_fill_status(struct consensus *c, struct consensus_status *status)
{
    *status = (struct consensus_status){
        .persists = c->persists,
        .messages_sent = c->messages_sent,
        .messages_received = c->messages_received,
        .elections = c->elections,
        .cached_entries = c->cache.count,
        .cached_bytes = c->cache.bytes,
        .batches_taken = c->batches_taken,
        .batches_refused = c->batches_refused,
        .frames_bad = c->frames_bad,
        .disk_free = c->space.free_bytes,
        .space = (uint8_t)c->space.own,
        .snapshots_sent = c->send.count,
        .snapshots_installed = c->receive.count,
        .compactions = c->compaction.count,
        .backups = c->backup.count,
        .backup_index = c->backup.last_index,
        .level = c->level,
        .level_max = c->o.level_max,
        .waiting = c->raft == NULL,
        .removed = c->is_removed,
        .quarantined = c->digests.is_quarantined,
        .digest_wrong = c->digests.wrong_index,
    };
    struct log_store_stats stats;
    log_store_stats(c->o.log, &stats);
    status->log_bytes = c->compaction.held_bytes;
    status->log_disk_bytes = stats.disk_bytes;
    if (c->raft == NULL)
        return;
    raft_status(c->raft, &status->raft);
    status->log_first = status->raft.first_index;
    status->log_last = status->raft.last_index;
    fill_members(c, status);
    fill_ages(c, status);
    fill_archive(c, status);
}
