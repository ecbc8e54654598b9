/* core_sim.c -- see core_sim.h. */

#include "core_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"

#define SIM_CONFIG_SIZE 400

static void print_set(const char *name, const struct raft_set *set)
{
    fprintf(stderr, " %s {", name);
    for (size_t i = 0; i < set->count; i++)
        fprintf(stderr, " %llu", (unsigned long long)set->node[i]);
    fprintf(stderr, " }");
}

static void print_node(const struct sim_node *n)
{
    if (n->core == NULL) {
        fprintf(stderr, "  node %llu is down\n", (unsigned long long)n->id);
        return;
    }
    struct raft_status st;
    raft_status(n->core, &st);
    fprintf(stderr,
            "  node %llu role %d term %llu leader %llu log %llu..%llu (term %llu) persisted %llu "
            "commit %llu config at %llu",
            (unsigned long long)n->id, (int)st.role, (unsigned long long)st.term,
            (unsigned long long)st.leader, (unsigned long long)st.first_index,
            (unsigned long long)st.last_index, (unsigned long long)st.last_term,
            (unsigned long long)st.persisted_index, (unsigned long long)st.commit_index,
            (unsigned long long)st.config_index);
    print_set("in", &st.config.incoming);
    print_set("out", &st.config.outgoing);
    print_set("learn", &st.config.learners);
    for (size_t i = 0; i < st.peer_count && st.role == RAFT_LEADER; i++)
        fprintf(stderr, "\n    peer %llu state %d next %llu match %llu in flight %u silent %u",
                (unsigned long long)st.peers[i].node, (int)st.peers[i].state,
                (unsigned long long)st.peers[i].next_index,
                (unsigned long long)st.peers[i].match_index, st.peers[i].inflight_count,
                st.peers[i].silent_ticks);
    fprintf(stderr, "\n");
}

void sim_fail(const struct sim *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "seed %llu, tick %llu: ", (unsigned long long)s->seed,
            (unsigned long long)s->now);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    for (size_t i = 0; i < s->node_count; i++)
        print_node(&s->nodes[i]);
    abort();
}

struct sim_node *sim_node(struct sim *s, raft_node id)
{
    CHECK(id >= 1);
    CHECK(id <= s->node_count);
    return &s->nodes[id - 1];
}

struct sim_node *sim_leader(struct sim *s)
{
    struct sim_node *leader = NULL;
    for (size_t i = 0; i < s->node_count; i++) {
        struct sim_node *n = &s->nodes[i];
        if (n->core != NULL && n->role == RAFT_LEADER && (leader == NULL || n->term > leader->term))
            leader = n;
    }
    return leader;
}

static uint64_t config_keep(struct sim *s, const struct raft_config *config)
{
    CHECK(s->config_count < SIM_CONFIGS_MAX);
    s->configs[s->config_count] = *config;
    return s->config_count++;
}

/* Logs */

static raft_term log_term(const struct sim_log *log, raft_index index)
{
    if (index == log->base)
        return log->base_term;
    return index > log->base && index <= log->last ? log->at[index].raft.term : 0;
}

static void log_put(struct sim_log *log, raft_index index, const struct sim_entry *entry)
{
    CHECK(index == log->last + 1);
    CHECK(index < SIM_LOG_MAX);
    log->at[index] = *entry;
    log->last = index;
}

static uint64_t log_config(const struct sim_log *log, raft_index index)
{
    while (index > log->base && log->at[index].raft.kind != RAFT_CONFIG)
        index--;
    return index > log->base ? log->at[index].payload : log->base_config;
}

static void log_compact(struct sim_log *log, raft_index index)
{
    if (index <= log->base)
        return;
    log->base_config = log_config(log, index);
    log->base_term = log->at[index].raft.term;
    log->base = index;
}

