/* test_kv_rocks.c -- what only the real disk can show: kill -9, torn and flipped files, disk space
 * given back, the lock of a directory. */

#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/prng.h"
#include "kv/kv.h"
#include "kv/log_store.h"
#include "kv_place.h"

static enum status open_log(const struct place *place, struct log_store **store,
                            struct log_recovered *found, struct error *e)
{
    const struct log_store_options options = {
        .disk = place->disk, .dir = place->dir, .write_buffer_bytes = 256 << 10};
    return log_store_open(&options, store, found, e);
}

static void append_copies(struct log_store *store, uint64_t first, size_t count,
                          struct bytes payload)
{
    struct log_entry entries[64];
    assert_true(count <= ARRAY_COUNT(entries));
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct log_entry){1, 1, payload};
    const struct log_write write = {.first = first, .entries = entries, .entry_count = count};
    MUST(log_store_write(store, &write, 1, error));
}

/* Of payloads that nothing makes smaller. */
static void append(struct log_store *store, uint64_t first, size_t count, size_t size)
{
    static uint64_t noise[(64 << 10) / sizeof(uint64_t)];
    assert_true(size <= sizeof(noise));
    struct prng p;
    prng_seed(&p, 1);
    for (size_t i = 0; noise[ARRAY_COUNT(noise) - 1] == 0 && i < ARRAY_COUNT(noise); i++)
        noise[i] = prng_next(&p);
    append_copies(store, first, count, bytes_of(noise, size));
}

/* ---- kill -9 ---- */

/* Writes entries until it is killed, and tells through the pipe which are acknowledged. */
static int write_until_killed(const char *dir, int to)
{
    struct place place = {.disk = disk_real()};
    snprintf(place.dir, sizeof(place.dir), "%s", dir);
    struct log_store *store;
    struct log_recovered found;
    if (open_log(&place, &store, &found, NULL) != STATUS_OK)
        return 1;
    static uint8_t payload[2000]; /* enough for zeros to be laid ahead, and for several WAL files */
    for (uint64_t index = found.last_index + 1;; index++) {
        const struct log_hard_state hard = {index, 1, 0}; /* its term is the last index */
        memset(payload, (int)(index % 251), sizeof(payload));
        const struct log_entry entry = {index, 1, bytes_of(payload, sizeof(payload))};
        const struct log_write one = {
            .hard_state = &hard, .first = index, .entries = &entry, .entry_count = 1};
        if (log_store_write(store, &one, 1, NULL) != STATUS_OK ||
            write(to, &index, sizeof(index)) != (ssize_t)sizeof(index))
            return 1;
    }
}

/* Another program, since a forked RocksDB lacks its threads. */
static pid_t start_writer(const struct place *place, int to)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    char fd[16];
    snprintf(fd, sizeof(fd), "%d", to);
    execl("/proc/self/exe", "test_kv_rocks", "--write", place->dir, fd, (char *)NULL);
    _exit(1);
}

static uint64_t last_acknowledged(int from)
{
    uint64_t last = 0, index;
    while (read(from, &index, sizeof(index)) == (ssize_t)sizeof(index))
        last = index;
    return last;
}

static void what_was_acknowledged_outlives_kill_9(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    uint64_t acknowledged = 0;
    for (unsigned life = 0; life < 5; life++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
        const pid_t child = start_writer(&place, ends[1]);
        close(ends[1]);
        uint64_t first; /* it is up */
        assert_int_equal(read(ends[0], &first, sizeof(first)), sizeof(first));
        struct pollfd more = {.fd = ends[0], .events = POLLIN}; /* however busy the machine is */
        assert_int_equal(poll(&more, 1, 20000), 1);
        usleep(50 * 1000 + life * 13 * 1000);
        assert_int_equal(kill(child, SIGKILL), 0);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        const uint64_t last = last_acknowledged(ends[0]);
        close(ends[0]);
        assert_true(last > acknowledged);
        acknowledged = last;

        struct log_store *store;
        struct log_recovered found;
        MUST(open_log(&place, &store, &found, error));
        assert_true(found.last_index >= acknowledged);
        assert_true(found.last_index <= acknowledged + 1);
        assert_int_equal(found.hard_state.current_term, found.last_index);
        acknowledged = found.last_index;
        log_store_close(store);
        log_recovered_clear(&found);
    }
    place_close(&place);
}

