/* main.c -- avow-check: arguments, nothing else. */

#define _GNU_SOURCE /* strptime(), timegm() */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check/check.h"
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static const char help[] =
    "usage: avow-check info DIR                      who and how far the node of DIR is\n"
    "       avow-check log DIR [--from I] [--count N] [--json]\n"
    "                                                entries of its log, a line each\n"
    "       avow-check verify DIR                    reads everything, every checksum; DIR may\n"
    "                                                be a backup, or a series of them\n"
    "       avow-check recover DIR --new-cluster [--yes]\n"
    "                                                the majority is lost for good: makes a new\n"
    "                                                cluster of this node, tells what is lost\n"
    "       avow-check restore BACKUP DIR [--archive A] [--to-index I | --to-time T]\n"
    "                                                makes the directory DIR of a new cluster of\n"
    "                                                one of a backup (RAFT BACKUP), or of the\n"
    "                                                newest of a series; A: its archive-dir;\n"
    "                                                T: 2026-11-29T01:02:03Z, or ms since 1970\n"
    "       avow-check --version, --help\n"
    "\n"
    "The node must not run. Only recover changes anything, only restore makes anything.\n";

int check_failed(const struct error *e)
{
    fprintf(stderr, "avow-check: %s\n", e->text);
    return 1;
}

static int usage_error(const char *what)
{
    fprintf(stderr, "avow-check: %s\n%s", what, help);
    return 1;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

/* "2026-11-29T01:02:03Z", with or without ".004" before the Z; or milliseconds. */
static bool parse_time(const char *text, uint64_t *ms)
{
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == NULL)
        return parse_number(text, ms);
    unsigned fraction = 0;
    int size = 0;
    if (*rest == '.' && (sscanf(rest, ".%3u%n", &fraction, &size) != 1 || size != 4))
        return false;
    const time_t seconds = timegm(&utc);
    if (strcmp(rest + size, "Z") != 0 || seconds < 0)
        return false;
    *ms = (uint64_t)seconds * 1000 + fraction;
    return true;
}

struct arguments {
    struct log_options log;
    bool new_cluster, confirmed;
};

/* NULL, or what is wrong. */
static const char *parse(int argc, char **argv, struct arguments *a)
{
    a->log.count = UINT64_MAX;
    for (int i = 3; i < argc; i++) {
        const bool is_from = strcmp(argv[i], "--from") == 0;
        if (is_from || strcmp(argv[i], "--count") == 0) {
            if (i + 1 == argc || !parse_number(argv[i + 1], is_from ? &a->log.from : &a->log.count))
                return "--from and --count take a number";
            i++;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->log.json = true;
        } else if (strcmp(argv[i], "--new-cluster") == 0) {
            a->new_cluster = true;
        } else if (strcmp(argv[i], "--yes") == 0) {
            a->confirmed = true;
        } else {
            return "there is no such option";
        }
    }
    return NULL;
}

static int run(struct node_dir *n, const char *command, const struct arguments *a)
{
    if (strcmp(command, "info") == 0)
        return check_info(n);
    if (strcmp(command, "log") == 0)
        return check_log(n, &a->log);
    if (strcmp(command, "verify") == 0)
        return check_verify(n);
    return check_recover(n, a->confirmed);
}

/* NULL, or what is wrong. */
static const char *parse_restore(int argc, char **argv, struct restore_options *o)
{
    if (argc < 4)
        return "restore takes a backup and a directory to make";
    *o = (struct restore_options){.backup = argv[2], .dir = argv[3]};
    for (int i = 4; i < argc; i += 2) {
        if (i + 1 == argc)
            return "the last option lacks its value";
        if (strcmp(argv[i], "--archive") == 0)
            o->archive = argv[i + 1];
        else if (strcmp(argv[i], "--to-index") == 0) {
            if (!parse_number(argv[i + 1], &o->to_index) || o->to_index == 0)
                return "--to-index takes the number of an entry";
        } else if (strcmp(argv[i], "--to-time") == 0) {
            if (!parse_time(argv[i + 1], &o->to_time_ms) || o->to_time_ms == 0)
                return "--to-time takes a time like 2026-11-29T01:02:03Z, or ms since 1970";
        } else {
            return "there is no such option";
        }
    }
    return o->to_index != 0 && o->to_time_ms != 0 ? "--to-index or --to-time, not both" : NULL;
}

static int run_restore(int argc, char **argv)
{
    struct restore_options options;
    for (int i = 2; i < argc && i < 4; i++) /* "dir/" names what "dir" does */
        for (size_t size = strlen(argv[i]); size > 1 && argv[i][size - 1] == '/';)
            argv[i][--size] = '\0';
    const char *wrong = parse_restore(argc, argv, &options);
    return wrong != NULL ? usage_error(wrong) : check_restore(&options);
}

int main(int argc, char **argv)
{
    static const char *const commands[] = {"info", "log", "verify", "recover"};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("avow-check " PACKAGE_VERSION);
        return 0;
    }
    if (argc < 3)
        return usage_error("a command and a directory are expected");
    if (strcmp(argv[1], "restore") == 0)
        return run_restore(argc, argv);
    if (argc == 3 && strcmp(argv[1], "verify") == 0 && is_backup(argv[2]))
        return check_verify_backup(argv[2]);
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        is_known = is_known || strcmp(argv[1], commands[i]) == 0;
    if (!is_known)
        return usage_error("there is no such command");
    struct arguments a = {0};
    const char *wrong = parse(argc, argv, &a);
    if (wrong != NULL)
        return usage_error(wrong);
    const bool is_recover = strcmp(argv[1], "recover") == 0;
    if (is_recover && !a.new_cluster)
        return usage_error("recover makes a new cluster: say so with --new-cluster");
    struct node_dir n;
    struct error e = {0};
    const enum status status = node_dir_open(&n, argv[2], !(is_recover && a.confirmed), &e);
    const int result = status == STATUS_OK ? run(&n, argv[1], &a) : check_failed(&e);
    node_dir_close(&n);
    return result;
}
