/* bitfield.c -- BITFIELD: several operations on integers of 1 to 64 bits, in one command. */

#include "command/bits.h"
#include "command/table.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum field_operation { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field {
    enum field_operation operation;
    enum overflow overflow;
    bool is_signed;
    int bits;
    uint64_t offset;
    int64_t value; /* of SET, INCRBY */
};

/* --- arguments -------------------------------------------------------------------------------- */

/* i1 .. i64, u1 .. u63 */
static bool arg_field_type(struct exec *x, uint32_t n, struct field *f)
{
    const struct bytes text = x->args[n];
    const char kind = text.size == 0 ? '\0' : *(const char *)text.data;
    int64_t bits;
    f->is_signed = kind == 'i';
    if ((kind == 'i' || kind == 'u') && bytes_to_int64(bytes_from(text, 1), &bits) && bits >= 1 &&
        bits <= (f->is_signed ? BITS_MAX : BITS_MAX - 1)) {
        f->bits = (int)bits;
        return true;
    }
    reply_error(x, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
                   "supported but i64 is.");
    return false;
}

static bool arg_overflow(struct exec *x, uint32_t n, enum overflow *overflow)
{
    static const char *const names[] = {"wrap", "sat", "fail"};
    for (int i = OVERFLOW_WRAP; i <= OVERFLOW_FAIL; i++)
        if (arg_is(x, n, names[i])) {
            *overflow = (enum overflow)i;
            return true;
        }
    reply_error(x, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* The operation at argument *n, which is moved behind it. */
static bool parse_field(struct exec *x, uint32_t *n, struct field *f)
{
    const uint32_t left = x->arg_count - *n - 1;
    if (arg_is(x, *n, "get") && left >= 2) {
        f->operation = FIELD_GET;
    } else if (arg_is(x, *n, "set") && left >= 3) {
        f->operation = FIELD_SET;
    } else if (arg_is(x, *n, "incrby") && left >= 3) {
        f->operation = FIELD_INCRBY;
    } else {
        reply_syntax_error(x);
        return false;
    }
    if (!arg_field_type(x, *n + 1, f) || !arg_bit_offset(x, *n + 2, f->bits, &f->offset) ||
        (f->operation != FIELD_GET && !arg_int64(x, *n + 3, &f->value)))
        return false;
    *n += f->operation == FIELD_GET ? 3 : 4;
    return true;
}

/* All operations, in memory of the request; *writes: any but GET. */
static bool parse_fields(struct exec *x, struct field **fields, size_t *count, bool *writes)
{
    enum overflow overflow = OVERFLOW_WRAP;
    *fields = arena_alloc(x->arena, x->arg_count * sizeof(**fields));
    *count = 0;
    *writes = false;
    for (uint32_t n = 2; n < x->arg_count;) {
        if (arg_is(x, n, "overflow") && n + 1 < x->arg_count) {
            if (!arg_overflow(x, n + 1, &overflow))
                return false;
            n += 2;
            continue;
        }
        struct field *f = &(*fields)[(*count)++];
        if (!parse_field(x, &n, f))
            return false;
        f->overflow = overflow;
        *writes |= f->operation != FIELD_GET;
    }
    return true;
}

/* --- arithmetic ------------------------------------------------------------------------------- */

/* The low bits of value as a number of the field's type. */
static int64_t in_type(const struct field *f, uint64_t value)
{
    if (f->bits == BITS_MAX)
        return (int64_t)value;
    const uint64_t mask = ((uint64_t)1 << f->bits) - 1;
    value &= mask;
    if (f->is_signed && value >> (f->bits - 1))
        value |= ~mask;
    return (int64_t)value;
}

/* value + increment, exactly, against the limits of the type: 1 above, -1 below, 0 within. An
 * unsigned type has at most 63 bits, so that each of its numbers is an int64_t; what SET gives it
 * is taken as unsigned, so that a negative number lies above. */
static int compare_to_limits(const struct field *f, int64_t value, int64_t increment,
                             int64_t *min, int64_t *max)
{
    *max = f->is_signed ? (int64_t)(((uint64_t)1 << (f->bits - 1)) - 1)
                        : (int64_t)(((uint64_t)1 << f->bits) - 1);
    *min = f->is_signed ? -*max - 1 : 0;
    if (!f->is_signed && value < 0)
        return 1;
    int64_t sum;
    if (__builtin_add_overflow(value, increment, &sum))
        return increment > 0 ? 1 : -1;
    return (sum > *max) - (sum < *min);
}

/* value + increment in the field's type, by its way of overflowing; false: it fails. */
static bool add_in_type(const struct field *f, int64_t value, int64_t increment, int64_t *result)
{
    int64_t min, max;
    const int beyond = compare_to_limits(f, value, increment, &min, &max);
    if (beyond != 0 && f->overflow == OVERFLOW_FAIL)
        return false;
    if (beyond != 0 && f->overflow == OVERFLOW_SAT)
        *result = beyond > 0 ? max : min;
    else
        *result = in_type(f, (uint64_t)value + (uint64_t)increment);
    return true;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Runs one operation and replies; true if it changed the string. */
static bool run_field(struct exec *x, struct object *o, const struct field *f)
{
    const int64_t former = in_type(f, bits_get(o, f->offset, f->bits));
    if (f->operation == FIELD_GET) {
        reply_int64(x, former);
        return false;
    }
    const bool adds = f->operation == FIELD_INCRBY;
    int64_t result;
    if (!add_in_type(f, adds ? former : f->value, adds ? f->value : 0, &result)) {
        reply_null(x);
        return false;
    }
    reply_int64(x, adds ? result : former);
    if (former == result)
        return false;
    bits_set(o, f->offset, f->bits, (uint64_t)result);
    return true;
}

static void run_fields(struct exec *x, const struct field *fields, size_t count, bool writes)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    uint64_t last_bit = 0;
    for (size_t i = 0; i < count; i++)
        if (fields[i].operation != FIELD_GET)
            last_bit = MAX(last_bit, fields[i].offset + (uint64_t)fields[i].bits - 1);
    const bool grew = writes && bits_grow(&o, last_bit);
    bool any = false;
    reply_array(x, count);
    for (size_t i = 0; i < count; i++)
        any |= run_field(x, &o, &fields[i]);
    if (any || grew)
        changed(x, &o, EVENT_STRING, "setbit");
    object_close(&o);
}

/* BITFIELD key [GET type offset | SET type offset value | INCRBY type offset increment |
 * OVERFLOW WRAP | SAT | FAIL] ... */
static void bitfield(struct exec *x)
{
    struct field *fields;
    size_t count;
    bool writes;
    if (parse_fields(x, &fields, &count, &writes))
        run_fields(x, fields, count, writes);
}

/* BITFIELD_RO key [GET type offset] ... */
static void bitfield_ro(struct exec *x)
{
    struct field *fields;
    size_t count;
    bool writes;
    if (!parse_fields(x, &fields, &count, &writes))
        return;
    if (writes)
        reply_error(x, "ERR BITFIELD_RO only supports the GET subcommand");
    else
        run_fields(x, fields, count, false);
}

const struct command bitfield_commands[] = {
    {.name = "bitfield", .run = bitfield, .arity = -2, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE,
         .note = "This command allows both access and modification of the key")},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "3.2.0", .complexity = "O(1)",
     .summary = "Reads, sets and adds to integers of any width within a string."},
    {.name = "bitfield_ro", .run = bitfield_ro, .arity = -2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_BITMAP, .group = "bitmap", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Reads integers of any width within a string."},
    {.name = NULL},
};
