#include "server/http_book.h"

#include <ctype.h>
#include <stdio.h>
#include "base/encode.h"
#include "server/node.h"
#include "server/relayed.h"
#include "server/server.h"

#define LEVEL_TOLD 2 /* feature level: builds of the first may not know RELAYED_HTTP */

/* A host's name or address, and nothing that means something in a header of HTTP. */
static bool is_host(struct bytes host)
{
    const uint8_t *data = bytes_data(host);
    for (size_t i = 0; i < host.size; i++)
        if (!isalnum(data[i]) && strchr(".:-_", data[i]) == NULL)
            return false;
    return host.size < HOST_MAX;
}

static uint16_t announced(int64_t port, int64_t own)
{
    return (uint16_t)(port != 0 ? port : own);
}

static struct http_place own_place(const struct server *s)
{
    const struct config *config = &s->config;
    struct http_place place = {.node = node_id(s->node)};
    const char *host = *config->announce_http_host != '\0' ? config->announce_http_host
                                                           : config->announce_host;
    snprintf(place.host, sizeof(place.host), "%s", host);
    place.client_port = announced(config->announce_port, config->port);
    if (config->http_port != 0)
        place.port = announced(config->announce_http_port, config->http_port);
    return place;
}

void http_book_tell(struct server *s)
{
    if (!s->http_book.is_news || s->config.http_port == 0 || s->shard == NULL ||
        s->status.level < LEVEL_TOLD)
        return;
    const struct http_place place = own_place(s);
    const size_t host_size = strlen(place.host);
    struct buf told = {0};
    buf_append_u8(&told, RELAYED_HTTP);
    buf_append_le16(&told, place.port);
    buf_append_le16(&told, place.client_port);
    buf_append_u8(&told, (uint8_t)host_size);
    buf_append(&told, place.host, host_size);
    if (shard_relay(s->shard, 0, buf_bytes(&told)))
        s->http_book.is_news = false;
    buf_clear(&told);
}

static struct http_place *find(struct http_book *b, uint64_t node)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->places[i].node == node)
            return &b->places[i];
    return NULL;
}

bool http_book_told(struct server *s, uint64_t node, struct reader *r)
{
    struct http_book *b = &s->http_book;
    struct http_place told = {.node = node, .port = reader_le16(r), .client_port = reader_le16(r)};
    const struct bytes host = reader_bytes(r, reader_u8(r));
    if (r->failed || told.port == 0 || !is_host(host))
        return false;
    if (host.size > 0)
        memcpy(told.host, host.data, host.size);
    struct http_place *place = find(b, node);
    if (place == NULL && b->count == BOOK_MAX)
        return true; /* full of nodes that were members: one that speaks anew is forgotten first */
    if (place == NULL)
        place = &b->places[b->count++];
    *place = told;
    return true;
}

void http_book_forget(struct server *s, uint64_t node)
{
    struct http_place *place = find(&s->http_book, node);
    if (place != NULL)
        *place = s->http_book.places[--s->http_book.count];
}

static struct http_place place_of(const struct server *s, uint64_t node)
{
    const struct http_book *b = &s->http_book;
    if (node == node_id(s->node))
        return own_place(s);
    for (uint32_t i = 0; i < b->count; i++)
        if (b->places[i].node == node)
            return b->places[i];
    return (struct http_place){0};
}

bool http_book_origin(const struct server *s, uint64_t node, char origin[static ORIGIN_MAX])
{
    struct http_place place = place_of(s, node);
    for (uint32_t i = 0; i < s->consensus.member_count && *place.host == '\0'; i++)
        if (s->consensus.members[i].node == node)
            memcpy(place.host, s->consensus.members[i].address.host, sizeof(place.host));
    if (place.port == 0 || *place.host == '\0' || !is_host(bytes_from_string(place.host)))
        return false;
    const bool is_ipv6 = strchr(place.host, ':') != NULL;
    snprintf(origin, ORIGIN_MAX, is_ipv6 ? "http://[%s]:%u" : "http://%s:%u", place.host,
             place.port);
    return true;
}

uint16_t http_book_client_port(const struct server *s, uint64_t node)
{
    return place_of(s, node).client_port;
}
