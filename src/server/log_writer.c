/* log_writer.c -- one thread, one synced write for all that waits.
 *
 * Jobs come by a mailbox that has room for every write the core lets be outstanding. While the
 * thread syncs, more of them gather: the slower the disk, the larger the next group, up to
 * LOG_GROUP_BYTES_MAX. */

#define _GNU_SOURCE /* pthread_setname_np() */
#include "server/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/log_store.h"
#include "node/mail.h"
#include "server/chaos.h"
#include "server/urgent.h"
#include "raft/types.h"

#define JOBS_MAX (RAFT_WRITES_MAX + 1) /* and the order to end */
#define MILESTONES 256
#define FULL_WAIT_NS 200000            /* the consensus half's mailbox is full: it is at it */

/* Until which entry the log was durable when. */
struct milestone {
    atomic_uint_fast64_t index, at_us;
};

struct log_writer {
    struct log_store *log;
    struct mailbox *jobs; /* struct log_job; id 0 = end */
    struct mailbox *completions;
    pthread_t thread;
    const struct chaos *chaos; /* NULL: none */
    atomic_bool ending; /* nobody takes completions any more */
    atomic_uint outstanding; /* submitted, not yet written: 0 = the thread leaves the store alone */
    atomic_uint_fast64_t job_count, syncs, in_place, last_us, max_us;
    struct milestone milestones[MILESTONES]; /* a ring */
    atomic_uint_fast64_t milestone_count;
    struct histogram took;         /* of each synced write */
    atomic_uint_fast64_t recent_us; /* the longest since it was last taken */
};

/* Only the writer of the moment changes the figures: by these functions. */
static void note_durable(struct log_writer *w, const struct log_write *writes, size_t count,
                         uint64_t now_us)
{
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++)
        if (writes[i].entry_count > 0)
            last = writes[i].first + writes[i].entry_count - 1;
    if (last == 0)
        return;
    const uint64_t n = atomic_load_explicit(&w->milestone_count, memory_order_relaxed);
    struct milestone *m = &w->milestones[n % MILESTONES];
    atomic_store_explicit(&m->index, last, memory_order_relaxed);
    atomic_store_explicit(&m->at_us, now_us, memory_order_relaxed);
    atomic_store_explicit(&w->milestone_count, n + 1, memory_order_release);
}

static void write_all(struct log_writer *w, const struct log_write *writes, size_t count)
{
    const uint64_t began_us = clock_boot_us();
    struct error e;
    if (log_store_write(w->log, writes, count, &e) != STATUS_OK)
        panic("the log cannot be written: %s. What was acknowledged is safe with the others; look"
              " after the disk, then start it again", e.text); /* D16: who knows what is on it */
    const uint64_t now_us = clock_boot_us(), took_us = now_us - began_us;
    note_durable(w, writes, count, now_us);
    atomic_fetch_add(&w->syncs, 1);
    histogram_add(&w->took, took_us * 1000);
    atomic_store(&w->last_us, took_us);
    if (took_us > atomic_load(&w->max_us))
        atomic_store(&w->max_us, took_us);
    if (took_us > atomic_load(&w->recent_us))
        atomic_store(&w->recent_us, took_us);
}

static void complete(struct log_writer *w, uint64_t id)
{
    const struct consensus_mail mail = {.kind = MAIL_PERSISTED, .id = id};
    /* This thread is no loop: it may wait. */
    while (!mailbox_send(w->completions, &mail) && !atomic_load(&w->ending)) {
        const struct timespec wait = {.tv_nsec = FULL_WAIT_NS};
        nanosleep(&wait, NULL);
    }
}

static void sleep_until_mail(struct mailbox *m)
{
    if (!mailbox_sleep(m))
        return;
    struct pollfd fd = {.fd = mailbox_fd(m), .events = POLLIN};
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        ;
    mailbox_awake(m);
}

/* How many of the jobs go into one write; always one. */
static size_t group_count(const struct log_job *jobs, size_t count)
{
    size_t bytes = jobs[0].bytes, n = 1;
    while (n < count && bytes + jobs[n].bytes <= LOG_GROUP_BYTES_MAX)
        bytes += jobs[n++].bytes;
    return n;
}

