/* http_node.c -- /api/node and /api/log as JSON (docs/HTTP.md): a node's own view, and its log. */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "admin/doctor.h"
#include "admin/http_internal.h"
#include "admin/info.h"
#include "admin/json.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/panic.h"
#include "server/http_book.h"
#include "server/node.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define COMMANDS_SHOWN_MAX 20 /* of one entry */

/* --- /api/node -------------------------------------------------------------------------------- */

static void add_finding(void *context, const char *what, const char *what_to_do)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s To do: %s", what, what_to_do);
    json_object_array_add(context, json_text(text));
}

static void put_health(struct server *s, struct json_object *o)
{
    struct json_object *list = json_object_new_array();
    doctor_find(s, add_finding, list);
    json_put(o, "health", list);
}

static void put_progress(struct json_object *o, const struct server *s, uint64_t node)
{
    const struct raft_status *raft = &s->consensus.raft;
    const struct raft_peer_status *peer = info_peer(s, node);
    if (raft->role != RAFT_LEADER || peer == NULL)
        return; /* only a leader knows */
    json_put_uint(o, "match", peer->match_index);
    json_put_uint(o, "next", peer->next_index);
    json_put_uint(o, "lag", raft->last_index - MIN(peer->match_index, raft->last_index));
    json_put_uint(o, "inflight", peer->inflight_count);
}

static void put_members(const struct server *s, struct json_object *o)
{
    const struct consensus_status *status = &s->consensus;
    struct json_object *list = json_object_new_array();
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct member *m = &status->members[i];
        const bool is_self = m->node == node_id(s->node);
        const char *host = is_self && *s->config.announce_host != '\0' ? s->config.announce_host
                                                                      : m->address.host;
        char origin[ORIGIN_MAX];
        struct json_object *member = json_object_new_object();
        json_put_uint(member, "id", m->node);
        json_put_text(member, "role", m->voter ? "voter" : m->spare ? "spare" : "learner");
        json_put_text(member, "host", host);
        json_put_uint(member, "peer_port", m->address.port);
        if (http_book_client_port(s, m->node) != 0)
            json_put_uint(member, "port", http_book_client_port(s, m->node));
        if (http_book_origin(s, m->node, origin))
            json_put_text(member, "http", origin);
        json_put_bool(member, "reachable", is_self || m->is_connected);
        if (status->last_contact_ms[i] != UINT64_MAX && !is_self)
            json_put_uint(member, "last_contact_ms", status->last_contact_ms[i]);
        put_progress(member, s, m->node);
        json_object_array_add(list, member);
    }
    json_put(o, "members", list);
}

static void put_log(const struct server *s, struct json_object *o)
{
    struct json_object *log = json_object_new_object();
    json_put_uint(log, "first", s->consensus.log_first);
    json_put_uint(log, "last", s->consensus.log_last);
    json_put_uint(log, "bytes", s->consensus.log_bytes);
    json_put(o, "log", log);
}

static void put_memory(struct server *s, struct json_object *o)
{
    struct memory_figures figures;
    server_memory(s, &figures);
    struct json_object *cache = json_object_new_object(), *memory = json_object_new_object();
    json_put_uint(cache, "bytes", figures.cache);
    json_put_uint(cache, "limit", (uint64_t)s->config.cache_size);
    json_put_uint(cache, "hits", figures.hits);
    json_put_uint(cache, "misses", figures.misses);
    json_put(o, "cache", cache);
    json_put_uint(memory, "rss", figures.resident);
    json_put(o, "memory", memory);
}

static void put_disk(struct server *s, const struct disk_figures *figures, struct json_object *o)
{
    static const char *const states[] = {"ok", "low", "none"}; /* enum space_level */
    struct node_store_stats stores;
    node_store_stats(s->node, &stores);
    struct json_object *disk = json_object_new_object();
    json_put_uint(disk, "free", figures->free);
    json_put_uint(disk, "total", figures->total);
    json_put_uint(disk, "used", stores.log.disk_bytes + stores.state.disk_bytes);
    json_put_text(disk, "state", states[s->consensus.space]);
    json_put(o, "disk", disk);
}

