#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/keyspace.h"
#include "machine/machine.h"
#include "server/listener.h"
#include "server/local.h"
#include "server/loop.h"
#include "server/node.h"
#include "server/pause.h"
#include "server/pending.h"

#define CRON_US 100000
#define FILES_OF_OURS 512        /* RocksDB, peers, log: beside the clients' */
#define STOP_MAX_US 10000000     /* an orderly end that takes longer is given up */
#define STOP_LOOK_US 10000

/* --- opening ---------------------------------------------------------------------------------- */

static void raise_file_limit(struct server *s)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)s->config.maxclients + FILES_OF_OURS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur >= wanted)
        return;
    struct rlimit raised = {wanted, MAX(limit.rlim_max, wanted)};
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) { /* not root: up to the hard limit */
        raised = (struct rlimit){MIN(wanted, limit.rlim_max), limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) != 0)
            raised.rlim_cur = limit.rlim_cur;
    }
    if (raised.rlim_cur >= wanted)
        return;
    const int64_t possible = raised.rlim_cur > FILES_OF_OURS + 16
                                 ? (int64_t)(raised.rlim_cur - FILES_OF_OURS)
                                 : 16;
    log_warn("server", "maxclients lowered: not enough file descriptors",
             "maxclients=%lld files=%llu (see ulimit -n)", (long long)possible,
             (unsigned long long)raised.rlim_cur);
    s->config.maxclients = possible;
}

