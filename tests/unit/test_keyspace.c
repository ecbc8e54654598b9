/* test_keyspace.c -- the state as a whole: databases, strings, deadlines, walks, crash and
 * reopen. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/prng.h"
#include "keyspace_world.h"

static void set(struct world *w, uint32_t db, const char *name, const char *value,
                uint64_t deadline)
{
    struct object o;
    object_open(w->k, db, bytes_from_string(name), &o);
    object_set_string(&o, bytes_from_string(value));
    object_set_deadline(&o, deadline);
    object_save(&o);
    object_close(&o);
}

static void del(struct world *w, uint32_t db, const char *name)
{
    struct object o;
    if (object_open(w->k, db, bytes_from_string(name), &o))
        object_delete(&o);
    object_close(&o);
}

static void assert_value(struct world *w, uint32_t db, const char *name, const char *value)
{
    struct object o;
    const bool is_there = object_open(w->k, db, bytes_from_string(name), &o);
    assert_int_equal(is_there, value != NULL);
    if (value != NULL)
        assert_true(bytes_equal(object_string(&o), bytes_from_string(value)));
    object_close(&o);
}

static void a_string_is_read_back_counted_and_stamped(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    world_begin(&w, 1000);
    set(&w, 0, "name", "value", 0);
    set(&w, 3, "name", "12", 0);
    world_end(&w);
    assert_value(&w, 0, "name", "value");
    assert_value(&w, 1, "name", NULL);
    assert_int_equal(keyspace_size(w.k, 0), 1);
    assert_int_equal(keyspace_size(w.k, 3), 1);

    struct object o;
    object_open(w.k, 3, BYTES("name"), &o);
    assert_int_equal(o.encoding, ENCODING_INT);
    assert_int_equal(o.stamp, 1 << 12 | 1);
    object_close(&o);

    world_begin(&w, 1000);
    del(&w, 3, "name");
    world_end(&w);
    assert_value(&w, 3, "name", NULL);
    assert_int_equal(keyspace_size(w.k, 3), 0);
    world_clear(&w);
}

static void after_a_crash_all_is_as_it_was_cut(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    world_begin(&w, 1000);
    set(&w, 0, "a", "1", 0);
    set(&w, 0, "b", "2", 5000);
    world_end(&w);
    const uint64_t digest = keyspace_digest(w.k), used = keyspace_used_bytes(w.k);
    world_flush(&w);
    world_begin(&w, 2000);
    set(&w, 0, "c", "3", 0);
    del(&w, 0, "a");
    world_end(&w);
    assert_true(digest != keyspace_digest(w.k));
    kv_mem_disk_crash(w.disk, KV_MEM_POWER_LOSS);
    world_close(&w);
    world_open(&w, 1 << 20);

    assert_int_equal(keyspace_applied(w.k).index, 1);
    assert_int_equal(keyspace_applied(w.k).clock_ms, 1000);
    assert_int_equal(keyspace_size(w.k, 0), 2);
    assert_int_equal(keyspace_expires(w.k, 0), 1);
    assert_int_equal(keyspace_digest(w.k), digest);
    assert_int_equal(keyspace_used_bytes(w.k), used);
    assert_int_equal(expire_next_deadline(w.k), 5000);
    assert_value(&w, 0, "a", "1");
    assert_value(&w, 0, "b", "2");
    assert_value(&w, 0, "c", NULL);
    world_clear(&w);
}

/* --- strings --------------------------------------------------------------------------------- */

static enum encoding encoding_after_set(struct world *w, const char *value)
{
    struct object o;
    set(w, 0, "e", value, 0);
    object_open(w->k, 0, BYTES("e"), &o);
    const enum encoding encoding = o.encoding;
    object_close(&o);
    return encoding;
}

