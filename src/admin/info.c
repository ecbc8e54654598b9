#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "admin/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/histogram.h"
#include "server/log_writer.h"
#include "server/loop.h"
#include "server/node.h"
#include "server/server.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define U(value) ((unsigned long long)(value))

static void number(struct buf *to, const char *name, uint64_t value)
{
    buf_printf(to, "%s:%llu\r\n", name, U(value));
}

static void text(struct buf *to, const char *name, const char *value)
{
    buf_printf(to, "%s:%s\r\n", name, value);
}

/* As Redis's bytesToHuman. */
static void human(struct buf *to, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGTP";
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit < sizeof(units) - 2) {
        size /= 1024;
        unit++;
    }
    if (unit == 0)
        buf_printf(to, "%s:%lluB\r\n", name, U(bytes));
    else
        buf_printf(to, "%s:%.2f%c\r\n", name, size, units[unit]);
}

/* --- sections --------------------------------------------------------------------------------- */

static void info_server(struct server *s, struct buf *to)
{
    struct utsname name;
    const uint64_t up_s = (s->now_us - s->started_us) / 1000000;
    text(to, "redis_version", AVOW_COMPATIBLE_VERSION);
    text(to, "avow_version", PACKAGE_VERSION);
    text(to, "redis_git_sha1", "00000000");
    text(to, "redis_git_dirty", "0");
    text(to, "redis_build_id", "0");
    text(to, "redis_mode", "standalone");
    if (uname(&name) == 0)
        buf_printf(to, "os:%s %s %s\r\n", name.sysname, name.release, name.machine);
    number(to, "arch_bits", sizeof(void *) * 8);
    text(to, "multiplexing_api", loop_method(s->loop));
    text(to, "gcc_version", __VERSION__);
    number(to, "process_id", (uint64_t)getpid());
    text(to, "process_supervised", "no");
    text(to, "run_id", s->run_id);
    number(to, "tcp_port", (uint64_t)s->config.port);
    number(to, "server_time_usec", s->now_ms * 1000);
    number(to, "uptime_in_seconds", up_s);
    number(to, "uptime_in_days", up_s / 86400);
    number(to, "hz", 10);
    number(to, "configured_hz", 10);
    number(to, "lru_clock", s->now_ms / 1000 & 0xffffff);
    text(to, "executable", "avow-server");
    text(to, "config_file", s->config.file == NULL ? "" : s->config.file);
    number(to, "io_threads_active", 0);
}

static void info_clients(struct server *s, struct buf *to)
{
    uint64_t blocked = 0, input_max = 0, output_max = 0;
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        const struct conn *c = container_of(node, struct conn, node);
        blocked += c->is_paused || c->blocked != NULL;
        input_max = MAX(input_max, c->in.size);
        output_max = MAX(output_max, c->out.size);
    }
    number(to, "connected_clients", s->conn_count);
    number(to, "cluster_connections", 0);
    number(to, "maxclients", (uint64_t)s->config.maxclients);
    number(to, "client_recent_max_input_buffer", input_max);
    number(to, "client_recent_max_output_buffer", output_max);
    number(to, "blocked_clients", blocked);
    number(to, "tracking_clients", s->tracking.clients);
    number(to, "clients_in_timeout_table", 0);
}

