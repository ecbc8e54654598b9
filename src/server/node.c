#define _GNU_SOURCE /* pthread_setname_np */
#include "server/node.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/keyspace.h"
#include "kv/disk.h"
#include "kv/kv.h"
#include "kv/state_store.h"
#include "node/consensus.h"
#include "node/lease.h"
#include "server/chaos.h"
#include "server/config.h"
#include "server/log_writer.h"
#include "server/loop.h"
#include "server/peer.h"
#include "server/raft_trace_file.h"
#include "server/token.h"
#include "server/sights.h"
#include "server/urgent.h"
#include "server/workers.h"

/* Blocks of the state's files: filters, indexes (3 MiB for a million keys), what walks read. What
 * is read by key stays as rows, which take less. */
#define BLOCK_CACHE_SHARE 8 /* of cache-size, beside it */
#define BLOCK_CACHE_MIN ((size_t)4 << 20)

struct node {
    struct node_options options;
    const struct config *config;
    struct disk_lock *lock;
    struct log_store *log;
    struct state_store *state;
    uint64_t boot;
    bool is_new;
    struct mailbox *to_consensus, *to_shard;
    struct lease lease;
    struct log_writer *log_writer;
    struct workers *workers;
    struct workers_client *data_work, *consensus_work;
    struct clock_port clock;
    struct shard *shard;

    /* the consensus loop's */
    struct loop *loop; /* loops 1: the data loop's */
    struct peers *peers;
    struct consensus *consensus;
    struct raft_trace_file *trace;
    pthread_t thread;
    bool has_thread;
    atomic_bool ends;
    atomic_uint_fast64_t turn_us; /* of the consensus loop's thread: the longest of late */
    atomic_uint_fast64_t turned_us; /* when its last turn began (boot) */

    uint8_t session_key[NODE_KEY_SIZE];
    struct sights *sights;
    struct chaos chaos;

    /* written by the consensus loop before is_introduced, read by the data loop after it */
    struct log_identity identity;
    atomic_bool is_introduced;
    atomic_bool wants_restart; /* digest.h: it is to be wiped */
    atomic_bool is_outdated;   /* the cluster's feature level is above this build's */
};

/* --- clock ------------------------------------------------------------------------------------ */

static uint64_t port_wall_ms(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static uint64_t port_boot_us(void *context)
{
    (void)context;
    return clock_boot_us();
}

static uint64_t seed(void)
{
    uint64_t value;
    prng_secret(&value, sizeof(value));
    return value;
}

/* --- directory and identity ------------------------------------------------------------------- */

static enum status open_directory(struct node *n, struct error *e)
{
    const char *dir = n->config->dir;
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return fail(e, STATUS_IO, "cannot make the directory %s: %s", dir, strerror(errno));
    struct stat info;
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode))
        return fail(e, STATUS_IO, "%s is not a directory", dir);
    if (access(dir, R_OK | W_OK | X_OK) != 0)
        return fail(e, STATUS_IO, "cannot write to the directory %s: %s", dir, strerror(errno));
    return disk_lock(dir, &n->lock, e);
}

/* Files in the directory, which outlive a start: why it is quarantined; that it is to be wiped;
 * that it has been, and must not make a new cluster in spite of cluster-init. */
#define QUARANTINE_FILE "quarantined"
#define HEAL_FILE "heal"
#define HEALED_FILE "healed"

static bool has_file(const struct node *n, const char *name)
{
    char path[DISK_PATH_MAX];
    struct error e;
    return disk_join(path, n->config->dir, name, &e) == STATUS_OK && access(path, F_OK) == 0;
}

static void write_file(const struct node *n, const char *name, const char *text)
{
    char path[DISK_PATH_MAX];
    struct error e;
    enum status status = disk_join(path, n->config->dir, name, &e);
    if (status == STATUS_OK)
        status = disk_replace(disk_real(), path, bytes_from_string(text), &e);
    if (status != STATUS_OK)
        panic("cannot write %s: %s", name, e.text);
}

