/* generic.c -- commands for keys of any type: DEL, RENAME, COPY, SCAN, OBJECT ... */

#include "command/args.h"
#include "command/glob.h"
#include "command/keyspec.h"
#include "command/scan.h"
#include "command/settings.h"
#include "command/table.h"

#define SHARED_INTEGERS 10000 /* Redis shares the objects of 0 .. 9999 */

static const char same_object[] = "ERR source and destination objects are the same";

/* --- DEL, EXISTS, TYPE, TOUCH ----------------------------------------------------------------- */

/* DEL key ... -> how many there were */
static void del(struct exec *x)
{
    int64_t count = 0;
    for (uint32_t i = 1; i < x->arg_count; i++) {
        struct object o;
        if (object_open(x->keyspace, x->db, x->args[i], &o)) {
            delete_key(x, &o);
            count++;
        }
        object_close(&o);
    }
    reply_int64(x, count);
}

/* UNLINK key ...: DEL already leaves the work to the graveyard */
static void unlink_keys(struct exec *x)
{
    del(x);
}

/* EXISTS key ...; a key named twice counts twice */
static void exists(struct exec *x)
{
    int64_t count = 0;
    for (uint32_t i = 1; i < x->arg_count; i++) {
        struct object o;
        count += object_open(x->keyspace, x->db, x->args[i], &o);
        object_close(&o);
    }
    reply_int64(x, count);
}

/* TOUCH key ... */
static void touch(struct exec *x)
{
    exists(x);
}

/* TYPE key */
static void type(struct exec *x)
{
    struct object o;
    object_open(x->keyspace, x->db, x->args[1], &o);
    reply_simple(x, type_name(o.type));
    object_close(&o);
}

/* --- RENAME, MOVE, COPY ----------------------------------------------------------------------- */

static bool is_there(struct exec *x, uint32_t db, struct bytes name)
{
    struct object o;
    const bool there = object_open(x->keyspace, db, name, &o);
    object_close(&o);
    return there;
}

/* Renames args[1] to args[2]; false: the new name is taken, or it has replied with an error. */
static bool rename_to(struct exec *x, bool over_others)
{
    const struct bytes from = x->args[1], to = x->args[2];
    struct object o;
    if (!object_open(x->keyspace, x->db, from, &o)) {
        object_close(&o);
        reply_no_such_key(x);
        return false;
    }
    const bool same = bytes_equal(from, to);
    const bool done = over_others || (!same && !is_there(x, x->db, to));
    if (done && !same) {
        object_rename(&o, x->db, to);
        key_event(x, EVENT_NEW, "new", x->db, to);
        key_event(x, EVENT_GENERIC, "rename_from", x->db, from);
        key_event(x, EVENT_GENERIC, "rename_to", x->db, to);
    }
    object_close(&o);
    if (over_others)
        reply_ok(x);
    else
        reply_int64(x, done);
    return done;
}

/* RENAME key newkey */
static void rename_key(struct exec *x)
{
    rename_to(x, true);
}

/* RENAMENX key newkey */
static void renamenx(struct exec *x)
{
    rename_to(x, false);
}

/* MOVE key db -> 1 if moved */
static void move(struct exec *x)
{
    int64_t number;
    uint32_t db;
    if (!arg_int32(x, 2, NULL, &number) || !database_of(x, number, &db))
        return;
    if (db == x->db) {
        reply_error(x, same_object);
        return;
    }
    struct object o;
    const bool done = object_open(x->keyspace, x->db, x->args[1], &o) &&
                      !is_there(x, db, x->args[1]);
    if (done) {
        object_rename(&o, db, x->args[1]);
        key_event(x, EVENT_NEW, "new", db, x->args[1]);
        key_event(x, EVENT_GENERIC, "move_from", x->db, x->args[1]);
        key_event(x, EVENT_GENERIC, "move_to", db, x->args[1]);
    }
    object_close(&o);
    reply_int64(x, done);
}

/* MIGRATE host port key db timeout ...: what there is to move would be deleted here by the log, on
 * the word of a server outside of it */
static void migrate(struct exec *x)
{
    struct key_list keys;
    if (!keyspec_extract(x->command, x->args, x->arg_count, x->arena, &keys)) {
        reply_syntax_error(x);
        return;
    }
    bool any = false;
    for (size_t i = 0; i < keys.count && !any; i++)
        any = is_there(x, x->db, x->args[keys.keys[i].position]);
    if (!any) {
        reply_simple(x, "NOKEY");
        return;
    }
    reply_error(x, "ERR MIGRATE is not supported by AvowDB: no node can wait for another server "
                   "while it applies the log. Let a client copy keys with DUMP and RESTORE");
}