/* §3.7 step 6 */
static void log_install(struct sim_log *log, const struct sim_state *state)
{
    if (state->index <= log->base)
        return;
    if (log_term(log, state->index) == state->term) {
        log_compact(log, state->index);
        return;
    }
    log->base = log->last = state->index;
    log->base_term = state->term;
    log->base_config = state->config;
}

/* Starting and stopping */

void sim_start(struct sim *s, struct sim_node *n)
{
    CHECK(n->core == NULL);
    static struct trail trail;
    static struct raft_config_at configs[SIM_LOG_MAX];
    static uint32_t sizes[SIM_LOG_MAX];
    struct sim_log *log = &n->disk.log;

    if (n->disk.state.index > log->base) { /* §3.8 step 3: the state may be ahead of the log */
        if (log_term(log, n->disk.state.index) != n->disk.state.term) {
            log_install(log, &n->disk.state);
            n->disk.hard.current_term = MAX(n->disk.hard.current_term, n->disk.state.term);
        }
    }
    trail_init(&trail, log->base, log->base_term);
    size_t config_count = 0;
    configs[config_count++] =
        (struct raft_config_at){log->base, s->configs[log->base_config]};
    for (raft_index i = log->base + 1; i <= log->last; i++) {
        const bool fits = trail_append(&trail, log->at[i].raft.term, 1);
        CHECK(fits);
        sizes[i - log->base - 1] = log->at[i].raft.size;
        if (log->at[i].raft.kind == RAFT_CONFIG)
            configs[config_count++] = (struct raft_config_at){i, s->configs[log->at[i].payload]};
    }
    const size_t unknown = configs[0].config.incoming.count == 0; /* waits to be told */

    struct raft_options options = s->options;
    options.self = n->id;
    options.seed = prng_next(&s->prng);
    const struct raft_saved saved = {
        .hard_state = n->disk.hard,
        .configs = configs + unknown,
        .config_count = config_count - unknown,
        .trail = &trail,
        .sizes = prng_chance(&s->prng, 1, 2) ? sizes : NULL,
        .commit_index = n->disk.state.index,
        .state_lost = n->disk.state_lost,
    };
    n->core = raft_open(&options, &saved);
    n->boot++;
    n->log = *log;
    n->state = n->disk.state;
    n->durable_id = 0;
    n->role = RAFT_FOLLOWER;
    n->leader = 0;
    n->lease_end = 0;
    n->round = 0;
    raft_check(n->core);
}

void sim_lose_state(struct sim_node *n)
{
    CHECK(n->core == NULL);
    const struct sim_log *log = &n->disk.log;
    n->disk.state = (struct sim_state){log->base, log->base_term, log->base_config};
    n->disk.state_lost = true;
}

static void writes_clear(struct sim_node *n)
{
    for (size_t i = 0; i < n->write_count; i++)
        free(n->writes[i].entries);
    n->write_count = 0;
}

void sim_crash(struct sim *s, struct sim_node *n)
{
    CHECK(n->core != NULL);
    raft_close(n->core);
    n->core = NULL;
    writes_clear(n);
    for (size_t i = 0; i < n->held_count; i++)
        free(n->held[i]);
    n->held_count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < s->read_count; i++)
        if (s->reads[i].node != n->id)
            s->reads[kept++] = s->reads[i];
    s->read_count = kept;
}

struct sim *sim_new(uint64_t seed, size_t node_count, size_t voter_count,
                    const struct raft_options *options)
{
    struct sim *s = xcalloc(1, sizeof(*s));
    s->seed = seed;
    prng_seed(&s->prng, seed);
    s->options = *options;
    s->node_count = node_count;
    struct raft_config first = {0};
    for (size_t i = 0; i < voter_count; i++)
        first.incoming.node[first.incoming.count++] = i + 1;
    config_keep(s, &first);
    const struct raft_config nobody = {0};
    config_keep(s, &nobody);
    const struct sim_entry founding = {.raft = {.term = 1, .kind = RAFT_CONFIG}, .payload = 0};
    for (size_t i = 0; i < node_count; i++) {
        s->nodes[i].id = i + 1;
        s->nodes[i].disk.log.base_config = 1;
        s->nodes[i].disk.state.config = 1;
        if (i < voter_count) {
            s->nodes[i].disk.hard.current_term = 1;
            log_put(&s->nodes[i].disk.log, 1, &founding);
        }
        sim_start(s, &s->nodes[i]);
    }
    return s;
}

