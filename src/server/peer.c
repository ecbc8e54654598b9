/* peer.c -- the peer channel (peer.h): RESP over TCP, parsed by hiredis.
 *
 *   dialed (peer_link.c)   CONNECTING -> HELLO_SENT -> PROOF_SENT -> UP: we send frames
 *   accepted               WAITS_HELLO -> CHALLENGED -> UP: every bulk string is a frame for us
 *
 * Handlers only note what came (consensus_receive_block, consensus_peer_event) and wake the loop;
 * the turn sends into buffers, peers_flush() writes each of them once. Bytes of strangers are
 * bounded by HANDSHAKE_BYTES_MAX and HANDSHAKE_MS, those of peers by WIRE_FRAME_MAX; whatever is
 * not understood ends the connection. */

#include "server/chaos.h"
#include "server/peer_internal.h"

#include <errno.h>
#include <event2/dns.h>
#include <hiredis/read.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "machine/entry.h"
#include "node/block.h"
#include "node/consensus.h"
#include "node/wire.h"
#include "server/peer_socket.h"

#define INCOMING_MAX 128           /* connections accepted, strangers included */
#define ELEMENTS_MAX 4             /* of an array in the handshake */
#define HANDSHAKE_MS 2000
#define HANDSHAKE_BYTES_MAX 4096
#define READ_BYTES (64u << 10)
#define READS_PER_EVENT 8          /* then the other connections have their turn */
#define COMPLAINT_US 1000000       /* between two log lines about strangers */

/* --- parsing: hiredis with our own objects ---------------------------------------------------- */

struct reply {
    int type;
    struct block *text;
    size_t count;
    struct reply *elements[ELEMENTS_MAX];
};

static void reply_free(void *object)
{
    struct reply *r = object;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++) /* arrays of arrays are refused: no deeper than one */
        reply_free(r->elements[i]);
    block_unref(r->text);
    free(r);
}

static struct reply *reply_new(const redisReadTask *task, int type)
{
    struct reply *parent = task->parent == NULL ? NULL : task->parent->obj;
    if (parent != NULL && (type == REDIS_REPLY_ARRAY || task->idx >= ELEMENTS_MAX))
        return NULL;
    struct reply *r = xcalloc(1, sizeof(*r));
    r->type = type;
    if (parent != NULL)
        parent->elements[task->idx] = r;
    return r;
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    struct reply *r = reply_new(task, task->type);
    if (r != NULL)
        r->text = block_new(bytes_of(text, size));
    return r;
}

static void *create_array(const redisReadTask *task, int elements)
{
    if (elements < 0 || elements > ELEMENTS_MAX)
        return NULL;
    struct reply *r = reply_new(task, REDIS_REPLY_ARRAY);
    if (r != NULL)
        r->count = (size_t)elements;
    return r;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    (void)value; /* nothing that we say has integers */
    return reply_new(task, REDIS_REPLY_INTEGER);
}

static void *create_nil(const redisReadTask *task)
{
    return reply_new(task, REDIS_REPLY_NIL);
}

static redisReplyObjectFunctions reply_functions = {
    create_string, create_array, create_integer, create_nil, reply_free,
};

/* The argument of the command name; false when r is anything else. */
static bool reply_is(const struct reply *r, const char *name, struct bytes *argument)
{
    if (r->type != REDIS_REPLY_ARRAY || r->count != 2)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (r->elements[i] == NULL || r->elements[i]->type != REDIS_REPLY_STRING)
            return false;
    *argument = block_bytes(r->elements[1]->text);
    return bytes_equal(block_bytes(r->elements[0]->text), bytes_from_string(name));
}

/* --- connections ------------------------------------------------------------------------------ */

static void wake(struct peers *p)
{
    p->wake(p->context);
}

/* Strangers may come as often as they like: one line a second tells of them. */
static void complain(struct peers *p, const char *text)
{
    p->stats.strangers++;
    p->complaints++;
    const uint64_t now_us = clock_boot_us();
    if (p->complained_us != 0 && now_us - p->complained_us < COMPLAINT_US)
        return;
    log_warn("peer", "refused a connection", "why=\"%s\" refusals=%" PRIu64, text, p->complaints);
    p->complained_us = now_us;
    p->complaints = 0;
}

