/* peer_socket.h -- the sockets of the peer channel, non-blocking, with the options that let a dead
 * peer be noticed. */

#ifndef SERVER_PEER_SOCKET_H
#define SERVER_PEER_SOCKET_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/status.h"

/* host "" or NULL: all interfaces. Resolves names, hence may block: at the start only. */
enum status peer_socket_listen(const char *host, uint16_t port, int *fd,
                               struct error *e) MUST_CHECK;
uint16_t peer_socket_port(int fd);

/* The address of this end, or of the other; the port is left alone. false: gone. */
bool peer_socket_own_host(int fd, char host[static 64]);
bool peer_socket_their_host(int fd, char host[static 64]);

/* -1: none came. */
int peer_socket_accept(int listener);

/* Begins to connect; -1 and errno when that fails at once. */
int peer_socket_connect(const struct sockaddr *address, socklen_t size);
/* What became of it: 0, or an errno. */
int peer_socket_outcome(int fd);

/* A numeric address; false: host is a name. */
bool peer_socket_numeric(const char *host, uint16_t port, struct sockaddr_storage *address,
                         socklen_t *size);

#endif
