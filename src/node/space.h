/* space.h -- what a disk that is nearly full stops (ARCHITECTURE §6.4). */

#ifndef NODE_SPACE_H
#define NODE_SPACE_H

#include "raft/raft.h"

struct consensus;
struct wire_raft;

void space_open(struct consensus *c);
void space_tick(struct consensus *c);
void space_heard(struct consensus *c, raft_node from, const struct wire_raft *raft);
/* Whether m is dropped, as if it were lost: the log has no room for it. */
bool space_refuses(const struct consensus *c, const struct raft_message *m);

#endif
