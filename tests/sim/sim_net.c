/* sim_net.c -- connections between simulated nodes: frames in order, with delays; a lost frame or a
 * cut link dooms the connection, whose later frames vanish too until its end is noticed (as TCP's
 * user timeout does); a frame may arrive twice; a dead target refuses. */

#include "sim/sim.h"

#include <stdlib.h>

#include "node/block.h"
#include "node/wire.h"

#define CONNECT_US 300
#define RETRY_US 100000
#define DOOMED_MIN_US 50000
#define DOOMED_MAX_US 1000000
#define STRAY_MAX_US 2000000

struct sim_frame {
    struct sim_event event;
    struct sim_connection *connection;
    struct sim_node *to;
    uint64_t generation, target_life;
    uint64_t from; /* node id of the sender, who may be somebody else by now */
    bool stray;    /* whatever became of the connection */
    struct block *block;
};

static struct sim_node *target_of(struct sim *s, const struct sim_connection *c)
{
    return &s->nodes[c->peer->target];
}

static bool links_work(const struct sim *s, const struct sim_connection *c)
{
    const uint32_t a = c->dialer->position, b = c->peer->target;
    return !s->cut[a][b] && !s->cut[b][a];
}

static void tell(struct sim *s, struct sim_connection *c, enum peer_event event)
{
    struct sim_node *n = c->dialer;
    if (!n->up)
        return;
    SIM_RUN_NODE(s, n, consensus_peer_event(n->consensus, c->peer->node_id, c->channel, event));
    sim_node_wake(s, n);
}

static void break_now(struct sim *s, struct sim_connection *c)
{
    c->state = CONNECTION_DOWN;
    c->generation++;
    tell(s, c, PEER_BROKEN);
    sim_at(s, &c->retry, CONNECT_US);
}

/* Frames vanish from now on; the dialer learns it later. */
static void doom(struct sim *s, struct sim_connection *c)
{
    if (c->state != CONNECTION_UP)
        return;
    c->state = CONNECTION_DOOMED;
    sim_at(s, &c->retry, DOOMED_MIN_US + sim_random(s, DOOMED_MAX_US - DOOMED_MIN_US));
}

/* Somebody is at port and accepts the hello: it is who the dialer means, or nobody yet. */
static bool hello_fits(struct sim *s, const struct sim_connection *c, uint16_t port)
{
    const struct sim_node *target = target_of(s, c);
    if (!target->up || sim_node_port(target) != port ||
        c->dialer->level_max < consensus_level(target->consensus))
        return false;
    return target->node_id == 0 || target->node_id == c->peer->node_id;
}

/* Nobody is where the peer was last: it is looked for where the operator said, too. */
static void try_hint(struct sim *s, const struct sim_connection *c)
{
    struct sim_node *n = c->dialer;
    const struct peer_address address = {.host = "sim", .port = n->hints[c->peer->target]};
    if (!n->up || address.port == 0 || !hello_fits(s, c, address.port))
        return;
    SIM_RUN_NODE(s, n, consensus_peer_address(n->consensus, c->peer->node_id, &address, false));
    sim_node_wake(s, n);
}

/* The target learns who the dialer is, and where. */
static void say_hello(struct sim *s, const struct sim_connection *c)
{
    struct sim_node *target = target_of(s, c);
    const struct peer_address address = {.host = "sim",
                                         .port = sim_node_port(c->dialer)};
    SIM_RUN_NODE(s, target, consensus_peer_address(target->consensus, c->dialer->node_id, &address,
                                                   false));
    sim_node_wake(s, target);
}

static void tell_build(struct sim *s, const struct sim_connection *c)
{
    struct sim_node *n = c->dialer;
    const struct peer_build build = {.level = target_of(s, c)->level_max};
    if (n->up && c->channel == CHANNEL_CONTROL)
        SIM_RUN_NODE(s, n, consensus_peer_build(n->consensus, c->peer->node_id, &build));
}

