/* pop.h -- what pops of lists and sorted sets share, LMPOP's and ZMPOP's arguments above all. */

#ifndef COMMAND_POP_H
#define COMMAND_POP_H

#include "command/args.h"

/* Whether so many elements may be popped: all of them are one row. False: it replied. */
bool may_pop(struct exec *x, const struct object *o, uint64_t count);

struct multi_pop {
    uint32_t key, key_count; /* args[key] is the first of the keys */
    bool at_second;          /* the end: the second word */
    uint64_t count;
};

/* numkeys key ... (words[0] | words[1]) [COUNT count], from argument n on. False: it replied. */
bool multi_pop_parse(struct exec *x, uint32_t n, const char *const words[static 2],
                     struct multi_pop *m);

/* Opens the first key that exists. False: there is none, or it is of another type, and that is the
 * reply. */
bool multi_pop_open(struct exec *x, const struct multi_pop *m, enum type type, struct object *o);

#endif
