#include "server/route.h"

#include "base/panic.h"
#include "keyspace/object.h"
#include "resp/resp_write.h"
#include "server/dispatch.h"
#include "server/events.h"
#include "server/local.h"
#include "server/pending.h"
#include "server/script_trail.h"
#include "server/steps.h"

/* --- down ------------------------------------------------------------------------------------- */

bool route_write(struct slot *slot, const struct request *request)
{
    struct conn *c = slot->conn;
    if (!shard_write(c->server->shard, request, &slot->shard))
        return false;
    slot->flight = FLIGHT_WRITE;
    c->writes_in_flight++;
    return true;
}

bool route_read(struct slot *slot, const struct request *request)
{
    struct conn *c = slot->conn;
    if (!shard_read(c->server->shard, request, &slot->shard, false))
        return false;
    slot->flight = FLIGHT_READ;
    c->reads_in_flight++;
    return true;
}

bool route_confirm(struct slot *slot)
{
    static const struct bytes dbsize = {(const uint8_t *)"dbsize", 6};
    return route_read(slot, &(struct request){.kind = REQ_COMMAND, .flags = REQUEST_READ,
                                              .user = ACL_NODE_USER,
                                              .args = &dbsize, .arg_count = 1});
}

bool route_watch(struct slot *slot, const struct bytes *args, uint32_t arg_count)
{
    struct bytes *exists = arena_alloc(&slot->conn->server->arena, arg_count * sizeof(*exists));
    struct buf *watching = &slot->conn->watching;
    exists[0] = BYTES("exists");
    buf_reset(watching);
    for (uint32_t i = 1; i < arg_count; i++) {
        exists[i] = args[i];
        buf_append_le32(watching, (uint32_t)args[i].size);
        buf_append_bytes(watching, args[i]);
    }
    const struct request request = {.kind = REQ_COMMAND, .flags = REQUEST_READ,
                                    .db = (uint8_t)slot->conn->session.db,
                                    .user = ACL_NODE_USER, .args = exists,
                                    .arg_count = arg_count};
    return route_read(slot, &request);
}

/* --- up --------------------------------------------------------------------------------------- */

static struct slot *slot_of(struct reply_slot *shard)
{
    return container_of(shard, struct slot, shard);
}

static void host_reply_begin(void *context, struct reply_slot *shard, struct reply *reply,
                             void **client)
{
    struct slot *slot = slot_of(shard);
    reply->out = slot_out(slot);
    reply->protocol = slot->protocol;
    *client = slot->conn;
    slot->begun = ticks_now();
    slot->conn->server->script_begun = slot->begun;
    script_trail_forget(context, slot->conn);
    slot_begin(slot);
    dispatch_begin_parts(slot);
}

/* The keys of the slot's request are seen now, between two entries: as a read, since object_open()
 * would delete one that is due, here and on no other node. */
static void take_stamps(struct slot *slot)
{
    struct conn *c = slot->conn;
    struct keyspace *k = shard_keyspace(c->server->shard);
    struct reader words;
    reader_init(&words, buf_bytes(&c->watching));
    const bool within_read = keyspace_is_read_only(k);
    if (!within_read)
        keyspace_read_begin(k, keyspace_now(k));
    bool is_good = true;
    while (is_good && reader_left(&words) > 0) {
        const uint32_t size = reader_le32(&words);
        const struct bytes key = reader_bytes(&words, size);
        struct object o;
        const bool is_there = object_open(k, c->session.db, key, &o);
        const struct watch watch = {.selected = c->session.db,
                                    .number = keyspace_database_number(k, c->session.db),
                                    .stamp = is_there ? o.stamp : 0,
                                    .seen = c->server->key_changes.count,
                                    .key = key};
        object_close(&o);
        is_good = session_watch(&c->session, &watch);
    }
    if (!within_read)
        keyspace_read_end(k);
    if (is_good)
        resp_simple(&c->out, BYTES("OK"));
    else
        resp_error(&c->out, BYTES("ERR too many watched keys"));
}

/* Slots whose reply is not the command's: it is in the discard buffer. *reply becomes theirs where
 * it is to be counted. */
static void finish_special(struct slot *slot, struct reply *reply)
{
    struct conn *c = slot->conn;
    const bool failed = reply->errors > 0;
    CHECK(slot == c->first);
    if (slot->kind == SLOT_LOGIN) {
        *reply = login_finish(slot);
        return;
    }
    if (failed && !slot->is_silent)
        buf_append_bytes(&c->out, buf_bytes(&c->server->discard));
    if (slot->kind == SLOT_SETTING)
        config_set_finish(slot, !failed);
    else if (!failed && slot->kind == SLOT_GET_SETTINGS)
        config_get_finish(slot);
    else if (!failed)
        take_stamps(slot);
}

