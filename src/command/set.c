/* set.c -- sets: members in SPACE_MEMBER, member -> nothing. */

#include <stdlib.h>

#include "base/panic.h"
#include "command/distinct.h"
#include "command/elements.h"
#include "command/settings.h"
#include "command/sources.h"
#include "command/table.h"

/* --- members ---------------------------------------------------------------------------------- */

/* A set is an intset up to its first member that is no number, or one more than allowed. */
static bool add_member(struct exec *x, struct object *set, struct bytes member)
{
    int64_t number;
    if (set->encoding == ENCODING_INTSET && !bytes_to_int64(member, &number))
        set->encoding = ENCODING_HASHTABLE;
    const bool is_new = object_put(set, SPACE_MEMBER, member, BYTES_NONE);
    if (is_new && object_count(set) > x->settings->set_max_intset_entries)
        set->encoding = ENCODING_HASHTABLE;
    return is_new;
}

static bool has_member(struct object *set, struct bytes member)
{
    struct bytes nothing;
    return object_get(set, SPACE_MEMBER, member, &nothing);
}

/* SADD key member ... -> how many are new */
static void sadd(struct exec *x)
{
    struct object set;
    if (!open_write(x, 1, TYPE_SET, ENCODING_INTSET, &set))
        return;
    int64_t count = 0;
    for (uint32_t i = 2; i < x->arg_count; i++)
        count += add_member(x, &set, x->args[i]);
    if (count > 0)
        changed(x, &set, EVENT_SET, "sadd");
    object_close(&set);
    reply_int64(x, count);
}

/* SREM key member ... -> how many there were */
static void srem(struct exec *x)
{
    delete_elements(x, TYPE_SET, SPACE_MEMBER, EVENT_SET, "srem");
}

/* SMOVE source destination member -> 1 if moved */
static void smove(struct exec *x)
{
    struct object from, to;
    if (!open_key(x, 1, TYPE_SET, &from))
        return;
    if (from.type == TYPE_NONE) { /* whatever the destination is */
        reply_int64(x, 0);
        return;
    }
    if (!open_key(x, 2, TYPE_SET, &to)) {
        object_close(&from);
        return;
    }
    const bool is_there = has_member(&from, x->args[3]);
    if (is_there && !bytes_equal(x->args[1], x->args[2])) {
        object_del(&from, SPACE_MEMBER, x->args[3]);
        changed(x, &from, EVENT_SET, "srem");
        if (to.type == TYPE_NONE)
            object_create(&to, TYPE_SET, ENCODING_INTSET);
        if (add_member(x, &to, x->args[3])) /* else whoever watches it may go on, as in Redis */
            changed(x, &to, EVENT_SET, "sadd");
    }
    object_close(&from);
    object_close(&to);
    reply_int64(x, is_there);
}

/* SCARD key */
static void scard(struct exec *x)
{
    reply_element_count(x, TYPE_SET);
}

/* SISMEMBER key member */
static void sismember(struct exec *x)
{
    struct object set;
    if (!open_key(x, 1, TYPE_SET, &set))
        return;
    reply_int64(x, has_member(&set, x->args[2]));
    object_close(&set);
}

/* SMISMEMBER key member ... */
static void smismember(struct exec *x)
{
    struct object set;
    if (!open_key(x, 1, TYPE_SET, &set))
        return;
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++)
        reply_int64(x, has_member(&set, x->args[i]));
    object_close(&set);
}

/* --- random members --------------------------------------------------------------------------- */

/* SRANDMEMBER key [count] */
static void srandmember(struct exec *x)
{
    struct draw d = {.bulks = 1, .give = give_subkey};
    if (x->arg_count == 2)
        reply_random_element(x, TYPE_SET, SPACE_MEMBER);
    else if (x->arg_count > 3)
        reply_syntax_error(x);
    else if (arg_draw(x, 2, &d))
        reply_draw(x, TYPE_SET, SPACE_MEMBER, &d);
}

