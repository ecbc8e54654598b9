/* command.h -- the command table and what a running command sees.
 *
 * One function per command, the same for a client, EXEC, a script, a replica and a replay. Its row
 * in a table is its only registration: arity, flags, key positions, category, routing, ACL and
 * COMMAND INFO all come from there.
 *
 *   parse arguments -> open objects -> compute -> put -> reply
 *
 * A command that cannot run where it is (CMD_LOCAL: it needs the connection or the node) has no
 * function here; the host answers it. A command of Redis that is not there yet has a row with
 * CMD_NOT_YET and answers "ERR ... not supported yet". */

#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/arena.h"
#include "base/bytes.h"
#include "command/reply.h"

struct command;
struct keyspace;
struct object;
struct prng;
struct settings;

enum command_flags {
    CMD_READ = 1 << 0,      /* runs on the read path (ReadIndex), changes no row */
    CMD_WRITE = 1 << 1,     /* goes through the log */
    CMD_LOCAL = 1 << 2,     /* answered by the node's host: connection, server, local chance */
    CMD_FAST = 1 << 3,
    CMD_DENY_OOM = 1 << 4,
    CMD_BLOCKING = 1 << 5,
    CMD_BARRIER = 1 << 6,   /* runs alone in its connection's order (§3.10); all CMD_LOCAL ones do */
    CMD_ADMIN = 1 << 7,
    CMD_PUBSUB = 1 << 8,
    CMD_NO_SCRIPT = 1 << 9,
    CMD_NO_MULTI = 1 << 10,
    CMD_NO_AUTH = 1 << 11,  /* allowed before AUTH */
    CMD_LOADING = 1 << 12,  /* allowed while the node is not ready */
    CMD_STALE = 1 << 13,
    CMD_MOVABLE_KEYS = 1 << 14,
    CMD_ALLOW_BUSY = 1 << 15,
    CMD_MAY_REPLICATE = 1 << 16,
    CMD_NO_ASYNC_LOADING = 1 << 17,
    CMD_ASKING = 1 << 18,
    CMD_SKIP_MONITOR = 1 << 19,
    CMD_SKIP_SLOWLOG = 1 << 20,
    CMD_NOT_YET = 1 << 21,
};

/* Where a command's keys stand, as Redis 7.0's key specs: begin search and find keys in one.
 * first = 0: no keys. last < 0 counts from the end. */
enum key_find { KEYS_NONE, KEYS_RANGE, KEYS_KEYNUM, KEYS_CUSTOM };

struct key_spec {
    uint8_t find;
    int16_t first, last, step; /* KEYS_RANGE: positions; KEYS_KEYNUM: first = position of numkeys */
    uint32_t flags;            /* KEY_... as Redis's RO RW OW RM ACCESS UPDATE INSERT DELETE */
};

enum key_flags {
    KEY_RO = 1 << 0, KEY_RW = 1 << 1, KEY_OW = 1 << 2, KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4, KEY_UPDATE = 1 << 5, KEY_INSERT = 1 << 6, KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8, KEY_INCOMPLETE = 1 << 9, KEY_VARIABLE = 1 << 10,
};

#define KEY_SPECS_MAX 4

/* What a command sees. Everything borrowed for the length of the run. */
struct exec {
    struct keyspace *keyspace;
    const struct settings *settings; /* replicated limits, parsed */
    const struct command *command;   /* of the subcommand, if it has them */
    const struct bytes *args;        /* args[0] is the command's name */
    uint32_t arg_count;
    uint32_t db;                     /* selected: 0 .. databases - 1 */
    struct prng *chance;             /* seeded by entry and ordinal; on the read path locally */
    struct arena *arena;             /* memory that dies with the request */
    struct reply reply;
    const struct exec_host *host;
    void *host_context;
    void *client;                    /* whom the host's local() answers; NULL elsewhere than at the origin */
    bool in_exec, in_script;
};

