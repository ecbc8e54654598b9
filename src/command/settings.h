/* settings.h -- replicated settings: limits that decide outcomes, hence the same on all nodes at the
 * same log position (ARCHITECTURE §5 rule 4). Kept as system rows, changed by entries of kind
 * SETTING, shown and set by CONFIG like the local ones. */

#ifndef COMMAND_SETTINGS_H
#define COMMAND_SETTINGS_H

#include "base/buf.h"
#include "base/bytes.h"

struct keyspace;

struct settings {
    uint64_t version; /* keyspace_settings_version() that this was parsed from */
    uint64_t proto_max_bulk_len;
    uint64_t maxmemory;
    uint64_t databases;
    uint64_t hash_max_listpack_entries, hash_max_listpack_value;
    int64_t list_max_listpack_size;
    uint64_t list_compress_depth;
    uint64_t set_max_intset_entries;
    uint64_t zset_max_listpack_entries, zset_max_listpack_value;
    uint64_t hll_sparse_max_bytes;
    uint64_t stream_node_max_bytes, stream_node_max_entries;
    uint32_t notify_keyspace_events; /* enum event_class */
    bool active_expire;
    struct bytes requirepass; /* borrowed from settings_refresh's store */
};

struct setting {
    const char *name, *alias; /* alias: the older name, or NULL */
    const char *default_value;
    bool (*parse)(struct bytes value, void *field); /* true: value is valid and *field is set */
    void (*print)(const void *field, struct buf *out);
    size_t field; /* offset in struct settings */
};

/* The row of a replicated setting, by name or alias, case ignored; NULL: not a replicated one. */
const struct setting *setting_find(struct bytes name);
const struct setting *setting_at(size_t n); /* NULL behind the last */

/* All defaults. */
void settings_init(struct settings *s);
/* Parses again what changed in the keyspace since; cheap when nothing did. */
void settings_refresh(struct settings *s, struct keyspace *k);

#endif
