/* replication.c -- how the leader's log becomes everybody's (dissertation §3.5, §3.6, §10.2).
 *
 * Leader: each flush sends every peer what its window admits, from next_index on; replies move
 * match_index; the largest index of the own term that a quorum holds durably is committed.
 * Follower: an APPEND continues our log at (index, log_term), or is refused with a hint.
 *
 * A lost APPEND shows as a refusal of the next one, or, if it was the last, as silence: after
 * PROBE_RETRY heartbeats or RESEND election times the leader goes back to match_index + 1. */

#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"
#include "raft/core.h"

#define PROBE_RETRY_HEARTBEATS 2
#define RESEND_ELECTIONS 2 /* longer than a slow disk needs: what is on its way need not go twice */

/* Follower */

static void reply_accept(struct raft *r, const struct raft_message *to, raft_index matched)
{
    struct raft_message *reply = reply_new(r, to, RAFT_MSG_APPEND_REPLY);
    reply->index = MAX(reply->index, matched);
}

static void reply_reject(struct raft *r, const struct raft_message *to, raft_index hint)
{
    struct raft_message *reply = message_new(r, RAFT_MSG_APPEND_REPLY, to->from);
    reply->reject = true;
    reply->index = hint;
    reply->log_term = trail_term(&r->trail, hint);
    reply->round = to->index;
    reply->want_snapshot = r->state_lost;
}

/* Whether the entries of an APPEND could be a leader's: terms rise from that of the one before to
 * at most the leader's, a CONFIG entry comes last and has its content. */
static bool entries_are_sound(const struct raft_message *m)
{
    if (m->entry_count > RAFT_APPEND_ENTRIES_MAX || (m->entry_count > 0 && m->entries == NULL))
        return false;
    raft_term term = m->log_term;
    for (uint32_t i = 0; i < m->entry_count; i++) {
        const struct raft_entry *e = &m->entries[i];
        if (e->term < term || e->term == 0 || e->term > m->term)
            return false;
        if (e->size > RAFT_ENTRY_SIZE_MAX || e->kind > RAFT_CONFIG)
            return false;
        if (e->kind == RAFT_CONFIG &&
            (i + 1 < m->entry_count || m->config == NULL || !config_is_valid(m->config)))
            return false;
        term = e->term;
    }
    return true;
}

/* How many of the message's entries, from the first on, our log already has. */
static uint32_t entries_held(const struct raft *r, const struct raft_message *m)
{
    uint32_t held = 0;
    while (held < m->entry_count &&
           trail_term(&r->trail, m->index + 1 + held) == m->entries[held].term)
        held++;
    return held;
}

/* Whether all our tables can take the entries from held on. */
static bool entries_fit(const struct raft *r, const struct raft_message *m, uint32_t held)
{
    uint32_t terms = 0;
    for (uint32_t i = held; i < m->entry_count; i++)
        terms += i == held || m->entries[i].term != m->entries[i - 1].term;
    return log_has_room(r, m->index + m->entry_count) && trail_has_room(&r->trail, terms);
}

static void entries_take(struct raft *r, const struct raft_message *m, uint32_t held)
{
    const raft_index first_new = m->index + 1 + held;
    CHECK(first_new > r->commit_index);
    if (first_new <= r->trail.last_index)
        log_truncate(r, first_new);
    log_append(r, m->entries + held, m->entry_count - held);
    if (m->entries[m->entry_count - 1].kind == RAFT_CONFIG) {
        config_log_append(&r->configs, r->trail.last_index, m->config);
        config_changed(r);
    }
}

/* AppendEntries at the receiver (dissertation §3.5). raft_step() has dealt with other terms; so the
 * sender is the one leader of our term. */
enum status receive_append(struct raft *r, const struct raft_message *m, raft_index *first)
{
    CHECK(m->term == r->hard.current_term);
    if (!entries_are_sound(m))
        return STATUS_BAD_MESSAGE;
    leader_heard(r, m->from);

    if (m->index < r->commit_index) { /* a late copy: up to commit_index we agree by definition */
        reply_accept(r, m, r->commit_index);
        return STATUS_OK;
    }
    if (m->index > r->trail.last_index || trail_term(&r->trail, m->index) != m->log_term) {
        if (m->index == r->commit_index) /* no true leader lacks what is committed */
            return STATUS_BAD_MESSAGE;
        reply_reject(r, m, MAX(r->commit_index, trail_hint(&r->trail, m->index, m->log_term)));
        return STATUS_OK;
    }

