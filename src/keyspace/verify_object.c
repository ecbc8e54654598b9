/* verify_object.c -- whether the value of a key is one: each element has the form that its type and
 * space give it, and what follows from others is there for each of them and for nothing else. */

#include "keyspace/verify_rows.h"

#define CHUNK_MAX 4096
#define CHUNKS_MAX ((uint64_t)1 << 32)
#define ANY SIZE_MAX
#define DEADLINE_SIZE 8
#define TIMED_FIELDS_SIZE 16
#define FENCED_FIELDS_SIZE 17
#define SPACES (SPACE_FENCE_COUNT + 1)

/* The sizes of an element. */
struct shape {
    enum type type;
    enum space space;
    bool in_image; /* packed too, where there is one */
    size_t subkey_min, subkey_max, value_min, value_max;
};
static const struct shape shapes[] = {
    {TYPE_STRING, SPACE_CHUNK, false, 4, 4, 0, CHUNK_MAX},
    {TYPE_HASH, SPACE_FIELD, true, 0, ANY, 0, ANY},
    {TYPE_HASH, SPACE_DEADLINE, true, 0, ANY, DEADLINE_SIZE, DEADLINE_SIZE},
    {TYPE_HASH, SPACE_DUE, false, DEADLINE_SIZE, ANY, 0, 0},
    {TYPE_SET, SPACE_MEMBER, true, 0, ANY, 0, 0},
    {TYPE_ZSET, SPACE_MEMBER, false, 0, ANY, SCORE_SIZE, SCORE_SIZE},
    {TYPE_ZSET, SPACE_SCORE, true, SCORE_SIZE, ANY, 0, 0},
    {TYPE_ZSET, SPACE_FENCE, false, 8, 8, 2, ANY},
    {TYPE_ZSET, SPACE_FENCE_COUNT, false, 8, 8, 8, ANY},
    {TYPE_LIST, SPACE_ELEMENT, true, 8, 8, 0, ANY},
    {TYPE_LIST, SPACE_FENCE, false, 9, 9, 8, 8},
    {TYPE_STREAM, SPACE_ENTRY, true, 16, 16, 4, ANY},
    {TYPE_STREAM, SPACE_NODE, true, 16, 16, 48, ANY},
    {TYPE_STREAM, SPACE_GROUP, true, 0, ANY, 64, 64},
    {TYPE_STREAM, SPACE_PENDING, true, 18, 25, 24, 24},
    {TYPE_STREAM, SPACE_PENDING_BY_CONSUMER, true, 18, 25, 0, 0},
    {TYPE_STREAM, SPACE_CONSUMER, true, 2, 9, 16, ANY},
    {TYPE_STREAM, SPACE_CONSUMER_NAME, true, 2, ANY, 8, 8},
};

/* An object while its elements pass. */
struct looked_at {
    struct object_form form;
    enum encoding encoding;
    uint64_t version;
    uint64_t in_space[SPACES];
    uint64_t unpaired; /* of scores and deadlines: sums of hashes, by member less by order */
    uint64_t earliest; /* deadline of a field */
    uint8_t last_space;
    struct buf last; /* subkey, of the element before, in an image */
};

static const struct shape *shape_of(enum type type, uint8_t space)
{
    for (size_t i = 0; i < ARRAY_COUNT(shapes); i++)
        if (shapes[i].type == type && shapes[i].space == space)
            return &shapes[i];
    return NULL;
}

static bool has_shape(const struct looked_at *l, uint8_t space, struct bytes subkey,
                      struct bytes value)
{
    const struct shape *s = shape_of(l->form.type, space);
    return s != NULL && (s->in_image || !l->form.is_packed) && subkey.size >= s->subkey_min &&
           subkey.size <= s->subkey_max && value.size >= s->value_min &&
           value.size <= s->value_max;
}

static bool is_number(struct bytes order)
{
    const double score = score_from_order(get_be64(order.data));
    return score == score;
}

/* A field that has a deadline is there: in rows asked for, in an image it came before. */
static bool has_field(struct verify *v, const struct looked_at *l, struct bytes field)
{
    if (l->form.is_packed)
        return true;
    uint8_t key[ITEM_KEY_SUBKEY + ITEM_HASH_SIZE];
    item_key(key, l->version, SPACE_FIELD);
    put_be64(key + ITEM_KEY_SUBKEY, item_hash(v->hash_key, field));
    buf_reset(&v->key);
    buf_append(&v->key, key, sizeof(key));
    buf_append_bytes(&v->key, field);
    return verify_get(v);
}

