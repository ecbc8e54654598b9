/* string.c -- GET, SET and what else reads and writes whole strings or parts of them. */

#include "command/string.h"

#include "command/bits.h"
#include "command/settings.h"
#include "command/table.h"

enum set_flags {
    SET_NX = 1 << 0,
    SET_XX = 1 << 1,
    SET_GET = 1 << 2,
    SET_KEEP_TTL = 1 << 3,
    SET_PERSIST = 1 << 4,
    SET_EX = 1 << 5,
    SET_PX = 1 << 6,
    SET_EXAT = 1 << 7,
    SET_PXAT = 1 << 8,
};

#define SET_EXPIRY (SET_EX | SET_PX | SET_EXAT | SET_PXAT)

uint64_t string_size_max(const struct exec *x)
{
    return MIN(x->settings->proto_max_bulk_len, CACHE_VALUE_MAX - BITS_MAX / 8);
}

bool string_may_grow(struct exec *x, size_t size, size_t more)
{
    size_t total;
    if (!__builtin_add_overflow(size, more, &total) && total <= string_size_max(x))
        return true;
    reply_error(x, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

bool arg_deadline(struct exec *x, uint32_t n, bool seconds, bool relative, uint64_t *deadline_ms)
{
    int64_t when;
    if (!arg_int64(x, n, &when))
        return false;
    const int64_t now = (int64_t)keyspace_now(x->keyspace);
    if (when > 0 && !(seconds && __builtin_mul_overflow(when, 1000, &when)) &&
        !(relative && __builtin_add_overflow(when, now, &when))) {
        *deadline_ms = (uint64_t)when;
        return true;
    }
    reply_errorf(x, "ERR invalid expire time in '%s' command", x->command->name);
    return false;
}

/* --- options of SET and GETEX ----------------------------------------------------------------- */

/* What an option means, and which it does not go with. */
static const struct set_option {
    const char *word;
    uint32_t flag, excludes;
    bool of_set, of_getex, has_value;
} set_options[] = {
    {"nx", SET_NX, SET_XX, true, false, false},
    {"xx", SET_XX, SET_NX, true, false, false},
    {"get", SET_GET, 0, true, false, false},
    {"keepttl", SET_KEEP_TTL, SET_PERSIST | SET_EXPIRY, true, false, false},
    {"persist", SET_PERSIST, SET_KEEP_TTL | SET_EXPIRY, false, true, false},
    {"ex", SET_EX, SET_KEEP_TTL | SET_PERSIST | (SET_EXPIRY & ~SET_EX), true, true, true},
    {"px", SET_PX, SET_KEEP_TTL | SET_PERSIST | (SET_EXPIRY & ~SET_PX), true, true, true},
    {"exat", SET_EXAT, SET_KEEP_TTL | SET_PERSIST | (SET_EXPIRY & ~SET_EXAT), true, true, true},
    {"pxat", SET_PXAT, SET_KEEP_TTL | SET_PERSIST | (SET_EXPIRY & ~SET_PXAT), true, true, true},
};

static const struct set_option *find_option(const struct exec *x, uint32_t n, bool is_set)
{
    for (size_t i = 0; i < ARRAY_COUNT(set_options); i++)
        if ((is_set ? set_options[i].of_set : set_options[i].of_getex) &&
            arg_is(x, n, set_options[i].word))
            return &set_options[i];
    return NULL;
}

/* Options from argument n on; *value is the position of the expiry's number. */
static bool parse_options(struct exec *x, uint32_t n, bool is_set, uint32_t *flags, uint32_t *value)
{
    *flags = 0;
    *value = 0;
    for (; n < x->arg_count; n++) {
        const struct set_option *option = find_option(x, n, is_set);
        if (option == NULL || (*flags & option->excludes) ||
            (option->has_value && n + 1 == x->arg_count)) {
            reply_syntax_error(x);
            return false;
        }
        *flags |= option->flag;
        if (option->has_value)
            *value = ++n;
    }
    return true;
}

static bool options_deadline(struct exec *x, uint32_t flags, uint32_t value, uint64_t *deadline_ms)
{
    *deadline_ms = 0;
    if (!(flags & SET_EXPIRY))
        return true;
    return arg_deadline(x, value, flags & (SET_EX | SET_EXAT), flags & (SET_EX | SET_PX),
                        deadline_ms);
}

/* --- GET and its kin -------------------------------------------------------------------------- */

bool string_reply_value(struct exec *x, uint32_t n)
{
    struct object o;
    if (!open_key(x, n, TYPE_STRING, &o))
        return false;
    if (o.type == TYPE_NONE)
        reply_null(x);
    else if (reply_is_wanted(x))
        reply_bulk(x, object_string(&o));
    object_close(&o);
    return true;
}

/* GET key */
static void get(struct exec *x)
{
    string_reply_value(x, 1);
}

/* GETDEL key */
static void getdel(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 1, TYPE_STRING, &o))
        return;
    if (reply_is_wanted(x))
        reply_bulk(x, object_string(&o));
    delete_key(x, &o);
    object_close(&o);
}

/* GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] */
static void getex(struct exec *x)
{
    uint32_t flags, value;
    if (!parse_options(x, 2, false, &flags, &value))
        return;
    struct object o;
    if (!open_key_or_null(x, 1, TYPE_STRING, &o))
        return;
    uint64_t deadline;
    if (!options_deadline(x, flags, value, &deadline)) {
        object_close(&o);
        return;
    }
    if (reply_is_wanted(x))
        reply_bulk(x, object_string(&o));
    if ((flags & (SET_EXAT | SET_PXAT)) && deadline <= keyspace_now(x->keyspace)) {
        delete_key(x, &o);
    } else if (flags & SET_EXPIRY) {
        object_set_deadline(&o, deadline);
        changed(x, &o, EVENT_GENERIC, "expire");
    } else if ((flags & SET_PERSIST) && o.deadline != 0) {
        object_set_deadline(&o, 0);
        changed(x, &o, EVENT_GENERIC, "persist");
    }
    object_close(&o);
}

/* MGET key ...; null for what is no string */
static void mget(struct exec *x)
{
    reply_array(x, x->arg_count - 1);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        struct object o;
        object_open(x->keyspace, x->db, x->args[i], &o);
        if (o.type == TYPE_STRING)
            reply_bulk(x, object_string(&o));
        else
            reply_null(x);
        object_close(&o);
    }
}

/* STRLEN key */
static void run_strlen(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    reply_int64(x, o.type == TYPE_NONE ? 0 : (int64_t)object_string_size(&o));
    object_close(&o);
}

/* start and end, negative ones counted from the end of size bytes, as offset and count. False: the
 * range is empty. */
static bool range_of(int64_t start, int64_t end, size_t size, size_t *offset, size_t *count)
{
    const int64_t length = (int64_t)size;
    if (start < 0 && end < 0 && start > end)
        return false;
    start = MAX(start < 0 ? start + length : start, 0);
    end = MAX(end < 0 ? end + length : end, 0);
    end = MIN(end, length - 1);
    if (length == 0 || start > end)
        return false;
    *offset = (size_t)start;
    *count = (size_t)(end - start + 1);
    return true;
}

/* GETRANGE key start end */
static void getrange(struct exec *x)
{
    int64_t start, end;
    struct object o;
    if (!arg_int64(x, 2, &start) || !arg_int64(x, 3, &end) || !open_key(x, 1, TYPE_STRING, &o))
        return;
    size_t offset, count;
    if (o.type != TYPE_NONE && range_of(start, end, object_string_size(&o), &offset, &count))
        reply_bulk(x, object_string_range(&o, offset, count));
    else
        reply_bulk(x, BYTES_NONE);
    object_close(&o);
}

/* --- SET and its kin -------------------------------------------------------------------------- */

