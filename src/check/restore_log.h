/* restore_log.h -- entries from the segments of a backup and of an archive, as one row. */

#ifndef CHECK_RESTORE_LOG_H
#define CHECK_RESTORE_LOG_H

#include "kv/disk.h"
#include "kv/segment.h"

#define LOG_SOURCES 64 /* the backup's own, the archive, node-<id> in it of every node */

struct log_source {
    char dir[DISK_PATH_MAX];
    struct segment_names names;
};

struct restore_log {
    struct disk *disk;
    uint64_t cluster;
    struct log_source sources[LOG_SOURCES];
    size_t source_count;
    struct segment segment; /* the one in hand */
    uint64_t next;          /* of the entry that comes next */
};

enum status restore_log_open(struct restore_log *l, const char *dir, struct error *e) MUST_CHECK;
/* An archive-dir, or that of one node in it. */
enum status restore_log_archive(struct restore_log *l, const char *dir, struct error *e) MUST_CHECK;
void restore_log_close(struct restore_log *l);

/* The next entry, borrowed until the next call. NOT_FOUND: no source has it; first_behind is then
 * where the next segment begins, 0 = there is none. CORRUPT: all that have it are damaged. */
enum status restore_log_next(struct restore_log *l, const struct segment_entry **entry,
                             uint64_t *first_behind, struct error *e) MUST_CHECK;

#endif
