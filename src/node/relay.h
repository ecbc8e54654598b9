/* relay.h -- a shard's part of what data halves of nodes say to each other (relay.c). */

#ifndef NODE_RELAY_H
#define NODE_RELAY_H

#include "base/buf.h"
#include "base/queue.h"
#include "node/members.h"

struct shard;
struct shard_mail;

#define RELAY_SENDERS_MAX BOOK_MAX
struct relay_sender {
    uint64_t node; /* 0: a free place */
    uint64_t boot, stream, sequence; /* of the last one taken */
    struct queue held; /* struct held, in the order of sending */
    size_t held_count, held_bytes;
    bool is_up; /* our connection to it */
};
struct relay {
    struct buf out;    /* of this turn, for out_to */
    uint64_t out_to;
    int peers_up;
    size_t held_count; /* of all senders */
    uint64_t taken, told; /* bytes out of the mailbox; as consensus knows */
    uint64_t lost;     /* gaps */
    struct relay_sender senders[RELAY_SENDERS_MAX];
};

void relay_open(struct shard *s);
void relay_take(struct shard *s, const struct shard_mail *mail);
void relay_peer_mail(struct shard *s, const struct shard_mail *mail);
void relay_deliver(struct shard *s); /* what may be looked at by now */
void relay_flush(struct shard *s);   /* mails what was collected */
void relay_tell_taken(struct shard *s);
void relay_free_all(struct shard *s);

#endif
