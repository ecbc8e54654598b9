/* kv_mem.c -- databases on the disk in memory. See kv_mem.h.
 *
 * A database is a tree (tree.h). The disk holds its durable root and the roots after each unsynced
 * write; whoever has it open, an iterator or a checkpoint holds a root of its own. So a crash is a
 * choice between roots. */

#include <stdlib.h>

#include "base/crc32c.h"
#include "base/encode.h"
#include "base/panic.h"
#include "kv/kv_mem_internal.h"

#define CHECKPOINT_MAGIC BYTES("kv_mem 1")

static const struct kv_ops mem_kv_ops;

struct kv_mem {
    struct kv base;
    struct kv_mem_disk *disk;
    struct mem_entry *entry; /* valid while epoch is the disk's; NULL when read-only */
    uint64_t epoch;
    char *path;
    struct tree *root; /* what reads see */
    size_t iterators;
    bool wal, read_only;
    bool failed; /* a write failed: no more writes */
};

struct mem_iterator {
    struct kv_iterator base;
    struct kv_mem *kv;
    struct tree *root;
    const struct tree *row; /* NULL = outside */
    struct buf from, to;
    struct error error; /* status OK: none */
};

static struct kv_mem *kv_mem_of(struct kv *kv)
{
    return container_of(kv, struct kv_mem, base);
}

/* An operation on an open database. */
static enum status kv_operation(struct kv_mem *k, enum mem_access access, bool *done,
                                struct error *e)
{
    if (k->epoch != k->disk->epoch) {
        *done = false;
        return fail(e, STATUS_IO, "%s: was open when the simulated machine went down", k->path);
    }
    return mem_operation(k->disk, access, k->path, done, e);
}

static void encode_rows(const struct tree *root, struct buf *to)
{
    buf_append_bytes(to, CHECKPOINT_MAGIC);
    buf_append_le64(to, tree_count(root));
    const struct tree *row = tree_at_least(root, BYTES_NONE);
    for (; row != NULL; row = tree_above(root, tree_key(row))) {
        buf_append_le32(to, (uint32_t)tree_key(row).size);
        buf_append_le32(to, (uint32_t)tree_value(row).size);
        buf_append_bytes(to, tree_key(row));
        buf_append_bytes(to, tree_value(row));
    }
    buf_append_le32(to, crc32c(0, buf_bytes(to)));
}

/* The caller owns *root. */
static enum status decode_rows(struct bytes from, const char *path, struct tree **root,
                               struct error *e)
{
    *root = NULL;
    const size_t crc_size = sizeof(uint32_t);
    const size_t body = from.size < crc_size ? 0 : from.size - crc_size;
    struct reader r;
    reader_init(&r, bytes_of(from.data, body));
    const struct bytes magic = reader_bytes(&r, CHECKPOINT_MAGIC.size);
    if (!bytes_equal(magic, CHECKPOINT_MAGIC) ||
        crc32c(0, bytes_of(from.data, body)) != get_le32(bytes_data(from) + body))
        return fail(e, STATUS_CORRUPT, "%s: damaged checkpoint", path);
    const uint64_t count = reader_le64(&r);
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        const uint32_t key_size = reader_le32(&r);
        const uint32_t value_size = reader_le32(&r);
        const struct bytes key = reader_bytes(&r, key_size);
        const struct bytes value = reader_bytes(&r, value_size);
        *root = tree_put(*root, key, value);
    }
    CHECK(!r.failed);
    return STATUS_OK;
}

/* Finds the database's entry, from a checkpoint's file if need be. For a read-only one *root is
 * given instead of *entry. */
static enum status find_rows(struct kv_mem_disk *m, const struct kv_options *options,
                             struct mem_entry **entry, struct tree **root, struct error *e)
{
    char rows[DISK_PATH_MAX], database[DISK_PATH_MAX];
    enum status status = disk_join(rows, options->path, MEM_CHECKPOINT_NAME, e);
    if (status == STATUS_OK)
        status = disk_join(database, options->path, MEM_DATABASE_NAME, e);
    if (status != STATUS_OK)
        return status;