void sim_free(struct sim *s)
{
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].core != NULL)
            sim_crash(s, &s->nodes[i]);
    while (s->net_count > 0)
        free(s->net[--s->net_count]);
    free(s);
}

/* Checks */

static bool holds_durably(const struct sim_node *n, raft_index index, raft_term term)
{
    const struct sim_log *log = &n->disk.log;
    return index <= log->base || index <= n->disk.state.index || log_term(log, index) == term;
}

static void check_majority_holds(struct sim *s, struct sim_node *leader, raft_index index)
{
    struct raft_status status;
    raft_status(leader->core, &status);
    const struct raft_set *sides[] = {&status.config.incoming, &status.config.outgoing};
    for (size_t side = 0; side < 2; side++) {
        size_t held = 0;
        for (size_t i = 0; i < sides[side]->count; i++)
            held += holds_durably(sim_node(s, sides[side]->node[i]), index,
                                  leader->log.at[index].raft.term);
        if (sides[side]->count > 0 && held <= sides[side]->count / 2)
            sim_fail(s, "durability: %llu committed index %llu, on %zu disks of %u",
                     (unsigned long long)leader->id, (unsigned long long)index, held,
                     sides[side]->count);
    }
}

static void check_leases(struct sim *s, const struct sim_node *by)
{
    for (size_t i = 0; i < s->node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        if (n == by || n->core == NULL || n->lease_end <= s->now || n->lease_term >= by->term)
            continue;
        sim_fail(s, "lease: %llu holds one of term %llu while %llu commits in term %llu",
                 (unsigned long long)n->id, (unsigned long long)n->lease_term,
                 (unsigned long long)by->id, (unsigned long long)by->term);
    }
}

/* led: n was the leader up to this flush; one that is removed resigns in the flush of its commit */
static void commit_one(struct sim *s, struct sim_node *n, raft_index index, bool led)
{
    const struct sim_entry *mine = &n->log.at[index];
    if (index <= s->committed_last) {
        const struct sim_entry *theirs = &s->committed[index];
        if (mine->raft.term != theirs->raft.term || mine->payload != theirs->payload)
            sim_fail(s, "state machine safety: node %llu applies another entry at %llu",
                     (unsigned long long)n->id, (unsigned long long)index);
        return;
    }
    if (!led)
        sim_fail(s, "node %llu, no leader, commits %llu first", (unsigned long long)n->id,
                 (unsigned long long)index);
    check_majority_holds(s, n, index);
    check_leases(s, n);
    s->committed[index] = *mine;
    s->committed_in[index] = n->term;
    s->committed_last = index;
}

static void check_new_leader(struct sim *s, struct sim_node *n)
{
    CHECK(n->term < SIM_TERMS_MAX);
    raft_node *of = &s->leader_of[n->term];
    if (*of != 0 && *of != n->id)
        sim_fail(s, "election safety: %llu and %llu lead term %llu", (unsigned long long)*of,
                 (unsigned long long)n->id, (unsigned long long)n->term);
    if (*of == 0)
        s->elections++;
    *of = n->id;
    for (raft_index i = n->log.base + 1; i <= s->committed_last; i++)
        if (s->committed_in[i] < n->term && log_term(&n->log, i) != s->committed[i].raft.term)
            sim_fail(s, "leader completeness: %llu leads term %llu without index %llu",
                     (unsigned long long)n->id, (unsigned long long)n->term,
                     (unsigned long long)i);
}

