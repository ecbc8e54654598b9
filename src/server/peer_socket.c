/* peer_socket.c -- see peer_socket.h. */

#define _GNU_SOURCE /* accept4() */
#include "server/peer_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/panic.h"

#define BACKLOG 128
#define USER_TIMEOUT_MS 3000 /* bytes unacknowledged for so long: the peer is gone */
#define KEEP_IDLE_S 2
#define KEEP_INTERVAL_S 1
#define KEEP_COUNT 3

static void set(int fd, int level, int option, int value)
{
    const int outcome = setsockopt(fd, level, option, &value, sizeof(value));
    CHECK(outcome == 0 || errno != EBADF); /* a peer that is gone may make it fail otherwise */
}

static void set_options(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
}

static struct addrinfo *resolve(const char *host, uint16_t port, int flags, int *outcome)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                                   .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    *outcome = getaddrinfo(host, service, &hints, &found);
    return *outcome == 0 ? found : NULL;
}

static int listen_at(const struct addrinfo *at)
{
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (at->ai_family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0); /* all interfaces: of both families */
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

enum status peer_socket_listen(const char *host, uint16_t port, int *fd, struct error *e)
{
    const char *name = host == NULL || host[0] == '\0' ? NULL : host;
    int outcome;
    struct addrinfo *found = resolve(name, port, AI_PASSIVE, &outcome);
    if (found == NULL)
        return fail(e, STATUS_INVALID, "cannot resolve %s: %s", host, gai_strerror(outcome));
    *fd = -1;
    /* IPv6 first: without a name it takes both. */
    for (const struct addrinfo *at = found; at != NULL && *fd < 0; at = at->ai_next)
        if (at->ai_family == AF_INET6)
            *fd = listen_at(at);
    for (const struct addrinfo *at = found; at != NULL && *fd < 0; at = at->ai_next)
        if (at->ai_family == AF_INET)
            *fd = listen_at(at);
    const int why = errno;
    freeaddrinfo(found);
    if (*fd < 0)
        return fail(e, STATUS_IO, "cannot listen for peers on %s port %u: %s",
                    name == NULL ? "any interface," : name, (unsigned)port, strerror(why));
    return STATUS_OK;
}

uint16_t peer_socket_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool host_of(const struct sockaddr_storage *address, socklen_t size, char host[static 64])
{
    static const char mapped[] = "::ffff:"; /* an IPv4 address, as an IPv6 socket shows it */
    if (getnameinfo((const struct sockaddr *)address, size, host, 64, NULL, 0, NI_NUMERICHOST) != 0)
        return false;
    if (strncmp(host, mapped, sizeof(mapped) - 1) == 0)
        memmove(host, host + sizeof(mapped) - 1, strlen(host) - (sizeof(mapped) - 1) + 1);
    return true;
}

bool peer_socket_own_host(int fd, char host[static 64])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
           host_of(&address, size, host);
}

bool peer_socket_their_host(int fd, char host[static 64])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    return getpeername(fd, (struct sockaddr *)&address, &size) == 0 &&
           host_of(&address, size, host);
}

int peer_socket_accept(int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        set_options(fd);
    return fd;
}

int peer_socket_connect(const struct sockaddr *address, socklen_t size)
{
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_options(fd);
    if (connect(fd, address, size) == 0 || errno == EINPROGRESS)
        return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int peer_socket_outcome(int fd)
{
    int outcome = 0;
    socklen_t size = sizeof(outcome);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0)
        return errno;
    return outcome;
}

bool peer_socket_numeric(const char *host, uint16_t port, struct sockaddr_storage *address,
                         socklen_t *size)
{
    int outcome;
    struct addrinfo *found = resolve(host, port, AI_NUMERICHOST, &outcome);
    if (found == NULL)
        return false;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}
