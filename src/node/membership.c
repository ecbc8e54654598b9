/* membership.c -- how members come, go and change their seats, step by step (change.h).
 *
 * What is asked is judged before anything is changed: a wrong, outdated or contradictory request
 * ends with an error and without a CONFIG entry. */

#include "node/consensus_internal.h"

#include <inttypes.h>

#include "base/panic.h"

#define CATCH_UP_LAG 256 /* entries: what goes in one or two APPENDs */

/* --- who is there, and how well --------------------------------------------------------------- */

/* What the core knows of a member; false: it knows none of that number. */
static bool find_progress(const struct consensus *c, raft_node node, struct raft_peer_status *found)
{
    struct raft_status status;
    raft_status(c->raft, &status);
    for (size_t i = 0; i < status.peer_count; i++) {
        if (status.peers[i].node != node)
            continue;
        *found = status.peers[i];
        return true;
    }
    return false;
}

static bool is_member(const struct consensus *c, raft_node node)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    return node_set_has(&all, node);
}

/* Is it still who it was when it comes back, or was its directory emptied? An empty node is not
 * introduced again and stays silent; so what it acknowledged earlier counts only once it speaks,
 * when what was on its way has arrived. */
static bool has_spoken_since(const struct consensus *c, raft_node node, uint64_t since_us)
{
    const struct peer *p = peer_find((struct consensus *)c, node);
    return p != NULL && p->heard_us > (since_us == 0 ? 0 : since_us + election_us(c));
}

static bool has_spoken(const struct consensus *c, raft_node node)
{
    const struct peer *p = peer_find((struct consensus *)c, node);
    return p != NULL && has_spoken_since(c, node, p->lost_us);
}

bool member_is_alive(const struct consensus *c, raft_node node)
{
    if (node == c->identity.node_id)
        return true;
    return has_spoken(c, node) &&
           c->now_us - peer_find((struct consensus *)c, node)->heard_us < 2 * election_us(c);
}

bool learner_is_ready(const struct consensus *c, raft_node node)
{
    struct raft_peer_status progress;
    return has_spoken(c, node) && find_progress(c, node, &progress) &&
           progress.match_index > 0 &&
           progress.match_index + CATCH_UP_LAG >= entry_cache_next(&c->cache);
}

bool config_can_decide(const struct consensus *c, const struct raft_config *config)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < config->incoming.count; i++)
        alive += member_is_alive(c, config->incoming.node[i]);
    return alive > config->incoming.count / 2;
}

bool member_is_empty(const struct consensus *c, raft_node node)
{
    const struct peer *p = peer_find((struct consensus *)c, node);
    return p != NULL && p->up[CHANNEL_CONTROL] && p->empty_us != 0 &&
           p->heard_us < p->empty_us + election_us(c); /* what lingered */
}

/* A node that has acknowledged entries and is empty now has lost what it promised to keep: it must
 * come back as somebody new (§6.4), not under its old id. What it acknowledged to an earlier leader
 * we do not know: so an id is told only by the leader that gave it away, which heard of no entry
 * there; and not before no other leader could give it away as well. */
static bool can_be_introduced(const struct consensus *c, raft_node node)
{
    struct raft_peer_status progress;
    return node >= c->first_given && c->config_index <= c->commit_index &&
           find_progress(c, node, &progress) && progress.match_index == 0;
}

/* Somebody else may just have told it: then it speaks soon. */
bool learner_is_emptied(const struct consensus *c, raft_node node)
{
    return c->config_index <= c->commit_index && !can_be_introduced(c, node) &&
           member_is_empty(c, node) &&
           c->now_us > peer_find((struct consensus *)c, node)->empty_us + 2 * election_us(c);
}

void membership_introduce(struct consensus *c, raft_node node)
{
    if (!can_be_introduced(c, node))
        return;
    struct block *members = config_block(c, &c->config);
    buf_reset(&c->out);
    struct wire_introduce introduce = {.node = node};
    memcpy(introduce.cluster_id, c->identity.cluster_id, sizeof(introduce.cluster_id));
    memcpy(introduce.hash_key, c->identity.hash_key, sizeof(introduce.hash_key));
    wire_encode_introduce(&c->out, &introduce, block_bytes(members));
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, node, CHANNEL_CONTROL, &part, 1);
    block_unref(members);
}

