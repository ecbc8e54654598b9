/* sources.h -- the sets and sorted sets that commands such as SINTER and ZUNIONSTORE read. */

#ifndef COMMAND_SOURCES_H
#define COMMAND_SOURCES_H

#include "command/args.h"

struct source {
    struct object object; /* TYPE_NONE: absent, which is as good as empty */
    uint32_t position;    /* among the sources, as they were given */
    double weight;        /* of scores; 1 at first */
};

struct sources {
    struct source *at; /* memory of the request */
    uint32_t count;
};

/* Opens count objects from args[first] on: of type, or, for TYPE_ZSET, sets too. False: one is of
 * another type, and that is the reply. */
bool sources_open(struct exec *x, uint32_t first, uint32_t count, enum type type,
                  struct sources *s);
void sources_close(struct sources *s);

/* Sorts those from position from on by size; equal ones stay as they were given: the order of a
 * result, and rounding, hang on it on all nodes. */
void sources_sort(struct sources *s, uint32_t from);

/* At least as many members as their union, intersection or difference can have. */
enum combination { UNION, INTERSECTION, DIFFERENCE };
uint64_t sources_result_max(const struct sources *s, enum combination combination);

bool source_has(struct source *s, struct bytes member);
/* Whether one from position from on has member, the last one asked first. */
bool sources_any_has(struct sources *s, uint32_t from, struct bytes member);

#endif
