/* snapshot.h -- a state that travels whole, and a log that is cut behind it (ARCHITECTURE §3.7,
 * §6.1). Of the consensus half; included by consensus_internal.h.
 *
 *   leader     snapshot_send.c     checkpoint -> offer -> chunks, a window of them -> dropped
 *   peer       snapshot_receive.c  offer -> incoming/ -> looked at -> installed -> log cut -> done
 *   everybody  compact.c           entries that are durably applied, beyond log-keep, leave the log
 *
 * A snapshot is its files in a row: one position names every byte of it. */

#ifndef NODE_SNAPSHOT_H
#define NODE_SNAPSHOT_H

#include "kv/disk.h"
#include "node/ports.h"
#include "node/wire.h"
#include "raft/raft.h"

struct block;
struct consensus;
struct pending_write;
struct state_store;

/* --- files (snapshot_files.c) ----------------------------------------------------------------- */

#define SNAPSHOT_FILES_MAX 65536
#define SNAPSHOT_NAME_MAX 63

/* As encoded in an offer: count:4 (name_size:1 name size:8)*count. */
struct snapshot_file {
    char name[SNAPSHOT_NAME_MAX + 1];
    uint64_t begin, size; /* begin: position of its first byte */
};
struct snapshot_files {
    struct snapshot_file *files;
    uint32_t count;
    uint64_t bytes;
};
void snapshot_files_clear(struct snapshot_files *files);
void snapshot_files_encode(const struct snapshot_files *files, struct buf *to);
/* Survives any bytes; STATUS_BAD_MESSAGE: no snapshot has such files. Names cannot leave their
 * directory. */
enum status snapshot_files_decode(struct bytes encoded, struct snapshot_files *files,
                                  struct error *e) MUST_CHECK;
/* Of the file that has the byte at position < bytes. */
const struct snapshot_file *snapshot_file_at(const struct snapshot_files *files,
                                             uint64_t position);

/* Where the copies of the state lie. For the worker. */
struct snapshot_place {
    struct disk *disk;
    struct state_store *store;
    uint8_t hash_key[16];
};
/* What state lies in the database at path; config: its CONFIG payload. */
struct snapshot_about {
    uint64_t index, term, clock_ms;
    struct buf config;
};
enum status snapshot_look(const struct snapshot_place *place, const char *path,
                          struct snapshot_about *about, struct error *e) MUST_CHECK;
/* Before it is looked at: what came from elsewhere may be anything (machine/verify.h). read is told
 * how much was read, and says false to call it off: STATUS_CLOSED. */
enum status snapshot_verify(const struct snapshot_place *place, const char *path,
                            bool (*read)(void *context, uint64_t bytes), void *context,
                            struct error *e) MUST_CHECK;
enum status snapshot_list(const struct snapshot_place *place, const char *path,
                          struct snapshot_files *files, struct error *e) MUST_CHECK;

/* For jobs of the worker. */
void snapshot_place(const struct consensus *c, struct snapshot_place *place);

/* --- sending ---------------------------------------------------------------------------------- */

enum send_step { SEND_IDLE, SEND_FLUSH, SEND_CHECKPOINT, SEND_STREAM, SEND_DROP };

/* One transfer at a time; other peers wait with snapshot_wanted. */
struct snapshot_send {
    struct job job;
    bool job_runs, job_done;
    enum send_step step;
    struct snapshot_place place;
    raft_node to;
    raft_term term;
    uint64_t id;
    uint32_t hurry;             /* transfers that ended since the log pinned too much: each doubles
                                   the rate of the next */
    char path[DISK_PATH_MAX];
    struct snapshot_about about;
    struct snapshot_files files;
    uint64_t acked, sent;       /* positions */
    uint64_t position;          /* of the chunk being read */
    uint32_t chunk_max;
    struct buf chunk;
    raft_index flush_to;        /* the checkpoint holds all that was committed when it began */
    uint64_t begun_us, heard_us, offered_us, moved_us;
    uint64_t budget, budget_us; /* bytes that may be sent now; when it was last filled */
    uint64_t log_bytes;         /* compaction.log_bytes when it began: bounds what it may pin */
    raft_index pin;             /* after its end: what the peer still needs from the log */
    uint64_t pin_until_us;
    uint64_t next_id, count;
    bool ended, ended_ok;       /* the peer said so */
    bool is_lone;               /* no other voter has the state */
    enum status status;
    struct error error;
};
void snapshot_send_turn(struct consensus *c);
void snapshot_send_ack(struct consensus *c, raft_node from, const struct wire_snapshot_ack *ack);
void snapshot_send_up(struct consensus *c, raft_node node); /* its data connection is new */
void snapshot_send_close(struct consensus *c);
/* The transfer under way still needs the log from behind this index on; 0 = none does. */
raft_index snapshot_send_pin(struct consensus *c, const struct raft_status *at);

