/* zset.h -- what the files of sorted set commands share. A sorted set is SPACE_MEMBER, member ->
 * ordered score; SPACE_SCORE, (ordered score, member), follows by itself (object.h).
 *
 * Scores of -0 are stored as 0, so that members of both are sorted together, as Redis has them. */

#ifndef COMMAND_ZSET_H
#define COMMAND_ZSET_H

#include "command/args.h"

/* --- members (zset.c) ------------------------------------------------------------------------- */

/* Opens args[n] to be written; an absent key becomes an empty sorted set. */
bool zset_open_write(struct exec *x, uint32_t n, struct object *zset);
/* The same for an object whose value is to be replaced. */
void zset_replace(struct exec *x, struct object *o);

bool zset_score(struct object *zset, struct bytes member, double *score);
/* True = the member is new. score: no NaN. */
bool zset_put(struct exec *x, struct object *zset, struct bytes member, double score);
/* How many members come before one that is there, counted from the end where direction begins. */
uint64_t zset_rank(struct object *zset, double score, struct bytes member,
                   enum direction direction);
/* The score in a value of SPACE_MEMBER or at the front of a subkey of SPACE_SCORE. */
double zset_stored_score(struct bytes b);

/* The whole of ZADD behind its arguments: adds members to key args[1], and replies. Left alone are
 * those that an option excludes. */
struct zset_add {
    bool nx, xx, gt, lt, ch, incr;
    uint32_t first, step, count; /* members: first argument, distance, number */
    double *scores;
    int64_t added, updated;
    bool done;    /* the last member was not left alone, */
    double score; /* and this is what it has now */
};
void zset_add(struct exec *x, struct zset_add *z);

/* A member with its score; nested: as an array of two. */
void zset_reply_pair(struct exec *x, struct bytes member, double score, bool nested);

/* --- ranges (zset_range.c) -------------------------------------------------------------------- */

struct zset_bound {
    int infinite; /* of names: < 0 is before all, > 0 behind all */
    bool open;    /* the bound itself is outside */
    double score;
    struct bytes name;
};

struct zset_range {
    enum zset_order { ZSET_BY_RANK, ZSET_BY_SCORE, ZSET_BY_LEX } by;
    int64_t first, last; /* ranks, counted in the direction of the walk */
    struct zset_bound low, high;
};

/* Arguments low and high as bounds of range->by; false: it has replied. */
bool zset_parse_range(struct exec *x, uint32_t low, uint32_t high, struct zset_range *range);

/* The members of a range in order, backward if need be. The set may be changed meanwhile; what was
 * given is borrowed until the next step. */
struct zset_walk {
    struct object *zset;
    const struct zset_range *range;
    enum direction direction;
    struct object_cursor cursor;
    bool has_first;  /* the member in hand is still to be given */
    uint64_t left;   /* by rank: members still to be given */
    struct bytes member;
    double score;
};
void zset_walk_begin(struct zset_walk *w, struct object *zset, const struct zset_range *range,
                     enum direction direction);
bool zset_walk_next(struct zset_walk *w);
void zset_walk_end(struct zset_walk *w);

#endif
