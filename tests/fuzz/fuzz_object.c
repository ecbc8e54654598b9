/* fuzz_object.c -- any bytes, read as changes of a collection, do the same to an object that is
 * packed while it can be, to one in rows from its first element on, and to a plain array:
 *   - each put and del says whether the element was there; all is found again, nothing else is;
 *   - walks give each element once, forward and backward, in the order of the space; seeks, ranks
 *     and indexes fit that order;
 *   - so it is after the rows were written and read again. */

#include "fuzz.h"

#include <stdlib.h>

#include "base/panic.h"
#include "keyspace/cache.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"

const char fuzz_corpus[] = "object";
const uint64_t fuzz_rounds = 10000;
const char *const fuzz_words[] = {
    "\x00\x01k\x05v", "\x00\x02kk\xff", "\x10\x01k", "\x20", "\x30\x01k", "\x00\x08\x80\x00\x00\x00"
    "\x00\x00\x00\x00\x01", "\xff", "\x80", "\x00", NULL,
};

#define ROUNDS_OF_A_WORLD 1000 /* so that what was deleted does not fill the memory */
#define MODEL_MAX 300
#define SUBKEY_MAX 15
#define VALUE_MAX 1023
#define FAR_MS 1000000

/* What a type may hold: its spaces, the first of which counts. */
static const struct kind {
    enum type type;
    enum encoding encoding;
    uint8_t spaces[3]; /* 0: none */
} kinds[] = {
    {TYPE_LIST, ENCODING_QUICKLIST, {SPACE_ELEMENT}},
    {TYPE_SET, ENCODING_HASHTABLE, {SPACE_MEMBER}},
    {TYPE_SET, ENCODING_INTSET, {SPACE_MEMBER}},
    {TYPE_ZSET, ENCODING_LISTPACK, {SPACE_MEMBER}},
    {TYPE_HASH, ENCODING_LISTPACK, {SPACE_FIELD}},
    {TYPE_STREAM, ENCODING_STREAM, {SPACE_ENTRY, SPACE_NODE, SPACE_GROUP}},
};

struct model_element {
    uint8_t space;
    uint8_t subkey[SUBKEY_MAX + INT64_DIGITS], value[VALUE_MAX];
    size_t subkey_size, value_size;
    uint64_t deadline;
    bool is_met;
};

static struct {
    struct kv_mem_disk *disk;
    struct kv *kv;
    struct cache *cache;
    struct keyspace *keyspace;
    uint64_t rounds, index;
} world;

static const struct kind *kind;
static struct object sides[2]; /* packed while it can be; in rows */
static struct model_element model[MODEL_MAX];
static size_t model_count;

/* --- the world -------------------------------------------------------------------------------- */

static void world_open(void)
{
    static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct error e;
    world.disk = kv_mem_disk_new(1);
    if (kv_open(kv_mem_disk(world.disk), &options, &world.kv, &e) != STATUS_OK)
        panic("%s", e.text);
    world.cache = cache_new(world.kv, 64 << 20);
    world.keyspace = keyspace_open(world.cache, hash_key);
    world.index = 0;
}

static void world_close(void)
{
    keyspace_close(world.keyspace);
    cache_free(world.cache);
    kv_close(world.kv);
    kv_mem_disk_free(world.disk);
}

static void open_side(size_t i)
{
    static const struct bytes names[] = {{(const uint8_t *)"packed", 6},
                                         {(const uint8_t *)"rows", 4}};
    struct object *o = &sides[i];
    const bool is_there = object_open(world.keyspace, 0, names[i], o);
    CHECK(is_there == (model_count > 0 || (o->type == TYPE_STREAM && is_there)));
    if (!is_there)
        object_create(o, kind->type, kind->encoding);
    CHECK(o->type == kind->type);
    if (i == 1)
        o->packed_max_bytes = 0;
}

static void reopen(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++) {
        object_save(&sides[i]);
        object_close(&sides[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++)
        open_side(i);
}

static void drop(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++) {
        object_delete(&sides[i]);
        object_close(&sides[i]);
    }
    model_count = 0;
}

/* --- the model -------------------------------------------------------------------------------- */

static struct bytes subkey_of(const struct model_element *e)
{
    return bytes_of(e->subkey, e->subkey_size);
}

