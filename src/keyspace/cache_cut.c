/* cache_cut.c -- levels of dirty rows, cuts, and range tombstones.
 *
 *   RANGES   del_range         cut           clean              the hand's next full lap
 *            -------> LIVE ---------> FROZEN ----> SWEEPING --------------------> forgotten
 *
 * LIVE and FROZEN hide the store's rows; all three make older rows in the table void. */

#include "keyspace/cache_rows.h"

#include <stdlib.h>

#include "base/encode.h"

#define BUCKET_COST ((size_t)32) /* of its groups, in rows that are cleaned */

/* --- levels ---------------------------------------------------------------------------------- */

void level_init(struct level *l)
{
    *l = (struct level){0};
    table_init(&l->groups, offsetof(struct group, key));
}

static struct group *group_of(struct node *n)
{
    return container_of(n, struct group, node);
}

static void free_groups(struct table *groups, size_t bucket)
{
    for (size_t place = table_bucket_size(groups, bucket); place-- > 0;) {
        struct group *group = group_of(*table_slot(groups, bucket, place));
        table_remove_at(groups, bucket, place);
        sorted_clear(&group->rows);
        free(group);
    }
}

void level_clear(struct level *l)
{
    for (size_t bucket = 0; bucket < table_bucket_count(&l->groups); bucket++)
        free_groups(&l->groups, bucket);
    table_clear(&l->groups);
    pile_clear(&l->dirty);
    sorted_clear(&l->order);
    *l = (struct level){0};
}

/* Items: "I" version space, so that a walk of scores does not sort members. Keys: "K" db and 12
 * bits of the slot. Expiry: "X" and a deadline cut to 65 s. */
size_t group_prefix_size(struct bytes key)
{
    if (key.size == 0)
        return 0;
    size_t size = 1;
    switch (bytes_data(key)[0]) {
    case 'I': size = 10; break;
    case 'K': size = 8; break;
    case 'X': size = 7; break;
    }
    return MIN(size, key.size);
}

struct group *level_group(const struct level *l, struct bytes key)
{
    const struct bytes prefix = bytes_of(key.data, group_prefix_size(key));
    if (prefix.size == 0)
        return NULL;
    struct node **slot = table_find(&l->groups, prefix, table_hash(prefix));
    return slot == NULL ? NULL : group_of(*slot);
}

static struct group *level_make_group(struct level *l, struct bytes prefix)
{
    struct group *group = xmalloc(sizeof(*group) + prefix.size);
    *group = (struct group){.node = {(uint32_t)prefix.size}};
    memcpy(group->key, prefix.data, prefix.size);
    table_insert(&l->groups, &group->node, table_hash(prefix));
    sorted_add(&l->order, &group->node);
    return group;
}

void level_add(struct level *l, struct row *row)
{
    pile_add(&l->dirty, &row->node);
    l->dirty_count++;
    const struct bytes key = row_key(row);
    const struct bytes prefix = bytes_of(key.data, group_prefix_size(key));
    if (l->last == NULL ||
        !bytes_equal(bytes_of(l->last->key, l->last->node.key_size), prefix)) {
        l->last = level_group(l, key);
        if (l->last == NULL)
            l->last = level_make_group(l, prefix);
    }
    sorted_add(&l->last->rows, &row->node);
}

/* --- range tombstones ------------------------------------------------------------------------ */

static bool covers(struct bytes from, struct bytes to, struct bytes key)
{
    return bytes_compare(from, key) <= 0 && bytes_compare(key, to) < 0;
}

bool cache_range_voids(const struct cache *c, const struct row *row)
{
    for (size_t i = 0; i < c->range_count; i++) {
        const struct range *r = &c->ranges[i];
        if (row_epoch(row) <= r->epoch &&
            covers(buf_bytes(&r->from), buf_bytes(&r->to), row_key(row)))
            return true;
    }
    return false;
}

const struct range *cache_range_above_store(const struct cache *c, struct bytes key)
{
    for (size_t i = 0; i < c->range_count; i++) {
        const struct range *r = &c->ranges[i];
        if (r->state != RANGE_SWEEPING && covers(buf_bytes(&r->from), buf_bytes(&r->to), key))
            return r;
    }
    return NULL;
}

size_t cache_range_room(const struct cache *c)
{
    return CACHE_RANGES_MAX - c->range_count;
}

