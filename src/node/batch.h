/* batch.h -- requests on their way together, and who waits for the reply of each.
 *
 *   requests   [ encoded 1 | encoded 2 | ... ]        one run of bytes
 *   records    [ slot, since | slot, since | ... ]    in chunks of a pool: their places never move,
 *                                                     so a slot points at its record
 *
 * The same struct holds writes (which become a log entry) and reads (which share a read index). */

#ifndef NODE_BATCH_H
#define NODE_BATCH_H

#include "base/buf.h"
#include "base/queue.h"
#include "machine/entry.h"

struct block;
struct reply_slot;

/* One request's reply to come. slot NULL: nobody waits (any more). */
struct pending {
    struct reply_slot *slot;
    uint64_t since_us;
    uint64_t wait_until_us; /* waited before, and was told until when (NEVER: for ever); 0 = no */
    bool is_blocked;        /* of a struct blocked, not of a batch */
};

#define RECORDS_PER_CHUNK 64

struct pending_chunk {
    struct pending_chunk *next; /* in the pool */
    struct pending records[RECORDS_PER_CHUNK];
};

struct batch {
    struct queue_node node;
    struct buf requests;
    struct pending_chunk **chunks;
    uint32_t chunk_count, chunk_capacity;
    uint32_t count; /* requests, each with its record */
    uint32_t done;  /* the first so many are answered */
    size_t size;    /* bytes of all requests, as counted in flight */
    size_t position; /* reads: where the first that is not done begins; large: bytes cut off */

    /* writes: sealed once block is set */
    struct block *block;
    uint64_t number, term, sealed_us;
    uint64_t mailed_us; /* when it was sealed first, exactly */
    uint32_t pieces;  /* large: parts made so far */
    bool closed;      /* takes no more */
    bool is_large;    /* one request, to be cut into parts */
    bool is_part;
    bool mail_due;    /* sealed anew, not yet mailed */
    bool has_expiry;  /* holds the expiry timer's request */
    struct batch *due; /* reads that wait until this is applied */

    /* reads */
    uint64_t index;             /* run when so much is applied */
    uint64_t clock_ms;          /* judged by */
    uint64_t first_id, last_id; /* asked by these read ids; 0 = not yet */
    uint32_t late;              /* the first so many were told that their time is over */
};

/* Free batches and chunks; and what is in flight. */
struct batch_pool {
    struct queue batches;
    struct pending_chunk *chunks;
    struct buf spare; /* the memory of the last sealed batch's requests, for the next */
    uint64_t requests, bytes;
};

void batch_pool_init(struct batch_pool *pool);
void batch_pool_clear(struct batch_pool *pool);

struct batch *batch_new(struct batch_pool *pool);
/* Back to the pool, with its reads that wait; block unreferenced. */
void batch_free(struct batch_pool *pool, struct batch *b);

/* A request with who waits for it; copied. */
void batch_add(struct batch_pool *pool, struct batch *b, const struct request *r,
               const struct pending *record);
struct pending *batch_record(const struct batch *b, uint32_t n); /* from 0 */

/* A record alone, without bytes; returned to be filled. For parts and for what is only answered. */
struct pending *batch_add_record(struct batch_pool *pool, struct batch *b);

/* from's record becomes the one at to: the slot points there now. */
void pending_move(struct pending *to, struct pending *from);

/* The first count requests leave b; their records go to the end of to. */
void batch_take_front(struct batch_pool *pool, struct batch *b, uint32_t count, struct batch *to);

/* All of from goes behind what is in to; from is freed. */
void batch_append(struct batch_pool *pool, struct batch *to, struct batch *from);

/* The encoded bytes are in a block now: gives their memory away. */
void batch_bytes_done(struct batch_pool *pool, struct batch *b);

#endif
