/* test_shard.c -- the data half, one story at a time, on the fake consensus of shard_world.h. */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "shard_world.h"

#include "base/mailbox.h"
#include "keyspace/keyspace.h"

static void a_write_is_answered_by_its_apply(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request a = {0}, b = {0};
    sw_lead(&w);
    sw_write(&w, &a, "SET k v");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    sw_turn(&w);
    assert_false(a.done);
    sw_commit(&w, w.log_count);
    sw_mail(&w, 10);
    sw_turn(&w);
    assert_string_equal(sw_reply(&a), "+OK\r\n");
    assert_non_null(a.command);
    sw_read(&w, &b, "GET k");
    sw_settle(&w);
    assert_string_equal(sw_reply(&b), "$1\r\nv\r\n");
    sw_request_clear(&a);
    sw_request_clear(&b);
    sw_clear(&w);
}

/* While a block is under way, what comes collects and goes as one. */
static void requests_collect_while_a_batch_is_under_way(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r[20] = {0};
    sw_lead(&w);
    const uint64_t before = w.batches_seen;
    for (int i = 0; i < 5; i++)
        sw_write(&w, &r[i], "INCR n");
    sw_turn(&w);
    for (int i = 5; i < 20; i++) {
        sw_write(&w, &r[i], "INCR n");
        sw_turn(&w);
    }
    sw_receive(&w, 100);
    assert_int_equal(w.batches_seen, before + 1);
    assert_int_equal(w.last_count, 5);
    sw_settle(&w);
    assert_int_equal(w.batches_seen, before + 2);
    assert_int_equal(w.last_count, 15);
    for (int i = 0; i < 20; i++) {
        char want[16];
        snprintf(want, sizeof(want), ":%d\r\n", i + 1);
        assert_string_equal(sw_reply(&r[i]), want);
        sw_request_clear(&r[i]);
    }
    sw_clear(&w);
}

/* With less than four outstanding nothing is gained by waiting. */
static void a_few_requests_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r[4] = {0};
    sw_lead(&w);
    const uint64_t before = w.batches_seen;
    for (int i = 0; i < 4; i++) {
        sw_write(&w, &r[i], "INCR n");
        sw_turn(&w);
    }
    sw_receive(&w, 100);
    assert_int_equal(w.batches_seen, before + 3);
    sw_settle(&w);
    for (int i = 0; i < 4; i++)
        sw_request_clear(&r[i]);
    sw_clear(&w);
}

/* After many were answered at once, their next requests are waited for, but not long. */
static void the_next_batch_waits_for_those_who_come_back(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r[8] = {0}, next[8] = {0};
    sw_lead(&w);
    for (int i = 0; i < 8; i++)
        sw_write(&w, &r[i], "INCR n");
    sw_turn(&w);
    sw_receive(&w, 100);
    sw_append(&w, 10);
    sw_commit(&w, w.log_count);
    sw_mail(&w, 10);
    w.now_us += 250;
    sw_turn(&w);
    assert_true(r[7].done);

    const uint64_t before = w.batches_seen;
    sw_write(&w, &next[0], "INCR n");
    sw_turn(&w);
    sw_receive(&w, 100);
    assert_int_equal(w.batches_seen, before);
    assert_true(w.next_due_us <= w.now_us + 250);
    for (int i = 1; i < 6; i++) /* most of them are there */
        sw_write(&w, &next[i], "INCR n");
    sw_turn(&w);
    sw_receive(&w, 100);
    assert_int_equal(w.batches_seen, before + 1);
    assert_int_equal(w.last_count, 6);
    sw_settle(&w);
    for (int i = 0; i < 8; i++) {
        sw_request_clear(&r[i]);
        sw_request_clear(&next[i]);
    }
    sw_clear(&w);
}

/* §3.1 step 11: the old leader's copy is lost; the batch goes again in the new term, once. */
static void a_lost_batch_is_sealed_anew_in_the_new_term(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0}, later = {0};
    sw_lead(&w);
    sw_write(&w, &r, "INCR n");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    sw_depose(&w, w.commit); /* its entry is gone with its leader */
    sw_elect(&w, SW_OTHER);
    sw_mail(&w, 10);
    const uint64_t before = w.batches_seen;
    sw_write(&w, &later, "INCR n");
    sw_turn(&w);
    sw_receive(&w, 10);
    assert_int_equal(w.batches_seen, before); /* nothing of the new term was applied yet */
    sw_settle(&w);
    assert_string_equal(sw_reply(&r), ":1\r\n");
    assert_string_equal(sw_reply(&later), ":2\r\n");
    assert_int_equal(w.batches_seen, before + 2);
    sw_request_clear(&r);
    sw_request_clear(&later);
    sw_clear(&w);
}

