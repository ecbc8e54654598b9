/* apply.c -- one request in apply: by its kind, with or without a reader of its reply. */

#include "machine/machine_internal.h"

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/expire.h"
#include "machine/script.h"

/* --- one command ------------------------------------------------------------------------------ */

void exec_begin(struct machine *m, struct exec *x, const struct request *r)
{
    settings_refresh(&m->settings, m->keyspace);
    acl_refresh(m->acl, m->keyspace);
    *x = (struct exec){
        .keyspace = m->keyspace,
        .settings = &m->settings,
        .args = r->args,
        .arg_count = r->arg_count,
        .db = r->db,
        .arena = &m->arena,
        .host = &m->exec_host,
        .host_context = m,
        .user = r->user,
        .acl = m->acl,
        .level = m->level,
    };
}

/* Every node asks the same of the same rows. The origin has asked before, by those it knew then;
 * that spares the log what is refused. */
bool exec_is_allowed(struct exec *x)
{
    static const char *const reasons[] = {
        [ACL_NO_COMMAND] = "no permission to execute the command or subcommand",
        [ACL_NO_KEY] = "no permission to touch the specified keys",
        [ACL_NO_CHANNEL] = "no permission to access one of the channels used as arguments",
    };
    struct acl_denial denial;
    if (acl_allows(x, &denial))
        return true;
    if (x->client != NULL && x->host->denied != NULL)
        x->host->denied(x->host_context, x, &denial);
    if (x->in_exec) {
        reply_errorf(x, "NOPERM ACLs rules changed between the moment the transaction was "
                        "accumulated and the EXEC call. This command is no longer allowed for the "
                        "following reason: %s", reasons[denial.verdict]);
        return false;
    }
    struct buf text = {0};
    acl_denial_text(&denial, x->command, &text);
    reply_error_bytes(x, buf_bytes(&text));
    buf_clear(&text);
    return false;
}

/* By the node's host, which may look at rows but not touch them: only the origin runs it. */
static void run_local(struct exec *x)
{
    if (x->client == NULL)
        return;
    const bool within_read = keyspace_is_read_only(x->keyspace);
    if (!within_read)
        keyspace_read_begin(x->keyspace, keyspace_now(x->keyspace));
    command_execute(x);
    if (!within_read)
        keyspace_read_end(x->keyspace);
}

void exec_command(struct machine *m, struct exec *x, const struct request *r)
{
    CHECK(r->arg_count > 0);
    x->args = r->args;
    x->arg_count = r->arg_count;
    x->db = r->db;
    x->command = command_at_level(command_find(r->args, r->arg_count, NULL), x->level);
    if (x->command == NULL) /* its origin had the level before it let it through */
        panic("a committed entry holds an unknown command \"%.*s\": run the newer version",
              (int)MIN(r->args[0].size, 64), (const char *)r->args[0].data);
    if (!command_arity_fits(x->command, r->arg_count)) {
        reply_wrong_arity(x);
        return;
    }
    if (r->db >= keyspace_database_count(m->keyspace)) {
        reply_error(x, "ERR DB index is out of range");
        return;
    }
    if (!exec_is_allowed(x))
        return;
    if (x->command->flags & CMD_LOCAL && !command_is_effect(x)) {
        run_local(x);
        return;
    }
    if (x->command->flags & CMD_MACHINE)
        script_command(m, x, (r->flags & REQUEST_SHA) != 0);
    else
        command_execute(x);
    if (!keyspace_is_read_only(m->keyspace))
        tell_expired(x);
}

/* At its place in the log: it may wait, if it is one that does. */
static void run_command(struct run *run, struct exec *x)
{
    struct request command = *run->request;
    struct block block = {0};
    if (command.flags & REQUEST_CLIENT)
        command.arg_count--;
    x->block = &block;
    exec_command(run->machine, x, &command);
    x->block = NULL;
    run->command = x->command;
    if (block.waits)
        run->waits = waiters_add(run, x, &block);
}

/* A read that rides (§3.10): by the origin alone, at its place, at the entry's time. */
static void run_riding_read(struct machine *m, struct exec *x, const struct request *r)
{
    if (x->reply.out == NULL)
        return;
    x->chance = &m->local_chance;
    keyspace_read_begin(m->keyspace, keyspace_now(m->keyspace));
    if (r->kind == REQ_EXEC)
        transaction_exec(m, x, r);
    else
        exec_command(m, x, r);
    keyspace_read_end(m->keyspace);
}

/* --- the other kinds -------------------------------------------------------------------------- */

