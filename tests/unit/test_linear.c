/* test_linear.c -- the linearizability checker must say yes and no where a person would. */

#include "test.h"
#include "base/prng.h"
#include "sim/linear.h"

#define STEPS 20000000
#define NEVER LINEAR_NEVER_ENDED

static enum linear_verdict check(const struct linear_op *ops, size_t count)
{
    size_t culprit;
    return linear_check(ops, count, LINEAR_ABSENT, STEPS, &culprit);
}

static void a_read_after_a_write_sees_it(void **state)
{
    (void)state;
    const struct linear_op fresh[] = {{1, 2, LINEAR_SET, 5, 0, 0}, {3, 4, LINEAR_GET, 0, 0, 5}};
    const struct linear_op stale[] = {{1, 2, LINEAR_SET, 5, 0, 0},
                                      {3, 4, LINEAR_GET, 0, 0, LINEAR_ABSENT}};
    assert_int_equal(check(fresh, 2), LINEAR_OK);
    assert_int_equal(check(stale, 2), LINEAR_VIOLATED);
}

static void a_read_beside_a_write_may_see_either(void **state)
{
    (void)state;
    struct linear_op ops[] = {{1, 10, LINEAR_SET, 5, 0, 0}, {3, 4, LINEAR_GET, 0, 0, 5}};
    assert_int_equal(check(ops, 2), LINEAR_OK);
    ops[1].result = LINEAR_ABSENT;
    assert_int_equal(check(ops, 2), LINEAR_OK);
    ops[1].result = 6;
    assert_int_equal(check(ops, 2), LINEAR_VIOLATED);
}

static void reads_never_go_back(void **state)
{
    (void)state;
    const struct linear_op ops[] = {{1, 20, LINEAR_SET, 5, 0, 0},
                                    {2, 3, LINEAR_GET, 0, 0, 5},
                                    {4, 5, LINEAR_GET, 0, 0, LINEAR_ABSENT}};
    assert_int_equal(check(ops, 3), LINEAR_VIOLATED);
}

static void an_unknown_write_may_happen_late_or_never(void **state)
{
    (void)state;
    const struct linear_op late[] = {{1, NEVER, LINEAR_SET, 5, 0, 0},
                                     {10, 11, LINEAR_GET, 0, 0, LINEAR_ABSENT},
                                     {12, 13, LINEAR_GET, 0, 0, 5}};
    const struct linear_op never[] = {{1, NEVER, LINEAR_SET, 5, 0, 0},
                                      {10, 11, LINEAR_GET, 0, 0, LINEAR_ABSENT}};
    const struct linear_op twice[] = {{1, NEVER, LINEAR_SET, 5, 0, 0},
                                      {2, 3, LINEAR_GET, 0, 0, 5},
                                      {4, 5, LINEAR_SET, 6, 0, 0},
                                      {6, 7, LINEAR_GET, 0, 0, 5}};
    assert_int_equal(check(late, 3), LINEAR_OK);
    assert_int_equal(check(never, 2), LINEAR_OK);
    assert_int_equal(check(twice, 4), LINEAR_VIOLATED);
}

static void increments_count_exactly_once(void **state)
{
    (void)state;
    const struct linear_op lost[] = {{1, 2, LINEAR_INCR, 0, 0, 1}, {3, 4, LINEAR_INCR, 0, 0, 1}};
    const struct linear_op doubled[] = {{1, 2, LINEAR_INCR, 0, 0, 1}, {3, 4, LINEAR_INCR, 0, 0, 3}};
    const struct linear_op right[] = {{1, 9, LINEAR_INCR, 0, 0, 2}, {3, 4, LINEAR_INCR, 0, 0, 1}};
    assert_int_equal(check(lost, 2), LINEAR_VIOLATED);
    assert_int_equal(check(doubled, 2), LINEAR_VIOLATED);
    assert_int_equal(check(right, 2), LINEAR_OK);
}

static void compare_and_set_and_delete_follow_the_state(void **state)
{
    (void)state;
    const struct linear_op ops[] = {{1, 2, LINEAR_SET, 1, 0, 0},   {3, 4, LINEAR_CAS, 1, 2, 1},
                                    {5, 6, LINEAR_CAS, 1, 3, 0},   {7, 8, LINEAR_GET, 0, 0, 2},
                                    {9, 10, LINEAR_DEL, 0, 0, 1},  {11, 12, LINEAR_DEL, 0, 0, 0}};
    assert_int_equal(check(ops, 6), LINEAR_OK);
}

/* Histories made by running operations at one instant within their interval are linearizable; with
 * one read changed to a value that was never written they are not. */
static void histories_of_a_real_register_pass_and_tampered_ones_do_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct linear_op ops[200];
        int64_t value = LINEAR_ABSENT;
        size_t last_read = 0;
        for (size_t i = 0; i < ARRAY_COUNT(ops); i++) {
            const uint64_t instant = 100 + 10 * i;
            ops[i] = (struct linear_op){.start = instant - prng_below(&prng, 30),
                                        .end = instant + 1 + prng_below(&prng, 30)};
            if (i == 0 || prng_chance(&prng, 1, 2)) {
                ops[i].kind = LINEAR_SET;
                value = ops[i].argument = (int64_t)i;
            } else {
                ops[i].kind = LINEAR_GET;
                ops[i].result = value;
                last_read = i;
            }
            if (ops[i].kind == LINEAR_SET && prng_chance(&prng, 1, 20))
                ops[i].end = NEVER;
        }
        assert_int_equal(check(ops, ARRAY_COUNT(ops)), LINEAR_OK);
        ops[last_read].result = 1000;
        assert_int_equal(check(ops, ARRAY_COUNT(ops)), LINEAR_VIOLATED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_after_a_write_sees_it),
        cmocka_unit_test(a_read_beside_a_write_may_see_either),
        cmocka_unit_test(reads_never_go_back),
        cmocka_unit_test(an_unknown_write_may_happen_late_or_never),
        cmocka_unit_test(increments_count_exactly_once),
        cmocka_unit_test(compare_and_set_and_delete_follow_the_state),
        cmocka_unit_test(histories_of_a_real_register_pass_and_tampered_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
