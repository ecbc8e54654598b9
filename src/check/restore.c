/* restore.c -- a node's directory is made of a backup: its state, and the log behind it up to the
 * point that is wanted.
 *
 *   choose the backup -> DIR.part/state/1 <- files, each compared with its checksum
 *                     -> DIR.part/log     <- segments of the backup, of the archive | CONFIG
 *                     -> DIR
 *
 * As with recover, the node is a cluster of its own, with a new id, and a secret of its own. The
 * directory gets its name last: before that there is nothing to start. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/panic.h"
#include "base/prng.h"
#include "check/check.h"
#include "check/restore_log.h"
#include "kv/backup_set.h"
#include "machine/entry.h"
#include "raft/types.h"

#define WRITE_BYTES ((size_t)8 << 20)
#define WRITE_ENTRIES 1024
#define ENTRIES_MAX (1u << 21) /* between state and point: half of what a node's log takes */
#define TERMS_MAX 1000         /* the same: a log has at most 1024 */

struct restore {
    const struct restore_options *o;
    struct disk *disk;
    char backup[DISK_PATH_MAX], part[DISK_PATH_MAX];
    struct backup_manifest manifest;
    struct restore_log source;
    struct log_store *log;
    struct members members; /* the newest configuration up to here */
    uint64_t index, term, clock_ms; /* what is written so far */
    uint64_t terms;
    /* one write */
    struct log_entry entries[WRITE_ENTRIES];
    struct log_config configs[WRITE_ENTRIES];
    size_t entry_count, config_count;
    struct buf memory;
};

/* --- which backup ----------------------------------------------------------------------------- */

static bool will_do(const struct restore_options *o, const struct backup_manifest *m)
{
    return (o->to_index == 0 || m->index <= o->to_index) &&
           (o->to_time_ms == 0 || m->clock_ms <= o->to_time_ms);
}

static enum status too_late(const struct restore *r, struct error *e)
{
    return fail(e, STATUS_INVALID, "the point lies before the backup, whose state is that of entry "
                "%" PRIu64 ", clock %" PRIu64 " ms: use an older backup", r->manifest.index,
                r->manifest.clock_ms);
}

/* The newest of the series that does not lie behind the point. One that is damaged is said so, not
 * passed over. */
static enum status choose(struct restore *r, struct error *e)
{
    struct buf numbers = {0};
    enum status status = backup_list(r->disk, r->o->backup, &numbers, e);
    size_t left = numbers.size / sizeof(uint64_t);
    if (status == STATUS_OK && left == 0)
        status = fail(e, STATUS_NOT_FOUND, "%.200s: no backup is whole yet", r->o->backup);
    for (; status == STATUS_OK && left > 0; left--) {
        uint64_t number;
        memcpy(&number, buf_data(&numbers) + (left - 1) * sizeof(number), sizeof(number));
        backup_manifest_clear(&r->manifest);
        status = backup_path(r->o->backup, number, r->backup, e);
        if (status == STATUS_OK)
            status = backup_manifest_read(r->disk, r->backup, &r->manifest, e);
        if (status != STATUS_OK || will_do(r->o, &r->manifest))
            break;
    }
    buf_clear(&numbers);
    return status == STATUS_OK && left == 0 ? too_late(r, e) : status;
}

static enum status find_backup(struct restore *r, struct error *e)
{
    if (strlen(r->o->backup) >= sizeof(r->backup))
        return fail(e, STATUS_INVALID, "the path %.100s is too long", r->o->backup);
    strcpy(r->backup, r->o->backup);
    enum status status = backup_manifest_read(r->disk, r->backup, &r->manifest, e);
    if (status == STATUS_OK && !will_do(r->o, &r->manifest))
        return too_late(r, e);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = choose(r, e);
    if (status == STATUS_NOT_FOUND)
        return fail(e, status, "%.200s is neither a backup nor a series that has one",
                    r->o->backup);
    return status;
}

