/* test_verify.c -- states that somebody else has made: what this build could not have written is
 * refused, and what is taken never breaks a CHECK later (keyspace/verify.h, machine/verify.h). */

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine_world.h"

#include "base/encode.h"
#include "base/prng.h"
#include "keyspace/graveyard.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "machine/verify.h"

#define ROWS_MAX 16384
#define ROUNDS 500

static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";

/* --- a state with something of everything ----------------------------------------------------- */

static const char *const sentences[] = {
    "SET string value", "SET number 12", "SETRANGE chunks 9000 end", "SETRANGE chunks 70000 end",
    "SET due soon PX 5000", "HSET hash a 1 b 2", "HSET timed a 1 b 2 c 3",
    "HPEXPIRE timed 9000 FIELDS 2 a b", "SADD set a b c", "SADD ints 1 2 3",
    "ZADD zset 1 a 2 b", "RPUSH list a b c a d a", "LREM list 2 a", "LINSERT list BEFORE d x",
    "XADD stream 1-1 f v", "XADD stream 2-1 f v g w", "XADD stream 3-1 h x",
    "XGROUP CREATE stream group 0", "XREADGROUP GROUP group al COUNT 2 STREAMS stream >",
    "XREADGROUP GROUP group bob COUNT 1 STREAMS stream >", "XACK stream group 2-1",
    "BLPOP nothing 0", "BLMOVE none list LEFT RIGHT 0", "SCRIPT LOAD return(1)",
    "EVAL return(2) 0", "EVAL return(redis.call('incr',KEYS[1])) 1 number",
    "ACL SETUSER al on >pw ~* +@all", "PFADD hll a b c d e f", "GEOADD geo 13.3 38.1 x",
    "SELECT 0",
};

static void many(struct world *w, const char *format, int count)
{
    for (int i = 0; i < count; i++) {
        char text[200];
        snprintf(text, sizeof(text), format, i, i * 7919 % 1000);
        run(w, text);
        arena_reset(&w->arena);
    }
}

static void grow(struct world *w)
{
    many(w, "HSET bighash f%d v%d", 200);
    many(w, "HPEXPIRE bighash 8%d000 FIELDS 1 f%d", 40);
    many(w, "SADD bigset m%d x%d", 200);
    many(w, "ZADD bigzset %d m%d", 1500);
    many(w, "RPUSH biglist e%d %d", 300);
    many(w, "RPUSH regular e%d %d", 300);
    many(w, "XADD bigstream 5-%d f v%d", 250);
    run(w, "LREM biglist 3 5");
    many(w, "LREM biglist 1 e%d %d", 1); /* a wrong arity: nothing */
    many(w, "LREM biglist 1 e1%d", 9);
    run(w, "LINSERT biglist BEFORE e150 between");
    run(w, "XGROUP CREATE bigstream g 0");
    run(w, "XGROUP CREATE bigstream h 5-100");
    run(w, "XREADGROUP GROUP g al COUNT 150 STREAMS bigstream >");
    run(w, "XREADGROUP GROUP g bob COUNT 20 STREAMS bigstream >");
    run(w, "XREADGROUP GROUP h al COUNT 20 STREAMS bigstream >");
    run(w, "XACK bigstream g 5-0 5-3");
    run(w, "XDEL bigstream 5-7 5-0");
    run(w, "HSET gone x y");
    many(w, "HSET gone f%d v%d", 200);
    run(w, "DEL gone");
    struct request library = words(w, "FUNCTION LOAD x");
    ((struct bytes *)library.args)[2] =
        BYTES("#!lua name=lib\nredis.register_function('f', function() return 1 end)");
    apply_request_of(w, &library);
    struct request piece = words(w, "xxxx the-first-piece-of-a-large-request");
    piece.kind = REQ_PART;
    uint8_t zero[4] = {0};
    ((struct bytes *)piece.args)[0] = bytes_of(zero, 4);
    struct maker maker = {0};
    maker_add(&maker, &piece);
    maker_apply(w, &maker, (struct name){9, 1, 1});
}

