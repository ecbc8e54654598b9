/* deliver.c -- committed entries and the status, to the shard.
 *
 *   log     ... applied ........... mailed ........ committed
 *                  \ at most UNAPPLIED_MAX /   \ in the cache, or read back by the worker
 *
 * Only the index up to which entries were mailed is kept: however far the shard lags behind, it
 * costs no memory here, and what is in its mailbox is bounded by count and by bytes. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/mailbox.h"
#include "base/panic.h"

#define UNAPPLIED_BYTES_MAX ((size_t)64 << 20)
#define LAG_ENTRIES 1024 /* read at once for a lagging shard */
#define LAG_BYTES ((size_t)4 << 20)
#define QUIET_ENTRIES 16 /* that a shard which nobody waits for is given at once, */
#define QUIET_ENTRY_BYTES ((uint32_t)64 << 10) /* unless one is as large as this */

void deliver_applied(struct consensus *c, raft_index index)
{
    for (; c->applied_index < index && c->applied_index < c->mailed_index; c->applied_index++)
        c->unapplied_bytes -= c->mailed_sizes[(c->applied_index + 1) % UNAPPLIED_MAX];
}

/* How many more entries the shard may be given now. */
static size_t room_for_entries(const struct consensus *c)
{
    const size_t room = mailbox_room(c->o.outbox);
    const size_t unapplied = c->mailed_index - c->applied_index;
    CHECK(unapplied <= UNAPPLIED_MAX);
    if (c->unapplied_bytes > UNAPPLIED_BYTES_MAX || room <= MAIL_ROOM_KEPT)
        return 0;
    return MIN(room - MAIL_ROOM_KEPT, UNAPPLIED_MAX - unapplied);
}

/* Whether the state on disk has come to index, which is committed, or else asks. */
bool deliver_flush(struct consensus *c, raft_index index)
{
    CHECK(index <= c->commit_index);
    if (c->durable_applied >= index)
        return true;
    const struct shard_mail m = {.kind = MAIL_FLUSH, .index = index};
    if (c->flush_asked < index && mailbox_send(c->o.outbox, &m))
        c->flush_asked = index;
    return false;
}

/* A shard that nobody waits for dozes: woken for every entry, it would take its time just when the
 * next one is on the way to the disk. It is given some at once, at the latest after a tick. */
static bool send_entry(struct consensus *c, const struct shard_mail *m, uint32_t size)
{
    const bool is_quiet = m->entry_kind == RAFT_DATA && m->index % QUIET_ENTRIES != 0 &&
                          size < QUIET_ENTRY_BYTES;
    return is_quiet ? mailbox_offer(c->o.outbox, m) : mailbox_send(c->o.outbox, m);
}

/* The block's reference goes with it. */
static void mail_entry(struct consensus *c, const struct cached_entry *entry)
{
    const struct shard_mail m = {
        .kind = MAIL_COMMITTED,
        .index = c->mailed_index + 1,
        .term = entry->term,
        .entry_kind = entry->kind,
        .block = entry->block,
        .commit_index = c->commit_index,
    };
    const uint32_t size = entry->block == NULL ? 0 : entry->block->size; /* while it is ours */
    const bool sent = send_entry(c, &m, size);
    CHECK(sent); /* room was looked at, and only this thread sends there */
    c->mailed_index++;
    c->mailed_sizes[c->mailed_index % UNAPPLIED_MAX] = size;
    c->unapplied_bytes += size;
}

/* Entries that a worker has read back; false when more of them are to come, or to be mailed. */
static bool mail_fetched(struct consensus *c)
{
    struct fetch *f = c->lagging;
    if (f == NULL)
        return true;
    if (!f->done)
        return false;
    if (f->status != STATUS_OK)
        panic("cannot read log entry %" PRIu64 " back: %s", f->range.from, f->error.text);
    for (; f->position < f->block.count && room_for_entries(c) > 0; f->position++) {
        const struct log_entry *read = &f->block.entries[f->position];
        CHECK(f->block.first + f->position == c->mailed_index + 1);
        struct raft_entry known;
        if (raft_entry_at(c->raft, c->mailed_index + 1, &known))
            CHECK(known.term == read->term);
        const struct cached_entry entry = {
            .block = read->payload.size == 0 ? NULL : block_new(read->payload),
            .term = read->term,
            .kind = read->kind,
        };
        mail_entry(c, &entry);
    }
    if (f->position < f->block.count)
        return false;
    c->lagging = NULL;
    fetch_free(f);
    return true;
}

static void mail_committed(struct consensus *c)
{
    if (snapshot_is_installing(c))
        return;
    while (mail_fetched(c) && c->mailed_index < c->commit_index && room_for_entries(c) > 0) {
        const raft_index next = c->mailed_index + 1;
        const struct cached_entry *found = entry_cache_get(&c->cache, next);
        if (found == NULL) {
            /* What the cache holds may not be on disk yet, and something older in its place. */
            const raft_index on_disk = MIN(c->commit_index, c->cache.first - 1);
            const raft_index to = MIN(on_disk, next + LAG_ENTRIES - 1);
            c->lagging = fetch_start(c, 0, &(struct log_range){next, to, LAG_BYTES});
            continue;
        }
        struct cached_entry entry = *found;
        if (entry.block != NULL)
            block_ref(entry.block);
        mail_entry(c, &entry);
    }
}

static void mail_status(struct consensus *c)
{
    if (!c->status_due)
        return;
    const struct shard_mail m = {
        .kind = MAIL_STATUS,
        .role = (uint8_t)c->role,
        .term = c->term,
        .leader = c->leader,
        .commit_index = c->commit_index,
        .voters = c->config.incoming.count,
        .space = (uint8_t)c->space.level,
        .space_own = (uint8_t)c->space.own,
        .service = c->is_removed                ? SERVICE_REMOVED
                   : c->digests.is_quarantined ? SERVICE_QUARANTINED
                                               : SERVICE_FULL,
    };
    c->status_due = !mailbox_send(c->o.outbox, &m);
}

/* Up to here the entries are on the disk, the shard has them, and so has each member that we send
 * them to. */
static raft_index settled_index(const struct consensus *c, const struct raft_status *status)
{
    raft_index settled = MIN(status->persisted_index, c->mailed_index);
    if (status->role != RAFT_LEADER)
        return settled;
    for (size_t i = 0; i < status->peer_count; i++)
        settled = MIN(settled, status->peers[i].match_index);
    return settled;
}

/* The bounds are for times when a member lags or a disk is slow; else memory is not spent on what
 * nobody is going to ask for. */
static void trim_cache(struct consensus *c)
{
    if (!c->ticked && !entry_cache_is_over(&c->cache))
        return;
    struct raft_status status;
    raft_status(c->raft, &status);
    entry_cache_trim(&c->cache, status.persisted_index);
    entry_cache_retire(&c->cache, settled_index(c, &status));
}

void deliver_turn(struct consensus *c)
{
    mail_committed(c);
    mail_status(c);
    relay_turn(c);
    if (c->ticked)
        mailbox_wake(c->o.outbox);
    trim_cache(c);
}
