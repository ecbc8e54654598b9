/* machine_world.c -- see machine_world.h. */

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine_world.h"

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/object.h"
#include "kv/kv.h"

static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";

/* --- the host --------------------------------------------------------------------------------- */

static bool reply_begin(void *context, uint64_t batch, uint32_t ordinal, struct reply *reply,
                        void **client)
{
    struct world *w = context;
    assert_true(batch > 0);
    assert_true(ordinal > 0);
    if (w->deaf)
        return false;
    reply->out = &w->replies;
    reply->protocol = w->protocol;
    *client = w;
    return true;
}

static void reply_end(void *context, uint64_t batch, uint32_t ordinal, const struct reply *reply,
                      const struct command *command)
{
    struct world *w = context;
    (void)batch;
    (void)ordinal;
    (void)command;
    assert_ptr_equal(reply->out, &w->replies);
}

static void *host_waits(void *context, uint64_t batch, uint32_t ordinal, uint64_t waiter,
                        uint64_t timeout_ms)
{
    struct world *w = context;
    assert_true(batch > 0);
    assert_true(ordinal > 0);
    assert_true(w->wait_count < WORLD_WAITS_MAX);
    struct world_wait *wait = &w->waits[w->wait_count++];
    *wait = (struct world_wait){waiter, timeout_ms, true};
    return wait;
}

static bool host_waiter_begin(void *context, void *record, struct reply *reply, void **client)
{
    struct world *w = context;
    const struct world_wait *wait = record;
    assert_true(wait->stands);
    if (w->deaf)
        return false;
    buf_truncate(&w->served, w->served_size); /* begun without an end */
    buf_printf(&w->served, "%d:", (int)(wait - w->waits));
    reply->out = &w->served;
    reply->protocol = w->protocol;
    *client = w;
    return true;
}

static void host_waiter_end(void *context, void *record, const struct reply *reply,
                            const struct command *command)
{
    struct world *w = context;
    struct world_wait *wait = record;
    (void)command;
    assert_true(wait->stands);
    wait->stands = false;
    if (reply == NULL)
        buf_printf(&w->served, "%d:gone", (int)(wait - w->waits));
    buf_append_u8(&w->served, '|');
    w->served_size = w->served.size;
}

static void host_waiter_lost(void *context, void *record, const struct request *request)
{
    struct world *w = context;
    struct world_wait *wait = record;
    assert_true(wait->stands);
    wait->stands = false;
    buf_printf(&w->served, "%d:lost %.*s|", (int)(wait - w->waits), (int)request->args[0].size,
               (const char *)request->args[0].data);
    w->served_size = w->served.size;
}

static void host_changed(void *context, const struct exec *x, const struct key_change *change)
{
    struct world *w = context;
    (void)x;
    if (change->name != NULL)
        buf_printf(&w->events, "%s %.*s|", change->name, (int)change->key.size,
                   (const char *)change->key.data);
}

static void host_flushed(void *context, const struct exec *x, int64_t db)
{
    struct world *w = context;
    (void)x;
    buf_printf(&w->events, "flushed %d|", (int)db);
}

static void host_local(void *context, struct exec *x)
{
    struct world *w = context;
    assert_ptr_equal(x->client, w);
    w->local_runs++;
    if (w->local_writes)
        keyspace_system_put(x->keyspace, BYTES("local"), BYTES("x"));
    reply_simple(x, "LOCAL");
}

static void host_ran(void *context, const struct exec *x)
{
    struct world *w = context;
    assert_ptr_equal(x->client, w);
    buf_printf(&w->events, "ran %s|", x->command->name);
}

static uint64_t host_publish(void *context, const struct exec *x, bool is_shard)
{
    struct world *w = context;
    buf_printf(&w->events, "%s %.*s %.*s|", is_shard ? "spublish" : "publish",
               (int)x->args[1].size, (const char *)x->args[1].data, (int)x->args[2].size,
               (const char *)x->args[2].data);
    return x->client == NULL ? 0 : 3;
}

static const struct machine_host host = {
    .reply_begin = reply_begin,
    .reply_end = reply_end,
    .waits = host_waits,
    .waiter_begin = host_waiter_begin,
    .waiter_end = host_waiter_end,
    .waiter_lost = host_waiter_lost,
    .exec = {.changed = host_changed,
             .flushed = host_flushed,
             .local = host_local,
             .ran = host_ran,
             .publish = host_publish},
};

/* --- life ------------------------------------------------------------------------------------- */

