#include "server/pubsub.h"

#include <stdlib.h>

#include "base/panic.h"
#include "command/glob.h"
#include "resp/resp_write.h"
#include "server/server.h"

/* --- topics ----------------------------------------------------------------------------------- */

static struct topic *topic_of_node(struct dict_node *node)
{
    return node == NULL ? NULL : container_of(node, struct topic, node);
}

static struct bytes name_of_node(const struct dict_node *node)
{
    return topic_name(container_of(node, struct topic, node));
}

void pubsub_init(struct pubsub *p)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        dict_init(&p->topics[kind], name_of_node);
    queue_init(&p->news);
}

static void topic_free(struct pubsub *p, struct topic *t)
{
    CHECK(queue_is_empty(&t->subscriptions));
    dict_remove(&p->topics[t->kind], &t->node);
    if (t->is_news)
        queue_remove(&t->news_node);
    free(t->remotes);
    free(t);
}

void pubsub_clear(struct pubsub *p)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        struct dict_node *node;
        while ((node = dict_first(&p->topics[kind])) != NULL)
            topic_free(p, topic_of_node(node));
        dict_clear(&p->topics[kind]);
    }
    buf_clear(&p->message[0]);
    buf_clear(&p->message[1]);
    buf_clear(&p->scratch);
}

struct topic *pubsub_topic(const struct server *s, enum topic_kind kind, struct bytes name)
{
    return topic_of_node(dict_find(&s->pubsub.topics[kind], name));
}

/* It, made if it is not there; NULL: there are too many. */
static struct topic *topic_need(struct server *s, enum topic_kind kind, struct bytes name)
{
    struct topic *t = pubsub_topic(s, kind, name);
    if (t != NULL || s->pubsub.topics[kind].count >= TOPICS_MAX || name.size > UINT32_MAX)
        return t;
    t = xcalloc(1, sizeof(*t) + name.size);
    t->kind = (uint8_t)kind;
    t->size = (uint32_t)name.size;
    if (name.size > 0)
        memcpy(t->name, name.data, name.size);
    queue_init(&t->subscriptions);
    dict_add(&s->pubsub.topics[kind], &t->node);
    return t;
}

void pubsub_drop_unused(struct server *s, struct topic *t)
{
    if (topic_count(t) == 0 && !t->is_news)
        topic_free(&s->pubsub, t);
}

/* The one place where a topic's counts change. */
static void count(struct server *s, struct topic *t, int64_t local, int64_t remote)
{
    const bool was_active = topic_count(t) > 0;
    t->local += (uint64_t)local;
    t->remote += (uint64_t)remote;
    const bool is_active = topic_count(t) > 0;
    s->pubsub.active[t->kind] += (uint64_t)is_active - (uint64_t)was_active;
    if (local != 0 && !t->is_news) {
        t->is_news = true;
        queue_push_back(&s->pubsub.news, &t->news_node);
    }
}

void pubsub_tell_all(struct server *s)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        const struct dict *topics = &s->pubsub.topics[kind];
        struct dict_node *node = dict_first(topics);
        for (; node != NULL; node = dict_next(topics, node)) {
            struct topic *t = topic_of_node(node);
            if (t->local == 0 || t->is_news)
                continue;
            t->is_news = true;
            queue_push_back(&s->pubsub.news, &t->news_node);
        }
    }
}

/* --- other nodes' counts ---------------------------------------------------------------------- */

static struct remote_count *remote_of(struct topic *t, uint64_t node)
{
    for (uint32_t i = 0; i < t->remote_count; i++)
        if (t->remotes[i].node == node)
            return &t->remotes[i];
    return NULL;
}

static void remote_remove(struct server *s, struct topic *t, struct remote_count *remote)
{
    count(s, t, 0, -(int64_t)remote->count);
    *remote = t->remotes[--t->remote_count];
}

void pubsub_note_remote(struct server *s, const struct topic_news *news)
{
    struct topic *t = news->count == 0 ? pubsub_topic(s, news->kind, news->name)
                                       : topic_need(s, news->kind, news->name);
    if (t == NULL)
        return;
    struct remote_count *remote = remote_of(t, news->node);
    if (news->count == 0) {
        if (remote != NULL)
            remote_remove(s, t, remote);
        pubsub_drop_unused(s, t);
        return;
    }
    if (remote == NULL) {
        t->remotes = xrealloc(t->remotes, (t->remote_count + 1) * sizeof(*t->remotes));
        remote = &t->remotes[t->remote_count++];
        *remote = (struct remote_count){.node = news->node};
    }
    count(s, t, 0, (int64_t)news->count - (int64_t)remote->count);
    remote->count = news->count;
}

void pubsub_forget_node(struct server *s, uint64_t node)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        const struct dict *topics = &s->pubsub.topics[kind];
        struct dict_node *at = dict_first(topics), *next;
        for (; at != NULL; at = next) {
            next = dict_next(topics, at);
            struct topic *t = topic_of_node(at);
            struct remote_count *remote = remote_of(t, node);
            if (remote != NULL)
                remote_remove(s, t, remote);
            pubsub_drop_unused(s, t);
        }
    }
}

/* --- subscriptions ---------------------------------------------------------------------------- */

void subscriber_init(struct subscriber *s)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        queue_init(&s->subscriptions[kind]);
        s->counts[kind] = 0;
    }
}

bool pubsub_is_subscriber(const struct conn *c)
{
    return pubsub_count(c) + c->subscriber.counts[TOPIC_SHARD] > 0;
}

