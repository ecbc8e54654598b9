/* admin.c -- administration: members added and removed, leadership handed over, stopping.
 *
 *   ADD      START -> CONTACT (dial it: is it empty, does it have our secret?)
 *                  -> LEARNER (CONFIG entry: its id is now used up) -> introduced
 *                  -> CATCH_UP -> VOTER (joint change) -> done
 *   REMOVE   START -> VOTER -> done
 *   TRANSFER START -> TRANSFER -> done
 *   on a follower: FORWARDED -> the leader's answer
 *
 * A change lives on the leader that took it; when that leader goes, the answer is that nobody
 * knows, and asking again goes on where it stands: an address that is a learner already is caught
 * up and promoted, a member already voting is fine. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"

#define TOO_MANY "too many administration requests under way: try again later"
#define SECOND_US UINT64_C(1000000)
#define START_US (10 * SECOND_US)   /* for the core to take a change */
#define CONTACT_US (5 * SECOND_US)
#define CHANGE_US (30 * SECOND_US)  /* for a CONFIG entry to be committed */
#define CATCH_UP_US (600 * SECOND_US)
#define FORWARDED_US (700 * SECOND_US)
#define CATCH_UP_LAG 256            /* entries: what goes in one or two APPENDs */

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

static void change_end(struct consensus *c, struct change *change, bool ok, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void change_end(struct consensus *c, struct change *change, bool ok, const char *format, ...)
{
    char text[ADMIN_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_info("consensus", "administration done", "node=%" PRIu64 " ok=%d text=\"%s\"", change->node,
             ok, text);
    if (change->admin != NULL) {
        change->admin->ok = ok;
        memcpy(change->admin->text, text, sizeof(text));
        give_back(c, change->admin);
    } else {
        struct wire_admin_reply reply = {
            .boot = change->from_boot, .id = change->from_id, .ok = ok};
        memcpy(reply.text, text, sizeof(text));
        buf_reset(&c->out);
        wire_encode_admin_reply(&c->out, &reply);
        const struct bytes part = buf_bytes(&c->out);
        peers_send_frame(c, change->from, CHANNEL_CONTROL, &part, 1);
    }
    const bool was_add = change->op == ADMIN_ADD && change->step != CHANGE_FORWARDED;
    *change = (struct change){0};
    while (c->changes_used > 0 && c->changes[c->changes_used - 1].step == CHANGE_FREE)
        c->changes_used--;
    if (was_add)
        peers_connect(c); /* forgets a node that was not added after all */
}

/* --- beginning -------------------------------------------------------------------------------- */

static struct change *change_new(struct consensus *c)
{
    for (size_t i = 0; i < CHANGES_MAX; i++) {
        struct change *change = &c->changes[i];
        if (change->step != CHANGE_FREE)
            continue;
        *change = (struct change){.step = CHANGE_START, .id = ++c->next_change,
                                  .deadline_us = c->now_us + START_US};
        c->changes_used = MAX(c->changes_used, i + 1);
        return change;
    }
    return NULL;
}

static void forward(struct consensus *c, struct change *change)
{
    const struct wire_admin request = {.boot = c->boot, .id = change->id, .node = change->node,
                                       .op = (uint8_t)change->op, .address = change->address};
    buf_reset(&c->out);
    wire_encode_admin(&c->out, &request);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, c->leader, CHANNEL_CONTROL, &part, 1);
    change->step = CHANGE_FORWARDED;
    change->from = c->leader;
    change->deadline_us = c->now_us + FORWARDED_US;
}

void admin_leader_up(struct consensus *c)
{
    for (size_t i = 0; i < c->changes_used; i++)
        if (c->changes[i].step == CHANGE_FORWARDED)
            forward(c, &c->changes[i]);
}

static void answer_at_once(struct consensus *c, struct admin *admin, bool ok, const char *text)
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
        answer_at_once(c, admin, true, "OK");
        return;
    }
    if (c->raft == NULL) {
        answer_at_once(c, admin, false, "this node is not part of a cluster yet");
        return;
    }
    struct change *change = change_new(c);
    if (change == NULL) {
        answer_at_once(c, admin, false, TOO_MANY);
        return;
    }
    change->admin = admin;
    change->op = admin->op;
    change->node = admin->node;
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
    struct change *change = is_leader(c) ? change_new(c) : NULL;
    if (change == NULL) {
        struct wire_admin_reply no = {.boot = request->boot, .id = request->id};
        snprintf(no.text, sizeof(no.text), "%s", is_leader(c)
                 ? TOO_MANY
                 : "leadership has just changed: try again");
        buf_reset(&c->out);
        wire_encode_admin_reply(&c->out, &no);
        const struct bytes part = buf_bytes(&c->out);
        peers_send_frame(c, from, CHANNEL_CONTROL, &part, 1);
        return;
    }
    change->from = from;
    change->from_boot = request->boot;
    change->from_id = request->id;
    change->op = (enum admin_op)request->op;
    change->node = request->node;
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
            answer_at_once(c, c->changes[i].admin, false, "this node stops");
    admin_give_back(c);
    buf_clear(&c->answered);
}

