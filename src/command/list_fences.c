/* list_fences.c -- where in a long list with holes the element of an index lies (list.h).
 *
 * Pushing sets elements on a grid, LIST_STEP apart; LREM and LINSERT make a list differ from it.
 * For aligned blocks of positions, on some levels, a row tells by how much:
 *
 *     SPACE_FENCE   level:1 block:8  ->  elements in the block - grid points in it   (signed, le)
 *
 * where the points of the grid are those from the first element up to the last. A block that
 * differs by nothing has no row; so pushing and popping at ends that are as they were pushed write
 * none, and a list that begins to have holes needs no scan. An index is found by one walk of at
 * most 64 rows a level. All rows are found by position: nothing is ever split or merged.
 *
 * A list has such rows only while its elements are rows too. */

#include "base/encode.h"
#include "base/panic.h"
#include "command/forms.h"
#include "command/list.h"

#define LEVELS LIST_FENCE_LEVELS
#define KEY_SIZE 9

/* Bits of a position within a block: 16 grid points at the bottom, 64 blocks in a larger one. */
static const uint8_t shifts[LEVELS] = {24, 30, 36, 42, 48};

/* Points of the grid below position. */
static uint64_t points_below(uint64_t position)
{
    return position / LIST_STEP + (position % LIST_STEP != 0);
}

static uint64_t points_between(uint64_t from, uint64_t to)
{
    return from >= to ? 0 : points_below(to) - points_below(from);
}

static struct bytes key_of(uint8_t key[KEY_SIZE], uint8_t level, uint64_t block)
{
    key[0] = level;
    put_be64(key + 1, block);
    return bytes_of(key, KEY_SIZE);
}

static void change_block(struct object *list, uint8_t level, uint64_t block, uint64_t change)
{
    uint8_t key[KEY_SIZE], value[sizeof(uint64_t)];
    struct bytes old;
    if (object_get(list, SPACE_FENCE, key_of(key, level, block), &old))
        change += get_le64(old.data);
    put_le64(value, change);
    if (change == 0)
        object_del(list, SPACE_FENCE, bytes_of(key, KEY_SIZE));
    else
        object_put(list, SPACE_FENCE, bytes_of(key, KEY_SIZE), bytes_of(value, sizeof(value)));
}

void list_fences_count(struct object *list, uint64_t position, bool more)
{
    if (object_is_packed(list))
        return;
    for (uint8_t level = 0; level < LEVELS; level++)
        change_block(list, level, position >> shifts[level], more ? 1 : UINT64_MAX);
}

/* The end of a block, or end if that is before it. */
static uint64_t block_end(uint8_t level, uint64_t block, uint64_t end)
{
    const uint64_t last = block << shifts[level] | (((uint64_t)1 << shifts[level]) - 1);
    return last >= end ? end : last + 1;
}

void list_fences_cut(struct object *list, uint64_t from, uint64_t to)
{
    if (object_is_packed(list) || points_between(from, to) == 0)
        return;
    for (uint8_t level = 0; level < LEVELS; level++)
        for (uint64_t start = from; start < to;) {
            const uint64_t block = start >> shifts[level], end = block_end(level, block, to);
            const uint64_t points = points_between(start, end);
            if (points > 0)
                change_block(list, level, block, points);
            start = end;
        }
}

void list_fences_clear(struct object *list)
{
    struct object_cursor cursor;
    struct bytes key, value;
    if (object_is_packed(list))
        return;
    object_seek(list, &cursor, SPACE_FENCE, BYTES_NONE, FORWARD);
    while (object_next(&cursor, &key, &value))
        object_del(list, SPACE_FENCE, key);
    object_cursor_close(&cursor);
}

/* A part of the list in which the wanted element lies. */
struct part {
    uint64_t from, to; /* positions */
    uint64_t before;   /* elements in front of it */
};

/* The element lies on the grid between from and to as far as level can tell: takes its block. */
static void enter_regular(struct part *p, uint8_t level, uint64_t from, uint64_t index)
{
    const uint64_t point = points_below(from) + (index - p->before);
    const uint64_t block = (point * LIST_STEP) >> shifts[level];
    const uint64_t start = MAX(block << shifts[level], from);
    p->before += points_between(from, start);
    p->from = start;
    p->to = block_end(level, block, p->to);
}

/* Narrows the part to one block of level. */
static void narrow(struct object *list, struct part *p, uint8_t level, uint64_t index)
{
    uint8_t from_key[KEY_SIZE];
    struct object_cursor cursor;
    struct bytes key, value;
    uint64_t from = p->from;
    bool is_found = false;
    object_seek(list, &cursor, SPACE_FENCE, key_of(from_key, level, from >> shifts[level]),
                FORWARD);
    while (!is_found && object_next(&cursor, &key, &value)) {
        CHECK(key.size == KEY_SIZE);
        const uint64_t block = get_be64(bytes_data(key) + 1);
        if (bytes_data(key)[0] != level || block > (p->to - 1) >> shifts[level])
            break;
        const uint64_t start = MAX(block << shifts[level], from);
        const uint64_t end = block_end(level, block, p->to), regular = points_between(from, start);
        if (index < p->before + regular)
            break;
        p->before += regular;
        const uint64_t elements = points_between(start, end) + get_le64(value.data);
        if (index < p->before + elements) {
            p->from = start;
            p->to = end;
            is_found = true;
        } else {
            p->before += elements;
            from = end;
        }
    }
    object_cursor_close(&cursor);
    if (!is_found)
        enter_regular(p, level, from, index);
}

uint64_t list_fences_find(struct object *list, uint64_t first, uint64_t last, uint64_t index)
{
    struct part p = {first, last + 1, 0};
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position = 0;
    uint8_t key[sizeof(position)];
    for (uint8_t level = LEVELS; level-- > 0;)
        narrow(list, &p, level, index);
    put_be64(key, p.from);
    object_seek(list, &cursor, SPACE_ELEMENT, bytes_of(key, sizeof(key)), FORWARD);
    for (uint64_t left = index - p.before + 1; left > 0; left--) {
        const bool is_there = list_next(&cursor, &position, &value);
        CHECK(is_there);
    }
    object_cursor_close(&cursor);
    CHECK(position < p.to);
    return position;
}

/* --- of a foreign state ----------------------------------------------------------------------- */

bool list_seen_fence(struct list_seen *l, struct bytes subkey, struct bytes value)
{
    const uint8_t level = *bytes_data(subkey);
    if (level >= LEVELS)
        return false;
    l->fences[level] += get_le64(value.data);
    return get_le64(value.data) != 0;
}

bool list_seen_fences(const struct list_seen *l)
{
    for (uint8_t level = 0; level < LEVELS; level++)
        if (l->count - points_between(l->first, l->last + 1) != l->fences[level])
            return false;
    return true;
}
