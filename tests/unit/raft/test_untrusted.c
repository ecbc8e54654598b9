/* test_untrusted.c -- messages that make no sense, by the hundred thousand: refused or taken, but
 * no CHECK fails. Numbers are drawn near those that would make sense, where the mistakes are. */

#include "story.h"

#include "base/bytes.h"
#include "base/prng.h"

#define RUNS 300
#define STEPS 1000
#define ENTRIES_MAX 6

struct lies {
    struct prng prng;
    struct raft_status status;
    struct raft_entry entries[ENTRIES_MAX];
    struct raft_config config;
};

static uint64_t near(struct prng *p, uint64_t value)
{
    switch (prng_below(p, 12)) {
    case 0: return prng_next(p);
    case 1: return UINT64_MAX;
    case 2: return 0;
    case 3: return value + prng_below(p, 20);
    case 4: return value - prng_below(p, 20);
    case 5: return value + 1;
    case 6: return value - 1;
    default: return value;
    }
}

static void lie_in_a_set(struct prng *p, struct raft_set *set)
{
    set->count = (uint8_t)(prng_chance(p, 1, 30) ? prng_next(p) : prng_below(p, 4));
    for (size_t i = 0; i < RAFT_NODES_MAX; i++)
        set->node[i] = prng_below(p, 8);
}

static void lie_in_entries(struct lies *lies, struct raft_message *m)
{
    struct prng *p = &lies->prng;
    m->entry_count = (uint32_t)prng_below(p, ENTRIES_MAX + 1);
    m->entries = prng_chance(p, 1, 40) ? NULL : lies->entries;
    raft_term term = m->log_term;
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        if (prng_chance(p, 1, 4))
            term = near(p, m->term);
        lies->entries[i] = (struct raft_entry){.term = term, .size = (uint32_t)prng_below(p, 300),
                                               .kind = RAFT_DATA};
        if (prng_chance(p, 1, 60))
            lies->entries[i].size = (uint32_t)prng_next(p);
    }
    if (m->entry_count > 0 && prng_chance(p, 1, 3))
        lies->entries[m->entry_count - 1].kind = (uint8_t)(prng_chance(p, 1, 9) ? 7 : RAFT_CONFIG);
    if (prng_chance(p, 1, 50))
        m->entry_count = (uint32_t)prng_next(p);
}

static struct raft_message lie(struct lies *lies)
{
    struct prng *p = &lies->prng;
    const struct raft_status *s = &lies->status;
    struct raft_message m = {
        .type = (enum raft_message_type)prng_below(p, RAFT_MSG_TIMEOUT_NOW + 2),
        .from = prng_chance(p, 1, 20) ? prng_next(p) : prng_below(p, 7),
        .to = prng_chance(p, 1, 30) ? 2 : 1,
        .term = near(p, s->term),
        .index = near(p, s->last_index),
        .log_term = near(p, s->last_term),
        .commit_index = near(p, s->commit_index),
        .round = prng_chance(p, 1, 2) ? near(p, s->last_index) : prng_below(p, 40),
        .reject = prng_chance(p, 1, 2),
        .transfer = prng_chance(p, 1, 4),
        .lease_ms = (uint32_t)(prng_chance(p, 1, 20) ? prng_next(p) : prng_below(p, 3) * 50),
        .want_snapshot = prng_chance(p, 1, 10),
    };
    lie_in_a_set(p, &lies->config.incoming);
    lie_in_a_set(p, &lies->config.outgoing);
    lie_in_a_set(p, &lies->config.learners);
    if (prng_chance(p, 1, 2))
        lies->config.outgoing.count = 0;
    m.config = prng_chance(p, 1, 20) ? NULL : &lies->config;
    lie_in_entries(lies, &m);
    return m;
}

/* What a driver would do in between, honestly. */
static void live(struct story *t, struct lies *lies)
{
    struct prng *p = &lies->prng;
    switch (prng_below(p, 8)) {
    case 0: story_propose(t, 10); break;
    case 1: story_read(t, prng_next(p)); break;
    case 2:
        if (t->last_write != 0)
            story_persist(t);
        break;
    case 3:
        story_input(t, &(struct raft_input){.type = RAFT_TRANSFER, .node = prng_below(p, 6)});
        break;
    case 4:
        story_input(t, &(struct raft_input){.type = RAFT_UNREACHABLE, .node = prng_below(p, 6)});
        break;
    case 5:
        story_input(t, &(struct raft_input){.type = RAFT_SNAPSHOT_ENDED, .node = prng_below(p, 6),
                                            .ok = prng_chance(p, 1, 2)});
        break;
    case 6:
        story_input(t, &(struct raft_input){.type = RAFT_CHANGE, .config = &lies->config});
        break;
    default: story_tick(t, 1 + (uint32_t)prng_below(p, 3)); break;
    }
}

static void lies_break_no_invariant(void **state)
{
    (void)state;
    static struct lies lies;
    uint64_t taken = 0, leaders = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        prng_seed(&lies.prng, seed);
        struct story t;
        story_open(&t, &(struct story_setup){TERMS(1, 1, 2, 3, 3), .current_term = 3,
                                             .voter_count = 1 + prng_below(&lies.prng, 5),
                                             .log_entries_max = 100, .lease_ms = 50,
                                             .state_lost = prng_chance(&lies.prng, 1, 10)});
        if (prng_chance(&lies.prng, 1, 2) && !story_status(&t).state_lost)
            story_lead(&t);
        for (int i = 0; i < STEPS; i++) {
            lies.status = story_status(&t);
            leaders += lies.status.role == RAFT_LEADER;
            if (prng_chance(&lies.prng, 1, 4)) {
                live(&t, &lies);
                continue;
            }
            const struct raft_message m = lie(&lies);
            story_input(&t, &(struct raft_input){.type = RAFT_RECEIVE, .message = &m});
            taken += t.status == STATUS_OK;
        }
        story_close(&t);
    }
    assert_true(taken > RUNS * STEPS / 50); /* else the lies are too easily seen through */
    assert_true(leaders > RUNS * STEPS / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_break_no_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
