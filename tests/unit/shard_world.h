/* shard_world.h -- the data half of one node, and in place of consensus a few lines that do by hand
 * what a cluster may do to its batches: take, lose, commit, delay, repeat; for tests.
 *
 * The rules of the fake are Raft's and §3.1's: a batch is taken in its own term alone and in order;
 * a new leader cuts what is not committed anywhere, puts a NOOP behind, and commits only by entries
 * of its own term. */

#ifndef SHARD_WORLD_H
#define SHARD_WORLD_H

#include "base/prng.h"
#include "kv/kv_mem.h"
#include "kv/state_store.h"
#include "node/lease.h"
#include "node/shard.h"

#define SW_SELF 1
#define SW_OTHER 2
#define SW_BATCHES_MAX 256
#define SW_READS_MAX 64
#define SW_LEASE_US 20000

/* A client's request in flight; embedded by tests. */
struct sw_request {
    struct reply_slot slot;
    struct buf reply;
    bool done;
    bool waits; /* it was told that it does */
    const struct command *command;
};

struct sw_entry {
    struct block *block;
    uint64_t term;
    uint8_t kind;
};

struct sw_world {
    struct kv_mem_disk *disk;
    struct state_store *store;
    struct shard *shard;
    struct shard_options options;
    struct mailbox *to_consensus, *to_shard;
    uint64_t now_us, wall_ms, boot, next_due_us;
    uint64_t look_us; /* by so much now_us advances with each look at it: work takes time */
    struct lease lease;
    bool has_lease; /* the fake publishes one while the node leads; set before sw_elect */
    struct job *job; /* at most one: a flush */
    bool job_worked;
    void (*on_done)(struct sw_world *w, struct sw_request *r); /* NULL: nothing */

    /* the fake */
    uint64_t term, leader;
    bool status_due;
    struct sw_entry *log; /* log[i] is entry i + 1 */
    uint64_t log_count, log_capacity, commit, mailed;
    struct consensus_mail batches[SW_BATCHES_MAX]; /* of this term, not yet taken */
    uint32_t batch_count;
    struct sw_read {
        uint64_t id, index;
    } reads[SW_READS_MAX];
    uint32_t read_count;
    uint64_t applied, settled, durable; /* as the shard told */
    uint64_t batches_seen, last_number, last_count;

    struct buf relayed; /* what the host was told, as words */
    struct buf relays;  /* what was relayed: "stamp>to:bytes " */
    uint64_t relay_taken;
};

void sw_init(struct sw_world *w, size_t cache_bytes, size_t mailbox_size);
void sw_clear(struct sw_world *w);
/* The process dies and comes back with the next boot; what was not flushed is applied anew. */
void sw_crash(struct sw_world *w, enum kv_mem_crash how);

/* One turn of the shard. */
void sw_turn(struct sw_world *w);

/* The fake, step by step. */
void sw_depose(struct sw_world *w, uint64_t keep); /* no leader; entries behind keep are gone */
void sw_elect(struct sw_world *w, uint64_t leader);
void sw_receive(struct sw_world *w, uint32_t max);       /* the shard's mails */
void sw_append(struct sw_world *w, uint32_t max);        /* batches into the log */
void sw_commit(struct sw_world *w, uint64_t index);      /* as far as Raft allows */
void sw_mail(struct sw_world *w, uint32_t max);          /* status, committed entries */
void sw_mail_again(struct sw_world *w, uint64_t index);  /* copies, from index on */
enum sw_answer { SW_OK, SW_REFUSED, SW_LOST };
void sw_answer(struct sw_world *w, enum sw_answer answer); /* the oldest read round */
void sw_work(struct sw_world *w);                        /* a step of the worker */

/* All of that until nothing moves. */
void sw_settle(struct sw_world *w);
void sw_lead(struct sw_world *w); /* this node is elected, and all has settled */

void sw_write(struct sw_world *w, struct sw_request *r, const char *text);
void sw_ride(struct sw_world *w, struct sw_request *r, const char *text);
void sw_read(struct sw_world *w, struct sw_request *r, const char *text);
/* NUL-terminated; "" while there is none. */
const char *sw_reply(struct sw_request *r);
void sw_request_clear(struct sw_request *r);

/* The digest after all committed entries were applied on a fresh machine without clients. */
uint64_t sw_replay_digest(const struct sw_world *w);

#endif
