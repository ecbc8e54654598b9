/* log_describe.c -- see log_describe.h. */

#include "node/log_describe.h"

#include <inttypes.h>

#include "kv/log_store.h"
#include "machine/entry.h"
#include "node/members.h"

#define DESCRIBE_BYTES_MAX ((size_t)16 << 20)

static void describe_set(const char *name, const struct raft_set *set, struct buf *to)
{
    if (set->count == 0)
        return;
    buf_printf(to, " %s=", name);
    for (uint32_t i = 0; i < set->count; i++)
        buf_printf(to, "%s%" PRIu64, i == 0 ? "" : ",", set->node[i]);
}

static void describe_config(struct bytes payload, struct buf *to)
{
    struct members m;
    if (!members_decode(payload, &m)) {
        const uint32_t level = config_level(payload);
        if (level > FEATURE_LEVEL_MAX)
            buf_printf(to, "CONFIG (of a newer version) level=%u", level);
        else
            buf_append_string(to, "CONFIG (damaged)");
        return;
    }
    buf_printf(to, "CONFIG level=%u", m.level);
    describe_set("voters", &m.config.incoming, to);
    describe_set("leaving", &m.config.outgoing, to);
    describe_set("learners", &m.config.learners, to);
    describe_set("spares", &m.spares, to);
    for (uint32_t i = 0; i < m.book.count; i++)
        buf_printf(to, " %" PRIu64 "=%s:%u", m.book.entries[i].node, m.book.entries[i].address.host,
                   (unsigned)m.book.entries[i].address.port);
}

/* entry_describe() gives a line for each request; here they stand in one. */
static void describe_data(struct bytes payload, const char *between, struct buf *to)
{
    struct buf lines = {0};
    entry_describe(payload, &lines);
    while (lines.size > 0 && buf_data(&lines)[lines.size - 1] == '\n')
        buf_truncate(&lines, lines.size - 1);
    for (size_t i = 0; i < lines.size; i++) {
        if (buf_data(&lines)[i] == '\n')
            buf_append_string(to, between);
        else
            buf_append_u8(to, buf_data(&lines)[i]);
    }
    buf_clear(&lines);
}

static void describe_payload(const struct log_entry *entry, const char *between, struct buf *to)
{
    switch (entry->kind) {
    case RAFT_NOOP:
        buf_append_string(to, "NOOP");
        return;
    case RAFT_CONFIG:
        describe_config(entry->payload, to);
        return;
    default:
        describe_data(entry->payload, between, to);
        return;
    }
}

void log_describe_entry(uint64_t index, const struct log_entry *entry, struct buf *to)
{
    buf_printf(to, "index=%" PRIu64 " term=%" PRIu64 " ", index, entry->term);
    describe_payload(entry, "; ", to);
}

static void describe_one(struct log_describe *d, uint64_t index, const struct log_entry *entry)
{
    const uint32_t i = d->line_count++;
    if (d->facts == NULL) {
        log_describe_entry(index, entry, &d->lines[i]);
        return;
    }
    d->facts[i] = (struct log_entry_facts){entry->term, (uint32_t)entry->payload.size,
                                           entry->kind};
    describe_payload(entry, d->between == NULL ? "; " : d->between, &d->lines[i]);
}

static void describe_work(struct job *job)
{
    struct log_describe *d = container_of(job, struct log_describe, job);
    d->line_count = 0;
    d->status = STATUS_OK;
    struct log_block block = {0};
    for (uint64_t next = d->from; next <= d->to && d->line_count < d->line_max;) {
        const struct log_range range = {next, d->to, DESCRIBE_BYTES_MAX};
        d->status = log_store_read(d->log, &range, &block, &d->error);
        if (d->status != STATUS_OK)
            break;
        for (size_t i = 0; i < block.count && d->line_count < d->line_max; i++)
            describe_one(d, next + i, &block.entries[i]);
        next += block.count;
    }
    if (d->status == STATUS_NOT_FOUND && d->line_count > 0)
        d->status = STATUS_OK; /* the log ends before .to */
    log_block_clear(&block);
}

void log_describe_init(struct log_describe *d)
{
    d->job.work = describe_work;
}
