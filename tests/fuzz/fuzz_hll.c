/* fuzz_hll.c -- what holds for any bytes that a string may hold when it is called a HyperLogLog
 * (SET and RESTORE let anybody write them):
 *   - no function reads or writes beyond them (ASan looks), and each ends;
 *   - adding to what is whole is never corrupt, keeps it whole and no shorter than an empty one;
 *   - what is whole has the same registers sparse and dense; a register never falls. */

#include "fuzz.h"

#include "base/panic.h"
#include "command/hll_image.h"

const char fuzz_corpus[] = "hll";
const uint64_t fuzz_rounds = 100000;
const char *const fuzz_words[] = {
    "HYLL\x01", "HYLL", "\x7f\xff", "\x7f\xfe", "\x40\x01", "\x3f", "\x80", "\xff", "\x84",
    "\x80\x80", "\x83", "\x88\x88", "\x7f", "\x40", "\x01", NULL,
};

#define ADDED 3

/* data says what is added too. False: it is corrupt. */
static bool add_some(struct hll *h, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < ADDED; i++) {
        const size_t from = size * i / ADDED;
        if (hll_add(h, bytes_of(data + from, MIN(size - from, 3 * i))) == HLL_CORRUPT)
            return false;
        const uint32_t index = (uint32_t)(i * 523 + data[from]) % HLL_REGISTERS;
        if (hll_raise(h, index, (uint8_t)(1 + data[from] % 51)) == HLL_CORRUPT)
            return false;
        hll_make_stale(h);
        CHECK(hll_is_valid(buf_bytes(&h->image)));
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes input = bytes_of(data, size);
    if (!hll_is_valid(input))
        return 0;
    uint8_t before[HLL_REGISTERS] = {0}, after[HLL_REGISTERS] = {0}, dense[HLL_REGISTERS] = {0};
    const bool was_whole = hll_merge(input, before);
    if (was_whole)
        hll_estimate(before);

    struct hll h;
    hll_init(&h, input, data[size - 1] % 2 == 0 ? 3000 : size + 4);
    const bool added = add_some(&h, data, size);
    CHECK(added || !was_whole);
    if (was_whole) {
        const bool is_whole = hll_merge(buf_bytes(&h.image), after);
        CHECK(is_whole);
        for (uint32_t i = 0; i < HLL_REGISTERS; i++)
            CHECK(after[i] >= before[i]);
        const bool was_dense = hll_encoding_of(buf_bytes(&h.image)) == HLL_DENSE;
        hll_make_dense(&h);
        CHECK(h.image.size == HLL_DENSE_SIZE);
        if (was_dense)
            memcpy(dense, after, sizeof(dense));
        else
            hll_merge(buf_bytes(&h.image), dense);
        CHECK(memcmp(after, dense, sizeof(dense)) == 0);
    } else {
        hll_make_dense(&h);
    }
    hll_clear(&h);
    return 0;
}
