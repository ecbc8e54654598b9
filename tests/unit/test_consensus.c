/* test_consensus.c -- consensus halves wired together: clusters form, writes go through exactly
 * once, reads are current, whatever crashes, whatever the network does. */

#include "test.h"
#include "consensus_net.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/lease.h"

#define SECOND UINT64_C(1000000)
#define CALM ((struct net_faults){.delay_us = 200, .write_us = 300, .durable = 100})
#define ROUGH \
    ((struct net_faults){                                                                         \
        .loss = 50, .twice = 30, .delay_us = 4000, .write_us = 5000, .durable = 50})

static void assert_settles(struct net *n)
{
    net_set_load(n, false, false);
    if (net_run_until(n, 20 * SECOND, net_is_settled, NULL))
        return;
    net_print(n);
    fail_msg("the cluster does not come to rest");
}

static void one_node_serves_at_once_and_syncs_in_place(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_set_faults(n, &(struct net_faults){.durable = 100});
    net_start(n, 0, true);
    net_set_load(n, true, true);
    net_run(n, 2 * SECOND);
    const struct net_node_view v = net_view(n, 0);
    assert_int_equal(v.role, RAFT_LEADER);
    assert_true(v.settled > 50);
    assert_true(v.reads_ok > 100);
    assert_int_equal(net_frames(n), 0);
    assert_settles(n);
    net_free(n);
}

static void a_cluster_grows_to_three_by_adding_empty_nodes(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_set_load(n, true, true);
    net_form(n, 3);
    net_run(n, 2 * SECOND);
    struct consensus_status *status = net_status(n, 0);
    assert_int_equal(status->member_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(status->members[i].node, i + 1);
        assert_true(status->members[i].voter);
        assert_false(status->members[i].learner);
        assert_string_equal(status->members[i].address.host, "net");
    }
    free(status);
    for (int slot = 0; slot < 3; slot++) {
        const struct net_node_view v = net_view(n, slot);
        assert_int_equal(v.node, slot + 1);
        assert_true(v.settled > 20); /* each is an origin */
        assert_true(v.reads_ok > 20);
    }
    assert_settles(n);
    net_free(n);
}

/* The first entries of its log say that node 1 is alone, and for a while that is all it knows. */
static void a_leader_that_did_not_found_the_cluster_adds_a_node(void **state)
{
    (void)state;
    struct net *n = net_new(17);
    net_form(n, 3);
    char text[ADMIN_TEXT_MAX];
    const struct admin transfer = {.op = ADMIN_TRANSFER, .node = 2};
    assert_true(net_admin(n, 0, &transfer, text));
    net_run(n, SECOND);
    assert_int_equal(net_leader(n), 1);
    net_start(n, 3, false);
    const struct admin add = {.op = ADMIN_ADD, .host = "net", .port = 7003};
    assert_true(net_admin(n, 2, &add, text));
    assert_settles(n);
    assert_int_equal(net_view(n, 3).node, 4);
    net_free(n);
}

static void a_node_that_cannot_be_reached_is_not_added(void **state)
{
    (void)state;
    struct net *n = net_new(3);
    net_form(n, 2);
    const struct admin add = {.op = ADMIN_ADD, .host = "net", .port = 7004}; /* nobody is there */
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 1, &add, text));
    assert_non_null(strstr(text, "cannot reach"));
    struct consensus_status *status = net_status(n, 0);
    assert_int_equal(status->member_count, 2);
    free(status);
    net_free(n);
}

static void a_node_is_removed_and_the_id_is_not_used_again(void **state)
{
    (void)state;
    struct net *n = net_new(4);
    net_form(n, 3);
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, 1, &(struct admin){.op = ADMIN_REMOVE, .node = 3}, text));
    assert_false(net_admin(n, 1, &(struct admin){.op = ADMIN_REMOVE, .node = 3}, text));
    assert_non_null(strstr(text, "not a member"));
    net_start(n, 3, false);
    const struct admin add = {.op = ADMIN_ADD, .host = "net", .port = 7003};
    assert_true(net_admin(n, 0, &add, text));
    assert_int_equal(net_view(n, 3).node, 4);
    net_crash(n, 2, KV_MEM_KILL);
    assert_settles(n);
    net_free(n);
}

