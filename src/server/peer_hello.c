/* peer_hello.c -- see peer_hello.h. */

#include "server/peer_hello.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/panic.h"
#include "machine/entry.h"

static void build_encode(const struct peer_build *build, struct buf *to)
{
    const size_t size = strlen(build->version);
    CHECK(size < PEER_VERSION_MAX);
    buf_append_le32(to, build->level);
    buf_append_u8(to, (uint8_t)size);
    buf_append(to, build->version, size);
}

/* It gets into logs and replies: plain letters only. */
static bool build_decode(struct reader *r, uint32_t version_said, struct peer_build *build)
{
    if (version_said == HELLO_VERSION_FIRST) {
        *build = (struct peer_build){FEATURE_LEVEL_FIRST, "unknown"};
        return reader_left(r) == 0;
    }
    build->level = reader_le32(r);
    const struct bytes version = reader_bytes(r, reader_u8(r));
    if (r->failed || build->level == 0 || version.size >= PEER_VERSION_MAX)
        return false;
    const char *from = version.data;
    for (size_t i = 0; i < version.size; i++) {
        if (from[i] <= ' ' || from[i] > '~')
            return false;
        build->version[i] = from[i];
    }
    return true;
}

void hello_encode(const struct hello *h, struct buf *to)
{
    const size_t host_size = strlen(h->announce.host);
    CHECK(host_size < HOST_MAX);
    buf_append_le32(to, h->version);
    buf_append(to, h->cluster_id, sizeof(h->cluster_id));
    buf_append_le64(to, h->from);
    buf_append_le64(to, h->to);
    buf_append_le64(to, h->incarnation);
    buf_append_u8(to, (uint8_t)h->channel);
    buf_append(to, h->nonce, sizeof(h->nonce));
    buf_append_le16(to, h->announce.port);
    buf_append_u8(to, (uint8_t)host_size);
    buf_append(to, h->announce.host, host_size);
    if (h->version != HELLO_VERSION_FIRST)
        build_encode(&h->build, to);
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
    h->version = reader_le32(&r);
    if (!r.failed && h->version != HELLO_VERSION && h->version != HELLO_VERSION_FIRST)
        return fail(e, STATUS_INVALID, "this node speaks version %d of the peer protocol, not %u",
                    HELLO_VERSION, (unsigned)h->version);
    copy(h->cluster_id, reader_bytes(&r, sizeof(h->cluster_id)));
    h->from = reader_le64(&r);
    h->to = reader_le64(&r);
    h->incarnation = reader_le64(&r);
    const uint8_t channel = reader_u8(&r);
    copy(h->nonce, reader_bytes(&r, sizeof(h->nonce)));
    h->announce.port = reader_le16(&r);
    const struct bytes host = reader_bytes(&r, reader_u8(&r));
    const bool is_built = build_decode(&r, h->version, &h->build);
    if (r.failed || !is_built || h->from == 0 || channel > CHANNEL_DATA ||
        (host.size > 0 && memchr(host.data, '\0', host.size) != NULL))
        return fail(e, STATUS_BAD_MESSAGE, "this is not a hello");
    h->channel = (enum peer_channel)channel;
    copy(h->announce.host, host); /* one byte of size: it fits, and a NUL is behind it */
    return STATUS_OK;
}

/* As builds that know no other version put it. */
bool hello_is_too_new(const char *error)
{
    return strstr(error, "this node speaks version 1 of the peer protocol") != NULL;
}

void challenge_encode(const struct challenge *c, uint32_t version, struct buf *to)
{
    buf_append_le64(to, c->node);
    buf_append(to, c->nonce, sizeof(c->nonce));
    if (version != HELLO_VERSION_FIRST)
        build_encode(&c->build, to);
}

bool challenge_decode(struct bytes from, uint32_t version, struct challenge *c)
{
    struct reader r;
    reader_init(&r, from);
    *c = (struct challenge){.node = reader_le64(&r)};
    copy(c->nonce, reader_bytes(&r, sizeof(c->nonce)));
    return build_decode(&r, version, &c->build) && !r.failed;
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
