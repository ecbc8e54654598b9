#include "server/sights.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/mailbox.h"
#include "base/panic.h"

struct sights {
    struct mailbox *seen; /* struct seen */
    atomic_bool is_on;
    atomic_uint_fast64_t dropped;

    /* the consensus half's */
    uint64_t window_us;
    uint32_t control, data; /* of this window */
};

struct sights *sights_new(void)
{
    struct sights *s = xcalloc(1, sizeof(*s));
    s->seen = mailbox_new(sizeof(struct seen), SIGHTS_KEPT_MAX);
    return s;
}

void sights_free(struct sights *s)
{
    if (s == NULL)
        return;
    mailbox_free(s->seen);
    free(s);
}

static void saw(void *context, const struct sight *sight)
{
    sights_saw(context, sight, clock_boot_us());
}

struct sight_port sights_port(struct sights *s)
{
    return (struct sight_port){s, &s->is_on, saw};
}

/* --- the consensus half ----------------------------------------------------------------------- */

static bool is_control(enum sight_kind kind)
{
    return kind <= SIGHT_TIMEOUT_NOW;
}

/* State is rare by itself. Data leaves the room of signs of life alone, and the other way round. */
static bool has_room(struct sights *s, enum sight_kind kind, uint64_t now_us)
{
    if (kind == SIGHT_STATE)
        return true;
    if (now_us >= s->window_us + SIGHTS_WINDOW_US) {
        s->window_us = now_us;
        s->control = s->data = 0;
    }
    return is_control(kind) ? s->control++ < SIGHTS_CONTROL_MAX : s->data++ < SIGHTS_DATA_MAX;
}

void sights_saw(struct sights *s, const struct sight *sight, uint64_t now_us)
{
    CHECK(sight->kind > SIGHT_NONE);
    CHECK(sight->kind < SIGHT_KINDS);
    if (has_room(s, (enum sight_kind)sight->kind, now_us)) {
        const struct seen seen = {clock_wall_us(), *sight};
        if (mailbox_leave(s->seen, &seen))
            return;
    }
    atomic_fetch_add_explicit(&s->dropped, 1, memory_order_relaxed);
}

/* --- who looks -------------------------------------------------------------------------------- */

void sights_look(struct sights *s, bool is_on)
{
    struct seen old;
    while (is_on && !atomic_load(&s->is_on) && mailbox_receive(s->seen, &old, 1) == 1)
        continue; /* of an earlier look */
    atomic_store(&s->is_on, is_on);
}

size_t sights_take(struct sights *s, struct seen *seen, size_t max)
{
    return mailbox_receive(s->seen, seen, max);
}

uint64_t sights_take_dropped(struct sights *s)
{
    return atomic_exchange_explicit(&s->dropped, 0, memory_order_relaxed);
}
