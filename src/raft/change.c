/* change.c -- membership: joint consensus, one change at a time (dissertation §4.3).
 *
 *     RAFT_CHANGE -> joint CONFIG entry -> committed -> leaving CONFIG entry -> committed
 *
 * The leader counts by the newest configuration of its log from the moment it is appended. It
 * appends the leaving entry by itself; if that leaves it without a seat, it hands over. When only
 * learners change, one entry does: the majorities stay the same. The same configuration again is an
 * entry only on request: what the driver writes beside it (addresses, spares) has changed. */

#include "base/panic.h"
#include "raft/core.h"

static void config_append(struct raft *r, const struct raft_config *config)
{
    CHECK(r->own_config_index == 0);
    const struct raft_entry entry = {
        .term = r->hard.current_term, .size = RAFT_CONFIG_SIZE, .kind = RAFT_CONFIG};
    log_append(r, &entry, 1);
    config_log_append(&r->configs, r->trail.last_index, config);
    r->own_config = *config;
    r->own_config_index = r->trail.last_index;
    config_changed(r);
}

/* Whether the configuration in force is settled: committed, and nothing of it still to be written.
 * No other may follow before: config.h keeps only as many as that leaves in doubt. */
static bool config_is_settled(const struct raft *r)
{
    const struct raft_config_at *newest = config_log_newest(&r->configs);
    return newest->index <= r->commit_index && newest->index <= r->durable.persisted_index &&
           r->own_config_index == 0;
}

enum status change_begin(struct raft *r, const struct raft_input *input, raft_index *first)
{
    const struct raft_config *target = input->config;
    if (r->role != RAFT_LEADER)
        return STATUS_NOT_LEADER;
    CHECK(target != NULL);
    const struct raft_config *current = raft_config(r);
    if (!leader_has_committed(r) || !config_is_settled(r) || config_is_joint(current) ||
        r->transfer_to != 0)
        return STATUS_BUSY;

    struct raft_config next;
    if (!config_is_valid(target) || !config_begin(current, target, &next))
        return STATUS_INVALID;
    if (config_equal(current, target) && !input->ok)
        return STATUS_STALE;
    if (log_is_full(r, RAFT_LOG_SPARE / 2))
        return STATUS_BUSY;
    config_append(r, &next);
    *first = r->trail.last_index;
    return STATUS_OK;
}

void change_flush(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    if (!leader_has_committed(r) || !config_is_settled(r))
        return;
    const struct raft_config *current = raft_config(r);
    if (config_is_joint(current)) {
        if (!log_has_room(r, r->trail.last_index + 1))
            return; /* at a later flush */
        struct raft_config next;
        config_leave(current, &next);
        config_append(r, &next);
    } else if (!set_contains(&current->incoming, r->options.self)) {
        resign(r);
    }
}
