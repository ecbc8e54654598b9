/* waiters.c -- a request that found nothing to do waits, is served, or goes.
 *
 *   run_command: block.waits -> waiters_add: row, memory, the host keeps the client
 *   any request: exec_host.changed -> waiters_note -> at its end waiters_serve: the command again,
 *                with the one key; what that makes ready is served too, until nothing is
 *   UNBLOCK, CANCEL, ORIGIN_LOST, a newer boot of the origin: it goes, with or without a reply
 *
 * All of it runs on every node alike; only the replies have one reader. */

#include "machine/machine_internal.h"

#include <string.h>

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/cache.h"
#include "keyspace/object.h"
#include "machine/verify_rows.h"

#define ROW_KEY_SIZE 9
#define FLAG_WANTS_GONE 1

/* --- rows ------------------------------------------------------------------------------------- */

static struct bytes row_key(uint64_t name, uint8_t key[static ROW_KEY_SIZE])
{
    key[0] = 'W';
    put_be64(key + 1, name);
    return bytes_of(key, ROW_KEY_SIZE);
}

static void encode_row(const struct waiter_row *row, struct buf *to)
{
    buf_append_le64(to, row->origin);
    buf_append_le64(to, row->boot);
    buf_append_le64(to, row->client);
    buf_append_u8(to, (uint8_t)row->type);
    buf_append_u8(to, row->wants_gone ? FLAG_WANTS_GONE : 0);
    buf_append_le32(to, row->first);
    buf_append_le32(to, row->count);
    request_encode(to, &row->request);
}

static bool parse_row(struct bytes key, struct bytes value, struct arena *arena,
                      struct waiter_row *row)
{
    struct reader r;
    if (key.size != ROW_KEY_SIZE)
        return false;
    reader_init(&r, value);
    row->name = get_be64(bytes_data(key) + 1);
    row->origin = reader_le64(&r);
    row->boot = reader_le64(&r);
    row->client = reader_le64(&r);
    row->type = (enum type)reader_u8(&r);
    row->wants_gone = (reader_u8(&r) & FLAG_WANTS_GONE) != 0;
    row->first = reader_le32(&r);
    row->count = reader_le32(&r);
    return request_decode(&r, arena, &row->request) && reader_left(&r) == 0 && row->count > 0 &&
           (uint64_t)row->first + row->count <= row->request.arg_count;
}

static void decode_row(struct bytes key, struct bytes value, struct arena *arena,
                       struct waiter_row *row)
{
    if (!parse_row(key, value, arena, row))
        panic("the row of a waiting request is malformed");
}

static bool can_be_served(const struct waiter_row *row)
{
    const struct request *r = &row->request;
    if (!entry_request_is_valid(r) || r->kind != REQ_COMMAND)
        return false;
    const uint32_t count = r->arg_count - ((r->flags & REQUEST_CLIENT) != 0);
    const struct command *c = command_find(r->args, count, NULL);
    return c != NULL && (c->flags & CMD_BLOCKING) != 0 && command_arity_fits(c, count) &&
           row->first + row->count <= count;
}

bool waiter_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value)
{
    struct waiter_row row;
    const bool is_sound = parse_row(key, value, &s->arena, &row) && can_be_served(&row) &&
                          waiters_have_room(&s->waiters, &row, value.size);
    if (is_sound)
        waiters_insert(&s->waiters, &row, value.size);
    arena_reset(&s->arena);
    return is_sound;
}

/* Borrowed from the row, until it is deleted; the arguments' array is of the arena. */
static void load_row(struct machine *m, const struct waiter *w, struct waiter_row *row)
{
    uint8_t key[ROW_KEY_SIZE];
    struct bytes value;
    const struct bytes name = row_key(w->name, key);
    if (!cache_get(keyspace_cache(m->keyspace), name, &value))
        panic("the row of a waiting request is missing");
    decode_row(name, value, &m->arena, row);
    CHECK(row->origin == w->origin);
    CHECK(row->boot == w->boot);
}

