/* client_ask.c -- see client_ask.h. */

#include "server/client_ask.h"

#include "base/panic.h"
#include "server/conn.h"
#include "server/node.h"
#include "server/pending.h"
#include "server/relayed.h"

/* --- here ------------------------------------------------------------------------------------- */

static enum client_answer unblock(struct server *s, struct conn *c, bool with_error)
{
    if (c->blocked == NULL)
        return CLIENT_NOT_DONE;
    if (c->blocked->pending != NULL) {
        pending_unblock(c->blocked->pending, with_error);
        return CLIENT_DONE;
    }
    return shard_unblock_read(s->shard, &c->blocked->shard, with_error) ? CLIENT_DONE
                                                                        : CLIENT_WAITS_IN_LOG;
}

enum client_answer client_do(struct server *s, enum client_deed deed, uint64_t id)
{
    struct conn *c = conn_by_id(s, id);
    if (c == NULL)
        return CLIENT_NOT_DONE;
    if (deed != CLIENT_KILL)
        return unblock(s, c, deed == CLIENT_UNBLOCK_ERROR);
    conn_close(c, "killed by CLIENT KILL");
    return CLIENT_DONE;
}

/* --- there ------------------------------------------------------------------------------------ */

bool client_ask(struct exec *x, enum client_deed deed, uint64_t id, local_run *finish)
{
    const struct conn *c = x->client;
    struct server *s = c->server;
    uint8_t question[18] = {RELAYED_ASK_CLIENT, (uint8_t)deed};
    if (s->shard == NULL || !shard_relays_to(s->shard, client_node(id)))
        return false;
    /* Of no former process: an answer to that may still be under way. */
    s->last_token = MAX(s->last_token + 1, s->now_us);
    put_le64(question + 2, s->last_token);
    put_le64(question + 10, id);
    if (!shard_relay(s->shard, client_node(id), bytes_of(question, sizeof(question))))
        return false;
    struct pending *p = pending_new(s, x, PENDING_CLIENT, finish);
    p->index = s->last_token;
    p->deadline_us = s->now_us + (uint64_t)s->config.quorum_wait_ms * 1000;
    return true;
}

bool client_asked(struct server *s, uint64_t node, struct reader *r)
{
    const uint8_t deed = reader_u8(r);
    const uint64_t token = reader_le64(r);
    const uint64_t id = reader_le64(r);
    if (r->failed || deed >= CLIENT_DEEDS)
        return false;
    const enum client_answer done = client_do(s, (enum client_deed)deed, id);
    uint8_t answer[10] = {RELAYED_CLIENT_ANSWER, (uint8_t)done};
    put_le64(answer + 2, token);
    if (!shard_relay(s->shard, node, bytes_of(answer, sizeof(answer))))
        s->pubsub.lost++;
    return true;
}

bool client_answered(struct server *s, struct reader *r)
{
    const uint8_t answer = reader_u8(r);
    const uint64_t token = reader_le64(r);
    if (r->failed || answer >= CLIENT_ANSWERS)
        return false;
    pending_client_answered(s, token, answer);
    return true;
}
