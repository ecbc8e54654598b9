#define _GNU_SOURCE /* accept4 */
#include "server/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event_struct.h>
#include "base/log.h"
#include "base/panic.h"
#include "server/listen.h"
#include "server/loop.h"
#include "server/server.h"

#define ACCEPTS_PER_TURN 128 /* of one socket, so that those who are in have their turn */

struct listener {
    struct server *server;
    struct listen_sockets sockets;
    struct event events[LISTEN_SOCKETS_MAX];
    bool is_ready[LISTEN_SOCKETS_MAX]; /* somebody knocks */
    bool is_paused; /* out of file descriptors: asking on and on would only burn time */
};

/* --- accepting -------------------------------------------------------------------------------- */

/* The last words to somebody who is not let in; whether they arrive does not matter. */
static void turn_away(int fd, const char *text)
{
    const ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
    close(fd);
}

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Redis's rhythm: first probe after interval, then three in a third of it each. */
static void keep_alive(int fd, int interval_s)
{
    if (interval_s == 0)
        return;
    const bool is_set = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
                        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, interval_s) &&
                        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, MAX(interval_s / 3, 1)) &&
                        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    if (!is_set)
        log_warn("client", "cannot set tcp-keepalive", "error=%s", strerror(errno));
}

#define PROTECTED_TEXT                                                                            \
    "-DENIED Redis is running in protected mode because protected mode is enabled and no "        \
    "password is set for the default user. In this mode connections are only accepted from the "  \
    "loopback interface. If you want to connect from external computers to Redis you may adopt "  \
    "one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG " \
    "SET protected-mode no' from the loopback interface by connecting to Redis from the same "    \
    "host the server is running, however MAKE SURE Redis is not publicly accessible from "        \
    "internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively "  \
    "you can just disable the protected mode by editing the Redis configuration file, and "       \
    "setting the protected mode option to 'no', and then restarting the server. 3) If you "       \
    "started the server manually just for testing, restart it with the '--protected-mode no' "    \
    "option. 4) Setup a an authentication password for the default user. NOTE: You only need to " \
    "do one of the above things in order for the server to start accepting connections from the " \
    "outside.\r\n"

static void admit(struct server *s, int fd, const struct sockaddr_storage *address)
{
    if (s->conn_count >= (uint64_t)s->config.maxclients) {
        s->stats.rejected_connections++;
        turn_away(fd, "-ERR max number of clients reached\r\n");
        return;
    }
    if (s->config.protected_mode && acl_is_open(s) && !is_loopback(address)) {
        s->stats.rejected_connections++;
        turn_away(fd, PROTECTED_TEXT);
        return;
    }
    s->stats.connections++;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    keep_alive(fd, (int)s->config.tcp_keepalive);
    conn_new(s, fd)->is_local = is_loopback(address);
}

static void pause_accepting(struct listener *l, int why)
{
    if (l->is_paused)
        return;
    log_warn("client", "no file descriptors for new connections", "error=%s", strerror(why));
    l->is_paused = true;
    for (size_t i = 0; i < l->sockets.count; i++)
        event_del(&l->events[i]);
}

void listener_resume(struct listener *l)
{
    if (!l->is_paused)
        return;
    l->is_paused = false;
    for (size_t i = 0; i < l->sockets.count; i++)
        if (event_add(&l->events[i], NULL) != 0)
            panic("event_add failed");
}

/* Only noted: those who have gone meanwhile make room first (listener_turn). */
static void on_connection(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct listener *l = context;
    for (size_t i = 0; i < l->sockets.count; i++)
        l->is_ready[i] |= l->sockets.fd[i] == socket;
}

static void accept_some(struct listener *l, int socket)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        const int fd = accept4(socket, (struct sockaddr *)&address, &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(l->server, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(l, errno);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

void listener_turn(struct listener *l)
{
    for (size_t i = 0; i < l->sockets.count; i++) {
        if (!l->is_ready[i] || l->is_paused)
            continue;
        l->is_ready[i] = false;
        accept_some(l, l->sockets.fd[i]);
    }
}

/* --- listening -------------------------------------------------------------------------------- */

enum status listener_open(struct server *s, struct listener **listener, struct error *e)
{
    const struct config *config = &s->config;
    struct listener *l = xcalloc(1, sizeof(*l));
    l->server = s;
    const enum status status = listen_on(config->bind, (int)config->port, (int)config->tcp_backlog,
                                         &l->sockets, e);
    if (status != STATUS_OK) {
        free(l);
        return status;
    }
    for (size_t i = 0; i < l->sockets.count; i++) {
        event_assign(&l->events[i], loop_base(s->loop), l->sockets.fd[i], EV_READ | EV_PERSIST,
                     on_connection, l);
        if (event_add(&l->events[i], NULL) != 0)
            panic("event_add failed");
    }
    *listener = l;
    return STATUS_OK;
}

void listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->sockets.count; i++)
        event_del(&l->events[i]);
    listen_close(&l->sockets);
    free(l);
}
