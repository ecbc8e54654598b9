/* cache.h -- the one door to the rows of the state store: row key -> bytes, absence included.
 *
 *        get / put / del / cursor               (data loop)
 *                   |
 *     +-------------v--------------+   cut    +---------------------+  ingest   +---------+
 *     | cache: clean | dirty rows  | -------> | frozen rows of a cut| --------> | kv      |
 *     +-------------^--------------+          +---------------------+ (worker)  +----+----+
 *                   +------------------- miss: one point read -----------------------+
 *
 * What was put is seen at once, by gets and by cursors, and stays in memory until a flush has
 * ingested it (node/flush.c). Clean rows are evicted by clock, dirty and frozen ones never.
 *
 * All calls are made by the data loop, but for cache_cut_next(), which the flush worker calls while
 * the data loop goes on: the rows of a cut are immutable, a change after the cut makes a new version.
 *
 * A failed read of the store panics: apply cannot fail by chance (ARCHITECTURE §5 rule 5). */

#ifndef KEYSPACE_CACHE_H
#define KEYSPACE_CACHE_H

#include "base/buf.h"
#include "base/bytes.h"

struct kv;
struct kv_row;
struct kv_iterator;
struct cache;
struct cache_cut;

enum direction { FORWARD, BACKWARD };

/* size_bytes: aim for clean rows and bound for dirty ones (cache_is_pressed); 0 keeps nothing that
 * is clean. Borrows kv. */
struct cache *cache_new(struct kv *kv, size_t size_bytes);
void cache_free(struct cache *c);

/* Forgets everything, dirty rows too, and reads from kv from now on (a snapshot was installed). */
void cache_reset(struct cache *c, struct kv *kv);
void cache_resize(struct cache *c, size_t size_bytes);

/* The row's bytes, or false when there is none. Borrowed until this row changes or until the next
 * cache_turn(), whichever is first. */
bool cache_get(struct cache *c, struct bytes key, struct bytes *value);

/* Key and value are copied. value may be borrowed from this very row. */
void cache_put(struct cache *c, struct bytes key, struct bytes value);

/* As cache_put, but returns the value's memory, not yet filled, to be written before the next call. */
uint8_t *cache_put_space(struct cache *c, struct bytes key, size_t value_size);

void cache_del(struct cache *c, struct bytes key);

/* Drops all rows in [from, to), as one range tombstone. For the graveyard only. */
void cache_del_range(struct cache *c, struct bytes from, struct bytes to);

/* A walk over rows in key order within [lower, upper), dirty rows merged in, deleted ones left out.
 * Rows may be changed during the walk: the next step sees the change. Close every cursor within the
 * request that opened it. */
struct cache_cursor {
    struct cache *cache;
    struct buf lower, upper;   /* bounds, owned */
    struct buf key, value;     /* the current row, owned copies */
    struct kv_iterator *below; /* NULL while not needed */
    void *range;               /* the dirty range walked beside it */
    enum direction direction;
    bool started;
};

/* An empty upper means: no bound. */
void cache_cursor_open(struct cache *c, struct cache_cursor *cursor, struct bytes lower,
                       struct bytes upper, enum direction direction);
/* Continues at the first row at or behind (FORWARD) / at or before (BACKWARD) from. */
void cache_cursor_seek(struct cache_cursor *cursor, struct bytes from);
/* The next row, borrowed until the next step; false at the end. */
bool cache_cursor_next(struct cache_cursor *cursor, struct bytes *key, struct bytes *value);
void cache_cursor_close(struct cache_cursor *cursor);

/* Between begin and end all changes are remembered; roll_back undoes them and ends. Not nested. */
void cache_savepoint_begin(struct cache *c);
void cache_savepoint_end(struct cache *c);
void cache_savepoint_roll_back(struct cache *c);

/* End of a turn of the data loop: evicts, gives replaced values back. */
void cache_turn(struct cache *c);

/* Freezes the dirty rows as they are now, between two entries; costs no pause. One cut at a time. */
struct cache_cut *cache_cut(struct cache *c);
/* The rows of the cut in key order, then false. Called by the flush worker; the first call sorts. */
bool cache_cut_next(struct cache_cut *cut, struct kv_row *row);
/* The range tombstones of the cut (all older than its rows): count, and arrays of their bounds. */
size_t cache_cut_ranges(const struct cache_cut *cut, const struct bytes **from,
                        const struct bytes **to);
/* The cut was ingested: its rows that did not change since are clean now. Frees the cut. */
void cache_clean(struct cache *c, struct cache_cut *cut);
/* The ingest was given up: frees the cut, its rows are dirty again. */
void cache_cut_abandon(struct cache *c, struct cache_cut *cut);

/* Dirty and frozen bytes exceed half of the size: apply has to wait until a flush ends. */
bool cache_is_pressed(const struct cache *c);

struct cache_stats {
    uint64_t hits, misses, evictions;
    size_t rows, bytes, dirty_rows, dirty_bytes, frozen_bytes, size_bytes;
};
void cache_stats(const struct cache *c, struct cache_stats *stats);

#endif
