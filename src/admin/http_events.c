/* http_events.c -- /api/events: what the consensus half sends, takes and becomes, as Server-Sent
 * Events to all who listen. Taken some 20 times a second; a listener that does not keep up loses
 * events and is told how many, and one that takes nothing is cut off. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "admin/http_internal.h"
#include "base/clock.h"
#include "base/panic.h"
#include "server/node.h"
#include "server/sights.h"

#define WATCHERS_MAX 64
#define EVENTS_PER_LOOK 256
#define UNSENT_MAX ((size_t)128 << 10) /* bytes of a listener */
#define KERNEL_UNSENT_MAX (64 << 10)   /* the same, of its socket */
#define SAYS_MAX 4096                  /* bytes that a listener may send, who has nothing to say */
#define PING_US UINT64_C(10000000)
#define LISTEN_MAX_US UINT64_C(600000000) /* then it logs in anew, if it still may */
#define DROPPED_EVERY_US 1000000

struct watcher {
    struct queue_node node; /* in http.listeners */
    struct http *http;
    struct evhttp_request *request;
    struct bufferevent *bev;
    uint64_t until_us, ping_us, told_us;
    uint64_t dropped; /* not told yet */
};

/* --- the text --------------------------------------------------------------------------------- */

static void write_message(const struct seen *seen, struct buf *to)
{
    static const char *const kinds[SIGHT_KINDS] = {
        [SIGHT_PRE_VOTE] = "pre_vote", [SIGHT_PRE_VOTE_REPLY] = "pre_vote_reply",
        [SIGHT_VOTE] = "vote", [SIGHT_VOTE_REPLY] = "vote_reply",
        [SIGHT_HEARTBEAT] = "heartbeat", [SIGHT_HEARTBEAT_REPLY] = "heartbeat_reply",
        [SIGHT_TIMEOUT_NOW] = "timeout_now", [SIGHT_APPEND] = "append",
        [SIGHT_APPEND_REPLY] = "append_reply", [SIGHT_PROPOSE] = "propose",
        [SIGHT_PROPOSE_REPLY] = "propose_reply", [SIGHT_READ_ROUND] = "read_round",
        [SIGHT_READ_ROUND_REPLY] = "read_round_reply", [SIGHT_SNAPSHOT] = "snapshot",
        [SIGHT_SNAPSHOT_REPLY] = "snapshot_reply",
    };
    const struct sight *s = &seen->sight;
    buf_printf(to,
               "event: message\ndata: {\"t\":%llu,\"dir\":\"%s\",\"from\":%llu,\"to\":%llu,"
               "\"kind\":\"%s\",\"term\":%llu,\"index\":%llu,\"entries\":%u,\"bytes\":%u,"
               "\"reject\":%s}\n\n",
               (unsigned long long)seen->wall_us, s->is_out ? "out" : "in",
               (unsigned long long)s->from, (unsigned long long)s->to, kinds[s->kind],
               (unsigned long long)s->term, (unsigned long long)s->index, s->entries, s->bytes,
               s->is_rejection ? "true" : "false");
}

static void write_state(const struct seen *seen, struct buf *to)
{
    static const char *const roles[] = {
        [RAFT_FOLLOWER] = "follower", [RAFT_PRE_CANDIDATE] = "pre-candidate",
        [RAFT_CANDIDATE] = "candidate", [RAFT_LEADER] = "leader",
    };
    const struct sight *s = &seen->sight;
    const bool is_learner = s->role == RAFT_FOLLOWER && !s->is_voter;
    buf_printf(to,
               "event: state\ndata: {\"t\":%llu,\"node\":%llu,\"role\":\"%s\",\"term\":%llu,"
               "\"leader\":%llu,\"commit\":%llu,\"applied\":%llu,\"persisted\":%llu,"
               "\"last\":%llu}\n\n",
               (unsigned long long)seen->wall_us, (unsigned long long)s->from,
               is_learner ? "learner" : roles[s->role], (unsigned long long)s->term,
               (unsigned long long)s->leader, (unsigned long long)s->commit_index,
               (unsigned long long)s->applied_index, (unsigned long long)s->persisted_index,
               (unsigned long long)s->last_index);
}

/* --- watchers --------------------------------------------------------------------------------- */

static void say(struct watcher *l, struct bytes text)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL || evbuffer_add(out, text.data, text.size) != 0)
        panic("evbuffer_add failed");
    evhttp_send_reply_chunk(l->request, out);
    evbuffer_free(out);
}

static void watcher_free(struct watcher *l)
{
    struct http *h = l->http;
    queue_remove(&l->node);
    free(l);
    if (--h->watcher_count == 0)
        sights_look(node_sights(h->server->node), false);
}

