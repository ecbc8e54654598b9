/* keyspace.h -- databases of keys over the row cache: what is true of the whole state.
 *
 * Holds in memory what is read or changed at every request (applied position, clock, digest,
 * numbers and counters of databases); a system row gets it at each cut (cache_set_before_cut), so
 * that every flush carries the state of the moment it was cut at.
 *
 * Time is given, never read: keyspace_now() is the clock of the entry being applied, or the time
 * of the read being run. A key whose deadline is <= now is absent for everybody (ARCHITECTURE
 * §3.6). */

#ifndef KEYSPACE_KEYSPACE_H
#define KEYSPACE_KEYSPACE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/siphash.h"
#include "keyspace/access.h"
#include "keyspace/cache.h"

#define DATABASES_DEFAULT 16
#define DATABASES_MAX 256
#define ORDINAL_MAX 4095 /* requests of one entry: a stamp has 12 bits for them */

enum type {
    TYPE_NONE = 0,
    TYPE_STRING = 1,
    TYPE_LIST = 2,
    TYPE_SET = 3,
    TYPE_ZSET = 4,
    TYPE_HASH = 5,
    TYPE_STREAM = 6,
};

/* "string", "list" ... as TYPE answers; "none" for TYPE_NONE. */
const char *type_name(enum type type);

struct keyspace;
struct prng;

/* Opens the state in cache (kept); reads the system rows. hash_key: equal on all nodes and for ever
 * (the cluster's id). */
struct keyspace *keyspace_open(struct cache *cache, const uint8_t hash_key[SIPHASH_KEY_SIZE]);
void keyspace_close(struct keyspace *k);
/* Reads the system rows again: the rows below were replaced by a snapshot's. */
void keyspace_reload(struct keyspace *k);
struct cache *keyspace_cache(struct keyspace *k);

/* --- the applied position and the clock ------------------------------------------------------ */

struct applied {
    uint64_t index, term;
    uint64_t clock_ms; /* the log clock: of the last applied entry that carried one */
};
struct applied keyspace_applied(const struct keyspace *k);

/* Entry index is about to be applied. now = max(clock_ms, log clock): never backwards. */
void keyspace_entry_begin(struct keyspace *k, uint64_t index, uint64_t term, uint64_t clock_ms);
/* Request ordinal (from 1) of it is about to run: its changes are stamped index << 12 | ordinal. */
void keyspace_request_begin(struct keyspace *k, uint32_t ordinal);
/* The entry counts as applied: a cut may follow. */
void keyspace_entry_end(struct keyspace *k);

/* A savepoint of rows, counters and digest (a script over its budget): cache_savepoint_*, and what
 * is kept here. Not nested; within one request. */
void keyspace_savepoint_begin(struct keyspace *k);
void keyspace_savepoint_end(struct keyspace *k);
void keyspace_savepoint_roll_back(struct keyspace *k);
size_t keyspace_savepoint_bytes(const struct keyspace *k); /* cache_savepoint_bytes() */

/* Counts what commands look at and change: an element or a key each 1, a string 1 per
 * TOUCHED_BYTES. It follows from commands and state alone, so scripts are charged for it. */
#define TOUCHED_BYTES 4096
void keyspace_touch(struct keyspace *k, uint64_t count);
uint64_t keyspace_touched(const struct keyspace *k);

/* Whether what is opened from now on counts as used, and what is kept of that on this node alone:
 * for OBJECT IDLETIME and FREQ (access.h). */
void keyspace_note_use(struct keyspace *k, enum access_kept kept, bool counts);

/* A read runs at now_ms (>= the log clock) and may not change rows until keyspace_read_end(): a put
 * or del in between panics. May stand inside an entry too (a read that rides in a log batch). */
void keyspace_read_begin(struct keyspace *k, uint64_t now_ms);
void keyspace_read_end(struct keyspace *k);
bool keyspace_is_read_only(const struct keyspace *k);

uint64_t keyspace_now(const struct keyspace *k);
uint64_t keyspace_stamp(const struct keyspace *k); /* of the running request */

/* True when the read that just ran met keys due by its time whose deadline lies behind the log
 * clock: the reader has to wait for an expiry entry (ARCHITECTURE §3.2 step 6). The keys met are
 * appended to *names, each as be32 internal db, be32 size, bytes, at most MET_DUE_MAX of them.
 * Reset by read_begin. names may be NULL. */