static void retry(struct sim *s, struct sim_event *e)
{
    struct sim_connection *c = container_of(e, struct sim_connection, retry);
    if (!c->dialer->up || c->peer->node_id == 0)
        return;
    if (c->state == CONNECTION_UP && links_work(s, c)) /* answers come again */
        return;
    if (c->state == CONNECTION_UP || c->state == CONNECTION_DOOMED) {
        break_now(s, c);
        return;
    }
    CHECK(c->state == CONNECTION_DOWN);
    if (!links_work(s, c)) { /* no answer at all */
        sim_at(s, &c->retry, RETRY_US + sim_random(s, RETRY_US));
        return;
    }
    if (!hello_fits(s, c, c->peer->port)) {
        tell(s, c, PEER_REFUSED);
        try_hint(s, c);
        sim_at(s, &c->retry, RETRY_US / 2 + sim_random(s, RETRY_US));
        return;
    }
    c->state = CONNECTION_UP;
    c->generation++;
    c->last_arrival_us = s->now_us;
    say_hello(s, c);
    tell_build(s, c);
    tell(s, c, PEER_UP);
    if (target_of(s, c)->node_id == 0)
        tell(s, c, PEER_EMPTY);
}

/* What was sent arrives, but the answers do not: in the end the dialer gives the connection up. */
static void miss_answers(struct sim *s, struct sim_connection *c)
{
    if (!s->options.acked || links_work(s, c) || c->retry.node.position != 0)
        return;
    sim_at(s, &c->retry, DOOMED_MIN_US + sim_random(s, DOOMED_MAX_US - DOOMED_MIN_US));
}

static void arrive(struct sim *s, struct sim_event *e)
{
    struct sim_frame *f = container_of(e, struct sim_frame, event);
    struct sim_connection *c = f->connection;
    struct sim_node *to = f->to;
    const bool connected = (c->state == CONNECTION_UP || c->state == CONNECTION_LINGERS) &&
                           c->generation == f->generation;
    const bool valid = (connected || f->stray) && to->up && to->life == f->target_life;
    if (valid && !f->stray && s->cut[c->dialer->position][to->position]) {
        doom(s, c);
    } else if (valid) {
        if (connected)
            miss_answers(s, c);
        SIM_RUN_NODE(s, to, consensus_receive(to->consensus, f->from, block_bytes(f->block)));
        sim_node_wake(s, to);
    }
    block_unref(f->block);
    free(f);
}

static struct sim_frame *new_frame(struct sim *s, struct sim_connection *c, struct block *block)
{
    struct sim_frame *f = xcalloc(1, sizeof(*f));
    f->event.happen = arrive;
    f->event.owns_memory = true;
    f->connection = c;
    f->generation = c->generation;
    f->to = target_of(s, c);
    f->target_life = f->to->life;
    f->from = c->dialer->node_id;
    f->block = block;
    return f;
}

static void deliver(struct sim *s, struct sim_connection *c, struct block *block, uint64_t delay_us)
{
    struct sim_frame *f = new_frame(s, c, block);
    c->last_arrival_us = MAX(c->last_arrival_us, s->now_us + delay_us);
    sim_at(s, &f->event, c->last_arrival_us - s->now_us);
}

static void deliver_stray(struct sim *s, struct sim_connection *c, struct block *block)
{
    struct sim_frame *f = new_frame(s, c, block);
    f->stray = true;
    sim_at(s, &f->event, sim_random(s, STRAY_MAX_US));
}

static struct sim_peer *peer_of(struct sim_node *n, uint64_t node_id)
{
    for (size_t i = 0; i < ARRAY_COUNT(n->peers); i++)
        if (n->peers[i].node_id == node_id)
            return &n->peers[i];
    return NULL;
}

static void damage(struct sim *s, struct block *block)
{
    if (block->size > 1 && block->data[1] == WIRE_SNAPSHOT_CHUNK && !s->quiet &&
        sim_random(s, 1000000) < s->profile->chunk_damage_ppm)
        block->data[block->size - 1] ^= 1;
}

static void net_send(void *context, uint64_t to, enum peer_channel channel,
                     const struct bytes *parts, size_t part_count)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    struct sim_peer *peer = peer_of(n, to);
    if (peer == NULL || peer->connection[channel].state != CONNECTION_UP)
        return;
    struct sim_connection *c = &peer->connection[channel];
    if (sim_random(s, 1000000) < s->profile->frame_loss_ppm && !s->quiet) {
        doom(s, c);
        return;
    }
    size_t size = 0;
    for (size_t i = 0; i < part_count; i++)
        size += parts[i].size;
    struct block *block = block_alloc(size);
    size_t at = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0)
            memcpy(block->data + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    damage(s, block);
    const uint64_t delay_us = 50 + sim_random(s, s->quiet ? 200 : s->profile->delay_max_us) +
                              s->slow_us[n->position][peer->target];
    if (sim_random(s, 1000000) < s->profile->frame_copy_ppm)
        deliver(s, c, block_ref(block), delay_us);
    if (sim_random(s, 1000000) < s->profile->frame_stray_ppm)
        deliver_stray(s, c, block_ref(block));
    deliver(s, c, block, delay_us);
}

