/* zset.c -- sorted sets: adding, scores, popping, random members. Ranges are in zset_range.c, what
 * is made of several sets in zset_combine.c. */

#include "command/zset.h"

#include <math.h>

#include "base/encode.h"
#include "base/panic.h"
#include "command/block.h"
#include "command/elements.h"
#include "command/pop.h"
#include "command/settings.h"
#include "command/table.h"
#include "resp/resp_write.h"

/* --- members ---------------------------------------------------------------------------------- */

static void allow_packed(struct exec *x, struct object *zset)
{
    const uint64_t packed_max = MIN(x->settings->zset_max_listpack_value, OBJECT_PACKED_BYTES_MAX);
    zset->packed_max_bytes = MAX(zset->packed_max_bytes, (uint32_t)packed_max);
}

bool zset_open_write(struct exec *x, uint32_t n, struct object *zset)
{
    if (!open_write(x, n, TYPE_ZSET, ENCODING_LISTPACK, zset))
        return false;
    allow_packed(x, zset);
    return true;
}

void zset_replace(struct exec *x, struct object *o)
{
    object_replace(o, TYPE_ZSET, ENCODING_LISTPACK);
    allow_packed(x, o);
}

double zset_stored_score(struct bytes b)
{
    CHECK(b.size >= sizeof(uint64_t));
    return score_from_order(get_be64(b.data));
}

bool zset_score(struct object *zset, struct bytes member, double *score)
{
    struct bytes value;
    if (!object_get(zset, SPACE_MEMBER, member, &value))
        return false;
    *score = zset_stored_score(value);
    return true;
}

/* As Redis: a long member, or one more than allowed, ends the listpack for good. */
bool zset_put(struct exec *x, struct object *zset, struct bytes member, double score)
{
    const struct settings *s = x->settings;
    uint8_t order[sizeof(uint64_t)];
    put_be64(order, score_to_order(score == 0 ? 0 : score));
    const bool is_new = object_put(zset, SPACE_MEMBER, member, bytes_of(order, sizeof(order)));
    if (is_new && (member.size > s->zset_max_listpack_value ||
                   object_count(zset) > s->zset_max_listpack_entries))
        zset->encoding = ENCODING_SKIPLIST;
    return is_new;
}

void zset_reply_pair(struct exec *x, struct bytes member, double score, bool nested)
{
    if (nested)
        reply_array(x, 2);
    reply_bulk(x, member);
    reply_double(x, score);
}

/* --- ZADD, ZINCRBY, ZREM ---------------------------------------------------------------------- */

/* Returns the argument of the first score. */
static uint32_t parse_zadd_options(struct exec *x, struct zset_add *z)
{
    const struct {
        const char *word;
        bool *flag;
    } options[] = {{"nx", &z->nx}, {"xx", &z->xx}, {"gt", &z->gt},
                   {"lt", &z->lt}, {"ch", &z->ch}, {"incr", &z->incr}};
    uint32_t n = 2;
    for (; n < x->arg_count; n++) {
        size_t i = 0;
        while (i < ARRAY_COUNT(options) && !arg_is(x, n, options[i].word))
            i++;
        if (i == ARRAY_COUNT(options))
            break;
        *options[i].flag = true;
    }
    return n;
}

static bool parse_zadd(struct exec *x, struct zset_add *z)
{
    const uint32_t first = parse_zadd_options(x, z), words = x->arg_count - first;
    if (words == 0 || words % 2 == 1) {
        reply_syntax_error(x);
        return false;
    }
    if (z->nx && z->xx) {
        reply_error(x, "ERR XX and NX options at the same time are not compatible");
        return false;
    }
    if (z->gt + z->lt + z->nx > 1) {
        reply_error(x, "ERR GT, LT, and/or NX options at the same time are not compatible");
        return false;
    }
    if (z->incr && words > 2) {
        reply_error(x, "ERR INCR option supports a single increment-element pair");
        return false;
    }
    z->first = first + 1;
    z->step = 2;
    z->count = words / 2;
    z->scores = arena_alloc(x->arena, z->count * sizeof(*z->scores));
    for (uint32_t i = 0; i < z->count; i++)
        if (!arg_double(x, first + 2 * i, &z->scores[i]))
            return false;
    return true;
}

