/* peers.c -- frames from peers to the core, the core's messages to peers.
 *
 * An APPEND is put together from the cache of recent entries; one whose entries are no longer there
 * waits while the snapshot worker reads them, and later APPENDs to that peer wait behind it:
 *
 *     APPEND -> entries cached? -- yes --> transport
 *                    | no
 *                 fetch (worker) ... next turn ... -> transport, then those that waited
 *
 * Whatever goes wrong on that way (compacted, replaced, too many waiting) sends the core back to
 * probing that peer (RAFT_UNREACHABLE): nothing is lost that Raft does not send again. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "machine/entry.h"

#define FRAMES_PER_FLUSH 64 /* the core's outbox has room for the replies to these */

/* --- who there is ----------------------------------------------------------------------------- */

void peers_init(struct consensus *c)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        queue_init(&c->peers[i].waiting);
}

struct peer *peer_find(struct consensus *c, raft_node node)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (c->peers[i].node == node)
            return &c->peers[i];
    return NULL;
}

struct peer *peer_need(struct consensus *c, raft_node node)
{
    CHECK(node != 0);
    struct peer *p = peer_find(c, node);
    if (p != NULL)
        return p;
    p = peer_find(c, 0);
    if (p != NULL)
        p->node = node;
    return p;
}

static void drop_waiting(struct peer *p)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&p->waiting)) != NULL)
        free(container_of(node, struct held_message, node));
    p->waiting_count = 0;
}

static void peer_clear(struct peer *p)
{
    drop_waiting(p);
    if (p->fetch != NULL)
        p->fetch->peer = 0; /* when it is done nobody wants it */
    *p = (struct peer){0};
    queue_init(&p->waiting);
}

/* The configurations that its log passes on its way are of before its time, and may know none of
 * those who feed it. */
bool is_newcomer(const struct consensus *c)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    return !node_set_has(&all, c->identity.node_id);
}

/* Whether the transport should keep connections to node: a member, one that is being added, one
 * that takes us for a member, our leader whatever our log says; to a newcomer all that it knows. */
static bool is_wanted(const struct consensus *c, raft_node node)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (c->is_removed)
        return false;
    if (node_set_has(&all, node) || node_set_has(&c->guests, node))
        return true;
    if ((node == c->leader || is_newcomer(c)) && book_find(&c->book, node) != NULL)
        return true;
    for (size_t i = 0; i < CHANGES_MAX; i++)
        if (c->changes[i].step != CHANGE_FREE && change_dials(c->changes[i].op) &&
            c->changes[i].node == node)
            return true;
    return false;
}

/* Addresses of nodes that are gone; to a newcomer, none is. */
static void forget_gone(struct consensus *c)
{
    if (is_newcomer(c))
        return;
    for (uint32_t i = c->book.count; i > 0; i--) {
        const raft_node node = c->book.entries[i - 1].node;
        if (node != c->identity.node_id && !is_wanted(c, node))
            book_forget(&c->book, node);
    }
}

void peers_connect(struct consensus *c)
{
    for (uint32_t i = 0; i < c->config.incoming.count; i++)
        node_set_remove(&c->guests, c->config.incoming.node[i]);
    forget_gone(c);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        const raft_node node = c->peers[i].node;
        if (node == 0 || is_wanted(c, node))
            continue;
        c->o.transport.peer(c->o.transport.context, node, NULL);
        relay_forget(c, node);
        peer_clear(&c->peers[i]);
    }
    for (uint32_t i = 0; i < c->book.count; i++) {
        const struct address_entry *known = &c->book.entries[i];
        if (known->node == c->identity.node_id || !is_wanted(c, known->node))
            continue;
        struct peer *p = peer_need(c, known->node);
        if (p == NULL || address_equal(&p->address, &known->address))
            continue;
        p->address = known->address;
        c->o.transport.peer(c->o.transport.context, known->node, &known->address);
    }
}

void peers_drop_inbound(struct consensus *c)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&c->inbound)) != NULL) {
        struct inbound *in = container_of(node, struct inbound, node);
        block_unref(in->frame);
        free(in);
    }
    c->inbound_bytes = 0;
}

void peers_close_all(struct consensus *c)
{
    struct queue_node *node;
    peers_drop_inbound(c);
    for (size_t i = 0; i < PEERS_MAX; i++)
        peer_clear(&c->peers[i]);
    while ((node = queue_first(&c->fetches)) != NULL)
        fetch_free(container_of(node, struct fetch, node));
}

/* --- old entries ------------------------------------------------------------------------------ */

