#include "server/conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/log.h"
#include "base/panic.h"
#include "resp/resp_write.h"
#include "server/dispatch.h"
#include "server/loop.h"
#include "server/node.h"
#include "server/outlet.h"
#include "server/pending.h"
#include "server/server.h"
#include "server/steps.h"

#define SLOT_MEMORY_KEPT 1024       /* bytes of reply memory that a free slot keeps */
#define EVICTIONS_PER_CRON 64
#define FREE_SLOTS_MAX 65536
#define OUT_MEMORY_KEPT (16 * 1024) /* bytes that an idle connection keeps for output */

/* --- slots ------------------------------------------------------------------------------------ */

struct slot *slot_push(struct conn *c, struct command_info *info)
{
    struct server *s = c->server;
    struct slot *slot = s->free_slots;
    if (slot != NULL) {
        s->free_slots = slot->next;
        s->free_slot_count--;
    } else {
        slot = xcalloc(1, sizeof(*slot));
    }
    struct session *session = &c->session;
    slot->shard = (struct reply_slot){.owner = c};
    slot->conn = c;
    slot->info = info;
    slot->pending = NULL;
    slot->kind = SLOT_COMMAND;
    slot->flight = FLIGHT_NONE;
    slot->protocol = session->protocol;
    slot->is_done = false;
    slot->is_silent = session->is_silent || session->skips_next;
    session->skips_next = false;
    slot->caching = c->tracker.caching;
    slot->next = NULL;
    slot->prev = c->last;
    if (c->last != NULL)
        c->last->next = slot;
    else
        c->first = slot;
    c->last = slot;
    c->slot_count++;
    return slot;
}

static void slot_release(struct slot *slot)
{
    struct server *s = slot->conn->server;
    CHECK(slot->shard.pending == NULL);
    CHECK(slot->pending == NULL);
    slot->conn = NULL;
    if (slot->reply.capacity > SLOT_MEMORY_KEPT)
        buf_clear(&slot->reply);
    buf_reset(&slot->reply);
    if (s->free_slot_count >= FREE_SLOTS_MAX) {
        buf_clear(&slot->reply);
        buf_clear(&slot->words);
        free(slot);
        return;
    }
    slot->next = s->free_slots;
    s->free_slots = slot;
    s->free_slot_count++;
}

static void slot_unlink(struct slot *slot)
{
    struct conn *c = slot->conn;
    if (slot->prev != NULL)
        slot->prev->next = slot->next;
    else
        c->first = slot->next;
    if (slot->next != NULL)
        slot->next->prev = slot->prev;
    else
        c->last = slot->prev;
    c->slot_count--;
}

void slot_pop(struct slot *slot)
{
    CHECK(slot == slot->conn->last);
    CHECK(slot->flight == FLIGHT_NONE);
    slot->conn->session.skips_next = slot->is_silent && !slot->conn->session.is_silent;
    slot_unlink(slot);
    slot_release(slot);
}

struct buf *slot_out(struct slot *slot)
{
    if (slot->is_silent || slot->kind != SLOT_COMMAND)
        return &slot->conn->server->discard;
    return slot->conn->first == slot ? &slot->conn->out : &slot->reply;
}

static void note_output(struct conn *c)
{
    if (c->has_output || c->out.size == 0)
        return;
    c->has_output = true;
    queue_push_back(&c->server->outgoing, &c->out_node);
}

void slot_begin(struct slot *slot)
{
    slot->conn->server->replying = slot;
}

/* What was pushed while its reply was made. */
static void take_pushes(struct slot *slot)
{
    struct conn *c = slot->conn;
    if (c->server->replying == slot)
        c->server->replying = NULL;
    if (c->pushes.size == 0)
        return;
    buf_append_bytes(c->first == slot ? &c->out : &slot->reply, buf_bytes(&c->pushes));
    buf_clear(&c->pushes);
}

void slot_block(struct slot *slot)
{
    struct conn *c = slot->conn;
    if (c->blocked == slot)
        return; /* lost by the others while it lived, and registered anew (§3.5 step 7) */
    CHECK(c->blocked == NULL);
    CHECK(slot == c->first); /* it is a barrier: alone */
    CHECK(slot == c->last);
    c->blocked = slot;
    take_pushes(slot); /* nothing was said yet, and it may be long until something is */
    if (event_add(&c->close_event, NULL) != 0)
        panic("event_add failed");
    conn_make_ready(c); /* to be read again, see read_ahead() */
}

