/* expire.c -- deadlines of keys: setting, reading, taking off. */

#include "command/args.h"
#include "command/table.h"

enum expire_flags { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

static bool parse_conditions(struct exec *x, uint32_t *flags)
{
    *flags = 0;
    for (uint32_t i = 3; i < x->arg_count; i++) {
        if (arg_is(x, i, "nx")) {
            *flags |= EXPIRE_NX;
        } else if (arg_is(x, i, "xx")) {
            *flags |= EXPIRE_XX;
        } else if (arg_is(x, i, "gt")) {
            *flags |= EXPIRE_GT;
        } else if (arg_is(x, i, "lt")) {
            *flags |= EXPIRE_LT;
        } else {
            reply_errorf(x, "ERR Unsupported option %s", arena_string(x->arena, x->args[i]));
            return false;
        }
    }
    if ((*flags & EXPIRE_NX) && (*flags & ~(uint32_t)EXPIRE_NX)) {
        reply_error(x, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & EXPIRE_GT) && (*flags & EXPIRE_LT)) {
        reply_error(x, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A time may lie in the past here, unlike with SET: then the key goes. */
static bool parse_when(struct exec *x, bool seconds, bool relative, int64_t *when)
{
    if (!arg_int64(x, 2, when))
        return false;
    const int64_t now = relative ? (int64_t)keyspace_now(x->keyspace) : 0;
    if ((seconds && __builtin_mul_overflow(*when, 1000, when)) ||
        __builtin_add_overflow(*when, now, when)) {
        reply_errorf(x, "ERR invalid expire time in '%s' command", x->command->name);
        return false;
    }
    return true;
}

/* A key without deadline counts as one that lives for ever. */
static bool conditions_hold(uint32_t flags, const struct object *o, int64_t when)
{
    const bool has = o->deadline != 0;
    if ((flags & EXPIRE_NX) && has)
        return false;
    if ((flags & EXPIRE_XX) && !has)
        return false;
    if ((flags & EXPIRE_GT) && (!has || when <= (int64_t)o->deadline))
        return false;
    if ((flags & EXPIRE_LT) && has && when >= (int64_t)o->deadline)
        return false;
    return true;
}

static void set_deadline(struct exec *x, bool seconds, bool relative)
{
    uint32_t flags;
    int64_t when;
    struct object o;
    if (!parse_conditions(x, &flags) || !parse_when(x, seconds, relative, &when) ||
        !open_key(x, 1, TYPE_NONE, &o))
        return;
    const bool done = o.type != TYPE_NONE && conditions_hold(flags, &o, when);
    if (done && when <= (int64_t)keyspace_now(x->keyspace)) {
        delete_key(x, &o);
    } else if (done) {
        object_set_deadline(&o, (uint64_t)when);
        changed(x, &o, EVENT_GENERIC, "expire");
    }
    object_close(&o);
    reply_int64(x, done);
}

/* EXPIRE key seconds [NX | XX | GT | LT] */
static void expire(struct exec *x)
{
    set_deadline(x, true, true);
}

/* PEXPIRE key milliseconds [NX | XX | GT | LT] */
static void pexpire(struct exec *x)
{
    set_deadline(x, false, true);
}

/* EXPIREAT key seconds-since-1970 [NX | XX | GT | LT] */
static void expireat(struct exec *x)
{
    set_deadline(x, true, false);
}

/* PEXPIREAT key milliseconds-since-1970 [NX | XX | GT | LT] */
static void pexpireat(struct exec *x)
{
    set_deadline(x, false, false);
}

/* -2: no key, -1: no deadline */
static void reply_deadline(struct exec *x, bool seconds, bool relative)
{
    struct object o;
    if (!open_key(x, 1, TYPE_NONE, &o))
        return;
    int64_t answer = o.type == TYPE_NONE ? -2 : -1;
    if (o.type != TYPE_NONE && o.deadline != 0) {
        const uint64_t now = keyspace_now(x->keyspace);
        uint64_t ms = o.deadline;
        if (relative)
            ms = ms > now ? ms - now : 0;
        answer = (int64_t)(seconds ? (ms + 500) / 1000 : ms);
    }
    object_close(&o);
    reply_int64(x, answer);
}

/* TTL key */
static void ttl(struct exec *x)
{
    reply_deadline(x, true, true);
}

/* PTTL key */
static void pttl(struct exec *x)
{
    reply_deadline(x, false, true);
}

/* EXPIRETIME key */
static void expiretime(struct exec *x)
{
    reply_deadline(x, true, false);
}

/* PEXPIRETIME key */
static void pexpiretime(struct exec *x)
{
    reply_deadline(x, false, false);
}

/* PERSIST key -> 1 if it had a deadline */
static void persist(struct exec *x)
{
    struct object o;
    if (!open_key(x, 1, TYPE_NONE, &o))
        return;
    const bool had = o.type != TYPE_NONE && o.deadline != 0;
    if (had) {
        object_set_deadline(&o, 0);
        changed(x, &o, EVENT_GENERIC, "persist");
    }
    object_close(&o);
    reply_int64(x, had);
}

const struct command expire_commands[] = {
    {.name = "expire", .run = expire, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a key's time to live in seconds."},
    {.name = "expireat", .run = expireat, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.2.0", .complexity = "O(1)",
     .summary = "Sets the second at which a key expires."},
    {.name = "expiretime", .run = expiretime, .arity = 2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "7.0.0", .complexity = "O(1)",
     .summary = "The second at which a key expires."},
    {.name = "persist", .run = persist, .arity = 2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Takes a key's expiry off."},
    {.name = "pexpire", .run = pexpire, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Sets a key's time to live in milliseconds."},
    {.name = "pexpireat", .run = pexpireat, .arity = -3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Sets the millisecond at which a key expires."},
    {.name = "pexpiretime", .run = pexpiretime, .arity = 2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "7.0.0", .complexity = "O(1)",
     .summary = "The millisecond at which a key expires."},
    {.name = "pttl", .run = pttl, .arity = 2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.6.0", .complexity = "O(1)",
     .summary = "A key's time to live in milliseconds.", .tips = "nondeterministic_output"},
    {.name = "ttl", .run = ttl, .arity = 2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "A key's time to live in seconds.", .tips = "nondeterministic_output"},
    {.name = NULL},
};
