/* backup.c -- see backup.h. Jobs of the worker first, then the turns that submit them. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/panic.h"
#include "kv/state_store.h"
#include "machine/entry.h"

#define BACKUP_CHUNK ((size_t)1 << 20)
#define BACKUP_ID_BIT ((uint64_t)1 << 63) /* its checkpoints are not those of transfers */
#define LOG_WAIT_US (30 * 1000000ull)     /* for a slow disk to hold what is committed */
#define FLUSH_WAIT_US UINT64_C(30000000)

/* --- in the worker ---------------------------------------------------------------------------- */

enum status segment_task_run(struct segment_task *t, struct error *e)
{
    const struct log_range range = {t->next, t->to, SEGMENT_BYTES};
    const enum status status = log_store_read(t->log, &range, &t->block, e);
    if (status == STATUS_NOT_FOUND)
        return fail(e, status, "the log was cut behind entry %" PRIu64 " meanwhile", t->next);
    if (status != STATUS_OK)
        return status;
    segment_begin(&t->writer, t->cluster, t->next);
    for (size_t i = 0; i < t->block.count; i++) {
        const struct log_entry *entry = &t->block.entries[i];
        struct entry_head head;
        if (entry->kind == RAFT_DATA && entry_peek(entry->payload, &head))
            t->clock_ms = MAX(t->clock_ms, head.clock_ms);
        t->term = entry->term;
        segment_add(&t->writer, entry, t->clock_ms);
    }
    t->next += t->block.count;
    return segment_write(&t->writer, t->disk, t->dir, e);
}

void segment_task_clear(struct segment_task *t)
{
    segment_writer_clear(&t->writer);
    log_block_clear(&t->block);
}

static struct backup *of(struct job *job)
{
    return container_of(job, struct backup, job);
}

static void open_work(struct job *job)
{
    struct backup *b = of(job);
    b->status = backup_open(&b->writer, b->admin->path, b->node_dir, &b->error);
    if (b->status == STATUS_OK)
        b->status = backup_log_path(&b->writer, b->log.dir, &b->error);
}

/* What must be copied has to fit, and leave the node its reserve, should both use one disk. */
static enum status check_room(struct backup *b)
{
    uint64_t cost = b->reserve, free_bytes;
    char name[BACKUP_NAME_MAX + 1];
    for (uint32_t i = 0; i < b->files.count; i++) {
        snprintf(name, sizeof(name), "state/%s", b->files.files[i].name);
        cost += backup_cost(&b->writer, name, b->files.files[i].size);
    }
    const enum status status =
        disk_space(b->place.disk, b->writer.part, &free_bytes, &b->error);
    if (status == STATUS_OK && free_bytes < cost)
        return fail(&b->error, STATUS_NO_SPACE, "the disk of the backup has %" PRIu64 " bytes free,"
                    " and %" PRIu64 " are needed, the reserve of this node among them", free_bytes,
                    cost);
    return status;
}

static void checkpoint_work(struct job *job)
{
    struct backup *b = of(job);
    const char *path;
    b->status = state_store_checkpoint(b->place.store, b->id, &path, &b->error);
    if (b->status != STATUS_OK)
        return;
    CHECK(strlen(path) < sizeof(b->path));
    memcpy(b->path, path, strlen(path) + 1);
    b->status = snapshot_look(&b->place, b->path, &b->about, &b->error);
    if (b->status == STATUS_OK)
        b->status = snapshot_list(&b->place, b->path, &b->files, &b->error);
    if (b->status == STATUS_OK && b->about.index == 0)
        b->status = fail(&b->error, STATUS_INVALID, "nothing is committed here yet: there is"
                         " nothing to back up");
    if (b->status == STATUS_OK)
        b->status = check_room(b);
}

static void log_work(struct job *job)
{
    struct backup *b = of(job);
    const raft_index first = b->log.next;
    char name[SEGMENT_NAME_SIZE];
    b->status = segment_task_run(&b->log, &b->error);
    if (b->status != STATUS_OK)
        return;
    segment_name_text(&(struct segment_name){b->log.cluster, first, b->log.next - 1}, name);
    b->status = backup_log_file(&b->writer, name, buf_bytes(&b->log.writer.bytes), &b->error);
}

static enum status begin_file(struct backup *b)
{
    char name[BACKUP_NAME_MAX + 1], from[DISK_PATH_MAX];
    const char *file = b->files.files[b->file].name;
    snprintf(name, sizeof(name), "state/%s", file);
    const enum status status = disk_join(from, b->path, file, &b->error);
    return status == STATUS_OK ? backup_file_begin(&b->writer, name, from, &b->error) : status;
}

