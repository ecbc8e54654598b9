/* backup_write.c -- a backup is made: copied in steps, linked where the one before has the same.
 *
 *   backup_open -> segments, files (compare with the one before | copy) -> MANIFEST -> rename
 *
 * A file of the same name and size in the backup before is taken from there if the bytes have its
 * checksum: a name alone proves nothing, every generation of the state counts its files anew. */

#include "kv/backup_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/panic.h"

#define SYNC_BYTES ((uint64_t)8 << 20) /* at once: no sync of the log waits for much more */
#define SERIES_TEXT "avow-backups 1\n"

/* --- where ------------------------------------------------------------------------------------ */

/* Whether path is dir or lies in it; both resolved. */
static bool is_within(const char *path, const char *dir)
{
    const size_t size = strlen(dir);
    if (strcmp(dir, "/") == 0)
        return true;
    return strncmp(path, dir, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* w->dir: the path without links on its way. Its end may not be one, else somebody else decides
 * where we write. */
static enum status resolve_dir(struct backup_writer *w, const char *dir, struct error *e)
{
    char parent[DISK_PATH_MAX], resolved[DISK_PATH_MAX];
    const char *slash = strrchr(dir, '/');
    if (dir[0] != '/' || strlen(dir) >= DISK_PATH_MAX)
        return fail(e, STATUS_INVALID, "the directory must be an absolute path on this node");
    const char *name = slash + 1;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(e, STATUS_INVALID, "the directory must end with a name of its own");
    snprintf(parent, sizeof(parent), "%.*s", slash == dir ? 1 : (int)(slash - dir), dir);
    enum status status = disk_resolve(w->disk, parent, resolved, e);
    if (status == STATUS_NOT_FOUND)
        return fail(e, status, "there is no directory %.100s: make it first", parent);
    if (status == STATUS_OK)
        status = disk_join(w->dir, strcmp(resolved, "/") == 0 ? "" : resolved, name, e);
    if (status != STATUS_OK)
        return status;
    status = disk_resolve(w->disk, w->dir, resolved, e);
    if (status == STATUS_OK && strcmp(resolved, w->dir) != 0)
        return fail(e, STATUS_INVALID, "%.100s is a symbolic link: name the directory itself", dir);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status check_apart(struct backup_writer *w, const char *node_dir, struct error *e)
{
    char own[DISK_PATH_MAX];
    const enum status status = disk_resolve(w->disk, node_dir, own, e);
    if (status == STATUS_OK && (is_within(w->dir, own) || is_within(own, w->dir)))
        return fail(e, STATUS_INVALID, "backups cannot lie in this node's directory, nor above");
    return status;
}

/* A series, or made one. */
static enum status open_series(struct backup_writer *w, struct buf *numbers, struct error *e)
{
    struct buf names = {0};
    char path[DISK_PATH_MAX];
    enum status status = backup_list(w->disk, w->dir, numbers, e);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = disk_make_dir(w->disk, w->dir, e);
    if (status == STATUS_OK)
        status = disk_list(w->disk, w->dir, &names, e);
    const bool is_empty = names.size == 0;
    buf_clear(&names);
    if (status == STATUS_OK && !is_empty)
        return fail(e, STATUS_INVALID, "%.100s is neither empty nor a series of backups", w->dir);
    if (status == STATUS_OK)
        status = disk_join(path, w->dir, "SERIES", e);
    return status == STATUS_OK ? disk_replace(w->disk, path, BYTES(SERIES_TEXT), e) : status;
}

/* The newest whole backup; one whose manifest is damaged is nothing to share with. */
static enum status read_previous(struct backup_writer *w, const struct buf *numbers,
                                 struct error *e)
{
    const size_t count = numbers->size / sizeof(uint64_t);
    if (count > 0)
        memcpy(&w->number, buf_data(numbers) + (count - 1) * sizeof(uint64_t), sizeof(w->number));
    w->number++;
    if (count == 0)
        return STATUS_OK;
    enum status status = backup_path(w->dir, w->number - 1, w->before, e);
    if (status == STATUS_OK)
        status = backup_manifest_read(w->disk, w->before, &w->previous, e);
    if (status == STATUS_CORRUPT)
        return STATUS_OK;
    if (status == STATUS_OK && w->previous.cluster != w->manifest.cluster)
        return fail(e, STATUS_INVALID, "%.100s has backups of another cluster: use a directory of "
                    "its own", w->dir);
    return status;
}

static enum status make_part(struct backup_writer *w, struct error *e)
{
    char name[40], path[DISK_PATH_MAX];
    static const char *const inner[] = {"state", "log"};
    snprintf(name, sizeof(name), "part-%" PRIu64, w->manifest.node);
    enum status status = disk_join(w->part, w->dir, name, e);
    if (status == STATUS_OK)
        status = disk_remove(w->disk, w->part, e);
    if (status == STATUS_OK)
        status = disk_make_dir(w->disk, w->part, e);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_COUNT(inner); i++) {
        status = disk_join(path, w->part, inner[i], e);
        if (status == STATUS_OK)
            status = disk_make_dir(w->disk, path, e);
    }
    return status;
}

enum status backup_open(struct backup_writer *w, const char *dir, const char *node_dir,
                        struct error *e)
{
    struct buf numbers = {0};
    w->part[0] = '\0';
    w->number = 0;
    w->bytes = w->shared_bytes = 0;
    enum status status = resolve_dir(w, dir, e);
    if (status == STATUS_OK)
        status = check_apart(w, node_dir, e);
    if (status == STATUS_OK)
        status = open_series(w, &numbers, e);
    if (status == STATUS_OK)
        status = read_previous(w, &numbers, e);
    if (status == STATUS_OK)
        status = make_part(w, e);
    buf_clear(&numbers);
    return status;
}

/* --- files ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct backup_file *)a)->name, ((const struct backup_file *)b)->name);
}

static const struct backup_file *find_same(const struct backup_writer *w, const char *name,
                                           uint64_t size)
{
    struct backup_file wanted;
    if (w->previous.count == 0)
        return NULL;
    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    const struct backup_file *found = bsearch(&wanted, w->previous.files, w->previous.count,
                                              sizeof(wanted), by_name);
    return found != NULL && found->size == size ? found : NULL;
}

uint64_t backup_cost(const struct backup_writer *w, const char *name, uint64_t size)
{
    return find_same(w, name, size) != NULL ? 0 : size;
}

static enum status add_file(struct backup_writer *w, struct error *e)
{
    struct backup_manifest *m = &w->manifest;
    if (m->count == BACKUP_FILES_MAX)
        return fail(e, STATUS_INVALID, "more than %d files", BACKUP_FILES_MAX);
    if (m->count == m->capacity) {
        m->capacity = MAX(64, 2 * m->capacity);
        m->files = xrealloc(m->files, m->capacity * sizeof(*m->files));
    }
    m->files[m->count++] = w->file;
    w->bytes += w->file.size;
    return STATUS_OK;
}

enum status backup_file_begin(struct backup_writer *w, const char *name, const char *from,
                              struct error *e)
{
    CHECK(strlen(name) <= BACKUP_NAME_MAX);
    CHECK(strlen(from) < sizeof(w->from));
    strcpy(w->file.name, name);
    strcpy(w->from, from);
    w->file.crc = 0;
    w->position = 0;
    const enum status status = disk_size(w->disk, from, &w->file.size, e);
    w->same = status == STATUS_OK ? find_same(w, name, w->file.size) : NULL;
    return status;
}

static enum status read_chunk(struct backup_writer *w, size_t bytes_max, struct error *e)
{
    const size_t size = (size_t)MIN(w->file.size - w->position, bytes_max);
    buf_reset(&w->chunk);
    const enum status status =
        disk_read(w->disk, w->from, (struct disk_span){w->position, size}, &w->chunk, e);
    if (status == STATUS_OK && w->chunk.size != size)
        return fail(e, STATUS_IO, "%.200s is shorter than it was", w->from);
    w->file.crc = crc32c(w->file.crc, buf_bytes(&w->chunk));
    return status;
}

/* The same as before: linked. Otherwise, or where links cannot be made, copied from the start. */
static enum status end_comparing(struct backup_writer *w, const char *to, bool *done,
                                 struct error *e)
{
    char before[DISK_PATH_MAX];
    enum status status = disk_join(before, w->before, w->file.name, e);
    const bool is_same = w->file.crc == w->same->crc;
    w->same = NULL;
    if (status == STATUS_OK && is_same && disk_link(w->disk, before, to, e) == STATUS_OK) {
        w->shared_bytes += w->file.size;
        *done = true;
        return add_file(w, e);
    }
    w->position = 0;
    w->file.crc = 0;
    return status;
}

enum status backup_file_step(struct backup_writer *w, size_t bytes_max, bool *done,
                             struct error *e)
{
    char to[DISK_PATH_MAX];
    *done = false;
    enum status status = disk_join(to, w->part, w->file.name, e);
    if (status == STATUS_OK)
        status = read_chunk(w, bytes_max, e);
    if (status == STATUS_OK && w->same == NULL)
        status = disk_write(w->disk, to, w->position, buf_bytes(&w->chunk), e);
    if (status != STATUS_OK)
        return status;
    w->position += w->chunk.size;
    const bool is_end = w->position >= w->file.size;
    if (w->same != NULL)
        return is_end ? end_comparing(w, to, done, e) : STATUS_OK;
    if (is_end || w->position % SYNC_BYTES < w->chunk.size)
        status = disk_sync(w->disk, to, e);
    if (status == STATUS_OK && is_end)
        status = add_file(w, e);
    *done = is_end && status == STATUS_OK;
    return status;
}

enum status backup_log_path(const struct backup_writer *w, char path[static DISK_PATH_MAX],
                            struct error *e)
{
    return disk_join(path, w->part, "log", e);
}

enum status backup_log_file(struct backup_writer *w, const char *name, struct bytes content,
                            struct error *e)
{
    snprintf(w->file.name, sizeof(w->file.name), "log/%s", name);
    w->file.size = content.size;
    w->file.crc = crc32c(0, content);
    return add_file(w, e);
}

/* --- the end ---------------------------------------------------------------------------------- */

enum status backup_commit(struct backup_writer *w, struct error *e)
{
    char path[DISK_PATH_MAX], final[DISK_PATH_MAX];
    struct buf bytes = {0};
    struct backup_manifest *m = &w->manifest;
    qsort(m->files, m->count, sizeof(*m->files), by_name);
    backup_manifest_encode(m, &bytes);
    enum status status = disk_join(path, w->part, "MANIFEST", e);
    if (status == STATUS_OK)
        status = disk_replace(w->disk, path, buf_bytes(&bytes), e);
    if (status == STATUS_OK)
        status = backup_path(w->dir, w->number, final, e);
    if (status == STATUS_OK)
        status = disk_rename(w->disk, w->part, final, e);
    buf_clear(&bytes);
    return status;
}

void backup_end(struct backup_writer *w, bool committed)
{
    struct error e;
    /* What cannot be removed now has no number, and goes with the next backup. */
    if (!committed && w->part[0] != '\0' && disk_remove(w->disk, w->part, &e) != STATUS_OK)
        w->part[0] = '\0';
    backup_manifest_clear(&w->manifest);
    backup_manifest_clear(&w->previous);
    buf_clear(&w->chunk);
    w->part[0] = '\0';
}
