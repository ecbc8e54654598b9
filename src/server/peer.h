/* peer.h -- the peer channel: sockets between nodes. The only file that sees hiredis.
 *
 *   dialer                                     listener
 *   AVOW.HELLO version cluster node ... nonce ->
 *                                          <- CHALLENGE ... nonce, proof of the secret
 *   AVOW.PROOF proof                         ->
 *                                          <- +OK, or -ERR why not
 *   AVOW.FRAME bytes, AVOW.FRAME bytes ...   ->          (one way)
 *
 * Each node dials two connections (control, data) to each peer; frames go from dialer to listener
 * only, so that neither end has to agree on who dials. All of it runs in the consensus loop. */

#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include "kv/log_store.h"
#include "node/ports.h"

struct consensus;
struct event_base;
struct peers;

#define PEER_SECRET_MAX 256

struct chaos;

struct peers_options {
    struct event_base *base;        /* of the consensus loop */
    struct log_identity identity;   /* node_id 0: waits to be introduced; see peers_identify */
    const char *secret;             /* the cluster's; may not be empty */
    const char *bind_host;          /* NULL or "": all interfaces */
    uint16_t bind_port;             /* 0: any, see peers_port */
    const char *hints;              /* NULL, or host:port ...: where a node may be that is not
                                       found at its known address (§3.9 step 4) */
    struct peer_build build;        /* this node's; level >= 1 */
    struct peer_address announce;   /* as other nodes reach bind_port; host "": tell none */
    const struct chaos *chaos;      /* what frames vanish; NULL: none */
    uint64_t seed;
    /* Something came or changed; a turn is due. Called in event handlers. */
    void (*wake)(void *context);
    void *context;
};

/* Listens at once; accepts when the base runs. */
enum status peers_open(const struct peers_options *options, struct peers **peers,
                       struct error *e) MUST_CHECK;
void peers_close(struct peers *p);

/* The port for consensus_options; usable from now on. */
struct transport_port peers_transport(struct peers *p);
/* Who gets frames and events; NULL: nobody (what comes is dropped). */
void peers_attach(struct peers *p, struct consensus *c);
/* This node has been introduced. Ends connections of those who took it for somebody else. */
void peers_identify(struct peers *p, const struct log_identity *identity);

/* After each consensus_turn(): one writev for each connection that has something to send. */
void peers_flush(struct peers *p);

uint16_t peers_port(const struct peers *p);

struct peers_stats {
    uint64_t frames_sent, frames_received, bytes_sent, bytes_received;
    uint64_t connects, refusals, frames_dropped, strangers;
    uint32_t connections; /* both ways, past their handshake */
};
void peers_stats(const struct peers *p, struct peers_stats *stats);

#endif