/* Adds or changes one member, as far as the options let it. False: the score would be NaN. */
static bool zadd_member(struct exec *x, struct object *zset, struct bytes member,
                        struct zset_add *z)
{
    double old;
    z->done = false;
    if (!zset_score(zset, member, &old)) {
        if (z->xx)
            return true;
        zset_put(x, zset, member, z->score);
        z->added++;
        z->done = true;
        return true;
    }
    if (z->nx)
        return true;
    if (z->incr)
        z->score += old;
    if (isnan(z->score)) {
        reply_error(x, "ERR resulting score is not a number (NaN)");
        return false;
    }
    if ((z->lt && z->score >= old) || (z->gt && z->score <= old))
        return true;
    z->done = true;
    if (z->score != old) {
        zset_put(x, zset, member, z->score);
        z->updated++;
    }
    return true;
}

static void reply_zadd(struct exec *x, const struct zset_add *z)
{
    if (!z->incr)
        reply_int64(x, z->ch ? z->added + z->updated : z->added);
    else if (z->done)
        reply_double(x, z->score);
    else
        reply_null(x);
}

void zset_add(struct exec *x, struct zset_add *z)
{
    struct object zset;
    if (!zset_open_write(x, 1, &zset))
        return;
    bool is_number = true;
    for (uint32_t i = 0; i < z->count && is_number; i++) {
        z->score = z->scores[i];
        is_number = zadd_member(x, &zset, x->args[z->first + i * z->step], z);
    }
    if (z->added + z->updated > 0)
        changed(x, &zset, EVENT_ZSET, z->incr ? "zincr" : "zadd");
    object_close(&zset);
    if (is_number)
        reply_zadd(x, z);
}

static void add_members(struct exec *x, bool incr)
{
    struct zset_add z = {.incr = incr};
    if (parse_zadd(x, &z))
        zset_add(x, &z);
}

/* ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member ... */
static void zadd(struct exec *x)
{
    add_members(x, false);
}

/* ZINCRBY key increment member; like Redis's, it knows ZADD's options, but has no room for them */
static void zincrby(struct exec *x)
{
    add_members(x, true);
}

/* ZREM key member ... -> how many there were */
static void zrem(struct exec *x)
{
    delete_elements(x, TYPE_ZSET, SPACE_MEMBER, EVENT_ZSET, "zrem");
}

/* --- scores and ranks ------------------------------------------------------------------------- */

/* ZCARD key */
static void zcard(struct exec *x)
{
    reply_element_count(x, TYPE_ZSET);
}

static void reply_score(struct exec *x, struct object *zset, struct bytes member)
{
    double score;
    if (zset_score(zset, member, &score))
        reply_double(x, score);
    else
        reply_null(x);
}

/* ZSCORE key member */
static void zscore(struct exec *x)
{
    struct object zset;
    if (!open_key_or_null(x, 1, TYPE_ZSET, &zset))
        return;
    reply_score(x, &zset, x->args[2]);
    object_close(&zset);
}

/* ZMSCORE key member ... */
static void zmscore(struct exec *x)
{
    struct object zset;
    if (!open_key(x, 1, TYPE_ZSET, &zset))
        return;
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++)
        reply_score(x, &zset, x->args[i]);
    object_close(&zset);
}

uint64_t zset_rank(struct object *zset, double score, struct bytes member,
                   enum direction direction)
{
    uint8_t order[sizeof(uint64_t)];
    struct buf subkey = {0};
    put_be64(order, score_to_order(score));
    buf_append(&subkey, order, sizeof(order));
    buf_append_bytes(&subkey, member);
    const uint64_t before = object_rank(zset, SPACE_SCORE, buf_bytes(&subkey));
    buf_clear(&subkey);
    return direction == FORWARD ? before : object_count(zset) - 1 - before;
}

static void reply_rank(struct exec *x, enum direction direction)
{
    struct object zset;
    double score;
    if (!open_key_or_null(x, 1, TYPE_ZSET, &zset))
        return;
    if (zset_score(&zset, x->args[2], &score))
        reply_int64(x, (int64_t)zset_rank(&zset, score, x->args[2], direction));
    else
        reply_null(x);
    object_close(&zset);
}

/* ZRANK key member */
static void zrank(struct exec *x)
{
    reply_rank(x, FORWARD);
}

