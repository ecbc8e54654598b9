/* object.c -- opening, saving and deleting keys. Strings are in object_string.c; ordered maps in
 * object_packed.c and object_rows.c. */

#include "keyspace/object.h"

#include <stdlib.h>

#include "keyspace/object_rows.h"

#define OBJECT_OVERHEAD 56 /* logical bytes of a key beside its name and value */

const char *encoding_name(enum encoding encoding)
{
    static const char *const names[] = {
        [ENCODING_RAW] = "raw",           [ENCODING_INT] = "int",
        [ENCODING_EMBSTR] = "embstr",     [ENCODING_LISTPACK] = "listpack",
        [ENCODING_QUICKLIST] = "quicklist", [ENCODING_INTSET] = "intset",
        [ENCODING_HASHTABLE] = "hashtable", [ENCODING_SKIPLIST] = "skiplist",
        [ENCODING_STREAM] = "stream",
    };
    CHECK((size_t)encoding < ARRAY_COUNT(names));
    return names[encoding];
}

static struct bytes row_key_of(const struct object *o)
{
    return bytes_of(o->row_key_large != NULL ? o->row_key_large : o->row_key_small,
                    o->row_key_size);
}

/* By what the key is known to access.h. */
static uint64_t access_key(const struct object *o)
{
    const struct bytes key = row_key_of(o);
    return meta_key_position(key) ^ (uint64_t)o->db << 52;
}

static uint64_t now_s(const struct object *o)
{
    return o->keyspace->now / 1000;
}

static void note_use(const struct object *o)
{
    if (o->keyspace->notes_use)
        access_note(o->keyspace->access, access_key(o), now_s(o));
}

static struct database *database_of(const struct object *o)
{
    struct database *d = &o->keyspace->now_counters.databases[o->selected];
    CHECK(d->number == o->db); /* FLUSHDB or SWAPDB while an object is open */
    return d;
}

/* Gives o its name, and the key of its row. */
static void set_name(struct object *o, uint32_t db, struct bytes name)
{
    o->selected = db;
    o->db = keyspace_database_number(o->keyspace, db);
    o->name = name;
    free(o->row_key_large);
    o->row_key_large = NULL;
    o->row_key_size = (uint32_t)(META_KEY_NAME + name.size);
    uint8_t *to = o->row_key_small;
    if (o->row_key_size > sizeof(o->row_key_small))
        to = o->row_key_large = xmalloc(o->row_key_size);
    meta_key(to, o->db, keyspace_position(o->keyspace, name), name);
}

static void become_absent(struct object *o)
{
    o->type = TYPE_NONE;
    o->encoding = ENCODING_RAW;
    o->stamp = o->deadline = o->size_bytes = o->version = o->count = o->items_bytes = 0;
    o->fields_size = 0;
    o->packed = BYTES_NONE;
    o->old_deadline = o->old_earliest = o->old_size_bytes = 0;
    o->existed = o->dirty = o->packed_in_row = o->hides_due = o->earliest_is_old = false;
}

static uint64_t base_size(const struct object *o)
{
    return OBJECT_OVERHEAD + o->name.size + o->fields_size;
}

/* Takes over what the row says. */
static void load(struct object *o, struct bytes row)
{
    struct meta m;
    meta_decode(row, &m);
    o->type = m.type;
    o->encoding = m.encoding;
    o->stamp = m.stamp;
    o->deadline = o->old_deadline = m.deadline;
    o->size_bytes = o->old_size_bytes = m.size_bytes;
    o->version = m.version;
    o->count = m.count;
    CHECK(m.fields.size <= sizeof(o->fields));
    o->fields_size = (uint8_t)m.fields.size;
    if (m.fields.size > 0)
        memcpy(o->fields, m.fields.data, m.fields.size);
    o->old_earliest = object_earliest(o);
    o->packed = m.payload;
    o->packed_in_row = true;
    o->existed = true;
    o->dirty = o->hides_due = o->earliest_is_old = false;
    if (m.version == 0 && m.type != TYPE_STRING)
        o->count = packed_count(m.payload);
    o->items_bytes = 0;
    if (m.version != 0 && m.type != TYPE_STRING)
        o->items_bytes = m.size_bytes - base_size(o);
}

/* The row is there, and the key not due. False: there was nothing in it but fields that are. */
static bool open_hash_with_due(struct object *o, uint32_t *left)
{
    struct keyspace *k = o->keyspace;
    if (k->is_reading || *left == 0) {
        keyspace_note_due(k, o->db, o->name, object_earliest(o));
        object_hide_due(o);
        if (o->count == 0)
            become_absent(o);
        return o->type != TYPE_NONE;
    }
    if (object_is_all_due(o)) {
        (*left)--;
        expire_note_deleted(k, o->selected, o->name, EXPIRED_LAST_FIELDS);
        object_delete(o);
        return false;
    }
    *left -= object_delete_due(o, *left);
    expire_note_deleted(k, o->selected, o->name,
                        o->count > 0 ? EXPIRED_FIELDS : EXPIRED_LAST_FIELDS);
    object_save(o);
    return o->type != TYPE_NONE;
}

