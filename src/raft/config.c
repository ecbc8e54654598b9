/* config.c -- small sets, compared and joined by plain loops. */

#include "raft/config.h"

#include <string.h>

#include "base/panic.h"

bool set_contains(const struct raft_set *set, raft_node node)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->node[i] == node)
            return true;
    return false;
}

bool set_equal(const struct raft_set *a, const struct raft_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!set_contains(b, a->node[i]))
            return false;
    return true;
}

bool set_add(struct raft_set *set, raft_node node)
{
    if (set_contains(set, node))
        return true;
    if (set->count >= RAFT_NODES_MAX)
        return false;
    set->node[set->count++] = node;
    return true;
}

static bool set_is_valid(const struct raft_set *set)
{
    if (set->count > RAFT_NODES_MAX)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        if (set->node[i] == 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (set->node[i] == set->node[j])
                return false;
    }
    return true;
}

bool config_is_valid(const struct raft_config *config)
{
    struct raft_set members;
    if (!set_is_valid(&config->incoming) || !set_is_valid(&config->outgoing) ||
        !set_is_valid(&config->learners))
        return false;
    if (config->incoming.count == 0)
        return false;
    for (size_t i = 0; i < config->learners.count; i++)
        if (set_contains(&config->incoming, config->learners.node[i]))
            return false;
    return config_members(config, &members);
}

bool config_is_joint(const struct raft_config *config)
{
    return config->outgoing.count > 0;
}

bool config_is_voter(const struct raft_config *config, raft_node node)
{
    return set_contains(&config->incoming, node) || set_contains(&config->outgoing, node);
}

bool config_equal(const struct raft_config *a, const struct raft_config *b)
{
    return set_equal(&a->incoming, &b->incoming) && set_equal(&a->outgoing, &b->outgoing) &&
           set_equal(&a->learners, &b->learners);
}

bool config_members(const struct raft_config *config, struct raft_set *members)
{
    const struct raft_set *sets[] = {&config->incoming, &config->outgoing, &config->learners};
    members->count = 0;
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; i < sets[s]->count; i++)
            if (!set_add(members, sets[s]->node[i]))
                return false;
    return true;
}

bool config_begin(const struct raft_config *current, const struct raft_config *target,
                  struct raft_config *next)
{
    CHECK(!config_is_joint(current));
    if (config_is_joint(target))
        return false;
    *next = *target;
    if (!set_equal(&current->incoming, &target->incoming))
        next->outgoing = current->incoming;
    return config_is_valid(next);
}

void config_leave(const struct raft_config *joint, struct raft_config *next)
{
    CHECK(config_is_joint(joint));
    *next = *joint;
    memset(&next->outgoing, 0, sizeof(next->outgoing));
}

void config_log_init(struct config_log *log)
{
    log->count = 0;
}

const struct raft_config_at *config_log_newest(const struct config_log *log)
{
    static const struct raft_config_at nobody; /* of a node that waits to be told of its cluster */
    return log->count > 0 ? &log->at[log->count - 1] : &nobody;
}

bool config_log_has_voter(const struct config_log *log, raft_node node)
{
    for (size_t i = 0; i < log->count; i++)
        if (config_is_voter(&log->at[i].config, node))
            return true;
    return false;
}

static void forget_first(struct config_log *log)
{
    CHECK(log->count > 0);
    log->count--;
    memmove(log->at, log->at + 1, log->count * sizeof(*log->at));
}

void config_log_append(struct config_log *log, raft_index index, const struct raft_config *config)
{
    CHECK(log->count == 0 || index > config_log_newest(log)->index);
    CHECK(config_is_valid(config));
    if (log->count == CONFIG_LOG_MAX)
        forget_first(log);
    log->at[log->count++] = (struct raft_config_at){index, *config};
}

bool config_log_may_truncate(const struct config_log *log, raft_index from)
{
    return log->count < CONFIG_LOG_MAX || log->at[0].index < from;
}

bool config_log_truncate(struct config_log *log, raft_index from)
{
    CHECK(config_log_may_truncate(log, from));
    if (log->count == 0 || config_log_newest(log)->index < from)
        return false;
    log->count--;
    return true;
}

void config_log_install(struct config_log *log, raft_index index, const struct raft_config *config)
{
    CHECK(config_is_valid(config));
    while (log->count > 0 && log->at[0].index <= index)
        forget_first(log);
    if (log->count == CONFIG_LOG_MAX)
        return; /* the first is committed and newer than the snapshot */
    memmove(log->at + 1, log->at, log->count * sizeof(*log->at));
    log->at[0] = (struct raft_config_at){index, *config};
    log->count++;
}

void config_log_commit(struct config_log *log, raft_index commit_index)
{
    if (log->count == CONFIG_LOG_MAX && log->at[1].index <= commit_index)
        forget_first(log);
}

void config_log_check(const struct config_log *log)
{
    CHECK(log->count <= CONFIG_LOG_MAX);
    for (size_t i = 0; i < log->count; i++) {
        CHECK(config_is_valid(&log->at[i].config));
        if (i > 0)
            CHECK(log->at[i - 1].index < log->at[i].index);
    }
}
