/* test_newcomer.c -- whom a node dials when it starts whose log has not come to the entry that adds
 * it: one consensus half on a log made by hand, and a transport that keeps what it is told. */

#include "test.h"

#include <stdio.h>

#include "base/mailbox.h"
#include "kv/disk.h"
#include "kv/kv_mem.h"
#include "node/consensus_internal.h"

#define SELF 7
#define NODES_MAX 10

struct world {
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct log_recovered found;
    struct mailbox *inbox, *outbox;
    struct consensus *consensus;
    uint16_t dialed[NODES_MAX]; /* port, by node id */
};

static uint64_t now(void *context)
{
    (void)context;
    return 1000000;
}

static void send(void *context, uint64_t to, enum peer_channel channel, const struct bytes *parts,
                 size_t part_count)
{
    (void)context, (void)to, (void)channel, (void)parts, (void)part_count;
}

static void know_peer(void *context, uint64_t node, const struct peer_address *address)
{
    struct world *w = context;
    assert_true(node < NODES_MAX);
    w->dialed[node] = address == NULL ? 0 : address->port;
}

/* Members from .. to, at ports base + id. */
static void members_of(struct buf *payload, raft_node from, raft_node to, uint16_t base)
{
    struct members m = {.next_node = NODES_MAX, .level = 1};
    for (raft_node node = from; node <= to; node++) {
        const struct peer_address address = {"net", (uint16_t)(base + node)};
        node_set_add(&m.config.incoming, node);
        book_set(&m.book, node, &address);
    }
    buf_reset(payload);
    members_encode(&m, payload);
}

static void open_log(struct world *w)
{
    struct error e;
    const struct log_store_options options = {.disk = kv_mem_disk(w->disk), .dir = "node"};
    assert_int_equal(log_store_open(&options, &w->log, &w->found, &e), STATUS_OK);
}

static void setup(struct world *w)
{
    struct error e;
    struct buf members = {0};
    *w = (struct world){.disk = kv_mem_disk_new(1)};
    assert_int_equal(disk_make_dir(kv_mem_disk(w->disk), "node", &e), STATUS_OK);
    open_log(w);
    members_of(&members, 4, 6, 100);
    const struct log_identity identity = {.cluster_id = "a test's cluster", .node_id = SELF};
    assert_int_equal(log_store_introduce(w->log, &identity, buf_bytes(&members), &e), STATUS_OK);
    buf_clear(&members);
}

/* The log's next entry is a configuration. */
static void append_config(struct world *w, uint64_t index, struct bytes members)
{
    struct error e;
    const struct log_hard_state hard = {.current_term = 1};
    const struct log_entry entry = {.term = 1, .kind = RAFT_CONFIG, .payload = members};
    const struct log_config config = {index, members};
    const struct log_write write = {.hard_state = &hard, .first = index, .entries = &entry,
                                    .entry_count = 1, .configs = &config, .config_count = 1};
    assert_int_equal(log_store_write(w->log, &write, 1, &e), STATUS_OK);
}

static void restart(struct world *w)
{
    struct error e;
    log_recovered_clear(&w->found);
    log_store_close(w->log);
    open_log(w);
    w->inbox = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    w->outbox = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    const struct consensus_options options = {
        .log = w->log, .recovered = &w->found, .inbox = w->inbox, .outbox = w->outbox,
        .clock = {w, now, now}, .transport = {w, send, know_peer}, .tick_ms = 10,
        .heartbeat_ticks = 5, .election_ticks = 20, .self = {.host = "net", .port = 7},
    };
    if (consensus_open(&options, &w->consensus, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    consensus_turn(w->consensus);
}

static void teardown(struct world *w)
{
    consensus_close(w->consensus);
    log_recovered_clear(&w->found);
    log_store_close(w->log);
    kv_mem_disk_free(w->disk);
    mailbox_free(w->inbox);
    mailbox_free(w->outbox);
}

static void a_node_that_died_before_its_log_came_finds_who_introduced_it(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    restart(&w);
    for (raft_node node = 4; node <= 6; node++)
        assert_int_equal(w.dialed[node], 100 + node);
    teardown(&w);
}

/* The founder is long gone, and nobody else stands there (seed 100009931 of churn on da453c3). */
static void a_log_of_before_its_time_does_not_hide_them(void **state)
{
    (void)state;
    struct world w;
    struct buf members = {0};
    setup(&w);
    members_of(&members, 1, 1, 200);
    append_config(&w, 1, buf_bytes(&members));
    restart(&w);
    assert_int_equal(w.dialed[1], 201);
    for (raft_node node = 4; node <= 6; node++)
        assert_int_equal(w.dialed[node], 100 + node);
    assert_false(node_set_has(&w.consensus->config.incoming, 4)); /* an address, no membership */
    buf_clear(&members);
    teardown(&w);
}

static void once_the_log_has_the_node_it_alone_counts(void **state)
{
    (void)state;
    struct world w;
    struct buf members = {0};
    setup(&w);
    members_of(&members, 5, SELF, 300);
    append_config(&w, 1, buf_bytes(&members));
    restart(&w);
    assert_int_equal(w.dialed[4], 0);
    assert_int_equal(w.dialed[5], 305);
    assert_int_equal(w.dialed[6], 306);
    buf_clear(&members);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_died_before_its_log_came_finds_who_introduced_it),
        cmocka_unit_test(a_log_of_before_its_time_does_not_hide_them),
        cmocka_unit_test(once_the_log_has_the_node_it_alone_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
