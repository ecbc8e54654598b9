/* queue.h -- an intrusive doubly linked list: a ring through its head. Nodes live in their owners;
 * container_of() leads back. */

#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue_node {
    struct queue_node *next, *prev;
};

struct queue {
    struct queue_node ring;
};

static inline void queue_init(struct queue *q)
{
    q->ring.next = q->ring.prev = &q->ring;
}

static inline bool queue_is_empty(const struct queue *q)
{
    return q->ring.next == &q->ring;
}

static inline void queue_insert_after(struct queue_node *at, struct queue_node *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}

static inline void queue_push_back(struct queue *q, struct queue_node *node)
{
    queue_insert_after(q->ring.prev, node);
}

static inline void queue_push_front(struct queue *q, struct queue_node *node)
{
    queue_insert_after(&q->ring, node);
}

/* Takes node out of whatever queue it is in; it may be taken out again without harm. */
static inline void queue_remove(struct queue_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}

static inline struct queue_node *queue_first(const struct queue *q)
{
    return queue_is_empty(q) ? NULL : q->ring.next;
}

static inline struct queue_node *queue_last(const struct queue *q)
{
    return queue_is_empty(q) ? NULL : q->ring.prev;
}

static inline struct queue_node *queue_next(const struct queue *q, const struct queue_node *node)
{
    return node->next == &q->ring ? NULL : node->next;
}

static inline struct queue_node *queue_pop_front(struct queue *q)
{
    struct queue_node *node = queue_first(q);
    if (node != NULL)
        queue_remove(node);
    return node;
}

#endif
