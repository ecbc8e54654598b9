/* test_membership.c -- spares, replacements, removed nodes, changed addresses, and all the requests
 * that must change nothing. Consensus halves wired together as in test_consensus. */

#include "test.h"
#include "base/mailbox.h"
#include "consensus_net.h"

#include <inttypes.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000)
#define AT(slot) .host = "net", .port = (uint16_t)(7000 + (slot))

static void assert_settles(struct net *n)
{
    net_set_load(n, false, false);
    if (net_run_until(n, 20 * SECOND, net_is_settled, NULL))
        return;
    net_print(n);
    fail_msg("the cluster does not come to rest");
}

static void must(struct net *n, int slot, const struct admin *request)
{
    char text[ADMIN_TEXT_MAX];
    if (!net_admin(n, slot, request, text))
        fail_msg("refused: %s", text);
}

static void must_not(struct net *n, int slot, const struct admin *request, const char *why)
{
    char text[ADMIN_TEXT_MAX];
    struct consensus_status *before = net_status(n, net_leader(n));
    if (net_admin(n, slot, request, text))
        fail_msg("done, but should say: %s", why);
    if (strstr(text, why) == NULL)
        fail_msg("says '%s' instead of '%s'", text, why);
    struct consensus_status *after = net_status(n, net_leader(n));
    assert_int_equal(after->raft.config_index, before->raft.config_index);
    free(before);
    free(after);
}

static struct member member_of(struct net *n, int slot, uint64_t node)
{
    struct consensus_status *status = net_status(n, slot);
    struct member found = {0};
    for (uint32_t i = 0; i < status->member_count; i++)
        if (status->members[i].node == node)
            found = status->members[i];
    free(status);
    return found;
}

static void a_learner_stays_a_spare_until_it_is_promoted(void **state)
{
    (void)state;
    struct net *n = net_new(31);
    net_form(n, 3);
    net_start(n, 3, false);
    must(n, 1, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)});
    net_run(n, 3 * SECOND);
    assert_true(member_of(n, 2, 4).spare);
    must(n, 2, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)}); /* as it is */
    must(n, 0, &(struct admin){.op = ADMIN_TRANSFER, .node = 2}); /* the next one knows it, too */
    net_run(n, 3 * SECOND);
    assert_true(member_of(n, 1, 4).spare);
    must(n, 2, &(struct admin){.op = ADMIN_PROMOTE, .node = 4});
    net_run(n, SECOND);
    assert_true(member_of(n, 3, 4).voter);
    must_not(n, 0, &(struct admin){.op = ADMIN_PROMOTE, .node = 4}, "votes already");
    must_not(n, 0, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)}, "votes already");
    assert_settles(n);
    net_free(n);
}

/* Whoever asked for it may be gone with the leader that was at it. */
static void a_learner_that_catches_up_late_votes_under_any_leader(void **state)
{
    (void)state;
    struct net *n = net_new(32);
    net_form(n, 3);
    net_start(n, 3, false);
    for (int to = 0; to < 3; to++)
        net_cut(n, 3, to, true);
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 0, &(struct admin){.op = ADMIN_ADD, AT(3)}, text));
    must(n, 0, &(struct admin){.op = ADMIN_TRANSFER, .node = 3});
    net_run(n, SECOND);
    assert_true(member_of(n, 1, 4).learner);
    for (int to = 0; to < 3; to++)
        net_cut(n, 3, to, false);
    net_run(n, 3 * SECOND);
    assert_true(member_of(n, 1, 4).voter);
    assert_settles(n);
    net_free(n);
}

static void a_member_is_replaced_in_one_change(void **state)
{
    (void)state;
    struct net *n = net_new(33);
    net_form(n, 3);
    net_crash(n, 2, KV_MEM_POWER_LOSS);
    net_start(n, 3, false);
    must(n, 1, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(3)});
    net_run(n, SECOND);
    struct consensus_status *status = net_status(n, 1);
    assert_int_equal(status->member_count, 3);
    free(status);
    assert_true(member_of(n, 0, 4).voter);
    must_not(n, 0, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(2)}, "not a member");
    assert_settles(n);
    net_free(n);
}

