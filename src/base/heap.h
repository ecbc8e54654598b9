/* heap.h -- an intrusive binary min-heap by (key, sequence): timers, and the simulator's events.
 * Equal keys come out in the order in which they went in. */

#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/bytes.h"

struct heap_node {
    uint64_t key;
    uint64_t sequence;
    size_t position; /* 1-based in the heap's array, 0 = in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count, capacity;
    uint64_t next_sequence;
};

void heap_init(struct heap *h);
void heap_clear(struct heap *h); /* forgets the nodes, gives the array back */
void heap_push(struct heap *h, struct heap_node *node, uint64_t key); /* node is in no heap */
struct heap_node *heap_first(const struct heap *h);                   /* NULL when empty */
struct heap_node *heap_pop(struct heap *h);
void heap_remove(struct heap *h, struct heap_node *node); /* no harm when it is in none */

#endif
