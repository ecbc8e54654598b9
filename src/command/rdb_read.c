/* rdb_read.c -- payloads read. */

#include <math.h>
#include <stdlib.h>

#include "base/crc64.h"
#include "base/encode.h"
#include "base/lzf.h"
#include "base/panic.h"
#include "command/args.h"
#include "command/rdb_blob.h"
#include "command/rdb_parts.h"
#include "command/rdb_stream.h"

#define NUMBERS_BLOCK 4096
#define SCORE_NEGATIVE_INFINITE 255 /* in place of a size, in RDB_ZSET */
#define SCORE_INFINITE 254
#define SCORE_NAN 253
#define SCORE_TEXT_MAX 128 /* the longest that Redis looks at */

bool rdb_give_up(struct rdb_source *s, enum rdb_result result)
{
    if (s->result == RDB_OK)
        s->result = result;
    return false;
}

bool rdb_corrupt_unless(struct rdb_source *s, bool right)
{
    return right || rdb_give_up(s, RDB_CORRUPT);
}

/* --- lengths and strings ---------------------------------------------------------------------- */

static bool read_length_from(struct rdb_source *s, uint8_t head, uint64_t *length)
{
    struct reader *r = &s->bytes;
    if (head < RDB_LENGTH_14)
        *length = head;
    else if (head < RDB_LENGTH_32)
        *length = (uint64_t)(head & 0x3f) << 8 | reader_u8(r);
    else if (head == RDB_LENGTH_32)
        *length = reader_be32(r);
    else if (head == RDB_LENGTH_64)
        *length = reader_be64(r);
    else
        return rdb_give_up(s, RDB_CORRUPT);
    return rdb_corrupt_unless(s, !r->failed);
}

bool rdb_read_length(struct rdb_source *s, uint64_t *length)
{
    return read_length_from(s, reader_u8(&s->bytes), length);
}

/* A number as the text that it stands for. */
static struct bytes number_text(struct rdb_source *s, int64_t number)
{
    if (s->numbers_left < INT64_DIGITS) {
        s->numbers = arena_alloc(s->arena, NUMBERS_BLOCK);
        s->numbers_left = NUMBERS_BLOCK;
    }
    const struct bytes text = bytes_from_int64(number, s->numbers);
    char *to = s->numbers;
    CHECK(text.size < s->numbers_left);
    memmove(to, text.data, text.size);
    s->numbers += text.size;
    s->numbers_left -= text.size;
    return bytes_of(to, text.size);
}

bool rdb_unpack(struct rdb_source *s, uint64_t size, uint8_t **memory)
{
    if (size > s->limits->unpacked_max - s->unpacked)
        return rdb_give_up(s, RDB_TOO_LARGE);
    s->unpacked += size;
    *memory = arena_alloc(s->arena, (size_t)size);
    return true;
}

static bool read_compressed(struct rdb_source *s, struct bytes *string)
{
    uint64_t packed, size;
    if (!rdb_read_length(s, &packed) || !rdb_read_length(s, &size) ||
        !rdb_corrupt_unless(s, packed <= reader_left(&s->bytes)) ||
        !rdb_corrupt_unless(s, size <= packed * LZF_RATIO_MAX))
        return false;
    uint8_t *text;
    if (!rdb_unpack(s, size, &text))
        return false;
    *string = bytes_of(text, (size_t)size);
    const struct bytes in = reader_bytes(&s->bytes, (size_t)packed);
    return rdb_corrupt_unless(s, lzf_decompress(in, text, (size_t)size));
}

bool rdb_read_string(struct rdb_source *s, struct bytes *string)
{
    struct reader *r = &s->bytes;
    const uint8_t head = reader_u8(r);
    uint64_t size;
    switch (head) {
    case RDB_NO_LENGTH | RDB_INT8:
        *string = number_text(s, (int8_t)reader_u8(r));
        break;
    case RDB_NO_LENGTH | RDB_INT16:
        *string = number_text(s, (int16_t)reader_le16(r));
        break;
    case RDB_NO_LENGTH | RDB_INT32:
        *string = number_text(s, (int32_t)reader_le32(r));
        break;
    case RDB_NO_LENGTH | RDB_COMPRESSED:
        return read_compressed(s, string);
    default:
        if (!read_length_from(s, head, &size) || !rdb_corrupt_unless(s, size <= reader_left(r)))
            return false;
        *string = reader_bytes(r, (size_t)size);
    }
    return rdb_corrupt_unless(s, !r->failed);
}

