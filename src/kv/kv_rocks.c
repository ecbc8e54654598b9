/* kv_rocks.c -- databases in RocksDB, by its C interface. The only file that knows it.
 *
 * A database with WAL (log DB) is written by synced batches; its rows come and go in order and die
 * young, so nothing is compacted by itself: kv_drop_range() does it, when there is something to
 * gain. One without WAL (state DB) is written by ingested files only; its memtable stays empty, so
 * there is nothing that could be flushed halfway (D8, D9).
 *
 * Within one SST all rows and range tombstones get the same sequence number. So ranges go into a
 * file of their own, ingested by the same call before the rows: RocksDB numbers overlapping files
 * of one call in their order and enters them by one manifest record. */

#include <errno.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/panic.h"
#include "kv/kv_backend.h"
#include "kv/wal_fill.h"

#define WRITE_BUFFER_BYTES ((size_t)32 << 20)
#define BLOCK_CACHE_BYTES ((size_t)8 << 20)
#define BACKGROUND_JOBS 2         /* one flush, one compaction: small machines, and latency first */
#define OPEN_FILES_MAX 512        /* RocksDB's table files; clients need descriptors too */
#define INFO_LOG_BYTES ((size_t)1 << 20)
#define INFO_LOG_FILES 2
#define INFO_LOG_WARN 2           /* rocksdb InfoLogLevel::WARN_LEVEL */
#define MANIFEST_BYTES ((size_t)16 << 20)
#define TABLE_FILE_BYTES ((uint64_t)64 << 20)
/* Room taken at a time for the WAL. Left alone RocksDB takes a write buffer's and a tenth at once:
 * 35 MiB on an idle node. This bounds it; with one family of columns it does nothing else. */
#define WAL_STEP_BYTES ((uint64_t)4 << 20)
#define SYNC_STEP_BYTES ((uint64_t)1 << 20) /* background files are written back as they grow */
#define BLOOM_BITS_PER_KEY 10
#define METADATA_PART_BYTES 4096
#define LOG_FILE_BYTES ((uint64_t)8 << 20) /* behind a compaction: whole dead ones just go */
#define RECOVER_POINT_IN_TIME 2   /* rocksdb WALRecoveryMode: up to the first torn record */
#define INGEST_DIR "ingest"
#define WAIT_FOR_ROOM_NS 100000000

static const struct kv_ops rocks_ops;

struct kv_rocks {
    struct kv base;
    struct disk *disk;
    char path[DISK_PATH_MAX];
    bool wal, read_only;
    size_t write_buffer_bytes;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *family;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read_options;
    rocksdb_writeoptions_t *write_options;
    rocksdb_writebatch_t *batch;
    struct wal_fill fill; /* with WAL only */
    atomic_uint iterators;
};

struct rocks_iterator {
    struct kv_iterator base;
    struct kv_rocks *kv;
    rocksdb_iterator_t *rows;
    rocksdb_readoptions_t *options; /* points at from and to */
    struct buf from, to;
};

static struct kv_rocks *rocks_of(struct kv *kv)
{
    return container_of(kv, struct kv_rocks, base);
}

static const char *chars(struct bytes b)
{
    return b.data == NULL ? "" : b.data;
}

/* Takes RocksDB's error text, NULL = none, and frees it. */
static enum status rocks_failed(const char *path, char *text, struct error *e)
{
    if (text == NULL)
        return STATUS_OK;
    enum status status = STATUS_IO;
    if (strncmp(text, "Corruption", 10) == 0)
        status = STATUS_CORRUPT;
    else if (strstr(text, "No space left") != NULL || strstr(text, "NoSpace") != NULL)
        status = STATUS_NO_SPACE;
    fail(e, status, "%.100s: %.200s", path, text);
    rocksdb_free(text);
    return status;
}

/* ---- damage ---- */

/* Found while the state is in use, it ends the process; the next start has to know of it before it
 * reads the same row again. A WAL database is read through at each start anyway. */
static void remember_damage(struct kv_rocks *k, const struct error *cause)
{
    char path[DISK_PATH_MAX];
    struct error e;
    if (k->wal || k->read_only || disk_join(path, k->path, KV_DAMAGE_FILE, &e) != STATUS_OK)
        return;
    /* May fail, or another thread do the same: then the next start finds the damage once more. */
    const enum status status = disk_replace(k->disk, path, bytes_from_string(cause->text), &e);
    (void)status;
}

