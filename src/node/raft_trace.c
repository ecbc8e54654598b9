#include "node/raft_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/crc32c.h"
#include "base/encode.h"
#include "base/panic.h"

enum record { RECORD_OPEN = 1, RECORD_INPUT, RECORD_FLUSH };

/* --- out -------------------------------------------------------------------------------------- */

static size_t begin(struct buf *to, enum record kind)
{
    const size_t at = to->size;
    buf_append_le32(to, 0);
    buf_append_u8(to, (uint8_t)kind);
    return at;
}

static void end(struct buf *to, size_t at)
{
    put_le32(buf_data(to) + at, (uint32_t)(to->size - at - 4));
}

static void put_set(struct buf *to, const struct raft_set *set)
{
    buf_append_u8(to, set->count);
    for (size_t i = 0; i < set->count; i++)
        buf_append_le64(to, set->node[i]);
}

static void put_config(struct buf *to, const struct raft_config *config)
{
    buf_append_u8(to, config != NULL);
    if (config == NULL)
        return;
    put_set(to, &config->incoming);
    put_set(to, &config->outgoing);
    put_set(to, &config->learners);
}

static void put_hard_state(struct buf *to, const struct raft_hard_state *hard)
{
    buf_append_le64(to, hard->current_term);
    buf_append_le64(to, hard->voted_for);
    buf_append_le32(to, hard->promise_ms);
}

static void put_message(struct buf *to, const struct raft_message *m)
{
    buf_append_u8(to, (uint8_t)m->type);
    buf_append_u8(to, (uint8_t)(m->reject | m->transfer << 1 | m->want_snapshot << 2));
    buf_append_le64(to, m->from);
    buf_append_le64(to, m->to);
    buf_append_le64(to, m->term);
    buf_append_le64(to, m->index);
    buf_append_le64(to, m->log_term);
    buf_append_le64(to, m->commit_index);
    buf_append_le64(to, m->round);
    buf_append_le32(to, m->lease_ms);
    buf_append_le64(to, m->after_write);
    buf_append_le32(to, m->entry_count);
    buf_append_u8(to, m->entries != NULL);
    for (uint32_t i = 0; m->entries != NULL && i < m->entry_count; i++) {
        buf_append_le64(to, m->entries[i].term);
        buf_append_le32(to, m->entries[i].size);
        buf_append_u8(to, m->entries[i].kind);
    }
    put_config(to, m->config);
}

static void put_options(struct buf *to, const struct raft_options *o)
{
    buf_append_le64(to, o->self);
    buf_append_le64(to, o->seed);
    const uint32_t numbers[] = {o->election_ticks, o->heartbeat_ticks, o->append_bytes_max,
                                o->inflight_bytes_max, o->log_entries_max, o->tick_ms, o->lease_ms};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        buf_append_le32(to, numbers[i]);
}

static void put_trail(struct buf *to, const struct trail *t)
{
    buf_append_le64(to, t->base_index);
    buf_append_le64(to, t->base_term);
    buf_append_le64(to, t->last_index);
    buf_append_le32(to, t->run_count);
    for (uint32_t i = 0; i < t->run_count; i++) {
        buf_append_le64(to, t->runs[i].first);
        buf_append_le64(to, t->runs[i].term);
    }
}

void raft_trace_open(struct buf *to, const struct raft_options *options,
                     const struct raft_saved *saved)
{
    const size_t at = begin(to, RECORD_OPEN);
    put_options(to, options);
    put_hard_state(to, &saved->hard_state);
    buf_append_le32(to, (uint32_t)saved->config_count);
    for (size_t i = 0; i < saved->config_count; i++) {
        buf_append_le64(to, saved->configs[i].index);
        put_config(to, &saved->configs[i].config);
    }
    put_trail(to, saved->trail);
    buf_append_u8(to, saved->sizes != NULL);
    const uint64_t entries = saved->trail->last_index - saved->trail->base_index;
    for (uint64_t i = 0; saved->sizes != NULL && i < entries; i++)
        buf_append_le32(to, saved->sizes[i]);
    buf_append_le64(to, saved->commit_index);
    buf_append_u8(to, saved->state_lost);
    end(to, at);
}

void raft_trace_input(struct buf *to, const struct raft_input *input, enum status status,
                      raft_index first)
{
    const size_t at = begin(to, RECORD_INPUT);
    buf_append_u8(to, (uint8_t)status);
    buf_append_le64(to, first);
    buf_append_u8(to, (uint8_t)input->type);
    buf_append_u8(to, input->kind);
    buf_append_u8(to, input->ok);
    buf_append_le32(to, input->size);
    buf_append_le64(to, input->index);
    buf_append_le64(to, input->term);
    buf_append_le64(to, input->node);
    buf_append_le64(to, input->read_id);
    buf_append_le64(to, input->write_id);
    put_config(to, input->config);
    if (input->type == RAFT_RECEIVE)
        put_message(to, input->message);
    end(to, at);
}

