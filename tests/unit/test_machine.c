/* test_machine.c -- apply as a function of (state, entry): once per batch, requests by their kinds,
 * the same on every node. Replies are those of redis-server 7.0.15. */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "machine_world.h"

#include "keyspace/object.h"

#include "base/encode.h"
#include "base/prng.h"

/* --- exactly once ----------------------------------------------------------------------------- */

static void apply_incr(struct world *w, uint64_t origin, uint64_t boot, uint64_t batch)
{
    struct maker maker = {0};
    const struct request r = words(w, "INCR n");
    maker_add(&maker, &r);
    maker_apply(w, &maker, (struct name){origin, boot, batch});
}

static void a_batch_is_applied_once(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    const struct {
        uint64_t origin, boot, batch;
        const char *want; /* GET n afterwards */
    } rows[] = {
        {1, 5, 1, "$1\r\n1\r\n"}, {1, 5, 1, "$1\r\n1\r\n"}, /* a copy */
        {1, 5, 3, "$1\r\n2\r\n"},                           /* numbers may have gaps */
        {1, 5, 2, "$1\r\n2\r\n"},                           /* but never go back */
        {2, 9, 1, "$1\r\n3\r\n"}, {2, 9, 1, "$1\r\n3\r\n"}, /* each origin for itself */
        {1, 6, 1, "$1\r\n4\r\n"}, {1, 5, 9, "$1\r\n4\r\n"}, /* a new life; its forerunner is over */
        {1, 6, 1, "$1\r\n4\r\n"}, {1, 6, 2, "$1\r\n5\r\n"},
    };
    uint64_t duplicates = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *before = i == 0 ? "" : rows[i - 1].want;
        apply_incr(&w, rows[i].origin, rows[i].boot, rows[i].batch);
        duplicates += strcmp(before, rows[i].want) == 0;
        buf_reset(&w.replies);
        assert_string_equal(read_now(&w, "GET n"), rows[i].want);
        assert_int_equal(machine_duplicates(w.m), duplicates);
        assert_int_equal(keyspace_applied(w.k).index, i + 1);
    }
    uint64_t boot, batch;
    assert_true(machine_origin(w.m, 1, &boot, &batch));
    assert_int_equal(boot, 6);
    assert_int_equal(batch, 2);
    assert_false(machine_origin(w.m, 7, &boot, &batch));
    world_clear(&w);
}

/* The row of the origin lies in the same flush as what the batch wrote. */
static void a_batch_is_applied_once_also_over_a_crash(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    apply_incr(&w, 2, 1, 1);
    world_flush(&w);
    apply_incr(&w, 2, 1, 2);
    world_reopen(&w, 1 << 20);
    assert_int_equal(keyspace_applied(w.k).index, 1);
    apply_incr(&w, 2, 1, 2);
    assert_string_equal(read_now(&w, "GET n"), "$1\r\n2\r\n");
    apply_incr(&w, 2, 1, 2);
    assert_string_equal(read_now(&w, "GET n"), "$1\r\n2\r\n");
    world_clear(&w);
}

static void only_requests_of_this_life_are_answered(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    apply_incr(&w, 2, WORLD_BOOT, 1);
    apply_incr(&w, WORLD_SELF, WORLD_BOOT - 1, 1);
    assert_int_equal(w.replies.size, 0);
    assert_string_equal(run(&w, "INCR n"), ":3\r\n");
    w.deaf = true;
    assert_string_equal(run(&w, "INCR n"), "");
    world_clear(&w);
}

/* --- EXEC ------------------------------------------------------------------------------------- */

static const char *exec(struct world *w, const struct watch *watches, uint32_t count,
                        const char *const *commands)
{
    const struct request r = exec_words(w, watches, count, commands);
    return apply_request_of(w, &r);
}

#define COMMANDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What WATCH remembers of a key in db 0, by the command itself. */
static struct watch watch_of(struct world *w, const char *key)
{
    char text[64] = "WATCH ";
    strcat(text, key);
    const char *reply = read_now(w, text);
    long number = 0, stamp = 0; /* *1 *2 :number :stamp */
    assert_int_equal(sscanf(reply, "*1\r\n*2\r\n:%ld\r\n:%ld\r\n", &number, &stamp), 2);
    return (struct watch){.selected = 0, .number = (uint32_t)number, .stamp = (uint64_t)stamp,
                          .key = bytes_from_string(key)};
}

