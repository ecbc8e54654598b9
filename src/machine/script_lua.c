/* script_lua.c -- the engine: one Lua state, its memory, the count of instructions, and a run.
 *
 * A run ends by its own return or error, or by what lua_step() decides: over its instructions, over
 * its memory, killed; or by redis.call that met a write in a read. The latter (e->end) cannot be
 * caught: every function that catches errors asks lua_raise_end(). */

#include "machine/script_lua.h"

#include <stdlib.h>

#include "base/panic.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"

#define FIRST_STRING_TABLE (32 * sizeof(void *)) /* Lua's MINSTRTABSIZE */
#define CONCAT_PROBE 7777       /* bytes that are concatenated once, to find the buffer */
#define STRING_HEAD 24          /* of a string in Lua 5.1, before its bytes and a NUL */
#define CHARGED_BLOCK 4096      /* smaller blocks are paid for by the instructions around them */
#define LARGE_BLOCK ((size_t)1 << 20)
#define CACHED_MAX 500          /* compiled scripts */
#define GARBAGE_MAX ((size_t)8 << 20) /* of earlier runs, until it is collected */
#define COMPILED "compiled" /* in the registry: name -> function */
#define NAMES "names"       /* object -> what tostring called it, of this run */
#define FUNCTIONS "functions" /* what the library registered, of this run */

/* --- memory ----------------------------------------------------------------------------------- */

static size_t counted_bytes(const struct script_engine *e)
{
    return e->bytes - e->string_table_size - e->concat_buffer_size + e->found_bytes;
}

static void hook(lua_State *L, lua_Debug *ar);

/* The next instruction looks: the allocator itself may neither collect nor raise. */
static void look_soon(struct script_engine *e)
{
    if (e->running != NULL)
        lua_sethook(e->running, hook, LUA_MASKCOUNT, 1);
}

static void look_if_due(struct script_engine *e, size_t size)
{
    if (size >= LARGE_BLOCK || e->spent >= MIN(e->check_at, e->spent_max) ||
        counted_bytes(e) > e->collect_at)
        look_soon(e);
}

static void note_block(struct script_engine *e, void *block, size_t old_size, size_t size)
{
    if (e->string_table == NULL && old_size == 0 && size == FIRST_STRING_TABLE) {
        e->string_table = block;
        e->string_table_size = size;
        return;
    }
    e->newest = block;
    e->newest_size = size;
    if (old_size == 0 && e->string_block > 0) {
        e->string_is_made = true; /* __wrap_luaS_newlstr() charges it; behind it only the table
                                   * grows, when earlier runs have left enough */
        return;
    }
    if (e->is_collecting)
        return; /* the table shrinks, or not, likewise */
    if (size >= CHARGED_BLOCK && size > old_size)
        e->spent += size / CHARGE_BYTES;
    look_if_due(e, size);
}

static void free_block(struct script_engine *e, void *block, size_t size)
{
    if (block != NULL && block == e->string_table) { /* Lua has just made the one that follows */
        e->string_table = e->newest;
        e->string_table_size = e->newest_size;
    }
    e->bytes -= size;
    free(block);
}

static void *allocate(void *context, void *block, size_t old_size, size_t size)
{
    struct script_engine *e = context;
    if (size == 0) {
        free_block(e, block, old_size);
        return NULL;
    }
    if (size > old_size && size > e->block_max)
        return NULL; /* "not enough memory": by its size alone */
    const bool is_buffer = block != NULL && block == e->concat_buffer;
    void *fresh = xrealloc(block, size);
    e->bytes += size;
    e->bytes -= old_size;
    if (is_buffer || (!e->is_open && size == CONCAT_PROBE)) {
        e->concat_buffer = fresh;
        e->concat_buffer_size = size;
        return fresh;
    }
    note_block(e, fresh, old_size, size);
    return fresh;
}

/* Lua makes no string twice: one that an earlier run has left, perhaps a read of this node alone,
 * is found, and costs nothing. So that a run comes to its end at the same place on every node, each
 * string is paid for here, and counted, found or made. (The linker gives Lua this in place of its
 * own: configure.ac.) */
void *__real_luaS_newlstr(lua_State *L, const char *text, size_t size);
void *__wrap_luaS_newlstr(lua_State *L, const char *text, size_t size);