static struct bytes value_of(const struct model_element *e)
{
    return bytes_of(e->value, e->value_size);
}

static struct model_element *find(uint8_t space, struct bytes subkey)
{
    for (size_t i = 0; i < model_count; i++)
        if (model[i].space == space && bytes_equal(subkey_of(&model[i]), subkey))
            return &model[i];
    return NULL;
}

static size_t count_of(uint8_t space)
{
    size_t count = 0;
    for (size_t i = 0; i < model_count; i++)
        count += model[i].space == space;
    return count;
}

/* --- what the bytes say ----------------------------------------------------------------------- */

/* Space, subkey, value of one step; false: there are no more bytes. */
static bool read_element(struct reader *r, uint8_t op, struct model_element *e)
{
    const size_t size = reader_u8(r) % (SUBKEY_MAX + 1);
    const struct bytes text = reader_bytes(r, MIN(size, reader_left(r)));
    *e = (struct model_element){.space = kind->spaces[op % 4 % ARRAY_COUNT(kind->spaces)]};
    if (e->space == 0)
        e->space = kind->spaces[0];
    if (kind->encoding == ENCODING_INTSET) {
        uint64_t number = 0;
        for (size_t i = 0; i < MIN(text.size, (size_t)8); i++)
            number = number << 8 | bytes_data(text)[i];
        char digits[INT64_DIGITS];
        const struct bytes decimal = bytes_from_int64((int64_t)number, digits);
        memcpy(e->subkey, decimal.data, decimal.size);
        e->subkey_size = decimal.size;
    } else if (text.size > 0) {
        memcpy(e->subkey, text.data, text.size);
        e->subkey_size = text.size;
    }
    const uint8_t fill = reader_u8(r);
    e->value_size = kind->type == TYPE_SET    ? 0
                    : kind->type == TYPE_ZSET ? 8
                                              : (size_t)(op % 4 == 3 ? VALUE_MAX : fill % 32);
    memset(e->value, fill, e->value_size);
    return !r->failed;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void put(const struct model_element *e)
{
    struct model_element *old = find(e->space, subkey_of(e));
    if (old == NULL && model_count == MODEL_MAX)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++) {
        const bool is_new = object_put(&sides[i], e->space, subkey_of(e), value_of(e));
        CHECK(is_new == (old == NULL));
    }
    const uint64_t deadline = old == NULL ? 0 : old->deadline;
    if (old == NULL)
        old = &model[model_count++];
    *old = *e;
    old->deadline = deadline;
}

static void del(const struct model_element *e)
{
    struct model_element *old = find(e->space, subkey_of(e));
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++) {
        const bool was_there = object_del(&sides[i], e->space, subkey_of(e));
        CHECK(was_there == (old != NULL));
    }
    if (old != NULL)
        *old = model[--model_count];
}

static void set_deadline(const struct model_element *e)
{
    struct model_element *old = find(e->space, subkey_of(e));
    if (kind->type != TYPE_HASH || old == NULL)
        return;
    old->deadline = e->value_size == 0 ? 0 : FAR_MS + e->value_size;
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++)
        object_set_field_deadline(&sides[i], subkey_of(e), old->deadline);
}

/* --- what must hold --------------------------------------------------------------------------- */

static bool is_ordered(uint8_t space)
{
    return space != SPACE_FIELD && space != SPACE_MEMBER;
}

/* An element of a walk, as the model has it. */
static struct model_element *find_walked(uint8_t space, struct bytes subkey, struct bytes value)
{
    struct model_element *e;
    if (space == SPACE_SCORE) {
        CHECK(subkey.size >= 8);
        e = find(SPACE_MEMBER, bytes_from(subkey, 8));
        CHECK(e != NULL);
        CHECK(bytes_equal(value_of(e), bytes_of(subkey.data, 8)));
        return e;
    }
    e = find(space, subkey);
    CHECK(e != NULL);
    CHECK(bytes_equal(value_of(e), value));
    return e;
}

static struct buf walked[MODEL_MAX]; /* subkeys of the last walk forward */