static void replies_of_exec_are_nested_and_errors_undo_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    const char *const none[] = {NULL};
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("SET a 1", "INCR a", "GET a", "GET b")),
                        "*4\r\n+OK\r\n:2\r\n$1\r\n2\r\n$-1\r\n");
    assert_string_equal(exec(&w, NULL, 0, none), "*0\r\n");
    assert_string_equal(
        exec(&w, NULL, 0, COMMANDS("SET s abc", "INCR s", "APPEND s d")),
        "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n:4\r\n");
    w.protocol = 3;
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("GET nothing")), "*1\r\n_\r\n");
    world_clear(&w);
}

/* On every node, whoever waits for the reply; and no row changes by it. */
static void publish_in_an_exec_is_an_effect_of_apply(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    buf_reset(&w.events);
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("PUBLISH c x", "SPUBLISH d y")),
                        "*2\r\n:3\r\n:3\r\n");
    const char *want = "publish c x|ran publish|spublish d y|ran spublish|";
    assert_true(bytes_equal(buf_bytes(&w.events), bytes_from_string(want)));
    assert_int_equal(w.local_runs, 0);
    buf_reset(&w.events);
    w.deaf = true;
    exec(&w, NULL, 0, COMMANDS("PUBLISH c x"));
    assert_true(bytes_equal(buf_bytes(&w.events), BYTES("publish c x|")));
    world_clear(&w);
}

static void the_host_is_told_of_each_command_of_an_exec(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    buf_reset(&w.events);
    exec(&w, NULL, 0, COMMANDS("GET a", "INCR a x", "DBSIZE"));
    assert_true(bytes_equal(buf_bytes(&w.events), BYTES("ran get|ran incr|ran dbsize|")));
    w.deaf = true; /* as on the other nodes */
    buf_reset(&w.events);
    exec(&w, NULL, 0, COMMANDS("GET a", "DBSIZE"));
    assert_int_equal(buf_bytes(&w.events).size, 0);
    world_clear(&w);
}

static void a_changed_watch_stops_exec(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET k 1");
    struct watch watch = watch_of(&w, "k");
    assert_string_equal(exec(&w, &watch, 1, COMMANDS("INCR n")), "*1\r\n:1\r\n");
    run(&w, "SET k 1"); /* the same value: a change all the same */
    assert_string_equal(exec(&w, &watch, 1, COMMANDS("INCR n")), "*-1\r\n");
    w.protocol = 3;
    assert_string_equal(exec(&w, &watch, 1, COMMANDS("INCR n")), "_\r\n");
    w.protocol = 2;
    assert_string_equal(read_now(&w, "GET n"), "$1\r\n1\r\n");

    const struct watch both[] = {watch_of(&w, "k"), watch_of(&w, "other")};
    run(&w, "SET other x");
    assert_string_equal(exec(&w, both, 2, COMMANDS("INCR n")), "*-1\r\n");
    world_clear(&w);
}

/* Two writes of one entry have different stamps. */
static void a_watch_tells_requests_of_one_entry_apart(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    struct maker maker = {0};
    struct request r = words(&w, "SET k 1");
    maker_add(&maker, &r);
    maker_apply(&w, &maker, (struct name){2, 1, 1});
    const struct watch watch = watch_of(&w, "k");
    assert_int_equal(watch.stamp, 1 << 12 | 1);

    const char *const commands[] = {"INCR n", NULL};
    maker_add(&maker, &r);
    r = exec_words(&w, &watch, 1, commands);
    maker_add(&maker, &r);
    maker_apply(&w, &maker, (struct name){WORLD_SELF, WORLD_BOOT, 1});
    assert_true(bytes_equal(buf_bytes(&w.replies), BYTES("+OK\r\n*-1\r\n")));
    world_clear(&w);
}

static void two_absences_are_equal(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    struct watch absent = watch_of(&w, "k");
    assert_int_equal(absent.stamp, 0);
    run(&w, "SET k 1");
    run(&w, "DEL k"); /* created and deleted again: as it was */
    assert_string_equal(exec(&w, &absent, 1, COMMANDS("INCR n")), "*1\r\n:1\r\n");
    absent.number = 99; /* whatever the database's number */
    assert_string_equal(exec(&w, &absent, 1, COMMANDS("INCR n")), "*1\r\n:2\r\n");
    run(&w, "SET k 1");
    assert_string_equal(exec(&w, &absent, 1, COMMANDS("INCR n")), "*-1\r\n");

    struct watch there = watch_of(&w, "k");
    run(&w, "DEL k");
    assert_string_equal(exec(&w, &there, 1, COMMANDS("INCR n")), "*-1\r\n");
    run(&w, "SET k 1 PX 100");
    there = watch_of(&w, "k");
    w.clock_ms += 100; /* due: absent, as if deleted */
    assert_string_equal(exec(&w, &there, 1, COMMANDS("INCR n")), "*-1\r\n");
    world_clear(&w);
}

