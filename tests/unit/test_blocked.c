/* test_blocked.c -- clients of the data half that wait in the state: how they are answered,
 * whatever happens to them or to the cluster. */

#include "test.h"

#include <string.h>

#include "shard_world.h"

#include "base/encode.h"
#include "keyspace/cache.h"
#include "keyspace/keyspace.h"

static void begin(struct sw_world *w)
{
    sw_init(w, 1 << 20, 64);
    sw_lead(w);
}

static void write_and_settle(struct sw_world *w, struct sw_request *r, const char *text)
{
    sw_write(w, r, text);
    sw_settle(w);
}

static void lose_ourselves(struct sw_world *w)
{
    uint8_t origin[16];
    put_le64(origin, SW_SELF);
    put_le64(origin + 8, w->boot);
    const struct bytes arg = bytes_of(origin, sizeof(origin));
    const struct request r = {.kind = REQ_ORIGIN_LOST, .args = &arg, .arg_count = 1};
    assert_true(shard_write(w->shard, &r, NULL));
    sw_settle(w);
}

static size_t count_waiters(struct sw_world *w)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    cache_cursor_open(keyspace_cache(shard_keyspace(w->shard)), &cursor, BYTES("W"), BYTES("X"),
                      FORWARD);
    while (cache_cursor_next(&cursor, &key, &value))
        count++;
    cache_cursor_close(&cursor);
    return count;
}

