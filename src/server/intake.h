/* intake.h -- how much of clients' requests may be held before they are whole, all together.
 *
 * A value of many megabytes comes in pieces, and a thousand clients may each be in the middle of
 * one. While what all of them hold is above INTAKE_BYTES_MAX, those with large buffers are read no
 * further, but for one: the first in a queue, so that something gets done. If its client sends
 * nothing for a while, it is closed: else those who stop in the middle would hold up all others. So
 * memory is bounded by that much, one request, and what small requests take (CONN_READ_SIZE each).
 * What is whole and waits for room in the shard keeps its place. */

#ifndef SERVER_INTAKE_H
#define SERVER_INTAKE_H

#include "base/bytes.h"
#include "base/queue.h"

#define INTAKE_BYTES_MAX ((size_t)256 << 20)

struct conn;
struct server;

struct intake {
    uint64_t bytes;      /* of all connections' input buffers */
    struct queue large;  /* of connections that hold more than CONN_READ_SIZE, oldest first */
    size_t first_size;   /* bytes that the first of them held when it was looked at, */
    uint64_t first_us;   /* and since when it has been so */
    bool is_over;        /* some may not have been read for it */
    const struct conn *told; /* that it is the first; NULL: nobody was */
};

void intake_init(struct intake *i);
/* The connection's buffer has changed, or it is closed (and holds nothing). */
void intake_note(struct conn *c);
bool intake_may_read(const struct conn *c);
/* Each turn: lets go on who may. */
void intake_turn(struct server *s);

#endif
