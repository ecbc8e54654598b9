/* object_packed.c -- ordered maps packed in the meta row: one image, scanned from its front.
 *
 *     count:2   { [space:1] size subkey size value } ...      sizes as LEB128, counts little-endian
 *
 * space stands in streams, and in hashes that have had deadlines; all others have one space in the
 * image: a zset's SPACE_SCORE, from whose subkeys the members and their scores are read too. Order:
 * hashes and sets by insertion, an intset by number, all others by (space, subkey). */

#include "keyspace/object_rows.h"

#define HEADER_SIZE 2
#define LENGTH_MAX 5

uint64_t packed_count(struct bytes image)
{
    return image.size < HEADER_SIZE ? 0 : get_le16(image.data);
}

static bool read_sized(const uint8_t **p, const uint8_t *end, struct bytes *b)
{
    size_t size = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (*p == end || shift >= 7 * LENGTH_MAX)
            return false;
        const uint8_t byte = *(*p)++;
        size |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    if (size > (size_t)(end - *p))
        return false;
    *b = bytes_of(*p, size);
    *p += size;
    return true;
}

static uint8_t *write_sized(uint8_t *to, struct bytes b)
{
    size_t size = b.size;
    for (; size >= 0x80; size >>= 7)
        *to++ = (uint8_t)(size | 0x80);
    *to++ = (uint8_t)size;
    if (b.size > 0)
        memcpy(to, b.data, b.size);
    return to + b.size;
}

static size_t sized(struct bytes b)
{
    size_t length = 1;
    for (size_t size = b.size; size >= 0x80; size >>= 7)
        length++;
    return length + b.size;
}

/* The one space that the image of a type has; streams have several. */
static uint8_t space_of_type(enum type type)
{
    switch (type) {
    case TYPE_LIST: return SPACE_ELEMENT;
    case TYPE_SET: return SPACE_MEMBER;
    case TYPE_ZSET: return SPACE_SCORE;
    case TYPE_HASH: return SPACE_FIELD;
    default: return 0;
    }
}

static bool has_spaces(const struct object *o)
{
    return o->type == TYPE_STREAM || object_is_timed(o);
}

/* The element at offset, before the end of the image; false: there is no whole one. */
static bool read_element(const struct object *o, struct bytes image, size_t offset,
                         struct element *e)
{
    const uint8_t *start = image.data, *p = start + offset, *end = start + image.size;
    e->offset = offset;
    e->space = has_spaces(o) ? *p++ : space_of_type(o->type);
    if (!read_sized(&p, end, &e->subkey) || !read_sized(&p, end, &e->value))
        return false;
    e->end = (size_t)(p - start);
    return true;
}

bool packed_next(const struct object *o, struct bytes image, size_t *offset, struct element *e)
{
    const size_t at = MAX(*offset, (size_t)HEADER_SIZE);
    if (image.size <= HEADER_SIZE || at == image.size)
        return false;
    CHECK(at < image.size);
    const bool is_whole = read_element(o, image, at, e);
    CHECK(is_whole);
    *offset = e->end;
    return true;
}

bool packed_is_whole(const struct object *o, struct bytes image)
{
    struct element e = {.end = HEADER_SIZE};
    while (e.end < image.size)
        if (!read_element(o, image, e.end, &e))
            return false;
    return image.size == 0 || image.size >= HEADER_SIZE;
}

/* The view that space has of an element: a zset's is stored by score alone. */
static bool view(const struct object *o, uint8_t space, struct element *e)
{
    if (space == SPACE_MEMBER && o->type == TYPE_ZSET) {
        CHECK(e->subkey.size >= SCORE_SIZE);
        e->value = bytes_of(e->subkey.data, SCORE_SIZE);
        e->subkey = bytes_from(e->subkey, SCORE_SIZE);
        return true;
    }
    return e->space == space;
}

static bool find(const struct object *o, uint8_t space, struct bytes subkey, struct element *e)
{
    size_t offset = 0;
    while (packed_next(o, o->packed, &offset, e))
        if (view(o, space, e) && bytes_equal(e->subkey, subkey))
            return true;
    return false;
}

