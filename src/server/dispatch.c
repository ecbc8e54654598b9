#include "server/dispatch.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/panic.h"
#include "node/wire.h"
#include "resp/resp_write.h"
#include "server/local.h"
#include "server/node.h"
#include "server/pause.h"
#include "server/refusal.h"
#include "server/route.h"
#include "server/secrets.h"

/* A request on its way through the checks. */
struct incoming {
    struct conn *conn;
    const struct bytes *parsed;
    uint32_t arg_count;
    size_t offset;
    size_t *rewind;
    const struct command *command;
    struct command_info *info;
};

/* --- held reads ------------------------------------------------------------------------------- */

/* Submits the held reads, riding in the log batch or as reads, before anything else gets a slot.
 * false: from some one on there is no room; they are taken back, and *rewind is where the first of
 * them begins. */
static bool release_holds(struct conn *c, bool ride, size_t *rewind)
{
    struct server *s = c->server;
    size_t i = 0;
    for (; i < s->hold_count; i++) {
        struct hold *hold = &s->holds[i];
        CHECK(hold->slot->conn == c);
        const bool has_room = ride ? route_write(hold->slot, &hold->request)
                                   : route_read(hold->slot, &hold->request);
        if (!has_room)
            break;
    }
    const bool all = i == s->hold_count;
    if (!all) {
        *rewind = s->holds[i].offset;
        s->is_full = true;
        while (s->hold_count > i)
            slot_pop(s->holds[--s->hold_count].slot);
    }
    s->hold_count = 0;
    return all;
}

/* --- answers at once -------------------------------------------------------------------------- */

static void begin_exec(struct exec *x, struct slot *slot, const struct incoming *in)
{
    struct server *s = slot->conn->server;
    *x = (struct exec){
        .settings = s->settings,
        .command = in->command,
        .args = in->parsed,
        .arg_count = in->arg_count,
        .db = slot->conn->session.db,
        .arena = &s->arena,
        .reply = {.out = slot_out(slot), .protocol = slot->protocol},
        .host = &server_shard_host.exec,
        .host_context = s,
        .client = slot->conn,
    };
}

static const struct bytes *shown_args(const struct incoming *in)
{
    return secrets_hidden(in->conn->server, in->info, in->parsed, in->arg_count);
}

static struct slot *push(struct incoming *in)
{
    struct slot *slot = slot_push(in->conn, in->info);
    if (in->conn->server->slow_ticks != UINT64_MAX)
        slowlog_words(&slot->words, shown_args(in), in->arg_count);
    else
        buf_reset(&slot->words);
    slot->begun = ticks_now();
    return slot;
}

static enum dispatch answer_error(struct incoming *in, struct bytes text)
{
    if (!release_holds(in->conn, false, in->rewind))
        return DISPATCH_REWIND;
    struct slot *slot = slot_push(in->conn, in->info);
    struct exec x;
    begin_exec(&x, slot, in);
    reply_error_bytes(&x, text);
    stats_count_errors(&in->conn->server->stats, x.reply.error_code, 1);
    slot_complete(slot);
    return DISPATCH_TAKEN;
}

/* Refused before it ran: a transaction that is being queued cannot run any more. */
static enum dispatch reject(struct incoming *in, struct bytes text)
{
    struct session *session = &in->conn->session;
    if (in->info != NULL)
        in->info->rejected++;
    if (session->in_multi)
        session->has_failed = true;
    return answer_error(in, text);
}

static enum dispatch reject_text(struct incoming *in, const char *text)
{
    return reject(in, bytes_from_string(text));
}

/* Runs what depends on nothing in flight: its reply waits in its slot. */
static enum dispatch answer_now(struct incoming *in)
{
    struct conn *c = in->conn;
    if (!release_holds(c, false, in->rewind))
        return DISPATCH_REWIND;
    struct slot *slot = push(in);
    struct exec x;
    begin_exec(&x, slot, in);
    slot_begin(slot);
    c->server->running = slot;
    command_execute(&x);
    c->server->running = NULL;
    if (c->is_dead)
        return DISPATCH_TAKEN;
    if (slot->pending == NULL && slot->flight == FLIGHT_NONE) {
        dispatch_account(slot, &x.reply);
        slot_complete(slot);
    }
    return DISPATCH_TAKEN;
}

