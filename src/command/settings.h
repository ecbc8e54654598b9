/* settings.h -- replicated settings: limits that decide outcomes, hence the same on all nodes at
 * the same log position (ARCHITECTURE §5 rule 4). Kept as system rows, changed by entries of kind
 * SETTING, shown and set by CONFIG like the local ones. */

#ifndef COMMAND_SETTINGS_H
#define COMMAND_SETTINGS_H

#include "base/buf.h"
#include "base/bytes.h"

struct keyspace;

#define REQUIREPASS_MAX 512 /* as long as Redis takes one */

enum maxmemory_policy {
    POLICY_VOLATILE_LRU, POLICY_VOLATILE_LFU, POLICY_VOLATILE_RANDOM, POLICY_VOLATILE_TTL,
    POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_RANDOM, POLICY_NOEVICTION,
};

enum acl_pubsub_default { ACL_PUBSUB_ALL, ACL_PUBSUB_NONE };

struct setting_text {
    uint32_t size;
    char text[REQUIREPASS_MAX];
};

struct settings {
    uint64_t version; /* keyspace_settings_version() that this was parsed from */
    uint64_t proto_max_bulk_len;
    uint64_t maxmemory;
    uint64_t maxmemory_policy; /* enum maxmemory_policy */
    uint64_t databases;
    uint64_t hash_max_listpack_entries, hash_max_listpack_value;
    int64_t list_max_listpack_size;
    uint64_t list_compress_depth;
    uint64_t set_max_intset_entries;
    uint64_t zset_max_listpack_entries, zset_max_listpack_value;
    uint64_t hll_sparse_max_bytes;
    uint64_t stream_node_max_bytes, stream_node_max_entries;
    uint64_t acl_pubsub_default; /* enum acl_pubsub_default */
    uint64_t apply_rows_max;     /* rows that one command may write */
    uint64_t script_instructions_max, script_memory_max; /* of one script in apply; bytes: live */
    uint64_t script_writes_max; /* bytes: what one script changes, as it was and as it is */
    uint32_t notify_keyspace_events; /* enum event_class */
    bool active_expire;
    bool script_deny_debug; /* DEBUG SET-DISABLE-DENY-SCRIPTS sets it to no */
    struct setting_text requirepass; /* empty: none */
};

struct setting {
    const char *name, *alias; /* alias: the older name, or NULL */
    const char *default_value;
    bool (*parse)(struct bytes value, void *field); /* true: value is valid and *field is set */
    void (*print)(const void *field, struct buf *out); /* as CONFIG GET shows it */
    size_t field; /* offset in struct settings */
};

/* The row of a replicated setting, by name or alias, case ignored; NULL: not a replicated one. */
const struct setting *setting_find(struct bytes name);
/* Of a foreign state: its value could have been set. Settings of other names are let pass. */
bool setting_row_is_sound(struct bytes name, struct bytes value);
const struct setting *setting_at(size_t n); /* NULL behind the last */

/* maxmemory-policy asks for how often keys are used (LFU), not for when. */
bool settings_keep_frequency(const struct settings *s);

/* Why parse() refuses value, as CONFIG SET says it behind "(... argument 'x') - ". */
const char *setting_refusal(const struct setting *s, struct bytes value);

/* All defaults. */
void settings_init(struct settings *s);
/* Parses again what changed in the keyspace since; cheap when nothing did. */
void settings_refresh(struct settings *s, struct keyspace *k);

/* notify-keyspace-events: letters to enum event_class and back. */
bool event_classes_parse(struct bytes letters, uint32_t *classes);
void event_classes_print(uint32_t classes, struct buf *out);

/* "1gb", "100", "5mb" ... as Redis's memtoull: k m g are powers of 1000, kb mb gb of 1024. */
bool memory_size_parse(struct bytes text, uint64_t *size);

#endif
