/* introspection.c -- COMMAND: what the table says of itself. Pure functions of table and arguments,
 * answered where they arrive.
 *
 * COMMAND INFO is Redis 7.0's byte for byte, but for the order of commands: ours is by name.
 * So is COMMAND DOCS but for the sentences, which are ours (docs.h). */

#include "command/args.h"
#include "command/docs.h"
#include "command/glob.h"
#include "command/keyspec.h"
#include "command/table.h"

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {CMD_WRITE, "write"},
    {CMD_READ, "readonly"},
    {CMD_DENY_OOM, "denyoom"},
    {CMD_ADMIN, "admin"},
    {CMD_PUBSUB, "pubsub"},
    {CMD_NO_SCRIPT, "noscript"},
    {CMD_BLOCKING, "blocking"},
    {CMD_LOADING, "loading"},
    {CMD_STALE, "stale"},
    {CMD_SKIP_MONITOR, "skip_monitor"},
    {CMD_SKIP_SLOWLOG, "skip_slowlog"},
    {CMD_ASKING, "asking"},
    {CMD_FAST, "fast"},
    {CMD_NO_AUTH, "no_auth"},
    {CMD_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {CMD_NO_ASYNC_LOADING, "no_async_loading"},
    {CMD_NO_MULTI, "no_multi"},
    {CMD_MOVABLE_KEYS, "movablekeys"},
    {CMD_ALLOW_BUSY, "allow_busy"},
};

static const struct {
    uint32_t flag;
    const char *name;
} key_flag_names[] = {
    {KEY_RO, "RO"},           {KEY_RW, "RW"},
    {KEY_OW, "OW"},           {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},   {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},   {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"}, {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE, "variable_flags"},
};

/* --- COMMAND INFO ----------------------------------------------------------------------------- */

static void reply_flags(struct exec *x, const struct command *c)
{
    const uint32_t hidden = c->flags & CMD_PLAIN ? CMD_READ | CMD_WRITE : 0;
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(flag_names); i++)
        if (c->flags & ~hidden & flag_names[i].flag) {
            reply_simple(x, flag_names[i].name);
            count++;
        }
    reply_set_end(x, begun, count);
}

static void reply_acl(struct exec *x, const struct command *c)
{
    const uint32_t acl = command_acl(c);
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    const char *name;
    for (size_t i = 0; (name = acl_category_name(i)) != NULL; i++)
        if (acl & (1u << i)) {
            char text[32] = "@";
            strncat(text, name, sizeof(text) - 2);
            reply_simple(x, text);
            count++;
        }
    reply_set_end(x, begun, count);
}

static void reply_tips(struct exec *x, const struct command *c)
{
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (const char *tip = c->tips; tip != NULL && *tip != '\0'; count++) {
        const char *end = strchr(tip, ' ');
        const size_t size = end == NULL ? strlen(tip) : (size_t)(end - tip);
        reply_bulk(x, bytes_of(tip, size));
        tip += size + (end != NULL);
    }
    reply_set_end(x, begun, count);
}

static void reply_key_flags(struct exec *x, uint32_t flags)
{
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(key_flag_names); i++)
        if (flags & key_flag_names[i].flag) {
            reply_simple(x, key_flag_names[i].name);
            count++;
        }
    reply_set_end(x, begun, count);
}

static void reply_key_begin(struct exec *x, const struct key_spec *s)
{
    static const char *const names[] = {"unknown", "index", "keyword"};
    reply_bulk_string(x, "begin_search");
    reply_map(x, 2);
    reply_bulk_string(x, "type");
    reply_bulk_string(x, names[s->begin]);
    reply_bulk_string(x, "spec");
    switch ((enum key_begin)s->begin) {
    case KEY_BEGIN_UNKNOWN:
        reply_map(x, 0);
        break;
    case KEY_BEGIN_INDEX:
        reply_map(x, 1);
        reply_bulk_string(x, "index");
        reply_int64(x, s->begin_at);
        break;
    case KEY_BEGIN_KEYWORD:
        reply_map(x, 2);
        reply_bulk_string(x, "keyword");
        reply_bulk_string(x, s->keyword);
        reply_bulk_string(x, "startfrom");
        reply_int64(x, s->begin_at);
        break;
    }
}

static void reply_key_find(struct exec *x, const struct key_spec *s)
{
    static const char *const names[] = {"unknown", "range", "keynum"};
    reply_bulk_string(x, "find_keys");
    reply_map(x, 2);
    reply_bulk_string(x, "type");
    reply_bulk_string(x, names[s->find]);
    reply_bulk_string(x, "spec");
    if (s->find == KEY_FIND_UNKNOWN) {
        reply_map(x, 0);
        return;
    }
    const bool range = s->find == KEY_FIND_RANGE;
    reply_map(x, 3);
    reply_bulk_string(x, range ? "lastkey" : "keynumidx");
    reply_int64(x, range ? s->last : 0);
    reply_bulk_string(x, range ? "keystep" : "firstkey");
    reply_int64(x, range ? s->step : 1);
    reply_bulk_string(x, range ? "limit" : "keystep");
    reply_int64(x, range ? s->limit : s->step);
}

