/* object_rows.h -- inside objects: what their files share. Only files of this folder include
 * this. */

#ifndef KEYSPACE_OBJECT_ROWS_H
#define KEYSPACE_OBJECT_ROWS_H

#include "keyspace/keyspace_state.h"
#include "keyspace/object.h"

#define FENCE_BLOCK_MAX 512 /* rows of a sorted set that one fence counts, before it is split */
#define FENCE_FANOUT 64     /* entries of a node of fences */

#define ITEM_HASH_SIZE 8 /* before the subkey of fields and members, in an item row's key */
#define SCORE_SIZE 8 /* of an ordered score: a member's value; a score's subkey begins with it */

static inline bool space_is_hashed(uint8_t space)
{
    return space == SPACE_FIELD || space == SPACE_MEMBER;
}

static inline bool space_is_counted(uint8_t space)
{
    return space_is_hashed(space) || space == SPACE_ELEMENT || space == SPACE_ENTRY;
}

/* --- deadlines of fields (object_deadline.c) -------------------------------------------------- */

/* A hash of which a field has had a deadline keeps the earliest one as a field of its meta row. */
static inline bool object_is_timed(const struct object *o)
{
    return o->type == TYPE_HASH && o->fields_size > 0;
}

/* When the first field is due; 0: none will be. */
static inline uint64_t object_earliest(const struct object *o)
{
    return object_is_timed(o) ? get_le64(o->fields) : 0;
}

/* Whether a field must not be seen. */
bool object_hides(struct object *o, struct bytes field);
/* Fields that are due are no longer seen or counted. */
void object_hide_due(struct object *o);
/* A large hash has no field that is not due: it can be dropped as a whole. */
bool object_is_all_due(struct object *o);
/* Deletes up to limit fields that are due; returns how many. o is to be saved. */
uint32_t object_delete_due(struct object *o, uint32_t limit);
/* Before the meta row is written: makes object_earliest() true again. */
void object_find_earliest(struct object *o);

/* object_open() that deletes at most *left keys and fields, and takes them off *left; 0: what is
 * due is just not seen. */
bool object_open_some(struct keyspace *k, uint32_t db, struct bytes name, uint32_t *left,
                      struct object *o);

/* Copies packed into scratch, so that it can be changed, and outlives its row. */
void object_own_packed(struct object *o);

/* --- packed (object_packed.c) ----------------------------------------------------------------- */

struct element {
    size_t offset, end; /* in the image */
    uint8_t space;
    struct bytes subkey, value;
};

/* Elements that count, of an image. */
uint64_t packed_count(struct bytes image);
/* The element at *offset (0: the first), which moves behind it; false at the end. */
bool packed_next(const struct object *o, struct bytes image, size_t *offset, struct element *e);
/* Whether any bytes are an image, of whole elements; of o counts its type, and if it is timed. */
bool packed_is_whole(const struct object *o, struct bytes image);
/* The image of a hash gets room for deadlines. */
void packed_make_timed(struct object *o);
bool packed_get(const struct object *o, uint8_t space, struct bytes subkey, struct bytes *value);

enum packed_outcome { PACKED_NEW, PACKED_REPLACED, PACKED_FULL };
enum packed_outcome packed_put(struct object *o, uint8_t space, struct bytes subkey,
                               struct bytes value);
bool packed_del(struct object *o, uint8_t space, struct bytes subkey);

void packed_seek(struct object *o, struct object_cursor *cursor, struct bytes from);
bool packed_cursor_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value);

/* --- rows (object_rows.c) --------------------------------------------------------------------- */

bool rows_get(struct object *o, uint8_t space, struct bytes subkey, struct bytes *value);
bool rows_put(struct object *o, uint8_t space, struct bytes subkey, struct bytes value);
void rows_put_new(struct object *o, uint8_t space, struct bytes subkey, struct bytes value);
bool rows_del(struct object *o, uint8_t space, struct bytes subkey);

/* A row that is no element: nothing is counted, no other follows. */
void rows_put_plain(struct object *o, uint8_t space, struct bytes subkey, struct bytes value);
void rows_del_plain(struct object *o, uint8_t space, struct bytes subkey);

void rows_seek(struct object *o, struct object_cursor *cursor, struct bytes from);
void rows_seek_hash(struct object *o, struct object_cursor *cursor, uint64_t hash);
bool rows_cursor_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value);

/* The packed elements become rows of a new version. */
void rows_spill(struct object *o);
/* About how many item rows o has, for the graveyard. */
uint64_t object_row_count(const struct object *o);
/* Copies the item rows to a new version and returns it. */
uint64_t object_copy_rows(struct object *o);

/* The bytes between the version and the subkey of an item row's key. */
static inline size_t item_subkey_at(uint8_t space)
{
    return ITEM_KEY_SUBKEY + (space_is_hashed(space) ? ITEM_HASH_SIZE : 0);
}
static inline uint64_t item_hash(const uint8_t *hash_key, struct bytes subkey)
{
    return siphash(hash_key, subkey) >> 12;
}

/* --- fences of sorted sets in rows (object_fences.c) ------------------------------------------ */

/* A row of SPACE_SCORE was put, and o->count counts it; or it was deleted. */
void fences_put(struct object *o, struct bytes subkey);
void fences_del(struct object *o, struct bytes subkey);

#endif