static void write_group(struct log_writer *w, const struct log_job *jobs, size_t count)
{
    struct log_write writes[JOBS_MAX];
    for (size_t i = 0; i < count; i++)
        writes[i] = *jobs[i].write;
    if (w->chaos != NULL)
        chaos_disk(w->chaos);
    write_all(w, writes, count);
    atomic_fetch_sub_explicit(&w->outstanding, (unsigned)count, memory_order_release);
    complete(w, jobs[count - 1].id); /* the newest stands for all before it */
}

static void *run(void *context)
{
    struct log_writer *w = context;
    urgent_thread(); /* a disk that waits for a processor looks like a disk that hangs */
    for (;;) {
        struct log_job jobs[JOBS_MAX];
        size_t count = mailbox_receive(w->jobs, jobs, JOBS_MAX);
        if (count == 0) {
            sleep_until_mail(w->jobs);
            continue;
        }
        const bool ends = jobs[count - 1].id == 0;
        count -= ends;
        for (size_t done = 0, n; done < count; done += n) {
            n = group_count(jobs + done, count - done);
            write_group(w, jobs + done, n);
        }
        if (ends)
            return NULL;
    }
}

static enum submitted submit(void *context, const struct log_job *job, bool in_place)
{
    struct log_writer *w = context;
    CHECK(job->id != 0);
    atomic_fetch_add(&w->job_count, 1);
    if (in_place && atomic_load_explicit(&w->outstanding, memory_order_acquire) == 0) {
        write_all(w, job->write, 1);
        atomic_fetch_add(&w->in_place, 1);
        return SUBMIT_DONE;
    }
    atomic_fetch_add_explicit(&w->outstanding, 1, memory_order_relaxed);
    const bool sent = mailbox_send(w->jobs, job);
    CHECK(sent); /* the core has at most RAFT_WRITES_MAX outstanding */
    return SUBMIT_QUEUED;
}

struct log_writer *log_writer_start(struct log_store *log, struct mailbox *completions)
{
    struct log_writer *w = xcalloc(1, sizeof(*w));
    w->log = log;
    w->completions = completions;
    w->jobs = mailbox_new(sizeof(struct log_job), JOBS_MAX);
    const int outcome = pthread_create(&w->thread, NULL, run, w);
    if (outcome != 0)
        panic("pthread_create: %s", strerror(outcome));
    pthread_setname_np(w->thread, "log-writer");
    return w;
}

void log_writer_obey(struct log_writer *w, const struct chaos *chaos)
{
    w->chaos = chaos;
}

void log_writer_stop(struct log_writer *w)
{
    if (w == NULL)
        return;
    atomic_store(&w->ending, true);
    const struct log_job end = {0};
    const bool sent = mailbox_send(w->jobs, &end);
    CHECK(sent);
    const int outcome = pthread_join(w->thread, NULL);
    CHECK(outcome == 0);
    mailbox_free(w->jobs);
    free(w);
}

struct log_writer_port log_writer_port(struct log_writer *w)
{
    return (struct log_writer_port){w, submit};
}

void log_writer_stats(struct log_writer *w, struct log_writer_stats *stats)
{
    *stats = (struct log_writer_stats){
        .jobs = atomic_load(&w->job_count),
        .syncs = atomic_load(&w->syncs),
        .in_place = atomic_load(&w->in_place),
        .last_us = atomic_load(&w->last_us),
        .max_us = atomic_load(&w->max_us),
    };
}

/* Backwards while they hold it; half of the ring, since the writer may be at the other. */
uint64_t log_writer_persisted_us(struct log_writer *w, uint64_t index)
{
    const uint64_t count = atomic_load_explicit(&w->milestone_count, memory_order_acquire);
    uint64_t at_us = 0;
    for (uint64_t n = count; n > 0 && count - n < MILESTONES / 2; n--) {
        const struct milestone *m = &w->milestones[(n - 1) % MILESTONES];
        if (atomic_load_explicit(&m->index, memory_order_relaxed) < index)
            return at_us;
        at_us = atomic_load_explicit(&m->at_us, memory_order_relaxed);
    }
    return 0; /* it may have been long before */
}

const struct histogram *log_writer_took(const struct log_writer *w)
{
    return &w->took;
}

uint64_t log_writer_take_recent_us(struct log_writer *w)
{
    return atomic_exchange(&w->recent_us, 0);
}
