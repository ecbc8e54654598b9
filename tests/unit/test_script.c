/* test_script.c -- scripts: replies as Redis's, the same state on every replica, and an end to
 * whatever they do.
 *
 * tests/unit/script/scripts.txt holds commands and what redis-server 7.0.15 said to them
 * (tests/unit/command/record writes it). */

#include "config.h" /* memmem */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "machine_world.h"

#define CACHE_BYTES ((size_t)8 << 20)

/* --- running ---------------------------------------------------------------------------------- */

static struct request request_of(struct world *w, const char *const *words, uint32_t count)
{
    struct bytes *args = arena_alloc(&w->arena, count * sizeof(*args));
    for (uint32_t i = 0; i < count; i++)
        args[i] = bytes_from_string(words[i]);
    return (struct request){.kind = REQ_COMMAND, .args = args, .arg_count = count};
}

static const char *apply_script(struct world *w, const char *script)
{
    const char *const words[] = {"EVAL", script, "1", "x"};
    const struct request r = request_of(w, words, 4);
    return apply_request_of(w, &r);
}

static void set_setting(struct world *w, const char *name, const char *value)
{
    const char *const words[] = {name, value};
    struct request r = request_of(w, words, 2);
    r.kind = REQ_SETTING;
    assert_string_equal(apply_request_of(w, &r), "+OK\r\n");
}

/* As a read that may move to the log. */
static enum read_result try_read(struct world *w, const struct request *r, struct buf *out)
{
    struct buf names = {0};
    struct reply reply = {.out = out, .protocol = 2};
    struct read_run run = {.request = r, .now_ms = w->clock_ms, .reply = &reply, .names = &names};
    const enum read_result result = machine_read(w->m, &run);
    buf_append_u8(out, '\0');
    buf_clear(&names);
    return result;
}

static enum read_result try_script(struct world *w, const char *script, struct buf *out)
{
    const char *const words[] = {"EVAL", script, "1", "x"};
    const struct request r = request_of(w, words, 4);
    buf_reset(out);
    return try_read(w, &r, out);
}

/* --- the replies of Redis --------------------------------------------------------------------- */

/* Words apart by spaces; "..." with \n \r \t \" \\ \xHH. */
static uint32_t split(struct world *w, const char *line, struct bytes *args)
{
    uint32_t count = 0;
    while (*line != '\0') {
        bool quoted = false;
        char *word = arena_alloc(&w->arena, strlen(line) + 1);
        size_t size = 0;
        for (; *line != '\0' && (quoted || *line != ' '); line++) {
            if (*line == '"') {
                quoted = !quoted;
            } else if (quoted && *line == '\\' && line[1] == 'x') {
                const char hex[] = {line[2], line[3], '\0'};
                word[size++] = (char)strtol(hex, NULL, 16);
                line += 3;
            } else if (quoted && *line == '\\') {
                line++;
                word[size++] = *line == 'n'   ? '\n'
                               : *line == 'r' ? '\r'
                               : *line == 't' ? '\t'
                                              : *line;
            } else {
                word[size++] = *line;
            }
        }
        args[count++] = bytes_of(word, size);
        while (*line == ' ')
            line++;
    }
    return count;
}

static void escape(const char *text, size_t size, struct buf *to)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t c = (uint8_t)text[i];
        if (c == '\r' || c == '\n' || c == '\\' || c == '"')
            buf_printf(to, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : c);
        else if (c < 32 || c > 126)
            buf_printf(to, "\\x%02x", c);
        else
            buf_append_u8(to, c);
    }
}

static FILE *open_scripts(void)
{
    char path[512];
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/tests/unit/script/scripts.txt", srcdir == NULL ? "." : srcdir);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    return f;
}

