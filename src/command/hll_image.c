/* hll_image.c -- the bytes of a HyperLogLog: registers, sparse runs, the estimate. */

#include "command/hll_image.h"

#include <math.h>

#include "base/encode.h"
#include "base/panic.h"

#define INDEX_BITS 14
#define RANK_BITS 50 /* of the hash that are left for the run of zeros */
#define HASH_SEED 0xadc83b19u
#define STALE 0x80
#define COUNT_AT 8

#define ZERO_RUN_MAX 64     /* registers of a run of zeros in one byte */
#define VALUE_RUN_MAX 4     /* of one of values, */
#define SPARSE_VALUE_MAX 32 /* which are no higher */
#define MERGE_RUNS 5        /* as many runs are looked at for equal neighbours, as Redis does */

/* --- the hash --------------------------------------------------------------------------------- */

/* MurmurHash64A (Appleby), words little-endian on all processors. */
static uint64_t murmur(struct bytes b)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    const uint8_t *data = bytes_data(b);
    uint64_t hash = HASH_SEED ^ (b.size * m);
    size_t at = 0;
    for (; at + 8 <= b.size; at += 8) {
        uint64_t word = get_le64(data + at) * m;
        word ^= word >> 47;
        hash = (hash ^ word * m) * m;
    }
    if (at < b.size) {
        uint64_t rest = 0;
        for (size_t i = at; i < b.size; i++)
            rest |= (uint64_t)data[i] << 8 * (i - at);
        hash = (hash ^ rest) * m;
    }
    hash = (hash ^ hash >> 47) * m;
    return hash ^ hash >> 47;
}

/* --- header, dense registers ------------------------------------------------------------------ */

bool hll_is_valid(struct bytes value)
{
    if (value.size < HLL_HEADER_SIZE || !bytes_has_prefix(value, BYTES("HYLL")))
        return false;
    const uint8_t encoding = bytes_data(value)[4];
    return encoding == HLL_SPARSE || (encoding == HLL_DENSE && value.size == HLL_DENSE_SIZE);
}

bool hll_kept_count(struct bytes value, uint64_t *count)
{
    *count = get_le64(bytes_data(value) + COUNT_AT);
    return *count >> 63 == 0;
}

void hll_init(struct hll *h, struct bytes value, uint64_t sparse_max)
{
    CHECK(hll_is_valid(value));
    *h = (struct hll){.sparse_max = sparse_max, .first = SIZE_MAX};
    buf_append_bytes(&h->image, value);
}

void hll_init_empty(struct hll *h, uint64_t sparse_max)
{
    static const uint8_t empty[HLL_HEADER_SIZE + 2] = {
        'H', 'Y', 'L', 'L', HLL_SPARSE, [HLL_HEADER_SIZE] = 0x7f, 0xff};
    hll_init(h, bytes_of(empty, sizeof(empty)), sparse_max);
    h->rewritten = true;
}

void hll_clear(struct hll *h)
{
    buf_clear(&h->image);
}

static void note_change(struct hll *h, size_t first, size_t last)
{
    h->first = MIN(h->first, first);
    h->last = MAX(h->last, last);
}

void hll_make_stale(struct hll *h)
{
    uint8_t *last = buf_data(&h->image) + HLL_HEADER_SIZE - 1;
    h->became_stale = h->became_stale || (*last & STALE) == 0;
    *last |= STALE;
}

static uint8_t dense_get(const uint8_t *image, uint32_t index)
{
    const size_t at = HLL_HEADER_SIZE + (size_t)index * 6 / 8;
    const unsigned shift = index * 6 % 8;
    unsigned two = image[at];
    if (shift > 2) /* else it ends within its byte, which may be the last */
        two |= (unsigned)image[at + 1] << 8;
    return (uint8_t)(two >> shift & 63);
}

static void dense_set(uint8_t *image, uint32_t index, uint8_t value)
{
    const size_t at = HLL_HEADER_SIZE + (size_t)index * 6 / 8;
    const unsigned shift = index * 6 % 8, bits = value;
    image[at] = (uint8_t)((image[at] & ~(63u << shift)) | bits << shift);
    if (shift > 2)
        image[at + 1] = (uint8_t)((image[at + 1] & ~(63u >> (8 - shift))) | bits >> (8 - shift));
}

