/* cache_cursor.c -- walks: three sorted sources merged, the newer one hiding equal keys of the
 * older.
 *
 *     level of now  >  level of the running cut  >  store (an iterator, made when first needed;
 *                                                   or the image of few rows, cache_image.c)
 *
 * A level is walked group by group; a group is sorted when the walk comes to it. Positions in a
 * level are kept as long as nothing was added to it (dirty_count), nor sorted in by another walk
 * (changes); else they are found again by the last key. */

#include "keyspace/cache_rows.h"

#include "base/encode.h"

#define GROUP_KEY offsetof(struct group, key)
#define ROW_KEY offsetof(struct row, key)

static const struct level *level_at(const struct cache *c, int i)
{
    if (i == 0)
        return &c->level;
    return c->cut != NULL && !c->cut->is_ingested ? &c->cut->level : NULL;
}

static void replace_bytes(struct buf *b, struct bytes bytes)
{
    buf_reset(b);
    buf_append_bytes(b, bytes);
}

/* Items newer than all of the store's (cache_set_fresh_version): no iterator is needed. */
static bool store_has_none(const struct cache_cursor *cursor)
{
    const struct bytes lower = buf_bytes(&cursor->lower), upper = buf_bytes(&cursor->upper);
    return lower.size >= 9 && upper.size > 0 && bytes_data(lower)[0] == 'I' &&
           bytes_data(upper)[0] == 'I' &&
           get_be64(bytes_data(lower) + 1) >= cursor->cache->fresh_version;
}

static void start_at(struct cache_cursor *cursor, struct bytes key, bool inclusive)
{
    replace_bytes(&cursor->key, key);
    cursor->place = buf_bytes(&cursor->key);
    cursor->inclusive = inclusive;
    cursor->below_is_set = false;
    cursor->levels[0].group = cursor->levels[1].group = NULL;
    cursor->levels[0].is_set = cursor->levels[1].is_set = false;
}

void cache_cursor_open(struct cache *c, struct cache_cursor *cursor, struct bytes lower,
                       struct bytes upper, enum direction direction)
{
    *cursor = (struct cache_cursor){.cache = c, .direction = direction};
    buf_append_bytes(&cursor->lower, lower);
    buf_append_bytes(&cursor->upper, upper);
    start_at(cursor, direction == FORWARD ? lower : upper, direction == FORWARD);
}

void cache_cursor_expect_few(struct cache_cursor *cursor)
{
    CHECK(!cursor->below_is_set);
    cursor->is_small = true;
}

void cache_cursor_seek(struct cache_cursor *cursor, struct bytes from)
{
    const struct bytes lower = buf_bytes(&cursor->lower), upper = buf_bytes(&cursor->upper);
    if (cursor->direction == FORWARD)
        start_at(cursor, bytes_compare(from, lower) < 0 ? lower : from, true);
    else if (upper.size > 0 && bytes_compare(from, upper) >= 0)
        start_at(cursor, upper, false);
    else
        start_at(cursor, from, true);
}

void cache_cursor_close(struct cache_cursor *cursor)
{
    kv_iterator_free(cursor->below);
    buf_clear(&cursor->lower);
    buf_clear(&cursor->upper);
    buf_clear(&cursor->key);
    buf_clear(&cursor->value);
    *cursor = (struct cache_cursor){0};
}

/* An empty key means the end of all rows, not the place before the first. */
static bool from_end(const struct cache_cursor *cursor)
{
    return cursor->direction == BACKWARD && cursor->place.size == 0 && !cursor->inclusive;
}

/* --- one level ------------------------------------------------------------------------------- */

/* Sorting in changes no set's members; so a cut's level may be const to all others. */
static void settle_groups(const struct level *l)
{
    sorted_settle((struct sorted *)&l->order, GROUP_KEY);
}

static struct group *group_at(const struct level *l, struct sorted_position p)
{
    struct node *n = sorted_at(&l->order, p);
    return n == NULL ? NULL : container_of(n, struct group, node);
}

