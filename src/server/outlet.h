/* outlet.h -- how much of replies may lie unsent, of all clients together.
 *
 * Redis bounds them for each client (client-output-buffer-limit), and that of normal clients is
 * open: thousands that ask for much and read little take all memory there is. Here, while what all
 * of them hold is above OUTLET_BYTES_MAX, who has more than CONN_READ_SIZE unsent is asked nothing
 * more, and who has taken none of it for a while is closed. Requests that were taken before are
 * still answered, until all but the one that holds most hold OUTLET_BYTES_HARD: then that one is
 * closed. So memory is bounded by as much, one client's replies, and those of one turn. */

#ifndef SERVER_OUTLET_H
#define SERVER_OUTLET_H

#include "base/bytes.h"

#define OUTLET_BYTES_MAX ((uint64_t)256 << 20)
#define OUTLET_BYTES_HARD ((uint64_t)1 << 30)

struct conn;
struct server;

/* The connection has sent so many bytes, its buffer has changed, or it is closed. */
void outlet_note(struct conn *c, size_t sent);
/* Whether it may be asked for more. */
bool outlet_may_take(const struct conn *c);
/* Each turn, when all was sent that could be: closes who is to go. */
void outlet_turn(struct server *s);
/* From time to time: those who take nothing. */
void outlet_cron(struct server *s);

#endif
