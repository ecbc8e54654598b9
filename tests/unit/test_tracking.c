/* test_tracking.c -- who is told of which changes: CLIENT TRACKING, and keyspace events. */

#include "test.h"
#include <stdio.h>
#include <unistd.h>
#include "conn_world.h"
#include "command/table.h"
#include "server/tracking.h"

static void expect(struct world *w, const char *request, const char *reply)
{
    send_text(w, request);
    assert_string_equal(received(w), reply);
}

/* The connection of w goes on as *other, and w has a new one. */
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

#define INVALIDATE_K ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"

/* As apply, or a read, would call the host: a command with one key, of client (NULL: nobody's). */
static struct exec exec_of(struct world *w, const char *name, struct conn *client)
{
    static struct bytes args[2];
    args[0] = bytes_from_string(name);
    args[1] = BYTES("k");
    return (struct exec){.settings = w->server->settings, .keyspace = fake.keyspace,
                         .command = command_find(args, 2, NULL), .args = args, .arg_count = 2,
                         .arena = &w->server->arena, .client = client};
}

static void run_read(struct world *w, struct conn *client)
{
    const struct exec x = exec_of(w, "get", client);
    server_shard_host.exec.begins(w->server, &x);
}

static void change(struct world *w, struct conn *client, const char *key)
{
    const struct exec x = exec_of(w, "incr", client);
    const struct key_change c = {EVENT_STRING, "incrby", 3, bytes_from_string(key)};
    server_shard_host.exec.changed(w->server, &x, &c);
}

static void start(struct world *w, const char *options)
{
    char text[256];
    snprintf(text, sizeof(text), "HELLO 3\r\nCLIENT TRACKING ON %s\r\n", options);
    send_text(w, text);
    assert_non_null(strstr(received(w), "+OK\r\n"));
}

/* --- tracking --------------------------------------------------------------------------------- */

static void a_change_of_a_key_that_was_read_is_told_once(void **state)
{
    struct world *w = *state;
    start(w, "");
    change(w, NULL, "k"); /* not read yet */
    run_read(w, w->conn);
    assert_int_equal(w->server->tracking.keys.count, 1);
    change(w, NULL, "other");
    assert_string_equal(received(w), "");
    change(w, NULL, "k");
    change(w, NULL, "k");
    assert_string_equal(received(w), INVALIDATE_K);
    assert_int_equal(w->server->tracking.items, 0);
    run_read(w, w->conn);
    send_text(w, "CLIENT TRACKING OFF\r\n");
    received(w);
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
}

static void only_reads_of_a_client_that_tracks_are_remembered(void **state)
{
    struct world *w = *state;
    run_read(w, w->conn);
    start(w, "");
    const struct exec x = exec_of(w, "incr", w->conn);
    server_shard_host.exec.begins(w->server, &x);
    assert_int_equal(w->server->tracking.keys.count, 0);
}

static void own_changes_are_told_unless_noloop(void **state)
{
    struct world *w = *state;
    start(w, "");
    run_read(w, w->conn);
    change(w, w->conn, "k");
    assert_string_equal(received(w), INVALIDATE_K);
    start(w, "NOLOOP");
    run_read(w, w->conn);
    change(w, w->conn, "k");
    assert_string_equal(received(w), "");
}

/* Whether the next read is tracked is the request's, whenever it runs. */
static void caching_is_of_the_next_command_alone(void **state)
{
    struct world *w = *state;
    start(w, "OPTIN");
    send_text(w, "CLIENT CACHING YES\r\nGET k\r\nGET k2\r\n");
    received(w);
    assert_int_equal(fake.count, 2);
    w->server->replying = fake.calls[1].slot == NULL ? NULL : w->conn->last;
    run_read(w, w->conn);
    assert_int_equal(w->server->tracking.keys.count, 0);
    w->server->replying = w->conn->first;
    run_read(w, w->conn);
    assert_int_equal(w->server->tracking.keys.count, 1);
    w->server->replying = NULL;
    run_read(w, w->conn);
    assert_int_equal(w->server->tracking.items, 1);
}

static void a_flush_forgets_what_nobody_tracks_any_more(void **state)
{
    struct world *w = *state;
    send_text(w, "HELLO 3\r\n");
    received(w);
    expect(w, "CLIENT TRACKING ON\r\n", "+OK\r\n");
    run_read(w, w->conn);
    expect(w, "CLIENT TRACKING OFF\r\n", "+OK\r\n");
    assert_int_equal(w->server->tracking.keys.count, 1);
    server_shard_host.exec.flushed(w->server, &(struct exec){.keyspace = fake.keyspace}, -1);
    assert_int_equal(w->server->tracking.keys.count, 0);
    assert_string_equal(received(w), "");
}

