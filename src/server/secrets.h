/* secrets.h -- passwords among the arguments of a request: who may see them, and in what form. */

#ifndef SERVER_SECRETS_H
#define SERVER_SECRETS_H

#include "base/arena.h"
#include "base/bytes.h"

struct command_info;
struct server;

/* The arguments as others (MONITOR, SLOWLOG) may see them; of the turn's arena where they differ */
const struct bytes *secrets_hidden(struct server *s, const struct command_info *info,
                                   const struct bytes *args, uint32_t count);

/* ACL SETUSER's with hashes in place of passwords, from arena: no password gets into the log. */
const struct bytes *secrets_hashed(struct arena *arena, const struct bytes *args,
                                   uint32_t arg_count);

#endif
