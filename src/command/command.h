/* command.h -- the command table and what a running command sees.
 *
 * One function per command, the same for a client, EXEC, a script, a replica and a replay. Its row
 * in a table (table.h) is its only registration: arity, flags, key positions, group, routing, ACL
 * categories and COMMAND INFO all come from there.
 *
 *   parse arguments -> open objects -> compute -> put -> reply
 *
 * Where a request runs follows from its row's flags, looked at in this order:
 *   CMD_NOT_YET   of Redis, not of ours yet: command_execute() at once, which says so
 *   CMD_PURE      a function of the table and the arguments: command_execute() at once, no keyspace
 *   CMD_LOCAL     answered by the host of the origin: connection, server, local chance. With a
 *                 function, inside EXEC and scripts that go through the log, run by all nodes
 *   CMD_READ      runs on the read path, changes no row
 *   CMD_WRITE     goes through the log, unless command_reads() tells that it changes nothing
 *   none          a container without its subcommand: its arity does not fit */

#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/arena.h"
#include "base/bytes.h"
#include "command/host.h"
#include "command/reply.h"

struct acl;
struct command;
struct keyspace;
struct object;
struct prng;

enum command_flags {
    CMD_READ = 1 << 0, CMD_WRITE = 1 << 1, CMD_LOCAL = 1 << 2,
    CMD_FAST = 1 << 3, CMD_DENY_OOM = 1 << 4, CMD_BLOCKING = 1 << 5,
    CMD_BARRIER = 1 << 6,   /* alone in its connection's order (§3.10); all CMD_LOCAL ones are */
    CMD_ADMIN = 1 << 7, CMD_PUBSUB = 1 << 8, CMD_NO_SCRIPT = 1 << 9, CMD_NO_MULTI = 1 << 10,
    CMD_NO_AUTH = 1 << 11,  /* allowed before AUTH */
    CMD_LOADING = 1 << 12,  /* allowed while the node is not ready */
    CMD_STALE = 1 << 13, CMD_MOVABLE_KEYS = 1 << 14,
    CMD_ALLOW_BUSY = 1 << 15,
    CMD_NO_MANDATORY_KEYS = 1 << 16,
    CMD_NO_ASYNC_LOADING = 1 << 17,
    CMD_ASKING = 1 << 18, CMD_SKIP_MONITOR = 1 << 19, CMD_SKIP_SLOWLOG = 1 << 20,
    CMD_NOT_YET = 1 << 21,
    CMD_PURE = 1 << 22,
    CMD_PLAIN = 1 << 23,    /* Redis does not call it readonly or write, as we route it */
    CMD_SYSTEM = 1 << 24,   /* COMMAND DOCS: not for clients */
    CMD_UNLISTED = 1 << 25, /* a subcommand that Redis's table does not have as a row (DEBUG's) */
    CMD_STORE_OPTION = 1 << 26, /* writes only if an argument is STORE or STOREDIST */
    CMD_MACHINE = 1 << 27,  /* runs above this layer: scripts, which run commands themselves */
    CMD_TRY_READ = 1 << 28, /* first as a read; in the log when it comes to a write */
    CMD_NO_TOUCH = 1 << 30, /* a key it looks at does not count as used */
    CMD_MAY_REPLICATE = 1 << 29, /* as Redis has it: CLIENT PAUSE WRITE holds it back */
};

/* ACL categories, in the order in which COMMAND INFO names them. */
enum acl_category {
    ACL_KEYSPACE = 1 << 0, ACL_READ = 1 << 1, ACL_WRITE = 1 << 2, ACL_SET = 1 << 3,
    ACL_SORTEDSET = 1 << 4, ACL_LIST = 1 << 5, ACL_HASH = 1 << 6, ACL_STRING = 1 << 7,
    ACL_BITMAP = 1 << 8, ACL_HYPERLOGLOG = 1 << 9, ACL_GEO = 1 << 10, ACL_STREAM = 1 << 11,
    ACL_PUBSUB = 1 << 12, ACL_ADMIN = 1 << 13, ACL_FAST = 1 << 14, ACL_SLOW = 1 << 15,
    ACL_BLOCKING = 1 << 16, ACL_DANGEROUS = 1 << 17, ACL_CONNECTION = 1 << 18,
    ACL_TRANSACTION = 1 << 19, ACL_SCRIPTING = 1 << 20,
};

/* Where keys stand, as Redis 7.0's key specs: where the search begins, how keys are found there. */
enum key_begin { KEY_BEGIN_UNKNOWN, KEY_BEGIN_INDEX, KEY_BEGIN_KEYWORD };
enum key_find { KEY_FIND_UNKNOWN, KEY_FIND_RANGE, KEY_FIND_COUNTED };

enum key_flags {
    KEY_RW = 1 << 0, KEY_RO = 1 << 1, KEY_OW = 1 << 2, KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4, KEY_UPDATE = 1 << 5, KEY_INSERT = 1 << 6, KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8, KEY_INCOMPLETE = 1 << 9, KEY_VARIABLE = 1 << 10,
};

