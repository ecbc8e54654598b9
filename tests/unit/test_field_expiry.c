/* test_field_expiry.c -- fields of hashes that expire: against a plain array, packed and in rows,
 * on a large cache and on none; what readers see before anybody has deleted them; the index that
 * leads to them. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc64.h"
#include "base/encode.h"
#include "command/rdb_blob.h"
#include "command_world.h"
#include "keyspace/cache.h"
#include "keyspace/expire.h"
#include "keyspace/keyspace.h"

#define CACHE_BYTES (64 << 20)
#define FIELDS_MAX 400

static struct bytes run(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
static struct bytes run(struct world *w, const char *format, ...)
{
    static char line[32768];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return world_run_line(w, line);
}

static void check(struct world *w, const char *line, const char *want)
{
    const struct bytes got = world_run_line(w, line);
    if (!bytes_equal(got, bytes_from_string(want)))
        fail_msg("%s: %.*s, not %s", line, (int)MIN(got.size, 500), (const char *)got.data, want);
}

static int64_t number(struct bytes reply, char type)
{
    char text[64] = {0};
    assert_true(reply.size > 1);
    assert_int_equal(*(const char *)reply.data, type);
    memcpy(text, bytes_from(reply, 1).data, MIN(reply.size - 1, sizeof(text) - 1));
    return strtoll(text, NULL, 10);
}

/* --- against a plain array -------------------------------------------------------------------- */

struct field {
    bool is_there;
    int value;
    uint64_t deadline; /* 0: none */
};

struct model {
    struct world w;
    struct prng p;
    struct field fields[FIELDS_MAX];
    unsigned count; /* fields in use */
    const char *key;
};

static bool is_there(const struct model *m, unsigned f)
{
    const struct field *field = &m->fields[f];
    return field->is_there && (field->deadline == 0 || field->deadline > m->w.clock_ms);
}

static int64_t live_fields(const struct model *m)
{
    int64_t count = 0;
    for (unsigned f = 0; f < m->count; f++)
        count += is_there(m, f);
    return count;
}

static void forget_due(struct model *m)
{
    for (unsigned f = 0; f < m->count; f++)
        if (!is_there(m, f))
            m->fields[f] = (struct field){.is_there = false};
}

static void set_fields(struct model *m)
{
    const unsigned n = 1 + (unsigned)prng_below(&m->p, 5);
    for (unsigned i = 0; i < n; i++) {
        const unsigned f = (unsigned)prng_below(&m->p, m->count);
        const int value = (int)prng_below(&m->p, 1000);
        assert_int_equal(number(run(&m->w, "hset %s f%u %d", m->key, f, value), ':'),
                         !is_there(m, f));
        m->fields[f] = (struct field){true, value, 0};
    }
}

/* A deadline for one field, by one of the commands that give it, under a condition or not. */
static void expire_field(struct model *m, unsigned f)
{
    static const char *const words[] = {"", "nx", "xx", "gt", "lt"};
    struct field *field = &m->fields[f];
    const unsigned word = (unsigned)prng_below(&m->p, ARRAY_COUNT(words));
    const uint64_t in_ms = prng_below(&m->p, 200);
    const uint64_t when = m->w.clock_ms + in_ms;
    const struct bytes reply =
        prng_chance(&m->p, 1, 2)
            ? run(&m->w, "hpexpire %s %u %s fields 1 f%u", m->key, (unsigned)in_ms, words[word], f)
            : run(&m->w, "hpexpireat %s %llu %s fields 1 f%u", m->key, (unsigned long long)when,
                  words[word], f);
    const bool has = field->deadline != 0;
    const bool conditions[] = {true, !has, has, has && when > field->deadline,
                               !has || when < field->deadline};
    const int64_t got = number(bytes_from(reply, 4), ':');
    if (!is_there(m, f)) {
        assert_int_equal(got, -2);
    } else if (!conditions[word]) {
        assert_int_equal(got, 0);
    } else {
        assert_int_equal(got, in_ms == 0 ? 2 : 1);
        field->deadline = when; /* in the past: not there any more */
    }
}

