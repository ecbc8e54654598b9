/* transfer.c -- handing leadership over (dissertation §3.10).
 *
 *     RAFT_TRANSFER -> no more proposals -> the target holds our whole log -> TIMEOUT_NOW
 *                   -> its election (no pre-vote, votes that ask no promise) -> we step down
 *
 * Given up after an election timeout: then we go on. After a TIMEOUT_NOW there may be another
 * leader at any moment, in spite of all promises; so there is no lease any more in this term. */

#include "base/panic.h"
#include "raft/core.h"

enum status transfer_begin(struct raft *r, raft_node to)
{
    if (r->role != RAFT_LEADER)
        return STATUS_NOT_LEADER;
    if (to == 0 || to == r->options.self)
        return STATUS_INVALID;
    if (!set_contains(&raft_config(r)->incoming, to))
        return STATUS_NOT_FOUND;
    if (r->transfer_to != 0)
        return STATUS_BUSY;
    r->transfer_to = to;
    r->transfer_ticks = 0;
    r->transfer_sent = false;
    return STATUS_OK;
}

void transfer_tick(struct raft *r)
{
    if (r->transfer_to != 0 && ++r->transfer_ticks >= r->options.election_ticks)
        r->transfer_to = 0;
}

static void timeout_now_send(struct raft *r, raft_node to)
{
    message_new(r, RAFT_MSG_TIMEOUT_NOW, to);
    r->timeout_now_sent = true;
}

void transfer_flush(struct raft *r)
{
    if (r->transfer_to == 0 || r->transfer_sent)
        return;
    const struct progress *p = raft_peer(r, r->transfer_to);
    CHECK(p != NULL);
    if (p->match_index < r->trail.last_index)
        return;
    timeout_now_send(r, p->node);
    r->transfer_sent = true;
}

void resign(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    const struct progress *best = NULL;
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        const struct progress *p = &r->peers[i];
        if (!set_contains(&raft_config(r)->incoming, p->node))
            continue;
        if (best == NULL || p->match_index > best->match_index)
            best = p;
    }
    if (best != NULL && best->match_index >= r->commit_index)
        timeout_now_send(r, best->node);
    become_follower(r, r->hard.current_term, 0);
}

enum status receive_timeout_now(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term == r->hard.current_term);
    leader_heard(r, m->from);
    if (!may_campaign(r))
        return STATUS_INVALID;
    become_candidate(r, true);
    return STATUS_OK;
}
