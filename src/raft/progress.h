/* progress.h -- what the leader knows of one peer, and how much it may send it.
 *
 *                    accepted                       prev compacted
 *        PROBE ------------------> REPLICATE      PROBE, REPLICATE -----> SNAPSHOT
 *          ^                          |               ^                       |
 *          +-- refused, lost, broken -+               +- installed or ended --+
 *
 *   PROBE      one APPEND at a time, next_index moves by replies
 *   REPLICATE  pipelined: next_index moves on send; the window bounds messages and bytes
 *   SNAPSHOT   no APPENDs: what the peer needs next is compacted
 *
 * Invariants (progress_check):
 *   - match_index < next_index;
 *   - in flight are messages of REPLICATE only, their last indexes rise and lie in
 *     (match_index, next_index), and inflight_bytes is their sum. */

#ifndef RAFT_PROGRESS_H
#define RAFT_PROGRESS_H

#include "raft/raft.h"
#include "raft/types.h"

#define PROGRESS_SILENT_MAX UINT32_MAX /* silent_ticks stops here */

enum progress_vote { PROGRESS_VOTE_OPEN, PROGRESS_VOTE_GRANTED, PROGRESS_VOTE_REFUSED };

struct progress_inflight {
    raft_index last;
    uint32_t bytes;
};

struct progress {
    raft_node node;
    enum raft_progress state;
    raft_index next_index, match_index;
    raft_index told_commit;   /* what it knows to be committed once our messages arrive */
    raft_index wanted_commit; /* tell commits at once until this one, 0 = no hurry */
    uint64_t round_asked;     /* newest heartbeat round sent */
    uint64_t round_answered;  /* newest one answered */
    uint32_t answer_rank;     /* among the answers to the last heartbeat to all, from 1; 0 = none */
    enum progress_vote vote;
    bool probe_sent;          /* PROBE: wait for the answer */
    bool is_broken;           /* its connection is: wait until it is heard */
    bool snapshot_running;    /* asked of the driver, not ended */
    uint32_t snapshot_wait_ticks; /* before another is asked for beside replication */
    uint32_t silent_ticks;    /* since it was last heard */
    uint32_t stalled_ticks;   /* since something was in flight and no answer came */
    uint32_t inflight_first, inflight_count, inflight_bytes;
    struct progress_inflight inflight[RAFT_INFLIGHT_MAX]; /* a ring */
};

/* A new peer, or a new leader's view of an old one: PROBE from next_index on. */
void progress_init(struct progress *p, raft_node node, raft_index next_index);

void progress_probe(struct progress *p, raft_index next_index); /* > match_index */
void progress_replicate(struct progress *p);                    /* from match_index + 1 on */
void progress_broken(struct progress *p);                       /* PROBE, once it is heard again */
void progress_heard(struct progress *p);
void progress_snapshot(struct progress *p);

/* Bytes that may go in one more APPEND; 0 = wait. */
uint32_t progress_room(const struct progress *p, uint32_t inflight_bytes_max);

/* An APPEND that ends at last has been sent, with bytes of entries (0 = none: not counted). */
void progress_sent(struct progress *p, raft_index last, uint32_t bytes);

/* The peer holds everything up to match_index. true when that is news. */
bool progress_matched(struct progress *p, raft_index match_index);

void progress_check(const struct progress *p);

#endif
