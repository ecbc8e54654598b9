/* zset_range.c -- members of a sorted set by rank, score or name: reading, counting, storing and
 * removing ranges of them. */

#include <math.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "command/elements.h"
#include "command/table.h"
#include "command/zset.h"

#define OFFSET_WALKED_MAX 64 /* members; a longer way is gone by rank */

/* --- bounds ----------------------------------------------------------------------------------- */

/* As Redis: strtod's idea of a number up to a NUL; "" is 0. */
static bool parse_score_bound(struct exec *x, uint32_t n, struct zset_bound *b)
{
    char *text = arena_string(x->arena, x->args[n]), *end;
    b->open = text[0] == '(';
    const double score = strtod(text + b->open, &end);
    b->score = score == 0 ? 0 : score;
    return *end == '\0' && !isnan(score);
}

/* "(name", "[name", "-" or "+". */
static bool parse_name_bound(struct exec *x, uint32_t n, struct zset_bound *b)
{
    const struct bytes text = x->args[n];
    const char first = text.size == 0 ? '\0' : *(const char *)text.data;
    const bool is_end = text.size == 1 && (first == '-' || first == '+');
    b->infinite = !is_end ? 0 : first == '-' ? -1 : 1;
    b->open = is_end || first == '(';
    b->name = bytes_from(text, 1);
    return is_end || first == '(' || first == '[';
}

bool zset_parse_range(struct exec *x, uint32_t low, uint32_t high, struct zset_range *range)
{
    switch (range->by) {
    case ZSET_BY_RANK:
        return arg_int64(x, low, &range->first) && arg_int64(x, high, &range->last);
    case ZSET_BY_SCORE:
        if (parse_score_bound(x, low, &range->low) && parse_score_bound(x, high, &range->high))
            return true;
        reply_error(x, "ERR min or max is not a float");
        return false;
    case ZSET_BY_LEX:
        if (parse_name_bound(x, low, &range->low) && parse_name_bound(x, high, &range->high))
            return true;
        reply_error(x, "ERR min or max not valid string range item");
        return false;
    }
    return false;
}

/* Where a member lies relative to a bound: < 0 before it, > 0 behind; on an open one, out of it. */
static int compare_to(const struct zset_range *range, const struct zset_bound *b, double score,
                      struct bytes member)
{
    if (range->by == ZSET_BY_SCORE)
        return (score > b->score) - (score < b->score);
    return b->infinite != 0 ? -b->infinite : bytes_compare(member, b->name);
}

static bool is_above_low(const struct zset_range *range, double score, struct bytes member)
{
    const int order = compare_to(range, &range->low, score, member);
    return order > 0 || (order == 0 && !range->low.open);
}

static bool is_below_high(const struct zset_range *range, double score, struct bytes member)
{
    const int order = compare_to(range, &range->high, score, member);
    return order < 0 || (order == 0 && !range->high.open);
}

/* --- walks ------------------------------------------------------------------------------------ */

static void seek(struct zset_walk *w, struct bytes from)
{
    object_seek(w->zset, &w->cursor, SPACE_SCORE, from, w->direction);
}

static bool step(struct zset_walk *w)
{
    struct bytes subkey, nothing;
    if (!object_next(&w->cursor, &subkey, &nothing))
        return false;
    w->score = zset_stored_score(subkey);
    w->member = bytes_from(subkey, sizeof(uint64_t));
    return true;
}

static void begin_by_rank(struct zset_walk *w)
{
    uint64_t from;
    w->left = elements_range(object_count(w->zset), w->range->first, w->range->last, &from);
    if (w->left > 0)
        object_seek_index(w->zset, &w->cursor, SPACE_SCORE, from, w->direction);
    else
        seek(w, BYTES_NONE);
}

static void begin_by_score(struct zset_walk *w)
{
    uint8_t from[sizeof(uint64_t)];
    if (w->direction == FORWARD)
        put_be64(from, score_to_order(w->range->low.score));
    else
        put_be64(from, score_to_order(w->range->high.score) + 1);
    seek(w, bytes_of(from, sizeof(from)));
}

/* The first member that a walk in direction gives. zset is not empty. */
static void read_end(struct object *zset, enum direction direction, struct buf *subkey)
{
    struct object_cursor cursor;
    struct bytes first, nothing;
    object_seek(zset, &cursor, SPACE_SCORE, BYTES_NONE, direction);
    const bool is_there = object_next(&cursor, &first, &nothing);
    CHECK(is_there);
    buf_append_bytes(subkey, first);
    object_cursor_close(&cursor);
}

