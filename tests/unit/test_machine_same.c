/* test_machine_same.c -- large requests in parts, and: two nodes that differ in all that may differ
 * (cache, flushes, restarts, who waits for replies) come to the same state. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine_world.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/prng.h"

/* --- parts ------------------------------------------------------------------------------------ */

static void apply_part(struct world *w, struct name name, uint32_t number, struct bytes piece,
                       bool last)
{
    uint8_t encoded[4];
    put_le32(encoded, number);
    const struct bytes args[] = {bytes_of(encoded, sizeof(encoded)), piece};
    struct maker maker = {0};
    maker_add(&maker, &(struct request){.kind = REQ_PART, .flags = last ? REQUEST_LAST : 0,
                                        .args = args, .arg_count = 2});
    maker_apply(w, &maker, name);
}

/* SET key <size bytes>, encoded. */
static void encode_set(struct buf *to, const char *key, size_t size, uint8_t byte)
{
    struct buf value = {0};
    memset(buf_reserve(&value, size), byte, size);
    buf_commit(&value, size);
    const struct bytes args[] = {BYTES("SET"), bytes_from_string(key), buf_bytes(&value)};
    request_encode(to, &(struct request){.kind = REQ_COMMAND, .args = args, .arg_count = 3});
    buf_clear(&value);
}

static struct bytes piece_of(const struct buf *whole, uint32_t number, size_t size)
{
    const struct bytes rest = bytes_from(buf_bytes(whole), number * size);
    return bytes_of(rest.data, MIN(rest.size, size));
}

static size_t count_part_rows(struct world *w)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    cache_cursor_open(w->cache, &cursor, BYTES("P"), BYTES("Q"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value))
        count++;
    cache_cursor_close(&cursor);
    return count;
}

static void a_request_in_parts_runs_with_its_last(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    struct buf whole = {0};
    encode_set(&whole, "big", 3000, 'x');
    apply_part(&w, (struct name){2, 1, 1}, 0, piece_of(&whole, 0, 1000), false);
    world_flush(&w);
    world_reopen(&w, 1 << 20); /* staged pieces are rows like any other */
    apply_part(&w, (struct name){2, 1, 2}, 1, piece_of(&whole, 1, 1000), false);
    run(&w, "INCR n"); /* another origin's batch between them does no harm */
    apply_part(&w, (struct name){2, 1, 3}, 2, piece_of(&whole, 2, 1000), false);
    assert_int_equal(count_part_rows(&w), 3);
    assert_string_equal(read_now(&w, "STRLEN big"), ":0\r\n");
    apply_part(&w, (struct name){2, 1, 4}, 3, piece_of(&whole, 3, 1000), true);
    assert_string_equal(read_now(&w, "STRLEN big"), ":3000\r\n");
    assert_int_equal(count_part_rows(&w), 0);
    buf_clear(&whole);
    world_clear(&w);
}

/* What ends a series, and what happens to its last part then. */
static void parts_that_are_not_continued_are_dropped(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct world w;
        world_init(&w, 1 << 20);
        struct buf whole = {0};
        encode_set(&whole, "big", 1500, 'x');
        const struct name first = {WORLD_SELF, WORLD_BOOT, 1};
        apply_part(&w, first, 0, piece_of(&whole, 0, 1000), false);
        assert_int_equal(count_part_rows(&w), 1);
        struct maker maker = {0};
        const struct request other = words(&w, "INCR n");
        struct name last = {WORLD_SELF, WORLD_BOOT, 3};
        switch (how) {
        case 0: /* another batch of the origin came between */
            maker_add(&maker, &other);
            maker_apply(&w, &maker, (struct name){WORLD_SELF, WORLD_BOOT, 2});
            assert_int_equal(count_part_rows(&w), 0);
            break;
        case 1: /* a number is missing */
            break;
        case 2: /* a new life */
            maker_add(&maker, &other);
            maker_apply(&w, &maker, (struct name){WORLD_SELF, WORLD_BOOT + 1, 1});
            last = (struct name){WORLD_SELF, WORLD_BOOT + 1, 2};
            break;
        case 3: /* it began anew */
            apply_part(&w, (struct name){WORLD_SELF, WORLD_BOOT, 2}, 0,
                       piece_of(&whole, 0, 500), false);
            assert_int_equal(count_part_rows(&w), 1);
            last.batch = 4;
            break;
        }
        buf_reset(&w.replies);
        apply_part(&w, last, 1, piece_of(&whole, 1, 1000), true);
        assert_int_equal(count_part_rows(&w), 0);
        assert_string_equal(read_now(&w, "EXISTS big"),
                            how == 2 ? ":0\r\n" : "-ERR large request lost a part, not executed\r\n"
                                                  ":0\r\n");
        buf_clear(&whole);
        world_clear(&w);
    }
}

