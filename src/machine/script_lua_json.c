/* script_lua_json.c -- cjson of scripts, with the behaviour of lua-cjson 2.1 as Redis 7.0 has it.
 *
 * The limits that scripts set (encode_max_depth ...) hold for their run only. Tables are written in
 * the order of next, which is the same on every node for the keys that JSON can have. */

#include "machine/script_lua.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 1000 /* by default; Lua's own stack, and with it C's, bears some times more */
#define NUMBER_TEXT_MAX 64

enum invalid_numbers { INVALID_OFF, INVALID_ON, INVALID_NULL };

void json_config_reset(struct json_config *c)
{
    *c = (struct json_config){.sparse_ratio = 2, .sparse_safe = 10, .encode_depth = DEPTH_MAX,
                              .decode_depth = DEPTH_MAX, .precision = 14,
                              .encode_invalid = INVALID_OFF, .decode_invalid = INVALID_ON,
                              .keep_buffer = true};
}

static struct json_config *config_of(lua_State *L)
{
    return &engine_of(L)->json;
}

/* --- encode ----------------------------------------------------------------------------------- */

static void refuse_value(lua_State *L, int index, const char *why)
{
    luaL_error(L, "Cannot serialise %s: %s", lua_typename(L, lua_type(L, index)), why);
}

static void encode_string(lua_State *L, struct buf *to, int index)
{
    static const char short_escapes[] = "btn\0fr"; /* of 8 to 13 */
    const struct bytes text = lua_bytes(L, index);
    lua_charge_bytes(L, 4 * text.size);
    buf_append_u8(to, '"');
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = bytes_data(text)[i];
        if (c == '"' || c == '\\' || c == '/') {
            buf_append_u8(to, '\\');
            buf_append_u8(to, c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            buf_append_u8(to, '\\');
            buf_append_u8(to, (uint8_t)short_escapes[c - 8]);
        } else if (c < 32 || c == 127) {
            buf_printf(to, "\\u%04x", c);
        } else {
            buf_append_u8(to, c);
        }
    }
    buf_append_u8(to, '"');
    lua_check_buf(L, to);
}

static void encode_number(lua_State *L, struct buf *to, int index)
{
    const struct json_config *c = config_of(L);
    const lua_Number n = lua_tonumber(L, index);
    if (!isfinite(n) && c->encode_invalid == INVALID_OFF)
        refuse_value(L, index, "must not be NaN or Inf");
    if (!isfinite(n) && c->encode_invalid == INVALID_NULL)
        buf_append_string(to, "null");
    else if (isnan(n))
        buf_append_string(to, "nan");
    else
        buf_printf(to, "%.*g", c->precision, n);
}

/* How many elements the table on top has as an array; -1: it is an object. */
static int64_t array_length(lua_State *L)
{
    const struct json_config *c = config_of(L);
    lua_Number last = 0;
    int64_t items = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        const lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (n < 1 || floor(n) != n || n > INT32_MAX) {
            lua_pop(L, 1);
            return -1;
        }
        last = MAX(last, n);
        items++;
    }
    lua_charge(L, (uint64_t)items / 4);
    if (c->sparse_ratio > 0 && last > (lua_Number)items * c->sparse_ratio &&
        last > c->sparse_safe) {
        if (!c->sparse_convert)
            refuse_value(L, -1, "excessively sparse array");
        return -1;
    }
    return (int64_t)last;
}

static void encode_value(lua_State *L, struct buf *to, int depth);

static void encode_array(lua_State *L, struct buf *to, int64_t length, int depth)
{
    buf_append_u8(to, '[');
    for (int64_t i = 1; i <= length; i++) {
        if (i > 1)
            buf_append_u8(to, ',');
        lua_rawgeti(L, -1, (int)i);
        encode_value(L, to, depth);
        lua_pop(L, 1);
    }
    buf_append_u8(to, ']');
}

static void encode_object(lua_State *L, struct buf *to, int depth)
{
    bool is_first = true;
    buf_append_u8(to, '{');
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (!is_first)
            buf_append_u8(to, ',');
        is_first = false;
        if (lua_type(L, -2) == LUA_TNUMBER) {
            buf_append_u8(to, '"');
            encode_number(L, to, -2);
            buf_append_u8(to, '"');
        } else if (lua_type(L, -2) == LUA_TSTRING) {
            encode_string(L, to, -2);
        } else {
            refuse_value(L, -2, "table key must be a number or string");
        }
        buf_append_u8(to, ':');
        encode_value(L, to, depth);
        lua_pop(L, 1);
    }
    buf_append_u8(to, '}');
}