static enum status look_for_damage(const struct kv_rocks *k, struct error *e)
{
    char path[DISK_PATH_MAX];
    const enum status status = disk_join(path, k->path, KV_DAMAGE_FILE, e);
    if (status != STATUS_OK || k->wal || access(path, F_OK) != 0)
        return status;
    return fail(e, STATUS_CORRUPT, "%.200s: was found damaged while it was in use (see its file "
                KV_DAMAGE_FILE ")", k->path);
}

/* As rocks_failed(), of reading. */
static enum status read_failed(struct kv_rocks *k, char *text, struct error *e)
{
    struct error cause;
    const enum status status = rocks_failed(k->path, text, &cause);
    if (status == STATUS_CORRUPT)
        remember_damage(k, &cause);
    return status == STATUS_OK ? status : fail(e, status, "%s", cause.text);
}

/* ---- opening and closing ---- */

static void set_common_options(rocksdb_options_t *o)
{
    rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_info_log_level(o, INFO_LOG_WARN);
    rocksdb_options_set_max_log_file_size(o, INFO_LOG_BYTES);
    rocksdb_options_set_keep_log_file_num(o, INFO_LOG_FILES);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_max_manifest_file_size(o, MANIFEST_BYTES);
    rocksdb_options_set_bytes_per_sync(o, SYNC_STEP_BYTES);
}

static size_t write_buffer_bytes(const struct kv_options *options)
{
    return options->write_buffer_bytes > 0 ? options->write_buffer_bytes : WRITE_BUFFER_BYTES;
}

static void set_log_options(rocksdb_options_t *o, const struct kv_options *options)
{
    rocksdb_options_set_write_buffer_size(o, write_buffer_bytes(options));
    rocksdb_options_set_max_write_buffer_number(o, 4);
    rocksdb_options_set_max_total_wal_size(o, WAL_STEP_BYTES);
    rocksdb_options_set_disable_auto_compactions(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, RECOVER_POINT_IN_TIME);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression); /* of files, not of the WAL */
    rocksdb_options_set_max_bytes_for_level_base(o, UINT64_MAX / 16); /* all stays in level 1 */
    rocksdb_options_set_target_file_size_base(o, LOG_FILE_BYTES);
}

static void set_state_options(rocksdb_options_t *o)
{
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_target_file_size_base(o, TABLE_FILE_BYTES);
}

static void set_table_options(struct kv_rocks *k, const struct kv_options *options)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    k->cache = rocksdb_cache_create_lru(options->block_cache_bytes > 0 ? options->block_cache_bytes
                                                                       : BLOCK_CACHE_BYTES);
    rocksdb_block_based_options_set_block_cache(t, k->cache);
    rocksdb_block_based_options_set_format_version(t, 5);
    if (!options->wal) {
        rocksdb_block_based_options_set_filter_policy(
            t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
        rocksdb_block_based_options_set_whole_key_filtering(t, 1);
        /* Filters stay in memory, 1.3 bytes a key, while their file is open: a row that is not
         * there is asked for at each new key. In the cache they would be of parts, each asked for
         * by its place (twice the time), or outgrow a shard of it and be read anew each time. */
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 0);
        /* An index is of parts, which count against the cache; for the same reason. */
        rocksdb_block_based_options_set_index_type(
            t, rocksdb_block_based_table_index_type_two_level_index_search);
        rocksdb_block_based_options_set_metadata_block_size(t, METADATA_PART_BYTES);
    }
    rocksdb_options_set_block_based_table_factory(k->options, t);
    rocksdb_block_based_options_destroy(t);
}

static void make_options(struct kv_rocks *k, const struct kv_options *options)
{
    k->options = rocksdb_options_create();
    set_common_options(k->options);
    rocksdb_options_set_create_if_missing(k->options, options->create_if_missing);
    if (options->wal)
        set_log_options(k->options, options);
    else
        set_state_options(k->options);
    set_table_options(k, options);
    k->read_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(k->read_options, 1);
    k->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(k->write_options, 1);
    k->batch = rocksdb_writebatch_create();
}

