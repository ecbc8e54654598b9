/* test_access.c -- when, or how often, keys were used, as far as a node remembers. */

#include "test.h"

#include <stdlib.h>

#include "base/panic.h"
#include "keyspace/access.h"

#define KEYS 200000 /* more than it remembers */

static void what_is_remembered_is_exact_and_the_rest_never_too_old(void **state)
{
    (void)state;
    struct access *a = access_new();
    uint64_t *used_s = xcalloc(KEYS, sizeof(*used_s));
    struct prng p;
    prng_seed(&p, 7);
    access_reset(a, 1000);
    uint64_t now_s = 1000;
    for (uint64_t i = 0; i < KEYS; i++)
        used_s[i] = now_s;
    for (int i = 0; i < 1000000; i++) {
        const uint64_t key = prng_below(&p, i % 2 == 0 ? KEYS : KEYS / 100);
        now_s += i % 10 == 0;
        access_note(a, key, now_s);
        used_s[key] = now_s;
        assert_int_equal(access_idle_s(a, key, now_s + 5), 5);
    }
    for (uint64_t i = 0; i < KEYS; i++) {
        const uint64_t idle_s = access_idle_s(a, i, now_s);
        assert_true(idle_s <= now_s - used_s[i]);
        if (i < KEYS / 100) /* used all the time: never forgotten */
            assert_int_equal(idle_s, now_s - used_s[i]);
    }
    access_free(a);
    free(used_s);
}

static void a_key_that_comes_again_is_new(void **state)
{
    (void)state;
    struct access *a = access_new();
    access_reset(a, 100);
    assert_int_equal(access_idle_s(a, 1, 160), 60); /* it may have been used just before */
    access_set_idle(a, 1, 1000, 5000);
    assert_int_equal(access_idle_s(a, 1, 5000), 1000);
    access_set_idle(a, 1, 6000, 5000);
    assert_int_equal(access_idle_s(a, 1, 5000), 5000); /* no time before 0 */
    access_forget(a, 1);
    access_note(a, 1, 5001);
    assert_int_equal(access_idle_s(a, 1, 5001), 0);
    access_keep(a, ACCESS_FREQUENCY, 5001);
    assert_int_equal(access_idle_s(a, 1, 6000), 0); /* it is not kept */
    for (int i = 0; i < 1000; i++)
        access_note(a, 1, 5001);
    assert_true(access_frequency(a, 1, 5001) > 10);
    access_forget(a, 1);
    access_note(a, 1, 5001);
    assert_int_equal(access_frequency(a, 1, 5001), ACCESS_NEW_COUNTER);
    access_free(a);
}

/* The hits and counters of redis.conf's table, for a factor of 10. */
static void frequencies_rise_as_rarely_as_in_redis(void **state)
{
    (void)state;
    static const struct {
        int hits, least, most;
    } want[] = {{100, 7, 13}, {1000, 14, 24}, {100000, 120, 165}, {1000000, 255, 255}};
    struct access *a = access_new();
    access_keep(a, ACCESS_FREQUENCY, 60);
    for (uint64_t i = 0; i < ARRAY_COUNT(want); i++) {
        for (int n = 0; n < want[i].hits; n++)
            access_note(a, i, 60);
        assert_in_range(access_frequency(a, i, 60), want[i].least, want[i].most);
    }
    access_set_frequency(a, 9, 100, 60);
    assert_int_equal(access_frequency(a, 9, 60), 100);
    assert_int_equal(access_frequency(a, 9, 60 * 61), 40); /* an hour: one less a minute */
    assert_int_equal(access_frequency(a, 9, 60 * 6100), 0);
    assert_int_equal(access_frequency(a, 8, 60), ACCESS_NEW_COUNTER);
    access_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_remembered_is_exact_and_the_rest_never_too_old),
        cmocka_unit_test(a_key_that_comes_again_is_new),
        cmocka_unit_test(frequencies_rise_as_rarely_as_in_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
