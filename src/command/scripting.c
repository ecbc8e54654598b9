/* scripting.c -- scripts and functions: rows of the table. What runs is above this layer
 * (machine/script.c, machine/script_function.c), since scripts run commands themselves. */

#include "command/args.h"
#include "command/table.h"

static void script_help(struct exec *x)
{
    static const char *const lines[] = {
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    Refused: there is no debugger here.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tells which of these scripts are stored.",
        "FLUSH [ASYNC|SYNC]",
        "    Forgets all stored scripts, on all nodes. Both modes are the same here.",
        "KILL",
        "    Ends the script that runs on this node, if it has not written.",
        "LOAD <script>",
        "    Stores a script, on all nodes, without running it.",
        NULL,
    };
    reply_help(x, lines);
}

static void function_help(struct exec *x)
{
    static const char *const lines[] = {
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Stores a library of functions, on all nodes.",
        "DELETE <LIBRARY NAME>",
        "    Deletes a library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Tells of the libraries and their functions.",
        "STATS",
        "    Tells which function runs on this node, and how many there are.",
        "KILL",
        "    Ends the function that runs on this node, if it has not written.",
        "FLUSH [ASYNC|SYNC]",
        "    Deletes all libraries. Both modes are the same here.",
        "DUMP",
        "    Gives all libraries as bytes for RESTORE.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Makes libraries of such bytes: in place of all, beside them (the default), or in",
        "    place of those of the same name.",
        NULL,
    };
    reply_help(x, lines);
}

static void script_debug(struct exec *x)
{
    if (!arg_is(x, 2, "yes") && !arg_is(x, 2, "sync") && !arg_is(x, 2, "no"))
        reply_error(x, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
    else if (arg_is(x, 2, "no"))
        reply_ok(x);
    else
        reply_error(x, "ERR AvowDB has no debugger of scripts");
}

static const struct command function_subcommands[] = {
    {.name = "delete", .arity = 3, .flags = CMD_MACHINE | CMD_WRITE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Deletes a library.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "dump", .arity = 2, .flags = CMD_MACHINE | CMD_READ | CMD_PLAIN |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "All libraries in serialized form."},
    {.name = "flush", .arity = -2, .flags = CMD_MACHINE | CMD_WRITE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Deletes all libraries.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "help", .run = function_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "kill", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Ends the function that runs.",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {.name = "list", .arity = -2, .flags = CMD_MACHINE | CMD_READ | CMD_PLAIN |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The libraries and their functions.", .tips = "nondeterministic_output_order"},
    {.name = "load", .arity = -3, .flags = CMD_MACHINE | CMD_WRITE | CMD_DENY_OOM | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Creates a library.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "restore", .arity = -3, .flags = CMD_MACHINE | CMD_WRITE | CMD_DENY_OOM |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Makes libraries from the bytes that FUNCTION DUMP gave.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "stats", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "What function runs, and the engines.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = NULL},
};

static const struct command script_subcommands[] = {
    {.name = "debug", .run = script_debug, .arity = 3, .flags = CMD_PURE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "3.2.0", .complexity = "O(1)",
     .summary = "Turns the debugging of scripts on or off."},
    {.name = "exists", .arity = -3, .flags = CMD_MACHINE | CMD_READ | CMD_PLAIN |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Which of the scripts are stored.",
     .tips = "request_policy:all_shards response_policy:agg_logical_and"},
    {.name = "flush", .arity = -2, .flags = CMD_MACHINE | CMD_WRITE | CMD_PLAIN |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Forgets all stored scripts.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = "help", .run = script_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "kill", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Ends the script that runs.",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {.name = "load", .arity = 3, .flags = CMD_MACHINE | CMD_WRITE | CMD_PLAIN |
         CMD_NO_SCRIPT | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Stores a script.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = NULL},
};

const struct command scripting_commands[] = {
    {.name = "eval", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_NO_SCRIPT | CMD_STALE |
         CMD_MAY_REPLICATE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE, .note = NOTE_SCRIPT_RW)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a Lua script."},
    {.name = "eval_ro", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_READ |
         CMD_NO_SCRIPT |
         CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RO | KEY_ACCESS, .note = NOTE_SCRIPT_RO)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a Lua script that only reads."},
    {.name = "evalsha", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_NO_SCRIPT |
         CMD_STALE |
         CMD_MAY_REPLICATE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a stored Lua script, named by its hash."},
    {.name = "evalsha_ro", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_READ |
         CMD_NO_SCRIPT |
         CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a stored Lua script that only reads."},
    {.name = "fcall", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_NO_SCRIPT | CMD_STALE |
         CMD_MAY_REPLICATE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE, .note = NOTE_SCRIPT_RW)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the function that is executed.",
     .summary = "Calls a function."},
    {.name = "fcall_ro", .arity = -3, .flags = CMD_MACHINE | CMD_TRY_READ | CMD_READ |
         CMD_NO_SCRIPT |
         CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RO | KEY_ACCESS, .note = NOTE_SCRIPT_RO)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the function that is executed.",
     .summary = "Calls a function that only reads."},
    {.name = "function", .arity = -2, .flags = 0,
     .group = "scripting", .since = "7.0.0", .complexity = "Depends on subcommand.",
     .summary = "Libraries of functions.",
     .subcommands = function_subcommands},
    {.name = "script", .arity = -2, .flags = 0,
     .group = "scripting", .since = "2.6.0", .complexity = "Depends on subcommand.",
     .summary = "Stored Lua scripts.",
     .subcommands = script_subcommands},
    {.name = NULL},
};
