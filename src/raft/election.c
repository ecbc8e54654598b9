/* election.c -- roles: who may become what, and when (dissertation §3.4, §4.2.3, §6.4.1, §9.6).
 *
 *                 timeout                quorum of pre-votes           quorum of votes
 *    FOLLOWER ----------------> PRE_CANDIDATE ----------------> CANDIDATE ----------------> LEADER
 *       ^  ^                        |    ^                        |    |                      |
 *       |  +---- leader heard, -----+    +------- timeout --------+    |                      |
 *       |        higher term                                           |                      |
 *       +------------ higher term, or leader of this term -------------+                      |
 *       +------------ higher term, or no quorum heard (check-quorum), or handed over ---------+
 *
 * role is written by the four become_ functions only. A vote is refused while a leader is alive as
 * far as we know, while we owe a lease promise, and for election_ticks after a start (the promise
 * and the leader of the life before are forgotten, but not void). */

#include "base/bytes.h"
#include "base/panic.h"
#include "raft/core.h"

#define HURRY_TICKS_MIN 2 /* between the attempts of a fast failover */
#define HURRY_TICKS_SPREAD 3

static void count_tick(uint32_t *ticks)
{
    if (*ticks < RAFT_NEVER)
        (*ticks)++;
}

static void draw_timeout(struct raft *r)
{
    const uint32_t election = r->options.election_ticks;
    r->elapsed_ticks = 0;
    if (r->hurry_ticks > 0)
        r->timeout_ticks = HURRY_TICKS_MIN + (uint32_t)prng_below(&r->prng, HURRY_TICKS_SPREAD);
    else
        r->timeout_ticks = election + 2 + (uint32_t)prng_below(&r->prng, election - 2);
}

/* Votes */

static void votes_clear(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++)
        r->peers[i].vote = PROGRESS_VOTE_OPEN;
}

static bool votes_won(const struct raft *r)
{
    struct ballot votes;
    ballot_init(&votes);
    for (size_t i = 0; i < r->peer_count; i++)
        ballot_add(&votes, r->peers[i].node, r->peers[i].vote == PROGRESS_VOTE_GRANTED);
    return quorum_value(raft_config(r), &votes) > 0;
}

static void votes_begin(struct raft *r)
{
    votes_clear(r);
    r->peers[RAFT_SELF].vote = PROGRESS_VOTE_GRANTED;
    r->votes_due = true;
}

void votes_flush(struct raft *r)
{
    if (!r->votes_due)
        return;
    r->votes_due = false;
    if (r->role != RAFT_PRE_CANDIDATE && r->role != RAFT_CANDIDATE)
        return;
    const bool is_vote = r->role == RAFT_CANDIDATE;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        const raft_node node = r->peers[i].node;
        if (!config_is_voter(raft_config(r), node))
            continue;
        struct raft_message *m = message_new(r, is_vote ? RAFT_MSG_VOTE : RAFT_MSG_PRE_VOTE, node);
        m->term = is_vote ? r->hard.current_term : r->hard.current_term + 1;
        m->index = r->trail.last_index;
        m->log_term = trail_last_term(&r->trail);
        m->transfer = is_vote && r->campaign_by_transfer;
    }
}

/* Roles */

static void set_term(struct raft *r, raft_term term, raft_node voted_for)
{
    CHECK(term > r->hard.current_term);
    r->hard.current_term = term;
    r->hard.voted_for = voted_for;
    r->hard_changed = true;
    r->message_count = 0; /* What was staged speaks for the old term. */
}

static void leave_office(struct raft *r)
{
    reads_fail(r);
    r->output.snapshot_to.count = 0; /* asked for in this turn: it would go out in a later term */
    r->transfer_to = 0;
    r->timeout_now_sent = false;
    r->heartbeat_due = false;
    r->heard_ticks = RAFT_NEVER; /* of other leaders it knows nothing */
}

void become_follower(struct raft *r, raft_term term, raft_node leader)
{
    CHECK(term >= r->hard.current_term);
    CHECK(leader != r->options.self);
    if (r->role == RAFT_LEADER)
        leave_office(r);
    if (term > r->hard.current_term)
        set_term(r, term, 0);
    r->role = RAFT_FOLLOWER;
    r->leader = leader;
    r->votes_due = false;
    votes_clear(r);
    draw_timeout(r);
    if (leader != 0)
        leader_heard(r, leader);
}

