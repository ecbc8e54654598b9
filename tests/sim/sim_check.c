/* sim_check.c -- what must hold after every turn, and in the end.
 *
 *   election safety          one leader per term
 *   leader completeness      a new leader's log has every entry that any node has applied
 *   state-machine safety     the same digest of the state at the same applied index, on all nodes
 *   monotone                 term, commit, applied, log clock never go back in a life
 *   exactly once             no batch was ever found in the log twice
 *   one life an id           whoever was heard to have entries is never introduced again
 *   the core's own           raft_check()
 *   liveness (in the end)    a leader in time, all nodes caught up, all clients answered
 *   in the end               all rows are equal, every history is linearizable */

#include "sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "keyspace/keyspace.h"
#include "node/consensus_internal.h" /* the core behind it, to look into */

static void rises(struct sim *s, const struct sim_node *n, uint64_t *seen, uint64_t now,
                  const char *what)
{
    if (now < *seen)
        sim_fail(s, "node %u: %s went back from %" PRIu64 " to %" PRIu64, n->position + 1, what,
                 *seen, now);
    *seen = now;
}

static void grow_leaders(struct sim *s, uint64_t term)
{
    if (term < s->leader_count)
        return;
    const size_t count = term + 64;
    s->leaders = xrealloc(s->leaders, count * sizeof(*s->leaders));
    memset(s->leaders + s->leader_count, 0, (count - s->leader_count) * sizeof(*s->leaders));
    s->leader_count = count;
}

/* Raft §5.4: what was committed is in the log of every later leader. */
static void check_complete(struct sim *s, struct sim_node *n)
{
    for (uint64_t index = 1; index <= s->highest_applied; index++) {
        struct raft_entry e;
        if (s->digest_terms[index] == 0 || !raft_entry_at(n->consensus->raft, index, &e))
            continue;
        if (e.term != s->digest_terms[index])
            sim_fail(s, "leader %u has an entry of term %" PRIu64 " at index %" PRIu64
                     ", where one of term %" PRIu64 " was applied", n->position + 1, e.term, index,
                     s->digest_terms[index]);
    }
    struct raft_status at;
    raft_status(n->consensus->raft, &at);
    if (at.last_index < s->highest_applied)
        sim_fail(s, "leader %u ends at %" PRIu64 ", but %" PRIu64 " was applied", n->position + 1,
                 at.last_index, s->highest_applied);
}

static void count_snapshots(struct sim *s, struct sim_node *n)
{
    s->installs += n->consensus->receive.count - n->seen_installs;
    s->cuts += n->consensus->compaction.count - n->seen_cuts;
    n->seen_installs = n->consensus->receive.count;
    n->seen_cuts = n->consensus->compaction.count;
}

/* What a leader knows that a node has, it may have counted. */
static void note_spoken(struct sim *s, const struct raft_status *leader)
{
    for (size_t i = 0; i < leader->peer_count; i++) {
        CHECK(leader->peers[i].node < ARRAY_COUNT(s->spoken));
        if (leader->peers[i].match_index > 0)
            s->spoken[leader->peers[i].node] = true;
    }
}

void sim_check_introduced(struct sim *s, const struct sim_node *n)
{
    CHECK(n->node_id < ARRAY_COUNT(s->spoken));
    if (s->spoken[n->node_id])
        sim_fail(s, "node %u, empty, is introduced as %" PRIu64 ", who was heard to have entries",
                 n->position + 1, n->node_id);
}

static void check_core(struct sim *s, struct sim_node *n)
{
    struct raft *raft = n->consensus->raft;
    if (raft == NULL)
        return;
    raft_check(raft);
    count_snapshots(s, n);
    struct raft_status at;
    raft_status(raft, &at);
    rises(s, n, &n->seen_term, at.term, "the term");
    rises(s, n, &n->seen_commit, at.commit_index, "the commit index");
    if (at.role != RAFT_LEADER)
        return;
    note_spoken(s, &at);
    grow_leaders(s, at.term);
    if (s->leaders[at.term] != 0 && s->leaders[at.term] != n->node_id)
        sim_fail(s, "two leaders in term %" PRIu64 ": nodes %" PRIu64 " and %" PRIu64, at.term,
                 s->leaders[at.term], n->node_id);
    if (s->leaders[at.term] != 0)
        return;
    sim_trace(s, "node %u leads term %" PRIu64, n->position + 1, at.term);
    s->leaders[at.term] = n->node_id;
    check_complete(s, n);
}

static void check_digest(struct sim *s, struct sim_node *n, const struct shard_status *at)
{
    if (at->applied_index == 0 || n->damaged)
        return;
    if (at->applied_index >= s->digest_count) {
        const size_t count = at->applied_index + 1024;
        s->digests = xrealloc(s->digests, count * sizeof(*s->digests));
        s->digest_terms = xrealloc(s->digest_terms, count * sizeof(*s->digest_terms));
        for (size_t i = s->digest_count; i < count; i++)
            s->digests[i] = s->digest_terms[i] = 0;
        s->digest_count = count;
    }
    uint64_t *digest = &s->digests[at->applied_index];
    uint64_t *term = &s->digest_terms[at->applied_index];
    if (*term == 0) {
        *digest = at->digest;
        *term = at->applied_term;
    }
    if (*term != at->applied_term)
        sim_fail(s, "node %u applied an entry of term %" PRIu64 " at index %" PRIu64
                 ", others one of term %" PRIu64, n->position + 1, at->applied_term,
                 at->applied_index, *term);
    if (*digest != at->digest)
        sim_fail(s, "node %u differs from the others after index %" PRIu64, n->position + 1,
                 at->applied_index);
    s->highest_applied = MAX(s->highest_applied, at->applied_index);
}

