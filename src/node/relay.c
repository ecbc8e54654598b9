/* relay.c -- bytes from this data half to those of other nodes, and theirs to us (D17).
 *
 *   shard_relay -> [out] -- MAIL_RELAY, stamped with the applied index --> peers
 *   MAIL_RELAYED -> [held of its sender] -- when we have applied up to the stamp --> host->relayed
 *
 * What one node sends arrives in the order in which it was sent, and not before what it had applied
 * when it was sent can be read here; or it does not arrive. Whoever loses something is told so, in
 * its place. All queues are bounded. */

#include "node/shard_internal.h"

#include <stdlib.h>

#include "base/mailbox.h"
#include "base/panic.h"
#include "node/wire.h"

#define RELAY_BATCH_BYTES ((size_t)64 << 10) /* as much goes into one frame */
#define HELD_BYTES_MAX ((size_t)16 << 20)    /* of one sender, waiting for entries to be applied */
#define HELD_COUNT_MAX 65536

_Static_assert(SHARD_RELAY_MAX < WIRE_PAYLOAD_MAX, "one frame holds what one call may give");

struct held {
    struct queue_node node;
    enum relay_kind kind;
    uint64_t stamp;
    struct block *block; /* RELAY_BYTES */
};

void relay_open(struct shard *s)
{
    for (size_t i = 0; i < RELAY_SENDERS_MAX; i++)
        queue_init(&s->relay.senders[i].held); /* also of the places that are free */
}

/* --- out -------------------------------------------------------------------------------------- */

void relay_flush(struct shard *s)
{
    struct relay *relay = &s->relay;
    if (relay->out.size == 0)
        return;
    const struct consensus_mail mail = {
        .kind = MAIL_RELAY,
        .node = relay->out_to,
        .index = s->applied_index,
        .block = block_new(buf_bytes(&relay->out)),
    };
    if (!shard_mail(s, &mail)) { /* later, under a later stamp, which promises less */
        block_unref(mail.block);
        return;
    }
    buf_reset(&relay->out);
}

bool shard_relay(struct shard *s, uint64_t to, struct bytes bytes)
{
    CHECK(bytes.size > 0);
    struct relay *relay = &s->relay;
    if (relay->peers_up == 0)
        return true;
    if (relay->out.size > 0 &&
        (to != relay->out_to || relay->out.size + bytes.size > RELAY_BATCH_BYTES))
        relay_flush(s);
    const bool is_other = relay->out.size > 0 && to != relay->out_to;
    if (is_other || relay->out.size + bytes.size > SHARD_RELAY_MAX)
        return false;
    relay->out_to = to;
    buf_append_bytes(&relay->out, bytes);
    return true;
}

bool shard_relays(const struct shard *s)
{
    return s->relay.peers_up > 0;
}

bool shard_relays_to(const struct shard *s, uint64_t node)
{
    for (size_t i = 0; i < RELAY_SENDERS_MAX; i++)
        if (s->relay.senders[i].node == node)
            return s->relay.senders[i].is_up;
    return false;
}

/* --- in --------------------------------------------------------------------------------------- */

/* What is known of node; else a new place, if need be that of one that is gone: while there is room
 * their numbers are kept, so that copies that are still under way are seen for what they are. */
static struct relay_sender *sender_of(struct shard *s, uint64_t node)
{
    struct relay_sender *spare = NULL;
    for (size_t i = 0; i < RELAY_SENDERS_MAX; i++) {
        struct relay_sender *sender = &s->relay.senders[i];
        if (sender->node == node)
            return sender;
        const bool is_free = !sender->is_up && sender->held_count == 0;
        if (is_free && (spare == NULL || (spare->node != 0 && sender->node == 0)))
            spare = sender;
    }
    if (spare == NULL)
        return NULL;
    *spare = (struct relay_sender){.node = node};
    queue_init(&spare->held);
    return spare;
}

static void hold(struct shard *s, struct relay_sender *sender, const struct held *what)
{
    struct held *held = xmalloc(sizeof(*held));
    *held = *what;
    queue_push_back(&sender->held, &held->node);
    sender->held_count++;
    sender->held_bytes += held->block == NULL ? 0 : held->block->size;
    s->relay.held_count++;
}