/* --- durations, of late ----------------------------------------------------------------------- */

#define WINDOW_US UINT64_C(30000000)

enum { TIME_READ, TIME_WRITE, TIME_QUEUE, TIME_PERSIST, TIME_REPLICATE, TIME_APPLY, TIMES };

/* The histograms as they were at two moments, the newer at most WINDOW_US ago when somebody asks
 * all the time. What came since the older is told. */
struct node_windows {
    struct {
        uint64_t at_us;
        struct histogram of[TIMES];
    } was[2];
    unsigned newer;
    struct histogram recent; /* of what is told just now */
};

static const struct histogram *histogram_of(const struct server *s, int what)
{
    static const enum phase phases[TIMES] = {
        [TIME_READ] = PHASE_READ,           [TIME_WRITE] = PHASE_WRITE, [TIME_QUEUE] = PHASE_QUEUE,
        [TIME_REPLICATE] = PHASE_REPLICATE, [TIME_APPLY] = PHASE_APPLY};
    return what == TIME_PERSIST ? node_persist(s->node) : shard_phase(s->shard, phases[what]);
}

static struct node_windows *windows_now(const struct server *s, struct http *h)
{
    if (h->windows == NULL) {
        h->windows = xcalloc(1, sizeof(*h->windows));
        h->windows->was[0].at_us = h->windows->was[1].at_us = s->started_us;
    }
    struct node_windows *w = h->windows;
    if (s->now_us >= w->was[w->newer].at_us + WINDOW_US) {
        w->newer ^= 1;
        w->was[w->newer].at_us = s->now_us;
        for (int i = 0; i < TIMES; i++)
            histogram_copy(&w->was[w->newer].of[i], histogram_of(s, i));
    }
    return w;
}

static void put_percentiles(struct json_object *o, const char *name, const struct histogram *h)
{
    if (histogram_count(h) == 0)
        return;
    struct json_object *figures = json_object_new_object();
    json_put_uint(figures, "p50", histogram_percentile_ns(h, 50) / 1000);
    json_put_uint(figures, "p99", histogram_percentile_ns(h, 99) / 1000);
    json_put_uint(figures, "p999", histogram_percentile_ns(h, 99.9) / 1000);
    json_put(o, name, figures);
}

static void put_times(struct server *s, struct http *h, struct json_object *o)
{
    static const char *const names[TIMES] = {"read", "write", "queue", "persist", "replicate",
                                             "apply"};
    struct json_object *latency = json_object_new_object(), *phases = json_object_new_object();
    if (s->shard != NULL) {
        struct node_windows *w = windows_now(s, h);
        const unsigned older = w->newer ^ 1;
        for (int i = 0; i < TIMES; i++) {
            histogram_since(&w->recent, histogram_of(s, i), &w->was[older].of[i]);
            put_percentiles(i <= TIME_WRITE ? latency : phases, names[i], &w->recent);
        }
        json_put_uint(o, "window_s", (s->now_us - w->was[older].at_us) / 1000000);
    }
    json_put(o, "latency_us", latency);
    json_put(o, "phases_us", phases);
}

static uint64_t key_count(struct server *s)
{
    struct database_figures db;
    uint64_t keys = 0;
    for (uint32_t i = 0; server_database(s, i, &db); i++)
        keys += db.keys;
    return keys;
}

