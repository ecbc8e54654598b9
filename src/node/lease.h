/* lease.h -- the one value that both loops share: until when this node may read without asking.
 *
 * The consensus loop publishes it before it sends any message of the same flush; the data loop
 * loads it and only then reads the clock (ARCHITECTURE §3.2 step 3):
 *
 *     if (lease_load(lease, &value) && boot_us() < value.end_us)
 *         the read is confirmed at value.commit_index, judged by value.clock_ms
 *
 * A sequence lock: one writer, any number of readers, none of which waits for long. */

#ifndef NODE_LEASE_H
#define NODE_LEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lease {
    atomic_uint_fast64_t sequence; /* odd while it is written */
    atomic_uint_fast64_t end_us, commit_index, clock_ms;
};

struct lease_value {
    uint64_t end_us; /* CLOCK_BOOTTIME; 0 = void */
    uint64_t commit_index;
    uint64_t clock_ms; /* the leader's clock when it was published */
};

void lease_init(struct lease *l); /* void */
void lease_publish(struct lease *l, const struct lease_value *value);

/* false: void (the clock still has to be compared with end_us when it is true). */
bool lease_load(const struct lease *l, struct lease_value *value);

#endif