static void info_memory(struct server *s, struct buf *to)
{
    struct memory_figures memory;
    server_memory(s, &memory);
    static const char *const policies[] = {
        "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
        "allkeys-lru",  "allkeys-lfu",  "allkeys-random",  "noeviction",
    };
    const uint64_t system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    number(to, "used_memory", memory.used);
    human(to, "used_memory_human", memory.used);
    number(to, "used_memory_rss", memory.resident);
    human(to, "used_memory_rss_human", memory.resident);
    number(to, "used_memory_peak", memory.peak);
    human(to, "used_memory_peak_human", memory.peak);
    number(to, "used_memory_overhead", memory.used - MIN(memory.used, memory.cache));
    number(to, "used_memory_startup", 0);
    number(to, "used_memory_dataset", memory.dataset);
    number(to, "used_memory_row_cache", memory.cache);
    number(to, "used_memory_row_cache_dirty", memory.dirty);
    number(to, "total_system_memory", system);
    human(to, "total_system_memory_human", system);
    number(to, "used_memory_lua", 0);
    number(to, "used_memory_scripts_eval", 0);
    uint64_t libraries = 0, functions = 0, scripts = 0;
    if (s->shard != NULL) {
        machine_function_counts(shard_machine(s->shard), &libraries, &functions);
        scripts = machine_script_count(shard_machine(s->shard));
    }
    number(to, "number_of_cached_scripts", scripts);
    number(to, "number_of_functions", functions);
    number(to, "number_of_libraries", libraries);
    number(to, "maxmemory", s->settings->maxmemory);
    human(to, "maxmemory_human", s->settings->maxmemory);
    text(to, "maxmemory_policy", policies[s->settings->maxmemory_policy]);
    buf_printf(to, "mem_fragmentation_ratio:%.2f\r\n",
               memory.used == 0 ? 1.0 : (double)memory.resident / (double)memory.used);
    number(to, "mem_clients_normal", memory.clients);
    number(to, "mem_clients_slaves", 0);
    number(to, "mem_not_counted_for_evict", 0);
#ifdef HAVE_JEMALLOC
    text(to, "mem_allocator", "jemalloc");
#else
    text(to, "mem_allocator", "libc");
#endif
    number(to, "active_defrag_running", 0);
    number(to, "lazyfree_pending_objects", memory.buried);
    number(to, "lazyfreed_objects", memory.purged);
}

static void info_persistence(struct server *s, struct buf *to)
{
    const struct shard_status *status = &s->status;
    number(to, "loading", !s->is_ready);
    number(to, "async_loading", 0);
    number(to, "rdb_changes_since_last_save", s->changes.all - s->changes.saved);
    number(to, "rdb_bgsave_in_progress", status->flush_running);
    number(to, "rdb_last_save_time", MAX(status->last_flush_ms, s->started_ms) / 1000);
    text(to, "rdb_last_bgsave_status", "ok");
    text(to, "rdb_last_bgsave_time_sec", "-1");
    text(to, "rdb_current_bgsave_time_sec", "-1");
    number(to, "rdb_saves", status->flushes);
    number(to, "aof_enabled", 0);
    number(to, "aof_rewrite_in_progress", 0);
    number(to, "aof_rewrite_scheduled", 0);
    text(to, "aof_last_bgrewrite_status", "ok");
    text(to, "aof_last_write_status", "ok");
    number(to, "module_fork_in_progress", 0);
}

static void info_stats(struct server *s, struct buf *to)
{
    const struct stats *stats = &s->stats;
    number(to, "total_connections_received", stats->connections);
    number(to, "total_commands_processed", stats->commands);
    number(to, "instantaneous_ops_per_sec", stats_rate(stats->rate_commands));
    number(to, "total_net_input_bytes", stats->input_bytes);
    number(to, "total_net_output_bytes", stats->output_bytes);
    buf_printf(to, "instantaneous_input_kbps:%.2f\r\n",
               (double)stats_rate(stats->rate_input) / 1024);
    buf_printf(to, "instantaneous_output_kbps:%.2f\r\n",
               (double)stats_rate(stats->rate_output) / 1024);
    number(to, "rejected_connections", stats->rejected_connections);
    number(to, "expired_keys", stats->expired_keys);
    number(to, "evicted_keys", 0);
    number(to, "evicted_clients", s->stats.evicted_clients);
    struct memory_figures memory;
    server_memory(s, &memory);
    number(to, "row_cache_hits", memory.hits);
    number(to, "row_cache_misses", memory.misses);
    number(to, "keyspace_hits", 0);
    number(to, "keyspace_misses", 0);
    number(to, "pubsub_channels", s->pubsub.active[TOPIC_CHANNEL]);
    number(to, "pubsub_patterns", s->pubsub.active[TOPIC_PATTERN]);
    number(to, "pubsubshard_channels", s->pubsub.active[TOPIC_SHARD]);
    number(to, "latest_fork_usec", 0);
    number(to, "total_forks", 0);
    number(to, "migrate_cached_sockets", 0);
    number(to, "tracking_total_keys", s->tracking.keys.count);
    number(to, "tracking_total_items", s->tracking.items);
    number(to, "tracking_total_prefixes", s->tracking.prefix_count);
    number(to, "unexpected_error_replies", 0);
    number(to, "total_error_replies", stats->error_replies);
    number(to, "total_reads_processed", stats->reads);
    number(to, "total_writes_processed", stats->writes);
    number(to, "client_query_buffer_limit_disconnections", stats->input_limit_closes);
    number(to, "client_output_buffer_limit_disconnections", stats->output_limit_closes);
}