/* Found by the simulator: it was told OK, and whoever then wiped its disk wiped a member's. */
static void a_leader_that_loses_office_before_it_is_removed_does_not_say_so(void **state)
{
    (void)state;
    struct net *n = net_new(24);
    net_form(n, 3);
    for (int to = 1; to < 3; to++) {
        net_cut(n, 0, to, true);
        net_cut(n, to, 0, true);
    }
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 1}, text));
    for (int to = 1; to < 3; to++) {
        net_cut(n, 0, to, false);
        net_cut(n, to, 0, false);
    }
    assert_settles(n);
    struct consensus_status *status = net_status(n, 1);
    assert_int_equal(status->member_count, 3);
    free(status);
    net_free(n);
}

/* Found by the simulator. The first configurations that it takes up know node 1 alone, who is gone;
 * those who feed it must hear from it all the same, also after it died on the way. */
static void a_newcomer_finds_the_others_when_the_founder_is_gone(void **state)
{
    (void)state;
    struct net *n = net_new(23);
    net_form(n, 3);
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 1}, text));
    net_crash(n, 0, KV_MEM_KILL);
    net_run(n, 2 * SECOND);
    net_start(n, 3, false);
    const struct admin add = {.op = ADMIN_ADD, .host = "net", .port = 7003};
    assert_true(net_admin(n, 1, &add, text));
    assert_settles(n);
    net_free(n);
}

/* A learner that acknowledged entries and was emptied must not become a voter under its old id. */
static void a_wiped_learner_comes_back_as_somebody_new_or_not_at_all(void **state)
{
    (void)state;
    struct net *n = net_new(15);
    net_form(n, 2);
    net_start(n, 2, false);
    for (int to = 0; to < 2; to++)
        net_cut(n, 2, to, true);
    const struct admin add = {.op = ADMIN_ADD, .host = "net", .port = 7002};
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 0, &add, text)); /* introduced, but never heard of again */
    assert_non_null(strstr(text, "does not catch up"));
    assert_int_equal(net_view(n, 2).node, 3);
    for (int to = 0; to < 2; to++)
        net_cut(n, 2, to, false);
    net_run(n, SECOND);
    assert_int_equal(net_view(n, 2).applied_index, net_view(n, 0).applied_index);

    net_crash(n, 2, KV_MEM_KILL);
    net_wipe(n, 2);
    net_start(n, 2, false);
    assert_false(net_admin(n, 0, &add, text));
    assert_int_equal(net_view(n, 2).node, 0);
    assert_true(net_admin(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 3}, text));
    if (!net_admin(n, 0, &add, text))
        fail_msg("%s", text);
    assert_int_equal(net_view(n, 2).node, 4);
    assert_settles(n);
    net_free(n);
}

/* Found by the simulator: what a learner acknowledged to an earlier leader, its successor does not
 * know, and took it for one that had never been told who it is. */
static void an_emptied_learner_is_nobody_to_the_next_leader(void **state)
{
    (void)state;
    struct net *n = net_new(29);
    net_form(n, 2);
    net_start(n, 2, false);
    const struct admin add = {.op = ADMIN_ADD_LEARNER, .host = "net", .port = 7002};
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, 0, &add, text));
    net_run(n, SECOND);
    assert_int_equal(net_view(n, 2).applied_index, net_view(n, 0).applied_index);

    net_crash(n, 2, KV_MEM_KILL);
    net_wipe(n, 2);
    assert_true(net_admin(n, 0, &(struct admin){.op = ADMIN_TRANSFER, .node = 2}, text));
    net_start(n, 2, false);
    net_run(n, 2 * SECOND);
    assert_int_equal(net_view(n, 2).node, 0);
    if (!net_admin(n, 1, &add, text))
        fail_msg("%s", text);
    assert_int_equal(net_view(n, 2).node, 4);
    struct consensus_status *status = net_status(n, 1);
    assert_int_equal(status->member_count, 3); /* 3 is gone */
    free(status);
    assert_settles(n);
    net_free(n);
}

