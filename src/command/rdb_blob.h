/* rdb_blob.h -- the blobs of elements that stand in Redis's dumps: listpacks, which Redis 7.0
 * writes, and ziplists, zipmaps and intsets of it and of older ones. Numbers are little-endian.
 *
 *     listpack  size:4 count:2 { head [text] back } ff        back: the element's size
 *     ziplist   size:4 last:4 count:2 { back of the one before, head [text] } ff
 *     zipmap    count:1 { size field size free:1 value unused } ff
 *     intset    width:4 count:4 { number:width }
 *
 * Reading takes any bytes. It trusts no size and no count: an element is given when it lies within
 * the blob; blob_is_whole() tells at the end whether all that the blob says of itself is true. */

#ifndef COMMAND_RDB_BLOB_H
#define COMMAND_RDB_BLOB_H

#include "base/buf.h"

enum blob_form { BLOB_LISTPACK, BLOB_ZIPLIST, BLOB_ZIPMAP, BLOB_INTSET };

struct blob {
    enum blob_form form;
    struct bytes bytes;
    struct reader left;    /* elements not given yet, and the end mark */
    uint64_t promised;     /* elements, as the head says; */
    bool is_promised;      /* false: it does not say */
    uint64_t count;        /* given */
    size_t element_size;   /* ziplist: of the last one */
    int64_t last_number;   /* intset: the last one */
    bool failed;
};

struct blob_element {
    bool is_number;
    int64_t number;
    struct bytes text; /* borrowed; of one that is no number */
};

void blob_open(struct blob *b, enum blob_form form, struct bytes bytes);
/* False: there are no more, or what comes is none. */
bool blob_next(struct blob *b, struct blob_element *e);
/* Nothing is left but the end. */
bool blob_at_end(const struct blob *b);
/* After blob_next() returned false, or at the end. */
bool blob_is_whole(const struct blob *b);

/* --- writing listpacks ------------------------------------------------------------------------ */

#define LISTPACK_HEAD_SIZE 6 /* and one byte at the end */
#define LISTPACK_SIZE_MAX ((size_t)1 << 30) /* as large as Redis lets one grow */

void listpack_begin(struct buf *b); /* b is empty */
void listpack_append(struct buf *b, struct bytes element); /* digits of a number as that */
void listpack_append_int64(struct buf *b, int64_t number);
void listpack_end(struct buf *b, uint64_t count);

#endif
