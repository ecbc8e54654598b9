/* story.h -- one core, told by hand what happens to it: for tests that are scenes from the paper.
 *
 * The core is node 1 unless told otherwise; the test plays all others. Each function that feeds an
 * input flushes after it, keeps a copy of what came out, and runs raft_check(). */

#ifndef STORY_H
#define STORY_H

#include "test.h"

#include "raft/raft.h"

#define STORY_ELECTION 10
#define STORY_HEARTBEAT 3
#define STORY_MESSAGES_MAX 512

struct story {
    struct raft *core;
    raft_node self;
    enum status status; /* of the last input */
    raft_index first;
    struct raft_output out; /* its arrays are copied */
    struct raft_message messages[STORY_MESSAGES_MAX];
    struct raft_read reads[RAFT_READS_MAX];
    uint64_t last_write;
};

struct story_setup {
    raft_node self;             /* 0 = 1 */
    size_t voter_count;         /* nodes 1 .. voter_count; 0 = 3 */
    size_t learner_count;       /* the nodes behind them */
    const raft_term *terms;     /* of the log's entries behind base */
    size_t count;
    raft_index base;
    raft_term base_term;
    raft_term current_term;     /* 0 = that of the last entry */
    raft_node voted_for;
    uint32_t promise_ms;
    raft_index commit_index;    /* 0 = base */
    bool state_lost;
    uint32_t lease_ms, log_entries_max, append_bytes_max, inflight_bytes_max; /* 0 = large */
};

#define TERMS(...) \
    .terms = (const raft_term[]){__VA_ARGS__}, \
    .count = sizeof((const raft_term[]){__VA_ARGS__}) / sizeof(raft_term)

void story_open(struct story *t, const struct story_setup *setup);
void story_close(struct story *t);

void story_input(struct story *t, const struct raft_input *input);
void story_tick(struct story *t, uint32_t count);
void story_receive(struct story *t, const struct raft_message *m); /* .to is filled in */
void story_persist(struct story *t);                               /* all writes so far */
void story_propose(struct story *t, uint32_t size);
void story_read(struct story *t, uint64_t id);

/* Makes it the leader: waits, is granted pre-votes and votes by the others until it is. */
void story_lead(struct story *t);

/* An accepting APPEND_REPLY of its present term. */
void story_ack(struct story *t, raft_node from, raft_index match);

/* A heartbeat of the leader from in term. */
void story_heartbeat(struct story *t, raft_node from, raft_term term);

/* The position'th message of the last flush of that type to that node; NULL = none. */
const struct raft_message *story_sent(const struct story *t, enum raft_message_type type,
                                      raft_node to);
size_t story_count(const struct story *t, enum raft_message_type type);
struct raft_status story_status(const struct story *t);
raft_term story_term(const struct story *t, raft_index index);

#endif
