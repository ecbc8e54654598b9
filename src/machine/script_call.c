/* script_call.c -- one command for a script: what is refused, where it runs, and what it tells.
 *
 * The first write sets a savepoint. Changes are told to the host only when the script has ended
 * well: until then they are kept here, in order. */

#include "machine/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "command/acl_user.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"
#include "machine/machine_internal.h"

enum effect_kind { EFFECT_CHANGED, EFFECT_FLUSHED, EFFECT_PUBLISH };

/* kind:1, then what the kind has: see note_ and tell_ functions. */
struct script_effects {
    struct buf log;
    struct arena arena; /* of one call */
};

struct script_effects *script_effects_new(void)
{
    struct script_effects *e = xcalloc(1, sizeof(*e));
    arena_init(&e->arena);
    return e;
}

void script_effects_free(struct script_effects *e)
{
    if (e == NULL)
        return;
    buf_clear(&e->log);
    arena_clear(&e->arena);
    free(e);
}

/* --- what commands tell ----------------------------------------------------------------------- */

static void note_changed(void *context, const struct exec *x, const struct key_change *change)
{
    const struct script_run *run = context;
    (void)x;
    struct buf *log = &run->effects->log;
    buf_append_u8(log, EFFECT_CHANGED);
    buf_append_le32(log, change->event_class);
    buf_append(log, &change->name, sizeof(change->name)); /* names are constants of the program */
    buf_append_le32(log, change->db);
    buf_append_le32(log, (uint32_t)change->key.size);
    buf_append_bytes(log, change->key);
}

static void note_flushed(void *context, const struct exec *x, int64_t db)
{
    const struct script_run *run = context;
    (void)x;
    buf_append_u8(&run->effects->log, EFFECT_FLUSHED);
    buf_append_le64(&run->effects->log, (uint64_t)db);
}

static void refuse_local(void *context, struct exec *x)
{
    (void)context;
    char name[COMMAND_NAME_MAX];
    const struct bytes full = command_full_name(x->command, name);
    reply_errorf(x, "ERR '%.*s' is answered by one node alone: it runs in scripts that only read",
                 (int)full.size, name);
}

static void note_begins(void *context, const struct exec *x)
{
    const struct exec *outer = ((const struct script_run *)context)->outer;
    if (outer->host->begins != NULL)
        outer->host->begins(outer->host_context, x);
}

static const struct exec_host noting_host = {
    .changed = note_changed, .flushed = note_flushed, .local = refuse_local, .begins = note_begins,
};

static void tell_changed(const struct script_run *run, struct reader *log)
{
    struct key_change change = {.event_class = reader_le32(log)};
    const struct bytes name = reader_bytes(log, sizeof(change.name));
    memcpy(&change.name, name.data, sizeof(change.name));
    change.db = reader_le32(log);
    change.key = reader_bytes(log, reader_le32(log));
    run->outer->host->changed(run->outer->host_context, run->outer, &change);
}

/* PUBLISH: on every node. Its reply has been given as 0. */
static void tell_publish(const struct script_run *run, struct reader *log)
{
    struct bytes args[3];
    const uint32_t count = reader_le32(log);
    CHECK(count <= ARRAY_COUNT(args));
    for (uint32_t i = 0; i < count; i++)
        args[i] = reader_bytes(log, reader_le32(log));
    struct exec x = *run->outer;
    x.args = args;
    x.arg_count = count;
    x.command = command_find(args, count, NULL);
    x.in_script = true;
    x.script = run->outer;
    x.reply = (struct reply){.protocol = 2};
    if (x.host->publish != NULL)
        x.host->publish(x.host_context, &x, strcmp(x.command->name, "spublish") == 0);
}

void script_effects_keep(struct script_run *run)
{
    if (run->has_written)
        keyspace_savepoint_end(run->outer->keyspace);
    run->has_written = false;
    struct reader log;
    reader_init(&log, buf_bytes(&run->effects->log));
    while (reader_left(&log) > 0) {
        switch ((enum effect_kind)reader_u8(&log)) {
        case EFFECT_CHANGED: tell_changed(run, &log); break;
        case EFFECT_FLUSHED:
            run->outer->host->flushed(run->outer->host_context, run->outer,
                                      (int64_t)reader_le64(&log));
            break;
        case EFFECT_PUBLISH: tell_publish(run, &log); break;
        }
        CHECK(!log.failed);
    }
    buf_reset(&run->effects->log);
    arena_reset(&run->effects->arena);
}

