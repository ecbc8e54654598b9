/* refusal.h -- why this node takes no commands, or not this one: what is told to clients before
 * anything is done. All of it means: not executed. */

#ifndef SERVER_REFUSAL_H
#define SERVER_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/* Why it serves nobody any more. */
const char *refusal_service(const struct server *s);
/* Why no more requests are taken, though clients are read; NULL: they are, or soon will be. */
const char *refusal_room(const struct server *s);
/* Whether commands with these flags are refused for want of space on disks (§6.4); deletes go on
 * while there is a little room. */
bool refusal_lacks_space(const struct server *s, uint32_t flags);
const char *refusal_space(const struct server *s);
const char *refusal_space_exec(const struct server *s); /* as EXEC says it */

#endif
