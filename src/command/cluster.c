/* cluster.c -- rows of the cluster group: the host answers them. */

#include "command/table.h"

static const struct command cluster_subcommands[] = {
    {.name = "addslots", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "Gives slots to this node."},
    {.name = "addslotsrange", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Gives ranges of slots to this node."},
    {.name = "bumpepoch", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Raises the configuration epoch.", .tips = "nondeterministic_output"},
    {.name = "count-failure-reports", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "How many nodes report a node as failing.", .tips = "nondeterministic_output"},
    {.name = "countkeysinslot", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "How many keys a slot has."},
    {.name = "delslots", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "Takes slots from this node."},
    {.name = "delslotsrange", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Takes ranges of slots from this node."},
    {.name = "failover", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Makes a node take over."},
    {.name = "flushslots", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Takes all slots from this node."},
    {.name = "forget", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Removes a node."},
    {.name = "getkeysinslot", .arity = 4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(log(N))",
     .summary = "Names of keys in a slot.", .tips = "nondeterministic_output"},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "cluster", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "info", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "The cluster's state.", .tips = "nondeterministic_output"},
    {.name = "keyslot", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "The slot of a key."},
    {.name = "links", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The connections between nodes.", .tips = "nondeterministic_output"},
    {.name = "meet", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Adds a node."},
    {.name = "myid", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "The id of this node."},
    {.name = "nodes", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "All nodes, one a line.", .tips = "nondeterministic_output"},
    {.name = "replicas", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE,
     .group = "cluster", .since = "5.0.0", .complexity = "O(1)",
     .summary = "The replicas of a node.", .tips = "nondeterministic_output"},
    {.name = "replicate", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Makes this node a replica of another."},
    {.name = "reset", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "Makes the node as new."},
    {.name = "saveconfig", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Writes the cluster's configuration to disk."},
    {.name = "set-config-epoch", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_STALE | CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Sets the configuration epoch of a new node."},
    {.name = "setslot", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE |
         CMD_NO_ASYNC_LOADING,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Ties a slot to a node, or moves it."},
    {.name = "shards", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The shards: their slots and nodes.", .tips = "nondeterministic_output"},
    {.name = "slaves", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "The old name of CLUSTER REPLICAS.", .tips = "nondeterministic_output",
     .deprecated_since = "5.0.0", .replaced_by = "`CLUSTER REPLICAS`"},
    {.name = "slots", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .complexity = "O(N)",
     .summary = "Which node has which slots.", .tips = "nondeterministic_output",
     .deprecated_since = "7.0.0", .replaced_by = "`CLUSTER SHARDS`"},
    {.name = NULL},
};

const struct command cluster_commands[] = {
    {.name = "asking", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_FAST,
     .acl = ACL_CONNECTION, .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Says that the next command follows an ASK redirection."},
    {.name = "cluster", .arity = -2, .flags = 0,
     .group = "cluster", .since = "3.0.0", .complexity = "Depends on subcommand.",
     .summary = "The cluster's nodes and slots.",
     .subcommands = cluster_subcommands},
    {.name = "readonly", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING |
         CMD_STALE | CMD_FAST,
     .acl = ACL_CONNECTION, .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Allows reads of a replica's data on this connection."},
    {.name = "readwrite", .arity = 1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING |
         CMD_STALE | CMD_FAST,
     .acl = ACL_CONNECTION, .group = "cluster", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Ends READONLY."},
    {.name = NULL},
};
