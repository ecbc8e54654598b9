/* test_keyspace.c -- the state as a whole: databases, strings, deadlines, walks, crash and reopen. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/expire.h"
#include "keyspace/graveyard.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";

/* A keyspace on a disk in memory; entries are numbered by the tests' next_index. */
struct world {
    struct kv_mem_disk *disk;
    struct kv *kv;
    struct cache *cache;
    struct keyspace *k;
    uint64_t next_index;
};

static void world_open(struct world *w, size_t cache_bytes)
{
    struct error e;
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    if (kv_open(kv_mem_disk(w->disk), &options, &w->kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    w->cache = cache_new(w->kv, cache_bytes);
    w->k = keyspace_open(w->cache, hash_key);
    w->next_index = keyspace_applied(w->k).index + 1;
}

static void world_init(struct world *w, size_t cache_bytes)
{
    w->disk = kv_mem_disk_new(1);
    world_open(w, cache_bytes);
}

static void world_close(struct world *w)
{
    keyspace_close(w->k);
    cache_free(w->cache);
    kv_close(w->kv);
}

static void world_clear(struct world *w)
{
    world_close(w);
    kv_mem_disk_free(w->disk);
}

static bool next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

static void flush(struct world *w)
{
    struct error e;
    struct cache_cut *cut = cache_cut(w->cache);
    struct kv_ingest ingest = {.next = next_row, .context = cut};
    ingest.ranges = cache_cut_ranges(cut, &ingest.range_count);
    if (kv_ingest(w->kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    cache_clean(w->cache, cut);
}

static void begin(struct world *w, uint64_t clock_ms)
{
    keyspace_entry_begin(w->k, w->next_index++, 1, clock_ms);
    keyspace_request_begin(w->k, 1);
}

static void end(struct world *w)
{
    keyspace_entry_end(w->k);
    cache_turn(w->cache);
}

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
    begin(&w, 1000);
    set(&w, 0, "name", "value", 0);
    set(&w, 3, "name", "12", 0);
    end(&w);
    assert_value(&w, 0, "name", "value");
    assert_value(&w, 1, "name", NULL);
    assert_int_equal(keyspace_size(w.k, 0), 1);
    assert_int_equal(keyspace_size(w.k, 3), 1);

    struct object o;
    object_open(w.k, 3, BYTES("name"), &o);
    assert_int_equal(o.encoding, ENCODING_INT);
    assert_int_equal(o.stamp, 1 << 12 | 1);
    object_close(&o);

    begin(&w, 1000);
    del(&w, 3, "name");
    end(&w);
    assert_value(&w, 3, "name", NULL);
    assert_int_equal(keyspace_size(w.k, 3), 0);
    world_clear(&w);
}

static void after_a_crash_all_is_as_it_was_cut(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    begin(&w, 1000);
    set(&w, 0, "a", "1", 0);
    set(&w, 0, "b", "2", 5000);
    end(&w);
    const uint64_t digest = keyspace_digest(w.k), used = keyspace_used_bytes(w.k);
    flush(&w);
    begin(&w, 2000);
    set(&w, 0, "c", "3", 0);
    del(&w, 0, "a");
    end(&w);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_is_read_back_counted_and_stamped),
        cmocka_unit_test(after_a_crash_all_is_as_it_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
