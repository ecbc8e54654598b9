/* test_election.c -- who becomes leader, who votes for whom, and who keeps quiet. */

#include "story.h"

#include "base/bytes.h"

static struct raft_message vote(raft_node from, raft_term term, raft_index index,
                                raft_term log_term)
{
    return (struct raft_message){
        .type = RAFT_MSG_VOTE, .from = from, .term = term, .index = index, .log_term = log_term};
}

/* A node that has just started refuses; this is how long. */
static void wait_past_start(struct story *t)
{
    story_tick(t, STORY_ELECTION);
}

static void the_only_voter_leads_at_the_first_tick(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 1, TERMS(1, 1)});
    story_tick(&t, 1);
    assert_int_equal(t.out.role, RAFT_LEADER);
    assert_int_equal(t.out.term, 2);
    assert_true(t.out.role_changed);
    assert_int_equal(t.out.write.append_first, 3); /* its NOOP */
    assert_true(t.out.write.hard_state_changed);
    assert_int_equal(t.out.write.hard_state.voted_for, 1);
    assert_int_equal(t.out.apply_last, 0); /* nothing is committed before it is durable */
    story_persist(&t);
    assert_int_equal(t.out.apply_first, 1);
    assert_int_equal(t.out.apply_last, 3);
    story_close(&t);
}

static void pre_vote_changes_no_term_and_writes_nothing(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1, 2), .current_term = 5});
    uint32_t ticks = 0;
    while (story_status(&t).role == RAFT_FOLLOWER && ticks++ < 100)
        story_tick(&t, 1);
    assert_in_range(ticks + 1, STORY_ELECTION + 2, 2 * STORY_ELECTION);
    assert_int_equal(story_status(&t).role, RAFT_PRE_CANDIDATE);
    assert_int_equal(t.out.term, 5);
    assert_int_equal(t.out.write.id, 0);
    const struct raft_message *m = story_sent(&t, RAFT_MSG_PRE_VOTE, 3);
    assert_non_null(m);
    assert_int_equal(m->term, 6); /* asked for */
    assert_int_equal(m->index, 2);
    assert_int_equal(m->log_term, 2);
    story_close(&t);
}

static void votes_are_asked_after_pre_votes_and_held_until_durable(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 5, TERMS(1), .current_term = 5});
    while (story_status(&t).role == RAFT_FOLLOWER)
        story_tick(&t, 1);
    const struct raft_message granted = {
        .type = RAFT_MSG_PRE_VOTE_REPLY, .from = 2, .term = 6};
    story_receive(&t, &granted);
    story_receive(&t, &granted); /* twice by the same node is once */
    assert_int_equal(t.out.role, RAFT_PRE_CANDIDATE);
    struct raft_message other = granted;
    other.from = 3;
    story_receive(&t, &other);
    assert_int_equal(t.out.role, RAFT_CANDIDATE);
    assert_int_equal(t.out.term, 6);
    assert_int_equal(story_count(&t, RAFT_MSG_VOTE), 4);
    assert_int_equal(story_sent(&t, RAFT_MSG_VOTE, 4)->after_write, t.out.write.id);
    assert_int_equal(t.out.write.hard_state.voted_for, 1);

    struct raft_message reply = {.type = RAFT_MSG_VOTE_REPLY, .from = 2, .term = 6};
    story_receive(&t, &reply);
    reply = (struct raft_message){
        .type = RAFT_MSG_VOTE_REPLY, .from = 3, .term = 6, .reject = true};
    story_receive(&t, &reply);
    assert_int_equal(t.out.role, RAFT_CANDIDATE);
    reply.from = 9; /* a stranger's vote */
    reply.reject = false;
    story_receive(&t, &reply);
    assert_int_equal(t.out.role, RAFT_CANDIDATE);
    reply.from = 5;
    story_receive(&t, &reply);
    assert_int_equal(t.out.role, RAFT_LEADER);
    assert_int_equal(t.out.leader, 1);
    story_close(&t);
}

