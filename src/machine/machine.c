/* machine.c -- an entry's way through the machine, and reads between entries.
 *
 *   entry -> decode -> newer than its origin's row? -> requests by ordinal -> origin's row -> end
 *                        no: skipped as a whole
 *
 * System rows: "config" the payload of the newest CONFIG entry; "origin:" node:8 (big-endian) ->
 * boot:8 batch:8 staged:4. Values are little-endian. */

#include "machine/machine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/panic.h"
#include "machine/script.h"

enum { ENTRY_NOOP = 0, ENTRY_DATA = 1, ENTRY_CONFIG = 2 }; /* as raft's kinds */

#define ORIGIN_NAME_SIZE 15 /* "origin:" and the node */

/* --- what commands tell: to the waiters first, then to the host ------------------------------ */

static bool means_gone(const struct key_change *change)
{
    static const char *const events[] = {"del", "expired", "rename_from", "move_from"};
    for (size_t i = 0; i < ARRAY_COUNT(events); i++)
        if (change->name != NULL && strcmp(change->name, events[i]) == 0)
            return true;
    return false;
}

static void host_changed(void *context, const struct exec *x, const struct key_change *change)
{
    struct machine *m = context;
    if (m->waiters.keys.count > 0)
        waiters_note(&m->waiters, change->db, change->key, means_gone(change));
    m->options.host->exec.changed(m->options.exec_context, x, change);
}

static void host_flushed(void *context, const struct exec *x, int64_t db)
{
    struct machine *m = context;
    waiters_note_all(&m->waiters, db);
    m->options.host->exec.flushed(m->options.exec_context, x, db);
}

static void host_local(void *context, struct exec *x)
{
    struct machine *m = context;
    m->options.host->exec.local(m->options.exec_context, x);
}

static void host_ran(void *context, const struct exec *x)
{
    struct machine *m = context;
    m->options.host->exec.ran(m->options.exec_context, x);
}

static void host_refused(void *context, const struct exec *x, const char *code)
{
    struct machine *m = context;
    m->options.host->exec.refused(m->options.exec_context, x, code);
}

static void host_denied(void *context, const struct exec *x, const struct acl_denial *denial)
{
    struct machine *m = context;
    m->options.host->exec.denied(m->options.exec_context, x, denial);
}

static bool host_script_poll(void *context, const struct exec *x, bool may_end)
{
    struct machine *m = context;
    return m->options.host->exec.script_poll(m->options.exec_context, x, may_end);
}

static void host_begins(void *context, const struct exec *x)
{
    struct machine *m = context;
    m->options.host->exec.begins(m->options.exec_context, x);
}

static uint64_t host_publish(void *context, const struct exec *x, bool is_shard)
{
    struct machine *m = context;
    return m->options.host->exec.publish(m->options.exec_context, x, is_shard);
}

/* --- life ------------------------------------------------------------------------------------- */

enum status machine_check(struct keyspace *k, uint32_t level_max, struct error *e)
{
    struct bytes config;
    const uint32_t known = level_max == 0 ? FEATURE_LEVEL_MAX : level_max;
    const uint32_t level = keyspace_system_get(k, BYTES("config"), &config) ? config_level(config)
                                                                            : 0;
    return level <= known ? STATUS_OK
                          : fail(e, STATUS_INVALID, "the cluster has feature level %u, and this "
                                 "build knows %u: run the newer version", level, known);
}

struct machine *machine_new(const struct machine_options *options)
{
    CHECK(options->host->reply_begin != NULL);
    CHECK(options->host->reply_end != NULL);
    CHECK(options->host->exec.changed != NULL);
    CHECK(options->host->exec.flushed != NULL);
    CHECK(options->host->exec.local != NULL);
    CHECK(options->host->waits != NULL);
    struct machine *m = xcalloc(1, sizeof(*m));
    m->options = *options;
    if (m->options.level_max == 0)
        m->options.level_max = FEATURE_LEVEL_MAX;
    m->keyspace = options->keyspace;
    m->exec_host = (struct exec_host){
        .changed = host_changed,
        .flushed = host_flushed,
        .local = host_local,
        .begins = options->host->exec.begins == NULL ? NULL : host_begins,
        .publish = options->host->exec.publish == NULL ? NULL : host_publish,
        .ran = options->host->exec.ran == NULL ? NULL : host_ran,
        .refused = options->host->exec.refused == NULL ? NULL : host_refused,
        .denied = options->host->exec.denied == NULL ? NULL : host_denied,
        .script_poll = options->host->exec.script_poll == NULL ? NULL : host_script_poll,
    };
    waiters_init(&m->waiters);
    arena_init(&m->arena);
    m->scripts = scripts_new();
    m->acl = acl_new();
    prng_seed(&m->local_chance, options->local_seed);
    machine_reload(m);
    return m;
}

