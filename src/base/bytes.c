/* bytes.c -- comparisons without case, and numbers as decimal digits. */

#include "base/bytes.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(bytes_data(a)[i]) != lower(bytes_data(b)[i]))
            return false;
    return true;
}

bool bytes_equal_nocase_string(struct bytes a, const char *b)
{
    return bytes_equal_nocase(a, bytes_from_string(b));
}

/* Digits only, at least one, no leading zero but in "0" itself. */
bool bytes_to_uint64(struct bytes b, uint64_t *value)
{
    const uint8_t *digits = bytes_data(b);
    if (b.size == 0 || b.size > 20 || (digits[0] == '0' && b.size > 1))
        return false;

    uint64_t sum = 0;
    const size_t safe = MIN(b.size, 19); /* digits that cannot overflow: 10^19 < 2^64 */
    for (size_t i = 0; i < safe; i++) {
        const unsigned digit = (unsigned)digits[i] - '0';
        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    if (b.size == 20) {
        const unsigned digit = (unsigned)digits[19] - '0';
        if (digit > 9 || __builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool bytes_to_int64(struct bytes b, int64_t *value)
{
    const bool negative = b.size > 0 && bytes_data(b)[0] == '-';
    uint64_t magnitude;
    if (!bytes_to_uint64(negative ? bytes_from(b, 1) : b, &magnitude))
        return false;

    if (!negative) {
        if (magnitude > INT64_MAX)
            return false;
        *value = (int64_t)magnitude;
        return true;
    }
    if (magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1) /* "-0" is no number to Redis */
        return false;
    *value = -(int64_t)(magnitude - 1) - 1; /* INT64_MIN has no positive twin */
    return true;
}

/* Writes from the end of digits to the front; returns the position of the first one. */
static size_t digits_backwards(uint64_t value, char *digits)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    size_t at = INT64_DIGITS - 1;
    digits[at] = '\0';
    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + value * 2, 2);
        return at;
    }
    digits[--at] = (char)('0' + value);
    return at;
}

struct bytes bytes_from_int64(int64_t value, char digits[static INT64_DIGITS])
{
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t at = digits_backwards(magnitude, digits);
    if (value < 0)
        digits[--at] = '-';
    return bytes_of(digits + at, INT64_DIGITS - 1 - at);
}

struct bytes bytes_from_uint64(uint64_t value, char digits[static INT64_DIGITS])
{
    const size_t at = digits_backwards(value, digits);
    return bytes_of(digits + at, INT64_DIGITS - 1 - at);
}
