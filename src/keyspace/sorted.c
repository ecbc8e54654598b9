/* sorted.c -- chunks of sorted pointers: see sorted.h. */

#define _GNU_SOURCE /* qsort_r */

#include "keyspace/sorted.h"

#include <stdlib.h>

#include "base/panic.h"

#define FIRST_CAPACITY 8
#define PART_FIRST 4u /* nodes in the first part of a pile: many sets are small */
#define PART_LAST 512u

static struct bytes key_of(const struct node *n, size_t key_offset)
{
    return bytes_of((const uint8_t *)n + key_offset, n->key_size);
}

static bool is_before(const struct node *a, const struct node *b, size_t key_offset)
{
    return bytes_compare(key_of(a, key_offset), key_of(b, key_offset)) < 0;
}

void sorted_clear(struct sorted *s)
{
    pile_clear(&s->pending);
    for (size_t i = 0; i < s->chunk_count; i++)
        free(s->chunks[i]);
    free(s->chunks);
    *s = (struct sorted){0};
}

/* --- piles ------------------------------------------------------------------------------------ */

void pile_add(struct pile *p, struct node *n)
{
    if (p->count == p->capacity) {
        const uint32_t capacity = p->top == NULL ? PART_FIRST : MIN(4 * p->capacity, PART_LAST);
        struct pile_part *part = xmalloc(sizeof(*part) + capacity * sizeof(struct node *));
        part->below = p->top;
        part->capacity = capacity;
        *p = (struct pile){.top = part, .capacity = capacity};
    }
    p->top->nodes[p->count++] = n;
}

static void drop_top(struct pile *p)
{
    struct pile_part *below = p->top->below;
    const uint32_t count = below == NULL ? 0 : (uint32_t)below->capacity;
    free(p->top);
    *p = (struct pile){below, count, count};
}

struct node *pile_take(struct pile *p)
{
    if (p->top == NULL)
        return NULL;
    struct node *n = p->top->nodes[--p->count];
    if (p->count == 0)
        drop_top(p);
    return n;
}

void pile_clear(struct pile *p)
{
    while (p->top != NULL)
        drop_top(p);
}

/* --- sorting ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b, void *context)
{
    const size_t *key_offset = context;
    return bytes_compare(key_of(*(struct node *const *)a, *key_offset),
                         key_of(*(struct node *const *)b, *key_offset));
}

static bool is_rising(struct node *const *nodes, size_t count, size_t key_offset)
{
    for (size_t i = 1; i < count; i++)
        if (!is_before(nodes[i - 1], nodes[i], key_offset))
            return false;
    return true;
}

/* The nodes of the pile by key, count of them; the pile is empty. What was added in order, either
 * way, is taken as it comes: pushes at an end of a list need no sorting. */
static struct node **sort(struct pile *p, size_t *count, size_t key_offset)
{
    *count = 0;
    for (const struct pile_part *part = p->top; part != NULL; part = part->below)
        *count += pile_part_count(p, part);
    struct node **nodes = xmalloc(*count * sizeof(struct node *));
    size_t i = 0;
    for (struct node *n = pile_take(p); n != NULL; n = pile_take(p))
        nodes[i++] = n;
    if (is_rising(nodes, *count, key_offset))
        return nodes;
    for (size_t low = 0, high = *count - 1; low < high; low++, high--) {
        struct node *n = nodes[low];
        nodes[low] = nodes[high];
        nodes[high] = n;
    }
    if (!is_rising(nodes, *count, key_offset))
        qsort_r(nodes, *count, sizeof(struct node *), compare, &key_offset);
    return nodes;
}

/* The last chunk whose first key is <= key; the first one if there is none. */
static size_t chunk_of(const struct sorted *s, struct bytes key, size_t key_offset)
{
    size_t low = 0, high = s->chunk_count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (bytes_compare(key_of(s->chunks[middle]->nodes[0], key_offset), key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t slot_of(const struct sorted_chunk *chunk, struct bytes key, size_t key_offset)
{
    size_t low = 0, high = chunk->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (bytes_compare(key_of(chunk->nodes[middle], key_offset), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sorted_chunk *resize_chunk(struct sorted_chunk *chunk, uint32_t capacity)
{
    chunk = xrealloc(chunk, sizeof(struct sorted_chunk) + capacity * sizeof(struct node *));
    chunk->capacity = capacity;
    return chunk;
}

static struct sorted_chunk *add_chunk(struct sorted *s, size_t at, uint32_t capacity)
{
    if (s->chunk_count == s->chunk_capacity) {
        s->chunk_capacity = MAX(2 * s->chunk_capacity, (size_t)4);
        s->chunks = xrealloc(s->chunks, s->chunk_capacity * sizeof(struct sorted_chunk *));
    }
    memmove(s->chunks + at + 1, s->chunks + at,
            (s->chunk_count - at) * sizeof(struct sorted_chunk *));
    s->chunks[at] = resize_chunk(NULL, capacity);
    s->chunks[at]->count = 0;
    s->chunk_count++;
    return s->chunks[at];
}

/* Makes room in a full chunk; at its end by a new one, so that rising keys fill chunks whole. */
static struct sorted_chunk *split_chunk(struct sorted *s, size_t chunk, size_t *slot)
{
    struct sorted_chunk *new = add_chunk(s, chunk + 1, SORTED_CHUNK), *old = s->chunks[chunk];
    const uint32_t keep = *slot == old->count ? old->count : old->count / 2;
    new->count = old->count - keep;
    memcpy(new->nodes, old->nodes + keep, new->count * sizeof(struct node *));
    old->count = keep;
    if (*slot < keep)
        return old;
    *slot -= keep;
    return new;
}

static void insert(struct sorted *s, struct node *n, size_t key_offset)
{
    const struct bytes key = key_of(n, key_offset);
    if (s->chunk_count == 0)
        add_chunk(s, 0, FIRST_CAPACITY);
    const size_t at = chunk_of(s, key, key_offset);
    struct sorted_chunk *chunk = s->chunks[at];
    size_t slot = slot_of(chunk, key, key_offset);
    if (chunk->count == SORTED_CHUNK)
        chunk = split_chunk(s, at, &slot);
    else if (chunk->count == chunk->capacity)
        chunk = s->chunks[at] = resize_chunk(chunk, MIN(4 * chunk->capacity, SORTED_CHUNK));
    memmove(chunk->nodes + slot + 1, chunk->nodes + slot,
            (chunk->count - slot) * sizeof(struct node *));
    chunk->nodes[slot] = n;
    chunk->count++;
}

void sorted_settle(struct sorted *s, size_t key_offset)
{
    if (s->pending.top == NULL)
        return;
    size_t count;
    struct node **nodes = sort(&s->pending, &count, key_offset);
    s->changes++;
    for (size_t i = 0; i < count; i++)
        insert(s, nodes[i], key_offset);
    free(nodes);
}

struct sorted_position sorted_seek(const struct sorted *s, struct bytes key, size_t key_offset)
{
    if (s->chunk_count == 0)
        return (struct sorted_position){0, 0};
    const size_t chunk = chunk_of(s, key, key_offset);
    const size_t slot = slot_of(s->chunks[chunk], key, key_offset);
    if (slot == s->chunks[chunk]->count)
        return (struct sorted_position){chunk + 1, 0};
    return (struct sorted_position){chunk, slot};
}