static void unblock(struct conn *c)
{
    if (c->blocked == NULL)
        return;
    c->blocked = NULL;
    if (event_del(&c->close_event) != 0)
        panic("event_del failed");
}

void slot_complete(struct slot *slot)
{
    struct conn *c = slot->conn;
    CHECK(!slot->is_done);
    slot->is_done = true;
    take_pushes(slot);
    if (slot == c->blocked)
        unblock(c);
    if (slot->flight == FLIGHT_READ)
        c->reads_in_flight--;
    else if (slot->flight == FLIGHT_WRITE)
        c->writes_in_flight--;
    slot->flight = FLIGHT_NONE;
    while (c->first != NULL && c->first->is_done) {
        struct slot *head = c->first;
        if (head->reply.size > 0)
            buf_append_bytes(&c->out, buf_bytes(&head->reply));
        slot_unlink(head);
        slot_release(head);
    }
    buf_reset(&c->server->discard);
    note_output(c);
    if (c->slot_count == 0)
        c->in_barrier = false;
    if (c->waits || !c->reads_enabled || (c->closes && c->slot_count == 0))
        conn_make_ready(c);
}

void slots_free(struct server *s)
{
    while (s->free_slots != NULL) {
        struct slot *slot = s->free_slots;
        s->free_slots = slot->next;
        buf_clear(&slot->reply);
        buf_clear(&slot->words);
        free(slot);
    }
    s->free_slot_count = 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static void address_text(const struct sockaddr_storage *address, char to[static 64])
{
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
        port = ntohs(in.sin_port);
        snprintf(to, 64, "%s:%u", host, port);
        return;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
        port = ntohs(in6.sin6_port);
    }
    snprintf(to, 64, "[%s]:%u", host, port);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct conn *c = context;
    c->is_readable = true;
    conn_make_ready(c);
}

static void on_closed(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct conn *c = context;
    c->has_hung_up = true;
    conn_make_ready(c);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct conn *c = context;
    note_output(c);
}

struct conn *conn_new(struct server *s, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    c->server = s;
    stream_tcp_init(&c->stream, fd);
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
        address_text(&address, c->address);
    size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        address_text(&address, c->local_address);
    c->id = node_id(s->node) << 32 | ++s->next_conn;
    c->created_ms = c->active_ms = s->now_ms;
    session_init(&c->session);
    subscriber_init(&c->subscriber);
    tracker_init(&c->tracker);
    c->next_of_id = s->conns_by_id[c->id % CONNS_BY_ID];
    s->conns_by_id[c->id % CONNS_BY_ID] = c;
    resp_reader_init(&c->reader);
    event_assign(&c->read_event, loop_base(s->loop), fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->write_event, loop_base(s->loop), fd, EV_WRITE | EV_PERSIST, on_writable, c);
    event_assign(&c->close_event, loop_base(s->loop), fd, EV_CLOSED | EV_PERSIST, on_closed, c);
    queue_push_back(&s->conns, &c->node);
    s->conn_count++;
    if (event_add(&c->read_event, NULL) != 0)
        panic("event_add failed");
    c->reads_enabled = true;
    return c;
}

static void forget_id(struct conn *c)
{
    struct conn **at = &c->server->conns_by_id[c->id % CONNS_BY_ID];
    while (*at != c)
        at = &(*at)->next_of_id;
    *at = c->next_of_id;
}

static void forget_slots(struct conn *c)
{
    struct server *s = c->server;
    if (s->replying != NULL && s->replying->conn == c)
        s->replying = NULL;
    if (s->hold_count > 0 && s->holds[0].slot->conn == c)
        s->hold_count = 0;
    while (c->first != NULL) {
        struct slot *slot = c->first;
        if (slot->shard.pending != NULL)
            shard_forget(s->shard, &slot->shard);
        slot->shard.pending = NULL;
        if (slot->pending != NULL)
            pending_cancel(slot->pending);
        slot_unlink(slot);
        slot_release(slot);
    }
    c->reads_in_flight = c->writes_in_flight = 0;
}

