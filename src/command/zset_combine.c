/* zset_combine.c -- ZUNION, ZINTER, ZDIFF: what is made of several sorted sets, or sets, whose
 * members have the score 1.
 *
 * The sources' members are listed in memory, a union's once for each source that has them; those
 * are brought together by sorting. Then all are sorted by score, and replied or stored. */

#include <math.h>
#include <stdlib.h>

#include "command/sources.h"
#include "command/table.h"
#include "command/zset.h"

enum aggregate { SUM, LEAST, GREATEST };

struct plan {
    enum combination combination;
    bool stores, only_counts;
    uint32_t numkeys; /* its argument */
    struct sources sources;
    enum aggregate aggregate;
    bool with_scores;
    uint64_t limit;   /* of ZINTERCARD; 0 = none */
};

struct scored {
    struct bytes member; /* memory of the request */
    double score;
    size_t ordinal; /* scores of one member are added in this order */
};

struct result {
    struct scored *at;
    size_t count, capacity;
};

/* --- arguments -------------------------------------------------------------------------------- */

static bool parse_weights(struct exec *x, uint32_t n, struct sources *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!bytes_to_double(x->args[n + i], &s->at[i].weight)) {
            reply_error(x, "ERR weight value is not a float");
            return false;
        }
    return true;
}

