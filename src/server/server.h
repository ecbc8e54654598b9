/* server.h -- one node as a process: two event loops, their mailboxes and threads, the clients.
 *
 *   data loop (main thread)                      consensus loop (its own thread; loops 1: the same)
 *     listeners, clients, sessions                 peer channel
 *     dispatch -> shard_write / shard_read         consensus_turn
 *     shard_turn -> replies                        log writer, workers
 *
 * struct server belongs to the data loop; struct consensus_loop to the other. They meet only at the
 * mailboxes, the lease, and server_introduced(). */

#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/arena.h"
#include "base/queue.h"
#include "command/settings.h"
#include "node/consensus.h"
#include "node/shard.h"
#include "server/acl.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/http_book.h"
#include "server/intake.h"
#include "server/key_changes.h"
#include "server/latency.h"
#include "server/pubsub.h"
#include "server/script_trail.h"
#include "server/service.h"
#include "server/slowlog.h"
#include "server/stats.h"
#include "server/tracking.h"

#define AVOW_COMPATIBLE_VERSION "7.0.15" /* of Redis: what clients look at */
#define HOLDS_MAX CONN_REQUESTS_PER_TURN
#define CONNS_BY_ID 4096 /* chains of connections with ids that leave the same rest */

struct consensus_loop;
struct loop;
struct listener;
struct node;

/* A read that was parsed in this turn and not submitted yet (dispatch.c). */
struct hold {
    struct request request;
    struct slot *slot;
    size_t offset; /* where its bytes begin in the input of its connection */
};

/* What admin makes of it, handed in by main: server does not know admin. */
struct server_info {
    void (*text)(struct server *s, const struct bytes *sections, uint32_t count, struct buf *to);
    bool (*wants_raft)(const struct bytes *sections, uint32_t count);
    void (*raft)(struct server *s, struct buf *to);
    void (*doctor)(struct server *s, struct buf *to);
};

/* One that lives beside the data loop, on a thread of its own, and calls on it through a mailbox
 * (admin/http.h). */
struct server_guest {
    void *context;
    void (*turn)(struct server *s, void *context); /* in every turn */
    bool (*sleep)(void *context);                  /* as node_sleep(), node_awake() */
    void (*awake)(void *context);
};

enum pause { PAUSE_NONE, PAUSE_WRITES, PAUSE_ALL };

struct server {
    struct config config;
    struct server_info info;
    struct server_guest guest;   /* .turn NULL: none */
    struct loop *loop;           /* the data loop's */
    struct node *node;           /* stores, threads, mailboxes, the consensus loop (node.c) */
    struct listener *listener;
    struct shard *shard;         /* NULL until this node has been introduced to a cluster */
    const struct settings *settings;
    struct settings defaults;    /* while there is no shard */
    const struct acl *acl;       /* the users, as of this turn */
    struct acl *first_acl;       /* while there is no shard */
    uint64_t acl_version;        /* for which connections were looked at */
    struct acl_log acl_log;
    struct shard_status status;  /* as of this turn */
    struct consensus_status consensus; /* as last told (pending.c) */

    uint64_t now_ms, now_us;     /* of this turn: wall, boot */
    uint64_t started_ms, started_us;
    uint64_t next_cron_us;
    struct service_link service;
    char run_id[41];

    struct queue conns, ready, outgoing, dead;
    struct intake intake;
    uint64_t unsent_bytes;       /* memory of all connections' replies (outlet.h) */
    struct conn *conns_by_id[CONNS_BY_ID];
    uint64_t conn_count, next_conn;
    struct slot *free_slots;
    size_t free_slot_count;
    uint8_t *read_buffer;        /* CONN_READ_SIZE */
    struct buf discard;          /* replies that nobody reads */
    struct arena arena;          /* of the turn */
    struct hold holds[HOLDS_MAX];
    size_t hold_count;

    struct slot *replying;       /* a reply is being made in it; NULL: none */
    struct pubsub pubsub;
    struct http_book http_book;
    struct tracking tracking;
    struct slot *running;        /* of the local command that runs; NULL inside an entry */
    struct queue pendings;
    uint64_t last_token;         /* of what another node was asked (client_ask.c) */
    struct stats stats;
    struct change_counts changes;
    struct key_changes key_changes;
    struct commands_info *commands;
    struct slowlog slowlog;
    struct latency latency;
    uint64_t slow_ticks;         /* a command that takes as long is looked at: slow log, latency */
    uint64_t script_begun;       /* ticks: where a script that runs now began */
    struct busy {                /* script NULL: none */
        const struct exec *script; /* that takes long, in the middle of a turn of the shard */
        struct conn *caller;     /* waits for it; left alone meanwhile */
        bool may_end, kill;
        uint64_t look_us;
    } busy;
    uint64_t part_begun;         /* ticks: where the running EXEC's next command begins, */
    uint32_t part_errors;        /* and the error replies before it */
    struct script_trail script_trail;
    uint32_t monitor_count;

    enum pause pause;
    uint64_t pause_until_ms;
    bool is_full;                /* somebody found no room in the shard */
    bool is_ready;               /* serves data; else -LOADING */
    bool initial_sent;           /* the file's replicated settings were proposed */
    bool wants_restart; /* once it has run: start the process anew */
    bool is_outdated;   /* once it has run: it ended because its build is too old */
    bool is_stopping, has_stopped;
};

/* What follows from settings that were changed, and from the clocks' rates. */
void server_settings_changed(struct server *s);

/* Something took so long: a sample, if that is as much as latency-monitor-threshold. */
void server_note_latency(struct server *s, enum latency_event event, uint64_t took_us);

/* Memory alone; config is set by the caller. */
void server_init(struct server *s);
void server_clear(struct server *s);

/* Opens directory, stores, node and ports. Everything that can be wrong with the world is told in
 * *e. */
enum status server_open(struct server *s, struct error *e) MUST_CHECK;
/* Until SIGTERM, SIGINT, SHUTDOWN; or for ever. */
void server_run(struct server *s);
void server_close(struct server *s);

/* Ask for a clean end: leadership handed over, state flushed. */
void server_stop(struct server *s);

/* One turn of the data loop; when the next is due (boot_us; 0 = at once). */
uint64_t server_turn(struct server *s);

struct memory_figures {
    uint64_t used, resident, peak;        /* bytes of the process */
    uint64_t clients, cache, dirty; /* bytes of connections, of rows cached, of those not flushed */
    uint64_t dataset;               /* logical bytes of all keys */
    uint64_t keys, hits, misses;          /* hits and misses of the row cache */
    uint64_t buried, purged;              /* deleted objects whose rows are still there; are gone */
};
void server_memory(struct server *s, struct memory_figures *memory);
void server_use_large_pages(void); /* the calling thread, for what it allocates from now on */
void server_purge_memory(void); /* the allocator gives back to the system what it does not use */
struct database_figures {
    uint64_t keys, expires, timed; /* timed: hashes whose fields expire */
};
/* false: there is no database n. */
bool server_database(struct server *s, uint32_t n, struct database_figures *db);

/* The shard's host (route.c). */
extern const struct shard_host server_shard_host;

/* --- local_script.c --------------------------------------------------------------------------- */

/* The script x is running, in the middle of a turn of the shard: looks at the sockets when that
 * takes long. true: somebody wants its end (may_end: it may be ended). */
bool server_poll_script(struct server *s, const struct exec *x, bool may_end);
/* It has ended. */
void server_end_script(struct server *s);

#endif
