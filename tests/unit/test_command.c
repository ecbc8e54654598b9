/* test_command.c -- the table, patterns, decimals and settings; and that commands are functions of
 * the state: not of caches, readers of replies, or forms of storage. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/decimal.h"
#include "command/glob.h"
#include "command_world.h"
#include "keyspace/cache.h"
#include "keyspace/keyspace.h"
#include "machine/entry.h"

#define CACHE_BYTES (8 << 20)

/* --- the table -------------------------------------------------------------------------------- */

static void check_row(const struct command *c)
{
    const uint32_t routes = CMD_NOT_YET | CMD_PURE | CMD_LOCAL;
    if (c->subcommands != NULL && c->run == NULL) {
        assert_int_equal(c->flags & (routes | CMD_READ | CMD_WRITE), 0);
        return;
    }
    const bool is_effect = strcmp(c->name, "publish") == 0 || strcmp(c->name, "spublish") == 0;
    const bool runs =
        is_effect || (c->flags & (CMD_NOT_YET | CMD_LOCAL | CMD_MACHINE)) == 0;
    if ((c->flags & CMD_MACHINE) && !(c->flags & (CMD_READ | CMD_WRITE | CMD_TRY_READ)))
        fail_msg("%s: runs nowhere", c->name);
    if (runs != (c->run != NULL))
        fail_msg("%s: what its flags promise and its function differ", c->name);
    if ((c->flags & CMD_LOCAL) && !(c->flags & CMD_BARRIER))
        fail_msg("%s: what the host answers is a barrier", c->name);
    if (runs && !is_effect && !(c->flags & (CMD_PURE | CMD_READ | CMD_WRITE)))
        fail_msg("%s: runs nowhere", c->name);
    if ((c->flags & CMD_READ) && (c->flags & CMD_WRITE))
        fail_msg("%s: reads or writes?", c->name);
    assert_int_not_equal(c->arity, 0);
    assert_non_null(c->group);
    assert_true(c->level <= FEATURE_LEVEL_MAX);
    assert_true(c->level == 0 || c->flags & CMD_UNLISTED); /* see command_at_level() */
}

static void every_row_says_where_it_runs(void **state)
{
    (void)state;
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        check_row(c);
        for (const struct command *sub = c->subcommands; sub != NULL && sub->name != NULL; sub++)
            check_row(sub);
    }
    assert_int_equal(command_count(), 253); /* of Redis 7.0.15, RAFT, fields that expire */
}

static void every_command_is_found_by_its_name(void **state)
{
    (void)state;
    const struct command *c, *parent;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        struct bytes args[2] = {bytes_from_string(c->name)};
        assert_ptr_equal(command_find(args, 1, &parent), c);
        assert_ptr_equal(command_by_name(args[0]), c);
        for (const struct command *sub = c->subcommands; sub != NULL && sub->name != NULL; sub++) {
            char name[COMMAND_NAME_MAX];
            args[1] = bytes_from_string(sub->name);
            assert_ptr_equal(command_find(args, 2, &parent), sub);
            assert_ptr_equal(parent, c);
            assert_ptr_equal(command_by_name(command_full_name(sub, name)), sub);
            assert_ptr_equal(command_container(sub), c);
        }
    }
}

static void names_are_found_whatever_their_case(void **state)
{
    (void)state;
    const struct bytes get[] = {BYTES("GeT"), BYTES("x")};
    const struct bytes config[] = {BYTES("CONFIG"), BYTES("Get"), BYTES("x")};
    const struct bytes none[] = {BYTES("gett"), BYTES("")};
    const struct command *parent;
    assert_string_equal(command_find(get, 2, NULL)->name, "get");
    assert_string_equal(command_find(config, 3, &parent)->name, "get");
    assert_string_equal(parent->name, "config");
    assert_null(command_find(none, 2, &parent));
    assert_null(parent);
    assert_null(command_find(none + 1, 1, NULL));
    assert_null(command_find(none, 0, NULL));
}

/* --- patterns --------------------------------------------------------------------------------- */

