/* keyspec.h -- the keys among a command's arguments. */

#ifndef COMMAND_KEYSPEC_H
#define COMMAND_KEYSPEC_H

#include "command/command.h"

/* The keys among args; memory of arena. */
struct key_position {
    uint32_t position; /* in args */
    uint32_t flags;    /* enum key_flags */
};
struct key_list {
    struct key_position *keys;
    size_t count;
};
/* False: the arguments make no sense ("Invalid arguments specified for command"); the list is empty
 * then, as it is for a command without keys. */
bool keyspec_extract(const struct command *c, const struct bytes *args, uint32_t arg_count,
                     struct arena *arena, struct key_list *list);

#endif
