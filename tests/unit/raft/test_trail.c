/* test_trail.c -- the trail against the plain array of terms that it stands for. */

#include "test.h"

#include "base/bytes.h"
#include "base/prng.h"
#include "raft/trail.h"

#define MODEL_MAX 200

static void append_all(struct trail *t, const raft_term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(trail_append(t, terms[i], 1));
}

/* Figure 7 (f) of the Raft paper: the leftovers of two short-lived leaders are replaced. */
static void truncate_then_append_replaces_a_conflicting_tail(void **state)
{
    (void)state;
    const raft_term old[] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3};
    const raft_term want[] = {1, 1, 1, 4, 4};

    struct trail t;
    trail_init(&t, 0, 0);
    append_all(&t, old, ARRAY_COUNT(old));
    trail_truncate(&t, 4);
    append_all(&t, want + 3, 2);

    for (raft_index index = 1; index <= ARRAY_COUNT(want); index++)
        assert_int_equal(trail_term(&t, index), want[index - 1]);
    assert_int_equal(trail_term(&t, ARRAY_COUNT(want) + 1), 0);
}

static void an_empty_trail_knows_its_base_only(void **state)
{
    (void)state;
    struct trail t;
    trail_init(&t, 0, 0);
    assert_int_equal(trail_term(&t, 0), 0);
    assert_int_equal(trail_term(&t, 1), 0);
    assert_int_equal(trail_last_term(&t), 0);
    trail_init(&t, 10, 3);
    assert_int_equal(trail_term(&t, 9), 0);
    assert_int_equal(trail_term(&t, 10), 3);
    assert_int_equal(trail_term(&t, 11), 0);
    assert_int_equal(trail_last_term(&t), 3);
    trail_check(&t);
}

static void compaction_keeps_the_last_term_and_all_behind(void **state)
{
    (void)state;
    const raft_term terms[] = {1, 1, 1, 4, 4, 4, 4, 6, 6};
    for (raft_index base = 1; base <= ARRAY_COUNT(terms); base++) {
        struct trail t;
        trail_init(&t, 0, 0);
        append_all(&t, terms, ARRAY_COUNT(terms));
        trail_compact(&t, base);
        trail_check(&t);
        for (raft_index index = 1; index <= ARRAY_COUNT(terms); index++)
            assert_int_equal(trail_term(&t, index), index < base ? 0 : terms[index - 1]);
    }
}

static void a_full_trail_refuses_a_new_term_but_not_an_old_one(void **state)
{
    (void)state;
    static struct trail t;
    trail_init(&t, 0, 0);
    for (raft_term term = 1; term <= TRAIL_RUNS_MAX; term++)
        assert_true(trail_append(&t, term, 1));
    assert_false(trail_has_room(&t, 1));
    assert_false(trail_append(&t, TRAIL_RUNS_MAX + 1, 1));
    assert_int_equal(t.last_index, TRAIL_RUNS_MAX);
    assert_true(trail_append(&t, TRAIL_RUNS_MAX, 5));
    trail_compact(&t, 1);
    assert_true(trail_append(&t, TRAIL_RUNS_MAX + 1, 1));
    trail_check(&t);
}

/* The hint: the last entry at or before index with at most that term. */
static void the_hint_skips_whole_terms(void **state)
{
    (void)state;
    const raft_term terms[] = {1, 1, 1, 4, 4, 4, 4, 6, 6};
    const struct {
        raft_index index;
        raft_term term;
        raft_index hint;
    } cases[] = {
        {9, 6, 9}, {9, 5, 7}, {9, 4, 7}, {9, 3, 3}, {6, 6, 6}, {6, 4, 6}, {6, 2, 3}, {6, 1, 3},
        {6, 0, 0}, {50, 9, 9}, {50, 5, 7}, {3, 1, 3}, {2, 9, 2}, {0, 9, 0},
    };
    struct trail t;
    trail_init(&t, 0, 0);
    append_all(&t, terms, ARRAY_COUNT(terms));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(trail_hint(&t, cases[i].index, cases[i].term), cases[i].hint);

    trail_compact(&t, 5); /* base 5 of term 4 */
    assert_int_equal(trail_hint(&t, 9, 4), 7);
    assert_int_equal(trail_hint(&t, 5, 4), 5);
    assert_int_equal(trail_hint(&t, 9, 3), 4); /* only the compacted part can hold it */
    assert_int_equal(trail_hint(&t, 2, 9), 4);
}

/* Random operations on a trail and on an array of terms. */
static void the_trail_equals_the_array(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 1);
    for (int round = 0; round < 200; round++) {
        raft_term model[MODEL_MAX + 1] = {0};
        raft_index base = 0, last = 0;
        raft_term term = 1;
        struct trail t;
        trail_init(&t, 0, 0);
        for (int i = 0; i < 100; i++) {
            const uint64_t what = prng_below(&p, 10);
            if (what < 6 && last + 3 <= MODEL_MAX) {
                term += prng_below(&p, 3) == 0;
                const uint32_t count = 1 + (uint32_t)prng_below(&p, 3);
                assert_true(trail_append(&t, term, count));
                for (uint32_t k = 0; k < count; k++)
                    model[++last] = term;
            } else if (what < 8 && last > base) {
                const raft_index from = base + 1 + prng_below(&p, last - base);
                trail_truncate(&t, from);
                last = from - 1;
            } else if (what == 8) {
                base += prng_below(&p, last - base + 1);
                trail_compact(&t, base);
            }
            trail_check(&t);
            for (raft_index index = 0; index <= MODEL_MAX; index++)
                assert_int_equal(trail_term(&t, index),
                                 index >= base && index <= last ? model[index] : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncate_then_append_replaces_a_conflicting_tail),
        cmocka_unit_test(an_empty_trail_knows_its_base_only),
        cmocka_unit_test(compaction_keeps_the_last_term_and_all_behind),
        cmocka_unit_test(a_full_trail_refuses_a_new_term_but_not_an_old_one),
        cmocka_unit_test(the_hint_skips_whole_terms),
        cmocka_unit_test(the_trail_equals_the_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