void cache_del_range(struct cache *c, struct bytes from, struct bytes to)
{
    CHECK(!c->read_only);
    CHECK(c->savepoint_epoch == 0);
    CHECK(c->range_count < CACHE_RANGES_MAX);
    CHECK(bytes_compare(from, to) < 0);
    c->ranges = xrealloc(c->ranges, (c->range_count + 1) * sizeof(struct range));
    struct range *r = &c->ranges[c->range_count++];
    *r = (struct range){.epoch = c->epoch, .state = RANGE_LIVE};
    buf_append_bytes(&r->from, from);
    buf_append_bytes(&r->to, to);
    c->range_epoch = c->epoch++;
}

static void range_clear(struct range *r)
{
    buf_clear(&r->from);
    buf_clear(&r->to);
}

void cache_forget_swept_ranges(struct cache *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->range_count; i++) {
        struct range *r = &c->ranges[i];
        if (r->state == RANGE_SWEEPING && c->lap >= r->lap)
            range_clear(r);
        else
            c->ranges[kept++] = *r;
    }
    c->range_count = kept;
    c->range_epoch = kept == 0 ? 0 : c->ranges[kept - 1].epoch;
}

/* --- cuts ------------------------------------------------------------------------------------ */

void cache_set_before_cut(struct cache *c, void (*before_cut)(void *context), void *context)
{
    c->before_cut = before_cut;
    c->before_cut_context = context;
}

static void freeze_ranges(struct cache *c, struct cache_cut *cut)
{
    cut->ranges = xcalloc(c->range_count, sizeof(*cut->ranges));
    cut->kv_ranges = xcalloc(c->range_count, sizeof(*cut->kv_ranges));
    for (size_t i = 0; i < c->range_count; i++) {
        struct range *r = &c->ranges[i];
        if (r->state != RANGE_LIVE)
            continue;
        r->state = RANGE_FROZEN;
        const struct bytes from = buf_bytes(&r->from), to = buf_bytes(&r->to);
        cut->ranges[cut->range_count] = (struct cut_range){from, to, r->epoch};
        cut->kv_ranges[cut->range_count++] = (struct kv_range){from, to};
    }
}

struct cache_cut *cache_cut(struct cache *c)
{
    CHECK(c->cut == NULL || c->cut->is_ingested);
    CHECK(c->savepoint_epoch == 0);
    c->fresh_version = UINT64_MAX;
    if (c->before_cut != NULL)
        c->before_cut(c->before_cut_context);
    cache_clean_some(c, SIZE_MAX);

    struct cache_cut *cut = xcalloc(1, sizeof(*cut));
    cut->level = c->level;
    level_init(&c->level);
    cut->epoch = c->epoch++;
    freeze_ranges(c, cut);
    CHECK(c->frozen_bytes == 0);
    c->frozen_bytes = c->dirty_bytes;
    c->dirty_bytes = 0;
    c->cut = cut;
    return cut;
}

static int compare_cut_rows(const void *a, const void *b)
{
    const struct cut_row *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->head[i] != y->head[i])
            return x->head[i] < y->head[i] ? -1 : 1;
    return bytes_compare(row_key(x->row), row_key(y->row));
}

/* A row older than a range of its own cut is not to be written behind it. */
static bool is_void_in_cut(const struct cache_cut *cut, const struct row *row)
{
    for (size_t i = 0; i < cut->range_count; i++) {
        const struct cut_range *r = &cut->ranges[i];
        if (row_epoch(row) <= r->epoch && covers(r->from, r->to, row_key(row)))
            return true;
    }
    return false;
}

static void take_in(struct cache_cut *cut, const struct row *row)
{
    if (is_void_in_cut(cut, row))
        return;
    uint8_t head[16] = {0}; /* zeros behind a shorter key sort it before, or equal */
    memcpy(head, row->key, MIN(sizeof(head), (size_t)row->node.key_size));
    cut->rows[cut->row_count++] =
        (struct cut_row){.head = {get_be64(head), get_be64(head + 8)}, .row = row};
}

static void sort_cut(struct cache_cut *cut)
{
    cut->is_sorted = true;
    cut->rows = xmalloc(cut->level.dirty_count * sizeof(*cut->rows));
    const struct pile *dirty = &cut->level.dirty;
    for (const struct pile_part *part = dirty->top; part != NULL; part = part->below)
        for (size_t i = 0; i < pile_part_count(dirty, part); i++)
            take_in(cut, row_of(part->nodes[i]));
    qsort(cut->rows, cut->row_count, sizeof(*cut->rows), compare_cut_rows);
}

