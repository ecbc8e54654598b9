/* expiry.c -- the leader's expiry timer (ARCHITECTURE §3.6 step 2): keys leave by the log, proposed
 * by the leader when the first of them is due. One request at a time; while more are due, again. */

#include "node/shard_internal.h"

#include "base/encode.h"
#include "keyspace/expire.h"
#include "raft/types.h"

#define EXPIRE_LIMIT 1024     /* keys of one request */
#define LOOK_EVERY_MS ((uint64_t)100) /* a deadline set meanwhile waits so long; readers do not */
#define LOOK_LEAST_US 1000    /* between two looks */

static uint64_t wall_ms(const struct shard *s)
{
    return MAX(s->o.clock.wall_ms(s->o.clock.context), keyspace_applied(s->keyspace).clock_ms);
}

static bool is_on(struct shard *s)
{
    return s->role == RAFT_LEADER && machine_active_expire(s->machine);
}

static void propose_expiry(struct shard *s)
{
    uint8_t limit[4];
    put_le32(limit, EXPIRE_LIMIT);
    const struct bytes args[] = {bytes_of(limit, sizeof(limit)), BYTES_NONE};
    const struct request r = {.kind = REQ_EXPIRE_DUE, .args = args, .arg_count = ARRAY_COUNT(args)};
    propose_internal(s, &r)->has_expiry = true;
    s->expiry_proposed = true;
}

void expiry_turn(struct shard *s)
{
    if (s->expiry_proposed || s->now_us < s->expiry_at_us)
        return;
    if (!is_on(s)) {
        s->expiry_at_us = s->now_us + LOOK_EVERY_MS * 1000;
        return;
    }
    const uint64_t deadline_ms = expire_next_deadline(s->keyspace);
    const uint64_t now_ms = wall_ms(s);
    /* Still there after its expiry was applied: the log's clock is behind ours, let it come. */
    const bool again = deadline_ms == s->expiry_deadline_ms &&
                       deadline_ms > keyspace_applied(s->keyspace).clock_ms;
    s->expiry_deadline_ms = 0;
    if (deadline_ms == 0 || deadline_ms > now_ms || again) {
        const uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : LOOK_EVERY_MS;
        s->expiry_at_us = s->now_us + MIN(left_ms, LOOK_EVERY_MS) * 1000;
        return;
    }
    s->expiry_deadline_ms = deadline_ms;
    propose_expiry(s);
}

void expiry_ended(struct shard *s)
{
    s->expiry_proposed = false;
    s->expiry_at_us = s->now_us;
}

uint64_t expiry_due_us(const struct shard *s)
{
    if (s->expiry_proposed || s->role != RAFT_LEADER)
        return NEVER;
    return MAX(s->expiry_at_us, s->now_us + LOOK_LEAST_US);
}
