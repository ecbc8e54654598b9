/* route.h -- the one file between connections and the shard: requests down, replies up. With more
 * data loops or shards, this is what changes. */

#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "server/server.h"

/* false: no room; the slot is not in flight. */
bool route_write(struct slot *slot, const struct request *request);
bool route_read(struct slot *slot, const struct request *request);

/* A read of nothing: when it is answered without an error, all that was acknowledged before is
 * applied here. */
bool route_confirm(struct slot *slot);

/* WATCH: a read that confirms; the stamps are taken when it is answered. args as the command's. */
bool route_watch(struct slot *slot, const struct bytes *args, uint32_t arg_count);

#endif
