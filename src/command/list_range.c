/* list_range.c -- lists: ranges of elements, and elements found by their value. */

#include "base/panic.h"
#include "command/elements.h"
#include "command/list.h"
#include "command/settings.h"
#include "command/table.h"

/* --- ranges ----------------------------------------------------------------------------------- */

/* LRANGE key start stop */
static void lrange(struct exec *x)
{
    int64_t first, last;
    uint64_t from, position;
    struct object list;
    struct object_cursor cursor;
    struct bytes value;
    if (!arg_int64(x, 2, &first) || !arg_int64(x, 3, &last) || !open_key(x, 1, TYPE_LIST, &list))
        return;
    uint64_t left = elements_range(object_count(&list), first, last, &from);
    reply_array(x, left);
    if (left > 0) {
        list_seek(&list, &cursor, from, FORWARD);
        for (; left > 0 && list_next(&cursor, &position, &value); left--)
            reply_bulk(x, value);
        object_cursor_close(&cursor);
    }
    object_close(&list);
}

/* Leaves kept elements from index from on, by writing these anew. */
static void keep_by_copy(struct exec *x, struct object *list, uint64_t from, uint64_t kept)
{
    struct bytes *values = arena_alloc(x->arena, kept * sizeof(*values));
    struct object_cursor cursor;
    uint64_t position;
    list_seek(list, &cursor, from, FORWARD);
    for (uint64_t i = 0; i < kept; i++) {
        struct bytes value;
        const bool is_there = list_next(&cursor, &position, &value);
        CHECK(is_there);
        values[i] = arena_copy(x->arena, value);
    }
    object_cursor_close(&cursor);
    const uint64_t deadline = list->deadline;
    object_replace(list, TYPE_LIST, ENCODING_QUICKLIST);
    object_set_deadline(list, deadline);
    for (uint64_t i = 0; i < kept; i++)
        list_push(x, list, LIST_RIGHT, values[i]);
}

/* Takes what is on both sides of the kept elements away one by one, or, where that is more, leaves
 * the old ones to the graveyard and writes the kept ones anew. */
static void trim(struct exec *x, struct object *list, uint64_t from, uint64_t kept)
{
    const uint64_t removed = object_count(list) - kept;
    if (removed > kept) {
        keep_by_copy(x, list, from, kept);
        return;
    }
    for (uint64_t i = 0; i < from; i++)
        list_drop(list, LIST_LEFT);
    while (object_count(list) > kept)
        list_drop(list, LIST_RIGHT);
}

/* LTRIM key start stop: keeps only these */
static void ltrim(struct exec *x)
{
    int64_t first, last;
    uint64_t from;
    struct object list;
    if (!arg_int64(x, 2, &first) || !arg_int64(x, 3, &last) || !open_key(x, 1, TYPE_LIST, &list))
        return;
    const uint64_t count = object_count(&list);
    const uint64_t kept = elements_range(count, first, last, &from);
    bool done = true;
    if (count > 0 && kept == 0) {
        delete_emptied(x, &list, EVENT_LIST, "ltrim");
    } else if (count > 0) {
        done = may_write_rows(x, MIN(kept, count - kept));
        if (done) {
            trim(x, &list, from, kept);
            changed(x, &list, EVENT_LIST, "ltrim");
        }
    }
    object_close(&list);
    if (done)
        reply_ok(x);
}

/* --- searches --------------------------------------------------------------------------------- */

static enum direction direction_of(int64_t number)
{
    return number < 0 ? BACKWARD : FORWARD;
}

/* The elements of that value, but not more than limit. list is not empty. */
static uint64_t count_equal(struct object *list, struct bytes wanted, uint64_t limit)
{
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position, count = 0;
    list_seek(list, &cursor, 0, FORWARD);
    while (count < limit && list_next(&cursor, &position, &value))
        count += bytes_equal(value, wanted);
    object_cursor_close(&cursor);
    return count;
}

static uint64_t erase_equal(struct exec *x, struct object *list, struct bytes wanted,
                            uint64_t limit, enum direction direction)
{
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position, count = 0;
    list_seek(list, &cursor, direction == FORWARD ? 0 : object_count(list) - 1, direction);
    while (count < limit && list_next(&cursor, &position, &value))
        if (bytes_equal(value, wanted)) {
            list_erase(list, position);
            count++;
        }
    object_cursor_close(&cursor);
    if (count > 0)
        list_mend(x, list);
    return count;
}

/* LREM key count element -> how many there were; count < 0: from the right; 0: all */
static void lrem(struct exec *x)
{
    int64_t number;
    struct object list;
    if (!arg_int64(x, 2, &number) || !open_key(x, 1, TYPE_LIST, &list))
        return;
    const uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    const uint64_t limit = size == 0 ? UINT64_MAX : size;
    uint64_t count = 0;
    bool may_write = true;
    if (MIN(limit, object_count(&list)) > x->settings->apply_rows_max)
        may_write = may_write_rows(x, count_equal(&list, x->args[3], limit));
    if (may_write && object_count(&list) > 0)
        count = erase_equal(x, &list, x->args[3], limit, direction_of(number));
    if (count > 0)
        changed(x, &list, EVENT_LIST, "lrem");
    object_close(&list);
    if (may_write)
        reply_int64(x, (int64_t)count);
}

