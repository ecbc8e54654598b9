/* snapshot_send.c -- the leader's half of a transfer (ARCHITECTURE §3.7 steps 1-3).
 *
 *   IDLE -- a peer is behind the log --> FLUSH --> CHECKPOINT --> STREAM --> DROP --> IDLE
 *                                                  hard links     offer, chunks
 *
 * The flush is for a peer that has a log and no state: its log may begin far behind what this
 * node's store holds, which after a loss of its own may be nothing at all. One transfer at a time;
 * all disk work is the snapshot worker's, one chunk a job, and not more than snapshot-rate bytes a
 * second, evenly: they share loops, disks and cores with clients' writes. Whatever is lost on the
 * way is asked for again by offering anew: the answer says where to go on. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/panic.h"
#include "kv/state_store.h"

#define SNAPSHOT_WINDOW RECEIVE_QUEUE_MAX /* chunks sent and not yet written there */
#define BURST_US 10000   /* what was not sent in the last of these is not made up for */
#define HURRY_MAX 10     /* 2^this times snapshot-rate */
#define OFFER_AGAIN 5    /* election timeouts without progress */
#define GIVE_UP 50       /* election timeouts without a word */
#define PINNED_LOGS 8    /* times log-keep, or as much as is sent: so long the log may be pinned */
#define REFUSED_MAX 5    /* a peer that refuses waits 2, 4 ... 2^this election timeouts */
#define LINGER 30        /* election timeouts that the peer has to go on behind the snapshot */

/* --- in the worker ---------------------------------------------------------------------------- */

static void checkpoint_work(struct job *job)
{
    struct snapshot_send *s = container_of(job, struct snapshot_send, job);
    const char *path;
    s->status = state_store_checkpoint(s->place.store, s->id, &path, &s->error);
    if (s->status != STATUS_OK)
        return;
    CHECK(strlen(path) < sizeof(s->path));
    memcpy(s->path, path, strlen(path) + 1);
    s->status = snapshot_look(&s->place, s->path, &s->about, &s->error);
    struct error e;
    if (s->status == STATUS_CORRUPT && !s->is_lone) { /* the files are the state's */
        const enum status noted = state_store_set_damaged(s->place.store, s->error.text, &e);
        (void)noted; /* the next start may find it itself */
    }
    if (s->status == STATUS_OK)
        s->status = snapshot_list(&s->place, s->path, &s->files, &s->error);
}

static void read_work(struct job *job)
{
    struct snapshot_send *s = container_of(job, struct snapshot_send, job);
    const struct snapshot_file *file = snapshot_file_at(&s->files, s->position);
    const uint64_t offset = s->position - file->begin;
    const size_t size = (size_t)MIN(file->size - offset, s->chunk_max);
    char path[DISK_PATH_MAX];
    buf_reset(&s->chunk);
    s->status = disk_join(path, s->path, file->name, &s->error);
    if (s->status == STATUS_OK)
        s->status = disk_read(s->place.disk, path, (struct disk_span){offset, size}, &s->chunk,
                              &s->error);
    if (s->status == STATUS_OK && s->chunk.size != size)
        s->status = fail(&s->error, STATUS_IO, "%.100s is shorter than it was", file->name);
}

static void drop_work(struct job *job)
{
    struct snapshot_send *s = container_of(job, struct snapshot_send, job);
    s->status = state_store_drop_checkpoint(s->place.store, s->id, &s->error);
}

static void job_ended(struct job *job)
{
    container_of(job, struct snapshot_send, job)->job_done = true;
}

static void submit(struct consensus *c, void (*work)(struct job *))
{
    struct snapshot_send *s = &c->send;
    CHECK(!s->job_runs);
    s->job = (struct job){work, job_ended};
    s->job_runs = true;
    s->job_done = false;
    c->o.workers.submit(c->o.workers.context, WORKER_SNAPSHOT, &s->job);
}

/* --- its beginning and its end ---------------------------------------------------------------- */

static void tell_core(struct consensus *c, raft_node node, bool ok)
{
    step_quietly(c, &(struct raft_input){.type = RAFT_SNAPSHOT_ENDED, .node = node, .ok = ok});
}

/* The peer that is served next; those that cannot be reached, or are silent (an emptied node takes
 * connections, too), are asked about again later. */
static struct peer *next_peer(struct consensus *c)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &c->peers[i];
        if (p->node == 0 || !p->snapshot_wanted)
            continue;
        const bool is_there = p->up[CHANNEL_DATA] && c->now_us - p->heard_us < 2 * election_us(c);
        const bool possible = is_there && is_leader(c) && c->commit_index > 0 &&
                              c->digests.wrong_index == 0 && c->o.state != NULL &&
                              c->now_us >= p->snapshot_after_us;
        if (possible && !snapshot_is_installing(c))
            return p;
        p->snapshot_wanted = false;
        tell_core(c, p->node, false);
    }
    return NULL;
}

