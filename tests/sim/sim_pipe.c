/* sim_pipe.c -- pipelines: many requests of one connection in flight on one node.
 *
 * Each has a key that nobody else writes, and sends INCR and reads that ride (§3.10) without
 * waiting for answers. The key's value counts its own INCRs, so what each request is told must rise
 * in the order in which they were sent, whatever was resent, sealed anew or lost in between:
 *
 *     INCR  INCR  GET  INCR          sent
 *       5     6    6     7           told
 *
 * In the end a reader asks every node for every key. What a pipeline's key holds then lies between
 * the INCRs acknowledged and those plus the ones whose outcome nobody knows. */

#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>

#include "machine/machine.h"

#define GAP_MAX_US 4000
#define REST_MAX_US 300000

static struct bytes key_of(uint32_t number, char name[static 24])
{
    return bytes_of(name, (size_t)snprintf(name, 24, "pipe:%u", number));
}

/* --- what is told must rise ------------------------------------------------------------------- */

/* Whether value a, told to the earlier request, may stand before b. */
static bool rises(int64_t a, int64_t b, bool b_increments)
{
    return b_increments ? a < b : a <= b;
}

static void told(struct sim_pipe *p, const struct sim_pipe_call *c, int64_t value)
{
    const uint32_t kept = MIN(p->told_count, (uint32_t)ARRAY_COUNT(p->told));
    for (uint32_t i = 0; i < kept; i++) {
        const bool earlier = p->told[i].sequence < c->sequence;
        const bool fits = earlier ? rises(p->told[i].value, value, c->increments)
                                  : rises(value, p->told[i].value, p->told[i].increments);
        if (!fits)
            sim_fail(p->sim, "pipeline %u: request %" PRIu64 " was told %" PRId64 ", request %"
                     PRIu64 " %" PRId64, p->number, c->sequence, value, p->told[i].sequence,
                     p->told[i].value);
    }
    const uint32_t at = p->told_count++ % ARRAY_COUNT(p->told);
    p->told[at].sequence = c->sequence;
    p->told[at].value = value;
    p->told[at].increments = c->increments;
}

static void complete(struct sim *s, struct sim_call *call, const char *text)
{
    struct sim_pipe_call *c = container_of(call, struct sim_pipe_call, call);
    struct sim_pipe *p = c->pipe;
    p->in_flight--;
    if (strncmp(text, "-UNCERTAIN", 10) == 0) {
        s->errors_uncertain++;
        p->unknown += c->increments;
        return;
    }
    if (strncmp(text, "-CLUSTERDOWN", 12) == 0) {
        s->errors_definite++;
        return;
    }
    if (text[0] == '-') {
        sim_fail(s, "pipeline %u was answered %s", p->number, text);
        return;
    }
    if (!c->judged)
        return;
    int64_t value = sim_parse_number(&text);
    if (value == LINEAR_ABSENT)
        value = 0;
    p->incremented += c->increments;
    told(p, c, value);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* One that may be due just now: to read it must change nothing. */
static struct bytes brief_key(struct sim *s, char name[static 24])
{
    const uint64_t client = sim_random(s, s->options.client_count);
    return bytes_of(name, (size_t)snprintf(name, 24, "brief:%" PRIu64 ":%u", client,
                                           s->clients[client].brief.generation));
}

static struct sim_pipe_call *free_call(struct sim_pipe *p)
{
    for (uint32_t i = 0; i < SIM_PIPE_DEPTH; i++)
        if (!p->calls[i].call.waiting)
            return &p->calls[i];
    return NULL;
}

static void send_one(struct sim *s, struct sim_pipe *p)
{
    struct sim_pipe_call *c = free_call(p);
    if (c == NULL)
        return;
    char name[24];
    c->increments = sim_random(s, 3) != 0;
    c->judged = c->increments || sim_random(s, 3) != 0;
    c->sequence = p->next_sequence++;
    const struct bytes words[2] = {c->increments ? BYTES("INCR") : BYTES("GET"),
                                   c->judged ? key_of(p->number, name) : brief_key(s, name)};
    const struct request r = {.kind = REQ_COMMAND, .args = words, .arg_count = 2,
                              .flags = c->increments ? 0 : REQUEST_READ};
    p->in_flight++;
    if (!sim_submit(p->at, &c->call, &r, WAY_WRITE))
        p->in_flight--;
}

/* A node is left only when it has answered all, or died. */
static bool choose_node(struct sim *s, struct sim_pipe *p)
{
    const bool connected = p->at != NULL && p->at->up && p->life == p->at->life &&
                           p->at->shard != NULL;
    if (connected && (p->in_flight > 0 || sim_random(s, 30) != 0))
        return true;
    p->at = &s->nodes[sim_random(s, s->options.node_count)];
    p->life = p->at->life;
    return p->at->up && p->at->shard != NULL;
}

static void step(struct sim *s, struct sim_event *event)
{
    struct sim_pipe *p = container_of(event, struct sim_pipe, step);
    if (s->now_us > s->options.duration_us)
        return;
    if (!choose_node(s, p)) {
        sim_at(s, event, GAP_MAX_US + sim_random(s, REST_MAX_US));
        return;
    }
    for (uint64_t count = 1 + sim_random(s, 4); count > 0 && p->at->up; count--)
        send_one(s, p);
    sim_at(s, event, sim_random(s, 12) == 0 ? sim_random(s, REST_MAX_US)
                                            : 1 + sim_random(s, GAP_MAX_US));
}

void sim_pipes_start(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.pipe_count; i++) {
        struct sim_pipe *p = &s->pipes[i];
        p->sim = s;
        p->number = i;
        p->step.happen = step;
        for (uint32_t k = 0; k < SIM_PIPE_DEPTH; k++) {
            p->calls[k].pipe = p;
            p->calls[k].call.complete = complete;
        }
        sim_at(s, &p->step, sim_random(s, REST_MAX_US));
    }
}

