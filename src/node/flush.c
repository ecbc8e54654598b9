/* flush.c -- the row cache's changes on their way to the store (ARCHITECTURE §6.1), and the slices
 * of graveyard work.
 *
 *   data loop:   cache_cut at index N --> job          done: cache_clean, MAIL_DURABLE N
 *   worker:                               kv_ingest of the cut's rows, atomic
 *
 * The applied position is a row like any other (put by the keyspace when a cut begins), so the cut
 * carries its own index: what is ingested
 * is exactly the state after N. One flush at a time. */

#include "node/shard_internal.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/panic.h"
#include "keyspace/graveyard.h"
#include "kv/disk.h"
#include "kv/kv.h"
#include "kv/state_store.h"

#define RETRY_US ((uint64_t)1000000) /* after a full disk */
#define PRESSED_US 10000      /* a look at the cache while apply waits for it */
#define PURGE_ROWS 1024       /* of the graveyard in one turn */
#define PURGE_PAUSE_US 1000
#define RANGES_US 1000000     /* dropped ranges, and the memory of their rows, wait no longer */
#define KEPT_SHARE 4          /* this part of disk-reserve stays free of flushes */
#define DIRTY_SHARE 4         /* a flush starts at this part of the cache's size */

/* --- in the worker ---------------------------------------------------------------------------- */

static bool next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

/* A flush that fills the disk would take the log with it. */
static bool has_room(struct flush *f)
{
    const struct shard_options *o = &f->shard->o;
    if (o->disk_reserve == 0)
        return true;
    uint64_t free_bytes;
    if (disk_space(o->disk, o->dir, &free_bytes, &f->error) != STATUS_OK)
        return true; /* the flush itself will tell */
    if (free_bytes >= f->bytes + o->disk_reserve / KEPT_SHARE)
        return true;
    f->status = fail(&f->error, STATUS_NO_SPACE, "%" PRIu64 " bytes are free, the flush may take "
                     "%zu", free_bytes, f->bytes);
    return false;
}

static uint64_t disk_bytes(struct kv *kv)
{
    struct kv_stats stats;
    kv_stats(kv, &stats, NULL);
    return stats.disk_bytes;
}

static void work(struct job *job)
{
    struct flush *f = container_of(job, struct flush, job);
    if (!has_room(f))
        return;
    struct kv_ingest ingest = {.next = next_row, .context = f->cut};
    ingest.ranges = cache_cut_ranges(f->cut, &ingest.range_count);
    f->status = kv_ingest(f->kv, &ingest, &f->error);
    f->state_bytes = disk_bytes(f->kv);
}

/* --- in the data loop ------------------------------------------------------------------------- */

static void done(struct job *job)
{
    struct flush *f = container_of(job, struct flush, job);
    struct shard *s = f->shard;
    struct cache_cut *cut = f->cut;
    const uint64_t now_us = s->o.clock.boot_us(s->o.clock.context);
    f->cut = NULL;
    if (f->status == STATUS_NO_SPACE) { /* nothing was changed: the log holds it all, try later */
        cache_cut_abandon(s->cache, cut);
        s->flush_retry_us = now_us + RETRY_US;
        log_error("flush", "the disk is full, trying again", "error=\"%s\"", f->error.text);
        return;
    }
    if (f->status != STATUS_OK) /* what lies on the disk is known only after a new start (D16) */
        panic("flush of the state failed: %s. Nothing is lost, the log holds it; look after the"
              " disk, then start it again", f->error.text);
    cache_clean(s->cache, cut);
    s->durable_index = f->index;
    s->durable_term = f->term;
    s->durable_due = true;
    s->state_bytes = f->state_bytes;
    s->flushes++;
    s->last_flush_ms = (now_us - f->started_us) / 1000;
}

