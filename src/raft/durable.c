/* durable.c -- a short queue of writes on their way to the disk. */

#include "raft/durable.h"

#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"

void durable_init(struct durable *d, raft_index persisted_index)
{
    d->next_id = 1;
    d->durable_id = 0;
    d->hard_id = 0;
    d->persisted_index = persisted_index;
    d->count = 0;
}

bool durable_is_full(const struct durable *d)
{
    return d->count == RAFT_WRITES_MAX;
}

uint64_t durable_write(struct durable *d, raft_index last, bool hard_state)
{
    CHECK(!durable_is_full(d));
    const uint64_t id = d->next_id++;
    d->claims[d->count++] = (struct durable_claim){id, last};
    if (hard_state)
        d->hard_id = id;
    return id;
}

void durable_truncate(struct durable *d, raft_index from)
{
    CHECK(from > 0);
    d->persisted_index = MIN(d->persisted_index, from - 1);
    for (uint32_t i = 0; i < d->count; i++)
        d->claims[i].last = MIN(d->claims[i].last, from - 1);
}

void durable_install(struct durable *d, raft_index index)
{
    d->persisted_index = MAX(d->persisted_index, index);
    for (uint32_t i = 0; i < d->count; i++)
        d->claims[i].last = MAX(d->claims[i].last, d->persisted_index);
}

void durable_persisted(struct durable *d, uint64_t write_id)
{
    CHECK(write_id < d->next_id);
    if (write_id <= d->durable_id)
        return;
    d->durable_id = write_id;
    uint32_t done = 0;
    for (; done < d->count && d->claims[done].write_id <= write_id; done++)
        d->persisted_index = MAX(d->persisted_index, d->claims[done].last);
    d->count -= done;
    memmove(d->claims, d->claims + done, d->count * sizeof(*d->claims));
}

uint64_t durable_after(const struct durable *d, raft_index index)
{
    if (index <= d->persisted_index)
        return 0;
    uint32_t i = 0;
    while (i < d->count && d->claims[i].last < index)
        i++;
    CHECK(i < d->count);
    return d->claims[i].write_id;
}

uint64_t durable_hard_after(const struct durable *d)
{
    return d->hard_id > d->durable_id ? d->hard_id : 0;
}

void durable_check(const struct durable *d, raft_index last_index)
{
    CHECK(d->count <= RAFT_WRITES_MAX);
    CHECK(d->persisted_index <= last_index);
    CHECK(d->hard_id < d->next_id);
    CHECK(d->durable_id < d->next_id);
    raft_index last = d->persisted_index;
    uint64_t id = d->durable_id;
    for (uint32_t i = 0; i < d->count; i++) {
        CHECK(d->claims[i].write_id > id);
        CHECK(d->claims[i].last >= last);
        last = d->claims[i].last;
        id = d->claims[i].write_id;
    }
    CHECK(last <= last_index);
}
