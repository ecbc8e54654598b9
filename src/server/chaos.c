#include "server/chaos.h"

#include <time.h>

static bool is_cut(const struct chaos *c, uint64_t to)
{
    const unsigned count = atomic_load_explicit(&c->cut_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (atomic_load_explicit(&c->cuts[i], memory_order_relaxed) == to)
            return true;
    return false;
}

bool chaos_cut(struct chaos *c, uint64_t to)
{
    const unsigned count = atomic_load(&c->cut_count);
    if (is_cut(c, to))
        return true;
    if (count == CHAOS_CUTS_MAX)
        return false;
    atomic_store(&c->cuts[count], to);
    atomic_store(&c->cut_count, count + 1);
    return true;
}

void chaos_isolate(struct chaos *c)
{
    atomic_store(&c->is_isolated, true);
}

void chaos_heal(struct chaos *c)
{
    atomic_store(&c->is_isolated, false);
    atomic_store(&c->cut_count, 0);
}

void chaos_slow_disk(struct chaos *c, uint32_t ms)
{
    atomic_store(&c->slow_ms, ms);
}

bool chaos_is_broken(const struct chaos *c)
{
    return atomic_load(&c->is_isolated) || atomic_load(&c->cut_count) > 0 ||
           atomic_load(&c->slow_ms) > 0;
}

bool chaos_drops_in(const struct chaos *c)
{
    return atomic_load_explicit(&c->is_isolated, memory_order_relaxed);
}

bool chaos_drops_out(const struct chaos *c, uint64_t to)
{
    return chaos_drops_in(c) || is_cut(c, to);
}

void chaos_disk(const struct chaos *c)
{
    const unsigned ms = atomic_load_explicit(&c->slow_ms, memory_order_relaxed);
    const struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
    if (ms > 0)
        nanosleep(&wait, NULL);
}
