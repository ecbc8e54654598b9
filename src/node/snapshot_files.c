/* snapshot_files.c -- what a snapshot consists of: its files as one row of bytes, and the state
 * that they hold. */

#include "node/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/panic.h"
#include "keyspace/keyspace.h"
#include "kv/kv.h"
#include "machine/verify.h"

void snapshot_files_clear(struct snapshot_files *files)
{
    free(files->files);
    *files = (struct snapshot_files){0};
}

void snapshot_files_encode(const struct snapshot_files *files, struct buf *to)
{
    buf_append_le32(to, files->count);
    for (uint32_t i = 0; i < files->count; i++) {
        const size_t size = strlen(files->files[i].name);
        buf_append_u8(to, (uint8_t)size);
        buf_append(to, files->files[i].name, size);
        buf_append_le64(to, files->files[i].size);
    }
}

/* Letters, digits, '.', '_' and '-', no '.' first: it stays in its directory. */
static bool name_is_fine(struct bytes name)
{
    if (name.size == 0 || name.size > SNAPSHOT_NAME_MAX)
        return false;
    const char *at = name.data;
    for (size_t i = 0; i < name.size; i++) {
        const bool letter = (at[i] >= 'a' && at[i] <= 'z') || (at[i] >= 'A' && at[i] <= 'Z');
        const bool digit = at[i] >= '0' && at[i] <= '9';
        if (!letter && !digit && at[i] != '_' && at[i] != '-' && (at[i] != '.' || i == 0))
            return false;
    }
    return true;
}

static bool add_file(struct snapshot_files *files, struct bytes name, uint64_t size)
{
    if (!name_is_fine(name) || size > INT64_MAX - files->bytes)
        return false;
    struct snapshot_file *file = &files->files[files->count++];
    memcpy(file->name, name.data, name.size);
    file->name[name.size] = '\0';
    file->begin = files->bytes;
    file->size = size;
    files->bytes += size;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two files of one name would be written over each other. */
static const char *name_twice(const struct snapshot_files *files)
{
    const char *twice = NULL;
    const char **names = xcalloc(files->count, sizeof(*names));
    for (uint32_t i = 0; i < files->count; i++)
        names[i] = files->files[i].name;
    qsort(names, files->count, sizeof(*names), by_name);
    for (uint32_t i = 1; i < files->count && twice == NULL; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    free(names);
    return twice;
}

static enum status decode_files(struct bytes encoded, struct snapshot_files *files,
                                struct error *e)
{
    struct reader r;
    reader_init(&r, encoded);
    const uint32_t count = reader_le32(&r);
    if (r.failed || count == 0 || count > SNAPSHOT_FILES_MAX || count > reader_left(&r))
        return fail(e, STATUS_BAD_MESSAGE, "its list of files is cut off, or has too many: %"
                    PRIu32, count);
    files->files = xcalloc(count, sizeof(*files->files));
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes name = reader_bytes(&r, reader_u8(&r));
        const uint64_t size = reader_le64(&r);
        if (r.failed || !add_file(files, name, size))
            return fail(e, STATUS_BAD_MESSAGE, "its file %" PRIu32 " of %" PRIu32 " has a name or"
                        " a size that no file of a snapshot has", i + 1, count);
    }
    const char *twice = name_twice(files);
    if (twice != NULL)
        return fail(e, STATUS_BAD_MESSAGE, "its file %.63s is there twice", twice);
    return reader_left(&r) == 0 && files->bytes > 0
               ? STATUS_OK
               : fail(e, STATUS_BAD_MESSAGE, "its files are empty, or their list has bytes behind"
                      " its end");
}

enum status snapshot_files_decode(struct bytes encoded, struct snapshot_files *files,
                                  struct error *e)
{
    *files = (struct snapshot_files){0};
    const enum status status = decode_files(encoded, files, e);
    if (status != STATUS_OK)
        snapshot_files_clear(files);
    return status;
}

const struct snapshot_file *snapshot_file_at(const struct snapshot_files *files, uint64_t position)
{
    CHECK(position < files->bytes);
    uint32_t low = 0, high = files->count; /* the last file that begins at or before position */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (files->files[middle].begin <= position)
            low = middle;
        else
            high = middle;
    }
    CHECK(position - files->files[low].begin < files->files[low].size);
    return &files->files[low];
}

enum status snapshot_verify(const struct snapshot_place *place, const char *path,
                            bool (*read)(void *context, uint64_t bytes), void *context,
                            struct error *e)
{
    struct kv *kv;
    const struct kv_options options = {.path = path, .read_only = true};
    enum status status = kv_open(place->disk, &options, &kv, e);
    if (status != STATUS_OK)
        return status;
    const struct verify_pace pace = {context, read};
    status = machine_verify(kv, place->hash_key, &pace, e);
    kv_close(kv);
    return status;
}

enum status snapshot_look(const struct snapshot_place *place, const char *path,
                          struct snapshot_about *about, struct error *e)
{
    struct kv *kv;
    const struct kv_options options = {.path = path, .read_only = true};
    const enum status status = kv_open(place->disk, &options, &kv, e);
    if (status != STATUS_OK)
        return status;
    struct cache *cache = cache_new(kv, 0);
    struct keyspace *keyspace = keyspace_open(cache, place->hash_key);
    const struct applied applied = keyspace_applied(keyspace);
    about->index = applied.index;
    about->term = applied.term;
    about->clock_ms = applied.clock_ms;
    struct bytes config;
    buf_reset(&about->config);
    if (keyspace_system_get(keyspace, BYTES("config"), &config))
        buf_append_bytes(&about->config, config);
    keyspace_close(keyspace);
    cache_free(cache);
    kv_close(kv);
    return STATUS_OK;
}

static enum status add_listed(const struct snapshot_place *place, const char *dir,
                              const char *name, struct snapshot_files *files, struct error *e)
{
    char path[DISK_PATH_MAX];
    uint64_t size;
    enum status status = disk_join(path, dir, name, e);
    if (status == STATUS_OK)
        status = disk_size(place->disk, path, &size, e);
    if (status == STATUS_OK && !add_file(files, bytes_of(name, strlen(name)), size))
        return fail(e, STATUS_INVALID, "%.100s: no file of a snapshot", name);
    return status;
}

enum status snapshot_list(const struct snapshot_place *place, const char *path,
                          struct snapshot_files *files, struct error *e)
{
    struct buf names = {0};
    enum status status = disk_list(place->disk, path, &names, e);
    size_t count = 0;
    for (size_t i = 0; i < names.size; i++)
        count += buf_data(&names)[i] == '\0';
    snapshot_files_clear(files);
    if (status == STATUS_OK && count > SNAPSHOT_FILES_MAX)
        status = fail(e, STATUS_INVALID, "%.100s: more than %d files", path, SNAPSHOT_FILES_MAX);
    if (status == STATUS_OK)
        files->files = xcalloc(count + 1, sizeof(*files->files));
    const char *name = (const char *)buf_data(&names);
    for (size_t i = 0; status == STATUS_OK && i < count; i++, name += strlen(name) + 1)
        status = add_listed(place, path, name, files, e);
    buf_clear(&names);
    return status;
}
