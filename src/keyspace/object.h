/* object.h -- one key: its meta row, and its value as a string or as an ordered map.
 *
 * An object is opened, changed, and written back by object_save(), which stamps it; deadline, count
 * and sizes are kept by the functions below, never by commands. Bytes handed out are borrowed until
 * the next change of the object or the end of the request. Disk errors do not return.
 *
 * Collections have two forms that commands cannot tell apart: packed in the meta row (up to 128
 * elements and 4 KiB) or rows of their own (ARCHITECTURE §6.3). */

#ifndef KEYSPACE_OBJECT_H
#define KEYSPACE_OBJECT_H

#include "keyspace/keyspace.h"

/* As OBJECT ENCODING names them; says nothing of how we store. One byte of the meta row. */
enum encoding {
    ENCODING_RAW,
    ENCODING_INT,
    ENCODING_EMBSTR,
    ENCODING_LISTPACK,
    ENCODING_QUICKLIST,
    ENCODING_INTSET,
    ENCODING_HASHTABLE,
    ENCODING_SKIPLIST,
    ENCODING_STREAM,
};
const char *encoding_name(enum encoding encoding);

/* Spaces: the ordered maps within one object. */
enum space {
    SPACE_CHUNK = 1, /* string: chunk number -> bytes */
    SPACE_FIELD,     /* hash: field -> value */
    SPACE_MEMBER,    /* set: member -> nothing; zset: member -> score */
    SPACE_SCORE,     /* zset: (ordered score, member) -> nothing */
    SPACE_ELEMENT,   /* list: position -> value */
    SPACE_ENTRY,     /* stream, and its groups: */
    SPACE_NODE,
    SPACE_GROUP,
    SPACE_PENDING,
    SPACE_PENDING_BY_CONSUMER,
    SPACE_CONSUMER,
    SPACE_CONSUMER_NAME,
    SPACE_DEADLINE,  /* hash: field -> deadline, of fields that have one */
    SPACE_DUE,       /* hash in rows: (deadline, field) -> nothing */
    SPACE_FENCE,     /* zset in rows: between which scores how many members lie, */
    SPACE_FENCE_COUNT,
};

#define OBJECT_PACKED_COUNT 128 /* elements of a packed map, */
#define OBJECT_PACKED_BYTES 4096 /* and its size, unless packed_max_bytes was raised */
#define OBJECT_PACKED_BYTES_MAX (1 << 20)
#define OBJECT_FIELDS_MAX 96 /* bytes of a type's own fields in the meta row (stream ids ...) */

struct object {
    struct keyspace *keyspace;
    uint32_t db;         /* internal number */
    uint32_t selected;   /* 0 .. 15 */
    struct bytes name;   /* borrowed from the request */
    enum type type;      /* TYPE_NONE: not there */
    enum encoding encoding;
    uint64_t stamp;      /* of the last change */
    uint64_t deadline;   /* ms since 1970, 0 = none */
    uint64_t size_bytes; /* logical, as MEMORY USAGE tells; brought up to date by object_save() */
    uint64_t version;    /* names the item rows; 0 = packed, or a string in the meta row */
    uint64_t count;      /* elements; of a string in chunks: its length */
    uint64_t items_bytes; /* logical bytes of its item rows */
    uint8_t fields[OBJECT_FIELDS_MAX]; /* type's own, fixed size per type */
    uint8_t fields_size;
    struct bytes packed; /* string value or packed map: borrowed from the row, a request, scratch */
    struct buf scratch;  /* the packed bytes once they have changed; owned */
    struct buf text;     /* a long string put together, for object_string(); owned */
    uint64_t old_deadline, old_earliest, old_size_bytes; /* as the row in the store says */
    uint32_t packed_max_bytes; /* may be raised between open and put (*-max-listpack-value) */
    bool existed, dirty;
    bool packed_in_row;  /* packed lies in this key's own row */
    bool hides_due;      /* fields that are due are here still, but nobody may see them */
    bool earliest_is_old; /* the field with the earliest deadline has lost it */
    uint32_t row_key_size;
    uint8_t *row_key_large; /* NULL: it is in row_key_small */
    uint8_t row_key_small[96];
};

/* --- opening and closing ---------------------------------------------------------------------- */

/* Looks name up in database db (0 .. 15). True when it is there and not due; else o is an absent
 * object that object_create() can bring to life. In apply, the rows of a due key are deleted first,
 * and the fields of a hash that are due, told by keyspace_take_expired() (expire.h); a reader does
 * not see them. Close every opened object, found or not. */
bool object_open(struct keyspace *k, uint32_t db, struct bytes name, struct object *o);

/* An absent object becomes an empty one of type: no deadline, packed. */
void object_create(struct object *o, enum type type, enum encoding encoding);

/* Whatever o was, found or absent, it becomes an empty one of type without a deadline, to be saved
 * or deleted. Until then what was there can still be read by another object, opened before. */
void object_replace(struct object *o, enum type type, enum encoding encoding);

/* Writes the meta row (stamped) and the expiry index. An empty collection is deleted instead (but a
 * stream may be empty). */
