/* sort.c -- SORT: the elements of a list, set or sorted set in order, by themselves or by values
 * that lie in other keys, listed or stored.
 *
 * All nodes must store the same list, so the order is total: by weight, then by what Redis shows
 * among equal weights. That is the bytes of the elements for numbers; for words Redis's sort leaves
 * a list's elements as they were, and those of sets by the chance of a hash table, here by bytes.
 * Words are compared by bytes: Redis does too in the C locale, and with STORE. */

#include <math.h>
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "command/acl_user.h"
#include "command/list.h"
#include "command/table.h"
#include "command/zset.h"

struct element {
    struct bytes value; /* memory of the request */
    double score;
    bool has_word;
    struct bytes word;  /* sorted by ALPHA BY: memory of the request */
    uint64_t rank;      /* among equal words */
};

struct sorting {
    bool descending, alpha, unsorted;
    uint32_t by, store; /* arguments; 0: none */
    uint32_t *gets, get_count; /* arguments of the patterns */
    int64_t start, limit; /* as given */
    struct element *at;
    uint64_t count;     /* of the elements loaded, */
    uint64_t from, to;  /* of which these are the result */
};

/* --- arguments -------------------------------------------------------------------------------- */

/* The pattern's part in which Redis looks for '*' and "->". */
static size_t searched_size(struct bytes pattern)
{
    return pattern.size == 0 ? 0 : strnlen(pattern.data, pattern.size);
}

static bool has_star(struct bytes pattern)
{
    const size_t size = searched_size(pattern);
    return size > 0 && memchr(pattern.data, '*', size) != NULL;
}

/* Takes the option at n; returns how many arguments it had, 0: it has replied. */
static uint32_t parse_option(struct exec *x, uint32_t n, bool may_store, struct sorting *s)
{
    const uint32_t behind = x->arg_count - n - 1;
    if (arg_is(x, n, "asc") || arg_is(x, n, "desc")) {
        s->descending = arg_is(x, n, "desc");
        return 1;
    }
    if (arg_is(x, n, "alpha")) {
        s->alpha = true;
        return 1;
    }
    if (behind >= 2 && arg_is(x, n, "limit"))
        return arg_int64(x, n + 1, &s->start) && arg_int64(x, n + 2, &s->limit) ? 3 : 0;
    if (behind >= 1 && may_store && arg_is(x, n, "store")) {
        s->store = n + 1;
        return 2;
    }
    if (behind >= 1 && arg_is(x, n, "by")) {
        s->by = n + 1;
        s->unsorted = s->unsorted || !has_star(x->args[s->by]);
        if (has_star(x->args[s->by]) && !acl_reads_all_keys(x)) {
            reply_error(x, "ERR BY option of SORT denied due to insufficient ACL permissions.");
            return 0;
        }
        return 2;
    }
    if (behind >= 1 && arg_is(x, n, "get")) {
        if (!acl_reads_all_keys(x)) {
            reply_error(x, "ERR GET option of SORT denied due to insufficient ACL permissions.");
            return 0;
        }
        s->gets[s->get_count++] = n + 1;
        return 2;
    }
    reply_syntax_error(x);
    return 0;
}

static bool parse_options(struct exec *x, bool may_store, struct sorting *s)
{
    s->limit = -1;
    s->gets = arena_alloc(x->arena, x->arg_count * sizeof(*s->gets));
    for (uint32_t n = 2; n < x->arg_count;) {
        const uint32_t taken = parse_option(x, n, may_store, s);
        if (taken == 0)
            return false;
        n += taken;
    }
    return true;
}

static bool open_source(struct exec *x, struct object *o)
{
    open_key(x, 1, TYPE_NONE, o); /* any type will do, so it succeeds */
    if (o->type == TYPE_NONE || o->type == TYPE_LIST || o->type == TYPE_SET || o->type == TYPE_ZSET)
        return true;
    object_close(o);
    reply_wrong_type(x);
    return false;
}

/* LIMIT's part of count elements. */
static void cut_result(struct sorting *s, uint64_t count)
{
    s->from = MIN((uint64_t)MAX(s->start, 0), count);
    const uint64_t rest = count - s->from;
    s->to = s->from + (s->limit < 0 ? rest : MIN((uint64_t)s->limit, rest));
}

/* --- elements --------------------------------------------------------------------------------- */

static void load(struct exec *x, struct sorting *s, struct bytes value, uint64_t rank)
{
    s->at[s->count++] = (struct element){.value = arena_copy(x->arena, value), .rank = rank};
}

static void load_set(struct exec *x, struct sorting *s, struct object *set)
{
    struct object_cursor cursor;
    struct bytes member, nothing;
    object_seek(set, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &member, &nothing))
        load(x, s, member, 0);
    object_cursor_close(&cursor);
}

/* count elements from the first-th on in direction. */
struct span {
    uint64_t first, count;
    enum direction direction;
};

