/* script_lua_msgpack.c -- cmsgpack of scripts: MessagePack as Redis 7.0 has it (lua-cmsgpack 0.4).
 *
 * Tables with the keys 1 to n are arrays, others maps in the order of next. What is nested deeper
 * than NESTING_MAX becomes nil, so that tables that refer to themselves come to an end. */

#include "machine/script_lua.h"

#include <math.h>

#include "base/encode.h"

#define NESTING_MAX 16
#define DEPTH_MAX 1000 /* when decoding: C's stack */

/* --- pack ------------------------------------------------------------------------------------- */

static void put_code(struct buf *to, uint8_t code, uint64_t value, size_t size)
{
    buf_append_u8(to, code);
    for (size_t i = size; i > 0; i--)
        buf_append_u8(to, (uint8_t)(value >> (8 * (i - 1))));
}

static void pack_string(lua_State *L, struct buf *to, struct bytes text)
{
    lua_charge_bytes(L, text.size);
    if (text.size < 32)
        buf_append_u8(to, (uint8_t)(0xa0 | text.size));
    else if (text.size <= 0xff)
        put_code(to, 0xd9, text.size, 1);
    else if (text.size <= 0xffff)
        put_code(to, 0xda, text.size, 2);
    else
        put_code(to, 0xdb, text.size, 4);
    buf_append_bytes(to, text);
}

static void pack_integer(struct buf *to, int64_t n)
{
    if (n >= 0) {
        if (n <= 127)
            buf_append_u8(to, (uint8_t)n);
        else if (n <= 0xff)
            put_code(to, 0xcc, (uint64_t)n, 1);
        else if (n <= 0xffff)
            put_code(to, 0xcd, (uint64_t)n, 2);
        else if (n <= 0xffffffffLL)
            put_code(to, 0xce, (uint64_t)n, 4);
        else
            put_code(to, 0xcf, (uint64_t)n, 8);
        return;
    }
    if (n >= -32)
        buf_append_u8(to, (uint8_t)n);
    else if (n >= INT8_MIN)
        put_code(to, 0xd0, (uint64_t)n, 1);
    else if (n >= INT16_MIN)
        put_code(to, 0xd1, (uint64_t)n, 2);
    else if (n >= INT32_MIN)
        put_code(to, 0xd2, (uint64_t)n, 4);
    else
        put_code(to, 0xd3, (uint64_t)n, 8);
}

/* As a float where nothing is lost. */
static void pack_number(struct buf *to, double n)
{
    if (n == floor(n) && n >= -9223372036854775808.0 && n < 9223372036854775808.0) {
        pack_integer(to, (int64_t)n);
        return;
    }
    const float narrow = (float)n;
    if ((double)narrow == n) {
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof(bits));
        put_code(to, 0xca, bits, 4);
    } else {
        uint64_t bits;
        memcpy(&bits, &n, sizeof(bits));
        put_code(to, 0xcb, bits, 8);
    }
}

static void pack_count(struct buf *to, size_t count, uint8_t small, uint8_t code)
{
    if (count <= 15)
        buf_append_u8(to, (uint8_t)(small | count));
    else if (count <= 0xffff)
        put_code(to, code, count, 2);
    else
        put_code(to, (uint8_t)(code + 1), count, 4);
}

/* Counts the keys of the table on top; true: they are 1 to count. */
static bool is_array(lua_State *L, size_t *count)
{
    lua_Number last = 0;
    bool all_positive = true;
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        const int type = lua_type(L, -1);
        if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN)
            luaL_error(L, "keys that are tables, functions or userdata have no order that is the "
                          "same on every node: cmsgpack refuses them");
        const lua_Number n = type == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (n <= 0 || floor(n) != n)
            all_positive = false;
        last = MAX(last, n);
        (*count)++;
    }
    lua_charge(L, *count / 4);
    return all_positive && last == (lua_Number)*count;
}

static void pack_value(lua_State *L, struct buf *to, int level);