static void the_leader_removes_itself_and_another_takes_over(void **state)
{
    (void)state;
    struct net *n = net_new(5);
    net_form(n, 3);
    const int leader = net_leader(n);
    assert_int_equal(leader, 0);
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 1}, text));
    net_run(n, 2 * SECOND);
    net_crash(n, 0, KV_MEM_KILL);
    net_run(n, 2 * SECOND);
    assert_true(net_leader(n) > 0);
    net_free(n);
}

static void leadership_is_handed_over_on_request_and_when_stopping(void **state)
{
    (void)state;
    struct net *n = net_new(6);
    net_form(n, 3);
    net_set_load(n, true, true);
    char text[ADMIN_TEXT_MAX];
    /* asked of a follower: forwarded */
    if (!net_admin(n, 1, &(struct admin){.op = ADMIN_TRANSFER, .node = 3}, text))
        fail_msg("transfer: %s", text);
    net_run(n, SECOND / 2);
    assert_int_equal(net_leader(n), 2);
    const uint64_t before = net_now_us(n);
    net_stop(n, 2);
    assert_true(net_now_us(n) - before < SECOND / 2);
    assert_int_not_equal(net_view(n, 2).role, RAFT_LEADER);
    net_run(n, SECOND / 2);
    assert_true(net_leader(n) == 0 || net_leader(n) == 1);
    assert_settles(n);
    net_free(n);
}

static void a_dead_leader_is_replaced_within_a_moment(void **state)
{
    (void)state;
    struct net *n = net_new(7);
    net_form(n, 3);
    net_set_load(n, true, false);
    net_run(n, SECOND);
    net_crash(n, net_leader(n), KV_MEM_KILL);
    net_run(n, SECOND / 5); /* refused connections tell: no election timeout (200-400 ms) passes */
    assert_true(net_leader(n) >= 0);
    assert_settles(n);
    net_free(n);
}

static void a_restarted_node_catches_up_from_logs_that_left_the_cache(void **state)
{
    (void)state;
    struct net *n = net_new(8);
    net_set_cache(n, 4096);
    net_form(n, 3);
    net_crash(n, 2, KV_MEM_POWER_LOSS);
    net_set_load(n, true, false);
    net_run(n, 5 * SECOND);
    assert_true(net_view(n, 0).applied_index > 500);
    struct consensus_status *status = net_status(n, 0);
    assert_true(status->cached_entries < 100);
    free(status);
    net_start(n, 2, false);
    net_run(n, SECOND);
    assert_true(net_view(n, 2).applied_index > 500);
    assert_settles(n);
    net_free(n);
}

/* The state was never flushed: all is applied again from the log's start, read by the worker. */
static void a_restart_applies_again_what_was_not_durable(void **state)
{
    (void)state;
    struct net *n = net_new(9);
    net_set_faults(n, &(struct net_faults){.durable = 0});
    net_set_cache(n, 4096);
    net_start(n, 0, true);
    net_set_load(n, true, true);
    net_run(n, 2 * SECOND);
    const uint64_t applied = net_view(n, 0).applied_index;
    assert_true(applied > 50);
    net_crash(n, 0, KV_MEM_KILL);
    net_set_load(n, false, false);
    net_start(n, 0, false);
    net_run(n, 2 * SECOND);
    assert_true(net_view(n, 0).applied_index >= applied);
    assert_int_equal(net_view(n, 0).boot, 2);
    net_free(n);
}

static void the_log_clock_never_falls_when_a_leader_with_a_slow_clock_follows(void **state)
{
    (void)state;
    struct net *n = net_new(10);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_skew(n, 0, 5000);
    net_run(n, SECOND);
    const uint64_t clock_ms = net_view(n, 1).last_clock_ms;
    net_crash(n, 0, KV_MEM_KILL);
    net_run(n, SECOND); /* apply() compares each entry's clock with the one before */
    const uint64_t later_ms = net_view(n, 1).last_clock_ms;
    assert_true(later_ms > clock_ms);
    assert_true(later_ms - clock_ms < 800); /* ahead of the wall: half speed */
    assert_settles(n);
    net_free(n);
}

