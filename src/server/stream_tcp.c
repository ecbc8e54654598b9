/* stream_tcp.c -- a connection's bytes as they are. */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/stream.h"

static ssize_t outcome(ssize_t done)
{
    if (done > 0)
        return done;
    if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return STREAM_AGAIN;
    return STREAM_BROKEN; /* 0: the other end has closed */
}

static ssize_t tcp_read(struct stream *s, void *to, size_t size)
{
    return outcome(recv(s->fd, to, size, 0));
}

static ssize_t tcp_write(struct stream *s, const void *from, size_t size)
{
    return outcome(send(s->fd, from, size, MSG_NOSIGNAL));
}

static void tcp_close(struct stream *s)
{
    close(s->fd);
    s->fd = -1;
}

void stream_tcp_init(struct stream *s, int fd)
{
    static const struct stream_ops ops = {tcp_read, tcp_write, tcp_close};
    s->ops = &ops;
    s->fd = fd;
}
