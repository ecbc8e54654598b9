/* stream_group.h -- consumer groups as rows, for the files of stream commands.
 *
 *     SPACE_GROUP                group's name            -> struct stream_group
 *     SPACE_CONSUMER             number of consumer      -> struct stream_consumer
 *     SPACE_CONSUMER_NAME        number of group, name   -> number of consumer
 *     SPACE_PENDING              number of group, id     -> struct stream_pending
 *     SPACE_PENDING_BY_CONSUMER  number of consumer, id  -> nothing
 *
 * Numbers are given once in the life of a stream, to groups and consumers alike, so that what is
 * pending hangs on two or three bytes, not on names. In subkeys they are the count of their bytes
 * and these, big-endian: in order, and none begins another.
 *
 * What is pending stays so when its entry is deleted, until it is acknowledged or claimed.
 *
 * As in streams, walks of what is pending begin at the lowest and end with the last one, by count;
 * between an old one and new ones they do pass the deleted rows of all that was acknowledged. */

#ifndef COMMAND_STREAM_GROUP_H
#define COMMAND_STREAM_GROUP_H

#include "command/stream.h"

#define ENTRIES_READ_UNKNOWN (-1)

struct stream_group {
    struct bytes name; /* of whoever filled this in */
    uint64_t number;
    struct stream_id last; /* the last entry delivered */
    int64_t entries_read;  /* of all there ever were, up to last; or ENTRIES_READ_UNKNOWN */
    uint64_t pending, consumer_count;
    struct stream_id lowest; /* pending one: walks begin there, not where all are deleted */
    bool lowest_is_gone;     /* then lower than all; group_save() looks for the next */
    /* what group_save() adds to the pending ones of one consumer */
    uint64_t tally_of;
    int64_t tally;
};

struct stream_consumer {
    struct bytes name; /* of the row */
    uint64_t number, seen_ms, pending;
};

struct stream_pending {
    struct stream_id id;
    uint64_t consumer;
    int64_t delivered_ms, deliveries;
};

/* NOGROUP, of XGROUP and XINFO: args[2] has no group args[3]. */
void reply_no_group(struct exec *x);

/* --- groups ----------------------------------------------------------------------------------- */

/* False: there is none, or no stream. g->name is name. */
bool group_find(struct stream *s, struct bytes name, struct stream_group *g);
/* Gives g, with name, last and entries_read, a number; it is saved by group_save(). */
void group_create(struct stream *s, struct stream_group *g);
/* Writes back what was changed, counts of pending ones too. */
void group_save(struct stream *s, struct stream_group *g);
/* Deletes it and what hangs on it: pending ones and consumers one by one. */
void group_destroy(struct stream *s, struct stream_group *g);

/* All groups by name; g->name is borrowed until the next step. */
void group_walk(struct object *o, struct object_cursor *cursor);
bool group_next(struct object_cursor *cursor, struct stream_group *g);

/* Entry id, higher than last, is delivered. */
void group_advance(const struct stream *s, struct stream_group *g, struct stream_id id);
/* How many entries there ever were up to id, where the stream alone tells. */
int64_t stream_entries_up_to(const struct stream *s, struct stream_id id);
/* How many entries are to be delivered yet; false: nobody knows. */
bool group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);

/* --- consumers -------------------------------------------------------------------------------- */

bool consumer_find(struct object *o, const struct stream_group *g, struct bytes name,
                   struct stream_consumer *c);
/* The one of that number, which is there. c->name is borrowed until the next change. */
void consumer_get(struct object *o, uint64_t number, struct stream_consumer *c);
/* Makes consumer name, seen now. Save the group. Returns its number. */
uint64_t consumer_create(struct stream *s, struct stream_group *g, struct bytes name,
                         uint64_t now_ms);
/* The number of consumer name, which is made if it is not there, and seen now. */
uint64_t consumer_touch(struct stream *s, struct stream_group *g, struct bytes name,
                        uint64_t now_ms, bool *created);
/* Deletes it, with its pending ones, which are c->pending. Save the group. */
void consumer_destroy(struct stream *s, struct stream_group *g, const struct stream_consumer *c);

/* All consumers of a group by name; c->name is borrowed until the next step or change. */
struct consumer_cursor {
    struct object *object;
    uint64_t group;
    struct object_cursor rows;
};
void consumer_walk(struct object *o, const struct stream_group *g, struct consumer_cursor *cursor);
bool consumer_next(struct consumer_cursor *cursor, struct stream_consumer *c);
void consumer_walk_end(struct consumer_cursor *cursor);

/* --- pending ---------------------------------------------------------------------------------- */

bool pending_find(struct object *o, const struct stream_group *g, struct stream_id id,
                  struct stream_pending *p);
/* Writes p. old: what is there under its id now; NULL: nothing. Save the group. */
void pending_put(struct stream *s, struct stream_group *g, const struct stream_pending *old,
                 const struct stream_pending *p);
void pending_delete(struct stream *s, struct stream_group *g, const struct stream_pending *p);

/* The first and last pending one of the group; false: there is none. */
bool pending_first(struct object *o, const struct stream_group *g, struct stream_pending *p);
bool pending_last(struct object *o, const struct stream_group *g, struct stream_pending *p);

/* Pending ones by id from id from on: of a group or, with consumer not 0, of that consumer. They
 * may be changed and deleted meanwhile. */
struct pending_cursor {
    struct object *object;
    const struct stream_group *group;
    uint64_t consumer;
    uint64_t left; /* so many more at most: behind the last there may be many deleted rows */
    struct object_cursor rows;
};
void pending_walk(struct object *o, const struct stream_group *g, uint64_t consumer,
                  struct stream_id from, struct pending_cursor *cursor);
bool pending_next(struct pending_cursor *cursor, struct stream_pending *p);
void pending_walk_end(struct pending_cursor *cursor);

/* --- for all ---------------------------------------------------------------------------------- */

/* Milliseconds since then, by the clock of the request; never below 0. */
int64_t idle_since(const struct exec *x, int64_t then_ms);

/* The stream's last id, highest deleted one and count of all entries ever; its groups with all that
 * they have, but without numbers: the same for any stream of the same value. Calls piece() for each
 * fact. */
typedef void stream_piece(void *context, struct bytes fact);
void stream_portray(struct object *o, stream_piece *piece, void *context);

#endif
