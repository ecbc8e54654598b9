/* rounds.c -- read rounds (ARCHITECTURE §3.2 steps 2 to 4).
 *
 *   the shard's MAIL_READ, a peer's READ  ->  WAITS (no leader known)
 *                                         ->  CORE (we lead: RAFT_READ)      -> read index
 *                                         ->  LEADER (READ sent to it)       -> its answer
 *
 * Each ends with one answer, ok = false when the leader changed or an election timeout passed: who
 * asked asks again. Ids are never used twice by one life of a node, and carry its boot number. */

#include "node/consensus_internal.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"

static struct round *round_new(struct consensus *c)
{
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        struct round *r = &c->rounds[i];
        if (r->state != ROUND_FREE)
            continue;
        *r = (struct round){.state = ROUND_WAITS, .id = ++c->next_round, .since_us = c->now_us};
        c->rounds_used = MAX(c->rounds_used, i + 1);
        return r;
    }
    return NULL;
}

static struct round *round_by_id(struct consensus *c, uint64_t id)
{
    for (size_t i = 0; i < c->rounds_used; i++)
        if (c->rounds[i].state != ROUND_FREE && c->rounds[i].id == id)
            return &c->rounds[i];
    return NULL;
}

static void round_free(struct consensus *c, struct round *r)
{
    r->state = ROUND_FREE;
    while (c->rounds_used > 0 && c->rounds[c->rounds_used - 1].state == ROUND_FREE)
        c->rounds_used--;
}

static bool mail_answer(struct consensus *c, const struct round *r)
{
    const struct shard_mail m = {
        .kind = MAIL_READ_INDEX,
        .read_id = r->read_id,
        .ok = r->ok,
        .index = r->index,
        .clock_ms = r->clock_ms,
    };
    return mailbox_send(c->o.outbox, &m);
}

static void send_answer(struct consensus *c, raft_node to, const struct wire_read_reply *reply)
{
    buf_reset(&c->out);
    wire_encode_read_reply(&c->out, reply);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, to, CHANNEL_CONTROL, &part, 1);
}

static void round_end(struct consensus *c, struct round *r)
{
    if (r->node != c->identity.node_id) {
        const struct wire_read_reply reply = {r->boot, r->read_id, r->index, r->clock_ms, r->ok};
        send_answer(c, r->node, &reply);
        round_free(c, r);
        return;
    }
    if (mail_answer(c, r))
        round_free(c, r);
    else
        r->state = ROUND_ANSWERED; /* in a later turn */
}

static void round_fail(struct consensus *c, struct round *r)
{
    r->ok = false;
    r->index = r->clock_ms = 0;
    round_end(c, r);
}

static void ask_core(struct consensus *c, struct round *r)
{
    const struct raft_input input = {.type = RAFT_READ, .read_id = r->id};
    if (core_step(c, &input, NULL) != STATUS_OK)
        return; /* tried again until its time is over */
    r->state = ROUND_CORE;
    if (r->node != c->identity.node_id)
        step_quietly(c, &(struct raft_input){.type = RAFT_COMMIT_WANTED, .node = r->node});
}

static void ask_leader(struct consensus *c, struct round *r)
{
    const struct wire_read read = {c->boot, r->id};
    buf_reset(&c->out);
    wire_encode_read(&c->out, &read);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, c->leader, CHANNEL_CONTROL, &part, 1);
    r->state = ROUND_LEADER;
}

static void ask(struct consensus *c, struct round *r)
{
    if (c->raft == NULL || c->leader == 0)
        return;
    if (is_leader(c))
        ask_core(c, r);
    else if (r->node == c->identity.node_id)
        ask_leader(c, r);
    else
        round_fail(c, r); /* a peer takes us for the leader: it will learn better */
}

void rounds_mail(struct consensus *c, uint64_t read_id)
{
    struct round *r = round_new(c);
    if (r == NULL) {
        const struct round refused = {.read_id = read_id};
        if (!mail_answer(c, &refused))
            log_warn("consensus", "a read was lost between two full queues", "%s", "");
        return;
    }
    r->node = c->identity.node_id;
    r->read_id = read_id;
    ask(c, r);
}

void rounds_receive(struct consensus *c, raft_node from, const struct wire_read *read)
{
    struct round *r = is_leader(c) ? round_new(c) : NULL;
    if (r == NULL) {
        const struct wire_read_reply no = {.boot = read->boot, .read_id = read->read_id};
        send_answer(c, from, &no);
        return;
    }
    r->node = from;
    r->boot = read->boot;
    r->read_id = read->read_id;
    ask(c, r);
}

void rounds_reply(struct consensus *c, const struct wire_read_reply *reply)
{
    struct round *r = reply->boot == c->boot ? round_by_id(c, reply->read_id) : NULL;
    if (r == NULL || r->state != ROUND_LEADER)
        return;
    r->ok = reply->ok;
    r->index = reply->index;
    r->clock_ms = reply->clock_ms;
    round_end(c, r);
}

void rounds_answer(struct consensus *c, const struct raft_read *read)
{
    struct round *r = round_by_id(c, read->id);
    if (r == NULL || r->state != ROUND_CORE)
        return;
    r->ok = read->ok;
    r->index = read->index;
    r->clock_ms = read->ok ? leader_clock_ms(c) : 0;
    round_end(c, r);
}

/* What was asked of the old leader is answered by no one. */
void rounds_leader_changed(struct consensus *c)
{
    for (size_t i = 0; i < c->rounds_used; i++)
        if (c->rounds[i].state == ROUND_LEADER)
            round_fail(c, &c->rounds[i]);
}

void rounds_turn(struct consensus *c)
{
    for (size_t i = 0; i < c->rounds_used; i++) {
        struct round *r = &c->rounds[i];
        if (r->state == ROUND_ANSWERED)
            round_end(c, r);
        else if (r->state == ROUND_WAITS)
            ask(c, r);
        if (r->state != ROUND_FREE && r->state != ROUND_ANSWERED &&
            c->now_us - r->since_us > election_us(c))
            round_fail(c, r);
    }
}
