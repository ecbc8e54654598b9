/* test_shard_random.c -- exactly once under random schedules: the data half against a consensus
 * that loses, delays and repeats as far as Raft allows, changes leaders and terms, and a node that
 * dies.
 *
 * Each connection appends numbered tokens to its own key, so that the key's value in the end tells
 * which requests were executed, how often, and in which order. Checked:
 *   - answered OK: executed once, at the place that the reply told
 *   - answered -CLUSTERDOWN: never executed
 *   - answered -UNCERTAIN, or lost with the process: at most once
 *   - tokens of a key in the order in which their connection sent them
 *   - INCR within EXEC beside the token: as many as tokens of that kind
 *   - a read shows all that was committed before it was sent, nothing that was not committed when
 *     it was answered, and never less than an earlier read of its connection
 *   - a machine that replays the log from its first entry has the same digest
 * SHARD_SEED=n runs one seed. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard_world.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/panic.h"
#include "node/block.h"

#define CONNECTIONS 6
#define PIPELINE 8
#define STEPS 3000
#define TOKEN_SIZE 6
#define TOKENS_MAX 20000
#define LARGE_MAX 2         /* requests larger than an entry in one run */
#define LARGE_SIZE 2500000

enum kind { KIND_APPEND, KIND_EXEC, KIND_READ, KIND_RIDE, KIND_DUE };
enum fate { FATE_OPEN, FATE_OK, FATE_NO, FATE_UNCERTAIN, FATE_LOST };

struct call {
    struct sw_request request;
    enum kind kind;
    uint32_t token;         /* writes */
    uint32_t about;         /* reads: whose key */
    uint64_t seen_at_start; /* reads: tokens of that key committed when it was sent */
    bool in_use;
};

struct connection {
    struct call calls[PIPELINE]; /* a ring, by order of sending */
    uint32_t first, count;
    uint64_t read_before[CONNECTIONS]; /* tokens that a read has shown */
};

struct run {
    struct sw_world w;
    struct prng chance;
    struct connection connections[CONNECTIONS];
    enum fate fates[TOKENS_MAX];
    enum kind kinds[TOKENS_MAX];
    uint32_t owners[TOKENS_MAX], places[TOKENS_MAX];
    uint32_t token_count;
    uint64_t committed[CONNECTIONS]; /* tokens in the log's committed part, by key */
    uint64_t counted, boot_counted, batch_counted; /* up to this index; newest batch seen */
    struct buf parts;                /* of the large request that the log is at */
    uint32_t part_count, large_left;
    uint64_t answered[5];            /* by fate */
    uint32_t crashes, leaders, large;
};

static struct bytes padding(void)
{
    static uint8_t zeros[LARGE_SIZE];
    return bytes_of(zeros, sizeof(zeros));
}

/* --- the truth: what the committed log says --------------------------------------------------- */

static void count_words(struct run *r, const struct request *request)
{
    if (request->arg_count == 3 && bytes_equal(request->args[0], BYTES("APPEND")))
        r->committed[bytes_data(request->args[1])[1] - '0']++;
}

static void count_request(struct run *r, const struct request *request, struct arena *arena)
{
    if (request->kind == REQ_COMMAND)
        count_words(r, request);
    for (uint32_t c = 1; request->kind == REQ_EXEC && c < request->arg_count; c++) {
        struct request command;
        assert_true(exec_decode_command(request->args[c], arena, &command));
        count_words(r, &command);
    }
}

/* Parts count when the last of an unbroken series is there. */
static void count_part(struct run *r, const struct request *request, bool follows)
{
    const uint32_t number = get_le32(request->args[0].data);
    if (number == 0 || !follows) {
        buf_reset(&r->parts);
        r->part_count = 0;
    }
    if (number != r->part_count)
        return;
    buf_append_bytes(&r->parts, request->args[1]);
    r->part_count++;
    if ((request->flags & REQUEST_LAST) == 0)
        return;
    struct arena arena;
    arena_init(&arena);
    struct reader reader;
    struct request whole;
    reader_init(&reader, buf_bytes(&r->parts));
    assert_true(request_decode(&reader, &arena, &whole));
    count_request(r, &whole, &arena);
    arena_clear(&arena);
    r->part_count = 0;
    r->large++;
}

