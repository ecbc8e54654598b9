/* arena.h -- memory of one request or one turn: allocated piece by piece, given back at once. */

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    uint8_t *next, *end;
    size_t used; /* bytes handed out since the last reset */
};

void arena_init(struct arena *a);
void arena_clear(struct arena *a); /* gives all memory back */
void arena_reset(struct arena *a); /* all pieces die; one standard block is kept */

/* Aligned for any type, not zeroed; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
struct bytes arena_copy(struct arena *a, struct bytes b);
char *arena_string(struct arena *a, struct bytes b); /* NUL-terminated copy */

#endif
