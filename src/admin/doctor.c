/* doctor.c -- see doctor.h. Each check looks at one thing in what the consensus half told last, and
 * says in plain words what it found and what to do. A leader sees most; others say who leads. */

#include "admin/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include "node/wire.h"
#include "server/node.h"
#include "server/server.h"

#define U(value) ((unsigned long long)(value))
#define LAG_ENTRIES 10000       /* behind the leader */
#define WALL_OFF_MS 2000        /* a leader hands over at 10 s */
#define WRITE_SLOW_MS 500       /* the oldest log write under way */
#define CHANGE_SLOW_MS 30000    /* a change of members under way */
#define SNAPSHOT_SLOW_MS 600000

struct doctor {
    struct server *s;
    const struct consensus_status *status;
    doctor_says *says;
    void *context;
    uint32_t findings;
};

static void say(struct doctor *d, const char *what_to_do, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void say(struct doctor *d, const char *what_to_do, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    d->findings++;
    d->says(d->context, text, what_to_do);
}

static bool is_leader(const struct doctor *d)
{
    return d->status->raft.role == RAFT_LEADER;
}

/* Whether the member answers, as far as this node can tell: a leader hears from all, the others
 * know whether their connection is up. */
static bool is_down(const struct doctor *d, uint32_t i)
{
    const struct member *m = &d->status->members[i];
    const uint64_t silent_ms = d->status->last_contact_ms[i];
    const struct config *config = &d->s->config;
    const uint64_t limit_ms = 2 * (uint64_t)(config->election_ticks * config->tick_ms);
    if (m->node == node_id(d->s->node))
        return false;
    return !m->is_connected || (is_leader(d) && silent_ms > limit_ms);
}

/* --- the checks, the worst first -------------------------------------------------------------- */

static void check_service(struct doctor *d)
{
    const struct consensus_status *status = d->status;
    if (status->removed)
        say(d, "use another node; to use this machine again: stop the node, empty its directory, "
            "start it, RAFT ADD it on a member", "This node was removed from its cluster.");
    if (status->quarantined)
        say(d, d->s->config.auto_heal
               ? "wait: with auto-heal yes it wipes itself when all others are well, and comes "
                 "back as a new node"
               : "stop it, empty its directory, start it, and on another node: RAFT REPLACE <its "
                 "number> <its peer address>",
            "This node is quarantined: its state differs from what a majority has. It answers no "
            "command on data.");
    else if (status->digest_wrong != 0)
        say(d, "wait: it hands over leadership, then it is quarantined",
            "This node's state differs from the majority's at index %llu.",
            U(status->digest_wrong));
    if (is_leader(d) && status->digest_accused != 0)
        say(d, "look at RAFT DOCTOR there; unless auto-heal is on: RAFT REPLACE it by an empty "
               "node",
            "Node %llu's state differs from what a majority has.", U(status->digest_accused));
}

static void check_leader(struct doctor *d)
{
    uint32_t voters = 0, down = 0;
    for (uint32_t i = 0; i < d->status->member_count; i++) {
        voters += d->status->members[i].voter;
        down += d->status->members[i].voter && is_down(d, i);
    }
    if (d->status->raft.leader != 0 || d->status->removed)
        return;
    if (down * 2 >= voters)
        say(d, "start the nodes that are down; if they are lost for good: docs on avow-check "
               "recover", "No leader, and no majority: %u of %u voters cannot be reached. Reads "
            "and writes wait.", down, voters);
    else
        say(d, "wait a second and look again; if it stays so, look at network and clocks between "
               "the nodes, and at election-ticks", "No leader is known at the moment.");
}

static void check_members(struct doctor *d)
{
    for (uint32_t i = 0; i < d->status->member_count; i++) {
        const struct member *m = &d->status->members[i];
        const uint64_t silent_ms = d->status->last_contact_ms[i];
        char since[48] = "never heard by this node";
        if (silent_ms != UINT64_MAX)
            snprintf(since, sizeof(since), "last heard %llu.%llu s ago", U(silent_ms / 1000),
                     U(silent_ms % 1000 / 100));
        if (is_down(d, i))
            say(d, "start it, or look at the network; if its disk is lost: RAFT REPLACE it by an "
                   "empty node",
                "Node %llu (%s:%u, a %s) is down: %s.", U(m->node), m->address.host,
                m->address.port, m->voter ? "voter" : "learner", since);
        else if (m->learner && !m->spare && is_leader(d))
            say(d, "wait until it has caught up; it votes then",
                "Node %llu is a learner and does not vote yet.", U(m->node));
    }
}

static void check_lag(struct doctor *d)
{
    const struct raft_status *raft = &d->status->raft;
    for (size_t i = 0; i < raft->peer_count && is_leader(d); i++) {
        const struct raft_peer_status *p = &raft->peers[i];
        if (p->state == PROGRESS_SNAPSHOT)
            say(d, "wait; look at disk and network there if it does not end",
                "Node %llu is too far behind for the log and needs a snapshot.", U(p->node));
        else if (p->match_index > 0 && p->match_index + LAG_ENTRIES < raft->last_index)
            say(d, "look at disk, processor and network there",
                "Node %llu is %llu entries behind.", U(p->node),
                U(raft->last_index - p->match_index));
    }
    if (raft->state_lost)
        say(d, "wait for the leader's snapshot; if it does not come, look at RAFT DOCTOR there",
            "The state of this node is gone. Its log is sound, so that it votes and acknowledges, "
            "but it answers no command on data.");
    if (*d->status->snapshot_refused != '\0')
        say(d, "do what it says here; the leader tries again by itself",
            "This node could not take a snapshot: %s.", d->status->snapshot_refused);
    if (d->s->status.applied_index + LAG_ENTRIES < raft->commit_index)
        say(d, "wait; if it does not shrink, look at processor and disk of this node",
            "This node has applied %llu entries less than are committed.",
            U(raft->commit_index - d->s->status.applied_index));
}

static void check_disk(struct doctor *d)
{
    const struct consensus_status *status = d->status;
    const char *const make_room = "make room: delete what is not needed, enlarge the disk; service "
                                  "comes back by itself";
    if (status->space != SPACE_PLENTY)
        say(d, make_room, "The disk of this node is nearly full: %llu bytes are free, disk-reserve "
            "is %llu. %s.", U(status->disk_free), U(d->s->config.disk_reserve),
            status->space == SPACE_NONE ? "All writes are refused"
                                        : "Writes that grow are refused");
    for (uint32_t i = 0; i < status->member_count; i++)
        if (is_leader(d) && status->members[i].space != SPACE_PLENTY)
            say(d, make_room, "The disk of node %llu is nearly full.",
                U(status->members[i].node));
    if (status->write_age_ms > WRITE_SLOW_MS)
        say(d, "look at the disk (dmesg, iostat); a leader hands over by itself",
            "A write of the log has been under way for %llu ms.", U(status->write_age_ms));
    if (d->s->status.flush_failed)
        say(d, make_room, "A flush of the state failed a moment ago for want of space.");
}

static void check_clock(struct doctor *d)
{
    for (uint32_t i = 0; i < d->status->member_count; i++) {
        const int64_t ahead_ms = d->status->members[i].wall_ahead_ms;
        if (is_leader(d) && (ahead_ms > WALL_OFF_MS || ahead_ms < -WALL_OFF_MS))
            say(d, "set the clocks of all nodes by NTP; expiry follows the leader's",
                "The clock of node %llu is %lld ms %s of this node's.",
                U(d->status->members[i].node), (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms),
                ahead_ms < 0 ? "behind" : "ahead");
    }
}

static void check_changes(struct doctor *d)
{
    const struct consensus_status *status = d->status;
    const struct raft_config *config = &status->raft.config;
    if (config->outgoing.count > 0 || status->raft.config_index > status->raft.commit_index)
        say(d, "wait; it needs a majority of the old voters and one of the new",
            "A change of the cluster's members is under way.");
    if (status->change_age_ms > CHANGE_SLOW_MS)
        say(d, "see that the new node runs, with the same secret; look at its log",
            "An administration request has been under way for %llu s.",
            U(status->change_age_ms / 1000));
    if (status->snapshot_age_ms > SNAPSHOT_SLOW_MS)
        say(d, "look at disk and network of the receiver",
            "A snapshot has been on its way for %llu s.", U(status->snapshot_age_ms / 1000));
    if (is_leader(d) && config->outgoing.count == 0 && config->incoming.count == 2)
        say(d, "add a third: RAFT ADD host:peer-port",
            "There are two voters: if either goes down, nothing is decided.");
}

/* Versions may be mixed for as long as an upgrade takes: until all know more than is in force. */
static void check_levels(struct doctor *d)
{
    const struct consensus_status *status = d->status;
    uint32_t most = status->level_max;
    for (uint32_t i = 0; i < status->member_count; i++)
        most = MAX(most, status->members[i].build.level);
    for (uint32_t i = 0; i < status->member_count && most > status->level; i++) {
        const struct member *m = &status->members[i];
        if (m->build.level == 0)
            say(d, "start it with the newer version, or RAFT REMOVE it",
                "Newer versions run here, but the feature level stays %u: it is not known what "
                "node %llu will run.", status->level, U(m->node));
        else if (m->build.level <= status->level)
            say(d, "finish the upgrade (docs/UPGRADE.md): run the newer version there",
                "Versions are mixed: the feature level stays %u because of node %llu, which knows "
                "no other; others know %u.", status->level, U(m->node), most);
    }
}

static void check_archive(struct doctor *d)
{
    const struct consensus_status *status = d->status;
    if (status->archive_failing_ms > 0)
        say(d, "look at the disk of archive-dir and at the log of this node; the log is kept for a "
            "while, then the archive gets a gap",
            "The log has not been archived for %llu s, since entry %llu.",
            U(status->archive_failing_ms / 1000), U(status->archive_index));
    if (status->archive_gaps > 0)
        say(d, "RAFT BACKUP now: points behind it can be restored again; then remove the segments "
            "before the gap",
            "The archive of this node lacks entries %llu to %llu.", U(status->archive_gap_first),
            U(status->archive_gap_last));
}

uint32_t doctor_find(struct server *s, doctor_says *says, void *context)
{
    static void (*const checks[])(struct doctor *) = {
        check_service, check_leader, check_members, check_disk, check_lag, check_clock,
        check_changes, check_levels, check_archive,
    };
    struct doctor d = {.s = s, .status = &s->consensus, .says = says,
                       .context = context};
    if (node_id(s->node) == 0) {
        say(&d, "on a member: RAFT ADD <this host>:<peer port>",
            "This node belongs to no cluster yet.");
        return d.findings;
    }
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        checks[i](&d);
    return d.findings;
}

struct page {
    struct buf *to;
    uint32_t count;
};

static void print(void *context, const char *what, const char *what_to_do)
{
    struct page *page = context;
    buf_printf(page->to, "%u. %s\n   -> %s\n", ++page->count, what, what_to_do);
}

void doctor_text(struct server *s, struct buf *to)
{
    struct page page = {to, 0};
    if (doctor_find(s, print, &page) == 0)
        buf_append_string(to, "Nothing is wrong as far as this node can tell.\n");
    const struct raft_status *raft = &s->consensus.raft;
    if (node_id(s->node) != 0 && raft->role != RAFT_LEADER && raft->leader != 0)
        buf_printf(to, "The leader, node %llu, sees more: ask it, too.\n", U(raft->leader));
}
