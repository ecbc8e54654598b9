/* snapshot_receive.c -- the other half of a transfer: to the disk, looked at, installed (§3.7).
 *
 *   IDLE -- offer --> PREPARE --> STREAM -- all written --> FINISH --> READY
 *     ^                                                                  | MAIL_INSTALL
 *     |                                                                  v
 *     +---- CUTTING <-- the log's write -- CUT <-- MAIL_INSTALLED -- INSTALL
 *
 * Up to READY a newer term makes the transfer void. From INSTALL on it is the data loop's: behind
 * all entries that were mailed before it puts the new state in the place of the old. Until the log
 * has followed, in one write, nothing is appended, mailed or told to be applied; a crash between
 * the two leaves a state ahead of its log, which the next start mends by the same rule. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/state_store.h"

#define SYNC_BYTES ((uint64_t)8 << 20) /* written, then synced: not all at the end */

void snapshot_place(const struct consensus *c, struct snapshot_place *place)
{
    place->disk = c->o.disk;
    place->store = c->o.state;
    memcpy(place->hash_key, c->identity.hash_key, sizeof(place->hash_key));
}

/* --- in the worker ---------------------------------------------------------------------------- */

static void prepare_work(struct job *job)
{
    struct snapshot_receive *r = container_of(job, struct snapshot_receive, job);
    const char *incoming = state_store_incoming(r->place.store);
    r->status = disk_remove(r->place.disk, incoming, &r->error);
    if (r->status == STATUS_OK)
        r->status = disk_make_dir(r->place.disk, incoming, &r->error);
    uint64_t free_bytes = 0;
    if (r->status == STATUS_OK)
        r->status = disk_space(r->place.disk, incoming, &free_bytes, &r->error);
    if (r->status == STATUS_OK && free_bytes < r->files.bytes + r->reserve)
        r->status = fail(&r->error, STATUS_NO_SPACE, "it has %" PRIu64 " bytes, and %" PRIu64
                         " are free, of which disk-reserve is not for it: make room",
                         r->files.bytes, free_bytes);
}

/* What came of one that was refused must not fill the disk. */
static void drop_work(struct job *job)
{
    struct snapshot_receive *r = container_of(job, struct snapshot_receive, job);
    r->status = disk_remove(r->place.disk, state_store_incoming(r->place.store), &r->error);
}

static enum status file_path(struct snapshot_receive *r, const struct snapshot_file *file,
                             char path[static DISK_PATH_MAX])
{
    return disk_join(path, state_store_incoming(r->place.store), file->name, &r->error);
}

static enum status write_chunk(struct snapshot_receive *r, const struct received_chunk *chunk)
{
    char path[DISK_PATH_MAX];
    const struct bytes data = block_bytes(chunk->data);
    const struct snapshot_file *file = snapshot_file_at(&r->files, chunk->position);
    if (crc32c(0, data) != chunk->crc)
        return fail(&r->error, STATUS_CORRUPT, "%.100s was damaged on its way", file->name);
    enum status status = file_path(r, file, path);
    if (status == STATUS_OK)
        status = disk_write(r->place.disk, path, chunk->position - file->begin, data, &r->error);
    return status;
}

static enum status sync_file(struct snapshot_receive *r, const struct snapshot_file *file)
{
    char path[DISK_PATH_MAX];
    enum status status = file_path(r, file, path);
    if (status == STATUS_OK && file->size == 0) /* no chunk has made it */
        status = disk_write(r->place.disk, path, 0, BYTES_NONE, &r->error);
    if (status == STATUS_OK)
        status = disk_sync(r->place.disk, path, &r->error);
    return status;
}

static void write_work(struct job *job)
{
    struct snapshot_receive *r = container_of(job, struct snapshot_receive, job);
    r->status = STATUS_OK;
    for (uint32_t i = 0; r->status == STATUS_OK && i < r->writing; i++) {
        r->status = write_chunk(r, &r->queue[i]);
        r->unsynced += block_bytes(r->queue[i].data).size;
    }
    if (r->status != STATUS_OK || r->unsynced < SYNC_BYTES)
        return;
    r->unsynced = 0;
    r->status = sync_file(r, snapshot_file_at(&r->files, r->queue[r->writing - 1].position));
}

static bool keep_pace(void *context, uint64_t bytes)
{
    struct snapshot_receive *r = context;
    if (atomic_load(&r->is_void))
        return false;
    return r->workers.pause == NULL ||
           r->workers.pause(r->workers.context, bytes * 1000000 / r->rate);
}