bool packed_get(const struct object *o, uint8_t space, struct bytes subkey, struct bytes *value)
{
    struct element e;
    const bool is_there = find(o, space, subkey, &e);
    *value = is_there ? e.value : BYTES_NONE;
    return is_there;
}

/* --- changing -------------------------------------------------------------------------------- */

static bool is_by_insertion(const struct object *o)
{
    return o->type == TYPE_HASH || (o->type == TYPE_SET && o->encoding != ENCODING_INTSET);
}

static bool is_behind(const struct object *o, const struct element *e, uint8_t space,
                      struct bytes subkey)
{
    if (o->encoding == ENCODING_INTSET) {
        int64_t a, b;
        const bool are_numbers = bytes_to_int64(e->subkey, &a) && bytes_to_int64(subkey, &b);
        CHECK(are_numbers);
        return a > b;
    }
    if (e->space != space)
        return e->space > space;
    return bytes_compare(e->subkey, subkey) > 0;
}

/* Where a new element is to stand. */
static size_t place_of(const struct object *o, uint8_t space, struct bytes subkey)
{
    if (is_by_insertion(o))
        return MAX(o->packed.size, (size_t)HEADER_SIZE);
    size_t offset = 0;
    struct element e;
    while (packed_next(o, o->packed, &offset, &e))
        if (is_behind(o, &e, space, subkey))
            return e.offset;
    return MAX(o->packed.size, (size_t)HEADER_SIZE);
}

/* Makes the old_size bytes at offset new_size bytes, not yet filled. */
static uint8_t *splice(struct object *o, size_t offset, size_t old_size, size_t new_size)
{
    object_own_packed(o);
    if (o->scratch.size == 0)
        buf_append_le16(&o->scratch, 0);
    const size_t behind = o->scratch.size - offset - old_size;
    if (new_size > old_size) {
        buf_reserve(&o->scratch, new_size - old_size);
        buf_commit(&o->scratch, new_size - old_size);
    }
    uint8_t *at = buf_data(&o->scratch) + offset;
    memmove(at + new_size, at + old_size, behind);
    if (new_size < old_size)
        buf_truncate(&o->scratch, o->scratch.size - (old_size - new_size));
    o->packed = buf_bytes(&o->scratch);
    o->dirty = true;
    return at;
}

static void count_by(struct object *o, int change)
{
    o->count = (uint64_t)((int64_t)o->count + change);
    CHECK(o->count <= OBJECT_PACKED_COUNT);
    put_le16(buf_data(&o->scratch), (uint16_t)o->count);
}

static size_t count_all(const struct object *o)
{
    if (!has_spaces(o))
        return o->count;
    size_t count = 0, offset = 0;
    for (struct element e; packed_next(o, o->packed, &offset, &e);)
        count++;
    return count;
}

static void write_element(struct object *o, size_t offset, size_t old_size,
                          const struct element *e)
{
    const bool has_space = has_spaces(o);
    uint8_t *to = splice(o, offset, old_size, has_space + sized(e->subkey) + sized(e->value));
    if (has_space)
        *to++ = e->space;
    write_sized(write_sized(to, e->subkey), e->value);
}

static bool has_room(const struct object *o, const struct element *new, size_t old_size)
{
    const size_t size = MAX(o->packed.size, (size_t)HEADER_SIZE) - old_size + 1 +
                        sized(new->subkey) + sized(new->value);
    const size_t max = MIN(o->packed_max_bytes, (uint32_t)OBJECT_PACKED_BYTES_MAX);
    return size <= max && count_all(o) + (old_size == 0) <= OBJECT_PACKED_COUNT;
}

enum packed_outcome packed_put(struct object *o, uint8_t space, struct bytes subkey,
                               struct bytes value)
{
    struct element old, new = {.space = space, .subkey = subkey, .value = value};
    const bool is_there = find(o, space, subkey, &old);
    const size_t old_size = is_there ? old.end - old.offset : 0;
    const bool is_zset = o->type == TYPE_ZSET;
    if (is_zset && is_there && bytes_equal(old.value, value))
        return PACKED_REPLACED;
    if (is_zset)
        new.subkey.size = SCORE_SIZE + subkey.size; /* of (score, member), for has_room() */
    if (!has_room(o, &new, old_size))
        return PACKED_FULL;

