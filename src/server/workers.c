/* workers.c -- a thread for each worker, each with a mailbox of jobs; a mailbox of completed jobs
 * per client. */

#define _GNU_SOURCE /* pthread_setname_np() */
#include "server/workers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/mailbox.h"
#include "base/panic.h"

#define JOBS_MAX 65536  /* waiting for one worker: of each client one at most (RAFT LOG) */
#define FULL_WAIT_NS 200000
#define PAUSE_US_MAX 20000 /* at once: so long a pause may outlast the order to stop */
#define RUN_AT_ONCE 32

struct order {
    struct job *job; /* NULL = end */
    struct workers_client *client;
};

struct workers {
    pthread_t threads[WORKERS];
    struct mailbox *orders[WORKERS];
    atomic_bool stopped;
};

struct workers_client {
    struct workers *workers;
    struct mailbox *completed; /* struct job * */
};

static void complete(struct workers_client *c, struct job *job)
{
    while (!mailbox_send(c->completed, &job)) { /* no loop: it may wait */
        const struct timespec wait = {.tv_nsec = FULL_WAIT_NS};
        nanosleep(&wait, NULL);
    }
}

static void *run(void *context)
{
    struct mailbox *orders = context;
    for (;;) {
        struct order order;
        if (mailbox_receive(orders, &order, 1) == 0) {
            if (mailbox_sleep(orders)) {
                struct pollfd fd = {.fd = mailbox_fd(orders), .events = POLLIN};
                while (poll(&fd, 1, -1) < 0 && errno == EINTR)
                    ;
                mailbox_awake(orders);
            }
            continue;
        }
        if (order.job == NULL)
            return NULL;
        order.job->work(order.job);
        complete(order.client, order.job);
    }
}

struct workers *workers_start(void)
{
    static const char *const names[WORKERS] = {"flush", "snapshot", "look"};
    struct workers *w = xcalloc(1, sizeof(*w));
    for (int i = 0; i < WORKERS; i++) {
        w->orders[i] = mailbox_new(sizeof(struct order), JOBS_MAX + 1);
        const int outcome = pthread_create(&w->threads[i], NULL, run, w->orders[i]);
        if (outcome != 0)
            panic("pthread_create: %s", strerror(outcome));
        pthread_setname_np(w->threads[i], names[i]);
    }
    return w;
}

void workers_stop(struct workers *w)
{
    CHECK(!w->stopped);
    atomic_store(&w->stopped, true);
    for (int i = 0; i < WORKERS; i++) {
        const struct order end = {0};
        const bool sent = mailbox_send(w->orders[i], &end);
        CHECK(sent);
    }
    for (int i = 0; i < WORKERS; i++) {
        const int outcome = pthread_join(w->threads[i], NULL);
        CHECK(outcome == 0);
    }
}

void workers_free(struct workers *w)
{
    if (w == NULL)
        return;
    CHECK(w->stopped);
    for (int i = 0; i < WORKERS; i++)
        mailbox_free(w->orders[i]);
    free(w);
}

struct workers_client *workers_client_new(struct workers *w)
{
    struct workers_client *c = xcalloc(1, sizeof(*c));
    c->workers = w;
    /* Room for all that can be under way: stopping must not wait for a loop that has ended. */
    c->completed = mailbox_new(sizeof(struct job *), WORKERS * (JOBS_MAX + 1));
    return c;
}

void workers_client_free(struct workers_client *c)
{
    if (c == NULL)
        return;
    mailbox_free(c->completed);
    free(c);
}

static void submit(void *context, enum worker worker, struct job *job)
{
    struct workers_client *c = context;
    CHECK(!c->workers->stopped);
    CHECK(job != NULL);
    const struct order order = {job, c};
    if (mailbox_count(c->workers->orders[worker]) >= JOBS_MAX)
        panic("more than %d jobs wait for a worker", JOBS_MAX);
    const bool sent = mailbox_send(c->workers->orders[worker], &order);
    CHECK(sent);
}

static bool rest(void *context, uint64_t us)
{
    const struct workers_client *c = context;
    while (us > 0 && !atomic_load(&c->workers->stopped)) {
        const uint64_t now_us = MIN(us, PAUSE_US_MAX);
        const struct timespec wait = {.tv_nsec = (long)now_us * 1000};
        nanosleep(&wait, NULL);
        us -= now_us;
    }
    return !atomic_load(&c->workers->stopped);
}

struct workers_port workers_client_port(struct workers_client *c)
{
    return (struct workers_port){c, submit, rest};
}

int workers_client_fd(const struct workers_client *c)
{
    return mailbox_fd(c->completed);
}

bool workers_client_sleep(struct workers_client *c)
{
    return mailbox_sleep(c->completed);
}

void workers_client_awake(struct workers_client *c)
{
    mailbox_awake(c->completed);
}

size_t workers_client_run(struct workers_client *c)
{
    size_t total = 0;
    struct job *jobs[RUN_AT_ONCE];
    size_t count;
    do {
        count = mailbox_receive(c->completed, jobs, RUN_AT_ONCE);
        for (size_t i = 0; i < count; i++)
            jobs[i]->done(jobs[i]);
        total += count;
    } while (count == RUN_AT_ONCE);
    return total;
}