void peer_conn_free(struct conn *c)
{
    struct peers *p = c->peers;
    if (p->current == c)
        p->current = NULL;
    if (c->state == CONN_UP)
        p->stats.connections--;
    if (c->link == NULL) {
        queue_remove(&c->node);
        p->incoming_count--;
    }
    if (c->is_dirty)
        queue_remove(&c->dirty);
    event_free(c->readable);
    event_free(c->writable);
    event_free(c->timeout);
    redisReaderFree(c->reader);
    buf_clear(&c->out);
    buf_clear(&c->said);
    buf_clear(&c->answered);
    close(c->fd);
    free(c);
}

void peer_conn_end(struct conn *c, bool refused, const char *why)
{
    struct link *l = c->link;
    const bool was_up = c->state == CONN_UP;
    struct peers *p = c->peers;
    peer_conn_free(c);
    if (l != NULL)
        link_lost(l, was_up, refused, why);
    else if (!was_up)
        complain(p, why);
}

static void conn_write(struct conn *c)
{
    while (c->out.size > 0) {
        const ssize_t written = write(c->fd, buf_data(&c->out), c->out.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(c->writable, NULL);
            c->waits_writable = true;
            return;
        }
        if (written < 0) {
            peer_conn_end(c, false, strerror(errno));
            return;
        }
        c->peers->stats.bytes_sent += (uint64_t)written;
        buf_consume(&c->out, (size_t)written);
    }
}

void peer_conn_soon(struct conn *c)
{
    if (c->is_dirty || c->waits_writable)
        return;
    c->is_dirty = true;
    queue_push_back(&c->peers->dirty, &c->dirty);
}

void peers_flush(struct peers *p)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&p->dirty)) != NULL) {
        struct conn *c = container_of(node, struct conn, dirty);
        c->is_dirty = false;
        conn_write(c);
    }
}

/* Parts of the handshake are written at once: no turn waits for them. May end c: then false. */
static bool conn_say(struct conn *c, const char *name, struct bytes argument)
{
    buf_printf(&c->out, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, argument.size);
    buf_append_bytes(&c->out, argument);
    buf_append_string(&c->out, "\r\n");
    const ssize_t written = write(c->fd, buf_data(&c->out), c->out.size);
    if (written != (ssize_t)c->out.size) { /* some hundred bytes that a new socket does not take */
        peer_conn_end(c, false, "the connection broke in the handshake");
        return false;
    }
    buf_reset(&c->out);
    return true;
}

static void conn_refuse(struct conn *c, const char *why)
{
    char line[256];
    const int size = snprintf(line, sizeof(line), "-ERR %.200s\r\n", why);
    const ssize_t written = write(c->fd, line, (size_t)size);
    (void)written; /* who is refused may as well not hear why */
    peer_conn_end(c, true, why);
}

/* --- the listener's side ---------------------------------------------------------------------- */

/* Lives of nodes only go forward (§3.9 step 1). */
static bool incarnation_is_fresh(struct peers *p, uint64_t node, uint64_t incarnation)
{
    for (size_t i = 0; i < p->incarnation_count; i++) {
        struct incarnation *known = &p->incarnations[i];
        if (known->node != node)
            continue;
        if (incarnation < known->incarnation)
            return false;
        known->incarnation = incarnation;
        return true;
    }
    if (p->incarnation_count < INCARNATIONS_MAX)
        p->incarnations[p->incarnation_count++] = (struct incarnation){node, incarnation};
    return true;
}

/* NULL: welcome, if it knows the secret. */
static const char *objection(const struct peers *p, const struct hello *h)
{
    if (p->identity.node_id == 0)
        return NULL; /* an empty node: whoever has the secret may introduce us */
    if (memcmp(h->cluster_id, p->identity.cluster_id, sizeof(h->cluster_id)) != 0)
        return "this node belongs to another cluster";
    if (h->from == p->identity.node_id)
        return "a second node with this node's id: was its directory copied?";
    if (h->to != p->identity.node_id)
        return "this is another node than the one you look for";
    return NULL;
}

