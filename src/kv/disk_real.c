/* disk_real.c -- the real disk: POSIX files. Its databases are RocksDB's (kv_rocks.c).
 *
 * "Durably" means: the bytes by fdatasync or fsync, and a name by fsync of the directory that it is
 * in. Files are opened for each call; nothing here is on the path of a request. */

#define _GNU_SOURCE /* nftw() */

#include "kv/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/panic.h"
#include "kv/kv_backend.h"

#define WALK_FILES_MAX 16 /* descriptors that nftw() may hold: one for each level of depth */

static enum status system_failed(struct error *e, const char *what, const char *path)
{
    const int number = errno;
    const enum status status = number == ENOENT                       ? STATUS_NOT_FOUND
                               : number == ENOSPC || number == EDQUOT ? STATUS_NO_SPACE
                                                                      : STATUS_IO;
    return fail(e, status, "%s %.200s: %s", what, path, strerror(number));
}

static enum status sync_path(const char *path, int flags, struct error *e)
{
    const int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return system_failed(e, "open", path);
    enum status status = STATUS_OK;
    if (fsync(fd) != 0)
        status = system_failed(e, "fsync", path);
    close(fd); /* what fsync() took is safe, whatever close() says */
    return status;
}

/* Makes the name of path durable. */
static enum status sync_parent(const char *path, struct error *e)
{
    char parent[DISK_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof(parent))
        return fail(e, STATUS_INVALID, "the path %.100s... is too long", path);
    memcpy(parent, path, size);
    parent[size] = '\0';
    const char *dir = slash == NULL ? "." : size == 0 ? "/" : parent;
    return sync_path(dir, O_RDONLY | O_DIRECTORY, e);
}

