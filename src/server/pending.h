/* pending.h -- local commands whose answer takes time: they wait for the consensus half, for a
 * flush, for other members, for a worker.
 *
 *   command: pending_new() -> ... later ... -> finish(): the reply -> slot_complete()
 *
 * A connection that goes away cancels what it waits for; the work itself goes on, unread. */

#ifndef SERVER_PENDING_H
#define SERVER_PENDING_H

#include "base/queue.h"
#include "node/log_describe.h"
#include "node/mail.h"
#include "server/server.h"

enum pending_kind {
    PENDING_ADMIN,    /* the text of an admin operation is the reply */
    PENDING_STATUS,   /* INFO, RAFT STATUS: the status first, then finish() */
    PENDING_FLUSH,    /* SAVE, DEBUG RELOAD: all rows ingested */
    PENDING_WAIT,     /* WAIT: enough members, or the time is over */
    PENDING_CLIENT,   /* another node's client: its answer, or the time is over */
    PENDING_DESCRIBE, /* RAFT LOG */
    PENDING_CALL,     /* of no connection: call() when the status has come */
};

struct pending {
    struct queue_node node;
    enum pending_kind kind;
    struct server *server;
    struct slot *slot;     /* NULL: nobody waits any more */
    uint32_t arg_count;    /* a copy of the request, for finish() */
    struct bytes *args;
    struct buf arg_memory;
    local_run *finish;     /* PENDING_STATUS, _FLUSH, _CLIENT: makes the reply, or the log does */
    void (*call)(struct server *s, void *context); /* PENDING_CALL */
    void *context;
    uint64_t deadline_us;  /* PENDING_WAIT, _CLIENT; UINT64_MAX = none */
    uint64_t ask_again_us;
    uint64_t index, wanted, holding; /* PENDING_CLIENT: index is the token of what was asked */
    uint8_t answer;        /* PENDING_CLIENT: enum client_answer */
    bool asked;            /* an admin request for it is under way */
    struct admin *admin;
    struct log_describe describe;
    struct buf *lines;     /* PENDING_DESCRIBE */
    uint32_t line_count;
};

/* The running local command (not inside EXEC) is answered later. */
struct pending *pending_new(struct server *s, struct exec *x, enum pending_kind kind,
                            local_run *finish);
/* For one that is no connection: call(context) once server.consensus is fresh, in a later turn,
 * unless the server ends before. false: no room, or no cluster yet. */
bool pending_call(struct server *s, void (*call)(struct server *s, void *context), void *context);
/* Its connection is gone. */
void pending_cancel(struct pending *p);
/* CLIENT UNBLOCK of one that waits (PENDING_WAIT): as if the time were over, or with an error. */
void pending_unblock(struct pending *p, bool with_error);
/* What another node says to what it was asked under token. */
void pending_client_answered(struct server *s, uint64_t token, uint8_t answer);
/* It could not even begin: the command replies at once. */
void pending_drop(struct pending *p);
/* The worker has read the log. */
void pending_described(struct pending *p);

/* Sends op on its way; false: no room, or no cluster yet (p is still the caller's). */
bool pending_admin(struct pending *p, enum admin_op op);
/* An admin request came back (shard's host). Owns admin from then on. */
void pending_admin_done(struct server *s, struct admin *admin);

/* The node is closed: what was under way will not come back. */
void pending_close(struct server *s);

/* Members other than this node that certainly have the entry at index durably, as far as known. */
uint64_t pending_members_holding(const struct server *s, uint64_t index);

/* Looks at all that wait; in every turn. Returns when it wants to look again (boot_us). */
uint64_t pending_turn(struct server *s);

#endif