/* Key args[n] becomes the string value, whatever it was; its deadline goes unless keep_ttl. */
static void set_key(struct exec *x, struct object *o, struct bytes value, bool keep_ttl,
                    uint64_t deadline)
{
    const uint64_t kept = keep_ttl ? o->deadline : 0;
    const bool overwrites = o->type != TYPE_NONE;
    if (overwrites && o->type != TYPE_STRING)
        object_delete(o);
    if (o->type == TYPE_NONE)
        object_create(o, TYPE_STRING, ENCODING_RAW);
    object_set_string(o, value);
    object_set_deadline(o, deadline != 0 ? deadline : kept);
    object_save(o);
    if (!overwrites)
        key_event(x, EVENT_NEW, "new", x->db, o->name);
    key_event(x, EVENT_STRING, "set", x->db, o->name);
    if (deadline != 0)
        key_event(x, EVENT_GENERIC, "expire", x->db, o->name);
}

/* SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] */
static void set(struct exec *x)
{
    uint32_t flags, value;
    uint64_t deadline;
    struct object o;
    if (!parse_options(x, 3, true, &flags, &value) ||
        !options_deadline(x, flags, value, &deadline) ||
        !open_key(x, 1, flags & SET_GET ? TYPE_STRING : TYPE_NONE, &o))
        return;

    const bool exists = o.type != TYPE_NONE;
    const bool refused = exists ? flags & SET_NX : flags & SET_XX;
    if (flags & SET_GET) {
        if (!exists)
            reply_null(x);
        else if (reply_is_wanted(x))
            reply_bulk(x, object_string(&o));
    } else if (refused) {
        reply_null(x);
    }
    if (!refused) {
        set_key(x, &o, x->args[2], flags & SET_KEEP_TTL, deadline);
        if (!(flags & SET_GET))
            reply_ok(x);
    }
    object_close(&o);
}

/* SETNX key value */
static void setnx(struct exec *x)
{
    struct object o;
    open_key(x, 1, TYPE_NONE, &o);
    const bool absent = o.type == TYPE_NONE;
    if (absent)
        set_key(x, &o, x->args[2], false, 0);
    object_close(&o);
    reply_int64(x, absent);
}

static void set_with_expiry(struct exec *x, bool seconds)
{
    uint64_t deadline;
    if (!arg_deadline(x, 2, seconds, true, &deadline))
        return;
    struct object o;
    open_key(x, 1, TYPE_NONE, &o);
    set_key(x, &o, x->args[3], false, deadline);
    object_close(&o);
    reply_ok(x);
}

/* SETEX key seconds value */
static void setex(struct exec *x)
{
    set_with_expiry(x, true);
}

/* PSETEX key milliseconds value */
static void psetex(struct exec *x)
{
    set_with_expiry(x, false);
}

/* GETSET key value */
static void getset(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    if (o.type == TYPE_NONE)
        reply_null(x);
    else if (reply_is_wanted(x))
        reply_bulk(x, object_string(&o));
    set_key(x, &o, x->args[2], false, 0);
    object_close(&o);
}

static void set_pairs(struct exec *x)
{
    for (uint32_t i = 1; i < x->arg_count; i += 2) {
        struct object o;
        open_key(x, i, TYPE_NONE, &o);
        set_key(x, &o, x->args[i + 1], false, 0);
        object_close(&o);
    }
}

/* MSET key value ... */
static void mset(struct exec *x)
{
    if (x->arg_count % 2 == 0) {
        reply_wrong_arity(x);
        return;
    }
    set_pairs(x);
    reply_ok(x);
}

/* MSETNX key value ... -> 1, or 0 if any of the keys exists */
static void msetnx(struct exec *x)
{
    if (x->arg_count % 2 == 0) {
        reply_wrong_arity(x);
        return;
    }
    for (uint32_t i = 1; i < x->arg_count; i += 2) {
        struct object o;
        const bool exists = object_open(x->keyspace, x->db, x->args[i], &o);
        object_close(&o);
        if (exists) {
            reply_int64(x, 0);
            return;
        }
    }
    set_pairs(x);
    reply_int64(x, 1);
}

