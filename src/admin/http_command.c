/* http_command.c -- /api/command: a command goes in as any client's, over a connection of its own,
 * as the session's user; its reply comes back as typed JSON.
 *
 *   {"argv": [...], "db": 0} -> CALL_COMMAND (a socketpair's end becomes the connection)
 *        -> RESP out, the whole reply in (RESP3) -> {"reply": {"type", "value"}, "took_us"} */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "admin/http_internal.h"
#include "admin/json.h"
#include "base/clock.h"
#include "base/panic.h"
#include "resp/resp_skip.h"
#include "server/loop.h"
#include "server/steps.h"

#define REPLY_MAX ((size_t)4 << 20) /* bytes; as JSON some times as much */
#define ARGS_MAX 1024
#define COMMANDS_MAX 64 /* under way */
#define DEPTH_MAX 32
#define ANSWER_MAX_S 30 /* a command's; a write waits quorum-wait-ms at most, a script longer */

struct command_call {
    struct queue_node node; /* in http.commands */
    struct http *http;
    struct evhttp_request *request;
    struct bufferevent *bev;
    uint64_t began_us, received_us; /* wall: the second */
    struct steps *steps;
};

/* --- the reply as JSON ------------------------------------------------------------------------ */

struct scanner {
    const char *next, *end;
};

static struct bytes line_of(struct scanner *in)
{
    const char *begin = in->next;
    const char *end = memchr(begin, '\r', (size_t)(in->end - begin));
    CHECK(end != NULL); /* resp_skip() has seen it */
    in->next = end + 2;
    return bytes_of(begin, (size_t)(end - begin));
}

/* {"type": type, "value": ... what is written next, and "}" */
static void open_typed(struct buf *to, const char *type)
{
    buf_printf(to, "{\"type\":\"%s\",\"value\":", type);
}

static void write_typed(struct buf *to, const char *type, struct json_object *value)
{
    open_typed(to, type);
    json_write(value, to);
    buf_append_u8(to, '}');
}

static void write_nil(struct buf *to)
{
    buf_append_string(to, "{\"type\":\"nil\",\"value\":null}");
}

static void write_reply(struct scanner *in, int depth, struct buf *to);

static void write_bulk(struct scanner *in, int64_t size, size_t skipped, struct buf *to)
{
    if (size < 0) {
        write_nil(to);
        return;
    }
    const char *data = in->next;
    CHECK((size_t)size >= skipped);
    in->next += size + 2;
    write_typed(to, "bulk", json_bytes(bytes_of(data + skipped, (size_t)size - skipped)));
}

/* Of a map: [key, value], ... */
static void write_list(struct scanner *in, const char *type, int64_t count, int depth,
                       struct buf *to)
{
    const bool in_pairs = strcmp(type, "map") == 0;
    open_typed(to, type);
    buf_append_u8(to, '[');
    for (int64_t i = 0; i < count; i++) {
        buf_append_string(to, i == 0 ? "" : ",");
        buf_append_string(to, in_pairs ? "[" : "");
        write_reply(in, depth + 1, to);
        if (in_pairs) {
            buf_append_u8(to, ',');
            write_reply(in, depth + 1, to);
            buf_append_u8(to, ']');
        }
    }
    buf_append_string(to, "]}");
}

static void write_integer(struct bytes text, struct buf *to)
{
    open_typed(to, "integer");
    buf_append_bytes(to, text); /* our own server's: digits */
    buf_append_u8(to, '}');
}

/* Of what is deeper the end is not looked for: the reply is the whole rest. */
static void write_too_deep(struct scanner *in, struct buf *to)
{
    in->next = in->end;
    write_typed(to, "error", json_text("(deeper than is shown here)"));
}

static void write_reply(struct scanner *in, int depth, struct buf *to)
{
    int64_t count = 0;
    if (depth > DEPTH_MAX || in->next >= in->end) {
        write_too_deep(in, to);
        return;
    }
    const char type = *in->next++;
    const struct bytes line = line_of(in);
    const bool is_counted = strchr("$*~%=>", type) != NULL;
    if (is_counted && !bytes_to_int64(line, &count)) {
        write_too_deep(in, to);
        return;
    }
    switch (type) {
    case '+': write_typed(to, "status", json_bytes(line)); return;
    case '-': write_typed(to, "error", json_bytes(line)); return;
    case ':': write_integer(line, to); return;
    case ',': write_typed(to, "double", json_bytes(line)); return;
    case '(': write_typed(to, "big_number", json_bytes(line)); return;
    case '#':
        write_typed(to, "boolean", json_object_new_boolean(bytes_equal(line, BYTES("t"))));
        return;
    case '_': write_nil(to); return;
    case '$': write_bulk(in, count, 0, to); return;
    case '=': write_bulk(in, count, 4, to); return; /* "txt:" */
    case '*':
        if (count < 0)
            write_nil(to);
        else
            write_list(in, "array", count, depth, to);
        return;
    case '~': write_list(in, "set", count, depth, to); return;
    case '>': write_list(in, "push", count, depth, to); return;
    case '%': write_list(in, "map", count, depth, to); return;
    default: write_too_deep(in, to); return;
    }
}

