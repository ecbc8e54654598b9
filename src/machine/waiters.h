/* waiters.h -- requests that wait for a key (BLPOP ...), and the keys that they wait for.
 *
 *   rows    W name:8 (big-endian) -> origin:8 boot:8 client:8 type:1 flags:1 first:4 count:4
 *           request
 *   memory  by name, in the log's order  -->  a link for each of its keys
 *           by (db, key)                 -->  those links, in the log's order
 *
 * A waiter's name is the stamp of its request, index << 12 | ordinal: never used twice, and the
 * order in which waiters are served. The rows are the state; what is in memory follows from them,
 * so that a key nobody waits for costs one look at a count. Local readers (XREAD) stand in memory
 * alone, beside the waiters of a key: they change nothing, so only this node needs to know. */

#ifndef MACHINE_WAITERS_H
#define MACHINE_WAITERS_H

#include "base/queue.h"
#include "command/block.h"
#include "keyspace/table.h"
#include "machine/entry.h"

#define WAITERS_MAX (1u << 17)                     /* requests; the same on all nodes, */
#define WAITERS_BYTES_MAX ((uint64_t)256 << 20)    /* as is what they may take */
#define WAITERS_ORIGINS_MAX 64                     /* (node, boot) with waiters */

struct waiter;
struct waited;

struct waiter_link {
    struct queue_node node; /* in the key's queue, by name */
    struct waiter *waiter;
    struct waited *key;
};

struct waiter {
    struct node by_name; /* key: name_bytes */
    uint8_t name_bytes[8];
    struct queue_node node; /* all, by name */
    uint64_t name, origin, boot, client;
    enum type type;
    bool wants_gone;
    uint64_t bytes;
    void *record; /* the host's; NULL: none, or not of this node's life */
    bool is_reader;      /* local: no row, no name; in readers, not in all */
    struct buf request;  /* of a reader: encoded */
    uint32_t link_count;
    struct waiter_link links[];
};

struct waited {
    struct node by_key; /* key: db:1 name */
    struct queue_node ready_node;
    struct queue links, readers; /* struct waiter_link */
    uint32_t gone_count; /* of waiters that want to know when it goes */
    bool is_ready;       /* in the queue of those to be served */
    bool is_busy;        /* is being served */
    uint8_t key[];
};

/* Waiters of one life of a node. */
struct waiting_origin {
    uint64_t node, boot;
    uint32_t count;
};

struct waiters {
    struct table names, keys;
    struct queue all, readers; /* struct waiter */
    struct queue ready; /* struct waited */
    uint32_t count;
    uint64_t bytes;
    struct waiting_origin origins[WAITERS_ORIGINS_MAX];
    uint32_t origin_count;
    struct buf joined; /* scratch: the key of a waited */
};

/* What a row says. */
struct waiter_row {
    uint64_t name, origin, boot, client;
    enum type type;
    bool wants_gone;
    uint32_t first, count;   /* its keys among the request's arguments */
    struct request request;
};

/* --- waiters_index.c: in memory -------------------------------------------------------------- */

void waiters_init(struct waiters *w);
void waiters_clear(struct waiters *w);
bool waiters_have_room(const struct waiters *w, const struct waiter_row *row, size_t row_size);
/* Behind all others: names rise. */
struct waiter *waiters_insert(struct waiters *w, const struct waiter_row *row, size_t row_size);
/* One of this node alone; row's origin and name are not looked at. */
struct waiter *waiters_insert_reader(struct waiters *w, const struct waiter_row *row);
void waiters_remove(struct waiters *w, struct waiter *waiter);
/* All but the readers. */
void waiters_remove_all(struct waiters *w);
struct waiter *waiters_find(const struct waiters *w, uint64_t name); /* or NULL */
struct waiter *waiters_first(const struct waiters *w);
struct waiter *waiters_next(const struct waiters *w, const struct waiter *waiter);

/* The key may be ready now. gone: it went. Nothing for keys without waiters. */
void waiters_note(struct waiters *w, uint32_t db, struct bytes name, bool gone);
/* Those of the readers may be. */
void waiters_note_readers(struct waiters *w);
/* All keys of db may be, or of all (-1). */
void waiters_note_all(struct waiters *w, int64_t db);
/* The next that was noted, to be given back by waiters_served(). NULL: none. */
struct waited *waiters_take_ready(struct waiters *w);
void waiters_served(struct waiters *w, struct waited *key);
static inline uint32_t waited_db(const struct waited *key) { return key->key[0]; }
static inline struct bytes waited_name(const struct waited *key)
{
    return bytes_of(key->key + 1, key->by_key.key_size - 1);
}

#endif