static void check_vote(struct sim *s, const struct raft_message *m)
{
    if (m->type != RAFT_MSG_VOTE_REPLY || m->reject)
        return;
    CHECK(m->term < SIM_TERMS_MAX);
    raft_node *of = &s->vote_of[m->term][m->from - 1];
    if (*of != 0 && *of != m->to)
        sim_fail(s, "node %llu votes twice in term %llu", (unsigned long long)m->from,
                 (unsigned long long)m->term);
    *of = m->to;
}

void sim_check_logs(struct sim *s)
{
    for (size_t a = 0; a < s->node_count; a++)
        for (size_t b = 0; b < a; b++) {
            const struct sim_log *x = &s->nodes[a].log, *y = &s->nodes[b].log;
            bool same = false;
            for (raft_index i = MIN(x->last, y->last); i > MAX(x->base, y->base); i--) {
                if (log_term(x, i) == log_term(y, i))
                    same = true;
                else if (same)
                    sim_fail(s, "log matching: %zu and %zu differ at %llu, agree behind it", a + 1,
                             b + 1, (unsigned long long)i);
                if (same && x->at[i].payload != y->at[i].payload)
                    sim_fail(s, "log matching: %zu and %zu hold another entry at %llu", a + 1,
                             b + 1, (unsigned long long)i);
            }
        }
}

/* Steps */

enum status sim_step(struct sim *s, struct sim_node *n, const struct raft_input *input)
{
    (void)s;
    CHECK(n->core != NULL);
    const enum status status = raft_step(n->core, input, NULL);
    raft_check(n->core);
    return status;
}

void sim_tick(struct sim *s, struct sim_node *n)
{
    const struct raft_input input = {.type = RAFT_TICK};
    const enum status status = sim_step(s, n, &input);
    CHECK(status == STATUS_OK);
}

enum status sim_receive(struct sim *s, struct sim_node *n, const struct sim_message *message)
{
    struct raft_message m = message->m;
    struct raft_config config;
    m.entries = message->entries;
    if (m.entry_count > 0 && m.entries[m.entry_count - 1].kind == RAFT_CONFIG) {
        config = s->configs[message->payloads[m.entry_count - 1]];
        m.config = &config;
    }
    const struct raft_input input = {.type = RAFT_RECEIVE, .message = &m};
    raft_index first;
    const enum status status = raft_step(n->core, &input, &first);
    raft_check(n->core);
    if (status == STATUS_BAD_MESSAGE)
        sim_fail(s, "node %llu calls message %d of %llu bad", (unsigned long long)n->id,
                 (int)m.type, (unsigned long long)m.from);
    if (status != STATUS_OK || first == 0)
        return status;
    n->log.last = first - 1;
    for (raft_index i = first; i <= m.index + m.entry_count; i++) {
        const size_t at = (size_t)(i - m.index - 1);
        log_put(&n->log, i, &(struct sim_entry){m.entries[at], message->payloads[at]});
    }
    return status;
}

enum status sim_propose(struct sim *s, struct sim_node *n, uint32_t size)
{
    const struct raft_input input = {.type = RAFT_PROPOSE, .size = size, .kind = RAFT_DATA};
    raft_index first;
    const enum status status = raft_step(n->core, &input, &first);
    raft_check(n->core);
    if (status != STATUS_OK)
        return status;
    /* The core may have appended entries of its own before: sim_flush() fills them in. */
    CHECK(first < SIM_LOG_MAX);
    n->log.at[first].payload = ++s->next_payload;
    s->proposals++;
    return status;
}

enum status sim_read(struct sim *s, struct sim_node *n)
{
    const struct raft_input input = {.type = RAFT_READ, .read_id = ++s->next_read};
    const enum status status = sim_step(s, n, &input);
    if (status == STATUS_OK) {
        CHECK(s->read_count < SIM_READS_MAX);
        s->reads[s->read_count++] =
            (struct sim_read){s->next_read, n->id, n->boot, s->committed_last};
    }
    return status;
}

