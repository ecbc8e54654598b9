/* test_list.c -- long lists against a plain array: holes, elements put between others until there
 * is no room, and positions that come to their end. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "command/list.h"
#include "command_world.h"

#define CACHE_BYTES (8 << 20)
#define LENGTH_MAX 8000

static struct {
    int values[LENGTH_MAX];
    int count;
} model;

static void run(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
static void run(struct world *w, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    const struct bytes reply = world_run_line(w, line);
    assert_int_not_equal(*bytes_data(reply), '-');
}

static void model_insert(int index, int value)
{
    assert_true(model.count < LENGTH_MAX);
    memmove(model.values + index + 1, model.values + index,
            (size_t)(model.count - index) * sizeof(int));
    model.values[index] = value;
    model.count++;
}

static void model_remove(int index)
{
    model.count--;
    memmove(model.values + index, model.values + index + 1,
            (size_t)(model.count - index) * sizeof(int));
}

static void push(struct world *w, bool left, int value)
{
    run(w, "%s l %d", left ? "lpush" : "rpush", value);
    model_insert(left ? 0 : model.count, value);
}

static void check_fences(struct world *w);

/* Every element by LRANGE, some by LINDEX; and the fences. */
static void check_equal(struct world *w)
{
    struct buf want = {0};
    char text[64];
    buf_append(&want, text, (size_t)snprintf(text, sizeof(text), "*%d\r\n", model.count));
    for (int i = 0; i < model.count; i++) {
        char digits[16];
        const int size = snprintf(digits, sizeof(digits), "%d", model.values[i]);
        buf_append(&want, text,
                   (size_t)snprintf(text, sizeof(text), "$%d\r\n%s\r\n", size, digits));
    }
    const struct bytes got = world_run_line(w, "lrange l 0 -1");
    assert_true(bytes_equal(got, buf_bytes(&want)));
    buf_clear(&want);
    check_fences(w);
    for (int i = 0; i < model.count; i += 1 + model.count / 60) {
        char line[64];
        snprintf(line, sizeof(line), "lindex l %d", i % 2 == 0 ? i : i - model.count);
        const struct bytes reply = world_run_line(w, line);
        assert_int_equal(atoi((const char *)memchr(reply.data, '\n', reply.size) + 1),
                         model.values[i]);
    }
}

/* --- fences ----------------------------------------------------------------------------------- */

#define FENCES_MAX 20000

struct fence {
    uint64_t level, block;
    int64_t change;
};

static void add_to(struct fence *fences, size_t *count, struct fence f)
{
    struct fence *last = *count == 0 ? NULL : &fences[*count - 1];
    if (last != NULL && last->level == f.level && last->block == f.block) {
        last->change += f.change;
        return;
    }
    assert_true(*count < FENCES_MAX);
    fences[(*count)++] = f;
}

/* What list_fences.c says should be there: elements less grid points, block by block. */
static size_t fences_wanted(struct object *list, struct fence *fences)
{
    static const int shifts[] = {24, 30, 36, 42, 48};
    const uint64_t last = get_be64(list->fields + 8);
    size_t count = 0, kept = 0;
    for (uint64_t level = 0; level < ARRAY_COUNT(shifts); level++) {
        struct object_cursor cursor;
        struct bytes key, value;
        uint64_t point = get_be64(list->fields); /* the next one: from the first element on */
        point = (point + LIST_STEP - 1) / LIST_STEP * LIST_STEP;
        object_seek(list, &cursor, SPACE_ELEMENT, BYTES_NONE, FORWARD);
        while (object_next(&cursor, &key, &value)) {
            const uint64_t position = get_be64(key.data);
            for (; point <= position; point += LIST_STEP)
                add_to(fences, &count, (struct fence){level, point >> shifts[level], -1});
            add_to(fences, &count, (struct fence){level, position >> shifts[level], 1});
        }
        object_cursor_close(&cursor);
        assert_true(point > last);
    }
    for (size_t i = 0; i < count; i++)
        if (fences[i].change != 0)
            fences[kept++] = fences[i];
    return kept;
}

