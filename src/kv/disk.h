/* disk.h -- where a node's files and databases live: the real file system with RocksDB, or the
 * simulator's memory (kv_mem.h). Whoever stores something is handed a struct disk, and so runs
 * unmodified in the simulator.
 *
 * Paths have '/' between their parts. Every function returns STATUS_OK, STATUS_NOT_FOUND where it
 * says so, STATUS_NO_SPACE, or STATUS_IO with a text that names the path. */

#ifndef KV_DISK_H
#define KV_DISK_H

#include "base/buf.h"

#define DISK_PATH_MAX 1024 /* with its NUL; longer is STATUS_INVALID */

struct disk_ops; /* kv_backend.h */
struct disk {
    const struct disk_ops *ops;
};

/* The real one: POSIX files, RocksDB databases. Safe from any thread; never freed. */
struct disk *disk_real(void);

/* Joins dir and name with '/'. */
enum status disk_join(char path[static DISK_PATH_MAX], const char *dir, const char *name,
                      struct error *e) MUST_CHECK;

/* Makes the directory durably; fine when it is there. Its parent must be. */
enum status disk_make_dir(struct disk *d, const char *path, struct error *e) MUST_CHECK;

/* The names in a directory, sorted, without "." and "..", each followed by a NUL. NOT_FOUND. */
enum status disk_list(struct disk *d, const char *path, struct buf *names,
                      struct error *e) MUST_CHECK;

/* Removes a file, or a directory with all in it, durably; fine when there is none. */
enum status disk_remove(struct disk *d, const char *path, struct error *e) MUST_CHECK;

/* Renames a file or directory durably, both in one file system. A file replaces a file; a directory
 * must not be there. NOT_FOUND. */
enum status disk_rename(struct disk *d, const char *from, const char *to,
                        struct error *e) MUST_CHECK;

/* Bytes of a file. NOT_FOUND. */
enum status disk_size(struct disk *d, const char *path, uint64_t *size, struct error *e) MUST_CHECK;

struct disk_span {
    uint64_t offset;
    size_t size;
};
/* Appends the bytes of the span to *to; fewer at the file's end. NOT_FOUND. */
enum status disk_read(struct disk *d, const char *path, struct disk_span span, struct buf *to,
                      struct error *e) MUST_CHECK;

/* Writes at offset, making the file if need be. Not durable before disk_sync() returns. */
enum status disk_write(struct disk *d, const char *path, uint64_t offset, struct bytes data,
                       struct error *e) MUST_CHECK;

/* Makes a file's bytes and its name durable. NOT_FOUND. */
enum status disk_sync(struct disk *d, const char *path, struct error *e) MUST_CHECK;

/* The file holds data, whole and durable, or what it held before, whatever happens (temp file,
 * fsync, rename, fsync of the directory). */
enum status disk_replace(struct disk *d, const char *path, struct bytes data,
                         struct error *e) MUST_CHECK;

/* Gives the file from a second name, durably: neither may be written to any more. IO where the file
 * system has no hard links, or no room for one: then copy. */
enum status disk_link(struct disk *d, const char *from, const char *to, struct error *e) MUST_CHECK;

/* The absolute path of what is at path, without links on the way. NOT_FOUND. */
enum status disk_resolve(struct disk *d, const char *path, char to[static DISK_PATH_MAX],
                         struct error *e) MUST_CHECK;

/* Bytes that may still be written under path. */
enum status disk_space(struct disk *d, const char *path, uint64_t *free_bytes,
                       struct error *e) MUST_CHECK;

/* A mark: one number in a mapped 8-byte file. It costs a store, outlives the process at once, and
 * may be older than what was set when the machine loses its power. 0 in a new file. */
struct disk_mark;
enum status disk_mark_open(struct disk *d, const char *path, struct disk_mark **mark,
                           struct error *e) MUST_CHECK;
uint64_t disk_mark_get(const struct disk_mark *mark);
void disk_mark_set(struct disk_mark *mark, uint64_t value);
void disk_mark_close(struct disk_mark *mark); /* NULL is fine */

/* Takes dir/LOCK for this process (real file system only). STATUS_LOCKED, with directory and
 * process id in the text, while another process has it. The kernel gives it back when the process
 * ends. */
struct disk_lock;
enum status disk_lock(const char *dir, struct disk_lock **lock, struct error *e) MUST_CHECK;
void disk_unlock(struct disk_lock *lock);

#endif