/* The same, but the entry survived its leader: it must not go again. */
static void a_batch_that_survived_its_leader_is_not_sealed_anew(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0};
    sw_lead(&w);
    sw_write(&w, &r, "INCR n");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    sw_depose(&w, w.log_count);
    sw_elect(&w, SW_OTHER);
    const uint64_t before = w.batches_seen;
    sw_settle(&w);
    assert_string_equal(sw_reply(&r), ":1\r\n");
    assert_int_equal(w.batches_seen, before);
    sw_request_clear(&r);
    sw_clear(&w);
}

static void what_was_never_mailed_is_withdrawn_for_certain(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0}, late = {0}, after = {0};
    sw_write(&w, &r, "INCR n"); /* no leader yet */
    w.now_us += 3000000;
    sw_write(&w, &late, "INCR n");
    sw_turn(&w);
    w.now_us += 1999999;
    sw_turn(&w);
    assert_false(r.done);
    assert_int_equal(w.next_due_us, w.now_us + 1);
    w.now_us += 1;
    sw_turn(&w);
    const char *want = "-CLUSTERDOWN ";
    assert_memory_equal(sw_reply(&r), want, strlen(want));
    assert_non_null(strstr(sw_reply(&r), "not executed"));
    assert_null(r.command);
    assert_false(late.done); /* each by its own time */
    sw_lead(&w);
    assert_string_equal(sw_reply(&late), ":1\r\n");
    sw_write(&w, &after, "INCR n");
    sw_settle(&w);
    assert_string_equal(sw_reply(&after), ":2\r\n");
    sw_request_clear(&r);
    sw_request_clear(&late);
    sw_request_clear(&after);
    sw_clear(&w);
}

/* survives: whether the entry comes through after the client was told that nobody knows. */
static void mailed_and_timed_out(bool survives)
{
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0}, after = {0};
    sw_lead(&w);
    sw_write(&w, &r, "INCR n");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    w.now_us += 5000000;
    sw_turn(&w);
    const char *want = "-UNCERTAIN ";
    assert_memory_equal(sw_reply(&r), want, strlen(want));
    assert_non_null(strstr(sw_reply(&r), "may or may not have been executed"));
    sw_depose(&w, survives ? w.log_count : w.commit);
    sw_elect(&w, SW_OTHER);
    sw_settle(&w);
    sw_write(&w, &after, "INCR n");
    sw_settle(&w);
    assert_string_equal(sw_reply(&after), survives ? ":2\r\n" : ":1\r\n"); /* not proposed anew */
    sw_request_clear(&r);
    sw_request_clear(&after);
    sw_clear(&w);
}

static void what_was_mailed_is_uncertain_and_not_proposed_anew(void **state)
{
    (void)state;
    mailed_and_timed_out(false);
    mailed_and_timed_out(true);
}

static void a_forgotten_request_still_happens(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0}, read = {0}, get = {0};
    sw_lead(&w);
    sw_write(&w, &r, "INCR n");
    shard_forget(w.shard, &r.slot);
    sw_read(&w, &read, "GET n");
    shard_forget(w.shard, &read.slot);
    shard_forget(w.shard, &read.slot); /* does no harm */
    sw_settle(&w);
    assert_false(r.done);
    assert_false(read.done);
    sw_read(&w, &get, "GET n");
    sw_settle(&w);
    assert_string_equal(sw_reply(&get), "$1\r\n1\r\n");
    sw_request_clear(&get);
    sw_clear(&w);
}

