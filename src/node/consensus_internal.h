/* consensus_internal.h -- what the files of the consensus half share; nobody else includes it.
 *
 *   consensus.c    open, the turn, mails, status
 *   output.c       raft_flush(): the write, messages held until it is durable, the lease
 *   deliver.c      committed entries and status to the shard
 *   peers.c        frames from peers, frames to peers, old entries fetched for them, who is up
 *   batches.c      proposals: our own batches on their way, the leader's books and clock
 *   rounds.c       read rounds: ours and our peers'
 *   snapshot.h     snapshots sent and taken, the log cut: snapshot_*.c, compact.c; backup, archive
 *   change.h       members, leadership: admin.c (asked for), membership.c (steps), caretaker.c
 *   relay_peers.c  bytes between the data halves of nodes: pub/sub
 *   sight.c        what somebody who looks is told of messages and state
 *   health.c       when a leader hands over by itself: slow disk, wrong clock
 *   space.c        what a disk that is nearly full stops */

#ifndef NODE_CONSENSUS_INTERNAL_H
#define NODE_CONSENSUS_INTERNAL_H

#include "base/prng.h"
#include "node/consensus_parts.h"
#include "node/digest.h"
#include "node/entry_cache.h"
#include "node/sight.h"
#include "node/space.h"

struct consensus {
    struct consensus_options o;
    struct log_identity identity;
    uint64_t boot;
    struct raft *raft; /* NULL: an empty node that waits to be introduced */
    struct prng prng;

    /* what the core said last */
    enum raft_role role;
    raft_term term;
    raft_node leader;
    raft_index commit_index, config_index;
    struct raft_config config;
    raft_node next_node;
    uint32_t level;           /* feature level, of the newest CONFIG entry */
    bool is_outdated;         /* met a higher one than ours in a frame */
    struct address_book book;
    struct members_log said;  /* the newest CONFIG entries of the log */
    struct raft_set spares;   /* what the next one will say of them */
    struct raft_set guests;   /* not in config: connected to us (peers.c), or removed lately */
    bool is_removed;          /* we know that we belong to the cluster no more */
    bool config_changed; /* config is to be asked for again */

    uint64_t now_us, next_tick_us;
    bool again;     /* something is left to do at once */
    bool role_news, ticked; /* in this turn */

    struct entry_cache cache;
    struct queue writes; /* struct pending_write, oldest first */
    uint64_t next_job, done_job; /* of the log writer: submitted, and durable */
    uint64_t done_us;            /* when done_job rose last */
    uint64_t durable_write; /* as the core numbers them */
    struct queue held;   /* struct held_message, oldest first */

    raft_index mailed_index;  /* committed entries up to here were mailed to the shard */
    raft_index applied_index; /* and up to here it has applied them */
    uint32_t mailed_sizes[UNAPPLIED_MAX]; /* of those between, by index */
    size_t unapplied_bytes;
    struct fetch *lagging;   /* reads what the shard still needs and the cache no longer has */
    bool status_due, status_on_commit;

    struct peer peers[PEERS_MAX];
    struct queue inbound; /* struct inbound */
    size_t inbound_bytes;
    struct queue fetches; /* struct fetch, done or not */
    struct wire_frame *frame; /* scratch: large */
    struct buf out;           /* scratch: head of the frame under construction */
    struct buf scratch;
    struct buf trace; /* the record under construction */

    struct queue batches; /* struct own_batch, rising */
    uint64_t batches_term, batches_last;
    uint64_t batches_moved_us; /* when one was settled or sent again */
    bool batches_wait; /* the leader was busy: not before the next tick */
    struct origin origins[ORIGINS_MAX];
    uint32_t origin_count;
    raft_term origins_term;
    uint64_t clock_us, clock_boot_us; /* the leader's clock, and when it was read */
    uint64_t log_clock_ms;            /* newest clock of an entry of our log */

    struct round rounds[ROUNDS_MAX];
    size_t rounds_used; /* all behind are free */
    uint64_t next_round;
    struct change changes[CHANGES_MAX];
    uint64_t next_change;
    size_t changes_used; /* all behind are free */
    struct buf answered; /* struct admin *: given back when there is room */
    bool stopping, stop_transferred;
    uint64_t stop_deadline_us;
    uint64_t leader_since_us, care_us, farewell_us;
    raft_node first_given;   /* a leader's: the first id that is its own to give away */

    struct { uint64_t round, sent_us; } lease_rounds[LEASE_ROUNDS];
    uint64_t lease_newest, lease_end_us;

    uint64_t persists, messages_sent, messages_received, elections;
    uint64_t batches_taken, batches_refused, frames_bad;
    uint64_t durable_applied, flush_asked;

