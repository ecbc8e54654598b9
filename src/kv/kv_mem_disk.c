/* kv_mem_disk.c -- the disk in memory: paths, files, marks; faults and crashes. See kv_mem.h.
 *
 * A list of entries by path; a node has some ten of them. Every operation first asks
 * mem_operation(), which is the one place where faults happen. */

#include "kv/kv_mem.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "kv/kv_mem_internal.h"

#define MEM_SPACE_BYTES (1ull << 40)

static const struct disk_ops mem_disk_ops;

struct kv_mem_disk *kv_mem_disk_new(uint64_t seed)
{
    struct kv_mem_disk *m = xcalloc(1, sizeof(*m));
    m->base.ops = &mem_disk_ops;
    m->epoch = 1;
    m->space_bytes = MEM_SPACE_BYTES;
    prng_seed(&m->prng, seed);
    return m;
}

void kv_mem_disk_free(struct kv_mem_disk *m)
{
    while (m->entries != NULL)
        mem_forget(m, m->entries);
    free(m);
}

struct disk *kv_mem_disk(struct kv_mem_disk *m)
{
    return &m->base;
}

struct mem_entry *mem_find(struct kv_mem_disk *m, const char *path)
{
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = entry->next)
        if (strcmp(entry->path, path) == 0)
            return entry;
    return NULL;
}

struct mem_entry *mem_add(struct kv_mem_disk *m, const char *path, enum mem_kind kind)
{
    struct mem_entry *entry = xcalloc(1, sizeof(*entry));
    entry->path = xstrdup(path);
    entry->kind = kind;
    entry->next = m->entries;
    m->entries = entry;
    return entry;
}

void mem_settle(struct mem_entry *entry, size_t count)
{
    if (count > 0) {
        tree_release(entry->root);
        entry->root = tree_retain(entry->pending[count - 1]);
    }
    for (size_t i = 0; i < entry->pending_count; i++)
        tree_release(entry->pending[i]);
    entry->pending_count = 0;
}

void mem_forget(struct kv_mem_disk *m, struct mem_entry *entry)
{
    CHECK(!entry->open || entry->open_epoch != m->epoch);
    struct mem_entry **link = &m->entries;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    mem_settle(entry, 0);
    tree_release(entry->root);
    tree_release(entry->kept);
    buf_clear(&entry->now);
    buf_clear(&entry->durable);
    free(entry->path);
    free(entry);
}

/* The system writes mapped pages back when it likes. */
static void write_marks_back(struct kv_mem_disk *m)
{
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = entry->next)
        if (entry->kind == MEM_MARK && prng_chance(&m->prng, 1, 8))
            entry->word_durable = entry->word;
}

enum status mem_operation(struct kv_mem_disk *m, enum mem_access access, const char *path,
                          bool *done, struct error *e)
{
    m->operations++;
    *done = false;
    if (m->dead)
        return fail(e, STATUS_IO, "%s: the simulated machine is down", path);
    write_marks_back(m);
    if (m->fault_count > 0 && --m->fault_count == 0) {
        switch (m->fault) {
        case KV_MEM_FAIL:
            return fail(e, STATUS_IO, "%s: simulated input/output error", path);
        case KV_MEM_FULL:
            if (access == MEM_WRITES)
                return fail(e, STATUS_NO_SPACE, "%s: simulated disk full", path);
            break;
        case KV_MEM_DIE:
            m->dead = true;
            *done = access == MEM_WRITES && prng_chance(&m->prng, 1, 2);
            return fail(e, STATUS_IO, "%s: the simulated machine goes down", path);
        }
    }
    *done = true;
    return STATUS_OK;
}

void kv_mem_disk_set_space(struct kv_mem_disk *m, uint64_t bytes)
{
    m->space_bytes = bytes;
}

uint64_t kv_mem_disk_operations(const struct kv_mem_disk *m)
{
    return m->operations;
}

