/* waiters_index.c -- who waits for what, in memory. */

#include "machine/waiters.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"

#define LINK_COST 64 /* bytes that a key of a request counts for */

void waiters_init(struct waiters *w)
{
    *w = (struct waiters){0};
    table_init(&w->names, offsetof(struct waiter, name_bytes));
    table_init(&w->keys, offsetof(struct waited, key));
    queue_init(&w->all);
    queue_init(&w->readers);
    queue_init(&w->ready);
}

void waiters_clear(struct waiters *w)
{
    struct waited *key;
    struct queue_node *node;
    while ((key = waiters_take_ready(w)) != NULL)
        waiters_served(w, key);
    waiters_remove_all(w);
    while ((node = queue_first(&w->readers)) != NULL)
        waiters_remove(w, container_of(node, struct waiter, node));
    CHECK(w->keys.count == 0);
    table_clear(&w->names);
    table_clear(&w->keys);
    buf_clear(&w->joined);
}

/* --- keys ------------------------------------------------------------------------------------- */

static struct waited *find_key(const struct waiters *w, struct bytes key)
{
    struct node **slot = table_find(&w->keys, key, table_hash(key));
    return slot == NULL ? NULL : container_of(*slot, struct waited, by_key);
}

static struct bytes join_key(struct buf *to, uint32_t db, struct bytes name)
{
    CHECK(db < DATABASES_MAX);
    buf_reset(to);
    buf_append_u8(to, (uint8_t)db);
    buf_append_bytes(to, name);
    return buf_bytes(to);
}

static struct waited *need_key(struct waiters *w, struct bytes key)
{
    struct waited *k = find_key(w, key);
    if (k != NULL)
        return k;
    k = xcalloc(1, sizeof(*k) + key.size);
    k->by_key.key_size = (uint32_t)key.size;
    memcpy(k->key, key.data, key.size);
    queue_init(&k->links);
    queue_init(&k->readers);
    table_insert(&w->keys, &k->by_key, table_hash(key));
    return k;
}

static void take_out(struct table *t, const struct node *node)
{
    const struct bytes key = table_key(t, node);
    const uint32_t hash = table_hash(key);
    struct node **slot = table_find(t, key, hash);
    CHECK(slot != NULL);
    CHECK(*slot == node);
    table_remove(t, hash, slot);
}

/* Nobody waits for it and nobody holds it: it goes. */
static void let_go(struct waiters *w, struct waited *k)
{
    if (k->is_ready || k->is_busy || !queue_is_empty(&k->links) || !queue_is_empty(&k->readers))
        return;
    CHECK(k->gone_count == 0);
    take_out(&w->keys, &k->by_key);
    free(k);
}

/* --- origins ---------------------------------------------------------------------------------- */

static struct waiting_origin *find_origin(struct waiters *w, uint64_t node, uint64_t boot)
{
    for (uint32_t i = 0; i < w->origin_count; i++)
        if (w->origins[i].node == node && w->origins[i].boot == boot)
            return &w->origins[i];
    return NULL;
}

static void count_in(struct waiters *w, const struct waiter *waiter)
{
    struct waiting_origin *o = find_origin(w, waiter->origin, waiter->boot);
    if (o == NULL) {
        CHECK(w->origin_count < WAITERS_ORIGINS_MAX);
        o = &w->origins[w->origin_count++];
        *o = (struct waiting_origin){waiter->origin, waiter->boot, 0};
    }
    o->count++;
    w->count++;
    w->bytes += waiter->bytes;
}

static void count_out(struct waiters *w, const struct waiter *waiter)
{
    struct waiting_origin *o = find_origin(w, waiter->origin, waiter->boot);
    CHECK(o != NULL);
    CHECK(o->count > 0);
    if (--o->count == 0)
        *o = w->origins[--w->origin_count];
    w->count--;
    w->bytes -= waiter->bytes;
}

/* --- waiters ---------------------------------------------------------------------------------- */

static uint64_t cost(const struct waiter_row *row, size_t row_size)
{
    return row_size + (uint64_t)row->count * LINK_COST;
}

bool waiters_have_room(const struct waiters *w, const struct waiter_row *row, size_t row_size)
{
    const bool is_known = find_origin((struct waiters *)w, row->origin, row->boot) != NULL;
    return w->count < WAITERS_MAX && w->bytes + cost(row, row_size) <= WAITERS_BYTES_MAX &&
           (is_known || w->origin_count < WAITERS_ORIGINS_MAX);
}

static void link_key(struct waiters *w, struct waiter *waiter, struct bytes joined)
{
    struct waited *k = need_key(w, joined);
    struct queue *of_key = waiter->is_reader ? &k->readers : &k->links;
    struct queue_node *last = queue_last(of_key);
    if (last != NULL && container_of(last, struct waiter_link, node)->waiter == waiter)
        return; /* the same key twice */
    struct waiter_link *link = &waiter->links[waiter->link_count++];
    *link = (struct waiter_link){.waiter = waiter, .key = k};
    queue_push_back(of_key, &link->node);
    k->gone_count += !waiter->is_reader && waiter->wants_gone;
}

