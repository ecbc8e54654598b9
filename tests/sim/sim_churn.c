/* sim_churn.c -- members come and go, one round at a time, while everything else goes wrong too.
 *
 *   SWAP   REMOVE, wiped and started empty, ADD
 *   SPARE  REMOVE, wiped, ADD as a learner, PROMOTE
 *   LOSE   the disk of a voter is lost, REPLACE at its own address
 *   MOVE   it comes back with another address
 *
 * What was not carried out is asked again. After the faults ended the round is finished, so that
 * all nodes are members in the end. With replace_dead_ms a spare takes the seat of a voter that is
 * down for long, in any of them. */

#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_US 20000
#define REST_MAX_US 1500000
#define PATIENCE_US 4000000 /* for an answer: who was asked may be dead */

static const enum churn_deed rounds[][CHURN_DEEDS] = {
    {CHURN_REMOVE, CHURN_WIPE, CHURN_ADD},
    {CHURN_REMOVE, CHURN_WIPE, CHURN_ADD_LEARNER, CHURN_PROMOTE},
    {CHURN_WIPE, CHURN_REPLACE},
    {CHURN_MOVE},
};

static enum churn_deed deed_now(const struct sim_churn *c)
{
    return c->step < CHURN_DEEDS ? rounds[c->round][c->step] : CHURN_END;
}

static void next_deed(struct sim *s, struct sim_churn *c)
{
    c->step++;
    c->asked_us = 0;
    c->until_us = s->now_us + sim_random(s, REST_MAX_US);
    if (deed_now(c) == CHURN_END)
        c->node = NULL;
}

/* What is asked of the cluster; op of a deed that the simulator does itself: STATUS. */
static enum admin_op op_of(enum churn_deed deed)
{
    switch (deed) {
    case CHURN_REMOVE: return ADMIN_REMOVE;
    case CHURN_ADD: return ADMIN_ADD;
    case CHURN_ADD_LEARNER: return ADMIN_ADD_LEARNER;
    case CHURN_PROMOTE: return ADMIN_PROMOTE;
    case CHURN_REPLACE: return ADMIN_REPLACE;
    default: return ADMIN_STATUS;
    }
}

static void ask(struct sim *s, struct sim_churn *c)
{
    struct sim_node *via = &s->nodes[sim_random(s, s->options.node_count)];
    const enum admin_op op = op_of(deed_now(c));
    if (via == c->node || !via->up || via->shard == NULL ||
        (op == ADMIN_PROMOTE && c->node->node_id == 0))
        return;
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->op = op;
    admin->node = op == ADMIN_PROMOTE ? c->node->node_id : c->node_id;
    snprintf(admin->host, sizeof(admin->host), "sim");
    admin->port = sim_node_port(c->node);
    admin->context = c;
    if (!shard_admin(via->shard, admin)) {
        free(admin);
        return;
    }
    c->asked_us = s->now_us;
    sim_node_wake(s, via);
}

static void begin(struct sim *s, struct sim_churn *c)
{
    struct sim_node *node = &s->nodes[sim_random(s, s->options.node_count)];
    if (node->node_id == 0)
        return;
    c->node = node;
    c->node_id = node->node_id;
    c->round = (uint32_t)sim_random(s, ARRAY_COUNT(rounds));
    c->step = 0;
    c->asked_us = 0;
    sim_trace(s, "node %u (id %u) begins round %u", node->position + 1, (unsigned)c->node_id,
              c->round);
}

static void do_deed(struct sim *s, struct sim_churn *c)
{
    switch (deed_now(c)) {
    case CHURN_WIPE:
        sim_node_wipe(s, c->node);
        next_deed(s, c);
        return;
    case CHURN_MOVE:
        sim_node_move(s, c->node);
        next_deed(s, c);
        return;
    default:
        if (c->asked_us == 0 || s->now_us > c->asked_us + PATIENCE_US)
            ask(s, c);
    }
}

static void step(struct sim *s, struct sim_event *event)
{
    struct sim_churn *c = &s->churn;
    sim_at(s, event, STEP_US + sim_random(s, STEP_US));
    if (c->node == NULL && s->quiet)
        heap_remove(&s->events, &event->node);
    else if (s->now_us < c->until_us && !s->quiet)
        return;
    else if (c->node == NULL)
        begin(s, c);
    else
        do_deed(s, c);
}

/* It may be told that what it asks for has been done by an earlier attempt. */
static bool is_done(const struct admin *admin)
{
    const bool is_gone = strstr(admin->text, "is not a member") != NULL;
    const bool votes = strstr(admin->text, "votes already") != NULL;
    switch (admin->op) {
    case ADMIN_REMOVE:
    case ADMIN_REPLACE: return admin->ok || is_gone;
    case ADMIN_ADD_LEARNER:
    case ADMIN_PROMOTE: return admin->ok || votes;
    default: return admin->ok;
    }
}

void sim_churn_answer(struct sim *s, const struct admin *admin)
{
    struct sim_churn *c = &s->churn;
    sim_trace(s, "administration %d: %s", (int)admin->op, admin->text);
    if (c->node == NULL || admin->op != op_of(deed_now(c)))
        return;
    if (admin->op != ADMIN_PROMOTE && admin->node != c->node_id)
        return; /* an answer to a former round */
    if (is_done(admin)) {
        next_deed(s, c);
    } else {
        c->asked_us = 0;
        c->until_us = s->now_us + sim_random(s, REST_MAX_US);
    }
}

void sim_churn_start(struct sim *s)
{
    if (!s->profile->churn || s->options.node_count < 3)
        return;
    s->churn.event.happen = step;
    sim_at(s, &s->churn.event, sim_random(s, REST_MAX_US));
}
