/* meta.c -- the codec of key rows: see meta.h. */

#include "keyspace/meta.h"

#include "base/buf.h"
#include "base/panic.h"

enum meta_flags {
    HAS_DEADLINE = 1 << 0,
    HAS_ROWS = 1 << 1,
    HAS_FIELDS = 1 << 2,
};

bool meta_parse(struct bytes row, struct meta *m)
{
    struct reader r;
    reader_init(&r, row);
    const uint8_t flags = reader_u8(&r);
    *m = (struct meta){0};
    m->type = reader_u8(&r);
    m->encoding = reader_u8(&r);
    m->stamp = reader_le64(&r);
    m->size_bytes = reader_le64(&r);
    if (flags & HAS_DEADLINE)
        m->deadline = reader_le64(&r);
    if (flags & HAS_ROWS) {
        m->version = reader_le64(&r);
        m->count = reader_le64(&r);
    }
    if (flags & HAS_FIELDS)
        m->fields = reader_bytes(&r, reader_u8(&r));
    m->payload = bytes_of(r.next, reader_left(&r));
    return !r.failed;
}

void meta_decode(struct bytes row, struct meta *m)
{
    const bool is_one = meta_parse(row, m);
    CHECK(is_one);
}

size_t meta_size(const struct meta *m)
{
    return 19 + (m->deadline != 0 ? 8u : 0u) + (m->version != 0 ? 16u : 0u) +
           (m->fields.size > 0 ? 1 + m->fields.size : 0) + m->payload.size;
}

static uint8_t *write_bytes(uint8_t *to, struct bytes b)
{
    if (b.size > 0)
        memcpy(to, b.data, b.size);
    return to + b.size;
}

void meta_encode(const struct meta *m, uint8_t *to)
{
    CHECK(m->fields.size <= META_FIELDS_MAX);
    to[0] = (uint8_t)((m->deadline != 0 ? HAS_DEADLINE : 0) | (m->version != 0 ? HAS_ROWS : 0) |
                      (m->fields.size > 0 ? HAS_FIELDS : 0));
    to[1] = m->type;
    to[2] = m->encoding;
    put_le64(to + 3, m->stamp);
    put_le64(to + 11, m->size_bytes);
    to += 19;
    if (m->deadline != 0) {
        put_le64(to, m->deadline);
        to += 8;
    }
    if (m->version != 0) {
        put_le64(to, m->version);
        put_le64(to + 8, m->count);
        to += 16;
    }
    if (m->fields.size > 0) {
        *to++ = (uint8_t)m->fields.size;
        to = write_bytes(to, m->fields);
    }
    write_bytes(to, m->payload);
}