void waiters_load(struct machine *m)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    waiters_remove_all(&m->waiters); /* readers stay: they wait for what is to come */
    cache_cursor_open(keyspace_cache(m->keyspace), &cursor, BYTES("W"), BYTES("X"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value)) {
        struct waiter_row row;
        decode_row(key, value, &m->arena, &row);
        waiters_insert(&m->waiters, &row, value.size);
        arena_reset(&m->arena);
    }
    cache_cursor_close(&cursor);
}

/* --- in and out ------------------------------------------------------------------------------- */

static bool is_own(const struct machine *m, const struct waiter *w)
{
    return w->origin == m->options.self && w->boot == m->options.boot;
}

bool waiters_add(struct run *run, struct exec *x, const struct block *block)
{
    struct machine *m = run->machine;
    const struct request *r = run->request;
    const struct waiter_row row = {
        .name = keyspace_stamp(m->keyspace),
        .origin = run->head->origin,
        .boot = run->head->boot,
        .client = r->flags & REQUEST_CLIENT ? get_le64(r->args[r->arg_count - 1].data) : 0,
        .type = block->type,
        .wants_gone = block->wants_gone,
        .first = block->first,
        .count = block->count,
        .request = *r,
    };
    CHECK(row.count > 0);
    CHECK(row.first + row.count <= x->arg_count);
    struct buf value = {0};
    encode_row(&row, &value);
    const bool has_room = waiters_have_room(&m->waiters, &row, value.size);
    if (has_room) {
        uint8_t key[ROW_KEY_SIZE];
        keyspace_row_put(m->keyspace, row_key(row.name, key), buf_bytes(&value));
        struct waiter *w = waiters_insert(&m->waiters, &row, value.size);
        if (run->own)
            w->record = m->options.host->waits(m->options.context, run->head->batch, run->ordinal,
                                               w->name, block->timeout_ms);
    } else {
        reply_error(x, "ERR too many blocked clients in the cluster, not executed");
    }
    buf_clear(&value);
    return has_room;
}

struct waiter *waiters_add_reader(struct machine *m, const struct read_run *run,
                                          const struct block *block)
{
    struct waiter_row row = {.type = block->type, .first = block->first, .count = block->count,
                             .request = *run->request};
    if (block->args != NULL)
        row.request.args = block->args;
    return waiters_insert_reader(&m->waiters, &row);
}

void machine_reader_record(struct waiter *reader, void *record)
{
    CHECK(reader->is_reader);
    CHECK(reader->record == NULL);
    reader->record = record;
}

void machine_reader_drop(struct machine *m, struct waiter *reader)
{
    CHECK(reader->is_reader);
    waiters_remove(&m->waiters, reader);
}

static void drop(struct machine *m, struct waiter *w)
{
    uint8_t key[ROW_KEY_SIZE];
    keyspace_row_del(m->keyspace, row_key(w->name, key));
    waiters_remove(&m->waiters, w);
}

/* Makes x able to reply to w's client, if that is here and still there. */
static bool begin_reply(struct machine *m, const struct waiter *w, struct exec *x)
{
    const struct machine_options *o = &m->options;
    x->reply = (struct reply){.protocol = 2};
    x->client = NULL;
    if (!is_own(m, w) || w->record == NULL)
        return false;
    if (o->host->waiter_begin(o->context, w->record, &x->reply, &x->client))
        return true;
    x->reply = (struct reply){.protocol = 2};
    x->client = NULL;
    return false;
}

/* w is over: its row goes, and its client's node is told; replied: what was said to it. */
static void end(struct machine *m, struct waiter *w, const struct exec *replied)
{
    const struct machine_options *o = &m->options;
    void *record = is_own(m, w) ? w->record : NULL;
    drop(m, w);
    if (record == NULL)
        return;
    if (replied != NULL)
        o->host->waiter_end(o->context, record, &replied->reply, replied->command);
    else
        o->host->waiter_end(o->context, record, NULL, NULL);
}

/* --- serving ---------------------------------------------------------------------------------- */

/* As everybody sees it: a due key is deleted first. */
static enum type type_now(struct machine *m, const struct waited *key)
{
    struct object o;
    if (waited_db(key) >= keyspace_database_count(m->keyspace))
        return TYPE_NONE;
    object_open(m->keyspace, waited_db(key), waited_name(key), &o);
    const enum type type = o.type;
    object_close(&o);
    return type;
}