enum status sim_change(struct sim *s, struct sim_node *n, const struct raft_config *target)
{
    const struct raft_input input = {.type = RAFT_CHANGE, .config = target};
    const enum status status = sim_step(s, n, &input);
    s->changes += status == STATUS_OK;
    return status;
}

/* Flush */

/* What the core appended: descriptors of all, contents of its own. */
static void take_write(struct sim *s, struct sim_node *n, const struct raft_write *w)
{
    for (raft_index i = w->append_first; i <= w->append_last && i != 0; i++) {
        struct raft_entry entry;
        const bool known = raft_entry_at(n->core, i, &entry);
        CHECK(known);
        if (i <= n->log.last && n->log.at[i].raft.term == entry.term)
            continue; /* received: already there */
        n->log.at[i].raft = entry;
        if (entry.kind == RAFT_NOOP)
            n->log.at[i].payload = 0;
        if (entry.kind == RAFT_CONFIG) {
            CHECK(i == w->config_index);
            n->log.at[i].payload = config_keep(s, w->config);
        }
        n->log.last = i;
    }
    if (w->append_last == 0 && w->truncate_from != 0)
        n->log.last = w->truncate_from - 1;
}

static void queue_write(struct sim *s, struct sim_node *n, const struct raft_write *w)
{
    if (w->id == 0)
        return;
    if (n->write_count >= RAFT_WRITES_MAX)
        sim_fail(s, "more than RAFT_WRITES_MAX writes are outstanding");
    struct sim_write *to = &n->writes[n->write_count++];
    *to = (struct sim_write){.id = w->id, .hard = w->hard_state, .truncate_from = w->truncate_from,
                             .first = w->append_first, .last = w->append_last};
    if (w->append_first == 0)
        return;
    const size_t count = (size_t)(w->append_last - w->append_first + 1);
    to->entries = xmalloc(count * sizeof(*to->entries));
    memcpy(to->entries, n->log.at + w->append_first, count * sizeof(*to->entries));
}

static void net_add(struct sim *s, struct sim_message *message)
{
    check_vote(s, &message->m);
    if (s->net_count == SIM_NET_MAX) {
        const size_t victim = (size_t)prng_below(&s->prng, SIM_NET_MAX);
        free(s->net[victim]);
        s->net[victim] = s->net[--s->net_count];
    }
    s->net[s->net_count++] = message;
}

static void queue_message(struct sim *s, struct sim_node *n, const struct raft_message *m)
{
    struct sim_message *copy = xcalloc(1, sizeof(*copy));
    copy->m = *m;
    CHECK(m->entry_count <= SIM_ENTRIES_MAX);
    for (uint32_t i = 0; i < m->entry_count; i++) {
        const raft_index index = m->index + 1 + i;
        CHECK(index <= n->log.last);
        copy->entries[i] = n->log.at[index].raft;
        copy->payloads[i] = n->log.at[index].payload;
    }
    if (m->type == RAFT_MSG_HEARTBEAT && m->round < SIM_ROUNDS_MAX && n->round < m->round) {
        n->round = m->round;
        n->round_sent_at[m->round] = s->now;
    }
    if (m->type == RAFT_MSG_TIMEOUT_NOW)
        n->lease_end = 0;
    if (m->after_write <= n->durable_id) {
        net_add(s, copy);
        return;
    }
    CHECK(n->held_count < SIM_HELD_MAX);
    n->held[n->held_count++] = copy;
}

static void take_reads(struct sim *s, struct sim_node *n, const struct raft_output *out)
{
    for (size_t i = 0; i < out->read_count; i++) {
        size_t at = 0;
        while (at < s->read_count && s->reads[at].id != out->reads[i].id)
            at++;
        if (at == s->read_count)
            sim_fail(s, "a read is answered that nobody asked");
        if (out->reads[i].ok && out->reads[i].index < s->reads[at].floor)
            sim_fail(s, "read of node %llu at %llu, below %llu", (unsigned long long)n->id,
                     (unsigned long long)out->reads[i].index,
                     (unsigned long long)s->reads[at].floor);
        s->reads_answered += out->reads[i].ok;
        s->reads[at] = s->reads[--s->read_count];
    }
}