/* What changed the session; held reads were released before. */
static enum dispatch answer_ok(struct incoming *in, const char *text)
{
    CHECK(in->conn->server->hold_count == 0);
    struct slot *slot = push(in);
    struct exec x;
    begin_exec(&x, slot, in);
    reply_simple(&x, text);
    dispatch_account(slot, &x.reply);
    slot_complete(slot);
    return DISPATCH_TAKEN;
}

/* --- reads and writes ------------------------------------------------------------------------- */

/* Arguments that live as long as the turn: bytes of the input stay where they are until its end,
 * words of an inline request do not. */
static const struct bytes *keep_args(struct incoming *in)
{
    struct server *s = in->conn->server;
    struct bytes *args = arena_alloc(&s->arena, in->arg_count * sizeof(*args));
    const bool is_inline = in->conn->reader.words.size > 0;
    for (uint32_t i = 0; i < in->arg_count; i++)
        args[i] = is_inline ? arena_copy(&s->arena, in->parsed[i]) : in->parsed[i];
    return args;
}

static enum dispatch no_room(struct incoming *in)
{
    in->conn->server->is_full = true;
    return DISPATCH_LATER;
}

static enum dispatch submit(struct incoming *in, const struct request *request,
                            bool (*route)(struct slot *slot, const struct request *request))
{
    struct slot *slot = push(in);
    if (route(slot, request))
        return DISPATCH_TAKEN;
    slot_pop(slot);
    return no_room(in);
}

static enum dispatch dispatch_read(struct incoming *in, struct request *request)
{
    struct conn *c = in->conn;
    struct server *s = c->server;
    if (c->writes_in_flight > 0) /* it must see them: it rides behind them */
        return submit(in, request, route_write);
    if (!shard_has_room(s->shard))
        return no_room(in);
    CHECK(s->hold_count < HOLDS_MAX);
    request->args = keep_args(in);
    struct slot *slot = push(in);
    s->holds[s->hold_count++] = (struct hold){*request, slot, in->offset};
    return DISPATCH_TAKEN;
}

static enum dispatch dispatch_write(struct incoming *in, const struct request *request)
{
    struct conn *c = in->conn;
    if (c->reads_in_flight > 0) /* they must not see it */
        return DISPATCH_LATER;
    if (!release_holds(c, true, in->rewind))
        return DISPATCH_REWIND;
    return submit(in, request, route_write);
}

/* --- order ------------------------------------------------------------------------------------ */

/* All before it has been answered, or LATER. */
static enum dispatch barrier(struct incoming *in)
{
    if (!release_holds(in->conn, false, in->rewind))
        return DISPATCH_REWIND;
    return in->conn->slot_count > 0 ? DISPATCH_LATER : DISPATCH_TAKEN;
}

/* Nothing is dispatched behind it before it is answered. */
static enum dispatch alone(struct incoming *in, enum dispatch outcome)
{
    in->conn->in_barrier = outcome == DISPATCH_TAKEN && in->conn->slot_count > 0;
    return outcome;
}

static struct request plain_request(const struct incoming *in, uint32_t db)
{
    const uint32_t flags = in->command->flags;
    uint8_t request_flags = 0;
    if (!(flags & (CMD_NOT_YET | CMD_PURE))) {
        if (flags & CMD_LOCAL)
            request_flags = REQUEST_LOCAL;
        else if (command_reads(in->command, in->parsed, in->arg_count))
            request_flags = REQUEST_READ;
    }
    return (struct request){.kind = REQ_COMMAND, .flags = request_flags, .db = (uint8_t)db,
                            .user = in->conn->session.user,
                            .args = in->parsed, .arg_count = in->arg_count};
}

#define LEVEL_TEXT "ERR this command is there when all members run the newer version, and the " \
                   "feature level of the cluster has risen (RAFT DOCTOR)"

/* --- transactions ----------------------------------------------------------------------------- */

/* Then Redis queues nothing any more, be it a read: a queue takes memory too. */
static bool is_out_of_memory(const struct server *s)
{
    return keyspace_is_full(shard_keyspace(s->shard), s->settings->maxmemory);
}

/* What it may do: a transaction what any of its commands may. With CMD_MAY_REPLICATE is what Redis
 * calls a write (CMD_PLAIN: SCRIPT LOAD is none there), without it a script that says that it only
 * reads. */
