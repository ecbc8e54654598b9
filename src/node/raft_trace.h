/* raft_trace.h -- what went into a raft core, and what came out, as bytes; and a core to which that
 * is done once more. Same options, same inputs => same outputs: where they are not, the core or the
 * recorder has a secret.
 *
 *   open   options, what the stores held          begins a life; a file may hold several
 *   input  the input, its status and index        each raft_step()
 *   flush  CRC32C of the whole output             each raft_flush()
 *
 * A record is le32 size, then so many bytes. A process that was killed leaves half a record at the
 * end; that is no error. */

#ifndef NODE_RAFT_TRACE_H
#define NODE_RAFT_TRACE_H

#include "base/buf.h"
#include "raft/raft.h"

/* Each appends one record to *to. */
void raft_trace_open(struct buf *to, const struct raft_options *options,
                     const struct raft_saved *saved);
void raft_trace_input(struct buf *to, const struct raft_input *input, enum status status,
                      raft_index first);
void raft_trace_flush(struct buf *to, const struct raft_output *output);

struct raft_replay {
    uint64_t lives, inputs, flushes;
    size_t bytes;     /* replayed; what is behind them is half a record */
    char error[160];  /* "" = every output was the recorded one */
    struct buf scratch;
    struct raft *raft;
};

/* Feeds a trace to cores of its own. Returns whether all came out as recorded. A trace that no
 * recorder wrote may panic: it breaks the promises of a driver. */
bool raft_replay(struct raft_replay *replay, struct bytes trace);
void raft_replay_clear(struct raft_replay *replay);

#endif
