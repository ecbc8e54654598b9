/* http_visit.c -- the data loop's half of the calls: who asks, what he may, and a few calls in each
 * turn, whatever is asked. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "admin/http_internal.h"
#include "admin/json.h"
#include "admin/metrics.h"
#include "base/panic.h"
#include "server/http_book.h"
#include "server/node.h"
#include "server/pending.h"
#include "server/steps.h"
#include "server/token.h"

#define CALLS_PER_TURN 4 /* of the data loop */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void call_refuse(struct call *call, int status, const char *text)
{
    call->status = status;
    call->type = HTTP_JSON;
    buf_reset(&call->answer);
    json_error(text, &call->answer);
}

/* --- from where ------------------------------------------------------------------------------- */

static bool same(const struct buf *b, const char *text)
{
    return bytes_equal(buf_bytes(b), bytes_from_string(text));
}

static bool starts_with(struct bytes b, const char *text)
{
    const size_t size = strlen(text);
    return b.size >= size && memcmp(b.data, text, size) == 0;
}

/* The address under which the page itself asked, or a member's. */
static bool is_friend(const struct server *s, const struct visitor *v)
{
    char origin[ORIGIN_MAX];
    const struct bytes given = buf_bytes(&v->origin);
    const size_t scheme = starts_with(given, "http://")    ? 7
                          : starts_with(given, "https://") ? 8 /* a proxy's */
                                                           : 0;
    if (scheme > 0 && bytes_equal(bytes_from(given, scheme), buf_bytes(&v->host)))
        return true;
    for (uint32_t i = 0; i < s->consensus.member_count; i++)
        if (http_book_origin(s, s->consensus.members[i].node, origin) && same(&v->origin, origin))
            return true;
    return false;
}

/* "host:port", "[host]:port": the host. */
static struct bytes host_of(struct bytes header)
{
    const uint8_t *data = bytes_data(header);
    if (header.size > 0 && *data == '[') {
        const uint8_t *end = memchr(data, ']', header.size);
        return end == NULL ? BYTES("") : bytes_of(data + 1, (size_t)(end - data) - 1);
    }
    const uint8_t *colon = header.size == 0 ? NULL : memchr(data, ':', header.size);
    return colon == NULL ? header : bytes_of(data, (size_t)(colon - data));
}

/* An address, or a name that is known to be ours: not one that a stranger's page was served under
 * and that was then made to mean this machine (DNS rebinding). */
static bool is_own_host(const struct server *s, const struct visitor *v)
{
    char host[256];
    uint8_t address[sizeof(struct in6_addr)];
    const struct bytes given = host_of(buf_bytes(&v->host));
    if (given.size == 0)
        return v->host.size == 0; /* no browser */
    if (given.size >= sizeof(host) || memchr(given.data, '\0', given.size) != NULL)
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)given.size, (const char *)given.data);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1 ||
        strcmp(host, "localhost") == 0 || strcmp(host, s->config.announce_host) == 0 ||
        strcmp(host, s->config.announce_http_host) == 0)
        return true;
    for (uint32_t i = 0; i < s->consensus.member_count; i++)
        if (strcmp(host, s->consensus.members[i].address.host) == 0)
            return true;
    return false;
}

/* --- who -------------------------------------------------------------------------------------- */

static const struct acl_user *refuse(struct call *call, int status, const char *text)
{
    call_refuse(call, status, text);
    return NULL;
}

