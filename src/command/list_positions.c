/* list_positions.c -- where the elements of a list lie (list.h). */

#include "base/encode.h"
#include "base/panic.h"
#include "command/elements.h"
#include "command/forms.h"
#include "command/list.h"

#define MIDDLE ((uint64_t)1 << 63)
#define SPACE_LEFT_MIN (2 * LIST_STEP) /* before the numbers end, all elements get new positions */
#define WINDOW 32   /* elements on each side that make room for one more, */
#define GAP_MIN 128 /* if they get so far apart; else four times as many, twice as far */
#define WALKED_MAX 64 /* elements from an end that are counted one by one */
#define SPARSE_MAX 64 /* times as many grid points as elements; then all get new positions, */
#define SPARSE_MIN 4096 /* if there are as many points */

struct ends {
    uint64_t first, last;
    bool regular;
};

enum { FIRST = 0, LAST = 8, REGULAR = 16, FIELDS_SIZE = 17 };

static struct ends ends_of(const struct object *list)
{
    if (object_count(list) == 0)
        return (struct ends){.regular = true};
    CHECK(list->fields_size == FIELDS_SIZE);
    return (struct ends){get_be64(list->fields + FIRST), get_be64(list->fields + LAST),
                         list->fields[REGULAR] != 0};
}

static bool is_on_grid(uint64_t position)
{
    return position % LIST_STEP == 0;
}

static void set_ends(struct object *list, struct ends e)
{
    const uint64_t count = object_count(list);
    e.regular = e.regular || (count <= 1 && is_on_grid(e.first));
    CHECK(e.first <= e.last);
    CHECK(!e.regular || count == 0 || e.last - e.first == (count - 1) * LIST_STEP);
    put_be64(list->fields + FIRST, e.first);
    put_be64(list->fields + LAST, e.last);
    list->fields[REGULAR] = e.regular;
    list->fields_size = FIELDS_SIZE;
}

static void put(struct object *list, uint64_t position, struct bytes value)
{
    uint8_t key[sizeof(position)];
    put_be64(key, position);
    object_put(list, SPACE_ELEMENT, bytes_of(key, sizeof(key)), value);
}

/* Where no element is. */
static void put_new(struct object *list, uint64_t position, struct bytes value)
{
    uint8_t key[sizeof(position)];
    put_be64(key, position);
    object_put_new(list, SPACE_ELEMENT, bytes_of(key, sizeof(key)), value);
}

static void erase(struct object *list, uint64_t position)
{
    uint8_t key[sizeof(position)];
    put_be64(key, position);
    const bool was_there = object_del(list, SPACE_ELEMENT, bytes_of(key, sizeof(key)));
    CHECK(was_there);
}

void list_erase(struct object *list, uint64_t position)
{
    erase(list, position);
    list_fences_count(list, position, false);
}

/* --- new positions ---------------------------------------------------------------------------- */

struct piece {
    uint64_t position;
    struct bytes value; /* memory of the request */
};

static struct piece *read_pieces(struct exec *x, struct object *list, uint64_t index,
                                 uint64_t count)
{
    struct piece *pieces = arena_alloc(x->arena, count * sizeof(*pieces));
    struct object_cursor cursor;
    list_seek(list, &cursor, index, FORWARD);
    for (uint64_t i = 0; i < count; i++) {
        struct bytes value;
        const bool is_there = list_next(&cursor, &pieces[i].position, &value);
        CHECK(is_there);
        pieces[i].value = arena_copy(x->arena, value);
    }
    object_cursor_close(&cursor);
    return pieces;
}

static void move_pieces(struct object *list, const struct piece *pieces, uint64_t count,
                        uint64_t first, uint64_t gap)
{
    for (uint64_t i = 0; i < count; i++)
        erase(list, pieces[i].position);
    for (uint64_t i = 0; i < count; i++)
        put(list, first + i * gap, pieces[i].value);
}

/* All elements get positions around the middle, on the grid. */
static void renumber(struct exec *x, struct object *list)
{
    const uint64_t count = object_count(list);
    const struct piece *pieces = read_pieces(x, list, 0, count);
    const uint64_t first = MIDDLE - count / 2 * LIST_STEP;
    move_pieces(list, pieces, count, first, LIST_STEP);
    list_fences_clear(list);
    set_ends(list, (struct ends){first, first + (count - 1) * LIST_STEP, true});
}

