/* test_replication.c -- logs that become equal, commits that hold, claims that wait for disks. */

#include "story.h"

#include "base/bytes.h"

static struct raft_message append(raft_node from, raft_term term, raft_index prev,
                                  raft_term prev_term)
{
    return (struct raft_message){
        .type = RAFT_MSG_APPEND, .from = from, .term = term, .index = prev, .log_term = prev_term};
}

/* Carries entries of the given terms. */
static void receive_append(struct story *t, struct raft_message m, const raft_term *terms,
                           uint32_t count)
{
    struct raft_entry entries[16] = {0};
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct raft_entry){.term = terms[i], .size = 10, .kind = RAFT_DATA};
    m.entries = entries;
    m.entry_count = count;
    story_receive(t, &m);
}

/* Carries everything that one core sends the other, and its answer back, until both are silent. */
static uint32_t talk(struct story *leader, struct story *follower)
{
    uint32_t messages = 0;
    for (int quiet = 0; quiet < 2; quiet++) {
        struct raft_message inbox[64];
        size_t count = 0;
        for (size_t i = 0; i < leader->out.message_count; i++)
            if (leader->messages[i].to == follower->self &&
                leader->messages[i].type == RAFT_MSG_APPEND)
                inbox[count++] = leader->messages[i];
        for (size_t i = 0; i < count; i++) {
            struct raft_entry entries[32];
            for (uint32_t k = 0; k < inbox[i].entry_count; k++)
                assert_true(raft_entry_at(leader->core, inbox[i].index + 1 + k, &entries[k]));
            inbox[i].entries = entries;
            story_receive(follower, &inbox[i]);
            assert_int_equal(follower->status, STATUS_OK);
            const struct raft_message *reply =
                story_sent(follower, RAFT_MSG_APPEND_REPLY, leader->self);
            assert_non_null(reply);
            story_receive(leader, reply);
            messages++;
            quiet = -1;
        }
    }
    return messages;
}

/* Figure 7 of the paper: whatever the follower's log, it becomes the leader's. */
static void figure_7_followers_come_to_agree(void **state)
{
    (void)state;
#define LEADER_LOG 1, 1, 1, 4, 4, 5, 5, 6, 6, 6
    const struct story_setup followers[] = {
        {TERMS(1, 1, 1, 4, 4, 5, 5, 6, 6)},                 /* (a) */
        {TERMS(1, 1, 1, 4)},                                /* (b) */
        {TERMS(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6)},           /* (c) */
        {TERMS(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7)},        /* (d) */
        {TERMS(1, 1, 1, 4, 4, 4, 4)},                       /* (e) */
        {TERMS(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3)},           /* (f) */
    };
    const uint32_t messages_max[] = {2, 2, 2, 2, 3, 3}; /* hints skip a term at a time */
    const raft_term want[] = {LEADER_LOG, 8};
    for (size_t i = 0; i < ARRAY_COUNT(followers); i++) {
        static struct story leader, follower;
        story_open(&leader, &(struct story_setup){TERMS(LEADER_LOG), .current_term = 7});
        struct story_setup setup = followers[i];
        setup.self = 2;
        setup.current_term = 7;
        story_open(&follower, &setup);
        story_lead(&leader);
        const uint32_t messages = talk(&leader, &follower);
        assert_in_range(messages, 1, messages_max[i]);

        const struct raft_status s = story_status(&follower);
        assert_int_equal(s.last_index, ARRAY_COUNT(want));
        for (raft_index index = 1; index <= ARRAY_COUNT(want); index++)
            assert_int_equal(story_term(&follower, index), want[index - 1]);
        assert_int_equal(story_status(&leader).peers[0].match_index, ARRAY_COUNT(want));
        story_close(&leader);
        story_close(&follower);
    }
}

/* Figure 8: an entry of an older term is not committed by counting its copies, (c); only with one
 * of the leader's own term, (e). */
