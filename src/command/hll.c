/* hll.c -- HyperLogLogs: rows, not supported yet. */

#include "command/table.h"

const struct command hll_commands[] = {
    {.name = "pfadd", .arity = -2, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(1)",
     .summary = "Adds elements to a HyperLogLog."},
    {.name = "pfcount", .arity = -2, .flags = CMD_NOT_YET | CMD_READ,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RW | KEY_ACCESS, .note = NOTE_PFCOUNT)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(1)",
     .summary = "How many different elements were added, nearly."},
    {.name = "pfdebug", .arity = 3, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM |
         CMD_ADMIN | CMD_SYSTEM,
     .keys = {KEY(2, KEY_RW | KEY_ACCESS)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "N/A",
     .summary = "Looks inside a HyperLogLog."},
    {.name = "pfmerge", .arity = -2, .flags = CMD_NOT_YET | CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_INSERT), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(N)",
     .summary = "Merges HyperLogLogs into one."},
    {.name = "pfselftest", .arity = 1, .flags = CMD_NOT_YET | CMD_ADMIN | CMD_SYSTEM,
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9",
         .complexity = "N/A",
     .summary = "Tests the HyperLogLog code."},
    {.name = NULL},
};
