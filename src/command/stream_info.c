/* stream_info.c -- XINFO: what there is to know about streams, groups and consumers. */

#include "command/stream_group.h"
#include "command/table.h"

#define FULL_COUNT 10 /* XINFO STREAM FULL: entries and pending ones, unless COUNT says so */

static void pair_int64(struct exec *x, const char *name, int64_t value)
{
    reply_bulk_string(x, name);
    reply_int64(x, value);
}

static void pair_id(struct exec *x, const char *name, struct stream_id id)
{
    reply_bulk_string(x, name);
    reply_stream_id(x, id);
}

static void pair_bulk(struct exec *x, const char *name, struct bytes value)
{
    reply_bulk_string(x, name);
    reply_bulk(x, value);
}

/* As stream_open(), of a stream that is there. */
static bool open_stream(struct exec *x, struct stream *s)
{
    if (!stream_open(x, 2, s))
        return false;
    if (s->object.type != TYPE_NONE)
        return true;
    object_close(&s->object);
    reply_no_such_key(x);
    return false;
}

static void reply_progress(struct exec *x, struct stream *s, const struct stream_group *g)
{
    int64_t lag;
    reply_bulk_string(x, "entries-read");
    if (g->entries_read == ENTRIES_READ_UNKNOWN)
        reply_null(x);
    else
        reply_int64(x, g->entries_read);
    reply_bulk_string(x, "lag");
    if (group_lag(s, g, &lag))
        reply_int64(x, lag);
    else
        reply_null(x);
}

/* --- XINFO STREAM ----------------------------------------------------------------------------- */

/* Of a group (consumer 0) or a consumer. */
static void reply_pending(struct exec *x, struct stream *s, const struct stream_group *g,
                          uint64_t consumer, uint64_t count)
{
    struct pending_cursor cursor;
    struct stream_pending p;
    struct stream_consumer owner;
    uint64_t given = 0;
    reply_bulk_string(x, "pending");
    const size_t begun = reply_array_begin(x);
    pending_walk(&s->object, g, consumer, STREAM_ID_MIN, &cursor);
    while ((count == 0 || given < count) && pending_next(&cursor, &p)) {
        reply_array(x, consumer == 0 ? 4 : 3);
        reply_stream_id(x, p.id);
        if (consumer == 0) {
            consumer_get(&s->object, p.consumer, &owner);
            reply_bulk(x, owner.name);
        }
        reply_int64(x, p.delivered_ms);
        reply_int64(x, p.deliveries);
        given++;
    }
    pending_walk_end(&cursor);
    reply_array_end(x, begun, given);
}

static void reply_full_group(struct exec *x, struct stream *s, const struct stream_group *g,
                             uint64_t count)
{
    struct consumer_cursor cursor;
    struct stream_consumer c;
    reply_map(x, 7);
    pair_bulk(x, "name", g->name);
    pair_id(x, "last-delivered-id", g->last);
    reply_progress(x, s, g);
    pair_int64(x, "pel-count", (int64_t)g->pending);
    reply_pending(x, s, g, 0, count);
    reply_bulk_string(x, "consumers");
    reply_array(x, g->consumer_count);
    consumer_walk(&s->object, g, &cursor);
    while (consumer_next(&cursor, &c)) {
        reply_map(x, 4);
        pair_bulk(x, "name", c.name);
        pair_int64(x, "seen-time", (int64_t)c.seen_ms);
        pair_int64(x, "pel-count", (int64_t)c.pending);
        reply_pending(x, s, g, c.number, count);
    }
    consumer_walk_end(&cursor);
}

static void reply_full(struct exec *x, struct stream *s, uint64_t count)
{
    const struct stream_range all = {STREAM_ID_MIN, STREAM_ID_MAX, count, false};
    struct object_cursor cursor;
    struct stream_group g;
    reply_bulk_string(x, "entries");
    reply_stream_range(x, s, &all);
    reply_bulk_string(x, "groups");
    reply_array(x, s->group_count);
    group_walk(&s->object, &cursor);
    while (group_next(&cursor, &g))
        reply_full_group(x, s, &g, count);
    object_cursor_close(&cursor);
}

static void reply_edge(struct exec *x, struct stream *s, const char *name, bool is_there,
                       struct stream_id id)
{
    struct bytes value;
    reply_bulk_string(x, name);
    if (is_there && stream_entry(s, id, &value))
        reply_stream_entry(x, id, value);
    else
        reply_null(x);
}

static void reply_short(struct exec *x, struct stream *s)
{
    struct stream_id last;
    const bool has_some = stream_last(s, &last);
    pair_int64(x, "groups", (int64_t)s->group_count);
    reply_edge(x, s, "first-entry", has_some, s->first);
    reply_edge(x, s, "last-entry", has_some, last);
}

