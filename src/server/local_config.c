/* local_config.c -- CONFIG: local settings here, replicated ones through the log, one command for
 * both. A CONFIG SET is all or nothing: everything is checked first; if a replicated setting is
 * among them, the local part takes effect when the log has taken the other. */

#include "server/local.h"

#include "base/panic.h"
#include "command/glob.h"
#include "keyspace/graveyard.h"
#include "server/route.h"

/* --- GET -------------------------------------------------------------------------------------- */

static bool is_wanted(const struct exec *x, const char *name)
{
    for (uint32_t i = 2; i < x->arg_count; i++)
        if (glob_match(x->args[i], bytes_from_string(name), true))
            return true;
    return false;
}

/* A row that is hidden is wanted only by its name, not by a pattern. */
static bool is_row_wanted(const struct exec *x, const struct config_row *row)
{
    if (!(row->flags & CONFIG_HIDDEN))
        return is_wanted(x, row->name);
    for (uint32_t i = 2; i < x->arg_count; i++)
        if (arg_is(x, i, row->name))
            return true;
    return false;
}

static void get_setting(struct server *s, struct exec *x, const struct setting *setting,
                        const char *name)
{
    struct buf text = {0};
    setting->print((const char *)s->settings + setting->field, &text);
    reply_bulk_string(x, name);
    reply_bulk(x, buf_bytes(&text));
    buf_clear(&text);
}

static void reply_settings(struct server *s, struct exec *x)
{
    const size_t begun = reply_array_begin(x);
    size_t pairs = 0;
    const struct config_row *row;
    const struct setting *setting;
    for (size_t i = 0; (row = config_row_at(i)) != NULL; i++) {
        if (!is_row_wanted(x, row))
            continue;
        reply_bulk_string(x, row->name);
        reply_bulk_string(x, row->flags & CONFIG_SECRET ? "" : config_text(&s->config, row));
        pairs++;
    }
    for (size_t i = 0; (setting = setting_at(i)) != NULL; i++) {
        if (is_wanted(x, setting->name)) {
            get_setting(s, x, setting, setting->name);
            pairs++;
        }
        if (setting->alias != NULL && is_wanted(x, setting->alias)) {
            get_setting(s, x, setting, setting->alias);
            pairs++;
        }
    }
    reply_map_end(x, begun, pairs);
}

static bool wants_replicated(const struct exec *x)
{
    const struct setting *setting;
    for (size_t i = 0; (setting = setting_at(i)) != NULL; i++)
        if (is_wanted(x, setting->name) || (setting->alias != NULL && is_wanted(x, setting->alias)))
            return true;
    return false;
}

/* Replicated settings are read as keys are: what was acknowledged before is seen, on every node. In
 * an EXEC they are read at its place in the log; a node that still loads tells what it has. */
void config_get(struct server *s, struct conn *c, struct exec *x)
{
    if (x->in_exec || s->shard == NULL || !wants_replicated(x)) {
        reply_settings(s, x);
        return;
    }
    CHECK(s->running != NULL);
    buf_reset(&c->settings);
    for (uint32_t i = 0; i < x->arg_count; i++) {
        buf_append_le32(&c->settings, (uint32_t)x->args[i].size);
        buf_append_bytes(&c->settings, x->args[i]);
    }
    s->running->kind = SLOT_GET_SETTINGS;
    if (!route_confirm(s->running)) {
        s->running->kind = SLOT_COMMAND;
        reply_error(x, "CLUSTERDOWN too much is in flight, not executed");
    }
}

void config_get_finish(struct slot *slot)
{
    struct conn *c = slot->conn;
    struct server *s = c->server;
    if (slot->is_silent)
        return;
    struct reader words;
    reader_init(&words, buf_bytes(&c->settings));
    struct bytes *args = arena_alloc(&s->arena, c->settings.size / 4 * sizeof(*args));
    uint32_t count = 0;
    while (reader_left(&words) > 0) {
        const uint32_t size = reader_le32(&words);
        args[count++] = reader_bytes(&words, size);
        CHECK(!words.failed);
    }
    struct exec x = {.settings = s->settings, .command = slot->info->command, .args = args,
                     .arg_count = count, .arena = &s->arena,
                     .reply = {.out = &c->out, .protocol = slot->protocol}};
    reply_settings(s, &x);
}

/* --- SET -------------------------------------------------------------------------------------- */

static void fail_set(struct exec *x, struct bytes name, const char *why)
{
    reply_errorf(x, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                 (int)MIN(name.size, 128), (const char *)name.data, why);
}

/* What stands behind a name, to see that it is given once only. NULL: unknown. */
static const void *row_or_setting(struct bytes name)
{
    const struct setting *setting = setting_find(name);
    if (setting != NULL)
        return setting;
    const struct config_row *row = config_find(name);
    return row == NULL ? NULL : config_row_at(config_row_number(row));
}

