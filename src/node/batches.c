/* batches.c -- proposals (ARCHITECTURE §3.1 steps 4 and 5).
 *
 *   origin   keeps each batch of its shard while its term lasts and it is unsettled; takes it to
 *            the leader, itself or by PROPOSE(term, boot, previous, number, block)
 *   leader   per origin, for its own term only: (boot, last number taken). Takes a batch that
 *            follows that one, drops copies, answers all else by PROPOSE_FROM(term, last, busy)
 *
 * A batch may be appended in one term alone, the one it carries; so two leaders can never both
 * append it, and previous = last taken keeps an origin's batches in order without gaps. */

#include "node/consensus_internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "machine/entry.h"

#define RESEND_ELECTIONS 2 /* election timeouts without one of our batches settled */

/* --- the leader's clock (§3.6 step 7) --------------------------------------------------------- */

void clock_seen(struct consensus *c, uint64_t clock_ms)
{
    c->log_clock_ms = MAX(c->log_clock_ms, clock_ms);
}

/* The wall's time; but never less than any clock in our log, and, while ahead of the wall, running
 * on at half speed. */
uint64_t leader_clock_ms(struct consensus *c)
{
    const uint64_t boot_us = c->o.clock.boot_us(c->o.clock.context);
    const uint64_t passed_us = boot_us - c->clock_boot_us;
    uint64_t clock_us = c->clock_us == 0 ? 0 : c->clock_us + passed_us / 2;
    clock_us = MAX(clock_us, c->log_clock_ms * 1000); /* as of now, not of when we last looked */
    clock_us = MAX(clock_us, c->o.clock.wall_ms(c->o.clock.context) * 1000);
    c->clock_us = clock_us;
    c->clock_boot_us = boot_us;
    return clock_us / 1000;
}

/* --- the leader's side ------------------------------------------------------------------------ */

enum taken { TAKEN, COPY, REFUSED, REFUSED_BUSY };

/* NULL: too many origins within this term. */
static struct origin *origin_of(struct consensus *c, raft_node node)
{
    if (c->origins_term != c->term) {
        c->origin_count = 0;
        c->origins_term = c->term;
    }
    for (uint32_t i = 0; i < c->origin_count; i++)
        if (c->origins[i].node == node)
            return &c->origins[i];
    if (c->origin_count == ORIGINS_MAX)
        return NULL;
    struct origin *o = &c->origins[c->origin_count++];
    *o = (struct origin){.node = node};
    return o;
}

/* What we know of the core is as of the last flush; since then it may have stepped down. */
static bool still_leads(const struct consensus *c, raft_term term)
{
    struct raft_status now;
    raft_status(c->raft, &now);
    return now.role == RAFT_LEADER && now.term == term;
}

static bool propose(struct consensus *c, raft_node node, const struct wire_propose *p)
{
    if (!still_leads(c, p->term))
        return false;
    const struct entry_head head = {
        .format = ENTRY_FORMAT,
        .count = (uint16_t)p->count,
        .origin = node,
        .boot = p->boot,
        .batch = p->number,
        .clock_ms = leader_clock_ms(c),
        .seed = prng_next(&c->prng),
    };
    cache_fill(c); /* what the core appended itself, the NOOP of a new leader, comes before */
    buf_reset(&c->scratch);
    entry_encode(&c->scratch, &head, p->block);
    const struct raft_input input = {
        .type = RAFT_PROPOSE, .kind = RAFT_DATA, .size = (uint32_t)c->scratch.size};
    raft_index index;
    if (core_step(c, &input, &index) != STATUS_OK)
        return false;
    CHECK(index == entry_cache_next(&c->cache));
    const struct cached_entry entry = {block_new(buf_bytes(&c->scratch)), c->term, RAFT_DATA};
    entry_cache_put(&c->cache, &entry);
    clock_seen(c, head.clock_ms);
    return true;
}

static enum taken take(struct consensus *c, raft_node node, const struct wire_propose *p,
                       uint64_t *last)
{
    *last = 0;
    if (!is_leader(c) || p->term != c->term)
        return REFUSED;
    if (c->space.level == SPACE_NONE)
        return REFUSED_BUSY;
    struct origin *o = origin_of(c, node);
    if (o == NULL)
        return REFUSED_BUSY;
    if (p->boot > o->boot)
        *o = (struct origin){.node = node, .boot = p->boot};
    *last = o->last;
    if (p->boot < o->boot)
        return REFUSED;
    if (p->number <= o->last)
        return COPY;
    if (p->previous != o->last)
        return REFUSED;
    if (!propose(c, node, p))
        return REFUSED_BUSY;
    o->last = p->number;
    c->batches_taken++;
    return TAKEN;
}

/* What is in the log is applied by all nodes: nonsense must not get there. */
static bool is_sound(const struct wire_propose *p)
{
    return p->count <= ENTRY_REQUESTS_MAX && entry_batch_is_valid(p->block, p->count);
}

