/* stream_read.c -- XREAD, and XREADGROUP, which delivers to a consumer and is a write. */

#include "command/stream_read.h"

#include <inttypes.h>
#include <string.h>

#include "base/panic.h"
#include "command/block.h"
#include "command/settings.h"
#include "command/stream_group.h"
#include "command/table.h"

/* --- arguments -------------------------------------------------------------------------------- */

static bool parse_block(struct exec *x, uint32_t n, struct stream_read *r)
{
    if (x->in_script) {
        reply_errorf(x, "ERR %s command is not allowed with BLOCK option from scripts",
                     arena_string(x->arena, x->args[0]));
        return false;
    }
    static const int64_t any[2] = {INT64_MIN, INT64_MAX};
    if (!arg_int64_range(x, n, any, &r->block_ms,
                         "ERR timeout is not an integer or out of range"))
        return false;
    if (r->block_ms >= 0)
        return true;
    reply_error(x, "ERR timeout is negative");
    return false;
}

static bool only_for_groups(struct exec *x, const struct stream_read *r, const char *option)
{
    if (!r->is_group)
        reply_errorf(x, "ERR The %s option is only supported by XREADGROUP. You called XREAD "
                        "instead.", option);
    return r->is_group;
}

/* The option at argument *n, which moves to its last word. */
static bool parse_option(struct exec *x, uint32_t *n, struct stream_read *r)
{
    const uint32_t more = x->arg_count - *n - 1;
    int64_t count;
    if (arg_is(x, *n, "block") && more >= 1)
        return parse_block(x, ++*n, r);
    if (arg_is(x, *n, "count") && more >= 1) {
        if (!arg_int64(x, ++*n, &count))
            return false;
        r->count = (uint64_t)MAX(count, 0);
        return true;
    }
    if (arg_is(x, *n, "group") && more >= 2) {
        if (!only_for_groups(x, r, "GROUP"))
            return false;
        r->has_group = true;
        r->group = x->args[*n + 1];
        r->consumer = x->args[*n + 2];
        *n += 2;
        return true;
    }
    if (arg_is(x, *n, "noack")) {
        r->no_ack = true;
        return only_for_groups(x, r, "NOACK");
    }
    reply_syntax_error(x);
    return false;
}

bool stream_read_parse(struct exec *x, struct stream_read *r)
{
    uint32_t n = 1;
    *r = (struct stream_read){.block_ms = -1};
    r->is_group = bytes_equal_nocase_string(x->args[0], "xreadgroup");
    for (; n < x->arg_count && !(arg_is(x, n, "streams") && n + 1 < x->arg_count); n++)
        if (!parse_option(x, &n, r))
            return false;
    if (n == x->arg_count) {
        reply_syntax_error(x);
        return false;
    }
    r->key = n + 1;
    r->key_count = (x->arg_count - r->key) / 2;
    if ((x->arg_count - r->key) % 2 != 0)
        reply_error(x, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' "
                       "must be specified.");
    else if (r->is_group && !r->has_group)
        reply_error(x, "ERR Missing GROUP option for XREADGROUP");
    else
        return true;
    return false;
}

static bool has_group(struct exec *x, const struct stream_read *r, uint32_t i, struct stream *s)
{
    struct stream_group g;
    if (group_find(s, r->group, &g))
        return true;
    reply_errorf(x, "NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP "
                    "option", arena_string(x->arena, x->args[r->key + i]),
                 arena_string(x->arena, r->group));
    return false;
}

static bool read_id(struct exec *x, const struct stream_read *r, uint32_t n, struct stream_id last,
                    struct stream_id *id)
{
    const bool is_last = bytes_equal(x->args[n], BYTES("$"));
    const bool is_new = bytes_equal(x->args[n], BYTES(">"));
    if (is_last && r->is_group) {
        reply_error(x, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read "
                       "the history of this consumer by specifying a proper ID, or use the > ID to "
                       "get new messages. The $ ID would just return an empty result set.");
        return false;
    }
    if (is_new && !r->is_group) {
        reply_error(x, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
                       "<group> <consumer> option.");
        return false;
    }
    *id = is_last ? last : STREAM_ID_MAX;
    return is_last || is_new || arg_stream_id(x, n, id);
}

