/* script_lua_redis.c -- the table redis of scripts, with the API of Redis 7.0. */

#include "machine/script_lua.h"

#include <stdio.h>

#include "base/log.h"
#include "command/acl_user.h"
#include "keyspace/keyspace.h"

#define VERSION_TEXT "7.0.15"
#define VERSION_NUMBER 0x0007000f
#define FUNCTION_NAME_MAX 255

enum { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING };
enum { REPL_NONE = 0, REPL_AOF = 1, REPL_REPLICA = 2, REPL_ALL = 3 };

static int raise_text(lua_State *L, const char *text)
{
    lua_push_error(L, bytes_from_string(text));
    return lua_error(L);
}

static struct script_run *run_of(lua_State *L, const char *what)
{
    struct script_engine *e = engine_of(L);
    if (e->run != NULL && e->library == NULL)
        return e->run;
    char text[80];
    snprintf(text, sizeof(text), "%s can only be called inside a script invocation", what);
    raise_text(L, text);
    return NULL;
}

/* --- call and pcall --------------------------------------------------------------------------- */

/* The arguments as bytes, in the engine's arena; NULL: an error is on the stack. */
static const struct bytes *take_args(lua_State *L, uint32_t *count)
{
    struct script_engine *e = engine_of(L);
    const int top = lua_gettop(L);
    if (top == 0) {
        lua_push_error(L, BYTES("Please specify at least one argument for this redis lib call"));
        return NULL;
    }
    struct bytes *args = arena_alloc(&e->arena, (size_t)top * sizeof(*args));
    size_t size = 0;
    for (int i = 0; i < top; i++) {
        if (lua_type(L, i + 1) == LUA_TNUMBER) {
            char digits[40];
            const int length = snprintf(digits, sizeof(digits), "%.17g", lua_tonumber(L, i + 1));
            args[i] = arena_copy(&e->arena, bytes_of(digits, (size_t)length));
        } else if (lua_type(L, i + 1) == LUA_TSTRING) {
            args[i] = lua_bytes(L, i + 1);
        } else {
            lua_push_error(L,
                           BYTES("Lua redis lib command arguments must be strings or integers"));
            return NULL;
        }
        size += args[i].size;
    }
    *count = (uint32_t)top;
    lua_charge_bytes(L, size);
    return args;
}

#define CALL_PRICE 100 /* instructions that the shortest command is worth */
#define TOUCH_PRICE 20 /* and each element, key or 4 KiB that it looks at (keyspace_touch) */

/* Leaves what the command replied; true: it is an error. */
static bool call(lua_State *L, struct script_run *run)
{
    struct script_engine *e = engine_of(L);
    uint32_t count = 0;
    lua_charge(L, CALL_PRICE);
    const struct bytes *args = take_args(L, &count);
    bool failed = true;
    if (args != NULL) {
        buf_reset(&e->reply);
        buf_reset(&e->text);
        const uint64_t touched = keyspace_touched(run->outer->keyspace);
        if (script_call(run, args, count, &e->reply, &e->text)) {
            if (run->end == SCRIPT_OVER_WRITES) {
                e->end = SCRIPT_OVER_WRITES;
                lua_raise_end(L);
            }
            lua_charge(L, TOUCH_PRICE * (keyspace_touched(run->outer->keyspace) - touched));
            failed = e->reply.size > 0 && *buf_data(&e->reply) == '-';
            lua_settop(L, 0);
            lua_charge_bytes(L, e->reply.size);
            lua_push_reply(L, buf_bytes(&e->reply));
        } else if (run->end == SCRIPT_WANTS_LOG) {
            e->end = SCRIPT_WANTS_LOG;
        } else {
            lua_push_error(L, buf_bytes(&e->text));
            lua_pushboolean(L, true);
            lua_setfield(L, -2, COUNTED_FIELD);
        }
    }
    arena_reset(&e->arena);
    lua_raise_end(L);
    return failed;
}

static int redis_call(lua_State *L)
{
    struct script_run *run = run_of(L, "redis.call/pcall");
    if (call(L, run))
        return lua_error(L);
    return 1;
}