static void sort_without_store_is_a_read(void **state)
{
    (void)state;
    const struct bytes sort[] = {BYTES("sort"), BYTES("store"), BYTES("by"), BYTES("w_*")};
    const struct bytes store[] = {BYTES("sort"), BYTES("key"), BYTES("StorE"), BYTES("to")};
    const struct bytes set[] = {BYTES("set"), BYTES("key"), BYTES("value")};
    const struct bytes get[] = {BYTES("get"), BYTES("store")};
    assert_true(command_reads(command_find(sort, 4, NULL), sort, 4));
    assert_false(command_reads(command_find(store, 4, NULL), store, 4));
    assert_false(command_reads(command_find(set, 3, NULL), set, 3));
    assert_true(command_reads(command_find(get, 2, NULL), get, 2));
}

static void patterns_match_as_in_redis(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool ignore_case, matches;
    } cases[] = {
        {"", "", false, true},          {"", "a", false, false},     {"*", "", false, true},
        {"**", "", false, false},
        {"*", "abc", false, true},      {"a", "", false, false},     {"a*", "abc", false, true},
        {"*c", "abc", false, true},     {"*b", "abc", false, false}, {"a*c", "abc", false, true},
        {"a**c", "abc", false, true},   {"a*b*c", "aXbXbXc", false, true},
        {"a*b*c", "aXbXbX", false, false}, {"?", "", false, false},  {"?", "a", false, true},
        {"??", "a", false, false},      {"h?llo", "hello", false, true},
        {"h[ae]llo", "hallo", false, true}, {"h[ae]llo", "hillo", false, false},
        {"h[^e]llo", "hello", false, false}, {"h[^e]llo", "hallo", false, true},
        {"h[a-b]llo", "hbllo", false, true}, {"h[b-a]llo", "hbllo", false, true},
        {"[a-", "a", false, true},      {"[a", "a", false, true},    {"[a", "b", false, false},
        {"[]a", "a", false, false},     {"[\\]]", "]", false, true}, {"[\\-x]", "-", false, true},
        {"\\*", "*", false, true},      {"\\*", "a", false, false},  {"a\\", "a\\", false, true},
        {"ABC", "abc", false, false},   {"ABC", "abc", true, true},  {"[A-C]x", "bX", true, true},
        {"*[x]", "aax", false, true},   {"*\\", "a\\", false, true}, {"[^", "a", false, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (glob_match(bytes_from_string(cases[i].pattern), bytes_from_string(cases[i].text),
                       cases[i].ignore_case) != cases[i].matches)
            fail_msg("pattern '%s', text '%s'", cases[i].pattern, cases[i].text);
}

/* Redis 7.0's own matcher would go on for ever here, but for a flag that cuts it short. */
static void hostile_patterns_end(void **state)
{
    (void)state;
    char text[4096], pattern[2001];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "a*", 2);
    pattern[2000] = 'b';
    const struct bytes p = bytes_of(pattern, sizeof(pattern)), t = bytes_of(text, sizeof(text));
    assert_false(glob_match(p, t, false));
    text[sizeof(text) - 1] = 'b';
    assert_true(glob_match(p, t, false));
}

/* One star more than in hostile_patterns_end: Redis gives up at a depth of 1000. */
static void a_thousand_stars_match_and_no_more(void **state)
{
    (void)state;
    char text[4096], pattern[2004];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i += 2)
        memcpy(pattern + i, "?*", 2);
    const struct bytes t = bytes_of(text, sizeof(text));
    assert_true(glob_match(bytes_of(pattern, 2002), t, false)); /* the last star ends the pattern */
    assert_true(glob_match(bytes_of(pattern, 2001), t, false));
    assert_false(glob_match(bytes_of(pattern, 2003), t, false));
    assert_false(glob_match(bytes_of(pattern, 2004), t, false));
}

/* --- decimals --------------------------------------------------------------------------------- */