static void count_entry(struct run *r, const struct sw_entry *entry)
{
    struct entry_head head;
    struct reader reader;
    struct error e;
    if (entry->block == NULL)
        return;
    const struct block *block = entry->block;
    assert_int_equal(entry_decode(block_bytes(block), &head, &reader, &e), STATUS_OK);
    /* Never a batch twice, never one out of order. */
    const bool follows = head.boot == r->boot_counted && head.batch == r->batch_counted + 1;
    if (head.boot == r->boot_counted)
        assert_true(head.batch > r->batch_counted);
    assert_true(head.boot >= r->boot_counted);
    r->boot_counted = head.boot;
    r->batch_counted = head.batch;
    struct arena arena;
    arena_init(&arena);
    for (uint32_t i = 0; i < head.count; i++) {
        struct request request;
        assert_true(request_decode(&reader, &arena, &request));
        if (request.kind == REQ_PART)
            count_part(r, &request, follows);
        else
            r->part_count = 0;
        count_request(r, &request, &arena);
    }
    arena_clear(&arena);
}

static void count_committed(struct run *r)
{
    while (r->counted < r->w.commit)
        count_entry(r, &r->w.log[r->counted++]);
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool begins(const char *reply, const char *with)
{
    return strncmp(reply, with, strlen(with)) == 0;
}

static void check_read(struct run *r, struct connection *c, const struct call *call,
                       const char *reply)
{
    long length;
    assert_int_equal(sscanf(reply, ":%ld\r\n", &length), 1);
    assert_int_equal(length % TOKEN_SIZE, 0);
    const uint64_t seen = (uint64_t)length / TOKEN_SIZE;
    count_committed(r);
    if (seen < call->seen_at_start || seen > r->committed[call->about])
        fail_msg("a read of k%u shows %lu tokens; %lu were committed when it was sent, %lu now",
                 call->about, (unsigned long)seen, (unsigned long)call->seen_at_start,
                 (unsigned long)r->committed[call->about]);
    assert_true(seen >= c->read_before[call->about]);
    c->read_before[call->about] = seen;
}

static void note_write(struct run *r, const struct call *call, const char *reply)
{
    enum fate *fate = &r->fates[call->token];
    assert_int_equal(*fate, FATE_OPEN);
    long length;
    if (sscanf(reply, ":%ld\r\n", &length) == 1 ||
        sscanf(reply, "*%*d\r\n:%*d\r\n:%ld\r\n", &length) == 1) {
        *fate = FATE_OK;
        r->places[call->token] = (uint32_t)(length / TOKEN_SIZE);
    } else if (begins(reply, "-CLUSTERDOWN")) {
        *fate = FATE_NO;
    } else if (begins(reply, "-UNCERTAIN")) {
        *fate = FATE_UNCERTAIN;
    } else {
        fail_msg("reply %s", reply);
    }
    r->answered[*fate]++;
}

static void on_done(struct sw_world *w, struct sw_request *request)
{
    struct run *r = container_of(w, struct run, w);
    struct call *call = container_of(request, struct call, request);
    struct connection *c = NULL;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        if (call >= r->connections[i].calls && call < r->connections[i].calls + PIPELINE)
            c = &r->connections[i];
    assert_non_null(c);
    /* Replies need not come in order (the server's queue sorts them), but effects do. */
    const char *reply = sw_reply(request);
    if (call->kind == KIND_APPEND || call->kind == KIND_EXEC)
        note_write(r, call, reply);
    else if (call->kind == KIND_DUE)
        assert_true(begins(reply, "$") || begins(reply, "-CLUSTERDOWN"));
    else if (!begins(reply, "-CLUSTERDOWN") && !begins(reply, "-UNCERTAIN"))
        check_read(r, c, call, reply);
    else
        assert_true(call->kind == KIND_RIDE || begins(reply, "-CLUSTERDOWN"));
}

/* --- clients ---------------------------------------------------------------------------------- */

static void forget_done(struct connection *c)
{
    while (c->count > 0 && c->calls[c->first].request.done) {
        sw_request_clear(&c->calls[c->first].request);
        c->first = (c->first + 1) % PIPELINE;
        c->count--;
    }
}

/* Whether only reads (or only writes) are in flight: the two may not mix (§3.10). */
static bool may_send(const struct connection *c, bool as_read)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct call *call = &c->calls[(c->first + i) % PIPELINE];
        const bool is_read = call->kind == KIND_READ || call->kind == KIND_DUE;
        if (is_read != as_read)
            return false;
    }
    return c->count < PIPELINE;
}