static void finish_work(struct job *job)
{
    struct snapshot_receive *r = container_of(job, struct snapshot_receive, job);
    r->status = STATUS_OK;
    for (uint32_t i = 0; r->status == STATUS_OK && i < r->files.count; i++)
        r->status = sync_file(r, &r->files.files[i]);
    if (r->status != STATUS_OK)
        return;
    const char *incoming = state_store_incoming(r->place.store);
    struct error cause;
    r->status = snapshot_verify(&r->place, incoming, keep_pace, r, &cause);
    if (r->status == STATUS_CLOSED) {
        r->error = cause;
        return;
    }
    if (r->status != STATUS_OK) {
        fail(&r->error, r->status, "%.220s. It was damaged where it came from, or by this disk",
             cause.text);
        return;
    }
    struct snapshot_about about = {0};
    r->status = snapshot_look(&r->place, incoming, &about, &r->error);
    if (r->status == STATUS_OK && !bytes_equal(buf_bytes(&about.config), buf_bytes(&r->config)))
        r->status = fail(&r->error, STATUS_CORRUPT, "the snapshot has other members than it was"
                         " announced with");
    if (r->status == STATUS_OK && (about.index != r->index || about.term != r->log_term))
        r->status = fail(&r->error, STATUS_CORRUPT, "the snapshot is of entry %" PRIu64
                         ", not %" PRIu64 " as it was announced", about.index, r->index);
    r->log_clock_ms = about.clock_ms;
    buf_clear(&about.config);
}

static void job_ended(struct job *job)
{
    container_of(job, struct snapshot_receive, job)->job_done = true;
}

static void submit(struct consensus *c, void (*work)(struct job *))
{
    struct snapshot_receive *r = &c->receive;
    CHECK(!r->job_runs);
    r->job = (struct job){work, job_ended};
    r->job_runs = true;
    r->job_done = false;
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &r->job);
}

/* --- shared ----------------------------------------------------------------------------------- */

bool snapshot_is_installing(const struct consensus *c)
{
    return c->receive.step >= RECEIVE_INSTALL;
}

static void send_ack(struct consensus *c, raft_node to, const struct wire_snapshot_ack *ack)
{
    buf_reset(&c->out);
    wire_encode_snapshot_ack(&c->out, ack);
    const struct bytes frame = buf_bytes(&c->out);
    peers_send_frame(c, to, CHANNEL_DATA, &frame, 1);
}

static void tell(struct consensus *c, enum snapshot_ack state, uint64_t position)
{
    const struct snapshot_receive *r = &c->receive;
    send_ack(c, r->from, &(struct wire_snapshot_ack){r->id, position, (uint8_t)state});
}

static void drop_queue(struct snapshot_receive *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        block_unref(r->queue[i].data);
    r->queued -= count;
    memmove(r->queue, r->queue + count, r->queued * sizeof(*r->queue));
}

static void forget(struct snapshot_receive *r)
{
    CHECK(!r->job_runs);
    drop_queue(r, r->queued);
    r->step = RECEIVE_IDLE;
    r->is_void = false;
    snapshot_files_clear(&r->files);
}

/* The log is sound, its state is not there (§6.4). */
static bool is_without_state(const struct consensus *c)
{
    struct raft_status at;
    raft_status(c->raft, &at);
    return at.state_lost;
}

/* Without a state one that ends where the log begins will do. */
static bool is_wanted(const struct consensus *c, raft_index index)
{
    return index > c->commit_index || (index == c->commit_index && is_without_state(c));
}

static void refuse(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    log_error("consensus", "a snapshot cannot be taken", "index=%" PRIu64 " error=\"%s\"",
              r->index, r->error.text);
    snprintf(r->refused, sizeof(r->refused), "%s", r->error.text);
    tell(c, ACK_REFUSED, 0);
    drop_queue(r, r->queued);
    r->step = RECEIVE_DROP;
    submit(c, drop_work);
}

/* --- what the leader sends -------------------------------------------------------------------- */

static void begin(struct consensus *c, raft_node from, const struct wire_snapshot_offer *offer)
{
    struct snapshot_receive *r = &c->receive;
    if (r->job_runs) { /* the leader offers again when this one has ended */
        r->is_void = true;
        return;
    }
    forget(r);
    r->from = from;
    r->term = offer->term;
    r->id = offer->id;
    r->index = offer->index;
    r->log_term = offer->log_term;
    r->members = offer->members;
    buf_reset(&r->config);
    buf_append_bytes(&r->config, offer->config);
    r->written = r->received = r->unsynced = 0;
    r->begun_us = c->now_us;
    r->workers = c->o.workers;
    r->reserve = c->o.disk_reserve;
    snapshot_place(c, &r->place);
    r->status = snapshot_files_decode(offer->files, &r->files, &r->error);
    if (r->status != STATUS_OK) {
        c->frames_bad++;
        refuse(c);
        return;
    }
    r->step = RECEIVE_PREPARE;
    log_info("consensus", "receiving a snapshot", "node=%" PRIu64 " index=%" PRIu64 " files=%u "
             "bytes=%" PRIu64, from, r->index, r->files.count, r->files.bytes);
    submit(c, prepare_work);
}

