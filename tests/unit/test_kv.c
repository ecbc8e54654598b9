/* test_kv.c -- both backends by the same tests, against an array that does what a database should.
 * What holds for one only is in test_kv_mem.c and test_kv_rocks.c. */

#include "test.h"

#include <inttypes.h>

#include "base/panic.h"
#include "base/prng.h"
#include "kv/kv.h"
#include "kv_place.h"

/* ---- the model: rows in a sorted array ---- */

#define MODEL_ROWS 4096
#define KEY_MAX 12

struct model_row {
    char key[KEY_MAX];
    uint64_t seed; /* of the value */
};

struct model {
    struct model_row rows[MODEL_ROWS];
    size_t count;
};

static struct bytes value_of(uint64_t seed, char text[static 128])
{
    const int size = snprintf(text, 128, "%*s%" PRIu64, (int)(seed % 90), "", seed);
    return bytes_of(text, seed % 7 == 0 ? 0 : (size_t)size);
}

static size_t model_at_least(const struct model *m, const char *key)
{
    size_t position = 0;
    while (position < m->count && strcmp(m->rows[position].key, key) < 0)
        position++;
    return position;
}

static bool model_has(const struct model *m, const char *key, size_t *position)
{
    *position = model_at_least(m, key);
    return *position < m->count && strcmp(m->rows[*position].key, key) == 0;
}

static void model_put(struct model *m, const char *key, uint64_t seed)
{
    size_t position;
    if (!model_has(m, key, &position)) {
        assert_true(m->count < MODEL_ROWS);
        memmove(m->rows + position + 1, m->rows + position,
                (m->count++ - position) * sizeof(*m->rows));
        snprintf(m->rows[position].key, KEY_MAX, "%s", key);
    }
    m->rows[position].seed = seed;
}

/* [from, to) */
static void model_delete_range(struct model *m, const char *from, const char *to)
{
    const size_t first = model_at_least(m, from), end = model_at_least(m, to);
    if (first >= end)
        return;
    memmove(m->rows + first, m->rows + end, (m->count - end) * sizeof(*m->rows));
    m->count -= end - first;
}

static void model_delete(struct model *m, const char *key)
{
    size_t position;
    if (!model_has(m, key, &position))
        return;
    memmove(m->rows + position, m->rows + position + 1,
            (m->count - position - 1) * sizeof(*m->rows));
    m->count--;
}

static void random_key(struct prng *p, char key[static KEY_MAX])
{
    snprintf(key, KEY_MAX, "k%03" PRIu64, prng_below(p, 600));
}

/* ---- comparing ---- */

static void assert_row(const struct kv_iterator *i, const struct model_row *row)
{
    char text[128];
    assert_true(bytes_equal(kv_iterator_key(i), bytes_from_string(row->key)));
    assert_true(bytes_equal(kv_iterator_value(i), value_of(row->seed, text)));
}

/* Every row of the model, and no other, forward and backward. */
static void assert_same_walk(struct kv *kv, const struct model *m, const char *from, const char *to)
{
    const size_t first = model_at_least(m, from);
    const size_t end = to[0] == '\0' ? m->count : MAX(first, model_at_least(m, to));
    struct kv_iterator *i =
        kv_iterate(kv, (struct kv_range){bytes_from_string(from), bytes_from_string(to)});
    bool more = kv_iterator_first(i);
    for (size_t position = first; position < end; position++) {
        assert_true(more);
        assert_row(i, &m->rows[position]);
        more = kv_iterator_next(i);
    }
    assert_false(more);
    more = kv_iterator_last(i);
    for (size_t position = end; position > first; position--) {
        assert_true(more);
        assert_row(i, &m->rows[position - 1]);
        more = kv_iterator_prev(i);
    }
    assert_false(more);
    assert_int_equal(kv_iterator_status(i, NULL), STATUS_OK);
    kv_iterator_free(i);
}

