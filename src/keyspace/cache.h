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
 * Keys are of at most CACHE_KEY_MAX bytes and begin with the byte of their table (ARCHITECTURE
 * §6.2). All calls are made by the data loop, but for cache_cut_next(), which the flush worker
 * calls while the data loop goes on: the rows of a cut are immutable, a change after the cut
 * makes a new version.
 *
 * A failed read of the store panics: apply cannot fail by chance (ARCHITECTURE §5 rule 5). */

#ifndef KEYSPACE_CACHE_H
#define KEYSPACE_CACHE_H

#include "base/buf.h"
#include "base/bytes.h"

struct kv;
struct group;
struct kv_row;
struct kv_range;
struct kv_iterator;
struct cache;
struct cache_cut;

#define CACHE_KEY_MAX ((size_t)1 << 30)
#define CACHE_VALUE_MAX ((size_t)1 << 30)
#define CACHE_RANGES_MAX 64

enum direction { FORWARD, BACKWARD };

/* size_bytes: aim for clean rows and bound for dirty ones (cache_is_pressed); 0 keeps nothing that
 * is clean. Borrows kv. */
struct cache *cache_new(struct kv *kv, size_t size_bytes);
void cache_free(struct cache *c);

/* Forgets everything, dirty rows too, and reads from kv from now on (a snapshot was installed). A
 * cut that runs has still to be ended, by cache_clean() or cache_cut_abandon(), which just free
 * it. */
void cache_reset(struct cache *c, struct kv *kv);
void cache_resize(struct cache *c, size_t size_bytes);

/* The row's bytes, or false when there is none. Borrowed until this row changes or until the next
 * cache_turn(), whichever is first. */
bool cache_get(struct cache *c, struct bytes key, struct bytes *value);

/* Key and value are copied. value may be borrowed from this very row. */
void cache_put(struct cache *c, struct bytes key, struct bytes value);

/* As cache_put, but returns the value's memory, not yet filled, to be written before the next
 * call. */
uint8_t *cache_put_space(struct cache *c, struct bytes key, size_t value_size);

void cache_del(struct cache *c, struct bytes key);

/* Drops all rows in [from, to), as one range tombstone; at once, whatever their number. Each
 * slows all reads a little until it was flushed, so at most CACHE_RANGES_MAX may stand
 * (cache_range_room() tells how many more). For the graveyard only; not inside a savepoint. */
void cache_del_range(struct cache *c, struct bytes from, struct bytes to);
size_t cache_range_room(const struct cache *c);

/* A walk over rows in key order within [lower, upper), dirty rows merged in, deleted ones left out.
 * Rows may be changed during the walk: the next step sees the change. Close every cursor within the
 * request that opened it. */
struct cache_cursor {
    struct cache *cache;
    struct buf lower, upper;   /* bounds, owned */
    struct bytes place;        /* the current row's key, or where to begin */
    struct buf key, value;     /* owned copies of what could change or go during the walk */
    struct kv_iterator *below; /* NULL while not needed */
    struct cache_image {       /* in its stead: rows that are in memory */
        const uint8_t *ends, *rows;
        uint32_t count, at;
    } image;
    enum direction direction;
    bool inclusive;            /* key itself may be next */
    bool is_small, has_image;
    bool below_is_set, below_is_valid;
    struct cache_walk {
        struct group *group;   /* where the walk stands in this level; NULL: at its end */
        size_t chunk, slot;
        uint64_t changes;
        size_t dirty_count;
        bool is_set;
    } levels[2];               /* of the rows changed since the cut, and of the cut's */
};

/* An empty upper means: no bound. */
void cache_cursor_open(struct cache *c, struct cache_cursor *cursor, struct bytes lower,
                       struct bytes upper, enum direction direction);
/* Said of a cursor that was just opened, with both bounds: the rows within them are few. What the
 * store has of them is kept together, for the next walk within the same bounds. */
void cache_cursor_expect_few(struct cache_cursor *cursor);
/* Continues at the first row at or behind (FORWARD) / at or before (BACKWARD) from. */
void cache_cursor_seek(struct cache_cursor *cursor, struct bytes from);
/* The next row, borrowed until the next step; false at the end. */
bool cache_cursor_next(struct cache_cursor *cursor, struct bytes *key, struct bytes *value);
void cache_cursor_close(struct cache_cursor *cursor);

/* Between begin and end all changes are remembered; roll_back undoes them and ends. Not nested. */
void cache_savepoint_begin(struct cache *c);
void cache_savepoint_end(struct cache *c);
void cache_savepoint_roll_back(struct cache *c);
/* What the rows that changed since the savepoint take, as they were and as they are: the same on
 * every node, whatever its cache holds. */
size_t cache_savepoint_bytes(const struct cache *c);

/* While set, a change of any row panics. */
void cache_set_read_only(struct cache *c, bool read_only);

/* Items ("I" version:8 ...) of this version and later ones are known not to be in the store, now
 * and until the next cut: it is not asked for them. UINT64_MAX: nothing is known. */
void cache_set_fresh_version(struct cache *c, uint64_t version);

/* End of a turn of the data loop: evicts, and does a slice of the work that a flush left. */
void cache_turn(struct cache *c);
/* Whether a slice of that work is left. */
bool cache_has_slices(const struct cache *c);

/* Called at the start of every cut, to put rows that are kept elsewhere until then. NULL: none. */
void cache_set_before_cut(struct cache *c, void (*before_cut)(void *context), void *context);

/* Freezes the dirty rows as they are now, between two entries, without a pause. One at a time. */
struct cache_cut *cache_cut(struct cache *c);
/* The rows of the cut in key order, then false. For the flush worker; the first call sorts. */
bool cache_cut_next(struct cache_cut *cut, struct kv_row *row);
/* The range tombstones of the cut, all older than its rows. Borrowed from the cut. */
const struct kv_range *cache_cut_ranges(const struct cache_cut *cut, size_t *count);
/* The cut was ingested: its rows that did not change since are clean now, or will be in the
 * course of the next turns (see frozen_bytes). Frees the cut. */
void cache_clean(struct cache *c, struct cache_cut *cut);
/* The ingest was given up: frees the cut, its rows are dirty again. */
void cache_cut_abandon(struct cache *c, struct cache_cut *cut);

/* Dirty and frozen bytes exceed half of the size: apply has to wait until a flush ends. */
bool cache_is_pressed(const struct cache *c);

struct cache_stats {
    uint64_t hits, misses, evictions;
    size_t rows, bytes, dirty_rows, dirty_bytes, frozen_bytes, size_bytes;
    size_t ranges; /* dropped by cache_del_range() and in no cut yet */
};
void cache_stats(const struct cache *c, struct cache_stats *stats);

#endif