static void assert_reply_begins(struct sw_request *r, const char *want)
{
    const char *reply = sw_reply(r);
    if (strncmp(reply, want, strlen(want)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", reply, want);
}

/* --- served, or not in time ------------------------------------------------------------------- */

static void a_push_answers_who_waits(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 0");
    assert_true(wait.waits);
    assert_false(wait.done);
    w.now_us += 3600 * UINT64_C(1000000); /* for ever is for ever */
    sw_settle(&w);
    assert_false(wait.done);
    write_and_settle(&w, &push, "RPUSH k v");
    assert_string_equal(sw_reply(&push), ":1\r\n");
    assert_string_equal(sw_reply(&wait), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
    assert_non_null(wait.command);
    sw_request_clear(&wait);
    sw_request_clear(&push);
    sw_clear(&w);
}

static void the_end_of_the_time_goes_through_the_log(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait[20] = {0};
    begin(&w);
    for (int i = 0; i < 20; i++)
        sw_write(&w, &wait[i], "BLPOP k 60");
    sw_settle(&w);
    const uint64_t before = w.batches_seen;
    w.now_us += 59 * UINT64_C(1000000);
    sw_turn(&w);
    assert_true(w.next_due_us <= w.now_us + 1000000);
    sw_settle(&w);
    assert_int_equal(w.batches_seen, before);
    w.now_us += 1000000;
    sw_turn(&w);
    assert_false(wait[0].done); /* the log decides */
    sw_settle(&w);
    assert_int_equal(w.batches_seen, before + 1); /* all of a turn share a batch */
    for (int i = 0; i < 20; i++) {
        assert_string_equal(sw_reply(&wait[i]), "*-1\r\n");
        sw_request_clear(&wait[i]);
    }
    assert_int_equal(count_waiters(&w), 0);
    sw_clear(&w);
}

/* A push was in the log before the end of the time was: it is not lost. */
static void what_was_first_in_the_log_counts(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 1");
    sw_write(&w, &push, "RPUSH k v");
    sw_turn(&w);
    w.now_us += 1000000;
    sw_settle(&w);
    assert_string_equal(sw_reply(&wait), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
    assert_int_equal(count_waiters(&w), 0);
    sw_request_clear(&wait);
    sw_request_clear(&push);
    sw_clear(&w);
}

/* --- clients that go -------------------------------------------------------------------------- */

static void a_push_is_not_popped_for_who_left(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, early = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 0");
    shard_forget(w.shard, &wait.slot);
    sw_write(&w, &early, "BLPOP k 0");
    shard_forget(w.shard, &early.slot); /* before anybody knew that it would wait */
    sw_settle(&w);
    assert_int_equal(count_waiters(&w), 0);
    write_and_settle(&w, &push, "RPUSH k v");
    sw_request_clear(&push);
    write_and_settle(&w, &push, "LPOP k");
    assert_string_equal(sw_reply(&push), "$1\r\nv\r\n");
    sw_request_clear(&push);
    sw_clear(&w);
}

static void a_new_life_drops_what_the_old_one_waited_for(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 0");
    sw_depose(&w, w.commit);
    sw_crash(&w, KV_MEM_KILL);
    sw_lead(&w);
    for (int i = 0; i < 200; i++) { /* it looks from time to time */
        w.now_us += 1000;
        sw_turn(&w);
    }
    sw_settle(&w);
    assert_int_equal(count_waiters(&w), 0); /* nobody had to ask */
    write_and_settle(&w, &push, "RPUSH k v");
    assert_string_equal(sw_reply(&push), ":1\r\n");
    sw_request_clear(&push);
    sw_clear(&w);
}

/* --- without a majority ----------------------------------------------------------------------- */

static void no_majority_is_an_answer_in_bounded_time(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 1");
    sw_depose(&w, w.commit);
    sw_mail(&w, 10);
    w.now_us += 1000000;
    sw_turn(&w);
    w.now_us += 4999000;
    sw_turn(&w);
    assert_false(wait.done);
    w.now_us += 2000;
    sw_turn(&w);
    assert_reply_begins(&wait, "-UNCERTAIN ");
    sw_request_clear(&wait);
    assert_int_equal(count_waiters(&w), 1);
    w.now_us += 6000000;
    sw_lead(&w); /* what stands of it goes as soon as that can be said */
    w.now_us += 6000000;
    sw_settle(&w);
    assert_int_equal(count_waiters(&w), 0);
    write_and_settle(&w, &push, "RPUSH k v");
    assert_string_equal(sw_reply(&push), ":1\r\n");
    sw_request_clear(&push);
    sw_clear(&w);
}

static void who_waits_does_not_notice_a_new_leader(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait = {0}, push = {0};
    begin(&w);
    write_and_settle(&w, &wait, "BLPOP k 0");
    sw_depose(&w, w.commit);
    sw_mail(&w, 10);
    w.now_us += 30 * UINT64_C(1000000);
    sw_turn(&w);
    assert_false(wait.done);
    sw_elect(&w, SW_OTHER);
    sw_settle(&w);
    write_and_settle(&w, &push, "RPUSH k v");
    assert_string_equal(sw_reply(&wait), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
    sw_request_clear(&wait);
    sw_request_clear(&push);
    sw_clear(&w);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void a_read_waits_on_its_node_alone(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait[4] = {0}, push = {0};
    begin(&w);
    sw_read(&w, &wait[0], "XREAD BLOCK 0 STREAMS s $");
    sw_read(&w, &wait[1], "XREAD BLOCK 1000 STREAMS t $");
    sw_read(&w, &wait[2], "XREAD BLOCK 0 STREAMS t $");
    sw_read(&w, &wait[3], "XREAD BLOCK 0 STREAMS s $");
    sw_settle(&w);
    const uint64_t before = w.batches_seen;
    assert_true(wait[0].waits && wait[1].waits && wait[2].waits);
    w.now_us += 1000000;
    sw_settle(&w);
    assert_string_equal(sw_reply(&wait[1]), "*-1\r\n");
    assert_true(shard_unblock_read(w.shard, &wait[2].slot, true));
    shard_forget(w.shard, &wait[3].slot);
    sw_settle(&w);
    assert_reply_begins(&wait[2], "-UNBLOCKED ");
    assert_false(wait[0].done);
    assert_int_equal(w.batches_seen, before); /* nothing of it goes to the log */
    write_and_settle(&w, &push, "XADD s 1-1 f v");
    assert_string_equal(sw_reply(&wait[0]), "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n"
                                            "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    for (int i = 0; i < 3; i++)
        sw_request_clear(&wait[i]);
    sw_request_clear(&push);
    sw_clear(&w);
}

/* --- believed lost ---------------------------------------------------------------------------- */

static void who_was_believed_lost_waits_again_with_the_time_left(void **state)
{
    (void)state;
    struct sw_world w;
    struct sw_request wait[3] = {0}, push = {0};
    begin(&w);
    sw_write(&w, &wait[0], "BLPOP k 0");
    sw_write(&w, &wait[1], "BLPOP k 10");
    sw_write(&w, &wait[2], "BLPOP k 0");
    sw_settle(&w);
    shard_forget(w.shard, &wait[2].slot);
    w.now_us += 4000000;
    lose_ourselves(&w);
    assert_int_equal(count_waiters(&w), 2);
    assert_false(wait[0].done);
    w.now_us += 5700000;
    sw_settle(&w);
    assert_false(wait[1].done);
    w.now_us += 400000;
    sw_settle(&w);
    assert_string_equal(sw_reply(&wait[1]), "*-1\r\n");
    lose_ourselves(&w);
    write_and_settle(&w, &push, "RPUSH k v");
    assert_string_equal(sw_reply(&wait[0]), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
    assert_int_equal(count_waiters(&w), 0);
    sw_request_clear(&wait[0]);
    sw_request_clear(&wait[1]);
    sw_request_clear(&push);
    sw_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_answers_who_waits),
        cmocka_unit_test(the_end_of_the_time_goes_through_the_log),
        cmocka_unit_test(what_was_first_in_the_log_counts),
        cmocka_unit_test(a_push_is_not_popped_for_who_left),
        cmocka_unit_test(a_new_life_drops_what_the_old_one_waited_for),
        cmocka_unit_test(no_majority_is_an_answer_in_bounded_time),
        cmocka_unit_test(who_waits_does_not_notice_a_new_leader),
        cmocka_unit_test(a_read_waits_on_its_node_alone),
        cmocka_unit_test(who_was_believed_lost_waits_again_with_the_time_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
