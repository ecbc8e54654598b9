/* meta.h -- the bytes of key rows and of the rows that hang on them (ARCHITECTURE §6.2).
 *
 *   "K" db:4 pos:8 name  ->  flags:1 type:1 encoding:1 stamp:8 bytes:8
 *                            [deadline:8] [version:8 count:8] [fields size:1 fields] payload
 *   "I" version:8 space:1 subkey  ->  element
 *   "X" deadline:8 db:4 pos:8 name  ->  nothing
 *   "G" version:8, "G" db:4  ->  estimated rows:8
 *
 * Numbers in keys are big-endian, in values little-endian. Payload: a string's value or a packed
 * map; nothing when there is a version, whose item rows hold it. */

#ifndef KEYSPACE_META_H
#define KEYSPACE_META_H

#include "base/bytes.h"
#include "base/encode.h"

#define META_KEY_NAME 13   /* where the name begins in a K row's key */
#define EXPIRY_KEY_NAME 21 /* and in an X row's */
#define ITEM_KEY_SUBKEY 10
#define META_FIELDS_MAX 96

struct meta {
    uint8_t type, encoding;
    uint64_t stamp, size_bytes;
    uint64_t deadline;       /* 0: none */
    uint64_t version, count; /* 0, 0: packed, or a string in the row */
    struct bytes fields;
    struct bytes payload;
};

/* Borrows from row. A row that makes no sense panics: we wrote it, and the store checks its
 * bytes. */
void meta_decode(struct bytes row, struct meta *m);
/* The same of any bytes; false: they are no such row. */
bool meta_parse(struct bytes row, struct meta *m);
size_t meta_size(const struct meta *m);
void meta_encode(const struct meta *m, uint8_t *to); /* meta_size() bytes */

/* pos of a key: its slot, then bits of its hash. */
uint64_t meta_position(const uint8_t *hash_key, struct bytes name);

static inline void meta_key(uint8_t *to, uint32_t db, uint64_t position, struct bytes name)
{
    to[0] = 'K';
    put_be32(to + 1, db);
    put_be64(to + 5, position);
    if (name.size > 0)
        memcpy(to + META_KEY_NAME, name.data, name.size);
}

static inline void item_key(uint8_t *to, uint64_t version, uint8_t space)
{
    to[0] = 'I';
    put_be64(to + 1, version);
    to[9] = space;
}

static inline uint32_t meta_key_db(struct bytes key)
{
    return get_be32(bytes_data(key) + 1);
}

static inline uint64_t meta_key_position(struct bytes key)
{
    return get_be64(bytes_data(key) + 5);
}

#endif
