/* object_rows.c -- ordered maps as rows of their own:
 *
 *     "I" version space [hash:8] subkey -> value        hash: 52 bits, of fields and members only
 *
 * A zset's members and scores are kept in step here, each member has its score's row; and so are a
 * hash's fields that have deadlines and the order in which they are due. */

#include "keyspace/object_rows.h"

#define ROW_OVERHEAD_LOGICAL 16 /* bytes of an element beside its subkey and value */

/* An object up to here is walked in rows that are kept together (cache_cursor_expect_few). */
#define SMALL_COUNT 512
#define SMALL_BYTES ((uint64_t)32 << 10)

/* The row's key, in memory of the keyspace that holds until the next call. */
static struct bytes row_key(struct object *o, uint8_t space, struct bytes subkey)
{
    struct buf *key = &o->keyspace->item_key;
    buf_reset(key);
    uint8_t *to = buf_reserve(key, ITEM_KEY_SUBKEY + ITEM_HASH_SIZE);
    item_key(to, o->version, space);
    size_t size = ITEM_KEY_SUBKEY;
    if (space_is_hashed(space)) {
        put_be64(to + size, item_hash(o->keyspace->hash_key, subkey));
        size += ITEM_HASH_SIZE;
    }
    buf_commit(key, size);
    buf_append_bytes(key, subkey);
    return buf_bytes(key);
}

bool rows_get(struct object *o, uint8_t space, struct bytes subkey, struct bytes *value)
{
    return cache_get(o->keyspace->cache, row_key(o, space, subkey), value);
}

/* The space in which (value, subkey) follows a row of space; 0: none does. */
static uint8_t following(const struct object *o, uint8_t space)
{
    if (o->type == TYPE_ZSET && space == SPACE_MEMBER)
        return SPACE_SCORE;
    return o->type == TYPE_HASH && space == SPACE_DEADLINE ? SPACE_DUE : 0;
}

static void follow(struct object *o, uint8_t space, struct bytes value, struct bytes subkey,
                   bool put)
{
    CHECK(value.size == SCORE_SIZE);
    struct buf *joined = &o->keyspace->scratch;
    buf_reset(joined);
    buf_append_bytes(joined, value);
    buf_append_bytes(joined, subkey);
    const struct bytes key = row_key(o, space, buf_bytes(joined));
    if (put)
        keyspace_row_put(o->keyspace, key, BYTES_NONE);
    else
        keyspace_row_del(o->keyspace, key);
    if (space != SPACE_SCORE)
        return;
    if (put)
        fences_put(o, buf_bytes(joined));
    else
        fences_del(o, buf_bytes(joined));
}

void rows_put_plain(struct object *o, uint8_t space, struct bytes subkey, struct bytes value)
{
    keyspace_row_put(o->keyspace, row_key(o, space, subkey), value);
}

void rows_del_plain(struct object *o, uint8_t space, struct bytes subkey)
{
    keyspace_row_del(o->keyspace, row_key(o, space, subkey));
}

/* old: the row that is there, NULL: none is. */
static void put_row(struct object *o, uint8_t space, struct bytes subkey, struct bytes value,
                    const struct bytes *old)
{
    const uint8_t follower = following(o, space);
    if (old != NULL)
        o->items_bytes -= old->size;
    else
        o->items_bytes += subkey.size + ROW_OVERHEAD_LOGICAL;
    o->items_bytes += value.size;
    o->count += old == NULL && space_is_counted(space);
    if (follower != 0) {
        if (old != NULL)
            follow(o, follower, *old, subkey, false);
        follow(o, follower, value, subkey, true);
    }
    keyspace_row_put(o->keyspace, row_key(o, space, subkey), value);
}

bool rows_put(struct object *o, uint8_t space, struct bytes subkey, struct bytes value)
{
    struct bytes old;
    const bool is_there = rows_get(o, space, subkey, &old);
    o->dirty = true;
    if (!is_there || !bytes_equal(old, value)) /* SADD of a member, HSET of the same */
        put_row(o, space, subkey, value, is_there ? &old : NULL);
    return !is_there;
}

void rows_put_new(struct object *o, uint8_t space, struct bytes subkey, struct bytes value)
{
    o->dirty = true;
    put_row(o, space, subkey, value, NULL);
}

