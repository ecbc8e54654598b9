/* test_stream.c -- what replies alone do not show of streams: ids as bytes and as text, groups that
 * leave no rows behind, numbers of more than a byte, digests of groups. */

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/panic.h"
#include "command/stream.h"
#include "command_world.h"

#define CACHE_BYTES (8 << 20)

static struct bytes run(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
static struct bytes run(struct world *w, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    const struct bytes reply = world_run_line(w, line);
    if (*bytes_data(reply) == '-')
        fail_msg("%s: %.*s", line, (int)reply.size, (const char *)reply.data);
    return reply;
}

/* The number that a reply is, or, of an array, that its first element is. */
static int64_t number(struct world *w, const char *line)
{
    const struct bytes reply = run(w, "%s", line);
    const char *at = memchr(reply.data, ':', reply.size);
    assert_non_null(at);
    return strtoll(at + 1, NULL, 10);
}

/* --- ids -------------------------------------------------------------------------------------- */

static struct stream_id random_id(struct prng *p)
{
    static const uint64_t edges[] = {0, 1, 255, 256, UINT64_MAX - 1, UINT64_MAX};
    const uint64_t ms = prng_chance(p, 1, 2) ? edges[prng_below(p, 6)] : prng_next(p);
    const uint64_t seq = prng_chance(p, 1, 2) ? edges[prng_below(p, 6)] : prng_next(p);
    return (struct stream_id){ms, seq};
}

static bool parses_to(const char *text, struct stream_id want)
{
    struct stream_id id;
    return stream_id_parse(bytes_from_string(text), 7, &id) && stream_id_compare(id, want) == 0;
}

static void ids_are_ordered_as_bytes(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 1);
    for (int i = 0; i < 100000; i++) {
        const struct stream_id a = random_id(&p), b = random_id(&p);
        uint8_t key_a[STREAM_ID_SIZE], key_b[STREAM_ID_SIZE];
        const struct bytes left = stream_id_encode(a, key_a), right = stream_id_encode(b, key_b);
        const int order = stream_id_compare(a, b), by_bytes = bytes_compare(left, right);
        assert_int_equal((order > 0) - (order < 0), (by_bytes > 0) - (by_bytes < 0));
        assert_int_equal(stream_id_compare(stream_id_decode(left), a), 0);
        struct stream_id next = a;
        if (stream_id_next(&next)) {
            assert_true(stream_id_compare(next, a) > 0);
            assert_true(stream_id_previous(&next));
        }
        assert_int_equal(stream_id_compare(next, a), 0);
        char text[STREAM_ID_TEXT];
        snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, a.ms, a.seq);
        assert_true(parses_to(text, a));
    }
    assert_true(parses_to("5", (struct stream_id){5, 7}));
    struct stream_id id = STREAM_ID_MAX;
    assert_false(stream_id_next(&id));
    id = STREAM_ID_MIN;
    assert_false(stream_id_previous(&id));
}