/* --- elements --------------------------------------------------------------------------------- */

static bool add(struct rdb_source *s, struct bytes element)
{
    struct rdb_value *v = s->value;
    const uint64_t parts = v->type == TYPE_HASH ? 2 : 1;
    if (v->count / parts >= s->limits->elements_max)
        return rdb_give_up(s, RDB_TOO_MANY);
    if (v->count == v->capacity) {
        v->capacity = MAX(2 * v->capacity, 16);
        v->elements = xrealloc(v->elements, v->capacity * sizeof(*v->elements));
        if (v->type == TYPE_ZSET)
            v->scores = xrealloc(v->scores, v->capacity * sizeof(*v->scores));
        if (s->has_deadlines)
            v->deadlines = xrealloc(v->deadlines, v->capacity * sizeof(*v->deadlines));
    }
    v->elements[v->count++] = element;
    return true;
}

static bool add_scored(struct rdb_source *s, struct bytes element, double score)
{
    if (!rdb_corrupt_unless(s, !isnan(score)) || !add(s, element))
        return false;
    s->value->scores[s->value->count - 1] = score;
    return true;
}

/* Strings one by one: parts for each of the elements that a length promises. */
static bool read_strings(struct rdb_source *s, uint64_t parts)
{
    uint64_t length;
    struct bytes string;
    if (!rdb_read_length(s, &length))
        return false;
    for (; length > 0; length--)
        for (uint64_t i = 0; i < parts; i++)
            if (!rdb_read_string(s, &string) || !add(s, string))
                return false;
    return true;
}

static bool add_timed(struct rdb_source *s, const struct bytes pair[static 2], uint64_t deadline)
{
    struct rdb_value *v = s->value;
    if (!rdb_corrupt_unless(s, deadline <= INT64_MAX) || !add(s, pair[0]))
        return false;
    v->deadlines[v->count - 1] = deadline;
    return add(s, pair[1]);
}

/* 7.4's hash: the first deadline, then for each field 0 or its own from there on, plus 1. */
static bool read_timed(struct rdb_source *s)
{
    const uint64_t first = reader_le64(&s->bytes);
    uint64_t length, after;
    struct bytes pair[2];
    s->has_deadlines = true;
    if (!rdb_read_length(s, &length))
        return false;
    for (; length > 0; length--) {
        if (!rdb_read_length(s, &after) || !rdb_read_string(s, &pair[0]) ||
            !rdb_read_string(s, &pair[1]))
            return false;
        uint64_t deadline = 0;
        const bool is_too_far = after > 0 && __builtin_add_overflow(first, after - 1, &deadline);
        if (!rdb_corrupt_unless(s, !is_too_far) || !add_timed(s, pair, deadline))
            return false;
    }
    return true;
}

/* A score as text, in the older of the two forms. */
static bool read_text_score(struct rdb_source *s, double *score)
{
    const uint8_t size = reader_u8(&s->bytes);
    if (size >= SCORE_NAN) {
        *score = size == SCORE_NAN ? NAN : size == SCORE_INFINITE ? INFINITY : -INFINITY;
        return true;
    }
    const struct bytes text = reader_bytes(&s->bytes, size);
    return bytes_to_double(text, score);
}

static bool read_zset(struct rdb_source *s, bool binary)
{
    uint64_t length;
    struct bytes member;
    if (!rdb_read_length(s, &length))
        return false;
    for (; length > 0; length--) {
        double score;
        if (!rdb_read_string(s, &member))
            return false;
        if (binary) {
            const uint64_t bits = reader_le64(&s->bytes);
            memcpy(&score, &bits, sizeof(score));
        } else if (!rdb_corrupt_unless(s, read_text_score(s, &score))) {
            return false;
        }
        if (!rdb_corrupt_unless(s, !s->bytes.failed) || !add_scored(s, member, score))
            return false;
    }
    return true;
}

/* --- blobs ------------------------------------------------------------------------------------ */

static struct bytes element_text(struct rdb_source *s, const struct blob_element *e)
{
    return e->is_number ? number_text(s, e->number) : e->text;
}

static bool element_score(const struct blob_element *e, double *score)
{
    if (!e->is_number)
        return e->text.size <= SCORE_TEXT_MAX && bytes_to_double(e->text, score);
    *score = (double)e->number;
    return true;
}

