/* local_debug.c -- DEBUG, as far as tests use it: switches of this node, replies of each type. What
 * looks at keys (OBJECT, DIGEST, POPULATE ...) is the table's. */

#include "server/local.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "base/log.h"
#include "resp/resp_write.h"
#include "server/pending.h"
#include "server/route.h"

static void debug_sleep(struct exec *x)
{
    char text[64];
    const size_t size = MIN(x->args[2].size, sizeof(text) - 1);
    memcpy(text, x->args[2].data, size);
    text[size] = '\0';
    const double seconds = strtod(text, NULL);
    if (seconds > 0 && seconds < 86400) {
        const struct timespec wait = {(time_t)seconds,
                                      (long)((seconds - (double)(time_t)seconds) * 1e9)};
        nanosleep(&wait, NULL);
    }
    reply_ok(x);
}

/* All rows have reached the store: those that did not change since are forgotten, and read again
 * from there. */
static void finish_reload(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (s->shard != NULL) {
        struct cache *cache = keyspace_cache(shard_keyspace(s->shard));
        struct cache_stats stats;
        cache_stats(cache, &stats);
        cache_resize(cache, 0);
        cache_turn(cache);
        cache_resize(cache, stats.size_bytes);
    }
    reply_ok(x);
}

/* Saves and loads; here: all rows reach the store and are read from it. NOFLUSH without MERGE:
 * Redis loads its dump over what is there, and stumbles over libraries. */
static void debug_reload(struct server *s, struct exec *x)
{
    bool no_flush = false, merge = false;
    uint64_t libraries = 0, functions = 0;
    for (uint32_t i = 2; i < x->arg_count; i++) {
        no_flush = no_flush || arg_is(x, i, "noflush");
        merge = merge || arg_is(x, i, "merge");
    }
    if (local_refuse_in_exec(x))
        return;
    if (no_flush && !merge && s->shard != NULL)
        machine_function_counts(shard_machine(s->shard), &libraries, &functions);
    if (libraries > 0)
        reply_error(x, "ERR Error trying to load the RDB dump, check server logs.");
    else
        pending_new(s, x, PENDING_FLUSH, finish_reload);
}

/* A replicated switch: "no" for this argument. */
static void debug_set(struct server *s, struct exec *x, struct bytes setting, const char *no)
{
    const struct bytes value = arg_is(x, 2, no) ? BYTES("no") : BYTES("yes");
    const struct bytes args[] = {setting, value};
    const struct request request = {.kind = REQ_SETTING, .args = args, .arg_count = 2};
    if (local_refuse_in_exec(x))
        return;
    if (s->shard == NULL || !route_write(s->running, &request))
        reply_error(x, "CLUSTERDOWN too much is in flight, not executed");
}

static void debug_protocol_resp3(struct exec *x, const char *type)
{
    struct buf *out = x->reply.out;
    const enum resp_protocol p = x->reply.protocol == 3 ? RESP3 : RESP2;
    if (out == NULL)
        return;
    if (strcmp(type, "push") == 0) {
        if (p == RESP2) {
            reply_error(x, "ERR RESP2 is not supported by this command");
            return;
        }
        resp_push(out, p, 2);
        resp_bulk(out, BYTES("server-cpu-usage"));
        resp_int64(out, 42);
        resp_bulk(out, BYTES("Some real reply following the push reply"));
    } else if (strcmp(type, "attrib") == 0) {
        if (p == RESP3) {
            resp_attribute(out, 1);
            resp_bulk(out, BYTES("key-popularity"));
            resp_array(out, 2);
            resp_bulk(out, BYTES("key:123"));
            resp_int64(out, 90);
        }
        resp_bulk(out, BYTES("Some real reply following the attribute"));
    } else {
        resp_big_number(out, p, BYTES("1234567999999999999999999999999999999"));
    }
}

static void debug_protocol_map(struct exec *x)
{
    reply_map(x, 3);
    for (int i = 0; i < 3; i++) {
        reply_int64(x, i);
        reply_bool(x, i == 1);
    }
}

