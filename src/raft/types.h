/* types.h -- the plain numbers and small structs that all files of the raft core share. */

#ifndef RAFT_TYPES_H
#define RAFT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAFT_NODES_MAX 15           /* voters and learners together, both sides of a joint change */
#define RAFT_INFLIGHT_MAX 256       /* unacknowledged APPENDs per peer */
#define RAFT_READS_MAX 256          /* reads waiting for a quorum or for the next flush */
#define RAFT_WRITES_MAX 64          /* writes given out and not yet durable; the next flush waits */
#define RAFT_APPEND_ENTRIES_MAX 512 /* entries in one APPEND: bounds what a receiver decodes */
#define RAFT_LEASE_MS_MAX 60000     /* longest promise that a peer may ask for */
#define RAFT_ENTRY_SIZE_MAX ((1u << 30) - 1) /* bytes of one entry that the core can count */

typedef uint64_t raft_index; /* 1-based; 0 = before the first entry */
typedef uint64_t raft_term;
typedef uint64_t raft_node; /* never 0, never used twice in a cluster's life */

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };
enum raft_kind { RAFT_NOOP, RAFT_DATA, RAFT_CONFIG };

/* What the core knows of an entry; the bytes live in the log store under its index. */
struct raft_entry {
    raft_term term;
    uint32_t size;
    uint8_t kind; /* enum raft_kind */
};

struct raft_hard_state {
    raft_term current_term;
    raft_node voted_for;
    uint32_t promise_ms; /* longest lease promise ever given */
};

/* Nodes in any order, none twice, none 0. */
struct raft_set {
    uint8_t count;
    raft_node node[RAFT_NODES_MAX];
};

/* outgoing.count > 0 while a joint change is under way: then every decision needs a majority of
 * incoming and of outgoing. A voter that becomes a learner stands in outgoing and learners both. */
struct raft_config {
    struct raft_set incoming, outgoing, learners;
};

struct raft_config_at {
    raft_index index;
    struct raft_config config;
};

#endif