static const struct {
    const char *a, *b, *sum; /* NULL: invalid; "inf": infinite */
} decimal_cases[] = {
    {"0", "0", "0"},           {"1", "-1", "0"},          {"-0", "0", "0"},
    {"0.1", "0.2", "0.3"},     {"9.99", "0.01", "10"},    {"10", "-0.01", "9.99"},
    {"-5", "3", "-2"},         {"-5", "-3.5", "-8.5"},    {"3", "-5", "-2"},
    {"1e3", "1", "1001"},      {"1E-3", "1", "1.001"},    {".5", "5.", "5.5"},
    {"+7", "0", "7"},          {"007", "0", "7"},         {"100", "-99.5", "0.5"},
    {"0.5", "0.49999999999999999", "0.99999999999999999"},
    {"0.000000000000000005", "0", "0"},                    /* a tie: to even */
    {"0.000000000000000015", "0", "0.00000000000000002"},  /* a tie: to even */
    {"0.000000000000000025", "0", "0.00000000000000002"},
    {"0.0000000000000000251", "0", "0.00000000000000003"},
    {"0.999999999999999996", "0", "1"},
    {"9.999999999999999996", "0", "10"},
    {"-0.000000000000000001", "0", "0"},
    {"1e-4000", "1", "1"},
    {"99999999999999999999999999", "1", "100000000000000000000000000"},
    {"1e30", "0.5", "1000000000000000000000000000000.5"},
    {"", "1", NULL},           {"1", "x", NULL},          {" 1", "1", NULL},
    {"1 ", "1", NULL},         {"nan", "1", NULL},        {"1e", "1", NULL},
    {"0x10", "1", NULL},       {".", "1", NULL},          {"1e5000", "1", NULL},
    {"1e-5000", "1", NULL},    {"--1", "1", NULL},        {"1.2.3", "1", NULL},
    {"inf", "1", "inf"},       {"1", "-Infinity", "inf"}, {"inf", "x", NULL},
};

static void decimals_add_exactly_and_round_once(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_COUNT(decimal_cases); i++) {
        struct bytes sum = BYTES_NONE;
        const struct bytes a = bytes_from_string(decimal_cases[i].a);
        const struct bytes b = bytes_from_string(decimal_cases[i].b);
        const enum decimal_result result = decimal_add(a, b, &arena, &sum);
        const char *want = decimal_cases[i].sum;
        enum decimal_result expected = DECIMAL_OK;
        if (want == NULL)
            expected = DECIMAL_INVALID;
        else if (strcmp(want, "inf") == 0)
            expected = DECIMAL_INFINITE;
        if (result != expected ||
            (result == DECIMAL_OK && !bytes_equal(sum, bytes_from_string(want))))
            fail_msg("%s + %s = %.*s", decimal_cases[i].a, decimal_cases[i].b, (int)sum.size,
                     sum.size == 0 ? "" : (const char *)sum.data);
    }
    arena_clear(&arena);
}

/* --- settings --------------------------------------------------------------------------------- */

static const struct {
    const char *name, *value, *printed, *refusal; /* words of redis-server 7.0.15 */
} setting_cases[] = {
    {"maxmemory", "1gb", "1073741824", NULL},
    {"MAXMEMORY", "1mB", "1048576", NULL},
    {"maxmemory", "1g", "1000000000", NULL},
    {"maxmemory", "12b", "12", NULL},
    {"maxmemory", "-1", NULL, "argument must be a memory value"},
    {"maxmemory", "10kk", NULL, "argument must be a memory value"},
    {"maxmemory", "", NULL, "argument must be a memory value"},
    {"maxmemory", "99999999999999999999", NULL, "argument must be a memory value"},
    {"proto-max-bulk-len", "5", NULL,
     "argument must be between 1048576 and 9223372036854775807 inclusive"},
    {"hash-max-ziplist-value", "1kb", "1024", NULL},
    {"hash-max-listpack-entries", "abc", NULL, "argument couldn't be parsed into an integer"},
    {"hash-max-listpack-entries", "-1", NULL,
     "argument must be between 0 and 9223372036854775807 inclusive"},
    {"set-max-intset-entries", "1k", NULL, "argument couldn't be parsed into an integer"},
    {"hll-sparse-max-bytes", "-5", NULL, "argument must be a memory value"},
    {"list-max-listpack-size", "-5", "-5", NULL},
    {"list-max-ziplist-size", "99999999999", NULL,
     "argument must be between -2147483648 and 2147483647 inclusive"},
    {"list-compress-depth", "-1", NULL, "argument must be between 0 and 2147483647 inclusive"},
    {"maxmemory-policy", "allkeys-LRU", "allkeys-lru", NULL},
    {"maxmemory-policy", "foo", NULL,
     "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
     "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"},
    {"acl-pubsub-default", "x", NULL,
     "argument(s) must be one of the following: allchannels, resetchannels"},
    {"active-expire", "NO", "no", NULL},
    {"active-expire", "x", NULL, "argument must be 'yes' or 'no'"},
    {"notify-keyspace-events", "KEA", "AKE", NULL},
    {"notify-keyspace-events", "mKEg", "gKEm", NULL},
    {"notify-keyspace-events", "AKEmn", "AKEm", NULL},
    {"notify-keyspace-events", "$lshzxetdmn", "$lshzxetdnm", NULL},
    {"notify-keyspace-events", "g$lshzxetd", "A", NULL},
    {"notify-keyspace-events", "", "", NULL},
    {"notify-keyspace-events", "q", NULL,
     "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."},
    {"requirepass", "secret", "secret", NULL},
    {"databases", "256", "256", NULL},
    {"databases", "257", NULL, "argument must be between 1 and 256 inclusive"}, /* ours */
};

