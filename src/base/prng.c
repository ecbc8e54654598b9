/* prng.c -- xoshiro256** (Blackman and Vigna), seeded by splitmix64 as its authors advise. */

#include "base/prng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/panic.h"

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void prng_seed(struct prng *p, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_COUNT(p->state); i++)
        p->state[i] = splitmix64(&seed);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Numbers below 2^64 mod limit are drawn again: what is left is a whole multiple of limit. */
uint64_t prng_below(struct prng *p, uint64_t limit)
{
    CHECK(limit > 0);
    const uint64_t rejected = (0 - limit) % limit;
    uint64_t x;
    do
        x = prng_next(p);
    while (x < rejected);
    return x % limit;
}

bool prng_chance(struct prng *p, uint32_t numerator, uint32_t denominator)
{
    return prng_below(p, denominator) < numerator;
}

double prng_double(struct prng *p)
{
    return (double)(prng_next(p) >> 11) * 0x1p-53;
}

void prng_secret(void *to, size_t size)
{
    uint8_t *next = to;
    while (size > 0) {
        const ssize_t got = getrandom(next, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            panic("getrandom: %s", strerror(errno));
        next += got;
        size -= (size_t)got;
    }
}
