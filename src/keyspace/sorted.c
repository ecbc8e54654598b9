/* sorted.c -- chunks of sorted pointers: see sorted.h. */

#include "keyspace/sorted.h"

#include <stdlib.h>

#include "base/panic.h"

#define FIRST_CAPACITY 8
#define LEVELS 48 /* runs of a sort double in length from level to level */

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
    for (size_t i = 0; i < s->chunk_count; i++)
        free(s->chunks[i]);
    free(s->chunks);
    *s = (struct sorted){0};
}

static struct node *merge(struct node *a, struct node *b, size_t key_offset)
{
    struct node *first = NULL, **end = &first;
    while (a != NULL && b != NULL) {
        struct node **least = is_before(b, a, key_offset) ? &b : &a;
        *end = *least;
        end = &(*least)->pending_next;
        *least = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Takes the longest rising or falling run off the list, rising. What was added in order, either
 * way, is one run: pushes at the ends of a list sort in one pass. */
static struct node *take_run(struct node **list, size_t key_offset)
{
    struct node *first = *list, *last = first, *n = first->pending_next;
    if (n != NULL && is_before(n, first, key_offset)) {
        while (n != NULL && is_before(n, first, key_offset)) {
            struct node *next = n->pending_next;
            n->pending_next = first;
            first = n;
            n = next;
        }
    } else {
        while (n != NULL && is_before(last, n, key_offset)) {
            last = n;
            n = n->pending_next;
        }
    }
    last->pending_next = NULL;
    *list = n;
    return first;
}

static struct node *sort(struct node *list, size_t key_offset)
{
    struct node *runs[LEVELS] = {NULL};
    while (list != NULL) {
        struct node *run = take_run(&list, key_offset);
        size_t level = 0;
        for (; runs[level] != NULL; level++) {
            CHECK(level + 1 < LEVELS);
            run = merge(runs[level], run, key_offset);
            runs[level] = NULL;
        }
        runs[level] = run;
    }
    struct node *all = NULL;
    for (size_t level = 0; level < LEVELS; level++)
        if (runs[level] != NULL)
            all = merge(runs[level], all, key_offset);
    return all;
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
    if (s->pending == NULL)
        return;
    struct node *list = sort(s->pending, key_offset);
    s->pending = NULL;
    s->changes++;
    while (list != NULL) {
        struct node *next = list->pending_next;
        insert(s, list, key_offset);
        list = next;
    }
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
