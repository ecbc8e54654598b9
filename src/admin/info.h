/* info.h -- the text of INFO, section by section, with Redis 7.0's field names where they have a
 * meaning here, and a section of our own: raft. */

#ifndef ADMIN_INFO_H
#define ADMIN_INFO_H

#include "base/buf.h"

struct raft_peer_status;
struct server;

/* sections: none = the default ones; "all", "default", "everything", or names, case ignored. */
void info_text(struct server *s, const struct bytes *sections, uint32_t count, struct buf *to);

/* Whether the text would have the section raft, which needs fresh figures of the consensus half. */
bool info_wants_raft(const struct bytes *sections, uint32_t count);

/* The section raft alone, from what the consensus half told last (RAFT STATUS). */
void info_raft(struct server *s, struct buf *to);

/* "leader", "follower", ...; what the leader knows of another member, NULL: nothing. */
const char *info_role(const struct server *s);
const struct raft_peer_status *info_peer(const struct server *s, uint64_t node);

#endif
