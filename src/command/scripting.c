/* scripting.c -- scripts and functions: rows, not supported yet. Only to forget all of them is
 * possible already: there are none. Test suites and libraries begin with it. */

#include "command/args.h"
#include "command/table.h"

static bool may_flush(const struct exec *x)
{
    return x->arg_count == 2 ||
           (x->arg_count == 3 && (arg_is(x, 2, "sync") || arg_is(x, 2, "async")));
}

/* FUNCTION FLUSH [ASYNC | SYNC] */
static void function_flush(struct exec *x)
{
    if (x->arg_count > 3)
        reply_errorf(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'."
                        " Try FUNCTION HELP.", (int)x->args[1].size, (const char *)x->args[1].data);
    else if (!may_flush(x))
        reply_error(x, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    else
        reply_ok(x);
}

/* SCRIPT FLUSH [ASYNC | SYNC] */
static void script_flush(struct exec *x)
{
    if (may_flush(x))
        reply_ok(x);
    else
        reply_error(x, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
}

static const struct command function_subcommands[] = {
    {.name = "delete", .arity = 3, .flags = CMD_NOT_YET | CMD_WRITE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Deletes a library.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "dump", .arity = 2, .flags = CMD_NOT_YET | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "All libraries in serialized form."},
    {.name = "flush", .run = function_flush, .arity = -2, .flags = CMD_WRITE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Deletes all libraries.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "help", .arity = 2, .flags = CMD_NOT_YET | CMD_LOADING | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "kill", .arity = 2, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Ends the function that runs.",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {.name = "list", .arity = -2, .flags = CMD_NOT_YET | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The libraries and their functions.", .tips = "nondeterministic_output_order"},
    {.name = "load", .arity = -3, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Creates a library.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "restore", .arity = -3, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM |
         CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Makes libraries from the bytes that FUNCTION DUMP gave.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "stats", .arity = 2, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0", .complexity = "O(1)",
     .summary = "What function runs, and the engines.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = NULL},
};

static const struct command script_subcommands[] = {
    {.name = "debug", .arity = 3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "3.2.0", .complexity = "O(1)",
     .summary = "Turns the debugging of scripts on or off."},
    {.name = "exists", .arity = -3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Which of the scripts are stored.",
     .tips = "request_policy:all_shards response_policy:agg_logical_and"},
    {.name = "flush", .run = script_flush, .arity = -2, .flags = CMD_PURE | CMD_NO_SCRIPT,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Forgets all stored scripts.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = "help", .arity = 2, .flags = CMD_NOT_YET | CMD_LOADING | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "kill", .arity = 2, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_ALLOW_BUSY,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Ends the script that runs.",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {.name = "load", .arity = 3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_STALE,
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Stores a script.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = NULL},
};

const struct command scripting_commands[] = {
    {.name = "eval", .arity = -3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_STALE |
         CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE, .note = NOTE_SCRIPT_RW)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a Lua script."},
    {.name = "eval_ro", .arity = -3, .flags = CMD_NOT_YET | CMD_READ | CMD_NO_SCRIPT |
         CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RO | KEY_ACCESS, .note = NOTE_SCRIPT_RO)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a Lua script that only reads."},
    {.name = "evalsha", .arity = -3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_STALE |
         CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "2.6.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a stored Lua script, named by its hash."},
    {.name = "evalsha_ro", .arity = -3, .flags = CMD_NOT_YET | CMD_READ | CMD_NO_SCRIPT |
         CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the script that is executed.",
     .summary = "Runs a stored Lua script that only reads."},
    {.name = "fcall", .arity = -3, .flags = CMD_NOT_YET | CMD_NO_SCRIPT | CMD_STALE |
         CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_UPDATE, .note = NOTE_SCRIPT_RW)},
     .acl = ACL_SCRIPTING, .group = "scripting", .since = "7.0.0",
         .complexity = "Depends on the function that is executed.",
     .summary = "Calls a function."},
    {.name = "fcall_ro", .arity = -3, .flags = CMD_NOT_YET | CMD_READ | CMD_NO_SCRIPT |
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