static bool parse_aggregate(struct exec *x, uint32_t n, enum aggregate *aggregate)
{
    static const char *const words[] = {[SUM] = "sum", [LEAST] = "min", [GREATEST] = "max"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (arg_is(x, n, words[i])) {
            *aggregate = (enum aggregate)i;
            return true;
        }
    reply_syntax_error(x);
    return false;
}

static bool parse_limit(struct exec *x, uint32_t n, uint64_t *limit)
{
    static const int64_t range[] = {0, INT64_MAX};
    int64_t number;
    if (!arg_int64_range(x, n, range, &number, "ERR LIMIT can't be negative"))
        return false;
    *limit = (uint64_t)number;
    return true;
}

static bool parse_options(struct exec *x, struct plan *p)
{
    const bool scores = p->combination != DIFFERENCE && !p->only_counts;
    for (uint32_t n = p->numkeys + 1 + p->sources.count; n < x->arg_count;) {
        const uint32_t behind = x->arg_count - n - 1;
        if (scores && behind >= p->sources.count && arg_is(x, n, "weights")) {
            if (!parse_weights(x, n + 1, &p->sources))
                return false;
            n += 1 + p->sources.count;
        } else if (scores && behind >= 1 && arg_is(x, n, "aggregate")) {
            if (!parse_aggregate(x, n + 1, &p->aggregate))
                return false;
            n += 2;
        } else if (!p->stores && !p->only_counts && arg_is(x, n, "withscores")) {
            p->with_scores = true;
            n++;
        } else if (p->only_counts && behind >= 1 && arg_is(x, n, "limit")) {
            if (!parse_limit(x, n + 1, &p->limit))
                return false;
            n += 2;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* Opens the sources and takes the options. False: it has replied, and nothing is open. */
static bool parse_plan(struct exec *x, struct plan *p)
{
    int64_t count;
    if (!arg_int64(x, p->numkeys, &count))
        return false;
    if (count < 1) {
        reply_errorf(x, "ERR at least 1 input key is needed for '%s' command", x->command->name);
        return false;
    }
    if (count > x->arg_count - p->numkeys - 1) {
        reply_syntax_error(x);
        return false;
    }
    if (!sources_open(x, p->numkeys + 1, (uint32_t)count, TYPE_ZSET, &p->sources))
        return false;
    if (parse_options(x, p))
        return true;
    sources_close(&p->sources);
    return false;
}

/* --- combining -------------------------------------------------------------------------------- */

static void list(struct exec *x, struct result *r, struct bytes member, double score)
{
    if (r->count == r->capacity) {
        const struct scored *old = r->at;
        r->capacity = MAX(r->capacity * 2, (size_t)64);
        r->at = arena_alloc(x->arena, r->capacity * sizeof(*r->at));
        if (r->count > 0)
            memcpy(r->at, old, r->count * sizeof(*r->at));
    }
    r->at[r->count] = (struct scored){arena_copy(x->arena, member), score, r->count};
    r->count++;
}

static double score_of(const struct source *s, struct bytes value)
{
    return s->object.type == TYPE_SET ? 1 : zset_stored_score(value);
}

/* As Redis: the sum of inf and -inf is 0, and what is no number is neither less nor greater. */
static double aggregate_scores(enum aggregate aggregate, double score, double other)
{
    const double sum = score + other;
    switch (aggregate) {
    case SUM: return isnan(sum) ? 0 : sum;
    case LEAST: return other < score ? other : score;
    case GREATEST: return other > score ? other : score;
    }
    return score;
}

static double weighted(const struct source *s, double score)
{
    const double product = s->weight * score;
    return isnan(product) ? 0 : product;
}

static void unite(struct exec *x, struct plan *p, struct result *r)
{
    for (uint32_t i = 0; i < p->sources.count; i++) {
        struct source *s = &p->sources.at[i];
        struct object_cursor cursor;
        struct bytes member, value;
        object_seek(&s->object, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
        while (object_next(&cursor, &member, &value))
            list(x, r, member, weighted(s, score_of(s, value)));
        object_cursor_close(&cursor);
    }
}

static int compare_members(const void *a, const void *b)
{
    const struct scored *left = a, *right = b;
    const int order = bytes_compare(left->member, right->member);
    return order != 0 ? order : (left->ordinal > right->ordinal) - (left->ordinal < right->ordinal);
}

/* One entry for each member. */
static void merge(struct plan *p, struct result *r)
{
    size_t kept = 0;
    if (r->count > 0)
        qsort(r->at, r->count, sizeof(*r->at), compare_members);
    for (size_t i = 0; i < r->count; i++)
        if (kept > 0 && bytes_equal(r->at[kept - 1].member, r->at[i].member))
            r->at[kept - 1].score =
                aggregate_scores(p->aggregate, r->at[kept - 1].score, r->at[i].score);
        else
            r->at[kept++] = r->at[i];
    r->count = kept;
}

/* Whether all other sources have member; *score is what comes of its score in the first. */
static bool aggregate_others(struct plan *p, struct bytes member, double *score)
{
    for (uint32_t i = 1; i < p->sources.count; i++) {
        struct source *s = &p->sources.at[i];
        struct bytes value;
        if (!object_get(&s->object, SPACE_MEMBER, member, &value))
            return false;
        *score = aggregate_scores(p->aggregate, *score, s->weight * score_of(s, value));
    }
    return true;
}

/* Walks the smallest source, or, for the difference, the first. */
static void walk_first(struct exec *x, struct plan *p, struct result *r)
{
    struct source *first = &p->sources.at[0];
    const bool differs = p->combination == DIFFERENCE;
    struct object_cursor cursor;
    struct bytes member, value;
    object_seek(&first->object, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &member, &value)) {
        double score = weighted(first, score_of(first, value));
        const bool stays = differs ? !sources_any_has(&p->sources, 1, member)
                                   : aggregate_others(p, member, &score);
        if (stays && p->only_counts)
            r->count++;
        else if (stays)
            list(x, r, member, score);
        if (p->limit > 0 && r->count == p->limit)
            break;
    }
    object_cursor_close(&cursor);
}

static int compare_scores(const void *a, const void *b)
{
    const struct scored *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? -1 : 1;
    return bytes_compare(left->member, right->member);
}

static void combine(struct exec *x, struct plan *p, struct result *r)
{
    sources_sort(&p->sources, p->combination == DIFFERENCE ? 1 : 0);
    if (p->combination == UNION) {
        unite(x, p, r);
        merge(p, r);
    } else {
        walk_first(x, p, r);
    }
    if (!p->only_counts && r->count > 0)
        qsort(r->at, r->count, sizeof(*r->at), compare_scores);
}

/* --- commands --------------------------------------------------------------------------------- */

static void reply_combined(struct exec *x, enum combination combination)
{
    struct plan p = {.combination = combination, .numkeys = 1};
    struct result r = {0};
    if (!parse_plan(x, &p))
        return;
    combine(x, &p, &r);
    sources_close(&p.sources);
    const bool nested = p.with_scores && x->reply.protocol > 2;
    reply_array(x, p.with_scores && !nested ? 2 * r.count : r.count);
    for (size_t i = 0; i < r.count; i++)
        if (p.with_scores)
            zset_reply_pair(x, r.at[i].member, r.at[i].score, nested);
        else
            reply_bulk(x, r.at[i].member);
}

static void store_combined(struct exec *x, enum combination combination, const char *event)
{
    struct plan p = {.combination = combination, .stores = true, .numkeys = 2};
    struct result r = {0};
    struct object to;
    if (!parse_plan(x, &p))
        return;
    const bool may_store = may_write_rows(x, sources_result_max(&p.sources, combination));
    if (may_store)
        combine(x, &p, &r);
    sources_close(&p.sources);
    if (!may_store)
        return;
    object_open(x->keyspace, x->db, x->args[1], &to);
    if (r.count > 0) {
        zset_replace(x, &to);
        for (size_t i = 0; i < r.count; i++)
            zset_put(x, &to, r.at[i].member, r.at[i].score);
        changed(x, &to, EVENT_ZSET, event);
    } else if (to.type != TYPE_NONE) {
        delete_key(x, &to);
    }
    object_close(&to);
    reply_int64(x, (int64_t)r.count);
}

/* ZUNION numkeys key ... [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES] */
static void zunion(struct exec *x)
{
    reply_combined(x, UNION);
}

/* ZINTER numkeys key ..., as ZUNION */
static void zinter(struct exec *x)
{
    reply_combined(x, INTERSECTION);
}

/* ZDIFF numkeys key ... [WITHSCORES] */
static void zdiff(struct exec *x)
{
    reply_combined(x, DIFFERENCE);
}

/* ZUNIONSTORE destination numkeys key ... [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] */
static void zunionstore(struct exec *x)
{
    store_combined(x, UNION, "zunionstore");
}

/* ZINTERSTORE destination numkeys key ..., as ZUNIONSTORE */
static void zinterstore(struct exec *x)
{
    store_combined(x, INTERSECTION, "zinterstore");
}

/* ZDIFFSTORE destination numkeys key ... */
static void zdiffstore(struct exec *x)
{
    store_combined(x, DIFFERENCE, "zdiffstore");
}

/* ZINTERCARD numkeys key ... [LIMIT limit] */
static void zintercard(struct exec *x)
{
    struct plan p = {.combination = INTERSECTION, .only_counts = true, .numkeys = 1};
    struct result r = {0};
    if (!parse_plan(x, &p))
        return;
    combine(x, &p, &r);
    sources_close(&p.sources);
    reply_int64(x, (int64_t)r.count);
}

const struct command zset_combine_commands[] = {
    {.name = "zdiff", .run = zdiff, .arity = -3, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0",
         .complexity = "O(L + (N-K)log(N))",
     .summary = "The members of the first sorted set that no other has."},
    {.name = "zdiffstore", .run = zdiffstore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY_COUNTED(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0",
         .complexity = "O(L + (N-K)log(N))",
     .summary = "Stores the difference of sorted sets."},
    {.name = "zinter", .run = zinter, .arity = -3, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0", .complexity = "O(N*K)",
     .summary = "The members that all sorted sets have."},
    {.name = "zintercard", .run = zintercard, .arity = -3, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "7.0.0", .complexity = "O(N*K)",
     .summary = "How many members all sorted sets have in common."},
    {.name = "zinterstore", .run = zinterstore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY_COUNTED(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(N*K)",
     .summary = "Stores the intersection of sorted sets."},
    {.name = "zunion", .run = zunion, .arity = -3, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0", .complexity = "O(N)",
     .summary = "The members that any of the sorted sets has."},
    {.name = "zunionstore", .run = zunionstore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY_COUNTED(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Stores the union of sorted sets."},
    {.name = NULL},
};
