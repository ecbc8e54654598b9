/* verify_fences.c -- the tree of fences beside a sorted set's scores (object_fences.c), from its
 * root down: each leaf's entry is held against the rows between its bound and the next one's. */

#include "keyspace/verify_rows.h"

#define ENTRY_HEAD 8 /* of a bound: the child */
#define OFFSET_SIZE 4
#define HEIGHT_MAX 16
enum { ROOT = 0, HEIGHT = 16 };

/* Where the walk is: the rows of scores pass by once, from the first to the last. */
struct fence_walk {
    struct verify *v;
    uint64_t version;
    uint64_t nodes;     /* met */
    uint64_t nodes_max; /* that there are: who meets more goes in circles */
    bool is_first;      /* no entry was met: the first one's bound stands for -inf */
    bool on;            /* v->items is at a score */
    struct buf before;  /* subkey of the row before */
};

static bool is_score(const struct fence_walk *w)
{
    uint8_t prefix[ITEM_KEY_SUBKEY];
    item_key(prefix, w->version, SPACE_SCORE);
    return w->on &&
           bytes_has_prefix(kv_iterator_key(w->v->items), bytes_of(prefix, sizeof(prefix)));
}

static struct bytes score(const struct fence_walk *w)
{
    return bytes_from(kv_iterator_key(w->v->items), ITEM_KEY_SUBKEY);
}

static bool read_node(struct fence_walk *w, uint8_t space, uint64_t id, struct buf *row)
{
    uint8_t key[ITEM_KEY_SUBKEY + 8];
    item_key(key, w->version, space);
    put_be64(key + ITEM_KEY_SUBKEY, id);
    buf_reset(&w->v->key);
    buf_append(&w->v->key, key, sizeof(key));
    if (!verify_get(w->v))
        return false;
    buf_append_bytes(row, buf_bytes(&w->v->row));
    return true;
}

/* Entry i of a node's row; false: there is none. */
static bool entry_at(struct bytes node, uint32_t count, uint32_t i, uint64_t *child,
                     struct bytes *lower)
{
    const uint8_t *start = node.data, *offsets = start + 2;
    const size_t head = 2 + (size_t)OFFSET_SIZE * count;
    if (node.size < head)
        return false;
    const size_t from = get_le32(offsets + (size_t)OFFSET_SIZE * i);
    const size_t to = i + 1 < count ? get_le32(offsets + (size_t)OFFSET_SIZE * (i + 1))
                                    : node.size;
    if (from < head || to > node.size || to < from || to - from < ENTRY_HEAD)
        return false;
    *child = get_le64(start + from);
    *lower = bytes_of(start + from + ENTRY_HEAD, to - from - ENTRY_HEAD);
    return true;
}

/* The rows of a block begin at its bound; those before it end there. */
static bool block(struct fence_walk *w, struct bytes lower, uint64_t count)
{
    if (!w->is_first &&
        (!is_score(w) || bytes_compare(score(w), lower) < 0 ||
         bytes_compare(buf_bytes(&w->before), lower) >= 0))
        return false;
    w->is_first = false;
    for (uint64_t i = 0; i < count; i++) {
        if (!is_score(w) || !verify_read(w->v, kv_iterator_key(w->v->items), BYTES_NONE))
            return false;
        buf_reset(&w->before);
        buf_append_bytes(&w->before, score(w));
        w->on = kv_iterator_next(w->v->items);
    }
    return count > 0;
}

/* A node on its way down. */
struct step {
    uint64_t id;
    uint32_t level;
    struct bytes lower; /* of the entry that leads here: the first entry's bound */
};

static bool node(struct fence_walk *w, const struct step *at, uint64_t *elements);

static bool entries(struct fence_walk *w, struct bytes row, struct bytes counts,
                    const struct step *at)
{
    const uint32_t count = get_le16(row.data);
    if (count == 0 || count > FENCE_FANOUT || counts.size != (size_t)count * 8)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t wanted = get_le64(bytes_data(counts) + (size_t)i * 8);
        uint64_t child, found = wanted;
        struct bytes lower;
        if (!entry_at(row, count, i, &child, &lower))
            return false;
        lower = i == 0 ? at->lower : lower;
        const struct step down = {child, at->level - 1, lower};
        if (at->level == 0 ? child != 0 || !block(w, lower, wanted)
                           : !node(w, &down, &found) || found != wanted)
            return false;
    }
    return true;
}

/* Depth is bounded by the height, work by the number of nodes. */
static bool node(struct fence_walk *w, const struct step *at, uint64_t *elements)
{
    struct buf row = {0}, counts = {0};
    w->nodes++;
    const bool is_sound = w->nodes <= w->nodes_max && read_node(w, SPACE_FENCE, at->id, &row) &&
                          read_node(w, SPACE_FENCE_COUNT, at->id, &counts) && row.size >= 2 &&
                          entries(w, buf_bytes(&row), buf_bytes(&counts), at);
    *elements = 0;
    for (size_t i = 0; is_sound && i < counts.size; i += 8)
        *elements += get_le64(buf_data(&counts) + i);
    buf_clear(&row);
    buf_clear(&counts);
    return is_sound;
}

bool verify_fences(struct verify *v, const struct meta *m, uint64_t node_count)
{
    uint8_t from[ITEM_KEY_SUBKEY];
    const uint32_t height = bytes_data(m->fields)[HEIGHT];
    uint64_t elements;
    if (height == 0 || height > HEIGHT_MAX)
        return false;
    item_key(from, m->version, SPACE_SCORE);
    struct fence_walk w = {.v = v, .version = m->version, .nodes_max = node_count,
                           .is_first = true};
    w.on = kv_iterator_seek(v->items, bytes_of(from, sizeof(from)));
    const struct step root = {get_le64(bytes_data(m->fields) + ROOT), height - 1, BYTES_NONE};
    const bool is_sound = node(&w, &root, &elements);
    buf_clear(&w.before);
    return is_sound && elements == m->count && w.nodes == node_count && !is_score(&w);
}
