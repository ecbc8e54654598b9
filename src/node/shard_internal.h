/* shard_internal.h -- what the files of the data half share. */

#ifndef NODE_SHARD_INTERNAL_H
#define NODE_SHARD_INTERNAL_H

#include "base/heap.h"
#include "keyspace/keyspace.h"
#include "node/batch.h"
#include "node/block.h"
#include "node/relay.h"
#include "node/shard.h"

#define COMMITTED_MAX 1024 /* entries taken out of the mailbox and not yet applied */
#define OWNERS_MAX 64      /* connections told apart while their reads wait for an expiry */

/* A committed entry that waits to be applied. */
struct committed {
    uint64_t index, term;
    uint8_t kind;
    struct block *block;
};

/* One flush at a time (flush.c). */
struct flush {
    struct job job;
    struct shard *shard;
    struct kv *kv;
    struct cache_cut *cut; /* NULL: none runs */
    uint64_t index, term, started_us, state_bytes; /* the last: of the files behind it */
    size_t bytes; /* what it may take on the disk */
    enum status status;
    struct error error;
};

/* A snapshot to be put in the place of the state (install.c). */
enum install_step { INSTALL_NONE, INSTALL_DUE, INSTALL_TELL };
struct install {
    enum install_step step;
    bool ok;
    uint64_t index, term;
};

/* A request of ours that waits in the state (blocked.c). */
struct blocked;

struct shard {
    struct shard_options o;
    struct cache *cache;
    struct keyspace *keyspace;
    struct machine *machine;
    struct machine_host machine_host;
    struct arena arena; /* of one turn */
    struct batch_pool pool;
    uint64_t now_us;
    uint64_t applied_index, applied_term;

    /* What consensus said last. */
    uint64_t leader, status_term, term; /* term: the newest known, also by applied entries */
    uint8_t role;
    uint8_t space, space_own, service;
    bool contacted, ready;
    uint64_t contact_index;
    /* propose.c */
    struct queue unsealed; /* struct batch; the last one may be open */
    struct queue sealed;   /* struct batch, by number; the first is applied next */
    uint32_t sealed_count;
    uint64_t sealed_requests, sealed_bytes;
    uint64_t next_number, settled_number, linger_until_us;
    uint64_t pressed_us;   /* since when the cache is full of changes; NEVER: it is not */
    bool stalled;          /* a request's time was over, and none was done since */
    uint64_t round_us;     /* from seal to apply, smoothed */
    uint32_t linger_count; /* requests that are expected back until then */
    struct batch *applying; /* of the entry being applied; NULL: not ours */
    struct phases phases;
    struct buf scratch;

    /* apply_loop.c */
    struct committed *committed; /* a ring of COMMITTED_MAX */
    size_t committed_first, committed_count;

    /* reads.c */
    struct batch *read_open;   /* collects; NULL: nothing there */
    struct batch *read_round;  /* asked; NULL: no round in flight */
    bool read_asked;           /* its mail was sent */
    uint64_t read_retry_us;    /* UINT64_MAX: an answer is awaited */
    uint64_t next_read_id;
    struct batch *read_stale;  /* of the local state; NULL: nothing there */
    struct queue read_ready;   /* have an index; run in order */
    struct queue read_again;   /* their expiry was applied: run first */
    uint32_t due_waiting;      /* reads that wait for an expiry, read_again included */
    const void *owners[OWNERS_MAX]; /* of those, while due_waiting > 0 */
    uint32_t owner_count;      /* OWNERS_MAX + 1: more than can be told apart */
    struct buf names;          /* of due keys met */

    /* expiry.c */
    bool expiry_proposed;
    uint64_t expiry_at_us, expiry_deadline_ms, expiry_worst_us; /* the last: until it is taken */

    /* flush.c */
    struct flush flush;
    uint64_t flushed_us, flush_retry_us, log_bytes;
    uint64_t durable_index, durable_term, flush_to; /* the last: as MAIL_FLUSH asked */
    bool flush_wanted, durable_due;
    uint64_t flushes, last_flush_ms, installs, state_bytes; /* the last: on the disk */
    bool purging;

