/* sim_client.c -- clients that do one thing after another on a random node, and remember for each
 * key what they asked, when, and what they were told.
 *
 * A definite error (-CLUSTERDOWN) leaves no trace in the history: if the request was executed all
 * the same, no order of the rest will explain what others saw. An unknown outcome (-UNCERTAIN, a
 * dead node) may have happened at any later time. */

#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/machine.h"

#define THINK_MAX_US 30000
#define PAIR_FIRST (SIM_KEYS - 2) /* two keys that only ever change together */
#define LINEAR_STEPS 3000000
#define WAIT_MAX_US 20000000

#define BRIEF_MAX_MS 400

/* What clients do how often. One for each seed. */
static const uint32_t workloads[SIM_WORKLOADS][OP_KINDS] = {
    {[OP_GET] = 8, [OP_SET] = 5, [OP_INCR] = 6, [OP_DEL] = 1, [OP_CAS] = 3, [OP_PAIR_INCR] = 2,
     [OP_PAIR_READ] = 2, [OP_BRIEF_SET] = 2, [OP_BRIEF_GET] = 5, [OP_STALE] = 1,
     [OP_ZOO] = 2},
    {[OP_BRIEF_SET] = 1, [OP_BRIEF_GET] = 9},
    {[OP_GET] = 30, [OP_SET] = 1, [OP_PAIR_READ] = 5, [OP_PAIR_INCR] = 1},
    {[OP_GET] = 40, [OP_SET] = 20, [OP_INCR] = 20, [OP_LARGE_SET] = 1, [OP_LARGE_GET] = 4},
    {[OP_ZOO] = 40, [OP_INCR] = 1, [OP_GET] = 1},
    {[OP_CAS] = 6, [OP_DEL] = 1, [OP_SET] = 1, [OP_GET] = 2},
    {[OP_PUSH] = 10, [OP_POP] = 12, [OP_INCR] = 1, [OP_GET] = 1},
};

/* --- requests --------------------------------------------------------------------------------- */

static struct bytes key_name(uint32_t key, char name[static 16])
{
    return bytes_of(name, (size_t)snprintf(name, 16, "key:%u", key));
}

static struct request command_of(const struct bytes *args, uint32_t count)
{
    return (struct request){.kind = REQ_COMMAND, .args = args, .arg_count = count};
}

/* EXEC of commands, each already encoded into parts[i]; watches in parts[0]. */
static struct request exec_of(struct buf *parts, struct bytes *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        args[i] = buf_bytes(&parts[i]);
    return (struct request){.kind = REQ_EXEC, .args = args, .arg_count = count};
}

static bool submit(struct sim_client *c, const struct request *r, enum sim_way way)
{
    return sim_submit(c->at, &c->call, r, way);
}

static bool send_pair(struct sim_client *c)
{
    const bool read = c->op == OP_PAIR_READ;
    struct buf parts[3] = {{0}};
    struct bytes args[3];
    exec_encode_watches(&parts[0], NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        char name[16];
        const struct bytes words[2] = {read ? BYTES("GET") : BYTES("INCR"),
                                       key_name(PAIR_FIRST + i, name)};
        struct request command = command_of(words, 2);
        command.flags = read ? REQUEST_READ : 0;
        exec_encode_command(&parts[1 + i], &command);
    }
    const struct request r = exec_of(parts, args, 3);
    const bool sent = submit(c, &r, read ? WAY_READ : WAY_WRITE);
    for (int i = 0; i < 3; i++)
        buf_clear(&parts[i]);
    return sent;
}

