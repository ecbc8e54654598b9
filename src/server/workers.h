/* workers.h -- the threads for slow work: flush (sorts and ingests rows), snapshot (checkpoints,
 * old log entries), look (free space). Each runs its jobs one after the other; done() runs in the
 * loop that submitted.
 *
 *   one struct workers, a thread each; one struct workers_client for each loop:
 *
 *   loop: port.submit(job) -> thread: job->work() -> client's mailbox, eventfd
 *   loop: workers_client_run() when workers_client_fd() is readable, or each turn -> job->done() */

#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include "node/ports.h"

struct workers;
struct workers_client;

struct workers *workers_start(void);
/* Runs what is queued (its pauses end at once), ends the threads. Clients can still run what
 * completed. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* stopped, all clients freed */

struct workers_client *workers_client_new(struct workers *w);
void workers_client_free(struct workers_client *c);

struct workers_port workers_client_port(struct workers_client *c);
int workers_client_fd(const struct workers_client *c);
/* Before the loop sleeps: false = something completed, run it first (as mailbox_sleep). */
bool workers_client_sleep(struct workers_client *c);
void workers_client_awake(struct workers_client *c);
/* Calls done() of all that completed; how many. */
size_t workers_client_run(struct workers_client *c);

#endif
