/* table.h -- a hash table that never pauses and takes little: linear hashing (Litwin 1980), with
 * seven items to a bucket of one cache line. Items never move, and begin with a struct node; they
 * carry their key, of which the table keeps 8 bits of the hash.
 *
 *     bucket_count = 2^k + split:   buckets before split and from 2^k on are hashed by k + 1 bits,
 *     [ 0 .. split ) ( split .. 2^k ) [ 2^k .. 2^k + split )      the ones between by k bits
 *
 *     bucket   tag tag tag tag tag tag tag  0 | item item item item item item item
 *     full     tag tag tag tag tag tag  -   1 | item item item item item item  *-> another bucket
 *
 * A look-up is one line of the bucket and one of the item; what is not there costs the first alone.
 * One bucket is split for each TABLE_LOAD items that come. The same nodes can stand in a struct
 * sorted (sorted.h), by key.
 *
 * Invariants: the items of a bucket and those behind it are without gaps, so each has a place, 0
 * and up; a bucket behind another one has two items or more. */

#ifndef KEYSPACE_TABLE_H
#define KEYSPACE_TABLE_H

#include "base/bytes.h"

#define TABLE_SLOTS 7
#define TABLE_LOAD 5 /* items to a bucket, on average */

struct node {
    uint32_t key_size;
};

struct table_bucket {
    uint8_t tags[TABLE_SLOTS]; /* 0: free */
    bool is_full;              /* the last slot has more */
    union {
        struct node *node;
        struct table_bucket *more;
    } slots[TABLE_SLOTS];
};

struct table {
    struct table_bucket **segments; /* so that growing copies nothing */
    size_t mask;       /* 2^k - 1 */
    size_t split;      /* the next bucket to split */
    size_t count;      /* items */
    size_t key_offset; /* of the key's bytes behind a node's start */
};

void table_init(struct table *t, size_t key_offset);
void table_clear(struct table *t); /* the items are the caller's */

/* Fast and not keyed: row keys carry a siphash of what clients choose. */
uint32_t table_hash(struct bytes key);

static inline size_t table_bucket_count(const struct table *t)
{
    return t->mask + 1 + t->split;
}

static inline struct bytes table_key(const struct table *t, const struct node *n)
{
    return bytes_of((const uint8_t *)n + t->key_offset, n->key_size);
}

/* The slot that holds the item of key, NULL when it is not there. Another item with the same key
 * may be put there. Valid until the next insertion or removal. */
struct node **table_find(const struct table *t, struct bytes key, uint32_t hash);

/* Adds an item; its key must not be there. hash: table_hash() of it. */
void table_insert(struct table *t, struct node *n, uint32_t hash);

/* Takes out the item in slot; the last one of its bucket takes its place. */
void table_remove(struct table *t, uint32_t hash, struct node **slot);

/* Walking all buckets: how many items there are in one, and the slot of each. A walk down from the
 * last place may remove (table_remove_at) what it comes to. */
size_t table_bucket_size(const struct table *t, size_t bucket);
struct node **table_slot(const struct table *t, size_t bucket, size_t place);
void table_remove_at(struct table *t, size_t bucket, size_t place);

#endif