void kv_mem_disk_fault(struct kv_mem_disk *m, enum kv_mem_fault fault, uint64_t count)
{
    m->fault = fault;
    m->fault_count = count;
}

/* What a power loss leaves of a file: what was synced, and of the rest a part from the front. */
static void tear_file(struct kv_mem_disk *m, struct mem_entry *entry)
{
    const struct bytes durable = buf_bytes(&entry->durable);
    const bool grown = bytes_has_prefix(buf_bytes(&entry->now), durable);
    const bool keeps_new = prng_chance(&m->prng, 1, 2);
    if (!keeps_new) {
        buf_reset(&entry->now);
        buf_append_bytes(&entry->now, durable);
    } else if (grown) {
        const size_t extra = entry->now.size - durable.size;
        buf_truncate(&entry->now, durable.size + (size_t)prng_below(&m->prng, extra + 1));
    }
    buf_reset(&entry->durable);
    buf_append_bytes(&entry->durable, buf_bytes(&entry->now));
    entry->dirty = false;
    entry->name_durable = true;
}

static void lose_power(struct kv_mem_disk *m)
{
    struct mem_entry *next;
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->kind == MEM_DATABASE)
            mem_settle(entry, (size_t)prng_below(&m->prng, entry->pending_count + 1));
        if (entry->kind == MEM_MARK) {
            if (prng_chance(&m->prng, 1, 2))
                entry->word = entry->word_durable;
            entry->word_durable = entry->word;
        }
        if (entry->kind == MEM_FILE && entry->dirty) {
            if (!entry->name_durable && prng_chance(&m->prng, 1, 2))
                mem_forget(m, entry);
            else
                tear_file(m, entry);
        }
    }
}

void kv_mem_disk_crash(struct kv_mem_disk *m, enum kv_mem_crash how)
{
    m->epoch++;
    m->dead = false;
    m->fault_count = 0;
    if (how == KV_MEM_POWER_LOSS)
        lose_power(m);
}

static struct mem_entry *find_database(struct kv_mem_disk *m, const char *path)
{
    char inner[DISK_PATH_MAX];
    if (disk_join(inner, path, MEM_DATABASE_NAME, NULL) != STATUS_OK)
        return NULL;
    struct mem_entry *entry = mem_find(m, inner);
    return entry != NULL && entry->kind == MEM_DATABASE ? entry : NULL;
}

bool kv_mem_disk_flip(struct kv_mem_disk *m, const char *path, struct bytes key, size_t offset)
{
    struct mem_entry *entry = find_database(m, path);
    const struct tree *row = entry == NULL ? NULL : tree_find(entry->root, key);
    if (row == NULL || offset >= tree_value(row).size)
        return false;
    CHECK(entry->pending_count == 0);
    struct buf value = {0};
    buf_append_bytes(&value, tree_value(row));
    buf_data(&value)[offset] ^= 0x10;
    entry->root = tree_put(entry->root, key, buf_bytes(&value));
    buf_clear(&value);
    return true;
}

bool kv_mem_disk_damage(struct kv_mem_disk *m, const char *path)
{
    const struct mem_entry *entry = find_database(m, path);
    if (entry == NULL || tree_count(entry->root) == 0)
        return false;
    const uint64_t position = prng_below(&m->prng, tree_count(entry->root));
    const struct tree *row = tree_at(entry->root, position);
    if (tree_value(row).size == 0)
        return false;
    const size_t offset = (size_t)prng_below(&m->prng, tree_value(row).size);
    return kv_mem_disk_flip(m, path, tree_key(row), offset);
}

bool kv_mem_disk_lose(struct kv_mem_disk *m, const char *path, struct bytes key)
{
    struct mem_entry *entry = find_database(m, path);
    if (entry == NULL || tree_find(entry->root, key) == NULL)
        return false;
    CHECK(entry->pending_count == 0);
    entry->root = tree_delete(entry->root, key);
    return true;
}