/* All differences are shown before the test fails. */
static bool check_line(struct world *w, const char *line, const char *want)
{
    struct bytes args[32];
    struct buf got = {0};
    const uint32_t count = split(w, line, args);
    const struct request r = {.kind = REQ_COMMAND, .args = args, .arg_count = count};
    const char *reply = apply_request_of(w, &r);
    escape(reply, w->reply_size, &got);
    buf_append_u8(&got, '\0');
    const bool same = strcmp((const char *)buf_data(&got), want) == 0;
    if (!same)
        print_error("%s\n  ours  %s\n  redis %s\n", line, (const char *)buf_data(&got), want);
    buf_clear(&got);
    return same;
}

static void replies_are_those_of_redis(void **state)
{
    (void)state;
    struct world w;
    static char line[8192], want[8192];
    world_init(&w, CACHE_BYTES);
    FILE *f = open_scripts();
    uint32_t checked = 0, different = 0;
    line[0] = '\0';
    while (fgets(want, sizeof(want), f) != NULL) {
        want[strcspn(want, "\n")] = '\0';
        if (strncmp(want, "  ", 2) != 0) {
            memcpy(line, want, sizeof(line));
        } else if (want[2] != '[') {
            different += !check_line(&w, line, want + 2);
            checked++;
        }
    }
    assert_true(checked > 250);
    assert_int_equal(different, 0);
    fclose(f);
    world_clear(&w);
}

/* What a node knows of the use of keys must not come into a row; who only reads may be told. */
static void in_the_log_a_key_was_used_just_now(void **state)
{
    (void)state;
    static const char script[] = "return redis.call('object', 'idletime', KEYS[1])";
    struct world w;
    struct buf out = {0};
    world_init(&w, 1 << 20);
    run(&w, "SET x v");
    w.clock_ms += 100000;
    assert_string_equal(apply_script(&w, script), ":0\r\n");
    assert_int_equal(try_script(&w, script, &out), READ_DONE);
    assert_string_equal((const char *)buf_data(&out), ":100\r\n");
    buf_clear(&out);
    world_clear(&w);
}

/* --- an end to all that scripts do ------------------------------------------------------------ */

static const char *const hostile[] = {
    "while true do end",
    "while true do pcall(error, 'x') end",
    "while true do pcall(function() while true do end end) end",
    "xpcall(function() while true do end end, function() while true do end end)",
    "local f = coroutine.wrap(function() while true do end end) while true do pcall(f) end",
    "while true do coroutine.wrap(function() end)() end",
    "while true do local co = coroutine.create(function() while true do coroutine.yield() end end) "
    "coroutine.resume(co) end",
    "while true do redis.call('get', 'x') end",
    "while true do redis.call('incr', 'n') end",
    "while true do redis.pcall('nosuch') end",
    "local t = {} while true do t[#t + 1] = {} end",
    "local s = 'x' while true do s = s .. s end",
    "local s = string.rep('x', 1000000) local t = {} while true do t[#t + 1] = s .. #t end",
    "local t = {} while true do pcall(function() t[#t + 1] = string.rep('x', 2000000) .. #t end) "
    "end",
    "while true do string.rep('x', 1000000) end",
    "while true do local t = {} for i = 1, 100000 do t[i] = i end table.concat(t) end",
    "local t = {} for i = 1, 100000 do t[i] = -i end while true do table.sort(t) end",
    "local t = {} for i = 1, 100000 do t[i] = i end while true do table.insert(t, 1, 0) end",
    "return string.find(string.rep('a', 30), string.rep('a?', 30) .. string.rep('a', 30))",
    "return string.find(string.rep('a', 100000), string.rep('a-', 150) .. 'b')",
    "return string.find(string.rep('a', 100000), '.-.-.-.-b')",
    "return string.match(string.rep('a', 100000), string.rep('(', 30))",
    "while true do string.gsub(string.rep('x', 100000), 'x', 'yy') end",
    "while true do string.format('%99.99f', 1e308) end",
    "local function f() return f() end f()",
    "local t = cjson.decode(string.rep('[', 1000) .. string.rep(']', 1000)) while true do "
    "cjson.encode(t) end",
    "local s = string.rep('x', 1000000) local t = {} for i = 1, 100 do t[i] = s end "
    "while true do cjson.encode(t) end",
    "local s = string.rep('x', 1000000) local t = {} for i = 1, 100 do t[i] = s end "
    "while true do cmsgpack.pack(t) end",
    "while true do loadstring('return 1')() end",
    "load(function() return 'x = 1 ' end)",
    "while true do struct.pack('c1000000', string.rep('x', 1000000)) end",
    "local t = {} for i = 1, 16 do t = {t, t, t} end cmsgpack.pack(t)",
    "while true do collectgarbage() end",
    "local x = 1.5 while true do x = x ^ 1.01 + math.sin(x) end",
};

