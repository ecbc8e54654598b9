/* verify_rows.h -- inside the verification of a state: see verify.h. Only files of this folder
 * include this. */

#ifndef KEYSPACE_VERIFY_ROWS_H
#define KEYSPACE_VERIFY_ROWS_H

#include "keyspace/object_rows.h"
#include "keyspace/verify.h"
#include "kv/kv.h"

/* What was seen of a database, to be compared with its counters. Sums of hashes are equal when the
 * sets are, whatever the order. */
struct tally {
    uint64_t size, expires, used_bytes, timed;
    uint64_t due; /* of deadlines that key rows tell, less those of the expiry index */
};

struct verify {
    struct kv *kv;
    const uint8_t *hash_key;
    const struct keyspace_forms *forms;
    const struct verify_pace *pace; /* NULL: at once */
    uint64_t unpaced;               /* bytes read and not told yet */
    struct counters counters;
    struct tally tallies[DATABASES_MAX];
    struct kv_iterator *items; /* over "I" */
    struct buf key, row;       /* of a row that is looked up */
    const char *what;          /* what is wrong, once it is known */
    enum status status;        /* of the store itself */
    struct error *e;
};

/* Returns false; the first reason counts. */
bool verify_wrong(struct verify *v, const char *what);
/* A row was read; false: it is called off. */
bool verify_read(struct verify *v, struct bytes key, struct bytes value);
/* Whether the row in v->key is there; its value is in v->row. */
bool verify_get(struct verify *v);
uint64_t verify_hash(const struct verify *v, struct bytes first, struct bytes second);

/* The value of a key, as elements of its row or as item rows. */
bool verify_object(struct verify *v, const struct meta *m);
/* The tree beside the scores of a sorted set: each block has the rows that it counts. */
bool verify_fences(struct verify *v, const struct meta *m, uint64_t node_count);

#endif
