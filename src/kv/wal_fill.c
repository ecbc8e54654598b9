#include "kv/wal_fill.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LOOK ((size_t)64 << 10) /* a log that is hardly written need not be filled */
#define FILL_BYTES ((size_t)1 << 20)
#define PIECE_BYTES ((size_t)64 << 10)
#define WAL_BLOCK 32768 /* RocksDB's log::kBlockSize */
#define WAL_HEADER 7    /* of each piece of a record; as much may be left before the next block */

void wal_fill_init(struct wal_fill *f, size_t file_bytes)
{
    const size_t bytes = file_bytes < FILL_BYTES ? file_bytes : FILL_BYTES;
    *f = (struct wal_fill){.fd = -1, .room = FIRST_LOOK, .fill_bytes = bytes};
}

void wal_fill_clear(struct wal_fill *f)
{
    if (f->fd >= 0)
        close(f->fd);
    wal_fill_init(f, f->fill_bytes);
}

/* The number of a file NNNNNN.log; 0 for others. */
static unsigned long log_number(const char *name)
{
    char *end;
    if (*name < '0' || *name > '9')
        return 0;
    const unsigned long number = strtoul(name, &end, 10);
    return strcmp(end, ".log") == 0 ? number : 0;
}

static unsigned long newest_log(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return 0;
    unsigned long newest = 0;
    const struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const unsigned long number = log_number(entry->d_name);
        if (number > newest)
            newest = number;
    }
    closedir(d);
    return newest;
}

/* The memtable was full, or this is the first look: another file has taken over. */
static void follow(struct wal_fill *f, const char *dir)
{
    const unsigned long number = newest_log(dir);
    if (number == f->number)
        return;
    wal_fill_clear(f);
    char path[4096];
    const int size = snprintf(path, sizeof(path), "%s/%06lu.log", dir, number);
    if (number == 0 || size < 0 || (size_t)size >= sizeof(path))
        return;
    f->number = number;
    f->fd = open(path, O_WRONLY | O_CLOEXEC);
}

static void fill(struct wal_fill *f)
{
    static const char zeros[PIECE_BYTES];
    struct stat info;
    if (f->fd < 0 || fstat(f->fd, &info) != 0)
        return;
    if (info.st_size > f->end)
        f->end = info.st_size; /* the records overtook our zeros: they end where the file ends */
    if (info.st_size < f->end)
        return; /* it was closed, and another one takes over: at the next look */
    const off_t end = f->end + (off_t)f->fill_bytes;
    while (f->end < end) {
        const size_t left = (size_t)(end - f->end);
        const ssize_t done = pwrite(f->fd, zeros, left < PIECE_BYTES ? left : PIECE_BYTES, f->end);
        if (done <= 0)
            return; /* no space: what is left of it is for the records */
        f->end += done;
    }
}

void wal_fill_written(struct wal_fill *f, const char *dir, size_t size)
{
    f->written += size + 2 * WAL_HEADER * (size / WAL_BLOCK + 2);
    if (f->written < f->room)
        return;
    f->written = 0;
    f->room = f->fill_bytes;
    follow(f, dir);
    fill(f);
}
