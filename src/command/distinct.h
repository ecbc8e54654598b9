/* distinct.h -- a set of byte strings in memory of the request: which ones were met before? */

#ifndef COMMAND_DISTINCT_H
#define COMMAND_DISTINCT_H

#include "command/command.h"

struct distinct {
    struct keyspace *keyspace; /* it knows a hash whose collisions nobody can choose */
    struct arena *arena;
    struct bytes *slots;       /* open addressing; data NULL: free */
    size_t slot_count, used;   /* slot_count: a power of two, at least twice used */
};

void distinct_init(struct distinct *d, struct exec *x);
/* Copies *b, and makes it the copy, which lives as long as the request. False: it was there. */
bool distinct_add(struct distinct *d, struct bytes *b);
/* The same for bytes that live as long as the request: none are copied. */
bool distinct_add_borrowed(struct distinct *d, struct bytes b);

#endif
