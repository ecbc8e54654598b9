/* caretaker.c -- what is seen to without being asked.
 *
 *   leader     learners that have caught up vote (unless they are spares); a spare takes the seat
 *              of a voter that has been dead for too long; a changed address goes into the log;
 *              so does the feature level that all members have come to know
 *   everybody  tells removed nodes so, for a while: they were cut off before they could learn it
 *   a removed  stands for no election any more and speaks to nobody
 *
 * An id is never given twice. So a committed configuration that counts an id as used up and does
 * not have it proves that this node was removed, however old the configuration is. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/log.h"

#define CARE_US 100000
#define GUEST_SILENT_US (60 * SECOND_US)

/* --- a leader's ------------------------------------------------------------------------------- */

static bool promote_learner(struct consensus *c)
{
    for (uint32_t i = 0; i < c->config.learners.count; i++) {
        const raft_node node = c->config.learners.node[i];
        if (node_set_has(&c->spares, node) || !learner_is_ready(c, node))
            continue;
        struct members target = membership_now(c);
        node_set_remove(&target.config.learners, node);
        node_set_add(&target.config.incoming, node);
        raft_index index;
        if (membership_propose(c, &target, &index) != STATUS_OK)
            return false;
        log_info("consensus", "a learner that has caught up is to vote", "node=%" PRIu64, node);
        return true;
    }
    return false;
}

/* The voter that has been silent the longest, and for too long; 0 = none. */
static raft_node dead_voter(const struct consensus *c)
{
    raft_node dead = 0;
    uint64_t most_us = c->o.replace_dead_ms * 1000;
    for (uint32_t i = 0; i < c->config.incoming.count; i++) {
        const raft_node node = c->config.incoming.node[i];
        const struct peer *p = peer_find((struct consensus *)c, node);
        if (node == c->identity.node_id)
            continue;
        const uint64_t since_us = MAX(p == NULL ? 0 : p->heard_us, c->leader_since_us);
        if (c->now_us - since_us <= most_us)
            continue;
        most_us = c->now_us - since_us;
        dead = node;
    }
    return dead;
}

/* They swap places: the dead one may come back, and is the spare then. Not where the spare stands
 * in the dead one's own place, to replace it. */
static bool use_spare(struct consensus *c)
{
    const raft_node dead = c->o.replace_dead_ms == 0 ? 0 : dead_voter(c);
    for (uint32_t i = 0; dead != 0 && i < c->config.learners.count; i++) {
        const raft_node spare = c->config.learners.node[i];
        if (!node_set_has(&c->spares, spare) || !member_is_alive(c, spare) ||
            !learner_is_ready(c, spare))
            continue;
        struct members target = membership_now(c);
        node_set_remove(&target.config.incoming, dead);
        node_set_remove(&target.config.learners, spare);
        node_set_remove(&target.spares, spare);
        node_set_add(&target.config.incoming, spare);
        if (learner_beside(c, dead, book_find(&c->book, dead)) != spare) {
            node_set_add(&target.config.learners, dead);
            node_set_add(&target.spares, dead);
        }
        raft_index index;
        if (!config_can_decide(c, &target.config) ||
            membership_propose(c, &target, &index) != STATUS_OK)
            return false;
        log_warn("consensus", "a voter has been dead for too long, a spare takes its seat",
                 "dead=%" PRIu64 " spare=%" PRIu64, dead, spare);
        return true;
    }
    return false;
}

/* Its directory was emptied, by itself (digest.h) or with its disk; a voter's successor may already
 * have been added there under another leader. */
static bool is_emptied(const struct consensus *c, raft_node node)
{
    const struct peer_address *address = book_find(&c->book, node);
    if (address == NULL || member_is_alive(c, node))
        return false;
    if (node_set_has(&c->config.learners, node))
        return learner_is_emptied(c, node);
    return member_is_empty(c, node) || learner_beside(c, node, address) != 0;
}

/* A member whose directory was emptied is replaced by who answers in its place. */
static void replace_emptied(struct consensus *c)
{
    for (size_t i = 0; i < c->changes_used; i++)
        if (change_dials(c->changes[i].op) && c->changes[i].step != CHANGE_FREE)
            return;
    struct raft_set all;
    config_nodes(&c->config, &all);
    for (uint32_t i = 0; i < all.count; i++) {
        const raft_node node = all.node[i];
        if (!is_emptied(c, node))
            continue;
        struct change *change = change_new(c, ADMIN_REPLACE, node);
        if (change == NULL)
            return;
        change->address = *book_find(&c->book, node);
        log_warn("consensus", "a member's directory is empty: it is replaced by itself",
                 "node=%" PRIu64, node);
        return;
    }
}

/* Addresses are attributes (§3.9 step 4): what a hello has said is in force at once, the entry lets
 * those know it who cannot be reached, and those who come later. */