/* ---- files torn and flipped ---- */

/* The largest file in dir whose name ends so; false when there is none. */
static bool find_file(const struct place *place, const char *dir, const char *end,
                      char path[static DISK_PATH_MAX], uint64_t *size)
{
    struct buf names = {0};
    bool found = false;
    MUST(disk_list(place->disk, dir, &names, error));
    const char *name = (const char *)buf_data(&names);
    for (; name < (const char *)buf_data(&names) + names.size; name += strlen(name) + 1) {
        char one[DISK_PATH_MAX];
        uint64_t bytes;
        if (strlen(name) < strlen(end) || strcmp(name + strlen(name) - strlen(end), end) != 0)
            continue;
        MUST(disk_join(one, dir, name, error));
        MUST(disk_size(place->disk, one, &bytes, error));
        if (found && bytes <= *size)
            continue;
        found = true;
        *size = bytes;
        memcpy(path, one, DISK_PATH_MAX);
    }
    buf_clear(&names);
    return found;
}

static void flip(const struct place *place, const char *path, uint64_t offset)
{
    struct buf byte = {0};
    MUST(disk_read(place->disk, path, (struct disk_span){offset, 1}, &byte, error));
    buf_data(&byte)[0] ^= 0x55;
    MUST(disk_write(place->disk, path, offset, buf_bytes(&byte), error));
    buf_clear(&byte);
}

/* A log of 20 entries, all of them in the WAL, closed; the path and size of the WAL. */
static void make_log(struct place *place, char path[static DISK_PATH_MAX], uint64_t *size)
{
    struct log_store *store;
    struct log_recovered found;
    MUST(open_log(place, &store, &found, error));
    for (uint64_t index = 1; index <= 20; index++)
        append(store, index, 1, 100);
    log_store_close(store);
    log_recovered_clear(&found);
    assert_true(find_file(place, place_path(place, "log"), ".log", path, size));
}

/* What a crash in the middle of a write leaves behind: never acknowledged, so without a word. */
static void a_torn_record_at_the_end_is_dropped(void **state)
{
    (void)state;
    struct place place;
    char path[DISK_PATH_MAX];
    uint64_t size;
    place_open(&place, PLACE_REAL, 1);
    make_log(&place, path, &size);
    MUST(disk_write(place.disk, path, size, BYTES("\x12\x34\x56\x78\xff\x00\x01torn"), error));
    struct log_store *store;
    struct log_recovered found;
    MUST(open_log(&place, &store, &found, error));
    assert_int_equal(found.last_index, 20);
    append(store, 21, 1, 100);
    log_store_close(store);
    log_recovered_clear(&found);
    MUST(open_log(&place, &store, &found, error));
    assert_int_equal(found.last_index, 21);
    log_store_close(store);
    log_recovered_clear(&found);
    place_close(&place);
}

static void assert_refused(const struct place *place)
{
    struct log_store *store;
    struct log_recovered found;
    struct error e;
    assert_int_equal(open_log(place, &store, &found, &e), STATUS_CORRUPT);
    assert_null(store);
    assert_non_null(strstr(e.text, "remove its state and log"));
}

/* ---- zeros ahead of the records (wal_fill.h) ---- */

#define ZEROS_BYTES (256 << 10) /* as many as the test's write buffer holds */