static void pack_table(lua_State *L, struct buf *to, int level)
{
    size_t count;
    luaL_checkstack(L, 6, "too many nested tables");
    if (is_array(L, &count)) {
        pack_count(to, count, 0x90, 0xdc);
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (int)i);
            pack_value(L, to, level + 1);
        }
        return;
    }
    pack_count(to, count, 0x80, 0xde);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        pack_value(L, to, level + 1);
        pack_value(L, to, level + 1);
    }
}

/* The value on top; pops it. */
static void pack_value(lua_State *L, struct buf *to, int level)
{
    lua_charge(L, 2);
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: pack_string(L, to, lua_bytes(L, -1)); break;
    case LUA_TBOOLEAN: buf_append_u8(to, lua_toboolean(L, -1) ? 0xc3 : 0xc2); break;
    case LUA_TNUMBER: pack_number(to, lua_tonumber(L, -1)); break;
    case LUA_TTABLE:
        if (level < NESTING_MAX)
            pack_table(L, to, level);
        else
            buf_append_u8(to, 0xc0);
        break;
    default: buf_append_u8(to, 0xc0);
    }
    lua_check_buf(L, to);
    lua_pop(L, 1);
}

static int msgpack_pack(lua_State *L)
{
    struct buf *to = &engine_of(L)->text;
    const int count = lua_gettop(L);
    if (count == 0)
        return luaL_argerror(L, 0, "MessagePack pack needs input.");
    buf_reset(to);
    for (int i = 1; i <= count; i++) {
        luaL_checkstack(L, 1, "too many arguments");
        lua_pushvalue(L, i);
        pack_value(L, to, 0);
    }
    lua_pushlstring(L, (const char *)buf_data(to), to->size);
    return 1;
}

/* --- unpack ----------------------------------------------------------------------------------- */

struct unpacker {
    lua_State *L;
    struct bytes rest;
    int depth;
};

static void refuse_format(struct unpacker *u)
{
    luaL_error(u->L, "Bad data format in input.");
}

static struct bytes take(struct unpacker *u, size_t size)
{
    if (size > u->rest.size)
        luaL_error(u->L, "Missing bytes in input.");
    const struct bytes taken = bytes_of(u->rest.data, size);
    u->rest = bytes_from(u->rest, size);
    return taken;
}

