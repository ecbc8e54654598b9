/* cache_bench.c -- what a SET costs in the keyspace: one get and one put of a K row in the cache,
 * and the whole of it with object_open and object_save. Not part of make check.
 *
 *   make utils/bench/cache_bench && utils/bench/cache_bench [rows] */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

#define VALUE_SIZE 64
#define TURN 256 /* requests */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* the machine may be shared */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(const char *what, size_t count, double seconds)
{
    printf("%-44s %7.3f us\n", what, seconds / (double)count * 1e6);
}

static struct bytes row_key(uint8_t key[64], uint64_t n)
{
    key[0] = 'K';
    put_be32(key + 1, 0);
    put_be64(key + 5, (n * 0x9e3779b97f4a7c15u) >> 12);
    const int size = snprintf((char *)key + 13, 40, "key:%012" PRIu64, n);
    return bytes_of(key, 13 + (size_t)size);
}

static void get_and_put(struct cache *c, uint64_t n)
{
    uint8_t key[64];
    struct bytes value;
    const struct bytes k = row_key(key, n);
    cache_get(c, k, &value);
    memset(cache_put_space(c, k, VALUE_SIZE + 19), 'x', VALUE_SIZE + 19);
}

static void keys_only(size_t count, size_t rows, struct prng *p)
{
    uint8_t key[64];
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += row_key(key, prng_below(p, rows)).size + key[12];
    if (sum == 0)
        printf("never\n");
}

static void bench_cache(struct kv *kv, size_t rows)
{
    struct cache *c = cache_new(kv, (size_t)4 << 30);
    struct prng p;
    prng_seed(&p, 1);
    double start = cpu_s();
    keys_only(rows, rows, &p);
    report("(making a key)", rows, cpu_s() - start);
    start = cpu_s();
    for (size_t i = 0; i < rows; i++)
        get_and_put(c, i);
    report("get + put, new rows", rows, cpu_s() - start);
    start = cpu_s();
    for (size_t i = 0; i < rows; i++) {
        get_and_put(c, prng_below(&p, rows));
        if (i % TURN == 0)
            cache_turn(c);
    }
    report("get + put, random rows, dirty", rows, cpu_s() - start);

    start = cpu_s();
    struct cache_cut *cut = cache_cut(c);
    printf("%-44s %7.0f us\n", "cut", (cpu_s() - start) * 1e6);
    start = cpu_s();
    struct kv_row row;
    size_t count = 0;
    while (cache_cut_next(cut, &row))
        count++;
    report("sort and walk the cut (worker)", count, cpu_s() - start);
    start = cpu_s();
    for (size_t i = 0; i < rows / 4; i++)
        get_and_put(c, prng_below(&p, rows));
    report("get + put, random rows, frozen", rows / 4, cpu_s() - start);
    start = cpu_s();
    cache_clean(c, cut);
    printf("%-44s %7.0f us\n", "clean", (cpu_s() - start) * 1e6);
    double worst = 0;
    start = cpu_s();
    for (size_t i = 0; i < rows / 1024 + 8; i++) {
        const double before = cpu_s();
        cache_turn(c);
        if (cpu_s() - before > worst)
            worst = cpu_s() - before;
    }
    report("cleaning by turns, per row", rows, cpu_s() - start);
    printf("%-44s %7.0f us\n", "worst turn", worst * 1e6);
    start = cpu_s();
    for (size_t i = 0; i < rows; i++)
        get_and_put(c, prng_below(&p, rows));
    report("get + put, random rows, clean or dirty", rows, cpu_s() - start);
    struct cache_stats stats;
    cache_stats(c, &stats);
    printf("rows %zu, %zu bytes each\n", stats.rows, stats.bytes / stats.rows);
    cache_free(c);
}

static void set(struct keyspace *k, uint64_t n)
{
    char name[40], value[VALUE_SIZE];
    const int size = snprintf(name, sizeof(name), "key:%012" PRIu64, n);
    memset(value, 'x', sizeof(value));
    struct object o;
    object_open(k, 0, bytes_of(name, (size_t)size), &o);
    object_set_string(&o, bytes_of(value, sizeof(value)));
    object_save(&o);
    object_close(&o);
}

static void scan(struct keyspace *k, const char *what)
{
    struct key_cursor cursor;
    struct bytes name;
    uint64_t position, count = 0;
    enum type type;
    const double start = cpu_s();
    keyspace_walk(k, &cursor, 0, 0);
    while (key_cursor_next(&cursor, &name, &position, &type))
        count++;
    key_cursor_close(&cursor);
    report(what, count, cpu_s() - start);
}

static void bench_objects(struct kv *kv, size_t rows)
{
    const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";
    struct cache *c = cache_new(kv, (size_t)4 << 30);
    struct keyspace *k = keyspace_open(c, hash_key);
    struct prng p;
    prng_seed(&p, 1);
    keyspace_entry_begin(k, 1, 1, 1);
    double start = cpu_s();
    for (size_t i = 0; i < rows; i++)
        set(k, i);
    report("SET by objects, new", rows, cpu_s() - start);
    start = cpu_s();
    for (size_t i = 0; i < rows; i++)
        set(k, prng_below(&p, rows));
    report("SET by objects, random", rows, cpu_s() - start);
    start = cpu_s();
    for (size_t i = 0; i < rows; i++)
        set(k, i % 1000);
    report("SET by objects, 1000 hot keys", rows, cpu_s() - start);
    keyspace_entry_end(k);
    scan(k, "walk of all keys, first (sorts)");
    scan(k, "walk of all keys, again");
    keyspace_close(k);
    cache_free(c);
}

int main(int argc, char **argv)
{
    const size_t rows = argc > 1 ? (size_t)atol(argv[1]) : 1000000;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        panic("%s", e.text);
    bench_cache(kv, rows);
    bench_objects(kv, rows);
    kv_close(kv);
    kv_mem_disk_free(disk);
    return 0;
}
