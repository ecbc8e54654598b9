/* stream_pending.c -- what is delivered, not acknowledged: XACK, XPENDING, XCLAIM, XAUTOCLAIM. */

#include "command/stream_group.h"
#include "command/table.h"

static const int64_t any_int64[2] = {INT64_MIN, INT64_MAX};

/* Opens the stream of args[1] and its group of args[2]; false: one is not there, or the key is of
 * another type, and that is the reply. */
static bool open_group(struct exec *x, struct stream *s, struct stream_group *g)
{
    if (!stream_open(x, 1, s))
        return false;
    if (group_find(s, x->args[2], g))
        return true;
    object_close(&s->object);
    reply_errorf(x, "NOGROUP No such key '%s' or consumer group '%s'",
                 arena_string(x->arena, x->args[1]), arena_string(x->arena, x->args[2]));
    return false;
}

/* --- XACK ------------------------------------------------------------------------------------- */

static void acknowledge(struct exec *x, struct stream *s, struct stream_group *g)
{
    struct stream_id id;
    struct stream_pending p;
    int64_t count = 0;
    for (uint32_t i = 3; i < x->arg_count; i++)
        if (!arg_stream_id(x, i, &id))
            return;
    for (uint32_t i = 3; i < x->arg_count; i++) {
        if (!stream_id_parse(x->args[i], 0, &id) || !pending_find(&s->object, g, id, &p))
            continue;
        pending_delete(s, g, &p);
        count++;
    }
    if (count > 0) {
        group_save(s, g);
        stream_changed(x, s, NULL);
    }
    reply_int64(x, count);
}

/* XACK key group id ... -> how many were pending */
static void xack(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    if (!stream_open(x, 1, &s))
        return;
    if (group_find(&s, x->args[2], &g))
        acknowledge(x, &s, &g);
    else
        reply_int64(x, 0);
    object_close(&s.object);
}

/* --- XPENDING --------------------------------------------------------------------------------- */

struct pending_query {
    struct stream_id start, end;
    int64_t count, idle_min;
    uint32_t consumer_at; /* argument; 0: all consumers */
};

/* "[IDLE ms] start end count [consumer]" */
static bool parse_query(struct exec *x, struct pending_query *q)
{
    uint32_t at = 3;
    *q = (struct pending_query){0};
    if (x->arg_count < 6 || x->arg_count > 9) {
        reply_syntax_error(x);
        return false;
    }
    if (arg_is(x, 3, "idle")) {
        if (!arg_int64(x, 4, &q->idle_min))
            return false;
        at = 5;
        if (x->arg_count < 8) {
            reply_syntax_error(x);
            return false;
        }
    }
    q->consumer_at = at + 3 < x->arg_count ? at + 3 : 0;
    return arg_int64(x, at + 2, &q->count) && arg_range_start(x, at, &q->start) &&
           arg_range_end(x, at + 1, &q->end);
}

static void reply_owners(struct exec *x, struct stream *s, const struct stream_group *g)
{
    struct consumer_cursor cursor;
    struct stream_consumer c;
    size_t count = 0;
    const size_t begun = reply_array_begin(x);
    consumer_walk(&s->object, g, &cursor);
    while (consumer_next(&cursor, &c)) {
        if (c.pending == 0)
            continue;
        reply_array(x, 2);
        reply_bulk(x, c.name);
        reply_bulk_int64(x, (int64_t)c.pending);
        count++;
    }
    consumer_walk_end(&cursor);
    reply_array_end(x, begun, count);
}

static void reply_summary(struct exec *x, struct stream *s, const struct stream_group *g)
{
    struct stream_pending p;
    reply_array(x, 4);
    reply_int64(x, (int64_t)g->pending);
    if (pending_first(&s->object, g, &p)) {
        reply_stream_id(x, p.id);
        pending_last(&s->object, g, &p);
        reply_stream_id(x, p.id);
        reply_owners(x, s, g);
    } else {
        reply_null(x);
        reply_null(x);
        reply_null_array(x);
    }
}