/* --- membership ------------------------------------------------------------------------------- */

/* What the core knows of a member; false: it knows none of that number. */
static bool find_progress(const struct consensus *c, raft_node node, struct raft_peer_status *found)
{
    struct raft_status status;
    raft_status(c->raft, &status);
    for (size_t i = 0; i < status.peer_count; i++) {
        if (status.peers[i].node != node)
            continue;
        *found = status.peers[i];
        return true;
    }
    return false;
}

/* A node that has acknowledged entries and is empty now has lost what it promised to keep: it must
 * come back as somebody new (§6.4), not under its old id. */
void admin_introduce(struct consensus *c, raft_node node)
{
    struct raft_peer_status progress;
    if (!find_progress(c, node, &progress) || progress.match_index > 0)
        return;
    struct block *members = config_block(c, &c->config);
    buf_reset(&c->out);
    struct wire_introduce introduce = {.node = node};
    memcpy(introduce.cluster_id, c->identity.cluster_id, sizeof(introduce.cluster_id));
    memcpy(introduce.hash_key, c->identity.hash_key, sizeof(introduce.hash_key));
    wire_encode_introduce(&c->out, &introduce, block_bytes(members));
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, node, CHANNEL_CONTROL, &part, 1);
    block_unref(members);
}

/* Whether the core has taken the change; if it is busy it is asked again in a later turn. */
static bool change_config(struct consensus *c, struct change *change,
                          const struct raft_config *target)
{
    const struct raft_input input = {.type = RAFT_CHANGE, .config = target};
    switch (raft_step(c->raft, &input, &change->index)) {
    case STATUS_OK:
        change->deadline_us = c->now_us + CHANGE_US;
        return true;
    case STATUS_STALE:
        change_end(c, change, true, "OK");
        return false;
    case STATUS_INVALID:
        change_end(c, change, false, "the cluster cannot have these members: at least one voter "
                   "must stay, and %d nodes are the most", RAFT_NODES_MAX);
        return false;
    default:
        return false;
    }
}

static struct raft_config settled_config(const struct consensus *c)
{
    return (struct raft_config){.incoming = c->config.incoming, .learners = c->config.learners};
}

static void add_learner(struct consensus *c, struct change *change)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (all.count >= RAFT_NODES_MAX) {
        change_end(c, change, false, "a cluster has at most %d nodes", RAFT_NODES_MAX);
        return;
    }
    struct raft_config target = settled_config(c);
    node_set_add(&target.learners, change->node);
    const raft_node next_node = c->next_node;
    c->next_node = MAX(c->next_node, change->node + 1); /* the entry says that this id is used up */
    if (change_config(c, change, &target))
        change->step = CHANGE_LEARNER;
    else
        c->next_node = next_node;
}

/* The member at address; 0 = none. Whoever was there before and is none any more is forgotten. */
static raft_node member_at(struct consensus *c, const struct peer_address *address)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    raft_node node;
    while ((node = book_node_at(&c->book, address)) != 0 && !node_set_has(&all, node)) {
        node_set_remove(&c->guests, node);
        book_forget(&c->book, node);
    }
    return node;
}

static void start_add(struct consensus *c, struct change *change)
{
    if (change->address.host[0] == '\0' || change->address.port == 0) {
        change_end(c, change, false, "an address is host:port of the new node's peer channel");
        return;
    }
    for (size_t i = 0; i < CHANGES_MAX; i++)
        if (&c->changes[i] != change && c->changes[i].step > CHANGE_START &&
            c->changes[i].step < CHANGE_FORWARDED) {
            return; /* one at a time: it has START_US to get its turn */
        }
    const raft_node known = member_at(c, &change->address);
    if (known != 0 && node_set_has(&c->config.incoming, known)) {
        change->node = known;
        change_end(c, change, true, "OK");
    } else if (known != 0 && node_set_has(&c->config.learners, known)) {
        change->node = known;
        change->step = CHANGE_CATCH_UP;
        change->deadline_us = c->now_us + CATCH_UP_US;
        change->proof_us = c->now_us + election_us(c);
    } else {
        change->node = c->next_node;
        change->step = CHANGE_CONTACT;
        change->deadline_us = c->now_us + CONTACT_US;
        book_set(&c->book, change->node, &change->address);
        peers_connect(c);
    }
}

