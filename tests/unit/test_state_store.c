/* test_state_store.c -- generations of the state: whole or not there, whatever ends the process. */

#include "test.h"

#include "base/panic.h"
#include "kv/kv.h"
#include "kv/state_store.h"
#include "kv_place.h"

static struct state_store *open_store(const struct place *place)
{
    struct state_store *store;
    const struct state_store_options options = {.disk = place->disk, .dir = place->dir};
    MUST(state_store_open(&options, &store, error));
    return store;
}

struct one_row {
    const char *value;
    bool given;
};

static bool next_row(void *context, struct kv_row *row)
{
    struct one_row *one = context;
    if (one->given)
        return false;
    one->given = true;
    *row = (struct kv_row){BYTES("state"), bytes_from_string(one->value), false};
    return true;
}

static enum status put(struct kv *kv, const char *value, struct error *e)
{
    struct one_row one = {value, false};
    const struct kv_ingest ingest = {next_row, &one, NULL, 0};
    return kv_ingest(kv, &ingest, e);
}

/* "" when there is no such row. */
static void get(struct kv *kv, char text[static 64])
{
    struct buf value = {0};
    const enum status status = kv_get(kv, BYTES("state"), &value, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    snprintf(text, 64, "%.*s", (int)value.size, (const char *)buf_data(&value));
    buf_clear(&value);
}

static void assert_state(struct kv *kv, const char *want)
{
    char text[64];
    get(kv, text);
    assert_string_equal(text, want);
}

/* Copies the files of one directory to another, as a snapshot transfer does. */
static void copy_files(struct disk *disk, const char *from, const char *to)
{
    struct buf names = {0}, bytes = {0};
    MUST(disk_make_dir(disk, to, error));
    MUST(disk_list(disk, from, &names, error));
    const char *name = (const char *)buf_data(&names);
    for (; name < (const char *)buf_data(&names) + names.size; name += strlen(name) + 1) {
        char source[DISK_PATH_MAX], target[DISK_PATH_MAX];
        uint64_t size, half;
        MUST(disk_join(source, from, name, error));
        MUST(disk_join(target, to, name, error));
        MUST(disk_size(disk, source, &size, error));
        half = size / 2;
        buf_reset(&bytes);
        MUST(disk_read(disk, source, (struct disk_span){0, half}, &bytes, error));
        assert_int_equal(bytes.size, half);
        MUST(disk_write(disk, target, 0, buf_bytes(&bytes), error));
        buf_reset(&bytes);
        MUST(disk_read(disk, source, (struct disk_span){half, SIZE_MAX / 2}, &bytes, error));
        assert_int_equal(bytes.size, size - half);
        MUST(disk_write(disk, target, half, buf_bytes(&bytes), error));
        MUST(disk_sync(disk, target, error));
    }
    buf_clear(&names);
    buf_clear(&bytes);
}

/* incoming holds "new", the store "old". */
static struct state_store *store_with_incoming(const struct place *place)
{
    struct state_store *store = open_store(place);
    const char *path;
    MUST(put(state_store_kv(store), "new", error));
    MUST(state_store_checkpoint(store, 7, &path, error));
    copy_files(place->disk, path, state_store_incoming(store));
    MUST(state_store_drop_checkpoint(store, 7, error));
    MUST(put(state_store_kv(store), "old", error));
    return store;
}

static void a_state_outlives_its_process(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct state_store *store = open_store(&place);
    assert_int_equal(state_store_generation(store), 1);
    assert_state(state_store_kv(store), "");
    MUST(put(state_store_kv(store), "here", error));
    state_store_close(store);
    store = open_store(&place);
    assert_int_equal(state_store_generation(store), 1);
    assert_state(state_store_kv(store), "here");
    state_store_close(store);
    place_close(&place);
}

static void an_install_replaces_the_state(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct state_store *store = store_with_incoming(&place);
    struct kv *incoming;
    MUST(state_store_inspect(store, &incoming, error));
    assert_state(incoming, "new");
    kv_close(incoming);

    MUST(state_store_install(store, error));
    assert_int_equal(state_store_generation(store), 2);
    assert_state(state_store_kv(store), "new");
    MUST(put(state_store_kv(store), "newer", error));
    state_store_close(store);
    store = open_store(&place);
    assert_state(state_store_kv(store), "newer");
    state_store_close(store);

    struct buf names = {0}; /* nothing of the first generation is left */
    MUST(disk_list(place.disk, place_path(&place, "state"), &names, error));
    assert_true(bytes_equal(buf_bytes(&names), BYTES("2\0CURRENT\0")));
    buf_clear(&names);
    place_close(&place);
}

static void an_interrupted_transfer_goes_on_after_a_restart(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct state_store *store = store_with_incoming(&place);
    state_store_close(store);
    store = open_store(&place);
    assert_state(state_store_kv(store), "old");
    MUST(state_store_install(store, error));
    assert_state(state_store_kv(store), "new");
    state_store_close(store);
    place_close(&place);
}

static void what_current_does_not_name_is_swept(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct state_store *store = open_store(&place);
    const char *path;
    MUST(put(state_store_kv(store), "here", error));
    MUST(state_store_checkpoint(store, 1, &path, error));
    MUST(state_store_checkpoint(store, 1, &path, error)); /* replaces the first */
    MUST(disk_make_dir(place.disk, place_path(&place, "state/99"), error));
    state_store_close(store);
    store = open_store(&place);
    struct buf names = {0};
    MUST(disk_list(place.disk, place_path(&place, "state"), &names, error));
    assert_true(bytes_equal(buf_bytes(&names), BYTES("1\0CURRENT\0")));
    buf_clear(&names);
    assert_state(state_store_kv(store), "here");
    state_store_close(store);
    place_close(&place);
}

static void a_damaged_state_can_be_discarded(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    const struct state_store_options options = {.disk = place.disk, .dir = place.dir};
    struct state_store *store = open_store(&place);
    MUST(put(state_store_kv(store), "here", error));
    state_store_close(store);
    const char *const bad[] = {"", "7", "x\n", "0\n", "8\n", "-1\n"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        MUST(disk_replace(place.disk, place_path(&place, "state/CURRENT"),
                          bytes_from_string(bad[i]), error));
        struct error e;
        assert_int_equal(state_store_open(&options, &store, &e), STATUS_CORRUPT);
        assert_null(store);
        assert_non_null(strstr(e.text, "CURRENT"));
    }
    MUST(state_store_discard(&options, error));
    MUST(state_store_discard(&options, error)); /* nothing left is fine */
    store = open_store(&place);
    assert_state(state_store_kv(store), "");
    state_store_close(store);
    place_close(&place);
}

/* The machine dies, or the operation fails, at every operation of an install. */
static void install_broken_at(uint64_t operation, enum kv_mem_fault fault, bool *reached)
{
    struct place place;
    place_open(&place, PLACE_MEM, 1);
    struct state_store *store = store_with_incoming(&place);
    const uint64_t before = kv_mem_disk_operations(place.mem);
    kv_mem_disk_fault(place.mem, fault, operation);
    struct error e;
    const enum status status = state_store_install(store, &e);
    *reached = kv_mem_disk_operations(place.mem) >= before + operation;
    kv_mem_disk_fault(place.mem, fault, 0);
    if (status == STATUS_OK)
        assert_state(state_store_kv(store), "new");
    state_store_close(store);
    if (fault == KV_MEM_DIE)
        kv_mem_disk_crash(place.mem, KV_MEM_POWER_LOSS);

    store = open_store(&place);
    char text[64];
    get(state_store_kv(store), text);
    assert_true(strcmp(text, "new") == 0 || (status != STATUS_OK && strcmp(text, "old") == 0));
    assert_int_equal(state_store_generation(store), strcmp(text, "new") == 0 ? 2 : 1);
    state_store_close(store);
    place_close(&place);
}

static void an_install_is_whole_or_not_at_all(void **state)
{
    (void)state;
    const enum kv_mem_fault faults[] = {KV_MEM_DIE, KV_MEM_FAIL};
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        bool reached = true;
        for (uint64_t operation = 1; reached; operation++)
            install_broken_at(operation, faults[i], &reached);
    }
}