void sim_check_node(struct sim *s, struct sim_node *n)
{
    SIM_RUN_NODE(s, n, check_core(s, n));
    if (n->up)
        sim_levels_look(s, n);
    if (!n->up || n->shard == NULL)
        return;
    struct shard_status at;
    shard_status(n->shard, &at);
    check_digest(s, n, &at);
    if (s->wait.count > 0 && at.applied_index / 16 != n->seen_applied / 16)
        SIM_RUN_NODE(s, n, sim_wait_check(s, n));
    rises(s, n, &n->seen_applied, at.applied_index, "the applied index");
    rises(s, n, &n->seen_clock, at.clock_ms, "the log clock");
    if (at.duplicates > 0)
        sim_fail(s, "node %u met a batch twice in the log", n->position + 1);
}

void sim_check_liveness(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        struct shard_status at = {0};
        if (n->up && n->shard != NULL)
            shard_status(n->shard, &at);
        const bool is_leaving = s->churn.node == n || s->rot.node == n;
        if (n->up && at.leader == 0 && !is_leaving)
            sim_fail(s, "ten election timeouts after the faults ended node %u knows no leader",
                     i + 1);
    }
}

bool sim_is_settled(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        struct shard_status at;
        if (!n->up || n->shard == NULL)
            return false;
        shard_status(n->shard, &at);
        if (at.applied_index != s->highest_applied)
            return false;
    }
    return true;
}

static void check_settled(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        struct shard_status at = {0};
        if (!n->up || n->shard == NULL) {
            sim_fail(s, "after the faults ended node %u does not run", i + 1);
            return;
        }
        shard_status(n->shard, &at);
        if (at.applied_index != s->highest_applied)
            sim_fail(s, "after the faults ended node %u is at %" PRIu64 " of %" PRIu64, i + 1,
                     at.applied_index, s->highest_applied);
        if (at.leader == 0)
            sim_fail(s, "after the faults ended node %u knows no leader", i + 1);
    }
}

/* Rows the nodes do not share: the position that the last flush carried. */
static bool next_row(struct cache_cursor *cursor, struct bytes *key, struct bytes *value)
{
    while (cache_cursor_next(cursor, key, value))
        if (!bytes_equal(*key, BYTES("Sapplied")))
            return true;
    *key = *value = BYTES_NONE;
    return false;
}

static void compare_rows(struct sim *s, struct sim_node *a, struct sim_node *b)
{
    struct cache_cursor of_a, of_b;
    cache_cursor_open(keyspace_cache(shard_keyspace(a->shard)), &of_a, BYTES_NONE, BYTES_NONE,
                      FORWARD);
    cache_cursor_open(keyspace_cache(shard_keyspace(b->shard)), &of_b, BYTES_NONE, BYTES_NONE,
                      FORWARD);
    struct bytes key_a, key_b, value_a, value_b;
    bool more;
    do {
        more = next_row(&of_a, &key_a, &value_a);
        const bool more_b = next_row(&of_b, &key_b, &value_b);
        if (more != more_b || !bytes_equal(key_a, key_b) || !bytes_equal(value_a, value_b)) {
            sim_fail(s, "nodes %u and %u differ at row '%.*s' / '%.*s'", a->position + 1,
                     b->position + 1, (int)key_a.size, (const char *)key_a.data, (int)key_b.size,
                     (const char *)key_b.data);
            break;
        }
    } while (more);
    cache_cursor_close(&of_a);
    cache_cursor_close(&of_b);
}

static void check_rows(struct sim *s, struct sim_node *n)
{
    struct sim_node *first = &s->nodes[0];
    if (first->shard != NULL && n->shard != NULL)
        SIM_RUN_NODE(s, n, compare_rows(s, first, n));
}

void sim_check_equal(struct sim *s)
{
    check_settled(s);
    for (uint32_t i = 1; i < s->options.node_count; i++)
        check_rows(s, &s->nodes[i]);
}

void sim_check_end(struct sim *s)
{
    if (!sim_clients_idle(s) || !sim_pipes_idle(s))
        sim_fail(s, "after the faults ended a client still waits for its answer");
    if (!s->reader.done)
        sim_fail(s, "after the faults ended node %u owes answers to reads", s->reader.node + 1);
    if (s->highest_applied < 10)
        sim_fail(s, "the cluster applied next to nothing (%" PRIu64 " entries)",
                 s->highest_applied);
    sim_rot_check(s);
    sim_levels_check(s);
    sim_check_equal(s);
    sim_clients_check(s);
    sim_wait_check_end(s);
}
