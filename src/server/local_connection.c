/* local_connection.c -- PING, HELLO, AUTH and the like: what concerns one connection. */

#include "server/local.h"

#include "base/clock.h"
#include "server/node.h"
#include "server/pending.h"

void local_ping(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    if (x->arg_count > 2) {
        reply_wrong_arity(x);
    } else if (x->reply.protocol == 2 && pubsub_is_subscriber(c)) { /* in the form of a message */
        reply_array(x, 2);
        reply_bulk_string(x, "pong");
        reply_bulk(x, x->arg_count == 2 ? x->args[1] : BYTES_NONE);
    } else if (x->arg_count == 2)
        reply_bulk(x, x->args[1]);
    else
        reply_simple(x, "PONG");
}

void local_echo(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_bulk(x, x->args[1]);
}

void local_select(struct server *s, struct conn *c, struct exec *x)
{
    int64_t db;
    if (!arg_int64(x, 1, &db))
        return;
    if (db < 0 || (uint64_t)db >= s->settings->databases) {
        reply_error(x, "ERR DB index is out of range");
        return;
    }
    c->session.db = (uint32_t)db;
    reply_ok(x);
}

void local_time(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    const uint64_t now_us = clock_wall_us();
    reply_array(x, 2);
    reply_bulk_int64(x, (int64_t)(now_us / 1000000));
    reply_bulk_int64(x, (int64_t)(now_us % 1000000));
}

void local_lastsave(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    const uint64_t last_ms = MAX(s->status.last_flush_ms, s->started_ms);
    reply_int64(x, (int64_t)(last_ms / 1000));
}

/* --- what Redis has and a node of ours is not ------------------------------------------------- */

void local_role(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_array(x, 3);
    reply_bulk_string(x, "master");
    reply_int64(x, (int64_t)s->status.applied_index);
    reply_array(x, 0);
}

void local_no_cluster(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_error(x, "ERR This instance has cluster support disabled");
}

void local_replicaof(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    if (arg_is(x, 1, "no") && arg_is(x, 2, "one")) {
        reply_ok(x);
        return;
    }
    reply_error(x, "ERR a node of AvowDB replicates by Raft and cannot follow another server: see "
                   "RAFT ADD");
}

void local_lolwut(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_verbatim(x, "txt", BYTES("AvowDB: every acknowledged write is durable on a majority.\n"
                                   "Redis ver. " AVOW_COMPATIBLE_VERSION "\n"));
}

/* --- WAIT ------------------------------------------------------------------------------------- */

/* A write that was answered is committed: durable on a majority, which may or may not include this
 * node. The leader knows more (match indexes): pending.c asks it. */
void local_wait(struct server *s, struct conn *c, struct exec *x)
{
    int64_t wanted, timeout_ms;
    if (!arg_int64(x, 1, &wanted))
        return;
    if (!bytes_to_int64(x->args[2], &timeout_ms)) {
        reply_error(x, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        reply_error(x, "ERR timeout is negative");
        return;
    }
    (void)c;
    const uint64_t index = s->status.applied_index; /* at or behind its last write's */
    const int64_t sure = (int64_t)pending_members_holding(s, index);
    if (x->in_exec || wanted <= sure) {
        reply_int64(x, sure);
        return;
    }
    struct pending *p = pending_new(s, x, PENDING_WAIT, NULL);
    p->index = index;
    p->wanted = (uint64_t)wanted;
    const bool is_for_ever = timeout_ms == 0 || timeout_ms > INT64_MAX / 2000;
    p->deadline_us = is_for_ever ? UINT64_MAX : s->now_us + (uint64_t)timeout_ms * 1000;
    slot_block(s->running);
}