/* Its elements have become rows, which are not counted yet. */
static void begin_rows(struct exec *x, struct object *list, bool was_packed)
{
    if (was_packed && !object_is_packed(list) && !ends_of(list).regular)
        renumber(x, list);
}

/* Moves elements around index apart, so that there is room between any two of them. The more are
 * moved, the more room they get: else a crowd that grows would be moved as a whole each time. */
static void make_room(struct exec *x, struct object *list, uint64_t index)
{
    const uint64_t count = object_count(list);
    uint64_t gap_min = GAP_MIN;
    for (uint64_t window = WINDOW; window < count; window *= 4, gap_min *= 2) {
        const uint64_t from = index > window ? index - window : 0;
        const uint64_t size = MIN(index + window, count) - from;
        const struct piece *pieces = read_pieces(x, list, from, size);
        const uint64_t span = pieces[size - 1].position - pieces[0].position;
        const uint64_t gap = span / (size - 1);
        if (gap < MIN(gap_min, LIST_STEP / 2))
            continue;
        for (uint64_t i = 1; i + 1 < size; i++) { /* but the ends */
            list_fences_count(list, pieces[i].position, false);
            list_fences_count(list, pieces[0].position + i * gap, true);
        }
        move_pieces(list, pieces + 1, size - 2, pieces[0].position + gap, gap);
        return;
    }
    renumber(x, list);
}

/* --- ends ------------------------------------------------------------------------------------- */

/* The next place on the grid beyond an end. A regular list has its own. */
static void extend(struct ends *e, enum list_end end)
{
    const uint64_t inner = LIST_STEP - 1;
    if (end == LIST_LEFT)
        e->first = e->regular ? e->first - LIST_STEP : (e->first - 1) & ~inner;
    else
        e->last = e->regular ? e->last + LIST_STEP : (e->last | inner) + 1;
}

void list_push(struct exec *x, struct object *list, enum list_end end, struct bytes value)
{
    struct ends e = ends_of(list);
    const bool was_packed = object_is_packed(list);
    if (object_count(list) == 0) {
        e.first = e.last = MIDDLE;
    } else {
        if (e.first < SPACE_LEFT_MIN || e.last > UINT64_MAX - SPACE_LEFT_MIN) {
            renumber(x, list);
            e = ends_of(list);
        }
        extend(&e, end);
    }
    put_new(list, end == LIST_LEFT ? e.first : e.last, value);
    set_ends(list, e);
    begin_rows(x, list, was_packed);
}

void list_replace(struct exec *x, struct object *list, uint64_t position, struct bytes value)
{
    const uint64_t count = object_count(list);
    const bool was_packed = object_is_packed(list);
    put(list, position, value);
    CHECK(object_count(list) == count);
    begin_rows(x, list, was_packed);
}

struct bytes list_value(struct object *list, uint64_t position)
{
    uint8_t key[sizeof(position)];
    put_be64(key, position);
    struct bytes value;
    const bool is_there = object_get(list, SPACE_ELEMENT, bytes_of(key, sizeof(key)), &value);
    CHECK(is_there);
    return value;
}

struct bytes list_peek(struct object *list, enum list_end end)
{
    const struct ends e = ends_of(list);
    return list_value(list, end == LIST_LEFT ? e.first : e.last);
}

/* The first position from one on, in a direction. */
static uint64_t position_from(struct object *list, uint64_t from, enum direction direction)
{
    struct object_cursor cursor;
    struct bytes value;
    uint8_t key[sizeof(from)];
    put_be64(key, from);
    object_seek(list, &cursor, SPACE_ELEMENT, bytes_of(key, sizeof(key)), direction);
    const bool is_there = list_next(&cursor, &from, &value);
    CHECK(is_there);
    object_cursor_close(&cursor);
    return from;
}

void list_drop(struct object *list, enum list_end end)
{
    const struct ends old = ends_of(list);
    struct ends e = old;
    const uint64_t dropped = end == LIST_LEFT ? e.first : e.last;
    erase(list, dropped);
    if (!e.regular && !is_on_grid(dropped)) /* else a point of the grid goes with it */
        list_fences_count(list, dropped, false);
    if (object_count(list) == 0)
        return;
    if (e.regular) {
        e.first += end == LIST_LEFT ? LIST_STEP : 0;
        e.last -= end == LIST_RIGHT ? LIST_STEP : 0;
    } else if (end == LIST_LEFT) {
        e.first = position_from(list, e.first, FORWARD);
        list_fences_cut(list, dropped + 1, e.first);
    } else {
        e.last = position_from(list, e.last, BACKWARD);
        list_fences_cut(list, e.last + 1, dropped);
    }
    set_ends(list, e);
}

