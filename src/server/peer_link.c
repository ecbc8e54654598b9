/* peer_link.c -- whom this node dials: a link for each peer and channel, and the transport port.
 *
 *   (resolve ->) dial -> [connection, peer.c] -> up -> broken -> dial at once -> refused -> after a
 *   while -> ...
 *
 * Names are resolved by libevent's own resolver, since getaddrinfo() would stop the loop. */

#define _GNU_SOURCE /* memrchr */
#include "server/chaos.h"
#include "server/peer_internal.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "node/consensus.h"
#include "node/wire.h"
#include "server/peer_socket.h"

#define OUT_BYTES_MAX (64u << 20)  /* unsent: twice what Raft and an origin have in flight */
#define BACKOFF_MIN_MS 10
#define BACKOFF_MAX_MS 1000

/* --- hints ------------------------------------------------------------------------------------ */

/* host:port, [v6]:port */
static bool parse_hint(const char *text, size_t size, struct peer_address *address)
{
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL || colon == text)
        return false;
    size_t host_size = (size_t)(colon - text);
    const bool is_bracketed = host_size > 2 && text[0] == '[' && colon[-1] == ']';
    text += is_bracketed;
    host_size -= is_bracketed ? 2 : 0;
    char *end;
    const long port = strtol(colon + 1, &end, 10);
    if (host_size >= HOST_MAX || (*end != '\0' && *end != ' ') || port < 1 || port > 65535)
        return false;
    *address = (struct peer_address){.port = (uint16_t)port};
    memcpy(address->host, text, host_size);
    return true;
}

enum status peer_hints_parse(struct peers *p, const char *hints, struct error *e)
{
    for (const char *at = hints == NULL ? "" : hints; *at != '\0'; at += strspn(at, " ")) {
        const size_t size = strcspn(at, " ");
        if (p->hint_count == HINTS_MAX)
            return fail(e, STATUS_INVALID, "peer: more than %d addresses", HINTS_MAX);
        if (!parse_hint(at, size, &p->hints[p->hint_count++]))
            return fail(e, STATUS_INVALID, "peer: '%.*s' is not host:peer-port",
                        (int)MIN(size, 100), at);
        at += size;
    }
    return STATUS_OK;
}

/* --- links ------------------------------------------------------------------------------------ */

static void link_dial_at(struct link *l, const struct sockaddr *address, socklen_t size)
{
    const int fd = peer_socket_connect(address, size);
    if (fd < 0)
        link_lost(l, false, true, strerror(errno));
    else
        l->conn = peer_conn_new(l->peers, l, fd);
}

static void on_resolved(int outcome, struct evutil_addrinfo *found, void *context)
{
    if (outcome == EVUTIL_EAI_CANCEL)
        return; /* the link is gone */
    struct link *l = context;
    l->resolving = NULL;
    if (outcome != 0 || found == NULL) {
        link_lost(l, false, false, evutil_gai_strerror(outcome));
        return;
    }
    link_dial_at(l, found->ai_addr, (socklen_t)found->ai_addrlen);
    evutil_freeaddrinfo(found);
}

/* Names are asked for as they are written, not in a random mixture of large and small letters: that
 * makes answers harder to forge, but some name servers (podman's) know them in small ones only. A
 * peer proves who it is by the secret. */
static struct evdns_base *resolver_new(struct event_base *base)
{
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                  EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns != NULL && evdns_base_set_option(dns, "randomize-case:", "0") != 0)
        log_warn("peer", "the resolver does not take an option", "option=randomize-case");
    return dns;
}

static void link_resolve(struct link *l)
{
    struct peers *p = l->peers;
    if (p->dns == NULL)
        p->dns = resolver_new(p->base);
    if (p->dns == NULL) {
        link_lost(l, false, false, "names cannot be resolved here");
        return;
    }
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)l->dialed.port);
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                                          .ai_flags = EVUTIL_AI_ADDRCONFIG};
    /* It may call back at once, with l->resolving to be NULL then. */
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(p->dns, l->dialed.host, service, &hints, on_resolved, l);
    l->resolving = request;
}

static void link_dial(struct link *l)
{
    CHECK(l->conn == NULL);
    struct sockaddr_storage address;
    socklen_t size;
    if (l->resolving != NULL)
        return;
    const uint32_t turn = l->attempts % (1 + l->peers->hint_count);
    l->dialed = turn == 0 ? l->address : l->peers->hints[turn - 1];
    if (peer_socket_numeric(l->dialed.host, l->dialed.port, &address, &size))
        link_dial_at(l, (const struct sockaddr *)&address, size);
    else
        link_resolve(l);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    link_dial(context);
}

/* A broken connection is dialed anew at once: whether that is refused tells a dead process from a
 * bad network, and Raft wants to know. */
