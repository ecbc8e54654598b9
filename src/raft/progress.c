/* progress.c -- the transitions of one peer's progress. */

#include "raft/progress.h"

#include "base/bytes.h"
#include "base/panic.h"

static void inflight_clear(struct progress *p)
{
    p->inflight_first = 0;
    p->inflight_count = 0;
    p->inflight_bytes = 0;
}

void progress_init(struct progress *p, raft_node node, raft_index next_index)
{
    CHECK(node != 0);
    CHECK(next_index > 0);
    p->node = node;
    p->match_index = 0;
    p->told_commit = 0;
    p->wanted_commit = 0;
    p->round_asked = 0;
    p->round_answered = 0;
    p->answer_rank = 0;
    p->vote = PROGRESS_VOTE_OPEN;
    p->snapshot_running = false;
    p->snapshot_wait_ticks = 0;
    p->silent_ticks = 0;
    progress_probe(p, next_index);
}

void progress_probe(struct progress *p, raft_index next_index)
{
    CHECK(next_index > p->match_index);
    p->state = PROGRESS_PROBE;
    p->next_index = next_index;
    p->told_commit = MIN(p->told_commit, p->match_index);
    p->probe_sent = false;
    p->is_broken = false;
    p->stalled_ticks = 0;
    inflight_clear(p);
}

void progress_broken(struct progress *p)
{
    if (p->state == PROGRESS_SNAPSHOT) /* its end is told separately */
        return;
    progress_probe(p, p->match_index + 1);
    p->probe_sent = true;
    p->is_broken = true;
}

void progress_heard(struct progress *p)
{
    p->silent_ticks = 0;
    if (p->is_broken)
        p->probe_sent = false;
    p->is_broken = false;
}

void progress_replicate(struct progress *p)
{
    p->state = PROGRESS_REPLICATE;
    p->next_index = p->match_index + 1;
    p->probe_sent = false;
    p->stalled_ticks = 0;
    inflight_clear(p);
}

void progress_snapshot(struct progress *p)
{
    p->state = PROGRESS_SNAPSHOT;
    p->probe_sent = false;
    p->stalled_ticks = 0;
    inflight_clear(p);
}

uint32_t progress_room(const struct progress *p, uint32_t inflight_bytes_max)
{
    switch (p->state) {
    case PROGRESS_PROBE:
        return p->probe_sent ? 0 : inflight_bytes_max;
    case PROGRESS_REPLICATE:
        if (p->inflight_count == RAFT_INFLIGHT_MAX || p->inflight_bytes >= inflight_bytes_max)
            return 0;
        return inflight_bytes_max - p->inflight_bytes;
    case PROGRESS_SNAPSHOT:
        break;
    }
    return 0;
}

void progress_sent(struct progress *p, raft_index last, uint32_t bytes)
{
    if (p->state == PROGRESS_PROBE) {
        p->probe_sent = true;
        return;
    }
    CHECK(p->state == PROGRESS_REPLICATE);
    if (last < p->next_index) /* no entries: nothing to wait for */
        return;
    CHECK(p->inflight_count < RAFT_INFLIGHT_MAX);
    const uint32_t at = (p->inflight_first + p->inflight_count) % RAFT_INFLIGHT_MAX;
    p->inflight[at] = (struct progress_inflight){last, bytes};
    p->inflight_count++;
    p->inflight_bytes += bytes;
    p->next_index = last + 1;
}

bool progress_matched(struct progress *p, raft_index match_index)
{
    if (match_index <= p->match_index)
        return false;
    p->match_index = match_index;
    p->next_index = MAX(p->next_index, match_index + 1);
    p->stalled_ticks = 0;
    while (p->inflight_count > 0 && p->inflight[p->inflight_first].last <= match_index) {
        p->inflight_bytes -= p->inflight[p->inflight_first].bytes;
        p->inflight_first = (p->inflight_first + 1) % RAFT_INFLIGHT_MAX;
        p->inflight_count--;
    }
    return true;
}

void progress_check(const struct progress *p)
{
    CHECK(p->node != 0);
    CHECK(p->match_index < p->next_index);
    CHECK(p->state == PROGRESS_REPLICATE || p->inflight_count == 0);
    CHECK(p->inflight_count <= RAFT_INFLIGHT_MAX);
    uint32_t bytes = 0;
    raft_index last = p->match_index;
    for (uint32_t i = 0; i < p->inflight_count; i++) {
        const struct progress_inflight *one =
            &p->inflight[(p->inflight_first + i) % RAFT_INFLIGHT_MAX];
        CHECK(one->last > last);
        last = one->last;
        bytes += one->bytes;
    }
    CHECK(last < p->next_index);
    CHECK(bytes == p->inflight_bytes);
}
