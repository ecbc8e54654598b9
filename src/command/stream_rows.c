/* stream_rows.c -- what a stream is made of: ids, entries, nodes. */

#include <inttypes.h>
#include <errno.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "command/settings.h"
#include "command/stream.h"

#define ID_TEXT_MAX 127 /* longer ones are none, in Redis */

/* --- ids -------------------------------------------------------------------------------------- */

int stream_id_compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

struct stream_id stream_id_max(struct stream_id a, struct stream_id b)
{
    return stream_id_compare(a, b) > 0 ? a : b;
}

bool stream_id_next(struct stream_id *id)
{
    if (stream_id_compare(*id, STREAM_ID_MAX) == 0)
        return false;
    if (++id->seq == 0)
        id->ms++;
    return true;
}

bool stream_id_previous(struct stream_id *id)
{
    if (stream_id_compare(*id, STREAM_ID_MIN) == 0)
        return false;
    if (id->seq-- == 0)
        id->ms--;
    return true;
}

struct bytes stream_id_encode(struct stream_id id, uint8_t key[static STREAM_ID_SIZE])
{
    put_be64(key, id.ms);
    put_be64(key + 8, id.seq);
    return bytes_of(key, STREAM_ID_SIZE);
}

struct stream_id stream_id_decode(struct bytes key)
{
    CHECK(key.size == STREAM_ID_SIZE);
    return (struct stream_id){get_be64(key.data), get_be64(bytes_data(key) + 8)};
}

void reply_stream_id(struct exec *x, struct stream_id id)
{
    char text[2 * INT64_DIGITS], digits[INT64_DIGITS];
    const struct bytes ms = bytes_from_uint64(id.ms, digits);
    memcpy(text, ms.data, ms.size);
    text[ms.size] = '-';
    const struct bytes seq = bytes_from_uint64(id.seq, digits);
    memcpy(text + ms.size + 1, seq.data, seq.size);
    reply_bulk(x, bytes_of(text, ms.size + 1 + seq.size));
}

