/* trail.h -- the term of every log entry, in a few bytes.
 *
 * A log of a million entries spans a handful of terms, and terms never fall along it. So the trail
 * keeps one run per term instead of one number per entry:
 *
 *     index   1 2 3 4 5 6 7 8 9            runs   {first 1, term 1}
 *     term    1 1 1 4 4 4 4 6 6    ==>            {first 4, term 4}
 *                                                 {first 8, term 6}    last_index 9
 *
 * Entries up to base_index live on in the snapshot only; of them just the last one's term is known.
 *
 * Invariants (trail_check):
 *   - runs rise strictly, both in first and in term;
 *   - the first run begins at base_index + 1, and base_term <= its term;
 *   - base_index <= last_index, and runs are empty exactly when the two are equal. */

#ifndef RAFT_TRAIL_H
#define RAFT_TRAIL_H

#include "raft/types.h"

#define TRAIL_RUNS_MAX 1024 /* terms that one uncompacted log may span; more answer BUSY upstream */

struct trail_run {
    raft_index first;
    raft_term term;
};

struct trail {
    raft_index base_index; /* last compacted entry, 0 = none */
    raft_term base_term;
    raft_index last_index;
    uint32_t run_count;
    struct trail_run runs[TRAIL_RUNS_MAX];
};

/* An empty log behind a snapshot that ends at (base_index, base_term); 0, 0 for a new cluster. */
void trail_init(struct trail *t, raft_index base_index, raft_term base_term);

/* Adds count entries of one term at the end. Returns false, changing nothing, when a new run does
 * not fit. term must not be lower than the last entry's. */
bool trail_append(struct trail *t, raft_term term, uint32_t count);

/* Whether run_count more runs fit. */
bool trail_has_room(const struct trail *t, uint32_t run_count);

/* Forgets the entry at from and all after it. base_index < from <= last_index + 1. */
void trail_truncate(struct trail *t, raft_index from);

/* Forgets all up to index but the term of that one. base_index <= index <= last_index. */
void trail_compact(struct trail *t, raft_index index);

/* The term at index; 0 when the entry is unknown: compacted away, or beyond the end. Index 0 has
 * term 0. */
raft_term trail_term(const struct trail *t, raft_index index);

raft_term trail_last_term(const struct trail *t);

/* The last entry at or before index whose term is at most term: where two logs, one of which has
 * term at index, may still agree. base_index - 1 (0 when base_index is 0) when only the compacted
 * part can hold such an entry. */
raft_index trail_hint(const struct trail *t, raft_index index, raft_term term);

void trail_check(const struct trail *t); /* panics when an invariant is broken */

#endif