#define MET_DUE_MAX 1024
bool keyspace_met_due(const struct keyspace *k, struct buf *names);

/* --- databases -------------------------------------------------------------------------------- */

uint32_t keyspace_database_count(const struct keyspace *k);
void keyspace_set_database_count(struct keyspace *k, uint32_t count); /* more, to DATABASES_MAX */
/* The internal number of database db (0 .. count-1): what rows carry, what SWAPDB exchanges. */
uint32_t keyspace_database_number(const struct keyspace *k, uint32_t db);
uint64_t keyspace_size(const struct keyspace *k, uint32_t db);    /* DBSIZE */
uint64_t keyspace_expires(const struct keyspace *k, uint32_t db); /* keys with a deadline */
uint64_t keyspace_timed(const struct keyspace *k, uint32_t db);   /* hashes with such fields */
uint64_t keyspace_used_bytes(const struct keyspace *k);           /* logical bytes of all dbs */
/* Whether the databases take more than maxmemory bytes (0: no bound). An empty state takes some
 * too, so that a bound of 1 refuses the first key. */
#define KEYSPACE_BASE_BYTES 2
bool keyspace_is_full(const struct keyspace *k, uint64_t maxmemory);
void keyspace_swap(struct keyspace *k, uint32_t a, uint32_t b);
uint64_t keyspace_flush(struct keyspace *k, uint32_t db); /* buries it; returns its former size */

/* The next number of the replicated counter, for objects' versions; never the same twice. */
uint64_t keyspace_next_version(struct keyspace *k);

/* Rows of other layers (waiters "W", parts "P", scripts "L", functions "F", ACL "A"), so that the
 * digest knows of them. Read them by cache_get() and cursors. */
void keyspace_row_put(struct keyspace *k, struct bytes key, struct bytes value);
void keyspace_row_del(struct keyspace *k, struct bytes key);

/* --- walks ------------------------------------------------------------------------------------ */

/* pos = slot:14 | siphash:38, 52 bits: where the name stands in the order of keys and SCAN. */
uint64_t keyspace_position(const struct keyspace *k, struct bytes name);
uint32_t keyspace_slot(struct bytes name); /* CRC16 of the name or its {tag}, as Redis Cluster */

struct key_cursor {
    struct keyspace *keyspace;
    uint32_t db;
    struct cache_cursor rows;
};
/* All keys of db that are not due, by (pos, name), from position from on. */
void keyspace_walk(struct keyspace *k, struct key_cursor *cursor, uint32_t db, uint64_t from);
bool key_cursor_next(struct key_cursor *cursor, struct bytes *name, uint64_t *position,
                     enum type *type);
void key_cursor_close(struct key_cursor *cursor);

/* A random key that is not due, appended to *name; false when there is none. Evenly drawn up to
 * 1024 keys; above, nearly so for names without a {tag}. */
bool keyspace_random_key(struct keyspace *k, uint32_t db, struct prng *chance, struct buf *name);

/* --- system rows ------------------------------------------------------------------------------ */

/* Small named rows ("S" name): settings, origins, digests. Borrowed until the row changes. The name
 * "applied" is the keyspace's own. */
bool keyspace_system_get(struct keyspace *k, struct bytes name, struct bytes *value);
void keyspace_system_put(struct keyspace *k, struct bytes name, struct bytes value);
void keyspace_system_del(struct keyspace *k, struct bytes name);

/* Replicated settings (ARCHITECTURE §5 rule 4) as rows "S" "setting:" name; absent = default, which
 * the caller knows. The version changes whenever any setting does, so parsed copies can be kept. */
bool keyspace_setting(struct keyspace *k, const char *name, struct bytes *value);
void keyspace_set_setting(struct keyspace *k, const char *name, struct bytes value);
uint64_t keyspace_settings_version(const struct keyspace *k);

/* The running hash of all rows that commands have written, system rows and purges left out
 * (ARCHITECTURE §5 rule 8). */
uint64_t keyspace_digest(const struct keyspace *k);

/* Changes a bit of the key's row behind the digest's back, as a fault of memory or disk would: for
 * tests of the self-check. false: there is no such key. */
bool keyspace_damage(struct keyspace *k, uint32_t db, struct bytes name);

#endif
