/* buf.h -- a growing run of bytes that owns its memory; also a queue of bytes (append at the end,
 * consume at the front). Pointers into it live until the next change. */

#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"
#include "base/status.h"

struct buf {
    uint8_t *memory;
    size_t start;    /* first byte in use */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes of memory */
};

void buf_init(struct buf *b);  /* empty, no memory; { 0 } is the same */
void buf_clear(struct buf *b); /* gives the memory back; empty again */
void buf_reset(struct buf *b); /* empty, keeps the memory */

static inline uint8_t *buf_data(const struct buf *b)
{
    return b->memory + b->start;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->size == 0 ? NULL : b->memory + b->start, b->size};
}

/* Room for size more bytes behind the last one; buf_commit() then makes the written ones count. */
uint8_t *buf_reserve(struct buf *b, size_t size);
void buf_commit(struct buf *b, size_t size);

void buf_append(struct buf *b, const void *data, size_t size);
void buf_append_bytes(struct buf *b, struct bytes bytes);
void buf_append_string(struct buf *b, const char *text);
void buf_append_u8(struct buf *b, uint8_t value);
void buf_append_le16(struct buf *b, uint16_t value);
void buf_append_le32(struct buf *b, uint32_t value);
void buf_append_le64(struct buf *b, uint64_t value);
void buf_append_be32(struct buf *b, uint32_t value);
void buf_append_be64(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops size bytes from the front; amortized constant time per byte. */
void buf_consume(struct buf *b, size_t size);

/* Cuts the end so that size bytes stay. */
void buf_truncate(struct buf *b, size_t size);

/* A cursor over borrowed bytes. Reading beyond the end sets failed and yields zeros, so a decoder
 * checks once, at its end. Nothing read from a peer can go wrong in another way. */
struct reader {
    const uint8_t *next, *end;
    bool failed;
};

void reader_init(struct reader *r, struct bytes b);
uint8_t reader_u8(struct reader *r);
uint16_t reader_le16(struct reader *r);
uint32_t reader_le32(struct reader *r);
uint64_t reader_le64(struct reader *r);
uint32_t reader_be32(struct reader *r);
uint64_t reader_be64(struct reader *r);
struct bytes reader_bytes(struct reader *r, size_t size); /* borrowed */
static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->next); }

#endif