bool stream_read_ids(struct exec *x, const struct stream_read *r, struct stream_id *ids)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        struct stream s;
        if (!stream_open(x, r->key + i, &s))
            return false;
        const struct stream_id last = s.last;
        const bool goes = !r->is_group || has_group(x, r, i, &s);
        object_close(&s.object);
        if (!goes || !read_id(x, r, r->key + r->key_count + i, last, &ids[i]))
            return false;
    }
    return true;
}

/* --- serving ---------------------------------------------------------------------------------- */

/* The reply: an array of [name, entries], in RESP3 a map of names to entries. */
struct serving {
    const struct stream_read *read;
    size_t begun, count; /* of streams that have something */
};

static void begin_stream(struct exec *x, struct serving *v, uint32_t i)
{
    if (v->count++ == 0)
        v->begun = reply_array_begin(x);
    if (x->reply.protocol == 2)
        reply_array(x, 2);
    reply_bulk(x, x->args[v->read->key + i]);
}

static bool has_behind(struct stream *s, struct stream_id id)
{
    struct stream_id top;
    return stream_id_compare(id, s->last) < 0 && stream_last(s, &top) &&
           stream_id_compare(top, id) > 0;
}

static void read_stream(struct exec *x, struct serving *v, uint32_t i, struct stream_id id)
{
    struct stream s;
    const bool is_stream = stream_open(x, v->read->key + i, &s);
    CHECK(is_stream);
    if (has_behind(&s, id)) {
        struct stream_range range = {
            .start = id, .end = STREAM_ID_MAX, .count = v->read->count};
        stream_id_next(&range.start);
        begin_stream(x, v, i);
        reply_stream_range(x, &s, &range);
    }
    object_close(&s.object);
}

/* One stream of XREADGROUP. */
struct delivery {
    struct stream stream;
    struct stream_group group;
    uint64_t consumer;
    uint64_t count; /* at most; 0: all */
    bool no_ack;
};

static bool may_go_on(const struct delivery *d, uint64_t given)
{
    return d->count == 0 || given < d->count;
}

/* Delivers entries that the group has not had yet: they are pending for the consumer from now on,
 * taken from another one if XGROUP SETID has brought them back. */
static void deliver_new(struct exec *x, struct delivery *d)
{
    struct stream *s = &d->stream;
    uint8_t key[STREAM_ID_SIZE];
    struct stream_id from = d->group.last;
    struct object_cursor cursor;
    struct bytes subkey, value;
    struct stream_pending old;
    uint64_t count = 0;
    stream_id_next(&from);
    from = stream_id_max(from, s->first);
    const size_t begun = reply_array_begin(x);
    object_seek(&s->object, &cursor, SPACE_ENTRY, stream_id_encode(from, key), FORWARD);
    while (may_go_on(d, count) && object_next(&cursor, &subkey, &value)) {
        const struct stream_pending p = {
            .id = stream_id_decode(subkey), .consumer = d->consumer,
            .delivered_ms = (int64_t)keyspace_now(x->keyspace), .deliveries = 1};
        reply_stream_entry(x, p.id, value);
        group_advance(s, &d->group, p.id);
        if (!d->no_ack) {
            const bool is_back = pending_find(&s->object, &d->group, p.id, &old);
            pending_put(s, &d->group, is_back ? &old : NULL, &p);
        }
        count++;
    }
    object_cursor_close(&cursor);
    reply_array_end(x, begun, count);
}

