/* sim_node.c -- one simulated node: its ports, its turns, its starts and its deaths. */

#include "sim/sim.h"

#include <stdlib.h>

#include "machine/machine.h"
#include "node/block.h"

#define SYNC_MIN_US 100
#define SYNC_MAX_US 1500
#define JOB_MAX_US 2000
#define LONG_JOBS 50
#define TURN_MAX_US 60
#define LARGE_WORKLOAD 3 /* in sim_client.c: megabytes of state */
#define PANIC_RESTART_MAX_US 500000

struct sim_log_job {
    struct queue_node link;
    const struct log_job *job;
    uint64_t id;
};

struct sim_job {
    struct sim_event event;
    struct sim_node *node;
    struct job *job;
    uint64_t life, done_us;
    bool worked;
};

/* --- running a node's code: a panic in it ends the node, not the run -------------------------- */

/* A node may give up over a disk that fails, and over nothing else: never over a broken CHECK. */
static void on_panic(void *context, const char *message)
{
    struct sim *s = context;
    struct sim_node *n = s->running;
    if (n == NULL)
        return; /* the simulator's own fault: abort */
    if (!n->dying || strstr(message, "check failed") != NULL)
        sim_fail(s, "node %u panicked: %s", n->position + 1, message);
    else
        sim_trace(s, "node %u gives up: %s", n->position + 1, message);
    longjmp(s->panic_exit, 1);
}

void sim_node_enter(struct sim *s, struct sim_node *n)
{
    CHECK(s->running == NULL);
    panic_set_hook(on_panic, s);
    s->running = n;
}

/* What the node had in memory is lost with it: nothing of it can be trusted to be freed. */
void sim_node_panicked(struct sim *s, struct sim_node *n)
{
    s->running = NULL;
    s->panics++;
    n->dying = false;
    n->consensus = NULL;
    n->shard = NULL;
    n->log = NULL;
    n->store = NULL;
    sim_node_crash(s, n, KV_MEM_KILL);
    sim_at(s, &n->restart, 1000 + sim_random(s, PANIC_RESTART_MAX_US));
}

/* --- clock ------------------------------------------------------------------------------------ */

static uint64_t node_boot_us(void *node)
{
    const struct sim_node *n = node;
    const int64_t drift = (int64_t)(n->sim->now_us / 1000) * n->drift_ppm / 1000;
    return (uint64_t)((int64_t)n->sim->now_us + drift + 1000000);
}

static uint64_t node_wall_ms(void *node)
{
    const struct sim_node *n = node;
    return (uint64_t)((int64_t)(n->sim->now_us / 1000) + 1700000000000 + n->wall_offset_ms);
}

/* --- log writer ------------------------------------------------------------------------------- */

/* Writes all that is queued as one synced write; *id is the newest. */
static bool write_queue(struct sim_node *n, uint64_t *id)
{
    struct log_write writes[256];
    size_t count = 0;
    struct queue_node *node;
    while (count < ARRAY_COUNT(writes) && (node = queue_pop_front(&n->log_queue)) != NULL) {
        struct sim_log_job *j = container_of(node, struct sim_log_job, link);
        writes[count++] = *j->job->write;
        *id = j->id;
        free(j);
    }
    struct error e;
    return count == 0 || log_store_write(n->log, writes, count, &e) == STATUS_OK;
}

static void log_done(struct sim *s, struct sim_event *event)
{
    struct sim_node *n = container_of(event, struct sim_node, log_done);
    if (!n->up || queue_is_empty(&n->log_queue))
        return;
    if (n->paused) {
        sim_at(s, event, 1000);
        return;
    }
    uint64_t id = 0;
    SIM_RUN_NODE(s, n, if (!write_queue(n, &id)) panic("the log cannot be written"));
    if (!n->up)
        return;
    const struct consensus_mail mail = {.kind = MAIL_PERSISTED, .id = id};
    CHECK(mailbox_send(n->to_consensus, &mail));
    sim_node_wake(s, n);
    if (!queue_is_empty(&n->log_queue))
        sim_at(s, event, SYNC_MIN_US + sim_random(s, SYNC_MAX_US) + n->disk_slow_us);
}