/* As redis 7.0 answers to OBJECT ENCODING: a canonical 64-bit number, up to 44 bytes, more. */
static void encodings_are_those_of_redis(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    world_begin(&w, 1);
    assert_int_equal(encoding_after_set(&w, "0"), ENCODING_INT);
    assert_int_equal(encoding_after_set(&w, "-9223372036854775808"), ENCODING_INT);
    assert_int_equal(encoding_after_set(&w, "9223372036854775808"), ENCODING_EMBSTR);
    assert_int_equal(encoding_after_set(&w, "01"), ENCODING_EMBSTR);
    assert_int_equal(encoding_after_set(&w, ""), ENCODING_EMBSTR);
    assert_int_equal(encoding_after_set(&w, "12345678901234567890123456789012345678901234"),
                     ENCODING_EMBSTR);
    assert_int_equal(encoding_after_set(&w, "123456789012345678901234567890123456789012345"),
                     ENCODING_RAW);
    world_end(&w);
    world_clear(&w);
}

#define STRING_MAX (200 * 1024)

/* Writes a part, or the whole, of the key "s" and of the plain bytes. */
static void write_somewhere(struct world *w, struct prng *prng, uint8_t *plain, size_t *size)
{
    static uint8_t part[STRING_MAX];
    struct object o;
    const uint64_t kind = prng_below(prng, 10);
    const size_t limit = kind < 5 ? 100 : kind < 9 ? 9000 : 100000;
    const size_t count = prng_below(prng, limit);
    memset(part, (int)prng_below(prng, 256), count);
    if (!object_open(w->k, 0, BYTES("s"), &o))
        object_set_string(&o, BYTES_NONE);
    if (prng_chance(prng, 1, 8)) {
        object_set_string(&o, bytes_of(part, count));
        memcpy(plain, part, count);
        *size = count;
    } else {
        const size_t offset = prng_below(prng, MIN(*size + 5000, STRING_MAX - count));
        object_write_string(&o, offset, bytes_of(part, count));
        if (count > 0 && offset > *size)
            memset(plain + *size, 0, offset - *size);
        memcpy(plain + offset, part, count);
        if (count > 0)
            *size = MAX(*size, offset + count);
    }
    object_save(&o);
    object_close(&o);
}

static void strings_written_in_parts_equal_plain_bytes(void **state)
{
    (void)state;
    static uint8_t plain[STRING_MAX];
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world w;
        struct prng prng;
        size_t size = 0;
        prng_seed(&prng, seed);
        world_init(&w, seed % 2 == 0 ? 0 : 1 << 20);
        for (int i = 0; i < 60; i++) {
            world_begin(&w, 1);
            write_somewhere(&w, &prng, plain, &size);
            world_end(&w);
            if (prng_chance(&prng, 1, 10))
                world_flush(&w);
            struct object o;
            object_open(w.k, 0, BYTES("s"), &o);
            assert_int_equal(object_string_size(&o), size);
            assert_true(bytes_equal(object_string(&o), bytes_of(plain, size)));
            const size_t from = prng_below(&prng, size + 1), count = prng_below(&prng, 10000);
            assert_true(bytes_equal(object_string_range(&o, from, count),
                                    bytes_of(plain + from, MIN(count, size - from))));
            object_close(&o);
        }
        world_clear(&w);
    }
}

/* --- names ----------------------------------------------------------------------------------- */

/* The values of Redis Cluster's specification and of its CLUSTER KEYSLOT. */
static void slots_are_those_of_redis_cluster(void **state)
{
    (void)state;
    assert_int_equal(keyspace_slot(BYTES("123456789")), 0x31c3);
    assert_int_equal(keyspace_slot(BYTES("somekey")), 11058);
    assert_int_equal(keyspace_slot(BYTES("foo{hash_tag}")), 2515);
    assert_int_equal(keyspace_slot(BYTES("{user1}.following")), keyspace_slot(BYTES("user1")));
    assert_int_equal(keyspace_slot(BYTES("foo{{bar}}zap")), keyspace_slot(BYTES("{bar")));
    assert_int_equal(keyspace_slot(BYTES("foo{bar}{zap}")), keyspace_slot(BYTES("bar")));
    assert_true(keyspace_slot(BYTES("foo{}{bar}")) != keyspace_slot(BYTES("bar")));
    assert_int_equal(keyspace_slot(BYTES("")), 0);
}

