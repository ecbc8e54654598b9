#include "base/sha1.h"

#include "base/encode.h"

#define BLOCK_SIZE 64

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

/* FIPS 180-4 §6.1.2: one block of the message into the running hash. */
static void add_block(uint32_t hash[static 5], const uint8_t *block)
{
    uint32_t schedule[80];
    for (unsigned t = 0; t < 16; t++)
        schedule[t] = get_be32(block + 4 * (size_t)t);
    for (unsigned t = 16; t < 80; t++)
        schedule[t] =
            rotate(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1);

    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (unsigned t = 0; t < 80; t++) {
        uint32_t mixed, constant;
        if (t < 20) {
            mixed = (b & c) | (~b & d);
            constant = 0x5a827999;
        } else if (t < 40) {
            mixed = b ^ c ^ d;
            constant = 0x6ed9eba1;
        } else if (t < 60) {
            mixed = (b & c) | (b & d) | (c & d);
            constant = 0x8f1bbcdc;
        } else {
            mixed = b ^ c ^ d;
            constant = 0xca62c1d6;
        }
        const uint32_t next = rotate(a, 5) + mixed + e + constant + schedule[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

void sha1(struct bytes b, uint8_t digest[static SHA1_SIZE])
{
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t done = 0;
    for (; b.size - done >= BLOCK_SIZE; done += BLOCK_SIZE)
        add_block(hash, bytes_data(b) + done);

    /* What is left, a 1 bit, zeros, and the size in bits fill one block or two. */
    uint8_t tail[2 * BLOCK_SIZE] = {0};
    const size_t left = b.size - done;
    if (left > 0)
        memcpy(tail, bytes_data(b) + done, left);
    tail[left] = 0x80;
    const size_t size = left + 1 + 8 <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;
    put_be64(tail + size - 8, (uint64_t)b.size * 8);
    for (size_t at = 0; at < size; at += BLOCK_SIZE)
        add_block(hash, tail + at);
    for (unsigned i = 0; i < 5; i++)
        put_be32(digest + 4 * (size_t)i, hash[i]);
}

void sha1_hex(struct bytes b, char hex[static SHA1_HEX_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA1_SIZE];
    sha1(b, digest);
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SHA1_HEX_SIZE] = '\0';
}
