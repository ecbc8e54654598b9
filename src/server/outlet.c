/* outlet.c -- see outlet.h. */

#include "server/outlet.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/server.h"

#define STALL_US 5000000 /* who takes nothing for so long while others need the memory is closed */

void outlet_note(struct conn *c, size_t sent)
{
    struct server *s = c->server;
    const size_t size = c->is_dead ? 0 : c->out.capacity;
    if (sent > 0 || c->out.size == 0)
        c->sent_us = s->now_us;
    s->unsent_bytes += size;
    s->unsent_bytes -= c->unsent_bytes;
    c->unsent_bytes = size;
}

bool outlet_may_take(const struct conn *c)
{
    return c->out.size < (c->server->unsent_bytes > OUTLET_BYTES_MAX ? CONN_READ_SIZE
                                                                      : CONN_UNSENT_MAX);
}

static void close_one(struct conn *c, const char *why)
{
    struct server *s = c->server;
    log_warn("client", "closing a client whose replies take the memory that others need",
             "id=%llu addr=%s bytes=%zu all=%llu why=\"%s\"", (unsigned long long)c->id,
             c->address, c->unsent_bytes, (unsigned long long)s->unsent_bytes, why);
    s->stats.output_limit_closes++;
    conn_close(c, "unsent replies of all clients");
}

static struct conn *largest(struct server *s)
{
    struct conn *found = NULL;
    struct queue_node *node = queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        struct conn *c = container_of(node, struct conn, node);
        if (found == NULL || c->unsent_bytes > found->unsent_bytes)
            found = c;
    }
    return found;
}

void outlet_turn(struct server *s)
{
    while (s->unsent_bytes > OUTLET_BYTES_HARD) {
        struct conn *c = largest(s);
        if (c == NULL || s->unsent_bytes - c->unsent_bytes <= OUTLET_BYTES_HARD)
            return;
        close_one(c, "it holds most");
    }
}

void outlet_cron(struct server *s)
{
    struct queue_node *node = queue_first(&s->conns), *next;
    for (; node != NULL && s->unsent_bytes > OUTLET_BYTES_MAX; node = next) {
        next = queue_next(&s->conns, node);
        struct conn *c = container_of(node, struct conn, node);
        if (c->out.size > CONN_READ_SIZE && s->now_us > c->sent_us + STALL_US)
            close_one(c, "it takes nothing");
    }
}