static int redis_pcall(lua_State *L)
{
    call(L, run_of(L, "redis.call/pcall"));
    return 1;
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool is_one_string(lua_State *L)
{
    return lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TSTRING;
}

static int redis_status_reply(lua_State *L)
{
    if (!is_one_string(L)) {
        lua_push_error(L, BYTES("wrong number or type of arguments"));
        return 1;
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "ok");
    return 1;
}

static int redis_error_reply(lua_State *L)
{
    if (!is_one_string(L)) {
        lua_push_error(L, BYTES("wrong number or type of arguments"));
        return 1;
    }
    if (*lua_tostring(L, 1) != '-') {
        lua_pushliteral(L, "-");
        lua_insert(L, 1);
        lua_concat(L, 2);
    }
    lua_push_error(L, lua_bytes(L, 1));
    return 1;
}

static int redis_setresp(lua_State *L)
{
    struct script_run *run = run_of(L, "redis.setresp");
    if (lua_gettop(L) != 1)
        return raise_text(L, "redis.setresp() requires one argument.");
    const int64_t version = lua_number_to_integer(lua_tonumber(L, 1));
    if (version != 2 && version != 3)
        return raise_text(L, "RESP version must be 2 or 3.");
    run->protocol = (int)version;
    return 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int redis_sha1hex(lua_State *L)
{
    if (lua_gettop(L) != 1)
        return raise_text(L, "wrong number of arguments");
    char hex[SHA1_HEX_SIZE + 1];
    const struct bytes text = lua_isstring(L, 1) ? lua_bytes(L, 1) : BYTES_NONE;
    lua_charge_bytes(L, text.size);
    sha1_hex(text, hex);
    lua_pushstring(L, hex);
    return 1;
}

/* Only the node that has the client writes it. */
static void log_text(const struct script_run *run, int level, const char *text)
{
    if (run == NULL || run->outer->client == NULL)
        return;
    if (level == LOG_LEVEL_WARNING)
        log_warn("script", "redis.log", "script=%s text=%s", run->name, text);
    else if (level == LOG_LEVEL_NOTICE)
        log_info("script", "redis.log", "script=%s text=%s", run->name, text);
}

static int redis_log(lua_State *L)
{
    const int top = lua_gettop(L);
    if (top < 2)
        return raise_text(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1))
        return raise_text(L, "First argument must be a number (log level).");
    const int64_t level = lua_number_to_integer(lua_tonumber(L, 1));
    if (level < LOG_LEVEL_DEBUG || level > LOG_LEVEL_WARNING)
        return raise_text(L, "Invalid debug level.");
    struct script_engine *e = engine_of(L);
    buf_reset(&e->text);
    for (int i = 2; i <= top; i++) {
        if (!lua_isstring(L, i))
            continue;
        if (i > 2)
            buf_append_u8(&e->text, ' ');
        const struct bytes piece = lua_bytes(L, i);
        buf_append(&e->text, piece.data, MIN(piece.size, 1024));
    }
    buf_append_u8(&e->text, '\0');
    log_text(e->run, (int)level, (const char *)buf_data(&e->text));
    return 0;
}

/* What a script writes is always replicated: as the script itself. */
static int redis_set_repl(lua_State *L)
{
    run_of(L, "redis.set_repl");
    if (lua_gettop(L) != 1)
        return raise_text(L, "redis.set_repl() requires two arguments.");
    if (lua_number_to_integer(lua_tonumber(L, 1)) & ~(int64_t)REPL_ALL)
        return raise_text(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                             "REPL_NONE.");
    return 0;
}

static int redis_replicate_commands(lua_State *L)
{
    lua_pushboolean(L, true);
    return 1;
}

static int redis_breakpoint(lua_State *L)
{
    lua_pushboolean(L, false); /* there is no debugger */
    return 1;
}

static int redis_debug(lua_State *L)
{
    (void)L;
    return 0;
}

static int redis_acl_check_cmd(lua_State *L)
{
    const struct script_run *run = run_of(L, "redis.acl_check_cmd");
    struct script_engine *e = engine_of(L);
    struct exec x = {.user = run->outer->user, .acl = run->outer->acl, .arena = &e->arena};
    struct acl_denial denial;
    x.args = take_args(L, &x.arg_count);
    const struct bytes *args = x.args;
    x.command = args == NULL ? NULL : command_at_level(command_find(args, x.arg_count, NULL),
                                                       run->outer->level);
    const bool known = x.command != NULL;
    const bool allowed = known && acl_allows(&x, &denial);
    if (args != NULL && !known)
        lua_push_error(L, BYTES("Invalid command passed to redis.acl_check_cmd()"));
    arena_reset(&e->arena);
    if (!known)
        return lua_error(L);
    lua_pushboolean(L, allowed);
    return 1;
}

/* --- functions -------------------------------------------------------------------------------- */

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = bytes_data(name)[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return name.size > 0;
}

/* flags = {'no-writes', ...} on top. */
static uint32_t take_flags(lua_State *L)
{
    uint32_t flags = 0;
    for (int i = 1;; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1))
            break;
        const uint32_t flag = lua_isstring(L, -1) ? script_flag_by_name(lua_bytes(L, -1)) : 0;
        if (flag == 0)
            raise_text(L, "unknown flag given");
        flags |= flag;
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return flags;
}

