/* pop.h -- what LMPOP and ZMPOP share: several keys, an end, a count. */

#ifndef COMMAND_POP_H
#define COMMAND_POP_H

#include "command/args.h"

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
