/* conn_world.h -- a server's connections over socket pairs, in front of a fake shard. */

#ifndef TEST_CONN_WORLD_H
#define TEST_CONN_WORLD_H

#include "fake_shard.h"

#define OUTPUT_MAX (1 << 20)

struct world {
    struct server *server;
    struct conn *conn;
    int client;
    char output[OUTPUT_MAX];
};

int set_up(void **state);
int tear_down(void **state);

/* One more; *client is the other end. */
struct conn *connect_one(struct server *s, int *client);

/* As server_turn() without the parts that the tests drive by hand. */
void turn(struct world *w);
void send_bytes(struct world *w, struct bytes b);
void send_text(struct world *w, const char *text);
/* All that has come; "<end>" behind it when the connection was closed. */
const char *received(struct world *w);

#endif
