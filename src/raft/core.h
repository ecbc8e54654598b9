/* core.h -- struct raft, and what its files ask of each other. For src/raft only.
 *
 * Steps note what came and change the state; raft_flush() alone decides what is sent, so that many
 * inputs of a turn make one message, not many. Replies are the exception: each is staged by the
 * step that earned it, in the outbox, newer ones over older ones where they say the same. */

#ifndef RAFT_CORE_H
#define RAFT_CORE_H

#include "base/prng.h"
#include "raft/config.h"
#include "raft/durable.h"
#include "raft/progress.h"
#include "raft/quorum.h"
#include "raft/raft.h"

#define RAFT_OUTBOX_MAX 256       /* staged replies; a full outbox drops what would need another */
#define RAFT_LOG_SPARE 256        /* entries above log_entries_max: NOOPs, CONFIGs */
#define RAFT_CONFIG_SIZE 512      /* bytes of a CONFIG entry, as far as windows care */
#define RAFT_SIZE_UNKNOWN 4096    /* bytes of an entry from before the start, when nobody told */
#define RAFT_PEERS_MAX (RAFT_NODES_MAX + 1) /* members, and self which may be none */
#define RAFT_SELF 0                         /* position in peers */
#define RAFT_OTHERS 1                       /* first of the others */
#define RAFT_MESSAGES_MAX (RAFT_OUTBOX_MAX + RAFT_NODES_MAX * (RAFT_INFLIGHT_MAX + 4))
#define RAFT_INDEX_MAX (UINT64_MAX / 4) /* larger numbers from peers make no sense */
#define RAFT_NEVER UINT32_MAX           /* tick counters stop here */

struct raft_pending_read {
    uint64_t id;
    raft_index index; /* set together with round */
    uint64_t round;   /* 0 = not asked yet */
};

struct raft_reads {
    uint32_t first, count;
    struct raft_pending_read ring[RAFT_READS_MAX];
    size_t done_count;
    struct raft_read done[RAFT_READS_MAX]; /* answered since the last flush */
};

struct raft {
    struct raft_options options;
    struct prng prng;

    struct raft_hard_state hard;
    enum raft_role role;
    raft_node leader;
    bool state_lost, eligible;

    /* The log: terms by the trail, size and kind of entry i in marks[i % log_capacity]. */
    struct trail trail;
    uint32_t *marks;
    raft_index log_capacity;
    raft_index commit_index, applied_index;
    raft_index told_index; /* committed entries up to here have been given to the driver */
    struct config_log configs;

    /* What the next write has to carry, and what became of the earlier ones. */
    struct durable durable;
    bool hard_changed;
    raft_index truncate_from;  /* 0 = no */
    raft_index unwritten_from; /* first entry not given out yet; last_index + 1 = none */
    raft_index own_config_index; /* unwritten CONFIG entry made here, 0 = none */
    struct raft_config own_config;

    /* Ticks. */
    uint32_t elapsed_ticks, timeout_ticks; /* follower and candidates: towards the next campaign */
    uint32_t heard_ticks;                  /* since a leader was heard */
    uint32_t started_ticks;                /* since raft_open() */
    uint32_t promise_ticks;                /* left in which every vote is refused */
    uint32_t hurry_ticks;                  /* left of fast failover */

    /* Self first (of it only the vote is used: its match is durable.persisted_index), then the
     * other members. What is known of them matters to leaders, votes to candidates. */
    size_t peer_count;
    struct progress peers[RAFT_PEERS_MAX];
    raft_index own_term_first; /* the NOOP of this leadership */
    uint32_t heartbeat_ticks;  /* since the last heartbeat to all */
    uint64_t round, round_to_all; /* newest; newest that all were asked */
    uint32_t answers_to_all;
    bool heartbeat_due, round_due, votes_due;
    bool campaign_by_transfer;
    raft_node transfer_to;
    uint32_t transfer_ticks;
    bool transfer_sent;
    bool timeout_now_sent; /* in this term: no more lease */
    struct raft_reads reads;