static void nonsense_in_parts_is_refused_on_all_nodes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    const struct name name = {WORLD_SELF, WORLD_BOOT, 1};
    apply_part(&w, name, 0, BYTES("nonsense"), true);
    assert_true(bytes_equal(buf_bytes(&w.replies),
                            BYTES("-ERR large request is malformed, not executed\r\n")));
    world_clear(&w);
}

/* 64 MiB: the work is in proportion to the bytes. */
static void a_very_large_value_takes_bounded_time(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 32 << 20);
    struct buf whole = {0};
    encode_set(&whole, "big", (size_t)64 << 20, 'x');
    const uint64_t start_us = clock_boot_us();
    const uint32_t count = (uint32_t)((whole.size + ENTRY_PIECE_MAX - 1) / ENTRY_PIECE_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes piece = piece_of(&whole, i, ENTRY_PIECE_MAX);
        apply_part(&w, (struct name){2, 1, i + 1}, i, piece, i == count - 1);
        if (cache_is_pressed(w.cache))
            world_flush(&w);
    }
    assert_string_equal(read_now(&w, "STRLEN big"), ":67108864\r\n");
    assert_true(clock_boot_us() - start_us < 20000000);
    buf_clear(&whole);
    world_clear(&w);
}

/* --- two nodes -------------------------------------------------------------------------------- */

/* Few and large collections: packed ones become rows. A draw that nobody reads draws all the same,
 * or the SPOP behind it in its transaction would take another member on a deaf node. */
static void random_collection_words(struct prng *p, char text[static 128])
{
    const unsigned k = (unsigned)prng_below(p, 3), n = (unsigned)prng_below(p, 1000);
    switch (prng_below(p, 17)) {
    case 11: snprintf(text, 128, "HPEXPIRE h%u %u FIELDS 1 f%u", k, n, n % 200); return;
    case 12: snprintf(text, 128, "HSETEX h%u PX %u FIELDS 1 f%u x", k, n, n % 77); return;
    case 13: snprintf(text, 128, "HPERSIST h%u FIELDS 2 f%u f%u", k, n % 200, n % 77); return;
    case 14: snprintf(text, 128, "HGETDEL h%u FIELDS 1 f%u", k, n % 200); return;
    case 15: snprintf(text, 128, n < 300 ? "RENAME h%u h%u" : "HLEN h%u", k, n % 3); return;
    case 0: snprintf(text, 128, "SADD s%u %u %u %u m%u", k, n, n + 1, n + 2, n); return;
    case 1: snprintf(text, 128, "SADD s%u %u %0*u", k, n + 500, (int)(n % 90), n); return;
    case 2: snprintf(text, 128, "SPOP s%u", k); return;
    case 3: snprintf(text, 128, n < 30 ? "SPOP s%u 100" : "SPOP s%u 2", k); return;
    case 4: snprintf(text, 128, "SRANDMEMBER s%u %d", k, (int)(n % 9) - 4); return;
    case 5: snprintf(text, 128, "SMOVE s%u s%u %u", k, n % 3, n); return;
    case 6: snprintf(text, 128, "SUNIONSTORE s%u s%u s%u", k, n % 3, n % 2); return;
    case 7: snprintf(text, 128, "SDIFFSTORE s%u s%u s%u", n % 7, k, (k + 1) % 3); return;
    case 8: snprintf(text, 128, "HSET h%u f%u %0*u", k, n % 200, (int)(n % 99), n); return;
    case 9: snprintf(text, 128, "HDEL h%u f%u f%u", k, n % 200, n % 77); return;
    case 10: snprintf(text, 128, "HRANDFIELD h%u %d WITHVALUES", k, (int)(n % 9) - 4); return;
    default: snprintf(text, 128, "HINCRBY h%u f%u 1", k, n % 200); return;
    }
}

