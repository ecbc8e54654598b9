/* compact.c -- the log is cut behind what is durably applied (ARCHITECTURE §6.1).
 *
 *   log   1 ............ D ........ last          D: the last flush of the state
 *         \_ may leave _/  \ replay /
 *             [ log-keep bytes      ]             stay: peers that were away for a while need them
 *
 * Every node keeps its newest log-keep bytes, leader or not: whoever leads next can bring a peer up
 * to date that was away for a short time. A peer further behind gets a snapshot, and while one is
 * sent, what follows it stays too. At rest, when next to nothing is written, less stays: a part of
 * what a snapshot of the state would be. Who has all of the log needs none of it, and what is
 * written from then on is kept again; who lags has the leader keep log-keep bytes on, and costs a
 * later leader at most a snapshot that is some times what the log would be.
 *
 * What this node's log does not hold durably is not cut: others may commit, and this one apply and
 * flush, what still waits here for a slow disk, perhaps not even given to the log writer. The cut
 * is one write through the log writer, in order with all others; then the core is told; then the
 * worker gives the disk space back. For that RocksDB writes what stays anew first: where there is
 * no room for it beside a share of disk-reserve, it waits. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/panic.h"
#include "kv/disk.h"

#define RECLAIM_AGAIN_US UINT64_C(1000000) /* after there was no room */
#define KEPT_SHARE 4 /* this part of disk-reserve stays free */
#define ENTRY_OVERHEAD 64 /* bytes: row key, header, what the core keeps of it */
#define LOOK_US UINT64_C(5000000)          /* between looks at whether anything is written; */
#define RESTING_BYTES ((uint64_t)1 << 20)  /* so much from one look to the next is nothing */
#define RESTING_KEEP_MIN ((uint64_t)16 << 20) /* kept at rest, and not less than */
#define RESTING_KEEP_SHARE 8                  /* this part of the state */

void compact_open(struct consensus *c)
{
    struct raft_status at;
    raft_status(c->raft, &at);
    c->compaction.log = c->o.log;
    c->compaction.tail_first = at.first_index;
    c->compaction.tail_last = at.first_index - 1;
}

static uint64_t entry_bytes(const struct consensus *c, raft_index index)
{
    struct raft_entry e;
    return raft_entry_at(c->raft, index, &e) ? e.size + ENTRY_OVERHEAD : 0;
}

static bool little_was_written(const struct compaction *k) /* since the last look */
{
    return k->log_bytes - k->looked_bytes < RESTING_BYTES;
}

static void look_for_rest(struct consensus *c)
{
    struct compaction *k = &c->compaction;
    if (c->now_us < k->looked_us + LOOK_US)
        return;
    k->is_resting = k->looked_us > 0 && little_was_written(k);
    k->due = k->due || k->is_resting; /* there may be more to cut than at the last flush */
    k->looked_us = c->now_us;
    k->looked_bytes = k->log_bytes;
}

/* Of a member that has not all, as far as this node knows: a follower does not. */
static bool somebody_lags(const struct raft_status *at)
{
    for (size_t i = 0; at->role == RAFT_LEADER && i < at->peer_count; i++)
        if (at->peers[i].match_index < at->last_index)
            return true;
    return false;
}

static uint64_t bytes_to_keep(const struct consensus *c, const struct raft_status *at)
{
    const struct compaction *k = &c->compaction;
    if (!k->is_resting || !little_was_written(k) || somebody_lags(at))
        return c->o.log_keep_bytes;
    return MIN(c->o.log_keep_bytes, MAX(RESTING_KEEP_MIN, k->state_bytes / RESTING_KEEP_SHARE));
}

/* The newest entries, as many as keep allows, and one. */
static void follow_tail(struct consensus *c, const struct raft_status *at)
{
    const raft_index first = at->first_index, last = at->last_index;
    struct compaction *k = &c->compaction;
    if (last < k->tail_last || k->tail_first < first) { /* truncated, or begun anew */
        k->tail_first = first;
        k->tail_last = first - 1;
        k->tail_bytes = k->held_bytes = 0;
    }
    while (k->tail_last < last) {
        const uint64_t bytes = entry_bytes(c, ++k->tail_last);
        k->tail_bytes += bytes;
        k->held_bytes += bytes;
        k->log_bytes += bytes;
    }
    const uint64_t keep = bytes_to_keep(c, at);
    while (k->tail_first < k->tail_last &&
           (k->tail_bytes > keep || k->tail_last - k->tail_first > LOG_ENTRIES_MAX / 4))
        k->tail_bytes -= entry_bytes(c, k->tail_first++);
}