/* ZREVRANK key member */
static void zrevrank(struct exec *x)
{
    reply_rank(x, BACKWARD);
}

/* --- popping ---------------------------------------------------------------------------------- */

/* Replies with the count members at the end where direction begins, without an array round them,
 * and takes them out. */
static void take_members(struct exec *x, struct object *zset, enum direction direction,
                         uint64_t count, bool nested)
{
    const char *event = direction == FORWARD ? "zpopmin" : "zpopmax";
    const struct zset_range range = {.by = ZSET_BY_RANK, .last = (int64_t)count - 1};
    const bool is_all = count == object_count(zset);
    struct zset_walk w;
    zset_walk_begin(&w, zset, &range, direction);
    while (zset_walk_next(&w)) {
        zset_reply_pair(x, w.member, w.score, nested);
        if (!is_all)
            object_del(zset, SPACE_MEMBER, w.member);
    }
    zset_walk_end(&w);
    if (is_all)
        delete_emptied(x, zset, EVENT_ZSET, event);
    else
        changed(x, zset, EVENT_ZSET, event);
}

static void pop_members(struct exec *x, struct object *zset, enum direction direction,
                        uint64_t count, bool nested)
{
    reply_array(x, nested ? count : 2 * count);
    take_members(x, zset, direction, count, nested);
}

static void pop_end(struct exec *x, enum direction direction)
{
    static const int64_t range[] = {0, INT64_MAX};
    int64_t count = 1;
    struct object zset;
    if (x->arg_count > 3) {
        reply_syntax_error(x);
        return;
    }
    if ((x->arg_count == 3 && !arg_int64_range(x, 2, range, &count,
                                               "ERR value is out of range, must be positive")) ||
        !open_key(x, 1, TYPE_ZSET, &zset))
        return;
    const uint64_t popped = MIN((uint64_t)count, object_count(&zset));
    const bool nested = x->arg_count == 3 && x->reply.protocol > 2;
    if (popped == 0)
        reply_array(x, 0);
    else if (may_pop(x, &zset, popped))
        pop_members(x, &zset, direction, popped, nested);
    object_close(&zset);
}

/* ZPOPMIN key [count] */
static void zpopmin(struct exec *x)
{
    pop_end(x, FORWARD);
}

/* ZPOPMAX key [count] */
static void zpopmax(struct exec *x)
{
    pop_end(x, BACKWARD);
}

static const char *const pop_ends[] = {"min", "max"};

static void pop_multi(struct exec *x, struct object *zset, const struct multi_pop *m)
{
    const uint64_t popped = MIN(m->count, object_count(zset));
    if (may_pop(x, zset, popped)) {
        reply_array(x, 2);
        reply_bulk(x, zset->name);
        pop_members(x, zset, m->at_second ? BACKWARD : FORWARD, popped, true);
    }
    object_close(zset);
}

/* ZMPOP numkeys key ... MIN | MAX [COUNT count] */
static void zmpop(struct exec *x)
{
    struct multi_pop m;
    struct object zset;
    if (multi_pop_parse(x, 1, pop_ends, &m) && multi_pop_open(x, &m, TYPE_ZSET, &zset))
        pop_multi(x, &zset, &m);
}

/* BZMPOP timeout numkeys key ... MIN | MAX [COUNT count] */
static void bzmpop(struct exec *x)
{
    struct multi_pop m;
    struct object zset;
    if (!multi_pop_parse(x, 2, pop_ends, &m))
        return;
    struct block wish = {.type = TYPE_ZSET, .first = m.key, .count = m.key_count};
    if (arg_timeout(x, 1, &wish.timeout_ms) && block_open(x, &wish, &zset))
        pop_multi(x, &zset, &m);
}

static void blocking_pop(struct exec *x, enum direction direction)
{
    struct block wish = {.type = TYPE_ZSET, .first = 1, .count = x->arg_count - 2};
    struct object zset;
    if (!arg_timeout(x, x->arg_count - 1, &wish.timeout_ms) || !block_open(x, &wish, &zset))
        return;
    reply_array(x, 3);
    reply_bulk(x, zset.name);
    take_members(x, &zset, direction, 1, false);
    object_close(&zset);
}

/* BZPOPMIN key ... timeout -> the key, its member and score */
static void bzpopmin(struct exec *x)
{
    blocking_pop(x, FORWARD);
}

