/* rdb_write.c -- payloads written: each value as Redis 7.0 writes one of that encoding. */

#include <stdlib.h>

#include "base/crc64.h"
#include "base/encode.h"
#include "base/lzf.h"
#include "base/panic.h"
#include "command/rdb_blob.h"
#include "command/rdb_parts.h"
#include "command/settings.h"
#include "command/zset.h"
#include "resp/resp_write.h"

#define COMPRESS_MIN 20  /* longer strings may be compressed, */
#define COMPRESS_GAIN 4  /* if they become so much shorter */
#define BLOB_OVERHEAD 32 /* more than an element has around it in a listpack */

/* --- lengths and strings ---------------------------------------------------------------------- */

void rdb_put_length(struct buf *out, uint64_t length)
{
    if (length < 1 << 6) {
        buf_append_u8(out, (uint8_t)length);
    } else if (length < 1 << 14) {
        buf_append_u8(out, (uint8_t)(RDB_LENGTH_14 | length >> 8));
        buf_append_u8(out, (uint8_t)length);
    } else if (length <= UINT32_MAX) {
        buf_append_u8(out, RDB_LENGTH_32);
        buf_append_be32(out, (uint32_t)length);
    } else {
        buf_append_u8(out, RDB_LENGTH_64);
        buf_append_be64(out, length);
    }
}

static bool put_as_number(struct buf *out, struct bytes s)
{
    int64_t number;
    if (s.size >= INT64_DIGITS || !bytes_to_int64(s, &number) || number < INT32_MIN ||
        number > INT32_MAX)
        return false;
    const bool is_8 = number >= INT8_MIN && number <= INT8_MAX;
    const bool is_16 = number >= INT16_MIN && number <= INT16_MAX;
    buf_append_u8(out, RDB_NO_LENGTH | (is_8 ? RDB_INT8 : is_16 ? RDB_INT16 : RDB_INT32));
    if (is_8)
        buf_append_u8(out, (uint8_t)number);
    else if (is_16)
        buf_append_le16(out, (uint16_t)number);
    else
        buf_append_le32(out, (uint32_t)number);
    return true;
}

static bool put_compressed(struct buf *out, struct bytes s)
{
    if (s.size <= COMPRESS_MIN)
        return false;
    uint8_t *packed = xmalloc(s.size);
    const size_t size = lzf_compress(s, packed, s.size - COMPRESS_GAIN);
    if (size > 0) {
        buf_append_u8(out, RDB_NO_LENGTH | RDB_COMPRESSED);
        rdb_put_length(out, size);
        rdb_put_length(out, s.size);
        buf_append(out, packed, size);
    }
    free(packed);
    return size > 0;
}

void rdb_put_string(struct buf *out, struct bytes s)
{
    if (put_as_number(out, s) || put_compressed(out, s))
        return;
    rdb_put_length(out, s.size);
    buf_append_bytes(out, s);
}

/* --- hashes, sets, sorted sets ---------------------------------------------------------------- */

/* The elements of space one by one; into a listpack, or as strings. */
static void put_pairs(struct object *o, struct buf *out, bool listpack)
{
    struct object_cursor cursor;
    struct bytes field, value;
    object_seek(o, &cursor, SPACE_FIELD, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &field, &value)) {
        if (listpack) {
            listpack_append(out, field);
            listpack_append(out, value);
        } else {
            rdb_put_string(out, field);
            rdb_put_string(out, value);
        }
    }
    object_cursor_close(&cursor);
}

/* Members with scores: from the lowest on in a listpack, else from the highest, as Redis. */
static void put_scored(struct object *o, struct buf *out, bool listpack)
{
    struct object_cursor cursor;
    struct bytes subkey, nothing;
    object_seek(o, &cursor, SPACE_SCORE, BYTES_NONE, listpack ? FORWARD : BACKWARD);
    while (object_next(&cursor, &subkey, &nothing)) {
        const double score = zset_stored_score(subkey);
        const struct bytes member = bytes_from(subkey, sizeof(uint64_t));
        if (listpack) {
            char text[RESP_DOUBLE_SIZE];
            listpack_append(out, member);
            listpack_append(out, resp_double_text(score, text));
        } else {
            uint64_t bits;
            memcpy(&bits, &score, sizeof(bits));
            rdb_put_string(out, member);
            buf_append_le64(out, bits);
        }
    }
    object_cursor_close(&cursor);
}