static void open_all(struct world *w, size_t cache_bytes)
{
    struct error e;
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    if (kv_open(kv_mem_disk(w->disk), &options, &w->kv, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    w->cache = cache_new(w->kv, cache_bytes);
    w->k = keyspace_open(w->cache, hash_key);
    const struct machine_options machine = {.keyspace = w->k, .self = WORLD_SELF,
                                            .boot = WORLD_BOOT, .host = &host, .context = w,
                                            .exec_context = w, .local_seed = 77};
    w->m = machine_new(&machine);
    w->next_index = keyspace_applied(w->k).index + 1;
}

static void close_all(struct world *w)
{
    machine_free(w->m);
    keyspace_close(w->k);
    cache_free(w->cache);
    kv_close(w->kv);
}

void world_init(struct world *w, size_t cache_bytes)
{
    *w = (struct world){.next_batch = 1, .term = 1, .clock_ms = 1000000, .protocol = 2};
    w->disk = kv_mem_disk_new(1);
    arena_init(&w->arena);
    open_all(w, cache_bytes);
}

void world_clear(struct world *w)
{
    close_all(w);
    kv_mem_disk_free(w->disk);
    buf_clear(&w->replies);
    buf_clear(&w->events);
    buf_clear(&w->served);
    arena_clear(&w->arena);
}

void world_reopen(struct world *w, size_t cache_bytes)
{
    close_all(w);
    open_all(w, cache_bytes);
}

static bool next_row(void *context, struct kv_row *row)
{
    return cache_cut_next(context, row);
}

void world_flush(struct world *w)
{
    struct error e;
    struct cache_cut *cut = cache_cut(w->cache);
    struct kv_ingest ingest = {.next = next_row, .context = cut};
    ingest.ranges = cache_cut_ranges(cut, &ingest.range_count);
    if (kv_ingest(w->kv, &ingest, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    cache_clean(w->cache, cut);
    cache_turn(w->cache);
}

/* --- entries ---------------------------------------------------------------------------------- */

struct request words(struct world *w, const char *text)
{
    struct bytes *args = arena_alloc(&w->arena, 32 * sizeof(*args));
    uint32_t count = 0;
    char *copy = arena_string(&w->arena, bytes_from_string(text));
    char *state = NULL;
    char *word = strtok_r(copy, " ", &state);
    for (; word != NULL; word = strtok_r(NULL, " ", &state)) {
        assert_true(count < 32);
        args[count++] = bytes_from_string(word);
    }
    return (struct request){.kind = REQ_COMMAND, .args = args, .arg_count = count};
}

struct request exec_words(struct world *w, const struct watch *watches, uint32_t watch_count,
                          const char *const *commands)
{
    struct bytes *args = arena_alloc(&w->arena, 32 * sizeof(*args));
    struct buf b = {0};
    uint32_t count = 0;
    exec_encode_watches(&b, watches, watch_count);
    args[count++] = arena_copy(&w->arena, buf_bytes(&b));
    for (; *commands != NULL; commands++) {
        const struct request command = words(w, *commands);
        buf_reset(&b);
        exec_encode_command(&b, &command);
        args[count++] = arena_copy(&w->arena, buf_bytes(&b));
    }
    buf_clear(&b);
    return (struct request){.kind = REQ_EXEC, .args = args, .arg_count = count};
}

void maker_add(struct maker *maker, const struct request *r)
{
    request_encode(&maker->requests, r);
    maker->count++;
}

void maker_apply(struct world *w, struct maker *maker, struct name name)
{
    assert_true(entry_batch_is_valid(buf_bytes(&maker->requests), maker->count));
    const struct entry_head head = {.format = ENTRY_FORMAT, .count = maker->count,
                                    .origin = name.origin, .boot = name.boot, .batch = name.batch,
                                    .clock_ms = w->clock_ms, .seed = w->next_index * 7919};
    struct buf payload = {0};
    entry_encode(&payload, &head, buf_bytes(&maker->requests));
    const struct machine_entry entry = {.index = w->next_index++, .term = w->term, .kind = 1,
                                        .payload = buf_bytes(&payload)};
    machine_apply(w->m, &entry);
    buf_clear(&payload);
    buf_clear(&maker->requests);
    maker->count = 0;
}

static const char *take_replies(struct world *w)
{
    const char *text = arena_string(&w->arena, buf_bytes(&w->replies));
    w->reply_size = w->replies.size;
    buf_reset(&w->replies);
    return text;
}

const char *take_served(struct world *w)
{
    buf_truncate(&w->served, w->served_size);
    const char *text = arena_string(&w->arena, buf_bytes(&w->served));
    buf_reset(&w->served);
    w->served_size = 0;
    return text;
}

const char *apply_request_of(struct world *w, const struct request *r)
{
    struct maker maker = {0};
    maker_add(&maker, r);
    maker_apply(w, &maker, (struct name){WORLD_SELF, WORLD_BOOT, w->next_batch++});
    return take_replies(w);
}

const char *run(struct world *w, const char *text)
{
    const struct request r = words(w, text);
    return apply_request_of(w, &r);
}

const char *read_at(struct world *w, const char *text, uint64_t now_ms, bool judge_by_log)
{
    const struct request r = words(w, text);
    struct buf names = {0};
    struct reply reply = {.out = &w->replies, .protocol = w->protocol};
    struct read_run read = {.request = &r, .now_ms = now_ms, .judge_by_log = judge_by_log,
                            .reply = &reply, .client = w, .names = &names};
    const enum read_result result = machine_read(w->m, &read);
    if (result == READ_MET_DUE) {
        assert_int_equal(w->replies.size, 0);
        assert_true(names.size > 0);
    }
    buf_clear(&names);
    return result == READ_MET_DUE ? "(due)" : take_replies(w);
}

const char *read_now(struct world *w, const char *text)
{
    return read_at(w, text, w->clock_ms, false);
}

void world_raise_level(struct world *w, uint32_t level)
{
    uint8_t payload[5] = {2};
    put_le32(payload + 1, level);
    const struct machine_entry entry = {.index = w->next_index++, .term = 1, .kind = 2,
                                        .payload = bytes_of(payload, sizeof(payload))};
    machine_apply(w->m, &entry);
}

/* --- panics ----------------------------------------------------------------------------------- */

/* In a child, which the panic may end; this process and its world stay whole. */
bool panics(void (*deed)(void *context), void *context)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        deed(context);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