/* BZPOPMAX key ... timeout */
static void bzpopmax(struct exec *x)
{
    blocking_pop(x, BACKWARD);
}

/* --- ZRANDMEMBER, ZSCAN ----------------------------------------------------------------------- */

static void give_pair(struct exec *x, struct object *o, struct bytes member, struct bytes value)
{
    (void)o;
    zset_reply_pair(x, member, zset_stored_score(value), x->reply.protocol > 2);
}

/* ZRANDMEMBER key [count [WITHSCORES]] */
static void zrandmember(struct exec *x)
{
    reply_random_pairs(x, TYPE_ZSET, SPACE_MEMBER, "withscores", give_pair);
}

/* A listpack holds whole numbers as integers, which is how ZSCAN shows them, ZSCORE does not. */
static void note_pair(struct scan *s, struct bytes member, struct bytes value)
{
    char text[RESP_DOUBLE_SIZE];
    const double score = zset_stored_score(value);
    scan_found(s, member);
    if (s->listpack && fabs(score) <= (double)(INT64_MAX / 2) && trunc(score) == score)
        scan_found(s, bytes_from_int64((int64_t)score, text));
    else
        scan_found(s, resp_double_text(score, text));
}

/* ZSCAN key cursor [MATCH pattern] [COUNT count] */
static void zscan(struct exec *x)
{
    elements_scan(x, TYPE_ZSET, SPACE_MEMBER, note_pair);
}

const struct command zset_commands[] = {
    {.name = "bzmpop", .run = bzmpop, .arity = -5, .flags = CMD_WRITE | CMD_BLOCKING |
         CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "7.0.0", .complexity = "O(K)",
     .summary = "Pops from the first sorted set that has members, or waits."},
    {.name = "bzpopmax", .run = bzpopmax, .arity = -3, .flags = CMD_WRITE | CMD_NO_SCRIPT |
         CMD_BLOCKING | CMD_FAST,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "5.0.0", .complexity = "O(log(N))",
     .summary = "Pops the highest member of the first sorted set that has any, or waits."},
    {.name = "bzpopmin", .run = bzpopmin, .arity = -3, .flags = CMD_WRITE | CMD_NO_SCRIPT |
         CMD_BLOCKING | CMD_FAST,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "5.0.0", .complexity = "O(log(N))",
     .summary = "Pops the lowest member of the first sorted set that has any, or waits."},
    {.name = "zadd", .run = zadd, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(log(N))",
     .summary = "Adds members with scores, or changes scores."},
    {.name = "zcard", .run = zcard, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(1)",
     .summary = "How many members a sorted set has."},
    {.name = "zincrby", .run = zincrby, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(log(N))",
     .summary = "Adds to a member's score."},
    {.name = "zmpop", .run = zmpop, .arity = -4, .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "7.0.0", .complexity = "O(K)",
     .summary = "Pops from the first sorted set that has members."},
    {.name = "zmscore", .run = zmscore, .arity = -3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0", .complexity = "O(N)",
     .summary = "The scores of several members."},
    {.name = "zpopmax", .run = zpopmax, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "5.0.0", .complexity = "O(log(N)*M)",
     .summary = "Pops the members of highest score."},
    {.name = "zpopmin", .run = zpopmin, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "5.0.0", .complexity = "O(log(N)*M)",
     .summary = "Pops the members of lowest score."},
    {.name = "zrandmember", .run = zrandmember, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "6.2.0", .complexity = "O(N)",
     .summary = "Random members.", .tips = "nondeterministic_output"},
    {.name = "zrank", .run = zrank, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(log(N))",
     .summary = "The rank of a member, from the lowest score."},
    {.name = "zrem", .run = zrem, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(M*log(N))",
     .summary = "Takes members out."},
    {.name = "zrevrank", .run = zrevrank, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.0.0", .complexity = "O(log(N))",
     .summary = "The rank of a member, from the highest score."},
    {.name = "zscan", .run = zscan, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "2.8.0", .complexity = "O(1)",
     .summary = "Walks over members and scores step by step.", .tips = "nondeterministic_output"},
    {.name = "zscore", .run = zscore, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SORTEDSET, .group = "sorted-set", .since = "1.2.0", .complexity = "O(1)",
     .summary = "The score of a member."},
    {.name = NULL},
};
