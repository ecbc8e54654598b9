/* siphash.c -- SipHash-2-4 as in Aumasson and Bernstein, "SipHash: a fast short-input PRF". */

#include "base/siphash.h"

#include "base/encode.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[static SIPHASH_KEY_SIZE], struct bytes b)
{
    const uint64_t k0 = get_le64(key);
    const uint64_t k1 = get_le64(key + 8);
    struct sip s = { /* "somepseudorandomlygeneratedbytes" */
        k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
        k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
    };

    const uint8_t *next = bytes_data(b);
    size_t left = b.size;
    for (; left >= 8; left -= 8, next += 8)
        sip_word(&s, get_le64(next));

    uint64_t last = (uint64_t)b.size << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)next[i] << (8 * i);
    sip_word(&s, last);

    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