/* Delivers again what is pending for the consumer, behind id; null where the entry is gone. */
static void deliver_again(struct exec *x, struct delivery *d, struct stream_id id)
{
    struct pending_cursor cursor;
    struct stream_pending p;
    struct bytes value;
    uint64_t count = 0;
    stream_id_next(&id);
    const size_t begun = reply_array_begin(x);
    pending_walk(&d->stream.object, &d->group, d->consumer, id, &cursor);
    while (may_go_on(d, count) && pending_next(&cursor, &p)) {
        count++;
        if (!stream_entry(&d->stream, p.id, &value)) {
            reply_array(x, 2);
            reply_stream_id(x, p.id);
            reply_null_array(x);
            continue;
        }
        reply_stream_entry(x, p.id, value);
        const struct stream_pending old = p;
        p.delivered_ms = (int64_t)keyspace_now(x->keyspace);
        p.deliveries = (int64_t)((uint64_t)p.deliveries + 1); /* RETRYCOUNT may be anything */
        pending_put(&d->stream, &d->group, &old, &p);
    }
    pending_walk_end(&cursor);
    reply_array_end(x, begun, count);
}

static void open_delivery(struct exec *x, const struct stream_read *r, uint32_t i,
                          struct delivery *d)
{
    const bool is_stream = stream_open(x, r->key + i, &d->stream);
    CHECK(is_stream);
    const bool has_group = group_find(&d->stream, r->group, &d->group);
    CHECK(has_group);
    d->count = r->count;
    d->no_ack = r->no_ack;
}

static bool is_for_new(struct stream_id id)
{
    return stream_id_compare(id, STREAM_ID_MAX) == 0;
}

static void deliver_stream(struct exec *x, struct serving *v, uint32_t i, struct stream_id id)
{
    struct delivery d;
    struct stream *s = &d.stream;
    open_delivery(x, v->read, i, &d);
    if (!is_for_new(id) || has_behind(s, d.group.last)) {
        bool created;
        d.consumer = consumer_touch(s, &d.group, v->read->consumer, keyspace_now(x->keyspace),
                                    &created);
        begin_stream(x, v, i);
        if (is_for_new(id))
            deliver_new(x, &d);
        else
            deliver_again(x, &d, id);
        group_save(s, &d.group);
        stream_changed(x, s, created ? "xgroup-createconsumer" : NULL);
    }
    object_close(&s->object);
}

bool stream_read_serve(struct exec *x, const struct stream_read *r, const struct stream_id *ids)
{
    struct serving v = {.read = r};
    for (uint32_t i = 0; i < r->key_count; i++) {
        if (r->is_group)
            deliver_stream(x, &v, i, ids[i]);
        else
            read_stream(x, &v, i, ids[i]);
    }
    if (v.count == 0)
        return false;
    if (x->reply.protocol == 2)
        reply_array_end(x, v.begun, v.count);
    else
        reply_map_end(x, v.begun, v.count);
    return true;
}

/* --- commands --------------------------------------------------------------------------------- */

/* Whether XREADGROUP may deliver what it would: what its streams have behind the group's last
 * entry, or what is pending, or COUNT. */
static bool may_deliver(struct exec *x, const struct stream_read *r, const struct stream_id *ids)
{
    const uint64_t limit = x->settings->apply_rows_max;
    uint64_t most = 0;
    if (!r->is_group || (r->count > 0 && r->count <= limit / MAX(r->key_count, 1u)))
        return true;
    for (uint32_t i = 0; i < r->key_count; i++) {
        struct delivery d;
        open_delivery(x, r, i, &d);
        const uint64_t there = is_for_new(ids[i])
                                   ? stream_count_behind(&d.stream, d.group.last, limit)
                                   : d.group.pending;
        most += r->count == 0 ? there : MIN(there, r->count);
        object_close(&d.stream.object);
    }
    return may_write_rows(x, most);
}

/* Who was served while it waited gets no more than so many, if it did not say how many. */
#define WAITED_COUNT 1000