void list_mend(struct exec *x, struct object *list)
{
    if (object_count(list) == 0)
        return;
    const struct ends old = {get_be64(list->fields + FIRST), get_be64(list->fields + LAST), false};
    CHECK(list->fields[REGULAR] == 0 || is_on_grid(old.first));
    const struct ends e = {position_from(list, old.first, FORWARD),
                           position_from(list, old.last, BACKWARD), false};
    list_fences_cut(list, old.first, e.first);
    list_fences_cut(list, e.last + 1, old.last + 1);
    set_ends(list, e);
    const uint64_t points = (e.last - e.first) / LIST_STEP;
    if (points > SPARSE_MIN && points / SPARSE_MAX > object_count(list))
        renumber(x, list);
}

/* --- indexes ---------------------------------------------------------------------------------- */

bool list_index(const struct object *list, int64_t number, uint64_t *index)
{
    const int64_t count = (int64_t)object_count(list);
    const int64_t from_left = number < 0 ? number + count : number;
    *index = (uint64_t)from_left;
    return from_left >= 0 && from_left < count;
}

uint64_t list_position(struct object *list, uint64_t index)
{
    const struct ends e = ends_of(list);
    CHECK(index < object_count(list));
    if (e.regular)
        return e.first + index * LIST_STEP;
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position;
    list_seek(list, &cursor, index, FORWARD);
    const bool is_there = list_next(&cursor, &position, &value);
    CHECK(is_there);
    object_cursor_close(&cursor);
    return position;
}

void list_seek(struct object *list, struct object_cursor *cursor, uint64_t index,
               enum direction direction)
{
    const struct ends e = ends_of(list);
    CHECK(index < object_count(list));
    const uint64_t behind = object_count(list) - 1 - index;
    if (!e.regular && (object_is_packed(list) || MIN(index, behind) <= WALKED_MAX)) {
        object_seek_index(list, cursor, SPACE_ELEMENT, direction == FORWARD ? index : behind,
                          direction);
        return;
    }
    uint8_t key[sizeof(uint64_t)];
    put_be64(key, e.regular ? e.first + index * LIST_STEP
                            : list_fences_find(list, e.first, e.last, index));
    object_seek(list, cursor, SPACE_ELEMENT, bytes_of(key, sizeof(key)), direction);
}

bool list_next(struct object_cursor *cursor, uint64_t *position, struct bytes *value)
{
    struct bytes key;
    if (!object_next(cursor, &key, value))
        return false;
    CHECK(key.size == sizeof(*position));
    *position = get_be64(key.data);
    return true;
}

void list_insert(struct exec *x, struct object *list, uint64_t index, struct bytes value)
{
    if (index == 0 || index == object_count(list)) {
        list_push(x, list, index == 0 ? LIST_LEFT : LIST_RIGHT, value);
        return;
    }
    const bool was_packed = object_is_packed(list);
    uint64_t left = list_position(list, index - 1), right = list_position(list, index);
    if (right - left < 2) {
        make_room(x, list, index);
        left = list_position(list, index - 1);
        right = list_position(list, index);
    }
    CHECK(right - left >= 2);
    struct ends e = ends_of(list);
    CHECK(!e.regular || is_on_grid(e.first));
    list_fences_count(list, left + (right - left) / 2, true);
    put_new(list, left + (right - left) / 2, value);
    e.regular = false;
    set_ends(list, e);
    begin_rows(x, list, was_packed);
}

/* --- of a foreign state ----------------------------------------------------------------------- */

bool list_seen_begin(struct list_seen *l, const struct object_form *of)
{
    *l = (struct list_seen){.regular = true};
    return of->fields.size == FIELDS_SIZE;
}

bool list_seen_element(struct list_seen *l, struct bytes position)
{
    l->last = get_be64(position.data);
    if (l->count == 0)
        l->first = l->last;
    l->regular = l->regular && l->last - l->first == l->count * LIST_STEP && is_on_grid(l->last);
    l->count++;
    return true;
}

bool list_seen_end(const struct list_seen *l, const struct object_form *of)
{
    const uint8_t *fields = of->fields.data;
    const bool ends = get_be64(fields + FIRST) == l->first && get_be64(fields + LAST) == l->last;
    if (!ends || (fields[REGULAR] != 0 && !l->regular))
        return false;
    return of->is_packed || list_seen_fences(l);
}