/* --- its steps ------------------------------------------------------------------------------- */

static void put_step(struct json_object *list, const char *name, uint64_t at_us, uint64_t index)
{
    struct json_object *step = json_object_new_object();
    json_put_text(step, "step", name);
    json_put_uint(step, "t", at_us);
    if (index != 0)
        json_put_uint(step, "index", index);
    json_object_array_add(list, step);
}

/* Of a read, and of what the log had no part in: received, answered. */
static void write_steps(const struct command_call *c, struct buf *to)
{
    const struct steps *t = c->steps;
    struct json_object *list = json_object_new_array();
    put_step(list, "received", c->received_us, 0);
    if (atomic_load_explicit(&t->is_told, memory_order_acquire)) {
        put_step(list, "proposed", t->proposed_us, t->index);
        if (t->persisted_us != 0)
            put_step(list, "persisted", t->persisted_us, t->index);
        put_step(list, "committed", t->committed_us, t->index);
        put_step(list, "applied", t->applied_us, t->index);
    }
    put_step(list, "answered", clock_wall_us(), 0);
    json_write(list, to);
}

/* --- there and back --------------------------------------------------------------------------- */

static void command_end(struct command_call *c)
{
    queue_remove(&c->node);
    c->http->command_count--;
    bufferevent_free(c->bev);
    steps_drop(c->steps);
    free(c);
}

static void command_fail(struct command_call *c, int status, const char *text)
{
    http_reply_error(c->request, status, text);
    command_end(c);
}

static void on_reply(struct bufferevent *bev, void *context)
{
    struct command_call *c = context;
    struct evbuffer *input = bufferevent_get_input(bev);
    const size_t size = evbuffer_get_length(input);
    size_t used = 0;
    const struct bytes all = bytes_of(evbuffer_pullup(input, -1), size);
    const enum resp_skip found = resp_skip(all, &used);
    if (found == RESP_SKIP_MORE && size > REPLY_MAX) {
        command_fail(c, 413, "the reply is longer than 4 MiB; the command was executed");
        return;
    }
    if (found == RESP_SKIP_MORE)
        return;
    CHECK(found == RESP_SKIP_DONE); /* our own server's */
    struct scanner in = {all.data, (const char *)all.data + used};
    struct buf text = {0};
    buf_append_string(&text, "{\"reply\":");
    write_reply(&in, 0, &text);
    buf_printf(&text, ",\"took_us\":%llu,\"steps\":",
               (unsigned long long)(clock_boot_us() - c->began_us));
    write_steps(c, &text);
    buf_append_u8(&text, '}');
    http_reply(c->request, 200, HTTP_JSON, buf_bytes(&text));
    buf_clear(&text);
    command_end(c);
}

static void on_end(struct bufferevent *bev, short what, void *context)
{
    (void)bev;
    if (what & BEV_EVENT_TIMEOUT)
        command_fail(context, 504, "no answer within 30 s: whether the command was or will be "
                                   "executed is not known");
    else
        command_fail(context, 502, "the server closed the connection of this command: whether it "
                                   "was executed is not known");
}

void command_begin(struct call *call)
{
    static const struct timeval limit = {ANSWER_MAX_S, 0};
    struct http *h = call->http;
    struct command_call *c = xcalloc(1, sizeof(*c));
    c->http = h;
    c->request = call->request;
    c->began_us = clock_boot_us();
    c->received_us = clock_wall_us();
    c->steps = call->steps;
    call->steps = NULL;
    c->bev = bufferevent_socket_new(loop_base(h->loop), call->peer_fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL)
        panic("bufferevent_socket_new failed");
    call->peer_fd = -1;
    bufferevent_setcb(c->bev, on_reply, NULL, on_end, c);
    bufferevent_set_timeouts(c->bev, &limit, NULL);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    bufferevent_write(c->bev, buf_data(&call->said), call->said.size);
    queue_push_back(&h->commands, &c->node);
    h->command_count++;
}

