/* script.h -- scripts: what the machine knows of them, and the one run of one script.
 *
 *   EVAL, EVALSHA (script.c)   FUNCTION, FCALL (script_function.c)
 *                 \               /
 *                  struct script_run  -->  script_engine (script_lua*.c: the only ones to see Lua)
 *                                               |  redis.call
 *                                          script_call.c: one command for a script
 *
 * A run in apply is a function of state and entry like any command. A run in the read-only keyspace
 * ends at its first write command with wants_log: it then runs again, from its start, in apply. */

#ifndef MACHINE_SCRIPT_H
#define MACHINE_SCRIPT_H

#include "base/sha1.h"
#include "machine/machine.h"

struct script_engine;
struct script_effects;

enum script_flags {
    SCRIPT_NO_WRITES = 1 << 0, SCRIPT_ALLOW_OOM = 1 << 1, SCRIPT_ALLOW_STALE = 1 << 2,
    SCRIPT_NO_CLUSTER = 1 << 3, SCRIPT_ALLOW_CROSS_SLOT = 1 << 4,
    SCRIPT_PLAIN = 1 << 5, /* without "#!": the rules of before 7.0 */
};

enum script_end {
    SCRIPT_RUNS,      /* or has ended by itself, be it with an error */
    SCRIPT_WANTS_LOG, /* met a write command in the read-only keyspace */
    SCRIPT_OVER_INSTRUCTIONS,
    SCRIPT_OVER_MEMORY,
    SCRIPT_OVER_WRITES,
    SCRIPT_KILLED,
};

/* What is to run, and what became of it. */
struct script_run {
    struct machine *machine;
    struct exec *outer;   /* of the EVAL or FCALL: replies, database, chance */
    const char *name;     /* sha or function, as errors call it */
    struct bytes source;  /* Lua, with its "#!" line; of the library for a function */
    struct bytes library; /* name of the library; empty: a script, named by its sha */
    const struct bytes *keys, *args;
    uint32_t key_count, arg_count;
    uint32_t flags;       /* enum script_flags */
    bool read_only;       /* write commands are errors */

    /* while it runs: script_call.c */
    uint32_t db;
    int protocol;         /* redis.setresp */
    bool has_written;     /* a savepoint stands */
    bool was_full;        /* over maxmemory when it began */
    struct script_effects *effects;

    enum script_end end;
    bool failed;          /* it ended by an error of its own; error is what to reply */
    struct buf *error;    /* "CODE text" */
    bool error_was_counted; /* told to the host: host->ran or ->refused */
};

/* --- script.c --------------------------------------------------------------------------------- */

struct scripts *scripts_new(void);
void scripts_free(struct scripts *s);

/* Runs x->command, which has CMD_MACHINE. by_sha: args[1] of EVAL is a sha (REQUEST_SHA). */
void script_command(struct machine *m, struct exec *x, bool by_sha);

/* "#!lua flags=..." in front of source, or nothing. false: *error has what to reply. */
bool script_flags_parse(struct bytes source, uint32_t *flags, struct buf *error);
/* By its name among the flags of a script or function: "no-writes" ...; 0: there is none such. */
uint32_t script_flag_by_name(struct bytes name);
const char *script_flag_name(size_t n); /* NULL behind the last */

/* Refusals before a run by its flags; false: *x has been answered. */
bool script_may_run(struct exec *x, uint32_t flags, bool read_only);
/* Runs it and replies; the hint of whether it writes is kept under hint. */
void script_run_and_reply(struct script_run *run, struct bytes hint);
/* numkeys key ... arg ... behind args[1]. false: *x has been answered. */
bool script_keys_parse(struct exec *x, struct script_run *run);

/* --- script_function.c ------------------------------------------------------------------------ */

void function_command(struct machine *m, struct exec *x);
/* Under which name it is kept whether this function writes; empty: there is none such. */
struct bytes function_hint_of(struct machine *m, struct bytes name);
bool function_only_reads(struct machine *m, struct bytes name); /* there, and declared to */

/* --- script_call.c ---------------------------------------------------------------------------- */

/* Runs one command for a script. Its reply is appended to *reply in run->protocol. false: it was
 * not run; *error has the text, with a code or (without one) as ERR. */
bool script_call(struct script_run *run, const struct bytes *args, uint32_t arg_count,
                 struct buf *reply, struct buf *error);

struct script_effects *script_effects_new(void);
void script_effects_free(struct script_effects *e);
/* The run is over: its changes stay and are told of, or all is as before it. */
void script_effects_keep(struct script_run *run);
void script_effects_drop(struct script_run *run);

/* --- script_lua.c ----------------------------------------------------------------------------- */

struct script_engine *script_engine_new(void);
void script_engine_free(struct script_engine *e);

/* Whether it can be read as Lua; false: *error has the parser's words. */
bool script_engine_check(struct script_engine *e, struct bytes source, struct buf *error);

/* Runs; replies to run->outer unless run->failed or run->end says otherwise. */
void script_engine_run(struct script_engine *e, struct script_run *run);

/* Runs a library for what it registers; called for each function, borrowed during the call. */
struct script_function {
    struct bytes name, description;
    bool has_description;
    uint32_t flags;
};
typedef void script_function_seen(void *context, const struct script_function *f);
struct script_library {
    struct bytes source; /* with its "#!" line */
    script_function_seen *seen;
    void *context;
    struct buf *error;
    uint64_t instructions_max, memory_max;
};
bool script_engine_load(struct script_engine *e, const struct script_library *library);

#endif
