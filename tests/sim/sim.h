/* sim.h -- a whole cluster in one process and one thread, on simulated time.
 *
 *   heap of events by (time, sequence):  turns, frames, log writes, jobs, clients, faults
 *        pop the earliest -> let it happen -> run the checks -> push what follows
 *
 * Each node is the real thing (consensus, shard, machine, keyspace) on a disk in memory; only the
 * four ports are simulated. Every choice comes from one generator: a seed is a whole run, and the
 * same seed is the same run, event by event. */

#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <setjmp.h>

#include "base/mailbox.h"
#include "base/panic.h"
#include "base/prng.h"
#include "base/queue.h"
#include "kv/kv_mem.h"
#include "kv/state_store.h"
#include "node/consensus.h"
#include "node/lease.h"
#include "sim/sim_client.h"
#include "sim/sim_fault.h"
#include "sim/sim_relay.h"

#define SIM_NODES_MAX 7
#define SIM_ELECTION_TICKS 20
#define SIM_HEARTBEAT_TICKS 5
#define SIM_TICK_MS 10
#define SIM_LONG_JOB_US 200000 /* of a worker, now and then */
#define SIM_DISK_RESERVE ((uint64_t)1 << 20)

/* --- network ---------------------------------------------------------------------------------- */

enum sim_connection_state {
    CONNECTION_DOWN,
    CONNECTION_UP,
    CONNECTION_DOOMED,  /* what is sent vanishes; the dialer learns it at retry */
    CONNECTION_LINGERS, /* the dialer is dead; what it sent still arrives */
};

/* What one node dials to another, one per channel. Frames go one way, in order. */
struct sim_connection {
    struct sim_event retry;     /* the next try to connect, or the end of a doomed one */
    struct sim_node *dialer;
    struct sim_peer *peer;
    enum peer_channel channel;
    enum sim_connection_state state;
    uint64_t generation;        /* frames of a former one never arrive */
    uint64_t last_arrival_us;   /* first in, first out */
};

struct sim_peer {               /* as one node knows another */
    uint64_t node_id;           /* 0 = not wanted */
    uint32_t target;            /* position of the node that its address leads to */
    uint16_t port;              /* and the address: void once the target has moved */
    struct sim_connection connection[2];
};

/* --- a node ----------------------------------------------------------------------------------- */

struct sim_node {
    struct sim *sim;
    uint32_t position;          /* in sim->nodes */
    uint32_t moves;             /* how often it has changed its address */
    uint16_t hints[SIM_NODES_MAX]; /* --peer: where the others were when it moved last */
    uint64_t node_id;           /* 0 until introduced */
    uint64_t hash_key[2];       /* the cluster's id */
    bool up, paused;
    uint32_t level_max, seen_level; /* of its build; committed, as it knew last */
    bool founder;               /* an empty disk becomes a cluster of one */
    bool dying;                 /* its disk was given a fault: it may panic over it */
    uint64_t life;              /* counts starts: what belongs to a former life is void */
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct state_store *store;
    struct mailbox *to_consensus, *to_shard;
    struct consensus *consensus;
    struct shard *shard;
    struct lease lease;
    bool introduced, heal_due, outdated; /* after this turn: open the shard, wipe it, end */
    bool quarantined, lost_state; /* over restarts; dropped, and not known to be there again */
    bool damaged;               /* a row of its state was changed: it may differ until wiped */
    struct sim_event consensus_turn, shard_turn, log_done, restart;
    struct queue log_queue;     /* struct sim_log_job */
    uint64_t worker_free_us[WORKERS]; /* by enum worker: one job after the other */
    struct sim_peer peers[SIM_NODES_MAX * 2];
    int64_t wall_offset_ms;
    int32_t drift_ppm;
    uint64_t disk_slow_us;      /* added to each sync */
    uint64_t boot;              /* of the last start: must rise */
    struct buf trace;           /* of all its lives (raft_trace.h) */
    struct sim_relay relay;     /* of this life, as what was seen in it, which never goes back */
    uint64_t seen_applied, seen_commit, seen_clock, seen_term, seen_installs, seen_cuts;
};

/* --- all -------------------------------------------------------------------------------------- */

struct sim_options {
    uint64_t seed;
    const struct sim_profile *profile;
    uint32_t node_count, client_count, pipe_count;
    uint64_t duration_us;
    uint32_t lease_ms, workload;
    uint64_t replace_dead_ms;
    uint64_t log_keep_bytes; /* 0 = the default, never reached: no log is cut, no snapshot sent */
    bool acked; /* a connection whose answers are cut off ends, as by TCP's user timeout */
    bool verbose;
    bool traced; /* what each raft core is given is recorded */
};

