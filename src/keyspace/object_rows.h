/* object_rows.h -- inside objects: what their files share. Only files of this folder include this. */

#ifndef KEYSPACE_OBJECT_ROWS_H
#define KEYSPACE_OBJECT_ROWS_H

#include "keyspace/keyspace_state.h"
#include "keyspace/object.h"

/* Elements of a packed image. */
uint64_t object_packed_count(struct bytes packed);

/* Copies packed into scratch, so that it can be changed, and outlives its row. */
void object_own_packed(struct object *o);

/* About how many item rows o has, for the graveyard. */
uint64_t object_row_count(const struct object *o);

/* Copies the item rows to a new version and returns it. */
uint64_t object_copy_rows(struct object *o);

#endif