static void check_fences(struct world *w)
{
    static struct fence fences[FENCES_MAX];
    struct object list;
    keyspace_read_begin(w->keyspace, 1);
    if (object_open(w->keyspace, 0, BYTES("l"), &list) && !object_is_packed(&list)) {
        const size_t count = fences_wanted(&list, fences);
        struct object_cursor cursor;
        struct bytes key, value;
        size_t i = 0;
        object_seek(&list, &cursor, SPACE_FENCE, BYTES_NONE, FORWARD);
        for (; object_next(&cursor, &key, &value); i++) {
            assert_true(i < count);
            assert_int_equal(*bytes_data(key), fences[i].level);
            assert_int_equal(get_be64(bytes_data(key) + 1), fences[i].block);
            assert_int_equal(get_le64(value.data), fences[i].change);
        }
        assert_int_equal(i, count);
        object_cursor_close(&cursor);
    }
    object_close(&list);
    keyspace_read_end(w->keyspace);
}

static size_t count_fences(struct world *w)
{
    struct object list;
    struct object_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    keyspace_read_begin(w->keyspace, 1);
    assert_true(object_open(w->keyspace, 0, BYTES("l"), &list));
    assert_false(object_is_packed(&list));
    object_seek(&list, &cursor, SPACE_FENCE, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &key, &value))
        count++;
    object_cursor_close(&cursor);
    object_close(&list);
    keyspace_read_end(w->keyspace);
    return count;
}

static void open_with(struct world *w, size_t cache_bytes, int count)
{
    world_open(w, cache_bytes);
    model.count = 0;
    for (int i = 0; i < count; i++)
        push(w, i % 2 == 0, i);
}

/* Halving a gap leaves no room after 20 times; so each of these makes room often. */
static void check_inserts(int length, const char *where)
{
    struct world w;
    open_with(&w, CACHE_BYTES, length);
    const int pivot = length / 2;
    for (int i = 0; i < 1000; i++) {
        int index = 0;
        while (model.values[index] != pivot)
            index++;
        run(&w, "linsert l %s %d %d", where, pivot, 100000 + i);
        model_insert(index + (*where == 'a'), 100000 + i);
    }
    check_equal(&w);
    world_close(&w);
}

static void many_elements_fit_between_two(void **state)
{
    (void)state;
    const int lengths[] = {2, 3, 100, 500, 3000}; /* packed, one window, several */
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        check_inserts(lengths[i], "before");
        check_inserts(lengths[i], "after");
    }
}

static void step(struct world *w, struct prng *chance, int value)
{
    const int at = model.count == 0 ? 0 : (int)prng_below(chance, (uint64_t)model.count);
    const uint64_t kind = prng_below(chance, 10);
    if (model.count == 0 || kind < 4) {
        push(w, kind % 2 == 0, value);
    } else if (kind < 6) {
        run(w, "linsert l before %d %d", model.values[at], value);
        model_insert(at, value);
    } else if (kind < 8) {
        run(w, "lrem l %d %d", kind == 6 ? 1 : -1, model.values[at]);
        model_remove(at);
    } else if (kind == 8) {
        run(w, value % 2 == 0 ? "lpop l" : "rpop l");
        model_remove(value % 2 == 0 ? 0 : model.count - 1);
    } else {
        run(w, "lset l %d %d", at, value);
        model.values[at] = value;
    }
}

/* All values differ, so that the model needs no search rules. */
static void check_random(size_t cache_bytes, int length, int steps)
{
    struct world w;
    struct prng chance;
    open_with(&w, cache_bytes, length);
    prng_seed(&chance, (uint64_t)length);
    for (int i = 0; i < steps; i++)
        step(&w, &chance, 1000000 + i);
    check_equal(&w);
    for (int left = 0; model.count > 0; left++) {
        run(&w, left % 3 == 0 ? "lpop l" : "rpop l 2");
        for (int i = 0; i < 2 && model.count > 0; i++)
            if (left % 3 != 0)
                model_remove(model.count - 1);
            else if (i == 0)
                model_remove(0);
        if (model.count > 0 && left % 100 == 0)
            check_equal(&w);
    }
    world_close(&w);
}

static void lists_with_holes_keep_their_order(void **state)
{
    (void)state;
    check_random(CACHE_BYTES, 10, 2000);
    check_random(CACHE_BYTES, 1000, 2000);
    check_random(0, 300, 500);
}

