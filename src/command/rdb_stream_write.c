/* rdb_stream_write.c -- streams as payloads: a listpack for each node, then what the stream and its
 * groups know. Of deleted entries nothing is left, so that none are told. */

#include "base/panic.h"
#include "command/rdb_blob.h"
#include "command/rdb_parts.h"
#include "command/stream_group.h"

#define ENTRY_SAME_NAMES 2

/* --- nodes ------------------------------------------------------------------------------------ */

struct entry {
    struct stream_id id;
    uint32_t words;      /* names and values */
    struct reader pairs; /* in front of the first */
};

static bool next_entry(struct object_cursor *cursor, struct entry *e)
{
    struct bytes subkey, value;
    if (!object_next(cursor, &subkey, &value))
        return false;
    e->id = stream_id_decode(subkey);
    reader_init(&e->pairs, value);
    e->words = reader_le32(&e->pairs);
    return true;
}

static struct bytes next_word(struct reader *r)
{
    return reader_bytes(r, reader_le32(r));
}

/* Whether the entry has the names of its node, in their order. */
static bool has_names(const struct entry *e, struct bytes names)
{
    struct reader pairs = e->pairs, expected;
    reader_init(&expected, names);
    for (uint32_t i = 0; i < e->words; i += 2) {
        if (reader_left(&expected) == 0 || !bytes_equal(next_word(&pairs), next_word(&expected)))
            return false;
        next_word(&pairs);
    }
    return reader_left(&expected) == 0;
}

struct listpack {
    struct buf bytes;
    uint64_t count;
};

static void put_number(struct listpack *l, uint64_t number)
{
    listpack_append_int64(&l->bytes, (int64_t)number);
    l->count++;
}

static void put_word(struct listpack *l, struct bytes word)
{
    listpack_append(&l->bytes, word);
    l->count++;
}

static void put_head(struct listpack *l, const struct stream_node *n)
{
    struct reader names;
    uint64_t count = 0;
    for (reader_init(&names, n->names); reader_left(&names) > 0; count++)
        next_word(&names);
    put_number(l, n->count);
    put_number(l, 0);
    put_number(l, count);
    for (reader_init(&names, n->names); reader_left(&names) > 0;)
        put_word(l, next_word(&names));
    put_number(l, 0);
}

static void put_entry(struct listpack *l, const struct stream_node *n, const struct entry *e)
{
    const bool same = has_names(e, n->names);
    const uint32_t count = e->words / 2;
    struct reader pairs = e->pairs;
    put_number(l, same ? ENTRY_SAME_NAMES : 0);
    put_number(l, e->id.ms - n->first.ms);
    put_number(l, e->id.seq - n->first.seq);
    if (!same)
        put_number(l, count);
    for (uint32_t i = 0; i < e->words; i++) {
        const struct bytes word = next_word(&pairs);
        if (!same || i % 2 == 1)
            put_word(l, word);
    }
    put_number(l, same ? (uint64_t)count + 3 : 2 * (uint64_t)count + 4);
    CHECK(!pairs.failed);
}

/* The node and its entries, which come next from the cursor. */
static void put_node(const struct stream_node *n, struct object_cursor *entries, struct buf *out)
{
    struct listpack l = {.bytes = {0}};
    struct entry e;
    uint8_t key[STREAM_ID_SIZE];
    listpack_begin(&l.bytes);
    put_head(&l, n);
    for (uint32_t i = 0; i < n->count; i++) {
        const bool is_there = next_entry(entries, &e);
        CHECK(is_there);
        put_entry(&l, n, &e);
    }
    listpack_end(&l.bytes, l.count);
    rdb_put_string(out, stream_id_encode(n->first, key));
    rdb_put_string(out, buf_bytes(&l.bytes));
    buf_clear(&l.bytes);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void put_id_lengths(struct buf *out, struct stream_id id)
{
    rdb_put_length(out, id.ms);
    rdb_put_length(out, id.seq);
}

/* Pending ones: of the group with what is known of them, of a consumer their ids alone. */
static void put_pending(struct object *o, const struct stream_group *g,
                        const struct stream_consumer *c, struct buf *out)
{
    struct pending_cursor cursor;
    struct stream_pending p;
    rdb_put_length(out, c == NULL ? g->pending : c->pending);
    pending_walk(o, g, c == NULL ? 0 : c->number, STREAM_ID_MIN, &cursor);
    while (pending_next(&cursor, &p)) {
        uint8_t key[STREAM_ID_SIZE];
        buf_append_bytes(out, stream_id_encode(p.id, key));
        if (c == NULL) {
            buf_append_le64(out, (uint64_t)p.delivered_ms);
            rdb_put_length(out, (uint64_t)p.deliveries);
        }
    }
    pending_walk_end(&cursor);
}

static void put_group(struct object *o, const struct stream_group *g, struct buf *out)
{
    struct consumer_cursor cursor;
    struct stream_consumer c;
    rdb_put_string(out, g->name);
    put_id_lengths(out, g->last);
    rdb_put_length(out, (uint64_t)g->entries_read);
    put_pending(o, g, NULL, out);
    rdb_put_length(out, g->consumer_count);
    consumer_walk(o, g, &cursor);
    while (consumer_next(&cursor, &c)) {
        rdb_put_string(out, c.name);
        buf_append_le64(out, c.seen_ms);
        put_pending(o, g, &c, out);
    }
    consumer_walk_end(&cursor);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_nodes(struct object *o, struct buf *out)
{
    struct object_cursor nodes, entries;
    struct stream_node n;
    object_seek(o, &nodes, SPACE_NODE, BYTES_NONE, FORWARD);
    object_seek(o, &entries, SPACE_ENTRY, BYTES_NONE, FORWARD);
    while (stream_node_next(&nodes, &n))
        put_node(&n, &entries, out);
    object_cursor_close(&entries);
    object_cursor_close(&nodes);
}

void rdb_put_stream(struct object *o, struct buf *out)
{
    struct stream s;
    struct object_cursor cursor;
    struct stream_group g;
    stream_facts(o, &s);
    rdb_put_length(out, s.node_count);
    put_nodes(o, out);
    rdb_put_length(out, object_count(o));
    put_id_lengths(out, s.last);
    put_id_lengths(out, s.first);
    put_id_lengths(out, s.max_deleted);
    rdb_put_length(out, s.added);
    rdb_put_length(out, s.group_count);
    group_walk(o, &cursor);
    while (group_next(&cursor, &g))
        put_group(o, &g, out);
    object_cursor_close(&cursor);
}
