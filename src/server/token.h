/* token.h -- a login that is remembered by who logged in (HTTP): a text that any node of the
 * cluster accepts, until it expires or the user's password is another.
 *
 *   hex(user) "." seconds-since-1970 "." hex(HMAC-SHA256(key, both, the user's password hashes))
 *
 * key: derived from the cluster's secret (node_session_key). */

#ifndef SERVER_TOKEN_H
#define SERVER_TOKEN_H

#include "base/buf.h"

#define TOKEN_SECONDS (12 * 3600)

struct acl_user;
struct server;

/* The key, of the cluster's secret. */
void token_key(const char *secret, uint8_t key[static 32]);
/* Appends one for u. */
void token_make(struct server *s, const struct acl_user *u, struct buf *token);
/* Whose it is; NULL: nobody's, or not any more. Any bytes are survived. */
const struct acl_user *token_user(struct server *s, struct bytes token);

#endif