static void change_field(struct model *m, unsigned f)
{
    struct field *field = &m->fields[f];
    const bool was_there = is_there(m, f);
    const uint64_t deadline = was_there ? field->deadline : 0;
    switch (prng_below(&m->p, 6)) {
    case 0:
        assert_int_equal(number(run(&m->w, "hdel %s f%u", m->key, f), ':'), was_there);
        field->is_there = false;
        break;
    case 1:
        assert_int_equal(number(run(&m->w, "hincrby %s f%u 1", m->key, f), ':'),
                         was_there ? field->value + 1 : 1);
        *field = (struct field){true, was_there ? field->value + 1 : 1, deadline};
        break;
    case 2:
        run(&m->w, "hgetdel %s fields 1 f%u", m->key, f);
        field->is_there = false;
        break;
    case 3:
        assert_int_equal(
            number(bytes_from(run(&m->w, "hpersist %s fields 1 f%u", m->key, f), 4), ':'),
            !was_there ? -2 : deadline == 0 ? -1 : 1);
        field->deadline = was_there ? 0 : field->deadline;
        break;
    case 4:
        run(&m->w, "hsetex %s px 50 fields 1 f%u 7", m->key, f);
        *field = (struct field){true, 7, m->w.clock_ms + 50};
        break;
    default:
        run(&m->w, "hsetex %s keepttl fields 1 f%u 8", m->key, f);
        *field = (struct field){true, 8, deadline};
        break;
    }
}

/* Rows that say who is due when, and the counters, are those of the state. */
static void check_index(struct model *m)
{
    struct keyspace *k = m->w.keyspace;
    uint64_t earliest = 0;
    for (unsigned f = 0; f < m->count; f++)
        if (m->fields[f].is_there && m->fields[f].deadline != 0 &&
            (earliest == 0 || m->fields[f].deadline < earliest))
            earliest = m->fields[f].deadline;
    assert_int_equal(keyspace_timed(k, 0), earliest != 0);
    assert_int_equal(expire_next_deadline(k), earliest);
}

static void expire_some(struct model *m)
{
    struct keyspace *k = m->w.keyspace;
    const uint32_t limit = 1 + (uint32_t)prng_below(&m->p, 5);
    keyspace_entry_begin(k, m->w.next_index++, 1, m->w.clock_ms);
    keyspace_request_begin(k, 1);
    assert_true(expire_due(k, limit) <= limit);
    if (prng_chance(&m->p, 1, 2)) {
        while (expire_due(k, limit) > 0)
            continue;
        forget_due(m);
        check_index(m);
    }
    struct buf name = {0};
    uint32_t db;
    enum expired what;
    while (keyspace_take_expired(k, &db, &name, &what))
        assert_int_not_equal(what, EXPIRED_KEY);
    buf_clear(&name);
    keyspace_entry_end(k);
    cache_turn(m->w.cache);
}

static void rename_hash(struct model *m)
{
    const char *other = *m->key == 'h' ? "g" : "h";
    if (live_fields(m) == 0)
        return;
    if (prng_chance(&m->p, 1, 2)) {
        run(&m->w, "rename %s %s", m->key, other);
    } else {
        assert_int_equal(number(run(&m->w, "copy %s %s", m->key, other), ':'), 1);
        run(&m->w, "del %s", m->key);
    }
    m->key = other;
}

static void check_field(struct model *m, unsigned f)
{
    const struct field *field = &m->fields[f];
    const int64_t left = number(
        bytes_from(run(&m->w, "hpttl %s fields 1 f%u", m->key, f), 4), ':');
    const bool has = is_there(m, f);
    assert_int_equal(number(run(&m->w, "hexists %s f%u", m->key, f), ':'), has);
    if (!has)
        assert_int_equal(left, -2);
    else
        assert_int_equal(left, field->deadline == 0 ? -1
                                                    : (int64_t)(field->deadline - m->w.clock_ms));
}

static void check_all(struct model *m)
{
    const int64_t live = live_fields(m);
    assert_int_equal(number(run(&m->w, "hlen %s", m->key), ':'), live);
    assert_int_equal(number(run(&m->w, "exists %s", m->key), ':'), live > 0);
    assert_int_equal(number(run(&m->w, "keys *"), '*'), live > 0);
    assert_int_equal(number(run(&m->w, "hrandfield %s 1000", m->key), '*'), live);
    const struct bytes all = run(&m->w, "hgetall %s", m->key);
    assert_int_equal(number(all, '*'), 2 * live);
    struct buf copy = {0};
    buf_append_bytes(&copy, all);
    buf_append_u8(&copy, 0);
    for (unsigned f = 0; f < m->count; f++) {
        char pair[64];
        snprintf(pair, sizeof(pair), "\r\nf%u\r\n", f);
        const char *at = strstr((const char *)buf_bytes(&copy).data, pair);
        assert_int_equal(at != NULL, is_there(m, f));
        if (at != NULL) {
            snprintf(pair, sizeof(pair), "\r\n%d\r\n", m->fields[f].value);
            at = strchr(at + strlen("\r\nf"), '$');
            assert_non_null(at);
            assert_int_equal(strncmp(strchr(at, '\r'), pair, strlen(pair)), 0);
        }
    }
    buf_clear(&copy);
}

