/* raft.h -- Raft consensus as a pure state machine.
 *
 * Feed inputs with raft_step(), as many as one turn of the loop brings; then collect everything
 * that has to happen with one raft_flush(). The core never calls out: no clock but ticks, no I/O,
 * no allocation after raft_open(). Same options, same inputs => same outputs, bit for bit.
 *
 *     ticks, messages, proposals --raft_step()--> [ core ] --raft_flush()--> a write, messages,
 *                                                                            commits, reads */

#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include "base/status.h"
#include "raft/trail.h"
#include "raft/types.h"

struct raft_options {
    raft_node self;
    uint32_t election_ticks;     /* >= 5; timeouts: from [election_ticks + 2, 2 * election_ticks) */
    uint32_t heartbeat_ticks;    /* >= 1, < election_ticks */
    uint32_t append_bytes_max;   /* per APPEND message; one whole entry always goes */
    uint32_t inflight_bytes_max; /* per peer; one message always goes */
    uint32_t log_entries_max;    /* uncompacted entries; a full log refuses proposals */
    uint32_t tick_ms;            /* turns a promise of lease_ms into ticks, rounded up, plus one */
    uint32_t lease_ms;           /* promise asked for by HEARTBEATs; 0 = reads by ReadIndex only */
    uint64_t seed;
};

/* What the stores hold at the start; all of it is durable. Borrowed by raft_open(). */
struct raft_saved {
    struct raft_hard_state hard_state;
    /* Rising: the one in force at trail->base_index (its index may be lower), then every CONFIG
     * entry of the log. None: a node that waits to be told of its cluster. A new cluster begins
     * with entry 1 = CONFIG, of term 1, on each of its voters: so it reaches all who join later. */
    const struct raft_config_at *configs;
    size_t config_count;
    const struct trail *trail;
    const uint32_t *sizes; /* bytes of entry base_index + 1 + i; NULL = unknown, counted as 4 KiB */
    raft_index commit_index; /* = applied index of the state */
    bool state_lost; /* §6.4: log sound, state gone; commit_index = trail->base_index. Votes and
                        acknowledges, does not campaign, commits nothing before a snapshot came */
};

enum raft_message_type {
    RAFT_MSG_PRE_VOTE, RAFT_MSG_PRE_VOTE_REPLY, RAFT_MSG_VOTE, RAFT_MSG_VOTE_REPLY,
    RAFT_MSG_APPEND, RAFT_MSG_APPEND_REPLY,       /* no entries: probes, carries commit_index */
    RAFT_MSG_HEARTBEAT, RAFT_MSG_HEARTBEAT_REPLY, /* carry the read round, renew the lease */
    RAFT_MSG_SNAPSHOT,        /* made by the leader's driver (type, from, to, term, index, log_term,
                                 config) and sent before each transfer: the receiver steps it */
    RAFT_MSG_SNAPSHOT_REPLY,
    RAFT_MSG_TIMEOUT_NOW
};

struct raft_message {
    enum raft_message_type type;
    raft_node from, to;
    raft_term term;
    raft_index index;   /* APPEND: prev_log_index; (PRE_)VOTE: last_log_index; SNAPSHOT: its last
                           entry; REPLY: match, or hint when rejected */
    raft_term log_term; /* term at index (not in accepting REPLYs) */
    raft_index commit_index;
    uint64_t round;       /* HEARTBEAT and its REPLY: reads, lease; rejecting APPEND_REPLY: the
                             prev_log_index that was refused */
    bool reject;
    bool transfer;        /* VOTE: the old leader asked for it (TIMEOUT_NOW) */
    uint32_t entry_count; /* APPEND: entries index+1 .. index+entry_count, bytes by the driver */
    /* Received APPEND: descriptors, valid during raft_step(). NULL in output: raft_entry_at(). */
    const struct raft_entry *entries;
    /* Received SNAPSHOT, or APPEND that ends with a CONFIG entry: decoded by the driver from the
     * entry's bytes. NULL in output. */
    const struct raft_config *config;
    uint32_t lease_ms;  /* HEARTBEAT: refuse votes for so long from receipt; 0 = no promise */
    bool want_snapshot; /* APPEND_REPLY, HEARTBEAT_REPLY: log sound, state lost: stream one beside
                           replication */
    /* Output: hold until this write is durable: the newest write that any claim of the message
     * rests on (its term, vote, promise or match), also when this flush writes nothing, or when
     * that write is given by a later flush; 0 = all durable already. Not on the wire. */
    uint64_t after_write;
};