static void renaming_and_copying_carry_value_and_deadline(void **state)
{
    (void)state;
    struct world w;
    struct object o;
    world_init(&w, 1 << 20);
    world_begin(&w, 1);
    set(&w, 0, "a", "1", 5000);
    set(&w, 1, "b", "2", 7000);
    object_open(w.k, 0, BYTES("a"), &o);
    object_copy(&o, 2, BYTES("c"));
    object_rename(&o, 1, BYTES("b"));
    object_close(&o);
    world_end(&w);
    assert_value(&w, 0, "a", NULL);
    assert_value(&w, 1, "b", "1");
    assert_value(&w, 2, "c", "1");
    for (uint32_t db = 0; db < 3; db++) {
        assert_int_equal(keyspace_size(w.k, db), db == 0 ? 0 : 1);
        assert_int_equal(keyspace_expires(w.k, db), db == 0 ? 0 : 1);
    }
    object_open(w.k, 1, BYTES("b"), &o);
    assert_int_equal(o.deadline, 5000);
    object_close(&o);
    assert_int_equal(world_count_rows(&w, 'X'), 2);
    world_clear(&w);
}

/* --- databases ------------------------------------------------------------------------------- */

static void databases_are_swapped_and_flushed_by_number(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    world_begin(&w, 1);
    set(&w, 0, "a", "1", 9000);
    set(&w, 1, "b", "2", 0);
    const uint32_t first = keyspace_database_number(w.k, 0);
    keyspace_swap(w.k, 0, 1);
    assert_int_equal(keyspace_database_number(w.k, 1), first);
    assert_value(&w, 1, "a", "1");
    assert_value(&w, 0, "b", "2");
    assert_value(&w, 0, "a", NULL);
    assert_int_equal(expire_next_deadline(w.k), 9000);

    assert_int_equal(keyspace_flush(w.k, 1), 1);
    assert_int_equal(keyspace_flush(w.k, 5), 0);
    assert_true(keyspace_database_number(w.k, 1) != first);
    assert_value(&w, 1, "a", NULL);
    assert_int_equal(keyspace_size(w.k, 1), 0);
    assert_int_equal(keyspace_expires(w.k, 1), 0);
    assert_int_equal(expire_next_deadline(w.k), 0);
    set(&w, 1, "a", "new", 0);
    world_end(&w);
    while (graveyard_purge(w.k, 10) > 0)
        ;
    assert_value(&w, 1, "a", "new");
    assert_int_equal(world_count_rows(&w, 'K'), 2);
    assert_int_equal(world_count_rows(&w, 'X'), 0);
    world_clear(&w);
}

static void make_map(struct world *w, uint32_t db, struct bytes name, uint64_t count)
{
    struct object o;
    object_open(w->k, db, name, &o);
    object_create(&o, TYPE_HASH, ENCODING_HASHTABLE);
    for (uint64_t i = 0; i < count; i++)
        object_put(&o, SPACE_FIELD, bytes_of(&i, sizeof(i)), BYTES("v"));
    object_save(&o);
    object_close(&o);
}

