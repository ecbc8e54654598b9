/* shim_disk.c -- a bad disk for one process: preloaded (LD_PRELOAD) into a node by cluster tests.
 *
 *   SHIM_DISK_DIR      files below it are on the bad disk
 *   SHIM_DISK_CONTROL  a file of struct control, mapped; the test writes to it while the node runs
 *   SHIM_DISK_UNDO     if set: a directory of journals, one for each file (by inode number) that
 *                      has writes which were not synced. The test undoes them after a kill -9: what
 *                      power loss would have done. A sync then only forgets the journal.
 *
 * A journal is a row of records: struct undo, then old_bytes of what was there before. Names are
 * durable at once here; what is lost is content. Writes through a mapping are not seen: they
 * survive, which is the harder case for a mark that must never lead. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum operation { OP_SYNC = 1, OP_WRITE = 2, OP_READ = 4 };
enum deed { DEED_NONE, DEED_FAIL, DEED_HANG, DEED_DELAY, DEED_FLIP, DEED_LIE, DEED_FULL };

#define HANG_STEP_US 5000
#define PATH_BYTES 4096

struct control { /* little-endian on the machines we test on; shim.py knows it too */
    _Atomic uint32_t operations; /* enum operation, which of them */
    _Atomic uint32_t deed;       /* LIE: a sync does nothing; FLIP: a bit changes (pread, pwrite);
                                    FULL: no room for RocksDB's *.sst, but for all else */
    _Atomic uint32_t delay_ms;
    _Atomic uint32_t hits;       /* counted here */
    char part[64];               /* below SHIM_DISK_DIR, "log/" for example */
};

struct undo {
    uint64_t offset, old_size, old_bytes;
};

static struct control *control;
static char part_of_bad_disk[PATH_BYTES];
static const char *undo_directory;
static pthread_mutex_t undo_lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*next_write)(int, const void *, size_t);
static ssize_t (*next_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*next_pread)(int, void *, size_t, off_t);
static int (*next_fsync)(int), (*next_fdatasync)(int);
static int (*next_ftruncate)(int, off_t), (*next_openat)(int, const char *, int, ...);
static int (*next_unlink)(const char *), (*next_unlinkat)(int, const char *, int);
static int (*next_rename)(const char *, const char *);

/* POSIX lets a function's address travel in an object pointer; ISO C wants it copied. */
static void find(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    memcpy(function, &found, sizeof(found));
}

static void find_all(void)
{
    find("write", &next_write);
    find("pwrite", &next_pwrite);
    find("pread", &next_pread);
    find("fsync", &next_fsync);
    find("fdatasync", &next_fdatasync);
    find("ftruncate", &next_ftruncate);
    find("openat", &next_openat);
    find("unlink", &next_unlink);
    find("unlinkat", &next_unlinkat);
    find("rename", &next_rename);
}

__attribute__((constructor)) static void shim_open(void)
{
    find_all();
    const char *directory = getenv("SHIM_DISK_DIR"), *path = getenv("SHIM_DISK_CONTROL");
    undo_directory = getenv("SHIM_DISK_UNDO");
    if (directory == NULL || path == NULL)
        return;
    snprintf(part_of_bad_disk, sizeof(part_of_bad_disk), "%s/", directory);
    const int fd = next_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    void *mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        abort();
    control = mapped;
}

/* --- deeds ------------------------------------------------------------------------------------ */

/* Its path below the bad disk, or NULL. */
static const char *place_of(int fd, char path[static PATH_BYTES])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, PATH_BYTES - 1);
    if (size < 0)
        return NULL;
    path[size] = '\0';
    const size_t prefix = strlen(part_of_bad_disk);
    return strncmp(path, part_of_bad_disk, prefix) == 0 ? path + prefix : NULL;
}

/* What is to be done to the operation on fd; delays and hangs happen in here. */
static enum deed deed_for(int fd, enum operation operation)
{
    if (control == NULL || (atomic_load(&control->operations) & operation) == 0 ||
        atomic_load(&control->deed) == DEED_NONE)
        return DEED_NONE;
    char path[PATH_BYTES];
    const int saved = errno;
    const char *place = place_of(fd, path);
    errno = saved;
    if (place == NULL || strncmp(place, control->part, strlen(control->part)) != 0)
        return DEED_NONE;
    const enum deed deed = (enum deed)atomic_load(&control->deed);
    const size_t size = strlen(place);
    if (deed == DEED_FULL && (size < 4 || strcmp(place + size - 4, ".sst") != 0))
        return DEED_NONE;
    atomic_fetch_add(&control->hits, 1);
    if (deed == DEED_DELAY)
        usleep(1000 * atomic_load(&control->delay_ms));
    while (deed == DEED_HANG && atomic_load(&control->deed) == DEED_HANG)
        usleep(HANG_STEP_US);
    return deed;
}

static bool fails(int fd, enum operation operation)
{
    const enum deed deed = deed_for(fd, operation);
    if (deed == DEED_FAIL || deed == DEED_FULL)
        errno = deed == DEED_FAIL ? EIO : ENOSPC;
    return deed == DEED_FAIL || deed == DEED_FULL;
}

/* --- what power loss would take --------------------------------------------------------------- */

static bool journal_of(const struct stat *info, char path[static PATH_BYTES])
{
    if (undo_directory == NULL || control == NULL || !S_ISREG(info->st_mode))
        return false;
    snprintf(path, PATH_BYTES, "%s/%llu", undo_directory, (unsigned long long)info->st_ino);
    return true;
}

static void forget(const struct stat *info)
{
    char path[PATH_BYTES];
    if (journal_of(info, path))
        next_unlink(path);
}

