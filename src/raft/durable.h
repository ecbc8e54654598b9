/* durable.h -- which writes have been given out, and what of the log is on disk.
 *
 * Each flush gives out at most one write, with ids 1, 2, 3 …; PERSISTED says up to which all are
 * durable. An entry counts as persisted once the write that carried it is durable *and* it has not
 * been truncated since: so a truncation lowers what older writes can still claim.
 *
 *     write 7: entries .. 10     truncate_from 6     write 8: entries 6 .. 7
 *     claims   [7: 10]      ->   [7: 5]         ->   [7: 5] [8: 7]
 *
 * Invariants (durable_check): ids of claims rise, their last indexes never fall, none lies below
 * persisted_index; the newest hard state lies in a write that was given out. */

#ifndef RAFT_DURABLE_H
#define RAFT_DURABLE_H

#include "raft/types.h"

struct durable_claim {
    uint64_t write_id;
    raft_index last; /* the log up to here is on disk once the write is */
};

struct durable {
    uint64_t next_id;      /* of the write that comes next */
    uint64_t durable_id;   /* newest durable write */
    uint64_t hard_id;      /* newest write with a changed hard state */
    raft_index persisted_index;
    uint32_t count;
    struct durable_claim claims[RAFT_WRITES_MAX]; /* outstanding writes, oldest first */
};

void durable_init(struct durable *d, raft_index persisted_index);
bool durable_is_full(const struct durable *d); /* no write may be given out now */

/* A write is given out; the log then ends at last. Returns its id. */
uint64_t durable_write(struct durable *d, raft_index last, bool hard_state);

void durable_truncate(struct durable *d, raft_index from);    /* entries from on are gone */
void durable_install(struct durable *d, raft_index index);    /* up to index all is on disk */
void durable_persisted(struct durable *d, uint64_t write_id); /* panics when never given out */

/* The oldest write after which the log up to index is durable; 0 = it is already. index must lie
 * in a write that was given out. */
uint64_t durable_after(const struct durable *d, raft_index index);

/* The write that makes the newest given-out hard state durable; 0 = it is already. */
uint64_t durable_hard_after(const struct durable *d);

void durable_check(const struct durable *d, raft_index last_index);

#endif
