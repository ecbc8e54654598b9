/* test_object.c -- ordered maps against plain arrays: packed and in rows, flushed, evicted,
 * renamed, copied and deleted at random. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace_world.h"

#define NAMES 6
#define ELEMENTS_MAX 400

struct element {
    struct bytes subkey, value; /* own memory */
};

/* An object as the model has it: elements in the order of insertion. */
struct plain {
    enum type type;
    size_t count;
    struct element elements[ELEMENTS_MAX];
};

struct run {
    struct world w;
    struct prng prng;
    struct plain plain[NAMES];
};

static struct bytes copy_of(struct bytes b)
{
    void *memory = xmalloc(b.size);
    if (b.size > 0)
        memcpy(memory, b.data, b.size);
    return bytes_of(memory, b.size);
}

static void free_bytes(struct bytes b)
{
    free((void *)b.data);
}

static uint8_t space_of(enum type type)
{
    switch (type) {
    case TYPE_HASH: return SPACE_FIELD;
    case TYPE_LIST: return SPACE_ELEMENT;
    case TYPE_STREAM: return SPACE_ENTRY;
    default: return SPACE_MEMBER;
    }
}

static size_t plain_find(const struct plain *p, struct bytes subkey)
{
    size_t i = 0;
    while (i < p->count && !bytes_equal(p->elements[i].subkey, subkey))
        i++;
    return i;
}

static void plain_put(struct plain *p, struct bytes subkey, struct bytes value)
{
    const size_t i = plain_find(p, subkey);
    if (i < p->count) {
        free_bytes(p->elements[i].value);
    } else {
        assert_true(p->count < ELEMENTS_MAX);
        p->elements[p->count++].subkey = copy_of(subkey);
    }
    p->elements[i].value = copy_of(value);
}

static void plain_del_at(struct plain *p, size_t i)
{
    free_bytes(p->elements[i].subkey);
    free_bytes(p->elements[i].value);
    memmove(p->elements + i, p->elements + i + 1, (--p->count - i) * sizeof(p->elements[0]));
    if (p->count == 0 && p->type != TYPE_STREAM)
        p->type = TYPE_NONE;
}

static void plain_clear(struct plain *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free_bytes(p->elements[i].subkey);
        free_bytes(p->elements[i].value);
    }
    p->type = TYPE_NONE;
    p->count = 0;
}

static struct bytes name_of(size_t n, char text[8])
{
    text[0] = 'k';
    text[1] = (char)('0' + n);
    return bytes_of(text, 2);
}

static int by_subkey(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    return bytes_compare(x->subkey, y->subkey);
}

static int by_score(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    const int order = bytes_compare(x->value, y->value);
    return order != 0 ? order : by_subkey(a, b);
}

static int by_number(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int64_t m = 0, n = 0;
    assert_true(bytes_to_int64(x->subkey, &m));
    assert_true(bytes_to_int64(y->subkey, &n));
    return (m > n) - (m < n);
}

static void assert_walk(struct object *o, uint8_t space, enum direction direction,
                        const struct element *want, size_t count)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    object_seek(o, &cursor, space, BYTES_NONE, direction);
    for (size_t i = 0; i < count; i++) {
        const struct element *e = &want[direction == FORWARD ? i : count - 1 - i];
        assert_true(object_next(&cursor, &subkey, &value));
        assert_true(bytes_equal(subkey, e->subkey));
        assert_true(bytes_equal(value, e->value));
    }
    assert_false(object_next(&cursor, &subkey, &value));
    object_cursor_close(&cursor);
}

/* In rows the order is by a hash that the model does not know: each element is met once. */
static void assert_walk_by_hash(struct object *o, const struct plain *p)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t last = 0;
    bool met[ELEMENTS_MAX] = {false};
    object_seek_hash(o, &cursor, space_of(p->type), 0);
    for (size_t i = 0; i < p->count; i++) {
        assert_true(object_next(&cursor, &subkey, &value));
        const size_t at = plain_find(p, subkey);
        assert_true(at < p->count);
        assert_false(met[at]);
        met[at] = true;
        assert_true(bytes_equal(value, p->elements[at].value));
        assert_true(object_cursor_hash(&cursor) >= last);
        last = object_cursor_hash(&cursor);
        assert_true(last < (uint64_t)1 << 52);
    }
    assert_false(object_next(&cursor, &subkey, &value));
    object_cursor_close(&cursor);
}

