/* http_ready.c -- /readyz: a linearizable read (DBSIZE), made as a client makes one, over a
 * connection of the node's own into the data loop. Its error is the reason. Who asks while one is
 * under way shares its answer, so that the question, which needs no password, costs the cluster no
 * more than one read at a time.
 *
 *   socketpair -> CALL_READY: one end becomes a connection; the other: DBSIZE, a line, closed */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "admin/http_internal.h"
#include "base/panic.h"
#include "server/loop.h"

#define READY_MAX_MS 1000

static void probe_end(struct probe *p, int status, const char *text)
{
    for (size_t i = 0; i < p->count; i++)
        http_reply_text(p->waiting[i], status, text);
    p->count = 0;
    bufferevent_free(p->bev);
    p->bev = NULL;
}

static void on_line(struct bufferevent *bev, void *context)
{
    struct probe *p = context;
    char *line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_CRLF_STRICT);
    if (line == NULL)
        return;
    if (*line == ':') {
        probe_end(p, 200, "ready\n");
    } else {
        struct buf text = {0};
        buf_printf(&text, "not ready: %s\n", line + (*line == '-'));
        buf_append_u8(&text, '\0');
        probe_end(p, 503, (const char *)buf_data(&text));
        buf_clear(&text);
    }
    free(line);
}

static void on_end(struct bufferevent *bev, short what, void *context)
{
    (void)bev;
    probe_end(context, 503, what & BEV_EVENT_TIMEOUT
                                ? "not ready: a linearizable read was not answered within a "
                                  "second: no majority, no leader, or too much to do (RAFT "
                                  "DOCTOR says more)\n"
                                : "not ready: the server ends\n");
}

/* NULL, or why there is none. */
static const char *probe_begin(struct http *h)
{
    static const char question[] = "*1\r\n$6\r\nDBSIZE\r\n";
    static const struct timeval limit = {READY_MAX_MS / 1000, READY_MAX_MS % 1000 * 1000};
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return "not ready: no file descriptors\n";
    struct call *call = call_new(h, CALL_READY, NULL);
    if (call == NULL) {
        close(fds[0]);
        close(fds[1]);
        return "not ready: too many questions to the data loop wait\n";
    }
    call->fd = fds[1];
    call_send(call);
    struct bufferevent *bev = bufferevent_socket_new(loop_base(h->loop), fds[0],
                                                     BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        panic("bufferevent_socket_new failed");
    bufferevent_setcb(bev, on_line, NULL, on_end, &h->probe);
    bufferevent_set_timeouts(bev, &limit, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    bufferevent_write(bev, question, sizeof(question) - 1);
    h->probe.bev = bev;
    return NULL;
}

void http_ready(struct http *h, struct evhttp_request *request)
{
    struct probe *p = &h->probe;
    const char *why_not = NULL;
    if (p->bev == NULL)
        why_not = probe_begin(h);
    else if (p->count == HTTP_CLIENTS_MAX)
        why_not = "not ready: too many ask\n";
    if (why_not != NULL)
        http_reply_text(request, 503, why_not);
    else
        p->waiting[p->count++] = request;
}

void ready_close(struct http *h)
{
    if (h->probe.bev != NULL)
        probe_end(&h->probe, 503, "not ready: the server ends\n");
}