/* One note stands for all that is lost at that place. */
static void hold_lost(struct shard *s, struct relay_sender *sender)
{
    s->relay.lost++;
    const struct queue_node *last = queue_last(&sender->held);
    if (last == NULL || container_of(last, struct held, node)->kind != RELAY_LOST)
        hold(s, sender, &(struct held){.kind = RELAY_LOST});
}

/* Of a former process or connection, or a copy. */
static bool is_old(const struct relay_sender *sender, const struct shard_mail *mail)
{
    if (mail->boot != sender->boot)
        return mail->boot < sender->boot;
    if (mail->stream != sender->stream)
        return mail->stream < sender->stream;
    return mail->sequence <= sender->sequence;
}

void relay_take(struct shard *s, const struct shard_mail *mail)
{
    struct relay_sender *sender = sender_of(s, mail->node);
    const size_t size = mail->block->size;
    s->relay.taken += size;
    if (sender == NULL || is_old(sender, mail)) {
        block_unref(mail->block);
        return;
    }
    if (mail->boot > sender->boot || mail->stream > sender->stream) {
        hold(s, sender, &(struct held){.kind = RELAY_BEGINS});
        sender->sequence = 0;
    }
    sender->boot = mail->boot;
    sender->stream = mail->stream;
    if (mail->sequence != sender->sequence + 1)
        hold_lost(s, sender);
    sender->sequence = mail->sequence;
    if (sender->held_count >= HELD_COUNT_MAX || sender->held_bytes + size > HELD_BYTES_MAX) {
        block_unref(mail->block);
        hold_lost(s, sender);
        return;
    }
    hold(s, sender, &(struct held){.kind = RELAY_BYTES, .stamp = mail->index,
                                   .block = mail->block});
}

void relay_peer_mail(struct shard *s, const struct shard_mail *mail)
{
    struct relay_sender *sender = sender_of(s, mail->node);
    if (sender == NULL)
        return;
    if (sender->is_up != mail->ok)
        s->relay.peers_up += mail->ok ? 1 : -1;
    sender->is_up = mail->ok;
    if (mail->ok && s->o.host->relayed != NULL)
        s->o.host->relayed(s->o.context, mail->node, RELAY_UP, BYTES_NONE);
    if (!mail->ok)
        hold(s, sender, &(struct held){.kind = RELAY_DOWN});
    if (s->relay.peers_up == 0)
        buf_clear(&s->relay.out);
}

static void deliver_first(struct shard *s, struct relay_sender *sender)
{
    struct held *held = container_of(queue_pop_front(&sender->held), struct held, node);
    sender->held_count--;
    s->relay.held_count--;
    struct bytes bytes = BYTES_NONE;
    if (held->block != NULL) {
        bytes = block_bytes(held->block);
        sender->held_bytes -= bytes.size;
    }
    if (s->o.host->relayed != NULL)
        s->o.host->relayed(s->o.context, sender->node, held->kind, bytes);
    block_unref(held->block);
    free(held);
}

void relay_deliver(struct shard *s)
{
    for (size_t i = 0; i < RELAY_SENDERS_MAX && s->relay.held_count > 0; i++) {
        struct relay_sender *sender = &s->relay.senders[i];
        const struct queue_node *first;
        while ((first = queue_first(&sender->held)) != NULL &&
               container_of(first, struct held, node)->stamp <= s->applied_index)
            deliver_first(s, sender);
    }
}

void relay_tell_taken(struct shard *s)
{
    const struct consensus_mail mail = {.kind = MAIL_RELAY_TAKEN, .id = s->relay.taken};
    if (s->relay.taken != s->relay.told && mailbox_leave(s->o.outbox, &mail))
        s->relay.told = s->relay.taken;
}

void relay_free_all(struct shard *s)
{
    for (size_t i = 0; i < RELAY_SENDERS_MAX; i++) {
        struct queue_node *node;
        while ((node = queue_pop_front(&s->relay.senders[i].held)) != NULL) {
            struct held *held = container_of(node, struct held, node);
            block_unref(held->block);
            free(held);
        }
    }
    buf_clear(&s->relay.out);
}
