/* rdb_stream_read.c -- streams in payloads, and from there into rows.
 *
 * A node is a listpack: a head, then entries, whose ids are told by their distance from the node's.
 *
 *     count deleted  name-count names 0
 *     { flags ms seq [name-count] { [name] value } size }  names: where they are not the head's */

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "command/rdb_blob.h"
#include "command/rdb_parts.h"
#include "command/rdb_stream.h"

#define ENTRY_DELETED 1
#define ENTRY_SAME_NAMES 2
#define SIZE_BYTES 4 /* in front of a name or value of a row */

/* Room for one more element behind count, which it grows by. */
#define ADD_ONE(s, array, what) \
    (grow((void **)&(s)->array, &(s)->what##_capacity, (s)->what##_count, sizeof(*(s)->array)), \
     &(s)->array[(s)->what##_count++])

static void grow(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return;
    *capacity = MAX(2 * *capacity, 16);
    *array = xrealloc(*array, *capacity * size);
}

static bool may_have_more(struct rdb_source *source)
{
    const struct rdb_stream *s = source->value->stream;
    const uint64_t rows = (uint64_t)s->entry_count + s->node_count + s->group_count +
                          s->consumer_count + s->pending_count;
    return rows < source->limits->elements_max || rdb_give_up(source, RDB_TOO_MANY);
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* A node while it is read. */
struct node_source {
    struct rdb_source *source;
    struct blob blob;
    struct stream_node *node;
    struct bytes *names; /* of the head; memory of the request */
    uint64_t name_count;
    struct stream_id previous; /* the last entry's id, deleted or not */
    uint64_t entries, deleted;
};

static bool corrupt_unless(struct node_source *n, bool right)
{
    return rdb_corrupt_unless(n->source, right);
}

static bool next_number(struct node_source *n, int64_t *number)
{
    struct blob_element e;
    if (!corrupt_unless(n, blob_next(&n->blob, &e)) || !corrupt_unless(n, e.is_number))
        return false;
    *number = e.number;
    return true;
}

/* A count of elements that are still to come, hence at most as many as there are bytes left. */
static bool next_count(struct node_source *n, uint64_t *count)
{
    int64_t number;
    if (!next_number(n, &number) ||
        !corrupt_unless(n, number >= 0 && (uint64_t)number <= reader_left(&n->blob.left)))
        return false;
    *count = (uint64_t)number;
    return true;
}

/* The next element as text; of a number its digits. */
static bool next_text(struct node_source *n, char digits[static INT64_DIGITS], struct bytes *text)
{
    struct blob_element e;
    if (!corrupt_unless(n, blob_next(&n->blob, &e)))
        return false;
    *text = e.is_number ? bytes_from_int64(e.number, digits) : e.text;
    return true;
}

static void append_sized(struct buf *to, struct bytes b)
{
    CHECK(b.size <= UINT32_MAX);
    buf_append_le32(to, (uint32_t)b.size);
    buf_append_bytes(to, b);
}

/* Copies what a row or the names of a node are made of into memory of the request. */
static bool keep(struct node_source *n, const struct buf *b, struct bytes *kept)
{
    uint8_t *memory;
    if (!rdb_unpack(n->source, b->size, &memory))
        return false;
    if (b->size > 0)
        memcpy(memory, buf_data(b), b->size);
    *kept = bytes_of(memory, b->size);
    return true;
}

static bool read_head(struct node_source *n, struct buf *names)
{
    int64_t count, deleted, zero;
    char digits[INT64_DIGITS];
    if (!next_number(n, &count) || !next_number(n, &deleted))
        return false;
    const size_t counts = n->blob.bytes.size - reader_left(&n->blob.left);
    if (!next_count(n, &n->name_count))
        return false;
    if (!corrupt_unless(n, count >= 0 && count <= UINT32_MAX) ||
        !corrupt_unless(n, deleted >= 0 && deleted <= UINT32_MAX))
        return false;
    n->node->count = (uint32_t)count;
    n->node->deleted = (uint32_t)deleted;
    n->node->bytes = n->blob.bytes.size - counts - 1; /* without the end's mark */
    for (uint64_t i = 0; i < n->name_count; i++) {
        struct bytes name;
        if (!next_text(n, digits, &name))
            return false;
        append_sized(names, name);
    }
    return next_number(n, &zero) && corrupt_unless(n, zero == 0) &&
           keep(n, names, &n->node->names);
}

static bool read_id(struct node_source *n, struct stream_id *id)
{
    int64_t ms, seq;
    if (!next_number(n, &ms) || !next_number(n, &seq))
        return false;
    id->ms = n->node->first.ms + (uint64_t)ms; /* distances may be negative: modulo 2^64 */
    id->seq = n->node->first.seq + (uint64_t)seq;
    const bool right = n->entries == 0 ? stream_id_compare(*id, n->node->first) >= 0
                                       : stream_id_compare(*id, n->previous) > 0;
    n->previous = *id;
    return corrupt_unless(n, right);
}

/* Names and values of an entry in turn, as in its row. */
static bool read_pairs(struct node_source *n, bool same_names, uint64_t count, struct buf *row)
{
    char digits[INT64_DIGITS];
    struct reader names;
    reader_init(&names, n->node->names);
    buf_append_le32(row, (uint32_t)(2 * count));
    for (uint64_t i = 0; i < count; i++) {
        struct bytes text;
        if (same_names)
            text = reader_bytes(&names, reader_le32(&names));
        else if (!next_text(n, digits, &text))
            return false;
        append_sized(row, text);
        if (!next_text(n, digits, &text))
            return false;
        append_sized(row, text);
        if (row->size > n->source->limits->unpacked_max)
            return rdb_give_up(n->source, RDB_TOO_LARGE);
    }
    return true;
}

static bool read_entry(struct node_source *n, struct buf *row)
{
    int64_t flags, size;
    struct stream_id id;
    uint64_t count = n->name_count;
    if (!next_number(n, &flags) || !read_id(n, &id))
        return false;
    const bool same_names = flags & ENTRY_SAME_NAMES;
    if (!corrupt_unless(n, (flags & ~(ENTRY_DELETED | ENTRY_SAME_NAMES)) == 0) ||
        (!same_names && !next_count(n, &count)) || !read_pairs(n, same_names, count, row) ||
        !next_number(n, &size) ||
        !corrupt_unless(n, (uint64_t)size == (same_names ? count + 3 : 2 * count + 4)))
        return false;
    n->entries++;
    if (flags & ENTRY_DELETED) {
        n->deleted++;
        return true;
    }
    if (!may_have_more(n->source))
        return false;
    struct rdb_entry *e = ADD_ONE(n->source->value->stream, entries, entry);
    e->id = n->node->last = id;
    return keep(n, row, &e->row);
}

static bool read_listpack(struct node_source *n)
{
    struct buf scratch = {0};
    bool right = read_head(n, &scratch);
    while (right && !blob_at_end(&n->blob)) {
        buf_reset(&scratch);
        right = read_entry(n, &scratch);
    }
    buf_clear(&scratch);
    n->node->last = n->previous;
    return right && corrupt_unless(n, blob_is_whole(&n->blob)) &&
           corrupt_unless(n, n->deleted == n->node->deleted) &&
           corrupt_unless(n, n->entries - n->deleted == n->node->count);
}

static bool read_node(struct rdb_source *source)
{
    struct rdb_stream *s = source->value->stream;
    struct bytes key, listpack;
    if (!may_have_more(source) || !rdb_read_string(source, &key) ||
        !rdb_corrupt_unless(source, key.size == STREAM_ID_SIZE) ||
        !rdb_read_string(source, &listpack))
        return false;
    struct stream_node node = {.first = stream_id_decode(key)};
    struct node_source n = {.source = source, .node = &node};
    if (!rdb_corrupt_unless(source, s->node_count == 0 ||
                            stream_id_compare(node.first, s->nodes[s->node_count - 1].last) > 0))
        return false;
    blob_open(&n.blob, BLOB_LISTPACK, listpack);
    if (!read_listpack(&n))
        return false;
    if (node.count > 0) /* Redis has no others */
        *ADD_ONE(s, nodes, node) = node;
    return true;
}

/* --- groups ----------------------------------------------------------------------------------- */

static bool read_id_lengths(struct rdb_source *source, struct stream_id *id)
{
    return rdb_read_length(source, &id->ms) && rdb_read_length(source, &id->seq);
}

static bool read_raw_id(struct rdb_source *source, struct stream_id *id)
{
    const struct bytes raw = reader_bytes(&source->bytes, STREAM_ID_SIZE);
    if (!rdb_corrupt_unless(source, !source->bytes.failed))
        return false;
    *id = stream_id_decode(raw);
    return true;
}

static bool read_group_pending(struct rdb_source *source, struct rdb_group *g)
{
    struct rdb_stream *s = source->value->stream;
    uint64_t count;
    if (!rdb_read_length(source, &count))
        return false;
    g->first_pending = s->pending_count;
    for (; count > 0; count--, g->pending_count++) {
        struct rdb_pending p = {.consumer = SIZE_MAX};
        uint64_t deliveries;
        if (!may_have_more(source) || !read_raw_id(source, &p.id))
            return false;
        p.delivered_ms = (int64_t)reader_le64(&source->bytes);
        if (!rdb_read_length(source, &deliveries) ||
            !rdb_corrupt_unless(source, g->pending_count == 0 ||
                                stream_id_compare(p.id, s->pending[s->pending_count - 1].id) > 0))
            return false;
        p.deliveries = (int64_t)deliveries;
        *ADD_ONE(s, pending, pending) = p;
    }
    return true;
}

static int compare_pending(const void *key, const void *element)
{
    return stream_id_compare(*(const struct stream_id *)key,
                             ((const struct rdb_pending *)element)->id);
}

/* Each id that a consumer has is one of its group's, and nobody else's. */
static bool read_consumer_pending(struct rdb_source *source, const struct rdb_group *g)
{
    struct rdb_stream *s = source->value->stream;
    uint64_t count;
    if (!rdb_read_length(source, &count))
        return false;
    for (; count > 0; count--) {
        struct stream_id id;
        if (!read_raw_id(source, &id) || !rdb_corrupt_unless(source, g->pending_count > 0))
            return false;
        struct rdb_pending *p = bsearch(&id, s->pending + g->first_pending, g->pending_count,
                                        sizeof(*p), compare_pending);
        if (!rdb_corrupt_unless(source, p != NULL) ||
            !rdb_corrupt_unless(source, p->consumer == SIZE_MAX))
            return false;
        p->consumer = s->consumer_count - 1;
    }
    return true;
}

static bool read_consumers(struct rdb_source *source, struct rdb_group *g)
{
    struct rdb_stream *s = source->value->stream;
    uint64_t count;
    if (!rdb_read_length(source, &count))
        return false;
    g->first_consumer = s->consumer_count;
    for (; count > 0; count--, g->consumer_count++) {
        struct rdb_consumer c;
        if (!may_have_more(source) || !rdb_read_string(source, &c.name))
            return false;
        const bool is_behind =
            g->consumer_count == 0 ||
            bytes_compare(s->consumers[s->consumer_count - 1].name, c.name) < 0;
        if (!rdb_corrupt_unless(source, is_behind))
            return false;
        c.seen_ms = reader_le64(&source->bytes);
        *ADD_ONE(s, consumers, consumer) = c;
        if (!read_consumer_pending(source, g))
            return false;
    }
    return true;
}

static bool has_owners(const struct rdb_stream *s, const struct rdb_group *g)
{
    for (size_t i = 0; i < g->pending_count; i++)
        if (s->pending[g->first_pending + i].consumer == SIZE_MAX)
            return false;
    return true;
}

static bool read_group(struct rdb_source *source, bool second_form)
{
    struct rdb_stream *s = source->value->stream;
    struct rdb_group g = {.has_entries_read = second_form};
    uint64_t entries_read = 0;
    if (!may_have_more(source) || !rdb_read_string(source, &g.name) ||
        !rdb_corrupt_unless(source, s->group_count == 0 ||
                            bytes_compare(s->groups[s->group_count - 1].name, g.name) < 0) ||
        !read_id_lengths(source, &g.last) ||
        (second_form && !rdb_read_length(source, &entries_read)) ||
        !read_group_pending(source, &g) || !read_consumers(source, &g) ||
        !rdb_corrupt_unless(source, has_owners(s, &g)))
        return false;
    g.entries_read = (int64_t)entries_read;
    *ADD_ONE(s, groups, group) = g;
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool read_facts(struct rdb_source *source, bool second_form)
{
    struct rdb_stream *s = source->value->stream;
    const bool has_entries = s->entry_count > 0;
    const struct stream_id first_there = has_entries ? s->entries[0].id : STREAM_ID_MIN;
    struct stream_id first = first_there, last = first_there;
    uint64_t length;
    if (!rdb_read_length(source, &length) || !read_id_lengths(source, &s->last))
        return false;
    s->added = length;
    if (second_form && (!read_id_lengths(source, &first) ||
                        !read_id_lengths(source, &s->max_deleted) ||
                        !rdb_read_length(source, &s->added)))
        return false;
    if (has_entries)
        last = s->nodes[s->node_count - 1].last;
    return rdb_corrupt_unless(source, length == s->entry_count) &&
           rdb_corrupt_unless(source, stream_id_compare(first, first_there) == 0) &&
           rdb_corrupt_unless(source, stream_id_compare(last, s->last) <= 0);
}

bool rdb_read_stream(struct rdb_source *source, bool second_form)
{
    source->value->stream = xcalloc(1, sizeof(*source->value->stream));
    uint64_t count;
    if (!rdb_read_length(source, &count))
        return false;
    for (; count > 0; count--)
        if (!read_node(source))
            return false;
    if (!read_facts(source, second_form) || !rdb_read_length(source, &count))
        return false;
    for (; count > 0; count--)
        if (!read_group(source, second_form))
            return false;
    return true;
}

void rdb_stream_free(struct rdb_stream *s)
{
    if (s == NULL)
        return;
    free(s->nodes);
    free(s->entries);
    free(s->groups);
    free(s->consumers);
    free(s->pending);
    free(s);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void restore_group(const struct rdb_stream *from, const struct rdb_group *r,
                          struct stream *s)
{
    struct stream_group g = {.name = r->name, .last = r->last, .entries_read = r->entries_read};
    if (!r->has_entries_read)
        g.entries_read = stream_entries_up_to(s, r->last);
    group_create(s, &g);
    uint64_t *numbers = xmalloc(r->consumer_count * sizeof(*numbers));
    for (size_t i = 0; i < r->consumer_count; i++) {
        const struct rdb_consumer *c = &from->consumers[r->first_consumer + i];
        numbers[i] = consumer_create(s, &g, c->name, c->seen_ms);
    }
    for (size_t i = 0; i < r->pending_count; i++) {
        const struct rdb_pending *p = &from->pending[r->first_pending + i];
        const struct stream_pending row = {.id = p->id, .delivered_ms = p->delivered_ms,
                                           .deliveries = p->deliveries,
                                           .consumer = numbers[p->consumer - r->first_consumer]};
        pending_put(s, &g, NULL, &row);
    }
    free(numbers);
    group_save(s, &g);
}

void rdb_stream_restore(const struct rdb_stream *from, struct stream *s)
{
    stream_create(s);
    s->last_node = STREAM_ID_MIN;
    for (size_t i = 0; i < from->node_count; i++) {
        struct stream_node n = from->nodes[i];
        n.before = s->last_node;
        stream_node_put(s, &n);
    }
    for (size_t i = 0; i < from->entry_count; i++) {
        uint8_t key[STREAM_ID_SIZE];
        object_put(&s->object, SPACE_ENTRY, stream_id_encode(from->entries[i].id, key),
                   from->entries[i].row);
    }
    s->node_count = from->node_count;
    s->first = from->entry_count > 0 ? from->entries[0].id : STREAM_ID_MIN;
    s->last = from->last;
    s->max_deleted = from->max_deleted;
    s->added = from->added;
    s->group_count = s->last_number = 0;
    for (size_t i = 0; i < from->group_count; i++)
        restore_group(from, &from->groups[i], s);
    stream_keep_facts(s);
}
