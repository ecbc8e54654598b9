/* cache.c -- rows in memory: get, put, del, savepoints, eviction. What rows, epochs and levels are
 * stands in cache_rows.h; cuts and ranges are in cache_cut.c, walks in cache_cursor.c, what small
 * ones read of the store in cache_image.c. */

#include "keyspace/cache_rows.h"

#include <stdlib.h>

#include "base/encode.h"

#define CLEAN_PER_TURN 64   /* rows, and 1/1024 of the cut: 30 us for a million */
#define EVICT_PER_TURN 512  /* buckets looked at, */
#define SWEEP_PER_TURN 128  /* for void rows alone, */
#define SAVEPOINT_ROW ((size_t)128) /* what a row takes beside its keys and values, about */
#define EVICT_PER_TURN_MAX (16 * EVICT_PER_TURN) /* when memory runs away */

static void set_epoch(struct row *row, uint64_t epoch)
{
    row->epoch_low = (uint32_t)epoch;
    row->epoch_high = (uint16_t)(epoch >> 32);
    CHECK(row_epoch(row) == epoch); /* 48 bits: a million a second for nine years */
}

static struct row *row_new(struct cache *c, struct bytes key, size_t value_size)
{
    CHECK(key.size > 0);
    CHECK(key.size <= CACHE_KEY_MAX);
    CHECK(value_size <= CACHE_VALUE_MAX);
    struct row *row = xmalloc(row_bytes_inside(key.size, value_size));
    *row = (struct row){
        .node = {(uint32_t)key.size},
        .value_size = (uint32_t)value_size,
        .is_used = true,
    };
    set_epoch(row, c->epoch);
    memcpy(row->key, key.data, key.size);
    c->bytes += row_bytes(row);
    return row;
}

void row_free(struct cache *c, struct row *row)
{
    c->bytes -= row_bytes(row);
    if (row->is_outside)
        free(row_outside(row));
    free(row);
}

static struct row *find(const struct cache *c, struct bytes key, uint32_t hash)
{
    struct node **slot = table_find(&c->table, key, hash);
    return slot == NULL ? NULL : row_of(*slot);
}

struct cache *cache_new(struct kv *kv, size_t size_bytes)
{
    struct cache *c = xcalloc(1, sizeof(*c));
    c->kv = kv;
    c->size_bytes = size_bytes;
    c->epoch = 1;
    c->fresh_version = UINT64_MAX;
    table_init(&c->table, offsetof(struct row, key));
    level_init(&c->level);
    return c;
}

/* Frees all rows of the table but those that the running cut owns. */
static void free_rows(struct cache *c)
{
    for (size_t bucket = 0; bucket < table_bucket_count(&c->table); bucket++)
        for (size_t place = table_bucket_size(&c->table, bucket); place-- > 0;) {
            struct row *row = row_of(*table_slot(&c->table, bucket, place));
            if (!row_is_frozen(c, row))
                row_free(c, row);
        }
    table_clear(&c->table);
    level_clear(&c->level);
}

/* The cut, if one runs, becomes an orphan: it keeps its rows and the bytes of its ranges. */
static void forget_all(struct cache *c)
{
    CHECK(c->savepoint_epoch == 0);
    if (c->cut != NULL && c->cut->is_ingested)
        cache_clean_some(c, SIZE_MAX);
    free_rows(c);
    struct range *ranges = c->ranges;
    const size_t range_count = c->range_count;
    c->ranges = NULL;
    c->range_count = 0;
    c->range_epoch = 0;
    if (c->cut != NULL) {
        c->cut->is_orphan = true;
        c->cut->orphan_ranges = ranges;
        c->cut->orphan_range_count = range_count;
        c->cut = NULL;
    } else {
        for (size_t i = 0; i < range_count; i++) {
            buf_clear(&ranges[i].from);
            buf_clear(&ranges[i].to);
        }
        free(ranges);
    }
    c->bytes = c->dirty_bytes = c->frozen_bytes = 0;
    c->hand = 0;
    c->fresh_version = UINT64_MAX;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    CHECK(c->cut == NULL || c->cut->is_ingested);
    forget_all(c);
    buf_clear(&c->undo);
    buf_clear(&c->loaded);
    free(c);
}

void cache_reset(struct cache *c, struct kv *kv)
{
    forget_all(c);
    c->kv = kv;
    table_init(&c->table, offsetof(struct row, key));
    level_init(&c->level);
}

