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

enum receiver { AWAKE, DOZING, SLEEPING };

struct mailbox {
    pthread_mutex_t mutex;
    size_t message_size, capacity;
    size_t first;         /* position of the oldest message */
    atomic_size_t count;  /* changed under the mutex, looked at without it */
    enum receiver receiver; /* unless AWAKE it waits for the eventfd */
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

/* Under the mutex; true: the caller is to call wake() outside it. */
static bool becomes_awake(struct mailbox *m)
{
    if (m->receiver == AWAKE)
        return false;
    m->receiver = AWAKE;
    m->wakes_unread++;
    return true;
}

enum urgency { LEFT, OFFERED, SENT };

static bool is_urgent(const struct mailbox *m, enum urgency urgency)
{
    return urgency == SENT || (urgency == OFFERED && m->receiver == SLEEPING);
}

static bool put(struct mailbox *m, const void *message, enum urgency urgency)
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
    const bool wakes = is_urgent(m, urgency) && becomes_awake(m);
    unlock(m);

    if (wakes)
        wake(m);
    return true;
}

bool mailbox_send(struct mailbox *m, const void *message)
{
    return put(m, message, SENT);
}

bool mailbox_leave(struct mailbox *m, const void *message)
{
    return put(m, message, LEFT);
}

bool mailbox_offer(struct mailbox *m, const void *message)
{
    return put(m, message, OFFERED);
}

void mailbox_wake(struct mailbox *m)
{
    if (mailbox_count(m) == 0)
        return;
    lock(m);
    const bool wakes = becomes_awake(m);
    unlock(m);
    if (wakes)
        wake(m);
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

static bool wait_as(struct mailbox *m, enum receiver receiver)
{
    lock(m);
    const bool waits = mailbox_count(m) == 0;
    m->receiver = waits ? receiver : AWAKE;
    unlock(m);
    return waits;
}

bool mailbox_sleep(struct mailbox *m)
{
    return wait_as(m, SLEEPING);
}

bool mailbox_doze(struct mailbox *m)
{
    return wait_as(m, DOZING);
}

bool mailbox_is_asleep(struct mailbox *m)
{
    lock(m);
    const bool is_asleep = m->receiver != AWAKE;
    unlock(m);
    return is_asleep;
}

void mailbox_awake(struct mailbox *m)
{
    lock(m);
    m->receiver = AWAKE;
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
