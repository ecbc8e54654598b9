/* test_waiters.c -- requests that wait: who is served by what, in which order, and how they end. */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "machine_world.h"

#include "base/encode.h"
#include "base/panic.h"
#include "command/acl_user.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static const char *serve(struct world *w, const char *text)
{
    run(w, text);
    return take_served(w);
}

static const char *run_exec(struct world *w, const char *const *commands)
{
    const struct request r = exec_words(w, NULL, 0, commands);
    apply_request_of(w, &r);
    return take_served(w);
}

/* A command of client id, as a node's server sends those that may wait. */
static const char *run_of_client(struct world *w, const char *text, uint64_t id)
{
    const struct request plain = words(w, text);
    struct bytes *args = arena_alloc(&w->arena, (plain.arg_count + 1) * sizeof(*args));
    uint8_t *encoded = arena_alloc(&w->arena, 8);
    memcpy(args, plain.args, plain.arg_count * sizeof(*args));
    put_le64(encoded, id);
    args[plain.arg_count] = bytes_of(encoded, 8);
    const struct request r = {.kind = REQ_COMMAND, .flags = REQUEST_CLIENT, .args = args,
                              .arg_count = plain.arg_count + 1};
    return apply_request_of(w, &r);
}

static const char *run_of_user(struct world *w, const char *text, uint32_t user)
{
    struct request r = words(w, text);
    r.user = user;
    return apply_request_of(w, &r);
}

/* XREAD of this node alone, which has to wait. */
static struct waiter *wait_to_read(struct world *w, const char *text, uint32_t user)
{
    struct request r = words(w, text);
    r.user = user;
    struct reply reply = {.out = &w->replies, .protocol = 2};
    struct read_run read = {.request = &r, .now_ms = w->clock_ms, .reply = &reply, .client = w};
    assert_int_equal(machine_read(w->m, &read), READ_WAITS);
    assert_int_equal(read.timeout_ms, 700);
    struct world_wait *wait = &w->waits[w->wait_count++];
    wait->stands = true;
    machine_reader_record(read.reader, wait);
    return read.reader;
}

static void apply_as(struct world *w, const char *text, struct name name)
{
    const struct request r = words(w, text);
    struct maker maker = {0};
    maker_add(&maker, &r);
    maker_apply(w, &maker, name);
}

static const char *apply_kind_of(struct world *w, enum request_kind kind, struct bytes arg)
{
    const struct request r = {.kind = (uint8_t)kind, .args = &arg, .arg_count = 1};
    return apply_request_of(w, &r);
}

static const char *unblock(struct world *w, enum unblock_by by, enum unblock_reason reason,
                           uint64_t id)
{
    uint8_t what[UNBLOCK_SIZE] = {(uint8_t)by, (uint8_t)reason};
    put_le64(what + 2, id);
    return apply_kind_of(w, REQ_UNBLOCK, bytes_of(what, sizeof(what)));
}

static void cancel(struct world *w, uint64_t waiter)
{
    uint8_t name[8];
    put_le64(name, waiter);
    apply_kind_of(w, REQ_CANCEL, bytes_of(name, sizeof(name)));
}

static void lose(struct world *w, uint64_t node, uint64_t boot)
{
    uint8_t origin[16];
    put_le64(origin, node);
    put_le64(origin + 8, boot);
    apply_kind_of(w, REQ_ORIGIN_LOST, bytes_of(origin, sizeof(origin)));
}

static size_t count_rows(struct world *w)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    size_t count = 0;
    cache_cursor_open(w->cache, &cursor, BYTES("W"), BYTES("X"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value))
        count++;
    cache_cursor_close(&cursor);
    return count;
}

static struct world *world_begin(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    world_init(w, 1 << 20);
    return w;
}

static void world_end(struct world *w)
{
    world_clear(w);
    free(w);
}

/* --- serving ---------------------------------------------------------------------------------- */

