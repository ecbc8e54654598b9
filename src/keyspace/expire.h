/* expire.h -- keys, and fields of hashes, whose deadline has come (ARCHITECTURE §3.6). */

#ifndef KEYSPACE_EXPIRE_H
#define KEYSPACE_EXPIRE_H

#include "keyspace/keyspace.h"

struct object;

/* The earliest deadline of any key or field, 0 when there is none. Cheap when asked again. */
uint64_t expire_next_deadline(struct keyspace *k);

/* Deletes up to limit keys and fields that are due now, earliest first, told by
 * keyspace_take_expired(); returns how many. */
uint32_t expire_due(struct keyspace *k, uint32_t limit);

/* Deletes the key if it is due now, or its fields that are. internal_db as in keyspace_met_due. */
bool expire_key(struct keyspace *k, uint32_t internal_db, struct bytes name);

/* object_open(), but as the store has it, due or not: for DEBUG OBJECT, which only looks. */
bool object_open_due(struct keyspace *k, uint32_t db, struct bytes name, struct object *o);

/* What was due: a key, fields of a hash, or fields and with the last of them the hash. */
enum expired { EXPIRED_KEY, EXPIRED_FIELDS, EXPIRED_LAST_FIELDS };

/* What was found due and deleted since the last call, one key at a time (selected db 0 .. 15, and
 * name appended to *name); false = no more. */
bool keyspace_take_expired(struct keyspace *k, uint32_t *db, struct buf *name,
                           enum expired *what);

#endif