/* Log and state go together (§6.4); a crash on the way: the next start goes on with it. */
static enum status wipe_if_asked(struct node *n, struct error *e)
{
    static const char *const names[] = {"log", "state", "log.mark", QUARANTINE_FILE, HEAL_FILE};
    if (!has_file(n, HEAL_FILE))
        return STATUS_OK;
    log_warn("server", "wiping this node, to come back as a new one", "dir=%s", n->config->dir);
    write_file(n, HEALED_FILE, "cluster-init has no effect here any more\n");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[DISK_PATH_MAX];
        enum status status = disk_join(path, n->config->dir, names[i], e);
        if (status == STATUS_OK)
            status = disk_remove(disk_real(), path, e);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* --cluster-init on an empty directory: node 1 of a new cluster. */
static enum status identify_new(struct node *n, struct error *e)
{
    struct log_identity identity = {.node_id = 1, .incarnation = seed() | 1};
    prng_secret(identity.cluster_id, sizeof(identity.cluster_id));
    memcpy(identity.hash_key, identity.cluster_id, sizeof(identity.hash_key));
    const enum status status = log_store_identify(n->log, &identity, e);
    if (status != STATUS_OK)
        return status;
    n->identity = identity;
    n->is_new = true;
    return STATUS_OK;
}

static bool makes_cluster(const struct node *n)
{
    return n->config->cluster_init && !has_file(n, HEALED_FILE);
}

/* A damaged state goes, the log stays (§6.4): replayed from its beginning, or else a snapshot of
 * another member makes the state anew. Nothing is thrown away that nobody else has. */
static enum status drop_state(struct node *n, const struct state_store_options *state,
                              const struct log_recovered *recovered, struct error *e)
{
    if (recovered->base_index > 0 && !consensus_state_is_elsewhere(recovered)) {
        const struct error cause = *e;
        return fail(e, STATUS_CORRUPT, "%.220s. No other member has the state: look at it with"
                    " avow-check, or restore a backup", cause.text);
    }
    log_error("server", "the state is damaged and dropped, log and votes are sound: it is made"
              " anew", "error=\"%s\"", e->text);
    const enum status status = state_store_discard(state, e);
    return status == STATUS_OK ? state_store_open(state, &n->state, e) : status;
}

static enum status open_stores(struct node *n, struct log_recovered *recovered, struct error *e)
{
    const struct log_store_options log = {.disk = disk_real(), .dir = n->config->dir};
    const struct state_store_options state = {
        .disk = disk_real(), .dir = n->config->dir,
        .block_cache_bytes = MAX((size_t)n->config->cache_size / BLOCK_CACHE_SHARE,
                                 BLOCK_CACHE_MIN)};
    enum status status = log_store_open(&log, &n->log, recovered, e);
    if (status == STATUS_OK)
        status = state_store_open(&state, &n->state, e);
    if (status == STATUS_CORRUPT && n->log != NULL)
        status = drop_state(n, &state, recovered, e);
    if (status != STATUS_OK)
        return status;
    n->identity = recovered->identity;
    n->boot = recovered->boot;
    if (n->identity.node_id == 0 && makes_cluster(n)) {
        status = identify_new(n, e);
        recovered->identity = n->identity;
    }
    atomic_store(&n->is_introduced, n->identity.node_id != 0);
    return status;
}

/* --- the cluster's secret --------------------------------------------------------------------- */

static enum status read_secret(const char *path, char secret[static PEER_SECRET_MAX],
                               struct error *e)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return fail(e, STATUS_IO, "cannot open the cluster's secret %s: %s", path, strerror(errno));
    size_t size = fread(secret, 1, PEER_SECRET_MAX, f);
    fclose(f);
    while (size > 0 && (secret[size - 1] == '\n' || secret[size - 1] == '\r' ||
                        secret[size - 1] == ' '))
        size--;
    if (size == 0 || size >= PEER_SECRET_MAX)
        return fail(e, STATUS_INVALID, "the cluster's secret in %s must have 1 to %d bytes", path,
                    PEER_SECRET_MAX - 1);
    secret[size] = '\0';
    return STATUS_OK;
}

