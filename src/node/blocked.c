/* blocked.c -- requests of this node's clients that wait in the state (ARCHITECTURE §3.5).
 *
 *                     waits                  served (by whoever's entry), or an end was applied
 *   batch's record ----------> struct blocked ------------------------------------> the reply
 *                                 |    ^
 *            time over: UNBLOCK   |    | lost, and we live: the request is proposed again,
 *            client gone: CANCEL  v    | with the time that is left
 *                              it ends: proposed, again and again until it was applied
 *
 * Reads (XREAD BLOCK) wait in this node's memory: they end at once.
 *
 * Only what is applied decides: until then the waiter stands, and may yet be served. If no majority
 * confirms the end of the time within quorum_wait_ms, the client is told -UNCERTAIN. */

#include "node/shard_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "node/members.h"
#include "raft/types.h"

#define ORIGINS_EVERY_US 100000 /* looks for waiters of those who will not come back */

struct blocked {
    struct queue_node node;
    struct heap_node due;  /* the end of the time; once it ends: to propose that again */
    struct pending record; /* slot NULL: its client is gone, or was told that nobody knows */
    uint64_t waiter;
    struct waiter *reader; /* a read that waits on this node alone; NULL: in the state */
    bool ends;
    bool with_error;       /* reads: by CLIENT UNBLOCK ERROR */
};

/* --- life ------------------------------------------------------------------------------------- */

static void set_due(struct shard *s, struct blocked *b, uint64_t due_us)
{
    heap_remove(&s->blocked_due, &b->due);
    if (due_us != NEVER)
        heap_push(&s->blocked_due, &b->due, due_us);
}

static struct blocked *blocked_new(struct shard *s, uint64_t waiter)
{
    struct blocked *b = xcalloc(1, sizeof(*b));
    b->waiter = waiter;
    b->record.is_blocked = true;
    queue_push_back(&s->blocked, &b->node);
    return b;
}

static void blocked_free(struct shard *s, struct blocked *b)
{
    CHECK(b->record.slot == NULL);
    heap_remove(&s->blocked_due, &b->due);
    queue_remove(&b->node);
    free(b);
}

void blocked_free_all(struct shard *s)
{
    struct queue_node *node;
    while ((node = queue_first(&s->blocked)) != NULL) {
        struct blocked *b = container_of(node, struct blocked, node);
        b->record.slot = NULL;
        blocked_free(s, b);
    }
    heap_clear(&s->blocked_due);
}

/* --- what the machine tells ------------------------------------------------------------------- */

static uint64_t until_us(const struct shard *s, uint64_t timeout_ms)
{
    if (timeout_ms == 0 || timeout_ms > UINT64_MAX / 2000 || timeout_ms * 1000 > NEVER - s->now_us)
        return NEVER;
    return s->now_us + timeout_ms * 1000;
}

void blocked_reader(struct shard *s, struct pending *record, const struct read_run *run)
{
    struct blocked *b = blocked_new(s, 0);
    b->reader = run->reader;
    machine_reader_record(run->reader, b);
    pending_move(&b->record, record);
    b->record.is_blocked = true;
    set_due(s, b, until_us(s, run->timeout_ms));
    s->o.host->waits(s->o.context, b->record.slot);
}

static void *host_waits(void *context, uint64_t batch, uint32_t ordinal, uint64_t waiter,
                        uint64_t timeout_ms)
{
    struct shard *s = context;
    struct blocked *b = blocked_new(s, waiter);
    if (s->applying != NULL) {
        CHECK(s->applying->number == batch);
        pending_move(&b->record, batch_record(s->applying, ordinal - 1));
        b->record.is_blocked = true;
    }
    if (b->record.wait_until_us == 0)
        b->record.wait_until_us = until_us(s, timeout_ms);
    if (b->record.slot == NULL) { /* gone, or answered, before it was known to wait */
        set_due(s, b, 0);
    } else {
        set_due(s, b, b->record.wait_until_us);
        s->o.host->waits(s->o.context, b->record.slot);
    }
    return b;
}