static bool parse_copy(struct exec *x, uint32_t *db, bool *replace)
{
    *db = x->db;
    *replace = false;
    for (uint32_t i = 3; i < x->arg_count; i++) {
        if (arg_is(x, i, "replace")) {
            *replace = true;
        } else if (arg_is(x, i, "db") && i + 1 < x->arg_count) {
            int64_t number;
            if (!arg_int32(x, ++i, NULL, &number) || !database_of(x, number, db))
                return false;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* COPY source destination [DB number] [REPLACE] -> 1 if copied */
static void copy(struct exec *x)
{
    uint32_t db;
    bool replace;
    if (!parse_copy(x, &db, &replace))
        return;
    const struct bytes from = x->args[1], to = x->args[2];
    if (db == x->db && bytes_equal(from, to)) {
        reply_error(x, same_object);
        return;
    }
    struct object source;
    bool done = object_open(x->keyspace, x->db, from, &source);
    if (done && source.type != TYPE_STRING && !may_write_rows(x, object_count(&source))) {
        object_close(&source);
        return;
    }
    if (done) {
        struct object old;
        if (object_open(x->keyspace, db, to, &old)) {
            done = replace;
            if (replace)
                object_delete(&old);
        }
        object_close(&old);
    }
    if (done) {
        object_copy(&source, db, to);
        key_event(x, EVENT_NEW, "new", db, to);
        key_event(x, EVENT_GENERIC, "copy_to", db, to);
    }
    object_close(&source);
    reply_int64(x, done);
}

/* --- KEYS, SCAN, RANDOMKEY -------------------------------------------------------------------- */

/* KEYS pattern */
static void keys(struct exec *x)
{
    struct key_cursor cursor;
    struct bytes name;
    uint64_t position;
    enum type key_type;
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    keyspace_walk(x->keyspace, &cursor, x->db, 0);
    while (key_cursor_next(&cursor, &name, &position, &key_type))
        if (glob_match(x->args[1], name, false)) {
            reply_bulk(x, name);
            count++;
        }
    key_cursor_close(&cursor);
    reply_array_end(x, begun, count);
}

static void scan_keys(struct exec *x, struct scan *s)
{
    struct key_cursor cursor;
    struct bytes name;
    uint64_t position;
    enum type key_type;
    keyspace_walk(x->keyspace, &cursor, x->db, s->cursor);
    while (key_cursor_next(&cursor, &name, &position, &key_type) && scan_step(s, position))
        if ((s->type.data == NULL || bytes_equal_nocase_string(s->type, type_name(key_type))) &&
            scan_matches(s, name))
            scan_found(s, name);
    key_cursor_close(&cursor);
}

/* SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
static void scan(struct exec *x)
{
    struct scan s;
    if (!scan_parse_cursor(x, 1, &s) || !scan_parse_options(x, 2, true, &s))
        return;
    if (s.cursor < SCAN_CURSOR_MAX)
        scan_keys(x, &s);
    scan_reply(x, &s);
}

/* RANDOMKEY */
static void randomkey(struct exec *x)
{
    struct buf name = {0};
    if (keyspace_random_key(x->keyspace, x->db, x->chance, &name))
        reply_bulk(x, buf_bytes(&name));
    else
        reply_null(x);
    buf_clear(&name);
}

/* --- OBJECT ----------------------------------------------------------------------------------- */

static bool policy_is_lru(const struct exec *x)
{
    return x->settings->maxmemory_policy == POLICY_VOLATILE_LRU ||
           x->settings->maxmemory_policy == POLICY_ALLKEYS_LRU;
}

/* OBJECT ENCODING key */
static void object_encoding(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 2, TYPE_NONE, &o))
        return;
    reply_bulk_string(x, encoding_name(o.encoding));
    object_close(&o);
}

/* OBJECT REFCOUNT key: 1, or what Redis says of the small integers that it shares */
static void object_refcount(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 2, TYPE_NONE, &o))
        return;
    int64_t value;
    const bool shares = x->settings->maxmemory == 0 ||
                        !(policy_is_lru(x) || settings_keep_frequency(x->settings));
    const bool is_shared = shares && o.type == TYPE_STRING && o.encoding == ENCODING_INT &&
                           bytes_to_int64(object_string(&o), &value) && value >= 0 &&
                           value < SHARED_INTEGERS;
    reply_int64(x, is_shared ? INT32_MAX : 1);
    object_close(&o);
}

/* A script in the log may store what it is told, so it is told what is the same on all nodes: that
 * the key is new. */
static bool must_be_same(const struct exec *x)
{
    return x->in_script && !keyspace_is_read_only(x->keyspace);
}

/* OBJECT IDLETIME key */
static void object_idletime(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 2, TYPE_NONE, &o))
        return;
    if (settings_keep_frequency(x->settings))
        reply_error(x, "ERR An LFU maxmemory policy is selected, idle time not tracked. Please "
                       "note that when switching between policies at runtime LRU and LFU data will "
                       "take some time to adjust.");
    else
        reply_int64(x, must_be_same(x) ? 0 : (int64_t)object_use(&o, ACCESS_TIME));
    object_close(&o);
}

