/* keyspace_world.h -- a keyspace on a disk in memory, for tests of what lives in it. */

#ifndef KEYSPACE_WORLD_H
#define KEYSPACE_WORLD_H

#include "keyspace/expire.h"
#include "keyspace/graveyard.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

struct world {
    struct kv_mem_disk *disk;
    struct kv *kv;
    struct cache *cache;
    struct keyspace *k;
    uint64_t next_index;
};

static const uint8_t world_hash_key[SIPHASH_KEY_SIZE + 1] = "sixteen bytes...";

static inline void world_open(struct world *w, size_t cache_bytes)
{
    struct error e;
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    if (kv_open(kv_mem_disk(w->disk), &options, &w->kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    w->cache = cache_new(w->kv, cache_bytes);
    w->k = keyspace_open(w->cache, world_hash_key);
    w->next_index = keyspace_applied(w->k).index + 1;
}

static inline void world_init(struct world *w, size_t cache_bytes)
{
    w->disk = kv_mem_disk_new(1);
    world_open(w, cache_bytes);
}

static inline void world_close(struct world *w)
{
    keyspace_close(w->k);
    cache_free(w->cache);
    kv_close(w->kv);
}

static inline void world_clear(struct world *w)
{
    world_close(w);
    kv_mem_disk_free(w->disk);
}

static inline bool world_next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

static inline void world_ingest(struct world *w, struct cache_cut *cut)
{
    struct error e;
    struct kv_ingest ingest = {.next = world_next_row, .context = cut};
    ingest.ranges = cache_cut_ranges(cut, &ingest.range_count);
    if (kv_ingest(w->kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
}

static inline void world_flush(struct world *w)
{
    struct cache_cut *cut = cache_cut(w->cache);
    world_ingest(w, cut);
    cache_clean(w->cache, cut);
}

static inline void world_begin(struct world *w, uint64_t clock_ms)
{
    keyspace_entry_begin(w->k, w->next_index++, 1, clock_ms);
    keyspace_request_begin(w->k, 1);
}

static inline void world_end(struct world *w)
{
    keyspace_entry_end(w->k);
    cache_turn(w->cache);
}

/* Rows of the table (first byte) that are there. */
static inline size_t world_count_rows(struct world *w, char table)
{
    const uint8_t lower[1] = {(uint8_t)table}, upper[1] = {(uint8_t)(table + 1)};
    struct cache_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    cache_cursor_open(w->cache, &cursor, bytes_of(lower, 1), bytes_of(upper, 1), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value))
        count++;
    cache_cursor_close(&cursor);
    return count;
}

#endif
