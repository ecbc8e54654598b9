/* log_store.h -- what a node must never forget: the Raft log, the hard state, who it is.
 *
 *      base                                    last
 *   ---[7]   8   9  10  11  12 | 13  14         ---> log_store_write() appends, cuts, compacts
 *     (index, term of the last compacted entry)
 *
 * Every write is one atomic and synced batch, and carries the next write number; after its sync the
 * number goes to the file log.mark too. A store whose own number is below its mark has lost writes
 * that were acknowledged, and is refused, as is any other damage (§6.4).
 *
 * Threads: log_store_read() and _stats() from any thread, beside one writer at a time (write,
 * compact, reset, identify). log_store_reclaim() from any one thread, beside the writer. */

#ifndef KV_LOG_STORE_H
#define KV_LOG_STORE_H

#include "base/buf.h"

#define LOG_PAYLOAD_MAX (64u << 20) /* bytes of one entry: far above what Raft proposes */

struct disk;
struct kv_stats;
struct log_store;

struct log_store_options {
    struct disk *disk;
    const char *dir;           /* of the node: log.mark and the directory log/ are in it */
    size_t write_buffer_bytes; /* 0 = 32 MiB */
    bool read_only;            /* looks, and changes nothing: no boot is counted; NOT_FOUND */
};

struct log_identity {
    uint8_t cluster_id[16]; /* who may talk to whom: a recovered cluster is another one */
    uint8_t hash_key[16];   /* orders the rows of the state, for ever: the first cluster's id */
    uint64_t node_id; /* 0 = the directory belongs to nobody yet */
    uint64_t incarnation;
};

/* The cluster's name for people. The id itself is shown to nobody: as long as the cluster was never
 * recovered it is the hash key too, and who knew that could choose names that collide. */
uint64_t log_identity_name(const struct log_identity *identity);

struct log_hard_state {
    uint64_t current_term;
    uint64_t voted_for; /* 0 = nobody */
    uint32_t promise_ms;
};

struct log_entry {
    uint64_t term;
    uint8_t kind;
    struct bytes payload;
};

/* The configuration that an entry brought, or that a snapshot ending at index holds; opaque. */
struct log_config {
    uint64_t index;
    struct bytes config;
};

/* Entries of one term that follow each other. */
struct log_run {
    uint64_t first, term;
};

struct log_item {
    uint32_t size; /* of the payload */
    uint8_t kind;
};

/* All that open found. Owns its memory; log_recovered_clear(). */
struct log_recovered {
    struct log_identity identity;
    uint64_t boot; /* this life's number, from 1; already durable */
    struct log_hard_state hard_state;
    uint64_t base_index, base_term; /* last compacted entry; 0, 0 = none */
    uint64_t last_index;            /* = base_index when there are no entries */
    struct log_run *runs;           /* first rises, term rises */
    size_t run_count;
    struct log_item *items; /* items[i] is entry base_index + 1 + i */
    struct log_config *configs; /* by index; at most the first is at or below base_index */
    size_t config_count;
    uint64_t *skips; /* indexes that apply passes over, rising */
    size_t skip_count;
    uint64_t bytes; /* payloads of all entries */
    struct buf introduction; /* the members that log_store_introduce() was told; or empty */
    struct buf memory;
};
void log_recovered_clear(struct log_recovered *recovered);

/* One part of a write. All that is set takes effect in the order of the fields. { 0 } changes
 * nothing. */
struct log_write {
    const struct log_hard_state *hard_state; /* NULL = as it was */
    uint64_t reset_index, reset_term;        /* index > 0: entries, configs, skips go; base */
    uint64_t truncate_from;                  /* > 0: this index and all behind go, configs too */
    uint64_t first;                          /* index of entries[0], last_index + 1 by then */
    const struct log_entry *entries;
    size_t entry_count;
    const struct log_config *configs;
    size_t config_count;
    const uint64_t *skips;
    size_t skip_count;
    uint64_t compact_index, compact_term; /* index > 0: becomes the base; configs above it and the
                                             newest at or below it stay; below the base: nothing */
};

/* Opens or creates. Checks every row. STATUS_CORRUPT: the text says what is damaged and what to do.
 * What it reports is durable, and the boot number is one higher than ever before. */
enum status log_store_open(const struct log_store_options *options, struct log_store **store,
                           struct log_recovered *recovered, struct error *e) MUST_CHECK;
void log_store_close(struct log_store *store); /* NULL is fine */

/* Makes a new directory somebody's. Panics when it is somebody else's. */
enum status log_store_identify(struct log_store *store, const struct log_identity *identity,
                               struct error *e) MUST_CHECK;
/* The same, in one write with the members that whoever introduced this node knew: where others may
 * be found until the log says more. Opaque. */
enum status log_store_introduce(struct log_store *store, const struct log_identity *identity,
                                struct bytes members, struct error *e) MUST_CHECK;
/* As identify, for a directory that was somebody's: only for avow-check, which makes a new cluster
 * of what is left of an old one. */
enum status log_store_rename(struct log_store *store, const struct log_identity *identity,
                             struct error *e) MUST_CHECK;

/* All writes, in order, as one atomic, synced batch. After an error the store takes no more writes:
 * nobody knows what is on the disk (D16). Entries that do not fit the log panic. */
enum status log_store_write(struct log_store *store, const struct log_write *writes, size_t count,
                            struct error *e) MUST_CHECK;

/* Reads entries from .. to, at most bytes_max of payload, but always one. They replace what is in
 * *block. STATUS_NOT_FOUND: from is compacted away or not written yet. */
struct log_range {
    uint64_t from, to;
    size_t bytes_max;
};
struct log_block {
    uint64_t first;
    struct log_entry *entries; /* payloads lie in memory */
    size_t count, capacity;
    struct buf memory;
};
enum status log_store_read(struct log_store *store, const struct log_range *range,
                           struct log_block *block, struct error *e) MUST_CHECK;
void log_block_clear(struct log_block *block); /* { 0 } is empty */

/* Drops all entries up to index, whose term is given: a write with compact_index alone. */
enum status log_store_compact(struct log_store *store, uint64_t index, uint64_t term,
                              struct error *e) MUST_CHECK;

/* Gives the space of what was dropped back to the disk. May take long, and up to room bytes
 * meanwhile: STATUS_NO_SPACE where that is too little, try again later. */
enum status log_store_reclaim(struct log_store *store, uint64_t room, struct error *e) MUST_CHECK;

/* The log starts anew behind a snapshot: a write with reset_index, config and hard state alone. */
struct log_reset {
    uint64_t index, term;
    struct bytes config;
    const struct log_hard_state *hard_state; /* NULL = as it was */
};
enum status log_store_reset(struct log_store *store, const struct log_reset *reset,
                            struct error *e) MUST_CHECK;

struct log_store_stats {
    uint64_t writes;     /* write number */
    uint64_t disk_bytes;
    uint64_t files;
};
void log_store_stats(struct log_store *store, struct log_store_stats *stats);
void log_store_kv_stats(struct log_store *store, struct kv_stats *stats);

#endif
