/* walk.c -- all keys of a database in the order of their positions; a random one. */

#include "keyspace/keyspace_state.h"

#include "base/prng.h"

#define COUNTED_MAX 1024 /* keys: up to here a random one is drawn evenly, by counting */
#define RANDOM_AFTER_SEEK 64
#define POSITIONS ((uint64_t)1 << 52)

void keyspace_walk(struct keyspace *k, struct key_cursor *cursor, uint32_t db, uint64_t from)
{
    uint8_t lower[META_KEY_NAME], upper[5];
    const uint32_t number = keyspace_database_number(k, db);
    meta_key(lower, number, from, BYTES_NONE);
    upper[0] = 'K';
    put_be32(upper + 1, number + 1);
    cursor->keyspace = k;
    cache_cursor_open(k->cache, &cursor->rows, bytes_of(lower, sizeof(lower)),
                      bytes_of(upper, sizeof(upper)), FORWARD);
}

bool key_cursor_next(struct key_cursor *cursor, struct bytes *name, uint64_t *position,
                     enum type *type)
{
    struct bytes key, value;
    while (cache_cursor_next(&cursor->rows, &key, &value)) {
        struct meta m;
        meta_decode(value, &m);
        *name = bytes_from(key, META_KEY_NAME);
        *position = meta_key_position(key);
        *type = m.type;
        if (!deadline_is_due(cursor->keyspace, m.deadline))
            return true;
        keyspace_note_due(cursor->keyspace, meta_key_db(key), *name, m.deadline);
    }
    return false;
}

void key_cursor_close(struct key_cursor *cursor)
{
    cache_cursor_close(&cursor->rows);
}

/* One of the next limit keys from position on, evenly; false when there are none. */
static bool draw(struct keyspace *k, uint32_t db, uint64_t from, uint64_t limit,
                 struct prng *chance, struct buf *name)
{
    struct key_cursor cursor;
    struct bytes found;
    uint64_t position, seen = 0;
    enum type type;
    const size_t size = buf_bytes(name).size;
    keyspace_walk(k, &cursor, db, from);
    while (seen < limit && key_cursor_next(&cursor, &found, &position, &type)) {
        /* The n-th replaces what was chosen with a chance of 1 in n (Vitter's reservoir). */
        if (prng_below(chance, ++seen) == 0) {
            buf_truncate(name, size);
            buf_append_bytes(name, found);
        }
    }
    key_cursor_close(&cursor);
    return seen > 0;
}

bool keyspace_random_key(struct keyspace *k, uint32_t db, struct prng *chance, struct buf *name)
{
    if (keyspace_size(k, db) == 0)
        return false;
    if (keyspace_size(k, db) <= COUNTED_MAX)
        return draw(k, db, 0, UINT64_MAX, chance, name);
    const uint64_t from = prng_below(chance, POSITIONS);
    return draw(k, db, from, RANDOM_AFTER_SEEK, chance, name) ||
           draw(k, db, 0, RANDOM_AFTER_SEEK, chance, name) ||
           draw(k, db, 0, UINT64_MAX, chance, name);
}
