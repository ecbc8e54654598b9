/* sim_host.c -- what the server is to a shard, here: requests go in, replies come back to the call
 * whose slot it was. */

#include "sim/sim.h"

#include <stdlib.h>

#include "machine/machine.h"

bool sim_submit(struct sim_node *n, struct sim_call *call, const struct request *r,
                enum sim_way way)
{
    struct sim *s = n->sim;
    CHECK(!call->waiting);
    call->slot = (struct reply_slot){.owner = call};
    call->start_us = s->now_us;
    call->waiting = true;
    buf_reset(&call->reply);
    volatile bool sent = false;
    SIM_RUN_NODE(s, n, sent = way == WAY_WRITE
                 ? shard_write(n->shard, r, &call->slot)
                 : shard_read(n->shard, r, &call->slot, way == WAY_STALE));
    if (!sent)
        call->waiting = false;
    sim_node_wake(s, n);
    return sent;
}

static void reply_begin(void *context, struct reply_slot *slot, struct reply *reply, void **client)
{
    (void)context;
    struct sim_call *call = container_of(slot, struct sim_call, slot);
    CHECK(call->waiting);
    buf_reset(&call->reply);
    reply->out = &call->reply;
    reply->protocol = 2;
    *client = call;
}

static void reply_end(void *context, struct reply_slot *slot, const struct reply *reply,
                      const struct command *command)
{
    (void)reply;
    (void)command;
    const struct sim_node *n = context;
    struct sim_call *call = container_of(slot, struct sim_call, slot);
    CHECK(call->waiting);
    CHECK(call->reply.size > 0);
    call->waiting = false;
    n->sim->replies++;
    buf_append_u8(&call->reply, 0);
    call->complete(n->sim, call, (const char *)buf_data(&call->reply));
}

static void waits(void *context, struct reply_slot *slot)
{
    (void)context;
    CHECK(container_of(slot, struct sim_call, slot)->waiting);
}

static void changed(void *context, const struct exec *x, const struct key_change *change)
{
    (void)context, (void)x, (void)change;
}

static void flushed(void *context, const struct exec *x, int64_t db)
{
    (void)context, (void)x, (void)db;
}

static void local(void *context, struct exec *x)
{
    (void)context, (void)x;
    panic("no simulated client asks for a local command");
}

static const char *read_moves(void *context, struct reply_slot *slot)
{
    (void)context, (void)slot;
    return NULL;
}

static void status(void *context, const struct shard_mail *mail)
{
    (void)context, (void)mail;
}

static void admin_done(void *context, struct admin *admin)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    if (admin->context == &s->churn) {
        sim_churn_answer(s, admin);
    } else if (admin->op == ADMIN_ADD) {
        if (admin->ok)
            s->joined++;
        else
            sim_trace(s, "a join failed: %s", admin->text);
        sim_at(s, &s->join, 1000);
    }
    free(admin->status);
    free(admin);
}

static void stopped(void *context)
{
    (void)context;
}

const struct shard_host sim_shard_host = {
    .reply_begin = reply_begin,
    .reply_end = reply_end,
    .waits = waits,
    .read_moves = read_moves,
    .exec = {.changed = changed, .flushed = flushed, .local = local},
    .status = status,
    .admin_done = admin_done,
    .stopped = stopped,
    .relayed = sim_relayed,
};
