/* shard_world.c -- see shard_world.h. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "shard_world.h"

#include "base/mailbox.h"
#include "base/panic.h"
#include "keyspace/keyspace.h"
#include "kv/kv.h"
#include "node/block.h"
#include "raft/types.h"

#define WALL_START_MS 1700000000000u

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t wall_ms(void *context)
{
    const struct sw_world *w = context;
    return w->wall_ms;
}

static uint64_t boot_us(void *context)
{
    struct sw_world *w = context;
    w->now_us += w->look_us;
    return w->now_us;
}

static void submit(void *context, enum worker worker, struct job *job)
{
    struct sw_world *w = context;
    assert_int_equal(worker, WORKER_FLUSH);
    assert_null(w->job);
    w->job = job;
    w->job_worked = false;
}

void sw_work(struct sw_world *w)
{
    struct job *job = w->job;
    if (job == NULL)
        return;
    if (!w->job_worked) {
        job->work(job);
        w->job_worked = true;
        return;
    }
    w->job = NULL;
    job->done(job);
}

/* --- the host --------------------------------------------------------------------------------- */

static void reply_begin(void *context, struct reply_slot *slot, struct reply *reply, void **client)
{
    struct sw_request *r = container_of(slot, struct sw_request, slot);
    assert_false(r->done);
    reply->out = &r->reply;
    reply->protocol = 2;
    *client = context;
}

static void reply_end(void *context, struct reply_slot *slot, const struct reply *reply,
                      const struct command *command)
{
    struct sw_world *w = context;
    struct sw_request *r = container_of(slot, struct sw_request, slot);
    assert_false(r->done);
    assert_null(slot->pending);
    assert_ptr_equal(reply->out, &r->reply);
    assert_true(r->reply.size > 0);
    r->done = true;
    r->command = command;
    if (w->on_done != NULL)
        w->on_done(w, r);
}

static void host_waits(void *context, struct reply_slot *slot)
{
    (void)context;
    struct sw_request *r = container_of(slot, struct sw_request, slot);
    assert_false(r->done);
    assert_non_null(slot->pending);
    r->waits = true;
}

static void host_changed(void *context, const struct exec *x, const struct key_change *change)
{
    (void)context;
    (void)x;
    (void)change;
}

static void host_flushed(void *context, const struct exec *x, int64_t db)
{
    (void)context;
    (void)x;
    (void)db;
}

static void host_local(void *context, struct exec *x)
{
    (void)context;
    reply_simple(x, "LOCAL");
}

static const char *host_read_moves(void *context, struct reply_slot *slot)
{
    (void)context, (void)slot;
    return NULL;
}

static void host_status(void *context, const struct shard_mail *status)
{
    (void)context;
    (void)status;
}

static void host_admin_done(void *context, struct admin *admin)
{
    (void)context;
    (void)admin;
}

static void host_stopped(void *context)
{
    (void)context;
}

static void host_relayed(void *context, uint64_t node, enum relay_kind kind, struct bytes bytes)
{
    static const char *const words[] = {"", "begins", "lost", "up", "down"};
    struct sw_world *w = context;
    struct shard_status status;
    shard_status(w->shard, &status);
    buf_printf(&w->relayed, "%llu@%llu:%s%.*s ", (unsigned long long)node,
               (unsigned long long)status.applied_index, words[kind], (int)bytes.size,
               bytes.size == 0 ? "" : (const char *)bytes.data);
}

static const struct shard_host host = {
    .reply_begin = reply_begin,
    .reply_end = reply_end,
    .waits = host_waits,
    .read_moves = host_read_moves,
    .exec = {.changed = host_changed, .flushed = host_flushed, .local = host_local},
    .status = host_status,
    .admin_done = host_admin_done,
    .stopped = host_stopped,
    .relayed = host_relayed,
};

/* --- life ------------------------------------------------------------------------------------- */

