/* transaction.c -- EXEC: one request, whose watches are compared in the log's order.
 *
 * A watched key is unchanged when its (internal db number, stamp) are what they were; two absences
 * are equal whatever the numbers (ARCHITECTURE §3.3 step 4). */

#include "machine/machine_internal.h"

#include "base/panic.h"
#include "keyspace/object.h"

static bool is_unchanged(struct exec *x, const struct watch *w)
{
    if (w->selected >= keyspace_database_count(x->keyspace))
        return false;
    struct object o;
    const bool exists = object_open(x->keyspace, w->selected, w->key, &o);
    const bool same = exists ? w->stamp == o.stamp && w->number == o.db : w->stamp == 0;
    object_close(&o);
    return same;
}

static bool watches_hold(struct machine *m, struct exec *x, const struct request *r)
{
    struct watch *watches;
    uint32_t count;
    CHECK(r->arg_count > 0);
    if (!exec_decode_watches(r->args[0], &m->arena, &watches, &count))
        panic("a committed transaction has malformed watches");
    bool hold = true;
    for (uint32_t i = 0; i < count && hold; i++)
        hold = is_unchanged(x, &watches[i]);
    if (!keyspace_is_read_only(m->keyspace))
        tell_expired(x);
    return hold;
}

/* Redis refuses the EXEC itself, before it looks at the watches. */
static bool is_out_of_memory(struct machine *m, struct exec *x, const struct request *r)
{
    bool refused = false;
    if (x->settings->maxmemory == 0)
        return false;
    for (uint32_t i = 1; i < r->arg_count && !refused; i++) {
        struct request command;
        if (!exec_decode_command(r->args[i], &m->arena, &command))
            continue; /* panics when its turn comes */
        x->command = command_find(command.args, command.arg_count, NULL);
        refused = x->command != NULL && command_is_out_of_memory(x);
    }
    x->command = NULL;
    return refused;
}

void transaction_exec(struct machine *m, struct exec *x, const struct request *r)
{
    if (is_out_of_memory(m, x, r)) {
        reply_error(x, "EXECABORT Transaction discarded because of: OOM command not allowed when "
                       "used memory > 'maxmemory'.");
        return;
    }
    if (!watches_hold(m, x, r)) {
        reply_null_array(x);
        return;
    }
    x->in_exec = true;
    reply_array(x, r->arg_count - 1);
    for (uint32_t i = 1; i < r->arg_count; i++) {
        struct request command;
        if (!exec_decode_command(r->args[i], &m->arena, &command))
            panic("command %u of a committed transaction is malformed", i);
        settings_refresh(&m->settings, m->keyspace);
        acl_refresh(m->acl, m->keyspace);
        exec_command(m, x, &command);
        if (x->client != NULL && x->host->ran != NULL)
            x->host->ran(x->host_context, x);
    }
    x->command = NULL;
}
