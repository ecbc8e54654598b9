/* cache_image.c -- what the store has within the bounds of a small walk, as one row of the table.
 *
 * An iterator of the store costs some microseconds to make and a fifth of one for each row; rows of
 * an object that is read as a whole again and again (LRANGE, HGETALL) come from here instead. The
 * image is a clean row under a key that no row of the store has:
 *
 *     key     IMAGE lower upper
 *     value   count:4  ends:4 of (key, value) of each row  keys and values
 *
 * It holds the store's rows alone: those of the levels are merged in by each walk. So it is true
 * as long as nothing was ingested; during a cut, whose level hides what the ingest changes, before
 * as after it. An ingest that ends makes all images stale at once, by epoch (cache_clean), and the
 * next walk makes its own anew. Where the store has more rows than an image takes, an absent one
 * says so. Eviction treats them as any clean row. */

#include "keyspace/cache_rows.h"

#include "base/encode.h"

#define IMAGE 0 /* the first byte of its key: of no table */
#define IMAGE_ROWS_MAX 1024
#define IMAGE_BYTES_MAX ((size_t)64 << 10)
#define IMAGE_BOUNDS_MAX 64 /* bytes of both bounds */

static struct bytes image_key_of(struct kv_range bounds, uint8_t key[static 1 + IMAGE_BOUNDS_MAX])
{
    CHECK(bounds.from.size > 0);
    CHECK(bounds.to.size > 0);
    CHECK(bounds.from.size + bounds.to.size <= IMAGE_BOUNDS_MAX);
    key[0] = IMAGE;
    memcpy(key + 1, bounds.from.data, bounds.from.size);
    memcpy(key + 1 + bounds.from.size, bounds.to.data, bounds.to.size);
    return bytes_of(key, 1 + bounds.from.size + bounds.to.size);
}

/* Appends the rows of the store, each's ends to ends; false: they are too many. */
static bool read_rows(struct cache *c, struct kv_range bounds, struct buf *ends, struct buf *rows)
{
    struct kv_iterator *below = kv_iterate(c->kv, bounds);
    uint32_t count = 0;
    bool is_row = kv_iterator_first(below);
    for (; is_row && count < IMAGE_ROWS_MAX; is_row = kv_iterator_next(below), count++) {
        const struct bytes key = kv_iterator_key(below), value = kv_iterator_value(below);
        if (rows->size + key.size + value.size > IMAGE_BYTES_MAX)
            break;
        buf_append_bytes(rows, key);
        buf_append_le32(ends, (uint32_t)rows->size);
        buf_append_bytes(rows, value);
        buf_append_le32(ends, (uint32_t)rows->size);
    }
    struct error e;
    if (!is_row && kv_iterator_status(below, &e) != STATUS_OK)
        cache_read_failed(&e);
    kv_iterator_free(below);
    return !is_row;
}

static struct row *image_load(struct cache *c, struct kv_range bounds, struct bytes key)
{
    struct buf ends = {0}, rows = {0};
    const bool is_whole = read_rows(c, bounds, &ends, &rows);
    const uint32_t hash = table_hash(key);
    struct row *row;
    if (is_whole) {
        row = row_keep(c, key, hash, 4 + ends.size + rows.size);
        uint8_t *value = row_value(row);
        put_le32(value, (uint32_t)(ends.size / 8));
        if (ends.size > 0) {
            memcpy(value + 4, buf_data(&ends), ends.size);
            memcpy(value + 4 + ends.size, buf_data(&rows), rows.size);
        }
    } else {
        row = row_keep(c, key, hash, 0);
        row->is_absent = true;
    }
    buf_clear(&ends);
    buf_clear(&rows);
    return row;
}

bool cache_image_get(struct cache *c, struct kv_range bounds, struct cache_image *image)
{
    uint8_t memory[1 + IMAGE_BOUNDS_MAX];
    const struct bytes key = image_key_of(bounds, memory);
    const uint32_t hash = table_hash(key);
    struct node **slot = table_find(&c->table, key, hash);
    struct row *row = slot == NULL ? NULL : row_of(*slot);
    if (row != NULL && row_epoch(row) <= c->ingest_epoch) {
        table_remove(&c->table, hash, slot);
        row_free(c, row);
        row = NULL;
    }
    if (row == NULL) {
        c->misses++;
        row = image_load(c, bounds, key);
    } else {
        c->hits++;
        row->is_used = true;
    }
    if (row->is_absent)
        return false;
    image->count = get_le32(row_value(row));
    image->ends = row_value(row) + 4;
    image->rows = image->ends + (size_t)8 * image->count;
    return true;
}

/* Where the i-th key or value ends, counted together; 0: none has begun. */
static uint32_t end_of(const struct cache_image *image, uint32_t i)
{
    return i == 0 ? 0 : get_le32(image->ends + (size_t)4 * (i - 1));
}

static struct bytes part(const struct cache_image *image, uint32_t i)
{
    const uint32_t from = end_of(image, i), to = end_of(image, i + 1);
    return bytes_of(image->rows + from, to - from);
}

struct bytes cache_image_key(const struct cache_image *image, uint32_t i)
{
    CHECK(i < image->count);
    return part(image, 2 * i);
}

struct bytes cache_image_value(const struct cache_image *image, uint32_t i)
{
    CHECK(i < image->count);
    return part(image, 2 * i + 1);
}

uint32_t cache_image_seek(const struct cache_image *image, struct bytes key)
{
    uint32_t low = 0, high = image->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(cache_image_key(image, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