static bool send_compare_and_set(struct sim_client *c)
{
    char name[16], digits[INT64_DIGITS];
    const struct bytes key = key_name(c->key, name);
    if (c->phase < 2) {
        const struct bytes words[2] = {c->phase == 0 ? BYTES("WATCH") : BYTES("GET"), key};
        const struct request r = command_of(words, 2);
        return submit(c, &r, WAY_READ);
    }
    struct buf parts[2] = {{0}};
    struct bytes args[2];
    const struct watch watch = {
        .number = (uint32_t)c->watch_number, .stamp = c->watch_stamp, .key = key};
    exec_encode_watches(&parts[0], &watch, 1);
    const struct bytes words[3] = {BYTES("SET"), key, bytes_from_int64(c->argument, digits)};
    const struct request command = command_of(words, 3);
    exec_encode_command(&parts[1], &command);
    const struct request r = exec_of(parts, args, 2);
    const bool sent = submit(c, &r, WAY_WRITE);
    buf_clear(&parts[0]);
    buf_clear(&parts[1]);
    return sent;
}

/* SET with a deadline of a key that is this client's alone, or a read of it. */
static bool send_brief(struct sim_client *c)
{
    char name[48], ttl[INT64_DIGITS];
    const long number = c - c->sim->clients;
    const struct bytes key = bytes_of(name, (size_t)snprintf(name, sizeof(name), "brief:%ld:%u",
                                                             number, c->brief.generation));
    if (c->op == OP_BRIEF_GET) {
        const struct bytes words[2] = {BYTES("GET"), key};
        const struct request r = command_of(words, 2);
        return submit(c, &r, WAY_READ);
    }
    c->expected = 1 + (int64_t)sim_random(c->sim, BRIEF_MAX_MS); /* ms */
    const struct bytes words[5] = {BYTES("SET"), key, BYTES("7"), BYTES("PX"),
                                   bytes_from_int64(c->expected, ttl)};
    const struct request r = command_of(words, 5);
    return submit(c, &r, WAY_WRITE);
}

static bool send_simple(struct sim_client *c)
{
    char name[16], digits[INT64_DIGITS];
    static const char *const names[OP_KINDS] = {[OP_GET] = "GET", [OP_SET] = "SET",
                                                [OP_INCR] = "INCR", [OP_DEL] = "DEL",
                                                [OP_STALE] = "GET"};
    const struct bytes words[3] = {bytes_from_string(names[c->op]), key_name(c->key, name),
                                   bytes_from_int64(c->argument, digits)};
    const struct request r = command_of(words, c->op == OP_SET ? 3 : 2);
    return submit(c, &r, c->op == OP_GET ? WAY_READ : c->op == OP_STALE ? WAY_STALE : WAY_WRITE);
}

static bool send(struct sim_client *c)
{
    switch (c->op) {
    case OP_CAS:
        return send_compare_and_set(c);
    case OP_PAIR_INCR:
    case OP_PAIR_READ:
        return send_pair(c);
    case OP_BRIEF_SET:
    case OP_BRIEF_GET:
        return send_brief(c);
    case OP_ZOO:
        return sim_zoo_send(c->at, &c->call);
    case OP_LARGE_SET:
        return sim_large_set(c);
    case OP_LARGE_GET:
        return sim_large_get(c);
    case OP_PUSH:
        return sim_wait_push(c);
    case OP_POP:
        return sim_wait_pop(c);
    default:
        return send_simple(c);
    }
}

/* --- history ---------------------------------------------------------------------------------- */

void sim_record(struct sim *s, uint32_t key, const struct linear_op *op)
{
    struct sim_history *h = &s->history[key];
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 64 : h->capacity * 2;
        h->ops = xrealloc(h->ops, h->capacity * sizeof(*h->ops));
    }
    h->ops[h->count++] = *op;
}

static void record(struct sim_client *c, uint32_t key, struct linear_op op)
{
    sim_record(c->sim, key, &op);
}

static bool is_write(const struct sim_client *c)
{
    return c->op == OP_SET || c->op == OP_INCR || c->op == OP_DEL || c->op == OP_PAIR_INCR ||
           (c->op == OP_CAS && c->phase == 2);
}

