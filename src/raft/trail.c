/* trail.c -- runs of equal terms, searched by halves. */

#include "raft/trail.h"

#include <string.h>

#include "base/bytes.h"
#include "base/panic.h"

void trail_init(struct trail *t, raft_index base_index, raft_term base_term)
{
    CHECK((base_index == 0) == (base_term == 0));
    t->base_index = base_index;
    t->base_term = base_term;
    t->last_index = base_index;
    t->run_count = 0;
}

raft_term trail_last_term(const struct trail *t)
{
    return t->run_count > 0 ? t->runs[t->run_count - 1].term : t->base_term;
}

bool trail_has_room(const struct trail *t, uint32_t run_count)
{
    return run_count <= TRAIL_RUNS_MAX - t->run_count;
}

bool trail_append(struct trail *t, raft_term term, uint32_t count)
{
    CHECK(count > 0);
    CHECK(term > 0);
    CHECK(term >= trail_last_term(t));

    if (t->run_count == 0 || term != trail_last_term(t)) {
        if (!trail_has_room(t, 1))
            return false;
        t->runs[t->run_count++] = (struct trail_run){t->last_index + 1, term};
    }
    t->last_index += count;
    return true;
}

/* How many runs begin at or before index; the last of them holds it. */
static uint32_t runs_up_to(const struct trail *t, raft_index index)
{
    uint32_t low = 0, high = t->run_count;
    if (high > 0 && t->runs[high - 1].first <= index) /* most questions are about the newest term */
        return high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (t->runs[middle].first <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void trail_truncate(struct trail *t, raft_index from)
{
    CHECK(from > t->base_index);
    CHECK(from <= t->last_index + 1);
    t->last_index = from - 1;
    while (t->run_count > 0 && t->runs[t->run_count - 1].first > t->last_index)
        t->run_count--;
}

void trail_compact(struct trail *t, raft_index index)
{
    CHECK(index >= t->base_index);
    CHECK(index <= t->last_index);
    if (index == t->base_index)
        return;

    const uint32_t begun = runs_up_to(t, index);
    CHECK(begun > 0);
    t->base_term = t->runs[begun - 1].term;
    t->base_index = index;

    const bool continues = index < t->last_index &&
                           (begun == t->run_count || t->runs[begun].first > index + 1);
    const uint32_t gone = continues ? begun - 1 : begun;
    t->run_count -= gone;
    memmove(t->runs, t->runs + gone, t->run_count * sizeof(*t->runs));
    if (t->run_count > 0)
        t->runs[0].first = index + 1;
}

raft_term trail_term(const struct trail *t, raft_index index)
{
    if (index == t->base_index)
        return t->base_term;
    if (index < t->base_index || index > t->last_index)
        return 0;
    return t->runs[runs_up_to(t, index) - 1].term;
}

raft_index trail_hint(const struct trail *t, raft_index index, raft_term term)
{
    raft_index hint = MIN(index, t->last_index);
    uint32_t run = runs_up_to(t, hint);
    while (run > 0 && t->runs[run - 1].term > term) {
        hint = t->runs[run - 1].first - 1;
        run--;
    }
    if (run == 0 && (hint < t->base_index || t->base_term > term))
        return t->base_index > 0 ? t->base_index - 1 : 0;
    return hint;
}

void trail_check(const struct trail *t)
{
    CHECK(t->base_index <= t->last_index);
    CHECK((t->run_count == 0) == (t->base_index == t->last_index));
    CHECK(t->run_count <= TRAIL_RUNS_MAX);
    if (t->run_count == 0)
        return;
    CHECK(t->runs[0].first == t->base_index + 1);
    CHECK(t->runs[0].term >= t->base_term);
    for (uint32_t i = 1; i < t->run_count; i++) {
        CHECK(t->runs[i - 1].first < t->runs[i].first);
        CHECK(t->runs[i - 1].term < t->runs[i].term);
    }
    CHECK(t->runs[t->run_count - 1].first <= t->last_index);
}