/* They end by the budget, and take back all that they did. */
static void hostile_scripts_end_and_leave_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, CACHE_BYTES);
    set_setting(&w, "script-instructions-max", "3000000");
    set_setting(&w, "script-memory-max", "8388608");
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        char script[1024];
        snprintf(script, sizeof(script), "redis.call('set', 'x', 'y') redis.call('del', 'kept') %s",
                 hostile[i]);
        run(&w, "SET kept 1");
        buf_reset(&w.events);
        const char *reply = apply_script(&w, script);
        const bool was_refused = strstr(reply, "was not executed") != NULL;
        const bool failed = strncmp(reply, "-ERR ", 5) == 0 && !was_refused;
        if (!was_refused && !failed && strncmp(reply, "$-1", 3) != 0)
            fail_msg("%s\n  %s", hostile[i], reply);
        assert_string_equal(read_now(&w, "GET x"), was_refused ? "$-1\r\n" : "$1\r\ny\r\n");
        assert_string_equal(read_now(&w, "EXISTS kept"), was_refused ? ":1\r\n" : ":0\r\n");
        if (was_refused)
            assert_null(memmem(buf_data(&w.events), w.events.size, "del kept", 8));
        run(&w, "DEL x");
    }
    world_clear(&w);
}

/* Each of these costs few instructions of Lua. What they look at, and what they change, counts. */
static void what_commands_touch_and_change_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *script, *limit;
    } cases[] = {
        {"while true do redis.call('sintercard', 2, 'set', 'set') end", "script-instructions-max"},
        {"while true do redis.call('sunionstore', 'to', 'set') end", "script-writes-max"},
        {"while true do redis.call('copy', 'set', 'to', 'replace') end", "script-writes-max"},
        {"while true do redis.call('bitcount', 'text') end", "script-instructions-max"},
        {"while true do redis.call('lcs', 'text', 'x', 'len') end", "script-instructions-max"},
        {"while true do redis.call('keys', 'none') end", "script-instructions-max"},
        {"local v = string.rep('v', 100000) for i = 1, 1e9 do redis.call('set', 'k' .. i, v) end",
         "script-writes-max"},
        {"local v = string.rep('v', 100000) while true do redis.call('append', 'a', v) end",
         "script-writes-max"},
        {"local v = string.rep('v', 100000) while true do redis.call('publish', 'c', v) end",
         "script-writes-max"},
    };
    struct world w;
    world_init(&w, CACHE_BYTES);
    set_setting(&w, "script-instructions-max", "3000000");
    set_setting(&w, "script-writes-max", "4194304");
    apply_script(&w, "for i = 1, 2000 do redis.call('sadd', 'set', 'm' .. i) end "
                     "redis.call('setrange', 'text', 1000000, 'x')");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char script[256];
        snprintf(script, sizeof(script), "redis.call('set', 'x', 'y') %s", cases[i].script);
        const char *reply = apply_script(&w, script);
        if (strstr(reply, "was not executed") == NULL || strstr(reply, cases[i].limit) == NULL)
            fail_msg("%s\n  %s", cases[i].script, reply);
        assert_string_equal(read_now(&w, "EXISTS x"), ":0\r\n");
        assert_string_equal(read_now(&w, "DBSIZE"), ":2\r\n");
    }
    /* It is what stands there in the end that counts, not how often it was written. */
    assert_string_equal(apply_script(&w, "local v = string.rep('v', 50000) for i = 1, 200 do "
                                         "redis.call('set', 'k', v) end return 7"), ":7\r\n");
    world_clear(&w);
}