void conn_close(struct conn *c, const char *why)
{
    if (c->is_dead)
        return;
    log_debug("client", "connection closed", "id=%llu addr=%s why=%s", (unsigned long long)c->id,
              c->address, why);
    c->is_dead = true;
    unblock(c);
    forget_slots(c);
    forget_id(c);
    conn_forget_listening(c);
    event_del(&c->read_event);
    event_del(&c->write_event);
    stream_close(&c->stream);
    if (c->is_ready)
        queue_remove(&c->ready_node);
    if (c->has_output)
        queue_remove(&c->out_node);
    c->is_ready = c->has_output = false;
    queue_remove(&c->node);
    queue_push_back(&c->server->dead, &c->node);
    c->server->conn_count--;
    intake_note(c);
    outlet_note(c, 0);
}

void conns_reap(struct server *s)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&s->dead)) != NULL) {
        struct conn *c = container_of(node, struct conn, node);
        buf_clear(&c->in);
        intake_note(c);
        buf_clear(&c->out);
        buf_clear(&c->pushes);
        buf_clear(&c->watching);
        buf_clear(&c->settings);
        resp_reader_clear(&c->reader);
        session_clear(&c->session);
        steps_drop(c->steps);
        free(c);
    }
}

void conns_close(struct server *s)
{
    while (!queue_is_empty(&s->conns))
        conn_close(container_of(queue_first(&s->conns), struct conn, node), "server ends");
    conns_reap(s);
}

void conn_finish(struct conn *c)
{
    c->closes = true;
    conn_make_ready(c);
}

void conn_make_ready(struct conn *c)
{
    if (c->is_ready || c->is_dead)
        return;
    c->is_ready = true;
    queue_push_back(&c->server->ready, &c->ready_node);
}

void conn_push(struct conn *c, struct bytes bytes)
{
    const struct slot *replying = c->server->replying;
    if (c->is_dead)
        return;
    if (replying != NULL && replying->conn == c) {
        buf_append_bytes(&c->pushes, bytes);
        return;
    }
    struct slot *done = c->last; /* replies that still wait for one before them come first */
    while (done != NULL && !done->is_done)
        done = done->prev;
    buf_append_bytes(done == NULL ? &c->out : &done->reply, bytes);
    note_output(c);
}

void conn_forget_listening(struct conn *c)
{
    pubsub_forget(c);
    tracking_off(c);
    if (c->is_monitor)
        c->server->monitor_count--;
    c->is_monitor = false;
}

