/* rdb_blob.c -- blobs of elements read and listpacks written. */

#include "command/rdb_blob.h"

#include "base/encode.h"
#include "base/panic.h"

#define END_MARK 0xff
#define ZIPLIST_HEAD_SIZE 10
#define COUNT_UNKNOWN UINT16_MAX     /* listpack, ziplist: too many for the head */
#define ZIPMAP_COUNT_UNKNOWN 254
#define ZIPMAP_SIZE_LONG 254         /* the same number, as a size: four bytes follow */
#define ZIPLIST_SIZE_LONG 254
#define INTSET_HEAD_SIZE 8

static uint64_t read_be(struct reader *r, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | reader_u8(r);
    return value;
}

/* A signed number of so many bytes, little-endian. */
static int64_t read_le_signed(struct reader *r, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)reader_u8(r) << 8 * i;
    const unsigned unused = 64 - 8 * bytes;
    return (int64_t)(value << unused) >> unused;
}

static void give_number(struct blob_element *e, int64_t number)
{
    *e = (struct blob_element){.is_number = true, .number = number};
}

static void give_text(struct blob_element *e, struct reader *r, uint64_t size)
{
    *e = (struct blob_element){0};
    if (size > reader_left(r))
        r->failed = true;
    else
        e->text = reader_bytes(r, (size_t)size);
}

/* --- listpack --------------------------------------------------------------------------------- */