/* C's stack is not theirs. */
static void recursion_has_a_bottom(void **state)
{
    (void)state;
    static const char *const deep[] = {
        "local function f() return 1 + f() end f()",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() return pcall(f) end f() return redis.error_reply('ERR came back')",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end "
        "return t.x",
        "string.gsub('x', 'x', function() error('y') end)",
        "return string.find(string.rep('a', 1000), string.rep('a?', 1000) .. 'b')",
        "return cjson.decode(string.rep('[', 100000))",
        "return cmsgpack.unpack(string.rep('\\145', 100000))",
        "local t = {} for i = 1, 20000 do t = {t} end return cjson.encode(t)",
        "return unpack({}, 1, 1e8)",
        "return string.rep('x', 2^40)",
        "return loadstring(string.rep('(', 1000))()",
        "return loadstring('\\27Lua')()",
        "local t = {} t[t] = 1 for k in pairs(t) do end",
        "local t = {} t[t] = 1 cmsgpack.pack(t)",
    };
    struct world w;
    world_init(&w, CACHE_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(deep); i++) {
        const char *reply = apply_script(&w, deep[i]);
        if (*reply != '-')
            fail_msg("%s\n  %s", deep[i], reply);
    }
    const char *nested = apply_script(&w, "local t = {} for i = 1, 20000 do t = {t} end return t");
    assert_non_null(strstr(nested, "reached lua stack limit"));
    world_clear(&w);
}

static void a_script_over_its_budget_leaves_the_rest_of_exec(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, CACHE_BYTES);
    set_setting(&w, "script-instructions-max", "100000");
    const char *const load[] = {"SCRIPT", "LOAD", "redis.call('set','x',1) while true do end"};
    const struct request r = request_of(&w, load, 3);
    const char *sha = apply_request_of(&w, &r);
    char eval[80];
    snprintf(eval, sizeof(eval), "EVALSHA %.40s 0", sha + 5);
    const char *const commands[] = {"SET a 1", eval, "SET b 2", NULL};
    const struct request exec = exec_words(&w, NULL, 0, commands);
    const char *reply = apply_request_of(&w, &exec);
    assert_non_null(strstr(reply, "*3\r\n+OK\r\n-ERR script"));
    assert_non_null(strstr(reply, "taken back\r\n+OK\r\n"));
    assert_string_equal(read_now(&w, "EXISTS a x b"), ":2\r\n");
    world_clear(&w);
}

/* --- replicas --------------------------------------------------------------------------------- */

static const char *const mixed[] = {
    "for i = 1, 20 do redis.call('rpush', 'l', math.random(1000), tostring({}), os.clock()) end",
    "return redis.call('set', 'time', table.concat(redis.call('time'), '.'))",
    "for i = 1, 30 do redis.call('sadd', 's', math.random(100)) end redis.call('spop', 's', 5)",
    "redis.call('hset', 'h', redis.call('randomkey') or 'none', cjson.encode({a=1, b={2}, c='x'}))",
    "local t = {} for i = 1, 50 do t['k' .. math.random(1000)] = i end local s = '' "
    "for k, v in pairs(t) do s = s .. k .. v end redis.call('append', 'order', s)",
    "redis.call('set', 'pack', cmsgpack.pack({x=1, y={math.random()}}))",
    "local n = 0 while true do n = n + 1 redis.call('set', 'n', n) end",
    "local t = {} while true do t[#t + 1] = string.rep('x', 100000) redis.call('incr', 'c') end",
    "local t = setmetatable({}, {__mode = 'k'}) for i = 1, 1000 do t[{}] = i end "
    "local n = 0 local s = string.rep('x', 3000000) s = s .. s redis.call('set', 'weak', #s)",
    "redis.call('select', 3) redis.call('set', 'other', 1) redis.call('expire', 'other', 100)",
    "redis.call('flushdb') redis.call('set', 'after', 'flush')",
    "redis.call('publish', 'c', 'm') return redis.call('info')",
    "error('x')",
};

