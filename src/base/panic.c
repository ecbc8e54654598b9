/* panic.c -- the last words of the process.
 *
 * Order: message and backtrace to stderr by write(2), which needs no lock and no memory; what waits
 * in the log; the hook; abort. A panic within a panic skips what has been begun already. */

#include "base/panic.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define FRAMES_MAX 64
#define MESSAGE_MAX 1024

static _Atomic(void (*)(void *context, const char *message)) panic_hook;
static void *panic_context;
static atomic_flag hook_called = ATOMIC_FLAG_INIT;
static _Thread_local bool panicking;

static void write_all(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t written = write(STDERR_FILENO, text, left);
        if (written <= 0)
            return; /* nobody listens; what comes next is more urgent */
        text += written;
        left -= (size_t)written;
    }
}

/* Set again, the hook may run again: tests and simulators live through several panics. */
void panic_set_hook(void (*hook)(void *context, const char *message), void *context)
{
    panic_context = context;
    atomic_store(&panic_hook, hook);
    atomic_flag_clear(&hook_called);
}

void panic_at(const char *file, int line, const char *format, ...)
{
    if (panicking)
        abort();
    panicking = true;

    char message[MESSAGE_MAX];
    const int prefix = snprintf(message, sizeof(message), "%s:%d: ", file, line);
    const size_t at = prefix < 0 ? 0 : (size_t)prefix;
    if (at < sizeof(message)) {
        va_list args;
        va_start(args, format);
        vsnprintf(message + at, sizeof(message) - at, format, args);
        va_end(args);
    }
    write_all("panic: ");
    write_all(message);
    write_all("\n");
    void *frames[FRAMES_MAX];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
    log_line(LOG_ERROR, "panic", "the process stops", "%s", message);
    log_drain();

    void (*hook)(void *, const char *) = atomic_load(&panic_hook);
    if (hook != NULL && !atomic_flag_test_and_set(&hook_called)) {
        panicking = false; /* the hook may longjmp away; if it panics, hook_called ends that */
        hook(panic_context, message);
    }
    abort();
}

void *xmalloc(size_t size)
{
    void *data = malloc(size == 0 ? 1 : size);
    if (data == NULL)
        panic("out of memory: %zu bytes", size);
    return data;
}

void *xcalloc(size_t count, size_t size)
{
    void *data = count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
    if (data == NULL)
        panic("out of memory: %zu times %zu bytes", count, size);
    return data;
}

void *xrealloc(void *data, size_t size)
{
    void *moved = realloc(data, size == 0 ? 1 : size);
    if (moved == NULL)
        panic("out of memory: %zu bytes", size);
    return moved;
}

char *xstrdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    return memcpy(xmalloc(size), text, size);
}
