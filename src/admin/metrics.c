/* metrics.c -- see metrics.h. Names and units by Prometheus's conventions: base units (seconds,
 * bytes), _total for what only rises (until CONFIG RESETSTAT or a restart). Every figure of INFO
 * that is a number and not another one in other words is here. */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "admin/metrics.h"

#include <sys/resource.h>
#include "admin/info.h"
#include "base/histogram.h"
#include "server/log_writer.h"
#include "server/node.h"
#include "server/server.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define U(value) ((unsigned long long)(value))

/* --- the format ------------------------------------------------------------------------------- */

static void family(struct buf *to, const char *name, const char *type, const char *help)
{
    buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter(struct buf *to, const char *name, uint64_t value, const char *help)
{
    family(to, name, "counter", help);
    buf_printf(to, "%s %llu\n", name, U(value));
}

static void gauge(struct buf *to, const char *name, uint64_t value, const char *help)
{
    family(to, name, "gauge", help);
    buf_printf(to, "%s %llu\n", name, U(value));
}

static void gauge_seconds(struct buf *to, const char *name, double seconds, const char *help)
{
    family(to, name, "gauge", help);
    buf_printf(to, "%s %.6f\n", name, seconds);
}

/* --- server, clients, memory ------------------------------------------------------------------ */

static void metrics_server(struct server *s, struct buf *to)
{
    family(to, "avow_build_info", "gauge", "Always 1; the version is a label.");
    buf_printf(to, "avow_build_info{version=\"%s\",redis_version=\"%s\"} 1\n", PACKAGE_VERSION,
               AVOW_COMPATIBLE_VERSION);
    gauge_seconds(to, "avow_uptime_seconds", (double)(s->now_us - s->started_us) / 1e6,
                  "Since the process has started.");
    gauge_seconds(to, "avow_time_seconds", (double)s->now_ms / 1e3,
                  "The node's wall clock, since 1970.");
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return;
    family(to, "avow_cpu_seconds_total", "counter", "Processor time of the process.");
    buf_printf(to, "avow_cpu_seconds_total{mode=\"system\"} %ld.%06ld\n",
               (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec);
    buf_printf(to, "avow_cpu_seconds_total{mode=\"user\"} %ld.%06ld\n",
               (long)usage.ru_utime.tv_sec, (long)usage.ru_utime.tv_usec);
}

static void metrics_clients(struct server *s, struct buf *to)
{
    const struct stats *stats = &s->stats;
    uint64_t blocked = 0;
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        const struct conn *c = container_of(node, struct conn, node);
        blocked += c->is_paused || c->blocked != NULL;
    }
    gauge(to, "avow_connected_clients", s->conn_count, "Connections of clients.");
    gauge(to, "avow_blocked_clients", blocked, "Connections that wait in a blocking command.");
    gauge(to, "avow_tracking_clients", s->tracking.clients, "Connections with CLIENT TRACKING on.");
    gauge(to, "avow_max_clients", (uint64_t)s->config.maxclients, "The setting maxclients.");
    counter(to, "avow_connections_received_total", stats->connections, "Connections accepted.");
    counter(to, "avow_connections_rejected_total", stats->rejected_connections,
            "Connections turned away: maxclients, protected-mode.");
    family(to, "avow_connections_closed_total", "counter", "Connections closed by the server.");
    buf_printf(to, "avow_connections_closed_total{reason=\"query-buffer\"} %llu\n",
               U(stats->input_limit_closes));
    buf_printf(to, "avow_connections_closed_total{reason=\"output-buffer\"} %llu\n",
               U(stats->output_limit_closes));
    buf_printf(to, "avow_connections_closed_total{reason=\"idle\"} %llu\n", U(stats->idle_closes));
    buf_printf(to, "avow_connections_closed_total{reason=\"maxmemory-clients\"} %llu\n",
               U(stats->evicted_clients));
    counter(to, "avow_net_input_bytes_total", stats->input_bytes, "Bytes read from clients.");
    counter(to, "avow_net_output_bytes_total", stats->output_bytes, "Bytes sent to clients.");
    counter(to, "avow_reads_processed_total", stats->reads, "Reads from sockets of clients.");
    counter(to, "avow_writes_processed_total", stats->writes, "Writes to sockets of clients.");
    gauge(to, "avow_tracked_keys", s->tracking.keys.count, "Keys in the tracking table.");
    gauge(to, "avow_tracked_items", s->tracking.items, "Pairs of key and client in it.");
    gauge(to, "avow_tracked_prefixes", s->tracking.prefix_count, "Prefixes in broadcast mode.");
    family(to, "avow_pubsub_topics", "gauge", "Topics with a subscriber at this node.");
    buf_printf(to, "avow_pubsub_topics{kind=\"channel\"} %llu\n",
               U(s->pubsub.active[TOPIC_CHANNEL]));
    buf_printf(to, "avow_pubsub_topics{kind=\"pattern\"} %llu\n",
               U(s->pubsub.active[TOPIC_PATTERN]));
    buf_printf(to, "avow_pubsub_topics{kind=\"shard\"} %llu\n", U(s->pubsub.active[TOPIC_SHARD]));
}

static void metrics_memory(struct server *s, struct buf *to)
{
    struct memory_figures memory;
    server_memory(s, &memory);
    gauge(to, "avow_memory_used_bytes", memory.used, "Allocated by the process.");
    gauge(to, "avow_memory_resident_bytes", memory.resident, "Resident set of the process.");
    gauge(to, "avow_memory_peak_bytes", memory.peak, "The most that was seen allocated.");
    gauge(to, "avow_memory_clients_bytes", memory.clients, "Buffers of connections.");
    gauge(to, "avow_row_cache_bytes", memory.cache, "Rows in the row cache.");
    gauge(to, "avow_row_cache_dirty_bytes", memory.dirty, "Of them, not flushed yet.");
    gauge(to, "avow_row_cache_limit_bytes", (uint64_t)s->config.cache_size,
          "The setting cache-size.");
    counter(to, "avow_row_cache_hits_total", memory.hits, "Rows found in the row cache.");
    counter(to, "avow_row_cache_misses_total", memory.misses, "Rows read from RocksDB.");
    gauge(to, "avow_dataset_bytes", memory.dataset, "Logical size of all keys.");
    gauge(to, "avow_max_memory_bytes", s->settings->maxmemory, "The setting maxmemory; 0: none.");
    gauge(to, "avow_purge_pending_objects", memory.buried,
          "Deleted objects whose rows are still there.");
    counter(to, "avow_purged_objects_total", memory.purged, "Deleted objects whose rows are gone.");
    uint64_t libraries = 0, functions = 0, scripts = 0;
    if (s->shard != NULL) {
        machine_function_counts(shard_machine(s->shard), &libraries, &functions);
        scripts = machine_script_count(shard_machine(s->shard));
    }
    gauge(to, "avow_cached_scripts", scripts, "Scripts of EVAL that are kept.");
    gauge(to, "avow_functions", functions, "Functions of FUNCTION LOAD.");
    gauge(to, "avow_function_libraries", libraries, "Libraries of FUNCTION LOAD.");
}

/* --- commands, keys --------------------------------------------------------------------------- */

static void quantiles(const struct command_info *info, struct buf *to)
{
    static const double percents[] = {50, 99, 99.9};
    for (size_t i = 0; i < ARRAY_COUNT(percents) && info->latency != NULL; i++)
        buf_printf(to, "avow_command_duration_seconds{command=\"%s\",quantile=\"%g\"} %.9f\n",
                   info->name, percents[i] / 100,
                   (double)histogram_percentile_ns(info->latency, percents[i]) / 1e9);
}

static void metrics_commands(struct server *s, struct buf *to)
{
    counter(to, "avow_commands_processed_total", s->stats.commands, "Commands run for clients.");
    family(to, "avow_command_duration_seconds", "summary",
           "Time in which a command ran; quantiles since the start (latency-tracking).");
    for (size_t i = 0; commands_info_at(s->commands, i) != NULL; i++) {
        const struct command_info *info = commands_info_at(s->commands, i);
        if (info->calls == 0)
            continue;
        quantiles(info, to);
        buf_printf(to, "avow_command_duration_seconds_sum{command=\"%s\"} %.9f\n", info->name,
                   (double)ticks_to_ns(info->ticks) / 1e9);
        buf_printf(to, "avow_command_duration_seconds_count{command=\"%s\"} %llu\n", info->name,
                   U(info->calls));
    }
    family(to, "avow_commands_rejected_total", "counter", "Commands refused before they ran.");
    for (size_t i = 0; commands_info_at(s->commands, i) != NULL; i++)
        if (commands_info_at(s->commands, i)->rejected > 0)
            buf_printf(to, "avow_commands_rejected_total{command=\"%s\"} %llu\n",
                       commands_info_at(s->commands, i)->name,
                       U(commands_info_at(s->commands, i)->rejected));
    family(to, "avow_commands_failed_total", "counter", "Commands that ended in an error.");
    for (size_t i = 0; commands_info_at(s->commands, i) != NULL; i++)
        if (commands_info_at(s->commands, i)->failed > 0)
            buf_printf(to, "avow_commands_failed_total{command=\"%s\"} %llu\n",
                       commands_info_at(s->commands, i)->name,
                       U(commands_info_at(s->commands, i)->failed));
}

/* Codes are the first words of error replies, some of a script's own making. */
static void label_value(struct buf *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_u8(to, '\\');
        buf_append_u8(to, *text >= ' ' && *text <= '~' ? (uint8_t)*text : '?');
    }
}

