/* reply.h -- where a command's answer goes: a client's buffer, or nowhere.
 *
 * Replicas and replays run every command with the null sink (out == NULL), where these functions do
 * nothing but count errors. The functions take the exec, as commands have nothing else in hand. */

#ifndef COMMAND_REPLY_H
#define COMMAND_REPLY_H

#include "base/buf.h"
#include "base/bytes.h"

struct exec;

#define ERROR_CODE_MAX 24

struct reply {
    struct buf *out;                 /* NULL: the null sink */
    int protocol;                    /* RESP 2 or 3 */
    uint32_t errors;                 /* error replies written, also into the null sink */
    uint32_t errors_counted;         /* of them, those that were told to the host before (ran) */
    char error_code[ERROR_CODE_MAX]; /* of the last one: "ERR", "WRONGTYPE" ... for errorstats */
};

/* True when somebody reads the answer: work that only makes reply bytes may be left out if not. */
bool reply_is_wanted(const struct exec *x);

void reply_ok(struct exec *x);
void reply_simple(struct exec *x, const char *text); /* "+text" */
void reply_error(struct exec *x, const char *text);  /* "ERR ...": with its code */
void reply_errorf(struct exec *x, const char *format, ...) PRINTF_LIKE(2, 3);
void reply_error_bytes(struct exec *x, struct bytes text);
void reply_int64(struct exec *x, int64_t value);
void reply_bulk(struct exec *x, struct bytes value);
void reply_bulk_string(struct exec *x, const char *text);
void reply_bulk_int64(struct exec *x, int64_t value);
void reply_null(struct exec *x);       /* RESP2: null bulk */
void reply_null_array(struct exec *x); /* RESP2: null array */
void reply_array(struct exec *x, size_t count);
void reply_map(struct exec *x, size_t pairs); /* RESP2: array of 2 * pairs */
void reply_set(struct exec *x, size_t count); /* RESP2: array */
void reply_double(struct exec *x, double value);
void reply_double_plain(struct exec *x, double value); /* no exponent; < 1e9 */
void reply_bool(struct exec *x, bool value);
void reply_verbatim(struct exec *x, const char *extension, struct bytes text);

/* An array whose count is known only after its elements: begin, elements, end. */
size_t reply_array_begin(struct exec *x);
void reply_array_end(struct exec *x, size_t begun, size_t count);
/* The same; begun by reply_array_begin, ends as a set or map. */
void reply_set_end(struct exec *x, size_t begun, size_t count);
void reply_map_end(struct exec *x, size_t begun, size_t pairs);

/* HELP: the head "NAME <subcommand> ...", the given lines (up to a NULL), and HELP itself. */
void reply_help(struct exec *x, const char *const *lines);

/* Errors that many commands share, word for word as Redis 7.0. */
void reply_wrong_type(struct exec *x);
void reply_syntax_error(struct exec *x);
void reply_not_an_integer(struct exec *x); /* ERR value is not an integer or out of range */
void reply_wrong_arity(struct exec *x);
void reply_subcommand_error(struct exec *x); /* what a container says where arguments do not fit */
void reply_no_such_key(struct exec *x);

#endif