static void who_replaces_a_spare_is_a_spare(void **state)
{
    (void)state;
    struct net *n = net_new(42);
    net_form(n, 3);
    net_start(n, 3, false);
    must(n, 1, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)});
    net_crash(n, 3, KV_MEM_KILL);
    net_wipe(n, 3);
    net_start(n, 3, false);
    net_run(n, SECOND);
    must(n, 1, &(struct admin){.op = ADMIN_REPLACE, .node = 4, AT(3)});
    net_run(n, 3 * SECOND);
    assert_true(member_of(n, 0, 5).spare);
    assert_int_equal(member_of(n, 0, 4).node, 0);
    assert_settles(n);
    net_free(n);
}

/* The usual case: a new disk in the old machine. */
static void an_emptied_node_is_replaced_by_itself_under_a_new_id(void **state)
{
    (void)state;
    struct net *n = net_new(34);
    net_form(n, 3);
    must_not(n, 1, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(2)}, "itself is at");
    net_crash(n, 2, KV_MEM_KILL);
    net_wipe(n, 2);
    net_start(n, 2, false);
    net_run(n, SECOND);
    must_not(n, 1, &(struct admin){.op = ADMIN_ADD, AT(2)}, "RAFT REPLACE 3");
    assert_int_equal(net_view(n, 2).node, 0); /* nobody gave it its old name */
    must(n, 1, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(2)});
    assert_int_equal(net_view(n, 2).node, 4);
    assert_int_equal(member_of(n, 0, 3).node, 0);
    assert_settles(n);
    net_free(n);
}

static void the_leader_replaces_itself(void **state)
{
    (void)state;
    struct net *n = net_new(35);
    net_form(n, 3);
    assert_int_equal(net_leader(n), 0);
    net_start(n, 3, false);
    must(n, 0, &(struct admin){.op = ADMIN_REPLACE, .node = 1, AT(3)});
    net_run(n, 3 * SECOND);
    assert_true(net_leader(n) > 0);
    assert_true(member_of(n, 3, 4).voter);
    assert_int_equal(member_of(n, 3, 1).node, 0);
    net_free(n);
}

static void what_makes_no_sense_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct net *n = net_new(36);
    net_form(n, 3);
    net_start(n, 3, false);
    for (int slot = 0; slot < 3; slot++) {
        must_not(n, slot, &(struct admin){.op = ADMIN_REPLACE, .node = 9, AT(3)}, "not a member");
        must_not(n, slot, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(1)}, "votes already");
        must_not(n, slot, &(struct admin){.op = ADMIN_REPLACE, .node = 3, AT(4)}, "cannot reach");
        must_not(n, slot, &(struct admin){.op = ADMIN_PROMOTE, .node = 7}, "not a member");
        must_not(n, slot, &(struct admin){.op = ADMIN_PROMOTE, .node = 2}, "votes already");
        must_not(n, slot, &(struct admin){.op = ADMIN_REMOVE, .node = 4}, "not a member");
        must_not(n, slot, &(struct admin){.op = ADMIN_ADD}, "host:port");
    }
    /* With one of three down, the other two cannot spare one of them. */
    net_crash(n, 2, KV_MEM_KILL);
    net_run(n, SECOND);
    must_not(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 2}, "do not answer");
    must(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 3});
    must(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 2});
    must_not(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 1}, "last voter");
    net_free(n);
}

static bool knows_it_is_removed(struct net *n, int slot)
{
    struct consensus_status *status = net_status(n, slot);
    const bool knows = status->removed;
    free(status);
    return knows;
}