static bool add_all(struct rdb_source *s, enum blob_form form, struct bytes bytes)
{
    struct blob b;
    struct blob_element e;
    blob_open(&b, form, bytes);
    while (blob_next(&b, &e))
        if (!add(s, element_text(s, &e)))
            return false;
    return rdb_corrupt_unless(s, blob_is_whole(&b));
}

static bool add_all_scored(struct rdb_source *s, enum blob_form form, struct bytes bytes)
{
    struct blob b;
    struct blob_element member, score;
    blob_open(&b, form, bytes);
    while (blob_next(&b, &member)) {
        double number;
        if (!rdb_corrupt_unless(s, blob_next(&b, &score)) ||
            !rdb_corrupt_unless(s, element_score(&score, &number)) ||
            !add_scored(s, element_text(s, &member), number))
            return false;
    }
    return rdb_corrupt_unless(s, blob_is_whole(&b));
}

/* 7.4's small hash: the first deadline, and a listpack of field, value, deadline or 0. */
static bool read_timed_listpack(struct rdb_source *s)
{
    struct bytes bytes;
    reader_le64(&s->bytes);
    s->has_deadlines = s->value->from_blob = true;
    if (!rdb_read_string(s, &bytes))
        return false;
    struct blob b;
    struct blob_element field, value, deadline;
    blob_open(&b, BLOB_LISTPACK, bytes);
    while (blob_next(&b, &field)) {
        if (!rdb_corrupt_unless(s, blob_next(&b, &value) && blob_next(&b, &deadline)) ||
            !rdb_corrupt_unless(s, deadline.is_number && deadline.number >= 0))
            return false;
        const struct bytes pair[2] = {element_text(s, &field), element_text(s, &value)};
        if (!add_timed(s, pair, (uint64_t)deadline.number))
            return false;
    }
    return rdb_corrupt_unless(s, blob_is_whole(&b));
}

static bool read_blob(struct rdb_source *s, enum blob_form form)
{
    struct bytes bytes;
    s->value->from_blob = form != BLOB_ZIPMAP;
    if (!rdb_read_string(s, &bytes))
        return false;
    if (s->value->type == TYPE_ZSET)
        return add_all_scored(s, form, bytes);
    return add_all(s, form, bytes) &&
           rdb_corrupt_unless(s, s->value->type != TYPE_HASH || s->value->count % 2 == 0);
}

/* A list in nodes: blobs of a form; with kinds, each says whether it is a blob or one element. */
static bool read_quicklist(struct rdb_source *s, enum blob_form form, bool kinds)
{
    uint64_t length, kind = RDB_NODE_LISTPACK;
    struct bytes bytes;
    if (!rdb_read_length(s, &length))
        return false;
    for (; length > 0; length--) {
        if ((kinds && !rdb_read_length(s, &kind)) || !rdb_read_string(s, &bytes) ||
            !rdb_corrupt_unless(s, bytes.size > 0) ||
            !rdb_corrupt_unless(s, kind == RDB_NODE_PLAIN || kind == RDB_NODE_LISTPACK))
            return false;
        if (kind == RDB_NODE_PLAIN ? !add(s, bytes) : !add_all(s, form, bytes))
            return false;
    }
    return true;
}

/* --- all types -------------------------------------------------------------------------------- */

static bool read_one_string(struct rdb_source *s)
{
    struct bytes string;
    return rdb_read_string(s, &string) && add(s, string);
}

static enum type type_of(uint8_t rdb_type)
{
    switch (rdb_type) {
    case RDB_STRING:
        return TYPE_STRING;
    case RDB_LIST: case RDB_LIST_ZIPLIST: case RDB_LIST_QUICKLIST: case RDB_LIST_QUICKLIST_2:
        return TYPE_LIST;
    case RDB_SET: case RDB_SET_INTSET:
        return TYPE_SET;
    case RDB_ZSET: case RDB_ZSET_2: case RDB_ZSET_ZIPLIST: case RDB_ZSET_LISTPACK:
        return TYPE_ZSET;
    case RDB_HASH: case RDB_HASH_ZIPMAP: case RDB_HASH_ZIPLIST: case RDB_HASH_LISTPACK:
    case RDB_HASH_TIMED: case RDB_HASH_TIMED_LISTPACK:
        return TYPE_HASH;
    case RDB_STREAM: case RDB_STREAM_2:
        return TYPE_STREAM;
    default:
        return TYPE_NONE;
    }
}

