/* test_workers.c -- jobs run in order in their worker's thread, and are done in their client's. */

#include "test.h"

#include <poll.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "server/workers.h"

#define JOBS 100

struct counted {
    struct job job;
    int number;
    pthread_t worked, done;
    int *next_work, *next_done;
};

static void work(struct job *job)
{
    struct counted *c = container_of(job, struct counted, job);
    c->worked = pthread_self();
    assert_int_equal((*c->next_work)++, c->number);
}

static void done(struct job *job)
{
    struct counted *c = container_of(job, struct counted, job);
    c->done = pthread_self();
    assert_int_equal((*c->next_done)++, c->number);
}

static void run_until_done(struct workers_client *client, const int *done_count, int want)
{
    while (*done_count < want) {
        if (workers_client_sleep(client)) {
            struct pollfd fd = {.fd = workers_client_fd(client), .events = POLLIN};
            assert_int_equal(poll(&fd, 1, 5000), 1);
        }
        workers_client_awake(client);
        workers_client_run(client);
    }
}

static void each_worker_runs_its_jobs_in_order_and_wakes_the_client(void **state)
{
    (void)state;
    struct workers *w = workers_start();
    struct workers_client *client = workers_client_new(w);
    const struct workers_port port = workers_client_port(client);
    struct counted jobs[2][JOBS];
    int next_work[2] = {0}, next_done[2] = {0};
    for (int i = 0; i < JOBS; i++)
        for (int worker = 0; worker < 2; worker++) {
            jobs[worker][i] = (struct counted){.job = {work, done}, .number = i,
                                               .next_work = &next_work[worker],
                                               .next_done = &next_done[worker]};
            port.submit(port.context, (enum worker)worker, &jobs[worker][i].job);
        }
    run_until_done(client, &next_done[0], JOBS);
    run_until_done(client, &next_done[1], JOBS);
    assert_false(pthread_equal(jobs[0][0].worked, pthread_self()));
    assert_false(pthread_equal(jobs[0][0].worked, jobs[1][0].worked));
    assert_true(pthread_equal(jobs[0][0].done, pthread_self()));
    workers_stop(w);
    workers_client_free(client);
    workers_free(w);
}

static void stopping_runs_what_is_queued_and_lets_it_be_completed(void **state)
{
    (void)state;
    struct workers *w = workers_start();
    struct workers_client *client = workers_client_new(w);
    const struct workers_port port = workers_client_port(client);
    struct counted jobs[JOBS];
    int next_work = 0, next_done = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct counted){.job = {work, done}, .number = i, .next_work = &next_work,
                                   .next_done = &next_done};
        port.submit(port.context, WORKER_FLUSH, &jobs[i].job);
    }
    workers_stop(w);
    assert_int_equal(next_work, JOBS);
    assert_int_equal(workers_client_run(client), JOBS);
    assert_int_equal(next_done, JOBS);
    workers_client_free(client);
    workers_free(w);
}

/* A job that would take for ever but for the order to stop. */
struct patient {
    struct job job;
    struct workers_port port;
    uint64_t pauses;
};

static void wait_for_ever(struct job *job)
{
    struct patient *p = container_of(job, struct patient, job);
    while (p->port.pause(p->port.context, p->pauses == 0 ? 1000 : 3600 * (uint64_t)1000000))
        p->pauses++;
}

static void stopping_ends_the_pauses_of_a_long_job(void **state)
{
    (void)state;
    struct workers *w = workers_start();
    struct workers_client *client = workers_client_new(w);
    int next_done = 0;
    struct counted nothing = {.job = {work, done}, .next_work = &(int){0}, .next_done = &next_done};
    struct patient p = {.job = {wait_for_ever, done}, .port = workers_client_port(client)};
    p.port.submit(p.port.context, WORKER_SNAPSHOT, &p.job);
    p.port.submit(p.port.context, WORKER_FLUSH, &nothing.job); /* others are not held up */
    run_until_done(client, &next_done, 1);
    const uint64_t begun_us = clock_boot_us();
    workers_stop(w);
    assert_in_range(clock_boot_us() - begun_us, 0, 5000000);
    assert_in_range(p.pauses, 0, 1);
    workers_client_free(client);
    workers_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_runs_its_jobs_in_order_and_wakes_the_client),
        cmocka_unit_test(stopping_runs_what_is_queued_and_lets_it_be_completed),
        cmocka_unit_test(stopping_ends_the_pauses_of_a_long_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