static void encode_table(lua_State *L, struct buf *to, int depth)
{
    if (depth > config_of(L)->encode_depth || !lua_checkstack(L, 6))
        luaL_error(L, "Cannot serialise, excessive nesting (%d)", depth);
    const int64_t length = array_length(L);
    if (length > 0)
        encode_array(L, to, length, depth);
    else
        encode_object(L, to, depth);
}

/* The value on top. */
static void encode_value(lua_State *L, struct buf *to, int depth)
{
    lua_charge(L, 2);
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: encode_string(L, to, -1); break;
    case LUA_TNUMBER: encode_number(L, to, -1); break;
    case LUA_TBOOLEAN: buf_append_string(to, lua_toboolean(L, -1) ? "true" : "false"); break;
    case LUA_TTABLE: encode_table(L, to, depth + 1); break;
    case LUA_TNIL: buf_append_string(to, "null"); break;
    case LUA_TLIGHTUSERDATA: /* cjson.null alone */
        buf_append_string(to, "null");
        break;
    default: refuse_value(L, -1, "type not supported");
    }
    lua_check_buf(L, to);
}

static int json_encode(lua_State *L)
{
    struct buf *to = &engine_of(L)->text;
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    buf_reset(to);
    encode_value(L, to, 0);
    lua_pushlstring(L, (const char *)buf_data(to), to->size);
    return 1;
}

/* --- decode ----------------------------------------------------------------------------------- */

struct parser {
    lua_State *L;
    const char *begin, *at, *end; /* *end is a zero byte */
    int depth;
};

static void expected(struct parser *p, const char *what, const char *found, const char *where)
{
    luaL_error(p->L, "Expected %s but found %s at character %d", what, found,
               (int)(where - p->begin) + 1);
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && strchr(" \t\r\n", *p->at) != NULL && *p->at != '\0')
        p->at++;
}

/* What stands at the parser, as lua-cjson calls it. */
static const char *token_name(const struct parser *p)
{
    if (p->at == p->end)
        return "T_END";
    switch (*p->at) {
    case '{': return "T_OBJ_BEGIN";
    case '}': return "T_OBJ_END";
    case '[': return "T_ARR_BEGIN";
    case ']': return "T_ARR_END";
    case '"': return "T_STRING";
    case ':': return "T_COLON";
    case ',': return "T_COMMA";
    case 't': return strncmp(p->at, "true", 4) == 0 ? "T_BOOLEAN" : "invalid token";
    case 'f': return strncmp(p->at, "false", 5) == 0 ? "T_BOOLEAN" : "invalid token";
    case 'n': return strncmp(p->at, "null", 4) == 0 ? "T_NULL" : "invalid token";
    default:
        return *p->at == '-' || (*p->at >= '0' && *p->at <= '9') ? "T_NUMBER" : "invalid token";
    }
}

static int hex4(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const char c = at[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value << 4 | ((c | 0x20) - 'a' + 10);
        else
            return -1; /* also at the zero byte behind the text */
    }
    return value;
}

static void append_utf8(struct buf *to, int code)
{
    if (code < 0x80) {
        buf_append_u8(to, (uint8_t)code);
    } else if (code < 0x800) {
        buf_append_u8(to, (uint8_t)(0xc0 | code >> 6));
        buf_append_u8(to, (uint8_t)(0x80 | (code & 63)));
    } else if (code < 0x10000) {
        buf_append_u8(to, (uint8_t)(0xe0 | code >> 12));
        buf_append_u8(to, (uint8_t)(0x80 | (code >> 6 & 63)));
        buf_append_u8(to, (uint8_t)(0x80 | (code & 63)));
    } else {
        buf_append_u8(to, (uint8_t)(0xf0 | code >> 18));
        buf_append_u8(to, (uint8_t)(0x80 | (code >> 12 & 63)));
        buf_append_u8(to, (uint8_t)(0x80 | (code >> 6 & 63)));
        buf_append_u8(to, (uint8_t)(0x80 | (code & 63)));
    }
}

