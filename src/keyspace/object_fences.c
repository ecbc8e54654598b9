/* object_fences.c -- a counted tree beside the ordered rows of a large sorted set, so that ranks
 * are found without a walk.
 *
 *     node 7   | -inf: node 3, 20144 | 8.5 x: node 5, 19907 |     bound: child, elements in it
 *                     |                       |
 *     node 3   | -inf: 301 | 2.1: 260 | ...   node 5  ...         a leaf: bound: elements
 *                   |            |
 *     SPACE_SCORE   blocks of up to FENCE_BLOCK_MAX rows
 *
 *   SPACE_FENCE        id:8 -> count:2 { offset:4 } ... { child:8 lower bound } ...
 *   SPACE_FENCE_COUNT  id:8 -> { elements:8 } ...
 *
 * Lower bounds change only when a block is split or has become empty; so they stand in a row of
 * their own, and what each change rewrites is a few hundred bytes of counts a level, all found by
 * gets: no walk is opened. Bounds are the shortest that tell a block's first row from the row
 * before it. A node's first bound stands for -inf, whatever its bytes are. Numbers are
 * little-endian but for ids in keys.
 *
 * The root, its height and the next id are fields of the meta row; a set without them has no fences
 * (it never had FENCE_BLOCK_MAX members in rows). Blocks are not merged, but vanish when empty: a
 * tree has never more blocks than its set has members. */

#include "keyspace/object_rows.h"

enum { ROOT = 0, NEXT_ID = 8, HEIGHT = 16, FIELDS_SIZE = 17 };

#define NODE_ID_SIZE 8
#define LOWER_MAX 256 /* bytes of a bound; rows that need longer ones stay in one block */
#define HEIGHT_MAX 16 /* of nodes that are half full: 2^80 blocks */

struct entry {
    uint64_t child; /* 0 in leaves */
    struct bytes lower;
};

/* A node as it is being changed; bounds are borrowed from its row or the caller. */
struct node_image {
    uint64_t id;
    uint32_t count;
    struct entry entries[FENCE_FANOUT + 1];
    uint64_t counts[FENCE_FANOUT + 1];
};

/* From a leaf, level 0, up to the root: nodes, and which of their entries leads down. */
struct path {
    uint32_t height;
    uint64_t ids[HEIGHT_MAX];
    uint32_t at[HEIGHT_MAX];
    struct bytes lower; /* of the block; empty: -inf. Borrowed from a node's row */
    uint64_t before;    /* elements in front of the block, if asked for */
};

static bool has_fences(const struct object *o)
{
    return o->fields_size > 0;
}

static uint32_t height_of(const struct object *o)
{
    CHECK(o->type == TYPE_ZSET);
    CHECK(o->fields_size == FIELDS_SIZE);
    CHECK(o->fields[HEIGHT] > 0);
    CHECK(o->fields[HEIGHT] <= HEIGHT_MAX);
    return o->fields[HEIGHT];
}

static uint64_t root_of(const struct object *o)
{
    return get_le64(o->fields + ROOT);
}

static void set_root(struct object *o, uint64_t id, uint32_t height)
{
    CHECK(height <= HEIGHT_MAX);
    put_le64(o->fields + ROOT, id);
    o->fields[HEIGHT] = (uint8_t)height;
}

