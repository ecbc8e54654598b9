/* config.h -- what this node is told by its file, its command line and CONFIG SET: local settings.
 *
 *   avow-server [file] [--directive value ...]      later wins
 *
 * One row of a table for each setting: kind, limits, default, and the field of struct config that
 * holds the parsed value. Three sorts:
 *   - local ones have an effect here;
 *   - remembered ones are Redis's, without a meaning here: checked, kept and shown, no effect;
 *   - replicated ones are not in this table (command/settings.h): found in the file they are the
 *     initial values of a cluster that --cluster-init creates.
 * The text of every row is kept beside the parsed value; string fields point to it. */

#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "base/buf.h"

enum config_kind {
    CONFIG_BOOL,   /* bool */
    CONFIG_INT,    /* int64_t */
    CONFIG_MEMORY, /* int64_t, "64mb"; with CONFIG_PERCENT also "5%" (negative then) */
    CONFIG_STRING, /* const char * */
    CONFIG_ENUM,   /* int64_t: position in choices; several words if CONFIG_WORDS */
    CONFIG_SPECIAL /* checked and put into the canonical form by .check, assigned by .assign */
};

enum config_flags {
    CONFIG_FIXED = 1 << 0,      /* not by CONFIG SET */
    CONFIG_PROTECTED = 1 << 1,  /* not by CONFIG SET: "protected" */
    CONFIG_REMEMBERED = 1 << 2, /* no effect here */
    CONFIG_WORDS = 1 << 3,      /* takes any number of words */
    CONFIG_PERCENT = 1 << 4,
    CONFIG_SECRET = 1 << 5,     /* CONFIG GET shows nothing of it */
    CONFIG_ALIAS = 1 << 6,      /* an older name of the row before it */
    CONFIG_HIDDEN = 1 << 7,     /* CONFIG GET shows it by its name alone */
};

enum debug_command { DEBUG_COMMAND_NO, DEBUG_COMMAND_LOCAL, DEBUG_COMMAND_YES };
enum client_class { CLIENT_NORMAL, CLIENT_REPLICA, CLIENT_PUBSUB, CLIENT_CLASSES };

struct output_limit {
    uint64_t hard_bytes, soft_bytes, soft_seconds; /* 0 = none */
};

/* Redis 7.0 shows 192 parameters; some of ours come on top. */
#define CONFIG_ROWS_MAX 256
#define CONFIG_LINE_MAX 1024 /* of the file; longer ones are refused, as Redis does */
#define CONFIG_WORDS_MAX 128 /* of one directive */

struct config_initial {
    char *name, *value;
};

struct config {
    /* network */
    const char *bind;
    int64_t port, peer_port; /* peer_port 0: port + 10000 */
    const char *announce_host;
    int64_t announce_port, announce_peer_port; /* 0: as port, peer_port */
    const char *announce_http_host; /* "": announce_host */
    int64_t http_port, announce_http_port; /* 0: none; as http_port */
    const char *http_bind; /* "": as bind */
    const char *http_dir;  /* "": the installed one */
    bool chaos;            /* faults may be ordered over HTTP */
    const char *chaos_socket; /* where the keeper listens (utils/keeper.c); "": there is none */
    int64_t tcp_backlog, tcp_keepalive, timeout, maxclients, tracking_table_max_keys;
    int64_t maxmemory_clients; /* < 0: percent of maxmemory */
    bool protected_mode;
    struct output_limit output_limits[CLIENT_CLASSES];
    int64_t query_buffer_limit;
    /* files and log */
    const char *dir, *logfile, *pidfile, *raft_trace, *archive_dir;
    int64_t loglevel; /* debug verbose notice warning */
    bool daemonize;   /* refused */
    /* cluster */
    bool cluster_init;
    const char *cluster_secret, *cluster_secret_file;
    int64_t tick_ms, heartbeat_ticks, election_ticks, lease_ms;
    int64_t replace_dead_after_ms, digest_every, archive_interval, backup_rate, snapshot_rate;
    const char *peer_hints;
    int64_t feature_level; /* 0, or for tests: that of another build */
    bool auto_heal;
    bool read_lease;
    int64_t quorum_wait_ms;
    /* storage */
    int64_t cache_size, flush_log_bytes, flush_interval, disk_reserve, log_keep;
    /* the rest */
    int64_t loops;
    int64_t enable_debug_command;
    int64_t busy_reply_threshold; /* ms; 0: never */
    int64_t slowlog_log_slower_than, slowlog_max_len, acllog_max_len;
    int64_t latency_threshold_ms; /* 0 = nothing is watched */
    bool latency_tracking;

    char *text[CONFIG_ROWS_MAX]; /* of row n, canonical; owned */
    char *file;                  /* absolute path, NULL = none */
    struct config_initial *initial; /* replicated settings of file and command line */
    size_t initial_count;
};

struct config_row {
    const char *name;
    uint8_t kind;
    uint8_t flags;
    const char *text; /* default */
    int64_t min, max;
    const char *const *choices; /* CONFIG_ENUM; ends with NULL */
    size_t field;               /* offset in struct config; unused if CONFIG_REMEMBERED */
    /* CONFIG_SPECIAL: appends the canonical form; false: *e says why not. */
    bool (*check)(struct bytes value, struct buf *canonical, struct error *e);
    void (*assign)(struct config *c, const char *canonical);
};

void config_init(struct config *c); /* all defaults */
void config_clear(struct config *c);

/* The n-th row, NULL behind the last. */
const struct config_row *config_row_at(size_t n);
/* By name or alias, case ignored. NULL: there is none. */
const struct config_row *config_find(struct bytes name);
/* The row that holds the value: of an alias, that of its name. */
size_t config_row_number(const struct config_row *row);

/* Checks value for row; the canonical form replaces *canonical. STATUS_INVALID in Redis's words. */
enum status config_check(const struct config_row *row, struct bytes value, struct buf *canonical,
                         struct error *e) MUST_CHECK;
/* Takes a checked, canonical value. */
void config_assign(struct config *c, const struct config_row *row, struct bytes canonical);
const char *config_text(const struct config *c, const struct config_row *row);

/* --- file and command line (config_file.c) ---------------------------------------------------- */

/* The words of a line: as Redis, blanks between, "..." with \n \r \t \b \a \xHH, '...' with \'.
 * Each is appended to *words (owned by the caller) with its size as le32 before it. false: quotes
 * do not match. */
bool config_split(struct bytes line, struct buf *words, size_t *count);

/* One directive with its values, at start-up. where is for the text: "avow.conf:7". */
enum status config_directive(struct config *c, const struct bytes *words, size_t count,
                             const char *where, struct error *e) MUST_CHECK;
enum status config_read_file(struct config *c, const char *path, struct error *e) MUST_CHECK;

/* argv behind the program's name: an optional file, then --directive value ... */
enum status config_read_arguments(struct config *c, int argc, char **argv,
                                  struct error *e) MUST_CHECK;

/* What one row alone cannot tell: ports, ticks, secrets. */
enum status config_finish(struct config *c, struct error *e) MUST_CHECK;

/* The highest feature level that this node lets others and itself believe to know. */
uint32_t config_level_max(const struct config *c);

/* CONFIG REWRITE: keeps the file's lines and comments, replaces what changed, appends the new. */
enum status config_rewrite(const struct config *c, struct error *e) MUST_CHECK;

#endif
