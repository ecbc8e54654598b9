/* raft.c -- the door: open, step, flush, status; and the log as the other files see it.
 *
 * A step checks what came from outside, settles the question of terms, and hands over to the file
 * of the topic. A flush gives out one write and all messages. Only log_append, log_truncate,
 * commit_up_to and install change the log's fields. */

#include "raft/raft.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"
#include "raft/core.h"

#define MARK_KIND_SHIFT 30
#define MARK_SIZE_MASK ((1u << MARK_KIND_SHIFT) - 1)

const struct raft_config *raft_config(const struct raft *r)
{
    return &config_log_newest(&r->configs)->config;
}

bool raft_self_is_voter(const struct raft *r)
{
    return config_is_voter(raft_config(r), r->options.self);
}

struct progress *raft_peer(struct raft *r, raft_node node)
{
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        if (r->peers[i].node == node)
            return &r->peers[i];
    return NULL;
}

/* The log */

static void mark_set(struct raft *r, raft_index index, uint32_t size, uint8_t kind)
{
    CHECK(size <= RAFT_ENTRY_SIZE_MAX);
    CHECK(kind <= RAFT_CONFIG);
    r->marks[index % r->log_capacity] = size | (uint32_t)kind << MARK_KIND_SHIFT;
}

bool raft_entry_at(const struct raft *r, raft_index index, struct raft_entry *entry)
{
    if (index <= r->trail.base_index || index > r->trail.last_index)
        return false;
    const uint32_t mark = r->marks[index % r->log_capacity];
    *entry = (struct raft_entry){
        .term = trail_term(&r->trail, index),
        .size = mark & MARK_SIZE_MASK,
        .kind = (uint8_t)(mark >> MARK_KIND_SHIFT),
    };
    return true;
}

bool log_has_room(const struct raft *r, raft_index last)
{
    return last - r->trail.base_index <= r->log_capacity;
}

/* By the option, not by the capacity: what a leader appends must fit into the followers' logs. */
bool log_is_full(const struct raft *r, raft_index spare)
{
    return r->trail.last_index - r->trail.base_index >= r->options.log_entries_max + spare;
}

/* The caller has seen to it that there is room in the log and in the trail. */
void log_append(struct raft *r, const struct raft_entry *entries, uint32_t count)
{
    CHECK(log_has_room(r, r->trail.last_index + count));
    for (uint32_t i = 0; i < count; i++) {
        CHECK(entries[i].term <= r->hard.current_term);
        const bool appended = trail_append(&r->trail, entries[i].term, 1);
        CHECK(appended);
        mark_set(r, r->trail.last_index, entries[i].size, entries[i].kind);
    }
}

void log_truncate(struct raft *r, raft_index from)
{
    CHECK(from > r->commit_index); /* What is committed is never rewritten. */
    CHECK(r->role != RAFT_LEADER); /* A leader never takes back an entry of its own log. */
    trail_truncate(&r->trail, from);
    durable_truncate(&r->durable, from);
    if (from < r->unwritten_from) {
        r->truncate_from = r->truncate_from == 0 ? from : MIN(r->truncate_from, from);
        r->unwritten_from = from;
    }
    if (r->own_config_index >= from)
        r->own_config_index = 0;
    if (config_log_truncate(&r->configs, from))
        config_changed(r);
}

void commit_up_to(struct raft *r, raft_index index)
{
    CHECK(!r->state_lost);
    CHECK(index >= r->commit_index);
    CHECK(index <= r->trail.last_index);
    r->commit_index = index;
    config_log_commit(&r->configs, index);
}

/* Keeps what is known of members that stay, forgets the others, greets the new ones. */
void config_changed(struct raft *r)
{
    struct raft_set members;
    const bool fit = config_members(raft_config(r), &members);
    CHECK(fit);

    size_t kept = RAFT_OTHERS;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        if (!set_contains(&members, r->peers[i].node))
            continue;
        if (kept < i)
            r->peers[kept] = r->peers[i];
        kept++;
    }
    r->peer_count = kept;
    for (size_t m = 0; m < members.count; m++) {
        const raft_node node = members.node[m];
        if (node == r->options.self || raft_peer(r, node) != NULL)
            continue;
        CHECK(r->peer_count < RAFT_PEERS_MAX);
        progress_init(&r->peers[r->peer_count++], node, r->trail.last_index + 1);
    }
    if (r->transfer_to != 0 && !set_contains(&raft_config(r)->incoming, r->transfer_to))
        r->transfer_to = 0;
}

