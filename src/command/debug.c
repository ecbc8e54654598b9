/* debug.c -- DEBUG: what concerns data is here, digests of the data set above all. The rest is the
 * host's.
 *
 * A digest is 160 bits in hexadecimal digits, zero for nothing, and does not depend on the order in
 * which keys were written, on forms of storage or on cursors: the exclusive or of a digest per key,
 * in which unordered collections enter as the exclusive or of their elements. As Redis's, it is of
 * use for comparing; the numbers are others. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "base/siphash.h"
#include "command/args.h"
#include "command/glob.h"
#include "command/rdb.h"
#include "command/settings.h"
#include "command/stream_group.h"
#include "command/table.h"
#include "keyspace/expire.h"

#define DIGEST_SIZE 20

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

static void digest_xor(struct digest *d, const struct digest *other)
{
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        d->bytes[i] ^= other->bytes[i];
}

/* The digest of bytes: three keyed hashes beside each other. */
static struct digest digest_of(struct bytes b)
{
    struct digest d;
    uint8_t key[SIPHASH_KEY_SIZE] = "AvowDB digest  ";
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t hash[8];
        key[SIPHASH_KEY_SIZE - 1] = i;
        put_be64(hash, siphash(key, b));
        memcpy(d.bytes + i * sizeof(hash), hash, MIN(sizeof(hash), DIGEST_SIZE - i * sizeof(hash)));
    }
    return d;
}

/* Pieces with their sizes, so that ("ab", "c") is not ("a", "bc"). */
static void add_piece(struct buf *b, struct bytes piece)
{
    buf_append_be64(b, piece.size);
    buf_append_bytes(b, piece);
}

/* The elements of a space; in a list the order counts, not the position that an element has. */
static struct digest digest_space(struct object *o, uint8_t space, bool ordered)
{
    struct digest all = {{0}};
    struct object_cursor cursor;
    struct bytes subkey, value;
    struct buf element = {0};
    uint64_t ordinal = 0;
    object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &subkey, &value)) {
        buf_reset(&element);
        buf_append_u8(&element, space);
        if (ordered)
            buf_append_be64(&element, ordinal++);
        else
            add_piece(&element, subkey);
        add_piece(&element, value);
        const struct digest one = digest_of(buf_bytes(&element));
        digest_xor(&all, &one);
    }
    object_cursor_close(&cursor);
    buf_clear(&element);
    return all;
}

static void add_fact(void *context, struct bytes fact)
{
    const struct digest one = digest_of(fact);
    digest_xor(context, &one);
}

static struct digest digest_stream(struct object *o)
{
    struct digest all = digest_space(o, SPACE_ENTRY, false);
    stream_portray(o, add_fact, &all);
    return all;
}

static struct digest digest_value(struct object *o)
{
    switch (o->type) {
    case TYPE_STRING:
        return digest_of(object_string(o));
    case TYPE_HASH:
        return digest_space(o, SPACE_FIELD, false);
    case TYPE_SET:
    case TYPE_ZSET:
        return digest_space(o, SPACE_MEMBER, false);
    case TYPE_LIST:
        return digest_space(o, SPACE_ELEMENT, true);
    case TYPE_STREAM:
        return digest_stream(o);
    case TYPE_NONE:
        break;
    }
    return (struct digest){{0}};
}

/* Type, value and deadline; with_name: the key's name and database too. */
static struct digest digest_key(struct object *o, uint32_t db, bool with_name)
{
    struct buf b = {0};
    const struct digest value = digest_value(o);
    if (with_name) {
        buf_append_be32(&b, db);
        add_piece(&b, o->name);
    }
    buf_append_u8(&b, (uint8_t)o->type);
    buf_append(&b, value.bytes, sizeof(value.bytes));
    if (with_name)
        buf_append_be64(&b, o->deadline);
    const struct digest d = digest_of(buf_bytes(&b));
    buf_clear(&b);
    return d;
}

