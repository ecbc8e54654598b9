/* recover.c -- the majority is lost for good: a new cluster is made of what one node holds.
 *
 *   log   ... 41 42 43 | 44: CONFIG, this node alone, of a term nobody has seen
 *
 * All entries of this log count as committed from then on; what the lost majority acknowledged
 * without this node is gone. The cluster gets a new id, so that no member of the old one, should it
 * come back, is listened to (ARCHITECTURE §6.4); the hash key stays, since it orders the rows. */

#include <inttypes.h>
#include <stdio.h>

#include "base/panic.h"
#include "base/prng.h"
#include "check/check.h"
#include "machine/entry.h"

static void explain(const struct node_dir *n)
{
    const struct log_recovered *r = &n->recovered;
    struct buf others = {0};
    describe_nodes(n, &n->members.config.incoming, &others);
    printf("This makes a new cluster of node %" PRIu64 " alone. The old one's voters: %.*s.\n",
           r->identity.node_id, (int)others.size, (const char *)buf_data(&others));
    printf("Kept: everything up to entry %" PRIu64 " of term %" PRIu64 ". What lies behind entry %"
           PRIu64 ",\n      where the state ends, may or may not have been acknowledged: it will\n"
           "      count as committed.\n",
           r->last_index, node_dir_term(n, r->last_index), n->applied_index);
    printf("Lost: whatever the others acknowledged behind entry %" PRIu64 ". If another directory\n"
           "      is left, look there too (avow-check info), and recover the one whose last entry\n"
           "      has the highest term, among equal ones the highest number.\n",
           r->last_index);
    printf("The other members must never serve again: empty their directories, and add them anew\n"
           "      with RAFT ADD.\n");
    buf_clear(&others);
}

void members_alone(const struct members *m, uint64_t self, struct buf *payload)
{
    struct members alone = *m; /* their addresses go: members_encode takes members' only */
    alone.config = (struct raft_config){.incoming = {.count = 1, .node = {self}}};
    alone.next_node = MAX(m->next_node, self + 1);
    members_encode(&alone, payload);
}

static enum status write_new(struct node_dir *n, struct error *e)
{
    const struct log_recovered *r = &n->recovered;
    struct log_identity identity = r->identity;
    prng_secret(identity.cluster_id, sizeof(identity.cluster_id));
    prng_secret(&identity.incarnation, sizeof(identity.incarnation));
    const uint64_t index = r->last_index + 1;
    const uint64_t term = MAX(r->hard_state.current_term, node_dir_term(n, r->last_index)) + 1;
    struct buf payload = {0};
    members_alone(&n->members, r->identity.node_id, &payload);
    const struct log_hard_state hard = {.current_term = term};
    const struct log_entry entry = {term, RAFT_CONFIG, buf_bytes(&payload)};
    const struct log_config config = {index, buf_bytes(&payload)};
    const struct log_write write = {.hard_state = &hard, .first = index, .entries = &entry,
                                    .entry_count = 1, .configs = &config, .config_count = 1};
    /* The name first: killed in between, the node belongs to a cluster that nobody else is in, with
     * the old configuration, and recover can be called again. */
    enum status status = log_store_rename(n->log, &identity, e);
    if (status == STATUS_OK)
        status = log_store_write(n->log, &write, 1, e);
    buf_clear(&payload);
    return status;
}

int check_recover(struct node_dir *n, bool confirmed)
{
    struct error e;
    if (n->recovered.identity.node_id == 0 || !n->has_members) {
        fprintf(stderr, "avow-check: this directory never belonged to a cluster\n");
        return 1;
    }
    if (n->level > FEATURE_LEVEL_MAX) { /* what we cannot read would not be kept */
        fprintf(stderr, "avow-check: the cluster had feature level %u, and this version knows %u: "
                        "use the newer version\n", n->level, FEATURE_LEVEL_MAX);
        return 1;
    }
    if (n->applied_index < n->recovered.base_index) {
        fprintf(stderr, "avow-check: the state is damaged (see avow-check verify): recover another"
                        " node\n");
        return 1;
    }
    explain(n);
    if (!confirmed) {
        printf("Nothing was changed. To do it: the same with --yes\n");
        return 1;
    }
    if (write_new(n, &e) != STATUS_OK)
        return check_failed(&e);
    printf("Done. Start the node; then add others with RAFT ADD.\n");
    return 0;
}