/* Open */

static void check_options(const struct raft_options *o)
{
    CHECK(o->self != 0);
    CHECK(o->election_ticks >= 5);
    CHECK(o->heartbeat_ticks >= 1);
    CHECK(o->heartbeat_ticks < o->election_ticks);
    CHECK(o->append_bytes_max > 0);
    CHECK(o->inflight_bytes_max > 0);
    CHECK(o->log_entries_max > 0);
    CHECK(o->tick_ms > 0);
    CHECK(o->lease_ms <= RAFT_LEASE_MS_MAX);
}

static void load_log(struct raft *r, const struct raft_saved *saved)
{
    trail_check(saved->trail);
    r->trail = *saved->trail;
    const raft_index base = r->trail.base_index, last = r->trail.last_index;
    CHECK(saved->commit_index >= base);
    CHECK(saved->commit_index <= last);
    CHECK(!saved->state_lost || saved->commit_index == base);
    CHECK(saved->hard_state.current_term >= trail_last_term(&r->trail));

    /* A log may have grown beyond log_entries_max while that was set higher. */
    r->log_capacity = MAX((raft_index)r->options.log_entries_max, last - base) + RAFT_LOG_SPARE;
    r->marks = xcalloc(r->log_capacity, sizeof(*r->marks));
    for (raft_index index = base + 1; index <= last; index++) {
        const uint32_t size =
            saved->sizes == NULL ? RAFT_SIZE_UNKNOWN : saved->sizes[index - base - 1];
        mark_set(r, index, size, RAFT_DATA);
    }

    r->commit_index = r->applied_index = r->told_index = saved->commit_index;
    durable_init(&r->durable, last);
    r->unwritten_from = last + 1;

    config_log_init(&r->configs);
    for (size_t i = 0; i < saved->config_count; i++) {
        const struct raft_config_at *at = &saved->configs[i];
        CHECK(at->index <= last);
        config_log_append(&r->configs, at->index, &at->config);
        config_log_commit(&r->configs, r->commit_index);
        if (at->index > base)
            mark_set(r, at->index, RAFT_CONFIG_SIZE, RAFT_CONFIG);
    }
}

struct raft *raft_open(const struct raft_options *options, const struct raft_saved *saved)
{
    check_options(options);
    struct raft *r = xcalloc(1, sizeof(*r));
    r->options = *options;
    prng_seed(&r->prng, options->seed);
    r->hard = saved->hard_state;
    r->state_lost = saved->state_lost;
    r->eligible = true;
    load_log(r, saved);
    progress_init(&r->peers[RAFT_SELF], options->self, r->trail.last_index + 1);
    r->peer_count = RAFT_OTHERS;
    config_changed(r);
    election_open(r);
    r->told_term = r->hard.current_term;
    r->told_role = r->role;
    return r;
}

void raft_close(struct raft *r)
{
    free(r->marks);
    free(r);
}

/* Messages */

static struct raft_message *message_add(struct raft *r)
{
    CHECK(r->message_count < RAFT_MESSAGES_MAX);
    struct raft_message *m = &r->messages[r->message_count++];
    memset(m, 0, sizeof(*m));
    return m;
}

struct raft_message *message_new(struct raft *r, enum raft_message_type type, raft_node to)
{
    CHECK(to != r->options.self);
    struct raft_message *m = message_add(r);
    m->type = type;
    m->from = r->options.self;
    m->to = to;
    m->term = r->hard.current_term;
    return m;
}

/* A reply to a message; or, when its like to that node is staged already and what it says only ever
 * grows, that one to be raised. Receiving a message with a full outbox has been refused before. */