/* At "\uXXXX", perhaps the first half of a pair; false: malformed. */
static bool take_unicode(struct parser *p, struct buf *to)
{
    const char *at = p->at;
    int code = hex4(at + 2);
    if (code < 0)
        return false;
    at += 6;
    if ((code & 0xf800) == 0xd800) {
        if ((code & 0x400) || at[0] != '\\' || at[1] != 'u')
            return false;
        const int low = hex4(at + 2);
        if (low < 0 || (low & 0xfc00) != 0xdc00)
            return false;
        code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x10000;
        at += 6;
    }
    p->at = at;
    append_utf8(to, code);
    return true;
}

/* At '"': pushes the string. what: expected here, should it be malformed. */
static void take_string(struct parser *p, const char *what)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    struct buf *text = &engine_of(p->L)->reply;
    buf_reset(text);
    const char *begin = p->at++;
    while (*p->at != '"') {
        if (p->at == p->end)
            expected(p, what, "unexpected end of string", p->at);
        if (*p->at != '\\') {
            buf_append_u8(text, (uint8_t)*p->at++);
            continue;
        }
        const char *name = p->at[1] == '\0' ? NULL : strchr(names, p->at[1]);
        if (name != NULL) {
            buf_append_u8(text, (uint8_t)values[name - names]);
            p->at += 2;
        } else if (p->at[1] != 'u') {
            expected(p, what, "invalid escape code", p->at);
        } else if (!take_unicode(p, text)) {
            expected(p, what, "invalid unicode escape code", p->at);
        }
    }
    p->at++;
    lua_charge_bytes(p->L, 4 * (size_t)(p->at - begin));
    lua_pushlstring(p->L, text->size == 0 ? "" : (const char *)buf_data(text), text->size);
}

/* Beyond JSON's own: hexadecimal, leading zeros, inf and nan. */
static bool is_invalid_number(const char *at)
{
    if (*at == '-')
        at++;
    if (*at == '0')
        return (at[1] | 0x20) == 'x' || (at[1] >= '0' && at[1] <= '9');
    return !(*at >= '1' && *at <= '9');
}

/* Pushes the number at the parser; false: there is none. */
static bool take_number(struct parser *p)
{
    char *end;
    if (*p->at == '\0' || strchr("-0123456789iInN", *p->at) == NULL)
        return false;
    if (config_of(p->L)->decode_invalid == INVALID_OFF && is_invalid_number(p->at))
        expected(p, "value", "invalid number", p->at);
    const double value = strtod(p->at, &end);
    if (end == p->at && (*p->at == '-' || (*p->at >= '0' && *p->at <= '9')))
        expected(p, "value", "invalid number", p->at);
    if (end == p->at)
        return false;
    p->at = end;
    lua_pushnumber(p->L, value);
    return true;
}

static void take_value(struct parser *p);

static void descend(struct parser *p)
{
    if (++p->depth > config_of(p->L)->decode_depth || !lua_checkstack(p->L, 4))
        luaL_error(p->L, "Found too many nested data structures (%d) at character %d", p->depth,
                   (int)(p->at - p->begin));
}

static void take_array(struct parser *p)
{
    lua_State *L = p->L;
    p->at++;
    descend(p);
    lua_newtable(L);
    skip_blanks(p);
    if (*p->at == ']') {
        p->at++;
        p->depth--;
        return;
    }
    for (int i = 1;; i++) {
        take_value(p);
        lua_rawseti(L, -2, i);
        skip_blanks(p);
        if (*p->at == ']')
            break;
        if (*p->at != ',')
            expected(p, "comma or array end", token_name(p), p->at);
        p->at++;
    }
    p->at++;
    p->depth--;
}

static void take_object(struct parser *p)
{
    lua_State *L = p->L;
    p->at++;
    descend(p);
    lua_newtable(L);
    skip_blanks(p);
    if (*p->at == '}') {
        p->at++;
        p->depth--;
        return;
    }
    while (true) {
        skip_blanks(p);
        if (*p->at != '"')
            expected(p, "object key string", token_name(p), p->at);
        take_string(p, "object key string");
        skip_blanks(p);
        if (*p->at != ':')
            expected(p, "colon", token_name(p), p->at);
        p->at++;
        take_value(p);
        lua_rawset(L, -3);
        skip_blanks(p);
        if (*p->at == '}')
            break;
        if (*p->at != ',')
            expected(p, "comma or object end", token_name(p), p->at);
        p->at++;
    }
    p->at++;
    p->depth--;
}

