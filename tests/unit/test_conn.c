/* test_conn.c -- connections over a real socket pair, in front of a shard that only writes down:
 * what is asked of it, in which order, and in which order replies come back. */

#define _GNU_SOURCE /* memmem */
#include "test.h"
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/panic.h"
#include "conn_world.h"
#include "server/dispatch.h"
#include "server/local.h"

static void check_call(size_t n, bool is_read, uint8_t flags, const char *words)
{
    assert_true(n < fake.count);
    assert_int_equal(fake.calls[n].is_read, is_read);
    assert_int_equal(fake.calls[n].flags, flags);
    assert_string_equal(fake_words(n), words);
}

#define READ true, REQUEST_READ
#define RIDE false, REQUEST_READ
#define WRITE false, 0

/* --- order ------------------------------------------------------------------------------------ */

static void replies_leave_in_the_order_of_their_requests(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\nSET b 2\r\nSET c 3\r\n");
    assert_int_equal(fake.count, 3);
    fake_answer(w->server, 2, "+third\r\n");
    assert_string_equal(received(w), "");
    fake_answer(w->server, 0, "+first\r\n");
    assert_string_equal(received(w), "+first\r\n");
    fake_answer(w->server, 1, "+second\r\n");
    assert_string_equal(received(w), "+second\r\n+third\r\n");
}

static void reads_of_a_turn_go_together_into_the_read_batch(void **state)
{
    struct world *w = *state;
    send_text(w, "GET a\r\nGET b\r\n");
    assert_int_equal(fake.count, 2);
    check_call(0, READ, "GET a ");
    check_call(1, READ, "GET b ");
}

static void from_the_first_write_on_everything_rides_in_the_log_batch(void **state)
{
    struct world *w = *state;
    send_text(w, "GET a\r\nSET b 1\r\nGET b\r\n");
    assert_int_equal(fake.count, 3);
    check_call(0, RIDE, "GET a ");
    check_call(1, WRITE, "SET b 1 ");
    check_call(2, RIDE, "GET b ");
}

static void a_read_behind_a_write_in_flight_rides(void **state)
{
    struct world *w = *state;
    send_text(w, "SET b 1\r\n");
    send_text(w, "GET b\r\n");
    check_call(1, RIDE, "GET b ");
    fake_answer(w->server, 0, "+OK\r\n");
    fake_answer(w->server, 1, "$1\r\n1\r\n");
    send_text(w, "GET b\r\n");
    check_call(2, READ, "GET b ");
}

static void a_write_waits_for_the_reads_in_flight_before_it(void **state)
{
    struct world *w = *state;
    send_text(w, "GET a\r\n");
    send_text(w, "GET b\r\nSET a 1\r\nGET c\r\n");
    assert_int_equal(fake.count, 2); /* the second read joins the first; the write does not */
    check_call(1, READ, "GET b ");
    fake_answer(w->server, 0, "$-1\r\n");
    turn(w);
    assert_int_equal(fake.count, 2);
    fake_answer(w->server, 1, "$-1\r\n");
    turn(w);
    assert_int_equal(fake.count, 4);
    check_call(2, WRITE, "SET a 1 ");
    check_call(3, RIDE, "GET c ");
}

static void what_needs_nothing_is_answered_at_once_but_in_its_place(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\nPING\r\nNOSUCH\r\nSET b 2\r\n");
    assert_int_equal(fake.count, 2);
    assert_string_equal(received(w), "");
    fake_answer(w->server, 0, "+OK\r\n");
    assert_string_equal(received(w), "+OK\r\n+PONG\r\n-ERR unknown command 'NOSUCH', with args "
                                     "beginning with: \r\n");
}

static void a_barrier_runs_alone(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\nCLIENT SETNAME me\r\nGET a\r\n");
    assert_int_equal(fake.count, 1);
    assert_null(w->conn->session.name);
    fake_answer(w->server, 0, "+OK\r\n");
    turn(w);
    assert_string_equal(w->conn->session.name, "me");
    check_call(1, READ, "GET a ");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n");
}

