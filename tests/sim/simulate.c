/* simulate.c -- runs seeds of the simulator.
 *
 *   simulate --seed N [--profile P] [--verbose]    one run, replayed to the event
 *   simulate --seeds FROM COUNT [--profile P]      many; stops at the first that fails
 *   simulate --twice FROM COUNT                    each seed two times: must be the same run
 *   ... --traced, --trace DIR                      the raft cores' inputs are recorded and given
 *                                                  to others: the same must come out; and kept
 *
 * Without --profile each seed takes one, in turn. Prints a failed seed with the command that
 * replays it, and exits 1. What nodes say when they panic is shown for a failed seed alone. */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "node/raft_trace.h"
#include "sim/sim.h"

#define DURATION_US 6000000

struct arguments {
    uint64_t from, count;
    const struct sim_profile *profile;
    int workload; /* -1: by seed */
    bool verbose, twice, traced;
    const char *trace_dir; /* NULL: traces are not kept */
};

struct total {
    uint64_t passed, events, replies, uncertain, deaths, panics, gave_up, installs, cuts, notes;
};

static struct sim_options options_of(uint64_t seed, const struct arguments *a)
{
    size_t profiles = 0;
    while (sim_profiles[profiles].name != NULL)
        profiles++;
    static const uint8_t workloads[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5, 5,
                                        6, 6, 6};
    struct prng prng; /* so that each profile meets all the other choices */
    prng_seed(&prng, ~seed);
    struct sim_options options = {
        .seed = seed,
        .profile = a->profile != NULL ? a->profile : &sim_profiles[seed % profiles],
        .node_count = 3,
        .client_count = 2 + (uint32_t)prng_below(&prng, 6),
        .pipe_count = (uint32_t)prng_below(&prng, 3),
        .duration_us = DURATION_US,
        .lease_ms = prng_below(&prng, 4) == 0 ? 150 : 0,
        .workload = workloads[prng_below(&prng, ARRAY_COUNT(workloads))],
        .verbose = a->verbose,
        .traced = a->traced,
    };
    const uint64_t size = prng_below(&prng, 16);
    options.node_count = size == 0 ? 1 : size <= 2 ? 5 : 3;
    if (prng_below(&prng, 2) == 0 && !options.profile->rot) /* a snapshot would spread it */
        options.log_keep_bytes = 2000 + prng_below(&prng, 16000);
    if (prng_below(&prng, 2) == 0)
        options.replace_dead_ms = 600; /* where there are spares */
    options.acked = prng_below(&prng, 2) == 0;
    if (a->workload >= 0)
        options.workload = (uint32_t)a->workload;
    return options;
}

/* --- what panics say -------------------------------------------------------------------------- */

static FILE *said; /* stderr goes there while a seed runs */
static int said_before;
static uint64_t running_seed;

static void hush(void)
{
    fflush(stderr);
    said = tmpfile();
    said_before = dup(STDERR_FILENO);
    if (said == NULL || said_before < 0 || dup2(fileno(said), STDERR_FILENO) < 0)
        exit(2);
}

static void speak(bool all)
{
    dup2(said_before, STDERR_FILENO);
    close(said_before);
    rewind(said);
    char text[4096];
    size_t size;
    while (all && (size = fread(text, 1, sizeof(text), said)) > 0)
        fwrite(text, 1, size, stdout);
    fclose(said);
    said = NULL;
}

/* The simulator itself, or a node outside of what is caught, broke down. */
static void broke_down(int signal_number)
{
    signal(signal_number, SIG_DFL);
    if (said != NULL)
        speak(true);
    printf("seed %" PRIu64 " FAILED: signal %d\n  replay: tests/sim/simulate --seed %" PRIu64
           " --verbose\n", running_seed, signal_number, running_seed);
    fflush(stdout);
    raise(signal_number);
}

/* --- runs ------------------------------------------------------------------------------------- */

static void count(struct total *t, const struct sim *s)
{
    t->passed++;
    t->events += s->event_count;
    t->replies += s->replies;
    t->uncertain += s->errors_uncertain;
    t->deaths += s->crashes;
    t->panics += s->panics;
    t->gave_up += s->gave_up;
    t->installs += s->installs;
    t->cuts += s->cuts;
    t->notes += s->notes;
}

static void write_trace(const struct sim_node *n, const char *dir)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/seed-%" PRIu64 "-node-%" PRIu32 ".trace", dir, running_seed,
             n->position + 1);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(buf_data(&n->trace), 1, n->trace.size, f) != n->trace.size ||
        fclose(f) != 0) {
        fprintf(stderr, "simulate: cannot write %s\n", path);
        exit(2);
    }
}

/* What each core was given, once more to another: the same must come out. */
static void replay_cores(struct sim *s, const char *dir)
{
    for (size_t i = 0; i < ARRAY_COUNT(s->nodes); i++) {
        struct sim_node *n = &s->nodes[i];
        if (n->trace.size > 0 && dir != NULL)
            write_trace(n, dir);
        struct raft_replay replay;
        if (s->failure[0] == 0 && !raft_replay(&replay, buf_bytes(&n->trace)))
            snprintf(s->failure, sizeof(s->failure), "replay of node %zu: %s", i + 1, replay.error);
        else if (s->failure[0] == 0 && replay.bytes != n->trace.size)
            snprintf(s->failure, sizeof(s->failure), "replay of node %zu ends early", i + 1);
        if (n->trace.size > 0)
            raft_replay_clear(&replay);
        buf_clear(&n->trace);
    }
}