/* The group behind (before) the place of key; key's own group left out. is_from_end: the last. */
static struct group *other_group(const struct level *l, struct bytes key, bool is_from_end,
                                 enum direction direction)
{
    settle_groups(l);
    if (is_from_end) {
        struct sorted_position end = {l->order.chunk_count, 0};
        return sorted_step_back(&l->order, &end) ? group_at(l, end) : NULL;
    }
    const struct bytes prefix = bytes_of(key.data, group_prefix_size(key));
    struct sorted_position p = sorted_seek(&l->order, prefix, GROUP_KEY);
    if (direction == BACKWARD)
        return sorted_step_back(&l->order, &p) ? group_at(l, p) : NULL;
    struct group *group = group_at(l, p);
    if (group != NULL && bytes_equal(bytes_of(group->key, group->node.key_size), prefix))
        group = group_at(l, sorted_next(&l->order, p));
    return group;
}

/* All rows of the group lie outside of the bounds, so it need not be sorted. */
static bool is_outside(const struct cache_cursor *cursor, const struct group *group)
{
    const struct bytes prefix = bytes_of(group->key, group->node.key_size);
    if (cursor->direction == FORWARD) {
        const struct bytes upper = buf_bytes(&cursor->upper);
        return upper.size > 0 && bytes_compare(prefix, upper) >= 0;
    }
    const struct bytes lower = buf_bytes(&cursor->lower);
    return bytes_compare(prefix, lower) < 0 && !bytes_has_prefix(lower, prefix);
}

/* Enters group at its near end. */
static void enter(struct cache_cursor *cursor, struct cache_walk *w, struct group *group)
{
    w->group = group == NULL || is_outside(cursor, group) ? NULL : group;
    if (w->group == NULL)
        return;
    sorted_settle(&group->rows, ROW_KEY);
    w->changes = group->rows.changes;
    struct sorted_position p = {0, 0};
    if (cursor->direction == BACKWARD) {
        p.chunk = group->rows.chunk_count;
        const bool has_row = sorted_step_back(&group->rows, &p);
        CHECK(has_row);
    }
    w->chunk = p.chunk;
    w->slot = p.slot;
}

/* Finds the place in the level by the cursor's key. */
static void find_place(struct cache_cursor *cursor, struct cache_walk *w, const struct level *l)
{
    const struct bytes key = cursor->place;
    struct group *group = from_end(cursor) ? NULL : level_group(l, key);
    w->is_set = true;
    w->dirty_count = l->dirty_count;
    if (group != NULL) {
        sorted_settle(&group->rows, ROW_KEY);
        struct sorted_position p = sorted_seek(&group->rows, key, ROW_KEY);
        const struct node *n = sorted_at(&group->rows, p);
        const bool is_key = n != NULL && bytes_equal(table_key(&cursor->cache->table, n), key);
        bool is_found = n != NULL;
        if (cursor->direction == FORWARD && is_key && !cursor->inclusive) {
            p = sorted_next(&group->rows, p);
            is_found = sorted_at(&group->rows, p) != NULL;
        } else if (cursor->direction == BACKWARD && !(is_key && cursor->inclusive)) {
            is_found = sorted_step_back(&group->rows, &p);
        }
        if (is_found) {
            w->group = group;
            w->chunk = p.chunk;
            w->slot = p.slot;
            w->changes = group->rows.changes;
            return;
        }
    }
    enter(cursor, w, other_group(l, key, from_end(cursor), cursor->direction));
}

/* The level's next row, NULL at the end. */
static struct row *peek(struct cache_cursor *cursor, int i)
{
    const struct level *l = level_at(cursor->cache, i);
    if (l == NULL || l->groups.count == 0)
        return NULL;
    struct cache_walk *w = &cursor->levels[i];
    if (!w->is_set || w->dirty_count != l->dirty_count ||
        (w->group != NULL && w->changes != w->group->rows.changes))
        find_place(cursor, w, l);
    if (w->group == NULL)
        return NULL;
    const struct sorted_position p = {w->chunk, w->slot};
    return container_of(sorted_at(&w->group->rows, p), struct row, node);
}