static uint64_t new_id(struct object *o)
{
    const uint64_t id = get_le64(o->fields + NEXT_ID);
    put_le64(o->fields + NEXT_ID, id + 1);
    return id;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct bytes read_row(struct object *o, uint8_t space, uint64_t id)
{
    uint8_t key[NODE_ID_SIZE];
    struct bytes row;
    put_be64(key, id);
    const bool is_there = rows_get(o, space, bytes_of(key, sizeof(key)), &row);
    CHECK(is_there);
    return row;
}

static uint32_t entry_count(struct bytes node)
{
    CHECK(node.size >= 2);
    return get_le16(node.data);
}

static struct entry entry_at(struct bytes node, uint32_t i)
{
    const uint8_t *start = node.data, *offsets = start + 2;
    const uint32_t count = entry_count(node);
    const size_t from = get_le32(offsets + (size_t)4 * i);
    const size_t to = i + 1 < count ? get_le32(offsets + (size_t)4 * (i + 1)) : node.size;
    CHECK(from + sizeof(uint64_t) <= to);
    CHECK(to <= node.size);
    return (struct entry){get_le64(start + from),
                          bytes_of(start + from + sizeof(uint64_t), to - from - sizeof(uint64_t))};
}

/* The last entry whose bound is not above subkey; the first one's is -inf. */
static uint32_t find_entry(struct bytes node, struct bytes subkey)
{
    uint32_t low = 0, high = entry_count(node);
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(entry_at(node, middle).lower, subkey) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void read_counts(struct object *o, uint64_t id, uint64_t *counts, uint32_t count)
{
    const struct bytes row = read_row(o, SPACE_FENCE_COUNT, id);
    CHECK(row.size == count * sizeof(*counts));
    for (uint32_t i = 0; i < count; i++)
        counts[i] = get_le64(bytes_data(row) + i * sizeof(*counts));
}

static void load_node(struct object *o, uint64_t id, struct node_image *n)
{
    const struct bytes row = read_row(o, SPACE_FENCE, id);
    n->id = id;
    n->count = entry_count(row);
    CHECK(n->count > 0);
    CHECK(n->count <= FENCE_FANOUT);
    for (uint32_t i = 0; i < n->count; i++)
        n->entries[i] = entry_at(row, i);
    read_counts(o, id, n->counts, n->count);
}

/* Writes count entries of n, from one on, as the node id. */
static void store_node(struct object *o, uint64_t id, const struct node_image *n, uint32_t from,
                       uint32_t count)
{
    struct buf bounds = {0}, counts = {0};
    CHECK(count > 0);
    CHECK(count <= FENCE_FANOUT);
    buf_append_le16(&bounds, (uint16_t)count);
    size_t offset = 2 + (size_t)4 * count;
    for (uint32_t i = from; i < from + count; i++) {
        buf_append_le32(&bounds, (uint32_t)offset);
        offset += sizeof(uint64_t) + n->entries[i].lower.size;
    }
    for (uint32_t i = from; i < from + count; i++) {
        buf_append_le64(&bounds, n->entries[i].child);
        buf_append_bytes(&bounds, n->entries[i].lower);
        buf_append_le64(&counts, n->counts[i]);
    }
    uint8_t key[NODE_ID_SIZE];
    put_be64(key, id);
    rows_put_plain(o, SPACE_FENCE, bytes_of(key, sizeof(key)), buf_bytes(&bounds));
    rows_put_plain(o, SPACE_FENCE_COUNT, bytes_of(key, sizeof(key)), buf_bytes(&counts));
    buf_clear(&bounds);
    buf_clear(&counts);
}

static void delete_node(struct object *o, uint64_t id)
{
    uint8_t key[NODE_ID_SIZE];
    put_be64(key, id);
    rows_del_plain(o, SPACE_FENCE, bytes_of(key, sizeof(key)));
    rows_del_plain(o, SPACE_FENCE_COUNT, bytes_of(key, sizeof(key)));
}

static void path_step(struct path *p, uint32_t level, uint64_t id, uint32_t at, struct entry e)
{
    p->ids[level] = id;
    p->at[level] = at;
    if (at > 0)
        p->lower = e.lower;
}

/* The way to the block where subkey lies or belongs; counts: with what is before it. */
static void descend(struct object *o, struct bytes subkey, bool counts, struct path *p)
{
    *p = (struct path){.height = height_of(o)};
    uint64_t id = root_of(o);
    for (uint32_t level = p->height; level-- > 0;) {
        const struct bytes node = read_row(o, SPACE_FENCE, id);
        const uint32_t at = find_entry(node, subkey);
        const struct entry e = entry_at(node, at);
        path_step(p, level, id, at, e);
        if (counts) {
            uint64_t elements[FENCE_FANOUT];
            read_counts(o, id, elements, entry_count(node));
            for (uint32_t i = 0; i < at; i++)
                p->before += elements[i];
        }
        id = e.child;
    }
}

/* The way to the block of the index-th element, which is there. */
static void descend_to_index(struct object *o, uint64_t index, struct path *p)
{
    *p = (struct path){.height = height_of(o)};
    uint64_t id = root_of(o);
    for (uint32_t level = p->height; level-- > 0;) {
        const struct bytes node = read_row(o, SPACE_FENCE, id);
        const uint32_t count = entry_count(node);
        uint64_t elements[FENCE_FANOUT];
        uint32_t at = 0;
        read_counts(o, id, elements, count);
        while (at < count && p->before + elements[at] <= index)
            p->before += elements[at++];
        CHECK(at < count);
        const struct entry e = entry_at(node, at);
        path_step(p, level, id, at, e);
        id = e.child;
    }
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Counts one element more or less on the way to its block; returns the block's new count. */
static uint64_t count_on_path(struct object *o, const struct path *p, bool more)
{
    uint64_t elements = 0;
    for (uint32_t level = p->height; level-- > 0;) {
        uint8_t counts[FENCE_FANOUT * sizeof(uint64_t)], key[NODE_ID_SIZE];
        const struct bytes row = read_row(o, SPACE_FENCE_COUNT, p->ids[level]);
        const size_t place = p->at[level] * sizeof(uint64_t);
        CHECK(row.size <= sizeof(counts));
        CHECK(place < row.size);
        memcpy(counts, row.data, row.size);
        elements = get_le64(counts + place);
        CHECK(more || elements > 0);
        elements = more ? elements + 1 : elements - 1;
        put_le64(counts + place, elements);
        put_be64(key, p->ids[level]);
        rows_put_plain(o, SPACE_FENCE_COUNT, bytes_of(key, sizeof(key)),
                       bytes_of(counts, row.size));
    }
    return elements;
}

/* Finds where to split a block of count rows: about in the middle, between two rows that a short
 * bound tells apart. Returns the rows before it; 0: there is no such place. */
static uint64_t find_split(struct object *o, struct bytes lower, uint64_t count, struct buf *bound)
{
    struct object_cursor cursor;
    struct bytes subkey, nothing;
    uint64_t index = 0, split = 0;
    object_seek(o, &cursor, SPACE_SCORE, lower, FORWARD);
    for (; split == 0 && index < count && object_next(&cursor, &subkey, &nothing); index++) {
        if (index >= count / 2) {
            const struct bytes before = buf_bytes(bound);
            size_t common = 0;
            while (common < MIN(before.size, subkey.size) &&
                   bytes_data(before)[common] == bytes_data(subkey)[common])
                common++;
            CHECK(common < subkey.size); /* it is behind the one before */
            if (common < LOWER_MAX) {
                split = index;
                subkey.size = common + 1;
            }
        }
        if (index + 1 >= count / 2) {
            buf_reset(bound);
            buf_append_bytes(bound, subkey);
        }
    }
    object_cursor_close(&cursor);
    return split;
}

static uint64_t sum_of(const struct node_image *n, uint32_t from, uint32_t to)
{
    uint64_t sum = 0;
    for (uint32_t i = from; i < to; i++)
        sum += n->counts[i];
    return sum;
}

static void grow_root(struct object *o, const uint64_t children[static 2], struct bytes bound,
                      const uint64_t counts[static 2])
{
    const struct node_image root = {
        .count = 2,
        .entries = {{children[0], BYTES_NONE}, {children[1], bound}},
        .counts = {counts[0], counts[1]},
    };
    const uint64_t id = new_id(o);
    store_node(o, id, &root, 0, 2);
    set_root(o, id, height_of(o) + 1);
}

/* What the entry on the path leads to at a level has become two: counts tell how many elements each
 * has; child and bound are the second one's. */
static void insert_entry(struct object *o, const struct path *p, struct buf *bound, uint64_t left,
                         uint64_t right)
{
    struct entry new = {0, buf_bytes(bound)};
    for (uint32_t level = 0;; level++) {
        struct node_image n;
        load_node(o, p->ids[level], &n);
        const uint32_t at = p->at[level] + 1;
        memmove(n.entries + at + 1, n.entries + at, (n.count - at) * sizeof(n.entries[0]));
        memmove(n.counts + at + 1, n.counts + at, (n.count - at) * sizeof(n.counts[0]));
        n.entries[at] = new;
        n.counts[at - 1] = left;
        n.counts[at] = right;
        n.count++;
        if (n.count <= FENCE_FANOUT) {
            store_node(o, n.id, &n, 0, n.count);
            return;
        }
        const uint32_t half = n.count / 2;
        const uint64_t ids[2] = {n.id, new_id(o)};
        struct buf up = {0};
        buf_append_bytes(&up, n.entries[half].lower);
        store_node(o, ids[1], &n, half, n.count - half);
        store_node(o, ids[0], &n, 0, half);
        buf_clear(bound);
        *bound = up;
        const uint64_t counts[2] = {left = sum_of(&n, 0, half), right = sum_of(&n, half, n.count)};
        new = (struct entry){ids[1], buf_bytes(bound)};
        if (level + 1 == p->height) {
            grow_root(o, ids, new.lower, counts);
            return;
        }
    }
}

/* The block on the path has no element any more. */
static void remove_entry(struct object *o, const struct path *p)
{
    struct node_image n;
    uint32_t level = 0;
    for (load_node(o, p->ids[0], &n); n.count == 1; load_node(o, p->ids[level], &n)) {
        if (level + 1 == p->height)
            return; /* the only block stays, empty */
        delete_node(o, n.id);
        level++;
    }
    const uint32_t at = p->at[level];
    CHECK(n.counts[at] == 0);
    n.count--;
    memmove(n.entries + at, n.entries + at + 1, (n.count - at) * sizeof(n.entries[0]));
    memmove(n.counts + at, n.counts + at + 1, (n.count - at) * sizeof(n.counts[0]));
    const uint64_t only_child = n.entries[0].child;
    store_node(o, n.id, &n, 0, n.count);
    if (n.count > 1 || level + 1 < p->height)
        return;
    uint64_t child = only_child; /* a root with one entry gives its place to that */
    for (uint32_t height = p->height; height > 1; child = n.entries[0].child) {
        delete_node(o, root_of(o));
        set_root(o, child, --height);
        load_node(o, child, &n);
        if (n.count > 1)
            return;
    }
}

static void plant(struct object *o)
{
    const struct node_image root = {.count = 1, .counts = {o->count - 1}};
    CHECK(o->fields_size == 0);
    o->fields_size = FIELDS_SIZE;
    put_le64(o->fields + NEXT_ID, 1);
    set_root(o, new_id(o), 1);
    store_node(o, root_of(o), &root, 0, 1);
}

void fences_put(struct object *o, struct bytes subkey)
{
    if (!has_fences(o)) {
        if (o->count < FENCE_BLOCK_MAX)
            return;
        plant(o);
    }
    struct path p;
    descend(o, subkey, false, &p);
    const uint64_t elements = count_on_path(o, &p, true);
    if (elements < FENCE_BLOCK_MAX || elements % (FENCE_BLOCK_MAX / 4) != 0)
        return;
    struct buf bound = {0};
    const uint64_t left = find_split(o, p.lower, elements, &bound);
    if (left > 0)
        insert_entry(o, &p, &bound, left, elements - left);
    buf_clear(&bound);
}

void fences_del(struct object *o, struct bytes subkey)
{
    if (!has_fences(o))
        return;
    struct path p;
    descend(o, subkey, false, &p);
    if (count_on_path(o, &p, false) == 0)
        remove_entry(o, &p);
}

/* --- questions -------------------------------------------------------------------------------- */

uint64_t object_rank(struct object *o, uint8_t space, struct bytes subkey)
{
    CHECK(!space_is_hashed(space));
    CHECK(o->type == TYPE_ZSET);
    struct path p = {0};
    if (!object_is_packed(o) && has_fences(o))
        descend(o, subkey, true, &p);
    struct object_cursor cursor;
    struct bytes other, nothing;
    uint64_t rank = p.before;
    object_seek(o, &cursor, space, p.lower, FORWARD);
    while (object_next(&cursor, &other, &nothing) && bytes_compare(other, subkey) < 0)
        rank++;
    object_cursor_close(&cursor);
    return rank;
}

static void skip(struct object_cursor *cursor, uint64_t count, struct bytes *subkey)
{
    struct bytes value;
    for (; count > 0; count--) {
        const bool is_there = object_next(cursor, subkey, &value);
        CHECK(is_there);
    }
}

/* From the nearer end, or from the block's begin. */
static void seek_by_steps(struct object *o, struct object_cursor *cursor, uint8_t space,
                          uint64_t index)
{
    struct bytes subkey = BYTES_NONE;
    const uint64_t behind = o->count - 1 - index;
    const enum direction direction = cursor->direction;
    if (index <= behind) {
        object_seek(o, cursor, space, BYTES_NONE, direction);
        skip(cursor, index, &subkey);
        return;
    }
    struct object_cursor back;
    object_seek(o, &back, space, BYTES_NONE, direction == FORWARD ? BACKWARD : FORWARD);
    skip(&back, behind + 1, &subkey);
    object_seek(o, cursor, space, subkey, direction);
    object_cursor_close(&back);
}

void object_seek_index(struct object *o, struct object_cursor *cursor, uint8_t space,
                       uint64_t index, enum direction direction)
{
    CHECK(index < o->count);
    cursor->direction = direction;
    if (object_is_packed(o) || space != SPACE_SCORE || !has_fences(o)) {
        seek_by_steps(o, cursor, space, index);
        return;
    }
    struct path p;
    struct bytes subkey = BYTES_NONE;
    descend_to_index(o, direction == FORWARD ? index : o->count - 1 - index, &p);
    if (direction == FORWARD) {
        object_seek(o, cursor, space, p.lower, FORWARD);
        skip(cursor, index - p.before, &subkey);
        return;
    }
    struct object_cursor there;
    object_seek(o, &there, space, p.lower, FORWARD);
    skip(&there, o->count - index - p.before, &subkey);
    object_seek(o, cursor, space, subkey, BACKWARD);
    object_cursor_close(&there);
}