    *entry = mem_find(m, database);
    if (*entry != NULL)
        return STATUS_OK;
    struct mem_entry *file = mem_find(m, rows);
    if (file == NULL && !options->create_if_missing)
        return fail(e, STATUS_NOT_FOUND, "%s: there is no database", options->path);
    if (file != NULL) {
        status = decode_rows(buf_bytes(&file->now), rows, root, e);
        if (status != STATUS_OK || options->read_only)
            return status;
        mem_forget(m, file);
    }
    if (mem_find(m, options->path) == NULL)
        mem_add(m, options->path, MEM_DIR);
    *entry = mem_add(m, database, MEM_DATABASE);
    (*entry)->root = *root;
    *root = NULL;
    return STATUS_OK;
}

enum status mem_open_kv(struct disk *d, const struct kv_options *options, struct kv **kv,
                        struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    enum status status = mem_operation(m, options->read_only ? MEM_READS : MEM_WRITES,
                                       options->path, &done, e);
    struct mem_entry *entry = NULL;
    struct tree *root = NULL;
    if (status == STATUS_OK)
        status = find_rows(m, options, &entry, &root, e);
    if (status != STATUS_OK) {
        tree_release(root);
        return status;
    }
    if (entry != NULL) {
        CHECK(!entry->open || entry->open_epoch != m->epoch); /* RocksDB's LOCK */
        if (!options->read_only) {
            mem_settle(entry, entry->pending_count);
            entry->open = true;
            entry->open_epoch = m->epoch;
        }
        root = tree_retain(mem_newest(entry));
    }
    struct kv_mem *k = xmalloc(sizeof(*k));
    *k = (struct kv_mem){.base.ops = &mem_kv_ops,
                         .disk = m,
                         .entry = options->read_only ? NULL : entry,
                         .epoch = m->epoch,
                         .path = xstrdup(options->path),
                         .root = root,
                         .wal = options->wal,
                         .read_only = options->read_only};
    *kv = &k->base;
    return STATUS_OK;
}

static void mem_close(struct kv *kv)
{
    struct kv_mem *k = kv_mem_of(kv);
    CHECK(k->iterators == 0);
    if (k->entry != NULL && k->epoch == k->disk->epoch)
        k->entry->open = false;
    tree_release(k->root);
    free(k->path);
    free(k);
}

static enum status mem_get(struct kv *kv, struct bytes key, struct buf *value, struct error *e)
{
    struct kv_mem *k = kv_mem_of(kv);
    bool done;
    const enum status status = kv_operation(k, MEM_READS, &done, e);
    if (!done)
        return status;
    const struct tree *row = tree_find(k->root, key);
    if (row == NULL)
        return STATUS_NOT_FOUND;
    buf_append_bytes(value, tree_value(row));
    return STATUS_OK;
}

static enum status mem_get_many(struct kv *kv, struct kv_keys keys, struct kv_result *results,
                                struct buf *memory, struct error *e)
{
    struct kv_mem *k = kv_mem_of(kv);
    bool done;
    const enum status status = kv_operation(k, MEM_READS, &done, e);
    if (!done)
        return status;
    for (size_t i = 0; i < keys.count; i++) {
        const struct tree *row = tree_find(k->root, keys.keys[i]);
        results[i].found = row != NULL;
        results[i].value = row == NULL ? BYTES_NONE : tree_value(row);
        buf_append_bytes(memory, results[i].value);
    }
    const uint8_t *next = buf_data(memory); /* only now: the buffer may have moved while it grew */
    for (size_t i = 0; i < keys.count; i++) {
        results[i].value.data = next;
        next += results[i].value.size;
    }
    return STATUS_OK;
}

static struct tree *with_change(struct tree *root, const struct kv_change *change)
{
    switch (change->kind) {
    case KV_PUT:
        return tree_put(root, change->key, change->value);
    case KV_DELETE:
        return tree_delete(root, change->key);
    case KV_DELETE_RANGE:
        return tree_delete_range(root, change->key, change->value);
    }
    panic("no such kind of change: %d", (int)change->kind);
}

/* Reads see root from now on. Consumes root. */
static void show(struct kv_mem *k, struct tree *root)
{
    tree_release(k->root);
    k->root = root;
}