static void zeros_are_laid_ahead_and_cut_off_by_closing(void **state)
{
    (void)state;
    struct place place;
    char path[DISK_PATH_MAX];
    uint64_t size;
    place_open(&place, PLACE_REAL, 1);
    struct log_store *store;
    struct log_recovered found;
    MUST(open_log(&place, &store, &found, error));
    log_recovered_clear(&found);
    for (uint64_t index = 1; index <= 100; index++)
        append(store, index, 1, 1000);
    assert_true(find_file(&place, place_path(&place, "log"), ".log", path, &size));
    assert_true(size > ZEROS_BYTES);
    assert_true(size < 2 * ZEROS_BYTES); /* of which 100 KB are records */
    log_store_close(store);
    MUST(disk_size(place.disk, path, &size, error));
    assert_true(size < 200 * 1000);

    MUST(open_log(&place, &store, &found, error));
    assert_int_equal(found.last_index, 100);
    log_recovered_clear(&found);
    for (uint64_t index = 101; index <= 3000; index++) /* several files, each filled anew */
        append(store, index, 1, 1000);
    append(store, 3001, 40, 64 << 10); /* beyond all zeros at once */
    append(store, 3041, 1, 1000);
    log_store_close(store);
    MUST(open_log(&place, &store, &found, error));
    assert_int_equal(found.last_index, 3041);
    log_recovered_clear(&found);
    log_store_close(store);
    place_close(&place);
}

/* As a crash leaves it: the end of the record that was being written never reached the disk, and
 * zeros stand there and behind it. */
static void a_record_torn_among_zeros_is_dropped_unless_acknowledged(void **state)
{
    (void)state;
    for (unsigned acknowledged = 0; acknowledged < 2; acknowledged++) {
        struct place place;
        char path[DISK_PATH_MAX];
        uint64_t size;
        struct buf mark = {0};
        place_open(&place, PLACE_REAL, 1);
        struct log_store *store;
        struct log_recovered found;
        MUST(open_log(&place, &store, &found, error));
        log_recovered_clear(&found);
        append(store, 1, 20, 100);
        MUST(disk_read(place.disk, place_path(&place, "log.mark"), (struct disk_span){0, 8}, &mark,
                       error));
        append(store, 21, 1, 40 << 10); /* over more than one of the WAL's blocks */
        log_store_close(store);
        assert_true(find_file(&place, place_path(&place, "log"), ".log", path, &size));
        assert_int_equal(truncate(path, (off_t)size - 5000), 0);
        assert_int_equal(truncate(path, (off_t)size + ZEROS_BYTES), 0);
        if (acknowledged == 1) {
            assert_refused(&place);
        } else {
            MUST(disk_write(place.disk, place_path(&place, "log.mark"), 0, buf_bytes(&mark),
                            error));
            MUST(open_log(&place, &store, &found, error));
            assert_int_equal(found.last_index, 20);
            log_recovered_clear(&found);
            log_store_close(store);
        }
        buf_clear(&mark);
        place_close(&place);
    }
}

static void an_acknowledged_record_that_is_cut_off_is_damage(void **state)
{
    (void)state;
    struct place place;
    char path[DISK_PATH_MAX];
    uint64_t size;
    place_open(&place, PLACE_REAL, 1);
    make_log(&place, path, &size);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    assert_refused(&place);
    place_close(&place);
}

static void a_flipped_byte_anywhere_in_the_wal_is_damage(void **state)
{
    (void)state;
    struct place place;
    char path[DISK_PATH_MAX];
    uint64_t size = 1;
    for (uint64_t offset = 0; offset < size; offset += 331) {
        place_open(&place, PLACE_REAL, 1);
        make_log(&place, path, &size);
        flip(&place, path, offset);
        assert_refused(&place);
        place_close(&place);
    }
}

static void a_lost_file_is_damage(void **state)
{
    (void)state;
    const char *const files[] = {"CURRENT", ".sst"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        struct place place;
        char path[DISK_PATH_MAX];
        uint64_t size;
        place_open(&place, PLACE_REAL, 1);
        make_log(&place, path, &size);
        struct log_store *store; /* a second life moves the entries from the WAL to a table */
        struct log_recovered found;
        MUST(open_log(&place, &store, &found, error));
        log_store_close(store);
        log_recovered_clear(&found);
        assert_true(find_file(&place, place_path(&place, "log"), files[i], path, &size));
        MUST(disk_remove(place.disk, path, error));
        assert_refused(&place);
        place_close(&place);
    }
}

