/* machine_internal.h -- what the files of the machine share. */

#ifndef MACHINE_INTERNAL_H
#define MACHINE_INTERNAL_H

#include "base/prng.h"
#include "command/acl_user.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"
#include "machine/machine.h"
#include "machine/waiters.h"

struct machine {
    struct machine_options options;
    struct keyspace *keyspace;
    struct settings settings;
    struct acl *acl;
    uint32_t level;           /* feature level, of the newest CONFIG entry */
    struct prng local_chance; /* of plain reads */
    struct arena arena;       /* dies with each request */
    struct waiters waiters;
    struct exec_host exec_host; /* what commands see: tells the waiters, then options.host */
    uint64_t duplicates, expiries;
    struct scripts *scripts;
    bool may_move;  /* a read runs that may go on to the log */
    bool wants_log; /* and it has to */
};

#define ORIGIN_ROW_SIZE 20 /* boot:8 batch:8 staged:4 */
#define ORIGIN_ROW_STAGED 16

/* The system row of an origin: the name of its last applied batch, and how many pieces of a large
 * request of it are staged as P rows. */
struct origin {
    uint64_t boot, batch;
    uint32_t staged;
};

/* One request on its way through apply. */
struct run {
    struct machine *machine;
    const struct entry_head *head;
    const struct request *request;
    struct origin *origin; /* of the entry: as before it; staged is kept up by parts.c */
    uint32_t ordinal;      /* from 1 */
    bool own;              /* of this node's own life: replies may have a reader */
    struct reply reply;
    void *client;
    const struct command *command; /* for reply_end; NULL: no single one */
    struct prng *chance;
    bool waits;            /* the request has no reply yet */
};

/* --- apply.c ---------------------------------------------------------------------------------- */

/* Runs the request of run and replies to who waits for it. */
void apply_request(struct run *run);
/* The same for a request put together from parts, in place of the part's own. */
void apply_kind(struct run *run, struct exec *x);
/* An error in place of the request (a skipped entry). */
void apply_refusal(struct run *run, const char *error);

/* Fills *x for a request; reply, client and chance are the caller's. */
void exec_begin(struct machine *m, struct exec *x, const struct request *r);
/* Whether x's user may run x's command, by the rules at this place of the log. false: told so. */
bool exec_is_allowed(struct exec *x);
/* Finds and runs one command in x; a read where the keyspace is read-only. */
void exec_command(struct machine *m, struct exec *x, const struct request *r);

/* --- script.c --------------------------------------------------------------------------------- */

struct script_engine *script_engine_of(struct machine *m);

/* --- transaction.c ---------------------------------------------------------------------------- */

/* A whole EXEC in x: compares its watches, runs its commands. */
void transaction_exec(struct machine *m, struct exec *x, const struct request *r);

/* --- parts.c ---------------------------------------------------------------------------------- */

/* A part arrived: stages it; at the last one the whole request runs. */
void parts_apply(struct run *run, struct exec *x);
/* The entry is not a part that continues what is staged: forgets that. */
bool parts_continue(const struct origin *origin, const struct entry_head *head,
                    const struct request *r);
void parts_drop(struct keyspace *k, uint64_t node, struct origin *origin);

/* --- waiters.c -------------------------------------------------------------------------------- */

/* Reads the rows again. */
void waiters_load(struct machine *m);
/* The request of run, which x has just run, waits. False: there is no room, it was told so. */
bool waiters_add(struct run *run, struct exec *x, const struct block *block);
/* The read of run waits; it ends with its record. */
struct waiter *waiters_add_reader(struct machine *m, const struct read_run *run,
                                          const struct block *block);
/* Serves whoever can be after the request of run. */
void waiters_serve(struct run *run);
void waiters_unblock(struct run *run, struct exec *x);
void waiters_cancel(struct run *run);
void waiters_origin_lost(struct run *run);
/* All of node up to boot go. */
void waiters_lose_origin(struct machine *m, uint64_t node, uint64_t boot);

#endif
