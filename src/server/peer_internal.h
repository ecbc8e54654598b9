/* peer_internal.h -- what the two files of the peer channel share: peer.c (connections, listener)
 * and peer_link.c (whom to dial, and when). */

#ifndef SERVER_PEER_INTERNAL_H
#define SERVER_PEER_INTERNAL_H

#include <event2/event.h>
#include <sys/socket.h>

#include "base/prng.h"
#include "base/queue.h"
#include "server/peer.h"
#include "server/peer_hello.h"

#define LINKS_MAX 64               /* two channels to each node of the consensus half's book */
#define HINTS_MAX 16
#define INCARNATIONS_MAX 64        /* nodes whose newest life is remembered */

struct evdns_base;
struct evdns_getaddrinfo_request;
struct redisReader;

enum conn_state {
    CONN_CONNECTING, /* dialer */
    CONN_HELLO_SENT,
    CONN_PROOF_SENT,
    CONN_WAITS_HELLO, /* listener */
    CONN_CHALLENGED,
    CONN_UP
};

struct conn {
    struct peers *peers;
    struct queue_node node;  /* in peers.incoming, unless a link's */
    struct queue_node dirty; /* in peers.dirty */
    struct link *link;       /* NULL: accepted */
    enum conn_state state;
    int fd;
    struct event *readable, *writable, *timeout;
    struct redisReader *reader;
    struct buf out;
    bool is_dirty, waits_writable;
    bool meets_nobody; /* dialed: an empty node answered */
    struct hello hello;            /* the dialer's */
    struct peer_build build;       /* dialed: the listener's */
    struct buf said, answered;     /* hello and challenge as encoded */
};

struct link {
    struct peers *peers;
    uint64_t to;
    enum peer_channel channel;
    struct peer_address address;
    struct peer_address dialed; /* that, or by turns a hint */
    uint32_t attempts;          /* that failed, since it was up */
    struct conn *conn; /* NULL: waits for retry, or for a name */
    struct event *retry;
    struct evdns_getaddrinfo_request *resolving;
    bool meets_older;  /* who is there knows the first version of the handshake only */
    uint32_t backoff_ms;
    char why[160]; /* what was logged last about its failing */
};

struct incarnation {
    uint64_t node, incarnation;
};

struct peers {
    struct event_base *base;
    struct evdns_base *dns; /* made when the first name comes */
    struct log_identity identity;
    char secret[PEER_SECRET_MAX];
    struct peer_address announce;
    struct peer_build build;
    struct peer_address hints[HINTS_MAX];
    uint32_t hint_count;
    const struct chaos *chaos;
    struct prng prng;
    void (*wake)(void *context);
    void *context;
    struct consensus *consensus;
    int listener;
    struct event *acceptable;
    struct link *links[LINKS_MAX];
    size_t link_count;
    struct queue incoming, dirty;
    size_t incoming_count;
    struct conn *current; /* whose replies are being taken; NULL once it has ended */
    struct incarnation incarnations[INCARNATIONS_MAX];
    size_t incarnation_count;
    uint64_t complained_us, complaints;
    struct peers_stats stats;
};

/* peer.c */
struct conn *peer_conn_new(struct peers *p, struct link *l, int fd); /* l NULL: accepted */
void peer_conn_free(struct conn *c);
/* Ends c, which is void afterwards, and tells its link. refused: somebody there said no. */
void peer_conn_end(struct conn *c, bool refused, const char *why);
/* c has something in its buffer: peers_flush() writes it. */
void peer_conn_soon(struct conn *c);
struct event *peer_event_make(struct peers *p, int fd, short what, event_callback_fn handler,
                              void *context);
struct timeval peer_milliseconds(uint32_t ms);

/* peer_link.c */
enum status peer_hints_parse(struct peers *p, const char *hints, struct error *e) MUST_CHECK;
void link_lost(struct link *l, bool was_up, bool refused, const char *why);
/* Ends c, and dials again at once, to speak as builds do that know no feature levels. */
void link_meets_older(struct conn *c);
void link_free(struct link *l);
void links_dial_now(struct peers *p, uint64_t to); /* it has shown that it is there */

#endif