typedef void put_elements(struct object *o, struct buf *out, bool listpack);

/* The earliest deadline of a hash's fields; 0: none has one. */
static uint64_t first_deadline(struct object *o)
{
    uint64_t first = 0;
    if (o->type != TYPE_HASH || o->fields_size == 0) /* none ever had */
        return 0;
    struct object_cursor cursor;
    struct bytes field, value;
    object_seek(o, &cursor, SPACE_FIELD, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &field, &value)) {
        const uint64_t deadline = object_field_deadline(o, field);
        if (deadline > 0 && (first == 0 || deadline < first))
            first = deadline;
    }
    object_cursor_close(&cursor);
    return first;
}

/* As 7.4: each field with its deadline, told from the first one on. */
static void put_timed(struct object *o, struct buf *out, uint64_t first)
{
    struct object_cursor cursor;
    struct bytes field, value;
    buf_append_u8(out, RDB_HASH_TIMED);
    buf_append_le64(out, first);
    rdb_put_length(out, object_count(o));
    object_seek(o, &cursor, SPACE_FIELD, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &field, &value)) {
        const uint64_t deadline = object_field_deadline(o, field);
        rdb_put_length(out, deadline == 0 ? 0 : deadline - first + 1);
        rdb_put_string(out, field);
        rdb_put_string(out, value);
    }
    object_cursor_close(&cursor);
}

static void put_hash_or_zset(struct object *o, struct buf *out, put_elements *put)
{
    const bool is_hash = o->type == TYPE_HASH;
    const uint64_t count = object_count(o);
    if (o->encoding != ENCODING_LISTPACK ||
        o->size_bytes + count * BLOB_OVERHEAD > LISTPACK_SIZE_MAX) {
        buf_append_u8(out, is_hash ? RDB_HASH : RDB_ZSET_2);
        rdb_put_length(out, count);
        put(o, out, false);
        return;
    }
    struct buf blob = {0};
    listpack_begin(&blob);
    put(o, &blob, true);
    listpack_end(&blob, 2 * count);
    buf_append_u8(out, is_hash ? RDB_HASH_LISTPACK : RDB_ZSET_LISTPACK);
    rdb_put_string(out, buf_bytes(&blob));
    buf_clear(&blob);
}

