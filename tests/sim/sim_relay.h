/* sim_relay.h -- notes that nodes send to each other, and what was heard of them (sim_relay.c). */

#ifndef SIM_SIM_RELAY_H
#define SIM_SIM_RELAY_H

#include "node/shard.h"

struct sim;
struct sim_node;

#define SIM_HEARD_MAX 64
struct sim_heard {
    uint64_t node, boot, number; /* the last note of a node */
    bool is_excused;             /* some may be missing before its next */
};

struct sim_relay {
    uint64_t turns, told;
    struct sim_heard heard[SIM_HEARD_MAX]; /* by node id, modulo */
};

void sim_relay_turn(struct sim *s, struct sim_node *n);
void sim_relayed(void *context, uint64_t node, enum relay_kind kind, struct bytes bytes);

#endif
