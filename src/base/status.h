/* status.h -- outcomes that are the world's fault, or a peer's: not the client's, not ours.
 *
 * A client's mistake is an error reply, a broken invariant of ours a panic (panic.h). What is left
 * returns an enum status, with a text in a struct error where a person will read it. */

#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_NOT_FOUND,
    STATUS_BUSY,        /* a limit is reached: try again later */
    STATUS_NOT_LEADER,
    STATUS_STALE,       /* of an older term or life */
    STATUS_BAD_MESSAGE, /* bytes from outside that make no sense */
    STATUS_INVALID,     /* a request that can not be met, whoever tries again */
    STATUS_IO,          /* the disk or the system said no */
    STATUS_CORRUPT,     /* what was read is not what was written */
    STATUS_NO_SPACE,
    STATUS_LOCKED,      /* another process owns it */
    STATUS_CLOSED,
    STATUS_TIMEOUT,
};

#define ERROR_TEXT_MAX 320

/* Filled at the deepest place that knows what happened. */
struct error {
    enum status status;
    char text[ERROR_TEXT_MAX];
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))

/* Fills *e (unless NULL) and returns status, for "return fail(e, STATUS_IO, ...)". */
enum status fail(struct error *e, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* The status in plain words, e.g. "not found"; never NULL. */
const char *status_text(enum status status);

#endif
