#include "server/acl.h"

#include <stdlib.h>

#include "base/panic.h"
#include "server/local.h"
#include "server/server.h"

#define SAME_MS 60000  /* refusals no further apart may be one entry, as in Redis */
#define SAME_LOOKED 10 /* entries that are looked at for that */
#define VISITOR_NAME_MAX 256 /* bytes: a stranger chooses it, and needs no connection that stays */

/* --- the log ---------------------------------------------------------------------------------- */

void acl_log_init(struct acl_log *l)
{
    *l = (struct acl_log){0};
    queue_init(&l->entries);
}

static void drop(struct acl_log *l, struct queue_node *node)
{
    struct acl_log_entry *entry = container_of(node, struct acl_log_entry, node);
    queue_remove(node);
    buf_clear(&entry->object);
    buf_clear(&entry->user);
    buf_clear(&entry->client);
    free(entry);
    l->count--;
}

void acl_log_clear(struct acl_log *l)
{
    while (!queue_is_empty(&l->entries))
        drop(l, queue_first(&l->entries));
}

static bool is_same(const struct acl_log_entry *entry, const struct acl_log_entry *wanted)
{
    const uint64_t apart_ms = wanted->changed_ms - MIN(wanted->changed_ms, entry->changed_ms);
    return entry->reason == wanted->reason && strcmp(entry->context, wanted->context) == 0 &&
           apart_ms <= SAME_MS &&
           bytes_equal(buf_bytes(&entry->object), buf_bytes(&wanted->object)) &&
           bytes_equal(buf_bytes(&entry->user), buf_bytes(&wanted->user));
}

static struct acl_log_entry *find_same(struct acl_log *l, const struct acl_log_entry *wanted)
{
    struct queue_node *node = queue_first(&l->entries);
    for (int i = 0; node != NULL && i < SAME_LOOKED; i++, node = queue_next(&l->entries, node)) {
        struct acl_log_entry *entry = container_of(node, struct acl_log_entry, node);
        if (is_same(entry, wanted))
            return entry;
    }
    return NULL;
}

/* wanted has reason, context, object, user and client, which are taken. */
static void add(struct server *s, struct acl_log_entry *wanted)
{
    struct acl_log *l = &s->acl_log;
    wanted->changed_ms = s->now_ms;
    struct acl_log_entry *entry = find_same(l, wanted);
    if (entry != NULL) {
        buf_clear(&wanted->object);
        buf_clear(&wanted->user);
        queue_remove(&entry->node);
        buf_clear(&entry->client);
        entry->client = wanted->client;
        entry->changed_ms = wanted->changed_ms;
    } else {
        entry = xmalloc(sizeof(*entry));
        *entry = *wanted;
        l->count++;
    }
    entry->count++;
    queue_push_front(&l->entries, &entry->node);
    while (l->count > (uint64_t)s->config.acllog_max_len)
        drop(l, queue_last(&l->entries));
}

void acl_log_command(struct conn *c, const struct exec *x, const struct acl_denial *denial)
{
    const bool in_multi = x->in_exec || c->session.in_multi;
    struct acl_log_entry entry = {
        .reason = denial->verdict,
        .context = x->in_script ? "lua" : in_multi ? "multi" : "toplevel"};
    const struct acl_user *u = conn_user(c);
    char name[COMMAND_NAME_MAX];
    const struct command *command =
        x->command->flags & CMD_UNLISTED ? command_container(x->command) : x->command;
    buf_append_bytes(&entry.object, denial->verdict == ACL_NO_COMMAND
                                        ? command_full_name(command, name)
                                        : x->args[denial->position]);
    if (u != NULL)
        buf_append_bytes(&entry.user, u->name);
    client_describe(c, &entry.client);
    add(c->server, &entry);
}

void acl_log_login(struct conn *c, const struct exec *x, struct bytes user)
{
    struct acl_log_entry entry = {.reason = ACL_NO_LOGIN,
                                  .context = x->in_exec ? "multi" : "toplevel"};
    buf_append_bytes(&entry.object, x->args[0]);
    buf_append_bytes(&entry.user, user);
    client_describe(c, &entry.client);
    add(c->server, &entry);
}

void acl_log_visitor(struct server *s, struct bytes user, const char *address)
{
    struct acl_log_entry entry = {.reason = ACL_NO_LOGIN, .context = "toplevel"};
    buf_append_string(&entry.object, "HTTP");
    buf_append_bytes(&entry.user, bytes_of(user.data, MIN(user.size, VISITOR_NAME_MAX)));
    buf_printf(&entry.client, "addr=%s name=http", address);
    add(s, &entry);
}

/* --- who is it -------------------------------------------------------------------------------- */

const struct acl_user *conn_user(const struct conn *c)
{
    return acl_user_by_id(c->server->acl, c->session.user);
}

bool conn_login(struct conn *c, struct bytes user, struct bytes password)
{
    const struct acl_user *u = acl_user_by_name(c->server->acl, user);
    if (u == NULL || !acl_user_opens(u, password))
        return false;
    c->session.user = u->id;
    c->session.is_authenticated = true;
    return true;
}

bool acl_permits(struct conn *c, const struct command *command, const struct bytes *args,
                 uint32_t arg_count, struct buf *why_not)
{
    const struct exec x = {.command = command, .args = args, .arg_count = arg_count,
                           .arena = &c->server->arena};
    struct acl_denial denial;
    if (c->session.user == ACL_NODE_USER || acl_check(conn_user(c), &x, &denial))
        return true;
    acl_log_command(c, &x, &denial);
    acl_denial_text(&denial, command, why_not);
    return false;
}

bool acl_is_open(const struct server *s)
{
    const struct acl_user *u = acl_user_by_id(s->acl, ACL_DEFAULT_USER);
    return u->is_on && u->has_no_password;
}

/* Whether it may still hear all that it listens to. */
static bool may_listen(struct conn *c, const struct acl_user *u)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        const struct queue *subscriptions = &c->subscriber.subscriptions[kind];
        struct queue_node *node = queue_first(subscriptions);
        for (; node != NULL; node = queue_next(subscriptions, node)) {
            const struct subscription *s = container_of(node, struct subscription, in_conn);
            if (!acl_allows_channel(u, topic_name(s->topic), kind == TOPIC_PATTERN))
                return false;
        }
    }
    return true;
}

void server_acl_turn(struct server *s)
{
    const uint64_t version = acl_version(s->acl);
    if (s->acl_version == version)
        return;
    s->acl_version = version;
    struct queue_node *next, *node = queue_first(&s->conns);
    for (; node != NULL; node = next) {
        struct conn *c = container_of(node, struct conn, node);
        next = queue_next(&s->conns, node);
        if (c->session.user == ACL_NODE_USER)
            continue;
        const struct acl_user *u = conn_user(c);
        if (u != NULL && (acl_user_is_free(u) || may_listen(c, u)))
            continue;
        if (c->out.size > 0 && c->blocked == NULL) /* it may have done that itself */
            conn_finish(c);
        else
            conn_close(c, u == NULL ? "its user was deleted" : "lost the right to its channels");
    }
}
