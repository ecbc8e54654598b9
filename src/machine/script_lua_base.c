/* script_lua_base.c -- the globals that scripts see: frozen, and without what would differ from
 * node to node (addresses, orders by address, the collector) or harm one (bytecode, files). */

#include "machine/script_lua.h"

#include <lualib.h>
#include <stdio.h>

#include "base/panic.h"

#define NAMES "names"
#define FROZEN_META "frozen" /* in the registry: what getmetatable shows of frozen tables */
#define FROZEN_MARK "__frozen"

static const char *const removed[] = {
    "dofile", "loadfile", "print", "newproxy", "getfenv", "setfenv", "module", "require", "package",
};

/* --- frozen tables ---------------------------------------------------------------------------- */

static int refuse_write(lua_State *L)
{
    return luaL_error(L, READONLY_TEXT);
}

static int missing_global(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                          lua_tostring(L, 2));
    return luaL_error(L, "Script attempted to access a nonexistent global variable");
}

/* {__index, __newindex, __metatable, mark} around the table on top. */
void lua_freeze(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_getfield(L, LUA_REGISTRYINDEX, FROZEN_META);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, true);
    lua_setfield(L, -2, FROZEN_MARK);
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* Only frozen tables have a metatable with our mark whose __metatable is the frozen one; a script
 * may set the mark in a metatable of its own, and gains nothing. */
void lua_check_writable(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return;
    lua_pushliteral(L, FROZEN_MARK);
    lua_rawget(L, -2);
    const bool is_frozen = lua_toboolean(L, -1);
    lua_pop(L, 2);
    if (is_frozen) {
        lua_pushliteral(L, READONLY_TEXT);
        lua_error(L);
    }
}

static int base_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table expected");
    lua_check_writable(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable"))
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int base_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_check_writable(L, 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/* --- what must not show addresses ------------------------------------------------------------- */

/* Tables, functions and threads are numbered as a run comes to print them. */
static void push_name(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    lua_getfield(L, LUA_REGISTRYINDEX, NAMES);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, NAMES);
    }
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        char name[32];
        snprintf(name, sizeof(name), "%s: 0x%08x", luaL_typename(L, 1), ++e->table_names);
        lua_pushstring(L, name);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
}

static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_callmeta(L, 1, "__tostring"))
        return 1;
    switch (lua_type(L, 1)) {
    case LUA_TNUMBER:
        lua_pushstring(L, lua_tostring(L, 1));
        return 1;
    case LUA_TSTRING:
        lua_pushvalue(L, 1);
        return 1;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
        return 1;
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        return 1;
    case LUA_TLIGHTUSERDATA: /* cjson.null alone */
        lua_pushliteral(L, "userdata: NULL");
        return 1;
    default:
        push_name(L);
        return 1;
    }
}

static int base_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (!lua_next(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    const int type = lua_type(L, -2);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        return luaL_error(L, "keys that are tables, functions or userdata have no order that is "
                             "the same on every node: pairs and next refuse them");
    return 2;
}

static int base_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushcfunction(L, base_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* --- what must not catch the end of a run ----------------------------------------------------- */

/* As redis does it: of an error table the text is what pcall gives. */
static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status == 0) {
        lua_pushboolean(L, true);
        lua_insert(L, 1);
        return lua_gettop(L);
    }
    lua_raise_end(L);
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        if (lua_isstring(L, -1))
            lua_replace(L, -2);
        else
            lua_pop(L, 1);
    }
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

/* The handler is not for the end of a run: it would be called from within the hook, where nothing
 * is counted any more. */