static void reply_digest(struct exec *x, const struct digest *d)
{
    char text[2 * DIGEST_SIZE + 1];
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", d->bytes[i]);
    reply_simple(x, text);
}

/* DEBUG DIGEST: of all databases */
static void debug_digest(struct exec *x)
{
    struct digest all = {{0}};
    for (uint32_t db = 0; db < keyspace_database_count(x->keyspace); db++) {
        struct key_cursor cursor;
        struct bytes name;
        uint64_t position;
        enum type type;
        keyspace_walk(x->keyspace, &cursor, db, 0);
        while (key_cursor_next(&cursor, &name, &position, &type)) {
            struct object o;
            if (object_open(x->keyspace, db, name, &o)) {
                const struct digest one = digest_key(&o, db, true);
                digest_xor(&all, &one);
            }
            object_close(&o);
        }
        key_cursor_close(&cursor);
    }
    reply_digest(x, &all);
}

/* DEBUG DIGEST-VALUE key ...: equal values have equal digests, whatever their names */
static void debug_digest_value(struct exec *x)
{
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++) {
        struct digest d = {{0}};
        struct object o;
        if (object_open(x->keyspace, x->db, x->args[i], &o))
            d = digest_key(&o, 0, false);
        object_close(&o);
        reply_digest(x, &d);
    }
}

/* What DUMP would give, without its type and footer. */
static size_t serialized_length(const struct exec *x, struct object *o)
{
    struct buf payload = {0};
    rdb_write(o, x->settings, x->level >= RDB_LEVEL_TIMED, &payload);
    const size_t length = payload.size - 1 - RDB_FOOTER_SIZE;
    buf_clear(&payload);
    return length;
}

/* DEBUG OBJECT key: there is no address, and no clock of LRU. As in Redis a key that is
 * due is there as long as nobody has deleted it. */
static void debug_object(struct exec *x)
{
    struct object o;
    if (!object_open_due(x->keyspace, x->db, x->args[2], &o)) {
        reply_no_such_key(x);
    } else {
        char text[160];
        snprintf(text, sizeof(text),
                 "Value at:0x0 refcount:1 encoding:%s serializedlength:%zu lru:0 "
                 "lru_seconds_idle:%" PRIu64,
                 encoding_name(o.encoding), serialized_length(x, &o), object_use(&o, ACCESS_TIME));
        reply_simple(x, text);
    }
    object_close(&o);
}

/* --- POPULATE --------------------------------------------------------------------------------- */

/* One entry of the log: no more than apply can do without making others wait for long. */
#define POPULATE_COUNT_MAX 1000000
#define POPULATE_BYTES_MAX ((uint64_t)1 << 30)

struct populate {
    struct bytes prefix;
    uint64_t count, size; /* size 0: as long as they are */
};

static bool parse_populate(struct exec *x, struct populate *p)
{
    static const int64_t range[] = {0, INT64_MAX};
    static const char not_positive[] = "ERR value is out of range, must be positive";
    int64_t count, size = 0;
    if (x->arg_count > 5) {
        reply_error(x, "ERR unknown subcommand or wrong number of arguments for 'populate'. Try "
                       "DEBUG HELP.");
        return false;
    }
    if (!arg_int64_range(x, 2, range, &count, not_positive) ||
        (x->arg_count == 5 && !arg_int64_range(x, 4, range, &size, not_positive)))
        return false;
    *p = (struct populate){x->arg_count > 3 ? x->args[3] : BYTES("key"), (uint64_t)count,
                           (uint64_t)size};
    const uint64_t size_max = POPULATE_BYTES_MAX / MAX(p->count, 1);
    if (p->count <= POPULATE_COUNT_MAX && p->size <= size_max)
        return may_write_rows(x, p->count);
    reply_error(x, "ERR DEBUG POPULATE makes up to 1000000 keys and 1 GiB at a time: call it again "
                   "with another prefix");
    return false;
}

