/* scenarios.c -- what the simulator plays by hand: networks one by one, and what a seed taught.
 *
 *   scenarios [--only NAME] [--verbose]
 *
 * Three real nodes, of which the first leads at the start; one writer at each, whose next write
 * goes when the last one was answered. All is deterministic. Exits 1 when a scenario failed. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "sim/sim.h"

#define NODES 3
#define GRAPHS 64                  /* of the six directed links of three nodes */
#define MS ((uint64_t)1000)
#define TIMEOUT_US ((uint64_t)2 * SIM_ELECTION_TICKS * SIM_TICK_MS * MS) /* the longest drawn */
#define WRITE_EVERY_US (10 * MS)
#define SILENCE_MAX_US (TIMEOUT_US + 2 * SIM_LONG_JOB_US) /* of a leader that serves */
#define EXTRA 3                    /* writers more at node 1 */
#define FLUSHED_US (6000 * MS)     /* by then all that was applied is on disk, and the log is cut */
#define WATCHED_US (8 * TIMEOUT_US)

struct writer {
    struct sim_call call;
    uint64_t began_us; /* what is in flight */
    uint64_t count, errors;
    uint64_t newest_us, acknowledged_us; /* the newest one acknowledged: when it began, and ended */
};

struct stage {
    struct sim sim;
    struct writer writers[NODES], extra[EXTRA];
};

static struct stage stage; /* one at a time */
static bool is_verbose;

/* --- the stage -------------------------------------------------------------------------------- */

static void answered(struct sim *s, struct sim_call *call, const char *text)
{
    struct writer *w = container_of(call, struct writer, call);
    if (text[0] == '-') {
        w->errors++;
        if (strncmp(text, "-UNCERTAIN", 10) != 0 && strncmp(text, "-CLUSTERDOWN", 12) != 0)
            sim_fail(s, "a writer was answered %s", text);
        return;
    }
    w->newest_us = w->began_us;
    w->acknowledged_us = s->now_us;
}

static bool send_words(struct sim *s, uint32_t at, struct writer *w, const struct bytes *words,
                       uint32_t count)
{
    struct sim_node *n = &s->nodes[at];
    if (w->call.waiting || n->shard == NULL)
        return false;
    const struct request r = {.kind = REQ_COMMAND, .args = words, .arg_count = count};
    w->call.complete = answered;
    w->began_us = s->now_us;
    return sim_submit(n, &w->call, &r, WAY_WRITE);
}

static void write_next(struct sim *s, uint32_t at, struct writer *w)
{
    char key[16], value[24];
    const struct bytes words[3] = {
        BYTES("SET"), bytes_of(key, (size_t)snprintf(key, sizeof(key), "w:%" PRIu32, at)),
        bytes_of(value, (size_t)snprintf(value, sizeof(value), "%" PRIu64,
                                         w->count))};
    w->count += send_words(s, at, w, words, ARRAY_COUNT(words));
}

static bool write_for(struct sim *s, uint64_t for_us)
{
    const uint64_t end_us = s->now_us + for_us;
    while (s->now_us < end_us) {
        for (uint32_t i = 0; i < NODES; i++)
            write_next(s, i, &stage.writers[i]);
        if (!sim_run_until(s, MIN(end_us, s->now_us + WRITE_EVERY_US)))
            return false;
    }
    return true;
}

static struct sim *open_stage_with(uint64_t seed, bool acked, uint64_t log_keep_bytes,
                                   const char *profile)
{
    struct sim *s = &stage.sim;
    memset(stage.writers, 0, sizeof(stage.writers));
    memset(stage.extra, 0, sizeof(stage.extra));
    const struct sim_options options = {
        .seed = seed, .profile = sim_profile_find(profile), .node_count = NODES, .acked = acked,
        .log_keep_bytes = log_keep_bytes, .verbose = is_verbose};
    if (sim_form(s, &options))
        write_for(s, TIMEOUT_US);
    return s;
}

static struct sim *open_stage(uint64_t seed, bool acked)
{
    return open_stage_with(seed, acked, 0, "calm");
}

