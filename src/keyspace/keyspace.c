/* keyspace.c -- the state as a whole: position, time, counters, system rows, digest.
 *
 * The row "S" "applied" is written when a cut begins, not at each entry: whoever reads, reads the
 * memory; and a flush carries the row as it was between two entries, like all others.
 *
 *   applied: index term clock digest next_version:8 each, next_number database_count:4 each,
 *            database_count * (number:4 size expires used_bytes timed:8 each) little-endian */

#include "keyspace/keyspace_state.h"

#include <stdlib.h>

#include "kv/kv.h"

#define SETTING_PREFIX "setting:"
#define UNTIMED_SIZE 28 /* a database in a row of before there was timed */
#define FIRST_VERSION 1 /* 0 in a meta row means: no item rows */

const char *type_name(enum type type)
{
    static const char *const names[] = {
        [TYPE_NONE] = "none", [TYPE_STRING] = "string", [TYPE_LIST] = "list", [TYPE_SET] = "set",
        [TYPE_ZSET] = "zset", [TYPE_HASH] = "hash",     [TYPE_STREAM] = "stream",
    };
    CHECK((size_t)type < ARRAY_COUNT(names));
    return names[type];
}

/* --- the system row -------------------------------------------------------------------------- */

static void store_applied(void *context)
{
    struct keyspace *k = context;
    const struct counters *n = &k->now_counters;
    CHECK(!k->in_entry);
    struct buf row = {0};
    buf_append_le64(&row, k->applied.index);
    buf_append_le64(&row, k->applied.term);
    buf_append_le64(&row, k->applied.clock_ms);
    buf_append_le64(&row, n->digest);
    buf_append_le64(&row, n->next_version);
    buf_append_le32(&row, n->next_number);
    buf_append_le32(&row, n->database_count);
    for (uint32_t i = 0; i < n->database_count; i++) {
        buf_append_le32(&row, n->databases[i].number);
        buf_append_le64(&row, n->databases[i].size);
        buf_append_le64(&row, n->databases[i].expires);
        buf_append_le64(&row, n->databases[i].used_bytes);
        buf_append_le64(&row, n->databases[i].timed);
    }
    cache_put(k->cache, BYTES(APPLIED_ROW), buf_bytes(&row));
    buf_clear(&row);
    /* All versions that this cut's rows may have are below; later ones come with a later cut. */
    cache_set_fresh_version(k->cache, n->next_version);
}

static void load_first(struct keyspace *k)
{
    struct counters *n = &k->now_counters;
    n->next_version = FIRST_VERSION;
    n->database_count = DATABASES_DEFAULT;
    n->next_number = DATABASES_DEFAULT;
    for (uint32_t i = 0; i < n->database_count; i++)
        n->databases[i].number = i;
}

bool keyspace_decode_applied(struct bytes row, struct applied *applied, struct counters *n)
{
    struct reader r;
    reader_init(&r, row);
    applied->index = reader_le64(&r);
    applied->term = reader_le64(&r);
    applied->clock_ms = reader_le64(&r);
    n->digest = reader_le64(&r);
    n->next_version = reader_le64(&r);
    n->next_number = reader_le32(&r);
    n->database_count = reader_le32(&r);
    if (r.failed || n->database_count > DATABASES_MAX)
        return false;
    const bool has_timed = reader_left(&r) != (size_t)n->database_count * UNTIMED_SIZE;
    for (uint32_t i = 0; i < n->database_count; i++) {
        n->databases[i].number = reader_le32(&r);
        n->databases[i].size = reader_le64(&r);
        n->databases[i].expires = reader_le64(&r);
        n->databases[i].used_bytes = reader_le64(&r);
        n->databases[i].timed = has_timed ? reader_le64(&r) : 0;
    }
    return !r.failed && reader_left(&r) == 0;
}

