/* sort.c -- SORT: rows, not supported yet. */

#include "command/table.h"

const struct command sort_commands[] = {
    {.name = "sort", .arity = -2, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM |
         CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_UNKNOWN(KEY_RO | KEY_ACCESS, .note = NOTE_SORT_BY),
         KEY_UNKNOWN(KEY_OW | KEY_UPDATE, .note = NOTE_SORT_STORE)},
     .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, .group = "generic",
         .since = "1.0.0", .complexity = "O(N+M*log(M))",
     .summary = "Sorts a list, set or sorted set; may store the result."},
    {.name = "sort_ro", .arity = -2, .flags = CMD_NOT_YET | CMD_READ | CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_UNKNOWN(KEY_RO | KEY_ACCESS, .note = NOTE_SORT_BY)},
     .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS, .group = "generic",
         .since = "7.0.0", .complexity = "O(N+M*log(M))",
     .summary = "Sorts a list, set or sorted set, without storing."},
    {.name = NULL},
};