/* What the request may have done is recorded as open for ever. */
static void record_unknown(struct sim_client *c)
{
    if (!is_write(c))
        return;
    static const enum linear_kind kinds[OP_KINDS] = {
        [OP_SET] = LINEAR_SET, [OP_INCR] = LINEAR_INCR, [OP_DEL] = LINEAR_DEL,
        [OP_CAS] = LINEAR_CAS, [OP_PAIR_INCR] = LINEAR_INCR,
    };
    struct linear_op op = {.start = c->call.start_us, .end = LINEAR_NEVER_ENDED,
                           .kind = kinds[c->op], .argument = c->argument};
    if (c->op == OP_CAS) {
        op.argument = c->expected;
        op.argument2 = c->argument;
    }
    record(c, c->op == OP_PAIR_INCR ? PAIR_FIRST : c->key, op);
    if (c->op == OP_PAIR_INCR)
        record(c, PAIR_FIRST + 1, op);
}

/* --- replies ---------------------------------------------------------------------------------- */

/* One RESP2 element that stands for a number: :n, a bulk of digits, a null (absent), +OK (0). Of an
 * array: its count. *text moves behind it. */
int64_t sim_parse_number(const char **text)
{
    const char kind = **text;
    char *end;
    int64_t value = strtoll(*text + 1, &end, 10);
    if (kind == '+')
        end = strchr(*text, '\r'), value = 0;
    *text = end + 2;
    if (kind == '$' && value >= 0) {
        value = strtoll(*text, &end, 10);
        *text = end + 2;
    } else if (kind == '$') {
        value = LINEAR_ABSENT;
    }
    return value;
}

static void complete_simple(struct sim_client *c, uint64_t end, const char *text)
{
    static const enum linear_kind kinds[] = {[OP_GET] = LINEAR_GET, [OP_SET] = LINEAR_SET,
                                             [OP_INCR] = LINEAR_INCR, [OP_DEL] = LINEAR_DEL};
    record(c, c->key, (struct linear_op){.start = c->call.start_us, .end = end,
                                         .kind = kinds[c->op], .argument = c->argument,
                                         .result = sim_parse_number(&text)});
}

static void complete_pair(struct sim_client *c, uint64_t end, const char *text)
{
    const char *const whole = text;
    if (sim_parse_number(&text) != 2) {
        sim_fail(c->sim, "an EXEC of two commands answered '%s'", whole);
        return;
    }
    const int64_t first = sim_parse_number(&text), second = sim_parse_number(&text);
    if (first != second)
        sim_fail(c->sim, "two keys that change together are %" PRId64 " and %" PRId64, first,
                 second);
    const enum linear_kind kind = c->op == OP_PAIR_READ ? LINEAR_GET : LINEAR_INCR;
    for (uint32_t i = 0; i < 2; i++)
        record(c, PAIR_FIRST + i, (struct linear_op){.start = c->call.start_us, .end = end,
                                                     .kind = kind,
                                                     .result = i == 0 ? first : second});
}

/* true: the operation goes on with its next phase. */
static bool complete_compare_and_set(struct sim_client *c, uint64_t end, const char *text)
{
    const char *const whole = text;
    if (c->phase == 0) {
        if (sim_parse_number(&text) != 1 || sim_parse_number(&text) != 2) {
            sim_fail(c->sim, "WATCH of one key answered '%s'", whole);
            return false;
        }
        c->watch_number = (uint64_t)sim_parse_number(&text);
        c->watch_stamp = (uint64_t)sim_parse_number(&text);
        return true;
    }
    if (c->phase == 1) {
        c->expected = sim_parse_number(&text);
        record(c, c->key, (struct linear_op){.start = c->call.start_us, .end = end,
                                             .kind = LINEAR_GET, .result = c->expected});
        if (c->watch_stamp == 0) /* a key made and deleted since then counts as unchanged (§3.3) */
            c->expected = LINEAR_ABSENT;
        return true;
    }
    if (sim_parse_number(&text) == 1) /* *-1: somebody changed it; nothing was done */
        record(c, c->key, (struct linear_op){.start = c->call.start_us, .end = end,
                                             .kind = LINEAR_CAS, .argument = c->expected,
                                             .argument2 = c->argument, .result = 1});
    return false;
}