static void start(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    struct peer *p = next_peer(c);
    if (p == NULL)
        return;
    p->snapshot_wanted = false;
    s->to = p->node;
    s->begun_us = c->now_us;
    s->term = c->term;
    s->id = c->boot << 32 | ++s->next_id;
    s->acked = s->sent = s->pin = 0;
    s->heard_us = s->moved_us = c->now_us;
    s->offered_us = 0;
    s->ended = false;
    s->is_lone = c->config.incoming.count <= 1; /* nobody else has what it has */
    s->log_bytes = c->compaction.log_bytes;
    s->chunk_max = c->o.snapshot_chunk_bytes;
    s->flush_to = c->commit_index;
    s->step = SEND_FLUSH;
}

static bool pins_too_much(const struct consensus *c, const struct raft_status *at)
{
    const struct snapshot_send *s = &c->send;
    const uint64_t appended = c->compaction.log_bytes - s->log_bytes;
    return appended > MAX(PINNED_LOGS * c->o.log_keep_bytes, s->files.bytes) ||
           at->last_index - at->first_index > LOG_ENTRIES_MAX / 2;
}

/* A peer without room, or whom we send what is damaged, is not worth a checkpoint every moment. */
static void note_refusal(struct consensus *c, bool ok)
{
    const struct snapshot_send *s = &c->send;
    struct peer *p = peer_find(c, s->to);
    if (p == NULL || (!ok && !s->ended))
        return;
    p->snapshots_refused = ok ? 0 : MIN(p->snapshots_refused + 1, REFUSED_MAX);
    p->snapshot_after_us = ok ? 0 : c->now_us + (election_us(c) << p->snapshots_refused);
}

static void end(struct consensus *c, bool ok)
{
    struct snapshot_send *s = &c->send;
    CHECK(!s->job_runs);
    struct raft_status at;
    raft_status(c->raft, &at);
    s->hurry = ok ? 0 : MIN(s->hurry + pins_too_much(c, &at), HURRY_MAX);
    if (is_leader(c) && c->term == s->term)
        tell_core(c, s->to, ok);
    note_refusal(c, ok);
    s->count += ok;
    s->pin = ok ? s->about.index : 0;
    s->pin_until_us = c->now_us + LINGER * election_us(c);
    log_info("consensus", ok ? "a snapshot was sent" : "a snapshot was not taken",
             "node=%" PRIu64 " index=%" PRIu64 " bytes=%" PRIu64 " acknowledged=%" PRIu64, s->to,
             s->about.index, s->files.bytes, s->acked);
    c->compaction.due = true;
    s->step = SEND_DROP;
    submit(c, drop_work);
}

/* After the transfer the pin follows the peer as long as it moves: what was written meanwhile may
 * be more than log-keep, and the next transfer would end no better. */
raft_index snapshot_send_pin(struct consensus *c, const struct raft_status *at)
{
    struct snapshot_send *s = &c->send;
    if (s->step == SEND_STREAM)
        return s->about.index;
    if (s->pin == 0)
        return 0;
    if (!is_leader(c) || c->term != s->term || c->now_us > s->pin_until_us ||
        pins_too_much(c, at)) {
        s->pin = 0;
        return 0;
    }
    for (size_t i = 0; i < at->peer_count; i++) {
        if (at->peers[i].node != s->to || at->peers[i].match_index <= s->pin)
            continue;
        s->pin = at->peers[i].match_index;
        s->pin_until_us = c->now_us + LINGER * election_us(c);
    }
    return s->pin;
}

/* --- the stream ------------------------------------------------------------------------------- */

static void offer(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    struct buf files = {0};
    snapshot_files_encode(&s->files, &files);
    const struct wire_snapshot_offer o = {
        .term = s->term, .id = s->id, .index = s->about.index, .log_term = s->about.term,
        .config = buf_bytes(&s->about.config), .files = buf_bytes(&files),
    };
    buf_reset(&c->out);
    wire_encode_snapshot_offer(&c->out, &o);
    buf_clear(&files);
    const struct bytes frame = buf_bytes(&c->out);
    peers_send_frame(c, s->to, CHANNEL_DATA, &frame, 1);
    s->offered_us = c->now_us;
}

static void send_chunk(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    const struct bytes data = buf_bytes(&s->chunk);
    if (s->position != s->sent)
        return; /* it was told to go on elsewhere while this was read */
    const struct wire_snapshot_chunk chunk = {
        .id = s->id, .position = s->position, .crc = crc32c(0, data)};
    buf_reset(&c->out);
    wire_encode_snapshot_chunk(&c->out, &chunk);
    const struct bytes parts[] = {buf_bytes(&c->out), data};
    peers_send_frame(c, s->to, CHANNEL_DATA, parts, ARRAY_COUNT(parts));
    s->sent += data.size;
}

/* Each transfer that could not keep up with what is written is followed by one twice as fast, or
 * there might never be an end. */
static uint64_t rate(const struct consensus *c)
{
    const uint64_t set = atomic_load_explicit(&c->snapshot_rate, memory_order_relaxed);
    return MIN(set, UINT64_MAX >> (HURRY_MAX + 20)) << c->send.hurry;
}

