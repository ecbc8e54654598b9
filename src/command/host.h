/* host.h -- what commands ask of whoever runs them: the server, through shard and machine. */

#ifndef COMMAND_HOST_H
#define COMMAND_HOST_H

#include "base/bytes.h"
#include "command/events.h"

struct acl_denial;
struct exec;

/* A key was changed; with name not NULL also a keyspace event of that class. */
struct key_change {
    uint32_t event_class;
    const char *name;
    uint32_t db;
    struct bytes key;
};

/* What commands ask of whoever runs them. Called on every node, in apply order, for writes. */
struct exec_host {
    /* A command may tell of one key more than once. */
    void (*changed)(void *context, const struct exec *x, const struct key_change *change);
    /* A whole database was emptied; db -1: all. */
    void (*flushed)(void *context, const struct exec *x, int64_t db);
    /* Runs a CMD_LOCAL command at its place, replying through x. Only where x->client is real. */
    void (*local)(void *context, struct exec *x);
    /* A command that is not CMD_LOCAL is about to run, at its client: the origin alone hears of
     * it, and may not touch rows. Or NULL. */
    void (*begins)(void *context, const struct exec *x);
    /* PUBLISH (is_shard: SPUBLISH) x->args of an EXEC or script that goes through the log: to each
     * node's own subscribers. Returns what the command replies in EXEC at its client. NULL: 0. */
    uint64_t (*publish)(void *context, const struct exec *x, bool is_shard);
    void (*ran)(void *context, const struct exec *x); /* of an EXEC, of a script; or NULL */
    /* A script has been running for a while, at its client: the others may be looked after.
     * may_end: it has changed nothing; true then ends it. Or NULL. */
    bool (*script_poll)(void *context, const struct exec *x, bool may_end);
    /* A script's command was refused (x->command NULL: unknown), at its client. Or NULL. */
    void (*refused)(void *context, const struct exec *x, const char *code);
    /* Its user has no right to run x->command, at its client. Or NULL. */
    void (*denied)(void *context, const struct exec *x, const struct acl_denial *denial);
};

#endif