    if (is_zset) {
        struct buf *joined = &o->keyspace->scratch;
        buf_reset(joined);
        buf_append_bytes(joined, value);
        buf_append_bytes(joined, subkey);
        new = (struct element){.space = SPACE_SCORE, .subkey = buf_bytes(joined)};
        if (is_there)
            splice(o, old.offset, old_size, 0);
        write_element(o, place_of(o, SPACE_SCORE, new.subkey), 0, &new);
    } else if (is_there) {
        write_element(o, old.offset, old_size, &new);
    } else {
        write_element(o, place_of(o, space, subkey), 0, &new);
    }
    count_by(o, !is_there && space_is_counted(space) ? 1 : 0);
    return is_there ? PACKED_REPLACED : PACKED_NEW;
}

bool packed_del(struct object *o, uint8_t space, struct bytes subkey)
{
    struct element e;
    if (!find(o, space, subkey, &e))
        return false;
    splice(o, e.offset, e.end - e.offset, 0);
    count_by(o, space_is_counted(space) ? -1 : 0);
    return true;
}

void packed_make_timed(struct object *o)
{
    CHECK(o->type == TYPE_HASH);
    CHECK(o->fields_size == 0);
    struct buf image = {0};
    size_t offset = 0;
    buf_append_le16(&image, (uint16_t)o->count);
    for (struct element e; packed_next(o, o->packed, &offset, &e);) {
        buf_append_u8(&image, e.space);
        buf_append(&image, bytes_data(o->packed) + e.offset, e.end - e.offset);
    }
    buf_reset(&o->scratch);
    buf_append_bytes(&o->scratch, buf_bytes(&image));
    o->packed = buf_bytes(&o->scratch);
    o->packed_in_row = false;
    buf_clear(&image);
}

/* --- walks ----------------------------------------------------------------------------------- */

/* Whether the walk order of space is the order of its subkeys. */
static bool is_by_subkey(const struct object *o, uint8_t space)
{
    return !space_is_hashed(space) && !is_by_insertion(o);
}

void packed_seek(struct object *o, struct object_cursor *cursor, struct bytes from)
{
    cursor->borrowed = o->packed;
    if (!keyspace_is_read_only(o->keyspace)) { /* else nothing can change it */
        buf_append_bytes(&cursor->image, o->packed);
        cursor->borrowed = buf_bytes(&cursor->image);
    }
    const bool by_subkey = is_by_subkey(o, cursor->space);
    size_t offset = 0, before = 0, upto = 0, same = SIZE_MAX; /* elements < from; <= from */
    for (struct element e; packed_next(o, cursor->borrowed, &offset, &e);) {
        if (!view(o, cursor->space, &e))
            continue;
        const int order = bytes_compare(e.subkey, from);
        before += order < 0;
        upto += order <= 0;
        if (order == 0)
            same = cursor->count;
        CHECK(cursor->count < OBJECT_PACKED_COUNT);
        cursor->offsets[cursor->count++] = (uint32_t)e.offset;
    }
    /* next counts from 1 when walking backward: 0 is the end */
    const bool forward = cursor->direction == FORWARD;
    if (from.size == 0)
        cursor->next = forward ? 0 : cursor->count;
    else if (by_subkey)
        cursor->next = (uint32_t)(forward ? before : upto);
    else if (same == SIZE_MAX)
        cursor->next = forward ? cursor->count : 0;
    else
        cursor->next = (uint32_t)(forward ? same : same + 1);
}

bool packed_cursor_next(struct object_cursor *cursor, struct bytes *subkey, struct bytes *value)
{
    size_t offset;
    if (cursor->direction == FORWARD) {
        if (cursor->next == cursor->count)
            return false;
        offset = cursor->offsets[cursor->next++];
    } else {
        if (cursor->next == 0)
            return false;
        offset = cursor->offsets[--cursor->next];
    }
    struct element e;
    const bool is_there = packed_next(cursor->object, cursor->borrowed, &offset, &e);
    CHECK(is_there);
    view(cursor->object, cursor->space, &e);
    *subkey = e.subkey;
    *value = e.value;
    return true;
}