static void run_model(uint64_t seed, unsigned count, size_t cache_bytes, int steps)
{
    static struct model m;
    m = (struct model){.count = count, .key = "h"};
    prng_seed(&m.p, seed);
    world_open(&m.w, cache_bytes);
    for (int step = 0; step < steps; step++) {
        const unsigned f = (unsigned)prng_below(&m.p, count);
        switch (prng_below(&m.p, 8)) {
        case 0: case 1: set_fields(&m); break;
        case 2: case 3: expire_field(&m, f); break;
        case 4: case 5: change_field(&m, f); break;
        case 6: m.w.clock_ms += prng_below(&m.p, 30); break;
        default: prng_chance(&m.p, 1, 4) ? rename_hash(&m) : expire_some(&m); break;
        }
        check_field(&m, f);
        if (step % 10 == 0)
            check_all(&m);
    }
    world_close(&m.w);
}

static void fields_expire_as_in_a_plain_array(void **state)
{
    (void)state;
    const char *given = getenv("FIELD_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_wall_us();
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 4; round++) {
        run_model(seed + round, 8, CACHE_BYTES, 2000); /* packed */
        run_model(seed + round, 8, 0, 500);
        run_model(seed + round, FIELDS_MAX, CACHE_BYTES, 3000); /* from packed to rows */
        run_model(seed + round, FIELDS_MAX, 256, 500);
    }
}

/* --- what readers see ------------------------------------------------------------------------- */

/* A hash of count fields, of which two are due in 10 ms. */
static void check_reader(unsigned count)
{
    struct world w;
    struct buf names = {0};
    world_open(&w, CACHE_BYTES);
    for (unsigned i = 0; i < count; i++)
        run(&w, "hset h f%u x", i);
    run(&w, "hpexpire h 10 fields 2 f1 f2");
    w.clock_ms += 10;
    check(&w, "hget h f1", "$-1\r\n");
    assert_true(keyspace_met_due(w.keyspace, &names));
    assert_true(bytes_equal(bytes_from(buf_bytes(&names), 8), BYTES("h")));

    run(&w, "set other 1"); /* the log's clock is there by now, and so are the rows */
    assert_int_equal(number(run(&w, "hlen h"), ':'), count - 2);
    check(&w, "hmget h f0 f1 f2", "*3\r\n$1\r\nx\r\n$-1\r\n$-1\r\n");
    assert_false(keyspace_met_due(w.keyspace, NULL));

    keyspace_entry_begin(w.keyspace, w.next_index++, 1, w.clock_ms);
    keyspace_request_begin(w.keyspace, 1);
    assert_true(expire_key(w.keyspace, keyspace_database_number(w.keyspace, 0), BYTES("h")));
    keyspace_entry_end(w.keyspace);
    assert_int_equal(number(run(&w, "hlen h"), ':'), count - 2);
    buf_clear(&names);
    world_close(&w);
}

/* Nobody has deleted them yet: the reader has to wait, or goes by the log's clock. */
static void a_reader_waits_for_due_fields_and_never_sees_them(void **state)
{
    (void)state;
    check_reader(3);   /* packed */
    check_reader(200); /* in rows */
}

