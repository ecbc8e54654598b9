/* test_raft_random.c -- cores under faults that a seed chooses, and then without.
 *
 *   test_raft_random                      the seeds of `make check`
 *   test_raft_random --seed N             one, to replay
 *   test_raft_random --seeds FROM COUNT   many
 *
 * Two thirds of a run have faults: loss, duplicates, any order, cuts in one or both directions,
 * slow disks, crashes that lose what was not synced, transfers of leadership and snapshots, changes
 * of membership. In the last third all nodes run and all links work: there must be a leader soon,
 * its members must catch up, and every read must be answered. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"
#include "core_sim.h"

#define SEEDS_FIRST 1
#define SEEDS_COUNT 600
#define TICKS_FAULTY 1000
#define TICKS_CALM 3000  /* at most: one entry per round when its size is not known */
#define TICKS_SETTLE 20  /* then transfers are given up, full logs compacted */
#define TICKS_LEADER 200 /* ten election timeouts */

/* What a seed makes likely, in 1/1000 per tick or message. */
struct faults {
    uint32_t loss, duplicate, delay;
    uint32_t crash, start, cut, heal, slow_disk, lazy_tick;
    uint32_t change, transfer, compact, unreachable, ineligible, lose_state;
    uint32_t propose, read;
};

static struct faults draw_faults(struct prng *p)
{
    const uint32_t crash[] = {0, 0, 4, 15};
    const uint32_t cut[] = {0, 5, 20};
    const uint32_t loss[] = {0, 20, 200};
    const uint32_t change[] = {0, 0, 15, 60};
    struct faults f = {
        .loss = loss[prng_below(p, 3)],
        .duplicate = prng_chance(p, 1, 2) ? 50 : 0,
        .delay = (uint32_t)prng_below(p, 800),
        .crash = crash[prng_below(p, 4)],
        .start = 50,
        .cut = cut[prng_below(p, 3)],
        .heal = 40,
        .slow_disk = (uint32_t)prng_below(p, 950),
        .lazy_tick = prng_chance(p, 1, 2) ? 100 : 0,
        .change = change[prng_below(p, 4)],
        .transfer = prng_chance(p, 1, 2) ? 10 : 0,
        .compact = prng_chance(p, 2, 3) ? 30 : 0,
        .unreachable = prng_chance(p, 1, 2) ? 20 : 0,
        .ineligible = prng_chance(p, 1, 4) ? 5 : 0,
        .propose = (uint32_t)prng_below(p, 900),
        .read = (uint32_t)prng_below(p, 300),
    };
    /* In a small or changing voter set a node without its state, which may not campaign, can be the
     * only one that could win. */
    f.lose_state = f.change == 0 && prng_chance(p, 1, 2) ? 300 : 0;
    return f;
}

static bool happens(struct sim *s, uint32_t per_mille)
{
    return prng_chance(&s->prng, per_mille, 1000);
}

static struct raft_options draw_options(struct prng *p)
{
    return (struct raft_options){
        .election_ticks = 10,
        .heartbeat_ticks = 3,
        .append_bytes_max = 100 + (uint32_t)prng_below(p, 1000),
        .inflight_bytes_max = 300 + (uint32_t)prng_below(p, 3000),
        .log_entries_max = 50 + (uint32_t)prng_below(p, 1000),
        .tick_ms = 10,
        .lease_ms = prng_chance(p, 1, 2) ? 80 : 0,
    };
}

/* Inputs of the world */

static void random_change(struct sim *s, struct sim_node *n)
{
    struct raft_config target = {0};
    for (size_t i = 0; i < s->node_count; i++) {
        const uint64_t kind = prng_below(&s->prng, 4);
        struct raft_set *set = kind <= 1 ? &target.incoming : &target.learners;
        if (kind <= 2)
            set->node[set->count++] = i + 1;
    }
    if (target.incoming.count > 0) {
        const enum status status = sim_change(s, n, &target);
        (void)status; /* busy, not leader: a question may be asked in vain */
    }
}