static bool close_stage(struct sim *s, const char *what)
{
    const bool held = s->failure[0] == 0;
    if (!held)
        printf("  %s: %s\n", what, s->failure);
    sim_leave(s);
    sim_clear(s);
    for (uint32_t i = 0; i < NODES; i++)
        buf_clear(&stage.writers[i].call.reply);
    for (uint32_t i = 0; i < EXTRA; i++)
        buf_clear(&stage.extra[i].call.reply);
    return held;
}

static struct shard_status status_of(struct sim *s, uint32_t at)
{
    struct shard_status status = {0};
    if (s->nodes[at].shard != NULL)
        shard_status(s->nodes[at].shard, &status);
    return status;
}

/* The position of the leader of the newest term; NODES: there is none. */
static uint32_t leader_of(struct sim *s)
{
    uint32_t leader = NODES;
    uint64_t term = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        const struct shard_status at = status_of(s, i);
        if (at.role != RAFT_LEADER || at.term < term)
            continue;
        leader = i;
        term = at.term;
    }
    return leader;
}

/* --- networks --------------------------------------------------------------------------------- */

static const uint32_t links[6][2] = {{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}};

static void set_graph(struct sim *s, uint32_t graph) /* its bits: the links that work */
{
    for (uint32_t i = 0; i < ARRAY_COUNT(links); i++)
        s->cut[links[i][0]][links[i][1]] = (graph >> i & 1) == 0;
}

/* Of three a pair is a majority. */
static bool has_majority(uint32_t graph)
{
    return (graph & 3) == 3 || (graph >> 2 & 3) == 3 || (graph >> 4 & 3) == 3;
}

/* One leader, in one term, that acknowledges what its own client writes. */
static void check_serves(struct sim *s, uint64_t for_us)
{
    const uint32_t leader = leader_of(s);
    if (leader == NODES) {
        sim_fail(s, "no leader");
        return;
    }
    const uint64_t term = status_of(s, leader).term, end_us = s->now_us + for_us;
    while (s->now_us < end_us && write_for(s, WRITE_EVERY_US)) {
        const struct shard_status at = status_of(s, leader);
        if (at.role != RAFT_LEADER || at.term != term)
            sim_fail(s, "leader %" PRIu32 " of term %" PRIu64 " did not stay", leader + 1, term);
        if (s->now_us - stage.writers[leader].acknowledged_us > SILENCE_MAX_US)
            sim_fail(s, "leader %" PRIu32 " acknowledges nothing", leader + 1);
    }
}

static bool wrote_since(uint64_t since_us)
{
    for (uint32_t i = 0; i < NODES; i++)
        if (stage.writers[i].newest_us >= since_us)
            return true;
    return false;
}

/* All links work again: a leader, every client served, every row equal. */
static void check_healed(struct sim *s)
{
    const uint64_t since_us = s->now_us;
    if (!write_for(s, 5 * TIMEOUT_US))
        return;
    check_serves(s, 2 * TIMEOUT_US);
    for (uint32_t i = 0; i < NODES; i++)
        if (stage.writers[i].newest_us < since_us && s->now_us < since_us + 12 * TIMEOUT_US)
            write_for(s, 5 * TIMEOUT_US); /* the last one may wait for its five seconds */
    for (uint32_t i = 0; i < NODES; i++)
        if (stage.writers[i].newest_us < since_us)
            sim_fail(s, "after all has healed the client of node %" PRIu32 " is not served", i + 1);
    sim_settle(s);
    sim_check_equal(s);
}

/* Node 1 leads, and two of three still hear each other, it among them: that stays so. */
static void check_kept(struct sim *s, uint32_t graph, uint64_t term)
{
    if ((graph & 3) != 3 && (graph >> 2 & 3) != 3)
        return;
    const struct shard_status at = status_of(s, 0);
    if (at.role != RAFT_LEADER || at.term != term)
        sim_fail(s, "leader 1 of term %" PRIu64 " lost its office", term);
}

