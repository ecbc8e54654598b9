/* dict.h -- byte strings to whatever has one: a hash table of nodes that live in their owners.
 *
 *   slots[hash % size] -> node -> node        it doubles when nodes outnumber slots, halves with
 *                                             the next one added when they are less than an eighth
 *
 * The hash is keyed by a secret of the process: a client cannot make its names collide. Order is by
 * chance: not for apply. */

#ifndef BASE_DICT_H
#define BASE_DICT_H

#include "base/bytes.h"
#include "base/siphash.h"

struct dict_node {
    struct dict_node *next;
    uint64_t hash;
};

struct dict {
    struct dict_node **slots;
    size_t size, count; /* of slots (0 or a power of two), of nodes */
    struct bytes (*name)(const struct dict_node *node);
    uint8_t key[SIPHASH_KEY_SIZE];
};

void dict_init(struct dict *d, struct bytes (*name)(const struct dict_node *node));
void dict_clear(struct dict *d); /* its own memory; the nodes are their owners' */

struct dict_node *dict_find(const struct dict *d, struct bytes name); /* or NULL */
/* Its name is not there yet. */
void dict_add(struct dict *d, struct dict_node *node);
void dict_remove(struct dict *d, struct dict_node *node);

/* All of them: first(d), next(d, node) ... NULL. The one in hand may be removed when its next was
 * asked for; nothing may be added meanwhile. */
struct dict_node *dict_first(const struct dict *d);
struct dict_node *dict_next(const struct dict *d, const struct dict_node *node);
/* The first one at or behind a place chosen by the caller's chance; NULL: empty. */
struct dict_node *dict_near(const struct dict *d, uint64_t chance);

#endif
