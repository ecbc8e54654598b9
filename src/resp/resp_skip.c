/* resp_skip.c -- replies are counted, not nested: `pending` values are still to come, and an
 * aggregate adds its elements to them. So no depth of nesting can hurt. */

#include "resp/resp_skip.h"

/* The line at position at, without its kind byte and its end. */
static enum resp_skip take_line(struct bytes b, size_t *at, struct bytes *line)
{
    const struct bytes rest = bytes_from(b, *at + 1);
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\r', rest.size);
    if (end == NULL)
        return RESP_SKIP_MORE;
    *line = bytes_of(rest.data, (size_t)(end - bytes_data(rest)));
    if (line->size + 1 == rest.size)
        return RESP_SKIP_MORE;
    if (end[1] != '\n')
        return RESP_SKIP_BAD;
    *at += 1 + line->size + 2;
    return RESP_SKIP_DONE;
}

/* The run of size bytes, and its line end, at position at. */
static enum resp_skip take_run(struct bytes b, size_t *at, uint64_t size)
{
    const struct bytes rest = bytes_from(b, *at);
    if (rest.size < size || rest.size - size < 2)
        return RESP_SKIP_MORE;
    if (memcmp(bytes_data(rest) + size, "\r\n", 2) != 0)
        return RESP_SKIP_BAD;
    *at += (size_t)size + 2;
    return RESP_SKIP_DONE;
}

/* How many values follow an aggregate's head. */
static bool elements_of(uint8_t kind, uint64_t count, uint64_t *elements)
{
    *elements = count;
    if (kind == '%' || kind == '|')
        return !__builtin_mul_overflow(count, 2u, elements) &&
               !__builtin_add_overflow(*elements, kind == '|' ? 1u : 0u, elements);
    return true;
}

/* One value without its elements. */
static enum resp_skip take_value(struct bytes b, size_t *at, uint64_t *pending)
{
    const uint8_t kind = bytes_data(b)[*at];
    if (memchr("+-:_#,($=!*~>%|", kind, 15) == NULL)
        return RESP_SKIP_BAD;
    struct bytes line;
    const enum resp_skip result = take_line(b, at, &line);
    if (result != RESP_SKIP_DONE || memchr("+-:_#,(", kind, 7) != NULL)
        return result;

    if (bytes_equal(line, BYTES("-1")) && (kind == '$' || kind == '*'))
        return RESP_SKIP_DONE; /* RESP2's nulls */
    uint64_t number, elements;
    if (!bytes_to_uint64(line, &number))
        return RESP_SKIP_BAD;
    if (kind == '$' || kind == '=' || kind == '!')
        return take_run(b, at, number);
    if (!elements_of(kind, number, &elements) ||
        __builtin_add_overflow(*pending, elements, pending))
        return RESP_SKIP_BAD;
    return RESP_SKIP_DONE;
}

enum resp_skip resp_skip(struct bytes b, size_t *size)
{
    size_t at = 0;
    for (uint64_t pending = 1; pending > 0; pending--) {
        if (at >= b.size)
            return RESP_SKIP_MORE;
        const enum resp_skip result = take_value(b, &at, &pending);
        if (result != RESP_SKIP_DONE)
            return result;
    }
    *size = at;
    return RESP_SKIP_DONE;
}
