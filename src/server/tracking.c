#include "server/tracking.h"

#include <stdlib.h>

#include "base/panic.h"
#include "command/keyspec.h"
#include "resp/resp_write.h"
#include "server/server.h"

#define EVICTIONS_PER_TURN 100 /* keys forgotten at once when the table is over its limit */

struct tracked_key {
    struct dict_node node;
    uint64_t *ids; /* rising */
    uint32_t count, capacity, size;
    char name[];
};

/* A key that was changed under a prefix, and by whom last (0: by nobody of this node). */
struct changed_key {
    struct dict_node node;
    uint64_t by;
    uint32_t size;
    char name[];
};

struct prefix {
    struct queue_node node; /* in tracking.prefixes */
    struct queue uses;
    struct dict changed;
    uint32_t size;
    char text[];
};

struct prefix_use {
    struct queue_node in_prefix, in_conn;
    struct conn *conn;
    struct prefix *prefix;
};

static struct bytes tracked_name(const struct dict_node *node)
{
    const struct tracked_key *key = container_of(node, struct tracked_key, node);
    return bytes_of(key->name, key->size);
}

static struct bytes changed_name(const struct dict_node *node)
{
    const struct changed_key *key = container_of(node, struct changed_key, node);
    return bytes_of(key->name, key->size);
}

void tracking_init(struct tracking *t)
{
    *t = (struct tracking){0};
    dict_init(&t->keys, tracked_name);
    queue_init(&t->prefixes);
}

void tracker_init(struct tracker *t)
{
    *t = (struct tracker){0};
    queue_init(&t->prefixes);
}

static void key_free(struct tracking *t, struct tracked_key *key)
{
    dict_remove(&t->keys, &key->node);
    t->items -= key->count;
    free(key->ids);
    free(key);
}

static void forget_keys(struct tracking *t)
{
    struct dict_node *node = dict_first(&t->keys), *next;
    for (; node != NULL; node = next) {
        next = dict_next(&t->keys, node);
        key_free(t, container_of(node, struct tracked_key, node));
    }
    dict_clear(&t->keys);
}

void tracking_clear(struct tracking *t)
{
    CHECK(queue_is_empty(&t->prefixes));
    forget_keys(t);
}

/* --- on and off ------------------------------------------------------------------------------- */

static struct bytes prefix_text(const struct prefix *p)
{
    return bytes_of(p->text, p->size);
}

static void forget_changed(struct prefix *p)
{
    struct dict_node *node = dict_first(&p->changed), *next;
    for (; node != NULL; node = next) {
        next = dict_next(&p->changed, node);
        dict_remove(&p->changed, node);
        free(container_of(node, struct changed_key, node));
    }
}

static struct prefix *prefix_need(struct tracking *t, struct bytes text)
{
    struct queue_node *node = queue_first(&t->prefixes);
    for (; node != NULL; node = queue_next(&t->prefixes, node)) {
        struct prefix *p = container_of(node, struct prefix, node);
        if (bytes_equal(prefix_text(p), text))
            return p;
    }
    if (t->prefix_count >= TRACKING_PREFIXES_MAX)
        return NULL;
    struct prefix *p = xcalloc(1, sizeof(*p) + text.size);
    p->size = (uint32_t)text.size;
    if (text.size > 0)
        memcpy(p->text, text.data, text.size);
    queue_init(&p->uses);
    dict_init(&p->changed, changed_name);
    queue_push_back(&t->prefixes, &p->node);
    t->prefix_count++;
    return p;
}

static void use_end(struct tracking *t, struct prefix_use *use)
{
    struct prefix *p = use->prefix;
    queue_remove(&use->in_prefix);
    queue_remove(&use->in_conn);
    free(use);
    if (!queue_is_empty(&p->uses))
        return;
    forget_changed(p);
    dict_clear(&p->changed);
    queue_remove(&p->node);
    t->prefix_count--;
    free(p);
}

static bool use_prefix(struct conn *c, struct bytes text)
{
    struct prefix *p = prefix_need(&c->server->tracking, text);
    if (p == NULL)
        return false;
    const struct queue *own = &c->tracker.prefixes;
    struct queue_node *node = queue_first(own);
    for (; node != NULL; node = queue_next(own, node))
        if (container_of(node, struct prefix_use, in_conn)->prefix == p)
            return true;
    struct prefix_use *use = xmalloc(sizeof(*use));
    *use = (struct prefix_use){.conn = c, .prefix = p};
    queue_push_back(&p->uses, &use->in_prefix);
    queue_push_back(&c->tracker.prefixes, &use->in_conn);
    return true;
}

