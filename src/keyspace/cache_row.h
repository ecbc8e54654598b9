/* cache_row.h -- one row of the cache in memory, for cache_rows.h.
 *
 *     inside    sizes  epoch  marks | key | value
 *     outside   sizes  epoch  marks | key | pointer --> row_bytes | value
 *
 * There are millions of them, so they are small: 16 bytes beside key and value. What only dirty
 * rows need, their places in level and group, stands in piles there (sorted.h); how much memory a
 * row has follows from its sizes, by the allocator's classes. */

#ifndef KEYSPACE_CACHE_ROW_H
#define KEYSPACE_CACHE_ROW_H

#include "base/bytes.h"
#include "keyspace/table.h"

struct row {
    struct node node;
    uint32_t value_size;
    uint32_t epoch_low;
    uint16_t epoch_high;
    bool is_absent : 1;   /* there is no such row */
    bool is_outside : 1;  /* the value has memory of its own */
    bool : 0;
    bool is_dirty : 1;    /* not in the store, or not yet known to be */
    bool is_replaced : 1; /* not in the table any more: the cut's alone */
    bool is_used : 1;     /* since the clock's hand last passed */
    uint8_t key[];        /* and the value behind it, or a pointer to its struct outside */
};

struct outside {
    size_t row_bytes; /* that the row takes, made for a smaller value */
    uint8_t value[];
};

#define TABLE_BYTES ((size_t)14) /* of the table for each row, about */

static inline struct bytes row_key(const struct row *row)
{
    return bytes_of(row->key, row->node.key_size);
}

static inline struct row *row_of(struct node *n)
{
    return n == NULL ? NULL : container_of(n, struct row, node);
}

static inline uint64_t row_epoch(const struct row *row)
{
    return (uint64_t)row->epoch_high << 32 | row->epoch_low;
}

static inline struct outside *row_outside(const struct row *row)
{
    struct outside *outside;
    memcpy(&outside, row->key + row->node.key_size, sizeof(outside));
    return outside;
}

static inline uint8_t *row_value(const struct row *row)
{
    return row->is_outside ? row_outside(row)->value
                           : (uint8_t *)row->key + row->node.key_size;
}

/* What the allocator takes for size bytes: classes 16 apart, above 128 four to a doubling. */
static inline size_t memory_class(size_t size)
{
    size_t step = 16;
    if (size > 128)
        step = (size_t)1 << (61 - __builtin_clzll(size - 1));
    return (size + step - 1) & ~(step - 1);
}

/* A value inside leaves room for a pointer to one outside. */
static inline size_t row_bytes_inside(size_t key_size, size_t value_size)
{
    return memory_class(offsetof(struct row, key) + key_size +
                        MAX(value_size, sizeof(struct outside *)));
}

static inline size_t row_bytes(const struct row *row)
{
    if (!row->is_outside)
        return TABLE_BYTES + row_bytes_inside(row->node.key_size, row->value_size);
    return TABLE_BYTES + row_outside(row)->row_bytes +
           memory_class(sizeof(struct outside) + row->value_size);
}

#endif
