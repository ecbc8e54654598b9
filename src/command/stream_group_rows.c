/* stream_group_rows.c -- consumer groups as rows, and how far they have read. */

#include "command/stream_group.h"

#include "base/encode.h"
#include "base/panic.h"

#define NUMBER_MAX 9 /* bytes of a number in a subkey */
#define GROUP_SIZE 64
#define CONSUMER_SIZE 16
#define PENDING_SIZE 24

/* --- subkeys ---------------------------------------------------------------------------------- */

static size_t put_number(uint8_t *to, uint64_t number)
{
    uint8_t bytes[8];
    size_t leading = 0;
    put_be64(bytes, number);
    while (leading < 7 && bytes[leading] == 0)
        leading++;
    to[0] = (uint8_t)(8 - leading);
    memcpy(to + 1, bytes + leading, 8 - leading);
    return 1 + 8 - leading;
}

static size_t number_size(uint64_t number)
{
    uint8_t bytes[NUMBER_MAX];
    return put_number(bytes, number);
}

static bool has_number(struct bytes subkey, uint64_t number)
{
    uint8_t bytes[NUMBER_MAX];
    return bytes_has_prefix(subkey, bytes_of(bytes, put_number(bytes, number)));
}

#define NUMBERED_ID_MAX (NUMBER_MAX + STREAM_ID_SIZE)

static struct bytes numbered_id(uint8_t key[static NUMBERED_ID_MAX], uint64_t number,
                                struct stream_id id)
{
    const size_t size = put_number(key, number);
    stream_id_encode(id, key + size);
    return bytes_of(key, size + STREAM_ID_SIZE);
}