void object_save(struct object *o);
/* Deletes the key in the time of one row: its items go to the graveyard. o is absent then. */
void object_delete(struct object *o);
/* Moves the key, value and deadline, to (db, name) as one row; what was there is deleted first. */
void object_rename(struct object *o, uint32_t db, struct bytes name);
/* Writes a copy of o, deadline included, under (db, name), which is absent. */
void object_copy(struct object *o, uint32_t db, struct bytes name);
void object_close(struct object *o);

/* 0 takes the deadline off. Takes effect with object_save(). */
void object_set_deadline(struct object *o, uint64_t deadline_ms);

/* Seconds since the key was used, or how often (0 to 255), as far as this node saw (access.h). */
uint64_t object_use(const struct object *o, enum access_kept kept);
void object_set_use(struct object *o, enum access_kept kept, uint64_t value);

/* --- strings ---------------------------------------------------------------------------------- */

size_t object_string_size(const struct object *o);
/* The whole value; of a long one put together in memory of the object. */
struct bytes object_string(struct object *o);
/* count bytes from offset on, cut at the end of the value. */
struct bytes object_string_range(struct object *o, size_t offset, size_t count);
/* Replaces the value, whatever o was (absent, another type); the deadline stays. The encoding is
 * chosen as Redis's tryObjectEncoding does. value is borrowed until object_save(). */
void object_set_string(struct object *o, struct bytes value);
/* Overwrites from offset on, growing with zeros; touches only the chunks it must. Encoding raw. */
void object_write_string(struct object *o, size_t offset, struct bytes value);

/* --- ordered maps -----------------------------------------------------------------------------
 *
 * Order of a space: SPACE_FIELD and SPACE_MEMBER by hash in rows, packed by insertion (an intset's
 * by number, a zset's by score); all others by the bytes of the subkey, so numbers in subkeys are
 * big-endian. Subkeys are given and taken plain: the hash in a row's key is the map's own business.
 *
 * Zsets: only SPACE_MEMBER is written, member -> score (be64 of score_to_order()); SPACE_SCORE
 * (the same 8 bytes, then the member -> nothing) follows by itself and is only read. A seek by
 * score takes its 8 bytes: FORWARD from order(min); BACKWARD from order(max) + 1, which may give an
 * empty member of that next score: check the bounds.
 *
 * count: elements of SPACE_FIELD, _MEMBER, _ELEMENT and _ENTRY. subkey and value may be borrowed
 * from the object itself.
 *
 * Fields may have deadlines: a put keeps a field's, a del takes it along. SPACE_DEADLINE and
 * SPACE_DUE are not for commands. */
bool object_get(struct object *o, uint8_t space, struct bytes subkey, struct bytes *value);
/* true = the subkey is new; object_put_new(): it is known to be new, nobody looks */
bool object_put(struct object *o, uint8_t space, struct bytes subkey, struct bytes value);
void object_put_new(struct object *o, uint8_t space, struct bytes subkey, struct bytes value);
/* true = it was there */
bool object_del(struct object *o, uint8_t space, struct bytes subkey);
uint64_t object_count(const struct object *o);
static inline bool object_is_packed(const struct object *o) { return o->version == 0; }

/* The deadline of a field that is there; 0: none. */
uint64_t object_field_deadline(struct object *o, struct bytes field);
/* Likewise; 0 takes it off. */
void object_set_field_deadline(struct object *o, struct bytes field, uint64_t deadline_ms);

struct object_cursor {
    struct object *object;
    uint8_t space;
    enum direction direction;
    bool packed;
    struct cache_cursor rows;
    /* packed: a copy of the image where it could change, and where its elements begin */
    struct buf image;
    struct bytes borrowed;
    uint32_t count, next, offsets[OBJECT_PACKED_COUNT + 1];
    uint64_t hash;
};
/* Elements of space in order from subkey from on (empty: from the first, or the last); in an order
 * that is not of subkeys, from that very subkey on, if it is there. The object may be changed
 * meanwhile: elements put or deleted after object_seek() may be given or not, the others are. What
 * was given is borrowed until the next step, whatever is changed. */
void object_seek(struct object *o, struct object_cursor *cursor, uint8_t space, struct bytes from,
                 enum direction direction);
bool object_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value);
void object_cursor_close(struct object_cursor *cursor);

/* How many elements of a zset's SPACE_SCORE come before subkey, which need not be there. */
uint64_t object_rank(struct object *o, uint8_t space, struct bytes subkey);
/* A cursor in front of the index-th element; but in SPACE_SCORE by a walk from the nearer end. */
void object_seek_index(struct object *o, struct object_cursor *cursor, uint8_t space,
                       uint64_t index, enum direction direction);

/* HSCAN, SSCAN, ZSCAN of maps in rows: 52 bits of hash as cursors. FORWARD from hash on; the hash
 * of the element that object_next() gave. A packed map is to be given whole. */
void object_seek_hash(struct object *o, struct object_cursor *cursor, uint8_t space, uint64_t hash);
uint64_t object_cursor_hash(const struct object_cursor *cursor);

/* A random element of SPACE_FIELD or SPACE_MEMBER (o is not empty): evenly drawn when packed or up
 * to 1024; above, one of the 64 behind a random hash. Borrowed until the next call. */
void object_random(struct object *o, uint8_t space, struct prng *chance, struct bytes *subkey,
                   struct bytes *value);

/* A score as a number whose unsigned order is that of scores. -0 is before 0. No NaN. */
uint64_t score_to_order(double score);
double score_from_order(uint64_t order);

#endif
