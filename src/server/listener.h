/* listener.h -- where clients knock: accepts, refuses politely, hands over to conn.c. */

#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "base/status.h"

struct listener;
struct server;

/* Listens on all addresses of bind ("*", "-::*", host names; a '-' before an address: skip it when
 * the system does not have it). */
enum status listener_open(struct server *s, struct listener **listener, struct error *e) MUST_CHECK;
/* Lets in who knocks, after the turn's other connections had theirs. */
void listener_turn(struct listener *l);
/* By the cron: accepts again after the process ran out of file descriptors. */
void listener_resume(struct listener *l);
void listener_close(struct listener *l);

#endif
