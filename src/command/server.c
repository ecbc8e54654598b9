/* server.c -- commands of the server group. What concerns data is here: FLUSHALL, SWAPDB, DBSIZE,
 * MEMORY USAGE. The others are rows only: the host of the node answers them. */

#include "command/args.h"
#include "command/settings.h"
#include "command/table.h"

/* FLUSHDB and FLUSHALL [ASYNC | SYNC]: both only bury, so that they are one */
static bool parse_flush(struct exec *x)
{
    if (x->arg_count == 1 || (x->arg_count == 2 && (arg_is(x, 1, "sync") || arg_is(x, 1, "async"))))
        return true;
    reply_syntax_error(x);
    return false;
}

/* FLUSHDB [ASYNC | SYNC] */
static void flushdb(struct exec *x)
{
    if (!parse_flush(x))
        return;
    keyspace_flush(x->keyspace, x->db);
    x->host->flushed(x->host_context, x, x->db);
    reply_ok(x);
}

/* FLUSHALL [ASYNC | SYNC] */
static void flushall(struct exec *x)
{
    if (!parse_flush(x))
        return;
    for (uint32_t db = 0; db < keyspace_database_count(x->keyspace); db++)
        if (keyspace_size(x->keyspace, db) > 0)
            keyspace_flush(x->keyspace, db);
    x->host->flushed(x->host_context, x, -1);
    reply_ok(x);
}

/* SWAPDB index1 index2 */
static void swapdb(struct exec *x)
{
    int64_t first, second;
    uint32_t a, b;
    if (!arg_int32(x, 1, "ERR invalid first DB index", &first) ||
        !arg_int32(x, 2, "ERR invalid second DB index", &second) ||
        !database_of(x, first, &a) || !database_of(x, second, &b))
        return;
    if (a != b) {
        keyspace_swap(x->keyspace, a, b);
        x->host->flushed(x->host_context, x, a); /* for all that readers remember of their keys */
        x->host->flushed(x->host_context, x, b);
    }
    reply_ok(x);
}

/* DBSIZE */
static void dbsize(struct exec *x)
{
    reply_int64(x, (int64_t)keyspace_size(x->keyspace, x->db));
}

/* MEMORY USAGE key [SAMPLES count]: the logical size, the same on every node */
static void memory_usage(struct exec *x)
{
    for (uint32_t i = 3; i < x->arg_count; i += 2) {
        int64_t samples;
        if (!arg_is(x, i, "samples") || i + 1 == x->arg_count) {
            reply_syntax_error(x);
            return;
        }
        if (!arg_int64(x, i + 1, &samples))
            return;
        if (samples < 0) {
            reply_syntax_error(x);
            return;
        }
    }
    struct object o;
    if (!open_key_or_null(x, 2, TYPE_NONE, &o))
        return;
    reply_int64(x, (int64_t)o.size_bytes);
    object_close(&o);
}

/* MEMORY HELP */
static void memory_help(struct exec *x)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    A report on memory.",
        "MALLOC-STATS",
        "    What the allocator says.",
        "PURGE",
        "    Asks the allocator to give memory back.",
        "STATS",
        "    Where the memory went.",
        "USAGE <key> [SAMPLES <count>]",
        "    The bytes the key and its value take.",
        NULL,
    };
    reply_help(x, lines);
}

static const struct command config_subcommands[] = {
    {.name = "get", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.0.0", .complexity = "O(N)",
     .summary = "The values of settings."},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "resetstat", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets the statistics to zero."},
    {.name = "rewrite", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.0", .complexity = "O(1)",
     .summary = "Writes the settings to the file."},
    {.name = "set", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Changes settings.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = NULL},
};

static const struct command latency_subcommands[] = {
    {.name = "doctor", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "A report on what took long.",
     .tips = "nondeterministic_output request_policy:all_nodes response_policy:special"},
    {.name = "graph", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "A latency event drawn in ASCII.",
     .tips = "nondeterministic_output request_policy:all_nodes response_policy:special"},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "histogram", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "7.0.0", .complexity = "O(N)",
     .summary = "How long commands took, as a distribution.",
     .tips = "nondeterministic_output request_policy:all_nodes response_policy:special"},
    {.name = "history", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "The samples of a latency event.",
     .tips = "nondeterministic_output request_policy:all_nodes response_policy:special"},
    {.name = "latest", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "The last sample of each latency event.",
     .tips = "nondeterministic_output request_policy:all_nodes response_policy:special"},
    {.name = "reset", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "Forgets the samples of latency events.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = NULL},
};

static const struct command memory_subcommands[] = {
    {.name = "doctor", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER,
     .group = "server", .since = "4.0.0", .complexity = "O(1)",
     .summary = "A report on memory.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "help", .run = memory_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "4.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "malloc-stats", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER,
     .group = "server", .since = "4.0.0", .complexity = "O(N)",
     .summary = "What the allocator says.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "purge", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER,
     .group = "server", .since = "4.0.0", .complexity = "O(N)",
     .summary = "Asks the allocator to give memory back.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "stats", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER,
     .group = "server", .since = "4.0.0", .complexity = "O(1)",
     .summary = "Where the memory went.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "usage", .run = memory_usage, .arity = -3, .flags = CMD_READ | CMD_NO_TOUCH,
     .keys = {KEY(2, KEY_RO)},
     .group = "server", .since = "4.0.0", .complexity = "O(N)",
     .summary = "The bytes a key and its value take."},
    {.name = NULL},
};

