/* log.h -- log lines: time, level, module, event in plain words, key=value.
 *
 *   log_info("raft", "became leader", "term=%" PRIu64, term);
 *
 * Lines go to stderr or a file through a ring and a writer thread of their own, so that a slow disk
 * delays no loop; a full ring drops lines and says how many. Before log_open() lines are written at
 * once to stderr. The one global of the program. */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/status.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/* path NULL or "" means stderr. Starts the writer thread. */
enum status log_open(const char *path, enum log_level level, struct error *e) MUST_CHECK;
void log_close(void); /* writes what is left, ends the thread */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* Lines go to sink instead of a file, in the caller's thread (simulator, tests). NULL ends that. */
void log_set_sink(void (*sink)(void *context, enum log_level level, const char *line),
                  void *context);

void log_line(enum log_level level, const char *module, const char *event, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Writes what is queued at once, from any thread; for panic(). */
void log_drain(void);

#define log_at(level, ...)                  \
    do {                                    \
        if ((level) >= log_level())         \
            log_line((level), __VA_ARGS__); \
    } while (0)

#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

#endif
