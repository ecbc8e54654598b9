/* http_api.c -- the interface of the dashboard (docs/HTTP.md): what comes in is looked at here, and
 * asked of the data loop. */

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include "admin/http_internal.h"
#include "admin/json.h"

#define LOG_ENTRIES_DEFAULT 40
#define LOG_ENTRIES_MAX 200

/* --- GET -------------------------------------------------------------------------------------- */

static void node(struct http *h, struct evhttp_request *request)
{
    struct call *call = call_new(h, CALL_NODE, request);
    struct statvfs disk;
    if (call == NULL)
        return;
    if (statvfs(h->server->config.dir, &disk) == 0) {
        call->disk.free = (uint64_t)disk.f_bavail * disk.f_frsize;
        call->disk.total = (uint64_t)disk.f_blocks * disk.f_frsize;
    }
    call_send(call);
}

/* A number of the query, if it is there. false: it is none in min .. max. */
static bool query_uint(const struct evkeyvalq *query, const char *name, const uint64_t limits[2],
                       uint64_t *value)
{
    const char *text = evhttp_find_header(query, name);
    if (text == NULL)
        return true;
    return bytes_to_uint64(bytes_from_string(text), value) && *value >= limits[0] &&
           *value <= limits[1];
}

static void read_log(struct http *h, struct evhttp_request *request)
{
    static const uint64_t indexes[] = {1, INT64_MAX / 2}, counts[] = {1, LOG_ENTRIES_MAX};
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evkeyvalq query = {0};
    uint64_t from = 0, count = LOG_ENTRIES_DEFAULT;
    bool is_good = text == NULL || evhttp_parse_query_str(text, &query) == 0;
    if (text != NULL && is_good) {
        is_good = query_uint(&query, "from", indexes, &from) &&
                  query_uint(&query, "count", counts, &count);
        evhttp_clear_headers(&query);
    }
    if (!is_good) {
        http_reply_error(request, 400, "from wants an index, count a number from 1 to 200");
        return;
    }
    struct call *call = call_new(h, CALL_LOG, request);
    if (call == NULL)
        return;
    call->from = from;
    call->count = count;
    call_send(call);
}

/* --- POST ------------------------------------------------------------------------------------- */

static void log_in(struct http *h, struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const size_t size = evbuffer_get_length(body);
    struct json_object *o = json_read(bytes_of(evbuffer_pullup(body, -1), size));
    struct json_object *user, *password;
    struct buf name = {0}, secret = {0};
    if (o == NULL || !json_object_object_get_ex(o, "user", &user) ||
        !json_object_object_get_ex(o, "password", &password) || !json_get_bytes(user, &name) ||
        !json_get_bytes(password, &secret)) {
        http_reply_error(request, 400, "a login is {\"user\": \"...\", \"password\": \"...\"}");
    } else {
        struct call *call = call_new(h, CALL_LOGIN, request);
        if (call != NULL) {
            struct visitor *v = &call->visitor;
            buf_reset(&v->user);
            buf_reset(&v->password);
            buf_append_bytes(&v->user, buf_bytes(&name));
            buf_append_bytes(&v->password, buf_bytes(&secret));
            v->has_password = true;
            call_send(call);
        }
    }
    if (secret.size > 0)
        explicit_bzero(buf_data(&secret), secret.size);
    buf_clear(&name);
    buf_clear(&secret);
    json_object_put(o);
}

/* The cookie goes; a token that was copied lives until it expires. */
static void log_out(struct http *h, struct evhttp_request *request)
{
    (void)h;
    http_add_header(request, "Set-Cookie", "avow=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    http_reply(request, 200, HTTP_JSON, BYTES("{}"));
}

static void listen_events(struct http *h, struct evhttp_request *request)
{
    call_ask(h, CALL_EVENTS, request);
}

/* --- routes ----------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    enum evhttp_cmd_type method;
    void (*run)(struct http *h, struct evhttp_request *request);
} routes[] = {
    {"/api/node", EVHTTP_REQ_GET, node},
    {"/api/log", EVHTTP_REQ_GET, read_log},
    {"/api/events", EVHTTP_REQ_GET, listen_events},
    {"/api/login", EVHTTP_REQ_POST, log_in},
    {"/api/logout", EVHTTP_REQ_POST, log_out},
    {"/api/command", EVHTTP_REQ_POST, http_command},
    {"/api/chaos", EVHTTP_REQ_POST, http_chaos},
};

/* What no form and no page of strangers can send without being asked first (CORS). */
static bool is_deliberate(struct evhttp_request *request)
{
    const char *type = http_header(request, "Content-Type");
    return strcmp(http_header(request, "X-Avow"), "1") == 0 &&
           strncmp(type, HTTP_JSON, sizeof(HTTP_JSON) - 1) == 0;
}

bool http_api(struct http *h, struct evhttp_request *request, const char *path)
{
    size_t i = 0;
    while (i < ARRAY_COUNT(routes) && strcmp(path, routes[i].path) != 0)
        i++;
    if (i == ARRAY_COUNT(routes))
        return false;
    const enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method == EVHTTP_REQ_OPTIONS) {
        call_ask(h, CALL_PREFLIGHT, request);
    } else if (method != routes[i].method) {
        http_add_header(request, "Allow", routes[i].method == EVHTTP_REQ_GET ? "GET" : "POST");
        http_reply_error(request, 405, "not by this method");
    } else if (method == EVHTTP_REQ_POST && !is_deliberate(request)) {
        http_reply_error(request, 400, "a POST wants Content-Type: application/json, X-Avow: 1");
    } else {
        routes[i].run(h, request);
    }
    return true;
}
