/* mailbox.c -- a ring of messages behind a mutex, and an eventfd for the receiver that sleeps.
 *
 * An eventfd counts the writes made to it, so wakes_unread = writes promised (under the mutex, the
 * write itself follows outside) - value read. A late write can thus never be left over: as long as
 * the two differ, mailbox_awake() reads again. */

#include "base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/panic.h"

struct mailbox {
    pthread_mutex_t mutex;
    size_t message_size, capacity;
    size_t first;         /* position of the oldest message */
    atomic_size_t count;  /* changed under the mutex, looked at without it */
    bool sleeping;        /* the receiver waits for the eventfd */
    uint64_t wakes_unread;
    int fd;
    uint8_t *messages;
};

static void lock(struct mailbox *m)
{
    const int outcome = pthread_mutex_lock(&m->mutex);
    CHECK(outcome == 0);
}

static void unlock(struct mailbox *m)
{
    const int outcome = pthread_mutex_unlock(&m->mutex);
    CHECK(outcome == 0);
}

struct mailbox *mailbox_new(size_t message_size, size_t capacity)
{
    CHECK(message_size > 0);
    CHECK(capacity > 0);
    struct mailbox *m = xcalloc(1, sizeof(*m));
    const int outcome = pthread_mutex_init(&m->mutex, NULL);
    CHECK(outcome == 0);
    m->message_size = message_size;
    m->capacity = capacity;
    m->messages = xcalloc(capacity, message_size);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        panic("eventfd: %s", strerror(errno));
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    close(m->fd);
    pthread_mutex_destroy(&m->mutex);
    free(m->messages);
    free(m);
}

static void wake(const struct mailbox *m)
{
    const uint64_t one = 1;
    ssize_t written;
    do
        written = write(m->fd, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    CHECK(written == sizeof(one));
}

static bool put(struct mailbox *m, const void *message, bool may_wake)
{
    lock(m);
    const size_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
    if (count == m->capacity) {
        unlock(m);
        return false;
    }
    size_t position = m->first + count;
    if (position >= m->capacity)
        position -= m->capacity;
    memcpy(m->messages + position * m->message_size, message, m->message_size);
    atomic_store_explicit(&m->count, count + 1, memory_order_release);
    const bool wakes = may_wake && m->sleeping;
    m->sleeping = m->sleeping && !wakes;
    m->wakes_unread += wakes;
    unlock(m);

    if (wakes)
        wake(m);
    return true;
}

bool mailbox_send(struct mailbox *m, const void *message)
{
    return put(m, message, true);
}

bool mailbox_leave(struct mailbox *m, const void *message)
{
    return put(m, message, false);
}

size_t mailbox_receive(struct mailbox *m, void *messages, size_t max)
{
    if (mailbox_count(m) == 0)
        return 0; /* the usual case of a turn costs no lock */
    lock(m);
    const size_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
    const size_t taken = MIN(count, max);
    const size_t before_wrap = MIN(taken, m->capacity - m->first);
    memcpy(messages, m->messages + m->first * m->message_size, before_wrap * m->message_size);
    memcpy((uint8_t *)messages + before_wrap * m->message_size, m->messages,
           (taken - before_wrap) * m->message_size);
    m->first = (m->first + taken) % m->capacity;
    atomic_store_explicit(&m->count, count - taken, memory_order_release);
    unlock(m);
    return taken;
}

size_t mailbox_room(struct mailbox *m)
{
    return m->capacity - mailbox_count(m);
}

size_t mailbox_count(struct mailbox *m)
{
    return atomic_load_explicit(&m->count, memory_order_acquire);
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

bool mailbox_sleep(struct mailbox *m)
{
    lock(m);
    m->sleeping = mailbox_count(m) == 0;
    const bool sleeping = m->sleeping;
    unlock(m);
    return sleeping;
}

void mailbox_awake(struct mailbox *m)
{
    lock(m);
    m->sleeping = false;
    const uint64_t unread = m->wakes_unread;
    unlock(m);
    if (unread == 0)
        return;

    uint64_t wakes = 0;
    if (read(m->fd, &wakes, sizeof(wakes)) != sizeof(wakes))
        return; /* promised but not written yet: the fd will be readable, and we come again */
    lock(m);
    CHECK(wakes <= m->wakes_unread);
    m->wakes_unread -= wakes;
    unlock(m);
}
