/* script_trail.h -- what the commands of a script that runs here add to statistics and MONITOR.
 *
 * Noted while it runs, told when it has ended: a script that is tried as a read and comes to a
 * write runs again in the log, and one that met a key that is due runs again later. What was noted
 * for the run before is forgotten then, or each command would count twice. */

#ifndef SERVER_SCRIPT_TRAIL_H
#define SERVER_SCRIPT_TRAIL_H

#include "server/stats.h"

/* Commands between two tellings. A script of more is told as it runs: then those of a first try
 * count too. */
#define SCRIPT_TRAIL_MAX 256

struct conn;
struct exec;
struct server;

struct script_trail {
    const struct conn *client; /* whose script */
    uint32_t count;
    struct script_call {
        struct command_info *info;
        uint32_t errors;
        char error_code[ERROR_CODE_MAX];
    } calls[SCRIPT_TRAIL_MAX];
    struct buf lines; /* MONITOR's */
};

/* A command of a script of x->client has run. */
void script_trail_note(struct server *s, const struct exec *x);
/* A run of client's request begins: what is left of one before does not count. */
void script_trail_forget(struct server *s, const struct conn *client);
/* The script of client has ended. */
void script_trail_tell(struct server *s, const struct conn *client);

#endif
