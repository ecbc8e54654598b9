/* node_dir.c -- opens what a node has left. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "check/check.h"
#include "keyspace/keyspace.h"
#include "kv/disk.h"
#include "kv/kv.h"
#include "machine/entry.h"

#define CACHE_BYTES ((size_t)1 << 20)

/* state/CURRENT names the generation; without it nothing was ever flushed. */
static enum status open_state(struct node_dir *n, struct error *e)
{
    char path[DISK_PATH_MAX], number[24];
    struct buf current = {0};
    enum status status = disk_join(path, n->dir, "state/CURRENT", e);
    if (status == STATUS_OK)
        status = disk_read(n->disk, path, (struct disk_span){0, sizeof(number) - 1}, &current, e);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    snprintf(number, sizeof(number), "%.*s", (int)current.size, (const char *)buf_data(&current));
    buf_clear(&current);
    n->generation = strtoull(number, NULL, 10);
    if (n->generation == 0)
        return fail(e, STATUS_CORRUPT, "%.200s does not name a generation", path);
    char name[48];
    snprintf(name, sizeof(name), "state/%" PRIu64, n->generation);
    status = disk_join(path, n->dir, name, e);
    const struct kv_options options = {.path = path, .read_only = true};
    return status == STATUS_OK ? kv_open(n->disk, &options, &n->state, e) : status;
}

static void take_members(struct node_dir *n, uint64_t index, struct bytes payload)
{
    struct members found;
    n->level = MAX(n->level, config_level(payload));
    if (index < n->members_index || !members_decode(payload, &found))
        return;
    n->members = found;
    n->members_index = index;
    n->has_members = true;
}

static void read_state(struct node_dir *n)
{
    if (n->state == NULL)
        return;
    struct cache *cache = cache_new(n->state, CACHE_BYTES);
    struct keyspace *k = keyspace_open(cache, n->recovered.identity.hash_key);
    const struct applied applied = keyspace_applied(k);
    n->applied_index = applied.index;
    n->applied_term = applied.term;
    n->clock_ms = applied.clock_ms;
    n->digest = keyspace_digest(k);
    for (uint32_t db = 0; db < keyspace_database_count(k); db++)
        n->keys += keyspace_size(k, db);
    struct bytes config;
    if (keyspace_system_get(k, BYTES("config"), &config))
        take_members(n, 0, config);
    keyspace_close(k);
    cache_free(cache);
}

enum status node_dir_open(struct node_dir *n, const char *dir, bool read_only, struct error *e)
{
    *n = (struct node_dir){.disk = disk_real(), .dir = dir};
    const struct log_store_options options = {.disk = n->disk, .dir = dir, .read_only = read_only};
    char path[DISK_PATH_MAX];
    struct buf names = {0};
    /* Not even a LOCK is made where no node ever was. */
    enum status status = disk_join(path, dir, "log", e);
    if (status == STATUS_OK)
        status = disk_list(n->disk, path, &names, e);
    buf_clear(&names);
    if (status == STATUS_NOT_FOUND)
        return fail(e, status, "%.200s is not the directory of a node: it has no log in it", dir);
    if (status == STATUS_OK)
        status = disk_lock(dir, &n->lock, e);
    if (status == STATUS_OK)
        status = log_store_open(&options, &n->log, &n->recovered, e);
    if (status == STATUS_OK)
        status = open_state(n, e);
    if (status != STATUS_OK)
        return status;
    read_state(n);
    for (size_t i = 0; i < n->recovered.config_count; i++)
        take_members(n, n->recovered.configs[i].index, n->recovered.configs[i].config);
    return STATUS_OK;
}

void node_dir_close(struct node_dir *n)
{
    kv_close(n->state);
    log_store_close(n->log);
    log_recovered_clear(&n->recovered);
    disk_unlock(n->lock);
}

uint64_t node_dir_term(const struct node_dir *n, uint64_t index)
{
    const struct log_recovered *r = &n->recovered;
    if (index == r->base_index)
        return r->base_term;
    if (index < r->base_index || index > r->last_index)
        return 0;
    uint64_t term = 0;
    for (size_t i = 0; i < r->run_count && r->runs[i].first <= index; i++)
        term = r->runs[i].term;
    return term;
}

void describe_nodes(const struct node_dir *n, const struct raft_set *set, struct buf *to)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct peer_address *address = book_find(&n->members.book, set->node[i]);
        buf_printf(to, "%s%" PRIu64, i == 0 ? "" : " ", set->node[i]);
        if (address != NULL && address->host[0] != '\0')
            buf_printf(to, "=%s:%u", address->host, (unsigned)address->port);
    }
}
