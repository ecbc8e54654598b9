/* invariants.c -- what must hold between any two inputs. The numbers are those of README.md. */

#include "base/panic.h"
#include "raft/core.h"

static void check_log(const struct raft *r)
{
    trail_check(&r->trail);
    durable_check(&r->durable, r->trail.last_index);
    CHECK(r->trail.base_index <= r->told_index);     /* 1 */
    CHECK(r->applied_index <= r->told_index);
    CHECK(r->told_index <= r->commit_index);
    CHECK(r->commit_index <= r->trail.last_index);
    CHECK(trail_last_term(&r->trail) <= r->hard.current_term); /* 2 */
    CHECK(log_has_room(r, r->trail.last_index));
    CHECK(r->unwritten_from <= r->trail.last_index + 1);
    CHECK(r->unwritten_from > r->durable.persisted_index);
    CHECK(r->truncate_from == 0 || r->truncate_from <= r->unwritten_from);
    CHECK(!r->state_lost || r->commit_index == r->trail.base_index);
}

static void check_config(const struct raft *r)
{
    config_log_check(&r->configs);
    const struct raft_config_at *newest = config_log_newest(&r->configs);
    CHECK(newest->index <= r->trail.last_index); /* 3 */
    struct raft_entry entry;
    if (raft_entry_at(r, newest->index, &entry))
        CHECK(entry.kind == RAFT_CONFIG);
    if (r->own_config_index != 0) {
        CHECK(r->own_config_index >= r->unwritten_from);
        CHECK(r->own_config_index <= r->trail.last_index);
    }
}

static void check_peers(const struct raft *r)
{
    struct raft_set members;
    const bool fit = config_members(raft_config(r), &members);
    CHECK(fit);
    CHECK(r->peers[RAFT_SELF].node == r->options.self);
    const size_t others = members.count - (set_contains(&members, r->options.self) ? 1u : 0u);
    CHECK(r->peer_count == RAFT_OTHERS + others);
    for (size_t i = RAFT_OTHERS; i < r->peer_count; i++) {
        const struct progress *p = &r->peers[i];
        progress_check(p);
        CHECK(p->node != r->options.self);
        CHECK(set_contains(&members, p->node));
        if (r->role == RAFT_LEADER)
            CHECK(p->match_index <= r->trail.last_index); /* 5 */
    }
}

static void check_role(const struct raft *r)
{
    CHECK((r->role == RAFT_LEADER) == (r->leader == r->options.self)); /* 4 */
    CHECK(r->role == RAFT_FOLLOWER || !r->state_lost);
    CHECK(r->role == RAFT_FOLLOWER || r->eligible);
    if (r->role == RAFT_LEADER || r->role == RAFT_CANDIDATE)
        CHECK(r->hard.voted_for == r->options.self);
    if (r->role == RAFT_LEADER) {
        CHECK(r->own_term_first > 0);
        CHECK(r->own_term_first <= r->trail.last_index);
        CHECK(trail_last_term(&r->trail) == r->hard.current_term);
    } else {
        CHECK(r->reads.count == 0); /* 6 */
        CHECK(r->transfer_to == 0);
    }
    CHECK(r->reads.count + r->reads.done_count <= RAFT_READS_MAX);
}

void raft_check(const struct raft *r)
{
    CHECK(r->hard.voted_for == 0 || r->hard.current_term > 0);
    check_log(r);
    check_config(r);
    check_peers(r);
    check_role(r);
}