/* "[FULL [COUNT count]]" */
static bool parse_full(struct exec *x, bool *full, uint64_t *count)
{
    int64_t number = FULL_COUNT;
    *full = x->arg_count > 3;
    if (*full && ((x->arg_count != 4 && x->arg_count != 6) || !arg_is(x, 3, "full") ||
                  (x->arg_count == 6 && !arg_is(x, 4, "count")))) {
        reply_subcommand_error(x);
        return false;
    }
    if (x->arg_count == 6 && !arg_int64(x, 5, &number))
        return false;
    *count = number < 0 ? FULL_COUNT : (uint64_t)number;
    return true;
}

/* XINFO STREAM key [FULL [COUNT count]]. Of a radix tree we have the keys only, which are our
 * nodes; as nodes of the tree count these and a root. */
static void xinfo_stream(struct exec *x)
{
    struct stream s;
    uint64_t count;
    bool full;
    if (!open_stream(x, &s))
        return;
    if (parse_full(x, &full, &count)) {
        reply_map(x, full ? 9 : 10);
        pair_int64(x, "length", (int64_t)object_count(&s.object));
        pair_int64(x, "radix-tree-keys", (int64_t)s.node_count);
        pair_int64(x, "radix-tree-nodes", (int64_t)s.node_count + 1);
        pair_id(x, "last-generated-id", s.last);
        pair_id(x, "max-deleted-entry-id", s.max_deleted);
        pair_int64(x, "entries-added", (int64_t)s.added);
        pair_id(x, "recorded-first-entry-id", s.first);
        if (full)
            reply_full(x, &s, count);
        else
            reply_short(x, &s);
    }
    object_close(&s.object);
}

/* --- XINFO GROUPS, CONSUMERS ------------------------------------------------------------------ */

/* XINFO GROUPS key */
static void xinfo_groups(struct exec *x)
{
    struct stream s;
    struct object_cursor cursor;
    struct stream_group g;
    if (!open_stream(x, &s))
        return;
    reply_array(x, s.group_count);
    group_walk(&s.object, &cursor);
    while (group_next(&cursor, &g)) {
        reply_map(x, 6);
        pair_bulk(x, "name", g.name);
        pair_int64(x, "consumers", (int64_t)g.consumer_count);
        pair_int64(x, "pending", (int64_t)g.pending);
        pair_id(x, "last-delivered-id", g.last);
        reply_progress(x, &s, &g);
    }
    object_cursor_close(&cursor);
    object_close(&s.object);
}

static void reply_consumers(struct exec *x, struct stream *s, const struct stream_group *g)
{
    struct consumer_cursor cursor;
    struct stream_consumer c;
    reply_array(x, g->consumer_count);
    consumer_walk(&s->object, g, &cursor);
    while (consumer_next(&cursor, &c)) {
        reply_map(x, 3);
        pair_bulk(x, "name", c.name);
        pair_int64(x, "pending", (int64_t)c.pending);
        pair_int64(x, "idle", idle_since(x, (int64_t)c.seen_ms));
    }
    consumer_walk_end(&cursor);
}

/* XINFO CONSUMERS key group */
static void xinfo_consumers(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    if (!open_stream(x, &s))
        return;
    if (group_find(&s, x->args[3], &g))
        reply_consumers(x, &s, &g);
    else
        reply_no_group(x);
    object_close(&s.object);
}

/* XINFO HELP */
static void xinfo_help(struct exec *x)
{
    static const char *const lines[] = {
        "CONSUMERS <key> <groupname>",
        "    The consumers of a group.",
        "GROUPS <key>",
        "    The groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Facts about a stream.",
        NULL,
    };
    reply_help(x, lines);
}

static const struct command xinfo_subcommands[] = {
    {.name = "consumers", .run = xinfo_consumers, .arity = 4, .flags = CMD_READ,
     .keys = {KEY(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "The consumers of a group.", .tips = "nondeterministic_output"},
    {.name = "groups", .run = xinfo_groups, .arity = 3, .flags = CMD_READ,
     .keys = {KEY(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "The groups of a stream."},
    {.name = "help", .run = xinfo_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "stream", .run = xinfo_stream, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Facts about a stream."},
    {.name = NULL},
};

const struct command stream_info_commands[] = {
    {.name = "xinfo", .arity = -2, .flags = 0,
     .group = "stream", .since = "5.0.0", .complexity = "Depends on subcommand.",
     .summary = "Facts about streams and groups.",
     .subcommands = xinfo_subcommands},
    {.name = NULL},
};