void become_pre_candidate(struct raft *r)
{
    CHECK(r->role != RAFT_LEADER);
    CHECK(may_campaign(r));
    r->role = RAFT_PRE_CANDIDATE;
    r->leader = 0;
    draw_timeout(r);
    votes_begin(r);
    if (votes_won(r))
        become_candidate(r, false);
}

void become_candidate(struct raft *r, bool by_transfer)
{
    CHECK(r->role != RAFT_LEADER);
    CHECK(may_campaign(r));
    set_term(r, r->hard.current_term + 1, r->options.self);
    r->role = RAFT_CANDIDATE;
    r->leader = 0;
    r->campaign_by_transfer = by_transfer;
    draw_timeout(r);
    votes_begin(r);
    if (votes_won(r))
        become_leader(r);
}

void become_leader(struct raft *r)
{
    CHECK(r->role == RAFT_CANDIDATE);
    CHECK(r->hard.voted_for == r->options.self);
    r->role = RAFT_LEADER;
    r->leader = r->options.self;
    r->hurry_ticks = 0;
    r->votes_due = false;
    for (size_t i = 0; i < r->peer_count; i++)
        progress_init(&r->peers[i], r->peers[i].node, r->trail.last_index + 1);
    r->heartbeat_due = true;
    r->timeout_now_sent = false;

    const struct raft_entry noop = {.term = r->hard.current_term, .kind = RAFT_NOOP};
    log_append(r, &noop, 1);
    r->own_term_first = r->trail.last_index;
}

/* Time */

/* A node may campaign that is a voter by the newest configuration or by one that may yet come back.
 * One that the newest removes, not committed as far as it knows, has to: its log may be the
 * longest, and then no other can win before it has passed that entry on (dissertation §4.2.2). */
bool may_campaign(const struct raft *r)
{
    return config_log_has_voter(&r->configs, r->options.self) && !r->state_lost && r->eligible &&
           trail_has_room(&r->trail, 1) && log_has_room(r, r->trail.last_index + 2) &&
           r->hard.current_term < RAFT_INDEX_MAX;
}

bool refuses_votes(const struct raft *r)
{
    return r->role == RAFT_LEADER || r->promise_ticks > 0 ||
           r->heard_ticks < r->options.election_ticks ||
           r->started_ticks < r->options.election_ticks;
}

static uint32_t promise_ticks(const struct raft *r, uint32_t lease_ms)
{
    if (lease_ms == 0)
        return 0;
    const uint64_t ticks = ((uint64_t)lease_ms + r->options.tick_ms - 1) / r->options.tick_ms + 1;
    return (uint32_t)MIN(ticks, RAFT_NEVER);
}

void promise_votes(struct raft *r, uint32_t lease_ms)
{
    r->promise_ticks = MAX(r->promise_ticks, promise_ticks(r, lease_ms));
    if (lease_ms > r->hard.promise_ms) {
        r->hard.promise_ms = lease_ms;
        r->hard_changed = true;
    }
}

void election_open(struct raft *r)
{
    r->role = RAFT_FOLLOWER;
    r->heard_ticks = RAFT_NEVER;
    r->promise_ticks = promise_ticks(r, r->hard.promise_ms);
    draw_timeout(r);
}

void leader_heard(struct raft *r, raft_node leader)
{
    CHECK(r->role != RAFT_LEADER);
    CHECK(r->leader == 0 || r->leader == leader || r->role != RAFT_FOLLOWER);
    r->hurry_ticks = 0;
    r->heard_ticks = 0;
    if (r->role != RAFT_FOLLOWER) {
        become_follower(r, r->hard.current_term, leader);
        return;
    }
    if (r->leader != leader || r->timeout_ticks < r->options.election_ticks)
        draw_timeout(r);
    r->leader = leader;
    r->elapsed_ticks = 0;
}

/* How many voters come before us in a fast failover. */
static uint32_t rank_among_voters(const struct raft *r, raft_node lost)
{
    const struct raft_set *voters = &raft_config(r)->incoming;
    uint32_t rank = 0;
    for (size_t i = 0; i < voters->count; i++)
        rank += voters->node[i] != lost && voters->node[i] < r->options.self;
    return rank;
}