void keyspace_reload(struct keyspace *k)
{
    CHECK(!k->in_entry);
    CHECK(!k->is_reading);
    k->applied = (struct applied){0};
    k->now_counters = (struct counters){0};
    struct bytes row;
    if (cache_get(k->cache, BYTES(APPLIED_ROW), &row)) {
        const bool decoded = keyspace_decode_applied(row, &k->applied, &k->now_counters);
        CHECK(decoded);
    } else {
        load_first(k);
    }
    k->now = k->applied.clock_ms;
    k->settings_version++;
    k->deadline_floor = 0;
    k->floor_is_exact = false;
    buf_reset(&k->purge_key);
    buf_reset(&k->purge_place);
    buf_reset(&k->expired);
    cache_set_fresh_version(k->cache, k->now_counters.next_version);
    access_reset(k->access, k->now / 1000);
    grave_count_all(k);
}

struct keyspace *keyspace_open(struct cache *cache, const uint8_t hash_key[SIPHASH_KEY_SIZE])
{
    struct keyspace *k = xcalloc(1, sizeof(*k));
    k->cache = cache;
    k->access = access_new();
    memcpy(k->hash_key, hash_key, SIPHASH_KEY_SIZE);
    keyspace_reload(k);
    cache_set_before_cut(cache, store_applied, k);
    return k;
}

void keyspace_close(struct keyspace *k)
{
    if (k == NULL)
        return;
    cache_set_before_cut(k->cache, NULL, NULL);
    cache_set_read_only(k->cache, false);
    buf_clear(&k->met);
    buf_clear(&k->expired);
    buf_clear(&k->key);
    buf_clear(&k->scratch);
    buf_clear(&k->item_key);
    buf_clear(&k->purge_key);
    buf_clear(&k->purge_place);
    access_free(k->access);
    free(k);
}

struct cache *keyspace_cache(struct keyspace *k)
{
    return k->cache;
}

/* --- position and time ----------------------------------------------------------------------- */

struct applied keyspace_applied(const struct keyspace *k)
{
    return k->applied;
}

void keyspace_entry_begin(struct keyspace *k, uint64_t index, uint64_t term, uint64_t clock_ms)
{
    CHECK(!k->in_entry);
    CHECK(!k->is_reading);
    CHECK(index > k->applied.index);
    CHECK(term >= k->applied.term);
    k->in_entry = true;
    k->entry_index = index;
    k->entry_term = term;
    k->now = MAX(clock_ms, k->applied.clock_ms);
    k->stamp = index << 12;
}

void keyspace_request_begin(struct keyspace *k, uint32_t ordinal)
{
    CHECK(k->in_entry);
    CHECK(ordinal <= ORDINAL_MAX);
    k->stamp = k->entry_index << 12 | ordinal;
}

void keyspace_entry_end(struct keyspace *k)
{
    CHECK(k->in_entry);
    CHECK(!k->is_reading);
    CHECK(!k->has_savepoint);
    k->in_entry = false;
    k->applied = (struct applied){k->entry_index, k->entry_term, k->now};
}

void keyspace_read_begin(struct keyspace *k, uint64_t now_ms)
{
    CHECK(!k->is_reading);
    k->is_reading = true;
    k->log_clock = k->now_before_read = k->now;
    k->now = MAX(now_ms, k->now);
    buf_reset(&k->met);
    k->met_count = 0;
    cache_set_read_only(k->cache, true);
}

void keyspace_read_end(struct keyspace *k)
{
    CHECK(k->is_reading);
    k->is_reading = false;
    k->now = k->now_before_read;
    cache_set_read_only(k->cache, false);
}

bool keyspace_is_read_only(const struct keyspace *k)
{
    return k->is_reading;
}

uint64_t keyspace_now(const struct keyspace *k)
{
    return k->now;
}

uint64_t keyspace_stamp(const struct keyspace *k)
{
    return k->stamp;
}

void keyspace_note_due(struct keyspace *k, uint32_t db, struct bytes name, uint64_t deadline)
{
    if (!k->is_reading || deadline <= k->log_clock || k->met_count == MET_DUE_MAX)
        return;
    k->met_count++;
    buf_append_be32(&k->met, db);
    buf_append_be32(&k->met, (uint32_t)name.size);
    buf_append_bytes(&k->met, name);
}

bool keyspace_met_due(const struct keyspace *k, struct buf *names)
{
    if (names != NULL)
        buf_append_bytes(names, buf_bytes(&k->met));
    return k->met_count > 0;
}

/* Of the databases only those that are there: scripts pay for it. */
static void copy_counters(struct counters *to, const struct counters *from)
{
    memcpy(to, from,
           offsetof(struct counters, databases) +
               from->database_count * sizeof(from->databases[0]));
}