static void figure_8_old_terms_are_not_committed_by_counting(void **state)
{
    (void)state;
    struct story s1;
    story_open(&s1, &(struct story_setup){.voter_count = 5, TERMS(1, 2), .current_term = 3});
    story_lead(&s1);
    assert_int_equal(s1.out.term, 4);
    story_persist(&s1); /* its NOOP of term 4, entry 3 */
    story_ack(&s1, 2, 2);
    story_ack(&s1, 3, 2);
    assert_int_equal(story_status(&s1).commit_index, 0); /* entry 2 is on a majority */
    story_ack(&s1, 2, 3);
    assert_int_equal(story_status(&s1).commit_index, 0);
    story_ack(&s1, 3, 3);
    assert_int_equal(story_status(&s1).commit_index, 3);
    assert_int_equal(s1.out.apply_first, 1);
    assert_int_equal(s1.out.apply_last, 3);
    story_close(&s1);
}

static void the_leader_counts_itself_only_as_persisted(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_ack(&t, 2, 2);
    assert_int_equal(t.out.apply_last, 0); /* one of three */
    story_persist(&t);
    assert_int_equal(t.out.apply_last, 2);
    story_close(&t);

    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_ack(&t, 2, 2);
    story_ack(&t, 3, 2); /* a majority without it */
    assert_int_equal(t.out.apply_last, 2);
    story_close(&t);
}

static void proposals_of_a_turn_share_a_write_and_a_message(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    story_ack(&t, 3, 2);
    const struct raft_input propose = {.type = RAFT_PROPOSE, .size = 10, .kind = RAFT_DATA};
    raft_index first;
    for (raft_index i = 3; i <= 6; i++) {
        assert_int_equal(raft_step(t.core, &propose, &first), STATUS_OK);
        assert_int_equal(first, i);
    }
    story_propose(&t, 10);
    assert_int_equal(t.out.write.append_first, 3);
    assert_int_equal(t.out.write.append_last, 7);
    assert_int_equal(story_count(&t, RAFT_MSG_APPEND), 2);
    const struct raft_message *m = story_sent(&t, RAFT_MSG_APPEND, 2);
    assert_int_equal(m->index, 2);
    assert_int_equal(m->entry_count, 5);
    assert_int_equal(m->commit_index, 2);
    assert_int_equal(m->after_write, 0); /* disk and network in parallel */
    story_propose(&t, 10); /* pipelined: the answer is not waited for */
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND, 2)->index, 7);
    story_close(&t);
}

static void messages_and_windows_are_bounded_in_bytes(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){
                       TERMS(1), .append_bytes_max = 100, .inflight_bytes_max = 250});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    const struct raft_input propose = {.type = RAFT_PROPOSE, .size = 40, .kind = RAFT_DATA};
    raft_index first;
    for (int i = 0; i < 9; i++)
        assert_int_equal(raft_step(t.core, &propose, &first), STATUS_OK);
    story_propose(&t, 40); /* ten of 40 bytes: 3 .. 12 */
    size_t sent = 0;
    raft_index next = 3;
    for (size_t i = 0; i < t.out.message_count; i++) {
        if (t.messages[i].to != 2)
            continue;
        assert_int_equal(t.messages[i].index, next - 1);
        assert_true(t.messages[i].entry_count <= 2);
        next += t.messages[i].entry_count;
        sent++;
    }
    assert_int_equal(sent, 3);
    assert_int_equal(next, 9); /* six entries: 240 bytes */
    story_ack(&t, 2, 4);
    assert_int_equal(story_count(&t, RAFT_MSG_APPEND), 1);
    story_ack(&t, 2, 12);
    assert_int_equal(story_status(&t).peers[0].inflight_bytes, 0);
    story_propose(&t, 5000); /* larger than both: goes all the same */
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND, 2)->entry_count, 1);
    story_close(&t);
}

static void a_lost_append_is_sent_again(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    story_propose(&t, 10); /* lost */
    story_propose(&t, 10); /* refused: entry 3 is missing */
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_APPEND_REPLY, .from = 2,
                                             .term = t.out.term, .reject = true, .round = 3,
                                             .index = 2, .log_term = 2});
    const struct raft_message *m = story_sent(&t, RAFT_MSG_APPEND, 2);
    assert_non_null(m);
    assert_int_equal(m->index, 2);
    assert_int_equal(m->entry_count, 2);
    story_ack(&t, 2, 4);
    story_propose(&t, 10); /* lost, and nothing comes behind it */
    bool again = false;
    for (int i = 0; i < 5 * STORY_ELECTION && !again; i++) {
        story_tick(&t, 1);
        m = story_sent(&t, RAFT_MSG_APPEND, 2);
        again = m != NULL && m->index == 4 && m->entry_count == 1;
        story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY, .from = 2,
                                                 .term = story_status(&t).term});
    }
    assert_true(again);
    story_close(&t);
}

