/* transaction.c -- WATCH, and the rows of what the session does by itself: MULTI, EXEC, DISCARD,
 * UNWATCH (ARCHITECTURE §3.3). */

#include "command/args.h"
#include "command/table.h"

/* WATCH key ... Runs as a read, in answer to the session and not to the client: an array with, for
 * each key, an array of two integers: the internal number of its database, and its stamp (0 when it
 * is absent or due). The session keeps them and answers OK. */
static void watch(struct exec *x)
{
    const uint32_t number = keyspace_database_number(x->keyspace, x->db);
    reply_array(x, x->arg_count - 1);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        struct object o;
        const bool there = object_open(x->keyspace, x->db, x->args[i], &o);
        reply_array(x, 2);
        reply_int64(x, number);
        reply_int64(x, there ? (int64_t)o.stamp : 0);
        object_close(&o);
    }
}

const struct command transaction_commands[] = {
    {.name = "discard", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
     .acl = ACL_TRANSACTION, .group = "transactions", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Drops the transaction."},
    {.name = "exec", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_SKIP_SLOWLOG,
     .acl = ACL_TRANSACTION, .group = "transactions", .since = "1.2.0",
         .complexity = "Depends on commands in the transaction.",
     .summary = "Runs the transaction."},
    {.name = "multi", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
     .acl = ACL_TRANSACTION, .group = "transactions", .since = "1.2.0", .complexity = "O(1)",
     .summary = "Begins a transaction."},
    {.name = "unwatch", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
     .acl = ACL_TRANSACTION, .group = "transactions", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Forgets the watched keys."},
    {.name = "watch", .run = watch, .arity = -2, .flags = CMD_READ | CMD_PLAIN | CMD_BARRIER |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO)},
     .acl = ACL_TRANSACTION, .group = "transactions", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Lets EXEC fail when one of the keys has changed."},
    {.name = NULL},
};