static enum submitted log_submit(void *context, const struct log_job *job, bool in_place)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    if (in_place && queue_is_empty(&n->log_queue)) {
        struct error e;
        if (log_store_write(n->log, job->write, 1, &e) != STATUS_OK)
            panic("the log cannot be written: %s", e.text);
        return SUBMIT_DONE;
    }
    const bool idle = queue_is_empty(&n->log_queue);
    struct sim_log_job *j = xcalloc(1, sizeof(*j));
    j->job = job;
    j->id = job->id;
    queue_push_back(&n->log_queue, &j->link);
    if (idle)
        sim_at(s, &n->log_done, SYNC_MIN_US + sim_random(s, SYNC_MAX_US) + n->disk_slow_us);
    return SUBMIT_QUEUED;
}

/* --- workers ---------------------------------------------------------------------------------- */

static void job_step(struct sim *s, struct sim_event *event)
{
    struct sim_job *j = container_of(event, struct sim_job, event);
    struct sim_node *n = j->node;
    if (!n->up || n->life != j->life) {
        free(j);
        return;
    }
    if (n->paused) {
        sim_at(s, event, 1000);
        return;
    }
    if (!j->worked) {
        j->worked = true;
        SIM_RUN_NODE(s, n, j->job->work(j->job));
        sim_at(s, event, j->done_us > s->now_us ? j->done_us - s->now_us : 0);
        return;
    }
    SIM_RUN_NODE(s, n, j->job->done(j->job));
    free(j);
    sim_node_wake(s, n);
}

/* A worker runs its jobs one after the other: each has its time from the first free moment on. */
static void job_submit(void *context, enum worker worker, struct job *job)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    struct sim_job *j = xcalloc(1, sizeof(*j));
    j->event.happen = job_step;
    j->event.owns_memory = true;
    j->node = n;
    j->job = job;
    j->life = n->life;
    const uint64_t begin_us = MAX(s->now_us, n->worker_free_us[worker]);
    const uint64_t max_us = sim_random(s, LONG_JOBS) == 0 ? SIM_LONG_JOB_US : JOB_MAX_US;
    const uint64_t work_us = begin_us + sim_random(s, max_us);
    j->done_us = work_us + sim_random(s, max_us);
    n->worker_free_us[worker] = j->done_us + 1;
    sim_at(s, &j->event, work_us - s->now_us);
}

/* --- turns ------------------------------------------------------------------------------------ */

static void turn_at(struct sim *s, struct sim_node *n, struct sim_event *turn, uint64_t boot_us)
{
    const uint64_t now = node_boot_us(n);
    const uint64_t delay = boot_us > now ? boot_us - now : 0;
    sim_at(s, turn, MIN(delay, 10000000) + sim_random(s, TURN_MAX_US) + 1);
}

void sim_node_wake(struct sim *s, struct sim_node *n)
{
    if (!n->up)
        return;
    if (n->consensus != NULL)
        sim_soon(s, &n->consensus_turn, 1 + sim_random(s, TURN_MAX_US));
    if (n->shard != NULL)
        sim_soon(s, &n->shard_turn, 1 + sim_random(s, TURN_MAX_US));
}

static enum status open_shard(struct sim *s, struct sim_node *n, struct error *e)
{
    struct shard_options options = {
        .self = n->node_id,
        .boot = n->boot,
        .store = n->store,
        .cache_bytes = sim_random(s, 4) == 0 ? 0 : 1 << 20,
        .inbox = n->to_shard,
        .outbox = n->to_consensus,
        .clock = {n, node_wall_ms, node_boot_us},
        .workers = {n, job_submit},
        .host = &sim_shard_host,
        .context = n,
        .quorum_wait_ms = 2000,
        .flush_log_bytes = 2000 + sim_random(s, 50000),
        .flush_interval_ms = 200 + sim_random(s, 5000),
        .seed = prng_next(&s->prng),
        .lease = &n->lease,
        .digest_every = 8,
        .level_max = n->level_max,
    };
    memcpy(options.hash_key, n->hash_key, sizeof(options.hash_key));
    return shard_open(&options, &n->shard, e);
}

static void open_introduced(struct sim *s, struct sim_node *n)
{
    struct error e;
    if (open_shard(s, n, &e) != STATUS_OK)
        panic("cannot open the state: %s", e.text);
}

static void end_outdated(struct sim *s, struct sim_node *n)
{
    if (!sim_levels_refused(s, n))
        sim_fail(s, "node %u takes itself for outdated", n->position + 1);
    sim_node_crash(s, n, KV_MEM_KILL);
    sim_at(s, &n->restart, 1000 + sim_random(s, PANIC_RESTART_MAX_US));
}

