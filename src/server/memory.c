/* memory.c -- what the process uses, for INFO and MEMORY STATS. */

#ifdef HAVE_CONFIG_H
#include <config.h> /* not ours beside it: the build's */
#endif
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "keyspace/graveyard.h"
#include "keyspace/keyspace.h"
#include "server/server.h"

#ifdef HAVE_JEMALLOC
/* An idle node has nothing that would make the allocator give back what it does not use. (The
 * allocator reads this name; MALLOC_CONF in the environment has the last word.) */
const char *malloc_conf = "background_thread:true";

static extent_hooks_t *plain_hooks, large_page_hooks;

/* (its signature is not ours) */
static void *alloc_large_pages(extent_hooks_t *hooks, void *at, size_t size, size_t alignment,
                               bool *zero, bool *commit, unsigned arena)
{
    (void)hooks;
    void *memory = plain_hooks->alloc(plain_hooks, at, size, alignment, zero, commit, arena);
    if (memory != NULL)
        madvise(memory, size, MADV_HUGEPAGE); /* where the kernel refuses, pages are small */
    return memory;
}

/* Rows lie all over the memory. With pages of 4 KiB most of a look-up is the walk through the page
 * tables, all the more in a virtual machine. Other threads have no rows, and large pages would have
 * each of them hold megabytes for a few buffers. */
void server_use_large_pages(void)
{
    unsigned arena;
    size_t size = sizeof(arena);
    char name[64];
    if (mallctl("thread.arena", &arena, &size, NULL, 0) != 0)
        return;
    snprintf(name, sizeof(name), "arena.%u.extent_hooks", arena);
    size = sizeof(plain_hooks);
    if (mallctl(name, &plain_hooks, &size, NULL, 0) != 0)
        return;
    large_page_hooks = *plain_hooks;
    large_page_hooks.alloc = alloc_large_pages;
    extent_hooks_t *const hooks = &large_page_hooks;
    mallctl(name, NULL, NULL, (void *)&hooks, sizeof(hooks)); /* or they stay as they are */
}
#else
void server_use_large_pages(void)
{
}
#endif

static uint64_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t allocated_bytes(void)
{
#ifdef HAVE_JEMALLOC
    uint64_t epoch = 1;
    size_t size = sizeof(epoch), allocated = 0;
    if (mallctl("epoch", &epoch, &size, &epoch, sizeof(epoch)) == 0) { /* figures of now */
        size = sizeof(allocated);
        if (mallctl("stats.allocated", &allocated, &size, NULL, 0) == 0)
            return allocated;
    }
    return resident_bytes();
#else
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#endif
}

void server_memory(struct server *s, struct memory_figures *memory)
{
    *memory = (struct memory_figures){.used = allocated_bytes(), .resident = resident_bytes()};
    s->stats.peak_memory = MAX(s->stats.peak_memory, memory->used);
    memory->peak = s->stats.peak_memory;
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        const struct conn *c = container_of(node, struct conn, node);
        memory->clients += sizeof(*c) + c->in.capacity + c->out.capacity;
    }
    if (s->shard == NULL)
        return;
    struct keyspace *k = shard_keyspace(s->shard);
    struct cache_stats cache;
    cache_stats(keyspace_cache(k), &cache);
    memory->cache = cache.bytes;
    memory->dirty = cache.dirty_bytes + cache.frozen_bytes;
    memory->hits = cache.hits;
    memory->misses = cache.misses;
    memory->buried = graveyard_count(k);
    memory->purged = graveyard_purged(k) - s->stats.purged_before;
    memory->dataset = keyspace_used_bytes(k);
    for (uint32_t db = 0; db < keyspace_database_count(k); db++)
        memory->keys += keyspace_size(k, db);
}

bool server_database(struct server *s, uint32_t n, struct database_figures *db)
{
    if (s->shard == NULL)
        return false;
    struct keyspace *k = shard_keyspace(s->shard);
    if (n >= keyspace_database_count(k))
        return false;
    *db = (struct database_figures){keyspace_size(k, n), keyspace_expires(k, n),
                                    keyspace_timed(k, n)};
    return true;
}

void server_purge_memory(void)
{
#ifdef HAVE_JEMALLOC
    char name[64];
    snprintf(name, sizeof(name), "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
    mallctl(name, NULL, NULL, NULL, 0);
#else
    malloc_trim(0);
#endif
}
