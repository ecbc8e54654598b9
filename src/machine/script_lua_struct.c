/* script_lua_struct.c -- struct of scripts: pack, unpack and size of C-like layouts.
 *
 *   > < =    big, little, native (little) order       !n   align to n (a power of two; ! alone: 8)
 *   b B h H l L T i[n] I[n]   integers: 1, 2, 8, 8 (T: size_t), n bytes (4 if not given)
 *   f d      float, double      x    a zero byte
 *   s        up to a zero byte  c[n] n bytes (1 if not given; c0: the whole string when packing, as
 *            many as the number before it says when unpacking)
 *
 * Sizes are those of 64-bit Linux on every node. */

#include "machine/script_lua.h"

#include <ctype.h>

#define INTEGER_SIZE_MAX 32
#define ALIGN_MAX 16
#define ALIGN_DEFAULT 8

struct layout {
    lua_State *L;
    const char *at;     /* the rest of the format */
    bool is_little;
    size_t align;
    size_t position;    /* in the packed bytes */
};

struct field {
    char kind;
    size_t size, padding;
};

static size_t take_number(struct layout *l, size_t otherwise)
{
    if (!isdigit((uint8_t)*l->at))
        return otherwise;
    size_t n = 0;
    while (isdigit((uint8_t)*l->at)) {
        if (n > (INT32_MAX - 9) / 10)
            luaL_error(l->L, "integral size overflow");
        n = n * 10 + (size_t)(*l->at++ - '0');
    }
    return n;
}

static size_t size_of(struct layout *l, char kind)
{
    switch (kind) {
    case 'B': case 'b': case 'x': return 1;
    case 'H': case 'h': return 2;
    case 'L': case 'l': case 'T': case 'd': return 8;
    case 'f': return 4;
    case 'c': return take_number(l, 1);
    case 'i': case 'I': {
        const size_t size = take_number(l, 4);
        if (size > INTEGER_SIZE_MAX)
            luaL_error(l->L, "integral size %d is larger than limit of %d", (int)size,
                       INTEGER_SIZE_MAX);
        return size;
    }
    default: return 0;
    }
}

/* Takes order and alignment; true: it was one of them. */
static bool take_option(struct layout *l, char kind)
{
    switch (kind) {
    case ' ': return true;
    case '>': l->is_little = false; return true;
    case '<': case '=': l->is_little = true; return true;
    case '!': {
        const size_t align = take_number(l, ALIGN_DEFAULT);
        if (align == 0 || (align & (align - 1)) != 0 || align > ALIGN_MAX)
            luaL_error(l->L, "alignment %d is not a power of 2", (int)align);
        l->align = align;
        return true;
    }
    default: return false;
    }
}

/* The next field; false at the end of the format. */
static bool next_field(struct layout *l, struct field *f)
{
    while (*l->at != '\0') {
        lua_charge(l->L, 1);
        f->kind = *l->at++;
        f->size = size_of(l, f->kind);
        f->padding = 0;
        if (take_option(l, f->kind))
            continue;
        if (strchr("bBhHlLTiIfdxsc", f->kind) == NULL)
            luaL_argerror(l->L, 1, lua_pushfstring(l->L, "invalid format option '%c'", f->kind));
        if (f->size > 0 && strchr("xsc", f->kind) == NULL) {
            const size_t align = MIN(f->size, l->align);
            if (align > 1 && (align & (align - 1)) == 0)
                f->padding = (align - (l->position & (align - 1))) & (align - 1);
        }
        return true;
    }
    return false;
}

static struct layout begin_layout(lua_State *L)
{
    return (struct layout){.L = L, .at = luaL_checkstring(L, 1), .is_little = true, .align = 1};
}

/* --- pack ------------------------------------------------------------------------------------- */

static void add_bytes(luaL_Buffer *b, uint64_t value, const struct field *f, bool is_little)
{
    uint8_t bytes[INTEGER_SIZE_MAX] = {0};
    for (size_t i = 0; i < f->size; i++) {
        const size_t at = is_little ? i : f->size - 1 - i;
        bytes[at] = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
    }
    luaL_addlstring(b, (const char *)bytes, f->size);
}

static uint64_t integer_of(lua_State *L, int index)
{
    const lua_Number n = luaL_checknumber(L, index);
    if (n >= 9223372036854775808.0 && n < 18446744073709551616.0)
        return (uint64_t)n;
    return (uint64_t)lua_number_to_integer(n);
}

static void add_real(luaL_Buffer *b, double value, const struct field *f, bool is_little)
{
    uint64_t bits = 0;
    if (f->size == 4) {
        const float narrow = (float)value;
        memcpy(&bits, &narrow, sizeof(narrow));
    } else {
        memcpy(&bits, &value, sizeof(value));
    }
    add_bytes(b, bits, f, is_little);
}

/* Adds the string's bytes; returns how many. */
static size_t add_text(lua_State *L, luaL_Buffer *b, const struct field *f, int index)
{
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    const size_t wanted = f->kind == 'c' && f->size > 0 ? f->size : size;
    if (wanted > size)
        luaL_argerror(L, index, "string too short");
    lua_charge_bytes(L, wanted);
    luaL_addlstring(b, text, wanted);
    if (f->kind == 's')
        luaL_addchar(b, '\0');
    return wanted + (f->kind == 's');
}

