/* object_string.c -- strings: whole in the meta row, or in chunks.
 *
 *     up to 4 KiB             in the row, however it was written
 *     up to 64 KiB            in the row as long as it is only set as a whole
 *     above, or once a part   chunks: rows "I" version SPACE_CHUNK number:4 -> up to 4 KiB;
 *     of it is written        what a chunk lacks, or a missing chunk, is zeros */

#include "keyspace/object_rows.h"

#define CHUNK_SIZE ((size_t)4096)
#define PART_MAX CHUNK_SIZE           /* in the row after a part was written */
#define WHOLE_MAX ((size_t)64 * 1024) /* in the row after it was set */
#define EMBSTR_MAX 44                 /* Redis: OBJ_ENCODING_EMBSTR_SIZE_LIMIT */
#define CHUNK_KEY_SIZE (ITEM_KEY_SUBKEY + 4)

static struct bytes chunk_key(const struct object *o, size_t chunk, uint8_t key[CHUNK_KEY_SIZE])
{
    item_key(key, o->version, SPACE_CHUNK);
    put_be32(key + ITEM_KEY_SUBKEY, (uint32_t)chunk);
    return bytes_of(key, CHUNK_KEY_SIZE);
}

/* What is stored of a chunk: its beginning. */
static struct bytes chunk_get(const struct object *o, size_t chunk)
{
    uint8_t key[CHUNK_KEY_SIZE];
    struct bytes value;
    cache_get(o->keyspace->cache, chunk_key(o, chunk, key), &value);
    return value;
}

static void chunk_put(const struct object *o, size_t chunk, struct bytes value)
{
    uint8_t key[CHUNK_KEY_SIZE];
    keyspace_row_put(o->keyspace, chunk_key(o, chunk, key), value);
}

size_t object_string_size(const struct object *o)
{
    return o->version == 0 ? o->packed.size : o->count;
}

struct bytes object_string_range(struct object *o, size_t offset, size_t count)
{
    const size_t size = object_string_size(o);
    if (offset >= size)
        return BYTES_NONE;
    count = MIN(count, size - offset);
    keyspace_touch(o->keyspace, count / TOUCHED_BYTES);
    if (o->version == 0)
        return bytes_of(bytes_data(o->packed) + offset, count);

    buf_reset(&o->text);
    while (count > 0) {
        const size_t start = offset % CHUNK_SIZE, part = MIN(count, CHUNK_SIZE - start);
        const struct bytes stored = bytes_from(chunk_get(o, offset / CHUNK_SIZE), start);
        const size_t there = MIN(stored.size, part);
        uint8_t *to = buf_reserve(&o->text, part);
        if (there > 0)
            memcpy(to, stored.data, there);
        memset(to + there, 0, part - there);
        buf_commit(&o->text, part);
        offset += part;
        count -= part;
    }
    return buf_bytes(&o->text);
}

struct bytes object_string(struct object *o)
{
    return object_string_range(o, 0, object_string_size(o));
}

static enum encoding encoding_of(struct bytes value)
{
    int64_t number;
    if (value.size < INT64_DIGITS && bytes_to_int64(value, &number))
        return ENCODING_INT;
    return value.size <= EMBSTR_MAX ? ENCODING_EMBSTR : ENCODING_RAW;
}

/* The chunks of o are of no use any more. */
static void drop_chunks(struct object *o)
{
    if (o->version == 0)
        return;
    grave_bury_version(o->keyspace, o->version, object_row_count(o));
    o->version = o->count = 0;
}

/* Moves value into chunks of a new version. */
static void become_chunks(struct object *o, struct bytes value)
{
    CHECK(o->version == 0);
    o->version = keyspace_next_version(o->keyspace);
    o->count = value.size;
    for (size_t at = 0; at < value.size; at += CHUNK_SIZE)
        chunk_put(o, at / CHUNK_SIZE,
                  bytes_of(bytes_data(value) + at, MIN(CHUNK_SIZE, value.size - at)));
    o->packed = BYTES_NONE;
    o->packed_in_row = false;
}

static bool lies_in(struct bytes part, struct bytes whole)
{
    return part.data != NULL && whole.data != NULL && bytes_data(part) >= bytes_data(whole) &&
           bytes_data(part) < bytes_data(whole) + whole.size;
}

void object_set_string(struct object *o, struct bytes value)
{
    CHECK(!lies_in(value, buf_bytes(&o->scratch)));
    if (lies_in(value, o->packed)) { /* a part of itself, in its own row */
        buf_reset(&o->text);
        buf_append_bytes(&o->text, value);
        value = buf_bytes(&o->text);
    }
    const uint64_t deadline = o->deadline;
    if (o->type != TYPE_STRING) {
        if (o->type != TYPE_NONE)
            object_delete(o);
        object_create(o, TYPE_STRING, ENCODING_RAW);
        o->deadline = deadline;
    }
    drop_chunks(o);
    o->encoding = encoding_of(value);
    o->packed = value;
    o->packed_in_row = false;
    o->dirty = true;
    if (value.size > WHOLE_MAX)
        become_chunks(o, value);
}

/* Overwrites a part of one chunk. */
static void write_chunk(struct object *o, size_t chunk, size_t start, struct bytes part)
{
    uint8_t bytes[CHUNK_SIZE];
    const struct bytes stored = chunk_get(o, chunk);
    CHECK(stored.size <= CHUNK_SIZE);
    if (stored.size > 0)
        memcpy(bytes, stored.data, stored.size);
    if (start > stored.size)
        memset(bytes + stored.size, 0, start - stored.size);
    memcpy(bytes + start, part.data, part.size);
    chunk_put(o, chunk, bytes_of(bytes, MAX(stored.size, start + part.size)));
}

static void write_in_scratch(struct object *o, size_t offset, struct bytes value)
{
    object_own_packed(o);
    const size_t size = o->scratch.size, end = offset + value.size;
    if (end > size) {
        memset(buf_reserve(&o->scratch, end - size), 0, end - size);
        buf_commit(&o->scratch, end - size);
    }
    memcpy(buf_data(&o->scratch) + offset, value.data, value.size);
    o->packed = buf_bytes(&o->scratch);
}

void object_write_string(struct object *o, size_t offset, struct bytes value)
{
    CHECK(o->type == TYPE_STRING);
    CHECK(!lies_in(value, o->packed));
    CHECK(!lies_in(value, buf_bytes(&o->text)));
    if (value.size == 0)
        return;
    o->encoding = ENCODING_RAW;
    o->dirty = true;
    keyspace_touch(o->keyspace, value.size / TOUCHED_BYTES);
    const size_t end = offset + value.size;
    CHECK(end <= CACHE_VALUE_MAX);
    if (o->version == 0 && MAX(end, o->packed.size) <= PART_MAX) {
        write_in_scratch(o, offset, value);
        return;
    }
    if (o->version == 0)
        become_chunks(o, o->packed);
    for (size_t at = offset; at < end;) {
        const size_t start = at % CHUNK_SIZE, part = MIN(end - at, CHUNK_SIZE - start);
        write_chunk(o, at / CHUNK_SIZE, start,
                    bytes_of(bytes_data(value) + (at - offset), part));
        at += part;
    }
    o->count = MAX(o->count, end);
}