    const uint32_t held = entries_held(r, m);
    if (held < m->entry_count) {
        if (m->index + 1 + held <= r->commit_index ||
            !config_log_may_truncate(&r->configs, m->index + 1 + held))
            return STATUS_BAD_MESSAGE;
        if (!entries_fit(r, m, held))
            return STATUS_BUSY; /* no answer: the leader tries again */
        entries_take(r, m, held);
        *first = m->index + 1 + held;
    }

    const raft_index matched = m->index + m->entry_count;
    if (!r->state_lost)
        commit_up_to(r, MAX(r->commit_index, MIN(m->commit_index, matched)));
    reply_accept(r, m, matched);
    return STATUS_OK;
}

/* commit_index of a HEARTBEAT never lies beyond what we have told the leader to hold. */
enum status receive_heartbeat(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term == r->hard.current_term);
    if (m->commit_index > r->trail.last_index || m->lease_ms > RAFT_LEASE_MS_MAX)
        return STATUS_BAD_MESSAGE;
    leader_heard(r, m->from);
    promise_votes(r, m->lease_ms);
    if (!r->state_lost)
        commit_up_to(r, MAX(r->commit_index, m->commit_index));
    struct raft_message *reply = reply_new(r, m, RAFT_MSG_HEARTBEAT_REPLY);
    reply->round = MAX(reply->round, m->round);
    return STATUS_OK;
}

enum status receive_snapshot(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term == r->hard.current_term);
    leader_heard(r, m->from);
    if (m->index > r->commit_index || (r->state_lost && m->index == r->commit_index))
        return STATUS_OK;
    reply_new(r, m, RAFT_MSG_SNAPSHOT_REPLY)->index = r->commit_index;
    return STATUS_STALE;
}

/* Leader: replies */

static struct progress *peer_of_reply(struct raft *r, const struct raft_message *m)
{
    return r->role == RAFT_LEADER ? raft_peer(r, m->from) : NULL;
}

/* One transfer to a peer at a time, and a pause after it, in which it may tell of its success. */
static void snapshot_ask(struct raft *r, struct progress *p)
{
    if (p->snapshot_running || p->snapshot_wait_ticks > 0)
        return;
    p->snapshot_running = true;
    const bool fit = set_add(&r->output.snapshot_to, p->node);
    CHECK(fit);
}

static void peer_accepted(struct raft *r, struct progress *p, raft_index matched)
{
    progress_matched(p, matched);
    if (p->state == PROGRESS_PROBE ||
        (p->state == PROGRESS_SNAPSHOT && p->match_index >= r->trail.base_index))
        progress_replicate(p);
    else if (p->inflight_count == 0)
        p->stalled_ticks = 0;
}

static void peer_refused(struct raft *r, struct progress *p, const struct raft_message *m)
{
    const raft_index refused = m->round;
    if (p->state == PROGRESS_SNAPSHOT || refused <= p->match_index)
        return;
    if (p->state == PROGRESS_PROBE ? refused != p->next_index - 1 : refused >= p->next_index)
        return; /* an answer to what was sent before */
    const raft_index hint = MIN(m->index, refused - 1);
    const raft_index next = trail_hint(&r->trail, hint, m->log_term) + 1;
    progress_probe(p, MAX(next, p->match_index + 1));
}

enum status receive_append_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = peer_of_reply(r, m);
    if (p == NULL)
        return STATUS_STALE;
    if (!m->reject && m->index > r->trail.last_index)
        return STATUS_BAD_MESSAGE;
    if (m->want_snapshot)
        snapshot_ask(r, p);
    if (m->reject)
        peer_refused(r, p, m);
    else
        peer_accepted(r, p, m->index);
    return STATUS_OK;
}

enum status receive_heartbeat_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = peer_of_reply(r, m);
    if (p == NULL)
        return STATUS_STALE;
    if (m->round > r->round)
        return STATUS_BAD_MESSAGE;
    if (p->round_answered < r->round_to_all && m->round >= r->round_to_all)
        p->answer_rank = ++r->answers_to_all;
    p->round_answered = MAX(p->round_answered, m->round);
    if (m->want_snapshot)
        snapshot_ask(r, p);
    return STATUS_OK;
}

