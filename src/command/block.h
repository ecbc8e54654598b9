/* block.h -- commands that wait when there is nothing to do: what they tell their runner.
 *
 *   parse -> open the first key that is there -> pop, reply            as any command
 *                     \ none -> exec->block, what is waited for: the runner keeps the request and
 *                               runs it again when a key has become ready
 *                     \ none, and exec->block is NULL (EXEC, scripts): replies as if the time were
 *                               over */

#ifndef COMMAND_BLOCK_H
#define COMMAND_BLOCK_H

#include "command/args.h"

struct block {
    const struct bytes *ready; /* in: the key to serve, and no other; NULL: the first run */
    bool waits;                /* out: nothing was done or said */
    /* out, while it waits: */
    enum type type;            /* for a key of this type, */
    uint32_t first, count;     /* among args[first ...], of the request's db, */
    uint64_t timeout_ms;       /* so long; 0 = for ever */
    bool wants_gone;           /* run also when the key is gone or of another type */
    const struct bytes *args;  /* to be kept in place of the request's, as many; NULL: keep those */
};

/* A timeout in seconds, as Redis reads it. False: it replied. */
bool arg_timeout(struct exec *x, uint32_t n, uint64_t *timeout_ms);

/* Notes that x waits as wish says; false: it may not. */
bool block_wait(struct exec *x, const struct block *wish);

/* Opens the first key of wish that exists, when served the one that became ready. False: there is
 * none and x waits or has replied with a null array, or one is of another type: it replied. */
bool block_open(struct exec *x, const struct block *wish, struct object *o);

#endif
