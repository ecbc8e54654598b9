/* admin.c -- administration as it is asked for: requests, on a follower forwarded to the leader,
 * their answers; leadership handed over; stopping. The steps of each: change.h, membership.c. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"

#define TOO_MANY "too many administration requests under way: try again later"

/* --- answers ---------------------------------------------------------------------------------- */

static bool mail_back(struct consensus *c, struct admin *admin)
{
    const struct shard_mail m = {.kind = MAIL_ADMIN_DONE, .admin = admin};
    return mailbox_send(c->o.outbox, &m);
}

/* Those that the full mailbox did not take wait here: one for each client that asked, at most. */
static void give_back(struct consensus *c, struct admin *admin)
{
    if (c->answered.size > 0 || !mail_back(c, admin))
        buf_append(&c->answered, &admin, sizeof(admin));
}

void admin_give_back(struct consensus *c)
{
    while (c->answered.size > 0) {
        struct admin *admin;
        memcpy(&admin, buf_data(&c->answered), sizeof(admin));
        if (!mail_back(c, admin))
            return;
        buf_consume(&c->answered, sizeof(admin));
    }
}

static void send_reply(struct consensus *c, raft_node to, const struct wire_admin_reply *reply)
{
    buf_reset(&c->out);
    wire_encode_admin_reply(&c->out, reply);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, to, CHANNEL_CONTROL, &part, 1);
}

void change_end(struct consensus *c, struct change *change, bool ok, const char *format, ...)
{
    char text[ADMIN_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (change->op != ADMIN_HOLDING)
        log_info("consensus", "administration done", "node=%" PRIu64 " ok=%d text=\"%s\"",
                 change->node, ok, text);
    if (change->admin != NULL) {
        change->admin->ok = ok;
        memcpy(change->admin->text, text, sizeof(text));
        give_back(c, change->admin);
    } else if (change->from != 0) {
        struct wire_admin_reply reply = {
            .boot = change->from_boot, .id = change->from_id, .ok = ok};
        memcpy(reply.text, text, sizeof(text));
        send_reply(c, change->from, &reply);
    }
    const bool has_dialed = change_dials(change->op) && change->step != CHANGE_FORWARDED;
    *change = (struct change){0};
    while (c->changes_used > 0 && c->changes[c->changes_used - 1].step == CHANGE_FREE)
        c->changes_used--;
    if (has_dialed)
        peers_connect(c); /* forgets a node that was not added after all */
}

/* --- beginning -------------------------------------------------------------------------------- */

struct change *change_new(struct consensus *c, enum admin_op op, raft_node node)
{
    for (size_t i = 0; i < CHANGES_MAX; i++) {
        struct change *change = &c->changes[i];
        if (change->step != CHANGE_FREE)
            continue;
        *change = (struct change){.step = CHANGE_START, .id = ++c->next_change, .op = op,
                                  .begun_us = c->now_us,
                                  .deadline_us = c->now_us + CHANGE_START_US};
        *(op == ADMIN_REPLACE ? &change->old : &change->node) = node;
        c->changes_used = MAX(c->changes_used, i + 1);
        return change;
    }
    return NULL;
}

static void forward(struct consensus *c, struct change *change)
{
    const raft_node node = change->op == ADMIN_REPLACE ? change->old : change->node;
    const struct wire_admin request = {.boot = c->boot, .id = change->id, .node = node,
                                       .op = (uint8_t)change->op, .address = change->address};
    buf_reset(&c->out);
    wire_encode_admin(&c->out, &request);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, c->leader, CHANNEL_CONTROL, &part, 1);
    change->step = CHANGE_FORWARDED;
    change->from = c->leader;
    change->deadline_us =
        c->now_us + (change->op == ADMIN_HOLDING ? election_us(c) : CHANGE_FORWARDED_US);
}

void admin_leader_up(struct consensus *c)
{
    for (size_t i = 0; i < c->changes_used; i++)
        if (c->changes[i].step == CHANGE_FORWARDED)
            forward(c, &c->changes[i]);
}

/* WAIT's question to the leader, who alone knows all: members but asker that hold index. */
static void count_holding(const struct consensus *c, raft_node asker, raft_index index,
                          char text[static ADMIN_TEXT_MAX])
{
    struct raft_status status;
    raft_status(c->raft, &status);
    uint64_t count = asker != c->identity.node_id && status.persisted_index >= index;
    for (size_t i = 0; i < status.peer_count; i++)
        count += status.peers[i].node != asker && status.peers[i].match_index >= index;
    snprintf(text, ADMIN_TEXT_MAX, "%" PRIu64, count);
}

