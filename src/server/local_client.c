/* local_client.c -- CLIENT: connections seen, named and closed. */

#include "server/local.h"

#include <stdlib.h>
#include "base/encode.h"
#include "base/panic.h"
#include "server/client_ask.h"
#include "server/node.h"
#include "server/pending.h"
#include "server/route.h"

/* --- about itself ----------------------------------------------------------------------------- */

void client_id(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    reply_int64(x, (int64_t)c->id);
}

void client_getname(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    if (c->session.name == NULL)
        reply_null(x);
    else
        reply_bulk_string(x, c->session.name);
}

void client_setname(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    if (session_set_name(&c->session.name, x->args[2]))
        reply_ok(x);
    else
        reply_error(x, "ERR Client names cannot contain spaces, newlines or special characters.");
}

void client_no_evict(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    if (!arg_is(x, 2, "on") && !arg_is(x, 2, "off")) {
        reply_syntax_error(x);
        return;
    }
    c->session.no_evict = arg_is(x, 2, "on");
    reply_ok(x);
}

void client_reply(struct server *s, struct conn *c, struct exec *x)
{
    if (local_refuse_in_exec(x))
        return;
    CHECK(s->running != NULL);
    struct session *session = &c->session;
    if (arg_is(x, 2, "on")) {
        session->is_silent = session->skips_next = false;
        s->running->is_silent = false;
        x->reply.out = slot_out(s->running);
        reply_ok(x);
    } else if (arg_is(x, 2, "off")) {
        session->is_silent = true;
        s->running->is_silent = true;
    } else if (arg_is(x, 2, "skip")) {
        session->skips_next = !session->is_silent;
        s->running->is_silent = true;
    } else {
        reply_syntax_error(x);
    }
}

/* --- lists ------------------------------------------------------------------------------------ */

#define FLAGS_MAX 16

/* In the order of Redis. */
static void write_flags(const struct conn *c, char flags[static FLAGS_MAX])
{
    const struct {
        bool is_set;
        char letter;
    } all[] = {
        {c->is_monitor, 'O'}, {pubsub_is_subscriber(c), 'P'}, {c->session.in_multi, 'x'},
        {c->is_paused || c->blocked != NULL, 'b'}, {c->tracker.is_on, 't'},
        {c->tracker.is_broken, 'R'}, {c->tracker.is_bcast, 'B'}, {c->closes, 'c'},
        {c->session.no_evict, 'e'},
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        if (all[i].is_set)
            flags[n++] = all[i].letter;
    if (n == 0)
        flags[n++] = 'N';
    flags[n] = '\0';
}

/* In Redis a client has a buffer of its own, and then a list of blocks of this size. */
#define OUT_BLOCK 16384

void client_describe(const struct conn *c, struct buf *to)
{
    const struct server *s = c->server;
    const struct session *session = &c->session;
    char flags[FLAGS_MAX];
    write_flags(c, flags);
    buf_printf(to, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu flags=%s db=%u ",
               (unsigned long long)c->id, c->address, c->local_address, c->stream.fd,
               session->name == NULL ? "" : session->name,
               (unsigned long long)(s->now_ms - MIN(s->now_ms, c->created_ms)) / 1000,
               (unsigned long long)(s->now_ms - MIN(s->now_ms, c->active_ms)) / 1000, flags,
               session->db);
    buf_printf(to, "sub=%u psub=%u ssub=%u multi=%lld qbuf=%zu qbuf-free=%zu argv-mem=0 ",
               c->subscriber.counts[TOPIC_CHANNEL], c->subscriber.counts[TOPIC_PATTERN],
               c->subscriber.counts[TOPIC_SHARD],
               session->in_multi ? (long long)session->queue_count : -1,
               MAX(c->in.size, c->request_bytes),
               c->in.capacity - MIN(c->in.capacity, c->in.size));
    const size_t own = MIN(c->out.size, OUT_BLOCK), beyond = c->out.size - own;
    buf_printf(to, "multi-mem=%zu rbs=%zu rbp=%zu obl=%zu oll=%zu omem=%zu tot-mem=%zu ",
               session->queue.capacity, MIN(c->out.capacity, OUT_BLOCK),
               MIN(c->out.capacity, OUT_BLOCK), own, (beyond + OUT_BLOCK - 1) / OUT_BLOCK, beyond,
               conn_memory(c));
    const struct acl_user *user = conn_user(c);
    buf_printf(to, "events=%s%s cmd=%s user=", c->reads_enabled ? "r" : "",
               c->writes_enabled ? "w" : "",
               c->last_command == NULL ? "NULL" : c->last_command->name);
    buf_append_bytes(to, user != NULL                           ? user->name
                         : session->user == ACL_NODE_USER ? BYTES("(node)")
                                                          : BYTES("(deleted)"));
    buf_printf(to, " redir=%lld resp=%d",
               c->tracker.is_on ? (long long)c->tracker.redirect : -1, session->protocol);
}

void client_info(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    struct buf text = {0};
    client_describe(c, &text);
    buf_append_u8(&text, '\n');
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

/* The classes of Redis; ours are normal or pubsub. -1: unknown. */
static int type_of(struct bytes name)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"normal", CLIENT_NORMAL}, {"slave", CLIENT_REPLICA}, {"replica", CLIENT_REPLICA},
                 {"pubsub", CLIENT_PUBSUB}, {"master", CLIENT_CLASSES}};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (bytes_equal_nocase_string(name, types[i].name))
            return types[i].type;
    return -1;
}

