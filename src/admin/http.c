#define _GNU_SOURCE /* pthread_setname_np */
#include "admin/http.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "admin/http_internal.h"
#include "admin/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/listen.h"
#include "server/loop.h"
#include "server/node.h"

#ifndef DASHBOARD_DIR
#define DASHBOARD_DIR "dashboard"
#endif
#define WATCH_EVERY_US 50000        /* the same, while somebody listens to events */
#define AGAIN_US UINT64_C(200000)  /* between two looks without an event */
#define STILL_US UINT64_C(30000000) /* a loop without a turn for so long stands still */
#define WORK_US 10000              /* so much processor time is work, and not a clock's tick */

struct http_client { /* a connection */
    struct queue_node node;
    struct bufferevent *bev; /* evhttp's, and a reference of ours */
    uint64_t seen_us;        /* when it was accepted, brought a request, or had its last answer */
    bool is_busy;            /* a request of it is being answered */
    bool is_stream;          /* for as long as it likes (http_events.c) */
};

/* --- headers ---------------------------------------------------------------------------------- */

const char *http_header(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value == NULL ? "" : value;
}

void http_add_header(struct evhttp_request *request, const char *name, const char *value)
{
    if (evhttp_add_header(evhttp_request_get_output_headers(request), name, value) != 0)
        log_warn("http", "a header cannot be sent", "name=%s", name);
}

/* --- answers ---------------------------------------------------------------------------------- */

void http_reply(struct evhttp_request *request, int status, const char *type, struct bytes body)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL)
        panic("evbuffer_new failed");
    http_add_header(request, "Content-Type", type);
    http_add_header(request, "X-Content-Type-Options", "nosniff");
    http_add_header(request, "Cache-Control", "no-store");
    if (body.size > 0 && evbuffer_add(out, body.data, body.size) != 0)
        panic("evbuffer_add failed");
    evhttp_send_reply(request, status, NULL, out); /* no harm when the connection is gone */
    evbuffer_free(out);
}

void http_reply_text(struct evhttp_request *request, int status, const char *text)
{
    http_reply(request, status, HTTP_TEXT, bytes_from_string(text));
}

void http_reply_error(struct evhttp_request *request, int status, const char *text)
{
    struct buf body = {0};
    json_error(text, &body);
    http_reply(request, status, HTTP_JSON, buf_bytes(&body));
    buf_clear(&body);
}

/* --- connections ------------------------------------------------------------------------------ */

/* Clients beyond the limit, or beyond what the system has room for, wait in the kernel's queue. */
static void pause_accepting(struct http *h, bool pause)
{
    for (size_t i = 0; i < h->listener_count && pause != h->is_paused; i++) {
        if (pause)
            evconnlistener_disable(h->listeners[i]);
        else
            evconnlistener_enable(h->listeners[i]);
    }
    h->is_paused = pause;
}

/* No file descriptors: asking on and on would only burn time. The next sweep tries again. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)listener;
    struct http *h = context;
    log_warn("http", "cannot accept a connection", "error=%s", strerror(EVUTIL_SOCKET_ERROR()));
    pause_accepting(h, true);
}

/* A connection begins: its bufferevent, of which we keep a reference to see its end. */
static struct bufferevent *client_new(struct event_base *base, void *context)
{
    struct http *h = context;
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (client->bev == NULL)
        panic("bufferevent_socket_new failed");
    bufferevent_incref(client->bev);
    client->seen_us = clock_boot_us();
    queue_push_back(&h->clients, &client->node);
    if (++h->client_count == HTTP_CLIENTS_MAX)
        pause_accepting(h, true);
    return client->bev;
}

static void client_free(struct http *h, struct http_client *client)
{
    queue_remove(&client->node);
    bufferevent_decref(client->bev);
    free(client);
    h->client_count--;
}

/* evhttp sets callbacks as long as the connection lives, and lets go of it by bufferevent_free(),
 * which takes them off. */
