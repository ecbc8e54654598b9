/* state_store.c -- generations of the state database; see state_store.h.
 *
 * The one commit point is the replacement of CURRENT. What it does not name is not there: it is
 * swept at the next open. */

#include "kv/state_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "kv/disk.h"
#include "kv/kv.h"

#define CURRENT_NAME "CURRENT"
#define INCOMING_NAME "incoming"
#define CURRENT_BYTES_MAX 32

struct state_store {
    struct disk *disk;
    struct kv *kv; /* NULL after a failed install */
    uint64_t generation;
    size_t block_cache_bytes;
    char dir[DISK_PATH_MAX]; /* .../state */
    char current[DISK_PATH_MAX];
    char incoming[DISK_PATH_MAX];
    char checkpoint[DISK_PATH_MAX]; /* the last one made */
};

static enum status set_paths(struct state_store *s, const struct state_store_options *options,
                             struct error *e)
{
    enum status status = disk_join(s->dir, options->dir, "state", e);
    if (status == STATUS_OK)
        status = disk_join(s->current, s->dir, CURRENT_NAME, e);
    if (status == STATUS_OK)
        status = disk_join(s->incoming, s->dir, INCOMING_NAME, e);
    return status;
}

static enum status generation_path(const struct state_store *s, uint64_t generation,
                                   char path[static DISK_PATH_MAX], struct error *e)
{
    char name[INT64_DIGITS];
    snprintf(name, sizeof(name), "%" PRIu64, generation);
    return disk_join(path, s->dir, name, e);
}

/* 0 when there is no CURRENT. */
static enum status read_current(struct state_store *s, struct error *e)
{
    struct buf text = {0};
    const struct disk_span span = {0, CURRENT_BYTES_MAX};
    enum status status = disk_read(s->disk, s->current, span, &text, e);
    s->generation = 0;
    if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        const struct bytes all = buf_bytes(&text);
        const size_t digits = all.size == 0 ? 0 : all.size - 1;
        if (digits == 0 || bytes_data(all)[digits] != '\n' ||
            !bytes_to_uint64(bytes_of(all.data, digits), &s->generation) || s->generation == 0)
            status = fail(e, STATUS_CORRUPT, "%.200s does not name a generation", s->current);
    }
    buf_clear(&text);
    return status;
}

static enum status write_current(struct state_store *s, uint64_t generation, struct error *e)
{
    char text[CURRENT_BYTES_MAX];
    const int size = snprintf(text, sizeof(text), "%" PRIu64 "\n", generation);
    const enum status status =
        disk_replace(s->disk, s->current, bytes_of(text, (size_t)size), e);
    if (status == STATUS_OK)
        s->generation = generation;
    return status;
}

static enum status open_generation(struct state_store *s, uint64_t generation, bool create,
                                   struct error *e)
{
    char path[DISK_PATH_MAX];
    const enum status status = generation_path(s, generation, path, e);
    if (status != STATUS_OK)
        return status;
    const struct kv_options options = {
        .path = path, .create_if_missing = create, .block_cache_bytes = s->block_cache_bytes};
    return kv_open(s->disk, &options, &s->kv, e);
}

/* Removes all but CURRENT, the generation in use, and perhaps incoming. */
static enum status sweep(struct state_store *s, bool keep_incoming, struct error *e)
{
    char keep[INT64_DIGITS];
    snprintf(keep, sizeof(keep), "%" PRIu64, s->generation);
    struct buf names = {0};
    enum status status = disk_list(s->disk, s->dir, &names, e);
    const char *name = (const char *)buf_data(&names);
    const char *end = name + names.size;
    for (; status == STATUS_OK && name < end; name += strlen(name) + 1) {
        if (strcmp(name, CURRENT_NAME) == 0 || strcmp(name, keep) == 0 ||
            (keep_incoming && strcmp(name, INCOMING_NAME) == 0))
            continue;
        char path[DISK_PATH_MAX];
        status = disk_join(path, s->dir, name, e);
        if (status == STATUS_OK)
            status = disk_remove(s->disk, path, e);
    }
    buf_clear(&names);
    return status;
}