/* What another node was told OK for must be seen here: a replicated setting goes by a read. */
static void config_get_confirms_when_a_replicated_setting_is_wanted(void **state)
{
    struct world *w = *state;
    send_text(w, "CONFIG GET timeout maxclients\r\n");
    assert_int_equal(fake.count, 0);
    received(w);
    send_text(w, "CONFIG GET maxmemory timeout\r\nPING\r\n");
    assert_int_equal(fake.count, 1);
    check_call(0, READ, "dbsize ");
    assert_string_equal(received(w), "");
    fake_answer(w->server, 0, ":5\r\n");
    turn(w);
    assert_string_equal(received(w), "*4\r\n$7\r\ntimeout\r\n$1\r\n0\r\n$9\r\nmaxmemory\r\n"
                                     "$1\r\n0\r\n+PONG\r\n");
    send_text(w, "CONFIG GET maxmemory\r\n");
    fake_answer(w->server, 1, "-CLUSTERDOWN no majority\r\n");
    assert_string_equal(received(w), "-CLUSTERDOWN no majority\r\n");
    send_text(w, "CLIENT REPLY SKIP\r\nCONFIG GET maxmemory\r\nPING\r\n");
    fake_answer(w->server, 2, ":5\r\n");
    turn(w);
    assert_string_equal(received(w), "+PONG\r\n");
}

