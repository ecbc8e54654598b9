/* block.c -- counted references to immutable bytes. */

#include "node/block.h"

#include <stdlib.h>

#include "base/panic.h"

struct block *block_alloc(size_t size)
{
    CHECK(size <= UINT32_MAX);
    struct block *b = xmalloc(sizeof(*b) + size);
    atomic_init(&b->references, 1);
    b->size = (uint32_t)size;
    return b;
}

struct block *block_new(struct bytes content)
{
    struct block *b = block_alloc(content.size);
    if (content.size > 0)
        memcpy(b->data, content.data, content.size);
    return b;
}

struct block *block_ref(struct block *b)
{
    const unsigned before = atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
    CHECK(before > 0);
    return b;
}

void block_unref(struct block *b)
{
    if (b == NULL)
        return;
    const unsigned before = atomic_fetch_sub_explicit(&b->references, 1, memory_order_release);
    CHECK(before > 0);
    if (before > 1)
        return;
    /* What others did with it is done. A fence would do, but ThreadSanitizer knows none. */
    const unsigned now = atomic_load_explicit(&b->references, memory_order_acquire);
    CHECK(now == 0);
    free(b);
}
