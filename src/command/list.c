/* list.c -- lists: pushing, popping, moving, elements by index. Ranges and searches are in
 * list_range.c, positions in list_positions.c. */

#include "command/list.h"

#include "command/block.h"
#include "command/elements.h"
#include "command/pop.h"
#include "command/table.h"

static const char *const ends[] = {[LIST_LEFT] = "left", [LIST_RIGHT] = "right"};
static const char *const push_events[] = {[LIST_LEFT] = "lpush", [LIST_RIGHT] = "rpush"};
static const char *const pop_events[] = {[LIST_LEFT] = "lpop", [LIST_RIGHT] = "rpop"};

bool arg_list_end(struct exec *x, uint32_t n, enum list_end *end)
{
    *end = arg_is(x, n, ends[LIST_RIGHT]) ? LIST_RIGHT : LIST_LEFT;
    if (arg_is(x, n, ends[*end]))
        return true;
    reply_syntax_error(x);
    return false;
}

/* --- pushing ---------------------------------------------------------------------------------- */

static void push_values(struct exec *x, struct object *list, enum list_end end)
{
    for (uint32_t i = 2; i < x->arg_count; i++)
        list_push(x, list, end, x->args[i]);
    changed(x, list, EVENT_LIST, push_events[end]);
    reply_int64(x, (int64_t)object_count(list));
}

static void push(struct exec *x, enum list_end end)
{
    struct object list;
    if (!open_write(x, 1, TYPE_LIST, ENCODING_QUICKLIST, &list))
        return;
    push_values(x, &list, end);
    object_close(&list);
}

/* LPUSH key element ... -> the length */
static void lpush(struct exec *x)
{
    push(x, LIST_LEFT);
}

/* RPUSH key element ... */
static void rpush(struct exec *x)
{
    push(x, LIST_RIGHT);
}

static void push_if_there(struct exec *x, enum list_end end)
{
    struct object list;
    if (!open_key(x, 1, TYPE_LIST, &list))
        return;
    if (list.type == TYPE_NONE)
        reply_int64(x, 0);
    else
        push_values(x, &list, end);
    object_close(&list);
}

/* LPUSHX key element ... -> the length, 0 if there is no such list */
static void lpushx(struct exec *x)
{
    push_if_there(x, LIST_LEFT);
}

/* RPUSHX key element ... */
static void rpushx(struct exec *x)
{
    push_if_there(x, LIST_RIGHT);
}

/* --- popping ---------------------------------------------------------------------------------- */

static void reply_elements(struct exec *x, struct object *list, enum list_end end, uint64_t count)
{
    if (!reply_is_wanted(x))
        return;
    const bool left = end == LIST_LEFT;
    struct object_cursor cursor;
    struct bytes value;
    uint64_t position;
    list_seek(list, &cursor, left ? 0 : object_count(list) - 1, left ? FORWARD : BACKWARD);
    for (; count > 0 && list_next(&cursor, &position, &value); count--)
        reply_bulk(x, value);
    object_cursor_close(&cursor);
}

/* Replies with the count elements at an end, and takes them out. count > 0 */
static void pop_elements(struct exec *x, struct object *list, enum list_end end, uint64_t count)
{
    reply_array(x, count);
    reply_elements(x, list, end, count);
    if (count == object_count(list)) {
        delete_emptied(x, list, EVENT_LIST, pop_events[end]);
        return;
    }
    for (; count > 0; count--)
        list_drop(list, end);
    changed(x, list, EVENT_LIST, pop_events[end]);
}

static void pop_one(struct exec *x, enum list_end end)
{
    struct object list;
    if (!open_key_or_null(x, 1, TYPE_LIST, &list))
        return;
    reply_bulk(x, list_peek(&list, end));
    list_drop(&list, end);
    changed(x, &list, EVENT_LIST, pop_events[end]);
    object_close(&list);
}

static void pop(struct exec *x, enum list_end end)
{
    static const int64_t range[] = {0, INT64_MAX};
    int64_t count;
    struct object list;
    if (x->arg_count == 2) {
        pop_one(x, end);
        return;
    }
    if (x->arg_count > 3) {
        reply_wrong_arity(x);
        return;
    }
    if (!arg_int64_range(x, 2, range, &count, "ERR value is out of range, must be positive") ||
        !open_key(x, 1, TYPE_LIST, &list))
        return;
    const uint64_t popped = MIN((uint64_t)count, object_count(&list));
    if (list.type == TYPE_NONE)
        reply_null_array(x);
    else if (popped == 0)
        reply_array(x, 0);
    else if (may_pop(x, &list, popped))
        pop_elements(x, &list, end, popped);
    object_close(&list);
}