static void full_mailboxes_lose_nothing(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 1);
    struct sw_request r[200] = {0};
    sw_lead(&w);
    for (int i = 0; i < 200; i++) {
        if (i % 2 == 0)
            sw_write(&w, &r[i], "INCR n");
        else
            sw_read(&w, &r[i], "GET n");
        sw_turn(&w);
        if (i % 7 == 0)
            sw_receive(&w, 1);
    }
    sw_settle(&w);
    for (int i = 0; i < 200; i++) {
        assert_true(r[i].done);
        sw_request_clear(&r[i]);
    }
    sw_clear(&w);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void a_read_waits_for_its_index(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request write = {0}, read = {0}, stale = {0};
    sw_lead(&w);
    sw_write(&w, &write, "SET k v");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    sw_commit(&w, w.log_count); /* committed, but this node does not know yet */
    sw_read(&w, &read, "GET k");
    struct bytes args[] = {BYTES("GET"), BYTES("k")};
    const struct request request = {.kind = REQ_COMMAND, .args = args, .arg_count = 2};
    assert_true(shard_read(w.shard, &request, &stale.slot, true));
    sw_turn(&w);
    assert_string_equal(sw_reply(&stale), "$-1\r\n");
    sw_receive(&w, 10);
    sw_answer(&w, SW_OK);
    sw_turn(&w);
    assert_false(read.done);
    sw_mail(&w, 10);
    sw_turn(&w);
    assert_string_equal(sw_reply(&read), "$1\r\nv\r\n");
    sw_request_clear(&write);
    sw_request_clear(&read);
    sw_request_clear(&stale);
    sw_clear(&w);
}

static void one_round_at_a_time_collects_the_next(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r[10] = {0};
    sw_lead(&w);
    for (int i = 0; i < 10; i++) {
        sw_read(&w, &r[i], "GET k");
        sw_turn(&w);
    }
    sw_receive(&w, 100);
    assert_int_equal(w.read_count, 1);
    sw_answer(&w, SW_OK);
    sw_turn(&w);
    assert_true(r[0].done);
    assert_false(r[1].done);
    sw_receive(&w, 100);
    assert_int_equal(w.read_count, 1);
    sw_answer(&w, SW_OK);
    sw_turn(&w);
    for (int i = 0; i < 10; i++) {
        assert_true(r[i].done);
        sw_request_clear(&r[i]);
    }
    sw_clear(&w);
}

static void a_read_asks_again_and_ends_for_certain(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request r = {0}, lost = {0}, late = {0};
    sw_lead(&w);
    sw_read(&w, &r, "GET k");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_answer(&w, SW_REFUSED);
    sw_turn(&w);
    sw_receive(&w, 10);
    assert_int_equal(w.read_count, 0); /* not at once */
    w.now_us = w.next_due_us;
    sw_turn(&w);
    sw_receive(&w, 10);
    assert_int_equal(w.read_count, 1);
    sw_answer(&w, SW_OK);
    sw_turn(&w);
    assert_string_equal(sw_reply(&r), "$-1\r\n");

    sw_read(&w, &lost, "GET k");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_answer(&w, SW_LOST);
    w.now_us += 1000000;
    sw_turn(&w);
    sw_receive(&w, 10);
    assert_int_equal(w.read_count, 1);
    w.now_us += 4000000;
    sw_turn(&w);
    const char *want = "-CLUSTERDOWN ";
    assert_memory_equal(sw_reply(&lost), want, strlen(want));
    sw_answer(&w, SW_OK); /* too late, for nobody */
    sw_read(&w, &late, "GET k");
    sw_turn(&w);
    assert_false(late.done); /* that answer was asked for before this read came */
    sw_settle(&w);
    assert_string_equal(sw_reply(&late), "$-1\r\n");
    sw_request_clear(&r);
    sw_request_clear(&lost);
    sw_request_clear(&late);
    sw_clear(&w);
}

static void a_lease_answers_reads_without_a_round(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request set = {0}, first = {0}, second = {0}, third = {0};
    w.has_lease = true;
    sw_lead(&w);
    sw_write(&w, &set, "SET k v");
    sw_settle(&w);
    sw_commit(&w, w.commit);
    sw_read(&w, &first, "GET k");
    sw_turn(&w);
    assert_string_equal(sw_reply(&first), "$1\r\nv\r\n");
    w.now_us += SW_LEASE_US; /* it has ended */
    sw_read(&w, &second, "GET k");
    sw_turn(&w);
    assert_false(second.done);
    sw_settle(&w);
    assert_true(second.done);

    sw_write(&w, NULL, "SET k w"); /* committed by the lease's word, not yet applied here */
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_append(&w, 10);
    sw_commit(&w, w.log_count);
    sw_read(&w, &third, "GET k");
    sw_turn(&w);
    assert_false(third.done);
    sw_settle(&w);
    assert_string_equal(sw_reply(&third), "$1\r\nw\r\n");
    sw_request_clear(&set);
    sw_request_clear(&first);
    sw_request_clear(&second);
    sw_request_clear(&third);
    sw_clear(&w);
}