static enum status make_secret(const char *path, char secret[static PEER_SECRET_MAX],
                               struct error *e)
{
    uint8_t random[32];
    prng_secret(random, sizeof(random));
    struct buf text = {0};
    for (size_t i = 0; i < sizeof(random); i++)
        buf_printf(&text, "%02x", random[i]);
    buf_append_u8(&text, '\n');
    const enum status status = disk_replace(disk_real(), path, buf_bytes(&text), e);
    buf_clear(&text);
    if (status != STATUS_OK)
        return status;
    if (chmod(path, 0600) != 0)
        return fail(e, STATUS_IO, "cannot protect %s: %s", path, strerror(errno));
    log_info("server", "made a secret for the cluster", "file=%s (other nodes need a copy)", path);
    return read_secret(path, secret, e);
}

/* From the settings; else the one in the directory, which a new cluster makes. */
static enum status find_secret(struct node *n, char secret[static PEER_SECRET_MAX], struct error *e)
{
    const struct config *config = n->config;
    if (*config->cluster_secret != '\0') {
        if (strlen(config->cluster_secret) >= PEER_SECRET_MAX)
            return fail(e, STATUS_INVALID, "cluster-secret is longer than %d bytes",
                        PEER_SECRET_MAX - 1);
        strcpy(secret, config->cluster_secret);
        return STATUS_OK;
    }
    if (*config->cluster_secret_file != '\0')
        return read_secret(config->cluster_secret_file, secret, e);
    char path[DISK_PATH_MAX];
    if (disk_join(path, config->dir, "secret", e) != STATUS_OK)
        return STATUS_INVALID;
    if (access(path, F_OK) == 0)
        return read_secret(path, secret, e);
    if (n->is_new)
        return make_secret(path, secret, e);
    return fail(e, STATUS_INVALID, "set cluster-secret-file (or cluster-secret): it must be the "
                                   "same on all nodes of the cluster; or --cluster-init to make a "
                                   "new cluster");
}

/* --- shard ------------------------------------------------------------------------------------ */

static enum status open_shard(struct node *n, struct error *e)
{
    const struct config *config = n->config;
    struct shard_options options = {
        .self = n->identity.node_id,
        .boot = n->boot,
        .store = n->state,
        .cache_bytes = (size_t)config->cache_size,
        .inbox = n->to_shard,
        .outbox = n->to_consensus,
        .clock = n->clock,
        .workers = workers_client_port(n->data_work),
        .host = n->options.host,
        .context = n->options.context,
        .quorum_wait_ms = (uint64_t)config->quorum_wait_ms,
        .flush_log_bytes = (uint64_t)config->flush_log_bytes,
        .flush_interval_ms = (uint64_t)config->flush_interval * 1000,
        .disk = disk_real(),
        .dir = config->dir,
        .disk_reserve = (uint64_t)config->disk_reserve,
        .digest_every = (uint64_t)config->digest_every,
        .seed = seed(),
        .lease = config->read_lease ? &n->lease : NULL,
        .level_max = config_level_max(config),
    };
    memcpy(options.hash_key, n->identity.hash_key, sizeof(options.hash_key));
    return shard_open(&options, &n->shard, e);
}

struct shard *node_shard(struct node *n)
{
    if (n->shard == NULL && atomic_load(&n->is_introduced)) {
        struct error e;
        if (open_shard(n, &e) != STATUS_OK)
            panic("cannot open the shard: %s", e.text);
        log_info("server", "introduced to a cluster", "node=%llu",
                 (unsigned long long)n->identity.node_id);
    }
    return n->shard;
}

/* --- consensus -------------------------------------------------------------------------------- */

/* In a turn of the consensus loop. */
static void introduced(void *context, const struct log_identity *identity)
{
    struct node *n = context;
    n->identity = *identity;
    peers_identify(n->peers, identity);
    atomic_store(&n->is_introduced, true);
    loop_wake(n->options.loop);
}

static void quarantined(void *context, const char *why)
{
    write_file(context, QUARANTINE_FILE, why);
}

/* The process starts anew, and wipes the directory before it opens it. */
static void heal(void *context)
{
    struct node *n = context;
    write_file(n, HEAL_FILE, "state and log are to be wiped\n");
    atomic_store(&n->wants_restart, true);
    loop_wake(n->options.loop);
}