    uint64_t relay_mailed, relay_taken; /* bytes to the shard; taken by it */
    uint64_t relay_stamp, relay_asked;  /* newest received; asked the leader about */
    uint64_t relay_streams, relay_dropped; /* begun in this life; frames */

    struct space space;
    atomic_uint_fast64_t snapshot_rate;
    struct snapshot_send send;
    struct snapshot_receive receive;
    struct compaction compaction;
    struct backup backup;
    struct archive archive;
    struct digests digests;
    struct watched watched; /* sight.h */

    bool ineligible; /* the core was told not to campaign */
    uint64_t disk_transfer_us, disk_warned_us, clock_transfer_us, silent_from_us;
};

static inline bool is_leader(const struct consensus *c) { return c->role == RAFT_LEADER; }
static inline uint64_t election_us(const struct consensus *c)
{
    return (uint64_t)c->o.election_ticks * c->o.tick_ms * 1000;
}
/* raft_step() and raft_flush() of the core, recorded if that is wanted. */
enum status core_step(struct consensus *c, const struct raft_input *input, raft_index *first);
const struct raft_output *core_flush(struct consensus *c);
/* For inputs whose refusal means nothing to the caller: the core has its reasons. */
void step_quietly(struct consensus *c, const struct raft_input *input);

/* output.c */
void output_flush(struct consensus *c);
void output_persisted(struct consensus *c, uint64_t job_id);
/* A write of the driver's own, copied but for what it points to beyond one config. */
void output_write(struct consensus *c, enum write_kind kind, const struct log_write *write);
void output_close(struct consensus *c);
void cache_fill(struct consensus *c);  /* entries the core appended by itself */
void config_refresh(struct consensus *c);
struct block *config_block(struct consensus *c, const struct raft_config *config);

/* deliver.c */
void deliver_turn(struct consensus *c); /* entries and status, as far as there is room */
void deliver_applied(struct consensus *c, raft_index index);
bool deliver_flush(struct consensus *c, raft_index index); /* is it durable? else asks for it */

/* relay_peers.c */
void relay_send(struct consensus *c, const struct consensus_mail *mail);
void relay_receive(struct consensus *c, raft_node from, const struct wire_relay *relay);
void relay_peer(struct consensus *c, struct peer *p, bool is_up); /* of the data connection */
void relay_forget(struct consensus *c, raft_node node);
void relay_turn(struct consensus *c);

/* health.c */
void health_tick(struct consensus *c);

/* peers.c */
void peers_init(struct consensus *c);
void peers_close_all(struct consensus *c);
void peers_drop_inbound(struct consensus *c); /* all frames noted and not handled */
void peers_receive(struct consensus *c);      /* all frames noted */
void peers_turn(struct consensus *c);         /* fetches that are done, unreachable peers */
void peers_send(struct consensus *c, const struct raft_message *m);
void peers_send_frame(struct consensus *c, raft_node to, enum peer_channel channel,
                      const struct bytes *parts, size_t part_count);
void peers_connect(struct consensus *c);      /* tells the transport whom to know */
bool is_newcomer(const struct consensus *c);  /* the log has not come to the entry that adds it */
struct peer *peer_find(struct consensus *c, raft_node node); /* or NULL */
struct peer *peer_need(struct consensus *c, raft_node node); /* NULL: no room */
struct fetch *fetch_start(struct consensus *c, raft_node peer, const struct log_range *range);
void fetch_free(struct fetch *f);

/* batches.c */
void batches_mail(struct consensus *c, const struct consensus_mail *mail);
void batches_settled(struct consensus *c, uint64_t number);
void batches_resend(struct consensus *c); /* all unsettled ones of this term, again */
void batches_turn(struct consensus *c);   /* propose or send what is not on its way */
void batches_close(struct consensus *c);
void batches_receive(struct consensus *c, raft_node from, const struct wire_propose *propose);
void batches_from(struct consensus *c, const struct wire_propose_from *from);
void clock_seen(struct consensus *c, uint64_t clock_ms);
uint64_t leader_clock_ms(struct consensus *c);

/* rounds.c */
void rounds_mail(struct consensus *c, uint64_t read_id);
void rounds_receive(struct consensus *c, raft_node from, const struct wire_read *read);
void rounds_reply(struct consensus *c, const struct wire_read_reply *reply);
void rounds_answer(struct consensus *c, const struct raft_read *read);
void rounds_leader_changed(struct consensus *c);
void rounds_turn(struct consensus *c);

/* consensus.c */
void learn_members(struct consensus *c, const struct members *m);
void members_said(struct consensus *c, raft_index index, const struct members *m);
void consensus_become(struct consensus *c, const struct wire_introduce *introduce);
void consensus_fill_status(struct consensus *c, struct consensus_status *status);

#endif