static bool host_waiter_begin(void *context, void *record, struct reply *reply, void **client)
{
    struct shard *s = context;
    struct blocked *b = record;
    if (b->record.slot == NULL)
        return false;
    s->o.host->reply_begin(s->o.context, b->record.slot, reply, client);
    return true;
}

static void host_waiter_end(void *context, void *record, const struct reply *reply,
                            const struct command *command)
{
    struct shard *s = context;
    struct blocked *b = record;
    struct reply_slot *slot = b->record.slot;
    CHECK(slot == NULL || reply != NULL); /* only those who are gone are cancelled */
    b->record.slot = NULL;
    blocked_free(s, b);
    if (slot == NULL)
        return;
    slot->pending = NULL;
    s->o.host->reply_end(s->o.context, slot, reply, command);
}

/* At the tail, behind those who waited while we seemed dead. */
static void host_waiter_lost(void *context, void *record, const struct request *request)
{
    struct shard *s = context;
    struct blocked *b = record;
    if (b->record.slot != NULL)
        propose_again(s, request, &b->record);
    blocked_free(s, b);
}

void blocked_host(struct machine_host *host)
{
    host->waits = host_waits;
    host->waiter_begin = host_waiter_begin;
    host->waiter_end = host_waiter_end;
    host->waiter_lost = host_waiter_lost;
}

/* --- ends ------------------------------------------------------------------------------------- */

static void propose_unblock(struct shard *s, const struct blocked *b)
{
    uint8_t what[UNBLOCK_SIZE] = {UNBLOCK_WAITER, UNBLOCK_TIMEOUT};
    put_le64(what + 2, b->waiter);
    const struct bytes arg = bytes_of(what, sizeof(what));
    const struct request r = {.kind = REQ_UNBLOCK, .args = &arg, .arg_count = 1};
    propose_internal(s, &r);
}

static void propose_cancel(struct shard *s, uint64_t waiter)
{
    uint8_t name[8];
    put_le64(name, waiter);
    const struct bytes arg = bytes_of(name, sizeof(name));
    const struct request r = {.kind = REQ_CANCEL, .args = &arg, .arg_count = 1};
    propose_internal(s, &r);
}

static void refuse_unconfirmed(struct shard *s, struct blocked *b)
{
    char error[200];
    snprintf(error, sizeof(error),
             "UNCERTAIN the time is over, but no majority of the cluster confirmed within %" PRIu64
             " ms that nothing was taken for this client: may or may not have been executed",
             s->o.quorum_wait_ms);
    shard_refuse(s, &b->record, error);
}