static void metrics_errors(struct server *s, struct buf *to)
{
    counter(to, "avow_error_replies_total", s->stats.error_replies, "Error replies to clients.");
    family(to, "avow_errors_total", "counter", "Error replies by their first word.");
    for (size_t i = 0; i < s->stats.error_code_count; i++) {
        buf_append_string(to, "avow_errors_total{code=\"");
        label_value(to, s->stats.errors[i].code);
        buf_printf(to, "\"} %llu\n", U(s->stats.errors[i].count));
    }
}

static void metrics_keys(struct server *s, struct buf *to)
{
    struct database_figures db;
    family(to, "avow_db_keys", "gauge", "Keys in a database that has any.");
    for (uint32_t i = 0; server_database(s, i, &db); i++)
        if (db.keys > 0)
            buf_printf(to, "avow_db_keys{db=\"%u\"} %llu\n", i, U(db.keys));
    family(to, "avow_db_keys_expiring", "gauge", "Of them, with a time to live.");
    for (uint32_t i = 0; server_database(s, i, &db); i++)
        if (db.keys > 0)
            buf_printf(to, "avow_db_keys_expiring{db=\"%u\"} %llu\n", i, U(db.expires));
    counter(to, "avow_expired_keys_total", s->stats.expired_keys, "Keys whose time was over.");
    gauge(to, "avow_changes_since_flush", s->changes.all - s->changes.saved,
          "Changes that are in the log and not yet in a flush of the state.");
}