/* DEBUG POPULATE count [prefix [size]]: keys prefix:0 ... that are not there yet */
static void debug_populate(struct exec *x)
{
    struct populate p;
    if (!parse_populate(x, &p))
        return;
    struct buf name = {0};
    uint8_t *value = xcalloc(1, MAX((size_t)p.size, 32));
    for (uint64_t i = 0; i < p.count; i++) {
        struct object o;
        char text[32];
        const int written = snprintf(text, sizeof(text), "value:%llu", (unsigned long long)i);
        const size_t size = p.size == 0 ? (size_t)written : (size_t)p.size;
        memcpy(value, text, MIN(size, (size_t)written));
        buf_reset(&name);
        buf_append_bytes(&name, p.prefix);
        buf_printf(&name, ":%llu", (unsigned long long)i);
        if (!object_open(x->keyspace, x->db, buf_bytes(&name), &o)) {
            object_set_string(&o, bytes_of(value, size));
            changed(x, &o, EVENT_STRING, NULL);
        }
        object_close(&o);
    }
    free(value);
    buf_clear(&name);
    reply_ok(x);
}

/* DEBUG LEVEL key: sets it to the feature level at this place of the log -> that level. For tests:
 * older builds do not have it, and its result hangs on what all have agreed upon. */
static void debug_level(struct exec *x)
{
    struct object o;
    char digits[INT64_DIGITS];
    if (!open_key(x, 2, TYPE_STRING, &o))
        return;
    object_set_string(&o, bytes_from_int64((int64_t)x->level, digits));
    changed(x, &o, EVENT_STRING, "set");
    object_close(&o);
    reply_int64(x, (int64_t)x->level);
}

/* --- the rest --------------------------------------------------------------------------------- */

#define MATCHED_MAX ((int64_t)1 << 20)

/* DEBUG STRINGMATCH-LEN length pattern: whether so many Xs match */
static void debug_stringmatch(struct exec *x)
{
    static const int64_t range[] = {0, MATCHED_MAX};
    int64_t length;
    if (!arg_int64_range(x, 2, range, &length, "ERR the length is a number up to 1048576"))
        return;
    char *text = arena_alloc(x->arena, (size_t)length + 1);
    memset(text, 'X', (size_t)length);
    reply_int64(x, glob_match(x->args[3], bytes_of(text, (size_t)length), false));
}

/* DEBUG HTSTATS ...: of Redis's own tables and blocks of memory */
static void debug_not_here(struct exec *x)
{
    reply_errorf(x, "ERR DEBUG %s shows how Redis lays out its memory, which is not how AvowDB "
                    "does it; see INFO memory and MEMORY STATS", x->command->name);
}

/* DEBUG HELP */
static void debug_help(struct exec *x)
{
    static const char *const lines[] = {
        "DIGEST",
        "    A hash of the data set.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    A hash of each key's value.",
        "LEVEL <key>",
        "    Sets the key to the feature level of the cluster.",
        "LOADAOF",
        "    As RELOAD.",
        "LOG <message>",
        "    Writes a message to the log of the node.",
        "OBJECT <key>",
        "    Facts about the object behind a key.",
        "POPULATE <count> [<prefix> [<size>]]",
        "    Makes the string keys <prefix>:0 ... that are not there yet.",
        "PROTOCOL <type>",
        "    A reply of that type: string, integer, double, bignum, null, array, set, map,",
        "    attrib, push, verbatim, true, false.",
        "RELOAD",
        "    Brings all rows of the node to its store and reads them from there again.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Whether keys that are due are deleted by themselves.",
        "SLEEP <seconds>",
        "    Stops the node for so long; decimals allowed.",
        "STRINGMATCH-LEN <length> <pattern>",
        "    Whether a string of so many Xs matches.",
        "CHANGE-REPL-ID, PAUSE-CRON, QUICKLIST-PACKED-THRESHOLD, REPLYBUFFER and other switches",
        "of Redis's insides are accepted without effect.",
        NULL,
    };
    reply_help(x, lines);
}

