/* script_lua_string.c -- string of scripts: what the stock library does without a bound (patterns,
 * rep, format), done again with one. Patterns: script_lua_pattern.c. */

#include "machine/script_lua.h"

#include <inttypes.h>
#include <stdio.h>

#include "machine/script_lua_pattern.h"

#define SPEC_MAX 32   /* of one item of a format: "%-+ #099.99d" */
#define ITEM_MAX 512  /* %99.99f of the largest double */
#define LONG_STRING 100

/* A position as Lua counts it, negative ones from the end. */
static int64_t from_start(int64_t position, size_t size)
{
    if (position >= 0)
        return position;
    return position < -(int64_t)size ? 0 : position + (int64_t)size + 1;
}

static int string_sub(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    int64_t first = from_start(lua_arg_integer(L, 2), size);
    int64_t last = from_start(lua_arg_integer_or(L, 3, -1), size);
    first = MAX(first, 1);
    last = MIN(last, (int64_t)size);
    if (first > last)
        lua_pushliteral(L, "");
    else
        lua_pushlstring(L, s + first - 1, (size_t)(last - first + 1));
    lua_charge_bytes(L, first > last ? 0 : (size_t)(last - first));
    return 1;
}

static int string_byte(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    int64_t first = from_start(lua_arg_integer_or(L, 2, 1), size);
    int64_t last = from_start(lua_arg_integer_or(L, 3, first), size);
    first = MAX(first, 1);
    last = MIN(last, (int64_t)size);
    if (first > last)
        return 0;
    if (last - first >= LUAI_MAXCSTACK || !lua_checkstack(L, (int)(last - first + 1)))
        return luaL_error(L, "string slice too long");
    for (int64_t i = first; i <= last; i++)
        lua_pushinteger(L, (uint8_t)s[i - 1]);
    return (int)(last - first + 1);
}

