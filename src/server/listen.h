/* listen.h -- sockets that listen on the addresses of a setting like bind. */

#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include "base/status.h"

#define LISTEN_SOCKETS_MAX 16

struct listen_sockets {
    int fd[LISTEN_SOCKETS_MAX]; /* nonblocking, closed on exec */
    size_t count;
};

/* addresses: words as bind takes them; "*" and "::*" are all of IPv4 and of IPv6, one that begins
 * with '-' may be missing. On an error nothing is left open. */
enum status listen_on(const char *addresses, int port, int backlog, struct listen_sockets *sockets,
                      struct error *e) MUST_CHECK;
void listen_close(struct listen_sockets *sockets);

bool is_loopback(const struct sockaddr_storage *address);

#endif
