/* json.h -- JSON in and out for the HTTP API: json-c behind a few names. */

#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <json-c/json.h>
#include "base/buf.h"

/* Bytes as text, if they are UTF-8 without NUL; else {"base64": "..."}. */
struct json_object *json_bytes(struct bytes b);
/* Text of ours. */
struct json_object *json_text(const char *text);

void json_put(struct json_object *o, const char *name, struct json_object *value); /* takes it */
void json_put_uint(struct json_object *o, const char *name, uint64_t value);
void json_put_text(struct json_object *o, const char *name, const char *text);
void json_put_bool(struct json_object *o, const char *name, bool value);

/* Appends o as text, and gives it back. */
void json_write(struct json_object *o, struct buf *to);

void json_error(const char *text, struct buf *to);        /* {"error": text} */
void json_user(struct bytes user, struct buf *to);        /* {"user": name} */

/* One object, at most a few levels deep, and nothing behind it. NULL: it is none. */
struct json_object *json_read(struct bytes text);
/* A member that is a string, or {"base64": ...}: appends its bytes. false: it is not. */
bool json_get_bytes(struct json_object *value, struct buf *to);
/* false: it is there and no number in 0 .. max. */
bool json_get_uint(struct json_object *o, const char *name, uint64_t max, uint64_t *value);

#endif