/* As Redis's string2ull: what strtoull() takes, but not below zero. */
static bool text_to_uint64(const char *text, uint64_t *value)
{
    int64_t number;
    if (bytes_to_int64(bytes_from_string(text), &number)) {
        *value = (uint64_t)number;
        return number >= 0;
    }
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/* has_seq NULL: "ms-*" is no id. */
static bool parse_id(struct bytes b, uint64_t missing_seq, struct stream_id *id, bool *has_seq)
{
    char text[ID_TEXT_MAX + 1];
    if (b.size > ID_TEXT_MAX)
        return false;
    if (b.size > 0)
        memcpy(text, b.data, b.size);
    text[b.size] = '\0';
    if (strcmp(text, "-") == 0 || strcmp(text, "+") == 0)
        return false;
    if (has_seq != NULL)
        *has_seq = true;
    char *dash = strchr(text, '-');
    if (dash != NULL)
        *dash = '\0';
    if (!text_to_uint64(text, &id->ms))
        return false;
    id->seq = missing_seq;
    if (dash == NULL)
        return true;
    if (has_seq != NULL && strcmp(dash + 1, "*") == 0) {
        *has_seq = false;
        id->seq = 0;
        return true;
    }
    return text_to_uint64(dash + 1, &id->seq);
}

bool stream_id_parse(struct bytes text, uint64_t missing_seq, struct stream_id *id)
{
    return parse_id(text, missing_seq, id, NULL);
}

static bool id_or_error(struct exec *x, bool is_id)
{
    if (!is_id)
        reply_error(x, "ERR Invalid stream ID specified as stream command argument");
    return is_id;
}

bool arg_stream_id(struct exec *x, uint32_t n, struct stream_id *id)
{
    return id_or_error(x, parse_id(x->args[n], 0, id, NULL));
}

bool arg_new_stream_id(struct exec *x, uint32_t n, struct stream_id *id, bool *has_seq)
{
    return id_or_error(x, parse_id(x->args[n], 0, id, has_seq));
}

static bool arg_range_id(struct exec *x, uint32_t n, uint64_t missing_seq, struct stream_id *id,
                         bool *left_out)
{
    const struct bytes text = x->args[n];
    *left_out = text.size > 1 && *bytes_data(text) == '(';
    if (*left_out)
        return id_or_error(x, parse_id(bytes_from(text, 1), missing_seq, id, NULL));
    const bool is_min = bytes_equal(text, BYTES("-")), is_max = bytes_equal(text, BYTES("+"));
    if (is_min || is_max)
        *id = is_min ? STREAM_ID_MIN : STREAM_ID_MAX;
    return id_or_error(x, is_min || is_max || parse_id(text, missing_seq, id, NULL));
}

bool arg_range_start(struct exec *x, uint32_t n, struct stream_id *id)
{
    bool left_out;
    if (!arg_range_id(x, n, 0, id, &left_out))
        return false;
    if (!left_out || stream_id_next(id))
        return true;
    reply_error(x, "ERR invalid start ID for the interval");
    return false;
}

bool arg_range_end(struct exec *x, uint32_t n, struct stream_id *id)
{
    bool left_out;
    if (!arg_range_id(x, n, UINT64_MAX, id, &left_out))
        return false;
    if (!left_out || stream_id_previous(id))
        return true;
    reply_error(x, "ERR invalid end ID for the interval");
    return false;
}

/* --- the stream's own fields ------------------------------------------------------------------ */

#define FIELDS_SIZE 96

void stream_facts(const struct object *o, struct stream *s)
{
    CHECK(o->type == TYPE_STREAM);
    CHECK(o->fields_size == FIELDS_SIZE);
    s->last = stream_id_decode(bytes_of(o->fields, STREAM_ID_SIZE));
    s->max_deleted = stream_id_decode(bytes_of(o->fields + 16, STREAM_ID_SIZE));
    s->added = get_le64(o->fields + 32);
    s->node_count = get_le64(o->fields + 40);
    s->group_count = get_le64(o->fields + 48);
    s->last_number = get_le64(o->fields + 56);
    s->first = stream_id_decode(bytes_of(o->fields + 64, STREAM_ID_SIZE));
    s->last_node = stream_id_decode(bytes_of(o->fields + 80, STREAM_ID_SIZE));
}

void stream_keep_facts(struct stream *s)
{
    struct object *o = &s->object;
    CHECK(FIELDS_SIZE <= sizeof(o->fields));
    stream_id_encode(s->last, o->fields);
    stream_id_encode(s->max_deleted, o->fields + 16);
    put_le64(o->fields + 32, s->added);
    put_le64(o->fields + 40, s->node_count);
    put_le64(o->fields + 48, s->group_count);
    put_le64(o->fields + 56, s->last_number);
    stream_id_encode(s->first, o->fields + 64);
    stream_id_encode(s->last_node, o->fields + 80);
    o->fields_size = FIELDS_SIZE;
}

bool stream_open(struct exec *x, uint32_t n, struct stream *s)
{
    if (!open_key(x, n, TYPE_STREAM, &s->object))
        return false;
    s->first = s->last = s->max_deleted = s->last_node = STREAM_ID_MIN;
    s->added = s->node_count = s->group_count = s->last_number = 0;
    if (s->object.type != TYPE_NONE)
        stream_facts(&s->object, s);
    return true;
}

void stream_create(struct stream *s)
{
    object_create(&s->object, TYPE_STREAM, ENCODING_STREAM);
}

void stream_changed(struct exec *x, struct stream *s, const char *event)
{
    stream_keep_facts(s);
    changed(x, &s->object, EVENT_STREAM, event);
}

/* --- nodes ------------------------------------------------------------------------------------ */

#define NODE_SIZE 48
#define LISTPACK_HEAD 7
#define LISTPACK_MAX ((uint64_t)1 << 30)

static void node_decode(struct bytes subkey, struct bytes value, struct stream_node *n)
{
    CHECK(value.size >= NODE_SIZE);
    n->first = stream_id_decode(subkey);
    n->last = stream_id_decode(bytes_of(value.data, STREAM_ID_SIZE));
    n->bytes = get_le64(bytes_data(value) + 16);
    n->count = get_le32(bytes_data(value) + 24);
    n->deleted = get_le32(bytes_data(value) + 28);
    n->before = stream_id_decode(bytes_of(bytes_data(value) + 32, STREAM_ID_SIZE));
    n->names = bytes_from(value, NODE_SIZE);
}

void stream_node_put(struct stream *s, const struct stream_node *n)
{
    uint8_t key[STREAM_ID_SIZE];
    struct buf value = {0};
    uint8_t *to = buf_reserve(&value, NODE_SIZE + n->names.size);
    stream_id_encode(n->last, to);
    put_le64(to + 16, n->bytes);
    put_le32(to + 24, n->count);
    put_le32(to + 28, n->deleted);
    stream_id_encode(n->before, to + 32);
    buf_commit(&value, NODE_SIZE);
    buf_append_bytes(&value, n->names);
    object_put(&s->object, SPACE_NODE, stream_id_encode(n->first, key), buf_bytes(&value));
    buf_clear(&value);
    if (stream_id_compare(n->first, s->last_node) > 0)
        s->last_node = n->first;
}

bool stream_node_next(struct object_cursor *cursor, struct stream_node *n)
{
    struct bytes subkey, value;
    if (!object_next(cursor, &subkey, &value))
        return false;
    node_decode(subkey, value, n);
    return true;
}

static void node_keep(struct bytes subkey, struct bytes value, struct stream_node *n,
                      struct buf *row)
{
    buf_reset(row);
    buf_append_bytes(row, value);
    node_decode(subkey, buf_bytes(row), n);
}

/* The node in which entry id is or would be, from a copy of its row. */
static bool node_find(struct stream *s, struct stream_id id, struct stream_node *n,
                      struct buf *row)
{
    uint8_t key[STREAM_ID_SIZE];
    struct object_cursor cursor;
    struct bytes subkey, value;
    if (s->node_count == 0)
        return false;
    object_seek(&s->object, &cursor, SPACE_NODE, stream_id_encode(id, key), BACKWARD);
    const bool found = object_next(&cursor, &subkey, &value);
    if (found)
        node_keep(subkey, value, n, row);
    object_cursor_close(&cursor);
    return found;
}

static bool node_find_last(struct stream *s, struct stream_node *n, struct buf *row)
{
    uint8_t key[STREAM_ID_SIZE];
    struct bytes value;
    if (s->node_count == 0)
        return false;
    const struct bytes subkey = stream_id_encode(s->last_node, key);
    const bool found = object_get(&s->object, SPACE_NODE, subkey, &value);
    CHECK(found);
    node_keep(subkey, value, n, row);
    return true;
}

/* Where the last node goes, the one before it is found by its row, not by a walk over all that were
 * deleted between them. */
static void node_delete(struct stream *s, const struct stream_node *n)
{
    uint8_t key[STREAM_ID_SIZE];
    struct buf row = {0};
    struct stream_node before;
    object_del(&s->object, SPACE_NODE, stream_id_encode(n->first, key));
    CHECK(s->node_count > 0);
    s->node_count--;
    if (stream_id_compare(n->first, s->last_node) != 0)
        return;
    s->last_node = node_find(s, n->before, &before, &row) ? before.first : STREAM_ID_MIN;
    buf_clear(&row);
    CHECK(s->node_count == 0 || stream_id_compare(s->last_node, STREAM_ID_MIN) != 0);
}

/* Bytes of an element of a listpack that takes size bytes, with its length behind it. */
static uint64_t listpack_element(uint64_t size)
{
    const uint64_t back = size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 :
                          size < 268435455 ? 4 : 5;
    return size + back;
}

static uint64_t listpack_int(int64_t v)
{
    if (v >= 0 && v <= 127)
        return listpack_element(1);
    if (v >= -4096 && v <= 4095)
        return listpack_element(2);
    if (v >= INT16_MIN && v <= INT16_MAX)
        return listpack_element(3);
    if (v >= -8388608 && v <= 8388607)
        return listpack_element(4);
    return listpack_element(v >= INT32_MIN && v <= INT32_MAX ? 5 : 9);
}

static uint64_t listpack_string(struct bytes b)
{
    int64_t number;
    if (b.size < INT64_DIGITS && bytes_to_int64(b, &number))
        return listpack_int(number);
    return listpack_element(b.size + (b.size < 64 ? 1 : b.size < 4096 ? 2 : 5));
}

static uint64_t node_listpack_bytes(const struct stream_node *n)
{
    return LISTPACK_HEAD + listpack_int(n->count) + listpack_int(n->deleted) + n->bytes;
}

/* The pairs args[first] .. of a new entry. */
struct pairs {
    const struct bytes *args;
    uint32_t count; /* of words: twice the fields */
};

static uint8_t *put_sized(uint8_t *to, struct bytes b)
{
    put_le32(to, (uint32_t)b.size);
    if (b.size > 0)
        memcpy(to + 4, b.data, b.size);
    return to + 4 + b.size;
}

static size_t size_of_words(const struct pairs *p, uint32_t step)
{
    size_t size = 0;
    for (uint32_t i = 0; i < p->count; i += step)
        size += 4 + p->args[i].size;
    return size;
}

/* Whether names, of a node's row, are those of the pairs. */
static bool has_names(const struct pairs *p, struct bytes names)
{
    struct reader r;
    reader_init(&r, names);
    for (uint32_t i = 0; i < p->count; i += 2)
        if (!bytes_equal(reader_bytes(&r, reader_le32(&r)), p->args[i]) || r.failed)
            return false;
    return reader_left(&r) == 0;
}

/* Bytes of a new entry in the listpack of node n; same: its names are the node's. */
static uint64_t entry_listpack_bytes(const struct stream_node *n, struct stream_id id,
                                     const struct pairs *p, bool same)
{
    uint64_t bytes = listpack_int(0) + listpack_int((int64_t)(id.ms - n->first.ms)) +
                     listpack_int((int64_t)(id.seq - n->first.seq));
    const uint32_t fields = p->count / 2;
    if (!same)
        bytes += listpack_int(fields);
    for (uint32_t i = same ? 1 : 0; i < p->count; i += same ? 2 : 1)
        bytes += listpack_string(p->args[i]);
    return bytes + listpack_int(same ? fields + 3 : fields * 2 + 4);
}

static bool node_is_full(const struct exec *x, const struct stream_node *n, const struct pairs *p)
{
    const struct settings *set = x->settings;
    uint64_t bytes = node_listpack_bytes(n), bytes_max = set->stream_node_max_bytes;
    if (bytes_max == 0 || bytes_max > LISTPACK_MAX)
        bytes_max = LISTPACK_MAX;
    for (uint32_t i = 0; i < p->count; i++)
        bytes += p->args[i].size;
    return bytes >= bytes_max || (set->stream_node_max_entries > 0 &&
                                  n->count + n->deleted >= set->stream_node_max_entries);
}

static void node_begin(struct stream *s, struct stream_id id, const struct pairs *p,
                       struct stream_node *n, struct buf *names)
{
    const size_t size = size_of_words(p, 2);
    buf_reset(names);
    uint8_t *to = buf_reserve(names, size);
    for (uint32_t i = 0; i < p->count; i += 2)
        to = put_sized(to, p->args[i]);
    buf_commit(names, size);
    *n = (struct stream_node){.first = id, .before = s->last_node, .names = buf_bytes(names)};
    n->bytes = listpack_int(p->count / 2) + listpack_int(0);
    for (uint32_t i = 0; i < p->count; i += 2)
        n->bytes += listpack_string(p->args[i]);
    s->node_count++;
}

static void count_in_node(struct exec *x, struct stream *s, struct stream_id id,
                          const struct pairs *p)
{
    struct buf row = {0};
    struct stream_node n;
    bool same = true;
    if (!node_find_last(s, &n, &row) || node_is_full(x, &n, p))
        node_begin(s, id, p, &n, &row);
    else
        same = has_names(p, n.names);
    n.bytes += entry_listpack_bytes(&n, id, p, same);
    n.count++;
    n.last = id;
    stream_node_put(s, &n);
    buf_clear(&row);
}

/* --- entries ---------------------------------------------------------------------------------- */

void stream_append(struct exec *x, struct stream *s, struct stream_id id, uint32_t first)
{
    CHECK(stream_id_compare(id, s->last) > 0);
    const struct pairs p = {x->args + first, x->arg_count - first};
    const size_t size = 4 + size_of_words(&p, 1);
    uint8_t key[STREAM_ID_SIZE], *row = arena_alloc(x->arena, size), *to = row + 4;
    put_le32(row, p.count);
    for (uint32_t i = 0; i < p.count; i++)
        to = put_sized(to, p.args[i]);
    object_put_new(&s->object, SPACE_ENTRY, stream_id_encode(id, key), bytes_of(row, size));
    count_in_node(x, s, id, &p);
    if (object_count(&s->object) == 1)
        s->first = id;
    s->last = id;
    s->added++;
}

/* The first entry from id on becomes first; before it there is none. */
static void find_first(struct stream *s, struct stream_id id)
{
    uint8_t key[STREAM_ID_SIZE];
    struct object_cursor cursor;
    struct bytes subkey, value;
    s->first = STREAM_ID_MIN;
    if (object_count(&s->object) == 0)
        return;
    object_seek(&s->object, &cursor, SPACE_ENTRY, stream_id_encode(id, key), FORWARD);
    const bool found = object_next(&cursor, &subkey, &value);
    CHECK(found);
    s->first = stream_id_decode(subkey);
    object_cursor_close(&cursor);
}

bool stream_delete(struct stream *s, struct stream_id id)
{
    uint8_t key[STREAM_ID_SIZE];
    struct stream_node n;
    struct buf row = {0};
    if (!object_del(&s->object, SPACE_ENTRY, stream_id_encode(id, key)))
        return false;
    const bool has_node = node_find(s, id, &n, &row);
    CHECK(has_node);
    CHECK(n.count > 0);
    n.count--;
    n.deleted++;
    if (n.count == 0)
        node_delete(s, &n);
    else
        stream_node_put(s, &n);
    buf_clear(&row);
    if (stream_id_compare(id, s->first) == 0)
        find_first(s, id);
    return true;
}

/* Most often that is the last ever given. */
bool stream_last(struct stream *s, struct stream_id *id)
{
    uint8_t key[STREAM_ID_SIZE];
    struct object_cursor cursor;
    struct bytes subkey, value;
    *id = STREAM_ID_MIN;
    if (object_count(&s->object) == 0)
        return false;
    *id = s->last;
    if (stream_entry(s, *id, &value))
        return true;
    object_seek(&s->object, &cursor, SPACE_ENTRY, stream_id_encode(*id, key), BACKWARD);
    const bool found = object_next(&cursor, &subkey, &value);
    CHECK(found);
    *id = stream_id_decode(subkey);
    object_cursor_close(&cursor);
    return true;
}

bool stream_entry(struct stream *s, struct stream_id id, struct bytes *value)
{
    uint8_t key[STREAM_ID_SIZE];
    return s->object.type != TYPE_NONE &&
           object_get(&s->object, SPACE_ENTRY, stream_id_encode(id, key), value);
}

uint64_t stream_count_behind(struct stream *s, struct stream_id id, uint64_t most)
{
    struct object_cursor cursor;
    struct bytes subkey, value;
    struct stream_node n;
    struct buf row = {0};
    uint8_t key[STREAM_ID_SIZE];
    uint64_t found = 0;
    const bool has_node = node_find(s, stream_id_max(id, s->first), &n, &row);
    buf_clear(&row);
    if (!has_node)
        return 0;
    object_seek(&s->object, &cursor, SPACE_NODE, stream_id_encode(n.first, key), FORWARD);
    while (found <= most && object_next(&cursor, &subkey, &value)) {
        node_decode(subkey, value, &n);
        found += n.count;
    }
    object_cursor_close(&cursor);
    return found;
}

void reply_stream_entry(struct exec *x, struct stream_id id, struct bytes value)
{
    struct reader r;
    reader_init(&r, value);
    const uint32_t count = reader_le32(&r);
    reply_array(x, 2);
    reply_stream_id(x, id);
    reply_array(x, count);
    for (uint32_t i = 0; i < count; i++)
        reply_bulk(x, reader_bytes(&r, reader_le32(&r)));
    CHECK(!r.failed);
}

void reply_stream_range(struct exec *x, struct stream *s, const struct stream_range *range)
{
    uint8_t key[STREAM_ID_SIZE];
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t count = 0;
    struct stream_id from = stream_id_max(range->start, s->first);
    if (range->reversed)
        from = stream_id_compare(range->end, s->last) < 0 ? range->end : s->last;
    const size_t begun = reply_array_begin(x);
    object_seek(&s->object, &cursor, SPACE_ENTRY, stream_id_encode(from, key),
                range->reversed ? BACKWARD : FORWARD);
    while ((range->count == 0 || count < range->count) && object_next(&cursor, &subkey, &value)) {
        const struct stream_id id = stream_id_decode(subkey);
        if (stream_id_compare(id, range->start) < 0 || stream_id_compare(id, range->end) > 0)
            break;
        reply_stream_entry(x, id, value);
        count++;
    }
    object_cursor_close(&cursor);
    reply_array_end(x, begun, count);
}

/* --- trimming --------------------------------------------------------------------------------- */

static bool is_short_enough(const struct stream *s, const struct stream_trim *t)
{
    return t->by == TRIM_MAXLEN && object_count(&s->object) <= t->maxlen;
}

static bool is_to_go(const struct stream *s, const struct stream_trim *t, struct stream_id id)
{
    return t->by == TRIM_MAXLEN ? !is_short_enough(s, t) : stream_id_compare(id, t->minid) < 0;
}

/* Deletes the first entries: count of them, or, where that is 0, those that t wants. */
static uint64_t delete_first(struct stream *s, const struct stream_trim *t, uint64_t count)
{
    uint8_t key[STREAM_ID_SIZE];
    struct object_cursor cursor;
    struct bytes subkey, value;
    uint64_t deleted = 0;
    object_seek(&s->object, &cursor, SPACE_ENTRY, stream_id_encode(s->first, key), FORWARD);
    s->first = STREAM_ID_MIN;
    while (object_next(&cursor, &subkey, &value)) {
        const struct stream_id id = stream_id_decode(subkey);
        if (count > 0 ? deleted == count : !is_to_go(s, t, id)) {
            s->first = id;
            break;
        }
        object_del(&s->object, SPACE_ENTRY, stream_id_encode(id, key));
        deleted++;
    }
    object_cursor_close(&cursor);
    return deleted;
}

/* Node by node from the first one on, as Redis: whole ones go, a part of one only if exact. */
uint64_t stream_trim(struct stream *s, const struct stream_trim *t)
{
    struct buf row = {0};
    struct stream_node n;
    uint64_t deleted = 0;
    while (!is_short_enough(s, t) && node_find(s, s->first, &n, &row)) {
        if (t->limit > 0 && deleted + n.count > t->limit)
            break;
        const bool whole = t->by == TRIM_MAXLEN
                               ? object_count(&s->object) - n.count >= t->maxlen
                               : stream_id_compare(n.last, t->minid) < 0;
        if (whole) {
            const uint64_t gone = delete_first(s, t, n.count);
            CHECK(gone == n.count);
            deleted += gone;
            node_delete(s, &n);
            continue;
        }
        if (t->approximate)
            break;
        const uint64_t gone = delete_first(s, t, 0);
        n.count -= (uint32_t)gone;
        n.deleted += (uint32_t)gone;
        deleted += gone;
        if (n.count == 0)
            node_delete(s, &n);
        else if (gone > 0)
            stream_node_put(s, &n);
        break;
    }
    buf_clear(&row);
    return deleted;
}