static uint32_t flags_of(const struct incoming *in)
{
    const struct server *s = in->conn->server;
    const uint32_t flags = in->command->flags;
    if (in->info->op == OP_EXEC)
        return flags | in->conn->session.flags_any;
    if ((flags & CMD_WRITE) && !(flags & CMD_PLAIN))
        return flags | CMD_MAY_REPLICATE;
    if (!(flags & CMD_TRY_READ) || s->shard == NULL)
        return flags;
    const struct request request = plain_request(in, in->conn->session.db);
    return machine_script_only_reads(shard_machine(s->shard), in->command, &request)
               ? flags & ~(uint32_t)CMD_MAY_REPLICATE : flags;
}

static enum dispatch queue_command(struct incoming *in)
{
    struct session *session = &in->conn->session;
    if (!release_holds(in->conn, false, in->rewind))
        return DISPATCH_REWIND;
    if (in->command->flags & CMD_NO_MULTI)
        return reject_text(in, "ERR Command not allowed inside a transaction");
    if (in->command->flags & CMD_NOT_YET) {
        session->has_failed = true;
        return answer_now(in);
    }
    if (is_out_of_memory(in->conn->server))
        return reject_text(in, "OOM command not allowed when used memory > 'maxmemory'.");
    const struct request request = plain_request(in, session->multi_db);
    if (!session_multi_add(session, &request, flags_of(in)))
        return reject_text(in, "ERR too many commands in one transaction");
    int64_t db;
    if (strcmp(in->info->name, "select") == 0 && bytes_to_int64(in->parsed[1], &db) && db >= 0 &&
        (uint64_t)db < in->conn->server->settings->databases)
        session->multi_db = (uint32_t)db;
    struct slot *slot = push(in);
    struct exec x;
    begin_exec(&x, slot, in);
    reply_simple(&x, "QUEUED");
    slot_complete(slot); /* and no account of it: EXEC calls it */
    return DISPATCH_TAKEN;
}

/* Ends the transaction with an empty array or, is_nil, without having run it. */
static enum dispatch exec_nothing(struct incoming *in, bool is_nil)
{
    session_multi_end(&in->conn->session);
    struct slot *slot = push(in);
    struct exec x;
    begin_exec(&x, slot, in);
    if (is_nil)
        reply_null_array(&x);
    else
        reply_array(&x, 0);
    dispatch_account(slot, &x.reply);
    slot_complete(slot);
    return DISPATCH_TAKEN;
}

/* A watched key was absent, and something has happened to it since (key_changes.h). */
static bool has_missed_change(const struct conn *c)
{
    const struct session *session = &c->session;
    for (uint32_t i = 0; i < session->watch_count; i++) {
        const struct watch *w = &session->watches[i];
        if (w->stamp == 0 &&
            key_changes_since(&c->server->key_changes, w->selected, w->key, w->seen))
            return true;
    }
    return false;
}

static enum dispatch dispatch_exec(struct incoming *in)
{
    struct session *session = &in->conn->session;
    if (!session->in_multi)
        return answer_error(in, BYTES("ERR EXEC without MULTI"));
    if (session->has_failed) {
        session_multi_end(session);
        return answer_error(
            in, BYTES("EXECABORT Transaction discarded because of previous errors."));
    }
    if (refusal_lacks_space(in->conn->server, session->flags_any)) {
        session_multi_end(session);
        return answer_error(in, bytes_from_string(refusal_space_exec(in->conn->server)));
    }
    if (session->queue_count == 0 && session->watch_count == 0)
        return exec_nothing(in, false);
    if (refusal_room(in->conn->server) != NULL) {
        session_multi_end(session);
        return answer_error(in, bytes_from_string(refusal_room(in->conn->server)));
    }
    struct request request;
    session_exec_request(session, &in->conn->server->arena, &request);
    const bool is_barrier = session->watch_count > 0 || session->flags_any & CMD_LOCAL;
    enum dispatch outcome = is_barrier ? barrier(in) : DISPATCH_TAKEN;
    if (outcome != DISPATCH_TAKEN)
        return outcome;
    if (has_missed_change(in->conn)) /* all earlier replies of the connection are made: a barrier */
        return exec_nothing(in, true);
    if (session->only_reads && session->watch_count == 0 && in->conn->writes_in_flight == 0)
        outcome = submit(in, &request, route_read);
    else
        outcome = dispatch_write(in, &request);
    if (is_barrier)
        outcome = alone(in, outcome);
    if (outcome == DISPATCH_TAKEN)
        session_multi_end(session);
    return outcome;
}