bool node_wants_restart(const struct node *n)
{
    return atomic_load(&n->wants_restart);
}

static void outdated(void *context)
{
    struct node *n = context;
    atomic_store(&n->is_outdated, true);
    loop_wake(n->options.loop);
}

bool node_is_outdated(const struct node *n)
{
    return atomic_load(&n->is_outdated);
}

static void wake(void *context)
{
    (void)context; /* the loop's wait ends with any event, and a turn follows */
}

static struct peer_address own_address(const struct config *config)
{
    struct peer_address address = {{0}, 0};
    const int64_t port = config->announce_peer_port != 0 ? config->announce_peer_port
                                                         : config->peer_port;
    snprintf(address.host, sizeof(address.host), "%s", config->announce_host);
    address.port = (uint16_t)port;
    return address;
}

/* The first address of bind that is not a wildcard; "" = all interfaces. */
static void bind_host(const struct config *config, char host[static HOST_MAX])
{
    const size_t size = strcspn(config->bind, " ");
    snprintf(host, HOST_MAX, "%.*s", (int)size, config->bind);
    if (strcmp(host, "*") == 0 || strcmp(host, "-::*") == 0)
        *host = '\0';
}

static enum status open_peers(struct node *n, struct error *e)
{
    char secret[PEER_SECRET_MAX] = "", host[HOST_MAX];
    enum status status = find_secret(n, secret, e);
    bind_host(n->config, host);
    if (status == STATUS_OK) {
        const struct peers_options options = {
            .base = loop_base(n->loop),
            .identity = n->identity,
            .secret = secret,
            .bind_host = host,
            .bind_port = (uint16_t)n->config->peer_port,
            .hints = n->config->peer_hints,
            .announce = own_address(n->config),
            .chaos = &n->chaos,
            .build = {.level = config_level_max(n->config), .version = PACKAGE_VERSION},
            .seed = seed(),
            .wake = wake,
            .context = n,
        };
        status = peers_open(&options, &n->peers, e);
    }
    token_key(secret, n->session_key);
    explicit_bzero(secret, sizeof(secret));
    return status;
}

static enum status open_consensus(struct node *n, const struct log_recovered *recovered,
                                  struct error *e)
{
    const struct config *config = n->config;
    if (*config->raft_trace != '\0' &&
        raft_trace_file_open(config->raft_trace, &n->trace, e) != STATUS_OK)
        return STATUS_IO;
    struct consensus_options options = {
        .log = n->log,
        .state = n->state,
        .log_keep_bytes = (uint64_t)config->log_keep,
        .backup_rate = (uint64_t)config->backup_rate,
        .snapshot_rate = (uint64_t)config->snapshot_rate,
        .archive_dir = config->archive_dir,
        .archive_interval_ms = (uint64_t)config->archive_interval * 1000,
        .recovered = recovered,
        .inbox = n->to_consensus,
        .outbox = n->to_shard,
        .clock = n->clock,
        .transport = peers_transport(n->peers),
        .log_writer = log_writer_port(n->log_writer),
        .workers = workers_client_port(n->consensus_work),
        .trace = raft_trace_file_port(n->trace),
        .tick_ms = (uint32_t)config->tick_ms,
        .heartbeat_ticks = (uint32_t)config->heartbeat_ticks,
        .election_ticks = (uint32_t)config->election_ticks,
        .lease_ms = config->read_lease ? (uint32_t)config->lease_ms : 0,
        .replace_dead_ms = (uint64_t)config->replace_dead_after_ms,
        .seed = seed(),
        .lease = config->read_lease ? &n->lease : NULL,
        .disk = disk_real(),
        .dir = config->dir,
        .disk_reserve = (uint64_t)config->disk_reserve,
        .level_max = config_level_max(config),
        .self = own_address(config),
        .sight = sights_port(n->sights),
        .cluster_init = makes_cluster(n),
        .auto_heal = config->auto_heal,
        .is_quarantined = has_file(n, QUARANTINE_FILE),
        .introduced = introduced,
        .quarantined = quarantined,
        .heal = heal,
        .outdated = outdated,
        .context = n,
    };
    if (n->shard != NULL) {
        struct keyspace *k = shard_keyspace(n->shard);
        const struct applied applied = keyspace_applied(k);
        options.applied_index = applied.index;
        options.applied_term = applied.term;
        options.applied_clock_ms = applied.clock_ms;
        options.applied_config = machine_config(shard_machine(n->shard));
    }
    const enum status status = consensus_open(&options, &n->consensus, e);
    if (status == STATUS_OK)
        peers_attach(n->peers, n->consensus);
    return status;
}

