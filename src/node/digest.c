/* digest.c -- see digest.h. */

#include "node/consensus_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define REPORT_US SECOND_US
#define HEALING_US (60 * SECOND_US) /* for a node to come back empty */

/* --- who differs ------------------------------------------------------------------------------ */

static struct digest_row *row_at(struct digests *d, raft_index index)
{
    struct digest_row *oldest = &d->rows[0];
    for (size_t i = 0; i < DIGESTS_KEPT; i++) {
        if (d->rows[i].index == index)
            return &d->rows[i];
        if (d->rows[i].index < oldest->index)
            oldest = &d->rows[i];
    }
    if (oldest->index > index)
        return NULL; /* too long ago */
    *oldest = (struct digest_row){.index = index};
    return oldest;
}

static void row_note(struct digest_row *row, raft_node node, uint64_t digest)
{
    uint32_t i = 0;
    while (i < row->count && row->at[i].node != node)
        i++;
    if (i == RAFT_NODES_MAX)
        return;
    row->count = MAX(row->count, i + 1);
    row->at[i].node = node;
    row->at[i].digest = digest;
}

/* The digest that a majority of the voters has; false: none, or not yet known. */
static bool row_majority(const struct consensus *c, const struct digest_row *row, uint64_t *digest)
{
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t equal = 0;
        for (uint32_t j = 0; j < row->count; j++)
            equal += row->at[j].digest == row->at[i].digest &&
                     node_set_has(&c->config.incoming, row->at[j].node);
        *digest = row->at[i].digest;
        if (equal > c->config.incoming.count / 2)
            return true;
    }
    return false;
}

static void send_verdict(struct consensus *c, const struct wire_verdict *verdict)
{
    buf_reset(&c->out);
    wire_encode_verdict(&c->out, verdict);
    const struct bytes part = buf_bytes(&c->out);
    peers_send_frame(c, verdict->node, CHANNEL_CONTROL, &part, 1);
}

static void find_self_wrong(struct consensus *c, raft_index index)
{
    struct digests *d = &c->digests;
    if (d->wrong_index != 0)
        return;
    d->wrong_index = index;
    d->wrong_us = c->now_us;
    log_error("digest", "this node's state differs from what a majority has", "index=%" PRIu64,
              index);
    c->again = true;
}

/* Voters whose state differs from the majority's in row must not lead either. */
static raft_node sound_successor(const struct consensus *c, const struct digest_row *row)
{
    uint64_t digest;
    if (!row_majority(c, row, &digest))
        return 0;
    for (uint32_t i = 0; i < row->count; i++)
        if (row->at[i].digest == digest && row->at[i].node != c->identity.node_id &&
            node_set_has(&c->config.incoming, row->at[i].node) &&
            member_is_alive(c, row->at[i].node))
            return row->at[i].node;
    return 0;
}

static void judge(struct consensus *c, struct digest_row *row)
{
    uint64_t digest;
    if (!row_majority(c, row, &digest)) {
        if (row->count >= c->config.incoming.count && !row->is_alarmed)
            log_error("digest", "the states of the nodes differ, and no majority agrees: compare "
                      "RAFT DIGEST of all nodes", "index=%" PRIu64, row->index);
        row->is_alarmed = row->is_alarmed || row->count >= c->config.incoming.count;
        return;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        if (row->at[i].digest == digest) {
            if (c->digests.accused == row->at[i].node && row->index > c->digests.accused_index)
                c->digests.accused = 0;
            continue;
        }
        if (row->at[i].node == c->identity.node_id) {
            find_self_wrong(c, row->index);
            continue;
        }
        if (c->digests.accused != row->at[i].node)
            log_error("digest", "a node's state differs from what a majority has",
                      "node=%" PRIu64 " index=%" PRIu64, row->at[i].node, row->index);
        c->digests.accused = row->at[i].node;
        c->digests.accused_index = row->index;
        const struct wire_verdict verdict = {
            .node = row->at[i].node, .index = row->index, .digest = digest};
        send_verdict(c, &verdict);
    }
}

/* --- reports ---------------------------------------------------------------------------------- */

/* One node at a time, and only while all others are well: what is wiped is a copy of everything. */
static bool may_heal(const struct consensus *c, raft_node node)
{
    const struct digests *d = &c->digests;
    if (!c->o.auto_heal || config_is_joint(&c->config) || c->config_index > c->commit_index ||
        !node_set_has(&c->config.incoming, node))
        return false;
    if (d->healing != node && node_set_has(&c->config.incoming, d->healing) &&
        c->now_us < d->healing_until_us)
        return false;
    for (uint32_t i = 0; i < c->config.incoming.count; i++)
        if (!member_is_alive(c, c->config.incoming.node[i]))
            return false;
    for (size_t i = 0; i < c->changes_used; i++)
        if (change_dials(c->changes[i].op) && c->changes[i].step != CHANGE_FREE)
            return false;
    return c->config.incoming.count > 2; /* a majority stays */
}