static void open_shard(struct sw_world *w)
{
    struct error e;
    const struct state_store_options store = {.disk = kv_mem_disk(w->disk), .dir = "node"};
    if (state_store_open(&store, &w->store, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    w->options.store = w->store;
    w->options.boot = w->boot;
    if (shard_open(&w->options, &w->shard, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct shard_status status;
    shard_status(w->shard, &status);
    w->mailed = w->applied = w->durable = status.applied_index;
    w->settled = 0;
    w->last_number = 0;
    w->status_due = true;
}

void sw_init(struct sw_world *w, size_t cache_bytes, size_t mailbox_size)
{
    *w = (struct sw_world){.boot = 1, .now_us = 1000000, .wall_ms = WALL_START_MS, .term = 1};
    w->disk = kv_mem_disk_new(1);
    w->to_consensus = mailbox_new(sizeof(struct consensus_mail), mailbox_size);
    w->to_shard = mailbox_new(sizeof(struct shard_mail), mailbox_size);
    w->options = (struct shard_options){
        .self = SW_SELF,
        .cache_bytes = cache_bytes,
        .inbox = w->to_shard,
        .outbox = w->to_consensus,
        .clock = {.context = w, .wall_ms = wall_ms, .boot_us = boot_us},
        .workers = {.context = w, .submit = submit},
        .host = &host,
        .context = w,
        .seed = 3,
        .lease = &w->lease,
    };
    lease_init(&w->lease);
    open_shard(w);
}

static void drop_batches(struct sw_world *w)
{
    for (uint32_t i = 0; i < w->batch_count; i++)
        block_unref(w->batches[i].block);
    w->batch_count = 0;
}

static void drop_mails(struct sw_world *w)
{
    struct consensus_mail mail;
    while (mailbox_receive(w->to_consensus, &mail, 1) > 0)
        block_unref(mail.block);
}

static void close_shard(struct sw_world *w)
{
    shard_close(w->shard);
    state_store_close(w->store);
    w->job = NULL;
    drop_mails(w);
    drop_batches(w);
    w->read_count = 0;
}

void sw_clear(struct sw_world *w)
{
    close_shard(w);
    for (uint64_t i = 0; i < w->log_count; i++)
        block_unref(w->log[i].block);
    free(w->log);
    buf_clear(&w->relayed);
    buf_clear(&w->relays);
    mailbox_free(w->to_consensus);
    mailbox_free(w->to_shard);
    kv_mem_disk_free(w->disk);
}

void sw_crash(struct sw_world *w, enum kv_mem_crash how)
{
    kv_mem_disk_crash(w->disk, how);
    close_shard(w);
    w->boot++;
    open_shard(w);
}

void sw_turn(struct sw_world *w)
{
    w->next_due_us = shard_turn(w->shard);
}

/* --- the fake --------------------------------------------------------------------------------- */

static void log_push(struct sw_world *w, struct block *block, uint8_t kind)
{
    if (w->log_count == w->log_capacity) {
        w->log_capacity = MAX(64, w->log_capacity * 2);
        w->log = xrealloc(w->log, w->log_capacity * sizeof(*w->log));
    }
    w->log[w->log_count++] = (struct sw_entry){.block = block, .term = w->term, .kind = kind};
}

void sw_depose(struct sw_world *w, uint64_t keep)
{
    assert_true(keep >= w->commit);
    lease_publish(&w->lease, &(struct lease_value){0});
    while (w->log_count > keep)
        block_unref(w->log[--w->log_count].block);
    w->term++;
    w->leader = 0;
    w->status_due = true;
    drop_batches(w);
}

void sw_elect(struct sw_world *w, uint64_t leader)
{
    assert_int_equal(w->leader, 0);
    w->leader = leader;
    w->status_due = true;
    log_push(w, NULL, RAFT_NOOP);
}

static void receive_batch(struct sw_world *w, struct consensus_mail *mail)
{
    w->batches_seen++;
    w->last_count = mail->count;
    assert_true(entry_batch_is_valid(block_bytes(mail->block), mail->count));
    if (mail->term != w->term) {
        assert_true(mail->term < w->term);
        block_unref(mail->block);
        return;
    }
    if (w->batch_count > 0)
        assert_true(mail->batch > w->batches[w->batch_count - 1].batch);
    assert_true(w->batch_count < SW_BATCHES_MAX);
    w->batches[w->batch_count++] = *mail;
}

void sw_receive(struct sw_world *w, uint32_t max)
{
    struct consensus_mail mail;
    while (max-- > 0 && mailbox_receive(w->to_consensus, &mail, 1) > 0) {
        switch (mail.kind) {
        case MAIL_BATCH:
            receive_batch(w, &mail);
            break;
        case MAIL_READ:
            if (w->read_count < SW_READS_MAX)
                w->reads[w->read_count++] = (struct sw_read){mail.read_id, w->commit};
            break;
        case MAIL_APPLIED:
            assert_true(mail.index >= w->applied);
            assert_true(mail.index <= w->commit);
            w->applied = mail.index;
            w->settled = mail.batch;
            break;
        case MAIL_DURABLE:
            assert_true(mail.index >= w->durable);
            assert_true(mail.index <= w->commit);
            w->durable = mail.index;
            break;
        case MAIL_RELAY:
            buf_printf(&w->relays, "%llu>%llu:%.*s ", (unsigned long long)mail.index,
                       (unsigned long long)mail.node, (int)mail.block->size,
                       (const char *)mail.block->data);
            block_unref(mail.block);
            break;
        case MAIL_RELAY_TAKEN:
            w->relay_taken = mail.id;
            break;
        default:
            fail_msg("mail %d", (int)mail.kind);
        }
    }
}

void sw_append(struct sw_world *w, uint32_t max)
{
    if (w->leader == 0)
        return;
    const uint32_t count = MIN(max, w->batch_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct consensus_mail *b = &w->batches[i];
        const struct entry_head head = {
            .format = ENTRY_FORMAT, .count = (uint16_t)b->count, .origin = SW_SELF,
            .boot = w->boot, .batch = b->batch, .clock_ms = w->wall_ms,
            .seed = b->batch * 1000003 + b->term};
        struct buf payload = {0};
        entry_encode(&payload, &head, block_bytes(b->block));
        log_push(w, block_new(buf_bytes(&payload)), RAFT_DATA);
        buf_clear(&payload);
        block_unref(b->block);
    }
    w->batch_count -= count;
    memmove(w->batches, w->batches + count, w->batch_count * sizeof(*w->batches));
}

void sw_commit(struct sw_world *w, uint64_t index)
{
    index = MIN(index, w->log_count);
    if (w->leader != 0 && index > w->commit && w->log[index - 1].term == w->term)
        w->commit = index;
    const bool holds = w->has_lease && w->leader == SW_SELF && w->commit > 0 &&
                       w->log[w->commit - 1].term == w->term;
    if (holds)
        lease_publish(&w->lease, &(struct lease_value){.end_us = w->now_us + SW_LEASE_US,
                                                       .commit_index = w->commit,
                                                       .clock_ms = w->wall_ms});
}

static bool mail_entry(struct sw_world *w, uint64_t index)
{
    const struct sw_entry *entry = &w->log[index - 1];
    const struct shard_mail mail = {
        .kind = MAIL_COMMITTED,
        .index = index,
        .term = entry->term,
        .entry_kind = entry->kind,
        .block = entry->block == NULL ? NULL : block_ref(entry->block),
    };
    if (mailbox_send(w->to_shard, &mail))
        return true;
    block_unref(mail.block);
    return false;
}

void sw_mail(struct sw_world *w, uint32_t max)
{
    if (w->status_due) {
        const struct shard_mail mail = {
            .kind = MAIL_STATUS,
            .term = w->term,
            .leader = w->leader,
            .role = w->leader == SW_SELF ? RAFT_LEADER : RAFT_FOLLOWER,
            .commit_index = w->commit,
            .voters = 3,
        };
        w->status_due = !mailbox_send(w->to_shard, &mail);
    }
    while (max-- > 0 && w->mailed < w->commit && mail_entry(w, w->mailed + 1))
        w->mailed++;
}

void sw_mail_again(struct sw_world *w, uint64_t index)
{
    if (index >= 1 && index <= w->mailed)
        w->mailed = index - 1;
}

void sw_answer(struct sw_world *w, enum sw_answer answer)
{
    if (w->read_count == 0)
        return;
    const struct shard_mail mail = {.kind = MAIL_READ_INDEX, .read_id = w->reads[0].id,
                                    .ok = answer == SW_OK, .index = w->reads[0].index,
                                    .clock_ms = w->wall_ms};
    if (answer != SW_LOST && !mailbox_send(w->to_shard, &mail))
        return;
    w->read_count--;
    memmove(w->reads, w->reads + 1, w->read_count * sizeof(*w->reads));
}

void sw_settle(struct sw_world *w)
{
    if (w->leader == 0)
        sw_elect(w, SW_SELF);
    for (int quiet = 0, steps = 0; quiet < 50; quiet++) {
        assert_true(++steps < 200000);
        struct shard_status before, after;
        shard_status(w->shard, &before);
        w->now_us += 1000;
        w->wall_ms += 1;
        sw_turn(w);
        sw_receive(w, 100);
        sw_append(w, 100);
        sw_commit(w, w->log_count);
        sw_mail(w, 100);
        for (uint32_t i = w->read_count; i > 0; i--)
            sw_answer(w, SW_OK);
        sw_work(w);
        shard_status(w->shard, &after);
        if (after.requests_in_flight > 0 || after.applied_index != before.applied_index ||
            w->applied < w->commit || w->job != NULL)
            quiet = 0;
    }
}

void sw_lead(struct sw_world *w)
{
    sw_elect(w, SW_SELF);
    sw_settle(w);
}

/* --- requests --------------------------------------------------------------------------------- */

static struct request words(const char *text, uint8_t flags, struct bytes args[static 16])
{
    uint32_t count = 0;
    while (*text != '\0') {
        const size_t size = strcspn(text, " ");
        assert_true(count < 16);
        args[count++] = bytes_of(text, size);
        text += size + (text[size] == ' ');
    }
    return (struct request){.kind = REQ_COMMAND, .flags = flags, .args = args, .arg_count = count};
}

void sw_write(struct sw_world *w, struct sw_request *r, const char *text)
{
    struct bytes args[16];
    const struct request request = words(text, 0, args);
    const bool taken = shard_write(w->shard, &request, r == NULL ? NULL : &r->slot);
    assert_true(taken);
}

void sw_ride(struct sw_world *w, struct sw_request *r, const char *text)
{
    struct bytes args[16];
    const struct request request = words(text, REQUEST_READ, args);
    const bool taken = shard_write(w->shard, &request, &r->slot);
    assert_true(taken);
}

void sw_read(struct sw_world *w, struct sw_request *r, const char *text)
{
    struct bytes args[16];
    const struct request request = words(text, 0, args);
    const bool taken = shard_read(w->shard, &request, &r->slot, false);
    assert_true(taken);
}

const char *sw_reply(struct sw_request *r)
{
    buf_append_u8(&r->reply, '\0');
    buf_truncate(&r->reply, r->reply.size - 1);
    return (const char *)buf_data(&r->reply);
}

void sw_request_clear(struct sw_request *r)
{
    buf_clear(&r->reply);
    *r = (struct sw_request){0};
}

/* --- replay ----------------------------------------------------------------------------------- */

static bool nobody(void *context, uint64_t batch, uint32_t ordinal, struct reply *reply,
                   void **client)
{
    (void)context;
    (void)batch;
    (void)ordinal;
    (void)reply;
    (void)client;
    return false;
}

static void never(void *context, uint64_t batch, uint32_t ordinal, const struct reply *reply,
                  const struct command *command)
{
    (void)context;
    (void)batch;
    (void)ordinal;
    (void)reply;
    (void)command;
    fail_msg("a replica replied");
}

static void *nobody_waits(void *context, uint64_t batch, uint32_t ordinal, uint64_t waiter,
                          uint64_t timeout_ms)
{
    (void)context;
    (void)batch;
    (void)ordinal;
    (void)waiter;
    (void)timeout_ms;
    fail_msg("a replica was told who waits");
    return NULL;
}

uint64_t sw_replay_digest(const struct sw_world *w)
{
    struct error e;
    struct kv_mem_disk *disk = kv_mem_disk_new(2);
    struct kv *kv;
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    struct cache *cache = cache_new(kv, 64 << 20);
    struct keyspace *k = keyspace_open(cache, w->options.hash_key);
    const struct machine_host deaf = {.reply_begin = nobody, .reply_end = never,
                                      .waits = nobody_waits, .exec = host.exec};
    const struct machine_options machine = {.keyspace = k, .self = SW_OTHER, .boot = 1,
                                            .host = &deaf};
    struct machine *m = machine_new(&machine);
    for (uint64_t index = 1; index <= w->commit; index++) {
        const struct sw_entry *entry = &w->log[index - 1];
        machine_apply(m, &(struct machine_entry){
                             .index = index,
                             .term = entry->term,
                             .kind = entry->kind,
                             .payload = entry->block == NULL ? BYTES_NONE
                                                             : block_bytes(entry->block)});
    }
    assert_int_equal(machine_duplicates(m), 0);
    const uint64_t digest = keyspace_digest(k);
    machine_free(m);
    keyspace_close(k);
    cache_free(cache);
    kv_close(kv);
    kv_mem_disk_free(disk);
    return digest;
}