/* --- Raft ------------------------------------------------------------------------------------- */

static void metrics_role(struct server *s, struct buf *to)
{
    static const char *const roles[] = {"leader",  "follower", "candidate", "pre-candidate",
                                        "learner", "waiting",  "removed"};
    const struct raft_status *raft = &s->consensus.raft;
    family(to, "avow_raft_role", "gauge", "1 for the role that the node has.");
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
        buf_printf(to, "avow_raft_role{role=\"%s\"} %d\n", roles[i],
                   strcmp(info_role(s), roles[i]) == 0);
    gauge(to, "avow_raft_node_id", node_id(s->node), "The node's number; 0: in no cluster yet.");
    gauge(to, "avow_raft_boot", node_boot(s->node), "How often the node has started.");
    gauge(to, "avow_raft_term", raft->term, "Current term.");
    gauge(to, "avow_raft_voted_for", raft->voted_for, "Whom it voted for in this term; 0: nobody.");
    gauge(to, "avow_raft_leader", raft->leader, "The leader's number; 0: none is known.");
    gauge(to, "avow_raft_is_ready", s->is_ready, "1: it has once been up to date since its start.");
    gauge(to, "avow_raft_voters", raft->config.incoming.count, "Members that vote.");
    gauge(to, "avow_raft_learners", raft->config.learners.count, "Members that do not.");
    gauge(to, "avow_raft_quarantined", s->consensus.quarantined,
          "1: its state differs from the majority's.");
    gauge(to, "avow_raft_feature_level", s->consensus.level, "Feature level in force.");
    gauge(to, "avow_raft_feature_level_max", s->consensus.level_max, "The highest of this build.");
    counter(to, "avow_raft_elections_total", s->consensus.elections, "Elections begun here.");
}