/* HyperLogLogs from sparse to dense; streams whose ids, and whose groups' times, come from the
 * clock of the log. */
static void random_hll_or_stream_words(struct prng *p, char text[static 128])
{
    const unsigned k = (unsigned)prng_below(p, 3), n = (unsigned)prng_below(p, 5000);
    switch (prng_below(p, 13)) {
    case 0: snprintf(text, 128, "PFADD p%u %u %u %u %u", k, n, n * 7, n * 11, n * 13); return;
    case 1: snprintf(text, 128, n % 9 == 0 ? "PFMERGE p%u p%u" : "PFADD p%u %u", k, n % 3); return;
    case 2: snprintf(text, 128, n < 100 ? "PFDEBUG TODENSE p%u" : "PFCOUNT p%u", k); return;
    case 3: snprintf(text, 128, "XADD x%u * f %u g %0*u", k, n, (int)(n % 60), n); return;
    case 4: snprintf(text, 128, "XADD x%u MAXLEN ~ %u * f %u", k, n % 300, n); return;
    case 5: snprintf(text, 128, "XDEL x%u %u", k, n); return;
    case 6: snprintf(text, 128, n < 500 ? "XTRIM x%u MAXLEN %u" : "XLEN x%u", k, n); return;
    case 7: snprintf(text, 128, "XGROUP CREATE x%u g %u MKSTREAM", k, n); return;
    case 8: snprintf(text, 128, "XREADGROUP GROUP g c%u COUNT 3 STREAMS x%u >", n % 9, k); return;
    case 9: snprintf(text, 128, "XREADGROUP GROUP g c%u COUNT 3 STREAMS x%u 0", n % 9, k); return;
    case 10: snprintf(text, 128, "XAUTOCLAIM x%u g c%u 100 - COUNT %u", k, n % 9, n % 7); return;
    case 11: snprintf(text, 128, n < 300 ? "XGROUP DESTROY x%u g" : "XPENDING x%u g", k); return;
    default: snprintf(text, 128, "XREAD COUNT %u STREAMS x%u 0", n % 5, k); return;
    }
}

/* Requests that wait, what serves them, and what ends them. */
static void random_waiting_words(struct prng *p, char text[static 128])
{
    const unsigned k = (unsigned)prng_below(p, 4), n = (unsigned)prng_below(p, 1000);
    switch (prng_below(p, 15)) {
    case 12: snprintf(text, 128, "XGROUP CREATE x%u g $ MKSTREAM", k); return;
    case 13: snprintf(text, 128, "XREADGROUP GROUP g c%u BLOCK 0 STREAMS x%u >", n % 3, k); return;
    case 14: snprintf(text, 128, n < 500 ? "XADD x%u * f v" : "DEL x%u", k); return;
    case 0: snprintf(text, 128, "BLPOP l%u l%u 0", k, n % 4); return;
    case 1: snprintf(text, 128, "BRPOP l%u 1", k); return;
    case 2: snprintf(text, 128, "BLMOVE l%u l%u LEFT RIGHT 0", k, n % 4); return;
    case 3: snprintf(text, 128, "BLMPOP 0 2 l%u z%u LEFT COUNT 2", k, n % 4); return;
    case 4: snprintf(text, 128, "BZPOPMIN z%u z%u l%u 0", k, n % 4, n % 3); return;
    case 5: snprintf(text, 128, "RPUSH l%u %u %u", k, n, n + 1); return;
    case 6: snprintf(text, 128, "LPUSH l%u %u", k, n); return;
    case 7: snprintf(text, 128, "ZADD z%u %u a%u", k, n, n); return;
    case 8: snprintf(text, 128, "RENAME l%u l%u", k, n % 4); return;
    case 9: snprintf(text, 128, "DEL l%u z%u", k, n % 4); return;
    case 10: snprintf(text, 128, n % 3 == 0 ? "SET l%u v" : "PEXPIRE l%u 50", k); return;
    default: snprintf(text, 128, "LPOP l%u 100", k); return;
    }
}

