#define _GNU_SOURCE /* accept4 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event_struct.h>
#include "base/log.h"
#include "base/panic.h"
#include "server/loop.h"
#include "server/server.h"

#define SOCKETS_MAX 16
#define ACCEPTS_PER_TURN 128 /* of one socket, so that those who are in have their turn */

struct listener {
    struct server *server;
    struct event events[SOCKETS_MAX];
    int sockets[SOCKETS_MAX];
    bool is_ready[SOCKETS_MAX]; /* somebody knocks */
    size_t count;
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

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->ss_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
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
    for (size_t i = 0; i < l->count; i++)
        event_del(&l->events[i]);
}

void listener_resume(struct listener *l)
{
    if (!l->is_paused)
        return;
    l->is_paused = false;
    for (size_t i = 0; i < l->count; i++)
        if (event_add(&l->events[i], NULL) != 0)
            panic("event_add failed");
}

/* Only noted: those who have gone meanwhile make room first (listener_turn). */
static void on_connection(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct listener *l = context;
    for (size_t i = 0; i < l->count; i++)
        l->is_ready[i] |= l->sockets[i] == socket;
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
    for (size_t i = 0; i < l->count; i++) {
        if (!l->is_ready[i] || l->is_paused)
            continue;
        l->is_ready[i] = false;
        accept_some(l, l->sockets[i]);
    }
}

/* --- listening -------------------------------------------------------------------------------- */

static enum status add_socket(struct listener *l, const struct addrinfo *address, struct error *e)
{
    const struct config *config = &l->server->config;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(e, STATUS_IO, "%s", strerror(errno));
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 ||
        listen(fd, (int)config->tcp_backlog) != 0) {
        const int why = errno;
        close(fd);
        return fail(e, why == EADDRNOTAVAIL || why == EAFNOSUPPORT ? STATUS_NOT_FOUND : STATUS_IO,
                    "%s", strerror(why));
    }
    if (l->count == SOCKETS_MAX) {
        close(fd);
        return fail(e, STATUS_INVALID, "more than %d addresses", SOCKETS_MAX);
    }
    l->sockets[l->count] = fd;
    event_assign(&l->events[l->count], loop_base(l->server->loop), fd, EV_READ | EV_PERSIST,
                 on_connection, l);
    if (event_add(&l->events[l->count], NULL) != 0)
        panic("event_add failed");
    l->count++;
    return STATUS_OK;
}

/* One word of bind. */
static enum status add_address(struct listener *l, struct bytes word, struct error *e)
{
    const bool may_fail = *bytes_data(word) == '-';
    if (may_fail)
        word = bytes_from(word, 1);
    char host[256], port[8];
    snprintf(host, sizeof(host), "%.*s", (int)word.size, (const char *)word.data);
    snprintf(port, sizeof(port), "%d", (int)l->server->config.port);
    const bool any4 = strcmp(host, "*") == 0, any6 = strcmp(host, "::*") == 0;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM,
                                   .ai_family = any4 ? AF_INET : any6 ? AF_INET6 : AF_UNSPEC};
    struct addrinfo *found = NULL;
    const int failed = getaddrinfo(any4 || any6 ? NULL : host, port, &hints, &found);
    if (failed != 0)
        return may_fail ? STATUS_OK
                        : fail(e, STATUS_IO, "cannot listen on %s:%s: %s", host, port,
                               gai_strerror(failed));
    struct error why = {0};
    enum status status = STATUS_OK;
    for (const struct addrinfo *a = found; a != NULL && status == STATUS_OK; a = a->ai_next)
        status = add_socket(l, a, &why);
    freeaddrinfo(found);
    if (status == STATUS_OK || (may_fail && status == STATUS_NOT_FOUND))
        return STATUS_OK;
    return fail(e, status, "cannot listen on %s:%s: %s", host, port, why.text);
}

enum status listener_open(struct server *s, struct listener **listener, struct error *e)
{
    struct listener *l = xcalloc(1, sizeof(*l));
    l->server = s;
    enum status status = STATUS_OK;
    const char *text = s->config.bind;
    while (status == STATUS_OK && *text != '\0') {
        const size_t size = strcspn(text, " ");
        if (size > 0)
            status = add_address(l, bytes_of(text, size), e);
        text += size;
        text += strspn(text, " ");
    }
    if (status == STATUS_OK && l->count == 0)
        status = fail(e, STATUS_IO, "cannot listen on any address of bind '%s'", s->config.bind);
    if (status == STATUS_OK)
        *listener = l;
    else
        listener_close(l);
    return status;
}

void listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++) {
        event_del(&l->events[i]);
        close(l->sockets[i]);
    }
    free(l);
}
