#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

struct listening {
    const char *port;
    int backlog;
    struct listen_sockets *sockets;
};

static enum status add_socket(const struct listening *l, const struct addrinfo *address,
                              struct error *e)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(e, STATUS_IO, "%s", strerror(errno));
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, l->backlog) != 0) {
        const int why = errno;
        close(fd);
        return fail(e, why == EADDRNOTAVAIL || why == EAFNOSUPPORT ? STATUS_NOT_FOUND : STATUS_IO,
                    "%s", strerror(why));
    }
    if (l->sockets->count == LISTEN_SOCKETS_MAX) {
        close(fd);
        return fail(e, STATUS_INVALID, "more than %d addresses", LISTEN_SOCKETS_MAX);
    }
    l->sockets->fd[l->sockets->count++] = fd;
    return STATUS_OK;
}

/* One word of the setting. */
static enum status add_address(const struct listening *l, struct bytes word, struct error *e)
{
    const bool may_fail = *bytes_data(word) == '-';
    if (may_fail)
        word = bytes_from(word, 1);
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)word.size, (const char *)word.data);
    const bool any4 = strcmp(host, "*") == 0, any6 = strcmp(host, "::*") == 0;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM,
                                   .ai_family = any4 ? AF_INET : any6 ? AF_INET6 : AF_UNSPEC};
    struct addrinfo *found = NULL;
    const int failed = getaddrinfo(any4 || any6 ? NULL : host, l->port, &hints, &found);
    if (failed != 0)
        return may_fail ? STATUS_OK
                        : fail(e, STATUS_IO, "cannot listen on %s:%s: %s", host, l->port,
                               gai_strerror(failed));
    struct error why = {0};
    enum status status = STATUS_OK;
    for (const struct addrinfo *a = found; a != NULL && status == STATUS_OK; a = a->ai_next)
        status = add_socket(l, a, &why);
    freeaddrinfo(found);
    if (status == STATUS_OK || (may_fail && status == STATUS_NOT_FOUND))
        return STATUS_OK;
    return fail(e, status, "cannot listen on %s:%s: %s", host, l->port, why.text);
}

enum status listen_on(const char *addresses, int port, int backlog, struct listen_sockets *sockets,
                      struct error *e)
{
    char digits[8];
    snprintf(digits, sizeof(digits), "%d", port);
    const struct listening l = {digits, backlog, sockets};
    enum status status = STATUS_OK;
    *sockets = (struct listen_sockets){0};
    for (const char *text = addresses; status == STATUS_OK && *text != '\0';) {
        const size_t size = strcspn(text, " ");
        if (size > 0)
            status = add_address(&l, bytes_of(text, size), e);
        text += size;
        text += strspn(text, " ");
    }
    if (status == STATUS_OK && sockets->count == 0)
        status = fail(e, STATUS_IO, "cannot listen on any address of '%s'", addresses);
    if (status != STATUS_OK)
        listen_close(sockets);
    return status;
}

void listen_close(struct listen_sockets *sockets)
{
    while (sockets->count > 0)
        close(sockets->fd[--sockets->count]);
}

bool is_loopback(const struct sockaddr_storage *address)
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