static bool field_deadline(struct verify *v, struct looked_at *l, struct bytes field,
                           struct bytes value)
{
    const uint64_t deadline = get_be64(value.data);
    l->unpaired += verify_hash(v, value, field);
    l->earliest = l->earliest == 0 ? deadline : MIN(l->earliest, deadline);
    return deadline != 0 && (has_field(v, l, field) ||
                             verify_wrong(v, "a field that has a deadline is missing"));
}

static bool pairs(struct verify *v, struct looked_at *l, uint8_t space, struct bytes subkey,
                  struct bytes value)
{
    switch (space) {
    case SPACE_CHUNK:
        return get_be32(subkey.data) < (l->form.count + CHUNK_MAX - 1) / CHUNK_MAX;
    case SPACE_MEMBER:
        if (l->form.type == TYPE_ZSET)
            l->unpaired += verify_hash(v, value, subkey);
        return l->form.type != TYPE_ZSET || is_number(value);
    case SPACE_SCORE:
        l->unpaired -= verify_hash(v, bytes_of(subkey.data, SCORE_SIZE),
                                   bytes_from(subkey, SCORE_SIZE));
        return is_number(subkey);
    case SPACE_DEADLINE:
        return field_deadline(v, l, subkey, value);
    case SPACE_DUE:
        l->unpaired -= verify_hash(v, bytes_of(subkey.data, DEADLINE_SIZE),
                                   bytes_from(subkey, DEADLINE_SIZE));
        return true;
    default:
        return true;
    }
}

static bool has_upper_form(const struct looked_at *l)
{
    return l->form.type == TYPE_LIST || l->form.type == TYPE_STREAM;
}

static bool element(struct verify *v, struct looked_at *l, uint8_t space, struct bytes subkey,
                    struct bytes value)
{
    const struct keyspace_forms *f = v->forms;
    if (!has_shape(l, space, subkey, value))
        return verify_wrong(v, "an element has a form that its type has not");
    l->in_space[space]++;
    if (!pairs(v, l, space, subkey, value) ||
        (has_upper_form(l) && !f->element(f->context, space, subkey, value)))
        return verify_wrong(v, "an element makes no sense");
    return true;
}

/* --- what an object says of itself ------------------------------------------------------------ */

static uint64_t counted(const struct looked_at *l)
{
    uint64_t count = 0;
    for (uint8_t space = 1; space < SPACES; space++)
        if (space_is_counted(space))
            count += l->in_space[space];
    /* a packed sorted set has its scores alone */
    return l->form.type == TYPE_ZSET && l->form.is_packed ? l->in_space[SPACE_SCORE] : count;
}

static bool hash_is_timed_well(const struct looked_at *l)
{
    const struct bytes fields = l->form.fields;
    if (fields.size == 0)
        return l->in_space[SPACE_DEADLINE] == 0;
    return fields.size == TIMED_FIELDS_SIZE && get_le64(fields.data) == l->earliest &&
           get_le64(bytes_data(fields) + 8) == l->in_space[SPACE_DEADLINE];
}

/* Fields of the meta row, and the counts, of the types that this layer knows. */
static bool facts_are_true(const struct looked_at *l)
{
    const struct bytes fields = l->form.fields;
    const bool is_packed = l->form.is_packed;
    switch (l->form.type) {
    case TYPE_STRING:
    case TYPE_SET:
        return fields.size == 0;
    case TYPE_ZSET:
        return (fields.size == 0 || (!is_packed && fields.size == FENCED_FIELDS_SIZE)) &&
               l->in_space[SPACE_FENCE] == l->in_space[SPACE_FENCE_COUNT] &&
               (fields.size == 0) == (l->in_space[SPACE_FENCE] == 0);
    case TYPE_HASH:
        return hash_is_timed_well(l);
    default:
        return true;
    }
}

static bool whole(struct verify *v, const struct looked_at *l)
{
    const struct keyspace_forms *f = v->forms;
    const bool may_be_empty = l->form.type == TYPE_STRING || l->form.type == TYPE_STREAM;
    if (l->form.type != TYPE_STRING && counted(l) != l->form.count)
        return verify_wrong(v, "it has not the elements that it counts");
    if (l->form.count == 0 && !may_be_empty)
        return verify_wrong(v, "it has no elements");
    if (!facts_are_true(l))
        return verify_wrong(v, "what it says of itself is not true");
    if (!l->form.is_packed && l->unpaired != 0)
        return verify_wrong(v, "its elements and their order differ");
    if (has_upper_form(l) && !f->end(f->context))
        return verify_wrong(v, "what it says of itself is not true");
    return true;
}

/* --- in the row ------------------------------------------------------------------------------- */

static bool is_by_insertion(const struct looked_at *l)
{
    return l->form.type == TYPE_HASH || l->form.type == TYPE_SET;
}

