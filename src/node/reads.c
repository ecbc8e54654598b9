/* reads.c -- linearizable reads (ARCHITECTURE §3.2), one round at a time.
 *
 *   shard_read -> read_open -- asked --> read_round -- index --> read_ready -- applied --> run
 *                     |                                              ^   |
 *                     +-- the lease holds: index at once ------------+   | meets a due key
 *                                                                        v
 *                                     read_again <-- applied -- write batch's due reads
 *                                        run, judged by the log clock alone
 *
 * The order of one connection: read_again runs before read_ready, and while a read waits for an
 * expiry, later reads of its connection wait behind it (owners).
 *
 * An answer counts for a batch when it was asked after the batch was complete: its read ids. Which
 * of several asks it answers makes no difference. */

#include "node/shard_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/panic.h"
#include "node/lease.h"

#define READS_PER_TURN 4096
#define READ_BUDGET_US 5000
#define CLOCK_EVERY 64                /* reads between two looks at the clock */
#define RETRY_US 10000                /* after a refusal */
#define ASK_AGAIN_US ((uint64_t)1000000) /* after silence */
#define NAMES_BYTES_MAX (64u << 10)   /* of due keys in one request; the rest is the timer's */

static struct batch *first_of(const struct queue *q)
{
    struct queue_node *node = queue_first(q);
    return node == NULL ? NULL : container_of(node, struct batch, node);
}

/* --- in --------------------------------------------------------------------------------------- */

