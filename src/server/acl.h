/* acl.h -- users at this node: who a connection is, what was refused to whom, and the end of the
 * connections of users that are gone. The users themselves: command/acl_user.h.
 *
 * The log of refusals (ACL LOG) is this node's own, as its clients are. */

#ifndef SERVER_ACL_H
#define SERVER_ACL_H

#include "base/buf.h"
#include "base/queue.h"
#include "command/acl_user.h"

struct conn;
struct server;

struct acl_log_entry {
    struct queue_node node;
    uint64_t count, changed_ms; /* wall, of the last time */
    enum acl_verdict reason;
    const char *context;        /* "toplevel", "multi", "lua" */
    struct buf object, user, client;
};

struct acl_log {
    struct queue entries; /* newest first */
    uint64_t count;
};

void acl_log_init(struct acl_log *l);
void acl_log_clear(struct acl_log *l);

/* Notes a refusal to c: object is the command, key or channel; user, whom a login named. */
void acl_log_command(struct conn *c, const struct exec *x, const struct acl_denial *denial);
void acl_log_login(struct conn *c, const struct exec *x, struct bytes user);

/* A login over HTTP. */
void acl_log_visitor(struct server *s, struct bytes user, const char *address);

/* NULL: gone; or a connection of the node's own (ACL_NODE_USER), which may do everything. */
const struct acl_user *conn_user(const struct conn *c);
/* Makes c the user's if the password opens it. */
bool conn_login(struct conn *c, struct bytes user, struct bytes password);
/* Whether c's user may run it now; if not, it is in the log, and *why_not is what to answer. */
bool acl_permits(struct conn *c, const struct command *command, const struct bytes *args,
                 uint32_t arg_count, struct buf *why_not);
/* Nothing is asked of who connects. */
bool acl_is_open(const struct server *s);

/* After the shard's turn: connections whose user is gone, or may not hear any more what they
 * subscribe to, are closed. */
void server_acl_turn(struct server *s);

#endif
