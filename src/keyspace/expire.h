/* expire.h -- keys whose deadline has come (ARCHITECTURE §3.6). */

#ifndef KEYSPACE_EXPIRE_H
#define KEYSPACE_EXPIRE_H

#include "keyspace/keyspace.h"

/* The earliest deadline of any key, 0 when there is none. Cheap when asked again. */
uint64_t expire_next_deadline(struct keyspace *k);

/* Deletes up to limit keys that are due now, earliest first, told by keyspace_take_expired();
 * returns how many. */
uint32_t expire_due(struct keyspace *k, uint32_t limit);

/* Deletes the key if it is due now. internal_db as in keyspace_met_due. */
bool expire_key(struct keyspace *k, uint32_t internal_db, struct bytes name);

/* Keys found due and deleted since the last call, one at a time (selected db 0 .. 15, and name
 * appended to *name); false = no more. */
bool keyspace_take_expired(struct keyspace *k, uint32_t *db, struct buf *name);

#endif
