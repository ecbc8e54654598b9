/* client_ask.h -- CLIENT UNBLOCK and CLIENT KILL ID reach the clients of all nodes: the number of a
 * client's node stands in its id.
 *
 *   CLIENT UNBLOCK id --> its node is this one --> client_do
 *                    `--> ASK_CLIENT deed token id --> client_do there
 *              reply <--- CLIENT_ANSWER answer token <---'        (bytes of shard_relay, relayed.h)
 *
 * Question or answer may get lost: when quorum-wait-ms are over, the client is told that nobody
 * knows. A node that we are not connected to is not asked, so certainly nothing was done there. */

#ifndef SERVER_CLIENT_ASK_H
#define SERVER_CLIENT_ASK_H

#include "base/encode.h"
#include "server/server.h"

enum client_deed { CLIENT_UNBLOCK_TIMEOUT, CLIENT_UNBLOCK_ERROR, CLIENT_KILL, CLIENT_DEEDS };

enum client_answer {
    CLIENT_NOT_DONE,     /* there is no such client, or it does not wait */
    CLIENT_DONE,
    CLIENT_WAITS_IN_LOG, /* in the state: only an entry can end that (REQ_UNBLOCK) */
    CLIENT_ANSWERS,      /* those that a node gives */
    CLIENT_UNKNOWN = CLIENT_ANSWERS, /* none came */
};

static inline uint64_t client_node(uint64_t id) { return id >> 32; }

/* On the client's own node. */
enum client_answer client_do(struct server *s, enum client_deed deed, uint64_t id);

/* Asks its node. The running command is answered by finish, which finds the answer in
 * s->running->pending. false: it was not asked, for want of a connection or of room. */
bool client_ask(struct exec *x, enum client_deed deed, uint64_t id, local_run *finish);

/* What other nodes say. false: it makes no sense. */
bool client_asked(struct server *s, uint64_t node, struct reader *r);
bool client_answered(struct server *s, struct reader *r);

#endif