static void fill_budget(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    const uint64_t us = MIN(c->now_us - MIN(c->now_us, s->budget_us), 1000000);
    const uint64_t most = s->chunk_max + rate(c) / (1000000 / BURST_US);
    s->budget = MIN(s->budget + us * rate(c) / 1000000, most);
    s->budget_us = c->now_us;
}

/* Whether the transfer makes no sense any more. */
static bool is_lost(const struct consensus *c)
{
    const struct snapshot_send *s = &c->send;
    struct raft_status at;
    raft_status(c->raft, &at);
    return !is_leader(c) || c->term != s->term || c->stopping ||
           peer_find((struct consensus *)c, s->to) == NULL ||
           c->now_us - s->heard_us > GIVE_UP * election_us(c) || pins_too_much(c, &at);
}

static void flush(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    if (is_lost(c)) {
        if (is_leader(c) && c->term == s->term)
            tell_core(c, s->to, false);
        s->step = SEND_IDLE;
    } else if (deliver_flush(c, s->flush_to)) {
        s->step = SEND_CHECKPOINT;
        snapshot_place(c, &s->place);
        submit(c, checkpoint_work);
    }
}

static void stream(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    if (is_lost(c)) {
        end(c, false);
        return;
    }
    const uint64_t still_us = c->now_us - MAX(s->moved_us, s->offered_us);
    if (s->offered_us == 0 || still_us > OFFER_AGAIN * election_us(c))
        offer(c);
    fill_budget(c);
    const uint64_t window = (uint64_t)SNAPSHOT_WINDOW * s->chunk_max;
    const bool has_room = s->sent - s->acked < window && s->budget >= s->chunk_max;
    if (s->moved_us > 0 && has_room && s->sent < s->files.bytes) {
        s->position = s->sent;
        s->budget -= s->chunk_max;
        submit(c, read_work);
    }
}

void snapshot_send_ack(struct consensus *c, raft_node from, const struct wire_snapshot_ack *ack)
{
    struct snapshot_send *s = &c->send;
    if (s->step != SEND_STREAM || from != s->to || ack->id != s->id ||
        ack->position > s->files.bytes)
        return;
    s->heard_us = c->now_us;
    if (ack->state == ACK_DONE || ack->state == ACK_REFUSED) {
        s->ended = true;
        s->ended_ok = ack->state == ACK_DONE;
        return;
    }
    if (ack->state == ACK_FROM) {
        s->sent = s->acked = ack->position;
        s->moved_us = c->now_us;
    } else if (ack->position > s->acked && ack->position <= s->sent) {
        s->acked = ack->position;
        s->moved_us = c->now_us;
    }
}

void snapshot_send_up(struct consensus *c, raft_node node)
{
    if (c->send.step == SEND_STREAM && c->send.to == node)
        c->send.offered_us = 0;
}

/* --- the turn --------------------------------------------------------------------------------- */

static void checkpoint_ended(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    if (s->status == STATUS_CORRUPT && !s->is_lone)
        panic("the state is damaged: %s. Start this node again: it makes its state anew from its"
              " log or from another member", s->error.text);
    if (s->status != STATUS_OK) {
        log_error("consensus", "cannot make a checkpoint", "error=\"%s\"", s->error.text);
        s->ended = true; /* not at once again */
        end(c, false);
        return;
    }
    CHECK(s->about.index >= s->flush_to);
    s->step = SEND_STREAM;
    s->ended = false;
    s->moved_us = 0; /* nothing is sent before the offer was answered */
    s->heard_us = s->budget_us = c->now_us;
    log_info("consensus", "sending a snapshot", "node=%" PRIu64 " index=%" PRIu64 " files=%u "
             "bytes=%" PRIu64, s->to, s->about.index, s->files.count, s->files.bytes);
}

static void job_results(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    s->job_runs = s->job_done = false;
    switch (s->step) {
    case SEND_IDLE:
    case SEND_FLUSH: /* no job of theirs */
        return;
    case SEND_CHECKPOINT:
        checkpoint_ended(c);
        return;
    case SEND_STREAM:
        if (s->status == STATUS_OK) {
            send_chunk(c);
            return;
        }
        log_error("consensus", "cannot read a checkpoint", "error=\"%s\"", s->error.text);
        end(c, false);
        return;
    case SEND_DROP: /* if that failed, the next start sweeps it away */
        s->step = SEND_IDLE;
        snapshot_files_clear(&s->files);
        buf_clear(&s->chunk);
        return;
    }
}

void snapshot_send_turn(struct consensus *c)
{
    struct snapshot_send *s = &c->send;
    if (s->job_done)
        job_results(c);
    if (s->job_runs)
        return;
    if (s->step == SEND_STREAM && s->ended)
        end(c, s->ended_ok);
    else if (s->step == SEND_STREAM)
        stream(c);
    else if (s->step == SEND_IDLE)
        start(c);
    if (s->step == SEND_FLUSH)
        flush(c);
}

void snapshot_send_close(struct consensus *c)
{
    snapshot_files_clear(&c->send.files);
    buf_clear(&c->send.about.config);
    buf_clear(&c->send.chunk);
}
