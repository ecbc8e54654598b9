#include "fake_shard.h"

#include "base/panic.h"
#include "keyspace/cache.h"
#include "keyspace/object.h"
#include "kv/kv.h"
#include "kv/kv_mem.h"
#include "node/log_describe.h"
#include "server/node.h"

struct fake_shard fake;

static struct kv_mem_disk *disk;
static struct kv *kv;
static struct cache *cache;
static uint64_t next_index;

void fake_open(void)
{
    static const uint8_t hash_key[SIPHASH_KEY_SIZE] = "sixteen bytes...";
    const struct kv_options options = {.path = "state", .create_if_missing = true};
    struct error e;
    memset(&fake, 0, sizeof(fake));
    fake.room = FAKE_CALLS_MAX;
    fake.takes_relays = true;
    disk = kv_mem_disk_new(1);
    if (kv_open(kv_mem_disk(disk), &options, &kv, &e) != STATUS_OK)
        panic("%s", e.text);
    cache = cache_new(kv, 1 << 20);
    fake.keyspace = keyspace_open(cache, hash_key);
    next_index = 1;
}

void fake_close(void)
{
    for (size_t i = 0; i < fake.count; i++)
        buf_clear(&fake.calls[i].words);
    buf_clear(&fake.relayed);
    keyspace_close(fake.keyspace);
    cache_free(cache);
    kv_close(kv);
    kv_mem_disk_free(disk);
}

uint64_t fake_put(const char *key)
{
    struct object o;
    keyspace_entry_begin(fake.keyspace, next_index++, 1, 1000);
    keyspace_request_begin(fake.keyspace, 1);
    const uint64_t stamp = keyspace_stamp(fake.keyspace);
    if (!object_open(fake.keyspace, 0, bytes_from_string(key), &o))
        object_create(&o, TYPE_STRING, ENCODING_RAW);
    object_set_string(&o, BYTES("value"));
    object_save(&o);
    object_close(&o);
    keyspace_entry_end(fake.keyspace);
    return stamp;
}

void fake_set_password(struct acl *a, struct bytes password)
{
    keyspace_entry_begin(fake.keyspace, next_index++, 1, 1000);
    keyspace_request_begin(fake.keyspace, 1);
    acl_set_default_password(a, fake.keyspace, password);
    keyspace_entry_end(fake.keyspace);
}

static bool note(const struct request *request, struct reply_slot *slot, bool is_read)
{
    if (fake.room == 0)
        return false;
    fake.room--;
    CHECK(fake.count < FAKE_CALLS_MAX);
    struct fake_call *call = &fake.calls[fake.count++];
    *call = (struct fake_call){.is_read = is_read, .kind = request->kind, .flags = request->flags,
                               .db = request->db, .arg_count = request->arg_count, .slot = slot};
    for (uint32_t i = 0; i < request->arg_count; i++) {
        if (request->kind == REQ_EXEC)
            buf_append_le32(&call->words, (uint32_t)request->args[i].size);
        buf_append_bytes(&call->words, request->args[i]);
        if (request->kind != REQ_EXEC)
            buf_append_u8(&call->words, ' ');
    }
    buf_append_u8(&call->words, 0);
    slot->pending = call;
    return true;
}

const char *fake_words(size_t n)
{
    CHECK(n < fake.count);
    return (const char *)buf_data(&fake.calls[n].words);
}

void fake_answer(struct server *s, size_t n, const char *reply)
{
    struct fake_call *call = &fake.calls[n];
    CHECK(n < fake.count);
    CHECK(!call->is_answered);
    CHECK(!call->is_forgotten);
    struct reply r = {.protocol = 2, .errors = *reply == '-', .error_code = "ERR"};
    void *client = NULL;
    server_shard_host.reply_begin(s, call->slot, &r, &client);
    CHECK(r.out != NULL);
    buf_append_string(r.out, reply);
    call->is_answered = true;
    call->slot->pending = NULL;
    server_shard_host.reply_end(s, call->slot, &r, NULL);
}

/* --- what libnode.a and node.c would be ------------------------------------------------------- */

bool shard_write(struct shard *s, const struct request *request, struct reply_slot *slot)
{
    (void)s;
    return note(request, slot, false);
}

bool shard_read(struct shard *s, const struct request *request, struct reply_slot *slot, bool stale)
{
    (void)s;
    (void)stale;
    return note(request, slot, true);
}

bool shard_relay(struct shard *s, uint64_t to, struct bytes bytes)
{
    (void)s;
    if (!fake.takes_relays)
        return false;
    fake.relayed_to = to;
    buf_append_bytes(&fake.relayed, bytes);
    return true;
}

bool shard_relays(const struct shard *s)
{
    (void)s;
    return fake.has_peers;
}

bool shard_relays_to(const struct shard *s, uint64_t node)
{
    (void)s;
    return fake.has_peers && node != FAKE_DOWN;
}

bool shard_has_room(const struct shard *s)
{
    (void)s;
    return fake.room > 0;
}

void shard_forget(struct shard *s, struct reply_slot *slot)
{
    (void)s;
    struct fake_call *call = slot->pending;
    CHECK(call != NULL);
    CHECK(!call->is_answered);
    call->is_forgotten = true;
    slot->pending = NULL;
}

bool shard_admin(struct shard *s, struct admin *admin)
{
    (void)s;
    (void)admin;
    return false;
}

bool shard_flush(struct shard *s)
{
    (void)s;
    return true;
}

void shard_stop(struct shard *s)
{
    (void)s;
}

uint64_t shard_turn(struct shard *s)
{
    (void)s;
    return UINT64_MAX;
}

void shard_status(const struct shard *s, struct shard_status *status)
{
    (void)s;
    *status = (struct shard_status){.ready = true};
}

struct machine *shard_machine(struct shard *s)
{
    (void)s;
    panic("the fake shard has no machine");
}

struct keyspace *shard_keyspace(struct shard *s)
{
    (void)s;
    return fake.keyspace;
}

bool shard_times(const struct shard *s, struct shard_times *times)
{
    (void)s;
    (void)times;
    return false;
}

uint64_t node_persisted_us(struct node *n, uint64_t index)
{
    (void)n;
    (void)index;
    return 0;
}

uint64_t node_id(const struct node *n)
{
    (void)n;
    return 7;
}

struct log_store *node_log(struct node *n)
{
    (void)n;
    return NULL;
}

struct workers_port node_workers(struct node *n)
{
    (void)n;
    panic("the fake node has no workers");
}

void node_settings_changed(struct node *n)
{
    (void)n;
}

void log_describe_init(struct log_describe *d)
{
    (void)d;
}

void server_stop(struct server *s)
{
    s->is_stopping = true;
}

bool shard_unblock_read(struct shard *s, struct reply_slot *slot, bool with_error)
{
    (void)s;
    (void)slot;
    (void)with_error;
    return false;
}
