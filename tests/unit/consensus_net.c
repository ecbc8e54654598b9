/* consensus_net.c -- see consensus_net.h. */

#include "test.h"
#include "consensus_net.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/heap.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "machine/entry.h"
#include "node/block.h"
#include "node/lease.h"

#define UNSETTLED_MAX 4
#define WALL_START_MS UINT64_C(1700000000000)
#define NODE_IDS 64
#define TURNS_MAX 10000

enum event_kind { EVENT_TURN, EVENT_FRAME, EVENT_WRITE, EVENT_JOB, EVENT_LINK };

struct event {
    struct heap_node node;
    enum event_kind kind;
    int slot;
    uint64_t life; /* of the slot; of another: void */
    uint64_t from;
    struct block *frame;
    uint64_t write_id;
    const struct log_write *write;
    struct job *job;
    uint64_t peer;
    enum peer_channel channel;
    enum peer_event link;
};

struct batch {
    uint64_t number, term;
    bool mailed;
};

/* What a state store would hold. */
struct state {
    uint64_t index, term, clock_ms;
    struct {
        uint64_t boot, batch;
    } origins[NODE_IDS];
};

struct node {
    struct net *net;
    int slot;
    bool up;
    uint64_t life;
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct consensus *consensus;
    struct mailbox *inbox, *outbox;
    struct lease lease;
    struct log_identity identity;
    uint64_t boot;
    int64_t skew_ms;
    uint32_t level_max, level_said; /* feature level of its build; what it says */
    bool is_outdated;
    uint64_t turn_at;
    uint64_t write_at, slow_us; /* when the last log write ends; what each takes at least */
    bool stalled;
    uint64_t written_id;
    struct peer_address peers[NODE_IDS]; /* as consensus told the transport; host "" = none */

    struct state state, durable; /* the second is what a crash leaves */
    uint64_t term, leader, settled, next_batch;
    uint8_t role;
    struct batch batches[UNSETTLED_MAX];
    uint32_t batch_count;
    uint64_t told_index, told_settled;
    uint64_t read_id, read_floor; /* of the read round in flight; 0 = none */
    uint64_t reads_ok, reads_failed;
    bool read_pending;
    bool may_load; /* once per event: with writes in place, time would stand still otherwise */
    struct admin *answered;
    bool stopped;
};

struct truth {
    uint64_t term;
    uint32_t crc;
    uint64_t clock_ms;
};

struct net {
    struct prng prng;
    struct heap events;
    uint64_t now_us;
    struct net_faults faults;
    bool load, reads;
    uint32_t lease_ms;
    uint64_t replace_dead_ms;
    size_t cache_bytes;
    bool cut[NET_NODES][NET_NODES];
    struct node nodes[NET_NODES];
    struct truth *truth;
    uint64_t truth_count, truth_capacity, acknowledged, frames;
};

/* --- events ----------------------------------------------------------------------------------- */

static struct event *event_new(struct node *node, enum event_kind kind, uint64_t at_us)
{
    struct event *e = xcalloc(1, sizeof(*e));
    e->kind = kind;
    e->slot = node->slot;
    e->life = node->life;
    heap_push(&node->net->events, &e->node, at_us);
    return e;
}

