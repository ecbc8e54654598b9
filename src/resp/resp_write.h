/* resp_write.h -- replies into a buffer, in RESP2 or RESP3.
 *
 * Where the two differ a function takes the connection's protocol; in RESP2 a map is an array of
 * twice its count, a set an array, a double a bulk, and so on, as Redis 7.0 does it. Counts are of
 * elements (of pairs for maps and attributes); the elements follow by calls of their own. */

#ifndef RESP_WRITE_H
#define RESP_WRITE_H

#include "base/buf.h"

enum resp_protocol { RESP2 = 2, RESP3 = 3 };

enum resp_kind {
    RESP_ARRAY = '*',
    RESP_MAP = '%',
    RESP_SET = '~',
    RESP_PUSH = '>',
    RESP_ATTRIBUTE = '|', /* RESP3 only; the value that it speaks of follows it */
};

void resp_simple(struct buf *b, struct bytes text); /* "OK"; without line ends */
void resp_int64(struct buf *b, int64_t value);
void resp_bulk(struct buf *b, struct bytes value);
void resp_bulk_int64(struct buf *b, int64_t value); /* its digits as a bulk */

/* text with its code and without the '-': "ERR no such key". Line ends at its ends are dropped,
 * others become spaces. */
void resp_error(struct buf *b, struct bytes text);

void resp_null(struct buf *b, enum resp_protocol p);
void resp_null_array(struct buf *b, enum resp_protocol p);
void resp_bool(struct buf *b, enum resp_protocol p, bool value);

/* %.17g; inf, -inf, nan */
void resp_double(struct buf *b, enum resp_protocol p, double value);
void resp_double_digits(struct buf *b, enum resp_protocol p, struct bytes digits);
void resp_big_number(struct buf *b, enum resp_protocol p, struct bytes digits);

/* format: three letters, "txt" or "mkd" */
void resp_verbatim(struct buf *b, enum resp_protocol p, const char format[static 3],
                   struct bytes text);

void resp_array(struct buf *b, size_t count);
void resp_map(struct buf *b, enum resp_protocol p, size_t pairs);
void resp_set(struct buf *b, enum resp_protocol p, size_t count);
void resp_push(struct buf *b, enum resp_protocol p, size_t count);
void resp_attribute(struct buf *b, size_t pairs); /* never to a RESP2 connection */
void resp_aggregate(struct buf *b, enum resp_protocol p, enum resp_kind kind, size_t count);

/* An aggregate whose count is known only behind its last element:
 *
 *     const size_t at = resp_defer(b);
 *     ... elements, and aggregates within ...
 *     resp_defer_end(b, at, p, RESP_ARRAY, count);
 *
 * The end moves the elements to make room for the head (one memmove). Nothing may be consumed from
 * b in between. To take all back: buf_truncate(b, at). */
static inline size_t resp_defer(const struct buf *b)
{
    return b->size;
}
void resp_defer_end(struct buf *b, size_t at, enum resp_protocol p, enum resp_kind kind,
                    size_t count);

/* How a double is written in all replies and in rows: %.17g. Returns the digits, in text. */
#define RESP_DOUBLE_SIZE 32
struct bytes resp_double_text(double value, char text[static RESP_DOUBLE_SIZE]);

#endif
