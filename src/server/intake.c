/* intake.c -- see intake.h. */

#include "server/intake.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/server.h"

#define STALL_US 5000000 /* the first that brings nothing for so long is closed */

void intake_init(struct intake *i)
{
    *i = (struct intake){0};
    queue_init(&i->large);
}

static struct conn *first(const struct intake *i)
{
    struct queue_node *node = queue_first(&i->large);
    return node == NULL ? NULL : container_of(node, struct conn, intake_node);
}

static bool is_large(const struct conn *c)
{
    return c->in.capacity > CONN_READ_SIZE && !c->is_dead;
}

void intake_note(struct conn *c)
{
    struct server *s = c->server;
    struct intake *i = &s->intake;
    if (c->in.capacity == c->intake_bytes && is_large(c) == c->is_large)
        return;
    i->bytes += c->in.capacity;
    i->bytes -= c->intake_bytes;
    c->intake_bytes = c->in.capacity;
    const struct conn *before = first(i);
    if (is_large(c) && !c->is_large)
        queue_push_back(&i->large, &c->intake_node);
    else if (!is_large(c) && c->is_large)
        queue_remove(&c->intake_node);
    c->is_large = is_large(c);
    if (before == first(i))
        return;
    i->told = NULL;
    i->first_us = s->now_us;
}

bool intake_may_read(const struct conn *c)
{
    struct intake *i = &c->server->intake;
    if (i->bytes <= INTAKE_BYTES_MAX || !c->is_large || c == first(i))
        return true;
    i->is_over = true;
    return false;
}

static void judge_first(struct server *s)
{
    struct intake *i = &s->intake;
    struct conn *c = first(i);
    if (c == NULL)
        return;
    if (c->in.size != i->first_size || c->waits) {
        i->first_size = c->in.size;
        i->first_us = s->now_us;
    } else if (s->now_us >= i->first_us + STALL_US) {
        log_warn("client", "closing a client that stopped in the middle of a large request, while"
                 " others wait for the memory", "id=%llu addr=%s bytes=%zu",
                 (unsigned long long)c->id, c->address, c->in.size);
        s->stats.input_limit_closes++;
        conn_close(c, "unfinished request");
    }
}

void intake_turn(struct server *s)
{
    struct intake *i = &s->intake;
    if (!i->is_over)
        return;
    if (i->bytes > INTAKE_BYTES_MAX) {
        judge_first(s);
        if (first(i) != NULL && i->told != first(i)) /* else its socket wakes it */
            conn_make_ready(first(i));
        i->told = first(i);
        return;
    }
    i->is_over = false;
    i->told = NULL;
    struct queue_node *node = queue_first(&i->large);
    for (; node != NULL; node = queue_next(&i->large, node))
        conn_make_ready(container_of(node, struct conn, intake_node));
}
