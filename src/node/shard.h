/* shard.h -- the data half of a node: batches, apply, reads, replies, flushes.
 *
 *   clients' requests -> open batch / read batch -> (mail) -> consensus
 *   committed entries, read indexes (mail) -> machine_apply / machine_read -> reply slots
 *
 * A turn function like consensus. The server calls shard_write and shard_read as it parses, then
 * shard_turn() once; replies come through struct shard_host during the turn. */

#ifndef NODE_SHARD_H
#define NODE_SHARD_H

#include "machine/machine.h"
#include "node/mail.h"
#include "node/phases.h"
#include "node/ports.h"

struct shard;
struct mailbox;
struct state_store;
struct cache;
struct disk;
struct lease;

/* The place of one reply, embedded in what the server keeps per request in flight. Zeroed by the
 * server; the shard uses it from shard_write/_read until reply_end or shard_forget. */
struct reply_slot {
    void *pending;     /* the shard's record of it; NULL when not in flight */
    const void *owner; /* the connection, only compared: its reads are answered in their order also
                          when one has to wait for an expiry (§3.10). NULL: nobody's, no order */
};

/* What comes from other data halves, in the order of its sender (shard_relay). */
enum relay_kind {
    RELAY_BYTES,  /* bytes of one or more shard_relay() */
    RELAY_BEGINS, /* the node has a new connection to us, or is a new process: what it told before
                     is void */
    RELAY_LOST,   /* something is missing here */
    RELAY_UP,     /* our connection to the node stands, anew: it knows nothing of us */
    RELAY_DOWN,   /* it is gone; perhaps the node, too */
};

/* Called during shard_turn() only. They may call shard_write, _read, _forget and _admin. */
struct shard_host {
    /* The reply of slot is about to be made: where to, in which protocol. client: exec.client for
     * local() and effects. Begun again without an end when a read has to wait for an expiry:
     * nothing was written then. */
    void (*reply_begin)(void *context, struct reply_slot *slot, struct reply *reply, void **client);
    /* It is complete; the slot is the server's again. command: NULL when it was not executed, or
     * when it is no single command. */
    void (*reply_end)(void *context, struct reply_slot *slot, const struct reply *reply,
                      const struct command *command);
    /* The request of slot waits in the log's state; its reply is begun again some day. */
    void (*waits)(void *context, struct reply_slot *slot);
    /* A script, given to shard_read without REQUEST_READ, came to a write: it goes to the log now,
     * as if given to shard_write. Not NULL: it is refused with this text. */
    const char *(*read_moves)(void *context, struct reply_slot *slot);
    struct exec_host exec;   /* changed, flushed, local: context is the same */
    void (*status)(void *context, const struct shard_mail *status); /* leader, role, term changed */
    void (*admin_done)(void *context, struct admin *admin);
    void (*stopped)(void *context);
    void (*relayed)(void *context, uint64_t node, enum relay_kind kind, struct bytes bytes);
                             /* or NULL */
};

struct shard_options {
    uint64_t self, boot;
    uint8_t hash_key[16];          /* log_identity.hash_key */
    struct state_store *store;
    size_t cache_bytes;
    struct mailbox *inbox;         /* struct shard_mail */
    struct mailbox *outbox;        /* struct consensus_mail: the consensus half's */
    struct clock_port clock;
    struct workers_port workers;
    const struct shard_host *host;
    void *context;
    uint64_t quorum_wait_ms;       /* default 5000 */
    uint64_t flush_log_bytes, flush_interval_ms; /* 256 MiB, 60 s */
    struct disk *disk;             /* looked at before a flush when disk_reserve > 0 (§6.4) */
    const char *dir;
    uint64_t disk_reserve;
    uint64_t digest_every;         /* entries from one digest to compare to the next; 0 = 4096 */
    uint64_t seed;
    const struct lease *lease; /* NULL: every read asks (lease.h) */
    uint32_t level_max;        /* as machine_options */
};

/* Opens keyspace and machine on the state store. */
enum status shard_open(const struct shard_options *options, struct shard **shard,
                       struct error *e) MUST_CHECK;
/* Answers nobody any more and does not look at slots; the workers have ended before. What was not
 * flushed is applied again from the log after the next start. */
void shard_close(struct shard *s);

/* --- requests --------------------------------------------------------------------------------- */

/* The request's bytes are copied. false: no room (bounded bytes in flight, §3.1 step 12): do not
 * read this client until shard_has_room(). The reply is made during some later turn, or never if
 * forgotten. A request that cannot be executed is answered -CLUSTERDOWN or -UNCERTAIN.
 * A read that rides (REQUEST_READ, §3.10) is given to shard_write. slot NULL: nobody waits. */