/* Goes on from the row that peek() gave. */
static void step(struct cache_cursor *cursor, int i)
{
    struct cache_walk *w = &cursor->levels[i];
    const struct sorted *rows = &w->group->rows;
    struct sorted_position p = {w->chunk, w->slot};
    bool is_found;
    if (cursor->direction == FORWARD) {
        p = sorted_next(rows, p);
        is_found = p.chunk < rows->chunk_count;
    } else {
        is_found = sorted_step_back(rows, &p);
    }
    if (is_found) {
        w->chunk = p.chunk;
        w->slot = p.slot;
        return;
    }
    const struct bytes key = bytes_of(w->group->key, w->group->node.key_size);
    enter(cursor, w, other_group(level_at(cursor->cache, i), key, false, cursor->direction));
}

/* --- the store ------------------------------------------------------------------------------- */

static bool below_check(struct cache_cursor *cursor, bool is_valid)
{
    struct error e;
    if (!is_valid && !cursor->has_image && kv_iterator_status(cursor->below, &e) != STATUS_OK)
        cache_read_failed(&e);
    cursor->below_is_valid = is_valid;
    return is_valid;
}

/* To the first row >= key. */
static void below_seek(struct cache_cursor *cursor, struct bytes key)
{
    if (!cursor->has_image) {
        below_check(cursor, kv_iterator_seek(cursor->below, key));
        return;
    }
    cursor->image.at = cache_image_seek(&cursor->image, key);
    below_check(cursor, cursor->image.at < cursor->image.count);
}

/* To the row before. */
static void image_step_back(struct cache_cursor *cursor)
{
    if (below_check(cursor, cursor->image.at > 0))
        cursor->image.at--;
}

static struct bytes below_key(const struct cache_cursor *cursor)
{
    return cursor->has_image ? cache_image_key(&cursor->image, cursor->image.at)
                             : kv_iterator_key(cursor->below);
}

static struct bytes below_value(const struct cache_cursor *cursor)
{
    return cursor->has_image ? cache_image_value(&cursor->image, cursor->image.at)
                             : kv_iterator_value(cursor->below);
}

/* To the last row <= key; from_end(): to the last of all. */
static void below_seek_back(struct cache_cursor *cursor, struct bytes key)
{
    if (!cursor->has_image) {
        below_check(cursor, from_end(cursor) ? kv_iterator_last(cursor->below)
                                             : kv_iterator_seek_back(cursor->below, key));
        return;
    }
    cursor->image.at = from_end(cursor) ? cursor->image.count
                                        : cache_image_seek(&cursor->image, key);
    const bool is_key = cursor->image.at < cursor->image.count &&
                        bytes_equal(below_key(cursor), key);
    if (is_key)
        below_check(cursor, true);
    else
        image_step_back(cursor);
}

static void below_step(struct cache_cursor *cursor)
{
    if (cursor->has_image && cursor->direction == FORWARD)
        below_check(cursor, ++cursor->image.at < cursor->image.count);
    else if (cursor->has_image)
        image_step_back(cursor);
    else
        below_check(cursor, cursor->direction == FORWARD ? kv_iterator_next(cursor->below)
                                                         : kv_iterator_prev(cursor->below));
}

static void below_open(struct cache_cursor *cursor)
{
    const struct kv_range range = {buf_bytes(&cursor->lower), buf_bytes(&cursor->upper)};
    if (cursor->is_small)
        cursor->has_image = cache_image_get(cursor->cache, range, &cursor->image);
    if (!cursor->has_image)
        cursor->below = kv_iterate(cursor->cache->kv, range);
}

/* Puts what is below on the first row at or beyond the cursor's key. */
static void below_start(struct cache_cursor *cursor)
{
    cursor->below_is_set = true;
    if (store_has_none(cursor)) {
        cursor->below_is_valid = false;
        return;
    }
    if (cursor->below == NULL && !cursor->has_image)
        below_open(cursor);
    const struct bytes key = cursor->place;
    if (cursor->direction == FORWARD)
        below_seek(cursor, key);
    else
        below_seek_back(cursor, key);
    if (cursor->below_is_valid && !cursor->inclusive && key.size > 0 &&
        bytes_equal(below_key(cursor), key))
        below_step(cursor);
}