void snapshot_receive_offer(struct consensus *c, raft_node from,
                            const struct wire_snapshot_offer *offer)
{
    struct snapshot_receive *r = &c->receive;
    const struct raft_message m = {
        .type = RAFT_MSG_SNAPSHOT, .from = from, .to = c->identity.node_id, .term = offer->term,
        .index = offer->index, .log_term = offer->log_term, .config = &offer->members.config,
    };
    const enum status status =
        core_step(c, &(struct raft_input){.type = RAFT_RECEIVE, .message = &m}, NULL);
    const bool same = r->step != RECEIVE_IDLE && r->step != RECEIVE_DROP && r->from == from &&
                      r->id == offer->id;
    if (status == STATUS_BAD_MESSAGE)
        c->frames_bad++;
    if (snapshot_is_installing(c)) { /* it has come so far, and is on its way */
        if (same)
            tell(c, ACK_FROM, r->files.bytes);
        return;
    }
    if (status != STATUS_OK || c->o.state == NULL) {
        const bool known = !is_wanted(c, offer->index) && !is_without_state(c);
        send_ack(c, from, &(struct wire_snapshot_ack){
            offer->id, 0, known ? ACK_DONE : ACK_REFUSED});
        return;
    }
    if (!same || r->is_void) {
        begin(c, from, offer);
        return;
    }
    r->term = MAX(r->term, offer->term);
    if (r->step != RECEIVE_PREPARE)
        tell(c, ACK_FROM, r->received);
}

void snapshot_receive_chunk(struct consensus *c, raft_node from,
                            const struct wire_snapshot_chunk *chunk)
{
    struct snapshot_receive *r = &c->receive;
    if (r->step != RECEIVE_STREAM || r->is_void || from != r->from || chunk->id != r->id)
        return;
    if (chunk->position != r->received || r->received == r->files.bytes ||
        r->queued == RECEIVE_QUEUE_MAX)
        return; /* something was lost before it: the leader will ask */
    const struct snapshot_file *file = snapshot_file_at(&r->files, chunk->position);
    if (chunk->data.size > file->begin + file->size - chunk->position) {
        c->frames_bad++;
        return;
    }
    r->queue[r->queued++] =
        (struct received_chunk){chunk->position, chunk->crc, block_new(chunk->data)};
    r->received += chunk->data.size;
}

/* --- on the disk ------------------------------------------------------------------------------ */

static void chunks_written(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    if (r->status == STATUS_CORRUPT) { /* on its way: once more */
        log_warn("consensus", "a piece of a snapshot comes again", "error=\"%s\"", r->error.text);
        drop_queue(r, r->queued);
        r->received = r->written;
        tell(c, ACK_FROM, r->written);
        return;
    }
    if (r->status != STATUS_OK) {
        refuse(c);
        return;
    }
    for (uint32_t i = 0; i < r->writing; i++)
        r->written += r->queue[i].data->size;
    drop_queue(r, r->writing);
    tell(c, ACK_HAS, r->written);
}

static void job_results(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    r->job_runs = r->job_done = false;
    if (r->is_void || r->step == RECEIVE_DROP) { /* if that failed, the next one tries again */
        forget(r);
        return;
    }
    if (r->step == RECEIVE_STREAM) {
        chunks_written(c);
        return;
    }
    if (r->status != STATUS_OK) {
        refuse(c);
        return;
    }
    if (r->step == RECEIVE_PREPARE) {
        r->step = RECEIVE_STREAM;
        tell(c, ACK_FROM, 0);
    } else {
        CHECK(r->step == RECEIVE_FINISH);
        r->step = RECEIVE_READY;
    }
}

/* It is looked at as fast as it came, if that is more than snapshot-rate: its leader is in a hurry,
 * since it keeps the log for us meanwhile. */
static uint64_t look_rate(const struct consensus *c)
{
    const struct snapshot_receive *r = &c->receive;
    const uint64_t set = atomic_load_explicit(&c->snapshot_rate, memory_order_relaxed);
    const uint64_t took_ms = (c->now_us - r->begun_us) / 1000;
    return MAX(set, r->files.bytes / MAX(took_ms, 1) * 1000);
}

