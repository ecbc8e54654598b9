/* check.h -- the directory of a node that does not run, as avow-check sees it.
 *
 * Nothing here talks to a node: the directory's LOCK is taken first, so none runs meanwhile. The
 * stores are opened read-only but by recover. */

#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "kv/log_store.h"
#include "node/members.h"

struct disk;
struct disk_lock;
struct kv;

struct node_dir {
    struct disk *disk;
    const char *dir;
    struct disk_lock *lock;
    struct log_store *log;
    struct log_recovered recovered;
    struct kv *state; /* NULL: none was ever flushed */
    uint64_t generation;
    /* of the state; zeros without one */
    uint64_t applied_index, applied_term, clock_ms, digest;
    uint64_t keys;
    struct members members; /* the newest configuration that log or state know */
    uint64_t members_index; /* 0: none, or older than the log */
    bool has_members;
    uint32_t level; /* feature level, also of a configuration that this build cannot read */
};

/* read_only false: the log is opened for a change, which counts a life. */
enum status node_dir_open(struct node_dir *n, const char *dir, bool read_only,
                          struct error *e) MUST_CHECK;
void node_dir_close(struct node_dir *n);

/* The term of the entry at index, 0: not in the log. */
uint64_t node_dir_term(const struct node_dir *n, uint64_t index);

/* "1=host:port 2=host:port": the nodes of a set. */
void describe_nodes(const struct node_dir *n, const struct raft_set *set, struct buf *to);

struct log_options {
    uint64_t from, count;
    bool json;
};

/* What the program's words do. Each prints to standard output; the exit status is theirs. */
int check_info(struct node_dir *n);
int check_log(struct node_dir *n, const struct log_options *options);
int check_verify(struct node_dir *n);
/* Makes a new cluster, of this node alone, of what the directory holds. confirmed false: says what
 * would happen, and does nothing. */
int check_recover(struct node_dir *n, bool confirmed);

int check_failed(const struct error *e);

/* A configuration of self alone, for a new cluster: the payload of its CONFIG entry. */
void members_alone(const struct members *m, uint64_t self, struct buf *payload);

/* --- backups: no node's directory, nothing is locked ------------------------------------------ */

struct restore_options {
    const char *backup, *dir; /* a backup, or a series: the newest that will do */
    const char *archive;      /* NULL: none */
    uint64_t to_index;        /* 0: as far as there are entries */
    uint64_t to_time_ms;      /* 0: the same */
};
int check_restore(const struct restore_options *options);
/* Whether path is a backup or a series: then verify means that. */
bool is_backup(const char *path);
int check_verify_backup(const char *path);
/* "2026-11-29T01:02:03.004Z". */
void print_time_of(uint64_t ms);

#endif
