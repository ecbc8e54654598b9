/* table.c -- linear hashing: see table.h. */

#include "keyspace/table.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"

#define FIRST_BUCKETS ((size_t)8)
#define SEGMENT_BUCKETS ((size_t)4096) /* the first segment is smaller while the table is */
#define EACH_BYTE UINT64_C(0x0101010101010101)
#define TAG_ENDS UINT64_C(0x0080808080808080) /* the highest bit of each tag */

static struct table_bucket *buckets_new(size_t count)
{
    struct table_bucket *b = aligned_alloc(sizeof(*b), count * sizeof(*b)); /* a cache line each */
    CHECK(b != NULL);
    memset(b, 0, count * sizeof(*b));
    return b;
}

void table_init(struct table *t, size_t key_offset)
{
    *t = (struct table){.key_offset = key_offset, .mask = FIRST_BUCKETS - 1};
    t->segments = xmalloc(sizeof(*t->segments));
    /* Twice the buckets in use: the upper half is where splits go. */
    t->segments[0] = buckets_new(2 * FIRST_BUCKETS);
}

static struct table_bucket *bucket_at(const struct table *t, size_t bucket)
{
    return &t->segments[bucket / SEGMENT_BUCKETS][bucket % SEGMENT_BUCKETS];
}

static size_t bucket_of(const struct table *t, uint32_t hash)
{
    const size_t bucket = hash & t->mask;
    return bucket < t->split ? hash & (2 * t->mask + 1) : bucket;
}

/* Of the hash's upper end; the lower one finds the bucket. */
static uint8_t tag_of(uint32_t hash)
{
    const uint8_t tag = (uint8_t)(hash >> 24);
    return tag == 0 ? 1 : tag;
}

static size_t slot_count(const struct table_bucket *b)
{
    return b->is_full ? TABLE_SLOTS - 1 : TABLE_SLOTS;
}

static struct table_bucket *more_of(const struct table_bucket *b)
{
    return b->is_full ? b->slots[TABLE_SLOTS - 1].more : NULL;
}

static void free_more(struct table_bucket *b)
{
    for (struct table_bucket *more = more_of(b); more != NULL;) {
        struct table_bucket *next = more_of(more);
        free(more);
        more = next;
    }
}

