#include "node/sight.h"

#include "node/consensus_internal.h"

#define STATE_EVERY_US 50000 /* indexes alone change all the time */

static void tell(struct consensus *c, const struct sight *sight)
{
    c->o.sight.saw(c->o.sight.context, sight);
}

/* --- messages --------------------------------------------------------------------------------- */

static enum sight_kind kind_of(enum wire_type type)
{
    switch (type) {
    case WIRE_PROPOSE: return SIGHT_PROPOSE;
    case WIRE_PROPOSE_FROM: return SIGHT_PROPOSE_REPLY;
    case WIRE_READ: return SIGHT_READ_ROUND;
    case WIRE_READ_REPLY: return SIGHT_READ_ROUND_REPLY;
    case WIRE_SNAPSHOT_OFFER:
    case WIRE_SNAPSHOT_CHUNK: return SIGHT_SNAPSHOT;
    case WIRE_SNAPSHOT_ACK: return SIGHT_SNAPSHOT_REPLY;
    default: return SIGHT_NONE; /* no part of Raft */
    }
}

/* What it is about; of those that are about no entry, what is committed: as the leader tells it, or
 * as this node knows. */
static raft_index index_of(const struct consensus *c, const struct raft_message *m)
{
    switch (m->type) {
    case RAFT_MSG_HEARTBEAT: return m->commit_index;
    case RAFT_MSG_HEARTBEAT_REPLY: return c->commit_index;
    default: return m->index;
    }
}

void sight_raft(struct consensus *c, bool is_out, const struct raft_message *m, size_t bytes)
{
    static const uint8_t kinds[] = {
        [RAFT_MSG_PRE_VOTE] = SIGHT_PRE_VOTE, [RAFT_MSG_PRE_VOTE_REPLY] = SIGHT_PRE_VOTE_REPLY,
        [RAFT_MSG_VOTE] = SIGHT_VOTE, [RAFT_MSG_VOTE_REPLY] = SIGHT_VOTE_REPLY,
        [RAFT_MSG_APPEND] = SIGHT_APPEND, [RAFT_MSG_APPEND_REPLY] = SIGHT_APPEND_REPLY,
        [RAFT_MSG_HEARTBEAT] = SIGHT_HEARTBEAT,
        [RAFT_MSG_HEARTBEAT_REPLY] = SIGHT_HEARTBEAT_REPLY,
        [RAFT_MSG_SNAPSHOT] = SIGHT_SNAPSHOT, [RAFT_MSG_SNAPSHOT_REPLY] = SIGHT_SNAPSHOT_REPLY,
        [RAFT_MSG_TIMEOUT_NOW] = SIGHT_TIMEOUT_NOW,
    };
    struct sight sight = {.kind = kinds[m->type], .term = m->term, .index = index_of(c, m),
                          .entries = m->entry_count, .bytes = (uint32_t)bytes,
                          .is_out = is_out, .is_rejection = m->reject, .from = m->from,
                          .to = m->to};
    if (is_out)
        sight.from = c->identity.node_id;
    tell(c, &sight);
}

void sight_frame(struct consensus *c, const struct sight *ends, uint8_t type)
{
    struct sight sight = *ends;
    sight.kind = (uint8_t)kind_of((enum wire_type)type);
    sight.term = c->term;
    sight.index = c->commit_index;
    if (sight.kind != SIGHT_NONE)
        tell(c, &sight);
}

/* --- state ------------------------------------------------------------------------------------ */

void sight_turn(struct consensus *c)
{
    struct watched *w = &c->watched;
    if (!is_watched(&c->o.sight)) {
        w->told_us = 0; /* who looks next is told at once */
        return;
    }
    const bool is_news = w->role != c->role || w->term != c->term || w->leader != c->leader;
    if (w->told_us != 0 && !is_news && c->now_us < w->told_us + STATE_EVERY_US)
        return;
    struct raft_status raft;
    raft_status(c->raft, &raft);
    const struct sight sight = {
        .kind = SIGHT_STATE, .role = (uint8_t)c->role, .is_voter = raft.is_voter,
        .from = c->identity.node_id, .term = c->term, .leader = c->leader,
        .commit_index = c->commit_index, .applied_index = c->applied_index,
        .persisted_index = raft.persisted_index, .last_index = raft.last_index};
    const uint64_t sum = c->commit_index + c->applied_index + raft.persisted_index +
                         raft.last_index; /* they rise, but for a truncation: that changes last */
    if (w->told_us != 0 && !is_news && sum == w->sum)
        return;
    *w = (struct watched){.told_us = c->now_us, .role = c->role, .term = c->term,
                          .leader = c->leader, .sum = sum};
    tell(c, &sight);
}
