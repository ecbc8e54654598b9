/* log_store_internal.h -- what the two halves of the log store share: log_store.c (writing,
 * reading) and log_recover.c (opening). */

#ifndef KV_LOG_STORE_INTERNAL_H
#define KV_LOG_STORE_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "kv/disk.h"
#include "kv/kv.h"
#include "kv/log_format.h"

/* Config rows that may be kept: those above the commit index and one below. The raft core refuses a
 * change with far fewer of them open. */
#define LOG_CONFIGS_MAX 1024

struct log_store {
    struct kv *kv;
    struct disk_mark *mark;
    char path[DISK_PATH_MAX]; /* of the database */
    bool failed;              /* a write failed: nothing more is written */
    uint64_t number;          /* of the last write */
    uint64_t node_id;

    /* The log as the writer leaves it. */
    uint64_t base_index, last_index;
    uint64_t configs[LOG_CONFIGS_MAX]; /* indexes of the config rows, rising */
    size_t config_count;

    /* What readers may count on: lowered before rows go, raised after rows came. A reader that
     * misses a row and finds another number of cuts than before has lost a race, not a row. */
    _Atomic uint64_t readable_base, readable_last, cuts;

    /* The batch in the making. */
    struct arena arena;
    struct kv_change *changes;
    size_t change_count, change_capacity;
};

/* STATUS_CORRUPT, with what is damaged and what to do about it. */
enum status log_damaged(const struct log_store *store, struct error *e, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Fills store and recovered from the open database. */
enum status log_recover(struct log_store *store, struct log_recovered *recovered,
                        struct error *e) MUST_CHECK;

#endif
