/* test_log_store.c -- the log store against a plain model of what a log is, on a disk that lives,
 * on one that fails, and on one that dies at every single operation. */

#include "test.h"

#include <inttypes.h>

#include "base/panic.h"
#include "base/prng.h"
#include "kv/kv_mem.h"
#include "kv/log_format.h"
#include "kv/log_store.h"
#include "kv_place.h"

/* ---- the model: a log in arrays ---- */

#define MODEL_ENTRIES 512
#define MODEL_CONFIGS 32

struct model {
    struct log_hard_state hard;
    uint64_t base_index, base_term, last_index;
    uint64_t terms[MODEL_ENTRIES]; /* by index */
    uint64_t seeds[MODEL_ENTRIES]; /* payload of index: payload_of(seed) */
    uint64_t configs[MODEL_CONFIGS];
    size_t config_count;
    uint64_t skips[MODEL_CONFIGS];
    size_t skip_count;
};

static struct bytes payload_of(uint64_t seed, char text[static 64])
{
    const int size = snprintf(text, 64, "%.*s%" PRIu64, (int)(seed % 40),
                              "........................................", seed);
    return bytes_of(text, (size_t)size);
}

static struct bytes config_of(uint64_t index, char text[static 64])
{
    const int size = snprintf(text, 64, "config of %" PRIu64, index);
    return bytes_of(text, (size_t)size);
}

static void model_truncate(struct model *m, uint64_t from)
{
    m->last_index = from - 1;
    while (m->config_count > 0 && m->configs[m->config_count - 1] >= from)
        m->config_count--;
}

static void model_compact(struct model *m, uint64_t index)
{
    m->base_term = m->terms[index];
    m->base_index = index;
    size_t gone = 0;
    while (gone + 1 < m->config_count && m->configs[gone + 1] <= index)
        gone++;
    m->config_count -= gone;
    memmove(m->configs, m->configs + gone, m->config_count * sizeof(*m->configs));
    size_t kept = 0;
    for (size_t i = 0; i < m->skip_count; i++)
        if (m->skips[i] > index)
            m->skips[kept++] = m->skips[i];
    m->skip_count = kept;
}

static void model_reset(struct model *m, uint64_t index, uint64_t term)
{
    m->base_index = m->last_index = index;
    m->base_term = term;
    m->skip_count = 0;
    m->config_count = 1;
    m->configs[0] = index;
}

/* ---- a store on a disk ---- */

struct fixture {
    struct place place;
    struct kv_mem_disk *mem; /* NULL on the real disk */
    const char *log_path;
    struct log_store *store;
    struct log_recovered found;
    struct error error;
};

static enum status try_open(struct fixture *f)
{
    const struct log_store_options options = {.disk = f->place.disk, .dir = f->place.dir};
    log_store_close(f->store);
    log_recovered_clear(&f->found);
    return log_store_open(&options, &f->store, &f->found, &f->error);
}

static void reopen(struct fixture *f)
{
    if (try_open(f) != STATUS_OK)
        fail_msg("open: %s", f->error.text);
}

static void setup_at(struct fixture *f, enum place_kind kind, uint64_t seed)
{
    *f = (struct fixture){0};
    place_open(&f->place, kind, seed);
    f->mem = f->place.mem;
    f->log_path = place_path(&f->place, "log");
}

static void setup(struct fixture *f, uint64_t seed)
{
    setup_at(f, PLACE_MEM, seed);
}

static void teardown(struct fixture *f)
{
    log_store_close(f->store);
    log_recovered_clear(&f->found);
    place_close(&f->place);
}

static void must(struct fixture *f, enum status status)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_text(status), f->error.text);
}

/* Appends count entries of one term behind last. */
static void append(struct fixture *f, uint64_t first, size_t count, uint64_t term)
{
    struct log_entry entries[64];
    char text[64][64];
    assert_true(count <= ARRAY_COUNT(entries));
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct log_entry){term, (uint8_t)(i % 3), payload_of(first + i, text[i])};
    const struct log_write write = {.first = first, .entries = entries, .entry_count = count};
    must(f, log_store_write(f->store, &write, 1, &f->error));
}

