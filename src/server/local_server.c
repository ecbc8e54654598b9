/* local_server.c -- INFO, SAVE, SHUTDOWN, MONITOR, MEMORY: about this process. */

#include "server/local.h"

#include "base/panic.h"
#include "resp/resp_write.h"
#include "server/pending.h"

/* --- INFO ------------------------------------------------------------------------------------- */

static void finish_info(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct buf text = {0};
    s->info.text(s, x->args + 1, x->arg_count - 1, &text);
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

void local_info(struct server *s, struct conn *c, struct exec *x)
{
    if (!x->in_exec && s->running != NULL && s->info.wants_raft(x->args + 1, x->arg_count - 1)) {
        struct pending *p = pending_new(s, x, PENDING_STATUS, finish_info);
        if (pending_admin(p, ADMIN_STATUS))
            return;
        pending_drop(p);
    }
    finish_info(s, c, x);
}

/* --- SAVE and its kin ------------------------------------------------------------------------- */

static void finish_ok(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_ok(x);
}

void local_save(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (!local_refuse_in_exec(x))
        pending_new(s, x, PENDING_FLUSH, finish_ok);
}

static void start_flush(struct server *s)
{
    if (s->shard != NULL)
        shard_flush(s->shard); /* whether there is anything to flush makes no difference */
}

void local_bgsave(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (x->arg_count > 2 || (x->arg_count == 2 && !arg_is(x, 1, "schedule"))) {
        reply_syntax_error(x);
        return;
    }
    start_flush(s);
    reply_simple(x, "Background saving started");
}

void local_bgrewriteaof(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    start_flush(s);
    reply_simple(x, "Background append only file rewriting started");
}

/* --- SHUTDOWN --------------------------------------------------------------------------------- */

void local_shutdown(struct server *s, struct conn *c, struct exec *x)
{
    bool save = false, nosave = false, abort = false, other = false;
    for (uint32_t i = 1; i < x->arg_count; i++) {
        if (arg_is(x, i, "save"))
            save = true;
        else if (arg_is(x, i, "nosave"))
            nosave = true;
        else if (arg_is(x, i, "abort"))
            abort = true;
        else if (arg_is(x, i, "now") || arg_is(x, i, "force"))
            other = true;
        else {
            reply_syntax_error(x);
            return;
        }
    }
    if ((save && nosave) || (abort && (save || nosave || other))) {
        reply_syntax_error(x);
        return;
    }
    if (abort) {
        reply_error(x, "ERR No shutdown in progress.");
        return;
    }
    server_stop(s);
    conn_finish(c); /* as Redis: no reply, the connection ends with the process */
}

/* --- MONITOR ---------------------------------------------------------------------------------- */

void local_monitor(struct server *s, struct conn *c, struct exec *x)
{
    if (local_refuse_in_exec(x))
        return;
    if (!c->is_monitor)
        s->monitor_count++;
    c->is_monitor = true;
    reply_ok(x);
}

static void append_shown(struct buf *to, struct bytes b)
{
    buf_append_u8(to, '"');
    for (size_t i = 0; i < b.size; i++) {
        const uint8_t c = bytes_data(b)[i];
        switch (c) {
        case '\\':
        case '"': buf_printf(to, "\\%c", c); break;
        case '\n': buf_append_string(to, "\\n"); break;
        case '\r': buf_append_string(to, "\\r"); break;
        case '\t': buf_append_string(to, "\\t"); break;
        case '\a': buf_append_string(to, "\\a"); break;
        case '\b': buf_append_string(to, "\\b"); break;
        default:
            if (c >= ' ' && c <= '~')
                buf_append_u8(to, c);
            else
                buf_printf(to, "\\x%02x", c);
        }
    }
    buf_append_u8(to, '"');
}

void monitor_line(const struct server *s, struct buf *to, const struct monitored *m)
{
    buf_printf(to, "+%llu.%06llu [%u %s]", (unsigned long long)(s->now_ms / 1000),
               (unsigned long long)(s->now_ms % 1000 * 1000), m->db, m->who);
    for (uint32_t i = 0; i < m->count; i++) {
        buf_append_u8(to, ' ');
        append_shown(to, m->args[i]);
    }
    buf_append_string(to, "\r\n");
}

void monitor_send(struct server *s, struct bytes lines)
{
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        struct conn *other = container_of(node, struct conn, node);
        if (other->is_monitor && !other->is_dead)
            conn_push(other, lines);
    }
}

/* --- MEMORY ----------------------------------------------------------------------------------- */

void memory_doctor(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_verbatim(x, "txt", BYTES("Memory of a node is bounded by cache-size; INFO memory shows "
                                   "what is in use.\n"));
}

void memory_purge(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    server_purge_memory();
    reply_ok(x);
}

void memory_stats(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct memory_figures memory;
    server_memory(s, &memory);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"peak.allocated", memory.peak},          {"total.allocated", memory.used},
        {"startup.allocated", 0},                 {"clients.normal", memory.clients},
        {"rows.cached.bytes", memory.cache},      {"rows.dirty.bytes", memory.dirty},
        {"keys.count", memory.keys},              {"dataset.bytes", memory.dataset},
        {"resident.bytes", memory.resident},
    };
    reply_map(x, ARRAY_COUNT(rows));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        reply_bulk_string(x, rows[i].name);
        reply_int64(x, (int64_t)rows[i].value);
    }
}

void memory_malloc_stats(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_bulk_string(x, "Stats not supported for the current allocator");
}

void memory_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
        NULL,
    };
    reply_help(x, lines);
}
