/* test_backup.c -- segments and backups: what is written is read again, whatever is damaged is
 * noticed, and a backup is whole or not there. */

#include "test.h"

#include <unistd.h>

#include "base/panic.h"
#include "base/prng.h"
#include "kv/backup_set.h"
#include "kv/segment.h"
#include "kv_place.h"

#define CLUSTER 0xfeedu

/* --- segments --------------------------------------------------------------------------------- */

static void write_segment(struct segment_writer *w, uint64_t first, uint32_t count)
{
    segment_begin(w, CLUSTER, first);
    for (uint32_t i = 0; i < count; i++) {
        const struct log_entry entry = {7 + i / 3, (uint8_t)(i % 3), bytes_of("payload", i % 8)};
        segment_add(w, &entry, 1000 + i);
    }
}

static void a_segment_is_read_as_it_was_written(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct segment_writer w = {0};
    write_segment(&w, 100, 10);
    MUST(segment_write(&w, place.disk, place.dir, error));
    write_segment(&w, 50, 50);
    MUST(segment_write(&w, place.disk, place.dir, error));
    MUST(disk_write(place.disk, place_path(&place, "other.segment"), 0, BYTES("x"), error));
    segment_writer_clear(&w);

    struct segment_names list;
    MUST(segment_list(place.disk, place.dir, CLUSTER + 1, &list, error));
    assert_int_equal(list.count, 0);
    segment_names_clear(&list);
    MUST(segment_list(place.disk, place.dir, CLUSTER, &list, error));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.names[0].first, 50);
    assert_int_equal(list.names[0].last, 99);
    struct segment s;
    MUST(segment_read(place.disk, place.dir, &list.names[1], &s, error));
    assert_int_equal(s.count, 10);
    for (uint32_t i = 0; i < s.count; i++) {
        assert_int_equal(s.entries[i].entry.term, 7 + i / 3);
        assert_int_equal(s.entries[i].entry.kind, i % 3);
        assert_int_equal(s.entries[i].clock_ms, 1000 + i);
        assert_true(bytes_equal(s.entries[i].entry.payload, bytes_of("payload", i % 8)));
    }
    segment_clear(&s);
    /* A segment under another's name is not what its name says. */
    list.names[1].first++;
    assert_int_equal(segment_read(place.disk, place.dir, &list.names[1], &s, NULL),
                     STATUS_NOT_FOUND);
    segment_names_clear(&list);
    place_close(&place);
}

static bool decodes_as_segment(struct bytes bytes)
{
    struct buf copy = {0};
    struct segment s;
    buf_append_bytes(&copy, bytes);
    const bool fine = segment_decode(&copy, &s);
    segment_clear(&s);
    buf_clear(&copy);
    return fine;
}

static bool decodes_as_manifest(struct bytes bytes)
{
    struct backup_manifest m;
    const bool fine = backup_manifest_decode(bytes, &m);
    backup_manifest_clear(&m);
    return fine;
}

/* Every bit flipped, every length cut, and noise: none of it is taken for what it is not. */
static void damage_is_noticed(struct bytes whole, bool (*decodes)(struct bytes))
{
    struct buf copy = {0};
    struct prng prng;
    assert_true(decodes(whole));
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        buf_reset(&copy);
        buf_append_bytes(&copy, whole);
        buf_data(&copy)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(decodes(buf_bytes(&copy)));
    }
    for (size_t size = 0; size < whole.size; size++)
        assert_false(decodes(bytes_of(whole.data, size)));
    buf_append_u8(&copy, 0);
    assert_false(decodes(buf_bytes(&copy)));
    prng_seed(&prng, 1);
    for (int round = 0; round < 20000; round++) {
        buf_reset(&copy); /* the beginning is right, so that it is looked at */
        buf_append(&copy, whole.data, (size_t)prng_below(&prng, whole.size));
        for (uint64_t size = prng_below(&prng, 200); size > 0; size--)
            buf_append_u8(&copy, (uint8_t)prng_below(&prng, prng_chance(&prng, 1, 2) ? 2 : 256));
        assert_false(decodes(buf_bytes(&copy)));
    }
    buf_clear(&copy);
}

static void a_damaged_segment_is_noticed(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_MEM, 1);
    struct segment_writer w = {0};
    write_segment(&w, 100, 5);
    MUST(segment_write(&w, place.disk, place.dir, error));
    damage_is_noticed(buf_bytes(&w.bytes), decodes_as_segment);
    segment_writer_clear(&w);
    place_close(&place);
}