static void fetch_work(struct job *job)
{
    struct fetch *f = container_of(job, struct fetch, job);
    f->status = log_store_read(f->log, &f->range, &f->block, &f->error);
}

static void fetch_done(struct job *job)
{
    container_of(job, struct fetch, job)->done = true;
}

struct fetch *fetch_start(struct consensus *c, raft_node peer, const struct log_range *range)
{
    struct fetch *f = xcalloc(1, sizeof(*f));
    f->consensus = c;
    f->peer = peer;
    f->log = c->o.log;
    f->range = *range;
    f->job = (struct job){fetch_work, fetch_done};
    queue_push_back(&c->fetches, &f->node);
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &f->job);
    return f;
}

void fetch_free(struct fetch *f)
{
    queue_remove(&f->node);
    log_block_clear(&f->block);
    free(f);
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t size_of(const struct bytes *parts, size_t part_count)
{
    size_t size = 0;
    for (size_t i = 0; i < part_count; i++)
        size += parts[i].size;
    return size;
}

/* Messages of the core are told of where they are put together. */
static void show_sent(struct consensus *c, raft_node to, const struct bytes *parts,
                      size_t part_count)
{
    const uint8_t type = bytes_data(parts[0])[1]; /* behind the version: wire.h */
    const struct sight ends = {.is_out = true, .from = c->identity.node_id, .to = to,
                               .bytes = (uint32_t)size_of(parts, part_count)};
    if (type != WIRE_RAFT)
        sight_frame(c, &ends, type);
}

static void show_taken(struct consensus *c, raft_node from, const struct wire_frame *f, size_t size)
{
    const struct sight ends = {.from = from, .to = c->identity.node_id, .bytes = (uint32_t)size};
    if (f->type != WIRE_RAFT)
        sight_frame(c, &ends, (uint8_t)f->type);
}

void peers_send_frame(struct consensus *c, raft_node to, enum peer_channel channel,
                      const struct bytes *parts, size_t part_count)
{
    c->messages_sent++;
    if (is_watched(&c->o.sight))
        show_sent(c, to, parts, part_count);
    c->o.transport.send(c->o.transport.context, to, channel, parts, part_count);
}

static enum peer_channel channel_of(enum raft_message_type type)
{
    switch (type) {
    case RAFT_MSG_APPEND:
    case RAFT_MSG_APPEND_REPLY:
    case RAFT_MSG_SNAPSHOT:
    case RAFT_MSG_SNAPSHOT_REPLY:
        return CHANNEL_DATA;
    default:
        return CHANNEL_CONTROL;
    }
}

/* parts[0] is kept for the head; parts[1 + i] and entries[i] are those of the message. */
struct append {
    struct bytes parts[1 + RAFT_APPEND_ENTRIES_MAX];
    struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
};

static void send_parts(struct consensus *c, const struct raft_message *m, struct append *a)
{
    const struct wire_raft_out out = {
        .message = m,
        .wall_ms = c->o.clock.wall_ms(c->o.clock.context),
        .space = (uint8_t)c->space.told,
        .entries = a->entries,
    };
    buf_reset(&c->out);
    wire_encode_raft(&c->out, &out);
    a->parts[0] = buf_bytes(&c->out);
    if (is_watched(&c->o.sight))
        sight_raft(c, true, m, size_of(a->parts, 1 + m->entry_count));
    peers_send_frame(c, m->to, channel_of(m->type), a->parts, 1 + m->entry_count);
}

/* The entries of m but the first ones; false when one of them is not in the cache. */
static bool collect_cached(const struct consensus *c, const struct raft_message *m, uint32_t first,
                           struct append *a)
{
    for (uint32_t i = first; i < m->entry_count; i++) {
        const struct cached_entry *entry = entry_cache_get(&c->cache, m->index + 1 + i);
        if (entry == NULL)
            return false;
        const struct bytes payload = cached_payload(entry);
        a->entries[i] = (struct raft_entry){entry->term, (uint32_t)payload.size, entry->kind};
        a->parts[1 + i] = payload;
    }
    return true;
}

static void send_append(struct consensus *c, const struct raft_message *m)
{
    struct peer *p = peer_find(c, m->to);
    if (p == NULL)
        return;
    struct append a;
    if (p->fetch == NULL && collect_cached(c, m, 0, &a)) {
        send_parts(c, m, &a);
        return;
    }
    if (p->fetch == NULL) {
        const raft_index to = MIN(m->index + m->entry_count, c->cache.first - 1);
        const struct log_range range = {m->index + 1, to, SIZE_MAX};
        p->fetch = fetch_start(c, p->node, &range);
        p->fetch->message = *m;
        return;
    }
    if (p->waiting_count == PEER_WAITING_MAX) {
        drop_waiting(p);
        p->unreachable = true;
        return;
    }
    struct held_message *held = xmalloc(sizeof(*held));
    held->message = *m;
    queue_push_back(&p->waiting, &held->node);
    p->waiting_count++;
}

void peers_send(struct consensus *c, const struct raft_message *m)
{
    if (m->entry_count > 0) {
        send_append(c, m);
        return;
    }
    struct append none; /* its arrays are not looked at */
    send_parts(c, m, &none);
}

/* Whether what was read is still what the message means, of the terms the core knows; the rest of
 * its entries is in the cache. */
static bool collect_fetched(const struct consensus *c, const struct fetch *f, struct append *a)
{
    const struct raft_message *m = &f->message;
    const size_t count = f->range.to - f->range.from + 1;
    if (f->status != STATUS_OK || f->block.count != count || m->term != c->term)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct log_entry *read = &f->block.entries[i];
        struct raft_entry e;
        if (!raft_entry_at(c->raft, f->range.from + i, &e) || e.term != read->term)
            return false;
        a->entries[i] = (struct raft_entry){read->term, (uint32_t)read->payload.size, read->kind};
        a->parts[1 + i] = read->payload;
    }
    return collect_cached(c, m, (uint32_t)count, a);
}

