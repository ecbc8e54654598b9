/* key_changes.h -- when a key was last changed on this node, roughly: many keys share a place.
 *
 * For keys that were absent when they were watched. A watched key that is there has a stamp, which
 * no other change ever has again; an absent one has none, and one that came and went since looks
 * the same to the comparison in the log. Its client may have seen it in between, though (a GET
 * behind the WATCH), so this node, whose apply that GET rested on, answers such an EXEC nil. What
 * comes and goes while the EXEC is on its way nobody has seen who waits for its reply. */

#ifndef SERVER_KEY_CHANGES_H
#define SERVER_KEY_CHANGES_H

#include "base/bytes.h"

#define KEY_CHANGES_PLACES 4096 /* EXEC on absent keys fails in vain once in so many changes */

struct key_changes {
    uint64_t count; /* of all changes */
    uint64_t all;   /* count when everything may have changed: a snapshot was installed */
    uint64_t last[KEY_CHANGES_PLACES];
};

void key_changes_note(struct key_changes *k, uint32_t db, struct bytes key);
void key_changes_note_all(struct key_changes *k);
/* Whether the key may have changed since k->count was seen. */
bool key_changes_since(const struct key_changes *k, uint32_t db, struct bytes key, uint64_t seen);

#endif
