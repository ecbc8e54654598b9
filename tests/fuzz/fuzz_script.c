/* fuzz_script.c -- any bytes, read as calls of all functions that a script has, with any arguments:
 *   - a script ends, with a reply, and no node with it (ASan looks at what the libraries read);
 *   - what it came to, stored by itself, is the same on a node with another history of scripts, and
 *     where nobody reads the reply. */

#include "test.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "machine_world.h"

const char fuzz_corpus[] = "script";
const uint64_t fuzz_rounds = 5000;
const char *const fuzz_words[] = {
    "\xff\x04%s%q%d", "[[1,2],{\"a\":null}]", "\x93\x01\xa1x\xc0", ">I4s<d!8Bc0", "%b()%f[%w](.-)",
    "\x00", "\xdd\xff\xff\xff\xff", "-0x1p-1074", "1e999", NULL,
};

#define ROUNDS_OF_A_WORLD 500
#define STEPS_MAX 24
#define TEXTS 4

static const char *const functions[] = {
    "assert", "error", "getmetatable", "ipairs", "loadstring", "next", "pairs", "pcall", "rawequal",
    "rawget", "rawset", "select", "setmetatable", "tonumber", "tostring", "type", "unpack",
    "xpcall", "collectgarbage", "coroutine.create", "coroutine.resume", "coroutine.status",
    "coroutine.wrap", "coroutine.yield", "string.byte", "string.char", "string.find",
    "string.format", "string.gmatch", "string.gsub", "string.len", "string.lower", "string.match",
    "string.rep", "string.reverse", "string.sub", "string.upper", "string.dump", "table.concat",
    "table.insert", "table.maxn", "table.remove", "table.sort", "math.abs", "math.ceil",
    "math.exp", "math.floor", "math.fmod", "math.frexp", "math.ldexp", "math.log", "math.max",
    "math.modf", "math.pow", "math.random", "math.randomseed", "math.sin", "math.sqrt", "os.clock",
    "bit.band", "bit.bnot", "bit.bor", "bit.bswap", "bit.lshift", "bit.rol", "bit.rshift",
    "bit.tobit", "bit.tohex", "cjson.decode", "cjson.encode", "cjson.encode_sparse_array",
    "cjson.encode_max_depth", "cjson.decode_invalid_numbers", "cmsgpack.pack", "cmsgpack.unpack",
    "cmsgpack.unpack_limit", "cmsgpack.unpack_one", "struct.pack", "struct.unpack", "struct.size",
    "redis.sha1hex", "redis.error_reply", "redis.status_reply", "redis.setresp", "redis.log",
    "redis.acl_check_cmd", "redis.replicate_commands", "redis.set_repl", "redis.call",
    "redis.pcall", "redis.call", "redis.pcall",
};

static const char *const commands[] = {
    "'set'", "'get'", "'incrby'", "'append'", "'setrange'", "'hset'", "'hgetall'", "'rpush'",
    "'lrange'", "'sadd'", "'smembers'", "'spop'", "'zadd'", "'zrange'", "'xadd'", "'xrange'",
    "'pfadd'", "'bitfield'", "'sort'", "'geoadd'", "'eval'", "'multi'", "'blpop'", "'publish'",
    "'object'", "'time'", "'scan'", "'del'", "'expire'", "'dump'", "'restore'", "'nosuch'",
};

static const char *const literals[] = {
    "0", "-1", "1", "2", "255", "1e15", "-1e300", "0/0", "1/0", "2^53", "-2^31", "0.5", "nil",
    "true", "false", "{}", "{1,2,{3}}", "{a=1,b={2}}", "loop", "print", "string.len", "tostring",
    "function(...) return ... end", "function() error({}) end", "'k'", "'%s%d%q'", "'(.-)%1'",
    "'%b()'", "'>I4sBc0'", "'[1,{\"a\":2}]'", "''", "string.rep('x', 5000)",
};

static struct world worlds[2];
static uint64_t rounds;
static struct buf script;

/* --- what the bytes say ----------------------------------------------------------------------- */

static void write_argument(struct reader *r)
{
    const uint8_t what = reader_u8(r);
    if (what < 64)
        buf_printf(&script, "ARGV[%u]", 1 + what % TEXTS);
    else if (what < 96)
        buf_printf(&script, "r[#r-%u]", what % 8u);
    else if (what < 104)
        buf_printf(&script, "%u", what);
    else
        buf_append_string(&script, literals[what % ARRAY_COUNT(literals)]);
}

