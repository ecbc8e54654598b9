/* read.c -- linearizable reads by ReadIndex (dissertation §6.4), and what leases rest on.
 *
 * A read may run once it is known that its leader was still the leader after the read had come, and
 * at an index that covers all that was committed by then:
 *
 *     READ -> (an entry of our term is committed) -> index = commit_index, new heartbeat round
 *          -> a quorum answers that round or a later one -> {id, index, ok}
 *
 * All reads of one turn share a round. */

#include "base/bytes.h"
#include "base/panic.h"
#include "raft/core.h"

bool leader_has_committed(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->commit_index >= r->own_term_first;
}

uint64_t round_confirmed(const struct raft *r)
{
    struct ballot rounds;
    ballot_init(&rounds);
    ballot_add(&rounds, r->options.self, r->round);
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++)
        ballot_add(&rounds, r->peers[i].node, r->peers[i].round_answered);
    return quorum_value(raft_config(r), &rounds);
}

static struct raft_pending_read *read_at(struct raft_reads *reads, uint32_t position)
{
    return &reads->ring[(reads->first + position) % RAFT_READS_MAX];
}

/* The oldest pending read is answered. */
static void read_done(struct raft_reads *reads, bool ok)
{
    CHECK(reads->count > 0);
    CHECK(reads->done_count < RAFT_READS_MAX);
    const struct raft_pending_read *read = read_at(reads, 0);
    reads->done[reads->done_count++] =
        (struct raft_read){.id = read->id, .index = ok ? read->index : 0, .ok = ok};
    reads->first = (reads->first + 1) % RAFT_READS_MAX;
    reads->count--;
}

enum status read_begin(struct raft *r, uint64_t read_id)
{
    struct raft_reads *reads = &r->reads;
    if (r->role != RAFT_LEADER)
        return STATUS_NOT_LEADER;
    if (reads->count + reads->done_count >= RAFT_READS_MAX)
        return STATUS_BUSY;
    reads->count++;
    *read_at(reads, reads->count - 1) = (struct raft_pending_read){.id = read_id};
    return STATUS_OK;
}

void reads_begin(struct raft *r)
{
    struct raft_reads *reads = &r->reads;
    if (reads->count == 0 || !leader_has_committed(r))
        return;
    for (uint32_t i = reads->count; i > 0 && read_at(reads, i - 1)->round == 0; i--) {
        if (!r->round_due) {
            r->round_due = true;
            r->round++;
        }
        read_at(reads, i - 1)->index = r->commit_index;
        read_at(reads, i - 1)->round = r->round;
    }
}

void reads_release(struct raft *r)
{
    struct raft_reads *reads = &r->reads;
    if (reads->count == 0)
        return;
    const uint64_t confirmed = round_confirmed(r);
    while (reads->count > 0 && read_at(reads, 0)->round != 0 &&
           read_at(reads, 0)->round <= confirmed)
        read_done(reads, true);
}

void reads_fail(struct raft *r)
{
    while (r->reads.count > 0)
        read_done(&r->reads, false);
}
