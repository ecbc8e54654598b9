/* test_relay.c -- what data halves say to each other: order, stamps, losses, bounds (relay.c). */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "shard_world.h"

#include "base/mailbox.h"
#include "node/block.h"

struct relayed {
    uint64_t node, boot, stream, sequence, stamp;
    const char *text;
};

static void mail(struct sw_world *w, const struct relayed *r)
{
    const struct shard_mail m = {.kind = MAIL_RELAYED, .node = r->node, .boot = r->boot,
                                 .stream = r->stream,
                                 .sequence = r->sequence, .index = r->stamp,
                                 .block = block_new(bytes_from_string(r->text))};
    assert_true(mailbox_send(w->to_shard, &m));
}

static void connection(struct sw_world *w, uint64_t node, bool is_up)
{
    const struct shard_mail m = {.kind = MAIL_PEER, .node = node, .ok = is_up};
    assert_true(mailbox_send(w->to_shard, &m));
}

static const char *text_of(struct buf *b)
{
    buf_append_u8(b, 0);
    const char *text = (const char *)buf_data(b);
    buf_reset(b);
    return text;
}

static void set_up_leader(struct sw_world *w)
{
    sw_init(w, 1 << 20, 256);
    sw_elect(w, SW_SELF);
    sw_settle(w);
}

static void write_one(struct sw_world *w)
{
    struct sw_request r = {0};
    sw_write(w, &r, "INCR n");
    sw_settle(w);
    assert_true(r.done);
    sw_request_clear(&r);
}

static void nothing_is_heard_before_its_stamp_is_applied(void **state)
{
    (void)state;
    struct sw_world w;
    set_up_leader(&w);
    const uint64_t applied = w.applied;
    mail(&w, &(struct relayed){7, 1, 1, 1, applied, "now"});
    mail(&w, &(struct relayed){7, 1, 1, 2, applied + 1, "later"});
    mail(&w, &(struct relayed){7, 1, 1, 3, applied, "behind"}); /* in the order of its sender */
    mail(&w, &(struct relayed){8, 1, 1, 1, applied, "other"});
    sw_turn(&w);
    char want[128];
    snprintf(want, sizeof(want), "7@%llu:begins 7@%llu:now 8@%llu:begins 8@%llu:other ",
             (unsigned long long)applied, (unsigned long long)applied,
             (unsigned long long)applied, (unsigned long long)applied);
    assert_string_equal(text_of(&w.relayed), want);
    write_one(&w);
    snprintf(want, sizeof(want), "7@%llu:later 7@%llu:behind ", (unsigned long long)applied + 1,
             (unsigned long long)applied + 1);
    assert_string_equal(text_of(&w.relayed), want);
    sw_clear(&w);
}

/* Also when many entries are applied in one turn: what was said before the second is heard before
 * its effects are. */
static void a_stamp_is_met_between_two_entries_of_a_turn(void **state)
{
    (void)state;
    struct sw_world w;
    set_up_leader(&w);
    const uint64_t applied = w.applied;
    struct sw_request r[2] = {0};
    for (int i = 0; i < 2; i++) {
        sw_write(&w, &r[i], "INCR n");
        sw_turn(&w);
        w.now_us += 1000000;
        sw_turn(&w);
        sw_receive(&w, 10);
        sw_append(&w, 10);
    }
    mail(&w, &(struct relayed){7, 1, 1, 1, applied + 1, "between"});
    sw_commit(&w, w.log_count);
    sw_mail(&w, 10);
    sw_turn(&w);
    char want[64];
    snprintf(want, sizeof(want), "7@%llu:begins 7@%llu:between ", (unsigned long long)applied,
             (unsigned long long)applied + 1);
    assert_string_equal(text_of(&w.relayed), want);
    for (int i = 0; i < 2; i++)
        sw_request_clear(&r[i]);
    sw_clear(&w);
}

static void a_gap_is_told_in_its_place(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    mail(&w, &(struct relayed){7, 1, 1, 1, 0, "a"});
    mail(&w, &(struct relayed){7, 1, 1, 3, 0, "c"});
    mail(&w, &(struct relayed){7, 1, 1, 4, 0, "d"});
    sw_turn(&w);
    assert_string_equal(text_of(&w.relayed), "7@0:begins 7@0:a 7@0:lost 7@0:c 7@0:d ");
    sw_clear(&w);
}

