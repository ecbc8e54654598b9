/* status.c -- the outcomes in words. */

#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum status fail(struct error *e, enum status status, const char *format, ...)
{
    if (e == NULL)
        return status;
    e->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    return status;
}

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_BUSY:
        return "busy";
    case STATUS_NOT_LEADER:
        return "not the leader";
    case STATUS_STALE:
        return "stale";
    case STATUS_BAD_MESSAGE:
        return "bad message";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_IO:
        return "I/O error";
    case STATUS_CORRUPT:
        return "corrupt";
    case STATUS_NO_SPACE:
        return "no space";
    case STATUS_LOCKED:
        return "locked";
    case STATUS_CLOSED:
        return "closed";
    case STATUS_TIMEOUT:
        return "timed out";
    }
    return "unknown status";
}
