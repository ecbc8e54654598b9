/* log_recover.c -- reads a log database from end to end and believes nothing: every row has its
 * CRC, entries follow each other without a hole, and the write number is not below log.mark. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/siphash.h"
#include "kv/log_store_internal.h"

enum status log_damaged(const struct log_store *store, struct error *e, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return fail(e, STATUS_CORRUPT,
                "%.80s: %s. This node may have forgotten what it promised: remove its state and log"
                " together, and let it join again as a new node",
                store->path, what);
}

/* An error of the database; damage gets its advice. */
static enum status kv_failed(const struct log_store *store, enum status status,
                             const struct error *cause, struct error *e)
{
    if (status == STATUS_CORRUPT)
        return log_damaged(store, e, "%s", cause->text);
    return fail(e, status, "%s", cause->text);
}

#define SIZE_ANY SIZE_MAX

/* A row without index: its body, of exactly size bytes. STATUS_NOT_FOUND when there is none. */
static enum status get_row(struct log_store *store, struct log_key key, size_t size,
                           struct buf *value, struct error *e)
{
    struct error cause;
    const enum status status = kv_get(store->kv, log_key_bytes(&key), value, &cause);
    if (status == STATUS_NOT_FOUND)
        return status;
    if (status != STATUS_OK)
        return kv_failed(store, status, &cause, e);
    struct bytes body;
    if (!log_row_open(log_key_bytes(&key), buf_bytes(value), &body) ||
        (size != SIZE_ANY && body.size != size))
        return log_damaged(store, e, "row '%c' is damaged", key.bytes[4]);
    buf_truncate(value, body.size);
    return STATUS_OK;
}

/* Walks the rows of a table by index. */
struct table {
    struct log_store *store;
    struct kv_iterator *rows;
    bool on_row;
    uint64_t index;
    struct bytes body;
};

/* Loads the row the iterator stands on; at the end on_row is false. */
static enum status table_load(struct table *t, bool on_row, struct error *e)
{
    struct error cause;
    const enum status status = kv_iterator_status(t->rows, &cause);
    t->on_row = on_row;
    if (status != STATUS_OK)
        return kv_failed(t->store, status, &cause, e);
    if (!on_row)
        return STATUS_OK;
    const struct bytes key = kv_iterator_key(t->rows);
    if (key.size != LOG_KEY_SIZE)
        return log_damaged(t->store, e, "a key has %zu bytes", key.size);
    t->index = log_key_index(key);
    if (!log_row_open(key, kv_iterator_value(t->rows), &t->body))
        return log_damaged(t->store, e, "row '%c' of index %" PRIu64 " is damaged",
                           bytes_data(key)[4], t->index);
    return STATUS_OK;
}

static enum status table_open(struct table *t, struct log_store *store, enum log_table table,
                              struct error *e)
{
    const struct log_key from = log_key(LOG_GROUP_RAFT, table, 0);
    const struct log_key to = log_key(LOG_GROUP_RAFT, table + 1, 0);
    t->store = store;
    t->rows = kv_iterate(store->kv, (struct kv_range){log_key_bytes(&from), log_key_bytes(&to)});
    return table_load(t, kv_iterator_first(t->rows), e);
}

static enum status table_next(struct table *t, struct error *e)
{
    return table_load(t, kv_iterator_next(t->rows), e);
}

static void table_close(struct table *t)
{
    kv_iterator_free(t->rows);
}

/* Room for one more element behind the count there are; capacity is the next power of two. */
static void *grown(void *array, size_t count, size_t element_size)
{
    if ((count & (count - 1)) != 0)
        return array;
    return xrealloc(array, (count == 0 ? 1 : 2 * count) * element_size);
}

