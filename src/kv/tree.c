/* tree.c -- persistent treap; see tree.h. Changing functions copy the nodes on their path that have
 * other owners, and change the rest in place. Depth is logarithmic, so recursion is bounded. */

#include "kv/tree.h"

#include <stdlib.h>

#include "base/panic.h"
#include "base/siphash.h"

/* Key and value of a node; shared by its copies. */
struct row {
    uint64_t owners;
    size_t key_size, value_size;
    uint8_t bytes[];
};

struct tree {
    uint64_t owners;
    uint64_t priority;
    uint64_t count, bytes; /* of the whole subtree */
    struct tree *left, *right;
    struct row *row;
};

struct bytes tree_key(const struct tree *row)
{
    return bytes_of(row->row->bytes, row->row->key_size);
}

struct bytes tree_value(const struct tree *row)
{
    return bytes_of(row->row->bytes + row->row->key_size, row->row->value_size);
}

uint64_t tree_count(const struct tree *root)
{
    return root == NULL ? 0 : root->count;
}

uint64_t tree_bytes(const struct tree *root)
{
    return root == NULL ? 0 : root->bytes;
}

struct tree *tree_retain(struct tree *root)
{
    if (root != NULL)
        root->owners++;
    return root;
}

void tree_release(struct tree *root)
{
    if (root == NULL || --root->owners > 0)
        return;
    tree_release(root->left);
    tree_release(root->right);
    if (--root->row->owners == 0)
        free(root->row);
    free(root);
}

static struct tree *node_new(struct bytes key, struct bytes value)
{
    static const uint8_t hash_key[SIPHASH_KEY_SIZE] = {0};
    struct row *row = xmalloc(sizeof(*row) + key.size + value.size);
    *row = (struct row){.owners = 1, .key_size = key.size, .value_size = value.size};
    if (key.size > 0)
        memcpy(row->bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(row->bytes + key.size, value.data, value.size);
    struct tree *node = xmalloc(sizeof(*node));
    *node = (struct tree){.owners = 1,
                          .priority = siphash(hash_key, key),
                          .count = 1,
                          .bytes = key.size + value.size,
                          .row = row};
    return node;
}

/* The caller's reference to node becomes one to a node that nobody else has. */
static struct tree *node_own(struct tree *node)
{
    if (node->owners == 1)
        return node;
    struct tree *copy = xmalloc(sizeof(*copy));
    *copy = *node;
    copy->owners = 1;
    tree_retain(copy->left);
    tree_retain(copy->right);
    copy->row->owners++;
    node->owners--;
    return copy;
}

static void node_sum(struct tree *node)
{
    node->count = 1 + tree_count(node->left) + tree_count(node->right);
    node->bytes = node->row->key_size + node->row->value_size + tree_bytes(node->left) +
                  tree_bytes(node->right);
}

/* Consumes root: what is below key (or at it, if key_left) goes to *left, the rest to *right. */
static void split(struct tree *root, struct bytes key, bool key_left, struct tree **left,
                  struct tree **right)
{
    if (root == NULL) {
        *left = *right = NULL;
        return;
    }
    root = node_own(root);
    const int order = bytes_compare(tree_key(root), key);
    struct tree *inner;
    if (order < 0 || (order == 0 && key_left)) {
        split(root->right, key, key_left, &inner, right);
        root->right = inner;
        *left = root;
    } else {
        split(root->left, key, key_left, left, &inner);
        root->left = inner;
        *right = root;
    }
    node_sum(root);
}

/* Consumes both; all of left is below all of right. */
static struct tree *merge(struct tree *left, struct tree *right)
{
    if (left == NULL)
        return right;
    if (right == NULL)
        return left;
    struct tree *root;
    if (left->priority > right->priority) {
        root = node_own(left);
        root->right = merge(root->right, right);
    } else {
        root = node_own(right);
        root->left = merge(left, root->left);
    }
    node_sum(root);
    return root;
}

struct tree *tree_put(struct tree *root, struct bytes key, struct bytes value)
{
    struct tree *left, *old, *right;
    struct tree *node = node_new(key, value); /* first: key may be borrowed from the old row */
    split(root, tree_key(node), false, &left, &right);
    split(right, tree_key(node), true, &old, &right);
    tree_release(old);
    return merge(merge(left, node), right);
}

struct tree *tree_delete(struct tree *root, struct bytes key)
{
    if (tree_find(root, key) == NULL)
        return root;
    struct tree *left, *old, *right;
    split(root, key, false, &left, &right);
    split(right, key, true, &old, &right);
    tree_release(old);
    return merge(left, right);
}

struct tree *tree_delete_range(struct tree *root, struct bytes from, struct bytes to)
{
    if (bytes_compare(from, to) >= 0)
        return root;
    struct tree *left, *middle, *right;
    split(root, from, false, &left, &right);
    split(right, to, false, &middle, &right);
    tree_release(middle);
    return merge(left, right);
}

const struct tree *tree_find(const struct tree *root, struct bytes key)
{
    const struct tree *row = tree_at_least(root, key);
    return row != NULL && bytes_equal(tree_key(row), key) ? row : NULL;
}

/* The first row above key, or at it if equal. */
static const struct tree *first_from(const struct tree *node, struct bytes key, bool equal)
{
    const struct tree *best = NULL;
    while (node != NULL) {
        const int order = bytes_compare(tree_key(node), key);
        if (order > 0 || (order == 0 && equal)) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

/* The last row below key, or at it if equal. */
static const struct tree *last_to(const struct tree *node, struct bytes key, bool equal)
{
    const struct tree *best = NULL;
    while (node != NULL) {
        const int order = bytes_compare(tree_key(node), key);
        if (order < 0 || (order == 0 && equal)) {
            best = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return best;
}

const struct tree *tree_at_least(const struct tree *root, struct bytes key)
{
    return first_from(root, key, true);
}

const struct tree *tree_above(const struct tree *root, struct bytes key)
{
    return first_from(root, key, false);
}

const struct tree *tree_at_most(const struct tree *root, struct bytes key)
{
    return last_to(root, key, true);
}

const struct tree *tree_below(const struct tree *root, struct bytes key)
{
    return last_to(root, key, false);
}

const struct tree *tree_at(const struct tree *root, uint64_t position)
{
    while (root != NULL && position != tree_count(root->left)) {
        if (position < tree_count(root->left)) {
            root = root->left;
        } else {
            position -= tree_count(root->left) + 1;
            root = root->right;
        }
    }
    return root;
}

const struct tree *tree_last(const struct tree *root)
{
    while (root != NULL && root->right != NULL)
        root = root->right;
    return root;
}