/* A hash of which nothing is left is no key, though its row is there. */
static void a_hash_whose_fields_are_all_due_is_absent(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    check(&w, "hsetex h px 10 fields 2 a 1 b 2", ":1\r\n");
    w.clock_ms += 10;
    check(&w, "keys *", "*0\r\n");
    check(&w, "scan 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    check(&w, "randomkey", "$-1\r\n");
    check(&w, "type h", "+none\r\n");
    check(&w, "hrandfield h", "$-1\r\n");
    check(&w, "object encoding h", "$-1\r\n");
    assert_int_equal(keyspace_size(w.keyspace, 0), 1);
    check(&w, "set h 1", "+OK\r\n");
    assert_int_equal(keyspace_size(w.keyspace, 0), 1);
    assert_int_equal(keyspace_timed(w.keyspace, 0), 0);
    world_close(&w);
}

/* --- DUMP and RESTORE ------------------------------------------------------------------------- */

static struct bytes dump(struct world *w, const char *key, struct buf *payload)
{
    const struct bytes reply = run(w, "dump %s", key);
    const uint8_t *end = memchr(reply.data, '\n', reply.size);
    const size_t head = (size_t)(end + 1 - bytes_data(reply));
    buf_reset(payload);
    buf_append(payload, end + 1, reply.size - head - 2);
    return buf_bytes(payload);
}

static struct bytes restore(struct world *w, const char *key, struct bytes payload)
{
    const struct bytes args[] = {BYTES("restore"), bytes_from_string(key), BYTES("0"), payload,
                                 BYTES("replace")};
    return world_run(w, args, ARRAY_COUNT(args));
}

/* Packed, and in rows; what is due when it comes is not there. */
static void deadlines_go_with_dump(void **state)
{
    (void)state;
    for (unsigned count = 3; count <= 300; count *= 10) {
        struct world w;
        struct buf payload = {0};
        world_open(&w, CACHE_BYTES);
        for (unsigned i = 0; i < count; i++)
            run(&w, "hset h f%u v%u", i, i);
        run(&w, "hpexpireat h 1800000000000 fields 1 f1");
        run(&w, "hpexpireat h 1900000000123 fields 1 f2");
        const struct bytes dumped = dump(&w, "h", &payload);
        assert_int_equal(*bytes_data(dumped), 24);
        assert_int_equal(get_le16(bytes_data(dumped) + dumped.size - 10), 12);
        assert_true(bytes_equal(restore(&w, "copy", dumped), BYTES("+OK\r\n")));
        check(&w, "hpexpiretime copy fields 3 f0 f1 f2",
              "*3\r\n:-1\r\n:1800000000000\r\n:1900000000123\r\n");
        assert_int_equal(number(run(&w, "hlen copy"), ':'), count);
        w.clock_ms = 1850000000000;
        assert_true(bytes_equal(restore(&w, "late", dumped), BYTES("+OK\r\n")));
        check(&w, "hmget late f0 f1 f2", "*3\r\n$2\r\nv0\r\n$-1\r\n$2\r\nv2\r\n");
        struct buf timed = {0};
        buf_append_bytes(&timed, dumped);
        w.level = 1; /* there are older builds, which know no such payload */
        assert_true(*bytes_data(dump(&w, "h", &payload)) != 24);
        assert_memory_equal(restore(&w, "x", buf_bytes(&timed)).data, "-ERR", 4);
        w.level = 2;
        buf_clear(&timed);
        run(&w, "hpersist h fields 2 f1 f2"); /* then 7.0 may have it */
        assert_int_equal(get_le16(bytes_data(dump(&w, "h", &payload)) + payload.size - 10), 10);
        buf_clear(&payload);
        world_close(&w);
    }
}

static struct bytes finish(struct buf *payload, uint16_t version)
{
    buf_append_le16(payload, version);
    buf_append_le64(payload, crc64(buf_bytes(payload)));
    return buf_bytes(payload);
}

/* HASH_METADATA and HASH_LISTPACK_EX as Redis 7.4 writes them, byte for byte. */
static void payloads_of_redis_7_4_are_taken(void **state)
{
    (void)state;
    static const uint8_t strings[] = "\x02\x00\x01" "a\x01" "1\x03\x01" "b\x01" "2";
    static const char want[] = "*2\r\n:-1\r\n:1800000000002\r\n";
    const uint64_t first = 1800000000000;
    struct world w;
    struct buf payload = {0}, blob = {0};
    world_open(&w, CACHE_BYTES);

    buf_append_u8(&payload, 24);
    buf_append_le64(&payload, first);
    buf_append(&payload, strings, sizeof(strings) - 1); /* b: the first one's, and 2 ms */
    assert_true(bytes_equal(restore(&w, "h", finish(&payload, 12)), BYTES("+OK\r\n")));
    check(&w, "hpexpiretime h fields 2 a b", want);
    check(&w, "hgetall h", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n");

    listpack_begin(&blob);
    const struct bytes texts[] = {BYTES("a"), BYTES("1"), BYTES("0"), BYTES("b"), BYTES("2"),
                                  BYTES("1800000000002")};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        listpack_append(&blob, texts[i]);
    listpack_end(&blob, ARRAY_COUNT(texts));
    buf_reset(&payload);
    buf_append_u8(&payload, 25);
    buf_append_le64(&payload, first + 2);
    buf_append_u8(&payload, (uint8_t)blob.size);
    buf_append_bytes(&payload, buf_bytes(&blob));
    const size_t body = payload.size;
    assert_true(bytes_equal(restore(&w, "l", finish(&payload, 12)), BYTES("+OK\r\n")));
    check(&w, "hpexpiretime l fields 2 a b", want);

    buf_truncate(&payload, body - 1); /* a listpack without its end */
    assert_true(bytes_equal(restore(&w, "x", finish(&payload, 12)),
                            BYTES("-ERR Bad data format\r\n")));
    buf_reset(&payload);
    buf_append_u8(&payload, 4); /* what 7.0 knows has its version */
    buf_append_u8(&payload, 0);
    assert_memory_equal(restore(&w, "x", finish(&payload, 12)).data,
                        "-ERR DUMP payload version", 25);
    check(&w, "exists x", ":0\r\n");
    buf_clear(&payload);
    buf_clear(&blob);
    world_close(&w);
}

/* --- the index -------------------------------------------------------------------------------- */

/* However many fields are due, one request deletes no more than it may. */
static void due_fields_are_deleted_in_portions(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    for (int i = 0; i < 300; i++)
        run(&w, "hsetex h px %d fields 1 f%d x", 10 + i % 3, i);
    run(&w, "set k v px 11");
    w.clock_ms += 12;
    const uint32_t want[] = {100, 100, 100, 1, 0};
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        keyspace_entry_begin(w.keyspace, w.next_index++, 1, w.clock_ms);
        keyspace_request_begin(w.keyspace, 1);
        assert_int_equal(expire_due(w.keyspace, 100), want[i]);
        keyspace_entry_end(w.keyspace);
    }
    assert_int_equal(expire_next_deadline(w.keyspace), 0);
    assert_int_equal(keyspace_size(w.keyspace, 0), 0);
    world_close(&w);
}

/* A key's own deadline and its fields' share the index: the earlier leads to it. */
/* A request that meets many due fields: all of a hash go as one row, and not if one may stay. */
static void a_large_hash_is_dropped_when_all_is_due(void **state)
{
    (void)state;
    for (int one_stays = 0; one_stays < 2; one_stays++) {
        struct world w;
        struct cache_stats before, after;
        world_open(&w, CACHE_BYTES);
        for (int i = 0; i < 3000; i++)
            run(&w, "hsetex h px %d fields 1 f%d x", 10 + i % 3, i);
        run(&w, one_stays ? "hset h last 1" : "hset h f5 1");
        run(&w, one_stays ? "hlen h" : "hsetex h px 11 fields 1 f5 x");
        w.clock_ms += 12;
        cache_stats(w.cache, &before);
        check(&w, "hset h new 1", ":1\r\n");
        cache_stats(w.cache, &after);
        check(&w, "hlen h", one_stays ? ":2\r\n" : ":1\r\n");
        const uint64_t lookups = after.hits + after.misses - before.hits - before.misses;
        assert_true((lookups < 32) == (one_stays == 0));
        assert_int_equal(keyspace_timed(w.keyspace, 0), 0);
        assert_int_equal(expire_next_deadline(w.keyspace), 0);
        world_close(&w);
    }
}

static void the_earlier_of_key_and_field_leads_to_a_hash(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    run(&w, "hset h a 1 b 2");
    run(&w, "pexpire h 100");
    run(&w, "hpexpire h 50 fields 1 a");
    assert_int_equal(expire_next_deadline(w.keyspace), WORLD_CLOCK_MS + 50);
    run(&w, "hpexpire h 200 fields 1 a");
    assert_int_equal(expire_next_deadline(w.keyspace), WORLD_CLOCK_MS + 100);
    run(&w, "persist h");
    assert_int_equal(expire_next_deadline(w.keyspace), WORLD_CLOCK_MS + 200);
    assert_int_equal(keyspace_expires(w.keyspace, 0), 0);
    assert_int_equal(keyspace_timed(w.keyspace, 0), 1);
    run(&w, "hdel h a");
    assert_int_equal(expire_next_deadline(w.keyspace), 0);
    assert_int_equal(keyspace_timed(w.keyspace, 0), 0);
    run(&w, "hpexpire h 50 fields 1 b");
    run(&w, "flushall");
    assert_int_equal(keyspace_timed(w.keyspace, 0), 0);
    assert_int_equal(expire_next_deadline(w.keyspace), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_expire_as_in_a_plain_array),
        cmocka_unit_test(a_reader_waits_for_due_fields_and_never_sees_them),
        cmocka_unit_test(a_hash_whose_fields_are_all_due_is_absent),
        cmocka_unit_test(deadlines_go_with_dump),
        cmocka_unit_test(payloads_of_redis_7_4_are_taken),
        cmocka_unit_test(due_fields_are_deleted_in_portions),
        cmocka_unit_test(a_large_hash_is_dropped_when_all_is_due),
        cmocka_unit_test(the_earlier_of_key_and_field_leads_to_a_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
