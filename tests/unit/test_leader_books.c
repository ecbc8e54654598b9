/* test_leader_books.c -- what a leader takes from the origins of batches (ARCHITECTURE §3.1 step
 * 4), and when their entries wake its shard: frames by hand to one consensus half that leads a
 * cluster of one. */

#include "test.h"

#include <stdlib.h>

#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/kv_mem.h"
#include "machine/entry.h"
#include "node/consensus_internal.h"

#define ORIGIN 7

struct world {
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct mailbox *inbox, *outbox;
    struct consensus *consensus;
    struct buf requests;
    uint64_t now_us;
    struct wire_propose_from answer; /* the last one */
    uint32_t answers;
};

static uint64_t wall_ms(void *context)
{
    const struct world *w = context;
    return w->now_us / 1000;
}

static uint64_t boot_us(void *context)
{
    const struct world *w = context;
    return w->now_us;
}

static void send(void *context, uint64_t to, enum peer_channel channel, const struct bytes *parts,
                 size_t part_count)
{
    struct world *w = context;
    static struct wire_frame frame;
    assert_int_equal(to, ORIGIN);
    assert_int_equal(channel, CHANNEL_DATA);
    assert_int_equal(part_count, 1);
    assert_true(wire_decode(parts[0], &frame));
    assert_int_equal(frame.type, WIRE_PROPOSE_FROM);
    w->answer = frame.propose_from;
    w->answers++;
}

static void know_peer(void *context, uint64_t node, const struct peer_address *address)
{
    (void)context, (void)node, (void)address;
}

static enum submitted write_log(void *context, const struct log_job *job, bool in_place)
{
    struct world *w = context;
    struct error e;
    assert_true(in_place);
    assert_int_equal(log_store_write(w->log, job->write, 1, &e), STATUS_OK);
    return SUBMIT_DONE;
}

static void run_job(void *context, enum worker worker, struct job *job)
{
    (void)context, (void)worker;
    job->work(job);
    job->done(job);
}

/* What a shard does that has been woken. Returns how many entries it got. */
static uint32_t take_mails(struct world *w)
{
    uint32_t entries = 0;
    struct shard_mail m;
    while (mailbox_receive(w->outbox, &m, 1) == 1) {
        entries += m.kind == MAIL_COMMITTED;
        block_unref(m.block);
    }
    return entries;
}

static void turn(struct world *w)
{
    w->now_us += 10000;
    consensus_turn(w->consensus);
    take_mails(w);
}

static struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    w->now_us = 1000000;
    w->disk = kv_mem_disk_new(1);
    w->inbox = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    w->outbox = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    const struct bytes words[] = {BYTES("INCR"), BYTES("k")};
    const struct request r = {.kind = REQ_COMMAND, .args = words, .arg_count = 2};
    request_encode(&w->requests, &r);

    struct error e;
    struct log_recovered found;
    assert_int_equal(disk_make_dir(kv_mem_disk(w->disk), "node", &e), STATUS_OK);
    const struct log_store_options log = {.disk = kv_mem_disk(w->disk), .dir = "node"};
    assert_int_equal(log_store_open(&log, &w->log, &found, &e), STATUS_OK);
    found.identity = (struct log_identity){.cluster_id = "a test's cluster", .node_id = 1};
    assert_int_equal(log_store_identify(w->log, &found.identity, &e), STATUS_OK);
    const struct consensus_options options = {
        .log = w->log, .recovered = &found, .inbox = w->inbox, .outbox = w->outbox,
        .clock = {w, wall_ms, boot_us}, .transport = {w, send, know_peer},
        .log_writer = {w, write_log}, .workers = {w, run_job}, .tick_ms = 10,
        .heartbeat_ticks = 5, .election_ticks = 20,
        .self = {.host = "here", .port = 1}, .cluster_init = true,
    };
    assert_int_equal(consensus_open(&options, &w->consensus, &e), STATUS_OK);
    log_recovered_clear(&found);
    turn(w);
    turn(w);
    assert_int_equal(w->consensus->role, RAFT_LEADER);
    return w;
}

static void world_free(struct world *w)
{
    consensus_close(w->consensus);
    log_store_close(w->log);
    kv_mem_disk_free(w->disk);
    mailbox_free(w->inbox);
    mailbox_free(w->outbox);
    buf_clear(&w->requests);
    free(w);
}