static void link_keys(struct waiters *w, struct waiter *waiter, const struct waiter_row *row)
{
    for (uint32_t i = 0; i < row->count; i++)
        link_key(w, waiter,
                 join_key(&w->joined, row->request.db, row->request.args[row->first + i]));
}

static struct waiter *waiter_new(const struct waiter_row *row)
{
    CHECK(row->count > 0);
    struct waiter *waiter = xcalloc(1, sizeof(*waiter) + row->count * sizeof(waiter->links[0]));
    waiter->type = row->type;
    waiter->wants_gone = row->wants_gone;
    return waiter;
}

struct waiter *waiters_insert_reader(struct waiters *w, const struct waiter_row *row)
{
    struct waiter *waiter = waiter_new(row);
    waiter->is_reader = true;
    request_encode(&waiter->request, &row->request);
    queue_push_back(&w->readers, &waiter->node);
    link_keys(w, waiter, row);
    return waiter;
}

struct waiter *waiters_insert(struct waiters *w, const struct waiter_row *row, size_t row_size)
{
    const struct waiter *last = queue_is_empty(&w->all)
                                    ? NULL
                                    : container_of(queue_last(&w->all), struct waiter, node);
    CHECK(last == NULL || last->name < row->name);
    struct waiter *waiter = waiter_new(row);
    waiter->name = row->name;
    waiter->origin = row->origin;
    waiter->boot = row->boot;
    waiter->client = row->client;
    waiter->bytes = cost(row, row_size);
    put_be64(waiter->name_bytes, row->name);
    waiter->by_name.key_size = sizeof(waiter->name_bytes);
    table_insert(&w->names, &waiter->by_name,
                 table_hash(bytes_of(waiter->name_bytes, sizeof(waiter->name_bytes))));
    queue_push_back(&w->all, &waiter->node);

    link_keys(w, waiter, row);
    count_in(w, waiter);
    return waiter;
}

static void forget_name(struct waiters *w, const struct waiter *waiter)
{
    take_out(&w->names, &waiter->by_name);
    count_out(w, waiter);
}

void waiters_remove(struct waiters *w, struct waiter *waiter)
{
    if (!waiter->is_reader)
        forget_name(w, waiter);
    for (uint32_t i = 0; i < waiter->link_count; i++) {
        struct waiter_link *link = &waiter->links[i];
        queue_remove(&link->node);
        link->key->gone_count -= !waiter->is_reader && waiter->wants_gone;
        let_go(w, link->key);
    }
    queue_remove(&waiter->node);
    buf_clear(&waiter->request);
    free(waiter);
}

void waiters_remove_all(struct waiters *w)
{
    struct waiter *waiter;
    while ((waiter = waiters_first(w)) != NULL)
        waiters_remove(w, waiter);
}

struct waiter *waiters_find(const struct waiters *w, uint64_t name)
{
    uint8_t key[8];
    put_be64(key, name);
    const struct bytes bytes = bytes_of(key, sizeof(key));
    struct node **slot = table_find(&w->names, bytes, table_hash(bytes));
    return slot == NULL ? NULL : container_of(*slot, struct waiter, by_name);
}

struct waiter *waiters_first(const struct waiters *w)
{
    struct queue_node *node = queue_first(&w->all);
    return node == NULL ? NULL : container_of(node, struct waiter, node);
}

struct waiter *waiters_next(const struct waiters *w, const struct waiter *waiter)
{
    struct queue_node *node = queue_next(&w->all, &waiter->node);
    return node == NULL ? NULL : container_of(node, struct waiter, node);
}

/* --- keys that are ready ---------------------------------------------------------------------- */

static void note(struct waiters *w, struct waited *k)
{
    if (k->is_ready)
        return;
    k->is_ready = true;
    queue_push_back(&w->ready, &k->ready_node);
}

void waiters_note(struct waiters *w, uint32_t db, struct bytes name, bool gone)
{
    if (w->keys.count == 0)
        return;
    struct waited *k = find_key(w, join_key(&w->joined, db, name));
    if (k != NULL && (!gone || k->gone_count > 0))
        note(w, k);
}

static void note_keys(struct waiters *w, const struct waiter *waiter, int64_t db)
{
    for (uint32_t i = 0; i < waiter->link_count; i++)
        if (db < 0 || waited_db(waiter->links[i].key) == db)
            note(w, waiter->links[i].key);
}

void waiters_note_all(struct waiters *w, int64_t db)
{
    for (struct waiter *waiter = waiters_first(w); waiter != NULL;
         waiter = waiters_next(w, waiter))
        note_keys(w, waiter, db);
    waiters_note_readers(w);
}

void waiters_note_readers(struct waiters *w)
{
    struct queue_node *node = queue_first(&w->readers);
    for (; node != NULL; node = queue_next(&w->readers, node))
        note_keys(w, container_of(node, struct waiter, node), -1);
}

struct waited *waiters_take_ready(struct waiters *w)
{
    struct queue_node *node = queue_pop_front(&w->ready);
    if (node == NULL)
        return NULL;
    struct waited *k = container_of(node, struct waited, ready_node);
    k->is_ready = false;
    k->is_busy = true;
    return k;
}

void waiters_served(struct waiters *w, struct waited *k)
{
    k->is_busy = false;
    let_go(w, k);
}
