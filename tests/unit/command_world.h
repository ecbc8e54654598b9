/* command_world.h -- a keyspace on a disk in memory, and commands run on it one by one, for the
 * tests of src/command. Each write is an entry of its own; the clock goes only when moved. */

#ifndef TESTS_COMMAND_WORLD_H
#define TESTS_COMMAND_WORLD_H

#include "base/prng.h"
#include "command/command.h"
#include "command/settings.h"

struct acl;
struct kv_mem_disk;
struct kv;
struct cache;

#define WORLD_CLOCK_MS 1700000000000u
#define WORLD_ARGS_MAX 4096

struct world {
    struct kv_mem_disk *disk;
    struct kv *kv;
    struct cache *cache;
    struct keyspace *keyspace;
    struct settings settings;
    struct acl *acl;    /* everything runs as the default user */
    struct prng chance;
    struct arena arena;
    uint64_t next_index, clock_ms;
    uint32_t db, level; /* level: feature level */
    int protocol;
    bool null_sink;     /* replies go nowhere, as on a replica */
    struct buf reply;   /* of the last command */
    struct buf events;  /* of the last command: "event key@db" apart by spaces */
    uint32_t writes;    /* commands that went the way of the log */
};

void world_open(struct world *w, size_t cache_bytes);
void world_close(struct world *w);

/* Runs one command as the server would: found, arity, read or write. The host answers SELECT, and
 * CONFIG SET of replicated settings. The reply is borrowed until the next call. */
struct bytes world_run(struct world *w, const struct bytes *args, uint32_t arg_count);
/* The same with a line of words: apart by spaces; "..." with \n \r \t \" \\ \xHH for others. */
struct bytes world_run_line(struct world *w, const char *line);

/* Splits such a line; words are memory of arena. UINT32_MAX: a quote does not end. */
uint32_t world_split(const char *line, struct arena *arena, struct bytes args[WORLD_ARGS_MAX]);

/* Bytes as a C string literal would have them, without quotes, appended to *text. */
void world_escape(struct bytes b, struct buf *text);

#endif