/* From a random place of sorted elements on. */
static void assert_seek(struct run *r, struct object *o, uint8_t space,
                        const struct element *sorted, size_t count)
{
    if (count == 0)
        return;
    uint8_t from_bytes[64];
    const size_t at = prng_below(&r->prng, count);
    struct bytes from = sorted[at].subkey;
    if (from.size > 0 && from.size < sizeof(from_bytes) && prng_chance(&r->prng, 1, 2)) {
        memcpy(from_bytes, from.data, from.size); /* beside an element, most times */
        from_bytes[from.size - 1]++;
        from = bytes_of(from_bytes, from.size);
    }
    const enum direction direction = prng_chance(&r->prng, 1, 2) ? FORWARD : BACKWARD;
    struct object_cursor cursor;
    struct bytes subkey, value;
    object_seek(o, &cursor, space, from, direction);
    for (size_t i = 0; i < count; i++) {
        const struct element *e = &sorted[direction == FORWARD ? i : count - 1 - i];
        const int order = bytes_compare(e->subkey, from);
        if (direction == FORWARD ? order < 0 : order > 0)
            continue;
        assert_true(object_next(&cursor, &subkey, &value));
        assert_true(bytes_equal(subkey, e->subkey));
    }
    assert_false(object_next(&cursor, &subkey, &value));
    object_cursor_close(&cursor);
}

/* A zset by scores: subkeys are (score, member). */
static void check_scores(struct run *r, struct object *o, const struct plain *p)
{
    static struct element scores[ELEMENTS_MAX];
    memcpy(scores, p->elements, p->count * sizeof(scores[0]));
    qsort(scores, p->count, sizeof(scores[0]), by_score);
    if (object_is_packed(o))
        assert_walk(o, SPACE_MEMBER, FORWARD, scores, p->count);
    for (size_t i = 0; i < p->count; i++) {
        struct buf joined = {0};
        buf_append_bytes(&joined, scores[i].value);
        buf_append_bytes(&joined, scores[i].subkey);
        scores[i] = (struct element){copy_of(buf_bytes(&joined)), BYTES_NONE};
        buf_clear(&joined);
    }
    assert_walk(o, SPACE_SCORE, FORWARD, scores, p->count);
    assert_walk(o, SPACE_SCORE, BACKWARD, scores, p->count);
    assert_seek(r, o, SPACE_SCORE, scores, p->count);
    for (size_t i = 0; i < p->count; i++)
        free_bytes(scores[i].subkey);
}

static void check_walks(struct run *r, struct object *o, const struct plain *p)
{
    static struct element sorted[ELEMENTS_MAX];
    const uint8_t space = space_of(p->type);
    memcpy(sorted, p->elements, p->count * sizeof(sorted[0]));
    if (p->type == TYPE_ZSET)
        check_scores(r, o, p);
    if (p->type == TYPE_LIST || p->type == TYPE_STREAM) {
        qsort(sorted, p->count, sizeof(sorted[0]), by_subkey);
        assert_walk(o, space, FORWARD, sorted, p->count);
        assert_walk(o, space, BACKWARD, sorted, p->count);
        assert_seek(r, o, space, sorted, p->count);
    } else if (!object_is_packed(o)) {
        assert_walk_by_hash(o, p);
    } else if (p->type != TYPE_ZSET) {
        if (o->encoding == ENCODING_INTSET)
            qsort(sorted, p->count, sizeof(sorted[0]), by_number);
        assert_walk(o, space, FORWARD, sorted, p->count);
        assert_walk(o, space, BACKWARD, sorted, p->count);
    }
}

static void check(struct run *r, size_t n)
{
    char text[8];
    const struct plain *p = &r->plain[n];
    struct object o;
    const bool is_there = object_open(r->w.k, 0, name_of(n, text), &o);
    assert_int_equal(is_there, p->type != TYPE_NONE);
    assert_int_equal(o.type, p->type);
    if (is_there) {
        assert_int_equal(object_count(&o), p->count);
        assert_true(p->count <= OBJECT_PACKED_COUNT || !object_is_packed(&o));
        for (size_t i = 0; i < p->count; i++) {
            struct bytes value;
            assert_true(object_get(&o, space_of(p->type), p->elements[i].subkey, &value));
            assert_true(bytes_equal(value, p->elements[i].value));
        }
        check_walks(r, &o, p);
        struct bytes subkey, value;
        if (p->count > 0 && space_of(p->type) <= SPACE_MEMBER) {
            object_random(&o, space_of(p->type), &r->prng, &subkey, &value);
            const size_t at = plain_find(p, subkey);
            assert_true(at < p->count);
            assert_true(bytes_equal(value, p->elements[at].value));
        }
    }
    object_close(&o);
}

