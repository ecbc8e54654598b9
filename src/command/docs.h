/* docs.h -- COMMAND DOCS of one command. What its row in the command table does not hold is here:
 * the grammar of its arguments, read when somebody asks, and what came to it since it is there. */

#ifndef COMMAND_DOCS_H
#define COMMAND_DOCS_H

#include "command/command.h"

struct docs {
    const char *name;    /* full: "config|get" */
    const char *grammar; /* grammar.h; "": no arguments */
    const char *history; /* "version words; version words", the oldest first; NULL: none */
};

/* By name in the order of strcmp, the last one empty. */
extern const struct docs docs_table[];

/* NULL: neither arguments nor history. */
const struct docs *docs_of(const struct command *c);

/* Name and description, as one pair of a map; with the subcommands. */
void docs_reply(struct exec *x, const struct command *c);

#endif
