/* acl.c -- ACL's rows: users belong to the host, the categories to the table. */

#include "command/table.h"

static const struct command acl_subcommands[] = {
    {.name = "cat", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "The categories of commands, or the commands of one."},
    {.name = "deluser", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Deletes users."},
    {.name = "dryrun", .arity = -4, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Whether a user could run a command."},
    {.name = "genpass", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "A random password."},
    {.name = "getuser", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "The rules of a user."},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "list", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "All users with their rules."},
    {.name = "load", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Reads the users from the file."},
    {.name = "log", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "What was refused lately."},
    {.name = "save", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Writes the users to the file."},
    {.name = "setuser", .arity = -3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Creates or changes a user."},
    {.name = "users", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "The names of all users."},
    {.name = "whoami", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "The user of this connection."},
    {.name = NULL},
};

const struct command acl_commands[] = {
    {.name = "acl", .arity = -2, .flags = 0,
     .group = "server", .since = "6.0.0", .complexity = "Depends on subcommand.",
     .summary = "Users and what they may do.",
     .subcommands = acl_subcommands},
    {.name = NULL},
};
