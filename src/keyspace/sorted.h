/* sorted.h -- a set of nodes in the order of their keys, which costs nothing until it is walked.
 *
 *     add:   pending -> n -> n -> n             a list, O(1)
 *     walk:  sort the list, insert each into the chunks:
 *
 *            chunks  [ 3 5 8 ] [ 12 13 ] [ 20 27 ]        up to SORTED_CHUNK pointers each
 *
 * Nodes are never taken out: a set is filled, walked, and dropped as a whole. */

#ifndef KEYSPACE_SORTED_H
#define KEYSPACE_SORTED_H

#include "keyspace/table.h"

#define SORTED_CHUNK 256

struct sorted_chunk {
    uint32_t count, capacity; /* the only chunk of a small set is small */
    struct node *nodes[];
};

struct sorted {
    struct node *pending;
    struct sorted_chunk **chunks;
    size_t chunk_count, chunk_capacity;
    uint64_t changes; /* counts insertions into the chunks: positions of before are stale */
};

/* Where a walk stands: at chunks[chunk]->nodes[slot]. */
struct sorted_position {
    size_t chunk, slot;
};

void sorted_clear(struct sorted *s); /* the nodes are the caller's */

static inline void sorted_add(struct sorted *s, struct node *n)
{
    n->pending_next = s->pending;
    s->pending = n;
}

/* Sorts in what was added. Keys differ, and lie key_offset behind the nodes' starts. */
void sorted_settle(struct sorted *s, size_t key_offset);

/* The first node >= key; may be the end. s is settled. */
struct sorted_position sorted_seek(const struct sorted *s, struct bytes key, size_t key_offset);

/* The node at p, NULL at the end. */
static inline struct node *sorted_at(const struct sorted *s, struct sorted_position p)
{
    return p.chunk < s->chunk_count ? s->chunks[p.chunk]->nodes[p.slot] : NULL;
}

static inline struct sorted_position sorted_next(const struct sorted *s, struct sorted_position p)
{
    if (++p.slot < s->chunks[p.chunk]->count)
        return p;
    return (struct sorted_position){p.chunk + 1, 0};
}

/* False at the first; p may be the end. */
static inline bool sorted_step_back(const struct sorted *s, struct sorted_position *p)
{
    if (p->slot > 0) {
        p->slot--;
        return true;
    }
    if (p->chunk == 0)
        return false;
    p->chunk--;
    p->slot = s->chunks[p->chunk]->count - 1;
    return true;
}

#endif
