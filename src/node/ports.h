/* ports.h -- the four doors through which a node reaches the outside: clock, transport, log writer,
 * workers. Behind them are sockets and threads (server), or the simulator. No call blocks. */

#ifndef NODE_PORTS_H
#define NODE_PORTS_H

#include <stdatomic.h>
#include "base/bytes.h"

struct log_write;

/* --- clock ------------------------------------------------------------------------------------ */

struct clock_port {
    void *context;
    uint64_t (*wall_ms)(void *context); /* may jump either way */
    uint64_t (*boot_us)(void *context); /* CLOCK_BOOTTIME: never goes back */
};

/* --- transport -------------------------------------------------------------------------------- */

/* Two connections between two peers, so that a heartbeat never stands behind bulk. */
enum peer_channel { CHANNEL_CONTROL, CHANNEL_DATA };

#define HOST_MAX 256
struct peer_address {
    char host[HOST_MAX];
    uint16_t port;
};

/* What a node runs, as it says in each handshake. */
#define PEER_VERSION_MAX 32
struct peer_build {
    uint32_t level; /* the highest feature level that it knows; 0 = not known */
    char version[PEER_VERSION_MAX];
};

struct transport_port {
    void *context;
    /* One frame, made of the parts in a row; copied. Lost when there is no connection or its buffer
     * is full: Raft tries again. */
    void (*send)(void *context, uint64_t to, enum peer_channel channel, const struct bytes *parts,
                 size_t part_count);
    /* Keep connections to node at address (changed: connect anew); NULL: no more. */
    void (*peer)(void *context, uint64_t node, const struct peer_address *address);
};

/* --- log writer ------------------------------------------------------------------------------- */

/* One write of the log store. Owned by consensus; stays as it is until it is done. Completions come
 * in the order of submits, as MAIL_PERSISTED in the consensus mailbox. A failed write panics
 * (§6.4). */
struct log_job {
    uint64_t id;
    const struct log_write *write;
    size_t bytes; /* of its entries */
};

/* What waits is synced together, up to so many bytes: so the time until the next completion is
 * bounded, by which a leader's disk is judged (health.c). */
#define LOG_GROUP_BYTES_MAX ((size_t)16 << 20)

enum submitted { SUBMIT_QUEUED, SUBMIT_DONE };

struct log_writer_port {
    void *context;
    /* in_place: may be written and synced before this returns (D22): SUBMIT_DONE then, no mail. */
    enum submitted (*submit)(void *context, const struct log_job *job, bool in_place);
};

/* --- the raft core's recorder, optional ------------------------------------------------------- */

/* A record (raft_trace.h) is on its way to wherever records are kept. NULL: nothing is recorded. */
struct trace_port {
    void *context;
    void (*record)(void *context, struct bytes record);
};

/* --- who looks -------------------------------------------------------------------------------- */

enum sight_kind {
    SIGHT_NONE,
    SIGHT_PRE_VOTE, SIGHT_PRE_VOTE_REPLY, SIGHT_VOTE, SIGHT_VOTE_REPLY,
    SIGHT_HEARTBEAT, SIGHT_HEARTBEAT_REPLY, SIGHT_TIMEOUT_NOW,
    SIGHT_APPEND, SIGHT_APPEND_REPLY, SIGHT_PROPOSE, SIGHT_PROPOSE_REPLY,
    SIGHT_READ_ROUND, SIGHT_READ_ROUND_REPLY, SIGHT_SNAPSHOT, SIGHT_SNAPSHOT_REPLY,
    SIGHT_STATE, /* no message: what this node is now */
    SIGHT_KINDS
};

struct sight {
    uint8_t kind; /* enum sight_kind */
    bool is_out, is_rejection;
    uint64_t from, to, term, index;
    uint32_t entries, bytes;
    /* SIGHT_STATE, of from: */
    uint8_t role; /* enum raft_role */
    bool is_voter;
    uint64_t leader, commit_index, applied_index, persisted_index, last_index;
};

/* Is told what the consensus half sends, takes and becomes, while *is_on. is_on NULL: nothing. */
struct sight_port {
    void *context;
    const atomic_bool *is_on;
    void (*saw)(void *context, const struct sight *sight);
};

/* --- workers ---------------------------------------------------------------------------------- */

enum worker {
    WORKER_FLUSH,
    WORKER_SNAPSHOT,
    WORKER_LOOK, /* short, and waits for nobody: how much room the disk has */
    WORKERS
};

/* work runs in the worker's thread, then done in the loop of the half that submitted it. The job
 * stays where it is until done; a worker runs its jobs one after the other. */
struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job);
};

struct workers_port {
    void *context;
    void (*submit)(void *context, enum worker worker, struct job *job);
    /* For long work of a job: waits, so that others get on. false: the workers are to stop, give it
     * up. NULL: no time passes in jobs. */
    bool (*pause)(void *context, uint64_t us);
};

#endif