/* --- proposing -------------------------------------------------------------------------------- */

struct members membership_now(const struct consensus *c)
{
    return (struct members){
        .config = {.incoming = c->config.incoming, .learners = c->config.learners},
        .next_node = c->next_node,
        .level = c->level,
        .spares = c->spares,
    };
}

enum status membership_propose(struct consensus *c, const struct members *target, raft_index *index)
{
    const bool same_spares = target->spares.count == c->spares.count &&
                             memcmp(&target->spares, &c->spares, sizeof(c->spares)) == 0;
    const raft_node next_node = c->next_node;
    const uint32_t level = c->level;
    const struct raft_set spares = c->spares;
    CHECK(target->level >= level);
    c->next_node = target->next_node; /* the entry is written with these */
    c->level = target->level;
    c->spares = target->spares;
    const struct raft_input input = {.type = RAFT_CHANGE, .config = &target->config,
                                     .ok = !same_spares || target->level != level};
    const enum status status = core_step(c, &input, index);
    if (status != STATUS_OK) {
        c->next_node = next_node;
        c->level = level;
        c->spares = spares;
    }
    return status;
}

/* Goes on to step once the core has taken the change; if it is busy it is asked again later. */
static void propose(struct consensus *c, struct change *change, const struct members *target,
                    enum change_step step)
{
    if (!config_can_decide(c, &target->config)) {
        change_end(c, change, false, "most of the voters that there would be do not answer, and "
                   "without them nothing could be decided: bring them back first, or remove those "
                   "that are gone");
        return;
    }
    switch (membership_propose(c, target, &change->index)) {
    case STATUS_OK:
        change->deadline_us = c->now_us + CHANGE_COMMIT_US;
        change->step = step;
        return;
    case STATUS_STALE:
        change_end(c, change, true, "OK");
        return;
    case STATUS_INVALID:
        change_end(c, change, false, "the cluster cannot have these members: at least one voter "
                   "must stay, and %d nodes are the most", RAFT_NODES_MAX);
        return;
    default:
        return;
    }
}

static void add_learner(struct consensus *c, struct change *change)
{
    struct members target = membership_now(c);
    node_set_remove(&target.config.learners, change->emptied);
    node_set_remove(&target.spares, change->emptied);
    struct raft_set all;
    config_nodes(&target.config, &all);
    if (all.count >= RAFT_NODES_MAX) {
        change_end(c, change, false, "a cluster has at most %d nodes", RAFT_NODES_MAX);
        return;
    }
    node_set_add(&target.config.learners, change->node);
    if (change->op != ADMIN_ADD) /* not to be promoted before its time */
        node_set_add(&target.spares, change->node);
    target.next_node = MAX(c->next_node, change->node + 1); /* this id is used up */
    propose(c, change, &target, CHANGE_LEARNER);
}

static void make_voter(struct consensus *c, struct change *change)
{
    struct members target = membership_now(c);
    node_set_remove(&target.config.learners, change->node);
    node_set_remove(&target.spares, change->node);
    node_set_add(&target.config.incoming, change->node);
    propose(c, change, &target, CHANGE_VOTER);
}

