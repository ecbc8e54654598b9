#include "server/pending.h"

#include <stdlib.h>
#include "base/panic.h"
#include "kv/log_store.h"
#include "server/client_ask.h"
#include "server/dispatch.h"
#include "server/node.h"

#define WAIT_ASK_US 10000 /* between two looks at the members for WAIT */

static void pending_free(struct pending *p)
{
    queue_remove(&p->node);
    for (uint32_t i = 0; i < p->line_count; i++)
        buf_clear(&p->lines[i]);
    free(p->lines);
    free(p->args);
    buf_clear(&p->arg_memory);
    free(p);
}

static void copy_args(struct pending *p, const struct exec *x)
{
    p->arg_count = x->arg_count;
    p->args = xcalloc(x->arg_count, sizeof(*p->args));
    for (uint32_t i = 0; i < x->arg_count; i++)
        buf_append_bytes(&p->arg_memory, x->args[i]);
    size_t at = 0;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        p->args[i] = bytes_of(buf_data(&p->arg_memory) + at, x->args[i].size);
        at += x->args[i].size;
    }
}

struct pending *pending_new(struct server *s, struct exec *x, enum pending_kind kind,
                            local_run *finish)
{
    CHECK(s->running != NULL);
    CHECK(s->running->pending == NULL);
    struct pending *p = xcalloc(1, sizeof(*p));
    p->kind = kind;
    p->server = s;
    p->slot = s->running;
    p->finish = finish;
    p->deadline_us = UINT64_MAX;
    copy_args(p, x);
    s->running->pending = p;
    queue_push_back(&s->pendings, &p->node);
    return p;
}

bool pending_call(struct server *s, void (*call)(struct server *s, void *context), void *context)
{
    struct pending *p = xcalloc(1, sizeof(*p));
    p->kind = PENDING_CALL;
    p->server = s;
    p->call = call;
    p->context = context;
    queue_push_back(&s->pendings, &p->node);
    if (pending_admin(p, ADMIN_STATUS))
        return true;
    pending_free(p);
    return false;
}

void pending_cancel(struct pending *p)
{
    p->slot->pending = NULL;
    p->slot = NULL; /* freed when what it asked for comes back, or by pending_turn() */
}