static void pop_member(struct exec *x, struct object *set, struct bytes member, struct bytes value)
{
    give_subkey(x, set, member, value);
    const bool was_there = object_del(set, SPACE_MEMBER, member);
    CHECK(was_there);
}

static void pop_one(struct exec *x)
{
    struct object set;
    struct bytes member, nothing;
    if (!open_key_or_null(x, 1, TYPE_SET, &set))
        return;
    object_random(&set, SPACE_MEMBER, x->chance, &member, &nothing);
    pop_member(x, &set, member, nothing);
    changed(x, &set, EVENT_SET, "spop");
    object_close(&set);
}

static void pop_all(struct exec *x, struct object *set)
{
    reply_set(x, object_count(set));
    if (reply_is_wanted(x))
        elements_give_all(x, set, SPACE_MEMBER, give_subkey);
    delete_emptied(x, set, EVENT_SET, "spop");
}

/* SPOP key [count] */
static void spop(struct exec *x)
{
    static const int64_t range[] = {0, INT64_MAX};
    int64_t count;
    struct object set;
    if (x->arg_count == 2) {
        pop_one(x);
        return;
    }
    if (x->arg_count > 3) {
        reply_syntax_error(x);
        return;
    }
    if (!arg_int64_range(x, 2, range, &count, "ERR value is out of range, must be positive") ||
        !open_key(x, 1, TYPE_SET, &set))
        return;
    const uint64_t popped = MIN((uint64_t)count, object_count(&set));
    if (popped == 0) {
        reply_set(x, 0);
    } else if (popped == object_count(&set)) {
        pop_all(x, &set);
    } else if (may_write_rows(x, popped)) {
        reply_set(x, popped);
        elements_draw(x, &set, SPACE_MEMBER, popped, pop_member);
        changed(x, &set, EVENT_SET, "spop");
    }
    object_close(&set);
}

/* --- results of several sets ------------------------------------------------------------------ */

/* Where the members go that SINTER and the others find: stored, listed, or just counted. */
struct result {
    struct object *store; /* NULL: listed */
    bool only_counted;
    struct bytes *list;   /* memory of the request */
    size_t capacity;
    uint64_t count, limit; /* limit 0: none */
    bool are_numbers;      /* all so far */
};

static bool is_complete(const struct result *r)
{
    return r->limit > 0 && r->count == r->limit;
}

/* member: memory of the request. */
static void list_member(struct exec *x, struct result *r, struct bytes member)
{
    if (r->count == r->capacity) {
        const struct bytes *old = r->list;
        r->capacity = MAX(r->capacity * 2, (size_t)64);
        r->list = arena_alloc(x->arena, r->capacity * sizeof(*r->list));
        if (r->count > 0)
            memcpy(r->list, old, r->count * sizeof(*r->list));
    }
    r->list[r->count++] = member;
    int64_t number;
    r->are_numbers = r->are_numbers && bytes_to_int64(member, &number);
}

static void take(struct exec *x, struct result *r, struct bytes member)
{
    if (r->store != NULL)
        add_member(x, r->store, member);
    else if (r->only_counted)
        r->count++;
    else
        list_member(x, r, arena_copy(x->arena, member));
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t left = 0, right = 0;
    bytes_to_int64(*(const struct bytes *)a, &left);
    bytes_to_int64(*(const struct bytes *)b, &right);
    return (left > right) - (left < right);
}

/* A result that Redis would hold as an intset comes in the order of numbers. */
static void reply_list(struct exec *x, const struct result *r)
{
    if (r->are_numbers && r->count > 1 && r->count <= x->settings->set_max_intset_entries)
        qsort(r->list, r->count, sizeof(*r->list), compare_numbers);
    reply_set(x, r->count);
    for (uint64_t i = 0; i < r->count; i++)
        reply_bulk(x, r->list[i]);
}

static bool all_have(struct sources *s, uint32_t from, struct bytes member)
{
    for (uint32_t i = from; i < s->count; i++)
        if (!source_has(&s->at[i], member))
            return false;
    return true;
}

