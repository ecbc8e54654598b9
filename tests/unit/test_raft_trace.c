/* test_raft_trace.c -- a core's inputs are recorded and given to another; what was changed on the
 * way is noticed. */

#include "test.h"
#include "base/encode.h"
#include "node/raft_trace.h"

struct recorded {
    struct raft *raft;
    struct buf trace;
    size_t last_input; /* where its record begins */
};

static void step(struct recorded *w, const struct raft_input *input)
{
    raft_index first;
    const enum status status = raft_step(w->raft, input, &first);
    w->last_input = w->trace.size;
    raft_trace_input(&w->trace, input, status, first);
}

static void flush(struct recorded *w)
{
    const struct raft_output *out = raft_flush(w->raft);
    raft_trace_flush(&w->trace, out);
    if (out->write.id != 0)
        step(w, &(struct raft_input){.type = RAFT_PERSISTED, .write_id = out->write.id});
}

static void open_life(struct recorded *w)
{
    static const struct raft_config_at config = {
        .index = 1, .config.incoming = {.count = 1, .node = {1}}};
    struct trail trail;
    trail_init(&trail, 0, 0);
    assert_true(trail_append(&trail, 1, 1));
    const struct raft_options options = {
        .self = 1, .election_ticks = 10, .heartbeat_ticks = 2, .append_bytes_max = 1 << 20,
        .inflight_bytes_max = 1 << 22, .log_entries_max = 1000, .tick_ms = 10, .seed = 7};
    static const uint32_t sizes[] = {20};
    const struct raft_saved saved = {.hard_state.current_term = 1, .configs = &config,
                                     .config_count = 1, .trail = &trail, .sizes = sizes};
    raft_trace_open(&w->trace, &options, &saved);
    w->raft = raft_open(&options, &saved);
}

/* Elects itself, takes entries, a read and a peer's message. */
static void live(struct recorded *w)
{
    open_life(w);
    for (int i = 0; i < 40; i++) {
        step(w, &(struct raft_input){.type = RAFT_TICK});
        flush(w);
    }
    static const struct raft_entry entries[] = {{.term = 1, .size = 5, .kind = RAFT_DATA}};
    const struct raft_message stale = {.type = RAFT_MSG_APPEND, .from = 2, .to = 1, .term = 1,
                                       .index = 1, .log_term = 1, .entry_count = 1,
                                       .entries = entries};
    step(w, &(struct raft_input){.type = RAFT_RECEIVE, .message = &stale});
    for (uint32_t i = 1; i <= 5; i++) {
        step(w, &(struct raft_input){.type = RAFT_PROPOSE, .kind = RAFT_DATA, .size = i});
        flush(w);
    }
    step(w, &(struct raft_input){.type = RAFT_READ, .read_id = 3});
    flush(w);
    flush(w);
    raft_close(w->raft);
}

static void the_same_comes_out_of_two_lives(void **state)
{
    (void)state;
    struct recorded w = {0};
    struct raft_replay p;
    live(&w);
    live(&w);
    if (!raft_replay(&p, buf_bytes(&w.trace)))
        fail_msg("%s", p.error);
    assert_int_equal(p.lives, 2);
    assert_true(p.inputs > 90 && p.flushes > 90);
    assert_int_equal(p.bytes, w.trace.size);
    raft_replay_clear(&p);
    buf_clear(&w.trace);
}

static void what_was_changed_is_noticed(void **state)
{
    (void)state;
    struct recorded w = {0};
    struct raft_replay p;
    live(&w);
    struct buf other = {0};
    buf_append_bytes(&other, buf_bytes(&w.trace));
    /* The read becomes a tick: behind the record's head, status and index. */
    buf_data(&other)[w.last_input + 4 + 1 + 1 + 8] = RAFT_TICK;
    assert_false(raft_replay(&p, buf_bytes(&other)));
    assert_non_null(strstr(p.error, "output"));
    raft_replay_clear(&p);
    put_le32(buf_data(&other), 3); /* a size that ends within the record */
    assert_false(raft_replay(&p, buf_bytes(&other)));
    assert_non_null(strstr(p.error, "no trace of this version"));
    raft_replay_clear(&p);
    buf_clear(&other);
    buf_clear(&w.trace);
}

static void half_a_record_at_the_end_is_left_alone(void **state)
{
    (void)state;
    struct recorded w = {0};
    struct raft_replay p;
    live(&w);
    for (size_t size = w.last_input; size <= w.trace.size; size++) {
        assert_true(raft_replay(&p, bytes_of(buf_data(&w.trace), size)));
        assert_true(p.bytes >= w.last_input && p.bytes <= size);
        raft_replay_clear(&p);
    }
    buf_clear(&w.trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_comes_out_of_two_lives),
        cmocka_unit_test(what_was_changed_is_noticed),
        cmocka_unit_test(half_a_record_at_the_end_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
