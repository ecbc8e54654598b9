#include "base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct bytes b, struct buf *text)
{
    const uint8_t *from = bytes_data(b);
    for (size_t i = 0; i < b.size; i += 3) {
        const size_t count = MIN(b.size - i, 3);
        uint32_t bits = (uint32_t)from[i] << 16;
        if (count > 1)
            bits |= (uint32_t)from[i + 1] << 8;
        if (count > 2)
            bits |= from[i + 2];
        for (size_t n = 0; n < 4; n++)
            buf_append_u8(text, n <= count ? (uint8_t)letters[bits >> (18 - 6 * n) & 63] : '=');
    }
}

/* -1: none of the letters */
static int value_of(uint8_t letter)
{
    const char *at = letter == '\0' ? NULL : strchr(letters, letter);
    return at == NULL ? -1 : (int)(at - letters);
}

/* Four letters, of which the last padding are '='. */
static bool decode_four(const uint8_t *four, size_t padding, struct buf *bytes)
{
    uint32_t bits = 0;
    for (size_t n = 0; n < 4; n++) {
        const int value = n < 4 - padding ? value_of(four[n]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if (padding > 0 && (bits & ((1u << (8 * padding)) - 1)) != 0)
        return false; /* another text for the same bytes */
    for (size_t n = 0; n < 3 - padding; n++)
        buf_append_u8(bytes, (uint8_t)(bits >> (16 - 8 * n)));
    return true;
}

bool base64_decode(struct bytes text, struct buf *bytes)
{
    const uint8_t *from = bytes_data(text);
    if (text.size % 4 != 0)
        return false;
    for (size_t i = 0; i < text.size; i += 4) {
        size_t padding = 0;
        if (i + 4 == text.size)
            padding = from[i + 3] != '=' ? 0 : from[i + 2] != '=' ? 1 : 2;
        if (!decode_four(from + i, padding, bytes))
            return false;
    }
    return true;
}