/* Replica 1 forgets its state of Lua, replica 2 has another history and a cache of nothing. */
static void replicas_come_to_the_same_state(void **state)
{
    (void)state;
    struct world w[3];
    struct prng chance;
    prng_seed(&chance, 20261129);
    for (int i = 0; i < 3; i++) {
        world_init(&w[i], i == 2 ? 0 : CACHE_BYTES);
        set_setting(&w[i], "script-instructions-max", "200000");
        set_setting(&w[i], "script-memory-max", "16777216");
        w[i].deaf = i == 1;
    }
    struct buf out = {0};
    for (int round = 0; round < 150; round++) {
        const size_t n = prng_below(&chance, ARRAY_COUNT(mixed));
        for (int i = 0; i < 3; i++) {
            w[i].clock_ms += 10;
            if (i == 2) /* reads of its own, which the others have not had */
                try_script(&w[i], "local t = {} for i = 1, 3000 do t[i] = 'own' .. i end", &out);
            apply_script(&w[i], mixed[n]);
            if (i == 1 && round % 17 == 0) {
                world_flush(&w[i]);
                world_reopen(&w[i], CACHE_BYTES);
            }
        }
        assert_true(keyspace_digest(w[0].k) == keyspace_digest(w[1].k));
        assert_true(keyspace_digest(w[0].k) == keyspace_digest(w[2].k));
    }
    buf_clear(&out);
    for (int i = 0; i < 3; i++)
        world_clear(&w[i]);
}

/* Where a budget ends is exact, whatever ran before. */
static void budgets_end_at_the_same_instruction(void **state)
{
    (void)state;
    static const char count[] = "local n = 0 while n < 1000000 do n = n + 1 "
                                "if n % 1000 == 0 then redis.call('append', 'a', "
                                "string.rep('x', 10000)) end end";
    struct world w[2];
    for (int i = 0; i < 2; i++)
        world_init(&w[i], CACHE_BYTES);
    struct buf out = {0};
    for (int limit = 1000; limit < 200000; limit += 7001) {
        char text[32];
        snprintf(text, sizeof(text), "%d", limit);
        set_setting(&w[0], "script-instructions-max", text);
        set_setting(&w[1], "script-instructions-max", text);
        for (int i = 0; i < 20; i++) /* strings, garbage, buffers that only node 1 has */
            try_script(&w[1], "local t = {} for i = 1, 5000 do t[i] = ARGV[1] or 'k' .. i * 7 end "
                              "return string.rep('y', 100000) .. #t", &out);
        char first[512];
        snprintf(first, sizeof(first), "%s", apply_script(&w[0], count));
        assert_string_equal(first, apply_script(&w[1], count));
        assert_true(keyspace_digest(w[0].k) == keyspace_digest(w[1].k));
    }
    buf_clear(&out);
    for (int i = 0; i < 2; i++)
        world_clear(&w[i]);
}

/* --- reads, shas ------------------------------------------------------------------------------ */