static void stream(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    if (r->queued > 0) {
        r->writing = r->queued;
        submit(c, write_work);
    } else if (r->written == r->files.bytes) {
        r->step = RECEIVE_FINISH;
        r->rate = look_rate(c);
        log_info("consensus", "a snapshot is here, and is looked at", "index=%" PRIu64, r->index);
        submit(c, finish_work);
    }
}

/* --- installing ------------------------------------------------------------------------------- */

/* No checkpoint may be under way: it reads the state that is about to go. */
static void hand_over(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    if (!is_wanted(c, r->index)) {
        tell(c, ACK_DONE, r->files.bytes);
        forget(r);
        return;
    }
    if (c->send.step != SEND_IDLE || !backup_gives_way(c))
        return;
    const struct shard_mail m = {.kind = MAIL_INSTALL, .index = r->index, .term = r->log_term};
    if (mailbox_send(c->o.outbox, &m))
        r->step = RECEIVE_INSTALL;
}

void snapshot_receive_installed(struct consensus *c, raft_index applied, bool ok)
{
    struct snapshot_receive *r = &c->receive;
    CHECK(r->step == RECEIVE_INSTALL);
    if (ok) {
        CHECK(applied == r->index);
        r->step = RECEIVE_CUT;
        return;
    }
    step_quietly(c, &(struct raft_input){.type = RAFT_APPLIED, .index = applied});
    deliver_applied(c, applied);
    tell(c, ACK_DONE, r->files.bytes);
    forget(r);
}

/* One write, behind all others, when the log stands still: entries behind the snapshot's last one
 * stay if the log holds that one, else the log starts anew (§3.7 step 6). */
static void cut(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    struct raft_status at;
    raft_status(c->raft, &at);
    if (!queue_is_empty(&c->writes) || at.persisted_index != at.last_index)
        return;
    struct raft_entry last;
    r->keeps_log = r->index + 1 == at.first_index || /* what the log begins behind is committed */
                   (raft_entry_at(c->raft, r->index, &last) && last.term == r->log_term);
    struct log_write write = {0};
    const struct log_config config = {r->index, buf_bytes(&r->config)};
    if (r->keeps_log) {
        write.compact_index = r->index;
        write.compact_term = r->log_term;
    } else {
        write.reset_index = r->index;
        write.reset_term = r->log_term;
        write.configs = &config;
        write.config_count = 1;
    }
    r->step = RECEIVE_CUTTING;
    output_write(c, WRITE_INSTALL, &write);
}

/* What was mailed and not yet applied is not waited for any more; nor what a worker reads back. */
static void restart_delivery(struct consensus *c, raft_index index)
{
    if (c->lagging != NULL && c->lagging->done)
        fetch_free(c->lagging);
    c->lagging = NULL;
    c->mailed_index = c->applied_index = index;
    c->unapplied_bytes = 0;
    c->commit_index = MAX(c->commit_index, index);
}

void snapshot_receive_cut_done(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    CHECK(r->step == RECEIVE_CUTTING);
    if (!r->keeps_log)
        entry_cache_restart(&c->cache, r->index + 1);
    step_quietly(c, &(struct raft_input){.type = RAFT_SNAPSHOT_INSTALLED, .index = r->index,
                                         .term = r->log_term, .config = &r->members.config});
    restart_delivery(c, r->index);
    members_log_install(&c->said, r->index, &r->members);
    learn_members(c, &r->members);
    clock_seen(c, r->log_clock_ms);
    c->config_changed = true;
    c->status_due = true;
    c->again = true;
    r->count++;
    r->refused[0] = '\0';
    log_info("consensus", "a snapshot was installed", "index=%" PRIu64 " term=%" PRIu64
             " log=%s", r->index, r->log_term, r->keeps_log ? "kept" : "anew");
    tell(c, ACK_DONE, r->files.bytes);
    forget(r);
    compact_reclaim(c);
}

/* --- the turn --------------------------------------------------------------------------------- */

void snapshot_receive_turn(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    if (r->step == RECEIVE_IDLE)
        return;
    if (r->step < RECEIVE_INSTALL && c->term > r->term)
        r->is_void = true;
    if (r->job_done)
        job_results(c);
    if (r->job_runs)
        return;
    if (r->is_void && r->step < RECEIVE_INSTALL)
        forget(r);
    if (r->step == RECEIVE_STREAM)
        stream(c);
    if (r->step == RECEIVE_READY)
        hand_over(c);
    if (r->step == RECEIVE_CUT)
        cut(c);
}

void snapshot_receive_close(struct consensus *c)
{
    struct snapshot_receive *r = &c->receive;
    for (uint32_t i = 0; i < r->queued; i++)
        block_unref(r->queue[i].data);
    snapshot_files_clear(&r->files);
    buf_clear(&r->config);
}