/* Any bytes: no crash; what is taken has digits on both sides and is taken again as it prints. */
static void any_bytes_are_an_id_or_none(void **state)
{
    (void)state;
    static const char letters[] = "0123456789---+ x\n\0" "18446744073709551615";
    struct prng p;
    int taken = 0;
    prng_seed(&p, 2);
    for (int i = 0; i < 300000; i++) {
        char text[200];
        const size_t size = prng_below(&p, prng_chance(&p, 1, 20) ? sizeof(text) : 24);
        for (size_t at = 0; at < size; at++)
            text[at] = prng_chance(&p, 1, 3) ? (char)('0' + prng_below(&p, 10))
                                             : letters[prng_below(&p, sizeof(letters) - 1)];
        struct stream_id id;
        if (!stream_id_parse(bytes_of(text, size), 0, &id))
            continue;
        taken++;
        assert_true(text[0] != '-');
        char printed[STREAM_ID_TEXT];
        snprintf(printed, sizeof(printed), "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
        assert_true(parses_to(printed, id));
    }
    assert_true(taken > 1000);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void add_entries(struct world *w, int count)
{
    for (int i = 1; i <= count; i++)
        run(w, "xadd s %d field value", i);
}

/* Deliveries, claims and acknowledgements of two groups at random. */
static void use_groups(struct world *w, struct prng *p, int steps)
{
    for (int i = 0; i < steps; i++) {
        const int group = (int)prng_below(p, 2), consumer = (int)prng_below(p, 300);
        const int id = 1 + (int)prng_below(p, 400);
        switch (prng_below(p, 7)) {
        case 0:
            run(w, "xreadgroup group g%d c%d count 3 streams s >", group, consumer);
            break;
        case 1:
            run(w, "xclaim s g%d c%d 0 %d %d force justid", group, consumer, id, id + 1);
            break;
        case 2: run(w, "xack s g%d %d %d", group, id, id + 1); break;
        case 3: run(w, "xautoclaim s g%d c%d 0 %d count 2", group, consumer, id); break;
        case 4: run(w, "xgroup createconsumer s g%d c%d", group, consumer); break;
        case 5: run(w, "xgroup delconsumer s g%d c%d", group, consumer); break;
        default: run(w, "xgroup setid s g%d %d", group, id); break;
        }
    }
}

/* Pending ones of a group: as many by the group, by its consumers, and one by one. */
static void check_counts(struct world *w, int group)
{
    char line[64];
    snprintf(line, sizeof(line), "xpending s g%d", group);
    const int64_t pending = number(w, line);
    snprintf(line, sizeof(line), "xpending s g%d - + 100000", group);
    struct bytes reply = run(w, "%s", line);
    assert_int_equal(strtoll((const char *)reply.data + 1, NULL, 10), pending);
    int64_t by_consumer = 0;
    for (int consumer = 0; consumer < 300; consumer++) {
        reply = run(w, "xpending s g%d - + 100000 c%d", group, consumer);
        by_consumer += strtoll((const char *)reply.data + 1, NULL, 10);
    }
    assert_int_equal(by_consumer, pending);
}

static void groups_leave_nothing_behind(void **state)
{
    (void)state;
    for (int entries = 20; entries <= 400; entries += 380) { /* packed to begin with; rows */
        struct world w;
        struct prng p;
        world_open(&w, CACHE_BYTES);
        prng_seed(&p, 3);
        add_entries(&w, entries);
        run(&w, "xgroup create s g0 0");
        run(&w, "xgroup destroy s g0"); /* the meta row has grown by nothing from here on */
        run(&w, "copy s plain");
        for (int round = 0; round < 5; round++) {
            run(&w, "xgroup create s g0 0");
            run(&w, "xgroup create s g1 0");
            use_groups(&w, &p, 600);
            check_counts(&w, 0);
            check_counts(&w, 1);
            run(&w, "xgroup destroy s g0");
            run(&w, "xgroup destroy s g1");
        }
        /* in rows both: the forms differ in size */
        run(&w, "xgroup create plain g0 0");
        for (int i = 0; i < 130; i++)
            run(&w, "xgroup createconsumer plain g0 c%d", i);
        run(&w, "xgroup destroy plain g0");
        assert_int_equal(number(&w, "memory usage s") + (int64_t)strlen("plain") - 1,
                         number(&w, "memory usage plain"));
        world_close(&w);
    }
}

/* More than 255 groups and more than 65535 consumers: each has what is its own. */
static void numbers_of_many_bytes_keep_apart(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    add_entries(&w, 3);
    for (int i = 0; i < 600; i++) {
        run(&w, "xgroup create s g%d 0", i);
        run(&w, "xreadgroup group g%d c count %d streams s >", i, 1 + i % 3);
    }
    for (int i = 0; i < 600; i += 2)
        run(&w, "xgroup destroy s g%d", i);
    for (int i = 1; i < 600; i += 2) {
        char line[64];
        snprintf(line, sizeof(line), "xpending s g%d", i);
        assert_int_equal(number(&w, line), 1 + i % 3);
    }
    for (int i = 0; i < 70000; i++)
        run(&w, "xgroup createconsumer s g1 x%d", i);
    run(&w, "xgroup create s late 0");
    run(&w, "xreadgroup group late c streams s >");
    run(&w, "xgroup delconsumer s g1 c");
    assert_int_equal(number(&w, "xpending s late"), 3);
    assert_int_equal(number(&w, "xpending s g1"), 0);
    world_close(&w);
}

static void check_digests(struct world *w, bool same)
{
    const struct bytes reply = run(w, "debug digest-value a b");
    const char *text = reply.data; /* *2, then twice + and 40 digits */
    const bool equal = memcmp(text + 5, text + 5 + 43, 40) == 0;
    assert_int_equal(reply.size, 4 + 2 * 43);
    if (equal != same)
        fail_msg("digests: %.*s", (int)reply.size, text);
}

static void digests_know_groups_but_no_numbers(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    for (int i = 0; i < 2; i++) {
        const char *key = i == 0 ? "a" : "b";
        run(&w, "xadd %s 1-1 f v", key);
        run(&w, "xadd %s 2-1 f v", key);
        run(&w, "xgroup create %s %s 0", key, i == 0 ? "g" : "h");
        run(&w, "xgroup create %s %s 0", key, i == 0 ? "h" : "g");
    }
    check_digests(&w, true);
    static const char *const steps[] = {
        "xgroup createconsumer %s g alice", "xreadgroup group g bob count 1 streams %s >",
        "xreadgroup group g bob streams %s 0", "xclaim %s g alice 0 1-1 justid retrycount 5",
        "xclaim %s g alice 0 1-1 justid time 1000", "xack %s g 1-1", "xgroup setid %s h 1-1",
        "xgroup setid %s h 1-1 entriesread 4", "xgroup delconsumer %s g bob", "xsetid %s 9-9",
        "xgroup destroy %s g",
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        char line[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(line, sizeof(line), steps[i], "a");
        run(&w, "%s", line);
        check_digests(&w, false);
        snprintf(line, sizeof(line), steps[i], "b");
#pragma GCC diagnostic pop
        run(&w, "%s", line);
        check_digests(&w, true);
    }
    world_close(&w);
}

/* --- what is gone costs nothing --------------------------------------------------------------- */

#define ROUNDS 12000

/* Processor time of ROUNDS times the lines, in each of which %d is the round. has_slow: the first
 * entry stays pending. */
static double time_of(const char *const lines[], bool has_slow)
{
    struct world w;
    world_open(&w, CACHE_BYTES);
    run(&w, "xgroup create s g 0 mkstream");
    run(&w, "xadd s 1 f v");
    run(&w, "xreadgroup group g c streams s >"); /* never acknowledged */
    if (!has_slow)
        run(&w, "xack s g 1");
    run(&w, "xgroup create s other 0");
    for (int i = 0; i < 200; i++) /* so that it is in rows */
        run(&w, "xgroup createconsumer s other c%d", i);
    const clock_t begun = clock();
    for (int i = 2; i < ROUNDS; i++)
        for (size_t n = 0; lines[n] != NULL; n++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            char line[128];
            snprintf(line, sizeof(line), lines[n], i);
#pragma GCC diagnostic pop
            run(&w, "%s", line);
        }
    const clock_t ended = clock();
    world_close(&w);
    return (double)(ended - begun) / CLOCKS_PER_SEC;
}

/* Streams that are trimmed as they grow, and groups that acknowledge what they read, leave deleted
 * rows behind; whoever walks past them at each command takes a hundred times as long. */
static void deleted_rows_are_not_walked(void **state)
{
    (void)state;
    static const char *const plain[] = {"xadd s %d f v", "xlen s", "xlen s", "xlen s", NULL};
    static const char *const trimmed[] = {
        "xadd s maxlen 10 %d f v", "xread count 1 streams s 0", "xrange s - + count 1",
        "xinfo stream s", NULL};
    static const char *const deleted[] = {
        "xadd s %d f v", "xinfo groups s", "xdel s %d", "xrange s - + count 1", NULL};
    static const char *const acknowledged[] = {
        "xadd s %d f v", "xreadgroup group g c count 1 streams s >", "xpending s g - + 10",
        "xautoclaim s g c 0 0 justid", "xreadgroup group g c streams s 0", "xack s g %d",
        "xpending s g", NULL};
    static const char *const behind_slow[] = {
        "xadd s %d f v", "xreadgroup group g c count 1 streams s >", "xack s g %d", NULL};
    const double limit = 40 * time_of(plain, false);
    assert_true(time_of(trimmed, false) < limit);
    assert_true(time_of(deleted, false) < limit);
    assert_true(time_of(acknowledged, false) < limit);
    assert_true(time_of(behind_slow, true) < limit);
}

/* A command that would deliver more than the setting allows says so and changes nothing. */
static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    add_entries(&w, 500);
    run(&w, "xgroup create s g 0");
    run(&w, "config set apply-rows-max 300");
    static const char refusal[] = "-ERR this could write more elements than apply-rows-max allows";
    struct bytes reply = world_run_line(&w, "xreadgroup group g c streams s >");
    assert_true(bytes_has_prefix(reply, BYTES(refusal)));
    reply = world_run_line(&w, "xreadgroup group g c count 400 streams s >");
    assert_true(bytes_has_prefix(reply, BYTES(refusal)));
    assert_int_equal(number(&w, "xpending s g"), 0);
    run(&w, "xreadgroup group g c count 250 streams s >");
    run(&w, "xreadgroup group g c streams s >"); /* fewer are left */
    assert_int_equal(number(&w, "xpending s g"), 500);
    reply = world_run_line(&w, "xgroup destroy s g");
    assert_true(bytes_has_prefix(reply, BYTES(refusal)));
    reply = world_run_line(&w, "xgroup delconsumer s g c");
    assert_true(bytes_has_prefix(reply, BYTES(refusal)));
    reply = world_run_line(&w, "xautoclaim s g d 0 - count 301");
    assert_true(bytes_has_prefix(reply, BYTES(refusal)));
    assert_int_equal(number(&w, "xpending s g"), 500);
    run(&w, "xautoclaim s g d 0 - count 250 justid");
    run(&w, "xgroup delconsumer s g c");
    run(&w, "xgroup destroy s g");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_ordered_as_bytes),
        cmocka_unit_test(any_bytes_are_an_id_or_none),
        cmocka_unit_test(groups_leave_nothing_behind),
        cmocka_unit_test(numbers_of_many_bytes_keep_apart),
        cmocka_unit_test(digests_know_groups_but_no_numbers),
        cmocka_unit_test(deleted_rows_are_not_walked),
        cmocka_unit_test(what_is_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
