/* machine_world.h -- a machine on a disk in memory, fed with entries made of words; for tests. */

#ifndef MACHINE_WORLD_H
#define MACHINE_WORLD_H

#include "keyspace/keyspace.h"
#include "kv/kv_mem.h"
#include "machine/machine.h"

#define WORLD_SELF 1
#define WORLD_BOOT 5

#define WORLD_WAITS_MAX 4096

struct world_wait {
    uint64_t waiter, timeout_ms;
    bool stands;
};

struct world {
    struct kv_mem_disk *disk;
    struct kv *kv;
    struct cache *cache;
    struct keyspace *k;
    struct machine *m;
    uint64_t next_index, next_batch, term, clock_ms;
    int protocol;
    bool deaf;           /* nobody waits for replies */
    size_t reply_size;   /* of the last reply that was given back */
    struct buf replies;  /* of own requests, one behind the other */
    struct buf events;   /* "expired k|del k|" as the host was told */
    uint32_t local_runs;
    bool local_writes;   /* the host's local() tries to change a row */
    struct world_wait waits[WORLD_WAITS_MAX]; /* of own requests, as they began to wait */
    uint32_t wait_count;
    struct buf served;   /* "0:reply|1:gone|" by number of waits */
    size_t served_size;  /* what is complete of it */
    struct arena arena;
};

void world_init(struct world *w, size_t cache_bytes);
void world_clear(struct world *w);
void world_flush(struct world *w);  /* all dirty rows to the disk */
void world_reopen(struct world *w, size_t cache_bytes); /* what was not flushed is lost */

/* A request of words: "SET k v"; memory of the world's arena. */
struct request words(struct world *w, const char *text);
struct request exec_words(struct world *w, const struct watch *watches, uint32_t watch_count,
                          const char *const *commands);

/* Requests of one batch. */
struct maker {
    struct buf requests;
    uint16_t count;
};
void maker_add(struct maker *maker, const struct request *r);
/* Applies them as the next entry, of that origin's batch, and empties maker. */
struct name {
    uint64_t origin, boot, batch;
};
void maker_apply(struct world *w, struct maker *maker, struct name name);

/* One request as an own entry; returns the reply, NUL-terminated, of the arena. */
const char *apply_request_of(struct world *w, const struct request *r);
/* What those that waited were told since; emptied. */
const char *take_served(struct world *w);
const char *run(struct world *w, const char *text);
/* The same between entries. "(due)" for READ_MET_DUE. */
const char *read_at(struct world *w, const char *text, uint64_t now_ms, bool judge_by_log);
const char *read_now(struct world *w, const char *text);

/* A CONFIG entry with that feature level. */
void world_raise_level(struct world *w, uint32_t level);

/* Whether deed panics; tried in a child process. */
bool panics(void (*deed)(void *context), void *context);

#endif