/* Behind the element before it, where a type has an order; and no number where there must be. */
static bool is_in_order(struct looked_at *l, const struct element *e)
{
    int64_t number;
    if (l->encoding == ENCODING_INTSET && !bytes_to_int64(e->subkey, &number))
        return false;
    if (is_by_insertion(l))
        return true;
    const bool is_behind = e->space > l->last_space ||
                           (e->space == l->last_space &&
                            bytes_compare(e->subkey, buf_bytes(&l->last)) > 0);
    l->last_space = e->space;
    buf_reset(&l->last);
    buf_append_bytes(&l->last, e->subkey);
    return is_behind;
}

/* Each deadline of an image has its field there. */
static bool deadlines_have_fields(const struct object *o)
{
    size_t offset = 0;
    struct bytes value;
    for (struct element e; packed_next(o, o->packed, &offset, &e);)
        if (e.space == SPACE_DEADLINE && !packed_get(o, SPACE_FIELD, e.subkey, &value))
            return false;
    return true;
}

static bool image(struct verify *v, struct looked_at *l, struct bytes packed)
{
    struct object o = {.type = l->form.type, .encoding = l->encoding, .packed = packed,
                       .fields_size = (uint8_t)l->form.fields.size};
    size_t offset = 0;
    if (!packed_is_whole(&o, packed))
        return verify_wrong(v, "its elements cannot be decoded");
    for (struct element e; packed_next(&o, packed, &offset, &e);) {
        if (!is_in_order(l, &e) || !element(v, l, e.space, e.subkey, e.value) ||
            l->in_space[e.space] > OBJECT_PACKED_COUNT)
            return verify_wrong(v, "its elements are not in order");
    }
    return (l->in_space[SPACE_DEADLINE] == 0 || deadlines_have_fields(&o) ||
            verify_wrong(v, "a field that has a deadline is missing")) &&
           whole(v, l);
}

/* --- in rows of their own --------------------------------------------------------------------- */

/* What was buried is about to go. */
static bool is_buried(struct verify *v, uint64_t version)
{
    buf_reset(&v->key);
    buf_append_u8(&v->key, 'G');
    buf_append_be64(&v->key, version);
    return verify_get(v);
}

static bool item(struct verify *v, struct looked_at *l, struct bytes key, struct bytes value)
{
    const uint8_t space = bytes_data(key)[ITEM_KEY_SUBKEY - 1];
    const size_t at = item_subkey_at(space);
    if (key.size < at)
        return verify_wrong(v, "an item's key is too short");
    const struct bytes subkey = bytes_from(key, at);
    if (space_is_hashed(space) &&
        get_be64(bytes_data(key) + ITEM_KEY_SUBKEY) != item_hash(v->hash_key, subkey))
        return verify_wrong(v, "an item is not where its name belongs");
    return element(v, l, space, subkey, value);
}

static bool items(struct verify *v, struct looked_at *l, const struct meta *m)
{
    uint8_t lower[9] = {'I'};
    put_be64(lower + 1, m->version);
    const struct bytes prefix = bytes_of(lower, sizeof(lower));
    if (m->payload.size > 0 || is_buried(v, m->version))
        return verify_wrong(v, "its items are none of its");
    if (m->type == TYPE_STRING && m->count > CHUNKS_MAX * CHUNK_MAX)
        return verify_wrong(v, "it is longer than a string can be");
    for (bool on = kv_iterator_seek(v->items, prefix);
         on && bytes_has_prefix(kv_iterator_key(v->items), prefix) &&
         kv_iterator_key(v->items).size >= ITEM_KEY_SUBKEY;
         on = kv_iterator_next(v->items))
        if (!verify_read(v, kv_iterator_key(v->items), kv_iterator_value(v->items)) ||
            !item(v, l, kv_iterator_key(v->items), kv_iterator_value(v->items)))
            return false;
    return whole(v, l) && (m->type != TYPE_ZSET || m->fields.size == 0 ||
                           verify_fences(v, m, l->in_space[SPACE_FENCE]) ||
                           verify_wrong(v, "its fences do not stand where they belong"));
}

bool verify_object(struct verify *v, const struct meta *m)
{
    const struct keyspace_forms *f = v->forms;
    const bool is_packed = m->version == 0;
    struct looked_at l = {
        .form = {m->type, m->fields, is_packed ? packed_count(m->payload) : m->count, is_packed},
        .encoding = m->encoding,
        .version = m->version,
    };
    if ((m->encoding == ENCODING_INTSET && m->type != TYPE_SET) ||
        (has_upper_form(&l) && !f->begin(f->context, &l.form)))
        return verify_wrong(v, "its type has not what it says of itself");
    if (m->type == TYPE_STRING && is_packed)
        return m->fields.size == 0;
    const bool is_sound = is_packed ? image(v, &l, m->payload) : items(v, &l, m);
    buf_clear(&l.last);
    return is_sound;
}