static void reply_details(struct exec *x, struct stream *s, const struct stream_group *g,
                          const struct pending_query *q)
{
    struct pending_cursor cursor;
    struct stream_pending p;
    struct stream_consumer owner = {0};
    int64_t count = 0;
    if (q->consumer_at > 0 && !consumer_find(&s->object, g, x->args[q->consumer_at], &owner)) {
        reply_array(x, 0);
        return;
    }
    const size_t begun = reply_array_begin(x);
    pending_walk(&s->object, g, owner.number, q->start, &cursor);
    while (count < q->count && pending_next(&cursor, &p) &&
           stream_id_compare(p.id, q->end) <= 0) {
        const int64_t idle = idle_since(x, p.delivered_ms);
        if (idle < q->idle_min)
            continue;
        consumer_get(&s->object, p.consumer, &owner);
        reply_array(x, 4);
        reply_stream_id(x, p.id);
        reply_bulk(x, owner.name);
        reply_int64(x, idle);
        reply_int64(x, p.deliveries);
        count++;
    }
    pending_walk_end(&cursor);
    reply_array_end(x, begun, (size_t)count);
}

/* XPENDING key group [[IDLE ms] start end count [consumer]] */
static void xpending(struct exec *x)
{
    struct pending_query q;
    struct stream s;
    struct stream_group g;
    if ((x->arg_count != 3 && !parse_query(x, &q)) || !open_group(x, &s, &g))
        return;
    if (x->arg_count == 3)
        reply_summary(x, &s, &g);
    else
        reply_details(x, &s, &g, &q);
    object_close(&s.object);
}

/* --- claiming --------------------------------------------------------------------------------- */

/* XCLAIM and XAUTOCLAIM at work. */
struct claim {
    struct stream *stream;
    struct stream_group *group;
    int64_t idle_min, delivered_ms, deliveries; /* deliveries -1: one more than there were */
    bool force, just_id;
    uint64_t consumer; /* args[3]; 0: not looked up yet */
    bool created, changed;
    size_t count;
};

/* Gives pending entry p to the claiming consumer, and replies with it; old: as in pending_put(). */
static void claim_one(struct exec *x, struct claim *c, const struct stream_pending *old,
                      struct stream_pending p)
{
    struct bytes entry;
    if (c->consumer == 0)
        c->consumer = consumer_touch(c->stream, c->group, x->args[3], keyspace_now(x->keyspace),
                                     &c->created);
    p.consumer = c->consumer;
    p.delivered_ms = c->delivered_ms;
    if (c->deliveries >= 0)
        p.deliveries = c->deliveries;
    else if (!c->just_id)
        p.deliveries = (int64_t)((uint64_t)p.deliveries + 1); /* RETRYCOUNT may be anything */
    pending_put(c->stream, c->group, old, &p);
    if (c->just_id)
        reply_stream_id(x, p.id);
    else if (stream_entry(c->stream, p.id, &entry))
        reply_stream_entry(x, p.id, entry);
    c->changed = true;
    c->count++;
}

/* Whose entry is gone is pending no more. */
static void drop_gone(struct claim *c, const struct stream_pending *p)
{
    pending_delete(c->stream, c->group, p);
    c->changed = true;
}

static void save_claims(struct exec *x, struct claim *c)
{
    if (!c->changed)
        return;
    group_save(c->stream, c->group);
    stream_changed(x, c->stream, c->created ? "xgroup-createconsumer" : NULL);
}

/* --- XCLAIM ----------------------------------------------------------------------------------- */