static int handle_error(lua_State *L)
{
    if (engine_of(L)->end != SCRIPT_RUNS)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int base_xpcall(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_pushcclosure(L, handle_error, 1);
    lua_insert(L, 1);
    const int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    if (status != 0)
        lua_raise_end(L);
    lua_pushboolean(L, status == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

/* --- sources ---------------------------------------------------------------------------------- */

static int loaded(lua_State *L, struct bytes source, const char *name)
{
    lua_charge(L, source.size);
    if (source.size > 0 && *bytes_data(source) == LUA_SIGNATURE[0]) {
        lua_pushnil(L);
        lua_pushliteral(L, "bytecode is not taken");
        return 2;
    }
    if (luaL_loadbuffer(L, source.size == 0 ? "" : source.data, source.size, name) == 0)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L)
{
    size_t size;
    const char *source = luaL_checklstring(L, 1, &size);
    return loaded(L, bytes_of(source, size), luaL_optstring(L, 2, source));
}

/* The pieces are put together first: a first byte that comes late may not smuggle bytecode in. */
static int base_load(lua_State *L)
{
    const char *name = luaL_optstring(L, 2, "=(load)");
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_newtable(L);
    int count = 0;
    while (true) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        lua_charge(L, 1);
        if (lua_isnil(L, -1) || (lua_isstring(L, -1) && lua_objlen(L, -1) == 0))
            break;
        if (!lua_isstring(L, -1))
            return luaL_error(L, "reader function must return a string");
        lua_rawseti(L, 3, ++count);
    }
    lua_settop(L, 3);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 3, i);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    return loaded(L, lua_bytes(L, -1), name);
}

/* --- the collector ---------------------------------------------------------------------------- */

/* It works when it has to: nothing of it may be seen. */
static int base_collectgarbage(lua_State *L)
{
    static const char *const options[] = {"collect", "stop", "restart", "count",
                                          "step", "setpause", "setstepmul", NULL};
    luaL_checkoption(L, 1, "collect", options);
    lua_pushinteger(L, 0);
    return 1;
}

static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)engine_of(L)->spent * 1e-8);
    return 1;
}

static int base_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const int64_t first = lua_arg_integer_or(L, 2, 1);
    const int64_t last = lua_arg_integer_or(L, 3, (int64_t)lua_objlen(L, 1));
    if (first > last)
        return 0;
    const uint64_t count = (uint64_t)last - (uint64_t)first + 1;
    if (count > LUAI_MAXCSTACK || first < INT32_MIN || last > INT32_MAX ||
        !lua_checkstack(L, (int)count))
        return luaL_error(L, "too many results to unpack");
    lua_charge(L, count / 4);
    for (int64_t i = first; i <= last; i++)
        lua_rawgeti(L, 1, (int)i);
    return (int)count;
}

/* --- coroutines ------------------------------------------------------------------------------- */

static int co_create(lua_State *L)
{
    luaL_argcheck(L, lua_isfunction(L, 1) && !lua_iscfunction(L, 1), 1, "Lua function expected");
    lua_charge(L, HOOK_STEP); /* its own count of instructions may never get to the hook */
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static const char *co_state(lua_State *L, lua_State *co)
{
    lua_Debug frame;
    if (L == co)
        return "running";
    if (lua_status(co) == LUA_YIELD)
        return "suspended";
    if (lua_status(co) != 0)
        return "dead";
    if (lua_getstack(co, 0, &frame))
        return "normal"; /* it has resumed another */
    return lua_gettop(co) == 0 ? "dead" : "suspended";
}

/* Moves arguments there and results or an error back; -1: an error. */
static int resume(lua_State *L, lua_State *co, int arguments)
{
    struct script_engine *e = engine_of(L);
    const char *state = co_state(L, co);
    if (strcmp(state, "suspended") != 0) {
        lua_pushfstring(L, "cannot resume %s coroutine",
                        strcmp(state, "dead") == 0 ? "dead" : "non-suspended");
        return -1;
    }
    if (e->coroutine_depth == COROUTINE_DEPTH_MAX || !lua_checkstack(co, arguments + 1)) {
        lua_pushliteral(L, "too many coroutines resume one another");
        return -1;
    }
    lua_xmove(L, co, arguments);
    e->running = co;
    e->coroutine_depth++;
    const int status = lua_resume(co, arguments);
    e->coroutine_depth--;
    e->running = L;
    lua_raise_end(L);
    lua_charge(L, 10);
    if (status != 0 && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    const int results = lua_gettop(co);
    if (!lua_checkstack(L, results + 1))
        return luaL_error(L, "too many results to resume");
    lua_xmove(co, L, results);
    return results;
}

static int co_resume(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argcheck(L, co != NULL, 1, "coroutine expected");
    const int results = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, -(results < 0 ? 2 : results + 1));
    return results < 0 ? 2 : results + 1;
}

static int co_wrapped(lua_State *L)
{
    const int results = resume(L, lua_tothread(L, lua_upvalueindex(1)), lua_gettop(L));
    if (results >= 0)
        return results;
    return lua_error(L);
}

static int co_wrap(lua_State *L)
{
    co_create(L);
    lua_pushcclosure(L, co_wrapped, 1);
    return 1;
}

static int co_status(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argcheck(L, co != NULL, 1, "coroutine expected");
    lua_pushstring(L, co_state(L, co));
    return 1;
}

static int co_yield(lua_State *L)
{
    if (L == engine_of(L)->thread) {
        lua_pushliteral(L, "attempt to yield across metamethod/C-call boundary");
        return lua_error(L);
    }
    return lua_yield(L, lua_gettop(L));
}

static int co_running(lua_State *L)
{
    if (L == engine_of(L)->thread)
        lua_pushnil(L);
    else
        lua_pushthread(L);
    return 1;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const luaL_Reg base_functions[] = {
    {"setmetatable", base_setmetatable}, {"rawset", base_rawset}, {"tostring", base_tostring},
    {"next", base_next}, {"pairs", base_pairs}, {"pcall", base_pcall}, {"xpcall", base_xpcall},
    {"loadstring", base_loadstring}, {"load", base_load},
    {"collectgarbage", base_collectgarbage}, {"gcinfo", base_collectgarbage},
    {"unpack", base_unpack}, {NULL, NULL},
};

static const luaL_Reg coroutine_functions[] = {
    {"create", co_create}, {"resume", co_resume}, {"wrap", co_wrap}, {"status", co_status},
    {"yield", co_yield}, {"running", co_running}, {NULL, NULL},
};

static void open_stock(lua_State *L, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 0);
}

/* With the table of globals on top. */
static void set_frozen(lua_State *L, const char *name, void (*open)(lua_State *))
{
    open(L);
    lua_freeze(L);
    lua_setfield(L, -2, name);
}

static void open_coroutine(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, coroutine_functions);
}