void script_effects_drop(struct script_run *run)
{
    if (run->has_written)
        keyspace_savepoint_roll_back(run->outer->keyspace);
    run->has_written = false;
    buf_reset(&run->effects->log);
    arena_reset(&run->effects->arena);
}

/* --- refusals --------------------------------------------------------------------------------- */

static bool is_publish(const struct command *c)
{
    return (c->flags & CMD_LOCAL) && (c->flags & CMD_PUBSUB) && c->arity == 3 &&
           command_container(c) == NULL;
}

/* A replicated switch, for tests, lets DEBUG through. */
static bool is_denied(const struct script_run *run, const struct command *c)
{
    const struct command *container = command_container(c);
    if (container != NULL && strcmp(container->name, "debug") == 0)
        return run->outer->settings->script_deny_debug;
    return (c->flags & CMD_NO_SCRIPT) != 0;
}

/* By the rules at this place of the log, as apply.c's is_allowed(). */
static const char *right_lacking(const struct script_run *run, const struct exec *x)
{
    static const char *const reasons[] = {
        [ACL_NO_COMMAND] = "The user executing the script can't run this command or subcommand",
        [ACL_NO_KEY] = "The user executing the script can't access at least one of the keys "
                       "mentioned in the command arguments",
        [ACL_NO_CHANNEL] = "The user executing the script can't publish to the channel mentioned "
                           "in the command",
    };
    struct acl_denial denial;
    const struct exec *outer = run->outer;
    if (acl_allows(x, &denial))
        return NULL;
    if (x->client != NULL && outer->host->denied != NULL)
        outer->host->denied(outer->host_context, x, &denial);
    return reasons[denial.verdict];
}

/* What Redis says, in its order; NULL: it may run. */
static const char *refusal_of(const struct script_run *run, const struct exec *x)
{
    const uint32_t flags = x->command->flags;
    if (!command_arity_fits(x->command, x->arg_count))
        return "Wrong number of args calling Redis command from script";
    if (is_denied(run, x->command))
        return "This Redis command is not allowed from script";
    const char *lacking = right_lacking(run, x);
    if (lacking != NULL)
        return lacking;
    if (run->read_only && ((flags & CMD_WRITE) || is_publish(x->command)))
        return "Write commands are not allowed from read-only scripts.";
    if (!(run->flags & SCRIPT_ALLOW_OOM) && !run->has_written && run->was_full &&
        (flags & CMD_DENY_OOM))
        return "-OOM command not allowed when used memory > 'maxmemory'.";
    return NULL;
}

/* --- commands of the connection --------------------------------------------------------------- */

/* Those that have an answer everywhere. false: the host's. */
static bool answer_here(struct script_run *run, struct exec *x)
{
    const char *name = x->command->name;
    int64_t db;
    if (strcmp(name, "select") == 0) {
        if (!bytes_to_int64(x->args[1], &db))
            reply_error(x, "ERR invalid DB index");
        else if (db < 0 || db >= keyspace_database_count(x->keyspace))
            reply_error(x, "ERR DB index is out of range");
        else {
            run->db = (uint32_t)db;
            reply_ok(x);
        }
        return true;
    }
    if (strcmp(name, "sleep") == 0 && !keyspace_is_read_only(x->keyspace)) {
        if (x->client != NULL) { /* DEBUG SLEEP: it delays its own node, and decides nothing */
            struct exec sleeps = *x;
            sleeps.reply = (struct reply){.protocol = 2};
            run->outer->host->local(run->outer->host_context, &sleeps);
        }
        reply_ok(x);
        return true;
    }
    if (strcmp(name, "echo") == 0) {
        reply_bulk(x, x->args[1]);
        return true;
    }
    if (strcmp(name, "time") == 0) {
        const uint64_t now_ms = keyspace_now(x->keyspace);
        reply_array(x, 2);
        reply_bulk_int64(x, (int64_t)(now_ms / 1000));
        reply_bulk_int64(x, (int64_t)(now_ms % 1000 * 1000));
        return true;
    }
    if (strcmp(name, "ping") == 0) {
        if (x->arg_count == 1)
            reply_simple(x, "PONG");
        else if (x->arg_count == 2)
            reply_bulk(x, x->args[1]);
        else
            reply_wrong_arity(x);
        return true;
    }
    return false;
}

