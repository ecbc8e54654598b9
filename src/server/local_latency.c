/* local_latency.c -- SLOWLOG and LATENCY. */

#include <string.h>
#include "base/histogram.h"
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

static void reply_entries(struct server *s, struct exec *x,
                          void (*reply)(struct exec *x, const struct slowlog_entry *entry))
{
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
        reply(x, container_of(node, struct slowlog_entry, node));
}

void slowlog_get(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_entries(s, x, reply_entry);
}

static void reply_phases(struct exec *x, const struct slowlog_entry *entry)
{
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {{"id", entry->id},
                   {"index", entry->phases.index},
                   {"queue", entry->phases.queue_us},
                   {"persist", entry->phases.persist_us},
                   {"replicate", entry->phases.replicate_us},
                   {"apply", entry->duration_us}};
    reply_map(x, ARRAY_COUNT(figures));
    for (size_t i = 0; i < ARRAY_COUNT(figures); i++) {
        reply_bulk_string(x, figures[i].name);
        reply_int64(x, (int64_t)figures[i].value);
    }
}

/* RAFT PHASES. Not in SLOWLOG GET: clients read its entries by their places, and some stop at one
 * too many. */
void raft_phases(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_entries(s, x, reply_phases);
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

/* --- LATENCY: events -------------------------------------------------------------------------- */

static void reply_event(struct exec *x, const struct latency *l, enum latency_event event)
{
    struct latency_sample samples[LATENCY_SAMPLES];
    const size_t count = latency_samples(l, event, samples);
    reply_array(x, 4);
    reply_bulk_string(x, latency_name(event));
    reply_int64(x, (int64_t)samples[count - 1].time_s);
    reply_int64(x, (int64_t)samples[count - 1].ms);
    reply_int64(x, (int64_t)l->events[event].max_ms);
}

void latency_latest(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    size_t count = 0;
    for (int event = 0; event < LATENCY_EVENTS; event++)
        count += latency_has(&s->latency, (enum latency_event)event);
    reply_array(x, count);
    for (int event = 0; event < LATENCY_EVENTS; event++)
        if (latency_has(&s->latency, (enum latency_event)event))
            reply_event(x, &s->latency, (enum latency_event)event);
}

void latency_history(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct latency_sample samples[LATENCY_SAMPLES];
    const enum latency_event event = latency_find(x->args[2]);
    const size_t count = event == LATENCY_EVENTS ? 0 : latency_samples(&s->latency, event, samples);
    reply_array(x, count);
    for (size_t i = 0; i < count; i++) {
        reply_array(x, 2);
        reply_int64(x, (int64_t)samples[i].time_s);
        reply_int64(x, (int64_t)samples[i].ms);
    }
}

/* RESET [event ...] -> how many had samples */
void latency_reset(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    int64_t count = 0;
    for (int event = 0; event < LATENCY_EVENTS; event++) {
        bool is_wanted = x->arg_count == 2;
        for (uint32_t i = 2; i < x->arg_count; i++)
            is_wanted = is_wanted || (int)latency_find(x->args[i]) == event;
        if (is_wanted)
            count += latency_forget(&s->latency, (enum latency_event)event);
    }
    reply_int64(x, count);
}

void latency_graph(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    const enum latency_event event = latency_find(x->args[2]);
    if (event == LATENCY_EVENTS || !latency_has(&s->latency, event)) {
        reply_errorf(x, "ERR No samples available for event '%.*s'",
                     (int)MIN(x->args[2].size, 128), (const char *)x->args[2].data);
        return;
    }
    struct buf text = {0};
    latency_draw(&s->latency, event, s->now_ms / 1000, &text);
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

void latency_doctor(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct buf text = {0};
    latency_report(&s->latency, s->config.latency_threshold_ms, &text);
    reply_verbatim(x, "txt", buf_bytes(&text));
    buf_clear(&text);
}

/* --- LATENCY HISTOGRAM ------------------------------------------------------------------------ */

#define FIRST_LEVEL_NS 1024 /* each next is twice as long */

static void reply_histogram(struct exec *x, const struct command_info *info)
{
    reply_bulk_string(x, info->name);
    reply_map(x, 2);
    reply_bulk_string(x, "calls");
    reply_int64(x, (int64_t)info->latency->count);
    reply_bulk_string(x, "histogram_usec");
    const size_t begun = reply_array_begin(x);
    size_t pairs = 0;
    uint64_t before = 0;
    for (uint64_t ns = FIRST_LEVEL_NS; before < info->latency->count; ns *= 2) {
        const uint64_t count = histogram_at_most(info->latency, ns);
        if (count == before)
            continue;
        reply_int64(x, (int64_t)(histogram_top_ns(ns) / 1000));
        reply_int64(x, (int64_t)count);
        pairs++;
        before = count;
    }
    reply_map_end(x, begun, pairs);
}

/* name is the command's or that of its container. */
static bool is_of(const struct command_info *info, struct bytes name)
{
    const size_t size = name.size;
    return strlen(info->name) >= size &&
           bytes_equal_nocase(name, bytes_of(info->name, size)) &&
           (info->name[size] == '\0' || info->name[size] == '|');
}

void latency_histogram(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    const size_t begun = reply_array_begin(x);
    size_t pairs = 0;
    const struct command_info *info;
    const bool all = x->arg_count == 2;
    for (uint32_t i = all ? 1 : 2; i < x->arg_count; i++)
        for (size_t n = 0; (info = commands_info_at(s->commands, n)) != NULL; n++)
            if (info->latency != NULL && (all || is_of(info, x->args[i]))) {
                reply_histogram(x, info);
                pairs++;
            }
    reply_map_end(x, begun, pairs);
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