static void a_removed_node_learns_it_and_goes_quiet(void **state)
{
    (void)state;
    struct net *n = net_new(37);
    net_form(n, 3);
    must(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 3});
    net_run(n, 3 * SECOND);
    assert_true(knows_it_is_removed(n, 2));
    assert_false(knows_it_is_removed(n, 1));
    const uint64_t term = net_view(n, 2).term;
    net_run(n, 3 * SECOND);
    assert_int_equal(net_view(n, 2).term, term);
    char text[ADMIN_TEXT_MAX];
    assert_false(net_admin(n, 2, &(struct admin){.op = ADMIN_TRANSFER}, text));
    assert_non_null(strstr(text, "was removed"));
    net_free(n);
}

/* It was down when it happened, and nobody has a connection to it any more. */
static void a_removed_node_that_comes_back_later_learns_it(void **state)
{
    (void)state;
    struct net *n = net_new(38);
    net_form(n, 3);
    net_crash(n, 2, KV_MEM_KILL);
    net_run(n, SECOND);
    must(n, 0, &(struct admin){.op = ADMIN_REMOVE, .node = 3});
    net_run(n, 70 * SECOND); /* they have stopped looking for it */
    net_start(n, 2, false);
    net_announce(n, 0, 2, "net"); /* it says hello */
    net_run(n, 3 * SECOND);
    assert_true(knows_it_is_removed(n, 2));
    net_free(n);
}

static void a_spare_takes_a_dead_voters_seat_and_leaves_it_the_spares(void **state)
{
    (void)state;
    struct net *n = net_new(39);
    net_set_replace_dead(n, 5000);
    net_form(n, 3);
    net_start(n, 3, false);
    must(n, 0, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)});
    net_crash(n, 1, KV_MEM_KILL);
    net_run(n, 4 * SECOND);
    assert_true(member_of(n, 0, 4).spare);
    net_run(n, 2 * SECOND);
    assert_true(member_of(n, 0, 4).voter);
    assert_true(member_of(n, 0, 2).spare);
    net_crash(n, 2, KV_MEM_KILL); /* and the two that are left decide */
    net_run(n, SECOND);
    assert_true(net_leader(n) == 0 || net_leader(n) == 3);
    net_start(n, 1, false);
    net_start(n, 2, false);
    assert_settles(n);
    assert_true(member_of(n, 0, 2).spare);
    net_free(n);
}

static void without_the_setting_a_dead_voter_keeps_its_seat(void **state)
{
    (void)state;
    struct net *n = net_new(40);
    net_form(n, 3);
    net_start(n, 3, false);
    must(n, 0, &(struct admin){.op = ADMIN_ADD_LEARNER, AT(3)});
    net_crash(n, 1, KV_MEM_KILL);
    net_run(n, 60 * SECOND);
    assert_true(member_of(n, 0, 2).voter);
    assert_true(member_of(n, 0, 4).spare);
    net_free(n);
}

static void a_changed_address_reaches_all_through_the_log(void **state)
{
    (void)state;
    struct net *n = net_new(41);
    net_form(n, 3);
    net_set_load(n, true, true);
    assert_int_equal(net_leader(n), 0);
    net_run(n, SECOND);
    struct consensus_status *before = net_status(n, 0);
    net_announce(n, 0, 2, "elsewhere");
    net_announce(n, 1, 2, "elsewhere");
    net_run(n, SECOND);
    net_start(n, 3, false);
    must(n, 0, &(struct admin){.op = ADMIN_ADD, AT(3)}); /* it has heard nothing but the log */
    net_run(n, SECOND);
    assert_string_equal(member_of(n, 3, 3).address.host, "elsewhere");
    struct consensus_status *after = net_status(n, 0);
    assert_true(after->raft.config_index > before->raft.config_index);
    const uint64_t index = after->raft.config_index;
    free(before);
    free(after);
    net_run(n, 5 * SECOND); /* once, not again and again */
    after = net_status(n, 0);
    assert_int_equal(after->raft.config_index, index);
    free(after);
    assert_settles(n);
    net_free(n);
}

