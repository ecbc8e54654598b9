/* log.c -- log lines through two buffers and a writer thread.
 *
 * log_line() appends to `filling` under a mutex and never waits for the disk. The writer swaps the
 * two buffers and writes the other one out:
 *
 *     log_line() --> filling --swap--> writing --> write(2)
 *
 * A line that does not fit into `filling` is dropped and counted. `write_mutex` is held around swap
 * and write, so that lines keep their order when log_drain() takes the writer's place. Both are
 * taken in the order write_mutex, mutex. */

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/panic.h"

#define LINE_SIZE_MAX 1024                /* a longer line is cut */
#define BUFFER_SIZE (256 * 1024)          /* some seconds of a busy log; what the disk may lag */
#define HEAD_SIZE_MAX 256                 /* level, module, event */
#define TIME_SIZE_MAX 40
#define DRAIN_WAIT_S 1                    /* how long a panic waits for a stuck disk */

struct lines {
    size_t size;
    char text[BUFFER_SIZE];
};

static struct logger {
    atomic_int level;
    pthread_mutex_t write_mutex, mutex;
    pthread_cond_t filled;
    struct lines buffers[2];
    struct lines *filling, *writing;
    uint64_t dropped; /* lines, since the last one written */
    atomic_bool open; /* the writer runs */
    bool closing;
    int fd;
    pthread_t writer;
    void (*sink)(void *context, enum log_level level, const char *line);
    void *sink_context;
} logger = {
    .level = LOG_INFO,
    .write_mutex = PTHREAD_MUTEX_INITIALIZER,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .filled = PTHREAD_COND_INITIALIZER,
    .filling = &logger.buffers[0],
    .writing = &logger.buffers[1],
    .fd = STDERR_FILENO,
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* What cannot be written to the log cannot be reported anywhere: a full disk costs log lines. */
static void write_out(const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(logger.fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        size -= (size_t)written;
    }
}

static size_t format_time(char *to, size_t size)
{
    const uint64_t now_ms = clock_wall_ms();
    const time_t now = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    const size_t at = strftime(to, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return at + (size_t)snprintf(to + at, size - at, ".%03uZ ", (unsigned)(now_ms % 1000));
}

/* Swaps and writes one buffer. write_mutex is held. */
static void write_filled(void)
{
    char dropped_line[HEAD_SIZE_MAX] = "";
    pthread_mutex_lock(&logger.mutex);
    struct lines *full = logger.filling;
    logger.filling = logger.writing;
    logger.writing = full;
    const uint64_t dropped = logger.dropped;
    logger.dropped = 0;
    pthread_mutex_unlock(&logger.mutex);

    write_out(full->text, full->size);
    full->size = 0;
    if (dropped > 0) {
        const size_t at = format_time(dropped_line, sizeof(dropped_line));
        snprintf(dropped_line + at, sizeof(dropped_line) - at,
                 "warn log: lines dropped count=%" PRIu64 "\n", dropped);
        write_out(dropped_line, strlen(dropped_line));
    }
}

static void *writer_main(void *unused)
{
    (void)unused;
    for (bool closing = false; !closing;) {
        pthread_mutex_lock(&logger.mutex);
        while (logger.filling->size == 0 && !logger.closing)
            pthread_cond_wait(&logger.filled, &logger.mutex);
        closing = logger.closing;
        pthread_mutex_unlock(&logger.mutex);

        pthread_mutex_lock(&logger.write_mutex);
        write_filled();
        pthread_mutex_unlock(&logger.write_mutex);
    }
    return NULL;
}

/* Signals are for the thread that waits for them, not for this one. */
static int start_writer(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int outcome = pthread_create(&logger.writer, NULL, writer_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return outcome;
}

static void close_file(void)
{
    if (logger.fd != STDERR_FILENO)
        close(logger.fd);
    logger.fd = STDERR_FILENO;
}

enum status log_open(const char *path, enum log_level level, struct error *e)
{
    CHECK(!logger.open);
    if (path != NULL && path[0] != '\0') {
        const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail(e, STATUS_IO, "log file %s: %s", path, strerror(errno));
        logger.fd = fd;
    }
    log_set_level(level);
    logger.closing = false;
    const int outcome = start_writer();
    if (outcome != 0) {
        close_file();
        return fail(e, STATUS_IO, "log thread: %s", strerror(outcome));
    }
    logger.open = true;
    return STATUS_OK;
}

void log_close(void)
{
    if (!logger.open)
        return;
    pthread_mutex_lock(&logger.mutex);
    logger.closing = true;
    pthread_cond_signal(&logger.filled);
    pthread_mutex_unlock(&logger.mutex);
    pthread_join(logger.writer, NULL);
    logger.open = false;
    close_file();
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&logger.level, level, memory_order_relaxed);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load_explicit(&logger.level, memory_order_relaxed);
}

void log_set_sink(void (*sink)(void *context, enum log_level level, const char *line),
                  void *context)
{
    logger.sink = sink;
    logger.sink_context = context;
}

static size_t bounded(int printed, size_t room)
{
    if (printed < 0)
        return 0;
    return MIN((size_t)printed, room - 1); /* what vsnprintf wrote of it */
}

/* "level module event key=value": one line, whatever clients have put into it. */
static size_t format_line(char *line, size_t size, const char *head, const char *format,
                          va_list args)
{
    size_t at = bounded(snprintf(line, size, "%s", head), size);
    if (format[0] != '\0' && at + 1 < size) {
        line[at++] = ' ';
        at += bounded(vsnprintf(line + at, size - at, format, args), size - at);
    }
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    return at;
}

/* Drops the line when the writer lags by a whole buffer. */
static void enqueue(const char *time, const char *line, size_t size)
{
    const size_t time_size = strlen(time);
    pthread_mutex_lock(&logger.mutex);
    struct lines *to = logger.filling;
    if (time_size + size + 1 > sizeof(to->text) - to->size) {
        logger.dropped++;
    } else {
        if (to->size == 0)
            pthread_cond_signal(&logger.filled); /* else the writer is on its way already */
        memcpy(to->text + to->size, time, time_size);
        memcpy(to->text + to->size + time_size, line, size);
        to->text[to->size + time_size + size] = '\n';
        to->size += time_size + size + 1;
    }
    pthread_mutex_unlock(&logger.mutex);
}

void log_line(enum log_level level, const char *module, const char *event, const char *format, ...)
{
    char head[HEAD_SIZE_MAX];
    char line[LINE_SIZE_MAX];
    CHECK(level < LOG_OFF);
    snprintf(head, sizeof(head), "%s %s: %s", level_names[level], module, event);
    va_list args;
    va_start(args, format);
    const size_t size = format_line(line, sizeof(line), head, format, args);
    va_end(args);
    if (logger.sink != NULL) {
        logger.sink(logger.sink_context, level, line);
        return;
    }

    char time[TIME_SIZE_MAX];
    format_time(time, sizeof(time));
    enqueue(time, line, size);
    if (!logger.open)
        log_drain();
}

/* A panic must end even if the writer hangs in a write to a dead disk: then lines are lost. */
void log_drain(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DRAIN_WAIT_S;
    if (pthread_mutex_timedlock(&logger.write_mutex, &until) != 0)
        return;
    write_filled();
    pthread_mutex_unlock(&logger.write_mutex);
}