static void rocks_free(struct kv_rocks *k)
{
    wal_fill_clear(&k->fill);
    if (k->family != NULL)
        rocksdb_column_family_handle_destroy(k->family);
    if (k->db != NULL)
        rocksdb_close(k->db);
    rocksdb_writebatch_destroy(k->batch);
    rocksdb_writeoptions_destroy(k->write_options);
    rocksdb_readoptions_destroy(k->read_options);
    rocksdb_options_destroy(k->options);
    rocksdb_cache_destroy(k->cache);
    free(k);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* RocksDB makes a new, empty database where the file CURRENT is not, even over the files of an old
 * one. Here that is damage. */
static enum status look_for_database(struct disk *d, const struct kv_options *options,
                                     struct error *e)
{
    char current[DISK_PATH_MAX];
    enum status status = disk_join(current, options->path, "CURRENT", e);
    if (status != STATUS_OK || access(current, F_OK) == 0)
        return status;
    if (!options->create_if_missing)
        return fail(e, STATUS_NOT_FOUND, "%.200s: there is no database", options->path);
    status = disk_make_dir(d, options->path, e);
    if (status != STATUS_OK)
        return status;
    struct buf names = {0};
    status = disk_list(d, options->path, &names, e);
    const char *name = (const char *)buf_data(&names);
    const char *end = name + names.size;
    for (; status == STATUS_OK && name < end; name += strlen(name) + 1)
        if (ends_with(name, ".sst") || ends_with(name, ".log"))
            status = fail(e, STATUS_CORRUPT, "%.200s: has %.40s but no file CURRENT",
                          options->path, name);
    buf_clear(&names);
    return status;
}

/* What an ingest left behind that did not come to its end. */
static enum status sweep_ingest_dir(struct disk *d, const struct kv_rocks *k, struct error *e)
{
    char path[DISK_PATH_MAX];
    enum status status = disk_join(path, k->path, INGEST_DIR, e);
    if (status == STATUS_OK)
        status = disk_remove(d, path, e);
    if (status == STATUS_OK)
        status = disk_make_dir(d, path, e);
    return status;
}

static enum status open_database(struct kv_rocks *k, struct error *e)
{
    const char *const names[] = {"default"};
    const rocksdb_options_t *const options[] = {k->options};
    char *text = NULL;
    if (k->read_only)
        k->db = rocksdb_open_for_read_only_column_families(k->options, k->path, 1, names, options,
                                                           &k->family, 0, &text);
    else
        k->db = rocksdb_open_column_families(k->options, k->path, 1, names, options, &k->family,
                                             &text);
    if (text == NULL)
        return STATUS_OK;
    k->db = NULL;
    k->family = NULL;
    /* There is a database, so a file that cannot be found is one that was lost. */
    const bool lost = strstr(text, "No such file") != NULL;
    const enum status status = rocks_failed(k->path, text, e);
    if (!lost)
        return status;
    if (e != NULL)
        e->status = STATUS_CORRUPT;
    return STATUS_CORRUPT;
}

enum status kv_rocks_open(struct disk *d, const struct kv_options *options, struct kv **kv,
                          struct error *e)
{
    enum status status = look_for_database(d, options, e);
    if (status != STATUS_OK)
        return status;
    struct kv_rocks *k = xcalloc(1, sizeof(*k));
    k->base.ops = &rocks_ops;
    k->disk = d;
    wal_fill_init(&k->fill, write_buffer_bytes(options));
    k->wal = options->wal;
    k->write_buffer_bytes = write_buffer_bytes(options);
    k->read_only = options->read_only;
    snprintf(k->path, sizeof(k->path), "%s", options->path);
    make_options(k, options);
    status = look_for_damage(k, e);
    if (status == STATUS_OK)
        status = open_database(k, e);
    if (status == STATUS_OK && !k->wal && !k->read_only)
        status = sweep_ingest_dir(d, k, e);
    if (status != STATUS_OK) {
        rocks_free(k);
        return status;
    }
    *kv = &k->base;
    return STATUS_OK;
}

static void rocks_close(struct kv *kv)
{
    struct kv_rocks *k = rocks_of(kv);
    CHECK(atomic_load(&k->iterators) == 0);
    rocks_free(k);
}

/* ---- reading ---- */

static enum status rocks_get(struct kv *kv, struct bytes key, struct buf *value, struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    char *text = NULL;
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned(k->db, k->read_options, chars(key), key.size, &text);
    if (text != NULL)
        return read_failed(k, text, e);
    if (slice == NULL)
        return STATUS_NOT_FOUND;
    size_t size;
    const char *data = rocksdb_pinnableslice_value(slice, &size);
    buf_append(value, data, size);
    rocksdb_pinnableslice_destroy(slice);
    return STATUS_OK;
}

static enum status rocks_get_many(struct kv *kv, struct kv_keys keys, struct kv_result *results,
                                  struct buf *memory, struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    const char **data = xmalloc(keys.count * sizeof(*data));
    size_t *sizes = xmalloc(keys.count * sizeof(*sizes));
    rocksdb_pinnableslice_t **slices = xcalloc(keys.count, sizeof(*slices));
    char **texts = xcalloc(keys.count, sizeof(*texts));
    for (size_t i = 0; i < keys.count; i++) {
        data[i] = chars(keys.keys[i]);
        sizes[i] = keys.keys[i].size;
    }
    rocksdb_batched_multi_get_cf(k->db, k->read_options, k->family, keys.count, data, sizes,
                                 slices, texts, false);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < keys.count; i++) {
        results[i] = (struct kv_result){.found = slices[i] != NULL};
        if (slices[i] != NULL) {
            const char *value = rocksdb_pinnableslice_value(slices[i], &results[i].value.size);
            buf_append(memory, value, results[i].value.size);
            rocksdb_pinnableslice_destroy(slices[i]);
        }
        if (texts[i] != NULL)
            status = read_failed(k, texts[i], e);
    }
    const uint8_t *next = buf_data(memory); /* only now: the buffer may have moved while it grew */
    for (size_t i = 0; i < keys.count; i++) {
        results[i].value.data = next;
        next += results[i].value.size;
    }
    free(data);
    free(sizes);
    free(slices);
    free(texts);
    return status;
}

