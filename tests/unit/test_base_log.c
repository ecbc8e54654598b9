/* test_base_log.c -- log lines on their way to sink and file; panic, its hook and its end. */

#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/panic.h"

static void collect(void *context, enum log_level level, const char *line)
{
    buf_printf(context, "[%d]%s\n", (int)level, line);
}

static void a_sink_gets_the_lines_of_its_level_and_above(void **state)
{
    (void)state;
    struct buf lines = {0};
    log_set_sink(collect, &lines);
    log_set_level(LOG_INFO);
    log_debug("raft", "not seen", "x=%d", 1);
    log_info("raft", "became leader", "term=%d", 7);
    log_set_level(LOG_ERROR);
    log_warn("raft", "not seen", "x=%d", 2);
    log_error("kv", "broken", "text=%s", "a\r\nb\tc");
    log_set_level(LOG_OFF);
    log_error("kv", "not seen", "x=%d", 3);
    log_set_sink(NULL, NULL);
    log_set_level(LOG_INFO);
    buf_append_u8(&lines, 0);
    assert_string_equal((char *)buf_data(&lines),
                        "[1]info raft: became leader term=7\n[3]error kv: broken text=a??b?c\n");
    buf_clear(&lines);
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct buf lines = {0};
    log_set_sink(collect, &lines);
    log_info("m", text, "x=%s", text);
    log_info("m", "e", "x=%s", text);
    log_set_sink(NULL, NULL);
    assert_in_range(lines.size, 1000, 2500);
    buf_clear(&lines);
}

enum { THREADS = 3, LINES = 500, WAITS_MAX = 10000 };

static void *log_lines(void *number)
{
    for (int i = 0; i < LINES; i++)
        log_info("test", "line", "thread=%d number=%d", *(int *)number, i);
    return NULL;
}

static void new_path(char *path)
{
    strcpy(path, "test_base_log.XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void a_file_gets_all_lines_in_each_threads_order(void **state)
{
    (void)state;
    char path[40];
    new_path(path);
    struct error e;
    assert_int_equal(log_open(path, LOG_INFO, &e), STATUS_OK);
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_close();

    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[200];
    int next[THREADS] = {0};
    while (fgets(line, sizeof(line), file) != NULL) {
        int thread, number, year;
        assert_int_equal(sscanf(line, "%d-%*d-%*dT%*d:%*d:%*fZ info test: line thread=%d number=%d",
                                &year, &thread, &number), 3);
        assert_in_range(thread, 0, THREADS - 1);
        assert_int_equal(number, next[thread]++);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
    fclose(file);
    unlink(path);
}

static off_t size_of(const char *path)
{
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    return s.st_size;
}

/* Nobody has to drain or close: the writer writes by itself, each time. */
static void the_writer_writes_soon(void **state)
{
    (void)state;
    char path[40];
    new_path(path);
    struct error e;
    assert_int_equal(log_open(path, LOG_INFO, &e), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        const off_t before = size_of(path);
        log_info("test", "one line", "number=%d", i);
        for (int wait = 0; size_of(path) == before && wait < WAITS_MAX; wait++)
            usleep(1000);
        assert_true(size_of(path) > before);
    }
    log_close();
    unlink(path);
}

static void a_path_that_cannot_be_opened_is_an_error(void **state)
{
    (void)state;
    struct error e;
    assert_int_equal(log_open("/nowhere/at/all/x.log", LOG_INFO, &e), STATUS_IO);
    assert_non_null(strstr(e.text, "/nowhere/at/all/x.log"));
}

static jmp_buf back;
static char told[200];

static void leap(void *context, const char *message)
{
    (*(int *)context)++;
    snprintf(told, sizeof(told), "%s", message);
    longjmp(back, 1);
}

static void a_panic_calls_the_hook_with_its_message(void **state)
{
    (void)state;
    static int calls;
    for (volatile int i = 0; i < 2; i++) { /* a simulator lives through many */
        panic_set_hook(leap, &calls);
        if (setjmp(back) == 0)
            CHECK(calls == -1);
    }
    panic_set_hook(NULL, NULL);
    assert_int_equal(calls, 2);
    assert_non_null(strstr(told, "test_base_log.c:"));
    assert_non_null(strstr(told, "check failed: calls == -1"));
}

static void panic_again(void *context, const char *message)
{
    (void)context;
    panic("within the hook of: %s", message);
}

static void a_panic_ends_the_process_even_if_the_hook_panics(void **state)
{
    (void)state;
    for (int with_hook = 0; with_hook < 2; with_hook++) {
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            const struct rlimit no_core = {0, 0};
            setrlimit(RLIMIT_CORE, &no_core);
            signal(SIGABRT, SIG_DFL);
            panic_set_hook(with_hook ? panic_again : NULL, NULL);
            panic("on purpose: %d", 42);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_gets_the_lines_of_its_level_and_above),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(a_file_gets_all_lines_in_each_threads_order),
        cmocka_unit_test(the_writer_writes_soon),
        cmocka_unit_test(a_path_that_cannot_be_opened_is_an_error),
        cmocka_unit_test(a_panic_calls_the_hook_with_its_message),
        cmocka_unit_test(a_panic_ends_the_process_even_if_the_hook_panics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
