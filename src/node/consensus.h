/* consensus.h -- the consensus half of a node: raft core, log, peers.
 *
 *   peers' frames, mails of the data loop, persisted writes, ticks
 *        -> raft_step() ... raft_flush() ->
 *   one log write, frames to peers, committed entries and read indexes to the data loop
 *
 * A turn function, called by the consensus loop (or the simulator) whenever something came or
 * the time it returned has come. Handlers only note what came; consensus_turn() does the work. */

#ifndef NODE_CONSENSUS_H
#define NODE_CONSENSUS_H

#include "kv/log_store.h"
#include "node/mail.h"
#include "node/ports.h"
#include "raft/raft.h"

struct block;
struct consensus;
struct disk;
struct lease;
struct mailbox;
struct state_store;

struct consensus_options {
    struct log_store *log;               /* reading; writing goes through the log writer port */
    struct state_store *state;           /* on disk, for snapshots; NULL: none sent or taken, and
                                            the log is never cut */
    uint32_t snapshot_chunk_bytes;       /* at once; 0 = 128 KiB; at most WIRE_CHUNK_MAX */
    uint64_t snapshot_rate;              /* bytes per second, sent and looked at; 0 = 32 MiB */
    uint64_t backup_rate;                /* bytes read per second; 0 = 64 MiB */
    const char *archive_dir;             /* NULL, "": nothing is archived; archive.h */
    uint64_t archive_interval_ms;        /* from one segment to the next, at most */
    uint64_t log_keep_bytes;             /* newest entries that stay in the log; 0 = 128 MiB */
    const struct log_recovered *recovered; /* borrowed for the open; node_id 0: waits */
    uint64_t applied_index, applied_term; /* of the state store */
    uint64_t applied_clock_ms;           /* its log clock: the leader's never runs behind it */
    struct bytes applied_config;         /* payload of the newest CONFIG entry that the state
                                            has applied; used when the log knows none */
    struct mailbox *inbox;               /* struct consensus_mail */
    struct mailbox *outbox;              /* struct shard_mail: the shard's */
    struct clock_port clock;
    struct transport_port transport;
    struct log_writer_port log_writer;
    struct workers_port workers;
    struct trace_port trace;             /* .record NULL: the core is not recorded */
    struct sight_port sight;             /* .is_on NULL: nobody ever looks */
    uint32_t tick_ms, heartbeat_ticks, election_ticks, lease_ms;
    uint64_t replace_dead_ms;            /* a spare takes a voter's seat; 0 = never */
    uint64_t seed;
    size_t cache_bytes;                  /* recent entries kept in memory; 0 = 32 MiB */
    struct disk *disk;                   /* of the state; watched when disk_reserve > 0 (space.c) */
    const char *dir;
    uint64_t disk_reserve;               /* bytes that stay free of what clients write */
    struct lease *lease;                 /* published there; NULL = not (lease.h) */
    uint32_t level_max;                  /* feature level of this build; 0 = FEATURE_LEVEL_MAX */
    struct peer_address self;            /* as other nodes reach this one's peer port */
    bool auto_heal;                      /* digest.h */
    bool is_quarantined;                 /* since an earlier start */
    bool cluster_init;                   /* an empty directory becomes a cluster of one */
    /* An empty node was introduced to a cluster: its identity is written and durable; called once,
     * in a turn. Only now can the shard be opened. May be NULL. */
    void (*introduced)(void *context, const struct log_identity *identity);
    /* The state is wrong: remember it over restarts. Then, with auto_heal: wipe state and log,
     * start empty. Both may be NULL. */
    void (*quarantined)(void *context, const char *why);
    void (*heal)(void *context);
    /* A peer sent what only a build of a higher feature level can take: this node is to end. Called
     * once. May be NULL. */
    void (*outdated)(void *context);
    void *context;
};

/* Opens on what was recovered. An empty directory with cluster_init becomes node 1 of a new cluster
 * of one (its identity was written by the caller: log_store_identify); without, the node waits
 * until a leader's RAFT ADD introduces it. STATUS_CORRUPT / INVALID with a text for what cannot
 * be. */
enum status consensus_open(const struct consensus_options *options, struct consensus **consensus,
                           struct error *e) MUST_CHECK;