/* The names alone: known, given once, changeable. */
static bool check_names(struct exec *x)
{
    for (uint32_t i = 2; i < x->arg_count; i += 2) {
        const struct bytes name = x->args[i];
        const void *what = row_or_setting(name);
        if (what == NULL) {
            reply_errorf(x, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                         (int)MIN(name.size, 128), (const char *)name.data);
            return false;
        }
        const struct config_row *row = setting_find(name) == NULL ? what : NULL;
        if ((row != NULL && row->flags & (CONFIG_FIXED | CONFIG_PROTECTED)) ||
            bytes_equal_nocase_string(name, "databases")) {
            fail_set(x, name, row != NULL && row->flags & CONFIG_PROTECTED
                                  ? "can't set protected config" : "can't set immutable config");
            return false;
        }
        for (uint32_t j = 2; j < i; j += 2) {
            if (row_or_setting(x->args[j]) == what) {
                fail_set(x, name, "duplicate parameter");
                return false;
            }
        }
    }
    return true;
}

static bool check_setting(struct exec *x, struct bytes name, struct bytes value)
{
    const struct setting *setting = setting_find(name);
    struct settings parsed;
    settings_init(&parsed);
    if (setting->parse(value, (char *)&parsed + setting->field))
        return true;
    fail_set(x, name, setting_refusal(setting, value));
    return false;
}

/* The values: local ones are collected as (row number, size, canonical form). */
static bool check_values(struct exec *x, struct buf *local)
{
    struct buf canonical = {0};
    bool is_good = true;
    for (uint32_t i = 2; i < x->arg_count && is_good; i += 2) {
        if (setting_find(x->args[i]) != NULL) {
            is_good = check_setting(x, x->args[i], x->args[i + 1]);
            continue;
        }
        const struct config_row *row = config_find(x->args[i]);
        struct error e;
        is_good = config_check(row, x->args[i + 1], &canonical, &e) == STATUS_OK;
        if (!is_good) {
            fail_set(x, x->args[i], e.text);
            break;
        }
        buf_append_le32(local, (uint32_t)config_row_number(row));
        buf_append_le32(local, (uint32_t)canonical.size);
        buf_append_bytes(local, buf_bytes(&canonical));
    }
    buf_clear(&canonical);
    return is_good;
}

static void assign_local(struct server *s, struct bytes local)
{
    struct reader r;
    reader_init(&r, local);
    while (reader_left(&r) > 0) {
        const uint32_t number = reader_le32(&r);
        const uint32_t size = reader_le32(&r);
        config_assign(&s->config, config_row_at(number), reader_bytes(&r, size));
        CHECK(!r.failed);
    }
    server_settings_changed(s);
}

/* The replicated ones among the arguments, by the name of the setting. */
static uint32_t replicated_args(struct server *s, struct exec *x, struct bytes **args)
{
    uint32_t count = 0;
    *args = arena_alloc(&s->arena, x->arg_count * sizeof(**args));
    for (uint32_t i = 2; i < x->arg_count; i += 2) {
        const struct setting *setting = setting_find(x->args[i]);
        if (setting == NULL)
            continue;
        (*args)[count++] = bytes_from_string(setting->name);
        (*args)[count++] = x->args[i + 1];
    }
    return count;
}

void config_set(struct server *s, struct conn *c, struct exec *x)
{
    if (x->arg_count % 2 != 0) {
        reply_syntax_error(x);
        return;
    }
    struct buf *local = &c->settings;
    buf_reset(local);
    if (!check_names(x) || !check_values(x, local))
        return;
    struct bytes *args;
    const uint32_t count = replicated_args(s, x, &args);
    if (count == 0) {
        assign_local(s, buf_bytes(local));
        reply_ok(x);
        return;
    }
    if (x->in_exec) {
        reply_error(x, "ERR a replicated setting cannot be set inside a transaction");
        return;
    }
    if (s->shard == NULL) {
        reply_error(x, "LOADING Redis is loading the dataset in memory");
        return;
    }
    const struct request request = {.kind = REQ_SETTING, .args = args, .arg_count = count};
    CHECK(s->running != NULL);
    s->running->kind = SLOT_SETTING;
    if (!route_write(s->running, &request)) {
        s->running->kind = SLOT_COMMAND;
        reply_error(x, "CLUSTERDOWN too much is in flight, not executed");
    }
}

void config_set_finish(struct slot *slot, bool ok)
{
    struct conn *c = slot->conn;
    if (!ok)
        return;
    assign_local(c->server, buf_bytes(&c->settings));
    if (!slot->is_silent)
        buf_append_string(&c->out, "+OK\r\n");
}

/* --- the rest --------------------------------------------------------------------------------- */

void config_resetstat(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    stats_reset(&s->stats, s->commands);
    if (s->shard != NULL)
        s->stats.purged_before = graveyard_purged(shard_keyspace(s->shard));
    reply_ok(x);
}

void config_rewrite_command(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct error e;
    if (s->config.file == NULL)
        reply_error(x, "ERR The server is running without a config file");
    else if (config_rewrite(&s->config, &e) == STATUS_OK)
        reply_ok(x);
    else
        reply_errorf(x, "ERR Rewriting config file: %s", e.text);
}

void config_help(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        NULL,
    };
    reply_help(x, lines);
}