/* Above 16384 rows by a range tombstone, which must not touch what stands beside it. */
static void large_graves_are_purged_by_ranges(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 64 << 20);
    world_begin(&w, 1);
    for (int i = 0; i < 17000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "key%d", i);
        set(&w, 3, name, "value", i % 2 == 0 ? 0 : 100000);
    }
    make_map(&w, 3, BYTES("map"), 300); /* hangs on a key that will be flushed */
    make_map(&w, 4, BYTES("0"), 200);
    make_map(&w, 4, BYTES("1"), 20000);
    make_map(&w, 4, BYTES("2"), 200);
    world_end(&w);
    world_flush(&w);
    world_begin(&w, 1);
    keyspace_flush(w.k, 3);
    del(&w, 4, "1");
    world_end(&w);
    assert_int_equal(graveyard_count(w.k), 2);
    for (int i = 0; graveyard_purge(w.k, 1024) > 0; i++)
        if (i % 5 == 0) {
            cache_turn(w.cache);
            world_flush(&w);
        }
    assert_int_equal(graveyard_count(w.k), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world_count_rows(&w, 'K'), 2);
        assert_int_equal(world_count_rows(&w, 'I'), 400);
        assert_int_equal(world_count_rows(&w, 'X'), 0);
        assert_int_equal(world_count_rows(&w, 'G'), 0);
        world_flush(&w);
        cache_reset(w.cache, w.kv);
        keyspace_reload(w.k);
    }
    world_clear(&w);
}

/* --- time ------------------------------------------------------------------------------------ */

static void a_due_key_is_absent_and_goes_with_the_next_write(void **state)
{
    (void)state;
    struct world w;
    struct buf name = {0};
    uint32_t db;
    enum expired what;
    world_init(&w, 1 << 20);
    world_begin(&w, 1000);
    set(&w, 0, "a", "1", 2000);
    set(&w, 2, "b", "2", 3000);
    set(&w, 2, "c", "3", 3001);
    world_end(&w);
    assert_int_equal(expire_next_deadline(w.k), 2000);

    world_begin(&w, 2000);
    assert_value(&w, 0, "a", NULL);
    assert_true(keyspace_take_expired(w.k, &db, &name, &what));
    assert_int_equal(what, EXPIRED_KEY);
    assert_int_equal(db, 0);
    assert_true(bytes_equal(buf_bytes(&name), BYTES("a")));
    assert_false(keyspace_take_expired(w.k, &db, &name, &what));
    world_end(&w);
    assert_int_equal(keyspace_size(w.k, 0), 0);
    assert_int_equal(expire_next_deadline(w.k), 3000);

    world_begin(&w, 3000);
    assert_int_equal(expire_due(w.k, 10), 1);
    assert_false(expire_key(w.k, keyspace_database_number(w.k, 2), BYTES("c")));
    world_end(&w);
    world_begin(&w, 1); /* time does not run backwards */
    assert_int_equal(keyspace_now(w.k), 3000);
    world_end(&w);
    world_begin(&w, 4000);
    assert_true(expire_key(w.k, keyspace_database_number(w.k, 2), BYTES("c")));
    world_end(&w);
    assert_int_equal(expire_next_deadline(w.k), 0);
    assert_int_equal(world_count_rows(&w, 'X'), 0);
    assert_int_equal(world_count_rows(&w, 'K'), 0);
    buf_clear(&name);
    world_clear(&w);
}

/* ARCHITECTURE 3.2 step 6. */
static void a_read_tells_of_keys_due_before_the_log_knows(void **state)
{
    (void)state;
    struct world w;
    struct buf names = {0};
    world_init(&w, 1 << 20);
    world_begin(&w, 1000);
    set(&w, 1, "a", "1", 2000);
    world_end(&w);

    keyspace_read_begin(w.k, 1999);
    assert_value(&w, 1, "a", "1");
    assert_false(keyspace_met_due(w.k, NULL));
    keyspace_read_end(w.k);

    keyspace_read_begin(w.k, 2000);
    assert_value(&w, 1, "a", NULL);
    assert_true(keyspace_met_due(w.k, &names));
    keyspace_read_end(w.k);
    const uint8_t want[] = {0, 0, 0, 1, 0, 0, 0, 1, 'a'};
    assert_true(bytes_equal(buf_bytes(&names), bytes_of(want, sizeof(want))));

    world_begin(&w, 2000); /* the log clock has come, the row is still there */
    world_end(&w);
    assert_int_equal(world_count_rows(&w, 'K'), 1);
    keyspace_read_begin(w.k, 2500);
    assert_value(&w, 1, "a", NULL);
    assert_false(keyspace_met_due(w.k, NULL));
    keyspace_read_end(w.k);
    buf_clear(&names);
    world_clear(&w);
}