static void fetch_finished(struct consensus *c, struct fetch *f)
{
    struct peer *p = f->peer == 0 ? NULL : peer_find(c, f->peer);
    if (p == NULL) {
        fetch_free(f);
        return;
    }
    CHECK(p->fetch == f);
    p->fetch = NULL;
    struct append a;
    if (collect_fetched(c, f, &a)) {
        send_parts(c, &f->message, &a);
    } else {
        if (f->status != STATUS_OK && f->status != STATUS_NOT_FOUND)
            panic("cannot read log entry %" PRIu64 ": %s", f->range.from, f->error.text);
        drop_waiting(p);
        p->unreachable = true;
    }
    fetch_free(f);

    struct queue_node *node;
    while (p->fetch == NULL && (node = queue_pop_front(&p->waiting)) != NULL) {
        struct held_message *held = container_of(node, struct held_message, node);
        p->waiting_count--;
        if (held->message.term == c->term)
            send_append(c, &held->message);
        free(held);
    }
}

void peers_turn(struct consensus *c)
{
    struct queue_node *next;
    for (struct queue_node *at = queue_first(&c->fetches); at != NULL; at = next) {
        next = queue_next(&c->fetches, at);
        struct fetch *f = container_of(at, struct fetch, node);
        if (f->done && f != c->lagging)
            fetch_finished(c, f);
    }
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &c->peers[i];
        if (p->node != 0 && p->unreachable)
            step_quietly(c, &(struct raft_input){.type = RAFT_UNREACHABLE, .node = p->node});
        p->unreachable = false;
    }
}

/* --- receiving -------------------------------------------------------------------------------- */

void consensus_receive_block(struct consensus *c, uint64_t from, struct block *frame)
{
    if (from == 0 || c->inbound_bytes + frame->size > INBOUND_BYTES_MAX) {
        block_unref(frame);
        return;
    }
    struct inbound *in = xmalloc(sizeof(*in));
    in->from = from;
    in->frame = frame;
    c->inbound_bytes += frame->size;
    queue_push_back(&c->inbound, &in->node);
}

void consensus_receive(struct consensus *c, uint64_t from, struct bytes frame)
{
    consensus_receive_block(c, from, block_new(frame));
}

/* A DATA entry that was damaged on its way must not get into the log: its checksum is looked at. */
static bool entries_are_whole(struct consensus *c, const struct wire_raft *raft)
{
    for (uint32_t i = 0; i < raft->message.entry_count; i++) {
        if (raft->entries[i].kind != RAFT_DATA)
            continue;
        struct entry_head head;
        struct reader requests;
        const enum status status = entry_decode(raft->payloads[i], &head, &requests, NULL);
        if (status == STATUS_OK)
            clock_seen(c, head.clock_ms);
        else if (status != STATUS_INVALID) /* a newer format is whole for all we know */
            return false;
    }
    return true;
}

