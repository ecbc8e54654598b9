/* local_pubsub.c -- SUBSCRIBE, PUBLISH, PUBSUB and their kin. */

#include <stdio.h>

#include "base/panic.h"
#include "command/glob.h"
#include "keyspace/keyspace.h"
#include "resp/resp_write.h"
#include "server/local.h"

/* --- subscribing ------------------------------------------------------------------------------ */

static const char *const subscribed_words[TOPIC_KINDS] = {"subscribe", "psubscribe", "ssubscribe"};
static const char *const unsubscribed_words[TOPIC_KINDS] = {"unsubscribe", "punsubscribe",
                                                            "sunsubscribe"};

/* These replies come even when replies are switched off, as in Redis. */
static void speak(struct server *s, struct exec *x)
{
    if (s->running == NULL || x->reply.out == NULL)
        return;
    s->running->is_silent = false;
    x->reply.out = slot_out(s->running);
}

static void confirm(struct conn *c, struct exec *x, enum topic_kind kind, const char *word,
                    const struct bytes *name)
{
    struct buf *to = x->reply.out;
    if (to == NULL)
        return;
    const enum resp_protocol p = x->reply.protocol == 3 ? RESP3 : RESP2;
    resp_push(to, p, 3);
    resp_bulk(to, bytes_from_string(word));
    if (name != NULL)
        resp_bulk(to, *name);
    else
        resp_null(to, p);
    resp_int64(to, kind == TOPIC_SHARD ? c->subscriber.counts[TOPIC_SHARD] : pubsub_count(c));
}

static void subscribe(struct server *s, struct conn *c, struct exec *x, enum topic_kind kind)
{
    speak(s, x);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        if (pubsub_subscribe(c, kind, x->args[i]) < 0) {
            reply_errorf(x, "ERR too many channels: at most %u of one connection, and of all",
                         SUBSCRIPTIONS_MAX);
            return;
        }
        confirm(c, x, kind, subscribed_words[kind], &x->args[i]);
    }
}

static void unsubscribe(struct server *s, struct conn *c, struct exec *x, enum topic_kind kind)
{
    speak(s, x);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        pubsub_unsubscribe(c, kind, x->args[i]);
        confirm(c, x, kind, unsubscribed_words[kind], &x->args[i]);
    }
    if (x->arg_count > 1)
        return;
    const struct queue *own = &c->subscriber.subscriptions[kind];
    if (queue_is_empty(own))
        confirm(c, x, kind, unsubscribed_words[kind], NULL);
    struct queue_node *node;
    while ((node = queue_first(own)) != NULL) {
        const struct topic *t = container_of(node, struct subscription, in_conn)->topic;
        const struct bytes name = topic_name(t); /* lives on: the topic is news */
        pubsub_unsubscribe(c, kind, name);
        confirm(c, x, kind, unsubscribed_words[kind], &name);
    }
}

void local_subscribe(struct server *s, struct conn *c, struct exec *x)
{
    subscribe(s, c, x, TOPIC_CHANNEL);
}

void local_psubscribe(struct server *s, struct conn *c, struct exec *x)
{
    subscribe(s, c, x, TOPIC_PATTERN);
}

void local_ssubscribe(struct server *s, struct conn *c, struct exec *x)
{
    subscribe(s, c, x, TOPIC_SHARD);
}

void local_unsubscribe(struct server *s, struct conn *c, struct exec *x)
{
    unsubscribe(s, c, x, TOPIC_CHANNEL);
}

void local_punsubscribe(struct server *s, struct conn *c, struct exec *x)
{
    unsubscribe(s, c, x, TOPIC_PATTERN);
}

void local_sunsubscribe(struct server *s, struct conn *c, struct exec *x)
{
    unsubscribe(s, c, x, TOPIC_SHARD);
}

bool subscriber_refusal(const struct conn *c, const char *name,
                        char text[static SUBSCRIBER_REFUSAL_SIZE])
{
    static const char *const allowed[] = {"ping", "subscribe", "ssubscribe", "unsubscribe",
                                          "sunsubscribe", "psubscribe", "punsubscribe", "quit",
                                          "reset"};
    if (c->session.protocol != 2 || !pubsub_is_subscriber(c))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
        if (strcmp(name, allowed[i]) == 0)
            return false;
    snprintf(text, SUBSCRIBER_REFUSAL_SIZE, "ERR Can't execute '%s': only (P|S)SUBSCRIBE / "
             "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", name);
    return true;
}

/* --- publishing ------------------------------------------------------------------------------- */

static void publish(struct server *s, struct exec *x, enum topic_kind kind)
{
    const struct message m = {kind, x->args[1], x->args[2]};
    if (!pubsub_relay_message(s, &m)) {
        reply_errorf(x, "ERR the message is too large for other nodes: at most %zu bytes with its "
                        "channel, or inside MULTI", SHARD_RELAY_MAX - 16);
        return;
    }
    const uint64_t here = pubsub_deliver(s, &m);
    s->pubsub.published++;
    reply_int64(x, (int64_t)(here + pubsub_remote_receivers(s, &m)));
}

void local_publish(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    publish(s, x, TOPIC_CHANNEL);
}

void local_spublish(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    publish(s, x, TOPIC_SHARD);
}

uint64_t local_publish_effect(struct server *s, const struct exec *x, bool is_shard)
{
    const struct message m = {is_shard ? TOPIC_SHARD : TOPIC_CHANNEL, x->args[1], x->args[2]};
    if (!s->is_ready) /* applied again from the log: its time is over */
        return 0;
    const uint64_t here = pubsub_deliver(s, &m);
    return x->client == NULL ? 0 : here + pubsub_remote_receivers(s, &m);
}

/* --- PUBSUB ----------------------------------------------------------------------------------- */

static void channels(struct server *s, struct exec *x, enum topic_kind kind)
{
    if (x->arg_count > 3) {
        reply_wrong_arity(x);
        return;
    }
    const struct dict *topics = &s->pubsub.topics[kind];
    const struct dict_node *node = dict_first(topics);
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (; node != NULL; node = dict_next(topics, node)) {
        const struct topic *t = container_of(node, struct topic, node);
        if (topic_count(t) == 0 ||
            (x->arg_count == 3 && !glob_match(x->args[2], topic_name(t), false)))
            continue;
        reply_bulk(x, topic_name(t));
        count++;
    }
    reply_array_end(x, begun, count);
}

void pubsub_channels(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    channels(s, x, TOPIC_CHANNEL);
}

void pubsub_shardchannels(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    channels(s, x, TOPIC_SHARD);
}

static void numsub(struct server *s, struct exec *x, enum topic_kind kind)
{
    reply_array(x, 2 * (x->arg_count - 2));
    for (uint32_t i = 2; i < x->arg_count; i++) {
        const struct topic *t = pubsub_topic(s, kind, x->args[i]);
        reply_bulk(x, x->args[i]);
        reply_int64(x, t == NULL ? 0 : (int64_t)topic_count(t));
    }
}

void pubsub_numsub(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    numsub(s, x, TOPIC_CHANNEL);
}

void pubsub_shardnumsub(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    numsub(s, x, TOPIC_SHARD);
}

void pubsub_numpat(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_int64(x, (int64_t)s->pubsub.active[TOPIC_PATTERN]);
}

void pubsub_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: "
        "'*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        NULL,
    };
    reply_help(x, lines);
}
