#include "server/pause.h"

#include "command/args.h"
#include "server/conn.h"
#include "server/local.h"

bool pause_holds(struct conn *c, uint32_t flags)
{
    const enum pause pause = c->server->pause;
    c->is_paused = pause == PAUSE_ALL ||
                   (pause == PAUSE_WRITES && (flags & CMD_MAY_REPLICATE) != 0);
    return c->is_paused;
}

static void end_pause(struct server *s)
{
    s->pause = PAUSE_NONE;
    s->pause_until_ms = 0;
    conns_resume(s);
}

void pause_turn(struct server *s)
{
    if (s->pause != PAUSE_NONE && s->now_ms >= s->pause_until_ms)
        end_pause(s);
}

uint64_t pause_due_us(const struct server *s)
{
    if (s->pause == PAUSE_NONE)
        return UINT64_MAX;
    return s->now_us + (s->pause_until_ms - s->now_ms) * 1000;
}

void client_pause(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    enum pause pause = PAUSE_ALL;
    if (x->arg_count > 3) {
        if (arg_is(x, 3, "write"))
            pause = PAUSE_WRITES;
        else if (!arg_is(x, 3, "all") || x->arg_count > 4) {
            reply_error(x, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return;
        }
    }
    int64_t timeout_ms;
    uint64_t until_ms;
    if (!bytes_to_int64(x->args[2], &timeout_ms)) {
        reply_error(x, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        reply_error(x, "ERR timeout is negative");
        return;
    }
    if (__builtin_add_overflow(s->now_ms, (uint64_t)timeout_ms, &until_ms)) {
        reply_error(x, "ERR timeout is out of range");
        return;
    }
    s->pause = MAX(pause, s->pause);
    s->pause_until_ms = MAX(until_ms, s->pause_until_ms);
    reply_ok(x);
}

void client_unpause(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    end_pause(s);
    reply_ok(x);
}