static void replies_wait_for_the_write_of_what_they_claim(void **state)
{
    (void)state;
    const raft_term terms[] = {2, 2};
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 2});
    receive_append(&t, append(2, 2, 1, 1), terms, 2);
    const uint64_t first = t.out.write.id;
    assert_int_equal(first, 1);
    assert_int_equal(t.out.write.append_first, 2);
    assert_int_equal(t.out.write.append_last, 3);
    assert_false(t.out.write.hard_state_changed);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->index, 3);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->after_write, first);

    receive_append(&t, append(2, 2, 1, 1), terms, 2); /* a copy: no write, but the same claim */
    assert_int_equal(t.out.write.id, 0);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->after_write, first);
    receive_append(&t, append(2, 2, 3, 2), terms, 1);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->after_write, 2);
    story_heartbeat(&t, 2, 2); /* claims the term only, and that is old */
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT_REPLY, 2)->after_write, 0);
    story_persist(&t);
    receive_append(&t, append(2, 2, 1, 1), terms, 2);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->after_write, 0);

    story_heartbeat(&t, 3, 5); /* a new term is a claim that must be durable */
    assert_true(t.out.write.hard_state_changed);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT_REPLY, 3)->after_write, t.out.write.id);
    story_close(&t);
}

static void what_a_later_write_replaced_is_not_persisted(void **state)
{
    (void)state;
    const raft_term old[] = {2, 2, 2}, new[] = {3};
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 2});
    receive_append(&t, append(2, 2, 1, 1), old, 3);
    receive_append(&t, append(3, 3, 1, 1), new, 1); /* replaces 2 .. 4 */
    assert_int_equal(t.out.write.id, 2);
    assert_int_equal(t.out.write.truncate_from, 2);
    assert_int_equal(t.out.write.append_first, 2);
    assert_int_equal(t.out.write.append_last, 2);
    story_input(&t, &(struct raft_input){.type = RAFT_PERSISTED, .write_id = 1});
    assert_int_equal(story_status(&t).persisted_index, 1);
    story_input(&t, &(struct raft_input){.type = RAFT_PERSISTED, .write_id = 2});
    assert_int_equal(story_status(&t).persisted_index, 2);
    story_close(&t);
}

static void no_more_writes_are_given_out_than_may_be_outstanding(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 3, TERMS(1), .current_term = 2});
    const raft_term terms[] = {2};
    for (raft_index i = 1; i <= RAFT_WRITES_MAX; i++) {
        receive_append(&t, append(2, 2, i, i == 1 ? 1 : 2), terms, 1);
        assert_int_equal(t.out.write.id, i);
    }
    receive_append(&t, append(2, 2, RAFT_WRITES_MAX + 1, 2), terms, 1);
    assert_int_equal(t.out.write.id, 0);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->after_write, RAFT_WRITES_MAX + 1);
    story_input(&t, &(struct raft_input){.type = RAFT_PERSISTED, .write_id = 1});
    assert_int_equal(t.out.write.id, RAFT_WRITES_MAX + 1);
    assert_int_equal(t.out.write.append_first, RAFT_WRITES_MAX + 2);
    story_close(&t);
}

static void a_follower_commits_what_matches_and_no_more(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 1, 2, 2, 2), .current_term = 4});
    struct raft_message m = append(2, 4, 2, 1);
    m.commit_index = 5; /* our entries 3 .. 5 are not known to be the leader's */
    receive_append(&t, m, NULL, 0);
    assert_int_equal(t.out.apply_last, 2);
    const raft_term terms[] = {3};
    receive_append(&t, m, terms, 1);
    assert_int_equal(t.out.apply_first, 3);
    assert_int_equal(t.out.apply_last, 3);
    assert_int_equal(story_status(&t).last_index, 3);
    story_close(&t);
}

