/* encode.h -- fixed-width numbers in and out of bytes. Big-endian sorts as memcmp does and is used
 * for row keys; little-endian for values, log entries and wire messages. */

#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define ENCODE_PAIR(bits, order)                                                     \
    static inline void put_##order##bits(void *to, uint##bits##_t value)             \
    {                                                                                \
        const uint##bits##_t stored = hto##order##bits(value);                       \
        memcpy(to, &stored, sizeof(stored));                                         \
    }                                                                                \
    static inline uint##bits##_t get_##order##bits(const void *from)                 \
    {                                                                                \
        uint##bits##_t stored;                                                       \
        memcpy(&stored, from, sizeof(stored));                                       \
        return order##bits##toh(stored);                                             \
    }

ENCODE_PAIR(16, be)
ENCODE_PAIR(32, be)
ENCODE_PAIR(64, be)
ENCODE_PAIR(16, le)
ENCODE_PAIR(32, le)
ENCODE_PAIR(64, le)

#endif
