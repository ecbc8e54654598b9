/* restore_log.c -- see restore_log.h. Segments may overlap; of those that have the next entry any
 * sound one will do, since committed entries are the same everywhere. */

#include "check/restore_log.h"

#include <string.h>

#include "base/panic.h"

enum status restore_log_open(struct restore_log *l, const char *dir, struct error *e)
{
    if (l->source_count == LOG_SOURCES)
        return fail(e, STATUS_INVALID, "an archive of more than %d nodes", LOG_SOURCES);
    struct log_source *source = &l->sources[l->source_count];
    if (strlen(dir) >= sizeof(source->dir))
        return fail(e, STATUS_INVALID, "the path %.100s is too long", dir);
    strcpy(source->dir, dir);
    const enum status status = segment_list(l->disk, dir, l->cluster, &source->names, e);
    l->source_count += status == STATUS_OK;
    return status;
}

enum status restore_log_archive(struct restore_log *l, const char *dir, struct error *e)
{
    struct buf names = {0};
    char path[DISK_PATH_MAX];
    enum status status = restore_log_open(l, dir, e);
    if (status == STATUS_OK)
        status = disk_list(l->disk, dir, &names, e);
    const char *name = (const char *)buf_data(&names), *end = name + names.size;
    for (; status == STATUS_OK && name < end; name += strlen(name) + 1) {
        if (strncmp(name, "node-", 5) != 0)
            continue;
        status = disk_join(path, dir, name, e);
        if (status == STATUS_OK)
            status = restore_log_open(l, path, e);
    }
    buf_clear(&names);
    return status;
}

void restore_log_close(struct restore_log *l)
{
    for (size_t i = 0; i < l->source_count; i++)
        segment_names_clear(&l->sources[i].names);
    segment_clear(&l->segment);
}

static bool has_next(const struct restore_log *l)
{
    const struct segment *s = &l->segment;
    return s->count > 0 && l->next >= s->first && l->next - s->first < s->count;
}

/* Reads the segments of one source that have the next entry, until one is sound. */
static enum status read_from(struct restore_log *l, const struct log_source *source,
                             uint64_t *first_behind, struct error *e)
{
    enum status status = STATUS_NOT_FOUND;
    for (size_t i = 0; i < source->names.count; i++) {
        const struct segment_name *name = &source->names.names[i];
        if (name->first > l->next) {
            if (*first_behind == 0 || name->first < *first_behind)
                *first_behind = name->first;
            break;
        }
        if (name->last < l->next)
            continue;
        segment_clear(&l->segment);
        status = segment_read(l->disk, source->dir, name, &l->segment, e);
        if (status == STATUS_OK)
            return STATUS_OK;
    }
    return status;
}

enum status restore_log_next(struct restore_log *l, const struct segment_entry **entry,
                             uint64_t *first_behind, struct error *e)
{
    enum status status = has_next(l) ? STATUS_OK : STATUS_NOT_FOUND;
    *first_behind = 0;
    for (size_t i = 0; status != STATUS_OK && i < l->source_count; i++) {
        const enum status found = read_from(l, &l->sources[i], first_behind, e);
        if (found != STATUS_NOT_FOUND)
            status = found;
    }
    if (status != STATUS_OK)
        return status;
    *entry = &l->segment.entries[l->next - l->segment.first];
    l->next++;
    return STATUS_OK;
}
