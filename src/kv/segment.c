/* segment.c -- see segment.h. */

#include "kv/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/encode.h"
#include "base/panic.h"

static const uint8_t magic[8] = {'A', 'V', 'O', 'W', 'S', 'E', 'G', '1'};

/* --- writing ---------------------------------------------------------------------------------- */

void segment_begin(struct segment_writer *w, uint64_t cluster, uint64_t first)
{
    buf_reset(&w->bytes);
    w->cluster = cluster;
    w->first = first;
    w->count = 0;
    buf_append(&w->bytes, magic, sizeof(magic));
    buf_append_le64(&w->bytes, cluster);
    buf_append_le64(&w->bytes, first);
    buf_append_le64(&w->bytes, 0); /* count and checksum: segment_write() */
}

static uint32_t entry_crc(uint64_t index, struct bytes behind)
{
    uint8_t number[8];
    put_le64(number, index);
    return crc32c(crc32c(0, bytes_of(number, sizeof(number))), behind);
}

void segment_add(struct segment_writer *w, const struct log_entry *entry, uint64_t clock_ms)
{
    CHECK(entry->payload.size <= LOG_PAYLOAD_MAX);
    const size_t at = w->bytes.size;
    buf_append_le32(&w->bytes, (uint32_t)entry->payload.size);
    buf_append_le32(&w->bytes, 0);
    buf_append_le64(&w->bytes, entry->term);
    buf_append_le64(&w->bytes, clock_ms);
    buf_append_u8(&w->bytes, entry->kind);
    buf_append_bytes(&w->bytes, entry->payload);
    const struct bytes behind = bytes_from(buf_bytes(&w->bytes), at + 8);
    put_le32(buf_data(&w->bytes) + at + 4, entry_crc(w->first + w->count, behind));
    w->count++;
}

enum status segment_write(struct segment_writer *w, struct disk *disk, const char *dir,
                          struct error *e)
{
    CHECK(w->count > 0);
    uint8_t *head = buf_data(&w->bytes);
    put_le32(head + 24, w->count);
    put_le32(head + 28, crc32c(0, bytes_of(head, 28)));
    char text[SEGMENT_NAME_SIZE], path[DISK_PATH_MAX];
    const struct segment_name name = {w->cluster, w->first, w->first + w->count - 1};
    segment_name_text(&name, text);
    const enum status status = disk_join(path, dir, text, e);
    return status == STATUS_OK ? disk_replace(disk, path, buf_bytes(&w->bytes), e) : status;
}

void segment_writer_clear(struct segment_writer *w)
{
    buf_clear(&w->bytes);
}

/* --- names ------------------------------------------------------------------------------------ */

void segment_name_text(const struct segment_name *name, char text[static SEGMENT_NAME_SIZE])
{
    snprintf(text, SEGMENT_NAME_SIZE, "%016" PRIx64 "-%020" PRIu64 "-%020" PRIu64 ".segment",
             name->cluster, name->first, name->last);
}

static uint64_t number_in(const char *text, size_t digits, int base)
{
    char copy[24];
    memcpy(copy, text, digits);
    copy[digits] = '\0';
    return strtoull(copy, NULL, base);
}

/* What is read is written again: only what we would have written is a name. */
bool segment_name_parse(const char *text, struct segment_name *name)
{
    char again[SEGMENT_NAME_SIZE];
    if (strlen(text) != 16 + 1 + 20 + 1 + 20 + strlen(".segment"))
        return false;
    name->cluster = number_in(text, 16, 16);
    name->first = number_in(text + 17, 20, 10);
    name->last = number_in(text + 38, 20, 10);
    segment_name_text(name, again);
    return strcmp(text, again) == 0 && name->first > 0 && name->first <= name->last &&
           name->last < UINT64_MAX;
}

static int by_first(const void *a, const void *b)
{
    const struct segment_name *one = a, *other = b;
    if (one->first != other->first)
        return one->first < other->first ? -1 : 1;
    return one->last < other->last ? -1 : one->last > other->last;
}