/* The options behind the ids. *last: of LASTID. */
static bool parse_claim_option(struct exec *x, uint32_t *n, struct claim *c, struct stream_id *last)
{
    const int64_t now = (int64_t)keyspace_now(x->keyspace);
    const bool has_more = *n + 1 < x->arg_count;
    if (arg_is(x, *n, "force"))
        return c->force = true;
    if (arg_is(x, *n, "justid"))
        return c->just_id = true;
    if (arg_is(x, *n, "idle") && has_more) {
        int64_t idle;
        if (!arg_int64_range(x, ++*n, any_int64, &idle,
                             "ERR Invalid IDLE option argument for XCLAIM"))
            return false;
        c->delivered_ms = idle < 0 || idle > now ? now : now - idle;
        return true;
    }
    if (arg_is(x, *n, "time") && has_more)
        return arg_int64_range(x, ++*n, any_int64, &c->delivered_ms,
                               "ERR Invalid TIME option argument for XCLAIM");
    if (arg_is(x, *n, "retrycount") && has_more)
        return arg_int64_range(x, ++*n, any_int64, &c->deliveries,
                               "ERR Invalid RETRYCOUNT option argument for XCLAIM");
    if (arg_is(x, *n, "lastid") && has_more)
        return arg_stream_id(x, ++*n, last);
    reply_errorf(x, "ERR Unrecognized XCLAIM option '%s'", arena_string(x->arena, x->args[*n]));
    return false;
}

/* From argument 4 on: args[5] .. args[*end - 1] are the ids. Replies if it returns false. */
static bool parse_claim(struct exec *x, struct claim *c, struct stream_id *last, uint32_t *end)
{
    const int64_t now = (int64_t)keyspace_now(x->keyspace);
    struct stream_id id;
    uint32_t n = 5;
    if (!arg_int64_range(x, 4, any_int64, &c->idle_min,
                         "ERR Invalid min-idle-time argument for XCLAIM"))
        return false;
    while (n < x->arg_count && stream_id_parse(x->args[n], 0, &id))
        n++;
    *end = n;
    *last = STREAM_ID_MIN;
    for (; n < x->arg_count; n++)
        if (!parse_claim_option(x, &n, c, last))
            return false;
    if (c->delivered_ms < 0 || c->delivered_ms > now) /* clients' clocks are not ours */
        c->delivered_ms = now;
    return true;
}

static void claim_id(struct exec *x, struct claim *c, struct stream_id id)
{
    struct stream_pending p;
    struct bytes entry;
    const bool is_pending = pending_find(&c->stream->object, c->group, id, &p);
    if (!stream_entry(c->stream, id, &entry)) {
        if (is_pending)
            drop_gone(c, &p);
    } else if (is_pending) {
        const struct stream_pending old = p;
        if (idle_since(x, p.delivered_ms) >= c->idle_min)
            claim_one(x, c, &old, p);
    } else if (c->force) {
        p = (struct stream_pending){.id = id, .deliveries = 1};
        claim_one(x, c, NULL, p);
    }
}

static void claim_ids(struct exec *x, struct claim *c)
{
    struct stream_id id, last;
    uint32_t end;
    if (!parse_claim(x, c, &last, &end))
        return;
    if (stream_id_compare(last, c->group->last) > 0) {
        c->group->last = last;
        c->changed = true;
    }
    const size_t begun = reply_array_begin(x);
    for (uint32_t i = 5; i < end; i++)
        if (stream_id_parse(x->args[i], 0, &id))
            claim_id(x, c, id);
    reply_array_end(x, begun, c->count);
    save_claims(x, c);
}

/* XCLAIM key group consumer min-idle-time id ... [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count]
 * [FORCE] [JUSTID] [LASTID id] */
static void xclaim(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    if (!open_group(x, &s, &g))
        return;
    struct claim c = {.stream = &s, .group = &g, .delivered_ms = -1, .deliveries = -1};
    claim_ids(x, &c);
    object_close(&s.object);
}

/* --- XAUTOCLAIM ------------------------------------------------------------------------------- */

#define LOOKS 10 /* pending ones looked at for each that COUNT allows */
#define COUNT_DEFAULT 100

struct auto_claim {
    struct claim claim;
    struct stream_id start;
    int64_t count;
    struct stream_id next; /* where to go on */
    struct buf gone;       /* ids, encoded */
};

