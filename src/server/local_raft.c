/* local_raft.c -- RAFT: what the consensus half tells. */

#include "server/local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/panic.h"
#include "kv/log_store.h"
#include "server/node.h"
#include "server/pending.h"

void raft_not_in_a_cluster(struct exec *x)
{
    reply_error(x, "ERR this node belongs to no cluster yet: RAFT ADD it on a member");
}

/* --- STATUS, DOCTOR, DIGEST ------------------------------------------------------------------- */

static void finish_doctor(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct buf text = {0};
    s->info.doctor(s, &text);
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

static void finish_status(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct buf text = {0};
    s->info.raft(s, &text);
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

/* With fresh figures of the consensus half, where it can be waited for. */
static void with_status(struct server *s, struct conn *c, struct exec *x, local_run *finish)
{
    if (x->in_exec) {
        finish(s, c, x);
        return;
    }
    struct pending *p = pending_new(s, x, PENDING_STATUS, finish);
    if (!pending_admin(p, ADMIN_STATUS)) {
        pending_drop(p);
        finish(s, c, x);
    }
}

void raft_status_command(struct server *s, struct conn *c, struct exec *x)
{
    with_status(s, c, x, finish_status);
}

void raft_doctor(struct server *s, struct conn *c, struct exec *x)
{
    with_status(s, c, x, finish_doctor);
}

void raft_digest(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (s->shard == NULL) {
        raft_not_in_a_cluster(x);
        return;
    }
    struct shard_status status;
    shard_status(s->shard, &status);
    char digest[32];
    snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)status.digest);
    reply_array(x, 2);
    reply_int64(x, (int64_t)status.applied_index);
    reply_bulk_string(x, digest);
}

/* --- LOG -------------------------------------------------------------------------------------- */

#define LOG_LINES_DEFAULT 10

static void describe_done(struct job *job)
{
    struct log_describe *d = container_of(job, struct log_describe, job);
    struct pending *p = container_of(d, struct pending, describe);
    pending_described(p);
}

static void finish_log(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    const struct log_describe *d = &s->running->pending->describe;
    if (d->status == STATUS_NOT_FOUND && d->from < s->consensus.log_first) {
        reply_errorf(x, "ERR entry %" PRIu64 " was compacted away, the log begins at %" PRIu64,
                     d->from, s->consensus.log_first);
        return;
    }
    if (d->status == STATUS_NOT_FOUND) {
        reply_array(x, 0);
        return;
    }
    if (d->status != STATUS_OK) {
        reply_errorf(x, "ERR cannot read the log: %s", d->error.text);
        return;
    }
    const uint64_t committed = s->consensus.raft.commit_index;
    struct buf line = {0};
    reply_array(x, d->line_count);
    for (uint32_t i = 0; i < d->line_count; i++) {
        const uint64_t index = d->from + i;
        buf_reset(&line);
        buf_append_string(&line, index <= s->status.applied_index ? "applied "
                                 : index <= committed             ? "committed "
                                                                  : "uncommitted ");
        buf_append_bytes(&line, buf_bytes(&d->lines[i]));
        while (line.size > 0 && buf_data(&line)[line.size - 1] == '\n')
            buf_truncate(&line, line.size - 1);
        reply_bulk(x, buf_bytes(&line));
    }
    buf_clear(&line);
}

void raft_log(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    int64_t from, count = LOG_LINES_DEFAULT;
    if (local_refuse_in_exec(x))
        return;
    if (x->arg_count > 4) {
        reply_wrong_arity(x);
        return;
    }
    static const int64_t indexes[] = {1, INT64_MAX / 2}, counts[] = {1, LOG_DESCRIBE_ENTRIES_MAX};
    if (!arg_int64_range(x, 2, indexes, &from, "ERR index is out of range"))
        return;
    if (x->arg_count == 4 &&
        !arg_int64_range(x, 3, counts, &count, "ERR count must be between 1 and 1000"))
        return;
    if (s->shard == NULL) {
        raft_not_in_a_cluster(x);
        return;
    }
    struct pending *p = pending_new(s, x, PENDING_DESCRIBE, finish_log);
    struct log_describe *d = &p->describe;
    p->lines = xcalloc((size_t)count, sizeof(*p->lines));
    p->line_count = (uint32_t)count;
    d->log = node_log(s->node);
    d->from = (uint64_t)from;
    d->to = (uint64_t)(from + count - 1);
    d->lines = p->lines;
    d->line_max = (uint32_t)count;
    log_describe_init(d);
    d->job.done = describe_done;
    const struct workers_port workers = node_workers(s->node);
    workers.submit(workers.context, WORKER_SNAPSHOT, &d->job);
}

/* --- HELP ------------------------------------------------------------------------------------- */

void raft_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "STATUS",
        "    This node's view of the cluster: role, term, leader, indexes, peers.",
        "BACKUP <dir>",
        "    Add a backup to the series in a directory of this node (absolute path).",
        "DOCTOR",
        "    What is wrong with the cluster as this node sees it, and what to do.",
        "LOG <from> [<count>]",
        "    Entries of this node's log, their commands in words (default: 10).",
        "PHASES [<count>]",
        "    Where the commands in SLOWLOG were before they ran, in microseconds (default: 10).",
        "    Maps: id, as in SLOWLOG; index in the log, 0: none; queue; replicate, of which",
        "    persist on this node; apply.",
        "ADD <host>:<peer-port> [LEARNER]",
        "    Make an empty node a member. Waits until it has caught up and votes.",
        "    LEARNER: keep it as a spare, which has the data and no vote.",
        "PROMOTE <node>",
        "    Give a learner a vote, once it has caught up.",
        "REMOVE <node>",
        "    Take a member out of the cluster, by its number.",
        "REPLACE <node> <host>:<peer-port>",
        "    Put an empty node in a member's place, in one change. The address may be",
        "    the old one's, if that has lost its directory.",
        "TRANSFER [<node>]",
        "    Hand leadership over, to the given member or to the best one.",
        "DIGEST",
        "    Applied index and running digest: equal on all nodes at equal indexes.",
        NULL,
    };
    reply_help(x, lines);
}