static void host_reply_end(void *context, struct reply_slot *shard, const struct reply *reply,
                           const struct command *command)
{
    (void)command;
    struct slot *slot = slot_of(shard);
    server_end_script(context);
    script_trail_tell(context, slot->conn);
    slot->shard.pending = NULL;
    if (slot->conn->steps != NULL)
        steps_tell(slot->conn->steps, slot->conn->server);
    struct reply own = *reply;
    if (slot->kind != SLOT_COMMAND)
        finish_special(slot, &own);
    dispatch_account(slot, &own);
    slot_complete(slot);
}

static void host_waits(void *context, struct reply_slot *shard)
{
    (void)context;
    slot_block(slot_of(shard));
}

static const char *host_read_moves(void *context, struct reply_slot *shard)
{
    (void)context;
    struct slot *slot = slot_of(shard);
    struct conn *c = slot->conn;
    server_end_script(c->server);
    script_trail_forget(c->server, c);
    const char *refusal = dispatch_moves(slot);
    if (refusal != NULL)
        return refusal;
    CHECK(slot->flight == FLIGHT_READ);
    slot->flight = FLIGHT_WRITE;
    c->reads_in_flight--;
    c->writes_in_flight++;
    return NULL;
}

/* One command may tell of several changes. */
static void count_change(struct change_counts *changes, const struct exec *x)
{
    const uint64_t stamp = keyspace_stamp(x->keyspace);
    if (changes->last_stamp == stamp && changes->last_args == x->args)
        return;
    changes->last_stamp = stamp;
    changes->last_args = x->args;
    changes->all++;
}

static void host_changed(void *context, const struct exec *x, const struct key_change *change)
{
    struct server *s = context;
    if (change->event_class == EVENT_EXPIRED) {
        s->stats.expired_keys++; /* it was absent to all before */
    } else if (change->event_class != EVENT_KEY_MISS) {
        key_changes_note(&s->key_changes, change->db, change->key);
        count_change(&s->changes, x);
    }
    tracking_changed(s, x, change);
    events_changed(s, x, change);
}

static void host_begins(void *context, const struct exec *x)
{
    tracking_begins(context, x);
    events_begins(context, x);
}

static void host_flushed(void *context, const struct exec *x, int64_t db)
{
    (void)db;
    struct server *s = context;
    count_change(&s->changes, x);
    tracking_flushed(s);
}

static void host_refused(void *context, const struct exec *x, const char *code)
{
    struct server *s = context;
    stats_count_errors(&s->stats, code, 1);
    if (x->command != NULL)
        commands_info_of(s->commands, x->command)->rejected++;
}

static void host_denied(void *context, const struct exec *x, const struct acl_denial *denial)
{
    (void)context;
    acl_log_command(x->client, x, denial);
}

static void host_ran(void *context, const struct exec *x)
{
    if (x->in_script) {
        script_trail_note(context, x);
        return;
    }
    script_trail_tell(context, x->client);
    server_end_script(context);
    dispatch_account_part(context, x);
    ((struct server *)context)->script_begun = ticks_now();
}

static bool host_script_poll(void *context, const struct exec *x, bool may_end)
{
    return server_poll_script(context, x, may_end);
}

static void host_local(void *context, struct exec *x)
{
    local_execute(context, x->client, x);
}

static uint64_t host_publish(void *context, const struct exec *x, bool is_shard)
{
    return local_publish_effect(context, x, is_shard);
}

static void host_relayed(void *context, uint64_t node, enum relay_kind kind, struct bytes bytes)
{
    pubsub_relayed(context, node, kind, bytes);
}

static void host_status(void *context, const struct shard_mail *status)
{
    (void)context;
    (void)status; /* read by shard_status() at the end of the turn */
}

static void host_admin_done(void *context, struct admin *admin)
{
    pending_admin_done(context, admin);
}

static void host_stopped(void *context)
{
    struct server *s = context;
    s->has_stopped = true;
}

const struct shard_host server_shard_host = {
    .reply_begin = host_reply_begin,
    .reply_end = host_reply_end,
    .waits = host_waits,
    .read_moves = host_read_moves,
    .exec = {.changed = host_changed,
             .flushed = host_flushed,
             .local = host_local,
             .begins = host_begins,
             .publish = host_publish,
             .ran = host_ran,
             .script_poll = host_script_poll,
             .refused = host_refused,
             .denied = host_denied},
    .status = host_status,
    .admin_done = host_admin_done,
    .stopped = host_stopped,
    .relayed = host_relayed,
};
