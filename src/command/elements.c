/* elements.c -- elements of hashes, sets and sorted sets given one by one.
 *
 * Random ones are drawn in two ways. A seek to a random place costs as much as some 32 steps of a
 * walk; so where many are wanted, or the object is small, one walk takes each element with the
 * chance (still wanted) / (still ahead), which is even and needs no memory (Knuth's algorithm S).
 * Few out of many are drawn by seeks, and those already given are remembered. */

#include "command/elements.h"

#include "base/panic.h"
#include "base/prng.h"
#include "command/distinct.h"

#define SEEK_COST 32          /* steps of a walk */
#define WALKED_MAX 1024       /* elements; up to here an object is always walked */
#define LISTED_BYTES (1 << 20) /* of an object that is read into memory to draw from it again */
#define DRAW_AGAIN_MAX 1000000 /* Redis has no limit: it would reply until memory is full */

void give_subkey(struct exec *x, struct object *o, struct bytes subkey, struct bytes value)
{
    (void)o;
    (void)value;
    reply_bulk(x, subkey);
}

uint64_t elements_range(uint64_t count, int64_t first, int64_t last, uint64_t *from)
{
    const int64_t all = (int64_t)count;
    first = first < 0 ? MAX(first + all, 0) : first;
    last = MIN(last < 0 ? last + all : last, all - 1);
    *from = (uint64_t)first;
    return first > last ? 0 : (uint64_t)(last - first) + 1;
}

static void give_all(struct exec *x, struct object *o, struct object_cursor *cursor,
                     give_element *give)
{
    struct bytes subkey, value;
    while (object_next(cursor, &subkey, &value))
        give(x, o, subkey, value);
    object_cursor_close(cursor);
}

void elements_give_all(struct exec *x, struct object *o, uint8_t space, give_element *give)
{
    struct object_cursor cursor;
    object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    give_all(x, o, &cursor, give);
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_by_walk(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                         give_element *give)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t ahead = object_count(o);
    object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    for (; count > 0 && object_next(&cursor, &subkey, &value); ahead--)
        if (prng_below(x->chance, ahead) < count) {
            give(x, o, subkey, value);
            count--;
        }
    CHECK(count == 0);
    object_cursor_close(&cursor);
}

static void draw_by_seeks(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                          give_element *give)
{
    struct distinct given;
    distinct_init(&given, x);
    while (count > 0) {
        struct bytes subkey, value;
        object_random(o, space, x->chance, &subkey, &value);
        if (!distinct_add(&given, &subkey))
            continue;
        give(x, o, subkey, value);
        count--;
    }
}

uint64_t elements_draw(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                       give_element *give)
{
    const uint64_t all = object_count(o);
    if (count >= all) {
        struct object_cursor cursor; /* Redis gives a whole sorted set from its highest score on */
        object_seek(o, &cursor, space, BYTES_NONE, o->type == TYPE_ZSET ? BACKWARD : FORWARD);
        give_all(x, o, &cursor, give);
        return all;
    }
    if (all <= WALKED_MAX || count > all / SEEK_COST)
        draw_by_walk(x, o, space, count, give);
    else
        draw_by_seeks(x, o, space, count, give);
    return count;
}

/* Draws from a copy of the elements in memory. */
static void draw_from_list(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                           give_element *give)
{
    const uint64_t all = object_count(o);
    struct bytes(*list)[2] = arena_alloc(x->arena, all * sizeof(*list));
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t listed = 0;
    object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    for (; object_next(&cursor, &subkey, &value); listed++) {
        CHECK(listed < all);
        list[listed][0] = arena_copy(x->arena, subkey);
        list[listed][1] = arena_copy(x->arena, value);
    }
    CHECK(listed == all);
    object_cursor_close(&cursor);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t drawn = prng_below(x->chance, all);
        give(x, o, list[drawn][0], list[drawn][1]);
    }
}

