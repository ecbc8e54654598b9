/* resp_write.c -- replies into a buffer. No printf but for doubles that are not whole. */

#include "resp/resp_write.h"

#include <math.h>
#include <stdio.h>

#include "base/panic.h"

#define LINE_END_SIZE 2
#define HEAD_SIZE_MAX (1 + INT64_DIGITS + LINE_END_SIZE)
#define WHOLE_DOUBLE_MAX 1e15 /* below 1e17, %.17g writes whole numbers as their digits */

static uint8_t *put_line_end(uint8_t *to)
{
    to[0] = '\r';
    to[1] = '\n';
    return to + LINE_END_SIZE;
}

static uint8_t *put_bytes(uint8_t *to, struct bytes b)
{
    if (b.size == 0)
        return to;
    memcpy(to, b.data, b.size);
    return to + b.size;
}

/* "*3\r\n", "$11\r\n" */
static uint8_t *put_head(uint8_t *to, char kind, uint64_t number)
{
    *to++ = (uint8_t)kind;
    if (number < 10) {
        *to++ = (uint8_t)('0' + number);
    } else {
        char digits[INT64_DIGITS];
        to = put_bytes(to, bytes_from_uint64(number, digits));
    }
    return put_line_end(to);
}

static void commit_to(struct buf *b, const uint8_t *end)
{
    buf_commit(b, (size_t)(end - (buf_data(b) + b->size)));
}

static void write_line(struct buf *b, char kind, struct bytes text)
{
    uint8_t *to = buf_reserve(b, 1 + text.size + LINE_END_SIZE);
    *to++ = (uint8_t)kind;
    commit_to(b, put_line_end(put_bytes(to, text)));
}

void resp_simple(struct buf *b, struct bytes text)
{
    write_line(b, '+', text);
}

void resp_int64(struct buf *b, int64_t value)
{
    if (value >= 0) {
        commit_to(b, put_head(buf_reserve(b, HEAD_SIZE_MAX), ':', (uint64_t)value));
        return;
    }
    char digits[INT64_DIGITS];
    write_line(b, ':', bytes_from_int64(value, digits));
}

void resp_bulk(struct buf *b, struct bytes value)
{
    uint8_t *to = buf_reserve(b, HEAD_SIZE_MAX + value.size + LINE_END_SIZE);
    to = put_head(to, '$', value.size);
    commit_to(b, put_line_end(put_bytes(to, value)));
}

void resp_bulk_int64(struct buf *b, int64_t value)
{
    char digits[INT64_DIGITS];
    resp_bulk(b, bytes_from_int64(value, digits));
}

static bool is_line_end(uint8_t c)
{
    return c == '\r' || c == '\n';
}

void resp_error(struct buf *b, struct bytes text)
{
    while (text.size > 0 && is_line_end(bytes_data(text)[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_line_end(bytes_data(text)[0]))
        text = bytes_from(text, 1);
    const size_t before = b->size;
    write_line(b, '-', text);
    uint8_t *copy = buf_data(b) + before + 1;
    for (size_t i = 0; i < text.size; i++)
        if (is_line_end(copy[i]))
            copy[i] = ' ';
}

void resp_null(struct buf *b, enum resp_protocol p)
{
    buf_append_bytes(b, p == RESP2 ? BYTES("$-1\r\n") : BYTES("_\r\n"));
}

void resp_null_array(struct buf *b, enum resp_protocol p)
{
    buf_append_bytes(b, p == RESP2 ? BYTES("*-1\r\n") : BYTES("_\r\n"));
}

void resp_bool(struct buf *b, enum resp_protocol p, bool value)
{
    if (p == RESP2)
        resp_int64(b, value);
    else
        buf_append_bytes(b, value ? BYTES("#t\r\n") : BYTES("#f\r\n"));
}

struct bytes resp_double_text(double value, char text[static RESP_DOUBLE_SIZE])
{
    if (isnan(value))
        return BYTES("nan");
    if (isinf(value))
        return value > 0 ? BYTES("inf") : BYTES("-inf");
    if (fabs(value) < WHOLE_DOUBLE_MAX) {
        const int64_t whole = (int64_t)value;
        if ((double)whole == value && (whole != 0 || !signbit(value)))
            return bytes_from_int64(whole, text);
    }
    const int size = snprintf(text, RESP_DOUBLE_SIZE, "%.17g", value);
    CHECK(size > 0);
    CHECK(size < RESP_DOUBLE_SIZE);
    return bytes_of(text, (size_t)size);
}

void resp_double(struct buf *b, enum resp_protocol p, double value)
{
    char text[RESP_DOUBLE_SIZE];
    resp_double_digits(b, p, resp_double_text(value, text));
}

void resp_double_digits(struct buf *b, enum resp_protocol p, struct bytes digits)
{
    if (p == RESP2)
        resp_bulk(b, digits);
    else
        write_line(b, ',', digits);
}

void resp_big_number(struct buf *b, enum resp_protocol p, struct bytes digits)
{
    if (p == RESP2)
        resp_bulk(b, digits);
    else
        write_line(b, '(', digits);
}

void resp_verbatim(struct buf *b, enum resp_protocol p, const char format[static 3],
                   struct bytes text)
{
    if (p == RESP2) {
        resp_bulk(b, text);
        return;
    }
    const size_t size = 3 + 1 + text.size;
    uint8_t *to = buf_reserve(b, HEAD_SIZE_MAX + size + LINE_END_SIZE);
    to = put_head(to, '=', size);
    to = put_bytes(to, bytes_of(format, 3));
    *to++ = ':';
    commit_to(b, put_line_end(put_bytes(to, text)));
}

/* The head's first byte and number in this protocol. */
static uint8_t *put_aggregate(uint8_t *to, enum resp_protocol p, enum resp_kind kind, size_t count)
{
    if (p == RESP3)
        return put_head(to, (char)kind, count);
    CHECK(kind != RESP_ATTRIBUTE);
    return put_head(to, RESP_ARRAY, kind == RESP_MAP ? count * 2 : count);
}

void resp_aggregate(struct buf *b, enum resp_protocol p, enum resp_kind kind, size_t count)
{
    commit_to(b, put_aggregate(buf_reserve(b, HEAD_SIZE_MAX), p, kind, count));
}

void resp_array(struct buf *b, size_t count)
{
    resp_aggregate(b, RESP3, RESP_ARRAY, count); /* the same in both */
}

void resp_map(struct buf *b, enum resp_protocol p, size_t pairs)
{
    resp_aggregate(b, p, RESP_MAP, pairs);
}

void resp_set(struct buf *b, enum resp_protocol p, size_t count)
{
    resp_aggregate(b, p, RESP_SET, count);
}

void resp_push(struct buf *b, enum resp_protocol p, size_t count)
{
    resp_aggregate(b, p, RESP_PUSH, count);
}

void resp_attribute(struct buf *b, size_t pairs)
{
    resp_aggregate(b, RESP3, RESP_ATTRIBUTE, pairs);
}

void resp_defer_end(struct buf *b, size_t at, enum resp_protocol p, enum resp_kind kind,
                    size_t count)
{
    CHECK(at <= b->size);
    uint8_t head[HEAD_SIZE_MAX];
    const size_t head_size = (size_t)(put_aggregate(head, p, kind, count) - head);
    buf_reserve(b, head_size);
    uint8_t *to = buf_data(b) + at;
    memmove(to + head_size, to, b->size - at);
    memcpy(to, head, head_size);
    buf_commit(b, head_size);
}