void sim_pipes_lost(struct sim *s, struct sim_node *n)
{
    for (uint32_t i = 0; i < s->options.pipe_count; i++) {
        struct sim_pipe *p = &s->pipes[i];
        for (uint32_t k = 0; k < SIM_PIPE_DEPTH && p->at == n; k++) {
            struct sim_pipe_call *c = &p->calls[k];
            if (!c->call.waiting)
                continue;
            if (n->shard != NULL)
                shard_forget(n->shard, &c->call.slot);
            c->call.waiting = false;
            p->in_flight--;
            p->unknown += c->increments;
        }
    }
}

bool sim_pipes_idle(const struct sim *s)
{
    for (uint32_t i = 0; i < s->options.pipe_count; i++)
        if (s->pipes[i].in_flight > 0)
            return false;
    return true;
}

void sim_pipes_clear(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.pipe_count; i++)
        for (uint32_t k = 0; k < SIM_PIPE_DEPTH; k++)
            buf_clear(&s->pipes[i].calls[k].call.reply);
}

/* --- the last look ---------------------------------------------------------------------------- */

static void look(struct sim *s, struct sim_event *event)
{
    struct sim_reader *r = &s->reader;
    if (r->node == s->options.node_count) {
        r->done = true;
        return;
    }
    struct sim_node *n = &s->nodes[r->node];
    char name[24];
    struct bytes key = key_of(r->key - SIM_KEYS, name);
    if (r->key < SIM_KEYS)
        key = bytes_of(name, (size_t)snprintf(name, sizeof(name), "key:%u", r->key));
    const struct bytes words[2] = {BYTES("GET"), key};
    const struct request request = {.kind = REQ_COMMAND, .args = words, .arg_count = 2};
    if (!n->up || n->shard == NULL)
        sim_fail(s, "after the faults ended node %u does not run", n->position + 1);
    else if (!sim_submit(n, &r->call, &request, WAY_READ))
        sim_at(s, event, 1000); /* no room just now */
}

static void judge_pipe(struct sim *s, uint32_t number, int64_t value)
{
    const struct sim_pipe *p = &s->pipes[number];
    const uint64_t count = value == LINEAR_ABSENT ? 0 : (uint64_t)value;
    if (count < p->incremented || count > p->incremented + p->unknown)
        sim_fail(s, "pipeline %u: %" PRIu64 " INCRs acknowledged, %" PRIu64 " unknown, and node %u "
                 "has %" PRIu64, number, p->incremented, p->unknown, s->reader.node + 1, count);
}

static void looked(struct sim *s, struct sim_call *call, const char *text)
{
    struct sim_reader *r = &s->reader;
    if (text[0] == '-') {
        sim_fail(s, "after the faults ended node %u answered a read %s", r->node + 1, text);
        return;
    }
    const int64_t value = sim_parse_number(&text);
    if (r->key < SIM_KEYS)
        sim_record(s, r->key, &(struct linear_op){.start = call->start_us, .end = s->now_us,
                                                  .kind = LINEAR_GET, .result = value});
    else
        judge_pipe(s, r->key - SIM_KEYS, value);
    if (++r->key == SIM_KEYS + s->options.pipe_count) {
        r->key = 0;
        r->node++;
    }
    sim_at(s, &r->step, 1);
}

void sim_reader_start(struct sim *s)
{
    struct sim_reader *r = &s->reader;
    r->step.happen = look;
    r->call.complete = looked;
    sim_at(s, &r->step, 0);
}

void sim_reader_clear(struct sim *s)
{
    buf_clear(&s->reader.call.reply);
}