void node_json(struct server *s, struct call *call)
{
    const struct raft_status *raft = &s->consensus.raft;
    struct json_object *o = json_object_new_object();
    json_put_uint(o, "now_us", clock_wall_us());
    json_put_uint(o, "id", node_id(s->node));
    json_put_text(o, "version", PACKAGE_VERSION);
    json_put_uint(o, "uptime_s", (s->now_us - s->started_us) / 1000000);
    json_put_text(o, "role", info_role(s));
    json_put_uint(o, "term", raft->term);
    json_put_uint(o, "leader", raft->leader);
    json_put_uint(o, "voted_for", raft->voted_for);
    json_put_bool(o, "has_quorum", raft->leader != 0 && !s->consensus.removed);
    json_put_uint(o, "commit_index", raft->commit_index);
    json_put_uint(o, "last_applied", s->status.applied_index);
    put_log(s, o);
    put_health(s, o);
    put_members(s, o);
    json_put_uint(o, "ops_per_s", stats_rate(s->stats.rate_commands));
    put_times(s, call->http, o);
    put_memory(s, o);
    put_disk(s, &call->disk, o);
    json_put_uint(o, "connections", s->conn_count);
    json_put_uint(o, "keys", key_count(s));
    json_put_bool(o, "chaos", s->config.chaos);
    json_put_bool(o, "keeper", s->config.chaos && *s->config.chaos_socket != '\0');
    json_write(o, &call->answer);
}

/* --- /api/log --------------------------------------------------------------------------------- */

/* Lines, one for each request; of a NOOP or CONFIG the one of what it is. */
static struct json_object *commands_of(struct buf *lines)
{
    struct json_object *list = json_object_new_array();
    buf_append_u8(lines, '\0');
    const char *line = (const char *)buf_data(lines);
    uint32_t count = 0;
    while (*line != '\0') {
        const size_t size = strcspn(line, "\n");
        if (count++ < COMMANDS_SHOWN_MAX)
            json_object_array_add(list, json_bytes(bytes_of(line, size)));
        line += size;
        line += *line == '\n';
    }
    if (count > COMMANDS_SHOWN_MAX) {
        char more[40];
        snprintf(more, sizeof(more), "... and %u more", count - COMMANDS_SHOWN_MAX);
        json_object_array_add(list, json_text(more));
    }
    return list;
}

/* When the entry was on this node's disk, as far as that is remembered. */
static void put_persisted(struct server *s, struct json_object *entry, uint64_t index)
{
    const uint64_t at_us = node_persisted_us(s->node, index);
    if (at_us != 0)
        json_put_uint(entry, "persisted", clock_wall_us() - clock_boot_us() + at_us);
}

void log_json(struct server *s, struct call *call)
{
    const struct log_describe *d = &call->describe;
    static const char *const kinds[] = {
        [RAFT_NOOP] = "noop", [RAFT_DATA] = "command", [RAFT_CONFIG] = "config"};
    if (d->status != STATUS_OK && d->status != STATUS_NOT_FOUND) {
        call_refuse(call, 500, d->error.text);
        return;
    }
    struct json_object *o = json_object_new_object(), *entries = json_object_new_array();
    for (uint32_t i = 0; i < d->line_count; i++) {
        const struct log_entry_facts *facts = &call->facts[i];
        struct json_object *entry = json_object_new_object();
        json_put_uint(entry, "index", d->from + i);
        json_put_uint(entry, "term", facts->term);
        json_put_text(entry, "kind", facts->kind < ARRAY_COUNT(kinds) ? kinds[facts->kind] : "?");
        json_put_uint(entry, "bytes", facts->bytes);
        put_persisted(s, entry, d->from + i);
        json_put(entry, "commands",
                 facts->kind == RAFT_NOOP ? json_object_new_array() : commands_of(&call->lines[i]));
        json_object_array_add(entries, entry);
    }
    json_put_uint(o, "first", s->consensus.log_first);
    json_put_uint(o, "last", s->consensus.log_last);
    json_put_uint(o, "commit", s->consensus.raft.commit_index);
    json_put_uint(o, "applied", s->status.applied_index);
    json_put(o, "entries", entries);
    call->status = 200;
    json_write(o, &call->answer);
}