void machine_free(struct machine *m)
{
    if (m == NULL)
        return;
    waiters_clear(&m->waiters);
    arena_clear(&m->arena);
    scripts_free(m->scripts);
    acl_free(m->acl);
    free(m);
}

/* Nobody should panic here: consensus does not take what is above it. */
static void take_level(struct machine *m, struct bytes config)
{
    m->level = MAX(config_level(config), FEATURE_LEVEL_FIRST);
    if (m->level > m->options.level_max)
        panic("the cluster has feature level %u; this build knows %u: run the newer version",
              m->level, m->options.level_max);
}

void machine_reload(struct machine *m)
{
    settings_init(&m->settings);
    settings_refresh(&m->settings, m->keyspace);
    acl_refresh(m->acl, m->keyspace);
    take_level(m, machine_config(m));
    waiters_load(m);
}

/* --- rows of origins -------------------------------------------------------------------------- */

static struct bytes origin_name(uint64_t node, uint8_t name[static ORIGIN_NAME_SIZE])
{
    memcpy(name, "origin:", 7);
    put_be64(name + 7, node);
    return bytes_of(name, ORIGIN_NAME_SIZE);
}

static struct origin origin_load(struct machine *m, uint64_t node)
{
    uint8_t name[ORIGIN_NAME_SIZE];
    struct bytes row;
    if (!keyspace_system_get(m->keyspace, origin_name(node, name), &row))
        return (struct origin){0};
    CHECK(row.size == ORIGIN_ROW_SIZE);
    const uint8_t *at = row.data;
    return (struct origin){.boot = get_le64(at),
                           .batch = get_le64(at + 8),
                           .staged = get_le32(at + ORIGIN_ROW_STAGED)};
}

static void origin_store(struct machine *m, uint64_t node, const struct origin *origin)
{
    uint8_t name[ORIGIN_NAME_SIZE], row[ORIGIN_ROW_SIZE];
    put_le64(row, origin->boot);
    put_le64(row + 8, origin->batch);
    put_le32(row + ORIGIN_ROW_STAGED, origin->staged);
    keyspace_system_put(m->keyspace, origin_name(node, name), bytes_of(row, sizeof(row)));
}

bool machine_origin(struct machine *m, uint64_t node, uint64_t *boot, uint64_t *batch)
{
    const struct origin origin = origin_load(m, node);
    *boot = origin.boot;
    *batch = origin.batch;
    return origin.boot != 0 || origin.batch != 0;
}