static enum status open_current(struct state_store *s, struct error *e)
{
    enum status status = disk_make_dir(s->disk, s->dir, e);
    if (status == STATUS_OK)
        status = read_current(s, e);
    if (status == STATUS_OK)
        status = sweep(s, true, e);
    if (status != STATUS_OK)
        return status;
    if (s->generation == 0) {
        status = open_generation(s, 1, true, e);
        return status == STATUS_OK ? write_current(s, 1, e) : status;
    }
    status = open_generation(s, s->generation, false, e);
    if (status == STATUS_NOT_FOUND)
        return fail(e, STATUS_CORRUPT, "%.200s names generation %" PRIu64 ", which is not there",
                    s->current, s->generation);
    return status;
}

enum status state_store_open(const struct state_store_options *options, struct state_store **store,
                             struct error *e)
{
    struct state_store *s = xcalloc(1, sizeof(*s));
    s->disk = options->disk;
    s->block_cache_bytes = options->block_cache_bytes;
    *store = NULL;
    enum status status = set_paths(s, options, e);
    if (status == STATUS_OK)
        status = open_current(s, e);
    if (status != STATUS_OK) {
        state_store_close(s);
        return status;
    }
    *store = s;
    return STATUS_OK;
}

void state_store_close(struct state_store *store)
{
    if (store == NULL)
        return;
    kv_close(store->kv);
    free(store);
}

struct kv *state_store_kv(struct state_store *store)
{
    CHECK(store->kv != NULL);
    return store->kv;
}

uint64_t state_store_generation(const struct state_store *store)
{
    return store->generation;
}

const char *state_store_incoming(const struct state_store *store)
{
    return store->incoming;
}

enum status state_store_inspect(struct state_store *store, struct kv **kv, struct error *e)
{
    const struct kv_options options = {.path = store->incoming, .read_only = true};
    return kv_open(store->disk, &options, kv, e);
}

enum status state_store_install(struct state_store *store, struct error *e)
{
    const uint64_t next = store->generation + 1;
    char path[DISK_PATH_MAX];
    enum status status = generation_path(store, next, path, e);
    if (status != STATUS_OK)
        return status;
    kv_close(store->kv);
    store->kv = NULL;
    /* A generation of that number may be left from an install that ended before CURRENT. */
    status = disk_remove(store->disk, path, e);
    if (status == STATUS_OK)
        status = disk_rename(store->disk, store->incoming, path, e);
    if (status == STATUS_OK)
        status = write_current(store, next, e); /* from here on it counts */
    if (status == STATUS_OK)
        status = open_generation(store, next, false, e);
    if (status == STATUS_OK)
        status = sweep(store, true, e);
    return status;
}

static enum status checkpoint_path(const struct state_store *s, uint64_t id,
                                   char path[static DISK_PATH_MAX], struct error *e)
{
    char name[40];
    snprintf(name, sizeof(name), "checkpoint-%" PRIu64, id);
    return disk_join(path, s->dir, name, e);
}

enum status state_store_checkpoint(struct state_store *store, uint64_t id, const char **path,
                                   struct error *e)
{
    enum status status = checkpoint_path(store, id, store->checkpoint, e);
    if (status == STATUS_OK)
        status = disk_remove(store->disk, store->checkpoint, e);
    if (status == STATUS_OK)
        status = kv_checkpoint(state_store_kv(store), store->checkpoint, e);
    *path = store->checkpoint;
    return status;
}

enum status state_store_drop_checkpoint(struct state_store *store, uint64_t id, struct error *e)
{
    char path[DISK_PATH_MAX];
    const enum status status = checkpoint_path(store, id, path, e);
    return status == STATUS_OK ? disk_remove(store->disk, path, e) : status;
}

enum status state_store_set_damaged(struct state_store *store, const char *why, struct error *e)
{
    char dir[DISK_PATH_MAX], path[DISK_PATH_MAX];
    enum status status = generation_path(store, store->generation, dir, e);
    if (status == STATUS_OK)
        status = disk_join(path, dir, KV_DAMAGE_FILE, e);
    if (status == STATUS_OK)
        status = disk_replace(store->disk, path, bytes_from_string(why), e);
    return status;
}

/* CURRENT goes first: what it does not name is not there. */
enum status state_store_discard(const struct state_store_options *options, struct error *e)
{
    struct state_store s = {.disk = options->disk};
    enum status status = set_paths(&s, options, e);
    if (status == STATUS_OK)
        status = disk_remove(s.disk, s.current, e);
    if (status == STATUS_OK)
        status = disk_remove(s.disk, s.dir, e);
    return status;
}