/* §5.4.1 of the paper: log terms first, then length. */
static void a_vote_goes_to_logs_at_least_as_up_to_date(void **state)
{
    (void)state;
    const struct {
        raft_index index;
        raft_term log_term;
        bool granted;
    } cases[] = {{3, 3, true},  {2, 3, false}, {9, 2, false}, {4, 3, true},
                 {1, 4, true},  {3, 2, false}, {0, 0, false}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct story t;
        story_open(&t, &(struct story_setup){TERMS(1, 2, 3), .current_term = 4});
        wait_past_start(&t);
        struct raft_message m = vote(2, 5, cases[i].index, cases[i].log_term);
        story_receive(&t, &m);
        const struct raft_message *reply = story_sent(&t, RAFT_MSG_VOTE_REPLY, 2);
        assert_non_null(reply);
        assert_int_equal(!reply->reject, cases[i].granted);
        assert_int_equal(reply->term, 5);
        assert_int_equal(reply->after_write, t.out.write.id);
        assert_int_equal(t.out.write.hard_state.voted_for, cases[i].granted ? 2 : 0);

        m.type = RAFT_MSG_PRE_VOTE;
        m.term = 6;
        story_receive(&t, &m);
        reply = story_sent(&t, RAFT_MSG_PRE_VOTE_REPLY, 2);
        assert_int_equal(!reply->reject, cases[i].granted);
        assert_int_equal(reply->term, cases[i].granted ? 6 : 5);
        story_close(&t);
    }
}

static void a_vote_is_given_once_in_a_term(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4, .voted_for = 3});
    wait_past_start(&t);
    struct raft_message m = vote(2, 4, 1, 1);
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_VOTE_REPLY, 2)->reject);
    m.from = 3; /* the same node asks again: its reply was lost */
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    m.from = 2;
    m.term = 5; /* a new term, a new vote */
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 2)->reject);
    story_close(&t);
}

static void a_node_that_hears_a_leader_refuses_and_keeps_its_term(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    wait_past_start(&t);
    story_heartbeat(&t, 2, 4);
    struct raft_message m = vote(3, 9, 1, 1);
    story_tick(&t, STORY_ELECTION - 1);
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    assert_int_equal(t.out.term, 4);
    m.type = RAFT_MSG_PRE_VOTE; /* nor is anybody encouraged to campaign */
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_PRE_VOTE_REPLY, 3)->reject);
    m.type = RAFT_MSG_VOTE;
    m.transfer = true; /* the leader itself wants it */
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    assert_int_equal(t.out.term, 9);
    story_close(&t);

    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    wait_past_start(&t);
    story_heartbeat(&t, 2, 4);
    story_tick(&t, STORY_ELECTION);
    m.transfer = false;
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_close(&t);
}

static void a_node_that_has_just_started_refuses(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    const struct raft_message m = vote(3, 9, 1, 1);
    story_tick(&t, STORY_ELECTION - 1);
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_tick(&t, 1);
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_close(&t);
}

static void an_older_term_is_answered_with_ours(void **state)
{
    (void)state;
    const enum raft_message_type types[][2] = {
        {RAFT_MSG_APPEND, RAFT_MSG_APPEND_REPLY},
        {RAFT_MSG_HEARTBEAT, RAFT_MSG_HEARTBEAT_REPLY},
        {RAFT_MSG_PRE_VOTE, RAFT_MSG_PRE_VOTE_REPLY},
        {RAFT_MSG_VOTE, RAFT_MSG_VOTE_REPLY},
        {RAFT_MSG_SNAPSHOT, RAFT_MSG_SNAPSHOT_REPLY},
    };
    const struct raft_config config = {.incoming = {1, {1}}};
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        story_receive(&t, &(struct raft_message){.type = types[i][0], .from = 2, .term = 3,
                                                 .index = 1, .log_term = 1, .config = &config});
        assert_int_equal(t.status, STATUS_STALE);
        const struct raft_message *reply = story_sent(&t, types[i][1], 2);
        assert_non_null(reply);
        assert_true(reply->reject);
        assert_int_equal(reply->term, 4);
        assert_int_equal(t.out.leader, 0);
    }
    story_close(&t);
}