static void settings_print_as_config_get_does(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    for (size_t i = 0; i < ARRAY_COUNT(setting_cases); i++) {
        const struct setting *s = setting_find(bytes_from_string(setting_cases[i].name));
        const struct bytes value = bytes_from_string(setting_cases[i].value);
        assert_non_null(s);
        void *field = (char *)&settings + s->field;
        if (s->parse(value, field) != (setting_cases[i].printed != NULL))
            fail_msg("%s %s", setting_cases[i].name, setting_cases[i].value);
        if (setting_cases[i].printed == NULL) {
            assert_string_equal(setting_refusal(s, value), setting_cases[i].refusal);
            continue;
        }
        struct buf out = {0};
        s->print(field, &out);
        buf_append_u8(&out, '\0');
        assert_string_equal((const char *)buf_data(&out), setting_cases[i].printed);
        buf_clear(&out);
    }
    assert_null(setting_find(BYTES("port")));
}

static void settings_follow_the_keyspace(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    settings_refresh(&w.settings, w.keyspace);
    assert_int_equal(w.settings.maxmemory, 0);
    keyspace_entry_begin(w.keyspace, 1, 1, 1);
    keyspace_set_setting(w.keyspace, "maxmemory", BYTES("5mb"));
    keyspace_entry_end(w.keyspace);
    settings_refresh(&w.settings, w.keyspace);
    assert_int_equal(w.settings.maxmemory, 5 << 20);
    world_close(&w);
}

/* --- running ---------------------------------------------------------------------------------- */

static void check_reply(struct world *w, const char *line, const char *want)
{
    const struct bytes got = world_run_line(w, line);
    if (!bytes_equal(got, bytes_from_string(want)))
        fail_msg("%s: %.*s", line, (int)got.size, (const char *)got.data);
}

static void what_is_not_there_yet_says_so(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    static const struct command soon = {.name = "soon", .arity = 1, .flags = CMD_NOT_YET};
    struct buf out = {0}; /* the table has none at present */
    struct exec x = {.command = &soon, .args = &BYTES("soon"), .arg_count = 1,
                     .reply = {.out = &out, .protocol = 2}};
    command_execute(&x);
    buf_append_u8(&out, '\0');
    assert_string_equal((char *)buf_data(&out), "-ERR 'soon' is not supported yet by AvowDB\r\n");
    buf_clear(&out);
    check_reply(&w, "xadd", "-ERR wrong number of arguments for 'xadd' command\r\n");
    world_close(&w);
}

static void command_list_names_subcommands_too(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    struct buf list = {0};
    buf_append_bytes(&list, world_run_line(&w, "command list"));
    buf_append_u8(&list, 0);
    const char *const text = (const char *)buf_data(&list);
    assert_non_null(strstr(text, "$3\r\nget\r\n"));
    assert_non_null(strstr(text, "$6\r\nconfig\r\n"));
    assert_non_null(strstr(text, "$10\r\nconfig|get\r\n"));
    buf_clear(&list);
    world_close(&w);
}