static const struct command module_subcommands[] = {
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "list", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT,
     .group = "server", .since = "4.0.0", .complexity = "O(N)",
     .summary = "The modules loaded.", .tips = "nondeterministic_output_order"},
    {.name = "load", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "4.0.0", .complexity = "O(1)",
     .summary = "Loads a module."},
    {.name = "loadex", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Loads a module with settings."},
    {.name = "unload", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "4.0.0", .complexity = "O(1)",
     .summary = "Unloads a module."},
    {.name = NULL},
};

static const struct command slowlog_subcommands[] = {
    {.name = "get", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_LOADING |
         CMD_STALE,
     .group = "server", .since = "2.2.12", .complexity = "O(N)",
     .summary = "Entries of the slow log.",
     .tips = "request_policy:all_nodes nondeterministic_output"},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "len", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_LOADING |
         CMD_STALE,
     .group = "server", .since = "2.2.12", .complexity = "O(1)",
     .summary = "How many entries the slow log has.",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {.name = "reset", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_LOADING |
         CMD_STALE,
     .group = "server", .since = "2.2.12", .complexity = "O(N)",
     .summary = "Empties the slow log.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = NULL},
};

const struct command server_commands[] = {
    {.name = "bgrewriteaof", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Compacts what is stored for durability."},
    {.name = "bgsave", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Saves the data set in the background."},
    {.name = "config", .arity = -2, .flags = 0,
     .group = "server", .since = "2.0.0", .complexity = "Depends on subcommand.",
     .summary = "The server's settings.",
     .subcommands = config_subcommands},
    {.name = "dbsize", .run = dbsize, .arity = 1, .flags = CMD_READ | CMD_FAST,
     .acl = ACL_KEYSPACE, .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "How many keys the database holds.",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
    {.name = "failover", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_STALE,
     .group = "server", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Hands leadership to another node."},
    {.name = "flushall", .run = flushall, .arity = -1, .flags = CMD_WRITE,
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "server", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Deletes all keys of all databases.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "flushdb", .run = flushdb, .arity = -1, .flags = CMD_WRITE,
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "server", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Deletes all keys of the database.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "info", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .acl = ACL_DANGEROUS, .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "The server's state and statistics.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "lastsave", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING |
         CMD_STALE | CMD_FAST,
     .acl = ACL_ADMIN | ACL_DANGEROUS, .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "When the data set was last saved.", .tips = "nondeterministic_output"},
    {.name = "latency", .arity = -2, .flags = 0,
     .group = "server", .since = "2.8.13", .complexity = "Depends on subcommand.",
     .summary = "What took long, and when.",
     .subcommands = latency_subcommands},
    {.name = "lolwut", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_READ | CMD_FAST,
     .group = "server", .since = "5.0.0", .summary = "The version, and a picture."},
    {.name = "memory", .arity = -2, .flags = 0,
     .group = "server", .since = "4.0.0", .complexity = "Depends on subcommand.",
     .summary = "What memory is used for.",
     .subcommands = memory_subcommands},
    {.name = "module", .arity = -2, .flags = 0,
     .group = "server", .since = "4.0.0", .complexity = "Depends on subcommand.",
     .summary = "Loadable modules.",
     .subcommands = module_subcommands},
    {.name = "monitor", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "1.0.0", .summary = "Streams every command the server runs."},
    {.name = "psync", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
     .group = "server", .since = "2.8.0", .summary = "What a replica says to its master."},
    {.name = "replconf", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY | CMD_SYSTEM,
     .group = "server", .since = "3.0.0", .complexity = "O(1)",
     .summary = "What a replica tells its master about itself."},
    {.name = "replicaof", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Makes the server a replica."},
    {.name = "role", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE | CMD_FAST,
     .acl = ACL_ADMIN | ACL_DANGEROUS, .group = "server", .since = "2.8.12", .complexity = "O(1)",
     .summary = "The role in replication."},
    {.name = "save", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
     .group = "server", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Saves the data set, and waits for it."},
    {.name = "shutdown", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_ALLOW_BUSY,
     .group = "server", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Ends the server."},
    {.name = "slaveof", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "server", .since = "1.0.0", .complexity = "O(1)",
     .summary = "The old name of REPLICAOF.",
     .deprecated_since = "5.0.0", .replaced_by = "`REPLICAOF`"},
    {.name = "slowlog", .arity = -2, .flags = 0,
     .group = "server", .since = "2.2.12", .complexity = "Depends on subcommand.",
     .summary = "The commands that took longest.",
     .subcommands = slowlog_subcommands},
    {.name = "swapdb", .run = swapdb, .arity = 3, .flags = CMD_WRITE | CMD_FAST,
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "server", .since = "4.0.0", .complexity = "O(N)",
     .summary = "Swaps two databases."},
    {.name = "sync", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
     .group = "server", .since = "1.0.0", .summary = "What an old replica says to its master."},
    {.name = "time", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE |
         CMD_FAST,
     .group = "server", .since = "2.6.0", .complexity = "O(1)",
     .summary = "The server's time.", .tips = "nondeterministic_output"},
    {.name = NULL},
};
