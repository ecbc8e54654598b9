/* script_lua_pattern.c -- Lua 5.1's patterns (reference manual §5.4.1), matched by backtracking.
 *
 * The stock matcher takes as long as it takes and as much C stack as the pattern has items. This
 * one charges an instruction for every few characters that it looks at, hence ends when the
 * script's budget does, and refuses to go deeper than DEPTH_MAX.
 *
 * A pattern is a row of items: a class (a character, '.', %a, [set]) with perhaps one of * + - ?
 * behind it, or '(' ')' '%b' '%f' '%1' '$'. match_items() takes items from the left; where an item
 * leaves a choice, it tries the rest for each, and calls itself for that. */

#include "config.h" /* memmem */

#include "machine/script_lua_pattern.h"

#include <ctype.h>

#include "machine/script_lua.h"

#define CAPTURES_MAX 32
#define DEPTH_MAX 200
#define STEPS_PER_CHARGE 1024
#define STEPS_PER_INSTRUCTION 4

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct matcher {
    lua_State *L;
    const char *text, *text_end;
    const char *pattern_end;
    uint32_t steps, depth;
    int capture_count;
    struct {
        const char *begin;
        ptrdiff_t size; /* or CAPTURE_OPEN, CAPTURE_POSITION */
    } captures[CAPTURES_MAX];
};

static const char *match_items(struct matcher *m, const char *s, const char *p);

static void count_step(struct matcher *m)
{
    if (++m->steps == STEPS_PER_CHARGE) {
        m->steps = 0;
        lua_charge(m->L, STEPS_PER_CHARGE / STEPS_PER_INSTRUCTION);
    }
}

/* --- one character ---------------------------------------------------------------------------- */

/* Behind the class that begins at p. */
static const char *class_end(struct matcher *m, const char *p)
{
    if (*p == '%') {
        if (p + 1 == m->pattern_end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p != '[')
        return p + 1;
    p++;
    if (p < m->pattern_end && *p == '^')
        p++;
    do { /* a ']' that comes first is of the set */
        if (p == m->pattern_end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p == '%' && p + 1 < m->pattern_end)
            p++;
        p++;
        count_step(m);
    } while (p == m->pattern_end || *p != ']');
    return p + 1;
}

/* %a, %d ... an upper letter is the complement; anything else is itself. */
static bool in_letter_class(int c, int letter)
{
    bool is_in;
    switch (tolower(letter)) {
    case 'a': is_in = isalpha(c); break;
    case 'c': is_in = iscntrl(c); break;
    case 'd': is_in = isdigit(c); break;
    case 'l': is_in = islower(c); break;
    case 'p': is_in = ispunct(c); break;
    case 's': is_in = isspace(c); break;
    case 'u': is_in = isupper(c); break;
    case 'w': is_in = isalnum(c); break;
    case 'x': is_in = isxdigit(c); break;
    case 'z': is_in = c == 0; break;
    default: return letter == c;
    }
    return isupper(letter) ? !is_in : is_in;
}

/* p at '[', end behind its ']'. */
static bool in_set(struct matcher *m, int c, const char *p, const char *end)
{
    const char *last = end - 1;
    bool found = false;
    p++;
    const bool is_complement = *p == '^';
    if (is_complement)
        p++;
    while (p < last && !found) {
        count_step(m);
        if (*p == '%') {
            found = in_letter_class(c, (uint8_t)p[1]);
            p += 2;
        } else if (p[1] == '-' && p + 2 < last) {
            found = (uint8_t)p[0] <= c && c <= (uint8_t)p[2];
            p += 3;
        } else {
            found = (uint8_t)*p == c;
            p++;
        }
    }
    return found != is_complement;
}

/* Whether there is a character at s that the class from p to end takes. */
static bool takes(struct matcher *m, const char *s, const char *p, const char *end)
{
    count_step(m);
    if (s >= m->text_end)
        return false;
    const int c = (uint8_t)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_letter_class(c, (uint8_t)p[1]);
    case '[': return in_set(m, c, p, end);
    default: return (uint8_t)*p == c;
    }
}

/* --- items with a choice ---------------------------------------------------------------------- */

/* As many as there are, then fewer and fewer. */
static const char *match_most(struct matcher *m, const char *s, const char *p, const char *end)
{
    const char *far = s;
    while (takes(m, far, p, end))
        far++;
    for (; far >= s; far--) {
        const char *matched = match_items(m, far, end + 1);
        if (matched != NULL)
            return matched;
    }
    return NULL;
}

