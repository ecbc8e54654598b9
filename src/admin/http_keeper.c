/* http_keeper.c -- orders that the keeper carries out (utils/keeper.c): it stands outside of the
 * nodes, and listens at chaos-socket. A line there, a line back, which is the request's answer. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "admin/http_internal.h"
#include "base/panic.h"
#include "server/loop.h"

#define ORDERS_MAX 16   /* under way */
#define KEEPER_MAX_S 40 /* a node that starts is waited for, after other orders */

static const char silent[] = "the keeper does not answer (chaos-socket): call "
                             "utils/start-cluster.sh, it starts a new one";

struct keeper_order {
    struct queue_node node; /* in http.orders */
    struct http *http;
    struct evhttp_request *request;
    struct bufferevent *bev;
};

static void order_end(struct keeper_order *o, int status, const char *why_not)
{
    if (status == 200)
        http_reply(o->request, 200, HTTP_JSON, BYTES("{}"));
    else
        http_reply_error(o->request, status, why_not);
    queue_remove(&o->node);
    o->http->order_count--;
    bufferevent_free(o->bev);
    free(o);
}

static void on_line(struct bufferevent *bev, void *context)
{
    char *line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
    if (line == NULL)
        return;
    if (strcmp(line, "ok") == 0)
        order_end(context, 200, NULL);
    else
        order_end(context, 502, strncmp(line, "error ", 6) == 0 ? line + 6 : line);
    free(line);
}

static void on_end(struct bufferevent *bev, short what, void *context)
{
    (void)bev;
    if (what & BEV_EVENT_TIMEOUT)
        order_end(context, 504, "the keeper has not answered in time: it may still do it");
    else
        order_end(context, 502, silent);
}

/* A socket that the keeper will read; -1: it does not listen. */
static int keeper_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    evutil_closesocket(fd);
    return -1;
}

void keeper_begin(struct call *call)
{
    static const struct timeval limit = {KEEPER_MAX_S, 0};
    struct http *h = call->http;
    if (h->order_count >= ORDERS_MAX) {
        http_reply_error(call->request, 503, "too many orders wait for the keeper");
        return;
    }
    const int fd = keeper_connect(h->server->config.chaos_socket);
    if (fd < 0) {
        http_reply_error(call->request, 502, silent);
        return;
    }
    struct keeper_order *o = xcalloc(1, sizeof(*o));
    o->http = h;
    o->request = call->request;
    o->bev = bufferevent_socket_new(loop_base(h->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (o->bev == NULL)
        panic("bufferevent_socket_new failed");
    queue_push_back(&h->orders, &o->node);
    h->order_count++;
    bufferevent_setcb(o->bev, on_line, NULL, on_end, o);
    bufferevent_set_timeouts(o->bev, &limit, NULL);
    bufferevent_enable(o->bev, EV_READ | EV_WRITE);
    bufferevent_write(o->bev, buf_data(&call->answer), call->answer.size);
}

void keeper_close(struct http *h)
{
    while (!queue_is_empty(&h->orders))
        order_end(container_of(queue_first(&h->orders), struct keeper_order, node), 503,
                  "the server ends: the keeper may have done it");
}
