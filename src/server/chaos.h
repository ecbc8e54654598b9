/* chaos.h -- faults that an administrator orders (`chaos yes`, HTTP's /api/chaos): frames to and
 * from other nodes vanish, syncs of the log take longer. Set by the data loop, looked at by the
 * peer channel and the log writer: one relaxed load each while nothing is broken. */

#ifndef SERVER_CHAOS_H
#define SERVER_CHAOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CHAOS_CUTS_MAX 32

struct chaos {
    atomic_bool is_isolated; /* nothing out, nothing in */
    atomic_uint cut_count;
    atomic_uint_fast64_t cuts[CHAOS_CUTS_MAX]; /* nothing out to these nodes */
    atomic_uint slow_ms;                       /* before each sync of the log */
};

bool chaos_cut(struct chaos *c, uint64_t to); /* false: no more than so many */
void chaos_isolate(struct chaos *c);
void chaos_heal(struct chaos *c); /* links; not the disk */
void chaos_slow_disk(struct chaos *c, uint32_t ms);
bool chaos_is_broken(const struct chaos *c); /* anything */

bool chaos_drops_out(const struct chaos *c, uint64_t to);
bool chaos_drops_in(const struct chaos *c);
void chaos_disk(const struct chaos *c); /* waits, if that is ordered */

#endif
