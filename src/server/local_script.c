/* local_script.c -- a script that takes long on this node: what the other clients may do meanwhile.
 *
 * The script stands in the middle of a turn of the shard, and asks for a look at the sockets from
 * time to time (server_poll_script). Behind busy-reply-threshold the others are answered -BUSY, but
 * for the few commands that may run then. The connection that waits for the script is left alone:
 * its reply is being made. */

#include "server/local.h"

#include "base/clock.h"
#include "base/log.h"
#include "machine/machine.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/listener.h"
#include "server/loop.h"

#define LOOK_US 1000 /* between two looks at the sockets */

static bool is_function(const struct exec *x)
{
    return strncmp(x->command->name, "fcall", 5) == 0;
}

static void begin_busy(struct server *s, const struct exec *x, bool may_end)
{
    s->busy = (struct busy){.script = x, .caller = x->client, .may_end = may_end};
    log_warn("script", "a script takes long: other clients are answered BUSY",
             "client=%llu may_be_killed=%s", (unsigned long long)s->busy.caller->id,
             may_end ? "yes" : "no");
}

bool server_poll_script(struct server *s, const struct exec *x, bool may_end)
{
    const uint64_t us = ticks_to_us(ticks_now() - s->script_begun);
    const int64_t threshold_ms = s->config.busy_reply_threshold;
    if (threshold_ms <= 0 || us < (uint64_t)threshold_ms * 1000)
        return false;
    if (s->busy.script != x)
        begin_busy(s, x, may_end);
    const uint64_t now_us = clock_boot_us();
    if (now_us < s->busy.look_us)
        return s->busy.kill;
    s->busy.look_us = now_us + LOOK_US;
    s->now_us = now_us;
    s->now_ms = clock_wall_ms();
    loop_wait(s->loop, 0);
    listener_turn(s->listener); /* who wants to end it may have to connect first */
    conns_turn(s);
    conns_flush(s);
    conns_reap(s);
    return s->busy.kill;
}

void server_end_script(struct server *s)
{
    if (s->busy.script == NULL)
        return;
    s->busy = (struct busy){0};
    conns_resume(s);
}

/* --- commands --------------------------------------------------------------------------------- */

#define TEXT_NOT_BUSY "NOTBUSY No scripts in execution right now."
#define TEXT_UNKILLABLE                                                                         \
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can " \
    "either wait the script termination or kill the server in a hard way using the SHUTDOWN "   \
    "NOSAVE command."

const char *busy_text(const struct server *s)
{
    return is_function(s->busy.script)
               ? "BUSY Redis is busy running a script. You can only call FUNCTION KILL or "
                 "SHUTDOWN NOSAVE."
               : "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
                 "NOSAVE.";
}

static void kill_running(struct server *s, struct exec *x, bool functions)
{
    if (s->busy.script == NULL) {
        reply_error(x, TEXT_NOT_BUSY);
    } else if (is_function(s->busy.script) != functions) {
        reply_error(x, busy_text(s));
    } else if (!s->busy.may_end) {
        reply_error(x, TEXT_UNKILLABLE);
    } else {
        s->busy.kill = true;
        log_warn("script", "a script is killed by a client", "client=%llu",
                 (unsigned long long)s->busy.caller->id);
        reply_ok(x);
    }
}

void script_kill(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    kill_running(s, x, false);
}

void function_kill(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    kill_running(s, x, true);
}

static void reply_running(struct server *s, struct exec *x)
{
    const struct exec *script = s->busy.script;
    if (script == NULL) {
        reply_null(x);
        return;
    }
    reply_map(x, 3);
    reply_bulk_string(x, "name");
    reply_bulk(x, script->args[1]);
    reply_bulk_string(x, "command");
    reply_array(x, script->arg_count);
    for (uint32_t i = 0; i < script->arg_count; i++)
        reply_bulk(x, script->args[i]);
    reply_bulk_string(x, "duration_ms");
    reply_int64(x, (int64_t)(ticks_to_us(ticks_now() - s->script_begun) / 1000));
}

void function_stats(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (s->busy.script != NULL && !is_function(s->busy.script)) {
        reply_error(x, busy_text(s));
        return;
    }
    uint64_t libraries, functions;
    machine_function_counts(shard_machine(s->shard), &libraries, &functions);
    reply_map(x, 2);
    reply_bulk_string(x, "running_script");
    reply_running(s, x);
    reply_bulk_string(x, "engines");
    reply_map(x, 1);
    reply_bulk_string(x, "LUA");
    reply_map(x, 2);
    reply_bulk_string(x, "libraries_count");
    reply_int64(x, (int64_t)libraries);
    reply_bulk_string(x, "functions_count");
    reply_int64(x, (int64_t)functions);
}