static void writes_that_grow_are_refused_over_maxmemory(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    check_reply(&w, "set a 12345", "+OK\r\n");
    w.settings.maxmemory = 1;
    check_reply(&w, "set b 1",
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    check_reply(&w, "get a", "$5\r\n12345\r\n");
    check_reply(&w, "del a", ":1\r\n");
    check_reply(&w, "set b 1", /* an empty state is above 1 byte, as in Redis */
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    w.settings.maxmemory = 3;
    check_reply(&w, "set b 1", "+OK\r\n");
    check_reply(&w, "set c 1",
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    world_close(&w);
}

static void watch_tells_database_and_stamp(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    check_reply(&w, "set a 1", "+OK\r\n"); /* entry 1, request 1 */
    check_reply(&w, "watch a b", "*2\r\n*2\r\n:0\r\n:4097\r\n*2\r\n:0\r\n:0\r\n");
    check_reply(&w, "swapdb 0 1", "+OK\r\n");
    check_reply(&w, "watch a", "*1\r\n*2\r\n:1\r\n:0\r\n");
    world_close(&w);
}

static void keys_are_idle_until_a_command_uses_them(void **state)
{
    (void)state;
    static const char *const no_use[] = {"exists k", "type k", "ttl k", "object encoding k",
                                         "object idletime k", "expiretime k", "keys *",
                                         "scan 0", "scan 0 type string", "randomkey",
                                         "memory usage k", "debug object k", "debug digest"};
    struct world w;
    world_open(&w, CACHE_BYTES);
    check_reply(&w, "set k v", "+OK\r\n");
    check_reply(&w, "object idletime k", ":0\r\n");
    w.clock_ms += 100000;
    for (size_t i = 0; i < ARRAY_COUNT(no_use); i++)
        world_run_line(&w, no_use[i]);
    check_reply(&w, "object idletime k", ":100\r\n");
    check_reply(&w, "touch k", ":1\r\n");
    check_reply(&w, "object idletime k", ":0\r\n");
    w.clock_ms += 7000;
    check_reply(&w, "append k v", ":2\r\n");
    check_reply(&w, "object idletime k", ":0\r\n");
    w.clock_ms += 7000;
    check_reply(&w, "rename k l", "+OK\r\n");
    check_reply(&w, "object idletime l", ":0\r\n");
    world_close(&w);
}

static void what_restore_says_of_use_is_kept(void **state)
{
    (void)state;
    static const char payload[] = "\"\\x00\\x03bar\\x0a\\x00\\xe6\\xbeI`\\xeef\\xfd\\x17\"";
    char line[200];
    struct world w;
    world_open(&w, CACHE_BYTES);
    snprintf(line, sizeof(line), "restore k 0 %s idletime 1000", payload);
    check_reply(&w, line, "+OK\r\n");
    check_reply(&w, "object idletime k", ":1000\r\n");
    check_reply(&w, "config set maxmemory-policy allkeys-lfu", "+OK\r\n");
    check_reply(&w, "object freq k", ":5\r\n"); /* nothing is known of that yet */
    snprintf(line, sizeof(line), "restore k 0 %s freq 100 replace", payload);
    check_reply(&w, line, "+OK\r\n");
    check_reply(&w, "object freq k", ":100\r\n");
    w.clock_ms += 600000;
    check_reply(&w, "object freq k", ":90\r\n");
    snprintf(line, sizeof(line), "restore k 0 %s idletime 1000 replace", payload);
    check_reply(&w, line, "+OK\r\n");
    check_reply(&w, "object freq k", ":5\r\n"); /* it is a new key */
    world_close(&w);
}

static void strings_end_at_proto_max_bulk_len(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    check_reply(&w, "config set proto-max-bulk-len 1mb", "+OK\r\n");
    check_reply(&w, "setrange a 1048570 abcdef", ":1048576\r\n");
    check_reply(&w, "append a x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    check_reply(&w, "setrange a 1048571 abcdef",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    check_reply(&w, "getrange a 1048570 -1", "$6\r\nabcdef\r\n");
    check_reply(&w, "lcs a a",
                "-ERR Insufficient memory, transient memory for LCS exceeds "
                "proto-max-bulk-len\r\n");
    world_close(&w);
}

/* Every key is given once, and the cursor is a number below 2^53. */
static void scan_gives_every_key_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, CACHE_BYTES);
    char line[128], seen[3000] = {0};
    for (int i = 0; i < 3000; i++) {
        snprintf(line, sizeof(line), "set key:%d %d", i, i);
        world_run_line(&w, line);
    }
    uint64_t cursor = 0;
    int steps = 0;
    do {
        snprintf(line, sizeof(line), "scan %llu match key:*", (unsigned long long)cursor);
        const char *reply = arena_string(&w.arena, world_run_line(&w, line));
        reply = strchr(reply + 4, '\n') + 1; /* behind "*2\r\n$n\r\n" */
        cursor = strtoull(reply, NULL, 10);
        assert_true(cursor <= (uint64_t)1 << 52);
        while ((reply = strstr(reply, "key:")) != NULL) {
            const int key = atoi(reply += 4);
            assert_int_equal(seen[key], 0);
            seen[key] = 1;
        }
        steps++;
    } while (cursor != 0);
    assert_int_equal(steps, 300);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(seen[i], 1);
    world_close(&w);
}

/* --- determinism ------------------------------------------------------------------------------ */

/* Some of these, and a packed map becomes rows. */
#define LONG_64 "................................................................"
#define LONG LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64

/* A random line about few keys: of the written forms, some do not fit, which is part of it. */
static void random_line(struct prng *p, char *line, size_t size)
{
    static const char *const forms[] = {
        "set k%u %u", "set k%u v%u ex 100", "set k%u %u keepttl get", "set k%u %u nx px 5000",
        "get k%u", "append k%u %u", "setrange k%u %u xyz", "incrby k%u %u", "incrbyfloat k%u %u.25",
        "del k%u k%u", "expire k%u %u", "pexpire k%u %u gt", "persist k%u", "rename k%u k%u",
        "copy k%u k%u replace", "move k%u %u", "getdel k%u", "getex k%u px %u", "mset k%u 1 k%u 2",
        "msetnx k%u 1 k%u 2", "swapdb %u %u", "select %u", "getset k%u v%u", "flushdb", "randomkey",
        "scan %u count %u", "append k%u \"a longer text, of more than 44 bytes, for k%u, so raw\"",
        "hset h%u f%u " LONG, "hset h%u f%u 1", "hincrby h%u f%u 3", "hdel h%u f%u", "hgetall h%u",
        "hrandfield h%u -%u withvalues", "hpexpire h%u %u00 fields 2 f1 f2",
        "hpexpire h%u %u000 lt fields 3 f3 f4 f5", "hsetex h%u px 5%u fields 2 f1 1 f6 2",
        "hpersist h%u fields 1 f%u", "hpttl h%u fields 1 f%u", "hgetex h%u ex 1 fields 1 f%u",
        "hgetdel h%u fields 1 f%u", "hlen h%u", "sadd s%u %u", "sadd s%u m%u" LONG, "srem s%u %u",
        "spop s%u", "spop s%u %u", "srandmember s%u %u", "smove s%u s%u 3", "sunion s%u s%u",
        "sinterstore s%u s%u s1", "sunionstore s%u s%u s1", "sdiffstore s%u s%u s1", "sscan s%u 0",
        "copy s%u h%u", "rename h%u s%u",
        "setrange k%u %u0000 xyz", "setbit k%u %u1 1", "bitfield k%u incrby u7 #%u 3",
        "bitcount k%u", "bitop xor k%u k%u k1", "bitop not k%u k%u", "bitpos k%u 1",
        "exists k%u k%u", "ttl k%u", "strlen k%u", "object encoding k%u",
        "xadd x%u * f %u", "xadd x%u * f " LONG, "xadd x%u maxlen ~ %u * f " LONG,
        "xgroup create x%u g%u 0 mkstream", "xgroup create x1 g%u $ mkstream",
        "xreadgroup group g1 c%u count %u streams x1 >",
        "xreadgroup group g1 c%u count %u streams x1 0", "xreadgroup group g%u c%u streams x1 >",
        "xautoclaim x1 g1 c%u 100%u - count 3", "xautoclaim x1 g1 c%u 0 - count %u justid",
        "xpending x%u g%u", "xpending x1 g1 - + 5 c%u", "xgroup delconsumer x1 g%u c%u",
        "xgroup destroy x%u g%u", "xinfo stream x%u full count %u", "xtrim x%u maxlen %u",
    };
    const char *form = forms[prng_below(p, ARRAY_COUNT(forms))];
    if (strcmp(form, "flushdb") == 0 && !prng_chance(p, 1, 20))
        form = "get k%u";
    const unsigned a = (unsigned)prng_below(p, 12), b = (unsigned)prng_below(p, 12);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, size, form, a, b);
#pragma GCC diagnostic pop
}

static void check_same_state(struct world *a, struct world *b, const char *line)
{
    assert_int_equal(keyspace_digest(a->keyspace), keyspace_digest(b->keyspace));
    const bool null_sink = b->null_sink;
    b->null_sink = false;
    struct bytes left = arena_copy(&a->arena, world_run_line(a, "debug digest"));
    if (!bytes_equal(left, world_run_line(b, "debug digest")))
        fail_msg("states differ after: %s", line);
    b->null_sink = null_sink;
}

/* The same commands on a large cache, on none, and with nobody to read the replies. */
static void state_depends_on_commands_alone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world worlds[3];
        struct prng p;
        const size_t caches[] = {CACHE_BYTES, 0, 64 << 10};
        for (size_t i = 0; i < ARRAY_COUNT(worlds); i++)
            world_open(&worlds[i], caches[i]);
        worlds[2].null_sink = true;
        prng_seed(&p, seed);
        for (int step = 0; step < 3000; step++) {
            char line[1024];
            random_line(&p, line, sizeof(line));
            const uint64_t ms = prng_below(&p, 500);
            for (size_t i = 0; i < ARRAY_COUNT(worlds); i++) {
                worlds[i].clock_ms += ms;
                world_run_line(&worlds[i], line);
            }
            if (!bytes_equal(buf_bytes(&worlds[0].reply), buf_bytes(&worlds[1].reply)))
                fail_msg("seed %u, step %d: replies differ: %s", (unsigned)seed, step, line);
            assert_true(bytes_equal(buf_bytes(&worlds[0].events), buf_bytes(&worlds[2].events)));
            if (step % 50 == 0) {
                check_same_state(&worlds[0], &worlds[1], line);
                check_same_state(&worlds[0], &worlds[2], line);
            }
        }
        for (size_t i = 0; i < ARRAY_COUNT(worlds); i++)
            world_close(&worlds[i]);
    }
}

