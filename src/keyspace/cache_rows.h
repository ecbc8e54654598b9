/* cache_rows.h -- inside the row cache: rows, epochs, levels. Only cache*.c include this.
 *
 *   table (hash of all rows)      level of now              level of the running cut
 *   +------------------------+    groups -> dirty rows      groups -> frozen rows
 *   | clean, dirty, frozen   |    (sorted when walked)      (sorted when walked)
 *   +------------------------+
 *
 * EPOCHS. c->epoch rises with each cut, ingest, range tombstone and savepoint. A row carries the
 * epoch in which its content was put or loaded. From that follows, without touching any row:
 *   - a dirty row is frozen (it belongs to the running cut) if its epoch <= the cut's;
 *   - a row is void (absent, whatever it holds) if a range of the same or a later epoch covers it.
 *
 * A frozen row is never written: a change puts a new row in its place in the table and leaves the
 * old one, replaced, to the cut. Nodes of dirty rows do not move; a value that outgrows its node
 * gets memory of its own.
 *
 * GROUPS split the rows of a level by the beginning of their key, so that a walk sorts only what it
 * passes: rows of one object; of 1/4096 of a database's keys; of a minute of the expiry index.
 *
 * THREADS. The flush worker reads of frozen rows: key, value, epoch, is_absent, is_outside; and its
 * own struct cache_cut. The data loop writes none of these while the cut runs (the marks that it
 * does write are bytes of their own). */

#ifndef KEYSPACE_CACHE_ROWS_H
#define KEYSPACE_CACHE_ROWS_H

#include "base/panic.h"
#include "keyspace/cache.h"
#include "keyspace/cache_row.h"
#include "keyspace/sorted.h"
#include "kv/kv.h"

struct group {
    struct node node; /* its key: what the keys of its rows begin with */
    struct sorted rows;
    uint8_t key[];
};

/* Rows that one cut takes, or has taken. */
struct level {
    struct pile dirty;
    size_t dirty_count; /* of all that were added, also when the pile shrinks again */
    struct table groups;
    struct sorted order; /* of the groups */
    struct group *last;  /* the last one added to */
};

enum range_state {
    RANGE_LIVE,     /* no cut has it yet */
    RANGE_FROZEN,   /* in the running cut */
    RANGE_SWEEPING, /* in the store; the clock's hand still has to pass the clean rows in it */
};

struct range {
    struct buf from, to;
    uint64_t epoch;
    enum range_state state;
    uint64_t lap; /* RANGE_SWEEPING: forgotten when the hand has begun this lap */
};

struct cut_row {
    uint64_t head[2]; /* the key's first bytes: most comparisons need no more */
    const struct row *row;
};

struct cut_range {
    struct bytes from, to;
    uint64_t epoch;
};

struct cache_cut {
    struct level level;
    uint64_t epoch;
    bool is_ingested; /* being cleaned, row by row */
    bool is_orphan;   /* the cache was reset meanwhile */
    struct cut_range *ranges;
    struct kv_range *kv_ranges;
    size_t range_count;
    struct range *orphan_ranges; /* is_orphan: they own the bytes of ranges */
    size_t orphan_range_count;
    size_t group_bucket; /* of the level's groups: the next to free */
    struct cut_row *rows; /* the worker's */
    size_t row_count, next;
    bool is_sorted;
};

struct cache {
    struct kv *kv;
    size_t size_bytes;
    struct table table;
    struct level level;
    struct cache_cut *cut; /* running, or being cleaned; NULL */
    uint64_t epoch;
    struct range *ranges;
    size_t range_count;
    uint64_t range_epoch;   /* the newest range's; 0: there are none */
    uint64_t ingest_epoch;  /* images of this epoch or before are stale; 0: none was ingested */
    uint64_t fresh_version; /* items of this version on are not in the store */
    uint32_t absent[1024];  /* hashes of rows that were looked for in vain */
    size_t hand;            /* the clock's: a bucket */
    uint64_t lap;
    uint64_t savepoint_epoch; /* 0: none */
    struct buf undo;
    size_t savepoint_bytes;
    struct buf loaded; /* the last value read from the store */
    bool read_only;
    void (*before_cut)(void *context);
    void *before_cut_context;
    size_t bytes, dirty_bytes, frozen_bytes;
    uint64_t hits, misses, evictions;
};

static inline bool row_is_frozen(const struct cache *c, const struct row *row)
{
    return row->is_dirty && c->cut != NULL && row_epoch(row) <= c->cut->epoch;
}

bool cache_range_voids(const struct cache *c, const struct row *row);

/* What the row holds counts: a value, or its absence when this is false or is_absent. */
static inline bool row_is_void(const struct cache *c, const struct row *row)
{
    return row_epoch(row) <= c->range_epoch && cache_range_voids(c, row);
}

/* The range, not yet in the store, that hides the store's row of key; NULL. */
const struct range *cache_range_above_store(const struct cache *c, struct bytes key);

/* --- images (cache_image.c) ------------------------------------------------------------------- */

/* What the store has within bounds, neither of them empty. False: more rows than an image takes.
 * Borrowed until the next cache_turn() or cache_clean(). */
bool cache_image_get(struct cache *c, struct kv_range bounds, struct cache_image *image);
struct bytes cache_image_key(const struct cache_image *image, uint32_t i);
struct bytes cache_image_value(const struct cache_image *image, uint32_t i);
/* The first row at or behind key; count: there is none. */
uint32_t cache_image_seek(const struct cache_image *image, struct bytes key);

/* --- where cache.c hands over to the other files ---------------------------------------------- */

/* A clean row of a key that the table does not have; its value is the caller's to write. */
struct row *row_keep(struct cache *c, struct bytes key, uint32_t hash, size_t value_size);
void row_free(struct cache *c, struct row *row);
void level_init(struct level *l);
void level_clear(struct level *l); /* the rows are the caller's */
void level_add(struct level *l, struct row *row);

/* The group of key, NULL if the level has none. */
struct group *level_group(const struct level *l, struct bytes key);
size_t group_prefix_size(struct bytes key);

/* The store cannot be read: ends the process with what to do about it. */
void cache_read_failed(const struct error *e) __attribute__((noreturn));
void cache_clean_some(struct cache *c, size_t limit);
void cache_forget_swept_ranges(struct cache *c);

#endif
