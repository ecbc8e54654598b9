/* sim_churn.c -- members come and go: one is removed, its disk is thrown away, and an empty node
 * joins in its place, under another id. Always one at a time, while everything else goes wrong too.
 *
 *   REST -> REMOVE (asked until done) -> GONE (wiped, started empty) -> ADD (until done) -> REST
 *
 * After the faults ended the round is finished, so that all nodes are members in the end. */

#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_US 20000
#define REST_MAX_US 1500000
#define PATIENCE_US 4000000 /* for an answer: who was asked may be dead */

static void ask(struct sim *s, struct sim_churn *c)
{
    struct sim_node *via = &s->nodes[sim_random(s, s->options.node_count)];
    if (via == c->node || !via->up || via->shard == NULL)
        return;
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->op = c->step == CHURN_REMOVE ? ADMIN_REMOVE : ADMIN_ADD;
    admin->node = c->step == CHURN_REMOVE ? c->node_id : 0;
    snprintf(admin->host, sizeof(admin->host), "sim");
    admin->port = (uint16_t)(c->node->position + 1);
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
    c->node = &s->nodes[sim_random(s, s->options.node_count)];
    if (c->node->node_id == 0)
        return;
    c->node_id = c->node->node_id;
    c->step = CHURN_REMOVE;
    c->asked_us = 0;
    sim_trace(s, "node %u (id %u) is to leave", c->node->position + 1, (unsigned)c->node_id);
}

static void step(struct sim *s, struct sim_event *event)
{
    struct sim_churn *c = &s->churn;
    sim_at(s, event, STEP_US + sim_random(s, STEP_US));
    switch (c->step) {
    case CHURN_REST:
        if (s->quiet)
            heap_remove(&s->events, &event->node);
        else if (s->now_us >= c->until_us)
            begin(s, c);
        return;
    case CHURN_GONE:
        if (s->now_us >= c->until_us || s->quiet)
            c->step = CHURN_ADD;
        return;
    case CHURN_REMOVE:
    case CHURN_ADD:
        if (c->asked_us == 0 || s->now_us > c->asked_us + PATIENCE_US)
            ask(s, c);
        return;
    }
}

/* It may be told that what it asks for has been done by an earlier attempt. */
void sim_churn_answer(struct sim *s, const struct admin *admin)
{
    struct sim_churn *c = &s->churn;
    sim_trace(s, "%s: %s", admin->op == ADMIN_ADD ? "add" : "remove", admin->text);
    c->asked_us = 0;
    if (admin->op == ADMIN_REMOVE && c->step == CHURN_REMOVE && admin->node == c->node_id &&
        (admin->ok || strstr(admin->text, "is not a member") != NULL))
        c->wipe_due = true;
    if (admin->op == ADMIN_ADD && c->step == CHURN_ADD && admin->ok)
        c->step = CHURN_REST;
    c->until_us = s->now_us + sim_random(s, REST_MAX_US);
}

/* Not within the turn that brought the answer: it may have been the victim's last. */
void sim_churn_wipe(struct sim *s)
{
    struct sim_churn *c = &s->churn;
    if (!c->wipe_due)
        return;
    c->wipe_due = false;
    c->step = CHURN_GONE;
    sim_node_wipe(s, c->node);
}

void sim_churn_start(struct sim *s)
{
    if (!s->profile->churn || s->options.node_count < 3)
        return;
    s->churn.event.happen = step;
    sim_at(s, &s->churn.event, sim_random(s, REST_MAX_US));
}
