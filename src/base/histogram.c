#include "base/histogram.h"

#include <stddef.h>
#include "base/panic.h"

#define LINEAR 256 /* so many buckets of one nanosecond */
#define HALF 128   /* buckets of each doubling behind them */

/* By how many bits ns is coarser than a nanosecond. */
static unsigned shift_of(uint64_t ns)
{
    return ns < LINEAR ? 0 : 56u - (unsigned)__builtin_clzll(ns);
}

static size_t bucket_of(uint64_t ns)
{
    const unsigned shift = shift_of(ns);
    return shift * HALF + (size_t)(ns >> shift);
}

static uint64_t bucket_top_ns(size_t bucket)
{
    if (bucket < LINEAR)
        return bucket;
    const unsigned shift = (unsigned)(bucket / HALF) - 1;
    return ((HALF + bucket % HALF + 1) << shift) - 1;
}

/* There is one writer: what it reads is what it wrote. */
static void add_to(atomic_uint_fast64_t *figure, uint64_t value)
{
    atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

static uint32_t bucket_count(const struct histogram *h, size_t bucket)
{
    return (uint32_t)atomic_load_explicit(&h->buckets[bucket], memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *h)
{
    return atomic_load_explicit(&h->count, memory_order_relaxed);
}

uint64_t histogram_sum_ns(const struct histogram *h)
{
    return atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    const uint64_t in_range = ns < 1 ? 1 : ns > HISTOGRAM_NS_MAX ? HISTOGRAM_NS_MAX : ns;
    const size_t bucket = bucket_of(in_range);
    CHECK(bucket < HISTOGRAM_BUCKETS);
    atomic_store_explicit(&h->buckets[bucket], bucket_count(h, bucket) + 1, memory_order_relaxed);
    add_to(&h->sum_ns, ns);
    add_to(&h->count, 1);
}

uint64_t histogram_top_ns(uint64_t ns)
{
    return bucket_top_ns(bucket_of(ns));
}

uint64_t histogram_at_most(const struct histogram *h, uint64_t ns)
{
    const size_t last = bucket_of(ns);
    uint64_t count = 0;
    for (size_t i = 0; i <= last && i < HISTOGRAM_BUCKETS; i++)
        count += bucket_count(h, i);
    return count;
}

uint64_t histogram_percentile_ns(const struct histogram *h, double percent)
{
    const uint64_t all = histogram_count(h);
    uint64_t wanted = (uint64_t)(percent / 100 * (double)all + 0.5);
    wanted = wanted < 1 ? 1 : wanted > all ? all : wanted;
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && all > 0; i++) {
        count += bucket_count(h, i);
        if (count >= wanted)
            return bucket_top_ns(i);
    }
    return 0;
}

/* The count is that of the buckets, which the writer may be changing one by one. */
void histogram_since(struct histogram *added, const struct histogram *now,
                     const struct histogram *then)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        const uint32_t more = bucket_count(now, i) - bucket_count(then, i);
        atomic_store_explicit(&added->buckets[i], more, memory_order_relaxed);
        count += more;
    }
    atomic_store_explicit(&added->count, count, memory_order_relaxed);
    atomic_store_explicit(&added->sum_ns, histogram_sum_ns(now) - histogram_sum_ns(then),
                          memory_order_relaxed);
}

void histogram_copy(struct histogram *copy, const struct histogram *h)
{
    static const struct histogram empty;
    histogram_since(copy, h, &empty);
}