/* Wrong ones are noted, and whoever had too many is not listened to for a while. */
static const struct acl_user *by_password(struct server *s, struct call *call)
{
    const struct visitor *v = &call->visitor;
    struct http_guard *guard = &call->http->guard;
    const uint64_t address = guard_address(v->address);
    const unsigned wait_s = guard_wait_s(guard, address, s->now_us);
    char text[80];
    if (wait_s > 0) {
        snprintf(text, sizeof(text), "too many wrong passwords: try again in %u s", wait_s);
        return refuse(call, 429, text);
    }
    const struct acl_user *u = acl_user_by_name(s->acl, buf_bytes(&v->user));
    const bool is_right = u != NULL && acl_user_opens(u, buf_bytes(&v->password));
    guard_note(guard, address, is_right, s->now_us);
    if (is_right)
        return u;
    acl_log_visitor(s, buf_bytes(&v->user), v->address);
    return refuse(call, 401, "a user and a password are needed");
}

const struct acl_user *visitor_user(struct server *s, struct call *call)
{
    const struct visitor *v = &call->visitor;
    const bool is_open = acl_is_open(s);
    call->is_friend = v->origin.size > 0 && is_friend(s, v);
    if (v->changes && v->origin.size > 0 && !call->is_friend)
        return refuse(call, 403, "that page is none of this cluster's (Origin)");
    if (is_open && s->config.protected_mode && !v->is_local)
        return refuse(call, 403, "protected-mode: set a password for the default user, or ask "
                                 "over the loopback interface");
    if (v->has_password)
        return by_password(s, call);
    const struct acl_user *u = v->has_token ? token_user(s, buf_bytes(&v->token)) : NULL;
    if (u == NULL && is_open) { /* an old cookie is no hindrance */
        if (!is_own_host(s, v))
            return refuse(call, 403, "ask by an address, or by the announce-host (Host)");
        u = acl_user_by_id(s->acl, ACL_DEFAULT_USER);
    }
    return u != NULL ? u : refuse(call, 401, "a user and a password are needed");
}