static void a_late_copy_cuts_nothing(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 1, 1, 1), .current_term = 1});
    const raft_term terms[] = {1};
    receive_append(&t, append(2, 1, 1, 1), terms, 1);
    assert_int_equal(story_status(&t).last_index, 4);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->index, 2);
    struct raft_message m = append(2, 1, 4, 1);
    m.commit_index = 4;
    receive_append(&t, m, NULL, 0);
    receive_append(&t, append(2, 1, 1, 1), terms, 1); /* below what is committed */
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->index, 4);
    story_close(&t);
}

/* No leader sends this; what was committed stays all the same. */
static void what_is_committed_is_never_rewritten(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 1, 1), .commit_index = 3, .current_term = 4});
    const raft_term terms[] = {4, 4};
    receive_append(&t, append(2, 4, 1, 1), terms, 2);
    assert_int_equal(story_term(&t, 2), 1);
    assert_int_equal(story_term(&t, 3), 1);
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND_REPLY, 2)->index, 3);
    story_close(&t);
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    const raft_term falling[] = {3, 2}, future[] = {9}, zero[] = {0};
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 2, 3), .current_term = 4, .commit_index = 2});
    const struct {
        struct raft_message m;
        const raft_term *terms;
        uint32_t count;
    } cases[] = {
        {append(2, 4, 3, 3), falling, 2},
        {append(2, 4, 3, 3), future, 1},
        {append(2, 4, 3, 3), zero, 1},
        {append(2, 4, 2, 1), NULL, 0},             /* another term where we have committed */
        {append(2, 4, 3, 9), NULL, 0},             /* a term behind its own */
        {append(2, 4, 0, 3), NULL, 0},             /* a term before the first entry */
        {append(2, 4, UINT64_MAX, 3), NULL, 0},
        {append(1, 4, 3, 3), NULL, 0},             /* from ourselves */
        {append(0, 4, 3, 3), NULL, 0},
        {append(2, UINT64_MAX, 3, 3), NULL, 0},
        {{.type = RAFT_MSG_HEARTBEAT, .from = 2, .term = 4, .commit_index = 4}, NULL, 0},
        {{.type = RAFT_MSG_HEARTBEAT, .from = 2, .term = 4, .lease_ms = UINT32_MAX}, NULL, 0},
        {{.type = RAFT_MSG_SNAPSHOT, .from = 2, .term = 4, .index = 9, .log_term = 3}, NULL, 0},
        {{.type = (enum raft_message_type)99, .from = 2, .term = 4}, NULL, 0},
        {{.type = RAFT_MSG_APPEND, .from = 2, .to = 3, .term = 4}, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        receive_append(&t, cases[i].m, cases[i].terms, cases[i].count);
        assert_int_equal(t.status, STATUS_BAD_MESSAGE);
        assert_int_equal(story_status(&t).last_index, 3);
        assert_int_equal(story_status(&t).commit_index, 2);
    }
    /* A CONFIG entry without its content, with a bad one, and not at the end. */
    const struct raft_entry entries[] = {{4, 9, RAFT_CONFIG}, {4, 9, RAFT_DATA}};
    const struct raft_config none = {0}, good = {.incoming = {1, {1}}};
    const struct raft_config *configs[] = {NULL, &none, &good};
    for (uint32_t i = 0; i < 3; i++) {
        struct raft_message m = append(2, 4, 3, 3);
        m.entries = entries;
        m.entry_count = i < 2 ? 1 : 2;
        m.config = configs[i];
        story_receive(&t, &m);
        assert_int_equal(t.status, STATUS_BAD_MESSAGE);
    }
    story_close(&t);

    story_open(&t, &(struct story_setup){TERMS(1)}); /* and at the leader */
    story_lead(&t);
    story_ack(&t, 2, 3);
    assert_int_equal(t.status, STATUS_BAD_MESSAGE);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY, .from = 2,
                                             .term = t.out.term, .round = 1000});
    assert_int_equal(t.status, STATUS_BAD_MESSAGE);
    story_heartbeat(&t, 2, t.out.term);
    assert_int_equal(t.status, STATUS_BAD_MESSAGE);
    story_ack(&t, 77, 1); /* no member */
    assert_int_equal(t.status, STATUS_STALE);
    story_close(&t);
}

