/* log_store.c -- the Raft log in a database with WAL; see log_store.h.
 *
 * A write becomes one batch: the rows of all its parts, then the number row. The batch is synced,
 * then the number goes to log.mark. Opening is in log_recover.c. */

#include "kv/log_store.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/panic.h"
#include "kv/log_store_internal.h"

#define LOG_WRITE_BUFFER_BYTES (32u << 20)
#define LOG_BLOCK_CACHE_BYTES (8u << 20)

static struct kv_change *batch_add(struct log_store *store, enum kv_change_kind kind)
{
    if (store->change_count == store->change_capacity) {
        store->change_capacity = MAX(64, 2 * store->change_capacity);
        store->changes =
            xrealloc(store->changes, store->change_capacity * sizeof(*store->changes));
    }
    struct kv_change *change = &store->changes[store->change_count++];
    *change = (struct kv_change){.kind = kind};
    return change;
}

static struct bytes batch_key(struct log_store *store, struct log_key key)
{
    return arena_copy(&store->arena, log_key_bytes(&key));
}

/* A row of size bytes, which the caller writes to where the result points before batch_seal(). */
static uint8_t *batch_put(struct log_store *store, struct log_key key, size_t size)
{
    struct kv_change *change = batch_add(store, KV_PUT);
    uint8_t *value = arena_alloc(&store->arena, size + LOG_CRC_SIZE);
    change->key = batch_key(store, key);
    change->value = bytes_of(value, size + LOG_CRC_SIZE);
    return value;
}

static void batch_seal(struct log_store *store, uint8_t *value)
{
    const struct kv_change *change = &store->changes[store->change_count - 1];
    CHECK(change->value.data == value);
    log_row_seal(change->key, value, change->value.size - LOG_CRC_SIZE);
}

static void batch_delete(struct log_store *store, enum log_table table, uint64_t index)
{
    batch_add(store, KV_DELETE)->key = batch_key(store, log_key(LOG_GROUP_RAFT, table, index));
}

/* Rows of the table with index >= from, and < to unless that is 0. */
static void batch_delete_range(struct log_store *store, enum log_table table, uint64_t from,
                               uint64_t to)
{
    struct kv_change *change = batch_add(store, KV_DELETE_RANGE);
    change->key = batch_key(store, log_key(LOG_GROUP_RAFT, table, from));
    change->value = batch_key(store, to > 0 ? log_key(LOG_GROUP_RAFT, table, to)
                                            : log_key(LOG_GROUP_RAFT, table + 1, 0));
}

static void put_boot(struct log_store *store, uint64_t boot)
{
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_STORE, LOG_BOOT, 0), 8);
    put_le64(value, boot);
    batch_seal(store, value);
}

static void put_hard_state(struct log_store *store, const struct log_hard_state *hard)
{
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_RAFT, LOG_HARD, 0), 20);
    put_le64(value, hard->current_term);
    put_le64(value + 8, hard->voted_for);
    put_le32(value + 16, hard->promise_ms);
    batch_seal(store, value);
}

static void put_base(struct log_store *store, uint64_t index, uint64_t term)
{
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_RAFT, LOG_BASE, 0), 16);
    put_le64(value, index);
    put_le64(value + 8, term);
    batch_seal(store, value);
    store->base_index = index;
    atomic_store(&store->readable_base, index); /* before the rows go */
    atomic_fetch_add(&store->cuts, 1);
}

/* Readers count on nothing from here on while the batch is written. */
static void lower_last(struct log_store *store, uint64_t last_index)
{
    store->last_index = last_index;
    if (last_index < atomic_load(&store->readable_last))
        atomic_store(&store->readable_last, last_index);
    atomic_fetch_add(&store->cuts, 1);
}

static void reset(struct log_store *store, uint64_t index, uint64_t term)
{
    batch_delete_range(store, LOG_ENTRY, 0, 0);
    batch_delete_range(store, LOG_CONFIG, 0, 0);
    batch_delete_range(store, LOG_SKIP, 0, 0);
    store->config_count = 0;
    lower_last(store, index);
    put_base(store, index, term);
}