struct sim {
    struct sim_options options;
    const struct sim_profile *profile;
    struct prng prng;
    struct heap events;
    uint64_t now_us;
    struct sim_node nodes[SIM_NODES_MAX];
    bool cut[SIM_NODES_MAX][SIM_NODES_MAX]; /* directed: frames from -> to vanish */
    uint32_t slow_us[SIM_NODES_MAX][SIM_NODES_MAX]; /* directed: they take so much longer */
    struct sim_client clients[SIM_CLIENTS_MAX];
    struct sim_pipe pipes[SIM_PIPES_MAX];
    struct sim_reader reader;
    struct sim_event fault, join, liveness;
    struct sim_timer timers[SIM_TIMERS];
    uint32_t timer_next;
    struct sim_churn churn;
    struct sim_rot rot;
    struct sim_levels levels;
    uint32_t joined;            /* nodes that are members */
    bool quiet;                 /* faults are over, or have not begun */
    struct sim_history history[SIM_KEYS];
    struct sim_wait wait;
    int64_t next_value;
    uint64_t *digests, *digest_terms; /* by applied index; term 0 = not seen */
    size_t digest_count, leader_count;
    uint64_t highest_applied;
    uint64_t *leaders;          /* by term: the node that led it */
    bool spoken[1024];          /* ids that a leader has known to have entries */
    struct sim_node *running;   /* whose code runs; panics are its */
    jmp_buf panic_exit;
    char failure[512];          /* the first broken check */
    uint64_t fingerprint;       /* of all events so far */
    uint64_t event_count, replies, errors_definite, errors_uncertain, panics, crashes, gave_up;
    uint64_t notes, installs, cuts; /* heard of another node; snapshots taken, logs cut */
};

/* Runs a node's code: a panic in it ends the node, not the run. Locals that code changes must be
 * volatile, as for any setjmp. */
#define SIM_RUN_NODE(s, n, code)                              \
    do {                                                      \
        sim_node_enter((s), (n));                             \
        if (setjmp((s)->panic_exit) == 0) {                   \
            code;                                             \
            (s)->running = NULL;                              \
        } else {                                              \
            sim_node_panicked((s), (n));                      \
        }                                                     \
    } while (0)

/* sim_cluster.c */
void sim_run(struct sim *s, const struct sim_options *options); /* failure is empty: all held */
void sim_clear(struct sim *s);
bool sim_form(struct sim *s, const struct sim_options *options); /* a cluster, no clients */
bool sim_run_until(struct sim *s, uint64_t end_us);              /* false: a check failed */
bool sim_settle(struct sim *s); /* lets the last commits reach all; whether they have */
void sim_leave(struct sim *s);  /* after sim_form(), before sim_clear() */
void sim_at(struct sim *s, struct sim_event *e, uint64_t delay_us); /* schedules, anew if need be */
void sim_soon(struct sim *s, struct sim_event *e, uint64_t delay_us); /* the same, never later */
void sim_fail(struct sim *s, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t sim_random(struct sim *s, uint64_t limit); /* 0 .. limit - 1; limit 0 gives 0 */
void sim_trace(struct sim *s, const char *format, ...) PRINTF_LIKE(2, 3);

/* sim_node.c */
void sim_node_init(struct sim *s, uint32_t position);
void sim_node_start(struct sim *s, struct sim_node *n);
void sim_node_crash(struct sim *s, struct sim_node *n, enum kv_mem_crash how);
void sim_node_wipe(struct sim *s, struct sim_node *n); /* dies, and starts empty, as somebody new */
void sim_node_move(struct sim *s, struct sim_node *n); /* dies, and starts elsewhere */
uint16_t sim_node_port(const struct sim_node *n);      /* its address; two nodes never share one */
void sim_node_wake(struct sim *s, struct sim_node *n); /* turns for what is in its boxes */
void sim_node_clear(struct sim_node *n);
void sim_node_enter(struct sim *s, struct sim_node *n); /* both for SIM_RUN_NODE */
void sim_node_panicked(struct sim *s, struct sim_node *n);

/* sim_net.c */
struct transport_port sim_net_port(struct sim_node *n);
void sim_net_down(struct sim *s, struct sim_node *n); /* n died: all its connections end */
void sim_net_identified(struct sim *s, struct sim_node *n); /* ends what was meant for others */
void sim_net_break(struct sim *s, struct sim_peer *peer, enum peer_channel channel);

/* sim_check.c */
void sim_check_node(struct sim *s, struct sim_node *n); /* after each of its turns */
void sim_check_introduced(struct sim *s, const struct sim_node *n); /* has just been told its id */
void sim_check_liveness(struct sim *s);                 /* some time after the faults ended */
bool sim_is_settled(struct sim *s);                     /* all have applied the same */
void sim_check_end(struct sim *s);                      /* all caught up, all equal */
void sim_check_equal(struct sim *s);                    /* only that */
#endif