static void check_walk(struct object *o, uint8_t space, enum direction direction)
{
    const size_t count = count_of(space == SPACE_SCORE ? SPACE_MEMBER : space);
    struct object_cursor cursor;
    struct bytes subkey, value;
    size_t n = 0;
    for (size_t i = 0; i < model_count; i++)
        model[i].is_met = false;
    object_seek(o, &cursor, space, BYTES_NONE, direction);
    for (; object_next(&cursor, &subkey, &value); n++) {
        CHECK(n < count);
        struct model_element *e = find_walked(space, subkey, value);
        CHECK(!e->is_met);
        e->is_met = true;
        if (direction == BACKWARD) {
            CHECK(bytes_equal(subkey, buf_bytes(&walked[count - 1 - n])));
            continue;
        }
        if (n > 0 && is_ordered(space))
            CHECK(bytes_compare(buf_bytes(&walked[n - 1]), subkey) < 0);
        buf_reset(&walked[n]);
        buf_append_bytes(&walked[n], subkey);
    }
    CHECK(n == count);
    object_cursor_close(&cursor);
}

/* From each element on, and, in the order of scores, where its index says. */
static void check_seeks(struct object *o, uint8_t space)
{
    const size_t count = count_of(space == SPACE_SCORE ? SPACE_MEMBER : space);
    struct object_cursor cursor;
    struct bytes subkey, value;
    for (size_t n = 0; n < count; n += 1 + count / 8) {
        const struct bytes want = buf_bytes(&walked[n]);
        for (enum direction d = FORWARD; d <= BACKWARD; d++) {
            object_seek(o, &cursor, space, want.size > 0 ? want : BYTES(""), d);
            const bool found = object_next(&cursor, &subkey, &value);
            CHECK(found);
            CHECK(want.size == 0 || bytes_equal(subkey, want));
            object_cursor_close(&cursor);
        }
        if (space != SPACE_SCORE)
            continue;
        CHECK(object_rank(o, space, want) == n);
        object_seek_index(o, &cursor, space, n, FORWARD);
        const bool found = object_next(&cursor, &subkey, &value);
        CHECK(found);
        CHECK(bytes_equal(subkey, want));
        object_cursor_close(&cursor);
    }
}

static void check_space(struct object *o, uint8_t space)
{
    check_walk(o, space, FORWARD);
    check_seeks(o, space);
    check_walk(o, space, BACKWARD);
}

static void check_side(struct object *o)
{
    CHECK(object_count(o) == count_of(kind->spaces[0]));
    for (size_t i = 0; i < model_count; i++) {
        struct bytes value;
        const bool is_there = object_get(o, model[i].space, subkey_of(&model[i]), &value);
        CHECK(is_there);
        CHECK(bytes_equal(value, value_of(&model[i])));
        if (kind->type == TYPE_HASH)
            CHECK(object_field_deadline(o, subkey_of(&model[i])) == model[i].deadline);
    }
    for (size_t i = 0; i < ARRAY_COUNT(kind->spaces) && kind->spaces[i] != 0; i++)
        check_space(o, kind->spaces[i]);
    if (kind->type == TYPE_ZSET)
        check_space(o, SPACE_SCORE);
}

static void check_all(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(sides); i++)
        check_side(&sides[i]);
}

static void take_steps(struct reader *r)
{
    for (uint32_t steps = 0; reader_left(r) > 0 && steps < 2 * MODEL_MAX; steps++) {
        struct model_element e;
        const uint8_t op = reader_u8(r);
        if (!read_element(r, op, &e))
            return;
        switch (op / 16 % 8) {
        case 1: del(&e); break;
        case 2: reopen(); break;
        case 3: set_deadline(&e); break;
        default: put(&e); break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (world.rounds++ % ROUNDS_OF_A_WORLD == 0) {
        if (world.rounds > 1)
            world_close();
        world_open();
    }
    struct reader r;
    reader_init(&r, bytes_of(data + 1, size - 1));
    kind = &kinds[data[0] % ARRAY_COUNT(kinds)];
    keyspace_entry_begin(world.keyspace, ++world.index, 1, 1);
    keyspace_request_begin(world.keyspace, 1);
    open_side(0);
    open_side(1);
    take_steps(&r);
    check_all();
    reopen();
    check_all();
    drop();
    keyspace_entry_end(world.keyspace);
    cache_turn(world.cache);
    return 0;
}
