/* kv_backend.h -- what a disk and its databases have to provide. Included by the backends and the
 * two files that pass calls on (kv.c, disk.c), by nobody else. */

#ifndef KV_KV_BACKEND_H
#define KV_KV_BACKEND_H

#include "kv/disk.h"
#include "kv/kv.h"

struct kv_ops {
    void (*close)(struct kv *kv);
    enum status (*get)(struct kv *kv, struct bytes key, struct buf *value, struct error *e);
    enum status (*get_many)(struct kv *kv, struct kv_keys keys, struct kv_result *results,
                            struct buf *memory, struct error *e);
    enum status (*write)(struct kv *kv, const struct kv_change *changes, size_t count,
                         struct error *e);
    enum status (*drop_range)(struct kv *kv, struct kv_range range, uint64_t room,
                              struct error *e);
    enum status (*ingest)(struct kv *kv, const struct kv_ingest *ingest, struct error *e);
    enum status (*checkpoint)(struct kv *kv, const char *path, struct error *e);
    void (*stats)(struct kv *kv, struct kv_stats *stats, struct buf *text);

    struct kv_iterator *(*iterate)(struct kv *kv, struct kv_range range);
    bool (*first)(struct kv_iterator *i);
    bool (*last)(struct kv_iterator *i);
    bool (*seek)(struct kv_iterator *i, struct bytes key);
    bool (*seek_back)(struct kv_iterator *i, struct bytes key);
    bool (*next)(struct kv_iterator *i);
    bool (*prev)(struct kv_iterator *i);
    struct bytes (*key)(const struct kv_iterator *i);
    struct bytes (*value)(const struct kv_iterator *i);
    enum status (*status)(const struct kv_iterator *i, struct error *e);
    void (*free)(struct kv_iterator *i);
};

struct disk_mark {
    struct disk *disk;
    uint64_t *word; /* mapped, or in the simulated disk */
};

struct disk_ops {
    enum status (*open_kv)(struct disk *d, const struct kv_options *options, struct kv **kv,
                           struct error *e);
    enum status (*make_dir)(struct disk *d, const char *path, struct error *e);
    enum status (*list)(struct disk *d, const char *path, struct buf *names, struct error *e);
    enum status (*remove)(struct disk *d, const char *path, struct error *e);
    enum status (*rename)(struct disk *d, const char *from, const char *to, struct error *e);
    enum status (*size)(struct disk *d, const char *path, uint64_t *size, struct error *e);
    enum status (*read)(struct disk *d, const char *path, struct disk_span span, struct buf *to,
                        struct error *e);
    enum status (*write)(struct disk *d, const char *path, uint64_t offset, struct bytes data,
                         struct error *e);
    enum status (*sync)(struct disk *d, const char *path, struct error *e);
    enum status (*replace)(struct disk *d, const char *path, struct bytes data, struct error *e);
    enum status (*link)(struct disk *d, const char *from, const char *to, struct error *e);
    enum status (*resolve)(struct disk *d, const char *path, char to[static DISK_PATH_MAX],
                           struct error *e);
    enum status (*space)(struct disk *d, const char *path, uint64_t *free_bytes, struct error *e);
    enum status (*mark_open)(struct disk *d, const char *path, struct disk_mark **mark,
                             struct error *e);
    void (*mark_close)(struct disk_mark *mark);
};

/* kv_rocks.c's part of the real disk. */
enum status kv_rocks_open(struct disk *d, const struct kv_options *options, struct kv **kv,
                          struct error *e) MUST_CHECK;

#endif