/* Holes and crowds anywhere, trims, whole parts removed: what moves the ends and the window. */
static void turn(struct world *w, struct prng *chance, int *next)
{
    const int at = (int)prng_below(chance, (uint64_t)model.count);
    const int size = (int)prng_below(chance, 200), kind = (int)prng_below(chance, 6);
    const int to = MIN(at + size, model.count - 1);
    if (kind == 0) {
        run(w, "ltrim l %d %d", MIN(size, at), model.count - 1 - MIN(size, model.count - 1 - at));
        for (int i = MIN(size, at), behind = MIN(size, model.count - 1 - at); i + behind > 0;)
            model_remove(i > 0 ? (i--, 0) : (behind--, model.count - 1));
    } else if (kind == 1) {
        for (int i = at; i < to; i++) {
            run(w, "lrem l 1 %d", model.values[at]);
            model_remove(at);
        }
    } else if (kind == 2) {
        for (int i = 0; i < size; i++, (*next)++) {
            run(w, "linsert l after %d %d", model.values[at + i], *next);
            model_insert(at + i + 1, *next);
        }
    } else {
        for (int i = 0; i < size; i++, (*next)++)
            push(w, kind == 3, *next);
    }
}

static void fences_count_what_differs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world w;
        struct prng chance;
        int next = 1000;
        open_with(&w, seed == 4 ? 0 : CACHE_BYTES, seed == 1 ? 1 : 900);
        prng_seed(&chance, seed);
        for (int i = 0; i < (seed == 4 ? 20 : 150); i++) {
            if (model.count > LENGTH_MAX - 400)
                break;
            turn(&w, &chance, &next);
            check_equal(&w);
        }
        world_close(&w);
    }
}

/* One job never ends, the others go by: holes are not kept for ever. */
static void a_job_that_never_ends_leaves_no_holes(void **state)
{
    (void)state;
    struct world w;
    open_with(&w, CACHE_BYTES, 200);
    for (int i = 0; i < 30000; i++) {
        push(&w, true, 1000 + i);
        run(&w, "lrem l 1 %d", model.values[model.count - 2]);
        model_remove(model.count - 2);
        if (i % 3000 == 0)
            check_equal(&w);
        if (i > 100 && model.count > 20) {
            run(&w, "lrem l 1 %d", model.values[1]);
            model_remove(1);
        }
    }
    check_equal(&w);
    assert_in_range(model.count, 2, 40);
    assert_in_range(count_fences(&w), 1, 1000);
    world_close(&w);
}

/* A list whose next position does not exist, as after years of RPUSH and LPOP. */
static void begin_at(struct world *w, uint64_t position)
{
    struct object list;
    uint8_t key[8];
    world_open(w, CACHE_BYTES);
    world_run_line(w, "rpush l 0");
    keyspace_entry_begin(w->keyspace, w->next_index++, 1, w->clock_ms);
    keyspace_request_begin(w->keyspace, 1);
    object_open(w->keyspace, 0, BYTES("l"), &list);
    struct bytes old, value;
    struct object_cursor cursor;
    object_seek(&list, &cursor, SPACE_ELEMENT, BYTES_NONE, FORWARD);
    assert_true(object_next(&cursor, &old, &value));
    object_del(&list, SPACE_ELEMENT, old);
    object_cursor_close(&cursor);
    put_be64(key, position);
    object_put(&list, SPACE_ELEMENT, bytes_of(key, sizeof(key)), BYTES("0"));
    memcpy(list.fields, key, sizeof(key)); /* first, last: list.h */
    memcpy(list.fields + sizeof(key), key, sizeof(key));
    object_save(&list);
    object_close(&list);
    keyspace_entry_end(w->keyspace);
    model.values[0] = 0;
    model.count = 1;
}

static void positions_begin_anew_before_they_end(void **state)
{
    (void)state;
    const uint64_t positions[] = {UINT64_MAX - LIST_STEP, LIST_STEP, UINT64_MAX - 10 * LIST_STEP,
                                  10 * LIST_STEP};
    for (size_t i = 0; i < ARRAY_COUNT(positions); i++) {
        struct world w;
        begin_at(&w, positions[i]);
        for (int n = 1; n < 300; n++)
            push(&w, i % 2 == 1, n);
        check_equal(&w);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_elements_fit_between_two),
        cmocka_unit_test(lists_with_holes_keep_their_order),
        cmocka_unit_test(fences_count_what_differs),
        cmocka_unit_test(a_job_that_never_ends_leaves_no_holes),
        cmocka_unit_test(positions_begin_anew_before_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