static struct bytes numbered_name(struct buf *key, uint64_t number, struct bytes name)
{
    buf_commit(key, put_number(buf_reserve(key, NUMBER_MAX), number));
    buf_append_bytes(key, name);
    return buf_bytes(key);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void group_decode(struct bytes value, struct stream_group *g)
{
    CHECK(value.size == GROUP_SIZE);
    const uint8_t *from = bytes_data(value);
    g->last = stream_id_decode(bytes_of(from, STREAM_ID_SIZE));
    g->entries_read = (int64_t)get_le64(from + 16);
    g->number = get_le64(from + 24);
    g->pending = get_le64(from + 32);
    g->consumer_count = get_le64(from + 40);
    g->lowest = stream_id_decode(bytes_of(from + 48, STREAM_ID_SIZE));
    g->lowest_is_gone = false;
    g->tally_of = 0;
    g->tally = 0;
}

bool group_find(struct stream *s, struct bytes name, struct stream_group *g)
{
    struct bytes value;
    if (s->group_count == 0 || !object_get(&s->object, SPACE_GROUP, name, &value))
        return false;
    group_decode(value, g);
    g->name = name;
    return true;
}

void group_create(struct stream *s, struct stream_group *g)
{
    g->number = ++s->last_number;
    g->lowest = STREAM_ID_MIN;
    g->lowest_is_gone = false;
    g->pending = g->consumer_count = g->tally_of = 0;
    g->tally = 0;
    s->group_count++;
}

/* Adds the tally to the row of its consumer. */
static void settle(struct stream *s, struct stream_group *g)
{
    if (g->tally == 0)
        return;
    uint8_t key[NUMBER_MAX];
    const struct bytes subkey = bytes_of(key, put_number(key, g->tally_of));
    struct bytes value;
    struct buf changed = {0};
    const bool is_there = object_get(&s->object, SPACE_CONSUMER, subkey, &value);
    CHECK(is_there);
    buf_append_bytes(&changed, value);
    uint8_t *pending = buf_data(&changed) + 8;
    put_le64(pending, get_le64(pending) + (uint64_t)g->tally);
    object_put(&s->object, SPACE_CONSUMER, subkey, buf_bytes(&changed));
    buf_clear(&changed);
    g->tally = 0;
}

/* change pending ones more, of the group and of consumer. */
static void count_pending(struct stream *s, struct stream_group *g, uint64_t consumer, int change)
{
    if (g->tally_of != consumer)
        settle(s, g);
    g->tally_of = consumer;
    g->tally += change;
}

void group_save(struct stream *s, struct stream_group *g)
{
    uint8_t value[GROUP_SIZE];
    struct stream_pending first;
    settle(s, g);
    if (g->lowest_is_gone && pending_first(&s->object, g, &first))
        g->lowest = first.id;
    stream_id_encode(g->last, value);
    put_le64(value + 16, (uint64_t)g->entries_read);
    put_le64(value + 24, g->number);
    put_le64(value + 32, g->pending);
    put_le64(value + 40, g->consumer_count);
    stream_id_encode(g->lowest, value + 48);
    object_put(&s->object, SPACE_GROUP, g->name, bytes_of(value, sizeof(value)));
}

/* Deletes the rows of a space under number; returns how many there were. */
static uint64_t delete_numbered(struct stream *s, uint8_t space, uint64_t number)
{
    uint8_t key[NUMBER_MAX];
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t count = 0;
    object_seek(&s->object, &cursor, space, bytes_of(key, put_number(key, number)), FORWARD);
    while (object_next(&cursor, &subkey, &value) && has_number(subkey, number)) {
        const bool was_there = object_del(&s->object, space, subkey);
        CHECK(was_there);
        count++;
    }
    object_cursor_close(&cursor);
    return count;
}

void group_destroy(struct stream *s, struct stream_group *g)
{
    struct consumer_cursor cursor;
    struct stream_consumer c;
    settle(s, g);
    const uint64_t pending = delete_numbered(s, SPACE_PENDING, g->number);
    CHECK(pending == g->pending);
    consumer_walk(&s->object, g, &cursor);
    while (consumer_next(&cursor, &c)) {
        uint8_t key[NUMBER_MAX];
        delete_numbered(s, SPACE_PENDING_BY_CONSUMER, c.number);
        object_del(&s->object, SPACE_CONSUMER, bytes_of(key, put_number(key, c.number)));
    }
    consumer_walk_end(&cursor);
    delete_numbered(s, SPACE_CONSUMER_NAME, g->number);
    object_del(&s->object, SPACE_GROUP, g->name);
    CHECK(s->group_count > 0);
    s->group_count--;
}

void group_walk(struct object *o, struct object_cursor *cursor)
{
    object_seek(o, cursor, SPACE_GROUP, BYTES_NONE, FORWARD);
}

bool group_next(struct object_cursor *cursor, struct stream_group *g)
{
    struct bytes value;
    if (!object_next(cursor, &g->name, &value))
        return false;
    group_decode(value, g);
    return true;
}

/* --- how far a group is ----------------------------------------------------------------------- */

/* Whether entries behind id, up to which a group has read, may have been deleted by XDEL. */
static bool has_holes_behind(const struct stream *s, struct stream_id id)
{
    if (object_count(&s->object) == 0 || stream_id_compare(s->max_deleted, STREAM_ID_MIN) == 0)
        return false;
    return stream_id_compare(s->first, s->max_deleted) <= 0 &&
           stream_id_compare(id, s->max_deleted) <= 0;
}

int64_t stream_entries_up_to(const struct stream *s, struct stream_id id)
{
    const int64_t added = (int64_t)s->added, count = (int64_t)object_count(&s->object);
    const int to_last = stream_id_compare(id, s->last);
    if (added == 0)
        return 0;
    if (to_last == 0 || (count == 0 && to_last < 0))
        return added;
    if (to_last > 0)
        return ENTRIES_READ_UNKNOWN;
    if (stream_id_compare(s->max_deleted, STREAM_ID_MIN) != 0 &&
        stream_id_compare(s->max_deleted, s->first) >= 0)
        return ENTRIES_READ_UNKNOWN;
    const int to_first = stream_id_compare(id, s->first);
    return to_first > 0 ? ENTRIES_READ_UNKNOWN : added - count + (to_first == 0);
}

void group_advance(const struct stream *s, struct stream_group *g, struct stream_id id)
{
    CHECK(stream_id_compare(id, g->last) > 0);
    if (g->entries_read != ENTRIES_READ_UNKNOWN && !has_holes_behind(s, id))
        g->entries_read = (int64_t)((uint64_t)g->entries_read + 1); /* ENTRIESREAD: any number */
    else if (s->added > 0)
        g->entries_read = stream_entries_up_to(s, id);
    g->last = id;
}

bool group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag)
{
    int64_t read = g->entries_read;
    *lag = 0;
    if (s->added == 0)
        return true;
    if (read == ENTRIES_READ_UNKNOWN || has_holes_behind(s, g->last))
        read = stream_entries_up_to(s, g->last);
    if (read == ENTRIES_READ_UNKNOWN)
        return false;
    *lag = (int64_t)(s->added - (uint64_t)read);
    return true;
}

