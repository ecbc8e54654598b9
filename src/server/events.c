#include "server/events.h"

#include "command/keyspec.h"
#include "keyspace/keyspace.h"
#include "keyspace/object.h"

void events_changed(struct server *s, const struct exec *x, const struct key_change *change)
{
    const uint32_t wanted = s->settings->notify_keyspace_events;
    if (change->name == NULL || !(wanted & change->event_class) || s->pubsub.subscriptions == 0)
        return;
    if (!s->is_ready || (change->event_class == EVENT_KEY_MISS && x->client == NULL))
        return;
    const struct bytes event = bytes_from_string(change->name);
    struct buf channel = {0};
    if (wanted & EVENT_KEYSPACE) {
        buf_printf(&channel, "__keyspace@%u__:", change->db);
        buf_append_bytes(&channel, change->key);
        pubsub_deliver(s, &(struct message){TOPIC_CHANNEL, buf_bytes(&channel), event});
        buf_reset(&channel);
    }
    if (wanted & EVENT_KEYEVENT) {
        buf_printf(&channel, "__keyevent@%u__:%s", change->db, change->name);
        pubsub_deliver(s, &(struct message){TOPIC_CHANNEL, buf_bytes(&channel), change->key});
    }
    buf_clear(&channel);
}

static bool is_one_of(const struct command *c, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(c->name, names[i]) == 0)
            return true;
    return false;
}

static bool has_word(const struct exec *x, uint32_t from, const char *word)
{
    for (uint32_t i = from; i < x->arg_count; i++)
        if (bytes_equal_nocase_string(x->args[i], word))
            return true;
    return false;
}

/* Whether Redis looks for the key as a read does, which tells when it is not there. */
static bool is_looked_for(const struct exec *x, const struct key_position *key)
{
    static const char *const silent[] = {"encoding", "freq", "idletime", "refcount", "usage"};
    static const char *const readers[] = {"getset", "getdel", "getex", "pfmerge", "xclaim",
                                          "xautoclaim"}; /* among the writes */
    const struct command *c = x->command;
    if (c->flags & CMD_READ)
        return !is_one_of(c, silent, ARRAY_COUNT(silent));
    if (strcmp(c->name, "set") == 0)
        return has_word(x, 3, "get");
    if (strcmp(c->name, "bitfield") == 0)
        return !has_word(x, 2, "set") && !has_word(x, 2, "incrby");
    return (key->flags & KEY_RO) != 0 || is_one_of(c, readers, ARRAY_COUNT(readers));
}

static bool is_there(const struct exec *x, struct bytes key)
{
    const bool within_read = keyspace_is_read_only(x->keyspace);
    struct object o;
    if (!within_read) /* the other nodes do not look: nothing may come of it */
        keyspace_read_begin(x->keyspace, keyspace_now(x->keyspace));
    const bool found = object_open(x->keyspace, x->db, key, &o);
    object_close(&o);
    if (!within_read)
        keyspace_read_end(x->keyspace);
    return found;
}

void events_begins(struct server *s, const struct exec *x)
{
    if (!(s->settings->notify_keyspace_events & EVENT_KEY_MISS) || x->keyspace == NULL ||
        s->pubsub.subscriptions == 0)
        return;
    struct key_list keys;
    if (strcmp(x->command->group, "scripting") == 0)
        return; /* its commands look */
    if (!keyspec_extract(x->command, x->args, x->arg_count, x->arena, &keys))
        return;
    for (size_t i = 0; i < keys.count; i++) {
        const struct bytes key = x->args[keys.keys[i].position];
        const struct key_change miss = {EVENT_KEY_MISS, "keymiss", x->db, key};
        if (is_looked_for(x, &keys.keys[i]) && !is_there(x, key))
            events_changed(s, x, &miss);
    }
}
