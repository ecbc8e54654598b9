/* node.h -- what a node is made of below the clients: directory, stores, threads, mailboxes, peer
 * channel, and the consensus loop that drives one half of it.
 *
 *   main thread: data loop                       consensus thread (loops 1: none, same thread)
 *     node_sleep/awake, shard_turn            consensus_turn, peers_flush
 *         |  struct shard_mail  <----------- outbox |
 *         |  ---- struct consensus_mail ----> inbox |  <- log writer's completions */

#ifndef SERVER_NODE_H
#define SERVER_NODE_H

#include "base/status.h"
#include "kv/kv.h"
#include "kv/log_store.h"
#include "node/shard.h"

struct chaos;
struct config;
struct loop;
struct node;
struct log_writer_stats;
struct sights;

struct node_options {
    const struct config *config;
    struct loop *loop;                 /* the data loop's */
    const struct shard_host *host;
    void *context;                     /* of host */
};

/* Takes the directory, opens what is in it, listens for peers. STATUS_LOCKED, _CORRUPT, _IO ...
 * with a text that says what to do. */
enum status node_open(const struct node_options *options, struct node **node,
                      struct error *e) MUST_CHECK;
/* Starts the consensus loop. */
void node_start(struct node *n);
/* Ends threads and loop; what is in the mailboxes is lost, as in a crash. */
/* Its directory is to be wiped: end, and start the process anew. */
bool node_wants_restart(const struct node *n);
/* Its build is too old for what its cluster has agreed upon: end. */
bool node_is_outdated(const struct node *n);
void node_close(struct node *n);

/* The shard, opened as soon as the directory belongs to a cluster; NULL before. Called in every
 * turn of the data loop. */
struct shard *node_shard(struct node *n);

/* loops 1: a turn of the other half. Returns when its next one is due. */
uint64_t node_consensus_turn(struct node *n);
/* Completed work of the data loop. */
void node_run_workers(struct node *n);
/* Before the data loop waits: false = something has come, do not. Afterwards: awake. awaited:
 * somebody waits for what is applied, beside those of whom the shard knows. */
bool node_sleep(struct node *n, bool awaited);
void node_awake(struct node *n);

uint64_t node_id(const struct node *n); /* 0: not introduced yet */
const struct log_identity *node_identity(const struct node *n);
#define NODE_KEY_SIZE 32
const uint8_t *node_session_key(const struct node *n); /* of the cluster's secret; token.h */
uint64_t node_boot(const struct node *n);
bool node_is_new(const struct node *n); /* a cluster was made at this start (--cluster-init) */
uint16_t node_peer_port(const struct node *n);
struct sights *node_sights(struct node *n);
struct chaos *node_chaos(struct node *n);
struct log_store *node_log(struct node *n);
struct workers_port node_workers(struct node *n); /* the data loop's */
void node_settings_changed(struct node *n); /* CONFIG SET: what the consensus half has of it */
/* When the log had index on this node's disk (boot_us); 0: not yet, or too long ago. */
uint64_t node_persisted_us(struct node *n, uint64_t index);
const struct histogram *node_persist(struct node *n); /* log_writer_took() */
void node_log_writer_stats(struct node *n, struct log_writer_stats *stats);

/* The longest since this was asked last: a sync of the log, a turn of the consensus loop (0 with
 * loops 1). */
struct node_latencies {
    uint64_t sync_us, turn_us;
};
struct node_latencies node_take_latencies(struct node *n);

/* When the last turn of the consensus loop's thread began (boot_us), from any thread; 0: none yet,
 * or loops 1. */
uint64_t node_consensus_turned_us(struct node *n);

/* What RocksDB tells of the log and of the state; by the data loop. */
struct node_store_stats {
    struct kv_stats log, state;
};
void node_store_stats(struct node *n, struct node_store_stats *stats);

#endif