bool shard_read(struct shard *s, const struct request *request, struct reply_slot *slot, bool stale)
{
    if (!shard_has_room(s))
        return false;
    struct batch **open = stale ? &s->read_stale : &s->read_open;
    if (*open == NULL)
        *open = batch_new(&s->pool);
    const struct pending record = {
        .slot = slot, .since_us = s->o.clock.boot_us(s->o.clock.context)};
    batch_add(&s->pool, *open, request, &record);
    return true;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void make_ready(struct shard *s, struct batch *b, uint64_t index, uint64_t clock_ms)
{
    b->index = index;
    b->clock_ms = clock_ms;
    queue_push_back(&s->read_ready, &b->node);
}

/* The value is loaded before the clock is read: the other way round it could have been renewed for
 * another leader's time in between. */
static bool lease_confirms(struct shard *s, struct lease_value *value)
{
    if (s->o.lease == NULL || !lease_load(s->o.lease, value))
        return false;
    return s->o.clock.boot_us(s->o.clock.context) < value->end_us;
}

static void ask(struct shard *s)
{
    struct batch *b = s->read_round;
    const struct consensus_mail mail = {.kind = MAIL_READ, .read_id = s->next_read_id};
    if (!shard_mail(s, &mail)) {
        s->read_retry_us = s->now_us + RETRY_US;
        return;
    }
    b->last_id = s->next_read_id++;
    if (b->first_id == 0)
        b->first_id = b->last_id;
    s->read_retry_us = s->now_us + ASK_AGAIN_US;
    s->read_rounds++;
}

void reads_close(struct shard *s)
{
    if (s->read_round == NULL && s->read_open != NULL) {
        struct lease_value value;
        struct batch *b = s->read_open;
        s->read_open = NULL;
        if (lease_confirms(s, &value)) {
            make_ready(s, b, value.commit_index, value.clock_ms);
            return;
        }
        s->read_round = b;
        s->read_retry_us = s->now_us;
    }
    if (s->read_round != NULL && s->read_retry_us <= s->now_us)
        ask(s);
}

void reads_answer(struct shard *s, const struct shard_mail *mail)
{
    struct batch *b = s->read_round;
    if (b == NULL || mail->read_id < b->first_id || mail->read_id > b->last_id)
        return; /* of a round that was answered or given up before */
    if (mail->ok) {
        s->read_round = NULL;
        make_ready(s, b, mail->index, mail->clock_ms);
    } else if (mail->read_id == b->last_id) {
        s->read_retry_us = s->now_us + RETRY_US;
    }
}

void reads_leader_changed(struct shard *s)
{
    if (s->read_round != NULL)
        s->read_retry_us = s->now_us;
}

/* --- reads that wait for an expiry (§3.2 step 6) --------------------------------------------- */

static bool must_follow(const struct shard *s, const void *owner)
{
    if (s->due_waiting == 0 || owner == NULL)
        return false;
    if (s->owner_count > OWNERS_MAX)
        return true;
    for (uint32_t i = 0; i < s->owner_count; i++)
        if (s->owners[i] == owner)
            return true;
    return false;
}

static void note_owner(struct shard *s, const void *owner)
{
    if (owner == NULL || must_follow(s, owner))
        return;
    if (s->owner_count < OWNERS_MAX)
        s->owners[s->owner_count] = owner;
    s->owner_count++;
}

static void waits_no_more(struct shard *s, uint32_t count)
{
    CHECK(s->due_waiting >= count);
    s->due_waiting -= count;
    if (s->due_waiting == 0)
        s->owner_count = 0;
}

/* The read goes into later, its record too. */
static void defer(struct shard *s, struct batch **later, const struct request *r,
                  struct pending *record)
{
    if (*later == NULL)
        *later = batch_new(&s->pool);
    note_owner(s, record->slot->owner);
    batch_add(&s->pool, *later, r, record);
    record->slot = NULL;
    s->due_waiting++;
}

/* The first names that fit; the log's clock passes the deadlines of the others all the same. */
static struct bytes names_that_fit(const struct buf *names)
{
    struct reader reader;
    reader_init(&reader, buf_bytes(names));
    size_t size = 0;
    while (reader_left(&reader) > 0) {
        reader_be32(&reader);
        reader_bytes(&reader, reader_be32(&reader));
        const size_t end = names->size - reader_left(&reader);
        if (reader.failed || end > NAMES_BYTES_MAX)
            break;
        size = end;
    }
    return bytes_of(buf_data(names), size);
}

static struct batch *newest_due_of(const struct queue *q)
{
    struct batch *newest = NULL;
    for (struct queue_node *at = queue_first(q); at != NULL; at = queue_next(q, at)) {
        struct batch *b = container_of(at, struct batch, node);
        newest = b->due != NULL ? b : newest;
    }
    return newest;
}

/* Asks for the expiry that the reads of later wait for. Without names they only follow others, who
 * wait in the newest batch at the latest. */
static void wait_for_expiry(struct shard *s, struct batch *later)
{
    struct batch *b = newest_due_of(&s->unsealed);
    if (b == NULL)
        b = newest_due_of(&s->sealed);
    if (s->names.size > 0) {
        uint8_t limit[4];
        put_le32(limit, 0);
        const struct bytes args[] = {bytes_of(limit, sizeof(limit)), names_that_fit(&s->names)};
        const struct request r = {.kind = REQ_EXPIRE_DUE, .args = args, .arg_count = 2};
        b = propose_internal(s, &r);
        buf_reset(&s->names);
    }
    CHECK(b != NULL);
    if (b->due == NULL)
        b->due = later;
    else
        batch_append(&s->pool, b->due, later);
}

void reads_expiry_applied(struct shard *s, struct batch *b)
{
    queue_push_back(&s->read_again, &b->due->node);
    b->due = NULL;
}

/* Its batch was given up for lack of a majority; reads that had waited even longer than that. */
void reads_expiry_lost(struct shard *s, struct batch *b)
{
    struct batch *due = b->due;
    b->due = NULL;
    waits_no_more(s, due->count);
    for (uint32_t i = 0; i < due->count; i++)
        shard_refuse(s, batch_record(due, i),
                     "CLUSTERDOWN no majority of the cluster confirmed the expiry of a key, "
                     "not executed");
    batch_free(&s->pool, due);
}

/* --- running ---------------------------------------------------------------------------------- */

enum run_mode { RUN_READY, RUN_AGAIN, RUN_STALE };

struct budget {
    uint32_t reads;
    uint64_t end_us;
};

static bool spend(struct shard *s, struct budget *budget)
{
    if (budget->reads == 0)
        return false;
    budget->reads--;
    if (budget->reads % CLOCK_EVERY == 0) {
        if (s->o.clock.boot_us(s->o.clock.context) >= budget->end_us)
            budget->reads = 0;
    }
    return true;
}

/* A script came to a write: from now on the request is one of the log's. It was admitted once, so
 * room is not asked for again. */
static void move_to_log(struct shard *s, struct request r, struct pending *record)
{
    const struct shard_host *host = s->o.host;
    struct reply_slot *slot = record->slot;
    const char *refusal = host->read_moves(s->o.context, slot);
    if (refusal != NULL) {
        shard_refuse(s, record, refusal);
        return;
    }
    record->slot = NULL;
    slot->pending = NULL;
    machine_script_shorten(s->machine, &r, &s->arena);
    propose_moved(s, &r, slot);
}

/* false: it met keys that are due; nothing was replied. */
static bool run_read(struct shard *s, const struct request *r, struct pending *record,
                     uint64_t clock_ms, enum run_mode mode)
{
    const struct shard_host *host = s->o.host;
    struct reply_slot *slot = record->slot;
    struct reply reply = {.protocol = 2};
    void *client = NULL;
    host->reply_begin(s->o.context, slot, &reply, &client);
    struct read_run run = {
        .request = r,
        .now_ms = clock_ms,
        .judge_by_log = mode != RUN_READY,
        .reply = &reply,
        .client = client,
        .names = &s->names,
    };
    const enum read_result result = machine_read(s->machine, &run);
    if (result == READ_MET_DUE)
        return false;
    if (result == READ_WANTS_LOG) {
        move_to_log(s, *r, record);
        return true;
    }
    s->reads++;
    if (result == READ_WAITS) {
        blocked_reader(s, record, &run);
        return true;
    }
    record->slot = NULL;
    slot->pending = NULL;
    host->reply_end(s->o.context, slot, &reply, run.command);
    return true;
}

/* Runs what the budget allows; true when the batch is done. */
static bool run_batch(struct shard *s, struct batch *b, enum run_mode mode, struct budget *budget)
{
    struct batch *later = NULL;
    while (b->done < b->count && spend(s, budget)) {
        struct reader reader;
        struct request r;
        reader_init(&reader, bytes_from(buf_bytes(&b->requests), b->position));
        const bool whole = request_decode(&reader, &s->arena, &r);
        CHECK(whole);
        b->position = b->requests.size - reader_left(&reader);
        struct pending *record = batch_record(b, b->done++);
        if (mode == RUN_AGAIN)
            waits_no_more(s, 1);
        if (record->slot == NULL)
            continue;
        const bool follows = mode == RUN_READY && must_follow(s, record->slot->owner);
        if (follows || !run_read(s, &r, record, b->clock_ms, mode))
            defer(s, &later, &r, record);
    }
    if (later != NULL)
        wait_for_expiry(s, later);
    arena_reset(&s->arena);
    s->stalled = false;
    return b->done == b->count;
}

static bool run_queue(struct shard *s, struct queue *q, enum run_mode mode, struct budget *budget)
{
    struct batch *b;
    while ((b = first_of(q)) != NULL && b->index <= s->applied_index) {
        if (!run_batch(s, b, mode, budget))
            return false;
        if (b->count > 0)
            phase_note(&s->phases, PHASE_READ, batch_record(b, 0)->since_us,
                       s->o.clock.boot_us(s->o.clock.context));
        batch_free(&s->pool, b);
    }
    return true;
}

void reads_run(struct shard *s)
{
    struct budget budget = {.reads = READS_PER_TURN, .end_us = s->now_us + READ_BUDGET_US};
    if (s->read_stale != NULL) {
        if (!run_batch(s, s->read_stale, RUN_STALE, &budget))
            return;
        batch_free(&s->pool, s->read_stale);
        s->read_stale = NULL;
    }
    if (run_queue(s, &s->read_again, RUN_AGAIN, &budget))
        run_queue(s, &s->read_ready, RUN_READY, &budget);
}

/* --- time is over ----------------------------------------------------------------------------- */

static uint32_t waiting_from(const struct batch *b)
{
    return MAX(b->done, b->late);
}

static void refuse_late(struct shard *s, struct batch *b)
{
    char error[160];
    snprintf(error, sizeof(error),
             "CLUSTERDOWN no majority of the cluster confirmed the read within %" PRIu64
             " ms, not executed",
             s->o.quorum_wait_ms);
    for (b->late = waiting_from(b); b->late < b->count; b->late++) {
        struct pending *record = batch_record(b, b->late);
        if (shard_deadline(s, record) > s->now_us)
            return;
        shard_refuse(s, record, error);
    }
}

static void refuse_late_due(struct shard *s, const struct queue *q)
{
    for (struct queue_node *at = queue_first(q); at != NULL; at = queue_next(q, at)) {
        struct batch *due = container_of(at, struct batch, node)->due;
        if (due != NULL)
            refuse_late(s, due);
    }
}

static void refuse_late_open(struct shard *s, struct batch **open)
{
    struct batch *b = *open;
    if (b == NULL)
        return;
    refuse_late(s, b);
    if (b->late < b->count)
        return;
    *open = NULL;
    batch_free(&s->pool, b);
}

void reads_timeouts(struct shard *s)
{
    refuse_late_open(s, &s->read_open);
    refuse_late_open(s, &s->read_round);
    for (struct queue_node *at = queue_first(&s->read_ready); at != NULL;
         at = queue_next(&s->read_ready, at))
        refuse_late(s, container_of(at, struct batch, node));
    if (s->due_waiting > 0) {
        refuse_late_due(s, &s->unsealed);
        refuse_late_due(s, &s->sealed);
    }
}

static uint64_t deadline_of(const struct shard *s, const struct batch *b)
{
    if (b == NULL || waiting_from(b) == b->count)
        return NEVER;
    return shard_deadline(s, batch_record(b, waiting_from(b)));
}

static uint64_t deadline_of_due(const struct shard *s, const struct queue *q)
{
    uint64_t due_us = NEVER;
    for (struct queue_node *at = queue_first(q); at != NULL; at = queue_next(q, at))
        due_us = MIN(due_us, deadline_of(s, container_of(at, struct batch, node)->due));
    return due_us;
}

uint64_t reads_due_us(const struct shard *s)
{
    const struct batch *ready = first_of(&s->read_ready);
    if (s->read_stale != NULL || first_of(&s->read_again) != NULL)
        return 0;
    if (ready != NULL && ready->index <= s->applied_index)
        return 0;
    uint64_t due_us = deadline_of(s, s->read_open);
    for (struct queue_node *at = queue_first(&s->read_ready); at != NULL;
         at = queue_next(&s->read_ready, at))
        due_us = MIN(due_us, deadline_of(s, container_of(at, struct batch, node)));
    if (s->read_round != NULL)
        due_us = MIN(due_us, MIN(s->read_retry_us, deadline_of(s, s->read_round)));
    else if (s->read_open != NULL)
        return 0; /* came in while replies were made */
    if (s->due_waiting > 0) {
        due_us = MIN(due_us, deadline_of_due(s, &s->unsealed));
        due_us = MIN(due_us, deadline_of_due(s, &s->sealed));
    }
    return due_us;
}

void reads_free_all(struct shard *s)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&s->read_ready)) != NULL ||
           (node = queue_pop_front(&s->read_again)) != NULL)
        batch_free(&s->pool, container_of(node, struct batch, node));
    batch_free(&s->pool, s->read_open);
    batch_free(&s->pool, s->read_round);
    batch_free(&s->pool, s->read_stale);
    buf_clear(&s->names);
}