static void redirected_invalidations_reach_a_subscriber_of_resp2(void **state)
{
    struct world *w = *state;
    expect(w, "SUBSCRIBE __redis__:invalidate\r\n",
           "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n");
    struct other subscriber = take_second(w);
    char text[128];
    snprintf(text, sizeof(text), "CLIENT TRACKING ON REDIRECT %llu\r\n",
             (unsigned long long)subscriber.conn->id);
    expect(w, text, "+OK\r\n");
    run_read(w, w->conn);
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
    swap(w, &subscriber);
    assert_string_equal(received(w), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
                                     "*1\r\n$1\r\nk\r\n");
    server_shard_host.exec.flushed(w->server, &(struct exec){.keyspace = fake.keyspace}, -1);
    assert_string_equal(received(w), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
                                     "$-1\r\n");
    close(w->client); /* the one that tracks is told that nobody listens */
    turn(w);
    swap(w, &subscriber);
    send_text(w, "HELLO 3\r\n");
    received(w);
    run_read(w, w->conn);
    change(w, NULL, "k");
    assert_memory_equal(received(w), ">2\r\n$21\r\ntracking-redir-broken\r\n:", 32);
    snprintf(text, sizeof(text), "%%3\r\n$5\r\nflags\r\n~2\r\n$2\r\non\r\n"
             "$15\r\nbroken_redirect\r\n$8\r\nredirect\r\n:%llu\r\n$8\r\nprefixes\r\n*0\r\n",
             (unsigned long long)w->conn->tracker.redirect);
    expect(w, "CLIENT TRACKINGINFO\r\n", text);
}

static void broadcast_tells_all_keys_of_a_turn_together(void **state)
{
    struct world *w = *state;
    start(w, "BCAST PREFIX a PREFIX b NOLOOP");
    change(w, NULL, "a1");
    change(w, NULL, "a1");
    change(w, NULL, "c");
    change(w, w->conn, "b1"); /* its own */
    tracking_turn(w->server);
    assert_string_equal(received(w), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\na1\r\n");
    tracking_turn(w->server);
    assert_string_equal(received(w), "");
    expect(w, "CLIENT TRACKING ON BCAST PREFIX ax\r\n",
           "-ERR Prefix 'ax' overlaps with an existing prefix 'a'. Prefixes for a single client "
           "must not overlap.\r\n");
    assert_int_equal(w->server->tracking.prefix_count, 2);
    send_text(w, "RESET\r\n");
    received(w);
    assert_int_equal(w->server->tracking.prefix_count, 0);
    assert_int_equal(w->server->tracking.clients, 0);
}

static void keys_beyond_the_limit_are_forgotten_and_told(void **state)
{
    struct world *w = *state;
    start(w, "");
    run_read(w, w->conn);
    w->server->config.tracking_table_max_keys = 1;
    tracking_turn(w->server);
    assert_string_equal(received(w), "");
    struct exec x = exec_of(w, "get", w->conn);
    struct bytes args[] = {BYTES("get"), BYTES("k2")};
    x.args = args;
    server_shard_host.exec.begins(w->server, &x);
    tracking_turn(w->server);
    assert_memory_equal(received(w), ">2\r\n$10\r\ninvalidate\r\n*1\r\n", 24);
    assert_int_equal(w->server->tracking.keys.count, 1);
}

/* A read whose reply waits behind another's: told before its reply, the client would keep it. */
static void an_invalidation_comes_behind_the_reply_that_it_voids(void **state)
{
    struct world *w = *state;
    start(w, "");
    send_text(w, "GET a\r\nGET k\r\n");
    run_read(w, w->conn);
    fake_answer(w->server, 1, "$3\r\nold\r\n");
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
    fake_answer(w->server, 0, "$1\r\na\r\n");
    assert_string_equal(received(w), "$1\r\na\r\n$3\r\nold\r\n" INVALIDATE_K);
}

/* --- keyspace events -------------------------------------------------------------------------- */

static void events_go_to_the_channels_that_the_setting_names(void **state)
{
    struct world *w = *state;
    send_text(w, "PSUBSCRIBE __key*\r\n");
    received(w);
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
    uint32_t *classes = &w->server->defaults.notify_keyspace_events;
    *classes = EVENT_KEYSPACE | EVENT_LIST; /* another class */
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
    *classes = EVENT_KEYSPACE | EVENT_KEYEVENT | EVENT_STRING;
    change(w, NULL, "k");
    assert_string_equal(received(w),
                        "*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@3__:k\r\n"
                        "$6\r\nincrby\r\n"
                        "*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$21\r\n__keyevent@3__:incrby\r\n"
                        "$1\r\nk\r\n");
    w->server->is_ready = false; /* applied again after a restart */
    change(w, NULL, "k");
    assert_string_equal(received(w), "");
}

static void a_miss_is_told_by_reads_and_by_writes_that_look(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE __keyevent@0__:keymiss\r\n");
    received(w);
    w->server->defaults.notify_keyspace_events = EVENT_KEYEVENT | EVENT_KEY_MISS;
    const char *const names[] = {"get", "getdel", "incr", "get"};
    const bool wants[] = {true, true, false, false};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (i == 3)
            fake_put("k");
        const struct exec x = exec_of(w, names[i], w->conn);
        server_shard_host.exec.begins(w->server, &x);
        const bool told = strstr(received(w), "$1\r\nk\r\n") != NULL;
        assert_int_equal(told, wants[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_of_a_key_that_was_read_is_told_once),
        TEST(only_reads_of_a_client_that_tracks_are_remembered),
        TEST(own_changes_are_told_unless_noloop),
        TEST(caching_is_of_the_next_command_alone),
        TEST(a_flush_forgets_what_nobody_tracks_any_more),
        TEST(redirected_invalidations_reach_a_subscriber_of_resp2),
        TEST(broadcast_tells_all_keys_of_a_turn_together),
        TEST(keys_beyond_the_limit_are_forgotten_and_told),
        TEST(an_invalidation_comes_behind_the_reply_that_it_voids),
        TEST(events_go_to_the_channels_that_the_setting_names),
        TEST(a_miss_is_told_by_reads_and_by_writes_that_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