static const char *match_fewest(struct matcher *m, const char *s, const char *p, const char *end)
{
    while (true) {
        const char *matched = match_items(m, s, end + 1);
        if (matched != NULL || !takes(m, s, p, end))
            return matched;
        s++;
    }
}

/* --- captures --------------------------------------------------------------------------------- */

static const char *match_capture_begin(struct matcher *m, const char *s, const char *p)
{
    const bool is_position = p + 1 < m->pattern_end && p[1] == ')';
    if (m->capture_count == CAPTURES_MAX)
        luaL_error(m->L, "too many captures");
    m->captures[m->capture_count].begin = s;
    m->captures[m->capture_count].size = is_position ? CAPTURE_POSITION : CAPTURE_OPEN;
    m->capture_count++;
    const char *matched = match_items(m, s, p + (is_position ? 2 : 1));
    if (matched == NULL)
        m->capture_count--;
    return matched;
}

static const char *match_capture_end(struct matcher *m, const char *s, const char *p)
{
    int open = m->capture_count - 1;
    while (open >= 0 && m->captures[open].size != CAPTURE_OPEN)
        open--;
    if (open < 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[open].size = s - m->captures[open].begin;
    const char *matched = match_items(m, s, p + 1);
    if (matched == NULL)
        m->captures[open].size = CAPTURE_OPEN;
    return matched;
}

/* %1: what the capture has taken, once more. NULL: it does not stand there. */
static const char *match_again(struct matcher *m, const char *s, int digit)
{
    const int n = digit - '1';
    if (n < 0 || n >= m->capture_count || m->captures[n].size == CAPTURE_OPEN)
        luaL_error(m->L, "invalid capture index");
    if (m->captures[n].size == CAPTURE_POSITION)
        return NULL;
    const size_t size = (size_t)m->captures[n].size;
    lua_charge_bytes(m->L, size);
    if ((size_t)(m->text_end - s) < size || memcmp(m->captures[n].begin, s, size) != 0)
        return NULL;
    return s + size;
}

/* %bxy: from an x to the y that closes it. */
static const char *match_balance(struct matcher *m, const char *s, const char *p)
{
    if (m->pattern_end - p < 2)
        luaL_error(m->L, "unbalanced pattern");
    if (s >= m->text_end || *s != p[0])
        return NULL;
    size_t open = 1;
    for (s++; s < m->text_end; s++) {
        count_step(m);
        if (*s == p[1]) {
            if (--open == 0)
                return s + 1;
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

/* %f[set]: between a character outside of the set and one inside; NUL stands at both ends. */
static const char *frontier_end(struct matcher *m, const char *s, const char *p)
{
    if (p == m->pattern_end || *p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *end = class_end(m, p);
    const int before = s == m->text ? 0 : (uint8_t)s[-1];
    const int here = s == m->text_end ? 0 : (uint8_t)*s;
    return !in_set(m, before, p, end) && in_set(m, here, p, end) ? end : NULL;
}

/* --- the row of items ------------------------------------------------------------------------- */

/* Items that begin with '%' and are no class. false: it is a class. Moves *s (NULL: no match) and
 * *p behind it. */
static bool match_special(struct matcher *m, const char **s, const char **p)
{
    if (**p != '%' || *p + 1 == m->pattern_end)
        return false;
    const char kind = (*p)[1];
    if (kind == 'b') {
        *s = match_balance(m, *s, *p + 2);
        *p += 4;
        return true;
    }
    if (kind == 'f') {
        *p = frontier_end(m, *s, *p + 2);
        if (*p == NULL)
            *s = NULL;
        return true;
    }
    if (!isdigit((uint8_t)kind))
        return false;
    *s = match_again(m, *s, kind);
    *p += 2;
    return true;
}

static const char *match_row(struct matcher *m, const char *s, const char *p)
{
    while (p < m->pattern_end) {
        count_step(m);
        if (*p == '(')
            return match_capture_begin(m, s, p);
        if (*p == ')')
            return match_capture_end(m, s, p);
        if (*p == '$' && p + 1 == m->pattern_end)
            return s == m->text_end ? s : NULL;
        if (match_special(m, &s, &p)) {
            if (s == NULL)
                return NULL;
            continue;
        }
        const char *end = class_end(m, p);
        const char repeat = end < m->pattern_end ? *end : '\0';
        if (repeat == '*')
            return match_most(m, s, p, end);
        if (repeat == '+')
            return takes(m, s, p, end) ? match_most(m, s + 1, p, end) : NULL;
        if (repeat == '-')
            return match_fewest(m, s, p, end);
        const bool taken = takes(m, s, p, end);
        if (repeat == '?') {
            if (taken) {
                const char *matched = match_items(m, s + 1, end + 1);
                if (matched != NULL)
                    return matched;
            }
            p = end + 1;
            continue;
        }
        if (!taken)
            return NULL;
        s++;
        p = end;
    }
    return s;
}

/* Where the match of the rest of the pattern, from p on, ends if it begins at s. */
static const char *match_items(struct matcher *m, const char *s, const char *p)
{
    if (++m->depth > DEPTH_MAX)
        luaL_error(m->L, "pattern too complex");
    const char *matched = match_row(m, s, p);
    m->depth--;
    return matched;
}

/* --- what a match has captured ---------------------------------------------------------------- */

static void push_capture(struct matcher *m, int n, const char *begin, const char *end)
{
    if (n >= m->capture_count) {
        if (n != 0)
            luaL_error(m->L, "invalid capture index");
        lua_pushlstring(m->L, begin, (size_t)(end - begin));
        return;
    }
    const ptrdiff_t size = m->captures[n].size;
    if (size == CAPTURE_OPEN)
        luaL_error(m->L, "unfinished capture");
    if (size == CAPTURE_POSITION)
        lua_pushnumber(m->L, (lua_Number)(m->captures[n].begin - m->text + 1));
    else
        lua_pushlstring(m->L, m->captures[n].begin, (size_t)size);
}

/* All captures; the whole match if there are none and begin is not NULL. */
static int push_captures(struct matcher *m, const char *begin, const char *end)
{
    const int count = m->capture_count == 0 && begin != NULL ? 1 : m->capture_count;
    luaL_checkstack(m->L, count, "too many captures");
    for (int n = 0; n < count; n++)
        push_capture(m, n, begin, end);
    return count;
}

static const char *try_at(struct matcher *m, const char *s, const char *pattern)
{
    m->depth = 0;
    m->capture_count = 0;
    return match_items(m, s, pattern);
}

static void begin_matcher(lua_State *L, struct matcher *m, struct bytes text, struct bytes pattern)
{
    *m = (struct matcher){.L = L};
    m->text = (const char *)text.data;
    m->text_end = m->text + text.size;
    m->pattern_end = (const char *)pattern.data + pattern.size;
}

/* --- find and match --------------------------------------------------------------------------- */

static bool is_plain(struct bytes pattern)
{
    for (size_t i = 0; i < pattern.size; i++)
        if (strchr("^$*+?.([%-", bytes_data(pattern)[i]) != NULL && bytes_data(pattern)[i] != 0)
            return false;
    return true;
}

/* memmem() takes time that is linear in both on glibc, which the charge is for. */
static int find_plain(lua_State *L, struct bytes text, struct bytes wanted, size_t from)
{
    const struct bytes rest = bytes_from(text, from);
    lua_charge_bytes(L, rest.size + wanted.size);
    const uint8_t *found = wanted.size == 0 || rest.size == 0
                               ? NULL
                               : memmem(rest.data, rest.size, wanted.data, wanted.size);
    if (found == NULL && wanted.size > 0) {
        lua_pushnil(L);
        return 1;
    }
    const size_t at = found == NULL ? from : (size_t)(found - bytes_data(text));
    lua_pushnumber(L, (lua_Number)(at + 1));
    lua_pushnumber(L, (lua_Number)(at + wanted.size));
    return 2;
}

static struct bytes check_bytes(lua_State *L, int index)
{
    size_t size;
    const char *data = luaL_checklstring(L, index, &size);
    return bytes_of(data, size);
}

static int find_or_match(lua_State *L, bool is_find)
{
    const struct bytes text = check_bytes(L, 1), pattern = check_bytes(L, 2);
    int64_t from = lua_arg_integer_or(L, 3, 1);
    if (from < 0)
        from = from < -(int64_t)text.size ? 0 : from + (int64_t)text.size + 1;
    const size_t start = from <= 1 ? 0 : (size_t)MIN(from - 1, (int64_t)text.size);
    if (is_find && (lua_toboolean(L, 4) || is_plain(pattern)))
        return find_plain(L, text, pattern, start);

    struct matcher m;
    begin_matcher(L, &m, text, pattern);
    const char *p = (const char *)pattern.data;
    const bool is_anchored = pattern.size > 0 && *p == '^';
    for (const char *s = m.text + start; s <= m.text_end; s++) {
        const char *end = try_at(&m, s, p + is_anchored);
        if (end != NULL && is_find) {
            lua_pushnumber(L, (lua_Number)(s - m.text + 1));
            lua_pushnumber(L, (lua_Number)(end - m.text));
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (end != NULL)
            return push_captures(&m, s, end);
        if (is_anchored)
            break;
    }
    lua_pushnil(L);
    return 1;
}

int pattern_find(lua_State *L)
{
    return find_or_match(L, true);
}

int pattern_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* --- gmatch ----------------------------------------------------------------------------------- */

/* Upvalues: text, pattern, where to go on. */
static int gmatch_next(lua_State *L)
{
    const struct bytes text = lua_bytes(L, lua_upvalueindex(1));
    const struct bytes pattern = lua_bytes(L, lua_upvalueindex(2));
    struct matcher m;
    begin_matcher(L, &m, text, pattern);
    const size_t from = (size_t)lua_tonumber(L, lua_upvalueindex(3));
    for (const char *s = m.text + from; s <= m.text_end; s++) {
        const char *end = try_at(&m, s, pattern.data);
        if (end == NULL)
            continue;
        const size_t next = (size_t)(end - m.text) + (end == s);
        lua_pushnumber(L, (lua_Number)next);
        lua_replace(L, lua_upvalueindex(3));
        return push_captures(&m, s, end);
    }
    return 0;
}

int pattern_gmatch(lua_State *L)
{
    check_bytes(L, 1);
    check_bytes(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

/* --- gsub ------------------------------------------------------------------------------------- */

/* The replacement text, %0 to %9 filled in. */
static void add_text(struct matcher *m, luaL_Buffer *b, const char *begin, const char *end)
{
    const struct bytes text = lua_bytes(m->L, 3);
    const char *at = text.data, *last = at + text.size;
    lua_charge_bytes(m->L, text.size);
    for (; at < last; at++) {
        if (*at != '%') {
            luaL_addchar(b, *at);
            continue;
        }
        at++; /* a '%' at the end takes the NUL behind the string */
        if (!isdigit((uint8_t)*at)) {
            luaL_addchar(b, *at);
        } else if (*at == '0') {
            luaL_addlstring(b, begin, (size_t)(end - begin));
        } else {
            push_capture(m, *at - '1', begin, end);
            luaL_addvalue(b);
        }
    }
}

/* What stands for the match from begin to end: by text, table or function. */
static void add_replacement(struct matcher *m, luaL_Buffer *b, const char *begin, const char *end)
{
    lua_State *L = m->L;
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, begin, end), 1);
        break;
    case LUA_TTABLE:
        push_capture(m, 0, begin, end);
        lua_gettable(L, 3);
        break;
    default:
        add_text(m, b, begin, end);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, begin, (size_t)(end - begin));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(b);
}

int pattern_gsub(lua_State *L)
{
    const struct bytes text = check_bytes(L, 1), pattern = check_bytes(L, 2);
    const int type = lua_type(L, 3);
    luaL_argcheck(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE, 3, "string/function/table expected");
    if (type == LUA_TNUMBER)
        lua_tostring(L, 3);
    const int64_t most = lua_arg_integer_or(L, 4, (int64_t)text.size + 1);
    struct matcher m;
    begin_matcher(L, &m, text, pattern);
    const char *p = (const char *)pattern.data;
    const bool is_anchored = pattern.size > 0 && *p == '^';
    const char *s = m.text;
    int64_t count = 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    while (count < most) {
        const char *end = try_at(&m, s, p + is_anchored);
        if (end != NULL) {
            count++;
            add_replacement(&m, &b, s, end);
        }
        if (end != NULL && end > s)
            s = end;
        else if (s < m.text_end)
            luaL_addchar(&b, *s++);
        else
            break;
        if (is_anchored)
            break;
    }
    luaL_addlstring(&b, s, (size_t)(m.text_end - s));
    luaL_pushresult(&b);
    lua_pushnumber(L, (lua_Number)count);
    return 2;
}