/* The ids that stand for the end of a stream now are that end for as long as it waits. */
static void wait_for_entries(struct exec *x, const struct stream_read *r,
                             const struct stream_id *ids)
{
    struct block wish = {.type = TYPE_STREAM, .first = r->key, .count = r->key_count,
                         .timeout_ms = (uint64_t)r->block_ms, .wants_gone = r->is_group};
    if (r->block_ms < 0 || !block_wait(x, &wish)) {
        reply_null_array(x);
        return;
    }
    if (r->is_group)
        return; /* only ">" waits */
    struct bytes *args = arena_alloc(x->arena, x->arg_count * sizeof(*args));
    memcpy(args, x->args, x->arg_count * sizeof(*args));
    for (uint32_t i = 0; i < r->key_count; i++) {
        struct buf text = {0};
        buf_printf(&text, "%" PRIu64 "-%" PRIu64, ids[i].ms, ids[i].seq);
        args[r->key + r->key_count + i] = arena_copy(x->arena, buf_bytes(&text));
        buf_clear(&text);
    }
    x->block->args = args;
}

/* The group that it waits for, of the stream that is ready. False: it replied why there is none. */
static bool group_stands(struct exec *x, const struct stream_read *r, uint32_t i)
{
    struct object o;
    open_key(x, r->key + i, TYPE_NONE, &o); /* any type will do, so it succeeds */
    const bool is_stream = o.type == TYPE_STREAM;
    object_close(&o);
    if (!is_stream) {
        reply_error(x, "UNBLOCKED the stream key no longer exists");
        return false;
    }
    struct stream s;
    struct stream_group g;
    const bool opened = stream_open(x, r->key + i, &s);
    CHECK(opened);
    const bool found = group_find(&s, r->group, &g);
    object_close(&s.object);
    if (!found)
        reply_error(x, "NOGROUP the consumer group this client was blocked on no longer exists");
    return found;
}

/* It has waited, and one of its streams may have something now: only that one is read. */
static void read_waited(struct exec *x, struct stream_read *r)
{
    uint32_t i = 0;
    struct stream_id id = STREAM_ID_MAX;
    while (!bytes_equal(*x->block->ready, x->args[r->key + i])) {
        i++;
        CHECK(i < r->key_count);
    }
    if (r->is_group && !group_stands(x, r, i))
        return;
    if (!r->is_group && !arg_stream_id(x, r->key + r->key_count + i, &id))
        return;
    /* Of the one stream: keys and ids are not side by side, so in a request of its own. */
    const struct bytes args[] = {x->args[0], x->args[r->key + i]};
    const struct bytes *all = x->args;
    struct stream_read one = *r;
    one.key = 1;
    one.key_count = 1;
    one.count = r->count == 0 ? WAITED_COUNT : r->count;
    x->args = args;
    const bool goes = may_deliver(x, &one, &id);
    const bool served = goes && stream_read_serve(x, &one, &id);
    x->args = all;
    if (goes && !served)
        x->block->waits = true;
}

/* XREAD [COUNT count] [BLOCK ms] STREAMS key ... id ...
 * XREADGROUP GROUP group consumer [COUNT count] [BLOCK ms] [NOACK] STREAMS key ... id ... */
static void xread(struct exec *x)
{
    struct stream_read r;
    if (!stream_read_parse(x, &r))
        return;
    if (x->block != NULL && x->block->ready != NULL) {
        read_waited(x, &r);
        return;
    }
    struct stream_id *ids = arena_alloc(x->arena, (r.key_count + 1) * sizeof(*ids));
    if (stream_read_ids(x, &r, ids) && may_deliver(x, &r, ids) && !stream_read_serve(x, &r, ids))
        wait_for_entries(x, &r, ids);
}

const struct command stream_read_commands[] = {
    {.name = "xread", .run = xread, .arity = -4, .flags = CMD_READ | CMD_BLOCKING |
         CMD_MOVABLE_KEYS,
     .keys = {KEY_WORD("STREAMS", 1, -1, 2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "New entries of streams; may wait for them."},
    {.name = "xreadgroup", .run = xread, .arity = -7, .flags = CMD_WRITE | CMD_BLOCKING |
         CMD_MOVABLE_KEYS,
     .keys = {KEY_WORD("STREAMS", 4, -1, 2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(M)",
     .summary = "New or pending entries for a consumer of a group; may wait."},
    {.name = NULL},
};
