/* test_http_guard.c -- wrong passwords over HTTP: how many, from whom, and that it is bounded. */

#include "test.h"
#include <string.h>
#include "admin/http_guard.h"

#define SECOND UINT64_C(1000000)
#define NOW (100 * SECOND)

static struct http_guard guard;

static int fresh(void **state)
{
    (void)state;
    memset(&guard, 0, sizeof(guard));
    return 0;
}

static void fail(uint64_t address, int times, uint64_t now_us)
{
    for (int i = 0; i < times; i++)
        guard_note(&guard, address, false, now_us);
}

static void an_address_has_ten_tries_and_then_one_in_six_seconds(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(guard_wait_s(&guard, 7, NOW), 0);
        fail(7, 1, NOW);
    }
    assert_int_equal(guard_wait_s(&guard, 7, NOW), 6);
    assert_int_equal(guard_wait_s(&guard, 7, NOW + 5 * SECOND), 1);
    assert_int_equal(guard_wait_s(&guard, 7, NOW + 6 * SECOND), 0);
    fail(7, 1, NOW + 6 * SECOND);
    assert_int_equal(guard_wait_s(&guard, 7, NOW + 6 * SECOND), 6);
    assert_int_equal(guard_wait_s(&guard, 8, NOW), 0); /* others are not concerned */
    assert_int_equal(guard_wait_s(&guard, 7, NOW + 100 * SECOND), 0);
}

static void the_right_password_does_not_buy_more_wrong_ones(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        fail(7, 1, NOW);
        guard_note(&guard, 7, true, NOW);
    }
    assert_int_equal(guard_wait_s(&guard, 7, NOW), 6);
}

static void many_addresses_together_have_a_hundred_tries(void **state)
{
    (void)state;
    guard_note(&guard, 5000, true, NOW);
    for (uint64_t address = 1; address <= 100; address++) {
        assert_int_equal(guard_wait_s(&guard, address, NOW), 0);
        fail(address, 1, NOW);
    }
    assert_int_equal(guard_wait_s(&guard, 999, NOW), 1); /* one that never failed, too */
    assert_int_equal(guard_wait_s(&guard, 5000, NOW), 0); /* who is known is not kept out */
    fail(5000, 10, NOW);
    assert_int_equal(guard_wait_s(&guard, 5000, NOW), 6); /* but guesses no more than others */
    assert_int_equal(guard_wait_s(&guard, 999, NOW + SECOND), 0);
}

static void any_number_of_addresses_takes_no_room_from_who_is_known(void **state)
{
    (void)state;
    guard_note(&guard, 5000, true, NOW);
    fail(6000, 10, NOW);
    for (uint64_t address = 1; address < 4 * GUARD_SEATS; address++)
        fail(address, 1, NOW);
    assert_int_equal(guard_wait_s(&guard, 5000, NOW), 0);
    assert_true(guard_wait_s(&guard, 6000, NOW) >= 6); /* nor forgives it who owes most */
}

static void an_address_is_without_its_port_and_of_ipv6_the_first_half(void **state)
{
    (void)state;
    assert_true(guard_address("192.0.2.1:1") == guard_address("192.0.2.1:65535"));
    assert_true(guard_address("192.0.2.1:1") != guard_address("192.0.2.2:1"));
    assert_true(guard_address("2001:db8::1:80") == guard_address("2001:db8::ffff:2:80"));
    assert_true(guard_address("2001:db8::1:80") != guard_address("2001:db8:0:1::1:80"));
    assert_true(guard_address("0.0.0.0:1") != 0);
    assert_true(guard_address("::1:80") != 0);
    assert_true(guard_address("?:0") != 0);
    assert_true(guard_address("") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_has_ten_tries_and_then_one_in_six_seconds, fresh),
        cmocka_unit_test_setup(the_right_password_does_not_buy_more_wrong_ones, fresh),
        cmocka_unit_test_setup(many_addresses_together_have_a_hundred_tries, fresh),
        cmocka_unit_test_setup(any_number_of_addresses_takes_no_room_from_who_is_known, fresh),
        cmocka_unit_test_setup(an_address_is_without_its_port_and_of_ipv6_the_first_half, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