typedef void combine_sets(struct exec *x, struct sources *s, struct result *r);

/* Walks the smallest set and looks its members up in the others, the next smallest first. */
static void intersect(struct exec *x, struct sources *s, struct result *r)
{
    sources_sort(s, 0);
    struct object_cursor cursor;
    struct bytes member, nothing;
    object_seek(&s->at[0].object, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    while (!is_complete(r) && object_next(&cursor, &member, &nothing))
        if (all_have(s, 1, member))
            take(x, r, member);
    object_cursor_close(&cursor);
}

/* Walks the first set and looks its members up in the others, the largest first. */
static void subtract(struct exec *x, struct sources *s, struct result *r)
{
    sources_sort(s, 1);
    struct object_cursor cursor;
    struct bytes member, nothing;
    object_seek(&s->at[0].object, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &member, &nothing))
        if (!sources_any_has(s, 1, member))
            take(x, r, member);
    object_cursor_close(&cursor);
}

static void unite(struct exec *x, struct sources *s, struct result *r)
{
    struct distinct met;
    distinct_init(&met, x);
    for (uint32_t i = 0; i < s->count; i++) {
        struct object_cursor cursor;
        struct bytes member, nothing;
        object_seek(&s->at[i].object, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
        while (object_next(&cursor, &member, &nothing))
            if (r->store != NULL)
                add_member(x, r->store, member);
            else if (distinct_add(&met, &member))
                list_member(x, r, member);
        object_cursor_close(&cursor);
    }
}

static void reply_combined(struct exec *x, combine_sets *combine)
{
    struct sources s;
    struct result r = {.are_numbers = true};
    if (!sources_open(x, 1, x->arg_count - 1, TYPE_SET, &s))
        return;
    if (reply_is_wanted(x))
        combine(x, &s, &r);
    reply_list(x, &r);
    sources_close(&s);
}

/* The destination may be one of the sources: they are read until it is saved. */
static void store_combined(struct exec *x, enum combination combination, const char *event)
{
    static combine_sets *const functions[] = {
        [UNION] = unite, [INTERSECTION] = intersect, [DIFFERENCE] = subtract,
    };
    struct sources s;
    struct object to;
    if (!sources_open(x, 2, x->arg_count - 2, TYPE_SET, &s))
        return;
    if (!may_write_rows(x, sources_result_max(&s, combination))) {
        sources_close(&s);
        return;
    }
    object_open(x->keyspace, x->db, x->args[1], &to);
    object_replace(&to, TYPE_SET, ENCODING_INTSET);
    struct result r = {.store = &to};
    functions[combination](x, &s, &r);
    const uint64_t count = object_count(&to);
    if (count > 0)
        changed(x, &to, EVENT_SET, event);
    else if (to.existed)
        delete_key(x, &to);
    object_close(&to);
    sources_close(&s);
    reply_int64(x, (int64_t)count);
}

/* SMEMBERS key */
static void smembers(struct exec *x)
{
    struct object set;
    if (!open_key(x, 1, TYPE_SET, &set))
        return;
    if (set.encoding == ENCODING_INTSET && !object_is_packed(&set)) { /* is to come by number */
        object_close(&set);
        reply_combined(x, intersect);
        return;
    }
    reply_set(x, object_count(&set));
    elements_give_all(x, &set, SPACE_MEMBER, give_subkey);
    object_close(&set);
}

/* SINTER key ... */
static void sinter(struct exec *x)
{
    reply_combined(x, intersect);
}

/* SUNION key ... */
static void sunion(struct exec *x)
{
    reply_combined(x, unite);
}

/* SDIFF key ... */
static void sdiff(struct exec *x)
{
    reply_combined(x, subtract);
}

/* SINTERSTORE destination key ... -> how many members it has */
static void sinterstore(struct exec *x)
{
    store_combined(x, INTERSECTION, "sinterstore");
}

/* SUNIONSTORE destination key ... */
static void sunionstore(struct exec *x)
{
    store_combined(x, UNION, "sunionstore");
}

/* SDIFFSTORE destination key ... */
static void sdiffstore(struct exec *x)
{
    store_combined(x, DIFFERENCE, "sdiffstore");
}

static bool parse_sintercard(struct exec *x, uint32_t *key_count, int64_t *limit)
{
    static const int64_t counts[] = {1, INT64_MAX}, limits[] = {0, INT64_MAX};
    int64_t number;
    if (!arg_int64_range(x, 1, counts, &number, "ERR numkeys should be greater than 0"))
        return false;
    if (number > x->arg_count - 2) {
        reply_error(x, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    *key_count = (uint32_t)number;
    for (uint32_t i = 2 + *key_count; i < x->arg_count; i += 2) {
        if (!arg_is(x, i, "limit") || i + 1 == x->arg_count) {
            reply_syntax_error(x);
            return false;
        }
        if (!arg_int64_range(x, i + 1, limits, limit, "ERR LIMIT can't be negative"))
            return false;
    }
    return true;
}

/* SINTERCARD numkeys key ... [LIMIT limit] */
static void sintercard(struct exec *x)
{
    uint32_t key_count;
    int64_t limit = 0;
    struct sources s;
    if (!parse_sintercard(x, &key_count, &limit) || !sources_open(x, 2, key_count, TYPE_SET, &s))
        return;
    struct result r = {.only_counted = true, .limit = (uint64_t)limit};
    intersect(x, &s, &r);
    sources_close(&s);
    reply_int64(x, (int64_t)r.count);
}

static void note_member(struct scan *s, struct bytes member, struct bytes value)
{
    (void)value;
    scan_found(s, member);
}

/* SSCAN key cursor [MATCH pattern] [COUNT count] */
static void sscan(struct exec *x)
{
    elements_scan(x, TYPE_SET, SPACE_MEMBER, note_member);
}

const struct command set_commands[] = {
    {.name = "sadd", .run = sadd, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Adds members to a set."},
    {.name = "scard", .run = scard, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "How many members a set has."},
    {.name = "sdiff", .run = sdiff, .arity = -2, .flags = CMD_READ,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "The members of the first set that no other has.",
     .tips = "nondeterministic_output_order"},
    {.name = "sdiffstore", .run = sdiffstore, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Stores the difference of sets."},
    {.name = "sinter", .run = sinter, .arity = -2, .flags = CMD_READ,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N*M)",
     .summary = "The members that all sets have.", .tips = "nondeterministic_output_order"},
    {.name = "sintercard", .run = sintercard, .arity = -3, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "7.0.0", .complexity = "O(N*M)",
     .summary = "How many members all sets have in common."},
    {.name = "sinterstore", .run = sinterstore, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N*M)",
     .summary = "Stores the intersection of sets."},
    {.name = "sismember", .run = sismember, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Whether a set has a member."},
    {.name = "smembers", .run = smembers, .arity = 2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "All members of a set.", .tips = "nondeterministic_output_order"},
    {.name = "smismember", .run = smismember, .arity = -3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "6.2.0", .complexity = "O(N)",
     .summary = "Which of several members a set has."},
    {.name = "smove", .run = smove, .arity = 4, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Moves a member to another set."},
    {.name = "spop", .run = spop, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Takes random members out.", .tips = "nondeterministic_output"},
    {.name = "srandmember", .run = srandmember, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Random members.", .tips = "nondeterministic_output"},
    {.name = "srem", .run = srem, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Takes members out of a set."},
    {.name = "sscan", .run = sscan, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "2.8.0", .complexity = "O(1)",
     .summary = "Walks over the members step by step.", .tips = "nondeterministic_output"},
    {.name = "sunion", .run = sunion, .arity = -2, .flags = CMD_READ,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "The members that any of the sets has.", .tips = "nondeterministic_output_order"},
    {.name = "sunionstore", .run = sunionstore, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_SET, .group = "set", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Stores the union of sets."},
    {.name = NULL},
};
