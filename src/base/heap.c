/* heap.c -- a binary heap in an array of pointers; nodes know their positions (1-based), so that
 * any of them can be removed in O(log n). */

#include "base/heap.h"

#include <stdlib.h>

#include "base/panic.h"

#define CAPACITY_MIN 16

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
}

void heap_clear(struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->nodes[i]->position = 0;
    free(h->nodes);
    heap_init(h);
}

static bool comes_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->sequence < b->sequence;
}

static void place(struct heap *h, struct heap_node *node, size_t position)
{
    h->nodes[position - 1] = node;
    node->position = position;
}

static void sift_up(struct heap *h, struct heap_node *node, size_t position)
{
    while (position > 1 && comes_before(node, h->nodes[position / 2 - 1])) {
        place(h, h->nodes[position / 2 - 1], position);
        position /= 2;
    }
    place(h, node, position);
}

static void sift_down(struct heap *h, struct heap_node *node, size_t position)
{
    while (position * 2 <= h->count) {
        size_t child = position * 2;
        if (child < h->count && comes_before(h->nodes[child], h->nodes[child - 1]))
            child++;
        if (!comes_before(h->nodes[child - 1], node))
            break;
        place(h, h->nodes[child - 1], position);
        position = child;
    }
    place(h, node, position);
}

void heap_push(struct heap *h, struct heap_node *node, uint64_t key)
{
    CHECK(node->position == 0);
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? CAPACITY_MIN : h->capacity * 2;
        h->nodes = xrealloc(h->nodes, h->capacity * sizeof(*h->nodes));
    }
    node->key = key;
    node->sequence = h->next_sequence++;
    h->count++;
    sift_up(h, node, h->count);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count == 0 ? NULL : h->nodes[0];
}

struct heap_node *heap_pop(struct heap *h)
{
    struct heap_node *first = heap_first(h);
    if (first != NULL)
        heap_remove(h, first);
    return first;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    const size_t position = node->position;
    if (position == 0)
        return;
    CHECK(position <= h->count);
    CHECK(h->nodes[position - 1] == node);

    struct heap_node *last = h->nodes[h->count - 1];
    h->count--;
    node->position = 0;
    if (last == node)
        return;
    if (position > 1 && comes_before(last, h->nodes[position / 2 - 1]))
        sift_up(h, last, position);
    else
        sift_down(h, last, position);
}