void *__wrap_luaS_newlstr(lua_State *L, const char *text, size_t size)
{
    struct script_engine *e = engine_of(L);
    const size_t block = STRING_HEAD + size + 1;
    if (size > e->block_max || block > e->block_max)
        lua_newuserdata(L, size); /* "not enough memory", also where it would be found */
    e->string_block = block;
    e->string_is_made = false;
    void *string = __real_luaS_newlstr(L, text, size);
    if (!e->string_is_made)
        e->found_bytes += block;
    e->string_block = 0;
    if (block >= CHARGED_BLOCK)
        e->spent += block / CHARGE_BYTES;
    look_if_due(e, block);
    return string;
}

static void forget_compiled(struct script_engine *e, lua_State *L)
{
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, COMPILED);
    e->cached = 0;
}

/* Until nothing is left to free, so that what is left does not depend on how often it was done. */
static void collect(struct script_engine *e, lua_State *L)
{
    size_t before;
    e->is_collecting = true;
    do {
        before = e->bytes;
        lua_gc(L, LUA_GCCOLLECT, 0);
    } while (e->bytes < before);
    lua_gc(L, LUA_GCSTOP, 0);
    e->is_collecting = false;
}

/* --- the end of a run ------------------------------------------------------------------------- */

void lua_raise_end(lua_State *L)
{
    if (engine_of(L)->end == SCRIPT_RUNS)
        return;
    lua_pushliteral(L, "the script has ended");
    lua_error(L);
}

static void end_run(lua_State *L, enum script_end end)
{
    engine_of(L)->end = end;
    lua_raise_end(L);
}

/* §3.4 step 7: what is live decides, not what the collector has left. */
static void memory_step(struct script_engine *e, lua_State *L)
{
    forget_compiled(e, L);
    collect(e, L);
    e->found_bytes = 0; /* what is live was counted, what was left is gone */
    const size_t live = counted_bytes(e);
    e->has_collected = true;
    e->collect_at = MAX(e->memory_max / 2, live + e->memory_max / 8);
    if (live > e->memory_max)
        end_run(L, SCRIPT_OVER_MEMORY);
}

/* The host of who waits for the reply looks after others, and may want the end of a read. */
static void ask_host(struct script_engine *e, lua_State *L)
{
    const struct exec *x = e->run == NULL ? NULL : e->run->outer;
    if (x == NULL || x->client == NULL || x->host->script_poll == NULL)
        return;
    const bool may_end = keyspace_is_read_only(x->keyspace);
    if (x->host->script_poll(x->host_context, x, may_end) && may_end)
        end_run(L, SCRIPT_KILLED);
}

static void step(struct script_engine *e, lua_State *L)
{
    lua_raise_end(L);
    if (e->spent > e->spent_max)
        end_run(L, SCRIPT_OVER_INSTRUCTIONS);
    if (counted_bytes(e) > e->collect_at)
        memory_step(e, L);
    if (e->spent >= e->check_at) {
        e->check_at = e->spent + CHECK_STEP;
        ask_host(e, L);
    }
}

static void hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    struct script_engine *e = engine_of(L);
    e->spent += (uint64_t)lua_gethookcount(L) + lua_take_pow_price();
    if (lua_gethookcount(L) != HOOK_STEP)
        lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEP);
    step(e, L);
}

void lua_charge(lua_State *L, uint64_t n)
{
    struct script_engine *e = engine_of(L);
    e->spent += n;
    if (e->end != SCRIPT_RUNS || e->spent >= MIN(e->check_at, e->spent_max) ||
        counted_bytes(e) > e->collect_at)
        step(e, L);
}

/* --- values ----------------------------------------------------------------------------------- */

int64_t lua_number_to_integer(lua_Number n)
{
    if (n >= 9223372036854775808.0)
        return INT64_MAX;
    if (n >= -9223372036854775808.0)
        return (int64_t)n;
    return INT64_MIN; /* as NaN on most processors */
}

int64_t lua_arg_integer(lua_State *L, int index)
{
    return lua_number_to_integer(luaL_checknumber(L, index));
}

int64_t lua_arg_integer_or(lua_State *L, int index, int64_t otherwise)
{
    return lua_isnoneornil(L, index) ? otherwise : lua_arg_integer(L, index);
}

void lua_check_buf(lua_State *L, const struct buf *b)
{
    if (b->size > engine_of(L)->block_max)
        luaL_error(L, "not enough memory");
}