struct many_rows {
    uint64_t next, count;
    char key[24];
    uint8_t value[100];
};

static bool next_row(void *context, struct kv_row *row)
{
    struct many_rows *rows = context;
    if (rows->next == rows->count)
        return false;
    const int size = snprintf(rows->key, sizeof(rows->key), "row %09" PRIu64, rows->next++);
    *row = (struct kv_row){bytes_of(rows->key, (size_t)size),
                           bytes_of(rows->value, sizeof(rows->value)), false};
    return true;
}

static void a_flipped_byte_in_a_table_is_noticed_by_reading_and_remembered(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct kv *kv;
    const struct kv_options options = {.path = place_path(&place, "db"),
                                       .create_if_missing = true};
    MUST(kv_open(place.disk, &options, &kv, error));
    struct many_rows *rows = xcalloc(1, sizeof(*rows));
    rows->count = 1000;
    prng_secret(rows->value, sizeof(rows->value));
    const struct kv_ingest ingest = {next_row, rows, NULL, 0};
    MUST(kv_ingest(kv, &ingest, error));
    free(rows);
    kv_close(kv);

    char path[DISK_PATH_MAX];
    uint64_t size;
    assert_true(find_file(&place, options.path, ".sst", path, &size));
    flip(&place, path, 100); /* in the first block */
    MUST(kv_open(place.disk, &options, &kv, error));
    struct buf value = {0};
    struct error e;
    assert_int_equal(kv_get(kv, BYTES("row 000000000"), &value, &e), STATUS_CORRUPT);
    assert_true(strlen(e.text) > 0);
    struct kv_iterator *i = kv_iterate(kv, KV_RANGE_ALL);
    assert_false(kv_iterator_first(i));
    assert_int_equal(kv_iterator_status(i, &e), STATUS_CORRUPT);
    kv_iterator_free(i);
    const struct bytes key = BYTES("row 000000000");
    struct kv_result result;
    assert_int_equal(kv_get_many(kv, (struct kv_keys){&key, 1}, &result, &value, &e),
                     STATUS_CORRUPT);
    buf_clear(&value);
    kv_close(kv);
    assert_int_equal(kv_open(place.disk, &options, &kv, &e), STATUS_CORRUPT);
    assert_non_null(strstr(e.text, "damaged"));
    place_close(&place);
}

/* ---- disk space ---- */

/* A file that RocksDB has done with but was kept from removing, as one that a read held while the
 * compaction ended: it does not wait for the next one. */
static void dead_files_of_the_state_go_with_the_next_ingest(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct kv *kv;
    const struct kv_options options = {.path = place_path(&place, "db"),
                                       .create_if_missing = true};
    MUST(kv_open(place.disk, &options, &kv, error));
    char dead[DISK_PATH_MAX];
    snprintf(dead, sizeof(dead), "%s/000001.sst", place_path(&place, "db"));
    FILE *f = fopen(dead, "we");
    assert_non_null(f);
    fclose(f);
    struct many_rows *rows = xcalloc(1, sizeof(*rows));
    rows->count = 10;
    const struct kv_ingest ingest = {next_row, rows, NULL, 0};
    MUST(kv_ingest(kv, &ingest, error));
    assert_int_not_equal(access(dead, F_OK), 0);
    struct buf value = {0};
    MUST(kv_get(kv, BYTES("row 000000009"), &value, error)); /* and no other file */
    buf_clear(&value);
    kv_close(kv);
    free(rows);
    place_close(&place);
}