static enum dispatch dispatch_watch(struct incoming *in)
{
    if (in->conn->session.in_multi)
        return answer_error(in, BYTES("ERR WATCH inside MULTI is not allowed"));
    const enum dispatch outcome = barrier(in);
    if (outcome != DISPATCH_TAKEN)
        return outcome;
    struct slot *slot = push(in);
    slot->kind = SLOT_WATCH;
    if (!route_watch(slot, in->parsed, in->arg_count)) {
        slot_pop(slot);
        return no_room(in);
    }
    return alone(in, DISPATCH_TAKEN);
}

static enum dispatch dispatch_op(struct incoming *in)
{
    struct session *session = &in->conn->session;
    if (!release_holds(in->conn, false, in->rewind))
        return DISPATCH_REWIND;
    switch ((enum session_op)in->info->op) {
    case OP_MULTI:
        if (session->in_multi)
            return answer_error(in, BYTES("ERR MULTI calls can not be nested"));
        session_multi_begin(session);
        return answer_ok(in, "OK");
    case OP_EXEC: return dispatch_exec(in);
    case OP_DISCARD:
        if (!session->in_multi)
            return answer_error(in, BYTES("ERR DISCARD without MULTI"));
        session_multi_end(session);
        return answer_ok(in, "OK");
    case OP_WATCH: return dispatch_watch(in);
    case OP_UNWATCH:
        if (session->in_multi) /* in EXEC it has nothing left to do */
            return queue_command(in);
        session_unwatch(session);
        return answer_ok(in, "OK");
    case OP_QUIT: {
        const enum dispatch outcome = answer_ok(in, "OK");
        conn_finish(in->conn);
        return outcome;
    }
    case OP_RESET: {
        const enum dispatch outcome = barrier(in);
        if (outcome != DISPATCH_TAKEN)
            return outcome;
        conn_forget_listening(in->conn);
        session_reset(session);
        return answer_ok(in, "RESET");
    }
    case OP_NONE: break;
    }
    panic("no such session operation");
}

/* --- one request ------------------------------------------------------------------------------ */

bool dispatch_needs_auth(const struct conn *c)
{
    return !c->session.is_authenticated && !acl_is_open(c->server);
}

static bool may_debug(const struct conn *c)
{
    const int64_t who = c->server->config.enable_debug_command;
    return who == DEBUG_COMMAND_YES || (who == DEBUG_COMMAND_LOCAL && c->is_local);
}

/* By the rules of this moment; apply asks again, by those of the request's place in the log. */
static bool is_permitted(struct incoming *in, const struct command *command,
                         enum dispatch *outcome)
{
    if (dispatch_needs_auth(in->conn) && !(command->flags & CMD_NO_AUTH)) {
        *outcome = reject_text(in, "NOAUTH Authentication required.");
        return false;
    }
    struct buf text = {0};
    const bool permitted = acl_permits(in->conn, command, in->parsed, in->arg_count, &text);
    if (!permitted)
        *outcome = reject(in, buf_bytes(&text));
    buf_clear(&text);
    return permitted;
}

/* A subcommand that is DEBUG's own matter is unknown only to those who may use DEBUG. */
static enum dispatch reject_unknown(struct incoming *in, const struct command *parent)
{
    enum dispatch outcome;
    struct buf text = {0};
    const bool is_known = parent != NULL && (parent->subcommands->flags & CMD_UNLISTED) != 0;
    if (is_known && !is_permitted(in, parent, &outcome))
        return outcome;
    command_unknown_text(in->parsed, in->arg_count, &text);
    outcome = reject(in, buf_bytes(&text));
    buf_clear(&text);
    return outcome;
}

/* Rows of the state are at work: not before it is there. */
static bool needs_state(const struct command *c)
{
    return (c->flags & (CMD_READ | CMD_WRITE)) != 0 ||
           !(c->flags & (CMD_LOADING | CMD_NOT_YET | CMD_PURE));
}