/* How a node stuck with a higher term gets back in. */
static void a_leader_behind_steps_down(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_read(&t, 5);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_APPEND_REPLY, .from = 2, .term = 9,
                                             .reject = true});
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    assert_int_equal(t.out.term, 9);
    assert_int_equal(t.out.read_count, 1); /* and its reads get their answer */
    assert_false(t.out.reads[0].ok);
    story_close(&t);
}

static void a_refused_pre_vote_brings_the_higher_term(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    while (story_status(&t).role == RAFT_FOLLOWER)
        story_tick(&t, 1);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_PRE_VOTE_REPLY, .from = 2,
                                             .term = 8, .reject = true});
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    assert_int_equal(t.out.term, 8);
    story_close(&t);
}

static void a_leader_that_no_quorum_answers_steps_down(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){.voter_count = 5, TERMS(1)});
    story_lead(&t);
    for (int i = 0; i < 3 * STORY_ELECTION; i++) {
        story_tick(&t, 1);
        const uint64_t round = t.out.round;
        for (raft_node node = 2; node <= 3; node++)
            story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY,
                                                     .from = node, .term = t.out.term,
                                                     .round = round});
    }
    assert_int_equal(t.out.role, RAFT_LEADER); /* 1, 2 and 3 are a quorum */
    for (int i = 0; i < STORY_ELECTION; i++) {
        story_tick(&t, 1);
        story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT_REPLY, .from = 2,
                                                 .term = t.out.term});
    }
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    assert_int_equal(t.out.leader, 0);
    story_close(&t);
}

static void a_broken_connection_to_the_leader_makes_haste(void **state)
{
    (void)state;
    const struct raft_input broken = {.type = RAFT_UNREACHABLE, .node = 1};
    for (raft_node self = 2; self <= 5; self++) {
        struct story t;
        story_open(&t, &(struct story_setup){.self = self, .voter_count = 5, TERMS(1)});
        wait_past_start(&t);
        story_heartbeat(&t, 1, 4);
        story_input(&t, &broken);
        assert_int_equal(t.out.leader, 0);
        uint32_t ticks = 0;
        while (t.out.role == RAFT_FOLLOWER && ticks < 100) {
            story_tick(&t, 1);
            ticks++;
        }
        const uint32_t rank = (uint32_t)self - 2; /* among the voters but the lost leader */
        assert_in_range(ticks, MAX(rank, 1), rank + 1);
        for (ticks = 0; ticks < 4 && story_count(&t, RAFT_MSG_PRE_VOTE) == 0;)
            story_tick(&t, 1); /* refused or not heard: again within 2-4 ticks */
        assert_int_equal(story_count(&t, RAFT_MSG_PRE_VOTE), 4);
        story_close(&t);
    }
}

static void a_node_that_owes_a_promise_makes_no_haste(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    wait_past_start(&t);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT, .from = 2, .term = 4,
                                             .lease_ms = 500});
    story_input(&t, &(struct raft_input){.type = RAFT_UNREACHABLE, .node = 2});
    assert_int_equal(t.out.leader, 2);
    story_tick(&t, 50); /* 500 ms in ticks of 10, and one more */
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    story_tick(&t, 2 * STORY_ELECTION + 1);
    assert_int_equal(t.out.role, RAFT_PRE_CANDIDATE);
    story_close(&t);
}

static void a_promise_refuses_every_vote_and_outlives_a_restart(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4});
    wait_past_start(&t);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_HEARTBEAT, .from = 2, .term = 4,
                                             .lease_ms = 295, .round = 3});
    assert_int_equal(t.out.write.hard_state.promise_ms, 295);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT_REPLY, 2)->after_write, t.out.write.id);
    assert_int_equal(story_sent(&t, RAFT_MSG_HEARTBEAT_REPLY, 2)->round, 3);
    const struct raft_message m = vote(3, 9, 1, 1);
    story_tick(&t, 30); /* 295 ms are 30 ticks, and one more */
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_tick(&t, 1);
    story_receive(&t, &m);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_close(&t);

    story_open(&t, &(struct story_setup){TERMS(1), .current_term = 4, .promise_ms = 295});
    story_tick(&t, 30);
    story_receive(&t, &m);
    assert_true(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    assert_int_equal(story_status(&t).role, RAFT_FOLLOWER); /* nor did it vote for itself */
    struct raft_message asked = m;
    asked.transfer = true;
    story_receive(&t, &asked);
    assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
    story_close(&t);
}