static void copy_work(struct job *job)
{
    struct backup *b = of(job);
    bool done = false;
    b->status = b->is_begun ? STATUS_OK : begin_file(b);
    b->is_begun = true;
    if (b->status == STATUS_OK)
        b->status = backup_file_step(&b->writer, BACKUP_CHUNK, &done, &b->error);
    if (b->status == STATUS_OK && done) {
        b->file++;
        b->is_begun = false;
    }
}

/* A checkpoint that cannot be removed goes with the next start. */
static void drop_checkpoint(struct backup *b)
{
    struct error e;
    if (b->id != 0 && state_store_drop_checkpoint(b->place.store, b->id, &e) != STATUS_OK)
        log_warn("consensus", "a checkpoint stays until the next start", "error=\"%s\"", e.text);
}

static void commit_work(struct job *job)
{
    struct backup *b = of(job);
    struct backup_manifest *m = &b->writer.manifest;
    m->index = m->last_index = b->about.index;
    m->term = m->last_term = b->about.term;
    m->clock_ms = m->last_clock_ms = b->about.clock_ms;
    if (b->log.next > b->about.index + 1) {
        m->last_index = b->log.next - 1;
        m->last_term = b->log.term;
        m->last_clock_ms = b->log.clock_ms;
    }
    buf_append_bytes(&m->config, buf_bytes(&b->about.config));
    b->status = backup_commit(&b->writer, &b->error);
    if (b->status == STATUS_OK)
        drop_checkpoint(b);
}

static void abort_work(struct job *job)
{
    struct backup *b = of(job);
    backup_end(&b->writer, false);
    drop_checkpoint(b);
}

static void job_ended(struct job *job)
{
    of(job)->job_done = true;
}

static void submit(struct consensus *c, enum backup_step step, void (*work)(struct job *))
{
    struct backup *b = &c->backup;
    CHECK(!b->job_runs);
    b->step = step;
    b->job = (struct job){work, job_ended};
    b->job_runs = true;
    b->job_done = false;
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &b->job);
}

/* --- its beginning and its end ---------------------------------------------------------------- */

static const char *refusal(const struct consensus *c)
{
    if (c->o.state == NULL || c->o.disk == NULL)
        return "this node has no state on a disk";
    struct raft_status at;
    raft_status(c->raft, &at);
    if (at.state_lost)
        return "the state of this node is gone (RAFT DOCTOR): back up another node";
    if (c->backup.step != BACKUP_IDLE)
        return "a backup is under way on this node already";
    if (c->digests.wrong_index != 0 || c->digests.is_quarantined)
        return "the state of this node is wrong (RAFT DOCTOR): back up another node";
    if (c->stopping)
        return "this node stops";
    return NULL;
}

void backup_admin(struct consensus *c, struct admin *admin)
{
    const char *why = refusal(c);
    if (why != NULL) {
        admin_answer(c, admin, false, why);
        return;
    }
    struct backup *b = &c->backup;
    b->admin = admin;
    b->node_dir = c->o.dir;
    b->reserve = c->o.disk_reserve;
    b->begun_us = b->budget_us = c->now_us;
    b->budget = b->wait_us = b->id = 0;
    b->called_off = NULL;
    b->file = 0;
    b->is_begun = false;
    snapshot_place(c, &b->place);
    b->writer.disk = b->log.disk = c->o.disk;
    b->log.log = c->o.log;
    b->log.cluster = log_identity_name(&c->identity);
    b->writer.manifest.cluster = b->log.cluster;
    b->writer.manifest.node = c->identity.node_id;
    b->writer.manifest.made_ms = c->o.clock.wall_ms(c->o.clock.context);
    memcpy(b->writer.manifest.hash_key, c->identity.hash_key, sizeof(c->identity.hash_key));
    submit(c, BACKUP_OPEN, open_work);
}

static void answer(struct consensus *c, bool ok, const char *text)
{
    struct backup *b = &c->backup;
    log_info("consensus", ok ? "a backup was made" : "a backup was not made", "text=\"%s\"", text);
    admin_answer(c, b->admin, ok, text);
    b->admin = NULL;
    b->step = BACKUP_IDLE;
    snapshot_files_clear(&b->files);
    segment_task_clear(&b->log);
}

static void made(struct consensus *c)
{
    struct backup *b = &c->backup;
    char text[ADMIN_TEXT_MAX];
    const struct backup_manifest *m = &b->writer.manifest;
    b->count++;
    b->last_index = m->last_index;
    snprintf(text, sizeof(text), "OK backup=%06" PRIu64 " index=%" PRIu64 " state=%" PRIu64
             " bytes=%" PRIu64 " shared=%" PRIu64 " ms=%" PRIu64, b->writer.number, m->last_index,
             m->index, b->writer.bytes, b->writer.shared_bytes, (c->now_us - b->begun_us) / 1000);
    backup_end(&b->writer, true);
    answer(c, true, text);
}

