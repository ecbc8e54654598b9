/* segment.h -- committed entries of the log in a file of their own, for backups and the archive.
 *
 *   name   cluster:016x "-" first:020 "-" last:020 ".segment"
 *   bytes  magic:8 cluster:8 first:8 count:4 crc32c:4                  head, SEGMENT_HEAD_SIZE
 *          count times: size:4 crc32c:4 term:8 clock_ms:8 kind:1 payload
 *
 * Little-endian. An entry's checksum covers its index:8 and all behind the checksum. A file appears
 * under its name whole and durable, or not at all. Segments may overlap: several nodes may archive
 * into one directory, and committed entries are the same everywhere. */

#ifndef KV_SEGMENT_H
#define KV_SEGMENT_H

#include "base/buf.h"
#include "kv/disk.h"
#include "kv/log_store.h"

#define SEGMENT_HEAD_SIZE 32
#define SEGMENT_ENTRY_HEAD 25
#define SEGMENT_BYTES ((size_t)16 << 20) /* of payload, after which a segment ends; or one entry */
#define SEGMENT_FILE_MAX ((size_t)256 << 20) /* larger is none of ours */
#define SEGMENT_NAME_SIZE 80                 /* with its NUL */

/* One under construction. */
struct segment_writer {
    struct buf bytes;
    uint64_t cluster; /* log_identity_name() */
    uint64_t first;
    uint32_t count;
};
void segment_begin(struct segment_writer *w, uint64_t cluster, uint64_t first); /* keeps memory */
void segment_add(struct segment_writer *w, const struct log_entry *entry, uint64_t clock_ms);
/* Ends it, and writes dir/name, durably. At least one entry. */
enum status segment_write(struct segment_writer *w, struct disk *disk, const char *dir,
                          struct error *e) MUST_CHECK;
void segment_writer_clear(struct segment_writer *w);

struct segment_name {
    uint64_t cluster, first, last;
};
void segment_name_text(const struct segment_name *name, char text[static SEGMENT_NAME_SIZE]);
bool segment_name_parse(const char *text, struct segment_name *name);

/* The segments of a cluster in dir, by first index. Other files are passed over. */
struct segment_names {
    struct segment_name *names;
    size_t count;
};
enum status segment_list(struct disk *disk, const char *dir, uint64_t cluster,
                         struct segment_names *list, struct error *e) MUST_CHECK;
void segment_names_clear(struct segment_names *list);

struct segment_entry {
    struct log_entry entry; /* the payload lies in memory */
    uint64_t clock_ms;      /* of the log there; never falls */
};
struct segment {
    uint64_t cluster, first;
    struct segment_entry *entries;
    size_t count;
    struct buf memory;
};
/* Survives any bytes; they move to s->memory. false: damaged, or no segment. */
bool segment_decode(struct buf *bytes, struct segment *s);
/* STATUS_CORRUPT: not as it was written, or not what its name says. */
enum status segment_read(struct disk *disk, const char *dir, const struct segment_name *name,
                         struct segment *s, struct error *e) MUST_CHECK;
void segment_clear(struct segment *s);

#endif
