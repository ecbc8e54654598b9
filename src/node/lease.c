/* lease.c -- the sequence lock. All fields are atomics, so that a torn read is a value that the
 * sequence then rejects, not undefined behaviour; the fences order them (Boehm, "Can seqlocks get
 * along with programming language memory models?", 2012). */

#include "node/lease.h"

#define TRIES_MAX 64 /* a writer that is preempted half way: the read goes the long way */

void lease_init(struct lease *l)
{
    atomic_init(&l->sequence, 0);
    atomic_init(&l->end_us, 0);
    atomic_init(&l->commit_index, 0);
    atomic_init(&l->clock_ms, 0);
}

void lease_publish(struct lease *l, const struct lease_value *value)
{
    const uint_fast64_t sequence = atomic_load_explicit(&l->sequence, memory_order_relaxed);
    atomic_store_explicit(&l->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&l->end_us, value->end_us, memory_order_relaxed);
    atomic_store_explicit(&l->commit_index, value->commit_index, memory_order_relaxed);
    atomic_store_explicit(&l->clock_ms, value->clock_ms, memory_order_relaxed);
    atomic_store_explicit(&l->sequence, sequence + 2, memory_order_seq_cst);
}

bool lease_load(const struct lease *l, struct lease_value *value)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        const uint_fast64_t before = atomic_load_explicit(&l->sequence, memory_order_acquire);
        value->end_us = atomic_load_explicit(&l->end_us, memory_order_relaxed);
        value->commit_index = atomic_load_explicit(&l->commit_index, memory_order_relaxed);
        value->clock_ms = atomic_load_explicit(&l->clock_ms, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        const uint_fast64_t after = atomic_load_explicit(&l->sequence, memory_order_relaxed);
        if (before == after && before % 2 == 0)
            return value->end_us != 0;
    }
    return false;
}
