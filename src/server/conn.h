/* conn.h -- a client's connection: bytes in, replies out in the order of the requests.
 *
 *   socket -> in -> resp_reader -> dispatch -> [slot][slot][slot] -> out -> socket
 *                                               head: replies go straight into out;
 *                                               behind it they wait in their slot
 *
 * A handler of an event only notes that the socket is ready; conns_turn() does the work: one read
 * and one write per connection and turn. What arrives whole is parsed where it was read (a buffer
 * of the server), so that an idle connection owns no memory but this struct.
 *
 * Invariants:
 *   1. Replies leave in the order of their requests, whoever completes first.
 *   2. A request is consumed from in only when dispatch has taken it.
 *   3. Requests in flight, bytes unsent and bytes unparsed are bounded; beyond, nothing is read. */

#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <event2/event_struct.h>
#include "base/buf.h"
#include "base/queue.h"
#include "node/shard.h"
#include "resp/resp_read.h"
#include "server/pubsub.h"
#include "server/session.h"
#include "server/stream.h"
#include "server/tracking.h"

#define CONN_SLOTS_MAX 1024                   /* requests in flight of one connection */
#define CONN_REQUESTS_PER_TURN 1024           /* of one connection: others have their turn, too */
#define CONN_UNSENT_MAX ((size_t)256 << 20)   /* bytes: no more requests are taken while above */
#define CONN_READ_SIZE ((size_t)64 * 1024)    /* bytes of one read */
#define CONN_BULK_READ_MAX ((size_t)4 << 20)  /* of a large argument that is known to come */

struct command_info;
struct pending;
struct server;
struct steps;

enum slot_kind {
    SLOT_COMMAND, /* its reply is the command's */
    SLOT_WATCH,   /* a read that only confirms; then the stamps are taken */
    SLOT_SETTING, /* CONFIG SET: local part to be assigned when the log has taken the other */
    SLOT_LOGIN,   /* AUTH, HELLO AUTH: a read that only confirms */
    SLOT_GET_SETTINGS, /* CONFIG GET of replicated ones: a read that only confirms */
};
enum slot_flight { FLIGHT_NONE, FLIGHT_READ, FLIGHT_WRITE };

/* The place of one reply. */
struct slot {
    struct reply_slot shard; /* first: the shard hands it back */
    struct conn *conn;
    struct slot *next, *prev;
    struct command_info *info;
    struct pending *pending; /* what a local command waits for; NULL = nothing */
    struct buf reply;        /* while not at the head */
    struct buf words;        /* of the request, shortened: for the slow log */
    uint64_t begun;          /* ticks */
    uint8_t kind, flight, protocol;
    bool is_done, is_silent;
    bool caching;            /* CLIENT CACHING was said just before it */
};

struct conn {
    struct server *server;
    struct queue_node node;       /* all connections */
    struct queue_node ready_node; /* those with something to do in this turn */
    struct queue_node out_node;   /* those with something to send */
    struct queue_node intake_node; /* those with much unparsed (intake.h) */
    size_t intake_bytes;          /* as counted there */
    size_t unsent_bytes;          /* out's memory, as counted in outlet.h */
    uint64_t sent_us;             /* when some of them went, or there were none */
    struct stream stream;
    struct event read_event, write_event;
    struct event close_event; /* while blocked, when little is read */
    uint64_t id;
    char address[64], local_address[64];

    struct buf in, out;
    struct buf pushes; /* made while one of its replies was: they follow it */
    struct resp_reader reader;
    size_t missing; /* bytes of in without which there is no point in parsing */
    size_t request_bytes; /* of the request that is being dispatched, which may not be in in */
    struct slot *first, *last;
    uint32_t slot_count, reads_in_flight, writes_in_flight;
    struct slot *blocked; /* the one that waits for others (BLPOP, WAIT ...), alone; NULL: none */

    struct conn *next_of_id; /* in server.conns_by_id */
    struct session session;
    struct subscriber subscriber;
    struct tracker tracker;
    struct buf settings;        /* CONFIG SET under way: its local part; GET: its patterns */
    struct buf watching;        /* keys of the WATCH under way, le32 size and bytes each */
    struct command_info *last_command;
    uint64_t created_ms, active_ms;   /* wall */
    uint64_t soft_limit_since_ms;     /* 0 = below */

    struct steps *steps; /* its write is followed (steps.h); NULL: it is not */

    bool is_readable, reads_enabled, writes_enabled;
    bool is_ready, has_output, is_large; /* is in the queue of that name */
    bool waits;                 /* a request stays unparsed until slots drain, or room comes */
    bool in_barrier;            /* a request that must run alone has not been answered yet */
    bool closes;                /* after what is queued was sent */
    bool is_dead;               /* closed; freed at the end of the turn */
    bool is_monitor;
    bool is_local;              /* over the loopback interface */
    bool is_paused;             /* waits for the end of CLIENT PAUSE */
    bool has_hung_up;           /* the client, while blocked */
};

/* --- connections ------------------------------------------------------------------------------ */

/* fd is nonblocking; the connection owns it from now on. */
struct conn *conn_new(struct server *s, int fd);
/* Forgets what is in flight, closes; freed by conns_reap(). No harm when done twice. */
void conn_close(struct conn *c, const char *why);
void conns_close(struct server *s); /* all of them, at the end */
/* No more requests; closes when all replies are sent. */
void conn_finish(struct conn *c);
/* It has something to do: bytes unparsed that may go on. */
void conn_make_ready(struct conn *c);
/* Bytes that are no reply (MONITOR, messages, invalidations): at once, or behind the reply that is
 * being made for it. */
void conn_push(struct conn *c, struct bytes bytes);
void conn_forget_listening(struct conn *c); /* subscriptions, tracking, MONITOR */
/* Whose output-buffer limit is its; what CLIENT LIST calls its type. */
enum client_class conn_class(const struct conn *c);
size_t conn_memory(const struct conn *c); /* bytes that it holds */
struct conn *conn_by_id(struct server *s, uint64_t id);

/* The turn: reads and parses those that are ready. True = some have more to do at once. */
bool conns_turn(struct server *s);
/* The end of the turn: sends what there is, closes what is over its limits, frees the dead. */
void conns_flush(struct server *s);
void conns_reap(struct server *s);
/* Ten times a second: idle ones, limits that last, memory. */
void conns_cron(struct server *s);
/* A pause ended, or room came: all that wait may go on. */
void conns_resume(struct server *s);

/* --- slots ------------------------------------------------------------------------------------ */

/* The place of the next reply, at the end of the queue. */
struct slot *slot_push(struct conn *c, struct command_info *info);
/* Takes the last one back: its request was not dispatched after all. */
void slot_pop(struct slot *slot);
/* Its reply is about to be made: pushes to its connection wait for the end. */
void slot_begin(struct slot *slot);
/* Where its reply is to be written. */
struct buf *slot_out(struct slot *slot);
/* Its request waits for what others do: no more is taken, but its client's end is noticed. Until it
 * completes, or the connection closes. Again for a slot that waits already: nothing. */
void slot_block(struct slot *slot);
/* The reply is there: it, and those behind it that waited, go on to out. */
void slot_complete(struct slot *slot);
void slots_free(struct server *s); /* the pool */

#endif