static void debug_protocol(struct exec *x)
{
    if (arg_is(x, 2, "string"))
        reply_bulk_string(x, "Hello World");
    else if (arg_is(x, 2, "integer"))
        reply_int64(x, 12345);
    else if (arg_is(x, 2, "double"))
        reply_double(x, 3.141);
    else if (arg_is(x, 2, "null"))
        reply_null(x);
    else if (arg_is(x, 2, "array") || arg_is(x, 2, "set")) {
        if (arg_is(x, 2, "set"))
            reply_set(x, 3);
        else
            reply_array(x, 3);
        for (int i = 0; i < 3; i++)
            reply_int64(x, i);
    } else if (arg_is(x, 2, "map"))
        debug_protocol_map(x);
    else if (arg_is(x, 2, "attrib"))
        debug_protocol_resp3(x, "attrib");
    else if (arg_is(x, 2, "push"))
        debug_protocol_resp3(x, "push");
    else if (arg_is(x, 2, "verbatim"))
        reply_verbatim(x, "txt", BYTES("This is a verbatim\nstring"));
    else if (arg_is(x, 2, "true") || arg_is(x, 2, "false"))
        reply_bool(x, arg_is(x, 2, "true"));
    else if (arg_is(x, 2, "bignum"))
        debug_protocol_resp3(x, "bignum");
    else
        reply_error(x, "ERR Wrong protocol type name. Please use one of the following: "
                       "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|"
                       "false");
}

static void debug_packed_threshold(struct exec *x)
{
    uint64_t size;
    if (memory_size_parse(x->args[2], &size) && size <= (uint64_t)4 << 30)
        reply_ok(x);
    else
        reply_error(x, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
}

static void debug_damage(struct server *s, struct exec *x)
{
    if (local_refuse_in_exec(x))
        return;
    if (s->shard != NULL && keyspace_damage(shard_keyspace(s->shard), x->db, x->args[2]))
        reply_ok(x);
    else
        reply_error(x, "ERR no such key");
}

static void unknown(struct exec *x)
{
    struct buf text = {0};
    buf_printf(&text, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG "
               "HELP.", (int)MIN(x->args[1].size, 128), (const char *)x->args[1].data);
    reply_error_bytes(x, buf_bytes(&text));
    buf_clear(&text);
}

static void log_message(struct exec *x)
{
    log_warn("debug", "DEBUG LOG", "message=%.*s", (int)MIN(x->args[2].size, 1024),
             (const char *)x->args[2].data);
    reply_ok(x);
}

void local_debug(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    static const struct {
        const char *name;
        uint32_t min, max; /* arguments */
    } accepted[] = { /* internals of Redis that are not there: fine, no effect */
        {"replybuffer", 4, 4}, {"pause-cron", 3, 3}, {"change-repl-id", 2, 2},
        {"dict-resizing", 3, 3}, {"client-eviction", 2, 2},
        {"set-skip-checksum-validation", 3, 3}, {"client-enforce-reply-list", 3, 3},
    };
    const uint32_t n = x->arg_count;
    for (size_t i = 0; i < ARRAY_COUNT(accepted); i++) {
        if (arg_is(x, 1, accepted[i].name) && n >= accepted[i].min && n <= accepted[i].max) {
            reply_ok(x);
            return;
        }
    }
    if (arg_is(x, 1, "sleep") && n == 3)
        debug_sleep(x);
    else if (arg_is(x, 1, "reload") || (arg_is(x, 1, "loadaof") && n == 2))
        debug_reload(s, x);
    else if (arg_is(x, 1, "set-active-expire") && n == 3)
        debug_set(s, x, BYTES("active-expire"), "0");
    else if (arg_is(x, 1, "set-disable-deny-scripts") && n == 3)
        debug_set(s, x, BYTES("script-deny-debug"), "1");
    else if (arg_is(x, 1, "protocol") && n == 3)
        debug_protocol(x);
    else if (arg_is(x, 1, "quicklist-packed-threshold") && n == 3)
        debug_packed_threshold(x);
    else if (arg_is(x, 1, "damage") && n == 3)
        debug_damage(s, x);
    else if (arg_is(x, 1, "error") && n == 3)
        reply_error_bytes(x, x->args[2]);
    else if (arg_is(x, 1, "log") && n == 3)
        log_message(x);
    else if (arg_is(x, 1, "jmap") && n == 2)
        reply_ok(x);
    else
        unknown(x);
}