/* A batch of ORIGIN; term 0: the leader's own. */
static void propose(struct world *w, struct wire_propose p)
{
    if (p.term == 0)
        p.term = w->consensus->term;
    p.count = 1;
    p.block = buf_bytes(&w->requests);
    struct buf frame = {0};
    wire_encode_propose(&frame, &p);
    buf_append_bytes(&frame, p.block);
    consensus_receive(w->consensus, ORIGIN, buf_bytes(&frame));
    buf_clear(&frame);
}

/* Whether it was. */
static bool takes(struct world *w, struct wire_propose p)
{
    const uint64_t before = w->consensus->batches_taken;
    propose(w, p);
    turn(w);
    return w->consensus->batches_taken > before;
}

static void batches_follow_each_other_without_gaps(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 0, .number = 5}));
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 5, .number = 6}));
    assert_int_equal(w->answers, 0);
    assert_false(takes(w, (struct wire_propose){.boot = 3, .previous = 7, .number = 8}));
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->answer.last, 6); /* go on from there */
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 6, .number = 7}));
    world_free(w);
}

static void copies_are_dropped_in_silence(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 0, .number = 5}));
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 5, .number = 6}));
    assert_false(takes(w, (struct wire_propose){.boot = 3, .previous = 5, .number = 6}));
    assert_false(takes(w, (struct wire_propose){.boot = 3, .previous = 0, .number = 5}));
    assert_int_equal(w->answers, 0);
    world_free(w);
}

/* A batch may be appended in one term alone: its origin has perhaps sealed it anew by now. */
static void a_batch_of_another_term_is_not_taken(void **state)
{
    (void)state;
    struct world *w = world_new();
    const uint64_t term = w->consensus->term;
    assert_true(term > 1);
    assert_false(takes(w, (struct wire_propose){.term = term - 1, .boot = 3, .number = 5}));
    assert_false(takes(w, (struct wire_propose){.term = term + 1, .boot = 3, .number = 5}));
    assert_true(takes(w, (struct wire_propose){.term = term, .boot = 3, .number = 5}));
    world_free(w);
}

static void a_newer_boot_starts_anew_and_an_older_one_is_over(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_true(takes(w, (struct wire_propose){.boot = 3, .previous = 0, .number = 5}));
    assert_true(takes(w, (struct wire_propose){.boot = 4, .previous = 0, .number = 1}));
    assert_false(takes(w, (struct wire_propose){.boot = 3, .previous = 5, .number = 6}));
    assert_false(takes(w, (struct wire_propose){.boot = 3, .previous = 1, .number = 2}));
    assert_true(takes(w, (struct wire_propose){.boot = 4, .previous = 1, .number = 2}));
    world_free(w);
}

/* One more entry of ORIGIN, at once: no tick is due. */
static void commit_one(struct world *w, uint64_t number)
{
    propose(w, (struct wire_propose){.boot = 3, .previous = number - 1, .number = number});
    consensus_turn(w->consensus);
}

/* mailbox_doze(): nobody here waits for what others write. */
static void a_dozing_shard_is_woken_by_a_tick_or_by_many_entries(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint64_t number = 0;
    assert_true(mailbox_doze(w->outbox));
    commit_one(w, ++number);
    assert_true(mailbox_is_asleep(w->outbox));
    w->now_us += 10000;
    consensus_turn(w->consensus);
    assert_false(mailbox_is_asleep(w->outbox));
    mailbox_awake(w->outbox);
    assert_int_equal(take_mails(w), 1);

    assert_true(mailbox_doze(w->outbox));
    uint32_t entries = 0;
    for (; mailbox_is_asleep(w->outbox); entries++)
        commit_one(w, ++number);
    assert_in_range(entries, 2, 16);
    mailbox_awake(w->outbox);
    assert_int_equal(take_mails(w), entries);

    assert_true(mailbox_sleep(w->outbox)); /* somebody waits */
    commit_one(w, ++number);
    assert_false(mailbox_is_asleep(w->outbox));
    mailbox_awake(w->outbox);
    assert_int_equal(take_mails(w), 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_follow_each_other_without_gaps),
        cmocka_unit_test(copies_are_dropped_in_silence),
        cmocka_unit_test(a_batch_of_another_term_is_not_taken),
        cmocka_unit_test(a_newer_boot_starts_anew_and_an_older_one_is_over),
        cmocka_unit_test(a_dozing_shard_is_woken_by_a_tick_or_by_many_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
