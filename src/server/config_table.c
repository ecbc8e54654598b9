/* config_table.c -- the rows of all local and remembered settings, with Redis 7.0's kinds, limits
 * and defaults. */

#include <limits.h>
#include <stdlib.h>
#include "server/config.h"
#include "server/config_table.h"

static const char *const loglevels[] = {"debug", "verbose", "notice", "warning", NULL};
static const char *const debug_commands[] = {"no", "local", "yes", NULL};
static const char *const appendfsyncs[] = {"everysec", "always", "no", NULL};
static const char *const no_yes_relative[] = {"no", "yes", "relative", "absolute", NULL};
static const char *const no_yes_optional[] = {"no", "yes", "optional", NULL};
static const char *const no_yes_clients[] = {"no", "yes", "clients", NULL};
static const char *const no_yes_local[] = {"no", "yes", "local", NULL};
static const char *const diskless[] = {"disabled", "on-empty-db", "swapdb", NULL};
static const char *const endpoints[] = {"ip", "hostname", "unknown-endpoint", NULL};
static const char *const propagation[] = {"ignore", "panic", "panic-on-replicas", NULL};
static const char *const supervised[] = {"upstart", "systemd", "auto", "no", NULL};
static const char *const shutdowns[] = {"default", "save", "nosave", "now", "force", NULL};
static const char *const facilities[] = {"user",   "local0", "local1", "local2", "local3",
                                         "local4", "local5", "local6", "local7", NULL};

#define FIELD(name) .field = offsetof(struct config, name)

#define BOOL(n, f, d, fl) {.name = n, .kind = CONFIG_BOOL, .flags = fl, .text = d, FIELD(f)}
#define INT(n, f, d, lo, hi, fl) \
    {.name = n, .kind = CONFIG_INT, .flags = fl, .text = d, .min = lo, .max = hi, FIELD(f)}
#define MEMORY(n, f, d, lo, hi, fl) \
    {.name = n, .kind = CONFIG_MEMORY, .flags = fl, .text = d, .min = lo, .max = hi, FIELD(f)}
#define STRING(n, f, d, fl) {.name = n, .kind = CONFIG_STRING, .flags = fl, .text = d, FIELD(f)}
#define ENUM(n, f, d, ch, fl) \
    {.name = n, .kind = CONFIG_ENUM, .flags = fl, .text = d, .choices = ch, FIELD(f)}

#define NO_BOOL(n, d) {.name = n, .kind = CONFIG_BOOL, .flags = CONFIG_REMEMBERED, .text = d}
#define NO_BOOL_FIXED(n, d) \
    {.name = n, .kind = CONFIG_BOOL, .flags = CONFIG_REMEMBERED | CONFIG_FIXED, .text = d}
#define NO_INT(n, d, lo, hi) \
    {.name = n, .kind = CONFIG_INT, .flags = CONFIG_REMEMBERED, .text = d, .min = lo, .max = hi}
#define NO_INT_FIXED(n, d, lo, hi)                                                  \
    {.name = n, .kind = CONFIG_INT, .flags = CONFIG_REMEMBERED | CONFIG_FIXED,      \
     .text = d, .min = lo, .max = hi}
#define NO_MEMORY(n, d) \
    {.name = n, .kind = CONFIG_MEMORY, .flags = CONFIG_REMEMBERED, .text = d, .max = INT64_MAX}
#define NO_STRING(n, d) {.name = n, .kind = CONFIG_STRING, .flags = CONFIG_REMEMBERED, .text = d}
#define NO_STRING_FIXED(n, d) \
    {.name = n, .kind = CONFIG_STRING, .flags = CONFIG_REMEMBERED | CONFIG_FIXED, .text = d}
#define NO_ENUM(n, d, ch) \
    {.name = n, .kind = CONFIG_ENUM, .flags = CONFIG_REMEMBERED, .text = d, .choices = ch}
#define NO_ENUM_FIXED(n, d, ch)                                                     \
    {.name = n, .kind = CONFIG_ENUM, .flags = CONFIG_REMEMBERED | CONFIG_FIXED,     \
     .text = d, .choices = ch}