/* The index of the first element of that value. False: there is none. */
static bool find(struct object *list, struct bytes wanted, uint64_t *index)
{
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position;
    bool found = false;
    list_seek(list, &cursor, 0, FORWARD);
    for (*index = 0; !found && list_next(&cursor, &position, &value); *index += !found)
        found = bytes_equal(value, wanted);
    object_cursor_close(&cursor);
    return found;
}

/* LINSERT key BEFORE | AFTER pivot element -> the length, -1 if there is no such pivot */
static void linsert(struct exec *x)
{
    const bool after = arg_is(x, 2, "after");
    uint64_t index;
    struct object list;
    if (!after && !arg_is(x, 2, "before")) {
        reply_syntax_error(x);
        return;
    }
    if (!open_key(x, 1, TYPE_LIST, &list))
        return;
    if (list.type == TYPE_NONE) {
        reply_int64(x, 0);
    } else if (!find(&list, x->args[3], &index)) {
        reply_int64(x, -1);
    } else {
        list_insert(x, &list, index + after, x->args[4]);
        changed(x, &list, EVENT_LIST, "linsert");
        reply_int64(x, (int64_t)object_count(&list));
    }
    object_close(&list);
}

struct search {
    int64_t rank, count, maxlen; /* count -1: one, not in an array */
};

static bool parse_search(struct exec *x, struct search *s)
{
    static const int64_t range[] = {0, INT64_MAX};
    for (uint32_t i = 3; i < x->arg_count; i += 2) {
        const bool has_value = i + 1 < x->arg_count;
        if (arg_is(x, i, "rank") && has_value) {
            if (!arg_int64(x, i + 1, &s->rank))
                return false;
            if (s->rank == 0) {
                reply_error(x, "ERR RANK can't be zero: use 1 to start from the first match, 2 "
                               "from the second ... or use negative to start from the end of the "
                               "list");
                return false;
            }
        } else if (arg_is(x, i, "count") && has_value) {
            if (!arg_int64_range(x, i + 1, range, &s->count, "ERR COUNT can't be negative"))
                return false;
        } else if (arg_is(x, i, "maxlen") && has_value) {
            if (!arg_int64_range(x, i + 1, range, &s->maxlen, "ERR MAXLEN can't be negative"))
                return false;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* Replies with the indexes of matches; returns how many. */
static uint64_t reply_matches(struct exec *x, struct object *list, const struct search *s)
{
    const enum direction direction = direction_of(s->rank);
    const uint64_t count = object_count(list);
    const uint64_t looked_at = s->maxlen == 0 ? count : MIN(count, (uint64_t)s->maxlen);
    uint64_t limit = s->count == 0 ? UINT64_MAX : s->count < 0 ? 1 : (uint64_t)s->count;
    uint64_t before = (uint64_t)(s->rank < 0 ? -(s->rank + 1) : s->rank - 1); /* are passed over */
    if (s->rank == INT64_MIN) { /* its opposite overflows in Redis: any match will do, no limit */
        before = 0;
        limit = s->count < 0 ? 1 : UINT64_MAX;
    }
    uint64_t found = 0, position;
    struct object_cursor cursor;
    struct bytes value;
    list_seek(list, &cursor, direction == FORWARD ? 0 : count - 1, direction);
    for (uint64_t i = 0; found < limit && i < looked_at; i++) {
        const bool is_there = list_next(&cursor, &position, &value);
        CHECK(is_there);
        if (!bytes_equal(value, x->args[2]))
            continue;
        if (before > 0) {
            before--;
            continue;
        }
        reply_int64(x, (int64_t)(direction == FORWARD ? i : count - 1 - i));
        found++;
    }
    object_cursor_close(&cursor);
    return found;
}

/* LPOS key element [RANK rank] [COUNT count] [MAXLEN length] -> where it is */
static void lpos(struct exec *x)
{
    struct search s = {.rank = 1, .count = -1};
    struct object list;
    if (!parse_search(x, &s) || !open_key(x, 1, TYPE_LIST, &list))
        return;
    const size_t begun = s.count < 0 ? 0 : reply_array_begin(x);
    const uint64_t found = list.type == TYPE_NONE ? 0 : reply_matches(x, &list, &s);
    if (s.count >= 0)
        reply_array_end(x, begun, found);
    else if (found == 0)
        reply_null(x);
    object_close(&list);
}

const struct command list_range_commands[] = {
    {.name = "linsert", .run = linsert, .arity = 5, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "2.2.0", .complexity = "O(N)",
     .summary = "Inserts an element beside another."},
    {.name = "lpos", .run = lpos, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_LIST, .group = "list", .since = "6.0.6", .complexity = "O(N)",
     .summary = "Where in a list an element is."},
    {.name = "lrange", .run = lrange, .arity = 4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(S+N)",
     .summary = "Elements by a range of indexes."},
    {.name = "lrem", .run = lrem, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N+M)",
     .summary = "Takes out elements of a value."},
    {.name = "ltrim", .run = ltrim, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Keeps only a range of elements."},
    {.name = NULL},
};