static void assert_same_seeks(struct kv *kv, const struct model *m, struct prng *p)
{
    char from[KEY_MAX], to[KEY_MAX], key[KEY_MAX];
    random_key(p, from);
    random_key(p, to);
    const size_t first = model_at_least(m, from);
    const size_t end = MAX(first, model_at_least(m, to));
    struct kv_iterator *i =
        kv_iterate(kv, (struct kv_range){bytes_from_string(from), bytes_from_string(to)});
    for (int n = 0; n < 10; n++) {
        random_key(p, key);
        const size_t at = model_at_least(m, key);
        const size_t want = MAX(first, at);
        const bool found = kv_iterator_seek(i, bytes_from_string(key));
        assert_int_equal(found, want < end);
        if (found)
            assert_row(i, &m->rows[want]);

        const bool exact = at < m->count && strcmp(m->rows[at].key, key) == 0;
        const size_t behind = MIN(at + (exact ? 1 : 0), end); /* one behind the wanted row */
        const bool found_back = kv_iterator_seek_back(i, bytes_from_string(key));
        assert_int_equal(found_back, behind > first);
        if (found_back)
            assert_row(i, &m->rows[behind - 1]);
    }
    kv_iterator_free(i);
}

static void assert_same_gets(struct kv *kv, const struct model *m, struct prng *p)
{
    enum { KEYS = 100 };
    char keys[KEYS][KEY_MAX], text[128];
    struct bytes names[KEYS];
    struct kv_result results[KEYS];
    struct buf memory = {0}, value = {0};
    for (size_t i = 0; i < KEYS; i++) {
        random_key(p, keys[i]);
        names[i] = bytes_from_string(keys[i]);
    }
    MUST(kv_get_many(kv, (struct kv_keys){names, KEYS}, results, &memory, error));
    for (size_t i = 0; i < KEYS; i++) {
        size_t position;
        const bool has = model_has(m, keys[i], &position);
        const struct bytes want = has ? value_of(m->rows[position].seed, text) : BYTES_NONE;
        assert_int_equal(results[i].found, has);
        assert_true(bytes_equal(results[i].value, want));
        assert_int_equal(kv_get(kv, names[i], &value, NULL), has ? STATUS_OK : STATUS_NOT_FOUND);
        assert_true(bytes_equal(buf_bytes(&value), want));
    }
    buf_clear(&memory);
    buf_clear(&value);
}

static void assert_same(struct kv *kv, const struct model *m, struct prng *p)
{
    char from[KEY_MAX], to[KEY_MAX];
    random_key(p, from);
    random_key(p, to);
    assert_same_walk(kv, m, "", "");
    assert_same_walk(kv, m, from, "");
    assert_same_walk(kv, m, "", to);
    assert_same_walk(kv, m, from, to);
    assert_same_seeks(kv, m, p);
    assert_same_gets(kv, m, p);
}

/* ---- log databases ---- */

static struct kv *open_kv(const struct place *place, const char *path, bool wal)
{
    struct kv *kv;
    const struct kv_options options = {
        .path = path, .wal = wal, .create_if_missing = true, .write_buffer_bytes = 64 << 10};
    MUST(kv_open(place->disk, &options, &kv, error));
    return kv;
}

static void random_batch(struct kv *kv, struct model *m, struct prng *p)
{
    enum { CHANGES = 20 };
    char keys[CHANGES][KEY_MAX], ends[CHANGES][KEY_MAX], texts[CHANGES][128];
    struct kv_change changes[CHANGES];
    const size_t count = (size_t)prng_below(p, CHANGES + 1);
    for (size_t i = 0; i < count; i++) {
        random_key(p, keys[i]);
        changes[i].key = bytes_from_string(keys[i]);
        const uint64_t seed = prng_next(p);
        switch (prng_below(p, 12)) {
        case 0:
            random_key(p, ends[i]);
            changes[i].kind = KV_DELETE_RANGE;
            changes[i].value = bytes_from_string(ends[i]);
            if (strcmp(keys[i], ends[i]) >= 0)
                changes[i].value = changes[i].key;
            else
                model_delete_range(m, keys[i], ends[i]);
            break;
        case 1:
        case 2:
            changes[i].kind = KV_DELETE;
            model_delete(m, keys[i]);
            break;
        default:
            changes[i].kind = KV_PUT;
            changes[i].value = value_of(seed, texts[i]);
            model_put(m, keys[i], seed);
        }
    }
    MUST(kv_write(kv, changes, count, error));
}

static void random_batches_are_what_the_model_says(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct prng p;
    prng_seed(&p, 42);
    struct model *m = xcalloc(1, sizeof(*m));
    const char *path = place_path(&place, "db");
    struct kv *kv = open_kv(&place, path, true);
    for (int round = 0; round < 60; round++) {
        random_batch(kv, m, &p);
        if (round % 6 == 5)
            MUST(kv_drop_range(kv, KV_RANGE_ALL, UINT64_MAX, error));
        if (round % 10 == 9) {
            kv_close(kv);
            kv = open_kv(&place, path, true);
        }
        assert_same(kv, m, &p);
    }
    kv_close(kv);
    free(m);
    place_close(&place);
}

