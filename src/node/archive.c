/* archive.c -- see archive.h. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/panic.h"

#define ARCHIVE_PINS 8
#define RETRY_US 1000000ull
#define WARN_AGAIN_US (60 * 1000000ull)

/* --- in the worker ---------------------------------------------------------------------------- */

static struct archive *of(struct job *job)
{
    return container_of(job, struct archive, job);
}

/* Of the entries that the log has no more, first .. last are in no segment. */
static void note_gap(struct archive *a, raft_index first, raft_index last)
{
    if (first > MIN(last, a->base))
        return;
    a->gaps++;
    a->gap_first = first;
    a->gap_last = MIN(last, a->base);
}

/* How far the segments that are there reach from the log's beginning without a gap, and what gaps
 * earlier lives left before it. What lies before the first segment was never archived. */
static void look_at_names(struct archive *a, const struct segment_names *list)
{
    raft_index covered = list->count > 0 ? list->names[0].first - 1 : a->base;
    a->archived = a->base;
    for (size_t i = 0; i < list->count; i++) {
        const struct segment_name *name = &list->names[i];
        note_gap(a, covered + 1, name->first - 1);
        covered = MAX(covered, name->last);
        if (name->first <= a->archived + 1)
            a->archived = MAX(a->archived, name->last);
    }
    note_gap(a, covered + 1, a->base);
}

static void look_work(struct job *job)
{
    struct archive *a = of(job);
    struct segment_names list = {0};
    a->status = disk_make_dir(a->task.disk, a->dir, &a->error);
    if (a->status == STATUS_OK)
        a->status = disk_make_dir(a->task.disk, a->task.dir, &a->error);
    if (a->status == STATUS_OK)
        a->status = segment_list(a->task.disk, a->task.dir, a->task.cluster, &list, &a->error);
    if (a->status == STATUS_OK)
        look_at_names(a, &list);
    segment_names_clear(&list);
}

static void write_work(struct job *job)
{
    of(job)->status = segment_task_run(&of(job)->task, &of(job)->error);
}

static void job_ended(struct job *job)
{
    of(job)->job_done = true;
}

static void submit(struct consensus *c, void (*work)(struct job *))
{
    struct archive *a = &c->archive;
    CHECK(!a->job_runs);
    a->job = (struct job){work, job_ended};
    a->job_runs = true;
    a->job_done = false;
    a->taken_bytes = c->compaction.log_bytes;
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &a->job);
}

/* --- in the loop ------------------------------------------------------------------------------ */

static bool is_on(const struct consensus *c)
{
    return c->o.archive_dir != NULL && *c->o.archive_dir != '\0';
}

static void tell_gap(const struct consensus *c)
{
    log_error("consensus", "the archive has a gap: make a backup", "first=%" PRIu64 " last=%" PRIu64
              " dir=%s", c->archive.gap_first, c->archive.gap_last, c->archive.task.dir);
}

static void failed(struct consensus *c)
{
    struct archive *a = &c->archive;
    a->due_us = c->now_us + RETRY_US;
    if (a->failing_us == 0)
        a->failing_us = c->now_us;
    if (a->warned_us != 0 && c->now_us - a->warned_us < WARN_AGAIN_US)
        return;
    a->warned_us = c->now_us;
    log_error("consensus", "cannot archive the log", "error=\"%s\" archived=%" PRIu64 " dir=%s",
              a->error.text, a->archived, c->o.archive_dir);
}

static void job_results(struct consensus *c)
{
    struct archive *a = &c->archive;
    a->job_runs = a->job_done = false;
    if (a->status != STATUS_OK) {
        failed(c);
        return;
    }
    a->failing_us = a->warned_us = 0;
    if (!a->is_known) {
        a->is_known = true;
        if (a->gaps > 0)
            tell_gap(c);
        return;
    }
    a->segments++;
    a->archived = a->task.next - 1;
    const bool is_all = a->task.next > a->task.to;
    if (is_all)
        a->log_bytes = a->taken_bytes;
    a->due_us = is_all ? c->now_us + c->o.archive_interval_ms * 1000 : c->now_us;
}

static void look(struct consensus *c, const struct raft_status *at)
{
    struct archive *a = &c->archive;
    char name[40];
    snprintf(name, sizeof(name), "node-%" PRIu64, c->identity.node_id);
    if (disk_join(a->task.dir, c->o.archive_dir, name, &a->error) != STATUS_OK) {
        failed(c);
        return;
    }
    a->dir = c->o.archive_dir;
    a->task.disk = c->o.disk;
    a->task.log = c->o.log;
    a->task.cluster = log_identity_name(&c->identity);
    a->base = at->first_index - 1;
    submit(c, look_work);
}

/* What this node's disk does not hold yet may be something older there (compact.c). */
static void archive_more(struct consensus *c, const struct raft_status *at)
{
    struct archive *a = &c->archive;
    const raft_index to = MIN(at->commit_index, at->persisted_index);
    if (at->first_index > a->archived + 1) {
        a->base = at->first_index - 1;
        note_gap(a, a->archived + 1, a->base);
        tell_gap(c);
        a->archived = a->base;
    }
    if (to <= a->archived)
        return;
    a->task.next = a->archived + 1;
    a->task.to = to;
    submit(c, write_work);
}

void archive_tick(struct consensus *c)
{
    struct archive *a = &c->archive;
    if (!is_on(c))
        return;
    if (a->job_done)
        job_results(c);
    if (a->job_runs || snapshot_is_installing(c))
        return;
    const bool is_much = c->compaction.log_bytes - a->log_bytes >= SEGMENT_BYTES;
    if (c->now_us < a->due_us && (!is_much || a->failing_us != 0))
        return;
    struct raft_status at;
    raft_status(c->raft, &at);
    if (a->is_known)
        archive_more(c, &at);
    else
        look(c, &at);
}

raft_index archive_limit(struct consensus *c, const struct raft_status *at)
{
    const struct archive *a = &c->archive;
    const uint64_t behind = c->compaction.log_bytes - a->log_bytes;
    if (!is_on(c))
        return UINT64_MAX;
    if (behind > MAX(ARCHIVE_PINS * c->o.log_keep_bytes, 4 * SEGMENT_BYTES) ||
        at->last_index - at->first_index > LOG_ENTRIES_MAX / 2)
        return UINT64_MAX; /* the next archive_more() counts the gap */
    return a->is_known ? a->archived : 0;
}

void archive_close(struct consensus *c)
{
    segment_task_clear(&c->archive.task);
}
