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
#include "admin/http_chaos.h"
#include "admin/http_guard.h"
#include "base/buf.h"
#include "base/mailbox.h"
#include "base/queue.h"
#include "node/log_describe.h"
#include "server/listen.h"
#include "server/server.h"

#define HTTP_HEADERS_MAX 8192              /* bytes, with the request line */
#define HTTP_BODY_MAX (1 << 20)            /* bytes */
#define HTTP_CLIENTS_MAX 256               /* connections; others wait in the kernel's queue */
#define HTTP_IDLE_S 30                     /* without a whole request */
#define HTTP_BUSY_S 60                     /* until an answer was made and taken */
#define HTTP_CALLS_MAX 64                  /* under way in the data loop; more are refused */
#define HTTP_CALL_MAX_US UINT64_C(5000000) /* then the client is told that nobody answers */
#define HTTP_BACKLOG 128

#define HTTP_JSON "application/json"
#define HTTP_TEXT "text/plain; charset=utf-8"

struct http;

enum call_kind {
    CALL_METRICS,
    CALL_NODE,
    CALL_LOG,
    CALL_LOGIN,
    CALL_COMMAND,   /* fd becomes the visitor's connection */
    CALL_PREFLIGHT, /* OPTIONS of a page of another node */
    CALL_PAGE,      /* whom index.html may talk to: answer is for its content policy */
    CALL_EVENTS,
    CALL_CHAOS,
    CALL_READY,     /* fd becomes a connection of the node's own */
};

/* Who asks, and from what page. */
struct visitor {
    struct buf user, password; /* HTTP Basic, or of a login */
    struct buf token;          /* of a cookie, or a bearer's */
    struct buf origin, host;   /* the headers of these names */
    char address[64];
    bool has_password, has_token;
    bool is_local; /* over the loopback interface */
    bool changes;  /* it is a POST */
};

struct disk_figures {
    uint64_t free, total; /* bytes; 0, 0: not known */
};

/* One question to the data loop. Made and freed by the HTTP thread; between sending it and getting
 * it back the fields under "the data loop's" are not touched there. */
struct call {
    struct queue_node node; /* in http.calls */
    struct http *http;
    struct evhttp_request *request; /* NULL: nobody waits any more */
    uint64_t deadline_us;
    int peer_fd;     /* CALL_COMMAND: the other end of fd; -1: none */
    struct buf said; /* what is sent there when it is answered */
    struct steps *steps; /* CALL_COMMAND: of its write, for the connection too */

    /* the data loop's while it has it */
    enum call_kind kind;
    struct visitor visitor;
    uint32_t db;          /* CALL_COMMAND */
    uint64_t from, count; /* CALL_LOG; from 0: the last */
    struct chaos_order order; /* CALL_CHAOS */
    struct disk_figures disk;     /* CALL_NODE */
    struct log_describe describe; /* CALL_LOG, its entries: */
    struct log_entry_facts *facts;
    struct buf *lines;
    int fd;          /* -1 when it was taken */
    int status;      /* HTTP's */
    bool is_friend;  /* origin is a member's: its pages may read the answer */
    const char *type;
    struct buf answer, cookie;
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
    struct queue commands; /* http_command.c */
    size_t command_count;
    struct queue orders; /* http_keeper.c */
    size_t order_count;
    struct queue watchers; /* http_events.c */
    size_t watcher_count;
    struct buf last_state; /* the last event of that kind, for who comes new */
    const char *dir; /* the dashboard's files */
    uint64_t again_us, dies_us; /* dies_us: as was ordered; 0: it does not */
    struct http_guard guard;      /* the data loop's */
    struct node_windows *windows; /* the data loop's: http_node.c */
    clockid_t data_clock;       /* of its processor time, and when it had last used some: */
    uint64_t data_used_us, data_worked_us;
    pthread_t thread;
    bool has_thread;

    /* both threads' */
    struct mailbox *questions, *answers; /* struct call * */
    atomic_bool ends;
    atomic_uint_fast64_t data_turned_us; /* when the last turn of the data loop began */
};

/* --- http.c ----------------------------------------------------------------------------------- */

/* The answer to a request, once for each. */
void http_reply(struct evhttp_request *request, int status, const char *type, struct bytes body);
void http_reply_text(struct evhttp_request *request, int status, const char *text);
/* {"error": text} */
void http_reply_error(struct evhttp_request *request, int status, const char *text);
void http_add_header(struct evhttp_request *request, const char *name, const char *value);
const char *http_header(struct evhttp_request *request, const char *name); /* "": none */

/* Its connection may stay as long as it likes. */
void http_set_stream(struct http *h, struct evhttp_request *request);

/* --- http_call.c ------------------------------------------------------------------------------ */

/* A question that is filled in and sent; request NULL: nobody waits for the answer. NULL: too many
 * are under way, and the request has been told so. */
struct call *call_new(struct http *h, enum call_kind kind, struct evhttp_request *request);
void call_send(struct call *call);
void call_ask(struct http *h, enum call_kind kind, struct evhttp_request *request); /* both */
void calls_take(struct http *h, uint64_t now_us); /* answers that came, or come too late */
void calls_close(struct http *h); /* nobody gets an answer any more */
void calls_free(struct http *h);  /* when the data loop and its workers have ended, too */

/* --- http_visit.c: the data loop's half ------------------------------------------------------- */

/* server_guest.turn */
void http_turn(struct server *s, void *context);
/* Who the visitor is. NULL: the call has its answer, why nobody. */
const struct acl_user *visitor_user(struct server *s, struct call *call);
/* And may run the command. */
bool visitor_may(struct server *s, struct call *call, const char *command, const char *subcommand);
/* Makes {"error": ...} of it. */
void call_refuse(struct call *call, int status, const char *text);

/* --- http_node.c: the data loop's half -------------------------------------------------------- */

void node_json(struct server *s, struct call *call);
void log_json(struct server *s, struct call *call); /* call->describe is done */

/* --- http_ready.c, http_api.c, http_command.c, http_events.c, http_file.c --------------------- */

void http_ready(struct http *h, struct evhttp_request *request);
void ready_close(struct http *h);

/* false: path is none of the API's. */
bool http_api(struct http *h, struct evhttp_request *request, const char *path);

void http_command(struct http *h, struct evhttp_request *request);
void command_begin(struct call *call); /* the connection is there: call is CALL_COMMAND, answered */
void commands_close(struct http *h);

void events_begin(struct call *call); /* call is CALL_EVENTS, answered */
void events_turn(struct http *h, uint64_t now_us);
void events_close(struct http *h);

void http_file(struct http *h, struct evhttp_request *request, const char *path);
void page_send(struct call *call); /* call is CALL_PAGE, answered */

#endif
