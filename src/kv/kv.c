/* kv.c -- passes the calls of kv.h on to the backend, after a look at what the caller promised. */

#include "kv/kv.h"

#include "base/panic.h"
#include "kv/kv_backend.h"

enum status kv_open(struct disk *d, const struct kv_options *options, struct kv **kv,
                    struct error *e)
{
    CHECK(options->path != NULL);
    CHECK(!(options->read_only && options->create_if_missing));
    *kv = NULL;
    return d->ops->open_kv(d, options, kv, e);
}

void kv_close(struct kv *kv)
{
    if (kv != NULL)
        kv->ops->close(kv);
}

enum status kv_get(struct kv *kv, struct bytes key, struct buf *value, struct error *e)
{
    buf_reset(value);
    return kv->ops->get(kv, key, value, e);
}

enum status kv_get_many(struct kv *kv, struct kv_keys keys, struct kv_result *results,
                        struct buf *memory, struct error *e)
{
    buf_reset(memory);
    if (keys.count == 0)
        return STATUS_OK;
    return kv->ops->get_many(kv, keys, results, memory, e);
}

/* RocksDB takes neither an open end nor one before the beginning. */
static void check_range(struct bytes from, struct bytes to)
{
    CHECK(to.size > 0);
    CHECK(bytes_compare(from, to) <= 0);
}

enum status kv_write(struct kv *kv, const struct kv_change *changes, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++)
        if (changes[i].kind == KV_DELETE_RANGE)
            check_range(changes[i].key, changes[i].value);
    return kv->ops->write(kv, changes, count, e);
}

enum status kv_drop_range(struct kv *kv, struct kv_range range, uint64_t room, struct error *e)
{
    return kv->ops->drop_range(kv, range, room, e);
}

enum status kv_ingest(struct kv *kv, const struct kv_ingest *ingest, struct error *e)
{
    for (size_t i = 0; i < ingest->range_count; i++)
        check_range(ingest->ranges[i].from, ingest->ranges[i].to);
    return kv->ops->ingest(kv, ingest, e);
}

enum status kv_checkpoint(struct kv *kv, const char *path, struct error *e)
{
    return kv->ops->checkpoint(kv, path, e);
}

void kv_stats(struct kv *kv, struct kv_stats *stats, struct buf *text)
{
    *stats = (struct kv_stats){0};
    kv->ops->stats(kv, stats, text);
}

struct kv_iterator *kv_iterate(struct kv *kv, struct kv_range range)
{
    return kv->ops->iterate(kv, range);
}

bool kv_iterator_first(struct kv_iterator *i)
{
    return i->ops->first(i);
}

bool kv_iterator_last(struct kv_iterator *i)
{
    return i->ops->last(i);
}

bool kv_iterator_seek(struct kv_iterator *i, struct bytes key)
{
    return i->ops->seek(i, key);
}

bool kv_iterator_seek_back(struct kv_iterator *i, struct bytes key)
{
    return i->ops->seek_back(i, key);
}

bool kv_iterator_next(struct kv_iterator *i)
{
    return i->ops->next(i);
}

bool kv_iterator_prev(struct kv_iterator *i)
{
    return i->ops->prev(i);
}

struct bytes kv_iterator_key(const struct kv_iterator *i)
{
    return i->ops->key(i);
}

struct bytes kv_iterator_value(const struct kv_iterator *i)
{
    return i->ops->value(i);
}

enum status kv_iterator_status(const struct kv_iterator *i, struct error *e)
{
    return i->ops->status(i, e);
}

void kv_iterator_free(struct kv_iterator *i)
{
    if (i != NULL)
        i->ops->free(i);
}