/* Both or none; now and then so large that it travels in parts. */
static void send_exec(struct run *r, struct call *call, uint32_t n)
{
    char key[4], token[16];
    snprintf(key, sizeof(key), "k%u", n);
    snprintf(token, sizeof(token), "%05u,", call->token);
    const struct bytes incr[] = {BYTES("INCR"), BYTES("total"), padding()};
    const bool is_large = r->large_left > 0 && prng_chance(&r->chance, 1, 20);
    r->large_left -= is_large;
    const struct bytes append[] = {BYTES("APPEND"), bytes_from_string(key),
                                   bytes_from_string(token)};
    struct buf watches = {0}, first = {0}, second = {0};
    exec_encode_watches(&watches, NULL, 0);
    exec_encode_command(&first,
                        &(struct request){.kind = REQ_COMMAND, .args = incr, .arg_count = 2});
    exec_encode_command(&second,
                        &(struct request){.kind = REQ_COMMAND, .args = append, .arg_count = 3});
    /* INCR with an argument too many is an error in the array, and undoes nothing. */
    struct buf third = {0};
    if (is_large)
        exec_encode_command(&third,
                            &(struct request){.kind = REQ_COMMAND, .args = incr, .arg_count = 3});
    const struct bytes args[] = {buf_bytes(&watches), buf_bytes(&first), buf_bytes(&second),
                                 buf_bytes(&third)};
    const struct request request = {.kind = REQ_EXEC, .args = args, .arg_count = is_large ? 4 : 3};
    assert_true(shard_write(r->w.shard, &request, &call->request.slot));
    buf_clear(&watches);
    buf_clear(&first);
    buf_clear(&second);
    buf_clear(&third);
}

static void send_call(struct run *r, struct connection *c, uint32_t n, enum kind kind)
{
    struct call *call = &c->calls[(c->first + c->count++) % PIPELINE];
    *call = (struct call){.kind = kind};
    call->request.slot.owner = c;
    char text[64];
    if (kind == KIND_APPEND || kind == KIND_EXEC) {
        call->token = r->token_count++;
        r->kinds[call->token] = kind;
        r->owners[call->token] = n;
    }
    call->about = (uint32_t)prng_below(&r->chance, CONNECTIONS);
    count_committed(r);
    call->seen_at_start = r->committed[call->about];
    switch (kind) {
    case KIND_APPEND:
        snprintf(text, sizeof(text), "APPEND k%u %05u,", n, call->token);
        sw_write(&r->w, &call->request, text);
        return;
    case KIND_EXEC:
        send_exec(r, call, n);
        return;
    case KIND_READ:
        snprintf(text, sizeof(text), "STRLEN k%u", call->about);
        sw_read(&r->w, &call->request, text);
        return;
    case KIND_RIDE:
        snprintf(text, sizeof(text), "STRLEN k%u", call->about);
        sw_ride(&r->w, &call->request, text);
        return;
    case KIND_DUE:
        snprintf(text, sizeof(text), prng_chance(&r->chance, 1, 2) ? "GET t%u" : "HGET u%u f",
                 call->about);
        sw_read(&r->w, &call->request, text);
        return;
    }
}

static void client_step(struct run *r)
{
    const uint32_t n = (uint32_t)prng_below(&r->chance, CONNECTIONS);
    struct connection *c = &r->connections[n];
    forget_done(c);
    if (r->token_count + 1 >= TOKENS_MAX || !shard_has_room(r->w.shard))
        return;
    static const enum kind kinds[] = {KIND_APPEND, KIND_APPEND, KIND_APPEND, KIND_EXEC,
                                      KIND_READ,   KIND_READ,   KIND_DUE,    KIND_RIDE};
    const enum kind kind = kinds[prng_below(&r->chance, ARRAY_COUNT(kinds))];
    if (may_send(c, kind == KIND_READ || kind == KIND_DUE))
        send_call(r, c, n, kind);
    if (prng_chance(&r->chance, 1, 20)) {
        char text[64];
        const unsigned ttl_ms = (unsigned)prng_below(&r->chance, 30) + 1;
        const bool is_key = prng_chance(&r->chance, 1, 2);
        snprintf(text, sizeof(text),
                 is_key ? "SET t%u v PX %u" : "HSETEX u%u PX %u FIELDS 1 f v", n, ttl_ms);
        sw_write(&r->w, NULL, text);
    }
}