/* The connection is gone; evhttp has taken it off the request, which is ours to end. */
static void on_close(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    struct watcher *l = context;
    evhttp_send_reply_end(l->request);
    watcher_free(l);
}

static void watcher_end(struct watcher *l)
{
    evhttp_connection_set_closecb(evhttp_request_get_connection(l->request), NULL, NULL);
    evhttp_send_reply_end(l->request);
    watcher_free(l);
}

void events_begin(struct call *call)
{
    static const struct timeval write_limit = {HTTP_IDLE_S, 0};
    struct http *h = call->http;
    struct evhttp_request *request = call->request;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    if (connection == NULL || h->watcher_count == WATCHERS_MAX) {
        http_reply_error(request, 503, "64 listeners are there already");
        return;
    }
    struct watcher *l = xcalloc(1, sizeof(*l));
    const uint64_t now_us = clock_boot_us();
    l->http = h;
    l->request = request;
    l->bev = evhttp_connection_get_bufferevent(connection);
    l->until_us = now_us + LISTEN_MAX_US;
    l->ping_us = now_us + PING_US;
    http_add_header(request, "Content-Type", "text/event-stream");
    http_add_header(request, "X-Content-Type-Options", "nosniff");
    http_add_header(request, "Cache-Control", "no-store");
    http_set_stream(h, request);
    evhttp_connection_set_closecb(connection, on_close, l);
    queue_push_back(&h->watchers, &l->node);
    if (h->watcher_count++ == 0)
        sights_look(node_sights(h->server->node), true);
    evhttp_send_reply_start(request, 200, "OK");
    static const int unsent_max = KERNEL_UNSENT_MAX;
    setsockopt(bufferevent_getfd(l->bev), SOL_SOCKET, SO_SNDBUF, &unsent_max, sizeof(unsent_max));
    bufferevent_set_timeouts(l->bev, NULL, &write_limit);
    bufferevent_setwatermark(l->bev, EV_READ, 0, SAYS_MAX);
    bufferevent_enable(l->bev, EV_READ); /* to see it go */
    say(l, BYTES("retry: 1500\n\n"));
    if (h->last_state.size > 0)
        say(l, buf_bytes(&h->last_state));
}

static bool keeps_up(const struct watcher *l)
{
    return evbuffer_get_length(bufferevent_get_output(l->bev)) < UNSENT_MAX;
}

static void tell_dropped(struct watcher *l, uint64_t now_us)
{
    char text[80];
    if (l->dropped == 0 || now_us < l->told_us + DROPPED_EVERY_US)
        return;
    snprintf(text, sizeof(text), "event: dropped\ndata: {\"count\":%llu}\n\n",
             (unsigned long long)l->dropped);
    say(l, bytes_from_string(text));
    l->told_us = now_us;
    l->dropped = 0;
}

/* text: count messages, and states. */
static void tell(struct watcher *l, struct bytes text, uint64_t count, uint64_t now_us)
{
    if (!keeps_up(l)) {
        l->dropped += count;
        return;
    }
    if (text.size > 0)
        say(l, text);
    tell_dropped(l, now_us);
    if (now_us < l->ping_us)
        return;
    say(l, BYTES(": still here\n\n"));
    l->ping_us = now_us + PING_US;
}

void events_turn(struct http *h, uint64_t now_us)
{
    struct seen seen[EVENTS_PER_LOOK];
    if (h->watcher_count == 0)
        return;
    struct sights *sights = node_sights(h->server->node);
    const size_t count = sights_take(sights, seen, EVENTS_PER_LOOK);
    const uint64_t dropped = sights_take_dropped(sights);
    uint64_t messages = 0;
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        if (seen[i].sight.kind == SIGHT_STATE) {
            buf_reset(&h->last_state);
            write_state(&seen[i], &h->last_state);
            buf_append_bytes(&text, buf_bytes(&h->last_state));
        } else {
            write_message(&seen[i], &text);
            messages++;
        }
    }
    struct queue_node *next, *node = queue_first(&h->watchers);
    for (; node != NULL; node = next) {
        struct watcher *l = container_of(node, struct watcher, node);
        next = queue_next(&h->watchers, node);
        l->dropped += dropped;
        tell(l, buf_bytes(&text), messages, now_us);
        if (now_us >= l->until_us)
            watcher_end(l);
    }
    buf_clear(&text);
}

void events_close(struct http *h)
{
    while (!queue_is_empty(&h->watchers))
        watcher_end(container_of(queue_first(&h->watchers), struct watcher, node));
    buf_clear(&h->last_state);
}
