/* string.h -- what the files of string commands share. */

#ifndef COMMAND_STRING_H
#define COMMAND_STRING_H

#include "command/args.h"

/* How long a string may get: proto-max-bulk-len, and no longer than the store takes one. */
uint64_t string_size_max(const struct exec *x);

/* Whether a string of size bytes may grow by more; replies with Redis's error if not. */
bool string_may_grow(struct exec *x, size_t size, size_t more);

/* Opens key args[n] as a string and replies with its value, or null. False: it was of another type,
 * and the error is the reply. */
bool string_reply_value(struct exec *x, uint32_t n);

/* A deadline from argument n, in seconds or ms, from now on or since 1970. False: it replied. */
bool arg_deadline(struct exec *x, uint32_t n, bool seconds, bool relative, uint64_t *deadline_ms);

#endif