/* LPOP key [count] */
static void lpop(struct exec *x)
{
    pop(x, LIST_LEFT);
}

/* RPOP key [count] */
static void rpop(struct exec *x)
{
    pop(x, LIST_RIGHT);
}

static void pop_multi(struct exec *x, struct object *list, const struct multi_pop *m)
{
    const uint64_t popped = MIN(m->count, object_count(list));
    if (may_pop(x, list, popped)) {
        reply_array(x, 2);
        reply_bulk(x, list->name);
        pop_elements(x, list, m->at_second ? LIST_RIGHT : LIST_LEFT, popped);
    }
    object_close(list);
}

/* LMPOP numkeys key ... LEFT | RIGHT [COUNT count] */
static void lmpop(struct exec *x)
{
    struct multi_pop m;
    struct object list;
    if (multi_pop_parse(x, 1, ends, &m) && multi_pop_open(x, &m, TYPE_LIST, &list))
        pop_multi(x, &list, &m);
}

/* BLMPOP timeout numkeys key ... LEFT | RIGHT [COUNT count] */
static void blmpop(struct exec *x)
{
    struct multi_pop m;
    struct object list;
    if (!multi_pop_parse(x, 2, ends, &m))
        return;
    struct block wish = {.type = TYPE_LIST, .first = m.key, .count = m.key_count};
    if (arg_timeout(x, 1, &wish.timeout_ms) && block_open(x, &wish, &list))
        pop_multi(x, &list, &m);
}

static void blocking_pop(struct exec *x, enum list_end end)
{
    struct block wish = {.type = TYPE_LIST, .first = 1, .count = x->arg_count - 2};
    struct object list;
    if (!arg_timeout(x, x->arg_count - 1, &wish.timeout_ms) || !block_open(x, &wish, &list))
        return;
    reply_array(x, 2);
    reply_bulk(x, list.name);
    reply_bulk(x, list_peek(&list, end));
    list_drop(&list, end);
    changed(x, &list, EVENT_LIST, pop_events[end]);
    object_close(&list);
}

/* BLPOP key ... timeout -> the key and its element */
static void blpop(struct exec *x)
{
    blocking_pop(x, LIST_LEFT);
}

/* BRPOP key ... timeout */
static void brpop(struct exec *x)
{
    blocking_pop(x, LIST_RIGHT);
}

/* --- moving ----------------------------------------------------------------------------------- */

/* Within one list. */
static void rotate(struct exec *x, struct object *list, enum list_end from, enum list_end to)
{
    const struct bytes value = arena_copy(x->arena, list_peek(list, from));
    list_drop(list, from);
    list_push(x, list, to, value);
    changed(x, list, EVENT_LIST, push_events[to]);
    key_event(x, EVENT_LIST, pop_events[from], x->db, list->name);
    reply_bulk(x, value);
}

/* From the list args[1], open, to args[2]. The push is told before the pop, as Redis does. */
static void move_to(struct exec *x, struct object *source, enum list_end from, enum list_end to)
{
    struct object target;
    if (!open_write(x, 2, TYPE_LIST, ENCODING_QUICKLIST, &target))
        return;
    const struct bytes value = arena_copy(x->arena, list_peek(source, from));
    list_push(x, &target, to, value);
    changed(x, &target, EVENT_LIST, push_events[to]);
    list_drop(source, from);
    changed(x, source, EVENT_LIST, pop_events[from]);
    object_close(&target);
    reply_bulk(x, value);
}

static void move_from(struct exec *x, struct object *source, enum list_end from, enum list_end to)
{
    if (bytes_equal(x->args[1], x->args[2]))
        rotate(x, source, from, to);
    else
        move_to(x, source, from, to);
    object_close(source);
}

static void move(struct exec *x, enum list_end from, enum list_end to)
{
    struct object source;
    if (open_key_or_null(x, 1, TYPE_LIST, &source))
        move_from(x, &source, from, to);
}

/* With the timeout as argument n. What may not wait is answered as LMOVE is. */
static void blocking_move(struct exec *x, uint32_t n, enum list_end from, enum list_end to)
{
    struct block wish = {.type = TYPE_LIST, .first = 1, .count = 1};
    struct object source;
    if (!arg_timeout(x, n, &wish.timeout_ms) || !open_key(x, 1, TYPE_LIST, &source))
        return;
    if (source.type != TYPE_NONE) {
        move_from(x, &source, from, to);
        return;
    }
    object_close(&source);
    if (!block_wait(x, &wish))
        reply_null(x);
}

