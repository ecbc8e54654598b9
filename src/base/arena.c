/* arena.c -- a list of blocks, newest first; pieces are cut from the newest one.
 *
 * Blocks double up to BLOCK_SIZE_MAX as a turn asks for more; a piece larger than what a block
 * would leave gets a block of its own. Blocks come from malloc, so ASan sees only their ends. */

#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/panic.h"

#define BLOCK_SIZE (16 * 1024)      /* the standard block, kept over resets */
#define BLOCK_SIZE_MAX (1024 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size; /* of memory */
    alignas(max_align_t) uint8_t memory[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void use_block(struct arena *a, struct arena_block *block)
{
    a->next = block->memory;
    a->end = block->memory + block->size;
}

static void add_block(struct arena *a, size_t size_min)
{
    size_t size = a->blocks == NULL ? BLOCK_SIZE : MIN(a->blocks->size * 2, BLOCK_SIZE_MAX);
    size = MAX(size, size_min);
    struct arena_block *block = xmalloc(sizeof(*block) + size);
    block->size = size;
    block->older = a->blocks;
    a->blocks = block;
    use_block(a, block);
}

void arena_clear(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *older = a->blocks->older;
        free(a->blocks);
        a->blocks = older;
    }
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = NULL;
    while (a->blocks != NULL) {
        struct arena_block *block = a->blocks;
        a->blocks = block->older;
        if (kept == NULL && block->size == BLOCK_SIZE)
            kept = block;
        else
            free(block);
    }
    arena_init(a);
    if (kept == NULL)
        return;
    kept->older = NULL;
    a->blocks = kept;
    use_block(a, kept);
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded;
    const bool overflow = __builtin_add_overflow(size, ALIGNMENT - 1, &rounded);
    CHECK(!overflow);
    rounded &= ~(ALIGNMENT - 1);
    if (a->next == NULL || rounded > (size_t)(a->end - a->next))
        add_block(a, rounded);

    void *piece = a->next;
    a->next += rounded;
    a->used += rounded;
    return piece;
}

struct bytes arena_copy(struct arena *a, struct bytes b)
{
    if (b.size == 0)
        return BYTES_NONE;
    void *copy = arena_alloc(a, b.size);
    memcpy(copy, b.data, b.size);
    return bytes_of(copy, b.size);
}

char *arena_string(struct arena *a, struct bytes b)
{
    char *copy = arena_alloc(a, b.size + 1);
    if (b.size > 0)
        memcpy(copy, b.data, b.size);
    copy[b.size] = '\0';
    return copy;
}