void lua_push_error(lua_State *L, struct bytes text)
{
    struct bytes code = BYTES("ERR");
    if (text.size > 0 && *bytes_data(text) == '-') {
        text = bytes_from(text, 1);
        const uint8_t *space = memchr(text.data, ' ', text.size);
        if (space != NULL) {
            code = bytes_of(text.data, (size_t)(space - bytes_data(text)));
            text = bytes_from(text, code.size + 1);
        }
    }
    while (text.size > 0 && strchr("\r\n", bytes_data(text)[text.size - 1]) != NULL)
        text.size--;
    lua_createtable(L, 0, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addlstring(&b, code.data, code.size);
    luaL_addchar(&b, ' ');
    luaL_addlstring(&b, text.size == 0 ? "" : text.data, text.size);
    luaL_pushresult(&b);
    lua_setfield(L, -2, "err");
}

/* --- compiling -------------------------------------------------------------------------------- */

/* The "#!" line is passed over, its line end is not: lines keep their numbers. */
static struct bytes without_shebang(struct bytes source)
{
    if (!bytes_has_prefix(source, BYTES("#!")))
        return source;
    const uint8_t *end = memchr(source.data, '\n', source.size);
    return end == NULL ? BYTES_NONE : bytes_from(source, (size_t)(end - bytes_data(source)));
}

/* Leaves a function, or the parser's words; false: the latter. */
static bool compile(lua_State *L, struct bytes source, const char *name)
{
    const struct bytes text = without_shebang(source);
    if (text.size > 0 && *bytes_data(text) == LUA_SIGNATURE[0]) {
        lua_pushliteral(L, "bytecode is not taken");
        return false;
    }
    return luaL_loadbuffer(L, text.size == 0 ? "" : text.data, text.size, name) == 0;
}

static const char *chunk_name(bool is_library)
{
    return is_library ? "@user_function" : "@user_script";
}

/* The compiled source, kept by its name (a sha, a library with its number) or made now. */
static bool push_compiled(struct script_engine *e, lua_State *L, const struct script_run *run)
{
    const bool is_library = run->library.size > 0;
    const struct bytes key =
        is_library ? run->library : bytes_from_string(run->name);
    lua_getfield(L, LUA_REGISTRYINDEX, COMPILED);
    lua_pushlstring(L, key.data, key.size);
    lua_rawget(L, -2);
    if (lua_isfunction(L, -1)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 2);
    if (e->cached >= CACHED_MAX)
        forget_compiled(e, L);
    if (!compile(L, run->source, chunk_name(is_library)))
        return false;
    lua_getfield(L, LUA_REGISTRYINDEX, COMPILED);
    lua_pushlstring(L, key.data, key.size);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    e->cached++;
    return true;
}

bool script_engine_check(struct script_engine *e, struct bytes source, struct buf *error)
{
    const bool good = compile(e->lua, source, "@user_script");
    if (!good) {
        const struct bytes words = lua_bytes(e->lua, -1);
        buf_append_bytes(error, words);
    }
    lua_settop(e->lua, 0);
    return good;
}

/* --- a run ------------------------------------------------------------------------------------ */

/* Of an error that nobody caught: a table with its text, where it was raised. */
static int on_error(lua_State *L)
{
    if (engine_of(L)->end != SCRIPT_RUNS)
        return 1;
    lua_settop(L, 1);
    if (!lua_istable(L, 1)) {
        const char *text = lua_tostring(L, 1);
        lua_createtable(L, 0, 3);
        lua_pushfstring(L, "ERR %s", text != NULL ? text : luaL_typename(L, 1));
        lua_setfield(L, 2, "err");
        lua_replace(L, 1);
    }
    lua_Debug where;
    bool known = lua_getstack(L, 1, &where) && lua_getinfo(L, "Sl", &where);
    if (known && strcmp(where.what, "C") == 0)
        known = lua_getstack(L, 2, &where) && lua_getinfo(L, "Sl", &where);
    if (known && !lua_getmetatable(L, 1)) { /* not one of ours, nor with a __newindex */
        lua_pushstring(L, where.source);
        lua_setfield(L, 1, "source");
        lua_pushinteger(L, where.currentline);
        lua_setfield(L, 1, "line");
    }
    lua_settop(L, 1);
    return 1;
}

static void append_field(lua_State *L, const char *name, const char *before, struct buf *to)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_isstring(L, -1)) {
        buf_append_string(to, before);
        const struct bytes text = lua_bytes(L, -1);
        buf_append_bytes(to, text);
    }
    lua_pop(L, 1);
}

static bool has_field(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    const bool there = lua_isstring(L, -1);
    lua_pop(L, 1);
    return there;
}

