/* local.c -- who answers which command here, and how it is run. */

#include "server/local.h"

#include "base/panic.h"

const struct local_row local_rows[] = {
    {"ping", local_ping, true},
    {"echo", local_echo, true},
    {"select", local_select, true},
    {"time", local_time, true},
    {"lastsave", local_lastsave, true},
    {"auth", local_auth, false},
    {"hello", local_hello, false},
    {"wait", local_wait, false},
    {"acl|whoami", acl_whoami, false},
    {"acl|genpass", acl_genpass, true},
    {"acl|log", acl_log, false},
    {"acl|load", acl_no_file, true},
    {"acl|save", acl_no_file, true},
    {"role", local_role, false},
    {"readonly", local_no_cluster, false},
    {"readwrite", local_no_cluster, false},
    {"asking", local_no_cluster, false},
    {"client|id", client_id, false},
    {"client|info", client_info, false},
    {"client|list", client_list, false},
    {"client|getname", client_getname, false},
    {"client|setname", client_setname, false},
    {"client|kill", client_kill, false},
    {"client|pause", client_pause, false},
    {"client|unpause", client_unpause, false},
    {"client|no-evict", client_no_evict, false},
    {"client|reply", client_reply, false},
    {"client|unblock", client_unblock, false},
    {"client|getredir", client_getredir, false},
    {"client|tracking", client_tracking, false},
    {"client|caching", client_caching, false},
    {"client|trackinginfo", client_trackinginfo, false},
    {"client|help", client_help, true},
    {"config|get", config_get, false},
    {"config|set", config_set, false},
    {"config|resetstat", config_resetstat, false},
    {"config|rewrite", config_rewrite_command, false},
    {"config|help", config_help, true},
    {"info", local_info, false},
    {"save", local_save, false},
    {"bgsave", local_bgsave, false},
    {"bgrewriteaof", local_bgrewriteaof, false},
    {"shutdown", local_shutdown, false},
    {"monitor", local_monitor, false},
    {"replicaof", local_replicaof, false},
    {"slaveof", local_replicaof, false},
    {"lolwut", local_lolwut, true},
    {"slowlog|get", slowlog_get, false},
    {"slowlog|len", slowlog_len, false},
    {"slowlog|reset", slowlog_reset, false},
    {"slowlog|help", slowlog_help, true},
    {"latency|latest", latency_latest, false},
    {"latency|history", latency_history, false},
    {"latency|reset", latency_reset, false},
    {"latency|graph", latency_graph, false},
    {"latency|doctor", latency_doctor, false},
    {"latency|histogram", latency_histogram, false},
    {"latency|help", latency_help, true},
    {"memory|doctor", memory_doctor, false},
    {"memory|purge", memory_purge, false},
    {"memory|stats", memory_stats, false},
    {"memory|malloc-stats", memory_malloc_stats, false},
    {"memory|help", memory_help, true},
    {"script|kill", script_kill, false},
    {"function|kill", function_kill, false},
    {"function|stats", function_stats, false},
    {"subscribe", local_subscribe, false},
    {"psubscribe", local_psubscribe, false},
    {"ssubscribe", local_ssubscribe, false},
    {"unsubscribe", local_unsubscribe, false},
    {"punsubscribe", local_punsubscribe, false},
    {"sunsubscribe", local_sunsubscribe, false},
    {"publish", local_publish, false},
    {"spublish", local_spublish, false},
    {"pubsub|channels", pubsub_channels, false},
    {"pubsub|shardchannels", pubsub_shardchannels, false},
    {"pubsub|numsub", pubsub_numsub, false},
    {"pubsub|shardnumsub", pubsub_shardnumsub, false},
    {"pubsub|numpat", pubsub_numpat, false},
    {"pubsub|help", pubsub_help, true},
    {"raft|status", raft_status_command, false},
    {"raft|doctor", raft_doctor, false},
    {"raft|backup", raft_backup, false},
    {"raft|log", raft_log, false},
    {"raft|phases", raft_phases, false},
    {"raft|add", raft_add, false},
    {"raft|remove", raft_remove, false},
    {"raft|replace", raft_replace, false},
    {"raft|promote", raft_promote, false},
    {"raft|transfer", raft_transfer, false},
    {"raft|digest", raft_digest, false},
    {"raft|help", raft_help, true},
    {"cluster|meet", cluster_meet, false},
    {"cluster|forget", cluster_forget, false},
    {"cluster|failover", cluster_failover, false},
};

const size_t local_row_count = ARRAY_COUNT(local_rows);

void local_execute(struct server *s, struct conn *c, struct exec *x)
{
    CHECK(c != NULL);
    const struct command_info *info = commands_info_of(s->commands, x->command);
    if (info->local != NULL)
        info->local->run(s, c, x);
    else if (info->is_debug)
        local_debug(s, c, x);
    else if (strncmp(info->name, "cluster", 7) == 0)
        local_no_cluster(s, c, x);
    else
        reply_errorf(x, "ERR '%s' is not supported yet by AvowDB", info->name);
}

bool local_refuse_in_exec(struct exec *x)
{
    if (!x->in_exec && !x->in_script)
        return false;
    reply_errorf(x, "ERR '%s' cannot wait inside a transaction", x->command->name);
    return true;
}
