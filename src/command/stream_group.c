/* stream_group.c -- XGROUP: groups and their consumers are made, set and deleted. */

#include "command/stream_group.h"

#include "command/table.h"

void reply_no_group(struct exec *x)
{
    reply_errorf(x, "NOGROUP No such consumer group '%s' for key name '%s'",
                 arena_string(x->arena, x->args[3]), arena_string(x->arena, x->args[2]));
}

struct group_options {
    bool make_stream;
    int64_t entries_read;
};

/* From argument 5 on. False: it has replied. */
static bool parse_options(struct exec *x, bool may_make, struct group_options *options)
{
    *options = (struct group_options){.entries_read = ENTRIES_READ_UNKNOWN};
    for (uint32_t i = 5; i < x->arg_count; i++) {
        if (may_make && arg_is(x, i, "mkstream")) {
            options->make_stream = true;
        } else if (arg_is(x, i, "entriesread") && i + 1 < x->arg_count) {
            if (!arg_int64(x, ++i, &options->entries_read))
                return false;
            if (options->entries_read < ENTRIES_READ_UNKNOWN) {
                reply_error(x, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            reply_subcommand_error(x);
            return false;
        }
    }
    return true;
}

/* Opens the stream of args[2]; false: it is not there, or of another type, and that is the reply.
 * absent_ok: an absent one will do. */
static bool open_stream(struct exec *x, bool absent_ok, struct stream *s)
{
    if (!stream_open(x, 2, s))
        return false;
    if (absent_ok || s->object.type != TYPE_NONE)
        return true;
    object_close(&s->object);
    reply_error(x, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                   "may want to use the MKSTREAM option to create an empty stream automatically.");
    return false;
}

/* The same with the group of args[3]. */
static bool open_group(struct exec *x, struct stream *s, struct stream_group *g)
{
    if (!open_stream(x, false, s))
        return false;
    if (group_find(s, x->args[3], g))
        return true;
    object_close(&s->object);
    reply_no_group(x);
    return false;
}

/* "$" is the stream's last id. */
static bool group_id(struct exec *x, const struct stream *s, struct stream_id *id)
{
    *id = s->last;
    return bytes_equal(x->args[4], BYTES("$")) || arg_stream_id(x, 4, id);
}

static void create(struct exec *x, struct stream *s, const struct group_options *options)
{
    struct stream_group g;
    struct stream_id id;
    if (x->arg_count > 8) {
        reply_subcommand_error(x);
        return;
    }
    if (!group_id(x, s, &id))
        return;
    if (group_find(s, x->args[3], &g)) {
        reply_error(x, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    if (s->object.type == TYPE_NONE)
        stream_create(s);
    g = (struct stream_group){
        .name = x->args[3], .last = id, .entries_read = options->entries_read};
    group_create(s, &g);
    group_save(s, &g);
    stream_changed(x, s, "xgroup-create");
    reply_ok(x);
}

/* XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read] */
static void xgroup_create(struct exec *x)
{
    struct group_options options;
    struct stream s;
    if (!parse_options(x, true, &options) || !open_stream(x, options.make_stream, &s))
        return;
    create(x, &s, &options);
    object_close(&s.object);
}

/* XGROUP SETID key group id | $ [ENTRIESREAD entries-read]; here "-" and "+" are ids */
static void xgroup_set_id(struct exec *x)
{
    struct group_options options;
    struct stream s;
    struct stream_group g;
    if (!parse_options(x, false, &options) || !open_group(x, &s, &g))
        return;
    const bool is_min = bytes_equal(x->args[4], BYTES("-"));
    const bool is_max = bytes_equal(x->args[4], BYTES("+"));
    if (x->arg_count != 5 && x->arg_count != 7) {
        reply_subcommand_error(x);
    } else if (is_min || is_max || group_id(x, &s, &g.last)) {
        if (is_min || is_max)
            g.last = is_min ? STREAM_ID_MIN : STREAM_ID_MAX;
        g.entries_read = options.entries_read;
        group_save(&s, &g);
        stream_changed(x, &s, "xgroup-setid");
        reply_ok(x);
    }
    object_close(&s.object);
}

/* XGROUP DESTROY key group -> whether it was there. In the time of what is pending. */
static void xgroup_destroy(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    if (!open_stream(x, false, &s))
        return;
    if (!group_find(&s, x->args[3], &g)) {
        reply_int64(x, 0);
    } else if (may_write_rows(x, g.pending + g.consumer_count)) {
        group_destroy(&s, &g);
        stream_changed(x, &s, "xgroup-destroy");
        reply_int64(x, 1);
    }
    object_close(&s.object);
}

/* XGROUP CREATECONSUMER key group consumer -> whether it is new */
static void xgroup_create_consumer(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    struct stream_consumer c;
    if (!open_group(x, &s, &g))
        return;
    const bool is_new = !consumer_find(&s.object, &g, x->args[4], &c);
    if (is_new) {
        consumer_create(&s, &g, x->args[4], keyspace_now(x->keyspace));
        group_save(&s, &g);
        stream_changed(x, &s, "xgroup-createconsumer");
    }
    reply_int64(x, is_new);
    object_close(&s.object);
}

/* XGROUP DELCONSUMER key group consumer -> how many were pending for it, and are no more */
static void xgroup_delete_consumer(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    struct stream_consumer c;
    if (!open_group(x, &s, &g))
        return;
    if (!consumer_find(&s.object, &g, x->args[4], &c)) {
        reply_int64(x, 0);
    } else if (may_write_rows(x, c.pending)) {
        c.name = x->args[4];
        consumer_destroy(&s, &g, &c);
        group_save(&s, &g);
        stream_changed(x, &s, "xgroup-delconsumer");
        reply_int64(x, (int64_t)c.pending);
    }
    object_close(&s.object);
}

/* XGROUP HELP */
static void xgroup_help(struct exec *x)
{
    static const char *const lines[] = {
        "CREATE <key> <groupname> <id|$> [option]",
        "    Make a group that begins behind an entry. Options:",
        "    * MKSTREAM",
        "      Make the stream too, if it is not there.",
        "    * ENTRIESREAD entries_read",
        "      How many entries the group counts as read.",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Make a consumer in a group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Delete a consumer and what is pending for it.",
        "DESTROY <key> <groupname>",
        "    Delete a group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set which entry a group was given last.",
        NULL,
    };
    reply_help(x, lines);
}

static const struct command xgroup_subcommands[] = {
    {.name = "create", .run = xgroup_create, .arity = -5, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Makes a group."},
    {.name = "createconsumer", .run = xgroup_create_consumer, .arity = 5,
     .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_STREAM, .group = "stream", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Makes a consumer in a group."},
    {.name = "delconsumer", .run = xgroup_delete_consumer, .arity = 5, .flags = CMD_WRITE,
     .keys = {KEY(2, KEY_RW | KEY_DELETE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Deletes a consumer of a group."},
    {.name = "destroy", .run = xgroup_destroy, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(2, KEY_RW | KEY_DELETE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "Deletes a group."},
    {.name = "help", .run = xgroup_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "setid", .run = xgroup_set_id, .arity = -5, .flags = CMD_WRITE,
     .keys = {KEY(2, KEY_RW | KEY_UPDATE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Sets the last entry that a group was given."},
    {.name = NULL},
};

const struct command stream_group_commands[] = {
    {.name = "xgroup", .arity = -2, .flags = 0,
     .group = "stream", .since = "5.0.0", .complexity = "Depends on subcommand.",
     .summary = "The groups of a stream.",
     .subcommands = xgroup_subcommands},
    {.name = NULL},
};
