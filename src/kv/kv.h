/* kv.h -- an ordered map of byte rows on disk. RocksDB (kv_rocks.c) or memory (kv_mem.c) behind it.
 *
 * Two kinds of database share the interface:
 *
 *   with WAL     (log DB)    kv_write(): synced batches; kv_drop_range()
 *   without WAL  (state DB)  kv_ingest(): sorted rows and ranges, all or nothing; no other writes
 *
 * Reading is safe from any thread beside one writer (kv_mem: one thread in all). The order of keys
 * is that of memcmp. Errors: STATUS_IO, STATUS_NO_SPACE, STATUS_CORRUPT, with a text. After a
 * failed write nothing is known of the last batch: close and open again (D16). */

#ifndef KV_KV_H
#define KV_KV_H

#include "base/buf.h"

struct disk;
struct kv_ops; /* kv_backend.h */
struct kv {
    const struct kv_ops *ops;
};

struct kv_options {
    const char *path;          /* a directory; its parent must exist */
    size_t write_buffer_bytes; /* WAL databases: rows held in memory; 0 = 32 MiB */
    size_t block_cache_bytes;  /* 0 = 8 MiB */
    bool wal;
    bool create_if_missing; /* else STATUS_NOT_FOUND */
    bool read_only;         /* changes nothing on disk, not even by opening */
};

/* [from, to); an empty to means to the last key. */
struct kv_range {
    struct bytes from, to;
};
#define KV_RANGE_ALL ((struct kv_range){BYTES_NONE, BYTES_NONE})

/* A database without WAL that holds this file was found damaged: it is not opened any more. */
#define KV_DAMAGE_FILE "DAMAGED"

/* What is found when this returns is durable, even if the process that wrote it was killed before
 * its sync. */
enum status kv_open(struct disk *d, const struct kv_options *options, struct kv **kv,
                    struct error *e) MUST_CHECK;

/* No iterator may be left. NULL is fine. */
void kv_close(struct kv *kv);

/* The value replaces what is in *value. NOT_FOUND (and *value empty) when there is no such row. */
enum status kv_get(struct kv *kv, struct bytes key, struct buf *value, struct error *e) MUST_CHECK;

/* Many at once; results[i] answers keys[i], with bytes in *memory, whose old content goes. All are
 * read as of one moment. STATUS_OK, whether they are found or not. */
struct kv_result {
    bool found;
    struct bytes value;
};
struct kv_keys {
    const struct bytes *keys;
    size_t count;
};
enum status kv_get_many(struct kv *kv, struct kv_keys keys, struct kv_result *results,
                        struct buf *memory, struct error *e) MUST_CHECK;

/* Walks the rows of a range as they are when it is made, later changes unseen. Starts outside: move
 * it first. Moves return false behind the last (before the first) row, and after an error:
 * kv_iterator_status() tells which. Key and value are borrowed until the next move. range's bytes
 * are copied. */
struct kv_iterator {
    const struct kv_ops *ops;
};
struct kv_iterator *kv_iterate(struct kv *kv, struct kv_range range);
bool kv_iterator_first(struct kv_iterator *i);
bool kv_iterator_last(struct kv_iterator *i);
bool kv_iterator_seek(struct kv_iterator *i, struct bytes key);      /* first row >= key */
bool kv_iterator_seek_back(struct kv_iterator *i, struct bytes key); /* last row <= key */
bool kv_iterator_next(struct kv_iterator *i); /* only from a row, like prev, key and value */
bool kv_iterator_prev(struct kv_iterator *i);
struct bytes kv_iterator_key(const struct kv_iterator *i);
struct bytes kv_iterator_value(const struct kv_iterator *i);
enum status kv_iterator_status(const struct kv_iterator *i, struct error *e) MUST_CHECK;
void kv_iterator_free(struct kv_iterator *i);

/* Makes all changes, in order, or none; durable when it returns STATUS_OK. Where rows that were
 * written before find no room for their file, it waits until there is. WAL only. */
enum kv_change_kind { KV_PUT, KV_DELETE, KV_DELETE_RANGE };
struct kv_change {
    enum kv_change_kind kind;
    struct bytes key;
    struct bytes value; /* KV_PUT: the value; KV_DELETE_RANGE: its end, [key, value) */
};
enum status kv_write(struct kv *kv, const struct kv_change *changes, size_t count,
                     struct error *e) MUST_CHECK;

/* Gives back the disk space of deleted rows. May take long; safe beside a writer. The range must
 * have been deleted (kv_write) before. What follows it may be written anew meanwhile: where that
 * takes more than room bytes STATUS_NO_SPACE, and only what costs nothing was given back. WAL
 * only. */
enum status kv_drop_range(struct kv *kv, struct kv_range range, uint64_t room,
                          struct error *e) MUST_CHECK;

/* All ranges (deleted first), then all rows, as one atomic and durable step. State DB only. Rows
 * come from next() by strictly rising key, borrowed until it is called again. */
struct kv_row {
    struct bytes key, value;
    bool deleted; /* a tombstone: value is unused */
};
struct kv_ingest {
    bool (*next)(void *context, struct kv_row *row); /* false = no more rows */
    void *context;
    const struct kv_range *ranges; /* with an end, not before from */
    size_t range_count;
};
enum status kv_ingest(struct kv *kv, const struct kv_ingest *ingest, struct error *e) MUST_CHECK;

/* A copy that can be opened, in a directory that must not exist yet, by hard links where that is
 * possible. Whole and durable when it returns STATUS_OK. */
enum status kv_checkpoint(struct kv *kv, const char *path, struct error *e) MUST_CHECK;

/* Figures for INFO and metrics. */
struct kv_stats {
    uint64_t rows_estimate;
    uint64_t disk_bytes;      /* of live files */
    uint64_t memory_bytes;    /* write buffers, indexes and filters */
    uint64_t cache_bytes;     /* blocks cached */
    uint64_t cache_bytes_max;
    uint64_t files;
    uint64_t compactions_pending;
    uint64_t compactions_running;
    bool background_error; /* a compaction or flush failed: the database accepts no more writes */
};
void kv_stats(struct kv *kv, struct kv_stats *stats, struct buf *text); /* text may be NULL */

#endif
