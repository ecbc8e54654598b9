/* batch.c -- batches and their pool. */

#include "node/batch.h"

#include <stdlib.h>

#include "base/panic.h"
#include "node/block.h"
#include "node/shard.h"

#define SPARE_BYTES_MAX ((size_t)2 << 20) /* of more memory than a batch needs none is kept */

void batch_pool_init(struct batch_pool *pool)
{
    *pool = (struct batch_pool){0};
    queue_init(&pool->batches);
}

void batch_pool_clear(struct batch_pool *pool)
{
    struct queue_node *node;
    while ((node = queue_pop_front(&pool->batches)) != NULL) {
        struct batch *b = container_of(node, struct batch, node);
        free(b->chunks);
        buf_clear(&b->requests);
        free(b);
    }
    while (pool->chunks != NULL) {
        struct pending_chunk *next = pool->chunks->next;
        free(pool->chunks);
        pool->chunks = next;
    }
    buf_clear(&pool->spare);
}

struct batch *batch_new(struct batch_pool *pool)
{
    struct queue_node *node = queue_pop_front(&pool->batches);
    struct batch *b = NULL;
    if (node != NULL) {
        b = container_of(node, struct batch, node);
    } else {
        b = xcalloc(1, sizeof(*b));
        b->node.next = b->node.prev = &b->node; /* in no queue */
    }
    if (b->requests.memory == NULL) {
        b->requests = pool->spare;
        pool->spare = (struct buf){0};
    }
    return b;
}

static void give_chunk(struct batch_pool *pool, struct pending_chunk *chunk)
{
    chunk->next = pool->chunks;
    pool->chunks = chunk;
}

void batch_free(struct batch_pool *pool, struct batch *b)
{
    if (b == NULL)
        return;
    CHECK(b->due == NULL);
    queue_remove(&b->node);
    block_unref(b->block);
    for (uint32_t i = 0; i < b->chunk_count; i++)
        give_chunk(pool, b->chunks[i]);
    CHECK(pool->requests >= b->count);
    CHECK(pool->bytes >= b->size);
    pool->requests -= b->count;
    pool->bytes -= b->size;
    batch_bytes_done(pool, b);

    struct pending_chunk **chunks = b->chunks;
    const uint32_t chunk_capacity = b->chunk_capacity;
    *b = (struct batch){.chunks = chunks, .chunk_capacity = chunk_capacity};
    queue_push_front(&pool->batches, &b->node);
}

void batch_bytes_done(struct batch_pool *pool, struct batch *b)
{
    if (pool->spare.memory == NULL && b->requests.capacity <= SPARE_BYTES_MAX) {
        buf_reset(&b->requests);
        pool->spare = b->requests;
        b->requests = (struct buf){0};
    }
    buf_clear(&b->requests);
}

static void add_chunk(struct batch_pool *pool, struct batch *b)
{
    if (b->chunk_count == b->chunk_capacity) {
        b->chunk_capacity = MAX(8, b->chunk_capacity * 2);
        b->chunks = xrealloc(b->chunks, b->chunk_capacity * sizeof(struct pending_chunk *));
    }
    struct pending_chunk *chunk = pool->chunks;
    if (chunk != NULL)
        pool->chunks = chunk->next;
    else
        chunk = xmalloc(sizeof(*chunk));
    b->chunks[b->chunk_count++] = chunk;
}

struct pending *batch_record(const struct batch *b, uint32_t n)
{
    CHECK(n < b->count);
    return &b->chunks[n / RECORDS_PER_CHUNK]->records[n % RECORDS_PER_CHUNK];
}

struct pending *batch_add_record(struct batch_pool *pool, struct batch *b)
{
    if (b->count == b->chunk_count * RECORDS_PER_CHUNK)
        add_chunk(pool, b);
    b->count++;
    pool->requests++;
    struct pending *record = batch_record(b, b->count - 1);
    *record = (struct pending){0};
    return record;
}

void batch_add(struct batch_pool *pool, struct batch *b, const struct request *r,
               const struct pending *record)
{
    const size_t before = b->requests.size;
    request_encode(&b->requests, r);
    const size_t size = b->requests.size - before;
    b->size += size;
    pool->bytes += size;
    struct pending *own = batch_add_record(pool, b);
    *own = *record;
    if (own->slot != NULL)
        own->slot->pending = own;
}

void pending_move(struct pending *to, struct pending *from)
{
    *to = *from;
    if (to->slot != NULL)
        to->slot->pending = to;
    from->slot = NULL;
}

void batch_take_front(struct batch_pool *pool, struct batch *b, uint32_t count, struct batch *to)
{
    CHECK(count <= b->count);
    CHECK(b->block == NULL);
    struct reader reader;
    reader_init(&reader, buf_bytes(&b->requests));
    for (uint32_t i = 0; i < count; i++) {
        pending_move(batch_add_record(pool, to), batch_record(b, i));
        const bool whole = request_pass(&reader);
        CHECK(whole);
    }
    for (uint32_t i = count; i < b->count; i++)
        pending_move(batch_record(b, i - count), batch_record(b, i));
    const size_t dropped = b->requests.size - reader_left(&reader);
    const size_t counted = MIN(dropped, b->size); /* of a large one, parts have left before */
    buf_consume(&b->requests, dropped);
    b->size -= counted;
    pool->bytes -= counted;
    b->count -= count;
    pool->requests -= count;
    while (b->chunk_count > (b->count + RECORDS_PER_CHUNK - 1) / RECORDS_PER_CHUNK)
        give_chunk(pool, b->chunks[--b->chunk_count]);
}

void batch_append(struct batch_pool *pool, struct batch *to, struct batch *from)
{
    buf_append_bytes(&to->requests, buf_bytes(&from->requests));
    for (uint32_t i = 0; i < from->count; i++)
        pending_move(batch_add_record(pool, to), batch_record(from, i));
    to->size += from->size;
    from->size = 0;
    batch_free(pool, from);
}
