/* main.c -- arguments, log, wiring: nothing else. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "admin/doctor.h"
#include "admin/http.h"
#include "admin/info.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/server.h"
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static const char help[] =
    "usage: avow-server [FILE] [--DIRECTIVE VALUE ...]\n"
    "\n"
    "  FILE               settings in redis.conf's syntax; a directive on the command line wins\n"
    "  --port N           for clients (6379); peers: --peer-port N (port + 10000)\n"
    "  --dir D            data of this node, and of no other\n"
    "  --cluster-init     an empty directory becomes a new cluster of one node\n"
    "  --cluster-secret-file F\n"
    "                     the secret that all nodes of a cluster share\n"
    "  --check-config     look at the settings only: say what is wrong, or exit with 0\n"
    "  --version, --help\n"
    "\n"
    "More nodes: start each with an empty directory, then on a member: RAFT ADD host:peer-port\n";

static int usage_error(const char *text)
{
    fprintf(stderr, "avow-server: %s\n", text);
    return 1;
}

/* Takes name out of argv if it is there. */
static bool take_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof(*argv));
        (*argc)--;
        return true;
    }
    return false;
}

static int run(struct server *s)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_INFO, LOG_WARN};
    struct error e = {0};
    if (log_open(s->config.logfile, levels[s->config.loglevel], &e) != STATUS_OK)
        return usage_error(e.text);
    log_info("server", "starting", "version=%s pid=%d", PACKAGE_VERSION, (int)getpid());
    int result = 0;
    struct http *http = NULL;
    if (server_open(s, &e) == STATUS_OK && http_open(s, &http, &e) == STATUS_OK) {
        http_start(http);
        server_run(s);
        result = s->is_outdated;
    } else {
        log_error("server", "cannot start", "%s", e.text);
        result = 1;
    }
    http_stop(http);
    server_close(s);
    http_free(http);
    log_close();
    if (e.text[0] != '\0' && *s->config.logfile != '\0')
        usage_error(e.text); /* also where it was started */
    return result;
}

int main(int argc, char **argv)
{
    if (take_flag(&argc, argv, "--help") || take_flag(&argc, argv, "-h")) {
        fputs(help, stdout);
        return 0;
    }
    if (take_flag(&argc, argv, "--version") || take_flag(&argc, argv, "-v")) {
        puts("avow-server " PACKAGE_VERSION);
        return 0;
    }
    const bool check_only = take_flag(&argc, argv, "--check-config");
    struct server *s = xcalloc(1, sizeof(*s));
    struct error e = {0};
    bool wants_restart = false;
    config_init(&s->config);
    s->info = (struct server_info){info_text, info_wants_raft, info_raft, doctor_text};
    int result;
    if (config_read_arguments(&s->config, argc - 1, argv + 1, &e) != STATUS_OK ||
        config_finish(&s->config, &e) != STATUS_OK)
        result = usage_error(e.text);
    else
        result = check_only ? 0 : run(s);
    wants_restart = s->wants_restart;
    config_clear(&s->config);
    free(s);
    if (wants_restart) {
        execv("/proc/self/exe", argv);
        return usage_error("cannot start anew: start it again");
    }
    return result;
}