/* --- the state -------------------------------------------------------------------------------- */

static enum status make_dirs(struct restore *r, struct error *e)
{
    static const char *const inner[] = {"state", "state/1"};
    char path[DISK_PATH_MAX];
    struct buf names = {0};
    enum status status = disk_list(r->disk, r->o->dir, &names, e);
    const bool is_used = status == STATUS_OK && names.size > 0;
    buf_clear(&names);
    if (is_used)
        return fail(e, STATUS_INVALID, "%.200s is there already, and not empty", r->o->dir);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (snprintf(r->part, sizeof(r->part), "%s.part", r->o->dir) >= (int)sizeof(r->part))
        return fail(e, STATUS_INVALID, "the path %.100s is too long", r->o->dir);
    if (disk_list(r->disk, r->part, &names, e) == STATUS_OK) {
        buf_clear(&names);
        return fail(e, STATUS_INVALID, "%.200s is left from before: remove it", r->part);
    }
    status = disk_make_dir(r->disk, r->part, e);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_COUNT(inner); i++) {
        status = disk_join(path, r->part, inner[i], e);
        if (status == STATUS_OK)
            status = disk_make_dir(r->disk, path, e);
    }
    return status;
}

/* state/ of the backup becomes state/1/; the segments are compared here, and read later. */
static enum status take_files(struct restore *r, struct error *e)
{
    enum status status = STATUS_OK;
    char path[DISK_PATH_MAX], name[BACKUP_NAME_MAX + 16];
    for (uint32_t i = 0; status == STATUS_OK && i < r->manifest.count; i++) {
        const struct backup_file *file = &r->manifest.files[i];
        const bool is_state = strncmp(file->name, "state/", 6) == 0;
        snprintf(name, sizeof(name), "state/1/%s", file->name + (is_state ? 6 : 0));
        status = disk_join(path, r->part, name, e);
        if (status == STATUS_OK)
            status = backup_take(r->disk, r->backup, file, is_state ? path : NULL, e);
    }
    if (status == STATUS_OK)
        status = disk_join(path, r->part, "state/CURRENT", e);
    return status == STATUS_OK ? disk_replace(r->disk, path, BYTES("1\n"), e) : status;
}

/* --- the log ---------------------------------------------------------------------------------- */

static enum status open_log(struct restore *r, struct error *e)
{
    const struct log_store_options options = {.disk = r->disk, .dir = r->part};
    const struct backup_manifest *m = &r->manifest;
    struct log_identity identity = {.node_id = m->node};
    struct log_recovered recovered = {0};
    prng_secret(identity.cluster_id, sizeof(identity.cluster_id));
    prng_secret(&identity.incarnation, sizeof(identity.incarnation));
    memcpy(identity.hash_key, m->hash_key, sizeof(identity.hash_key));
    enum status status = log_store_open(&options, &r->log, &recovered, e);
    log_recovered_clear(&recovered);
    if (status == STATUS_OK)
        status = log_store_identify(r->log, &identity, e);
    const struct log_hard_state hard = {.current_term = m->term};
    const struct log_reset reset = {m->index, m->term, buf_bytes(&m->config), &hard};
    if (status == STATUS_OK)
        status = log_store_reset(r->log, &reset, e);
    r->index = m->index;
    r->term = m->term;
    r->clock_ms = m->clock_ms;
    return status;
}

static enum status write_entries(struct restore *r, struct error *e)
{
    size_t at = 0;
    if (r->entry_count == 0)
        return STATUS_OK;
    const uint64_t first = r->index + 1 - r->entry_count;
    for (size_t i = 0, c = 0; i < r->entry_count; i++) { /* the memory stands still now */
        r->entries[i].payload.data = buf_data(&r->memory) + at;
        at += r->entries[i].payload.size;
        if (c < r->config_count && r->configs[c].index == first + i)
            r->configs[c++].config = r->entries[i].payload;
    }
    const struct log_hard_state hard = {.current_term = r->term};
    const struct log_write write = {.hard_state = &hard, .first = first, .entries = r->entries,
                                    .entry_count = r->entry_count, .configs = r->configs,
                                    .config_count = r->config_count};
    const enum status status = log_store_write(r->log, &write, 1, e);
    r->entry_count = r->config_count = 0;
    buf_reset(&r->memory);
    return status;
}