/* An older build than the cluster has agreed upon: it could not take the log. */
static bool is_too_old(const struct conn *c, char why[static 200])
{
    const struct peers *p = c->peers;
    const uint32_t level = p->consensus == NULL ? 0 : consensus_level(p->consensus);
    if (c->hello.build.level >= level)
        return false;
    snprintf(why, 200, "the cluster has feature level %u, version %s knows %u: run the newer "
             "version on node %" PRIu64, level, c->hello.build.version, c->hello.build.level,
             c->hello.from);
    return true;
}

static void take_hello(struct conn *c, const struct reply *r)
{
    char too_old[200];
    struct bytes encoded;
    struct error e;
    if (!reply_is(r, "AVOW.HELLO", &encoded) || encoded.size > HELLO_SIZE_MAX) {
        conn_refuse(c, "this port is for other nodes of the cluster; clients have another one");
        return;
    }
    if (hello_decode(encoded, &c->hello, &e) != STATUS_OK) {
        conn_refuse(c, e.text);
        return;
    }
    const char *why_not = objection(c->peers, &c->hello);
    if (why_not != NULL) {
        conn_refuse(c, why_not);
        return;
    }
    if (is_too_old(c, too_old)) {
        conn_refuse(c, too_old);
        return;
    }
    struct challenge challenge = {
        .node = c->peers->identity.node_id, .build = c->peers->build};
    prng_secret(challenge.nonce, sizeof(challenge.nonce));
    buf_append_bytes(&c->said, encoded);
    challenge_encode(&challenge, c->hello.version, &c->answered);
    c->state = CONN_CHALLENGED;
    conn_say(c, "AVOW.CHALLENGE", buf_bytes(&c->answered));
}

/* A node that comes again has given its old connection up, whether we have noticed or not; unless
 * it looks for somebody else: an empty node may stand where one was that it replaces. */
static void end_older(struct conn *c)
{
    struct peers *p = c->peers;
    struct queue_node *next;
    for (struct queue_node *at = queue_first(&p->incoming); at != NULL; at = next) {
        next = queue_next(&p->incoming, at);
        struct conn *other = container_of(at, struct conn, node);
        if (other != c && other->state == CONN_UP && other->hello.from == c->hello.from &&
            other->hello.channel == c->hello.channel && other->hello.to == c->hello.to)
            peer_conn_end(other, false, "replaced");
    }
}

static void conn_is_up(struct conn *c)
{
    c->state = CONN_UP;
    c->peers->stats.connections++;
    event_del(c->timeout);
    buf_clear(&c->said);
    buf_clear(&c->answered);
}

/* announce, or if that names no host, the one that host_of() finds. */
static void tell_address(struct conn *c, uint64_t node, const struct peer_address *announce,
                         bool (*host_of)(int fd, char host[static 64]))
{
    struct peers *p = c->peers;
    char host[64];
    struct peer_address address = *announce;
    const bool is_guess = address.host[0] == '\0';
    if (p->consensus == NULL || address.port == 0 || (is_guess && !host_of(c->fd, host)))
        return;
    if (is_guess)
        snprintf(address.host, sizeof(address.host), "%s", host);
    consensus_peer_address(p->consensus, node, &address, is_guess);
    wake(p);
}

static void take_proof(struct conn *c, const struct reply *r)
{
    struct peers *p = c->peers;
    struct bytes given;
    uint8_t mac[HELLO_MAC];
    hello_prove(p->secret, PROOF_DIALER, buf_bytes(&c->said), buf_bytes(&c->answered), mac);
    if (!reply_is(r, "AVOW.PROOF", &given) || !hello_proof_is(mac, given)) {
        conn_refuse(c, "wrong secret: all nodes of a cluster need the same cluster-secret");
        return;
    }
    if (!incarnation_is_fresh(p, c->hello.from, c->hello.incarnation)) {
        conn_refuse(c, "an older life of this node: its directory was restored from a copy; "
                    "remove it and add the node anew");
        return;
    }
    hello_prove(p->secret, PROOF_LISTENER, buf_bytes(&c->said), buf_bytes(&c->answered), mac);
    if (!conn_say(c, "AVOW.WELCOME", bytes_of(mac, sizeof(mac))))
        return;
    end_older(c);
    conn_is_up(c);
    links_dial_now(p, c->hello.from);
    tell_address(c, c->hello.from, &c->hello.announce, peer_socket_their_host);
}