/* A string that a read of this node alone has left is found by Lua, not made: it costs the same. */
static void what_earlier_scripts_left_changes_no_count(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "for i = 1, 20 do string.rep('x', 5000 + i) end redis.call('set', KEYS[1], os.clock())",
        "local t = {} for i = 1, 150000 do t[i] = 'k' .. i end "
        "redis.call('set', KEYS[1], os.clock())",
        "while true do string.rep('y', 100000) redis.call('incr', 'n') end", /* to its budget */
    };
    static const char read[] = /* and Lua's table of strings grows */
        "for i = 1, 20 do string.rep('x', 5000 + i) end "
        "for i = 1, 200000 do local s = 'q' .. i end "
        "return #string.rep('y', 100000)";
    struct world a, b;
    struct buf out = {0};
    world_init(&a, CACHE_BYTES);
    world_init(&b, CACHE_BYTES);
    set_setting(&a, "script-instructions-max", "3000000");
    set_setting(&b, "script-instructions-max", "3000000");
    assert_int_equal(try_script(&b, read, &out), READ_DONE);
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
        apply_script(&a, scripts[i]);
        apply_script(&b, scripts[i]);
        assert_int_equal(keyspace_digest(a.k), keyspace_digest(b.k));
    }
    buf_clear(&out);
    world_clear(&a);
    world_clear(&b);
}

static void a_read_moves_to_the_log_at_its_first_write(void **state)
{
    (void)state;
    struct world w;
    struct buf out = {0};
    world_init(&w, CACHE_BYTES);
    assert_int_equal(try_script(&w, "return redis.call('get', 'x')", &out), READ_DONE);
    assert_string_equal((char *)buf_data(&out), "$-1\r\n");
    static const char write[] = "pcall(function() redis.call('set', 'x', 1) end) return 1";
    assert_int_equal(try_script(&w, write, &out), READ_WANTS_LOG);
    assert_string_equal((char *)buf_data(&out), "");
    assert_string_equal(read_now(&w, "GET x"), "$-1\r\n");
    assert_string_equal(apply_script(&w, write), ":1\r\n");
    assert_string_equal(read_now(&w, "GET x"), "$1\r\n1\r\n");

    const char *const words[] = {"EVAL", write, "0"};
    const struct request r = request_of(&w, words, 3);
    bool store;
    const struct command *eval = command_by_name(BYTES("eval"));
    assert_int_equal(machine_script_way(w.m, eval, &r, &store), SCRIPT_TO_LOG); /* it was seen */
    assert_false(store);
    const char *const other[] = {"EVAL", "return 7", "0"};
    const struct request unknown = request_of(&w, other, 3);
    assert_int_equal(machine_script_way(w.m, eval, &unknown, &store), SCRIPT_TRY_READ);
    assert_true(store);
    const struct request storing = machine_script_store(&unknown, &w.arena);
    apply_request_of(&w, &storing);
    assert_int_equal(machine_script_way(w.m, eval, &unknown, &store), SCRIPT_TRY_READ);
    assert_false(store);
    assert_int_equal(machine_script_count(w.m), 2);
    buf_clear(&out);
    world_clear(&w);
}

static void eval_by_sha_outlives_a_flush(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, CACHE_BYTES);
    static const char script[] =
        "return 'some words, so that the sha is shorter than the source of it'";
    const char *const words[] = {"EVAL", script, "0"};
    struct request r = request_of(&w, words, 3);
    machine_script_shorten(w.m, &r, &w.arena);
    assert_int_equal(r.flags, 0); /* not stored: it travels whole */
    apply_request_of(&w, &r);
    machine_script_shorten(w.m, &r, &w.arena);
    assert_int_equal(r.flags, REQUEST_SHA);
    assert_int_equal(r.args[1].size, 40);
    assert_string_equal(run(&w, "SCRIPT FLUSH"), "+OK\r\n");
    char evalsha[80];
    snprintf(evalsha, sizeof(evalsha), "EVALSHA %.40s 0", (const char *)r.args[1].data);
    assert_string_equal(run(&w, evalsha), "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    assert_non_null(strstr(apply_request_of(&w, &r), "some words"));
    assert_non_null(strstr(run(&w, evalsha), "some words")); /* it is known again */
    world_clear(&w);
}

