/* hash.h -- what the files of hash commands share. */

#ifndef COMMAND_HASH_H
#define COMMAND_HASH_H

#include "command/args.h"

/* Opens args[1] to be written; an absent key becomes an empty hash. */
bool hash_open_write(struct exec *x, struct object *hash);
/* True = the field is new. Its deadline stays. */
bool hash_put(struct exec *x, struct object *hash, struct bytes field, struct bytes value);
/* The value, or null. */
void hash_reply_field(struct exec *x, struct object *hash, struct bytes field);

#endif
