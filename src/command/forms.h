/* forms.h -- whether lists and streams of a foreign state are such as commands write them: the part
 * of keyspace/verify.h that only this layer can tell.
 *
 * Elements pass once, in order. What belongs together (a pending entry and its consumer's row, a
 * group and its counts) is compared by sums of hashes, which are equal when the sets are. */

#ifndef COMMAND_FORMS_H
#define COMMAND_FORMS_H

#include "command/stream.h"
#include "keyspace/verify.h"

#define LIST_FENCE_LEVELS 5

struct list_seen {
    uint64_t first, last; /* positions */
    uint64_t count;
    bool regular;         /* each is where its index says */
    uint64_t fences[LIST_FENCE_LEVELS]; /* what those of each level tell, summed up */
};

struct stream_seen {
    struct stream facts;
    struct stream_id first, last; /* entries */
    struct stream_id node, node_end; /* the last one's first entry; where it ends */
    uint64_t entries, nodes, node_entries, groups, consumers, names;
    /* sums that are 0 when all has passed */
    uint64_t by_consumer; /* pending entries of groups, less those of consumers */
    uint64_t of_groups;   /* pending entries that groups count, less those there are */
    uint64_t of_consumers;
    uint64_t members;     /* consumers that groups count, less those that have a name there */
    uint64_t named;       /* consumers by number, less by name */
    uint64_t lowest;      /* of the groups that have any pending, less those found */
    uint64_t pending_group; /* of the last pending entry */
};

struct forms {
    struct object_form of; /* fields are borrowed until the end */
    struct list_seen list;
    struct stream_seen stream;
};

/* The functions of struct keyspace_forms. */
bool forms_begin(struct forms *f, const struct object_form *of);
bool forms_element(struct forms *f, enum space space, struct bytes subkey, struct bytes value);
bool forms_end(struct forms *f);

/* list_positions.c, list_fences.c */
bool list_seen_begin(struct list_seen *l, const struct object_form *of);
bool list_seen_element(struct list_seen *l, struct bytes position);
bool list_seen_fence(struct list_seen *l, struct bytes subkey, struct bytes value);
bool list_seen_fences(const struct list_seen *l); /* they sum up to what the elements say */
bool list_seen_end(const struct list_seen *l, const struct object_form *of);

#endif
