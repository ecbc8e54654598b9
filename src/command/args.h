/* args.h -- what command functions share: arguments into numbers, keys into objects, changes into
 * events. Each of those that return false has replied with Redis's error. */

#ifndef COMMAND_ARGS_H
#define COMMAND_ARGS_H

#include "command/command.h"
#include "keyspace/object.h"

/* --- arguments -------------------------------------------------------------------------------- */

bool arg_int64(struct exec *x, uint32_t n, int64_t *value); /* ERR value is not an integer or ... */
/* Between range[0] and range[1], both included; else replies error, or, where that is NULL, what
 * Redis says of numbers that are none or out of range. */
bool arg_int64_range(struct exec *x, uint32_t n, const int64_t range[static 2], int64_t *value,
                     const char *error);
bool arg_double(struct exec *x, uint32_t n, double *value); /* ERR value is not a valid float */
/* An integer of 32 bits. error: what to say if it is none; NULL: the usual words. */
bool arg_int32(struct exec *x, uint32_t n, const char *error, int64_t *value);
/* Whether number is that of a database. */
bool database_of(struct exec *x, int64_t number, uint32_t *db);
/* Whether argument n is word, case ignored; false behind the last. */
bool arg_is(const struct exec *x, uint32_t n, const char *word);

/* Redis's string2d: the whole of b is a number in strtod's form, without spaces; no NaN. */
bool bytes_to_double(struct bytes b, double *value);

/* --- keys ------------------------------------------------------------------------------------- */

/* Opens key args[n]; false when it is of another type (o is closed then). type TYPE_NONE: any type.
 * True, with o->type == TYPE_NONE, when the key is absent. Close o. */
bool open_key(struct exec *x, uint32_t n, enum type type, struct object *o);

/* As open_key, but replies null (RESP2: null bulk) and returns false when the key is absent. */
bool open_key_or_null(struct exec *x, uint32_t n, enum type type, struct object *o);

/* As open_key, but an absent key is created empty with encoding. */
bool open_write(struct exec *x, uint32_t n, enum type type, enum encoding encoding,
                struct object *o);

/* --- changes ---------------------------------------------------------------------------------- */

/* Whether a command may write so many rows (setting apply-rows-max); replies with an error if not.
 * Asked before the first one: what ends one node in apply ends all. */
bool may_write_rows(struct exec *x, uint64_t rows);

/* After a change: saves o and tells the host: "new" for a key that was absent, then event, then
 * "del" if o was a collection and is empty now. event NULL: no keyspace event. */
void changed(struct exec *x, struct object *o, enum event_class event_class, const char *event);

/* Tells the host of an event of a key without saving anything. */
void key_event(struct exec *x, enum event_class event_class, const char *event, uint32_t db,
               struct bytes key);

/* For a collection that loses all its elements: deletes it as the one row it is, however large, and
 * tells the host event and "del". */
void delete_emptied(struct exec *x, struct object *o, enum event_class event_class,
                    const char *event);

/* Deletes o and tells the host "del". */
void delete_key(struct exec *x, struct object *o);

#endif