/* Exactly once: an origin's batches are applied by rising (boot, batch), each at most once. */
static bool is_newer(const struct entry_head *head, const struct origin *origin)
{
    if (head->boot != origin->boot)
        return head->boot > origin->boot;
    return head->batch > origin->batch;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void apply_requests(struct run *run, struct reader *reader)
{
    struct machine *m = run->machine;
    for (uint32_t ordinal = 1; ordinal <= run->head->count; ordinal++) {
        struct request r;
        if (!request_decode(reader, &m->arena, &r))
            panic("request %u of a committed entry is malformed", ordinal);
        if (ordinal == 1 && !parts_continue(run->origin, run->head, &r))
            parts_drop(m->keyspace, run->head->origin, run->origin);
        run->request = &r;
        run->ordinal = ordinal;
        apply_request(run);
        arena_reset(&m->arena);
    }
    if (reader_left(reader) > 0)
        panic("a committed entry has %zu bytes behind its requests", reader_left(reader));
}

static void refuse_requests(struct run *run)
{
    parts_drop(run->machine->keyspace, run->head->origin, run->origin);
    for (run->ordinal = 1; run->ordinal <= run->head->count; run->ordinal++)
        apply_refusal(run, "ERR skipped by RAFT SKIP, not executed");
}

static void apply_data(struct machine *m, const struct machine_entry *entry)
{
    struct entry_head head = {0};
    struct reader reader;
    struct error e;
    if (entry->skip) { /* its requests may be what nobody can decode or survive: the header only */
        if (!entry_peek(entry->payload, &head))
            head = (struct entry_head){0};
    } else if (entry_decode(entry->payload, &head, &reader, &e) != STATUS_OK) {
        panic("entry %llu: %s", (unsigned long long)entry->index, e.text);
    }
    keyspace_entry_begin(m->keyspace, entry->index, entry->term, head.clock_ms);

    struct origin origin = origin_load(m, head.origin);
    struct run run = {
        .machine = m,
        .head = &head,
        .origin = &origin,
        .own = head.origin == m->options.self && head.boot == m->options.boot,
    };
    if (!is_newer(&head, &origin)) {
        m->duplicates += !entry->skip;
    } else {
        if (head.boot > origin.boot) /* whoever waited there is gone */
            waiters_lose_origin(m, head.origin, head.boot - 1);
        if (entry->skip)
            refuse_requests(&run);
        else
            apply_requests(&run, &reader);
        origin.boot = head.boot;
        origin.batch = head.batch;
        origin_store(m, head.origin, &origin);
    }
    keyspace_entry_end(m->keyspace);
}

void machine_apply(struct machine *m, const struct machine_entry *entry)
{
    CHECK(entry->index == keyspace_applied(m->keyspace).index + 1);
    if (entry->kind == ENTRY_DATA) {
        apply_data(m, entry);
        return;
    }
    if (entry->kind != ENTRY_NOOP && entry->kind != ENTRY_CONFIG)
        panic("entry %llu is of kind %u, which this build does not know",
              (unsigned long long)entry->index, entry->kind);
    keyspace_entry_begin(m->keyspace, entry->index, entry->term, 0);
    if (entry->kind == ENTRY_CONFIG) {
        take_level(m, entry->payload);
        keyspace_system_put(m->keyspace, BYTES("config"), entry->payload);
    }
    keyspace_entry_end(m->keyspace);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void read_request(struct machine *m, const struct read_run *run, struct exec *x,
                         struct block *block)
{
    exec_begin(m, x, run->request);
    x->chance = &m->local_chance;
    x->reply = *run->reply;
    x->client = run->client;
    x->block = block;
    if (run->request->kind == REQ_EXEC) {
        transaction_exec(m, x, run->request);
    } else {
        CHECK(run->request->kind == REQ_COMMAND);
        exec_command(m, x, run->request);
    }
}

enum read_result machine_read(struct machine *m, struct read_run *run)
{
    const uint64_t clock_ms = keyspace_applied(m->keyspace).clock_ms;
    const uint64_t now_ms = run->judge_by_log ? clock_ms : MAX(run->now_ms, clock_ms);
    const size_t out_size = run->reply->out == NULL ? 0 : run->reply->out->size;
    struct exec x;
    struct block block = {0};
    m->wants_log = false;
    m->may_move = run->request->kind == REQ_COMMAND && !(run->request->flags & REQUEST_READ);
    keyspace_read_begin(m->keyspace, now_ms);
    read_request(m, run, &x, &block);
    const bool met_due = !run->judge_by_log && keyspace_met_due(m->keyspace, run->names);
    keyspace_read_end(m->keyspace);
    if (!met_due && block.waits)
        run->reader = waiters_add_reader(m, run, &block);
    m->may_move = false;
    arena_reset(&m->arena);
    if (met_due || m->wants_log) { /* nothing was said */
        if (run->reply->out != NULL)
            buf_truncate(run->reply->out, out_size);
        return m->wants_log ? READ_WANTS_LOG : READ_MET_DUE;
    }
    *run->reply = x.reply;
    run->command = x.command;
    if (!block.waits)
        return READ_DONE;
    run->timeout_ms = block.timeout_ms;
    return READ_WAITS;
}

/* --- what others ask -------------------------------------------------------------------------- */

uint64_t machine_duplicates(const struct machine *m)
{
    return m->duplicates;
}

uint64_t machine_expiries(const struct machine *m)
{
    return m->expiries;
}

struct bytes machine_config(struct machine *m)
{
    struct bytes payload;
    if (!keyspace_system_get(m->keyspace, BYTES("config"), &payload))
        return BYTES_NONE;
    return payload;
}

uint32_t machine_level(const struct machine *m)
{
    return m->level;
}

const struct settings *machine_settings(struct machine *m)
{
    settings_refresh(&m->settings, m->keyspace);
    return &m->settings;
}

const struct acl *machine_acl(struct machine *m)
{
    acl_refresh(m->acl, m->keyspace);
    return m->acl;
}

bool machine_active_expire(struct machine *m)
{
    return machine_settings(m)->active_expire;
}
