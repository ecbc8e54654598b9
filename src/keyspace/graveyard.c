/* graveyard.c -- "G" rows name what was buried: a version (its items are to go) or a database (its
 * keys, their expiry rows, and all that hangs on their versions).
 *
 *     "G" version   delete its "I" rows one by one,     or, if there are many,   one range
 *     "G" db        walk its "K" rows: delete "X" row, bury version; the "K" rows as above
 *     then the G row itself
 *
 * Small and large are told apart by the estimate in the row. A walk that a crash cuts short begins
 * anew: burying a version twice does no harm. Nothing here touches the digest: nodes purge at
 * different times. */

#include "keyspace/graveyard.h"

#include "keyspace/keyspace_state.h"

#define ONE_BY_ONE_MAX 16384 /* rows; above, a range tombstone */
#define VERSION_GRAVE_SIZE 9
#define DATABASE_GRAVE_SIZE 5

void grave_bury_version(struct keyspace *k, uint64_t version, uint64_t rows)
{
    uint8_t key[VERSION_GRAVE_SIZE] = {'G'}, value[8];
    put_be64(key + 1, version);
    put_le64(value, rows);
    keyspace_row_put(k, bytes_of(key, sizeof(key)), bytes_of(value, sizeof(value)));
    k->now_counters.graves++;
}

void grave_bury_database(struct keyspace *k, uint32_t number, uint64_t keys)
{
    uint8_t key[DATABASE_GRAVE_SIZE] = {'G'}, value[8];
    put_be32(key + 1, number);
    put_le64(value, keys);
    keyspace_row_put(k, bytes_of(key, sizeof(key)), bytes_of(value, sizeof(value)));
    k->now_counters.graves++;
}

void grave_count_all(struct keyspace *k)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    k->now_counters.graves = 0;
    cache_cursor_open(k->cache, &cursor, BYTES("G"), BYTES("H"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value))
        k->now_counters.graves++;
    cache_cursor_close(&cursor);
}

uint64_t graveyard_count(struct keyspace *k)
{
    return k->now_counters.graves;
}

uint64_t graveyard_purged(const struct keyspace *k)
{
    return k->purged_graves;
}

/* The bounds of the rows that the grave stands for; both are of its key's size. */
static void bounds_of(struct bytes grave, uint8_t *lower, uint8_t *upper)
{
    lower[0] = upper[0] = grave.size == VERSION_GRAVE_SIZE ? 'I' : 'K';
    memcpy(lower + 1, bytes_data(grave) + 1, grave.size - 1);
    if (grave.size == VERSION_GRAVE_SIZE)
        put_be64(upper + 1, get_be64(lower + 1) + 1);
    else
        put_be32(upper + 1, get_be32(lower + 1) + 1);
}

/* A key of a buried database: what hangs on its row goes, or is buried in turn. */
static void purge_key_row(struct keyspace *k, struct bytes key, struct bytes value)
{
    struct meta m;
    meta_decode(value, &m);
    if (m.deadline != 0) {
        buf_reset(&k->key);
        buf_append_u8(&k->key, 'X');
        buf_append_be64(&k->key, m.deadline);
        buf_append_bytes(&k->key, bytes_from(key, 1));
        cache_del(k->cache, buf_bytes(&k->key));
    }
    if (m.version != 0) {
        uint8_t grave[VERSION_GRAVE_SIZE] = {'G'}, rows[8];
        put_be64(grave + 1, m.version);
        put_le64(rows, m.count);
        struct bytes old;
        if (!cache_get(k->cache, bytes_of(grave, sizeof(grave)), &old))
            k->now_counters.graves++;
        cache_put(k->cache, bytes_of(grave, sizeof(grave)), bytes_of(rows, sizeof(rows)));
    }
}

/* Goes on with the grave in k->purge_key; *done: nothing is left of it. */
static size_t purge_slice(struct keyspace *k, bool is_large, size_t limit, bool *done)
{
    uint8_t lower[VERSION_GRAVE_SIZE], upper[VERSION_GRAVE_SIZE];
    const struct bytes grave = buf_bytes(&k->purge_key);
    bounds_of(grave, lower, upper);
    struct cache_cursor cursor;
    cache_cursor_open(k->cache, &cursor, bytes_of(lower, grave.size), bytes_of(upper, grave.size),
                      FORWARD);
    cache_cursor_seek(&cursor, buf_bytes(&k->purge_place));
    size_t seen = 0;
    struct bytes key, value;
    *done = false;
    while (seen < limit && !*done) {
        if (!cache_cursor_next(&cursor, &key, &value)) {
            *done = true;
            break;
        }
        seen++;
        if (grave.size == DATABASE_GRAVE_SIZE)
            purge_key_row(k, key, value);
        if (!is_large)
            cache_del(k->cache, key);
        buf_reset(&k->purge_place);
        buf_append_bytes(&k->purge_place, key);
        buf_append_u8(&k->purge_place, 0); /* the next key */
    }
    cache_cursor_close(&cursor);
    return seen;
}

/* Takes the first grave, unless one is being purged; false: there is none. */
static bool choose_grave(struct keyspace *k, uint64_t *rows)
{
    struct bytes key = buf_bytes(&k->purge_key), value;
    if (key.size > 0 && cache_get(k->cache, key, &value)) {
        *rows = get_le64(value.data);
        return true;
    }
    buf_reset(&k->purge_key);
    buf_reset(&k->purge_place);
    struct cache_cursor cursor;
    cache_cursor_open(k->cache, &cursor, BYTES("G"), BYTES("H"), FORWARD);
    const bool is_there = cache_cursor_next(&cursor, &key, &value);
    if (is_there) {
        CHECK(value.size == 8);
        *rows = get_le64(value.data);
        buf_append_bytes(&k->purge_key, key);
    }
    cache_cursor_close(&cursor);
    return is_there;
}

static void end_grave(struct keyspace *k)
{
    cache_del(k->cache, buf_bytes(&k->purge_key));
    k->now_counters.graves--;
    k->purged_graves++;
    buf_reset(&k->purge_key);
    buf_reset(&k->purge_place);
}

static void drop_range(struct keyspace *k)
{
    uint8_t lower[VERSION_GRAVE_SIZE], upper[VERSION_GRAVE_SIZE];
    const struct bytes grave = buf_bytes(&k->purge_key);
    bounds_of(grave, lower, upper);
    cache_del_range(k->cache, bytes_of(lower, grave.size), bytes_of(upper, grave.size));
}

size_t graveyard_purge(struct keyspace *k, size_t limit)
{
    CHECK(!k->in_entry);
    CHECK(!k->is_reading);
    size_t seen = 0;
    uint64_t rows;
    while (seen < limit && k->now_counters.graves > 0 && choose_grave(k, &rows)) {
        const bool is_large = rows > ONE_BY_ONE_MAX;
        const bool is_version = buf_bytes(&k->purge_key).size == VERSION_GRAVE_SIZE;
        if (is_large && cache_range_room(k->cache) == 0)
            break; /* until a flush has taken the ranges */
        bool done = true;
        if (!is_large || !is_version)
            seen += purge_slice(k, is_large, limit - seen, &done);
        if (!done)
            break;
        if (is_large)
            drop_range(k);
        end_grave(k);
        seen++;
    }
    return seen;
}
