/* test_fences.c -- ranks of large sorted sets against plain counting, while members come, move and
 * go; and the fences themselves against the rows they count. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/object_rows.h"
#include "keyspace_world.h"

#define NUMBERS 40000
#define SCORES 5000
#define NODE_MAX 64
#define LONG_MEMBER 600

/* Members m0 ... by number: their scores, or -1. With long names these differ at their ends. */
struct model {
    struct world w;
    struct prng prng;
    size_t count, name_size;
    int score_limit;
    int scores[NUMBERS];
};

static struct bytes member_of(const struct model *m, uint32_t number, char text[LONG_MEMBER])
{
    memset(text, 'x', m->name_size);
    put_be32((uint8_t *)text + m->name_size - 4, number * 2654435761u);
    return bytes_of(text, m->name_size);
}

static void order_of(int score, uint8_t order[8])
{
    put_be64(order, score_to_order(score));
}

static bool open_set(struct model *m, struct object *o)
{
    return object_open(m->w.k, 0, BYTES("z"), o);
}

static void put(struct model *m, struct object *o, uint32_t number, int score)
{
    char text[LONG_MEMBER];
    uint8_t order[8];
    order_of(score, order);
    const struct bytes member = member_of(m, number, text);
    const bool is_new = object_put(o, SPACE_MEMBER, member, bytes_of(order, 8));
    assert_int_equal(is_new, m->scores[number] < 0);
    m->count += is_new;
    m->scores[number] = score;
}

static void del(struct model *m, struct object *o, uint32_t number)
{
    char text[LONG_MEMBER];
    const bool was_there = object_del(o, SPACE_MEMBER, member_of(m, number, text));
    assert_int_equal(was_there, m->scores[number] >= 0);
    m->count -= was_there;
    m->scores[number] = -1;
}

/* Some hundred changes in one entry: mostly puts or mostly deletions, near one score or all
 * over. */
static void change(struct model *m, bool grows)
{
    struct object o;
    world_begin(&m->w, 1);
    if (!open_set(m, &o))
        object_create(&o, TYPE_ZSET, ENCODING_SKIPLIST);
    const int near = (int)prng_below(&m->prng, SCORES);
    const int spread = prng_below(&m->prng, 2) ? 5 : SCORES;
    for (int i = 0; i < 400; i++) {
        const uint32_t number = (uint32_t)prng_below(&m->prng, NUMBERS);
        const int beside = (int)prng_below(&m->prng, (uint64_t)spread);
        const int score = (near + beside) % m->score_limit;
        if (prng_below(&m->prng, 10) < (grows ? 9 : 2))
            put(m, &o, number, score);
        else
            del(m, &o, number);
    }
    object_save(&o);
    object_close(&o);
    world_end(&m->w);
}

/* Members of a range of scores go, as of a trim. */
static void cut(struct model *m)
{
    struct object o;
    const int from = (int)prng_below(&m->prng, (uint64_t)m->score_limit);
    const int to = from + (int)prng_below(&m->prng, 1500);
    world_begin(&m->w, 1);
    if (open_set(m, &o)) {
        for (uint32_t number = 0; number < NUMBERS; number++)
            if (m->scores[number] >= from && m->scores[number] < to)
                del(m, &o, number);
        object_save(&o);
    }
    object_close(&o);
    world_end(&m->w);
}

/* --- the tree against the rows ---------------------------------------------------------------- */

static struct bytes fence_row(struct object *o, uint8_t space, uint64_t id)
{
    uint8_t key[8];
    struct bytes row;
    put_be64(key, id);
    assert_true(object_get(o, space, bytes_of(key, 8), &row));
    return row;
}

/* Sums a node's counts, and counts the nodes below it. */
static uint64_t sum_of_node(struct object *o, uint64_t id, uint32_t height, size_t *nodes)
{
    const struct bytes bounds = fence_row(o, SPACE_FENCE, id);
    const struct bytes counts = fence_row(o, SPACE_FENCE_COUNT, id);
    const uint32_t entries = get_le16(bounds.data);
    uint64_t sum = 0;
    (*nodes)++;
    assert_in_range(entries, 1, NODE_MAX);
    assert_int_equal(counts.size, 8 * entries);
    for (uint32_t i = 0; i < entries; i++) {
        const uint64_t count = get_le64(bytes_data(counts) + 8 * i);
        const uint32_t offset = get_le32(bytes_data(bounds) + 2 + 4 * i);
        const uint64_t child = get_le64(bytes_data(bounds) + offset);
        if (o->count > 0)
            assert_true(count > 0);
        if (height > 1)
            assert_int_equal(sum_of_node(o, child, height - 1, nodes), count);
        sum += count;
    }
    return sum;
}

static size_t rows_of(struct object *o, uint8_t space)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    size_t rows = 0;
    object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &subkey, &value))
        rows++;
    object_cursor_close(&cursor);
    return rows;
}

static void check_tree(struct object *o)
{
    size_t nodes = 0;
    if (object_is_packed(o))
        return;
    if (o->fields_size > 0)
        assert_int_equal(sum_of_node(o, get_le64(o->fields), o->fields[16], &nodes), o->count);
    assert_int_equal(rows_of(o, SPACE_FENCE), nodes); /* no row is left over */
    assert_int_equal(rows_of(o, SPACE_FENCE_COUNT), nodes);
}

