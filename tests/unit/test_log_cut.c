/* test_log_cut.c -- a follower cuts its log (node/compact.c) while its disk is slow: frames of a
 * leader by hand to one consensus half, and a log writer that writes when the test says so. */

#include "test.h"

#include <stdlib.h>

#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/kv_mem.h"
#include "kv/state_store.h"
#include "node/consensus_internal.h"

#define LEADER 1
#define SELF 2
#define TERM 3
#define JOBS_MAX 256

struct world {
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct state_store *state;
    struct mailbox *inbox, *outbox;
    struct consensus *consensus;
    uint64_t now_us, mailed;
    const struct log_job *jobs[JOBS_MAX];
    uint32_t job_count, jobs_written;
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
    (void)context, (void)to, (void)channel, (void)parts, (void)part_count;
}

static void know_peer(void *context, uint64_t node, const struct peer_address *address)
{
    (void)context, (void)node, (void)address;
}

static enum submitted submit_log(void *context, const struct log_job *job, bool in_place)
{
    struct world *w = context;
    assert_false(in_place);
    assert_true(w->job_count < JOBS_MAX);
    w->jobs[w->job_count++] = job;
    return SUBMIT_QUEUED;
}

static void run_job(void *context, enum worker worker, struct job *job)
{
    (void)context, (void)worker;
    job->work(job);
    job->done(job);
}

/* A tick passes; the data loop applies what it is mailed. */
static void turn(struct world *w)
{
    w->now_us += 10000;
    consensus_turn(w->consensus);
    struct shard_mail m;
    while (mailbox_receive(w->outbox, &m, 1) == 1) {
        if (m.kind == MAIL_COMMITTED)
            w->mailed = m.index;
        block_unref(m.block);
    }
}

/* The disk takes what the log writer was given so far, in order. */
static void disk_catches_up(struct world *w)
{
    struct error e;
    if (w->jobs_written == w->job_count)
        return;
    for (; w->jobs_written < w->job_count; w->jobs_written++) {
        const struct log_job *job = w->jobs[w->jobs_written];
        assert_int_equal(log_store_write(w->log, job->write, 1, &e), STATUS_OK);
    }
    const struct consensus_mail mail = {.kind = MAIL_PERSISTED,
                                        .id = w->jobs[w->job_count - 1]->id};
    assert_true(mailbox_send(w->inbox, &mail));
}

static void members_three(struct buf *payload)
{
    struct members m = {.next_node = 4, .level = 1};
    for (raft_node node = 1; node <= 3; node++)
        node_set_add(&m.config.incoming, node);
    members_encode(&m, payload);
}

static void open_log(struct world *w, struct log_recovered *found, struct buf *config)
{
    struct error e;
    const struct log_store_options options = {.disk = kv_mem_disk(w->disk), .dir = "node"};
    assert_int_equal(disk_make_dir(options.disk, "node", &e), STATUS_OK);
    assert_int_equal(log_store_open(&options, &w->log, found, &e), STATUS_OK);
    log_recovered_clear(found);
    const struct log_identity identity = {.cluster_id = "a test's cluster", .node_id = SELF};
    assert_int_equal(log_store_identify(w->log, &identity, &e), STATUS_OK);
    const struct log_hard_state hard = {.current_term = TERM};
    const struct log_reset reset = {1, TERM, buf_bytes(config), &hard};
    assert_int_equal(log_store_reset(w->log, &reset, &e), STATUS_OK);
    log_store_close(w->log);
    assert_int_equal(log_store_open(&options, &w->log, found, &e), STATUS_OK);
    const struct state_store_options state = {.disk = kv_mem_disk(w->disk), .dir = "node"};
    assert_int_equal(state_store_open(&state, &w->state, &e), STATUS_OK);
}

static struct world *world_new(uint64_t log_keep_bytes)
{
    struct world *w = xcalloc(1, sizeof(*w));
    w->now_us = 1000000;
    w->disk = kv_mem_disk_new(1);
    w->inbox = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    w->outbox = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    struct log_recovered found;
    struct buf config = {0};
    members_three(&config);
    open_log(w, &found, &config);
    const struct consensus_options options = {
        .log = w->log, .state = w->state, .recovered = &found, .log_keep_bytes = log_keep_bytes,
        .applied_index = 1, .applied_term = TERM, .applied_config = buf_bytes(&config),
        .inbox = w->inbox, .outbox = w->outbox,
        .clock = {w, wall_ms, boot_us}, .transport = {w, send, know_peer},
        .log_writer = {w, submit_log}, .workers = {w, run_job}, .tick_ms = 10,
        .heartbeat_ticks = 5, .election_ticks = 2000, .self = {.host = "here", .port = 2},
    };
    struct error e;
    assert_int_equal(consensus_open(&options, &w->consensus, &e), STATUS_OK);
    log_recovered_clear(&found);
    buf_clear(&config);
    return w;
}

static void world_free(struct world *w)
{
    consensus_close(w->consensus);
    state_store_close(w->state);
    log_store_close(w->log);
    kv_mem_disk_free(w->disk);
    mailbox_free(w->inbox);
    mailbox_free(w->outbox);
    free(w);
}

/* The leader's APPEND of an entry at index, behind which it has committed up to commit. */
static void receive(struct world *w, uint64_t index, uint64_t commit, struct bytes payload)
{
    const struct raft_entry entry = {.term = TERM, .size = (uint32_t)payload.size,
                                     .kind = payload.size > 0 ? RAFT_DATA : RAFT_NOOP};
    const struct raft_message m = {.type = RAFT_MSG_APPEND, .from = LEADER, .to = SELF,
                                   .term = TERM, .index = index - 1, .log_term = TERM,
                                   .commit_index = commit, .entry_count = 1, .entries = &entry};
    struct buf frame = {0};
    wire_encode_raft(&frame, &(struct wire_raft_out){.message = &m, .entries = &entry});
    buf_append_bytes(&frame, payload);
    consensus_receive(w->consensus, LEADER, buf_bytes(&frame));
    buf_clear(&frame);
    turn(w);
}

