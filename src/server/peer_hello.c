/* peer_hello.c -- see peer_hello.h. */

#include "server/peer_hello.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/panic.h"

void hello_encode(const struct hello *h, struct buf *to)
{
    const size_t host_size = strlen(h->announce.host);
    CHECK(host_size < HOST_MAX);
    buf_append_le32(to, HELLO_VERSION);
    buf_append(to, h->cluster_id, sizeof(h->cluster_id));
    buf_append_le64(to, h->from);
    buf_append_le64(to, h->to);
    buf_append_le64(to, h->incarnation);
    buf_append_u8(to, (uint8_t)h->channel);
    buf_append(to, h->nonce, sizeof(h->nonce));
    buf_append_le16(to, h->announce.port);
    buf_append_u8(to, (uint8_t)host_size);
    buf_append(to, h->announce.host, host_size);
}

static void copy(void *to, struct bytes from)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
}

enum status hello_decode(struct bytes from, struct hello *h, struct error *e)
{
    struct reader r;
    reader_init(&r, from);
    *h = (struct hello){0};
    const uint32_t version = reader_le32(&r);
    if (!r.failed && version != HELLO_VERSION)
        return fail(e, STATUS_INVALID, "this node speaks version %d of the peer protocol, not %u",
                    HELLO_VERSION, (unsigned)version);
    copy(h->cluster_id, reader_bytes(&r, sizeof(h->cluster_id)));
    h->from = reader_le64(&r);
    h->to = reader_le64(&r);
    h->incarnation = reader_le64(&r);
    const uint8_t channel = reader_u8(&r);
    copy(h->nonce, reader_bytes(&r, sizeof(h->nonce)));
    h->announce.port = reader_le16(&r);
    const struct bytes host = reader_bytes(&r, reader_u8(&r));
    if (r.failed || reader_left(&r) > 0 || h->from == 0 || channel > CHANNEL_DATA ||
        (host.size > 0 && memchr(host.data, '\0', host.size) != NULL))
        return fail(e, STATUS_BAD_MESSAGE, "this is not a hello");
    h->channel = (enum peer_channel)channel;
    copy(h->announce.host, host); /* one byte of size: it fits, and a NUL is behind it */
    return STATUS_OK;
}

void challenge_encode(const struct challenge *c, struct buf *to)
{
    buf_append_le64(to, c->node);
    buf_append(to, c->nonce, sizeof(c->nonce));
}

bool challenge_decode(struct bytes from, struct challenge *c)
{
    struct reader r;
    reader_init(&r, from);
    c->node = reader_le64(&r);
    copy(c->nonce, reader_bytes(&r, sizeof(c->nonce)));
    return !r.failed && reader_left(&r) == 0;
}

void hello_prove(const char *secret, enum proof_of of, struct bytes hello, struct bytes challenge,
                 uint8_t mac[HELLO_MAC])
{
    struct buf said = {0};
    buf_append_string(&said, of == PROOF_DIALER ? "dialer" : "listener");
    buf_append_le32(&said, (uint32_t)hello.size);
    buf_append_bytes(&said, hello);
    buf_append_bytes(&said, challenge);
    unsigned size = 0;
    const unsigned char *made = HMAC(EVP_sha256(), secret, (int)strlen(secret), buf_data(&said),
                                     said.size, mac, &size);
    CHECK(made != NULL);
    CHECK(size == HELLO_MAC);
    buf_clear(&said);
}

bool hello_proof_is(const uint8_t mac[HELLO_MAC], struct bytes given)
{
    return given.size == HELLO_MAC && CRYPTO_memcmp(mac, given.data, HELLO_MAC) == 0;
}
