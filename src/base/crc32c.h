/* crc32c.h -- CRC-32C (Castagnoli), by the processor's instruction where it has one. */

#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/bytes.h"

/* The CRC of the bytes so far (0 at the start) continued over b. */
uint32_t crc32c(uint32_t crc, struct bytes b);

/* The same without the instruction: what machines that lack it run; for tests. */
uint32_t crc32c_table(uint32_t crc, struct bytes b);

#endif