struct raft_message *reply_new(struct raft *r, const struct raft_message *to,
                               enum raft_message_type type)
{
    const bool grows = type == RAFT_MSG_APPEND_REPLY || type == RAFT_MSG_HEARTBEAT_REPLY;
    for (size_t i = 0; grows && i < r->message_count; i++) {
        struct raft_message *m = &r->messages[i];
        if (m->type == type && m->to == to->from && !m->reject && m->term == r->hard.current_term)
            return m;
    }
    struct raft_message *m = message_new(r, type, to->from);
    m->want_snapshot = grows && r->state_lost;
    return m;
}

/* What of a message can be judged without knowing our state. */
static bool message_is_sound(const struct raft *r, const struct raft_message *m)
{
    if (m->from == 0 || m->from == r->options.self || m->to != r->options.self)
        return false;
    if (m->term > RAFT_INDEX_MAX || m->log_term > RAFT_INDEX_MAX)
        return false;
    const bool is_vote_reply =
        m->type == RAFT_MSG_PRE_VOTE_REPLY || m->type == RAFT_MSG_VOTE_REPLY;
    if (m->term == 0 && !is_vote_reply) /* a node without a past may refuse */
        return false;
    if (m->index > RAFT_INDEX_MAX || m->commit_index > RAFT_INDEX_MAX)
        return false;
    switch (m->type) {
    case RAFT_MSG_PRE_VOTE:
    case RAFT_MSG_VOTE:
    case RAFT_MSG_APPEND:
        return m->log_term <= m->term && (m->index == 0) == (m->log_term == 0);
    case RAFT_MSG_SNAPSHOT:
        return m->log_term <= m->term && m->index > 0 && m->log_term > 0 && m->config != NULL &&
               config_is_valid(m->config);
    case RAFT_MSG_PRE_VOTE_REPLY:
    case RAFT_MSG_VOTE_REPLY:
    case RAFT_MSG_APPEND_REPLY:
    case RAFT_MSG_HEARTBEAT:
    case RAFT_MSG_HEARTBEAT_REPLY:
    case RAFT_MSG_SNAPSHOT_REPLY:
    case RAFT_MSG_TIMEOUT_NOW:
        return true;
    }
    return false;
}

static bool is_from_leader(enum raft_message_type type)
{
    return type == RAFT_MSG_APPEND || type == RAFT_MSG_HEARTBEAT || type == RAFT_MSG_SNAPSHOT ||
           type == RAFT_MSG_TIMEOUT_NOW;
}

/* An older term: the sender learns ours, so that it steps down or catches up (never just dropped: a
 * node stuck with a higher term is freed by this). */
static enum status receive_older(struct raft *r, const struct raft_message *m)
{
    enum raft_message_type type;
    switch (m->type) {
    case RAFT_MSG_PRE_VOTE: type = RAFT_MSG_PRE_VOTE_REPLY; break;
    case RAFT_MSG_VOTE: type = RAFT_MSG_VOTE_REPLY; break;
    case RAFT_MSG_APPEND: type = RAFT_MSG_APPEND_REPLY; break;
    case RAFT_MSG_HEARTBEAT: type = RAFT_MSG_HEARTBEAT_REPLY; break;
    case RAFT_MSG_SNAPSHOT: type = RAFT_MSG_SNAPSHOT_REPLY; break;
    default: return STATUS_STALE;
    }
    struct raft_message *reply = message_new(r, type, m->from);
    reply->reject = true;
    return STATUS_STALE;
}

/* Whether the term of a message, higher than ours, is to become ours. */
static bool adopts_term(const struct raft *r, const struct raft_message *m)
{
    if (m->type == RAFT_MSG_PRE_VOTE)
        return false;
    if (m->type == RAFT_MSG_PRE_VOTE_REPLY)
        return m->reject; /* a granted one carries the term that we asked for */
    if (m->type == RAFT_MSG_VOTE)
        return m->transfer || !refuses_votes(r);
    return true;
}