static void connections_do_not_wait_for_each_other(void **state)
{
    struct world *w = *state;
    int other;
    connect_one(w->server, &other);
    send_text(w, "SET a 1\r\nCLIENT ID\r\n");
    assert_int_equal(send(other, "GET a\r\n", 7, 0), 7);
    turn(w);
    check_call(1, READ, "GET a ");
    close(other);
    turn(w);
    assert_true(fake.calls[1].is_forgotten);
    assert_int_equal(w->server->conn_count, 1);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* However little room there is, each request arrives once and in order. */
static void no_room_loses_and_doubles_nothing(void **state)
{
    struct world *w = *state;
    static const char *const requests[] = {"GET", "SET", "PING", "GET", "GET", "SET", "MULTI",
                                           "SET", "EXEC", "GET", "GET", "SELECT"};
    struct buf text = {0}, want = {0};
    size_t shard_calls = 0;
    for (size_t i = 0; i < 240; i++) {
        const char *name = requests[i % ARRAY_COUNT(requests)];
        const bool is_write = strcmp(name, "SET") == 0, is_read = strcmp(name, "GET") == 0;
        const char *args = is_write ? " k v" : is_read ? " k" : *name == 'S' ? " 1" : "";
        buf_printf(&text, "%s%s\r\n", name, args);
        const bool queued = i % ARRAY_COUNT(requests) == 7;
        shard_calls += (is_write && !queued) || is_read || strcmp(name, "EXEC") == 0;
    }
    fake.room = 0;
    send_bytes(w, buf_bytes(&text));
    for (size_t round = 0; round < 2000; round++) {
        fake.room += round % 3;
        w->server->is_full = false;
        conns_resume(w->server);
        turn(w);
        for (size_t n = 0; n < fake.count; n++)
            if (!fake.calls[n].is_answered && (n + round) % 2 == 0)
                fake_answer(w->server, n,
                            fake.calls[n].kind == REQ_EXEC ? "*1\r\n+OK\r\n" : "+OK\r\n");
    }
    assert_int_equal(fake.count, shard_calls);
    for (size_t i = 0; i < 240 / ARRAY_COUNT(requests); i++)
        buf_append_string(&want, "+OK\r\n+OK\r\n+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n"
                                 "*1\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    buf_append_u8(&want, 0);
    assert_string_equal(received(w), (const char *)buf_data(&want));
    buf_clear(&text);
    buf_clear(&want);
}

static void requests_in_flight_are_bounded(void **state)
{
    struct world *w = *state;
    struct buf text = {0};
    for (int i = 0; i < 3000; i++)
        buf_append_string(&text, "SET k v\r\n");
    send_bytes(w, buf_bytes(&text));
    buf_clear(&text);
    turn(w);
    assert_int_equal(fake.count, CONN_SLOTS_MAX);
    for (size_t n = 0; n < 3000; n++) {
        fake_answer(w->server, n, "+OK\r\n");
        turn(w);
    }
    assert_int_equal(fake.count, 3000);
    assert_int_equal(strlen(received(w)), 3000 * strlen("+OK\r\n"));
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct world *w = *state;
    const char *text = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\n b\r\n";
    for (const char *p = text; *p != '\0'; p++) {
        assert_int_equal(fake.count, 0);
        send_bytes(w, bytes_of(p, 1));
    }
    check_call(0, WRITE, "SET k a\r\n b ");
}

static void malformed_bytes_end_the_connection_behind_what_came_before(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\n*1\r\n$x\r\nSET b 2\r\n");
    assert_int_equal(fake.count, 1);
    assert_string_equal(received(w), "");
    fake_answer(w->server, 0, "+OK\r\n");
    assert_string_equal(received(w), "+OK\r\n-ERR Protocol error: invalid bulk length\r\n<end>");
    assert_int_equal(w->server->conn_count, 0);
}

static void lines_of_http_end_the_connection_and_run_nothing(void **state)
{
    struct world *w = *state;
    send_text(w, "GET a\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\nSET b 2\r\n");
    assert_string_equal(received(w), "<end>");
    assert_int_equal(w->server->conn_count, 0);
    assert_int_equal(fake.count, 1);
    assert_true(fake.calls[0].is_forgotten);
}

static void an_input_beyond_the_query_buffer_limit_closes(void **state)
{
    struct world *w = *state;
    w->server->config.query_buffer_limit = 1 << 20;
    send_text(w, "*2\r\n$3\r\nGET\r\n$4000000\r\n");
    static char chunk[60000];
    for (int i = 0; i < 40 && w->server->conn_count > 0; i++) {
        const ssize_t sent = send(w->client, chunk, sizeof(chunk), MSG_NOSIGNAL);
        (void)sent; /* the last ones find nobody */
        turn(w);
    }
    assert_int_equal(w->server->conn_count, 0);
    assert_int_equal(w->server->stats.input_limit_closes, 1);
}

static void output_beyond_its_limit_closes(void **state)
{
    struct world *w = *state;
    w->server->config.output_limits[CLIENT_NORMAL].hard_bytes = 2 << 20;
    send_text(w, "GET a\r\n");
    struct buf big = {0};
    buf_append_string(&big, "$4000000\r\n");
    for (int i = 0; i < 400000; i++)
        buf_append_string(&big, "0123456789");
    buf_append_string(&big, "\r\n");
    buf_append_u8(&big, 0);
    fake_answer(w->server, 0, (const char *)buf_data(&big));
    turn(w);
    assert_int_equal(w->server->conn_count, 0);
    assert_int_equal(w->server->stats.output_limit_closes, 1);
    buf_clear(&big);
}

static void the_largest_clients_go_first_when_all_hold_too_much(void **state)
{
    struct world *w = *state;
    int other;
    struct conn *small = connect_one(w->server, &other);
    static char text[65536];
    memset(text, 'x', sizeof(text));
    send_text(w, "*1\r\n$100000\r\n");
    send_bytes(w, bytes_of(text, sizeof(text)));
    assert_true(conn_memory(w->conn) > 65536);
    w->server->config.maxmemory_clients = 65536;
    w->conn->session.no_evict = true;
    conns_cron(w->server);
    assert_false(w->conn->is_dead);
    w->conn->session.no_evict = false;
    conns_cron(w->server);
    assert_true(w->conn->is_dead);
    assert_false(small->is_dead);
    assert_int_equal(w->server->stats.evicted_clients, 1);
    close(other);
}

static void lists_of_clients_tell_who_subscribes(void **state)
{
    struct world *w = *state;
    send_text(w, "SUBSCRIBE a b\r\nPSUBSCRIBE c\r\nSSUBSCRIBE d\r\n");
    struct conn *subscriber = w->conn;
    const int first = w->client;
    w->conn = connect_one(w->server, &w->client);
    send_text(w, "HELLO 3\r\nCLIENT TRACKING ON BCAST\r\nMULTI\r\nGET a\r\n");
    received(w);
    struct buf line = {0};
    client_describe(subscriber, &line);
    buf_append_u8(&line, 0);
    assert_non_null(strstr((const char *)buf_data(&line), " flags=P db=0 sub=2 psub=1 ssub=1 "));
    buf_reset(&line);
    client_describe(w->conn, &line);
    buf_append_u8(&line, 0);
    assert_non_null(strstr((const char *)buf_data(&line), " flags=xtB db=0 sub=0 psub=0 ssub=0 "
                                                          "multi=1 "));
    assert_non_null(strstr((const char *)buf_data(&line), " redir=0 resp=3"));
    buf_clear(&line);
    send_text(w, "DISCARD\r\nCLIENT KILL TYPE pubsub\r\nCLIENT KILL TYPE replica\r\n");
    assert_string_equal(received(w), "+OK\r\n:1\r\n:0\r\n");
    close(first);
}

static void a_client_that_goes_away_is_forgotten(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\nSET b 1\r\n");
    close(w->client);
    w->client = -1;
    turn(w);
    assert_true(fake.calls[0].is_forgotten);
    assert_true(fake.calls[1].is_forgotten);
    assert_int_equal(w->server->conn_count, 0);
}

/* --- session ---------------------------------------------------------------------------------- */

static void quit_closes_behind_its_reply(void **state)
{
    struct world *w = *state;
    send_text(w, "SET a 1\r\nQUIT\r\nSET b 1\r\n");
    fake_answer(w->server, 0, "+OK\r\n");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n<end>");
    assert_int_equal(fake.count, 1);
}

static void silent_replies_are_left_out(void **state)
{
    struct world *w = *state;
    send_text(w, "CLIENT REPLY SKIP\r\nSET a 1\r\nSET b 2\r\n");
    fake_answer(w->server, 0, "+skipped\r\n");
    fake_answer(w->server, 1, "+OK\r\n");
    assert_string_equal(received(w), "+OK\r\n");
    send_text(w, "CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n");
    assert_string_equal(received(w), "+OK\r\n+PONG\r\n");
}

static void a_password_keeps_others_out(void **state)
{
    struct world *w = *state;
    fake_set_password(w->server->first_acl, BYTES("secret"));
    send_text(w, "GET a\r\nAUTH wrong\r\n*11\r\n");
    check_call(0, READ, "dbsize "); /* what was acknowledged elsewhere counts */
    fake_answer(w->server, 0, ":0\r\n");
    turn(w);
    assert_string_equal(received(w),
                        "-NOAUTH Authentication required.\r\n"
                        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                        "-ERR Protocol error: unauthenticated multibulk length\r\n<end>");
    close(w->client);
    w->conn = connect_one(w->server, &w->client);
    send_text(w, "AUTH secret\r\nGET a\r\n");
    fake_answer(w->server, 1, ":0\r\n");
    turn(w);
    assert_string_equal(received(w), "+OK\r\n");
    check_call(2, READ, "GET a ");
}

static void a_node_that_is_not_ready_says_loading(void **state)
{
    struct world *w = *state;
    w->server->is_ready = false;
    send_text(w, "GET a\r\nSET a 1\r\nECHO x\r\n");
    assert_string_equal(received(w), "-LOADING Redis is loading the dataset in memory\r\n"
                                     "-LOADING Redis is loading the dataset in memory\r\n"
                                     "$1\r\nx\r\n");
    assert_int_equal(fake.count, 0);
}

/* To the log it may go only when no member's build is older than it. */
static void a_command_of_a_higher_feature_level_waits_for_it(void **state)
{
    static const char later[] =
        "-ERR this command is there when all members run the newer version, and the "
        "feature level of the cluster has risen (RAFT DOCTOR)\r\n";
    struct world *w = *state;
    w->server->config.enable_debug_command = DEBUG_COMMAND_YES;
    w->server->status.level = 1;
    send_text(w, "DEBUG LEVEL k\r\nMULTI\r\nDEBUG LEVEL k\r\nEXEC\r\n");
    char want[512];
    snprintf(want, sizeof(want), "%s+OK\r\n%s-EXECABORT Transaction discarded because of previous "
             "errors.\r\n", later, later);
    assert_string_equal(received(w), want);
    assert_int_equal(fake.count, 0);
    w->server->config.feature_level = 1; /* as an older build that never heard of it */
    send_text(w, "DEBUG LEVEL k\r\n");
    assert_string_equal(received(w), "-ERR unknown subcommand or wrong number of arguments for "
                                     "'LEVEL'. Try DEBUG HELP.\r\n");
    w->server->config.feature_level = 0;
    w->server->status.level = 2;
    send_text(w, "DEBUG LEVEL k\r\n");
    check_call(0, WRITE, "DEBUG LEVEL k ");
}

/* Even when it was reset (its side closed with bytes unread) after it had waited once before, and
 * with requests behind: what epoll then says is no EV_CLOSED. */
static void the_end_of_a_blocked_client_is_noticed(void **state)
{
    struct world *w = *state;
    for (int behind = 0; behind < 3; behind++) {
        int other;
        struct conn *c = connect_one(w->server, &other);
        assert_int_equal(send(other, "BLPOP a 0\r\n", 11, 0), 11);
        turn(w);
        slot_block(c->first);
        turn(w);
        static char requests[CONN_READ_SIZE * 2] = "GET ";
        memset(requests + 4, 'a', sizeof(requests) - 4);
        const size_t sizes[] = {0, 5, sizeof(requests)};
        send(other, requests, sizes[behind], 0);
        turn(w);
        assert_true(c->in.size <= 2 * CONN_READ_SIZE); /* the rest waits in the kernel's buffer */
        conn_push(c, BYTES("+not read by the other side\r\n"));
        conns_flush(w->server);
        close(other);
        turn(w);
        conns_cron(w->server);
        assert_int_equal(w->server->conn_count, 1);
        conns_reap(w->server);
    }
}

static void a_pause_holds_writes_back(void **state)
{
    struct world *w = *state;
    w->server->pause = PAUSE_WRITES;
    send_text(w, "GET a\r\n");
    fake_answer(w->server, 0, "$-1\r\n");
    send_text(w, "SET a 1\r\n");
    assert_int_equal(fake.count, 1);
    w->server->pause = PAUSE_NONE;
    conns_resume(w->server);
    turn(w);
    check_call(1, WRITE, "SET a 1 ");
}

/* What Redis would show its replicas waits too, and a transaction with such a command in it. */
static void a_pause_holds_back_what_replicas_would_see(void **state)
{
    struct world *w = *state;
    send_text(w, "MULTI\r\nSET a 1\r\n");
    w->server->pause = PAUSE_WRITES;
    send_text(w, "EXEC\r\n");
    assert_int_equal(fake.count, 0);
    assert_true(w->conn->is_paused);
    w->server->pause = PAUSE_NONE;
    conns_resume(w->server);
    turn(w);
    assert_int_equal(fake.count, 1);
    assert_false(w->conn->is_paused);
    fake_answer(w->server, 0, "*1\r\n+OK\r\n");
    w->server->pause = PAUSE_WRITES;
    send_text(w, "PFCOUNT a\r\n");
    assert_int_equal(fake.count, 1);
    assert_true(w->conn->is_paused);
}

/* Others see neither in the slow log nor by MONITOR what was a password. */
static void passwords_are_not_shown(void **state)
{
    struct world *w = *state;
    w->server->slow_ticks = UINT64_MAX - 1; /* the slow log is on */
    int monitor;
    connect_one(w->server, &monitor);
    assert_int_equal(send(monitor, "MONITOR\r\n", 9, 0), 9);
    turn(w);
    send_text(w, "HELLO 2 AUTH default open-sesame\r\nCONFIG SET requirepass open-sesame\r\n");
    fake_answer(w->server, 0, ":0\r\n");
    turn(w);
    char seen[1024] = "";
    assert_true(recv(monitor, seen, sizeof(seen) - 1, 0) > 0);
    assert_non_null(strstr(seen, "(redacted)"));
    assert_null(strstr(seen, "open-sesame"));
    assert_string_equal(fake_words(1), "requirepass open-sesame "); /* it did go to the log */
    const struct slot *slot = w->conn->first;
    assert_true(slot->words.size > 0);
    assert_null(memmem(buf_data(&slot->words), slot->words.size, "open-sesame", 11));
    close(monitor);
}

/* Tried as a read, a script runs again in the log: its commands count once, and MONITOR shows them
 * once, behind the script. */
static void commands_of_a_script_are_told_once(void **state)
{
    struct world *w = *state;
    int monitor;
    connect_one(w->server, &monitor);
    assert_int_equal(send(monitor, "MONITOR\r\n", 9, 0), 9);
    turn(w);
    send_text(w, "MGET k\r\n"); /* stands for EVAL: the fake shard has no machine */
    const struct bytes args[] = {BYTES("GET"), BYTES("a")};
    for (int run = 0; run < 2; run++) {
        struct exec x = {.args = args, .arg_count = 2, .in_script = true};
        x.command = command_find(args, 2, NULL);
        server_shard_host.reply_begin(w->server, fake.calls[0].slot, &x.reply, &x.client);
        server_shard_host.exec.ran(w->server, &x);
        if (run == 0)
            assert_null(server_shard_host.read_moves(w->server, fake.calls[0].slot));
        else
            server_shard_host.reply_end(w->server, fake.calls[0].slot, &x.reply, NULL);
    }
    turn(w);
    const struct command *get = command_find(args, 2, NULL);
    assert_int_equal(commands_info_of(w->server->commands, get)->calls, 1);
    char seen[1024] = "";
    assert_true(recv(monitor, seen, sizeof(seen) - 1, 0) > 0);
    const char *first = strstr(seen, "[0 lua] \"GET\" \"a\"\r\n");
    assert_non_null(first);
    assert_null(strstr(first + 7, "lua"));
    assert_true(strstr(seen, "\"MGET\" \"k\"") < first);
    close(monitor);
}

/* --- transactions ----------------------------------------------------------------------------- */

/* Queued command n (from 0) of call as "db flags words". */
static const char *queued(size_t call, uint32_t n)
{
    static char text[256];
    struct arena arena;
    arena_init(&arena);
    struct reader r;
    reader_init(&r, buf_bytes(&fake.calls[call].words));
    struct bytes arg = BYTES_NONE;
    for (uint32_t i = 0; i < n + 2; i++) {
        const uint32_t size = reader_le32(&r);
        arg = reader_bytes(&r, size);
    }
    struct request request;
    assert_true(exec_decode_command(arg, &arena, &request));
    int size = sprintf(text, "%u %u", request.db, request.flags);
    for (uint32_t i = 0; i < request.arg_count; i++)
        size += sprintf(text + size, " %.*s", (int)request.args[i].size,
                        (const char *)request.args[i].data);
    arena_clear(&arena);
    return text;
}

/* INFO commandstats and SLOWLOG know the commands inside an EXEC, as Redis's do. */
static void commands_of_an_exec_are_counted_and_noted_one_by_one(void **state)
{
    struct world *w = *state;
    w->server->slow_ticks = 0;
    w->server->config.slowlog_log_slower_than = 0;
    const struct slot slot = {.conn = w->conn, .begun = ticks_now()};
    const struct bytes args[] = {BYTES("SET"), BYTES("a"), BYTES("1")};
    struct exec x = {.args = args, .arg_count = 3, .client = w->conn};
    x.command = command_find(args, 3, NULL);
    dispatch_begin_parts(&slot);
    dispatch_account_part(w->server, &x);
    x.reply.errors = 1;
    dispatch_account_part(w->server, &x);
    dispatch_account_part(w->server, &x); /* its error was counted before */
    const struct command_info *info = commands_info_of(w->server->commands, x.command);
    assert_int_equal(info->calls, 3);
    assert_int_equal(info->failed, 1);
    assert_int_equal(w->server->slowlog.count, 3);
    const struct queue_node *node = queue_first(&w->server->slowlog.entries);
    assert_int_equal(container_of(node, struct slowlog_entry, node)->words.size, 4 + 3 + 4 + 1 + 5);
}

static void exec_is_one_request(void **state)
{
    struct world *w = *state;
    send_text(w, "SELECT 2\r\nMULTI\r\nSET a 1\r\nSELECT 5\r\nGET a\r\nSELECT 99\r\nPING\r\n"
                 "EXEC\r\n");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
                                     "+QUEUED\r\n");
    assert_int_equal(fake.count, 1);
    assert_int_equal(fake.calls[0].kind, REQ_EXEC);
    assert_int_equal(fake.calls[0].db, 2);
    assert_int_equal(fake.calls[0].arg_count, 6);
    assert_string_equal(queued(0, 0), "2 0 SET a 1");
    assert_string_equal(queued(0, 1), "2 2 SELECT 5"); /* REQUEST_LOCAL */
    assert_string_equal(queued(0, 2), "5 1 GET a");    /* REQUEST_READ, in the database selected */
    assert_string_equal(queued(0, 3), "5 2 SELECT 99");
    assert_string_equal(queued(0, 4), "5 2 PING");
    assert_false(w->conn->session.in_multi);
}

/* The texts are those of redis-server 7.0.15. */
static void errors_while_queueing_abort(void **state)
{
    struct world *w = *state;
    send_text(w, "MULTI\r\nMULTI\r\nWATCH a\r\nGET\r\nEXEC\r\nEXEC\r\nDISCARD\r\n");
    assert_string_equal(received(w),
                        "+OK\r\n-ERR MULTI calls can not be nested\r\n"
                        "-ERR WATCH inside MULTI is not allowed\r\n"
                        "-ERR wrong number of arguments for 'get' command\r\n"
                        "-EXECABORT Transaction discarded because of previous errors.\r\n"
                        "-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n");
    assert_int_equal(fake.count, 0);
    send_text(w, "MULTI\r\nEXEC\r\nMULTI\r\nSET a 1\r\nDISCARD\r\nMULTI\r\nSHUTDOWN\r\nEXEC\r\n");
    assert_string_equal(received(w),
                        "+OK\r\n*0\r\n+OK\r\n+QUEUED\r\n+OK\r\n+OK\r\n"
                        "-ERR Command not allowed inside a transaction\r\n"
                        "-EXECABORT Transaction discarded because of previous errors.\r\n");
    assert_int_equal(fake.count, 0);
}

static void a_transaction_of_reads_is_a_read(void **state)
{
    struct world *w = *state;
    send_text(w, "MULTI\r\nGET a\r\nGET b\r\nEXEC\r\n");
    assert_int_equal(fake.count, 1);
    assert_true(fake.calls[0].is_read);
    fake_answer(w->server, 0, "*2\r\n$-1\r\n$-1\r\n");
    received(w);
    send_text(w, "SET a 1\r\nMULTI\r\nGET a\r\nEXEC\r\n"); /* behind a write it goes to the log */
    assert_false(fake.calls[2].is_read);
}

static void watched_keys_go_with_their_stamps(void **state)
{
    struct world *w = *state;
    const uint64_t stamp = fake_put("there");
    send_text(w, "WATCH there absent there\r\nMULTI\r\nSET x 1\r\nEXEC\r\n");
    assert_int_equal(fake.count, 1); /* a barrier: it is a read that confirms */
    check_call(0, READ, "exists there absent there ");
    fake_answer(w->server, 0, ":2\r\n");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n+QUEUED\r\n");
    assert_int_equal(fake.count, 2);

    struct reader r;
    reader_init(&r, buf_bytes(&fake.calls[1].words));
    const uint32_t size = reader_le32(&r);
    struct arena arena;
    arena_init(&arena);
    struct watch *watches;
    uint32_t count;
    assert_true(exec_decode_watches(reader_bytes(&r, size), &arena, &watches, &count));
    assert_int_equal(count, 2);
    assert_true(bytes_equal(watches[0].key, BYTES("there")));
    assert_int_equal(watches[0].stamp, stamp);
    assert_true(bytes_equal(watches[1].key, BYTES("absent")));
    assert_int_equal(watches[1].stamp, 0);
    arena_clear(&arena);
    assert_int_equal(w->conn->session.watch_count, 0); /* EXEC ends the watch */
}

static void apply_change(struct world *w, const char *key, uint32_t event_class)
{
    const struct key_change change = {event_class, "set", 0, bytes_from_string(key)};
    const struct exec x = {.keyspace = fake.keyspace, .settings = w->server->settings};
    server_shard_host.exec.changed(w->server, &x, &change);
}

/* A real cluster's history: WATCH (absent), another's INCR, GET -> 1, another's DEL, and EXEC went
 * through, since the key was absent again. */
static void a_watched_key_that_came_and_went_fails_the_exec(void **state)
{
    struct world *w = *state;
    send_text(w, "WATCH absent\r\n");
    fake_answer(w->server, 0, ":0\r\n");
    apply_change(w, "absent", EVENT_STRING);
    send_text(w, "MULTI\r\nSET absent 1\r\nEXEC\r\n");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n");
    assert_int_equal(fake.count, 1);
    assert_int_equal(w->conn->session.watch_count, 0);

    /* What expired was absent before; other keys are others; a later watch sees anew. */
    send_text(w, "WATCH absent\r\n");
    fake_answer(w->server, 1, ":0\r\n");
    apply_change(w, "absent", EVENT_EXPIRED);
    apply_change(w, "other", EVENT_STRING);
    send_text(w, "MULTI\r\nSET absent 1\r\nEXEC\r\n");
    assert_string_equal(received(w), "+OK\r\n+OK\r\n+QUEUED\r\n");
    assert_int_equal(fake.count, 3);
}

static void a_watch_that_cannot_be_confirmed_watches_nothing(void **state)
{
    struct world *w = *state;
    send_text(w, "WATCH a\r\n");
    fake_answer(w->server, 0, "-CLUSTERDOWN no leader, not executed\r\n");
    assert_string_equal(received(w), "-CLUSTERDOWN no leader, not executed\r\n");
    assert_int_equal(w->conn->session.watch_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- memory.c --------------------------------------------------------------------------------- */

#ifdef HAVE_JEMALLOC
/* Whether large pages were asked for where at points. */
static bool asked_for_large_pages(const void *at)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    assert_non_null(f);
    char line[512];
    unsigned long from = 0, to = 0;
    bool asked = false;
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long a, b;
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
            from = a, to = b;
        else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL)
            asked |= (unsigned long)at >= from && (unsigned long)at < to;
    }
    fclose(f);
    return asked;
}
#endif

