/* linear.c -- the search: events in order of time as a linked list; a call may be placed while no
 * return of an operation that is not placed stands before it; placing takes its two events out, and
 * a dead end puts them back. What was tried before, by the set of placed operations and the state,
 * is not tried again. The set is known by the sum of 128 random bits per operation. */

#include "sim/linear.h"

#include <stdlib.h>

#include "base/panic.h"
#include "base/prng.h"

struct event {
    struct event *next, *prev;
    struct event *partner; /* a call's return, NULL when it never ended; of a return: NULL */
    uint64_t time;
    size_t op;
    bool is_call;
};

struct placed {
    struct event *call;
    int64_t state_before;
};

struct memory_key {
    uint64_t a, b;
};

struct search {
    const struct linear_op *ops;
    struct event *events; /* events[0] is the list's head */
    struct memory_key *tags;
    struct placed *stack;
    size_t depth;
    struct memory_key *seen; /* open addressing; {0, 0} = free */
    size_t seen_count, seen_size;
};

static struct memory_key mix_state(struct memory_key set, int64_t state)
{
    const uint64_t x = ((uint64_t)state ^ 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return (struct memory_key){set.a ^ x ^ (x >> 31), (set.b ^ (x >> 17)) | 1};
}

static bool seen_insert(struct search *s, struct memory_key key);

static void seen_grow(struct search *s)
{
    struct memory_key *old = s->seen;
    const size_t old_size = s->seen_size;
    s->seen_size = old_size == 0 ? 1024 : old_size * 2;
    s->seen = xcalloc(s->seen_size, sizeof(*s->seen));
    s->seen_count = 0;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].b != 0)
            seen_insert(s, old[i]);
    free(old);
}

/* false: it is there already. */
static bool seen_insert(struct search *s, struct memory_key key)
{
    if (s->seen_count * 2 >= s->seen_size)
        seen_grow(s);
    size_t at = key.a & (s->seen_size - 1);
    while (s->seen[at].b != 0) {
        if (s->seen[at].a == key.a && s->seen[at].b == key.b)
            return false;
        at = (at + 1) & (s->seen_size - 1);
    }
    s->seen[at] = key;
    s->seen_count++;
    return true;
}

/* Whether op can happen in *state (its result fits); *state is the state after it. */
static bool model_step(const struct linear_op *op, int64_t *state)
{
    const bool known = op->end != LINEAR_NEVER_ENDED;
    const int64_t before = *state;
    int64_t result = 0;

    switch (op->kind) {
    case LINEAR_GET:
        result = before;
        break;
    case LINEAR_SET:
        *state = op->argument;
        return true;
    case LINEAR_INCR:
        *state = result = (before == LINEAR_ABSENT ? 0 : before) + 1;
        break;
    case LINEAR_CAS:
        result = before == op->argument;
        if (result)
            *state = op->argument2;
        break;
    case LINEAR_DEL:
        result = before != LINEAR_ABSENT;
        *state = LINEAR_ABSENT;
        break;
    }
    return !known || result == op->result;
}

static int event_order(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (int)y->is_call - (int)x->is_call; /* of equal times: concurrent, so calls first */
}

static void build_events(struct search *s, size_t count)
{
    s->events = xcalloc(2 * count + 1, sizeof(*s->events));
    s->tags = xcalloc(count + 1, sizeof(*s->tags));
    s->stack = xcalloc(count + 1, sizeof(*s->stack));
    struct prng prng;
    prng_seed(&prng, 1);
    size_t n = 1;
    for (size_t i = 0; i < count; i++) {
        s->tags[i] = (struct memory_key){prng_next(&prng), prng_next(&prng) & ~(uint64_t)1};
        s->events[n++] = (struct event){.time = s->ops[i].start, .op = i, .is_call = true};
        if (s->ops[i].end != LINEAR_NEVER_ENDED)
            s->events[n++] = (struct event){.time = s->ops[i].end, .op = i};
    }
    qsort(s->events + 1, n - 1, sizeof(*s->events), event_order);

    struct event **call_of = xcalloc(count + 1, sizeof(*call_of));
    for (size_t i = 1; i < n; i++) {
        s->events[i].prev = &s->events[i - 1];
        s->events[i - 1].next = &s->events[i];
        if (s->events[i].is_call)
            call_of[s->events[i].op] = &s->events[i];
        else
            call_of[s->events[i].op]->partner = &s->events[i];
    }
    free(call_of);
}

static void take_out(struct event *e)
{
    e->prev->next = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
}

static void put_back(struct event *e)
{
    e->prev->next = e;
    if (e->next != NULL)
        e->next->prev = e;
}

static void lift(struct event *call)
{
    take_out(call);
    if (call->partner != NULL)
        take_out(call->partner);
}

static void unlift(struct event *call)
{
    if (call->partner != NULL)
        put_back(call->partner);
    put_back(call);
}

static enum linear_verdict run(struct search *s, int64_t state, uint64_t steps_max, size_t *culprit)
{
    struct memory_key set = {0, 0};
    size_t deepest = 0;
    struct event *e = s->events[0].next;

    while (e != NULL) { /* At the list's end every operation that returned is placed. */
        if (steps_max-- == 0)
            return LINEAR_GAVE_UP;
        if (e->is_call) {
            int64_t after = state;
            const struct memory_key tag = s->tags[e->op];
            const struct memory_key with = {set.a ^ tag.a, set.b ^ tag.b};
            if (model_step(&s->ops[e->op], &after) && seen_insert(s, mix_state(with, after))) {
                s->stack[s->depth++] = (struct placed){e, state};
                set = with;
                state = after;
                lift(e);
                e = s->events[0].next;
                continue;
            }
            e = e->next;
            continue;
        }
        if (s->depth >= deepest) {
            deepest = s->depth;
            *culprit = e->op;
        }
        if (s->depth == 0)
            return LINEAR_VIOLATED;
        const struct placed last = s->stack[--s->depth];
        set.a ^= s->tags[last.call->op].a;
        set.b ^= s->tags[last.call->op].b;
        state = last.state_before;
        unlift(last.call);
        e = last.call->next;
    }
    return LINEAR_OK;
}

enum linear_verdict linear_check(const struct linear_op *ops, size_t count, int64_t initial,
                                 uint64_t steps_max, size_t *culprit)
{
    struct search s = {.ops = ops};
    *culprit = 0;
    build_events(&s, count);
    const enum linear_verdict verdict = run(&s, initial, steps_max, culprit);
    free(s.events);
    free(s.tags);
    free(s.stack);
    free(s.seen);
    return verdict;
}
