/* expire.c -- the expiry index: rows "X" deadline db pos name, earliest first; a key has one, for
 * itself or the first of its fields. Rows of flushed
 * databases stay until they are purged; walks pass over them, but begin at deadline_floor, so that
 * each is passed once. */

#include "keyspace/expire.h"

#include "keyspace/object_rows.h"

static struct bytes index_key(struct buf *key, uint64_t deadline, struct bytes meta_row_key)
{
    buf_reset(key);
    buf_append_u8(key, 'X');
    buf_append_be64(key, deadline);
    buf_append_bytes(key, bytes_from(meta_row_key, 1));
    return buf_bytes(key);
}

void expire_index_put(struct keyspace *k, uint64_t deadline, struct bytes meta_row_key)
{
    keyspace_row_put(k, index_key(&k->key, deadline, meta_row_key), BYTES_NONE);
    if (deadline > k->deadline_floor)
        return;
    k->deadline_floor = deadline;
    k->floor_is_exact = true;
}

void expire_index_del(struct keyspace *k, uint64_t deadline, struct bytes meta_row_key)
{
    keyspace_row_del(k, index_key(&k->key, deadline, meta_row_key));
    if (deadline == k->deadline_floor)
        k->floor_is_exact = false;
}

static void open_index(struct keyspace *k, struct cache_cursor *cursor)
{
    uint8_t lower[9] = {'X'};
    put_be64(lower + 1, k->deadline_floor);
    cache_cursor_open(k->cache, cursor, bytes_of(lower, sizeof(lower)), BYTES("Y"), FORWARD);
}

/* The next row of a database that is there. */
static bool next_entry(struct keyspace *k, struct cache_cursor *cursor, uint32_t *selected,
                       struct bytes *key)
{
    struct bytes value;
    while (cache_cursor_next(cursor, key, &value))
        if (keyspace_database_of(k, get_be32(bytes_data(*key) + 9), selected) != NULL)
            return true;
    return false;
}

static bool has_deadlines(const struct keyspace *k)
{
    for (uint32_t db = 0; db < k->now_counters.database_count; db++)
        if (k->now_counters.databases[db].expires > 0 || k->now_counters.databases[db].timed > 0)
            return true;
    return false;
}

static void find_floor(struct keyspace *k)
{
    k->floor_is_exact = true;
    if (!has_deadlines(k)) {
        k->deadline_floor = UINT64_MAX;
        return;
    }
    struct cache_cursor cursor;
    struct bytes key;
    uint32_t selected;
    open_index(k, &cursor);
    const bool is_there = next_entry(k, &cursor, &selected, &key);
    CHECK(is_there);
    k->deadline_floor = get_be64(bytes_data(key) + 1);
    cache_cursor_close(&cursor);
}

uint64_t expire_next_deadline(struct keyspace *k)
{
    if (!k->floor_is_exact)
        find_floor(k);
    return k->deadline_floor == UINT64_MAX ? 0 : k->deadline_floor;
}

uint32_t expire_due(struct keyspace *k, uint32_t limit)
{
    struct cache_cursor cursor;
    struct bytes key;
    uint32_t selected, deleted = 0;
    if (!has_deadlines(k))
        return 0;
    open_index(k, &cursor);
    while (deleted < limit && next_entry(k, &cursor, &selected, &key) &&
           get_be64(bytes_data(key) + 1) <= k->now) {
        uint32_t left = limit - deleted;
        struct object o;
        object_open_some(k, selected, bytes_from(key, EXPIRY_KEY_NAME), &left, &o);
        object_close(&o);
        CHECK(left < limit - deleted);
        deleted = limit - left;
    }
    cache_cursor_close(&cursor);
    return deleted;
}

bool expire_key(struct keyspace *k, uint32_t internal_db, struct bytes name)
{
    uint32_t selected;
    if (keyspace_database_of(k, internal_db, &selected) == NULL)
        return false;
    const size_t before = buf_bytes(&k->expired).size;
    struct object o;
    object_open(k, selected, name, &o);
    object_close(&o);
    return buf_bytes(&k->expired).size > before;
}

void expire_note_deleted(struct keyspace *k, uint32_t selected, struct bytes name,
                         enum expired what)
{
    buf_append_u8(&k->expired, (uint8_t)what);
    buf_append_le32(&k->expired, selected);
    buf_append_le32(&k->expired, (uint32_t)name.size);
    buf_append_bytes(&k->expired, name);
}

bool keyspace_take_expired(struct keyspace *k, uint32_t *db, struct buf *name,
                           enum expired *what)
{
    struct reader r;
    reader_init(&r, buf_bytes(&k->expired));
    if (reader_left(&r) == 0)
        return false;
    *what = reader_u8(&r);
    *db = reader_le32(&r);
    buf_append_bytes(name, reader_bytes(&r, reader_le32(&r)));
    CHECK(!r.failed);
    buf_consume(&k->expired, buf_bytes(&k->expired).size - reader_left(&r));
    return true;
}
