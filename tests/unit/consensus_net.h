/* consensus_net.h -- consensus halves of several nodes in one process, for tests: a simulated
 * clock, a network that delays, loses and repeats frames, log stores on disks in memory, a log
 * writer that takes its time, and a fake shard that proposes batches, applies and checks.
 *
 * Checked all the time: same index, same entry on all nodes; no batch applied twice; clocks of
 * entries never fall; a read index is never older than what was acknowledged before. */

#ifndef CONSENSUS_NET_H
#define CONSENSUS_NET_H

#include "base/prng.h"
#include "kv/kv_mem.h"
#include "node/consensus.h"

#define NET_NODES 5
#define NET_PORT 7000 /* of slot 0, at host "net"; and so on */

struct net_faults {
    uint32_t loss, twice;      /* in 1000 */
    uint32_t delay_us;         /* of a frame, at most */
    uint32_t write_us;         /* of a log write, at most; 0 = in place where that is allowed */
    uint32_t durable;          /* in 1000: an applied entry is followed by a flush of the state */
};

struct net;

struct net *net_new(uint64_t seed);
void net_free(struct net *n);
struct prng *net_prng(struct net *n);
void net_set_faults(struct net *n, const struct net_faults *faults);
void net_set_load(struct net *n, bool batches, bool reads);
void net_set_lease(struct net *n, uint32_t lease_ms); /* for nodes started from now on */
void net_set_replace_dead(struct net *n, uint64_t ms); /* the same */
/* Slot hears that the node at about is reached by another name. */
void net_announce(struct net *n, int slot, int about, const char *host);
void net_set_cache(struct net *n, size_t bytes);

/* Of node slot's build, from its next start on: the feature level it knows, and says to others. */
void net_set_level(struct net *n, int slot, uint32_t level, uint32_t said);
/* Node slot starts on its disk, whatever is there; cluster_init: a new cluster of one. */
void net_start(struct net *n, int slot, bool cluster_init);
bool net_is_outdated(const struct net *n, int slot); /* it asked for its end */
bool net_try_start(struct net *n, int slot, bool cluster_init, struct error *e);
void net_crash(struct net *n, int slot, enum kv_mem_crash how);
void net_wipe(struct net *n, int slot); /* of a node that is down: an empty disk */
bool net_is_up(const struct net *n, int slot);
void net_cut(struct net *n, int from, int to, bool cut); /* frames one way */
void net_stall(struct net *n, int slot, bool stalled); /* its log writes take for ever */
void net_slow(struct net *n, int slot, uint64_t us);   /* each, after the one before it */
#define NET_DISK_RESERVE (64 << 20)
struct kv_mem_disk *net_disk(struct net *n, int slot);
void net_skew(struct net *n, int slot, int64_t wall_ms);

void net_run(struct net *n, uint64_t us);
/* Runs until done() or for us at most; what done() says in the end. */
bool net_run_until(struct net *n, uint64_t us, bool (*done)(struct net *n, void *context),
                   void *context);

int net_leader(const struct net *n);  /* slot of the leader of the highest term; -1 = none */
/* Leader there, all that are up have applied the same, nothing unsettled. */
bool net_is_settled(struct net *n, void *context);

void net_print(struct net *n); /* where each node stands, for a failed test */

/* Runs the request at slot until it is answered; false with text when refused or unanswered. */
bool net_admin(struct net *n, int slot, const struct admin *request, char text[ADMIN_TEXT_MAX]);
/* Cluster of count nodes: slot 0 makes it, the others are added. */
void net_form(struct net *n, int count);
void net_stop(struct net *n, int slot); /* MAIL_STOP, run until MAIL_STOPPED */

struct net_node_view {
    uint64_t node, boot, applied_index, applied_term, term, leader, settled, reads_ok, reads_failed;
    uint64_t last_clock_ms;
    uint8_t role;
    bool stopped;
};
struct net_node_view net_view(const struct net *n, int slot);
struct consensus_status *net_status(struct net *n, int slot); /* the caller frees it */
struct mailbox *net_inbox(struct net *n, int slot); /* for mails that no fake shard sends */
struct lease *net_lease(struct net *n, int slot);
uint64_t net_now_us(const struct net *n);
uint64_t net_frames(const struct net *n);

#endif
