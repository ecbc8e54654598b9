/* config.h -- sets of nodes, joint configurations, and which of them is in force where in the log.
 *
 * A change of voters passes through a joint configuration (dissertation §4.3):
 *
 *     {a b c}  --CHANGE {a b d}-->  {a b d} and {a b c}  --committed-->  {a b d}
 *                                   incoming    outgoing
 *
 * A configuration is in force from the entry that brings it on, committed or not; if that entry is
 * truncated, the one before it is in force again. Two are enough: a leader appends a CONFIG entry
 * only when the newest in its log is committed, so in any log all of them but the last are.
 *
 * Invariants: indexes in the config log rise strictly; each configuration is valid. */

#ifndef RAFT_CONFIG_H
#define RAFT_CONFIG_H

#include "raft/types.h"

#define CONFIG_LOG_MAX 2 /* the newest, and the one before it while the newest may be truncated */

struct config_log {
    size_t count;
    struct raft_config_at at[CONFIG_LOG_MAX]; /* rising */
};

bool set_contains(const struct raft_set *set, raft_node node);
bool set_equal(const struct raft_set *a, const struct raft_set *b);

/* Adds node unless it is there; false when it does not fit. */
bool set_add(struct raft_set *set, raft_node node);

/* For configurations from anywhere: counts within bounds, no node twice or 0, a voter at least, no
 * learner among the incoming, not more than RAFT_NODES_MAX in all. */
bool config_is_valid(const struct raft_config *config);
bool config_is_joint(const struct raft_config *config);
bool config_is_voter(const struct raft_config *config, raft_node node);
bool config_equal(const struct raft_config *a, const struct raft_config *b);

/* All nodes of both sides, and learners. false when they are more than RAFT_NODES_MAX. */
bool config_members(const struct raft_config *config, struct raft_set *members);

/* The first step from current to target: joint when the voters differ. false when it is no valid
 * configuration. current is not joint. */
bool config_begin(const struct raft_config *current, const struct raft_config *target,
                  struct raft_config *next);

/* The last step: the joint configuration without its outgoing side. */
void config_leave(const struct raft_config *joint, struct raft_config *next);

void config_log_init(struct config_log *log);
const struct raft_config_at *config_log_newest(const struct config_log *log); /* never NULL */

/* Whether node is a voter in the newest configuration, or in the one that may come back. */
bool config_log_has_voter(const struct config_log *log, raft_node node);
void config_log_append(struct config_log *log, raft_index index, const struct raft_config *config);

/* false: no honest leader would truncate there, the configuration before it is committed. */
bool config_log_may_truncate(const struct config_log *log, raft_index from);

/* Returns whether another configuration came into force. from may be truncated. */
bool config_log_truncate(struct config_log *log, raft_index from);

/* The configuration of a snapshot that ends at index; entries behind it stay. */
void config_log_install(struct config_log *log, raft_index index, const struct raft_config *config);

/* Forgets what can not come back. */
void config_log_commit(struct config_log *log, raft_index commit_index);
void config_log_check(const struct config_log *log);

#endif