/* To clients every node is a primary (ARCHITECTURE §3.9 step 7). */
static void info_replication(struct server *s, struct buf *to)
{
    text(to, "role", "master");
    number(to, "connected_slaves", 0);
    text(to, "master_failover_state", "no-failover");
    text(to, "master_replid", s->run_id);
    text(to, "master_replid2", "0000000000000000000000000000000000000000");
    number(to, "master_repl_offset", s->status.applied_index);
    text(to, "second_repl_offset", "-1");
    number(to, "repl_backlog_active", 0);
    number(to, "repl_backlog_size", 0);
    number(to, "repl_backlog_first_byte_offset", 0);
    number(to, "repl_backlog_histlen", 0);
}

static void cpu(struct buf *to, const char *name, const struct timeval *time)
{
    buf_printf(to, "%s:%ld.%06ld\r\n", name, (long)time->tv_sec, (long)time->tv_usec);
}

static void info_cpu(struct server *s, struct buf *to)
{
    (void)s;
    struct rusage self, thread;
    if (getrusage(RUSAGE_SELF, &self) != 0 || getrusage(RUSAGE_THREAD, &thread) != 0)
        return;
    cpu(to, "used_cpu_sys", &self.ru_stime);
    cpu(to, "used_cpu_user", &self.ru_utime);
    text(to, "used_cpu_sys_children", "0.000000");
    text(to, "used_cpu_user_children", "0.000000");
    cpu(to, "used_cpu_sys_main_thread", &thread.ru_stime);
    cpu(to, "used_cpu_user_main_thread", &thread.ru_utime);
}

static void info_modules(struct server *s, struct buf *to)
{
    (void)s;
    (void)to;
}

static void info_commandstats(struct server *s, struct buf *to)
{
    for (size_t i = 0; commands_info_at(s->commands, i) != NULL; i++) {
        const struct command_info *info = commands_info_at(s->commands, i);
        if (info->calls == 0 && info->rejected == 0)
            continue;
        const uint64_t us = ticks_to_us(info->ticks);
        buf_printf(to, "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
                       "failed_calls=%llu\r\n", info->name, U(info->calls), U(us),
                   info->calls == 0 ? 0.0 : (double)us / (double)info->calls, U(info->rejected),
                   U(info->failed));
    }
}

static void info_errorstats(struct server *s, struct buf *to)
{
    for (size_t i = 0; i < s->stats.error_code_count; i++)
        buf_printf(to, "errorstat_%s:count=%llu\r\n", s->stats.errors[i].code,
                   U(s->stats.errors[i].count));
}

/* The share of calls that INFO tells of: the words of latency-tracking-info-percentiles. */
static void percentiles_of(const struct command_info *info, const char *percents, struct buf *to)
{
    const char *separator = "";
    for (char *end; *percents != '\0'; percents = end) {
        const double percent = strtod(percents, &end);
        if (end == percents)
            return;
        buf_printf(to, "%sp%.10g=%.3f", separator, percent,
                   (double)histogram_percentile_ns(info->latency, percent) / 1000);
        separator = ",";
    }
}

static void info_latencystats(struct server *s, struct buf *to)
{
    const struct config_row *row = config_find(BYTES("latency-tracking-info-percentiles"));
    const char *percents = config_text(&s->config, row);
    for (size_t i = 0; s->config.latency_tracking && commands_info_at(s->commands, i) != NULL;
         i++) {
        const struct command_info *info = commands_info_at(s->commands, i);
        if (info->latency == NULL)
            continue;
        buf_printf(to, "latency_percentiles_usec_%s:", info->name);
        percentiles_of(info, percents, to);
        buf_append_string(to, "\r\n");
    }
}

static void info_cluster(struct server *s, struct buf *to)
{
    (void)s;
    number(to, "cluster_enabled", 0);
}

static void info_keyspace(struct server *s, struct buf *to)
{
    struct database_figures db;
    for (uint32_t i = 0; server_database(s, i, &db); i++)
        if (db.keys > 0) {
            buf_printf(to, "db%u:keys=%llu,expires=%llu,avg_ttl=0", i, U(db.keys), U(db.expires));
            if (db.timed > 0) /* of Redis 7.4 on */
                buf_printf(to, ",subexpiry=%llu", U(db.timed));
            buf_printf(to, "\r\n");
        }
}

