/* http_chaos.h -- /api/chaos: an administrator breaks this node on purpose (`chaos yes`). */

#ifndef ADMIN_HTTP_CHAOS_H
#define ADMIN_HTTP_CHAOS_H

#include <stdint.h>

struct call;
struct evhttp_request;
struct http;
struct server;

enum chaos_action { CHAOS_KILL, CHAOS_CUT, CHAOS_HEAL, CHAOS_ISOLATE, CHAOS_SLOW_DISK };

struct chaos_order {
    enum chaos_action action;
    uint64_t node, to; /* whom it is about; CHAOS_CUT: of its frames to whom */
    uint32_t ms;
};

void http_chaos(struct http *h, struct evhttp_request *request);
void chaos_obey(struct server *s, struct call *call); /* the data loop's half */

#endif