static bool has_ended(const struct http_client *client)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(client->bev, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

/* A whole request in time, however busily it sends; and the answer taken in time. */
static bool is_too_slow(const struct http_client *client, uint64_t now_us)
{
    if (client->is_stream)
        return false;
    const uint64_t limit_s = client->is_busy ? HTTP_BUSY_S : HTTP_IDLE_S;
    return client->seen_us + limit_s * 1000000 <= now_us;
}

static void sweep(struct http *h, uint64_t now_us)
{
    struct queue_node *next, *node = queue_first(&h->clients);
    for (; node != NULL; node = next) {
        struct http_client *client = container_of(node, struct http_client, node);
        next = queue_next(&h->clients, node);
        if (has_ended(client))
            client_free(h, client);
        else if (is_too_slow(client, now_us))
            shutdown(bufferevent_getfd(client->bev), SHUT_RDWR);
    }
}

static struct http_client *client_of(struct http *h, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct queue_node *node = connection == NULL ? NULL : queue_first(&h->clients);
    for (; node != NULL; node = queue_next(&h->clients, node)) {
        struct http_client *client = container_of(node, struct http_client, node);
        if (client->bev == evhttp_connection_get_bufferevent(connection))
            return client;
    }
    return NULL;
}

static void set_busy(struct http *h, struct evhttp_request *request, bool is_busy)
{
    struct http_client *client = client_of(h, request);
    if (client == NULL)
        return;
    client->is_busy = is_busy;
    client->is_stream = false; /* until http_set_stream() */
    client->seen_us = clock_boot_us();
}

void http_set_stream(struct http *h, struct evhttp_request *request)
{
    struct http_client *client = client_of(h, request);
    if (client != NULL)
        client->is_stream = true;
}

static void on_complete(struct evhttp_request *request, void *context)
{
    set_busy(context, request, false);
}

/* --- routes ----------------------------------------------------------------------------------- */

static bool is_long_ago(uint64_t then_us)
{
    return then_us != 0 && then_us + STILL_US < clock_boot_us();
}

/* A data loop without a turn for long may be at one long command: then it takes processor time. Who
 * kills it for that gains nothing: it may have to do the same command again, out of the log. */
static void watch_work(struct http *h, uint64_t now_us)
{
    struct timespec used;
    if (clock_gettime(h->data_clock, &used) != 0)
        return;
    const uint64_t used_us = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
    if (used_us < h->data_used_us + WORK_US)
        return;
    h->data_used_us = used_us;
    h->data_worked_us = now_us;
}

static void healthz(struct http *h, struct evhttp_request *request)
{
    const uint64_t data_us = atomic_load_explicit(&h->data_turned_us, memory_order_relaxed);
    if (is_long_ago(data_us) && is_long_ago(h->data_worked_us))
        http_reply_text(request, 503, "the data loop stands still\n");
    else if (is_long_ago(node_consensus_turned_us(h->server->node)))
        http_reply_text(request, 503, "the consensus loop stands still\n");
    else if (is_long_ago(data_us))
        http_reply_text(request, 200, "ok: at a command that takes long\n");
    else
        http_reply_text(request, 200, "ok\n");
}

static void metrics(struct http *h, struct evhttp_request *request)
{
    call_ask(h, CALL_METRICS, request);
}

static const struct {
    const char *path;
    void (*run)(struct http *h, struct evhttp_request *request);
} routes[] = {
    {"/healthz", healthz},
    {"/readyz", http_ready},
    {"/metrics", metrics},
};

static void on_request(struct evhttp_request *request, void *context)
{
    struct http *h = context;
    set_busy(h, request, true);
    evhttp_request_set_on_complete_cb(request, on_complete, h);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    if (path == NULL) {
        http_reply_text(request, 400, "there is no path in this request\n");
        return;
    }
    if (http_api(h, request, path))
        return;
    if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
        http_add_header(request, "Allow", "GET");
        http_reply_text(request, 405, "only GET\n");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
        if (strcmp(path, routes[i].path) == 0) {
            routes[i].run(h, request);
            return;
        }
    http_file(h, request, path);
}

/* --- the server's guest ----------------------------------------------------------------------- */

static bool guest_sleep(void *context)
{
    struct http *h = context;
    return mailbox_sleep(h->questions);
}

static void guest_awake(void *context)
{
    struct http *h = context;
    mailbox_awake(h->questions);
}

/* --- life ------------------------------------------------------------------------------------- */

static void limit(struct http *h)
{
    evhttp_set_max_headers_size(h->evhttp, HTTP_HEADERS_MAX);
    evhttp_set_max_body_size(h->evhttp, HTTP_BODY_MAX);
    evhttp_set_timeout(h->evhttp, HTTP_IDLE_S);
    evhttp_set_allowed_methods(h->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_OPTIONS);
    evhttp_set_bevcb(h->evhttp, client_new, h);
    evhttp_set_gencb(h->evhttp, on_request, h);
}

static enum status listen_http(struct http *h, struct error *e)
{
    const struct config *config = &h->server->config;
    struct listen_sockets sockets;
    const enum status status =
        listen_on(*config->http_bind == '\0' ? config->bind : config->http_bind,
                  (int)config->http_port, HTTP_BACKLOG, &sockets, e);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < sockets.count; i++) {
        struct evconnlistener *listener =
            evconnlistener_new(loop_base(h->loop), NULL, NULL,
                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, sockets.fd[i]);
        if (listener == NULL || evhttp_bind_listener(h->evhttp, listener) == NULL)
            panic("cannot listen for HTTP");
        evconnlistener_set_error_cb(listener, on_accept_error);
        h->listeners[h->listener_count++] = listener; /* evhttp's from now on */
    }
    return STATUS_OK;
}

