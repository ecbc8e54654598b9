#include "base/sha256.h"

#include "base/encode.h"

#define BLOCK_SIZE 64

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

static void fill_schedule(uint32_t schedule[static 64], const uint8_t *block)
{
    for (unsigned t = 0; t < 16; t++)
        schedule[t] = get_be32(block + 4 * (size_t)t);
    for (unsigned t = 16; t < 64; t++) {
        const uint32_t two = schedule[t - 2], fifteen = schedule[t - 15];
        schedule[t] = (rotate(two, 17) ^ rotate(two, 19) ^ two >> 10) + schedule[t - 7] +
                      (rotate(fifteen, 7) ^ rotate(fifteen, 18) ^ fifteen >> 3) + schedule[t - 16];
    }
}

/* FIPS 180-4 §6.2.2: one block of the message into the running hash. */
static void add_block(uint32_t hash[static 8], const uint8_t *block)
{
    uint32_t schedule[64], v[8]; /* v: the standard's a to h */
    fill_schedule(schedule, block);
    memcpy(v, hash, sizeof(v));
    for (unsigned t = 0; t < 64; t++) {
        const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                               choice + round_constants[t] + schedule[t];
        const uint32_t second =
            (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;
        memmove(v + 1, v, 7 * sizeof(*v));
        v[4] += first;
        v[0] = first + second;
    }
    for (unsigned i = 0; i < 8; i++)
        hash[i] += v[i];
}

void sha256(struct bytes b, uint8_t digest[static SHA256_SIZE])
{
    uint32_t hash[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
        0x1f83d9ab, 0x5be0cd19,
    };
    size_t done = 0;
    for (; b.size - done >= BLOCK_SIZE; done += BLOCK_SIZE)
        add_block(hash, bytes_data(b) + done);

    uint8_t tail[2 * BLOCK_SIZE] = {0}; /* the rest, a one, zeros, the size in bits */
    const size_t rest = b.size - done;
    if (rest > 0)
        memcpy(tail, bytes_data(b) + done, rest);
    tail[rest] = 0x80;
    const size_t tail_size = rest < BLOCK_SIZE - 8 ? BLOCK_SIZE : 2 * BLOCK_SIZE;
    put_be64(tail + tail_size - 8, (uint64_t)b.size * 8);
    for (size_t at = 0; at < tail_size; at += BLOCK_SIZE)
        add_block(hash, tail + at);
    for (unsigned i = 0; i < 8; i++)
        put_be32(digest + 4 * (size_t)i, hash[i]);
}

void sha256_hex(struct bytes b, char hex[static SHA256_HEX_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_SIZE];
    sha256(b, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SHA256_HEX_SIZE] = '\0';
}