/* One of those that wait, as far as a guess finds it. */
static void add_random_end(struct world *w, struct maker *maker, struct prng *p)
{
    const uint64_t back = 1 + prng_below(p, 20);
    const uint64_t waiter = (w->next_index - MIN(back, w->next_index - 1)) << 12 |
                            (1 + prng_below(p, 4));
    uint8_t arg[16] = {0};
    struct bytes args = bytes_of(arg, 8);
    struct request r = {.kind = REQ_CANCEL, .args = &args, .arg_count = 1};
    switch (prng_below(p, 3)) {
    case 0:
        put_le64(arg, waiter);
        break;
    case 1:
        put_le64(arg + 2, waiter);
        args.size = UNBLOCK_SIZE;
        r.kind = REQ_UNBLOCK;
        break;
    default:
        put_le64(arg, 1 + prng_below(p, 3));
        put_le64(arg + 8, WORLD_BOOT);
        args.size = 16;
        r.kind = REQ_ORIGIN_LOST;
        break;
    }
    maker_add(maker, &r);
}

static void random_words(struct prng *p, char text[static 128])
{
    if (prng_chance(p, 1, 3)) {
        random_waiting_words(p, text);
        return;
    }
    if (prng_chance(p, 1, 2)) {
        random_collection_words(p, text);
        return;
    }
    if (prng_chance(p, 1, 4)) {
        random_hll_or_stream_words(p, text);
        return;
    }
    const unsigned k = (unsigned)prng_below(p, 30), n = (unsigned)prng_below(p, 1000);
    switch (prng_below(p, 14)) {
    case 0: snprintf(text, 128, "SET k%u %u", k, n); return;
    case 1: snprintf(text, 128, "SET k%u %u PX %u", k, n, n + 1); return;
    case 2: snprintf(text, 128, "INCR k%u", k); return;
    case 3: snprintf(text, 128, "APPEND k%u %u", k, n); return;
    case 4: snprintf(text, 128, "DEL k%u k%u", k, n % 30); return;
    case 5: snprintf(text, 128, "PEXPIRE k%u %u", k, n); return;
    case 6: snprintf(text, 128, "PERSIST k%u", k); return;
    case 7: snprintf(text, 128, "SETRANGE k%u %u abc", k, n * 20); return;
    case 8: snprintf(text, 128, "RENAME k%u k%u", k, n % 30); return;
    case 9: snprintf(text, 128, "COPY k%u k%u REPLACE", k, n % 30); return;
    case 10: snprintf(text, 128, "GETDEL k%u", k); return;
    case 11: snprintf(text, 128, "MSET k%u a k%u b", k, n % 30); return;
    case 12: snprintf(text, 128, n < 20 ? "FLUSHDB" : "GETSET k%u %u", k, n); return;
    default: snprintf(text, 128, n < 100 ? "SWAPDB 0 1" : "INCRBYFLOAT k%u 0.%u", k, n); return;
    }
}

