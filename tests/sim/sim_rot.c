/* sim_rot.c -- now and then a row changes by itself on one node: nobody's write, as when memory or
 * a disk lies. The row is one that no client reads, so that only the digests can tell.
 *
 *   INCR on all nodes ... damage on one ... INCR again: from here on its digest differs
 *
 * If it dies before that row was flushed, nothing has happened. Else it must in the end have been
 * found, quarantined, wiped, and be a member again under a new id. */

#include "sim/sim.h"

#include "keyspace/keyspace.h"
#include "machine/machine.h"
#include "node/shard.h"

#define STEP_US 300000
#define ROT_KEY "rotten"

static void count_up(struct sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, s->options.node_count)];
    const struct bytes args[] = {BYTES("incr"), BYTES(ROT_KEY)};
    const struct request request = {.kind = REQ_COMMAND, .args = args, .arg_count = 2};
    if (!n->up || n->shard == NULL)
        return;
    SIM_RUN_NODE(s, n, (void)shard_write(n->shard, &request, NULL)); /* it may not fit */
    sim_node_wake(s, n);
    s->rot.writes++;
}

static void damage(struct sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, s->options.node_count)];
    if (!n->up || n->shard == NULL || n->quarantined)
        return;
    volatile bool done = false;
    SIM_RUN_NODE(s, n, done = keyspace_damage(shard_keyspace(n->shard), 0, BYTES(ROT_KEY)));
    if (!done)
        return;
    n->damaged = true;
    s->rot.node = n;
    sim_trace(s, "a row of node %u (id %u) changes by itself", n->position + 1,
              (unsigned)n->node_id);
}

static void step(struct sim *s, struct sim_event *event)
{
    struct sim_rot *rot = &s->rot;
    sim_at(s, event, STEP_US + sim_random(s, STEP_US));
    if (s->now_us < s->options.duration_us) /* the clients go on until then */
        count_up(s);
    if (rot->node == NULL && !s->quiet && rot->writes % 4 == 0)
        damage(s);
    if (rot->node != NULL && !rot->node->damaged && rot->node->node_id != 0) {
        rot->node = NULL;
        rot->healed++;
    }
}

void sim_rot_start(struct sim *s)
{
    if (!s->profile->rot || s->options.node_count < 3)
        return;
    s->rot.event.happen = step;
    sim_at(s, &s->rot.event, sim_random(s, STEP_US));
}

void sim_rot_check(struct sim *s)
{
    const struct sim_node *n = s->rot.node;
    if (n == NULL || !n->damaged || n->shard == NULL)
        return;
    struct shard_status at;
    shard_status(n->shard, &at);
    if (at.applied_index >= s->digest_count || s->digests[at.applied_index] != at.digest)
        sim_fail(s, "a changed row of node %u was %s", n->position + 1,
                 n->quarantined ? "found, but the node was not healed" : "never found");
}
