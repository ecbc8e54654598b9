#include "server/key_changes.h"

#include "base/crc32c.h"

static uint32_t place(uint32_t db, struct bytes key)
{
    return crc32c(db, key) % KEY_CHANGES_PLACES;
}

void key_changes_note(struct key_changes *k, uint32_t db, struct bytes key)
{
    k->last[place(db, key)] = ++k->count;
}

void key_changes_note_all(struct key_changes *k)
{
    k->all = ++k->count;
}

bool key_changes_since(const struct key_changes *k, uint32_t db, struct bytes key, uint64_t seen)
{
    return k->all > seen || k->last[place(db, key)] > seen;
}