static void truncate_from(struct log_store *store, uint64_t from)
{
    CHECK(from > store->base_index); /* what is compacted away is committed */
    if (from > store->last_index)
        return;
    batch_delete_range(store, LOG_ENTRY, from, 0);
    while (store->config_count > 0 && store->configs[store->config_count - 1] >= from)
        batch_delete(store, LOG_CONFIG, store->configs[--store->config_count]);
    lower_last(store, from - 1);
}

static void append(struct log_store *store, const struct log_write *write)
{
    CHECK(write->entry_count == 0 || write->first == store->last_index + 1);
    for (size_t i = 0; i < write->entry_count; i++) {
        const struct log_entry *entry = &write->entries[i];
        CHECK(entry->payload.size <= LOG_PAYLOAD_MAX);
        uint8_t *value = batch_put(store, log_key(LOG_GROUP_RAFT, LOG_ENTRY, write->first + i),
                                   LOG_ENTRY_HEADER + entry->payload.size);
        value[0] = entry->kind;
        put_le64(value + 1, entry->term);
        if (entry->payload.size > 0)
            memcpy(value + LOG_ENTRY_HEADER, entry->payload.data, entry->payload.size);
        batch_seal(store, value);
    }
    store->last_index += write->entry_count;
}

static void put_config(struct log_store *store, const struct log_config *config)
{
    CHECK(config->index <= store->last_index);
    const uint64_t newest = store->config_count == 0 ? 0 : store->configs[store->config_count - 1];
    CHECK(store->config_count == 0 || config->index >= newest);
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_RAFT, LOG_CONFIG, config->index),
                               config->config.size);
    if (config->config.size > 0)
        memcpy(value, config->config.data, config->config.size);
    batch_seal(store, value);
    if (store->config_count > 0 && config->index == newest)
        return;
    CHECK(store->config_count < LOG_CONFIGS_MAX);
    store->configs[store->config_count++] = config->index;
}

static void put_skip(struct log_store *store, uint64_t index)
{
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_RAFT, LOG_SKIP, index), 0);
    batch_seal(store, value);
}

static void compact(struct log_store *store, uint64_t index, uint64_t term)
{
    if (index <= store->base_index)
        return;
    CHECK(index <= store->last_index);
    size_t gone = 0; /* configs that have a newer one at or below index */
    while (gone + 1 < store->config_count && store->configs[gone + 1] <= index)
        batch_delete(store, LOG_CONFIG, store->configs[gone++]);
    store->config_count -= gone;
    memmove(store->configs, store->configs + gone, store->config_count * sizeof(*store->configs));
    put_base(store, index, term);
    batch_delete_range(store, LOG_ENTRY, 0, index + 1);
    batch_delete_range(store, LOG_SKIP, 0, index + 1);
}

static void add_write(struct log_store *store, const struct log_write *write)
{
    if (write->hard_state != NULL)
        put_hard_state(store, write->hard_state);
    if (write->reset_index > 0)
        reset(store, write->reset_index, write->reset_term);
    if (write->truncate_from > 0)
        truncate_from(store, write->truncate_from);
    append(store, write);
    for (size_t i = 0; i < write->config_count; i++)
        put_config(store, &write->configs[i]);
    for (size_t i = 0; i < write->skip_count; i++)
        put_skip(store, write->skips[i]);
    if (write->compact_index > 0)
        compact(store, write->compact_index, write->compact_term);
}

/* The batch as it stands becomes durable, under the next number. */
static enum status commit(struct log_store *store, struct error *e)
{
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_STORE, LOG_NUMBER, 0), 9);
    value[0] = LOG_FORMAT;
    put_le64(value + 1, store->number + 1);
    batch_seal(store, value);

    const enum status status =
        store->failed ? fail(e, STATUS_IO, "%s: an earlier write failed", store->path)
                      : kv_write(store->kv, store->changes, store->change_count, e);
    store->change_count = 0;
    arena_reset(&store->arena);
    if (status != STATUS_OK) {
        store->failed = true;
        return status;
    }
    store->number++;
    disk_mark_set(store->mark, store->number); /* after the sync: the mark never leads */
    atomic_store(&store->readable_last, store->last_index);
    return STATUS_OK;
}

enum status log_store_write(struct log_store *store, const struct log_write *writes, size_t count,
                            struct error *e)
{
    CHECK(store->change_count == 0);
    for (size_t i = 0; i < count; i++)
        add_write(store, &writes[i]);
    return commit(store, e);
}