/* What commands ask of whoever runs them. Called on every node, in apply order, for writes. */
struct exec_host {
    /* A key was changed (tracking, WATCH of local readers, keyspace events by class and name).
     * event NULL: no notification. */
    void (*changed)(void *context, const struct exec *x, uint32_t event_class, const char *event,
                    uint32_t db, struct bytes key);
    /* A whole database was emptied; db -1: all. */
    void (*flushed)(void *context, const struct exec *x, int64_t db);
    /* Runs a CMD_LOCAL command at its place, replying through x. Only where x->client is real. */
    void (*local)(void *context, struct exec *x);
};

typedef void command_run(struct exec *x);

struct command {
    const char *name;          /* lower case; of a subcommand, its own word */
    command_run *run;          /* NULL: CMD_LOCAL, CMD_NOT_YET, or a container of subcommands */
    int16_t arity;             /* as Redis: with the name; negative: at least. Of a subcommand: both words */
    uint32_t flags;
    struct key_spec keys[KEY_SPECS_MAX];
    const char *category;      /* group: "string", "generic", "connection" ... */
    const char *summary, *since, *complexity;
    const struct command *subcommands; /* ends with a NULL name; NULL: none */
    uint32_t acl;              /* ACL categories beyond those that follow from flags and group */
};

/* The command of args, subcommand included ("config|get"), case ignored. NULL: unknown. *parent, if
 * asked for, is the container. */
const struct command *command_find(const struct bytes *args, uint32_t arg_count,
                                   const struct command **parent);
/* The n-th command of the table, in its order; NULL behind the last. */
const struct command *command_at(size_t n);
size_t command_count(void);

/* "name" or "container|name". */
struct bytes command_full_name(const struct command *c, char name[static 64]);

/* Whether arg_count fits the arity. */
bool command_arity_fits(const struct command *c, uint32_t arg_count);

/* What Redis answers to an unknown command or subcommand, appended to *text without the '-'. */
void command_unknown_text(const struct bytes *args, uint32_t arg_count, struct buf *text);

/* Runs x->command (found, arity fits): refusals by CMD_NOT_YET and OOM, then the function or the
 * host. The one way into every command. */
void command_execute(struct exec *x);

/* Positions of the keys in args, appended to *positions (uint32_t, owned by arena); false: the
 * arguments make no sense (Redis: "Invalid arguments specified for command"). */
struct key_position {
    uint32_t position;
    uint32_t flags;
};
bool keyspec_extract(const struct command *c, const struct bytes *args, uint32_t arg_count,
                     struct arena *arena, struct key_position **positions, size_t *count);

/* --- what command functions share (args.c) ---------------------------------------------------- */

/* Parse argument n; reply with Redis's error and return false when it is not one. */
bool arg_int64(struct exec *x, uint32_t n, int64_t *value);
bool arg_int64_range(struct exec *x, uint32_t n, int64_t min, int64_t max, int64_t *value,
                     const char *error);
bool arg_double(struct exec *x, uint32_t n, double *value); /* ERR value is not a valid float */
bool arg_is(const struct exec *x, uint32_t n, const char *word); /* case ignored */

/* Open key args[n]; of another type than type: reply WRONGTYPE and return false (o is closed then).
 * Otherwise true, with o->type == TYPE_NONE when it is absent. type TYPE_NONE: any type. */
bool open_key(struct exec *x, uint32_t n, int type, struct object *o);
/* As open_key, for writing: an absent key is created empty with the type's first encoding. */
bool open_write(struct exec *x, uint32_t n, int type, struct object *o);

/* After a change: saves the object, tells the host. event_class of events.h. */
void changed(struct exec *x, struct object *o, uint32_t event_class, const char *event);

/* Classes of keyspace events, as notify-keyspace-events names them. */
enum event_class {
    EVENT_KEYSPACE = 1 << 0, EVENT_KEYEVENT = 1 << 1, EVENT_GENERIC = 1 << 2, EVENT_STRING = 1 << 3,
    EVENT_LIST = 1 << 4, EVENT_SET = 1 << 5, EVENT_HASH = 1 << 6, EVENT_ZSET = 1 << 7,
    EVENT_EXPIRED = 1 << 8, EVENT_EVICTED = 1 << 9, EVENT_STREAM = 1 << 10, EVENT_KEY_MISS = 1 << 11,
    EVENT_MODULE = 1 << 12, EVENT_NEW = 1 << 14,
};

#endif