static void the_lease_ends_before_another_leader_can_be_elected(void **state)
{
    (void)state;
    struct net *n = net_new(11);
    net_set_lease(n, 150);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    struct lease_value value;
    assert_true(lease_load(net_lease(n, 0), &value));
    assert_true(value.end_us > net_now_us(n));
    assert_true(value.commit_index >= net_view(n, 0).applied_index);
    assert_false(lease_load(net_lease(n, 1), &value));
    for (int other = 1; other < 3; other++) {
        net_cut(n, 0, other, true);
        net_cut(n, other, 0, true);
    }
    for (int step = 0; step < 2000 && net_leader(n) <= 0; step++)
        net_run(n, 1000);
    assert_true(net_leader(n) > 0);
    if (lease_load(net_lease(n, 0), &value))
        assert_true(value.end_us < net_now_us(n));
    net_free(n);
}

/* Any two of three work on; the third, cut off, answers no read, and its batches are not lost. */
static void a_minority_answers_no_reads_and_loses_no_batch(void **state)
{
    (void)state;
    struct net *n = net_new(12);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    for (int other = 1; other < 3; other++) {
        net_cut(n, 0, other, true);
        net_cut(n, other, 0, true);
    }
    net_run(n, SECOND); /* the old leader has stepped down by now */
    const uint64_t reads = net_view(n, 0).reads_ok;
    const uint64_t settled = net_view(n, 0).settled;
    net_run(n, 2 * SECOND);
    assert_int_equal(net_view(n, 0).reads_ok, reads);
    assert_int_equal(net_view(n, 0).settled, settled);
    assert_true(net_leader(n) > 0);
    for (int other = 1; other < 3; other++) {
        net_cut(n, 0, other, false);
        net_cut(n, other, 0, false);
    }
    net_run(n, 2 * SECOND);
    assert_true(net_view(n, 0).settled > settled);
    assert_settles(n);
    net_free(n);
}

/* WAIT's question, on the leader and on a follower: all that others have on their disks. */
static void any_node_tells_how_many_others_hold_an_entry(void **state)
{
    (void)state;
    struct net *n = net_new(16);
    net_form(n, 3);
    net_set_load(n, true, false);
    net_run(n, SECOND);
    net_set_load(n, false, false);
    assert_settles(n);
    char text[ADMIN_TEXT_MAX];
    const uint64_t last = net_view(n, 0).applied_index;
    const struct admin whole = {.op = ADMIN_HOLDING, .node = last};
    for (int slot = 0; slot < 3; slot++) {
        assert_true(net_admin(n, slot, &whole, text));
        assert_string_equal(text, "2");
    }
    net_crash(n, 2, KV_MEM_KILL);
    net_set_load(n, true, false);
    net_run(n, SECOND);
    const struct admin more = {.op = ADMIN_HOLDING, .node = last + 1};
    for (int slot = 0; slot < 2; slot++) {
        assert_true(net_admin(n, slot, &more, text));
        assert_string_equal(text, "1");
        assert_true(net_admin(n, slot, &whole, text));
        assert_string_equal(text, "2");
    }
    net_free(n);
}

static void a_leader_with_a_dying_disk_hands_over(void **state)
{
    (void)state;
    struct net *n = net_new(13);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    assert_int_equal(net_leader(n), 0);
    net_stall(n, 0, true);
    net_run(n, SECOND);
    assert_true(net_leader(n) > 0);
    const uint64_t settled = net_view(n, 1).settled;
    net_run(n, SECOND);
    assert_true(net_view(n, 1).settled > settled);
    /* It does not come back by an election while its disk is stuck ... */
    net_crash(n, net_leader(n), KV_MEM_KILL);
    net_run(n, 2 * SECOND);
    assert_int_not_equal(net_leader(n), 0);
    net_stall(n, 0, false);
    assert_settles(n); /* ... but votes and follows when it is well */
    net_free(n);
}

/* Each write is done within an election timeout, but many wait: the oldest is always older than
 * that. Its disk works, so it goes on leading. */