/* What the store recovered, and what it reads, is the model. False when not. */
static bool equals_model(const struct fixture *f, const struct model *m)
{
    const struct log_recovered *r = &f->found;
    if (r->hard_state.current_term != m->hard.current_term ||
        r->hard_state.voted_for != m->hard.voted_for ||
        r->hard_state.promise_ms != m->hard.promise_ms || r->base_index != m->base_index ||
        r->base_term != m->base_term || r->last_index != m->last_index ||
        r->config_count != m->config_count || r->skip_count != m->skip_count)
        return false;
    char text[64];
    for (size_t i = 0; i < m->config_count; i++)
        if (r->configs[i].index != m->configs[i] ||
            !bytes_equal(r->configs[i].config, config_of(m->configs[i], text)))
            return false;
    for (size_t i = 0; i < m->skip_count; i++)
        if (r->skips[i] != m->skips[i])
            return false;
    size_t run = 0;
    for (uint64_t index = m->base_index + 1; index <= m->last_index; index++) {
        while (run + 1 < r->run_count && r->runs[run + 1].first <= index)
            run++;
        if (r->runs[run].term != m->terms[index] ||
            r->items[index - m->base_index - 1].kind != m->seeds[index] % 3 ||
            r->items[index - m->base_index - 1].size != payload_of(m->seeds[index], text).size)
            return false;
    }
    return true;
}

static bool reads_model(struct fixture *f, const struct model *m)
{
    if (m->last_index == m->base_index)
        return true;
    struct log_block block = {0};
    const struct log_range range = {m->base_index + 1, m->last_index, SIZE_MAX};
    must(f, log_store_read(f->store, &range, &block, &f->error));
    bool same = block.count == m->last_index - m->base_index;
    for (size_t i = 0; same && i < block.count; i++) {
        char text[64];
        const uint64_t index = m->base_index + 1 + i;
        same = block.entries[i].term == m->terms[index] &&
               block.entries[i].kind == m->seeds[index] % 3 &&
               bytes_equal(block.entries[i].payload, payload_of(m->seeds[index], text));
    }
    log_block_clear(&block);
    return same;
}

/* A write of random parts, and the model behind it. */
struct step {
    struct log_write write;
    struct log_hard_state hard;
    struct log_entry entries[8];
    char texts[8][64];
    struct log_config config;
    char config_text[64];
    uint64_t skip;
};

static void random_cut(struct prng *p, struct step *s, struct model *m)
{
    if (prng_chance(p, 1, 20)) {
        s->write.reset_index = m->last_index + prng_below(p, 3) + 1;
        s->write.reset_term = m->hard.current_term;
        model_reset(m, s->write.reset_index, s->write.reset_term);
        s->config = (struct log_config){m->base_index, config_of(m->base_index, s->config_text)};
        s->write.configs = &s->config;
        s->write.config_count = 1;
    } else if (m->last_index > m->base_index && prng_chance(p, 1, 5)) {
        s->write.truncate_from =
            m->base_index + 1 + prng_below(p, m->last_index - m->base_index);
        model_truncate(m, s->write.truncate_from);
    }
}

static void random_entries(struct prng *p, struct step *s, struct model *m)
{
    const size_t count = (size_t)prng_below(p, ARRAY_COUNT(s->entries) + 1);
    s->write.first = m->last_index + 1;
    s->write.entries = s->entries;
    s->write.entry_count = count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t index = ++m->last_index;
        m->terms[index] = m->hard.current_term;
        m->seeds[index] = prng_next(p);
        s->entries[i] = (struct log_entry){m->terms[index], (uint8_t)(m->seeds[index] % 3),
                                           payload_of(m->seeds[index], s->texts[i])};
    }
    if (count > 0 && s->write.config_count == 0 && m->config_count < MODEL_CONFIGS &&
        prng_chance(p, 1, 4)) {
        s->config = (struct log_config){m->last_index, config_of(m->last_index, s->config_text)};
        s->write.configs = &s->config;
        s->write.config_count = 1;
        m->configs[m->config_count++] = m->last_index;
    }
}

static void random_step(struct prng *p, struct step *s, struct model *m)
{
    *s = (struct step){0};
    if (prng_chance(p, 1, 2)) {
        m->hard.current_term += prng_below(p, 2);
        m->hard.voted_for = prng_below(p, 4);
        m->hard.promise_ms = (uint32_t)prng_below(p, 1000);
        s->hard = m->hard;
        s->write.hard_state = &s->hard;
    }
    random_cut(p, s, m);
    random_entries(p, s, m);
    if (m->skip_count < MODEL_CONFIGS && prng_chance(p, 1, 10)) {
        s->skip = m->last_index + 1;
        if (m->skip_count == 0 || m->skips[m->skip_count - 1] < s->skip) {
            s->write.skips = &s->skip;
            s->write.skip_count = 1;
            m->skips[m->skip_count++] = s->skip;
        }
    }
    if (m->last_index > m->base_index && prng_chance(p, 1, 8)) {
        s->write.compact_index = m->base_index + 1 + prng_below(p, m->last_index - m->base_index);
        s->write.compact_term = m->terms[s->write.compact_index];
        model_compact(m, s->write.compact_index);
    }
}