static void load_zset(struct exec *x, struct sorting *s, struct object *zset,
                      const struct span *span)
{
    const struct zset_range range = {.by = ZSET_BY_RANK, .first = (int64_t)span->first,
                                     .last = (int64_t)(span->first + span->count) - 1};
    struct zset_walk w;
    zset_walk_begin(&w, zset, &range, span->direction);
    while (zset_walk_next(&w))
        load(x, s, w.member, 0);
    zset_walk_end(&w);
}

static void load_list(struct exec *x, struct sorting *s, struct object *list,
                      const struct span *span)
{
    const bool forward = span->direction == FORWARD;
    const uint64_t from = forward ? span->first : object_count(list) - 1 - span->first;
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position;
    list_seek(list, &cursor, from, span->direction);
    for (uint64_t i = 0; i < span->count && list_next(&cursor, &position, &value); i++)
        load(x, s, value, s->descending ? UINT64_MAX - i : i);
    object_cursor_close(&cursor);
}

/* Of lists and sorted sets that stay as they are, only the result is loaded. */
static void load_elements(struct exec *x, struct sorting *s, struct object *o)
{
    const uint64_t count = object_count(o);
    cut_result(s, count);
    struct span span = {0, count, FORWARD};
    if (s->unsorted && o->type != TYPE_SET) {
        span = (struct span){s->from, s->to - s->from, s->descending ? BACKWARD : FORWARD};
        s->from = 0;
        s->to = span.count;
    }
    s->at = arena_alloc(x->arena, span.count * sizeof(*s->at));
    if (span.count == 0)
        return;
    if (o->type == TYPE_SET)
        load_set(x, s, o);
    else if (o->type == TYPE_ZSET)
        load_zset(x, s, o, &span);
    else
        load_list(x, s, o, &span);
    CHECK(s->count == span.count);
}

/* --- values of other keys --------------------------------------------------------------------- */

/* Where "->field" begins behind the star; the pattern's size if it does not. */
static size_t find_arrow(struct bytes pattern, size_t star)
{
    const char *text = pattern.data;
    const size_t size = searched_size(pattern);
    for (size_t i = star + 1; i + 2 < size; i++)
        if (text[i] == '-' && text[i + 1] == '>')
            return i;
    return pattern.size;
}

/* What pattern means of value: itself, a string, or a field of a hash. False: there is no such
 * thing. *found: memory of the request. */
static bool look_up(struct exec *x, struct bytes pattern, struct bytes value, struct bytes *found)
{
    *found = value;
    if (searched_size(pattern) == 1 && *bytes_data(pattern) == '#')
        return true;
    if (!has_star(pattern))
        return false;
    const uint8_t *text = pattern.data;
    const size_t star = (size_t)((const uint8_t *)memchr(text, '*', pattern.size) - text);
    const size_t arrow = find_arrow(pattern, star);
    struct buf name = {0};
    buf_append(&name, text, star);
    buf_append(&name, value.data, value.size);
    buf_append(&name, text + star + 1, arrow - star - 1);

    struct object o;
    bool is_there = false;
    object_open(x->keyspace, x->db, buf_bytes(&name), &o);
    if (arrow < pattern.size && o.type == TYPE_HASH) {
        is_there = object_get(&o, SPACE_FIELD, bytes_from(pattern, arrow + 2), found);
    } else if (arrow == pattern.size && o.type == TYPE_STRING) {
        *found = object_string(&o);
        is_there = true;
    }
    if (is_there)
        *found = arena_copy(x->arena, *found);
    object_close(&o);
    buf_clear(&name);
    return is_there;
}

/* --- sorting ---------------------------------------------------------------------------------- */

/* As Redis's SORT reads numbers: strtod(), which takes blanks before one and "" for 0. */
static bool to_score(struct bytes text, struct buf *scratch, double *score)
{
    buf_reset(scratch);
    buf_append(scratch, text.data, text.size);
    buf_append_u8(scratch, '\0');
    const char *start = buf_bytes(scratch).data;
    char *end;
    errno = 0;
    *score = strtod(start, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*score);
}

/* False: it has replied that some are no numbers. */
static bool weigh(struct exec *x, struct sorting *s)
{
    struct buf scratch = {0};
    bool are_numbers = true;
    for (uint64_t i = 0; i < s->count; i++) {
        struct element *e = &s->at[i];
        struct bytes weight = e->value;
        if (s->by > 0 && !look_up(x, x->args[s->by], e->value, &weight))
            continue;
        if (!s->alpha) {
            are_numbers = to_score(weight, &scratch, &e->score) && are_numbers;
        } else if (s->by > 0) {
            e->has_word = true;
            e->word = weight;
        }
    }
    buf_clear(&scratch);
    if (!are_numbers)
        reply_error(x, "ERR One or more scores can't be converted into double");
    return are_numbers;
}

static int compare_scores(const void *a, const void *b)
{
    const struct element *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? -1 : 1;
    return bytes_compare(left->value, right->value);
}