/* The error on top as the client reads it. */
static void take_error(lua_State *L, struct script_run *run)
{
    run->failed = true;
    if (!lua_istable(L, -1)) {
        const char *text = lua_tostring(L, -1);
        buf_printf(run->error, "ERR Error running script %s, %.100s", run->name,
                   text != NULL ? text : "execution failure");
        return;
    }
    lua_pushliteral(L, COUNTED_FIELD);
    lua_rawget(L, -2);
    run->error_was_counted = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (has_field(L, "err"))
        append_field(L, "err", "", run->error);
    else
        buf_append_string(run->error, "ERR unknown error");
    if (has_field(L, "source") && has_field(L, "line")) {
        buf_printf(run->error, " script: %s", run->name);
        append_field(L, "source", ", on ", run->error);
        append_field(L, "line", ":", run->error);
        buf_append_string(run->error, ".");
    }
}

static void push_strings(lua_State *L, const struct bytes *strings, uint32_t count)
{
    lua_createtable(L, (int)MIN(count, INT32_MAX), 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushlstring(L, strings[i].size == 0 ? "" : strings[i].data, strings[i].size);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void begin_counts(struct script_engine *e)
{
    e->block_max = e->memory_max / 4;
    e->found_bytes = e->string_block = 0;
    e->collect_at = counted_bytes(e) + e->memory_max / 2;
    e->spent = 0;
    e->check_at = CHECK_STEP;
}

static void set_limits(struct script_engine *e, const struct script_run *run)
{
    const struct settings *settings = run->outer->settings;
    const bool may_be_killed = keyspace_is_read_only(run->outer->keyspace);
    e->spent_max = may_be_killed ? UINT64_MAX : settings->script_instructions_max;
    e->memory_max = settings->script_memory_max;
    begin_counts(e);
}

static void begin_run(struct script_engine *e, lua_State *L)
{
    lua_take_pow_price(); /* of constants, when it was compiled */
    e->end = SCRIPT_RUNS;
    e->table_names = 0;
    e->coroutine_depth = 0;
    e->has_chance = false;
    json_config_reset(&e->json);
    e->running = L;
    lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEP);
}

static void end_limits(struct script_engine *e, lua_State *L)
{
    lua_sethook(L, NULL, 0, 0);
    e->running = NULL;
    e->block_max = e->collect_at = SIZE_MAX;
    e->spent_max = e->check_at = UINT64_MAX;
}

static void set_global_strings(lua_State *L, const char *name, const struct bytes *strings,
                               uint32_t count)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "globals");
    if (strings == NULL && count == 0)
        lua_pushnil(L);
    else
        push_strings(L, strings, count);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* A library runs as a whole before its function does: its variables live as long as the call, for
 * what lived longer would not be the same on a node that has started again. */
static int call_function(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    const struct script_run *run = e->run;
    const struct script_library library = {.source = run->source};
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    e->library = &library;
    lua_show_globals(L, true);
    lua_call(L, 0, 0); /* an error ends the run: after_run() takes all back */
    lua_show_globals(L, false);
    e->library = NULL;
    lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_getfield(L, -1, run->name);
    if (!lua_isfunction(L, -1))
        return luaL_error(L, "the library does not register the function any more");
    push_strings(L, run->keys, run->key_count);
    push_strings(L, run->args, run->arg_count);
    lua_call(L, 2, 1);
    return 1;
}

/* On the run's own thread, protected: nothing that it raises gets further than here. */
static int run_on_thread(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    struct script_run *run = e->run;
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    int arguments = 0;
    if (run->library.size > 0) {
        lua_pushcfunction(L, call_function);
        arguments = 1;
    } else {
        set_global_strings(L, "KEYS", run->keys, run->key_count);
        set_global_strings(L, "ARGV", run->args, run->arg_count);
    }
    if (!push_compiled(e, L, run)) {
        buf_printf(run->error, "ERR Error compiling script (new function): %s",
                   lua_tostring(L, -1));
        run->failed = true;
        return 0;
    }
    set_limits(e, run);
    begin_run(e, L);
    const int status = lua_pcall(L, arguments, 1, 1);
    end_limits(e, L);
    if (status == LUA_ERRMEM && e->end == SCRIPT_RUNS)
        e->end = SCRIPT_OVER_MEMORY;
    run->end = e->end;
    if (e->end != SCRIPT_RUNS)
        return 0;
    if (status != 0)
        take_error(L, run);
    else
        lua_reply(L, run->outer, run->protocol);
    return 0;
}