/* ---- a disk that lives ---- */

static void a_new_store_is_empty_and_counts_its_lives(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    assert_int_equal(f.found.boot, 1);
    assert_int_equal(f.found.identity.node_id, 0);
    assert_int_equal(f.found.last_index, 0);
    assert_int_equal(f.found.hard_state.current_term, 0);
    reopen(&f);
    assert_int_equal(f.found.boot, 2);
    teardown(&f);
}

static void an_identity_stays(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    const struct log_identity identity = {{1, 2, 3}, {4, 5}, 7, 99};
    must(&f, log_store_identify(f.store, &identity, &f.error));
    reopen(&f);
    assert_memory_equal(f.found.identity.cluster_id, identity.cluster_id, 16);
    assert_memory_equal(f.found.identity.hash_key, identity.hash_key, 16);
    assert_int_equal(f.found.identity.node_id, 7);
    assert_int_equal(f.found.identity.incarnation, 99);
    teardown(&f);
}

/* avow-check looks at a directory: entries are there, no life is counted, and nothing is made where
 * nothing is. */
static void a_look_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    struct log_store_options look = {.disk = f.place.disk, .dir = f.place.dir, .read_only = true};
    assert_int_equal(log_store_open(&look, &f.store, &f.found, &f.error), STATUS_NOT_FOUND);
    reopen(&f);
    const struct log_identity identity = {{1}, {2}, 7, 99};
    must(&f, log_store_identify(f.store, &identity, &f.error));
    append(&f, 1, 10, 3);
    const uint64_t boot = f.found.boot;
    for (int i = 0; i < 2; i++) {
        log_store_close(f.store);
        log_recovered_clear(&f.found);
        must(&f, log_store_open(&look, &f.store, &f.found, &f.error));
        assert_int_equal(f.found.boot, boot);
        assert_int_equal(f.found.last_index, 10);
        struct log_block block = {0};
        must(&f, log_store_read(f.store, &(struct log_range){1, 10, 1 << 20}, &block, &f.error));
        assert_int_equal(block.count, 10);
        log_block_clear(&block);
    }
    reopen(&f);
    assert_int_equal(f.found.boot, boot + 1);
    const struct log_identity other = {{9}, {2}, 7, 100};
    must(&f, log_store_rename(f.store, &other, &f.error));
    reopen(&f);
    assert_memory_equal(f.found.identity.cluster_id, other.cluster_id, 16);
    assert_int_equal(f.found.last_index, 10);
    teardown(&f);
}

static void random_writes_are_found_again(enum place_kind kind)
{
    for (uint64_t seed = 1; seed <= (kind == PLACE_MEM ? 20 : 2); seed++) {
        struct fixture f;
        setup_at(&f, kind, seed);
        reopen(&f);
        struct prng p;
        prng_seed(&p, seed);
        struct model *m = xcalloc(1, sizeof(*m));
        m->hard.current_term = 1;
        m->hard.voted_for = 1;
        const struct log_write start = {.hard_state = &m->hard};
        must(&f, log_store_write(f.store, &start, 1, &f.error));
        for (int i = 0; i < 40; i++) {
            struct step steps[2];
            random_step(&p, &steps[0], m);
            random_step(&p, &steps[1], m);
            const struct log_write writes[] = {steps[0].write, steps[1].write};
            must(&f, log_store_write(f.store, writes, 2, &f.error));
            assert_true(reads_model(&f, m));
            if (i % 4 == 0) {
                reopen(&f);
                assert_true(equals_model(&f, m));
                assert_true(reads_model(&f, m));
            }
        }
        free(m);
        teardown(&f);
    }
}