static void random_input(struct sim *s, struct sim_node *n, enum raft_input_type type)
{
    const raft_node node = 1 + prng_below(&s->prng, s->node_count);
    const struct raft_input input = {.type = type, .node = node, .ok = false};
    const enum status status = sim_step(s, n, &input);
    (void)status;
    if (type == RAFT_ELIGIBLE) {
        const struct raft_input again = {.type = type, .ok = true};
        sim_flush(s, n);
        const enum status back = sim_step(s, n, &again);
        CHECK(back == STATUS_OK);
    }
}

static void clients(struct sim *s, const struct faults *f, struct sim_node *n)
{
    enum status status = STATUS_OK;
    if (happens(s, f->propose))
        for (uint64_t i = prng_below(&s->prng, 4); i > 0 && status == STATUS_OK; i--)
            status = sim_propose(s, n, 20 + (uint32_t)prng_below(&s->prng, 200));
    if (happens(s, f->read) && s->read_count < SIM_READS_MAX)
        status = sim_read(s, n);
    if (happens(s, f->propose)) {
        const raft_node from = 1 + prng_below(&s->prng, s->node_count);
        const struct raft_input input = {.type = RAFT_COMMIT_WANTED, .node = from};
        status = sim_step(s, n, &input);
    }
    (void)status; /* most nodes are no leaders */
}

static bool anybody_lost_state(const struct sim *s)
{
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].disk.state_lost)
            return true;
    return false;
}

static void faults_of_node(struct sim *s, const struct faults *f, struct sim_node *n)
{
    if (n->core == NULL) {
        if (!happens(s, f->start))
            return;
        if (happens(s, f->lose_state) && !anybody_lost_state(s))
            sim_lose_state(n);
        sim_start(s, n);
        return;
    }
    if (happens(s, f->change))
        random_change(s, n);
    if (happens(s, f->transfer))
        random_input(s, n, RAFT_TRANSFER);
    if (happens(s, f->unreachable))
        random_input(s, n, RAFT_UNREACHABLE);
    if (happens(s, f->ineligible))
        random_input(s, n, RAFT_ELIGIBLE);
    if (happens(s, f->crash))
        sim_crash(s, n);
}

static void faults_of_links(struct sim *s, const struct faults *f)
{
    for (size_t from = 0; from < s->node_count; from++)
        for (size_t to = 0; to < s->node_count; to++)
            if (happens(s, s->cut[from][to] ? f->heal : f->cut))
                s->cut[from][to] = !s->cut[from][to];
}

static void housekeeping(struct sim *s, const struct faults *f, struct sim_node *n)
{
    if (happens(s, f->compact))
        sim_save_state(n);
    if (happens(s, f->compact)) {
        const raft_index applied = n->disk.state.index;
        sim_compact(s, n, applied - MIN(applied, prng_below(&s->prng, 30)));
    }
}

static void network(struct sim *s, const struct faults *f)
{
    for (size_t left = s->net_count; left > 0 && s->net_count > 0; left--) {
        const size_t position = (size_t)prng_below(&s->prng, s->net_count);
        if (happens(s, f->delay))
            continue;
        if (happens(s, f->loss))
            sim_drop(s, position);
        else
            sim_deliver(s, position, happens(s, f->duplicate));
    }
    while (s->transfer_count > 0 && !happens(s, 500))
        sim_transfer_end(s, (size_t)prng_below(&s->prng, s->transfer_count), !happens(s, f->loss));
}

static void one_turn(struct sim *s, const struct faults *f, struct sim_node *n)
{
    if (n->core == NULL)
        return;
    clients(s, f, n);
    if (!happens(s, f->lazy_tick))
        sim_tick(s, n);
    if (happens(s, 900))
        sim_flush(s, n);
    if (!happens(s, f->slow_disk))
        sim_sync(s, n, 1 + (size_t)prng_below(&s->prng, 4));
    housekeeping(s, f, n);
}

static void one_tick(struct sim *s, const struct faults *f)
{
    s->now++;
    faults_of_links(s, f);
    for (size_t i = 0; i < s->node_count; i++) {
        faults_of_node(s, f, &s->nodes[i]);
        one_turn(s, f, &s->nodes[i]);
    }
    for (int round = 0; round < 2; round++) {
        network(s, f);
        for (size_t i = 0; i < s->node_count; i++)
            if (s->nodes[i].core != NULL && happens(s, 900))
                sim_flush(s, &s->nodes[i]);
    }
    if (s->now % 16 == 0)
        sim_check_logs(s);
}