enum status log_store_compact(struct log_store *store, uint64_t index, uint64_t term,
                              struct error *e)
{
    const struct log_write write = {.compact_index = index, .compact_term = term};
    return log_store_write(store, &write, 1, e);
}

enum status log_store_reset(struct log_store *store, const struct log_reset *reset_to,
                            struct error *e)
{
    CHECK(reset_to->index > 0);
    const struct log_config config = {reset_to->index, reset_to->config};
    const struct log_write write = {.hard_state = reset_to->hard_state,
                                    .reset_index = reset_to->index,
                                    .reset_term = reset_to->term,
                                    .configs = &config,
                                    .config_count = 1};
    return log_store_write(store, &write, 1, e);
}

enum status log_store_identify(struct log_store *store, const struct log_identity *identity,
                               struct error *e)
{
    CHECK(store->node_id == 0);
    return log_store_rename(store, identity, e);
}

enum status log_store_introduce(struct log_store *store, const struct log_identity *identity,
                                struct bytes members, struct error *e)
{
    CHECK(members.size > 0);
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_STORE, LOG_MEMBERS, 0), members.size);
    memcpy(value, members.data, members.size);
    batch_seal(store, value);
    return log_store_identify(store, identity, e);
}

enum status log_store_rename(struct log_store *store, const struct log_identity *identity,
                             struct error *e)
{
    CHECK(identity->node_id != 0);
    uint8_t *value = batch_put(store, log_key(LOG_GROUP_STORE, LOG_IDENTITY, 0), 48);
    memcpy(value, identity->cluster_id, 16);
    memcpy(value + 16, identity->hash_key, 16);
    put_le64(value + 32, identity->node_id);
    put_le64(value + 40, identity->incarnation);
    batch_seal(store, value);
    store->node_id = identity->node_id;
    return commit(store, e);
}

/* Appends the entry to the block; its payload is an offset until the memory stands still. */
static void block_add(struct log_block *block, struct log_entry entry)
{
    if (block->count == block->capacity) {
        block->capacity = MAX(16, 2 * block->capacity);
        block->entries = xrealloc(block->entries, block->capacity * sizeof(*block->entries));
    }
    const struct bytes payload = entry.payload;
    entry.payload = bytes_of((const void *)(uintptr_t)block->memory.size, payload.size);
    block->entries[block->count++] = entry;
    buf_append_bytes(&block->memory, payload);
}

/* Entries of the range into the block; stops where they end. */
static enum status read_rows(struct log_store *store, struct kv_iterator *rows,
                             const struct log_range *range, struct log_block *block,
                             struct error *e)
{
    bool on_row = kv_iterator_first(rows);
    for (uint64_t index = range->from; on_row && index <= range->to; index++) {
        struct bytes body;
        struct log_entry entry;
        const struct bytes key = kv_iterator_key(rows);
        if (log_key_index(key) != index && block->count > 0)
            return log_damaged(store, e, "entry %" PRIu64 " is missing", index);
        if (log_key_index(key) != index)
            return STATUS_OK; /* the caller looks whether it was cut off meanwhile */
        if (!log_row_open(key, kv_iterator_value(rows), &body) || !log_entry_decode(body, &entry))
            return log_damaged(store, e, "entry %" PRIu64 " is damaged", index);
        if (block->count > 0 && block->memory.size + entry.payload.size > range->bytes_max)
            return STATUS_OK;
        block_add(block, entry);
        on_row = kv_iterator_next(rows);
    }
    return kv_iterator_status(rows, e);
}

enum status log_store_read(struct log_store *store, const struct log_range *range,
                           struct log_block *block, struct error *e)
{
    CHECK(range->from <= range->to);
    block->first = range->from;
    block->count = 0;
    buf_reset(&block->memory);
    const uint64_t cuts = atomic_load(&store->cuts);
    const uint64_t last = atomic_load(&store->readable_last);
    if (range->from > last || range->from <= atomic_load(&store->readable_base))
        return fail(e, STATUS_NOT_FOUND, "entry %" PRIu64 " is not in the log", range->from);

