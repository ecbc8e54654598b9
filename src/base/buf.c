/* buf.c -- a growing run of bytes, and the reader that decodes one.
 *
 *     memory  [ consumed | in use ........ | room ]
 *               start ---^   start + size -^      ^- capacity
 *
 * Invariant: start + size <= capacity. Consumed bytes are reused when they are at least as many as
 * those in use, so that moving costs each byte a constant. */

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"

#define CAPACITY_MIN 64

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    free(b->memory);
    buf_init(b);
}

void buf_reset(struct buf *b)
{
    b->start = 0;
    b->size = 0;
}

static void grow(struct buf *b, size_t needed)
{
    size_t capacity = MAX(b->capacity, CAPACITY_MIN);
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (b->start == 0) {
        b->memory = xrealloc(b->memory, capacity);
    } else {
        uint8_t *memory = xmalloc(capacity);
        memcpy(memory, b->memory + b->start, b->size);
        free(b->memory);
        b->memory = memory;
        b->start = 0;
    }
    b->capacity = capacity;
}

static void make_room(struct buf *b, size_t size)
{
    size_t needed;
    const bool overflow = __builtin_add_overflow(b->size, size, &needed);
    CHECK(!overflow);
    if (needed > b->capacity || b->start < b->size) { /* nearly full of bytes in use: double */
        grow(b, MAX(needed, b->capacity + 1));
        return;
    }
    if (b->size > 0)
        memcpy(b->memory, b->memory + b->start, b->size); /* apart, for start >= size */
    b->start = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t size)
{
    if (b->memory == NULL || size > b->capacity - b->start - b->size)
        make_room(b, size);
    return b->memory + b->start + b->size;
}

void buf_commit(struct buf *b, size_t size)
{
    CHECK(size <= b->capacity - b->start - b->size);
    b->size += size;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buf_reserve(b, size), data, size);
    b->size += size;
}

void buf_append_bytes(struct buf *b, struct bytes bytes)
{
    buf_append(b, bytes.data, bytes.size);
}

void buf_append_string(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_append_u8(struct buf *b, uint8_t value)
{
    *buf_reserve(b, 1) = value;
    b->size++;
}

void buf_append_le16(struct buf *b, uint16_t value)
{
    put_le16(buf_reserve(b, sizeof(value)), value);
    b->size += sizeof(value);
}

void buf_append_le32(struct buf *b, uint32_t value)
{
    put_le32(buf_reserve(b, sizeof(value)), value);
    b->size += sizeof(value);
}

void buf_append_le64(struct buf *b, uint64_t value)
{
    put_le64(buf_reserve(b, sizeof(value)), value);
    b->size += sizeof(value);
}

void buf_append_be32(struct buf *b, uint32_t value)
{
    put_be32(buf_reserve(b, sizeof(value)), value);
    b->size += sizeof(value);
}

void buf_append_be64(struct buf *b, uint64_t value)
{
    put_be64(buf_reserve(b, sizeof(value)), value);
    b->size += sizeof(value);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    size_t room = 128; /* enough for most lines; a longer one is printed twice */
    for (;;) {
        char *to = (char *)buf_reserve(b, room);
        va_list args;
        va_start(args, format);
        const int printed = vsnprintf(to, room, format, args);
        va_end(args);
        CHECK(printed >= 0);
        if ((size_t)printed < room) {
            b->size += (size_t)printed;
            return;
        }
        room = (size_t)printed + 1;
    }
}

void buf_consume(struct buf *b, size_t size)
{
    CHECK(size <= b->size);
    b->size -= size;
    b->start = b->size == 0 ? 0 : b->start + size;
}

void buf_truncate(struct buf *b, size_t size)
{
    CHECK(size <= b->size);
    b->size = size;
    if (size == 0)
        b->start = 0;
}

void reader_init(struct reader *r, struct bytes b)
{
    r->next = b.size == 0 ? (const uint8_t *)"" : bytes_data(b);
    r->end = r->next + b.size;
    r->failed = false;
}

/* The next size bytes, or NULL when there are not so many: then and from then on all reads fail. */
static const uint8_t *take(struct reader *r, size_t size)
{
    if (r->failed || size > reader_left(r)) {
        r->failed = true;
        r->next = r->end;
        return NULL;
    }
    const uint8_t *taken = r->next;
    r->next += size;
    return taken;
}

uint8_t reader_u8(struct reader *r)
{
    const uint8_t *from = take(r, 1);
    return from == NULL ? 0 : *from;
}

uint16_t reader_le16(struct reader *r)
{
    const uint8_t *from = take(r, 2);
    return from == NULL ? 0 : get_le16(from);
}

uint32_t reader_le32(struct reader *r)
{
    const uint8_t *from = take(r, 4);
    return from == NULL ? 0 : get_le32(from);
}

uint64_t reader_le64(struct reader *r)
{
    const uint8_t *from = take(r, 8);
    return from == NULL ? 0 : get_le64(from);
}

uint32_t reader_be32(struct reader *r)
{
    const uint8_t *from = take(r, 4);
    return from == NULL ? 0 : get_be32(from);
}

uint64_t reader_be64(struct reader *r)
{
    const uint8_t *from = take(r, 8);
    return from == NULL ? 0 : get_be64(from);
}

struct bytes reader_bytes(struct reader *r, size_t size)
{
    const uint8_t *from = take(r, size);
    return from == NULL ? BYTES_NONE : bytes_of(from, size);
}
