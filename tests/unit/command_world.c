/* command_world.c -- the world of the command tests. */

#include "command_world.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "command/acl_user.h"
#include "keyspace/cache.h"
#include "keyspace/keyspace.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

void world_open(struct world *w, size_t cache_bytes)
{
    static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct error e;
    *w = (struct world){.next_index = 1, .clock_ms = WORLD_CLOCK_MS, .protocol = 2, .level = 2};
    w->disk = kv_mem_disk_new(1);
    if (kv_open(kv_mem_disk(w->disk), &options, &w->kv, &e) != STATUS_OK)
        panic("%s", e.text);
    w->cache = cache_new(w->kv, cache_bytes);
    w->keyspace = keyspace_open(w->cache, hash_key);
    settings_init(&w->settings);
    w->acl = acl_new();
    prng_seed(&w->chance, 1);
    arena_init(&w->arena);
}

void world_close(struct world *w)
{
    acl_free(w->acl);
    keyspace_close(w->keyspace);
    cache_free(w->cache);
    kv_close(w->kv);
    kv_mem_disk_free(w->disk);
    arena_clear(&w->arena);
    buf_clear(&w->reply);
    buf_clear(&w->events);
}

/* --- the host --------------------------------------------------------------------------------- */

static void on_changed(void *context, const struct exec *x, const struct key_change *change)
{
    struct world *w = context;
    (void)x;
    if (change->name == NULL || change->event_class == EVENT_EXPIRED) /* Redis has its own clock */
        return;
    buf_printf(&w->events, "%s%s %.*s@%u", w->events.size > 0 ? " " : "", change->name,
               (int)change->key.size, change->key.size == 0 ? "" : (const char *)change->key.data,
               change->db);
}

static void on_flushed(void *context, const struct exec *x, int64_t db)
{
    (void)context;
    (void)x;
    (void)db;
}

static void on_local(void *context, struct exec *x)
{
    struct world *w = context;
    if (strcmp(x->command->name, "select") == 0) {
        w->db = (uint32_t)atoi(arena_string(x->arena, x->args[1]));
        reply_ok(x);
        return;
    }
    const struct setting *setting = NULL;
    if (bytes_equal_nocase_string(x->args[0], "config") && x->arg_count == 4)
        setting = setting_find(x->args[2]);
    if (setting == NULL) {
        reply_error(x, "ERR this needs a host");
        return;
    }
    if (setting->parse(x->args[3], (char *)&w->settings + setting->field))
        reply_ok(x);
    else
        reply_errorf(x, "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                     setting->name, setting_refusal(setting, x->args[3]));
}

static const struct exec_host host = {
    .changed = on_changed, .flushed = on_flushed, .local = on_local};

/* --- running ---------------------------------------------------------------------------------- */

static void run_as_write(struct world *w, struct exec *x)
{
    keyspace_entry_begin(w->keyspace, w->next_index++, 1, w->clock_ms);
    keyspace_request_begin(w->keyspace, 1);
    command_execute(x);
    tell_expired(x);
    keyspace_entry_end(w->keyspace);
    cache_turn(w->cache);
    w->writes++;
}

static void run_found(struct world *w, struct exec *x)
{
    if (!command_arity_fits(x->command, x->arg_count)) {
        reply_wrong_arity(x);
    } else if (x->command->flags & (CMD_NOT_YET | CMD_PURE | CMD_LOCAL)) {
        command_execute(x);
    } else if (command_reads(x->command, x->args, x->arg_count)) {
        keyspace_read_begin(w->keyspace, w->clock_ms);
        command_execute(x);
        keyspace_read_end(w->keyspace);
    } else {
        run_as_write(w, x);
    }
}

struct bytes world_run(struct world *w, const struct bytes *args, uint32_t arg_count)
{
    struct exec x = {
        .keyspace = w->keyspace,
        .settings = &w->settings,
        .args = args,
        .arg_count = arg_count,
        .db = w->db,
        .chance = &w->chance,
        .arena = &w->arena,
        .reply = {.out = w->null_sink ? NULL : &w->reply, .protocol = w->protocol},
        .host = &host,
        .host_context = w,
        .acl = w->acl,
        .level = w->level,
    };
    buf_reset(&w->reply);
    buf_reset(&w->events);
    x.command = command_find(args, arg_count, NULL);
    if (x.command != NULL) {
        run_found(w, &x);
    } else {
        struct buf text = {0};
        command_unknown_text(args, arg_count, &text);
        reply_error_bytes(&x, buf_bytes(&text));
        buf_clear(&text);
    }
    return buf_bytes(&w->reply);
}

struct bytes world_run_line(struct world *w, const char *line)
{
    static struct bytes args[WORLD_ARGS_MAX];
    arena_reset(&w->arena);
    const uint32_t count = world_split(line, &w->arena, args);
    CHECK(count != UINT32_MAX);
    CHECK(count > 0);
    return world_run(w, args, count);
}

/* --- text ------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static char unescape(const char **next)
{
    const char c = *(*next)++;
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'x':
        *next += 2;
        return (char)(hex((*next)[-2]) * 16 + hex((*next)[-1]));
    default:
        return c;
    }
}

uint32_t world_split(const char *line, struct arena *arena, struct bytes args[WORLD_ARGS_MAX])
{
    uint32_t count = 0;
    for (;;) {
        while (*line == ' ')
            line++;
        if (*line == '\0' || *line == '\n')
            return count;
        CHECK(count < WORLD_ARGS_MAX);
        char *word = arena_alloc(arena, strlen(line) + 1);
        size_t size = 0;
        bool quoted = false;
        for (; *line != '\0' && *line != '\n' && (quoted || *line != ' ');) {
            const char c = *line++;
            if (c == '"')
                quoted = !quoted;
            else
                word[size++] = quoted && c == '\\' ? unescape(&line) : c;
        }
        if (quoted)
            return UINT32_MAX;
        args[count++] = bytes_of(word, size);
    }
}

void world_escape(struct bytes b, struct buf *text)
{
    for (size_t i = 0; i < b.size; i++) {
        const uint8_t c = bytes_data(b)[i];
        if (c == '\r' || c == '\n')
            buf_append_string(text, c == '\r' ? "\\r" : "\\n");
        else if (c < ' ' || c > '~')
            buf_printf(text, "\\x%02x", c);
        else if (c == '\\' || c == '"')
            buf_printf(text, "\\%c", c);
        else
            buf_append_u8(text, c);
    }
}