static enum status recover_entries(struct table *t, struct log_recovered *r, struct error *e)
{
    uint64_t term = r->base_term;
    size_t count = 0;
    for (; t->on_row; count++) {
        struct log_entry entry;
        if (t->index != r->last_index + 1)
            return log_damaged(t->store, e, "entry %" PRIu64 " is missing, %" PRIu64 " is there",
                               r->last_index + 1, t->index);
        if (!log_entry_decode(t->body, &entry) || entry.term < term)
            return log_damaged(t->store, e, "entry %" PRIu64 " makes no sense", t->index);
        if (r->run_count == 0 || entry.term > term) {
            r->runs = grown(r->runs, r->run_count, sizeof(*r->runs));
            r->runs[r->run_count++] = (struct log_run){t->index, entry.term};
        }
        r->items = grown(r->items, count, sizeof(*r->items));
        r->items[count] = (struct log_item){(uint32_t)entry.payload.size, entry.kind};
        r->bytes += entry.payload.size;
        r->last_index = t->index;
        term = entry.term;
        const enum status status = table_next(t, e);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status recover_configs(struct table *t, struct log_recovered *r, struct error *e)
{
    while (t->on_row) {
        if (t->index > r->last_index || r->config_count == LOG_CONFIGS_MAX)
            return log_damaged(t->store, e, "config %" PRIu64 " makes no sense", t->index);
        r->configs = grown(r->configs, r->config_count, sizeof(*r->configs));
        /* For now the bytes' place in memory, which still moves; recover_tables() makes it one. */
        r->configs[r->config_count++] = (struct log_config){
            t->index, bytes_of((const void *)(uintptr_t)r->memory.size, t->body.size)};
        buf_append_bytes(&r->memory, t->body);
        const enum status status = table_next(t, e);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status recover_skips(struct table *t, struct log_recovered *r, struct error *e)
{
    while (t->on_row) {
        r->skips = grown(r->skips, r->skip_count, sizeof(*r->skips));
        r->skips[r->skip_count++] = t->index;
        const enum status status = table_next(t, e);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status recover_tables(struct log_store *store, struct log_recovered *r,
                                  struct error *e)
{
    static const struct {
        enum log_table table;
        enum status (*recover)(struct table *t, struct log_recovered *r, struct error *e);
    } tables[] = {
        {LOG_ENTRY, recover_entries}, {LOG_CONFIG, recover_configs}, {LOG_SKIP, recover_skips}};

    r->last_index = r->base_index;
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        struct table t;
        enum status status = table_open(&t, store, tables[i].table, e);
        if (status == STATUS_OK)
            status = tables[i].recover(&t, r, e);
        table_close(&t);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 0; i < r->config_count; i++) {
        r->configs[i].config.data = buf_data(&r->memory) + (uintptr_t)r->configs[i].config.data;
        store->configs[i] = r->configs[i].index;
    }
    store->config_count = r->config_count;
    return STATUS_OK;
}

/* Every write leaves a number row, so without one nothing was ever written. */
static enum status recover_number(struct log_store *store, struct buf *value, struct error *e)
{
    const uint64_t mark = disk_mark_get(store->mark);
    const enum status status = get_row(store, log_key(LOG_GROUP_STORE, LOG_NUMBER, 0), 9, value, e);
    if (status == STATUS_OK) {
        if (buf_data(value)[0] != LOG_FORMAT)
            return fail(e, STATUS_INVALID, "%s: has format %u, this program knows %u only",
                        store->path, buf_data(value)[0], LOG_FORMAT);
        store->number = get_le64(buf_data(value) + 1);
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    if (store->number < mark)
        return log_damaged(store, e,
                           "ends with write %" PRIu64 ", but log.mark says that write %" PRIu64
                           " was durable",
                           store->number, mark);
    return STATUS_OK;
}

static enum status recover_single_rows(struct log_store *store, struct log_recovered *r,
                                       struct buf *value, struct error *e)
{
    enum status status = get_row(store, log_key(LOG_GROUP_STORE, LOG_BOOT, 0), 8, value, e);
    if (status == STATUS_OK)
        r->boot = get_le64(buf_data(value));
    else if (status != STATUS_NOT_FOUND)
        return status;

    status = get_row(store, log_key(LOG_GROUP_STORE, LOG_IDENTITY, 0), 48, value, e);
    if (status == STATUS_OK) {
        memcpy(r->identity.cluster_id, buf_data(value), 16);
        memcpy(r->identity.hash_key, buf_data(value) + 16, 16);
        r->identity.node_id = get_le64(buf_data(value) + 32);
        r->identity.incarnation = get_le64(buf_data(value) + 40);
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }

    status = get_row(store, log_key(LOG_GROUP_STORE, LOG_MEMBERS, 0), SIZE_ANY, value, e);
    if (status == STATUS_OK)
        buf_append_bytes(&r->introduction, buf_bytes(value));
    else if (status != STATUS_NOT_FOUND)
        return status;

    status = get_row(store, log_key(LOG_GROUP_RAFT, LOG_HARD, 0), 20, value, e);
    if (status == STATUS_OK) {
        r->hard_state.current_term = get_le64(buf_data(value));
        r->hard_state.voted_for = get_le64(buf_data(value) + 8);
        r->hard_state.promise_ms = get_le32(buf_data(value) + 16);
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }

    status = get_row(store, log_key(LOG_GROUP_RAFT, LOG_BASE, 0), 16, value, e);
    if (status == STATUS_OK) {
        r->base_index = get_le64(buf_data(value));
        r->base_term = get_le64(buf_data(value) + 8);
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    return STATUS_OK;
}

enum status log_recover(struct log_store *store, struct log_recovered *recovered, struct error *e)
{
    struct buf value = {0};
    enum status status = recover_number(store, &value, e);
    if (status == STATUS_OK)
        status = recover_single_rows(store, recovered, &value, e);
    buf_clear(&value);
    if (status == STATUS_OK)
        status = recover_tables(store, recovered, e);
    if (status != STATUS_OK)
        return status;

    /* The first write of every life is the boot number, and no write is without a number. */
    if ((recovered->boot == 0) != (store->number == 0))
        return log_damaged(store, e, "boot is %" PRIu64 " after %" PRIu64 " writes",
                           recovered->boot, store->number);
    if (store->number == 0 && (recovered->last_index > 0 || recovered->hard_state.current_term > 0))
        return log_damaged(store, e, "has rows, but no number of writes");
    store->node_id = recovered->identity.node_id;
    store->base_index = recovered->base_index;
    store->last_index = recovered->last_index;
    return STATUS_OK;
}

uint64_t log_identity_name(const struct log_identity *identity)
{
    return siphash(identity->cluster_id, BYTES("cluster name"));
}

void log_recovered_clear(struct log_recovered *recovered)
{
    free(recovered->runs);
    free(recovered->items);
    free(recovered->configs);
    free(recovered->skips);
    buf_clear(&recovered->introduction);
    buf_clear(&recovered->memory);
    *recovered = (struct log_recovered){0};
}
