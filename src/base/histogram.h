/* histogram.h -- how often which duration, within 1 %: what LATENCY HISTOGRAM, INFO latencystats
 * and the metrics tell.
 *
 * Buckets as an HDR histogram of two digits has them: below 256 ns one each, above that 128 for
 * each doubling, up to a second. So its figures are Redis's for the same durations.
 *
 * One thread adds; any may look meanwhile. */

#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_NS_MAX UINT64_C(1000000000)
#define HISTOGRAM_BUCKETS (256 + 22 * 128)

struct histogram {
    atomic_uint_fast64_t count, sum_ns; /* sum: of all as they were, those beyond a second too */
    _Atomic uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The largest duration that counts as the same as ns. */
uint64_t histogram_top_ns(uint64_t ns);
/* How many were at most histogram_top_ns(ns). */
uint64_t histogram_at_most(const struct histogram *h, uint64_t ns);
/* The duration, as its bucket's top, that percent of all did not exceed; 0 of none. */
uint64_t histogram_percentile_ns(const struct histogram *h, double percent);

/* What was added to now since it was as then is. */
void histogram_since(struct histogram *added, const struct histogram *now,
                     const struct histogram *then);
void histogram_copy(struct histogram *copy, const struct histogram *h);

uint64_t histogram_count(const struct histogram *h);
uint64_t histogram_sum_ns(const struct histogram *h);

#endif