static enum hll_result dense_raise(struct hll *h, uint32_t index, uint8_t value)
{
    uint8_t *image = buf_data(&h->image);
    if (dense_get(image, index) >= value)
        return HLL_SAME;
    dense_set(image, index, value);
    const size_t at = HLL_HEADER_SIZE + (size_t)index * 6 / 8;
    note_change(h, at, at + (index * 6 % 8 > 2));
    return HLL_CHANGED;
}

/* --- sparse runs ------------------------------------------------------------------------------ */

bool hll_next_run(struct bytes value, size_t *offset, struct hll_run *run, bool *corrupt)
{
    const size_t at = MAX(*offset, (size_t)HLL_HEADER_SIZE);
    *corrupt = false;
    if (at >= value.size)
        return false;
    const uint8_t *p = bytes_data(value) + at;
    *run = (struct hll_run){.offset = at, .size = 1};
    if (*p & 0x80) {
        run->count = (*p & 3u) + 1;
        run->value = (uint8_t)((*p >> 2 & 31) + 1);
    } else if (*p & 0x40) {
        *corrupt = at + 1 == value.size;
        if (*corrupt)
            return false;
        run->size = 2;
        run->count = ((*p & 63u) << 8 | p[1]) + 1;
    } else {
        run->count = (*p & 63u) + 1;
    }
    *offset = at + run->size;
    return true;
}

static uint8_t *write_zeros(uint8_t *to, uint32_t count)
{
    if (count == 0)
        return to;
    if (count <= ZERO_RUN_MAX) {
        *to++ = (uint8_t)(count - 1);
        return to;
    }
    *to++ = (uint8_t)(0x40 | (count - 1) >> 8);
    *to++ = (uint8_t)(count - 1);
    return to;
}

static uint8_t *write_values(uint8_t *to, uint8_t value, uint32_t count)
{
    if (count > 0)
        *to++ = (uint8_t)(0x80 | (value - 1u) << 2 | (count - 1));
    return to;
}

/* Makes the old_size bytes at offset those of with. */
static void splice(struct hll *h, size_t offset, size_t old_size, struct bytes with)
{
    const size_t behind = h->image.size - offset - old_size;
    if (with.size > old_size) {
        buf_reserve(&h->image, with.size - old_size);
        buf_commit(&h->image, with.size - old_size);
    }
    uint8_t *at = buf_data(&h->image) + offset;
    memmove(at + with.size, at + old_size, behind);
    memcpy(at, with.data, with.size);
    buf_truncate(&h->image, offset + with.size + behind);
    h->rewritten = true;
}

/* From the run at offset on, equal values beside each other become one run where it can hold them.
 * Looks at as many runs as Redis, so that the same bytes come out. */
static void merge_runs(struct hll *h, size_t offset)
{
    for (int i = 0; i < MERGE_RUNS; i++) {
        struct hll_run a, b;
        bool corrupt;
        size_t next = offset;
        if (!hll_next_run(buf_bytes(&h->image), &next, &a, &corrupt))
            return;
        const size_t behind = next;
        const bool joins = a.value > 0 &&
                           hll_next_run(buf_bytes(&h->image), &next, &b, &corrupt) &&
                           a.value == b.value && a.count + b.count <= VALUE_RUN_MAX;
        if (joins) {
            uint8_t joined[1];
            write_values(joined, a.value, a.count + b.count);
            splice(h, a.offset, 2, bytes_of(joined, 1));
        } else {
            offset = behind;
        }
    }
}

/* The run that covers index, the registers before it, and where the run before begins. */
static bool find_run(struct bytes image, uint32_t index, struct hll_run *run, uint32_t *before,
                     size_t *previous)
{
    size_t offset = 0;
    bool corrupt;
    *before = 0;
    *previous = HLL_HEADER_SIZE;
    while (hll_next_run(image, &offset, run, &corrupt)) {
        if (index < *before + run->count)
            return true;
        *before += run->count;
        *previous = run->offset;
    }
    return false;
}

static enum hll_result sparse_raise(struct hll *h, uint32_t index, uint8_t value)
{
    struct hll_run run;
    uint32_t before;
    size_t previous;
    if (!find_run(buf_bytes(&h->image), index, &run, &before, &previous))
        return HLL_CORRUPT;
    if (run.value >= value)
        return HLL_SAME;