static void take_frame(struct conn *c, struct reply *r)
{
    struct peers *p = c->peers;
    if (r->type != REDIS_REPLY_STRING || r->text->size > WIRE_FRAME_MAX) {
        peer_conn_end(c, false, "not a frame");
        return;
    }
    p->stats.frames_received++;
    if (p->consensus == NULL || (p->chaos != NULL && chaos_drops_in(p->chaos)))
        return;
    struct block *frame = r->text;
    r->text = NULL;
    consensus_receive_block(p->consensus, c->hello.from, frame);
}

/* --- the dialer's side ------------------------------------------------------------------------ */

static void connected(struct conn *c)
{
    struct peers *p = c->peers;
    c->hello = (struct hello){
        .version = c->link->meets_older ? HELLO_VERSION_FIRST : HELLO_VERSION,
        .from = p->identity.node_id,
        .to = c->link->to,
        .incarnation = p->identity.incarnation,
        .channel = c->link->channel,
        .announce = p->announce,
        .build = p->build,
    };
    memcpy(c->hello.cluster_id, p->identity.cluster_id, sizeof(c->hello.cluster_id));
    c->link->meets_older = false; /* next time it may be newer */
    prng_secret(c->hello.nonce, sizeof(c->hello.nonce));
    hello_encode(&c->hello, &c->said);
    c->state = CONN_HELLO_SENT;
    event_add(c->readable, NULL);
    conn_say(c, "AVOW.HELLO", buf_bytes(&c->said));
}

/* Whether r is an error of the other side, which then ended c. */
static bool was_refused(struct conn *c, const struct reply *r)
{
    if (r->type != REDIS_REPLY_ERROR)
        return false;
    char why[160];
    snprintf(why, sizeof(why), "%.*s", (int)MIN(r->text->size, sizeof(why) - 1),
             (const char *)r->text->data);
    const struct consensus *consensus = c->peers->consensus;
    const uint32_t level = consensus == NULL ? 0 : consensus_level(consensus);
    if (hello_is_too_new(why) && c->hello.version != HELLO_VERSION_FIRST &&
        level <= FEATURE_LEVEL_FIRST)
        link_meets_older(c);
    else
        peer_conn_end(c, true, why);
    return true;
}

static void take_challenge(struct conn *c, const struct reply *r)
{
    struct bytes encoded;
    struct challenge challenge;
    if (was_refused(c, r))
        return;
    if (!reply_is(r, "AVOW.CHALLENGE", &encoded) ||
        !challenge_decode(encoded, c->hello.version, &challenge)) {
        peer_conn_end(c, true, "no node of ours answers there");
        return;
    }
    if (challenge.node != 0 && challenge.node != c->link->to) {
        peer_conn_end(c, true, "another node answers there");
        return;
    }
    c->build = challenge.build;
    c->meets_nobody = challenge.node == 0;
    if (c->meets_nobody && !address_equal(&c->link->dialed, &c->link->address)) {
        peer_conn_end(c, true, "an empty node answers there");
        return;
    }
    buf_append_bytes(&c->answered, encoded);
    uint8_t mac[HELLO_MAC];
    hello_prove(c->peers->secret, PROOF_DIALER, buf_bytes(&c->said), buf_bytes(&c->answered), mac);
    c->state = CONN_PROOF_SENT;
    conn_say(c, "AVOW.PROOF", bytes_of(mac, sizeof(mac)));
}

