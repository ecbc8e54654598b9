/* access.c -- see access.h. */

#include "keyspace/access.h"

#include <stdlib.h>

#include "base/panic.h"

#define LINES 16384
#define LINE_BITS 14
#define WAYS 7
#define COUNTER_MAX 255

struct place {
    uint32_t tag; /* 0: free */
    uint32_t value;
};

struct line {
    uint32_t forgotten_s; /* no key that it has forgotten was used later */
    uint32_t unused;
    struct place places[WAYS];
};

struct access {
    enum access_kept kept;
    uint64_t since_s;
    struct prng chance; /* decides nothing that another node sees */
    struct line lines[LINES];
};

struct access *access_new(void)
{
    struct access *a = xcalloc(1, sizeof(*a));
    prng_seed(&a->chance, 1);
    return a;
}

void access_free(struct access *a)
{
    free(a);
}

void access_reset(struct access *a, uint64_t now_s)
{
    memset(a->lines, 0, sizeof(a->lines));
    a->since_s = now_s;
}

void access_keep(struct access *a, enum access_kept kept, uint64_t now_s)
{
    if (a->kept == kept)
        return;
    access_reset(a, now_s);
    a->kept = kept;
}

/* --- places ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t key)
{
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 32;
}

static struct line *line_of(struct access *a, uint64_t key)
{
    return &a->lines[mix(key) >> (64 - LINE_BITS)];
}

static uint32_t tag_of(uint64_t key)
{
    return (uint32_t)mix(key) | 1;
}

static struct place *find(struct access *a, uint64_t key)
{
    struct line *line = line_of(a, key);
    const uint32_t tag = tag_of(key);
    for (size_t i = 0; i < WAYS; i++)
        if (line->places[i].tag == tag)
            return &line->places[i];
    return NULL;
}

/* --- frequencies ------------------------------------------------------------------------------ */

static uint32_t pack(uint8_t counter, uint64_t now_s)
{
    return (uint32_t)(now_s / 60) << 8 | counter;
}

/* As Redis's LFUDecrAndReturn: one less for each minute that has passed. */
static uint8_t decayed(uint32_t value, uint64_t now_s)
{
    const uint32_t minutes = ((uint32_t)(now_s / 60) - (value >> 8)) & 0xffffff;
    const uint32_t periods = minutes / ACCESS_DECAY_MINUTES, counter = value & COUNTER_MAX;
    return (uint8_t)(counter - MIN(counter, periods));
}

/* As Redis's LFULogIncr: the higher, the less likely. */
static uint8_t raised(struct access *a, uint8_t counter)
{
    if (counter == COUNTER_MAX)
        return counter;
    const uint32_t above = counter - MIN(counter, ACCESS_NEW_COUNTER);
    return (uint8_t)(counter + prng_chance(&a->chance, 1, above * ACCESS_LOG_FACTOR + 1));
}

/* --- in and out ------------------------------------------------------------------------------- */

static uint32_t warmth(const struct access *a, const struct place *p, uint64_t now_s)
{
    if (p->tag == 0)
        return 0;
    return a->kept == ACCESS_TIME ? p->value : decayed(p->value, now_s);
}

/* A place for a key that has none: a free one, or the coldest. */
static struct place *take(struct access *a, uint64_t key, uint64_t now_s)
{
    struct line *line = line_of(a, key);
    struct place *coldest = &line->places[0];
    for (size_t i = 0; i < WAYS && coldest->tag != 0; i++)
        if (line->places[i].tag == 0 ||
            warmth(a, &line->places[i], now_s) < warmth(a, coldest, now_s))
            coldest = &line->places[i];
    if (coldest->tag != 0) {
        const uint32_t used_s = a->kept == ACCESS_TIME ? coldest->value : (uint32_t)now_s;
        line->forgotten_s = MAX(line->forgotten_s, used_s);
    }
    coldest->tag = tag_of(key);
    return coldest;
}

static void put(struct access *a, uint64_t key, uint32_t value, uint64_t now_s)
{
    struct place *p = find(a, key);
    if (p == NULL)
        p = take(a, key, now_s);
    p->value = value;
}

void access_note(struct access *a, uint64_t key, uint64_t now_s)
{
    struct place *p = find(a, key);
    if (p == NULL)
        take(a, key, now_s)->value =
            a->kept == ACCESS_TIME ? (uint32_t)now_s : pack(ACCESS_NEW_COUNTER, now_s);
    else if (a->kept == ACCESS_TIME)
        p->value = (uint32_t)now_s;
    else
        p->value = pack(raised(a, decayed(p->value, now_s)), now_s);
}

void access_forget(struct access *a, uint64_t key)
{
    struct place *p = find(a, key);
    if (p != NULL)
        *p = (struct place){0};
}

/* When a key that is not remembered may have been used last. */
static uint64_t unknown_since(struct access *a, uint64_t key)
{
    return MAX(a->since_s, (uint64_t)line_of(a, key)->forgotten_s);
}

uint64_t access_idle_s(struct access *a, uint64_t key, uint64_t now_s)
{
    if (a->kept != ACCESS_TIME)
        return 0;
    const struct place *p = find(a, key);
    const uint64_t used_s = p != NULL ? p->value : unknown_since(a, key);
    return now_s - MIN(now_s, used_s);
}

void access_set_idle(struct access *a, uint64_t key, uint64_t idle_s, uint64_t now_s)
{
    if (a->kept == ACCESS_TIME)
        put(a, key, (uint32_t)(now_s - MIN(now_s, idle_s)), now_s);
}

uint8_t access_frequency(struct access *a, uint64_t key, uint64_t now_s)
{
    const struct place *p = a->kept == ACCESS_FREQUENCY ? find(a, key) : NULL;
    return decayed(p != NULL ? p->value : pack(ACCESS_NEW_COUNTER, unknown_since(a, key)), now_s);
}

void access_set_frequency(struct access *a, uint64_t key, uint8_t counter, uint64_t now_s)
{
    if (a->kept == ACCESS_FREQUENCY)
        put(a, key, pack(counter, now_s), now_s);
}
