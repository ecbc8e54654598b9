#include "server/service.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/log.h"
#include "server/server.h"

/* --- the socket ------------------------------------------------------------------------------- */

static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t size = strlen(name);
    if (size >= sizeof(address.sun_path) || (*name != '/' && *name != '@')) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, name, size);
    if (*name == '@')
        address.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const size_t length = offsetof(struct sockaddr_un, sun_path) + size;
    if (connect(fd, (struct sockaddr *)&address, (socklen_t)length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void service_open(struct service_link *v)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *v = (struct service_link){.socket = -1};
    if (name == NULL || *name == '\0')
        return;
    v->socket = connect_to(name);
    if (v->socket < 0)
        log_warn("server", "the service manager cannot be told anything", "NOTIFY_SOCKET=%s: %s",
                 name, strerror(errno));
}

void service_close(struct service_link *v)
{
    if (v->socket >= 0)
        close(v->socket);
    v->socket = -1;
}

static void tell(const struct service_link *v, const char *text)
{
    if (send(v->socket, text, strlen(text), MSG_NOSIGNAL) < 0)
        log_warn("server", "the service manager was not told", "%s: %s", text, strerror(errno));
}

/* --- what it is told -------------------------------------------------------------------------- */

static const char *status_of(const struct server *s)
{
    if (s->shard == NULL)
        return "waiting to be introduced: RAFT ADD this node on a member";
    if (!s->is_ready)
        return "waiting for a majority, or for what was missed";
    return s->status.leader == 0 ? "no leader: waiting for a majority" : "serving";
}

void service_turn(struct service_link *v, const struct server *s)
{
    if (v->socket < 0)
        return;
    const char *status = status_of(s);
    if (v->status != status) {
        char text[128];
        snprintf(text, sizeof(text), "STATUS=%s", status);
        tell(v, text);
        v->status = status;
    }
    const bool waits_for_others =
        s->shard == NULL || s->now_us - s->started_us >= SERVICE_PATIENCE_US;
    if (!v->is_told_ready && (s->is_ready || waits_for_others)) {
        tell(v, "READY=1");
        v->is_told_ready = true;
    }
}

void service_stopping(struct service_link *v)
{
    if (v->socket >= 0)
        tell(v, "STOPPING=1");
}
