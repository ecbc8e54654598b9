/* stream.c -- streams: adding, trimming, deleting, ranges. */

#include "command/settings.h"
#include "command/stream.h"
#include "command/table.h"

/* --- XADD, XTRIM ------------------------------------------------------------------------------ */

#define LIMIT_NODES 100 /* what "~" may take away at once, as Redis: so many full nodes, */
#define LIMIT_DEFAULT 10000 /* or this, if they have no number of entries; */
#define LIMIT_MAX 1000000   /* but never more */

struct add {
    struct stream_trim trim;
    bool has_limit, no_create;
    bool has_id, has_seq; /* else it is for us to find */
    struct stream_id id;
    uint32_t id_at;
};

/* "MAXLEN | MINID [= | ~] threshold" at argument *n, which moves to its last word. */
static bool parse_threshold(struct exec *x, uint32_t *n, struct add *a)
{
    const bool by_id = arg_is(x, *n, "minid");
    if (a->trim.by != TRIM_NONE) {
        reply_error(x, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                       "compatible");
        return false;
    }
    a->trim.approximate = false;
    if (*n + 2 < x->arg_count) {
        a->trim.approximate = arg_is(x, *n + 1, "~");
        *n += a->trim.approximate || arg_is(x, *n + 1, "=");
    }
    *n += 1;
    if (by_id) {
        a->trim.by = TRIM_MINID;
        return arg_stream_id(x, *n, &a->trim.minid);
    }
    int64_t maxlen;
    if (!arg_int64(x, *n, &maxlen))
        return false;
    if (maxlen < 0) {
        reply_error(x, "ERR The MAXLEN argument must be >= 0.");
        return false;
    }
    a->trim.by = TRIM_MAXLEN;
    a->trim.maxlen = (uint64_t)maxlen;
    return true;
}

static bool parse_limit(struct exec *x, uint32_t n, struct add *a)
{
    int64_t limit;
    if (!arg_int64(x, n, &limit))
        return false;
    if (limit < 0) {
        reply_error(x, "ERR The LIMIT argument must be >= 0.");
        return false;
    }
    a->has_limit = true;
    a->trim.limit = (uint64_t)limit;
    return true;
}

/* What only all options together can tell. */
static bool check_trim(struct exec *x, struct add *a, bool is_add)
{
    const char *error = NULL;
    if (a->trim.limit > 0 && a->trim.by == TRIM_NONE)
        error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    else if (!is_add && a->trim.by == TRIM_NONE)
        error = "ERR syntax error, XTRIM must be called with specifying a trimming strategy";
    else if (a->has_limit && !a->trim.approximate)
        error = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    if (error != NULL) {
        reply_error(x, error);
        return false;
    }
    const uint64_t per_node = MIN(x->settings->stream_node_max_entries, (uint64_t)LIMIT_MAX);
    if (!a->has_limit && a->trim.approximate)
        a->trim.limit = per_node == 0 ? LIMIT_DEFAULT : MIN(LIMIT_NODES * per_node, LIMIT_MAX);
    return true;
}