/* Why the state cannot be asked or changed just now; NULL: it can. */
static const char *state_refusal(const struct server *s, const struct command *c)
{
    if (s->status.service != SERVICE_FULL && !(c->flags & CMD_LOCAL) && needs_state(c))
        return refusal_service(s);
    if (!s->is_ready && needs_state(c))
        return s->shard == NULL
                   ? "LOADING this node belongs to no cluster yet: RAFT ADD it on a member"
                   : "LOADING Redis is loading the dataset in memory";
    if (command_at_level(c, s->status.level) == NULL)
        return LEVEL_TEXT;
    if (refusal_lacks_space(s, c->flags))
        return refusal_space(s);
    return (c->flags & CMD_LOCAL) || !needs_state(c) ? NULL : refusal_room(s);
}

/* What may be said before anything is looked at in the session's state; false: it was answered. */
static bool admit(struct incoming *in, enum dispatch *outcome)
{
    struct server *s = in->conn->server;
    const struct command *parent;
    in->command = command_at_level(command_find(in->parsed, in->arg_count, &parent),
                                   config_level_max(&s->config));
    if (in->command == NULL) {
        *outcome = reject_unknown(in, parent);
        return false;
    }
    in->info = commands_info_of(s->commands, in->command);
    in->conn->last_command = in->info;
    if (!command_arity_fits(in->command, in->arg_count)) {
        struct buf text = {0};
        if (in->command->flags & CMD_UNLISTED) /* DEBUG's own words */
            command_unknown_text(in->parsed, in->arg_count, &text);
        else
            buf_printf(&text, "ERR wrong number of arguments for '%s' command", in->info->name);
        *outcome = reject(in, buf_bytes(&text));
        buf_clear(&text);
        return false;
    }
    if (in->info->is_debug && !may_debug(in->conn)) {
        *outcome = reject_text(in, "ERR DEBUG command not allowed. If the enable-debug-command "
                                   "option is set to \"local\", you can run it from a local "
                                   "connection, otherwise you need to set this option in the "
                                   "configuration file, and then restart the server.");
        return false;
    }
    if (!is_permitted(in, in->command, outcome))
        return false;
    char refusal[SUBSCRIBER_REFUSAL_SIZE];
    if (subscriber_refusal(in->conn, in->info->name, refusal)) {
        *outcome = reject_text(in, refusal);
        return false;
    }
    const char *const why_not = state_refusal(s, in->command);
    if (why_not != NULL) {
        *outcome = reject_text(in, why_not);
        return false;
    }
    if (s->is_ready && acl_is_open(s)) /* stays so, even if a password is asked for later */
        in->conn->session.is_authenticated = true;
    return true;
}

static bool is_http(struct bytes name)
{
    return bytes_equal_nocase_string(name, "post") || bytes_equal_nocase_string(name, "host:");
}

/* A browser that was made to speak to us, as in Redis: nothing that its lines say may run. */
static enum dispatch refuse_http(struct incoming *in)
{
    struct conn *c = in->conn;
    if (!release_holds(c, false, in->rewind))
        return DISPATCH_REWIND;
    log_warn("client", "HTTP where commands are expected: closed", "id=%llu addr=%s",
             (unsigned long long)c->id, c->address);
    conn_close(c, "HTTP");
    return DISPATCH_TAKEN;
}

/* One that may wait changes something: the log has to know whose it is (CLIENT UNBLOCK). */
static void add_client(struct incoming *in, struct request *request)
{
    struct arena *arena = &in->conn->server->arena;
    struct bytes *args = arena_alloc(arena, (in->arg_count + 1) * sizeof(*args));
    uint8_t *id = arena_alloc(arena, 8);
    for (uint32_t i = 0; i < in->arg_count; i++)
        args[i] = in->parsed[i];
    put_le64(id, in->conn->id);
    args[in->arg_count] = bytes_of(id, 8);
    request->flags |= REQUEST_CLIENT;
    request->args = args;
    request->arg_count++;
}

static bool is_waiting_write(uint32_t flags)
{
    return (flags & CMD_BLOCKING) != 0 && (flags & CMD_WRITE) != 0;
}

/* A script that may write: as a read first, alone, since it may have to move to the log; in the log
 * at once when it is known to write (§3.4 step 2). */