static void metrics_log(struct server *s, struct buf *to)
{
    const struct consensus_status *status = &s->consensus;
    struct log_writer_stats writer;
    node_log_writer_stats(s->node, &writer);
    gauge(to, "avow_raft_commit_index", status->raft.commit_index, "Last committed entry.");
    gauge(to, "avow_raft_applied_index", s->status.applied_index, "Last applied entry.");
    gauge(to, "avow_raft_durable_applied_index", s->status.durable_applied,
          "Last entry that is in a flush of the state.");
    gauge(to, "avow_raft_log_first_index", status->log_first, "First entry of the log.");
    gauge(to, "avow_raft_log_last_index", status->log_last, "Last entry of the log.");
    gauge(to, "avow_raft_log_persisted_index", status->raft.persisted_index,
          "Last entry that is on this node's disk.");
    gauge(to, "avow_raft_log_bytes", status->log_bytes, "Size of the log's entries.");
    gauge(to, "avow_raft_log_disk_bytes", status->log_disk_bytes,
          "Size of the log's files; the newest entries are in the write-ahead log, not in them.");
    counter(to, "avow_raft_log_writes_total", writer.jobs, "Writes of the log.");
    counter(to, "avow_raft_log_syncs_total", writer.syncs, "Syncs of the log.");
    gauge_seconds(to, "avow_raft_log_sync_last_seconds", (double)writer.last_us / 1e6,
                  "How long the last sync took.");
    gauge_seconds(to, "avow_raft_log_sync_max_seconds", (double)writer.max_us / 1e6,
                  "How long the longest took.");
    gauge_seconds(to, "avow_raft_log_write_age_seconds", (double)status->write_age_ms / 1e3,
                  "Since when the oldest write of the log is under way; 0: none.");
    counter(to, "avow_raft_log_compactions_total", status->compactions, "Cuts of the log.");
    gauge(to, "avow_raft_log_cached_bytes", status->cached_bytes, "Recent entries in memory.");
    counter(to, "avow_raft_messages_sent_total", status->messages_sent, "Messages to peers.");
    counter(to, "avow_raft_messages_received_total", status->messages_received,
            "Messages of peers.");
    counter(to, "avow_raft_bad_frames_total", status->frames_bad, "Frames of peers, malformed.");
    counter(to, "avow_raft_snapshots_sent_total", status->snapshots_sent, "Snapshots sent.");
    counter(to, "avow_raft_snapshots_installed_total", status->snapshots_installed,
            "Snapshots installed here.");
}

static void metrics_shard(struct server *s, struct buf *to)
{
    const struct shard_status *status = &s->status;
    counter(to, "avow_raft_batches_total", status->batches, "Batches of writes proposed here.");
    counter(to, "avow_raft_batched_requests_total", status->batched_requests,
            "Requests in them.");
    counter(to, "avow_raft_reads_total", status->reads, "Linearizable reads.");
    counter(to, "avow_raft_read_rounds_total", status->read_rounds, "Rounds made for them.");
    counter(to, "avow_raft_duplicates_total", status->duplicates,
            "Batches met a second time and not applied again.");
    gauge(to, "avow_raft_requests_in_flight", status->requests_in_flight,
          "Requests that have not been answered yet.");
    counter(to, "avow_flushes_total", status->flushes, "Flushes of the state.");
    gauge(to, "avow_flush_running", status->flush_running, "1: a flush is under way.");
    gauge(to, "avow_flush_failed", status->flush_failed, "1: the last failed for want of space.");
    gauge_seconds(to, "avow_last_flush_time_seconds", (double)status->last_flush_ms / 1e3,
                  "When the last ended, since 1970; 0: none since the start.");
}