static void fill(struct world *w)
{
    world_init(w, 1 << 22);
    for (size_t i = 0; i < ARRAY_COUNT(sentences); i++)
        run(w, sentences[i]);
    grow(w);
    world_flush(w);
}

/* --- rows by hand ----------------------------------------------------------------------------- */

struct forged {
    struct kv_row rows[ROWS_MAX];
    size_t count, next;
    struct arena arena;
};

static void read_rows(struct kv *kv, struct forged *f)
{
    struct kv_iterator *i = kv_iterate(kv, KV_RANGE_ALL);
    f->count = 0;
    arena_init(&f->arena);
    for (bool on = kv_iterator_first(i); on; on = kv_iterator_next(i)) {
        assert_true(f->count + 1 < ROWS_MAX);
        f->rows[f->count++] = (struct kv_row){arena_copy(&f->arena, kv_iterator_key(i)),
                                              arena_copy(&f->arena, kv_iterator_value(i)), false};
    }
    kv_iterator_free(i);
}

static bool next_forged(void *context, struct kv_row *row)
{
    struct forged *f = context;
    if (f->next == f->count)
        return false;
    *row = f->rows[f->next++];
    return true;
}

static int by_key(const void *a, const void *b)
{
    return bytes_compare(((const struct kv_row *)a)->key, ((const struct kv_row *)b)->key);
}

static void sort_rows(struct forged *f)
{
    size_t kept = 0;
    qsort(f->rows, f->count, sizeof(f->rows[0]), by_key);
    for (size_t i = 0; i < f->count; i++)
        if (kept == 0 || !bytes_equal(f->rows[i].key, f->rows[kept - 1].key))
            f->rows[kept++] = f->rows[i];
    f->count = kept;
}

/* A world whose machine is not yet of these rows. */
static void put_rows(struct world *w, struct forged *f)
{
    struct error e;
    const struct kv_ingest ingest = {next_forged, f, NULL, 0};
    world_init(w, 1 << 20);
    f->next = 0;
    assert_int_equal(kv_ingest(w->kv, &ingest, &e), STATUS_OK);
}

/* --- whatever may be done with it ------------------------------------------------------------- */

static const char *const keys[] = {
    "string", "number", "chunks", "due", "hash", "timed", "set", "ints", "zset", "list", "stream",
    "hll", "geo", "bighash", "bigset", "bigzset", "biglist", "regular", "bigstream",
};
static const char *const deeds[] = {
    "GET %s", "STRLEN %s", "APPEND %s x", "GETRANGE %s 0 -1", "SETRANGE %s 8000 y", "INCR %s",
    "OBJECT ENCODING %s", "MEMORY USAGE %s", "TTL %s", "TYPE %s", "DUMP %s", "PFCOUNT %s",
    "HGETALL %s", "HSET %s a 3", "HSET %s f7 3", "HDEL %s b f9", "HPTTL %s FIELDS 2 a f3",
    "HPEXPIRE %s 70000 FIELDS 2 a f3", "HPERSIST %s FIELDS 1 b", "HRANDFIELD %s 3", "HSCAN %s 0",
    "SMEMBERS %s", "SADD %s q", "SREM %s a m5", "SRANDMEMBER %s 5", "SPOP %s", "SSCAN %s 0",
    "ZRANGE %s 0 -1 WITHSCORES", "ZRANK %s m77", "ZADD %s 3 m9", "ZADD %s 4.5 new",
    "ZREM %s a m11", "ZCOUNT %s 100 900", "ZRANGE %s 700 705", "ZREMRANGEBYRANK %s 5 40",
    "ZPOPMIN %s", "ZPOPMAX %s 30", "ZREVRANK %s m600",
    "LRANGE %s 0 -1", "LINDEX %s 120", "LINDEX %s -70", "RPUSH %s z", "LPUSH %s z", "LPOP %s",
    "LSET %s 100 w", "LINSERT %s BEFORE e160 v", "LREM %s 1 e30", "LTRIM %s 2 -3", "RPOP %s 5",
    "LINDEX %s 100", "XRANGE %s - +", "XREVRANGE %s + - COUNT 3", "XLEN %s",
    "XADD %s * f v", "XINFO STREAM %s FULL", "XINFO GROUPS %s", "XPENDING %s g",
    "XPENDING %s group - + 10", "XPENDING %s g - + 200 al", "XREADGROUP GROUP g bob STREAMS %s >",
    "XREADGROUP GROUP group al STREAMS %s 0", "XACK %s g 5-2 5-9 5-160",
    "XCLAIM %s g carl 0 5-4 5-5", "XAUTOCLAIM %s g dan 0 0", "XDEL %s 5-20 2-1",
    "XGROUP DELCONSUMER %s g al", "XGROUP DESTROY %s h", "XTRIM %s MAXLEN 90",
    "XTRIM %s MINID 5-200", "XGROUP DESTROY %s g",
    "COPY %s copy", "RENAME copy other", "SORT %s LIMIT 0 3", "EXPIRE %s 1000", "PERSIST %s",
};
static const char *const ends[] = {
    "RPUSH nothing served", "RPUSH none served", "LPUSH list y", "EVALSHA x 0", "EVAL return(1) 0",
    "EVAL return(2) 0", "EVAL return(3) 0", "SCRIPT EXISTS x", "FCALL f 0", "FUNCTION LIST",
    "FUNCTION DUMP", "FUNCTION DELETE lib", "SCRIPT FLUSH", "FUNCTION FLUSH", "ACL LIST",
    "ACL DELUSER al", "DBSIZE", "RANDOMKEY", "SCAN 0 COUNT 1000", "KEYS *", "SWAPDB 0 1",
    "SWAPDB 0 1",
};

