/* test_node_parts.c -- small parts of the consensus half: cache of entries, lease, log lines. */

#define _GNU_SOURCE /* memmem() */

#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/panic.h"
#include "kv/log_store.h"
#include "machine/entry.h"
#include "node/entry_cache.h"
#include "node/lease.h"
#include "node/log_describe.h"
#include "node/members.h"

/* --- cache ------------------------------------------------------------------------------------ */

static void put(struct entry_cache *c, raft_term term, size_t size)
{
    uint8_t content[1000] = {0};
    const struct cached_entry entry = {
        .block = block_new(bytes_of(content, size)), .term = term, .kind = RAFT_DATA};
    entry_cache_put(c, &entry);
}

static void the_cache_holds_the_end_of_the_log(void **state)
{
    (void)state;
    struct entry_cache c;
    entry_cache_init(&c, 1 << 20, 11);
    assert_int_equal(entry_cache_next(&c), 11);
    for (int i = 0; i < 5000; i++) /* grows over its first capacity */
        put(&c, 1, 8);
    assert_int_equal(entry_cache_next(&c), 5011);
    assert_null(entry_cache_get(&c, 10));
    assert_null(entry_cache_get(&c, 5011));
    assert_int_equal(entry_cache_get(&c, 11)->term, 1);
    entry_cache_truncate(&c, 100);
    assert_int_equal(entry_cache_next(&c), 100);
    put(&c, 2, 8);
    assert_int_equal(entry_cache_get(&c, 99)->term, 1);
    assert_int_equal(entry_cache_get(&c, 100)->term, 2);
    entry_cache_truncate(&c, 5); /* below what it holds: the log is cut there */
    assert_int_equal(entry_cache_next(&c), 5);
    assert_int_equal(c.bytes, 0);
    put(&c, 3, 8);
    assert_int_equal(entry_cache_get(&c, 5)->term, 3);
    entry_cache_clear(&c);
}

static void the_cache_keeps_its_bounds_but_all_that_is_not_durable(void **state)
{
    (void)state;
    struct entry_cache c;
    entry_cache_init(&c, 10000, 1);
    for (int i = 0; i < 100; i++)
        put(&c, 1, 1000);
    assert_true(entry_cache_is_over(&c));
    entry_cache_trim(&c, 0);
    assert_int_equal(c.count, 100);
    entry_cache_trim(&c, 50);
    assert_int_equal(c.first, 51);
    entry_cache_trim(&c, 100);
    assert_false(entry_cache_is_over(&c));
    assert_true(c.count >= 9);
    assert_int_equal(entry_cache_next(&c), 101);
    entry_cache_clear(&c);
}

/* A follower that does not lag has nothing to ask for: its leader's memory is free again. */
static void the_cache_lets_go_of_what_is_settled(void **state)
{
    (void)state;
    struct entry_cache c;
    entry_cache_init(&c, 4 * ENTRY_CACHE_SPARE, 1);
    const raft_index last = 3 * ENTRY_CACHE_SPARE / 1000;
    for (raft_index i = 1; i <= last; i++)
        put(&c, 1, 1000);
    assert_false(entry_cache_is_over(&c));
    entry_cache_retire(&c, 0);
    assert_int_equal(c.count, last);
    entry_cache_retire(&c, 100); /* a member lags: all behind it stays */
    assert_int_equal(c.first, 101);
    entry_cache_retire(&c, last);
    assert_true(c.bytes <= ENTRY_CACHE_SPARE);
    assert_true(c.bytes > ENTRY_CACHE_SPARE - 2000);
    assert_int_equal(entry_cache_next(&c), last + 1);
    entry_cache_clear(&c);
}

/* --- lease ------------------------------------------------------------------------------------ */

#define PUBLISHED 200000

static void *publish(void *context)
{
    for (uint64_t i = 1; i <= PUBLISHED; i++)
        lease_publish(context, &(struct lease_value){i, 2 * i, 3 * i});
    return NULL;
}

static void a_loaded_lease_is_one_that_was_published(void **state)
{
    (void)state;
    struct lease l;
    struct lease_value value;
    lease_init(&l);
    assert_false(lease_load(&l, &value));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, publish, &l), 0);
    uint64_t last = 0;
    while (last < PUBLISHED) {
        if (!lease_load(&l, &value))
            continue;
        assert_true(value.end_us >= last);
        assert_int_equal(value.commit_index, 2 * value.end_us);
        assert_int_equal(value.clock_ms, 3 * value.end_us);
        last = value.end_us;
    }
    pthread_join(thread, NULL);
    lease_publish(&l, &(struct lease_value){0});
    assert_false(lease_load(&l, &value));
}

/* --- lines ------------------------------------------------------------------------------------ */

static void assert_line(const struct log_entry *entry, const char *want)
{
    struct buf line = {0};
    log_describe_entry(7, entry, &line);
    assert_int_equal(line.size, strlen(want));
    assert_memory_equal(buf_data(&line), want, line.size);
    buf_clear(&line);
}

static void entries_are_described_in_words(void **state)
{
    (void)state;
    assert_line(&(struct log_entry){.term = 2, .kind = RAFT_NOOP}, "index=7 term=2 NOOP");
    struct address_book book = {0};
    book_set(&book, 1, &(struct peer_address){.host = "one", .port = 17001});
    const struct raft_config config = {
        .incoming = {2, {1, 2}}, .outgoing = {1, {3}}, .learners = {1, {4}}};
    struct buf payload = {0};
    const struct members m = {
        .config = config, .next_node = 5, .level = 1, .spares = {1, {4}}, .book = book};
    members_encode(&m, &payload);
    assert_line(&(struct log_entry){.term = 2, .kind = RAFT_CONFIG, .payload = buf_bytes(&payload)},
                "index=7 term=2 CONFIG level=1 voters=1,2 leaving=3 learners=4 "
                "spares=4 1=one:17001");
    assert_line(&(struct log_entry){.term = 2, .kind = RAFT_CONFIG, .payload = BYTES("?")},
                "index=7 term=2 CONFIG (damaged)");
    const uint8_t newer[] = {9, 0x34, 0x12, 0, 0, 'w', 'h', 'o', '?'};
    assert_line(&(struct log_entry){.term = 2, .kind = RAFT_CONFIG,
                                    .payload = bytes_of(newer, sizeof(newer))},
                "index=7 term=2 CONFIG (of a newer version) level=4660");
    buf_clear(&payload);

    struct buf requests = {0};
    const struct bytes args[] = {BYTES("set"), BYTES("k"), BYTES("v")};
    for (int i = 0; i < 2; i++)
        request_encode(&requests, &(struct request){.kind = REQ_COMMAND, .args = args,
                                                    .arg_count = 3});
    entry_encode(&payload, &(struct entry_head){.format = ENTRY_FORMAT, .count = 2},
                 buf_bytes(&requests));
    struct buf line = {0};
    const struct log_entry data = {
        .term = 2, .kind = RAFT_DATA, .payload = buf_bytes(&payload)};
    log_describe_entry(7, &data, &line);
    assert_null(memchr(buf_data(&line), '\n', line.size)); /* two requests, one line */
    assert_non_null(memmem(buf_data(&line), line.size, "; ", 2));
    buf_clear(&line);
    buf_clear(&payload);
    buf_clear(&requests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_holds_the_end_of_the_log),
        cmocka_unit_test(the_cache_keeps_its_bounds_but_all_that_is_not_durable),
        cmocka_unit_test(the_cache_lets_go_of_what_is_settled),
        cmocka_unit_test(a_loaded_lease_is_one_that_was_published),
        cmocka_unit_test(entries_are_described_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
