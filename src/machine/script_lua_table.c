/* script_lua_table.c -- table and math of scripts: Lua's own functions where they cost what they
 * seem to, behind a charge where they do not. */

#include "machine/script_lua.h"

#include <math.h>

#include "base/real.h"

/* --- table ------------------------------------------------------------------------------------ */

static size_t elements_of(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    return lua_objlen(L, 1);
}

static int table_concat(lua_State *L)
{
    lua_charge(L, elements_of(L) / 4);
    return lua_call_stock(L);
}

/* n log n comparisons, each worth an instruction or two when made in C. */
static int table_sort(lua_State *L)
{
    const size_t count = elements_of(L);
    lua_check_writable(L, 1);
    uint64_t steps = 1;
    while (count >> steps != 0)
        steps++;
    lua_charge(L, count * steps);
    return lua_call_stock(L);
}

/* insert and remove in the middle move what is behind. */
static int table_move(lua_State *L)
{
    const size_t count = elements_of(L);
    lua_check_writable(L, 1);
    if (lua_gettop(L) > 1 && lua_isnumber(L, 2)) {
        const int64_t position = lua_arg_integer(L, 2);
        if (position > 0 && (uint64_t)position < count)
            lua_charge(L, (count - (uint64_t)position) / 2);
    }
    return lua_call_stock(L);
}

static int table_walk(lua_State *L)
{
    lua_charge(L, elements_of(L));
    return lua_call_stock(L);
}

/* By next, which refuses what has no order. */
static int table_foreach(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_getglobal(L, "next");
    lua_pushnil(L);
    while (true) {
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 4);
        lua_call(L, 2, 2);
        if (lua_isnil(L, -2))
            return 0;
        lua_pushvalue(L, -2);
        lua_replace(L, 4);
        lua_pushvalue(L, 2);
        lua_insert(L, -3);
        lua_call(L, 2, 1);
        if (!lua_isnil(L, -1))
            return 1;
        lua_pop(L, 1);
    }
}

static const luaL_Reg table_wrapped[] = {
    {"concat", table_concat}, {"sort", table_sort}, {"insert", table_move},
    {"remove", table_move}, {"maxn", table_walk}, {"foreachi", table_walk},
};

void lua_open_table(lua_State *L)
{
    lua_getfield(L, -1, "table");
    for (size_t i = 0; i < ARRAY_COUNT(table_wrapped); i++) {
        lua_getfield(L, -1, table_wrapped[i].name);
        lua_pushcclosure(L, table_wrapped[i].func, 1);
        lua_setfield(L, -2, table_wrapped[i].name);
    }
    lua_pushcfunction(L, table_foreach);
    lua_setfield(L, -2, "foreach");
}

/* --- math ------------------------------------------------------------------------------------- */

#define REAL_PRICE 100 /* instructions: MPFR takes about a microsecond */

/* Lua's ^ calls pow, which the linker gives this instead (configure.ac: --wrap); it has no state in
 * hand to charge, so calls are counted, and the hook charges them. */
double __wrap_pow(double x, double y);
static uint64_t pow_calls;

double __wrap_pow(double x, double y)
{
    if (y == 2)
        return x * x; /* rounded once, hence the same */
    pow_calls++;
    return real_pow(x, y);
}

uint64_t lua_take_pow_price(void)
{
    const uint64_t price = pow_calls * REAL_PRICE;
    pow_calls = 0;
    return price;
}

/* The function of one number is the upvalue, by its place in the table. */
static const struct {
    const char *name;
    double (*function)(double x);
} real_functions[] = {
    {"sin", real_sin}, {"cos", real_cos}, {"tan", real_tan}, {"asin", real_asin},
    {"acos", real_acos}, {"atan", real_atan}, {"sinh", real_sinh}, {"cosh", real_cosh},
    {"tanh", real_tanh}, {"exp", real_exp}, {"log", real_log}, {"log10", real_log10},
};

static int math_real(lua_State *L)
{
    const lua_Number x = luaL_checknumber(L, 1);
    lua_charge(L, REAL_PRICE);
    lua_pushnumber(L, real_functions[lua_tointeger(L, lua_upvalueindex(1))].function(x));
    return 1;
}

static int math_atan2(lua_State *L)
{
    const lua_Number y = luaL_checknumber(L, 1), x = luaL_checknumber(L, 2);
    lua_charge(L, REAL_PRICE);
    lua_pushnumber(L, real_atan2(y, x));
    return 1;
}

static int math_pow(lua_State *L)
{
    const lua_Number x = luaL_checknumber(L, 1), y = luaL_checknumber(L, 2);
    lua_charge(L, REAL_PRICE);
    lua_pushnumber(L, real_pow(x, y));
    return 1;
}

/* fmod is exact in libm, as are floor, ceil, sqrt, modf, frexp and ldexp. */
static int math_fmod(lua_State *L)
{
    lua_pushnumber(L, fmod(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

/* Chance is drawn from the request's when it is first asked for. */
static struct prng *chance_of(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    if (!e->has_chance) {
        const uint64_t seed =
            e->run != NULL ? prng_next(e->run->outer->chance) : 0; /* a library that is loaded */
        prng_seed(&e->chance, seed);
        e->has_chance = true;
    }
    return &e->chance;
}

static int math_random(lua_State *L)
{
    const double drawn = prng_double(chance_of(L));
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, drawn);
        return 1;
    case 1: {
        const lua_Number last = floor(luaL_checknumber(L, 1));
        luaL_argcheck(L, last >= 1, 1, "interval is empty");
        lua_pushnumber(L, floor(drawn * last) + 1);
        return 1;
    }
    case 2: {
        const lua_Number first = floor(luaL_checknumber(L, 1));
        const lua_Number last = floor(luaL_checknumber(L, 2));
        luaL_argcheck(L, first <= last, 2, "interval is empty");
        lua_pushnumber(L, floor(drawn * (last - first + 1)) + first);
        return 1;
    }
    default:
        return luaL_error(L, "wrong number of arguments");
    }
}

static int math_randomseed(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    prng_seed(&e->chance, (uint64_t)lua_arg_integer(L, 1));
    e->has_chance = true;
    return 0;
}

static const luaL_Reg math_functions[] = {
    {"fmod", math_fmod}, {"mod", math_fmod}, {"random", math_random},
    {"randomseed", math_randomseed}, {"atan2", math_atan2}, {"pow", math_pow}, {NULL, NULL},
};

void lua_open_math(lua_State *L)
{
    lua_getfield(L, -1, "math");
    luaL_register(L, NULL, math_functions);
    for (size_t i = 0; i < ARRAY_COUNT(real_functions); i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, math_real, 1);
        lua_setfield(L, -2, real_functions[i].name);
    }
}
