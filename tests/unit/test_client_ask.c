/* test_client_ask.c -- clients of other nodes: what is asked for them, and what is done here for
 * those that other nodes ask for. */

#include "test.h"
#include <stdlib.h>
#include "conn_world.h"
#include "base/encode.h"
#include "server/client_ask.h"
#include "server/pending.h"
#include "server/relayed.h"

#define THERE 5 /* a node; its client 3: */
#define CLIENT_THERE "21474836483"
#define CLIENT_THERE_ID ((uint64_t)THERE << 32 | 3)
#define CLIENT_DOWN "38654705667" /* of FAKE_DOWN */

static void relayed(struct world *w, struct bytes bytes)
{
    server_shard_host.relayed(w->server, THERE, RELAY_BYTES, bytes);
}

/* Node THERE answers what it was asked last. */
static void answer(struct world *w, uint8_t with)
{
    uint8_t bytes[10] = {RELAYED_CLIENT_ANSWER, with};
    put_le64(bytes + 2, w->server->last_token);
    relayed(w, bytes_of(bytes, sizeof(bytes)));
}

static void ask(struct world *w, uint8_t deed, uint64_t id)
{
    uint8_t bytes[18] = {RELAYED_ASK_CLIENT, deed};
    put_le64(bytes + 2, 77);
    put_le64(bytes + 10, id);
    relayed(w, bytes_of(bytes, sizeof(bytes)));
}

/* What was sent is that alone, and goes to THERE. */
static void assert_sent(struct bytes want)
{
    assert_int_equal(fake.relayed_to, THERE);
    assert_true(bytes_equal(buf_bytes(&fake.relayed), want));
    buf_reset(&fake.relayed);
}

static void assert_asked(struct world *w, uint8_t deed)
{
    uint8_t want[18] = {RELAYED_ASK_CLIENT, deed};
    put_le64(want + 2, w->server->last_token);
    put_le64(want + 10, CLIENT_THERE_ID);
    assert_string_equal(received(w), ""); /* it waits for the answer */
    assert_sent(bytes_of(want, sizeof(want)));
}

static void assert_answered(uint8_t with)
{
    uint8_t want[10] = {RELAYED_CLIENT_ANSWER, with};
    put_le64(want + 2, 77);
    assert_sent(bytes_of(want, sizeof(want)));
}

