/* propose.c -- writes, from the client to the log (ARCHITECTURE §3.1 steps 3, 4, 11, 12).
 *
 *   shard_write -> unsealed: [closed] [closed] [open]      not mailed: certainly not executed
 *                      | propose_close: number, term, block, mail
 *                      v
 *                  sealed:   [7] [8] [9]                   by number; mailed: may be executed
 *                      | applied                | a newer term was applied first: cannot commit
 *                      v                        v
 *                  settled                   sealed anew: same number, same order, newest term
 *
 * Exactly once rests on three things: a batch may be appended in one term only; it changes its term
 * only after an entry of a newer term was applied without it; and apply lets each number of a life
 * pass once. A batch is numbered when it is mailed: whatever has no number was never proposed. */

#include "node/shard_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/mailbox.h"
#include "base/panic.h"

#define CLOSE_BYTES (64u << 10)   /* as large as this a batch goes at once */
#define CLOSE_REQUESTS 1024
#define FEW_REQUESTS 4            /* with less outstanding there is nothing to gain by waiting */
#define WINDOW_MAX 16             /* own blocks under way on slow networks */
#define LINGER_US_MAX 300         /* for those who were answered together to come back */
#define BYTES_IN_FLIGHT_MAX ((uint64_t)64 << 20)
#define PROBE_BYTES_MAX ((uint64_t)1 << 20)
#define REQUESTS_IN_FLIGHT_MAX ((uint64_t)1 << 20)

/* --- in --------------------------------------------------------------------------------------- */

/* Where the time of a request was over and none was done since, a few are let in to find out
 * whether a majority is back. */
static bool is_crowded(const struct shard *s)
{
    return s->pool.bytes >= (s->stalled ? PROBE_BYTES_MAX : BYTES_IN_FLIGHT_MAX) ||
           s->pool.requests >= REQUESTS_IN_FLIGHT_MAX;
}

bool shard_has_room(const struct shard *s)
{
    return !is_crowded(s) && !cache_is_pressed(s->cache);
}

enum shard_room shard_room(const struct shard *s)
{
    if (shard_has_room(s))
        return ROOM_NOW;
    if (s->pressed_us != NEVER && s->now_us >= s->pressed_us + s->o.quorum_wait_ms * 1000)
        return ROOM_NO_FLUSH;
    return s->stalled && is_crowded(s) ? ROOM_NO_QUORUM : ROOM_LATER;
}

static void note_pressure(struct shard *s)
{
    if (!cache_is_pressed(s->cache))
        s->pressed_us = NEVER;
    else if (s->pressed_us == NEVER)
        s->pressed_us = s->now_us;
}

static struct batch *last_unsealed(const struct shard *s)
{
    struct queue_node *node = queue_last(&s->unsealed);
    return node == NULL ? NULL : container_of(node, struct batch, node);
}

static struct batch *first_unsealed(const struct shard *s)
{
    struct queue_node *node = queue_first(&s->unsealed);
    return node == NULL ? NULL : container_of(node, struct batch, node);
}

static struct batch *first_sealed(const struct shard *s)
{
    struct queue_node *node = queue_first(&s->sealed);
    return node == NULL ? NULL : container_of(node, struct batch, node);
}

static struct batch *next_sealed(const struct shard *s, const struct batch *b)
{
    struct queue_node *node = queue_next(&s->sealed, &b->node);
    return node == NULL ? NULL : container_of(node, struct batch, node);
}

/* The open batch, with room for a request of size; if need be a new one behind it. */
static struct batch *open_batch(struct shard *s, size_t size)
{
    struct batch *b = last_unsealed(s);
    const bool fits = b != NULL && !b->closed && b->count < ENTRY_REQUESTS_MAX &&
                      b->size + size <= ENTRY_BATCH_MAX;
    if (fits)
        return b;
    if (b != NULL)
        b->closed = true;
    b = batch_new(&s->pool);
    queue_push_back(&s->unsealed, &b->node);
    return b;
}

/* A request that no entry holds goes alone; seal_part() cuts it. */
static struct batch *large_batch(struct shard *s)
{
    struct batch *b = open_batch(s, SIZE_MAX / 2);
    b->is_large = b->closed = true;
    return b;
}

