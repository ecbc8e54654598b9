#include "server/script_trail.h"

#include <string.h>
#include "server/local.h"

static void clear(struct script_trail *t)
{
    t->count = 0;
    buf_clear(&t->lines);
}

void script_trail_forget(struct server *s, const struct conn *client)
{
    if (s->script_trail.client == client)
        clear(&s->script_trail);
}

void script_trail_tell(struct server *s, const struct conn *client)
{
    struct script_trail *t = &s->script_trail;
    if (t->client != client || t->count == 0)
        return;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct script_call *call = &t->calls[i];
        s->stats.commands++;
        call->info->calls++;
        if (call->errors > 0) {
            call->info->failed++;
            stats_count_errors(&s->stats, call->error_code, call->errors);
        }
    }
    if (t->lines.size > 0)
        monitor_send(s, buf_bytes(&t->lines));
    clear(t);
}

void script_trail_note(struct server *s, const struct exec *x)
{
    struct script_trail *t = &s->script_trail;
    if (t->client != x->client) { /* another's run was given up */
        clear(t);
        t->client = x->client;
    }
    if (t->count == SCRIPT_TRAIL_MAX)
        script_trail_tell(s, t->client);
    struct script_call *call = &t->calls[t->count++];
    call->info = commands_info_of(s->commands, x->command);
    call->errors = x->reply.errors;
    memcpy(call->error_code, x->reply.error_code, sizeof(call->error_code));
    if (s->monitor_count > 0 && !(x->command->flags & (CMD_SKIP_MONITOR | CMD_ADMIN)))
        monitor_line(s, &t->lines, &(struct monitored){x->db, "lua", x->args, x->arg_count});
}
