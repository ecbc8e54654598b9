/* service.h -- what the service manager is told, if there is one: sd_notify(3)'s datagrams.
 *
 *   READY=1      once: when this node serves; at once if it waits to be introduced; and after
 *                SERVICE_PATIENCE_US in any case, since what it waits for then is others, and a
 *                start that waits for others hangs: those may be started after it
 *   STATUS=...   which of these it is, whenever that changes: `systemctl status` shows it
 *   STOPPING=1   an orderly end has begun */

#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include <stdbool.h>

struct server;

#define SERVICE_PATIENCE_US 10000000

struct service_link {
    int socket; /* -1: nobody wants to be told */
    bool is_told_ready;
    const char *status; /* the last that was told; NULL: none */
};

/* $NOTIFY_SOCKET as the service manager sets it: a path, or '@' and an abstract name. Empty or
 * absent: nobody is told anything. What cannot be reached is logged and left alone. */
void service_open(struct service_link *v);
void service_close(struct service_link *v);

/* From time to time: tells what has changed since. */
void service_turn(struct service_link *v, const struct server *s);
void service_stopping(struct service_link *v);

#endif
