/* pubsub_relay.c -- what nodes say to each other about messages and subscribers, as bytes of
 * shard_relay() (docs/PEER-CHANNEL.md):
 *
 *   MESSAGE  type:1 kind:1 channel_size:4 text_size:4 channel text
 *   COUNT    type:1 kind:1 count:4 name_size:4 name      of the sender's own subscribers, absolute
 *   ASK      type:1                                      tell me all your counts
 *
 * Beside them travels what client_ask.c and http_book.c say.
 * Any bytes are survived: what makes no sense ends the reading of its frame. */

#include "base/log.h"
#include "server/client_ask.h"
#include "server/http_book.h"
#include "server/relayed.h"
#include "server/server.h"

/* --- out -------------------------------------------------------------------------------------- */

bool pubsub_relay_message(struct server *s, const struct message *m)
{
    if (s->shard == NULL || !shard_relays(s->shard))
        return true;
    struct buf *b = &s->pubsub.scratch;
    buf_reset(b);
    buf_append_u8(b, RELAYED_MESSAGE);
    buf_append_u8(b, (uint8_t)m->kind);
    buf_append_le32(b, (uint32_t)m->channel.size);
    buf_append_le32(b, (uint32_t)m->text.size);
    if (m->channel.size + m->text.size > SHARD_RELAY_MAX - b->size)
        return false;
    buf_append_bytes(b, m->channel);
    buf_append_bytes(b, m->text);
    if (!shard_relay(s->shard, 0, buf_bytes(b)))
        s->pubsub.lost++;
    return true;
}

static bool tell_count(struct server *s, const struct topic *t)
{
    struct buf *b = &s->pubsub.scratch;
    buf_reset(b);
    buf_append_u8(b, RELAYED_COUNT);
    buf_append_u8(b, t->kind);
    buf_append_le32(b, (uint32_t)MIN(t->local, UINT32_MAX));
    buf_append_le32(b, t->size);
    if (t->size > SHARD_RELAY_MAX - b->size)
        return true; /* a name that no message could carry either */
    buf_append_bytes(b, topic_name(t));
    return shard_relay(s->shard, 0, buf_bytes(b));
}

void pubsub_tell(struct server *s)
{
    struct queue_node *node;
    while ((node = queue_first(&s->pubsub.news)) != NULL) {
        struct topic *t = container_of(node, struct topic, news_node);
        if (s->shard != NULL && !tell_count(s, t))
            return; /* no room in this turn */
        queue_remove(node);
        t->is_news = false;
        pubsub_drop_unused(s, t);
    }
}

static struct pubsub_node *node_of(struct server *s, uint64_t node)
{
    struct pubsub_node *spare = NULL;
    for (size_t i = 0; i < PUBSUB_NODES_MAX; i++) {
        struct pubsub_node *n = &s->pubsub.nodes[i];
        if (n->node == node)
            return n;
        if (n->node == 0)
            spare = n;
    }
    if (spare != NULL)
        spare->node = node;
    return spare;
}

static void ask(struct server *s, uint64_t node)
{
    struct pubsub_node *n = node_of(s, node);
    if (n != NULL)
        n->ask_due = true;
}

void pubsub_cron(struct server *s)
{
    const uint8_t request = RELAYED_ASK;
    for (size_t i = 0; i < PUBSUB_NODES_MAX && s->shard != NULL; i++) {
        struct pubsub_node *n = &s->pubsub.nodes[i];
        if (n->ask_due && shard_relay(s->shard, n->node, bytes_of(&request, 1)))
            *n = (struct pubsub_node){0};
    }
}

/* --- in --------------------------------------------------------------------------------------- */

static bool read_message(struct server *s, struct reader *r)
{
    struct message m = {.kind = reader_u8(r)};
    const uint32_t channel_size = reader_le32(r);
    const uint32_t text_size = reader_le32(r);
    m.channel = reader_bytes(r, channel_size);
    m.text = reader_bytes(r, text_size);
    if (r->failed || (m.kind != TOPIC_CHANNEL && m.kind != TOPIC_SHARD))
        return false;
    s->pubsub.relayed++;
    pubsub_deliver(s, &m);
    return true;
}

static bool read_count(struct server *s, uint64_t node, struct reader *r)
{
    struct topic_news news = {.node = node, .kind = reader_u8(r)};
    news.count = reader_le32(r);
    news.name = reader_bytes(r, reader_le32(r));
    if (r->failed || news.kind >= TOPIC_KINDS)
        return false;
    pubsub_note_remote(s, &news);
    return true;
}

static void tell_all(struct server *s)
{
    pubsub_tell_all(s);
    s->http_book.is_news = true;
}

static void read_bytes(struct server *s, uint64_t node, struct bytes bytes)
{
    struct reader r;
    reader_init(&r, bytes);
    bool is_good = true;
    while (is_good && reader_left(&r) > 0) {
        switch (reader_u8(&r)) {
        case RELAYED_MESSAGE: is_good = read_message(s, &r); break;
        case RELAYED_COUNT: is_good = read_count(s, node, &r); break;
        case RELAYED_ASK: tell_all(s); break;
        case RELAYED_ASK_CLIENT: is_good = client_asked(s, node, &r); break;
        case RELAYED_CLIENT_ANSWER: is_good = client_answered(s, &r); break;
        case RELAYED_HTTP: is_good = http_book_told(s, node, &r); break;
        default: is_good = false;
        }
    }
    if (!is_good)
        log_warn("relay", "a node says what makes no sense here", "node=%llu",
                 (unsigned long long)node);
}

void pubsub_relayed(struct server *s, uint64_t node, enum relay_kind kind, struct bytes bytes)
{
    switch (kind) {
    case RELAY_BYTES:
        read_bytes(s, node, bytes);
        return;
    case RELAY_LOST:
        s->pubsub.lost++;
        pubsub_forget_node(s, node);
        ask(s, node);
        return;
    case RELAY_UP:
        tell_all(s);
        ask(s, node);
        return;
    case RELAY_BEGINS:
        http_book_forget(s, node); /* it tells again; of one that is down it is worth knowing */
        pubsub_forget_node(s, node);
        return;
    case RELAY_DOWN:
        pubsub_forget_node(s, node);
        return;
    }
}