/* ---- state databases ---- */

struct row_source {
    const struct model *puts;
    const struct model *deletes; /* disjoint keys */
    size_t put_position, delete_position;
    char text[128];
};

static bool next_row(void *context, struct kv_row *row)
{
    struct row_source *s = context;
    const struct model_row *put =
        s->put_position < s->puts->count ? &s->puts->rows[s->put_position] : NULL;
    const struct model_row *gone =
        s->delete_position < s->deletes->count ? &s->deletes->rows[s->delete_position] : NULL;
    if (put == NULL && gone == NULL)
        return false;
    if (gone == NULL || (put != NULL && strcmp(put->key, gone->key) < 0)) {
        *row = (struct kv_row){bytes_from_string(put->key), value_of(put->seed, s->text), false};
        s->put_position++;
    } else {
        *row = (struct kv_row){bytes_from_string(gone->key), BYTES_NONE, true};
        s->delete_position++;
    }
    return true;
}

/* Ranges first, rows and tombstones over them, some of those inside the ranges. */
static void random_ingest(struct kv *kv, struct model *m, struct prng *p)
{
    struct model *puts = xcalloc(1, sizeof(*puts)), *deletes = xcalloc(1, sizeof(*deletes));
    char ends[3][2][KEY_MAX];
    struct kv_range ranges[3];
    const size_t range_count = prng_chance(p, 1, 2) ? (size_t)prng_below(p, 4) : 0;
    for (size_t i = 0; i < range_count; i++) {
        random_key(p, ends[i][0]);
        snprintf(ends[i][1], KEY_MAX, "k%03" PRIu64,
                 (uint64_t)atoi(ends[i][0] + 1) + prng_below(p, 100));
        ranges[i] = (struct kv_range){bytes_from_string(ends[i][0]), bytes_from_string(ends[i][1])};
        model_delete_range(m, ends[i][0], ends[i][1]);
    }
    const size_t row_count = (size_t)prng_below(p, 60);
    for (size_t i = 0; i < row_count; i++) {
        char key[KEY_MAX];
        size_t position;
        random_key(p, key);
        const uint64_t seed = prng_next(p);
        if (model_has(puts, key, &position) || model_has(deletes, key, &position))
            continue;
        if (prng_chance(p, 1, 4)) {
            model_put(deletes, key, 0);
            model_delete(m, key);
        } else {
            model_put(puts, key, seed);
            model_put(m, key, seed);
        }
    }
    struct row_source source = {.puts = puts, .deletes = deletes};
    const struct kv_ingest ingest = {next_row, &source, ranges, range_count};
    MUST(kv_ingest(kv, &ingest, error));
    free(puts);
    free(deletes);
}

static void random_ingests_are_what_the_model_says(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct prng p;
    prng_seed(&p, 7);
    struct model *m = xcalloc(1, sizeof(*m));
    const char *path = place_path(&place, "db");
    struct kv *kv = open_kv(&place, path, false);
    for (int round = 0; round < 60; round++) {
        random_ingest(kv, m, &p);
        assert_same(kv, m, &p);
        if (round % 10 == 9) {
            kv_close(kv);
            kv = open_kv(&place, path, false);
            assert_same(kv, m, &p);
        }
    }
    kv_close(kv);
    free(m);
    place_close(&place);
}

static void an_iterator_sees_the_past(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct prng p;
    prng_seed(&p, 3);
    struct model *m = xcalloc(1, sizeof(*m)), *later = xcalloc(1, sizeof(*later));
    struct kv *kv = open_kv(&place, place_path(&place, "db"), false);
    while (m->count < 50)
        random_ingest(kv, m, &p);
    struct kv_iterator *i = kv_iterate(kv, KV_RANGE_ALL);
    *later = *m;
    for (int round = 0; round < 5; round++)
        random_ingest(kv, later, &p);
    bool more = kv_iterator_first(i);
    for (size_t position = 0; position < m->count; position++) {
        assert_true(more);
        assert_row(i, &m->rows[position]);
        more = kv_iterator_next(i);
    }
    assert_false(more);
    kv_iterator_free(i);
    assert_same(kv, later, &p);
    kv_close(kv);
    free(m);
    free(later);
    place_close(&place);
}

