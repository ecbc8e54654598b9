/* session.h -- what a connection has told us: database, protocol, name, and its transaction.
 *
 *              MULTI                    EXEC, DISCARD, RESET
 *   plain ------------------> queueing ----------------------> plain
 *                              |    ^
 *                              +----+ a queued command; an error marks it failed: EXEC aborts
 *
 * Watched keys (WATCH) carry the stamp that they had; EXEC sends both to the log, where they are
 * compared (ARCHITECTURE §3.3). Pure state: knows no sockets and no shard. */

#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "machine/entry.h"

#define SESSION_QUEUE_MAX 65536          /* commands of one transaction */
#define SESSION_QUEUE_BYTES_MAX ((size_t)1 << 30)
#define SESSION_WATCHES_MAX 65536

struct session {
    uint32_t db;
    uint8_t protocol; /* 2 or 3 */
    bool is_authenticated;
    uint32_t user; /* id, command/acl_user.h */
    bool is_silent;    /* CLIENT REPLY OFF */
    bool skips_next;   /* CLIENT REPLY SKIP: the next reply */
    bool no_evict;
    char *name, *library_name, *library_version; /* NULL = none */

    bool in_multi, has_failed;
    uint32_t multi_db;    /* what SELECT inside has chosen for those that follow */
    uint32_t flags_any;   /* of all queued commands, or-ed */
    bool only_reads;      /* nothing queued that is not CMD_READ */
    struct buf queue;     /* queued commands, encoded */
    uint32_t *ends;       /* of each in queue */
    uint32_t queue_count, queue_capacity;

    struct watch *watches; /* keys are owned */
    uint32_t watch_count, watch_capacity;
};

void session_init(struct session *s);
void session_clear(struct session *s);
/* RESET: as a new connection, but for authentication. */
void session_reset(struct session *s);

/* Takes printable text without blanks; false: it is not. Empty takes the name off. */
bool session_set_name(char **name, struct bytes text);

void session_multi_begin(struct session *s);
/* Copies the command; flags are the command's. false: too much is queued. */
bool session_multi_add(struct session *s, const struct request *request, uint32_t flags);
void session_multi_end(struct session *s); /* EXEC, DISCARD: forgets queue and watches */

/* A key that was seen with this stamp. Watched already: nothing. false: too many. */
bool session_watch(struct session *s, const struct watch *watch);
void session_unwatch(struct session *s);

/* The transaction as one request; everything lives in arena or in the session. */
void session_exec_request(const struct session *s, struct arena *arena, struct request *request);

#endif