static bool parse_auto_claim(struct exec *x, struct auto_claim *a)
{
    static const int64_t counts[2] = {1, INT64_MAX / STREAM_ID_SIZE};
    if (!arg_int64_range(x, 4, any_int64, &a->claim.idle_min,
                         "ERR Invalid min-idle-time argument for XAUTOCLAIM") ||
        !arg_range_start(x, 5, &a->start))
        return false;
    a->count = COUNT_DEFAULT;
    for (uint32_t i = 6; i < x->arg_count; i++) {
        if (arg_is(x, i, "count") && i + 1 < x->arg_count) {
            if (!arg_int64_range(x, ++i, counts, &a->count, "ERR COUNT must be > 0"))
                return false;
        } else if (arg_is(x, i, "justid")) {
            a->claim.just_id = true;
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* Claims until the count or the looks are used up, and replies with what it has claimed. */
static void claim_range(struct exec *x, struct auto_claim *a)
{
    struct claim *c = &a->claim;
    struct pending_cursor cursor;
    struct stream_pending p;
    struct bytes entry;
    uint8_t key[STREAM_ID_SIZE];
    int64_t left = a->count, looks = a->count * LOOKS;
    a->next = STREAM_ID_MIN;
    const size_t begun = reply_array_begin(x);
    pending_walk(&c->stream->object, c->group, 0, a->start, &cursor);
    while (pending_next(&cursor, &p)) {
        if (looks-- == 0 || left == 0) {
            a->next = p.id;
            break;
        }
        const struct stream_pending old = p;
        if (!stream_entry(c->stream, p.id, &entry)) {
            buf_append_bytes(&a->gone, stream_id_encode(p.id, key));
            drop_gone(c, &p);
            left--;
        } else if (idle_since(x, p.delivered_ms) >= c->idle_min) {
            claim_one(x, c, &old, p);
            left--;
        }
    }
    pending_walk_end(&cursor);
    reply_array_end(x, begun, c->count);
}

/* The reply has the place to go on before what was claimed, which tells it. */
static void auto_claim(struct exec *x, struct auto_claim *a)
{
    struct buf *out = x->reply.out, claimed = {0};
    reply_array(x, 3);
    if (out != NULL)
        x->reply.out = &claimed;
    claim_range(x, a);
    x->reply.out = out;
    reply_stream_id(x, a->next);
    if (out != NULL)
        buf_append_bytes(out, buf_bytes(&claimed));
    buf_clear(&claimed);
    reply_array(x, a->gone.size / STREAM_ID_SIZE);
    for (size_t at = 0; at < a->gone.size; at += STREAM_ID_SIZE)
        reply_stream_id(x, stream_id_decode(bytes_of(buf_data(&a->gone) + at, STREAM_ID_SIZE)));
    save_claims(x, &a->claim);
}

/* XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
 * -> where to go on, what was claimed, ids whose entries are gone */
static void xautoclaim(struct exec *x)
{
    struct stream s;
    struct stream_group g;
    struct auto_claim a = {.claim = {.stream = &s, .group = &g, .deliveries = -1}};
    if (!parse_auto_claim(x, &a) || !open_group(x, &s, &g))
        return;
    a.claim.delivered_ms = (int64_t)keyspace_now(x->keyspace);
    if (may_write_rows(x, MIN((uint64_t)a.count, g.pending)))
        auto_claim(x, &a);
    buf_clear(&a.gone);
    object_close(&s.object);
}

const struct command stream_pending_commands[] = {
    {.name = "xack", .run = xack, .arity = -4, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(1)",
     .summary = "Marks entries of a group as done."},
    {.name = "xautoclaim", .run = xautoclaim, .arity = -6, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_DELETE)},
     .acl = ACL_STREAM, .group = "stream", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Takes over entries that were pending for long.",
     .tips = "nondeterministic_output"},
    {.name = "xclaim", .run = xclaim, .arity = -6, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(log N)",
     .summary = "Takes over pending entries.", .tips = "nondeterministic_output"},
    {.name = "xpending", .run = xpending, .arity = -3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STREAM, .group = "stream", .since = "5.0.0", .complexity = "O(N)",
     .summary = "The entries that a group has not done yet.", .tips = "nondeterministic_output"},
    {.name = NULL},
};