static void a_push_serves_who_waits(void **state)
{
    (void)state;
    struct world *w = world_begin();
    assert_string_equal(run(w, "BLPOP a b 1.5"), "");
    assert_int_equal(w->wait_count, 1);
    assert_int_equal(w->waits[0].timeout_ms, 1500);
    assert_int_equal(count_rows(w), 1);
    assert_string_equal(serve(w, "SET c v"), "");
    assert_string_equal(serve(w, "RPUSH b x y"), "0:*2\r\n$1\r\nb\r\n$1\r\nx\r\n|");
    assert_int_equal(count_rows(w), 0);
    assert_string_equal(serve(w, "RPUSH a z"), ""); /* it waits no more */
    assert_string_equal(run(w, "BLPOP a b 0"), "*2\r\n$1\r\na\r\n$1\r\nz\r\n");
    assert_string_equal(run(w, "BRPOP a b 0"), "*2\r\n$1\r\nb\r\n$1\r\ny\r\n");
    assert_int_equal(w->wait_count, 1);
    world_end(w);
}

static void those_who_came_first_are_served_first(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    run(w, "BRPOP other k 0");
    run(w, "BLMPOP 0 2 k other LEFT COUNT 2");
    run(w, "BLPOP k k 0");
    assert_string_equal(serve(w, "RPUSH k 1 2 3 4 5"),
                        "0:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|"
                        "1:*2\r\n$1\r\nk\r\n$1\r\n5\r\n|"
                        "2:*2\r\n$1\r\nk\r\n*2\r\n$1\r\n2\r\n$1\r\n3\r\n|"
                        "3:*2\r\n$1\r\nk\r\n$1\r\n4\r\n|");
    assert_int_equal(count_rows(w), 0);
    assert_string_equal(read_now(w, "EXISTS k"), ":0\r\n");
    world_end(w);
}

/* The key that became ready first serves, not the first of the command's keys. */
static void keys_serve_in_the_order_in_which_they_became_ready(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP a b 0");
    assert_string_equal(run_exec(w, (const char *const[]){"RPUSH b 1", "RPUSH a 2", NULL}),
                        "0:*2\r\n$1\r\nb\r\n$1\r\n1\r\n|");
    run(w, "BZPOPMAX y z 0");
    assert_string_equal(serve(w, "ZADD z 1 a 2 b"),
                        "1:*3\r\n$1\r\nz\r\n$1\r\nb\r\n$1\r\n2\r\n|");
    run(w, "BZMPOP 0 1 y MIN COUNT 5");
    assert_string_equal(serve(w, "ZUNIONSTORE y 1 z"),
                        "2:*2\r\n$1\r\ny\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n|");
    world_end(w);
}

static void a_transaction_serves_at_its_end(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    assert_string_equal(run_exec(w, (const char *const[]){"LPUSH k a", "DEL k", NULL}), "");
    assert_string_equal(run_exec(w, (const char *const[]){"LPUSH k a", "DEL k", "SET k v", NULL}),
                        "");
    assert_string_equal(
        run_exec(w, (const char *const[]){"DEL k", "LPUSH k a", "LPUSH k b c", NULL}),
        "0:*2\r\n$1\r\nk\r\n$1\r\nc\r\n|");
    const char *const inside[] = {"BLPOP none 0", "BLMOVE none k LEFT LEFT 0", "BZPOPMIN none 0",
                                  NULL};
    const struct request r = exec_words(w, NULL, 0, inside);
    assert_string_equal(apply_request_of(w, &r), "*3\r\n*-1\r\n$-1\r\n*-1\r\n");
    assert_int_equal(w->wait_count, 1);
    world_end(w);
}

