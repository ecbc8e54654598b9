/* rdb.h -- values as bytes in the form of Redis 7.0 (RDB version 10): what DUMP gives and RESTORE
 * takes. Written as Redis writes them; read in all forms that Redis 7.0 reads. A hash whose fields
 * have deadlines is written as 7.4 does (version 12; its types HASH_METADATA and, read only,
 * HASH_LISTPACK_EX): a Redis that would lose them refuses it.
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
struct rdb_stream;
struct settings;

#define RDB_VERSION 10
#define RDB_VERSION_TIMED 12
#define RDB_LEVEL_TIMED 2 /* feature level from which on all members write and take those */
#define RDB_FOOTER_SIZE 10

struct rdb_limits {
    bool takes_timed; /* hashes whose fields have deadlines */
    uint64_t elements_max;
    uint64_t unpacked_max; /* bytes that the payload tells in fewer: strings that are compressed,
                            * names that entries of a stream have in common */
};

enum rdb_result {
    RDB_OK,
    RDB_WRONG_FOOTER,
    RDB_CORRUPT,
    RDB_TOO_MANY, /* elements */
    RDB_TOO_LARGE,
    RDB_NO_LIBRARY, /* of rdb_read_libraries: something else stands there */
};

struct rdb_value {
    enum type type;
    bool from_blob;          /* listpack, ziplist: Redis looks at its count alone */
    struct bytes *elements;  /* string: one; hash: fields and values in turn; owned */
    double *scores;          /* zset: one for each element; owned */
    uint64_t *deadlines;     /* hash: at each field's place, 0: none; NULL: of no field; owned */
    size_t count, capacity;
    struct rdb_stream *stream; /* rdb_stream.h; owned */
};

/* Payload with its footer. Elements are borrowed from it and from arena. Clear *v, whatever the
 * result is. Whether members or fields are there twice is not looked at. */
enum rdb_result rdb_read(struct bytes payload, const struct rdb_limits *limits,
                         struct arena *arena, struct rdb_value *v);
void rdb_value_clear(struct rdb_value *v);
/* The version that a payload's footer has at most, by the payload's first byte. */
uint16_t rdb_version_of(uint8_t rdb_type);

/* Appends the payload, with its footer, of an object that is there; timed: with the deadlines of
 * its fields. */
void rdb_write(struct object *o, const struct settings *settings, bool timed, struct buf *out);

/* The payload of FUNCTION DUMP: rdb_put_library() for each library's source, then the footer over
 * all that out holds from begun on. Read: the sources are v's elements, as of rdb_read(). */
void rdb_put_library(struct buf *out, struct bytes source);
void rdb_put_footer(struct buf *out, size_t begun);
enum rdb_result rdb_read_libraries(struct bytes payload, const struct rdb_limits *limits,
                                   struct arena *arena, struct rdb_value *v);

#endif
