#include "server/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "base/panic.h"
#include "server/node.h"
#include "server/server.h"

#define MAC_SIZE 32

void token_key(const char *secret, uint8_t key[static MAC_SIZE])
{
    static const char label[] = "session key";
    unsigned size = MAC_SIZE;
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)label, sizeof(label) - 1,
             key, &size) == NULL || size != MAC_SIZE)
        panic("HMAC failed");
}

static void append_hex(struct buf *to, struct bytes b)
{
    const uint8_t *data = bytes_data(b);
    for (size_t i = 0; i < b.size; i++)
        buf_printf(to, "%02x", data[i]);
}

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct bytes text, struct buf *to)
{
    const uint8_t *data = bytes_data(text);
    for (size_t i = 0; i + 1 < text.size; i += 2) {
        const int high = digit_of(data[i]), low = digit_of(data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_append_u8(to, (uint8_t)(high << 4 | low));
    }
    return text.size % 2 == 0;
}

/* head: "user.seconds" */
static void mac_of(struct server *s, const struct acl_user *u, struct bytes head,
                   uint8_t mac[static MAC_SIZE])
{
    struct buf said = {0};
    unsigned size = MAC_SIZE;
    buf_append_bytes(&said, head);
    for (uint32_t i = 0; i < u->passwords.count; i++) {
        buf_append_u8(&said, ' ');
        buf_append_bytes(&said, u->passwords.items[i].text);
    }
    if (HMAC(EVP_sha256(), node_session_key(s->node), NODE_KEY_SIZE, buf_data(&said), said.size,
             mac, &size) == NULL || size != MAC_SIZE)
        panic("HMAC failed");
    buf_clear(&said);
}

void token_make(struct server *s, const struct acl_user *u, struct buf *token)
{
    struct buf head = {0};
    uint8_t mac[MAC_SIZE];
    append_hex(&head, u->name);
    buf_printf(&head, ".%llu", (unsigned long long)(s->now_ms / 1000 + TOKEN_SECONDS));
    mac_of(s, u, buf_bytes(&head), mac);
    buf_append_bytes(token, buf_bytes(&head));
    buf_append_u8(token, '.');
    append_hex(token, bytes_of(mac, sizeof(mac)));
    buf_clear(&head);
}

struct token_parts {
    struct bytes head, user, seconds, mac; /* slices of the token */
};

static bool split(struct bytes token, struct token_parts *parts)
{
    const uint8_t *data = bytes_data(token);
    size_t dots[2], count = 0;
    for (size_t i = 0; i < token.size; i++) {
        if (data[i] != '.')
            continue;
        if (count == 2)
            return false;
        dots[count++] = i;
    }
    if (count != 2)
        return false;
    parts->head = bytes_of(data, dots[1]);
    parts->user = bytes_of(data, dots[0]);
    parts->seconds = bytes_of(data + dots[0] + 1, dots[1] - dots[0] - 1);
    parts->mac = bytes_from(token, dots[1] + 1);
    return true;
}

const struct acl_user *token_user(struct server *s, struct bytes token)
{
    struct token_parts parts;
    uint64_t seconds;
    struct buf name = {0}, given = {0};
    const struct acl_user *u = NULL;
    if (split(token, &parts) && bytes_to_uint64(parts.seconds, &seconds) &&
        seconds >= s->now_ms / 1000 && read_hex(parts.user, &name) &&
        read_hex(parts.mac, &given) && given.size == MAC_SIZE)
        u = acl_user_by_name(s->acl, buf_bytes(&name));
    if (u != NULL) {
        uint8_t mac[MAC_SIZE];
        mac_of(s, u, parts.head, mac);
        if (!u->is_on || CRYPTO_memcmp(mac, buf_data(&given), MAC_SIZE) != 0)
            u = NULL;
    }
    buf_clear(&name);
    buf_clear(&given);
    return u;
}