static void take_welcome(struct conn *c, const struct reply *r)
{
    struct peers *p = c->peers;
    struct link *l = c->link;
    struct bytes given;
    uint8_t mac[HELLO_MAC];
    if (was_refused(c, r))
        return;
    hello_prove(p->secret, PROOF_LISTENER, buf_bytes(&c->said), buf_bytes(&c->answered), mac);
    if (!reply_is(r, "AVOW.WELCOME", &given) || !hello_proof_is(mac, given)) {
        peer_conn_end(c, true, "the node there does not know the secret");
        return;
    }
    conn_is_up(c);
    p->stats.connects++;
    l->backoff_ms = 0;
    l->why[0] = '\0';
    log_info("peer", "connected", "node=%" PRIu64 " channel=%s", l->to,
             l->channel == CHANNEL_CONTROL ? "control" : "data");
    const bool by_hint = !address_equal(&l->dialed, &l->address);
    const struct peer_address found = l->dialed;
    tell_address(c, p->identity.node_id, &p->announce, peer_socket_own_host);
    if (p->consensus != NULL && l->channel == CHANNEL_CONTROL)
        consensus_peer_build(p->consensus, l->to, &c->build);
    if (p->consensus != NULL)
        consensus_peer_event(p->consensus, l->to, l->channel, PEER_UP);
    if (p->consensus != NULL && c->meets_nobody)
        consensus_peer_event(p->consensus, l->to, l->channel, PEER_EMPTY);
    if (p->consensus != NULL && by_hint) /* its address from now on: dialed there in the turn */
        consensus_peer_address(p->consensus, l->to, &found, false);
    wake(p);
}

/* --- events of connections -------------------------------------------------------------------- */

/* May end c; the caller looks at peers.current. */
static void take_reply(struct conn *c, struct reply *r)
{
    switch (c->state) {
    case CONN_WAITS_HELLO: take_hello(c, r); return;
    case CONN_CHALLENGED: take_proof(c, r); return;
    case CONN_HELLO_SENT: take_challenge(c, r); return;
    case CONN_PROOF_SENT: take_welcome(c, r); return;
    case CONN_UP:
        if (c->link == NULL)
            take_frame(c, r);
        else
            peer_conn_end(c, false, "the listener spoke out of turn");
        return;
    case CONN_CONNECTING: break;
    }
    panic("a connection that is not there has spoken");
}

/* Feeds what was read; false when that was the end of c. */
static bool conn_feed(struct conn *c, const char *data, size_t size)
{
    struct peers *p = c->peers;
    if (redisReaderFeed(c->reader, data, size) != REDIS_OK) {
        peer_conn_end(c, false, "not RESP");
        return false;
    }
    p->current = c;
    for (;;) {
        void *object = NULL;
        if (redisReaderGetReply(c->reader, &object) != REDIS_OK) {
            peer_conn_end(c, false, "not RESP");
            return false;
        }
        if (object == NULL)
            break;
        take_reply(c, object);
        reply_free(object);
        if (p->current == NULL)
            return false;
    }
    p->current = NULL;
    const size_t unparsed = c->reader->len - c->reader->pos;
    if (unparsed > (c->state == CONN_UP ? WIRE_FRAME_MAX + 64 : HANDSHAKE_BYTES_MAX)) {
        peer_conn_end(c, false, "a frame larger than there are");
        return false;
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct conn *c = context;
    struct peers *p = c->peers;
    char data[READ_BYTES];
    for (int reads = 0; reads < READS_PER_EVENT; reads++) {
        const ssize_t size = read(fd, data, sizeof(data));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (size <= 0) {
            peer_conn_end(c, false, size == 0 ? "closed by the other side" : strerror(errno));
            break;
        }
        p->stats.bytes_received += (uint64_t)size;
        if (!conn_feed(c, data, (size_t)size) || (size_t)size < sizeof(data))
            break;
    }
    wake(p);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct conn *c = context;
    if (c->state != CONN_CONNECTING) {
        c->waits_writable = false;
        conn_write(c);
        return;
    }
    const int outcome = peer_socket_outcome(fd);
    if (outcome != 0)
        peer_conn_end(c, true, strerror(outcome));
    else
        connected(c);
}

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    peer_conn_end(context, false, "no answer in time");
}

