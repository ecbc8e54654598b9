/* shard.c -- the turn of the data half, how it begins and ends, and what others ask. */

#include "node/shard_internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/state_store.h"
#include "raft/types.h"

#define MAILS_AT_ONCE 64
#define MAILS_PER_TURN 4096
#define QUIET_ENTRIES_MAX 256 /* applied without waking consensus: well below UNAPPLIED_MAX */
#define QUIET_BYTES_MAX ((size_t)1 << 20)

#define QUORUM_WAIT_MS 5000
#define FLUSH_LOG_BYTES ((uint64_t)256 << 20)
#define FLUSH_INTERVAL_MS 60000

/* --- life ------------------------------------------------------------------------------------- */

static struct shard *shard_new(const struct shard_options *options)
{
    struct shard *s = xcalloc(1, sizeof(*s));
    s->o = *options;
    if (s->o.digest_every == 0)
        s->o.digest_every = DIGEST_EVERY;
    s->o.quorum_wait_ms = options->quorum_wait_ms == 0 ? QUORUM_WAIT_MS : options->quorum_wait_ms;
    if (s->o.flush_log_bytes == 0)
        s->o.flush_log_bytes = FLUSH_LOG_BYTES;
    if (s->o.flush_interval_ms == 0)
        s->o.flush_interval_ms = FLUSH_INTERVAL_MS;
    s->now_us = s->o.clock.boot_us(s->o.clock.context);
    arena_init(&s->arena);
    batch_pool_init(&s->pool);
    queue_init(&s->unsealed);
    queue_init(&s->sealed);
    queue_init(&s->read_ready);
    queue_init(&s->read_again);
    queue_init(&s->blocked);
    heap_init(&s->blocked_due);
    s->committed = xcalloc(COMMITTED_MAX, sizeof(*s->committed));
    relay_open(s);
    s->next_number = 1;
    s->next_read_id = 1;
    s->pressed_us = NEVER;
    return s;
}

enum status shard_open(const struct shard_options *options, struct shard **shard, struct error *e)
{
    struct kv *kv = state_store_kv(options->store);
    if (kv == NULL)
        return fail(e, STATUS_CLOSED, "the state store has no state: open it anew");
    struct shard *s = shard_new(options);
    s->cache = cache_new(kv, options->cache_bytes);
    s->keyspace = keyspace_open(s->cache, options->hash_key);
    const enum status status = machine_check(s->keyspace, options->level_max, e);
    if (status != STATUS_OK) {
        shard_close(s);
        return status;
    }
    apply_host(&options->host->exec, &s->machine_host);
    const struct machine_options machine = {
        .keyspace = s->keyspace,
        .self = options->self,
        .boot = options->boot,
        .host = &s->machine_host,
        .context = s,
        .exec_context = options->context,
        .local_seed = options->seed,
        .level_max = options->level_max,
    };
    s->machine = machine_new(&machine);
    const struct applied applied = keyspace_applied(s->keyspace);
    s->applied_index = s->woken_index = applied.index;
    s->applied_term = s->term = applied.term;
    flush_open(s);
    *shard = s;
    return STATUS_OK;
}

/* Mails carry references; what they would have said interests nobody now. */
static void drain(struct shard *s)
{
    struct shard_mail mail;
    while (mailbox_receive(s->o.inbox, &mail, 1) > 0)
        block_unref(mail.block);
}

void shard_close(struct shard *s)
{
    if (s == NULL)
        return;
    drain(s);
    flush_abandon(s);
    apply_free_all(s);
    propose_free_all(s);
    reads_free_all(s);
    blocked_free_all(s);
    relay_free_all(s);
    batch_pool_clear(&s->pool);
    machine_free(s->machine);
    keyspace_close(s->keyspace);
    cache_free(s->cache);
    arena_clear(&s->arena);
    free(s->committed);
    free(s);
}

/* --- shared ----------------------------------------------------------------------------------- */

bool shard_mail(struct shard *s, const struct consensus_mail *mail)
{
    return mailbox_send(s->o.outbox, mail);
}

uint64_t shard_deadline(const struct shard *s, const struct pending *record)
{
    return record->since_us + s->o.quorum_wait_ms * 1000;
}

