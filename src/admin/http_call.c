/* http_call.c -- questions of the HTTP thread to the data loop: that thread's half. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "admin/http_internal.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/panic.h"
#include "server/listen.h"
#include "server/steps.h"

#define COOKIE "avow="

/* --- who asks --------------------------------------------------------------------------------- */

/* What follows word and a blank in an Authorization header; NULL: something else. */
static const char *credentials_of(const char *header, const char *word)
{
    const size_t size = strlen(word);
    return strncasecmp(header, word, size) == 0 && header[size] == ' ' ? header + size + 1 : NULL;
}

/* base64(user ":" password) */
static void take_basic(struct visitor *v, const char *coded)
{
    struct buf text = {0};
    v->has_password = true; /* also when it cannot be read: it is wrong then */
    if (base64_decode(bytes_from_string(coded), &text)) {
        const struct bytes all = buf_bytes(&text);
        const uint8_t *colon = all.size == 0 ? NULL : memchr(all.data, ':', all.size);
        if (colon != NULL) {
            const size_t at = (size_t)(colon - bytes_data(all));
            buf_append_bytes(&v->user, bytes_of(all.data, at));
            buf_append_bytes(&v->password, bytes_from(all, at + 1));
        }
    }
    if (text.size > 0)
        explicit_bzero(buf_data(&text), text.size);
    buf_clear(&text);
}

static void take_token(struct visitor *v, const char *token, size_t size)
{
    v->has_token = true;
    buf_append(&v->token, token, size);
}

/* Our cookie among those of others (RFC 6265: name=value; name=value). */
static void take_cookie(struct visitor *v, const char *header)
{
    while (*header != '\0') {
        const size_t size = strcspn(header, ";");
        if (size >= sizeof(COOKIE) - 1 && strncmp(header, COOKIE, sizeof(COOKIE) - 1) == 0) {
            take_token(v, header + sizeof(COOKIE) - 1, size - (sizeof(COOKIE) - 1));
            return;
        }
        header += size;
        header += strspn(header, "; ");
    }
}

static void take_address(struct visitor *v, struct evhttp_request *request)
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
        v->is_local = is_loopback(&address);
    evhttp_connection_get_peer(connection, &host, &port);
    snprintf(v->address, sizeof(v->address), "%.50s:%u", host == NULL ? "?" : host, port);
}

static void take_visitor(struct visitor *v, struct evhttp_request *request)
{
    const char *header = http_header(request, "Authorization");
    const char *basic = credentials_of(header, "Basic");
    const char *bearer = credentials_of(header, "Bearer");
    if (basic != NULL)
        take_basic(v, basic);
    else if (bearer != NULL)
        take_token(v, bearer, strlen(bearer));
    else if (*header != '\0')
        v->has_password = true; /* of a kind that nobody here knows: wrong */
    else
        take_cookie(v, http_header(request, "Cookie"));
    take_address(v, request);
    v->changes = evhttp_request_get_command(request) == EVHTTP_REQ_POST;
    buf_append_string(&v->origin, http_header(request, "Origin"));
    buf_append_string(&v->host, http_header(request, "Host"));
}

static void visitor_clear(struct visitor *v)
{
    if (v->password.size > 0)
        explicit_bzero(buf_data(&v->password), v->password.size);
    struct buf *const all[] = {&v->user, &v->password, &v->token, &v->origin, &v->host};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        buf_clear(all[i]);
}

/* --- there and back --------------------------------------------------------------------------- */

struct call *call_new(struct http *h, enum call_kind kind, struct evhttp_request *request)
{
    if (h->call_count == HTTP_CALLS_MAX) {
        if (request != NULL)
            http_reply_error(request, 503, "too many questions to the data loop wait");
        return NULL;
    }
    struct call *call = xcalloc(1, sizeof(*call));
    call->http = h;
    call->kind = kind;
    call->type = HTTP_JSON;
    call->fd = call->peer_fd = -1;
    call->deadline_us = clock_boot_us() + HTTP_CALL_MAX_US;
    if (request != NULL)
        take_visitor(&call->visitor, request);
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

void call_ask(struct http *h, enum call_kind kind, struct evhttp_request *request)
{
    struct call *call = call_new(h, kind, request);
    if (call != NULL)
        call_send(call);
}

static void call_free(struct call *call)
{
    queue_remove(&call->node);
    call->http->call_count--;
    visitor_clear(&call->visitor);
    if (call->said.size > 0)
        explicit_bzero(buf_data(&call->said), call->said.size);
    buf_clear(&call->said);
    buf_clear(&call->answer);
    buf_clear(&call->cookie);
    for (uint64_t i = 0; i < call->count && call->lines != NULL; i++)
        buf_clear(&call->lines[i]);
    free(call->lines);
    free(call->facts);
    if (call->fd >= 0)
        close(call->fd);
    if (call->peer_fd >= 0)
        close(call->peer_fd);
    steps_drop(call->steps);
    free(call);
}

static const char *text_of(struct buf *b)
{
    buf_append_u8(b, '\0');
    return (const char *)buf_data(b);
}

/* A page of another node may read it. */
static void add_friend_headers(struct call *call)
{
    struct evhttp_request *request = call->request;
    if (call->visitor.origin.size > 0)
        http_add_header(request, "Vary", "Origin");
    if (!call->is_friend)
        return;
    http_add_header(request, "Access-Control-Allow-Origin", text_of(&call->visitor.origin));
    http_add_header(request, "Access-Control-Allow-Credentials", "true");
    if (call->kind != CALL_PREFLIGHT)
        return;
    http_add_header(request, "Access-Control-Allow-Methods", "GET, POST");
    http_add_header(request, "Access-Control-Allow-Headers", "content-type, x-avow");
    http_add_header(request, "Access-Control-Max-Age", "60");
}

static void call_answer(struct call *call)
{
    if (call->request == NULL)
        return;
    add_friend_headers(call);
    if (call->status == 200 && call->kind == CALL_COMMAND) {
        command_begin(call);
        return;
    }
    if (call->status == 200 && call->kind == CALL_CHAOS) {
        chaos_go_on(call);
        return;
    }
    if (call->status == 200 && call->kind == CALL_EVENTS) {
        events_begin(call);
        return;
    }
    if (call->status == 200 && call->kind == CALL_PAGE) {
        page_send(call);
        return;
    }
    if (call->status == 401 && call->kind == CALL_METRICS) /* a page asks by itself */
        http_add_header(call->request, "WWW-Authenticate",
                        "Basic realm=\"AvowDB\", charset=\"UTF-8\"");
    if (call->cookie.size > 0)
        http_add_header(call->request, "Set-Cookie", text_of(&call->cookie));
    http_reply(call->request, call->status, call->type, buf_bytes(&call->answer));
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
        http_reply_error(call->request, 503, "the data loop does not answer");
        call->request = NULL;
    }
}

void calls_close(struct http *h)
{
    struct queue_node *node = queue_first(&h->calls);
    for (; node != NULL; node = queue_next(&h->calls, node)) {
        struct call *call = container_of(node, struct call, node);
        if (call->request != NULL)
            http_reply_error(call->request, 503, "the server ends");
        call->request = NULL;
    }
}

void calls_free(struct http *h)
{
    while (!queue_is_empty(&h->calls))
        call_free(container_of(queue_first(&h->calls), struct call, node));
}