static void cache_received(struct consensus *c, const struct wire_raft *raft, raft_index first)
{
    const struct raft_message *m = &raft->message;
    entry_cache_truncate(&c->cache, first);
    if (first <= c->config_index || m->config != NULL)
        c->config_changed = true;
    for (uint32_t i = (uint32_t)(first - m->index - 1); i < m->entry_count; i++) {
        const struct cached_entry entry = {
            .block = raft->payloads[i].size == 0 ? NULL : block_new(raft->payloads[i]),
            .term = raft->entries[i].term,
            .kind = raft->entries[i].kind,
        };
        entry_cache_put(&c->cache, &entry);
    }
    if (m->config != NULL)
        members_said(c, m->index + m->entry_count, &raft->members);
}

static void receive_raft(struct consensus *c, raft_node from, struct wire_raft *raft, size_t bytes)
{
    struct raft_message *m = &raft->message;
    m->from = from;
    m->to = c->identity.node_id;
    if (is_watched(&c->o.sight))
        sight_raft(c, false, m, bytes);
    if (m->type == RAFT_MSG_APPEND && snapshot_is_installing(c))
        return; /* the log is about to be cut; it comes again */
    if (m->type == RAFT_MSG_SNAPSHOT || !entries_are_whole(c, raft)) {
        c->frames_bad++;
        return;
    }
    struct peer *p = peer_find(c, from);
    if (p != NULL && m->type == RAFT_MSG_HEARTBEAT_REPLY) {
        p->wall_ahead_ms = (int64_t)(raft->wall_ms - c->o.clock.wall_ms(c->o.clock.context));
        p->wall_known = true;
    }
    space_heard(c, from, raft);
    if (space_refuses(c, m))
        return;
    cache_fill(c); /* NOOPs of our own come before what this may append */
    raft_index first;
    const enum status status =
        core_step(c, &(struct raft_input){.type = RAFT_RECEIVE, .message = m}, &first);
    if (status == STATUS_BAD_MESSAGE)
        c->frames_bad++;
    if (first != 0)
        cache_received(c, raft, first);
}

static void want_commit(struct consensus *c, raft_node from)
{
    step_quietly(c, &(struct raft_input){.type = RAFT_COMMIT_WANTED, .node = from});
}

/* What only newer builds can take is not taken, nor is anything behind it: this node ends. */
static bool is_above_us(struct consensus *c, raft_node from, uint32_t level)
{
    if (level <= c->o.level_max)
        return false;
    if (!c->is_outdated) {
        log_error("consensus", "the cluster has a feature level that this build does not know: "
                  "this node ends; run the newer version", "from=%" PRIu64 " level=%u known=%u",
                  from, level, c->o.level_max);
        if (c->o.outdated != NULL)
            c->o.outdated(c->o.context);
    }
    c->is_outdated = true;
    return true;
}

static void receive_frame(struct consensus *c, raft_node from, struct bytes bytes)
{
    struct wire_frame *f = c->frame;
    const bool is_decoded = wire_decode(bytes, f);
    if (is_above_us(c, from, f->level))
        return;
    if (!is_decoded) {
        c->frames_bad++;
        return;
    }
    if (c->raft == NULL) {
        if (f->type == WIRE_INTRODUCE)
            consensus_become(c, &f->introduce);
        return;
    }
    if (is_watched(&c->o.sight))
        show_taken(c, from, f, bytes.size);
    switch (f->type) {
    case WIRE_RAFT: receive_raft(c, from, &f->raft, bytes.size); return;
    case WIRE_PROPOSE: batches_receive(c, from, &f->propose); return;
    case WIRE_PROPOSE_FROM: batches_from(c, &f->propose_from); return;
    case WIRE_READ: rounds_receive(c, from, &f->read); return;
    case WIRE_READ_REPLY: rounds_reply(c, &f->read_reply); return;
    case WIRE_ADMIN: admin_receive(c, from, &f->admin); return;
    case WIRE_ADMIN_REPLY: admin_reply(c, &f->admin_reply); return;
    case WIRE_INTRODUCE: /* we know who we are, but perhaps not where the others are by now */
        if (f->introduce.node == c->identity.node_id && is_newcomer(c) &&
            memcmp(f->introduce.cluster_id, c->identity.cluster_id, 16) == 0) {
            learn_members(c, &f->introduce.members);
            peers_connect(c);
        }
        return;
    case WIRE_SNAPSHOT_OFFER: snapshot_receive_offer(c, from, &f->offer); return;
    case WIRE_SNAPSHOT_CHUNK: snapshot_receive_chunk(c, from, &f->chunk); return;
    case WIRE_SNAPSHOT_ACK: snapshot_send_ack(c, from, &f->ack); return;
    case WIRE_DIGEST: digest_receive(c, from, &f->digest); return;
    case WIRE_VERDICT: digest_verdict(c, &f->verdict); return;
    case WIRE_REMOVED: caretaker_removed(c, &f->removed); return;
    case WIRE_RELAY: relay_receive(c, from, &f->relay); return;
    case WIRE_COMMIT_WANTED: want_commit(c, from); return;
    case WIRE_TYPE_END: return;
    }
}

