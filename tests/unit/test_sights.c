/* test_sights.c -- what those who look at the consensus half are told, and what is left out. */

#include "test.h"
#include "server/sights.h"

static struct sight sight_of(enum sight_kind kind)
{
    return (struct sight){.kind = (uint8_t)kind, .from = 1, .to = 2, .term = 3, .index = 4};
}

static size_t take_all(struct sights *s, struct seen *seen)
{
    return sights_take(s, seen, SIGHTS_KEPT_MAX);
}

static void a_window_has_room_for_so_many_of_each_sort(void **state)
{
    (void)state;
    static struct seen seen[SIGHTS_KEPT_MAX];
    struct sights *s = sights_new();
    const struct sight heartbeat = sight_of(SIGHT_HEARTBEAT), append = sight_of(SIGHT_APPEND);
    const struct sight change = sight_of(SIGHT_STATE);
    for (int i = 0; i < 1000; i++) {
        sights_saw(s, &append, SIGHTS_WINDOW_US);
        sights_saw(s, &heartbeat, SIGHTS_WINDOW_US);
    }
    for (int i = 0; i < 5; i++)
        sights_saw(s, &change, SIGHTS_WINDOW_US); /* always told */
    assert_int_equal(take_all(s, seen), SIGHTS_CONTROL_MAX + SIGHTS_DATA_MAX + 5);
    assert_int_equal(sights_take_dropped(s), 2000 - SIGHTS_CONTROL_MAX - SIGHTS_DATA_MAX);
    assert_int_equal(sights_take_dropped(s), 0);

    sights_saw(s, &append, 2 * SIGHTS_WINDOW_US - 1);
    assert_int_equal(take_all(s, seen), 0);
    sights_saw(s, &append, 2 * SIGHTS_WINDOW_US);
    assert_int_equal(take_all(s, seen), 1);
    assert_int_equal(seen[0].sight.kind, SIGHT_APPEND);
    assert_int_equal(seen[0].sight.term, 3);
    sights_free(s);
}

static void what_nobody_takes_is_left_out_and_counted(void **state)
{
    (void)state;
    static struct seen seen[SIGHTS_KEPT_MAX];
    struct sights *s = sights_new();
    const struct sight vote = sight_of(SIGHT_VOTE);
    for (uint64_t i = 1; i <= 2 * SIGHTS_KEPT_MAX; i++)
        sights_saw(s, &vote, i * SIGHTS_WINDOW_US);
    assert_int_equal(take_all(s, seen), SIGHTS_KEPT_MAX);
    assert_int_equal(sights_take_dropped(s), SIGHTS_KEPT_MAX);
    sights_free(s);
}

static void who_looks_anew_sees_nothing_old(void **state)
{
    (void)state;
    struct seen seen[4];
    struct sights *s = sights_new();
    const struct sight vote = sight_of(SIGHT_VOTE);
    const struct sight_port port = sights_port(s);
    assert_false(*port.is_on);
    sights_look(s, true);
    assert_true(*port.is_on);
    sights_look(s, false);
    sights_saw(s, &vote, SIGHTS_WINDOW_US); /* was under way */
    sights_look(s, true);
    assert_int_equal(sights_take(s, seen, 4), 0);
    port.saw(port.context, &vote);
    assert_int_equal(sights_take(s, seen, 4), 1);
    assert_true(seen[0].wall_us > 0);
    sights_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_has_room_for_so_many_of_each_sort),
        cmocka_unit_test(what_nobody_takes_is_left_out_and_counted),
        cmocka_unit_test(who_looks_anew_sees_nothing_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
