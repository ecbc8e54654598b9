/* graveyard.h -- rows of deleted objects and flushed databases, removed in slices (D10). */

#ifndef KEYSPACE_GRAVEYARD_H
#define KEYSPACE_GRAVEYARD_H

#include "keyspace/keyspace.h"

/* Removes up to limit rows of buried objects and databases; returns how many rows were looked at
 * (0: nothing is buried, or it waits for a flush). Between entries; invisible to readers, and not
 * part of the digest. */
size_t graveyard_purge(struct keyspace *k, size_t limit);
uint64_t graveyard_count(struct keyspace *k); /* buried objects, for lazyfree_pending_objects */
uint64_t graveyard_purged(const struct keyspace *k); /* gone since keyspace_open() */

#endif