/* Two operations, so that a crash can come between: the write, and its sync. */
static enum status mem_write_batch(struct kv *kv, const struct kv_change *changes, size_t count,
                                   struct error *e)
{
    struct kv_mem *k = kv_mem_of(kv);
    CHECK(k->wal);
    CHECK(!k->read_only);
    if (k->failed)
        return fail(e, STATUS_IO, "%s: an earlier write failed", k->path);
    bool done;
    enum status status = kv_operation(k, MEM_WRITES, &done, e);
    if (done) {
        struct tree *root = tree_retain(k->root);
        for (size_t i = 0; i < count; i++)
            root = with_change(root, &changes[i]);
        CHECK(k->entry->pending_count < MEM_PENDING_MAX);
        k->entry->pending[k->entry->pending_count++] = tree_retain(root);
        show(k, root);
    }
    if (status == STATUS_OK) {
        status = kv_operation(k, MEM_WRITES, &done, e);
        if (done)
            mem_settle(k->entry, k->entry->pending_count);
    }
    k->failed = status != STATUS_OK;
    return status;
}

static enum status mem_drop_range(struct kv *kv, struct kv_range range, uint64_t room,
                                  struct error *e)
{
    (void)range, (void)room; /* deleted rows take no space here */
    struct kv_mem *k = kv_mem_of(kv);
    CHECK(k->wal);
    bool done;
    return kv_operation(k, MEM_WRITES, &done, e);
}

static struct tree *with_ingest(struct tree *root, const struct kv_ingest *ingest)
{
    for (size_t i = 0; i < ingest->range_count; i++)
        root = tree_delete_range(root, ingest->ranges[i].from, ingest->ranges[i].to);
    struct kv_row row;
    struct buf last = {0};
    for (bool first = true; ingest->next(ingest->context, &row); first = false) {
        CHECK(first || bytes_compare(buf_bytes(&last), row.key) < 0);
        buf_reset(&last);
        buf_append_bytes(&last, row.key);
        root = row.deleted ? tree_delete(root, row.key) : tree_put(root, row.key, row.value);
    }
    buf_clear(&last);
    return root;
}

/* Two operations: the file is written, the file is taken in. */
static enum status mem_ingest(struct kv *kv, const struct kv_ingest *ingest, struct error *e)
{
    struct kv_mem *k = kv_mem_of(kv);
    CHECK(!k->wal);
    CHECK(!k->read_only);
    bool done;
    enum status status = kv_operation(k, MEM_WRITES, &done, e);
    if (status != STATUS_OK)
        return status;
    struct tree *root = with_ingest(tree_retain(k->root), ingest);
    status = kv_operation(k, MEM_WRITES, &done, e);
    if (!done) {
        tree_release(root);
        return status;
    }
    tree_release(k->entry->root);
    k->entry->root = tree_retain(root);
    show(k, root);
    return status;
}

static enum status mem_checkpoint(struct kv *kv, const char *path, struct error *e)
{
    struct kv_mem *k = kv_mem_of(kv);
    char rows[DISK_PATH_MAX];
    enum status status = disk_join(rows, path, MEM_CHECKPOINT_NAME, e);
    bool done;
    if (status == STATUS_OK)
        status = kv_operation(k, MEM_WRITES, &done, e);
    if (status != STATUS_OK)
        return status;
    if (mem_find(k->disk, path) != NULL)
        return fail(e, STATUS_IO, "%s: there is such a directory", path);
    status = kv_operation(k, MEM_WRITES, &done, e);
    if (done) {
        mem_add(k->disk, path, MEM_DIR);
        struct mem_entry *file = mem_add(k->disk, rows, MEM_FILE);
        encode_rows(k->root, &file->now);
        buf_append_bytes(&file->durable, buf_bytes(&file->now));
        file->name_durable = true;
    }
    return status;
}

static void mem_stats(struct kv *kv, struct kv_stats *stats, struct buf *text)
{
    const struct kv_mem *k = kv_mem_of(kv);
    stats->rows_estimate = tree_count(k->root);
    stats->disk_bytes = tree_bytes(k->root);
    stats->memory_bytes = stats->disk_bytes;
    stats->files = 1;
    stats->background_error = k->failed;
    if (text != NULL)
        buf_append_string(text, "a database in memory\n");
}