/* --- consumers -------------------------------------------------------------------------------- */

void consumer_get(struct object *o, uint64_t number, struct stream_consumer *c)
{
    uint8_t key[NUMBER_MAX];
    struct bytes value;
    const bool is_there = object_get(o, SPACE_CONSUMER,
                                     bytes_of(key, put_number(key, number)), &value);
    CHECK(is_there);
    CHECK(value.size >= CONSUMER_SIZE);
    c->number = number;
    c->seen_ms = get_le64(value.data);
    c->pending = get_le64(bytes_data(value) + 8);
    c->name = bytes_from(value, CONSUMER_SIZE);
}

static bool find_number(struct object *o, const struct stream_group *g, struct bytes name,
                        uint64_t *number)
{
    struct buf key = {0};
    struct bytes value;
    const bool is_there = object_get(o, SPACE_CONSUMER_NAME,
                                     numbered_name(&key, g->number, name), &value);
    buf_clear(&key);
    if (!is_there)
        return false;
    CHECK(value.size == 8);
    *number = get_le64(value.data);
    return true;
}

bool consumer_find(struct object *o, const struct stream_group *g, struct bytes name,
                   struct stream_consumer *c)
{
    uint64_t number;
    if (!find_number(o, g, name, &number))
        return false;
    consumer_get(o, number, c);
    return true;
}

static void put_consumer(struct stream *s, const struct stream_consumer *c)
{
    uint8_t key[NUMBER_MAX];
    struct buf value = {0};
    buf_append_le64(&value, c->seen_ms);
    buf_append_le64(&value, c->pending);
    buf_append_bytes(&value, c->name);
    object_put(&s->object, SPACE_CONSUMER, bytes_of(key, put_number(key, c->number)),
               buf_bytes(&value));
    buf_clear(&value);
}

uint64_t consumer_create(struct stream *s, struct stream_group *g, struct bytes name,
                         uint64_t now_ms)
{
    const struct stream_consumer c = {
        .name = name, .number = ++s->last_number, .seen_ms = now_ms};
    uint8_t number[8];
    struct buf key = {0};
    put_le64(number, c.number);
    const bool is_new = object_put(&s->object, SPACE_CONSUMER_NAME,
                                   numbered_name(&key, g->number, name), bytes_of(number, 8));
    CHECK(is_new);
    buf_clear(&key);
    put_consumer(s, &c);
    g->consumer_count++;
    return c.number;
}

uint64_t consumer_touch(struct stream *s, struct stream_group *g, struct bytes name,
                        uint64_t now_ms, bool *created)
{
    struct stream_consumer c;
    *created = !consumer_find(&s->object, g, name, &c);
    if (*created)
        return consumer_create(s, g, name, now_ms);
    c.seen_ms = now_ms;
    put_consumer(s, &c);
    return c.number;
}

void consumer_destroy(struct stream *s, struct stream_group *g, const struct stream_consumer *c)
{
    const uint64_t number = c->number;
    struct pending_cursor cursor;
    struct stream_pending p;
    struct buf key = {0};
    uint8_t id_key[NUMBERED_ID_MAX], consumer_key[NUMBER_MAX];
    object_del(&s->object, SPACE_CONSUMER_NAME, numbered_name(&key, g->number, c->name));
    buf_clear(&key);
    pending_walk(&s->object, g, number, STREAM_ID_MIN, &cursor);
    while (pending_next(&cursor, &p)) {
        object_del(&s->object, SPACE_PENDING, numbered_id(id_key, g->number, p.id));
        object_del(&s->object, SPACE_PENDING_BY_CONSUMER, numbered_id(id_key, number, p.id));
        CHECK(g->pending > 0);
        g->pending--;
    }
    pending_walk_end(&cursor);
    g->lowest_is_gone = true;
    object_del(&s->object, SPACE_CONSUMER,
               bytes_of(consumer_key, put_number(consumer_key, number)));
    CHECK(g->consumer_count > 0);
    g->consumer_count--;
}

