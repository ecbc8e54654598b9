/* members.h -- who belongs to the cluster, and where: the payload of a CONFIG entry, and the book
 * of addresses that a node keeps.
 *
 *   payload: format:1 next_node:8 count:1 (node:8 roles:1 port:2 host_size:1 host)*   little-endian
 *
 * next_node is the id that the next new node will get: ids are never used twice. */

#ifndef NODE_MEMBERS_H
#define NODE_MEMBERS_H

#include "base/buf.h"
#include "node/ports.h"
#include "raft/types.h"

#define MEMBERS_FORMAT 1
#define BOOK_MAX 32 /* members, and nodes that are about to be or have just been */

struct address_entry {
    raft_node node;
    struct peer_address address;
};

/* Addresses by node. A full book drops the entry of a node that is in no config. */
struct address_book {
    struct address_entry entries[BOOK_MAX];
    uint32_t count;
};

struct members {
    struct raft_config config;
    raft_node next_node;
    struct address_book book; /* of the nodes in config */
};

const struct peer_address *book_find(const struct address_book *b, raft_node node); /* or NULL */
/* The node at address; 0 = none. */
raft_node book_node_at(const struct address_book *b, const struct peer_address *address);
/* Returns false when nothing changes: known already, or the book is full. */
bool book_set(struct address_book *b, raft_node node, const struct peer_address *address);
void book_forget(struct address_book *b, raft_node node);

bool address_equal(const struct peer_address *a, const struct peer_address *b);

bool node_set_has(const struct raft_set *s, raft_node node);
void node_set_add(struct raft_set *s, raft_node node); /* CHECKs for room */
void node_set_remove(struct raft_set *s, raft_node node);
/* All nodes of c, each once, rising. */
void config_nodes(const struct raft_config *c, struct raft_set *all);
static inline bool config_is_joint(const struct raft_config *c) { return c->outgoing.count > 0; }

/* Nodes without an address in the book are written with an empty one. */
void members_encode(const struct raft_config *c, raft_node next_node, const struct address_book *b,
                    struct buf *to);
/* false: these bytes are no configuration. */
bool members_decode(struct bytes payload, struct members *m);

#endif