void cache_resize(struct cache *c, size_t size_bytes)
{
    c->size_bytes = size_bytes;
}

void cache_set_read_only(struct cache *c, bool read_only)
{
    c->read_only = read_only;
}

void cache_set_fresh_version(struct cache *c, uint64_t version)
{
    c->fresh_version = version;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_fresh_item(const struct cache *c, struct bytes key)
{
    return key.size >= 9 && bytes_data(key)[0] == 'I' &&
           get_be64(bytes_data(key) + 1) >= c->fresh_version;
}

void cache_read_failed(const struct error *e)
{
    if (e->status == STATUS_CORRUPT)
        panic("the state is damaged: %s. Start this node again: it makes its state anew from its"
              " log or from another member", e->text);
    panic("cannot read the state: %s. Look after the disk, then start it again; if a row stays"
          " unreadable, remove the folder 'state' alone: it is made anew from another member",
          e->text);
}

struct row *row_keep(struct cache *c, struct bytes key, uint32_t hash, size_t value_size)
{
    struct row *row = row_new(c, key, value_size);
    table_insert(&c->table, &row->node, hash);
    return row;
}

/* Who looks for a row that is not there mostly makes it next, so absence is kept only of what is
 * asked for again. A hash that was found so lately says that. */
static bool is_asked_again(struct cache *c, uint32_t hash)
{
    uint32_t *noted = &c->absent[hash % ARRAY_COUNT(c->absent)];
    const bool is_again = *noted == hash;
    *noted = hash;
    return is_again;
}

/* Reads a row that the table does not have, and keeps it there. NULL: it is absent; this is kept,
 * as a row, when the store was asked for it before. */
static struct row *load(struct cache *c, struct bytes key, uint32_t hash)
{
    if (is_fresh_item(c, key) || cache_range_above_store(c, key) != NULL)
        return NULL;
    struct error e;
    const enum status status = kv_get(c->kv, key, &c->loaded, &e);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        cache_read_failed(&e);
    if (status == STATUS_NOT_FOUND && !is_asked_again(c, hash))
        return NULL;
    const struct bytes value = status == STATUS_OK ? buf_bytes(&c->loaded) : BYTES_NONE;
    struct row *row = row_keep(c, key, hash, value.size);
    row->is_absent = status == STATUS_NOT_FOUND;
    if (value.size > 0)
        memcpy(row_value(row), value.data, value.size);
    return row;
}

bool cache_get(struct cache *c, struct bytes key, struct bytes *value)
{
    const uint32_t hash = table_hash(key);
    struct row *row = find(c, key, hash);
    if (row != NULL) {
        c->hits++;
        row->is_used = true;
    } else {
        c->misses++;
        row = load(c, key, hash);
    }
    if (row == NULL || row->is_absent || row_is_void(c, row)) {
        *value = BYTES_NONE;
        return false;
    }
    *value = bytes_of(row_value(row), row->value_size);
    return true;
}

/* --- changing -------------------------------------------------------------------------------- */

/* What is left of a change when the new value has been written, which may be borrowed from what the
 * row was before. */
struct change {
    struct row *old;             /* is in the table no more */
    struct outside *old_outside; /* was the value's memory, */
    struct outside *outside;     /* and this is it now; the row does not point at it yet */
};

static uint8_t *value_room(const struct row *row, const struct change *change)
{
    return change->outside != NULL ? change->outside->value : row_value(row);
}

static void end_change(struct cache *c, struct row *row, const struct change *change)
{
    if (change->outside != NULL) {
        row->is_outside = true;
        memcpy(row->key + row->node.key_size, &change->outside, sizeof(change->outside));
    }
    if (change->old != NULL)
        row_free(c, change->old);
    free(change->old_outside);
}

/* The memory that the row has is what a value of value_size would be given. */
static bool fits(const struct row *row, size_t value_size)
{
    if (value_size == row->value_size)
        return true;
    if (row->is_outside)
        return memory_class(sizeof(struct outside) + value_size) ==
               memory_class(sizeof(struct outside) + row->value_size);
    return row_bytes_inside(row->node.key_size, value_size) ==
           row_bytes_inside(row->node.key_size, row->value_size);
}

/* A dirty row's node stays where it is, the level's piles point at it; its value moves out. */
static void move_value(struct cache *c, struct row *row, size_t value_size, struct change *change)
{
    CHECK(value_size <= CACHE_VALUE_MAX);
    const size_t before = row_bytes(row);
    struct outside *outside = xmalloc(memory_class(sizeof(*outside) + value_size));
    change->outside = outside;
    change->old_outside = row->is_outside ? row_outside(row) : NULL;
    outside->row_bytes = row->is_outside
                             ? row_outside(row)->row_bytes
                             : row_bytes_inside(row->node.key_size, row->value_size);
    const size_t bytes = TABLE_BYTES + outside->row_bytes +
                         memory_class(sizeof(*outside) + value_size);
    c->bytes += bytes - before; /* wraps around where it has shrunk, and back */
    c->dirty_bytes += bytes - before;
}

static void become_dirty(struct cache *c, struct row *row)
{
    row->is_dirty = true;
    c->dirty_bytes += row_bytes(row);
    level_add(&c->level, row);
}

/* Puts a new row in the slot of an old one, or where there was none. */
static struct row *replace(struct cache *c, struct node **slot, struct bytes key, uint32_t hash,
                           size_t value_size)
{
    struct row *row = row_new(c, key, value_size);
    if (slot == NULL)
        table_insert(&c->table, &row->node, hash);
    else
        *slot = &row->node;
    become_dirty(c, row);
    return row;
}

/* The row of key, dirty, of the present epoch, with room for value_size bytes. */
static struct row *row_to_change(struct cache *c, struct bytes key, size_t value_size,
                                 struct change *change)
{
    const uint32_t hash = table_hash(key);
    struct node **slot = table_find(&c->table, key, hash);
    struct row *row = slot == NULL ? NULL : row_of(*slot);
    if (row == NULL) {
        row = replace(c, slot, key, hash, value_size);
    } else if (row_is_frozen(c, row)) {
        row->is_replaced = true; /* by which it is the cut's alone */
        row = replace(c, slot, key, hash, value_size);
    } else if (row->is_dirty) {
        if (!fits(row, value_size))
            move_value(c, row, value_size, change);
    } else if (fits(row, value_size) && !row->is_outside) {
        become_dirty(c, row);
    } else {
        change->old = row;
        row = replace(c, slot, key, hash, value_size);
    }
    set_epoch(row, c->epoch);
    row->is_used = true;
    row->is_absent = false;
    row->value_size = (uint32_t)value_size;
    return row;
}

/* value_size: of what the row is about to hold, 0 when it goes. */
static void remember(struct cache *c, struct bytes key, size_t value_size)
{
    const uint32_t hash = table_hash(key);
    struct row *row = find(c, key, hash);
    if (row != NULL && row->is_dirty && row_epoch(row) >= c->savepoint_epoch) {
        c->savepoint_bytes += value_size;
        c->savepoint_bytes -= row->value_size;
        return; /* is remembered as it was before its first change */
    }
    c->savepoint_bytes += SAVEPOINT_ROW + 2 * key.size + value_size;
    if (row == NULL)
        row = load(c, key, hash);
    const bool is_there = row != NULL && !row->is_absent && !row_is_void(c, row);
    buf_append_u8(&c->undo, is_there);
    buf_append_le32(&c->undo, (uint32_t)key.size);
    buf_append_bytes(&c->undo, key);
    if (!is_there)
        return;
    buf_append_le32(&c->undo, row->value_size);
    buf_append(&c->undo, row_value(row), row->value_size);
    c->savepoint_bytes += row->value_size;
}

static void before_change(struct cache *c, struct bytes key, size_t value_size)
{
    CHECK(!c->read_only);
    if (c->savepoint_epoch != 0)
        remember(c, key, value_size);
}

void cache_put(struct cache *c, struct bytes key, struct bytes value)
{
    before_change(c, key, value.size);
    struct change change = {0};
    struct row *row = row_to_change(c, key, value.size, &change);
    if (value.size > 0)
        memmove(value_room(row, &change), value.data, value.size);
    end_change(c, row, &change);
}

uint8_t *cache_put_space(struct cache *c, struct bytes key, size_t value_size)
{
    before_change(c, key, value_size);
    struct change change = {0};
    struct row *row = row_to_change(c, key, value_size, &change);
    end_change(c, row, &change);
    return row_value(row);
}

void cache_del(struct cache *c, struct bytes key)
{
    before_change(c, key, 0);
    struct change change = {0};
    struct row *row = row_to_change(c, key, 0, &change);
    row->is_absent = true;
    end_change(c, row, &change);
}

/* --- savepoints ------------------------------------------------------------------------------ */

void cache_savepoint_begin(struct cache *c)
{
    CHECK(c->savepoint_epoch == 0);
    CHECK(buf_bytes(&c->undo).size == 0);
    c->savepoint_epoch = ++c->epoch;
    c->savepoint_bytes = 0;
}

size_t cache_savepoint_bytes(const struct cache *c)
{
    CHECK(c->savepoint_epoch != 0);
    return c->savepoint_bytes;
}

void cache_savepoint_end(struct cache *c)
{
    CHECK(c->savepoint_epoch != 0);
    c->savepoint_epoch = 0;
    buf_reset(&c->undo);
}

/* Every row stands in undo once, so their order does not matter. */
void cache_savepoint_roll_back(struct cache *c)
{
    CHECK(c->savepoint_epoch != 0);
    c->savepoint_epoch = 0;
    struct reader r;
    reader_init(&r, buf_bytes(&c->undo));
    while (reader_left(&r) > 0) {
        const bool is_there = reader_u8(&r);
        const struct bytes key = reader_bytes(&r, reader_le32(&r));
        if (is_there)
            cache_put(c, key, reader_bytes(&r, reader_le32(&r)));
        else
            cache_del(c, key);
    }
    CHECK(!r.failed);
    buf_reset(&c->undo);
}

/* --- eviction -------------------------------------------------------------------------------- */

/* Looks at one bucket: void rows go, and, while memory is short, rows unused since the last lap. */
static void evict_bucket(struct cache *c, bool is_short)
{
    for (size_t place = table_bucket_size(&c->table, c->hand); place-- > 0;) {
        struct row *row = row_of(*table_slot(&c->table, c->hand, place));
        const bool is_cold = is_short && (!row->is_used || c->size_bytes == 0);
        if (!row->is_dirty && (is_cold || row_is_void(c, row))) {
            table_remove_at(&c->table, c->hand, place);
            row_free(c, row);
            c->evictions++;
        } else if (is_short) {
            row->is_used = false;
        }
    }
    if (++c->hand >= table_bucket_count(&c->table)) {
        c->hand = 0;
        c->lap++;
    }
}

static size_t count_ranges(const struct cache *c, enum range_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < c->range_count; i++)
        count += c->ranges[i].state == state;
    return count;
}