static enum status write_pidfile(const struct server *s, struct error *e)
{
    const char *path = s->config.pidfile;
    if (*path == '\0')
        return STATUS_OK;
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return fail(e, STATUS_IO, "cannot write the pidfile %s: %s", path, strerror(errno));
    fprintf(f, "%d\n", (int)getpid());
    if (fclose(f) != 0)
        return fail(e, STATUS_IO, "cannot write the pidfile %s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status server_open(struct server *s, struct error *e)
{
    server_init(s);
    service_open(&s->service);
    raise_file_limit(s);
    if (loop_new(&s->loop, e) != STATUS_OK)
        return STATUS_IO;
    enum status status = listener_open(s, &s->listener, e);
    if (status != STATUS_OK)
        return status;
    const struct node_options options = {&s->config, s->loop, &server_shard_host, s};
    status = node_open(&options, &s->node, e);
    if (status != STATUS_OK)
        return status;
    s->shard = node_shard(s->node);
    return write_pidfile(s, e);
}

void server_close(struct server *s)
{
    conns_close(s);
    listener_close(s->listener);
    node_close(s->node);
    pending_close(s);
    loop_free(s->loop);
    service_close(&s->service);
    server_clear(s);
    if (*s->config.pidfile != '\0')
        unlink(s->config.pidfile);
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* The file's replicated settings are the first thing that a new cluster agrees on. */
static void propose_initial(struct server *s)
{
    s->initial_sent = true;
    const struct config *config = &s->config;
    if (!node_is_new(s->node) || config->initial_count == 0)
        return;
    for (size_t i = 0; i < config->initial_count; i++) {
        const struct bytes args[] = {bytes_from_string(config->initial[i].name),
                                     bytes_from_string(config->initial[i].value)};
        const struct request request = {.kind = REQ_SETTING, .args = args, .arg_count = 2};
        if (!shard_write(s->shard, &request, NULL))
            log_error("server", "could not propose a setting of the file", "name=%s",
                      config->initial[i].name);
    }
}

/* Before that no client is let in: a password is among them. */
static bool initial_applied(const struct server *s)
{
    const struct config *config = &s->config;
    if (!node_is_new(s->node))
        return true;
    for (size_t i = 0; i < config->initial_count; i++) {
        struct bytes value;
        bool is_last = true; /* of several for one name the last counts */
        for (size_t j = i + 1; j < config->initial_count; j++)
            is_last = is_last && strcmp(config->initial[i].name, config->initial[j].name) != 0;
        if (is_last && (!keyspace_setting(shard_keyspace(s->shard), config->initial[i].name,
                                          &value) ||
                        !bytes_equal(value, bytes_from_string(config->initial[i].value))))
            return false;
    }
    return true;
}

/* What Redis's rdb_changes_since_last_save would count: commands not in a flush yet. */
static void look_at_flushes(struct server *s, const struct shard_status *before)
{
    if (s->status.flushes != before->flushes)
        s->changes.saved = s->changes.cut;
    if (s->status.flush_running && !before->flush_running)
        s->changes.cut = s->changes.all;
}

static void look_at_shard(struct server *s)
{
    struct shard_status *status = &s->status;
    const struct shard_status before = *status;
    shard_status(s->shard, status);
    look_at_flushes(s, &before);
    if (status->installs != before.installs) {
        key_changes_note_all(&s->key_changes);
        tracking_flushed(s); /* nobody knows what has changed */
    }
    s->settings = machine_settings(shard_machine(s->shard));
    s->acl = machine_acl(shard_machine(s->shard));
    server_acl_turn(s);
    if (status->ready && !s->initial_sent)
        propose_initial(s);
    if (status->ready && !s->is_ready && initial_applied(s)) {
        s->is_ready = true;
        log_info("server", "ready", "node=%llu leader=%llu applied=%llu",
                 (unsigned long long)node_id(s->node), (unsigned long long)status->leader,
                 (unsigned long long)status->applied_index);
        conns_resume(s);
    }
    if (s->is_full && status->room != ROOM_LATER) {
        s->is_full = false;
        conns_resume(s);
    }
}

static void note_shard_latencies(struct server *s)
{
    static const struct {
        enum latency_event event;
        enum phase phase;
    } phases[] = {{LATENCY_WRITE_QUEUE, PHASE_QUEUE},
                  {LATENCY_WRITE_REPLICATE, PHASE_REPLICATE},
                  {LATENCY_WRITE_APPLY, PHASE_APPLY}};
    server_note_latency(s, LATENCY_EXPIRE_CYCLE, shard_take_expiry_us(s->shard));
    for (size_t i = 0; i < ARRAY_COUNT(phases); i++)
        server_note_latency(s, phases[i].event, shard_take_phase_us(s->shard, phases[i].phase));
}

static void cron(struct server *s)
{
    if (s->now_us < s->next_cron_us)
        return;
    s->next_cron_us = s->now_us + CRON_US;
    ticks_calibrate();
    server_settings_changed(s); /* the rate of ticks is known better */
    stats_sample(&s->stats, s->now_us);
    listener_resume(s->listener);
    conns_cron(s);
    const struct node_latencies took = node_take_latencies(s->node);
    server_note_latency(s, LATENCY_FSYNC, took.sync_us);
    server_note_latency(s, LATENCY_CONSENSUS_LOOP, took.turn_us);
    if (s->shard != NULL)
        note_shard_latencies(s);
    pubsub_cron(s);
    service_turn(&s->service, s);
}

uint64_t server_turn(struct server *s)
{
    s->now_us = clock_boot_us();
    s->now_ms = clock_wall_ms();
    pause_turn(s);
    cron(s);
    node_run_workers(s->node);
    if (s->shard == NULL)
        s->shard = node_shard(s->node);
    if (s->guest.turn != NULL)
        s->guest.turn(s, s->guest.context);
    intake_turn(s);
    bool busy = conns_turn(s);
    listener_turn(s->listener);
    uint64_t due_us = s->next_cron_us;
    pubsub_tell(s);
    http_book_tell(s);
    if (s->shard != NULL) {
        due_us = MIN(due_us, shard_turn(s->shard));
        look_at_shard(s);
    }
    due_us = MIN(due_us, pending_turn(s));
    due_us = MIN(due_us, pause_due_us(s));
    if (!queue_is_empty(&s->ready)) { /* replies have made room for what was waiting */
        conns_turn(s);
        busy = true; /* what came of it is the shard's next turn */
    }
    tracking_turn(s);
    conns_flush(s);
    conns_reap(s);
    arena_reset(&s->arena);
    if (s->config.latency_threshold_ms > 0)
        server_note_latency(s, LATENCY_DATA_LOOP, clock_boot_us() - s->now_us);
    return busy || !queue_is_empty(&s->ready) ? 0 : due_us;
}

/* --- signals and the end ---------------------------------------------------------------------- */

static volatile sig_atomic_t signals_seen;
static struct loop *signal_loop;

static void on_signal(int number)
{
    (void)number;
    if (++signals_seen > 1)
        _exit(1); /* asked twice: at once */
    loop_wake(signal_loop);
}

static void handle_signals(struct server *s)
{
    struct sigaction action = {.sa_handler = on_signal};
    signal_loop = s->loop;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
        panic("sigaction failed");
    action.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &action, NULL) != 0 || sigaction(SIGHUP, &action, NULL) != 0)
        panic("sigaction failed");
}

void server_stop(struct server *s)
{
    if (s->is_stopping)
        return;
    s->is_stopping = true;
    log_info("server", "stopping", "signals=%d", (int)signals_seen);
    service_stopping(&s->service);
    if (s->shard != NULL)
        shard_stop(s->shard);
    else
        s->has_stopped = true;
}

static void announce(const struct server *s)
{
    log_info("server", "listening", "port=%d peer_port=%u dir=%s", (int)s->config.port,
             node_peer_port(s->node), s->config.dir);
    if (node_id(s->node) == 0)
        log_info("server", "waiting to be introduced to a cluster",
                 "on a member: RAFT ADD <this host>:%u", node_peer_port(s->node));
    else
        log_info("server", "member", "cluster=%016llx node=%llu boot=%llu",
                 (unsigned long long)log_identity_name(node_identity(s->node)),
                 (unsigned long long)node_id(s->node), (unsigned long long)node_boot(s->node));
}

/* false: something has come, do not wait. */
static bool server_sleep(struct server *s)
{
    const bool listens = s->pubsub.subscriptions > 0 || s->tracking.clients > 0;
    const bool node = node_sleep(s->node, listens);
    const bool guest = s->guest.turn == NULL || s->guest.sleep(s->guest.context);
    return node && guest;
}

static void server_awake(struct server *s)
{
    node_awake(s->node);
    if (s->guest.turn != NULL)
        s->guest.awake(s->guest.context);
}

/* One wait and one turn; with one loop, of both halves. */
static void step(struct server *s, uint64_t *due_us)
{
    loop_wait(s->loop, server_sleep(s) ? *due_us : 0);
    server_awake(s);
    if (s->config.loops == 1)
        node_consensus_turn(s->node);
    *due_us = server_turn(s);
    if (s->config.loops == 1)
        *due_us = MIN(*due_us, node_consensus_turn(s->node));
}

void server_run(struct server *s)
{
    server_use_large_pages();
    handle_signals(s);
    announce(s);
    node_start(s->node);
    uint64_t due_us = 0;
    while (signals_seen == 0 && !s->is_stopping && !node_wants_restart(s->node) &&
           !node_is_outdated(s->node))
        step(s, &due_us);
    s->is_outdated = node_is_outdated(s->node);
    s->wants_restart = node_wants_restart(s->node);
    if (s->wants_restart)
        return; /* what it has is worth nothing */
    const uint64_t deadline_us = clock_boot_us() + STOP_MAX_US;
    server_stop(s);
    bool is_flushed = false;
    while (!(s->has_stopped && (is_flushed || s->status.flush_failed)) &&
           clock_boot_us() < deadline_us) {
        due_us = MIN(due_us, clock_boot_us() + STOP_LOOK_US);
        step(s, &due_us);
        is_flushed = s->has_stopped && (s->shard == NULL || shard_flush(s->shard));
    }
    if (!s->has_stopped)
        log_warn("server", "leadership was not handed over in time", "waited_ms=%d",
                 STOP_MAX_US / 1000);
    log_info("server", "stopped", "flushed=%s", is_flushed ? "yes" : "no");
}