bool shard_write(struct shard *s, const struct request *request, struct reply_slot *slot);
/* A command with CMD_READ, or an EXEC without watches of such alone, or a script (read_moves).
 * stale: of the local state. */
bool shard_read(struct shard *s, const struct request *request, struct reply_slot *slot,
                bool stale);
bool shard_has_room(const struct shard *s);

/* Whether more requests are taken. Where room does not come for quorum-wait-ms, nobody is kept
 * waiting for it: requests are to be refused, which were not executed then. */
enum shard_room {
    ROOM_NOW,
    ROOM_LATER,     /* soon, as far as anybody knows: clients are not read meanwhile */
    ROOM_NO_QUORUM, /* nothing of what is in flight gets done */
    ROOM_NO_FLUSH,  /* the cache is full of changes, and the disk does not take them */
};
enum shard_room shard_room(const struct shard *s);

/* The client is gone: its reply has no reader. What was sent to the log still happens. */
void shard_forget(struct shard *s, struct reply_slot *slot);

/* Ends the wait of a read (XREAD) as if its time were over, or with an error, in the next turn.
 * false: slot waits in the log's state, and can only be unblocked there (REQ_UNBLOCK). */
bool shard_unblock_read(struct shard *s, struct reply_slot *slot, bool with_error);

/* To consensus, back through admin_done. false: mailbox full. */
bool shard_admin(struct shard *s, struct admin *admin);
/* Hand over leadership if ours; then host->stopped. */
void shard_stop(struct shard *s);

/* --- to other nodes --------------------------------------------------------------------------- */

/* To the data half of node to, of all that are connected when 0; at most once, and not before it
 * has applied what we have by now. false: no room, nothing is sent. Bytes of one call stay together
 * and are at most SHARD_RELAY_MAX. */
#define SHARD_RELAY_MAX (((size_t)4 << 20) - 1)
bool shard_relay(struct shard *s, uint64_t to, struct bytes bytes);
/* Whether anybody is connected. */
bool shard_relays(const struct shard *s);
bool shard_relays_to(const struct shard *s, uint64_t node);

/* --- turn ------------------------------------------------------------------------------------- */

/* Mails, timers, seal and mail batches, apply (bounded), reads, flush bookkeeping, graveyard.
 * Returns when the next turn is due at the latest, in boot_us (0: at once, there is more to do). */
uint64_t shard_turn(struct shard *s);

/* Whether somebody here waits for what is to be applied. While not, entries may come later and
 * several at once (mailbox_doze). */
bool shard_is_awaited(const struct shard *s);

/* Starts a flush of the row cache if none runs; true when nothing is dirty any more. While
 * flush_failed, none is started. */
bool shard_flush(struct shard *s);

/* --- for INFO and the like -------------------------------------------------------------------- */

struct shard_status {
    uint64_t applied_index, applied_term, clock_ms, durable_applied, digest;
    uint64_t leader, term;
    uint8_t role;
    enum shard_room room;
    uint8_t space, space_own; /* enum space_level: what is refused, and by our own disk alone */
    uint8_t service; /* enum service */
    uint32_t level;  /* feature level, as applied */
    bool ready; /* what the first leader it knew had committed at contact is applied */
    uint64_t requests_in_flight, bytes_in_flight;
    uint64_t batches, batched_requests, reads, read_rounds, duplicates;
    uint64_t flushes, last_flush_ms, installs;
    bool flush_running;
    bool flush_failed; /* for want of space, a moment ago */
};
void shard_status(const struct shard *s, struct shard_status *status);
/* Of the batch of ours that is being applied, in boot_us. false: none is. */
struct shard_times {
    uint64_t since_us; /* its first request was here */
    uint64_t mailed_us, committed_us;
    uint64_t index;
};
bool shard_times(const struct shard *s, struct shard_times *times);
/* Of this node's own batches; to look at, by any thread. */
const struct histogram *shard_phase(const struct shard *s, enum phase phase);
uint64_t shard_take_phase_us(struct shard *s, enum phase phase); /* the worst since asked last */
/* How long the longest of the entries took to apply that deleted what is due, since last asked. */
uint64_t shard_take_expiry_us(struct shard *s);
struct keyspace *shard_keyspace(struct shard *s); /* read only, by the data loop, between turns */
struct machine *shard_machine(struct shard *s);

#endif