static enum status open_all(struct node *n, struct log_recovered *recovered, struct error *e)
{
    enum status status = open_directory(n, e);
    if (status == STATUS_OK)
        status = wipe_if_asked(n, e);
    if (status == STATUS_OK)
        status = open_stores(n, recovered, e);
    if (status != STATUS_OK)
        return status;
    n->workers = workers_start();
    n->data_work = workers_client_new(n->workers);
    n->consensus_work = workers_client_new(n->workers);
    n->log_writer = log_writer_start(n->log, n->to_consensus);
    log_writer_obey(n->log_writer, &n->chaos);
    loop_watch(n->options.loop, mailbox_fd(n->to_shard));
    loop_watch(n->options.loop, workers_client_fd(n->data_work));
    n->loop = n->options.loop;
    if (n->config->loops == 2) {
        status = loop_new(&n->loop, e);
        if (status != STATUS_OK)
            return status;
    }
    loop_watch(n->loop, mailbox_fd(n->to_consensus));
    loop_watch(n->loop, workers_client_fd(n->consensus_work));
    status = open_peers(n, e);
    if (status == STATUS_OK && n->identity.node_id != 0)
        status = open_shard(n, e);
    if (status == STATUS_OK)
        status = open_consensus(n, recovered, e);
    return status;
}

enum status node_open(const struct node_options *options, struct node **node, struct error *e)
{
    struct node *n = xcalloc(1, sizeof(*n));
    n->sights = sights_new();
    n->options = *options;
    n->config = options->config;
    n->clock = (struct clock_port){NULL, port_wall_ms, port_boot_us};
    lease_init(&n->lease);
    n->to_consensus = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    n->to_shard = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    struct log_recovered recovered = {0};
    const enum status status = open_all(n, &recovered, e);
    log_recovered_clear(&recovered);
    if (status == STATUS_OK)
        *node = n;
    else
        node_close(n);
    return status;
}

/* --- running ---------------------------------------------------------------------------------- */

uint64_t node_consensus_turn(struct node *n)
{
    workers_client_run(n->consensus_work);
    const uint64_t due_us = consensus_turn(n->consensus);
    peers_flush(n->peers);
    return due_us;
}

static bool consensus_sleep(struct node *n)
{
    const bool mail = mailbox_sleep(n->to_consensus);
    const bool work = workers_client_sleep(n->consensus_work);
    return mail && work;
}

static void consensus_awake(struct node *n)
{
    mailbox_awake(n->to_consensus);
    workers_client_awake(n->consensus_work);
}

static void *consensus_main(void *context)
{
    struct node *n = context;
    pthread_setname_np(pthread_self(), "consensus");
    urgent_thread(); /* heartbeats and votes: an election is dearer than what waits for them */
    while (!atomic_load(&n->ends)) {
        const uint64_t began_us = clock_boot_us();
        atomic_store_explicit(&n->turned_us, began_us, memory_order_relaxed);
        const uint64_t due_us = node_consensus_turn(n);
        const uint64_t took_us = clock_boot_us() - began_us;
        if (took_us > atomic_load_explicit(&n->turn_us, memory_order_relaxed))
            atomic_store_explicit(&n->turn_us, took_us, memory_order_relaxed);
        loop_wait(n->loop, consensus_sleep(n) ? due_us : 0);
        consensus_awake(n);
    }
    return NULL;
}

void node_start(struct node *n)
{
    if (n->config->loops != 2)
        return;
    sigset_t all, old;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int failed = pthread_create(&n->thread, NULL, consensus_main, n);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed != 0)
        panic("cannot start the consensus thread: %s", strerror(failed));
    n->has_thread = true;
}

