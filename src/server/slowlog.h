/* slowlog.h -- the last commands that took long, as SLOWLOG tells them. */

#ifndef SERVER_SLOWLOG_H
#define SERVER_SLOWLOG_H

#include "base/buf.h"
#include "base/queue.h"

#define SLOWLOG_ARGS_MAX 32      /* arguments kept of an entry, as Redis */
#define SLOWLOG_ARG_BYTES_MAX 128

/* What came before a command of the log was executed (node/phases.h), of its batch. */
struct slowlog_phases {
    uint64_t index; /* of its entry; 0: it is no write, or did not come through this node's log */
    uint64_t queue_us, replicate_us;
    uint64_t persist_us; /* on this node's disk, a part of replicate; 0: the others were faster */
};

struct slowlog_entry {
    struct queue_node node;
    uint64_t id, time_s, duration_us;
    struct slowlog_phases phases;
    struct buf words; /* slowlog_words() */
    char *address, *name;
};

struct slowlog {
    struct queue entries; /* newest first */
    uint64_t count, next_id;
};

void slowlog_init(struct slowlog *l);
void slowlog_clear(struct slowlog *l);

/* The arguments, shortened, as le32 size and bytes each; replaces *words. */
void slowlog_words(struct buf *words, const struct bytes *args, size_t count);

struct slowlog_event {
    uint64_t time_s, duration_us;
    struct slowlog_phases phases;
    struct bytes words;
    const char *address, *name;
};
/* Keeps at most max entries. */
void slowlog_add(struct slowlog *l, const struct slowlog_event *event, uint64_t max);

#endif