static void open_os(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, os_clock);
    lua_setfield(L, -2, "clock");
}

/* The metatable that frozen tables and strings show: empty and frozen itself. */
static void make_frozen_meta(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, true);
    lua_setfield(L, -2, FROZEN_MARK);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, FROZEN_META);
}

static void freeze_strings(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, LUA_REGISTRYINDEX, FROZEN_META);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

/* An error for what the table on top does not have. */
static void refuse_missing(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

/* What a library sees while it is loaded: redis, and little in it. */
static void make_load_globals(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_open_redis_load(L);
    refuse_missing(L);
    lua_freeze(L);
    lua_setfield(L, -2, "redis");
    refuse_missing(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "load_globals");
}

void lua_show_globals(lua_State *L, bool of_load)
{
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_getmetatable(L, -1);
    lua_getfield(L, LUA_REGISTRYINDEX, of_load ? "load_globals" : "globals");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/* The table of globals becomes an empty one that shows the real one, which is kept in the
 * registry: KEYS and ARGV are put there for each run. */
static void freeze_globals(lua_State *L)
{
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    refuse_missing(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, "globals");
    lua_pushvalue(L, -1);
    lua_freeze(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "_G");
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_pop(L, 1);
}

void lua_open_base(lua_State *L)
{
    make_frozen_meta(L);
    open_stock(L, luaopen_base);
    open_stock(L, luaopen_string);
    open_stock(L, luaopen_table);
    open_stock(L, luaopen_math);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    luaL_register(L, NULL, base_functions);
    for (size_t i = 0; i < ARRAY_COUNT(removed); i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, removed[i]);
    }
    set_frozen(L, "coroutine", open_coroutine);
    set_frozen(L, "os", open_os);
    set_frozen(L, "string", lua_open_string);
    set_frozen(L, "table", lua_open_table);
    set_frozen(L, "math", lua_open_math);
    set_frozen(L, "redis", lua_open_redis);
    set_frozen(L, "bit", lua_open_bit);
    set_frozen(L, "struct", lua_open_struct);
    set_frozen(L, "cjson", lua_open_json);
    set_frozen(L, "cmsgpack", lua_open_msgpack);
    lua_pop(L, 1);
    make_load_globals(L);
    freeze_strings(L);
    freeze_globals(L);
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
}
