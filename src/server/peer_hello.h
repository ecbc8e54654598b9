/* peer_hello.h -- how two nodes come to trust a connection: what they say, and the proof.
 *
 *   dialer    AVOW.HELLO     hello                   who I am, whom I want, what I run, a nonce
 *   listener  AVOW.CHALLENGE challenge               who I am (0: nobody yet), what I run, a nonce
 *   dialer    AVOW.PROOF     HMAC-SHA256(secret, "dialer"   hello challenge)
 *   listener  AVOW.WELCOME   HMAC-SHA256(secret, "listener" hello challenge)
 *
 * The dialer proves first, so that a stranger who dials learns nothing of the secret. Both macs
 * cover all that was said before, addresses included.
 *
 * Version 1 has no build in it: what speaks it knows the first feature level only, and refuses
 * any other version. So whoever is refused for that says it once more in version 1. */

#ifndef SERVER_PEER_HELLO_H
#define SERVER_PEER_HELLO_H

#include "base/buf.h"
#include "node/ports.h"

#define HELLO_VERSION_FIRST 1
#define HELLO_VERSION 2
#define HELLO_NONCE 32
#define HELLO_MAC 32
#define HELLO_SIZE_MAX 512

struct hello {
    uint32_t version;
    uint8_t cluster_id[16];
    uint64_t from, to, incarnation;
    enum peer_channel channel;
    uint8_t nonce[HELLO_NONCE];
    struct peer_address announce; /* of from; host "" = not told */
    struct peer_build build;
};

struct challenge {
    uint64_t node;
    uint8_t nonce[HELLO_NONCE];
    struct peer_build build;
};

/* version:4 cluster_id:16 from:8 to:8 incarnation:8 channel:1 nonce:32 port:2 host_size:1 host
 * build
 * build: level:4 version_size:1 version, and whatever a later build has to say. Of version 1: none,
 * which decodes as the first level. */
void hello_encode(const struct hello *h, struct buf *to);
/* STATUS_INVALID: another version, with a text. STATUS_BAD_MESSAGE: nonsense. */
enum status hello_decode(struct bytes from, struct hello *h, struct error *e) MUST_CHECK;

/* Whether an error in answer to a hello says that only version 1 is known there. */
bool hello_is_too_new(const char *error);

/* node:8 nonce:32 build, in answer to a hello of that version */
void challenge_encode(const struct challenge *c, uint32_t version, struct buf *to);
bool challenge_decode(struct bytes from, uint32_t version, struct challenge *c);

enum proof_of { PROOF_DIALER, PROOF_LISTENER };
/* hello and challenge as they were encoded. */
void hello_prove(const char *secret, enum proof_of of, struct bytes hello, struct bytes challenge,
                 uint8_t mac[HELLO_MAC]);
/* In constant time. */
bool hello_proof_is(const uint8_t mac[HELLO_MAC], struct bytes given);

#endif