#define NO_SPECIAL(n, d, ck)                                                        \
    {.name = n, .kind = CONFIG_SPECIAL, .flags = CONFIG_REMEMBERED | CONFIG_WORDS,  \
     .text = d, .check = ck}
#define HIDDEN_INT(n, d, lo, hi)                                                    \
    {.name = n, .kind = CONFIG_INT, .flags = CONFIG_REMEMBERED | CONFIG_HIDDEN,     \
     .text = d, .min = lo, .max = hi}
#define ALIAS(n) {.name = n, .flags = CONFIG_ALIAS}

#define FIXED CONFIG_FIXED

const struct config_row config_rows[] = {
    /* --- with an effect here ------------------------------------------------------------------ */
    STRING("bind", bind, "* -::*", FIXED | CONFIG_WORDS),
    INT("port", port, "6379", 1, 65535, FIXED),
    INT("peer-port", peer_port, "0", 0, 65535, FIXED),
    STRING("peer", peer_hints, "", FIXED | CONFIG_WORDS),
    STRING("announce-host", announce_host, "", FIXED),
    INT("announce-port", announce_port, "0", 0, 65535, FIXED),
    INT("http-port", http_port, "0", 0, 65535, FIXED),
    STRING("http-bind", http_bind, "", FIXED | CONFIG_WORDS),
    STRING("announce-http-host", announce_http_host, "", FIXED),
    INT("announce-http-port", announce_http_port, "0", 0, 65535, FIXED),
    STRING("http-dir", http_dir, "", FIXED),
    BOOL("chaos", chaos, "no", FIXED),
    STRING("chaos-socket", chaos_socket, "", FIXED),
    INT("announce-peer-port", announce_peer_port, "0", 0, 65535, FIXED),
    INT("tcp-backlog", tcp_backlog, "511", 0, INT_MAX, FIXED),
    INT("tcp-keepalive", tcp_keepalive, "300", 0, INT_MAX, 0),
    INT("timeout", timeout, "0", 0, INT_MAX, 0),
    INT("maxclients", maxclients, "10000", 1, UINT_MAX, 0),
    MEMORY("maxmemory-clients", maxmemory_clients, "0", 0, INT64_MAX, CONFIG_PERCENT),
    INT("tracking-table-max-keys", tracking_table_max_keys, "1000000", 0, INT64_MAX, 0),
    BOOL("protected-mode", protected_mode, "yes", 0),
    {.name = "client-output-buffer-limit", .kind = CONFIG_SPECIAL, .flags = CONFIG_WORDS,
     .text = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
     .check = config_check_output_limits, .assign = config_assign_output_limits},
    MEMORY("client-query-buffer-limit", query_buffer_limit, "1073741824", 1 << 20, INT64_MAX, 0),
    STRING("dir", dir, ".", FIXED | CONFIG_PROTECTED),
    STRING("logfile", logfile, "", FIXED),
    STRING("pidfile", pidfile, "", FIXED),
    ENUM("loglevel", loglevel, "notice", loglevels, 0),
    BOOL("daemonize", daemonize, "no", FIXED),
    BOOL("cluster-init", cluster_init, "no", FIXED),
    STRING("cluster-secret", cluster_secret, "", FIXED | CONFIG_SECRET),
    STRING("cluster-secret-file", cluster_secret_file, "", FIXED),
    INT("tick-ms", tick_ms, "10", 1, 1000, FIXED),
    INT("heartbeat-ticks", heartbeat_ticks, "5", 1, 1000, FIXED),
    INT("election-ticks", election_ticks, "20", 5, 10000, FIXED),
    BOOL("auto-heal", auto_heal, "no", FIXED),
    INT("digest-every", digest_every, "4096", 1, INT_MAX, FIXED),
    INT("replace-dead-after-ms", replace_dead_after_ms, "0", 0, INT64_MAX / 1000, FIXED),
    BOOL("read-lease", read_lease, "no", FIXED),
    INT("lease-ms", lease_ms, "150", 1, 60000, FIXED),
    INT("quorum-wait-ms", quorum_wait_ms, "5000", 1, 3600000, FIXED),
    MEMORY("cache-size", cache_size, "268435456", 0, INT64_MAX, FIXED),
    MEMORY("disk-reserve", disk_reserve, "268435456", 0, INT64_MAX, FIXED),
    MEMORY("flush-log-bytes", flush_log_bytes, "268435456", 1 << 20, INT64_MAX, FIXED),
    MEMORY("log-keep", log_keep, "134217728", 1 << 20, INT64_MAX, FIXED),
    INT("flush-interval", flush_interval, "60", 1, 86400, FIXED),
    STRING("archive-dir", archive_dir, "", FIXED),
    MEMORY("backup-rate", backup_rate, "67108864", 1 << 20, INT64_MAX / 2, FIXED),
    MEMORY("snapshot-rate", snapshot_rate, "33554432", 1 << 20, INT64_MAX, 0),
    INT("archive-interval", archive_interval, "10", 1, 3600, FIXED),
    INT("feature-level", feature_level, "0", 0, 1000000, FIXED | CONFIG_HIDDEN),
    STRING("raft-trace", raft_trace, "", FIXED),
    INT("loops", loops, "2", 1, 2, FIXED),
    ENUM("enable-debug-command", enable_debug_command, "no", debug_commands, FIXED),
    INT("slowlog-log-slower-than", slowlog_log_slower_than, "10000", -1, INT64_MAX, 0),
    INT("acllog-max-len", acllog_max_len, "128", 0, INT64_MAX, 0),
    INT("slowlog-max-len", slowlog_max_len, "128", 0, INT64_MAX, 0),
    INT("latency-monitor-threshold", latency_threshold_ms, "0", 0, INT64_MAX, 0),
    BOOL("latency-tracking", latency_tracking, "yes", 0),

    /* --- remembered, no effect ---------------------------------------------------------------- */
    NO_SPECIAL("save", "", config_check_save),
    HIDDEN_INT("key-load-delay", "0", INT32_MIN, INT32_MAX),
    HIDDEN_INT("rdb-key-save-delay", "0", INT32_MIN, INT32_MAX),
    NO_BOOL("appendonly", "no"),
    NO_ENUM("appendfsync", "always", appendfsyncs),
    NO_STRING_FIXED("appendfilename", "appendonly.aof"),
    NO_STRING_FIXED("appenddirname", "appendonlydir"),
    NO_STRING_FIXED("dbfilename", "dump.rdb"),
    NO_BOOL("aof-use-rdb-preamble", "yes"),
    NO_BOOL("aof-timestamp-enabled", "no"),
    NO_BOOL("aof-load-truncated", "yes"),
    NO_BOOL("aof-disable-auto-gc", "no"),
    NO_BOOL("aof-rewrite-incremental-fsync", "yes"),
    NO_BOOL("rdb-save-incremental-fsync", "yes"),
    NO_BOOL("rdb-del-sync-files", "no"),
    NO_BOOL("rdbcompression", "yes"),
    NO_BOOL_FIXED("rdbchecksum", "yes"),
    NO_BOOL("no-appendfsync-on-rewrite", "no"),
    NO_BOOL("stop-writes-on-bgsave-error", "yes"),
    NO_INT("auto-aof-rewrite-percentage", "100", 0, INT_MAX),
    NO_MEMORY("auto-aof-rewrite-min-size", "67108864"),
    NO_ENUM("sanitize-dump-payload", "no", no_yes_clients),
    NO_BOOL("crash-log-enabled", "yes"),
    NO_BOOL("crash-memcheck-enabled", "yes"),
    NO_BOOL_FIXED("disable-thp", "yes"),
    NO_ENUM("oom-score-adj", "no", no_yes_relative),
    NO_SPECIAL("oom-score-adj-values", "0 200 800", config_check_three_numbers),
    NO_INT("hz", "10", 0, INT_MAX),
    NO_BOOL("dynamic-hz", "yes"),
    NO_BOOL("activerehashing", "yes"),
    NO_BOOL("activedefrag", "no"),
    NO_MEMORY("active-defrag-ignore-bytes", "104857600"),
    NO_INT("active-defrag-threshold-lower", "10", 0, 1000),
    NO_INT("active-defrag-threshold-upper", "100", 0, 1000),
    NO_INT("active-defrag-cycle-min", "1", 1, 99),
    NO_INT("active-defrag-cycle-max", "25", 1, 99),
    NO_INT("active-defrag-max-scan-fields", "1000", 1, INT64_MAX),
    NO_BOOL("jemalloc-bg-thread", "yes"),
    NO_INT("active-expire-effort", "1", 1, 10),
    NO_BOOL("lazyfree-lazy-eviction", "no"),
    NO_BOOL("lazyfree-lazy-expire", "no"),
    NO_BOOL("lazyfree-lazy-server-del", "no"),
    NO_BOOL("lazyfree-lazy-user-del", "no"),
    NO_BOOL("lazyfree-lazy-user-flush", "no"),
    NO_INT("maxmemory-samples", "5", 1, INT_MAX),
    NO_INT("maxmemory-eviction-tenacity", "10", 0, 100),
    NO_INT("lfu-log-factor", "10", 0, INT_MAX),
    NO_INT("lfu-decay-time", "1", 0, INT_MAX),
    NO_INT("io-threads", "1", 1, 128),
    NO_BOOL_FIXED("io-threads-do-reads", "no"),
    INT("busy-reply-threshold", busy_reply_threshold, "5000", 0, INT64_MAX, 0),
    ALIAS("lua-time-limit"),
    NO_SPECIAL("latency-tracking-info-percentiles", "50 99 99.9", config_check_percentiles),
    NO_STRING_FIXED("aclfile", ""),
    NO_INT("shutdown-timeout", "10", 0, INT_MAX),
    NO_ENUM("shutdown-on-sigint", "default", shutdowns),
    NO_ENUM("shutdown-on-sigterm", "default", shutdowns),
    NO_ENUM("propagation-error-behavior", "ignore", propagation),
    NO_STRING("ignore-warnings", ""),
    NO_BOOL_FIXED("always-show-logo", "no"),
    NO_BOOL_FIXED("set-proc-title", "yes"),
    NO_STRING("proc-title-template", "{title} {listen-addr} {server-mode}"),
    NO_ENUM_FIXED("supervised", "no", supervised),
    NO_BOOL_FIXED("syslog-enabled", "no"),
    NO_STRING_FIXED("syslog-ident", "redis"),
    NO_ENUM_FIXED("syslog-facility", "local0", facilities),
    NO_STRING_FIXED("server_cpulist", ""),
    NO_STRING_FIXED("bio_cpulist", ""),
    NO_STRING_FIXED("aof_rewrite_cpulist", ""),
    NO_STRING_FIXED("bgsave_cpulist", ""),
    NO_STRING_FIXED("unixsocket", ""),
    NO_INT_FIXED("unixsocketperm", "0", 0, 0777),
    NO_INT_FIXED("socket-mark-id", "0", 0, UINT_MAX),
    NO_STRING("bind-source-addr", ""),
    NO_ENUM_FIXED("enable-protected-configs", "no", no_yes_local),
    NO_ENUM_FIXED("enable-module-command", "no", no_yes_local),
    NO_STRING("masteruser", ""),
    NO_STRING("masterauth", ""),
    NO_STRING_FIXED("replicaof", ""),
    ALIAS("slaveof"),
    NO_BOOL("replica-serve-stale-data", "yes"),
    ALIAS("slave-serve-stale-data"),
    NO_BOOL("replica-read-only", "yes"),
    ALIAS("slave-read-only"),
    NO_BOOL("replica-lazy-flush", "no"),
    ALIAS("slave-lazy-flush"),
    NO_BOOL("replica-ignore-maxmemory", "yes"),
    ALIAS("slave-ignore-maxmemory"),
    NO_BOOL("replica-announced", "yes"),
    NO_BOOL("replica-ignore-disk-write-errors", "no"),
    NO_INT("replica-priority", "100", 0, INT_MAX),
    ALIAS("slave-priority"),
    NO_STRING("replica-announce-ip", ""),
    ALIAS("slave-announce-ip"),
    NO_INT("replica-announce-port", "0", 0, 65535),
    ALIAS("slave-announce-port"),
    NO_INT("min-replicas-to-write", "0", 0, INT_MAX),
    ALIAS("min-slaves-to-write"),
    NO_INT("min-replicas-max-lag", "10", 0, INT_MAX),
    ALIAS("min-slaves-max-lag"),
    NO_INT("repl-ping-replica-period", "10", 1, INT_MAX),
    ALIAS("repl-ping-slave-period"),
    NO_INT("repl-timeout", "60", 1, INT_MAX),
    NO_BOOL("repl-disable-tcp-nodelay", "no"),
    NO_MEMORY("repl-backlog-size", "1048576"),
    NO_INT("repl-backlog-ttl", "3600", 0, INT64_MAX),
    NO_BOOL("repl-diskless-sync", "yes"),
    NO_INT("repl-diskless-sync-delay", "5", 0, INT_MAX),
    NO_INT("repl-diskless-sync-max-replicas", "0", 0, INT_MAX),
    NO_ENUM("repl-diskless-load", "disabled", diskless),
    NO_BOOL_FIXED("cluster-enabled", "no"),
    NO_STRING_FIXED("cluster-config-file", "nodes.conf"),
    NO_INT_FIXED("cluster-port", "0", 0, 65535),
    NO_INT("cluster-node-timeout", "15000", 0, INT64_MAX),
    NO_STRING("cluster-announce-ip", ""),
    NO_STRING("cluster-announce-hostname", ""),
    NO_INT("cluster-announce-port", "0", 0, 65535),
    NO_INT("cluster-announce-tls-port", "0", 0, 65535),
    NO_INT("cluster-announce-bus-port", "0", 0, 65535),
    NO_INT("cluster-migration-barrier", "1", 0, INT_MAX),
    NO_BOOL("cluster-allow-replica-migration", "yes"),
    NO_BOOL("cluster-require-full-coverage", "yes"),
    NO_BOOL("cluster-allow-reads-when-down", "no"),
    NO_BOOL("cluster-allow-pubsubshard-when-down", "yes"),
    NO_BOOL("cluster-replica-no-failover", "no"),
    ALIAS("cluster-slave-no-failover"),
    NO_INT("cluster-replica-validity-factor", "10", 0, INT_MAX),
    ALIAS("cluster-slave-validity-factor"),
    NO_MEMORY("cluster-link-sendbuf-limit", "0"),
    NO_ENUM("cluster-preferred-endpoint-type", "ip", endpoints),
    NO_INT("tls-port", "0", 0, 0),
    NO_BOOL("tls-cluster", "no"),
    NO_BOOL("tls-replication", "no"),
    NO_ENUM("tls-auth-clients", "yes", no_yes_optional),
    NO_STRING("tls-cert-file", ""),
    NO_STRING("tls-key-file", ""),
    NO_STRING("tls-key-file-pass", ""),
    NO_STRING("tls-client-cert-file", ""),
    NO_STRING("tls-client-key-file", ""),
    NO_STRING("tls-client-key-file-pass", ""),
    NO_STRING("tls-ca-cert-file", ""),
    NO_STRING("tls-ca-cert-dir", ""),
    NO_STRING("tls-dh-params-file", ""),
    NO_STRING("tls-protocols", ""),
    NO_STRING("tls-ciphers", ""),
    NO_STRING("tls-ciphersuites", ""),
    NO_BOOL("tls-prefer-server-ciphers", "no"),
    NO_BOOL("tls-session-caching", "yes"),
    NO_INT("tls-session-cache-size", "20480", 0, INT_MAX),
    NO_INT("tls-session-cache-timeout", "300", 0, INT_MAX),
};

const size_t config_row_count = ARRAY_COUNT(config_rows);