static void chains_are_served_within_one_request(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLMOVE a b LEFT RIGHT 0");
    run(w, "BRPOPLPUSH b c 0");
    run(w, "BLPOP c 0");
    assert_string_equal(serve(w, "RPUSH a x"), "0:$1\r\nx\r\n|1:$1\r\nx\r\n|"
                                               "2:*2\r\n$1\r\nc\r\n$1\r\nx\r\n|");
    run(w, "BLMOVE p q LEFT LEFT 0"); /* a ring ends: each is served once */
    run(w, "BLMOVE q p LEFT LEFT 0");
    assert_string_equal(serve(w, "RPUSH p 1"), "3:$1\r\n1\r\n|4:$1\r\n1\r\n|");
    assert_string_equal(read_now(w, "LLEN p"), ":1\r\n");
    run(w, "BLMOVE none bad LEFT LEFT 0");
    run(w, "SET bad v");
    run(w, "BLPOP none 0");
    assert_string_equal(serve(w, "RPUSH none 1"),
                        "5:-WRONGTYPE Operation against a key holding the wrong kind of value\r\n|"
                        "6:*2\r\n$4\r\nnone\r\n$1\r\n1\r\n|");
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

/* Whatever brings a key into being. */
static void every_way_to_make_a_key_counts(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "RENAME full k", "COPY full k", "LMOVE full k LEFT LEFT", "SORT full BY nosort STORE k",
        "RPOPLPUSH full k", "LINSERT k BEFORE x y",
    };
    for (size_t i = 0; i + 1 < ARRAY_COUNT(ways); i++) {
        struct world *w = world_begin();
        run(w, "RPUSH full 1");
        run(w, "BLPOP k 0");
        run(w, ways[ARRAY_COUNT(ways) - 1]); /* this does not make one */
        assert_string_equal(take_served(w), "");
        assert_string_equal(serve(w, ways[i]), "0:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|");
        world_end(w);
    }
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    struct request r = words(w, "RPUSH k 1");
    r.db = 9;
    apply_request_of(w, &r);
    assert_string_equal(take_served(w), ""); /* another database's */
    assert_string_equal(serve(w, "SWAPDB 0 9"), "0:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|");
    run(w, "BLPOP k 0");
    apply_request_of(w, &r);
    r = words(w, "MOVE k 0");
    r.db = 9;
    apply_request_of(w, &r);
    assert_string_equal(take_served(w), "1:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|");
    run(w, "BLPOP k 0");
    assert_string_equal(serve(w, "FLUSHALL"), ""); /* they outlive it */
    assert_string_equal(serve(w, "RPUSH k 2"), "2:*2\r\n$1\r\nk\r\n$1\r\n2\r\n|");
    world_end(w);
}

