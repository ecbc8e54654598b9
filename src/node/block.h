/* block.h -- immutable bytes with counted references: a sealed batch, or a whole log entry. What
 * crosses between the loops and threads is one of these. */

#ifndef NODE_BLOCK_H
#define NODE_BLOCK_H

#include <stdatomic.h>
#include "base/bytes.h"

struct block {
    atomic_uint references;
    uint32_t size;
    uint8_t data[];
};

struct block *block_new(struct bytes content); /* one reference, a copy of content */
struct block *block_alloc(size_t size);    /* one reference, to be filled by the caller */
struct block *block_ref(struct block *b);               /* b with one more */
void block_unref(struct block *b);                      /* the last one frees; NULL is fine */

static inline struct bytes block_bytes(const struct block *b)
{
    return bytes_of(b->data, b->size);
}

#endif
