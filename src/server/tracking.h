/* tracking.h -- CLIENT TRACKING: which clients of this node may hold which keys in their caches,
 * and telling them when a key changes (ARCHITECTURE §3.2 step 9).
 *
 *   a read is run for a tracking client  ->  table: key -> ids of clients
 *   an entry changes the key (here, in apply)  ->  "invalidate" to each, and the key is forgotten
 *
 *   BCAST: prefix -> clients; keys changed in a turn are told together, at its end
 *
 * The table is this node's own: a client's reads and its invalidations are both of the node that it
 * is connected to, and an entry changes the key here before the change can be read here. */

#ifndef SERVER_TRACKING_H
#define SERVER_TRACKING_H

#include "base/dict.h"
#include "base/queue.h"

struct conn;
struct exec;
struct key_change;
struct server;

#define TRACKING_PREFIXES_MAX 65536 /* of all clients */

struct tracking {
    struct dict keys;      /* struct tracked_key */
    uint64_t items;        /* ids of all keys */
    struct queue prefixes; /* struct prefix */
    uint64_t prefix_count, clients;
    bool is_due;           /* keys were changed under some prefix in this turn */
};

/* Of a connection, embedded in it. */
struct tracker {
    bool is_on, is_bcast, is_optin, is_optout, is_noloop;
    bool is_broken;         /* it redirects to a client that is gone */
    bool caching;           /* CLIENT CACHING: of the next command */
    uint64_t redirect;      /* id; 0 = to itself */
    struct queue prefixes;  /* struct prefix_use */
};

struct tracking_options {
    uint64_t redirect;
    bool is_bcast, is_optin, is_optout, is_noloop;
    const struct bytes *prefixes;
    size_t prefix_count;
};

void tracking_init(struct tracking *t);
void tracking_clear(struct tracking *t); /* no client tracks any more */
void tracker_init(struct tracker *t);

/* false: there are too many prefixes. */
bool tracking_on(struct conn *c, const struct tracking_options *options);
void tracking_off(struct conn *c);
/* The prefix of c that overlaps with prefix; BYTES_NONE with *found false: none. */
struct bytes tracking_overlap(const struct conn *c, struct bytes prefix, bool *found);

/* A request of c was taken: CLIENT CACHING was for it, unless it is queued or of CLIENT itself. */
void tracking_dispatched(struct conn *c, const char *name);
/* A command of x->client is about to run. */
void tracking_begins(struct server *s, const struct exec *x);
void tracking_changed(struct server *s, const struct exec *x, const struct key_change *change);
void tracking_flushed(struct server *s);
/* The end of a turn: what BCAST clients are told; keys beyond the limit are forgotten. */
void tracking_turn(struct server *s);

/* The n-th prefix of c; false: it has no more. */
bool tracking_prefix(const struct conn *c, size_t n, struct bytes *prefix);

#endif
