/* test_room.c -- clients wait for room in the shard as long as it may come, and no longer. */

#include "test.h"

#include <string.h>

#include "shard_world.h"

#include "node/shard.h"

static enum shard_room room_of(struct sw_world *w)
{
    struct shard_status status;
    shard_status(w->shard, &status);
    return status.room;
}

/* ARCHITECTURE §3.1 step 12. */
static void a_disk_that_takes_nothing_is_told(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 64 << 10, 64);
    sw_lead(&w);
    char text[1200] = "SET key:0000 ";
    memset(text + 13, 'x', 1000);
    static struct sw_request r[100];
    for (int i = 0; i < 100 && shard_has_room(w.shard); i++) {
        text[10] = (char)('0' + i / 10);
        text[11] = (char)('0' + i % 10);
        sw_write(&w, &r[i], text);
        sw_turn(&w);
        sw_receive(&w, 10);
        sw_append(&w, 10);
        sw_commit(&w, w.log_count);
        sw_mail(&w, 10);
        sw_turn(&w);
    }
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_LATER); /* a flush is under way, and takes its time */
    w.now_us += 4900000;
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_LATER);
    w.now_us += 200000;
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_NO_FLUSH);
    sw_settle(&w); /* it has ended */
    assert_int_equal(room_of(&w), ROOM_NOW);
    for (int i = 0; i < 100; i++)
        sw_request_clear(&r[i]);
    sw_clear(&w);
}

static void a_majority_that_does_not_answer_is_told(void **state)
{
    (void)state;
    struct sw_world w;
    sw_init(&w, 64 << 20, 64);
    sw_lead(&w);
    struct buf large = {0};
    buf_append_string(&large, "SET k ");
    while (large.size < 900000)
        buf_append_u8(&large, 'x');
    buf_append_u8(&large, 0);
    static struct sw_request many[100];
    int count = 0;
    for (; count < 100 && shard_has_room(w.shard); count++)
        sw_write(&w, &many[count], (const char *)buf_data(&large));
    assert_in_range(count, 64, 99);
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_LATER);
    w.now_us += 4900000;
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_LATER);
    w.now_us += 200000;
    sw_turn(&w);
    assert_int_equal(room_of(&w), ROOM_NO_QUORUM);
    assert_non_null(strstr(sw_reply(&many[count - 1]), "CLUSTERDOWN"));
    buf_clear(&large);
    for (int i = 0; i < count; i++)
        sw_request_clear(&many[i]);
    sw_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_takes_nothing_is_told),
        cmocka_unit_test(a_majority_that_does_not_answer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
