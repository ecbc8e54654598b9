/* digest.h -- the running digests of the nodes compared (ARCHITECTURE §5 rule 8).
 *
 *   shard: at each index that is a multiple of digest_every, (index, digest) -> MAIL_DIGEST
 *   each node, at once and then once a second -> the leader: WIRE_DIGEST, its newest
 *   leader: a majority of the voters has one value, a member another -> WIRE_VERDICT to that one
 *   who is told, and finds it so: QUARANTINED; a leader that finds itself so hands over before
 *
 * A quarantined node serves nobody and stands for no election; its log is sound, so it goes on
 * voting and acknowledging. With auto_heal it asks the leader, who lets one node at a time wipe
 * itself; empty then, it is replaced by itself under a new id (caretaker.c). */

#ifndef NODE_DIGEST_H
#define NODE_DIGEST_H

#include "raft/types.h"

#define DIGESTS_KEPT 16 /* of our own, to judge a verdict by; rows to compare */

struct consensus;
struct wire_digest;
struct wire_verdict;

struct digest_row {
    raft_index index; /* 0 = free */
    uint32_t count;
    bool is_alarmed;  /* no majority agrees: said once */
    struct { raft_node node; uint64_t digest; } at[RAFT_NODES_MAX];
};

struct digests {
    struct { raft_index index; uint64_t digest; } own[DIGESTS_KEPT]; /* by count, newest last */
    uint64_t own_count;
    struct digest_row rows[DIGESTS_KEPT];
    uint64_t row_count;
    uint64_t report_us;
    raft_index wrong_index; /* where we know ourselves to differ; 0 = nowhere */
    uint64_t wrong_us;
    bool is_quarantined, heal_begun;
    raft_index accused_index;
    raft_node accused;      /* by us, last: said once */
    raft_node healing;      /* who may wipe itself, as we said while leading */
    uint64_t healing_until_us;
};

void digest_mail(struct consensus *c, raft_index index, uint64_t digest);
void digest_receive(struct consensus *c, raft_node from, const struct wire_digest *report);
void digest_verdict(struct consensus *c, const struct wire_verdict *verdict);
void digest_tick(struct consensus *c);
/* Whether this node must not lead: it is quarantined, or knows that it will be and could not hand
 * over. */
bool digest_forbids_office(const struct consensus *c);

#endif