/* Runs w's command for key alone. True: w is over. */
static bool serve_one(struct run *run, struct waiter *w, const struct waited *key)
{
    struct machine *m = run->machine;
    struct waiter_row row;
    struct exec x;
    load_row(m, w, &row);
    if (row.request.flags & REQUEST_CLIENT)
        row.request.arg_count--;
    exec_begin(m, &x, &row.request);
    x.chance = run->chance;
    const bool wanted = begin_reply(m, w, &x);
    const struct bytes name = waited_name(key);
    struct block block = {.ready = &name};
    x.block = &block;
    x.command = command_find(row.request.args, row.request.arg_count, NULL);
    if (x.command == NULL)
        panic("a waiting request holds an unknown command: run the newer version");
    /* Its user may have lost the right since. */
    if (x.level < FEATURE_LEVEL_WAITERS_ASKED || exec_is_allowed(&x))
        command_execute(&x);
    tell_expired(&x);
    if (block.waits)
        return false;
    end(m, w, wanted ? &x : NULL);
    return true;
}

/* Those who wait for key, in the order in which they came, as long as it has something for them. */
static void serve_key(struct run *run, struct waited *key)
{
    struct machine *m = run->machine;
    struct queue_node *node = queue_first(&key->links), *next;
    if (node == NULL)
        return; /* none but readers: nothing may be changed for them */
    enum type type = type_now(m, key);
    for (; node != NULL; node = next) {
        if (type == TYPE_NONE && key->gone_count == 0)
            return;
        next = queue_next(&key->links, node); /* serving takes out no other link of this key */
        struct waiter *w = container_of(node, struct waiter_link, node)->waiter;
        if (w->type != type && !w->wants_gone)
            continue;
        if (serve_one(run, w, key))
            type = type_now(m, key);
    }
}

/* One that reads, on this node alone: touches no row. */
static void serve_reader(struct machine *m, struct waiter *w, const struct waited *key)
{
    const struct machine_options *o = &m->options;
    struct request request;
    struct reader encoded;
    struct exec x;
    reader_init(&encoded, buf_bytes(&w->request));
    const bool is_whole = request_decode(&encoded, &m->arena, &request);
    CHECK(is_whole);
    exec_begin(m, &x, &request);
    x.chance = &m->local_chance;
    x.reply = (struct reply){.protocol = 2};
    if (!o->host->waiter_begin(o->context, w->record, &x.reply, &x.client))
        return; /* it is about to be dropped */
    const struct bytes name = waited_name(key);
    struct block block = {.ready = &name};
    x.block = &block;
    x.command = command_find(request.args, request.arg_count, NULL);
    if (exec_is_allowed(&x))
        command_execute(&x);
    if (block.waits)
        return;
    void *record = w->record;
    waiters_remove(&m->waiters, w);
    o->host->waiter_end(o->context, record, &x.reply, x.command);
}

static void serve_readers(struct machine *m, struct waited *key)
{
    struct queue_node *node = queue_first(&key->readers), *next;
    if (node == NULL)
        return;
    keyspace_read_begin(m->keyspace, MAX(keyspace_now(m->keyspace),
                                         keyspace_applied(m->keyspace).clock_ms));
    const enum type type = type_now(m, key);
    for (; node != NULL; node = next) {
        next = queue_next(&key->readers, node);
        struct waiter *w = container_of(node, struct waiter_link, node)->waiter;
        if (w->type == type)
            serve_reader(m, w, key);
    }
    keyspace_read_end(m->keyspace);
}

void machine_readers_serve(struct machine *m)
{
    struct waited *key;
    waiters_note_readers(&m->waiters);
    while ((key = waiters_take_ready(&m->waiters)) != NULL) {
        serve_readers(m, key);
        waiters_served(&m->waiters, key);
    }
    arena_reset(&m->arena);
}

