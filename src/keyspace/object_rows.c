/* object_rows.c -- ordered maps as rows of their own: "I" version space subkey -> value. */

#include "keyspace/object_rows.h"

uint64_t object_row_count(const struct object *o)
{
    if (o->version == 0)
        return 0;
    return o->type == TYPE_STRING ? o->count / 4096 + 1 : o->count;
}

static void version_bounds(uint64_t version, uint8_t lower[9], uint8_t upper[9])
{
    lower[0] = upper[0] = 'I';
    put_be64(lower + 1, version);
    put_be64(upper + 1, version + 1);
}

uint64_t object_copy_rows(struct object *o)
{
    struct keyspace *k = o->keyspace;
    const uint64_t version = keyspace_next_version(k);
    uint8_t lower[9], upper[9];
    version_bounds(o->version, lower, upper);
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
