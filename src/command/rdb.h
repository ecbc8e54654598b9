/* rdb.h -- values as bytes in the form of Redis 7.0 (RDB version 10): what DUMP gives and RESTORE
 * takes. Written as Redis writes them; read in all forms that Redis 7.0 reads.
 *
 *     type:1  value  version:2  crc64:8        the numbers of this footer are little-endian
 *
 * A payload is anybody's bytes. It is read whole into a struct rdb_value, checked, before a row is
 * written; memory is bounded by the payload's size and by limits, not by counts that it tells. */

#ifndef COMMAND_RDB_H
#define COMMAND_RDB_H

#include "base/arena.h"
#include "base/buf.h"
#include "keyspace/keyspace.h"

struct object;
struct settings;

struct rdb_limits {
    uint64_t elements_max;
    uint64_t unpacked_max; /* bytes that compressed strings may unpack to, together */
};

enum rdb_result {
    RDB_OK,
    RDB_WRONG_FOOTER,
    RDB_CORRUPT,
    RDB_TOO_MANY, /* elements */
    RDB_TOO_LARGE,
};

struct rdb_value {
    enum type type;
    bool from_blob;          /* listpack, ziplist: Redis looks at its count alone */
    struct bytes *elements;  /* string: one; hash: fields and values in turn; owned */
    double *scores;          /* zset: one for each element; owned */
    size_t count, capacity;
};

/* Payload with its footer. Elements are borrowed from it and from arena. Clear *v, whatever the
 * result is. Whether members or fields are there twice is not looked at. */
enum rdb_result rdb_read(struct bytes payload, const struct rdb_limits *limits,
                         struct arena *arena, struct rdb_value *v);
void rdb_value_clear(struct rdb_value *v);

/* Appends the payload, with its footer, of an object that is there. */
void rdb_write(struct object *o, const struct settings *settings, struct buf *out);

/* --- shared by reading and writing ------------------------------------------------------------ */

#define RDB_VERSION 10
#define RDB_FOOTER_SIZE 10

enum rdb_type { /* as the first byte says; modules' are none of ours */
    RDB_STRING = 0, RDB_LIST = 1, RDB_SET = 2, RDB_ZSET = 3, RDB_HASH = 4, RDB_ZSET_2 = 5,
    RDB_HASH_ZIPMAP = 9, RDB_LIST_ZIPLIST = 10, RDB_SET_INTSET = 11, RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13, RDB_LIST_QUICKLIST = 14, RDB_STREAM = 15, RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17, RDB_LIST_QUICKLIST_2 = 18, RDB_STREAM_2 = 19,
};

enum rdb_node { RDB_NODE_PLAIN = 1, RDB_NODE_LISTPACK = 2 }; /* of RDB_LIST_QUICKLIST_2 */

/* A length's first byte: its two highest bits, or all of it. */
#define RDB_LENGTH_14 0x40
#define RDB_LENGTH_32 0x80
#define RDB_LENGTH_64 0x81
#define RDB_NO_LENGTH 0xc0 /* and in its other bits: */
enum rdb_string { RDB_INT8, RDB_INT16, RDB_INT32, RDB_COMPRESSED };

#endif
