/* rdb_stream.h -- a stream that was read from a payload, checked whole: flat arrays, in the order
 * of the payload, which is that of ids and names. */

#ifndef COMMAND_RDB_STREAM_H
#define COMMAND_RDB_STREAM_H

#include "command/rdb.h"
#include "command/stream_group.h"

struct rdb_entry {
    struct stream_id id;
    struct bytes row; /* as in SPACE_ENTRY */
};

struct rdb_consumer {
    struct bytes name;
    uint64_t seen_ms;
};

struct rdb_pending {
    struct stream_id id;
    int64_t delivered_ms, deliveries;
    size_t consumer; /* index into consumers; SIZE_MAX: nobody's yet */
};

struct rdb_group {
    struct bytes name;
    struct stream_id last;
    int64_t entries_read;
    bool has_entries_read; /* not in the first form */
    size_t first_consumer, consumer_count, first_pending, pending_count;
};

struct rdb_stream {
    struct stream_id last, max_deleted;
    uint64_t added;
    struct stream_node *nodes;
    struct rdb_entry *entries;
    struct rdb_group *groups;
    struct rdb_consumer *consumers;
    struct rdb_pending *pending;
    size_t node_count, node_capacity, entry_count, entry_capacity, group_count, group_capacity;
    size_t consumer_count, consumer_capacity, pending_count, pending_capacity;
};

void rdb_stream_free(struct rdb_stream *s); /* NULL: nothing to do */

/* Makes an absent key that stream. */
void rdb_stream_restore(const struct rdb_stream *from, struct stream *stream);

#endif