static void a_read_ends_at_its_bytes_but_gives_always_one(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    char text[64];
    append(&f, 1, 10, 1);
    const size_t two = payload_of(3, text).size + payload_of(4, text).size;

    struct log_block block = {0};
    struct log_range range = {3, 9, two};
    must(&f, log_store_read(f.store, &range, &block, &f.error));
    assert_int_equal(block.count, 2);
    assert_int_equal(block.first, 3);
    range.bytes_max = 0;
    must(&f, log_store_read(f.store, &range, &block, &f.error));
    assert_int_equal(block.count, 1);
    range = (struct log_range){8, 100, SIZE_MAX};
    must(&f, log_store_read(f.store, &range, &block, &f.error));
    assert_int_equal(block.count, 3);
    range.from = 11;
    assert_int_equal(log_store_read(f.store, &range, &block, &f.error), STATUS_NOT_FOUND);

    must(&f, log_store_compact(f.store, 5, 1, &f.error));
    range.from = 5;
    assert_int_equal(log_store_read(f.store, &range, &block, &f.error), STATUS_NOT_FOUND);
    range.from = 6;
    must(&f, log_store_read(f.store, &range, &block, &f.error));
    assert_int_equal(block.count, 5);
    must(&f, log_store_reclaim(f.store, UINT64_MAX, &f.error));
    log_block_clear(&block);
    teardown(&f);
}

static void what_a_node_was_introduced_with_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    assert_int_equal(f.found.introduction.size, 0);
    const struct log_identity identity = {{1}, {1}, 7, 99};
    must(&f, log_store_introduce(f.store, &identity, BYTES("members then"), &f.error));
    append(&f, 1, 3, 2);
    reopen(&f);
    assert_int_equal(f.found.identity.node_id, 7);
    assert_true(bytes_equal(buf_bytes(&f.found.introduction), BYTES("members then")));
    assert_int_equal(f.found.config_count, 0); /* it says nothing of who is a member */
    teardown(&f);
}

static void a_reset_forgets_the_log_but_not_who_we_are(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    const struct log_identity identity = {{1}, {1}, 7, 99};
    must(&f, log_store_identify(f.store, &identity, &f.error));
    append(&f, 1, 10, 3);
    const struct log_hard_state hard = {8, 2, 5};
    const struct log_reset to = {100, 7, BYTES("members"), &hard};
    must(&f, log_store_reset(f.store, &to, &f.error));
    append(&f, 101, 2, 8);
    reopen(&f);
    assert_int_equal(f.found.base_index, 100);
    assert_int_equal(f.found.base_term, 7);
    assert_int_equal(f.found.last_index, 102);
    assert_int_equal(f.found.hard_state.current_term, 8);
    assert_int_equal(f.found.identity.node_id, 7);
    assert_int_equal(f.found.config_count, 1);
    assert_int_equal(f.found.configs[0].index, 100);
    assert_true(bytes_equal(f.found.configs[0].config, BYTES("members")));
    teardown(&f);
}

/* ---- a disk that lies ---- */

static void assert_refused(struct fixture *f, const char *words)
{
    log_store_close(f->store);
    f->store = NULL;
    assert_int_equal(try_open(f), STATUS_CORRUPT);
    assert_null(f->store);
    if (strstr(f->error.text, words) == NULL || strstr(f->error.text, "remove its state") == NULL)
        fail_msg("unexpected text: %s", f->error.text);
}

static void a_flipped_byte_in_any_row_is_damage(void **state)
{
    (void)state;
    static const struct {
        uint32_t group;
        enum log_table table;
        uint64_t index;
    } rows[] = {{LOG_GROUP_RAFT, LOG_ENTRY, 1},    {LOG_GROUP_RAFT, LOG_ENTRY, 20},
                {LOG_GROUP_RAFT, LOG_HARD, 0},     {LOG_GROUP_RAFT, LOG_CONFIG, 3},
                {LOG_GROUP_STORE, LOG_BOOT, 0},    {LOG_GROUP_STORE, LOG_NUMBER, 0},
                {LOG_GROUP_STORE, LOG_IDENTITY, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (size_t offset = 0;; offset++) {
            struct fixture f;
            setup(&f, 1);
            reopen(&f);
            const struct log_identity identity = {{1}, {1}, 7, 99};
            must(&f, log_store_identify(f.store, &identity, &f.error));
            append(&f, 1, 20, 1);
            const struct log_hard_state hard = {1, 2, 3};
            const struct log_config config = {3, BYTES("members")};
            const struct log_write write = {
                .hard_state = &hard, .configs = &config, .config_count = 1};
            must(&f, log_store_write(f.store, &write, 1, &f.error));
            log_store_close(f.store);
            f.store = NULL;
            const struct log_key key = log_key(rows[i].group, rows[i].table, rows[i].index);
            const bool flipped = kv_mem_disk_flip(f.mem, f.log_path, log_key_bytes(&key), offset);
            if (flipped)
                assert_refused(&f, "damaged");
            teardown(&f);
            if (!flipped) {
                assert_true(offset > 0);
                break;
            }
        }
    }
}

static void damage_by_chance_is_always_noticed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct fixture f;
        setup(&f, seed);
        reopen(&f);
        append(&f, 1, 20, 1);
        log_store_close(f.store);
        f.store = NULL;
        assert_true(kv_mem_disk_damage(f.mem, f.log_path));
        assert_refused(&f, "damaged");
        teardown(&f);
    }
}

