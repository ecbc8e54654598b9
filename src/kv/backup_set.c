/* backup_set.c -- manifests and series: what is read of backups. Writing: backup_write.c. */

#include "kv/backup_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/panic.h"

#define MANIFEST_BYTES_MAX ((size_t)32 << 20)
#define TAKE_BYTES ((size_t)1 << 20)

static const uint8_t magic[8] = {'A', 'V', 'O', 'W', 'B', 'A', 'K', '1'};

/* --- manifest --------------------------------------------------------------------------------- */

void backup_manifest_clear(struct backup_manifest *m)
{
    free(m->files);
    buf_clear(&m->config);
    *m = (struct backup_manifest){0};
}

void backup_manifest_encode(const struct backup_manifest *m, struct buf *to)
{
    const size_t begin = to->size;
    buf_append(to, magic, sizeof(magic));
    buf_append_le64(to, m->made_ms);
    buf_append_le64(to, m->cluster);
    buf_append(to, m->hash_key, sizeof(m->hash_key));
    const uint64_t numbers[] = {m->node,       m->index,     m->term,         m->clock_ms,
                                m->last_index, m->last_term, m->last_clock_ms};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        buf_append_le64(to, numbers[i]);
    buf_append_le32(to, (uint32_t)m->config.size);
    buf_append_bytes(to, buf_bytes(&m->config));
    buf_append_le32(to, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct backup_file *file = &m->files[i];
        const size_t size = strlen(file->name);
        buf_append_u8(to, (uint8_t)size);
        buf_append(to, file->name, size);
        buf_append_le64(to, file->size);
        buf_append_le32(to, file->crc);
    }
    buf_append_le32(to, crc32c(0, bytes_from(buf_bytes(to), begin)));
}