static void a_new_connection_and_a_new_process_begin_anew(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    mail(&w, &(struct relayed){7, 4, 1, 1, 0, "a"});
    mail(&w, &(struct relayed){7, 4, 2, 1, 0, "b"}); /* a new connection */
    mail(&w, &(struct relayed){7, 5, 1, 1, 0, "c"}); /* a new process */
    mail(&w, &(struct relayed){7, 4, 3, 1, 0, "d"}); /* of the old one: void */
    mail(&w, &(struct relayed){7, 5, 1, 1, 0, "c"}); /* a copy */
    mail(&w, &(struct relayed){7, 6, 1, 3, 0, "e"}); /* the beginning was lost */
    sw_turn(&w);
    assert_string_equal(text_of(&w.relayed), "7@0:begins 7@0:a 7@0:begins 7@0:b 7@0:begins 7@0:c "
                                             "7@0:begins 7@0:lost 7@0:e ");
    sw_clear(&w);
}

/* A node that does not get on in its log keeps only so much of what waits for it. */
static void what_waits_is_bounded_and_its_loss_is_told_once(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 64);
    static char large[(4 << 20) - 8];
    memset(large, 'x', sizeof(large) - 1);
    for (uint64_t i = 1; i <= 10; i++) {
        mail(&w, &(struct relayed){7, 1, 1, i, 1, large});
        sw_turn(&w);
    }
    sw_receive(&w, 100);
    assert_int_equal(w.relay_taken, 10 * (sizeof(large) - 1)); /* consensus may mail more */
    sw_elect(&w, SW_SELF);
    sw_settle(&w); /* the first entry: the stamp is met */
    const char *text = text_of(&w.relayed);
    assert_int_equal(strlen(text), strlen("7@0:begins ") + 4 * (sizeof(large) - 1 + 5) +
                                       strlen("7@1:lost "));
    assert_non_null(strstr(text, "x 7@1:lost "));
    sw_clear(&w);
}

static void what_is_said_in_a_turn_goes_together_with_what_was_applied(void **state)
{
    (void)state;
    struct sw_world w;
    set_up_leader(&w);
    write_one(&w);
    assert_true(shard_relay(w.shard, 0, BYTES("nobody")));
    assert_false(shard_relays(w.shard));
    connection(&w, 7, true);
    connection(&w, 8, true);
    sw_turn(&w);
    assert_true(shard_relays(w.shard));
    assert_true(shard_relay(w.shard, 0, BYTES("a")));
    assert_true(shard_relay(w.shard, 0, BYTES("b")));
    assert_true(shard_relay(w.shard, 8, BYTES("c")));
    sw_turn(&w);
    sw_receive(&w, 10);
    char want[64];
    snprintf(want, sizeof(want), "%llu>0:ab %llu>8:c ", (unsigned long long)w.applied,
             (unsigned long long)w.applied);
    assert_string_equal(text_of(&w.relays), want);
    connection(&w, 7, false);
    connection(&w, 8, false);
    sw_turn(&w);
    assert_false(shard_relays(w.shard));
    text_of(&w.relayed);
    sw_clear(&w);
}

static void a_full_mailbox_delays_and_a_full_buffer_refuses(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 1 << 20, 4);
    connection(&w, 7, true);
    sw_turn(&w);
    static char large[1 << 20];
    memset(large, 'x', sizeof(large));
    int taken = 0;
    while (taken < 100 && shard_relay(w.shard, 0, bytes_of(large, sizeof(large))))
        taken++;
    assert_in_range(taken, 5, 10); /* four mails, and what one frame holds */
    sw_receive(&w, 100);
    sw_turn(&w);
    assert_true(shard_relay(w.shard, 0, BYTES("y")));
    sw_turn(&w);
    sw_receive(&w, 100);
    assert_int_equal(buf_data(&w.relays)[w.relays.size - 2], 'y');
    sw_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_heard_before_its_stamp_is_applied),
        cmocka_unit_test(a_stamp_is_met_between_two_entries_of_a_turn),
        cmocka_unit_test(a_gap_is_told_in_its_place),
        cmocka_unit_test(a_new_connection_and_a_new_process_begin_anew),
        cmocka_unit_test(what_waits_is_bounded_and_its_loss_is_told_once),
        cmocka_unit_test(what_is_said_in_a_turn_goes_together_with_what_was_applied),
        cmocka_unit_test(a_full_mailbox_delays_and_a_full_buffer_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
