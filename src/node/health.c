/* health.c -- a leader that is not fit to lead hands over (ARCHITECTURE §7, §3.6 step 7).
 *
 *   disk    nothing was completed for longer than an election timeout and what the bytes of the
 *           oldest outstanding write, and of those that may be synced with it, may take: to a peer
 *           whose disk holds more than ours does; if that fails it steps down; if no peer is
 *           better it stays. A node in that state does not campaign.
 *   peers   members it does not hear are told to the shard: nobody may wait for what they wait for
 *   clock   its wall is more than WALL_OFF_MS off the median of the voters': to the voter whose
 *           wall is nearest to it */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mailbox.h"

#define WALL_OFF_MS 10000
#define WRITE_US_PER_MIB (1000000 / 32) /* the slowest disk that counts as working */
#define AGAIN_US (10 * UINT64_C(1000000))

/* --- disk ------------------------------------------------------------------------------------- */

/* What the log writer may have in one sync now: the oldest write, and with it those behind it. */
static size_t group_bytes(const struct consensus *c)
{
    size_t bytes = 0;
    for (const struct queue_node *node = queue_first(&c->writes); node != NULL;
         node = queue_next(&c->writes, node)) {
        const struct pending_write *w = container_of(node, struct pending_write, node);
        if (bytes > 0 && bytes + w->job.bytes > LOG_GROUP_BYTES_MAX)
            break;
        bytes += w->job.bytes;
    }
    return bytes;
}

/* A write waits for those before it, however much they are: its time runs from their end. */
static bool disk_is_slow(const struct consensus *c)
{
    const struct queue_node *first = queue_first(&c->writes);
    if (first == NULL)
        return false;
    const struct pending_write *w = container_of(first, struct pending_write, node);
    const uint64_t since_us = MAX(w->submitted_us, c->done_us);
    return c->now_us - since_us >
           election_us(c) + (group_bytes(c) >> 20) * WRITE_US_PER_MIB;
}

/* The voter whose disk is furthest ahead of ours; 0 = none is. */
static raft_node better_disk(const struct consensus *c)
{
    struct raft_status status;
    raft_status(c->raft, &status);
    raft_index best_index = status.persisted_index;
    raft_node best = 0;
    for (size_t i = 0; i < status.peer_count; i++) {
        const struct raft_peer_status *p = &status.peers[i];
        if (!node_set_has(&c->config.incoming, p->node) || p->match_index <= best_index)
            continue;
        best_index = p->match_index;
        best = p->node;
    }
    return best;
}

static void set_eligible(struct consensus *c, bool ok)
{
    ok = ok && !c->is_removed && !digest_forbids_office(c);
    if (c->ineligible == !ok)
        return;
    c->ineligible = !ok;
    step_quietly(c, &(struct raft_input){.type = RAFT_ELIGIBLE, .ok = ok});
}

static void leader_with_slow_disk(struct consensus *c)
{
    if (c->disk_transfer_us != 0) { /* tried before, and we are still here */
        if (c->now_us - c->disk_transfer_us > 2 * election_us(c))
            set_eligible(c, false);
        return;
    }
    const raft_node to = better_disk(c);
    if (to == 0) {
        if (c->now_us - c->disk_warned_us > AGAIN_US)
            log_warn("consensus", "a log write takes very long, and no peer is better off",
                     "outstanding=%" PRIu64, c->next_job - c->done_job);
        c->disk_warned_us = c->now_us;
        return;
    }
    log_warn("consensus", "a log write takes very long: handing over", "to=%" PRIu64, to);
    c->disk_transfer_us = c->now_us;
    step_quietly(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to});
}

static void look_at_disk(struct consensus *c)
{
    if (!disk_is_slow(c)) {
        c->disk_transfer_us = 0;
        set_eligible(c, true);
    } else if (is_leader(c)) {
        leader_with_slow_disk(c);
    } else {
        set_eligible(c, false);
    }
}

/* --- clock ------------------------------------------------------------------------------------ */

static void insert_sorted(int64_t *values, size_t count, int64_t value)
{
    size_t at = count;
    for (; at > 0 && values[at - 1] > value; at--)
        values[at] = values[at - 1];
    values[at] = value;
}

/* A voter that was heard lately, whose wall we know. */
static bool votes_with_clock(const struct consensus *c, const struct peer *p)
{
    return p->node != 0 && p->wall_known && node_set_has(&c->config.incoming, p->node) &&
           c->now_us - p->heard_us < 2 * election_us(c);
}

/* By how much the median of the voters' walls is ahead of ours, as far as they are known; of two in
 * the middle the one nearer to us. */
static int64_t median_ahead_ms(const struct consensus *c)
{
    int64_t ahead_ms[RAFT_NODES_MAX + 1];
    size_t count = 0;
    insert_sorted(ahead_ms, count++, 0);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *p = &c->peers[i];
        if (votes_with_clock(c, p) && count < ARRAY_COUNT(ahead_ms))
            insert_sorted(ahead_ms, count++, p->wall_ahead_ms);
    }
    const int64_t low = ahead_ms[(count - 1) / 2], high = ahead_ms[count / 2];
    return low > 0 ? low : high < 0 ? high : 0;
}

/* The voter whose wall is nearest to the median; 0 = none is known. With three clocks that all
 * differ the one with the longest log may be further off than we are, and would hand over again. */
static raft_node best_clock(const struct consensus *c, int64_t median_ms)
{
    raft_node best = 0;
    int64_t best_off_ms = INT64_MAX;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *p = &c->peers[i];
        if (!votes_with_clock(c, p))
            continue;
        const int64_t off_ms = llabs(p->wall_ahead_ms - median_ms);
        if (off_ms < best_off_ms) {
            best = p->node;
            best_off_ms = off_ms;
        }
    }
    return best;
}

static void look_at_clock(struct consensus *c)
{
    if (!is_leader(c) || c->now_us - c->clock_transfer_us < AGAIN_US)
        return;
    const int64_t ahead_ms = median_ahead_ms(c);
    if (ahead_ms <= WALL_OFF_MS && ahead_ms >= -WALL_OFF_MS)
        return;
    c->clock_transfer_us = c->now_us;
    const raft_node to = best_clock(c, ahead_ms);
    log_warn("consensus", "this node's clock differs from the others': handing over",
             "ahead_ms=%" PRId64 " to=%" PRIu64, -ahead_ms, to);
    if (to != 0)
        step_quietly(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to});
}

/* --- peers ------------------------------------------------------------------------------------ */

/* Once per election timeout, as long as it lasts. */
static void look_at_peers(struct consensus *c)
{
    if (!is_leader(c)) {
        c->silent_from_us = c->now_us;
        return;
    }
    if (c->now_us - c->silent_from_us < election_us(c))
        return; /* of our term, all have had so long */
    c->silent_from_us = c->now_us;
    struct raft_set all;
    config_nodes(&c->config, &all);
    for (uint32_t i = 0; i < all.count; i++) {
        const struct peer *p = peer_find(c, all.node[i]);
        if (all.node[i] == c->identity.node_id ||
            (p != NULL && c->now_us - p->heard_us < election_us(c)))
            continue;
        const struct shard_mail m = {.kind = MAIL_SILENT, .node = all.node[i]};
        if (!mailbox_send(c->o.outbox, &m))
            return; /* next time */
    }
}

void health_tick(struct consensus *c)
{
    look_at_disk(c);
    look_at_clock(c);
    look_at_peers(c);
}