bool object_open(struct keyspace *k, uint32_t db, struct bytes name, struct object *o)
{
    uint32_t left = UINT32_MAX;
    return object_open_some(k, db, name, &left, o);
}

bool object_open_due(struct keyspace *k, uint32_t db, struct bytes name, struct object *o)
{
    o->keyspace = k;
    o->row_key_large = NULL;
    o->scratch = o->text = (struct buf){0};
    o->packed_max_bytes = OBJECT_PACKED_BYTES;
    set_name(o, db, name);

    struct bytes row;
    if (!cache_get(k->cache, row_key_of(o), &row)) {
        become_absent(o);
        return false;
    }
    load(o, row);
    note_use(o);
    return true;
}

bool object_open_some(struct keyspace *k, uint32_t db, struct bytes name, uint32_t *left,
                      struct object *o)
{
    if (!object_open_due(k, db, name, o))
        return false;
    if (!deadline_is_due(k, o->deadline))
        return !deadline_is_due(k, object_earliest(o)) ||
               open_hash_with_due(o, left);
    if (k->is_reading || *left == 0) {
        keyspace_note_due(k, o->db, name, o->deadline);
        become_absent(o);
    } else {
        (*left)--;
        expire_note_deleted(k, db, name, EXPIRED_KEY);
        object_delete(o);
    }
    return false;
}

void object_create(struct object *o, enum type type, enum encoding encoding)
{
    CHECK(o->type == TYPE_NONE);
    CHECK(type != TYPE_NONE);
    CHECK(!o->existed);
    o->type = type;
    o->encoding = encoding;
    o->packed = BYTES_NONE;
    buf_reset(&o->scratch);
    o->dirty = true;
}

void object_replace(struct object *o, enum type type, enum encoding encoding)
{
    CHECK(type != TYPE_NONE);
    if (o->version != 0) /* the rows stay until the graveyard is purged, in a later turn */
        grave_bury_version(o->keyspace, o->version, object_row_count(o));
    o->type = type;
    o->encoding = encoding;
    o->deadline = o->version = o->count = o->items_bytes = 0;
    o->fields_size = 0;
    o->packed = BYTES_NONE;
    o->packed_in_row = false;
    buf_reset(&o->scratch);
    o->dirty = true;
}

static uint64_t logical_size(const struct object *o)
{
    const uint64_t base = base_size(o);
    if (o->version == 0)
        return base + o->packed.size;
    return base + (o->type == TYPE_STRING ? o->count : o->items_bytes);
}

/* When the expiry index has to lead to the key; 0: never. */
static uint64_t first_due(uint64_t deadline, uint64_t earliest)
{
    return deadline == 0 || (earliest != 0 && earliest < deadline) ? earliest : deadline;
}

static void save_deadlines(struct object *o, struct database *d)
{
    const uint64_t earliest = object_earliest(o), due = first_due(o->deadline, earliest);
    const uint64_t old_due = first_due(o->old_deadline, o->old_earliest);
    d->expires += (uint64_t)(o->deadline != 0) - (uint64_t)(o->old_deadline != 0);
    d->timed += (uint64_t)(earliest != 0) - (uint64_t)(o->old_earliest != 0);
    if (due == old_due)
        return;
    if (old_due != 0)
        expire_index_del(o->keyspace, old_due, row_key_of(o));
    if (due != 0)
        expire_index_put(o->keyspace, due, row_key_of(o));
}

/* Writes the K row; o->packed lies in it afterwards, unless it is in scratch. */
static void save_row(struct object *o)
{
    struct keyspace *k = o->keyspace;
    if (o->packed_in_row && o->packed.size > 0) {
        buf_reset(&k->scratch);
        buf_append_bytes(&k->scratch, o->packed);
        o->packed = buf_bytes(&k->scratch);
    }
    const struct meta m = {
        .type = (uint8_t)o->type,
        .encoding = (uint8_t)o->encoding,
        .stamp = o->stamp,
        .size_bytes = o->size_bytes,
        .deadline = o->deadline,
        .version = o->version,
        .count = o->version == 0 ? 0 : o->count,
        .fields = bytes_of(o->fields, o->fields_size),
        .payload = o->packed,
    };
    const size_t size = meta_size(&m);
    uint8_t *row = keyspace_row_space(k, row_key_of(o), size);
    meta_encode(&m, row);
    keyspace_digest_add(k, row_key_of(o), bytes_of(row, size));
    if (o->packed.data != buf_bytes(&o->scratch).data) {
        o->packed = bytes_of(row + size - o->packed.size, o->packed.size);
        o->packed_in_row = true;
    }
}