static void consensus_turns(struct sim *s, struct sim_event *event)
{
    struct sim_node *n = container_of(event, struct sim_node, consensus_turn);
    if (!n->up)
        return;
    if (n->paused) {
        sim_at(s, event, 1000);
        return;
    }
    volatile uint64_t next = 0;
    SIM_RUN_NODE(s, n, next = consensus_turn(n->consensus));
    if (!n->up)
        return;
    turn_at(s, n, event, next);
    if (n->heal_due) {
        n->heal_due = false;
        sim_node_wipe(s, n);
        return;
    }
    if (n->outdated) {
        end_outdated(s, n);
        return;
    }
    if (n->introduced) {
        n->introduced = false;
        SIM_RUN_NODE(s, n, open_introduced(s, n));
        if (!n->up)
            return;
    }
    if (n->shard != NULL && mailbox_count(n->to_shard) > 0 && !mailbox_is_asleep(n->to_shard))
        sim_soon(s, &n->shard_turn, 1 + sim_random(s, TURN_MAX_US));
    sim_check_node(s, n);
}

/* As the data loop's thread waits: for entries that nobody here waits for, no longer than others
 * have it wait. false: it must not. */
static bool shard_sleeps(struct sim_node *n)
{
    return shard_is_awaited(n->shard) ? mailbox_sleep(n->to_shard) : mailbox_doze(n->to_shard);
}

static void shard_turns(struct sim *s, struct sim_event *event)
{
    struct sim_node *n = container_of(event, struct sim_node, shard_turn);
    if (!n->up || n->shard == NULL)
        return;
    if (n->paused) {
        sim_at(s, event, 1000);
        return;
    }
    mailbox_awake(n->to_shard);
    sim_relay_turn(s, n);
    volatile uint64_t next = 0;
    SIM_RUN_NODE(s, n, next = shard_turn(n->shard));
    if (!n->up)
        return;
    turn_at(s, n, event, shard_sleeps(n) ? next : 0);
    if (mailbox_count(n->to_consensus) > 0)
        sim_soon(s, &n->consensus_turn, 1 + sim_random(s, TURN_MAX_US));
    sim_check_node(s, n);
}

/* --- start and death -------------------------------------------------------------------------- */

static void introduced(void *context, const struct log_identity *identity)
{
    struct sim_node *n = context;
    n->node_id = identity->node_id;
    memcpy(n->hash_key, identity->hash_key, sizeof(n->hash_key));
    n->introduced = true;
    sim_check_introduced(n->sim, n);
    sim_net_identified(n->sim, n);
}

static void quarantined(void *context, const char *why)
{
    (void)why;
    struct sim_node *n = context;
    n->quarantined = true;
}

static void heal(void *context)
{
    struct sim_node *n = context;
    n->heal_due = true;
}

static void outdated(void *context)
{
    struct sim_node *n = context;
    n->outdated = true;
}

/* Many pieces, but not so many that the transfer of a large state outlasts the run. */
static uint32_t chunk_bytes(struct sim *s)
{
    const uint64_t least = s->options.workload == LARGE_WORKLOAD ? 100000 : 1000;
    return (uint32_t)(least + sim_random(s, 4 * least));
}

/* Often so slow that much is written, cut and lost while a snapshot is on its way; not so slow that
 * the large one of a workload (16 MB) is still on its way when all should have settled. */
static uint64_t snapshot_rate(struct sim *s)
{
    const uint64_t least = s->options.workload == LARGE_WORKLOAD ? 16000000 : 20000;
    return least << sim_random(s, 8);
}

static void record_core(void *context, struct bytes record)
{
    struct sim_node *n = context;
    buf_append_bytes(&n->trace, record);
}

