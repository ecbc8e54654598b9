/* test_latency.c -- histograms of durations, and the slow moments of LATENCY. */

#include "test.h"
#include <stdlib.h>
#include "base/panic.h"
#include "base/histogram.h"
#include "server/latency.h"

/* --- histograms ------------------------------------------------------------------------------- */

/* As redis-server 7.0.15 shows them (LATENCY HISTOGRAM, in whole microseconds). */
static void levels_are_those_of_redis(void **state)
{
    (void)state;
    static const uint64_t shown_us[] = {1, 2, 4, 8, 16, 33, 66, 132};
    for (size_t i = 0; i < ARRAY_COUNT(shown_us); i++)
        assert_int_equal(histogram_top_ns(UINT64_C(1024) << i) / 1000, shown_us[i]);
    assert_int_equal(histogram_top_ns(UINT64_C(1024) << 10), 1056767);
    assert_int_equal(histogram_top_ns(UINT64_C(1024) << 18) / 1000, 270532);
    assert_int_equal(histogram_top_ns(UINT64_C(1024) << 19) / 1000, 541065);
    assert_int_equal(histogram_top_ns(4000), 4015); /* p50=4.015 */
    assert_int_equal(histogram_top_ns(400000000), 400556031);
}

static void every_duration_lies_within_a_hundredth_of_its_bucket(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns <= HISTOGRAM_NS_MAX; ns += 1 + ns / 97) {
        const uint64_t top = histogram_top_ns(ns);
        assert_true(top >= ns && top - ns <= ns / 100);
        assert_int_equal(histogram_top_ns(top), top);
        assert_true(histogram_top_ns(top + 1) > top);
    }
}

static void percentiles_and_counts_follow_the_durations(void **state)
{
    (void)state;
    struct histogram *h = xcalloc(1, sizeof(*h));
    assert_int_equal(histogram_percentile_ns(h, 50), 0);
    for (uint64_t i = 1; i <= 100; i++)
        histogram_add(h, i * 1000);
    histogram_add(h, 0);
    histogram_add(h, UINT64_MAX); /* more than a second counts as one */
    assert_int_equal(h->count, 102);
    assert_int_equal(histogram_at_most(h, 1), 1);
    assert_int_equal(histogram_at_most(h, 50000), 51);
    assert_int_equal(histogram_at_most(h, HISTOGRAM_NS_MAX), 102);
    assert_int_equal(histogram_percentile_ns(h, 50), histogram_top_ns(50000));
    assert_int_equal(histogram_percentile_ns(h, 100), histogram_top_ns(HISTOGRAM_NS_MAX));
    assert_int_equal(histogram_percentile_ns(h, 0), 1);
    free(h);
}

/* --- events ----------------------------------------------------------------------------------- */

static void add(struct latency *l, uint64_t time_s, uint64_t ms)
{
    latency_add(l, LATENCY_COMMAND, (struct latency_sample){.time_s = time_s, .ms = ms});
}

static void a_second_has_one_sample_its_worst(void **state)
{
    (void)state;
    struct latency *l = xcalloc(1, sizeof(*l));
    struct latency_sample samples[LATENCY_SAMPLES];
    assert_false(latency_has(l, LATENCY_COMMAND));
    add(l, 10, 5);
    add(l, 10, 9);
    add(l, 10, 7);
    add(l, 11, 6);
    assert_int_equal(latency_samples(l, LATENCY_COMMAND, samples), 2);
    assert_int_equal(samples[0].ms, 9);
    assert_int_equal(samples[1].ms, 6);
    assert_false(latency_has(l, LATENCY_FSYNC));
    for (uint64_t i = 0; i < 1000; i++)
        add(l, 100 + i, i);
    assert_int_equal(latency_samples(l, LATENCY_COMMAND, samples), LATENCY_SAMPLES);
    assert_int_equal(samples[0].ms, 1000 - LATENCY_SAMPLES);
    assert_int_equal(samples[LATENCY_SAMPLES - 1].ms, 999);
    assert_true(latency_forget(l, LATENCY_COMMAND));
    assert_false(latency_forget(l, LATENCY_COMMAND));
    assert_int_equal(latency_find(BYTES("Fast-Command")), LATENCY_FAST_COMMAND);
    assert_int_equal(latency_find(BYTES("blabla")), LATENCY_EVENTS);
    free(l);
}

/* The same samples as were given to a redis-server, with its drawing. */
static void the_graph_is_redis_s(void **state)
{
    (void)state;
    struct latency *l = xcalloc(1, sizeof(*l));
    struct buf text = {0};
    add(l, 1000, 200);
    add(l, 1001, 400);
    latency_draw(l, LATENCY_COMMAND, 1001, &text);
    buf_append_u8(&text, '\0');
    assert_string_equal((const char *)buf_data(&text),
                        "command - high 400 ms, low 200 ms (all time high 400 ms)\n"
                        "----------------------------------------"
                        "----------------------------------------\n"
                        " #\n |\n |\n_|\n  \n10\nss\n");
    buf_clear(&text);
    free(l);
}

static void the_report_names_what_was_slow(void **state)
{
    (void)state;
    struct latency *l = xcalloc(1, sizeof(*l));
    struct buf text = {0};
    latency_report(l, 0, &text);
    buf_append_u8(&text, '\0');
    assert_non_null(strstr((const char *)buf_data(&text), "latency-monitor-threshold"));
    buf_reset(&text);
    latency_add(l, LATENCY_FSYNC, (struct latency_sample){.time_s = 5, .ms = 120});
    latency_report(l, 100, &text);
    buf_append_u8(&text, '\0');
    assert_non_null(strstr((const char *)buf_data(&text), "fsync: 1 slow moments, average 120 ms"));
    buf_clear(&text);
    free(l);
}

static void what_was_added_since_then_is_a_histogram_too(void **state)
{
    (void)state;
    struct histogram *all = xcalloc(4, sizeof(*all)), *then = all + 1, *added = all + 2;
    for (int i = 0; i < 1000; i++)
        histogram_add(all, 5000);
    histogram_copy(then, all);
    assert_int_equal(histogram_count(then), 1000);
    assert_int_equal(histogram_sum_ns(then), 5000000);
    histogram_since(added, all, then);
    assert_int_equal(histogram_count(added), 0);
    assert_int_equal(histogram_percentile_ns(added, 99), 0);
    for (int i = 0; i < 10; i++)
        histogram_add(all, 900000);
    histogram_since(added, all, then);
    assert_int_equal(histogram_count(added), 10);
    assert_int_equal(histogram_sum_ns(added), 9000000);
    assert_int_equal(histogram_percentile_ns(added, 50), histogram_top_ns(900000));
    assert_int_equal(histogram_percentile_ns(all, 50), histogram_top_ns(5000)); /* as it was */
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_since_then_is_a_histogram_too),
        cmocka_unit_test(levels_are_those_of_redis),
        cmocka_unit_test(every_duration_lies_within_a_hundredth_of_its_bucket),
        cmocka_unit_test(percentiles_and_counts_follow_the_durations),
        cmocka_unit_test(a_second_has_one_sample_its_worst),
        cmocka_unit_test(the_graph_is_redis_s),
        cmocka_unit_test(the_report_names_what_was_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