static void keys_of_another_type_or_due_serve_nobody(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    run(w, "BZPOPMIN k 0");
    assert_string_equal(serve(w, "SET k v"), "");
    run(w, "DEL k");
    assert_string_equal(run_exec(w, (const char *const[]){"RPUSH k a", "PEXPIREAT k 1", NULL}), "");
    assert_string_equal(serve(w, "ZADD k 1 m"), "1:*3\r\n$1\r\nk\r\n$1\r\nm\r\n$1\r\n1\r\n|");
    assert_string_equal(serve(w, "RPUSH k a"), "0:*2\r\n$1\r\nk\r\n$1\r\na\r\n|");
    assert_string_equal(run(w, "SET s v"), "+OK\r\n");
    assert_string_equal(run(w, "BLPOP none s 0"),
                        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    world_end(w);
}

/* As a command of its own: events, and whoever is told of changes. */
static void serving_is_told_as_a_command(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    buf_reset(&w->events);
    run(w, "RPUSH k 1");
    assert_true(bytes_equal(buf_bytes(&w->events),
                            BYTES("new k|rpush k|lpop k|del k|")));
    world_end(w);
}

/* --- streams ---------------------------------------------------------------------------------- */

static void groups_deliver_to_who_waits(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "XGROUP CREATE s g $ MKSTREAM");
    run(w, "XREADGROUP GROUP g a BLOCK 0 STREAMS other s > >");
    assert_int_equal(w->wait_count, 0); /* there is no such key */
    run(w, "XREADGROUP GROUP g a BLOCK 1500 STREAMS s >");
    run(w, "XREADGROUP GROUP g b COUNT 1 BLOCK 0 STREAMS s >");
    assert_int_equal(w->waits[0].timeout_ms, 1500);
    assert_string_equal(serve(w, "XADD s 5-1 f v"),
                        "0:*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\nf\r\n"
                        "$1\r\nv\r\n|");
    const char *const two[] = {"XADD s 6-1 f v", "XADD s 7-1 f w", NULL};
    assert_string_equal(run_exec(w, two),
                        "1:*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n6-1\r\n*2\r\n$1\r\nf\r\n"
                        "$1\r\nv\r\n|");
    const char *const pending = read_now(w, "XPENDING s g");
    assert_memory_equal(pending, "*4\r\n:2\r\n", 8);
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

static void a_stream_that_goes_ends_the_wait_of_its_groups(void **state)
{
    (void)state;
    static const char *const ways[] = {"DEL s", "SET s v", "FLUSHALL", "RENAME s t",
                                       "PEXPIREAT s 1", "XGROUP DESTROY s g"};
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        struct world *w = world_begin();
        run(w, "XGROUP CREATE s g $ MKSTREAM");
        run(w, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
        run(w, "BLPOP s2 0");
        assert_string_equal(serve(w, ways[i]),
                            i == 5 ? "0:-NOGROUP the consumer group this client was blocked on no "
                                     "longer exists\r\n|"
                                   : "0:-UNBLOCKED the stream key no longer exists\r\n|");
        assert_int_equal(count_rows(w), 1);
        world_end(w);
    }
}

/* A read that waits changes nothing, so it stands in this node's memory alone. */
static void reads_wait_beside_the_state(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "XADD s 1-1 f v");
    const uint64_t digest = keyspace_digest(w->k);
    wait_to_read(w, "XREAD BLOCK 700 STREAMS none s 0 $", ACL_DEFAULT_USER);
    assert_int_equal(keyspace_digest(w->k), digest);
    assert_int_equal(count_rows(w), 0);
    assert_string_equal(serve(w, "SET none v"), "");
    assert_string_equal(serve(w, "XDEL s 1-1"), "");
    assert_string_equal(serve(w, "XADD s 2-1 f w"),
                        "0:*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nf\r\n"
                        "$1\r\nw\r\n|");
    machine_reader_drop(w->m, wait_to_read(w, "XREAD BLOCK 700 STREAMS s $", ACL_DEFAULT_USER));
    assert_string_equal(serve(w, "XADD s 3-1 f w"), "");
    world_end(w);
}

#define NO_KEY \
    "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n"

