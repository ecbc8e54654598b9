/* sim_levels.c -- profile `upgrade`: nodes run builds of several feature levels, which know no
 * more than their own, and are stopped and started with another one, newer or older.
 *
 *   build 1, 2 or 3 ... stopped, another build ... in the end all run 3: so does the cluster
 *
 * A build may refuse a log of a higher level, and end over what a newer one sends; then, as an
 * operator would, the newest is started. What it may not do is apply anything above its level (it
 * panics), or differ from the others: they all say DEBUG LEVEL, which build 1 does not have. */

#include "sim/sim.h"

#include "command/command.h"
#include "machine/machine.h"
#include "node/consensus_internal.h" /* the level of the newest entry */
#include "node/shard.h"

#define STEP_US 60000
#define NEWEST 3

static uint32_t any_build(struct sim *s)
{
    return 1 + (uint32_t)sim_random(s, NEWEST);
}

static void say_level(struct sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, s->options.node_count)];
    const struct bytes args[] = {BYTES("debug"), BYTES("level"), BYTES("levelled")};
    const struct request request = {.kind = REQ_COMMAND, .args = args, .arg_count = 3};
    struct shard_status at;
    if (!n->up || n->shard == NULL)
        return;
    shard_status(n->shard, &at);
    if (command_at_level(command_find(args, 3, NULL), at.level) == NULL)
        return; /* as dispatch.c */
    SIM_RUN_NODE(s, n, (void)shard_write(n->shard, &request, NULL)); /* it may not fit */
    sim_node_wake(s, n);
}

static void step(struct sim *s, struct sim_event *event)
{
    sim_at(s, event, STEP_US + sim_random(s, STEP_US));
    if (s->now_us < s->options.duration_us) /* the clients go on until then */
        say_level(s);
}

void sim_levels_start(struct sim *s)
{
    if (!s->profile->upgrade)
        return;
    s->levels.event.happen = step;
    sim_at(s, &s->levels.event, sim_random(s, STEP_US));
}

/* The others join who makes the cluster, whatever they are. */
void sim_levels_init(struct sim *s, struct sim_node *n)
{
    n->level_max = !s->profile->upgrade ? FEATURE_LEVEL_MAX : n->founder ? 1 : any_build(s);
}

static void run_build(struct sim *s, struct sim_node *n, uint32_t level)
{
    sim_trace(s, "node %u is to run a build of level %u", n->position + 1, level);
    n->level_max = level;
}

void sim_levels_change(struct sim *s, struct sim_node *n)
{
    const bool is_upgrade = sim_random(s, 4) != 0;
    run_build(s, n, is_upgrade ? MIN(n->level_max + 1, NEWEST) : any_build(s));
}

void sim_levels_look(struct sim *s, struct sim_node *n)
{
    if (n->consensus->level < n->seen_level && n->consensus->config_index <= n->seen_commit)
        sim_fail(s, "node %u: the feature level fell from %u to %u", n->position + 1,
                 n->seen_level, n->consensus->level);
    s->levels.highest = MAX(s->levels.highest, n->consensus->level);
    if (n->consensus->config_index <= n->seen_commit)
        n->seen_level = n->consensus->level;
}

bool sim_levels_refused(struct sim *s, struct sim_node *n)
{
    if (n->level_max >= s->levels.highest)
        return false;
    s->levels.refused++;
    run_build(s, n, NEWEST);
    return true;
}

/* An operator's last round. Who does not run is started by the caller. */
void sim_levels_end(struct sim *s)
{
    for (uint32_t i = 0; s->profile->upgrade && i < s->options.node_count; i++) {
        struct sim_node *n = &s->nodes[i];
        if (n->level_max == NEWEST)
            continue;
        sim_node_crash(s, n, KV_MEM_KILL);
        run_build(s, n, NEWEST);
    }
}

void sim_levels_check(struct sim *s)
{
    for (uint32_t i = 0; s->profile->upgrade && i < s->options.node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        if (n->up && n->shard != NULL && machine_level(shard_machine(n->shard)) != NEWEST)
            sim_fail(s, "all run the newest build, but at node %u the feature level is %u",
                     n->position + 1, machine_level(shard_machine(n->shard)));
    }
}