static int set_up_peers(void **state)
{
    const int result = set_up(state);
    fake.has_peers = true;
    ((struct world *)*state)->server->config.quorum_wait_ms = 5000;
    return result;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void the_client_of_another_node_is_asked_for(void **state)
{
    struct world *w = *state;
    send_text(w, "CLIENT UNBLOCK " CLIENT_THERE " ERROR\r\nPING\r\n");
    assert_asked(w, CLIENT_UNBLOCK_ERROR);
    answer(w, CLIENT_DONE);
    assert_string_equal(received(w), ":1\r\n+PONG\r\n");
    answer(w, CLIENT_DONE); /* nobody waits for that */
    send_text(w, "CLIENT UNBLOCK " CLIENT_THERE "\r\n");
    assert_asked(w, CLIENT_UNBLOCK_TIMEOUT);
    answer(w, CLIENT_NOT_DONE);
    assert_string_equal(received(w), ":0\r\n");
    send_text(w, "CLIENT KILL SKIPME no ID " CLIENT_THERE "\r\n");
    assert_asked(w, CLIENT_KILL);
    answer(w, CLIENT_DONE);
    assert_string_equal(received(w), ":1\r\n");
    assert_int_equal(fake.count, 0);
}

static void what_waits_in_the_state_is_ended_by_the_log(void **state)
{
    struct world *w = *state;
    send_text(w, "CLIENT UNBLOCK " CLIENT_THERE "\r\nPING\r\n");
    assert_asked(w, CLIENT_UNBLOCK_TIMEOUT);
    answer(w, CLIENT_WAITS_IN_LOG);
    assert_string_equal(received(w), "");
    assert_int_equal(fake.count, 1);
    assert_int_equal(fake.calls[0].kind, REQ_UNBLOCK);
    fake_answer(w->server, 0, ":1\r\n");
    assert_string_equal(received(w), ":1\r\n+PONG\r\n");
    /* a node that cannot be asked has certainly done nothing by itself */
    send_text(w, "CLIENT UNBLOCK " CLIENT_DOWN "\r\n");
    assert_int_equal(fake.relayed.size, 0);
    assert_int_equal(fake.calls[1].kind, REQ_UNBLOCK);
    fake_answer(w->server, 1, ":0\r\n");
    assert_string_equal(received(w), ":0\r\n");
    send_text(w, "CLIENT KILL ID " CLIENT_DOWN "\r\n");
    assert_string_equal(received(w), ":0\r\n");
}

static void without_an_answer_nobody_knows(void **state)
{
    struct world *w = *state;
    send_text(w, "CLIENT KILL ID " CLIENT_THERE "\r\n");
    assert_asked(w, CLIENT_KILL);
    w->server->now_us += 4999999;
    pending_turn(w->server);
    assert_string_equal(received(w), "");
    w->server->now_us++;
    pending_turn(w->server);
    assert_memory_equal(received(w), "-UNCERTAIN", 10);
    answer(w, CLIENT_DONE); /* too late */
    /* one who goes away before the answer */
    send_text(w, "CLIENT UNBLOCK " CLIENT_THERE "\r\n");
    conn_close(w->conn, "test");
    answer(w, CLIENT_WAITS_IN_LOG);
    pending_turn(w->server);
    assert_true(queue_is_empty(&w->server->pendings));
    assert_int_equal(fake.count, 0);
}

static void what_cannot_be_asked_is_refused(void **state)
{
    struct world *w = *state;
    send_text(w, "CLIENT KILL ID " CLIENT_THERE " TYPE normal\r\n");
    assert_string_equal(received(w), "-ERR a client of another node is killed by its ID alone\r\n");
    send_text(w, "CLIENT UNBLOCK 3\r\nCLIENT UNBLOCK -3\r\n"); /* there is no node 0 */
    assert_string_equal(received(w), ":0\r\n:0\r\n");
    assert_int_equal(fake.relayed.size, 0);
    assert_int_equal(fake.count, 0);
}

/* --- being asked ------------------------------------------------------------------------------ */

static void what_other_nodes_ask_for_is_done(void **state)
{
    struct world *w = *state;
    ask(w, CLIENT_UNBLOCK_TIMEOUT, w->conn->id); /* it does not wait */
    assert_answered(CLIENT_NOT_DONE);
    ask(w, CLIENT_KILL, w->conn->id + 1);
    assert_answered(CLIENT_NOT_DONE);
    send_text(w, "BLPOP k 0\r\n");
    slot_block(w->conn->first);
    ask(w, CLIENT_UNBLOCK_ERROR, w->conn->id); /* the fake's all wait in the state */
    assert_answered(CLIENT_WAITS_IN_LOG);
    ask(w, CLIENT_KILL, w->conn->id);
    assert_answered(CLIENT_DONE);
    assert_true(w->conn->is_dead);
    assert_string_equal(received(w), "<end>");
}

static void any_bytes_are_survived(void **state)
{
    struct world *w = *state;
    uint8_t bytes[18] = {0};
    for (unsigned type = RELAYED_ASK_CLIENT; type <= RELAYED_CLIENT_ANSWER; type++)
        for (unsigned second = 0; second < 256; second += 3)
            for (size_t size = 1; size <= sizeof(bytes); size++) {
                bytes[0] = (uint8_t)type;
                bytes[1] = (uint8_t)second;
                relayed(w, bytes_of(bytes, size));
            }
    assert_false(w->conn->is_dead);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_peers, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_client_of_another_node_is_asked_for),
        TEST(what_waits_in_the_state_is_ended_by_the_log),
        TEST(without_an_answer_nobody_knows),
        TEST(what_cannot_be_asked_is_refused),
        TEST(what_other_nodes_ask_for_is_done),
        TEST(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