/* Whether the store has a next row, ranges that are not yet in it left out. */
static bool below_peek(struct cache_cursor *cursor, struct bytes *key)
{
    if (!cursor->below_is_set)
        below_start(cursor);
    while (cursor->below_is_valid) {
        *key = below_key(cursor);
        const struct range *r = cache_range_above_store(cursor->cache, *key);
        if (r == NULL)
            return true;
        if (cursor->direction == FORWARD)
            below_seek(cursor, buf_bytes(&r->to));
        else
            below_step(cursor);
    }
    return false;
}

/* --- merging --------------------------------------------------------------------------------- */

static bool is_nearer(const struct cache_cursor *cursor, struct bytes a, struct bytes b)
{
    const int order = bytes_compare(a, b);
    return cursor->direction == FORWARD ? order < 0 : order > 0;
}

static bool is_inside(const struct cache_cursor *cursor, struct bytes key)
{
    const struct bytes lower = buf_bytes(&cursor->lower), upper = buf_bytes(&cursor->upper);
    if (cursor->direction == FORWARD)
        return upper.size == 0 || bytes_compare(key, upper) < 0;
    return bytes_compare(key, lower) >= 0;
}

/* Notes the row that was come to, row or the store's, before the sources go on from it. A row of a
 * level keeps its key until the turn ends, its value may change; an image keeps both. */
static void take(struct cache_cursor *cursor, const struct row *row, struct bytes key)
{
    cursor->inclusive = false;
    if (row == NULL && !cursor->has_image) {
        replace_bytes(&cursor->key, key);
        key = buf_bytes(&cursor->key);
    }
    cursor->place = key;
}

static struct bytes value_of(struct cache_cursor *cursor, const struct row *row)
{
    if (row == NULL && cursor->has_image)
        return below_value(cursor);
    replace_bytes(&cursor->value, row == NULL ? kv_iterator_value(cursor->below)
                                              : bytes_of(row_value(row), row->value_size));
    return buf_bytes(&cursor->value);
}

/* Moves to the next key of any source; *is_there: it has a value. False: the end. */
static bool advance(struct cache_cursor *cursor, bool *is_there, struct bytes *value)
{
    struct row *rows[2] = {peek(cursor, 0), peek(cursor, 1)};
    struct bytes below = BYTES_NONE;
    const bool has_below = below_peek(cursor, &below);

    const struct row *newest = rows[0];
    if (newest == NULL || (rows[1] != NULL && is_nearer(cursor, row_key(rows[1]), row_key(newest))))
        newest = rows[1];
    if (has_below && (newest == NULL || is_nearer(cursor, below, row_key(newest))))
        newest = NULL;
    else if (newest == NULL)
        return false;
    const struct bytes key = newest == NULL ? below : row_key(newest);
    const bool is_of_image = newest == NULL && cursor->has_image; /* its bounds are the cursor's */
    if (!is_of_image && !is_inside(cursor, key))
        return false;

    bool taken[2];
    for (int i = 0; i < 2; i++)
        taken[i] = rows[i] != NULL && bytes_equal(row_key(rows[i]), key);
    const bool takes_below = newest == NULL || (has_below && bytes_equal(below, key));
    take(cursor, newest, key);
    *is_there = newest == NULL ||
                (!newest->is_absent && !row_is_void(cursor->cache, newest));
    if (*is_there)
        *value = value_of(cursor, newest);
    for (int i = 0; i < 2; i++)
        if (taken[i])
            step(cursor, i);
    if (takes_below)
        below_step(cursor);
    return true;
}

bool cache_cursor_next(struct cache_cursor *cursor, struct bytes *key, struct bytes *value)
{
    bool is_there = false;
    while (!is_there)
        if (!advance(cursor, &is_there, value))
            return false;
    *key = cursor->place;
    return true;
}