/* --- expiry ----------------------------------------------------------------------------------- */

static void a_read_of_a_due_key_waits_for_the_log(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request set = {0}, a = {0}, b = {0}, other = {0};
    const int connection = 0, stranger = 0;
    sw_elect(&w, SW_OTHER); /* not the leader: no timer of its own */
    sw_settle(&w);
    sw_write(&w, &set, "SET k v PX 1000");
    sw_settle(&w);
    w.wall_ms += 1000;
    a.slot.owner = b.slot.owner = &connection;
    other.slot.owner = &stranger;
    sw_read(&w, &a, "GET k");
    sw_read(&w, &b, "GET nothing");
    sw_read(&w, &other, "GET nothing");
    sw_turn(&w);
    sw_receive(&w, 10);
    sw_answer(&w, SW_OK);
    const uint64_t before = w.batches_seen;
    sw_turn(&w);
    assert_false(a.done);
    assert_false(b.done); /* of the same connection, behind it */
    assert_true(other.done);
    sw_turn(&w);
    sw_receive(&w, 10);
    assert_int_equal(w.batches_seen, before + 1);
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 1);
    sw_settle(&w);
    assert_string_equal(sw_reply(&a), "$-1\r\n");
    assert_string_equal(sw_reply(&b), "$-1\r\n");
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 0);
    sw_request_clear(&set);
    sw_request_clear(&a);
    sw_request_clear(&b);
    sw_request_clear(&other);
    sw_clear(&w);
}

static void the_time_of_entries_that_delete_what_is_due_is_told(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    sw_lead(&w);
    w.look_us = 7;
    sw_write(&w, NULL, "SET k v PX 1000");
    sw_settle(&w);
    assert_int_equal(shard_take_expiry_us(w.shard), 0);
    w.wall_ms += 1000;
    w.now_us += 1000000;
    sw_settle(&w);
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 0);
    assert_int_equal(shard_take_expiry_us(w.shard), w.look_us);
    assert_int_equal(shard_take_expiry_us(w.shard), 0);
    sw_write(&w, NULL, "SET k v");
    sw_settle(&w);
    assert_int_equal(shard_take_expiry_us(w.shard), 0);
    sw_clear(&w);
}

static void the_leaders_timer_deletes_what_is_due(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    sw_lead(&w);
    for (int i = 0; i < 1500; i++) {
        char text[64];
        snprintf(text, sizeof(text), "SET key:%d v PX 5000", i);
        sw_write(&w, NULL, text);
    }
    sw_settle(&w);
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 1500);
    w.wall_ms += 5000;
    w.now_us += 5000000;
    sw_settle(&w);
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 0);

    /* Switched off for all: the keys stay, though nobody sees them. */
    struct bytes args[] = {BYTES("active-expire"), BYTES("no")};
    const struct request off = {.kind = REQ_SETTING, .args = args, .arg_count = 2};
    struct sw_request r = {0}, get = {0};
    assert_true(shard_write(w.shard, &off, &r.slot));
    sw_write(&w, NULL, "SET key v PX 100");
    sw_settle(&w);
    assert_string_equal(sw_reply(&r), "+OK\r\n");
    w.wall_ms += 200;
    w.now_us += 200000;
    sw_settle(&w);
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 1);
    sw_read(&w, &get, "GET key");
    sw_settle(&w);
    assert_string_equal(sw_reply(&get), "$-1\r\n");
    assert_int_equal(keyspace_size(shard_keyspace(w.shard), 0), 0); /* a reader named it */
    sw_request_clear(&r);
    sw_request_clear(&get);
    sw_clear(&w);
}

/* --- large requests, flushes, crashes --------------------------------------------------------- */

