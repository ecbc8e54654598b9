/* table.h -- how rows are written, and the arrays that make up the table. Each ends with an empty
 * row. A command is added by a row in the file of its topic, nothing else. */

#ifndef COMMAND_TABLE_H
#define COMMAND_TABLE_H

#include "command/command.h"

/* Key specs; ... : .note = "text". KEY: one key at a position. RANGE: every step-th from first to
 * last (relative to first; negative: from the end). WORD: behind a keyword. COUNTED: as many as the
 * number at this position says, right behind it. */
#define KEY(at, what, ...) \
    {.begin = KEY_BEGIN_INDEX, .begin_at = (at), .find = KEY_FIND_RANGE, .step = 1, \
     .flags = (what), __VA_ARGS__}
#define KEY_RANGE(at, to, by, what, ...) \
    {.begin = KEY_BEGIN_INDEX, .begin_at = (at), .find = KEY_FIND_RANGE, .last = (to), \
     .step = (by), .flags = (what), __VA_ARGS__}
#define KEY_WORD(word, from, to, part, what) \
    {.begin = KEY_BEGIN_KEYWORD, .keyword = (word), .begin_at = (from), .find = KEY_FIND_RANGE, \
     .last = (to), .step = 1, .limit = (part), .flags = (what)}
#define KEY_COUNTED(at, what, ...) \
    {.begin = KEY_BEGIN_INDEX, .begin_at = (at), .find = KEY_FIND_COUNTED, .step = 1, \
     .flags = (what), __VA_ARGS__}
#define KEY_UNKNOWN(what, ...) {.flags = (what), __VA_ARGS__}

/* Notes of COMMAND INFO, word for word, that do not fit into a row. */
#define NOTE_SCRIPT_RW \
    "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
#define NOTE_SCRIPT_RO \
    "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
#define NOTE_SORT_BY                                                                   \
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive " \
    "from the content of the key we sort"
#define NOTE_SORT_STORE                                                                \
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear " \
    "anywhere in the argument array"
#define NOTE_PFCOUNT \
    "RW because it may change the internal representation of the key, and propagate to replicas"

extern const struct command acl_commands[], bitfield_commands[], bitmap_commands[],
    cluster_commands[], connection_commands[], counter_commands[], debug_commands[],
    dump_commands[], expire_commands[], generic_commands[], geo_commands[], hash_commands[],
    hash_expire_commands[], hll_commands[], introspection_commands[], lcs_commands[],
    list_commands[], list_range_commands[], pubsub_commands[], raft_commands[],
    scripting_commands[], server_commands[], set_commands[], sort_commands[], stream_commands[],
    stream_group_commands[], stream_info_commands[], stream_pending_commands[],
    stream_read_commands[], string_commands[], transaction_commands[], zset_commands[],
    zset_combine_commands[], zset_range_commands[];

#endif