static void commands_of_exec_have_their_own_databases(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    struct request r = exec_words(&w, NULL, 0, COMMANDS("SET k zero"));
    struct request other = words(&w, "SET k seven");
    other.db = 7;
    struct buf b = {0};
    exec_encode_command(&b, &other);
    ((struct bytes *)(uintptr_t)r.args)[r.arg_count++] = buf_bytes(&b);
    assert_string_equal(apply_request_of(&w, &r), "*2\r\n+OK\r\n+OK\r\n");
    assert_string_equal(read_now(&w, "GET k"), "$4\r\nzero\r\n");
    assert_int_equal(keyspace_size(w.k, 7), 1);
    buf_clear(&b);
    world_clear(&w);
}

/* Redis 7.0.15: EXEC is refused as a whole when memory is over by then; within it nothing is. */
static void exec_is_refused_as_a_whole_when_memory_is_over(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_string_equal(run(&w, "SET a 12345678901234567890"), "+OK\r\n");
    struct request r = words(&w, "maxmemory 1");
    r.kind = REQ_SETTING;
    assert_string_equal(apply_request_of(&w, &r), "+OK\r\n");
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("GET b", "SET b 1")),
                        "-EXECABORT Transaction discarded because of: OOM command not allowed when "
                        "used memory > 'maxmemory'.\r\n");
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("GET b", "DEL a")), "*2\r\n$-1\r\n:1\r\n");
    r = words(&w, "maxmemory 10000");
    r.kind = REQ_SETTING;
    assert_string_equal(apply_request_of(&w, &r), "+OK\r\n");
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("SETRANGE a 20000 x", "SET b 1")),
                        "*2\r\n:20001\r\n+OK\r\n");
    assert_string_equal(run(&w, "SET c 1"),
                        "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    world_clear(&w);
}

/* --- what only the origin runs ---------------------------------------------------------------- */

static void a_read_that_rides_is_run_at_its_place(void **state)
{
    (void)state;
    struct world w, other;
    world_init(&w, 1 << 20);
    world_init(&other, 1 << 20);
    for (int i = 0; i < 2; i++) {
        struct world *at = i == 0 ? &w : &other;
        struct maker maker = {0};
        struct request r = words(at, "SET k 1 PX 50");
        maker_add(&maker, &r);
        r = words(at, "GET k");
        r.flags = REQUEST_READ;
        maker_add(&maker, &r);
        r = words(at, "INCR k");
        maker_add(&maker, &r);
        /* On the other node it is a foreign batch. */
        const struct name name = {i == 0 ? WORLD_SELF : WORLD_SELF + 1, WORLD_BOOT, 1};
        maker_apply(at, &maker, name);
    }
    w.next_batch = 2;
    assert_true(bytes_equal(buf_bytes(&w.replies), BYTES("+OK\r\n$1\r\n1\r\n:2\r\n")));
    assert_int_equal(other.replies.size, 0);
    assert_int_equal(keyspace_digest(w.k), keyspace_digest(other.k));
    /* The read counted: INCR was the third. */
    buf_reset(&w.replies);
    const struct watch watch = watch_of(&w, "k");
    assert_int_equal(watch.stamp, 1 << 12 | 3);

    /* One that rides and meets a due key shows it as absent, and deletes nothing. */
    buf_reset(&w.events);
    w.clock_ms += 50;
    struct request r = words(&w, "GET k");
    r.flags = REQUEST_READ;
    const uint64_t digest = keyspace_digest(w.k);
    assert_string_equal(apply_request_of(&w, &r), "$-1\r\n");
    assert_int_equal(w.events.size, 0);
    assert_int_equal(keyspace_digest(w.k), digest);
    world_clear(&w);
    world_clear(&other);
}

static void run_local_write(void *context)
{
    const char *const commands[] = {"CLIENT ID", NULL};
    exec(context, NULL, 0, commands);
}

