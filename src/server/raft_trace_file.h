/* raft_trace_file.h -- the raft core's records (node/raft_trace.h) in a file: `raft-trace PATH`. A
 * tool to look at one node with: it writes in the consensus loop. */

#ifndef SERVER_RAFT_TRACE_FILE_H
#define SERVER_RAFT_TRACE_FILE_H

#include "base/status.h"
#include "node/ports.h"

struct raft_trace_file;

/* Begins the file anew: a trace is of one life. */
enum status raft_trace_file_open(const char *path, struct raft_trace_file **file,
                                 struct error *e) MUST_CHECK;
void raft_trace_file_close(struct raft_trace_file *file); /* NULL is fine */
struct trace_port raft_trace_file_port(struct raft_trace_file *file); /* NULL: records nothing */

#endif