static size_t spec_count(const struct command *c)
{
    size_t count = 0;
    while (count < KEY_SPECS_MAX && c->keys[count].flags != 0)
        count++;
    return count;
}

static void reply_key_specs(struct exec *x, const struct command *c)
{
    const size_t count = spec_count(c);
    reply_set(x, count);
    for (size_t i = 0; i < count; i++) {
        const struct key_spec *s = &c->keys[i];
        reply_map(x, s->note != NULL ? 4 : 3);
        if (s->note != NULL) {
            reply_bulk_string(x, "notes");
            reply_bulk_string(x, s->note);
        }
        reply_bulk_string(x, "flags");
        reply_key_flags(x, s->flags);
        reply_key_begin(x, s);
        reply_key_find(x, s);
    }
}

/* First key, last key and step as they were told before there were key specs: of all specs by
 * index, while they follow upon each other (redis populateCommandLegacyRangeSpec). */
static void reply_legacy_range(struct exec *x, const struct command *c)
{
    int first = 0, last = 0, step = 0;
    const size_t count = spec_count(c);
    for (size_t i = 0; i < count; i++) {
        const struct key_spec *s = &c->keys[i];
        if (s->begin != KEY_BEGIN_INDEX || s->find != KEY_FIND_RANGE)
            continue;
        if (first != 0 && (s->step != 1 || step != 1 || last != s->begin_at - 1))
            continue;
        if (first == 0)
            first = s->begin_at;
        last = s->last >= 0 ? s->begin_at + s->last : s->last;
        step = s->step;
    }
    reply_int64(x, first);
    reply_int64(x, last);
    reply_int64(x, step);
}

static void reply_info(struct exec *x, const struct command *c)
{
    if (c == NULL) {
        reply_null(x);
        return;
    }
    char name[COMMAND_NAME_MAX];
    reply_array(x, 10);
    reply_bulk(x, command_full_name(c, name));
    reply_int64(x, c->arity);
    reply_flags(x, c);
    reply_legacy_range(x, c);
    reply_acl(x, c);
    reply_tips(x, c);
    reply_key_specs(x, c);
    const size_t count = command_listed_parts(c);
    reply_set(x, count);
    for (size_t i = 0; count > 0 && c->subcommands[i].name != NULL; i++)
        if (!(c->subcommands[i].flags & CMD_UNLISTED))
            reply_info(x, &c->subcommands[i]); /* one level deep: subcommands have none */
}

/* COMMAND -> facts about all commands */
static void show_all(struct exec *x)
{
    reply_array(x, command_count());
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++)
        reply_info(x, c);
}

/* COMMAND COUNT */
static void show_count(struct exec *x)
{
    reply_int64(x, (int64_t)command_count());
}

/* COMMAND INFO [name ...] */
static void show_info(struct exec *x)
{
    if (x->arg_count == 2) {
        show_all(x);
        return;
    }
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++)
        reply_info(x, command_by_name(x->args[i]));
}

/* --- COMMAND DOCS ----------------------------------------------------------------------------- */

/* COMMAND DOCS [name ...]; unknown names are left out */
static void show_docs(struct exec *x)
{
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    const struct command *c;
    for (size_t i = 0; x->arg_count == 2 && (c = command_at(i)) != NULL; i++, count++)
        docs_reply(x, c);
    for (uint32_t i = 2; i < x->arg_count; i++)
        if ((c = command_by_name(x->args[i])) != NULL) {
            docs_reply(x, c);
            count++;
        }
    reply_map_end(x, begun, count);
}

/* --- COMMAND LIST ----------------------------------------------------------------------------- */

struct list_filter {
    uint32_t acl;           /* 0: no filter by category */
    bool nothing;           /* a category or module that does not exist */
    bool by_pattern;
    struct bytes pattern;
};

static void list_one(struct exec *x, const struct command *c, const struct list_filter *f,
                     size_t *count)
{
    if (c->flags & CMD_UNLISTED)
        return;
    char name[COMMAND_NAME_MAX];
    const struct bytes full = command_full_name(c, name);
    if (f->nothing || (f->acl != 0 && !(command_acl(c) & f->acl)) ||
        (f->by_pattern && !glob_match(f->pattern, full, true)))
        return;
    reply_bulk(x, full);
    ++*count;
}