static void start_remove(struct consensus *c, struct change *change)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (!node_set_has(&all, change->node)) {
        change_end(c, change, false, "node %" PRIu64 " is not a member", change->node);
        return;
    }
    struct raft_config target = settled_config(c);
    node_set_remove(&target.incoming, change->node);
    node_set_remove(&target.learners, change->node);
    if (target.incoming.count == 0) {
        change_end(c, change, false, "the last voter cannot be removed");
        return;
    }
    if (change_config(c, change, &target))
        change->step = CHANGE_VOTER;
}

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
    switch (raft_step(c->raft, &(struct raft_input){.type = RAFT_TRANSFER, .node = to}, NULL)) {
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
    switch (change->op) {
    case ADMIN_ADD: start_add(c, change); return;
    case ADMIN_REMOVE: start_remove(c, change); return;
    case ADMIN_TRANSFER: start_transfer(c, change); return;
    case ADMIN_STATUS: break;
    }
    panic("administration request %d cannot be started", (int)change->op);
}

/* --- going on --------------------------------------------------------------------------------- */

static bool entry_is_committed(const struct consensus *c, const struct change *change)
{
    return c->commit_index >= change->index && !config_is_joint(&c->config) &&
           c->config_index <= c->commit_index;
}

/* Is it still who it was when it comes back, or was its directory emptied? An empty node is not
 * introduced again and stays silent; so what it acknowledged earlier counts only once it speaks. */
void admin_peer_lost(struct consensus *c, raft_node node)
{
    for (size_t i = 0; i < c->changes_used; i++)
        if (c->changes[i].step == CHANGE_CATCH_UP && c->changes[i].node == node)
            c->changes[i].proof_us = c->now_us + election_us(c);
}

static void catch_up(struct consensus *c, struct change *change)
{
    struct raft_peer_status progress;
    if (!find_progress(c, change->node, &progress)) {
        change_end(c, change, false, "node %" PRIu64 " was removed meanwhile", change->node);
        return;
    }
    if (progress.match_index == 0 && c->now_us - change->told_us > SECOND_US) {
        change->told_us = c->now_us;
        admin_introduce(c, change->node);
    }
    const struct peer *p = peer_find(c, change->node);
    if (p == NULL || p->heard_us <= change->proof_us || progress.match_index == 0 ||
        progress.match_index + CATCH_UP_LAG < entry_cache_next(&c->cache))
        return;
    struct raft_config target = settled_config(c);
    node_set_remove(&target.learners, change->node);
    node_set_add(&target.incoming, change->node);
    if (change_config(c, change, &target))
        change->step = CHANGE_VOTER;
}

static void go_on(struct consensus *c, struct change *change)
{
    switch (change->step) {
    case CHANGE_FREE:
        return;
    case CHANGE_START:
        start(c, change);
        return;
    case CHANGE_CONTACT: {
        const struct peer *p = peer_find(c, change->node);
        if (p != NULL && p->up[CHANNEL_CONTROL])
            add_learner(c, change);
        return;
    }
    case CHANGE_LEARNER:
        if (!entry_is_committed(c, change))
            return;
        change->step = CHANGE_CATCH_UP;
        change->deadline_us = c->now_us + CATCH_UP_US;
        change->told_us = 0;
        return;
    case CHANGE_CATCH_UP:
        catch_up(c, change);
        return;
    case CHANGE_VOTER:
        if (entry_is_committed(c, change))
            change_end(c, change, true, "OK");
        return;
    case CHANGE_TRANSFER:
    case CHANGE_FORWARDED:
        return;
    }
}

static void leadership_is_gone(struct consensus *c, struct change *change)
{
    /* Who removes itself resigns when that is committed; but it may also have lost its office
     * before, and then it is a member still, whose disk the cluster counts on. */
    const bool done = change->op == ADMIN_TRANSFER ||
                      (change->step == CHANGE_VOTER && entry_is_committed(c, change));
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
        change_end(c, change, false, "node %" PRIu64 " is a learner, but does not catch up; if "
                   "its directory was emptied, remove this number and add it anew", change->node);
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
        else
            go_on(c, change);
    }
    stop_turn(c);
}