/* Everything of an output, so that a CRC of it is one of all. */
static void put_output(struct buf *to, const struct raft_output *out)
{
    const struct raft_write *w = &out->write;
    const uint64_t numbers[] = {w->id, w->hard_state_changed, w->truncate_from, w->append_first,
                                w->append_last, w->config_index, out->apply_first, out->apply_last,
                                out->round, out->lease_round, out->role_changed, out->role,
                                out->term, out->leader, out->message_count, out->read_count};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        buf_append_le64(to, numbers[i]);
    put_hard_state(to, &w->hard_state);
    put_config(to, w->config_index == 0 ? NULL : w->config);
    put_set(to, &out->snapshot_to);
    for (size_t i = 0; i < out->message_count; i++)
        put_message(to, &out->messages[i]);
    for (size_t i = 0; i < out->read_count; i++) {
        buf_append_le64(to, out->reads[i].id);
        buf_append_le64(to, out->reads[i].index);
        buf_append_u8(to, out->reads[i].ok);
    }
}

static uint32_t crc_of(struct buf *scratch, const struct raft_output *out)
{
    buf_reset(scratch);
    put_output(scratch, out);
    return crc32c(0, buf_bytes(scratch));
}

void raft_trace_flush(struct buf *to, const struct raft_output *output)
{
    struct buf scratch = {0};
    const uint32_t crc = crc_of(&scratch, output);
    buf_clear(&scratch);
    const size_t at = begin(to, RECORD_FLUSH);
    buf_append_le32(to, crc);
    end(to, at);
}

/* --- in --------------------------------------------------------------------------------------- */

static void take_set(struct reader *r, struct raft_set *set)
{
    set->count = reader_u8(r);
    r->failed = r->failed || set->count > RAFT_NODES_MAX;
    for (size_t i = 0; !r->failed && i < set->count; i++)
        set->node[i] = reader_le64(r);
}

/* NULL: none is there. */
static const struct raft_config *take_config(struct reader *r, struct raft_config *config)
{
    if (reader_u8(r) == 0)
        return NULL;
    take_set(r, &config->incoming);
    take_set(r, &config->outgoing);
    take_set(r, &config->learners);
    return config;
}

static void take_hard_state(struct reader *r, struct raft_hard_state *hard)
{
    hard->current_term = reader_le64(r);
    hard->voted_for = reader_le64(r);
    hard->promise_ms = reader_le32(r);
}

struct received {
    struct raft_message message;
    struct raft_config config;
    struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
};

static void take_message(struct reader *r, struct received *to)
{
    struct raft_message *m = &to->message;
    m->type = (enum raft_message_type)reader_u8(r);
    const uint8_t flags = reader_u8(r);
    m->reject = flags & 1;
    m->transfer = flags >> 1 & 1;
    m->want_snapshot = flags >> 2 & 1;
    m->from = reader_le64(r);
    m->to = reader_le64(r);
    m->term = reader_le64(r);
    m->index = reader_le64(r);
    m->log_term = reader_le64(r);
    m->commit_index = reader_le64(r);
    m->round = reader_le64(r);
    m->lease_ms = reader_le32(r);
    m->after_write = reader_le64(r);
    m->entry_count = reader_le32(r);
    if (reader_u8(r) != 0) {
        m->entries = to->entries;
        r->failed = r->failed || m->entry_count > RAFT_APPEND_ENTRIES_MAX;
        for (uint32_t i = 0; !r->failed && i < m->entry_count; i++) {
            to->entries[i].term = reader_le64(r);
            to->entries[i].size = reader_le32(r);
            to->entries[i].kind = reader_u8(r);
        }
    }
    m->config = take_config(r, &to->config);
}

static void take_options(struct reader *r, struct raft_options *o)
{
    o->self = reader_le64(r);
    o->seed = reader_le64(r);
    uint32_t *const numbers[] = {&o->election_ticks, &o->heartbeat_ticks, &o->append_bytes_max,
                                 &o->inflight_bytes_max, &o->log_entries_max, &o->tick_ms,
                                 &o->lease_ms};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        *numbers[i] = reader_le32(r);
}

static void take_trail(struct reader *r, struct trail *t)
{
    t->base_index = reader_le64(r);
    t->base_term = reader_le64(r);
    t->last_index = reader_le64(r);
    t->run_count = reader_le32(r);
    r->failed = r->failed || t->run_count > TRAIL_RUNS_MAX || t->last_index < t->base_index;
    for (uint32_t i = 0; !r->failed && i < t->run_count; i++) {
        t->runs[i].first = reader_le64(r);
        t->runs[i].term = reader_le64(r);
    }
}

/* --- again ------------------------------------------------------------------------------------ */

