/* backup_set.h -- backups on a disk: a series of them in one directory.
 *
 *   dir/SERIES                  "avow-backups 1\n": what else is in here is ours
 *   dir/000001/MANIFEST         written last; without it there is no backup
 *   dir/000001/state/...        the files of the state at .index
 *   dir/000001/log/...          segments (segment.h): entries from .index + 1 to .last_index
 *   dir/000002/...              files that did not change are hard links into the one before
 *   dir/part-<node>/            one under construction
 *
 *   MANIFEST  magic:8 made_ms:8 cluster:8 hash_key:16 node:8 index:8 term:8 clock_ms:8 last_index:8
 *             last_term:8 last_clock_ms:8 config_size:4 config count:4
 *             (name_size:1 name size:8 crc32c:4)*count crc32c:4 over all before it    little-endian
 *
 * Nothing is shared with the node's own files: what damages those leaves the backup alone. For one
 * thread at a time. */

#ifndef KV_BACKUP_SET_H
#define KV_BACKUP_SET_H

#include "kv/disk.h"

#define BACKUP_NAME_MAX 127
#define BACKUP_FILES_MAX 131072
#define BACKUP_NUMBER_SIZE 24 /* text of a number, with its NUL */

struct backup_file {
    char name[BACKUP_NAME_MAX + 1]; /* "state/..." or "log/..." */
    uint64_t size;
    uint32_t crc;
};

struct backup_manifest {
    uint64_t made_ms; /* wall clock of its node */
    uint64_t cluster; /* log_identity_name() */
    uint8_t hash_key[16];
    uint64_t node;
    uint64_t index, term, clock_ms;                /* of the state */
    uint64_t last_index, last_term, last_clock_ms; /* with the log behind it */
    struct buf config; /* payload of the newest CONFIG entry that the state has applied */
    struct backup_file *files; /* by name */
    uint32_t count, capacity;
};
void backup_manifest_clear(struct backup_manifest *m);
void backup_manifest_encode(const struct backup_manifest *m, struct buf *to);
/* Survives any bytes; false: no manifest. Names stay in their two directories. */
bool backup_manifest_decode(struct bytes encoded, struct backup_manifest *m);
/* NOT_FOUND: the directory has none, hence is no whole backup. */
enum status backup_manifest_read(struct disk *disk, const char *backup, struct backup_manifest *m,
                                 struct error *e) MUST_CHECK;

/* The numbers of the whole backups of a series, rising, as uint64_t in *numbers. NOT_FOUND: dir is
 * no series. */
enum status backup_list(struct disk *disk, const char *dir, struct buf *numbers,
                        struct error *e) MUST_CHECK;
enum status backup_path(const char *dir, uint64_t number, char path[static DISK_PATH_MAX],
                        struct error *e) MUST_CHECK;

/* Reads a file of a backup, compares size and checksum; writes it to path unless that is NULL. */
enum status backup_take(struct disk *disk, const char *backup, const struct backup_file *file,
                        const char *path, struct error *e) MUST_CHECK;

/* --- making one ------------------------------------------------------------------------------- */

struct backup_writer {
    struct disk *disk;
    char dir[DISK_PATH_MAX], part[DISK_PATH_MAX], before[DISK_PATH_MAX];
    uint64_t number;
    struct backup_manifest manifest; /* the caller fills all but the files */
    struct backup_manifest previous; /* no files: there is none */
    uint64_t bytes, shared_bytes;    /* shared: of .bytes, those linked into the one before */
    /* the file being copied */
    struct backup_file file;
    char from[DISK_PATH_MAX];
    const struct backup_file *same; /* while it is compared with that of the backup before */
    uint64_t position;
    struct buf chunk;
};

/* dir: absolute, neither in nor above node_dir, no symbolic link at its end; a series, empty, or
 * not there. What an earlier one left unfinished goes. .manifest.cluster and .node are set. */
enum status backup_open(struct backup_writer *w, const char *dir, const char *node_dir,
                        struct error *e) MUST_CHECK;
/* Bytes that a file of that name and size will probably need. */
uint64_t backup_cost(const struct backup_writer *w, const char *name, uint64_t size);
/* The next file: name is that in the backup, from where it is now. Then steps until *done. */
enum status backup_file_begin(struct backup_writer *w, const char *name, const char *from,
                              struct error *e) MUST_CHECK;
enum status backup_file_step(struct backup_writer *w, size_t bytes_max, bool *done,
                             struct error *e) MUST_CHECK;
/* Where segments are written; each is then reported. */
enum status backup_log_path(const struct backup_writer *w, char path[static DISK_PATH_MAX],
                            struct error *e) MUST_CHECK;
enum status backup_log_file(struct backup_writer *w, const char *name, struct bytes content,
                            struct error *e) MUST_CHECK;
/* From here on it is there. */
enum status backup_commit(struct backup_writer *w, struct error *e) MUST_CHECK;
/* Takes away what was written, and forgets; after commit too. */
void backup_end(struct backup_writer *w, bool committed);

#endif
