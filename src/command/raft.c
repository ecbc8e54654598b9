/* raft.c -- rows of RAFT, a command of our own: the host answers it. */

#include "command/table.h"

#define HOST (CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE)

static const struct command raft_subcommands[] = {
    {.name = "add", .arity = -3, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Makes an empty node a member."},
    {.name = "backup", .arity = 3, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Copies this node's state and log to a directory of it."},
    {.name = "digest", .arity = 2, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(1)", .summary = "Applied index and running digest of this node."},
    {.name = "doctor", .arity = 2, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(1)", .summary = "What is wrong with the cluster, and what to do."},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "cluster", .since = "7.0.0", .complexity = "O(1)", .summary = "What RAFT can do."},
    {.name = "log", .arity = -3, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Entries of this node's log in words."},
    {.name = "phases", .arity = -2, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Where the slow log's commands were before they ran."},
    {.name = "promote", .arity = 3, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Gives a learner a vote."},
    {.name = "remove", .arity = 3, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(1)", .summary = "Takes a member out of the cluster."},
    {.name = "replace", .arity = 4, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(N)", .summary = "Puts an empty node in a member's place."},
    {.name = "status", .arity = 2, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(1)", .summary = "This node's view of the cluster."},
    {.name = "transfer", .arity = -2, .flags = HOST, .group = "cluster", .since = "7.0.0",
     .complexity = "O(1)", .summary = "Hands leadership over."},
    {.name = NULL},
};

const struct command raft_commands[] = {
    {.name = "raft", .arity = -2, .flags = 0, .group = "cluster", .since = "7.0.0",
     .complexity = "Depends on subcommand.", .summary = "A container for the Raft of this cluster.",
     .subcommands = raft_subcommands},
    {.name = NULL},
};
