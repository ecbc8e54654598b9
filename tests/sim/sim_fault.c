/* sim_fault.c -- the named profiles, and what goes wrong when. */

#include "sim/sim.h"

#include <stdlib.h>

#include "base/panic.h"
#include "kv/state_store.h"
#include "node/consensus_internal.h"

#define RESTART_MAX_US 2000000
#define CUT_MAX_US 3000000
#define PAUSE_MAX_US 1500000
#define AWAKE_US 400000
#define ROOM ((uint64_t)1 << 30) /* for a snapshot, too */

const struct sim_profile sim_profiles[] = {
    {.name = "calm", .delay_max_us = 500, .fault_interval_ms = 0},
    {.name = "lossy", .delay_max_us = 20000, .fault_interval_ms = 400, .break_connection = 5,
     .frame_loss_ppm = 3000, .frame_copy_ppm = 5000, .frame_stray_ppm = 5000,
     .chunk_damage_ppm = 100000, .transfer = 1},
    {.name = "split", .delay_max_us = 3000, .fault_interval_ms = 700, .cut_link = 4, .cut_node = 4,
     .transfer = 1},
    {.name = "swizzle", .delay_max_us = 3000, .fault_interval_ms = 900, .swizzle = 1},
    {.name = "crashy", .delay_max_us = 2000, .fault_interval_ms = 600, .crash = 6,
     .crash_leader = 2, .crash_all = 1, .pause = 2, .power_loss = true},
    {.name = "slow-disk", .delay_max_us = 1000, .fault_interval_ms = 500, .slow_disk = 4,
     .crash = 1},
    {.name = "dying-disk", .delay_max_us = 1000, .fault_interval_ms = 700, .dying_disk = 4,
     .power_loss = true},
    {.name = "full-disk", .delay_max_us = 1000, .fault_interval_ms = 400, .full_disk = 4,
     .crash = 1, .transfer = 1},
    {.name = "skew", .delay_max_us = 1000, .fault_interval_ms = 500, .clock_jump = 4, .crash = 1,
     .drift_ppm = 300, .skew_ms = 60000},
    {.name = "sleepy", .delay_max_us = 1000, .fault_interval_ms = 900, .sleeper = 4, .pause = 1},
    {.name = "far", .delay_max_us = 90000, .fault_interval_ms = 600, .crash = 2, .crash_leader = 3,
     .slow_disk = 2, .cut_node = 1, .transfer = 1, .frame_copy_ppm = 5000,
     .frame_stray_ppm = 10000, .power_loss = true},
    {.name = "churn", .delay_max_us = 3000, .fault_interval_ms = 900, .crash = 2, .cut_node = 1,
     .cut_link = 1, .break_connection = 2, .transfer = 2, .power_loss = true, .churn = true},
    {.name = "rot", .delay_max_us = 3000, .fault_interval_ms = 900, .crash = 2, .cut_node = 1,
     .break_connection = 2, .transfer = 2, .power_loss = true, .rot = true},
    {.name = "lost-state", .delay_max_us = 2000, .fault_interval_ms = 500, .lost_state = 4,
     .crash = 2, .crash_leader = 1, .cut_node = 1, .transfer = 1, .power_loss = true},
    {.name = "upgrade", .delay_max_us = 3000, .fault_interval_ms = 300, .build = 6, .crash = 1,
     .crash_all = 1, .cut_node = 1, .cut_link = 1, .break_connection = 2, .transfer = 2,
     .power_loss = true, .upgrade = true},
    {.name = "all", .delay_max_us = 5000, .fault_interval_ms = 400, .crash = 2, .crash_leader = 1,
     .crash_all = 1, .pause = 2, .cut_link = 2, .cut_node = 2, .swizzle = 1,
     .break_connection = 2, .slow_disk = 2, .dying_disk = 1, .clock_jump = 1, .transfer = 1,
     .sleeper = 1, .frame_loss_ppm = 500, .frame_copy_ppm = 500, .frame_stray_ppm = 500,
     .drift_ppm = 100, .skew_ms = 5000, .power_loss = true},
    {.name = NULL},
};