static void add_random(struct world *w, struct maker *maker, struct prng *p)
{
    char text[128], other[128];
    struct request r;
    random_words(p, text);
    random_words(p, other);
    if (prng_chance(p, 1, 6)) {
        const char *const commands[] = {text, other, NULL};
        const struct watch watch = {.key = BYTES("k1"), .stamp = prng_below(p, 2)};
        r = exec_words(w, &watch, (uint32_t)prng_below(p, 2), commands);
    } else {
        r = words(w, text);
        if (prng_chance(p, 1, 8)) {
            r = words(w, "GET k1");
            r.flags = REQUEST_READ;
        }
    }
    maker_add(maker, &r);
}

/* The same requests for both, from the same chance. */
static void apply_random(struct world *w, uint64_t seed, struct name name)
{
    struct prng p;
    prng_seed(&p, seed);
    struct maker maker = {0};
    const uint64_t count = prng_below(&p, 8) + 1;
    if (prng_chance(&p, 1, 10)) {
        uint8_t limit[4];
        put_le32(limit, (uint32_t)prng_below(&p, 5));
        const struct bytes args[] = {bytes_of(limit, 4), BYTES_NONE};
        maker_add(&maker,
                  &(struct request){.kind = REQ_EXPIRE_DUE, .args = args, .arg_count = 2});
    }
    for (uint64_t i = 0; i < count; i++)
        add_random(w, &maker, &p);
    if (prng_chance(&p, 1, 8))
        add_random_end(w, &maker, &p);
    w->clock_ms += prng_below(&p, 200);
    maker_apply(w, &maker, name);
    arena_reset(&w->arena);
    buf_reset(&w->replies);
    buf_reset(&w->events);
    take_served(w);
    arena_reset(&w->arena);
}

/* What only one of them goes through. */
static void disturb(struct world *w, struct prng *p)
{
    if (prng_chance(p, 1, 20) || cache_is_pressed(w->cache))
        world_flush(w);
    if (prng_chance(p, 1, 50)) {
        world_flush(w);
        world_reopen(w, (size_t)1 << (8 + prng_below(p, 14)));
    }
    if (prng_chance(p, 1, 3)) {
        char text[32];
        const unsigned k = (unsigned)prng_below(p, 30);
        snprintf(text, sizeof(text), k < 15 ? "GET k%u" : "HGETALL h%u", k < 15 ? 2 * k : k % 3);
        read_at(w, text, w->clock_ms + prng_below(p, 500), prng_chance(p, 1, 2));
        buf_reset(&w->replies);
    }
    cache_turn(w->cache);
}

static void two_nodes_come_to_the_same_state(void **state)
{
    (void)state;
    const char *given = getenv("MACHINE_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_wall_us();
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 40; round++) {
        struct world a, b;
        struct prng p;
        prng_seed(&p, seed + round);
        world_init(&a, 16 << 20);
        world_init(&b, 256);
        for (uint64_t i = 1; i <= 200; i++) {
            const uint64_t entry = prng_next(&p);
            const struct name name = {prng_below(&p, 3) + 1, WORLD_BOOT, i};
            b.deaf = prng_chance(&p, 1, 2);
            apply_random(&a, entry, name);
            apply_random(&b, entry, name);
            disturb(&b, &p);
            if (keyspace_digest(a.k) != keyspace_digest(b.k))
                fail_msg("seed %llu: they differ from entry %llu on",
                         (unsigned long long)(seed + round), (unsigned long long)i);
        }
        assert_int_equal(keyspace_used_bytes(a.k), keyspace_used_bytes(b.k));
        assert_int_equal(keyspace_size(a.k, 0), keyspace_size(b.k, 0));
        world_clear(&a);
        world_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_in_parts_runs_with_its_last),
        cmocka_unit_test(parts_that_are_not_continued_are_dropped),
        cmocka_unit_test(nonsense_in_parts_is_refused_on_all_nodes),
        cmocka_unit_test(a_very_large_value_takes_bounded_time),
        cmocka_unit_test(two_nodes_come_to_the_same_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
