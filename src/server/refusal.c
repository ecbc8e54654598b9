/* refusal.c -- see refusal.h. */

#include "server/refusal.h"

#include "command/command.h"
#include "node/wire.h"
#include "server/server.h"

const char *refusal_service(const struct server *s)
{
    return s->status.service == SERVICE_REMOVED
               ? "CLUSTERDOWN this node was removed from its cluster, not executed: use a member"
               : "CLUSTERDOWN this node is quarantined, since its state differs from what a "
                 "majority has, not executed: use another node (RAFT DOCTOR says what to do)";
}

const char *refusal_room(const struct server *s)
{
    switch (s->status.room) {
    case ROOM_NO_QUORUM:
        return "CLUSTERDOWN no majority of the cluster answers, and as much waits for one as may, "
               "not executed";
    case ROOM_NO_FLUSH:
        return "MISCONF the disk of this node does not take its state, memory is full of changes, "
               "not executed: look after the disk, or use another node";
    case ROOM_NOW:
    case ROOM_LATER:
        break;
    }
    return NULL;
}

bool refusal_lacks_space(const struct server *s, uint32_t flags)
{
    if (s->status.space == SPACE_PLENTY || !(flags & CMD_WRITE))
        return false;
    return s->status.space == SPACE_NONE || (flags & CMD_DENY_OOM) != 0;
}

#define SPACE_OWN                                                                           \
    "MISCONF the disk of this node is nearly full, the command was not executed: free space " \
    "there (disk-reserve, INFO raft)"
#define SPACE_OTHERS                                                                        \
    "MISCONF the disks of the cluster are nearly full, the command was not executed: free " \
    "space there (disk-reserve, INFO raft of each node)"
#define SPACE_EXEC "EXECABORT Transaction discarded because of: "

static bool is_own_disk(const struct server *s)
{
    return s->status.space_own == s->status.space;
}

const char *refusal_space(const struct server *s)
{
    return is_own_disk(s) ? SPACE_OWN : SPACE_OTHERS;
}

const char *refusal_space_exec(const struct server *s)
{
    return is_own_disk(s) ? SPACE_EXEC SPACE_OWN : SPACE_EXEC SPACE_OTHERS;
}
