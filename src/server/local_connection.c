/* local_connection.c -- PING, HELLO, AUTH and the like: what concerns one connection. */

#include "server/local.h"

#include "base/clock.h"
#include "server/node.h"
#include "server/pending.h"

void local_ping(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    if (x->arg_count > 2) {
        reply_wrong_arity(x);
    } else if (x->reply.protocol == 2 && pubsub_is_subscriber(c)) { /* in the form of a message */
        reply_array(x, 2);
        reply_bulk_string(x, "pong");
        reply_bulk(x, x->arg_count == 2 ? x->args[1] : BYTES_NONE);
    } else if (x->arg_count == 2)
        reply_bulk(x, x->args[1]);
    else
        reply_simple(x, "PONG");
}

void local_echo(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_bulk(x, x->args[1]);
}

void local_select(struct server *s, struct conn *c, struct exec *x)
{
    int64_t db;
    if (!arg_int64(x, 1, &db))
        return;
    if (db < 0 || (uint64_t)db >= s->settings->databases) {
        reply_error(x, "ERR DB index is out of range");
        return;
    }
    c->session.db = (uint32_t)db;
    reply_ok(x);
}

void local_time(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    const uint64_t now_us = clock_wall_us();
    reply_array(x, 2);
    reply_bulk_int64(x, (int64_t)(now_us / 1000000));
    reply_bulk_int64(x, (int64_t)(now_us % 1000000));
}

void local_lastsave(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    const uint64_t last_ms = MAX(s->status.last_flush_ms, s->started_ms);
    reply_int64(x, (int64_t)(last_ms / 1000));
}

/* --- who is it -------------------------------------------------------------------------------- */

/* Equal without telling by the time it takes where they differ. */
static bool secret_equal(struct bytes a, struct bytes b)
{
    uint8_t difference = (uint8_t)(a.size != b.size);
    for (size_t i = 0; i < a.size; i++)
        difference |= (uint8_t)(bytes_data(a)[i] ^ (b.size > 0 ? bytes_data(b)[i % b.size] : 0));
    return difference == 0;
}