static enum status receive_current(struct raft *r, const struct raft_message *m, raft_index *first)
{
    switch (m->type) {
    case RAFT_MSG_PRE_VOTE: return receive_pre_vote(r, m);
    case RAFT_MSG_PRE_VOTE_REPLY: return receive_pre_vote_reply(r, m);
    case RAFT_MSG_VOTE: return receive_vote(r, m);
    case RAFT_MSG_VOTE_REPLY: return receive_vote_reply(r, m);
    case RAFT_MSG_APPEND: return receive_append(r, m, first);
    case RAFT_MSG_APPEND_REPLY: return receive_append_reply(r, m);
    case RAFT_MSG_HEARTBEAT: return receive_heartbeat(r, m);
    case RAFT_MSG_HEARTBEAT_REPLY: return receive_heartbeat_reply(r, m);
    case RAFT_MSG_SNAPSHOT: return receive_snapshot(r, m);
    case RAFT_MSG_SNAPSHOT_REPLY: return receive_snapshot_reply(r, m);
    case RAFT_MSG_TIMEOUT_NOW: return receive_timeout_now(r, m);
    }
    return STATUS_BAD_MESSAGE;
}

static enum status receive(struct raft *r, const struct raft_message *m, raft_index *first)
{
    CHECK(m != NULL);
    if (!message_is_sound(r, m))
        return STATUS_BAD_MESSAGE;
    if (r->message_count >= RAFT_OUTBOX_MAX)
        return STATUS_BUSY;
    if (m->term < r->hard.current_term)
        return receive_older(r, m);

    if (m->term > r->hard.current_term && adopts_term(r, m))
        become_follower(r, m->term, is_from_leader(m->type) ? m->from : 0);
    if (is_from_leader(m->type)) { /* a term has one leader */
        if (r->role == RAFT_LEADER || (r->leader != 0 && r->leader != m->from))
            return STATUS_BAD_MESSAGE;
    }
    struct progress *p = raft_peer(r, m->from);
    if (p != NULL && m->term == r->hard.current_term)
        progress_heard(p);
    return receive_current(r, m, first);
}

/* Inputs */

static void tick(struct raft *r)
{
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        if (r->peers[i].silent_ticks < PROGRESS_SILENT_MAX)
            r->peers[i].silent_ticks++;
    election_tick(r);
    if (r->role == RAFT_LEADER) {
        replication_tick(r);
        transfer_tick(r);
    }
}

static void compacted(struct raft *r, raft_index index)
{
    if (index <= r->trail.base_index)
        return;
    CHECK(index <= r->told_index);
    trail_compact(&r->trail, index);
    durable_install(&r->durable, index); /* The state holds it, durably. */
    r->unwritten_from = MAX(r->unwritten_from, index + 1);
}

/* The log beside a snapshot that has just been installed (§3.7 step 6): entries behind it stay if
 * the log holds its last entry, else none does. The log store has done the same already. */
static void install_log(struct raft *r, raft_index index, raft_term term)
{
    if (trail_term(&r->trail, index) == term) {
        trail_compact(&r->trail, index);
        if (r->truncate_from != 0)
            r->truncate_from = MAX(r->truncate_from, index + 1);
        if (r->own_config_index <= index)
            r->own_config_index = 0;
    } else {
        CHECK(r->role != RAFT_LEADER); /* A leader's log holds all that is committed. */
        trail_init(&r->trail, index, term);
        durable_truncate(&r->durable, index + 1);
        config_log_init(&r->configs);
        r->truncate_from = 0;
        r->unwritten_from = index + 1;
        r->own_config_index = 0;
    }
    durable_install(&r->durable, index);
    r->unwritten_from = MAX(r->unwritten_from, index + 1);
}

static void install(struct raft *r, const struct raft_input *input)
{
    const raft_index index = input->index;
    CHECK(index > 0);
    CHECK(index <= RAFT_INDEX_MAX);
    CHECK(input->term <= r->hard.current_term);

    r->applied_index = MAX(r->applied_index, index);
    r->told_index = MAX(r->told_index, index);
    if (index <= r->commit_index && !r->state_lost) { /* Commits overtook it: the log holds all. */
        CHECK(index < r->trail.base_index || trail_term(&r->trail, index) == input->term);
        compacted(r, index);
    } else {
        CHECK(input->config != NULL);
        install_log(r, index, input->term);
        config_log_install(&r->configs, index, input->config);
        config_changed(r);
        r->state_lost = false;
        commit_up_to(r, index);
    }
    if (r->role == RAFT_FOLLOWER && r->leader != 0 && r->message_count < RAFT_OUTBOX_MAX)
        message_new(r, RAFT_MSG_SNAPSHOT_REPLY, r->leader)->index = r->commit_index;
}