enum status http_open(struct server *s, struct http **http, struct error *e)
{
    *http = NULL;
    if (s->config.http_port == 0)
        return STATUS_OK;
    struct http *h = xcalloc(1, sizeof(*h));
    h->server = s;
    queue_init(&h->clients);
    queue_init(&h->calls);
    queue_init(&h->commands);
    queue_init(&h->orders);
    queue_init(&h->watchers);
    h->dir = *s->config.http_dir != '\0' ? s->config.http_dir : DASHBOARD_DIR;
    h->questions = mailbox_new(sizeof(struct call *), HTTP_CALLS_MAX);
    h->answers = mailbox_new(sizeof(struct call *), HTTP_CALLS_MAX);
    enum status status = loop_new(&h->loop, e);
    if (status == STATUS_OK) {
        h->evhttp = evhttp_new(loop_base(h->loop));
        if (h->evhttp == NULL)
            panic("evhttp_new failed");
        limit(h);
        status = listen_http(h, e);
    }
    if (status != STATUS_OK) {
        http_stop(h);
        http_free(h);
        return status;
    }
    loop_watch(h->loop, mailbox_fd(h->answers));
    loop_watch(s->loop, mailbox_fd(h->questions));
    s->guest = (struct server_guest){h, http_turn, guest_sleep, guest_awake};
    *http = h;
    return STATUS_OK;
}

/* As was ordered. Process 1 of a container is spared by the kernel: it ends as abruptly. */
static _Noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    _exit(128 + SIGKILL);
}

static void *http_main(void *context)
{
    struct http *h = context;
    pthread_setname_np(pthread_self(), "http");
    while (!atomic_load(&h->ends)) {
        loop_wait(h->loop, mailbox_sleep(h->answers) ? h->again_us : 0);
        mailbox_awake(h->answers);
        const uint64_t now_us = clock_boot_us();
        calls_take(h, now_us);
        sweep(h, now_us);
        if (now_us < h->again_us)
            continue;
        h->again_us = now_us + (h->watcher_count > 0 ? WATCH_EVERY_US : AGAIN_US);
        watch_work(h, now_us);
        events_turn(h, now_us);
        if (h->dies_us != 0 && now_us >= h->dies_us)
            die();
        pause_accepting(h, h->client_count >= HTTP_CLIENTS_MAX);
    }
    return NULL;
}

void http_start(struct http *h)
{
    if (h == NULL)
        return;
    sigset_t all, old;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    h->again_us = clock_boot_us() + AGAIN_US;
    h->data_worked_us = clock_boot_us();
    if (pthread_getcpuclockid(pthread_self(), &h->data_clock) != 0) /* this thread's */
        panic("no clock of the data loop's processor time");
    const int failed = pthread_create(&h->thread, NULL, http_main, h);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed != 0)
        panic("cannot start the HTTP thread: %s", strerror(failed));
    h->has_thread = true;
    log_info("http", "listening", "port=%d", (int)h->server->config.http_port);
}

void http_stop(struct http *h)
{
    if (h == NULL)
        return;
    if (h->has_thread) {
        atomic_store(&h->ends, true);
        loop_wake(h->loop);
        pthread_join(h->thread, NULL);
    }
    h->server->guest = (struct server_guest){0};
    ready_close(h);
    commands_close(h);
    keeper_close(h);
    events_close(h);
    calls_close(h);
    if (h->evhttp != NULL)
        evhttp_free(h->evhttp);
    while (!queue_is_empty(&h->clients))
        client_free(h, container_of(queue_first(&h->clients), struct http_client, node));
    if (h->loop != NULL)
        loop_free(h->loop);
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    calls_free(h);
    free(h->windows);
    mailbox_free(h->questions);
    mailbox_free(h->answers);
    free(h);
}
