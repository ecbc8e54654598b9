#include "test.h"
#include "conn_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/panic.h"
#include "server/loop.h"

struct conn *connect_one(struct server *s, int *client)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (int i = 0; i < 2; i++)
        assert_true(fcntl(pair[i], F_SETFL, O_NONBLOCK) == 0);
    *client = pair[1];
    return conn_new(s, pair[0]);
}

int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct server *s = xcalloc(1, sizeof(*s));
    struct error e;
    config_init(&s->config);
    server_init(s);
    fake_open();
    assert_int_equal(loop_new(&s->loop, &e), STATUS_OK);
    s->shard = (struct shard *)s; /* not looked into by the fake */
    s->is_ready = true;
    w->server = s;
    w->conn = connect_one(s, &w->client);
    *state = w;
    return 0;
}

int tear_down(void **state)
{
    struct world *w = *state;
    conns_close(w->server);
    if (w->client >= 0)
        close(w->client);
    loop_free(w->server->loop);
    server_clear(w->server);
    config_clear(&w->server->config);
    fake_close();
    free(w->server);
    free(w);
    return 0;
}

void turn(struct world *w)
{
    struct server *s = w->server;
    loop_wait(s->loop, 0);
    for (int i = 0; i < 4; i++)
        conns_turn(s);
    conns_flush(s);
    conns_reap(s);
    arena_reset(&s->arena);
}

void send_bytes(struct world *w, struct bytes b)
{
    assert_int_equal(send(w->client, b.data, b.size, 0), (ssize_t)b.size);
    turn(w);
}

void send_text(struct world *w, const char *text)
{
    send_bytes(w, bytes_from_string(text));
}

const char *received(struct world *w)
{
    turn(w);
    size_t size = 0;
    for (;;) {
        const ssize_t got = recv(w->client, w->output + size, OUTPUT_MAX - size - 16, 0);
        if (got == 0)
            size += (size_t)sprintf(w->output + size, "<end>");
        if (got <= 0)
            break;
        size += (size_t)got;
        turn(w);
    }
    w->output[size] = '\0';
    return w->output;
}