static uint64_t chance_us(struct net *n, uint32_t at_most)
{
    return at_most == 0 ? 0 : prng_below(&n->prng, at_most) + 1;
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t wall_ms(void *context)
{
    const struct node *node = context;
    return WALL_START_MS + node->net->now_us / 1000 + (uint64_t)node->skew_ms;
}

static uint64_t boot_us(void *context)
{
    const struct node *node = context;
    return 1000000 + node->net->now_us;
}

static int slot_of(const struct peer_address *address)
{
    const int slot = address->port - NET_PORT;
    return address->host[0] == '\0' || slot < 0 || slot >= NET_NODES ? -1 : slot;
}

static void deliver(struct node *from, struct node *to, struct block *frame)
{
    struct net *n = from->net;
    struct event *e =
        event_new(to, EVENT_FRAME, n->now_us + 50 + chance_us(n, n->faults.delay_us));
    e->from = from->identity.node_id;
    e->frame = block_ref(frame);
}

static void port_send(void *context, uint64_t to, enum peer_channel channel,
                      const struct bytes *parts, size_t part_count)
{
    struct node *node = context;
    struct net *n = node->net;
    (void)channel;
    assert_true(to < NODE_IDS);
    const int slot = slot_of(&node->peers[to]);
    n->frames++;
    if (slot < 0 || !n->nodes[slot].up || n->cut[node->slot][slot] ||
        node->level_said < consensus_level(n->nodes[slot].consensus))
        return;
    if (n->nodes[slot].identity.node_id != to && n->nodes[slot].identity.node_id != 0)
        return;
    if (prng_chance(&n->prng, n->faults.loss, 1000))
        return;
    size_t size = 0;
    for (size_t i = 0; i < part_count; i++)
        size += parts[i].size;
    struct block *frame = block_alloc(size);
    size_t at = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0)
            memcpy(frame->data + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    deliver(node, &n->nodes[slot], frame);
    if (prng_chance(&n->prng, n->faults.twice, 1000))
        deliver(node, &n->nodes[slot], frame);
    block_unref(frame);
}

/* Whom it connects to says as well if it is empty. */
static void link_event(struct node *node, uint64_t peer, enum peer_event what)
{
    const int slot = slot_of(&node->peers[peer]);
    const bool is_empty = what == PEER_UP && node->net->nodes[slot].identity.node_id == 0;
    for (int i = 0; i < (is_empty ? 4 : 2); i++) {
        struct event *e = event_new(node, EVENT_LINK, node->net->now_us + 200);
        e->peer = peer;
        e->channel = (enum peer_channel)(i % 2);
        e->link = i < 2 ? what : PEER_EMPTY;
    }
}

static void port_peer(void *context, uint64_t peer, const struct peer_address *address)
{
    struct node *node = context;
    assert_true(peer < NODE_IDS);
    node->peers[peer] = address == NULL ? (struct peer_address){0} : *address;
    const int slot = address == NULL ? -1 : slot_of(address);
    if (slot >= 0)
        link_event(node, peer, node->net->nodes[slot].up ? PEER_UP : PEER_REFUSED);
}

/* Tells all that have connections to this node. */
static void links_changed(struct node *node, enum peer_event what)
{
    for (int slot = 0; slot < NET_NODES; slot++) {
        struct node *other = &node->net->nodes[slot];
        if (!other->up || other == node)
            continue;
        for (uint64_t peer = 1; peer < NODE_IDS; peer++)
            if (slot_of(&other->peers[peer]) == node->slot)
                link_event(other, peer, what);
    }
}

static void do_write(struct node *node, const struct log_write *write)
{
    struct error e;
    const enum status status = log_store_write(node->log, write, 1, &e);
    if (status != STATUS_OK)
        fail_msg("log write failed: %s", e.text);
}

static enum submitted port_submit(void *context, const struct log_job *job, bool in_place)
{
    struct node *node = context;
    struct net *n = node->net;
    if (in_place && n->faults.write_us == 0) {
        do_write(node, job->write);
        node->written_id = job->id;
        return SUBMIT_DONE;
    }
    const uint64_t at_us = n->now_us + 20 + chance_us(n, n->faults.write_us);
    node->write_at = MAX(node->write_at + node->slow_us, at_us); /* one after the other */
    struct event *e = event_new(node, EVENT_WRITE, node->write_at);
    e->write = job->write;
    e->write_id = job->id;
    return SUBMIT_QUEUED;
}

static void port_work(void *context, enum worker worker, struct job *job)
{
    struct node *node = context;
    assert_true(worker == WORKER_SNAPSHOT || worker == WORKER_LOOK);
    event_new(node, EVENT_JOB, node->net->now_us + 100 + chance_us(node->net, 2000))->job = job;
}

/* --- the fake shard --------------------------------------------------------------------------- */

static void check_truth(struct net *n, const struct shard_mail *m, uint64_t clock_ms)
{
    const uint32_t crc = m->block == NULL ? 0 : crc32c(m->entry_kind, block_bytes(m->block));
    if (m->index > n->truth_count) {
        assert_int_equal(m->index, n->truth_count + 1);
        if (n->truth_count == n->truth_capacity) {
            n->truth_capacity = n->truth_capacity * 2 + 1024;
            n->truth = xrealloc(n->truth, n->truth_capacity * sizeof(*n->truth));
        }
        n->truth[n->truth_count++] = (struct truth){m->term, crc, clock_ms};
    }
    assert_int_equal(n->truth[m->index - 1].term, m->term);
    assert_int_equal(n->truth[m->index - 1].crc, crc);
}

static void settle(struct node *node, uint64_t number)
{
    assert_true(node->batch_count > 0);
    assert_int_equal(node->batches[0].number, number); /* in order, none passed over */
    node->batch_count--;
    memmove(node->batches, node->batches + 1, node->batch_count * sizeof(*node->batches));
    node->settled = number;
    node->net->acknowledged = MAX(node->net->acknowledged, node->state.index);
}

static void apply(struct node *node, const struct shard_mail *m)
{
    assert_int_equal(m->index, node->state.index + 1);
    assert_true(m->term >= node->state.term);
    uint64_t clock_ms = node->state.clock_ms;
    struct entry_head head = {0};
    if (m->entry_kind == RAFT_DATA) {
        struct reader requests;
        struct error e;
        if (entry_decode(block_bytes(m->block), &head, &requests, &e) != STATUS_OK)
            fail_msg("entry %" PRIu64 ": %s", m->index, e.text);
        assert_true(head.clock_ms >= clock_ms);
        clock_ms = head.clock_ms;
    }
    check_truth(node->net, m, clock_ms);
    node->state.index = m->index;
    node->state.term = m->term;
    node->state.clock_ms = clock_ms;
    if (m->entry_kind == RAFT_DATA) {
        assert_true(head.origin < NODE_IDS);
        /* Exactly once: never the same or an older batch of an origin. */
        const uint64_t boot = node->state.origins[head.origin].boot;
        assert_true(head.boot > boot ||
                    (head.boot == boot && head.batch > node->state.origins[head.origin].batch));
        node->state.origins[head.origin].boot = head.boot;
        node->state.origins[head.origin].batch = head.batch;
        if (head.origin == node->identity.node_id && head.boot == node->boot)
            settle(node, head.batch);
    }
    if (prng_chance(&node->net->prng, node->net->faults.durable, 1000))
        node->durable = node->state;
}

static void read_answered(struct node *node, const struct shard_mail *m)
{
    if (m->read_id != node->read_id || !node->read_pending)
        return;
    node->read_pending = false;
    if (!m->ok) {
        node->reads_failed++;
        return;
    }
    node->reads_ok++;
    if (m->index < node->read_floor)
        fail_msg("slot %d read %" PRIu64 ": index %" PRIu64 " is older than %" PRIu64, node->slot,
                 m->read_id, m->index, node->read_floor);
    if (node->read_floor > 0)
        assert_true(m->clock_ms >= node->net->truth[node->read_floor - 1].clock_ms);
}

static void take_mail(struct node *node, const struct shard_mail *m)
{
    switch (m->kind) {
    case MAIL_COMMITTED:
        apply(node, m);
        block_unref(m->block);
        return;
    case MAIL_INSTALL: case MAIL_FLUSH: break; /* without a state store? */
    case MAIL_READ_INDEX: read_answered(node, m); return;
    case MAIL_STATUS:
        assert_true(m->term >= node->term);
        node->term = m->term;
        node->role = m->role;
        node->leader = m->leader;
        return;
    case MAIL_SILENT: case MAIL_RELAYED: case MAIL_PEER: return;
    case MAIL_ADMIN_DONE: node->answered = m->admin; return;
    case MAIL_STOPPED: node->stopped = true; return;
    }
    fail_msg("unknown mail");
}

static void mail_batch(struct node *node, struct batch *b)
{
    const char content[64] = {0};
    const struct bytes args[] = {
        bytes_of(&b->number, sizeof(b->number)),
        bytes_of(content, 1 + prng_below(&node->net->prng, sizeof(content))),
    };
    struct buf request = {0};
    request_encode(&request, &(struct request){.kind = REQ_COMMAND, .args = args, .arg_count = 2});
    const struct consensus_mail mail = {
        .kind = MAIL_BATCH,
        .block = block_new(buf_bytes(&request)),
        .batch = b->number,
        .term = b->term,
        .count = 1,
    };
    buf_clear(&request);
    b->mailed = mailbox_send(node->inbox, &mail);
    assert_true(b->mailed);
}

/* §3.1 step 11: whatever was not applied although a newer term's entry was, is sealed anew. */
static void seal(struct node *node)
{
    const uint64_t term = MAX(node->term, node->state.term);
    bool older = false;
    for (uint32_t i = 0; i < node->batch_count; i++) {
        struct batch *b = &node->batches[i];
        if (node->state.term > b->term) {
            b->term = term;
            mail_batch(node, b);
        }
        older = older || b->term < term;
    }
    if (!node->net->load || !node->may_load || older || node->leader == 0 ||
        node->batch_count == UNSETTLED_MAX || !prng_chance(&node->net->prng, 1, 2))
        return;
    struct batch *b = &node->batches[node->batch_count++];
    *b = (struct batch){.number = ++node->next_batch, .term = term};
    mail_batch(node, b);
}

static void read_more(struct node *node)
{
    if (!node->net->reads || !node->may_load || node->read_pending)
        return;
    node->read_pending = true;
    node->read_floor = node->net->acknowledged;
    const struct consensus_mail mail = {.kind = MAIL_READ, .read_id = ++node->read_id};
    assert_true(mailbox_send(node->inbox, &mail));
}

static void shard_turn(struct node *node)
{
    struct shard_mail m;
    while (mailbox_receive(node->outbox, &m, 1) == 1)
        take_mail(node, &m);
    if (node->identity.node_id == 0)
        return;
    seal(node);
    read_more(node);
    node->may_load = false;
    if (node->state.index != node->told_index || node->settled != node->told_settled) {
        const struct consensus_mail mail = {
            .kind = MAIL_APPLIED, .index = node->state.index, .batch = node->settled};
        assert_true(mailbox_send(node->inbox, &mail));
        node->told_index = node->state.index;
        node->told_settled = node->settled;
    }
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void turn(struct node *node)
{
    uint64_t due = 0;
    int turns = 0;
    node->may_load = true;
    do {
        due = consensus_turn(node->consensus);
        shard_turn(node);
        assert_true(++turns < TURNS_MAX); /* a half that never comes to rest */
    } while (due <= boot_us(node) || mailbox_count(node->inbox) > 0);
    const uint64_t at = node->net->now_us + (due - boot_us(node));
    if (node->turn_at <= node->net->now_us || at < node->turn_at) {
        node->turn_at = at;
        event_new(node, EVENT_TURN, at);
    }
}

static void introduced(void *context, const struct log_identity *identity)
{
    struct node *node = context;
    assert_int_equal(node->identity.node_id, 0);
    node->identity = *identity;
}

static struct log_store *open_log(struct node *node, bool cluster_init, struct log_recovered *found)
{
    const struct log_store_options options = {.disk = kv_mem_disk(node->disk), .dir = "node"};
    struct error e;
    struct log_store *log;
    if (log_store_open(&options, &log, found, &e) != STATUS_OK)
        fail_msg("slot %d: %s", node->slot, e.text);
    if (cluster_init && found->identity.node_id == 0) {
        found->identity = (struct log_identity){.cluster_id = "a test's cluster", .node_id = 1};
        if (log_store_identify(log, &found->identity, &e) != STATUS_OK)
            fail_msg("slot %d: %s", node->slot, e.text);
    }
    return log;
}

static void node_close(struct node *node)
{
    consensus_close(node->consensus);
    log_store_close(node->log);
    struct shard_mail m;
    while (mailbox_receive(node->outbox, &m, 1) == 1)
        block_unref(m.block);
    mailbox_free(node->inbox);
    mailbox_free(node->outbox);
    node->up = false;
    node->life++;
}

static void outdated(void *context)
{
    ((struct node *)context)->is_outdated = true;
}

bool net_try_start(struct net *n, int slot, bool cluster_init, struct error *e)
{
    struct node *node = &n->nodes[slot];
    assert_false(node->up);
    struct log_recovered found;
    node->log = open_log(node, cluster_init, &found);
    node->life++;
    node->up = true;
    node->identity = found.identity;
    node->boot = found.boot;
    node->state = node->durable;
    node->term = node->leader = node->settled = node->next_batch = 0;
    node->batch_count = 0;
    node->told_index = node->told_settled = node->write_at = node->turn_at = 0;
    node->written_id = 0;
    node->read_pending = node->stopped = false;
    memset(node->peers, 0, sizeof(node->peers));
    node->inbox = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    node->outbox = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    lease_init(&node->lease);

    struct consensus_options options = {
        .log = node->log,
        .recovered = &found,
        .applied_index = node->state.index,
        .applied_term = node->state.term,
        .applied_clock_ms = node->state.clock_ms,
        .inbox = node->inbox,
        .outbox = node->outbox,
        .clock = {node, wall_ms, boot_us},
        .transport = {node, port_send, port_peer},
        .log_writer = {node, port_submit},
        .workers = {node, port_work},
        .tick_ms = 10,
        .heartbeat_ticks = 5,
        .election_ticks = 20,
        .lease_ms = n->lease_ms,
        .replace_dead_ms = n->replace_dead_ms,
        .lease = &node->lease,
        .seed = prng_next(&n->prng),
        .cache_bytes = n->cache_bytes,
        .self = {.host = "net", .port = (uint16_t)(NET_PORT + slot)},
        .cluster_init = cluster_init, .level_max = node->level_max,
        .disk = kv_mem_disk(node->disk), .dir = "node", .disk_reserve = NET_DISK_RESERVE,
        .introduced = introduced, .outdated = outdated,
        .context = node,
    };
    node->consensus = NULL;
    node->is_outdated = false;
    const enum status status = consensus_open(&options, &node->consensus, e);
    log_recovered_clear(&found);
    if (status != STATUS_OK) {
        node_close(node);
        return false;
    }
    links_changed(node, PEER_UP);
    event_new(node, EVENT_TURN, n->now_us);
    return true;
}

void net_start(struct net *n, int slot, bool cluster_init)
{
    struct error e;
    if (!net_try_start(n, slot, cluster_init, &e))
        fail_msg("slot %d: %s", slot, e.text);
}

void net_crash(struct net *n, int slot, enum kv_mem_crash how)
{
    struct node *node = &n->nodes[slot];
    kv_mem_disk_crash(node->disk, how);
    node_close(node);
    links_changed(node, PEER_BROKEN);
    links_changed(node, PEER_REFUSED);
}

void net_wipe(struct net *n, int slot)
{
    struct node *node = &n->nodes[slot];
    kv_mem_disk_free(node->disk);
    node->disk = kv_mem_disk_new(prng_next(&n->prng));
    node->state = node->durable = (struct state){0};
}

/* --- running ---------------------------------------------------------------------------------- */

static void link_build(struct node *node, uint64_t peer)
{
    const int slot = slot_of(&node->peers[peer]);
    const struct peer_build build = {.level = slot < 0 ? 0 : node->net->nodes[slot].level_said};
    consensus_peer_build(node->consensus, peer, &build);
}

static void event_run(struct net *n, struct event *e)
{
    struct node *node = &n->nodes[e->slot];
    const bool valid = node->up && node->life == e->life;
    if (valid) {
        switch (e->kind) {
        case EVENT_TURN:
            node->turn_at = 0;
            break;
        case EVENT_FRAME:
            consensus_receive(node->consensus, e->from, block_bytes(e->frame));
            break;
        case EVENT_WRITE: {
            if (node->stalled || e->write_id != node->written_id + 1) { /* in order */
                heap_push(&n->events, &e->node, n->now_us + 1000);
                return;
            }
            do_write(node, e->write);
            node->written_id = e->write_id;
            const struct consensus_mail mail = {.kind = MAIL_PERSISTED, .id = e->write_id};
            assert_true(mailbox_send(node->inbox, &mail));
            break;
        }
        case EVENT_JOB:
            e->job->work(e->job);
            e->job->done(e->job);
            break;
        case EVENT_LINK:
            link_build(node, e->peer);
            consensus_peer_event(node->consensus, e->peer, e->channel, e->link);
            break;
        }
    }
    block_unref(e->frame);
    free(e);
    if (valid)
        turn(node);
}

bool net_run_until(struct net *n, uint64_t us, bool (*done)(struct net *n, void *context),
                   void *context)
{
    const uint64_t end_us = n->now_us + us;
    while (heap_first(&n->events) != NULL && heap_first(&n->events)->key <= end_us) {
        struct event *e = container_of(heap_pop(&n->events), struct event, node);
        n->now_us = MAX(n->now_us, e->node.key);
        event_run(n, e);
        if (done != NULL && done(n, context))
            return true;
    }
    n->now_us = end_us;
    return false;
}

void net_run(struct net *n, uint64_t us) { net_run_until(n, us, NULL, NULL); }

struct net *net_new(uint64_t seed)
{
    struct net *n = xcalloc(1, sizeof(*n));
    prng_seed(&n->prng, seed);
    heap_init(&n->events);
    n->faults = (struct net_faults){.delay_us = 200, .write_us = 300, .durable = 100};
    for (int slot = 0; slot < NET_NODES; slot++) {
        struct node *node = &n->nodes[slot];
        node->net = n;
        node->slot = slot;
        node->disk = kv_mem_disk_new(prng_next(&n->prng));
        net_set_level(n, slot, FEATURE_LEVEL_MAX, FEATURE_LEVEL_MAX);
    }
    return n;
}

void net_free(struct net *n)
{
    for (int slot = 0; slot < NET_NODES; slot++) {
        if (n->nodes[slot].up)
            node_close(&n->nodes[slot]);
        kv_mem_disk_free(n->nodes[slot].disk);
    }
    struct heap_node *at;
    while ((at = heap_pop(&n->events)) != NULL) {
        struct event *e = container_of(at, struct event, node);
        block_unref(e->frame);
        free(e);
    }
    heap_clear(&n->events);
    free(n->truth);
    free(n);
}

struct prng *net_prng(struct net *n) { return &n->prng; }
void net_set_faults(struct net *n, const struct net_faults *faults) { n->faults = *faults; }
void net_set_lease(struct net *n, uint32_t lease_ms) { n->lease_ms = lease_ms; }
bool net_is_outdated(const struct net *n, int slot) { return n->nodes[slot].is_outdated; }
void net_set_level(struct net *n, int slot, uint32_t level, uint32_t said)
{
    n->nodes[slot].level_max = level;
    n->nodes[slot].level_said = said;
}
void net_set_replace_dead(struct net *n, uint64_t ms) { n->replace_dead_ms = ms; }

void net_announce(struct net *n, int slot, int about, const char *host)
{
    struct peer_address address = {.port = (uint16_t)(NET_PORT + about)};
    snprintf(address.host, sizeof(address.host), "%s", host);
    consensus_peer_address(n->nodes[slot].consensus, n->nodes[about].identity.node_id, &address,
                           false);
}
void net_set_cache(struct net *n, size_t bytes) { n->cache_bytes = bytes; }
bool net_is_up(const struct net *n, int slot) { return n->nodes[slot].up; }
void net_cut(struct net *n, int from, int to, bool cut) { n->cut[from][to] = cut; }
void net_stall(struct net *n, int slot, bool stalled) { n->nodes[slot].stalled = stalled; }
void net_slow(struct net *n, int slot, uint64_t us) { n->nodes[slot].slow_us = us; }
void net_skew(struct net *n, int slot, int64_t ms) { n->nodes[slot].skew_ms = ms; }
struct kv_mem_disk *net_disk(struct net *n, int slot) { return n->nodes[slot].disk; }
uint64_t net_now_us(const struct net *n) { return 1000000 + n->now_us; }
uint64_t net_frames(const struct net *n) { return n->frames; }
struct lease *net_lease(struct net *n, int slot) { return &n->nodes[slot].lease; }

void net_set_load(struct net *n, bool batches, bool reads)
{
    n->load = batches;
    n->reads = reads;
}

int net_leader(const struct net *n)
{
    int leader = -1;
    uint64_t term = 0;
    for (int slot = 0; slot < NET_NODES; slot++) {
        const struct node *node = &n->nodes[slot];
        if (node->up && node->role == RAFT_LEADER && node->leader == node->identity.node_id &&
            node->identity.node_id != 0 && node->term > term) {
            leader = slot;
            term = node->term;
        }
    }
    return leader;
}

bool net_is_settled(struct net *n, void *context)
{
    (void)context;
    const int leader = net_leader(n);
    if (leader < 0)
        return false;
    for (int slot = 0; slot < NET_NODES; slot++) {
        const struct node *node = &n->nodes[slot];
        if (!node->up || node->identity.node_id == 0)
            continue;
        if (node->batch_count > 0 || node->state.index != n->truth_count ||
            node->leader != n->nodes[leader].identity.node_id)
            return false;
    }
    return true;
}

static bool is_answered(struct net *n, void *context)
{
    const int *slot = context;
    return n->nodes[*slot].answered != NULL || !n->nodes[*slot].up;
}

bool net_admin(struct net *n, int slot, const struct admin *request, char text[ADMIN_TEXT_MAX])
{
    struct node *node = &n->nodes[slot];
    struct admin *admin = xcalloc(1, sizeof(*admin));
    *admin = *request;
    node->answered = NULL;
    const struct consensus_mail mail = {.kind = MAIL_ADMIN, .admin = admin};
    assert_true(mailbox_send(node->inbox, &mail));
    event_new(node, EVENT_TURN, n->now_us);
    if (!net_run_until(n, 800 * UINT64_C(1000000), is_answered, &slot))
        fail_msg("an administration request is never answered");
    if (node->answered == NULL)
        return false; /* crashed meanwhile */
    const bool ok = admin->ok;
    memcpy(text, admin->text, ADMIN_TEXT_MAX);
    node->answered = NULL;
    free(admin->status);
    free(admin);
    return ok;
}

struct consensus_status *net_status(struct net *n, int slot)
{
    struct node *node = &n->nodes[slot];
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->op = ADMIN_STATUS;
    node->answered = NULL;
    const struct consensus_mail mail = {.kind = MAIL_ADMIN, .admin = admin};
    assert_true(mailbox_send(node->inbox, &mail));
    turn(node);
    node->answered = NULL;
    struct consensus_status *status = admin->status;
    free(admin);
    return status;
}

struct mailbox *net_inbox(struct net *n, int slot) { return n->nodes[slot].inbox; }
static bool is_stopped(struct net *n, void *context) { return n->nodes[*(int *)context].stopped; }

void net_stop(struct net *n, int slot)
{
    const struct consensus_mail mail = {.kind = MAIL_STOP};
    assert_true(mailbox_send(n->nodes[slot].inbox, &mail));
    event_new(&n->nodes[slot], EVENT_TURN, n->now_us);
    if (!net_run_until(n, 10000000, is_stopped, &slot))
        fail_msg("slot %d does not stop", slot);
}

struct net_node_view net_view(const struct net *n, int slot)
{
    const struct node *node = &n->nodes[slot];
    return (struct net_node_view){
        .node = node->identity.node_id, .boot = node->boot,
        .applied_index = node->state.index, .applied_term = node->state.term,
        .term = node->term, .leader = node->leader, .settled = node->settled,
        .reads_ok = node->reads_ok, .reads_failed = node->reads_failed,
        .last_clock_ms = node->state.clock_ms, .role = node->role, .stopped = node->stopped,
    };
}