static void local_commands_are_the_hosts_and_may_not_write(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_string_equal(exec(&w, NULL, 0, COMMANDS("INCR n", "CLIENT ID", "INCR n")),
                        "*3\r\n:1\r\n+LOCAL\r\n:2\r\n");
    assert_int_equal(w.local_runs, 1);
    w.deaf = true;
    exec(&w, NULL, 0, COMMANDS("CLIENT ID"));
    assert_int_equal(w.local_runs, 1);
    w.deaf = false;
    w.local_writes = true;
    assert_true(panics(run_local_write, &w));
    world_clear(&w);
}

/* --- expiry ----------------------------------------------------------------------------------- */

static const char *expire_due(struct world *w, uint32_t limit, struct bytes names)
{
    uint8_t *number = arena_alloc(&w->arena, 4);
    put_le32(number, limit);
    const struct bytes args[] = {bytes_of(number, 4), names};
    const struct request r = {.kind = REQ_EXPIRE_DUE, .args = args, .arg_count = 2};
    buf_reset(&w->events);
    apply_request_of(w, &r);
    return arena_string(&w->arena, buf_bytes(&w->events));
}

static void expiry_deletes_what_is_due_up_to_its_limit(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET a 1 PX 30");
    run(&w, "SET b 1 PX 10");
    run(&w, "SET c 1 PX 20");
    run(&w, "SET d 1 PX 500");
    assert_string_equal(expire_due(&w, 1024, BYTES_NONE), "");
    w.clock_ms += 30;
    assert_string_equal(expire_due(&w, 2, BYTES_NONE), "expired b|expired c|");
    assert_string_equal(expire_due(&w, 2, BYTES_NONE), "expired a|");
    assert_string_equal(expire_due(&w, 2, BYTES_NONE), "");
    assert_int_equal(keyspace_size(w.k, 0), 1);
    world_clear(&w);
}

static void names_that_readers_wait_for_go_first(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET a 1 PX 10");
    run(&w, "SET b 1 PX 20");
    run(&w, "SET c 1 PX 1000");
    w.clock_ms += 20;
    struct buf names = {0};
    for (const char *name = "bc"; *name != '\0'; name++) { /* c is not due: stays */
        buf_append_be32(&names, keyspace_database_number(w.k, 0));
        buf_append_be32(&names, 1);
        buf_append_u8(&names, (uint8_t)*name);
    }
    assert_string_equal(expire_due(&w, 0, buf_bytes(&names)), "expired b|");
    assert_int_equal(keyspace_size(w.k, 0), 2);
    buf_clear(&names);
    world_clear(&w);
}

static void a_read_waits_for_what_is_due_by_its_clock_alone(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET k v PX 100");
    const uint64_t start_ms = w.clock_ms;
    assert_string_equal(read_at(&w, "GET k", start_ms + 99, false), "$1\r\nv\r\n");
    assert_string_equal(read_at(&w, "GET k", start_ms + 100, false), "(due)");
    assert_string_equal(read_at(&w, "GET k", start_ms + 100, true), "$1\r\nv\r\n");
    w.clock_ms += 100;
    const struct request clock = {.kind = REQ_CLOCK};
    assert_string_equal(apply_request_of(&w, &clock), "+OK\r\n");
    /* Its row is still there, but the log's clock has passed its deadline. */
    assert_int_equal(keyspace_size(w.k, 0), 1);
    assert_string_equal(read_at(&w, "GET k", start_ms, false), "$-1\r\n");
    assert_string_equal(read_at(&w, "GET k", start_ms, true), "$-1\r\n");
    /* A write finds it absent, and says so. */
    buf_reset(&w.events);
    assert_string_equal(run(&w, "INCR k"), ":1\r\n");
    assert_true(bytes_has_prefix(buf_bytes(&w.events), BYTES("expired k|")));
    world_clear(&w);
}

/* The log's clock never runs backwards, whatever a leader's does. */
static void time_does_not_go_back(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET k v PX 100");
    w.clock_ms += 100;
    run(&w, "SET other x");
    w.clock_ms -= 100;
    assert_string_equal(run(&w, "GETDEL k"), "$-1\r\n");
    assert_int_equal(keyspace_applied(w.k).clock_ms, w.clock_ms + 100);
    world_clear(&w);
}

/* --- settings, features, skipped entries ------------------------------------------------------ */

static const char *set_settings(struct world *w, const char *text)
{
    struct request r = words(w, text);
    r.kind = REQ_SETTING;
    return apply_request_of(w, &r);
}