static struct rocks_iterator *iterator_of(struct kv_iterator *i)
{
    return container_of(i, struct rocks_iterator, base);
}

static const struct rocks_iterator *const_iterator_of(const struct kv_iterator *i)
{
    return (const struct rocks_iterator *)(const void *)i; /* base is its first member */
}

static struct kv_iterator *rocks_iterate(struct kv *kv, struct kv_range range)
{
    struct kv_rocks *k = rocks_of(kv);
    struct rocks_iterator *i = xcalloc(1, sizeof(*i));
    i->base.ops = &rocks_ops;
    i->kv = k;
    i->options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(i->options, 1);
    buf_append_bytes(&i->from, range.from);
    buf_append_bytes(&i->to, range.to);
    if (i->from.size > 0)
        rocksdb_readoptions_set_iterate_lower_bound(i->options, (char *)buf_data(&i->from),
                                                    i->from.size);
    if (i->to.size > 0)
        rocksdb_readoptions_set_iterate_upper_bound(i->options, (char *)buf_data(&i->to),
                                                    i->to.size);
    i->rows = rocksdb_create_iterator(k->db, i->options);
    atomic_fetch_add(&k->iterators, 1);
    return &i->base;
}

static void rocks_iterator_free(struct kv_iterator *base)
{
    struct rocks_iterator *i = iterator_of(base);
    rocksdb_iter_destroy(i->rows);
    rocksdb_readoptions_destroy(i->options);
    buf_clear(&i->from);
    buf_clear(&i->to);
    atomic_fetch_sub(&i->kv->iterators, 1);
    free(i);
}

static bool rocks_first(struct kv_iterator *base)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    rocksdb_iter_seek_to_first(rows);
    return rocksdb_iter_valid(rows);
}

static bool rocks_last(struct kv_iterator *base)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    rocksdb_iter_seek_to_last(rows);
    return rocksdb_iter_valid(rows);
}

static bool rocks_seek(struct kv_iterator *base, struct bytes key)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    rocksdb_iter_seek(rows, chars(key), key.size);
    return rocksdb_iter_valid(rows);
}

static bool rocks_seek_back(struct kv_iterator *base, struct bytes key)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    rocksdb_iter_seek_for_prev(rows, chars(key), key.size);
    return rocksdb_iter_valid(rows);
}