void shard_refuse(struct shard *s, struct pending *record, const char *error)
{
    struct reply_slot *slot = record->slot;
    if (slot == NULL)
        return;
    record->slot = NULL;
    slot->pending = NULL;
    struct exec x = {.reply = {.protocol = 2}};
    s->o.host->reply_begin(s->o.context, slot, &x.reply, &x.client);
    reply_error(&x, error);
    s->o.host->reply_end(s->o.context, slot, &x.reply, NULL);
}

void shard_forget(struct shard *s, struct reply_slot *slot)
{
    struct pending *record = slot->pending;
    if (record == NULL)
        return;
    CHECK(record->slot == slot);
    record->slot = NULL;
    slot->pending = NULL;
    if (record->is_blocked)
        blocked_forgotten(s, record);
}

/* --- mails ------------------------------------------------------------------------------------ */

static void take_status(struct shard *s, const struct shard_mail *mail)
{
    const bool changed = mail->leader != s->leader || mail->term != s->status_term;
    s->leader = mail->leader;
    s->role = mail->role;
    s->space = mail->space;
    s->space_own = mail->space_own;
    s->service = mail->service;
    s->status_term = mail->term;
    s->term = MAX(s->term, mail->term);
    if (mail->leader != 0 && !s->contacted) {
        s->contacted = true;
        s->contact_index = mail->commit_index;
    }
    if (changed)
        reads_leader_changed(s);
    s->o.host->status(s->o.context, mail);
}

static void take_mail(struct shard *s, const struct shard_mail *mail)
{
    switch (mail->kind) {
    case MAIL_COMMITTED:
        apply_take(s, mail);
        return;
    case MAIL_INSTALL:
        install_take(s, mail);
        return;
    case MAIL_FLUSH:
        s->flush_to = MAX(s->flush_to, mail->index);
        return;
    case MAIL_READ_INDEX:
        reads_answer(s, mail);
        return;
    case MAIL_STATUS:
        take_status(s, mail);
        return;
    case MAIL_SILENT:
        blocked_silent(s, mail->node);
        return;
    case MAIL_RELAYED:
        relay_take(s, mail);
        return;
    case MAIL_PEER:
        relay_peer_mail(s, mail);
        return;
    case MAIL_ADMIN_DONE:
        s->o.host->admin_done(s->o.context, mail->admin);
        return;
    case MAIL_STOPPED:
        s->o.host->stopped(s->o.context);
        return;
    }
    panic("unknown mail %d", (int)mail->kind);
}

static void take_mails(struct shard *s)
{
    struct shard_mail mails[MAILS_AT_ONCE];
    for (size_t taken = 0; taken < MAILS_PER_TURN; ) {
        const size_t room = COMMITTED_MAX - s->committed_count;
        const size_t count = mailbox_receive(s->o.inbox, mails, MIN(room, MAILS_AT_ONCE));
        if (count == 0)
            return;
        for (size_t i = 0; i < count; i++)
            take_mail(s, &mails[i]);
        taken += count;
    }
}

/* Consensus needs the applied index to make room for more, which it has plenty of: it is woken for
 * it only now and then, and finds it at its next turn, a tick away at most. */
static bool mail_applied(struct shard *s)
{
    const struct consensus_mail mail = {
        .kind = MAIL_APPLIED, .index = s->applied_index, .batch = s->settled_number};
    if (s->applied_index - s->woken_index < QUIET_ENTRIES_MAX && s->quiet_bytes < QUIET_BYTES_MAX)
        return mailbox_leave(s->o.outbox, &mail);
    if (!shard_mail(s, &mail))
        return false;
    s->woken_index = s->applied_index;
    s->quiet_bytes = 0;
    return true;
}

static void tell_applied(struct shard *s)
{
    if (s->applied_index == s->told_index && s->settled_number == s->told_number)
        return;
    if (!mail_applied(s))
        return;
    s->told_index = s->applied_index;
    s->told_number = s->settled_number;
}

static void tell_stop(struct shard *s)
{
    const struct consensus_mail mail = {.kind = MAIL_STOP};
    if (s->stop_due)
        s->stop_due = !shard_mail(s, &mail);
}

bool shard_admin(struct shard *s, struct admin *admin)
{
    const struct consensus_mail mail = {.kind = MAIL_ADMIN, .admin = admin};
    return shard_mail(s, &mail);
}

void shard_stop(struct shard *s)
{
    s->stop_due = true;
    tell_stop(s);
}

/* --- turn ------------------------------------------------------------------------------------- */