static void take_lease(struct sim *s, struct sim_node *n, const struct raft_output *out)
{
    if (out->role_changed || out->lease_round == 0)
        n->lease_end = 0;
    if (out->lease_round == 0 || out->lease_round >= SIM_ROUNDS_MAX)
        return;
    n->lease_term = out->term;
    n->lease_end = n->round_sent_at[out->lease_round] + s->options.lease_ms / s->options.tick_ms;
}

static void take_transfers(struct sim *s, struct sim_node *n, const struct raft_output *out)
{
    for (size_t i = 0; i < out->snapshot_to.count; i++) {
        CHECK(s->transfer_count < SIM_TRANSFERS_MAX);
        s->transfers[s->transfer_count++] = (struct sim_transfer){
            n->id, out->snapshot_to.node[i], n->boot, n->term, n->state};
    }
}

void sim_flush(struct sim *s, struct sim_node *n)
{
    const struct raft_output *out = raft_flush(n->core);
    raft_check(n->core);
    const bool led = n->role == RAFT_LEADER || out->role == RAFT_LEADER;
    n->role = out->role;
    n->term = out->term;
    n->leader = out->leader;
    take_write(s, n, &out->write);
    queue_write(s, n, &out->write);
    for (raft_index i = out->apply_first; i <= out->apply_last && i != 0; i++) {
        if (i != n->state.index + 1)
            sim_fail(s, "commits of %llu are not in order", (unsigned long long)n->id);
        commit_one(s, n, i, led);
        n->state.index = i;
        n->state.term = n->log.at[i].raft.term;
        if (n->log.at[i].raft.kind == RAFT_CONFIG)
            n->state.config = n->log.at[i].payload;
    }
    if (out->role_changed && out->role == RAFT_LEADER)
        check_new_leader(s, n);
    take_lease(s, n, out);
    for (size_t i = 0; i < out->message_count; i++)
        queue_message(s, n, &out->messages[i]);
    take_reads(s, n, out);
    take_transfers(s, n, out);
}

/* Disk */

static void write_to_disk(struct sim_node *n, struct sim_write *w)
{
    struct sim_log *log = &n->disk.log;
    n->disk.hard = w->hard;
    if (w->truncate_from != 0 && w->truncate_from <= log->last)
        log->last = w->truncate_from - 1;
    CHECK(log->last >= log->base);
    for (raft_index i = w->first; i <= w->last && i != 0; i++)
        log_put(log, i, &w->entries[i - w->first]);
    free(w->entries);
}

void sim_sync(struct sim *s, struct sim_node *n, size_t count)
{
    count = MIN(count, n->write_count);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        write_to_disk(n, &n->writes[i]);
    n->durable_id = n->writes[count - 1].id;
    n->write_count -= count;
    memmove(n->writes, n->writes + count, n->write_count * sizeof(*n->writes));

    size_t kept = 0;
    for (size_t i = 0; i < n->held_count; i++) {
        if (n->held[i]->m.after_write <= n->durable_id)
            net_add(s, n->held[i]);
        else
            n->held[kept++] = n->held[i];
    }
    n->held_count = kept;
    const struct raft_input input = {.type = RAFT_PERSISTED, .write_id = n->durable_id};
    const enum status status = sim_step(s, n, &input);
    CHECK(status == STATUS_OK);
}

void sim_save_state(struct sim_node *n)
{
    n->disk.state = n->state;
}

