/* wire.h -- the bytes of a frame between two nodes.
 *
 *   version:1 type:1 body                       little-endian, encoded field by field
 *
 * Decoders survive any bytes and refuse what makes no sense; no CHECK sees a peer's numbers. */

#ifndef NODE_WIRE_H
#define NODE_WIRE_H

#include "base/buf.h"
#include "node/members.h"
#include "raft/raft.h"

#define WIRE_VERSION 1
#define WIRE_FRAME_MAX (8u << 20)   /* an APPEND of append_bytes_max and one entry, with room */
#define WIRE_PAYLOAD_MAX (4u << 20) /* of one entry or batch: ENTRY_SIZE_MAX and a large request */
#define WIRE_CHUNK_MAX (1u << 20)   /* bytes of a snapshot in one frame */

/* Room on a node's disk: the free space is above its reserve, below, below half of it. */
enum space_level { SPACE_PLENTY, SPACE_LOW, SPACE_NONE, SPACE_LEVELS };

enum wire_type {
    WIRE_RAFT = 1,     /* a message of the core */
    WIRE_PROPOSE,      /* origin -> leader: a sealed batch */
    WIRE_PROPOSE_FROM, /* leader -> origin: go on behind .last */
    WIRE_READ,         /* to the leader: what is the read index? */
    WIRE_READ_REPLY,
    WIRE_INTRODUCE,    /* leader -> new node: who you are */
    WIRE_ADMIN,        /* to the leader: carry this out */
    WIRE_ADMIN_REPLY,
    WIRE_SNAPSHOT_OFFER, /* leader -> peer: what is to come (snapshot.h) */
    WIRE_SNAPSHOT_CHUNK,
    WIRE_SNAPSHOT_ACK,   /* peer -> leader */
    WIRE_REMOVED,        /* to a node that is none of the cluster's any more */
    WIRE_DIGEST,         /* to the leader: the newest (index, digest) (digest.h) */
    WIRE_VERDICT,        /* leader -> peer: yours differs; or: you may heal yourself */
    WIRE_RELAY,          /* data half -> data half, at most once (relay.c) */
    WIRE_COMMIT_WANTED,  /* to the leader: tell me at once how far entries are committed; no body */
    WIRE_TYPE_END
};

/* raft_type:1 flags:1 term:8 index:8 log_term:8 commit:8 round:8 wall_ms:8 lease_ms:4 count:4,
 * then count times (term:8 kind:1 size:4), then the payloads; SNAPSHOT: then a CONFIG payload. */
struct wire_raft {
    struct raft_message message; /* from, to: the connection's business */
    uint64_t wall_ms;            /* the sender's clock */
    uint8_t space;               /* enum space_level (space.c) */
    struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
    struct bytes payloads[RAFT_APPEND_ENTRIES_MAX]; /* borrowed from the frame */
    struct members members;      /* what message.config points into, when it is not NULL */
};

struct wire_propose {
    uint64_t term, boot, previous, number;
    uint32_t count;      /* requests */
    struct bytes block;  /* borrowed */
};

struct wire_propose_from {
    uint64_t term, boot, last;
    bool busy; /* wait a tick */
};

struct wire_read {
    uint64_t boot, read_id;
};

struct wire_read_reply {
    uint64_t boot, read_id, index, clock_ms;
    bool ok;
};

struct wire_introduce {
    uint8_t cluster_id[16], hash_key[16];
    uint64_t node;
    struct members members;
};

/* A committed configuration that counts node as used up, and does not have it. */
struct wire_removed {
    uint64_t node;
    struct members members;
};

struct wire_digest {
    uint64_t index, digest; /* index 0: none yet */
    bool wants_heal;
};

/* index 0: says only that node may wipe itself. */
struct wire_verdict {
    uint64_t node, index, digest;
    bool may_heal;
};

struct wire_admin {
    uint64_t boot, id, node;
    uint8_t op; /* enum admin_op, not STATUS */
    struct peer_address address;
};

struct wire_admin_reply {
    uint64_t boot, id;
    bool ok;
    char text[256];
};