static jmp_buf after_panic;

static void jump(void *context, const char *message)
{
    (void)context;
    (void)message;
    longjmp(after_panic, 1);
}

static void a_read_that_writes_panics(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    keyspace_read_begin(w.k, 1000);
    panic_set_hook(jump, NULL);
    volatile bool has_written = false;
    if (setjmp(after_panic) == 0) {
        cache_put(w.cache, BYTES("Sx"), BYTES("y"));
        has_written = true;
    }
    panic_set_hook(NULL, NULL);
    assert_false(has_written);
    keyspace_read_end(w.k);
    world_clear(&w);
}

/* --- savepoints ------------------------------------------------------------------------------ */

static void rolling_back_restores_rows_counters_and_digest(void **state)
{
    (void)state;
    struct world w;
    struct buf name = {0};
    uint32_t db;
    enum expired what;
    world_init(&w, 1 << 20);
    world_begin(&w, 1000);
    set(&w, 0, "a", "1", 0);
    set(&w, 0, "b", "2", 1500);
    world_end(&w);
    const uint64_t digest = keyspace_digest(w.k), used = keyspace_used_bytes(w.k);
    world_begin(&w, 2000);
    keyspace_savepoint_begin(w.k);
    set(&w, 0, "a", "changed", 9000);
    assert_value(&w, 0, "b", NULL); /* due: deleted */
    set(&w, 0, "c", "3", 0);
    keyspace_savepoint_roll_back(w.k);
    assert_false(keyspace_take_expired(w.k, &db, &name, &what));
    assert_int_equal(keyspace_digest(w.k), digest);
    assert_int_equal(keyspace_used_bytes(w.k), used);
    assert_int_equal(keyspace_size(w.k, 0), 2);
    assert_int_equal(expire_next_deadline(w.k), 1500);
    assert_value(&w, 0, "a", "1");
    assert_value(&w, 0, "c", NULL);
    world_end(&w);
    world_clear(&w);
}

/* --- walks ----------------------------------------------------------------------------------- */

#define WALK_NAMES 2000

static size_t number_of(struct bytes name)
{
    int64_t n = -1;
    assert_true(bytes_to_int64(bytes_from(name, 1), &n));
    return (size_t)n;
}

static void name_number(char name[16], size_t n)
{
    snprintf(name, 16, "n%zu", n);
}

/* SCAN's promise: what is there from the first step to the last is given, whatever comes and goes
 * between the steps; here each once, in order. The first half of the names stays. */
static void a_walk_in_steps_gives_what_stays(void **state)
{
    (void)state;
    struct world w;
    struct prng prng;
    bool met[WALK_NAMES] = {false};
    char text[16];
    prng_seed(&prng, 3);
    world_init(&w, 1 << 16);
    for (size_t n = 0; n < WALK_NAMES; n++) {
        world_begin(&w, 1);
        name_number(text, n);
        set(&w, 0, text, "v", 0);
        world_end(&w);
    }
    uint64_t from = 0;
    for (bool is_end = false; !is_end;) {
        struct key_cursor cursor;
        struct bytes name;
        uint64_t position;
        enum type type;
        keyspace_walk(w.k, &cursor, 0, from);
        for (int i = 0; i < 10 && !is_end; i++) {
            is_end = !key_cursor_next(&cursor, &name, &position, &type);
            if (is_end)
                break;
            assert_true(position >= from);
            assert_true(position == keyspace_position(w.k, name));
            assert_true(position < (uint64_t)1 << 52);
            assert_int_equal(type, TYPE_STRING);
            assert_false(met[number_of(name)]);
            met[number_of(name)] = true;
            from = position + 1;
        }
        key_cursor_close(&cursor);
        world_begin(&w, 1);
        for (int i = 0; i < 20; i++) {
            name_number(text, WALK_NAMES / 2 + prng_below(&prng, WALK_NAMES / 2));
            if (prng_chance(&prng, 1, 2))
                set(&w, 0, text, "w", 0);
            else
                del(&w, 0, text);
            name_number(text, prng_below(&prng, WALK_NAMES / 2));
            set(&w, 0, text, "changed", 0);
        }
        world_end(&w);
        if (prng_chance(&prng, 1, 10))
            world_flush(&w);
    }
    for (size_t n = 0; n < WALK_NAMES / 2; n++)
        assert_true(met[n]);
    world_clear(&w);
}