/* Without BY there are no words, and no ranks that tell. */
static int compare_values(const void *a, const void *b)
{
    return bytes_compare(((const struct element *)a)->value, ((const struct element *)b)->value);
}

static int compare_words(const void *a, const void *b)
{
    const struct element *left = a, *right = b;
    if (left->has_word != right->has_word)
        return left->has_word ? 1 : -1;
    const int order = bytes_compare(left->word, right->word);
    if (order != 0)
        return order;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return bytes_compare(left->value, right->value);
}

static void reverse(struct sorting *s)
{
    for (uint64_t i = 0; i < s->count / 2; i++) {
        const struct element e = s->at[i];
        s->at[i] = s->at[s->count - 1 - i];
        s->at[s->count - 1 - i] = e;
    }
}

static bool sort_elements(struct exec *x, struct sorting *s)
{
    if (!weigh(x, s))
        return false;
    qsort(s->at, s->count, sizeof(*s->at),
          !s->alpha ? compare_scores : s->by == 0 ? compare_values : compare_words);
    if (s->descending)
        reverse(s);
    return true;
}

/* --- results ---------------------------------------------------------------------------------- */

static uint64_t result_size(const struct sorting *s)
{
    return (s->to - s->from) * MAX(s->get_count, 1);
}

static void reply_result(struct exec *x, const struct sorting *s)
{
    if (!reply_is_wanted(x))
        return;
    reply_array(x, result_size(s));
    for (uint64_t i = s->from; i < s->to; i++) {
        if (s->get_count == 0)
            reply_bulk(x, s->at[i].value);
        for (uint32_t j = 0; j < s->get_count; j++) {
            struct bytes found;
            if (look_up(x, x->args[s->gets[j]], s->at[i].value, &found))
                reply_bulk(x, found);
            else
                reply_null(x);
        }
    }
}

static void push_result(struct exec *x, const struct sorting *s, struct object *list)
{
    for (uint64_t i = s->from; i < s->to; i++) {
        if (s->get_count == 0)
            list_push(x, list, LIST_RIGHT, s->at[i].value);
        for (uint32_t j = 0; j < s->get_count; j++) {
            struct bytes found;
            if (!look_up(x, x->args[s->gets[j]], s->at[i].value, &found))
                found = BYTES("");
            list_push(x, list, LIST_RIGHT, found);
        }
    }
}

/* The destination may be the source, or one of the keys that GET reads: those still see the old
 * value. */
static void store_result(struct exec *x, const struct sorting *s)
{
    struct object list;
    const uint64_t size = result_size(s);
    if (!may_write_rows(x, size))
        return;
    open_key(x, s->store, TYPE_NONE, &list);
    if (size > 0) {
        object_replace(&list, TYPE_LIST, ENCODING_QUICKLIST);
        push_result(x, s, &list);
        changed(x, &list, EVENT_LIST, "sortstore");
    } else if (list.type != TYPE_NONE) {
        delete_key(x, &list);
    }
    object_close(&list);
    reply_int64(x, (int64_t)size);
}

static void sort_key(struct exec *x, bool may_store)
{
    struct sorting s = {0};
    struct object o;
    if (!parse_options(x, may_store, &s) || !open_source(x, &o))
        return;
    if (s.unsorted && o.type == TYPE_SET && (s.store > 0 || x->in_script)) {
        /* as Redis, whose sets have no order of their own that all would share */
        s.unsorted = false;
        s.alpha = true;
        s.by = 0;
    }
    load_elements(x, &s, &o);
    object_close(&o);
    if (!s.unsorted && !sort_elements(x, &s))
        return;
    if (s.store > 0)
        store_result(x, &s);
    else
        reply_result(x, &s);
}

/* SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE key] */
static void sort(struct exec *x)
{
    sort_key(x, true);
}

/* SORT_RO: the same without STORE */
static void sort_ro(struct exec *x)
{
    sort_key(x, false);
}

const struct command sort_commands[] = {
    {.name = "sort", .run = sort, .arity = -2, .flags = CMD_WRITE | CMD_STORE_OPTION |
         CMD_DENY_OOM | CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_UNKNOWN(KEY_RO | KEY_ACCESS, .note = NOTE_SORT_BY),
         KEY_UNKNOWN(KEY_OW | KEY_UPDATE, .note = NOTE_SORT_STORE)},
     .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, .group = "generic",
         .since = "1.0.0", .complexity = "O(N+M*log(M))",
     .summary = "Sorts a list, set or sorted set; may store the result."},
    {.name = "sort_ro", .run = sort_ro, .arity = -2, .flags = CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_UNKNOWN(KEY_RO | KEY_ACCESS, .note = NOTE_SORT_BY)},
     .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, .group = "generic",
         .since = "7.0.0", .complexity = "O(N+M*log(M))",
     .summary = "Sorts a list, set or sorted set, without storing."},
    {.name = NULL},
};
