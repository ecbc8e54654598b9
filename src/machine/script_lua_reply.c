/* script_lua_reply.c -- between RESP and Lua's values, both ways, as Redis 7.0 does it.
 *
 * Replies to a script are ours, so their form is sure (CHECK). What a script returns is not: depth
 * is bounded by Lua's stack, size by REPLY_MAX, since a small table may refer to itself a billion
 * times over. */

#include "machine/script_lua.h"

#include <stdlib.h>

#include "base/panic.h"
#include "resp/resp_write.h"

#define REPLY_MAX ((size_t)512 << 20)

/* --- RESP to Lua ------------------------------------------------------------------------------ */

struct decoder {
    lua_State *L;
    const char *at, *end;
};

/* The rest of the line. */
static struct bytes take_line(struct decoder *d)
{
    const char *line = d->at;
    const char *end = memchr(line, '\r', (size_t)(d->end - line));
    CHECK(end != NULL);
    d->at = end + 2;
    CHECK(d->at <= d->end);
    return bytes_of(line, (size_t)(end - line));
}

static int64_t take_number(struct decoder *d)
{
    int64_t value;
    const bool good = bytes_to_int64(take_line(d), &value);
    CHECK(good);
    return value;
}

static struct bytes take_bulk(struct decoder *d, int64_t size)
{
    CHECK(size >= 0);
    CHECK(size + 2 <= d->end - d->at);
    const struct bytes bulk = bytes_of(d->at, (size_t)size);
    d->at += size + 2;
    return bulk;
}

static void push_bytes(lua_State *L, struct bytes b)
{
    lua_pushlstring(L, b.size == 0 ? "" : b.data, b.size);
}

/* {[name] = value on top} */
static void wrap_value(lua_State *L, const char *name)
{
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
}

static void push_value(struct decoder *d);

static void push_array(struct decoder *d, int64_t count)
{
    lua_State *L = d->L;
    if (count < 0) {
        lua_pushboolean(L, false);
        return;
    }
    lua_createtable(L, (int)MIN(count, INT32_MAX), 0);
    for (int64_t i = 1; i <= count; i++) {
        push_value(d);
        lua_rawseti(L, -2, (int)i);
    }
}

static void push_map(struct decoder *d, int64_t count)
{
    lua_State *L = d->L;
    lua_createtable(L, 0, (int)MIN(count, INT32_MAX));
    for (int64_t i = 0; i < count; i++) {
        push_value(d);
        push_value(d);
        lua_rawset(L, -3);
    }
    wrap_value(L, "map");
}

static void push_set(struct decoder *d, int64_t count)
{
    lua_State *L = d->L;
    lua_createtable(L, 0, (int)MIN(count, INT32_MAX));
    for (int64_t i = 0; i < count; i++) {
        push_value(d);
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
    }
    wrap_value(L, "set");
}

static void push_verbatim(struct decoder *d)
{
    lua_State *L = d->L;
    const struct bytes bulk = take_bulk(d, take_number(d));
    CHECK(bulk.size >= 4);
    lua_createtable(L, 0, 2);
    push_bytes(L, bytes_of(bulk.data, 3));
    lua_setfield(L, -2, "format");
    push_bytes(L, bytes_from(bulk, 4));
    lua_setfield(L, -2, "string");
    wrap_value(L, "verbatim_string");
}

static void push_double(struct decoder *d)
{
    char text[64];
    const struct bytes line = take_line(d);
    CHECK(line.size < sizeof(text));
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    lua_pushnumber(d->L, strtod(text, NULL));
    wrap_value(d->L, "double");
}

static void skip_attribute(struct decoder *d)
{
    const int64_t pairs = take_number(d);
    for (int64_t i = 0; i < 2 * pairs; i++) {
        push_value(d);
        lua_pop(d->L, 1);
    }
}

static void push_value(struct decoder *d)
{
    lua_State *L = d->L;
    luaL_checkstack(L, 6, "the reply is nested too deep");
    CHECK(d->at < d->end);
    switch (*d->at++) {
    case ':': lua_pushnumber(L, (lua_Number)take_number(d)); return;
    case '$': {
        const int64_t size = take_number(d);
        if (size < 0)
            lua_pushboolean(L, false);
        else
            push_bytes(L, take_bulk(d, size));
        return;
    }
    case '+':
        push_bytes(L, take_line(d));
        wrap_value(L, "ok");
        return;
    case '-':
        push_bytes(L, take_line(d));
        wrap_value(L, "err");
        lua_pushboolean(L, true);
        lua_setfield(L, -2, COUNTED_FIELD);
        return;
    case '*': push_array(d, take_number(d)); return;
    case '%': push_map(d, take_number(d)); return;
    case '~': push_set(d, take_number(d)); return;
    case '_':
        take_line(d);
        lua_pushnil(L);
        return;
    case '#': lua_pushboolean(L, bytes_equal(take_line(d), BYTES("t"))); return;
    case ',': push_double(d); return;
    case '(':
        push_bytes(L, take_line(d));
        wrap_value(L, "big_number");
        return;
    case '=': push_verbatim(d); return;
    case '|':
        skip_attribute(d);
        push_value(d);
        return;
    default: panic("a command replied to a script with a '%c'", d->at[-1]);
    }
}

size_t lua_push_reply(lua_State *L, struct bytes b)
{
    struct decoder d = {.L = L, .at = b.data, .end = (const char *)b.data + b.size};
    push_value(&d);
    return (size_t)(d.at - (const char *)b.data);
}

/* --- Lua to RESP ------------------------------------------------------------------------------ */

