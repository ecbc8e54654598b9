/* quorum.c -- the middle of a sorted handful of numbers. */

#include "raft/quorum.h"

#include "base/bytes.h"
#include "base/panic.h"

void ballot_init(struct ballot *b)
{
    b->count = 0;
}

void ballot_add(struct ballot *b, raft_node node, uint64_t value)
{
    CHECK(b->count < RAFT_NODES_MAX + 1);
    b->node[b->count] = node;
    b->value[b->count++] = value;
}

static uint64_t ballot_value(const struct ballot *b, raft_node node)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->node[i] == node)
            return b->value[i];
    return 0;
}

static uint64_t majority_value(const struct raft_set *voters, const struct ballot *b)
{
    CHECK(voters->count > 0);
    uint64_t sorted[RAFT_NODES_MAX]; /* falling */
    for (size_t i = 0; i < voters->count; i++) {
        const uint64_t value = ballot_value(b, voters->node[i]);
        size_t at = i;
        for (; at > 0 && sorted[at - 1] < value; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = value;
    }
    return sorted[voters->count / 2];
}

uint64_t quorum_value(const struct raft_config *config, const struct ballot *b)
{
    if (config->incoming.count == 0)
        return 0;
    const uint64_t incoming = majority_value(&config->incoming, b);
    if (config->outgoing.count == 0)
        return incoming;
    return MIN(incoming, majority_value(&config->outgoing, b));
}