enum raft_input_type {
    RAFT_TICK,               /* one tick of the driver's clock */
    RAFT_RECEIVE,            /* .message */
    RAFT_PROPOSE,            /* .size, .kind (DATA): one entry; index returned */
    RAFT_PERSISTED,          /* .write_id: it and all before it are durable */
    RAFT_APPLIED,            /* .index: the machine has applied up to here */
    RAFT_COMPACTED,          /* .index: the log store has dropped entries, persisted, so far */
    RAFT_SNAPSHOT_INSTALLED, /* .index .term .config: state and log store are durably this (§3.7) */
    RAFT_SNAPSHOT_ENDED,     /* .node .ok: a transfer we were asked for ended */
    RAFT_READ,               /* .read_id: confirm leadership, then tell the index */
    RAFT_CHANGE,             /* .config: target incoming and learners; .ok: also if none changes */
    RAFT_TRANSFER,           /* .node: hand leadership over */
    RAFT_UNREACHABLE,        /* .node: its connection broke (leader's: and a new one was refused) */
    RAFT_COMMIT_WANTED,      /* .node: a proposal or read came from it: tell it commits at once */
    RAFT_ELIGIBLE,           /* .ok: whether this node may campaign (at first it may); false also
                                makes a leader step down */
};

/* type, and the fields named beside it; the others are ignored. */
struct raft_input {
    enum raft_input_type type;
    uint8_t kind; /* enum raft_kind */
    bool ok;
    uint32_t size;
    raft_index index;
    raft_term term;
    raft_node node;
    uint64_t read_id;
    uint64_t write_id;
    const struct raft_message *message;
    const struct raft_config *config;
};

struct raft_read {
    uint64_t id;
    raft_index index;
    bool ok;
};

/* Persist first, in this order, as one atomic and synced write; then raft_step(RAFT_PERSISTED). */
struct raft_write {
    uint64_t id; /* rises by one with each write; 0 = nothing to write */
    bool hard_state_changed;
    struct raft_hard_state hard_state;    /* always the present one */
    raft_index truncate_from;             /* 0 = no; drop this index and all after it */
    raft_index append_first, append_last; /* 0, 0 = none; term and kind of each: raft_entry_at() */
    /* A CONFIG entry the core itself appended, 0 = none, and its content. NOOPs have no content. */
    raft_index config_index;
    const struct raft_config *config;
};

struct raft_output {
    struct raft_write write;
    const struct raft_message *messages;
    size_t message_count;
    raft_index apply_first, apply_last; /* newly committed; 0, 0 = none */
    const struct raft_read *reads;
    size_t read_count;
    struct raft_set snapshot_to; /* peers that newly need a snapshot stream; end: SNAPSHOT_ENDED */
    uint64_t round;              /* newest heartbeat round, sent in this flush or before */
    uint64_t lease_round;        /* newest round a quorum has answered; 0 = no lease */
    bool role_changed;           /* role, term or leader differ from the last flush's */
    enum raft_role role;
    raft_term term;
    raft_node leader; /* 0 = unknown */
};

enum raft_progress { PROGRESS_PROBE, PROGRESS_REPLICATE, PROGRESS_SNAPSHOT };

struct raft_peer_status {
    raft_node node;
    bool is_voter; /* else a learner */
    enum raft_progress state;
    raft_index next_index, match_index;
    uint32_t inflight_count, inflight_bytes;
    uint32_t silent_ticks; /* since it was last heard */
};

/* Copies of what INFO shows. Peers (all members but self) are meaningful on the leader. */
struct raft_status {
    enum raft_role role;
    raft_term term;
    raft_node leader, voted_for;
    raft_index commit_index, applied_index;
    raft_index first_index, last_index, persisted_index;
    raft_term last_term;
    bool is_voter, state_lost; /* this node, by the config in force; as it was opened */
    raft_node transfer_to;     /* 0 = none under way */
    raft_index config_index;   /* of the config in force: */
    struct raft_config config;
    size_t read_count; /* reads waiting */
    size_t peer_count;
    struct raft_peer_status peers[RAFT_NODES_MAX];
};

struct raft;

struct raft *raft_open(const struct raft_options *options, const struct raft_saved *saved);
void raft_close(struct raft *r);

/* Returns OK, or why the input had no effect: NOT_LEADER, BUSY (full log, trail, outbox or reads;
 * change or transfer under way), STALE (older term, or not needed), INVALID, NOT_FOUND (no such
 * member). Malformed peer messages are refused with BAD_MESSAGE; broken promises of the driver
 * (applied > committed, persisted > written) panic. RAFT_APPLIED below what is known is ignored: it
 * was on its way during an install.
 * *first (may be NULL): PROPOSE, CHANGE: the entry's index; an APPEND received: the first entry
 * taken, 0 = none. The driver puts the bytes of first and all after it into the log cache before
 * the next step. SNAPSHOT received: OK = go on with the transfer, anything else = drop it. */
enum status raft_step(struct raft *r, const struct raft_input *input, raft_index *first) MUST_CHECK;

/* All that follows from the inputs since the last flush; valid until the next raft_step(). */
const struct raft_output *raft_flush(struct raft *r);

/* Descriptor of an entry of the log; false when it is compacted or beyond the end. */
bool raft_entry_at(const struct raft *r, raft_index index, struct raft_entry *entry);

void raft_status(const struct raft *r, struct raft_status *status); /* for INFO and the dashboard */
void raft_check(const struct raft *r); /* panics when an invariant is broken */

#endif
