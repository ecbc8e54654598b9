/* bytes.h -- a borrowed run of bytes. It never owns; it may be empty, and data NULL then. */

#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const void *data;
    size_t size;
};

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})
#define BYTES_NONE ((struct bytes){NULL, 0})

#define INT64_DIGITS 21 /* "-9223372036854775808" and a NUL */

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ARRAY_COUNT(array) (sizeof(array) / sizeof(*(array)))
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

static inline struct bytes bytes_from_string(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static inline const uint8_t *bytes_data(struct bytes b)
{
    return (const uint8_t *)b.data;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Byte order, a prefix before what it begins: < 0, 0, > 0, as memcmp. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    const size_t size = MIN(a.size, b.size);
    const int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

static inline bool bytes_has_prefix(struct bytes b, struct bytes prefix)
{
    return b.size >= prefix.size && bytes_equal(bytes_of(b.data, prefix.size), prefix);
}

/* The bytes from position from on; empty when from is at or behind the end. */
static inline struct bytes bytes_from(struct bytes b, size_t from)
{
    if (from >= b.size)
        return BYTES_NONE;
    return (struct bytes){(const char *)b.data + from, b.size - from};
}

/* Equal but for the case of ASCII letters (commands, options, settings). */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
bool bytes_equal_nocase_string(struct bytes a, const char *b);

/* Redis's string2ll: an optional '-', digits without leading zeros or spaces, in range of int64_t;
 * nothing else. False, and *value untouched, otherwise. */
bool bytes_to_int64(struct bytes b, int64_t *value);
bool bytes_to_uint64(struct bytes b, uint64_t *value);

/* Decimal digits of value, written into digits. */
struct bytes bytes_from_int64(int64_t value, char digits[static INT64_DIGITS]);
struct bytes bytes_from_uint64(uint64_t value, char digits[static INT64_DIGITS]);

#endif