static enum dispatch dispatch_script(struct incoming *in)
{
    struct conn *c = in->conn;
    struct server *s = c->server;
    struct machine *m = shard_machine(s->shard);
    struct request request = plain_request(in, c->session.db);
    bool store;
    const enum script_way way = machine_script_way(m, in->command, &request, &store);
    const bool reads = way == SCRIPT_READS;
    const struct request storing = store ? machine_script_store(&request, &s->arena) : request;
    enum dispatch outcome;
    if (reads) {
        request.flags = REQUEST_READ;
        outcome = dispatch_read(in, &request);
    } else if (way == SCRIPT_TRY_READ && c->writes_in_flight > 0) {
        return DISPATCH_LATER; /* it must see them, and may have to follow them */
    } else if (way == SCRIPT_TO_LOG) {
        if (refusal_lacks_space(s, CMD_WRITE | CMD_DENY_OOM))
            return reject_text(in, refusal_space(s));
        request.flags = 0;
        machine_script_shorten(m, &request, &s->arena);
        outcome = dispatch_write(in, &request);
    } else {
        request.flags = 0;
        if (!release_holds(c, false, in->rewind))
            return DISPATCH_REWIND;
        outcome = alone(in, submit(in, &request, route_read));
    }
    if (store && outcome == DISPATCH_TAKEN && !refusal_lacks_space(s, CMD_WRITE | CMD_DENY_OOM))
        shard_write(s->shard, &storing, NULL);
    return outcome;
}

const char *dispatch_moves(struct slot *slot)
{
    const struct server *s = slot->conn->server;
    return refusal_lacks_space(s, CMD_WRITE | CMD_DENY_OOM) ? refusal_space(s) : NULL;
}

/* A command of its own, outside of MULTI. */
static enum dispatch dispatch_plain(struct incoming *in)
{
    const uint32_t flags = in->command->flags;
    if (flags & CMD_NOT_YET)
        return answer_now(in);
    if (flags & CMD_PURE)
        return answer_now(in);
    if (flags & CMD_LOCAL) {
        if (in->info->local != NULL && in->info->local->at_once)
            return answer_now(in);
        const enum dispatch outcome = barrier(in);
        return outcome == DISPATCH_TAKEN ? alone(in, answer_now(in)) : outcome;
    }
    if (flags & CMD_TRY_READ)
        return dispatch_script(in);
    struct request request = plain_request(in, in->conn->session.db);
    const bool is_barrier = (flags & (CMD_BARRIER | CMD_BLOCKING)) != 0;
    if (is_barrier) {
        const enum dispatch outcome = barrier(in);
        if (outcome != DISPATCH_TAKEN)
            return outcome;
    }
    if (is_waiting_write(flags))
        add_client(in, &request);
    enum dispatch outcome;
    if (request.flags & REQUEST_READ)
        outcome = dispatch_read(in, &request);
    else
        outcome = dispatch_write(in, &request);
    return is_barrier ? alone(in, outcome) : outcome;
}

/* While a script takes long: EXEC ends its transaction with the reason. */
static enum dispatch refuse_busy(struct incoming *in)
{
    const struct server *s = in->conn->server;
    struct session *session = &in->conn->session;
    if (in->info->op != OP_EXEC || !session->in_multi)
        return reject_text(in, busy_text(s));
    struct buf text = {0};
    buf_printf(&text, "EXECABORT Transaction discarded because of: %s", busy_text(s));
    session_multi_end(session);
    const enum dispatch outcome = answer_error(in, buf_bytes(&text));
    buf_clear(&text);
    return outcome;
}

/* To MONITOR. Scripts too, though Redis's flag says no: it shows them by itself. */
static void show(const struct incoming *in)
{
    struct server *s = in->conn->server;
    const uint32_t flags = in->command->flags;
    if ((flags & CMD_ADMIN) || ((flags & CMD_SKIP_MONITOR) && !(flags & CMD_TRY_READ)))
        return;
    struct buf line = {0};
    monitor_line(s, &line, &(struct monitored){in->conn->session.db, in->conn->address,
                                               shown_args(in), in->arg_count});
    monitor_send(s, buf_bytes(&line));
    buf_clear(&line);
}