void batches_receive(struct consensus *c, raft_node from, const struct wire_propose *p)
{
    if (!is_sound(p)) {
        c->frames_bad++;
        return;
    }
    uint64_t last;
    const enum taken taken = take(c, from, p, &last);
    if (taken == TAKEN)
        step_quietly(c, &(struct raft_input){.type = RAFT_COMMIT_WANTED, .node = from});
    if (taken == TAKEN || taken == COPY)
        return;
    c->batches_refused++;
    if (!is_leader(c) || p->term != c->term)
        return; /* the origin will hear of the other term, and give the batch up */
    const struct wire_propose_from answer = {p->term, p->boot, last, taken == REFUSED_BUSY};
    buf_reset(&c->out);
    wire_encode_propose_from(&c->out, &answer);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, from, CHANNEL_DATA, &part, 1);
}

/* --- the origin's side ------------------------------------------------------------------------ */

static void batch_free(struct own_batch *b)
{
    queue_remove(&b->node);
    block_unref(b->block);
    free(b);
}

void batches_close(struct consensus *c)
{
    struct queue_node *first;
    while ((first = queue_first(&c->batches)) != NULL)
        batch_free(container_of(first, struct own_batch, node));
}

void batches_mail(struct consensus *c, const struct consensus_mail *mail)
{
    CHECK(mail->block != NULL);
    if (c->raft == NULL || mail->term < c->term) {
        block_unref(mail->block); /* its term is over: the shard will see that, and seal it anew */
        return;
    }
    if (mail->term != c->batches_term) {
        batches_close(c);
        c->batches_term = mail->term;
        c->batches_last = 0;
    }
    CHECK(mail->batch > c->batches_last); /* the shard numbers and mails them in order */
    if (queue_is_empty(&c->batches))
        c->batches_moved_us = c->now_us;
    struct own_batch *b = xcalloc(1, sizeof(*b));
    b->number = mail->batch;
    b->previous = c->batches_last;
    b->term = mail->term;
    b->count = mail->count;
    b->block = mail->block;
    c->batches_last = mail->batch;
    queue_push_back(&c->batches, &b->node);
}

void batches_settled(struct consensus *c, uint64_t number)
{
    struct queue_node *first;
    while ((first = queue_first(&c->batches)) != NULL) {
        struct own_batch *b = container_of(first, struct own_batch, node);
        if (b->number > number)
            return;
        batch_free(b);
        c->batches_moved_us = c->now_us;
    }
}

static void unsent_behind(struct consensus *c, uint64_t last)
{
    for (struct queue_node *at = queue_first(&c->batches); at != NULL;
         at = queue_next(&c->batches, at)) {
        struct own_batch *b = container_of(at, struct own_batch, node);
        if (b->number > last)
            b->sent = false;
    }
}

void batches_resend(struct consensus *c)
{
    c->batches_wait = false;
    c->batches_moved_us = c->now_us;
    unsent_behind(c, 0);
}

void batches_from(struct consensus *c, const struct wire_propose_from *from)
{
    if (from->term != c->batches_term || from->term != c->term || from->boot != c->boot)
        return;
    unsent_behind(c, from->last);
    c->batches_wait = from->busy;
}

static void send_batch(struct consensus *c, const struct wire_propose *p)
{
    buf_reset(&c->out);
    wire_encode_propose(&c->out, p);
    const struct bytes parts[] = {buf_bytes(&c->out), p->block};
    peers_send_frame(c, c->leader, CHANNEL_DATA, parts, ARRAY_COUNT(parts));
}

/* Whether the next may follow. */
static bool batch_go(struct consensus *c, struct own_batch *b)
{
    const struct wire_propose p = {b->term, c->boot, b->previous, b->number, b->count,
                                   block_bytes(b->block)};
    if (c->leader != c->identity.node_id) {
        send_batch(c, &p);
        b->sent = true;
        return true;
    }
    uint64_t last;
    switch (take(c, c->identity.node_id, &p, &last)) {
    case TAKEN:
    case COPY:
        b->sent = true;
        return true;
    case REFUSED: /* An earlier one was not taken, for all that we know of it: again from there. */
        unsent_behind(c, last);
        c->batches_wait = true;
        return false;
    case REFUSED_BUSY:
        c->batches_wait = true;
        return false;
    }
    return false;
}

/* Nothing was settled for long: a frame was lost although the connection held, or all is slow. The
 * newest goes again: if one before it is missing, the leader says from where on (batches_from), and
 * if none is, one copy is all that a slow cluster has to bear. */
static void ask_for_gaps(struct consensus *c)
{
    c->batches_moved_us = c->now_us;
    container_of(queue_last(&c->batches), struct own_batch, node)->sent = false;
}

void batches_turn(struct consensus *c)
{
    if (queue_is_empty(&c->batches) || c->batches_term > c->term)
        return;
    if (c->batches_term < c->term) {
        batches_close(c);
        return;
    }
    if (c->leader == 0 || c->batches_wait)
        return;
    if (c->now_us - c->batches_moved_us > RESEND_ELECTIONS * election_us(c))
        ask_for_gaps(c);
    for (struct queue_node *at = queue_first(&c->batches); at != NULL;
         at = queue_next(&c->batches, at)) {
        struct own_batch *b = container_of(at, struct own_batch, node);
        if (!b->sent && !batch_go(c, b))
            return;
    }
}
