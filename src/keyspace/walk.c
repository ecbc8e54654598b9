/* walk.c -- all keys of a database in the order of their positions; a random one. */

#include "keyspace/object_rows.h"

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
    cursor->db = db;
    cache_cursor_open(k->cache, &cursor->rows, bytes_of(lower, sizeof(lower)),
                      bytes_of(upper, sizeof(upper)), FORWARD);
}

/* Whether a hash has nothing but fields that are due. */
static bool is_empty_by_now(struct key_cursor *cursor, const struct meta *m, struct bytes name)
{
    if (m->type != TYPE_HASH || m->fields.size == 0 ||
        !deadline_is_due(cursor->keyspace, get_le64(m->fields.data)))
        return false;
    uint32_t left = 0;
    struct object o;
    const bool is_there = object_open_some(cursor->keyspace, cursor->db, name, &left, &o);
    object_close(&o);
    return !is_there;
}

bool key_cursor_next(struct key_cursor *cursor, struct bytes *name, uint64_t *position,
                     enum type *type)
{
    struct bytes key, value;
    while (cache_cursor_next(&cursor->rows, &key, &value)) {
        keyspace_touch(cursor->keyspace, 1);
        struct meta m;
        meta_decode(value, &m);
        *name = bytes_from(key, META_KEY_NAME);
        *position = meta_key_position(key);
        *type = m.type;
        if (deadline_is_due(cursor->keyspace, m.deadline))
            keyspace_note_due(cursor->keyspace, meta_key_db(key), *name, m.deadline);
        else if (!is_empty_by_now(cursor, &m, *name))
            return true;
    }
    return false;
}

void key_cursor_close(struct key_cursor *cursor)
{
    cache_cursor_close(&cursor->rows);
}

/* A draw among the keys that are seen: the n-th replaces what was chosen with a chance of 1 in n
 * (Vitter's reservoir), so that all come out evenly. */
struct draw {
    struct prng *chance;
    uint64_t seen, limit;
    struct buf *name;
    size_t start; /* in name, of what is chosen */
};

static void draw_from(struct keyspace *k, uint32_t db, uint64_t from, struct draw *d)
{
    struct key_cursor cursor;
    struct bytes found;
    uint64_t position;
    enum type type;
    keyspace_walk(k, &cursor, db, from);
    while (d->seen < d->limit && key_cursor_next(&cursor, &found, &position, &type)) {
        if (prng_below(d->chance, ++d->seen) != 0)
            continue;
        buf_truncate(d->name, d->start);
        buf_append_bytes(d->name, found);
    }
    key_cursor_close(&cursor);
}

bool keyspace_random_key(struct keyspace *k, uint32_t db, struct prng *chance, struct buf *name)
{
    const uint64_t size = keyspace_size(k, db);
    struct draw d = {.chance = chance, .name = name, .start = buf_bytes(name).size};
    d.limit = size <= COUNTED_MAX ? size : RANDOM_AFTER_SEEK;
    if (size > COUNTED_MAX)
        draw_from(k, db, prng_below(chance, POSITIONS), &d);
    draw_from(k, db, 0, &d); /* behind the last key comes the first */
    return d.seen > 0;
}
