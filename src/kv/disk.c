/* disk.c -- passes the calls of disk.h on to the backend. */

#include "kv/disk.h"

#include <stdio.h>

#include "kv/kv_backend.h"

enum status disk_join(char path[static DISK_PATH_MAX], const char *dir, const char *name,
                      struct error *e)
{
    const int size = snprintf(path, DISK_PATH_MAX, "%s/%s", dir, name);
    if (size < 0 || size >= DISK_PATH_MAX)
        return fail(e, STATUS_INVALID, "the path %.100s.../%.40s is longer than %d bytes", dir,
                    name, DISK_PATH_MAX - 1);
    return STATUS_OK;
}

enum status disk_make_dir(struct disk *d, const char *path, struct error *e)
{
    return d->ops->make_dir(d, path, e);
}

enum status disk_list(struct disk *d, const char *path, struct buf *names, struct error *e)
{
    buf_reset(names);
    return d->ops->list(d, path, names, e);
}

enum status disk_remove(struct disk *d, const char *path, struct error *e)
{
    return d->ops->remove(d, path, e);
}

enum status disk_rename(struct disk *d, const char *from, const char *to, struct error *e)
{
    return d->ops->rename(d, from, to, e);
}

enum status disk_size(struct disk *d, const char *path, uint64_t *size, struct error *e)
{
    return d->ops->size(d, path, size, e);
}

enum status disk_read(struct disk *d, const char *path, struct disk_span span, struct buf *to,
                      struct error *e)
{
    return d->ops->read(d, path, span, to, e);
}

enum status disk_write(struct disk *d, const char *path, uint64_t offset, struct bytes data,
                       struct error *e)
{
    return d->ops->write(d, path, offset, data, e);
}

enum status disk_sync(struct disk *d, const char *path, struct error *e)
{
    return d->ops->sync(d, path, e);
}

enum status disk_replace(struct disk *d, const char *path, struct bytes data, struct error *e)
{
    return d->ops->replace(d, path, data, e);
}

enum status disk_link(struct disk *d, const char *from, const char *to, struct error *e)
{
    return d->ops->link(d, from, to, e);
}

enum status disk_resolve(struct disk *d, const char *path, char to[static DISK_PATH_MAX],
                         struct error *e)
{
    return d->ops->resolve(d, path, to, e);
}

enum status disk_space(struct disk *d, const char *path, uint64_t *free_bytes, struct error *e)
{
    return d->ops->space(d, path, free_bytes, e);
}

enum status disk_mark_open(struct disk *d, const char *path, struct disk_mark **mark,
                           struct error *e)
{
    *mark = NULL;
    return d->ops->mark_open(d, path, mark, e);
}

/* Atomic, so that a reader in another thread never sees half a number. */
uint64_t disk_mark_get(const struct disk_mark *mark)
{
    return __atomic_load_n(mark->word, __ATOMIC_ACQUIRE);
}

void disk_mark_set(struct disk_mark *mark, uint64_t value)
{
    __atomic_store_n(mark->word, value, __ATOMIC_RELEASE);
}

void disk_mark_close(struct disk_mark *mark)
{
    if (mark != NULL)
        mark->disk->ops->mark_close(mark);
}