/* By name where all scores are the same, for which ranges of names are meant. Where they are not,
 * what comes is what Redis's listpacks give: nothing if the last member is below the range or the
 * first one above it, else from the first that lies behind the near bound. */
static void begin_by_name(struct zset_walk *w)
{
    struct buf first = {0}, last = {0};
    read_end(w->zset, FORWARD, &first);
    read_end(w->zset, BACKWARD, &last);
    const size_t head = sizeof(uint64_t);
    const struct zset_bound *near = w->direction == FORWARD ? &w->range->low : &w->range->high;
    const bool is_empty =
        !is_above_low(w->range, 0, bytes_from(buf_bytes(&last), head)) ||
        !is_below_high(w->range, 0, bytes_from(buf_bytes(&first), head));
    const bool same_scores = memcmp(buf_data(&first), buf_data(&last), head) == 0;
    if (is_empty)
        w->left = 0;
    if (same_scores && near->infinite == 0) {
        buf_truncate(&first, head);
        buf_append_bytes(&first, near->name);
        seek(w, buf_bytes(&first));
    } else {
        seek(w, BYTES_NONE);
    }
    buf_clear(&first);
    buf_clear(&last);
}

static bool has_entered(const struct zset_walk *w)
{
    if (w->range->by == ZSET_BY_RANK)
        return true;
    return w->direction == FORWARD ? is_above_low(w->range, w->score, w->member)
                                   : is_below_high(w->range, w->score, w->member);
}

static bool has_left(const struct zset_walk *w)
{
    if (w->range->by == ZSET_BY_RANK)
        return false;
    return w->direction == FORWARD ? !is_below_high(w->range, w->score, w->member)
                                   : !is_above_low(w->range, w->score, w->member);
}

void zset_walk_begin(struct zset_walk *w, struct object *zset, const struct zset_range *range,
                     enum direction direction)
{
    *w = (struct zset_walk){.zset = zset, .range = range, .direction = direction};
    w->left = UINT64_MAX;
    if (object_count(zset) == 0) {
        w->left = 0;
        seek(w, BYTES_NONE);
    } else if (range->by == ZSET_BY_RANK) {
        begin_by_rank(w);
    } else if (range->by == ZSET_BY_SCORE) {
        begin_by_score(w);
    } else {
        begin_by_name(w);
    }
    while (w->left > 0 && !w->has_first && step(w))
        w->has_first = has_entered(w);
    if (!w->has_first || has_left(w))
        w->left = 0;
}

/* The next member, in the range or not. */
static bool advance(struct zset_walk *w)
{
    if (w->left == 0 || (!w->has_first && !step(w)))
        return false;
    w->has_first = false;
    w->left--;
    return true;
}

/* Passes over count members, from the one in hand on, in the range or not. */
static void jump(struct zset_walk *w, uint64_t count)
{
    const uint64_t before = zset_rank(w->zset, w->score, w->member, w->direction);
    CHECK(w->has_first);
    if (count >= object_count(w->zset) - before) {
        w->left = 0;
        return;
    }
    object_cursor_close(&w->cursor);
    w->has_first = false;
    object_seek_index(w->zset, &w->cursor, SPACE_SCORE, before + count, w->direction);
}

bool zset_walk_next(struct zset_walk *w)
{
    return advance(w) && !has_left(w);
}

void zset_walk_end(struct zset_walk *w)
{
    object_cursor_close(&w->cursor);
}

/* --- ZRANGE and its kin ----------------------------------------------------------------------- */

/* What is wanted of a sorted set. */
struct selection {
    uint32_t key; /* its argument; the bounds follow */
    struct zset_range range;
    enum direction direction;
    bool rank_only;        /* ZRANGE, ZRANGESTORE: BYSCORE, BYLEX and REV may be given */
    bool stores, with_scores;
    int64_t offset;
    uint64_t limit;
};

