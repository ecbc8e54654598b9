/* dump.c -- DUMP and RESTORE: a key's value as bytes in Redis's form (rdb.h), and back.
 *
 * A payload is read and checked whole before the first row is written: RESTORE runs on every node,
 * and what one cannot finish none can. */

#include "command/args.h"
#include "command/distinct.h"
#include "command/list.h"
#include "command/rdb_stream.h"
#include "command/settings.h"
#include "command/table.h"
#include "command/zset.h"

/* --- DUMP ------------------------------------------------------------------------------------- */

/* DUMP key */
static void dump(struct exec *x)
{
    struct object o;
    if (!open_key_or_null(x, 1, TYPE_NONE, &o))
        return;
    if (reply_is_wanted(x)) {
        struct buf payload = {0};
        rdb_write(&o, x->settings, x->level >= RDB_LEVEL_TIMED, &payload);
        reply_bulk(x, buf_bytes(&payload));
        buf_clear(&payload);
    }
    object_close(&o);
}

/* --- RESTORE: arguments ----------------------------------------------------------------------- */

struct restore {
    bool replace, absttl, has_idletime, has_freq;
    int64_t idle_s, frequency;
    uint64_t deadline; /* 0: none */
    bool is_due;
};

static bool parse_options(struct exec *x, struct restore *r)
{
    static const int64_t seconds[] = {0, INT64_MAX}, frequency[] = {0, 255};
    for (uint32_t i = 4; i < x->arg_count; i++) {
        const bool has_next = i + 1 < x->arg_count;
        int64_t number;
        if (arg_is(x, i, "replace")) {
            r->replace = true;
        } else if (arg_is(x, i, "absttl")) {
            r->absttl = true;
        } else if (arg_is(x, i, "idletime") && has_next && !r->has_freq) {
            r->has_idletime = true;
            if (!arg_int64(x, ++i, &number) ||
                !arg_int64_range(x, i, seconds, &r->idle_s,
                                 "ERR Invalid IDLETIME value, must be >= 0"))
                return false;
        } else if (arg_is(x, i, "freq") && has_next && !r->has_idletime) {
            r->has_freq = true;
            if (!arg_int64(x, ++i, &number) ||
                !arg_int64_range(x, i, frequency, &r->frequency,
                                 "ERR Invalid FREQ value, must be >= 0 and <= 255"))
                return false;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

static bool parse_ttl(struct exec *x, struct restore *r)
{
    static const int64_t range[] = {0, INT64_MAX};
    const uint64_t now = keyspace_now(x->keyspace);
    int64_t ttl;
    if (!arg_int64(x, 2, &ttl) ||
        !arg_int64_range(x, 2, range, &ttl, "ERR Invalid TTL value, must be >= 0"))
        return false;
    if (ttl == 0)
        return true;
    r->deadline = (uint64_t)ttl + (r->absttl ? 0 : now);
    r->is_due = r->deadline <= now || r->deadline > INT64_MAX; /* Redis's number is signed */
    return true;
}

/* --- RESTORE: the value ----------------------------------------------------------------------- */

static bool has_duplicates(struct exec *x, const struct rdb_value *v)
{
    if (v->type != TYPE_SET && v->type != TYPE_ZSET && v->type != TYPE_HASH)
        return false;
    struct distinct met;
    distinct_init(&met, x);
    for (size_t i = 0; i < v->count; i += v->type == TYPE_HASH ? 2 : 1)
        if (!distinct_add_borrowed(&met, v->elements[i]))
            return true;
    return false;
}

/* False: it has replied. */
static bool read_payload(struct exec *x, struct rdb_value *v)
{
    const struct rdb_limits limits = {.takes_timed = x->level >= RDB_LEVEL_TIMED,
                                      .elements_max = x->settings->apply_rows_max,
                                      .unpacked_max = x->settings->proto_max_bulk_len};
    enum rdb_result result = rdb_read(x->args[3], &limits, x->arena, v);
    if (result == RDB_OK && has_duplicates(x, v))
        result = RDB_CORRUPT;
    switch (result) {
    case RDB_OK:
        return true;
    case RDB_WRONG_FOOTER:
        reply_error(x, "ERR DUMP payload version or checksum are wrong");
        break;
    case RDB_CORRUPT:
        reply_error(x, "ERR Bad data format");
        break;
    case RDB_TOO_MANY:
        reply_error(x, "ERR the payload has more elements than apply-rows-max allows");
        break;
    case RDB_NO_LIBRARY:
    case RDB_TOO_LARGE:
        reply_error(x, "ERR the payload unpacks to more bytes than proto-max-bulk-len allows");
        break;
    }
    rdb_value_clear(v);
    return false;
}

static size_t longest_element(const struct rdb_value *v)
{
    size_t longest = 0;
    for (size_t i = 0; i < v->count; i++)
        longest = MAX(longest, v->elements[i].size);
    return longest;
}

static bool all_numbers(const struct rdb_value *v)
{
    int64_t number;
    for (size_t i = 0; i < v->count; i++)
        if (!bytes_to_int64(v->elements[i], &number))
            return false;
    return true;
}

/* As Redis's rdbLoadObject: of what came as a blob only the count is looked at. */
static enum encoding encoding_for(const struct exec *x, const struct rdb_value *v)
{
    const struct settings *s = x->settings;
    switch (v->type) {
    case TYPE_SET:
        return v->count <= s->set_max_intset_entries && all_numbers(v) ? ENCODING_INTSET
                                                                       : ENCODING_HASHTABLE;
    case TYPE_HASH:
        return v->count / 2 <= s->hash_max_listpack_entries &&
                       (v->from_blob || longest_element(v) <= s->hash_max_listpack_value)
                   ? ENCODING_LISTPACK
                   : ENCODING_HASHTABLE;
    case TYPE_ZSET:
        return v->count <= s->zset_max_listpack_entries &&
                       (v->from_blob || longest_element(v) <= s->zset_max_listpack_value)
                   ? ENCODING_LISTPACK
                   : ENCODING_SKIPLIST;
    default:
        return ENCODING_QUICKLIST;
    }
}

static void put_elements(struct exec *x, struct object *o, const struct rdb_value *v)
{
    const enum encoding encoding = encoding_for(x, v);
    object_create(o, v->type, encoding);
    for (size_t i = 0; i < v->count; i++) {
        const struct bytes element = v->elements[i];
        if (v->type == TYPE_LIST)
            list_push(x, o, LIST_RIGHT, element);
        else if (v->type == TYPE_ZSET)
            zset_put(x, o, element, v->scores[i]);
        else if (v->type == TYPE_SET)
            object_put(o, SPACE_MEMBER, element, BYTES_NONE);
        else
            object_put(o, SPACE_FIELD, element, v->elements[++i]);
    }
    for (size_t i = 0; v->deadlines != NULL && i < v->count; i += 2)
        if (v->deadlines[i] > 0)
            object_set_field_deadline(o, v->elements[i], v->deadlines[i]);
    o->encoding = encoding;
}

/* s: the key, absent; a stream if the value is one. */
static void put_value(struct exec *x, struct stream *s, const struct rdb_value *v,
                      uint64_t deadline)
{
    struct object *o = &s->object;
    if (v->type == TYPE_STRING)
        object_set_string(o, v->elements[0]);
    else if (v->type == TYPE_STREAM)
        rdb_stream_restore(v->stream, s);
    else
        put_elements(x, o, v);
    if (deadline > 0)
        object_set_deadline(o, deadline);
    changed(x, o, EVENT_GENERIC, "restore");
}

/* What was said of its use, where the policy keeps that. */
static void note_use(struct exec *x, struct object *o, const struct restore *r)
{
    const bool keeps_frequency = settings_keep_frequency(x->settings);
    if (r->has_idletime && !keeps_frequency)
        object_set_use(o, ACCESS_TIME, (uint64_t)r->idle_s);
    if (r->has_freq && keeps_frequency)
        object_set_use(o, ACCESS_FREQUENCY, (uint64_t)r->frequency);
}

/* RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] */
static void restore(struct exec *x)
{
    struct restore r = {0};
    struct rdb_value v;
    struct stream s = {.added = 0};
    struct object *o = &s.object;
    if (!parse_options(x, &r))
        return;
    object_open(x->keyspace, x->db, x->args[1], o);
    const bool was_there = o->type != TYPE_NONE;
    if (was_there && !r.replace) {
        reply_error(x, "BUSYKEY Target key name already exists.");
    } else if (parse_ttl(x, &r) && read_payload(x, &v)) {
        if (was_there && r.is_due)
            delete_key(x, o);
        else if (was_there)
            object_delete(o);
        if (!r.is_due) {
            put_value(x, &s, &v, r.deadline);
            note_use(x, o, &r);
        }
        rdb_value_clear(&v);
        reply_ok(x);
    }
    object_close(o);
}

const struct command dump_commands[] = {
    {.name = "dump", .run = dump, .arity = 2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_KEYSPACE, .group = "generic", .since = "2.6.0", .complexity = "O(N)",
     .summary = "A key's value in serialized form.", .tips = "nondeterministic_output"},
    {.name = "restore", .run = restore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "generic", .since = "2.6.0",
     .complexity = "O(N)",
     .summary = "Makes a key from the bytes that DUMP gave."},
    {.name = "restore-asking", .run = restore, .arity = -4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_ASKING | CMD_SYSTEM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE)},
     .acl = ACL_KEYSPACE | ACL_DANGEROUS, .group = "server", .since = "3.0.0",
     .complexity = "O(N)",
     .summary = "RESTORE as sent during a move of slots."},
    {.name = NULL},
};
