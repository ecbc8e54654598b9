/* core_sim.h -- cores of raft on simulated disks and a simulated network, and the laws they obey.
 *
 * Each node has a disk that keeps what was synced, a queue of writes on their way there, and
 * messages that wait for such a write. Nothing moves by itself: the test ticks, delivers, syncs,
 * crashes. After each flush the cluster-wide laws are checked (sim_fail() names the broken one):
 *
 *   - election safety: one leader per term; one vote per node and term, over crashes too;
 *   - leader completeness: a new leader holds everything committed in earlier terms;
 *   - state machine safety: the same entry at the same index, committed in order, once;
 *   - durability: what a leader commits lies on the disks of a majority (of both sides when joint);
 *   - log matching (sim_check_logs);
 *   - reads: never below what was committed when they were asked, nor while a lease holds. */

#ifndef CORE_SIM_H
#define CORE_SIM_H

#include "base/prng.h"
#include "raft/raft.h"

#define SIM_NODES_MAX 7
#define SIM_LOG_MAX 8192
#define SIM_WRITES_MAX (RAFT_WRITES_MAX + 1)
#define SIM_NET_MAX 2048
#define SIM_HELD_MAX 4096
#define SIM_ENTRIES_MAX 64
#define SIM_CONFIGS_MAX 1024
#define SIM_READS_MAX 1024
#define SIM_TERMS_MAX 4096
#define SIM_TRANSFERS_MAX 32
#define SIM_ROUNDS_MAX 4096

struct sim_entry {
    struct raft_entry raft;
    uint64_t payload; /* CONFIG: position in sim.configs */
};

struct sim_log {
    raft_index base, last;
    raft_term base_term;
    uint64_t base_config; /* position in sim.configs */
    struct sim_entry at[SIM_LOG_MAX];
};

/* The applied state: all there is to a machine that only counts. */
struct sim_state {
    raft_index index;
    raft_term term;
    uint64_t config;
};

struct sim_write {
    uint64_t id;
    struct raft_hard_state hard;
    raft_index truncate_from, first, last;
    struct sim_entry *entries;
};

struct sim_message {
    struct raft_message m;
    struct raft_entry entries[SIM_ENTRIES_MAX];
    uint64_t payloads[SIM_ENTRIES_MAX];
};

struct sim_node {
    raft_node id;
    struct raft *core; /* NULL = down */
    uint32_t boot;
    struct { /* survives a crash */
        struct raft_hard_state hard;
        struct sim_log log;
        struct sim_state state;
        bool state_lost;
    } disk;
    struct sim_log log; /* what the core believes, durable or not */
    struct sim_state state;
    uint64_t durable_id;
    struct sim_write writes[SIM_WRITES_MAX];
    size_t write_count;
    struct sim_message *held[SIM_HELD_MAX];
    size_t held_count;
    enum raft_role role;
    raft_term term;
    raft_node leader;
    raft_term lease_term;
    uint64_t lease_end; /* in ticks of sim.now */
    uint64_t round_sent_at[SIM_ROUNDS_MAX];
    uint64_t round;
};

struct sim_read {
    uint64_t id;
    raft_node node;
    uint32_t boot;
    raft_index floor; /* committed when it was asked */
};

struct sim_transfer {
    raft_node from, to;
    uint32_t boot;
    raft_term leader_term;
    struct sim_state state;
};

struct sim {
    uint64_t seed;
    struct prng prng;
    struct raft_options options;
    uint64_t now;
    size_t node_count;
    struct sim_node nodes[SIM_NODES_MAX]; /* node i + 1 at position i */
    bool cut[SIM_NODES_MAX][SIM_NODES_MAX]; /* from, to */
    struct sim_message *net[SIM_NET_MAX];
    size_t net_count;

    raft_index committed_last;
    struct sim_entry committed[SIM_LOG_MAX];
    raft_term committed_in[SIM_LOG_MAX]; /* term of the leader that committed it */
    raft_node leader_of[SIM_TERMS_MAX];
    raft_node vote_of[SIM_TERMS_MAX][SIM_NODES_MAX];
    struct raft_config configs[SIM_CONFIGS_MAX];
    size_t config_count;
    struct sim_read reads[SIM_READS_MAX];
    size_t read_count;
    struct sim_transfer transfers[SIM_TRANSFERS_MAX];
    size_t transfer_count;
    uint64_t next_payload, next_read;
    uint64_t reads_answered, proposals, elections, snapshots, changes; /* what a run has seen */
};

/* A law is broken: prints it with the seed and aborts. */
void sim_fail(const struct sim *s, const char *format, ...) __attribute__((noreturn))
PRINTF_LIKE(2, 3);

/* Nodes 1 .. node_count on empty disks, the first voter_count of them voters, all up. */
struct sim *sim_new(uint64_t seed, size_t node_count, size_t voter_count,
                    const struct raft_options *options);
void sim_free(struct sim *s);

struct sim_node *sim_node(struct sim *s, raft_node id);
struct sim_node *sim_leader(struct sim *s); /* of the highest term, NULL = none */

/* One input to a node that is up; no flush. */
enum status sim_step(struct sim *s, struct sim_node *n, const struct raft_input *input);
enum status sim_receive(struct sim *s, struct sim_node *n, const struct sim_message *message);
void sim_flush(struct sim *s, struct sim_node *n);

void sim_tick(struct sim *s, struct sim_node *n);
enum status sim_propose(struct sim *s, struct sim_node *n, uint32_t size);
enum status sim_read(struct sim *s, struct sim_node *n);
enum status sim_change(struct sim *s, struct sim_node *n, const struct raft_config *target);
void sim_sync(struct sim *s, struct sim_node *n, size_t count); /* the oldest count writes */
void sim_deliver(struct sim *s, size_t position, bool keep);    /* keep: a copy stays behind */
void sim_drop(struct sim *s, size_t position);
void sim_save_state(struct sim_node *n);                 /* the applied state is durable */
void sim_compact(struct sim *s, struct sim_node *n, raft_index index);
void sim_transfer_end(struct sim *s, size_t position, bool ok);
void sim_crash(struct sim *s, struct sim_node *n);
void sim_start(struct sim *s, struct sim_node *n);
void sim_lose_state(struct sim_node *n); /* while it is down: §6.4, log sound, state gone */

void sim_check_logs(struct sim *s);

/* Everything in order and without faults, for so many ticks of all nodes. */
void sim_run(struct sim *s, uint32_t ticks);

#endif
