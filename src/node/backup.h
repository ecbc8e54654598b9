/* backup.h -- RAFT BACKUP: the state and the log behind it leave for a directory of the operator's,
 * while everything goes on. Of the consensus half; included by consensus_parts.h.
 *
 *   ADMIN_BACKUP -> OPEN -> WAIT -> CHECKPOINT -> LOG -> COPY -> COMMIT -> answer
 *                     \_______________\___________\______\-> ABORT -> answer
 *
 * The checkpoint is hard links; the log follows from its last entry to what was committed when it
 * was made, so the backup ends with everything that was acknowledged before it was asked for.
 * All disk work is the snapshot worker's, in small jobs, not more than backup-rate bytes a second.
 * An install of a snapshot ends a backup: the state it copies goes. */

#ifndef NODE_BACKUP_H
#define NODE_BACKUP_H

#include "kv/backup_set.h"
#include "kv/segment.h"
#include "node/snapshot.h"

#define BACKUP_RATE_DEFAULT ((uint64_t)64 << 20) /* half of what a snapshot may */

struct admin;

/* Entries from next on, read from the log and written as one segment; for the worker. */
struct segment_task {
    struct disk *disk;
    struct log_store *log;
    char dir[DISK_PATH_MAX];
    uint64_t cluster;
    raft_index next, to; /* in: what to write; out: next rises */
    raft_term term;      /* out: of the last entry written */
    uint64_t clock_ms;   /* in and out: of the log up to next - 1 */
    struct segment_writer writer;
    struct log_block block;
};
/* One segment; next > to afterwards when nothing is left. */
enum status segment_task_run(struct segment_task *t, struct error *e) MUST_CHECK;
void segment_task_clear(struct segment_task *t);

enum backup_step {
    BACKUP_IDLE,
    BACKUP_OPEN,
    BACKUP_WAIT,       /* for a flush, and for an install to end */
    BACKUP_CHECKPOINT, /* no install may begin, the log is not cut */
    BACKUP_LOG,        /* the log is not cut beyond .about.index */
    BACKUP_COPY,
    BACKUP_COMMIT,
    BACKUP_ABORT
};

struct backup {
    struct job job;
    bool job_runs, job_done;
    enum backup_step step;
    struct admin *admin;
    struct snapshot_place place;
    const char *node_dir;
    uint64_t reserve; /* bytes that stay free */
    raft_index flush_to; /* what the state holds at least */
    struct backup_writer writer;
    uint64_t id, next_id; /* of the checkpoint */
    char path[DISK_PATH_MAX];
    struct snapshot_about about;
    struct snapshot_files files;
    uint32_t file; /* of .files, being copied; it was begun or not */
    bool is_begun;
    struct segment_task log;
    uint64_t begun_us, wait_us; /* wait_us: since then for the log */
    uint64_t budget, budget_us;
    uint64_t count;             /* made since the start */
    raft_index last_index;      /* of the newest */
    const char *called_off;     /* why; NULL: it was not */
    enum status status;
    struct error error;
};
void backup_admin(struct consensus *c, struct admin *admin); /* takes it, answers once */
void backup_turn(struct consensus *c);
/* A snapshot is to be installed: calls the backup off. true: none is under way any more. */
bool backup_gives_way(struct consensus *c);
/* The log may not be cut behind this index; 0 = it may. */
raft_index backup_pin(const struct consensus *c);
void backup_close(struct consensus *c);

#endif
