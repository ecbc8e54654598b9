/* crc64.c -- eight bytes at a time by eight tables ("slicing by 8"), made at the program's start,
 * before any thread. */

#include "base/crc64.h"

#include "base/encode.h"

#define POLYNOMIAL_REFLECTED 0x95ac9329ac4bc9b5u

static uint64_t tables[8][256];

__attribute__((constructor)) static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL_REFLECTED : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
}

uint64_t crc64(struct bytes b)
{
    const uint8_t *next = bytes_data(b);
    size_t left = b.size;
    uint64_t crc = 0;
    for (; left >= 8; left -= 8, next += 8) {
        const uint64_t word = get_le64(next) ^ crc;
        crc = 0;
        for (int t = 0; t < 8; t++)
            crc ^= tables[7 - t][word >> 8 * t & 0xff];
    }
    for (; left > 0; left--, next++)
        crc = crc >> 8 ^ tables[0][(crc ^ *next) & 0xff];
    return crc;
}
