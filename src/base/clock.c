/* clock.c -- the machine's clocks. */

#include "base/clock.h"

#include <time.h>

#include "base/panic.h"

static uint64_t now_us(clockid_t clock)
{
    struct timespec now;
    const int outcome = clock_gettime(clock, &now);
    CHECK(outcome == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}

uint64_t clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

uint64_t clock_boot_us(void)
{
    return now_us(CLOCK_BOOTTIME);
}
