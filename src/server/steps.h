/* steps.h -- when a write of one connection came where, for who follows it (HTTP's /api/command).
 * Shared by the connection, which tells it once, before the reply leaves, and by who made it. */

#ifndef SERVER_STEPS_H
#define SERVER_STEPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

struct steps {
    atomic_int users;
    atomic_bool is_told; /* then, wall clock in us: */
    uint64_t proposed_us, committed_us, applied_us;
    uint64_t persisted_us; /* on this node's disk; 0: not before it was committed by the others */
    uint64_t index;        /* of its entry */
};

struct steps *steps_new(void);        /* for one user */
struct steps *steps_use(struct steps *t);
void steps_drop(struct steps *t); /* NULL: nothing */

/* A reply is complete, of the entry that is being applied, if any is. */
void steps_tell(struct steps *t, struct server *s);

#endif