static bool parse_filter(struct exec *x, struct list_filter *f)
{
    if (!arg_is(x, 2, "filterby") || x->arg_count != 5)
        return false;
    if (arg_is(x, 3, "aclcat")) {
        f->nothing = true;
        const char *name;
        for (size_t i = 0; (name = acl_category_name(i)) != NULL; i++)
            if (bytes_equal_nocase_string(x->args[4], name)) {
                f->acl = 1u << i;
                f->nothing = false;
            }
    } else if (arg_is(x, 3, "module")) {
        f->nothing = true; /* there are no modules */
    } else if (arg_is(x, 3, "pattern")) {
        f->by_pattern = true;
        f->pattern = x->args[4];
    } else {
        return false;
    }
    return true;
}

/* COMMAND LIST [FILTERBY ACLCAT category | PATTERN pattern | MODULE name] */
static void show_list(struct exec *x)
{
    struct list_filter f = {0};
    if (x->arg_count > 2 && !parse_filter(x, &f)) {
        reply_syntax_error(x);
        return;
    }
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        list_one(x, c, &f, &count);
        for (const struct command *sub = c->subcommands; sub != NULL && sub->name != NULL; sub++)
            list_one(x, sub, &f, &count);
    }
    reply_set_end(x, begun, count);
}

/* --- COMMAND GETKEYS -------------------------------------------------------------------------- */

static void reply_keys(struct exec *x, bool with_flags)
{
    const struct bytes *args = x->args + 2;
    const uint32_t arg_count = x->arg_count - 2;
    const struct command *c = command_find(args, arg_count, NULL);
    if (c == NULL) {
        reply_error(x, "ERR Invalid command specified");
        return;
    }
    if (spec_count(c) == 0 || (c->keys[0].flags & KEY_NOT_KEY)) {
        reply_error(x, "ERR The command has no key arguments");
        return;
    }
    if (!command_arity_fits(c, arg_count)) {
        reply_error(x, "ERR Invalid number of arguments specified for command");
        return;
    }
    struct key_list list;
    const bool sense = keyspec_extract(c, args, arg_count, x->arena, &list);
    if ((!sense || list.count == 0) && !(c->flags & CMD_NO_MANDATORY_KEYS)) {
        reply_error(x, "ERR Invalid arguments specified for command");
        return;
    }
    reply_array(x, list.count);
    for (size_t i = 0; i < list.count; i++) {
        if (with_flags)
            reply_array(x, 2);
        reply_bulk(x, args[list.keys[i].position]);
        if (with_flags)
            reply_key_flags(x, list.keys[i].flags);
    }
}

/* COMMAND GETKEYS command [arg ...] */
static void show_getkeys(struct exec *x)
{
    reply_keys(x, false);
}

/* COMMAND GETKEYSANDFLAGS command [arg ...] */
static void show_getkeysandflags(struct exec *x)
{
    reply_keys(x, true);
}

/* COMMAND HELP */
static void show_help(struct exec *x)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Facts about all commands.",
        "COUNT",
        "    How many commands there are.",
        "LIST [FILTERBY ACLCAT <category> | PATTERN <pattern> | MODULE <module>]",
        "    The names of commands.",
        "INFO [<command-name> ...]",
        "    Facts about the named commands, or about all.",
        "DOCS [<command-name> ...]",
        "    Descriptions of the named commands, or of all.",
        "GETKEYS <full-command>",
        "    The keys among the arguments of a command.",
        "GETKEYSANDFLAGS <full-command>",
        "    The keys among the arguments, and what the command does to them.",
        NULL,
    };
    reply_help(x, lines);
}

static const struct command command_subcommands[] = {
    {.name = "count", .run = show_count, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "2.8.13", .complexity = "O(1)",
     .summary = "How many commands there are."},
    {.name = "docs", .run = show_docs, .arity = -2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Descriptions of commands.", .tips = "nondeterministic_output_order"},
    {.name = "getkeys", .run = show_getkeys, .arity = -4, .flags = CMD_PURE | CMD_LOADING |
         CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "2.8.13", .complexity = "O(N)",
     .summary = "The keys among the arguments of a command."},
    {.name = "getkeysandflags", .run = show_getkeysandflags, .arity = -4, .flags = CMD_PURE |
         CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The keys among the arguments, and what is done to them."},
    {.name = "help", .run = show_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "info", .run = show_info, .arity = -2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "2.8.13", .complexity = "O(N)",
     .summary = "Facts about the named commands.", .tips = "nondeterministic_output_order"},
    {.name = "list", .run = show_list, .arity = -2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The names of commands, all or filtered.", .tips = "nondeterministic_output_order"},
    {.name = NULL},
};

const struct command introspection_commands[] = {
    {.name = "command", .run = show_all, .arity = -1, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_CONNECTION, .group = "server", .since = "2.8.13", .complexity = "O(N)",
     .summary = "Facts about all commands.", .tips = "nondeterministic_output_order",
     .subcommands = command_subcommands},
    {.name = NULL},
};
