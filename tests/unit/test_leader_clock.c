/* test_leader_clock.c -- the clock of a leader (ARCHITECTURE §3.6 step 7). */

#include "test.h"

#include "node/consensus_internal.h"

static uint64_t wall_now_ms, boot_now_us;

static uint64_t wall_ms(void *context)
{
    (void)context;
    return wall_now_ms;
}

static uint64_t boot_us(void *context)
{
    (void)context;
    return boot_now_us;
}

static struct consensus new_consensus(uint64_t wall)
{
    wall_now_ms = wall;
    boot_now_us = 1000000;
    return (struct consensus){.o.clock = {NULL, wall_ms, boot_us}};
}

static void pass(uint64_t ms)
{
    wall_now_ms += ms;
    boot_now_us += ms * 1000;
}

static void the_wall_is_the_clock(void **state)
{
    (void)state;
    struct consensus c = new_consensus(50000);
    assert_int_equal(leader_clock_ms(&c), 50000);
    pass(700);
    assert_int_equal(leader_clock_ms(&c), 50700);
}

static void ahead_of_the_wall_it_runs_at_half_speed(void **state)
{
    (void)state;
    struct consensus c = new_consensus(50000);
    clock_seen(&c, 60000);
    assert_int_equal(leader_clock_ms(&c), 60000);
    pass(1000);
    assert_int_equal(leader_clock_ms(&c), 60500);
    wall_now_ms = 1; /* a jump back changes nothing */
    assert_int_equal(leader_clock_ms(&c), 60500);
    pass(4000);
    assert_int_equal(leader_clock_ms(&c), 62500);
}

/* Found by the simulator: who led long ago, and leads again, added half of the time between to the
 * clock of the entries it had taken meanwhile: keys lived too long, and others too short. */
static void a_second_office_does_not_begin_in_the_future(void **state)
{
    (void)state;
    struct consensus c = new_consensus(50000);
    assert_int_equal(leader_clock_ms(&c), 50000);
    pass(10000);
    clock_seen(&c, wall_now_ms); /* another's entry */
    assert_int_equal(leader_clock_ms(&c), 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_is_the_clock),
        cmocka_unit_test(ahead_of_the_wall_it_runs_at_half_speed),
        cmocka_unit_test(a_second_office_does_not_begin_in_the_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
