/* relay_peers.c -- bytes between the data halves of nodes, over the peers' data connections.
 *
 *   shard -- MAIL_RELAY --> relay_send -- WIRE_RELAY --> relay_receive -- MAIL_RELAYED --> shard
 *
 * At most once, and never waited for: what finds no connection or no room is gone. Frames of a
 * connection are numbered from 1, so that the receiver sees when some were lost. That a connection
 * came to stand, or is gone, is told to the shard, and never lost.
 *
 * A stamp is of a committed entry. Who has not heard yet that it is committed asks the leader, lest
 * the message waits for a heartbeat. */

#include "node/consensus_internal.h"

#include "base/mailbox.h"
#include "node/block.h"

#define RELAY_BYTES_MAX ((uint64_t)32 << 20) /* mailed to the shard and not taken yet */
#define RELAY_ROOM_KEPT (MAIL_ROOM_KEPT / 2) /* relayed frames leave room for all else */

static void send_to(struct consensus *c, struct peer *p, const struct consensus_mail *mail)
{
    const struct wire_relay relay = {
        .boot = c->boot,
        .stream = p->relay_stream,
        .sequence = ++p->relay_sequence,
        .stamp = mail->index,
    };
    buf_reset(&c->out);
    wire_encode_relay(&c->out, &relay);
    if (is_leader(c))
        step_quietly(c, &(struct raft_input){.type = RAFT_COMMIT_WANTED, .node = p->node});
    const struct bytes parts[] = {buf_bytes(&c->out), block_bytes(mail->block)};
    peers_send_frame(c, p->node, CHANNEL_DATA, parts, ARRAY_COUNT(parts));
}

void relay_send(struct consensus *c, const struct consensus_mail *mail)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &c->peers[i];
        if (p->node != 0 && p->up[CHANNEL_DATA] && (mail->node == 0 || mail->node == p->node))
            send_to(c, p, mail);
    }
    block_unref(mail->block);
}

void relay_receive(struct consensus *c, raft_node from, const struct wire_relay *relay)
{
    const size_t size = relay->payload.size;
    if (c->relay_mailed + size > c->relay_taken + RELAY_BYTES_MAX ||
        mailbox_room(c->o.outbox) <= RELAY_ROOM_KEPT) {
        c->relay_dropped++; /* the gap in the numbers tells */
        return;
    }
    const struct shard_mail mail = {
        .kind = MAIL_RELAYED,
        .node = from,
        .boot = relay->boot,
        .stream = relay->stream,
        .sequence = relay->sequence,
        .index = relay->stamp,
        .block = block_new(relay->payload),
    };
    if (!mailbox_send(c->o.outbox, &mail)) {
        block_unref(mail.block);
        c->relay_dropped++;
        return;
    }
    c->relay_mailed += size;
    c->relay_stamp = MAX(c->relay_stamp, relay->stamp);
}

void relay_peer(struct consensus *c, struct peer *p, bool is_up)
{
    if (is_up) {
        p->relay_stream = ++c->relay_streams;
        p->relay_sequence = 0;
    }
    p->relay_news = p->relay_news || is_up || p->up[CHANNEL_DATA];
}

static bool tell(struct consensus *c, raft_node node, bool is_up)
{
    const struct shard_mail mail = {.kind = MAIL_PEER, .node = node, .ok = is_up};
    return mailbox_send(c->o.outbox, &mail);
}

void relay_forget(struct consensus *c, raft_node node)
{
    if (!tell(c, node, false)) /* only a shard that has stood still for long has no room for it */
        c->relay_dropped++;
}

/* Once for each stamp: the answer may be lost, but heartbeats come. */
static void ask_commit(struct consensus *c)
{
    if (c->relay_stamp <= c->commit_index || c->relay_stamp <= c->relay_asked || c->leader == 0 ||
        is_leader(c))
        return;
    c->relay_asked = c->relay_stamp;
    buf_reset(&c->out);
    wire_encode_commit_wanted(&c->out);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, c->leader, CHANNEL_CONTROL, &part, 1);
}

void relay_turn(struct consensus *c)
{
    ask_commit(c);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &c->peers[i];
        if (p->node != 0 && p->relay_news)
            p->relay_news = !tell(c, p->node, p->up[CHANNEL_DATA]);
    }
}