enum status receive_snapshot_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = peer_of_reply(r, m);
    if (p == NULL || m->reject)
        return STATUS_STALE;
    if (m->index > r->trail.last_index)
        return STATUS_BAD_MESSAGE;
    progress_matched(p, m->index);
    if (p->state == PROGRESS_SNAPSHOT)
        progress_probe(p, p->match_index + 1);
    return STATUS_OK;
}

void snapshot_ended(struct raft *r, struct progress *p, bool ok)
{
    if (r->role != RAFT_LEADER || !p->snapshot_running)
        return;
    p->snapshot_running = false;
    p->snapshot_wait_ticks = r->options.election_ticks;
    if (p->state == PROGRESS_SNAPSHOT) {
        progress_probe(p, p->match_index + 1);
        p->probe_sent = ok; /* installed: its reply is on its way, and better than a probe */
    }
}

/* Leader: sending */

enum status propose(struct raft *r, uint32_t size, uint8_t kind, raft_index *first)
{
    if (r->role != RAFT_LEADER)
        return STATUS_NOT_LEADER;
    if (kind != RAFT_DATA || size > RAFT_ENTRY_SIZE_MAX)
        return STATUS_INVALID;
    if (r->transfer_to != 0 || log_is_full(r, 0))
        return STATUS_BUSY;
    const struct raft_entry entry = {.term = r->hard.current_term, .size = size, .kind = kind};
    log_append(r, &entry, 1);
    *first = r->trail.last_index;
    return STATUS_OK;
}

void replication_tick(struct raft *r)
{
    r->heartbeat_ticks++;
    if (r->heartbeat_ticks >= r->options.heartbeat_ticks)
        r->heartbeat_due = true;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        struct progress *p = &r->peers[i];
        if (p->snapshot_wait_ticks > 0)
            p->snapshot_wait_ticks--;
        if (!p->probe_sent && p->inflight_count == 0)
            continue;
        const uint32_t patience = p->state == PROGRESS_PROBE
                                      ? PROBE_RETRY_HEARTBEATS * r->options.heartbeat_ticks
                                      : RESEND_ELECTIONS * r->options.election_ticks;
        if (++p->stalled_ticks >= patience)
            progress_probe(p, p->state == PROGRESS_PROBE ? p->next_index : p->match_index + 1);
    }
}

/* Commits what a quorum holds durably, ourselves included, if it is of our own term (Figure 8 of
 * the paper): what older leaders left is committed with it, never by counting. */
void leader_advance_commit(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    struct ballot held;
    ballot_init(&held);
    ballot_add(&held, r->options.self, r->durable.persisted_index);
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        ballot_add(&held, r->peers[i].node, r->peers[i].match_index);
    const raft_index index = quorum_value(raft_config(r), &held);
    if (index > r->commit_index && trail_term(&r->trail, index) == r->hard.current_term)
        commit_up_to(r, index);
}

/* Entries go out only once a write has carried them to the driver: it knows their bytes then. */
static raft_index last_to_send(const struct raft *r)
{
    return r->unwritten_from - 1;
}

static bool leader_has_news(const struct raft *r, const struct progress *p)
{
    if (p->state == PROGRESS_PROBE || p->next_index <= last_to_send(r))
        return true;
    return p->wanted_commit != 0 && p->told_commit < r->commit_index;
}

/* How many entries from first on go in one APPEND; at least one if the window is empty. */
static uint32_t entries_to_send(const struct raft *r, const struct progress *p, uint32_t room,
                                uint32_t *bytes)
{
    uint32_t count = 0;
    *bytes = 0;
    const uint32_t room_now = MIN(room, r->options.append_bytes_max);
    while (count < RAFT_APPEND_ENTRIES_MAX) {
        struct raft_entry entry;
        if (p->next_index + count > last_to_send(r))
            break;
        const bool known = raft_entry_at(r, p->next_index + count, &entry);
        CHECK(known);
        const bool alone_fits = count == 0 && (entry.size <= room || p->inflight_count == 0);
        if (entry.size > room_now - MIN(*bytes, room_now) && !alone_fits)
            break;
        *bytes += entry.size;
        count++;
        if (entry.kind == RAFT_CONFIG)
            break;
    }
    return count;
}

