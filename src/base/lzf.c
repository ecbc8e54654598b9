/* lzf.c -- a table remembers where each hash of three bytes was met last; a match there that is
 * near enough becomes a reference, all else literals. */

#include "base/lzf.h"

#define HASH_BITS 13
#define LITERALS_MAX 32
#define DISTANCE_MAX 8192
#define MATCH_MIN 3
#define MATCH_MAX 264
#define SHORT_MATCH_MAX 8

static uint32_t hash_of(const uint8_t *at)
{
    const uint32_t three = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
    return three * 2654435761u >> (32 - HASH_BITS);
}

struct output {
    uint8_t *bytes;
    size_t size, max;
};

static bool put_literals(struct output *o, const uint8_t *from, size_t count)
{
    while (count > 0) {
        const size_t run = MIN(count, LITERALS_MAX);
        if (o->max - o->size < run + 1)
            return false;
        o->bytes[o->size++] = (uint8_t)(run - 1);
        memcpy(o->bytes + o->size, from, run);
        o->size += run;
        from += run;
        count -= run;
    }
    return true;
}

static bool put_match(struct output *o, size_t distance, size_t count)
{
    if (o->max - o->size < 3)
        return false;
    const size_t back = distance - 1;
    if (count <= SHORT_MATCH_MAX) {
        o->bytes[o->size++] = (uint8_t)((count - 2) << 5 | back >> 8);
    } else {
        o->bytes[o->size++] = (uint8_t)(7 << 5 | back >> 8);
        o->bytes[o->size++] = (uint8_t)(count - 9);
    }
    o->bytes[o->size++] = (uint8_t)back;
    return true;
}

/* How many bytes at a and b are the same, b being the later one. */
static size_t match_size(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const size_t max = MIN((size_t)(end - b), MATCH_MAX);
    size_t size = 0;
    while (size < max && a[size] == b[size])
        size++;
    return size;
}

size_t lzf_compress(struct bytes in, uint8_t *out, size_t out_max)
{
    const uint8_t *data = bytes_data(in);
    size_t met[1 << HASH_BITS] = {0}; /* position + 1 */
    struct output o = {out, 0, out_max};
    size_t at = 0, literals = 0; /* from where on nothing is written yet */
    while (at + MATCH_MIN <= in.size) {
        size_t *slot = &met[hash_of(data + at)];
        const size_t before = *slot;
        *slot = at + 1;
        size_t size = 0;
        if (before > 0 && at + 1 - before <= DISTANCE_MAX)
            size = match_size(data + before - 1, data + at, data + in.size);
        if (size < MATCH_MIN) {
            at++;
            continue;
        }
        if (!put_literals(&o, data + literals, at - literals) ||
            !put_match(&o, at + 1 - before, size))
            return 0;
        at += size;
        literals = at;
    }
    return put_literals(&o, data + literals, in.size - literals) ? o.size : 0;
}

bool lzf_decompress(struct bytes in, uint8_t *out, size_t out_size)
{
    const uint8_t *next = bytes_data(in);
    size_t left = in.size, written = 0;
    while (left > 0) {
        const uint8_t control = *next++;
        size_t count = control >> 5;
        left--;
        if (count == 0) {
            count = (size_t)control + 1;
            if (count > left || count > out_size - written)
                return false;
            memcpy(out + written, next, count);
            next += count;
            left -= count;
            written += count;
            continue;
        }
        if (left < (count == 7 ? 2u : 1u))
            return false;
        if (count == 7) {
            count += *next++;
            left--;
        }
        count += 2;
        const size_t distance = ((size_t)(control & 0x1f) << 8 | *next++) + 1;
        left--;
        if (distance > written || count > out_size - written)
            return false;
        for (; count > 0; count--, written++) /* byte by byte: the two may overlap */
            out[written] = out[written - distance];
    }
    return written == out_size;
}