/* The client hangs up; what it sent may or may not happen. */
static void hang_up(struct run *r)
{
    struct connection *c = &r->connections[prng_below(&r->chance, CONNECTIONS)];
    for (uint32_t i = 0; i < c->count; i++) {
        struct call *call = &c->calls[(c->first + i) % PIPELINE];
        const bool is_write = call->kind == KIND_APPEND || call->kind == KIND_EXEC;
        if (!call->request.done && is_write)
            r->fates[call->token] = FATE_LOST;
        shard_forget(r->w.shard, &call->request.slot);
        sw_request_clear(&call->request);
    }
    c->count = 0;
    memset(c->read_before, 0, sizeof(c->read_before)); /* a new connection takes its place */
}

static void crash(struct run *r)
{
    sw_crash(&r->w, prng_chance(&r->chance, 1, 2) ? KV_MEM_KILL : KV_MEM_POWER_LOSS);
    r->crashes++;
    for (uint32_t n = 0; n < CONNECTIONS; n++) {
        struct connection *c = &r->connections[n];
        for (uint32_t i = 0; i < c->count; i++) {
            struct call *call = &c->calls[(c->first + i) % PIPELINE];
            const bool is_write = call->kind == KIND_APPEND || call->kind == KIND_EXEC;
            if (!call->request.done && is_write)
                r->fates[call->token] = FATE_LOST;
            sw_request_clear(&call->request);
        }
        c->count = 0;
        memset(c->read_before, 0, sizeof(c->read_before));
    }
}

/* --- the schedule ----------------------------------------------------------------------------- */

static void leader_step(struct run *r)
{
    struct sw_world *w = &r->w;
    if (w->leader == 0) {
        sw_elect(w, prng_chance(&r->chance, 1, 2) ? SW_SELF : SW_OTHER);
        r->leaders++;
    } else {
        sw_depose(w, w->commit + prng_below(&r->chance, w->log_count - w->commit + 1));
    }
}

static void time_step(struct run *r)
{
    const uint64_t us = prng_chance(&r->chance, 1, 200) ? 1000000 + prng_below(&r->chance, 5000000)
                                                        : prng_below(&r->chance, 3000);
    r->w.now_us += us;
    r->w.wall_ms += us / 1000;
}

