/* test_table.c -- the hash table against a plain array of who is in it, by random operations. */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/prng.h"
#include "keyspace/table.h"

#define ITEMS 20000
#define OPERATIONS 200000

struct item {
    struct node node;
    char key[12];
};

struct world {
    struct table table;
    struct item items[ITEMS];
    bool is_there[ITEMS];
    size_t count;
};

static struct bytes key_of(const struct item *item)
{
    return bytes_of(item->key, item->node.key_size);
}

static struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    table_init(&w->table, offsetof(struct item, key));
    for (size_t i = 0; i < ITEMS; i++)
        w->items[i].node.key_size =
            (uint32_t)snprintf(w->items[i].key, sizeof(w->items[i].key), "%zu", i);
    return w;
}

static void world_free(struct world *w)
{
    table_clear(&w->table);
    free(w);
}

static void change(struct world *w, size_t i)
{
    struct item *item = &w->items[i];
    const uint32_t hash = table_hash(key_of(item));
    struct node **slot = table_find(&w->table, key_of(item), hash);
    assert_int_equal(slot != NULL, w->is_there[i]);
    if (slot == NULL) {
        table_insert(&w->table, &item->node, hash);
        w->count++;
    } else {
        assert_ptr_equal(*slot, &item->node);
        table_remove(&w->table, hash, slot);
        w->count--;
    }
    w->is_there[i] = !w->is_there[i];
}

static void check_all(struct world *w)
{
    assert_int_equal(w->table.count, w->count);
    for (size_t i = 0; i < ITEMS; i++) {
        const struct bytes key = key_of(&w->items[i]);
        struct node **slot = table_find(&w->table, key, table_hash(key));
        assert_int_equal(slot != NULL, w->is_there[i]);
        if (slot != NULL)
            assert_ptr_equal(*slot, &w->items[i].node);
    }
    size_t walked = 0;
    for (size_t bucket = 0; bucket < table_bucket_count(&w->table); bucket++)
        for (size_t place = 0; place < table_bucket_size(&w->table, bucket); place++) {
            struct node *n = *table_slot(&w->table, bucket, place);
            assert_true(w->is_there[container_of(n, struct item, node) - w->items]);
            walked++;
        }
    assert_int_equal(walked, w->count);
}

/* It grows to some thousand buckets, falls to few items and grows again. */
static void holds_what_was_put_and_not_taken_out(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct prng p;
    prng_seed(&p, 1);
    for (size_t n = 0; n < OPERATIONS; n++) {
        const size_t wave = n / (OPERATIONS / 8) % 2 == 0 ? ITEMS : ITEMS / 50;
        size_t i = (size_t)prng_below(&p, ITEMS);
        if (w->is_there[i] && i < wave && prng_chance(&p, 3, 4))
            i = (size_t)prng_below(&p, ITEMS); /* more come than go */
        if (w->is_there[i] || i < wave)
            change(w, i);
        if (n % (OPERATIONS / 40) == 0)
            check_all(w);
    }
    check_all(w);
    world_free(w);
}

static void a_walk_down_may_take_out_what_it_comes_to(void **state)
{
    (void)state;
    struct world *w = world_new();
    for (size_t i = 0; i < ITEMS; i++)
        change(w, i);
    size_t longest = 0;
    for (size_t bucket = 0; bucket < table_bucket_count(&w->table); bucket++) {
        longest = MAX(longest, table_bucket_size(&w->table, bucket));
        for (size_t place = table_bucket_size(&w->table, bucket); place-- > 0;) {
            struct node *n = *table_slot(&w->table, bucket, place);
            const size_t i = (size_t)(container_of(n, struct item, node) - w->items);
            if (i % 3 == 0)
                continue;
            table_remove_at(&w->table, bucket, place);
            w->is_there[i] = false;
            w->count--;
        }
    }
    assert_true(longest > 2 * TABLE_SLOTS - 1); /* three buckets in a row were among them */
    check_all(w);
    world_free(w);
}

static void an_item_is_replaced_in_its_slot(void **state)
{
    (void)state;
    struct world *w = world_new();
    for (size_t i = 0; i < ITEMS; i++)
        change(w, i);
    struct item other = w->items[77];
    const struct bytes key = key_of(&other);
    *table_find(&w->table, key, table_hash(key)) = &other.node;
    assert_ptr_equal(*table_find(&w->table, key, table_hash(key)), &other.node);
    assert_int_equal(w->table.count, ITEMS);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_put_and_not_taken_out),
        cmocka_unit_test(a_walk_down_may_take_out_what_it_comes_to),
        cmocka_unit_test(an_item_is_replaced_in_its_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
