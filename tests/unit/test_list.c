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

/* Every element by LRANGE, some by LINDEX. */
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
    for (int i = 0; i < model.count; i += 1 + model.count / 20) {
        char line[64];
        snprintf(line, sizeof(line), "lindex l %d", i % 2 == 0 ? i : i - model.count);
        const struct bytes reply = world_run_line(w, line);
        assert_int_equal(atoi((const char *)memchr(reply.data, '\n', reply.size) + 1),
                         model.values[i]);
    }
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

/* A list whose next position does not exist, as after years of RPUSH and LPOP. */
static void begin_at(struct world *w, uint64_t position)
{
    struct object list;
    uint8_t key[8];
    world_open(w, CACHE_BYTES);
    world_run_line(w, "rpush l 0");
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
        cmocka_unit_test(positions_begin_anew_before_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
