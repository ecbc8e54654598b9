/* fence_bench.c -- what fences cost a change of a large sorted set, and what they save: members put
 * at random, the part of it that the fences take, and ranks found by them and by walks. Not part of
 * make check.
 *
 *   make utils/bench/fence_bench && utils/bench/fence_bench [members] */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/object_rows.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

#define MEASURED 100000
#define ASKED 2000
#define TURN 256 /* changes */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* the machine may be shared */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double report(const char *what, size_t count, double seconds)
{
    const double each = seconds / (double)count * 1e6;
    printf("%-52s %9.3f us\n", what, each);
    return each;
}

/* (score, member), the subkey of SPACE_SCORE; scores are even, but for those asked for. */
static struct bytes subkey_of(uint8_t to[64], uint64_t score, uint64_t n)
{
    put_be64(to, score_to_order((double)score));
    const int size = snprintf((char *)to + 8, 40, "member:%" PRIu64, n);
    return bytes_of(to, 8 + (size_t)size);
}

static void put(struct object *o, uint64_t n, struct prng *p)
{
    uint8_t text[64];
    const struct bytes subkey = subkey_of(text, prng_below(p, 1u << 30), n);
    object_put(o, SPACE_MEMBER, bytes_from(subkey, 8), bytes_of(text, 8));
}

/* As many members as there are commands, each opening and saving the object as ZADD does. */
static void put_many(struct keyspace *k, struct cache *c, uint64_t from, uint64_t count)
{
    struct prng p;
    prng_seed(&p, from);
    for (uint64_t n = from; n < from + count; n++) {
        struct object o;
        if (!object_open(k, 0, BYTES("z"), &o))
            object_create(&o, TYPE_ZSET, ENCODING_SKIPLIST);
        put(&o, n, &p);
        object_save(&o);
        object_close(&o);
        if (n % TURN == 0)
            cache_turn(c);
    }
}

/* Counts members that are not there, and takes them back. */
static double fence_many(struct keyspace *k, struct cache *c)
{
    struct object o;
    struct prng p;
    prng_seed(&p, 7);
    object_open(k, 0, BYTES("z"), &o);
    const double start = cpu_s();
    for (uint64_t n = 0; n < MEASURED / 2; n++) {
        uint8_t text[64];
        const struct bytes subkey = subkey_of(text, prng_below(&p, 1u << 30), n);
        fences_put(&o, subkey);
        fences_del(&o, subkey);
        if (n % TURN == 0)
            cache_turn(c);
    }
    const double seconds = cpu_s() - start;
    object_save(&o);
    object_close(&o);
    return seconds;
}

static void ask(struct keyspace *k)
{
    struct object o;
    struct prng p;
    uint8_t text[64];
    struct object_cursor cursor;
    struct bytes subkey, nothing;
    uint64_t sum = 0;
    prng_seed(&p, 8);
    object_open(k, 0, BYTES("z"), &o);
    object_rank(&o, SPACE_SCORE, BYTES("x")); /* sorts what is dirty */
    double start = cpu_s();
    for (int i = 0; i < ASKED; i++)
        sum += object_rank(&o, SPACE_SCORE, subkey_of(text, prng_below(&p, 1u << 30), 0));
    const double rank = report("rank", ASKED, cpu_s() - start);
    start = cpu_s();
    for (int i = 0; i < ASKED; i++) {
        object_seek_index(&o, &cursor, SPACE_SCORE, prng_below(&p, o.count), FORWARD);
        sum += object_next(&cursor, &subkey, &nothing);
        object_cursor_close(&cursor);
    }
    report("element by index", ASKED, cpu_s() - start);
    start = cpu_s();
    object_seek(&o, &cursor, SPACE_SCORE, BYTES_NONE, FORWARD);
    for (uint64_t i = 0; i < o.count / 2; i++)
        sum += object_next(&cursor, &subkey, &nothing);
    object_cursor_close(&cursor);
    const double walk = report("half of a walk, what a rank was", 1, cpu_s() - start);
    printf("a rank is 1/%.0f of that%s\n", walk / rank, sum == 0 ? " never" : "");
    object_close(&o);
}

static bool next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

static void flush(struct cache *c, struct kv *kv)
{
    struct error e;
    struct cache_cut *cut = cache_cut(c);
    const struct kv_ingest ingest = {.next = next_row, .context = cut};
    if (kv_ingest(kv, &ingest, &e) != STATUS_OK)
        panic("%s", e.text);
    cache_clean(c, cut);
}

static void bench(struct kv *kv, uint64_t members)
{
    const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";
    struct cache *c = cache_new(kv, (size_t)8 << 30);
    struct keyspace *k = keyspace_open(c, hash_key);
    keyspace_entry_begin(k, 1, 1, 1);
    keyspace_request_begin(k, 1);
    put_many(k, c, 0, members);
    keyspace_entry_end(k);
    flush(c, kv);
    keyspace_entry_begin(k, 2, 1, 1);
    keyspace_request_begin(k, 1);
    const double start = cpu_s();
    put_many(k, c, members, MEASURED);
    const double all = report("a new member: open, put, save", MEASURED, cpu_s() - start);
    const double part = report("of it the fences, without splits", MEASURED, fence_many(k, c));
    printf("with fences it takes %.2f times as long\n", all / (all - part));
    ask(k);
    keyspace_entry_end(k);
    keyspace_close(k);
    cache_free(c);
}

int main(int argc, char **argv)
{
    const uint64_t members = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        panic("%s", e.text);
    bench(kv, members);
    kv_close(kv);
    kv_mem_disk_free(disk);
    return 0;
}