/* So many of these questions under way leave room for what operators want. */
static bool asks_too_much(const struct consensus *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->changes_used; i++)
        count += c->changes[i].step != CHANGE_FREE && c->changes[i].op == ADMIN_HOLDING;
    return count >= CHANGES_MAX / 2;
}

void admin_answer(struct consensus *c, struct admin *admin, bool ok, const char *text)
{
    admin->ok = ok;
    snprintf(admin->text, sizeof(admin->text), "%s", text);
    give_back(c, admin);
}

void admin_mail(struct consensus *c, struct admin *admin)
{
    if (admin->op == ADMIN_STATUS) {
        admin->status = xcalloc(1, sizeof(*admin->status));
        consensus_fill_status(c, admin->status);
        admin_answer(c, admin, true, "OK");
        return;
    }
    if (c->raft == NULL) {
        admin_answer(c, admin, false, "this node is not part of a cluster yet");
        return;
    }
    if (c->is_removed) {
        admin_answer(c, admin, false, "this node was removed from its cluster: ask a member");
        return;
    }
    if (admin->op == ADMIN_BACKUP) {
        backup_admin(c, admin);
        return;
    }
    char text[ADMIN_TEXT_MAX];
    if (admin->op == ADMIN_HOLDING && is_leader(c)) {
        count_holding(c, c->identity.node_id, admin->node, text);
        admin_answer(c, admin, true, text);
        return;
    }
    struct change *change = admin->op == ADMIN_HOLDING && asks_too_much(c)
                                ? NULL : change_new(c, admin->op, admin->node);
    if (change == NULL) {
        admin_answer(c, admin, false, TOO_MANY);
        return;
    }
    change->admin = admin;
    snprintf(change->address.host, sizeof(change->address.host), "%s", admin->host);
    change->address.port = admin->port;
}

/* Whether it is under way: it came twice, since its sender's connection broke meanwhile. */
static bool is_copy(const struct consensus *c, raft_node from, const struct wire_admin *request)
{
    for (size_t i = 0; i < c->changes_used; i++) {
        const struct change *change = &c->changes[i];
        if (change->step != CHANGE_FREE && change->admin == NULL && change->from == from &&
            change->from_boot == request->boot && change->from_id == request->id)
            return true;
    }
    return false;
}

void admin_receive(struct consensus *c, raft_node from, const struct wire_admin *request)
{
    if (is_copy(c, from, request))
        return;
    struct wire_admin_reply reply = {.boot = request->boot, .id = request->id};
    if (is_leader(c) && request->op == ADMIN_HOLDING) {
        reply.ok = true;
        count_holding(c, from, request->node, reply.text);
        send_reply(c, from, &reply);
        return;
    }
    struct change *change =
        is_leader(c) ? change_new(c, (enum admin_op)request->op, request->node) : NULL;
    if (change == NULL) {
        snprintf(reply.text, sizeof(reply.text), "%s", is_leader(c)
                 ? TOO_MANY
                 : "leadership has just changed: try again");
        send_reply(c, from, &reply);
        return;
    }
    change->from = from;
    change->from_boot = request->boot;
    change->from_id = request->id;
    change->address = request->address;
}

void admin_reply(struct consensus *c, const struct wire_admin_reply *reply)
{
    if (reply->boot != c->boot)
        return;
    for (size_t i = 0; i < CHANGES_MAX; i++)
        if (c->changes[i].step == CHANGE_FORWARDED && c->changes[i].id == reply->id) {
            change_end(c, &c->changes[i], reply->ok, "%s", reply->text);
            return;
        }
}

void admin_close(struct consensus *c)
{
    for (size_t i = 0; i < CHANGES_MAX; i++)
        if (c->changes[i].step != CHANGE_FREE && c->changes[i].admin != NULL)
            admin_answer(c, c->changes[i].admin, false, "this node stops");
    admin_give_back(c);
    buf_clear(&c->answered);
}

/* --- leadership ------------------------------------------------------------------------------- */

raft_node best_successor(const struct consensus *c)
{
    struct raft_status status;
    raft_status(c->raft, &status);
    const struct raft_peer_status *best = NULL;
    for (size_t i = 0; i < status.peer_count; i++) {
        const struct raft_peer_status *p = &status.peers[i];
        if (!node_set_has(&c->config.incoming, p->node) || p->silent_ticks >= c->o.election_ticks)
            continue;
        if (best == NULL || p->match_index > best->match_index)
            best = p;
    }
    return best == NULL ? 0 : best->node;
}