/* Subkeys: numbers for intsets and lists, words of all lengths for others; values too. */
static struct bytes make_subkey(struct run *r, const struct object *o, uint8_t *memory)
{
    const uint64_t n = prng_below(&r->prng, 300);
    if (o->type == TYPE_LIST || o->type == TYPE_STREAM) {
        put_be64(memory, n);
        return bytes_of(memory, 8);
    }
    if (o->encoding == ENCODING_INTSET) {
        const struct bytes digits = bytes_from_int64((int64_t)n - 150, (char *)memory);
        return digits;
    }
    const size_t size = n % 40;
    memset(memory, 'a', size);
    memcpy(memory, &n, MIN(size, (size_t)2));
    return bytes_of(memory, size);
}

static struct bytes make_value(struct run *r, enum type type, uint8_t *memory)
{
    if (type == TYPE_SET)
        return BYTES_NONE;
    if (type == TYPE_ZSET) {
        put_be64(memory, score_to_order((double)prng_below(&r->prng, 20) - 10));
        return bytes_of(memory, 8);
    }
    const size_t size = prng_below(&r->prng, prng_chance(&r->prng, 1, 50) ? 3000 : 30);
    memset(memory, (int)prng_below(&r->prng, 256), size);
    return bytes_of(memory, size);
}

static void create(struct run *r, struct object *o, struct plain *p)
{
    static const enum type types[] = {TYPE_HASH, TYPE_SET, TYPE_SET, TYPE_ZSET, TYPE_LIST,
                                      TYPE_STREAM};
    static const enum encoding encodings[] = {ENCODING_LISTPACK, ENCODING_INTSET,
                                              ENCODING_HASHTABLE, ENCODING_LISTPACK,
                                              ENCODING_QUICKLIST, ENCODING_STREAM};
    const size_t choice = prng_below(&r->prng, ARRAY_COUNT(types));
    p->type = types[choice];
    object_create(o, p->type, encodings[choice]);
}

static void change_one(struct run *r, struct object *o, struct plain *p, bool shrinks)
{
    uint8_t subkey_memory[64], value_memory[4096];
    const uint8_t space = space_of(o->type);
    if (p->count > 0 && prng_chance(&r->prng, shrinks ? 4 : 1, 5)) {
        const size_t i = prng_below(&r->prng, p->count);
        assert_true(object_del(o, space, p->elements[i].subkey));
        const enum type type = p->type;
        plain_del_at(p, i);
        p->type = type; /* empty or not is looked at when it is saved */
        return;
    }
    const struct bytes subkey = make_subkey(r, o, subkey_memory);
    struct bytes value = make_value(r, o->type, value_memory);
    const size_t i = plain_find(p, subkey);
    if (p->count > 0 && prng_chance(&r->prng, 1, 10)) { /* borrowed from the object itself */
        const bool is_there = object_get(o, space, p->elements[0].subkey, &value);
        assert_true(is_there);
        memcpy(value_memory, value.data, value.size);
    }
    const size_t value_size = value.size;
    if (i == p->count && prng_chance(&r->prng, 1, 2))
        object_put_new(o, space, subkey, value);
    else
        assert_int_equal(object_put(o, space, subkey, value), i == p->count);
    plain_put(p, subkey, bytes_of(value_memory, value_size));
}

static void change(struct run *r, size_t n)
{
    char text[8];
    struct plain *p = &r->plain[n];
    struct object o;
    if (!object_open(r->w.k, 0, name_of(n, text), &o))
        create(r, &o, p);
    const bool shrinks = prng_chance(&r->prng, 1, 3);
    for (uint64_t left = prng_below(&r->prng, prng_chance(&r->prng, 1, 10) ? 200 : 6); left > 0;
         left--)
        change_one(r, &o, p, shrinks);
    object_save(&o);
    if (p->count == 0 && p->type != TYPE_STREAM)
        p->type = TYPE_NONE;
    assert_int_equal(o.type, p->type);
    object_close(&o);
}

static void plain_copy(struct plain *to, const struct plain *from)
{
    plain_clear(to);
    to->type = from->type;
    for (size_t i = 0; i < from->count; i++)
        plain_put(to, from->elements[i].subkey, from->elements[i].value);
}

static void rename_or_copy(struct run *r, size_t from, size_t to)
{
    char text[8], other[8];
    struct object o;
    if (from != to && object_open(r->w.k, 0, name_of(from, text), &o)) {
        if (prng_chance(&r->prng, 1, 2)) {
            object_rename(&o, 0, name_of(to, other));
            plain_copy(&r->plain[to], &r->plain[from]);
            plain_clear(&r->plain[from]);
        } else if (r->plain[to].type == TYPE_NONE) {
            object_copy(&o, 0, name_of(to, other));
            plain_copy(&r->plain[to], &r->plain[from]);
        }
        object_close(&o);
    }
}