/* 200 draws per key are expected; six standard deviations of the binomial (some 85) do not happen
 * by chance. */
static void random_keys_of_a_small_database_are_even(void **state)
{
    (void)state;
    enum { KEYS = 100, DRAWS = 200 * KEYS };
    struct world w;
    struct prng prng;
    unsigned drawn[KEYS] = {0};
    char text[16];
    prng_seed(&prng, 4);
    world_init(&w, 1 << 20);
    world_begin(&w, 1);
    for (size_t n = 0; n < KEYS; n++) {
        name_number(text, n);
        set(&w, 0, text, "v", 0);
    }
    set(&w, 0, "due", "v", 2);
    world_end(&w);
    world_begin(&w, 2);
    world_end(&w);
    struct buf name = {0};
    for (int i = 0; i < DRAWS; i++) {
        buf_reset(&name);
        assert_true(keyspace_random_key(w.k, 0, &prng, &name));
        drawn[number_of(buf_bytes(&name))]++;
    }
    for (size_t n = 0; n < KEYS; n++)
        assert_in_range(drawn[n], 115, 285);
    assert_false(keyspace_random_key(w.k, 1, &prng, &name));
    buf_clear(&name);
    world_clear(&w);
}

/* Above 1024 keys one of 64 behind a random place: no key is left out, none comes far too often. */
static void random_keys_of_a_large_database_reach_all(void **state)
{
    (void)state;
    enum { KEYS = 3000, DRAWS = 60000 };
    struct world w;
    struct prng prng;
    static unsigned drawn[KEYS];
    char text[16];
    prng_seed(&prng, 4);
    world_init(&w, 1 << 20);
    world_begin(&w, 1);
    for (size_t n = 0; n < KEYS; n++) {
        name_number(text, n);
        set(&w, 0, text, "v", 0);
    }
    world_end(&w);
    struct buf name = {0};
    for (int i = 0; i < DRAWS; i++) {
        buf_reset(&name);
        assert_true(keyspace_random_key(w.k, 0, &prng, &name));
        drawn[number_of(buf_bytes(&name))]++;
    }
    for (size_t n = 0; n < KEYS; n++)
        assert_in_range(drawn[n], 1, 60); /* 20 expected */
    buf_clear(&name);
    world_clear(&w);
}

/* --- crash ----------------------------------------------------------------------------------- */

#define CRASH_NAMES 60
#define CRASH_DBS 3

struct crash_model {
    char values[CRASH_DBS][CRASH_NAMES][16]; /* "" = absent */
    uint64_t digest, index, version;
};

static void change_by_chance(struct world *w, struct prng *prng, struct crash_model *m)
{
    char text[16];
    const uint32_t db = (uint32_t)prng_below(prng, CRASH_DBS);
    const size_t n = prng_below(prng, CRASH_NAMES);
    name_number(text, n);
    switch (prng_below(prng, 40)) {
    case 0:
        keyspace_flush(w->k, db);
        memset(m->values[db], 0, sizeof(m->values[db]));
        break;
    case 1: {
        const uint32_t other = (uint32_t)prng_below(prng, CRASH_DBS);
        char kept[CRASH_NAMES][16];
        keyspace_swap(w->k, db, other);
        memcpy(kept, m->values[db], sizeof(kept));
        memcpy(m->values[db], m->values[other], sizeof(kept));
        memcpy(m->values[other], kept, sizeof(kept));
        break;
    }
    case 2 ... 9:
        del(w, db, text);
        m->values[db][n][0] = 0;
        break;
    default:
        snprintf(m->values[db][n], sizeof(m->values[db][n]), "v%u",
                 (unsigned)prng_below(prng, 100000));
        set(w, db, text, m->values[db][n], prng_below(prng, 2) * 1000000);
        break;
    }
    keyspace_next_version(w->k);
}