/* idle: all logs are equal when the links go, so that none is refused a vote for its log. */
static bool one_graph(uint32_t graph, bool acked, bool idle)
{
    char what[64];
    snprintf(what, sizeof(what), "graph %" PRIu32 "%s%s", graph, acked ? ", acked" : "",
             idle ? ", idle" : "");
    struct sim *s = open_stage(1000 + graph, acked);
    const uint64_t term = status_of(s, 0).term;
    if (idle)
        sim_run_until(s, s->now_us + TIMEOUT_US + 2 * SIM_LONG_JOB_US);
    set_graph(s, graph);
    if (idle)
        sim_run_until(s, s->now_us + WATCHED_US);
    check_kept(s, graph, term);
    const uint64_t since_us = s->now_us;
    if (write_for(s, 5 * TIMEOUT_US)) {
        check_kept(s, graph, term);
        const bool wrote = wrote_since(since_us);
        if (has_majority(graph) && !wrote)
            sim_fail(s, "nothing was acknowledged within five election timeouts");
        if (has_majority(graph))
            check_serves(s, WATCHED_US);
        else if (wrote || !write_for(s, WATCHED_US) || wrote_since(since_us))
            sim_fail(s, "a write was acknowledged without a majority");
    }
    set_graph(s, GRAPHS - 1);
    check_healed(s);
    check_kept(s, graph, term); /* who was away did not campaign, so that it disturbs nobody now */
    return close_stage(s, what);
}

/* Wherever two nodes hear each other a leader serves within five election timeouts, and stays,
 * whatever the third one hears and says; elsewhere nothing is acknowledged; then all heals. */
static bool all_link_graphs_of_three_nodes(void)
{
    bool held = true;
    for (uint32_t graph = 0; graph < GRAPHS; graph++) {
        held &= one_graph(graph, false, false);
        held &= one_graph(graph, false, true);
        held &= one_graph(graph, true, false);
        held &= one_graph(graph, true, true);
    }
    return held;
}

/* From any graph to any other, by way of two: what one left behind must not harm the next. */
static bool link_graphs_one_after_another(void)
{
    bool held = true;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        char what[64];
        snprintf(what, sizeof(what), "seed %" PRIu32, seed);
        struct sim *s = open_stage(2000 + seed, seed % 2 == 0);
        for (uint32_t i = 0; i < 6 && s->failure[0] == 0; i++) {
            const uint32_t graph = (uint32_t)sim_random(s, GRAPHS);
            const uint64_t since_us = s->now_us;
            set_graph(s, graph);
            write_for(s, 5 * TIMEOUT_US);
            if (has_majority(graph) && !wrote_since(since_us))
                sim_fail(s, "graph %" PRIu32 ": nothing was acknowledged", graph);
            if (has_majority(graph))
                check_serves(s, 2 * TIMEOUT_US);
        }
        set_graph(s, GRAPHS - 1);
        check_healed(s);
        held &= close_stage(s, what);
    }
    return held;
}

/* One link, one way or both, comes and goes. The other follower is there all the time, so the
 * leader serves on in its term, also when the link is between the followers. */
static bool flapping_links_do_not_unseat_the_leader(void)
{
    static const uint32_t periods_ms[] = {20, 60, 150, 350, 900};
    bool held = true;
    for (uint32_t which = 0; which < 9 * ARRAY_COUNT(periods_ms); which++) {
        const uint32_t period_ms = periods_ms[which / 9], pair = which % 9 / 3, ways = which % 3;
        char what[64];
        snprintf(what, sizeof(what), "pair %" PRIu32 ", ways %" PRIu32 ", %" PRIu32 " ms", pair,
                 ways, period_ms);
        struct sim *s = open_stage(3000 + which, true);
        const uint64_t end_us = s->now_us + WATCHED_US;
        uint32_t lost = 0;
        while (s->now_us < end_us && s->failure[0] == 0) {
            lost = lost != 0 ? 0 : ways == 0 ? 1 : ways == 1 ? 2 : 3;
            set_graph(s, (GRAPHS - 1) & ~(lost << 2 * pair));
            check_serves(s, period_ms * MS);
            if (status_of(s, 0).role != RAFT_LEADER)
                sim_fail(s, "node 1 does not lead any more");
        }
        set_graph(s, GRAPHS - 1);
        check_healed(s);
        held &= close_stage(s, what);
    }
    return held;
}