static void delete(struct run *r, size_t n)
{
    char text[8];
    struct object o;
    if (object_open(r->w.k, 0, name_of(n, text), &o))
        object_delete(&o);
    object_close(&o);
    plain_clear(&r->plain[n]);
}

static void do_something(struct run *r)
{
    const size_t n = prng_below(&r->prng, NAMES);
    world_begin(&r->w, 1000);
    switch (prng_below(&r->prng, 30)) {
    case 0: rename_or_copy(r, n, prng_below(&r->prng, NAMES)); break;
    case 1: delete(r, n); break;
    default: change(r, n); break;
    }
    world_end(&r->w);
    check(r, n);
    size_t there = 0;
    for (size_t i = 0; i < NAMES; i++)
        there += r->plain[i].type != TYPE_NONE;
    assert_int_equal(keyspace_size(r->w.k, 0), there);
    if (prng_chance(&r->prng, 1, 20))
        world_flush(&r->w);
    if (prng_chance(&r->prng, 1, 10))
        graveyard_purge(r->w.k, prng_below(&r->prng, 200));
}

/* Deletes all, and nothing is left of it. */
static void end_run(struct run *r)
{
    world_begin(&r->w, 1000);
    for (size_t n = 0; n < NAMES; n++)
        delete(r, n);
    world_end(&r->w);
    assert_int_equal(keyspace_used_bytes(r->w.k), 0);
    while (graveyard_purge(r->w.k, 1000) > 0)
        ;
    assert_int_equal(graveyard_count(r->w.k), 0);
    assert_int_equal(world_count_rows(&r->w, 'K'), 0);
    assert_int_equal(world_count_rows(&r->w, 'I'), 0);
    assert_int_equal(world_count_rows(&r->w, 'G'), 0);
    world_clear(&r->w);
}

static void maps_equal_plain_arrays(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 20000, 1 << 24};
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct run *r = xcalloc(1, sizeof(*r));
        prng_seed(&r->prng, seed);
        world_init(&r->w, sizes[seed % 3]);
        for (size_t i = 0; i < 600; i++)
            do_something(r);
        end_run(r);
        free(r);
    }
}

/* The same commands with a cache of any size, flushed or not: the same digest, counters and
 * stamps. */
static void the_digest_does_not_depend_on_the_cache(void **state)
{
    (void)state;
    uint64_t digests[3];
    static const size_t sizes[] = {0, 20000, 1 << 24};
    for (int i = 0; i < 3; i++) {
        struct world w;
        struct prng prng;
        world_init(&w, sizes[i]);
        prng_seed(&prng, 5);
        for (int n = 0; n < 500; n++) {
            char text[8];
            struct object o;
            world_begin(&w, 1000);
            if (!object_open(w.k, 0, name_of(prng_below(&prng, 3), text), &o))
                object_create(&o, TYPE_HASH, ENCODING_LISTPACK);
            for (int m = 0; m < 5; m++) {
                const uint64_t field = prng_below(&prng, 300);
                if (prng_chance(&prng, 1, 3))
                    object_del(&o, SPACE_FIELD, bytes_of(&field, 2));
                else
                    object_put(&o, SPACE_FIELD, bytes_of(&field, 2), BYTES("value"));
            }
            if (prng_chance(&prng, 1, 50))
                object_delete(&o);
            object_save(&o);
            object_close(&o);
            world_end(&w);
            if (n % (40 + 13 * i) == 0)
                world_flush(&w);
            if (n % (7 + i) == 0)
                graveyard_purge(w.k, 10);
        }
        digests[i] = keyspace_digest(w.k);
        world_clear(&w);
    }
    assert_true(digests[0] == digests[1]);
    assert_true(digests[1] == digests[2]);
}

/* Neighbours in the order of IEEE 754, infinities included. */
static void scores_keep_their_order_as_unsigned_numbers(void **state)
{
    (void)state;
    const double rising[] = {-__builtin_inf(), -1e308, -1.5, -1, -5e-324, -0.0,  0.0,
                             5e-324,           0.1,    1,    1.5, 1e308,  __builtin_inf()};
    for (size_t i = 0; i < ARRAY_COUNT(rising); i++) {
        const double back = score_from_order(score_to_order(rising[i]));
        assert_memory_equal(&back, &rising[i], sizeof(back));
        if (i > 0)
            assert_true(score_to_order(rising[i - 1]) < score_to_order(rising[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_equal_plain_arrays),
        cmocka_unit_test(the_digest_does_not_depend_on_the_cache),
        cmocka_unit_test(scores_keep_their_order_as_unsigned_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
