/* distinct.c -- a set of byte strings. The tables it outgrows stay in the arena: together they are
 * smaller than the last one. */

#include "command/distinct.h"

#include "keyspace/keyspace.h"

#define SLOTS_FIRST 64

void distinct_init(struct distinct *d, struct exec *x)
{
    *d = (struct distinct){.keyspace = x->keyspace, .arena = x->arena};
}

/* Where b is, or where it would be. */
static struct bytes *slot_of(struct distinct *d, struct bytes b)
{
    size_t i = (size_t)keyspace_position(d->keyspace, b) & (d->slot_count - 1);
    while (d->slots[i].data != NULL && !bytes_equal(d->slots[i], b))
        i = (i + 1) & (d->slot_count - 1);
    return &d->slots[i];
}

static void grow(struct distinct *d)
{
    const struct bytes *old = d->slots;
    const size_t old_count = d->slot_count;
    d->slot_count = old_count == 0 ? SLOTS_FIRST : old_count * 2;
    d->slots = arena_alloc(d->arena, d->slot_count * sizeof(*d->slots));
    for (size_t i = 0; i < d->slot_count; i++)
        d->slots[i] = BYTES_NONE;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].data != NULL)
            *slot_of(d, old[i]) = old[i];
}

/* The slot that b is to be put into; NULL: it is there. */
static struct bytes *new_slot(struct distinct *d, struct bytes b)
{
    if (d->used * 2 >= d->slot_count)
        grow(d);
    struct bytes *slot = slot_of(d, b);
    return slot->data == NULL ? slot : NULL;
}

static void fill(struct distinct *d, struct bytes *slot, struct bytes b)
{
    *slot = b;
    if (slot->data == NULL) /* the empty string */
        slot->data = "";
    d->used++;
}

bool distinct_add(struct distinct *d, struct bytes *b)
{
    struct bytes *slot = new_slot(d, *b);
    if (slot == NULL)
        return false;
    fill(d, slot, arena_copy(d->arena, *b));
    *b = *slot;
    return true;
}

bool distinct_add_borrowed(struct distinct *d, struct bytes b)
{
    struct bytes *slot = new_slot(d, b);
    if (slot == NULL)
        return false;
    fill(d, slot, b);
    return true;
}