static void a_full_log_refuses_proposals_and_appends(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 1, .log_entries_max = 10});
    story_lead(&t);
    for (int i = 2; i <= 10; i++) {
        story_propose(&t, 1);
        assert_int_equal(t.status, STATUS_OK);
    }
    story_propose(&t, 1);
    assert_int_equal(t.status, STATUS_BUSY);
    story_persist(&t);
    story_input(&t, &(struct raft_input){.type = RAFT_APPLIED, .index = 10});
    story_input(&t, &(struct raft_input){.type = RAFT_COMPACTED, .index = 5});
    story_propose(&t, 1);
    assert_int_equal(t.status, STATUS_OK);
    assert_int_equal(t.first, 11);
    story_close(&t);

    story_open(&t, &(struct story_setup){.log_entries_max = 10});
    const raft_term terms[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    raft_index last = 0;
    while (t.status == STATUS_OK && last < 1000) {
        receive_append(&t, append(2, 1, last, last == 0 ? 0 : 1), terms, 10);
        last = story_status(&t).last_index;
    }
    assert_int_equal(t.status, STATUS_BUSY);
    assert_int_equal(story_count(&t, RAFT_MSG_APPEND_REPLY), 0);
    assert_in_range(last, 10, 10 + 256);
    story_close(&t);
}

static void others_than_the_leader_take_nothing(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_propose(&t, 1);
    assert_int_equal(t.status, STATUS_NOT_LEADER);
    story_read(&t, 1);
    assert_int_equal(t.status, STATUS_NOT_LEADER);
    story_input(&t, &(struct raft_input){.type = RAFT_TRANSFER, .node = 2});
    assert_int_equal(t.status, STATUS_NOT_LEADER);
    story_lead(&t);
    story_input(&t, &(struct raft_input){.type = RAFT_PROPOSE, .kind = RAFT_CONFIG});
    assert_int_equal(t.status, STATUS_INVALID);
    story_close(&t);
}

/* §3.1 step 8: who waits hears of the commit at once, the others with what comes next. */
static void a_commit_is_told_at_once_to_who_wants_it(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    story_ack(&t, 3, 2);
    story_propose(&t, 1);
    story_input(&t, &(struct raft_input){.type = RAFT_COMMIT_WANTED, .node = 3});
    assert_int_equal(story_count(&t, RAFT_MSG_APPEND), 0); /* entry 3 told it of commit 2 */
    story_persist(&t);
    story_ack(&t, 2, 3);
    assert_int_equal(t.out.apply_last, 3);
    assert_null(story_sent(&t, RAFT_MSG_APPEND, 2));
    const struct raft_message *m = story_sent(&t, RAFT_MSG_APPEND, 3);
    assert_non_null(m);
    assert_int_equal(m->entry_count, 0);
    assert_int_equal(m->commit_index, 3);
    story_propose(&t, 1); /* and that was all it wanted */
    story_persist(&t);
    story_ack(&t, 2, 4);
    assert_int_equal(t.out.apply_last, 4);
    assert_int_equal(story_count(&t, RAFT_MSG_APPEND), 0);
    story_close(&t);
}

static void answer(struct story *t, raft_node from, uint64_t round)
{
    story_receive(t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY,
                                            .from = from,
                                            .term = story_status(t).term,
                                            .round = round});
}

/* D13: the quickest of the last heartbeat to all, not one that owes an answer. */
static void a_read_round_asks_as_few_as_it_needs(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    story_tick(&t, STORY_HEARTBEAT);
    assert_int_equal(story_count(&t, RAFT_MSG_HEARTBEAT), 2);
    const uint64_t round = story_sent(&t, RAFT_MSG_HEARTBEAT, 2)->round;
    answer(&t, 3, round);
    answer(&t, 2, round);
    story_read(&t, 1);
    assert_int_equal(story_count(&t, RAFT_MSG_HEARTBEAT), 1);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT, 3)->round, round + 1);
    assert_int_equal(t.out.read_count, 0);
    answer(&t, 3, round + 1);
    assert_int_equal(t.out.read_count, 1);

    story_read(&t, 2); /* 3 stays silent */
    assert_non_null(story_sent(&t, RAFT_MSG_HEARTBEAT, 3));
    story_read(&t, 3);
    assert_int_equal(story_count(&t, RAFT_MSG_HEARTBEAT), 1);
    assert_non_null(story_sent(&t, RAFT_MSG_HEARTBEAT, 2));
    story_read(&t, 4); /* nobody is left of whom an answer can be expected soon */
    assert_int_equal(story_count(&t, RAFT_MSG_HEARTBEAT), 2);
    answer(&t, 2, round + 3);
    assert_int_equal(t.out.read_count, 2);
    story_tick(&t, STORY_HEARTBEAT);
    assert_int_equal(story_count(&t, RAFT_MSG_HEARTBEAT), 2);
    answer(&t, 2, story_sent(&t, RAFT_MSG_HEARTBEAT, 2)->round);
    assert_int_equal(t.out.read_count, 1);
    assert_true(t.out.reads[0].ok);
    story_close(&t);
}

