/* http_call.c -- questions of the HTTP thread to the data loop, and what the data loop does with
 * them: a few in each turn, whatever is asked. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "admin/http_internal.h"
#include "admin/metrics.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/panic.h"
#include "server/listen.h"
#include "server/pending.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* --- the HTTP thread's half ------------------------------------------------------------------- */

/* Authorization: Basic base64(user ":" password). Anything else is as if nothing was said. */
static void take_credentials(struct call *call, const char *header)
{
    static const char basic[] = "Basic ";
    struct buf text = {0};
    if (header == NULL || strncasecmp(header, basic, sizeof(basic) - 1) != 0)
        return;
    call->has_credentials = true; /* also when they cannot be read: they are wrong then */
    if (base64_decode(bytes_from_string(header + sizeof(basic) - 1), &text)) {
        const struct bytes all = buf_bytes(&text);
        const uint8_t *colon = all.size == 0 ? NULL : memchr(all.data, ':', all.size);
        if (colon != NULL) {
            const size_t at = (size_t)(colon - bytes_data(all));
            buf_append_bytes(&call->user, bytes_of(all.data, at));
            buf_append_bytes(&call->password, bytes_from(all, at + 1));
        }
    }
    buf_clear(&text);
}

static void take_address(struct call *call, struct evhttp_request *request)
{
    char *host = NULL;
    ev_uint16_t port = 0;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    if (connection == NULL)
        return;
    const evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
        call->is_local = is_loopback(&address);
    evhttp_connection_get_peer(connection, &host, &port);
    snprintf(call->address, sizeof(call->address), "%.50s:%u", host == NULL ? "?" : host, port);
}

struct call *call_new(struct http *h, enum call_kind kind, struct evhttp_request *request)
{
    if (h->call_count == HTTP_CALLS_MAX)
        return NULL;
    struct call *call = xcalloc(1, sizeof(*call));
    call->http = h;
    call->kind = kind;
    call->fd = -1;
    call->deadline_us = clock_boot_us() + HTTP_CALL_MAX_US;
    if (request != NULL) {
        const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
        take_credentials(call, evhttp_find_header(headers, "Authorization"));
        take_address(call, request);
    }
    call->request = request;
    queue_push_back(&h->calls, &call->node);
    h->call_count++;
    return call;
}

void call_send(struct call *call)
{
    if (!mailbox_send(call->http->questions, &call))
        panic("more calls than HTTP_CALLS_MAX");
}

static void call_free(struct call *call)
{
    queue_remove(&call->node);
    call->http->call_count--;
    if (call->password.size > 0)
        explicit_bzero(buf_data(&call->password), call->password.size);
    buf_clear(&call->user);
    buf_clear(&call->password);
    buf_clear(&call->answer);
    if (call->fd >= 0)
        close(call->fd);
    free(call);
}

static void call_answer(struct call *call)
{
    struct evhttp_request *request = call->request;
    if (request == NULL)
        return;
    if (call->status == 401)
        evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                          "Basic realm=\"AvowDB\", charset=\"UTF-8\"");
    if (call->status == 200)
        http_reply(request, 200, METRICS_TYPE, buf_bytes(&call->answer));
    else
        http_reply(request, call->status, "text/plain; charset=utf-8", buf_bytes(&call->answer));
}

void calls_take(struct http *h, uint64_t now_us)
{
    struct call *call;
    while (mailbox_receive(h->answers, &call, 1) == 1) {
        call_answer(call);
        call_free(call);
    }
    struct queue_node *node = queue_first(&h->calls);
    for (; node != NULL; node = queue_next(&h->calls, node)) {
        call = container_of(node, struct call, node);
        if (call->request == NULL || now_us < call->deadline_us)
            continue;
        http_reply_text(call->request, 503, "the data loop does not answer\n");
        call->request = NULL;
    }
}

void calls_close(struct http *h)
{
    while (!queue_is_empty(&h->calls)) {
        struct call *call = container_of(queue_first(&h->calls), struct call, node);
        if (call->request != NULL)
            http_reply_text(call->request, 503, "the server ends\n");
        call_free(call);
    }
}

/* --- the data loop's half --------------------------------------------------------------------- */

static void finish(struct call *call)
{
    if (!mailbox_send(call->http->answers, &call))
        panic("more calls than HTTP_CALLS_MAX");
}

static bool admit(struct server *s, struct call *call, const char *command)
{
    const struct acl_visitor visitor = {buf_bytes(&call->user), buf_bytes(&call->password),
                                        call->has_credentials, call->is_local};
    switch (acl_admits(s, &visitor, command)) {
    case ACL_DOOR_OPEN: return true;
    case ACL_DOOR_LOGIN:
        call->status = 401;
        buf_append_string(&call->answer, "a user and its password are needed (HTTP Basic)\n");
        return false;
    case ACL_DOOR_RIGHT:
        call->status = 403;
        buf_printf(&call->answer, "the user may not run %s: ACL SETUSER ... +%s\n", command,
                   command);
        return false;
    case ACL_DOOR_PROTECTED:
        call->status = 403;
        buf_append_string(&call->answer, "protected-mode: set a password for the default user, or "
                                         "ask over the loopback interface\n");
        return false;
    }
    panic("no such door");
}

static void metrics_ready(struct server *s, void *context)
{
    struct call *call = context;
    call->status = 200;
    metrics_text(s, &call->answer);
    finish(call);
}

static void connect_inside(struct server *s, struct call *call)
{
    struct conn *c = conn_new(s, call->fd);
    call->fd = -1;
    c->is_local = call->is_local;
    snprintf(c->address, sizeof(c->address), "%s", call->address);
    c->session.user = ACL_NODE_USER;
    c->session.is_authenticated = true;
    session_set_name(&c->session.name, BYTES("readyz"));
}

static void run(struct server *s, struct call *call)
{
    switch (call->kind) {
    case CALL_METRICS:
        if (!admit(s, call, "info"))
            finish(call);
        else if (!pending_call(s, metrics_ready, call)) /* else what is known has to do */
            metrics_ready(s, call);
        return;
    case CALL_CONNECT:
        connect_inside(s, call);
        finish(call);
        return;
    }
}

void http_turn(struct server *s, void *context)
{
    struct http *h = context;
    struct call *call;
    atomic_store_explicit(&h->data_turned_us, s->now_us, memory_order_relaxed);
    for (int i = 0; i < HTTP_CALLS_PER_TURN && mailbox_receive(h->questions, &call, 1) == 1; i++)
        run(s, call);
}