static void settings_are_set_all_or_none(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_string_equal(set_settings(&w, "maxmemory 1mb hash-max-listpack-entries 7"), "+OK\r\n");
    struct bytes value;
    assert_true(keyspace_setting(w.k, "maxmemory", &value));
    assert_true(bytes_equal(value, BYTES("1mb")));
    const char *refused = set_settings(&w, "maxmemory 2mb hash-max-listpack-entries nonsense");
    const char *want = "-ERR CONFIG SET failed (possibly related to argument "
                       "'hash-max-listpack-entries') - ";
    assert_memory_equal(refused, want, strlen(want));
    assert_true(keyspace_setting(w.k, "maxmemory", &value));
    assert_true(bytes_equal(value, BYTES("1mb")));
    world_clear(&w);
}

static void delete_between_entries(void *context)
{
    struct world *w = context;
    struct object o;
    object_open(w->k, 0, BYTES("k"), &o);
    object_delete(&o);
}

/* Neither by a command that is run where it should not, nor because a key that is due is opened. */
static void rows_change_within_entries_alone(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    run(&w, "SET k v");
    assert_true(panics(delete_between_entries, &w));
    assert_string_equal(run(&w, "GET k"), "$1\r\nv\r\n");
    world_clear(&w);
}

/* Its origin has let it through too early: older builds would end here, too. */
static void run_too_early(void *context)
{
    run(context, "DEBUG LEVEL k");
}

static void what_hangs_on_the_feature_level_takes_that_of_its_place_in_the_log(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    world_raise_level(&w, 2);
    assert_string_equal(run(&w, "DEBUG LEVEL k"), ":2\r\n");
    world_flush(&w);
    world_reopen(&w, 1 << 20);
    assert_string_equal(run(&w, "APPEND k !"), ":2\r\n");
    assert_string_equal(run(&w, "DEBUG LEVEL k"), ":2\r\n");
    assert_string_equal(run(&w, "GETDEL k"), "$1\r\n2\r\n");
    world_clear(&w);
}

static void a_command_below_its_feature_level_stops_the_node(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_true(panics(run_too_early, &w));
    world_clear(&w);
}

/* As by builds that never heard of it, to which the same script goes. */
static void a_script_does_not_find_commands_of_a_higher_level(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    const char *const script = "EVAL return{redis.pcall('debug','level','k').err,"
                               "pcall(redis.acl_check_cmd,'debug','level','k')} 0";
    const char *reply = run(&w, script);
    assert_non_null(strstr(reply, "Unknown Redis command called from script"));
    assert_non_null(strstr(reply, "Invalid command passed to redis.acl_check_cmd()"));
    world_raise_level(&w, 2);
    reply = run(&w, script);
    assert_non_null(strstr(reply, "This Redis command is not allowed from script"));
    assert_null(strstr(reply, "Invalid command"));
    world_clear(&w);
}

static void raise_too_far(void *context)
{
    world_raise_level(context, FEATURE_LEVEL_MAX + 1);
}

static void a_feature_level_that_this_build_does_not_know_stops_the_node(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_int_equal(machine_level(w.m), FEATURE_LEVEL_FIRST); /* of no entry yet */
    world_raise_level(&w, FEATURE_LEVEL_MAX);
    assert_int_equal(machine_level(w.m), FEATURE_LEVEL_MAX);
    assert_true(panics(raise_too_far, &w));
    struct error e;
    assert_int_equal(machine_check(w.k, 0, &e), STATUS_OK);
    assert_int_equal(machine_check(w.k, FEATURE_LEVEL_MAX - 1, &e), STATUS_INVALID);
    assert_non_null(strstr(e.text, "run the newer version"));
    world_clear(&w);
}

struct bad_entry {
    struct world *w;
    struct bytes payload;
    uint8_t kind;
};

static void apply_bad(void *context)
{
    const struct bad_entry *bad = context;
    const struct machine_entry entry = {.index = bad->w->next_index, .term = 1, .kind = bad->kind,
                                        .payload = bad->payload};
    machine_apply(bad->w->m, &entry);
}

static void what_is_unknown_or_malformed_stops_the_node(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct world w;
        world_init(&w, 1 << 20);
        struct buf requests = {0}, payload = {0};
        struct request r = words(&w, i == 0 ? "NOSUCHCOMMAND k" : "SET k v");
        r.kind = i == 1 ? REQ_UNBLOCK : REQ_COMMAND;
        request_encode(&requests, &r);
        if (i == 2)
            buf_append_u8(&requests, 0);
        const struct entry_head head = {.format = ENTRY_FORMAT, .count = 1, .origin = 2, .boot = 1,
                                        .batch = 1};
        entry_encode(&payload, &head, buf_bytes(&requests));
        if (i == 3)
            buf_data(&payload)[0]++;
        struct bad_entry bad = {&w, buf_bytes(&payload), i == 4 ? 3 : 1};
        assert_true(panics(apply_bad, &bad));
        buf_clear(&requests);
        buf_clear(&payload);
        world_clear(&w);
    }
}