/* One option at argument *n. False: it has replied. */
static bool parse_option(struct exec *x, uint32_t *n, bool is_free[static 2], struct selection *s,
                         int64_t *limit)
{
    if (!s->stores && arg_is(x, *n, "withscores")) {
        s->with_scores = true;
    } else if (arg_is(x, *n, "limit") && *n + 2 < x->arg_count) {
        if (!arg_int64(x, *n + 1, &s->offset) || !arg_int64(x, *n + 2, limit))
            return false;
        *n += 2;
    } else if (is_free[0] && arg_is(x, *n, "rev")) {
        is_free[0] = false;
        s->direction = BACKWARD;
    } else if (is_free[1] && (arg_is(x, *n, "bylex") || arg_is(x, *n, "byscore"))) {
        is_free[1] = false;
        s->range.by = arg_is(x, *n, "bylex") ? ZSET_BY_LEX : ZSET_BY_SCORE;
    } else {
        reply_syntax_error(x);
        return false;
    }
    return true;
}

/* Key, bounds and options. False: it has replied. */
static bool parse_selection(struct exec *x, struct selection *s)
{
    bool is_free[2] = {s->rank_only, s->rank_only}; /* direction, order: not yet told */
    int64_t limit = -1;
    for (uint32_t n = s->key + 3; n < x->arg_count; n++)
        if (!parse_option(x, &n, is_free, s, &limit))
            return false;
    if (limit != -1 && s->range.by == ZSET_BY_RANK) {
        reply_error(x, "ERR syntax error, LIMIT is only supported in combination with either "
                       "BYSCORE or BYLEX");
        return false;
    }
    if (s->with_scores && s->range.by == ZSET_BY_LEX) {
        reply_error(x, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    s->limit = limit < 0 ? UINT64_MAX : (uint64_t)limit;
    const bool turned = s->direction == BACKWARD && s->range.by != ZSET_BY_RANK;
    return zset_parse_range(x, s->key + (turned ? 2 : 1), s->key + (turned ? 1 : 2), &s->range);
}

/* Opens the walk and passes over the offset, as Redis without a look at the far bound. A negative
 * one passes over all. */
static void select_begin(struct zset_walk *w, struct object *zset, const struct selection *s)
{
    zset_walk_begin(w, zset, &s->range, s->direction);
    if (s->range.by == ZSET_BY_RANK || w->left == 0)
        return;
    if (s->offset < 0)
        w->left = 0;
    else if (s->offset > OFFSET_WALKED_MAX)
        jump(w, (uint64_t)s->offset);
    else
        for (int64_t left = s->offset; left > 0 && advance(w); left--)
            continue;
}

static void reply_selection(struct exec *x, struct object *zset, const struct selection *s)
{
    const bool nested = s->with_scores && x->reply.protocol > 2;
    struct zset_walk w;
    uint64_t count = 0;
    const size_t begun = reply_array_begin(x);
    select_begin(&w, zset, s);
    for (; count < s->limit && zset_walk_next(&w); count++)
        if (s->with_scores)
            zset_reply_pair(x, w.member, w.score, nested);
        else
            reply_bulk(x, w.member);
    zset_walk_end(&w);
    reply_array_end(x, begun, s->with_scores && !nested ? 2 * count : count);
}

static void range_command(struct exec *x, struct selection *s)
{
    struct object zset;
    s->key = 1;
    if (!parse_selection(x, s) || !open_key(x, 1, TYPE_ZSET, &zset))
        return;
    reply_selection(x, &zset, s);
    object_close(&zset);
}

/* ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES] */
static void zrange(struct exec *x)
{
    struct selection s = {.rank_only = true};
    range_command(x, &s);
}

/* ZREVRANGE key start stop [WITHSCORES] */
static void zrevrange(struct exec *x)
{
    struct selection s = {.direction = BACKWARD};
    range_command(x, &s);
}

/* ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count] */
static void zrangebyscore(struct exec *x)
{
    struct selection s = {.range.by = ZSET_BY_SCORE};
    range_command(x, &s);
}

/* ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count] */
static void zrevrangebyscore(struct exec *x)
{
    struct selection s = {.range.by = ZSET_BY_SCORE, .direction = BACKWARD};
    range_command(x, &s);
}

/* ZRANGEBYLEX key min max [LIMIT offset count] */
static void zrangebylex(struct exec *x)
{
    struct selection s = {.range.by = ZSET_BY_LEX};
    range_command(x, &s);
}

/* ZREVRANGEBYLEX key max min [LIMIT offset count] */
static void zrevrangebylex(struct exec *x)
{
    struct selection s = {.range.by = ZSET_BY_LEX, .direction = BACKWARD};
    range_command(x, &s);
}

/* Members in front of a bound: below it, or for a high one up to it. Those of a range by name all
 * have one score. */
static uint64_t rank_of_bound(struct object *zset, const struct zset_range *range, bool is_high,
                              double score)
{
    const struct zset_bound *b = is_high ? &range->high : &range->low;
    const bool with_bound = is_high != b->open; /* what equals the bound is in front, too */
    const bool by_name = range->by == ZSET_BY_LEX;
    if (by_name ? b->infinite < 0 : b->score == -INFINITY && !with_bound)
        return 0;
    if (by_name ? b->infinite > 0 : b->score == INFINITY && with_bound)
        return object_count(zset);
    uint8_t order[sizeof(uint64_t)];
    struct buf subkey = {0};
    put_be64(order, by_name ? score_to_order(score) : score_to_order(b->score) + with_bound);
    buf_append(&subkey, order, sizeof(order));
    if (by_name) {
        buf_append_bytes(&subkey, b->name);
        if (with_bound)
            buf_append_u8(&subkey, 0); /* the next name */
    }
    const uint64_t rank = object_rank(zset, SPACE_SCORE, buf_bytes(&subkey));
    buf_clear(&subkey);
    return rank;
}

/* Whether the range is one of ranks; by name it is that where all scores are the same. */
static bool has_ranks(struct object *zset, const struct zset_range *range, double *score)
{
    if (range->by != ZSET_BY_LEX)
        return true;
    struct buf ends[2] = {{0}, {0}};
    read_end(zset, FORWARD, &ends[0]);
    read_end(zset, BACKWARD, &ends[1]);
    *score = zset_stored_score(buf_bytes(&ends[0]));
    const bool same = *score == zset_stored_score(buf_bytes(&ends[1]));
    buf_clear(&ends[0]);
    buf_clear(&ends[1]);
    return same;
}

/* As many as a walk of the selection gives, found without one. */
static uint64_t count_by_rank(struct object *zset, const struct selection *s, double score)
{
    uint64_t count, from;
    if (s->range.by == ZSET_BY_RANK) {
        count = elements_range(object_count(zset), s->range.first, s->range.last, &from);
    } else {
        const uint64_t low = rank_of_bound(zset, &s->range, false, score);
        const uint64_t high = rank_of_bound(zset, &s->range, true, score);
        count = high > low ? high - low : 0;
        if (s->offset != 0)
            count -= s->offset < 0 ? count : MIN(count, (uint64_t)s->offset);
    }
    return MIN(count, s->limit);
}

/* Up to limit members of the walk, counted. */
static uint64_t count_selection(struct object *zset, const struct selection *s)
{
    double score = 0;
    if (object_count(zset) == 0)
        return 0;
    if (!object_is_packed(zset) && has_ranks(zset, &s->range, &score))
        return count_by_rank(zset, s, score);
    struct zset_walk w;
    uint64_t count = 0;
    select_begin(&w, zset, s);
    while (count < s->limit && zset_walk_next(&w))
        count++;
    zset_walk_end(&w);
    return count;
}

/* The destination may be the source: that is read until the other is saved. */
static void store_selection(struct exec *x, struct object *from, const struct selection *s)
{
    const uint64_t count = count_selection(from, s);
    struct object to;
    struct zset_walk w;
    if (!may_write_rows(x, count))
        return;
    object_open(x->keyspace, x->db, x->args[1], &to);
    if (count > 0) {
        zset_replace(x, &to);
        select_begin(&w, from, s);
        for (uint64_t i = 0; i < count && zset_walk_next(&w); i++)
            zset_put(x, &to, w.member, w.score);
        zset_walk_end(&w);
        changed(x, &to, EVENT_ZSET, "zrangestore");
    } else if (to.type != TYPE_NONE) {
        delete_key(x, &to);
    }
    object_close(&to);
    reply_int64(x, (int64_t)count);
}

/* ZRANGESTORE destination key min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] */
static void zrangestore(struct exec *x)
{
    struct selection s = {.rank_only = true, .stores = true, .key = 2};
    struct object zset;
    if (!parse_selection(x, &s) || !open_key(x, 2, TYPE_ZSET, &zset))
        return;
    store_selection(x, &zset, &s);
    object_close(&zset);
}

/* --- counting and removing -------------------------------------------------------------------- */

static void reply_count(struct exec *x, enum zset_order by)
{
    struct selection s = {.range.by = by, .limit = UINT64_MAX};
    struct object zset;
    if (!zset_parse_range(x, 2, 3, &s.range) || !open_key(x, 1, TYPE_ZSET, &zset))
        return;
    reply_int64(x, (int64_t)count_selection(&zset, &s));
    object_close(&zset);
}

/* ZCOUNT key min max */
static void zcount(struct exec *x)
{
    reply_count(x, ZSET_BY_SCORE);
}

/* ZLEXCOUNT key min max */
static void zlexcount(struct exec *x)
{
    reply_count(x, ZSET_BY_LEX);
}

static void delete_range(struct object *zset, const struct zset_range *range)
{
    struct zset_walk w;
    zset_walk_begin(&w, zset, range, FORWARD);
    while (zset_walk_next(&w))
        object_del(zset, SPACE_MEMBER, w.member);
    zset_walk_end(&w);
}

static void remove_range(struct exec *x, enum zset_order by, const char *event)
{
    struct selection s = {.range.by = by, .limit = UINT64_MAX};
    struct object zset;
    if (!zset_parse_range(x, 2, 3, &s.range) || !open_key(x, 1, TYPE_ZSET, &zset))
        return;
    const uint64_t count = count_selection(&zset, &s);
    const bool is_all = count == object_count(&zset);
    if (count > 0 && is_all) {
        delete_emptied(x, &zset, EVENT_ZSET, event);
    } else if (count > 0) {
        if (!may_write_rows(x, count)) {
            object_close(&zset);
            return;
        }
        delete_range(&zset, &s.range);
        changed(x, &zset, EVENT_ZSET, event);
    }
    object_close(&zset);
    reply_int64(x, (int64_t)count);
}

/* ZREMRANGEBYRANK key start stop -> how many there were */
static void zremrangebyrank(struct exec *x)
{
    remove_range(x, ZSET_BY_RANK, "zremrangebyrank");
}

/* ZREMRANGEBYSCORE key min max */
static void zremrangebyscore(struct exec *x)
{
    remove_range(x, ZSET_BY_SCORE, "zremrangebyscore");
}

/* ZREMRANGEBYLEX key min max */
static void zremrangebylex(struct exec *x)
{
    remove_range(x, ZSET_BY_LEX, "zremrangebylex");
}

const struct command zset_range_commands[] = {
    {.name = "zcount", .run = zcount, .arity = 4, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(log(N))",
     .summary = "How many members have a score in a range."},
    {.name = "zlexcount", .run = zlexcount, .arity = 4, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.8.9", .complexity = "O(log(N))",
     .summary = "How many members lie in a range of names."},
    {.name = "zrange", .run = zrange, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(log(N)+M)",
     .summary = "Members by rank, score or name."},
    {.name = "zrangebylex", .run = zrangebylex, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.8.9", .complexity = "O(log(N)+M)",
     .summary = "Members by name.",
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {.name = "zrangebyscore", .run = zrangebyscore, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.0.5", .complexity = "O(log(N)+M)",
     .summary = "Members by score.",
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrangestore", .run = zrangestore, .arity = -5, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0", .complexity = "O(log(N)+M)",
     .summary = "Stores a range of members."},
    {.name = "zremrangebylex", .run = zremrangebylex, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.8.9", .complexity = "O(log(N)+M)",
     .summary = "Takes the members of a range of names out."},
    {.name = "zremrangebyrank", .run = zremrangebyrank, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(log(N)+M)",
     .summary = "Takes the members of a range of ranks out."},
    {.name = "zremrangebyscore", .run = zremrangebyscore, .arity = 4, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(log(N)+M)",
     .summary = "Takes the members of a range of scores out."},
    {.name = "zrevrange", .run = zrevrange, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(log(N)+M)",
     .summary = "Members by rank, from the highest on.",
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` argument"},
    {.name = "zrevrangebylex", .run = zrevrangebylex, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.8.9", .complexity = "O(log(N)+M)",
     .summary = "Members by name, backwards.",
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {.name = "zrevrangebyscore", .run = zrevrangebyscore, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.2.0", .complexity = "O(log(N)+M)",
     .summary = "Members by score, from the highest on.",
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = NULL},
};