static void histogram_samples(struct buf *to, const char *name, const char *label,
                              const struct histogram *h)
{
    static const uint64_t bounds_us[] = {50,    100,   200,   500,    1000,   2000,  5000,
                                         10000, 20000, 50000, 100000, 200000, 500000};
    for (size_t i = 0; i < ARRAY_COUNT(bounds_us); i++)
        buf_printf(to, "%s_bucket{%s,le=\"%g\"} %llu\n", name, label, (double)bounds_us[i] / 1e6,
                   U(histogram_at_most(h, bounds_us[i] * 1000)));
    const uint64_t count = histogram_count(h);
    buf_printf(to, "%s_bucket{%s,le=\"+Inf\"} %llu\n", name, label, U(count));
    buf_printf(to, "%s_sum{%s} %.9f\n", name, label, (double)histogram_sum_ns(h) / 1e9);
    buf_printf(to, "%s_count{%s} %llu\n", name, label, U(count));
}

static void metrics_phases(struct server *s, struct buf *to)
{
    static const char *const phases[] = {
        [PHASE_QUEUE] = "phase=\"queue\"", [PHASE_REPLICATE] = "phase=\"replicate\"",
        [PHASE_APPLY] = "phase=\"apply\""};
    if (s->shard == NULL)
        return;
    family(to, "avow_write_phase_seconds", "histogram",
           "Phases of a batch of writes at the node that proposed it; persist: synced writes of "
           "this node's log.");
    for (size_t i = 0; i < ARRAY_COUNT(phases); i++)
        histogram_samples(to, "avow_write_phase_seconds", phases[i],
                          shard_phase(s->shard, (enum phase)i));
    histogram_samples(to, "avow_write_phase_seconds", "phase=\"persist\"", node_persist(s->node));
    family(to, "avow_batch_duration_seconds", "histogram",
           "From a batch's first request to its last answer.");
    histogram_samples(to, "avow_batch_duration_seconds", "kind=\"read\"",
                      shard_phase(s->shard, PHASE_READ));
    histogram_samples(to, "avow_batch_duration_seconds", "kind=\"write\"",
                      shard_phase(s->shard, PHASE_WRITE));
}

static void metrics_backups(struct server *s, struct buf *to)
{
    const struct consensus_status *status = &s->consensus;
    counter(to, "avow_backups_total", status->backups, "Backups made by this node.");
    gauge(to, "avow_backup_last_index", status->backup_index, "Where the last one ends.");
    gauge_seconds(to, "avow_backup_age_seconds", (double)status->backup_age_ms / 1e3,
                  "Since when one is under way; 0: none.");
    gauge(to, "avow_archive_enabled", status->archives, "1: archive-dir is set.");
    gauge(to, "avow_archive_index", status->archive_index, "Last entry archived.");
    counter(to, "avow_archive_segments_total", status->archive_segments, "Segments written.");
    gauge_seconds(to, "avow_archive_failing_seconds", (double)status->archive_failing_ms / 1e3,
                  "Since when it cannot be written; 0: it can.");
    counter(to, "avow_archive_gaps_total", status->archive_gaps, "Gaps in the archive.");
}

/* One family, a sample for each other member. */
enum peer_figure { PEER_CONNECTED, PEER_CONTACT, PEER_MATCH, PEER_LAG, PEER_INFLIGHT, PEER_VOTER };

static void peer_sample(struct server *s, uint32_t i, enum peer_figure figure, const char *name,
                        struct buf *to)
{
    const struct consensus_status *status = &s->consensus;
    const struct member *member = &status->members[i];
    const struct raft_peer_status *peer = info_peer(s, member->node);
    const uint64_t last_ms = status->last_contact_ms[i];
    double value = 0;
    switch (figure) {
    case PEER_CONNECTED: value = member->is_connected; break;
    case PEER_VOTER: value = member->voter; break;
    case PEER_CONTACT:
        if (last_ms == UINT64_MAX)
            return;
        value = (double)last_ms / 1e3;
        break;
    case PEER_MATCH:
    case PEER_LAG:
    case PEER_INFLIGHT:
        if (status->raft.role != RAFT_LEADER || peer == NULL)
            return; /* only a leader knows */
        value = figure == PEER_MATCH      ? (double)peer->match_index
                : figure == PEER_INFLIGHT ? (double)peer->inflight_count
                                          : (double)(status->raft.last_index -
                                                     MIN(peer->match_index,
                                                         status->raft.last_index));
        break;
    }
    buf_printf(to, "%s{peer=\"%llu\"} %.17g\n", name, U(member->node), value);
}