static uint64_t take_number(struct unpacker *u, size_t size)
{
    const struct bytes bytes = take(u, size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes_data(bytes)[i];
    return value;
}

static void push_string(struct unpacker *u, size_t size)
{
    const struct bytes text = take(u, size);
    lua_charge_bytes(u->L, size);
    lua_pushlstring(u->L, size == 0 ? "" : text.data, size);
}

static void unpack_value(struct unpacker *u);

static void descend(struct unpacker *u)
{
    if (++u->depth > DEPTH_MAX)
        refuse_format(u);
    luaL_checkstack(u->L, 4, "too many nested values");
}

static void push_array(struct unpacker *u, uint64_t count)
{
    descend(u);
    lua_newtable(u->L);
    for (uint64_t i = 1; i <= count; i++) {
        unpack_value(u); /* fails when the input ends: count costs nothing */
        lua_rawseti(u->L, -2, (int)i);
    }
    u->depth--;
}

static void push_map(struct unpacker *u, uint64_t count)
{
    descend(u);
    lua_newtable(u->L);
    for (uint64_t i = 0; i < count; i++) {
        unpack_value(u);
        unpack_value(u);
        lua_rawset(u->L, -3);
    }
    u->depth--;
}

static void push_double(struct unpacker *u)
{
    const uint64_t bits = take_number(u, 8);
    double value;
    memcpy(&value, &bits, sizeof(value));
    lua_pushnumber(u->L, value);
}

static void push_float(struct unpacker *u)
{
    const uint32_t bits = (uint32_t)take_number(u, 4);
    float value;
    memcpy(&value, &bits, sizeof(value));
    lua_pushnumber(u->L, value);
}

/* Codes from 0xc0 to 0xdf, which say what follows. */
static void unpack_coded(struct unpacker *u, uint8_t code)
{
    lua_State *L = u->L;
    switch (code) {
    case 0xc0: lua_pushnil(L); return;
    case 0xc2: case 0xc3: lua_pushboolean(L, code == 0xc3); return;
    case 0xca: push_float(u); return;
    case 0xcb: push_double(u); return;
    case 0xcc: case 0xcd: case 0xce: case 0xcf:
        lua_pushnumber(L, (lua_Number)take_number(u, (size_t)1 << (code - 0xcc)));
        return;
    case 0xd0: lua_pushnumber(L, (int8_t)take_number(u, 1)); return;
    case 0xd1: lua_pushnumber(L, (int16_t)take_number(u, 2)); return;
    case 0xd2: lua_pushnumber(L, (int32_t)take_number(u, 4)); return;
    case 0xd3: lua_pushnumber(L, (lua_Number)(int64_t)take_number(u, 8)); return;
    case 0xd9: case 0xda: case 0xdb:
        push_string(u, take_number(u, (size_t)1 << (code - 0xd9)));
        return;
    case 0xdc: case 0xdd: push_array(u, take_number(u, code == 0xdc ? 2 : 4)); return;
    case 0xde: case 0xdf: push_map(u, take_number(u, code == 0xde ? 2 : 4)); return;
    default: refuse_format(u);
    }
}

static void unpack_value(struct unpacker *u)
{
    lua_charge(u->L, 2);
    const uint8_t code = (uint8_t)take_number(u, 1);
    if (code <= 0x7f)
        lua_pushnumber(u->L, code);
    else if (code >= 0xe0)
        lua_pushnumber(u->L, (int8_t)code);
    else if (code <= 0x8f)
        push_map(u, code & 15);
    else if (code <= 0x9f)
        push_array(u, code & 15);
    else if (code <= 0xbf)
        push_string(u, code & 31);
    else
        unpack_coded(u, code);
}

/* At most limit values from offset on, or all when both are 0; with both, first where to go on. */
static int unpack_some(lua_State *L, int64_t limit, int64_t offset)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const bool all = limit == 0 && offset == 0;
    if (offset < 0 || limit < 0)
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)MAX(offset, INT32_MIN), (int)MIN(size, INT32_MAX)); /* as they */
    if ((uint64_t)offset > size)
        return luaL_error(L, "Start offset %d greater than input length %d.",
                          (int)MIN(offset, INT32_MAX), (int)MIN(size, INT32_MAX));
    struct unpacker u = {.L = L, .rest = bytes_from(bytes_of(text, size), (size_t)offset)};
    lua_settop(L, 1);
    int count = 0;
    for (; u.rest.size > 0 && (all || count < limit); count++) {
        luaL_checkstack(L, 2, "too many return values at once; use unpack_one or unpack_limit "
                              "instead.");
        unpack_value(&u);
    }
    if (!all) {
        lua_pushnumber(L, u.rest.size == 0 ? -1 : (lua_Number)(size - u.rest.size));
        lua_insert(L, 2);
        count++;
    }
    return count;
}

static int msgpack_unpack(lua_State *L)
{
    return unpack_some(L, 0, 0);
}

static int msgpack_unpack_one(lua_State *L)
{
    return unpack_some(L, 1, lua_arg_integer_or(L, 2, 0));
}

static int msgpack_unpack_limit(lua_State *L)
{
    return unpack_some(L, lua_arg_integer(L, 2), lua_arg_integer_or(L, 3, 0));
}

static const luaL_Reg msgpack_functions[] = {
    {"pack", msgpack_pack}, {"unpack", msgpack_unpack}, {"unpack_one", msgpack_unpack_one},
    {"unpack_limit", msgpack_unpack_limit}, {NULL, NULL},
};

void lua_open_msgpack(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, msgpack_functions);
    lua_pushliteral(L, "cmsgpack");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "lua-cmsgpack 0.4.0");
    lua_setfield(L, -2, "_VERSION");
}