    uint8_t runs[5], *end = runs;
    const uint32_t left = index - before, right = run.count - left - 1;
    end = run.value == 0 ? write_zeros(end, left) : write_values(end, run.value, left);
    end = write_values(end, value, 1);
    end = run.value == 0 ? write_zeros(end, right) : write_values(end, run.value, right);
    const size_t size = (size_t)(end - runs);
    if (size > run.size && h->image.size + size - run.size > h->sparse_max) {
        if (!hll_make_dense(h))
            return HLL_CORRUPT;
        return dense_raise(h, index, value);
    }
    splice(h, run.offset, run.size, bytes_of(runs, size));
    merge_runs(h, previous);
    return HLL_CHANGED;
}

/* --- both ------------------------------------------------------------------------------------- */

enum hll_result hll_raise(struct hll *h, uint32_t index, uint8_t value)
{
    CHECK(index < HLL_REGISTERS);
    CHECK(value < 64);
    if (hll_encoding_of(buf_bytes(&h->image)) == HLL_SPARSE) {
        if (value <= SPARSE_VALUE_MAX)
            return sparse_raise(h, index, value);
        if (!hll_make_dense(h))
            return HLL_CORRUPT;
    }
    return dense_raise(h, index, value);
}

enum hll_result hll_add(struct hll *h, struct bytes element)
{
    const uint64_t hash = murmur(element);
    const uint64_t rest = hash >> INDEX_BITS | (uint64_t)1 << RANK_BITS;
    return hll_raise(h, (uint32_t)(hash % HLL_REGISTERS), (uint8_t)(__builtin_ctzll(rest) + 1));
}

bool hll_make_dense(struct hll *h)
{
    const struct bytes old = buf_bytes(&h->image);
    if (hll_encoding_of(old) == HLL_DENSE)
        return true;
    uint8_t registers[HLL_REGISTERS] = {0};
    if (!hll_merge(old, registers))
        return false;
    struct buf dense = {0};
    uint8_t *image = buf_reserve(&dense, HLL_DENSE_SIZE);
    memset(image, 0, HLL_DENSE_SIZE);
    memcpy(image, old.data, HLL_HEADER_SIZE);
    image[4] = HLL_DENSE;
    for (uint32_t i = 0; i < HLL_REGISTERS; i++)
        dense_set(image, i, registers[i]);
    buf_commit(&dense, HLL_DENSE_SIZE);
    buf_clear(&h->image);
    h->image = dense;
    h->rewritten = true;
    return true;
}

bool hll_merge(struct bytes value, uint8_t registers[static HLL_REGISTERS])
{
    if (hll_encoding_of(value) == HLL_DENSE) {
        for (uint32_t i = 0; i < HLL_REGISTERS; i++)
            registers[i] = MAX(registers[i], dense_get(value.data, i));
        return true;
    }
    uint32_t index = 0;
    size_t offset = 0;
    struct hll_run run;
    bool corrupt;
    while (hll_next_run(value, &offset, &run, &corrupt)) {
        if (run.count > HLL_REGISTERS - index)
            return false;
        if (run.value == 0) {
            index += run.count;
            continue;
        }
        for (uint32_t i = 0; i < run.count; i++, index++)
            registers[index] = MAX(registers[index], run.value);
    }
    return !corrupt && index == HLL_REGISTERS;
}

/* --- the estimate ----------------------------------------------------------------------------- */

/* Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", algorithm 6: what full
 * registers (tau) and empty ones (sigma) stand for. The series are summed until they
 * stand still. */
static double tau(double x)
{
    if (x == 0.0 || x == 1.0)
        return 0.0;
    double before, y = 1.0, z = 1.0 - x;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
    } while (before != z);
    return z / 3.0;
}

static double sigma(double x)
{
    CHECK(x < 1.0);
    double before, y = 1.0, z = x;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

int64_t hll_estimate(const uint8_t registers[static HLL_REGISTERS])
{
    static const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    const double m = HLL_REGISTERS;
    uint32_t histogram[64] = {0};
    for (uint32_t i = 0; i < HLL_REGISTERS; i++)
        histogram[registers[i] & 63]++;
    if (histogram[0] == HLL_REGISTERS)
        return 0;
    double z = m * tau((m - histogram[RANK_BITS + 1]) / m);
    for (int i = RANK_BITS; i >= 1; i--)
        z = (z + histogram[i]) * 0.5;
    z += m * sigma(histogram[0] / m);
    const double estimate = alpha * m * m / z;
    if (!(estimate < 0x1p63)) /* no hashes give that; Redis on amd64 shows it as this number */
        return INT64_MIN;
    return llround(estimate);
}