static void list_ids(struct server *s, struct exec *x, struct buf *text)
{
    for (uint32_t i = 3; i < x->arg_count; i++) {
        int64_t id;
        if (!bytes_to_int64(x->args[i], &id) || id <= 0) {
            reply_error(x, "ERR Invalid client ID");
            return;
        }
        const struct conn *other = conn_by_id(s, (uint64_t)id);
        if (other != NULL) {
            client_describe(other, text);
            buf_append_u8(text, '\n');
        }
    }
    reply_verbatim(x, "txt", buf_bytes(text));
}

void client_list(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct buf text = {0};
    if (x->arg_count > 3 && arg_is(x, 2, "id")) {
        list_ids(s, x, &text);
        buf_clear(&text);
        return;
    }
    int type = -1;
    if (x->arg_count == 4 && arg_is(x, 2, "type")) {
        type = type_of(x->args[3]);
        if (type < 0) {
            reply_errorf(x, "ERR Unknown client type '%.*s'", (int)MIN(x->args[3].size, 128),
                         (const char *)x->args[3].data);
            return;
        }
    } else if (x->arg_count != 2) {
        reply_syntax_error(x);
        return;
    }
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        const struct conn *other = container_of(node, struct conn, node);
        if (type >= 0 && type != (int)conn_class(other))
            continue;
        client_describe(other, &text);
        buf_append_u8(&text, '\n');
    }
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

/* --- KILL ------------------------------------------------------------------------------------- */

struct kill_filter {
    struct bytes address, local_address;
    int64_t id;
    int type; /* -1 = any */
    uint32_t user;
    bool has_address, has_local_address, has_id, has_user, skip_me;
};

static bool parse_kill_option(const struct server *s, struct exec *x, uint32_t i,
                              struct kill_filter *filter)
{
    const struct bytes value = x->args[i + 1];
    if (arg_is(x, i, "id")) {
        filter->has_id = true;
        if (bytes_to_int64(value, &filter->id) && filter->id > 0)
            return true;
        reply_error(x, "ERR client-id should be greater than 0");
        return false;
    }
    if (arg_is(x, i, "type")) {
        filter->type = type_of(value);
        if (filter->type >= 0)
            return true;
        reply_errorf(x, "ERR Unknown client type '%.*s'", (int)MIN(value.size, 128),
                     (const char *)value.data);
        return false;
    }
    if (arg_is(x, i, "addr")) {
        filter->has_address = true;
        filter->address = value;
        return true;
    }
    if (arg_is(x, i, "laddr")) {
        filter->has_local_address = true;
        filter->local_address = value;
        return true;
    }
    if (arg_is(x, i, "user")) {
        const struct acl_user *user = acl_user_by_name(s->acl, value);
        filter->has_user = true;
        filter->user = user == NULL ? 0 : user->id;
        if (user != NULL)
            return true;
        reply_errorf(x, "ERR No such user '%.*s'", (int)MIN(value.size, 128),
                     (const char *)value.data);
        return false;
    }
    if (arg_is(x, i, "skipme") && (arg_is(x, i + 1, "yes") || arg_is(x, i + 1, "no"))) {
        filter->skip_me = arg_is(x, i + 1, "yes");
        return true;
    }
    reply_syntax_error(x);
    return false;
}

static bool kill_fits(const struct kill_filter *filter, const struct conn *c)
{
    return !(filter->has_address && !bytes_equal(filter->address, bytes_from_string(c->address))) &&
           !(filter->has_local_address &&
             !bytes_equal(filter->local_address, bytes_from_string(c->local_address))) &&
           !(filter->has_id && (uint64_t)filter->id != c->id) &&
           !(filter->type >= 0 && filter->type != (int)conn_class(c)) &&
           !(filter->has_user && filter->user != c->session.user);
}

static size_t kill_all(struct server *s, struct conn *self, const struct kill_filter *filter)
{
    size_t killed = 0;
    struct queue_node *node = queue_first(&s->conns), *next;
    for (; node != NULL; node = next) {
        next = queue_next(&s->conns, node);
        struct conn *other = container_of(node, struct conn, node);
        if (!kill_fits(filter, other) || (other == self && filter->skip_me))
            continue;
        killed++;
        if (other == self)
            conn_finish(other); /* behind the reply */
        else
            conn_close(other, "killed by CLIENT KILL");
    }
    return killed;
}

/* What a client's node has done, or not. */
static void reply_done(struct exec *x, enum client_answer answer)
{
    if (answer == CLIENT_UNKNOWN)
        reply_error(x, "UNCERTAIN the node of that client did not answer in time, it may or may "
                       "not have done it");
    else
        reply_int64(x, answer == CLIENT_DONE);
}