uint32_t pubsub_count(const struct conn *c)
{
    return c->subscriber.counts[TOPIC_CHANNEL] + c->subscriber.counts[TOPIC_PATTERN];
}

/* By the shorter of the two lists. */
static struct subscription *subscription_of(const struct conn *c, const struct topic *t)
{
    const struct queue *own = &c->subscriber.subscriptions[t->kind];
    struct queue_node *node;
    if (c->subscriber.counts[t->kind] <= t->local) {
        for (node = queue_first(own); node != NULL; node = queue_next(own, node)) {
            struct subscription *sub = container_of(node, struct subscription, in_conn);
            if (sub->topic == t)
                return sub;
        }
        return NULL;
    }
    for (node = queue_first(&t->subscriptions); node != NULL;
         node = queue_next(&t->subscriptions, node)) {
        struct subscription *sub = container_of(node, struct subscription, in_topic);
        if (sub->conn == c)
            return sub;
    }
    return NULL;
}

int pubsub_subscribe(struct conn *c, enum topic_kind kind, struct bytes name)
{
    struct server *s = c->server;
    struct topic *t = topic_need(s, kind, name);
    if (t == NULL)
        return -1;
    if (subscription_of(c, t) != NULL)
        return 0;
    if (c->subscriber.counts[kind] >= SUBSCRIPTIONS_MAX) {
        pubsub_drop_unused(s, t);
        return -1;
    }
    struct subscription *sub = xmalloc(sizeof(*sub));
    *sub = (struct subscription){.conn = c, .topic = t};
    queue_push_back(&t->subscriptions, &sub->in_topic);
    queue_push_back(&c->subscriber.subscriptions[kind], &sub->in_conn);
    c->subscriber.counts[kind]++;
    s->pubsub.subscriptions++;
    count(s, t, 1, 0);
    return 1;
}

static void subscription_end(struct subscription *sub)
{
    struct server *s = sub->conn->server;
    struct topic *t = sub->topic;
    queue_remove(&sub->in_topic);
    queue_remove(&sub->in_conn);
    sub->conn->subscriber.counts[t->kind]--;
    s->pubsub.subscriptions--;
    free(sub);
    count(s, t, -1, 0); /* news: it stays until they were told */
}

bool pubsub_unsubscribe(struct conn *c, enum topic_kind kind, struct bytes name)
{
    struct topic *t = pubsub_topic(c->server, kind, name);
    struct subscription *sub = t == NULL ? NULL : subscription_of(c, t);
    if (sub == NULL)
        return false;
    subscription_end(sub);
    return true;
}

void pubsub_forget(struct conn *c)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        const struct queue *own = &c->subscriber.subscriptions[kind];
        struct queue_node *node;
        while ((node = queue_first(own)) != NULL)
            subscription_end(container_of(node, struct subscription, in_conn));
    }
}

/* --- messages --------------------------------------------------------------------------------- */

static const char *const message_words[TOPIC_KINDS] = {"message", "pmessage", "smessage"};

static void write_message(struct buf *to, enum resp_protocol p, const struct topic *t,
                          const struct message *m)
{
    const bool by_pattern = t->kind == TOPIC_PATTERN;
    buf_reset(to);
    resp_push(to, p, by_pattern ? 4 : 3);
    resp_bulk(to, bytes_from_string(message_words[t->kind]));
    if (by_pattern)
        resp_bulk(to, topic_name(t));
    resp_bulk(to, m->channel);
    resp_bulk(to, m->text);
}

static uint64_t deliver_to(struct server *s, const struct topic *t, const struct message *m)
{
    bool is_written[2] = {false, false};
    const struct queue_node *node = queue_first(&t->subscriptions);
    for (; node != NULL; node = queue_next(&t->subscriptions, node)) {
        struct conn *c = container_of(node, struct subscription, in_topic)->conn;
        const int version = c->session.protocol == RESP3;
        struct buf *bytes = &s->pubsub.message[version];
        if (!is_written[version])
            write_message(bytes, version ? RESP3 : RESP2, t, m);
        is_written[version] = true;
        conn_push(c, buf_bytes(bytes));
    }
    return t->local;
}

/* Calls see() for each topic that gets m; returns the sum. */
static uint64_t for_topics(struct server *s, const struct message *m,
                           uint64_t (*see)(struct server *s, const struct topic *t,
                                           const struct message *m))
{
    uint64_t sum = 0;
    const struct topic *t = pubsub_topic(s, m->kind, m->channel);
    if (t != NULL)
        sum += see(s, t, m);
    if (m->kind == TOPIC_SHARD)
        return sum;
    const struct dict *patterns = &s->pubsub.topics[TOPIC_PATTERN];
    const struct dict_node *node = dict_first(patterns);
    for (; node != NULL; node = dict_next(patterns, node)) {
        const struct topic *pattern = container_of(node, struct topic, node);
        if (glob_match(topic_name(pattern), m->channel, false))
            sum += see(s, pattern, m);
    }
    return sum;
}

uint64_t pubsub_deliver(struct server *s, const struct message *m)
{
    return s->pubsub.subscriptions == 0 ? 0 : for_topics(s, m, deliver_to);
}

static uint64_t count_remote(struct server *s, const struct topic *t, const struct message *m)
{
    (void)s;
    (void)m;
    return t->remote;
}

uint64_t pubsub_remote_receivers(const struct server *s, const struct message *m)
{
    return for_topics((struct server *)s, m, count_remote);
}