static void a_checkpoint_stays_as_it_was_and_can_be_opened(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct prng p;
    prng_seed(&p, 5);
    struct model *m = xcalloc(1, sizeof(*m)), *then = xcalloc(1, sizeof(*then));
    struct kv *kv = open_kv(&place, place_path(&place, "db"), false);
    for (int round = 0; round < 5; round++)
        random_ingest(kv, m, &p);
    char path[DISK_PATH_MAX];
    snprintf(path, sizeof(path), "%s", place_path(&place, "copy"));
    MUST(kv_checkpoint(kv, path, error));
    assert_int_not_equal(kv_checkpoint(kv, path, NULL), STATUS_OK); /* there is one already */
    *then = *m;
    for (int round = 0; round < 5; round++)
        random_ingest(kv, m, &p);
    kv_close(kv);

    struct kv *copy;
    const struct kv_options look = {.path = path, .read_only = true};
    MUST(kv_open(place.disk, &look, &copy, error));
    assert_same(copy, then, &p);
    kv_close(copy);
    const struct kv_options use = {.path = path};
    MUST(kv_open(place.disk, &use, &copy, error));
    random_ingest(copy, then, &p);
    assert_same(copy, then, &p);
    kv_close(copy);
    free(m);
    free(then);
    place_close(&place);
}

static void an_empty_ingest_changes_nothing(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct prng p;
    prng_seed(&p, 5);
    struct model none = {.count = 0};
    struct kv *kv = open_kv(&place, place_path(&place, "db"), false);
    struct row_source source = {.puts = &none, .deletes = &none};
    const struct kv_ingest ingest = {next_row, &source, NULL, 0};
    MUST(kv_ingest(kv, &ingest, error));
    assert_same(kv, &none, &p);
    kv_close(kv);
    place_close(&place);
}

static void a_database_that_is_not_there_is_not_found(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct kv *kv;
    struct error error;
    const struct kv_options options = {.path = place_path(&place, "none")};
    assert_int_equal(kv_open(place.disk, &options, &kv, &error), STATUS_NOT_FOUND);
    assert_null(kv);
    assert_non_null(strstr(error.text, "none"));
    place_close(&place);
}

static void keys_and_values_may_hold_any_bytes(enum place_kind kind)
{
    struct place place;
    place_open(&place, kind, 1);
    struct kv *kv = open_kv(&place, place_path(&place, "db"), true);
    const struct kv_change changes[] = {
        {KV_PUT, BYTES("\0"), BYTES("zero\0byte")},
        {KV_PUT, BYTES("\0\0"), BYTES_NONE},
        {KV_PUT, BYTES("\xff\xff"), BYTES("high")},
    };
    MUST(kv_write(kv, changes, ARRAY_COUNT(changes), error));
    struct kv_iterator *i = kv_iterate(kv, KV_RANGE_ALL);
    bool more = kv_iterator_first(i);
    for (size_t n = 0; n < ARRAY_COUNT(changes); n++) {
        assert_true(more);
        assert_true(bytes_equal(kv_iterator_key(i), changes[n].key));
        assert_true(bytes_equal(kv_iterator_value(i), changes[n].value));
        more = kv_iterator_next(i);
    }
    assert_false(more);
    kv_iterator_free(i);
    struct kv_stats stats;
    struct buf text = {0};
    kv_stats(kv, &stats, &text);
    assert_int_equal(stats.rows_estimate, 3);
    assert_true(text.size > 0);
    assert_false(stats.background_error);
    buf_clear(&text);
    kv_close(kv);
    place_close(&place);
}

BOTH(random_batches_are_what_the_model_says)
BOTH(random_ingests_are_what_the_model_says)
BOTH(an_iterator_sees_the_past)
BOTH(a_checkpoint_stays_as_it_was_and_can_be_opened)
BOTH(an_empty_ingest_changes_nothing)
BOTH(a_database_that_is_not_there_is_not_found)
BOTH(keys_and_values_may_hold_any_bytes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(random_batches_are_what_the_model_says),
        ROWS(random_ingests_are_what_the_model_says),
        ROWS(an_iterator_sees_the_past),
        ROWS(a_checkpoint_stays_as_it_was_and_can_be_opened),
        ROWS(an_empty_ingest_changes_nothing),
        ROWS(a_database_that_is_not_there_is_not_found),
        ROWS(keys_and_values_may_hold_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
