/* keyspace_state.h -- inside the keyspace: what it holds in memory. Only files of this folder
 * include this. */

#ifndef KEYSPACE_KEYSPACE_STATE_H
#define KEYSPACE_KEYSPACE_STATE_H

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/expire.h"
#include "keyspace/keyspace.h"
#include "keyspace/meta.h"

struct database {
    uint32_t number;
    uint64_t size, expires, used_bytes;
    uint64_t timed; /* hashes of which a field has a deadline */
};

/* What a savepoint restores. */
struct counters {
    uint64_t digest;
    uint64_t next_version;
    uint32_t next_number;
    uint32_t database_count;
    uint64_t graves; /* not stored: G rows are counted at the start */
    struct database databases[DATABASES_MAX];
};

struct keyspace {
    struct cache *cache;
    uint8_t hash_key[SIPHASH_KEY_SIZE];
    struct applied applied;
    struct counters now_counters;
    struct counters saved; /* at the savepoint */
    size_t saved_expired_size;
    bool has_savepoint;

    bool in_entry;
    uint64_t entry_index, entry_term;
    uint64_t now, stamp;
    uint64_t touched; /* see keyspace_touch() */
    struct access *access;
    bool notes_use;

    bool is_reading;
    uint64_t log_clock; /* while reading: a key due by it needs no waiting */
    uint64_t now_before_read;
    struct buf met;
    uint32_t met_count;

    uint64_t settings_version;
    struct buf expired; /* what, le32 selected db, le32 size, name: of what was found due */
    struct buf key;     /* of system rows */
    struct buf item_key; /* of an item row */
    struct buf scratch;  /* a payload on its way into its own row; a joined subkey */

    uint64_t deadline_floor; /* no key has an earlier deadline */
    bool floor_is_exact;     /* it is the earliest; UINT64_MAX: no key has any */

    struct buf purge_key;   /* of the G row that is being purged */
    struct buf purge_place; /* where its walk goes on */
    uint64_t purged_graves; /* since it was opened; of this node alone */
};

#define APPLIED_ROW "Sapplied"
/* false: no such row was ever written. */
bool keyspace_decode_applied(struct bytes row, struct applied *applied, struct counters *n);

/* The database of an internal number; NULL: it was flushed. */
struct database *keyspace_database_of(struct keyspace *k, uint32_t number, uint32_t *selected);

/* As cache_put_space, but the digest does not know yet: call keyspace_digest_add() when filled. */
uint8_t *keyspace_row_space(struct keyspace *k, struct bytes key, size_t value_size);
void keyspace_digest_add(struct keyspace *k, struct bytes key, struct bytes value);

/* A key is due at the keyspace's time. Reads note it (keyspace_met_due). */
static inline bool deadline_is_due(const struct keyspace *k, uint64_t deadline)
{
    return deadline != 0 && deadline <= k->now;
}
void keyspace_note_due(struct keyspace *k, uint32_t db, struct bytes name, uint64_t deadline);

/* The rows of the expiry index: of each key that is due once, or has a field that is, the first
 * time. meta_row_key: db, pos and name are the same bytes there. */
void expire_index_put(struct keyspace *k, uint64_t deadline, struct bytes meta_row_key);
void expire_index_del(struct keyspace *k, uint64_t deadline, struct bytes meta_row_key);
void expire_note_deleted(struct keyspace *k, uint32_t selected, struct bytes name,
                         enum expired what);

/* Buries what was reached by a number that nobody uses any more. rows: about how many. */
void grave_bury_version(struct keyspace *k, uint64_t version, uint64_t rows);
void grave_bury_database(struct keyspace *k, uint32_t number, uint64_t keys);
void grave_count_all(struct keyspace *k);

#endif