const struct sim_profile *sim_profile_find(const char *name)
{
    for (const struct sim_profile *p = sim_profiles; p->name != NULL; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static struct sim_node *any_node(struct sim *s)
{
    return &s->nodes[sim_random(s, s->options.node_count)];
}

static void crash(struct sim *s, struct sim_node *n)
{
    if (!n->up)
        return;
    const bool power = s->profile->power_loss && sim_random(s, 2) == 0;
    sim_node_crash(s, n, power ? KV_MEM_POWER_LOSS : KV_MEM_KILL);
    sim_at(s, &n->restart, 1000 + sim_random(s, RESTART_MAX_US));
}

static void fault_crash(struct sim *s)
{
    crash(s, any_node(s));
}

static void fault_crash_all(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++)
        if (sim_random(s, 4) != 0)
            crash(s, &s->nodes[i]);
}

/* A timer to be set; the oldest one ends early when there are too many. */
static struct sim_timer *take_timer(struct sim *s)
{
    struct sim_timer *t = &s->timers[s->timer_next++ % SIM_TIMERS];
    if (t->event.node.position != 0) {
        heap_remove(&s->events, &t->event.node);
        t->event.happen(s, &t->event);
    }
    *t = (struct sim_timer){0};
    return t;
}

static void end_pause(struct sim *s, struct sim_event *e)
{
    struct sim_timer *t = container_of(e, struct sim_timer, event);
    s->nodes[t->a].paused = false;
}

/* Who takes itself for the leader, or anybody. */
static struct sim_node *leader_of(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        struct sim_node *n = &s->nodes[i];
        struct shard_status at = {0};
        if (n->shard != NULL)
            shard_status(n->shard, &at);
        if (n->up && at.role == RAFT_LEADER)
            return n;
    }
    return any_node(s);
}

static void fault_crash_leader(struct sim *s)
{
    crash(s, leader_of(s));
}

static void stand_still(struct sim *s, struct sim_node *n, uint64_t for_us)
{
    sim_trace(s, "node %u stands still for %u ms", n->position + 1, (unsigned)(for_us / 1000));
    n->paused = true;
    struct sim_timer *t = take_timer(s);
    t->event.happen = end_pause;
    t->a = n->position;
    sim_at(s, &t->event, for_us);
}

static void fault_pause(struct sim *s)
{
    stand_still(s, any_node(s), sim_random(s, PAUSE_MAX_US));
}

static void end_cut(struct sim *s, struct sim_event *e)
{
    struct sim_timer *t = container_of(e, struct sim_timer, event);
    s->cut[t->a][t->b] = false;
}

static void cut(struct sim *s, uint32_t a, uint32_t b, uint64_t for_us)
{
    sim_trace(s, "link %u -> %u cut for %u ms", a + 1, b + 1, (unsigned)(for_us / 1000));
    s->cut[a][b] = true;
    struct sim_timer *t = take_timer(s);
    t->event.happen = end_cut;
    t->a = a;
    t->b = b;
    sim_at(s, &t->event, for_us);
}

static void fault_cut_link(struct sim *s)
{
    const uint32_t a = any_node(s)->position, b = any_node(s)->position;
    if (a == b)
        return;
    const uint64_t for_us = sim_random(s, CUT_MAX_US);
    cut(s, a, b, for_us);
    if (sim_random(s, 2) == 0)
        cut(s, b, a, for_us);
}

static void fault_cut_node(struct sim *s)
{
    const uint32_t a = any_node(s)->position;
    const uint64_t for_us = sim_random(s, CUT_MAX_US), kind = sim_random(s, 4);
    for (uint32_t b = 0; b < s->options.node_count; b++) {
        if (b == a)
            continue;
        if (kind != 1)
            cut(s, a, b, for_us);
        if (kind != 2)
            cut(s, b, a, for_us);
    }
}

/* The leader sleeps, and is still cut off for a while when it wakes up: nobody has told it yet that
 * its time is over, but its clients ask. */
static void fault_sleeper(struct sim *s)
{
    struct sim_node *n = leader_of(s);
    const uint64_t for_us = sim_random(s, PAUSE_MAX_US);
    stand_still(s, n, for_us);
    for (uint32_t b = 0; b < s->options.node_count; b++) {
        if (b == n->position)
            continue;
        cut(s, n->position, b, for_us + AWAKE_US);
        cut(s, b, n->position, for_us + AWAKE_US);
    }
}

/* A random half of the links goes one by one and comes back in another order. */
static void fault_swizzle(struct sim *s)
{
    for (uint32_t a = 0; a < s->options.node_count; a++)
        for (uint32_t b = 0; b < s->options.node_count; b++)
            if (a != b && sim_random(s, 2) == 0)
                cut(s, a, b, sim_random(s, CUT_MAX_US));
}

static void fault_break(struct sim *s)
{
    struct sim_node *n = any_node(s);
    struct sim_peer *p = &n->peers[sim_random(s, s->options.node_count)];
    sim_net_break(s, p, sim_random(s, 2) == 0 ? CHANNEL_CONTROL : CHANNEL_DATA);
}

static void fault_slow_disk(struct sim *s)
{
    static const uint64_t slowness_us[] = {0, 0, 5000, 30000, 200000, 800000};
    any_node(s)->disk_slow_us = slowness_us[sim_random(s, ARRAY_COUNT(slowness_us))];
}

static void fault_dying_disk(struct sim *s)
{
    struct sim_node *n = any_node(s);
    if (!n->up)
        return;
    n->dying = true;
    kv_mem_disk_fault(n->disk, sim_random(s, 2) == 0 ? KV_MEM_DIE : KV_MEM_FAIL,
                      1 + sim_random(s, 20));
}

