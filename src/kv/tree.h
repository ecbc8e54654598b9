/* tree.h -- an ordered map of byte rows whose versions share what they have in common: the memory
 * behind kv_mem.c. A snapshot, a checkpoint, or the state before an unsynced write is one more
 * reference to a root.
 *
 * A treap (Seidel and Aragon 1996): ordered by key, a heap by priority, the priority being a hash
 * of the key; so its shape depends on nothing but its rows. Roots are owned references; NULL is the
 * empty map. */

#ifndef KV_TREE_H
#define KV_TREE_H

#include "base/bytes.h"

struct tree; /* a root, or a row found under one */

struct tree *tree_retain(struct tree *root);
void tree_release(struct tree *root);

/* Consume root, return the changed map; root's other owners keep theirs. */
struct tree *tree_put(struct tree *root, struct bytes key, struct bytes value);
struct tree *tree_delete(struct tree *root, struct bytes key);
struct tree *tree_delete_range(struct tree *root, struct bytes from, struct bytes to);

/* Rows; NULL = none. Borrowed from root. */
const struct tree *tree_find(const struct tree *root, struct bytes key);
const struct tree *tree_at_least(const struct tree *root, struct bytes key);
const struct tree *tree_above(const struct tree *root, struct bytes key);
const struct tree *tree_at_most(const struct tree *root, struct bytes key);
const struct tree *tree_below(const struct tree *root, struct bytes key);
const struct tree *tree_at(const struct tree *root, uint64_t position); /* 0 = the first */
const struct tree *tree_last(const struct tree *root);

struct bytes tree_key(const struct tree *row);
struct bytes tree_value(const struct tree *row);
uint64_t tree_count(const struct tree *root);
uint64_t tree_bytes(const struct tree *root); /* of all keys and values */

#endif