static void assert_is(struct world *w, const struct crash_model *m)
{
    char text[16];
    assert_int_equal(keyspace_applied(w->k).index, m->index);
    assert_int_equal(keyspace_digest(w->k), m->digest);
    for (uint32_t db = 0; db < CRASH_DBS; db++) {
        size_t there = 0;
        for (size_t n = 0; n < CRASH_NAMES; n++) {
            const char *value = m->values[db][n];
            name_number(text, n);
            assert_value(w, db, text, *value == 0 ? NULL : value);
            there += *value != 0;
        }
        assert_int_equal(keyspace_size(w->k, db), there);
    }
}

/* A crash between any two steps of a flush leaves the state of a cut: this or the one before. */
static void any_crash_leaves_the_state_of_a_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world w;
        struct prng prng;
        struct crash_model now = {.index = 0}, cut_model = now, durable = now;
        prng_seed(&prng, seed);
        world_init(&w, seed % 3 == 0 ? 0 : 1 << 16);
        struct cache_cut *cut = NULL;
        bool is_ingested = false;
        for (uint64_t left = prng_below(&prng, 600); left > 0; left--) {
            world_begin(&w, 1000);
            change_by_chance(&w, &prng, &now);
            world_end(&w);
            now.index = keyspace_applied(w.k).index;
            now.digest = keyspace_digest(w.k);
            if (prng_chance(&prng, 1, 4))
                graveyard_purge(w.k, 20);
            if (!prng_chance(&prng, 1, 12))
                continue;
            if (cut == NULL) {
                cut = cache_cut(w.cache);
                cut_model = now;
            } else if (!is_ingested) {
                world_ingest(&w, cut);
                durable = cut_model;
                is_ingested = true;
            } else {
                cache_clean(w.cache, cut);
                cut = NULL;
                is_ingested = false;
            }
        }
        assert_is(&w, &now);
        kv_mem_disk_crash(w.disk, KV_MEM_POWER_LOSS);
        if (cut != NULL)
            cache_clean(w.cache, cut); /* only to give its memory back */
        world_close(&w);
        world_open(&w, 1 << 16);
        assert_is(&w, &durable);
        world_clear(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_is_read_back_counted_and_stamped),
        cmocka_unit_test(after_a_crash_all_is_as_it_was_cut),
        cmocka_unit_test(encodings_are_those_of_redis),
        cmocka_unit_test(strings_written_in_parts_equal_plain_bytes),
        cmocka_unit_test(slots_are_those_of_redis_cluster),
        cmocka_unit_test(renaming_and_copying_carry_value_and_deadline),
        cmocka_unit_test(databases_are_swapped_and_flushed_by_number),
        cmocka_unit_test(large_graves_are_purged_by_ranges),
        cmocka_unit_test(a_due_key_is_absent_and_goes_with_the_next_write),
        cmocka_unit_test(a_read_tells_of_keys_due_before_the_log_knows),
        cmocka_unit_test(a_read_that_writes_panics),
        cmocka_unit_test(rolling_back_restores_rows_counters_and_digest),
        cmocka_unit_test(a_walk_in_steps_gives_what_stays),
        cmocka_unit_test(random_keys_of_a_small_database_are_even),
        cmocka_unit_test(random_keys_of_a_large_database_reach_all),
        cmocka_unit_test(any_crash_leaves_the_state_of_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
