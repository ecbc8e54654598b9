/* stream.h -- the bytes of one connection: TCP today (stream_tcp.c), TLS behind the same three
 * functions later. Nothing blocks. */

#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include <sys/types.h>
#include "base/bytes.h"

#define STREAM_AGAIN (-1)  /* nothing now; come again when the socket is ready */
#define STREAM_BROKEN (-2) /* closed or failed; nothing more will come */

struct stream;
struct stream_ops {
    ssize_t (*read)(struct stream *s, void *to, size_t size);         /* > 0, AGAIN or BROKEN */
    ssize_t (*write)(struct stream *s, const void *from, size_t size); /* the same */
    void (*close)(struct stream *s);
};

struct stream {
    const struct stream_ops *ops;
    int fd;
};

/* fd is nonblocking and belongs to the stream now. */
void stream_tcp_init(struct stream *s, int fd);

static inline ssize_t stream_read(struct stream *s, void *to, size_t size)
{
    return s->ops->read(s, to, size);
}

static inline ssize_t stream_write(struct stream *s, const void *from, size_t size)
{
    return s->ops->write(s, from, size);
}

static inline void stream_close(struct stream *s)
{
    s->ops->close(s);
}

#endif
