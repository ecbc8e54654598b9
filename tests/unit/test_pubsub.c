/* test_pubsub.c -- subscribers, messages and counts, of this node and as other nodes tell. */

#include "test.h"
#include <stdlib.h>
#include <unistd.h>
#include "conn_world.h"
#include "base/encode.h"
#include "resp/resp_write.h"

/* A second connection in the place of the first, for send_text() and received(). */
struct other {
    struct conn *conn;
    int client;
};

static struct other take_second(struct world *w)
{
    const struct other first = {w->conn, w->client};
    w->conn = connect_one(w->server, &w->client);
    return first;
}

static void swap(struct world *w, struct other *o)
{
    const struct other now = {w->conn, w->client};
    w->conn = o->conn;
    w->client = o->client;
    *o = now;
}

/* Bytes as another node would relay them. */
static void relayed(struct world *w, uint64_t node, struct buf *b)
{
    server_shard_host.relayed(w->server, node, RELAY_BYTES, buf_bytes(b));
    buf_clear(b);
}

static void append_message(struct buf *b, uint8_t kind, const char *channel, const char *text)
{
    buf_append_u8(b, 1);
    buf_append_u8(b, kind);
    buf_append_le32(b, (uint32_t)strlen(channel));
    buf_append_le32(b, (uint32_t)strlen(text));
    buf_append_string(b, channel);
    buf_append_string(b, text);
}

static void append_count(struct buf *b, uint8_t kind, const char *name, uint32_t count)
{
    buf_append_u8(b, 2);
    buf_append_u8(b, kind);
    buf_append_le32(b, count);
    buf_append_le32(b, (uint32_t)strlen(name));
    buf_append_string(b, name);
}

static void expect(struct world *w, const char *request, const char *reply)
{
    send_text(w, request);
    assert_string_equal(received(w), reply);
}

/* --- subscribers ------------------------------------------------------------------------------ */

