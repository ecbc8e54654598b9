/* grammar.h -- the arguments of a command from one line of text, as COMMAND DOCS tells them.
 *
 *     key#0 value [condition(NX | XX)@2.6.12] [GET@6.2.0] [expiry(EX seconds:integer | KEEPTTL)]
 *
 *   name              an argument of type string; 'name' where it has a ':' in it
 *   name:type         of another type: integer, double, pattern, unix-time
 *   name#0            a key, which key spec 0 finds; with a type, that
 *   TOKEN, name=TOKEN a word of its own; its name is the token's, or another
 *   TOKEN argument    an argument behind a word
 *   name(a b)         a block: its parts one after the other
 *   name(a | b)       one of its parts
 *   [argument]        may be left out
 *   argument...       may be repeated; TOKEN... argument: its word again each time
 *   argument@1.2.3    since; argument!1.2.3: deprecated since
 *
 * Behind an argument stand, in this order: type, key spec, parts, since, deprecated, dots. */

#ifndef COMMAND_GRAMMAR_H
#define COMMAND_GRAMMAR_H

#include "base/bytes.h"

#define GRAMMAR_ARGUMENTS_MAX 48 /* GEOSEARCH has 31 */
#define GRAMMAR_DEPTH_MAX 8      /* parts in parts; CLIENT KILL: 5 */

enum argument_flags {
    ARGUMENT_OPTIONAL = 1 << 0, ARGUMENT_MULTIPLE = 1 << 1, ARGUMENT_MULTIPLE_TOKEN = 1 << 2,
};

struct argument {
    struct bytes name, type;
    struct bytes token;        /* if has_token: it may be empty */
    struct bytes since, deprecated_since; /* empty: not told */
    bool has_token;
    int key_spec;              /* -1: none */
    uint32_t flags;
    uint32_t depth;            /* 0: of the command itself */
};

/* Each argument before its parts, which are one deeper. */
struct grammar {
    struct argument arguments[GRAMMAR_ARGUMENTS_MAX];
    size_t count;
};

/* NULL, or from where on text makes no sense. What is in g borrows from text. */
const char *grammar_parse(const char *text, struct grammar *g);

/* How many parts there are of depth, from the first on. */
size_t grammar_parts(const struct grammar *g, size_t first, uint32_t depth);

#endif