static bool run_once(struct sim *s, const struct sim_options *options, const char *trace_dir)
{
    if (!options->verbose)
        hush();
    sim_run(s, options);
    if (options->traced)
        replay_cores(s, trace_dir);
    char failure[sizeof(s->failure)];
    memcpy(failure, s->failure, sizeof(failure));
    sim_clear(s);
    if (!options->verbose)
        speak(failure[0] != 0);
    if (options->verbose)
        printf("seed %" PRIu64 ", profile %s: %" PRIu64 " events, %" PRIu64 " replies, %" PRIu64
               " certainly not executed, %" PRIu64 " uncertain, %" PRIu64 " deaths, %" PRIx64 "\n",
               options->seed, options->profile->name, s->event_count, s->replies,
               s->errors_definite, s->errors_uncertain, s->crashes, s->fingerprint);
    if (failure[0] == 0)
        return true;
    printf("seed %" PRIu64 ", profile %s FAILED: %s\n  replay: tests/sim/simulate --seed %" PRIu64
           " --profile %s --workload %u --verbose\n", options->seed, options->profile->name,
           failure, options->seed, options->profile->name, options->workload);
    return false;
}

static bool run_seed(uint64_t seed, const struct arguments *a, struct total *t)
{
    static struct sim s;
    const struct sim_options options = options_of(seed, a);
    running_seed = seed;
    if (!run_once(&s, &options, a->trace_dir))
        return false;
    count(t, &s);
    if (!a->twice)
        return true;
    const uint64_t fingerprint = s.fingerprint, events = s.event_count, replies = s.replies;
    if (!run_once(&s, &options, a->trace_dir))
        return false;
    if (fingerprint == s.fingerprint && events == s.event_count && replies == s.replies)
        return true;
    printf("seed %" PRIu64 " is not the same run twice: %" PRIu64 " events and %" PRIu64 "\n", seed,
           events, s.event_count);
    return false;
}

/* --- arguments -------------------------------------------------------------------------------- */

static void usage(void)
{
    fprintf(stderr, "usage: simulate --seed N | --seeds FROM COUNT | --twice FROM COUNT "
                    "[--profile P] [--workload N] [--verbose]\n"
                    "  --traced: each raft core is replayed; --trace DIR: and its trace kept "
                    "(tests/sim/replay)\nprofiles:");
    for (const struct sim_profile *p = sim_profiles; p->name != NULL; p++)
        fprintf(stderr, " %s", p->name);
    fprintf(stderr, "\n");
    exit(2);
}

static uint64_t number(int argc, char **argv, int at)
{
    char *end;
    if (at >= argc)
        usage();
    const uint64_t value = strtoull(argv[at], &end, 10);
    if (*end != 0)
        usage();
    return value;
}

static struct arguments parse(int argc, char **argv)
{
    struct arguments a = {.from = 1, .count = 200, .workload = -1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0) {
            a.from = number(argc, argv, ++i);
            a.count = 1;
        } else if (strcmp(argv[i], "--seeds") == 0 || strcmp(argv[i], "--twice") == 0) {
            a.twice = argv[i][2] == 't';
            a.from = number(argc, argv, ++i);
            a.count = number(argc, argv, ++i);
        } else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            a.profile = sim_profile_find(argv[++i]);
            if (a.profile == NULL)
                usage();
        } else if (strcmp(argv[i], "--workload") == 0) {
            a.workload = (int)(number(argc, argv, ++i) % SIM_WORKLOADS);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            a.verbose = true;
        } else if (strcmp(argv[i], "--traced") == 0) {
            a.traced = true;
        } else if (strcmp(argv[i], "--trace") == 0 && i + 1 < argc) {
            a.traced = true;
            a.trace_dir = argv[++i];
        } else {
            usage();
        }
    }
    return a;
}

int main(int argc, char **argv)
{
    const struct arguments a = parse(argc, argv);
    signal(SIGABRT, broke_down);
    struct total t = {0};
    const time_t begin = time(NULL);
    bool passed = true;
    for (uint64_t seed = a.from; passed && seed < a.from + a.count; seed++)
        passed = run_seed(seed, &a, &t);
    if (passed)
        printf("seeds %" PRIu64 " to %" PRIu64 " passed in %ld s: %" PRIu64 " events, %" PRIu64
               " replies, %" PRIu64 " uncertain, %" PRIu64 " deaths of nodes, %" PRIu64
               " logs cut, %" PRIu64 " snapshots installed, %" PRIu64
               " notes between nodes, %" PRIu64 " histories too wide to judge\n",
               a.from, a.from + a.count - 1, (long)(time(NULL) - begin), t.events,
               t.replies, t.uncertain, t.deaths,
               t.cuts, t.installs, t.notes, t.gave_up);
    fflush(stdout);
    if (t.panics > 0 || !passed)
        _exit(passed ? 0 : 1); /* what a panicked node had in memory is lost: no leak check */
    return 0;
}