bool cache_cut_next(struct cache_cut *cut, struct kv_row *row)
{
    if (!cut->is_sorted)
        sort_cut(cut);
    if (cut->next == cut->row_count) {
        free(cut->rows); /* here: giving back so much takes a millisecond */
        cut->rows = NULL;
        return false;
    }
    const struct row *r = cut->rows[cut->next++].row;
    *row = (struct kv_row){
        .key = row_key(r),
        .value = r->is_absent ? BYTES_NONE : bytes_of(row_value(r), r->value_size),
        .deleted = r->is_absent,
    };
    return true;
}

const struct kv_range *cache_cut_ranges(const struct cache_cut *cut, size_t *count)
{
    *count = cut->range_count;
    return cut->kv_ranges;
}

static void cut_free(struct cache_cut *cut)
{
    level_clear(&cut->level);
    for (size_t i = 0; i < cut->orphan_range_count; i++)
        range_clear(&cut->orphan_ranges[i]);
    free(cut->orphan_ranges);
    free(cut->ranges);
    free(cut->kv_ranges);
    free(cut->rows);
    free(cut);
}

/* Its cache was reset: the rows are only the cut's. */
static void free_orphan(struct cache *c, struct cache_cut *cut)
{
    const size_t bytes = c->bytes;
    for (struct row *row; (row = row_of(pile_take(&cut->level.dirty))) != NULL;)
        row_free(c, row);
    c->bytes = bytes; /* counted no more since the reset */
    cut_free(cut);
}

void cache_clean(struct cache *c, struct cache_cut *cut)
{
    if (cut->is_orphan) {
        free_orphan(c, cut);
        return;
    }
    CHECK(cut == c->cut);
    CHECK(!cut->is_ingested);
    cut->is_ingested = true;
    c->ingest_epoch = c->epoch++;
    for (size_t i = 0; i < c->range_count; i++)
        if (c->ranges[i].state == RANGE_FROZEN) {
            c->ranges[i].state = RANGE_SWEEPING;
            c->ranges[i].lap = UINT64_MAX; /* known when all rows are clean */
        }
}

static void clean_row(struct cache *c, struct row *row)
{
    c->frozen_bytes -= row_bytes(row);
    if (row->is_replaced)
        row_free(c, row);
    else
        row->is_dirty = false;
}

static void end_cut(struct cache *c)
{
    for (size_t i = 0; i < c->range_count; i++)
        if (c->ranges[i].state == RANGE_SWEEPING && c->ranges[i].lap == UINT64_MAX)
            c->ranges[i].lap = c->lap + 2; /* one whole lap from here on */
    CHECK(c->frozen_bytes == 0);
    cut_free(c->cut);
    c->cut = NULL;
}

/* Cleans up to limit rows and frees as many groups of a cut that was ingested. */
void cache_clean_some(struct cache *c, size_t limit)
{
    struct cache_cut *cut = c->cut;
    if (cut == NULL || !cut->is_ingested)
        return;
    struct pile *dirty = &cut->level.dirty;
    for (; dirty->top != NULL && limit > 0; limit--)
        clean_row(c, row_of(pile_take(dirty)));
    struct table *groups = &cut->level.groups;
    for (; limit > 0 && cut->group_bucket < table_bucket_count(groups);
         limit -= MIN(limit, BUCKET_COST))
        free_groups(groups, cut->group_bucket++);
    if (dirty->top == NULL && cut->group_bucket == table_bucket_count(groups))
        end_cut(c);
}

void cache_cut_abandon(struct cache *c, struct cache_cut *cut)
{
    if (cut->is_orphan) {
        free_orphan(c, cut);
        return;
    }
    CHECK(cut == c->cut);
    CHECK(!cut->is_ingested);
    for (struct row *row; (row = row_of(pile_take(&cut->level.dirty))) != NULL;) {
        if (row->is_replaced) {
            row_free(c, row);
        } else {
            c->dirty_bytes += row_bytes(row);
            level_add(&c->level, row);
        }
    }
    c->frozen_bytes = 0;
    for (size_t i = 0; i < c->range_count; i++)
        if (c->ranges[i].state == RANGE_FROZEN)
            c->ranges[i].state = RANGE_LIVE;
    cut_free(cut);
    c->cut = NULL;
}