static struct mem_iterator *iterator_of(struct kv_iterator *i)
{
    return container_of(i, struct mem_iterator, base);
}

static struct kv_iterator *mem_iterate(struct kv *kv, struct kv_range range)
{
    struct kv_mem *k = kv_mem_of(kv);
    struct mem_iterator *i = xcalloc(1, sizeof(*i));
    i->base.ops = &mem_kv_ops;
    i->kv = k;
    bool done;
    i->error.status = kv_operation(k, MEM_READS, &done, &i->error);
    i->root = done ? tree_retain(k->root) : NULL; /* after an error there is nothing to see */
    buf_append_bytes(&i->from, range.from);
    buf_append_bytes(&i->to, range.to);
    k->iterators++;
    return &i->base;
}

static void mem_iterator_free(struct kv_iterator *base)
{
    struct mem_iterator *i = iterator_of(base);
    i->kv->iterators--;
    tree_release(i->root);
    buf_clear(&i->from);
    buf_clear(&i->to);
    free(i);
}

static bool move_to(struct mem_iterator *i, const struct tree *row)
{
    if (row != NULL && (bytes_compare(tree_key(row), buf_bytes(&i->from)) < 0 ||
                        (i->to.size > 0 && bytes_compare(tree_key(row), buf_bytes(&i->to)) >= 0)))
        row = NULL;
    i->row = row;
    return row != NULL;
}

static bool mem_first(struct kv_iterator *base)
{
    struct mem_iterator *i = iterator_of(base);
    return move_to(i, tree_at_least(i->root, buf_bytes(&i->from)));
}

static bool mem_last(struct kv_iterator *base)
{
    struct mem_iterator *i = iterator_of(base);
    return move_to(i, i->to.size == 0 ? tree_last(i->root)
                                      : tree_below(i->root, buf_bytes(&i->to)));
}

static bool mem_seek(struct kv_iterator *base, struct bytes key)
{
    struct mem_iterator *i = iterator_of(base);
    if (bytes_compare(key, buf_bytes(&i->from)) < 0)
        return mem_first(base);
    return move_to(i, tree_at_least(i->root, key));
}

static bool mem_seek_back(struct kv_iterator *base, struct bytes key)
{
    struct mem_iterator *i = iterator_of(base);
    if (i->to.size > 0 && bytes_compare(key, buf_bytes(&i->to)) >= 0)
        return mem_last(base);
    return move_to(i, tree_at_most(i->root, key));
}

static bool mem_next(struct kv_iterator *base)
{
    struct mem_iterator *i = iterator_of(base);
    CHECK(i->row != NULL);
    return move_to(i, tree_above(i->root, tree_key(i->row)));
}

static bool mem_prev(struct kv_iterator *base)
{
    struct mem_iterator *i = iterator_of(base);
    CHECK(i->row != NULL);
    return move_to(i, tree_below(i->root, tree_key(i->row)));
}

static struct bytes mem_key(const struct kv_iterator *base)
{
    const struct mem_iterator *i = (const struct mem_iterator *)(const void *)base;
    CHECK(i->row != NULL);
    return tree_key(i->row);
}

static struct bytes mem_value(const struct kv_iterator *base)
{
    const struct mem_iterator *i = (const struct mem_iterator *)(const void *)base;
    CHECK(i->row != NULL);
    return tree_value(i->row);
}

static enum status mem_iterator_status(const struct kv_iterator *base, struct error *e)
{
    const struct mem_iterator *i = (const struct mem_iterator *)(const void *)base;
    if (i->error.status != STATUS_OK && e != NULL)
        *e = i->error;
    return i->error.status;
}

static const struct kv_ops mem_kv_ops = {
    .close = mem_close,
    .get = mem_get,
    .get_many = mem_get_many,
    .write = mem_write_batch,
    .drop_range = mem_drop_range,
    .ingest = mem_ingest,
    .checkpoint = mem_checkpoint,
    .stats = mem_stats,
    .iterate = mem_iterate,
    .first = mem_first,
    .last = mem_last,
    .seek = mem_seek,
    .seek_back = mem_seek_back,
    .next = mem_next,
    .prev = mem_prev,
    .key = mem_key,
    .value = mem_value,
    .status = mem_iterator_status,
    .free = mem_iterator_free,
};