/* Opening and ingesting, broken at every operation; what an ingest acknowledged stays. */
static void every_other_failure_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    bool reached = true;
    for (uint64_t operation = 1; reached; operation++) {
        struct place place;
        place_open(&place, PLACE_MEM, 1);
        const struct state_store_options options = {.disk = place.disk, .dir = place.dir};
        struct state_store *store = NULL;
        const char *acknowledged = "", *asked = "first";
        kv_mem_disk_fault(place.mem, KV_MEM_DIE, operation);
        struct error e = {0};
        enum status status = state_store_open(&options, &store, &e);
        if (status == STATUS_OK)
            status = put(state_store_kv(store), "first", &e);
        if (status == STATUS_OK) {
            acknowledged = "first";
            asked = "second";
            status = put(state_store_kv(store), "second", &e);
        }
        if (status == STATUS_OK)
            acknowledged = "second";
        reached = status != STATUS_OK;
        assert_true(!reached || e.status == status);
        state_store_close(store);
        kv_mem_disk_crash(place.mem, KV_MEM_POWER_LOSS);
        store = open_store(&place);
        char text[64];
        get(state_store_kv(store), text);
        assert_true(strcmp(text, acknowledged) == 0 || strcmp(text, asked) == 0);
        state_store_close(store);
        place_close(&place);
    }
}

static void a_damaged_snapshot_is_noticed_before_it_is_installed(void **state)
{
    (void)state;
    struct place place;
    place_open(&place, PLACE_MEM, 1);
    struct state_store *store = store_with_incoming(&place);
    char path[DISK_PATH_MAX];
    MUST(disk_join(path, state_store_incoming(store), "ROWS", error));
    MUST(disk_write(place.disk, path, 20, BYTES("!"), error));
    struct kv *incoming;
    assert_int_equal(state_store_inspect(store, &incoming, NULL), STATUS_CORRUPT);
    assert_null(incoming);
    state_store_close(store);
    place_close(&place);
}

BOTH(a_state_outlives_its_process)
BOTH(an_install_replaces_the_state)
BOTH(an_interrupted_transfer_goes_on_after_a_restart)
BOTH(what_current_does_not_name_is_swept)
BOTH(a_damaged_state_can_be_discarded)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(a_state_outlives_its_process),
        ROWS(an_install_replaces_the_state),
        ROWS(an_interrupted_transfer_goes_on_after_a_restart),
        ROWS(what_current_does_not_name_is_swept),
        ROWS(a_damaged_state_can_be_discarded),
        cmocka_unit_test(an_install_is_whole_or_not_at_all),
        cmocka_unit_test(every_other_failure_is_an_error_and_loses_nothing),
        cmocka_unit_test(a_damaged_snapshot_is_noticed_before_it_is_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