bool kv_mem_disk_keep(struct kv_mem_disk *m, const char *path)
{
    struct mem_entry *entry = find_database(m, path);
    if (entry == NULL)
        return false;
    tree_release(entry->kept);
    entry->kept = tree_retain(entry->root);
    return true;
}

bool kv_mem_disk_roll_back(struct kv_mem_disk *m, const char *path)
{
    struct mem_entry *entry = find_database(m, path);
    if (entry == NULL)
        return false;
    mem_settle(entry, 0);
    tree_release(entry->root);
    entry->root = tree_retain(entry->kept);
    return true;
}

static enum status mem_make_dir(struct disk *d, const char *path, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (done && mem_find(m, path) == NULL)
        mem_add(m, path, MEM_DIR);
    return status;
}

/* The part of path below dir, NULL when it is not in there. */
static const char *below(const char *path, const char *dir)
{
    const size_t size = strlen(dir);
    return strncmp(path, dir, size) == 0 && path[size] == '/' ? path + size + 1 : NULL;
}

static enum status mem_list(struct disk *d, const char *path, struct buf *names, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_READS, path, &done, e);
    if (!done)
        return status;
    if (mem_find(m, path) == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such directory", path);
    struct tree *sorted = NULL;
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = entry->next) {
        const char *name = below(entry->path, path);
        if (name != NULL && strchr(name, '/') == NULL)
            sorted = tree_put(sorted, bytes_of(name, strlen(name) + 1), BYTES_NONE);
    }
    const struct tree *row = tree_at_least(sorted, BYTES_NONE);
    for (; row != NULL; row = tree_above(sorted, tree_key(row)))
        buf_append_bytes(names, tree_key(row));
    tree_release(sorted);
    return STATUS_OK;
}

static void forget_all(struct kv_mem_disk *m, const char *path)
{
    struct mem_entry *next;
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = next) {
        next = entry->next;
        if (strcmp(entry->path, path) == 0 || below(entry->path, path) != NULL)
            mem_forget(m, entry);
    }
}

static enum status mem_remove(struct disk *d, const char *path, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (done)
        forget_all(m, path);
    return status;
}

static enum status mem_rename(struct disk *d, const char *from, const char *to, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, from, &done, e);
    if (!done)
        return status;
    const struct mem_entry *source = mem_find(m, from);
    const struct mem_entry *target = mem_find(m, to);
    if (source == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", from);
    if (target != NULL && target->kind == MEM_DIR)
        return fail(e, STATUS_IO, "%s: there is such a directory", to);
    forget_all(m, to);
    for (struct mem_entry *entry = m->entries; entry != NULL; entry = entry->next) {
        const char *rest = entry->path + strlen(from);
        if (entry != source && below(entry->path, from) == NULL)
            continue;
        CHECK(!entry->open || entry->open_epoch != m->epoch);
        char *path = xmalloc(strlen(to) + strlen(rest) + 1);
        memcpy(path, to, strlen(to));
        memcpy(path + strlen(to), rest, strlen(rest) + 1);
        free(entry->path);
        entry->path = path;
    }
    return status;
}

static struct mem_entry *find_file(struct kv_mem_disk *m, const char *path)
{
    struct mem_entry *entry = mem_find(m, path);
    return entry != NULL && entry->kind == MEM_FILE ? entry : NULL;
}

static enum status mem_size(struct disk *d, const char *path, uint64_t *size, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_READS, path, &done, e);
    if (!done)
        return status;
    const struct mem_entry *entry = find_file(m, path);
    if (entry == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", path);
    *size = entry->now.size;
    return STATUS_OK;
}

static enum status mem_read(struct disk *d, const char *path, struct disk_span span,
                            struct buf *to, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_READS, path, &done, e);
    if (!done)
        return status;
    const struct mem_entry *entry = find_file(m, path);
    if (entry == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", path);
    if (span.offset < entry->now.size) {
        const size_t left = entry->now.size - (size_t)span.offset;
        buf_append(to, buf_data(&entry->now) + span.offset, MIN(left, span.size));
    }
    return STATUS_OK;
}