static void kill_answered(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_done(x, (enum client_answer)s->running->pending->answer);
}

/* An id tells whose client it is; what else is asked of it is not sent there. */
static void kill_elsewhere(struct exec *x, const struct kill_filter *filter)
{
    if (local_refuse_in_exec(x))
        return;
    if (filter->has_address || filter->has_local_address || filter->type >= 0 || filter->has_user)
        reply_error(x, "ERR a client of another node is killed by its ID alone");
    else if (!client_ask(x, CLIENT_KILL, (uint64_t)filter->id, kill_answered))
        reply_done(x, CLIENT_NOT_DONE);
}

void client_kill(struct server *s, struct conn *c, struct exec *x)
{
    struct kill_filter filter = {.type = -1, .skip_me = true};
    if (x->arg_count == 3) { /* the old form */
        filter.has_address = true;
        filter.address = x->args[2];
        filter.skip_me = false;
        if (kill_all(s, c, &filter) == 0)
            reply_error(x, "ERR No such client");
        else
            reply_ok(x);
        return;
    }
    if (x->arg_count % 2 != 0) {
        reply_syntax_error(x);
        return;
    }
    for (uint32_t i = 2; i < x->arg_count; i += 2)
        if (!parse_kill_option(s, x, i, &filter))
            return;
    const uint64_t node = filter.has_id ? client_node((uint64_t)filter.id) : 0;
    if (node != 0 && node != node_id(s->node))
        kill_elsewhere(x, &filter);
    else
        reply_int64(x, (int64_t)kill_all(s, c, &filter));
}

/* --- UNBLOCK ---------------------------------------------------------------------------------- */

static bool parse_unblock(struct exec *x, uint64_t *id, enum client_deed *deed)
{
    if (x->arg_count > 4) {
        reply_wrong_arity(x);
        return false;
    }
    if (x->arg_count == 4 && !arg_is(x, 3, "timeout") && !arg_is(x, 3, "error")) {
        reply_error(x, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return false;
    }
    int64_t number;
    if (!arg_int64(x, 2, &number))
        return false;
    *id = number < 0 ? 0 : (uint64_t)number;
    *deed = x->arg_count == 4 && arg_is(x, 3, "error") ? CLIENT_UNBLOCK_ERROR
                                                       : CLIENT_UNBLOCK_TIMEOUT;
    return true;
}

/* By the log, wherever the client is: what waits there, waits in the state. */
static void unblock_by_log(struct server *s, struct exec *x, uint64_t id, enum client_deed deed)
{
    const enum unblock_reason reason =
        deed == CLIENT_UNBLOCK_ERROR ? UNBLOCK_ERROR : UNBLOCK_TIMEOUT;
    uint8_t what[UNBLOCK_SIZE] = {UNBLOCK_CLIENT, (uint8_t)reason};
    put_le64(what + 2, id);
    const struct bytes arg = bytes_of(what, sizeof(what));
    const struct request request = {.kind = REQ_UNBLOCK, .args = &arg, .arg_count = 1};
    if (local_refuse_in_exec(x))
        return;
    CHECK(s->running != NULL);
    if (s->shard == NULL || !s->is_ready)
        reply_int64(x, 0);
    else if (!route_write(s->running, &request))
        reply_error(x, "CLUSTERDOWN too much is in flight, not executed");
}

static void end_unblock(struct server *s, struct exec *x, enum client_answer answer)
{
    uint64_t id;
    enum client_deed deed;
    if (answer == CLIENT_WAITS_IN_LOG && parse_unblock(x, &id, &deed))
        unblock_by_log(s, x, id, deed);
    else
        reply_done(x, answer);
}

static void unblock_answered(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    end_unblock(s, x, (enum client_answer)s->running->pending->answer);
}

void client_unblock(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    uint64_t id;
    enum client_deed deed;
    if (!parse_unblock(x, &id, &deed))
        return;
    if (client_node(id) == 0) /* no node has that number */
        reply_done(x, CLIENT_NOT_DONE);
    else if (client_node(id) == node_id(s->node))
        end_unblock(s, x, client_do(s, deed, id));
    else if (!local_refuse_in_exec(x) && !client_ask(x, deed, id, unblock_answered))
        end_unblock(s, x, CLIENT_WAITS_IN_LOG);
}

void client_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
        "GETREDIR",
        "    Return the client ID we are redirecting to when tracking is enabled.",
        "GETNAME",
        "    Return the name of the current connection.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made from the specified address",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made to specified local address",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Kill connections by type.",
        "    * USER <username>",
        "      Kill connections authenticated by <username>.",
        "    * SKIPME (YES|NO)",
        "      Skip killing current connection (default: yes).",
        "LIST [options ...]",
        "    Return information about client connections. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Return clients of specified type.",
        "UNPAUSE",
        "    Stop the current client pause, resuming traffic.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Suspend all, or just write, clients for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Unblock the specified blocked client.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Control server assisted client side caching.",
        "TRACKINGINFO",
        "    Report tracking status for the current connection.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
        NULL,
    };
    reply_help(x, lines);
}