/* Whether the newest configuration in the log has a voter beside this node: then it may go without
 * its state, and a state that does not reach the log waits for a snapshot (§6.4). */
bool consensus_state_is_elsewhere(const struct log_recovered *found);
/* The log writer and the workers have ended: none of them touches what was submitted any more. */
void consensus_close(struct consensus *c);

/* One turn (ARCHITECTURE §7). Returns when the next one is due at the latest, in boot_us. */
uint64_t consensus_turn(struct consensus *c);

/* From now on; from any thread. */
void consensus_set_snapshot_rate(struct consensus *c, uint64_t bytes_per_second);

/* --- what the transport tells; noted, handled in the next turn -------------------------------- */

/* A frame of an authenticated peer; copied. Any bytes are survived. */
void consensus_receive(struct consensus *c, uint64_t from, struct bytes frame);
/* The same without a copy: takes the caller's reference. */
void consensus_receive_block(struct consensus *c, uint64_t from, struct block *frame);
/* The connection of a channel to node is up (hello done), broke, or was refused when tried. */
/* EMPTY, beside UP: who answers there is an empty node, which would be anybody. */
enum peer_event { PEER_UP, PEER_BROKEN, PEER_REFUSED, PEER_EMPTY };
void consensus_peer_event(struct consensus *c, uint64_t node, enum peer_channel channel,
                          enum peer_event event);

/* What node runs: told before each UP of its control connection, and true as long as that is up. */
void consensus_peer_build(struct consensus *c, uint64_t node, const struct peer_build *build);
/* The feature level that is committed, as far as we know; who knows less is no peer. */
uint32_t consensus_level(const struct consensus *c);

/* By which address a node, perhaps this one, is reached (§3.9 step 4). is_guess: nobody said so,
 * but a connection came from there, or started there; it counts when nothing better is known. */
void consensus_peer_address(struct consensus *c, uint64_t node, const struct peer_address *address,
                            bool is_guess);

/* A member with its address, as this node knows it. */
struct member {
    uint64_t node;
    bool voter, learner, spare;
    bool is_connected;     /* our control connection to it; of this node itself: true */
    uint8_t space;         /* enum space_level, as it said last */
    int64_t wall_ahead_ms; /* of our clock; 0 also when it is not known */
    struct peer_build build; /* level 0 = not known; of this node itself: without a version */
    struct peer_address address;
};

/* --- for INFO, RAFT STATUS, metrics: a copy --------------------------------------------------- */

struct consensus_status {
    struct raft_status raft; /* role, term, leader, voted_for, indexes, per peer progress */
    struct member members[RAFT_NODES_MAX];
    uint32_t member_count;
    uint64_t last_contact_ms[RAFT_NODES_MAX]; /* of members[i]; UINT64_MAX never */
    uint64_t log_first, log_last, log_bytes, log_disk_bytes;
    uint64_t persists, messages_sent, messages_received, elections;
    uint64_t cached_entries, cached_bytes; /* recent entries in memory */
    uint64_t batches_taken, batches_refused, frames_bad;
    uint64_t disk_free;
    uint8_t space; /* enum space_level */
    uint64_t snapshots_sent, snapshots_installed, compactions;
    char snapshot_refused[ERROR_TEXT_MAX]; /* why the last one could not be taken; "" = none */
    uint32_t level, level_max; /* in force; of this build */
    bool waiting; /* an empty node that nobody has introduced yet */
    bool removed; /* and knows it */
    bool quarantined;
    uint64_t digest_wrong; /* index at which the state differs; 0 = none known */
    uint64_t digest_accused; /* by us, while leading: a member whose state differs; 0 = none */
    uint64_t write_age_ms;    /* of the oldest log write under way; 0 = none */
    uint64_t change_age_ms;   /* of the oldest administration request under way here */
    uint64_t snapshot_age_ms; /* of the transfer under way */
    uint64_t backups, backup_index; /* made by this node since its start; where the last one ends */
    uint64_t backup_age_ms;         /* of the one under way */
    bool archives;
    uint64_t archive_index, archive_segments; /* archived up to here; written since the start */
    uint64_t archive_failing_ms;              /* since when it cannot be written; 0 = it can */
    uint64_t archive_gaps, archive_gap_first, archive_gap_last; /* the newest */
};

#endif
