/* hll_image.h -- a HyperLogLog as the bytes of a string, the same bytes as Redis's.
 *
 *     "HYLL" encoding:1 0:3 count:8      count: little-endian; its highest bit says it is stale
 *     dense    16384 registers of 6 bits, from the lowest bit of byte 0 on
 *     sparse   runs:  00nnnnnn            n + 1 registers are 0
 *                     01nnnnnn nnnnnnnn   the same, n of 14 bits
 *                     1vvvvvnn            n + 1 registers are v + 1
 *
 * Functions of bytes alone: no keyspace, no replies. Any bytes may be given; those that are no
 * whole HyperLogLog are told by a return value. A register holds the longest run of zeros, + 1,
 * met among hashes that end in its index (Flajolet et al. 2007); the estimate is Ertl's (2017),
 * which needs only + - * / and square roots, hence is the same number everywhere. */

#ifndef COMMAND_HLL_IMAGE_H
#define COMMAND_HLL_IMAGE_H

#include "base/buf.h"

#define HLL_REGISTERS 16384
#define HLL_HEADER_SIZE 16
#define HLL_DENSE_SIZE (HLL_HEADER_SIZE + HLL_REGISTERS * 6 / 8)
/* No whole sparse one is longer: each run has a register or more. */
#define HLL_IMAGE_MAX (HLL_HEADER_SIZE + HLL_REGISTERS * 2)

enum hll_encoding { HLL_DENSE, HLL_SPARSE };

struct hll {
    struct buf image;          /* owned */
    uint64_t sparse_max;       /* hll-sparse-max-bytes: longer ones become dense */
    size_t first, last;        /* registers' bytes that changed; first > last: none */
    bool became_stale;         /* the header's last byte changed */
    bool rewritten;            /* any bytes may have changed, and the size */
};

/* Whether value has the header of one, and a dense one its size. */
bool hll_is_valid(struct bytes value);
static inline enum hll_encoding hll_encoding_of(struct bytes value)
{
    return bytes_data(value)[4] == 0 ? HLL_DENSE : HLL_SPARSE;
}

/* A copy of value, which is valid; or an empty one. Clear both. */
void hll_init(struct hll *h, struct bytes value, uint64_t sparse_max);
void hll_init_empty(struct hll *h, uint64_t sparse_max);
void hll_clear(struct hll *h);

enum hll_result { HLL_SAME, HLL_CHANGED, HLL_CORRUPT };
enum hll_result hll_add(struct hll *h, struct bytes element);
/* Register index is value or more from now on. */
enum hll_result hll_raise(struct hll *h, uint32_t index, uint8_t value);
/* False: corrupt, and unchanged. */
bool hll_make_dense(struct hll *h);

/* The count kept in the header; false: it is stale. */
bool hll_kept_count(struct bytes value, uint64_t *count);
void hll_make_stale(struct hll *h);

/* registers[i] = max(registers[i], value's). False: corrupt. */
bool hll_merge(struct bytes value, uint8_t registers[static HLL_REGISTERS]);
int64_t hll_estimate(const uint8_t registers[static HLL_REGISTERS]);

/* One run of a sparse one. *offset: 0 for the first, moves behind it; false at the end, and with
 * *corrupt where a run is cut off. */
struct hll_run {
    size_t offset, size;
    uint32_t count;
    uint8_t value;
};
bool hll_next_run(struct bytes value, size_t *offset, struct hll_run *run, bool *corrupt);

#endif