/* A key with a deadline: there before it, gone after it, and never back. By how much the clocks of
 * the profile may differ, nobody is held to; a lease's clock may lag behind by the lease. */
static void complete_brief(struct sim_client *c, uint64_t end, const char *text)
{
    struct sim *s = c->sim;
    struct sim_brief *b = &c->brief;
    if (b->set_us == 0) /* of another life of this name, or never */
        return;
    const bool gone = sim_parse_number(&text) == LINEAR_ABSENT;
    const bool clocks_agree = s->profile->skew_ms == 0 && s->profile->drift_ppm == 0;
    const uint64_t lag_us = (uint64_t)s->options.lease_ms * 1000 + 2000;
    if (b->gone && !gone)
        sim_fail(s, "a key came back after its deadline");
    if (clocks_agree && gone && end + 2000 < b->asked_us + b->ttl_us)
        sim_fail(s, "a key was gone before its deadline");
    if (clocks_agree && !gone && c->call.start_us > b->set_us + b->ttl_us + lag_us)
        sim_fail(s, "a key was still there after its deadline");
    b->gone = gone;
}

/* What became of it nobody knows: the next attempt is with another key. */
static void forget_brief(struct sim_client *c)
{
    if (c->op != OP_BRIEF_SET)
        return;
    c->brief.generation++;
    c->brief.set_us = 0;
}

static bool judge(struct sim_client *c, const char *text)
{
    struct sim *s = c->sim;
    if (text[0] == '-') {
        if (strncmp(text, "-UNCERTAIN", 10) == 0) {
            s->errors_uncertain++;
            record_unknown(c);
            forget_brief(c);
            sim_wait_unknown(c);
        } else if (strncmp(text, "-CLUSTERDOWN", 12) == 0) {
            s->errors_definite++;
            if (c->op == OP_PUSH)
                sim_wait_pushed(c, true);
        } else if (c->op != OP_ZOO) {
            sim_fail(s, "client operation %d was answered %s", (int)c->op, text);
        }
        return false;
    }
    switch (c->op) {
    case OP_CAS:
        return complete_compare_and_set(c, s->now_us, text);
    case OP_PAIR_INCR:
    case OP_PAIR_READ:
        complete_pair(c, s->now_us, text);
        return false;
    case OP_BRIEF_SET:
        c->brief.asked_us = c->call.start_us;
        c->brief.ttl_us = (uint64_t)c->expected * 1000;
        c->brief.set_us = s->now_us;
        c->brief.gone = false;
        return false;
    case OP_BRIEF_GET:
        complete_brief(c, s->now_us, text);
        return false;
    case OP_LARGE_SET:
        sim_large_set_done(c);
        return false;
    case OP_LARGE_GET:
        sim_large_got(c, text);
        return false;
    case OP_PUSH:
        sim_wait_pushed(c, false);
        return false;
    case OP_POP:
        sim_wait_popped(c, text);
        return false;
    case OP_STALE:
    case OP_ZOO:
        return false;
    default:
        complete_simple(c, s->now_us, text);
        return false;
    }
}

static void complete(struct sim *s, struct sim_call *call, const char *text)
{
    struct sim_client *c = container_of(call, struct sim_client, call);
    c->phase = judge(c, text) ? c->phase + 1 : 0;
    sim_at(s, &c->step, 1 + sim_random(s, THINK_MAX_US));
}

/* --- steps ------------------------------------------------------------------------------------ */

static void choose_node(struct sim_client *c)
{
    struct sim *s = c->sim;
    if (c->at != NULL && c->at->up && c->life == c->at->life && c->at->shard != NULL &&
        sim_random(s, 20) != 0)
        return;
    c->phase = 0;
    c->at = &s->nodes[sim_random(s, s->options.node_count)];
    c->life = c->at->life;
}