void elements_draw_again(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                         give_element *give)
{
    if (count > 1 && object_count(o) <= WALKED_MAX && o->size_bytes <= LISTED_BYTES) {
        draw_from_list(x, o, space, count, give);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct bytes subkey, value;
        object_random(o, space, x->chance, &subkey, &value);
        give(x, o, subkey, value);
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

void reply_random_element(struct exec *x, enum type type, uint8_t space)
{
    struct object o;
    struct bytes subkey, value;
    if (!open_key_or_null(x, 1, type, &o))
        return;
    object_random(&o, space, x->chance, &subkey, &value);
    reply_bulk(x, subkey);
    object_close(&o);
}

bool arg_draw(struct exec *x, uint32_t n, struct draw *d)
{
    static const int64_t range[] = {-INT64_MAX, INT64_MAX};
    int64_t count;
    if (!arg_int64_range(x, n, range, &count, NULL))
        return false;
    d->again = count < 0;
    d->count = (uint64_t)(d->again ? -count : count);
    if (d->again && d->count > DRAW_AGAIN_MAX) {
        reply_error(x, "ERR value is out of range");
        return false;
    }
    return true;
}

void reply_draw(struct exec *x, enum type type, uint8_t space, const struct draw *d)
{
    struct object o;
    if (!open_key(x, 1, type, &o))
        return;
    if (o.type == TYPE_NONE) {
        reply_array(x, 0);
    } else if (d->again) {
        reply_array(x, d->count * d->bulks);
        elements_draw_again(x, &o, space, d->count, d->give);
    } else {
        reply_array(x, MIN(d->count, object_count(&o)) * d->bulks);
        elements_draw(x, &o, space, d->count, d->give);
    }
    object_close(&o);
}

void reply_random_pairs(struct exec *x, enum type type, uint8_t space, const char *word,
                        give_element *pair)
{
    if (x->arg_count == 2) {
        reply_random_element(x, type, space);
        return;
    }
    struct draw d;
    if (!arg_draw(x, 2, &d))
        return;
    const bool in_pairs = arg_is(x, 3, word);
    if (x->arg_count > 4 || (x->arg_count == 4 && !in_pairs)) {
        reply_syntax_error(x);
        return;
    }
    if (in_pairs && d.count > INT64_MAX / 2) { /* they would be twice as many bulks */
        reply_error(x, "ERR value is out of range");
        return;
    }
    d.bulks = in_pairs && x->reply.protocol == 2 ? 2 : 1;
    d.give = in_pairs ? pair : give_subkey;
    reply_draw(x, type, space, &d);
}

void delete_elements(struct exec *x, enum type type, uint8_t space, enum event_class event_class,
                     const char *event)
{
    struct object o;
    if (!open_key(x, 1, type, &o))
        return;
    int64_t count = 0;
    for (uint32_t i = 2; i < x->arg_count && object_count(&o) > 0; i++)
        count += object_del(&o, space, x->args[i]);
    if (count > 0)
        changed(x, &o, event_class, event);
    object_close(&o);
    reply_int64(x, count);
}

void reply_element_count(struct exec *x, enum type type)
{
    struct object o;
    if (!open_key(x, 1, type, &o))
        return;
    reply_int64(x, (int64_t)object_count(&o));
    object_close(&o);
}

/* --- scans ------------------------------------------------------------------------------------ */

static void scan_object(struct object *o, uint8_t space, struct scan *s, note_element *note)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    const bool whole = object_is_packed(o);
    if (whole)
        object_seek(o, &cursor, space, BYTES_NONE, FORWARD);
    else if (s->cursor < SCAN_CURSOR_MAX)
        object_seek_hash(o, &cursor, space, s->cursor);
    else
        return;
    while (object_next(&cursor, &subkey, &value)) {
        if (!whole && !scan_step(s, object_cursor_hash(&cursor)))
            break;
        if (scan_matches(s, subkey))
            note(s, subkey, value);
    }
    object_cursor_close(&cursor);
}

void elements_scan(struct exec *x, enum type type, uint8_t space, note_element *note)
{
    struct scan s;
    struct object o;
    if (!scan_parse_cursor(x, 2, &s) || !open_key(x, 1, type, &o))
        return;
    /* Redis does not look at the options when there is no such key. */
    const bool is_there = o.type != TYPE_NONE;
    s.listpack = o.encoding == ENCODING_LISTPACK;
    if (!is_there || scan_parse_options(x, 3, false, &s)) {
        if (is_there)
            scan_object(&o, space, &s, note);
        scan_reply(x, &s);
    }
    object_close(&o);
}
