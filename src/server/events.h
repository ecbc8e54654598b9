/* events.h -- keyspace events (notify-keyspace-events): each node's apply tells its own
 * subscribers, nothing goes over the wire. Reads that miss tell at the node that ran them. */

#ifndef SERVER_EVENTS_H
#define SERVER_EVENTS_H

#include "server/server.h"

void events_changed(struct server *s, const struct exec *x, const struct key_change *change);
/* A command of a client is about to run: "keymiss" for those of its keys that it looks for and that
 * are not there. */
void events_begins(struct server *s, const struct exec *x);

#endif
