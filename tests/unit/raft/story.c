/* story.c -- see story.h. */

#include "story.h"

#include <string.h>

#include "base/bytes.h"

void story_open(struct story *t, const struct story_setup *setup)
{
    memset(t, 0, sizeof(*t));
    static struct trail trail;
    trail_init(&trail, setup->base, setup->base_term);
    for (size_t i = 0; i < setup->count; i++)
        assert_true(trail_append(&trail, setup->terms[i], 1));

    struct raft_config_at config = {.index = setup->base};
    const size_t voters = setup->voter_count == 0 ? 3 : setup->voter_count;
    for (size_t i = 0; i < voters; i++)
        config.config.incoming.node[config.config.incoming.count++] = i + 1;
    for (size_t i = 0; i < setup->learner_count; i++)
        config.config.learners.node[config.config.learners.count++] = voters + i + 1;

    const uint32_t large = 1 << 20;
    const struct raft_options options = {
        .self = setup->self == 0 ? 1 : setup->self,
        .election_ticks = STORY_ELECTION,
        .heartbeat_ticks = STORY_HEARTBEAT,
        .append_bytes_max = setup->append_bytes_max == 0 ? large : setup->append_bytes_max,
        .inflight_bytes_max = setup->inflight_bytes_max == 0 ? large : setup->inflight_bytes_max,
        .log_entries_max = setup->log_entries_max == 0 ? 1000 : setup->log_entries_max,
        .tick_ms = 10,
        .lease_ms = setup->lease_ms,
        .seed = 7,
    };
    const struct raft_saved saved = {
        .hard_state = {setup->current_term == 0 ? trail_last_term(&trail) : setup->current_term,
                       setup->voted_for, setup->promise_ms},
        .configs = &config,
        .config_count = 1,
        .trail = &trail,
        .commit_index = MAX(setup->commit_index, setup->base),
        .state_lost = setup->state_lost,
    };
    t->self = options.self;
    t->core = raft_open(&options, &saved);
    raft_check(t->core);
}

void story_close(struct story *t)
{
    raft_close(t->core);
}

void story_input(struct story *t, const struct raft_input *input)
{
    t->status = raft_step(t->core, input, &t->first);
    raft_check(t->core);
    t->out = *raft_flush(t->core);
    raft_check(t->core);
    assert_true(t->out.message_count <= STORY_MESSAGES_MAX);
    memcpy(t->messages, t->out.messages, t->out.message_count * sizeof(*t->messages));
    memcpy(t->reads, t->out.reads, t->out.read_count * sizeof(*t->reads));
    t->out.messages = t->messages;
    t->out.reads = t->reads;
    if (t->out.write.id != 0)
        t->last_write = t->out.write.id;
}

void story_tick(struct story *t, uint32_t count)
{
    const struct raft_input input = {.type = RAFT_TICK};
    for (uint32_t i = 0; i < count; i++)
        story_input(t, &input);
}

void story_receive(struct story *t, const struct raft_message *m)
{
    struct raft_message copy = *m;
    if (copy.to == 0)
        copy.to = t->self;
    const struct raft_input input = {.type = RAFT_RECEIVE, .message = &copy};
    story_input(t, &input);
}

void story_persist(struct story *t)
{
    const struct raft_input input = {.type = RAFT_PERSISTED, .write_id = t->last_write};
    story_input(t, &input);
}

void story_propose(struct story *t, uint32_t size)
{
    const struct raft_input input = {.type = RAFT_PROPOSE, .size = size, .kind = RAFT_DATA};
    story_input(t, &input);
}

void story_read(struct story *t, uint64_t id)
{
    const struct raft_input input = {.type = RAFT_READ, .read_id = id};
    story_input(t, &input);
}

void story_lead(struct story *t)
{
    struct raft_status s = story_status(t);
    for (int i = 0; i < 3 * STORY_ELECTION && s.role == RAFT_FOLLOWER; i++) {
        story_tick(t, 1);
        s = story_status(t);
    }
    for (size_t i = 0; i < s.peer_count && story_status(t).role == RAFT_PRE_CANDIDATE; i++)
        story_receive(t, &(struct raft_message){.type = RAFT_MSG_PRE_VOTE_REPLY,
                                                .from = s.peers[i].node, .term = s.term + 1});
    story_persist(t);
    for (size_t i = 0; i < s.peer_count && story_status(t).role == RAFT_CANDIDATE; i++)
        story_receive(t, &(struct raft_message){.type = RAFT_MSG_VOTE_REPLY,
                                                .from = s.peers[i].node, .term = s.term + 1});
    assert_int_equal(story_status(t).role, RAFT_LEADER);
}

void story_ack(struct story *t, raft_node from, raft_index match)
{
    story_receive(t, &(struct raft_message){.type = RAFT_MSG_APPEND_REPLY, .from = from,
                                            .term = story_status(t).term, .index = match});
}

void story_heartbeat(struct story *t, raft_node from, raft_term term)
{
    story_receive(t,
                  &(struct raft_message){.type = RAFT_MSG_HEARTBEAT, .from = from, .term = term});
}

const struct raft_message *story_sent(const struct story *t, enum raft_message_type type,
                                      raft_node to)
{
    for (size_t i = 0; i < t->out.message_count; i++)
        if (t->messages[i].type == type && t->messages[i].to == to)
            return &t->messages[i];
    return NULL;
}

size_t story_count(const struct story *t, enum raft_message_type type)
{
    size_t count = 0;
    for (size_t i = 0; i < t->out.message_count; i++)
        count += t->messages[i].type == type;
    return count;
}

struct raft_status story_status(const struct story *t)
{
    struct raft_status status;
    raft_status(t->core, &status);
    return status;
}

raft_term story_term(const struct story *t, raft_index index)
{
    struct raft_entry entry;
    return raft_entry_at(t->core, index, &entry) ? entry.term : 0;
}
