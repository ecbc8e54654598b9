#include "server/slowlog.h"

#include <stdlib.h>
#include "base/panic.h"

void slowlog_init(struct slowlog *l)
{
    memset(l, 0, sizeof(*l));
    queue_init(&l->entries);
}

static void drop(struct slowlog *l, struct queue_node *node)
{
    struct slowlog_entry *entry = container_of(node, struct slowlog_entry, node);
    queue_remove(node);
    buf_clear(&entry->words);
    free(entry->address);
    free(entry->name);
    free(entry);
    l->count--;
}

void slowlog_clear(struct slowlog *l)
{
    while (!queue_is_empty(&l->entries))
        drop(l, queue_first(&l->entries));
}

void slowlog_words(struct buf *words, const struct bytes *args, size_t count)
{
    buf_reset(words);
    const size_t kept = MIN(count, SLOWLOG_ARGS_MAX);
    for (size_t i = 0; i < kept; i++) {
        if (i == SLOWLOG_ARGS_MAX - 1 && count > SLOWLOG_ARGS_MAX) {
            struct buf more = {0};
            buf_printf(&more, "... (%zu more arguments)", count - SLOWLOG_ARGS_MAX + 1);
            buf_append_le32(words, (uint32_t)more.size);
            buf_append_bytes(words, buf_bytes(&more));
            buf_clear(&more);
            return;
        }
        if (args[i].size <= SLOWLOG_ARG_BYTES_MAX) {
            buf_append_le32(words, (uint32_t)args[i].size);
            buf_append_bytes(words, args[i]);
            continue;
        }
        struct buf more = {0};
        buf_append(&more, args[i].data, SLOWLOG_ARG_BYTES_MAX);
        buf_printf(&more, "... (%zu more bytes)", args[i].size - SLOWLOG_ARG_BYTES_MAX);
        buf_append_le32(words, (uint32_t)more.size);
        buf_append_bytes(words, buf_bytes(&more));
        buf_clear(&more);
    }
}

void slowlog_add(struct slowlog *l, const struct slowlog_event *event, uint64_t max)
{
    struct slowlog_entry *entry = xcalloc(1, sizeof(*entry));
    entry->id = l->next_id++;
    entry->time_s = event->time_s;
    entry->duration_us = event->duration_us;
    entry->phases = event->phases;
    buf_append_bytes(&entry->words, event->words);
    entry->address = xstrdup(event->address);
    entry->name = xstrdup(event->name == NULL ? "" : event->name);
    queue_push_front(&l->entries, &entry->node);
    l->count++;
    while (l->count > max)
        drop(l, queue_last(&l->entries));
}
