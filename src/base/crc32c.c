/* crc32c.c -- CRC-32C (polynomial 0x1EDC6F41, reflected 0x82F63B78, RFC 3720 appendix B.4).
 *
 * The processor's instruction takes 8 bytes at a time; without it eight tables do the same
 * ("slicing by 8"). Which one is chosen once, at the start of the program, before any thread. */

#include "base/crc32c.h"

#include "base/encode.h"

#define POLYNOMIAL 0x82f63b78u

static uint32_t tables[8][256];

static uint32_t crc_table(uint32_t crc, const uint8_t *next, size_t left)
{
    for (; left >= 8; left -= 8, next += 8) {
        const uint64_t word = get_le64(next) ^ crc;
        crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^
              tables[5][word >> 16 & 0xff] ^ tables[4][word >> 24 & 0xff] ^
              tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
              tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; left > 0; left--, next++)
        crc = crc >> 8 ^ tables[0][(crc ^ *next) & 0xff];
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_instruction(uint32_t crc,
                                                                  const uint8_t *next, size_t left)
{
    uint64_t wide = crc;
    for (; left >= 8; left -= 8, next += 8)
        wide = __builtin_ia32_crc32di(wide, get_le64(next));
    crc = (uint32_t)wide;
    for (; left > 0; left--, next++)
        crc = __builtin_ia32_crc32qi(crc, *next);
    return crc;
}
#endif

static uint32_t (*run)(uint32_t crc, const uint8_t *next, size_t left) = crc_table;

__attribute__((constructor)) static void choose(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        run = crc_instruction;
#endif
}

uint32_t crc32c(uint32_t crc, struct bytes b)
{
    return ~run(~crc, bytes_data(b), b.size);
}

uint32_t crc32c_table(uint32_t crc, struct bytes b)
{
    return ~crc_table(~crc, bytes_data(b), b.size);
}