static void check_place(struct object *o, uint64_t index, struct bytes subkey)
{
    const enum direction directions[] = {FORWARD, BACKWARD};
    assert_int_equal(object_rank(o, SPACE_SCORE, subkey), index);
    for (int i = 0; i < 2; i++) {
        struct object_cursor cursor;
        struct bytes found, nothing;
        object_seek_index(o, &cursor, SPACE_SCORE, i == 0 ? index : o->count - 1 - index,
                          directions[i]);
        assert_true(object_next(&cursor, &found, &nothing));
        assert_true(bytes_equal(found, subkey));
        object_cursor_close(&cursor);
    }
}

/* All ranks by one walk, every step-th by the fences. */
static void check_ranks(struct model *m, uint64_t step)
{
    struct object o;
    struct object_cursor cursor;
    struct bytes subkey, nothing;
    uint64_t index = 0;
    keyspace_read_begin(m->w.k, 1);
    if (open_set(m, &o)) {
        assert_int_equal(o.count, m->count);
        check_tree(&o);
        object_seek(&o, &cursor, SPACE_SCORE, BYTES_NONE, FORWARD);
        for (; object_next(&cursor, &subkey, &nothing); index++)
            if (index % step == 0 || index + 1 == o.count)
                check_place(&o, index, subkey);
        object_cursor_close(&cursor);
        assert_int_equal(object_rank(&o, SPACE_SCORE, BYTES("\xff\xff")), o.count);
    }
    assert_int_equal(index, m->count);
    object_close(&o);
    keyspace_read_end(m->w.k);
}

static void reopen(struct model *m, size_t cache_bytes)
{
    world_flush(&m->w);
    world_close(&m->w);
    world_open(&m->w, cache_bytes);
}

/* Grows to some ten thousand members, shrinks to none, twice. Returns the digest. */
static uint64_t random_run(uint64_t seed, size_t name_size, int score_limit, size_t cache_bytes)
{
    struct model *m = xmalloc(sizeof(*m));
    *m = (struct model){.name_size = name_size, .score_limit = score_limit};
    memset(m->scores, 0xff, sizeof(m->scores));
    prng_seed(&m->prng, seed);
    world_init(&m->w, cache_bytes);
    for (int i = 0; i < 240; i++) {
        if (i % 120 == 119) {
            for (int from = 0; m->count > 0; from++)
                cut(m);
        } else if (i % 30 == 29) {
            cut(m);
        } else {
            change(m, i % 120 < 80);
        }
        if (cache_bytes == 0 || i % 7 == 0)
            world_flush(&m->w);
        if (i % 50 == 13)
            reopen(m, cache_bytes);
        if (i % 16 == 0)
            check_ranks(m, 97);
    }
    check_ranks(m, 1);
    const uint64_t digest = keyspace_digest(m->w.k);
    world_clear(&m->w);
    free(m);
    return digest;
}

static void ranks_equal_plain_counting(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++)
        random_run(seed, 4 + seed, seed == 2 ? 1 : SCORES, 64 << 20);
}

static void fences_do_not_depend_on_the_cache(void **state)
{
    (void)state;
    const uint64_t digest = random_run(9, 8, SCORES, 64 << 20);
    assert_int_equal(random_run(9, 8, SCORES, 0), digest);
}

/* No short bound tells them apart, so members of one score are one block. */
static void names_that_differ_late_are_counted_too(void **state)
{
    (void)state;
    random_run(5, LONG_MEMBER, 3, 64 << 20);
}

/* Time goes one way: blocks are split at the end, and emptied at the front. */
static void a_moving_window_leaves_no_fences_behind(void **state)
{
    (void)state;
    struct model *m = xmalloc(sizeof(*m));
    *m = (struct model){.name_size = 6};
    memset(m->scores, 0xff, sizeof(m->scores));
    world_init(&m->w, 1 << 20);
    for (uint32_t number = 0; number < NUMBERS; number++) {
        struct object o;
        world_begin(&m->w, 1);
        if (!open_set(m, &o))
            object_create(&o, TYPE_ZSET, ENCODING_SKIPLIST);
        put(m, &o, number, (int)number);
        if (number >= 3000)
            del(m, &o, number - 3000);
        object_save(&o);
        object_close(&o);
        world_end(&m->w);
        if (number % 1000 == 999)
            world_flush(&m->w);
    }
    check_ranks(m, 50);
    struct object o;
    keyspace_read_begin(m->w.k, 1);
    assert_true(open_set(m, &o));
    assert_in_range(rows_of(&o, SPACE_FENCE), 1, 2);
    object_close(&o);
    keyspace_read_end(m->w.k);
    world_clear(&m->w);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_equal_plain_counting),
        cmocka_unit_test(fences_do_not_depend_on_the_cache),
        cmocka_unit_test(names_that_differ_late_are_counted_too),
        cmocka_unit_test(a_moving_window_leaves_no_fences_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