/* What the node believes to be free; and now and then a flush that finds that it is not. */
static void fault_full_disk(struct sim *s)
{
    static const uint64_t left[] = {ROOM, SIM_DISK_RESERVE * 2,
                                    SIM_DISK_RESERVE / 2, SIM_DISK_RESERVE / 100};
    struct sim_node *n = any_node(s);
    kv_mem_disk_set_space(n->disk, left[sim_random(s, ARRAY_COUNT(left))]);
    if (!n->up || sim_random(s, 2) == 0)
        return;
    n->dying = true;
    kv_mem_disk_fault(n->disk, KV_MEM_FULL, 1 + sim_random(s, 20));
}

static bool has_state(struct sim_node *n)
{
    struct raft_status at = {.state_lost = true};
    if (n->lost_state && n->up && n->consensus->raft != NULL)
        raft_status(n->consensus->raft, &at);
    if (!at.state_lost)
        n->lost_state = false;
    return !n->lost_state;
}

/* The node dies, and its state is found damaged at the next start, where it is dropped: as long as
 * all others have theirs, since who has none cannot lead. */
static void fault_lost_state(struct sim *s)
{
    struct sim_node *n = any_node(s);
    if (!n->up || n->shard == NULL || n->consensus->config.incoming.count < 3)
        return;
    for (uint32_t i = 0; i < s->options.node_count; i++)
        if (!has_state(&s->nodes[i]))
            return;
    crash(s, n);
    const struct state_store_options options = {.disk = kv_mem_disk(n->disk), .dir = "node"};
    struct error e;
    if (state_store_discard(&options, &e) != STATUS_OK)
        sim_fail(s, "the state of node %u cannot be dropped: %s", n->position + 1, e.text);
    sim_trace(s, "node %u has lost its state", n->position + 1);
    n->lost_state = true;
}

/* Stopped, and started with another build. */
static void fault_build(struct sim *s)
{
    struct sim_node *n = any_node(s);
    if (!n->up)
        return;
    crash(s, n);
    sim_levels_change(s, n);
}

static void fault_clock_jump(struct sim *s)
{
    const int64_t skew = s->profile->skew_ms;
    any_node(s)->wall_offset_ms += (int64_t)sim_random(s, (uint64_t)(2 * skew + 1)) - skew;
}

static void fault_transfer(struct sim *s)
{
    struct sim_node *n = any_node(s);
    if (!n->up || n->shard == NULL)
        return;
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->op = ADMIN_TRANSFER;
    if (!shard_admin(n->shard, admin))
        free(admin);
    else
        sim_node_wake(s, n);
}

static void fault(struct sim *s, struct sim_event *event)
{
    const struct sim_profile *p = s->profile;
    const struct {
        uint32_t weight;
        void (*run)(struct sim *);
    } faults[] = {
        {p->crash, fault_crash}, {p->crash_all, fault_crash_all},
        {p->crash_leader, fault_crash_leader}, {p->pause, fault_pause},
        {p->cut_link, fault_cut_link}, {p->cut_node, fault_cut_node}, {p->swizzle, fault_swizzle},
        {p->break_connection, fault_break}, {p->slow_disk, fault_slow_disk},
        {p->dying_disk, fault_dying_disk}, {p->clock_jump, fault_clock_jump},
        {p->transfer, fault_transfer}, {p->sleeper, fault_sleeper},
        {p->full_disk, fault_full_disk}, {p->lost_state, fault_lost_state},
        {p->build, fault_build},
    };
    uint32_t sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++)
        sum += faults[i].weight;
    if (sum == 0 || s->quiet)
        return;
    uint64_t draw = sim_random(s, sum);
    size_t i = 0;
    while (draw >= faults[i].weight)
        draw -= faults[i++].weight;
    faults[i].run(s);
    sim_at(s, event, sim_random(s, 2000 * (uint64_t)p->fault_interval_ms));
}

void sim_faults_start(struct sim *s)
{
    s->fault.happen = fault;
    if (s->profile->fault_interval_ms > 0)
        sim_at(s, &s->fault, sim_random(s, 2000 * (uint64_t)s->profile->fault_interval_ms));
}

/* Everything heals: links, disks, clocks' speed; who is down starts. */
void sim_faults_end(struct sim *s)
{
    s->quiet = true;
    sim_levels_end(s);
    for (uint32_t a = 0; a < s->options.node_count; a++) {
        struct sim_node *n = &s->nodes[a];
        for (uint32_t b = 0; b < s->options.node_count; b++)
            s->cut[a][b] = false;
        n->disk_slow_us = 0;
        kv_mem_disk_set_space(n->disk, ROOM);
        n->paused = false;
        if (n->dying) /* it may not have met the fault yet */
            sim_node_crash(s, n, KV_MEM_KILL);
        if (!n->up)
            sim_at(s, &n->restart, sim_random(s, 10000));
    }
}