/* A follower takes it without comparing logs: so it must be one that it has acknowledged. */
static void a_heartbeat_tells_no_commit_beyond_the_match(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 3);
    story_ack(&t, 3, 1);
    assert_int_equal(story_status(&t).commit_index, 3);
    story_tick(&t, STORY_HEARTBEAT);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT, 2)->commit_index, 3);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT, 3)->commit_index, 1);
    story_close(&t);
}

static void a_broken_connection_goes_back_to_probing(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_persist(&t);
    story_ack(&t, 2, 2);
    story_propose(&t, 1);
    assert_int_equal(story_status(&t).peers[0].next_index, 4);
    story_input(&t, &(struct raft_input){.type = RAFT_UNREACHABLE, .node = 2});
    const struct raft_status s = story_status(&t);
    assert_int_equal(s.peers[0].state, PROGRESS_PROBE);
    assert_int_equal(s.peers[0].next_index, 3);
    assert_int_equal(s.peers[0].inflight_count, 0);
    assert_null(story_sent(&t, RAFT_MSG_APPEND, 2)); /* nobody is there to hear it */
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY, .from = 2,
                                             .term = s.term});
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND, 2)->entry_count, 1);
    story_input(&t, &(struct raft_input){.type = RAFT_UNREACHABLE, .node = 2});
    story_tick(&t, 2 * STORY_HEARTBEAT); /* and if it says nothing, it is tried all the same */
    assert_int_equal(story_sent(&t, RAFT_MSG_APPEND, 2)->entry_count, 1);
    story_close(&t);
}

static void a_second_flush_has_nothing_left(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 1, TERMS(1)});
    story_tick(&t, 1);
    assert_int_not_equal(t.out.write.id, 0);
    const struct raft_output *out = raft_flush(t.core);
    assert_int_equal(out->write.id, 0);
    assert_int_equal(out->message_count, 0);
    assert_int_equal(out->apply_last, 0);
    assert_false(out->role_changed);
    assert_int_equal(out->role, RAFT_LEADER);
    story_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_7_followers_come_to_agree),
        cmocka_unit_test(figure_8_old_terms_are_not_committed_by_counting),
        cmocka_unit_test(the_leader_counts_itself_only_as_persisted),
        cmocka_unit_test(proposals_of_a_turn_share_a_write_and_a_message),
        cmocka_unit_test(messages_and_windows_are_bounded_in_bytes),
        cmocka_unit_test(a_lost_append_is_sent_again),
        cmocka_unit_test(replies_wait_for_the_write_of_what_they_claim),
        cmocka_unit_test(what_a_later_write_replaced_is_not_persisted),
        cmocka_unit_test(no_more_writes_are_given_out_than_may_be_outstanding),
        cmocka_unit_test(a_follower_commits_what_matches_and_no_more),
        cmocka_unit_test(a_late_copy_cuts_nothing),
        cmocka_unit_test(what_is_committed_is_never_rewritten),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(a_full_log_refuses_proposals_and_appends),
        cmocka_unit_test(others_than_the_leader_take_nothing),
        cmocka_unit_test(a_commit_is_told_at_once_to_who_wants_it),
        cmocka_unit_test(a_read_round_asks_as_few_as_it_needs),
        cmocka_unit_test(a_heartbeat_tells_no_commit_beyond_the_match),
        cmocka_unit_test(a_broken_connection_goes_back_to_probing),
        cmocka_unit_test(a_second_flush_has_nothing_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
