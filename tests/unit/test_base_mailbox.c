/* test_base_mailbox.c -- order, limits and wakes of a mailbox, alone and between threads. */

#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/mailbox.h"

#define WAKE_TIMEOUT_MS 10000 /* far more than any wake takes: a lost one fails, not hangs */

struct letter {
    uint32_t sender, number;
    char text[20];
};

static bool is_readable(const struct mailbox *m, int timeout_ms)
{
    struct pollfd p = {.fd = mailbox_fd(m), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static void messages_come_out_in_order_over_the_end_of_the_ring(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(sizeof(uint64_t), 5);
    uint64_t sent = 0;
    uint64_t received = 0;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 3; i++, sent++)
            assert_true(mailbox_send(m, &sent));
        assert_int_equal(mailbox_count(m), sent - received);
        assert_int_equal(mailbox_room(m), 5 - (sent - received));
        uint64_t out[4];
        const size_t count = mailbox_receive(m, out, round % 2 == 0 ? 2 : 4);
        for (size_t i = 0; i < count; i++)
            assert_true(out[i] == received++);
    }
    assert_true(received == sent);
    mailbox_free(m);
}

static void a_full_mailbox_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(sizeof(int), 2);
    for (int i = 0; i < 2; i++)
        assert_true(mailbox_send(m, &i));
    const int third = 2;
    assert_false(mailbox_send(m, &third));
    int out[3];
    assert_int_equal(mailbox_receive(m, out, 3), 2);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 1);
    assert_int_equal(mailbox_receive(m, out, 3), 0);
    mailbox_free(m);
}

static void what_is_left_wakes_nobody_and_is_there(void **state)
{
    (void)state;
    const int left = 1, sent = 2;
    int out[4];
    struct mailbox *m = mailbox_new(sizeof(int), 3);
    assert_true(mailbox_sleep(m));
    assert_true(mailbox_leave(m, &left));
    assert_false(is_readable(m, 0));
    assert_true(mailbox_send(m, &sent)); /* the sleeper was not taken for awake */
    assert_true(is_readable(m, 0));
    assert_true(mailbox_leave(m, &left));
    assert_false(mailbox_leave(m, &left)); /* full */
    mailbox_awake(m);
    assert_int_equal(mailbox_receive(m, out, 4), 3);
    assert_int_equal(out[0], left);
    assert_int_equal(out[1], sent);
    assert_true(mailbox_leave(m, &left));
    assert_false(mailbox_sleep(m)); /* nobody goes to sleep on it */
    mailbox_free(m);
}

static void an_offer_wakes_who_sleeps_and_not_who_dozes(void **state)
{
    (void)state;
    const int offered = 1, sent = 2;
    int out[4];
    struct mailbox *m = mailbox_new(sizeof(int), 4);
    assert_true(mailbox_sleep(m));
    assert_true(mailbox_is_asleep(m));
    assert_true(mailbox_offer(m, &offered));
    assert_true(is_readable(m, 0));
    assert_false(mailbox_is_asleep(m));
    mailbox_awake(m);
    assert_false(mailbox_doze(m)); /* nobody dozes on a message */
    assert_int_equal(mailbox_receive(m, out, 4), 1);

    assert_true(mailbox_doze(m));
    assert_true(mailbox_offer(m, &offered));
    assert_false(is_readable(m, 0));
    assert_true(mailbox_is_asleep(m));
    assert_true(mailbox_send(m, &sent));
    assert_true(is_readable(m, 0));
    mailbox_awake(m);
    assert_int_equal(mailbox_receive(m, out, 4), 2);
    assert_int_equal(out[0], offered);
    assert_int_equal(out[1], sent);
    mailbox_free(m);
}

static void a_wake_is_for_what_was_left_or_offered(void **state)
{
    (void)state;
    const int message = 1;
    int out[4];
    struct mailbox *m = mailbox_new(sizeof(int), 4);
    assert_true(mailbox_doze(m));
    mailbox_wake(m);
    assert_false(is_readable(m, 0)); /* there is nothing */
    assert_true(mailbox_offer(m, &message));
    assert_true(mailbox_leave(m, &message));
    assert_false(is_readable(m, 0));
    mailbox_wake(m);
    mailbox_wake(m);
    assert_true(is_readable(m, 0));
    mailbox_awake(m);
    assert_false(is_readable(m, 0));
    assert_int_equal(mailbox_receive(m, out, 4), 2);
    mailbox_free(m);
}

static void only_the_first_send_to_a_sleeper_wakes(void **state)
{
    (void)state;
    const int message = 1;
    int out[4];
    struct mailbox *m = mailbox_new(sizeof(int), 4);
    assert_true(mailbox_send(m, &message));
    assert_false(is_readable(m, 0)); /* the receiver has not said that it sleeps */
    assert_false(mailbox_sleep(m));  /* and may not, with a message there */
    assert_int_equal(mailbox_receive(m, out, 4), 1);

    assert_true(mailbox_sleep(m));
    assert_true(mailbox_send(m, &message));
    assert_true(mailbox_send(m, &message));
    uint64_t wakes;
    assert_true(is_readable(m, 0));
    mailbox_awake(m);
    assert_false(is_readable(m, 0));
    assert_int_equal(read(mailbox_fd(m), &wakes, sizeof(wakes)), -1);
    assert_int_equal(mailbox_receive(m, out, 4), 2);

    assert_true(mailbox_sleep(m));
    mailbox_awake(m); /* woken by something else */
    assert_true(mailbox_send(m, &message));
    assert_false(is_readable(m, 0));
    mailbox_free(m);
}

enum { SENDERS = 3, LETTERS = 40000 };

struct sender {
    struct mailbox *m;
    uint32_t number;
    pthread_t thread;
};

static void *send_all(void *context)
{
    const struct sender *s = context;
    for (uint32_t i = 0; i < LETTERS;) {
        const struct letter l = {.sender = s->number, .number = i, .text = "between threads"};
        if (mailbox_send(s->m, &l))
            i++;
        else
            usleep(10);
    }
    return NULL;
}

/* Each sender's letters arrive complete and in its order; the receiver sleeps whenever it can, so a
 * lost wake would end in the timeout. */
static void threads_lose_no_message_and_no_wake(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(sizeof(struct letter), 64);
    struct sender senders[SENDERS];
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.m = m, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    uint32_t next[SENDERS] = {0};
    for (size_t received = 0; received < (size_t)SENDERS * LETTERS;) {
        if (mailbox_sleep(m))
            assert_true(is_readable(m, WAKE_TIMEOUT_MS));
        mailbox_awake(m);
        struct letter letters[16];
        const size_t count = mailbox_receive(m, letters, ARRAY_COUNT(letters));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(letters[i].number, next[letters[i].sender]++);
            assert_string_equal(letters[i].text, "between threads");
        }
        received += count;
    }
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    assert_int_equal(mailbox_count(m), 0);
    mailbox_awake(m);
    assert_false(is_readable(m, 0)); /* no wake is left over: an idle receiver would spin */
    mailbox_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_over_the_end_of_the_ring),
        cmocka_unit_test(a_full_mailbox_refuses_and_keeps_what_it_has),
        cmocka_unit_test(what_is_left_wakes_nobody_and_is_there),
        cmocka_unit_test(an_offer_wakes_who_sleeps_and_not_who_dozes),
        cmocka_unit_test(a_wake_is_for_what_was_left_or_offered),
        cmocka_unit_test(only_the_first_send_to_a_sleeper_wakes),
        cmocka_unit_test(threads_lose_no_message_and_no_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