static void net_peer(void *context, uint64_t node, const struct peer_address *address)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    struct sim_peer *peer = peer_of(n, node);
    if (address == NULL) {
        if (peer != NULL) {
            for (int k = 0; k < 2; k++) {
                peer->connection[k].state = CONNECTION_DOWN;
                peer->connection[k].generation++;
            }
            peer->node_id = 0;
        }
        return;
    }
    CHECK(address->port >= 1);
    CHECK((address->port - 1u) % SIM_NODES_MAX < s->options.node_count);
    if (peer != NULL && peer->port == address->port)
        return;
    if (peer == NULL) {
        peer = peer_of(n, 0);
        CHECK(peer != NULL);
    }
    peer->node_id = node;
    peer->target = (address->port - 1u) % SIM_NODES_MAX;
    peer->port = address->port;
    for (int k = 0; k < 2; k++) {
        struct sim_connection *c = &peer->connection[k];
        c->retry.happen = retry;
        c->dialer = n;
        c->peer = peer;
        c->channel = (enum peer_channel)k;
        c->state = CONNECTION_DOWN;
        c->generation++;
        sim_at(s, &c->retry, CONNECT_US + sim_random(s, CONNECT_US));
    }
}

struct transport_port sim_net_port(struct sim_node *n)
{
    return (struct transport_port){.context = n, .send = net_send, .peer = net_peer};
}

void sim_net_break(struct sim *s, struct sim_peer *peer, enum peer_channel channel)
{
    if (peer->node_id != 0 && peer->connection[channel].state == CONNECTION_UP)
        break_now(s, &peer->connection[channel]);
}

/* What n had dialed. By chance what it sent before it died still arrives. */
static void end_own(struct sim *s, struct sim_node *n)
{
    for (size_t i = 0; i < ARRAY_COUNT(n->peers); i++) {
        struct sim_peer *peer = &n->peers[i];
        if (peer->node_id == 0)
            continue;
        for (int k = 0; k < 2; k++) {
            struct sim_connection *c = &peer->connection[k];
            heap_remove(&s->events, &c->retry.node);
            if (c->state == CONNECTION_UP && sim_random(s, 2) == 0) {
                c->state = CONNECTION_LINGERS;
                continue;
            }
            c->generation++;
            c->state = CONNECTION_DOWN;
        }
        peer->node_id = 0;
    }
}

/* While n was empty whoever wanted could connect. The dialers learn it a little later: this runs
 * within n's turn. */
void sim_net_identified(struct sim *s, struct sim_node *n)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        for (size_t p = 0; p < ARRAY_COUNT(s->nodes[i].peers); p++) {
            struct sim_peer *peer = &s->nodes[i].peers[p];
            if (peer->node_id == 0 || peer->target != n->position || peer->node_id == n->node_id)
                continue;
            for (int k = 0; k < 2; k++) {
                if (peer->connection[k].state != CONNECTION_UP)
                    continue;
                peer->connection[k].state = CONNECTION_DOOMED;
                peer->connection[k].generation++;
                sim_at(s, &peer->connection[k].retry, CONNECT_US);
            }
        }
    }
}

/* n's process ended. Its own connections are gone; who had one to it is told, if there is a way. */
void sim_net_down(struct sim *s, struct sim_node *n)
{
    end_own(s, n);
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        struct sim_node *other = &s->nodes[i];
        for (size_t p = 0; p < ARRAY_COUNT(other->peers); p++) {
            struct sim_peer *peer = &other->peers[p];
            if (other == n || peer->node_id == 0 || peer->target != n->position)
                continue;
            for (int k = 0; k < 2; k++) {
                struct sim_connection *c = &peer->connection[k];
                if (c->state == CONNECTION_DOWN)
                    continue;
                c->state = CONNECTION_DOOMED;
                sim_at(s, &c->retry, links_work(s, c) ? CONNECT_US
                       : DOOMED_MIN_US + sim_random(s, DOOMED_MAX_US));
            }
        }
    }
}