static void end_read(struct shard *s, struct blocked *b)
{
    struct reply_slot *slot = b->record.slot;
    machine_reader_drop(s->machine, b->reader);
    b->record.slot = NULL;
    if (slot != NULL) {
        struct exec x = {.reply = {.protocol = 2}};
        slot->pending = NULL;
        s->o.host->reply_begin(s->o.context, slot, &x.reply, &x.client);
        if (b->with_error)
            reply_error(&x, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
        else
            reply_null_array(&x);
        s->o.host->reply_end(s->o.context, slot, &x.reply, NULL);
    }
    blocked_free(s, b);
}

bool shard_unblock_read(struct shard *s, struct reply_slot *slot, bool with_error)
{
    struct pending *record = slot->pending;
    if (record == NULL || !record->is_blocked)
        return false;
    struct blocked *b = container_of(record, struct blocked, record);
    if (b->reader == NULL)
        return false;
    b->with_error = with_error;
    set_due(s, b, 0);
    return true;
}

static void end(struct shard *s, struct blocked *b)
{
    if (b->reader != NULL) {
        end_read(s, b);
        return;
    }
    if (b->ends && b->record.slot != NULL)
        refuse_unconfirmed(s, b);
    if (b->record.slot != NULL)
        propose_unblock(s, b);
    else
        propose_cancel(s, b->waiter);
    b->ends = true;
    set_due(s, b, s->now_us + s->o.quorum_wait_ms * 1000);
}

void blocked_forgotten(struct shard *s, struct pending *record)
{
    struct blocked *b = container_of(record, struct blocked, record);
    if (!b->ends)
        set_due(s, b, 0);
}

/* --- a snapshot ------------------------------------------------------------------------------- */

/* Those who are still there wait on; what became of the others was said in entries we skipped. */
void blocked_installed(struct shard *s)
{
    struct queue_node *node = queue_first(&s->blocked), *next;
    for (; node != NULL; node = next) {
        next = queue_next(&s->blocked, node);
        struct blocked *b = container_of(node, struct blocked, node);
        if (b->reader != NULL || machine_waiter_adopt(s->machine, b->waiter, b))
            continue;
        shard_refuse(s, &b->record,
                     "UNCERTAIN the node was brought up to date by a snapshot, the request does "
                     "not wait any more, its reply is lost");
        blocked_free(s, b);
    }
    uint64_t waiter;
    while (machine_waiter_orphan(s->machine, &waiter)) { /* its client was answered */
        struct blocked *b = blocked_new(s, waiter);
        const bool found = machine_waiter_adopt(s->machine, waiter, b);
        CHECK(found);
        set_due(s, b, 0);
    }
    machine_readers_serve(s->machine);
}

/* --- those who will not come back ------------------------------------------------------------- */

static void propose_lost(struct shard *s, uint64_t node, uint64_t boot)
{
    uint8_t origin[16];
    put_le64(origin, node);
    put_le64(origin + 8, boot);
    const struct bytes arg = bytes_of(origin, sizeof(origin));
    const struct request r = {.kind = REQ_ORIGIN_LOST, .args = &arg, .arg_count = 1};
    propose_internal(s, &r);
}

void blocked_silent(struct shard *s, uint64_t node)
{
    uint64_t origin, boot;
    for (uint32_t i = 0; machine_waiting_origin(s->machine, i, &origin, &boot); i++)
        if (origin == node && node != s->o.self && s->role == RAFT_LEADER)
            propose_lost(s, node, boot);
}

static bool is_member(const struct members *m, uint64_t node)
{
    struct raft_set all;
    config_nodes(&m->config, &all);
    return node_set_has(&all, node);
}

/* Our own of former lives, and, by the leader, those of nodes that were removed. */
static void look_at_origins(struct shard *s)
{
    struct members *m = NULL;
    uint64_t node, boot;
    for (uint32_t i = 0; machine_waiting_origin(s->machine, i, &node, &boot); i++) {
        if (node == s->o.self) {
            if (boot < s->o.boot)
                propose_lost(s, node, boot);
            continue;
        }
        if (s->role != RAFT_LEADER)
            continue;
        if (m == NULL) {
            m = arena_alloc(&s->arena, sizeof(*m));
            if (!members_decode(machine_config(s->machine), m))
                return;
        }
        if (!is_member(m, node))
            propose_lost(s, node, boot);
    }
}

/* --- turn ------------------------------------------------------------------------------------- */

void blocked_turn(struct shard *s)
{
    struct heap_node *first;
    while ((first = heap_first(&s->blocked_due)) != NULL && first->key <= s->now_us)
        end(s, container_of(first, struct blocked, due));
    if (s->leader == 0 || s->now_us < s->origins_at_us)
        return;
    s->origins_at_us = s->now_us + ORIGINS_EVERY_US;
    look_at_origins(s);
}

uint64_t blocked_due_us(const struct shard *s)
{
    const struct heap_node *first = heap_first(&s->blocked_due);
    return first == NULL ? NEVER : first->key;
}