static enum status real_make_dir(struct disk *d, const char *path, struct error *e)
{
    (void)d;
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return system_failed(e, "mkdir", path);
    return sync_parent(path, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Puts the NUL-ended names in buf into order. */
static void sort_names(struct buf *names, size_t count)
{
    struct buf sorted = {0};
    const char **pointers = xmalloc(count * sizeof(*pointers));
    const char *next = (const char *)buf_data(names);
    for (size_t i = 0; i < count; i++) {
        pointers[i] = next;
        next += strlen(next) + 1;
    }
    qsort(pointers, count, sizeof(*pointers), by_name);
    for (size_t i = 0; i < count; i++)
        buf_append(&sorted, pointers[i], strlen(pointers[i]) + 1);
    free(pointers);
    buf_clear(names);
    *names = sorted;
}

static enum status real_list(struct disk *d, const char *path, struct buf *names, struct error *e)
{
    (void)d;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return system_failed(e, "open", path);
    enum status status = STATUS_OK;
    size_t count = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                status = system_failed(e, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buf_append(names, entry->d_name, strlen(entry->d_name) + 1);
        count++;
    }
    closedir(dir);
    if (status == STATUS_OK)
        sort_names(names, count);
    return status;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

static enum status real_remove(struct disk *d, const char *path, struct error *e)
{
    (void)d;
    if (nftw(path, remove_one, WALK_FILES_MAX, FTW_DEPTH | FTW_PHYS) != 0) {
        if (errno == ENOENT)
            return STATUS_OK;
        return system_failed(e, "remove", path);
    }
    return sync_parent(path, e);
}

static enum status real_rename(struct disk *d, const char *from, const char *to, struct error *e)
{
    (void)d;
    if (rename(from, to) != 0)
        return system_failed(e, "rename", from);
    const enum status status = sync_parent(to, e);
    return status == STATUS_OK ? sync_parent(from, e) : status;
}

static enum status real_size(struct disk *d, const char *path, uint64_t *size, struct error *e)
{
    (void)d;
    struct stat info;
    if (stat(path, &info) != 0)
        return system_failed(e, "stat", path);
    *size = (uint64_t)info.st_size;
    return STATUS_OK;
}

static enum status real_read(struct disk *d, const char *path, struct disk_span span,
                             struct buf *to, struct error *e)
{
    (void)d;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return system_failed(e, "open", path);
    enum status status = STATUS_OK;
    while (span.size > 0) {
        const size_t piece = MIN(span.size, (size_t)1 << 20);
        const ssize_t got = pread(fd, buf_reserve(to, piece), piece, (off_t)span.offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = system_failed(e, "read", path);
        if (got <= 0)
            break;
        buf_commit(to, (size_t)got);
        span.offset += (uint64_t)got;
        span.size -= (size_t)got;
    }
    close(fd);
    return status;
}

static enum status write_all(int fd, uint64_t offset, struct bytes data, const char *path,
                             struct error *e)
{
    while (data.size > 0) {
        const ssize_t put = pwrite(fd, data.data, data.size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return system_failed(e, "write", path);
        offset += (uint64_t)put;
        data = bytes_from(data, (size_t)put);
    }
    return STATUS_OK;
}

static enum status real_write(struct disk *d, const char *path, uint64_t offset, struct bytes data,
                              struct error *e)
{
    (void)d;
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return system_failed(e, "open", path);
    enum status status = write_all(fd, offset, data, path, e);
    if (close(fd) != 0 && status == STATUS_OK) /* network file systems tell here */
        status = system_failed(e, "close", path);
    return status;
}

static enum status real_sync(struct disk *d, const char *path, struct error *e)
{
    (void)d;
    const enum status status = sync_path(path, O_RDONLY, e);
    return status == STATUS_OK ? sync_parent(path, e) : status;
}

static enum status real_replace(struct disk *d, const char *path, struct bytes data,
                                struct error *e)
{
    char temp[DISK_PATH_MAX];
    const int size = snprintf(temp, sizeof(temp), "%s.tmp", path);
    if (size < 0 || size >= DISK_PATH_MAX)
        return fail(e, STATUS_INVALID, "the path %.100s... is too long", path);
    const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return system_failed(e, "open", temp);
    enum status status = write_all(fd, 0, data, temp, e);
    if (status == STATUS_OK && fsync(fd) != 0)
        status = system_failed(e, "fsync", temp);
    if (close(fd) != 0 && status == STATUS_OK)
        status = system_failed(e, "close", temp);
    return status == STATUS_OK ? real_rename(d, temp, path, e) : status;
}

static enum status real_link(struct disk *d, const char *from, const char *to, struct error *e)
{
    (void)d;
    if (link(from, to) != 0)
        return system_failed(e, "link", from);
    return sync_parent(to, e);
}

static enum status real_resolve(struct disk *d, const char *path, char to[static DISK_PATH_MAX],
                                struct error *e)
{
    (void)d;
    char *resolved = realpath(path, NULL);
    if (resolved == NULL)
        return system_failed(e, "resolve", path);
    const size_t size = strlen(resolved);
    if (size < DISK_PATH_MAX)
        memcpy(to, resolved, size + 1);
    free(resolved);
    return size < DISK_PATH_MAX ? STATUS_OK
                                : fail(e, STATUS_INVALID, "the path %.100s is too long", path);
}

static enum status real_space(struct disk *d, const char *path, uint64_t *free_bytes,
                              struct error *e)
{
    (void)d;
    struct statvfs info;
    if (statvfs(path, &info) != 0)
        return system_failed(e, "statvfs", path);
    *free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return STATUS_OK;
}

static enum status real_mark_open(struct disk *d, const char *path, struct disk_mark **mark,
                                  struct error *e)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return system_failed(e, "open", path);
    /* A store into a mapped hole may end the process when the disk is full: so allocate. */
    const int allocated = posix_fallocate(fd, 0, sizeof(uint64_t));
    if (allocated != 0) {
        errno = allocated;
        const enum status status = system_failed(e, "allocate", path);
        close(fd);
        return status;
    }
    void *word = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (word == MAP_FAILED)
        return system_failed(e, "map", path);
    const enum status status = sync_parent(path, e);
    if (status != STATUS_OK) {
        munmap(word, sizeof(uint64_t));
        return status;
    }
    *mark = xmalloc(sizeof(**mark));
    **mark = (struct disk_mark){.disk = d, .word = word};
    return STATUS_OK;
}

static void real_mark_close(struct disk_mark *mark)
{
    munmap(mark->word, sizeof(uint64_t));
    free(mark);
}

struct disk_lock {
    int fd;
};

static enum status lock_taken(const char *dir, int fd, struct error *e)
{
    char owner[24];
    const ssize_t size = pread(fd, owner, sizeof(owner) - 1, 0);
    owner[size > 0 ? size : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    return fail(e, STATUS_LOCKED,
                "the directory %.200s is in use by process %s: stop it, or give this node a"
                " directory of its own",
                dir, owner[0] == '\0' ? "(unknown)" : owner);
}

enum status disk_lock(const char *dir, struct disk_lock **lock, struct error *e)
{
    char path[DISK_PATH_MAX];
    const enum status status = disk_join(path, dir, "LOCK", e);
    if (status != STATUS_OK)
        return status;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return system_failed(e, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const enum status refused = errno == EWOULDBLOCK ? lock_taken(dir, fd, e)
                                                         : system_failed(e, "lock", path);
        close(fd);
        return refused;
    }
    char owner[24];
    const int size = snprintf(owner, sizeof(owner), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, owner, (size_t)size, 0) != size) {
        const enum status failed = system_failed(e, "write", path);
        close(fd);
        return failed;
    }
    *lock = xmalloc(sizeof(**lock));
    (*lock)->fd = fd;
    return STATUS_OK;
}

void disk_unlock(struct disk_lock *lock)
{
    if (lock == NULL)
        return;
    close(lock->fd); /* the file stays: removing it could take it from under a new owner */
    free(lock);
}

struct disk *disk_real(void)
{
    static const struct disk_ops ops = {
        .open_kv = kv_rocks_open,
        .make_dir = real_make_dir,
        .list = real_list,
        .remove = real_remove,
        .rename = real_rename,
        .size = real_size,
        .read = real_read,
        .write = real_write,
        .sync = real_sync,
        .replace = real_replace,
        .link = real_link,
        .resolve = real_resolve,
        .space = real_space,
        .mark_open = real_mark_open,
        .mark_close = real_mark_close,
    };
    static struct disk disk = {&ops};
    return &disk;
}