/* Letters, digits, '.', '_' and '-', no '.' first. */
static bool is_plain(struct bytes name)
{
    const char *at = name.data;
    if (name.size == 0 || at[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        const bool letter = (at[i] >= 'a' && at[i] <= 'z') || (at[i] >= 'A' && at[i] <= 'Z');
        const bool digit = at[i] >= '0' && at[i] <= '9';
        if (!letter && !digit && at[i] != '_' && at[i] != '-' && at[i] != '.')
            return false;
    }
    return true;
}

static bool name_is_fine(struct bytes name)
{
    if (name.size > BACKUP_NAME_MAX)
        return false;
    if (bytes_has_prefix(name, BYTES("state/")))
        return is_plain(bytes_from(name, 6));
    return bytes_has_prefix(name, BYTES("log/")) && is_plain(bytes_from(name, 4));
}

static bool decode_file(struct reader *r, struct backup_file *file)
{
    const struct bytes name = reader_bytes(r, reader_u8(r));
    file->size = reader_le64(r);
    file->crc = reader_le32(r);
    if (r->failed || file->size > INT64_MAX || !name_is_fine(name))
        return false;
    memcpy(file->name, name.data, name.size);
    file->name[name.size] = '\0';
    return true;
}

static bool decode_numbers(struct reader *r, struct backup_manifest *m)
{
    const struct bytes begin = reader_bytes(r, sizeof(magic));
    m->made_ms = reader_le64(r);
    m->cluster = reader_le64(r);
    const struct bytes key = reader_bytes(r, sizeof(m->hash_key));
    uint64_t *const numbers[] = {&m->node,       &m->index,     &m->term,         &m->clock_ms,
                                 &m->last_index, &m->last_term, &m->last_clock_ms};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        *numbers[i] = reader_le64(r);
    const struct bytes config = reader_bytes(r, reader_le32(r));
    m->count = reader_le32(r);
    if (r->failed || !bytes_equal(begin, bytes_of(magic, sizeof(magic))))
        return false;
    memcpy(m->hash_key, key.data, sizeof(m->hash_key));
    buf_append_bytes(&m->config, config);
    return m->count <= BACKUP_FILES_MAX && m->count <= reader_left(r) && m->index > 0 &&
           m->last_index >= m->index && m->last_index < UINT64_MAX;
}

bool backup_manifest_decode(struct bytes encoded, struct backup_manifest *m)
{
    *m = (struct backup_manifest){0};
    if (encoded.size < 4)
        return false;
    const struct bytes body = bytes_of(encoded.data, encoded.size - 4);
    struct reader r, end;
    reader_init(&end, bytes_from(encoded, body.size));
    reader_init(&r, body);
    bool fine = crc32c(0, body) == reader_le32(&end) && decode_numbers(&r, m);
    if (fine)
        m->files = xcalloc(m->count + 1, sizeof(*m->files));
    for (uint32_t i = 0; fine && i < m->count; i++)
        fine = decode_file(&r, &m->files[i]) &&
               (i == 0 || strcmp(m->files[i - 1].name, m->files[i].name) < 0);
    if (fine && reader_left(&r) == 0)
        return true;
    backup_manifest_clear(m);
    return false;
}

enum status backup_manifest_read(struct disk *disk, const char *backup, struct backup_manifest *m,
                                 struct error *e)
{
    char path[DISK_PATH_MAX];
    struct buf bytes = {0};
    *m = (struct backup_manifest){0};
    enum status status = disk_join(path, backup, "MANIFEST", e);
    if (status == STATUS_OK)
        status = disk_read(disk, path, (struct disk_span){0, MANIFEST_BYTES_MAX}, &bytes, e);
    if (status == STATUS_OK && !backup_manifest_decode(buf_bytes(&bytes), m))
        status = fail(e, STATUS_CORRUPT, "%.200s is damaged", path);
    buf_clear(&bytes);
    return status;
}

/* --- series ----------------------------------------------------------------------------------- */

enum status backup_path(const char *dir, uint64_t number, char path[static DISK_PATH_MAX],
                        struct error *e)
{
    char name[BACKUP_NUMBER_SIZE];
    snprintf(name, sizeof(name), "%06" PRIu64, number);
    return disk_join(path, dir, name, e);
}

/* Whether the directory has a MANIFEST: only then is it a backup. */
static enum status add_if_whole(struct disk *disk, const char *dir, uint64_t number,
                                struct buf *numbers, struct error *e)
{
    char path[DISK_PATH_MAX], manifest[DISK_PATH_MAX];
    uint64_t size;
    enum status status = backup_path(dir, number, path, e);
    if (status == STATUS_OK)
        status = disk_join(manifest, path, "MANIFEST", e);
    if (status == STATUS_OK)
        status = disk_size(disk, manifest, &size, e);
    if (status == STATUS_OK)
        buf_append(numbers, &number, sizeof(number));
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

enum status backup_list(struct disk *disk, const char *dir, struct buf *numbers, struct error *e)
{
    struct buf names = {0};
    char path[DISK_PATH_MAX];
    uint64_t size;
    enum status status = disk_join(path, dir, "SERIES", e);
    if (status == STATUS_OK)
        status = disk_size(disk, path, &size, e);
    if (status == STATUS_OK)
        status = disk_list(disk, dir, &names, e);
    const char *name = (const char *)buf_data(&names), *end = name + names.size;
    for (; status == STATUS_OK && name < end; name += strlen(name) + 1) {
        char *rest;
        const uint64_t number = strtoull(name, &rest, 10);
        if (*rest == '\0' && number > 0 && number < UINT32_MAX && strlen(name) >= 6)
            status = add_if_whole(disk, dir, number, numbers, e);
    }
    buf_clear(&names);
    if (status == STATUS_OK && numbers->size > 0)
        qsort(buf_data(numbers), numbers->size / sizeof(uint64_t), sizeof(uint64_t), by_number);
    return status;
}

/* --- files ------------------------------------------------------------------------------------ */

enum status backup_take(struct disk *disk, const char *backup, const struct backup_file *file,
                        const char *path, struct error *e)
{
    char from[DISK_PATH_MAX];
    struct buf chunk = {0};
    uint64_t size = 0;
    uint32_t crc = 0;
    enum status status = disk_join(from, backup, file->name, e);
    if (status == STATUS_OK && path != NULL) /* an empty file is to be there too */
        status = disk_write(disk, path, 0, BYTES_NONE, e);
    while (status == STATUS_OK) {
        buf_reset(&chunk);
        status = disk_read(disk, from, (struct disk_span){size, TAKE_BYTES}, &chunk, e);
        if (status != STATUS_OK || chunk.size == 0)
            break;
        crc = crc32c(crc, buf_bytes(&chunk));
        if (path != NULL)
            status = disk_write(disk, path, size, buf_bytes(&chunk), e);
        size += chunk.size;
    }
    buf_clear(&chunk);
    if (status == STATUS_NOT_FOUND)
        return fail(e, STATUS_CORRUPT, "%.200s is missing", from);
    if (status == STATUS_OK && (size != file->size || crc != file->crc))
        return fail(e, STATUS_CORRUPT, "%.200s is damaged: size or checksum is wrong", from);
    return status == STATUS_OK && path != NULL ? disk_sync(disk, path, e) : status;
}