/* Bytes of the size that stands behind an element; as Redis, which is one off where it can be. */
static unsigned back_bytes(size_t size)
{
    if (size <= 127)
        return 1;
    return size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

/* The size of an element that stands behind it: 7 bits a byte, the lowest last; all but the first
 * with the high bit. */
static uint8_t back_byte(size_t size, unsigned count, unsigned i)
{
    return (uint8_t)((size >> 7 * (count - 1 - i) & 127) | (i > 0 ? 128 : 0));
}

static void read_listpack_element(struct reader *r, struct blob_element *e)
{
    const uint8_t head = reader_u8(r);
    if (head < 0x80) {
        give_number(e, head);
    } else if (head < 0xc0) {
        give_text(e, r, head & 0x3f);
    } else if (head < 0xe0) {
        const int64_t number = (head & 0x1f) << 8 | reader_u8(r);
        give_number(e, number < 4096 ? number : number - 8192);
    } else if (head < 0xf0) {
        const uint64_t size = (uint64_t)(head & 0x0f) << 8 | reader_u8(r);
        give_text(e, r, size);
    } else if (head == 0xf0) {
        give_text(e, r, reader_le32(r));
    } else if (head <= 0xf4) {
        static const uint8_t widths[] = {2, 3, 4, 8};
        give_number(e, read_le_signed(r, widths[head - 0xf1]));
    } else {
        r->failed = true;
    }
}

static bool next_of_listpack(struct blob *b, struct blob_element *e)
{
    struct reader *r = &b->left;
    const uint8_t *begin = r->next;
    read_listpack_element(r, e);
    const size_t size = (size_t)(r->next - begin);
    const unsigned count = back_bytes(size);
    for (unsigned i = 0; i < count && !r->failed; i++)
        if (reader_u8(r) != back_byte(size, count, i))
            r->failed = true;
    return !r->failed;
}

/* --- ziplist ---------------------------------------------------------------------------------- */

static void read_ziplist_element(struct reader *r, struct blob_element *e)
{
    const uint8_t head = reader_u8(r);
    if (head < 0x40) {
        give_text(e, r, head);
    } else if (head < 0x80) {
        const uint64_t size = (uint64_t)(head & 0x3f) << 8 | reader_u8(r);
        give_text(e, r, size);
    } else if (head == 0x80) {
        give_text(e, r, read_be(r, 4));
    } else if (head == 0xc0 || head == 0xd0 || head == 0xe0) {
        give_number(e, read_le_signed(r, head == 0xc0 ? 2 : head == 0xd0 ? 4 : 8));
    } else if (head == 0xf0 || head == 0xfe) {
        give_number(e, read_le_signed(r, head == 0xf0 ? 3 : 1));
    } else if (head > 0xf0 && head < 0xfe) {
        give_number(e, (head & 0x0f) - 1);
    } else {
        r->failed = true;
    }
}

static bool next_of_ziplist(struct blob *b, struct blob_element *e)
{
    struct reader *r = &b->left;
    const uint8_t *begin = r->next;
    size_t before = reader_u8(r);
    if (before == ZIPLIST_SIZE_LONG)
        before = reader_le32(r);
    else if (before > ZIPLIST_SIZE_LONG)
        r->failed = true;
    if (before != b->element_size)
        r->failed = true;
    read_ziplist_element(r, e);
    b->element_size = (size_t)(r->next - begin);
    return !r->failed;
}

static bool ziplist_is_whole(const struct blob *b)
{
    const uint32_t last = get_le32(bytes_data(b->bytes) + 4);
    return b->count == 0 || last == b->bytes.size - 1 - b->element_size;
}

/* --- zipmap, intset --------------------------------------------------------------------------- */

/* Fields and values in turn; b->count counts both, its head pairs. */
static bool next_of_zipmap(struct blob *b, struct blob_element *e)
{
    struct reader *r = &b->left;
    uint64_t size = reader_u8(r);
    if (size == ZIPMAP_SIZE_LONG)
        size = reader_le32(r);
    const bool is_value = b->count % 2 == 1;
    const uint8_t unused = is_value ? reader_u8(r) : 0;
    give_text(e, r, size);
    reader_bytes(r, unused);
    return !r->failed;
}

static bool next_of_intset(struct blob *b, struct blob_element *e)
{
    const uint32_t width = get_le32(b->bytes.data);
    const int64_t number = read_le_signed(&b->left, width);
    if (b->count > 0 && number <= b->last_number)
        b->left.failed = true;
    b->last_number = number;
    give_number(e, number);
    return !b->left.failed;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void open_intset(struct blob *b)
{
    const uint32_t width = reader_le32(&b->left);
    b->promised = reader_le32(&b->left);
    b->failed = b->left.failed || (width != 2 && width != 4 && width != 8) ||
                b->promised * width != reader_left(&b->left);
}

static void open_zipmap(struct blob *b)
{
    const uint8_t pairs = reader_u8(&b->left);
    b->promised = pairs * 2u;
    b->is_promised = pairs < ZIPMAP_COUNT_UNKNOWN;
    b->failed = b->left.failed;
}

static void open_list(struct blob *b)
{
    const uint32_t size = reader_le32(&b->left);
    if (b->form == BLOB_ZIPLIST)
        reader_le32(&b->left);
    b->promised = reader_le16(&b->left);
    b->is_promised = b->promised != COUNT_UNKNOWN;
    b->failed = b->left.failed || size != b->bytes.size;
}

void blob_open(struct blob *b, enum blob_form form, struct bytes bytes)
{
    *b = (struct blob){.form = form, .bytes = bytes, .is_promised = true};
    reader_init(&b->left, bytes);
    if (form == BLOB_INTSET)
        open_intset(b);
    else if (form == BLOB_ZIPMAP)
        open_zipmap(b);
    else
        open_list(b);
}

/* Nothing is left but the mark of the end, where the form has one. */
bool blob_at_end(const struct blob *b)
{
    const size_t left = reader_left(&b->left);
    if (b->form == BLOB_INTSET)
        return left == 0;
    return left == 1 && *b->left.next == END_MARK;
}

bool blob_next(struct blob *b, struct blob_element *e)
{
    if (b->failed || blob_at_end(b))
        return false;
    bool given = false;
    switch (b->form) {
    case BLOB_LISTPACK:
        given = next_of_listpack(b, e);
        break;
    case BLOB_ZIPLIST:
        given = next_of_ziplist(b, e);
        break;
    case BLOB_ZIPMAP:
        given = next_of_zipmap(b, e);
        break;
    case BLOB_INTSET:
        given = next_of_intset(b, e);
        break;
    }
    b->failed = !given;
    b->count += given;
    return given;
}

bool blob_is_whole(const struct blob *b)
{
    if (b->failed || !blob_at_end(b) || (b->is_promised && b->count != b->promised))
        return false;
    if (b->form == BLOB_ZIPMAP)
        return b->count % 2 == 0;
    return b->form != BLOB_ZIPLIST || ziplist_is_whole(b);
}

/* --- writing listpacks ------------------------------------------------------------------------ */

void listpack_begin(struct buf *b)
{
    CHECK(b->size == 0);
    memset(buf_reserve(b, LISTPACK_HEAD_SIZE), 0, LISTPACK_HEAD_SIZE);
    buf_commit(b, LISTPACK_HEAD_SIZE);
}

static void append_back(struct buf *b, size_t size)
{
    const unsigned count = back_bytes(size);
    for (unsigned i = 0; i < count; i++)
        buf_append_u8(b, back_byte(size, count, i));
}

static void append_le(struct buf *b, uint8_t head, int64_t number, unsigned bytes)
{
    buf_append_u8(b, head);
    for (unsigned i = 0; i < bytes; i++)
        buf_append_u8(b, (uint8_t)((uint64_t)number >> 8 * i));
}

void listpack_append_int64(struct buf *b, int64_t number)
{
    const size_t begun = b->size;
    if (number >= 0 && number <= 127) {
        buf_append_u8(b, (uint8_t)number);
    } else if (number >= -4096 && number <= 4095) {
        const uint32_t low = (uint32_t)number & 0x1fff;
        buf_append_u8(b, (uint8_t)(0xc0 | low >> 8));
        buf_append_u8(b, (uint8_t)low);
    } else if (number >= INT16_MIN && number <= INT16_MAX) {
        append_le(b, 0xf1, number, 2);
    } else if (number >= -(1 << 23) && number < 1 << 23) {
        append_le(b, 0xf2, number, 3);
    } else if (number >= INT32_MIN && number <= INT32_MAX) {
        append_le(b, 0xf3, number, 4);
    } else {
        append_le(b, 0xf4, number, 8);
    }
    append_back(b, b->size - begun);
}

void listpack_append(struct buf *b, struct bytes element)
{
    int64_t number;
    if (element.size < INT64_DIGITS && bytes_to_int64(element, &number)) {
        listpack_append_int64(b, number);
        return;
    }
    const size_t begun = b->size;
    if (element.size < 64) {
        buf_append_u8(b, (uint8_t)(0x80 | element.size));
    } else if (element.size < 4096) {
        buf_append_u8(b, (uint8_t)(0xe0 | element.size >> 8));
        buf_append_u8(b, (uint8_t)element.size);
    } else {
        CHECK(element.size <= UINT32_MAX);
        append_le(b, 0xf0, (int64_t)element.size, 4);
    }
    buf_append_bytes(b, element);
    append_back(b, b->size - begun);
}

void listpack_end(struct buf *b, uint64_t count)
{
    buf_append_u8(b, END_MARK);
    CHECK(b->size <= UINT32_MAX);
    put_le32(buf_data(b), (uint32_t)b->size);
    put_le16(buf_data(b) + 4, (uint16_t)MIN(count, COUNT_UNKNOWN));
}
