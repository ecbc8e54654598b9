/* apply_loop.c -- committed entries, a slice per turn, and the replies of those that are ours.
 *
 * Entries come in order. One at or below the applied index is a copy (consensus mails anew from
 * where it believes us to be); one beyond the next means that something between the two halves was
 * lost, which nothing here can mend. */

#include "node/shard_internal.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/panic.h"
#include "raft/types.h"

#define APPLY_REQUESTS_PER_TURN 8192
#define APPLY_BUDGET_US 5000

void apply_take(struct shard *s, const struct shard_mail *mail)
{
    CHECK(s->committed_count < COMMITTED_MAX);
    const size_t position = (s->committed_first + s->committed_count) % COMMITTED_MAX;
    s->committed[position] = (struct committed){
        .index = mail->index, .term = mail->term, .kind = mail->entry_kind, .block = mail->block};
    s->committed_count++;
}

static struct committed take_first(struct shard *s)
{
    const struct committed entry = s->committed[s->committed_first];
    s->committed_first = (s->committed_first + 1) % COMMITTED_MAX;
    s->committed_count--;
    return entry;
}

/* The batch that waits for this entry, or NULL; *count: its requests. */
static struct batch *batch_of(struct shard *s, const struct machine_entry *entry, uint32_t *count)
{
    struct entry_head head;
    *count = 0;
    if (entry->kind != RAFT_DATA || !entry_peek(entry->payload, &head))
        return NULL;
    *count = head.count;
    if (head.origin != s->o.self || head.boot != s->o.boot)
        return NULL;
    struct batch *b = propose_applying(s, head.batch);
    if (b != NULL)
        CHECK(b->count == head.count);
    return b;
}

/* To be compared with the other nodes'. With a full mailbox it is left out: others follow. */
static void tell_digest(struct shard *s)
{
    const struct consensus_mail mail = {
        .kind = MAIL_DIGEST, .index = s->applied_index, .id = keyspace_digest(s->keyspace)};
    const bool sent = shard_mail(s, &mail);
    (void)sent;
}

/* Returns how many requests it held. */
static uint32_t apply_one(struct shard *s, const struct committed *committed)
{
    const struct machine_entry entry = {
        .index = committed->index,
        .term = committed->term,
        .kind = committed->kind,
        .payload = committed->block == NULL ? BYTES_NONE : block_bytes(committed->block),
    };
    uint32_t count;
    struct batch *b = batch_of(s, &entry, &count);
    s->applying = b;
    machine_apply(s->machine, &entry);
    s->applying = NULL;

    CHECK(committed->term >= s->applied_term);
    s->applied_index = committed->index;
    s->applied_term = committed->term;
    s->term = MAX(s->term, committed->term);
    if (s->applied_index % s->o.digest_every == 0)
        tell_digest(s);
    s->log_bytes += entry.payload.size;
    s->quiet_bytes += entry.payload.size;
    if (b != NULL) {
        s->phases.since_us = b->count > 0 ? batch_record(b, 0)->since_us : b->mailed_us;
        s->phases.mailed_us = b->mailed_us;
        propose_settle(s, b);
    }
    const uint64_t duplicates = machine_duplicates(s->machine);
    if (duplicates != s->duplicates) {
        log_warn("shard", "skipped a batch that was applied before", "index=%" PRIu64,
                 committed->index);
        s->duplicates = duplicates;
    }
    return count;
}

/* The entry that was applied just now took so long; told by LATENCY if it deleted what is due. */
static void note_expiry(struct shard *s, uint64_t took_us)
{
    const uint64_t expiries = machine_expiries(s->machine);
    if (expiries != s->expiries)
        s->expiry_worst_us = MAX(s->expiry_worst_us, took_us);
    s->expiries = expiries;
}

/* A batch of ours was, or is as good as, answered. */
static void note_phases(struct shard *s, uint64_t began_us, uint64_t ended_us)
{
    if (s->phases.mailed_us == 0)
        return;
    phase_note(&s->phases, PHASE_REPLICATE, s->phases.mailed_us, began_us);
    phase_note(&s->phases, PHASE_APPLY, began_us, ended_us);
    phase_note(&s->phases, PHASE_WRITE, s->phases.since_us, ended_us);
    s->phases.mailed_us = 0;
}

bool apply_is_due(const struct shard *s)
{
    return s->committed_count > 0 && !cache_is_pressed(s->cache);
}

void apply_loop_run(struct shard *s)
{
    const uint64_t end_us = s->now_us + APPLY_BUDGET_US;
    /* Without a cache every row presses: then a flush follows the whole turn (§6.3), not each
     * entry, or a node that has to catch up would wait for a flush per entry. */
    const bool by_turn = s->o.cache_bytes == 0;
    uint32_t requests = 0;
    if (!apply_is_due(s))
        return;
    uint64_t began_us = s->o.clock.boot_us(s->o.clock.context);
    while (s->committed_count > 0 && (by_turn || apply_is_due(s)) &&
           requests < APPLY_REQUESTS_PER_TURN) {
        const struct committed entry = take_first(s);
        s->phases.began_us = began_us;
        if (entry.index > s->applied_index) {
            if (entry.index != s->applied_index + 1)
                panic("entry %" PRIu64 " came after %" PRIu64, entry.index, s->applied_index);
            requests += 1 + apply_one(s, &entry);
            if (s->relay.held_count > 0) /* before the effects of what follows */
                relay_deliver(s);
        }
        block_unref(entry.block);
        const uint64_t now_us = s->o.clock.boot_us(s->o.clock.context);
        note_expiry(s, now_us - began_us);
        note_phases(s, began_us, now_us);
        began_us = now_us;
        if (now_us >= end_us)
            break;
    }
}

void apply_free_all(struct shard *s)
{
    while (s->committed_count > 0)
        block_unref(take_first(s).block);
}

/* --- what the machine asks of its host ------------------------------------------------------- */

static bool reply_begin(void *context, uint64_t batch, uint32_t ordinal, struct reply *reply,
                        void **client)
{
    struct shard *s = context;
    const struct batch *b = s->applying;
    if (b == NULL)
        return false;
    CHECK(b->number == batch);
    struct pending *record = batch_record(b, ordinal - 1);
    if (record->slot == NULL)
        return false;
    s->o.host->reply_begin(s->o.context, record->slot, reply, client);
    return true;
}

static void reply_end(void *context, uint64_t batch, uint32_t ordinal, const struct reply *reply,
                      const struct command *command)
{
    struct shard *s = context;
    CHECK(s->applying->number == batch);
    struct pending *record = batch_record(s->applying, ordinal - 1);
    struct reply_slot *slot = record->slot;
    if (slot == NULL) /* forgotten while it ran */
        return;
    record->slot = NULL;
    slot->pending = NULL;
    s->o.host->reply_end(s->o.context, slot, reply, command);
}

void apply_host(const struct exec_host *exec, struct machine_host *host)
{
    *host = (struct machine_host){
        .reply_begin = reply_begin,
        .reply_end = reply_end,
        .exec = *exec,
    };
    blocked_host(host);
}
