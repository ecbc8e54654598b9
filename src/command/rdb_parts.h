/* rdb_parts.h -- what the files that read and write payloads (rdb.h) share: lengths and strings. */

#ifndef COMMAND_RDB_PARTS_H
#define COMMAND_RDB_PARTS_H

#include "command/rdb.h"

enum rdb_type { /* as the first byte says; modules' are none of ours */
    RDB_STRING = 0, RDB_LIST = 1, RDB_SET = 2, RDB_ZSET = 3, RDB_HASH = 4, RDB_ZSET_2 = 5,
    RDB_HASH_ZIPMAP = 9, RDB_LIST_ZIPLIST = 10, RDB_SET_INTSET = 11, RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13, RDB_LIST_QUICKLIST = 14, RDB_STREAM = 15, RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17, RDB_LIST_QUICKLIST_2 = 18, RDB_STREAM_2 = 19,
    RDB_HASH_TIMED = 24, RDB_HASH_TIMED_LISTPACK = 25, /* of 7.4: fields with deadlines */
    RDB_LIBRARY = 245,
};

enum rdb_node { RDB_NODE_PLAIN = 1, RDB_NODE_LISTPACK = 2 }; /* of RDB_LIST_QUICKLIST_2 */

/* A length's first byte: its two highest bits, or all of it. */
#define RDB_LENGTH_14 0x40
#define RDB_LENGTH_32 0x80
#define RDB_LENGTH_64 0x81
#define RDB_NO_LENGTH 0xc0 /* and in its other bits: */
enum rdb_string { RDB_INT8, RDB_INT16, RDB_INT32, RDB_COMPRESSED };

/* --- reading ---------------------------------------------------------------------------------- */

struct rdb_source {
    struct reader bytes;
    struct arena *arena;
    const struct rdb_limits *limits;
    struct rdb_value *value;
    enum rdb_result result; /* the first thing that was wrong */
    uint64_t unpacked;
    bool has_deadlines;     /* fields are told with them */
    char *numbers;          /* room for numbers as text */
    size_t numbers_left;
};

/* Each returns false when something is wrong, and has noted what. */
bool rdb_give_up(struct rdb_source *s, enum rdb_result result);
bool rdb_corrupt_unless(struct rdb_source *s, bool right);
bool rdb_read_length(struct rdb_source *s, uint64_t *length);
bool rdb_read_string(struct rdb_source *s, struct bytes *string);
/* Memory for what the payload tells in fewer bytes. */
bool rdb_unpack(struct rdb_source *s, uint64_t size, uint8_t **memory);

/* The value of RDB_STREAM or RDB_STREAM_2. */
bool rdb_read_stream(struct rdb_source *s, bool second_form);

/* --- writing ---------------------------------------------------------------------------------- */

void rdb_put_length(struct buf *out, uint64_t length);
void rdb_put_string(struct buf *out, struct bytes s);
void rdb_put_stream(struct object *o, struct buf *out);

#endif