static enum status add_entry(struct restore *r, const struct segment_entry *found, struct error *e)
{
    const struct log_entry *entry = &found->entry;
    if (entry->term < r->term)
        return fail(e, STATUS_CORRUPT, "entry %" PRIu64 " has term %" PRIu64 ", behind one of term "
                    "%" PRIu64 ": these are not of one log", r->index + 1, entry->term, r->term);
    r->terms += entry->term != r->term;
    if (r->index - r->manifest.index >= ENTRIES_MAX || r->terms > TERMS_MAX)
        return fail(e, STATUS_INVALID, "more than %u entries or %d terms lie between the backup "
                    "and the point: use a newer backup", ENTRIES_MAX, TERMS_MAX);
    r->index++;
    r->term = entry->term;
    r->clock_ms = MAX(r->clock_ms, found->clock_ms);
    if (entry->kind == RAFT_CONFIG) {
        const enum status status =
            members_read(entry->payload, FEATURE_LEVEL_MAX, &r->members, e);
        if (status != STATUS_OK)
            return status;
        r->configs[r->config_count++] = (struct log_config){.index = r->index};
    }
    r->entries[r->entry_count] = *entry;
    buf_append_bytes(&r->memory, entry->payload);
    r->entry_count++;
    if (r->entry_count < WRITE_ENTRIES && r->memory.size < WRITE_BYTES)
        return STATUS_OK;
    return write_entries(r, e);
}

/* No source has the next entry. Without a point that is the end, unless something lies behind. */
static enum status at_the_end(const struct restore *r, uint64_t first_behind, struct error *e)
{
    if (first_behind != 0)
        return fail(e, STATUS_NOT_FOUND, "entries %" PRIu64 " to %" PRIu64 " are missing, those "
                    "from %" PRIu64 " on are there; --to-index %" PRIu64 " restores what lies "
                    "before", r->index + 1, first_behind - 1, first_behind, r->index);
    if (r->index < r->manifest.last_index)
        return fail(e, STATUS_CORRUPT, "the backup should end at entry %" PRIu64 ", but its log "
                    "ends at %" PRIu64, r->manifest.last_index, r->index);
    if (r->o->to_index > r->index)
        return fail(e, STATUS_NOT_FOUND, "entries end at %" PRIu64 ": entry %" PRIu64 " is not "
                    "there%s", r->index, r->o->to_index,
                    r->o->archive == NULL ? "; give --archive" : "");
    return STATUS_OK;
}

static enum status take_log(struct restore *r, struct error *e)
{
    const struct restore_options *o = r->o;
    r->source.next = r->index + 1;
    while (o->to_index == 0 || r->index < o->to_index) {
        const struct segment_entry *entry;
        uint64_t first_behind;
        enum status status = restore_log_next(&r->source, &entry, &first_behind, e);
        if (status == STATUS_NOT_FOUND) {
            status = at_the_end(r, first_behind, e);
            return status == STATUS_OK ? write_entries(r, e) : status;
        }
        if (status == STATUS_OK && o->to_time_ms != 0 && entry->clock_ms > o->to_time_ms)
            break;
        if (status == STATUS_OK)
            status = add_entry(r, entry, e);
        if (status != STATUS_OK)
            return status;
    }
    return write_entries(r, e);
}

