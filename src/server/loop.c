#include "server/loop.h"

#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/panic.h"

#define WATCHED_MAX 6 /* own wake, three mailboxes, two clients of the workers (loops 1, HTTP) */

struct loop {
    struct event_base *base;
    struct event timer;
    struct event watched[WATCHED_MAX];
    size_t watched_count;
    int wake_fd;
    uint64_t timer_us; /* what the timer is set to; 0 = not set */
};

static void nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context; /* its only purpose is that the wait ends */
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct loop *l = context;
    l->timer_us = 0;
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    (void)context;
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0)
        return; /* EAGAIN: somebody has read it already */
}

enum status loop_new(struct loop **loop, struct error *e)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    struct event_config *config = event_config_new();
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    /* Turns are due in fractions of a millisecond. */
    if (config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
        l->base = event_base_new_with_config(config);
    if (config != NULL)
        event_config_free(config);
    if (l->wake_fd < 0 || l->base == NULL) {
        loop_free(l);
        return fail(e, STATUS_IO, "cannot make an event loop");
    }
    event_assign(&l->timer, l->base, -1, 0, on_timer, l);
    event_assign(&l->watched[l->watched_count], l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake,
                 l);
    if (event_add(&l->watched[l->watched_count++], NULL) != 0)
        panic("event_add failed");
    *loop = l;
    return STATUS_OK;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    if (l->base != NULL) {
        for (size_t i = 0; i < l->watched_count; i++)
            event_del(&l->watched[i]);
        if (l->timer_us != 0)
            event_del(&l->timer);
        event_base_free(l->base);
    }
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

void loop_watch(struct loop *l, int fd)
{
    CHECK(l->watched_count < WATCHED_MAX);
    struct event *event = &l->watched[l->watched_count++];
    event_assign(event, l->base, fd, EV_READ | EV_PERSIST | EV_ET, nothing, l);
    if (event_add(event, NULL) != 0)
        panic("event_add failed");
}

const char *loop_method(struct loop *l)
{
    return event_base_get_method(l->base);
}

static void set_timer(struct loop *l, uint64_t due_us)
{
    if (l->timer_us == due_us)
        return;
    const uint64_t now_us = clock_boot_us();
    const uint64_t wait_us = due_us > now_us ? due_us - now_us : 0;
    const struct timeval wait = {(time_t)(wait_us / 1000000), (suseconds_t)(wait_us % 1000000)};
    if (event_add(&l->timer, &wait) != 0)
        panic("event_add failed");
    l->timer_us = due_us;
}

void loop_wait(struct loop *l, uint64_t due_us)
{
    int flags = EVLOOP_ONCE;
    if (due_us == 0)
        flags |= EVLOOP_NONBLOCK;
    else
        set_timer(l, due_us);
    if (event_base_loop(l->base, flags) < 0)
        panic("event loop failed");
}

void loop_wake(struct loop *l)
{
    const uint64_t one = 1;
    if (write(l->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is awake */
}
