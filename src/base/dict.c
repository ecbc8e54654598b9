#include "base/dict.h"

#include <stdlib.h>

#include "base/panic.h"
#include "base/prng.h"

#define DICT_SIZE_MIN 16

void dict_init(struct dict *d, struct bytes (*name)(const struct dict_node *node))
{
    *d = (struct dict){.name = name};
    prng_secret(d->key, sizeof(d->key));
}

void dict_clear(struct dict *d)
{
    free(d->slots);
    d->slots = NULL;
    d->size = d->count = 0;
}

static struct dict_node **slot_of(const struct dict *d, uint64_t hash)
{
    return &d->slots[hash & (d->size - 1)];
}

static void resize(struct dict *d, size_t size)
{
    struct dict_node **old = d->slots;
    const size_t old_size = d->size;
    d->slots = xcalloc(size, sizeof(*d->slots));
    d->size = size;
    for (size_t i = 0; i < old_size; i++) {
        struct dict_node *next;
        for (struct dict_node *node = old[i]; node != NULL; node = next) {
            next = node->next;
            struct dict_node **slot = slot_of(d, node->hash);
            node->next = *slot;
            *slot = node;
        }
    }
    free(old);
}

struct dict_node *dict_find(const struct dict *d, struct bytes name)
{
    if (d->count == 0)
        return NULL;
    const uint64_t hash = siphash(d->key, name);
    struct dict_node *node = *slot_of(d, hash);
    while (node != NULL && !(node->hash == hash && bytes_equal(d->name(node), name)))
        node = node->next;
    return node;
}

void dict_add(struct dict *d, struct dict_node *node)
{
    if (d->count >= d->size)
        resize(d, MAX(DICT_SIZE_MIN, 2 * d->size));
    else if (d->size > DICT_SIZE_MIN && d->count < d->size / 8)
        resize(d, d->size / 2);
    node->hash = siphash(d->key, d->name(node));
    struct dict_node **slot = slot_of(d, node->hash);
    node->next = *slot;
    *slot = node;
    d->count++;
}

void dict_remove(struct dict *d, struct dict_node *node)
{
    struct dict_node **at = slot_of(d, node->hash);
    while (*at != node) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    d->count--;
    /* No resize: a walk may remove what it meets. */
}

static struct dict_node *first_from(const struct dict *d, size_t slot)
{
    for (size_t i = slot; i < d->size; i++)
        if (d->slots[i] != NULL)
            return d->slots[i];
    return NULL;
}

struct dict_node *dict_first(const struct dict *d)
{
    return first_from(d, 0);
}

struct dict_node *dict_next(const struct dict *d, const struct dict_node *node)
{
    if (node->next != NULL)
        return node->next;
    return first_from(d, (node->hash & (d->size - 1)) + 1);
}

struct dict_node *dict_near(const struct dict *d, uint64_t chance)
{
    if (d->count == 0)
        return NULL;
    struct dict_node *node = first_from(d, chance & (d->size - 1));
    return node != NULL ? node : dict_first(d);
}
