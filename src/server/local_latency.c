/* local_latency.c -- SLOWLOG and LATENCY. */

#include "server/local.h"

/* --- SLOWLOG ---------------------------------------------------------------------------------- */

static uint32_t word_count(struct bytes words)
{
    struct reader r;
    reader_init(&r, words);
    uint32_t count = 0;
    for (; reader_left(&r) > 0; count++)
        reader_bytes(&r, reader_le32(&r));
    return count;
}

static void reply_entry(struct exec *x, const struct slowlog_entry *entry)
{
    reply_array(x, 6);
    reply_int64(x, (int64_t)entry->id);
    reply_int64(x, (int64_t)entry->time_s);
    reply_int64(x, (int64_t)entry->duration_us);
    const struct bytes words = buf_bytes(&entry->words);
    reply_array(x, word_count(words));
    struct reader r;
    reader_init(&r, words);
    while (reader_left(&r) > 0) {
        const uint32_t size = reader_le32(&r);
        reply_bulk(x, reader_bytes(&r, size));
    }
    reply_bulk_string(x, entry->address);
    reply_bulk_string(x, entry->name);
}

void slowlog_get(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    int64_t count = 10;
    if (x->arg_count > 3) {
        reply_wrong_arity(x);
        return;
    }
    if (x->arg_count == 3 && (!bytes_to_int64(x->args[2], &count) || count < -1)) {
        reply_error(x, "ERR count should be greater than or equal to -1");
        return;
    }
    const uint64_t shown = count == -1 ? s->slowlog.count : MIN((uint64_t)count, s->slowlog.count);
    reply_array(x, shown);
    struct queue_node *node = queue_first(&s->slowlog.entries);
    for (uint64_t i = 0; i < shown; i++, node = queue_next(&s->slowlog.entries, node))
        reply_entry(x, container_of(node, struct slowlog_entry, node));
}

void slowlog_len(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_int64(x, (int64_t)s->slowlog.count);
}

void slowlog_reset(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    slowlog_clear(&s->slowlog);
    reply_ok(x);
}

void slowlog_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
        NULL,
    };
    reply_help(x, lines);
}

/* --- LATENCY: no events are sampled, which is what a Redis with monitoring off answers -------- */

void latency_latest(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_array(x, 0);
}

void latency_reset(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_int64(x, 0);
}

void latency_graph(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_errorf(x, "ERR No samples available for event '%.*s'", (int)MIN(x->args[2].size, 128),
                 (const char *)x->args[2].data);
}

void latency_doctor(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_verbatim(x, "txt", BYTES("AvowDB does not sample latency events yet. SLOWLOG and INFO "
                                   "commandstats show how long commands take.\n"));
}

void latency_histogram(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_map(x, 0);
}

void latency_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the "
        "specified command names.",
        "    If no commands are specified then all histograms are replied.",
        NULL,
    };
    reply_help(x, lines);
}