static void step(struct run *r, uint32_t faults)
{
    struct sw_world *w = &r->w;
    struct prng *p = &r->chance;
    const uint64_t n = prng_below(p, 1000);
    if (n < 250)
        client_step(r);
    else if (n < 450)
        sw_turn(w);
    else if (n < 550)
        sw_receive(w, (uint32_t)prng_below(p, 6) + 1);
    else if (n < 650)
        sw_append(w, (uint32_t)prng_below(p, 3) + 1);
    else if (n < 750)
        sw_commit(w, w->commit + prng_below(p, w->log_count - w->commit + 1));
    else if (n < 850)
        sw_mail(w, (uint32_t)prng_below(p, 5) + 1);
    else if (n < 890)
        sw_answer(w, prng_chance(p, 3, 4) ? SW_OK : prng_chance(p, 1, 2) ? SW_LOST : SW_REFUSED);
    else if (n < 920)
        sw_work(w);
    else if (n < 940)
        shard_flush(w->shard);
    else if (n < 970)
        time_step(r);
    else if (n < 970 + faults)
        leader_step(r);
    else if (n < 970 + faults + 2)
        sw_mail_again(w, w->mailed - prng_below(p, MIN(w->mailed, 5) + 1));
    else if (n < 970 + faults + 4)
        hang_up(r);
    else if (n == 999 && faults > 5)
        crash(r);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void check_key(struct run *r, uint32_t n, uint32_t *times)
{
    struct sw_request get = {0};
    char text[16];
    snprintf(text, sizeof(text), "GET k%u", n);
    sw_read(&r->w, &get, text);
    r->w.on_done = NULL;
    sw_settle(&r->w);
    const char *at = strchr(sw_reply(&get), '\n') + 1;
    uint32_t place = 0, last = 0;
    if (begins(sw_reply(&get), "$-1"))
        at = "\r";
    for (; *at != '\r'; at += TOKEN_SIZE) {
        const uint32_t token = (uint32_t)strtoul(at, NULL, 10);
        assert_true(token < r->token_count);
        assert_int_equal(r->owners[token], n);
        if (place > 0)
            assert_true(token > last);
        last = token;
        times[token]++;
        place++;
        if (r->fates[token] == FATE_OK)
            assert_int_equal(r->places[token], place);
    }
    assert_int_equal(place, r->committed[n]);
    sw_request_clear(&get);
}

static void check_total(struct run *r, const uint32_t *times)
{
    struct sw_request get = {0};
    sw_read(&r->w, &get, "GET total");
    sw_settle(&r->w);
    unsigned total = 0;
    if (!begins(sw_reply(&get), "$-1"))
        assert_int_equal(sscanf(sw_reply(&get), "$%*d\r\n%u", &total), 1);
    for (uint32_t token = 0; token < r->token_count; token++)
        total -= r->kinds[token] == KIND_EXEC && times[token] > 0;
    assert_int_equal(total, 0);
    sw_request_clear(&get);
}

static void check_all(struct run *r)
{
    sw_settle(&r->w);
    for (uint32_t n = 0; n < CONNECTIONS; n++) {
        forget_done(&r->connections[n]);
        assert_int_equal(r->connections[n].count, 0); /* everybody was answered */
    }
    count_committed(r);
    uint32_t *times = xcalloc(TOKENS_MAX, sizeof(*times));
    for (uint32_t n = 0; n < CONNECTIONS; n++)
        check_key(r, n, times);
    for (uint32_t token = 0; token < r->token_count; token++) {
        const enum fate fate = r->fates[token];
        assert_true(fate != FATE_OPEN);
        assert_true(times[token] <= 1);
        if (fate == FATE_OK && times[token] != 1)
            fail_msg("token %u was acknowledged and is not there", token);
        if (fate == FATE_NO && times[token] != 0)
            fail_msg("token %u was refused for certain and is there", token);
    }
    check_total(r, times);
    free(times);
    count_committed(r);
    struct shard_status status;
    shard_status(r->w.shard, &status);
    assert_int_equal(status.applied_index, r->w.commit);
    assert_int_equal(status.duplicates, 0);
    assert_int_equal(status.digest, sw_replay_digest(&r->w));
    assert_int_equal(status.requests_in_flight, 0);
    assert_int_equal(status.bytes_in_flight, 0);
}

static void run_seed(uint64_t seed, uint64_t sums[static 6])
{
    struct run *r = xcalloc(1, sizeof(*r));
    prng_seed(&r->chance, seed);
    const size_t mailbox = (size_t)1 << prng_below(&r->chance, 8);
    size_t cache = (size_t)1 << (10 + prng_below(&r->chance, 12));
    if (prng_chance(&r->chance, 1, 8))
        cache = 0;
    const uint32_t faults = (uint32_t)prng_below(&r->chance, 20);
    r->large_left = seed % 10 == 0 ? LARGE_MAX : 0;
    sw_init(&r->w, cache, mailbox);
    r->w.on_done = on_done;
    r->w.has_lease = prng_chance(&r->chance, 1, 3);
    if (prng_chance(&r->chance, 4, 5))
        leader_step(r);
    for (int i = 0; i < STEPS; i++)
        step(r, faults);
    check_all(r);
    for (int i = 0; i < 5; i++)
        sums[i] += r->answered[i];
    sums[FATE_OPEN] += r->crashes;
    sums[FATE_LOST] += r->leaders;
    sums[5] += r->large;
    buf_clear(&r->parts);
    sw_clear(&r->w);
    free(r);
}

static void exactly_once_under_random_schedules(void **state)
{
    (void)state;
    const char *given = getenv("SHARD_SEED");
    const char *count_given = getenv("SHARD_SEEDS");
    const uint64_t first = given != NULL ? strtoull(given, NULL, 10) : clock_wall_us();
    const uint64_t count = given != NULL ? 1
                           : count_given != NULL ? strtoull(count_given, NULL, 10) : 1000;
    uint64_t sums[6] = {0};
    for (uint64_t i = 0; i < count; i++) {
        /* The first hundred are the same in every run. */
        const uint64_t seed = given == NULL && i < 100 ? i + 1 : first + i;
        printf("\rseed %llu ", (unsigned long long)seed);
        fflush(stdout);
        run_seed(seed, sums);
    }
    printf("\n%llu ok, %llu not executed, %llu uncertain, %llu large, %llu leaders, "
           "%llu crashes\n",
           (unsigned long long)sums[FATE_OK], (unsigned long long)sums[FATE_NO],
           (unsigned long long)sums[FATE_UNCERTAIN], (unsigned long long)sums[5],
           (unsigned long long)sums[FATE_LOST], (unsigned long long)sums[FATE_OPEN]);
    if (given == NULL) { /* else the test tests nothing */
        assert_true(sums[FATE_OK] > 0);
        assert_true(sums[FATE_NO] > 0);
        assert_true(sums[FATE_UNCERTAIN] > 0);
        assert_true(sums[5] > 0 || count < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_once_under_random_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