static void messages_reach_subscribers_in_their_protocol(void **state)
{
    struct world *w = *state;
    expect(w, "SUBSCRIBE a\r\nPSUBSCRIBE a*\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
           "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:2\r\n");
    struct other first = take_second(w);
    send_text(w, "HELLO 3\r\n");
    received(w);
    expect(w, "SUBSCRIBE a\r\nSSUBSCRIBE a\r\n",
           ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
           ">3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
    /* to itself: behind its reply */
    expect(w, "PUBLISH a hi\r\n", ":3\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
    expect(w, "SPUBLISH a s\r\n", ":1\r\n>3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\ns\r\n");
    swap(w, &first);
    assert_string_equal(received(w), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"
                                     "*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$2\r\nhi\r\n");
    close(first.client);
}

static void a_subscriber_of_resp2_may_say_little(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE a\r\n");
    received(w);
    expect(w, "GET k\r\n", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / "
                           "PING / QUIT / RESET are allowed in this context\r\n");
    assert_int_equal(fake.count, 0);
    expect(w, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    expect(w, "PING x\r\n", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
    expect(w, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    expect(w, "PING\r\n", "+PONG\r\n");
    expect(w, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
    expect(w, "SUBSCRIBE a\r\nRESET\r\nPUBSUB NUMSUB a\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n+RESET\r\n*2\r\n$1\r\na\r\n:0\r\n");
}

static void subscriptions_speak_though_replies_are_off(void **state)
{
    struct world *w = *state;
    expect(w, "CLIENT REPLY OFF\r\nSUBSCRIBE a\r\nPING\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
}

static void a_client_that_goes_away_subscribes_to_nothing(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE a b\r\nPSUBSCRIBE c\r\n");
    struct other first = take_second(w);
    close(first.client);
    turn(w);
    expect(w, "PUBSUB CHANNELS\r\nPUBSUB NUMPAT\r\nPUBLISH a x\r\n", "*0\r\n:0\r\n:0\r\n");
    pubsub_tell(w->server);
    assert_null(pubsub_topic(w->server, TOPIC_CHANNEL, BYTES("a")));
}

/* A reply that is being made is not torn by what its commands push to others and itself. */
static void a_push_waits_for_the_end_of_its_clients_reply(void **state)
{
    struct world *w = *state;
    send_text(w, "HELLO 3\r\nSUBSCRIBE a\r\n");
    received(w);
    send_text(w, "MULTI\r\nSET k v\r\nEXEC\r\n");
    received(w);
    struct reply r = {0};
    void *client = NULL;
    server_shard_host.reply_begin(w->server, fake.calls[0].slot, &r, &client);
    buf_append_string(r.out, "*1\r\n");
    const struct message m = {TOPIC_CHANNEL, BYTES("a"), BYTES("x")};
    assert_int_equal(pubsub_deliver(w->server, &m), 1);
    buf_append_string(r.out, "+OK\r\n");
    fake.calls[0].is_answered = true;
    fake.calls[0].slot->pending = NULL;
    server_shard_host.reply_end(w->server, fake.calls[0].slot, &r, NULL);
    assert_string_equal(received(w), "*1\r\n+OK\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
}

static void a_slow_subscriber_is_closed_by_its_own_limit(void **state)
{
    struct world *w = *state;
    w->server->config.output_limits[CLIENT_PUBSUB] = (struct output_limit){.hard_bytes = 1 << 20};
    send_text(w, "SUBSCRIBE a\r\n");
    received(w);
    static char text[65536];
    const struct message m = {TOPIC_CHANNEL, BYTES("a"), bytes_of(text, sizeof(text))};
    for (int i = 0; i < 100 && !w->conn->is_dead; i++) {
        pubsub_deliver(w->server, &m);
        conns_flush(w->server);
    }
    assert_true(w->conn->is_dead);
    assert_int_equal(w->server->stats.output_limit_closes, 1);
    conns_reap(w->server);
    assert_int_equal(pubsub_deliver(w->server, &m), 0);
}

/* --- other nodes ------------------------------------------------------------------------------ */

static void messages_and_counts_go_to_other_nodes(void **state)
{
    struct world *w = *state;
    fake.has_peers = true;
    send_text(w, "PUBLISH a hi\r\nSUBSCRIBE b c\r\nUNSUBSCRIBE c\r\n");
    pubsub_tell(w->server);
    struct buf want = {0};
    append_message(&want, TOPIC_CHANNEL, "a", "hi");
    append_count(&want, TOPIC_CHANNEL, "b", 1);
    append_count(&want, TOPIC_CHANNEL, "c", 0);
    assert_true(bytes_equal(buf_bytes(&want), buf_bytes(&fake.relayed)));
    buf_clear(&want);
    assert_null(pubsub_topic(w->server, TOPIC_CHANNEL, BYTES("c")));
}

static void news_wait_for_room_and_are_not_lost(void **state)
{
    struct world *w = *state;
    fake.has_peers = true;
    fake.takes_relays = false;
    send_text(w, "SUBSCRIBE b\r\n");
    pubsub_tell(w->server);
    assert_int_equal(fake.relayed.size, 0);
    fake.takes_relays = true;
    pubsub_tell(w->server);
    const size_t size = fake.relayed.size;
    assert_true(size > 0);
    pubsub_tell(w->server);
    assert_int_equal(fake.relayed.size, size);
    /* a node to which our connection is new is told all, and asked */
    server_shard_host.relayed(w->server, 7, RELAY_UP, BYTES_NONE);
    pubsub_tell(w->server);
    assert_int_equal(fake.relayed.size, 2 * size);
    pubsub_cron(w->server);
    assert_int_equal(fake.relayed_to, 7);
    assert_int_equal(fake.relayed.size, 2 * size + 1);
    pubsub_cron(w->server);
    assert_int_equal(fake.relayed.size, 2 * size + 1);
}

static void counts_are_the_clusters(void **state)
{
    struct world *w = *state;
    struct buf b = {0};
    append_count(&b, TOPIC_CHANNEL, "a", 2);
    append_count(&b, TOPIC_PATTERN, "?", 3);
    append_count(&b, TOPIC_SHARD, "s", 4);
    relayed(w, 7, &b);
    append_count(&b, TOPIC_CHANNEL, "a", 5);
    append_count(&b, TOPIC_CHANNEL, "a", 6); /* absolute */
    relayed(w, 8, &b);
    expect(w, "PUBSUB NUMSUB a b\r\nPUBSUB NUMPAT\r\nPUBSUB SHARDNUMSUB s\r\nPUBLISH a x\r\n",
           "*4\r\n$1\r\na\r\n:8\r\n$1\r\nb\r\n:0\r\n:1\r\n*2\r\n$1\r\ns\r\n:4\r\n:11\r\n");
    server_shard_host.relayed(w->server, 7, RELAY_DOWN, BYTES_NONE);
    expect(w, "PUBSUB NUMSUB a\r\nPUBSUB NUMPAT\r\nPUBSUB SHARDCHANNELS\r\nPUBSUB CHANNELS\r\n",
           "*2\r\n$1\r\na\r\n:6\r\n:0\r\n*0\r\n*1\r\n$1\r\na\r\n");
    /* what is missing makes all that it told doubtful: asked anew */
    server_shard_host.relayed(w->server, 8, RELAY_LOST, BYTES_NONE);
    expect(w, "PUBSUB NUMSUB a\r\n", "*2\r\n$1\r\na\r\n:0\r\n");
    pubsub_cron(w->server);
    assert_int_equal(fake.relayed_to, 8);
    assert_null(pubsub_topic(w->server, TOPIC_CHANNEL, BYTES("a")));
}

static void messages_of_other_nodes_reach_subscribers_here(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE a\r\nSSUBSCRIBE a\r\n");
    received(w);
    struct buf b = {0};
    append_message(&b, TOPIC_CHANNEL, "a", "x");
    append_message(&b, TOPIC_CHANNEL, "other", "x");
    append_message(&b, TOPIC_SHARD, "a", "y");
    relayed(w, 7, &b);
    assert_string_equal(received(w), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"
                                     "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\ny\r\n");
}

static void any_bytes_of_a_node_are_survived(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE a\r\nPSUBSCRIBE *\r\n");
    struct buf whole = {0};
    append_message(&whole, TOPIC_CHANNEL, "a", "x");
    append_count(&whole, TOPIC_PATTERN, "p", 3);
    append_message(&whole, TOPIC_SHARD, "a", "y");
    const size_t size = whole.size;
    for (size_t i = 0; i < size; i++)
        for (unsigned value = 0; value < 256; value++) {
            struct buf b = {0};
            buf_append_bytes(&b, buf_bytes(&whole));
            buf_data(&b)[i] = (uint8_t)value;
            relayed(w, 7, &b);
            buf_append_bytes(&b, bytes_of(buf_data(&whole), i));
            relayed(w, 7, &b);
        }
    server_shard_host.relayed(w->server, 7, RELAY_DOWN, BYTES_NONE);
    buf_clear(&whole);
}

static void a_message_too_large_for_other_nodes_is_refused(void **state)
{
    struct world *w = *state;
    struct buf request = {0};
    resp_array(&request, 3);
    resp_bulk(&request, BYTES("publish"));
    resp_bulk(&request, BYTES("a"));
    char *text = calloc(1, SHARD_RELAY_MAX);
    resp_bulk(&request, bytes_of(text, SHARD_RELAY_MAX));
    fake.has_peers = true;
    for (size_t at = 0; at < request.size; at += 65536) {
        send_bytes(w, bytes_of(buf_data(&request) + at, MIN(65536, request.size - at)));
        turn(w);
    }
    assert_memory_equal(received(w), "-ERR the message is too large", 29);
    assert_int_equal(fake.relayed.size, 0);
    free(text);
    buf_clear(&request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_reach_subscribers_in_their_protocol),
        TEST(a_subscriber_of_resp2_may_say_little),
        TEST(subscriptions_speak_though_replies_are_off),
        TEST(a_client_that_goes_away_subscribes_to_nothing),
        TEST(a_push_waits_for_the_end_of_its_clients_reply),
        TEST(a_slow_subscriber_is_closed_by_its_own_limit),
        TEST(messages_and_counts_go_to_other_nodes),
        TEST(news_wait_for_room_and_are_not_lost),
        TEST(counts_are_the_clusters),
        TEST(messages_of_other_nodes_reach_subscribers_here),
        TEST(any_bytes_of_a_node_are_survived),
        TEST(a_message_too_large_for_other_nodes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
