#include "admin/http_chaos.h"

#include <stdio.h>
#include <string.h>
#include "admin/http_internal.h"
#include "admin/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/chaos.h"
#include "server/node.h"

#define SLOW_MS_MAX 5000
#define LAST_WORDS_US 50000 /* for the answer to who ordered a kill */
#define U(value) ((unsigned long long)(value))

/* --- the HTTP thread's half ------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum chaos_action action;
} actions[] = {
    {"kill", CHAOS_KILL},       {"start", CHAOS_START}, {"pause", CHAOS_PAUSE},
    {"resume", CHAOS_RESUME},   {"cut", CHAOS_CUT},     {"heal", CHAOS_HEAL},
    {"isolate", CHAOS_ISOLATE}, {"slow_disk", CHAOS_SLOW_DISK},
};

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
    if (strcmp(name, "transfer") == 0) {
        http_reply_error(request, 501, "the command RAFT TRANSFER <node> does it, on any node");
    } else if (!read_order(o, name, &order)) {
        http_reply_error(request, 400, "an order is {\"action\": \"kill\", \"node\": 1}: kill, "
                                       "start, pause, resume, isolate, heal, slow_disk with ms up "
                                       "to 5000, cut with from and to");
    } else {
        struct call *call = call_new(h, CALL_CHAOS, request);
        if (call != NULL) {
            call->order = order;
            call_send(call);
        }
    }
    json_object_put(o);
}

void chaos_go_on(struct call *call)
{
    if (call->order.is_for_keeper) {
        keeper_begin(call);
        return;
    }
    if (call->order.action == CHAOS_KILL)
        call->http->dies_us = clock_boot_us() + LAST_WORDS_US;
    http_reply(call->request, call->status, call->type, buf_bytes(&call->answer));
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
    case CHAOS_START:
    case CHAOS_PAUSE:
    case CHAOS_RESUME: panic("not for the node itself");
    }
    return NULL;
}

/* Whom a node that is dead, or stands still, cannot be told. */
static bool needs_keeper(const struct chaos_order *order, uint64_t self)
{
    return order->action == CHAOS_START || order->action == CHAOS_PAUSE ||
           order->action == CHAOS_RESUME || (order->action == CHAOS_KILL && order->node != self);
}

static const struct peer_address *address_of(const struct server *s, uint64_t node)
{
    for (uint32_t i = 0; i < s->consensus.member_count; i++)
        if (s->consensus.members[i].node == node)
            return &s->consensus.members[i].address;
    return NULL;
}

/* The answer becomes what the keeper is told; it knows nodes by their addresses. */
static void tell_keeper(struct server *s, struct call *call)
{
    struct chaos_order *order = &call->order;
    const struct peer_address *address = address_of(s, order->node);
    if (*s->config.chaos_socket == '\0') {
        call_refuse(call, 501, "a node cannot start, resume or kill another, nor stand still and "
                               "go on by itself, and there is no keeper to do it (chaos-socket): "
                               "utils/start-cluster.sh --chaos has one; elsewhere the service "
                               "manager, or signals");
        return;
    }
    if (order->action == CHAOS_PAUSE && order->node == node_id(s->node)) {
        call_refuse(call, 400, "a node that stands still does not answer: ask another one to pause "
                               "this");
        return;
    }
    if (address == NULL) {
        call_refuse(call, 400, "that node is no member, as this node knows it");
        return;
    }
    order->is_for_keeper = true;
    call->status = 200;
    buf_printf(&call->answer, "%s %s:%u\n", actions[order->action].name, address->host,
               address->port);
}

static void obey_here(struct server *s, struct call *call)
{
    const struct chaos_order *order = &call->order;
    char text[100];
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
    call->status = 200;
    buf_append_string(&call->answer, "{}");
}

void chaos_obey(struct server *s, struct call *call)
{
    const struct chaos_order *order = &call->order;
    if (!s->config.chaos) {
        call_refuse(call, 403, "chaos is off here: set chaos yes in the node's configuration, if "
                               "its data is of no worth");
        return;
    }
    if (needs_keeper(order, node_id(s->node)))
        tell_keeper(s, call);
    else
        obey_here(s, call);
    if (call->status == 200)
        log_warn("chaos", "ordered", "action=%s node=%llu to=%llu ms=%u by=%s",
                 actions[order->action].name, U(order->node), U(order->to), order->ms,
                 call->visitor.address);
}