static bool read_value(struct rdb_source *s, uint8_t rdb_type)
{
    switch (rdb_type) {
    case RDB_STRING:
        return read_one_string(s);
    case RDB_LIST: case RDB_SET:
        return read_strings(s, 1);
    case RDB_HASH:
        return read_strings(s, 2);
    case RDB_HASH_TIMED:
        return read_timed(s);
    case RDB_HASH_TIMED_LISTPACK:
        return read_timed_listpack(s);
    case RDB_ZSET: case RDB_ZSET_2:
        return read_zset(s, rdb_type == RDB_ZSET_2);
    case RDB_HASH_ZIPMAP:
        return read_blob(s, BLOB_ZIPMAP);
    case RDB_SET_INTSET:
        return read_blob(s, BLOB_INTSET);
    case RDB_LIST_ZIPLIST: case RDB_ZSET_ZIPLIST: case RDB_HASH_ZIPLIST:
        return read_blob(s, BLOB_ZIPLIST);
    case RDB_ZSET_LISTPACK: case RDB_HASH_LISTPACK:
        return read_blob(s, BLOB_LISTPACK);
    case RDB_LIST_QUICKLIST:
        return read_quicklist(s, BLOB_ZIPLIST, false);
    case RDB_LIST_QUICKLIST_2:
        return read_quicklist(s, BLOB_LISTPACK, true);
    case RDB_STREAM: case RDB_STREAM_2:
        return rdb_read_stream(s, rdb_type == RDB_STREAM_2);
    default:
        return rdb_give_up(s, RDB_CORRUPT);
    }
}

static bool is_timed(uint8_t rdb_type)
{
    return rdb_type == RDB_HASH_TIMED || rdb_type == RDB_HASH_TIMED_LISTPACK;
}

uint16_t rdb_version_of(uint8_t rdb_type)
{
    return is_timed(rdb_type) ? RDB_VERSION_TIMED : RDB_VERSION;
}

static bool has_footer(struct bytes payload, const struct rdb_limits *limits)
{
    if (payload.size < RDB_FOOTER_SIZE)
        return false;
    const uint8_t *footer = bytes_data(payload) + payload.size - RDB_FOOTER_SIZE;
    const struct bytes summed = bytes_of(payload.data, payload.size - sizeof(uint64_t));
    const uint16_t version =
        limits->takes_timed ? rdb_version_of(*bytes_data(payload)) : RDB_VERSION;
    return get_le16(footer) <= version && get_le64(footer + 2) == crc64(summed);
}

enum rdb_result rdb_read(struct bytes payload, const struct rdb_limits *limits,
                         struct arena *arena, struct rdb_value *v)
{
    *v = (struct rdb_value){0};
    if (!has_footer(payload, limits))
        return RDB_WRONG_FOOTER;
    struct rdb_source s = {.arena = arena, .limits = limits, .value = v};
    reader_init(&s.bytes, bytes_of(payload.data, payload.size - RDB_FOOTER_SIZE));
    const uint8_t rdb_type = reader_u8(&s.bytes);
    if (is_timed(rdb_type) && !limits->takes_timed)
        return RDB_CORRUPT;
    v->type = type_of(rdb_type);
    if (!read_value(&s, rdb_type))
        return s.result;
    if (reader_left(&s.bytes) > 0 || (v->count == 0 && v->type != TYPE_STREAM))
        return RDB_CORRUPT;
    return RDB_OK;
}

enum rdb_result rdb_read_libraries(struct bytes payload, const struct rdb_limits *limits,
                                   struct arena *arena, struct rdb_value *v)
{
    *v = (struct rdb_value){.type = TYPE_STRING};
    if (!has_footer(payload, limits))
        return RDB_WRONG_FOOTER;
    struct rdb_source s = {.arena = arena, .limits = limits, .value = v};
    reader_init(&s.bytes, bytes_of(payload.data, payload.size - RDB_FOOTER_SIZE));
    while (reader_left(&s.bytes) > 0) {
        struct bytes source;
        if (reader_u8(&s.bytes) != RDB_LIBRARY)
            return RDB_NO_LIBRARY;
        if (!rdb_read_string(&s, &source) || !add(&s, source))
            return s.result;
    }
    return RDB_OK;
}

void rdb_value_clear(struct rdb_value *v)
{
    free(v->elements);
    free(v->scores);
    free(v->deadlines);
    rdb_stream_free(v->stream);
    *v = (struct rdb_value){0};
}
