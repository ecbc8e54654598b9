/* test_cache.c -- the row cache against a plain sorted array of rows, by random operations: cuts,
 * cleans, evictions and ranges at random may never be seen. */

#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/cache.h"
#include "kv/disk.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

#define KEYS 600 /* all the keys that the random operations know */
#define SMALL_STEP 100

/* The model: a value's bytes for each key, in key order. */
struct model {
    struct buf keys[KEYS];
    struct buf values[KEYS];
    bool is_there[KEYS];
};

static int compare_bufs(const void *a, const void *b)
{
    return bytes_compare(buf_bytes(a), buf_bytes(b));
}

/* Keys of all the tables' shapes, short ones and one prefix of another among them. */
static void make_key(struct buf *key, size_t n)
{
    const uint64_t x = n / 6;
    switch (n % 6) {
    case 0:
        buf_printf(key, "S%03zu", n);
        break;
    case 1:
        buf_append_u8(key, 'K');
        buf_append_be32(key, (uint32_t)(x % 3));
        buf_append_be64(key, x % 7 << 40 | x);
        buf_printf(key, "name%zu", n);
        break;
    case 2:
    case 3:
        buf_append_u8(key, 'I');
        buf_append_be64(key, x % 9);
        buf_append_u8(key, (uint8_t)(n % 2));
        buf_append_be32(key, (uint32_t)x);
        break;
    case 4:
        buf_append_u8(key, 'X');
        buf_append_be64(key, x * 10000);
        buf_append_be32(key, (uint32_t)x);
        break;
    case 5:
        buf_append_u8(key, (uint8_t)"KIXS"[x % 4]);
        for (uint64_t i = 0; i <= x % 5; i++)
            buf_append_u8(key, (uint8_t)(x / 20 + i));
        buf_append_u8(key, (uint8_t)x);
        break;
    }
}

static void model_init(struct model *m)
{
    memset(m, 0, sizeof(*m));
    for (size_t i = 0; i < KEYS; i++)
        make_key(&m->keys[i], i);
    qsort(m->keys, KEYS, sizeof(m->keys[0]), compare_bufs);
    for (size_t i = 1; i < KEYS; i++) /* an equal key is moved aside */
        if (compare_bufs(&m->keys[i - 1], &m->keys[i]) == 0)
            buf_printf(&m->keys[i], "~%04zu", i);
    qsort(m->keys, KEYS, sizeof(m->keys[0]), compare_bufs);
}

static void model_clear(struct model *m)
{
    for (size_t i = 0; i < KEYS; i++) {
        buf_clear(&m->keys[i]);
        buf_clear(&m->values[i]);
    }
}

struct run {
    struct model model, saved;
    struct prng prng;
    struct kv *kv;
    struct cache *cache;
    struct cache_cut *cut;
    bool cut_is_ingested, in_savepoint;
    bool worker_has_cut; /* a thread is reading it */
    bool changed[KEYS]; /* in the savepoint */
};

static bool next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

