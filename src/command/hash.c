/* hash.c -- hashes: fields in SPACE_FIELD, field -> value. */

#include "command/hash.h"

#include "command/decimal.h"
#include "command/elements.h"
#include "command/settings.h"
#include "command/table.h"

/* --- writing fields --------------------------------------------------------------------------- */

bool hash_open_write(struct exec *x, struct object *hash)
{
    if (!open_write(x, 1, TYPE_HASH, ENCODING_LISTPACK, hash))
        return false;
    const uint64_t packed_max = MIN(x->settings->hash_max_listpack_value, OBJECT_PACKED_BYTES_MAX);
    hash->packed_max_bytes = MAX(hash->packed_max_bytes, (uint32_t)packed_max);
    return true;
}

/* As Redis: a long field or value, or one more than allowed, ends the listpack for good. */
bool hash_put(struct exec *x, struct object *hash, struct bytes field, struct bytes value)
{
    const struct settings *s = x->settings;
    const bool is_new = object_put(hash, SPACE_FIELD, field, value);
    if (MAX(field.size, value.size) > s->hash_max_listpack_value ||
        object_count(hash) > s->hash_max_listpack_entries)
        hash->encoding = ENCODING_HASHTABLE;
    return is_new;
}

/* Puts the pairs from args[2] on; returns how many fields are new, -1 when it replied an error. */
static int64_t put_pairs(struct exec *x)
{
    if (x->arg_count % 2 == 1) {
        reply_wrong_arity(x);
        return -1;
    }
    struct object hash;
    if (!hash_open_write(x, &hash))
        return -1;
    int64_t count = 0;
    for (uint32_t i = 2; i < x->arg_count; i += 2) {
        count += hash_put(x, &hash, x->args[i], x->args[i + 1]);
        object_set_field_deadline(&hash, x->args[i], 0);
    }
    changed(x, &hash, EVENT_HASH, "hset");
    object_close(&hash);
    return count;
}

/* HSET key field value ... -> how many fields are new */
static void hset(struct exec *x)
{
    const int64_t count = put_pairs(x);
    if (count >= 0)
        reply_int64(x, count);
}

/* HMSET key field value ... */
static void hmset(struct exec *x)
{
    if (put_pairs(x) >= 0)
        reply_ok(x);
}

/* HSETNX key field value -> 1 if set */
static void hsetnx(struct exec *x)
{
    struct object hash;
    struct bytes old;
    if (!hash_open_write(x, &hash))
        return;
    const bool is_there = object_get(&hash, SPACE_FIELD, x->args[2], &old);
    if (!is_there) {
        hash_put(x, &hash, x->args[2], x->args[3]);
        changed(x, &hash, EVENT_HASH, "hset");
    }
    object_close(&hash);
    reply_int64(x, !is_there);
}

/* HDEL key field ... -> how many there were */
static void hdel(struct exec *x)
{
    delete_elements(x, TYPE_HASH, SPACE_FIELD, EVENT_HASH, "hdel");
}

/* --- numbers in fields ------------------------------------------------------------------------ */

/* HINCRBY key field increment -> the new value */
static void hincrby(struct exec *x)
{
    int64_t increment, value = 0;
    struct object hash;
    struct bytes old;
    if (!arg_int64(x, 3, &increment) || !hash_open_write(x, &hash))
        return;
    if (object_get(&hash, SPACE_FIELD, x->args[2], &old) && !bytes_to_int64(old, &value)) {
        reply_error(x, "ERR hash value is not an integer");
    } else if (__builtin_add_overflow(value, increment, &value)) {
        reply_error(x, "ERR increment or decrement would overflow");
    } else {
        char digits[INT64_DIGITS];
        hash_put(x, &hash, x->args[2], bytes_from_int64(value, digits));
        changed(x, &hash, EVENT_HASH, "hincrby");
        reply_int64(x, value);
    }
    object_close(&hash);
}

static bool arg_decimal(struct exec *x, uint32_t n)
{
    struct bytes same;
    switch (decimal_add(x->args[n], BYTES("0"), x->arena, &same)) {
    case DECIMAL_INVALID:
        reply_error(x, "ERR value is not a valid float");
        return false;
    case DECIMAL_INFINITE:
        reply_error(x, "ERR value is NaN or Infinity");
        return false;
    case DECIMAL_OK:
        break;
    }
    return true;
}

/* HINCRBYFLOAT key field increment -> the new value */
static void hincrbyfloat(struct exec *x)
{
    struct object hash;
    if (!arg_decimal(x, 3) || !hash_open_write(x, &hash))
        return;
    struct bytes value, sum;
    if (!object_get(&hash, SPACE_FIELD, x->args[2], &value))
        value = BYTES("0");
    switch (decimal_add(value, x->args[3], x->arena, &sum)) {
    case DECIMAL_INVALID:
        reply_error(x, "ERR hash value is not a float");
        break;
    case DECIMAL_INFINITE:
        reply_error(x, "ERR increment would produce NaN or Infinity");
        break;
    case DECIMAL_OK:
        hash_put(x, &hash, x->args[2], sum);
        changed(x, &hash, EVENT_HASH, "hincrbyfloat");
        reply_bulk(x, sum);
        break;
    }
    object_close(&hash);
}