void consumer_walk(struct object *o, const struct stream_group *g, struct consumer_cursor *cursor)
{
    uint8_t key[NUMBER_MAX];
    cursor->object = o;
    cursor->group = g->number;
    object_seek(o, &cursor->rows, SPACE_CONSUMER_NAME,
                bytes_of(key, put_number(key, g->number)), FORWARD);
}

bool consumer_next(struct consumer_cursor *cursor, struct stream_consumer *c)
{
    struct bytes subkey, value;
    if (!object_next(&cursor->rows, &subkey, &value) || !has_number(subkey, cursor->group))
        return false;
    CHECK(value.size == 8);
    consumer_get(cursor->object, get_le64(value.data), c);
    return true;
}

void consumer_walk_end(struct consumer_cursor *cursor)
{
    object_cursor_close(&cursor->rows);
}

/* --- pending ---------------------------------------------------------------------------------- */

static void pending_decode(struct bytes value, struct stream_pending *p)
{
    CHECK(value.size == PENDING_SIZE);
    p->consumer = get_le64(value.data);
    p->delivered_ms = (int64_t)get_le64(bytes_data(value) + 8);
    p->deliveries = (int64_t)get_le64(bytes_data(value) + 16);
}

bool pending_find(struct object *o, const struct stream_group *g, struct stream_id id,
                  struct stream_pending *p)
{
    uint8_t key[NUMBERED_ID_MAX];
    struct bytes value;
    if (!object_get(o, SPACE_PENDING, numbered_id(key, g->number, id), &value))
        return false;
    p->id = id;
    pending_decode(value, p);
    return true;
}

void pending_put(struct stream *s, struct stream_group *g, const struct stream_pending *old,
                 const struct stream_pending *p)
{
    uint8_t key[NUMBERED_ID_MAX], value[PENDING_SIZE];
    struct object *o = &s->object;
    put_le64(value, p->consumer);
    put_le64(value + 8, (uint64_t)p->delivered_ms);
    put_le64(value + 16, (uint64_t)p->deliveries);
    object_put(o, SPACE_PENDING, numbered_id(key, g->number, p->id),
               bytes_of(value, sizeof(value)));
    if (old == NULL) {
        if (g->pending == 0 || stream_id_compare(p->id, g->lowest) < 0)
            g->lowest = p->id;
        g->pending++;
    }
    if (old != NULL && old->consumer == p->consumer)
        return;
    if (old != NULL) {
        object_del(o, SPACE_PENDING_BY_CONSUMER, numbered_id(key, old->consumer, p->id));
        count_pending(s, g, old->consumer, -1);
    }
    object_put(o, SPACE_PENDING_BY_CONSUMER, numbered_id(key, p->consumer, p->id), BYTES_NONE);
    count_pending(s, g, p->consumer, 1);
}

void pending_delete(struct stream *s, struct stream_group *g, const struct stream_pending *p)
{
    uint8_t key[NUMBERED_ID_MAX];
    object_del(&s->object, SPACE_PENDING_BY_CONSUMER, numbered_id(key, p->consumer, p->id));
    object_del(&s->object, SPACE_PENDING, numbered_id(key, g->number, p->id));
    CHECK(g->pending > 0);
    g->pending--;
    g->lowest_is_gone |= stream_id_compare(p->id, g->lowest) == 0;
    count_pending(s, g, p->consumer, -1);
}

static bool pending_edge(struct object *o, const struct stream_group *g, struct stream_id from,
                         enum direction direction, struct stream_pending *p)
{
    uint8_t key[NUMBERED_ID_MAX];
    struct object_cursor cursor;
    struct bytes subkey, value;
    if (g->pending == 0)
        return false;
    object_seek(o, &cursor, SPACE_PENDING, numbered_id(key, g->number, from), direction);
    const bool found = object_next(&cursor, &subkey, &value) && has_number(subkey, g->number);
    CHECK(found);
    p->id = stream_id_decode(bytes_from(subkey, number_size(g->number)));
    pending_decode(value, p);
    object_cursor_close(&cursor);
    return true;
}

bool pending_first(struct object *o, const struct stream_group *g, struct stream_pending *p)
{
    return pending_edge(o, g, g->lowest, FORWARD, p);
}