enum status segment_list(struct disk *disk, const char *dir, uint64_t cluster,
                         struct segment_names *list, struct error *e)
{
    struct buf names = {0}, found = {0};
    *list = (struct segment_names){0};
    const enum status status = disk_list(disk, dir, &names, e);
    const char *name = (const char *)buf_data(&names), *end = name + names.size;
    for (; status == STATUS_OK && name < end; name += strlen(name) + 1) {
        struct segment_name parsed;
        if (segment_name_parse(name, &parsed) && parsed.cluster == cluster)
            buf_append(&found, &parsed, sizeof(parsed));
    }
    buf_clear(&names);
    list->count = found.size / sizeof(*list->names);
    if (list->count > 0) {
        list->names = xmalloc(found.size);
        memcpy(list->names, buf_data(&found), found.size);
        qsort(list->names, list->count, sizeof(*list->names), by_first);
    }
    buf_clear(&found);
    return status;
}

void segment_names_clear(struct segment_names *list)
{
    free(list->names);
    *list = (struct segment_names){0};
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool decode_entry(struct reader *r, uint64_t index, struct segment_entry *to)
{
    const uint32_t size = reader_le32(r);
    const uint32_t crc = reader_le32(r);
    if (r->failed || size > LOG_PAYLOAD_MAX || reader_left(r) < size + SEGMENT_ENTRY_HEAD - 8)
        return false;
    struct reader behind = *r;
    if (entry_crc(index, reader_bytes(&behind, size + SEGMENT_ENTRY_HEAD - 8)) != crc)
        return false;
    to->entry.term = reader_le64(r);
    to->clock_ms = reader_le64(r);
    to->entry.kind = reader_u8(r);
    to->entry.payload = reader_bytes(r, size);
    return !r->failed;
}

static bool decode_head(struct reader *r, struct segment *s)
{
    struct reader whole = *r;
    const uint32_t crc = crc32c(0, reader_bytes(&whole, SEGMENT_HEAD_SIZE - 4));
    const struct bytes begin = reader_bytes(r, sizeof(magic));
    s->cluster = reader_le64(r);
    s->first = reader_le64(r);
    s->count = reader_le32(r);
    const uint32_t stored = reader_le32(r);
    return !r->failed && bytes_equal(begin, bytes_of(magic, sizeof(magic))) && stored == crc &&
           s->first > 0 && s->count > 0 && s->first < UINT64_MAX - s->count &&
           s->count <= reader_left(r) / SEGMENT_ENTRY_HEAD;
}

bool segment_decode(struct buf *bytes, struct segment *s)
{
    *s = (struct segment){.memory = *bytes};
    *bytes = (struct buf){0};
    struct reader r;
    reader_init(&r, buf_bytes(&s->memory));
    bool fine = decode_head(&r, s);
    if (fine)
        s->entries = xcalloc(s->count, sizeof(*s->entries));
    for (size_t i = 0; fine && i < s->count; i++) {
        fine = decode_entry(&r, s->first + i, &s->entries[i]);
        if (fine && i > 0) /* neither terms nor the clock fall along a log */
            fine = s->entries[i].entry.term >= s->entries[i - 1].entry.term &&
                   s->entries[i].clock_ms >= s->entries[i - 1].clock_ms;
    }
    if (fine && reader_left(&r) == 0)
        return true;
    segment_clear(s);
    return false;
}

enum status segment_read(struct disk *disk, const char *dir, const struct segment_name *name,
                         struct segment *s, struct error *e)
{
    char text[SEGMENT_NAME_SIZE], path[DISK_PATH_MAX];
    struct buf bytes = {0};
    *s = (struct segment){0};
    segment_name_text(name, text);
    enum status status = disk_join(path, dir, text, e);
    if (status == STATUS_OK)
        status = disk_read(disk, path, (struct disk_span){0, SEGMENT_FILE_MAX}, &bytes, e);
    if (status != STATUS_OK) {
        buf_clear(&bytes);
        return status;
    }
    if (segment_decode(&bytes, s) && s->cluster == name->cluster && s->first == name->first &&
        s->first + s->count - 1 == name->last)
        return STATUS_OK;
    segment_clear(s);
    return fail(e, STATUS_CORRUPT, "%.200s is damaged: its checksums are wrong", path);
}

void segment_clear(struct segment *s)
{
    free(s->entries);
    buf_clear(&s->memory);
    *s = (struct segment){0};
}