struct key_spec {
    uint8_t begin, find;
    int16_t begin_at;    /* INDEX: position; KEYWORD: where to begin to look (< 0: from the end) */
    const char *keyword;
    int16_t last, step;  /* RANGE: last relative to the first, < 0: from the end of the arguments */
    int16_t limit;       /* RANGE with last = -1: only the first 1/limit of the rest; 0 = all */
    uint32_t flags;
    const char *note;
};

#define KEY_SPECS_MAX 3

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
    void *client;                    /* whom local() answers; NULL elsewhere than at the origin */
    struct block *block;             /* block.h; NULL: it may not wait */
    bool in_exec, in_script;
    const struct exec *script;       /* in_script: the one that runs the script */
    uint32_t user;                   /* whose request it is */
    uint32_t level;                  /* feature level at this place of the log (machine/entry.h) */
    struct acl *acl;                 /* all users (acl_user.h); NULL: nobody asks for rights */
};

typedef void command_run(struct exec *x);

struct command {
    const char *name;          /* lower case; of a subcommand, its own word */
    command_run *run;          /* NULL: CMD_LOCAL, CMD_NOT_YET, or a container of subcommands */
    int16_t arity;             /* with the name (of a subcommand: both); negative: at least */
    uint32_t flags;
    uint32_t level;            /* feature level from which on it is there; 0: always */
    uint32_t acl;              /* ACL categories beyond those that follow from flags */
    struct key_spec keys[KEY_SPECS_MAX]; /* up to the first without flags */
    const char *group;         /* "string", "generic", "connection" ... */
    const char *since, *complexity, *summary;
    const char *tips;          /* apart by spaces; NULL: none */
    const char *deprecated_since, *replaced_by;
    const struct command *subcommands; /* ends with a NULL name; NULL: none */
};

/* The command of args: the subcommand where there are some and args name one, the container when
 * args are its name alone. Case ignored. NULL: unknown. *parent is the container if args[0] names
 * one, else NULL; parent may be NULL. */
const struct command *command_find(const struct bytes *args, uint32_t arg_count,
                                   const struct command **parent);
/* c, or NULL if it is not there yet at that feature level: unknown, as to a build that never heard
 * of it. c may be NULL. Only rows that are CMD_UNLISTED may have a level: ACL SETUSER is parsed in
 * apply without one (ARCHITECTURE §5 rule 7). */
const struct command *command_at_level(const struct command *c, uint32_t level);
/* By full name: "get", "config|get". */
const struct command *command_by_name(struct bytes name);
/* The n-th command of the table, by name; NULL behind the last. */
const struct command *command_at(size_t n);
size_t command_count(void);

/* "name" or "container|name". */
#define COMMAND_NAME_MAX 64
struct bytes command_full_name(const struct command *c, char name[static COMMAND_NAME_MAX]);
/* How many subcommands COMMAND tells of: those that are not CMD_UNLISTED. */
size_t command_listed_parts(const struct command *c);
/* The container of a subcommand; NULL: c is none. */
const struct command *command_container(const struct command *c);

/* A number for each row, of containers and subcommands too: those of a container follow it. Rows of
 * CMD_UNLISTED have their container's. Good within this process only. */
#define COMMAND_NUMBERS_MAX 1024
uint32_t command_number(const struct command *c);
const struct command *command_by_number(uint32_t n); /* NULL behind the last */

/* All ACL categories of a command, those of its flags too. */
uint32_t command_acl(const struct command *c);
/* "keyspace" ... of the n-th bit; NULL behind the last. */
const char *acl_category_name(size_t n);

/* Whether it runs on the read path: it is CMD_READ, or CMD_STORE_OPTION without the option. */
bool command_reads(const struct command *c, const struct bytes *args, uint32_t arg_count);

bool command_arity_fits(const struct command *c, uint32_t arg_count);

/* What Redis answers to an unknown command or subcommand, appended to *text without the '-'. */
void command_unknown_text(const struct bytes *args, uint32_t arg_count, struct buf *text);

/* Runs x->command (found, arity fits): refusals by CMD_NOT_YET and OOM, then the function or the
 * host. The one way into every command. x->reply and x->command are set by the caller; x->keyspace
 * may be NULL for CMD_NOT_YET and CMD_PURE. */
void command_execute(struct exec *x);

/* Whether x->command, which is CMD_LOCAL, is run by its function, on all nodes alike: PUBLISH. */
bool command_is_effect(const struct exec *x);

/* Whether x->command is refused by maxmemory now. A transaction asks before its first command, for
 * all of them; they are not asked again one by one, as in Redis. */
bool command_is_out_of_memory(const struct exec *x);

/* Tells the host of keys that were found due and deleted. Commands do it before their own events;
 * whoever runs them, afterwards. */
void tell_expired(struct exec *x);

#endif