/* --- digests ---------------------------------------------------------------------------------- */

/* What the shards of slots 0, 1, 2 say that their digests are at index. */
static void digests(struct net *n, uint64_t index, const uint64_t of[3])
{
    for (int slot = 0; slot < 3; slot++) {
        const struct consensus_mail mail = {.kind = MAIL_DIGEST, .index = index, .id = of[slot]};
        assert_true(mailbox_send(net_inbox(n, slot), &mail));
    }
    net_run(n, 3 * SECOND);
}

static bool is_quarantined(struct net *n, int slot)
{
    struct consensus_status *status = net_status(n, slot);
    const bool is = status->quarantined;
    free(status);
    return is;
}

static void who_differs_from_a_majority_is_quarantined(void **state)
{
    (void)state;
    struct net *n = net_new(43);
    net_form(n, 3);
    digests(n, 4096, (const uint64_t[]){5, 5, 5});
    for (int slot = 0; slot < 3; slot++)
        assert_false(is_quarantined(n, slot));
    digests(n, 8192, (const uint64_t[]){6, 6, 7});
    assert_false(is_quarantined(n, 0));
    assert_false(is_quarantined(n, 1));
    assert_true(is_quarantined(n, 2));
    assert_settles(n); /* its log is sound, it goes on */
    net_crash(n, 0, KV_MEM_KILL);
    net_run(n, 2 * SECOND);
    assert_int_equal(net_leader(n), 1); /* and votes, but does not lead */
    net_free(n);
}

static void a_leader_that_is_wrong_hands_over_first(void **state)
{
    (void)state;
    struct net *n = net_new(44);
    net_form(n, 3);
    assert_int_equal(net_leader(n), 0);
    digests(n, 4096, (const uint64_t[]){9, 5, 5});
    assert_true(is_quarantined(n, 0));
    assert_true(net_leader(n) > 0);
    assert_settles(n);
    net_free(n);
}

static void without_a_majority_of_equal_digests_nobody_is_quarantined(void **state)
{
    (void)state;
    struct net *n = net_new(45);
    net_form(n, 3);
    digests(n, 4096, (const uint64_t[]){1, 2, 3});
    net_crash(n, 2, KV_MEM_KILL);
    net_run(n, SECOND);
    for (int slot = 0; slot < 2; slot++) { /* two of three voters that differ: who is right? */
        const struct consensus_mail mail = {
            .kind = MAIL_DIGEST, .index = 8192, .id = (uint64_t)slot};
        assert_true(mailbox_send(net_inbox(n, slot), &mail));
    }
    net_run(n, 3 * SECOND);
    for (int slot = 0; slot < 2; slot++)
        assert_false(is_quarantined(n, slot));
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learner_stays_a_spare_until_it_is_promoted),
        cmocka_unit_test(a_learner_that_catches_up_late_votes_under_any_leader),
        cmocka_unit_test(a_member_is_replaced_in_one_change),
        cmocka_unit_test(who_replaces_a_spare_is_a_spare),
        cmocka_unit_test(an_emptied_node_is_replaced_by_itself_under_a_new_id),
        cmocka_unit_test(the_leader_replaces_itself),
        cmocka_unit_test(what_makes_no_sense_is_refused_and_changes_nothing),
        cmocka_unit_test(a_removed_node_learns_it_and_goes_quiet),
        cmocka_unit_test(a_removed_node_that_comes_back_later_learns_it),
        cmocka_unit_test(a_spare_takes_a_dead_voters_seat_and_leaves_it_the_spares),
        cmocka_unit_test(without_the_setting_a_dead_voter_keeps_its_seat),
        cmocka_unit_test(a_changed_address_reaches_all_through_the_log),
        cmocka_unit_test(who_differs_from_a_majority_is_quarantined),
        cmocka_unit_test(a_leader_that_is_wrong_hands_over_first),
        cmocka_unit_test(without_a_majority_of_equal_digests_nobody_is_quarantined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
