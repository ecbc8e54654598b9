/* consensus_parts.h -- the small structs of the consensus half, by the file that they belong to.
 * Only consensus_internal.h includes it. */

#ifndef NODE_CONSENSUS_PARTS_H
#define NODE_CONSENSUS_PARTS_H

#include "base/queue.h"
#include "node/archive.h"
#include "node/change.h"
#include "node/consensus.h"
#include "node/snapshot.h"
#include "node/wire.h"

#define PEERS_MAX BOOK_MAX
#define LOG_ENTRIES_MAX (1u << 22)   /* of the core: a log of so many refuses proposals */
#define PEER_WAITING_MAX 64          /* APPENDs held behind a fetch; more: back to probing */
#define ORIGINS_MAX 32               /* nodes whose batches a leader takes within one term */
#define ROUNDS_MAX RAFT_READS_MAX
#define INBOUND_BYTES_MAX (64u << 20)/* frames noted and not yet handled */
#define MAIL_ROOM_KEPT 512           /* of the shard's mailbox: for read indexes, status, admin */
#define UNAPPLIED_MAX TO_SHARD_MAX   /* entries mailed and not yet applied */
#define LEASE_ROUNDS 64              /* rounds whose time of sending is remembered */

/* --- output.c --------------------------------------------------------------------------------- */

/* A write given to the log writer; what it points to stays until it is durable. */
/* Writes of the core, and the driver's own: one queue, numbered together. */
enum write_kind { WRITE_RAFT, WRITE_COMPACT, WRITE_INSTALL };
struct pending_write {
    struct queue_node node;
    enum write_kind kind;
    uint64_t raft_id; /* WRITE_RAFT: as the core knows it */
    struct log_job job;
    struct log_write write;
    struct log_hard_state hard;
    uint64_t submitted_us;
    size_t count; /* entries, blocks */
    struct log_entry *entries;
    struct block **blocks;
    struct log_config *configs;
};

/* A message that waits for after_write. */
struct held_message {
    struct queue_node node;
    struct raft_message message;
};

/* --- peers.c ---------------------------------------------------------------------------------- */

/* Entries that are not in the cache any more, read by the snapshot worker: for one APPEND, or for
 * the data loop (peer 0). */
struct fetch {
    struct queue_node node; /* in consensus.fetches */
    struct job job;
    struct consensus *consensus;
    struct raft_message message;
    struct log_store *log;
    struct log_range range;
    struct log_block block;
    enum status status;
    struct error error;
    raft_node peer;
    bool done;
    size_t position; /* entries of block handed on already */
};

struct peer {
    raft_node node; /* 0 = a free place */
    struct peer_address address; /* as the transport was told */
    bool up[2];                  /* by channel */
    bool unreachable;            /* to be told to the core in the next turn */
    bool snapshot_wanted;        /* the core asks for a transfer */
    uint32_t snapshots_refused;  /* in a row */
    uint64_t snapshot_after_us;  /* not before, then */
    struct peer_build build;     /* while its control connection is up */
    uint64_t heard_us;           /* 0 = never */
    uint64_t guest_us;           /* since when it is known to be removed */
    uint64_t empty_us;           /* when an empty node answered in its place; 0 = never */
    uint64_t lost_us;            /* when its connection broke last; 0 = never */
    int64_t wall_ahead_ms;       /* of our wall clock */
    bool wall_known;
    uint8_t space; /* enum space_level, as it says */
    uint64_t relay_stream, relay_sequence; /* of the last relayed frame on this connection */
    bool relay_news;             /* up[CHANNEL_DATA] is to be told to the shard */
    struct fetch *fetch;         /* under way */
    struct queue waiting;        /* struct held_message: APPENDs behind the fetch */
    uint32_t waiting_count;
};

/* --- space.c ---------------------------------------------------------------------------------- */

struct space {
    struct job job;
    struct disk *disk;
    const char *dir;
    enum status status; /* of the last look */
    struct error error;
    uint64_t found_bytes;
    bool is_looking, is_blind;
    uint64_t free_bytes, looked_us, hand_over_us;
    enum space_level own, leader; /* of our disk; as the leader says */
    enum space_level level;       /* the worse of the two: what is refused here */
    enum space_level told;        /* in frames of ours */
};

struct inbound {
    struct queue_node node;
    raft_node from;
    struct block *frame;
};

/* --- batches.c -------------------------------------------------------------------------------- */

struct own_batch {
    struct queue_node node;
    uint64_t number, previous, term;
    uint32_t count;
    bool sent; /* to the leader of this term, or taken by ourselves */
    struct block *block;
};

struct origin {
    raft_node node;
    uint64_t boot, last;
};

/* --- rounds.c --------------------------------------------------------------------------------- */

enum round_state { ROUND_FREE, ROUND_WAITS, ROUND_CORE, ROUND_LEADER, ROUND_ANSWERED };

struct round {
    enum round_state state;
    uint64_t id;      /* ours: what the core, or the leader, is asked under */
    raft_node node;   /* who wants to know: self, or a peer */
    uint64_t boot;    /* of the peer */
    uint64_t read_id; /* the shard's, or the peer's */
    uint64_t since_us;
    bool ok;          /* ROUND_ANSWERED: the shard's mailbox was full */
    uint64_t index, clock_ms;
};

#endif