/* Names that readers wait for first, whatever the backlog; then the index. */
static void run_expire_due(struct exec *x, const struct request *r)
{
    struct reader names;
    CHECK(r->arg_count == 2);
    CHECK(r->args[0].size == 4);
    reader_init(&names, r->args[1]);
    while (reader_left(&names) > 0) {
        const uint32_t db = reader_be32(&names);
        const struct bytes name = reader_bytes(&names, reader_be32(&names));
        if (names.failed)
            panic("a committed expiry has malformed names");
        expire_key(x->keyspace, db, name);
    }
    const uint32_t limit = get_le32(r->args[0].data);
    if (limit > 0)
        expire_due(x->keyspace, limit);
    tell_expired(x);
}

static void refuse_setting(struct exec *x, const struct setting *setting, const char *why)
{
    reply_errorf(x, "ERR CONFIG SET failed (possibly related to argument '%s') - %s", setting->name,
                 why);
}

static void set_setting(struct exec *x, const char *name, struct bytes value)
{
    keyspace_set_setting(x->keyspace, name, value);
    if (strcmp(name, "requirepass") == 0)
        acl_set_default_password(x->acl, x->keyspace, value);
}

/* All or nothing: the first that is wrong is named, as CONFIG SET does. */
static void run_setting(struct exec *x, const struct request *r)
{
    CHECK(r->arg_count % 2 == 0);
    struct settings tried = *x->settings;
    for (uint32_t i = 0; i < r->arg_count; i += 2) {
        const struct setting *setting = setting_find(r->args[i]);
        if (setting == NULL)
            panic("a committed entry sets \"%.*s\", which this build does not know",
                  (int)MIN(r->args[i].size, 64), (const char *)r->args[i].data);
        if (!setting->parse(r->args[i + 1], (char *)&tried + setting->field)) {
            refuse_setting(x, setting, setting_refusal(setting, r->args[i + 1]));
            return;
        }
    }
    if (tried.databases < keyspace_database_count(x->keyspace)) {
        refuse_setting(x, setting_find(BYTES("databases")), "their number can only grow");
        return;
    }
    for (uint32_t i = 0; i < r->arg_count; i += 2)
        set_setting(x, setting_find(r->args[i])->name, r->args[i + 1]);
    keyspace_set_database_count(x->keyspace, (uint32_t)tried.databases);
    reply_ok(x);
}

void apply_kind(struct run *run, struct exec *x)
{
    struct machine *m = run->machine;
    const struct request *r = run->request;
    if (r->flags & REQUEST_READ) {
        run_riding_read(m, x, r);
        run->command = x->command;
        return;
    }
    switch (r->kind) {
    case REQ_COMMAND:
        run_command(run, x);
        return;
    case REQ_EXEC:
        transaction_exec(m, x, r);
        return;
    case REQ_PART:
        parts_apply(run, x);
        return;
    case REQ_EXPIRE_DUE:
        run_expire_due(x, r);
        m->expiries++;
        return;
    case REQ_UNBLOCK:
        waiters_unblock(run, x);
        return;
    case REQ_CANCEL:
        waiters_cancel(run);
        return;
    case REQ_ORIGIN_LOST:
        waiters_origin_lost(run);
        return;
    case REQ_SETTING:
        run_setting(x, r);
        return;
    case REQ_CLOCK: /* the entry's header has done it */
    case REQ_SKIP:
        reply_ok(x);
        return;
    default:
        panic("a committed entry holds a request of kind %u, which this build does not know",
              r->kind);
    }
}

/* --- the reader of the reply ------------------------------------------------------------------ */

static bool reply_begin(struct run *run)
{
    const struct machine_options *o = &run->machine->options;
    run->reply = (struct reply){.protocol = 2};
    run->client = NULL;
    run->command = NULL;
    if (!run->own)
        return false;
    if (o->host->reply_begin(o->context, run->head->batch, run->ordinal, &run->reply, &run->client))
        return true;
    run->reply = (struct reply){.protocol = 2};
    run->client = NULL;
    return false;
}

static void reply_end(struct run *run, const struct exec *x)
{
    const struct machine_options *o = &run->machine->options;
    run->reply = x->reply;
    o->host->reply_end(o->context, run->head->batch, run->ordinal, &run->reply, run->command);
}

void apply_request(struct run *run)
{
    struct machine *m = run->machine;
    keyspace_request_begin(m->keyspace, run->ordinal);

    struct prng chance; /* ordinals have 12 bits: no two requests of an entry share a seed */
    prng_seed(&chance, run->head->seed ^ (uint64_t)run->ordinal << 52);
    const bool wanted = reply_begin(run);
    struct exec x;
    exec_begin(m, &x, run->request);
    x.chance = &chance;
    x.reply = run->reply;
    x.client = run->client;
    run->chance = &chance;
    run->waits = false;
    apply_kind(run, &x);
    if (wanted && !run->waits)
        reply_end(run, &x);
    waiters_serve(run);
}

void apply_refusal(struct run *run, const char *error)
{
    if (!reply_begin(run))
        return;
    struct exec x = {.reply = run->reply, .client = run->client};
    reply_error(&x, error);
    reply_end(run, &x);
}