static uint64_t due_us(const struct shard *s)
{
    if (apply_is_due(s))
        return 0;
    if (s->committed_count < COMMITTED_MAX && mailbox_count(s->o.inbox) > 0)
        return 0;
    uint64_t due = MIN(propose_due_us(s), reads_due_us(s));
    due = MIN(due, MIN(expiry_due_us(s), flush_due_us(s)));
    due = MIN(due, blocked_due_us(s));
    if (s->stop_due || s->install.step == INSTALL_TELL || s->told_index != s->applied_index ||
        s->told_number != s->settled_number || s->relay.out.size > 0)
        due = MIN(due, s->now_us + 1000); /* consensus' mailbox was full */
    return due;
}

uint64_t shard_turn(struct shard *s)
{
    s->now_us = s->o.clock.boot_us(s->o.clock.context);
    relay_flush(s); /* stamped with what was applied when it was said */
    take_mails(s);
    relay_deliver(s);
    propose_timeouts(s);
    reads_timeouts(s);
    expiry_turn(s);
    blocked_turn(s);
    propose_seal_anew(s);
    propose_close(s);
    reads_close(s);

    const uint64_t applied_before = s->applied_index;
    reads_run(s); /* what may run on the state as it is need not wait for what came later */
    apply_loop_run(s);
    install_turn(s);
    reads_run(s);
    if (s->applied_index != applied_before) { /* that may have opened the window, or the term */
        s->purging = true;
        propose_seal_anew(s);
        propose_close(s);
    }
    s->ready = s->ready || (s->contacted && s->applied_index >= s->contact_index);
    reads_close(s); /* what came in while replies were made */
    graveyard_turn(s);
    tell_applied(s);
    tell_stop(s);
    relay_flush(s);
    relay_tell_taken(s);
    flush_turn(s);
    cache_turn(s->cache);
    arena_reset(&s->arena);
    return due_us(s);
}

bool shard_is_awaited(const struct shard *s)
{
    return s->pool.requests > 0 || !queue_is_empty(&s->blocked) || s->relay.held_count > 0 ||
           s->flush_to > s->durable_index || s->install.step != INSTALL_NONE || !s->ready;
}

/* --- for INFO and the like -------------------------------------------------------------------- */

void shard_status(const struct shard *s, struct shard_status *status)
{
    *status = (struct shard_status){
        .applied_index = s->applied_index,
        .applied_term = s->applied_term,
        .clock_ms = keyspace_applied(s->keyspace).clock_ms,
        .durable_applied = s->durable_index,
        .digest = keyspace_digest(s->keyspace),
        .leader = s->leader,
        .term = s->term,
        .role = s->role,
        .space = s->space,
        .space_own = s->space_own,
        .service = s->service,
        .level = machine_level(s->machine),
        .ready = s->ready,
        .room = shard_room(s),
        .requests_in_flight = s->pool.requests,
        .bytes_in_flight = s->pool.bytes,
        .batches = s->batches,
        .batched_requests = s->batched_requests,
        .reads = s->reads,
        .read_rounds = s->read_rounds,
        .duplicates = s->duplicates,
        .flushes = s->flushes,
        .installs = s->installs,
        .last_flush_ms = s->last_flush_ms,
        .flush_running = s->flush.cut != NULL,
        .flush_failed = s->now_us < s->flush_retry_us,
    };
}

bool shard_times(const struct shard *s, struct shard_times *times)
{
    if (s->applying == NULL)
        return false;
    const struct batch *b = s->applying;
    *times = (struct shard_times){.since_us = b->count > 0 ? batch_record(b, 0)->since_us
                                                           : b->mailed_us,
                                  .mailed_us = b->mailed_us,
                                  .committed_us = s->phases.began_us,
                                  .index = s->applied_index + 1};
    return true;
}

const struct histogram *shard_phase(const struct shard *s, enum phase phase)
{
    return &s->phases.of[phase];
}

uint64_t shard_take_phase_us(struct shard *s, enum phase phase)
{
    const uint64_t worst_us = s->phases.worst_us[phase];
    s->phases.worst_us[phase] = 0;
    return worst_us;
}

uint64_t shard_take_expiry_us(struct shard *s)
{
    const uint64_t worst_us = s->expiry_worst_us;
    s->expiry_worst_us = 0;
    return worst_us;
}

struct keyspace *shard_keyspace(struct shard *s)
{
    return s->keyspace;
}

struct machine *shard_machine(struct shard *s)
{
    return s->machine;
}
