/* script_lua.h -- inside the Lua side of scripts: the engine and what its files share. Only
 * script_lua*.c include this.
 *
 * One Lua state serves all runs, one behind the other. Each run has a thread (lua_newthread) and
 * hence a stack of its own. What decides its end must not depend on runs before it, since another
 * node may have had others:
 *
 *   - the collector is stopped while a script runs; full collections happen at points that its own
 *     allocations decide (lua_memory_step), between runs when garbage has gathered;
 *   - instructions are counted by a hook; C functions and large allocations charge what they cost
 *     (lua_charge). The table of strings and the buffer of concatenation, which earlier runs have
 *     grown, are left out of charges and memory;
 *   - globals and libraries are frozen: scripts see empty tables whose metatables lead to the real
 *     ones. */

#ifndef MACHINE_SCRIPT_LUA_H
#define MACHINE_SCRIPT_LUA_H

#include <lauxlib.h>
#include <lua.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/prng.h"
#include "machine/script.h"

#define HOOK_STEP 1000          /* instructions between two calls of the hook */
#define CHECK_STEP 100000       /* and between two looks at memory and at the host */
#define CHARGE_BYTES 64         /* bytes copied or allocated for the price of an instruction */
#define COROUTINE_DEPTH_MAX 64  /* coroutines that resume one another: each takes C stack */

#define COUNTED_FIELD "ignore_error_stats_update" /* of an error that was told to the host */
#define READONLY_TEXT "Attempt to modify a readonly table"

/* What a script has set of cjson, until its end. */
struct json_config {
    int sparse_convert, sparse_ratio, sparse_safe;
    int encode_depth, decode_depth, precision;
    int encode_invalid, decode_invalid, keep_buffer;
};
void json_config_reset(struct json_config *c);

struct script_engine {
    lua_State *lua;
    lua_State *thread;          /* of the run */
    lua_State *running;         /* thread, or the coroutine that runs */
    struct script_run *run;     /* NULL: none */
    const struct script_library *library; /* that is being loaded */

    size_t bytes;               /* that Lua holds */
    void *string_table, *concat_buffer;
    size_t string_table_size, concat_buffer_size;
    void *newest;               /* the block that was allocated last */
    size_t newest_size;
    size_t string_block;        /* of the string that is being looked for, or made; 0: none */
    bool string_is_made;
    size_t found_bytes;         /* of strings that were not made, since others had left them */
    bool is_open;               /* the state is complete */
    bool is_collecting;

    uint64_t spent, spent_max;  /* instructions */
    uint64_t check_at;          /* when spent gets there: memory and host */
    size_t memory_max, block_max;
    size_t begin_bytes, collect_at; /* counted bytes: at the start; from where on to collect */
    bool has_collected;
    enum script_end end;

    uint32_t coroutine_depth;
    uint32_t table_names;       /* given by tostring */
    uint32_t cached;            /* compiled scripts kept */
    bool has_chance;
    struct prng chance;
    struct buf reply, text;     /* of redis.call, and of what makes long strings */
    struct json_config json;
    struct arena arena;         /* of one call's arguments */
};

static inline struct script_engine *engine_of(lua_State *L)
{
    void *engine;
    lua_getallocf(L, &engine);
    return engine;
}

/* Counts n instructions more; does not return when that ends the run. */
void lua_charge(lua_State *L, uint64_t n);
static inline void lua_charge_bytes(lua_State *L, size_t size)
{
    if (size >= CHARGE_BYTES)
        lua_charge(L, size / CHARGE_BYTES);
}

/* What ^ has cost since it was last asked. */
uint64_t lua_take_pow_price(void);

/* Raises again what must not be caught: to be called where errors are caught. */
void lua_raise_end(lua_State *L);

/* Pops a table, leaves an empty one that shows it and cannot be changed. */
void lua_freeze(lua_State *L);
/* What scripts see as globals: those of a library that is being loaded, or of all that runs. */
void lua_show_globals(lua_State *L, bool of_load);
/* The stock function that is the upvalue, in the place of ours: its errors tell the same line. */
static inline int lua_call_stock(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}
/* Raises if the value at index is such a table. */
void lua_check_writable(lua_State *L, int index);

/* {err = "ERR text"}, or with text's own code when it begins with '-', on the stack. */
void lua_push_error(lua_State *L, struct bytes text);

static inline struct bytes lua_bytes(lua_State *L, int index)
{
    size_t size;
    const char *data = lua_tolstring(L, index, &size);
    return bytes_of(data, size);
}

/* Raises when a string that is being made could not become one of Lua's. */
void lua_check_buf(lua_State *L, const struct buf *b);

/* An integer argument, the same on every processor: outside of int64_t it is the nearest. */
int64_t lua_arg_integer(lua_State *L, int index);
int64_t lua_arg_integer_or(lua_State *L, int index, int64_t otherwise);
int64_t lua_number_to_integer(lua_Number n);

/* Each leaves its table of functions on the stack, to be frozen, or sets globals of the table on
 * top of it. */
void lua_open_base(lua_State *L);
void lua_open_string(lua_State *L);
void lua_open_table(lua_State *L);
void lua_open_math(lua_State *L);
void lua_open_redis(lua_State *L);
void lua_open_redis_load(lua_State *L); /* for libraries while they are loaded */
void lua_open_bit(lua_State *L);
void lua_open_struct(lua_State *L);
void lua_open_json(lua_State *L);
void lua_open_msgpack(lua_State *L);

/* script_lua_reply.c: the reply at the start of b as a value on the stack; its size. */
size_t lua_push_reply(lua_State *L, struct bytes b);
/* The value on top as a reply to x; pops it. */
void lua_reply(lua_State *L, struct exec *x, int script_protocol);

#endif
