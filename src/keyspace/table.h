/* table.h -- a hash table that never pauses: linear hashing (Litwin 1980), a bucket split for each
 * node that finds more than one node to two buckets. Nodes are intrusive, carry their key, and
 * never move.
 *
 *     bucket_count = 2^k + split:   buckets before split and from 2^k on are hashed by k + 1 bits,
 *     [ 0 .. split ) ( split .. 2^k ) [ 2^k .. 2^k + split )      the ones between by k bits
 *
 * The same nodes can stand in a struct sorted (sorted.h), by key. */

#ifndef KEYSPACE_TABLE_H
#define KEYSPACE_TABLE_H

#include "base/bytes.h"

struct node {
    struct node *next;         /* in its bucket */
    struct node *pending_next; /* in its sorted set, while not sorted in */
    uint32_t hash;
    uint32_t key_size;
};

struct table {
    struct node **buckets;
    size_t mask;       /* 2^k - 1 */
    size_t split;      /* the next bucket to split */
    size_t count;      /* nodes */
    size_t key_offset; /* of the key's bytes behind a node's start */
};

void table_init(struct table *t, size_t key_offset);
void table_clear(struct table *t); /* the nodes are the caller's */

/* Fast and not keyed: row keys carry a siphash of what clients choose. */
uint32_t table_hash(struct bytes key);

static inline size_t table_bucket_count(const struct table *t)
{
    return t->mask + 1 + t->split;
}

static inline size_t table_bucket(const struct table *t, uint32_t hash)
{
    const size_t bucket = hash & t->mask;
    return bucket < t->split ? hash & (2 * t->mask + 1) : bucket;
}

static inline struct bytes table_key(const struct table *t, const struct node *n)
{
    return bytes_of((const uint8_t *)n + t->key_offset, n->key_size);
}

/* The link that points at the node of key, or at the NULL where its bucket ends. Valid until the
 * next insertion. */
struct node **table_find(const struct table *t, struct bytes key, uint32_t hash);

/* Adds a node whose hash and key are set; its key must not be there. */
void table_insert(struct table *t, struct node *n);

/* Takes out the node that link points at. */
void table_remove(struct table *t, struct node **link);

#endif
