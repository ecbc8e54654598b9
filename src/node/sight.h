/* sight.h -- what somebody who looks at this node is told of its consensus half (ports.h): messages
 * as they are sent and taken, and the state when it changes. One relaxed load when nobody does. */

#ifndef NODE_SIGHT_H
#define NODE_SIGHT_H

#include "node/ports.h"
#include "raft/raft.h"

struct consensus;

/* The state as it was told last. */
struct watched {
    uint64_t told_us; /* 0: nothing, to who looks now */
    enum raft_role role;
    raft_term term;
    raft_node leader;
    uint64_t sum; /* of the indexes */
};

static inline bool is_watched(const struct sight_port *port)
{
    return port->is_on != NULL && atomic_load_explicit(port->is_on, memory_order_relaxed);
}

/* While it is watched: a message of the core with its size as a frame; */
void sight_raft(struct consensus *c, bool is_out, const struct raft_message *m, size_t bytes);
/* another frame, if it is a part of the algorithm. type: enum wire_type. */
void sight_frame(struct consensus *c, const struct sight *ends, uint8_t type);

/* At the end of a turn, watched or not. */
void sight_turn(struct consensus *c);

#endif
