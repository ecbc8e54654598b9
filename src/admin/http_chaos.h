/* http_chaos.h -- /api/chaos: an administrator breaks this node on purpose (`chaos yes`). */

#ifndef ADMIN_HTTP_CHAOS_H
#define ADMIN_HTTP_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct evhttp_request;
struct http;
struct server;

enum chaos_action {
    CHAOS_KILL,
    CHAOS_START,
    CHAOS_PAUSE,
    CHAOS_RESUME,
    CHAOS_CUT,
    CHAOS_HEAL,
    CHAOS_ISOLATE,
    CHAOS_SLOW_DISK,
};

struct chaos_order {
    enum chaos_action action;
    uint64_t node, to; /* whom it is about; CHAOS_CUT: of its frames to whom */
    uint32_t ms;
    bool is_for_keeper; /* what it is to be told is the call's answer so far */
};

void http_chaos(struct http *h, struct evhttp_request *request);
void chaos_obey(struct server *s, struct call *call); /* the data loop's half */
void chaos_go_on(struct call *call);                  /* it is allowed: the HTTP thread's end */

/* Asks the keeper, who answers the request; call is on its way back from the data loop. */
void keeper_begin(struct call *call);
void keeper_close(struct http *h);

#endif
