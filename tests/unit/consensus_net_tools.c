/* consensus_net_tools.c -- what consensus_net.h has that needs no look inside: forming a cluster,
 * and where each node stands, for a test that fails. */

#include "test.h"
#include "consensus_net.h"

#include <inttypes.h>
#include <stdlib.h>

void net_form(struct net *n, int count)
{
    net_start(n, 0, true);
    net_run(n, 1000000);
    for (int slot = 1; slot < count; slot++) {
        net_start(n, slot, false);
        const struct admin add = {ADMIN_ADD, .host = "net", .port = (uint16_t)(NET_PORT + slot)};
        char text[ADMIN_TEXT_MAX];
        if (!net_admin(n, 0, &add, text))
            fail_msg("slot %d is not added: %s", slot, text);
    }
}

static void print_node(struct net *n, int slot)
{
    const struct net_node_view view = net_view(n, slot);
    struct consensus_status *s = net_status(n, slot);
    print_message("slot %d node %" PRIu64 ": role %d term %" PRIu64 " leader %" PRIu64
                  " level %u last %" PRIu64 " persisted %" PRIu64 " commit %" PRIu64
                  " applied %" PRIu64 " settled %" PRIu64 "\n", slot, view.node, (int)s->raft.role,
                  s->raft.term, s->raft.leader, s->level, s->raft.last_index,
                  s->raft.persisted_index, s->raft.commit_index, view.applied_index, view.settled);
    for (size_t i = 0; i < s->raft.peer_count; i++)
        print_message("    peer %" PRIu64 " state %d next %" PRIu64 " match %" PRIu64 "\n",
                      s->raft.peers[i].node, (int)s->raft.peers[i].state,
                      s->raft.peers[i].next_index, s->raft.peers[i].match_index);
    free(s);
}

void net_print(struct net *n)
{
    for (int slot = 0; slot < NET_NODES; slot++)
        if (net_is_up(n, slot))
            print_node(n, slot);
}