enum dispatch dispatch_request(struct conn *c, const struct resp_request *r, size_t offset,
                               size_t *rewind)
{
    struct server *s = c->server;
    struct incoming in = {.conn = c, .parsed = r->args, .arg_count = (uint32_t)r->arg_count,
                          .offset = offset, .rewind = rewind};
    if (is_http(r->args[0]))
        return refuse_http(&in);
    enum dispatch outcome;
    if (!admit(&in, &outcome))
        return outcome;
    if (s->busy.script != NULL && !(in.command->flags & CMD_ALLOW_BUSY))
        return refuse_busy(&in);
    if (pause_holds(c, s->pause == PAUSE_NONE ? 0 : flags_of(&in)))
        return DISPATCH_LATER;
    if (in.info->has_passwords)
        in.parsed = secrets_hashed(&s->arena, in.parsed, in.arg_count);
    if (in.info->op != OP_NONE)
        outcome = dispatch_op(&in);
    else if (c->session.in_multi)
        outcome = queue_command(&in);
    else
        outcome = dispatch_plain(&in);
    if (outcome == DISPATCH_TAKEN)
        tracking_dispatched(c, in.info->name);
    if (outcome == DISPATCH_TAKEN && s->monitor_count > 0 && !c->is_dead)
        show(&in);
    return outcome;
}

enum dispatch dispatch_end(struct conn *c, size_t *rewind)
{
    return release_holds(c, false, rewind) ? DISPATCH_TAKEN : DISPATCH_REWIND;
}

/* --- afterwards ------------------------------------------------------------------------------- */

static struct slowlog_phases phases_now(const struct server *s)
{
    struct shard_times t;
    if (!shard_times(s->shard, &t))
        return (struct slowlog_phases){0};
    const uint64_t persisted_us = node_persisted_us(s->node, t.index);
    return (struct slowlog_phases){
        .index = t.index,
        .queue_us = t.mailed_us - MIN(t.mailed_us, t.since_us),
        .replicate_us = t.committed_us - MIN(t.committed_us, t.mailed_us),
        .persist_us = persisted_us - MIN(persisted_us, t.mailed_us),
    };
}

/* It took as long as one of the two wants to know. */
static void note_slow(const struct conn *c, const struct command_info *info, uint64_t ticks,
                      struct bytes words)
{
    struct server *s = c->server;
    const uint64_t took_us = ticks_to_us(ticks);
    server_note_latency(s, info->command->flags & CMD_FAST ? LATENCY_FAST_COMMAND : LATENCY_COMMAND,
                        took_us);
    const int64_t slow_us = s->config.slowlog_log_slower_than;
    if (info->command->flags & CMD_SKIP_SLOWLOG || slow_us < 0 || took_us < (uint64_t)slow_us ||
        s->config.slowlog_max_len == 0)
        return;
    const struct slowlog_event event = {s->now_ms / 1000, took_us, phases_now(s), words,
                                        c->address, c->session.name};
    slowlog_add(&s->slowlog, &event, (uint64_t)s->config.slowlog_max_len);
}

void dispatch_account(struct slot *slot, const struct reply *reply)
{
    struct stats *stats = &slot->conn->server->stats;
    const uint64_t ticks = ticks_now() - slot->begun;
    stats->commands++;
    command_info_called(slot->info, ticks, slot->conn->server->config.latency_tracking);
    if (reply->errors > 0) {
        slot->info->failed++;
        stats_count_errors(stats, reply->error_code, reply->errors - reply->errors_counted);
    }
    if (ticks >= slot->conn->server->slow_ticks)
        note_slow(slot->conn, slot->info, ticks, buf_bytes(&slot->words));
}

void dispatch_begin_parts(const struct slot *slot)
{
    struct server *s = slot->conn->server;
    s->part_begun = slot->begun;
    s->part_errors = 0;
}

void dispatch_account_part(struct server *s, const struct exec *x)
{
    struct command_info *info = commands_info_of(s->commands, x->command);
    const uint64_t now = ticks_now(), ticks = now - s->part_begun;
    s->stats.commands++;
    command_info_called(info, ticks, s->config.latency_tracking);
    info->failed += x->reply.errors > s->part_errors;
    if (ticks >= s->slow_ticks) {
        struct buf words = {0};
        slowlog_words(&words, secrets_hidden(s, info, x->args, x->arg_count), x->arg_count);
        note_slow(x->client, info, ticks, buf_bytes(&words));
        buf_clear(&words);
    }
    s->part_begun = now;
    s->part_errors = x->reply.errors;
}