enum client_class conn_class(const struct conn *c)
{
    return pubsub_is_subscriber(c) ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

size_t conn_memory(const struct conn *c)
{
    const struct session *session = &c->session;
    size_t subscriptions = 0;
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        subscriptions += c->subscriber.counts[kind];
    return sizeof(*c) + c->in.capacity + c->out.capacity + c->pushes.capacity +
           session->queue.capacity + session->queue_capacity * sizeof(*session->ends) +
           session->watch_capacity * sizeof(*session->watches) +
           subscriptions * sizeof(struct subscription);
}

struct conn *conn_by_id(struct server *s, uint64_t id)
{
    struct conn *c = s->conns_by_id[id % CONNS_BY_ID];
    while (c != NULL && c->id != id)
        c = c->next_of_id;
    return c;
}

/* --- input ------------------------------------------------------------------------------------ */

static void protocol_error(struct conn *c, struct bytes text)
{
    struct slot *slot = slot_push(c, NULL);
    slot->is_silent = false;
    resp_error(slot_out(slot), text);
    stats_count_errors(&c->server->stats, "ERR", 1);
    slot_complete(slot);
    log_info("client", "protocol error", "id=%llu addr=%s %.*s", (unsigned long long)c->id,
             c->address, (int)text.size, (const char *)text.data);
    conn_finish(c);
}

static bool may_take_requests(const struct conn *c)
{
    return !c->closes && !c->is_dead && !c->in_barrier && c->slot_count < CONN_SLOTS_MAX &&
           outlet_may_take(c);
}

/* Requests out of input; returns how many bytes are used up. *more: stopped by the share of a turn,
 * not by the input. */
static size_t parse(struct conn *c, struct bytes input, bool *more)
{
    const struct server *s = c->server;
    const struct resp_limits limits = {
        .bulk_max = s->settings->proto_max_bulk_len,
        .args_max = RESP_ARGS_MAX,
        .inline_max = RESP_INLINE_MAX,
        .authenticated = !dispatch_needs_auth(c),
    };
    size_t offset = 0, rewind = 0;
    enum dispatch outcome = DISPATCH_TAKEN;
    enum resp_result result = RESP_REQUEST;
    uint32_t taken = 0;
    struct resp_request request;
    while (outcome == DISPATCH_TAKEN && taken < CONN_REQUESTS_PER_TURN && may_take_requests(c)) {
        result = resp_read_next(&c->reader, bytes_from(input, offset), &limits, &request);
        if (result != RESP_REQUEST)
            break;
        c->request_bytes = request.consumed;
        if (request.arg_count > 0)
            outcome = dispatch_request(c, &request, offset, &rewind);
        c->request_bytes = 0;
        if (outcome == DISPATCH_TAKEN)
            offset += request.consumed;
        taken++;
    }
    if (outcome != DISPATCH_REWIND && !c->is_dead && dispatch_end(c, &rewind) == DISPATCH_REWIND)
        outcome = DISPATCH_REWIND;
    c->missing = result == RESP_NEED_MORE ? request.missing : 0;
    if (outcome == DISPATCH_REWIND) {
        resp_reader_clear(&c->reader);
        resp_reader_init(&c->reader);
        offset = rewind;
        c->missing = 0;
    } else if (result == RESP_PROTOCOL_ERROR && !c->is_dead) {
        protocol_error(c, request.error);
        offset = input.size;
    }
    c->waits = result != RESP_NEED_MORE && offset < input.size;
    *more = c->waits && outcome == DISPATCH_TAKEN && may_take_requests(c);
    return offset;
}

static void over_query_limit(struct conn *c)
{
    c->server->stats.input_limit_closes++;
    log_warn("client", "closing connection that reached the query buffer limit",
             "id=%llu addr=%s bytes=%zu", (unsigned long long)c->id, c->address, c->in.size);
    conn_close(c, "query buffer limit");
}

/* What is in the connection's own buffer. */
static bool parse_own(struct conn *c)
{
    bool more = false;
    buf_consume(&c->in, parse(c, buf_bytes(&c->in), &more));
    if (c->in.size == 0)
        buf_clear(&c->in);
    return more;
}

static bool read_into_own(struct conn *c)
{
    const size_t size = MIN(MAX(c->missing, CONN_READ_SIZE), CONN_BULK_READ_MAX);
    const ssize_t got = stream_read(&c->stream, buf_reserve(&c->in, size), size);
    if (got == STREAM_BROKEN)
        conn_close(c, "closed by client");
    if (got <= 0)
        return false;
    buf_commit(&c->in, (size_t)got);
    c->server->stats.input_bytes += (uint64_t)got;
    if (c->in.size > (uint64_t)c->server->config.query_buffer_limit) {
        over_query_limit(c);
        return false;
    }
    if ((size_t)got < c->missing) {
        c->missing -= (size_t)got;
        return false;
    }
    return parse_own(c);
}

/* The usual case: nothing is left over from before, so bytes are parsed where they were read. */
static bool read_into_shared(struct conn *c)
{
    struct server *s = c->server;
    const ssize_t got = stream_read(&c->stream, s->read_buffer, CONN_READ_SIZE);
    if (got == STREAM_BROKEN)
        conn_close(c, "closed by client");
    if (got <= 0)
        return false;
    s->stats.input_bytes += (uint64_t)got;
    bool more = false;
    const struct bytes input = bytes_of(s->read_buffer, (size_t)got);
    const size_t used = parse(c, input, &more);
    if (used < input.size && !c->is_dead && !c->closes)
        buf_append_bytes(&c->in, bytes_from(input, used));
    return more;
}

/* While blocked: its requests have to wait, but its end is to be noticed. Of a connection that was
 * reset the kernel tells only those who read or write (libevent makes no EV_CLOSED of EPOLLERR). */
static void read_ahead(struct conn *c)
{
    struct server *s = c->server;
    if (c->is_readable && c->in.size < CONN_READ_SIZE) {
        c->is_readable = false;
        const ssize_t got = stream_read(&c->stream, s->read_buffer, CONN_READ_SIZE);
        if (got == STREAM_BROKEN) {
            conn_close(c, "closed by client");
            return;
        }
        if (got > 0) {
            s->stats.input_bytes += (uint64_t)got;
            buf_append_bytes(&c->in, bytes_of(s->read_buffer, (size_t)got));
            c->missing -= MIN(c->missing, (size_t)got);
        }
    }
    c->waits = c->waits || c->in.size > 0;
}

/* Reading is switched off while nothing more may be taken: the kernel's buffer, and then the
 * client, have to wait. */
static void watch_socket(struct conn *c)
{
    const bool may_read = c->blocked != NULL ? c->in.size < CONN_READ_SIZE
                                             : !c->waits && may_take_requests(c) &&
                                                   intake_may_read(c);
    const bool wanted = !c->is_dead && !c->closes && may_read;
    if (c->is_dead || wanted == c->reads_enabled)
        return;
    c->reads_enabled = wanted;
    if ((wanted ? event_add(&c->read_event, NULL) : event_del(&c->read_event)) != 0)
        panic("event_add or event_del failed");
}

static bool conn_turn(struct conn *c)
{
    bool more = false;
    c->active_ms = c->server->now_ms;
    if (c->has_hung_up) {
        conn_close(c, "closed by client");
        return false;
    }
    if (c->closes) {
        if (c->slot_count == 0 && c->out.size == 0)
            conn_close(c, "done");
        else
            note_output(c);
    } else if (c->blocked != NULL) {
        read_ahead(c);
    } else if (!may_take_requests(c)) {
        c->waits = c->waits || c->in.size > 0;
    } else if (c->waits) {
        c->waits = false;
        more = parse_own(c);
    } else if (c->is_readable && intake_may_read(c)) {
        c->is_readable = false;
        c->server->stats.reads++;
        more = c->in.size > 0 ? read_into_own(c) : read_into_shared(c);
    }
    intake_note(c);
    watch_socket(c);
    return more;
}

bool conns_turn(struct server *s)
{
    struct queue now;
    queue_init(&now);
    while (!queue_is_empty(&s->ready))
        queue_push_back(&now, queue_pop_front(&s->ready));
    bool any = false;
    struct queue_node *node;
    while ((node = queue_pop_front(&now)) != NULL) {
        struct conn *c = container_of(node, struct conn, ready_node);
        c->is_ready = false;
        if (c == s->busy.caller || conn_turn(c)) {
            conn_make_ready(c);
            any = true;
        }
    }
    return any || !queue_is_empty(&s->ready);
}

void conns_resume(struct server *s)
{
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        struct conn *c = container_of(node, struct conn, node);
        if (c->waits)
            conn_make_ready(c);
    }
}