    /* Output. */
    bool flushed; /* the next step begins a new one */
    raft_term told_term;
    enum raft_role told_role;
    raft_node told_leader;
    size_t message_count;
    struct raft_message messages[RAFT_MESSAGES_MAX];
    struct raft_output output;
};

/* raft.c */
struct progress *raft_peer(struct raft *r, raft_node node); /* NULL = no other member */
const struct raft_config *raft_config(const struct raft *r);
bool raft_self_is_voter(const struct raft *r);
struct raft_message *message_new(struct raft *r, enum raft_message_type type, raft_node to);
struct raft_message *reply_new(struct raft *r, const struct raft_message *to,
                               enum raft_message_type type);
void log_append(struct raft *r, const struct raft_entry *entries, uint32_t count);
void log_truncate(struct raft *r, raft_index from);
bool log_has_room(const struct raft *r, raft_index last); /* for entries up to last */
bool log_is_full(const struct raft *r, raft_index spare); /* that many above the limit are fine */
void config_changed(struct raft *r); /* another one is in force: peers follow it */
void commit_up_to(struct raft *r, raft_index index);

/* election.c */
void become_follower(struct raft *r, raft_term term, raft_node leader);
void become_pre_candidate(struct raft *r);
void become_candidate(struct raft *r, bool by_transfer);
void become_leader(struct raft *r);
bool may_campaign(const struct raft *r);
bool refuses_votes(const struct raft *r);
void leader_heard(struct raft *r, raft_node leader);
void leader_lost(struct raft *r); /* its connection broke, and a new one was refused */
void election_open(struct raft *r);
void election_tick(struct raft *r);
void promise_votes(struct raft *r, uint32_t lease_ms);
enum status receive_pre_vote(struct raft *r, const struct raft_message *m);
enum status receive_pre_vote_reply(struct raft *r, const struct raft_message *m);
enum status receive_vote(struct raft *r, const struct raft_message *m);
enum status receive_vote_reply(struct raft *r, const struct raft_message *m);
void votes_flush(struct raft *r);

/* replication.c */
enum status receive_append(struct raft *r, const struct raft_message *m, raft_index *first);
enum status receive_append_reply(struct raft *r, const struct raft_message *m);
enum status receive_heartbeat(struct raft *r, const struct raft_message *m);
enum status receive_heartbeat_reply(struct raft *r, const struct raft_message *m);
enum status receive_snapshot(struct raft *r, const struct raft_message *m);
enum status receive_snapshot_reply(struct raft *r, const struct raft_message *m);
enum status propose(struct raft *r, uint32_t size, uint8_t kind, raft_index *first);
void snapshot_ended(struct raft *r, struct progress *p, bool ok);
void replication_tick(struct raft *r);
void leader_advance_commit(struct raft *r);
void replication_flush(struct raft *r);
void heartbeats_flush(struct raft *r);

/* change.c */
enum status change_begin(struct raft *r, const struct raft_input *input, raft_index *first);
void change_flush(struct raft *r);

/* read.c */
bool leader_has_committed(const struct raft *r); /* an entry of its own term */
uint64_t round_confirmed(const struct raft *r);  /* newest round that a quorum has answered */
enum status read_begin(struct raft *r, uint64_t read_id);
void reads_begin(struct raft *r);   /* before the heartbeats of a flush */
void reads_release(struct raft *r); /* after them */
void reads_fail(struct raft *r);   /* no leader any more */

/* transfer.c */
enum status transfer_begin(struct raft *r, raft_node to);
void transfer_tick(struct raft *r);
void transfer_flush(struct raft *r);
void resign(struct raft *r); /* hands over to the best voter, and is a follower */
enum status receive_timeout_now(struct raft *r, const struct raft_message *m);

#endif