void digest_receive(struct consensus *c, raft_node from, const struct wire_digest *report)
{
    struct raft_set all;
    config_nodes(&c->config, &all);
    if (!is_leader(c) || !node_set_has(&all, from))
        return;
    struct digest_row *row = report->index == 0 ? NULL : row_at(&c->digests, report->index);
    if (row != NULL) {
        row_note(row, from, report->digest);
        judge(c, row);
    }
    if (!report->wants_heal || !may_heal(c, from))
        return;
    c->digests.healing = from;
    c->digests.healing_until_us = c->now_us + HEALING_US;
    send_verdict(c, &(struct wire_verdict){.node = from, .may_heal = true});
}

static void report(struct consensus *c)
{
    const struct digests *d = &c->digests;
    struct wire_digest newest = {.wants_heal = d->is_quarantined && c->o.auto_heal};
    if (d->own_count > 0) {
        newest.index = d->own[(d->own_count - 1) % DIGESTS_KEPT].index;
        newest.digest = d->own[(d->own_count - 1) % DIGESTS_KEPT].digest;
    }
    if (is_leader(c)) {
        struct digest_row *row = newest.index == 0 ? NULL : row_at(&c->digests, newest.index);
        if (row == NULL)
            return;
        row_note(row, c->identity.node_id, newest.digest);
        judge(c, row);
    } else if (c->leader != 0 && (newest.index != 0 || newest.wants_heal)) {
        buf_reset(&c->out);
        wire_encode_digest(&c->out, &newest);
        const struct bytes part = buf_bytes(&c->out);
        peers_send_frame(c, c->leader, CHANNEL_CONTROL, &part, 1);
    }
}

void digest_mail(struct consensus *c, raft_index index, uint64_t digest)
{
    struct digests *d = &c->digests;
    d->own[d->own_count % DIGESTS_KEPT].index = index;
    d->own[d->own_count++ % DIGESTS_KEPT].digest = digest;
    if (c->raft != NULL && !c->is_removed)
        report(c);
}

/* --- the node that is told -------------------------------------------------------------------- */

static bool is_wrong_at(const struct digests *d, const struct wire_verdict *verdict)
{
    for (size_t i = 0; i < DIGESTS_KEPT; i++)
        if (verdict->index != 0 && d->own[i].index == verdict->index)
            return d->own[i].digest != verdict->digest;
    return false; /* said of a time that we do not remember */
}

void digest_verdict(struct consensus *c, const struct wire_verdict *verdict)
{
    struct digests *d = &c->digests;
    if (verdict->node != c->identity.node_id)
        return;
    if (is_wrong_at(d, verdict))
        find_self_wrong(c, verdict->index);
    if (!verdict->may_heal || !d->is_quarantined || !c->o.auto_heal || d->heal_begun)
        return;
    d->heal_begun = true;
    log_warn("digest", "this node's state and log are thrown away, it comes back as a new node",
             "node=%" PRIu64, c->identity.node_id);
    if (c->o.heal != NULL)
        c->o.heal(c->o.context);
}

static void quarantine(struct consensus *c)
{
    struct digests *d = &c->digests;
    char why[128];
    snprintf(why, sizeof(why), "state differs from the majority's at index %" PRIu64,
             d->wrong_index);
    d->is_quarantined = true;
    c->status_due = true;
    log_error("digest", "quarantined: this node serves no more", "why=\"%s\" what_to_do=\"%s\"",
              why, c->o.auto_heal ? "it heals itself (auto-heal yes)"
                                  : "stop it, empty its directory, RAFT REPLACE it by itself");
    if (c->o.quarantined != NULL)
        c->o.quarantined(c->o.context, why);
    report(c);
}

/* A leader hands over before it stops serving. */
static void leave_office(struct consensus *c)
{
    for (size_t i = 0; i < DIGESTS_KEPT; i++) {
        const struct digest_row *row = &c->digests.rows[i];
        const raft_node to = row->index == 0 || row->index < c->digests.wrong_index
                             ? 0 : sound_successor(c, row);
        if (to == 0)
            continue;
        step_quietly(c, &(struct raft_input){.type = RAFT_TRANSFER, .node = to});
        return;
    }
}

bool digest_forbids_office(const struct consensus *c)
{
    const struct digests *d = &c->digests;
    return d->is_quarantined ||
           (d->wrong_index != 0 && c->now_us - d->wrong_us > 4 * election_us(c));
}

void digest_tick(struct consensus *c)
{
    struct digests *d = &c->digests;
    if (c->is_removed)
        return;
    if (d->wrong_index != 0 && !d->is_quarantined) {
        if (is_leader(c))
            leave_office(c);
        else
            quarantine(c);
    }
    if (c->now_us < d->report_us)
        return;
    d->report_us = c->now_us + REPORT_US;
    report(c);
}