static void the_table_of_scripts_has_an_end(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, CACHE_BYTES);
    char script[64];
    for (int i = 0; i < 12000; i++) {
        snprintf(script, sizeof(script), "return %d", i);
        apply_script(&w, script);
        buf_reset(&w.events);
    }
    assert_true(machine_script_count(w.m) < 11000);
    assert_true(machine_script_count(w.m) > 0);
    assert_string_equal(apply_script(&w, "return 11999"), ":11999\r\n");
    assert_string_equal(apply_script(&w, "return 3"), ":3\r\n");
    world_clear(&w);
}

/* --- bytes of anybody ------------------------------------------------------------------------- */

/* TSan does not see longjmp leave the frames of decoders, and its stack overflows. */
#ifdef __SANITIZE_THREAD__
#define DECODER_ROUNDS 400
#else
#define DECODER_ROUNDS 4000
#endif

/* Decoders survive any bytes, and give back what the encoders made. */
static void decoders_survive_any_bytes(void **state)
{
    (void)state;
    static const char script[] =
        "local s = ARGV[1] "
        "local n = pcall(cjson.decode, s) and 1 or 0 "
        "local ok, v = pcall(cmsgpack.unpack, s) "
        "if ok and v ~= nil then pcall(cmsgpack.pack, v) pcall(cjson.encode, v) end "
        "pcall(cmsgpack.unpack_limit, s, 2, 1) "
        "for _, f in ipairs{'<i4', '>I8s', 'Bc0', '!8dhf', 'i16', 'c3'} do "
        "pcall(struct.unpack, f, s) end "
        "pcall(struct.unpack, s, s) pcall(struct.size, s) pcall(struct.pack, s, 1, 2, 3) "
        "pcall(string.find, s, s) pcall(string.gsub, s, s, s) pcall(string.format, s, 1, 2, 3) "
        "pcall(loadstring, s) return 1";
    static const char alphabet[] =
        "[]{}\",:\\u0d8n.e-+tf%()*?$^<>!iIcsxhBLd123456789 \xc0\xdd\xdf\x91";
    struct world w;
    struct prng chance;
    struct buf out = {0};
    prng_seed(&chance, 7);
    world_init(&w, CACHE_BYTES);
    for (int i = 0; i < DECODER_ROUNDS; i++) {
        char bytes[64];
        const size_t size = prng_below(&chance, sizeof(bytes));
        for (size_t j = 0; j < size; j++)
            bytes[j] = i % 2 == 0 ? (char)prng_next(&chance)
                                  : alphabet[prng_below(&chance, sizeof(alphabet) - 1)];
        const struct bytes args[] = {BYTES("EVAL_RO"), bytes_from_string(script), BYTES("0"),
                                     bytes_of(bytes, size)};
        const struct request r = {.kind = REQ_COMMAND, .flags = REQUEST_READ, .args = args,
                                  .arg_count = 4};
        buf_reset(&out);
        assert_int_equal(try_read(&w, &r, &out), READ_DONE);
        assert_string_equal((char *)buf_data(&out), ":1\r\n");
    }
    buf_clear(&out);
    world_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_those_of_redis),
        cmocka_unit_test(in_the_log_a_key_was_used_just_now),
        cmocka_unit_test(hostile_scripts_end_and_leave_nothing),
        cmocka_unit_test(recursion_has_a_bottom),
        cmocka_unit_test(a_script_over_its_budget_leaves_the_rest_of_exec),
        cmocka_unit_test(replicas_come_to_the_same_state),
        cmocka_unit_test(what_commands_touch_and_change_is_bounded),
        cmocka_unit_test(budgets_end_at_the_same_instruction),
        cmocka_unit_test(what_earlier_scripts_left_changes_no_count),
        cmocka_unit_test(a_read_moves_to_the_log_at_its_first_write),
        cmocka_unit_test(eval_by_sha_outlives_a_flush),
        cmocka_unit_test(the_table_of_scripts_has_an_end),
        cmocka_unit_test(decoders_survive_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