static struct batch *add(struct shard *s, const struct request *r, struct reply_slot *slot)
{
    const size_t size = request_size(r);
    struct batch *b = size > ENTRY_BATCH_MAX ? large_batch(s) : open_batch(s, size);
    const struct pending record = {
        .slot = slot, .since_us = s->o.clock.boot_us(s->o.clock.context)};
    batch_add(&s->pool, b, r, &record);
    return b;
}

bool shard_write(struct shard *s, const struct request *request, struct reply_slot *slot)
{
    if (!shard_has_room(s))
        return false;
    add(s, request, slot);
    return true;
}

void propose_moved(struct shard *s, const struct request *r, struct reply_slot *slot)
{
    add(s, r, slot);
}

struct batch *propose_internal(struct shard *s, const struct request *r)
{
    CHECK(request_size(r) <= ENTRY_BATCH_MAX);
    return add(s, r, NULL);
}

void propose_again(struct shard *s, const struct request *r, struct pending *record)
{
    struct batch *b = add(s, r, NULL);
    const uint64_t since_us = s->now_us;
    struct pending *own = batch_record(b, b->count - 1);
    pending_move(own, record);
    own->since_us = since_us;
    own->is_blocked = false;
}

/* --- out -------------------------------------------------------------------------------------- */

static uint32_t batch_window(const struct shard *s)
{
    const uint64_t round_ms = s->round_us / 1000;
    return (uint32_t)MAX(1, MIN(round_ms, WINDOW_MAX));
}

static bool is_full(const struct batch *b)
{
    return b->closed || b->size >= CLOSE_BYTES || b->count >= CLOSE_REQUESTS;
}

/* Those who were answered by the last commit are about to send their next. */
static bool lingers(const struct shard *s, const struct batch *b)
{
    return s->now_us < s->linger_until_us && b->count < s->linger_count;
}

static bool may_seal(const struct shard *s)
{
    const struct batch *b = first_unsealed(s);
    if (b == NULL || s->leader == 0 || s->sealed_count >= BATCHES_UNSETTLED_MAX ||
        s->sealed_bytes >= BYTES_UNSETTLED_MAX)
        return false;
    const struct batch *oldest = first_sealed(s);
    if (oldest != NULL && oldest->term < s->term)
        return false; /* it may yet commit, or has to be sealed anew first */
    if (is_full(b))
        return true;
    if (lingers(s, b))
        return false;
    return s->sealed_count < batch_window(s) || s->sealed_requests + b->count < FEW_REQUESTS;
}

static bool mail_block(struct shard *s, const struct batch *b)
{
    const struct consensus_mail mail = {
        .kind = MAIL_BATCH,
        .block = block_ref(b->block),
        .batch = b->number,
        .term = b->term,
        .count = b->count,
    };
    if (shard_mail(s, &mail))
        return true;
    block_unref(b->block);
    return false;
}

/* Gives b its number and mails it; when the mailbox is full nothing has happened. */
static bool seal(struct shard *s, struct batch *b, struct bytes requests)
{
    CHECK(requests.size <= ENTRY_BATCH_MAX);
    b->block = block_new(requests);
    b->number = s->next_number;
    b->term = s->term;
    if (!mail_block(s, b)) {
        block_unref(b->block);
        b->block = NULL;
        b->number = b->term = 0;
        return false;
    }
    s->next_number++;
    b->closed = true;
    b->sealed_us = s->now_us;
    b->mailed_us = s->o.clock.boot_us(s->o.clock.context);
    if (b->count > 0)
        phase_note(&s->phases, PHASE_QUEUE, batch_record(b, 0)->since_us, b->mailed_us);
    queue_remove(&b->node);
    queue_push_back(&s->sealed, &b->node);
    s->sealed_count++;
    s->sealed_requests += b->count;
    s->sealed_bytes += requests.size;
    s->batches++;
    s->batched_requests += b->count;
    return true;
}

static bool seal_whole(struct shard *s, struct batch *b)
{
    if (!seal(s, b, buf_bytes(&b->requests)))
        return false;
    batch_bytes_done(&s->pool, b);
    return true;
}