static void applied(struct raft *r, raft_index index)
{
    CHECK(index <= r->told_index);
    r->applied_index = MAX(r->applied_index, index);
}

static void unreachable(struct raft *r, raft_node node)
{
    struct progress *p = raft_peer(r, node);
    if (r->role == RAFT_LEADER && p != NULL)
        progress_broken(p);
    if (r->role == RAFT_FOLLOWER && node == r->leader)
        leader_lost(r);
}

static enum status commit_wanted(struct raft *r, raft_node node)
{
    if (r->role != RAFT_LEADER)
        return STATUS_NOT_LEADER;
    if (node == r->options.self) /* it knows */
        return STATUS_OK;
    struct progress *p = raft_peer(r, node);
    if (p == NULL)
        return STATUS_NOT_FOUND;
    p->wanted_commit = r->trail.last_index;
    return STATUS_OK;
}

/* A node that may not campaign may not rule either. */
static void set_eligible(struct raft *r, bool eligible)
{
    r->eligible = eligible;
    if (!eligible && r->role != RAFT_FOLLOWER)
        become_follower(r, r->hard.current_term, 0);
}

static enum status ended(struct raft *r, raft_node node, bool ok)
{
    struct progress *p = raft_peer(r, node);
    if (p == NULL)
        return STATUS_NOT_FOUND;
    snapshot_ended(r, p, ok);
    return STATUS_OK;
}

static void output_begin(struct raft *r)
{
    if (!r->flushed)
        return;
    r->flushed = false;
    r->message_count = 0;
    r->reads.done_count = 0;
    memset(&r->output, 0, sizeof(r->output));
}

enum status raft_step(struct raft *r, const struct raft_input *input, raft_index *first)
{
    raft_index ignored;
    if (first == NULL)
        first = &ignored;
    *first = 0;
    output_begin(r);

    switch (input->type) {
    case RAFT_TICK: tick(r); return STATUS_OK;
    case RAFT_RECEIVE: return receive(r, input->message, first);
    case RAFT_PROPOSE: return propose(r, input->size, input->kind, first);
    case RAFT_PERSISTED: durable_persisted(&r->durable, input->write_id); return STATUS_OK;
    case RAFT_APPLIED: applied(r, input->index); return STATUS_OK;
    case RAFT_COMPACTED:
        CHECK(input->index <= r->durable.persisted_index); /* The log store drops what it has. */
        compacted(r, input->index);
        return STATUS_OK;
    case RAFT_SNAPSHOT_INSTALLED: install(r, input); return STATUS_OK;
    case RAFT_SNAPSHOT_ENDED: return ended(r, input->node, input->ok);
    case RAFT_READ: return read_begin(r, input->read_id);
    case RAFT_CHANGE: return change_begin(r, input, first);
    case RAFT_TRANSFER: return transfer_begin(r, input->node);
    case RAFT_UNREACHABLE: unreachable(r, input->node); return STATUS_OK;
    case RAFT_COMMIT_WANTED: return commit_wanted(r, input->node);
    case RAFT_ELIGIBLE: set_eligible(r, input->ok); return STATUS_OK;
    }
    panic("raft: unknown input %d", (int)input->type);
}

/* Flush */

static void write_flush(struct raft *r)
{
    const bool has_entries = r->unwritten_from <= r->trail.last_index;
    if (!has_entries && r->truncate_from == 0 && !r->hard_changed)
        return;
    if (durable_is_full(&r->durable)) /* too many are on their way: it waits for a later flush */
        return;

    struct raft_write *w = &r->output.write;
    w->id = durable_write(&r->durable, r->trail.last_index, r->hard_changed);
    w->hard_state_changed = r->hard_changed;
    w->hard_state = r->hard;
    w->truncate_from = r->truncate_from;
    if (has_entries) {
        w->append_first = r->unwritten_from;
        w->append_last = r->trail.last_index;
    }
    if (r->own_config_index != 0) {
        w->config_index = r->own_config_index;
        w->config = &r->own_config;
    }
    r->hard_changed = false;
    r->truncate_from = 0;
    r->unwritten_from = r->trail.last_index + 1;
    r->own_config_index = 0;
}