static void give_up(struct consensus *c, const char *why)
{
    c->backup.called_off = why;
    submit(c, BACKUP_ABORT, abort_work);
}

/* --- the turn --------------------------------------------------------------------------------- */

/* The log up to what is committed now; a disk that lags behind the cluster is waited for, since the
 * log on it may still hold what was never committed. */
static void begin_log(struct consensus *c)
{
    struct backup *b = &c->backup;
    b->wait_us = c->now_us;
    b->step = BACKUP_LOG;
    b->log.next = b->about.index + 1;
    b->log.to = c->commit_index;
    b->log.clock_ms = b->about.clock_ms;
}

static void log_turn(struct consensus *c)
{
    struct backup *b = &c->backup;
    struct raft_status at;
    if (b->log.next > b->log.to) {
        b->step = BACKUP_COPY;
        return;
    }
    raft_status(c->raft, &at);
    if (at.persisted_index >= b->log.to)
        submit(c, BACKUP_LOG, log_work);
    else if (c->now_us - b->wait_us > LOG_WAIT_US)
        give_up(c, "the disk of this node is too slow: back up another node");
}

static void copy_turn(struct consensus *c)
{
    struct backup *b = &c->backup;
    const uint64_t us = MIN(c->now_us - b->budget_us, 1000000);
    b->budget = MIN(b->budget + us * c->o.backup_rate / 1000000, 4 * BACKUP_CHUNK);
    b->budget_us = c->now_us;
    if (b->file == b->files.count) {
        submit(c, BACKUP_COMMIT, commit_work);
    } else if (b->budget >= BACKUP_CHUNK) {
        b->budget -= BACKUP_CHUNK;
        submit(c, BACKUP_COPY, copy_work);
    }
}

/* The state is to hold what is committed now. */
static void begin_wait(struct consensus *c)
{
    c->backup.wait_us = c->now_us;
    c->backup.flush_to = c->commit_index;
    c->backup.step = BACKUP_WAIT;
}

static void job_results(struct consensus *c)
{
    struct backup *b = &c->backup;
    b->job_runs = b->job_done = false;
    if (b->step == BACKUP_ABORT)
        answer(c, false, b->called_off != NULL ? b->called_off : b->error.text);
    else if (b->status != STATUS_OK)
        give_up(c, b->called_off);
    else if (b->step == BACKUP_COMMIT)
        made(c);
    else if (b->step == BACKUP_CHECKPOINT)
        begin_log(c);
    else if (b->step == BACKUP_OPEN)
        begin_wait(c);
}

static void wait_turn(struct consensus *c)
{
    struct backup *b = &c->backup;
    if (snapshot_is_installing(c))
        return;
    if (!deliver_flush(c, b->flush_to)) {
        if (c->now_us - b->wait_us > FLUSH_WAIT_US)
            give_up(c, "the state of this node cannot be flushed: see its log, or back up another"
                       " node");
        return;
    }
    b->id = BACKUP_ID_BIT | c->boot << 32 | (uint32_t)++b->next_id;
    submit(c, BACKUP_CHECKPOINT, checkpoint_work);
}

void backup_turn(struct consensus *c)
{
    struct backup *b = &c->backup;
    if (b->job_done)
        job_results(c);
    if (b->job_runs || b->step == BACKUP_IDLE)
        return;
    if (c->stopping)
        give_up(c, "this node stops");
    else if (b->called_off != NULL)
        give_up(c, b->called_off);
    else if (b->step == BACKUP_WAIT)
        wait_turn(c);
    else if (b->step == BACKUP_LOG)
        log_turn(c);
    if (b->step == BACKUP_COPY && !b->job_runs)
        copy_turn(c);
}

bool backup_gives_way(struct consensus *c)
{
    struct backup *b = &c->backup;
    if (b->step == BACKUP_IDLE || b->step == BACKUP_WAIT || b->step == BACKUP_OPEN)
        return true; /* it has no checkpoint yet, and waits for the install */
    /* Its next job would be submitted in the turn that takes the result of this one. */
    b->called_off = "this node was too far behind and gets a snapshot: try again";
    return false;
}

raft_index backup_pin(const struct consensus *c)
{
    const enum backup_step step = c->backup.step;
    return step == BACKUP_LOG ? c->backup.about.index : 0;
}

void backup_close(struct consensus *c)
{
    struct backup *b = &c->backup;
    if (b->admin != NULL)
        admin_answer(c, b->admin, false, "this node stops");
    b->admin = NULL;
    backup_end(&b->writer, true); /* an unfinished one goes with the next */
    snapshot_files_clear(&b->files);
    segment_task_clear(&b->log);
    buf_clear(&b->about.config);
}