/* The next part of a large request, as a batch of its own; the last one takes the record over. */
static bool seal_part(struct shard *s, struct batch *large)
{
    const struct bytes rest = bytes_from(buf_bytes(&large->requests), large->position);
    const struct bytes piece = bytes_of(rest.data, MIN(rest.size, ENTRY_PIECE_MAX));
    const bool last = piece.size == rest.size;
    uint8_t number[4];
    put_le32(number, large->pieces);
    const struct bytes args[] = {bytes_of(number, sizeof(number)), piece};
    const struct request part = {.kind = REQ_PART, .flags = last ? REQUEST_LAST : 0, .args = args,
                                 .arg_count = ARRAY_COUNT(args)};
    buf_reset(&s->scratch);
    request_encode(&s->scratch, &part);

    struct batch *b = batch_new(&s->pool);
    struct pending *record = batch_add_record(&s->pool, b);
    record->since_us = batch_record(large, 0)->since_us;
    b->is_part = true;
    if (!seal(s, b, buf_bytes(&s->scratch))) {
        batch_free(&s->pool, b);
        return false;
    }
    large->position += piece.size;
    large->pieces++;
    large->size -= piece.size; /* what is in flight goes over to the part */
    b->size = piece.size;
    if (last) {
        pending_move(record, batch_record(large, 0));
        buf_clear(&s->scratch);
        batch_free(&s->pool, large);
    }
    return true;
}

/* Sealed anew, and the mailbox was full. */
static bool mail_due(struct shard *s)
{
    for (struct batch *b = first_sealed(s); b != NULL; b = next_sealed(s, b)) {
        if (b->mail_due && !mail_block(s, b))
            return false;
        b->mail_due = false;
    }
    return true;
}

void propose_close(struct shard *s)
{
    if (queue_is_empty(&s->unsealed) && queue_is_empty(&s->sealed))
        return;
    if (!mail_due(s))
        return;
    while (may_seal(s) && mailbox_room(s->o.outbox) > 0) {
        struct batch *b = first_unsealed(s);
        if (!(b->is_large ? seal_part(s, b) : seal_whole(s, b)))
            return;
    }
}

/* --- the end of a batch ----------------------------------------------------------------------- */

/* It will never be applied (again): lets go of what hangs on it. */
static void drop(struct shard *s, struct batch *b)
{
    if (b->has_expiry)
        expiry_ended(s);
    if (b->due != NULL)
        reads_expiry_lost(s, b);
    batch_free(&s->pool, b);
}

static void unseal_count(struct shard *s, const struct batch *b)
{
    CHECK(s->sealed_count > 0);
    CHECK(s->sealed_requests >= b->count);
    CHECK(s->sealed_bytes >= block_bytes(b->block).size);
    s->sealed_count--;
    s->sealed_requests -= b->count;
    s->sealed_bytes -= block_bytes(b->block).size;
}

struct batch *propose_applying(struct shard *s, uint64_t number)
{
    struct batch *b = first_sealed(s);
    if (b == NULL || number < b->number)
        return NULL; /* a copy, which apply skips */
    CHECK(number == b->number); /* an origin's batches are taken in order, without gaps */
    return b;
}

/* While its parts come through, a large request makes progress: its time begins anew. */
static void refresh_parts(struct shard *s)
{
    for (struct batch *b = first_sealed(s); b != NULL; b = next_sealed(s, b)) {
        if (!b->is_part)
            return;
        if (b->done == 0)
            batch_record(b, 0)->since_us = s->now_us;
    }
    struct batch *large = first_unsealed(s);
    if (large != NULL && large->is_large && large->pieces > 0)
        batch_record(large, 0)->since_us = s->now_us;
}

static void note_round(struct shard *s, const struct batch *b)
{
    const uint64_t round_us = s->now_us - MIN(s->now_us, b->sealed_us);
    s->round_us = s->round_us == 0 ? round_us : (3 * s->round_us + round_us) / 4;
    if (b->count >= FEW_REQUESTS) {
        s->linger_until_us = s->now_us + MIN(LINGER_US_MAX, round_us);
        s->linger_count = b->count - b->count / 4;
    }
}

void propose_settle(struct shard *s, struct batch *b)
{
    CHECK(b == first_sealed(s));
    queue_remove(&b->node);
    unseal_count(s, b);
    s->settled_number = b->number;
    s->stalled = false;
    note_round(s, b);
    if (b->is_part)
        refresh_parts(s);
    if (b->has_expiry)
        expiry_ended(s);
    if (b->due != NULL)
        reads_expiry_applied(s, b);
    batch_free(&s->pool, b);
}

/* What our row in the snapshot says was executed: with what reply, nobody here knows. The others
 * are judged by the term of its last entry like any (§3.1 step 11). */
