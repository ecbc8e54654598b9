/* http_internal.h -- what the files of the HTTP thread share. All but the fields that say otherwise
 * belongs to that thread. */

#ifndef ADMIN_HTTP_INTERNAL_H
#define ADMIN_HTTP_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdatomic.h>
#include "admin/http.h"
#include "base/buf.h"
#include "base/mailbox.h"
#include "base/queue.h"
#include "server/listen.h"
#include "server/server.h"

#define HTTP_HEADERS_MAX 8192              /* bytes, with the request line */
#define HTTP_BODY_MAX (1 << 20)            /* bytes */
#define HTTP_CLIENTS_MAX 256               /* connections; others wait in the kernel's queue */
#define HTTP_IDLE_S 30                     /* without a whole request */
#define HTTP_BUSY_S 60                     /* until an answer was made and taken */
#define HTTP_CALLS_MAX 64                  /* under way in the data loop; more are refused */
#define HTTP_CALLS_PER_TURN 4              /* of the data loop */
#define HTTP_CALL_MAX_US UINT64_C(5000000) /* then the client is told that nobody answers */
#define HTTP_BACKLOG 128

struct http;

enum call_kind {
    CALL_METRICS,
    CALL_CONNECT, /* fd becomes a client's connection */
};

/* One question to the data loop. Made and freed by the HTTP thread; between sending it and getting
 * it back the fields under "the data loop's" are not touched there. */
struct call {
    struct queue_node node; /* in http.calls */
    struct http *http;
    struct evhttp_request *request; /* NULL: nobody waits any more */
    uint64_t deadline_us;

    /* the data loop's while it has it */
    enum call_kind kind;
    struct buf user, password;
    bool has_credentials, is_local;
    char address[64];
    int fd;     /* CALL_CONNECT; -1 when it was taken */
    int status; /* HTTP's */
    struct buf answer;
};

/* A connection. */
struct http_client {
    struct queue_node node;
    struct bufferevent *bev; /* evhttp's, and a reference of ours */
    uint64_t seen_us;        /* when it was accepted, brought a request, or had its last answer */
    bool is_busy;            /* a request of it is being answered */
};

/* The linearizable read of /readyz that is under way: one for all who ask meanwhile. */
struct probe {
    struct bufferevent *bev; /* NULL: none is */
    struct evhttp_request *waiting[HTTP_CLIENTS_MAX];
    size_t count;
};

struct http {
    struct server *server;
    struct loop *loop;
    struct evhttp *evhttp;
    struct evconnlistener *listeners[LISTEN_SOCKETS_MAX];
    size_t listener_count;
    bool is_paused; /* accepts nobody */
    struct queue clients;
    size_t client_count;
    struct queue calls;
    size_t call_count;
    struct probe probe;
    uint64_t again_us;
    pthread_t thread;
    bool has_thread;

    /* both threads' */
    struct mailbox *questions, *answers; /* struct call * */
    atomic_bool ends;
    atomic_uint_fast64_t data_turned_us; /* when the last turn of the data loop began */
};

/* The answer to a request, once for each. */
void http_reply(struct evhttp_request *request, int status, const char *type, struct bytes body);
void http_reply_text(struct evhttp_request *request, int status, const char *text);

/* --- http_call.c ------------------------------------------------------------------------------ */

/* A question that is filled in and sent; request NULL: nobody waits for the answer. NULL: too many
 * are under way. */
struct call *call_new(struct http *h, enum call_kind kind, struct evhttp_request *request);
void call_send(struct call *call);
/* Answers that came, and those that came too late. */
void calls_take(struct http *h, uint64_t now_us);
void calls_close(struct http *h);
/* The data loop's half. */
void http_turn(struct server *s, void *context);

/* --- http_ready.c ----------------------------------------------------------------------------- */

void http_ready(struct http *h, struct evhttp_request *request);
void ready_close(struct http *h);

#endif