/* --- output ----------------------------------------------------------------------------------- */

static void check_output_limit(struct conn *c)
{
    struct server *s = c->server;
    const struct output_limit *limit = &s->config.output_limits[conn_class(c)];
    if (limit->soft_bytes == 0 || c->out.size < limit->soft_bytes)
        c->soft_limit_since_ms = 0;
    else if (c->soft_limit_since_ms == 0)
        c->soft_limit_since_ms = s->now_ms;
    const bool soft = c->soft_limit_since_ms != 0 &&
                      s->now_ms - c->soft_limit_since_ms > limit->soft_seconds * 1000;
    const bool hard = limit->hard_bytes != 0 && c->out.size >= limit->hard_bytes;
    if (!soft && !hard)
        return;
    s->stats.output_limit_closes++;
    log_warn("client", "closing connection that reached the output buffer limit",
             "id=%llu addr=%s bytes=%zu", (unsigned long long)c->id, c->address, c->out.size);
    conn_close(c, "output buffer limit");
}

static void enable_writes(struct conn *c, bool wanted)
{
    if (c->writes_enabled == wanted)
        return;
    c->writes_enabled = wanted;
    if ((wanted ? event_add(&c->write_event, NULL) : event_del(&c->write_event)) != 0)
        panic("event_add or event_del failed");
}

