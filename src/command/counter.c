/* counter.c -- INCR and its kin: numbers in strings. */

#include "command/decimal.h"
#include "command/string.h"
#include "command/table.h"

static void add(struct exec *x, int64_t increment)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    int64_t value = 0;
    if (o.type == TYPE_NONE)
        object_create(&o, TYPE_STRING, ENCODING_INT);
    else if (!bytes_to_int64(object_string(&o), &value)) {
        object_close(&o);
        reply_not_an_integer(x);
        return;
    }
    if (__builtin_add_overflow(value, increment, &value)) {
        object_close(&o);
        reply_error(x, "ERR increment or decrement would overflow");
        return;
    }
    char digits[INT64_DIGITS];
    object_set_string(&o, bytes_from_int64(value, digits));
    changed(x, &o, EVENT_STRING, "incrby");
    object_close(&o);
    reply_int64(x, value);
}

/* INCR key */
static void incr(struct exec *x)
{
    add(x, 1);
}

/* DECR key */
static void decr(struct exec *x)
{
    add(x, -1);
}

/* INCRBY key increment */
static void incrby(struct exec *x)
{
    int64_t increment;
    if (arg_int64(x, 2, &increment))
        add(x, increment);
}

/* DECRBY key decrement */
static void decrby(struct exec *x)
{
    int64_t decrement;
    if (!arg_int64(x, 2, &decrement))
        return;
    if (decrement == INT64_MIN) {
        reply_error(x, "ERR decrement would overflow");
        return;
    }
    add(x, -decrement);
}

/* INCRBYFLOAT key increment -> the new value, which is not int-encoded even when it is whole */
static void incrbyfloat(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    const struct bytes value = o.type == TYPE_NONE ? BYTES("0") : object_string(&o);
    struct bytes sum;
    switch (decimal_add(value, x->args[2], x->arena, &sum)) {
    case DECIMAL_INVALID:
        reply_error(x, "ERR value is not a valid float");
        break;
    case DECIMAL_INFINITE:
        reply_error(x, "ERR increment would produce NaN or Infinity");
        break;
    case DECIMAL_OK:
        if (o.type == TYPE_NONE)
            object_create(&o, TYPE_STRING, ENCODING_EMBSTR);
        object_set_string(&o, sum);
        if (o.encoding == ENCODING_INT)
            o.encoding = ENCODING_EMBSTR;
        changed(x, &o, EVENT_STRING, "incrbyfloat");
        reply_bulk(x, sum);
        break;
    }
    object_close(&o);
}

const struct command counter_commands[] = {
    {.name = "decr", .run = decr, .arity = 2, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Takes one off a counter."},
    {.name = "decrby", .run = decrby, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Takes a number off a counter."},
    {.name = "incr", .run = incr, .arity = 2, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Adds one to a counter."},
    {.name = "incrby", .run = incrby, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Adds a number to a counter."},
    {.name = "incrbyfloat", .run = incrbyfloat, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Adds a decimal number to a string that holds one."},
    {.name = NULL},
};