static enum status open_sources(struct restore *r, struct error *e)
{
    char path[DISK_PATH_MAX];
    r->source = (struct restore_log){.disk = r->disk, .cluster = r->manifest.cluster};
    enum status status = disk_join(path, r->backup, "log", e);
    if (status == STATUS_OK)
        status = restore_log_open(&r->source, path, e);
    if (status == STATUS_OK && r->o->archive != NULL)
        status = restore_log_archive(&r->source, r->o->archive, e);
    return status;
}

/* The last entry: this node alone, in a term that nobody has seen. */
static enum status write_config(struct restore *r, struct error *e)
{
    struct buf payload = {0};
    members_alone(&r->members, r->manifest.node, &payload);
    const struct log_hard_state hard = {.current_term = r->term + 1};
    const struct log_entry entry = {r->term + 1, RAFT_CONFIG, buf_bytes(&payload)};
    const struct log_config config = {r->index + 1, buf_bytes(&payload)};
    const struct log_write write = {.hard_state = &hard, .first = r->index + 1, .entries = &entry,
                                    .entry_count = 1, .configs = &config, .config_count = 1};
    const enum status status = log_store_write(r->log, &write, 1, e);
    buf_clear(&payload);
    return status;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum status write_secret(struct restore *r, struct error *e)
{
    uint8_t random[32];
    char path[DISK_PATH_MAX];
    struct buf text = {0};
    prng_secret(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        buf_printf(&text, "%02x", random[i]);
    buf_append_u8(&text, '\n');
    enum status status = disk_join(path, r->part, "secret", e);
    if (status == STATUS_OK)
        status = disk_replace(r->disk, path, buf_bytes(&text), e);
    buf_clear(&text);
    if (status == STATUS_OK && chmod(path, 0600) != 0)
        return fail(e, STATUS_IO, "cannot protect %.200s", path);
    return status;
}

static enum status build(struct restore *r, struct error *e)
{
    enum status status = take_files(r, e);
    if (status == STATUS_OK)
        status = open_sources(r, e);
    if (status == STATUS_OK)
        status = open_log(r, e);
    if (status == STATUS_OK)
        status = take_log(r, e);
    if (status == STATUS_OK)
        status = write_config(r, e);
    log_store_close(r->log);
    r->log = NULL;
    if (status == STATUS_OK)
        status = write_secret(r, e);
    if (status == STATUS_OK) /* an empty one may be there */
        status = disk_remove(r->disk, r->o->dir, e);
    return status == STATUS_OK ? disk_rename(r->disk, r->part, r->o->dir, e) : status;
}

static enum status restore(struct restore *r, struct error *e)
{
    enum status status = find_backup(r, e);
    if (status == STATUS_OK)
        status = members_read(buf_bytes(&r->manifest.config), FEATURE_LEVEL_MAX, &r->members, e);
    if (status == STATUS_OK)
        status = make_dirs(r, e);
    if (status != STATUS_OK)
        return status;
    status = build(r, e);
    struct error ignored; /* the first failure is what counts; a new try says that .part is there */
    if (status != STATUS_OK && disk_remove(r->disk, r->part, &ignored) != STATUS_OK)
        fprintf(stderr, "avow-check: %s\n", ignored.text);
    return status;
}

int check_restore(const struct restore_options *options)
{
    static struct restore r; /* large */
    struct error e;
    r.o = options;
    r.disk = disk_real();
    const enum status status = restore(&r, &e);
    if (status == STATUS_OK) {
        printf("Restored %s from %s: entries up to %" PRIu64 ", clock ", options->dir, r.backup,
               r.index);
        print_time_of(r.clock_ms);
        printf(".\nIt is node %" PRIu64 " of a new cluster, alone. Start it with --dir %s; then "
               "add others with RAFT ADD.\nA new secret lies in %s/secret; cluster-secret of the "
               "settings goes before it.\n", r.manifest.node, options->dir, options->dir);
    }
    restore_log_close(&r.source);
    backup_manifest_clear(&r.manifest);
    buf_clear(&r.memory);
    return status == STATUS_OK ? 0 : check_failed(&e);
}
