/* kv_mem_internal.h -- what the two halves of the disk in memory share: kv_mem_disk.c (paths,
 * files, faults, crashes) and kv_mem.c (databases). */

#ifndef KV_KV_MEM_INTERNAL_H
#define KV_KV_MEM_INTERNAL_H

#include "base/prng.h"
#include "kv/kv_backend.h"
#include "kv/kv_mem.h"
#include "kv/tree.h"

#define MEM_PENDING_MAX 8 /* unsynced states of one database: a write follows a failed sync never */

#define MEM_DATABASE_NAME "DB"   /* in the database's directory, once it was opened */
#define MEM_CHECKPOINT_NAME "ROWS" /* in its place before: all rows, and their CRC */

enum mem_kind { MEM_DIR, MEM_FILE, MEM_MARK, MEM_DATABASE };

/* One path of the disk. */
struct mem_entry {
    struct mem_entry *next;
    char *path;
    enum mem_kind kind;

    /* MEM_FILE: what reads see, and what is sure to be there after a power loss. */
    struct buf now, durable;
    bool dirty;        /* the two differ, or the name is not durable */
    bool name_durable; /* else the file may be gone */

    /* MEM_MARK. The word's address is stable. */
    uint64_t word, word_durable;

    /* MEM_DATABASE: durable, then the states after each write that was not synced. */
    struct tree *root;
    struct tree *pending[MEM_PENDING_MAX];
    size_t pending_count;
    struct tree *kept; /* kv_mem_disk_keep() */
    bool open;
    uint64_t open_epoch;
};

struct kv_mem_disk {
    struct disk base;
    struct prng prng;
    struct mem_entry *entries;
    uint64_t operations;
    uint64_t epoch; /* crashes so far: what was opened before is dead */
    uint64_t fault_count;
    uint64_t space_bytes; /* that disk_space() tells */
    enum kv_mem_fault fault;
    bool dead;
};

static inline struct kv_mem_disk *mem_of(struct disk *d)
{
    return container_of(d, struct kv_mem_disk, base);
}

/* Counts one operation and meets the fault that is due. *done tells whether its effect happens; it
 * may, although the caller is told STATUS_IO. */
enum mem_access { MEM_READS, MEM_WRITES };
enum status mem_operation(struct kv_mem_disk *m, enum mem_access access, const char *path,
                          bool *done, struct error *e) MUST_CHECK;

struct mem_entry *mem_find(struct kv_mem_disk *m, const char *path);
struct mem_entry *mem_add(struct kv_mem_disk *m, const char *path, enum mem_kind kind);
void mem_forget(struct kv_mem_disk *m, struct mem_entry *entry);

/* The newest state of a database, synced or not. */
static inline struct tree *mem_newest(const struct mem_entry *entry)
{
    return entry->pending_count == 0 ? entry->root : entry->pending[entry->pending_count - 1];
}

/* Of the unsynced states the first count become durable; the rest is gone. */
void mem_settle(struct mem_entry *entry, size_t count);

enum status mem_open_kv(struct disk *d, const struct kv_options *options, struct kv **kv,
                        struct error *e) MUST_CHECK;

#endif
