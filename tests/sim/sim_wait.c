/* sim_wait.c -- clients that push and clients that wait (BLPOP, BLMOVE, BZPOPMIN), on keys that all
 * share. Every element is a number that is pushed once.
 *
 *   pushed = popped + left     each element is popped at most once, none that was refused, and none
 *                              that was acknowledged is lost, but for those that a client took of
 *                              whom nobody knows what it was told
 *   liveness                   in no state that a node comes to does anybody wait beside elements
 *   the end                    nobody waits when all clients have their answers */

#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "keyspace/object.h"
#include "machine/machine.h"

#define ROW_HEAD_SIZE 34 /* of a W row, before its request (machine/waiters.h) */
#define TIMEOUT_MAX_MS 2500

static const char *const lists[] = {"wait:0", "wait:1"};
#define ZSET "wait:z"

enum fate { FATE_NONE, FATE_MAYBE, FATE_PUSHED, FATE_REFUSED, FATE_POPPED };

/* --- requests --------------------------------------------------------------------------------- */

bool sim_wait_push(struct sim_client *c)
{
    struct sim *s = c->sim;
    if (s->wait.count == SIM_TOKENS_MAX)
        return false;
    char digits[INT64_DIGITS];
    const uint32_t token = s->wait.count;
    const struct bytes text = bytes_from_int64(token, digits);
    const bool to_zset = sim_random(s, 3) == 0;
    const struct bytes key =
        bytes_from_string(to_zset ? ZSET : lists[sim_random(s, ARRAY_COUNT(lists))]);
    const struct bytes words[4] = {to_zset ? BYTES("ZADD") : BYTES("RPUSH"), key, text, text};
    const struct request r = {.kind = REQ_COMMAND, .args = words, .arg_count = to_zset ? 4 : 3};
    if (!sim_submit(c->at, &c->call, &r, WAY_WRITE))
        return false;
    c->wait_token = token;
    s->wait.count++;
    s->wait.fates[token] = FATE_MAYBE;
    return true;
}

bool sim_wait_pop(struct sim_client *c)
{
    struct sim *s = c->sim;
    char timeout[32];
    snprintf(timeout, sizeof(timeout), "%.3f",
             (double)(1 + sim_random(s, TIMEOUT_MAX_MS)) / 1000.0);
    const struct bytes a = bytes_from_string(lists[0]), b = bytes_from_string(lists[1]);
    const struct bytes time = bytes_from_string(timeout);
    const struct bytes pop[] = {BYTES("BLPOP"), b, a, time};
    const struct bytes move[] = {BYTES("BLMOVE"), a, b, BYTES("LEFT"), BYTES("RIGHT"), time};
    const struct bytes zpop[] = {BYTES("BZPOPMIN"), BYTES(ZSET), time};
    struct request r = {.kind = REQ_COMMAND};
    c->wait_lines = 4; /* before the element */
    c->wait_moves = false;
    switch (sim_random(s, 4)) {
    case 0:
        r.args = move, r.arg_count = ARRAY_COUNT(move);
        c->wait_lines = 1;
        c->wait_moves = true;
        break;
    case 1: r.args = zpop, r.arg_count = ARRAY_COUNT(zpop); break;
    default: r.args = pop, r.arg_count = ARRAY_COUNT(pop); break;
    }
    return sim_submit(c->at, &c->call, &r, WAY_WRITE);
}

/* --- answers ---------------------------------------------------------------------------------- */

void sim_wait_pushed(struct sim_client *c, bool refused)
{
    uint8_t *fate = &c->sim->wait.fates[c->wait_token];
    if (refused && *fate != FATE_MAYBE)
        sim_fail(c->sim, "element %u was popped, and its push was answered as not executed",
                 c->wait_token);
    if (*fate == FATE_MAYBE) /* else somebody has it already */
        *fate = refused ? FATE_REFUSED : FATE_PUSHED;
}

void sim_wait_popped(struct sim_client *c, const char *text)
{
    struct sim *s = c->sim;
    const char *const whole = text;
    if (text[0] == '*' && text[1] == '-')
        return;
    for (uint32_t i = 0; i < c->wait_lines && text != NULL; i++) {
        text = strstr(text, "\r\n");
        text = text == NULL ? NULL : text + 2;
    }
    const uint64_t token = text == NULL ? UINT64_MAX : strtoull(text, NULL, 10);
    if (token >= s->wait.count) {
        sim_fail(s, "a client that waited was answered '%s'", whole);
        return;
    }
    uint8_t *fate = &s->wait.fates[token];
    s->wait.popped++;
    if (c->wait_moves) /* who popped it then may have been answered before */
        return;
    if (*fate == FATE_POPPED || *fate == FATE_REFUSED)
        sim_fail(s, "element %" PRIu64 " was popped %s", token,
                 *fate == FATE_POPPED ? "twice" : "though its push was refused");
    *fate = FATE_POPPED;
}