/* DEBUG DIGEST tells data sets apart, and nothing else. */
static void digest_is_of_the_data_alone(void **state)
{
    (void)state;
    struct world a, b;
    world_open(&a, CACHE_BYTES);
    world_open(&b, CACHE_BYTES);
    check_reply(&a, "debug digest", "+0000000000000000000000000000000000000000\r\n");
    world_run_line(&a, "mset x 1 y 2 z abc");
    world_run_line(&b, "set z ab");
    world_run_line(&b, "append z c");
    world_run_line(&b, "mset y 5 w 2");
    world_run_line(&b, "rename w y");
    world_run_line(&b, "incr x");
    struct bytes digest = arena_copy(&a.arena, world_run_line(&a, "debug digest"));
    assert_true(bytes_equal(digest, world_run_line(&b, "debug digest")));
    static const char *const changes[] = {"set x 2", "expire x 100", "move x 1", "rename y v",
                                          "del z"};
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct buf before = {0};
        buf_append_bytes(&before, world_run_line(&a, "debug digest"));
        world_run_line(&a, changes[i]);
        if (bytes_equal(buf_bytes(&before), world_run_line(&a, "debug digest")))
            fail_msg("not seen: %s", changes[i]);
        buf_clear(&before);
    }
    world_close(&a);
    world_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_says_where_it_runs),
        cmocka_unit_test(every_command_is_found_by_its_name),
        cmocka_unit_test(names_are_found_whatever_their_case),
        cmocka_unit_test(sort_without_store_is_a_read),
        cmocka_unit_test(patterns_match_as_in_redis),
        cmocka_unit_test(hostile_patterns_end),
        cmocka_unit_test(a_thousand_stars_match_and_no_more),
        cmocka_unit_test(decimals_add_exactly_and_round_once),
        cmocka_unit_test(settings_print_as_config_get_does),
        cmocka_unit_test(settings_follow_the_keyspace),
        cmocka_unit_test(what_is_not_there_yet_says_so),
        cmocka_unit_test(command_list_names_subcommands_too),
        cmocka_unit_test(writes_that_grow_are_refused_over_maxmemory),
        cmocka_unit_test(watch_tells_database_and_stamp),
        cmocka_unit_test(keys_are_idle_until_a_command_uses_them),
        cmocka_unit_test(what_restore_says_of_use_is_kept),
        cmocka_unit_test(strings_end_at_proto_max_bulk_len),
        cmocka_unit_test(scan_gives_every_key_once),
        cmocka_unit_test(state_depends_on_commands_alone),
        cmocka_unit_test(digest_is_of_the_data_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