/* One APPEND; false when the window does not admit it. */
static bool append_send(struct raft *r, struct progress *p)
{
    const uint32_t room = progress_room(p, r->options.inflight_bytes_max);
    if (room == 0)
        return false;
    uint32_t bytes;
    const uint32_t count = entries_to_send(r, p, room, &bytes);
    if (count == 0 && p->next_index <= last_to_send(r))
        return false;

    const raft_index prev = p->next_index - 1;
    struct raft_message *m = message_new(r, RAFT_MSG_APPEND, p->node);
    m->index = prev;
    m->log_term = trail_term(&r->trail, prev);
    m->entry_count = count;
    m->commit_index = r->commit_index;
    progress_sent(p, prev + count, bytes);

    p->told_commit = MAX(p->told_commit, MIN(r->commit_index, prev + count));
    if (p->told_commit >= p->wanted_commit)
        p->wanted_commit = 0;
    return true;
}

static void peer_flush(struct raft *r, struct progress *p)
{
    if (p->next_index <= r->trail.base_index)
        progress_snapshot(p);
    if (p->state == PROGRESS_SNAPSHOT) {
        snapshot_ask(r, p);
        return;
    }
    while (leader_has_news(r, p) && append_send(r, p))
        ;
}

void replication_flush(struct raft *r)
{
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        peer_flush(r, &r->peers[i]);
}

static void heartbeat_send(struct raft *r, struct progress *p)
{
    struct raft_message *m = message_new(r, RAFT_MSG_HEARTBEAT, p->node);
    m->round = r->round;
    m->lease_ms = r->timeout_now_sent ? 0 : r->options.lease_ms;
    m->commit_index = MIN(p->match_index, r->commit_index);
    p->told_commit = MAX(p->told_commit, m->commit_index);
    p->round_asked = r->round;
}

/* Whether it may be one of the few that a read round asks: it owes no answer. */
static bool is_prompt(const struct raft *r, const struct progress *p)
{
    return config_is_voter(raft_config(r), p->node) && !p->is_broken && p->answer_rank > 0 &&
           p->round_asked == p->round_answered;
}

/* The prompt peer that answered the last heartbeat to all first, of those not asked this round. */
static struct progress *promptest(struct raft *r)
{
    struct progress *best = NULL;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        struct progress *p = &r->peers[i];
        if (is_prompt(r, p) && (best == NULL || p->answer_rank < best->answer_rank))
            best = p;
    }
    return best;
}

/* How many others have to answer; 0: there is no such number, ask all. */
static size_t answers_needed(const struct raft *r)
{
    const struct raft_config *config = raft_config(r);
    if (config->outgoing.count > 0 || !raft_self_is_voter(r))
        return 0;
    return config->incoming.count / 2;
}

/* A read round asks as many as it needs, those that were the quickest of late: each peer asked is a
 * wake on both sides. If one of them falls silent the next regular heartbeat, which confirms the
 * same reads, asks all, and as long as the answer is due the silent one is not chosen again. */
static bool ask_promptest(struct raft *r)
{
    const size_t needed = answers_needed(r);
    size_t prompt = 0;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        prompt += is_prompt(r, &r->peers[i]);
    if (needed == 0 || prompt < needed)
        return false;
    for (size_t i = 0; i < needed; i++)
        heartbeat_send(r, promptest(r));
    return true;
}

/* A read round asks voters, the regular heartbeat all. */
void heartbeats_flush(struct raft *r)
{
    if (!r->heartbeat_due && !r->round_due)
        return;
    if (!r->round_due)
        r->round++;
    if (r->heartbeat_due || !ask_promptest(r)) {
        for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
            struct progress *p = &r->peers[i];
            if (r->heartbeat_due || config_is_voter(raft_config(r), p->node))
                heartbeat_send(r, p);
        }
    }
    if (r->heartbeat_due) {
        r->heartbeat_ticks = 0;
        r->round_to_all = r->round;
        r->answers_to_all = 0;
    }
    r->heartbeat_due = false;
    r->round_due = false;
}