static void the_thread_that_has_the_rows_asks_for_large_pages(void **state)
{
    (void)state;
#ifdef HAVE_JEMALLOC
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0)
        skip();
    void *before[32], *behind[32];
    for (size_t i = 0; i < 32; i++) {
        before[i] = malloc(1 << 20);
        assert_false(asked_for_large_pages(before[i]));
    }
    server_use_large_pages();
    for (size_t i = 0; i < 32; i++)
        behind[i] = malloc(1 << 20);
    assert_true(asked_for_large_pages(behind[31])); /* the first may come from what was there */
    for (size_t i = 0; i < 32; i++) {
        free(before[i]);
        free(behind[i]);
    }
    server_purge_memory();
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replies_leave_in_the_order_of_their_requests),
        TEST(reads_of_a_turn_go_together_into_the_read_batch),
        TEST(from_the_first_write_on_everything_rides_in_the_log_batch),
        TEST(a_read_behind_a_write_in_flight_rides),
        TEST(a_write_waits_for_the_reads_in_flight_before_it),
        TEST(what_needs_nothing_is_answered_at_once_but_in_its_place),
        TEST(a_barrier_runs_alone),
        TEST(config_get_confirms_when_a_replicated_setting_is_wanted),
        TEST(connections_do_not_wait_for_each_other),
        TEST(no_room_loses_and_doubles_nothing),
        TEST(requests_in_flight_are_bounded),
        TEST(a_request_may_come_byte_by_byte),
        TEST(malformed_bytes_end_the_connection_behind_what_came_before),
        TEST(lines_of_http_end_the_connection_and_run_nothing),
        TEST(an_input_beyond_the_query_buffer_limit_closes),
        TEST(output_beyond_its_limit_closes),
        TEST(the_largest_clients_go_first_when_all_hold_too_much),
        TEST(lists_of_clients_tell_who_subscribes),
        TEST(a_client_that_goes_away_is_forgotten),
        TEST(quit_closes_behind_its_reply),
        TEST(silent_replies_are_left_out),
        TEST(a_password_keeps_others_out),
        TEST(a_node_that_is_not_ready_says_loading),
        TEST(a_command_of_a_higher_feature_level_waits_for_it),
        TEST(the_end_of_a_blocked_client_is_noticed),
        TEST(a_pause_holds_writes_back),
        TEST(a_pause_holds_back_what_replicas_would_see),
        TEST(passwords_are_not_shown),
        TEST(commands_of_an_exec_are_counted_and_noted_one_by_one),
        TEST(commands_of_a_script_are_told_once),
        TEST(exec_is_one_request),
        TEST(errors_while_queueing_abort),
        TEST(a_transaction_of_reads_is_a_read),
        TEST(watched_keys_go_with_their_stamps),
        TEST(a_watched_key_that_came_and_went_fails_the_exec),
        TEST(a_watch_that_cannot_be_confirmed_watches_nothing),
        TEST(the_thread_that_has_the_rows_asks_for_large_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