/* The new one takes the seat that the old one had: a voter's, or a learner's. */
static void take_seat(struct consensus *c, struct change *change)
{
    if (!is_member(c, change->old)) {
        change_end(c, change, false, "node %" PRIu64 " was removed meanwhile; node %" PRIu64
                   " is a spare now: RAFT PROMOTE it, or RAFT REMOVE it", change->old,
                   change->node);
        return;
    }
    struct members target = membership_now(c);
    if (!node_set_has(&target.spares, change->old))
        node_set_remove(&target.spares, change->node);
    if (node_set_has(&target.config.incoming, change->old)) {
        node_set_remove(&target.config.learners, change->node);
        node_set_add(&target.config.incoming, change->node);
    }
    node_set_remove(&target.config.incoming, change->old);
    node_set_remove(&target.config.learners, change->old);
    node_set_remove(&target.spares, change->old);
    propose(c, change, &target, CHANGE_VOTER);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* The member at address; 0 = none. Whoever was there before and is none any more is forgotten. */
static raft_node member_at(struct consensus *c, const struct peer_address *address)
{
    raft_node node;
    while ((node = book_node_at(&c->book, address)) != 0 && !is_member(c, node)) {
        node_set_remove(&c->guests, node);
        book_forget(&c->book, node);
    }
    return node;
}

/* It must speak once more, however much it has acknowledged. */
static void start_catch_up(struct consensus *c, struct change *change, raft_node node)
{
    change->node = node;
    change->step = CHANGE_CATCH_UP;
    change->since_us = c->now_us;
    change->deadline_us = c->now_us + (node_set_has(&c->config.learners, node)
                                       ? CHANGE_CATCH_UP_US : CHANGE_CONTACT_US);
}

static void start_contact(struct consensus *c, struct change *change)
{
    change->node = c->next_node;
    change->step = CHANGE_CONTACT;
    change->deadline_us = c->now_us + CHANGE_CONTACT_US;
    book_set(&c->book, change->node, &change->address);
    peers_connect(c);
}

/* A voter is at the address of a new node: if it is still there, all is as it was asked for. */
static void at_a_voters_place(struct consensus *c, struct change *change, raft_node known)
{
    if (change->op != ADMIN_ADD) {
        change_end(c, change, false, "node %" PRIu64 " is there and votes already", known);
    } else if (known == c->identity.node_id) {
        change->node = known;
        change_end(c, change, true, "OK");
    } else {
        start_catch_up(c, change, known);
    }
}

static void start_add(struct consensus *c, struct change *change)
{
    const raft_node known = member_at(c, &change->address);
    if (known == 0) {
        start_contact(c, change);
    } else if (!node_set_has(&c->config.learners, known)) {
        at_a_voters_place(c, change, known);
    } else if (change->op == ADMIN_ADD_LEARNER && !node_set_has(&c->spares, known)) {
        struct members target = membership_now(c);
        node_set_add(&target.spares, known);
        change->node = known;
        propose(c, change, &target, CHANGE_LEARNER);
    } else {
        start_catch_up(c, change, known);
    }
}

raft_node learner_beside(const struct consensus *c, raft_node old,
                         const struct peer_address *address)
{
    for (uint32_t i = 0; i < c->config.learners.count; i++) {
        const raft_node node = c->config.learners.node[i];
        const struct peer_address *at = book_find(&c->book, node);
        if (node > old && at != NULL && address != NULL && address_equal(at, address))
            return node;
    }
    return 0;
}

/* The new node may stand where the old one stood, if that has lost its directory. */
static void start_replace(struct consensus *c, struct change *change)
{
    const raft_node begun = learner_beside(c, change->old, &change->address);
    if (!is_member(c, change->old)) {
        change_end(c, change, false, "node %" PRIu64 " is not a member", change->old);
        return;
    }
    const raft_node known = member_at(c, &change->address);
    if (begun != 0) {
        start_catch_up(c, change, begun);
    } else if (known == 0) {
        start_contact(c, change);
    } else if (known != change->old) {
        at_a_voters_place(c, change, known);
    } else if (member_is_alive(c, known)) {
        change_end(c, change, false, "node %" PRIu64 " itself is at %.100s:%u and answers: stop it "
                   "and empty its directory, or give another address", known,
                   change->address.host, (unsigned)change->address.port);
    } else {
        start_contact(c, change);
    }
}

static void start_dialing(struct consensus *c, struct change *change)
{
    if (change->address.host[0] == '\0' || change->address.port == 0) {
        change_end(c, change, false, "an address is host:port of the new node's peer channel");
        return;
    }
    for (size_t i = 0; i < CHANGES_MAX; i++)
        if (&c->changes[i] != change && change_dials(c->changes[i].op) &&
            c->changes[i].step > CHANGE_START && c->changes[i].step < CHANGE_FORWARDED)
            return; /* one at a time: it has CHANGE_START_US to get its turn */
    if (change->op == ADMIN_REPLACE)
        start_replace(c, change);
    else
        start_add(c, change);
}

static void start_remove(struct consensus *c, struct change *change)
{
    if (!is_member(c, change->node)) {
        change_end(c, change, false, "node %" PRIu64 " is not a member", change->node);
        return;
    }
    struct members target = membership_now(c);
    node_set_remove(&target.config.incoming, change->node);
    node_set_remove(&target.config.learners, change->node);
    node_set_remove(&target.spares, change->node);
    if (target.config.incoming.count == 0)
        change_end(c, change, false, "the last voter cannot be removed");
    else
        propose(c, change, &target, CHANGE_VOTER);
}

static void start_promote(struct consensus *c, struct change *change)
{
    if (!is_member(c, change->node))
        change_end(c, change, false, "node %" PRIu64 " is not a member", change->node);
    else if (!node_set_has(&c->config.learners, change->node))
        change_end(c, change, false, "node %" PRIu64 " votes already", change->node);
    else
        start_catch_up(c, change, change->node);
}

void membership_start(struct consensus *c, struct change *change)
{
    if (change_dials(change->op))
        start_dialing(c, change);
    else if (change->op == ADMIN_REMOVE)
        start_remove(c, change);
    else
        start_promote(c, change);
}

/* --- going on --------------------------------------------------------------------------------- */

bool membership_is_committed(const struct consensus *c, const struct change *change)
{
    return c->commit_index >= change->index && !config_is_joint(&c->config) &&
           c->config_index <= c->commit_index;
}

static void catch_up(struct consensus *c, struct change *change)
{
    struct raft_peer_status progress;
    if (!find_progress(c, change->node, &progress)) {
        change_end(c, change, false, "node %" PRIu64 " was removed meanwhile", change->node);
        return;
    }
    if (progress.match_index == 0 && c->now_us - change->told_us > SECOND_US) {
        change->told_us = c->now_us;
        membership_introduce(c, change->node);
    }
    const bool votes = node_set_has(&c->config.incoming, change->node);
    if (change_dials(change->op) && !votes && learner_is_emptied(c, change->node)) {
        change->emptied = change->node; /* another takes its place */
        start_contact(c, change);
        return;
    }
    if (!has_spoken_since(c, change->node, change->since_us) ||
        (!votes && !learner_is_ready(c, change->node)))
        return;
    if (votes ? change->op == ADMIN_ADD : change->op == ADMIN_ADD_LEARNER)
        change_end(c, change, true, "OK");
    else if (change->op == ADMIN_REPLACE)
        take_seat(c, change);
    else
        make_voter(c, change);
}

/* Who knows less than the level in force could not take the log. It may rise later: by then the new
 * node is a member, and is asked (caretaker.c). */
static void contact(struct consensus *c, struct change *change)
{
    const struct peer *p = peer_find(c, change->node);
    if (p == NULL || !p->up[CHANNEL_CONTROL])
        return;
    if (p->build.level < c->level)
        change_end(c, change, false, "the node at %.100s:%u runs version %s, which knows feature "
                   "level %u; the cluster has level %u: run the newer version there",
                   change->address.host, (unsigned)change->address.port, p->build.version,
                   p->build.level, c->level);
    else
        add_learner(c, change);
}

void membership_go_on(struct consensus *c, struct change *change)
{
    switch (change->step) {
    case CHANGE_CONTACT:
        contact(c, change);
        return;
    case CHANGE_LEARNER:
        if (!membership_is_committed(c, change))
            return;
        change->step = CHANGE_CATCH_UP;
        change->deadline_us = c->now_us + CHANGE_CATCH_UP_US;
        change->told_us = 0;
        return;
    case CHANGE_CATCH_UP:
        catch_up(c, change);
        return;
    case CHANGE_VOTER:
        if (membership_is_committed(c, change))
            change_end(c, change, true, "OK");
        return;
    case CHANGE_FREE:
    case CHANGE_START:
    case CHANGE_TRANSFER:
    case CHANGE_FORWARDED:
        return;
    }
}