void peers_receive(struct consensus *c)
{
    struct queue_node *node;
    for (unsigned count = 1; (node = queue_pop_front(&c->inbound)) != NULL; count++) {
        struct inbound *in = container_of(node, struct inbound, node);
        c->messages_received++;
        c->inbound_bytes -= in->frame->size;
        struct peer *p = peer_find(c, in->from);
        if (p != NULL)
            p->heard_us = c->now_us;
        receive_frame(c, in->from, block_bytes(in->frame));
        block_unref(in->frame);
        free(in);
        if (count % FRAMES_PER_FLUSH == 0 && c->raft != NULL)
            output_flush(c);
    }
}

/* --- events of connections -------------------------------------------------------------------- */

/* An entry that raises it may yet be truncated by who does not know the level. */
uint32_t consensus_level(const struct consensus *c)
{
    for (uint32_t i = c->said.count; i > 0; i--)
        if (c->said.at[i - 1].index <= c->commit_index)
            return c->said.at[i - 1].members.level;
    return FEATURE_LEVEL_FIRST;
}

void consensus_peer_build(struct consensus *c, uint64_t node, const struct peer_build *build)
{
    struct peer *p = node == 0 ? NULL : peer_find(c, node);
    if (p != NULL)
        p->build = *build;
}

/* It may come back as another build. */
static void link_down(struct peer *p, enum peer_channel channel)
{
    p->up[channel] = false;
    if (channel == CHANNEL_CONTROL)
        p->build = (struct peer_build){0};
}

void consensus_peer_event(struct consensus *c, uint64_t node, enum peer_channel channel,
                          enum peer_event event)
{
    struct peer *p = node == 0 ? NULL : peer_find(c, node);
    if (p == NULL)
        return;
    if (channel == CHANNEL_DATA)
        relay_peer(c, p, event == PEER_UP);
    switch (event) {
    case PEER_UP:
        p->up[channel] = true;
        if (node == c->leader && channel == CHANNEL_DATA)
            batches_resend(c);
        if (channel == CHANNEL_DATA)
            snapshot_send_up(c, node);
        if (node == c->leader && channel == CHANNEL_CONTROL)
            admin_leader_up(c);
        if (channel == CHANNEL_CONTROL && is_leader(c) && node_set_has(&c->config.learners, node))
            membership_introduce(c, node);
        break;
    case PEER_EMPTY:
        if (p->heard_us >= p->empty_us) /* else it was empty before: another connection */
            p->empty_us = c->now_us;
        break;
    case PEER_BROKEN: /* a leader goes back to probing; our own leader's must be refused, too */
        link_down(p, channel);
        p->unreachable = p->unreachable || is_leader(c);
        p->lost_us = c->now_us;
        book_heard(&c->book, node, false);
        break;
    case PEER_REFUSED:
        link_down(p, channel);
        book_heard(&c->book, node, false);
        p->unreachable = p->unreachable || node == c->leader;
        break;
    }
    c->again = true;
}

/* A node of this cluster that is not in the configuration as we know it has connected to us. It may
 * lead by one that we do not have yet, and then only with a way back to it shall we ever get it. */
static void note_guest(struct consensus *c, raft_node node)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (node_set_has(&all, node) || node_set_has(&c->guests, node))
        return;
    if (c->guests.count == RAFT_NODES_MAX)
        node_set_remove(&c->guests, c->guests.node[0]);
    node_set_add(&c->guests, node);
    c->config_changed = true; /* peers_connect() in this turn */
}

void consensus_peer_address(struct consensus *c, uint64_t node, const struct peer_address *address,
                            bool is_guess)
{
    if (node == 0 || c->is_removed || (is_guess && book_find(&c->book, node) != NULL))
        return;
    if (node != c->identity.node_id)
        note_guest(c, node);
    const bool is_news = book_set(&c->book, node, address);
    book_heard(&c->book, node, !is_guess);
    if (!is_news || c->raft == NULL || node == c->identity.node_id)
        return; /* an empty node will need it when it is introduced */
    log_info("consensus", "a peer has a new address", "node=%" PRIu64 " host=%s port=%u", node,
             address->host, (unsigned)address->port);
    peers_connect(c);
}