bool tracking_on(struct conn *c, const struct tracking_options *options)
{
    struct tracker *t = &c->tracker;
    if (!t->is_on)
        c->server->tracking.clients++;
    t->is_on = true;
    t->is_bcast = options->is_bcast;
    t->is_optin = options->is_optin;
    t->is_optout = options->is_optout;
    t->is_noloop = options->is_noloop;
    t->is_broken = false;
    t->redirect = options->redirect;
    if (!t->is_bcast)
        return true;
    bool fits = options->prefix_count > 0 || use_prefix(c, BYTES_NONE);
    for (size_t i = 0; i < options->prefix_count && fits; i++)
        fits = use_prefix(c, options->prefixes[i]);
    return fits;
}

void tracking_off(struct conn *c)
{
    struct tracker *t = &c->tracker;
    struct queue_node *node;
    while ((node = queue_first(&t->prefixes)) != NULL)
        use_end(&c->server->tracking, container_of(node, struct prefix_use, in_conn));
    if (t->is_on)
        c->server->tracking.clients--;
    tracker_init(t);
}

bool tracking_prefix(const struct conn *c, size_t n, struct bytes *prefix)
{
    const struct queue *own = &c->tracker.prefixes;
    struct queue_node *node = queue_first(own);
    for (size_t i = 0; i < n && node != NULL; i++)
        node = queue_next(own, node);
    if (node == NULL)
        return false;
    *prefix = prefix_text(container_of(node, struct prefix_use, in_conn)->prefix);
    return true;
}

struct bytes tracking_overlap(const struct conn *c, struct bytes prefix, bool *found)
{
    struct bytes own = BYTES_NONE;
    *found = false;
    for (size_t i = 0; !*found && tracking_prefix(c, i, &own); i++)
        *found = bytes_has_prefix(own, prefix) || bytes_has_prefix(prefix, own);
    return *found ? own : BYTES_NONE;
}

/* --- reads ------------------------------------------------------------------------------------ */

static void note_reader(struct tracking *t, struct tracked_key *key, uint64_t id)
{
    uint32_t low = 0, high = key->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (key->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < key->count && key->ids[low] == id)
        return;
    if (key->count == key->capacity) {
        key->capacity = MAX(2, 2 * key->capacity);
        key->ids = xrealloc(key->ids, key->capacity * sizeof(*key->ids));
    }
    memmove(key->ids + low + 1, key->ids + low, (key->count - low) * sizeof(*key->ids));
    key->ids[low] = id;
    key->count++;
    t->items++;
}

static void remember(struct tracking *t, struct bytes name, uint64_t id)
{
    struct dict_node *node = dict_find(&t->keys, name);
    if (node == NULL) {
        struct tracked_key *key = xcalloc(1, sizeof(*key) + name.size);
        key->size = (uint32_t)name.size;
        if (name.size > 0)
            memcpy(key->name, name.data, name.size);
        node = &key->node;
        dict_add(&t->keys, node);
    }
    note_reader(t, container_of(node, struct tracked_key, node), id);
}

void tracking_dispatched(struct conn *c, const char *name)
{
    if (!c->session.in_multi && strncmp(name, "client", 6) != 0)
        c->tracker.caching = false;
}

