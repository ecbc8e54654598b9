/* object_map.c -- ordered maps as commands see them: one of two forms, chosen here. */

#include "keyspace/object_rows.h"

#include "base/prng.h"

#define COUNTED_MAX 1024 /* elements in rows: up to here a random one is drawn by counting */
#define RANDOM_AFTER_SEEK 64
#define HASHES ((uint64_t)1 << 52)

uint64_t object_count(const struct object *o)
{
    return o->count;
}

bool object_get(struct object *o, uint8_t space, struct bytes subkey, struct bytes *value)
{
    o->keyspace->touched++;
    const bool is_there = object_is_packed(o) ? packed_get(o, space, subkey, value)
                                              : rows_get(o, space, subkey, value);
    if (!is_there || space != SPACE_FIELD || !object_hides(o, subkey))
        return is_there;
    *value = BYTES_NONE;
    return false;
}

/* What lies in the image is copied before the image changes. */
static void save_from_change(struct object *o, struct bytes *subkey, struct bytes *value)
{
    const uint8_t *start = o->packed.data, *end = start + o->packed.size;
    const uint8_t *s = subkey->data, *v = value->data;
    const bool own_subkey = start != NULL && s >= start && s < end;
    const bool own_value = start != NULL && v >= start && v < end;
    if (!own_subkey && !own_value)
        return;
    struct buf both = {0};
    buf_append_bytes(&both, *subkey);
    buf_append_bytes(&both, *value);
    buf_clear(&o->text);
    o->text = both;
    *subkey = bytes_of(buf_data(&both), subkey->size);
    *value = bytes_of(buf_data(&both) + subkey->size, value->size);
}

static void before_put(struct object *o, uint8_t space, struct bytes value)
{
    CHECK(o->type != TYPE_NONE);
    CHECK(!o->hides_due);
    CHECK(space != SPACE_SCORE); /* follows SPACE_MEMBER by itself, */
    CHECK(space != SPACE_DUE);   /* and this one SPACE_DEADLINE */
    CHECK(o->type != TYPE_ZSET || value.size == SCORE_SIZE);
    o->keyspace->touched++;
}

bool object_put(struct object *o, uint8_t space, struct bytes subkey, struct bytes value)
{
    before_put(o, space, value);
    if (!object_is_packed(o))
        return rows_put(o, space, subkey, value);
    save_from_change(o, &subkey, &value);
    const enum packed_outcome outcome = packed_put(o, space, subkey, value);
    if (outcome != PACKED_FULL)
        return outcome == PACKED_NEW;
    rows_spill(o);
    return rows_put(o, space, subkey, value);
}

void object_put_new(struct object *o, uint8_t space, struct bytes subkey, struct bytes value)
{
    if (object_is_packed(o)) {
        const bool is_new = object_put(o, space, subkey, value);
        CHECK(is_new);
        return;
    }
    before_put(o, space, value);
    rows_put_new(o, space, subkey, value);
}

bool object_del(struct object *o, uint8_t space, struct bytes subkey)
{
    CHECK(!o->hides_due);
    CHECK(space != SPACE_SCORE);
    o->keyspace->touched++;
    if (space == SPACE_FIELD && object_is_timed(o))
        object_set_field_deadline(o, subkey, 0);
    if (!object_is_packed(o))
        return rows_del(o, space, subkey);
    return packed_del(o, space, subkey);
}

static void cursor_init(struct object *o, struct object_cursor *cursor, uint8_t space,
                        enum direction direction)
{
    cursor->object = o;
    cursor->space = space;
    cursor->direction = direction;
    cursor->packed = object_is_packed(o);
    cursor->image = (struct buf){0};
    cursor->count = cursor->next = 0;
    cursor->hash = 0;
}

void object_seek(struct object *o, struct object_cursor *cursor, uint8_t space, struct bytes from,
                 enum direction direction)
{
    cursor_init(o, cursor, space, direction);
    if (cursor->packed)
        packed_seek(o, cursor, from);
    else
        rows_seek(o, cursor, from);
}

void object_seek_hash(struct object *o, struct object_cursor *cursor, uint8_t space, uint64_t hash)
{
    CHECK(!object_is_packed(o));
    cursor_init(o, cursor, space, FORWARD);
    rows_seek_hash(o, cursor, hash);
}

bool object_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value)
{
    while (cursor->packed ? packed_cursor_next(cursor, subkey, value)
                          : rows_cursor_next(cursor, subkey, value)) {
        cursor->object->keyspace->touched++;
        if (cursor->space != SPACE_FIELD || !object_hides(cursor->object, *subkey))
            return true;
    }
    return false;
}

uint64_t object_cursor_hash(const struct object_cursor *cursor)
{
    CHECK(!cursor->packed);
    return cursor->hash;
}

void object_cursor_close(struct object_cursor *cursor)
{
    if (cursor->packed)
        buf_clear(&cursor->image);
    else
        cache_cursor_close(&cursor->rows);
}

/* Keeps an element in the object's memory. */
static void keep(struct object *o, struct bytes *subkey, struct bytes *value)
{
    buf_reset(&o->text);
    buf_append_bytes(&o->text, *subkey);
    buf_append_bytes(&o->text, *value);
    *subkey = bytes_of(buf_data(&o->text), subkey->size);
    *value = bytes_of(buf_data(&o->text) + subkey->size, value->size);
}

void object_random(struct object *o, uint8_t space, struct prng *chance, struct bytes *subkey,
                   struct bytes *value)
{
    CHECK(o->count > 0);
    CHECK(space_is_hashed(space));
    const bool counts = object_is_packed(o) || o->count <= COUNTED_MAX;
    struct object_cursor cursor;
    if (counts)
        object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    else
        object_seek_hash(o, &cursor, space, prng_below(chance, HASHES));
    uint64_t steps = 1 + prng_below(chance, counts ? o->count : RANDOM_AFTER_SEEK);
    for (int ends = 0; steps > 0;) {
        if (object_next(&cursor, subkey, value)) {
            steps--;
            continue;
        }
        ends++;
        CHECK(ends <= RANDOM_AFTER_SEEK); /* as often, if there is one element in rows */
        object_cursor_close(&cursor); /* behind the last comes the first */
        object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    }
    keep(o, subkey, value);
    object_cursor_close(&cursor);
}

/* IEEE doubles sort as integers once the sign bit is turned, and all bits of negative ones. */
uint64_t score_to_order(double score)
{
    uint64_t bits;
    CHECK(score == score);
    memcpy(&bits, &score, sizeof(bits));
    return bits >> 63 != 0 ? ~bits : bits | (uint64_t)1 << 63;
}

double score_from_order(uint64_t order)
{
    const uint64_t bits = order >> 63 != 0 ? order & ~((uint64_t)1 << 63) : ~order;
    double score;
    memcpy(&score, &bits, sizeof(score));
    return score;
}
