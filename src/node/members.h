/* members.h -- who belongs to the cluster, and where: the payload of a CONFIG entry, and the book
 * of addresses that a node keeps.
 *
 *   payload: format:1 level:4 next_node:8 count:1 (node:8 roles:1 port:2 host_size:1 host)*
 *   little-endian; without a level in format 1, which is that of level 1 (machine/entry.h): builds
 *   of before there were levels know no other
 *   roles: 1 voter, 2 voter of the outgoing set, 4 learner, 8 spare (a learner that stays one)
 *
 * next_node is the id that the next new node will get: ids are never used twice. */

#ifndef NODE_MEMBERS_H
#define NODE_MEMBERS_H

#include "base/buf.h"
#include "base/status.h"
#include "node/ports.h"
#include "raft/types.h"

#define MEMBERS_FORMAT_FIRST 1
#define MEMBERS_FORMAT 2
#define BOOK_MAX 32 /* members, and nodes that are about to be or have just been */

struct address_entry {
    raft_node node;
    bool is_heard; /* the node itself has said so, and is there as far as we know */
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
    uint32_t level;           /* from this entry on; it never falls */
    struct raft_set spares;   /* of the learners: not to be promoted by themselves */
    struct address_book book; /* of the nodes in config */
};

/* What the newest CONFIG entries of the log say, beside what the core keeps of them: the newest,
 * and the one before it while that may be truncated (raft/config.h says why two are enough). */
struct members_log {
    uint32_t count;
    struct {
        raft_index index;
        struct members members;
    } at[2]; /* rising */
};

const struct peer_address *book_find(const struct address_book *b, raft_node node); /* or NULL */
/* The node at address; 0 = none. */
raft_node book_node_at(const struct address_book *b, const struct peer_address *address);
/* Returns false when nothing changes: known already, or the book is full. */
bool book_set(struct address_book *b, raft_node node, const struct peer_address *address);
void book_forget(struct address_book *b, raft_node node);
void book_heard(struct address_book *b, raft_node node, bool is_heard);
bool book_is_heard(const struct address_book *b, raft_node node);

bool address_equal(const struct peer_address *a, const struct peer_address *b);

bool node_set_has(const struct raft_set *s, raft_node node);
void node_set_add(struct raft_set *s, raft_node node); /* CHECKs for room */
void node_set_remove(struct raft_set *s, raft_node node);
/* All nodes of c, each once, rising. */
void config_nodes(const struct raft_config *c, struct raft_set *all);
static inline bool config_is_joint(const struct raft_config *c) { return c->outgoing.count > 0; }

/* Of m->book and m->spares what concerns m->config is written; who has no address gets an empty
 * one. */
void members_encode(const struct members *m, struct buf *to);
/* false: these bytes are no configuration, or one of a newer format. */
bool members_decode(struct bytes payload, struct members *m);
/* STATUS_INVALID: of a feature level above level_max. STATUS_CORRUPT: nonsense. With a text. */
enum status members_read(struct bytes payload, uint32_t level_max, struct members *m,
                         struct error *e) MUST_CHECK;

/* An entry at index: whatever was there and behind it is gone. */
void members_log_append(struct members_log *log, raft_index index, const struct members *m);
/* A snapshot that ends at index; what lies behind it stays. */
void members_log_install(struct members_log *log, raft_index index, const struct members *m);
/* What the entry at index says; those behind it were truncated. NULL: it is not known. */
const struct members *members_log_at(struct members_log *log, raft_index index);

#endif