void tracking_begins(struct server *s, const struct exec *x)
{
    const struct conn *c = x->client;
    const struct tracker *t = &c->tracker;
    if (!t->is_on || t->is_bcast || !(x->command->flags & CMD_READ) ||
        strcmp(x->command->group, "scripting") == 0)
        return;
    const bool given = s->replying != NULL && s->replying->conn == c && s->replying->caching;
    if ((t->is_optin && !given) || (t->is_optout && given))
        return;
    /* A script that reads is taken to have read all keys it declares, as in Redis. */
    const struct exec *asked = x->in_script ? x->script : x;
    struct key_list keys;
    if (!keyspec_extract(asked->command, asked->args, asked->arg_count, asked->arena, &keys))
        return;
    for (size_t i = 0; i < keys.count; i++)
        remember(&s->tracking, asked->args[keys.keys[i].position], c->id);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* c (or to whom it redirects) is told; value: an array of keys or a null, as RESP. */
static void tell(struct conn *c, struct bytes value)
{
    struct server *s = c->server;
    struct conn *to = c;
    struct buf message = {0};
    if (c->tracker.redirect != 0) {
        to = conn_by_id(s, c->tracker.redirect);
        if (to == NULL) {
            c->tracker.is_broken = true;
            to = c;
            if (c->session.protocol == RESP3) {
                resp_push(&message, RESP3, 2);
                resp_bulk(&message, BYTES("tracking-redir-broken"));
                resp_int64(&message, (int64_t)c->tracker.redirect);
            }
            value = BYTES_NONE;
        }
    }
    if (value.size > 0 && to->session.protocol == RESP3) {
        resp_push(&message, RESP3, 2);
        resp_bulk(&message, BYTES("invalidate"));
    } else if (value.size > 0 && to != c && pubsub_is_subscriber(to)) {
        resp_push(&message, RESP2, 3);
        resp_bulk(&message, BYTES("message"));
        resp_bulk(&message, BYTES("__redis__:invalidate"));
    } else {
        value = BYTES_NONE; /* RESP2 has no pushes */
    }
    buf_append_bytes(&message, value);
    if (message.size > 0)
        conn_push(to, buf_bytes(&message));
    buf_clear(&message);
}

/* Tells all who may hold the key; by: who changed it. */
static void invalidate(struct server *s, struct tracked_key *key, const struct conn *by)
{
    struct buf value = {0};
    resp_array(&value, 1);
    resp_bulk(&value, bytes_of(key->name, key->size));
    for (uint32_t i = 0; i < key->count; i++) {
        struct conn *c = conn_by_id(s, key->ids[i]);
        if (c == NULL || !c->tracker.is_on || c->tracker.is_bcast ||
            (c->tracker.is_noloop && c == by))
            continue;
        tell(c, buf_bytes(&value));
    }
    buf_clear(&value);
    key_free(&s->tracking, key);
}

static void note_changed(struct prefix *p, struct bytes name, uint64_t by)
{
    struct dict_node *node = dict_find(&p->changed, name);
    if (node == NULL) {
        struct changed_key *key = xcalloc(1, sizeof(*key) + name.size);
        key->size = (uint32_t)name.size;
        if (name.size > 0)
            memcpy(key->name, name.data, name.size);
        node = &key->node;
        dict_add(&p->changed, node);
    }
    container_of(node, struct changed_key, node)->by = by;
}

void tracking_changed(struct server *s, const struct exec *x, const struct key_change *change)
{
    struct tracking *t = &s->tracking;
    const struct conn *by = x->client;
    if (change->event_class == EVENT_KEY_MISS)
        return;
    const struct queue_node *node = queue_first(&t->prefixes);
    for (; node != NULL; node = queue_next(&t->prefixes, node)) {
        struct prefix *p = container_of(node, struct prefix, node);
        if (!bytes_has_prefix(change->key, prefix_text(p)))
            continue;
        note_changed(p, change->key, by == NULL ? 0 : by->id);
        t->is_due = true;
    }
    struct dict_node *found = dict_find(&t->keys, change->key);
    if (found != NULL)
        invalidate(s, container_of(found, struct tracked_key, node), by);
}

void tracking_flushed(struct server *s)
{
    forget_keys(&s->tracking); /* also what those read who track no more */
    const struct queue_node *node = s->tracking.clients == 0 ? NULL : queue_first(&s->conns);
    for (; node != NULL; node = queue_next(&s->conns, node)) {
        struct conn *c = container_of(node, struct conn, node);
        struct buf null = {0};
        resp_null(&null, c->session.protocol == RESP3 ? RESP3 : RESP2);
        if (c->tracker.is_on)
            tell(c, buf_bytes(&null));
        buf_clear(&null);
    }
}

/* The keys changed under p, but for those that the client not_by changed last (0: all). */
static size_t write_changed(const struct prefix *p, uint64_t not_by, struct buf *to)
{
    size_t count = 0;
    buf_reset(to);
    const size_t at = resp_defer(to);
    const struct dict_node *node = dict_first(&p->changed);
    for (; node != NULL; node = dict_next(&p->changed, node)) {
        const struct changed_key *key = container_of(node, struct changed_key, node);
        if (not_by != 0 && key->by == not_by)
            continue;
        resp_bulk(to, bytes_of(key->name, key->size));
        count++;
    }
    resp_defer_end(to, at, RESP2, RESP_ARRAY, count);
    return count;
}

static void tell_prefix(struct prefix *p)
{
    struct buf all = {0}, others = {0};
    if (p->changed.count == 0)
        return;
    write_changed(p, 0, &all);
    const struct queue_node *node = queue_first(&p->uses);
    for (; node != NULL; node = queue_next(&p->uses, node)) {
        struct conn *c = container_of(node, struct prefix_use, in_prefix)->conn;
        if (!c->tracker.is_noloop)
            tell(c, buf_bytes(&all));
        else if (write_changed(p, c->id, &others) > 0)
            tell(c, buf_bytes(&others));
    }
    buf_clear(&all);
    buf_clear(&others);
    forget_changed(p);
}

/* Whoever may hold a key that we forget is told as if it had changed. */
static void limit_keys(struct server *s)
{
    struct tracking *t = &s->tracking;
    const uint64_t max = (uint64_t)s->config.tracking_table_max_keys;
    size_t left = EVICTIONS_PER_TURN;
    while (max > 0 && t->keys.count > max && left-- > 0) {
        struct dict_node *node = dict_near(&t->keys, s->now_us * 2654435761u + left);
        invalidate(s, container_of(node, struct tracked_key, node), NULL);
    }
}

void tracking_turn(struct server *s)
{
    limit_keys(s);
    if (!s->tracking.is_due)
        return;
    s->tracking.is_due = false;
    const struct queue_node *node = queue_first(&s->tracking.prefixes);
    for (; node != NULL; node = queue_next(&s->tracking.prefixes, node))
        tell_prefix(container_of(node, struct prefix, node));
}