static void who_may_not_campaign_does_not(void **state)
{
    (void)state;
    const struct story_setup setups[] = {
        {.self = 4, .learner_count = 1, TERMS(1)},  /* a learner */
        {.self = 9, TERMS(1)},                      /* nobody */
        {.state_lost = true, TERMS(1)},             /* its state is gone */
    };
    for (size_t i = 0; i < ARRAY_COUNT(setups); i++) {
        struct story t;
        story_open(&t, &setups[i]);
        story_tick(&t, 10 * STORY_ELECTION);
        assert_int_equal(t.out.role, RAFT_FOLLOWER);
        story_receive(&t, &(struct raft_message){.type = RAFT_MSG_TIMEOUT_NOW, .from = 2,
                                                 .term = 1});
        assert_int_equal(t.status, STATUS_INVALID);
        assert_int_equal(t.out.role, RAFT_FOLLOWER);
        const struct raft_message m = vote(3, 9, 1, 1);
        story_tick(&t, STORY_ELECTION);
        story_receive(&t, &m); /* but it votes */
        assert_false(story_sent(&t, RAFT_MSG_VOTE_REPLY, 3)->reject);
        story_close(&t);
    }
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    story_lead(&t);
    story_input(&t, &(struct raft_input){.type = RAFT_ELIGIBLE, .ok = false});
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    story_tick(&t, 10 * STORY_ELECTION);
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    story_input(&t, &(struct raft_input){.type = RAFT_ELIGIBLE, .ok = true});
    story_tick(&t, 2 * STORY_ELECTION);
    assert_int_equal(t.out.role, RAFT_PRE_CANDIDATE);
    story_close(&t);
}

static void a_candidate_yields_to_the_leader_of_its_term(void **state)
{
    (void)state;
    struct story t;
    story_open(&t, &(struct story_setup){TERMS(1)});
    while (story_status(&t).role == RAFT_FOLLOWER)
        story_tick(&t, 1);
    story_receive(&t, &(struct raft_message){.type = RAFT_MSG_PRE_VOTE_REPLY, .from = 2,
                                             .term = 2});
    assert_int_equal(t.out.role, RAFT_CANDIDATE);
    story_heartbeat(&t, 3, 2);
    assert_int_equal(t.out.role, RAFT_FOLLOWER);
    assert_int_equal(t.out.leader, 3);
    story_heartbeat(&t, 2, 2); /* a second leader of one term there can not be */
    assert_int_equal(t.status, STATUS_BAD_MESSAGE);
    assert_int_equal(t.out.leader, 3);
    story_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_only_voter_leads_at_the_first_tick),
        cmocka_unit_test(pre_vote_changes_no_term_and_writes_nothing),
        cmocka_unit_test(votes_are_asked_after_pre_votes_and_held_until_durable),
        cmocka_unit_test(a_vote_goes_to_logs_at_least_as_up_to_date),
        cmocka_unit_test(a_vote_is_given_once_in_a_term),
        cmocka_unit_test(a_node_that_hears_a_leader_refuses_and_keeps_its_term),
        cmocka_unit_test(a_node_that_has_just_started_refuses),
        cmocka_unit_test(an_older_term_is_answered_with_ours),
        cmocka_unit_test(a_leader_behind_steps_down),
        cmocka_unit_test(a_refused_pre_vote_brings_the_higher_term),
        cmocka_unit_test(a_leader_that_no_quorum_answers_steps_down),
        cmocka_unit_test(a_broken_connection_to_the_leader_makes_haste),
        cmocka_unit_test(a_node_that_owes_a_promise_makes_no_haste),
        cmocka_unit_test(a_promise_refuses_every_vote_and_outlives_a_restart),
        cmocka_unit_test(who_may_not_campaign_does_not),
        cmocka_unit_test(a_candidate_yields_to_the_leader_of_its_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
