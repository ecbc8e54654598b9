/* prng.h -- a small generator (xoshiro256**, seeded by splitmix64): the same seed gives the same
 * numbers everywhere. Not for secrets; those come from prng_secret(). */

#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/bytes.h"

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
uint64_t prng_below(struct prng *p, uint64_t limit); /* 0 .. limit-1, unbiased; limit > 0 */
bool prng_chance(struct prng *p, uint32_t numerator, uint32_t denominator);
double prng_double(struct prng *p); /* [0, 1) with 53 bits */

/* Bytes from the system that nobody can guess. Panics when there are none. */
void prng_secret(void *to, size_t size);

#endif