static enum status open_consensus(struct sim_node *n, const struct log_recovered *recovered,
                                  struct error *e)
{
    struct sim *s = n->sim;
    struct shard_status at = {0};
    if (n->shard != NULL)
        shard_status(n->shard, &at);
    const struct bytes config =
        n->shard == NULL ? BYTES_NONE : machine_config(shard_machine(n->shard));
    const struct consensus_options options = {
        .log = n->log,
        .recovered = recovered,
        .applied_index = at.applied_index,
        .applied_term = at.applied_term,
        .applied_clock_ms = at.clock_ms,
        .applied_config = config,
        .inbox = n->to_consensus,
        .outbox = n->to_shard,
        .clock = {n, node_wall_ms, node_boot_us},
        .transport = sim_net_port(n),
        .log_writer = {n, log_submit},
        .workers = {n, job_submit},
        .trace = {n, s->options.traced ? record_core : NULL},
        .tick_ms = SIM_TICK_MS,
        .heartbeat_ticks = SIM_HEARTBEAT_TICKS,
        .election_ticks = SIM_ELECTION_TICKS,
        .lease_ms = s->options.lease_ms,
        .replace_dead_ms = s->options.replace_dead_ms,
        .seed = prng_next(&s->prng),
        .cache_bytes = sim_random(s, 3) == 0 ? 2000 : 0,
        .state = n->store,
        .snapshot_chunk_bytes = chunk_bytes(s),
        .snapshot_rate = snapshot_rate(s),
        .log_keep_bytes = s->options.log_keep_bytes,
        .lease = &n->lease,
        .disk = kv_mem_disk(n->disk),
        .dir = "node",
        .disk_reserve = SIM_DISK_RESERVE,
        .self = {.host = "sim", .port = sim_node_port(n)},
        .level_max = n->level_max,
        .auto_heal = s->profile->rot,
        .is_quarantined = n->quarantined,
        .quarantined = quarantined,
        .heal = heal,
        .outdated = outdated,
        .cluster_init = n->founder,
        .introduced = introduced,
        .context = n,
    };
    return consensus_open(&options, &n->consensus, e);
}

static enum status open_stores(struct sim_node *n, struct log_recovered *recovered, struct error *e)
{
    struct disk *disk = kv_mem_disk(n->disk);
    enum status status = disk_make_dir(disk, "node", e);
    if (status != STATUS_OK)
        return status;
    const struct log_store_options log_options = {.disk = disk, .dir = "node"};
    status = log_store_open(&log_options, &n->log, recovered, e);
    if (status != STATUS_OK)
        return status;
    const struct state_store_options store_options = {.disk = disk, .dir = "node"};
    status = state_store_open(&store_options, &n->store, e);
    if (status != STATUS_OK)
        return status;
    if (recovered->identity.node_id == 0 && n->founder) {
        struct prng *prng = &n->sim->prng;
        recovered->identity =
            (struct log_identity){.node_id = 1, .incarnation = prng_next(prng)};
        const uint64_t half[2] = {prng_next(prng), prng_next(prng)};
        memcpy(recovered->identity.cluster_id, half, sizeof(half));
        memcpy(recovered->identity.hash_key, half, sizeof(half));
        status = log_store_identify(n->log, &recovered->identity, e);
    }
    return status;
}

static enum status open_all(struct sim *s, struct sim_node *n, struct error *e)
{
    struct log_recovered recovered = {0};
    enum status status = open_stores(n, &recovered, e);
    if (status == STATUS_OK) {
        if (recovered.boot <= n->boot)
            sim_fail(s, "node %u: its boot number did not rise", n->position + 1);
        if (n->node_id != 0 && recovered.identity.node_id != n->node_id)
            sim_fail(s, "node %u forgot who it is", n->position + 1);
        n->boot = recovered.boot;
        n->node_id = recovered.identity.node_id;
        memcpy(n->hash_key, recovered.identity.hash_key, sizeof(n->hash_key));
    }
    lease_init(&n->lease);
    n->to_consensus = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    n->to_shard = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    if (status == STATUS_OK && n->node_id != 0)
        status = open_shard(s, n, e);
    if (status == STATUS_OK)
        status = open_consensus(n, &recovered, e);
    log_recovered_clear(&recovered);
    return status;
}

void sim_node_start(struct sim *s, struct sim_node *n)
{
    if (n->up)
        return;
    sim_trace(s, "node %u starts", n->position + 1);
    n->life++;
    n->relay = (struct sim_relay){0};
    n->up = true;
    n->paused = false;
    n->introduced = n->outdated = false;
    memset(n->worker_free_us, 0, sizeof(n->worker_free_us));
    n->seen_applied = n->seen_commit = n->seen_clock = n->seen_term = 0;
    n->seen_installs = n->seen_cuts = 0;
    struct error e = {0};
    volatile enum status status = STATUS_IO;
    SIM_RUN_NODE(s, n, status = open_all(s, n, &e));
    if (n->up && status != STATUS_OK) {
        const bool is_refused = status == STATUS_INVALID && sim_levels_refused(s, n);
        if (!n->dying && !is_refused)
            sim_fail(s, "node %u cannot start: %s", n->position + 1, e.text);
        n->dying = false;
        sim_node_crash(s, n, KV_MEM_KILL);
        sim_at(s, &n->restart, 1000 + sim_random(s, PANIC_RESTART_MAX_US));
    }
    sim_node_wake(s, n);
}

static void restart(struct sim *s, struct sim_event *event)
{
    sim_node_start(s, container_of(event, struct sim_node, restart));
}