static void ingest(struct run *r)
{
    struct error e;
    struct kv_ingest ingest = {.next = next_row, .context = r->cut};
    ingest.ranges = cache_cut_ranges(r->cut, &ingest.range_count);
    if (kv_ingest(r->kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    r->cut_is_ingested = true;
}

static void save(struct run *r, size_t i)
{
    if (!r->in_savepoint || r->changed[i])
        return;
    r->changed[i] = true;
    buf_reset(&r->saved.values[i]);
    buf_append_bytes(&r->saved.values[i], buf_bytes(&r->model.values[i]));
    r->saved.is_there[i] = r->model.is_there[i];
}

static void put(struct run *r, size_t i)
{
    save(r, i);
    struct buf *value = &r->model.values[i];
    const uint64_t kind = prng_below(&r->prng, 20);
    const size_t size = prng_below(&r->prng, kind == 0 ? 5000 : kind < 5 ? 300 : 20);
    buf_reset(value);
    uint8_t *to = buf_reserve(value, size);
    for (size_t n = 0; n < size; n++)
        to[n] = (uint8_t)prng_next(&r->prng);
    buf_commit(value, size);
    r->model.is_there[i] = true;
    if (prng_chance(&r->prng, 1, 2)) {
        cache_put(r->cache, buf_bytes(&r->model.keys[i]), buf_bytes(value));
    } else {
        uint8_t *space = cache_put_space(r->cache, buf_bytes(&r->model.keys[i]), size);
        if (size > 0)
            memcpy(space, buf_bytes(value).data, size);
    }
}

static void del(struct run *r, size_t i)
{
    save(r, i);
    r->model.is_there[i] = false;
    cache_del(r->cache, buf_bytes(&r->model.keys[i]));
}

/* A value made of the row's own bytes. */
static void put_from_itself(struct run *r, size_t i)
{
    struct bytes value;
    if (!cache_get(r->cache, buf_bytes(&r->model.keys[i]), &value))
        return;
    save(r, i);
    const size_t skip = prng_below(&r->prng, value.size + 1);
    cache_put(r->cache, buf_bytes(&r->model.keys[i]), bytes_from(value, skip));
    buf_consume(&r->model.values[i], MIN(skip, r->model.values[i].size));
}

static void get(struct run *r, size_t i)
{
    struct bytes value;
    const bool is_there = cache_get(r->cache, buf_bytes(&r->model.keys[i]), &value);
    assert_int_equal(is_there, r->model.is_there[i]);
    if (is_there)
        assert_true(bytes_equal(value, buf_bytes(&r->model.values[i])));
}

static void del_range(struct run *r)
{
    if (r->in_savepoint || cache_range_room(r->cache) == 0)
        return;
    const size_t from = prng_below(&r->prng, KEYS - 1);
    const size_t to = from + 1 + prng_below(&r->prng, MIN((size_t)40, KEYS - 1 - from));
    cache_del_range(r->cache, buf_bytes(&r->model.keys[from]), buf_bytes(&r->model.keys[to]));
    for (size_t i = from; i < to; i++)
        r->model.is_there[i] = false;
}

/* The first key of the model at or behind i within [0, limit), FORWARD, or before it. */
static size_t next_there(const struct run *r, size_t i, size_t lower, size_t upper,
                         enum direction direction)
{
    if (direction == FORWARD) {
        while (i < upper && !r->model.is_there[i])
            i++;
        return i < upper ? i : KEYS;
    }
    for (i++; i > lower; i--)
        if (r->model.is_there[i - 1])
            return i - 1;
    return KEYS;
}

static void change_something(struct run *r)
{
    const size_t i = prng_below(&r->prng, KEYS);
    if (prng_chance(&r->prng, 2, 3))
        put(r, i);
    else
        del(r, i);
}

static void walk(struct run *r)
{
    size_t lower = prng_below(&r->prng, KEYS), upper = prng_below(&r->prng, KEYS);
    if (lower > upper) {
        const size_t kept = lower;
        lower = upper;
        upper = kept;
    }
    const enum direction direction = prng_chance(&r->prng, 1, 2) ? FORWARD : BACKWARD;
    bool is_unbounded = prng_chance(&r->prng, 1, 4);
    const bool changes = prng_chance(&r->prng, 1, 2);
    const bool is_small = prng_chance(&r->prng, 1, 2); /* in bounds that come again */
    if (is_small) {
        is_unbounded = false;
        lower = 1 + lower / SMALL_STEP * SMALL_STEP;
        upper = MIN(lower + SMALL_STEP, KEYS - 1);
    } else if (is_unbounded) {
        upper = KEYS;
    }
    struct cache_cursor cursor;
    const struct bytes lower_key = lower == 0 ? BYTES_NONE : buf_bytes(&r->model.keys[lower]);
    cache_cursor_open(r->cache, &cursor, lower_key,
                      is_unbounded ? BYTES_NONE : buf_bytes(&r->model.keys[upper]), direction);
    if (is_small)
        cache_cursor_expect_few(&cursor);
    size_t at = direction == FORWARD ? lower : upper - 1; /* the first that may come */
    bool may_come = lower < upper;
    for (uint64_t steps = prng_below(&r->prng, 100); steps > 0; steps--) {
        if (may_come && prng_chance(&r->prng, 1, 20)) {
            at = lower + prng_below(&r->prng, upper - lower);
            cache_cursor_seek(&cursor, buf_bytes(&r->model.keys[at]));
        }
        if (changes && prng_chance(&r->prng, 1, 2))
            change_something(r);
        const size_t want = may_come ? next_there(r, at, lower, upper, direction) : KEYS;
        struct bytes key, value;
        const bool found = cache_cursor_next(&cursor, &key, &value);
        assert_int_equal(found, want != KEYS);
        if (!found)
            break;
        assert_true(bytes_equal(key, buf_bytes(&r->model.keys[want])));
        assert_true(bytes_equal(value, buf_bytes(&r->model.values[want])));
        may_come = direction == FORWARD ? want + 1 < upper : want > lower;
        at = direction == FORWARD ? want + 1 : want - 1;
    }
    cache_cursor_close(&cursor);
}

static void savepoint(struct run *r)
{
    if (!r->in_savepoint) {
        memset(r->changed, 0, sizeof(r->changed));
        cache_savepoint_begin(r->cache);
        r->in_savepoint = true;
        return;
    }
    r->in_savepoint = false;
    if (prng_chance(&r->prng, 1, 2)) {
        cache_savepoint_end(r->cache);
        return;
    }
    cache_savepoint_roll_back(r->cache);
    for (size_t i = 0; i < KEYS; i++)
        if (r->changed[i]) {
            buf_reset(&r->model.values[i]);
            buf_append_bytes(&r->model.values[i], buf_bytes(&r->saved.values[i]));
            r->model.is_there[i] = r->saved.is_there[i];
        }
}

/* One stage of a flush. */
static void flush_a_stage(struct run *r)
{
    if (r->in_savepoint || r->worker_has_cut)
        return;
    if (r->cut == NULL) {
        r->cut = cache_cut(r->cache);
        r->cut_is_ingested = false;
    } else if (!r->cut_is_ingested) {
        if (prng_chance(&r->prng, 1, 8)) {
            cache_cut_abandon(r->cache, r->cut);
            r->cut = NULL;
        } else {
            ingest(r);
        }
    } else {
        cache_clean(r->cache, r->cut);
        r->cut = NULL;
    }
}

static void do_something(struct run *r)
{
    const uint64_t what = prng_below(&r->prng, 1000);
    const size_t i = prng_below(&r->prng, KEYS);
    if (what < 300)
        put(r, i);
    else if (what < 400)
        del(r, i);
    else if (what < 430)
        put_from_itself(r, i);
    else if (what < 900)
        get(r, i);
    else if (what < 930)
        walk(r);
    else if (what < 937)
        del_range(r);
    else if (what < 945)
        savepoint(r);
    else if (what < 960)
        flush_a_stage(r);
    else if (!r->in_savepoint)
        cache_turn(r->cache);
}

static void finish_cut(struct run *r)
{
    if (r->in_savepoint)
        savepoint(r);
    while (r->cut != NULL)
        flush_a_stage(r);
}

static void compare_with_store(struct run *r)
{
    finish_cut(r);
    r->cut = cache_cut(r->cache);
    ingest(r);
    cache_clean(r->cache, r->cut);
    r->cut = NULL;
    struct buf value = {0};
    for (size_t i = 0; i < KEYS; i++) {
        struct error e;
        const enum status status = kv_get(r->kv, buf_bytes(&r->model.keys[i]), &value, &e);
        assert_int_equal(status, r->model.is_there[i] ? STATUS_OK : STATUS_NOT_FOUND);
        if (status == STATUS_OK)
            assert_true(bytes_equal(buf_bytes(&value), buf_bytes(&r->model.values[i])));
    }
    buf_clear(&value);
}

static void run_on(struct disk *disk, const char *path, uint64_t seed, size_t operations)
{
    static const size_t sizes[] = {0, 2000, 30000, 1 << 24};
    struct run *r = xcalloc(1, sizeof(*r));
    struct error e;
    const struct kv_options options = {.path = path, .create_if_missing = true};
    if (kv_open(disk, &options, &r->kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    model_init(&r->model);
    prng_seed(&r->prng, seed);
    r->cache = cache_new(r->kv, sizes[seed % 4]);
    for (size_t n = 0; n < operations; n++) {
        do_something(r);
        if (prng_chance(&r->prng, 1, 3000)) {
            compare_with_store(r);
            cache_reset(r->cache, r->kv);
            cache_resize(r->cache, sizes[prng_below(&r->prng, 4)]);
        }
    }
    compare_with_store(r);
    cache_free(r->cache);
    kv_close(r->kv);
    model_clear(&r->model);
    model_clear(&r->saved);
    free(r);
}

static void equals_the_model_whatever_is_flushed_and_evicted(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct kv_mem_disk *disk = kv_mem_disk_new(seed);
        run_on(kv_mem_disk(disk), "state", seed, 6000);
        kv_mem_disk_free(disk);
    }
}

static void equals_the_model_on_rocksdb(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* RocksDB is not built for it: its own threads look like races */
#endif
    char dir[] = "/tmp/test_cache.XXXXXX", path[64];
    struct error e;
    assert_non_null(mkdtemp(dir));
    for (uint64_t seed = 0; seed < 4; seed++) {
        snprintf(path, sizeof(path), "%s/%u", dir, (unsigned)seed);
        run_on(disk_real(), path, seed, 3000);
    }
    if (disk_remove(disk_real(), dir, &e) != STATUS_OK)
        fail_msg("%s", e.text);
}

/* --- the worker beside the data loop ---------------------------------------------------------- */

/* What the worker got, copied while the data loop went on. */
struct harvest {
    struct cache_cut *cut;
    size_t count;
    struct buf keys[KEYS], values[KEYS];
    bool deleted[KEYS];
};

static void *harvest(void *context)
{
    struct harvest *h = context;
    struct kv_row row;
    while (cache_cut_next(h->cut, &row)) {
        buf_append_bytes(&h->keys[h->count], row.key);
        buf_append_bytes(&h->values[h->count], row.value);
        h->deleted[h->count++] = row.deleted;
        sched_yield();
    }
    return NULL;
}

struct harvest_reader {
    const struct harvest *h;
    size_t next;
};

static bool next_harvested(void *context, struct kv_row *row)
{
    struct harvest_reader *reader = context;
    const size_t i = reader->next++;
    if (i >= reader->h->count)
        return false;
    *row = (struct kv_row){buf_bytes(&reader->h->keys[i]), buf_bytes(&reader->h->values[i]),
                           reader->h->deleted[i]};
    return true;
}

/* The harvest is the model as it was at the cut, by rising keys. */
static void check_harvest(struct run *r, const struct harvest *h, const struct model *at_cut)
{
    size_t i = 0;
    for (size_t n = 0; n < h->count; n++) {
        while (i < KEYS && compare_bufs(&r->model.keys[i], &h->keys[n]) < 0)
            i++;
        assert_true(i < KEYS);
        assert_int_equal(compare_bufs(&r->model.keys[i], &h->keys[n]), 0);
        assert_int_equal(!h->deleted[n], at_cut->is_there[i]);
        if (!h->deleted[n])
            assert_int_equal(compare_bufs(&at_cut->values[i], &h->values[n]), 0);
        i++;
    }
}

static void one_cut_beside_changes(struct run *r)
{
    struct harvest *h = xcalloc(1, sizeof(*h));
    struct model *at_cut = xcalloc(1, sizeof(*at_cut));
    for (int n = 0; n < 500; n++)
        do_something(r);
    finish_cut(r);
    for (size_t i = 0; i < KEYS; i++) {
        buf_append_bytes(&at_cut->values[i], buf_bytes(&r->model.values[i]));
        at_cut->is_there[i] = r->model.is_there[i];
    }
    h->cut = r->cut = cache_cut(r->cache);
    r->cut_is_ingested = false;
    r->worker_has_cut = true;
    pthread_t worker;
    assert_int_equal(pthread_create(&worker, NULL, harvest, h), 0);
    for (int n = 0; n < 500; n++) {
        do_something(r);
        sched_yield();
    }
    assert_int_equal(pthread_join(worker, NULL), 0);
    r->worker_has_cut = false;
    check_harvest(r, h, at_cut);
    struct error e;
    struct harvest_reader reader = {.h = h};
    struct kv_ingest all = {.next = next_harvested, .context = &reader};
    all.ranges = cache_cut_ranges(r->cut, &all.range_count);
    if (kv_ingest(r->kv, &all, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    r->cut_is_ingested = true;
    finish_cut(r);
    for (size_t i = 0; i < KEYS; i++) {
        buf_clear(&h->keys[i]);
        buf_clear(&h->values[i]);
    }
    model_clear(at_cut);
    free(at_cut);
    free(h);
}

/* Meant for TSan: the worker may touch nothing that the data loop changes. */
static void a_cut_is_read_while_all_changes(void **state)
{
    (void)state;
    struct run *r = xcalloc(1, sizeof(*r));
    struct error e;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    if (kv_open(kv_mem_disk(disk), &options, &r->kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    model_init(&r->model);
    prng_seed(&r->prng, 11);
    r->cache = cache_new(r->kv, 30000);
    for (int round = 0; round < 20; round++)
        one_cut_beside_changes(r);
    compare_with_store(r);
    cache_free(r->cache);
    kv_close(r->kv);
    kv_mem_disk_free(disk);
    model_clear(&r->model);
    model_clear(&r->saved);
    free(r);
}

/* A snapshot is installed while a flush runs: the cut is read to its end, then just freed. */
static void a_reset_leaves_a_running_cut_alone(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct kv_mem_disk *disk = kv_mem_disk_new(1);
        const struct kv_options options = {.path = "state", .create_if_missing = true};
        struct kv *kv;
        struct error e;
        if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
            fail_msg("%s", e.text);
        struct cache *c = cache_new(kv, 1 << 20);
        cache_put(c, BYTES("Ka"), BYTES("1"));
        cache_put(c, BYTES("Kb"), BYTES("2"));
        cache_del_range(c, BYTES("Kc"), BYTES("Kd"));
        struct cache_cut *cut = cache_cut(c);
        cache_put(c, BYTES("Ka"), BYTES("3"));
        cache_reset(c, kv);
        struct bytes value;
        assert_false(cache_get(c, BYTES("Ka"), &value));
        struct kv_row row;
        assert_true(cache_cut_next(cut, &row));
        assert_true(bytes_equal(row.value, BYTES("1")));
        assert_true(cache_cut_next(cut, &row));
        assert_false(cache_cut_next(cut, &row));
        size_t count;
        assert_true(bytes_equal(cache_cut_ranges(cut, &count)->to, BYTES("Kd")));
        if (how == 0)
            cache_clean(c, cut);
        else
            cache_cut_abandon(c, cut);
        cache_put(c, BYTES("Kb"), BYTES("4"));
        cache_clean(c, cache_cut(c));
        cache_turn(c);
        struct cache_stats stats;
        cache_stats(c, &stats);
        assert_int_equal(stats.dirty_bytes + stats.frozen_bytes, 0);
        cache_free(c);
        kv_close(kv);
        kv_mem_disk_free(disk);
    }
}

/* The memory of a large object that was deleted comes back without anybody's asking. */
static void dropped_rows_leave_in_the_slices_after_a_flush(void **state)
{
    (void)state;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct cache *c = cache_new(kv, 1 << 24);
    char key[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "Kc%05d", i);
        cache_put(c, bytes_from_string(key), BYTES("1"));
    }
    cache_put(c, BYTES("Kd"), BYTES("2"));
    assert_false(cache_has_slices(c));
    cache_del_range(c, BYTES("Kc"), BYTES("Kd"));
    struct cache_stats stats;
    cache_stats(c, &stats);
    assert_int_equal(stats.ranges, 1);
    cache_clean(c, cache_cut(c));
    int turns = 0;
    for (; cache_has_slices(c); turns++)
        cache_turn(c);
    assert_in_range(turns, 2, 2000);
    cache_stats(c, &stats);
    assert_int_equal(stats.rows, 1);
    assert_int_equal(stats.ranges, 0);
    cache_free(c);
    kv_close(kv);
    kv_mem_disk_free(disk);
}

/* The bound and the aim of cache_new(): rows that are clean leave, dirty ones press. */
static void clean_rows_leave_and_dirty_ones_press(void **state)
{
    (void)state;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct cache *c = cache_new(kv, 100000);
    char key[16];
    int rows = 0;
    for (; !cache_is_pressed(c); rows++) {
        snprintf(key, sizeof(key), "S%d", rows);
        cache_put(c, bytes_from_string(key), BYTES("value"));
        cache_turn(c);
    }
    struct cache_stats stats;
    cache_stats(c, &stats);
    assert_true(stats.dirty_bytes > 50000);
    assert_int_equal(stats.rows, rows);
    struct cache_cut *cut = cache_cut(c);
    assert_true(cache_is_pressed(c)); /* until it is ingested */
    struct kv_ingest ingest = {.next = next_row, .context = cut};
    if (kv_ingest(kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    cache_clean(c, cut);
    assert_false(cache_is_pressed(c));
    struct bytes value;
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "none%d", i);
        for (int times = 0; times < 2; times++)
            assert_false(cache_get(c, bytes_from_string(key), &value));
        cache_turn(c);
    }
    cache_stats(c, &stats);
    assert_true(stats.bytes <= 113000);
    assert_true(stats.evictions > 0);
    assert_true(cache_get(c, BYTES("S0"), &value));
    assert_true(bytes_equal(value, BYTES("value")));
    cache_resize(c, 0);
    cache_turn(c);
    cache_stats(c, &stats);
    assert_int_equal(stats.rows, 0);
    cache_free(c);
    kv_close(kv);
    kv_mem_disk_free(disk);
}

/* --- small walks ------------------------------------------------------------------------------ */

static void flush(struct cache *c, struct kv *kv)
{
    struct error e;
    struct cache_cut *cut = cache_cut(c);
    const struct kv_ingest ingest = {.next = next_row, .context = cut};
    if (kv_ingest(kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    cache_clean(c, cut);
}

/* Rows of a small walk, and how often the cache had to ask the store for them. */
static size_t walk_small(struct cache *c, size_t *asked)
{
    struct cache_stats before, after;
    struct cache_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    cache_stats(c, &before);
    cache_cursor_open(c, &cursor, BYTES("Ia"), BYTES("Ib"), FORWARD);
    cache_cursor_expect_few(&cursor);
    while (cache_cursor_next(&cursor, &key, &value))
        count++;
    cache_cursor_close(&cursor);
    cache_stats(c, &after);
    *asked = (size_t)(after.misses - before.misses);
    return count;
}

static void put_small(struct cache *c, int from, int to)
{
    char key[16];
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof(key), "Ia%04d", i);
        cache_put(c, bytes_from_string(key), BYTES("value"));
    }
}

/* More rows than expected are walked all the same, and looked for in vain but once. */
static void a_small_walk_asks_the_store_once_after_each_flush(void **state)
{
    (void)state;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    size_t asked;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct cache *c = cache_new(kv, 10000000);
    int rows = 0;
    for (int more = 100; more <= 3000; more *= 30) {
        put_small(c, rows, rows + more);
        rows += more;
        flush(c, kv);
        assert_int_equal(walk_small(c, &asked), rows);
        assert_int_equal(asked, 1);
        put_small(c, rows, rows + 1);
        cache_del(c, BYTES("Ia0001"));
        assert_int_equal(walk_small(c, &asked), rows);
        assert_int_equal(asked, 0);
        put_small(c, 1, 2);
        rows++;
    }
    cache_free(c);
    kv_close(kv);
    kv_mem_disk_free(disk);
}

/* Who looks for a row that is not there mostly makes it next: one look leaves nothing behind. */
static void an_absent_row_is_kept_when_it_is_asked_for_again(void **state)
{
    (void)state;
    struct kv_mem_disk *disk = kv_mem_disk_new(1);
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct kv *kv;
    struct error e;
    struct bytes value;
    struct cache_stats stats;
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct cache *c = cache_new(kv, 10000000);
    static const struct { size_t rows, misses; } want[] = {{0, 1}, {1, 2}, {1, 2}, {1, 2}};
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_false(cache_get(c, BYTES("Snone"), &value));
        cache_stats(c, &stats);
        assert_int_equal(stats.rows, want[i].rows);
        assert_int_equal(stats.misses, want[i].misses);
    }
    cache_put(c, BYTES("Snone"), BYTES("here"));
    assert_true(cache_get(c, BYTES("Snone"), &value));
    assert_true(bytes_equal(value, BYTES("here")));
    cache_free(c);
    kv_close(kv);
    kv_mem_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_model_whatever_is_flushed_and_evicted),
        cmocka_unit_test(equals_the_model_on_rocksdb),
        cmocka_unit_test(a_cut_is_read_while_all_changes),
        cmocka_unit_test(a_reset_leaves_a_running_cut_alone),
        cmocka_unit_test(dropped_rows_leave_in_the_slices_after_a_flush),
        cmocka_unit_test(clean_rows_leave_and_dirty_ones_press),
        cmocka_unit_test(an_absent_row_is_kept_when_it_is_asked_for_again),
        cmocka_unit_test(a_small_walk_asks_the_store_once_after_each_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