/* The only link that makes a majority comes and goes: each time it is there long enough, all is
 * written that can be, and in between nothing is. */
static bool a_flapping_majority_serves_whenever_it_is_there(void)
{
    bool held = true;
    for (uint32_t pair = 0; pair < 3; pair++) {
        char what[64];
        snprintf(what, sizeof(what), "pair %" PRIu32, pair);
        struct sim *s = open_stage(4000 + pair, true);
        for (uint32_t i = 0; i < 6 && s->failure[0] == 0; i++) {
            set_graph(s, 0);
            const uint64_t away_us = s->now_us;
            write_for(s, 300 * MS + i * 400 * MS);
            if (wrote_since(away_us))
                sim_fail(s, "a write was acknowledged without a majority");
            set_graph(s, UINT32_C(3) << 2 * pair);
            const uint64_t there_us = s->now_us;
            write_for(s, 5 * TIMEOUT_US + 100 * MS);
            if (!wrote_since(there_us))
                sim_fail(s, "nothing was acknowledged within five election timeouts");
        }
        set_graph(s, GRAPHS - 1);
        check_healed(s);
        held &= close_stage(s, what);
    }
    return held;
}

/* Slower than a heartbeat, nearly an election timeout there and back, one way or both, of one node
 * or of all: no election, writes go on. */
static bool slow_links_cost_time_but_no_election(void)
{
    static const uint32_t slow_ms[] = {40, 90};
    bool held = true;
    for (uint32_t which = 0; which < GRAPHS * ARRAY_COUNT(slow_ms); which += 3) {
        const uint32_t graph = which % GRAPHS, late_ms = slow_ms[which / GRAPHS];
        char what[64];
        snprintf(what, sizeof(what), "%" PRIu32 " ms on all but graph %" PRIu32, late_ms, graph);
        struct sim *s = open_stage(5000 + which, true);
        for (uint32_t i = 0; i < ARRAY_COUNT(links); i++)
            if ((graph >> i & 1) == 0)
                s->slow_us[links[i][0]][links[i][1]] = late_ms * 1000;
        write_for(s, TIMEOUT_US);
        check_serves(s, 4 * TIMEOUT_US);
        if (status_of(s, 0).role != RAFT_LEADER)
            sim_fail(s, "node 1 does not lead any more");
        memset(s->slow_us, 0, sizeof(s->slow_us));
        check_healed(s);
        held &= close_stage(s, what);
    }
    return held;
}

/* --- what seeds taught ------------------------------------------------------------------------ */

/* simulate --seed 17959117410086 ended 17 ms after a key's time was over: the leader had committed
 * the expiry, and the followers were to hear of it with the next heartbeat. No node was behind, the
 * judge was early. */
static bool an_expiry_at_the_very_end_reaches_all(void)
{
    struct sim *s = open_stage(6000, false);
    static const struct bytes words[] = {{(const uint8_t *)"SET", 3}, {(const uint8_t *)"k", 1},
                                         {(const uint8_t *)"v", 1}, {(const uint8_t *)"PX", 2},
                                         {(const uint8_t *)"130", 3}};
    sim_run_until(s, s->now_us + TIMEOUT_US);
    if (!send_words(s, 0, &stage.writers[0], words, ARRAY_COUNT(words)))
        sim_fail(s, "the write is not taken");
    sim_run_until(s, s->now_us + 100 * MS);
    if (!sim_settle(s))
        sim_fail(s, "the write does not reach all");
    const uint64_t before = s->highest_applied;
    while (s->highest_applied == before && sim_run_until(s, s->now_us + 100)) {
    }
    if (sim_is_settled(s))
        sim_fail(s, "the followers know of the expiry at once: this shows nothing");
    if (!sim_settle(s))
        sim_fail(s, "the expiry does not reach all");
    sim_check_equal(s);
    return close_stage(s, "expiry");
}