/* --- raft ------------------------------------------------------------------------------------- */

const char *info_role(const struct server *s)
{
    static const char *const names[] = {
        [RAFT_FOLLOWER] = "follower", [RAFT_PRE_CANDIDATE] = "pre-candidate",
        [RAFT_CANDIDATE] = "candidate", [RAFT_LEADER] = "leader",
    };
    if (node_id(s->node) == 0)
        return "waiting";
    if (s->consensus.removed)
        return "removed";
    const uint32_t role = (uint32_t)s->consensus.raft.role;
    const bool is_learner = role == RAFT_FOLLOWER && s->consensus.member_count > 0 &&
                            !s->consensus.raft.is_voter;
    return is_learner ? "learner" : names[role];
}

const struct raft_peer_status *info_peer(const struct server *s, uint64_t node)
{
    const struct raft_status *raft = &s->consensus.raft;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].node == node)
            return &raft->peers[i];
    return NULL;
}

static void info_peers(struct server *s, struct buf *to)
{
    static const char *const states[] = {
        [PROGRESS_PROBE] = "probe", [PROGRESS_REPLICATE] = "replicate",
        [PROGRESS_SNAPSHOT] = "snapshot",
    };
    const struct consensus_status *status = &s->consensus;
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct member *member = &status->members[i];
        if (member->node == node_id(s->node))
            continue;
        buf_printf(to, "raft_peer_%llu:address=%s:%u,voter=%d%s", U(member->node),
                   member->address.host, member->address.port, member->voter,
                   member->spare ? ",spare=1" : "");
        const struct raft_peer_status *peer = info_peer(s, member->node);
        if (status->raft.role == RAFT_LEADER && peer != NULL)
            buf_printf(to, ",state=%s,next_index=%llu,match_index=%llu,inflight=%u",
                       states[peer->state], U(peer->next_index), U(peer->match_index),
                       peer->inflight_count);
        if (member->build.level > 0)
            buf_printf(to, ",version=%s,feature_level_max=%u", member->build.version,
                       member->build.level);
        const uint64_t last_ms = status->last_contact_ms[i];
        if (last_ms == UINT64_MAX)
            buf_append_string(to, ",last_contact_ms=never\r\n");
        else
            buf_printf(to, ",last_contact_ms=%llu\r\n", U(last_ms));
    }
}

static const char *const service_names[] = {"full", "removed", "quarantined"}; /* enum service */
static const char *const space_names[] = {"plenty", "low", "none"}; /* enum space_level */

static void raft_fields(struct server *s, struct buf *to)
{
    const struct consensus_status *status = &s->consensus;
    const struct raft_status *raft = &status->raft;
    struct log_writer_stats writer;
    node_log_writer_stats(s->node, &writer);
    buf_printf(to, "raft_cluster:%016llx\r\n",
               U(log_identity_name(node_identity(s->node))));
    number(to, "raft_node_id", node_id(s->node));
    number(to, "raft_boot", node_boot(s->node));
    text(to, "raft_role", info_role(s));
    number(to, "raft_term", raft->term);
    number(to, "raft_leader", raft->leader);
    number(to, "raft_voted_for", raft->voted_for);
    number(to, "raft_commit_index", raft->commit_index);
    number(to, "raft_last_applied", s->status.applied_index);
    number(to, "raft_durable_applied", s->status.durable_applied);
    number(to, "raft_log_first_index", status->log_first);
    number(to, "raft_log_last_index", status->log_last);
    number(to, "raft_log_persisted_index", raft->persisted_index);
    number(to, "raft_log_bytes", status->log_bytes);
    number(to, "raft_log_disk_bytes", status->log_disk_bytes);
    number(to, "raft_voters", raft->config.incoming.count);
    number(to, "raft_learners", raft->config.learners.count);
    text(to, "raft_version", PACKAGE_VERSION);
    number(to, "raft_feature_level", status->level);
    number(to, "raft_feature_level_max", status->level_max);
    number(to, "raft_elections", status->elections);
    number(to, "raft_log_compactions", status->compactions);
    number(to, "raft_snapshots_sent", status->snapshots_sent);
    number(to, "raft_snapshots_installed", status->snapshots_installed);
    number(to, "raft_backups", status->backups);
    number(to, "raft_backup_last_index", status->backup_index);
    number(to, "raft_backup_ms", status->backup_age_ms);
    number(to, "raft_archive", status->archives);
    number(to, "raft_archive_index", status->archive_index);
    number(to, "raft_archive_segments", status->archive_segments);
    number(to, "raft_archive_failing_ms", status->archive_failing_ms);
    number(to, "raft_archive_gaps", status->archive_gaps);
    number(to, "raft_ready", s->is_ready);
    text(to, "raft_service", service_names[s->status.service]);
    buf_printf(to, "raft_digest:%016llx\r\n", U(s->status.digest));
    text(to, "raft_disk_space", space_names[status->space]);
    number(to, "raft_disk_free", status->disk_free);
    number(to, "raft_messages_sent", status->messages_sent);
    number(to, "raft_messages_received", status->messages_received);
    number(to, "raft_log_writes", writer.jobs);
    number(to, "raft_log_syncs", writer.syncs);
    number(to, "raft_log_sync_last_usec", writer.last_us);
    number(to, "raft_log_sync_max_usec", writer.max_us);
}