struct encoder {
    lua_State *L;
    struct exec *x;
    struct buf *out;
    enum resp_protocol protocol; /* of the client */
    int script_protocol;         /* of redis.setresp: what false and true become */
    bool is_full;
};

static void encode(struct encoder *e);

/* The field of the table on top, if it has the type: left on the stack. */
static bool get_field(lua_State *L, const char *name, int type)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type)
        return true;
    lua_pop(L, 1);
    return false;
}

/* Whether the table under the value on top has the field. */
static bool get_field_below(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, -3);
    const bool is_true = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_true;
}

static struct bytes without_line_ends(struct encoder *e, struct bytes text)
{
    struct bytes copy = arena_copy(e->x->arena, text);
    for (size_t i = 0; i < copy.size; i++) {
        char *c = (char *)copy.data + i;
        if (*c == '\r' || *c == '\n')
            *c = ' ';
    }
    return copy;
}

static void encode_array(struct encoder *e)
{
    lua_State *L = e->L;
    const size_t begun = resp_defer(e->out);
    size_t count = 0;
    while (!e->is_full) {
        lua_rawgeti(L, -1, (int)count + 1);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            break;
        }
        encode(e);
        count++;
    }
    resp_defer_end(e->out, begun, e->protocol, RESP_ARRAY, count);
}

/* The table of the field, on top, goes with it. */
static void encode_pairs(struct encoder *e, enum resp_kind kind)
{
    lua_State *L = e->L;
    const size_t begun = resp_defer(e->out);
    size_t count = 0;
    lua_pushnil(L);
    while (!e->is_full && lua_next(L, -2)) {
        if (kind == RESP_SET)
            lua_pop(L, 1);
        lua_pushvalue(L, kind == RESP_SET ? -1 : -2);
        encode(e);
        if (kind == RESP_MAP)
            encode(e);
        count++;
    }
    if (e->is_full)
        lua_settop(L, lua_gettop(L) - (count > 0 ? 1 : 0));
    resp_defer_end(e->out, begun, e->protocol, kind, count);
    lua_pop(L, 1);
}

static bool encode_verbatim(struct encoder *e)
{
    lua_State *L = e->L;
    if (!get_field(L, "verbatim_string", LUA_TTABLE))
        return false;
    const int top = lua_gettop(L);
    bool good = false;
    if (get_field(L, "format", LUA_TSTRING)) {
        char format[4] = "   ";
        const struct bytes given = lua_bytes(L, -1);
        memcpy(format, given.data, MIN(given.size, 3));
        lua_pop(L, 1);
        good = get_field(L, "string", LUA_TSTRING);
        if (good)
            resp_verbatim(e->out, e->protocol, format, lua_bytes(L, -1));
    }
    lua_settop(L, top - 1);
    return good;
}

static void encode_table(struct encoder *e)
{
    lua_State *L = e->L;
    if (get_field(L, "err", LUA_TSTRING)) {
        reply_error_bytes(e->x, without_line_ends(e, lua_bytes(L, -1)));
        if (get_field_below(L, COUNTED_FIELD))
            e->x->reply.errors_counted++;
    } else if (get_field(L, "ok", LUA_TSTRING)) {
        resp_simple(e->out, without_line_ends(e, lua_bytes(L, -1)));
    } else if (get_field(L, "double", LUA_TNUMBER)) {
        resp_double(e->out, e->protocol, lua_tonumber(L, -1));
    } else if (get_field(L, "big_number", LUA_TSTRING)) {
        resp_big_number(e->out, e->protocol, without_line_ends(e, lua_bytes(L, -1)));
    } else if (encode_verbatim(e)) {
        return;
    } else if (get_field(L, "map", LUA_TTABLE)) {
        encode_pairs(e, RESP_MAP);
        return;
    } else if (get_field(L, "set", LUA_TTABLE)) {
        encode_pairs(e, RESP_SET);
        return;
    } else {
        encode_array(e);
        return;
    }
    lua_pop(L, 1);
}

/* The value on top; pops it. */
static void encode(struct encoder *e)
{
    lua_State *L = e->L;
    if (!lua_checkstack(L, 6)) {
        reply_error(e->x, "ERR reached lua stack limit");
        lua_pop(L, 1);
        return;
    }
    e->is_full = e->is_full || e->out->size > REPLY_MAX;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: resp_bulk(e->out, lua_bytes(L, -1)); break;
    case LUA_TNUMBER: resp_int64(e->out, lua_number_to_integer(lua_tonumber(L, -1))); break;
    case LUA_TBOOLEAN:
        if (e->script_protocol == 3)
            resp_bool(e->out, e->protocol, lua_toboolean(L, -1));
        else if (lua_toboolean(L, -1))
            resp_int64(e->out, 1);
        else
            resp_null(e->out, e->protocol);
        break;
    case LUA_TTABLE: encode_table(e); break;
    default: resp_null(e->out, e->protocol);
    }
    lua_pop(L, 1);
}

void lua_reply(lua_State *L, struct exec *x, int script_protocol)
{
    if (!reply_is_wanted(x)) {
        lua_pop(L, 1);
        return;
    }
    struct encoder e = {.L = L, .x = x, .out = x->reply.out, .script_protocol = script_protocol,
                        .protocol = (enum resp_protocol)x->reply.protocol};
    const size_t begun = e.out->size;
    encode(&e);
    if (!e.is_full)
        return;
    buf_truncate(e.out, begun);
    reply_error(x, "ERR the script was executed, but its reply is larger than 512 MiB");
}