bool pending_last(struct object *o, const struct stream_group *g, struct stream_pending *p)
{
    return pending_edge(o, g, STREAM_ID_MAX, BACKWARD, p);
}

void pending_walk(struct object *o, const struct stream_group *g, uint64_t consumer,
                  struct stream_id from, struct pending_cursor *cursor)
{
    uint8_t key[NUMBERED_ID_MAX];
    struct stream_consumer c;
    cursor->object = o;
    cursor->group = g;
    cursor->consumer = consumer;
    cursor->left = UINT64_MAX;
    if (stream_id_compare(from, g->lowest) <= 0) {
        from = g->lowest;
        cursor->left = g->pending;
        if (consumer != 0) {
            consumer_get(o, consumer, &c);
            cursor->left = c.pending;
        }
    }
    object_seek(o, &cursor->rows, consumer != 0 ? SPACE_PENDING_BY_CONSUMER : SPACE_PENDING,
                numbered_id(key, consumer != 0 ? consumer : g->number, from), FORWARD);
}

bool pending_next(struct pending_cursor *cursor, struct stream_pending *p)
{
    const bool of_consumer = cursor->consumer != 0;
    const uint64_t number = of_consumer ? cursor->consumer : cursor->group->number;
    struct bytes subkey, value;
    if (cursor->left == 0 || !object_next(&cursor->rows, &subkey, &value) ||
        !has_number(subkey, number))
        return false;
    cursor->left--;
    p->id = stream_id_decode(bytes_from(subkey, number_size(number)));
    if (!of_consumer) {
        pending_decode(value, p);
        return true;
    }
    const bool is_there = pending_find(cursor->object, cursor->group, p->id, p);
    CHECK(is_there);
    CHECK(p->consumer == number);
    return true;
}

void pending_walk_end(struct pending_cursor *cursor)
{
    object_cursor_close(&cursor->rows);
}

/* --- for all ---------------------------------------------------------------------------------- */

int64_t idle_since(const struct exec *x, int64_t then_ms)
{
    const int64_t now = (int64_t)keyspace_now(x->keyspace);
    return now > then_ms ? now - then_ms : 0;
}

/* Pieces with their sizes. */
static void append_sized(struct buf *to, struct bytes b)
{
    buf_append_le64(to, b.size);
    buf_append_bytes(to, b);
}

static void append_id(struct buf *to, struct stream_id id)
{
    buf_append_be64(to, id.ms);
    buf_append_be64(to, id.seq);
}

static void portray_consumers(struct object *o, const struct stream_group *g, struct buf *fact,
                              stream_piece *piece, void *context)
{
    const size_t group_size = fact->size;
    struct consumer_cursor consumers;
    struct stream_consumer c;
    consumer_walk(o, g, &consumers);
    while (consumer_next(&consumers, &c)) {
        struct pending_cursor cursor;
        struct stream_pending p;
        append_sized(fact, c.name);
        const size_t consumer_size = fact->size;
        buf_append_le64(fact, c.seen_ms);
        piece(context, buf_bytes(fact));
        pending_walk(o, g, c.number, STREAM_ID_MIN, &cursor);
        while (pending_next(&cursor, &p)) {
            buf_truncate(fact, consumer_size);
            append_id(fact, p.id);
            buf_append_le64(fact, (uint64_t)p.delivered_ms);
            buf_append_le64(fact, (uint64_t)p.deliveries);
            piece(context, buf_bytes(fact));
        }
        pending_walk_end(&cursor);
        buf_truncate(fact, group_size);
    }
    consumer_walk_end(&consumers);
}

void stream_portray(struct object *o, stream_piece *piece, void *context)
{
    struct object_cursor cursor;
    struct stream_group g;
    struct buf fact = {0};
    piece(context, bytes_of(o->fields, STREAM_FACTS_SIZE));
    group_walk(o, &cursor);
    while (group_next(&cursor, &g)) {
        buf_reset(&fact);
        append_sized(&fact, g.name);
        const size_t name_size = fact.size;
        append_id(&fact, g.last);
        buf_append_le64(&fact, (uint64_t)g.entries_read);
        piece(context, buf_bytes(&fact));
        buf_truncate(&fact, name_size);
        portray_consumers(o, &g, &fact, piece, context);
    }
    object_cursor_close(&cursor);
    buf_clear(&fact);
}
