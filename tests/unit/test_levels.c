/* test_levels.c -- builds of several feature levels in one cluster (ARCHITECTURE §5 rule 7). */

#include "test.h"
#include "consensus_net.h"

#include <inttypes.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000)
#define AT(slot) .host = "net", .port = (uint16_t)(NET_PORT + (slot))

static void assert_settles(struct net *n)
{
    net_set_load(n, false, false);
    if (net_run_until(n, 20 * SECOND, net_is_settled, NULL))
        return;
    net_print(n);
    fail_msg("the cluster does not come to rest");
}

static uint32_t level_at(struct net *n, int slot)
{
    struct consensus_status *status = net_status(n, slot);
    const uint32_t level = status->level;
    free(status);
    return level;
}

static void assert_level(struct net *n, int count, uint32_t level)
{
    for (int slot = 0; slot < count; slot++)
        if (net_is_up(n, slot))
            assert_int_equal(level_at(n, slot), level);
}

/* Its process ends, and another build starts on its directory. */
static void change_build(struct net *n, int slot, uint32_t level)
{
    net_crash(n, slot, KV_MEM_KILL);
    net_set_level(n, slot, level, level);
    net_run(n, SECOND);
    net_start(n, slot, false);
    net_run(n, 2 * SECOND);
}

static struct net *three_of(uint64_t seed, uint32_t level)
{
    struct net *n = net_new(seed);
    for (int slot = 0; slot < NET_NODES; slot++)
        net_set_level(n, slot, level, level);
    net_form(n, 3);
    assert_level(n, 3, level);
    return n;
}

static void the_level_rises_when_the_last_member_runs_the_newer_build(void **state)
{
    (void)state;
    struct net *n = three_of(61, 1);
    net_set_load(n, true, true);
    for (int slot = 2; slot >= 0; slot--) {
        assert_level(n, 3, 1);
        change_build(n, slot, 2);
    }
    assert_level(n, 3, 2);
    assert_settles(n);
    net_free(n);
}

static void the_lowest_of_what_the_members_know_is_in_force(void **state)
{
    (void)state;
    struct net *n = three_of(62, 1);
    change_build(n, 2, 5);
    change_build(n, 1, 3);
    change_build(n, 0, 4);
    assert_level(n, 3, 3);
    change_build(n, 1, 5);
    assert_level(n, 3, 4);
    net_free(n);
}

/* It may come back as the older build that it was. */
static void a_dead_member_keeps_the_level_down(void **state)
{
    (void)state;
    struct net *n = three_of(63, 1);
    change_build(n, 2, 2); /* so it said, before it died */
    net_crash(n, 2, KV_MEM_KILL);
    change_build(n, 1, 2);
    change_build(n, 0, 2);
    net_run(n, 10 * SECOND);
    assert_level(n, 2, 1);
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, net_leader(n), &(struct admin){.op = ADMIN_REMOVE, .node = 3}, text));
    net_run(n, SECOND);
    assert_level(n, 2, 2);
    net_free(n);
}

static void a_learner_counts_as_much_as_a_voter(void **state)
{
    (void)state;
    struct net *n = three_of(64, 2);
    net_start(n, 3, false);
    char text[ADMIN_TEXT_MAX];
    assert_true(net_admin(n, 0, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)}, text));
    for (int slot = 0; slot < 3; slot++)
        change_build(n, slot, 3);
    assert_level(n, 4, 2);
    change_build(n, 3, 3);
    assert_level(n, 4, 3);
    net_free(n);
}

static void a_node_below_the_level_is_not_added(void **state)
{
    (void)state;
    struct net *n = three_of(65, 2);
    net_set_level(n, 3, 1, 1);
    net_start(n, 3, false);
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 1, &(struct admin){.op = ADMIN_ADD, AT(3)}, text));
    assert_non_null(strstr(text, "run the newer version there"));
    assert_false(net_admin(n, 1, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(3)}, text));
    assert_non_null(strstr(text, "run the newer version there"));
    assert_int_equal(net_view(n, 3).node, 0); /* nobody still */
    net_crash(n, 3, KV_MEM_KILL);
    net_set_level(n, 3, 2, 2);
    net_start(n, 3, false);
    if (!net_admin(n, 1, &(struct admin){.op = ADMIN_ADD, AT(3)}, text))
        fail_msg("refused: %s", text);
    net_free(n);
}

static void a_newer_node_is_added_and_keeps_to_the_level_in_force(void **state)
{
    (void)state;
    struct net *n = three_of(66, 1);
    net_set_level(n, 3, 2, 2);
    net_start(n, 3, false);
    char text[ADMIN_TEXT_MAX];
    if (!net_admin(n, 0, &(struct admin){.op = ADMIN_ADD, AT(3)}, text))
        fail_msg("refused: %s", text);
    assert_level(n, 4, 1);
    net_free(n);
}

static void a_log_of_a_higher_level_is_not_opened(void **state)
{
    (void)state;
    struct net *n = three_of(67, 2);
    net_crash(n, 2, KV_MEM_KILL);
    net_set_level(n, 2, 1, 1);
    struct error e;
    assert_false(net_try_start(n, 2, false, &e));
    assert_non_null(strstr(e.text, "feature level 2"));
    assert_non_null(strstr(e.text, "run the newer version"));
    net_set_level(n, 2, 2, 2);
    net_start(n, 2, false); /* nothing was changed by it */
    assert_settles(n);
    net_free(n);
}

/* It was taken for a newer build, or was one when the leader looked: the entry itself is what it
 * cannot take, and nothing behind it. The others go on. */
static void what_an_older_build_cannot_take_it_does_not_take(void **state)
{
    (void)state;
    struct net *n = three_of(68, 1);
    net_set_load(n, true, false);
    net_crash(n, 2, KV_MEM_KILL);
    net_set_level(n, 2, 1, 2); /* it lies */
    net_start(n, 2, false);
    change_build(n, 1, 2);
    change_build(n, 0, 2);
    char text[ADMIN_TEXT_MAX];
    if (net_leader(n) == 2) /* which would not raise it */
        assert_true(net_admin(n, 2, &(struct admin){.op = ADMIN_TRANSFER, .node = 1}, text));
    net_run(n, 2 * SECOND);
    assert_level(n, 2, 2);
    struct consensus_status *old = net_status(n, 2), *leader = net_status(n, net_leader(n));
    assert_int_equal(old->level, 1);
    assert_true(net_is_outdated(n, 2));
    assert_true(old->raft.last_index < leader->raft.config_index);
    free(old);
    free(leader);
    const uint64_t before = net_view(n, net_leader(n)).applied_index;
    net_run(n, 2 * SECOND);
    assert_true(net_view(n, net_leader(n)).applied_index > before);
    change_build(n, 2, 2);
    assert_level(n, 3, 2);
    assert_settles(n);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_rises_when_the_last_member_runs_the_newer_build),
        cmocka_unit_test(the_lowest_of_what_the_members_know_is_in_force),
        cmocka_unit_test(a_dead_member_keeps_the_level_down),
        cmocka_unit_test(a_learner_counts_as_much_as_a_voter),
        cmocka_unit_test(a_node_below_the_level_is_not_added),
        cmocka_unit_test(a_newer_node_is_added_and_keeps_to_the_level_in_force),
        cmocka_unit_test(a_log_of_a_higher_level_is_not_opened),
        cmocka_unit_test(what_an_older_build_cannot_take_it_does_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