bool visitor_may(struct server *s, struct call *call, const char *command, const char *subcommand)
{
    const struct bytes words[] = {bytes_from_string(command), bytes_from_string(subcommand)};
    const uint32_t count = *subcommand == '\0' ? 1 : 2;
    const struct command *parent;
    const struct exec x = {.command = command_find(words, count, &parent), .args = words,
                           .arg_count = count, .arena = &s->arena};
    struct acl_denial denial;
    CHECK(x.command != NULL);
    const struct acl_user *u = visitor_user(s, call);
    if (u == NULL)
        return false;
    if (acl_check(u, &x, &denial))
        return true;
    char text[200];
    snprintf(text, sizeof(text), "the user may not run %s%s%s: ACL SETUSER ... +%s%s%s", command,
             count == 2 ? " " : "", subcommand, command, count == 2 ? "|" : "", subcommand);
    call_refuse(call, 403, text);
    return false;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void finish(struct call *call)
{
    if (!mailbox_send(call->http->answers, &call))
        panic("more calls than HTTP_CALLS_MAX");
}

static void tell_metrics(struct server *s, struct call *call)
{
    call->status = 200;
    call->type = METRICS_TYPE;
    metrics_text(s, &call->answer);
}

static void tell_node(struct server *s, struct call *call)
{
    call->status = 200;
    node_json(s, call);
}

static void described(struct job *job)
{
    struct log_describe *d = container_of(job, struct log_describe, job);
    struct call *call = container_of(d, struct call, describe);
    log_json(call->http->server, call);
    finish(call);
}

/* By a worker, since it goes to disk. */
static void read_log(struct server *s, struct call *call)
{
    struct log_describe *d = &call->describe;
    const uint64_t last = s->consensus.log_last, first = MAX(s->consensus.log_first, 1);
    if (call->from == 0)
        call->from = last >= call->count ? last - call->count + 1 : 1;
    call->from = MAX(call->from, first);
    call->lines = xcalloc(call->count, sizeof(*call->lines));
    call->facts = xcalloc(call->count, sizeof(*call->facts));
    d->log = node_log(s->node);
    d->from = call->from;
    d->to = call->from + call->count - 1;
    d->between = "\n";
    d->lines = call->lines;
    d->facts = call->facts;
    d->line_max = (uint32_t)call->count;
    log_describe_init(d);
    d->job.done = described;
    const struct workers_port workers = node_workers(s->node);
    workers.submit(workers.context, WORKER_SNAPSHOT, &d->job);
}

static void log_in(struct server *s, struct call *call)
{
    struct visitor *v = &call->visitor;
    const struct acl_user *u = visitor_user(s, call); /* has_password: no other way in */
    if (u == NULL) {
        if (call->status == 401)
            call_refuse(call, 401, "wrong user or password");
        return;
    }
    buf_append_string(&call->cookie, "avow=");
    token_make(s, u, &call->cookie);
    buf_printf(&call->cookie, "; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict", TOKEN_SECONDS);
    call->status = 200;
    json_user(buf_bytes(&v->user), &call->answer);
}

static struct conn *connect_user(struct server *s, struct call *call, uint32_t user,
                                 const char *name)
{
    struct conn *c = conn_new(s, call->fd);
    call->fd = -1;
    c->is_local = call->visitor.is_local;
    snprintf(c->address, sizeof(c->address), "%s", call->visitor.address);
    c->session.user = user;
    c->session.is_authenticated = true;
    c->session.protocol = 3;
    c->session.db = call->db;
    session_set_name(&c->session.name, bytes_from_string(name));
    call->status = 200;
    return c;
}

static void connect_visitor(struct server *s, struct call *call)
{
    const struct acl_user *u = visitor_user(s, call);
    if (u == NULL)
        return;
    if (call->db >= s->settings->databases)
        call_refuse(call, 400, "there is no database of that number");
    else if (s->conn_count >= (uint64_t)s->config.maxclients)
        call_refuse(call, 503, "max number of clients reached");
    else
        connect_user(s, call, u->id, "http")->steps = steps_use(call->steps);
}

static void list_origins(struct server *s, struct call *call)
{
    char origin[ORIGIN_MAX];
    for (uint32_t i = 0; i < s->consensus.member_count; i++)
        if (http_book_origin(s, s->consensus.members[i].node, origin))
            buf_printf(&call->answer, " %s", origin);
    call->status = 200;
}

static void greet(struct server *s, struct call *call)
{
    call->is_friend = is_friend(s, &call->visitor);
    call->status = call->is_friend ? 204 : 403;
}

static void run(struct server *s, void *context)
{
    struct call *call = context;
    switch (call->kind) {
    case CALL_METRICS:
        if (visitor_may(s, call, "info", ""))
            tell_metrics(s, call);
        break;
    case CALL_NODE:
        if (visitor_may(s, call, "info", ""))
            tell_node(s, call);
        break;
    case CALL_LOG:
        if (visitor_may(s, call, "raft", "log")) {
            read_log(s, call);
            return; /* described() goes on */
        }
        break;
    case CALL_EVENTS:
        if (visitor_may(s, call, "info", ""))
            call->status = 200;
        break;
    case CALL_CHAOS:
        if (visitor_may(s, call, "shutdown", ""))
            chaos_obey(s, call);
        break;
    case CALL_LOGIN: log_in(s, call); break;
    case CALL_COMMAND: connect_visitor(s, call); break;
    case CALL_PREFLIGHT: greet(s, call); break;
    case CALL_PAGE: list_origins(s, call); break;
    case CALL_READY: connect_user(s, call, ACL_NODE_USER, "readyz"); break;
    }
    finish(call);
}

/* With fresh figures and members of the consensus half; where it cannot be asked, what is known has
 * to do. */
void http_turn(struct server *s, void *context)
{
    struct http *h = context;
    struct call *call;
    atomic_store_explicit(&h->data_turned_us, s->now_us, memory_order_relaxed);
    for (int i = 0; i < CALLS_PER_TURN && mailbox_receive(h->questions, &call, 1) == 1; i++)
        if (call->kind == CALL_READY || !pending_call(s, run, call))
            run(s, call);
}