void propose_installed(struct shard *s)
{
    uint64_t boot, batch;
    if (!machine_origin(s->machine, s->o.self, &boot, &batch) || boot != s->o.boot)
        return;
    struct batch *b;
    while ((b = first_sealed(s)) != NULL && b->number <= batch) {
        for (uint32_t i = 0; i < b->count; i++)
            shard_refuse(s, batch_record(b, i),
                         "UNCERTAIN the node was brought up to date by a snapshot, the request was "
                         "executed, its reply is lost");
        propose_settle(s, b);
    }
}

void propose_seal_anew(struct shard *s)
{
    const struct batch *oldest = first_sealed(s);
    if (oldest == NULL || oldest->term >= s->applied_term)
        return;
    const uint64_t old_term = oldest->term;
    struct batch *next = NULL;
    for (struct batch *b = first_sealed(s); b != NULL; b = next) {
        next = next_sealed(s, b);
        CHECK(b->term == old_term); /* nothing is sealed while an older term is unsettled */
        if (b->done == b->count) { /* all were told that nobody knows: let it be not executed */
            queue_remove(&b->node);
            unseal_count(s, b);
            drop(s, b);
            continue;
        }
        b->term = s->term;
        b->sealed_us = s->now_us;
        b->mail_due = true;
    }
}

/* --- time is over ----------------------------------------------------------------------------- */

static void refuse_all(struct shard *s, struct batch *b, const char *error)
{
    for (uint32_t i = 0; i < b->count; i++)
        shard_refuse(s, batch_record(b, i), error);
    batch_free(&s->pool, b);
}

/* From the front of what was never mailed: the requests leave, then their clients are told. */
static void withdraw(struct shard *s)
{
    char error[160];
    snprintf(error, sizeof(error),
             "CLUSTERDOWN no majority of the cluster took the request within %" PRIu64
             " ms, not executed",
             s->o.quorum_wait_ms);
    struct batch *b;
    while ((b = first_unsealed(s)) != NULL) {
        uint32_t count = 0;
        while (count < b->count && shard_deadline(s, batch_record(b, count)) <= s->now_us)
            count++;
        if (count == 0)
            return;
        struct batch *gone = batch_new(&s->pool);
        const bool all = count == b->count;
        batch_take_front(&s->pool, b, count, gone);
        if (all) {
            queue_remove(&b->node);
            drop(s, b);
        }
        refuse_all(s, gone, error);
        s->stalled = true;
    }
}

/* Mailed once, in whatever term: nobody knows. The batch stays until it is settled or cannot be. */
static void give_up(struct shard *s)
{
    char error[160];
    snprintf(error, sizeof(error),
             "UNCERTAIN no majority of the cluster confirmed the request within %" PRIu64
             " ms, may or may not have been executed",
             s->o.quorum_wait_ms);
    for (struct batch *b = first_sealed(s); b != NULL; b = next_sealed(s, b)) {
        while (b->done < b->count && shard_deadline(s, batch_record(b, b->done)) <= s->now_us) {
            s->stalled = true;
            shard_refuse(s, batch_record(b, b->done++), error);
        }
        if (b->done < b->count)
            return;
    }
}

void propose_timeouts(struct shard *s)
{
    note_pressure(s);
    withdraw(s);
    give_up(s);
}

uint64_t propose_due_us(const struct shard *s)
{
    uint64_t due_us = NEVER;
    const struct batch *b = first_unsealed(s);
    if (b != NULL) {
        due_us = shard_deadline(s, batch_record(b, 0));
        if (s->leader != 0 && s->now_us < s->linger_until_us)
            due_us = MIN(due_us, s->linger_until_us);
        if (may_seal(s))
            due_us = MIN(due_us, s->now_us + 1000); /* consensus' mailbox was full */
    }
    for (b = first_sealed(s); b != NULL; b = next_sealed(s, b)) {
        if (b->mail_due)
            due_us = MIN(due_us, s->now_us + 1000);
        if (b->done < b->count)
            return MIN(due_us, shard_deadline(s, batch_record(b, b->done)));
    }
    return due_us;
}

void propose_free_all(struct shard *s)
{
    struct batch *b;
    while ((b = first_unsealed(s)) != NULL || (b = first_sealed(s)) != NULL) {
        batch_free(&s->pool, b->due);
        b->due = NULL;
        batch_free(&s->pool, b);
    }
    buf_clear(&s->scratch);
}