static void a_leader_whose_writes_queue_up_goes_on_leading(void **state)
{
    (void)state;
    struct net *n = net_new(15);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    assert_int_equal(net_leader(n), 0);
    const uint64_t term = net_view(n, 0).term, settled = net_view(n, 0).settled;
    net_slow(n, 0, 150000);
    net_run(n, 10 * SECOND);
    assert_int_equal(net_leader(n), 0);
    assert_int_equal(net_view(n, 0).term, term);
    assert_true(net_view(n, 0).settled > settled);
    net_slow(n, 0, 0);
    assert_settles(n);
    net_free(n);
}

static void a_leader_whose_clock_is_wrong_hands_over(void **state)
{
    (void)state;
    struct net *n = net_new(14);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    net_skew(n, 0, -9000);
    net_run(n, 11 * SECOND);
    assert_int_equal(net_leader(n), 0);
    net_skew(n, 0, -11000);
    net_run(n, SECOND);
    assert_true(net_leader(n) > 0);
    assert_settles(n);
    net_free(n);
}

/* All three differ: it stays with the one in the middle (simulate --seed 17959117410086). */
static void of_three_wrong_clocks_the_middle_one_leads(void **state)
{
    (void)state;
    for (int middle = 1; middle <= 2; middle++) {
        struct net *n = net_new(17);
        net_form(n, 3);
        net_run(n, SECOND);
        assert_int_equal(net_leader(n), 0);
        net_skew(n, 0, 34000);
        net_skew(n, 3 - middle, -40000);
        net_run(n, 11 * SECOND);
        assert_int_equal(net_leader(n), middle);
        const uint64_t term = net_view(n, middle).term;
        net_run(n, 21 * SECOND);
        assert_int_equal(net_leader(n), middle);
        assert_int_equal(net_view(n, middle).term, term);
        net_free(n);
    }
}

/* Half of the reserve is where nothing is written any more (space.c). */
static void a_full_disk_takes_nothing_while_the_others_go_on(void **state)
{
    (void)state;
    struct net *n = net_new(15);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    assert_int_equal(net_leader(n), 0);
    kv_mem_disk_set_space(net_disk(n, 0), NET_DISK_RESERVE / 2 - 1);
    net_run(n, SECOND);
    assert_true(net_leader(n) > 0); /* handed over */
    const uint64_t applied = net_view(n, 0).applied_index, settled = net_view(n, 1).settled;
    net_run(n, 2 * SECOND);
    assert_int_equal(net_view(n, 0).applied_index, applied);
    assert_true(net_view(n, 1).settled > settled);
    kv_mem_disk_set_space(net_disk(n, 0), NET_DISK_RESERVE);
    net_run(n, SECOND);
    assert_true(net_view(n, 0).applied_index > applied);
    assert_settles(n);
    net_free(n);
}

static void when_no_disk_has_room_leaders_and_reads_remain(void **state)
{
    (void)state;
    struct net *n = net_new(16);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_run(n, SECOND);
    for (int slot = 0; slot < 3; slot++)
        kv_mem_disk_set_space(net_disk(n, slot), NET_DISK_RESERVE / 2 - 1);
    net_run(n, SECOND);
    const uint64_t settled = net_view(n, 1).settled;
    net_crash(n, net_leader(n), KV_MEM_KILL); /* the next one's NOOP finds its way */
    net_run(n, 2 * SECOND);
    const int leader = net_leader(n);
    assert_true(leader >= 0);
    const uint64_t reads = net_view(n, leader).reads_ok;
    net_run(n, SECOND);
    assert_true(net_view(n, leader).reads_ok > reads);
    assert_int_equal(net_view(n, 1).settled, settled);
    for (int slot = 0; slot < 3; slot++)
        kv_mem_disk_set_space(net_disk(n, slot), UINT64_MAX);
    net_run(n, SECOND);
    assert_true(net_view(n, leader).settled > settled);
    net_free(n);
}