static void only_our_names_are_segments(void **state)
{
    (void)state;
    struct segment_name name, again;
    char text[SEGMENT_NAME_SIZE];
    segment_name_text(&(struct segment_name){UINT64_MAX, 1, INT64_MAX}, text);
    assert_true(segment_name_parse(text, &name));
    assert_int_equal(name.cluster, UINT64_MAX);
    assert_int_equal(name.last, INT64_MAX);
    for (size_t i = 0; i < strlen(text); i++) {
        char changed[SEGMENT_NAME_SIZE];
        strcpy(changed, text);
        changed[i] = '+';
        assert_false(segment_name_parse(changed, &again));
    }
    segment_name_text(&(struct segment_name){1, 0, 5}, text);
    assert_false(segment_name_parse(text, &name));
    segment_name_text(&(struct segment_name){1, 6, 5}, text);
    assert_false(segment_name_parse(text, &name));
}

/* --- backups ---------------------------------------------------------------------------------- */

/* node/ with three files of a state; the path that backups need is absolute. */
struct scene {
    struct place place;
    char root[DISK_PATH_MAX], node[DISK_PATH_MAX], dir[DISK_PATH_MAX];
};

static void put_file(const struct scene *s, const char *name, const char *text)
{
    char path[DISK_PATH_MAX];
    MUST(disk_join(path, s->node, name, error));
    MUST(disk_replace(s->place.disk, path, bytes_from_string(text), error));
}

static void scene_open(struct scene *s, enum place_kind kind)
{
    place_open(&s->place, kind, 1);
    if (kind == PLACE_REAL) {
        MUST(disk_resolve(s->place.disk, s->place.dir, s->root, error));
    } else {
        strcpy(s->root, "/root");
        MUST(disk_make_dir(s->place.disk, s->root, error));
    }
    MUST(disk_join(s->node, s->root, "node", error));
    MUST(disk_make_dir(s->place.disk, s->node, error));
    MUST(disk_join(s->dir, s->root, "series", error));
    put_file(s, "000008.sst", "rows that stay");
    put_file(s, "000009.sst", "rows of old");
    put_file(s, "CURRENT", "");
}

static void scene_close(struct scene *s)
{
    MUST(disk_remove(s->place.disk, s->root, error));
    if (s->place.mem != NULL)
        place_close(&s->place);
}

static enum status make_backup(const struct scene *s, uint64_t index, uint64_t *shared,
                               struct error *e)
{
    static const char *const names[] = {"000008.sst", "000009.sst", "CURRENT"};
    struct backup_writer w = {.disk = s->place.disk,
                              .manifest = {.cluster = CLUSTER, .node = 3, .index = index, .term = 2,
                                           .last_index = index + 5, .last_term = 2}};
    enum status status = backup_open(&w, s->dir, s->node, e);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_COUNT(names); i++) {
        char from[DISK_PATH_MAX], name[BACKUP_NAME_MAX + 1];
        snprintf(name, sizeof(name), "state/%s", names[i]);
        MUST(disk_join(from, s->node, names[i], error));
        status = backup_file_begin(&w, name, from, e);
        for (bool done = false; status == STATUS_OK && !done;)
            status = backup_file_step(&w, 4, &done, e);
    }
    if (status == STATUS_OK)
        status = backup_commit(&w, e);
    *shared = w.shared_bytes;
    backup_end(&w, status == STATUS_OK);
    return status;
}

static void read_manifest(const struct scene *s, uint64_t number, struct backup_manifest *m,
                          char path[static DISK_PATH_MAX])
{
    MUST(backup_path(s->dir, number, path, error));
    MUST(backup_manifest_read(s->place.disk, path, m, error));
}

static uint64_t whole_backups(const struct scene *s)
{
    struct buf numbers = {0};
    struct error e;
    const enum status status = backup_list(s->place.disk, s->dir, &numbers, &e);
    const size_t count = status == STATUS_OK ? numbers.size / sizeof(uint64_t) : 0;
    buf_clear(&numbers);
    return count;
}

static void the_second_shares_what_did_not_change(enum place_kind kind)
{
    struct scene s;
    struct backup_manifest m;
    char path[DISK_PATH_MAX];
    uint64_t shared;
    scene_open(&s, kind);
    MUST(make_backup(&s, 10, &shared, error));
    assert_int_equal(shared, 0);
    put_file(&s, "000009.sst", "rows of new"); /* same name, same size, other bytes */
    MUST(make_backup(&s, 20, &shared, error));
    assert_int_equal(shared, strlen("rows that stay"));
    assert_int_equal(whole_backups(&s), 2);
    for (uint64_t number = 1; number <= 2; number++) {
        read_manifest(&s, number, &m, path);
        assert_int_equal(m.index, number * 10);
        assert_int_equal(m.last_index, number * 10 + 5);
        assert_int_equal(m.count, 3);
        for (uint32_t i = 0; i < m.count; i++)
            MUST(backup_take(s.place.disk, path, &m.files[i], NULL, error));
        backup_manifest_clear(&m);
    }
    scene_close(&s);
}

