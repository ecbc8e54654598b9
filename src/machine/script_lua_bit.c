/* script_lua_bit.c -- bit of scripts: operations on 32 bits, as LuaBitOp defines them.
 *
 * A number stands for its value modulo 2^32; results are signed. */

#include "machine/script_lua.h"

#include <math.h>

#define TWO_TO_32 4294967296.0

/* Fractions are rounded to even, as LuaBitOp does. */
static uint32_t arg_bits(lua_State *L, int index)
{
    lua_Number n = luaL_checknumber(L, index);
    if (!isfinite(n))
        return 0;
    n = nearbyint(n);
    n -= floor(n / TWO_TO_32) * TWO_TO_32;
    return (uint32_t)n;
}

static int push_bits(lua_State *L, uint32_t bits)
{
    lua_pushnumber(L, (lua_Number)(int32_t)bits);
    return 1;
}

static uint32_t rotate_left(uint32_t x, uint32_t n)
{
    n &= 31;
    return n == 0 ? x : x << n | x >> (32 - n);
}

static int bit_tobit(lua_State *L)
{
    return push_bits(L, arg_bits(L, 1));
}

static int bit_bnot(lua_State *L)
{
    return push_bits(L, ~arg_bits(L, 1));
}

static int bit_band(lua_State *L)
{
    uint32_t bits = arg_bits(L, 1);
    for (int i = lua_gettop(L); i > 1; i--)
        bits &= arg_bits(L, i);
    return push_bits(L, bits);
}

static int bit_bor(lua_State *L)
{
    uint32_t bits = arg_bits(L, 1);
    for (int i = lua_gettop(L); i > 1; i--)
        bits |= arg_bits(L, i);
    return push_bits(L, bits);
}

static int bit_bxor(lua_State *L)
{
    uint32_t bits = arg_bits(L, 1);
    for (int i = lua_gettop(L); i > 1; i--)
        bits ^= arg_bits(L, i);
    return push_bits(L, bits);
}

static int bit_lshift(lua_State *L)
{
    return push_bits(L, arg_bits(L, 1) << (arg_bits(L, 2) & 31));
}

static int bit_rshift(lua_State *L)
{
    return push_bits(L, arg_bits(L, 1) >> (arg_bits(L, 2) & 31));
}

static int bit_arshift(lua_State *L)
{
    const uint32_t bits = arg_bits(L, 1), n = arg_bits(L, 2) & 31;
    const uint32_t sign = bits >> 31 && n > 0 ? ~(UINT32_MAX >> n) : 0;
    return push_bits(L, bits >> n | sign);
}

static int bit_rol(lua_State *L)
{
    return push_bits(L, rotate_left(arg_bits(L, 1), arg_bits(L, 2)));
}

static int bit_ror(lua_State *L)
{
    return push_bits(L, rotate_left(arg_bits(L, 1), 32 - (arg_bits(L, 2) & 31)));
}

static int bit_bswap(lua_State *L)
{
    return push_bits(L, __builtin_bswap32(arg_bits(L, 1)));
}

/* tohex(x [, digits]): negative digits are capital ones. */
static int bit_tohex(lua_State *L)
{
    uint32_t bits = arg_bits(L, 1);
    int32_t count = lua_isnoneornil(L, 2) ? 8 : (int32_t)arg_bits(L, 2);
    const char *digits = count < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
    count = count < 0 ? (count <= -8 ? 8 : -count) : MIN(count, 8);
    char text[8];
    for (int32_t i = count; i > 0; i--) {
        text[i - 1] = digits[bits & 15];
        bits >>= 4;
    }
    lua_pushlstring(L, text, (size_t)count);
    return 1;
}

static const luaL_Reg bit_functions[] = {
    {"tobit", bit_tobit}, {"bnot", bit_bnot}, {"band", bit_band}, {"bor", bit_bor},
    {"bxor", bit_bxor}, {"lshift", bit_lshift}, {"rshift", bit_rshift},
    {"arshift", bit_arshift}, {"rol", bit_rol}, {"ror", bit_ror}, {"bswap", bit_bswap},
    {"tohex", bit_tohex}, {NULL, NULL},
};

void lua_open_bit(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, bit_functions);
}