void waiters_serve(struct run *run)
{
    struct machine *m = run->machine;
    struct waited *key;
    while ((key = waiters_take_ready(&m->waiters)) != NULL) { /* ends: each waiter is served once */
        struct exec x;
        serve_key(run, key);
        serve_readers(m, key);
        waiters_served(&m->waiters, key);
        exec_begin(m, &x, run->request);
        tell_expired(&x); /* keys that were found due when they were looked at */
    }
}

/* --- the other ends --------------------------------------------------------------------------- */

static void unblock(struct run *run, struct waiter *w, enum unblock_reason reason)
{
    struct machine *m = run->machine;
    struct exec x;
    exec_begin(m, &x, run->request);
    const bool wanted = begin_reply(m, w, &x);
    if (reason == UNBLOCK_ERROR)
        reply_error(&x, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else
        reply_null_array(&x);
    end(m, w, wanted ? &x : NULL);
}

static struct waiter *find_by_client(const struct waiters *waiters, uint64_t client)
{
    struct waiter *w = client == 0 ? NULL : waiters_first(waiters);
    while (w != NULL && w->client != client)
        w = waiters_next(waiters, w);
    return w;
}

/* A waiter of the entry's origin, in that very life. */
static struct waiter *find_of_origin(const struct run *run, uint64_t name)
{
    struct waiter *w = waiters_find(&run->machine->waiters, name);
    return w != NULL && w->origin == run->head->origin && w->boot == run->head->boot ? w : NULL;
}

/* The one argument of such a request; the leader has looked at it before it was proposed. */
static const uint8_t *argument(const struct run *run, size_t size)
{
    CHECK(run->request->arg_count == 1);
    CHECK(run->request->args[0].size == size);
    return run->request->args[0].data;
}

void waiters_unblock(struct run *run, struct exec *x)
{
    const uint8_t *at = argument(run, UNBLOCK_SIZE);
    const uint64_t id = get_le64(at + 2);
    struct waiter *w = at[0] == UNBLOCK_CLIENT ? find_by_client(&run->machine->waiters, id)
                                               : find_of_origin(run, id);
    if (w != NULL)
        unblock(run, w, (enum unblock_reason)at[1]);
    reply_int64(x, w != NULL);
}

void waiters_cancel(struct run *run)
{
    struct waiter *w = find_of_origin(run, get_le64(argument(run, 8)));
    if (w != NULL)
        end(run->machine, w, NULL);
}

void waiters_origin_lost(struct run *run)
{
    const uint8_t *at = argument(run, 16);
    waiters_lose_origin(run->machine, get_le64(at), get_le64(at + 8));
}

/* The host asks again for a client of its own that still waits. */
static void lose(struct machine *m, struct waiter *w)
{
    const struct machine_options *o = &m->options;
    if (!is_own(m, w) || w->record == NULL) {
        drop(m, w);
        return;
    }
    struct waiter_row row;
    void *record = w->record;
    load_row(m, w, &row);
    o->host->waiter_lost(o->context, record, &row.request);
    drop(m, w);
}

void waiters_lose_origin(struct machine *m, uint64_t node, uint64_t boot)
{
    struct waiter *w = waiters_first(&m->waiters), *next;
    for (; w != NULL; w = next) {
        next = waiters_next(&m->waiters, w);
        if (w->origin == node && w->boot <= boot)
            lose(m, w);
    }
}

/* --- what others ask -------------------------------------------------------------------------- */

bool machine_waiting_origin(const struct machine *m, uint32_t n, uint64_t *node, uint64_t *boot)
{
    if (n >= m->waiters.origin_count)
        return false;
    *node = m->waiters.origins[n].node;
    *boot = m->waiters.origins[n].boot;
    return true;
}

bool machine_waiter_adopt(struct machine *m, uint64_t waiter, void *record)
{
    struct waiter *w = waiters_find(&m->waiters, waiter);
    if (w == NULL)
        return false;
    CHECK(is_own(m, w));
    w->record = record;
    return true;
}

bool machine_waiter_orphan(const struct machine *m, uint64_t *waiter)
{
    struct waiter *w = waiters_first(&m->waiters);
    while (w != NULL && !(is_own(m, w) && w->record == NULL))
        w = waiters_next(&m->waiters, w);
    if (w == NULL)
        return false;
    *waiter = w->name;
    return true;
}