/* OBJECT FREQ key */
static void object_freq(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 2, TYPE_NONE, &o))
        return;
    if (!settings_keep_frequency(x->settings))
        reply_error(x, "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                       "Please note that when switching between policies at runtime LRU and LFU "
                       "data will take some time to adjust.");
    else
        reply_int64(x, must_be_same(x) ? ACCESS_NEW_COUNTER
                                       : (int64_t)object_use(&o, ACCESS_FREQUENCY));
    object_close(&o);
}

/* OBJECT HELP */
static void object_help(struct exec *x)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    How the value is encoded.",
        "FREQ <key>",
        "    How often the key is used, on a logarithmic scale.",
        "IDLETIME <key>",
        "    How many seconds ago the key was last used.",
        "REFCOUNT <key>",
        "    How many references the value has.",
        NULL,
    };
    reply_help(x, lines);
}

static const struct command object_subcommands[] = {
    {.name = "encoding", .run = object_encoding, .arity = 3, .flags = CMD_READ | CMD_NO_TOUCH,
     .keys = {KEY(2, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.2.3", .complexity = "O(1)",
     .summary = "How a value is encoded.", .tips = "nondeterministic_output"},
    {.name = "freq", .run = object_freq, .arity = 3, .flags = CMD_READ | CMD_NO_TOUCH,
     .keys = {KEY(2, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "4.0.0", .complexity = "O(1)",
     .summary = "How often a key is used, on a logarithmic scale.",
     .tips = "nondeterministic_output"},
    {.name = "help", .run = object_help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .acl = ACL_KEYSPACE, .group = "generic", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "idletime", .run = object_idletime, .arity = 3, .flags = CMD_READ | CMD_NO_TOUCH,
     .keys = {KEY(2, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.2.3", .complexity = "O(1)",
     .summary = "How long ago a key was last used.", .tips = "nondeterministic_output"},
    {.name = "refcount", .run = object_refcount, .arity = 3, .flags = CMD_READ | CMD_NO_TOUCH,
     .keys = {KEY(2, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.2.3", .complexity = "O(1)",
     .summary = "How many references a value has.", .tips = "nondeterministic_output"},
    {.name = NULL},
};

const struct command generic_commands[] = {
    {.name = "copy", .run = copy, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY(2, KEY_OW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "6.2.0", .complexity = "O(N)",
     .summary = "Copies a key and its value."},
    {.name = "del", .run = del, .arity = -2, .flags = CMD_WRITE,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RM | KEY_DELETE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Deletes keys.", .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "exists", .run = exists, .arity = -2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(N)",
     .summary = "How many of the keys exist.",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "keys", .run = keys, .arity = 2, .flags = CMD_READ | CMD_NO_TOUCH,
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "generic", .since = "1.0.0",
         .complexity = "O(N)",
     .summary = "All keys that match a pattern.",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
    {.name = "migrate", .run = migrate, .arity = -6,
     .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
     .keys = {KEY(3, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_WORD("KEYS", -2, -1, 0, KEY_RW |
         KEY_ACCESS | KEY_DELETE | KEY_INCOMPLETE)},
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "generic", .since = "2.6.0",
         .complexity = "O(N)",
     .summary = "Moves keys to another server.", .tips = "nondeterministic_output"},
    {.name = "move", .run = move, .arity = 3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Moves a key to another database."},
    {.name = "object", .arity = -2, .flags = 0,
     .group = "generic", .since = "2.2.3", .complexity = "Depends on subcommand.",
     .summary = "Facts about the object behind a key.",
     .subcommands = object_subcommands},
    {.name = "randomkey", .run = randomkey, .arity = 1, .flags = CMD_READ | CMD_NO_TOUCH,
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Some key of the database.",
     .tips = "request_policy:all_shards nondeterministic_output"},
    {.name = "rename", .run = rename_key, .arity = 3, .flags = CMD_WRITE,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_OW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Gives a key another name, over any key of that name."},
    {.name = "renamenx", .run = renamenx, .arity = 3, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_OW | KEY_INSERT)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Gives a key another name, if that is free."},
    {.name = "scan", .run = scan, .arity = -2, .flags = CMD_READ | CMD_NO_TOUCH,
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.8.0", .complexity = "O(1)",
     .summary = "Walks over the keys step by step.",
     .tips = "nondeterministic_output request_policy:special"},
    {.name = "touch", .run = touch, .arity = -2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "3.2.1", .complexity = "O(N)",
     .summary = "Counts the keys that exist and notes that they were used.",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "type", .run = type, .arity = 2,
     .flags = CMD_READ | CMD_FAST | CMD_NO_TOUCH,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "1.0.0", .complexity = "O(1)",
     .summary = "The type of a key's value."},
    {.name = "unlink", .run = unlink_keys, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RM | KEY_DELETE)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "4.0.0", .complexity = "O(1)",
     .summary = "Deletes keys; memory is given back later.",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "wait", .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT,
     .acl = ACL_CONNECTION, .group = "generic", .since = "3.0.0", .complexity = "O(1)",
     .summary = "Waits until other nodes have this connection's writes.",
     .tips = "request_policy:all_shards response_policy:agg_min"},
    {.name = NULL},
};