static void metrics_peers(struct server *s, struct buf *to)
{
    static const struct {
        enum peer_figure figure;
        const char *name, *help;
    } families[] = {
        {PEER_CONNECTED, "avow_raft_peer_connected", "1: the control connection to it is up."},
        {PEER_VOTER, "avow_raft_peer_voter", "1: it votes."},
        {PEER_CONTACT, "avow_raft_peer_last_contact_seconds", "Since it was heard last."},
        {PEER_MATCH, "avow_raft_peer_match_index",
         "Last entry that it has, as the leader knows; leaders only."},
        {PEER_LAG, "avow_raft_peer_lag_entries",
         "Entries that it lacks of the leader's log; leaders only."},
        {PEER_INFLIGHT, "avow_raft_peer_inflight_messages",
         "Messages with entries that it has not answered; leaders only."},
    };
    for (size_t f = 0; f < ARRAY_COUNT(families); f++) {
        family(to, families[f].name, "gauge", families[f].help);
        for (uint32_t i = 0; i < s->consensus.member_count; i++)
            if (s->consensus.members[i].node != node_id(s->node))
                peer_sample(s, i, families[f].figure, families[f].name, to);
    }
}

/* --- disks ------------------------------------------------------------------------------------ */

static void store_samples(struct buf *to, const char *name, uint64_t log, uint64_t state)
{
    buf_printf(to, "%s{store=\"log\"} %llu\n%s{store=\"state\"} %llu\n", name, U(log), name,
               U(state));
}

static void metrics_disk(struct server *s, struct buf *to)
{
    static const struct {
        const char *name, *help;
        size_t field;
    } rows[] = {
#define ROW(name, field, help) {"avow_rocksdb_" name, help, offsetof(struct kv_stats, field)}
        ROW("rows_estimate", rows_estimate, "Rows, as RocksDB guesses."),
        ROW("disk_bytes", disk_bytes, "Size of its live files."),
        ROW("memory_bytes", memory_bytes, "Write buffers, indexes and filters."),
        ROW("block_cache_bytes", cache_bytes, "Blocks cached."),
        ROW("block_cache_limit_bytes", cache_bytes_max, "Limit of that."),
        ROW("files", files, "Its live files."),
        ROW("compactions_pending", compactions_pending, "1: a compaction waits."),
        ROW("compactions_running", compactions_running, "Compactions that run."),
#undef ROW
    };
    gauge(to, "avow_disk_free_bytes", s->consensus.disk_free,
          "Free space where dir is; 0 without disk-reserve.");
    gauge(to, "avow_disk_reserve_bytes", (uint64_t)s->config.disk_reserve,
          "The setting disk-reserve.");
    gauge(to, "avow_disk_space_level", s->consensus.space,
          "0: plenty; 1: writes that grow are refused; 2: all are.");
    struct node_store_stats stores;
    node_store_stats(s->node, &stores);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t log, state;
        memcpy(&log, (const uint8_t *)&stores.log + rows[i].field, sizeof(log));
        memcpy(&state, (const uint8_t *)&stores.state + rows[i].field, sizeof(state));
        family(to, rows[i].name, "gauge", rows[i].help);
        store_samples(to, rows[i].name, log, state);
    }
    family(to, "avow_rocksdb_background_error", "gauge", "1: it accepts no more writes.");
    store_samples(to, "avow_rocksdb_background_error", stores.log.background_error,
                  stores.state.background_error);
}

void metrics_text(struct server *s, struct buf *to)
{
    static void (*const parts[])(struct server *, struct buf *) = {
        metrics_server, metrics_clients, metrics_memory,  metrics_commands, metrics_errors,
        metrics_keys,   metrics_role,    metrics_log,     metrics_shard,    metrics_phases,
        metrics_backups, metrics_peers,  metrics_disk,
    };
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        parts[i](s, to);
}