/* --- receiving -------------------------------------------------------------------------------- */

enum receive_step {
    RECEIVE_IDLE,
    RECEIVE_DROP,    /* what came of a refused one is removed */
    RECEIVE_PREPARE, /* an empty incoming is made */
    RECEIVE_STREAM,
    RECEIVE_FINISH,  /* synced and looked at */
    RECEIVE_READY,   /* to be installed if it is still newer than what is committed */
    RECEIVE_INSTALL, /* the data loop does it; it cannot be called off any more */
    RECEIVE_CUT,     /* the state is in place, the log is to follow */
    RECEIVE_CUTTING  /* its write is under way */
};
#define RECEIVE_QUEUE_MAX 32

struct received_chunk {
    uint64_t position;
    uint32_t crc;
    struct block *data;
};
struct snapshot_receive {
    struct job job;
    bool job_runs, job_done;
    atomic_bool is_void;       /* to be dropped once the job has ended */
    enum receive_step step;
    struct snapshot_place place;
    raft_node from;
    raft_term term;
    uint64_t id;
    raft_index index;
    raft_term log_term;
    struct members members;
    struct buf config;
    struct snapshot_files files;
    uint64_t reserve;          /* of the disk: not for snapshots */
    uint64_t begun_us, unsynced;
    uint64_t rate;             /* at which it is looked at */
    struct workers_port workers;
    uint64_t written, received; /* positions */
    struct received_chunk queue[RECEIVE_QUEUE_MAX];
    uint32_t queued, writing;   /* chunks; of the first the job takes care */
    bool keeps_log;             /* the log holds the snapshot's last entry */
    uint64_t log_clock_ms, count;
    char refused[ERROR_TEXT_MAX]; /* why the last one was; "" when one was installed since */
    enum status status;
    struct error error;
};
void snapshot_receive_turn(struct consensus *c);
void snapshot_receive_offer(struct consensus *c, raft_node from,
                            const struct wire_snapshot_offer *offer);
void snapshot_receive_chunk(struct consensus *c, raft_node from,
                            const struct wire_snapshot_chunk *chunk);
void snapshot_receive_installed(struct consensus *c, raft_index applied, bool ok);
void snapshot_receive_cut_done(struct consensus *c); /* the log's write is durable */
void snapshot_receive_close(struct consensus *c);
/* Between MAIL_INSTALL and the end of the log's write nothing may be appended or mailed. */
bool snapshot_is_installing(const struct consensus *c);

/* --- compaction ------------------------------------------------------------------------------- */

struct compaction {
    bool due, writing;
    raft_index index;               /* of the write under way */
    raft_index tail_first, tail_last; /* the newest entries, log_keep_bytes of them */
    uint64_t tail_bytes, held_bytes; /* held: of all that is in the log */
    uint64_t log_bytes;              /* of all entries ever seen; only ever grows */
    bool is_resting; /* hardly anything was written of late: less is kept */
    uint64_t looked_us, looked_bytes; /* at log_bytes, last */
    uint64_t state_bytes; /* on the disk, behind the last flush */
    struct job reclaim;
    struct log_store *log;
    bool reclaiming, reclaim_due;
    uint64_t reclaim_after_us; /* 0 = there was room the last time */
    enum status status;
    struct error error;
    uint64_t count;
};
void compact_open(struct consensus *c);
void compact_tick(struct consensus *c);
void compact_done(struct consensus *c); /* the write is durable */
void compact_reclaim(struct consensus *c); /* gives disk space back, by the worker */

#endif
