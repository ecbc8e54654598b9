/* verify.c -- reads every byte of a directory and believes none.
 *
 * The log was read with its checksums when it was opened. Of the state, every block of every file
 * is read (RocksDB has a checksum for each), rows are counted, and the counts compared with those
 * that the state keeps. Log and state have to fit together (ARCHITECTURE §3.8 step 3). */

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/panic.h"
#include "check/check.h"
#include "keyspace/keyspace.h"
#include "keyspace/meta.h"
#include "kv/kv.h"

struct census {
    uint64_t rows, bytes, other;
    uint64_t keys[DATABASES_MAX], deadlines[DATABASES_MAX]; /* by database, as clients number it */
    uint64_t items;
};

struct numbers {
    uint32_t number[DATABASES_MAX], count; /* internal ones, as rows carry them */
};

static bool database_of(const struct numbers *numbers, uint32_t number, uint32_t *db)
{
    for (*db = 0; *db < numbers->count; (*db)++)
        if (numbers->number[*db] == number)
            return true;
    return false; /* a flushed one, whose rows wait for the graveyard */
}

static void count_row(struct census *census, const struct numbers *numbers, struct bytes key,
                      struct bytes value)
{
    uint32_t db;
    census->rows++;
    census->bytes += key.size + value.size;
    const uint8_t *data = bytes_data(key);
    if (data[0] == 'K' && key.size >= META_KEY_NAME) {
        if (database_of(numbers, get_be32(data + 1), &db))
            census->keys[db]++;
    } else if (data[0] == 'X' && key.size >= EXPIRY_KEY_NAME) {
        if (database_of(numbers, get_be32(data + 9), &db))
            census->deadlines[db]++;
    } else if (data[0] == 'I') {
        census->items++;
    } else {
        census->other++;
    }
}

static enum status count_rows(struct node_dir *n, const struct numbers *numbers,
                              struct census *census, struct error *e)
{
    struct kv_iterator *rows = kv_iterate(n->state, KV_RANGE_ALL);
    for (bool on = kv_iterator_first(rows); on; on = kv_iterator_next(rows))
        if (kv_iterator_key(rows).size > 0)
            count_row(census, numbers, kv_iterator_key(rows), kv_iterator_value(rows));
    const enum status status = kv_iterator_status(rows, e);
    kv_iterator_free(rows);
    return status;
}

static bool wrong(const char *what, uint64_t counted, uint64_t kept, uint32_t db)
{
    if (counted == kept)
        return false;
    printf("WRONG: database %u has %" PRIu64 " %s, but counts %" PRIu64 "\n", db, counted, what,
           kept);
    return true;
}

/* How many mistakes. */
static int compare_counts(struct keyspace *k, const struct census *census)
{
    int mistakes = 0;
    for (uint32_t db = 0; db < keyspace_database_count(k); db++) {
        mistakes += wrong("keys", census->keys[db], keyspace_size(k, db), db);
        mistakes += wrong("deadlines", census->deadlines[db], keyspace_expires(k, db), db);
    }
    return mistakes;
}

static int verify_state(struct node_dir *n)
{
    static struct census census;
    struct numbers numbers = {.count = 0};
    struct error e;
    struct cache *cache = cache_new(n->state, 0);
    struct keyspace *k = keyspace_open(cache, n->recovered.identity.hash_key);
    numbers.count = keyspace_database_count(k);
    for (uint32_t db = 0; db < numbers.count; db++)
        numbers.number[db] = keyspace_database_number(k, db);
    int mistakes;
    if (count_rows(n, &numbers, &census, &e) != STATUS_OK) {
        printf("WRONG: state: %s\n", e.text);
        mistakes = 1;
    } else {
        mistakes = compare_counts(k, &census);
        printf("state: %" PRIu64 " rows, %" PRIu64 " bytes read: %" PRIu64 " keys, %" PRIu64
               " items of large objects, %" PRIu64 " others\n",
               census.rows, census.bytes, n->keys, census.items, census.other);
    }
    keyspace_close(k);
    cache_free(cache);
    return mistakes;
}

/* The state has to end within the log or right before it, and in the same history. */
static int verify_fit(const struct node_dir *n)
{
    const struct log_recovered *r = &n->recovered;
    if (n->applied_index < r->base_index) {
        printf("WRONG: the state ends at entry %" PRIu64 ", the log begins at %" PRIu64
               ": what lies between is lost; the node will ask for a snapshot\n",
               n->applied_index, r->base_index + 1);
        return 1;
    }
    const uint64_t term = node_dir_term(n, n->applied_index);
    if (n->applied_index > 0 && n->applied_index <= r->last_index && term != n->applied_term)
        printf("note: entry %" PRIu64 " has term %" PRIu64 " in the log and %" PRIu64
               " in the state: the log is reset at the next start\n",
               n->applied_index, term, n->applied_term);
    return 0;
}

int check_verify(struct node_dir *n)
{
    const struct log_recovered *r = &n->recovered;
    printf("log: %" PRIu64 " entries, %" PRIu64 " bytes, every checksum right\n",
           r->last_index - r->base_index, r->bytes);
    int mistakes = verify_fit(n);
    if (n->state == NULL)
        printf("state: none yet\n");
    else
        mistakes += verify_state(n);
    printf(mistakes == 0 ? "sound\n" : "%d mistakes\n", mistakes);
    return mistakes == 0 ? 0 : 1;
}
