/* sim_client.h -- what clients of a simulated cluster do and remember.
 *
 *   sim_client   one thing after another on a random node; histories judged by linear.h
 *   sim_pipe     many requests in flight on one node, on a key of its own; order judged at once
 *   sim_reader   in the end: every key on every node */

#ifndef SIM_SIM_CLIENT_H
#define SIM_SIM_CLIENT_H

#include "base/buf.h"
#include "base/heap.h"
#include "node/shard.h"
#include "sim/linear.h"

#define SIM_CLIENTS_MAX 16
#define SIM_PIPES_MAX 3
#define SIM_PIPE_DEPTH 12
#define SIM_KEYS 6
#define SIM_WORKLOADS 7
#define SIM_TOKENS_MAX 65536

struct sim;
struct sim_node;

struct sim_event {
    struct heap_node node;
    void (*happen)(struct sim *s, struct sim_event *e);
    bool owns_memory; /* frees itself when it happens and its node is gone (frames, jobs) */
};

/* --- a request in flight ---------------------------------------------------------------------- */

/* Whose slot it is: complete() gets the text of the reply, 0 at its end. */
struct sim_call {
    struct reply_slot slot;
    void (*complete)(struct sim *s, struct sim_call *call, const char *text);
    bool waiting;
    uint64_t start_us;
    struct buf reply;
};

enum sim_way { WAY_WRITE, WAY_READ, WAY_STALE };

/* false: no room, or the node died of it. */
bool sim_submit(struct sim_node *n, struct sim_call *call, const struct request *r,
                enum sim_way way);

/* --- one thing after another ------------------------------------------------------------------ */

enum sim_op {
    OP_GET, OP_SET, OP_INCR, OP_DEL, OP_CAS, OP_PAIR_INCR, OP_PAIR_READ, OP_BRIEF_SET, OP_BRIEF_GET,
    OP_STALE, OP_ZOO, OP_LARGE_SET, OP_LARGE_GET, OP_PUSH, OP_POP,
    OP_KINDS
};

struct sim_client {
    struct sim *sim;
    struct sim_event step;
    struct sim_call call;
    struct sim_node *at;
    uint64_t life; /* of the node it is connected to */
    enum sim_op op;
    uint32_t phase, key;
    int64_t argument, expected;
    uint64_t watch_number, watch_stamp;
    struct sim_brief {       /* a key of its own that goes by itself */
        uint32_t generation; /* part of its name; rises when nobody knows what was done */
        uint64_t asked_us, ttl_us, set_us; /* set_us 0: never */
        bool gone;
    } brief;
    struct {
        uint32_t tried, acknowledged; /* the numbers of its large value */
    } large;
    uint32_t wait_token; /* OP_PUSH: its element */
    uint32_t wait_lines; /* OP_POP: lines of the reply before the element */
    bool wait_moves;     /* OP_POP: the element goes elsewhere */
};

/* What became of the elements that were pushed (sim_wait.c). */
struct sim_wait {
    uint8_t fates[SIM_TOKENS_MAX];
    uint32_t count, popped;
    uint32_t unknown; /* clients that may have taken one, and nobody was told */
};

struct sim_history {
    struct linear_op *ops;
    size_t count, capacity;
};

/* --- pipelines -------------------------------------------------------------------------------- */

struct sim_pipe_call {
    struct sim_call call;
    struct sim_pipe *pipe;
    uint64_t sequence;
    bool increments, judged;
};

/* INCR and riding GET of one key in a stream: what each is told must rise in the order sent. */
struct sim_pipe {
    struct sim *sim;
    struct sim_event step;
    struct sim_node *at;
    uint64_t life;
    struct sim_pipe_call calls[SIM_PIPE_DEPTH];
    uint32_t number, in_flight;
    uint64_t next_sequence;
    uint64_t incremented, unknown; /* INCRs acknowledged; whose outcome nobody knows */
    struct { uint64_t sequence; int64_t value; bool increments; } told[32]; /* a ring */
    uint32_t told_count;
};

/* --- the last look ---------------------------------------------------------------------------- */

struct sim_reader {
    struct sim_event step;
    struct sim_call call;
    uint32_t node, key; /* next */
    bool done;
};

/* sim_client.c */
void sim_clients_start(struct sim *s);
void sim_clients_lost(struct sim *s, struct sim_node *n); /* n died: outcomes are unknown */
bool sim_clients_idle(const struct sim *s);
bool sim_clients_check(struct sim *s); /* linearizable, every key */
void sim_clients_clear(struct sim *s);
void sim_record(struct sim *s, uint32_t key, const struct linear_op *op);
int64_t sim_parse_number(const char **text); /* of a RESP2 element; see there */

/* sim_large.c */
bool sim_large_set(struct sim_client *c);
bool sim_large_get(struct sim_client *c);
void sim_large_set_done(struct sim_client *c);
void sim_large_got(struct sim_client *c, const char *text);

/* sim_wait.c */
bool sim_wait_push(struct sim_client *c);
bool sim_wait_pop(struct sim_client *c);
void sim_wait_pushed(struct sim_client *c, bool refused);
void sim_wait_popped(struct sim_client *c, const char *text);
void sim_wait_unknown(struct sim_client *c);
void sim_wait_leave(struct sim_client *c);
void sim_wait_check(struct sim *s, struct sim_node *n); /* inside of the node */
void sim_wait_check_end(struct sim *s);

/* sim_zoo.c */
bool sim_zoo_send(struct sim_node *n, struct sim_call *call); /* a random command */

/* sim_pipe.c */
void sim_pipes_start(struct sim *s);
void sim_pipes_lost(struct sim *s, struct sim_node *n);
bool sim_pipes_idle(const struct sim *s);
void sim_pipes_clear(struct sim *s);
void sim_reader_start(struct sim *s);
void sim_reader_clear(struct sim *s);

/* sim_host.c */
extern const struct shard_host sim_shard_host; /* context: struct sim_node */

#endif
