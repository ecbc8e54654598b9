/* quorum.h -- what a majority agrees on, in plain and joint configurations.
 *
 * Every decision of the core is one question: which is the largest number that a majority of the
 * voters has reached? Votes are 0 or 1, replication is match_index, reads are heartbeat rounds.
 *
 *     voters a b c d e reached 7 9 4 9 2: sorted 9 9 7 4 2, the third: a majority has reached 7 */

#ifndef RAFT_QUORUM_H
#define RAFT_QUORUM_H

#include "raft/types.h"

struct ballot {
    size_t count;
    raft_node node[RAFT_NODES_MAX + 1]; /* members, and oneself */
    uint64_t value[RAFT_NODES_MAX + 1];
};

void ballot_init(struct ballot *b);
void ballot_add(struct ballot *b, raft_node node, uint64_t value);

/* The largest value that a majority of incoming, and in a joint configuration one of outgoing too,
 * has reached. A voter not in the ballot has reached 0. 0 when there are no voters. */
uint64_t quorum_value(const struct raft_config *config, const struct ballot *b);

#endif
