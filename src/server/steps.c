#include "server/steps.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/panic.h"
#include "server/node.h"
#include "server/server.h"

struct steps *steps_new(void)
{
    struct steps *t = xcalloc(1, sizeof(*t));
    atomic_init(&t->users, 1);
    return t;
}

struct steps *steps_use(struct steps *t)
{
    atomic_fetch_add(&t->users, 1);
    return t;
}

void steps_drop(struct steps *t)
{
    if (t != NULL && atomic_fetch_sub(&t->users, 1) == 1)
        free(t);
}

void steps_tell(struct steps *t, struct server *s)
{
    struct shard_times times;
    if (atomic_load(&t->is_told) || !shard_times(s->shard, &times))
        return;
    const uint64_t persisted_us = node_persisted_us(s->node, times.index); /* before now */
    const uint64_t now_us = clock_boot_us(), wall_us = clock_wall_us() - now_us;
    t->index = times.index;
    t->proposed_us = wall_us + times.mailed_us;
    t->committed_us = wall_us + times.committed_us;
    t->applied_us = wall_us + now_us;
    t->persisted_us = persisted_us == 0 ? 0 : wall_us + persisted_us;
    atomic_store_explicit(&t->is_told, true, memory_order_release);
}