/* The named arguments of register_function{...}; the callback goes to index 2, the name to 3. */
static void take_named(lua_State *L, struct script_function *f)
{
    lua_settop(L, 3);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            raise_text(L, "named argument key given to redis.register_function is not a string");
        const char *key = lua_tostring(L, -2);
        if (strcmp(key, "function_name") == 0) {
            if (lua_type(L, -1) != LUA_TSTRING)
                raise_text(L, "function_name argument given to redis.register_function must be a "
                              "string");
            lua_pushvalue(L, -1);
            lua_replace(L, 3);
        } else if (strcmp(key, "description") == 0) {
            if (lua_type(L, -1) != LUA_TSTRING)
                raise_text(L, "description argument given to redis.register_function must be a "
                              "string");
            f->description = lua_bytes(L, -1);
            f->has_description = true;
        } else if (strcmp(key, "callback") == 0) {
            if (!lua_isfunction(L, -1))
                raise_text(L, "callback argument given to redis.register_function must be a "
                              "function");
            lua_pushvalue(L, -1);
            lua_replace(L, 2);
        } else if (strcmp(key, "flags") == 0) {
            if (!lua_istable(L, -1))
                raise_text(L, "flags argument to redis.register_function must be a table "
                              "representing function flags");
            lua_pushvalue(L, -1);
            f->flags = take_flags(L);
        } else {
            raise_text(L, "unknown argument given to redis.register_function");
        }
        lua_pop(L, 1);
    }
    if (lua_isnil(L, 3))
        raise_text(L, "redis.register_function must get a function name argument");
    if (lua_isnil(L, 2))
        raise_text(L, "redis.register_function must get a callback argument");
}

static int redis_register_function(lua_State *L)
{
    struct script_engine *e = engine_of(L);
    if (e->library == NULL)
        return raise_text(L, "redis.register_function can only be called on FUNCTION LOAD command");
    const int count = lua_gettop(L);
    if (count < 1 || count > 2)
        return raise_text(L, "wrong number of arguments to redis.register_function");
    struct script_function f = {0};
    if (count == 1) {
        if (!lua_istable(L, 1))
            return raise_text(L, "calling redis.register_function with a single argument is only "
                                 "applicable to Lua table (representing named arguments).");
        take_named(L, &f);
    } else {
        if (lua_type(L, 1) != LUA_TSTRING)
            return raise_text(L, "first argument to redis.register_function must be a string");
        if (!lua_isfunction(L, 2))
            return raise_text(L, "second argument to redis.register_function must be a function");
        lua_pushvalue(L, 1);
    }
    f.name = lua_bytes(L, 3);
    if (!is_name(f.name))
        return raise_text(L, "Library names can only contain letters, numbers, or underscores(_) "
                             "and must be at least one character long");
    if (f.name.size > FUNCTION_NAME_MAX)
        return raise_text(L, "Function names are of at most 255 characters");
    lua_getfield(L, LUA_REGISTRYINDEX, "functions");
    lua_pushvalue(L, 3);
    lua_rawget(L, -2);
    if (!lua_isnil(L, -1))
        return raise_text(L, "Function already exists in the library");
    lua_pop(L, 1);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 2);
    lua_rawset(L, -3);
    if (e->library->seen != NULL)
        e->library->seen(e->library->context, &f);
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const luaL_Reg functions[] = {
    {"call", redis_call}, {"pcall", redis_pcall}, {"log", redis_log}, {"setresp", redis_setresp},
    {"sha1hex", redis_sha1hex}, {"error_reply", redis_error_reply},
    {"status_reply", redis_status_reply}, {"set_repl", redis_set_repl},
    {"replicate_commands", redis_replicate_commands}, {"breakpoint", redis_breakpoint},
    {"debug", redis_debug}, {"acl_check_cmd", redis_acl_check_cmd}, {NULL, NULL},
};

static const luaL_Reg load_functions[] = {
    {"register_function", redis_register_function}, {"log", redis_log}, {NULL, NULL},
};

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"LOG_DEBUG", LOG_LEVEL_DEBUG}, {"LOG_VERBOSE", LOG_LEVEL_VERBOSE},
    {"LOG_NOTICE", LOG_LEVEL_NOTICE}, {"LOG_WARNING", LOG_LEVEL_WARNING},
    {"REPL_NONE", REPL_NONE}, {"REPL_AOF", REPL_AOF}, {"REPL_SLAVE", REPL_REPLICA},
    {"REPL_REPLICA", REPL_REPLICA}, {"REPL_ALL", REPL_ALL},
    {"REDIS_VERSION_NUM", VERSION_NUMBER},
};

static void set_constants(lua_State *L)
{
    for (size_t i = 0; i < ARRAY_COUNT(constants); i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    lua_pushliteral(L, VERSION_TEXT);
    lua_setfield(L, -2, "REDIS_VERSION");
}

void lua_open_redis(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    set_constants(L);
}

void lua_open_redis_load(lua_State *L)
{
    lua_newtable(L);
    luaL_register(L, NULL, load_functions);
    set_constants(L);
}