static void a_lost_row_is_a_hole(void **state)
{
    (void)state;
    for (uint64_t lost = 1; lost < 20; lost++) {
        struct fixture f;
        setup(&f, 1);
        reopen(&f);
        append(&f, 1, 20, 1);
        log_store_close(f.store);
        f.store = NULL;
        const struct log_key key = log_key(LOG_GROUP_RAFT, LOG_ENTRY, lost);
        assert_true(kv_mem_disk_lose(f.mem, f.log_path, log_key_bytes(&key)));
        char words[32];
        snprintf(words, sizeof(words), "entry %" PRIu64 " is missing", lost);
        assert_refused(&f, words);
        teardown(&f);
    }
}

static void a_lost_number_row_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    append(&f, 1, 20, 1);
    log_store_close(f.store);
    f.store = NULL;
    const struct log_key key = log_key(LOG_GROUP_STORE, LOG_NUMBER, 0);
    assert_true(kv_mem_disk_lose(f.mem, f.log_path, log_key_bytes(&key)));
    assert_refused(&f, "log.mark");
    teardown(&f);
}

static void writes_that_the_disk_lost_are_seen_by_the_mark(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    append(&f, 1, 20, 1);
    assert_true(kv_mem_disk_keep(f.mem, f.log_path));
    append(&f, 21, 1, 1);
    log_store_close(f.store);
    f.store = NULL;
    assert_true(kv_mem_disk_roll_back(f.mem, f.log_path));
    assert_refused(&f, "write 2, but log.mark says that write 3 was durable");
    teardown(&f);
}

static void a_database_that_vanished_is_seen_by_the_mark(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    append(&f, 1, 20, 1);
    log_store_close(f.store);
    f.store = NULL;
    assert_int_equal(disk_remove(f.place.disk, f.log_path, NULL), STATUS_OK);
    assert_refused(&f, "log.mark");
    teardown(&f);
}

/* ---- a disk that dies at operation n ---- */

/* Runs random writes until one fails; before[] is what was acknowledged, after[] what was asked. */
static void run_until_failure(struct fixture *f, struct prng *p, struct model *before,
                              struct model *after, int writes)
{
    *after = *before;
    for (int i = 0; i < writes; i++) {
        struct step step;
        random_step(p, &step, after);
        if (log_store_write(f->store, &step.write, 1, &f->error) != STATUS_OK) {
            assert_int_not_equal(f->error.status, STATUS_OK);
            return;
        }
        *before = *after;
    }
}

static void crash_at(uint64_t operation, enum kv_mem_crash how, uint64_t seed, bool *reached)
{
    struct fixture f;
    setup(&f, seed);
    reopen(&f);
    struct prng p;
    prng_seed(&p, seed);
    struct model *before = xcalloc(1, sizeof(*before));
    struct model *after = xcalloc(1, sizeof(*after));
    for (int life = 0; life < 3; life++) {
        const uint64_t operations = kv_mem_disk_operations(f.mem);
        const uint64_t boot = f.found.boot;
        kv_mem_disk_fault(f.mem, KV_MEM_DIE, operation);
        run_until_failure(&f, &p, before, after, 15);
        *reached = kv_mem_disk_operations(f.mem) >= operations + operation;
        kv_mem_disk_crash(f.mem, how);
        reopen(&f);
        assert_true(f.found.boot > boot);
        if (!equals_model(&f, before) && !equals_model(&f, after))
            fail_msg("seed %" PRIu64 ", operation %" PRIu64 ", life %d: neither state was found",
                     seed, operation, life);
        if (equals_model(&f, after))
            *before = *after;
        assert_true(reads_model(&f, before));
    }
    free(before);
    free(after);
    teardown(&f);
}