/* The options from argument 2 on; of XADD up to the id. False: it has replied. */
static bool parse_add(struct exec *x, struct add *a, bool is_add)
{
    *a = (struct add){.has_seq = true};
    uint32_t n = 2;
    for (; n < x->arg_count; n++) {
        const bool has_more = n + 1 < x->arg_count;
        if (is_add && arg_is(x, n, "*"))
            break;
        if ((arg_is(x, n, "maxlen") || arg_is(x, n, "minid")) && has_more) {
            if (!parse_threshold(x, &n, a))
                return false;
        } else if (arg_is(x, n, "limit") && has_more) {
            if (!parse_limit(x, ++n, a))
                return false;
        } else if (is_add && arg_is(x, n, "nomkstream")) {
            a->no_create = true;
        } else if (is_add) {
            if (!arg_new_stream_id(x, n, &a->id, &a->has_seq))
                return false;
            a->has_id = true;
            break;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    a->id_at = n;
    return check_trim(x, a, is_add);
}

/* The id of the new entry; NULL, or what Redis says of one that cannot be. */
static const char *choose_id(struct exec *x, const struct stream *s, const struct add *a,
                             struct stream_id *id)
{
    if (stream_id_compare(s->last, STREAM_ID_MAX) == 0)
        return "ERR The stream has exhausted the last possible ID, unable to add more items";
    *id = a->id;
    if (!a->has_id) {
        *id = (struct stream_id){keyspace_now(x->keyspace), 0};
        if (id->ms <= s->last.ms) {
            *id = s->last;
            stream_id_next(id);
        }
    } else if (!a->has_seq && s->last.ms == id->ms) {
        if (s->last.seq == UINT64_MAX)
            return "ERR Elements are too large to be stored"; /* thus says Redis */
        id->seq = s->last.seq + 1;
    }
    if (stream_id_compare(*id, s->last) <= 0)
        return "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    return NULL;
}

static void add_entry(struct exec *x, struct stream *s, const struct add *a)
{
    struct stream_id id;
    const char *error = choose_id(x, s, a, &id);
    if (error != NULL) {
        reply_error(x, error);
        return;
    }
    if (s->object.type == TYPE_NONE)
        stream_create(s);
    stream_append(x, s, id, a->id_at + 1);
    const bool trimmed = a->trim.by != TRIM_NONE && stream_trim(s, &a->trim) > 0;
    stream_changed(x, s, "xadd");
    if (trimmed)
        key_event(x, EVENT_STREAM, "xtrim", x->db, s->object.name);
    reply_stream_id(x, id);
}

/* XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value ... */
static void xadd(struct exec *x)
{
    struct add a;
    struct stream s;
    if (!parse_add(x, &a, true))
        return;
    if (x->arg_count < a.id_at + 3 || (x->arg_count - a.id_at) % 2 == 0) {
        reply_wrong_arity(x);
        return;
    }
    if (a.has_id && a.has_seq && stream_id_compare(a.id, STREAM_ID_MIN) == 0) {
        reply_error(x, "ERR The ID specified in XADD must be greater than 0-0");
        return;
    }
    if (!stream_open(x, 1, &s))
        return;
    const uint64_t most = a.trim.by == TRIM_NONE ? 0
                          : a.trim.limit > 0     ? a.trim.limit
                                                 : object_count(&s.object);
    if (s.object.type == TYPE_NONE && a.no_create)
        reply_null(x);
    else if (may_write_rows(x, most))
        add_entry(x, &s, &a);
    object_close(&s.object);
}

/* XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count] -> how many entries went */
static void xtrim(struct exec *x)
{
    struct add a;
    struct stream s;
    if (!parse_add(x, &a, false) || !stream_open(x, 1, &s))
        return;
    const bool exists = s.object.type != TYPE_NONE;
    const uint64_t most = a.trim.limit > 0 || !exists ? a.trim.limit : object_count(&s.object);
    if (may_write_rows(x, most)) {
        const uint64_t deleted = exists ? stream_trim(&s, &a.trim) : 0;
        if (deleted > 0)
            stream_changed(x, &s, "xtrim");
        reply_int64(x, (int64_t)deleted);
    }
    object_close(&s.object);
}

/* XDEL key id ... -> how many there were */
static void xdel(struct exec *x)
{
    struct stream s;
    struct stream_id id;
    int64_t deleted = 0;
    if (!stream_open(x, 1, &s))
        return;
    const bool exists = s.object.type != TYPE_NONE;
    for (uint32_t i = 2; i < x->arg_count && exists; i++)
        if (!arg_stream_id(x, i, &id)) {
            object_close(&s.object);
            return;
        }
    for (uint32_t i = 2; i < x->arg_count && exists; i++) {
        const bool is_id = stream_id_parse(x->args[i], 0, &id);
        if (!is_id || !stream_delete(&s, id))
            continue;
        if (stream_id_compare(id, s.max_deleted) > 0)
            s.max_deleted = id;
        deleted++;
    }
    if (deleted > 0)
        stream_changed(x, &s, "xdel");
    reply_int64(x, deleted);
    object_close(&s.object);
}

/* --- XSETID ----------------------------------------------------------------------------------- */

struct set_id {
    struct stream_id id, max_deleted;
    int64_t added; /* -1: as it is */
};

static bool parse_set_id(struct exec *x, struct set_id *set)
{
    *set = (struct set_id){.added = -1};
    if (!arg_stream_id(x, 2, &set->id))
        return false;
    for (uint32_t i = 3; i < x->arg_count; i += 2) {
        const bool has_more = i + 1 < x->arg_count;
        if (arg_is(x, i, "entriesadded") && has_more) {
            if (!arg_int64(x, i + 1, &set->added))
                return false;
            if (set->added < 0) {
                reply_error(x, "ERR entries_added must be positive");
                return false;
            }
        } else if (arg_is(x, i, "maxdeletedid") && has_more) {
            if (!arg_stream_id(x, i + 1, &set->max_deleted))
                return false;
            if (stream_id_compare(set->id, set->max_deleted) < 0) {
                reply_error(x, "ERR The ID specified in XSETID is smaller than the provided "
                               "max_deleted_entry_id");
                return false;
            }
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id] */
static void xsetid(struct exec *x)
{
    struct set_id set;
    struct stream s;
    struct stream_id top;
    if (!parse_set_id(x, &set) || !stream_open(x, 1, &s))
        return;
    const bool has_top = stream_last(&s, &top);
    if (s.object.type == TYPE_NONE) {
        reply_no_such_key(x);
    } else if (has_top && stream_id_compare(set.id, top) < 0) {
        reply_error(x, "ERR The ID specified in XSETID is smaller than the target stream top "
                       "item");
    } else if (has_top && set.added >= 0 && object_count(&s.object) > (uint64_t)set.added) {
        reply_error(x, "ERR The entries_added specified in XSETID is smaller than the target "
                       "stream length");
    } else {
        s.last = set.id;
        if (set.added >= 0)
            s.added = (uint64_t)set.added;
        if (stream_id_compare(set.max_deleted, STREAM_ID_MIN) != 0)
            s.max_deleted = set.max_deleted;
        stream_changed(x, &s, "xsetid");
        reply_ok(x);
    }
    object_close(&s.object);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* XLEN key */
static void xlen(struct exec *x)
{
    struct stream s;
    if (!stream_open(x, 1, &s))
        return;
    reply_int64(x, s.object.type == TYPE_NONE ? 0 : (int64_t)object_count(&s.object));
    object_close(&s.object);
}

static void reply_range(struct exec *x, bool reversed)
{
    struct stream_range range = {.reversed = reversed};
    struct stream s;
    int64_t count = -1;
    if (!arg_range_start(x, reversed ? 3 : 2, &range.start) ||
        !arg_range_end(x, reversed ? 2 : 3, &range.end))
        return;
    for (uint32_t i = 4; i < x->arg_count; i += 2) {
        if (!arg_is(x, i, "count") || i + 1 == x->arg_count) {
            reply_syntax_error(x);
            return;
        }
        if (!arg_int64(x, i + 1, &count))
            return;
        count = MAX(count, 0);
    }
    if (!stream_open(x, 1, &s))
        return;
    range.count = count < 0 ? 0 : (uint64_t)count;
    if (s.object.type == TYPE_NONE)
        reply_array(x, 0);
    else if (count == 0)
        reply_null_array(x);
    else
        reply_stream_range(x, &s, &range);
    object_close(&s.object);
}

/* XRANGE key start end [COUNT count] */
static void xrange(struct exec *x)
{
    reply_range(x, false);
}

/* XREVRANGE key end start [COUNT count] */
static void xrevrange(struct exec *x)
{
    reply_range(x, true);
}

const struct command stream_commands[] = {
    {.name = "xadd", .run = xadd, .arity = -5, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE,
         .note = "UPDATE instead of INSERT because of the optional trimming feature")},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Adds an entry to a stream.", .tips = "nondeterministic_output"},
    {.name = "xdel", .run = xdel, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Deletes entries."},
    {.name = "xlen", .run = xlen, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "How many entries a stream has."},
    {.name = "xrange", .run = xrange, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "Entries in a range of ids."},
    {.name = "xrevrange", .run = xrevrange, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "Entries in a range of ids, backwards."},
    {.name = "xsetid", .run = xsetid, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Sets a stream's last id."},
    {.name = "xtrim", .run = xtrim, .arity = -4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "Cuts old entries off.", .tips = "nondeterministic_output"},
    {.name = NULL},
};