/* APPEND key value -> the new length */
static void append(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    size_t size = x->args[2].size;
    if (o.type == TYPE_NONE) {
        object_create(&o, TYPE_STRING, ENCODING_RAW);
        object_set_string(&o, x->args[2]);
        changed(x, &o, EVENT_STRING, "append");
        reply_int64(x, (int64_t)size);
    } else if (string_may_grow(x, object_string_size(&o), size)) {
        size += object_string_size(&o);
        object_write_string(&o, object_string_size(&o), x->args[2]);
        o.encoding = ENCODING_RAW; /* also if nothing was appended */
        o.dirty = true;
        changed(x, &o, EVENT_STRING, "append");
        reply_int64(x, (int64_t)size);
    }
    object_close(&o);
}

/* SETRANGE key offset value -> the new length */
static void setrange(struct exec *x)
{
    int64_t offset;
    struct object o;
    if (!arg_int64(x, 2, &offset))
        return;
    if (offset < 0) {
        reply_error(x, "ERR offset is out of range");
        return;
    }
    if (!open_key(x, 1, TYPE_STRING, &o))
        return;
    const struct bytes value = x->args[3];
    const bool exists = o.type != TYPE_NONE;
    if (value.size == 0) {
        reply_int64(x, exists ? (int64_t)object_string_size(&o) : 0);
    } else if (string_may_grow(x, (size_t)offset, value.size)) {
        if (!exists)
            object_create(&o, TYPE_STRING, ENCODING_RAW);
        object_write_string(&o, (size_t)offset, value);
        changed(x, &o, EVENT_STRING, "setrange");
        reply_int64(x, (int64_t)object_string_size(&o));
    }
    object_close(&o);
}

const struct command string_commands[] = {
    {.name = "append", .run = append, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_STRING, .group = "string", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Appends to a string, which is created when absent."},
    {.name = "get", .run = get, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "The value of a string."},
    {.name = "getdel", .run = getdel, .arity = 2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_STRING, .group = "string", .since = "6.2.0", .complexity = "O(1)",
     .summary = "The value of a string, which is deleted."},
    {.name = "getex", .run = getex, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE,
         .note = "RW and UPDATE because it changes the TTL")},
     .acl = ACL_STRING, .group = "string", .since = "6.2.0", .complexity = "O(1)",
     .summary = "The value of a string, whose expiry is set or taken off."},
    {.name = "getrange", .run = getrange, .arity = 4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STRING, .group = "string", .since = "2.4.0", .complexity = "O(N)",
     .summary = "A part of a string."},
    {.name = "getset", .run = getset, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a string and gives its former value.",
     .deprecated_since = "6.2.0", .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "mget", .run = mget, .arity = -2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(N)",
     .summary = "The values of several strings.", .tips = "request_policy:multi_shard"},
    {.name = "mset", .run = mset, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY_RANGE(1, -1, 2, KEY_OW | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.1", .complexity = "O(N)",
     .summary = "Sets several strings at once.",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {.name = "msetnx", .run = msetnx, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY_RANGE(1, -1, 2, KEY_OW | KEY_INSERT)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.1", .complexity = "O(N)",
     .summary = "Sets several strings, provided that none of the keys exists.",
     .tips = "request_policy:multi_shard response_policy:agg_min"},
    {.name = "psetex", .run = psetex, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Sets a string that expires, in milliseconds."},
    {.name = "set", .run = set, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE,
         .note = "RW and ACCESS due to the optional `GET` argument")},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a string, with options for expiry and conditions."},
    {.name = "setex", .run = setex, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets a string that expires, in seconds."},
    {.name = "setnx", .run = setnx, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_OW | KEY_INSERT)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a string if the key does not exist."},
    {.name = "setrange", .run = setrange, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_STRING, .group = "string", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Overwrites a string from an offset on."},
    {.name = "strlen", .run = run_strlen, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_STRING, .group = "string", .since = "2.2.0", .complexity = "O(1)",
     .summary = "The length of a string."},
    {.name = "substr", .run = getrange, .arity = 4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STRING, .group = "string", .since = "1.0.0", .complexity = "O(N)",
     .summary = "A part of a string; the old name of GETRANGE.",
     .deprecated_since = "2.0.0", .replaced_by = "`GETRANGE`"},
    {.name = NULL},
};