static bool take_word(struct parser *p, const char *word)
{
    if (strncmp(p->at, word, strlen(word)) != 0)
        return false;
    p->at += strlen(word);
    return true;
}

static void take_value(struct parser *p)
{
    lua_charge(p->L, 2);
    skip_blanks(p);
    if (*p->at == '"')
        take_string(p, "value");
    else if (*p->at == '{')
        take_object(p);
    else if (*p->at == '[')
        take_array(p);
    else if (take_word(p, "true"))
        lua_pushboolean(p->L, true);
    else if (take_word(p, "false"))
        lua_pushboolean(p->L, false);
    else if (take_word(p, "null"))
        lua_pushlightuserdata(p->L, NULL);
    else if (!take_number(p))
        expected(p, "value", token_name(p), p->at);
}

static int json_decode(lua_State *L)
{
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    if (size >= 2 && (text[0] == '\0' || text[1] == '\0'))
        return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    struct parser p = {.L = L, .begin = text, .at = text, .end = text + size};
    lua_charge_bytes(L, size);
    take_value(&p);
    skip_blanks(&p);
    if (p.at != p.end)
        expected(&p, "the end", token_name(&p), p.at);
    return 1;
}

/* --- configuration ---------------------------------------------------------------------------- */

static int set_integer(lua_State *L, int index, int *value, int min, int max)
{
    if (!lua_isnoneornil(L, index)) {
        const int64_t given = lua_arg_integer(L, index);
        if (given < min || given > max)
            return luaL_argerror(L, index, lua_pushfstring(L, "expected integer between %d and %d",
                                                           min, max));
        *value = (int)given;
    }
    lua_pushinteger(L, *value);
    return 1;
}

/* true, false, or one of the words. */
static int set_choice(lua_State *L, int index, int *value, bool has_null)
{
    static const char *const words[] = {"off", "on", "null", NULL};
    if (lua_isboolean(L, index))
        *value = lua_toboolean(L, index);
    else if (!lua_isnoneornil(L, index))
        *value = luaL_checkoption(L, index, NULL, words);
    if (*value == INVALID_NULL && !has_null)
        return luaL_argerror(L, index, "expected on or off");
    if (*value == INVALID_NULL)
        lua_pushliteral(L, "null");
    else
        lua_pushboolean(L, *value);
    return 1;
}

static int encode_max_depth(lua_State *L)
{
    return set_integer(L, 1, &config_of(L)->encode_depth, 1, INT32_MAX);
}

static int decode_max_depth(lua_State *L)
{
    return set_integer(L, 1, &config_of(L)->decode_depth, 1, INT32_MAX);
}

static int encode_number_precision(lua_State *L)
{
    return set_integer(L, 1, &config_of(L)->precision, 1, 17);
}

static int encode_keep_buffer(lua_State *L)
{
    return set_choice(L, 1, &config_of(L)->keep_buffer, false);
}

static int encode_invalid_numbers(lua_State *L)
{
    return set_choice(L, 1, &config_of(L)->encode_invalid, true);
}

static int decode_invalid_numbers(lua_State *L)
{
    return set_choice(L, 1, &config_of(L)->decode_invalid, false);
}

static int encode_sparse_array(lua_State *L)
{
    struct json_config *c = config_of(L);
    lua_settop(L, 3);
    set_choice(L, 1, &c->sparse_convert, false);
    set_integer(L, 2, &c->sparse_ratio, 0, INT32_MAX);
    set_integer(L, 3, &c->sparse_safe, 0, INT32_MAX);
    return 3;
}

static const luaL_Reg json_functions[] = {
    {"encode", json_encode}, {"decode", json_decode}, {"encode_max_depth", encode_max_depth},
    {"decode_max_depth", decode_max_depth}, {"encode_number_precision", encode_number_precision},
    {"encode_keep_buffer", encode_keep_buffer}, {"encode_sparse_array", encode_sparse_array},
    {"encode_invalid_numbers", encode_invalid_numbers},
    {"decode_invalid_numbers", decode_invalid_numbers}, {NULL, NULL},
};

void lua_open_json(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, json_functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
}
