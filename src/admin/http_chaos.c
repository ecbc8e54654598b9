#include "admin/http_chaos.h"

#include <stdio.h>
#include <string.h>
#include "admin/http_internal.h"
#include "admin/json.h"
#include "base/log.h"
#include "server/chaos.h"
#include "server/node.h"

#define SLOW_MS_MAX 5000
#define U(value) ((unsigned long long)(value))

/* --- the HTTP thread's half ------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum chaos_action action;
} actions[] = {
    {"kill", CHAOS_KILL},       {"cut", CHAOS_CUT},
    {"heal", CHAOS_HEAL},       {"isolate", CHAOS_ISOLATE},
    {"slow_disk", CHAOS_SLOW_DISK},
};

/* What is not done here, and who does it. NULL: it is, or nobody knows it. */
static const char *who_else(const char *name)
{
    if (strcmp(name, "transfer") == 0)
        return "the command RAFT TRANSFER <node> does it, on any node";
    if (strcmp(name, "start") == 0)
        return "a node that is down cannot start itself: utils/start-cluster.sh --start <node>, or "
               "its service manager";
    if (strcmp(name, "pause") == 0 || strcmp(name, "resume") == 0)
        return "a node that stands still could not be told to go on: kill -STOP and kill -CONT its "
               "process";
    return NULL;
}

static bool read_order(struct json_object *o, const char *name, struct chaos_order *order)
{
    size_t i = 0;
    uint64_t from = 0, ms = 0;
    while (i < ARRAY_COUNT(actions) && strcmp(name, actions[i].name) != 0)
        i++;
    if (i == ARRAY_COUNT(actions) || !json_get_uint(o, "node", INT64_MAX, &order->node) ||
        !json_get_uint(o, "from", INT64_MAX, &from) ||
        !json_get_uint(o, "to", INT64_MAX, &order->to) ||
        !json_get_uint(o, "ms", SLOW_MS_MAX, &ms))
        return false;
    order->action = actions[i].action;
    order->ms = (uint32_t)ms;
    if (order->action == CHAOS_CUT)
        order->node = from;
    return order->node != 0 && (order->action != CHAOS_CUT || order->to != 0);
}

void http_chaos(struct http *h, struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const size_t size = evbuffer_get_length(body);
    struct json_object *o = json_read(bytes_of(evbuffer_pullup(body, -1), size)), *action = NULL;
    struct chaos_order order = {0};
    const char *name = "";
    if (o != NULL && json_object_object_get_ex(o, "action", &action) &&
        json_object_is_type(action, json_type_string))
        name = json_object_get_string(action);
    if (who_else(name) != NULL) {
        http_reply_error(request, 501, who_else(name));
    } else if (!read_order(o, name, &order)) {
        http_reply_error(request, 400, "an order is {\"action\": \"kill\", \"node\": 1}: kill, "
                                       "isolate, heal, slow_disk with ms up to 5000, cut with from "
                                       "and to");
    } else {
        struct call *call = call_new(h, CALL_CHAOS, request);
        if (call != NULL) {
            call->order = order;
            call_send(call);
        }
    }
    json_object_put(o);
}

/* --- the data loop's half --------------------------------------------------------------------- */

/* NULL: done, or about to be. */
static const char *carry_out(struct chaos *chaos, const struct chaos_order *order)
{
    switch (order->action) {
    case CHAOS_KILL: break; /* by the HTTP thread, when it has answered */
    case CHAOS_HEAL: chaos_heal(chaos); break;
    case CHAOS_ISOLATE: chaos_isolate(chaos); break;
    case CHAOS_SLOW_DISK: chaos_slow_disk(chaos, order->ms); break;
    case CHAOS_CUT:
        if (!chaos_cut(chaos, order->to))
            return "too many links are cut";
        break;
    }
    return NULL;
}

void chaos_obey(struct server *s, struct call *call)
{
    const struct chaos_order *order = &call->order;
    char text[100];
    if (!s->config.chaos) {
        call_refuse(call, 403, "chaos is off here: set chaos yes in the node's configuration, if "
                               "its data is of no worth");
        return;
    }
    if (order->node != node_id(s->node)) {
        snprintf(text, sizeof(text), "this is node %llu: ask node %llu itself",
                 U(node_id(s->node)), U(order->node));
        call_refuse(call, 400, text);
        return;
    }
    const char *why_not = carry_out(node_chaos(s->node), order);
    if (why_not != NULL) {
        call_refuse(call, 400, why_not);
        return;
    }
    log_warn("chaos", "ordered", "action=%s to=%llu ms=%u by=%s", actions[order->action].name,
             U(order->to), order->ms, call->visitor.address);
    call->status = 200;
    buf_append_string(&call->answer, "{}");
}
