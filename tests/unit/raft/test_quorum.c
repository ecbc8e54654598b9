/* test_quorum.c -- majorities, joint ones, and the small sets beneath them; windows and writes. */

#include "test.h"

#include "base/bytes.h"
#include "raft/config.h"
#include "raft/durable.h"
#include "raft/progress.h"
#include "raft/quorum.h"

#define SET(...)                                                               \
    {                                                                          \
        .count = sizeof((const raft_node[]){__VA_ARGS__}) / sizeof(raft_node), \
        .node = {__VA_ARGS__}                                                  \
    }

static struct ballot ballot_of(const uint64_t *values, size_t count)
{
    struct ballot b;
    ballot_init(&b);
    for (size_t i = 0; i < count; i++)
        ballot_add(&b, i + 1, values[i]);
    return b;
}

static void the_quorum_value_is_what_a_majority_has_reached(void **state)
{
    (void)state;
    const struct {
        struct raft_config config;
        uint64_t values[6]; /* of nodes 1 .. 6 */
        uint64_t want;
    } cases[] = {
        {{.incoming = SET(1)}, {7}, 7},
        {{.incoming = SET(1, 2)}, {7, 3}, 3},
        {{.incoming = SET(1, 2, 3)}, {7, 3, 5}, 5},
        {{.incoming = SET(1, 2, 3)}, {7, 0, 0}, 0},
        {{.incoming = SET(1, 2, 3, 4)}, {1, 2, 3, 4}, 2},
        {{.incoming = SET(1, 2, 3, 4, 5)}, {7, 9, 4, 9, 2}, 7},
        {{.incoming = SET(1, 2, 3), .learners = SET(4, 5)}, {1, 2, 3, 9, 9}, 2}, /* count not */
        {{.incoming = SET(1, 2, 6)}, {5, 4}, 4}, /* a voter that nobody has heard of: 0 */
        /* joint: the lesser of both majorities */
        {{.incoming = SET(1, 2, 3), .outgoing = SET(4, 5, 6)}, {9, 9, 9, 4, 5, 6}, 5},
        {{.incoming = SET(1, 2, 3), .outgoing = SET(1, 2, 4)}, {9, 1, 9, 1}, 1},
        {{.incoming = SET(1), .outgoing = SET(2, 3, 4)}, {9, 2, 3, 4}, 3},
        {{.incoming = SET(2, 3, 4), .outgoing = SET(1)}, {2, 9, 9, 9}, 2},
        {{.learners = SET(1)}, {9}, 0}, /* nobody decides nothing */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct ballot b = ballot_of(cases[i].values, 5);
        struct ballot six = b;
        if (cases[i].values[5] != 0)
            ballot_add(&six, 6, cases[i].values[5]);
        assert_int_equal(quorum_value(&cases[i].config, &six), cases[i].want);
    }
}

