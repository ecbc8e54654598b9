/* sources.c -- the sets and sorted sets that commands such as SINTER and ZUNIONSTORE read. */

#include "command/sources.h"

#include <stdlib.h>

static bool open_source(struct exec *x, uint32_t n, enum type type, struct object *o)
{
    if (type != TYPE_ZSET)
        return open_key(x, n, type, o);
    open_key(x, n, TYPE_NONE, o); /* any type will do, so it succeeds */
    if (o->type == TYPE_NONE || o->type == TYPE_ZSET || o->type == TYPE_SET)
        return true;
    object_close(o);
    reply_wrong_type(x);
    return false;
}

bool sources_open(struct exec *x, uint32_t first, uint32_t count, enum type type,
                  struct sources *s)
{
    s->at = arena_alloc(x->arena, count * sizeof(*s->at));
    for (s->count = 0; s->count < count; s->count++) {
        struct source *source = &s->at[s->count];
        source->position = s->count;
        source->weight = 1;
        if (!open_source(x, first + s->count, type, &source->object)) {
            sources_close(s);
            return false;
        }
    }
    return true;
}

void sources_close(struct sources *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        object_close(&s->at[i].object);
}

static int compare_sources(const void *a, const void *b)
{
    const struct source *left = a, *right = b;
    if (left->object.count != right->object.count)
        return left->object.count < right->object.count ? -1 : 1;
    return left->position < right->position ? -1 : 1;
}

void sources_sort(struct sources *s, uint32_t from)
{
    qsort(s->at + from, s->count - from, sizeof(*s->at), compare_sources);
}

uint64_t sources_result_max(const struct sources *s, enum combination combination)
{
    uint64_t sum = 0, min = UINT64_MAX;
    for (uint32_t i = 0; i < s->count; i++) {
        sum += s->at[i].object.count;
        min = MIN(min, s->at[i].object.count);
    }
    if (combination == UNION)
        return sum;
    return combination == INTERSECTION ? min : s->at[0].object.count;
}

bool source_has(struct source *s, struct bytes member)
{
    struct bytes value;
    return object_get(&s->object, SPACE_MEMBER, member, &value);
}

bool sources_any_has(struct sources *s, uint32_t from, struct bytes member)
{
    for (uint32_t i = s->count; i > from; i--)
        if (source_has(&s->at[i - 1], member))
            return true;
    return false;
}