/* What it was told, or would have been, nobody knows: it may have taken one element. */
void sim_wait_unknown(struct sim_client *c)
{
    c->sim->wait.unknown += c->op == OP_POP;
}

/* The client hangs up while it waits. */
void sim_wait_leave(struct sim_client *c)
{
    struct sim *s = c->sim;
    SIM_RUN_NODE(s, c->at, shard_forget(c->at->shard, &c->call.slot));
    sim_wait_unknown(c);
    c->call.waiting = false;
    c->call.slot = (struct reply_slot){0};
    sim_node_wake(s, c->at);
}

/* --- the state -------------------------------------------------------------------------------- */

static bool is_there(struct keyspace *k, struct bytes name)
{
    struct object o;
    const bool found = object_open(k, 0, name, &o);
    object_close(&o);
    return found;
}

static uint32_t count_waiters(struct sim *s, struct sim_node *n)
{
    struct keyspace *k = shard_keyspace(n->shard);
    struct cache_cursor cursor;
    struct arena arena;
    struct bytes key, value;
    uint32_t count = 0;
    arena_init(&arena);
    cache_cursor_open(keyspace_cache(k), &cursor, BYTES("W"), BYTES("X"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value)) {
        struct reader encoded;
        struct request r;
        reader_init(&encoded, bytes_from(value, ROW_HEAD_SIZE));
        if (!request_decode(&encoded, &arena, &r) || r.arg_count < 3) {
            sim_fail(s, "node %u has a waiter that is nonsense", n->position + 1);
            break;
        }
        count++;
        const uint32_t keys = bytes_equal(r.args[0], BYTES("BLPOP")) ? 2 : 1;
        for (uint32_t i = 1; i <= keys && r.db == 0; i++)
            if (is_there(k, r.args[i]))
                sim_fail(s, "node %u: somebody waits for %.*s, which has elements",
                         n->position + 1, (int)r.args[i].size, (const char *)r.args[i].data);
    }
    cache_cursor_close(&cursor);
    arena_clear(&arena);
    return count;
}

void sim_wait_check(struct sim *s, struct sim_node *n)
{
    struct keyspace *k = shard_keyspace(n->shard);
    keyspace_read_begin(k, keyspace_applied(k).clock_ms);
    count_waiters(s, n);
    keyspace_read_end(k);
}

/* An element that was not popped by anybody. */
static void left(struct sim *s, struct bytes text)
{
    int64_t token;
    if (!bytes_to_int64(text, &token) || token < 0 || token >= s->wait.count ||
        s->wait.fates[token] == FATE_POPPED || s->wait.fates[token] == FATE_REFUSED ||
        s->wait.fates[token] == FATE_NONE) {
        sim_fail(s, "element %.*s is left, which was popped, refused, or never pushed",
                 (int)text.size, (const char *)text.data);
        return;
    }
    s->wait.fates[token] = FATE_NONE; /* once */
}

static void strike_left(struct sim *s, struct keyspace *k)
{
    for (size_t i = 0; i <= ARRAY_COUNT(lists); i++) {
        const bool is_list = i < ARRAY_COUNT(lists);
        struct object o;
        struct object_cursor cursor;
        struct bytes subkey, value;
        if (object_open(k, 0, bytes_from_string(is_list ? lists[i] : ZSET), &o)) {
            object_seek(&o, &cursor, is_list ? SPACE_ELEMENT : SPACE_MEMBER, BYTES_NONE, FORWARD);
            while (object_next(&cursor, &subkey, &value))
                left(s, is_list ? value : subkey);
            object_cursor_close(&cursor);
        }
        object_close(&o);
    }
}

static void check_end(struct sim *s, struct sim_node *n)
{
    struct keyspace *k = shard_keyspace(n->shard);
    keyspace_read_begin(k, keyspace_applied(k).clock_ms);
    if (count_waiters(s, n) > 0)
        sim_fail(s, "all clients have their answers, and a request still waits");
    strike_left(s, k);
    keyspace_read_end(k);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < s->wait.count; i++)
        missing += s->wait.fates[i] == FATE_PUSHED;
    if (missing > s->wait.unknown)
        sim_fail(s, "%u elements are lost, and only %u clients may have taken one unseen", missing,
                 s->wait.unknown);
}

void sim_wait_check_end(struct sim *s)
{
    if (s->failure[0] == 0 && s->wait.count > 0)
        SIM_RUN_NODE(s, &s->nodes[0], check_end(s, &s->nodes[0]));
}
