/* loop.h -- one event loop: libevent, a timer for the next turn, and a way to wake it from outside.
 *
 *   while (loop_wait(loop, due_us)) turn();
 *
 * Handlers of events only note what came; loop_wait() returns when there was something, or when
 * due_us (boot) has come. */

#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <event2/event.h>
#include "base/bytes.h"
#include "base/status.h"

struct loop;

enum status loop_new(struct loop **loop, struct error *e) MUST_CHECK;
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
const char *loop_method(struct loop *l); /* "epoll" */

/* fd wakes the loop when it is readable (eventfds of mailboxes and workers); edge-triggered. */
void loop_watch(struct loop *l, int fd);

/* Waits for events until due_us; 0: looks without waiting. */
void loop_wait(struct loop *l, uint64_t due_us);

/* From any thread, and from signal handlers: the loop's wait ends. */
void loop_wake(struct loop *l);

#endif