void keyspace_savepoint_begin(struct keyspace *k)
{
    CHECK(!k->has_savepoint);
    k->has_savepoint = true;
    copy_counters(&k->saved, &k->now_counters);
    k->saved_expired_size = buf_bytes(&k->expired).size;
    cache_savepoint_begin(k->cache);
}

size_t keyspace_savepoint_bytes(const struct keyspace *k)
{
    return cache_savepoint_bytes(k->cache);
}

void keyspace_touch(struct keyspace *k, uint64_t count)
{
    k->touched += count;
}

void keyspace_note_use(struct keyspace *k, enum access_kept kept, bool counts)
{
    access_keep(k->access, kept, k->now / 1000);
    k->notes_use = counts;
}

uint64_t keyspace_touched(const struct keyspace *k)
{
    return k->touched;
}

void keyspace_savepoint_end(struct keyspace *k)
{
    CHECK(k->has_savepoint);
    k->has_savepoint = false;
    cache_savepoint_end(k->cache);
}

void keyspace_savepoint_roll_back(struct keyspace *k)
{
    CHECK(k->has_savepoint);
    k->has_savepoint = false;
    cache_savepoint_roll_back(k->cache);
    copy_counters(&k->now_counters, &k->saved);
    buf_truncate(&k->expired, k->saved_expired_size);
    k->deadline_floor = 0;
    k->floor_is_exact = false;
    k->settings_version++;
}

/* --- databases ------------------------------------------------------------------------------- */

static struct database *database_at(const struct keyspace *k, uint32_t db)
{
    CHECK(db < k->now_counters.database_count);
    return (struct database *)&k->now_counters.databases[db];
}

struct database *keyspace_database_of(struct keyspace *k, uint32_t number, uint32_t *selected)
{
    for (uint32_t db = 0; db < k->now_counters.database_count; db++)
        if (k->now_counters.databases[db].number == number) {
            *selected = db;
            return &k->now_counters.databases[db];
        }
    return NULL;
}

uint32_t keyspace_database_count(const struct keyspace *k)
{
    return k->now_counters.database_count;
}

void keyspace_set_database_count(struct keyspace *k, uint32_t count)
{
    struct counters *n = &k->now_counters;
    CHECK(count >= n->database_count);
    CHECK(count <= DATABASES_MAX);
    while (n->database_count < count)
        n->databases[n->database_count++] = (struct database){.number = n->next_number++};
}

uint32_t keyspace_database_number(const struct keyspace *k, uint32_t db)
{
    return database_at(k, db)->number;
}

uint64_t keyspace_size(const struct keyspace *k, uint32_t db)
{
    return database_at(k, db)->size;
}

uint64_t keyspace_timed(const struct keyspace *k, uint32_t db)
{
    return database_at(k, db)->timed;
}

uint64_t keyspace_expires(const struct keyspace *k, uint32_t db)
{
    return database_at(k, db)->expires;
}

uint64_t keyspace_used_bytes(const struct keyspace *k)
{
    uint64_t sum = 0;
    for (uint32_t db = 0; db < k->now_counters.database_count; db++)
        sum += k->now_counters.databases[db].used_bytes;
    return sum;
}

bool keyspace_is_full(const struct keyspace *k, uint64_t maxmemory)
{
    return maxmemory > 0 && keyspace_used_bytes(k) + KEYSPACE_BASE_BYTES > maxmemory;
}

void keyspace_swap(struct keyspace *k, uint32_t a, uint32_t b)
{
    CHECK(!k->is_reading);
    struct database *x = database_at(k, a), *y = database_at(k, b), kept = *x;
    *x = *y;
    *y = kept;
}

uint64_t keyspace_flush(struct keyspace *k, uint32_t db)
{
    CHECK(!k->is_reading);
    struct database *d = database_at(k, db);
    const uint64_t size = d->size;
    if (size == 0)
        return 0; /* no row has its number */
    grave_bury_database(k, d->number, size);
    *d = (struct database){.number = k->now_counters.next_number++};
    k->floor_is_exact = false;
    return size;
}

uint64_t keyspace_next_version(struct keyspace *k)
{
    CHECK(!k->is_reading);
    return k->now_counters.next_version++;
}