static void note_publish(struct script_run *run, const struct exec *x)
{
    struct buf *log = &run->effects->log;
    buf_append_u8(log, EFFECT_PUBLISH);
    buf_append_le32(log, x->arg_count);
    for (uint32_t i = 0; i < x->arg_count; i++) {
        buf_append_le32(log, (uint32_t)x->args[i].size);
        buf_append_bytes(log, x->args[i]);
    }
}

static void run_local(struct script_run *run, struct exec *x)
{
    if (answer_here(run, x))
        return;
    if (is_publish(x->command) && !keyspace_is_read_only(x->keyspace)) {
        note_publish(run, x);
        reply_int64(x, 0);
        return;
    }
    if (keyspace_is_read_only(x->keyspace) && x->client != NULL) {
        x->host = run->outer->host;
        x->host_context = run->outer->host_context;
        x->host->local(x->host_context, x);
        return;
    }
    refuse_local(NULL, x);
}

/* --- the call --------------------------------------------------------------------------------- */

static void fill(struct script_run *run, struct exec *x, struct buf *reply)
{
    const struct exec *outer = run->outer;
    *x = (struct exec){
        .keyspace = outer->keyspace,
        .settings = outer->settings,
        .args = x->args,
        .arg_count = x->arg_count,
        .command = x->command,
        .db = run->db,
        .chance = outer->chance,
        .arena = &run->effects->arena,
        .reply = {.out = reply, .protocol = run->protocol},
        .host = &noting_host,
        .host_context = run,
        .client = outer->client,
        .in_exec = outer->in_exec,
        .in_script = true,
        .script = run->outer,
        .user = outer->user,
        .acl = outer->acl,
        .level = outer->level,
    };
}

static void tell_refused(const struct script_run *run, const struct exec *x, const char *text)
{
    const struct exec *outer = run->outer;
    char code[ERROR_CODE_MAX] = "ERR";
    if (outer->client == NULL || outer->host->refused == NULL)
        return;
    if (*text == '-')
        snprintf(code, sizeof(code), "%.*s", (int)strcspn(text + 1, " "), text + 1);
    outer->host->refused(outer->host_context, x, code);
}

/* Nothing that a script changes may leave memory before it has ended. */
static void note_writes(struct script_run *run)
{
    size_t bytes = run->effects->log.size;
    if (run->has_written)
        bytes += keyspace_savepoint_bytes(run->outer->keyspace);
    if (bytes > run->outer->settings->script_writes_max)
        run->end = SCRIPT_OVER_WRITES;
}

bool script_call(struct script_run *run, const struct bytes *args, uint32_t arg_count,
                 struct buf *reply, struct buf *error)
{
    struct exec x = {.args = args, .arg_count = arg_count, .user = run->outer->user,
                     .acl = run->outer->acl, .client = run->outer->client, .in_script = true,
                     .arena = &run->effects->arena};
    x.command = command_at_level(command_find(args, arg_count, NULL), run->outer->level);
    const char *refusal = x.command == NULL ? "Unknown Redis command called from script"
                                            : refusal_of(run, &x);
    if (refusal != NULL) {
        tell_refused(run, &x, refusal);
        buf_append_string(error, refusal);
        return false;
    }
    const bool changes =
        (x.command->flags & CMD_WRITE) && !command_reads(x.command, args, arg_count);
    const bool writes = changes || is_publish(x.command);
    if (writes && keyspace_is_read_only(run->outer->keyspace)) {
        if (run->machine->may_move)
            run->end = SCRIPT_WANTS_LOG;
        else
            buf_append_string(error, "Write commands are not allowed from read-only scripts.");
        return false;
    }
    if (changes && !run->has_written) {
        keyspace_savepoint_begin(run->outer->keyspace);
        run->has_written = true;
    }
    fill(run, &x, reply);
    if (x.command->flags & CMD_LOCAL)
        run_local(run, &x);
    else
        command_execute(&x);
    if (!keyspace_is_read_only(x.keyspace))
        tell_expired(&x);
    if (x.client != NULL && run->outer->host->ran != NULL)
        run->outer->host->ran(run->outer->host_context, &x);
    arena_reset(&run->effects->arena);
    note_writes(run);
    return true;
}