static void conn_send(struct conn *c)
{
    ssize_t sent = 0;
    if (c->out.size > 0) {
        sent = stream_write(&c->stream, buf_data(&c->out), c->out.size);
        c->server->stats.writes++;
        if (sent == STREAM_BROKEN) {
            conn_close(c, "closed by client");
            return;
        }
        if (sent > 0) {
            c->server->stats.output_bytes += (uint64_t)sent;
            c->active_ms = c->server->now_ms;
            buf_consume(&c->out, (size_t)sent);
        }
    }
    if (c->out.size == 0 && c->out.capacity > OUT_MEMORY_KEPT)
        buf_clear(&c->out);
    outlet_note(c, sent > 0 ? (size_t)sent : 0);
    if (c->out.size == 0) {
        enable_writes(c, false);
        if (c->closes && c->slot_count == 0) {
            conn_close(c, "done");
            return;
        }
    } else {
        enable_writes(c, true);
        check_output_limit(c);
    }
    if (!c->is_dead && (c->waits || !c->reads_enabled) && may_take_requests(c))
        conn_make_ready(c);
}

void conns_flush(struct server *s)
{
    struct queue_node *node;
    bool keeps_caller = false;
    while ((node = queue_pop_front(&s->outgoing)) != NULL) {
        struct conn *c = container_of(node, struct conn, out_node);
        c->has_output = false;
        if (c == s->busy.caller) /* its output is half a reply */
            keeps_caller = true;
        else
            conn_send(c);
    }
    if (keeps_caller)
        note_output(s->busy.caller);
    outlet_turn(s);
}

/* --- from time to time ------------------------------------------------------------------------ */

static uint64_t clients_memory_max(const struct server *s)
{
    const int64_t max = s->config.maxmemory_clients;
    return max >= 0 ? (uint64_t)max : s->settings->maxmemory / 100 * (uint64_t)-max;
}

/* The one that holds most and may be closed; *sum: bytes of all that count. */
static struct conn *largest(struct server *s, uint64_t *sum)
{
    struct conn *found = NULL;
    size_t most = 0;
    *sum = 0;
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        struct conn *c = container_of(node, struct conn, node);
        const size_t size = c->session.no_evict ? 0 : conn_memory(c);
        *sum += size;
        if (size > most) {
            most = size;
            found = c;
        }
    }
    return found;
}

/* maxmemory-clients: the largest are closed until the others are within it. */
static void evict_clients(struct server *s)
{
    const uint64_t max = clients_memory_max(s);
    for (int i = 0; max > 0 && i < EVICTIONS_PER_CRON; i++) {
        uint64_t sum;
        struct conn *c = largest(s, &sum);
        if (c == NULL || sum <= max)
            return;
        log_warn("client", "closing the client that holds most: maxmemory-clients",
                 "id=%llu addr=%s bytes=%zu all=%llu", (unsigned long long)c->id, c->address,
                 conn_memory(c), (unsigned long long)sum);
        s->stats.evicted_clients++;
        conn_close(c, "evicted");
    }
}

/* Asked of those alone that are blocked with so much input behind that they are not read. */
static bool has_failed(const struct conn *c)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(c->stream.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0;
}

void conns_cron(struct server *s)
{
    evict_clients(s);
    outlet_cron(s);
    const uint64_t idle_max_ms = (uint64_t)s->config.timeout * 1000;
    struct queue_node *node = queue_first(&s->conns), *next;
    for (; node != NULL; node = next) {
        next = queue_next(&s->conns, node);
        struct conn *c = container_of(node, struct conn, node);
        const uint64_t idle_ms = s->now_ms > c->active_ms ? s->now_ms - c->active_ms : 0;
        if (idle_max_ms > 0 && idle_ms > idle_max_ms && c->slot_count == 0 && !c->is_monitor &&
            !pubsub_is_subscriber(c)) {
            s->stats.idle_closes++;
            conn_close(c, "idle");
            continue;
        }
        if (c->blocked != NULL && !c->reads_enabled && has_failed(c)) {
            conn_close(c, "closed by client");
            continue;
        }
        if (c->out.size > 0)
            check_output_limit(c);
        else if (idle_ms > 2000 && c->out.capacity > 0) {
            buf_clear(&c->out);
            outlet_note(c, 0);
        }
    }
}
