/* machine.h -- the replicated state machine: (state, entry) -> (state', replies, effects).
 *
 * machine_apply() does on every node exactly the same; only where the entry came from, some replies
 * have a reader. machine_read() runs reads between entries on the state as it is. Knows no Raft, no
 * sockets, no threads, no clock but the entries' (ARCHITECTURE §5). */

#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "command/command.h"
#include "machine/entry.h"

struct machine;

struct machine_host {
    /* The reply of request (batch, ordinal) of this node's own boot is about to be made. true: fill
     * reply->out and ->protocol, and *client (exec.client); false: nobody waits, null sink. */
    bool (*reply_begin)(void *context, uint64_t batch, uint32_t ordinal, struct reply *reply,
                        void **client);
    /* It is complete. Called only after a true reply_begin. command NULL: no single command's. */
    void (*reply_end)(void *context, uint64_t batch, uint32_t ordinal, const struct reply *reply,
                      const struct command *command);
    /* It has none yet: it waits, as waiter, for timeout_ms (0: for ever). In place of reply_end,
     * also where reply_begin was false. Returns the host's record of it, not NULL. */
    void *(*waits)(void *context, uint64_t batch, uint32_t ordinal, uint64_t waiter,
                   uint64_t timeout_ms);
    /* As reply_begin and _end, of such a record, which ends with it; reply NULL: nobody waited, or
     * nothing was said. Begun without an end: it waits on. */
    bool (*waiter_begin)(void *context, void *record, struct reply *reply, void **client);
    void (*waiter_end)(void *context, void *record, const struct reply *reply,
                       const struct command *command);
    /* Its origin was believed lost, and is alive: request is to be asked again. Ends the record. */
    void (*waiter_lost)(void *context, void *record, const struct request *request);
    struct exec_host exec; /* effects, in apply order */
};

struct machine_options {
    struct keyspace *keyspace; /* kept, not owned */
    uint64_t self, boot;       /* replies are real where an entry's origin and boot are these */
    const struct machine_host *host;
    void *context;      /* of reply_begin and reply_end */
    void *exec_context; /* of host->exec */
    uint64_t local_seed;       /* chance of plain reads */
    uint32_t level_max;        /* 0 = FEATURE_LEVEL_MAX: an entry or a state above it stops us */
};

/* STATUS_INVALID, with a text: the state is of a higher feature level than level_max (0 as above),
 * over which machine_new() would panic. */
enum status machine_check(struct keyspace *k, uint32_t level_max, struct error *e) MUST_CHECK;
struct machine *machine_new(const struct machine_options *options);
void machine_free(struct machine *m);

struct machine_entry {
    uint64_t index, term;
    uint8_t kind;          /* enum raft_kind's numbers: 0 NOOP, 1 DATA, 2 CONFIG */
    bool skip;             /* agreed to be passed over */
    struct bytes payload;
};

/* Applies the entry behind the last applied one. A malformed payload of a committed DATA entry
 * panics: it was checked before it was proposed. Entries of an origin not above its last applied
 * (boot, batch) are skipped as a whole and counted (machine_duplicates). */
void machine_apply(struct machine *m, const struct machine_entry *entry);

enum read_result { READ_DONE, READ_MET_DUE, READ_WAITS, READ_WANTS_LOG };

/* Runs a command with CMD_READ, or an EXEC without watches of such alone, at now_ms. READ_MET_DUE:
 * keys are due but not yet deleted by the log; nothing was replied; their names are appended to
 * *names (keyspace_met_due). judge_by_log: the log clock is now, and READ_MET_DUE never comes.
 * READ_WAITS: nothing was replied, it waits on this node alone (XREAD). Give it its record at once:
 * it ends as other waiters do, or by machine_reader_drop().
 * READ_WANTS_LOG: a script came to a write; nothing was replied, it has to run in the log. */
struct waiter;
struct read_run {
    const struct request *request;
    uint64_t now_ms;
    bool judge_by_log;
    struct reply *reply;
    void *client;
    struct buf *names;
    struct waiter *reader; /* out, READ_WAITS */
    uint64_t timeout_ms;           /* out, READ_WAITS: 0 = for ever */
    const struct command *command; /* out: what ran; NULL: no single command */
};
enum read_result machine_read(struct machine *m, struct read_run *run);

void machine_reader_record(struct waiter *reader, void *record);
void machine_reader_drop(struct machine *m, struct waiter *reader);
/* After machine_reload(): those who may go on do. */
void machine_readers_serve(struct machine *m);

/* Where a script (CMD_TRY_READ) goes first; only a guess, made from what this node has applied and
 * seen: wrong, it costs a round trip. */
enum script_way {
    SCRIPT_READS,    /* declared to: a read like any other (REQUEST_READ) */
    SCRIPT_TRY_READ, /* as a read without REQUEST_READ: READ_WANTS_LOG may come of it */
    SCRIPT_TO_LOG,
};
/* Whether the script or function of r is there and says itself that it writes nothing. */
bool machine_script_only_reads(struct machine *m, const struct command *c,
                               const struct request *r);
/* *store: EVAL of a source that is not stored yet: machine_script_store() goes to the log too. */
enum script_way machine_script_way(struct machine *m, const struct command *c,
                                   const struct request *r, bool *store);
/* What stores the source of the EVAL r, from arena. */
struct request machine_script_store(const struct request *r, struct arena *arena);
/* EVAL of a stored script, on its way to the log: the sha takes the place of the source. */
void machine_script_shorten(struct machine *m, struct request *r, struct arena *arena);

/* How many scripts EVALSHA knows. */
uint64_t machine_script_count(struct machine *m);
/* How many libraries of functions, and functions, there are. */
void machine_function_counts(struct machine *m, uint64_t *libraries, uint64_t *functions);

/* The last applied (boot, batch) of an origin node; false, and zeros: none. */
bool machine_origin(struct machine *m, uint64_t node, uint64_t *boot, uint64_t *batch);

/* The n-th life of a node that has waiters, in no order; false behind the last. */
bool machine_waiting_origin(const struct machine *m, uint32_t n, uint64_t *node, uint64_t *boot);
/* After machine_reload(): gives waiter its record again; false: it is gone. */
bool machine_waiter_adopt(struct machine *m, uint64_t waiter, void *record);
/* A waiter of this node's life that has no record; false: there is none. */
bool machine_waiter_orphan(const struct machine *m, uint64_t *waiter);

uint64_t machine_duplicates(const struct machine *m);
/* How many requests were applied that delete what is due. */
uint64_t machine_expiries(const struct machine *m);

/* The payload of the newest CONFIG entry applied, borrowed until the next entry; empty: none. */
struct bytes machine_config(struct machine *m);

/* The feature level of the newest CONFIG entry applied; before the first FEATURE_LEVEL_FIRST. */
uint32_t machine_level(const struct machine *m);

/* Reads the replicated values again: the rows below were replaced by a snapshot's. */
void machine_reload(struct machine *m);

bool machine_active_expire(struct machine *m);

/* The replicated limits as of the last applied entry. */
const struct settings *machine_settings(struct machine *m);

/* The users as of the last applied entry. */
const struct acl *machine_acl(struct machine *m);

#endif
