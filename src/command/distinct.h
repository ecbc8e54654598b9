/* distinct.h -- a set of byte strings in memory of the request: which ones were met before? */

#ifndef COMMAND_DISTINCT_H
#define COMMAND_DISTINCT_H

#include "base/siphash.h"
#include "command/command.h"

struct distinct {
    struct arena *arena;
    uint8_t hash_key[SIPHASH_KEY_SIZE]; /* drawn by chance, so that nobody can make them collide */
    struct bytes *slots;                /* open addressing; data NULL: free */
    size_t slot_count, used;            /* slot_count: a power of two, at least twice used */
};

void distinct_init(struct distinct *d, struct exec *x);
/* Copies b; false: it was there. */
bool distinct_add(struct distinct *d, struct bytes b);

#endif