static void receive_entry(struct world *w, uint64_t index, uint64_t commit)
{
    receive(w, index, commit, BYTES_NONE);
}

static void state_is_flushed(struct world *w, uint64_t index)
{
    const struct consensus_mail applied = {.kind = MAIL_APPLIED, .index = index};
    const struct consensus_mail durable = {.kind = MAIL_DURABLE, .index = index};
    assert_true(mailbox_send(w->inbox, &applied));
    assert_true(mailbox_send(w->inbox, &durable));
    turn(w);
}

/* Seed 17959123790002 of the simulator (slow-disk): with as many writes under way as the core
 * gives out, an entry was committed by the others, applied and flushed here before it was given to
 * the log writer at all; the log was to be cut beyond its end, and the node stopped. */
static void a_log_is_not_cut_beyond_what_it_durably_holds(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    const uint64_t last = RAFT_WRITES_MAX + 10;
    for (uint64_t index = 2; index <= last; index++)
        receive_entry(w, index, index - 1);
    receive_entry(w, last + 1, last);
    assert_int_equal(w->job_count, RAFT_WRITES_MAX);
    assert_int_equal(w->mailed, last); /* applied here, though only the others hold it durably */

    state_is_flushed(w, last - 1);
    assert_int_equal(w->job_count, RAFT_WRITES_MAX); /* no cut */

    disk_catches_up(w);
    turn(w); /* the rest goes to the log writer */
    disk_catches_up(w);
    turn(w);
    state_is_flushed(w, last);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 1);
    assert_int_equal(w->consensus->compaction.index, last);
    world_free(w);
}

static struct world *world_of_ten_entries(void)
{
    struct world *w = world_new(1);
    for (uint64_t index = 2; index <= 10; index++)
        receive_entry(w, index, index);
    disk_catches_up(w);
    turn(w);
    return w;
}

/* After a restart it is applied from the log once more. */
static void what_is_not_flushed_is_not_cut(void **state)
{
    (void)state;
    struct world *w = world_of_ten_entries();
    assert_true(mailbox_send(w->inbox, &(struct consensus_mail){.kind = MAIL_APPLIED, .index = 9}));
    assert_true(mailbox_send(w->inbox, &(struct consensus_mail){.kind = MAIL_DURABLE, .index = 4}));
    turn(w);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 1);
    assert_int_equal(w->consensus->compaction.index, 4);
    world_free(w);
}

/* Whoever gets the snapshot goes on with the entries behind it. */
static void what_follows_a_snapshot_under_way_is_not_cut(void **state)
{
    (void)state;
    struct world *w = world_of_ten_entries();
    w->consensus->send.about.index = 5;
    w->consensus->send.step = SEND_STREAM;
    w->consensus->durable_applied = 9;
    w->consensus->compaction.due = true;
    compact_tick(w->consensus);
    w->consensus->send.step = SEND_IDLE;
    assert_int_equal(w->consensus->compaction.index, 5);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 1);
    world_free(w);
}

/* What was written while there was much to do stays, up to log-keep; at rest the log is not larger
 * than a snapshot would be. */
static void at_rest_less_of_the_log_stays(void **state)
{
    (void)state;
    static const uint8_t content[1 << 20];
    const struct bytes payload = bytes_of(content, sizeof(content));
    const uint64_t last = 41, kept = 15; /* 16 MiB, some bytes for each entry included */
    struct world *w = world_new((uint64_t)32 << 20);
    for (uint64_t index = 2; index <= last; index++) {
        receive(w, index, index - 1, payload);
        disk_catches_up(w);
    }
    turn(w);
    state_is_flushed(w, last - 1);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 1);
    assert_int_equal(w->consensus->compaction.index, last - 31);

    for (int i = 0; i < 1200; i++)
        turn(w);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 2);
    assert_int_equal(w->consensus->compaction.index, last - kept);

    for (uint64_t index = last + 1; index <= last + 10; index++) { /* no longer at rest */
        receive(w, index, index - 1, payload);
        disk_catches_up(w);
    }
    state_is_flushed(w, last + 9);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.count, 2);
    world_free(w);
}

static uint64_t log_bytes(struct world *w)
{
    struct consensus_status status;
    consensus_fill_status(w->consensus, &status);
    return status.log_bytes;
}

/* In RocksDB's files the newest entries are not to be seen; what is told is what the log holds. */
static void what_the_log_holds_is_told_and_less_of_it_when_it_is_cut(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    turn(w);
    const uint64_t before = log_bytes(w);
    for (uint64_t index = 2; index <= 10; index++)
        receive_entry(w, index, index);
    disk_catches_up(w);
    turn(w);
    turn(w);
    const uint64_t ten = log_bytes(w);
    assert_true(ten > before);
    assert_int_equal((ten - before) % 9, 0); /* nine entries alike */
    state_is_flushed(w, 9);
    disk_catches_up(w);
    turn(w);
    assert_int_equal(w->consensus->compaction.index, 9);
    assert_int_equal(log_bytes(w), (ten - before) / 9); /* the tenth */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_not_cut_beyond_what_it_durably_holds),
        cmocka_unit_test(what_is_not_flushed_is_not_cut),
        cmocka_unit_test(what_follows_a_snapshot_under_way_is_not_cut),
        cmocka_unit_test(at_rest_less_of_the_log_stays),
        cmocka_unit_test(what_the_log_holds_is_told_and_less_of_it_when_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
