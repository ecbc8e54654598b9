/* table.c -- linear hashing: see table.h. */

#include "keyspace/table.h"

#include <stdlib.h>

#include "base/panic.h"

#define FIRST_BUCKETS 64

void table_init(struct table *t, size_t key_offset)
{
    *t = (struct table){.key_offset = key_offset, .mask = FIRST_BUCKETS - 1};
    /* Twice the buckets in use: the upper half is where splits go. */
    t->buckets = xcalloc(2 * (size_t)FIRST_BUCKETS, sizeof(*t->buckets));
}

void table_clear(struct table *t)
{
    free(t->buckets);
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

struct node **table_find(const struct table *t, struct bytes key, uint32_t hash)
{
    struct node **link = &t->buckets[table_bucket(t, hash)];
    for (struct node *n = *link; n != NULL; link = &n->next, n = *link) {
        /* Key and value lie in the next lines: they come together with the first, not after it. */
        __builtin_prefetch((const uint8_t *)n + 64);
        __builtin_prefetch((const uint8_t *)n + 128);
        if (n->hash == hash && n->key_size == key.size &&
            memcmp((const uint8_t *)n + t->key_offset, key.data, key.size) == 0)
            break;
    }
    return link;
}

static void split_one(struct table *t)
{
    const size_t low = t->split, high = t->mask + 1 + t->split;
    struct node *n = t->buckets[low];
    t->buckets[low] = NULL;
    t->buckets[high] = NULL; /* was not yet in use, nor set */
    while (n != NULL) {
        struct node *next = n->next;
        struct node **to = &t->buckets[(n->hash & (t->mask + 1)) != 0 ? high : low];
        n->next = *to;
        *to = n;
        n = next;
    }
    if (++t->split <= t->mask)
        return;
    /* All are split: the next round begins, with room for as many buckets again. */
    const size_t count = 2 * (t->mask + 1);
    t->buckets = xrealloc(t->buckets, 2 * count * sizeof(*t->buckets));
    t->mask = count - 1;
    t->split = 0;
}

void table_insert(struct table *t, struct node *n)
{
    if (2 * ++t->count > table_bucket_count(t))
        split_one(t);
    struct node **bucket = &t->buckets[table_bucket(t, n->hash)];
    n->next = *bucket;
    *bucket = n;
}

void table_remove(struct table *t, struct node **link)
{
    CHECK(*link != NULL);
    *link = (*link)->next;
    t->count--;
}