static void start_transfer(struct consensus *c, struct change *change)
{
    const raft_node to = change->node != 0 ? change->node : best_successor(c);
    if (to == c->identity.node_id) {
        change_end(c, change, true, "OK");
        return;
    }
    switch (core_step(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to}, NULL)) {
    case STATUS_OK:
        change->node = to;
        change->step = CHANGE_TRANSFER;
        change->deadline_us = c->now_us + 2 * election_us(c);
        return;
    case STATUS_BUSY:
        return;
    default:
        change_end(c, change, false, "no voter of that number is there to take over");
        return;
    }
}

static void start(struct consensus *c, struct change *change)
{
    if (!is_leader(c)) {
        if (c->leader != 0 && change->admin != NULL)
            forward(c, change);
        return; /* no leader: perhaps soon */
    }
    if (change->op == ADMIN_HOLDING) /* it was to be forwarded: we have become the leader */
        change_end(c, change, false, "leadership has just changed: try again");
    else if (change->op == ADMIN_TRANSFER)
        start_transfer(c, change);
    else
        membership_start(c, change);
}

static void leadership_is_gone(struct consensus *c, struct change *change)
{
    /* Who removes itself resigns when that is committed; but it may also have lost its office
     * before, and then it is a member still, whose disk the cluster counts on. */
    const bool done = change->op == ADMIN_TRANSFER ||
                      (change->step == CHANGE_VOTER && membership_is_committed(c, change));
    if (done)
        change_end(c, change, true, "OK");
    else
        change_end(c, change, false, "leadership changed meanwhile: look at RAFT STATUS, and ask "
                   "again if it was not done");
}

static void time_is_over(struct consensus *c, struct change *change)
{
    switch (change->step) {
    case CHANGE_CONTACT:
        change_end(c, change, false, "cannot reach an empty node with this cluster's secret at "
                   "%.120s:%u; what is wrong stands in the log of node %" PRIu64,
                   change->address.host, (unsigned)change->address.port, c->identity.node_id);
        return;
    case CHANGE_TRANSFER:
        change_end(c, change, false, "node %" PRIu64 " did not take over in time", change->node);
        return;
    case CHANGE_CATCH_UP:
        if (node_set_has(&c->config.incoming, change->node))
            change_end(c, change, false, "node %" PRIu64 ", a voter, is known there, but it does "
                       "not answer; if its directory was emptied: RAFT REPLACE %" PRIu64
                       " %.100s:%u", change->node, change->node, change->address.host,
                       (unsigned)change->address.port);
        else
            change_end(c, change, false, "node %" PRIu64 " is a learner, but does not catch up; "
                       "if its directory was emptied, remove this number and add it anew",
                       change->node);
        return;
    default:
        change_end(c, change, false, "%s", c->leader == 0
                   ? "the cluster has no leader" : "the cluster did not carry it out in time");
        return;
    }
}

/* --- stopping --------------------------------------------------------------------------------- */

void admin_stop(struct consensus *c)
{
    c->stopping = true;
    c->stop_deadline_us = c->now_us + 2 * election_us(c);
}

static void stop_turn(struct consensus *c)
{
    if (!c->stopping)
        return;
    if (c->raft != NULL && is_leader(c) && c->now_us < c->stop_deadline_us) {
        const raft_node to = best_successor(c);
        if (to != 0) {
            if (!c->stop_transferred)
                step_quietly(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to});
            c->stop_transferred = true;
            return;
        }
    }
    c->stopping = !mailbox_send(c->o.outbox, &(struct shard_mail){.kind = MAIL_STOPPED});
}

void admin_turn(struct consensus *c)
{
    for (size_t i = 0; i < c->changes_used; i++) {
        struct change *change = &c->changes[i];
        const bool on_leader = change->step > CHANGE_START && change->step < CHANGE_FORWARDED;
        if (on_leader && !is_leader(c))
            leadership_is_gone(c, change);
        else if (change->step == CHANGE_FORWARDED && change->from != c->leader)
            leadership_is_gone(c, change);
        else if (change->step != CHANGE_FREE && c->now_us > change->deadline_us)
            time_is_over(c, change);
        else if (change->step == CHANGE_START)
            start(c, change);
        else
            membership_go_on(c, change);
    }
    stop_turn(c);
}