static bool rocks_next(struct kv_iterator *base)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    CHECK(rocksdb_iter_valid(rows));
    rocksdb_iter_next(rows);
    return rocksdb_iter_valid(rows);
}

static bool rocks_prev(struct kv_iterator *base)
{
    rocksdb_iterator_t *rows = iterator_of(base)->rows;
    CHECK(rocksdb_iter_valid(rows));
    rocksdb_iter_prev(rows);
    return rocksdb_iter_valid(rows);
}

static struct bytes rocks_key(const struct kv_iterator *base)
{
    size_t size;
    const char *data = rocksdb_iter_key(const_iterator_of(base)->rows, &size);
    return bytes_of(data, size);
}

static struct bytes rocks_value(const struct kv_iterator *base)
{
    size_t size;
    const char *data = rocksdb_iter_value(const_iterator_of(base)->rows, &size);
    return bytes_of(data, size);
}

static enum status rocks_iterator_status(const struct kv_iterator *base, struct error *e)
{
    const struct rocks_iterator *i = const_iterator_of(base);
    char *text = NULL;
    rocksdb_iter_get_error(i->rows, &text);
    return read_failed(i->kv, text, e);
}

/* ---- writing a database with WAL ---- */

/* Rows in memory found no room for their file (*.sst); the WAL has them. Until RocksDB has written
 * them, it tries every 5 s, it turns all writes away before they reach the WAL. */
static bool is_turned_away(const char *text)
{
    return text != NULL && strstr(text, "No space left") != NULL && strstr(text, ".sst") != NULL;
}

/* Where a flush found the disk full this takes as long as a disk that hangs: nothing is in doubt,
 * as it would be behind a failed sync. RocksDB's error text, NULL = none. */
static char *write_batch(struct kv_rocks *k)
{
    const struct timespec wait = {.tv_nsec = WAIT_FOR_ROOM_NS};
    char *text = NULL;
    rocksdb_write(k->db, k->write_options, k->batch, &text);
    if (!is_turned_away(text))
        return text;
    log_error("disk", "full: writes wait until there is room", "error=\"%s\"", text);
    while (is_turned_away(text)) {
        rocksdb_free(text);
        nanosleep(&wait, NULL);
        text = NULL;
        rocksdb_write(k->db, k->write_options, k->batch, &text);
    }
    if (text == NULL)
        log_info("disk", "writes go on", "path=\"%s\"", k->path);
    return text;
}

static enum status rocks_write(struct kv *kv, const struct kv_change *changes, size_t count,
                               struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    CHECK(k->wal);
    CHECK(!k->read_only);
    rocksdb_writebatch_clear(k->batch);
    for (size_t i = 0; i < count; i++) {
        const struct kv_change *c = &changes[i];
        switch (c->kind) {
        case KV_PUT:
            rocksdb_writebatch_put(k->batch, chars(c->key), c->key.size, chars(c->value),
                                   c->value.size);
            break;
        case KV_DELETE:
            rocksdb_writebatch_delete(k->batch, chars(c->key), c->key.size);
            break;
        case KV_DELETE_RANGE:
            rocksdb_writebatch_delete_range(k->batch, chars(c->key), c->key.size, chars(c->value),
                                            c->value.size);
            break;
        }
    }
    char *text = write_batch(k);
    size_t size = 0;
    rocksdb_writebatch_data(k->batch, &size);
    if (text == NULL)
        wal_fill_written(&k->fill, k->path, size);
    return rocks_failed(k->path, text, e);
}

/* Bytes in files of the rows behind the range: a compaction writes them anew. */
static enum status bytes_behind(struct kv_rocks *k, struct kv_range range, uint64_t *bytes,
                                struct error *e)
{
    static const char last[] = {'\xff', '\xff', '\xff', '\xff'};
    const char *const from = chars(range.to), *const to = last;
    const size_t to_size = sizeof(last);
    char *text = NULL;
    *bytes = 0;
    if (range.to.size > 0)
        rocksdb_approximate_sizes(k->db, 1, &from, &range.to.size, &to, &to_size, bytes, &text);
    return rocks_failed(k->path, text, e);
}

static uint64_t property(struct kv_rocks *k, const char *name)
{
    uint64_t value = 0;
    return rocksdb_property_int(k->db, name, &value) == 0 ? value : 0;
}