/* The newest write that a claim of m rests on. Called after write_flush(): what is still unwritten
 * then, waits for the write that comes next. */
static uint64_t rests_on(const struct raft *r, const struct raft_message *m)
{
    if (r->hard_changed)
        return r->durable.next_id;
    const uint64_t hard = durable_hard_after(&r->durable);
    if (m->reject || (m->type != RAFT_MSG_APPEND_REPLY && m->type != RAFT_MSG_SNAPSHOT_REPLY))
        return hard;
    if (m->index >= r->unwritten_from)
        return r->durable.next_id;
    return MAX(hard, durable_after(&r->durable, m->index));
}

static void role_flush(struct raft *r)
{
    struct raft_output *o = &r->output;
    o->role = r->role;
    o->term = r->hard.current_term;
    o->leader = r->leader;
    o->role_changed =
        o->role != r->told_role || o->term != r->told_term || o->leader != r->told_leader;
    r->told_role = o->role;
    r->told_term = o->term;
    r->told_leader = o->leader;
}

static void commits_flush(struct raft *r)
{
    if (r->told_index >= r->commit_index)
        return;
    r->output.apply_first = r->told_index + 1;
    r->output.apply_last = r->commit_index;
    r->told_index = r->commit_index;
}

const struct raft_output *raft_flush(struct raft *r)
{
    output_begin(r);
    if (r->role == RAFT_LEADER) {
        leader_advance_commit(r);
        change_flush(r);
    }
    write_flush(r);
    if (r->role == RAFT_LEADER) { /* still: it may have been removed */
        reads_begin(r);
        heartbeats_flush(r);
        replication_flush(r);
        transfer_flush(r);
        reads_release(r);
        if (r->options.lease_ms > 0 && !r->timeout_now_sent && leader_has_committed(r))
            r->output.lease_round = round_confirmed(r);
    }
    votes_flush(r);
    for (size_t i = 0; i < r->message_count; i++)
        r->messages[i].after_write = rests_on(r, &r->messages[i]);
    commits_flush(r);
    role_flush(r);

    r->output.round = r->round;
    r->output.messages = r->messages;
    r->output.message_count = r->message_count;
    r->output.reads = r->reads.done;
    r->output.read_count = r->reads.done_count;
    r->flushed = true;
    return &r->output;
}

/* Status */

static void peer_status(const struct raft *r, const struct progress *p, struct raft_peer_status *to)
{
    *to = (struct raft_peer_status){
        .node = p->node,
        .is_voter = config_is_voter(raft_config(r), p->node),
        .state = p->state,
        .next_index = p->next_index,
        .match_index = p->match_index,
        .inflight_count = p->inflight_count,
        .inflight_bytes = p->inflight_bytes,
        .silent_ticks = p->silent_ticks,
    };
}

void raft_status(const struct raft *r, struct raft_status *status)
{
    *status = (struct raft_status){
        .role = r->role,
        .term = r->hard.current_term,
        .leader = r->leader,
        .voted_for = r->hard.voted_for,
        .commit_index = r->commit_index,
        .applied_index = r->applied_index,
        .first_index = r->trail.base_index + 1,
        .last_index = r->trail.last_index,
        .persisted_index = r->durable.persisted_index,
        .last_term = trail_last_term(&r->trail),
        .is_voter = raft_self_is_voter(r),
        .state_lost = r->state_lost,
        .transfer_to = r->transfer_to,
        .config_index = config_log_newest(&r->configs)->index,
        .config = *raft_config(r),
        .read_count = r->reads.count,
    };
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        peer_status(r, &r->peers[i], &status->peers[status->peer_count++]);
}
