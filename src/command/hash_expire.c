/* hash_expire.c -- fields that expire: the commands of Redis 7.4 and 8.0, with its words.
 *
 * Opening a hash deletes what is due, or hides it from a reader (object.h), so that nothing here
 * ever meets a field that is past its deadline. */

#include "command/hash.h"
#include "command/table.h"

#define DEADLINE_MAX ((int64_t)1 << 46) /* ms; Redis's own bound, and below it */

/* Of each field. */
enum outcome { NO_FIELD = -2, NO_DEADLINE = -1, NOT_MET = 0, DONE = 1, DELETED = 2 };

/* --- arguments -------------------------------------------------------------------------------- */

static bool arg_field_deadline(struct exec *x, uint32_t n, bool seconds, bool relative,
                               int64_t *when)
{
    const int64_t now = relative ? (int64_t)keyspace_now(x->keyspace) : 0;
    if (!arg_int64(x, n, when))
        return false;
    if (*when < 0) {
        reply_error(x, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (*when <= DEADLINE_MAX / (seconds ? 1000 : 1)) {
        *when = *when * (seconds ? 1000 : 1) + now;
        if (*when < DEADLINE_MAX)
            return true;
    }
    reply_errorf(x, "ERR invalid expire time in '%s' command", x->command->name);
    return false;
}

/* FIELDS at n, the number of fields, the fields: all that is left. Then *first is the first. */
static bool arg_fields(struct exec *x, uint32_t n, const char *error, uint32_t *first)
{
    static const int64_t range[] = {1, INT64_MAX};
    int64_t count;
    if (!arg_is(x, n, "fields")) {
        reply_error(x, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    *first = n + 2;
    if (n + 1 < x->arg_count && !arg_int64_range(x, n + 1, range, &count, error))
        return false;
    if (n + 1 < x->arg_count && count == (int64_t)x->arg_count - *first)
        return true;
    reply_error(x, "ERR The `numfields` parameter must match the number of arguments");
    return false;
}

#define NOT_POSITIVE "ERR Number of fields must be a positive integer"

static bool has_field(struct object *hash, struct bytes field)
{
    struct bytes value;
    return hash->type != TYPE_NONE && object_get(hash, SPACE_FIELD, field, &value);
}

/* A deadline that has come already is as good as HDEL. */
static enum outcome set_deadline(struct exec *x, struct object *hash, struct bytes field,
                                 int64_t when)
{
    if (when <= (int64_t)keyspace_now(x->keyspace)) {
        object_del(hash, SPACE_FIELD, field);
        return DELETED;
    }
    object_set_field_deadline(hash, field, (uint64_t)when);
    return DONE;
}

/* --- HEXPIRE and its kin ---------------------------------------------------------------------- */

enum condition { ALWAYS, IF_NONE, IF_ANY, IF_LATER, IF_EARLIER };

static enum condition parse_condition(const struct exec *x, uint32_t n)
{
    static const char *const words[] = {
        [IF_NONE] = "nx", [IF_ANY] = "xx", [IF_LATER] = "gt", [IF_EARLIER] = "lt"};
    for (size_t i = IF_NONE; i < ARRAY_COUNT(words); i++)
        if (arg_is(x, n, words[i]))
            return (enum condition)i;
    return ALWAYS;
}

/* A field without deadline counts as one that lives for ever. */
static bool condition_holds(enum condition condition, int64_t old, int64_t when)
{
    switch (condition) {
    case IF_NONE: return old == 0;
    case IF_ANY: return old != 0;
    case IF_LATER: return old != 0 && when > old;
    case IF_EARLIER: return old == 0 || when < old;
    case ALWAYS: break;
    }
    return true;
}

static void expire_fields(struct exec *x, bool seconds, bool relative)
{
    struct object hash;
    int64_t when;
    uint32_t first;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    const enum condition condition = parse_condition(x, 3);
    if (!arg_field_deadline(x, 2, seconds, relative, &when) ||
        !arg_fields(x, condition == ALWAYS ? 3 : 4,
                    "ERR Parameter `numFields` should be greater than 0", &first)) {
        object_close(&hash);
        return;
    }
    uint32_t set = 0, deleted = 0;
    reply_array(x, x->arg_count - first);
    for (uint32_t i = first; i < x->arg_count; i++) {
        const struct bytes field = x->args[i];
        enum outcome outcome = NO_FIELD;
        if (has_field(&hash, field)) {
            const int64_t old = (int64_t)object_field_deadline(&hash, field);
            outcome = condition_holds(condition, old, when) ? set_deadline(x, &hash, field, when)
                                                            : NOT_MET;
        }
        set += outcome == DONE;
        deleted += outcome == DELETED;
        reply_int64(x, outcome);
    }
    if (set + deleted > 0)
        changed(x, &hash, EVENT_HASH, deleted > 0 ? "hdel" : "hexpire");
    object_close(&hash);
}

/* HEXPIRE key seconds [NX | XX | GT | LT] FIELDS count field ... */
static void hexpire(struct exec *x)
{
    expire_fields(x, true, true);
}

static void hpexpire(struct exec *x)
{
    expire_fields(x, false, true);
}

static void hexpireat(struct exec *x)
{
    expire_fields(x, true, false);
}

static void hpexpireat(struct exec *x)
{
    expire_fields(x, false, false);
}

/* key FIELDS count field ...: the hash, and where the fields begin. */
static bool open_fields(struct exec *x, struct object *hash, uint32_t *first)
{
    if (!open_key(x, 1, TYPE_HASH, hash))
        return false;
    if (arg_fields(x, 2, NOT_POSITIVE, first))
        return true;
    object_close(hash);
    return false;
}

/* HPERSIST key FIELDS count field ... */
static void hpersist(struct exec *x)
{
    struct object hash;
    uint32_t first;
    bool has_changed = false;
    if (!open_fields(x, &hash, &first))
        return;
    reply_array(x, x->arg_count - first);
    for (uint32_t i = first; i < x->arg_count; i++) {
        enum outcome outcome = NO_FIELD;
        if (has_field(&hash, x->args[i]))
            outcome = object_field_deadline(&hash, x->args[i]) == 0 ? NO_DEADLINE : DONE;
        if (outcome == DONE)
            object_set_field_deadline(&hash, x->args[i], 0);
        has_changed = has_changed || outcome == DONE;
        reply_int64(x, outcome);
    }
    if (has_changed)
        changed(x, &hash, EVENT_HASH, "hpersist");
    object_close(&hash);
}

/* --- HTTL and its kin ------------------------------------------------------------------------- */

static void reply_deadlines(struct exec *x, bool seconds, bool relative)
{
    struct object hash;
    uint32_t first;
    if (!open_fields(x, &hash, &first))
        return;
    const int64_t now = relative ? (int64_t)keyspace_now(x->keyspace) : 0;
    reply_array(x, x->arg_count - first);
    for (uint32_t i = first; i < x->arg_count; i++) {
        const bool is_there = has_field(&hash, x->args[i]);
        const int64_t deadline = is_there ? (int64_t)object_field_deadline(&hash, x->args[i]) : 0;
        if (deadline == 0)
            reply_int64(x, is_there ? NO_DEADLINE : NO_FIELD);
        else
            reply_int64(x, seconds ? (deadline - now + 999) / 1000 : deadline - now);
    }
    object_close(&hash);
}

/* HTTL key FIELDS count field ... */
static void httl(struct exec *x)
{
    reply_deadlines(x, true, true);
}

static void hpttl(struct exec *x)
{
    reply_deadlines(x, false, true);
}

static void hexpiretime(struct exec *x)
{
    reply_deadlines(x, true, false);
}

static void hpexpiretime(struct exec *x)
{
    reply_deadlines(x, false, false);
}

/* --- HGETDEL, HGETEX, HSETEX ------------------------------------------------------------------ */

/* HGETDEL key FIELDS count field ... -> the values, or nulls */
static void hgetdel(struct exec *x)
{
    struct object hash;
    uint32_t first, deleted = 0;
    if (!open_fields(x, &hash, &first))
        return;
    reply_array(x, x->arg_count - first);
    for (uint32_t i = first; i < x->arg_count; i++) {
        const bool is_there = has_field(&hash, x->args[i]);
        hash_reply_field(x, &hash, x->args[i]);
        deleted += is_there && object_del(&hash, SPACE_FIELD, x->args[i]);
    }
    if (deleted > 0)
        changed(x, &hash, EVENT_HASH, "hdel");
    object_close(&hash);
}

/* What HGETEX and HSETEX may do with deadlines. */
struct expiry {
    enum { LEAVE, PERSIST, KEEP, SET } what;
    int64_t when;
};

/* EX seconds and the like at n. Returns how many words it has: 0, there is none; false: replied. */
static bool parse_expiry(struct exec *x, uint32_t n, struct expiry *e, uint32_t *words)
{
    static const struct {
        const char *word;
        bool seconds, relative;
    } options[] = {
        {"ex", true, true}, {"px", false, true}, {"exat", true, false}, {"pxat", false, false}};
    *words = 0;
    for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
        if (!arg_is(x, n, options[i].word))
            continue;
        if (n + 1 >= x->arg_count) {
            reply_error(x, "ERR missing expire time");
            return false;
        }
        e->what = SET;
        *words = 2;
        return arg_field_deadline(x, n + 1, options[i].seconds, options[i].relative, &e->when);
    }
    return true;
}

static enum outcome change_deadline(struct exec *x, struct object *hash, struct bytes field,
                                    const struct expiry *e)
{
    if (e->what == SET)
        return set_deadline(x, hash, field, e->when);
    if (e->what != PERSIST || object_field_deadline(hash, field) == 0)
        return NOT_MET;
    object_set_field_deadline(hash, field, 0);
    return DONE;
}

/* HGETEX key [EX seconds | PX ms | EXAT seconds | PXAT ms | PERSIST] FIELDS count field ... */
static void hgetex(struct exec *x)
{
    struct object hash;
    struct expiry e = {LEAVE, 0};
    uint32_t first, words;
    if (!open_key(x, 1, TYPE_HASH, &hash))
        return;
    bool has_sense = parse_expiry(x, 2, &e, &words);
    if (has_sense && arg_is(x, 2, "persist")) {
        e.what = PERSIST;
        words = 1;
    }
    has_sense = has_sense && arg_fields(x, 2 + words, NOT_POSITIVE, &first);
    if (!has_sense) {
        object_close(&hash);
        return;
    }
    uint32_t set = 0, deleted = 0;
    reply_array(x, x->arg_count - first);
    for (uint32_t i = first; i < x->arg_count; i++) {
        const bool is_there = has_field(&hash, x->args[i]);
        hash_reply_field(x, &hash, x->args[i]);
        const enum outcome outcome =
            is_there ? change_deadline(x, &hash, x->args[i], &e) : NO_FIELD;
        set += outcome == DONE;
        deleted += outcome == DELETED;
    }
    if (set + deleted > 0)
        changed(x, &hash, EVENT_HASH,
                deleted > 0 ? "hdel" : e.what == PERSIST ? "hpersist" : "hexpire");
    object_close(&hash);
}

struct hsetex {
    bool if_none, if_all;
    struct expiry expiry;
    uint32_t first; /* field; its value follows, then the next */
};

static bool parse_pairs(struct exec *x, uint32_t n, struct hsetex *h)
{
    static const int64_t range[] = {1, INT32_MAX};
    int64_t count;
    h->first = n + 2;
    if (n + 3 >= x->arg_count) {
        reply_wrong_arity(x);
        return false;
    }
    if (!arg_int64_range(x, n + 1, range, &count, "ERR invalid number of fields"))
        return false;
    if ((int64_t)x->arg_count - h->first == 2 * count)
        return true;
    reply_wrong_arity(x);
    return false;
}

/* FNX, FXX, KEEPTTL and expiries in any order, each kind once; FIELDS is the last. */
static bool parse_hsetex(struct exec *x, struct hsetex *h)
{
    for (uint32_t n = 2; n < x->arg_count;) {
        struct expiry e = {LEAVE, 0};
        uint32_t words = 1;
        if (arg_is(x, n, "fields"))
            return parse_pairs(x, n, h);
        if (arg_is(x, n, "fnx") || arg_is(x, n, "fxx")) {
            if (h->if_none || h->if_all) {
                reply_error(x, "ERR Only one of FXX or FNX arguments can be specified");
                return false;
            }
            h->if_none = arg_is(x, n, "fnx");
            h->if_all = !h->if_none;
            n++;
            continue;
        }
        if (arg_is(x, n, "keepttl"))
            e.what = KEEP;
        else if (!parse_expiry(x, n, &e, &words))
            return false;
        if (e.what == LEAVE) {
            reply_errorf(x, "ERR unknown argument: %s", arena_string(x->arena, x->args[n]));
            return false;
        }
        if (h->expiry.what != LEAVE) {
            reply_error(x, "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be "
                           "specified");
            return false;
        }
        h->expiry = e;
        n += words;
    }
    reply_wrong_arity(x);
    return false;
}

static bool may_set(const struct exec *x, const struct hsetex *h, struct object *hash)
{
    for (uint32_t i = h->first; i < x->arg_count && (h->if_none || h->if_all); i += 2)
        if (has_field(hash, x->args[i]) == h->if_none)
            return false;
    return true;
}

/* The fields are there by now. */
static void expire_pairs(struct exec *x, const struct hsetex *h, struct object *hash)
{
    bool deleted = false;
    for (uint32_t i = h->first; i < x->arg_count; i += 2)
        if (set_deadline(x, hash, x->args[i], h->expiry.when) == DELETED)
            deleted = true;
    changed(x, hash, EVENT_HASH, deleted ? "hdel" : "hexpire");
}

/* HSETEX key [FNX | FXX] [EX seconds | PX ms | EXAT seconds | PXAT ms | KEEPTTL]
 *     FIELDS count field value ... -> 1 if set */
static void hsetex(struct exec *x)
{
    struct hsetex h = {.if_none = false};
    struct object hash;
    if (!parse_hsetex(x, &h) || !hash_open_write(x, &hash))
        return;
    const bool sets = may_set(x, &h, &hash);
    if (sets) {
        for (uint32_t i = h.first; i < x->arg_count; i += 2) {
            hash_put(x, &hash, x->args[i], x->args[i + 1]);
            if (h.expiry.what == LEAVE)
                object_set_field_deadline(&hash, x->args[i], 0);
        }
        changed(x, &hash, EVENT_HASH, "hset");
        if (h.expiry.what == SET)
            expire_pairs(x, &h, &hash);
    }
    object_close(&hash);
    reply_int64(x, sets);
}

/* Not in Redis 7.0's table, and so not in tests/unit/command/info.txt. */
const struct command hash_expire_commands[] = {
    {.name = "hexpire", .run = hexpire, .arity = -6, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "Lets fields expire in some seconds."},
    {.name = "hexpireat", .run = hexpireat, .arity = -6,
     .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "Sets the second at which fields expire."},
    {.name = "hexpiretime", .run = hexpiretime, .arity = -5, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "The second at which fields expire."},
    {.name = "hgetdel", .run = hgetdel, .arity = -5, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_HASH, .group = "hash", .since = "8.0.0", .complexity = "O(N)",
     .summary = "The values of fields, which are deleted."},
    {.name = "hgetex", .run = hgetex, .arity = -5, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "8.0.0", .complexity = "O(N)",
     .summary = "The values of fields; may change when they expire."},
    {.name = "hpersist", .run = hpersist, .arity = -5, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "Fields expire no longer."},
    {.name = "hpexpire", .run = hpexpire, .arity = -6, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "Lets fields expire in some milliseconds."},
    {.name = "hpexpireat", .run = hpexpireat, .arity = -6,
     .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "Sets the millisecond at which fields expire."},
    {.name = "hpexpiretime", .run = hpexpiretime, .arity = -5, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "The millisecond at which fields expire."},
    {.name = "hpttl", .run = hpttl, .arity = -5, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "How many milliseconds fields have left."},
    {.name = "hsetex", .run = hsetex, .arity = -6, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_HASH, .group = "hash", .since = "8.0.0", .complexity = "O(N)",
     .summary = "Sets fields, and when they expire."},
    {.name = "httl", .run = httl, .arity = -5, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HASH, .group = "hash", .since = "7.4.0", .complexity = "O(N)",
     .summary = "How many seconds fields have left."},
    {.name = NULL},
};
