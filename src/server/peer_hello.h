/* peer_hello.h -- how two nodes come to trust a connection: what they say, and the proof.
 *
 *   dialer    AVOW.HELLO     hello                   who I am, whom I want, a nonce
 *   listener  AVOW.CHALLENGE node:8 nonce:32         who I am (0: nobody yet), a nonce
 *   dialer    AVOW.PROOF     HMAC-SHA256(secret, "dialer"   hello challenge)
 *   listener  AVOW.WELCOME   HMAC-SHA256(secret, "listener" hello challenge)
 *
 * The dialer proves first, so that a stranger who dials learns nothing of the secret. Both macs
 * cover all that was said before, addresses included. */

#ifndef SERVER_PEER_HELLO_H
#define SERVER_PEER_HELLO_H

#include "base/buf.h"
#include "node/ports.h"

#define HELLO_VERSION 1
#define HELLO_NONCE 32
#define HELLO_MAC 32
#define HELLO_SIZE_MAX 512

struct hello {
    uint8_t cluster_id[16];
    uint64_t from, to, incarnation;
    enum peer_channel channel;
    uint8_t nonce[HELLO_NONCE];
    struct peer_address announce; /* of from; host "" = not told */
};

struct challenge {
    uint64_t node;
    uint8_t nonce[HELLO_NONCE];
};

/* version:4 cluster_id:16 from:8 to:8 incarnation:8 channel:1 nonce:32 port:2 host_size:1 host */
void hello_encode(const struct hello *h, struct buf *to);
/* STATUS_INVALID: another version, with a text. STATUS_BAD_MESSAGE: nonsense. */
enum status hello_decode(struct bytes from, struct hello *h, struct error *e) MUST_CHECK;

void challenge_encode(const struct challenge *c, struct buf *to);
bool challenge_decode(struct bytes from, struct challenge *c);

enum proof_of { PROOF_DIALER, PROOF_LISTENER };
/* hello and challenge as they were encoded. */
void hello_prove(const char *secret, enum proof_of of, struct bytes hello, struct bytes challenge,
                 uint8_t mac[HELLO_MAC]);
/* In constant time. */
bool hello_proof_is(const uint8_t mac[HELLO_MAC], struct bytes given);

#endif
