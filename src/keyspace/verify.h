/* verify.h -- whether a state that somebody else has made is one that this build could have made.
 *
 * A snapshot comes over the network, from a disk that may lie or a node that may be wrong. Each of
 * its rows is looked at before it becomes the state: it has a form that can be decoded, an object's
 * rows are those that its key row counts, members have their scores, keys their deadlines, and the
 * counters are what they count. So one row that is missing, changed or too much is found, and what
 * was found good never breaks a CHECK later. Rows that reach nobody (of what was buried) are read
 * for their checksums alone. */

#ifndef KEYSPACE_VERIFY_H
#define KEYSPACE_VERIFY_H

#include "base/siphash.h"
#include "keyspace/object.h"

struct kv;
struct verify;

/* An object as its key row tells it. */
struct object_form {
    enum type type;
    struct bytes fields;
    uint64_t count;
    bool is_packed;
};

/* What the layers above know of their own rows; each says whether it could have written them. Of
 * lists and streams all elements come by rising (space, subkey), between begin and end. */
struct keyspace_forms {
    void *context;
    /* of other tables than "K", "I", "X", "G"; v: for keyspace_verify_get() */
    bool (*row)(void *context, struct verify *v, struct bytes key, struct bytes value);
    bool (*begin)(void *context, const struct object_form *form);
    bool (*element)(void *context, enum space space, struct bytes subkey, struct bytes value);
    bool (*end)(void *context);
};

/* It takes as long as the state is large: whoever waits for it is told after each piece how many
 * bytes were read, may wait so that others get on, and says false to call it off. NULL: at once. */
struct verify_pace {
    void *context;
    bool (*read)(void *context, uint64_t bytes);
};

/* Reads all of the state, every row with its checksum. STATUS_CORRUPT: no keyspace may be opened
 * on it; e says which row and why. STATUS_CLOSED: it was called off. */
enum status keyspace_verify(struct kv *kv, const uint8_t hash_key[SIPHASH_KEY_SIZE],
                            const struct keyspace_forms *forms, const struct verify_pace *pace,
                            struct error *e) MUST_CHECK;

/* Looks another row of the state up; false: it is not there. */
bool keyspace_verify_get(struct verify *v, struct bytes key, struct buf *value);

#endif