static int struct_pack(lua_State *L)
{
    struct layout l = begin_layout(L);
    struct field f;
    luaL_Buffer b;
    int argument = 1;
    luaL_buffinit(L, &b);
    while (next_field(&l, &f)) {
        for (size_t i = 0; i < f.padding; i++)
            luaL_addchar(&b, '\0');
        l.position += f.padding;
        switch (f.kind) {
        case 'x': luaL_addchar(&b, '\0'); break;
        case 's': case 'c': f.size = add_text(L, &b, &f, ++argument); break;
        case 'f': case 'd':
            add_real(&b, luaL_checknumber(L, ++argument), &f, l.is_little);
            break;
        default: add_bytes(&b, integer_of(L, ++argument), &f, l.is_little);
        }
        l.position += f.size;
    }
    luaL_pushresult(&b);
    return 1;
}

/* --- unpack ----------------------------------------------------------------------------------- */

static void push_integer(lua_State *L, const uint8_t *bytes, const struct field *f, bool is_little)
{
    uint64_t value = 0;
    const size_t size = MIN(f->size, 8);
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[is_little ? i : f->size - 1 - i] << (8 * i);
    if (islower((uint8_t)f->kind)) {
        if (size > 0 && size < 8 && (value >> (8 * size - 1) & 1))
            value |= UINT64_MAX << (8 * size);
        lua_pushnumber(L, (lua_Number)(int64_t)value);
    } else {
        lua_pushnumber(L, (lua_Number)value);
    }
}

static void push_real(lua_State *L, const uint8_t *bytes, const struct field *f, bool is_little)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < f->size; i++)
        bits |= (uint64_t)bytes[is_little ? i : f->size - 1 - i] << (8 * i);
    if (f->size == 4) {
        const uint32_t half = (uint32_t)bits;
        float narrow;
        memcpy(&narrow, &half, sizeof(narrow));
        lua_pushnumber(L, narrow);
    } else {
        double value;
        memcpy(&value, &bits, sizeof(value));
        lua_pushnumber(L, value);
    }
}

/* The size of the text of f at bytes, with the zero that ends it; *taken is without. */
static size_t text_size(struct layout *l, struct bytes rest, const struct field *f, size_t *taken)
{
    lua_State *L = l->L;
    if (f->kind == 's') {
        const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\0', rest.size);
        if (end == NULL)
            luaL_error(L, "unfinished string in data");
        *taken = (size_t)(end - bytes_data(rest));
        return *taken + 1;
    }
    *taken = f->size;
    if (f->size == 0) {
        if (lua_gettop(L) < 4 || !lua_isnumber(L, -1)) /* three arguments stand below */
            luaL_error(L, "format 'c0' needs a previous size");
        const lua_Number n = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (!(n >= 0) || n > (lua_Number)rest.size)
            luaL_argerror(L, 2, "data string too short");
        *taken = (size_t)n;
    }
    return *taken;
}

static int struct_unpack(lua_State *L)
{
    struct layout l = begin_layout(L);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    const struct bytes data = bytes_of(text, size);
    const int64_t from = lua_arg_integer_or(L, 3, 1);
    luaL_argcheck(L, from > 0, 3, "offset must be 1 or greater");
    lua_settop(L, 3);
    l.position = (uint64_t)from - 1 > size ? size + 1 : (size_t)from - 1;
    struct field f;
    while (next_field(&l, &f)) {
        l.position += f.padding;
        luaL_argcheck(L, l.position <= size && f.size <= size - l.position, 2,
                      "data string too short");
        luaL_checkstack(L, 2, "too many results");
        const uint8_t *bytes = bytes_data(data) + l.position;
        switch (f.kind) {
        case 'x': break;
        case 's': case 'c': {
            size_t taken;
            f.size = text_size(&l, bytes_from(data, l.position), &f, &taken);
            lua_charge_bytes(L, taken);
            lua_pushlstring(L, (const char *)bytes, taken);
            break;
        }
        case 'f': case 'd': push_real(L, bytes, &f, l.is_little); break;
        default: push_integer(L, bytes, &f, l.is_little);
        }
        l.position += f.size;
    }
    lua_pushnumber(L, (lua_Number)(l.position + 1));
    return lua_gettop(L) - 3;
}

static int struct_size(lua_State *L)
{
    struct layout l = begin_layout(L);
    struct field f;
    while (next_field(&l, &f)) {
        if (f.kind == 's' || (f.kind == 'c' && f.size == 0))
            return luaL_argerror(L, 1, f.kind == 's' ? "option 's' has no fixed size"
                                                     : "option 'c0' has no fixed size");
        if (__builtin_add_overflow(l.position, f.padding + f.size, &l.position))
            return luaL_error(L, "integral size overflow");
    }
    lua_pushnumber(L, (lua_Number)l.position);
    return 1;
}

static const luaL_Reg struct_functions[] = {
    {"pack", struct_pack}, {"unpack", struct_unpack}, {"size", struct_size}, {NULL, NULL},
};

void lua_open_struct(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, struct_functions);
}
