/* scan.h -- what SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options, end of a step, reply.
 *
 * Elements stand in the order of a position of 52 bits; a cursor is 1 + the position of the last
 * one given (ARCHITECTURE §6.2). Nothing is remembered between steps. */

#ifndef COMMAND_SCAN_H
#define COMMAND_SCAN_H

#include "base/buf.h"
#include "command/command.h"

#define SCAN_CURSOR_MAX ((uint64_t)1 << 52) /* 1 + the last position */

struct scan {
    uint64_t cursor;
    int64_t count;
    bool has_pattern;
    struct bytes pattern, type; /* type.data NULL: any */
    bool listpack;              /* Redis would hold the object as a listpack */
    uint64_t last, next;        /* position of the last element seen; cursor of the next step */
    int64_t seen;
    struct buf found;           /* what to reply, as le32 size, bytes; owned */
    size_t found_count;
};

/* The cursor is argument n; false: it has replied. */
bool scan_parse_cursor(struct exec *x, uint32_t n, struct scan *s);
/* MATCH, COUNT and, with_type, TYPE from argument n on; false: it has replied. */
bool scan_parse_options(struct exec *x, uint32_t n, bool with_type, struct scan *s);

/* False when the step ends before the element at position. Behind count elements, but never between
 * two of one position: no cursor could tell them apart. */
bool scan_step(struct scan *s, uint64_t position);
bool scan_matches(const struct scan *s, struct bytes name);
void scan_found(struct scan *s, struct bytes b);

/* Replies with the next cursor and what was found; frees it. */
void scan_reply(struct exec *x, struct scan *s);

#endif
