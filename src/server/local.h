/* local.h -- commands answered by this node itself: connection, server, administration.
 *
 * One function per command, named in local_rows; it replies through x as any command does. It runs
 *   - at its place in the connection's order (s->running is its slot), or
 *   - inside an entry, as part of an EXEC (x->in_exec; s->running is NULL): then it cannot wait.
 * What takes time makes a pending (pending.h). */

#ifndef SERVER_LOCAL_H
#define SERVER_LOCAL_H

#include "command/args.h"
#include "server/server.h"

extern const struct local_row local_rows[];
extern const size_t local_row_count;

/* Runs x->command here. */
void local_execute(struct server *s, struct conn *c, struct exec *x);

/* A command that cannot wait inside EXEC says so and returns true. */
bool local_refuse_in_exec(struct exec *x);


/* What MONITOR shows of a command: where and whose ("lua": a script's) it was. */
struct monitored {
    uint32_t db;
    const char *who;
    const struct bytes *args;
    uint32_t count;
};
void monitor_line(const struct server *s, struct buf *to, const struct monitored *m);
void monitor_send(struct server *s, struct bytes lines); /* to those that watch */

/* The reply to CONFIG SET's replicated part was made: ok = the log has taken it. */
void config_set_finish(struct slot *slot, bool ok);
void config_get_finish(struct slot *slot);

/* Whether the command may not be said by a subscriber of RESP2, who could not tell its reply from a
 * message; and what is said to that. */
#define SUBSCRIBER_REFUSAL_SIZE (COMMAND_NAME_MAX + 160)
bool subscriber_refusal(const struct conn *c, const char *name,
                        char text[static SUBSCRIBER_REFUSAL_SIZE]);

/* PUBLISH inside EXEC and scripts: to this node's own. Returns what it replies there. */
uint64_t local_publish_effect(struct server *s, const struct exec *x, bool is_shard);

/* One line of CLIENT LIST. */
void client_describe(const struct conn *c, struct buf *to);

/* local_connection.c */
local_run local_ping, local_echo, local_auth, local_hello, local_select, local_wait, local_time,
    local_lastsave, local_role, local_no_cluster, local_replicaof, local_lolwut;
/* local_acl.c: AUTH and HELLO too */
local_run acl_whoami, acl_genpass, acl_log, acl_no_file;
/* The node has what was acknowledged anywhere: AUTH, HELLO AUTH. */
struct reply login_finish(struct slot *slot);
/* local_client.c */
local_run client_id, client_info, client_list, client_getname, client_setname, client_kill,
    client_pause, client_unpause, client_no_evict, client_reply, client_unblock, client_help;
/* local_tracking.c */
local_run client_tracking, client_caching, client_getredir, client_trackinginfo;
/* local_config.c */
local_run config_get, config_set, config_resetstat, config_rewrite_command, config_help;
/* local_server.c */
local_run local_info, local_save, local_bgsave, local_bgrewriteaof, local_shutdown, local_monitor,
    memory_doctor, memory_purge, memory_stats, memory_malloc_stats, memory_help;
/* local_latency.c */
local_run slowlog_get, slowlog_len, slowlog_reset, slowlog_help;
local_run latency_latest, latency_history, latency_reset,
    latency_graph, latency_doctor, latency_histogram, latency_help;
/* local_pubsub.c */
local_run local_subscribe, local_psubscribe, local_ssubscribe, local_unsubscribe,
    local_punsubscribe, local_sunsubscribe, local_publish, local_spublish, pubsub_channels,
    pubsub_shardchannels, pubsub_numsub, pubsub_shardnumsub, pubsub_numpat, pubsub_help;
/* local_debug.c: all of DEBUG that is not the table's */
local_run local_debug;
/* local_script.c */
local_run script_kill, function_kill, function_stats;
/* What others are told while a script runs (server->busy). */
const char *busy_text(const struct server *s);
/* local_raft.c */
local_run raft_status_command, raft_doctor, raft_log, raft_phases, raft_digest, raft_help;
void raft_not_in_a_cluster(struct exec *x); /* the error reply */
/* local_members.c */
local_run raft_backup, raft_add, raft_remove, raft_replace, raft_promote, raft_transfer,
    cluster_meet, cluster_forget, cluster_failover;

#endif
