/* script_lua_pattern.h -- string.find, match, gmatch and gsub with a bound on time and depth. */

#ifndef MACHINE_SCRIPT_LUA_PATTERN_H
#define MACHINE_SCRIPT_LUA_PATTERN_H

#include <lua.h>

int pattern_find(lua_State *L);
int pattern_match(lua_State *L);
int pattern_gmatch(lua_State *L);
int pattern_gsub(lua_State *L);

#endif
