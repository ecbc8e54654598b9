/* connection.c -- commands of the connection group: the host answers all but ECHO. */

#include "command/table.h"

/* ECHO message */
static void echo(struct exec *x)
{
    reply_bulk(x, x->args[1]);
}

static const struct command client_subcommands[] = {
    {.name = "caching", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Whether the next command's keys are tracked."},
    {.name = "getname", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "2.6.9", .complexity = "O(1)",
     .summary = "The name of this connection."},
    {.name = "getredir", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.0.0", .complexity = "O(1)",
     .summary = "To whom this connection's invalidations go."},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "id", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT | CMD_LOADING |
         CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "5.0.0", .complexity = "O(1)",
     .summary = "The number of this connection."},
    {.name = "info", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Facts about this connection.", .tips = "nondeterministic_output"},
    {.name = "kill", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "2.4.0", .complexity = "O(N)",
     .summary = "Closes connections."},
    {.name = "list", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "2.4.0", .complexity = "O(N)",
     .summary = "Facts about all connections.", .tips = "nondeterministic_output"},
    {.name = "no-evict", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Spares this connection when clients are evicted."},
    {.name = "pause", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "2.9.50", .complexity = "O(1)",
     .summary = "Lets commands wait."},
    {.name = "reply", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "3.2.0", .complexity = "O(1)",
     .summary = "Turns replies on or off."},
    {.name = "setname", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "2.6.9", .complexity = "O(1)",
     .summary = "Names this connection."},
    {.name = "tracking", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Turns the tracking of keys on or off."},
    {.name = "trackinginfo", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.2.0", .complexity = "O(1)",
     .summary = "How this connection tracks keys."},
    {.name = "unblock", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "5.0.0", .complexity = "O(log N)",
     .summary = "Wakes a blocked connection."},
    {.name = "unpause", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.2.0", .complexity = "O(N)",
     .summary = "Ends a pause."},
    {.name = NULL},
};

const struct command connection_commands[] = {
    {.name = "auth", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY,
     .acl = ACL_CONNECTION, .group = "connection", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Proves who the client is."},
    {.name = "client", .arity = -2, .flags = 0,
     .group = "connection", .since = "2.4.0", .complexity = "Depends on subcommand.",
     .summary = "The connections of clients.",
     .subcommands = client_subcommands},
    {.name = "echo", .run = echo, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE |
         CMD_FAST,
     .acl = ACL_CONNECTION, .group = "connection", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Says what it was told."},
    {.name = "hello", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Chooses the protocol, and may authenticate."},
    {.name = "ping", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_FAST,
     .acl = ACL_CONNECTION, .group = "connection", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Answers PONG, or what it was told.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "quit", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY,
     .acl = ACL_CONNECTION, .group = "connection", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Closes the connection."},
    {.name = "reset", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY,
     .acl = ACL_CONNECTION, .group = "connection", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Makes the connection as new."},
    {.name = "select", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE |
         CMD_FAST,
     .acl = ACL_CONNECTION, .group = "connection", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Chooses the database."},
    {.name = NULL},
};