#define DATA (CMD_READ | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT | CMD_UNLISTED | CMD_NO_TOUCH)
#define HOST (CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE | \
              CMD_UNLISTED)

#define PURE (CMD_PURE | CMD_ADMIN | CMD_NO_SCRIPT | CMD_UNLISTED)

/* Redis has no rows for them; arity is checked by the row, and answered in DEBUG's own words. */
static const struct command debug_subcommands[] = {
    {.name = "change-repl-id", .arity = 2, .flags = HOST, .group = "server"},
    {.name = "damage", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "digest", .run = debug_digest, .arity = 2, .flags = DATA, .group = "server"},
    {.name = "digest-value", .run = debug_digest_value, .arity = -2, .flags = DATA,
     .group = "server"},
    {.name = "flushall", .arity = 2, .flags = HOST, .group = "server"},
    {.name = "help", .run = debug_help, .arity = 2, .flags = CMD_PURE | CMD_ADMIN | CMD_UNLISTED,
     .group = "server"},
    {.name = "htstats", .run = debug_not_here, .arity = -3, .flags = PURE, .group = "server"},
    {.name = "htstats-key", .run = debug_not_here, .arity = -3, .flags = PURE,
     .group = "server"},
    {.name = "jmap", .arity = -2, .flags = HOST, .group = "server"},
    {.name = "level", .run = debug_level, .arity = 3, .level = 2,
     .flags = CMD_WRITE | CMD_ADMIN | CMD_NO_SCRIPT | CMD_DENY_OOM | CMD_UNLISTED,
     .keys = {KEY(2, KEY_OW | KEY_UPDATE)}, .group = "server"},
    {.name = "listpack", .run = debug_not_here, .arity = 3, .flags = PURE, .group = "server"},
    {.name = "loadaof", .arity = 2, .flags = HOST, .group = "server"},
    {.name = "log", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "mallctl", .run = debug_not_here, .arity = -3, .flags = PURE, .group = "server"},
    {.name = "object", .run = debug_object, .arity = -3, .flags = DATA, .group = "server"},
    {.name = "oom", .arity = 2, .flags = HOST, .group = "server"},
    {.name = "panic", .arity = 2, .flags = HOST, .group = "server"},
    {.name = "pause-cron", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "populate", .run = debug_populate, .arity = -3,
     .flags = CMD_WRITE | CMD_ADMIN | CMD_NO_SCRIPT | CMD_UNLISTED, .group = "server"},
    {.name = "protocol", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "quicklist", .run = debug_not_here, .arity = -3, .flags = PURE,
     .group = "server"},
    {.name = "quicklist-packed-threshold", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "reload", .arity = -2, .flags = HOST, .group = "server"},
    {.name = "replicate", .arity = -3, .flags = HOST, .group = "server"},
    {.name = "sdslen", .run = debug_not_here, .arity = 3, .flags = PURE, .group = "server"},
    {.name = "set-active-expire", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "set-disable-deny-scripts", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "sleep", .arity = 3, .flags = HOST, .group = "server"},
    {.name = "stringmatch-len", .run = debug_stringmatch, .arity = 4, .flags = PURE,
     .group = "server"},
    {.name = "ziplist", .run = debug_not_here, .arity = 3, .flags = PURE, .group = "server"},
    {.name = NULL},
};

const struct command debug_commands[] = {
    {.name = "debug", .arity = -2, .flags = CMD_ADMIN | CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE |
         CMD_SYSTEM,
     .group = "server", .since = "1.0.0", .complexity = "Depends on subcommand.",
     .summary = "Tools for developers.", .subcommands = debug_subcommands},
    {.name = NULL},
};