static void a_skipped_entry_is_refused_to_its_clients_and_passed(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    struct buf requests = {0}, payload = {0};
    const struct request r = words(&w, "SET k v");
    request_encode(&requests, &r);
    const struct entry_head head = {.format = ENTRY_FORMAT, .count = 1, .origin = WORLD_SELF,
                                    .boot = WORLD_BOOT, .batch = w.next_batch++};
    entry_encode(&payload, &head, buf_bytes(&requests));
    buf_data(&payload)[ENTRY_HEAD_SIZE] = 99; /* as nobody can decode it */
    const struct machine_entry entry = {.index = w.next_index++, .term = 1, .kind = 1, .skip = true,
                                        .payload = buf_bytes(&payload)};
    machine_apply(w.m, &entry);
    assert_true(bytes_equal(buf_bytes(&w.replies),
                            BYTES("-ERR skipped by RAFT SKIP, not executed\r\n")));
    buf_reset(&w.replies);
    assert_string_equal(read_now(&w, "EXISTS k"), ":0\r\n");
    assert_string_equal(run(&w, "SET k v"), "+OK\r\n");
    buf_clear(&requests);
    buf_clear(&payload);
    world_clear(&w);
}

static void the_newest_configuration_is_kept(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1 << 20);
    assert_int_equal(machine_config(w.m).size, 0);
    const char *const payloads[] = {"\1first", "\1second"}; /* of format 1 */
    for (size_t i = 0; i < 2; i++) {
        const struct machine_entry entry = {.index = w.next_index++, .term = 1, .kind = 2,
                                            .payload = bytes_from_string(payloads[i])};
        machine_apply(w.m, &entry);
    }
    const struct machine_entry noop = {.index = w.next_index++, .term = 3};
    machine_apply(w.m, &noop);
    world_flush(&w);
    world_reopen(&w, 1 << 20);
    assert_true(bytes_equal(machine_config(w.m), BYTES("\1second")));
    assert_int_equal(keyspace_applied(w.k).index, 3);
    assert_int_equal(keyspace_applied(w.k).term, 3);
    world_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_change_within_entries_alone),
        cmocka_unit_test(a_batch_is_applied_once),
        cmocka_unit_test(a_batch_is_applied_once_also_over_a_crash),
        cmocka_unit_test(only_requests_of_this_life_are_answered),
        cmocka_unit_test(replies_of_exec_are_nested_and_errors_undo_nothing),
        cmocka_unit_test(publish_in_an_exec_is_an_effect_of_apply),
        cmocka_unit_test(the_host_is_told_of_each_command_of_an_exec),
        cmocka_unit_test(a_changed_watch_stops_exec),
        cmocka_unit_test(a_watch_tells_requests_of_one_entry_apart),
        cmocka_unit_test(two_absences_are_equal),
        cmocka_unit_test(commands_of_exec_have_their_own_databases),
        cmocka_unit_test(exec_is_refused_as_a_whole_when_memory_is_over),
        cmocka_unit_test(a_read_that_rides_is_run_at_its_place),
        cmocka_unit_test(local_commands_are_the_hosts_and_may_not_write),
        cmocka_unit_test(expiry_deletes_what_is_due_up_to_its_limit),
        cmocka_unit_test(names_that_readers_wait_for_go_first),
        cmocka_unit_test(a_read_waits_for_what_is_due_by_its_clock_alone),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(settings_are_set_all_or_none),
        cmocka_unit_test(what_hangs_on_the_feature_level_takes_that_of_its_place_in_the_log),
        cmocka_unit_test(a_command_below_its_feature_level_stops_the_node),
        cmocka_unit_test(a_script_does_not_find_commands_of_a_higher_level),
        cmocka_unit_test(a_feature_level_that_this_build_does_not_know_stops_the_node),
        cmocka_unit_test(what_is_unknown_or_malformed_stops_the_node),
        cmocka_unit_test(a_skipped_entry_is_refused_to_its_clients_and_passed),
        cmocka_unit_test(the_newest_configuration_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