static void differs(struct raft_replay *p, const char *what, uint64_t got, uint64_t recorded)
{
    snprintf(p->error, sizeof(p->error),
             "life %" PRIu64 ", after %" PRIu64 " inputs and %" PRIu64 " flushes: %s is %" PRIu64
             ", recorded was %" PRIu64, p->lives, p->inputs, p->flushes, what, got, recorded);
}

static void damaged(struct raft_replay *p)
{
    snprintf(p->error, sizeof(p->error), "no trace of this version: byte %zu", p->bytes);
}

static uint32_t *take_sizes(struct reader *r, const struct trail *t)
{
    const uint64_t count = t->last_index - t->base_index;
    if (r->failed || reader_u8(r) == 0)
        return NULL;
    if (count > reader_left(r) / 4) {
        r->failed = true;
        return NULL;
    }
    uint32_t *sizes = xcalloc(count + 1, sizeof(*sizes));
    for (uint64_t i = 0; i < count; i++)
        sizes[i] = reader_le32(r);
    return sizes;
}

static void replay_open(struct raft_replay *p, struct reader *r)
{
    struct raft_options options = {0};
    struct raft_saved saved = {0};
    struct trail *trail = xcalloc(1, sizeof(*trail));
    take_options(r, &options);
    take_hard_state(r, &saved.hard_state);
    saved.config_count = reader_le32(r);
    r->failed = r->failed || saved.config_count > reader_left(r);
    if (r->failed)
        saved.config_count = 0;
    struct raft_config_at *configs = xcalloc(saved.config_count + 1, sizeof(*configs));
    for (size_t i = 0; !r->failed && i < saved.config_count; i++) {
        configs[i].index = reader_le64(r);
        take_config(r, &configs[i].config);
    }
    take_trail(r, trail);
    uint32_t *sizes = take_sizes(r, trail);
    saved.configs = configs;
    saved.trail = trail;
    saved.sizes = sizes;
    saved.commit_index = reader_le64(r);
    saved.state_lost = reader_u8(r) != 0;
    if (!r->failed) {
        if (p->raft != NULL)
            raft_close(p->raft);
        p->raft = raft_open(&options, &saved);
        p->lives++;
    }
    free(sizes);
    free(configs);
    free(trail);
}

static void replay_input(struct raft_replay *p, struct reader *r)
{
    struct received received = {0};
    struct raft_config config = {0};
    struct raft_input input = {0};
    const uint8_t status = reader_u8(r);
    const raft_index first = reader_le64(r);
    input.type = (enum raft_input_type)reader_u8(r);
    input.kind = reader_u8(r);
    input.ok = reader_u8(r) != 0;
    input.size = reader_le32(r);
    input.index = reader_le64(r);
    input.term = reader_le64(r);
    input.node = reader_le64(r);
    input.read_id = reader_le64(r);
    input.write_id = reader_le64(r);
    input.config = take_config(r, &config);
    if (input.type == RAFT_RECEIVE) {
        take_message(r, &received);
        input.message = &received.message;
    }
    if (r->failed)
        return;
    raft_index got_first;
    const enum status got = raft_step(p->raft, &input, &got_first);
    p->inputs++;
    if ((uint8_t)got != status)
        differs(p, "the status of the last input", got, status);
    else if (got_first != first)
        differs(p, "the index of the last input", got_first, first);
}

static void replay_flush(struct raft_replay *p, struct reader *r)
{
    const uint32_t recorded = reader_le32(r);
    if (r->failed)
        return;
    const uint32_t got = crc_of(&p->scratch, raft_flush(p->raft));
    p->flushes++;
    if (got != recorded)
        differs(p, "the checksum of the output", got, recorded);
}

static void replay_record(struct raft_replay *p, struct bytes record)
{
    struct reader r;
    reader_init(&r, record);
    const uint8_t kind = reader_u8(&r);
    if (kind == RECORD_OPEN)
        replay_open(p, &r);
    else if (kind == RECORD_INPUT && p->raft != NULL)
        replay_input(p, &r);
    else if (kind == RECORD_FLUSH && p->raft != NULL)
        replay_flush(p, &r);
    else
        r.failed = true;
    if (r.failed || (*p->error == '\0' && reader_left(&r) > 0))
        damaged(p);
}

bool raft_replay(struct raft_replay *p, struct bytes trace)
{
    *p = (struct raft_replay){0};
    struct reader r;
    reader_init(&r, trace);
    while (*p->error == '\0' && reader_left(&r) >= 4) {
        const uint32_t size = reader_le32(&r);
        if (size > reader_left(&r))
            break;
        replay_record(p, reader_bytes(&r, size));
        if (*p->error == '\0')
            p->bytes += 4 + (size_t)size;
    }
    return *p->error == '\0';
}

void raft_replay_clear(struct raft_replay *p)
{
    if (p->raft != NULL)
        raft_close(p->raft);
    p->raft = NULL;
    buf_clear(&p->scratch);
}