struct timeval peer_milliseconds(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

struct event *peer_event_make(struct peers *p, int fd, short what, event_callback_fn handler,
                              void *context)
{
    struct event *e = event_new(p->base, fd, what, handler, context);
    if (e == NULL)
        panic("out of memory for an event");
    return e;
}

struct conn *peer_conn_new(struct peers *p, struct link *l, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    c->peers = p;
    c->link = l;
    c->fd = fd;
    c->state = l == NULL ? CONN_WAITS_HELLO : CONN_CONNECTING;
    c->readable = peer_event_make(p, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = peer_event_make(p, fd, EV_WRITE, on_writable, c);
    c->timeout = peer_event_make(p, -1, 0, on_timeout, c);
    c->reader = redisReaderCreateWithFunctions(&reply_functions);
    if (c->reader == NULL)
        panic("out of memory for a reader");
    c->reader->maxbuf = 1 << 20; /* kept when empty */
    const struct timeval limit = peer_milliseconds(HANDSHAKE_MS);
    event_add(c->timeout, &limit);
    if (l != NULL) {
        event_add(c->writable, NULL);
        return c;
    }
    event_add(c->readable, NULL);
    queue_push_back(&p->incoming, &c->node);
    p->incoming_count++;
    return c;
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct peers *p = context;
    for (;;) {
        const int accepted = peer_socket_accept(fd);
        if (accepted < 0)
            return;
        if (p->incoming_count < INCOMING_MAX) {
            peer_conn_new(p, NULL, accepted);
            continue;
        }
        close(accepted);
        complain(p, "too many connections");
    }
}

/* --- all -------------------------------------------------------------------------------------- */

enum status peers_open(const struct peers_options *options, struct peers **peers, struct error *e)
{
    CHECK(options->wake != NULL);
    CHECK(options->build.level > 0);
    const size_t secret_size = options->secret == NULL ? 0 : strlen(options->secret);
    if (secret_size == 0 || secret_size >= PEER_SECRET_MAX)
        return fail(e, STATUS_INVALID,
                    "the cluster's secret (cluster-secret) must have 1 to %d bytes",
                    PEER_SECRET_MAX - 1);
    int listener;
    const enum status status =
        peer_socket_listen(options->bind_host, options->bind_port, &listener, e);
    if (status != STATUS_OK)
        return status;

    struct peers *p = xcalloc(1, sizeof(*p));
    p->base = options->base;
    p->identity = options->identity;
    memcpy(p->secret, options->secret, secret_size);
    p->chaos = options->chaos;
    p->announce = options->announce;
    p->build = options->build;
    prng_seed(&p->prng, options->seed);
    p->wake = options->wake;
    p->context = options->context;
    p->listener = listener;
    queue_init(&p->incoming);
    queue_init(&p->dirty);
    p->acceptable = peer_event_make(p, listener, EV_READ | EV_PERSIST, on_acceptable, p);
    event_add(p->acceptable, NULL);
    const enum status hints = peer_hints_parse(p, options->hints, e);
    if (hints != STATUS_OK) {
        peers_close(p);
        return hints;
    }
    *peers = p;
    return STATUS_OK;
}

void peers_close(struct peers *p)
{
    if (p == NULL)
        return;
    p->consensus = NULL;
    while (p->link_count > 0)
        link_free(p->links[--p->link_count]);
    struct queue_node *first;
    while ((first = queue_first(&p->incoming)) != NULL)
        peer_conn_free(container_of(first, struct conn, node));
    if (p->dns != NULL)
        evdns_base_free(p->dns, 1);
    event_free(p->acceptable);
    close(p->listener);
    memset(p->secret, 0, sizeof(p->secret));
    free(p);
}

void peers_attach(struct peers *p, struct consensus *c)
{
    p->consensus = c;
}

void peers_identify(struct peers *p, const struct log_identity *identity)
{
    CHECK(p->identity.node_id == 0);
    p->identity = *identity;
    struct queue_node *next;
    for (struct queue_node *at = queue_first(&p->incoming); at != NULL; at = next) {
        next = queue_next(&p->incoming, at);
        struct conn *c = container_of(at, struct conn, node);
        if (c->state > CONN_WAITS_HELLO && c->hello.to != identity->node_id)
            peer_conn_end(c, false, "meant for another node");
    }
}

uint16_t peers_port(const struct peers *p)
{
    return peer_socket_port(p->listener);
}

void peers_stats(const struct peers *p, struct peers_stats *stats)
{
    *stats = p->stats;
}