/* What stays is written anew before what goes is given back. */
static void space_is_given_back_only_where_there_is_room_for_what_stays(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct log_store *store;
    struct log_recovered found;
    struct log_store_stats before, after;
    MUST(open_log(&place, &store, &found, error));
    uint64_t last = 0;
    for (int n = 0; n < 32; n++) {
        append(store, last + 1, 64, 8 << 10);
        last += 64;
    }
    MUST(log_store_compact(store, last / 4 * 3, 1, error)); /* half would be hardly worth it */
    struct error e;
    log_store_stats(store, &before);
    assert_int_equal(log_store_reclaim(store, 1 << 20, &e), STATUS_NO_SPACE);
    assert_non_null(strstr(e.text, "written anew"));
    log_store_stats(store, &after);
    assert_true(after.disk_bytes > before.disk_bytes / 2);
    MUST(log_store_reclaim(store, 32 << 20, error));
    log_store_stats(store, &after);
    assert_true(after.disk_bytes < before.disk_bytes * 3 / 4);
    log_store_close(store);
    log_recovered_clear(&found);
    place_close(&place);
}

static void what_can_be_smaller_is_smaller_in_the_log_s_files(void **state)
{
    (void)state;
    static const uint8_t plain[8 << 10] = "one and the same";
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct log_store *store;
    struct log_recovered found;
    struct log_store_stats stats;
    MUST(open_log(&place, &store, &found, error));
    for (uint64_t n = 0; n < 16; n++)
        append_copies(store, n * 64 + 1, 64, bytes_of(plain, sizeof(plain)));
    log_store_close(store);
    log_recovered_clear(&found);
    MUST(open_log(&place, &store, &found, error)); /* what was in the WAL is in a file now */
    log_store_stats(store, &stats);
    assert_int_equal(found.last_index, 1024);
    assert_in_range(stats.disk_bytes, 1, 1024 * sizeof(plain) / 8);
    log_store_close(store);
    log_recovered_clear(&found);
    place_close(&place);
}

static void a_compacted_log_gives_its_space_back(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct log_store *store;
    struct log_recovered found;
    struct log_store_stats stats;
    MUST(open_log(&place, &store, &found, error));
    uint64_t last = 0;
    for (int n = 0; n < 8; n++, last += 64)
        append(store, last + 1, 64, 8 << 10);
    for (int n = 0; n < 400; n++) { /* memtables go to files behind our back */
        log_store_stats(store, &stats);
        if (stats.disk_bytes > 1 << 20)
            break;
        usleep(50000);
    }
    assert_true(stats.disk_bytes > 1 << 20);
    for (int round = 0; round < 8; round++) {
        for (int n = 0; n < 4; n++, last += 64)
            append(store, last + 1, 64, 8 << 10);
        MUST(log_store_compact(store, last - 10, 1, error));
        MUST(log_store_reclaim(store, UINT64_MAX, error));
    }
    /* RocksDB may still be writing memtables of dropped entries to files, and fewer than four of
     * those are left alone: with more entries come more files, and they all go. */
    log_store_stats(store, &stats);
    for (int n = 0; n < 100 && stats.disk_bytes > 1 << 20; n++) {
        usleep(50000);
        append(store, last + 1, 64, 8 << 10);
        last += 64;
        MUST(log_store_compact(store, last - 10, 1, error));
        MUST(log_store_reclaim(store, UINT64_MAX, error));
        log_store_stats(store, &stats);
    }
    /* 20 MiB were written, a memtable of 256 KiB and ten entries may be left. */
    assert_in_range(stats.disk_bytes, 0, 1 << 20);
    log_store_close(store);
    log_recovered_clear(&found);
    MUST(open_log(&place, &store, &found, error));
    assert_int_equal(found.base_index, last - 10);
    assert_int_equal(found.last_index, last);
    log_store_close(store);
    log_recovered_clear(&found);
    place_close(&place);
}

/* ---- a reader beside the writer ---- */

struct reader_thread {
    struct log_store *store;
    _Atomic bool stop;
    _Atomic uint64_t last; /* written so far */
    uint64_t read, wrong;
};

static struct bytes payload_of(uint64_t index, char text[static 24])
{
    const int size = snprintf(text, 24, "payload %" PRIu64, index);
    return bytes_of(text, (size_t)size);
}