static void a_changed_file_is_not_taken(enum place_kind kind)
{
    struct scene s;
    struct backup_manifest m;
    char path[DISK_PATH_MAX], file[DISK_PATH_MAX];
    uint64_t shared;
    scene_open(&s, kind);
    MUST(make_backup(&s, 10, &shared, error));
    read_manifest(&s, 1, &m, path);
    assert_string_equal(m.files[0].name, "state/000008.sst");
    MUST(disk_join(file, path, m.files[0].name, error));
    MUST(disk_write(s.place.disk, file, 3, BYTES("?"), error));
    assert_int_equal(backup_take(s.place.disk, path, &m.files[0], NULL, NULL), STATUS_CORRUPT);
    MUST(disk_remove(s.place.disk, file, error));
    assert_int_equal(backup_take(s.place.disk, path, &m.files[0], NULL, NULL), STATUS_CORRUPT);
    backup_manifest_clear(&m);
    scene_close(&s);
}

static void a_damaged_manifest_is_noticed(void **state)
{
    (void)state;
    struct scene s;
    struct backup_manifest m;
    char path[DISK_PATH_MAX];
    struct buf encoded = {0};
    uint64_t shared;
    scene_open(&s, PLACE_MEM);
    MUST(make_backup(&s, 10, &shared, error));
    read_manifest(&s, 1, &m, path);
    backup_manifest_encode(&m, &encoded);
    damage_is_noticed(buf_bytes(&encoded), decodes_as_manifest);
    strcpy(m.files[0].name, "state/../../etc"); /* and names that lead elsewhere */
    buf_reset(&encoded);
    backup_manifest_encode(&m, &encoded);
    assert_false(decodes_as_manifest(buf_bytes(&encoded)));
    backup_manifest_clear(&m);
    buf_clear(&encoded);
    scene_close(&s);
}

/* Whatever operation of the disk is the last before the machine goes down: what is listed is whole,
 * and the next backup succeeds. */
static void a_backup_is_whole_or_not_there(void **state)
{
    (void)state;
    uint64_t shared, interrupted = 0;
    for (uint64_t at = 1;; at++) {
        struct scene s;
        struct backup_manifest m;
        char path[DISK_PATH_MAX];
        scene_open(&s, PLACE_MEM);
        MUST(make_backup(&s, 10, &shared, error));
        kv_mem_disk_fault(s.place.mem, at % 2 == 0 ? KV_MEM_DIE : KV_MEM_FAIL, at / 2 + 1);
        struct error e;
        const enum status status = make_backup(&s, 20, &shared, &e);
        kv_mem_disk_crash(s.place.mem, KV_MEM_POWER_LOSS);
        interrupted += status != STATUS_OK;
        const uint64_t whole = whole_backups(&s);
        assert_true(whole == 2 || (whole == 1 && status != STATUS_OK));
        for (uint64_t number = 1; number <= whole; number++) {
            read_manifest(&s, number, &m, path);
            for (uint32_t i = 0; i < m.count; i++)
                MUST(backup_take(s.place.disk, path, &m.files[i], NULL, error));
            backup_manifest_clear(&m);
        }
        MUST(make_backup(&s, 30, &shared, error));
        assert_int_equal(whole_backups(&s), whole + 1);
        scene_close(&s);
        if (status == STATUS_OK && at > 200)
            break;
    }
    assert_true(interrupted > 20);
}

static void other_places_are_refused(void **state)
{
    (void)state;
    struct scene s;
    uint64_t shared;
    char link_path[DISK_PATH_MAX];
    scene_open(&s, PLACE_REAL);
    static const char *const names[] = {"node", "node/backups", "nowhere/backups", ".", "..",
                                        "link"};
    MUST(disk_join(link_path, s.root, "link", error));
    assert_int_equal(symlink("/tmp", link_path), 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        MUST(disk_join(s.dir, s.root, names[i], error));
        assert_int_not_equal(make_backup(&s, 10, &shared, NULL), STATUS_OK);
    }
    strcpy(s.dir, s.root); /* above the node's directory */
    assert_int_equal(make_backup(&s, 10, &shared, NULL), STATUS_INVALID);
    strcpy(s.dir, s.place.dir); /* relative */
    assert_int_equal(make_backup(&s, 10, &shared, NULL), STATUS_INVALID);
    scene_close(&s);
}

BOTH(a_segment_is_read_as_it_was_written)
BOTH(the_second_shares_what_did_not_change)
BOTH(a_changed_file_is_not_taken)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(a_segment_is_read_as_it_was_written),
        ROWS(the_second_shares_what_did_not_change),
        ROWS(a_changed_file_is_not_taken),
        cmocka_unit_test(a_damaged_segment_is_noticed),
        cmocka_unit_test(only_our_names_are_segments),
        cmocka_unit_test(a_damaged_manifest_is_noticed),
        cmocka_unit_test(a_backup_is_whole_or_not_there),
        cmocka_unit_test(other_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