static void wait_long(struct world *w)
{
    w->clock_ms = keyspace_applied(w->k).clock_ms + 100000;
    struct request due = words(w, "xxxx y");
    uint8_t limit[4];
    put_le32(limit, 1000);
    due.kind = REQ_EXPIRE_DUE;
    ((struct bytes *)due.args)[0] = bytes_of(limit, 4);
    ((struct bytes *)due.args)[1] = BYTES_NONE;
    apply_request_of(w, &due);
}

static void live_with(void *context)
{
    struct world *w = context;
    world_reopen(w, 1 << 20);
    w->term = keyspace_applied(w->k).term;
    w->clock_ms = keyspace_applied(w->k).clock_ms + 1;
    uint64_t boot, batch;
    machine_origin(w->m, WORLD_SELF, &boot, &batch);
    w->next_batch = batch + 1;
    for (size_t k = 0; k < ARRAY_COUNT(keys); k++)
        for (size_t d = 0; d < ARRAY_COUNT(deeds); d++) {
            char text[200];
            snprintf(text, sizeof(text), deeds[d], keys[k]);
            run(w, text);
            arena_reset(&w->arena);
        }
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        run(w, ends[i]);
    wait_long(w);
    while (graveyard_purge(w->k, 1000) > 0)
        continue;
    world_flush(w);
    run(w, "FLUSHALL");
    while (graveyard_purge(w->k, 1000) > 0)
        continue;
    world_flush(w);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_a_machine_has_made_is_taken(void **state)
{
    (void)state;
    struct world w;
    struct error e;
    fill(&w);
    if (machine_verify(w.kv, hash_key, NULL, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    live_with(&w);
    if (machine_verify(w.kv, hash_key, NULL, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    world_clear(&w);
}

struct patience {
    uint64_t bytes, most;
};

static bool read_some(void *context, uint64_t bytes)
{
    struct patience *p = context;
    p->bytes += bytes;
    return p->bytes < p->most;
}

static void it_can_be_paced_and_called_off(void **state)
{
    (void)state;
    static char value[3000];
    struct world w;
    struct error e;
    struct patience p = {.most = UINT64_MAX};
    const struct verify_pace pace = {&p, read_some};
    fill(&w);
    for (int i = 0; i < 1000; i++) {
        char command[sizeof(value) + 64];
        memset(value, 'v', sizeof(value) - 1);
        snprintf(command, sizeof(command), i % 2 == 0 ? "SET paced:%d %s" : "HSET paced %d %s", i,
                 value);
        run(&w, command);
    }
    world_flush(&w);
    if (machine_verify(w.kv, hash_key, &pace, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    assert_true(p.bytes > 1000 * sizeof(value));
    for (uint64_t most = p.bytes / 4; most < p.bytes; most += p.bytes / 4) {
        struct patience less = {.most = most};
        const struct verify_pace called_off = {&less, read_some};
        assert_int_equal(machine_verify(w.kv, hash_key, &called_off, &e), STATUS_CLOSED);
        assert_in_range(less.bytes, most, most + ((uint64_t)512 << 10));
    }
    world_clear(&w);
}

static void nothing_is_no_state(void **state)
{
    (void)state;
    struct world w;
    struct error e;
    world_init(&w, 0);
    assert_int_equal(machine_verify(w.kv, hash_key, NULL, &e), STATUS_CORRUPT);
    world_clear(&w);
}

/* By hand, what chance would not find. */
static void rows_of_impossible_form_are_refused(void **state)
{
    (void)state;
    static struct forged f;
    static const struct {
        const char *row, *value;
        size_t size;
    } cases[] = {
        {"Sapplied", "", 0},
        {"Sfeature", "\xff\xff\xff\xff", 4},
        {"Sorigin:", "short", 5},
        {"Ssetting:users", "short", 5},
        {"Sscripts", "short", 5},
        {"Wx", "not a waiter", 12},
        {"Ls", "\x07", 1},
        {"Lt", "another source", 14},
        {"Fl", "short", 5},
        {"Ff", "\0\0\0\0\0\xff\xff\xff\xff", 9},
        {"Aal", "\x09", 1},
        {"P", "", 0},
        {"G", "", 0},
        {"X", "something", 9},
        {"Zno such table", "", 0},
        {"Ssetting:databases", "many", 4},
    };
    struct world w;
    struct error e;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fill(&w);
        read_rows(w.kv, &f);
        world_clear(&w);
        const struct bytes value = bytes_of(cases[i].value, cases[i].size);
        bool is_there = false;
        for (size_t row = 0; row < f.count && !is_there; row++)
            if (bytes_has_prefix(f.rows[row].key, bytes_from_string(cases[i].row))) {
                f.rows[row].value = value;
                is_there = true;
                if (cases[i].row[0] == 'P' || cases[i].row[0] == 'G')
                    f.rows[row].key.size--;
            }
        if (!is_there)
            f.rows[f.count++] = (struct kv_row){bytes_from_string(cases[i].row), value, false};
        sort_rows(&f);
        put_rows(&w, &f);
        if (machine_verify(w.kv, hash_key, NULL, &e) != STATUS_CORRUPT)
            fail_msg("a row %s was taken that is none", cases[i].row);
        world_clear(&w);
        arena_clear(&f.arena);
    }
    fill(&w); /* another cluster's key: nothing is where it belongs */
    uint8_t other[SIPHASH_KEY_SIZE] = {1};
    assert_int_equal(machine_verify(w.kv, other, NULL, &e), STATUS_CORRUPT);
    assert_non_null(strstr(e.text, "it is not where its name belongs"));
    world_clear(&w);
}

static void a_row_that_is_missing_is_missed(void **state)
{
    (void)state;
    static struct forged f, less;
    struct world w;
    struct error e;
    size_t taken = 0;
    fill(&w);
    read_rows(w.kv, &f);
    world_clear(&w);
    for (size_t i = 0; i < f.count; i += f.rows[i].key.size > 0 ? 1 + i % 7 : 1) {
        less.count = 0;
        for (size_t row = 0; row < f.count; row++)
            if (row != i)
                less.rows[less.count++] = f.rows[row];
        put_rows(&w, &less);
        const bool is_taken = machine_verify(w.kv, hash_key, NULL, &e) == STATUS_OK;
        const char table = (char)*bytes_data(f.rows[i].key);
        if (is_taken && table != 'S' && table != 'A' && table != 'W' && table != 'G' &&
            table != 'I')
            fail_msg("a row of table %c was not missed", table);
        taken += is_taken;
        world_clear(&w);
    }
    assert_in_range(taken, 1, f.count / 4); /* system rows, users, and items of what was deleted */
    arena_clear(&f.arena);
}

static struct bytes changed_copy(struct forged *f, struct bytes b, struct prng *chance)
{
    struct buf copy = {0};
    buf_append_bytes(&copy, b);
    switch (prng_below(chance, 4)) {
    case 0:
        if (copy.size > 0)
            buf_truncate(&copy, (size_t)prng_below(chance, copy.size));
        break;
    case 1:
        buf_append_u8(&copy, (uint8_t)prng_below(chance, 256));
        break;
    default:
        if (copy.size > 0)
            buf_data(&copy)[prng_below(chance, copy.size)] ^=
                (uint8_t)(1 << prng_below(chance, 8));
    }
    const struct bytes made = arena_copy(&f->arena, buf_bytes(&copy));
    buf_clear(&copy);
    return made;
}

/* Rows with few of their kind are chosen as often as those with many. */
static size_t choose_row(const struct forged *f, struct prng *chance)
{
    static const char tables[] = "AFGIKLPSWXIKIK";
    const char table = tables[prng_below(chance, sizeof(tables) - 1)];
    size_t first = f->count, count = 0;
    for (size_t i = 0; i < f->count; i++)
        if ((char)*bytes_data(f->rows[i].key) == table) {
            first = count == 0 ? i : first;
            count++;
        }
    return count == 0 ? 0 : first + (size_t)prng_below(chance, count);
}

static void harm(struct forged *f, struct prng *chance)
{
    struct kv_row *row = &f->rows[choose_row(f, chance)];
    const struct kv_row *other = &f->rows[choose_row(f, chance)];
    switch (prng_below(chance, 8)) {
    case 0: row->key = changed_copy(f, row->key, chance); break;
    case 1: row->value = other->value; break;
    case 2: *row = f->rows[--f->count]; break;
    case 3:
        f->rows[f->count] = *row;
        f->rows[f->count++].key = changed_copy(f, row->key, chance);
        break;
    default: row->value = changed_copy(f, row->value, chance);
    }
    sort_rows(f);
}

static void what_is_taken_breaks_nothing_later(void **state)
{
    (void)state;
    static struct forged f, forged;
    struct world w;
    struct error e;
    int taken = 0;
    fill(&w);
    read_rows(w.kv, &f);
    world_clear(&w);
    const char *text = getenv("FUZZ_ROUNDS");
    const int rounds = text == NULL ? ROUNDS : atoi(text);
    const char *seed = getenv("FUZZ_SEED");
    const uint64_t first = seed == NULL ? 0 : (uint64_t)atoll(seed);
    for (int round = 0; round < rounds; round++) {
        struct prng chance;
        const uint64_t of_round = first + (uint64_t)round;
        prng_seed(&chance, of_round);
        memcpy(forged.rows, f.rows, f.count * sizeof(f.rows[0]));
        forged.count = f.count;
        arena_init(&forged.arena);
        harm(&forged, &chance);
        put_rows(&w, &forged);
        if (machine_verify(w.kv, hash_key, NULL, &e) == STATUS_OK) {
            taken++;
            if (panics(live_with, &w))
                fail_msg("FUZZ_SEED=%" PRIu64 " FUZZ_ROUNDS=1: a state was taken that breaks a"
                         " machine", of_round);
        }
        world_clear(&w);
        arena_clear(&forged.arena);
    }
    assert_true(rounds < 100 || (taken > 0 && taken < rounds / 2));
    arena_clear(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_machine_has_made_is_taken),
        cmocka_unit_test(it_can_be_paced_and_called_off),
        cmocka_unit_test(nothing_is_no_state),
        cmocka_unit_test(rows_of_impossible_form_are_refused),
        cmocka_unit_test(a_row_that_is_missing_is_missed),
        cmocka_unit_test(what_is_taken_breaks_nothing_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
