/* mail.h -- what the two halves of a node tell each other: copied structs through two mailboxes.
 *
 *      data loop (shard)   -- to_consensus -->   consensus loop
 *                          <--  to_shard   --
 *
 * A block in a mail carries one reference, which goes over to the receiver. */

#ifndef NODE_MAIL_H
#define NODE_MAIL_H

#include "base/bytes.h"

struct block;
struct admin;

#define TO_CONSENSUS_MAX 4096
#define BATCHES_UNSETTLED_MAX 64 /* of one origin, mailed and not settled: consensus keeps them */
/* Their bytes, so that large values do not pile up before a disk or a link; one more may go. */
#define BYTES_UNSETTLED_MAX ((uint64_t)16 << 20)
#define TO_SHARD_MAX 8192

enum consensus_mail_kind {
    MAIL_BATCH,     /* a sealed batch: .block (requests), .batch, .term, .count. Numbers rise, with
                       gaps; the same number comes again with a newer term (§3.1 step 11) */
    MAIL_READ,      /* .read_id: tell the read index */
    MAIL_APPLIED,   /* .index applied, .batch: own batches up to here are settled */
    MAIL_DURABLE,   /* .index, .term: a flush up to here was ingested; .bytes: of the state now */
    MAIL_DIGEST,    /* .index, .id: the running digest there (digest.h) */
    MAIL_INSTALLED, /* .index applied, .ok: by a snapshot; else it was not needed any more */
    MAIL_PERSISTED, /* from the log writer: .id */
    MAIL_RELAY,     /* .block (bytes for other data halves), .index: their stamp, .node: to whom,
                       0 = to all that are connected (relay.c) */
    MAIL_RELAY_TAKEN, /* .id: bytes of MAIL_RELAYED taken out of the mailbox so far */
    MAIL_ADMIN,     /* .admin: carry out, send back */
    MAIL_STOP,      /* hand over leadership, then answer MAIL_STOPPED */
};

struct consensus_mail {
    enum consensus_mail_kind kind;
    struct block *block;
    struct admin *admin;
    uint64_t batch, term, index, id, read_id, node, bytes;
    uint32_t count;
    bool ok;
};

enum shard_mail_kind {
    MAIL_COMMITTED, /* .index .term .entry_kind .block (payload; NULL: none): in order, no gaps */
    MAIL_INSTALL,   /* .index .term: what lies in incoming becomes the state; no entry follows
                       before MAIL_INSTALLED */
    MAIL_FLUSH,     /* .index: flush as soon as it is applied, for MAIL_DURABLE */
    MAIL_READ_INDEX,/* .read_id .ok .index .clock_ms: the leader's clock when it was asked */
    MAIL_STATUS,    /* .role .term .leader .commit_index .voters .space .space_own
                       .service */
    MAIL_SILENT,    /* .node: we lead, and have not heard that member for an election timeout */
    MAIL_RELAYED,   /* of a MAIL_RELAY of another node: .node .boot .stream .sequence .index (stamp)
                       .block */
    MAIL_PEER,      /* .node .ok: the data connection to it stands (anew), or is gone */
    MAIL_ADMIN_DONE,
    MAIL_STOPPED,
};

/* Whether clients are served, or why not. */
enum service { SERVICE_FULL, SERVICE_REMOVED, SERVICE_QUARANTINED };

struct shard_mail {
    enum shard_mail_kind kind;
    uint8_t entry_kind;
    uint8_t role; /* enum raft_role */
    uint8_t space, space_own; /* enum space_level */
    uint8_t service;          /* enum service */
    bool ok;
    uint32_t voters;
    struct block *block;
    struct admin *admin;
    uint64_t index, term, leader, commit_index, read_id, clock_ms;
    uint64_t node, boot, stream, sequence;
};

/* --- administration: RAFT and CLUSTER commands ------------------------------------------------ */

enum admin_op {
    ADMIN_STATUS,   /* -> raft, peers, log */
    ADMIN_ADD,      /* address: a new empty node; done when it is a voter */
    ADMIN_REMOVE,   /* node */
    ADMIN_TRANSFER, /* node, 0 = the best */
    ADMIN_ADD_LEARNER, /* address: a spare, which does not vote until it is promoted */
    ADMIN_REPLACE,  /* node goes, the new empty one at address comes, in one change */
    ADMIN_PROMOTE,  /* node, a learner, is to vote */
    ADMIN_HOLDING,  /* node is a log index: text is how many other members have it on disk */
    ADMIN_OPS,      /* peers send those before it; these are for the node itself: */
    ADMIN_BACKUP    /* path: a directory here */
};

#define ADMIN_TEXT_MAX 256
#define ADMIN_PATH_MAX 512
struct raft_status;

/* Made by the server, carried out by consensus (forwarded to the leader where it must be), given
 * back with ok and text. Owned by whoever holds it. */
struct admin {
    enum admin_op op;
    uint64_t node;
    char host[256];
    uint16_t port;
    char path[ADMIN_PATH_MAX];
    void *context; /* the server's own */
    bool ok;
    char text[ADMIN_TEXT_MAX]; /* "OK", or an error that says what to do */
    struct consensus_status *status; /* ADMIN_STATUS: owned by the admin; consensus.h */
};

#endif
