/* space.c -- room on the disks (ARCHITECTURE §6.4, "disk nearly full").
 *
 *   free space:   .... disk-reserve ............ half of it ................. 0
 *   level:        PLENTY       | LOW                             | NONE
 *   refused:      nothing      | what grows                      | every write
 *
 * A worker of its own looks every LOOK_US: behind a snapshot it would look too late. Each node
 * tells its level by its HEARTBEAT_REPLYs; the leader, by its HEARTBEATs, the level that a majority
 * of voters is at, or NONE when it has no room itself. What clients are refused by is the worse of
 * the two; a level that is known to be NONE takes no batch and no entries with data, so that no
 * write of the log ever meets a full disk: it would end the process (D16). A leader below its
 * reserve hands over to a voter above it. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/log.h"
#include "kv/disk.h"

#define LOOK_US UINT64_C(100000)
#define HAND_OVER_US UINT64_C(10000000) /* from one to the next */
#define NONE_SHARE 2 /* a level of NONE begins at this part of the reserve: the log's database
                      * still writes what it has in memory, twice 32 MiB */
#define LAST_SHARE 8 /* what was under way when all stopped is taken down to here */
#define BACK_SHARE 8 /* and a level is left for a better one with this part of it to spare */

static const char *const names[] = {"plenty", "low", "none"};

static enum space_level level_of(const struct consensus *c, uint64_t free_bytes)
{
    const uint64_t reserve = c->o.disk_reserve, none = reserve / NONE_SHARE;
    const enum space_level was = c->space.own;
    if (free_bytes < none + (was == SPACE_NONE ? reserve / BACK_SHARE : 0))
        return SPACE_NONE;
    if (free_bytes < reserve + (was >= SPACE_LOW ? reserve / BACK_SHARE : 0))
        return SPACE_LOW;
    return SPACE_PLENTY;
}

/* The best level that a majority of the voters has reached. */
static enum space_level majority_level(struct consensus *c)
{
    uint32_t at_level[SPACE_LEVELS] = {0}, count = 0;
    for (uint32_t i = 0; i < c->config.incoming.count; i++) {
        const raft_node node = c->config.incoming.node[i];
        const struct peer *p = peer_find(c, node);
        if (node == c->identity.node_id)
            at_level[c->space.own]++;
        else
            at_level[p == NULL ? SPACE_PLENTY : p->space]++;
    }
    for (int level = SPACE_PLENTY; level < SPACE_NONE; level++) {
        count += at_level[level];
        if (count > c->config.incoming.count / 2)
            return (enum space_level)level;
    }
    return c->config.incoming.count == 0 ? SPACE_PLENTY : SPACE_NONE;
}

static enum space_level level_to_tell(struct consensus *c)
{
    if (!is_leader(c) || c->space.own == SPACE_NONE)
        return c->space.own;
    return majority_level(c);
}

void space_heard(struct consensus *c, raft_node from, const struct wire_raft *raft)
{
    struct peer *p = peer_find(c, from);
    if (raft->message.type == RAFT_MSG_HEARTBEAT_REPLY && p != NULL) {
        if (raft->space < p->space)
            p->snapshot_after_us = 0; /* if it refused one, this may have been why */
        p->space = raft->space;
    }
    else if (raft->message.type == RAFT_MSG_HEARTBEAT && raft->message.term == c->term)
        c->space.leader = raft->space;
}

bool space_refuses(const struct consensus *c, const struct raft_message *m)
{
    if (c->space.own != SPACE_NONE || m->type != RAFT_MSG_APPEND)
        return false;
    /* A leader that has stopped sends no more than was under way, and its NOOP behind that. */
    if (c->space.leader == SPACE_NONE && c->space.free_bytes >= c->o.disk_reserve / LAST_SHARE)
        return false;
    for (uint32_t i = 0; i < m->entry_count; i++)
        if (m->entries[i].kind == RAFT_DATA)
            return true;
    return false;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void work(struct job *job)
{
    struct space *space = container_of(job, struct space, job);
    space->status = disk_space(space->disk, space->dir, &space->found_bytes, &space->error);
}

static void note(struct consensus *c)
{
    struct space *space = &c->space;
    const bool was_blind = space->is_blind;
    space->is_blind = space->status != STATUS_OK;
    if (space->is_blind) { /* the level stays what it was */
        if (!was_blind)
            log_warn("disk", "cannot tell how much room there is", "error=\"%s\"",
                     space->error.text);
        return;
    }
    space->free_bytes = space->found_bytes;
    const enum space_level level = level_of(c, space->free_bytes);
    if (level == space->own)
        return;
    if (level > space->own)
        log_error("disk", "nearly full", "level=%s free=%" PRIu64 " disk-reserve=%" PRIu64,
                  names[level], space->free_bytes, c->o.disk_reserve);
    else
        log_info("disk", "has room again", "level=%s free=%" PRIu64, names[level],
                 space->free_bytes);
    space->own = level;
}

static void done(struct job *job)
{
    struct space *space = container_of(job, struct space, job);
    space->is_looking = false;
    note(container_of(space, struct consensus, space));
}

void space_open(struct consensus *c)
{
    struct space *space = &c->space;
    space->job = (struct job){work, done};
    space->disk = c->o.disk;
    space->dir = c->o.dir;
    if (c->o.disk_reserve == 0)
        return;
    work(&space->job);
    note(c);
}

/* The voter with room that has most of the log; 0 = none. */
static raft_node roomier(struct consensus *c)
{
    struct raft_status status;
    raft_status(c->raft, &status);
    raft_node best = 0;
    raft_index best_index = 0;
    for (uint32_t i = 0; i < status.peer_count; i++) {
        const struct raft_peer_status *r = &status.peers[i];
        const struct peer *p = peer_find(c, r->node);
        if (p == NULL || p->space != SPACE_PLENTY || r->silent_ticks >= c->o.election_ticks ||
            !node_set_has(&c->config.incoming, r->node) || r->match_index < best_index)
            continue;
        best = r->node;
        best_index = r->match_index;
    }
    return best;
}

static void hand_over(struct consensus *c)
{
    const raft_node to = roomier(c);
    if (to == 0)
        return;
    c->space.hand_over_us = c->now_us + HAND_OVER_US;
    log_warn("disk", "nearly full: handing over", "to=%" PRIu64, to);
    step_quietly(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to});
}

void space_tick(struct consensus *c)
{
    struct space *space = &c->space;
    if (c->o.disk_reserve != 0 && !space->is_looking && c->now_us - space->looked_us >= LOOK_US) {
        space->is_looking = true;
        space->looked_us = c->now_us;
        c->o.workers.submit(c->o.workers.context, WORKER_LOOK, &space->job);
    }
    space->told = level_to_tell(c);
    const enum space_level level = MAX(space->own, is_leader(c) ? space->told : space->leader);
    if (level != space->level) {
        space->level = level;
        c->status_due = true;
    }
    if (is_leader(c) && space->own != SPACE_PLENTY && c->now_us >= space->hand_over_us)
        hand_over(c);
}