void leader_lost(struct raft *r)
{
    CHECK(r->role == RAFT_FOLLOWER);
    if (r->promise_ticks > 0)
        return;
    const raft_node lost = r->leader;
    r->leader = 0;
    r->heard_ticks = RAFT_NEVER;
    r->hurry_ticks = r->options.election_ticks;
    r->elapsed_ticks = 0;
    r->timeout_ticks = rank_among_voters(r, lost) + (uint32_t)prng_below(&r->prng, 2);
}

static bool quorum_is_heard(const struct raft *r)
{
    struct ballot heard;
    ballot_init(&heard);
    ballot_add(&heard, r->options.self, 1);
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        ballot_add(&heard, r->peers[i].node,
                   r->peers[i].silent_ticks < r->options.election_ticks);
    return quorum_value(raft_config(r), &heard) > 0;
}

/* The only voter has nobody to wait for. */
static bool is_alone(const struct raft *r)
{
    const struct raft_config *config = raft_config(r);
    return config->incoming.count == 1 && !config_is_joint(config) &&
           config->incoming.node[0] == r->options.self;
}

void election_tick(struct raft *r)
{
    count_tick(&r->started_ticks);
    count_tick(&r->heard_ticks);
    if (r->promise_ticks > 0)
        r->promise_ticks--;
    if (r->role == RAFT_LEADER) {
        if (!quorum_is_heard(r))
            become_follower(r, r->hard.current_term, 0);
        return;
    }

    r->elapsed_ticks++;
    if (r->hurry_ticks > 0 && --r->hurry_ticks == 0 && r->role == RAFT_FOLLOWER)
        draw_timeout(r);
    if (r->elapsed_ticks < r->timeout_ticks && !(is_alone(r) && r->leader == 0))
        return;
    if (may_campaign(r) && r->promise_ticks == 0) /* To campaign is to vote, for oneself. */
        become_pre_candidate(r);
    else if (r->role != RAFT_FOLLOWER)
        become_follower(r, r->hard.current_term, 0);
    else
        draw_timeout(r);
}

/* Messages */

static bool is_up_to_date(const struct raft *r, const struct raft_message *m)
{
    const raft_term last_term = trail_last_term(&r->trail);
    return m->log_term > last_term ||
           (m->log_term == last_term && m->index >= r->trail.last_index);
}

enum status receive_pre_vote(struct raft *r, const struct raft_message *m)
{
    const bool granted = m->term > r->hard.current_term && !refuses_votes(r) && is_up_to_date(r, m);
    struct raft_message *reply = reply_new(r, m, RAFT_MSG_PRE_VOTE_REPLY);
    reply->reject = !granted;
    if (granted)
        reply->term = m->term;
    return STATUS_OK;
}

enum status receive_pre_vote_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = raft_peer(r, m->from);
    if (r->role != RAFT_PRE_CANDIDATE || p == NULL)
        return STATUS_STALE;
    if (!m->reject && m->term != r->hard.current_term + 1)
        return STATUS_STALE;
    p->vote = m->reject ? PROGRESS_VOTE_REFUSED : PROGRESS_VOTE_GRANTED;
    if (votes_won(r) && may_campaign(r))
        become_candidate(r, false);
    return STATUS_OK;
}

enum status receive_vote(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term >= r->hard.current_term);
    const bool is_free = r->hard.voted_for == 0 || r->hard.voted_for == m->from;
    const bool granted = m->term == r->hard.current_term && is_free && r->leader == 0 &&
                         (m->transfer || !refuses_votes(r)) && is_up_to_date(r, m);
    if (granted) {
        become_follower(r, r->hard.current_term, 0);
        if (r->hard.voted_for == 0) {
            r->hard.voted_for = m->from;
            r->hard_changed = true;
        }
    }
    reply_new(r, m, RAFT_MSG_VOTE_REPLY)->reject = !granted;
    return STATUS_OK;
}

enum status receive_vote_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = raft_peer(r, m->from);
    if (r->role != RAFT_CANDIDATE || p == NULL)
        return STATUS_STALE;
    if (p->vote == PROGRESS_VOTE_OPEN) /* a vote is given once */
        p->vote = m->reject ? PROGRESS_VOTE_REFUSED : PROGRESS_VOTE_GRANTED;
    if (votes_won(r))
        become_leader(r);
    return STATUS_OK;
}