/* The same judge sees who does stay behind. */
static bool who_is_cut_off_does_not_count_as_settled(void)
{
    struct sim *s = open_stage(6001, false);
    set_graph(s, 3);
    write_for(s, TIMEOUT_US);
    if (sim_settle(s))
        sim_fail(s, "node 3 cannot have applied what the others have");
    set_graph(s, GRAPHS - 1);
    check_healed(s);
    return close_stage(s, "cut off");
}

/* --- a log that another one replaces ---------------------------------------------------------- */

/* What node 1 appended alone is of an old term; the others went on, and have cut their logs. The
 * snapshot that node 1 gets is of an index that its own log holds too, with another entry. */
static bool a_snapshot_replaces_a_log_of_another_term(void)
{
    struct sim *s = open_stage_with(7000, false, 1, "calm");
    sim_run_until(s, s->now_us + FLUSHED_US);
    set_graph(s, 48);
    for (uint32_t i = 0; i < EXTRA; i++) {
        write_next(s, 0, &stage.extra[i]);
        sim_run_until(s, s->now_us + 5 * MS);
    }
    sim_run_until(s, s->now_us + 5 * TIMEOUT_US);
    write_next(s, 1, &stage.writers[1]);
    sim_run_until(s, s->now_us + FLUSHED_US);
    const uint64_t installs = s->installs;
    set_graph(s, GRAPHS - 1);
    sim_run_until(s, s->now_us + 5 * TIMEOUT_US);
    if (s->installs == installs)
        sim_fail(s, "node 1 needed no snapshot: this shows nothing");
    check_healed(s);
    return close_stage(s, "snapshot");
}

/* Of the chunks of a snapshot every fourth arrives damaged, every second twice, and some by way of
 * a former connection: they come again until all are right. */
static bool damaged_and_doubled_chunks_of_a_snapshot(void)
{
    struct sim_profile bad = *sim_profile_find("calm");
    bad.chunk_damage_ppm = 250000;
    bad.frame_copy_ppm = 500000;
    bad.frame_stray_ppm = 100000;
    static char large[100000];
    memset(large, 'x', sizeof(large));
    const struct bytes words[3] = {BYTES("SET"), BYTES("large"), bytes_of(large, sizeof(large))};
    struct sim *s = open_stage_with(7100, false, 1, "calm");
    s->profile = &bad;
    s->quiet = false;
    if (!send_words(s, 0, &stage.extra[0], words, ARRAY_COUNT(words)))
        sim_fail(s, "the write is not taken");
    write_for(s, TIMEOUT_US);
    set_graph(s, 48);
    write_for(s, 10 * TIMEOUT_US);
    sim_run_until(s, s->now_us + FLUSHED_US);
    const uint64_t installs = s->installs;
    set_graph(s, GRAPHS - 1);
    for (int i = 0; i < 40 && s->installs == installs; i++) /* as often as chance wants it */
        sim_run_until(s, s->now_us + TIMEOUT_US);
    if (s->installs == installs)
        sim_fail(s, "no snapshot was installed");
    check_healed(s);
    return close_stage(s, "chunks");
}

/* --- main ------------------------------------------------------------------------------------- */

#define SCENARIO(name) {#name, name}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } scenarios[] = {
        SCENARIO(all_link_graphs_of_three_nodes),
        SCENARIO(link_graphs_one_after_another),
        SCENARIO(flapping_links_do_not_unseat_the_leader),
        SCENARIO(a_flapping_majority_serves_whenever_it_is_there),
        SCENARIO(slow_links_cost_time_but_no_election),
        SCENARIO(an_expiry_at_the_very_end_reaches_all),
        SCENARIO(who_is_cut_off_does_not_count_as_settled),
        SCENARIO(a_snapshot_replaces_a_log_of_another_term),
        SCENARIO(damaged_and_doubled_chunks_of_a_snapshot),
    };
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            is_verbose = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
    }
    bool held = true;
    for (size_t i = 0; i < ARRAY_COUNT(scenarios); i++) {
        if (only != NULL && strcmp(only, scenarios[i].name) != 0)
            continue;
        const bool passed = scenarios[i].run();
        printf("%s %s\n", passed ? "passed" : "FAILED", scenarios[i].name);
        held &= passed;
    }
    return held ? 0 : 1;
}