static void after_run(struct script_engine *e)
{
    lua_State *L = e->lua;
    e->run = NULL;
    if (e->library != NULL)
        lua_show_globals(L, false);
    e->library = NULL;
    e->thread = NULL;
    set_global_strings(L, "KEYS", NULL, 0);
    set_global_strings(L, "ARGV", NULL, 0);
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_settop(L, 0);
    if (e->text.capacity > LARGE_BLOCK)
        buf_clear(&e->text);
    if (e->reply.capacity > LARGE_BLOCK)
        buf_clear(&e->reply);
    if (e->bytes > e->begin_bytes + GARBAGE_MAX) {
        collect(e, L);
        e->begin_bytes = e->bytes;
    }
}

void script_engine_run(struct script_engine *e, struct script_run *run)
{
    CHECK(e->run == NULL);
    CHECK(lua_gettop(e->lua) == 0);
    e->run = run;
    e->thread = lua_newthread(e->lua);
    if (lua_cpcall(e->thread, run_on_thread, NULL) != 0) {
        end_limits(e, e->thread);
        take_error(e->thread, run);
    }
    after_run(e);
}

/* --- what a library registers ----------------------------------------------------------------- */

static int load_on_thread(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    const struct script_library *library = e->library;
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    if (!compile(L, library->source, chunk_name(true))) {
        buf_printf(library->error, "ERR Error compiling function: %s", lua_tostring(L, -1));
        return 0;
    }
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    e->spent_max = library->instructions_max;
    e->memory_max = library->memory_max;
    begin_counts(e);
    lua_show_globals(L, true);
    begin_run(e, L);
    const int status = lua_pcall(L, 0, 0, 1);
    end_limits(e, L);
    if (e->end == SCRIPT_OVER_INSTRUCTIONS)
        buf_append_string(library->error, "ERR FUNCTION LOAD timeout");
    else if (e->end != SCRIPT_RUNS || status == LUA_ERRMEM)
        buf_append_string(library->error, "ERR the library takes more than script-memory-max");
    else if (status != 0) {
        buf_append_string(library->error, "ERR Error registering functions: ");
        if (lua_istable(L, -1))
            append_field(L, "err", "", library->error);
    }
    return 0;
}

bool script_engine_load(struct script_engine *e, const struct script_library *library)
{
    CHECK(e->run == NULL);
    CHECK(e->library == NULL);
    e->library = library;
    e->thread = lua_newthread(e->lua);
    if (lua_cpcall(e->thread, load_on_thread, NULL) != 0) {
        end_limits(e, e->thread);
        buf_append_string(library->error, "ERR the library could not be loaded");
    }
    after_run(e);
    return library->error->size == 0;
}

/* --- life ------------------------------------------------------------------------------------- */

/* The buffer of concatenation is the block that grows to just this size. */
static void find_concat_buffer(lua_State *L)
{
    char half[CONCAT_PROBE / 2 + 1];
    memset(half, 'x', sizeof(half));
    lua_pushlstring(L, half, CONCAT_PROBE / 2);
    lua_pushlstring(L, half, CONCAT_PROBE - CONCAT_PROBE / 2);
    lua_concat(L, 2);
    lua_pop(L, 1);
}

static int on_panic(lua_State *L)
{
    panic("Lua: %s", lua_tostring(L, -1));
}

struct script_engine *script_engine_new(void)
{
    struct script_engine *e = xcalloc(1, sizeof(*e));
    e->block_max = e->collect_at = SIZE_MAX;
    e->spent_max = e->check_at = UINT64_MAX;
    arena_init(&e->arena);
    e->lua = lua_newstate(allocate, e);
    if (e->lua == NULL)
        panic("no memory for Lua");
    lua_atpanic(e->lua, on_panic);
    CHECK(e->string_table != NULL);
    lua_gc(e->lua, LUA_GCSTOP, 0);
    lua_open_base(e->lua);
    forget_compiled(e, e->lua);
    find_concat_buffer(e->lua);
    CHECK(e->concat_buffer != NULL);
    CHECK(lua_gettop(e->lua) == 0);
    collect(e, e->lua);
    e->begin_bytes = e->bytes;
    e->is_open = true;
    return e;
}

void script_engine_free(struct script_engine *e)
{
    if (e == NULL)
        return;
    lua_close(e->lua);
    buf_clear(&e->reply);
    buf_clear(&e->text);
    arena_clear(&e->arena);
    free(e);
}
