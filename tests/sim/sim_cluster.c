/* sim_cluster.c -- the run: form the cluster, let things go wrong, heal, let it settle, judge. */

#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define QUIET_US 3000000   /* clients go on after the faults ended */
#define SETTLE_US 6000000  /* then their last waits and the last deadlines of keys pass */
#define LOOK_US 4000000    /* and every key is read on every node */
#define SETTLED_US (2ull * SIM_HEARTBEAT_TICKS * SIM_TICK_MS * 1000 + 2ull * SIM_LONG_JOB_US)
#define LEADER_US (10ull * 2 * SIM_ELECTION_TICKS * SIM_TICK_MS * 1000) /* §9: ten timeouts */
#define EVENTS_MAX 30000000

uint64_t sim_random(struct sim *s, uint64_t limit)
{
    return limit == 0 ? 0 : prng_below(&s->prng, limit);
}

void sim_at(struct sim *s, struct sim_event *e, uint64_t delay_us)
{
    const uint64_t at = s->now_us + delay_us;
    if (e->node.position != 0)
        heap_remove(&s->events, &e->node);
    heap_push(&s->events, &e->node, at);
}

void sim_soon(struct sim *s, struct sim_event *e, uint64_t delay_us)
{
    if (e->node.position == 0 || e->node.key > s->now_us + delay_us)
        sim_at(s, e, delay_us);
}

void sim_fail(struct sim *s, const char *format, ...)
{
    char text[sizeof(s->failure)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_trace(s, "FAILED: %s", text);
    if (s->failure[0] == 0)
        memcpy(s->failure, text, sizeof(text));
}

void sim_trace(struct sim *s, const char *format, ...)
{
    if (!s->options.verbose)
        return;
    printf("%10.6f ", (double)s->now_us / 1e6);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static void log_sink(void *context, enum log_level level, const char *line)
{
    struct sim *s = context;
    (void)level;
    if (s->running != NULL)
        sim_trace(s, "node %u: %s", s->running->position + 1, line);
}

/* Asks node 1 to add the next node; the answer asks for the one after it. */
static void join(struct sim *s, struct sim_event *event)
{
    if (s->joined == s->options.node_count)
        return;
    struct sim_node *first = &s->nodes[0];
    struct shard_status at = {0};
    shard_status(first->shard, &at);
    if (at.role != RAFT_LEADER) {
        sim_at(s, event, 10000);
        return;
    }
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->op = ADMIN_ADD;
    strcpy(admin->host, "sim");
    admin->port = (uint16_t)(s->joined + 1);
    if (!shard_admin(first->shard, admin)) {
        free(admin);
        sim_at(s, event, 10000);
        return;
    }
    sim_node_wake(s, first);
}

bool sim_run_until(struct sim *s, uint64_t end_us)
{
    while (s->failure[0] == 0) {
        const struct heap_node *first = heap_first(&s->events);
        if (first == NULL || first->key > end_us)
            break;
        struct sim_event *e = container_of(heap_pop(&s->events), struct sim_event, node);
        s->now_us = e->node.key;
        s->fingerprint = (s->fingerprint ^ e->node.key) * 0x9e3779b97f4a7c15u;
        e->happen(s, e);
        if (++s->event_count > EVENTS_MAX)
            sim_fail(s, "more than %d events: something runs in circles", EVENTS_MAX);
    }
    s->now_us = MAX(s->now_us, end_us);
    return s->failure[0] == 0;
}

static bool form_cluster(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++) {
        sim_node_init(s, i);
        sim_node_start(s, &s->nodes[i]);
    }
    s->joined = 1;
    s->join.happen = join;
    sim_at(s, &s->join, 100000);
    for (int i = 0; i < 200 && s->joined < s->options.node_count; i++)
        if (!sim_run_until(s, s->now_us + 100000))
            return false;
    if (s->joined < s->options.node_count)
        sim_fail(s, "the cluster did not form within 20 s");
    return s->failure[0] == 0;
}

static void liveness(struct sim *s, struct sim_event *event)
{
    (void)event;
    sim_check_liveness(s);
}

/* Clients work while things go wrong, and for a while after that. */
static bool run_faults(struct sim *s)
{
    s->quiet = false;
    const uint64_t end_us = s->now_us + s->options.duration_us;
    s->options.duration_us = end_us + QUIET_US;
    sim_clients_start(s);
    sim_pipes_start(s);
    sim_faults_start(s);
    sim_churn_start(s);
    sim_rot_start(s);
    sim_levels_start(s);
    if (!sim_run_until(s, end_us))
        return false;
    sim_faults_end(s);
    s->liveness.happen = liveness;
    sim_at(s, &s->liveness, LEADER_US);
    if (!sim_run_until(s, s->options.duration_us + SETTLE_US))
        return false;
    sim_reader_start(s);
    return sim_run_until(s, s->now_us + LOOK_US);
}

/* A leader tells a commit with the next heartbeat, if nothing else is to be sent. What it did a
 * moment ago, when a key's time was over for instance, the others do a moment later; and apply may
 * wait for a row that a worker reads. */
bool sim_settle(struct sim *s)
{
    const uint64_t end_us = s->now_us + SETTLED_US;
    while (!sim_is_settled(s) && s->now_us < end_us)
        if (!sim_run_until(s, s->now_us + 1000))
            return false;
    return sim_is_settled(s);
}

bool sim_form(struct sim *s, const struct sim_options *options)
{
    memset(s, 0, sizeof(*s));
    s->options = *options;
    s->profile = options->profile;
    prng_seed(&s->prng, options->seed);
    heap_init(&s->events);
    log_set_sink(log_sink, s);
    log_set_level(options->verbose ? LOG_INFO : LOG_OFF);
    s->quiet = true;
    return form_cluster(s);
}

void sim_leave(struct sim *s)
{
    (void)s;
    log_set_sink(NULL, NULL);
    panic_set_hook(NULL, NULL);
}

void sim_run(struct sim *s, const struct sim_options *options)
{
    if (sim_form(s, options) && run_faults(s)) {
        sim_settle(s);
        sim_check_end(s);
    }
    sim_leave(s);
}

static void drop_events(struct sim *s)
{
    /* Frames and jobs free themselves when they find that what they belong to is gone. */
    s->failure[0] = 0;
    s->quiet = true;
    struct heap_node *node;
    while ((node = heap_pop(&s->events)) != NULL) {
        struct sim_event *e = container_of(node, struct sim_event, node);
        if (e->owns_memory)
            e->happen(s, e);
    }
}

void sim_clear(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.node_count; i++)
        sim_node_clear(&s->nodes[i]);
    drop_events(s);
    heap_clear(&s->events);
    sim_clients_clear(s);
    sim_pipes_clear(s);
    sim_reader_clear(s);
    free(s->digests);
    free(s->digest_terms);
    free(s->leaders);
}