/* Of a snapshot that ends at (index, log_term). The same offer again asks where to go on. */
struct wire_snapshot_offer {
    uint64_t term, id, index, log_term;
    struct bytes config;    /* a CONFIG payload, decoded: */
    struct members members;
    struct bytes files;     /* snapshot_files_decode() */
};

/* Bytes from position on, of all files in a row; of one file only. */
struct wire_snapshot_chunk {
    uint64_t id, position;
    uint32_t crc; /* CRC32C of data */
    struct bytes data;
};

enum snapshot_ack {
    ACK_HAS,     /* all before position is written */
    ACK_FROM,    /* send from position on: the answer to an offer, or something was lost */
    ACK_DONE,    /* installed, or not needed any more */
    ACK_REFUSED, /* this one will not do */
};
struct wire_snapshot_ack {
    uint64_t id, position;
    uint8_t state; /* enum snapshot_ack */
};

/* stream: of the connection, rising within a boot. sequence: from 1 in each stream, without gaps
 * unless something was lost. stamp: not to be looked at before the receiver has applied up to
 * there. */
struct wire_relay {
    uint64_t boot, stream, sequence, stamp;
    struct bytes payload; /* borrowed; the server's business (server/pubsub_wire.h) */
};

struct wire_frame {
    enum wire_type type;
    uint32_t level; /* of the CONFIG payload in it, which may be why it was not decoded; 0 = none */
    union {
        struct wire_raft raft;
        struct wire_propose propose;
        struct wire_propose_from propose_from;
        struct wire_read read;
        struct wire_read_reply read_reply;
        struct wire_introduce introduce;
        struct wire_admin admin;
        struct wire_admin_reply admin_reply;
        struct wire_snapshot_offer offer;
        struct wire_snapshot_chunk chunk;
        struct wire_snapshot_ack ack;
        struct wire_removed removed;
        struct wire_digest digest;
        struct wire_verdict verdict;
        struct wire_relay relay;
    };
};

/* Encoders append to *to. Of RAFT the head and the entries' descriptors: the entries' payloads
 * follow in order. config: the CONFIG payload of a SNAPSHOT, else NULL. entries: of an APPEND. */
struct wire_raft_out {
    const struct raft_message *message;
    uint64_t wall_ms;
    uint8_t space;
    const struct raft_entry *entries; /* message->entry_count of them */
    struct bytes config;
};
void wire_encode_raft(struct buf *to, const struct wire_raft_out *raft);
/* The head alone: block follows. */
void wire_encode_propose(struct buf *to, const struct wire_propose *propose);
void wire_encode_propose_from(struct buf *to, const struct wire_propose_from *from);
void wire_encode_read(struct buf *to, const struct wire_read *read);
void wire_encode_read_reply(struct buf *to, const struct wire_read_reply *reply);
/* introduce.members is not looked at; members: a CONFIG payload. */
void wire_encode_introduce(struct buf *to, const struct wire_introduce *introduce,
                           struct bytes members);
void wire_encode_removed(struct buf *to, uint64_t node, struct bytes members);
void wire_encode_digest(struct buf *to, const struct wire_digest *digest);
void wire_encode_verdict(struct buf *to, const struct wire_verdict *verdict);
void wire_encode_admin(struct buf *to, const struct wire_admin *admin);
void wire_encode_admin_reply(struct buf *to, const struct wire_admin_reply *reply);
/* offer.members is not looked at. */
void wire_encode_snapshot_offer(struct buf *to, const struct wire_snapshot_offer *offer);
/* The head alone: data follows. */
void wire_encode_snapshot_chunk(struct buf *to, const struct wire_snapshot_chunk *chunk);
void wire_encode_snapshot_ack(struct buf *to, const struct wire_snapshot_ack *ack);
void wire_encode_commit_wanted(struct buf *to);
/* The head alone: payload follows. */
void wire_encode_relay(struct buf *to, const struct wire_relay *relay);

/* false: nonsense, or another version. What *f borrows lives as long as the frame. */
bool wire_decode(struct bytes frame, struct wire_frame *f);

#endif