static void log_addresses(struct consensus *c)
{
    const struct members *said = members_log_at(&c->said, c->config_index);
    struct raft_set all;
    config_nodes(&c->config, &all);
    for (uint32_t i = 0; said != NULL && i < all.count; i++) {
        const struct peer_address *now = book_find(&c->book, all.node[i]);
        const struct peer_address *then = book_find(&said->book, all.node[i]);
        if (now == NULL || (then != NULL && address_equal(now, then)))
            continue;
        const struct members target = membership_now(c);
        const struct raft_input input = {
            .type = RAFT_CHANGE, .config = &target.config, .ok = true};
        if (core_step(c, &input, &(raft_index){0}) == STATUS_OK)
            log_info("consensus", "a member's address is logged", "node=%" PRIu64 " host=%s "
                     "port=%u", all.node[i], now->host, (unsigned)now->port);
        return;
    }
}

/* What all members know, as they said on the connections they have now; 0: one is not there to say
 * it. It may come back as the older build that it was. */
static uint32_t level_of_all(struct consensus *c)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    uint32_t level = c->o.level_max;
    for (uint32_t i = 0; i < all.count; i++) {
        const struct peer *p = peer_find(c, all.node[i]);
        if (all.node[i] == c->identity.node_id)
            continue;
        if (p == NULL || !member_is_alive(c, all.node[i]))
            return 0;
        level = MIN(level, p->build.level);
    }
    return level;
}

/* Not by a request in the log: that may be proposed again by a later leader, when an older node was
 * added meanwhile. No CONFIG entry is, and no other is made while this one is not committed. */
static bool raise_level(struct consensus *c)
{
    const uint32_t level = level_of_all(c);
    if (level <= c->level)
        return false;
    struct members target = membership_now(c);
    target.level = level;
    raft_index index;
    if (membership_propose(c, &target, &index) != STATUS_OK)
        return false;
    log_info("consensus", "all members run the newer version: the feature level rises",
             "level=%u", level);
    return true;
}

/* --- removed nodes ---------------------------------------------------------------------------- */

/* The newest configuration, if it is committed and settled; NULL: not yet, or not known. */
static const struct members *settled_members(struct consensus *c)
{
    if (c->config_index > c->commit_index || config_is_joint(&c->config))
        return NULL;
    return members_log_at(&c->said, c->config_index);
}

static bool was_removed(const struct members *m, raft_node node)
{
    struct raft_set all;
    config_nodes(&m->config, &all);
    return node < m->next_node && !node_set_has(&all, node);
}

static void tell_removed(struct consensus *c, raft_node node, const struct members *said)
{
    buf_reset(&c->scratch);
    members_encode(said, &c->scratch);
    buf_reset(&c->out);
    wire_encode_removed(&c->out, node, buf_bytes(&c->scratch));
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, node, CHANNEL_CONTROL, &part, 1);
}

static void see_off_guests(struct consensus *c)
{
    const struct members *said = settled_members(c);
    bool some_left = false;
    for (uint32_t i = c->guests.count; i > 0; i--) {
        const raft_node node = c->guests.node[i - 1];
        struct peer *p = peer_find(c, node);
        if (p == NULL || said == NULL || !was_removed(said, node))
            continue;
        if (p->guest_us == 0)
            p->guest_us = c->now_us;
        if (c->now_us - MAX(p->heard_us, p->guest_us) > GUEST_SILENT_US) {
            node_set_remove(&c->guests, node);
            some_left = true;
        } else if (p->up[CHANNEL_CONTROL]) {
            tell_removed(c, node, said);
        }
    }
    if (some_left)
        peers_connect(c);
}

void caretaker_removed(struct consensus *c, const struct wire_removed *removed)
{
    const raft_node self = c->identity.node_id;
    if (c->is_removed || removed->node != self || !was_removed(&removed->members, self))
        return;
    c->is_removed = true;
    c->status_due = true;
    log_warn("consensus", "this node was removed from its cluster: it serves no more; its data "
             "stays. To use the machine again: stop it, empty its directory, RAFT ADD it",
             "node=%" PRIu64, self);
    peers_connect(c);
}

void caretaker_tick(struct consensus *c)
{
    if (c->is_removed || c->now_us < c->care_us)
        return;
    c->care_us = c->now_us + CARE_US;
    if (c->now_us >= c->farewell_us) {
        c->farewell_us = c->now_us + SECOND_US;
        see_off_guests(c);
    }
    if (!is_leader(c) || c->stopping || settled_members(c) == NULL)
        return;
    if (c->o.auto_heal)
        replace_emptied(c);
    if (!promote_learner(c) && !use_spare(c) && !raise_level(c))
        log_addresses(c);
}
