/* resp_read.h -- requests out of a connection's bytes, multibulk and inline, as in Redis 7.0.
 *
 *     *2\r\n$3\r\nGET\r\n$1\r\nk\r\n        GET "k"\r\n
 *
 * The caller keeps one reader and one input buffer per connection. It gives all bytes from the
 * first unconsumed one on, each time; the reader remembers how far it got, by offsets, so the bytes
 * may have moved meanwhile and none is looked at twice:
 *
 *     NEED_MORE  read more bytes (out->missing says how many at least), come again
 *     REQUEST    use out->args, then consume out->consumed bytes of the buffer, come again
 *     PROTOCOL_ERROR  send out->error, close: what follows has no meaning
 *
 * Invariants:
 *   1. Work is linear in the bytes that arrive, however they are cut.
 *   2. Memory grows with bytes that are here, never with a number that a client has sent. */

#ifndef RESP_READ_H
#define RESP_READ_H

#include "base/buf.h"

#define RESP_BULK_MAX ((size_t)512 << 20)   /* proto-max-bulk-len's default */
#define RESP_ARGS_MAX ((size_t)2147483647)  /* Redis 7.0: INT_MAX */
#define RESP_INLINE_MAX ((size_t)64 * 1024) /* a line without an end: inline, or of a length */
#define RESP_UNAUTHENTICATED_ARGS_MAX 10    /* what somebody unknown may make us keep */
#define RESP_UNAUTHENTICATED_BULK_MAX 16384

struct resp_limits {
    size_t bulk_max, args_max, inline_max;
    bool authenticated; /* false while the connection has to AUTH first */
};

#define RESP_LIMITS_DEFAULT \
    ((struct resp_limits){RESP_BULK_MAX, RESP_ARGS_MAX, RESP_INLINE_MAX, true})

enum resp_result { RESP_NEED_MORE, RESP_REQUEST, RESP_PROTOCOL_ERROR };

struct resp_request {
    const struct bytes *args; /* slices of input, or of the reader's memory; until the next call */
    size_t arg_count;         /* 0: an empty request (a bare line, "*0"), nothing to do */
    size_t consumed;          /* bytes of input that the request took */
    size_t missing;           /* at NEED_MORE: bytes without which coming again is pointless */
    struct bytes error;       /* at PROTOCOL_ERROR: "ERR Protocol error: ..."; for resp_error() */
};

#define RESP_ERROR_SIZE_MAX 96

struct resp_reader {
    struct bytes *args; /* while a request is incomplete, data is an offset into input */
    size_t arg_count, arg_capacity;
    size_t args_expected; /* 0 = the count line of a multibulk is not read yet */
    size_t position;      /* where the next line or the bulk begins */
    size_t scanned;       /* no end of a line before this */
    size_t bulk_size;     /* of the bulk that begins at position */
    bool in_bulk;
    struct buf words; /* the arguments of an inline request, unquoted */
    char error[RESP_ERROR_SIZE_MAX];
};

void resp_reader_init(struct resp_reader *r); /* { 0 } is the same */
void resp_reader_clear(struct resp_reader *r);

/* input is borrowed; it begins at the first byte that no REQUEST has consumed. After a
 * PROTOCOL_ERROR only resp_reader_clear() may follow. */
enum resp_result resp_read_next(struct resp_reader *r, struct bytes input,
                                const struct resp_limits *limits, struct resp_request *out);

#endif