void sim_compact(struct sim *s, struct sim_node *n, raft_index index)
{
    sim_flush(s, n);
    sim_sync(s, n, n->write_count); /* the log store does things in order */
    struct raft_status status;
    raft_status(n->core, &status);
    index = MIN(index, MIN(n->disk.state.index, status.persisted_index));
    log_compact(&n->log, index);
    log_compact(&n->disk.log, index);
    const struct raft_input applied = {.type = RAFT_APPLIED, .index = n->state.index};
    const struct raft_input input = {.type = RAFT_COMPACTED, .index = index};
    const enum status told = sim_step(s, n, &applied);
    CHECK(told == STATUS_OK);
    const enum status done = sim_step(s, n, &input);
    CHECK(done == STATUS_OK);
}

/* Network */

void sim_drop(struct sim *s, size_t position)
{
    free(s->net[position]);
    s->net[position] = s->net[--s->net_count];
}

void sim_deliver(struct sim *s, size_t position, bool keep)
{
    struct sim_message *message = s->net[position];
    if (!keep)
        s->net[position] = s->net[--s->net_count];
    struct sim_node *to = sim_node(s, message->m.to);
    if (to->core != NULL && !s->cut[message->m.from - 1][message->m.to - 1]) {
        const enum status status = sim_receive(s, to, message);
        (void)status; /* stale and busy ones are part of the game */
    }
    if (!keep)
        free(message);
}

static enum status snapshot_install(struct sim *s, struct sim_node *to,
                                    const struct sim_transfer *t)
{
    const struct raft_message header = {.type = RAFT_MSG_SNAPSHOT, .from = t->from, .to = t->to,
                                        .term = t->leader_term, .index = t->state.index,
                                        .log_term = t->state.term,
                                        .config = &s->configs[t->state.config]};
    const struct raft_input hello = {.type = RAFT_RECEIVE, .message = &header};
    const enum status status = sim_step(s, to, &hello);
    sim_flush(s, to);
    if (status != STATUS_OK)
        return status;
    sim_sync(s, to, to->write_count);
    sim_flush(s, to);
    sim_sync(s, to, to->write_count);
    if (t->state.index > to->state.index)
        to->state = t->state;
    to->disk.state = to->state;
    to->disk.state_lost = false;
    log_install(&to->log, &t->state);
    log_install(&to->disk.log, &t->state);
    s->snapshots++;
    const struct raft_input input = {.type = RAFT_SNAPSHOT_INSTALLED, .index = t->state.index,
                                     .term = t->state.term,
                                     .config = &s->configs[t->state.config]};
    return sim_step(s, to, &input);
}

void sim_transfer_end(struct sim *s, size_t position, bool ok)
{
    const struct sim_transfer t = s->transfers[position];
    s->transfers[position] = s->transfers[--s->transfer_count];
    struct sim_node *from = sim_node(s, t.from), *to = sim_node(s, t.to);
    if (from->core == NULL || from->boot != t.boot)
        return;
    ok = ok && to->core != NULL && !s->cut[t.from - 1][t.to - 1] &&
         snapshot_install(s, to, &t) == STATUS_OK;
    const struct raft_input input = {.type = RAFT_SNAPSHOT_ENDED, .node = t.to, .ok = ok};
    const enum status status = sim_step(s, from, &input);
    (void)status; /* the peer may have been removed meanwhile */
}

void sim_run(struct sim *s, uint32_t ticks)
{
    for (uint32_t tick = 0; tick < ticks; tick++) {
        s->now++;
        for (size_t i = 0; i < s->node_count; i++)
            if (s->nodes[i].core != NULL)
                sim_tick(s, &s->nodes[i]);
        for (uint32_t round = 0; round < 4; round++) {
            while (s->transfer_count > 0)
                sim_transfer_end(s, 0, true);
            for (size_t i = 0; i < s->node_count; i++)
                if (s->nodes[i].core != NULL) {
                    sim_flush(s, &s->nodes[i]);
                    sim_sync(s, &s->nodes[i], SIM_WRITES_MAX);
                }
            for (size_t left = s->net_count; left > 0; left--)
                sim_deliver(s, (size_t)prng_below(&s->prng, s->net_count), false);
        }
    }
}