    const struct log_key from = log_key(LOG_GROUP_RAFT, LOG_ENTRY, range->from);
    const struct log_key to = log_key(LOG_GROUP_RAFT, LOG_ENTRY, MIN(range->to, last) + 1);
    struct kv_iterator *rows =
        kv_iterate(store->kv, (struct kv_range){log_key_bytes(&from), log_key_bytes(&to)});
    const enum status status = read_rows(store, rows, range, block, e);
    kv_iterator_free(rows);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < block->count; i++)
        block->entries[i].payload.data =
            buf_data(&block->memory) + (uintptr_t)block->entries[i].payload.data;
    if (block->count > 0)
        return STATUS_OK;
    if (atomic_load(&store->cuts) == cuts)
        return log_damaged(store, e, "entry %" PRIu64 " is missing", range->from);
    return fail(e, STATUS_NOT_FOUND, "entry %" PRIu64 " has just gone", range->from);
}

void log_block_clear(struct log_block *block)
{
    free(block->entries);
    buf_clear(&block->memory);
    *block = (struct log_block){0};
}

enum status log_store_reclaim(struct log_store *store, uint64_t room, struct error *e)
{
    const struct log_key from = log_key(LOG_GROUP_RAFT, LOG_ENTRY, 0);
    const struct log_key to =
        log_key(LOG_GROUP_RAFT, LOG_ENTRY, atomic_load(&store->readable_base) + 1);
    return kv_drop_range(store->kv, (struct kv_range){log_key_bytes(&from), log_key_bytes(&to)},
                         room, e);
}

void log_store_stats(struct log_store *store, struct log_store_stats *stats)
{
    struct kv_stats kv;
    kv_stats(store->kv, &kv, NULL);
    *stats = (struct log_store_stats){
        .writes = disk_mark_get(store->mark), .disk_bytes = kv.disk_bytes, .files = kv.files};
}

void log_store_kv_stats(struct log_store *store, struct kv_stats *stats)
{
    kv_stats(store->kv, stats, NULL);
}

static enum status open_files(struct log_store *store, const struct log_store_options *options,
                              struct error *e)
{
    char mark_path[DISK_PATH_MAX];
    enum status status = disk_join(store->path, options->dir, "log", e);
    if (status == STATUS_OK)
        status = disk_join(mark_path, options->dir, "log.mark", e);
    if (status != STATUS_OK)
        return status;
    const struct kv_options kv_options = {
        .path = store->path,
        .wal = true,
        .create_if_missing = !options->read_only,
        .read_only = options->read_only,
        .write_buffer_bytes = options->write_buffer_bytes > 0 ? options->write_buffer_bytes
                                                              : LOG_WRITE_BUFFER_BYTES,
        .block_cache_bytes = LOG_BLOCK_CACHE_BYTES};
    struct error cause;
    status = kv_open(options->disk, &kv_options, &store->kv, &cause);
    if (status == STATUS_CORRUPT)
        return log_damaged(store, e, "%s", cause.text);
    if (status == STATUS_NOT_FOUND)
        return fail(e, status, "%s: there is no node's log here", options->dir);
    if (status != STATUS_OK)
        return fail(e, status, "%s", cause.text);
    return disk_mark_open(options->disk, mark_path, &store->mark, e);
}

enum status log_store_open(const struct log_store_options *options, struct log_store **store,
                           struct log_recovered *recovered, struct error *e)
{
    struct log_store *s = xcalloc(1, sizeof(*s));
    arena_init(&s->arena);
    *store = NULL;
    *recovered = (struct log_recovered){0};
    enum status status = open_files(s, options, e);
    if (status == STATUS_OK)
        status = log_recover(s, recovered, e);
    if (status == STATUS_OK) {
        atomic_store(&s->readable_base, s->base_index);
        atomic_store(&s->readable_last, s->last_index);
    }
    if (status == STATUS_OK && !options->read_only) {
        put_boot(s, ++recovered->boot);
        status = commit(s, e); /* the rest was made durable by kv_open() */
    }
    if (status != STATUS_OK) {
        log_recovered_clear(recovered);
        log_store_close(s);
        return status;
    }
    *store = s;
    return STATUS_OK;
}

void log_store_close(struct log_store *store)
{
    if (store == NULL)
        return;
    kv_close(store->kv);
    disk_mark_close(store->mark);
    arena_clear(&store->arena);
    free(store->changes);
    free(store);
}