void commands_close(struct http *h)
{
    while (!queue_is_empty(&h->commands))
        command_fail(container_of(queue_first(&h->commands), struct command_call, node), 503,
                     "the server ends: whether the command was executed is not known");
}

/* --- the request ------------------------------------------------------------------------------ */

/* What waits, what goes on after its reply, and what is of a connection that will not be there. */
static bool is_refused(const char *name)
{
    static const char *const names[] = {
        "auth", "blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax",
        "bzpopmin", "discard", "exec", "hello", "monitor", "multi", "psubscribe", "psync",
        "punsubscribe", "quit", "reset", "select", "ssubscribe", "subscribe", "sunsubscribe",
        "sync", "unsubscribe", "unwatch", "wait", "waitaof", "watch",
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool has_word(struct json_object *argv, const char *word)
{
    for (size_t i = 1; i < json_object_array_length(argv); i++) {
        struct json_object *arg = json_object_array_get_idx(argv, i);
        if (json_object_is_type(arg, json_type_string) &&
            strcasecmp(json_object_get_string(arg), word) == 0)
            return true;
    }
    return false;
}

/* NULL: it may go. */
static const char *why_refused(struct json_object *argv)
{
    struct json_object *first = json_object_array_get_idx(argv, 0);
    if (!json_object_is_type(first, json_type_string))
        return NULL;
    const char *name = json_object_get_string(first);
    if (is_refused(name))
        return "this command needs a connection that stays (it blocks, listens, or changes the "
               "session): use redis-cli; the database is \"db\"";
    if ((strcasecmp(name, "xread") == 0 || strcasecmp(name, "xreadgroup") == 0) &&
        has_word(argv, "block"))
        return "BLOCK is not possible here: use redis-cli";
    if (strcasecmp(name, "client") == 0 && has_word(argv, "reply"))
        return "CLIENT REPLY has no meaning here";
    return NULL;
}

static bool encode(struct json_object *argv, struct buf *said)
{
    struct buf arg = {0};
    const size_t count = json_object_array_length(argv);
    bool is_good = true;
    buf_printf(said, "*%zu\r\n", count);
    for (size_t i = 0; i < count && is_good; i++) {
        buf_reset(&arg);
        is_good = json_get_bytes(json_object_array_get_idx(argv, i), &arg);
        buf_printf(said, "$%zu\r\n", arg.size);
        buf_append_bytes(said, buf_bytes(&arg));
        buf_append_string(said, "\r\n");
    }
    buf_clear(&arg);
    return is_good;
}

static void send_command(struct http *h, struct evhttp_request *request, struct buf *said,
                         uint32_t db)
{
    int fds[2];
    if (h->command_count >= COMMANDS_MAX) {
        http_reply_error(request, 503, "too many commands are under way here; not executed");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        http_reply_error(request, 503, "no file descriptors; not executed");
        return;
    }
    struct call *call = call_new(h, CALL_COMMAND, request);
    if (call == NULL) {
        evutil_closesocket(fds[0]);
        evutil_closesocket(fds[1]);
        return;
    }
    call->fd = fds[0];
    call->peer_fd = fds[1];
    call->db = db;
    call->steps = steps_new();
    call->said = *said;
    *said = (struct buf){0};
    call_send(call);
}

void http_command(struct http *h, struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const size_t size = evbuffer_get_length(body);
    struct json_object *o = json_read(bytes_of(evbuffer_pullup(body, -1), size)), *argv;
    struct buf said = {0};
    uint64_t db = 0;
    if (o == NULL || !json_object_object_get_ex(o, "argv", &argv) ||
        !json_object_is_type(argv, json_type_array) || json_object_array_length(argv) == 0 ||
        json_object_array_length(argv) > ARGS_MAX || !json_get_uint(o, "db", UINT8_MAX, &db) ||
        !encode(argv, &said))
        http_reply_error(request, 400, "a command is {\"argv\": [\"SET\", \"key\", \"value\"], "
                                       "\"db\": 0}: at most 1024 strings, or {\"base64\": ...}");
    else if (why_refused(argv) != NULL)
        http_reply_error(request, 400, why_refused(argv));
    else
        send_command(h, request, &said, (uint32_t)db);
    buf_clear(&said);
    json_object_put(o);
}
