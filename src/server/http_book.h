/* http_book.h -- where the HTTP ports of the members are, as they told each other, so that a page
 * of one node finds the others (bytes of shard_relay, relayed.h; docs/PEER-CHANNEL.md). */

#ifndef SERVER_HTTP_BOOK_H
#define SERVER_HTTP_BOOK_H

#include "node/members.h"

#define ORIGIN_MAX (HOST_MAX + 16) /* "http://host:65535" */

struct reader;
struct server;

struct http_place {
    uint64_t node;
    uint16_t port, client_port;
    char host[HOST_MAX]; /* "": as its peer address has it */
};

struct http_book {
    struct http_place places[BOOK_MAX];
    uint32_t count;
    bool is_news; /* this node's own is to be told */
};

/* Tells the others this node's own if they may not know it. Once in a turn. */
void http_book_tell(struct server *s);
/* What another says. false: it makes no sense. */
bool http_book_told(struct server *s, uint64_t node, struct reader *r);
void http_book_forget(struct server *s, uint64_t node);

/* "http://host:port" of a member, perhaps this node. false: it has none, as far as we know. */
bool http_book_origin(const struct server *s, uint64_t node, char origin[static ORIGIN_MAX]);
uint16_t http_book_client_port(const struct server *s, uint64_t node); /* 0: not known */

#endif