/* --- reading fields --------------------------------------------------------------------------- */

void hash_reply_field(struct exec *x, struct object *hash, struct bytes field)
{
    struct bytes value;
    if (object_get(hash, SPACE_FIELD, field, &value))
        reply_bulk(x, value);
    else
        reply_null(x);
}

/* HGET key field */
static void hget(struct exec *x)
{
    struct object hash;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    hash_reply_field(x, &hash, x->args[2]);
    object_close(&hash);
}

/* HMGET key field ... */
static void hmget(struct exec *x)
{
    struct object hash;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++)
        hash_reply_field(x, &hash, x->args[i]);
    object_close(&hash);
}

/* HSTRLEN key field; 0 where there is none */
static void hstrlen(struct exec *x)
{
    struct object hash;
    struct bytes value;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    object_get(&hash, SPACE_FIELD, x->args[2], &value);
    reply_int64(x, (int64_t)value.size);
    object_close(&hash);
}

/* HEXISTS key field */
static void hexists(struct exec *x)
{
    struct object hash;
    struct bytes value;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    reply_int64(x, object_get(&hash, SPACE_FIELD, x->args[2], &value));
    object_close(&hash);
}

/* HLEN key */
static void hlen(struct exec *x)
{
    reply_element_count(x, TYPE_HASH);
}

static void give_value(struct exec *x, struct object *o, struct bytes field, struct bytes value)
{
    (void)o;
    (void)field;
    reply_bulk(x, value);
}

static void give_pair(struct exec *x, struct object *o, struct bytes field, struct bytes value)
{
    give_subkey(x, o, field, value);
    give_value(x, o, field, value);
}

/* HGETALL key */
static void hgetall(struct exec *x)
{
    struct object hash;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    reply_map(x, object_count(&hash));
    elements_give_all(x, &hash, SPACE_FIELD, give_pair);
    object_close(&hash);
}

static void reply_column(struct exec *x, give_element *give)
{
    struct object hash;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    reply_array(x, object_count(&hash));
    elements_give_all(x, &hash, SPACE_FIELD, give);
    object_close(&hash);
}

/* HKEYS key */
static void hkeys(struct exec *x)
{
    reply_column(x, give_subkey);
}

/* HVALS key */
static void hvals(struct exec *x)
{
    reply_column(x, give_value);
}

/* --- HRANDFIELD, HSCAN ------------------------------------------------------------------------ */

static void give_random_pair(struct exec *x, struct object *o, struct bytes field,
                             struct bytes value)
{
    if (x->reply.protocol > 2)
        reply_array(x, 2);
    give_pair(x, o, field, value);
}

/* HRANDFIELD key [count [WITHVALUES]] */
static void hrandfield(struct exec *x)
{
    reply_random_pairs(x, TYPE_HASH, SPACE_FIELD, "withvalues", give_random_pair);
}

static void note_pair(struct scan *s, struct bytes field, struct bytes value)
{
    scan_found(s, field);
    scan_found(s, value);
}

/* HSCAN key cursor [MATCH pattern] [COUNT count] */
static void hscan(struct exec *x)
{
    elements_scan(x, TYPE_HASH, SPACE_FIELD, note_pair);
}

const struct command hash_commands[] = {
    {.name = "hdel", .run = hdel, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Deletes fields of a hash."},
    {.name = "hexists", .run = hexists, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Whether a hash has a field."},
    {.name = "hget", .run = hget, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "The value of a field."},
    {.name = "hgetall", .run = hgetall, .arity = 2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "All fields and values.", .tips = "nondeterministic_output_order"},
    {.name = "hincrby", .run = hincrby, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Adds to the number in a field."},
    {.name = "hincrbyfloat", .run = hincrbyfloat, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Adds to the decimal number in a field."},
    {.name = "hkeys", .run = hkeys, .arity = 2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "All fields.", .tips = "nondeterministic_output_order"},
    {.name = "hlen", .run = hlen, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "How many fields a hash has."},
    {.name = "hmget", .run = hmget, .arity = -3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "The values of several fields."},
    {.name = "hmset", .run = hmset, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Sets several fields; the old form of HSET.",
     .deprecated_since = "4.0.0", .replaced_by = "`HSET` with multiple field-value pairs"},
    {.name = "hrandfield", .run = hrandfield, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "6.2.0", .complexity = "O(N)",
     .summary = "Random fields.", .tips = "nondeterministic_output"},
    {.name = "hscan", .run = hscan, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.8.0", .complexity = "O(1)",
     .summary = "Walks over fields and values step by step.", .tips = "nondeterministic_output"},
    {.name = "hset", .run = hset, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets fields of a hash."},
    {.name = "hsetnx", .run = hsetnx, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets a field if it does not exist."},
    {.name = "hstrlen", .run = hstrlen, .arity = 3, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_HASH, .group = "hash", .since = "3.2.0", .complexity = "O(1)",
     .summary = "The length of a field's value."},
    {.name = "hvals", .run = hvals, .arity = 2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "2.0.0", .complexity = "O(N)",
     .summary = "All values.", .tips = "nondeterministic_output_order"},
    {.name = NULL},
};