/* LMOVE source destination LEFT | RIGHT LEFT | RIGHT -> the element */
static void lmove(struct exec *x)
{
    enum list_end from, to;
    if (arg_list_end(x, 3, &from) && arg_list_end(x, 4, &to))
        move(x, from, to);
}

/* RPOPLPUSH source destination */
static void rpoplpush(struct exec *x)
{
    move(x, LIST_RIGHT, LIST_LEFT);
}

/* BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout -> the element */
static void blmove(struct exec *x)
{
    enum list_end from, to;
    if (arg_list_end(x, 3, &from) && arg_list_end(x, 4, &to))
        blocking_move(x, 5, from, to);
}

/* BRPOPLPUSH source destination timeout */
static void brpoplpush(struct exec *x)
{
    blocking_move(x, 3, LIST_RIGHT, LIST_LEFT);
}

/* --- elements by index ------------------------------------------------------------------------ */

/* LLEN key */
static void llen(struct exec *x)
{
    reply_element_count(x, TYPE_LIST);
}

/* LINDEX key index */
static void lindex(struct exec *x)
{
    int64_t number;
    uint64_t index;
    struct object list;
    if (!open_key_or_null(x, 1, TYPE_LIST, &list))
        return;
    if (arg_int64(x, 2, &number)) {
        if (list_index(&list, number, &index))
            reply_bulk(x, list_value(&list, list_position(&list, index)));
        else
            reply_null(x);
    }
    object_close(&list);
}

/* LSET key index element */
static void lset(struct exec *x)
{
    int64_t number;
    uint64_t index;
    struct object list;
    if (!open_key(x, 1, TYPE_LIST, &list))
        return;
    if (list.type == TYPE_NONE) {
        reply_no_such_key(x);
    } else if (arg_int64(x, 2, &number)) {
        if (list_index(&list, number, &index)) {
            list_replace(x, &list, list_position(&list, index), x->args[3]);
            changed(x, &list, EVENT_LIST, "lset");
            reply_ok(x);
        } else {
            reply_error(x, "ERR index out of range");
        }
    }
    object_close(&list);
}

const struct command list_commands[] = {
    {.name = "blmove", .run = blmove, .arity = 6, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_NO_SCRIPT | CMD_BLOCKING,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Moves an element between lists, or waits for one."},
    {.name = "blmpop", .run = blmpop, .arity = -5, .flags = CMD_WRITE | CMD_BLOCKING |
         CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "7.0.0", .complexity = "O(N+M)",
     .summary = "Pops from the first list that has elements, or waits."},
    {.name = "blpop", .run = blpop, .arity = -3, .flags = CMD_WRITE | CMD_NO_SCRIPT | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Pops the first element of the first list that has any, or waits."},
    {.name = "brpop", .run = brpop, .arity = -3, .flags = CMD_WRITE | CMD_NO_SCRIPT | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Pops the last element of the first list that has any, or waits."},
    {.name = "brpoplpush", .run = brpoplpush, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_NO_SCRIPT | CMD_BLOCKING,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Moves the last element of a list to the front of another, or waits.",
     .deprecated_since = "6.2.0", .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "lindex", .run = lindex, .arity = 3, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N)",
     .summary = "An element by its index."},
    {.name = "llen", .run = llen, .arity = 2, .flags = CMD_READ | CMD_FAST,
     .keys = {KEY(1, KEY_RO)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(1)",
     .summary = "How many elements a list has."},
    {.name = "lmove", .run = lmove, .arity = 5, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Moves an element from one list to another."},
    {.name = "lmpop", .run = lmpop, .arity = -4, .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
     .keys = {KEY_COUNTED(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "7.0.0", .complexity = "O(N+M)",
     .summary = "Pops from the first list that has elements."},
    {.name = "lpop", .run = lpop, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Pops the first elements."},
    {.name = "lpush", .run = lpush, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Pushes elements to the front."},
    {.name = "lpushx", .run = lpushx, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Pushes elements to the front of a list that exists."},
    {.name = "lset", .run = lset, .arity = 4, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Replaces an element."},
    {.name = "rpop", .run = rpop, .arity = -2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(N)",
     .summary = "Pops the last elements."},
    {.name = "rpoplpush", .run = rpoplpush, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY(2, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "1.2.0", .complexity = "O(1)",
     .summary = "Moves the last element of a list to the front of another.",
     .deprecated_since = "6.2.0", .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "rpush", .run = rpush, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "1.0.0", .complexity = "O(1)",
     .summary = "Pushes elements to the end."},
    {.name = "rpushx", .run = rpushx, .arity = -3, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_LIST, .group = "list", .since = "2.2.0", .complexity = "O(1)",
     .summary = "Pushes elements to the end of a list that exists."},
    {.name = NULL},
};