void node_run_workers(struct node *n)
{
    workers_client_run(n->data_work);
}

bool node_sleep(struct node *n, bool awaited)
{
    const bool dozes = !awaited && n->shard != NULL && !shard_is_awaited(n->shard);
    const bool mail = dozes ? mailbox_doze(n->to_shard) : mailbox_sleep(n->to_shard);
    const bool work = workers_client_sleep(n->data_work);
    const bool other = n->has_thread || consensus_sleep(n);
    return mail && work && other;
}

void node_awake(struct node *n)
{
    mailbox_awake(n->to_shard);
    workers_client_awake(n->data_work);
    if (!n->has_thread)
        consensus_awake(n);
}

void node_close(struct node *n)
{
    if (n == NULL)
        return;
    if (n->has_thread) {
        atomic_store(&n->ends, true);
        loop_wake(n->loop);
        pthread_join(n->thread, NULL);
    }
    if (n->log_writer != NULL)
        log_writer_stop(n->log_writer);
    if (n->workers != NULL) {
        workers_stop(n->workers);
        workers_client_run(n->data_work);
    }
    if (n->consensus != NULL) {
        peers_attach(n->peers, NULL);
        consensus_close(n->consensus);
    }
    raft_trace_file_close(n->trace);
    if (n->shard != NULL)
        shard_close(n->shard);
    if (n->peers != NULL)
        peers_close(n->peers);
    if (n->workers != NULL) {
        workers_client_free(n->data_work);
        workers_client_free(n->consensus_work);
        workers_free(n->workers);
    }
    if (n->loop != n->options.loop)
        loop_free(n->loop);
    state_store_close(n->state);
    log_store_close(n->log);
    mailbox_free(n->to_consensus);
    mailbox_free(n->to_shard);
    if (n->lock != NULL)
        disk_unlock(n->lock);
    sights_free(n->sights);
    free(n);
}

/* --- what it is ------------------------------------------------------------------------------- */

uint64_t node_id(const struct node *n)
{
    return atomic_load(&n->is_introduced) ? n->identity.node_id : 0;
}

const struct log_identity *node_identity(const struct node *n)
{
    static const struct log_identity nobody;
    return atomic_load(&n->is_introduced) ? &n->identity : &nobody;
}

void node_settings_changed(struct node *n)
{
    consensus_set_snapshot_rate(n->consensus, (uint64_t)n->config->snapshot_rate);
}

struct chaos *node_chaos(struct node *n)
{
    return &n->chaos;
}

struct sights *node_sights(struct node *n)
{
    return n->sights;
}

const uint8_t *node_session_key(const struct node *n)
{
    return n->session_key;
}

uint64_t node_boot(const struct node *n)
{
    return n->boot;
}

bool node_is_new(const struct node *n)
{
    return n->is_new;
}

uint16_t node_peer_port(const struct node *n)
{
    return peers_port(n->peers);
}

struct log_store *node_log(struct node *n)
{
    return n->log;
}

struct workers_port node_workers(struct node *n)
{
    return workers_client_port(n->data_work);
}

uint64_t node_persisted_us(struct node *n, uint64_t index)
{
    return log_writer_persisted_us(n->log_writer, index);
}

const struct histogram *node_persist(struct node *n)
{
    return log_writer_took(n->log_writer);
}

void node_log_writer_stats(struct node *n, struct log_writer_stats *stats)
{
    log_writer_stats(n->log_writer, stats);
}

struct node_latencies node_take_latencies(struct node *n)
{
    return (struct node_latencies){.sync_us = log_writer_take_recent_us(n->log_writer),
                                   .turn_us = atomic_exchange(&n->turn_us, 0)};
}

uint64_t node_consensus_turned_us(struct node *n)
{
    return atomic_load_explicit(&n->turned_us, memory_order_relaxed);
}

void node_store_stats(struct node *n, struct node_store_stats *stats)
{
    log_store_kv_stats(n->log, &stats->log);
    kv_stats(state_store_kv(n->state), &stats->state, NULL);
}
