/* entry_cache.h -- the newest entries of the log, in memory: what the log writer, the peers and the
 * data loop are given. A run without gaps that ends at the log's end:
 *
 *     log     1 2 3 4 5 6 7 8 9
 *     cache         [4 5 6 7 8 9]      older ones: read by a worker
 *
 * Bounded by bytes and count, but entries that are not durable yet stay whatever the bounds say. */

#ifndef NODE_ENTRY_CACHE_H
#define NODE_ENTRY_CACHE_H

#include "node/block.h"
#include "raft/types.h"

#define ENTRY_CACHE_ENTRIES_MAX 65536 /* durable ones beyond it go: bounds the ring, not the data */
#define ENTRY_CACHE_SPARE ((size_t)2 << 20) /* bytes kept that nobody needs, as far as is known */

struct cached_entry {
    struct block *block; /* the payload; NULL = none (NOOP), or not known yet (CONFIG of our own) */
    raft_term term;
    uint8_t kind; /* enum raft_kind */
};

struct entry_cache {
    struct cached_entry *ring;
    size_t capacity; /* a power of two */
    size_t count;
    raft_index first; /* index of the oldest; first + count is the next to be put */
    size_t bytes, bytes_max;
};

/* Empty, and the next entry put is next. */
void entry_cache_init(struct entry_cache *c, size_t bytes_max, raft_index next);
void entry_cache_clear(struct entry_cache *c);
/* Forgets all; the next entry put is next, wherever the last one was. */
void entry_cache_restart(struct entry_cache *c, raft_index next);

/* The entry behind the newest one. Takes over the block's reference. */
void entry_cache_put(struct entry_cache *c, const struct cached_entry *entry);

/* The payload of an entry that was put without one. Takes over the block's reference. */
void entry_cache_set(struct entry_cache *c, raft_index index, struct block *block);

/* Forgets from and all behind it; the next entry put is from. from <= next. */
void entry_cache_truncate(struct entry_cache *c, raft_index from);

bool entry_cache_is_over(const struct entry_cache *c); /* its bounds */
/* Drops the oldest entries while the bounds are exceeded, none above durable. */
void entry_cache_trim(struct entry_cache *c, raft_index durable);
/* Drops the oldest entries up to settled, durable ones that nobody is waiting for, but for some
 * spare ones: a new leader begins to send a little below what a peer has. */
void entry_cache_retire(struct entry_cache *c, raft_index settled);

/* NULL when it is not (or no longer) here; valid until the next change. */
const struct cached_entry *entry_cache_get(const struct entry_cache *c, raft_index index);

static inline raft_index entry_cache_next(const struct entry_cache *c)
{
    return c->first + c->count;
}

static inline struct bytes cached_payload(const struct cached_entry *entry)
{
    return entry->block == NULL ? BYTES_NONE : block_bytes(entry->block);
}

#endif
