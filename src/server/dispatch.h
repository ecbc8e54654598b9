/* dispatch.h -- what becomes of a request: an error at once, a queued command, an answer from here,
 * a read or a write for the shard; and the order of those within a connection (§3.10).
 *
 *   kind               runs                            may be in flight beside
 *   at once            when it is parsed               anything (its reply waits in its slot)
 *   read               held until the turn's parsing   reads
 *                      ends, then read batch
 *   write              log batch                       writes, reads that ride in the log batch
 *   barrier            when all before it is answered  nothing
 */

#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

#include "server/server.h"

enum dispatch {
    DISPATCH_TAKEN,  /* consume it */
    DISPATCH_LATER,  /* do not: it comes again when slots have drained or room has come */
    DISPATCH_REWIND, /* held reads found no room: parsing starts again at *rewind */
};

/* offset: where the request begins in the connection's input. */
enum dispatch dispatch_request(struct conn *c, const struct resp_request *r, size_t offset,
                               size_t *rewind);

/* The connection's parsing ends for this turn: its held reads become reads. */
enum dispatch dispatch_end(struct conn *c, size_t *rewind);

/* Whether the connection has to authenticate first. */
bool dispatch_needs_auth(const struct conn *c);

/* The script of slot goes on to the log; not NULL: why it may not. */
const char *dispatch_moves(struct slot *slot);

/* After the reply of a slot was made: errors counted, slow ones noted. */
void dispatch_account(struct slot *slot, const struct reply *reply);
/* The same for the commands inside an EXEC, told by machine one after the other: each took the time
 * since the one before, the first that since slot->begun. */
void dispatch_begin_parts(const struct slot *slot);
void dispatch_account_part(struct server *s, const struct exec *x);

#endif