static void write_step(struct reader *r)
{
    const char *name = functions[reader_u8(r) % ARRAY_COUNT(functions)];
    const uint32_t count = reader_u8(r) % 5u;
    const bool is_call = strcmp(name, "redis.call") == 0 || strcmp(name, "redis.pcall") == 0;
    buf_printf(&script, "s(%s", name);
    if (is_call)
        buf_printf(&script, ", %s, 'k'", commands[reader_u8(r) % ARRAY_COUNT(commands)]);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_string(&script, ", ");
        write_argument(r);
    }
    buf_append_string(&script, ") ");
}

/* Each call is tried, and what came of it kept, for later ones and for the state. */
static struct bytes write_script(struct bytes steps)
{
    struct reader r;
    reader_init(&r, steps);
    buf_reset(&script);
    buf_append_string(&script, "local r, t, loop = {}, {}, {} loop[1] = loop "
                               "local function s(f, ...) local ok, x, y = pcall(f, ...) "
                               "r[#r + 1] = x if y ~= nil then r[#r + 1] = y end "
                               "t[#t + 1] = tostring(ok) .. tostring(x) .. tostring(y) end ");
    for (uint32_t i = 0; i < STEPS_MAX && reader_left(&r) > 0; i++)
        write_step(&r);
    buf_append_string(&script, "redis.call('set', 'out', table.concat(t, '|')) return r[#r]");
    return buf_bytes(&script);
}

/* --- the worlds ------------------------------------------------------------------------------- */

static void set_setting(struct world *w, const char *name, const char *value)
{
    const struct bytes args[] = {bytes_from_string(name), bytes_from_string(value)};
    const struct request r = {.kind = REQ_SETTING, .args = args, .arg_count = 2};
    CHECK(strcmp(apply_request_of(w, &r), "+OK\r\n") == 0);
}

static void next_worlds(void)
{
    if (rounds++ % ROUNDS_OF_A_WORLD > 0)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(worlds); i++) {
        if (rounds > 1)
            world_clear(&worlds[i]);
        world_init(&worlds[i], 64 << 20);
        set_setting(&worlds[i], "script-instructions-max", "200000");
        set_setting(&worlds[i], "script-memory-max", "8388608");
        set_setting(&worlds[i], "apply-rows-max", "10000");
    }
    worlds[1].protocol = 3;
}

/* As a read, which leaves nothing but what Lua keeps of it. */
static void read_in(struct world *w, struct bytes source, const struct bytes texts[static TEXTS])
{
    struct bytes args[3 + TEXTS] = {BYTES("eval_ro"), source, BYTES("0")};
    memcpy(args + 3, texts, TEXTS * sizeof(*texts));
    const struct request r = {.kind = REQ_COMMAND, .flags = REQUEST_READ, .args = args,
                              .arg_count = ARRAY_COUNT(args)};
    struct reply reply = {.out = &w->replies, .protocol = 2};
    struct read_run read = {.request = &r, .now_ms = w->clock_ms, .reply = &reply, .client = w};
    const enum read_result result = machine_read(w->m, &read);
    CHECK(result == READ_DONE);
    CHECK(w->replies.size > 0);
    buf_reset(&w->replies);
}

static void run_in(struct world *w, struct bytes source, const struct bytes texts[static TEXTS])
{
    struct bytes args[3 + TEXTS] = {BYTES("eval"), source, BYTES("0")};
    memcpy(args + 3, texts, TEXTS * sizeof(*texts));
    const struct request r = {.kind = REQ_COMMAND, .args = args, .arg_count = ARRAY_COUNT(args)};
    apply_request_of(w, &r);
    CHECK(w->deaf || w->reply_size > 0);
    buf_reset(&w->events);
    arena_reset(&w->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0xff, size); /* then come the texts */
    if (end == NULL)
        return 0;
    const struct bytes steps = bytes_of(data, (size_t)(end - data));
    const struct bytes rest = bytes_of(end + 1, size - steps.size - 1);
    struct bytes texts[TEXTS];
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = bytes_of(bytes_data(rest) + rest.size * i / TEXTS,
                            rest.size * (i + 1) / TEXTS - rest.size * i / TEXTS);
    next_worlds();
    /* The second one's Lua has seen something else before, which left no row. */
    read_in(&worlds[1],
            BYTES("local t = {} for i = 1, 500 do t[i] = ARGV[1] .. i end "
                  "return {pcall(cjson.decode, ARGV[2]), pcall(cmsgpack.unpack, ARGV[1])}"),
            texts);
    worlds[1].deaf = rounds % 2 == 0;
    const struct bytes source = write_script(steps);
    for (size_t i = 0; i < ARRAY_COUNT(worlds); i++)
        run_in(&worlds[i], source, texts);
    worlds[1].deaf = false;
    CHECK(keyspace_digest(worlds[0].k) == keyspace_digest(worlds[1].k));
    return 0;
}