/* What lies in the boxes is owned by them. */
static void empty_boxes(struct sim_node *n)
{
    struct consensus_mail c;
    while (mailbox_receive(n->to_consensus, &c, 1) == 1) {
        block_unref(c.block);
        free(c.admin);
    }
    struct shard_mail m;
    while (mailbox_receive(n->to_shard, &m, 1) == 1) {
        block_unref(m.block);
        free(m.admin);
    }
    mailbox_free(n->to_consensus);
    mailbox_free(n->to_shard);
    n->to_consensus = n->to_shard = NULL;
}

/* By chance what was submitted to the log writer reached the disk, or some of it did, though nobody
 * was told. */
static void finish_log(struct sim *s, struct sim_node *n)
{
    if (n->consensus != NULL && n->log != NULL && sim_random(s, 2) == 0) {
        uint64_t id;
        if (sim_random(s, 2) == 0)
            kv_mem_disk_fault(n->disk, KV_MEM_DIE, 1 + sim_random(s, 4));
        (void)write_queue(n, &id); /* It may fail: the node is dying. */
    }
    struct queue_node *node;
    while ((node = queue_pop_front(&n->log_queue)) != NULL)
        free(container_of(node, struct sim_log_job, link));
}

/* Ends the node as kill -9 or a power cut would. */
void sim_node_crash(struct sim *s, struct sim_node *n, enum kv_mem_crash how)
{
    if (!n->up)
        return;
    sim_trace(s, "node %u dies%s", n->position + 1, how == KV_MEM_POWER_LOSS ? " (power)" : "");
    s->crashes++;
    finish_log(s, n);
    n->up = n->dying = false;
    kv_mem_disk_crash(n->disk, how);
    sim_clients_lost(s, n);
    sim_pipes_lost(s, n);
    if (n->shard != NULL)
        shard_close(n->shard);
    if (n->consensus != NULL)
        consensus_close(n->consensus);
    n->shard = NULL;
    n->consensus = NULL;
    log_store_close(n->log);
    state_store_close(n->store);
    n->log = NULL;
    n->store = NULL;
    empty_boxes(n);
    heap_remove(&s->events, &n->consensus_turn.node);
    heap_remove(&s->events, &n->shard_turn.node);
    heap_remove(&s->events, &n->log_done.node);
    sim_net_down(s, n);
}

void sim_node_wipe(struct sim *s, struct sim_node *n)
{
    sim_node_crash(s, n, KV_MEM_KILL);
    heap_remove(&s->events, &n->restart.node);
    kv_mem_disk_free(n->disk);
    n->disk = kv_mem_disk_new(prng_next(&s->prng));
    n->founder = n->quarantined = n->heal_due = n->damaged = n->lost_state = false;
    n->node_id = n->boot = n->seen_level = 0;
    sim_node_start(s, n);
}

void sim_node_move(struct sim *s, struct sim_node *n)
{
    if (n->up)
        sim_node_crash(s, n, KV_MEM_KILL);
    heap_remove(&s->events, &n->restart.node);
    n->moves++;
    for (uint32_t i = 0; i < s->options.node_count; i++)
        n->hints[i] = sim_node_port(&s->nodes[i]);
    sim_trace(s, "node %u moves to port %u", n->position + 1, sim_node_port(n));
    sim_node_start(s, n);
}

uint16_t sim_node_port(const struct sim_node *n)
{
    return (uint16_t)(1 + n->position + SIM_NODES_MAX * n->moves);
}

void sim_node_init(struct sim *s, uint32_t position)
{
    struct sim_node *n = &s->nodes[position];
    n->sim = s;
    n->position = position;
    n->founder = position == 0;
    sim_levels_init(s, n);
    n->disk = kv_mem_disk_new(prng_next(&s->prng));
    queue_init(&n->log_queue);
    n->consensus_turn.happen = consensus_turns;
    n->shard_turn.happen = shard_turns;
    n->log_done.happen = log_done;
    n->restart.happen = restart;
    const uint32_t drift = s->profile->drift_ppm, skew = s->profile->skew_ms;
    n->drift_ppm = (int32_t)sim_random(s, 2 * drift + 1) - (int32_t)drift;
    n->wall_offset_ms = (int64_t)sim_random(s, 2 * skew + 1) - (int64_t)skew;
}

void sim_node_clear(struct sim_node *n)
{
    if (n->up)
        sim_node_crash(n->sim, n, KV_MEM_KILL);
    kv_mem_disk_free(n->disk);
}