bool rows_del(struct object *o, uint8_t space, struct bytes subkey)
{
    struct bytes old;
    if (!rows_get(o, space, subkey, &old))
        return false;
    o->dirty = true;
    o->items_bytes -= subkey.size + old.size + ROW_OVERHEAD_LOGICAL;
    o->count -= space_is_counted(space);
    if (following(o, space) != 0)
        follow(o, following(o, space), old, subkey, false);
    keyspace_row_del(o->keyspace, row_key(o, space, subkey));
    return true;
}

void rows_spill(struct object *o)
{
    CHECK(o->version == 0);
    object_own_packed(o);
    const struct bytes image = o->packed;
    o->version = keyspace_next_version(o->keyspace);
    o->count = o->items_bytes = 0;
    size_t offset = 0;
    for (struct element e; packed_next(o, image, &offset, &e);) {
        if (o->type == TYPE_ZSET)
            rows_put(o, SPACE_MEMBER, bytes_from(e.subkey, SCORE_SIZE),
                     bytes_of(e.subkey.data, SCORE_SIZE));
        else
            rows_put(o, e.space, e.subkey, e.value);
    }
    o->packed = BYTES_NONE;
    o->packed_in_row = false;
    buf_reset(&o->scratch);
}

/* --- walks ----------------------------------------------------------------------------------- */

static void open_space(struct object *o, struct object_cursor *cursor)
{
    uint8_t lower[ITEM_KEY_SUBKEY], upper[ITEM_KEY_SUBKEY];
    item_key(lower, o->version, cursor->space);
    item_key(upper, o->version, (uint8_t)(cursor->space + 1));
    cache_cursor_open(o->keyspace->cache, &cursor->rows, bytes_of(lower, sizeof(lower)),
                      bytes_of(upper, sizeof(upper)), cursor->direction);
    if (o->count <= SMALL_COUNT && o->items_bytes <= SMALL_BYTES)
        cache_cursor_expect_few(&cursor->rows);
}

void rows_seek(struct object *o, struct object_cursor *cursor, struct bytes from)
{
    open_space(o, cursor);
    if (from.size > 0)
        cache_cursor_seek(&cursor->rows, row_key(o, cursor->space, from));
}

void rows_seek_hash(struct object *o, struct object_cursor *cursor, uint64_t hash)
{
    CHECK(space_is_hashed(cursor->space));
    open_space(o, cursor);
    uint8_t key[ITEM_KEY_SUBKEY + ITEM_HASH_SIZE];
    item_key(key, o->version, cursor->space);
    put_be64(key + ITEM_KEY_SUBKEY, hash);
    cache_cursor_seek(&cursor->rows, bytes_of(key, sizeof(key)));
}

bool rows_cursor_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value)
{
    struct bytes key;
    if (!cache_cursor_next(&cursor->rows, &key, value))
        return false;
    size_t before = ITEM_KEY_SUBKEY;
    if (space_is_hashed(cursor->space)) {
        cursor->hash = get_be64(bytes_data(key) + before);
        before += ITEM_HASH_SIZE;
    }
    *subkey = bytes_from(key, before);
    return true;
}

/* --- whole versions -------------------------------------------------------------------------- */

uint64_t object_row_count(const struct object *o)
{
    if (o->version == 0)
        return 0;
    return o->type == TYPE_STRING ? o->count / 4096 + 1 : o->count;
}

uint64_t object_copy_rows(struct object *o)
{
    struct keyspace *k = o->keyspace;
    const uint64_t version = keyspace_next_version(k);
    uint8_t lower[9], upper[9];
    lower[0] = upper[0] = 'I';
    put_be64(lower + 1, o->version);
    put_be64(upper + 1, o->version + 1);
    struct cache_cursor cursor;
    cache_cursor_open(k->cache, &cursor, bytes_of(lower, 9), bytes_of(upper, 9), FORWARD);
    struct buf to = {0};
    struct bytes key, value;
    while (cache_cursor_next(&cursor, &key, &value)) {
        buf_reset(&to);
        buf_append_u8(&to, 'I');
        buf_append_be64(&to, version);
        buf_append_bytes(&to, bytes_from(key, 9));
        keyspace_row_put(k, buf_bytes(&to), value);
    }
    buf_clear(&to);
    cache_cursor_close(&cursor);
    return version;
}
