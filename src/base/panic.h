/* panic.h -- what is our fault stops the process, in release builds too.
 *
 * Split CHECK(a && b) into two; never put a side effect inside. */

#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include <stddef.h>
#include "base/status.h"

/* Writes the message and a backtrace to stderr and the log, runs the hook, aborts. */
void panic_at(const char *file, int line, const char *format, ...)
    __attribute__((noreturn)) PRINTF_LIKE(3, 4);

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (__builtin_expect(!(condition), 0))                                 \
            panic_at(__FILE__, __LINE__, "check failed: %s", #condition);      \
    } while (0)

/* Costly checks: on in builds with -DAVOW_DEBUG and in the simulator's. */
#ifdef AVOW_DEBUG
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) ((void)sizeof(condition))
#endif

/* Called once by the first panic, after the message was written; e.g. to dump the last raft inputs.
 * The simulator's hook may longjmp. NULL takes it off. */
void panic_set_hook(void (*hook)(void *context, const char *message), void *context);

/* Memory that is always there: a failed allocation panics. size 0 gives a valid pointer. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *data, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));

#endif
