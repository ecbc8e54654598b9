/* linear.h -- is a history of operations on one register linearizable?
 *
 *   client 1   |--- SET 5 ---|
 *   client 2         |-- GET -> 5 --|          fits:   SET 5, GET 5, INCR 6
 *   client 3                    |- INCR -> 6 -|
 *
 * The search of Wing and Gong with Lowe's memory of (operations placed, state) pairs. An operation
 * whose outcome nobody knows (the client died, -UNCERTAIN) may take effect at any time after its
 * start, or never. One that certainly did nothing is left out by the caller. Keys are checked one
 * by one: linearizability is local (Herlihy and Wing 1990). */

#ifndef SIM_LINEAR_H
#define SIM_LINEAR_H

#include "base/bytes.h"

#define LINEAR_ABSENT INT64_MIN      /* the register's state before the first write, or after DEL */
#define LINEAR_NEVER_ENDED UINT64_MAX

enum linear_kind {
    LINEAR_GET,   /* result: the value, or LINEAR_ABSENT */
    LINEAR_SET,   /* argument: the value */
    LINEAR_INCR,  /* result: the new value; absent counts as 0 */
    LINEAR_CAS,   /* argument: expected, argument2: new; result: 1 done, 0 another value */
    LINEAR_DEL,   /* result: 1 there was something, 0 not */
};

struct linear_op {
    uint64_t start, end; /* end LINEAR_NEVER_ENDED: the result is not known */
    enum linear_kind kind;
    int64_t argument, argument2, result;
};

enum linear_verdict { LINEAR_OK, LINEAR_VIOLATED, LINEAR_GAVE_UP };

/* ops in any order, count of them, all on one register that starts as initial. steps_max bounds the
 * search. On LINEAR_VIOLATED *culprit is the position of an operation that could never be placed:
 * the one that ended first among those the furthest search got stuck at. */
enum linear_verdict linear_check(const struct linear_op *ops, size_t count, int64_t initial,
                                 uint64_t steps_max, size_t *culprit);

#endif
