/* pubsub.h -- who subscribes to what, here and on other nodes, and how messages get there.
 *
 *   conn ==subscription== topic (channel, pattern or shard channel)
 *                          |-- local: subscriptions of this node
 *                          `-- remote: {node, count} of each other node, as it told
 *
 *   PUBLISH ------------> subscribers of this node at once
 *              `--------> shard_relay: all other nodes, each to its own (pubsub_relay.c)
 *   in EXEC, scripts ---> an effect of apply: each node to its own, nothing over the wire
 *   keyspace events ----> the same (events.c)
 *
 * Counts told to clients are the cluster's. A topic's count is told to the other nodes in the turn
 * in which its first subscriber came or its last went, or the count changed. */

#ifndef SERVER_PUBSUB_H
#define SERVER_PUBSUB_H

#include "base/buf.h"
#include "base/dict.h"
#include "base/queue.h"
#include "node/shard.h"

struct conn;
struct exec;
struct server;

#define TOPICS_MAX (1u << 20)        /* of one kind, other nodes' included */
#define SUBSCRIPTIONS_MAX (1u << 20) /* of one connection */

enum topic_kind { TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD, TOPIC_KINDS };

struct remote_count {
    uint64_t node, count;
};

struct topic {
    struct dict_node node;
    struct queue_node news_node; /* in pubsub.news while is_news */
    struct queue subscriptions;
    struct remote_count *remotes;
    uint64_t local, remote;
    uint32_t remote_count;
    uint8_t kind;
    bool is_news; /* local is to be told */
    uint32_t size;
    char name[];
};

struct subscription {
    struct queue_node in_topic, in_conn;
    struct conn *conn;
    struct topic *topic;
};

/* Another node, as far as it matters here. */
#define PUBSUB_NODES_MAX 32
struct pubsub_node {
    uint64_t node; /* 0: a free place */
    bool ask_due;  /* for all its counts */
};

struct pubsub {
    struct dict topics[TOPIC_KINDS];
    uint64_t active[TOPIC_KINDS]; /* topics with a subscriber somewhere */
    uint64_t subscriptions;       /* of this node, all kinds */
    struct queue news;            /* struct topic */
    struct pubsub_node nodes[PUBSUB_NODES_MAX];
    struct buf message[2], scratch; /* RESP2 and RESP3 of what is delivered */
    uint64_t published, relayed, lost; /* messages of ours; of others; notes of loss */
};

/* What a connection subscribes to, embedded in it. */
struct subscriber {
    struct queue subscriptions[TOPIC_KINDS]; /* struct subscription */
    uint32_t counts[TOPIC_KINDS];
};

void pubsub_init(struct pubsub *p);
void pubsub_clear(struct pubsub *p); /* nobody subscribes any more */

void subscriber_init(struct subscriber *s);
/* 1: now it does; 0: it did; -1: too many. */
int pubsub_subscribe(struct conn *c, enum topic_kind kind, struct bytes name);
bool pubsub_unsubscribe(struct conn *c, enum topic_kind kind, struct bytes name);
void pubsub_forget(struct conn *c); /* all that it subscribes to */
/* In the sense of Redis: in subscriber mode. */
bool pubsub_is_subscriber(const struct conn *c);
uint32_t pubsub_count(const struct conn *c); /* channels and patterns */

/* A message of kind TOPIC_CHANNEL or TOPIC_SHARD. */
struct message {
    enum topic_kind kind;
    struct bytes channel, text;
};
/* To this node's subscribers; returns how many. */
uint64_t pubsub_deliver(struct server *s, const struct message *m);
/* How many subscribers other nodes have told of. */
uint64_t pubsub_remote_receivers(const struct server *s, const struct message *m);
struct topic *pubsub_topic(const struct server *s, enum topic_kind kind, struct bytes name);
static inline uint64_t topic_count(const struct topic *t) { return t->local + t->remote; }
static inline struct bytes topic_name(const struct topic *t) { return bytes_of(t->name, t->size); }

/* --- pubsub_relay.c: to and from other nodes -------------------------------------------------- */

/* false: it is too large to be sent to another node. */
bool pubsub_relay_message(struct server *s, const struct message *m);
/* Once in a turn, before the shard's: counts that have changed. */
void pubsub_tell(struct server *s);
/* Ten times a second: asks again what was lost. */
void pubsub_cron(struct server *s);

/* node has now count subscribers of a topic. */
struct topic_news {
    enum topic_kind kind;
    struct bytes name;
    uint64_t node, count;
};
void pubsub_note_remote(struct server *s, const struct topic_news *news);
/* Nobody subscribes at node any more, as far as we know. */
void pubsub_forget_node(struct server *s, uint64_t node);
void pubsub_tell_all(struct server *s); /* every count is news */
void pubsub_drop_unused(struct server *s, struct topic *t); /* frees it, if so */
/* The shard's host calls it: enum relay_kind. */
void pubsub_relayed(struct server *s, uint64_t node, enum relay_kind kind, struct bytes bytes);

#endif