void info_raft(struct server *s, struct buf *to)
{
    raft_fields(s, to);
    number(to, "raft_batches", s->status.batches);
    number(to, "raft_batched_requests", s->status.batched_requests);
    number(to, "raft_reads", s->status.reads);
    number(to, "raft_read_rounds", s->status.read_rounds);
    number(to, "raft_duplicates", s->status.duplicates);
    number(to, "raft_requests_in_flight", s->status.requests_in_flight);
    number(to, "raft_flushes", s->status.flushes);
    info_peers(s, to);
}

/* --- the whole -------------------------------------------------------------------------------- */

enum { SECTION_DEFAULT = 1, SECTION_MODULES = 2 };

static const struct {
    const char *name, *title;
    void (*write)(struct server *s, struct buf *to);
    int flags;
} sections_table[] = {
    {"server", "Server", info_server, SECTION_DEFAULT},
    {"clients", "Clients", info_clients, SECTION_DEFAULT},
    {"memory", "Memory", info_memory, SECTION_DEFAULT},
    {"persistence", "Persistence", info_persistence, SECTION_DEFAULT},
    {"stats", "Stats", info_stats, SECTION_DEFAULT},
    {"replication", "Replication", info_replication, SECTION_DEFAULT},
    {"cpu", "CPU", info_cpu, SECTION_DEFAULT},
    {"modules", "Modules", info_modules, SECTION_DEFAULT | SECTION_MODULES},
    {"commandstats", "Commandstats", info_commandstats, 0},
    {"errorstats", "Errorstats", info_errorstats, SECTION_DEFAULT},
    {"latencystats", "Latencystats", info_latencystats, 0},
    {"raft", "Raft", info_raft, SECTION_DEFAULT},
    {"cluster", "Cluster", info_cluster, SECTION_DEFAULT},
    {"keyspace", "Keyspace", info_keyspace, SECTION_DEFAULT},
};

static bool is_wanted(size_t section, const struct bytes *sections, uint32_t count)
{
    const bool is_default = (sections_table[section].flags & SECTION_DEFAULT) != 0;
    if (count == 0)
        return is_default;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal_nocase_string(sections[i], sections_table[section].name) ||
            bytes_equal_nocase_string(sections[i], "everything") ||
            (bytes_equal_nocase_string(sections[i], "default") && is_default) ||
            (bytes_equal_nocase_string(sections[i], "all") &&
             !(sections_table[section].flags & SECTION_MODULES)))
            return true;
    }
    return false;
}

bool info_wants_raft(const struct bytes *sections, uint32_t count)
{
    for (size_t i = 0; i < ARRAY_COUNT(sections_table); i++)
        if (sections_table[i].write == info_raft)
            return is_wanted(i, sections, count);
    return false;
}

void info_text(struct server *s, const struct bytes *sections, uint32_t count, struct buf *to)
{
    for (size_t i = 0; i < ARRAY_COUNT(sections_table); i++) {
        if (!is_wanted(i, sections, count))
            continue;
        buf_printf(to, "%s# %s\r\n", to->size > 0 ? "\r\n" : "", sections_table[i].title);
        sections_table[i].write(s, to);
    }
}