static void a_large_request_travels_in_parts(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 64 << 20, 64);
    struct sw_request set = {0}, before = {0}, after = {0}, length = {0};
    sw_lead(&w);
    struct buf value = {0};
    memset(buf_reserve(&value, 5000000), 'x', 5000000);
    buf_commit(&value, 5000000);
    struct bytes args[] = {BYTES("SET"), BYTES("big"), buf_bytes(&value)};
    const struct request request = {.kind = REQ_COMMAND, .args = args, .arg_count = 3};
    const uint64_t batches = w.batches_seen;
    sw_write(&w, &before, "APPEND big y");
    assert_true(shard_write(w.shard, &request, &set.slot));
    sw_write(&w, &after, "APPEND big zz");
    sw_settle(&w);
    assert_int_equal(w.batches_seen, batches + 1 + 5 + 1);
    assert_string_equal(sw_reply(&before), ":1\r\n");
    assert_string_equal(sw_reply(&set), "+OK\r\n");
    assert_string_equal(sw_reply(&after), ":5000002\r\n");
    sw_read(&w, &length, "STRLEN big");
    sw_settle(&w);
    assert_string_equal(sw_reply(&length), ":5000002\r\n");
    buf_clear(&value);
    sw_request_clear(&before);
    sw_request_clear(&set);
    sw_request_clear(&after);
    sw_request_clear(&length);
    sw_clear(&w);
}

static void a_flush_and_a_crash_lose_nothing(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    sw_lead(&w);
    for (int i = 0; i < 100; i++)
        sw_write(&w, NULL, "INCR n");
    sw_settle(&w);
    assert_false(shard_flush(w.shard));
    const uint64_t cut = w.commit;
    sw_write(&w, NULL, "INCR n");
    sw_settle(&w);
    assert_int_equal(w.durable, cut);
    assert_true(w.commit > cut);
    sw_crash(&w, KV_MEM_POWER_LOSS);
    struct shard_status status;
    shard_status(w.shard, &status);
    assert_int_equal(status.applied_index, cut);
    struct sw_request get = {0};
    sw_read(&w, &get, "GET n");
    sw_settle(&w);
    assert_string_equal(sw_reply(&get), "$3\r\n101\r\n");
    shard_status(w.shard, &status);
    assert_int_equal(status.digest, sw_replay_digest(&w));
    sw_request_clear(&get);
    sw_clear(&w);
}

/* It was on its way while the log brought the same and more: the state may not go back. */
static void a_snapshot_of_what_is_applied_already_is_not_installed(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    sw_lead(&w);
    for (int i = 0; i < 10; i++)
        sw_write(&w, NULL, "INCR n");
    sw_settle(&w);
    const uint64_t applied = w.applied;
    assert_true(applied > 1);
    for (uint64_t index = applied - 1; index <= applied; index++) {
        const struct shard_mail late = {.kind = MAIL_INSTALL, .index = index, .term = w.term};
        assert_true(mailbox_send(w.to_shard, &late));
        sw_turn(&w);
        struct consensus_mail answer;
        assert_int_equal(mailbox_receive(w.to_consensus, &answer, 1), 1);
        assert_int_equal(answer.kind, MAIL_INSTALLED);
        assert_false(answer.ok);
        assert_int_equal(answer.index, applied);
    }
    struct sw_request get = {0};
    sw_read(&w, &get, "GET n");
    sw_settle(&w);
    assert_string_equal(sw_reply(&get), "$2\r\n10\r\n");
    sw_request_clear(&get);
    sw_clear(&w);
}

static void apply_waits_while_the_cache_is_pressed(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 64 << 10, 64);
    sw_lead(&w);
    char text[1200] = "SET key:0000 "; /* followed by a value */
    memset(text + 13, 'x', 1000);
    struct sw_request r[100] = {0};
    for (int i = 0; i < 100; i++) {
        text[10] = (char)('0' + i / 10);
        text[11] = (char)('0' + i % 10);
        if (!shard_has_room(w.shard))
            break;
        sw_write(&w, &r[i], text);
        sw_turn(&w);
        sw_receive(&w, 10);
        sw_append(&w, 10);
        sw_commit(&w, w.log_count);
        sw_mail(&w, 10);
        sw_turn(&w);
    }
    assert_false(shard_has_room(w.shard)); /* no flush has ended yet */
    assert_non_null(w.job);
    sw_settle(&w);
    assert_true(shard_has_room(w.shard));
    struct shard_status status;
    shard_status(w.shard, &status);
    assert_true(status.flushes > 0);
    assert_int_equal(status.digest, sw_replay_digest(&w));
    for (int i = 0; i < 100; i++)
        sw_request_clear(&r[i]);
    sw_clear(&w);
}