static void cut(struct consensus *c, const struct raft_status *at)
{
    struct compaction *k = &c->compaction;
    raft_index to = MIN(c->durable_applied, k->tail_first - 1);
    to = MIN(to, at->persisted_index);
    const raft_index pin = snapshot_send_pin(c, at);
    if (pin != 0)
        to = MIN(to, pin);
    to = MIN(to, archive_limit(c, at));
    if (backup_pin(c) != 0)
        to = MIN(to, backup_pin(c));
    struct raft_entry last;
    if (to < at->first_index || !raft_entry_at(c->raft, to, &last))
        return;
    k->writing = true;
    k->index = to;
    output_write(c, WRITE_COMPACT, &(struct log_write){.compact_index = to,
                                                       .compact_term = last.term});
}

void compact_tick(struct consensus *c)
{
    struct compaction *k = &c->compaction;
    if (c->o.state == NULL || snapshot_is_installing(c))
        return;
    struct raft_status at;
    raft_status(c->raft, &at);
    look_for_rest(c);
    follow_tail(c, &at);
    if (k->reclaim_due && c->now_us >= k->reclaim_after_us)
        compact_reclaim(c);
    if (!k->due || k->writing || c->send.step == SEND_CHECKPOINT ||
        c->backup.step == BACKUP_CHECKPOINT)
        return;
    k->due = false;
    cut(c, &at);
}

/* The core still knows how large they are. */
static void forget_cut(struct consensus *c)
{
    struct compaction *k = &c->compaction;
    struct raft_status at;
    raft_status(c->raft, &at);
    for (raft_index i = at.first_index; i <= k->index; i++)
        k->held_bytes -= entry_bytes(c, i);
}

void compact_done(struct consensus *c)
{
    struct compaction *k = &c->compaction;
    CHECK(k->writing);
    k->writing = false;
    k->count++;
    forget_cut(c);
    step_quietly(c, &(struct raft_input){.type = RAFT_COMPACTED, .index = k->index});
    log_info("consensus", "the log was cut", "index=%" PRIu64, k->index);
    compact_reclaim(c);
}

/* --- disk space ------------------------------------------------------------------------------- */

/* Bytes that may be written meanwhile. */
static uint64_t room_to_reclaim(const struct consensus *c)
{
    const uint64_t kept = c->o.disk_reserve / KEPT_SHARE;
    uint64_t free_bytes;
    struct error e;
    if (c->o.disk_reserve == 0 || disk_space(c->o.disk, c->o.dir, &free_bytes, &e) != STATUS_OK)
        return UINT64_MAX;
    return free_bytes - MIN(free_bytes, kept);
}

static void reclaim_work(struct job *job)
{
    struct compaction *k = container_of(job, struct compaction, reclaim);
    const struct consensus *c = container_of(k, struct consensus, compaction);
    k->status = log_store_reclaim(k->log, room_to_reclaim(c), &k->error);
}

static void reclaim_ended(struct job *job)
{
    struct compaction *k = container_of(job, struct compaction, reclaim);
    k->reclaiming = false;
    if (k->status == STATUS_NO_SPACE) {
        struct consensus *c = container_of(k, struct consensus, compaction);
        if (k->reclaim_after_us == 0)
            log_warn("disk", "no room to give the space of old log entries back, trying again",
                     "error=\"%s\"", k->error.text);
        k->reclaim_due = true;
        k->reclaim_after_us = c->now_us + RECLAIM_AGAIN_US;
        return;
    }
    k->reclaim_after_us = 0;
    if (k->status != STATUS_OK)
        panic("cannot give the space of old log entries back: %s", k->error.text);
}

void compact_reclaim(struct consensus *c)
{
    struct compaction *k = &c->compaction;
    k->reclaim_due = k->reclaiming || c->now_us < k->reclaim_after_us;
    if (k->reclaim_due)
        return;
    k->reclaiming = true;
    k->reclaim = (struct job){reclaim_work, reclaim_ended};
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &k->reclaim);
}