/* After the OK of ACL SETUSER nothing is done that it forbids, for those who wait neither. */
static void who_lost_the_right_is_served_an_error(void **state)
{
    (void)state;
    const uint32_t user = 1; /* the first that is made */
    struct world *w = world_begin();
    assert_string_equal(run(w, "ACL SETUSER u on nopass +blpop +xread ~k ~s"), "+OK\r\n");
    assert_string_equal(run_of_user(w, "BLPOP k 0", user), "");
    run(w, "ACL SETUSER u resetkeys");
    assert_string_equal(serve(w, "RPUSH k x"), /* not asked again by older builds */
                        "0:*2\r\n$1\r\nk\r\n$1\r\nx\r\n|");
    world_raise_level(w, FEATURE_LEVEL_WAITERS_ASKED);
    run(w, "ACL SETUSER u ~k ~s");
    assert_string_equal(run_of_user(w, "BLPOP k 0", user), "");
    assert_string_equal(run(w, "BLPOP k 0"), "");
    wait_to_read(w, "XREAD BLOCK 700 STREAMS s 0", user);
    assert_string_equal(serve(w, "ACL SETUSER u resetkeys"), ""); /* they are told when served */
    assert_string_equal(serve(w, "RPUSH k x"),
                        "1:" NO_KEY "|2:*2\r\n$1\r\nk\r\n$1\r\nx\r\n|");
    assert_string_equal(serve(w, "XADD s 1-1 f v"), "3:" NO_KEY "|");

    run(w, "ACL SETUSER u ~k");
    assert_string_equal(run_of_user(w, "BLPOP k 0", user), "");
    run(w, "ACL DELUSER u");
    assert_string_equal(serve(w, "RPUSH k y"),
                        "4:-NOPERM this user has no permissions to run the 'blpop' command\r\n|");
    assert_string_equal(run(w, "LRANGE k 0 -1"), "*1\r\n$1\r\ny\r\n");
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

/* --- how it ends otherwise -------------------------------------------------------------------- */

static void a_timeout_is_answered_once(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 1");
    run(w, "BLMOVE k l LEFT LEFT 1");
    assert_string_equal(unblock(w, UNBLOCK_WAITER, UNBLOCK_TIMEOUT, w->waits[0].waiter), ":1\r\n");
    assert_string_equal(take_served(w), "0:*-1\r\n|");
    assert_string_equal(unblock(w, UNBLOCK_WAITER, UNBLOCK_TIMEOUT, w->waits[0].waiter), ":0\r\n");
    assert_string_equal(serve(w, "RPUSH k 1"), "1:$1\r\n1\r\n|"); /* who was first in the log */
    unblock(w, UNBLOCK_WAITER, UNBLOCK_TIMEOUT, w->waits[1].waiter);
    assert_string_equal(take_served(w), "");
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

static void a_client_is_unblocked_by_its_id(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run_of_client(w, "BLPOP k 0", 77);
    run_of_client(w, "BLPOP k 0", 78);
    assert_string_equal(unblock(w, UNBLOCK_CLIENT, UNBLOCK_ERROR, 78), ":1\r\n");
    assert_string_equal(take_served(w), "1:-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n|");
    assert_string_equal(unblock(w, UNBLOCK_CLIENT, UNBLOCK_TIMEOUT, 78), ":0\r\n");
    assert_string_equal(unblock(w, UNBLOCK_CLIENT, UNBLOCK_TIMEOUT, 77), ":1\r\n");
    assert_string_equal(take_served(w), "0:*-1\r\n|");
    world_end(w);
}

static void who_is_gone_is_served_nothing(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k 0");
    run(w, "BLPOP k 0");
    cancel(w, w->waits[0].waiter);
    assert_string_equal(take_served(w), "0:gone|");
    cancel(w, w->waits[0].waiter);
    cancel(w, 12345);
    assert_string_equal(serve(w, "RPUSH k 1"), "1:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|");
    world_end(w);
}

static void only_its_own_node_ends_a_waiter_by_name(void **state)
{
    (void)state;
    struct world *w = world_begin();
    apply_as(w, "BLPOP k 0", (struct name){2, 1, 1});
    const uint64_t waiter = (w->next_index - 1) << 12 | 1;
    assert_int_equal(count_rows(w), 1);
    cancel(w, waiter);
    assert_string_equal(unblock(w, UNBLOCK_WAITER, UNBLOCK_TIMEOUT, waiter), ":0\r\n");
    assert_int_equal(count_rows(w), 1);
    world_end(w);
}

static void waiters_of_a_lost_node_go(void **state)
{
    (void)state;
    struct world *w = world_begin();
    apply_as(w, "BLPOP k 0", (struct name){2, 3, 1});
    apply_as(w, "BLPOP k 0", (struct name){3, 1, 1});
    run(w, "BLPOP k 0");
    lose(w, 2, 2); /* an older life: nothing */
    assert_int_equal(count_rows(w), 3);
    lose(w, 2, 3);
    assert_int_equal(count_rows(w), 2);
    assert_string_equal(read_now(w, "EXISTS k"), ":0\r\n");
    assert_string_equal(serve(w, "RPUSH k 1 2"), "0:*2\r\n$1\r\nk\r\n$1\r\n2\r\n|");
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

static void a_new_life_of_a_node_ends_the_waiters_of_the_old(void **state)
{
    (void)state;
    struct world *w = world_begin();
    apply_as(w, "BLPOP k 0", (struct name){2, 3, 1});
    apply_as(w, "BLPOP k 0", (struct name){2, 3, 2});
    apply_as(w, "SET x y", (struct name){2, 4, 1});
    assert_int_equal(count_rows(w), 0);
    run(w, "RPUSH k 1");
    assert_string_equal(read_now(w, "LLEN k"), ":1\r\n");
    world_end(w);
}

static void an_origin_that_lives_asks_again(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run_of_client(w, "BLPOP k 0", 5);
    lose(w, WORLD_SELF, WORLD_BOOT);
    assert_string_equal(take_served(w), "0:lost BLPOP|");
    assert_int_equal(count_rows(w), 0);
    world_end(w);
}

/* --- rows and memory -------------------------------------------------------------------------- */

static void waiters_are_rows_like_any_other(void **state)
{
    (void)state;
    struct world *w = world_begin();
    apply_as(w, "BLPOP k 0", (struct name){2, 1, 1});
    apply_as(w, "BLMOVE k l LEFT LEFT 0", (struct name){3, 1, 1});
    apply_as(w, "BLPOP l 0", (struct name){2, 1, 2});
    world_flush(w);
    world_reopen(w, 1 << 20);
    run(w, "RPUSH k 1 2");
    assert_int_equal(count_rows(w), 0);
    assert_string_equal(read_now(w, "EXISTS k l"), ":0\r\n");
    world_end(w);
}

/* One waiter, however often it names a key, and one name for two databases. */
static void a_key_named_twice_is_one(void **state)
{
    (void)state;
    struct world *w = world_begin();
    run(w, "BLPOP k k k 0");
    struct request r = words(w, "BLPOP k 0");
    r.db = 1;
    apply_request_of(w, &r);
    assert_string_equal(serve(w, "RPUSH k 1 2"), "0:*2\r\n$1\r\nk\r\n$1\r\n1\r\n|");
    r = words(w, "RPUSH k 3");
    r.db = 1;
    apply_request_of(w, &r);
    assert_string_equal(take_served(w), "1:*2\r\n$1\r\nk\r\n$1\r\n3\r\n|");
    world_end(w);
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    struct world *w = world_begin();
    struct buf many = {0};
    buf_append_string(&many, "BLPOP ");
    memset(buf_reserve(&many, 900000), 'k', 900000); /* a long name takes room, too */
    buf_commit(&many, 900000);
    buf_append_string(&many, " 0");
    buf_append_u8(&many, 0);
    const char *reply = "";
    uint64_t count = 0;
    for (; reply[0] == '\0' && count < 1000; count++) {
        apply_as(w, (const char *)buf_data(&many), (struct name){2, 1, count + 1});
        arena_reset(&w->arena);
        if (count % 32 == 0)
            world_flush(w);
        if (count > 280)
            reply = run(w, (const char *)buf_data(&many));
    }
    assert_string_equal(reply, "-ERR too many blocked clients in the cluster, not executed\r\n");
    assert_true(count_rows(w) < 300);
    buf_clear(&many);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_serves_who_waits),
        cmocka_unit_test(those_who_came_first_are_served_first),
        cmocka_unit_test(keys_serve_in_the_order_in_which_they_became_ready),
        cmocka_unit_test(a_transaction_serves_at_its_end),
        cmocka_unit_test(chains_are_served_within_one_request),
        cmocka_unit_test(every_way_to_make_a_key_counts),
        cmocka_unit_test(keys_of_another_type_or_due_serve_nobody),
        cmocka_unit_test(serving_is_told_as_a_command),
        cmocka_unit_test(groups_deliver_to_who_waits),
        cmocka_unit_test(a_stream_that_goes_ends_the_wait_of_its_groups),
        cmocka_unit_test(reads_wait_beside_the_state),
        cmocka_unit_test(who_lost_the_right_is_served_an_error),
        cmocka_unit_test(a_timeout_is_answered_once),
        cmocka_unit_test(a_client_is_unblocked_by_its_id),
        cmocka_unit_test(who_is_gone_is_served_nothing),
        cmocka_unit_test(only_its_own_node_ends_a_waiter_by_name),
        cmocka_unit_test(waiters_of_a_lost_node_go),
        cmocka_unit_test(a_new_life_of_a_node_ends_the_waiters_of_the_old),
        cmocka_unit_test(an_origin_that_lives_asks_again),
        cmocka_unit_test(waiters_are_rows_like_any_other),
        cmocka_unit_test(a_key_named_twice_is_one),
        cmocka_unit_test(what_waits_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