void table_clear(struct table *t)
{
    if (t->segments == NULL)
        return;
    const size_t count = table_bucket_count(t);
    for (size_t bucket = 0; bucket < count; bucket++)
        free_more(bucket_at(t, bucket));
    for (size_t segment = 0; segment * SEGMENT_BUCKETS < count; segment++)
        free(t->segments[segment]);
    free(t->segments);
    *t = (struct table){0};
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    const __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

/* Multiply and fold, eight bytes at a time; the last eight overlap those before. The odd constants
 * are digits of pi. */
uint32_t table_hash(struct bytes key)
{
    const uint64_t first = 0x243f6a8885a308d3u, second = 0x13198a2e03707345u;
    const uint8_t *p = key.data;
    size_t left = key.size;
    uint64_t h = first ^ key.size;
    if (left < 8) {
        uint64_t word = 0;
        if (left > 0)
            memcpy(&word, p, left);
        h = mix(h ^ word, second);
    } else {
        for (; left > 8; left -= 8, p += 8)
            h = mix(h ^ word_at(p), second);
        h = mix(h ^ word_at(p + left - 8), second);
    }
    h = mix(h, first);
    return (uint32_t)(h ^ h >> 32);
}

/* --- one bucket ------------------------------------------------------------------------------- */

static bool has_key(const struct table *t, const struct node *n, struct bytes key)
{
    /* Key and value lie in the next lines: they come together with the first, not after it. */
    __builtin_prefetch((const uint8_t *)n + 64);
    __builtin_prefetch((const uint8_t *)n + 128);
    return n->key_size == key.size &&
           memcmp((const uint8_t *)n + t->key_offset, key.data, key.size) == 0;
}

struct node **table_find(const struct table *t, struct bytes key, uint32_t hash)
{
    const uint64_t wanted = EACH_BYTE * tag_of(hash);
    struct table_bucket *b = bucket_at(t, bucket_of(t, hash));
    for (; b != NULL; b = more_of(b)) {
        /* Bytes of differ that are zero, and perhaps some above: those are looked at in vain. */
        const uint64_t differ = get_le64((const uint8_t *)b) ^ wanted;
        uint64_t found = (differ - EACH_BYTE) & ~differ & TAG_ENDS;
        for (; found != 0; found &= found - 1) {
            const size_t i = (size_t)__builtin_ctzll(found) / 8;
            if (b->tags[i] != 0 && has_key(t, b->slots[i].node, key))
                return &b->slots[i].node;
        }
    }
    return NULL;
}

static size_t size_of(const struct table_bucket *b) /* without more */
{
    size_t size = slot_count(b);
    while (size > 0 && b->tags[size - 1] == 0)
        size--;
    return size;
}

static void put_at(struct table_bucket *b, size_t i, uint8_t tag, struct node *n)
{
    b->tags[i] = tag;
    b->slots[i].node = n;
}

static void put(struct table_bucket *b, uint8_t tag, struct node *n)
{
    while (b->is_full)
        b = more_of(b);
    const size_t size = size_of(b);
    if (size < TABLE_SLOTS) {
        put_at(b, size, tag, n);
        return;
    }
    const size_t last = TABLE_SLOTS - 1;
    struct table_bucket *more = buckets_new(1);
    put_at(more, 0, b->tags[last], b->slots[last].node);
    put_at(more, 1, tag, n);
    b->tags[last] = 0;
    b->is_full = true;
    b->slots[last].more = more;
}

/* The bucket of a place, which becomes the one within it. */
static struct table_bucket *find_place(const struct table *t, size_t bucket, size_t *place)
{
    struct table_bucket *b = bucket_at(t, bucket);
    for (; *place >= slot_count(b); b = more_of(b)) {
        CHECK(b->is_full);
        *place -= slot_count(b);
    }
    CHECK(b->tags[*place] != 0);
    return b;
}

size_t table_bucket_size(const struct table *t, size_t bucket)
{
    size_t size = 0;
    const struct table_bucket *b = bucket_at(t, bucket);
    for (; b->is_full; b = more_of(b))
        size += TABLE_SLOTS - 1;
    return size + size_of(b);
}

struct node **table_slot(const struct table *t, size_t bucket, size_t place)
{
    struct table_bucket *b = find_place(t, bucket, &place);
    return &b->slots[place].node;
}

/* Takes the last item out of the bucket. */
static struct node *take_last(struct table_bucket *b, uint8_t *tag)
{
    struct table_bucket *before = NULL;
    for (; b->is_full; b = more_of(b))
        before = b;
    const size_t size = size_of(b), last = size - 1;
    CHECK(size > 0);
    struct node *n = b->slots[last].node;
    *tag = b->tags[last];
    b->tags[last] = 0;
    if (before != NULL && last == 1) { /* the one that is left fits where it came from */
        before->is_full = false;
        put_at(before, TABLE_SLOTS - 1, b->tags[0], b->slots[0].node);
        free(b);
    }
    return n;
}

void table_remove_at(struct table *t, size_t bucket, size_t place)
{
    const size_t last = table_bucket_size(t, bucket) - 1;
    CHECK(place <= last);
    uint8_t tag;
    struct node *n = take_last(bucket_at(t, bucket), &tag);
    if (place < last) {
        struct table_bucket *b = find_place(t, bucket, &place);
        put_at(b, place, tag, n);
    }
    t->count--;
}

void table_remove(struct table *t, uint32_t hash, struct node **slot)
{
    const size_t bucket = bucket_of(t, hash);
    const struct node *n = *slot;
    size_t place = table_bucket_size(t, bucket) - 1;
    while (*table_slot(t, bucket, place) != n)
        place--;
    table_remove_at(t, bucket, place);
}

/* --- growing ---------------------------------------------------------------------------------- */

/* Room for the buckets up to count. */
static void grow(struct table *t, size_t count)
{
    const size_t had = (count - 1) / 2 + 1; /* count doubles */
    CHECK(count == 2 * had);
    if (count <= SEGMENT_BUCKETS) {
        struct table_bucket *wider = buckets_new(count);
        memcpy(wider, t->segments[0], had * sizeof(*wider));
        free(t->segments[0]);
        t->segments[0] = wider;
    } else {
        t->segments = xrealloc(t->segments, count / SEGMENT_BUCKETS * sizeof(*t->segments));
    }
}

/* Of the bucket that is split next: by then they have come. */
static void ask_for_items(const struct table_bucket *b)
{
    for (size_t i = 0; i < slot_count(b) && b->tags[i] != 0; i++)
        __builtin_prefetch(b->slots[i].node);
}

static void split_one(struct table *t)
{
    const size_t bucket = t->split, new_bucket = t->mask + 1 + t->split;
    if (new_bucket >= SEGMENT_BUCKETS && new_bucket % SEGMENT_BUCKETS == 0)
        t->segments[new_bucket / SEGMENT_BUCKETS] = buckets_new(SEGMENT_BUCKETS);
    struct table_bucket *low = bucket_at(t, bucket), *high = bucket_at(t, new_bucket);
    const struct table_bucket old = *low;
    *low = (struct table_bucket){0};
    for (const struct table_bucket *b = &old; b != NULL; b = more_of(b))
        for (size_t i = 0, count = size_of(b); i < count; i++) {
            struct node *n = b->slots[i].node;
            const bool is_high = (table_hash(table_key(t, n)) & (t->mask + 1)) != 0;
            put(is_high ? high : low, b->tags[i], n);
        }
    free_more((struct table_bucket *)&old);
    if (++t->split > t->mask) { /* all are split: the next round begins */
        t->mask = 2 * t->mask + 1;
        t->split = 0;
        grow(t, 2 * (t->mask + 1));
    }
    ask_for_items(bucket_at(t, t->split));
}

void table_insert(struct table *t, struct node *n, uint32_t hash)
{
    if (++t->count > TABLE_LOAD * table_bucket_count(t))
        split_one(t);
    put(bucket_at(t, bucket_of(t, hash)), tag_of(hash), n);
}