/* --- rows and their digest ------------------------------------------------------------------- */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    const __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Folds b into h, 16 bytes at a time, then what is left with its size. h is added, so that no word
 * of the bytes can make the product forget it. */
static uint64_t digest_fold(uint64_t h, struct bytes b)
{
    const uint64_t first = 0xa4093822299f31d1u, second = 0x082efa98ec4e6c89u;
    const uint8_t *p = b.data;
    size_t left = b.size;
    for (; left >= 16; left -= 16, p += 16)
        h = (h << 23 | h >> 41) + mix(get_le64(p) ^ first, get_le64(p + 8) ^ h);
    uint8_t tail[16] = {0};
    if (left > 0)
        memcpy(tail, p, left);
    h = (h << 23 | h >> 41) + mix(get_le64(tail) ^ first, get_le64(tail + 8) ^ h);
    return h + mix(b.size ^ second, h ^ first);
}

void keyspace_digest_add(struct keyspace *k, struct bytes key, struct bytes value)
{
    k->now_counters.digest = digest_fold(digest_fold(k->now_counters.digest, key), value);
}

uint64_t keyspace_digest(const struct keyspace *k)
{
    return k->now_counters.digest;
}

bool keyspace_damage(struct keyspace *k, uint32_t db, struct bytes name)
{
    struct buf key = {0}, row = {0};
    buf_reserve(&key, META_KEY_NAME + name.size);
    key.size = META_KEY_NAME + name.size;
    meta_key(buf_data(&key), keyspace_database_number(k, db), keyspace_position(k, name), name);
    struct bytes value;
    const bool is_there = cache_get(k->cache, buf_bytes(&key), &value) && value.size > 0;
    if (is_there) {
        buf_append_bytes(&row, value);
        buf_data(&row)[row.size - 1] ^= 1;
        cache_put(k->cache, buf_bytes(&key), buf_bytes(&row));
    }
    buf_clear(&key);
    buf_clear(&row);
    return is_there;
}

uint8_t *keyspace_row_space(struct keyspace *k, struct bytes key, size_t value_size)
{
    CHECK(k->in_entry); /* else this node alone would have the change */
    return cache_put_space(k->cache, key, value_size);
}

void keyspace_row_put(struct keyspace *k, struct bytes key, struct bytes value)
{
    CHECK(k->in_entry);
    keyspace_digest_add(k, key, value); /* before: value may lie in the row */
    cache_put(k->cache, key, value);
}

void keyspace_row_del(struct keyspace *k, struct bytes key)
{
    const uint64_t deletion = 0x452821e638d01377u;
    CHECK(k->in_entry);
    k->now_counters.digest = digest_fold(k->now_counters.digest ^ deletion, key);
    cache_del(k->cache, key);
}

/* --- system rows ----------------------------------------------------------------------------- */

static struct bytes system_key(struct keyspace *k, struct bytes name)
{
    buf_reset(&k->key);
    buf_append_u8(&k->key, 'S');
    buf_append_bytes(&k->key, name);
    return buf_bytes(&k->key);
}

bool keyspace_system_get(struct keyspace *k, struct bytes name, struct bytes *value)
{
    return cache_get(k->cache, system_key(k, name), value);
}

void keyspace_system_put(struct keyspace *k, struct bytes name, struct bytes value)
{
    cache_put(k->cache, system_key(k, name), value);
}

void keyspace_system_del(struct keyspace *k, struct bytes name)
{
    cache_del(k->cache, system_key(k, name));
}

static struct bytes setting_key(struct keyspace *k, const char *name)
{
    buf_reset(&k->key);
    buf_append_string(&k->key, "S" SETTING_PREFIX);
    buf_append_string(&k->key, name);
    return buf_bytes(&k->key);
}

bool keyspace_setting(struct keyspace *k, const char *name, struct bytes *value)
{
    return cache_get(k->cache, setting_key(k, name), value);
}

void keyspace_set_setting(struct keyspace *k, const char *name, struct bytes value)
{
    cache_put(k->cache, setting_key(k, name), value);
    k->settings_version++;
}

uint64_t keyspace_settings_version(const struct keyspace *k)
{
    return k->settings_version;
}