static void bad_configurations_are_told_from_good_ones(void **state)
{
    (void)state;
    const struct raft_config good[] = {
        {.incoming = SET(1)},
        {.incoming = SET(1, 2), .outgoing = SET(2, 3), .learners = SET(4)},
        {.incoming = SET(1, 2), .outgoing = SET(2, 3), .learners = SET(3)}, /* on its way down */
        {.incoming = SET(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)},
    };
    const struct raft_config bad[] = {
        {.learners = SET(1)},
        {.incoming = SET(0)},
        {.incoming = SET(1, 2, 1)},
        {.incoming = SET(1, 2), .learners = SET(2)},
        {.incoming = {.count = 16}},
        {.incoming = {.count = 255}},
        {.incoming = SET(1), .outgoing = {.count = 200}},
        {.incoming = SET(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), .learners = SET(16)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(config_is_valid(&good[i]));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(config_is_valid(&bad[i]));
}

static void a_change_of_learners_alone_is_not_joint(void **state)
{
    (void)state;
    const struct raft_config current = {.incoming = SET(1, 2, 3)};
    const struct raft_config add_learner = {.incoming = SET(3, 2, 1), .learners = SET(4)};
    const struct raft_config swap = {.incoming = SET(1, 2, 4)};
    struct raft_config next;
    assert_true(config_begin(&current, &add_learner, &next));
    assert_false(config_is_joint(&next));
    assert_true(config_begin(&current, &swap, &next));
    assert_true(config_is_joint(&next));
    assert_true(set_equal(&next.incoming, &swap.incoming));
    assert_true(set_equal(&next.outgoing, &current.incoming));
    struct raft_config last;
    config_leave(&next, &last);
    assert_true(config_equal(&last, &swap));
}

static void truncation_brings_the_configuration_before_back(void **state)
{
    (void)state;
    const struct raft_config a = {.incoming = SET(1)}, b = {.incoming = SET(1, 2)},
                             c = {.incoming = SET(1, 2, 3)};
    struct config_log log;
    config_log_init(&log);
    assert_int_equal(config_log_newest(&log)->config.incoming.count, 0);
    config_log_append(&log, 1, &a);
    config_log_append(&log, 5, &b);
    assert_false(config_log_truncate(&log, 6));
    assert_true(config_log_truncate(&log, 5));
    assert_true(config_equal(&config_log_newest(&log)->config, &a));

    config_log_append(&log, 5, &b);
    config_log_append(&log, 9, &c); /* says that b is committed */
    assert_false(config_log_may_truncate(&log, 5));
    assert_true(config_log_may_truncate(&log, 6));
    assert_true(config_log_has_voter(&log, 3));
    assert_true(config_log_truncate(&log, 6));
    assert_true(config_equal(&config_log_newest(&log)->config, &b));
}

static void a_snapshot_brings_its_configuration_unless_a_newer_is_kept(void **state)
{
    (void)state;
    const struct raft_config a = {.incoming = SET(1)}, b = {.incoming = SET(1, 2)},
                             snap = {.incoming = SET(7)};
    struct config_log log;
    config_log_init(&log);
    config_log_append(&log, 1, &a);
    config_log_append(&log, 5, &b);
    config_log_install(&log, 3, &snap);
    assert_int_equal(log.count, 2);
    assert_true(config_equal(&log.at[0].config, &snap));
    assert_true(config_equal(&config_log_newest(&log)->config, &b));
    config_log_install(&log, 8, &snap);
    assert_int_equal(log.count, 1);
    assert_int_equal(config_log_newest(&log)->index, 8);
}

static void the_window_opens_with_the_answers(void **state)
{
    (void)state;
    static struct progress p;
    progress_init(&p, 2, 10);
    assert_int_equal(progress_room(&p, 100), 100);
    progress_sent(&p, 9, 0); /* a probe */
    assert_int_equal(progress_room(&p, 100), 0);
    assert_true(progress_matched(&p, 9));
    progress_replicate(&p);
    assert_int_equal(p.next_index, 10);
    progress_sent(&p, 12, 60);
    progress_sent(&p, 13, 30);
    assert_int_equal(progress_room(&p, 100), 10);
    progress_sent(&p, 13, 0); /* an empty one is not counted */
    assert_int_equal(p.inflight_count, 2);
    assert_true(progress_matched(&p, 12));
    assert_int_equal(progress_room(&p, 100), 70);
    assert_false(progress_matched(&p, 11)); /* late */
    progress_check(&p);
    progress_probe(&p, 13);
    assert_int_equal(p.inflight_count, 0);
    progress_check(&p);
    progress_snapshot(&p);
    assert_int_equal(progress_room(&p, 100), 0);
}

static void the_window_is_bounded_in_messages(void **state)
{
    (void)state;
    static struct progress p;
    progress_init(&p, 2, 1);
    progress_replicate(&p);
    for (raft_index i = 1; i <= RAFT_INFLIGHT_MAX; i++) {
        assert_true(progress_room(&p, 1 << 20) > 0);
        progress_sent(&p, i, 1);
    }
    assert_int_equal(progress_room(&p, 1 << 20), 0);
    progress_check(&p);
    assert_true(progress_matched(&p, 1));
    assert_true(progress_room(&p, 1 << 20) > 0);
}

/* The picture of durable.h. */
static void what_was_truncated_is_not_persisted_by_its_old_write(void **state)
{
    (void)state;
    struct durable d;
    durable_init(&d, 3);
    assert_int_equal(durable_write(&d, 10, false), 1);
    assert_int_equal(durable_after(&d, 3), 0);
    assert_int_equal(durable_after(&d, 7), 1);
    durable_truncate(&d, 6);
    assert_int_equal(durable_write(&d, 7, true), 2);
    assert_int_equal(durable_after(&d, 5), 1);
    assert_int_equal(durable_after(&d, 6), 2);
    assert_int_equal(durable_hard_after(&d), 2);
    durable_persisted(&d, 1);
    assert_int_equal(d.persisted_index, 5);
    durable_persisted(&d, 2);
    assert_int_equal(d.persisted_index, 7);
    assert_int_equal(durable_hard_after(&d), 0);
    durable_check(&d, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quorum_value_is_what_a_majority_has_reached),
        cmocka_unit_test(bad_configurations_are_told_from_good_ones),
        cmocka_unit_test(a_change_of_learners_alone_is_not_joint),
        cmocka_unit_test(truncation_brings_the_configuration_before_back),
        cmocka_unit_test(a_snapshot_brings_its_configuration_unless_a_newer_is_kept),
        cmocka_unit_test(the_window_opens_with_the_answers),
        cmocka_unit_test(the_window_is_bounded_in_messages),
        cmocka_unit_test(what_was_truncated_is_not_persisted_by_its_old_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