static void shake(struct net *n, int nodes)
{
    struct prng *p = net_prng(n);
    const int slot = (int)prng_below(p, (uint64_t)nodes);
    const int other = (int)prng_below(p, (uint64_t)nodes);
    switch (prng_below(p, 8)) {
    case 0:
    case 1:
        if (net_is_up(n, slot))
            net_crash(n, slot, prng_chance(p, 1, 2) ? KV_MEM_KILL : KV_MEM_POWER_LOSS);
        return;
    case 2:
        net_cut(n, slot, other, slot != other);
        return;
    case 3:
        net_skew(n, slot, (int64_t)prng_below(p, 4000) - 2000);
        return;
    default:
        for (int i = 0; i < nodes; i++) {
            if (!net_is_up(n, i))
                net_start(n, i, false);
            net_cut(n, slot, i, false);
        }
        return;
    }
}

static void schedule(uint64_t seed, uint64_t steps)
{
    struct net *n = net_new(seed);
    net_set_cache(n, 1024 + prng_below(net_prng(n), 100000));
    net_set_lease(n, prng_chance(net_prng(n), 1, 2) ? 100 : 0);
    net_form(n, 3);
    net_set_load(n, true, true);
    net_set_faults(n, &ROUGH);
    for (uint64_t step = 0; step < steps; step++) {
        net_run(n, prng_below(net_prng(n), SECOND / 2));
        shake(n, 3);
    }
    net_set_faults(n, &CALM);
    for (int slot = 0; slot < 3; slot++) {
        for (int other = 0; other < 3; other++)
            net_cut(n, slot, other, false);
        if (!net_is_up(n, slot))
            net_start(n, slot, false);
    }
    net_run(n, 3 * SECOND);
    assert_settles(n);
    net_free(n);
}

static void whatever_crashes_batches_are_applied_exactly_once(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    const uint64_t first = given == NULL ? 1000 : strtoull(given, NULL, 10);
    const uint64_t count = given == NULL ? 10 : 1;
    for (uint64_t seed = first; seed < first + count; seed++) {
        printf("seed %" PRIu64 "\n", seed);
        fflush(stdout);
        schedule(seed, 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_serves_at_once_and_syncs_in_place),
        cmocka_unit_test(a_cluster_grows_to_three_by_adding_empty_nodes),
        cmocka_unit_test(a_leader_that_did_not_found_the_cluster_adds_a_node),
        cmocka_unit_test(a_node_that_cannot_be_reached_is_not_added),
        cmocka_unit_test(a_node_is_removed_and_the_id_is_not_used_again),
        cmocka_unit_test(a_leader_that_loses_office_before_it_is_removed_does_not_say_so),
        cmocka_unit_test(a_newcomer_finds_the_others_when_the_founder_is_gone),
        cmocka_unit_test(an_emptied_learner_is_nobody_to_the_next_leader),
        cmocka_unit_test(a_wiped_learner_comes_back_as_somebody_new_or_not_at_all),
        cmocka_unit_test(the_leader_removes_itself_and_another_takes_over),
        cmocka_unit_test(leadership_is_handed_over_on_request_and_when_stopping),
        cmocka_unit_test(a_dead_leader_is_replaced_within_a_moment),
        cmocka_unit_test(a_restarted_node_catches_up_from_logs_that_left_the_cache),
        cmocka_unit_test(a_restart_applies_again_what_was_not_durable),
        cmocka_unit_test(the_log_clock_never_falls_when_a_leader_with_a_slow_clock_follows),
        cmocka_unit_test(the_lease_ends_before_another_leader_can_be_elected),
        cmocka_unit_test(a_minority_answers_no_reads_and_loses_no_batch),
        cmocka_unit_test(any_node_tells_how_many_others_hold_an_entry),
        cmocka_unit_test(a_leader_with_a_dying_disk_hands_over),
        cmocka_unit_test(a_leader_whose_writes_queue_up_goes_on_leading),
        cmocka_unit_test(a_leader_whose_clock_is_wrong_hands_over),
        cmocka_unit_test(of_three_wrong_clocks_the_middle_one_leads),
        cmocka_unit_test(a_full_disk_takes_nothing_while_the_others_go_on),
        cmocka_unit_test(when_no_disk_has_room_leaders_and_reads_remain),
        cmocka_unit_test(whatever_crashes_batches_are_applied_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