static void what_was_acknowledged_outlives_a_crash_at_any_operation(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bool reached = true;
        for (uint64_t operation = 1; reached; operation++) {
            crash_at(operation, KV_MEM_POWER_LOSS, seed, &reached);
            crash_at(operation, KV_MEM_KILL, seed, &reached);
            assert_true(operation < 1000);
        }
    }
}

/* Opening dies too, and is done again. */
static void a_crash_while_opening_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t operation = 1; operation < 60; operation++) {
        struct fixture f;
        setup(&f, operation);
        reopen(&f);
        append(&f, 1, 20, 1);
        log_store_close(f.store);
        f.store = NULL;
        kv_mem_disk_fault(f.mem, KV_MEM_DIE, operation);
        const enum status status = try_open(&f);
        const uint64_t boot = status == STATUS_OK ? f.found.boot : 1;
        kv_mem_disk_crash(f.mem, KV_MEM_POWER_LOSS);
        reopen(&f);
        assert_true(f.found.boot > boot);
        assert_int_equal(f.found.last_index, 20);
        teardown(&f);
    }
}

static void every_failing_operation_gives_an_error_and_stops_the_store(void **state)
{
    (void)state;
    const enum kv_mem_fault faults[] = {KV_MEM_FAIL, KV_MEM_FULL};
    const enum status want[] = {STATUS_IO, STATUS_NO_SPACE};
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        for (uint64_t operation = 1; operation < 80; operation++) {
            struct fixture f;
            setup(&f, operation);
            kv_mem_disk_fault(f.mem, faults[i], operation);
            if (try_open(&f) != STATUS_OK) {
                assert_int_equal(f.error.status, want[i]);
                assert_true(strlen(f.error.text) > 0);
                assert_null(f.store);
                reopen(&f);
            }
            struct prng p;
            prng_seed(&p, operation);
            struct model *before = xcalloc(1, sizeof(*before));
            struct model *after = xcalloc(1, sizeof(*after));
            f.error.status = STATUS_OK;
            run_until_failure(&f, &p, before, after, 15);
            if (f.error.status != STATUS_OK) {
                assert_int_equal(f.error.status, want[i]);
                const struct log_write nothing = {0};
                assert_int_equal(log_store_write(f.store, &nothing, 1, &f.error), STATUS_IO);
            }
            kv_mem_disk_fault(f.mem, KV_MEM_FAIL, 0);
            reopen(&f);
            assert_true(equals_model(&f, before) || equals_model(&f, after));
            free(before);
            free(after);
            teardown(&f);
        }
    }
}

static void a_failing_read_is_an_error_not_an_empty_answer(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    reopen(&f);
    append(&f, 1, 20, 1);
    struct log_block block = {0};
    const struct log_range range = {1, 20, SIZE_MAX};
    kv_mem_disk_fault(f.mem, KV_MEM_FAIL, 1);
    assert_int_equal(log_store_read(f.store, &range, &block, &f.error), STATUS_IO);
    must(&f, log_store_read(f.store, &range, &block, &f.error));
    assert_int_equal(block.count, 20);
    log_block_clear(&block);
    teardown(&f);
}

BOTH(random_writes_are_found_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_is_empty_and_counts_its_lives),
        cmocka_unit_test(an_identity_stays),
        cmocka_unit_test(a_look_changes_nothing),
        ROWS(random_writes_are_found_again),
        cmocka_unit_test(a_read_ends_at_its_bytes_but_gives_always_one),
        cmocka_unit_test(what_a_node_was_introduced_with_is_kept),
        cmocka_unit_test(a_reset_forgets_the_log_but_not_who_we_are),
        cmocka_unit_test(a_flipped_byte_in_any_row_is_damage),
        cmocka_unit_test(damage_by_chance_is_always_noticed),
        cmocka_unit_test(a_lost_row_is_a_hole),
        cmocka_unit_test(a_lost_number_row_is_damage),
        cmocka_unit_test(writes_that_the_disk_lost_are_seen_by_the_mark),
        cmocka_unit_test(a_database_that_vanished_is_seen_by_the_mark),
        cmocka_unit_test(what_was_acknowledged_outlives_a_crash_at_any_operation),
        cmocka_unit_test(a_crash_while_opening_loses_nothing),
        cmocka_unit_test(every_failing_operation_gives_an_error_and_stops_the_store),
        cmocka_unit_test(a_failing_read_is_an_error_not_an_empty_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