static void evict(struct cache *c)
{
    const bool sweeping = count_ranges(c, RANGE_SWEEPING) > 0;
    const bool runs_away = c->bytes > c->size_bytes + c->size_bytes / 8;
    size_t left = runs_away ? EVICT_PER_TURN_MAX : EVICT_PER_TURN;
    if (c->size_bytes == 0)
        left = 2 * table_bucket_count(&c->table); /* nothing that is clean stays */
    for (; left > 0; left--) {
        const bool has_clean = c->bytes > c->dirty_bytes + c->frozen_bytes;
        const bool is_short = has_clean && c->bytes > c->size_bytes;
        if (!is_short && !(sweeping && left > EVICT_PER_TURN - SWEEP_PER_TURN))
            break;
        evict_bucket(c, is_short);
    }
}

void cache_turn(struct cache *c)
{
    if (c->cut != NULL)
        cache_clean_some(c, c->size_bytes == 0 ? SIZE_MAX
                                               : CLEAN_PER_TURN + c->cut->level.dirty_count / 1024);
    evict(c);
    cache_forget_swept_ranges(c);
}

bool cache_has_slices(const struct cache *c)
{
    return (c->cut != NULL && c->cut->is_ingested) || count_ranges(c, RANGE_SWEEPING) > 0;
}

bool cache_is_pressed(const struct cache *c)
{
    const bool waits = c->cut != NULL && !c->cut->is_ingested;
    return c->dirty_bytes + (waits ? c->frozen_bytes : 0) > c->size_bytes / 2;
}

void cache_stats(const struct cache *c, struct cache_stats *stats)
{
    *stats = (struct cache_stats){
        .hits = c->hits,
        .misses = c->misses,
        .evictions = c->evictions,
        .rows = c->table.count,
        .bytes = c->bytes,
        .dirty_rows = c->level.dirty_count,
        .dirty_bytes = c->dirty_bytes,
        .frozen_bytes = c->frozen_bytes,
        .size_bytes = c->size_bytes,
        .ranges = count_ranges(c, RANGE_LIVE),
    };
}
