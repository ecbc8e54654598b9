/* local_members.c -- RAFT ADD, REMOVE, REPLACE, PROMOTE, TRANSFER, and CLUSTER MEET, FORGET,
 * FAILOVER, the names that Redis has for three of them. Any node takes them: the leader decides.
 * And RAFT BACKUP, which the node that is asked does itself. */

#include "server/local.h"

#include <stdlib.h>

#include "base/panic.h"
#include "server/node.h"
#include "server/pending.h"

#define PEER_PORT_OFFSET 10000 /* of the peer port from the clients', as a default */

static const int64_t node_numbers[] = {1, INT64_MAX};
static const int64_t ports[] = {1, 65535};

/* --- on the way to the consensus half --------------------------------------------------------- */

static void submit(struct server *s, struct exec *x, enum admin_op op, const struct admin *what)
{
    struct pending *p = pending_new(s, x, PENDING_ADMIN, NULL);
    p->admin = xcalloc(1, sizeof(*p->admin));
    *p->admin = *what;
    if (pending_admin(p, op))
        return;
    pending_drop(p);
    if (s->shard == NULL)
        raft_not_in_a_cluster(x);
    else
        reply_error(x, "CLUSTERDOWN too much is in flight, not executed");
}

static bool parse_node(struct exec *x, uint32_t arg, struct admin *what)
{
    int64_t node;
    if (!arg_int64_range(x, arg, node_numbers, &node, "ERR node must be the number of a member"))
        return false;
    what->node = (uint64_t)node;
    return true;
}

static bool set_host(struct admin *what, struct bytes host)
{
    if (host.size == 0 || host.size >= sizeof(what->host) ||
        memchr(host.data, '\0', host.size) != NULL)
        return false;
    memcpy(what->host, host.data, host.size);
    what->host[host.size] = '\0';
    return true;
}

/* host:port, [v6]:port */
static bool parse_address(struct exec *x, uint32_t arg, struct admin *what)
{
    const struct bytes text = x->args[arg];
    const uint8_t *data = bytes_data(text);
    size_t colon = text.size;
    while (colon > 0 && data[colon - 1] != ':')
        colon--;
    int64_t port = 0;
    struct bytes host = colon == 0 ? BYTES_NONE : bytes_of(text.data, colon - 1);
    if (host.size > 2 && data[0] == '[' && data[host.size - 1] == ']')
        host = bytes_of(data + 1, host.size - 2);
    if (!set_host(what, host) || !bytes_to_int64(bytes_from(text, colon), &port) ||
        port < ports[0] || port > ports[1]) {
        reply_error(x, "ERR the address of the new node must be host:peer-port");
        return false;
    }
    what->port = (uint16_t)port;
    return true;
}

/* --- RAFT ------------------------------------------------------------------------------------- */

void raft_add(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (local_refuse_in_exec(x) || !parse_address(x, 2, &what))
        return;
    const bool is_learner =
        x->arg_count == 4 && bytes_equal_nocase_string(x->args[3], "learner");
    if (x->arg_count > 3 && !is_learner)
        reply_error(x, "ERR syntax error, try RAFT ADD host:peer-port [LEARNER]");
    else
        submit(s, x, is_learner ? ADMIN_ADD_LEARNER : ADMIN_ADD, &what);
}

void raft_remove(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (!local_refuse_in_exec(x) && parse_node(x, 2, &what))
        submit(s, x, ADMIN_REMOVE, &what);
}

void raft_replace(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (!local_refuse_in_exec(x) && parse_node(x, 2, &what) && parse_address(x, 3, &what))
        submit(s, x, ADMIN_REPLACE, &what);
}

void raft_promote(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (!local_refuse_in_exec(x) && parse_node(x, 2, &what))
        submit(s, x, ADMIN_PROMOTE, &what);
}

/* The consensus half says what is wrong with the directory itself. */
void raft_backup(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (local_refuse_in_exec(x))
        return;
    const struct bytes dir = x->args[2];
    bool is_text = dir.size > 0 && dir.size < sizeof(what.path);
    for (size_t i = 0; is_text && i < dir.size; i++)
        is_text = bytes_data(dir)[i] >= ' ' && bytes_data(dir)[i] != 0x7f;
    if (!is_text || bytes_data(dir)[0] != '/') {
        reply_errorf(x, "ERR the directory must be an absolute path on this node, of less than %d "
                     "bytes", ADMIN_PATH_MAX);
        return;
    }
    memcpy(what.path, dir.data, dir.size);
    submit(s, x, ADMIN_BACKUP, &what);
}

void raft_transfer(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    if (local_refuse_in_exec(x))
        return;
    if (x->arg_count > 3)
        reply_wrong_arity(x);
    else if (x->arg_count == 2 || parse_node(x, 2, &what))
        submit(s, x, ADMIN_TRANSFER, &what);
}

/* --- CLUSTER ---------------------------------------------------------------------------------- */

static bool parse_port(struct exec *x, uint32_t arg, const char *which, int64_t *port)
{
    if (bytes_to_int64(x->args[arg], port) && *port >= ports[0] && *port <= ports[1])
        return true;
    reply_errorf(x, "ERR Invalid %s port specified: %.*s", which,
                 (int)MIN(x->args[arg].size, (size_t)64), (const char *)x->args[arg].data);
    return false;
}

/* CLUSTER MEET host client-port [peer-port] */
void cluster_meet(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    struct admin what = {0};
    int64_t port, peer_port;
    if (local_refuse_in_exec(x))
        return;
    if (x->arg_count > 5) {
        reply_wrong_arity(x);
        return;
    }
    if (!parse_port(x, 3, "base", &port))
        return;
    peer_port = port + PEER_PORT_OFFSET;
    if (x->arg_count == 5 && !parse_port(x, 4, "bus", &peer_port))
        return;
    if (peer_port > ports[1] || !set_host(&what, x->args[2])) {
        reply_errorf(x, "ERR Invalid node address specified: %.*s:%d",
                     (int)MIN(x->args[2].size, (size_t)64), (const char *)x->args[2].data,
                     (int)port);
        return;
    }
    what.port = (uint16_t)peer_port;
    submit(s, x, ADMIN_ADD, &what);
}

void cluster_forget(struct server *s, struct conn *c, struct exec *x)
{
    raft_remove(s, c, x);
}

/* Said to the node that is to lead. FORCE asks for what Raft does by itself; TAKEOVER for what
 * it must not do. */
void cluster_failover(struct server *s, struct conn *c, struct exec *x)
{
    (void)c;
    if (local_refuse_in_exec(x))
        return;
    if (x->arg_count == 3 && bytes_equal_nocase_string(x->args[2], "takeover")) {
        reply_error(x, "ERR TAKEOVER is not possible: without a majority's consent acknowledged "
                       "writes could be lost");
        return;
    }
    if (x->arg_count > 3 ||
        (x->arg_count == 3 && !bytes_equal_nocase_string(x->args[2], "force"))) {
        reply_error(x, "ERR syntax error");
        return;
    }
    const struct admin what = {.node = node_id(s->node)};
    submit(s, x, ADMIN_TRANSFER, &what);
}