    struct install install;
    struct relay relay;
    /* blocked.c */
    struct queue blocked;       /* struct blocked */
    struct heap blocked_due;
    uint64_t origins_at_us;     /* when waiters of lost nodes are looked for again */

    uint64_t told_index, told_number; /* by the last MAIL_APPLIED */
    uint64_t woken_index;             /* of the last that woke consensus */
    size_t quiet_bytes;               /* applied since */
    bool stop_due;
    uint64_t batches, batched_requests, reads, read_rounds, duplicates, expiries;
};

#define NEVER UINT64_MAX
#define DIGEST_EVERY 4096 /* the same on all nodes (§5 rule 8) */

/* --- shard.c ---------------------------------------------------------------------------------- */

bool shard_mail(struct shard *s, const struct consensus_mail *mail);
/* The record is answered by an error, and nobody waits any more. */
void shard_refuse(struct shard *s, struct pending *record, const char *error);
/* When a record has waited for as long as anybody may. */
uint64_t shard_deadline(const struct shard *s, const struct pending *record);

/* --- propose.c -------------------------------------------------------------------------------- */

/* A request of the node itself. Returns the batch that holds it. */
struct batch *propose_internal(struct shard *s, const struct request *r);
/* A client's request anew, which has been in the log before: record is taken over. */
void propose_again(struct shard *s, const struct request *r, struct pending *record);
/* A request that was a read until now (read_moves), whether there is room or not. */
void propose_moved(struct shard *s, const struct request *r, struct reply_slot *slot);
void propose_timeouts(struct shard *s); /* and since when nothing gets on */
void propose_seal_anew(struct shard *s); /* a newer term was applied: §3.1 step 11 */
void propose_close(struct shard *s);
struct batch *propose_applying(struct shard *s, uint64_t number); /* the sealed batch, or NULL */
void propose_settle(struct shard *s, struct batch *b);            /* it was applied */
void propose_installed(struct shard *s); /* batches that a snapshot has executed */
uint64_t propose_due_us(const struct shard *s);
void propose_free_all(struct shard *s);

/* --- apply_loop.c ----------------------------------------------------------------------------- */

void apply_take(struct shard *s, const struct shard_mail *mail);
void apply_loop_run(struct shard *s);
void apply_host(const struct exec_host *exec, struct machine_host *host);
bool apply_is_due(const struct shard *s);
void apply_free_all(struct shard *s);

/* --- reads.c ---------------------------------------------------------------------------------- */

void reads_answer(struct shard *s, const struct shard_mail *mail);
void reads_leader_changed(struct shard *s);
void reads_timeouts(struct shard *s);
void reads_close(struct shard *s);
void reads_run(struct shard *s);
void reads_expiry_applied(struct shard *s, struct batch *b); /* b->due may run again */
void reads_expiry_lost(struct shard *s, struct batch *b);    /* b->due waits in vain */
uint64_t reads_due_us(const struct shard *s);
void reads_free_all(struct shard *s);

/* --- expiry.c --------------------------------------------------------------------------------- */

void expiry_turn(struct shard *s);
void expiry_ended(struct shard *s); /* its batch was applied or dropped */
uint64_t expiry_due_us(const struct shard *s);

/* --- blocked.c -------------------------------------------------------------------------------- */

void blocked_host(struct machine_host *host); /* its part of it */
/* The read of record waits, on this node alone. */
void blocked_reader(struct shard *s, struct pending *record, const struct read_run *run);
void blocked_turn(struct shard *s);
void blocked_forgotten(struct shard *s, struct pending *record);
void blocked_installed(struct shard *s);
void blocked_silent(struct shard *s, uint64_t node); /* consensus does not hear it */
uint64_t blocked_due_us(const struct shard *s);
void blocked_free_all(struct shard *s);

/* --- install.c -------------------------------------------------------------------------------- */

void install_take(struct shard *s, const struct shard_mail *mail);
void install_turn(struct shard *s);

/* --- flush.c ---------------------------------------------------------------------------------- */

void flush_open(struct shard *s);
void flush_turn(struct shard *s);
void graveyard_turn(struct shard *s);
uint64_t flush_due_us(const struct shard *s);
void flush_abandon(struct shard *s);

#endif