/* The last third */

/* Why the cluster has not come to rest; NULL = it has. */
static const char *unsettled(struct sim *s)
{
    struct sim_node *leader = sim_leader(s);
    if (leader == NULL)
        return "no leader";
    struct raft_status status;
    raft_status(leader->core, &status);
    if (status.config.outgoing.count > 0)
        return "still in a joint configuration";
    if (leader->state.index != status.last_index)
        return "the leader has not committed its log";
    for (size_t i = 0; i < status.peer_count; i++)
        if (sim_node(s, status.peers[i].node)->state.index != status.last_index)
            return "a member has not caught up";
    return s->read_count > 0 ? "a read is not answered" : NULL;
}

static void calm_tick(struct sim *s)
{
    sim_run(s, 1);
    for (size_t i = 0; i < s->node_count; i++) {
        sim_save_state(&s->nodes[i]);
        if (s->now % 8 == 0) /* a full log needs room to go on */
            sim_compact(s, &s->nodes[i], s->nodes[i].state.index);
    }
}

static void calm(struct sim *s)
{
    memset(s->cut, 0, sizeof(s->cut));
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].core == NULL)
            sim_start(s, &s->nodes[i]);

    for (uint32_t tick = 0; tick < TICKS_CALM && unsettled(s) != NULL; tick++) {
        calm_tick(s);
        if (tick == TICKS_LEADER && sim_leader(s) == NULL)
            sim_fail(s, "liveness: no leader within ten election timeouts");
    }
    for (uint32_t tick = 0; tick < TICKS_SETTLE; tick++)
        calm_tick(s);
    sim_check_logs(s);
    if (unsettled(s) != NULL)
        sim_fail(s, "liveness: %s", unsettled(s));

    struct sim_node *leader = sim_leader(s);
    const raft_index before = s->committed_last;
    if (sim_propose(s, leader, 50) != STATUS_OK || sim_read(s, leader) != STATUS_OK)
        sim_fail(s, "liveness: the leader refuses a proposal or a read");
    for (uint32_t tick = 0; tick < 10; tick++)
        calm_tick(s);
    if (s->committed_last <= before || unsettled(s) != NULL)
        sim_fail(s, "liveness: a proposal or a read of the calm is not answered");
}

struct totals {
    uint64_t committed, reads, elections, snapshots, changes;
};

static void run_seed(uint64_t seed, struct totals *totals)
{
    struct prng p;
    prng_seed(&p, seed);
    const size_t node_count = prng_chance(&p, 1, 2) ? 3 : 5;
    const struct faults faults = draw_faults(&p);
    const struct raft_options options = draw_options(&p);
    const size_t voters = faults.change > 0 ? 1 + (size_t)prng_below(&p, node_count) : node_count;
    struct sim *s = sim_new(seed, node_count, voters, &options);
    for (uint32_t tick = 0; tick < TICKS_FAULTY; tick++)
        one_tick(s, &faults);
    calm(s);
    totals->committed += s->committed_last;
    totals->reads += s->reads_answered;
    totals->elections += s->elections;
    totals->snapshots += s->snapshots;
    totals->changes += s->changes;
    sim_free(s);
}

int main(int argc, char **argv)
{
    uint64_t first = SEEDS_FIRST, count = SEEDS_COUNT;
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        first = strtoull(argv[2], NULL, 10);
        count = 1;
    } else if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
        first = strtoull(argv[2], NULL, 10);
        count = strtoull(argv[3], NULL, 10);
    } else if (argc != 1) {
        fprintf(stderr, "usage: %s [--seed N | --seeds FROM COUNT]\n", argv[0]);
        return 2;
    }
    struct totals totals = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        run_seed(seed, &totals);
    }
    printf("seeds %llu..%llu: %llu entries committed, %llu reads, %llu elections, %llu snapshots, "
           "%llu changes\n",
           (unsigned long long)first, (unsigned long long)(first + count - 1),
           (unsigned long long)totals.committed, (unsigned long long)totals.reads,
           (unsigned long long)totals.elections, (unsigned long long)totals.snapshots,
           (unsigned long long)totals.changes);
    return 0;
}