static void choose_operation(struct sim_client *c)
{
    struct sim *s = c->sim;
    const uint32_t *weights = workloads[s->options.workload];
    uint32_t sum = 0, op = 0;
    for (uint32_t i = 0; i < OP_KINDS; i++)
        sum += weights[i];
    uint64_t draw = sim_random(s, sum);
    while (draw >= weights[op])
        draw -= weights[op++];
    c->op = (enum sim_op)op;
    c->phase = 0;
    c->key = (uint32_t)sim_random(s, PAIR_FIRST);
    s->next_value += 1000;
    c->argument = s->next_value;
}

static void step(struct sim *s, struct sim_event *event)
{
    struct sim_client *c = container_of(event, struct sim_client, step);
    if (c->call.waiting) {
        if (s->now_us - c->call.start_us > WAIT_MAX_US && !c->at->paused)
            sim_fail(s, "node %u owes a client an answer since %u s", c->at->position + 1,
                     (unsigned)((s->now_us - c->call.start_us) / 1000000));
        if (c->op == OP_POP && c->at->up && c->life == c->at->life && sim_random(s, 6) == 0)
            sim_wait_leave(c);
        sim_at(s, event, 1000000);
        return;
    }
    choose_node(c);
    if (c->phase == 0) {
        if (s->now_us > s->options.duration_us)
            return;
        choose_operation(c);
    }
    if (!c->at->up || c->at->shard == NULL || !send(c)) {
        c->phase = 0;
        sim_at(s, event, 1000 + sim_random(s, THINK_MAX_US));
        return;
    }
    sim_at(s, event, 1000000);
}

void sim_clients_start(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.client_count; i++) {
        struct sim_client *c = &s->clients[i];
        c->sim = s;
        c->step.happen = step;
        c->call.complete = complete;
        sim_at(s, &c->step, sim_random(s, THINK_MAX_US));
    }
}

void sim_clients_lost(struct sim *s, struct sim_node *n)
{
    for (uint32_t i = 0; i < s->options.client_count; i++) {
        struct sim_client *c = &s->clients[i];
        if (!c->call.waiting || c->at != n)
            continue;
        record_unknown(c);
        forget_brief(c);
        sim_wait_unknown(c);
        if (n->shard != NULL)
            shard_forget(n->shard, &c->call.slot);
        c->call.waiting = false;
        c->phase = 0;
        c->call.slot = (struct reply_slot){0};
        sim_at(s, &c->step, 1 + sim_random(s, THINK_MAX_US));
    }
}

bool sim_clients_idle(const struct sim *s)
{
    for (uint32_t i = 0; i < s->options.client_count; i++)
        if (s->clients[i].call.waiting || s->clients[i].phase != 0)
            return false;
    return true;
}

void sim_clients_clear(struct sim *s)
{
    for (uint32_t i = 0; i < s->options.client_count; i++)
        buf_clear(&s->clients[i].call.reply);
    for (uint32_t i = 0; i < SIM_KEYS; i++)
        free(s->history[i].ops);
}

bool sim_clients_check(struct sim *s)
{
    for (uint32_t key = 0; key < SIM_KEYS; key++) {
        const struct sim_history *h = &s->history[key];
        size_t culprit;
        const enum linear_verdict verdict =
            linear_check(h->ops, h->count, LINEAR_ABSENT, LINEAR_STEPS, &culprit);
        s->gave_up += verdict == LINEAR_GAVE_UP;
        if (verdict != LINEAR_VIOLATED)
            continue;
        const struct linear_op *op = &h->ops[culprit];
        sim_fail(s, "key:%u is not linearizable at the operation from %" PRIu64 " to %" PRIu64
                 " us (kind %d, result %" PRId64 ")", key, op->start, op->end, (int)op->kind,
                 op->result);
        return false;
    }
    return true;
}