void object_save(struct object *o)
{
    CHECK(!o->hides_due);
    if (o->type == TYPE_NONE)
        return;
    if (o->count == 0 && o->type != TYPE_STRING && o->type != TYPE_STREAM) {
        object_delete(o);
        return;
    }
    struct database *d = database_of(o);
    o->stamp = keyspace_stamp(o->keyspace);
    o->size_bytes = logical_size(o);
    object_find_earliest(o);
    save_deadlines(o, d);
    save_row(o);
    d->size += !o->existed;
    if (!o->existed)
        note_use(o);
    d->used_bytes += o->size_bytes - o->old_size_bytes;
    o->old_deadline = o->deadline;
    o->old_earliest = object_earliest(o);
    o->old_size_bytes = o->size_bytes;
    o->existed = true;
    o->dirty = false;
}

/* Takes the key's rows away, but for what hangs on its version. */
static void unlink_rows(struct object *o)
{
    struct database *d = database_of(o);
    keyspace_row_del(o->keyspace, row_key_of(o));
    access_forget(o->keyspace->access, access_key(o));
    const uint64_t old_due = first_due(o->old_deadline, o->old_earliest);
    if (old_due != 0)
        expire_index_del(o->keyspace, old_due, row_key_of(o));
    d->expires -= o->old_deadline != 0;
    d->timed -= o->old_earliest != 0;
    CHECK(d->size > 0);
    d->size--;
    d->used_bytes -= o->old_size_bytes;
}

void object_delete(struct object *o)
{
    if (o->existed)
        unlink_rows(o);
    if (o->version != 0)
        grave_bury_version(o->keyspace, o->version, object_row_count(o));
    buf_reset(&o->scratch);
    become_absent(o);
}

/* What was there under o's name goes. */
static void delete_target(struct keyspace *k, uint32_t db, struct bytes name)
{
    struct object target;
    if (object_open(k, db, name, &target))
        object_delete(&target);
    object_close(&target);
}

/* packed no longer lies in the row, which is about to change. */
void object_own_packed(struct object *o)
{
    if (o->packed.data != NULL && o->packed.data == buf_bytes(&o->scratch).data)
        return;
    buf_reset(&o->scratch);
    buf_append_bytes(&o->scratch, o->packed);
    o->packed = buf_bytes(&o->scratch);
    o->packed_in_row = false;
}

void object_rename(struct object *o, uint32_t db, struct bytes name)
{
    CHECK(o->existed);
    delete_target(o->keyspace, db, name);
    object_own_packed(o);
    unlink_rows(o);
    o->existed = false;
    o->old_deadline = o->old_earliest = o->old_size_bytes = 0;
    set_name(o, db, name);
    object_save(o);
}

void object_copy(struct object *o, uint32_t db, struct bytes name)
{
    CHECK(o->type != TYPE_NONE);
    struct object copy;
    const bool is_there = object_open(o->keyspace, db, name, &copy);
    CHECK(!is_there);
    object_create(&copy, o->type, o->encoding);
    copy.deadline = o->deadline;
    copy.count = o->count;
    copy.items_bytes = o->items_bytes;
    copy.packed = o->packed;
    copy.fields_size = o->fields_size;
    memcpy(copy.fields, o->fields, o->fields_size);
    keyspace_touch(o->keyspace, object_row_count(o));
    if (o->version != 0)
        copy.version = object_copy_rows(o);
    object_save(&copy);
    object_close(&copy);
}

uint64_t object_use(const struct object *o, enum access_kept kept)
{
    struct access *a = o->keyspace->access;
    return kept == ACCESS_TIME ? access_idle_s(a, access_key(o), now_s(o))
                               : access_frequency(a, access_key(o), now_s(o));
}

void object_set_use(struct object *o, enum access_kept kept, uint64_t value)
{
    struct access *a = o->keyspace->access;
    if (kept == ACCESS_TIME)
        access_set_idle(a, access_key(o), value, now_s(o));
    else
        access_set_frequency(a, access_key(o), (uint8_t)MIN(value, UINT8_MAX), now_s(o));
}

void object_close(struct object *o)
{
    free(o->row_key_large);
    o->row_key_large = NULL;
    buf_clear(&o->scratch);
    buf_clear(&o->text);
    o->type = TYPE_NONE;
}

void object_set_deadline(struct object *o, uint64_t deadline_ms)
{
    o->deadline = deadline_ms;
    o->dirty = true;
}
