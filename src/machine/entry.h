/* entry.h -- the bytes of a RAFT_DATA entry: a header, requests, a checksum; of a CONFIG entry the
 * one number that every build can read.
 *
 *   format:1 flags:1 count:2 origin:8 boot:8 batch:8 clock_ms:8 seed:8      header, ENTRY_HEAD_SIZE
 *   count times: kind:1 flags:1 db:1 user:4 argc:4 (size:4 bytes)*
 *   crc32c:4 over all before it
 *
 * Little-endian, encoded field by field. The origin encodes the requests (a batch); the leader puts
 * header and checksum round them. All decoding survives any bytes. */

#ifndef MACHINE_ENTRY_H
#define MACHINE_ENTRY_H

#include "base/arena.h"
#include "base/buf.h"

#define ENTRY_FORMAT 1
#define ENTRY_HEAD_SIZE 44
#define ENTRY_CRC_SIZE 4
#define ENTRY_REQUESTS_MAX 4095           /* a stamp has 12 bits for the ordinal */
#define ENTRY_SIZE_MAX ((size_t)1 << 20)  /* larger requests travel in parts */
#define ENTRY_BATCH_MAX (ENTRY_SIZE_MAX - ENTRY_HEAD_SIZE - ENTRY_CRC_SIZE) /* bytes of requests */
#define ENTRY_PIECE_MAX (ENTRY_BATCH_MAX - 64) /* bytes of a large request that fit one part */

enum request_kind {
    REQ_COMMAND = 1, /* args: a command */
    REQ_EXEC,        /* args[0]: watches, args[1 ..]: commands; exec_... below */
    REQ_PART,        /* args[0]: its number:4 (from 0), args[1]: a piece of an encoded request;
                        REQUEST_LAST runs the whole. Alone in its entry. */
    REQ_EXPIRE_DUE,  /* args[0]: limit:4, args[1]: names as keyspace_met_due gives them, deleted
                        first whatever the limit */
    REQ_CLOCK,       /* nothing: advances the log clock */
    REQ_UNBLOCK,     /* args[0]: enum unblock_by:1 enum unblock_reason:1 id:8 -> how many waited */
    REQ_CANCEL,      /* args[0]: waiter:8 of this origin: its client is gone */
    REQ_ORIGIN_LOST, /* args[0]: node:8 boot:8: its waiters up to that boot are dropped */
    REQ_RESERVED,    /* of no meaning: not to be used again */
    REQ_SETTING,     /* args: name value [name value ...]: all or nothing */
    REQ_SKIP,
};

enum request_flags {
    REQUEST_READ = 1,  /* a read that rides in the log batch: run by the origin alone */
    REQUEST_LOCAL = 2, /* CMD_LOCAL: answered by the origin's host alone */
    REQUEST_LAST = 4,  /* REQ_PART: the last one */
    REQUEST_CLIENT = 8, /* REQ_COMMAND that may wait: the last argument is its client's id:8 */
    REQUEST_SHA = 16,  /* EVAL: the sha of a stored script in place of its source;
                          SCRIPT LOAD: on behalf of an EVAL */
};

enum unblock_by { UNBLOCK_WAITER, UNBLOCK_CLIENT }; /* id is a waiter of this origin, or a client */
enum unblock_reason { UNBLOCK_TIMEOUT, UNBLOCK_ERROR };
#define UNBLOCK_SIZE 10

struct request {
    uint8_t kind, flags;
    uint8_t db;    /* selected */
    uint32_t user; /* 0 = the default user */
    const struct bytes *args;
    uint32_t arg_count;
};

size_t request_size(const struct request *r);
void request_encode(struct buf *to, const struct request *r);
/* args are borrowed from the bytes read, the array is of the arena. false: nonsense. */
bool request_decode(struct reader *from, struct arena *arena, struct request *r);
/* Steps over one request without looking into it. false: nonsense. */
bool request_pass(struct reader *from);

/* Whether requests are exactly count requests that machine_apply takes: what a leader asks before
 * it makes an entry of a batch that came from a peer. */
bool entry_batch_is_valid(struct bytes requests, uint32_t count);
/* The same of one decoded request, whatever its size. */
bool entry_request_is_valid(const struct request *r);

/* --- EXEC ------------------------------------------------------------------------------------- */

struct watch {
    uint32_t selected;  /* db as the client had it selected */
    uint32_t number;    /* internal db number when watched */
    uint64_t stamp;     /* 0 = absent */
    uint64_t seen;      /* the server's own, not in the log: key_changes.count when watched */
    struct bytes key;
};
/* args[0] of REQ_EXEC. */
void exec_encode_watches(struct buf *to, const struct watch *watches, uint32_t count);
bool exec_decode_watches(struct bytes from, struct arena *arena, struct watch **watches,
                         uint32_t *count);
/* args[1 ..] of REQ_EXEC: one queued command each, with its own flags and db. */
void exec_encode_command(struct buf *to, const struct request *command);
bool exec_decode_command(struct bytes from, struct arena *arena, struct request *command);

/* --- the feature level ------------------------------------------------------------------------ */

/* What all members can do, agreed upon in CONFIG entries (ARCHITECTURE §5 rule 7): whatever an
 * older build would do otherwise, or not at all, is done from a higher level on. */
#define FEATURE_LEVEL_FIRST 1
#define FEATURE_LEVEL_MAX 2 /* of this build. 2: DEBUG LEVEL; deadlines of fields in DUMP and
                             * RESTORE; who waits is asked for its rights again when it is served */
#define FEATURE_LEVEL_WAITERS_ASKED 2

/* In the payload of a CONFIG entry, of any format: also one that this build cannot read further.
 * 0: these bytes are none. */
uint32_t config_level(struct bytes payload);

/* --- the whole entry -------------------------------------------------------------------------- */

struct entry_head {
    uint8_t format, flags;
    uint16_t count;
    uint64_t origin, boot, batch;
    uint64_t clock_ms, seed;
};

/* A whole entry of the origin's encoded requests, appended to *to. */
void entry_encode(struct buf *to, const struct entry_head *head, struct bytes requests);

/* Checks size and checksum, reads the header, sets *requests to read from behind it.
 * STATUS_CORRUPT, or STATUS_INVALID for a format this build does not know. */
enum status entry_decode(struct bytes payload, struct entry_head *head, struct reader *requests,
                         struct error *e) MUST_CHECK;

/* The header alone, nothing checked but its size; false: too short. */
bool entry_peek(struct bytes payload, struct entry_head *head);

/* One line per request for people (RAFT LOG, avow-check): "SET k v", long arguments shortened. */
void entry_describe(struct bytes payload, struct buf *to);

#endif
