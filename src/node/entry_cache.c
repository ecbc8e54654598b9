/* entry_cache.c -- a ring of counted references. */

#include "node/entry_cache.h"

#include <stdlib.h>

#include "base/panic.h"

#define CAPACITY_START 1024
#define ENTRY_OVERHEAD 64 /* what an entry costs beside its payload */

static struct cached_entry *slot(const struct entry_cache *c, raft_index index)
{
    return &c->ring[index & (c->capacity - 1)];
}

static size_t cost(const struct cached_entry *entry)
{
    return ENTRY_OVERHEAD + (entry->block == NULL ? 0 : entry->block->size);
}

void entry_cache_init(struct entry_cache *c, size_t bytes_max, raft_index next)
{
    *c = (struct entry_cache){.capacity = CAPACITY_START, .first = next, .bytes_max = bytes_max};
    c->ring = xcalloc(c->capacity, sizeof(*c->ring));
}

void entry_cache_clear(struct entry_cache *c)
{
    entry_cache_truncate(c, c->first);
    free(c->ring);
    c->ring = NULL;
}

void entry_cache_restart(struct entry_cache *c, raft_index next)
{
    entry_cache_truncate(c, c->first);
    c->first = next;
}

static void grow(struct entry_cache *c)
{
    struct entry_cache wider = *c;
    wider.capacity = c->capacity * 2;
    wider.ring = xcalloc(wider.capacity, sizeof(*wider.ring));
    for (raft_index index = c->first; index < entry_cache_next(c); index++)
        *slot(&wider, index) = *slot(c, index);
    free(c->ring);
    *c = wider;
}

void entry_cache_put(struct entry_cache *c, const struct cached_entry *entry)
{
    if (c->count == c->capacity)
        grow(c);
    *slot(c, entry_cache_next(c)) = *entry;
    c->count++;
    c->bytes += cost(entry);
}

void entry_cache_set(struct entry_cache *c, raft_index index, struct block *block)
{
    CHECK(index >= c->first);
    CHECK(index < entry_cache_next(c));
    struct cached_entry *entry = slot(c, index);
    CHECK(entry->block == NULL);
    entry->block = block;
    c->bytes += block->size;
}

static void drop(struct entry_cache *c, raft_index index)
{
    struct cached_entry *entry = slot(c, index);
    c->bytes -= cost(entry);
    block_unref(entry->block);
    *entry = (struct cached_entry){0};
    c->count--;
}

void entry_cache_truncate(struct entry_cache *c, raft_index from)
{
    CHECK(from <= entry_cache_next(c));
    while (c->count > 0 && entry_cache_next(c) > from)
        drop(c, entry_cache_next(c) - 1);
    if (c->count == 0)
        c->first = from;
}

bool entry_cache_is_over(const struct entry_cache *c)
{
    return c->bytes > c->bytes_max || c->count > ENTRY_CACHE_ENTRIES_MAX;
}

void entry_cache_trim(struct entry_cache *c, raft_index durable)
{
    while (c->count > 0 && c->first <= durable && entry_cache_is_over(c)) {
        drop(c, c->first);
        c->first++;
    }
}

void entry_cache_retire(struct entry_cache *c, raft_index settled)
{
    while (c->count > 0 && c->first <= settled && c->bytes > ENTRY_CACHE_SPARE) {
        drop(c, c->first);
        c->first++;
    }
}

const struct cached_entry *entry_cache_get(const struct entry_cache *c, raft_index index)
{
    if (index < c->first || index >= entry_cache_next(c))
        return NULL;
    return slot(c, index);
}