/* A compaction writes what stays anew, so it has to give back as much; and what lies in memory (and
 * in the WAL) goes to a file with it, which is no gain before there is some of it. */
static bool is_worthwhile(struct kv_rocks *k, uint64_t stays)
{
    const uint64_t there = property(k, "rocksdb.live-sst-files-size") +
                           property(k, "rocksdb.cur-size-all-mem-tables");
    return there >= stays + MAX(stays, k->write_buffer_bytes / 2);
}

/* Files of higher levels that lie in the range just go. Those of level 0 hold rows of other tables
 * too; once it is worth it, all are compacted into level 1, without what was deleted. */
static enum status rocks_drop_range(struct kv *kv, struct kv_range range, uint64_t room,
                                    struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    CHECK(k->wal);
    char *text = NULL;
    rocksdb_delete_file_in_range(k->db, chars(range.from), range.from.size, chars(range.to),
                                 range.to.size, &text);
    enum status status = rocks_failed(k->path, text, e);
    if (status != STATUS_OK)
        return status;
    uint64_t stays;
    status = bytes_behind(k, range, &stays, e);
    if (status != STATUS_OK || !is_worthwhile(k, stays))
        return status;
    if (stays > room)
        status = fail(e, STATUS_NO_SPACE, "%" PRIu64 " bytes stay and would be written anew, there"
                      " is room for %" PRIu64, stays, room);
    if (status == STATUS_OK)
        rocksdb_compact_range(k->db, NULL, 0, NULL, 0);
    return status;
}

/* ---- writing a database without ---- */

/* The path of a file to be ingested. */
static void ingest_path(const struct kv_rocks *k, const char *name, char path[static DISK_PATH_MAX])
{
    const int size = snprintf(path, DISK_PATH_MAX, "%s/" INGEST_DIR "/%s", k->path, name);
    CHECK(size > 0 && size < DISK_PATH_MAX); /* sweep_ingest_dir() made a longer one */
}

static rocksdb_sstfilewriter_t *file_begin(struct kv_rocks *k, const char *path, char **text)
{
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *file = rocksdb_sstfilewriter_create(env, k->options);
    rocksdb_envoptions_destroy(env);
    rocksdb_sstfilewriter_open(file, path, text);
    return file;
}

static enum status file_end(struct kv_rocks *k, rocksdb_sstfilewriter_t *file, char *text,
                            struct error *e)
{
    if (text == NULL)
        rocksdb_sstfilewriter_finish(file, &text); /* syncs */
    rocksdb_sstfilewriter_destroy(file);
    return rocks_failed(k->path, text, e);
}

static enum status write_ranges(struct kv_rocks *k, const struct kv_ingest *ingest,
                                const char *path, struct error *e)
{
    char *text = NULL;
    rocksdb_sstfilewriter_t *file = file_begin(k, path, &text);
    for (size_t i = 0; text == NULL && i < ingest->range_count; i++) {
        const struct kv_range *range = &ingest->ranges[i];
        if (bytes_compare(range->from, range->to) < 0)
            rocksdb_sstfilewriter_delete_range(file, chars(range->from), range->from.size,
                                               chars(range->to), range->to.size, &text);
    }
    return file_end(k, file, text, e);
}

/* STATUS_OK and no file when there are no rows. */
static enum status write_rows(struct kv_rocks *k, const struct kv_ingest *ingest, const char *path,
                              bool *any, struct error *e)
{
    struct kv_row row;
    *any = ingest->next(ingest->context, &row);
    if (!*any)
        return STATUS_OK;
    char *text = NULL;
    rocksdb_sstfilewriter_t *file = file_begin(k, path, &text);
    for (bool more = true; text == NULL && more; more = ingest->next(ingest->context, &row)) {
        if (row.deleted)
            rocksdb_sstfilewriter_delete(file, chars(row.key), row.key.size, &text);
        else
            rocksdb_sstfilewriter_put(file, chars(row.key), row.key.size, chars(row.value),
                                      row.value.size, &text);
    }
    return file_end(k, file, text, e);
}

static enum status take_in(struct kv_rocks *k, const char *const *files, size_t count,
                           struct error *e)
{
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    char *text = NULL;
    rocksdb_ingest_external_file(k->db, files, count, options, &text);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return read_failed(k, text, e); /* what was there before may be what is damaged */
}