void pending_drop(struct pending *p)
{
    p->slot->pending = NULL;
    pending_free(p);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void begin_exec(struct exec *x, const struct pending *p)
{
    struct slot *slot = p->slot;
    *x = (struct exec){
        .settings = p->server->settings,
        .command = slot->info->command,
        .args = p->args,
        .arg_count = p->arg_count,
        .db = slot->conn->session.db,
        .arena = &p->server->arena,
        .reply = {.out = slot_out(slot), .protocol = slot->protocol},
        .host = &server_shard_host.exec,
        .host_context = p->server,
        .client = slot->conn,
    };
}

static void end_exec(struct pending *p, const struct exec *x)
{
    struct slot *slot = p->slot;
    slot->pending = NULL;
    p->slot = NULL;
    if (slot->flight == FLIGHT_NONE) { /* else it went on to the log, which answers it */
        dispatch_account(slot, &x->reply);
        slot_complete(slot);
    }
    if (!p->asked) /* else when the answer comes back */
        pending_free(p);
}

static void finish(struct pending *p)
{
    struct exec x;
    begin_exec(&x, p);
    slot_begin(p->slot);
    p->server->running = p->slot;
    p->finish(p->server, p->slot->conn, &x);
    p->server->running = NULL;
    end_exec(p, &x);
}

static void refuse_flush(struct pending *p)
{
    struct exec x;
    begin_exec(&x, p);
    reply_error(&x, "MISCONF the disk is full, nothing was flushed; what was acknowledged is in "
                    "the log and safe");
    end_exec(p, &x);
}

static void reply_outcome(struct pending *p, const struct admin *admin)
{
    struct exec x;
    begin_exec(&x, p);
    if (!admin->ok)
        reply_errorf(&x, "ERR %s", admin->text);
    else
        reply_simple(&x, admin->text);
    end_exec(p, &x);
}

/* --- admin operations ------------------------------------------------------------------------- */

static void admin_free(struct admin *admin)
{
    free(admin->status);
    free(admin);
}

bool pending_admin(struct pending *p, enum admin_op op)
{
    struct server *s = p->server;
    if (p->admin == NULL)
        p->admin = xcalloc(1, sizeof(*p->admin));
    p->admin->op = op;
    p->admin->context = p;
    p->asked = s->shard != NULL && shard_admin(s->shard, p->admin);
    if (!p->asked) {
        admin_free(p->admin);
        p->admin = NULL;
    }
    return p->asked;
}

void pending_admin_done(struct server *s, struct admin *admin)
{
    struct pending *p = admin->context;
    CHECK(p->admin == admin);
    CHECK(p->asked);
    p->asked = false;
    p->admin = NULL;
    if (admin->op == ADMIN_STATUS && admin->ok)
        s->consensus = *admin->status;
    if (admin->op == ADMIN_HOLDING && admin->ok)
        p->holding = MAX(p->holding, strtoull(admin->text, NULL, 10));
    if (p->kind == PENDING_CALL)
        p->call(s, p->context);
    if (p->slot == NULL)
        pending_free(p);
    else if (p->kind == PENDING_ADMIN)
        reply_outcome(p, admin);
    else if (p->kind == PENDING_STATUS)
        finish(p);
    /* PENDING_WAIT looks by itself, in pending_turn() */
    admin_free(admin);
}

/* --- looked at in every turn ------------------------------------------------------------------ */

uint64_t pending_members_holding(const struct server *s, uint64_t index)
{
    const struct raft_status *raft = &s->consensus.raft;
    uint64_t voters = raft->config.incoming.count, counted = 0;
    for (size_t i = 0; i < raft->peer_count; i++)
        counted += raft->role == RAFT_LEADER && raft->peers[i].match_index >= index;
    /* It was answered, hence committed: on a majority, of which this node may be one. */
    const uint64_t sure = voters / 2;
    return MAX(sure, counted);
}

/* As far as this node knows, or was told when it asked. */
static uint64_t holding_now(const struct pending *p)
{
    return MAX(p->holding, pending_members_holding(p->server, p->index));
}

static void end_wait(struct pending *p)
{
    struct exec x;
    begin_exec(&x, p);
    reply_int64(&x, (int64_t)holding_now(p));
    end_exec(p, &x);
}

void pending_unblock(struct pending *p, bool with_error)
{
    CHECK(p->kind == PENDING_WAIT);
    if (!with_error) {
        end_wait(p);
        return;
    }
    struct exec x;
    begin_exec(&x, p);
    reply_error(&x, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    end_exec(p, &x);
}

static void turn_wait(struct pending *p)
{
    struct server *s = p->server;
    if (holding_now(p) >= p->wanted || s->now_us >= p->deadline_us) {
        end_wait(p);
        return;
    }
    if (p->asked || s->now_us < p->ask_again_us)
        return;
    p->ask_again_us = s->now_us + WAIT_ASK_US;
    p->admin = xcalloc(1, sizeof(*p->admin));
    p->admin->node = p->index;
    if (!pending_admin(p, ADMIN_HOLDING))
        return; /* next time */
}

static void end_client(struct pending *p, uint8_t answer)
{
    p->answer = answer;
    finish(p);
}

void pending_client_answered(struct server *s, uint64_t token, uint8_t answer)
{
    struct queue_node *node = queue_first(&s->pendings);
    for (; node != NULL; node = queue_next(&s->pendings, node)) {
        struct pending *p = container_of(node, struct pending, node);
        if (p->kind != PENDING_CLIENT || p->index != token)
            continue;
        if (p->slot != NULL)
            end_client(p, answer);
        return;
    }
}

void pending_described(struct pending *p)
{
    if (p->slot != NULL)
        finish(p);
    else
        pending_free(p);
}

static void turn_one(struct pending *p)
{
    struct server *s = p->server;
    if (p->slot == NULL) {
        if (!p->asked && p->kind != PENDING_DESCRIBE)
            pending_free(p);
        return;
    }
    switch (p->kind) {
    case PENDING_FLUSH:
        if (s->shard == NULL || shard_flush(s->shard))
            finish(p);
        else if (s->status.flush_failed)
            refuse_flush(p);
        return;
    case PENDING_WAIT: turn_wait(p); return;
    case PENDING_CLIENT:
        if (s->now_us >= p->deadline_us)
            end_client(p, CLIENT_UNKNOWN);
        return;
    case PENDING_DESCRIBE:
    case PENDING_ADMIN:
    case PENDING_CALL:
    case PENDING_STATUS: return;
    }
}

uint64_t pending_turn(struct server *s)
{
    uint64_t due_us = UINT64_MAX;
    struct queue_node *node = queue_first(&s->pendings), *next;
    for (; node != NULL; node = next) {
        next = queue_next(&s->pendings, node); /* a reply may end p, but begins no other */
        struct pending *p = container_of(node, struct pending, node);
        if (p->kind == PENDING_WAIT || p->kind == PENDING_FLUSH)
            due_us = MIN(due_us, MIN(p->deadline_us, s->now_us + WAIT_ASK_US));
        else if (p->kind == PENDING_CLIENT)
            due_us = MIN(due_us, p->deadline_us);
        turn_one(p);
    }
    return due_us;
}

void pending_close(struct server *s)
{
    while (!queue_is_empty(&s->pendings)) {
        struct pending *p = container_of(queue_first(&s->pendings), struct pending, node);
        if (p->admin != NULL)
            admin_free(p->admin);
        pending_free(p);
    }
}
