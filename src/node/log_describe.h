/* log_describe.h -- log entries in words, for RAFT LOG: read by a worker, since it goes to disk.
 *
 *   from, to, log, lines set -> workers.submit(WORKER_SNAPSHOT, &d.job) -> in job.done: status
 *
 * The caller sets job.done and finds its own struct by container_of(). */

#ifndef NODE_LOG_DESCRIBE_H
#define NODE_LOG_DESCRIBE_H

#include "base/buf.h"
#include "node/ports.h"

#define LOG_DESCRIBE_ENTRIES_MAX 1000

struct log_store;

/* Of one entry, as figures. */
struct log_entry_facts {
    uint64_t term;
    uint32_t bytes; /* of its payload */
    uint8_t kind;   /* enum raft_kind */
};

struct log_describe {
    struct job job;
    struct log_store *log;
    uint64_t from, to;  /* to - from < LOG_DESCRIBE_ENTRIES_MAX, else cut */
    struct buf *lines;  /* lines[i] describes entry from + i; the caller's, initialized */
    struct log_entry_facts *facts; /* as many; NULL: not wanted, and the lines begin with them */
    const char *between; /* the requests of an entry; NULL = "; " */
    uint32_t line_max, line_count;
    enum status status; /* NOT_FOUND: from is compacted away or not written yet */
    struct error error;
};

/* Sets job.work; the other fields are the caller's. */
void log_describe_init(struct log_describe *d);

/* "index=7 term=2 CONFIG voters=1,2,3" -- one entry without its requests' details in the head:
 * appends one line, no newline. Any bytes are survived. */
struct log_entry;
void log_describe_entry(uint64_t index, const struct log_entry *entry, struct buf *to);

#endif