static void write_all(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        const ssize_t done = next_write(fd, at, size);
        if (done <= 0)
            abort(); /* the test's own disk */
        at += done;
        size -= (size_t)done;
    }
}

static void write_old(int journal, int fd, const struct undo *u)
{
    char name[64], bytes[65536];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd); /* fd may be for writing alone */
    const int from = next_openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        abort();
    for (uint64_t at = 0; at < u->old_bytes;) {
        const uint64_t left = u->old_bytes - at;
        const ssize_t got = next_pread(from, bytes, left < sizeof(bytes) ? left : sizeof(bytes),
                                       (off_t)(u->offset + at));
        if (got <= 0)
            abort();
        write_all(journal, bytes, (size_t)got);
        at += (uint64_t)got;
    }
    close(from);
}

/* Bytes [offset, offset + size) of fd are about to change, or to go. */
static void note(int fd, off_t offset, size_t size)
{
    struct stat info;
    char path[PATH_BYTES], place[PATH_BYTES];
    if (fstat(fd, &info) != 0 || !journal_of(&info, path) || place_of(fd, place) == NULL)
        return;
    const uint64_t at = (uint64_t)offset, old = (uint64_t)info.st_size;
    const uint64_t there = at < old ? old - at : 0;
    const struct undo u = {at, old, there < size ? there : size};
    const int journal =
        next_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0)
        abort();
    write_all(journal, &u, sizeof(u));
    write_old(journal, fd, &u);
    close(journal);
}

static bool is_undone(void)
{
    return undo_directory != NULL && control != NULL;
}

static int sync_file(int fd, int (*next)(int))
{
    const enum deed deed = deed_for(fd, OP_SYNC);
    if (deed == DEED_FAIL) {
        errno = EIO;
        return -1;
    }
    if (deed == DEED_LIE)
        return 0;
    if (!is_undone())
        return next(fd);
    struct stat info;
    pthread_mutex_lock(&undo_lock);
    const int result = fstat(fd, &info);
    if (result == 0)
        forget(&info);
    pthread_mutex_unlock(&undo_lock);
    return result;
}

/* The name goes: with it the file, if it has no other. */
static void forget_name(int at, const char *path)
{
    struct stat info;
    const int saved = errno;
    if (is_undone() && fstatat(at, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_nlink == 1)
        forget(&info);
    errno = saved;
}

/* --- what the process calls ------------------------------------------------------------------- */

int fsync(int fd)
{
    return sync_file(fd, next_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, next_fdatasync);
}

static ssize_t write_flipped(int fd, const void *bytes, size_t size, off_t offset)
{
    char *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    copy[size / 2] ^= 16;
    const ssize_t done = next_pwrite(fd, copy, size, offset);
    free(copy);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    const enum deed deed = deed_for(fd, OP_WRITE);
    if (deed == DEED_FAIL) {
        errno = EIO;
        return -1;
    }
    if (deed == DEED_FLIP)
        return write_flipped(fd, bytes, size, offset);
    if (!is_undone())
        return next_pwrite(fd, bytes, size, offset);
    pthread_mutex_lock(&undo_lock);
    note(fd, offset, size);
    const ssize_t done = next_pwrite(fd, bytes, size, offset);
    pthread_mutex_unlock(&undo_lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (next_write == NULL) /* before our constructor ran */
        find_all();
    if (fails(fd, OP_WRITE))
        return -1;
    if (!is_undone())
        return next_write(fd, bytes, size);
    pthread_mutex_lock(&undo_lock);
    const int saved = errno;
    const bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    const off_t at = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    errno = saved;
    if (at >= 0) /* else a socket or the like */
        note(fd, at, size);
    const ssize_t done = next_write(fd, bytes, size);
    pthread_mutex_unlock(&undo_lock);
    return done;
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    const enum deed deed = deed_for(fd, OP_READ);
    if (deed == DEED_FAIL) {
        errno = EIO;
        return -1;
    }
    const ssize_t got = next_pread(fd, bytes, size, offset);
    if (deed == DEED_FLIP && got > 0)
        ((char *)bytes)[got / 2] ^= 16;
    return got;
}

int ftruncate(int fd, off_t size)
{
    if (!is_undone())
        return next_ftruncate(fd, size);
    pthread_mutex_lock(&undo_lock);
    note(fd, size, SIZE_MAX);
    const int result = next_ftruncate(fd, size);
    pthread_mutex_unlock(&undo_lock);
    return result;
}

static int opened(int fd)
{
    struct stat info;
    const int saved = errno;
    if (fd >= 0 && is_undone() && fstat(fd, &info) == 0 && info.st_size == 0)
        forget(&info); /* new, or emptied: a journal of that number is another file's */
    errno = saved;
    return fd;
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;
    va_start(arguments, flags);
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (next_openat == NULL)
        find_all();
    const int fd = next_openat(at, path, flags, mode);
    return (flags & O_CREAT) != 0 ? opened(fd) : fd;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;
    va_start(arguments, flags);
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

int unlink(const char *path)
{
    forget_name(AT_FDCWD, path);
    return next_unlink(path);
}

int unlinkat(int at, const char *path, int flags)
{
    forget_name(at, path);
    return next_unlinkat(at, path, flags);
}

int rename(const char *from, const char *to)
{
    forget_name(AT_FDCWD, to);
    return next_rename(from, to);
}

/* The same by the names that are compiled in where off_t was asked to be 64 bits wide. */
ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
    __attribute__((alias("pwrite")));
ssize_t pread64(int fd, void *bytes, size_t size, off_t offset) __attribute__((alias("pread")));
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));
