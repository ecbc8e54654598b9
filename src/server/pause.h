/* pause.h -- CLIENT PAUSE, on this node alone: which requests wait until it ends.
 *
 * ALL holds everything back; WRITE what writes or, in Redis, may come to its replicas (PUBLISH,
 * PFCOUNT, scripts that do not say that they only read), and EXEC of such. Entries of the log are
 * applied all the while: other nodes' clients write on, keys expire. */

#ifndef SERVER_PAUSE_H
#define SERVER_PAUSE_H

#include <stdint.h>

#include "server/server.h"

/* Whether a request whose command has these flags (CMD_MAY_REPLICATE also for each write) has to
 * wait. If so its connection counts among the blocked ones, and conns_resume() brings it back. */
bool pause_holds(struct conn *c, uint32_t flags);

/* Once a turn: a pause whose time is over ends. */
void pause_turn(struct server *s);
/* When that will be, in microseconds of the server's clock; UINT64_MAX: there is none. */
uint64_t pause_due_us(const struct server *s);

#endif