void link_lost(struct link *l, bool was_up, bool refused, const char *why)
{
    struct peers *p = l->peers;
    l->conn = NULL;
    if (strncmp(l->why, why, sizeof(l->why) - 1) != 0) {
        snprintf(l->why, sizeof(l->why), "%s", why);
        log_warn("peer", was_up ? "connection lost" : "cannot connect",
                 "node=%" PRIu64 " address=%s:%u why=\"%s\"", l->to, l->dialed.host,
                 (unsigned)l->dialed.port, why);
    }
    p->stats.refusals += refused;
    uint32_t wait_ms = 0;
    if (!was_up) {
        l->backoff_ms = MIN(MAX(l->backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
        wait_ms = l->backoff_ms + (uint32_t)prng_below(&p->prng, l->backoff_ms);
    }
    const struct timeval wait = peer_milliseconds(wait_ms);
    event_add(l->retry, &wait);
    const bool by_hint = l->attempts % (1 + p->hint_count) != 0; /* says nothing of the node */
    l->attempts = was_up ? 0 : l->attempts + 1;
    if (p->consensus == NULL || (!was_up && (!refused || by_hint)))
        return;
    consensus_peer_event(p->consensus, l->to, l->channel, was_up ? PEER_BROKEN : PEER_REFUSED);
    p->wake(p->context);
}

void link_meets_older(struct conn *c)
{
    struct link *l = c->link;
    const struct timeval at_once = peer_milliseconds(0);
    peer_conn_free(c);
    l->conn = NULL;
    l->meets_older = true;
    event_add(l->retry, &at_once);
}

/* Without this a node that starts, or whose cable is back, waits for the end of our pause, or for
 * the next SYN; and until then it cannot give its vote if the leader dies. */
void links_dial_now(struct peers *p, uint64_t to)
{
    const struct timeval at_once = peer_milliseconds(0);
    for (size_t i = 0; i < p->link_count; i++) {
        struct link *l = p->links[i];
        if (l->to != to || (l->conn != NULL && l->conn->state != CONN_CONNECTING))
            continue;
        if (l->resolving != NULL)
            continue; /* it is about to be dialed: a second time would be one too many */
        if (l->conn != NULL)
            peer_conn_free(l->conn);
        l->conn = NULL;
        l->backoff_ms = 0;
        event_add(l->retry, &at_once);
    }
}

void link_free(struct link *l)
{
    if (l->resolving != NULL)
        evdns_getaddrinfo_cancel(l->resolving);
    if (l->conn != NULL)
        peer_conn_free(l->conn);
    event_free(l->retry);
    free(l);
}

static struct link *link_find(struct peers *p, uint64_t to, enum peer_channel channel)
{
    for (size_t i = 0; i < p->link_count; i++)
        if (p->links[i]->to == to && p->links[i]->channel == channel)
            return p->links[i];
    return NULL;
}

static void link_drop(struct peers *p, uint64_t to, enum peer_channel channel)
{
    for (size_t i = 0; i < p->link_count; i++) {
        if (p->links[i]->to != to || p->links[i]->channel != channel)
            continue;
        link_free(p->links[i]);
        p->links[i] = p->links[--p->link_count];
        return;
    }
}

/* --- the transport port ----------------------------------------------------------------------- */

static void port_send(void *context, uint64_t to, enum peer_channel channel,
                      const struct bytes *parts, size_t part_count)
{
    struct peers *p = context;
    const struct link *l = link_find(p, to, channel);
    struct conn *c = l == NULL ? NULL : l->conn;
    if (c == NULL || c->state != CONN_UP || (p->chaos != NULL && chaos_drops_out(p->chaos, to))) {
        p->stats.frames_dropped++;
        return;
    }
    size_t size = 0;
    for (size_t i = 0; i < part_count; i++)
        size += parts[i].size;
    CHECK(size <= WIRE_FRAME_MAX);
    if (c->out.size + size > OUT_BYTES_MAX) {
        p->stats.frames_dropped++;
        peer_conn_end(c, false, "it takes nothing any more");
        return;
    }
    char head[32];
    const int head_size = snprintf(head, sizeof(head), "$%zu\r\n", size);
    buf_reserve(&c->out, size + (size_t)head_size + 2);
    buf_append(&c->out, head, (size_t)head_size);
    for (size_t i = 0; i < part_count; i++)
        buf_append_bytes(&c->out, parts[i]);
    buf_append(&c->out, "\r\n", 2);
    p->stats.frames_sent++;
    peer_conn_soon(c);
}

static void port_peer(void *context, uint64_t node, const struct peer_address *address)
{
    struct peers *p = context;
    for (int channel = 0; channel < 2; channel++) {
        link_drop(p, node, (enum peer_channel)channel);
        if (address == NULL)
            continue;
        if (p->link_count == LINKS_MAX) {
            log_error("peer", "too many peers", "node=%" PRIu64, node);
            return;
        }
        struct link *l = xcalloc(1, sizeof(*l));
        l->peers = p;
        l->to = node;
        l->channel = (enum peer_channel)channel;
        l->address = *address;
        l->retry = peer_event_make(p, -1, 0, on_retry, l);
        p->links[p->link_count++] = l;
        event_active(l->retry, EV_TIMEOUT, 0); /* dials from the loop, not from within a turn */
    }
}

struct transport_port peers_transport(struct peers *p)
{
    return (struct transport_port){p, port_send, port_peer};
}