static int string_rep(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    const int64_t times = lua_arg_integer(L, 2);
    if (times <= 0 || size == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    size_t total;
    if (__builtin_mul_overflow(size, (uint64_t)times, &total) ||
        total > engine_of(L)->block_max)
        return luaL_error(L, "resulting string too large");
    lua_charge_bytes(L, total);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    if (size == 1) {
        for (size_t left = total; left > 0;) {
            const size_t piece = MIN(left, LUAL_BUFFERSIZE);
            memset(luaL_prepbuffer(&b), (uint8_t)*s, piece);
            luaL_addsize(&b, piece);
            left -= piece;
        }
    } else {
        for (int64_t i = 0; i < times; i++)
            luaL_addlstring(&b, s, size);
    }
    luaL_pushresult(&b);
    return 1;
}

/* --- format ----------------------------------------------------------------------------------- */

/* One item: its flags, width and precision, copied to spec with the length that int64_t needs. */
struct item {
    char spec[SPEC_MAX];
    size_t size;
    char conversion;
    bool has_precision;
};

static const char *parse_digits(lua_State *L, const char *at)
{
    int count = 0;
    while (*at >= '0' && *at <= '9') {
        if (++count > 2)
            luaL_error(L, "invalid format (width or precision too long)");
        at++;
    }
    return at;
}

/* at stands behind '%'; format is NUL-terminated, as Lua's strings are. */
static const char *parse_item(lua_State *L, const char *at, struct item *item)
{
    const char *begin = at;
    while (*at != '\0' && strchr("-+ #0", *at) != NULL)
        at++;
    if (at - begin > 5)
        luaL_error(L, "invalid format (repeated flags)");
    at = parse_digits(L, at);
    item->has_precision = *at == '.';
    if (*at == '.')
        at = parse_digits(L, at + 1);
    item->conversion = *at;
    item->size = 0;
    item->spec[item->size++] = '%';
    memcpy(item->spec + item->size, begin, (size_t)(at - begin));
    item->size += (size_t)(at - begin);
    item->spec[item->size] = '\0';
    return *at == '\0' ? at : at + 1;
}

static void end_spec(struct item *item, const char *conversion)
{
    memcpy(item->spec + item->size, conversion, strlen(conversion) + 1);
}

static void add_quoted(lua_State *L, luaL_Buffer *b, int index)
{
    size_t size;
    const char *s = luaL_checklstring(L, index, &size);
    lua_charge_bytes(L, size);
    luaL_addchar(b, '"');
    for (size_t i = 0; i < size; i++) {
        switch (s[i]) {
        case '"': case '\\': case '\n':
            luaL_addchar(b, '\\');
            luaL_addchar(b, s[i]);
            break;
        case '\r': luaL_addlstring(b, "\\r", 2); break;
        case '\0': luaL_addlstring(b, "\\000", 4); break;
        default: luaL_addchar(b, s[i]);
        }
    }
    luaL_addchar(b, '"');
}

static void add_string(lua_State *L, luaL_Buffer *b, struct item *item, int index)
{
    size_t size;
    const char *s = luaL_checklstring(L, index, &size);
    if (!item->has_precision && size >= LONG_STRING) {
        lua_pushvalue(L, index);
        luaL_addvalue(b);
        return;
    }
    char text[ITEM_MAX];
    end_spec(item, "s");
    snprintf(text, sizeof(text), item->spec, s);
    luaL_addstring(b, text);
}

static void add_item(lua_State *L, luaL_Buffer *b, struct item *item, int index)
{
    char text[ITEM_MAX];
    switch (item->conversion) {
    case 'c': {
        end_spec(item, "c");
        const int size = snprintf(text, sizeof(text), item->spec, (int)lua_arg_integer(L, index));
        luaL_addlstring(b, text, (size_t)size); /* %c of 0 is a byte too */
        return;
    }
    case 'd': case 'i':
        end_spec(item, PRId64);
        snprintf(text, sizeof(text), item->spec, lua_arg_integer(L, index));
        break;
    case 'u': case 'o': case 'x': case 'X': {
        const lua_Number n = luaL_checknumber(L, index);
        const uint64_t value = n >= 9223372036854775808.0 && n < 18446744073709551616.0
                                   ? (uint64_t)n
                                   : (uint64_t)lua_number_to_integer(n);
        end_spec(item, item->conversion == 'u'   ? PRIu64
                       : item->conversion == 'o' ? PRIo64
                       : item->conversion == 'x' ? PRIx64
                                                 : PRIX64);
        snprintf(text, sizeof(text), item->spec, value);
        break;
    }
    case 'e': case 'E': case 'f': case 'g': case 'G':
        end_spec(item, (const char[]){item->conversion, '\0'});
        snprintf(text, sizeof(text), item->spec, (double)luaL_checknumber(L, index));
        break;
    case 'q': add_quoted(L, b, index); return;
    case 's': add_string(L, b, item, index); return;
    default:
        luaL_error(L, "invalid option '%%%c' to 'format'", item->conversion);
        return;
    }
    luaL_addstring(b, text);
}

static int string_format(lua_State *L)
{
    size_t size;
    const char *at = luaL_checklstring(L, 1, &size);
    const char *end = at + size;
    int argument = 1;
    const int top = lua_gettop(L);
    luaL_Buffer b;
    lua_charge_bytes(L, size);
    luaL_buffinit(L, &b);
    while (at < end) {
        if (*at != '%') {
            luaL_addchar(&b, *at++);
            continue;
        }
        if (*++at == '%') {
            luaL_addchar(&b, *at++);
            continue;
        }
        struct item item;
        at = parse_item(L, at, &item);
        lua_charge(L, 4);
        if (++argument > top)
            luaL_argerror(L, argument, "no value");
        add_item(L, &b, &item, argument);
    }
    luaL_pushresult(&b);
    return 1;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The stock function is the upvalue. */
static int over_bytes(lua_State *L)
{
    size_t size;
    luaL_checklstring(L, 1, &size);
    lua_charge_bytes(L, size);
    return lua_call_stock(L);
}

static const luaL_Reg string_functions[] = {
    {"sub", string_sub}, {"byte", string_byte}, {"rep", string_rep}, {"format", string_format},
    {"find", pattern_find}, {"match", pattern_match}, {"gmatch", pattern_gmatch},
    {"gfind", pattern_gmatch}, {"gsub", pattern_gsub}, {NULL, NULL},
};

void lua_open_string(lua_State *L)
{
    static const char *const wrapped[] = {"lower", "upper", "reverse"}; /* dump: load refuses it */
    lua_getfield(L, -1, "string");
    luaL_register(L, NULL, string_functions);
    for (size_t i = 0; i < ARRAY_COUNT(wrapped); i++) {
        lua_getfield(L, -1, wrapped[i]);
        lua_pushcclosure(L, over_bytes, 1);
        lua_setfield(L, -2, wrapped[i]);
    }
}
