/* object_deadline.c -- deadlines of hash fields.
 *
 * A field that has one has a row beside its value's, field -> deadline; in rows, not packed, a
 * second one sorts them, (deadline, field) -> nothing. Values stay as they are, so that the first
 * deadline of a large hash costs no more than the others. The earliest of all stands in the meta
 * row: it tells at the opening whether any field is due, and is what the expiry index of keys leads
 * by; so a hash has one row there, and RENAME, MOVE and SWAPDB move it as they move a key's. Beside
 * it stands how many fields have deadlines: a large hash of which all are due goes as a key does.
 *
 *     earliest:8 timed:8, little-endian */

#include "keyspace/object_rows.h"

#define DEADLINE_SIZE 8
#define TIMED 8 /* where their number stands */
#define FIELDS_SIZE 16
#define DROPPED_MIN 1024 /* fields; fewer are deleted one by one, and told apart by limits */

static void set_earliest(struct object *o, uint64_t deadline)
{
    CHECK(o->fields_size == FIELDS_SIZE);
    put_le64(o->fields, deadline);
}

/* One field more has a deadline, or one less. */
static void count_timed(struct object *o, bool more)
{
    const uint64_t timed = get_le64(o->fields + TIMED);
    CHECK(more || timed > 0);
    put_le64(o->fields + TIMED, more ? timed + 1 : timed - 1);
}

static void make_timed(struct object *o)
{
    if (object_is_packed(o))
        packed_make_timed(o);
    o->fields_size = FIELDS_SIZE;
    put_le64(o->fields + TIMED, 0);
    set_earliest(o, 0);
}

uint64_t object_field_deadline(struct object *o, struct bytes field)
{
    struct bytes value;
    if (!object_is_timed(o) || !object_get(o, SPACE_DEADLINE, field, &value))
        return 0;
    CHECK(value.size == DEADLINE_SIZE);
    return get_be64(value.data);
}

void object_set_field_deadline(struct object *o, struct bytes field, uint64_t deadline_ms)
{
    CHECK(o->type == TYPE_HASH);
    const uint64_t old = object_field_deadline(o, field);
    if (deadline_ms == old)
        return;
    if (!object_is_timed(o))
        make_timed(o);
    if (deadline_ms == 0) {
        object_del(o, SPACE_DEADLINE, field);
    } else {
        uint8_t value[DEADLINE_SIZE];
        put_be64(value, deadline_ms);
        object_put(o, SPACE_DEADLINE, field, bytes_of(value, sizeof(value)));
    }
    if ((old == 0) != (deadline_ms == 0))
        count_timed(o, old == 0);
    const uint64_t earliest = object_earliest(o); /* or before it, if that is old */
    if (deadline_ms != 0 && (earliest == 0 || deadline_ms < earliest)) {
        set_earliest(o, deadline_ms);
        o->earliest_is_old = false;
    } else if (old == earliest) {
        o->earliest_is_old = true;
    }
    o->dirty = true;
}

/* --- in their order --------------------------------------------------------------------------- */

/* Fields with deadlines: in rows from the earliest on, packed in any order. */
static void walk(struct object *o, struct object_cursor *cursor)
{
    const uint8_t space = object_is_packed(o) ? SPACE_DEADLINE : SPACE_DUE;
    object_seek(o, cursor, space, BYTES_NONE, FORWARD);
}

static bool walk_next(struct object_cursor *cursor, struct bytes *field, uint64_t *deadline)
{
    struct bytes subkey, value;
    if (!object_next(cursor, &subkey, &value))
        return false;
    const bool is_packed = cursor->space == SPACE_DEADLINE;
    *field = is_packed ? subkey : bytes_from(subkey, DEADLINE_SIZE);
    CHECK((is_packed ? value.size : subkey.size) >= DEADLINE_SIZE);
    *deadline = get_be64(is_packed ? value.data : subkey.data);
    return true;
}

/* The next that is due. */
static bool walk_due(struct object_cursor *cursor, struct bytes *field)
{
    const struct keyspace *k = cursor->object->keyspace;
    uint64_t deadline;
    while (walk_next(cursor, field, &deadline))
        if (deadline_is_due(k, deadline))
            return true;
        else if (cursor->space == SPACE_DUE)
            return false;
    return false;
}

void object_find_earliest(struct object *o)
{
    if (!o->earliest_is_old)
        return;
    struct object_cursor cursor;
    struct bytes field;
    uint64_t deadline, earliest = 0;
    walk(o, &cursor);
    while (walk_next(&cursor, &field, &deadline)) {
        earliest = earliest == 0 ? deadline : MIN(earliest, deadline);
        if (cursor.space == SPACE_DUE)
            break;
    }
    object_cursor_close(&cursor);
    set_earliest(o, earliest);
    o->earliest_is_old = false;
}

/* --- due ones --------------------------------------------------------------------------------- */

bool object_hides(struct object *o, struct bytes field)
{
    return o->hides_due && deadline_is_due(o->keyspace, object_field_deadline(o, field));
}

void object_hide_due(struct object *o)
{
    struct object_cursor cursor;
    struct bytes field;
    walk(o, &cursor);
    while (walk_due(&cursor, &field)) {
        CHECK(o->count > 0);
        o->count--;
    }
    object_cursor_close(&cursor);
    o->hides_due = true;
}

bool object_is_all_due(struct object *o)
{
    if (object_is_packed(o) || o->count < DROPPED_MIN || get_le64(o->fields + TIMED) != o->count)
        return false;
    struct object_cursor cursor;
    struct bytes field;
    object_seek(o, &cursor, SPACE_DUE, BYTES_NONE, BACKWARD); /* the last to be due */
    const bool is_due = walk_due(&cursor, &field);
    object_cursor_close(&cursor);
    return is_due;
}

uint32_t object_delete_due(struct object *o, uint32_t limit)
{
    struct object_cursor cursor;
    struct bytes field;
    uint32_t deleted = 0;
    walk(o, &cursor);
    while (deleted < limit && walk_due(&cursor, &field)) {
        const bool was_there = object_del(o, SPACE_FIELD, field);
        CHECK(was_there);
        deleted++;
    }
    object_cursor_close(&cursor);
    return deleted;
}