static void *read_on(void *context)
{
    struct reader_thread *r = context;
    struct log_block block = {0};
    struct prng p;
    prng_seed(&p, 1);
    while (!r->stop) {
        const uint64_t last = r->last;
        const struct log_range range = {1 + prng_below(&p, last + 2), last + 10, 2000};
        if (range.from > range.to)
            continue;
        const enum status status = log_store_read(r->store, &range, &block, NULL);
        r->wrong += status != STATUS_OK && status != STATUS_NOT_FOUND;
        for (size_t i = 0; status == STATUS_OK && i < block.count; i++) {
            char text[24];
            r->read++;
            r->wrong += !bytes_equal(block.entries[i].payload, payload_of(range.from + i, text));
        }
    }
    log_block_clear(&block);
    return NULL;
}

static void reading_beside_writing_never_sees_half_of_it(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct log_recovered found;
    struct reader_thread r = {.stop = false};
    MUST(open_log(&place, &r.store, &found, error));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
    struct prng p;
    prng_seed(&p, 2);
    uint64_t base = 0, last = 0;
    for (int round = 0; round < 1500; round++) {
        char texts[10][24];
        struct log_entry entries[10];
        struct log_write write = {.entries = entries, .entry_count = ARRAY_COUNT(entries)};
        if (last > base && prng_chance(&p, 1, 5)) {
            write.truncate_from = base + 1 + prng_below(&p, last - base);
            last = write.truncate_from - 1;
        }
        write.first = last + 1;
        for (size_t i = 0; i < ARRAY_COUNT(entries); i++)
            entries[i] = (struct log_entry){1, 1, payload_of(++last, texts[i])};
        if (prng_chance(&p, 1, 20)) {
            base += prng_below(&p, last - base);
            write.compact_index = base;
            write.compact_term = 1;
        }
        MUST(log_store_write(r.store, &write, 1, error));
        r.last = last;
        if (round % 100 == 0)
            MUST(log_store_reclaim(r.store, UINT64_MAX, error));
    }
    r.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(r.read > 1000);
    assert_int_equal(r.wrong, 0);
    log_store_close(r.store);
    log_recovered_clear(&found);
    place_close(&place);
}

/* ---- the lock ---- */

static void a_directory_has_one_owner(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_REAL, 1);
    struct disk_lock *lock, *other;
    struct error e;
    MUST(disk_lock(place.dir, &lock, error));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char owner[32];
        snprintf(owner, sizeof(owner), "process %ld", (long)getppid());
        const bool refused = disk_lock(place.dir, &other, &e) == STATUS_LOCKED &&
                             strstr(e.text, place.dir) != NULL && strstr(e.text, owner) != NULL;
        _exit(refused ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    disk_unlock(lock);
    MUST(disk_lock(place.dir, &lock, error));
    disk_unlock(lock);
    assert_int_equal(disk_lock("no/such/directory", &lock, &e), STATUS_NOT_FOUND);
    place_close(&place);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--write") == 0)
        return write_until_killed(argv[2], atoi(argv[3]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_outlives_kill_9),
        cmocka_unit_test(a_torn_record_at_the_end_is_dropped),
        cmocka_unit_test(zeros_are_laid_ahead_and_cut_off_by_closing),
        cmocka_unit_test(a_record_torn_among_zeros_is_dropped_unless_acknowledged),
        cmocka_unit_test(an_acknowledged_record_that_is_cut_off_is_damage),
        cmocka_unit_test(a_flipped_byte_anywhere_in_the_wal_is_damage),
        cmocka_unit_test(a_lost_file_is_damage),
        cmocka_unit_test(a_flipped_byte_in_a_table_is_noticed_by_reading_and_remembered),
        cmocka_unit_test(dead_files_of_the_state_go_with_the_next_ingest),
        cmocka_unit_test(space_is_given_back_only_where_there_is_room_for_what_stays),
        cmocka_unit_test(what_can_be_smaller_is_smaller_in_the_log_s_files),
        cmocka_unit_test(a_compacted_log_gives_its_space_back),
        cmocka_unit_test(reading_beside_writing_never_sees_half_of_it),
        cmocka_unit_test(a_directory_has_one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