/* A read that goes on while a compaction ends holds the files that it was made of; RocksDB looks
 * for them again at the end of the next one, which may be hours. It does so here as well, unless
 * a checkpoint is being taken. */
static enum status remove_dead_files(struct kv_rocks *k, struct error *e)
{
    char *text = NULL;
    rocksdb_disable_file_deletions(k->db, &text);
    if (text == NULL)
        rocksdb_enable_file_deletions(k->db, false, &text);
    return rocks_failed(k->path, text, e);
}

static enum status rocks_ingest(struct kv *kv, const struct kv_ingest *ingest, struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    CHECK(!k->wal);
    CHECK(!k->read_only);
    char ranges[DISK_PATH_MAX], rows[DISK_PATH_MAX];
    ingest_path(k, "ranges.sst", ranges);
    ingest_path(k, "rows.sst", rows);

    const char *files[2];
    size_t count = 0;
    enum status status = STATUS_OK;
    if (ingest->range_count > 0) {
        status = write_ranges(k, ingest, ranges, e);
        files[count++] = ranges;
    }
    bool any_rows = false;
    if (status == STATUS_OK)
        status = write_rows(k, ingest, rows, &any_rows, e);
    if (any_rows)
        files[count++] = rows;
    if (status == STATUS_OK && count > 0)
        status = take_in(k, files, count, e);
    if (status == STATUS_OK)
        status = remove_dead_files(k, e);
    for (size_t i = 0; i < count; i++)
        unlink(files[i]); /* is gone already after success; else the next open sweeps again */
    return status;
}

/* ---- the rest ---- */

static enum status rocks_checkpoint(struct kv *kv, const char *path, struct error *e)
{
    struct kv_rocks *k = rocks_of(kv);
    char *text = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(k->db, &text);
    if (text == NULL) {
        rocksdb_checkpoint_create(checkpoint, path, 0, &text);
        rocksdb_checkpoint_object_destroy(checkpoint);
    }
    return rocks_failed(path, text, e);
}

static uint64_t count_files(struct kv_rocks *k)
{
    uint64_t count = 0;
    for (int level = 0; level < 7; level++) { /* RocksDB's default number of levels */
        char name[40];
        snprintf(name, sizeof(name), "rocksdb.num-files-at-level%d", level);
        char *value = rocksdb_property_value(k->db, name);
        if (value != NULL)
            count += strtoull(value, NULL, 10);
        rocksdb_free(value);
    }
    return count;
}

static void rocks_stats(struct kv *kv, struct kv_stats *stats, struct buf *text)
{
    struct kv_rocks *k = rocks_of(kv);
    stats->rows_estimate = property(k, "rocksdb.estimate-num-keys");
    stats->disk_bytes = property(k, "rocksdb.total-sst-files-size");
    stats->memory_bytes = property(k, "rocksdb.cur-size-all-mem-tables") +
                          property(k, "rocksdb.estimate-table-readers-mem");
    stats->cache_bytes = property(k, "rocksdb.block-cache-usage");
    stats->cache_bytes_max = property(k, "rocksdb.block-cache-capacity");
    stats->files = count_files(k);
    stats->compactions_pending = property(k, "rocksdb.compaction-pending");
    stats->compactions_running = property(k, "rocksdb.num-running-compactions");
    stats->background_error = property(k, "rocksdb.background-errors") > 0;
    if (text == NULL)
        return;
    char *report = rocksdb_property_value(k->db, "rocksdb.stats");
    if (report != NULL)
        buf_append_string(text, report);
    rocksdb_free(report);
}

static const struct kv_ops rocks_ops = {
    .close = rocks_close,
    .get = rocks_get,
    .get_many = rocks_get_many,
    .write = rocks_write,
    .drop_range = rocks_drop_range,
    .ingest = rocks_ingest,
    .checkpoint = rocks_checkpoint,
    .stats = rocks_stats,
    .iterate = rocks_iterate,
    .first = rocks_first,
    .last = rocks_last,
    .seek = rocks_seek,
    .seek_back = rocks_seek_back,
    .next = rocks_next,
    .prev = rocks_prev,
    .key = rocks_key,
    .value = rocks_value,
    .status = rocks_iterator_status,
    .free = rocks_iterator_free,
};