/* Only the default user, whose password is requirepass. */
static bool authenticate(struct server *s, struct conn *c, struct exec *x, struct bytes user,
                         struct bytes password)
{
    const struct bytes wanted = bytes_of(s->settings->requirepass.text,
                                         s->settings->requirepass.size);
    const bool is_user = bytes_equal(user, BYTES("default"));
    if (!is_user || (wanted.size > 0 && !secret_equal(password, wanted))) {
        reply_error(x, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    c->session.is_authenticated = true;
    return true;
}

void local_auth(struct server *s, struct conn *c, struct exec *x)
{
    if (x->arg_count > 3) {
        reply_syntax_error(x);
        return;
    }
    if (x->arg_count == 2 && s->settings->requirepass.size == 0) {
        reply_error(x, "ERR AUTH <password> called without any password configured for the "
                       "default user. Are you sure your configuration is correct?");
        return;
    }
    const struct bytes user = x->arg_count == 3 ? x->args[1] : BYTES("default");
    if (authenticate(s, c, x, user, x->args[x->arg_count - 1]))
        reply_ok(x);
}

static void reply_hello(struct conn *c, struct exec *x)
{
    reply_map(x, 7);
    reply_bulk_string(x, "server");
    reply_bulk_string(x, "redis");
    reply_bulk_string(x, "version");
    reply_bulk_string(x, AVOW_COMPATIBLE_VERSION);
    reply_bulk_string(x, "proto");
    reply_int64(x, c->session.protocol);
    reply_bulk_string(x, "id");
    reply_int64(x, (int64_t)c->id);
    reply_bulk_string(x, "mode");
    reply_bulk_string(x, "standalone");
    reply_bulk_string(x, "role");
    reply_bulk_string(x, "master");
    reply_bulk_string(x, "modules");
    reply_array(x, 0);
}

struct hello {
    int64_t protocol;
    struct bytes user, password, name;
    bool has_auth, has_name;
};

static bool parse_hello(struct exec *x, struct hello *hello)
{
    if (x->arg_count > 1) {
        if (!bytes_to_int64(x->args[1], &hello->protocol)) {
            reply_error(x, "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (hello->protocol != 2 && hello->protocol != 3) {
            reply_error(x, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (uint32_t i = 2; i < x->arg_count; i++) {
        const uint32_t left = x->arg_count - 1 - i;
        if (arg_is(x, i, "auth") && left >= 2) {
            hello->has_auth = true;
            hello->user = x->args[i + 1];
            hello->password = x->args[i + 2];
            i += 2;
        } else if (arg_is(x, i, "setname") && left >= 1) {
            hello->has_name = true;
            hello->name = x->args[++i];
        } else {
            reply_errorf(x, "ERR Syntax error in HELLO option '%.*s'",
                         (int)MIN(x->args[i].size, 128), (const char *)x->args[i].data);
            return false;
        }
    }
    return true;
}

#define BAD_NAME "ERR Client names cannot contain spaces, newlines or special characters."

void local_hello(struct server *s, struct conn *c, struct exec *x)
{
    struct hello hello = {.protocol = c->session.protocol};
    if (!parse_hello(x, &hello))
        return;
    char *name = NULL;
    if (hello.has_name && !session_set_name(&name, hello.name)) {
        reply_error(x, BAD_NAME);
        return;
    }
    session_set_name(&name, BYTES_NONE);
    if (hello.has_auth && !authenticate(s, c, x, hello.user, hello.password))
        return;
    if (!c->session.is_authenticated && s->settings->requirepass.size > 0) {
        reply_error(x, "NOAUTH HELLO must be called with the client already authenticated, "
                       "otherwise the HELLO AUTH <user> <pass> option can be used to authenticate "
                       "the client and select the RESP protocol version at the same time");
        return;
    }
    if (hello.has_name)
        session_set_name(&c->session.name, hello.name);
    c->session.protocol = (uint8_t)hello.protocol;
    x->reply.protocol = (int)hello.protocol;
    if (s->running != NULL)
        s->running->protocol = c->session.protocol;
    reply_hello(c, x);
}

/* --- what Redis has and a node of ours is not ------------------------------------------------- */

void local_role(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    reply_array(x, 3);
    reply_bulk_string(x, "master");
    reply_int64(x, (int64_t)s->status.applied_index);
    reply_array(x, 0);
}

void local_no_cluster(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_error(x, "ERR This instance has cluster support disabled");
}

void local_replicaof(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    if (arg_is(x, 1, "no") && arg_is(x, 2, "one")) {
        reply_ok(x);
        return;
    }
    reply_error(x, "ERR a node of AvowDB replicates by Raft and cannot follow another server: see "
                   "RAFT ADD");
}

void local_lolwut(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_verbatim(x, "txt", BYTES("AvowDB: every acknowledged write is durable on a majority.\n"
                                   "Redis ver. " AVOW_COMPATIBLE_VERSION "\n"));
}

/* --- WAIT ------------------------------------------------------------------------------------- */

/* A write that was answered is committed: durable on a majority, which may or may not include this
 * node. The leader knows more (match indexes): pending.c asks it. */
void local_wait(struct server *s, struct conn *c, struct exec *x)
{
    int64_t wanted, timeout_ms;
    if (!arg_int64(x, 1, &wanted))
        return;
    if (!bytes_to_int64(x->args[2], &timeout_ms)) {
        reply_error(x, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        reply_error(x, "ERR timeout is negative");
        return;
    }
    (void)c;
    const uint64_t index = s->status.applied_index; /* at or behind its last write's */
    const int64_t sure = (int64_t)pending_members_holding(s, index);
    if (x->in_exec || wanted <= sure) {
        reply_int64(x, sure);
        return;
    }
    struct pending *p = pending_new(s, x, PENDING_WAIT, NULL);
    p->index = index;
    p->wanted = (uint64_t)wanted;
    const bool is_for_ever = timeout_ms == 0 || timeout_ms > INT64_MAX / 2000;
    p->deadline_us = is_for_ever ? UINT64_MAX : s->now_us + (uint64_t)timeout_ms * 1000;
    slot_block(s->running);
}
