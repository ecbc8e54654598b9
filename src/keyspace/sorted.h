/* sorted.h -- a set of nodes in the order of their keys, which costs a pointer until it is walked.
 *
 *     add:   pending [ n n n ] -> [ n n n n ]   a pile, O(1)
 *     walk:  sort the pile, insert each into the chunks:
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

/* Pointers to nodes, the last one added on top. */
struct pile_part {
    struct pile_part *below;
    size_t capacity;
    struct node *nodes[];
};

struct pile {
    struct pile_part *top;
    uint32_t count, capacity; /* of the top, which is not empty; those below are full */
};

static inline size_t pile_part_count(const struct pile *p, const struct pile_part *part)
{
    return part == p->top ? p->count : part->capacity;
}

void pile_add(struct pile *p, struct node *n);
struct node *pile_take(struct pile *p); /* NULL: it is empty */
void pile_clear(struct pile *p);        /* the nodes are the caller's */

struct sorted {
    struct pile pending;
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
    pile_add(&s->pending, n);
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