static void put_members(struct object *o, struct buf *out)
{
    struct object_cursor cursor;
    struct bytes member, nothing;
    buf_append_u8(out, RDB_SET);
    rdb_put_length(out, object_count(o));
    object_seek(o, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &member, &nothing))
        rdb_put_string(out, member);
    object_cursor_close(&cursor);
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void put_intset(struct object *o, struct buf *out)
{
    const size_t count = (size_t)object_count(o);
    int64_t *numbers = xmalloc(count * sizeof(*numbers));
    struct object_cursor cursor;
    struct bytes member, nothing;
    size_t n = 0;
    object_seek(o, &cursor, SPACE_MEMBER, BYTES_NONE, FORWARD);
    for (; object_next(&cursor, &member, &nothing); n++) {
        CHECK(n < count);
        const bool is_number = bytes_to_int64(member, &numbers[n]);
        CHECK(is_number);
    }
    object_cursor_close(&cursor);
    CHECK(n == count);
    qsort(numbers, count, sizeof(*numbers), compare_numbers);
    const int64_t low = numbers[0], high = numbers[count - 1];
    const uint32_t width = low >= INT16_MIN && high <= INT16_MAX   ? 2
                           : low >= INT32_MIN && high <= INT32_MAX ? 4
                                                                   : 8;
    struct buf blob = {0};
    buf_append_le32(&blob, width);
    buf_append_le32(&blob, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        for (uint32_t byte = 0; byte < width; byte++)
            buf_append_u8(&blob, (uint8_t)((uint64_t)numbers[i] >> 8 * byte));
    buf_append_u8(out, RDB_SET_INTSET);
    rdb_put_string(out, buf_bytes(&blob));
    buf_clear(&blob);
    free(numbers);
}

/* --- lists ------------------------------------------------------------------------------------ */

#define NODE_OVERHEAD 8 /* as Redis estimates what an element takes beyond its own size */
#define NODE_COUNTED_SIZE_MAX 8192

struct nodes {
    struct buf *out;
    struct buf blob; /* of the node that is being filled */
    uint64_t in_blob, count;
    int64_t fill; /* list-max-listpack-size */
};

static void end_node(struct nodes *n)
{
    if (n->in_blob == 0)
        return;
    listpack_end(&n->blob, n->in_blob);
    rdb_put_length(n->out, RDB_NODE_LISTPACK);
    rdb_put_string(n->out, buf_bytes(&n->blob));
    buf_reset(&n->blob);
    n->in_blob = 0;
    n->count++;
}

/* Whether one more element of so many bytes belongs into the node, as Redis fills it by pushing. */
static bool node_has_room(const struct nodes *n, size_t size)
{
    static const size_t sizes[] = {4096, 8192, 16384, 32768, 65536};
    const size_t bytes = n->blob.size + 1 + size + NODE_OVERHEAD;
    if (n->fill < 0)
        return bytes <= sizes[MIN(-(n->fill + 1), (int64_t)ARRAY_COUNT(sizes) - 1)];
    return bytes <= NODE_COUNTED_SIZE_MAX && n->in_blob < (uint64_t)n->fill;
}

static void put_in_node(struct nodes *n, struct bytes value)
{
    if (n->in_blob > 0 && !node_has_room(n, value.size))
        end_node(n);
    if (value.size >= LISTPACK_SIZE_MAX) { /* only a node of its own holds it */
        end_node(n);
        rdb_put_length(n->out, RDB_NODE_PLAIN);
        rdb_put_string(n->out, value);
        n->count++;
        return;
    }
    if (n->in_blob == 0)
        listpack_begin(&n->blob);
    listpack_append(&n->blob, value);
    n->in_blob++;
}

static void put_list(struct object *o, const struct settings *settings, struct buf *out)
{
    struct buf written = {0};
    struct nodes n = {.out = &written, .fill = settings->list_max_listpack_size};
    struct object_cursor cursor;
    struct bytes position, value;
    object_seek(o, &cursor, SPACE_ELEMENT, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &position, &value))
        put_in_node(&n, value);
    object_cursor_close(&cursor);
    end_node(&n);
    buf_append_u8(out, RDB_LIST_QUICKLIST_2);
    rdb_put_length(out, n.count);
    buf_append_bytes(out, buf_bytes(&written));
    buf_clear(&written);
    buf_clear(&n.blob);
}

/* --- all types -------------------------------------------------------------------------------- */

void rdb_write(struct object *o, const struct settings *settings, bool timed, struct buf *out)
{
    const size_t begun = out->size;
    const uint64_t first = timed ? first_deadline(o) : 0;
    switch (o->type) {
    case TYPE_STRING:
        buf_append_u8(out, RDB_STRING);
        rdb_put_string(out, object_string(o));
        break;
    case TYPE_LIST:
        put_list(o, settings, out);
        break;
    case TYPE_SET:
        if (o->encoding == ENCODING_INTSET)
            put_intset(o, out);
        else
            put_members(o, out);
        break;
    case TYPE_HASH:
        if (first > 0)
            put_timed(o, out, first);
        else
            put_hash_or_zset(o, out, put_pairs);
        break;
    case TYPE_ZSET:
        put_hash_or_zset(o, out, put_scored);
        break;
    case TYPE_STREAM:
        buf_append_u8(out, RDB_STREAM_2);
        rdb_put_stream(o, out);
        break;
    case TYPE_NONE:
        panic("an absent key has no payload");
    }
    rdb_put_footer(out, begun);
}

void rdb_put_library(struct buf *out, struct bytes source)
{
    buf_append_u8(out, RDB_LIBRARY);
    rdb_put_string(out, source);
}

void rdb_put_footer(struct buf *out, size_t begun)
{
    buf_append_le16(out, out->size == begun ? RDB_VERSION : rdb_version_of(buf_data(out)[begun]));
    const struct bytes summed = bytes_of(buf_data(out) + begun, out->size - begun);
    buf_append_le64(out, crc64(summed));
}