static void start(struct shard *s)
{
    struct flush *f = &s->flush;
    struct cache_stats stats;
    cache_stats(s->cache, &stats);
    CHECK(f->cut == NULL);
    *f = (struct flush){
        .job = {.work = work, .done = done},
        .shard = s,
        .kv = state_store_kv(s->o.store),
        .cut = cache_cut(s->cache),
        .index = s->applied_index,
        .term = s->applied_term,
        .started_us = s->now_us,
        .bytes = stats.dirty_bytes,
    };
    s->flushed_us = s->now_us;
    s->log_bytes = 0;
    s->flush_wanted = false;
    s->o.workers.submit(s->o.workers.context, WORKER_FLUSH, &f->job);
}

static bool is_dirty(const struct shard *s, struct cache_stats *stats)
{
    cache_stats(s->cache, stats);
    return stats->dirty_rows > 0 || s->applied_index != s->durable_index;
}

/* How long dirty rows wait for company. */
static uint64_t wait_us(const struct shard *s, const struct cache_stats *stats)
{
    const uint64_t interval_us = s->o.flush_interval_ms * 1000;
    return stats->ranges > 0 ? MIN(interval_us, RANGES_US) : interval_us;
}

static bool is_wanted(const struct shard *s, const struct cache_stats *stats)
{
    if (s->applied_index >= s->flush_to && s->durable_index < s->flush_to)
        return true;
    if (s->flush_wanted || cache_is_pressed(s->cache) || s->log_bytes >= s->o.flush_log_bytes)
        return true;
    if (stats->dirty_bytes >= stats->size_bytes / DIRTY_SHARE)
        return true;
    return s->now_us >= s->flushed_us + wait_us(s, stats);
}

static void tell_durable(struct shard *s)
{
    if (!s->durable_due)
        return;
    const struct consensus_mail mail = {
        .kind = MAIL_DURABLE, .index = s->durable_index, .term = s->durable_term,
        .bytes = s->state_bytes};
    s->durable_due = !shard_mail(s, &mail);
}

void flush_open(struct shard *s)
{
    s->flushed_us = s->now_us;
    s->durable_index = s->applied_index;
    s->durable_term = s->applied_term;
    s->durable_due = s->applied_index > 0;
    s->state_bytes = disk_bytes(state_store_kv(s->o.store));
    s->purging = true; /* what an earlier life left */
}

void flush_turn(struct shard *s)
{
    tell_durable(s);
    struct cache_stats stats;
    if (s->flush.cut != NULL || s->now_us < s->flush_retry_us)
        return;
    if (!is_dirty(s, &stats)) {
        s->flush_wanted = false;
        s->flushed_us = s->now_us;
        return;
    }
    if (is_wanted(s, &stats))
        start(s);
}

bool shard_flush(struct shard *s)
{
    struct cache_stats stats;
    if (s->flush.cut == NULL && !is_dirty(s, &stats))
        return true;
    if (s->flush.cut == NULL && s->now_us >= s->flush_retry_us)
        start(s);
    else
        s->flush_wanted = true;
    return s->flush.cut == NULL && !is_dirty(s, &stats); /* the workers may be in place */
}

void graveyard_turn(struct shard *s)
{
    if (!s->purging || cache_is_pressed(s->cache))
        return;
    s->purging = graveyard_purge(s->keyspace, PURGE_ROWS) > 0;
}

uint64_t flush_due_us(const struct shard *s)
{
    uint64_t due_us = NEVER; /* while one runs: its end wakes the loop */
    struct cache_stats stats;
    cache_stats(s->cache, &stats);
    if (s->flush.cut == NULL)
        due_us = MAX(s->flushed_us + wait_us(s, &stats), s->flush_retry_us);
    if (s->durable_due || cache_is_pressed(s->cache))
        due_us = s->now_us + PRESSED_US;
    if (s->purging || cache_has_slices(s->cache))
        due_us = MIN(due_us, s->now_us + PURGE_PAUSE_US);
    return due_us;
}

void flush_abandon(struct shard *s)
{
    if (s->flush.cut != NULL)
        cache_cut_abandon(s->cache, s->flush.cut);
    s->flush.cut = NULL;
}
