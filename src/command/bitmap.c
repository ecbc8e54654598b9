/* bitmap.c -- bits within strings: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. Bit 0 is the highest of
 * byte 0. Long strings are read in pieces, and of them only those that a range asks for. */

#include <stdlib.h>

#include "base/panic.h"
#include "command/bits.h"
#include "command/settings.h"
#include "command/table.h"

#define PIECE_SIZE ((size_t)64 * 1024) /* bytes looked at in one go */

/* --- bits of strings -------------------------------------------------------------------------- */

bool arg_bit_offset(struct exec *x, uint32_t n, int bits, uint64_t *offset)
{
    struct bytes text = x->args[n];
    const bool counts_fields = bits > 0 && text.size > 0 && *bytes_data(text) == '#';
    if (counts_fields)
        text = bytes_from(text, 1);
    int64_t parsed;
    if (!bytes_to_int64(text, &parsed) ||
        (counts_fields && __builtin_mul_overflow(parsed, bits, &parsed)) || parsed < 0 ||
        (uint64_t)parsed >> 3 >= string_size_max(x)) {
        reply_error(x, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset = (uint64_t)parsed;
    return true;
}

uint64_t bits_get(struct object *o, uint64_t offset, int bits)
{
    const size_t first = offset / 8, last = (offset + (uint64_t)bits - 1) / 8;
    struct bytes stored = BYTES_NONE;
    if (o->type != TYPE_NONE)
        stored = object_string_range(o, first, last - first + 1);
    uint64_t value = 0;
    for (int i = 0; i < bits; i++) {
        const uint64_t at = offset + (uint64_t)i - first * 8;
        const uint8_t byte = at / 8 < stored.size ? bytes_data(stored)[at / 8] : 0;
        value = value << 1 | (byte >> (7 - at % 8) & 1);
    }
    return value;
}

void bits_set(struct object *o, uint64_t offset, int bits, uint64_t value)
{
    CHECK(o->type == TYPE_STRING);
    const size_t first = offset / 8, count = (offset + (uint64_t)bits - 1) / 8 - first + 1;
    uint8_t bytes[BITS_MAX / 8 + 1] = {0};
    const struct bytes stored = object_string_range(o, first, count);
    if (stored.size > 0)
        memcpy(bytes, stored.data, stored.size);
    for (int i = 0; i < bits; i++) {
        const uint64_t at = offset + (uint64_t)i - first * 8;
        const uint8_t mask = (uint8_t)(1u << (7 - at % 8));
        if (value >> (bits - 1 - i) & 1)
            bytes[at / 8] |= mask;
        else
            bytes[at / 8] &= (uint8_t)~mask;
    }
    object_write_string(o, first, bytes_of(bytes, count));
}

bool bits_grow(struct object *o, uint64_t last_bit)
{
    const size_t size = last_bit / 8 + 1;
    if (o->type == TYPE_NONE)
        object_create(o, TYPE_STRING, ENCODING_RAW);
    else if (object_string_size(o) >= size)
        return false;
    object_write_string(o, size - 1, BYTES("\0"));
    return true;
}

/* --- SETBIT, GETBIT --------------------------------------------------------------------------- */

/* SETBIT key offset value -> the former bit. A bit that is so already leaves the key untouched, its
 * encoding too (Redis makes it raw). */
static void setbit(struct exec *x)
{
    static const char not_a_bit[] = "ERR bit is not an integer or out of range";
    uint64_t offset;
    int64_t bit;
    struct object o;
    if (!arg_bit_offset(x, 2, 0, &offset))
        return;
    if (!bytes_to_int64(x->args[3], &bit) || (bit != 0 && bit != 1)) {
        reply_error(x, not_a_bit);
        return;
    }
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    const bool grew = bits_grow(&o, offset);
    const int64_t former = (int64_t)bits_get(&o, offset, 1);
    if (grew || former != bit) {
        bits_set(&o, offset, 1, (uint64_t)bit);
        changed(x, &o, EVENT_STRING, "setbit");
    }
    object_close(&o);
    reply_int64(x, former);
}

/* GETBIT key offset */
static void getbit(struct exec *x)
{
    uint64_t offset;
    struct object o;
    if (!arg_bit_offset(x, 2, 0, &offset) || !open_key(x, 1, TYPE_STRING, &o))
        return;
    reply_int64(x, (int64_t)bits_get(&o, offset, 1));
    object_close(&o);
}

/* --- ranges ----------------------------------------------------------------------------------- */

/* Bits first .. last of a string; empty when first > last. */
struct bit_range {
    int64_t first, last;
};

/* BYTE or BIT at argument n, if there is one. */
static bool arg_unit(struct exec *x, uint32_t n, bool *in_bits)
{
    *in_bits = arg_is(x, n, "bit");
    if (n >= x->arg_count || *in_bits || arg_is(x, n, "byte"))
        return true;
    reply_syntax_error(x);
    return false;
}

/* From start and end in bytes or bits, negative ones from the end of size bytes. */
static struct bit_range range_in_bits(int64_t start, int64_t end, size_t size, bool in_bits)
{
    const int64_t total = (int64_t)size * (in_bits ? 8 : 1);
    start = MAX(start < 0 ? start + total : start, 0);
    end = MAX(end < 0 ? end + total : end, 0);
    end = MIN(end, total - 1);
    if (in_bits || start > end)
        return (struct bit_range){start, end};
    return (struct bit_range){start * 8, end * 8 + 7};
}

/* The bytes of a range, those beyond it at either end as if they were ends; a piece per call. */
struct bit_walk {
    struct object *o;
    struct bit_range range;
    size_t next;      /* byte */
    bool fill;        /* what bits of the end bytes outside of the range read as */
    uint8_t piece[PIECE_SIZE];
};

static struct bytes next_piece(struct bit_walk *w)
{
    const size_t first = (size_t)w->range.first / 8, last = (size_t)w->range.last / 8;
    if (w->next > last)
        return BYTES_NONE;
    const struct bytes stored =
        object_string_range(w->o, w->next, MIN(PIECE_SIZE, last - w->next + 1));
    CHECK(stored.size > 0);
    memcpy(w->piece, stored.data, stored.size);
    const uint8_t before = (uint8_t)~(0xff >> w->range.first % 8);
    const uint8_t after = (uint8_t)(0x7f >> w->range.last % 8);
    if (w->next == first)
        w->piece[0] = (uint8_t)(w->fill ? w->piece[0] | before : w->piece[0] & ~before);
    if (w->next + stored.size > last) {
        uint8_t *end = &w->piece[stored.size - 1];
        *end = (uint8_t)(w->fill ? *end | after : *end & ~after);
    }
    w->next += stored.size;
    return bytes_of(w->piece, stored.size);
}

static int64_t count_bits(struct object *o, struct bit_range range)
{
    struct bit_walk w = {.o = o, .range = range, .next = (size_t)range.first / 8};
    int64_t count = 0;
    for (struct bytes piece = next_piece(&w); piece.size > 0; piece = next_piece(&w)) {
        size_t i = 0;
        for (; i + 8 <= piece.size; i += 8) {
            uint64_t word;
            memcpy(&word, bytes_data(piece) + i, sizeof(word));
            count += __builtin_popcountll(word);
        }
        for (; i < piece.size; i++)
            count += __builtin_popcount(bytes_data(piece)[i]);
    }
    return count;
}

/* BITCOUNT key [start end [BYTE | BIT]] */
static void bitcount(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    const bool exists = o.type != TYPE_NONE;
    const size_t size = exists ? object_string_size(&o) : 0;
    int64_t start = 0, end = -1;
    bool in_bits = false;
    if (!exists) {
        reply_int64(x, 0);
    } else if (x->arg_count == 3 || x->arg_count > 5) {
        reply_syntax_error(x);
    } else if (x->arg_count == 2 || (arg_int64(x, 2, &start) && arg_int64(x, 3, &end))) {
        const bool empty = x->arg_count > 2 && start < 0 && end < 0 && start > end;
        if (empty) {
            reply_int64(x, 0); /* before the unit is looked at, as in Redis */
        } else if (arg_unit(x, 4, &in_bits)) {
            const struct bit_range range = range_in_bits(start, end, size, in_bits);
            reply_int64(x, range.first > range.last ? 0 : count_bits(&o, range));
        }
    }
    object_close(&o);
}

/* The first bit of the kind in the range, or -1. */
static int64_t find_bit(struct object *o, struct bit_range range, bool bit)
{
    struct bit_walk w = {.o = o, .range = range, .next = (size_t)range.first / 8, .fill = !bit};
    const uint8_t nothing = bit ? 0x00 : 0xff;
    int64_t base = range.first / 8 * 8;
    for (struct bytes piece = next_piece(&w); piece.size > 0; piece = next_piece(&w)) {
        for (size_t i = 0; i < piece.size; i++) {
            const uint8_t byte = bytes_data(piece)[i];
            if (byte == nothing)
                continue;
            const uint8_t sought = bit ? byte : (uint8_t)~byte;
            return base + (int64_t)i * 8 + __builtin_clz(sought) - 24;
        }
        base += (int64_t)piece.size * 8;
    }
    return -1;
}

static void reply_position(struct exec *x, struct object *o, bool bit)
{
    const size_t size = object_string_size(o);
    int64_t start = 0, end = -1;
    bool in_bits = false;
    if (x->arg_count > 6) {
        reply_syntax_error(x);
        return;
    }
    if ((x->arg_count > 3 && !arg_int64(x, 3, &start)) || !arg_unit(x, 5, &in_bits) ||
        (x->arg_count > 4 && !arg_int64(x, 4, &end)))
        return;
    const struct bit_range range = range_in_bits(start, end, size, in_bits);
    if (range.first > range.last) {
        reply_int64(x, -1);
        return;
    }
    int64_t position = find_bit(o, range, bit);
    if (position < 0 && !bit && x->arg_count <= 4) /* without an end, zeros follow the string */
        position = (int64_t)size * 8;
    reply_int64(x, position);
}

/* BITPOS key bit [start [end [BYTE | BIT]]] */
static void bitpos(struct exec *x)
{
    int64_t bit;
    struct object o;
    if (!arg_int64(x, 2, &bit))
        return;
    if (bit != 0 && bit != 1) {
        reply_error(x, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    if (o.type == TYPE_NONE)
        reply_int64(x, bit ? -1 : 0); /* an endless run of zeros */
    else
        reply_position(x, &o, bit);
    object_close(&o);
}

/* --- BITOP ------------------------------------------------------------------------------------ */

enum bit_operation { BITOP_AND, BITOP_OR, BITOP_XOR, BITOP_NOT };

static bool arg_operation(struct exec *x, enum bit_operation *operation)
{
    static const char *const names[] = {"and", "or", "xor", "not"};
    for (int i = BITOP_AND; i <= BITOP_NOT; i++)
        if (arg_is(x, 1, names[i])) {
            *operation = (enum bit_operation)i;
            if (i == BITOP_NOT && x->arg_count != 4) {
                reply_error(x, "ERR BITOP NOT must be called with a single source key.");
                return false;
            }
            return true;
        }
    reply_syntax_error(x);
    return false;
}

/* The length of the longest source; false: one is no string. */
static bool longest_source(struct exec *x, size_t *size)
{
    *size = 0;
    for (uint32_t i = 3; i < x->arg_count; i++) {
        struct object o;
        if (!open_key(x, i, TYPE_STRING, &o))
            return false;
        if (o.type != TYPE_NONE)
            *size = MAX(*size, object_string_size(&o));
        object_close(&o);
    }
    return true;
}

/* One source more; shorter ones go on with zeros. */
static void combine(enum bit_operation operation, uint8_t *result, size_t size, struct bytes source)
{
    const uint8_t *from = bytes_data(source);
    for (size_t i = 0; i < source.size; i++) {
        if (operation == BITOP_AND)
            result[i] &= from[i];
        else if (operation == BITOP_OR)
            result[i] |= from[i];
        else
            result[i] ^= from[i];
    }
    if (operation == BITOP_AND)
        memset(result + source.size, 0, size - source.size);
}

static void store_result(struct exec *x, struct bytes result)
{
    struct object o;
    open_key(x, 2, TYPE_NONE, &o);
    if (result.size > 0) {
        object_set_string(&o, result);
        object_set_deadline(&o, 0);
        o.encoding = ENCODING_RAW;
        changed(x, &o, EVENT_STRING, "set");
    } else if (o.type != TYPE_NONE) {
        delete_key(x, &o);
    }
    object_close(&o);
}

/* BITOP AND | OR | XOR | NOT destination source ... -> the length of the result */
static void bitop(struct exec *x)
{
    enum bit_operation operation;
    size_t size;
    if (!arg_operation(x, &operation) || !longest_source(x, &size))
        return;
    uint8_t *result = xmalloc(size);
    const bool ones = operation == BITOP_AND || operation == BITOP_NOT;
    memset(result, ones ? 0xff : 0x00, size); /* NOT is XOR with ones */
    for (uint32_t i = 3; i < x->arg_count; i++) {
        struct object o;
        open_key(x, i, TYPE_STRING, &o);
        combine(operation, result, size, o.type == TYPE_NONE ? BYTES_NONE : object_string(&o));
        object_close(&o);
    }
    store_result(x, bytes_of(result, size));
    free(result);
    reply_int64(x, (int64_t)size);
}

const struct command bitmap_commands[] = {
    {.name = "bitcount", .run = bitcount, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "2.6.0", .complexity = "O(N)",
     .summary = "How many bits are set."},
    {.name = "bitop", .run = bitop, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(2, KEY_OW | KEY_UPDATE), KEY_RANGE(3, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "2.6.0", .complexity = "O(N)",
     .summary = "Combines strings bit by bit."},
    {.name = "bitpos", .run = bitpos, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "2.8.7", .complexity = "O(N)",
     .summary = "Where the first bit of a kind is."},
    {.name = "getbit", .run = getbit, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "2.2.0", .complexity = "O(1)",
     .summary = "One bit of a string."},
    {.name = "setbit", .run = setbit, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Sets one bit of a string."},
    {.name = NULL},
};
