/* archive.h -- committed entries are kept for ever, as segments in archive-dir/node-<id>: what a
 * backup needs to be restored to any point behind it. Of the consensus half.
 *
 *   log   first ..... archived | ..... min(committed, persisted) ... last
 *         \_ may be cut _/      \_ a segment each archive-interval, or SEGMENT_BYTES of it
 *
 * The log is cut only behind what is archived. An archive that cannot be written to pins it for
 * ARCHIVE_PINS times log-keep; then it is cut all the same, since a node that fills its disk is no
 * use to anybody, and the hole is counted, logged, and told by RAFT DOCTOR. A snapshot's install
 * makes one too. What other nodes archive below the same directory may fill it. */

#ifndef NODE_ARCHIVE_H
#define NODE_ARCHIVE_H

#include "node/backup.h"

struct archive {
    struct job job;
    bool job_runs, job_done;
    bool is_known;         /* what lies there was looked at */
    const char *dir;       /* in it node-<id>, where the task writes */
    struct segment_task task;
    raft_index base;       /* the log begins behind it: at the look, at the newest gap */
    raft_index archived;   /* everything up to here is there, or counted as a gap */
    raft_index gap_first, gap_last; /* the newest gap */
    uint64_t gaps, segments;
    uint64_t due_us;       /* not before that */
    uint64_t log_bytes, taken_bytes; /* compaction.log_bytes up to .archived; of the job */
    uint64_t failing_us, warned_us; /* since when; 0 = it is fine */
    enum status status;
    struct error error;
};
void archive_tick(struct consensus *c);
/* The log may be cut up to here, as far as the archive is concerned. */
raft_index archive_limit(struct consensus *c, const struct raft_status *at);
void archive_close(struct consensus *c);

#endif