static void write_at(struct mem_entry *entry, uint64_t offset, struct bytes data)
{
    const size_t end = (size_t)offset + data.size;
    if (end > entry->now.size) {
        const size_t extra = end - entry->now.size;
        memset(buf_reserve(&entry->now, extra), 0, extra);
        buf_commit(&entry->now, extra);
    }
    if (data.size > 0)
        memcpy(buf_data(&entry->now) + offset, data.data, data.size);
    entry->dirty = true;
}

static enum status mem_write(struct disk *d, const char *path, uint64_t offset, struct bytes data,
                             struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (!done)
        return status;
    struct mem_entry *entry = find_file(m, path);
    if (entry == NULL)
        entry = mem_add(m, path, MEM_FILE);
    write_at(entry, offset, data);
    return status;
}

static void sync_file(struct mem_entry *entry)
{
    buf_reset(&entry->durable);
    buf_append_bytes(&entry->durable, buf_bytes(&entry->now));
    entry->name_durable = true;
    entry->dirty = false;
}

static enum status mem_sync(struct disk *d, const char *path, struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (!done)
        return status;
    struct mem_entry *entry = find_file(m, path);
    if (entry == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", path);
    sync_file(entry);
    return status;
}

static enum status mem_replace(struct disk *d, const char *path, struct bytes data,
                               struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (!done)
        return status;
    struct mem_entry *entry = find_file(m, path);
    if (entry == NULL)
        entry = mem_add(m, path, MEM_FILE);
    buf_reset(&entry->now);
    buf_append_bytes(&entry->now, data);
    sync_file(entry);
    return status;
}

/* A copy: nobody writes to either. */
static enum status mem_link(struct disk *d, const char *from, const char *to, struct error *e)
{
    const struct mem_entry *source = find_file(mem_of(d), from);
    if (source == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", from);
    return mem_replace(d, to, buf_bytes(&source->now), e);
}

static enum status mem_resolve(struct disk *d, const char *path, char to[static DISK_PATH_MAX],
                               struct error *e)
{
    if (mem_find(mem_of(d), path) == NULL)
        return fail(e, STATUS_NOT_FOUND, "%s: no such file", path);
    snprintf(to, DISK_PATH_MAX, "%s", path);
    return STATUS_OK;
}

static enum status mem_space(struct disk *d, const char *path, uint64_t *free_bytes,
                             struct error *e)
{
    bool done;
    *free_bytes = mem_of(d)->space_bytes;
    return mem_operation(mem_of(d), MEM_READS, path, &done, e);
}

static enum status mem_mark_open(struct disk *d, const char *path, struct disk_mark **mark,
                                 struct error *e)
{
    struct kv_mem_disk *m = mem_of(d);
    bool done;
    const enum status status = mem_operation(m, MEM_WRITES, path, &done, e);
    if (!done)
        return status;
    struct mem_entry *entry = mem_find(m, path);
    if (entry == NULL)
        entry = mem_add(m, path, MEM_MARK);
    CHECK(entry->kind == MEM_MARK);
    if (status != STATUS_OK)
        return status;
    *mark = xmalloc(sizeof(**mark));
    **mark = (struct disk_mark){.disk = d, .word = &entry->word};
    return STATUS_OK;
}

static void mem_mark_close(struct disk_mark *mark)
{
    free(mark);
}

static const struct disk_ops mem_disk_ops = {
    .open_kv = mem_open_kv,
    .make_dir = mem_make_dir,
    .list = mem_list,
    .remove = mem_remove,
    .rename = mem_rename,
    .size = mem_size,
    .read = mem_read,
    .write = mem_write,
    .sync = mem_sync,
    .replace = mem_replace,
    .link = mem_link,
    .resolve = mem_resolve,
    .space = mem_space,
    .mark_open = mem_mark_open,
    .mark_close = mem_mark_close,
};