/* §6.3: cache-size 0 flushes after each turn, not after each entry. */
static void without_a_cache_a_turn_applies_what_has_come(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 0, 64);
    sw_lead(&w);
    sw_settle(&w);
    struct sw_request r[3] = {0};
    for (int i = 0; i < 3; i++) {
        sw_write(&w, &r[i], "INCR key");
        sw_turn(&w);
        sw_receive(&w, 10);
        sw_append(&w, 10);
    }
    assert_int_equal(w.log_count - w.commit, 3);
    sw_commit(&w, w.log_count);
    sw_mail(&w, 10);
    sw_turn(&w);
    struct shard_status status;
    shard_status(w.shard, &status);
    assert_int_equal(status.applied_index, w.log_count);
    for (int i = 0; i < 3; i++)
        sw_request_clear(&r[i]);
    sw_clear(&w);
}

/* While it is not, entries may come later and several at once. */
static void a_shard_is_awaited_while_somebody_has_no_answer(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    struct sw_request write = {0}, read = {0}, blocked = {0}, push = {0};
    assert_true(shard_is_awaited(w.shard)); /* it is not ready */
    sw_lead(&w);
    assert_false(shard_is_awaited(w.shard));

    sw_write(&w, &write, "SET k v");
    assert_true(shard_is_awaited(w.shard));
    sw_turn(&w);
    assert_true(shard_is_awaited(w.shard));
    sw_settle(&w);
    assert_false(shard_is_awaited(w.shard));

    sw_read(&w, &read, "GET k");
    sw_turn(&w);
    assert_true(shard_is_awaited(w.shard));
    sw_settle(&w);
    assert_string_equal(sw_reply(&read), "$1\r\nv\r\n");
    assert_false(shard_is_awaited(w.shard));

    sw_write(&w, &blocked, "BLPOP l 0");
    sw_settle(&w);
    assert_true(blocked.waits);
    assert_true(shard_is_awaited(w.shard)); /* another node's push may serve it */
    sw_write(&w, &push, "RPUSH l e");
    sw_settle(&w);
    assert_true(blocked.done);
    assert_false(shard_is_awaited(w.shard));
    sw_request_clear(&write);
    sw_request_clear(&read);
    sw_request_clear(&blocked);
    sw_request_clear(&push);
    sw_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_answered_by_its_apply),
        cmocka_unit_test(without_a_cache_a_turn_applies_what_has_come),
        cmocka_unit_test(requests_collect_while_a_batch_is_under_way),
        cmocka_unit_test(a_few_requests_do_not_wait_for_each_other),
        cmocka_unit_test(the_next_batch_waits_for_those_who_come_back),
        cmocka_unit_test(a_lost_batch_is_sealed_anew_in_the_new_term),
        cmocka_unit_test(a_batch_that_survived_its_leader_is_not_sealed_anew),
        cmocka_unit_test(what_was_never_mailed_is_withdrawn_for_certain),
        cmocka_unit_test(what_was_mailed_is_uncertain_and_not_proposed_anew),
        cmocka_unit_test(a_forgotten_request_still_happens),
        cmocka_unit_test(full_mailboxes_lose_nothing),
        cmocka_unit_test(a_read_waits_for_its_index),
        cmocka_unit_test(one_round_at_a_time_collects_the_next),
        cmocka_unit_test(a_read_asks_again_and_ends_for_certain),
        cmocka_unit_test(a_lease_answers_reads_without_a_round),
        cmocka_unit_test(a_read_of_a_due_key_waits_for_the_log),
        cmocka_unit_test(the_time_of_entries_that_delete_what_is_due_is_told),
        cmocka_unit_test(the_leaders_timer_deletes_what_is_due),
        cmocka_unit_test(a_large_request_travels_in_parts),
        cmocka_unit_test(a_shard_is_awaited_while_somebody_has_no_answer),
        cmocka_unit_test(a_flush_and_a_crash_lose_nothing),
        cmocka_unit_test(a_snapshot_of_what_is_applied_already_is_not_installed),
        cmocka_unit_test(apply_waits_while_the_cache_is_pressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
