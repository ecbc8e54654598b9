/* wire.c -- see wire.h. */

#include "node/wire.h"

#include "base/panic.h"
#include "machine/entry.h"
#include "node/mail.h"

enum raft_flags { FLAG_REJECT = 1, FLAG_TRANSFER = 2, FLAG_WANT_SNAPSHOT = 4 };
#define FLAGS_ALL (FLAG_REJECT | FLAG_TRANSFER | FLAG_WANT_SNAPSHOT)
#define SPACE_SHIFT 6 /* the two highest bits of the flags: enum space_level */

static void head(struct buf *to, enum wire_type type)
{
    buf_append_u8(to, WIRE_VERSION);
    buf_append_u8(to, (uint8_t)type);
}

/* --- RAFT ------------------------------------------------------------------------------------- */

void wire_encode_raft(struct buf *to, const struct wire_raft_out *raft)
{
    const struct raft_message *m = raft->message;
    CHECK(m->entry_count <= RAFT_APPEND_ENTRIES_MAX);
    head(to, WIRE_RAFT);
    buf_append_u8(to, (uint8_t)m->type);
    buf_append_u8(to, (uint8_t)((m->reject ? FLAG_REJECT : 0) | (m->transfer ? FLAG_TRANSFER : 0) |
                                (m->want_snapshot ? FLAG_WANT_SNAPSHOT : 0) |
                                raft->space << SPACE_SHIFT));
    buf_append_le64(to, m->term);
    buf_append_le64(to, m->index);
    buf_append_le64(to, m->log_term);
    buf_append_le64(to, m->commit_index);
    buf_append_le64(to, m->round);
    buf_append_le64(to, raft->wall_ms);
    buf_append_le32(to, m->lease_ms);
    buf_append_le32(to, m->entry_count);
    for (uint32_t i = 0; i < m->entry_count; i++) {
        buf_append_le64(to, raft->entries[i].term);
        buf_append_u8(to, raft->entries[i].kind);
        buf_append_le32(to, raft->entries[i].size);
    }
    buf_append_bytes(to, raft->config);
}

static bool decode_entries(struct reader *r, struct wire_raft *raft)
{
    const uint32_t count = raft->message.entry_count;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_entry *entry = &raft->entries[i];
        entry->term = reader_le64(r);
        entry->kind = reader_u8(r);
        entry->size = reader_le32(r);
        if (r->failed || entry->kind > RAFT_CONFIG || entry->size > WIRE_PAYLOAD_MAX)
            return false;
        if (entry->kind == RAFT_NOOP && entry->size > 0)
            return false;
        if (entry->kind == RAFT_CONFIG && i + 1 < count)
            return false; /* an APPEND ends behind a CONFIG entry */
    }
    for (uint32_t i = 0; i < count; i++)
        raft->payloads[i] = reader_bytes(r, raft->entries[i].size);
    return !r->failed;
}

static bool decode_members(struct bytes config, struct wire_frame *f, struct members *m)
{
    f->level = config_level(config);
    return members_decode(config, m);
}

static bool decode_raft(struct reader *r, struct wire_frame *f)
{
    struct wire_raft *raft = &f->raft;
    struct raft_message *m = &raft->message;
    *m = (struct raft_message){0};
    const uint8_t type = reader_u8(r);
    const uint8_t flags_and_space = reader_u8(r);
    const uint8_t flags = flags_and_space & ((1 << SPACE_SHIFT) - 1);
    raft->space = flags_and_space >> SPACE_SHIFT;
    if (type > RAFT_MSG_TIMEOUT_NOW || (flags & ~FLAGS_ALL) != 0 || raft->space >= SPACE_LEVELS)
        return false;
    m->type = (enum raft_message_type)type;
    m->reject = (flags & FLAG_REJECT) != 0;
    m->transfer = (flags & FLAG_TRANSFER) != 0;
    m->want_snapshot = (flags & FLAG_WANT_SNAPSHOT) != 0;
    m->term = reader_le64(r);
    m->index = reader_le64(r);
    m->log_term = reader_le64(r);
    m->commit_index = reader_le64(r);
    m->round = reader_le64(r);
    raft->wall_ms = reader_le64(r);
    m->lease_ms = reader_le32(r);
    m->entry_count = reader_le32(r);
    if (r->failed || m->entry_count > RAFT_APPEND_ENTRIES_MAX)
        return false;
    if (m->entry_count > 0 && m->type != RAFT_MSG_APPEND)
        return false;
    if (!decode_entries(r, raft))
        return false;

    m->entries = raft->entries;
    struct bytes config = BYTES_NONE;
    if (m->type == RAFT_MSG_SNAPSHOT)
        config = reader_bytes(r, reader_left(r));
    else if (m->entry_count > 0 && raft->entries[m->entry_count - 1].kind == RAFT_CONFIG)
        config = raft->payloads[m->entry_count - 1];
    else
        return true;
    m->config = &raft->members.config;
    return decode_members(config, f, &raft->members);
}

/* --- batches and reads ------------------------------------------------------------------------ */

void wire_encode_propose(struct buf *to, const struct wire_propose *propose)
{
    head(to, WIRE_PROPOSE);
    buf_append_le64(to, propose->term);
    buf_append_le64(to, propose->boot);
    buf_append_le64(to, propose->previous);
    buf_append_le64(to, propose->number);
    buf_append_le32(to, propose->count);
}

static bool decode_propose(struct reader *r, struct wire_propose *propose)
{
    propose->term = reader_le64(r);
    propose->boot = reader_le64(r);
    propose->previous = reader_le64(r);
    propose->number = reader_le64(r);
    propose->count = reader_le32(r);
    propose->block = reader_bytes(r, reader_left(r));
    return !r->failed && propose->number > propose->previous && propose->boot > 0 &&
           propose->count > 0 && propose->count <= UINT16_MAX &&
           propose->block.size <= WIRE_PAYLOAD_MAX;
}

void wire_encode_propose_from(struct buf *to, const struct wire_propose_from *from)
{
    head(to, WIRE_PROPOSE_FROM);
    buf_append_le64(to, from->term);
    buf_append_le64(to, from->boot);
    buf_append_le64(to, from->last);
    buf_append_u8(to, from->busy);
}

static bool decode_propose_from(struct reader *r, struct wire_propose_from *from)
{
    from->term = reader_le64(r);
    from->boot = reader_le64(r);
    from->last = reader_le64(r);
    const uint8_t busy = reader_u8(r);
    from->busy = busy != 0;
    return busy <= 1;
}

void wire_encode_read(struct buf *to, const struct wire_read *read)
{
    head(to, WIRE_READ);
    buf_append_le64(to, read->boot);
    buf_append_le64(to, read->read_id);
}

void wire_encode_read_reply(struct buf *to, const struct wire_read_reply *reply)
{
    head(to, WIRE_READ_REPLY);
    buf_append_le64(to, reply->boot);
    buf_append_le64(to, reply->read_id);
    buf_append_le64(to, reply->index);
    buf_append_le64(to, reply->clock_ms);
    buf_append_u8(to, reply->ok);
}

static bool decode_read_reply(struct reader *r, struct wire_read_reply *reply)
{
    reply->boot = reader_le64(r);
    reply->read_id = reader_le64(r);
    reply->index = reader_le64(r);
    reply->clock_ms = reader_le64(r);
    const uint8_t ok = reader_u8(r);
    reply->ok = ok != 0;
    return ok <= 1;
}

/* --- membership ------------------------------------------------------------------------------- */

void wire_encode_introduce(struct buf *to, const struct wire_introduce *introduce,
                           struct bytes members)
{
    head(to, WIRE_INTRODUCE);
    buf_append(to, introduce->cluster_id, sizeof(introduce->cluster_id));
    buf_append(to, introduce->hash_key, sizeof(introduce->hash_key));
    buf_append_le64(to, introduce->node);
    buf_append_bytes(to, members);
}

static bool decode_introduce(struct reader *r, struct wire_frame *f)
{
    struct wire_introduce *introduce = &f->introduce;
    const struct bytes id = reader_bytes(r, sizeof(introduce->cluster_id));
    const struct bytes key = reader_bytes(r, sizeof(introduce->hash_key));
    introduce->node = reader_le64(r);
    if (r->failed || introduce->node == 0)
        return false;
    memcpy(introduce->cluster_id, id.data, id.size);
    memcpy(introduce->hash_key, key.data, key.size);
    return decode_members(reader_bytes(r, reader_left(r)), f, &introduce->members);
}

/* size:1 bytes, without NULs, into a string of 256. */
static void append_text(struct buf *to, const char *text)
{
    const size_t size = MIN(strlen(text), 255);
    buf_append_u8(to, (uint8_t)size);
    buf_append(to, text, size);
}

static bool read_text(struct reader *r, char text[static 256])
{
    const struct bytes b = reader_bytes(r, reader_u8(r));
    if (r->failed || (b.size > 0 && memchr(b.data, '\0', b.size) != NULL))
        return false;
    if (b.size > 0)
        memcpy(text, b.data, b.size);
    text[b.size] = '\0';
    return true;
}

void wire_encode_removed(struct buf *to, uint64_t node, struct bytes members)
{
    head(to, WIRE_REMOVED);
    buf_append_le64(to, node);
    buf_append_bytes(to, members);
}

static bool decode_removed(struct reader *r, struct wire_frame *f)
{
    f->removed.node = reader_le64(r);
    return decode_members(reader_bytes(r, reader_left(r)), f, &f->removed.members);
}

void wire_encode_digest(struct buf *to, const struct wire_digest *digest)
{
    head(to, WIRE_DIGEST);
    buf_append_le64(to, digest->index);
    buf_append_le64(to, digest->digest);
    buf_append_u8(to, digest->wants_heal);
}

static bool decode_digest(struct reader *r, struct wire_digest *digest)
{
    digest->index = reader_le64(r);
    digest->digest = reader_le64(r);
    digest->wants_heal = reader_u8(r) != 0;
    return true;
}

void wire_encode_verdict(struct buf *to, const struct wire_verdict *verdict)
{
    head(to, WIRE_VERDICT);
    buf_append_le64(to, verdict->node);
    buf_append_le64(to, verdict->index);
    buf_append_le64(to, verdict->digest);
    buf_append_u8(to, verdict->may_heal);
}

static bool decode_verdict(struct reader *r, struct wire_verdict *verdict)
{
    verdict->node = reader_le64(r);
    verdict->index = reader_le64(r);
    verdict->digest = reader_le64(r);
    verdict->may_heal = reader_u8(r) != 0;
    return true;
}

void wire_encode_admin(struct buf *to, const struct wire_admin *admin)
{
    head(to, WIRE_ADMIN);
    buf_append_le64(to, admin->boot);
    buf_append_le64(to, admin->id);
    buf_append_le64(to, admin->node);
    buf_append_u8(to, admin->op);
    buf_append_le16(to, admin->address.port);
    append_text(to, admin->address.host);
}

static bool decode_admin(struct reader *r, struct wire_admin *admin)
{
    admin->boot = reader_le64(r);
    admin->id = reader_le64(r);
    admin->node = reader_le64(r);
    admin->op = reader_u8(r);
    admin->address.port = reader_le16(r);
    return read_text(r, admin->address.host) && admin->op >= ADMIN_ADD &&
           admin->op < ADMIN_OPS;
}

void wire_encode_admin_reply(struct buf *to, const struct wire_admin_reply *reply)
{
    head(to, WIRE_ADMIN_REPLY);
    buf_append_le64(to, reply->boot);
    buf_append_le64(to, reply->id);
    buf_append_u8(to, reply->ok);
    append_text(to, reply->text);
}

static bool decode_admin_reply(struct reader *r, struct wire_admin_reply *reply)
{
    reply->boot = reader_le64(r);
    reply->id = reader_le64(r);
    const uint8_t ok = reader_u8(r);
    reply->ok = ok != 0;
    return ok <= 1 && read_text(r, reply->text);
}

/* --- snapshots -------------------------------------------------------------------------------- */

void wire_encode_snapshot_offer(struct buf *to, const struct wire_snapshot_offer *offer)
{
    head(to, WIRE_SNAPSHOT_OFFER);
    buf_append_le64(to, offer->term);
    buf_append_le64(to, offer->id);
    buf_append_le64(to, offer->index);
    buf_append_le64(to, offer->log_term);
    buf_append_le32(to, (uint32_t)offer->config.size);
    buf_append_bytes(to, offer->config);
    buf_append_bytes(to, offer->files);
}

static bool decode_offer(struct reader *r, struct wire_frame *f)
{
    struct wire_snapshot_offer *offer = &f->offer;
    offer->term = reader_le64(r);
    offer->id = reader_le64(r);
    offer->index = reader_le64(r);
    offer->log_term = reader_le64(r);
    const uint32_t config_size = reader_le32(r);
    if (r->failed || config_size > reader_left(r) || offer->index == 0 || offer->log_term == 0)
        return false;
    offer->config = reader_bytes(r, config_size);
    offer->files = reader_bytes(r, reader_left(r));
    return decode_members(offer->config, f, &offer->members);
}

void wire_encode_snapshot_chunk(struct buf *to, const struct wire_snapshot_chunk *chunk)
{
    head(to, WIRE_SNAPSHOT_CHUNK);
    buf_append_le64(to, chunk->id);
    buf_append_le64(to, chunk->position);
    buf_append_le32(to, chunk->crc);
}

static bool decode_chunk(struct reader *r, struct wire_snapshot_chunk *chunk)
{
    chunk->id = reader_le64(r);
    chunk->position = reader_le64(r);
    chunk->crc = reader_le32(r);
    chunk->data = reader_bytes(r, reader_left(r));
    return !r->failed && chunk->data.size > 0 && chunk->data.size <= WIRE_CHUNK_MAX;
}

void wire_encode_snapshot_ack(struct buf *to, const struct wire_snapshot_ack *ack)
{
    head(to, WIRE_SNAPSHOT_ACK);
    buf_append_le64(to, ack->id);
    buf_append_le64(to, ack->position);
    buf_append_u8(to, ack->state);
}

static bool decode_ack(struct reader *r, struct wire_snapshot_ack *ack)
{
    ack->id = reader_le64(r);
    ack->position = reader_le64(r);
    ack->state = reader_u8(r);
    return ack->state <= ACK_REFUSED;
}

/* --- relayed bytes ---------------------------------------------------------------------------- */

void wire_encode_relay(struct buf *to, const struct wire_relay *relay)
{
    head(to, WIRE_RELAY);
    buf_append_le64(to, relay->boot);
    buf_append_le64(to, relay->stream);
    buf_append_le64(to, relay->sequence);
    buf_append_le64(to, relay->stamp);
}

void wire_encode_commit_wanted(struct buf *to)
{
    head(to, WIRE_COMMIT_WANTED);
}

static bool decode_relay(struct reader *r, struct wire_relay *relay)
{
    relay->boot = reader_le64(r);
    relay->stream = reader_le64(r);
    relay->sequence = reader_le64(r);
    relay->stamp = reader_le64(r);
    relay->payload = reader_bytes(r, reader_left(r));
    return !r->failed && relay->boot > 0 && relay->sequence > 0 && relay->payload.size > 0 &&
           relay->payload.size <= WIRE_PAYLOAD_MAX;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool decode_body(struct reader *r, struct wire_frame *f)
{
    switch (f->type) {
    case WIRE_RAFT:
        return decode_raft(r, f);
    case WIRE_PROPOSE:
        return decode_propose(r, &f->propose);
    case WIRE_PROPOSE_FROM:
        return decode_propose_from(r, &f->propose_from);
    case WIRE_READ:
        f->read = (struct wire_read){.boot = reader_le64(r)};
        f->read.read_id = reader_le64(r);
        return true;
    case WIRE_READ_REPLY:
        return decode_read_reply(r, &f->read_reply);
    case WIRE_INTRODUCE:
        return decode_introduce(r, f);
    case WIRE_REMOVED:
        return decode_removed(r, f);
    case WIRE_DIGEST:
        return decode_digest(r, &f->digest);
    case WIRE_VERDICT:
        return decode_verdict(r, &f->verdict);
    case WIRE_ADMIN:
        return decode_admin(r, &f->admin);
    case WIRE_ADMIN_REPLY:
        return decode_admin_reply(r, &f->admin_reply);
    case WIRE_SNAPSHOT_OFFER:
        return decode_offer(r, f);
    case WIRE_SNAPSHOT_CHUNK:
        return decode_chunk(r, &f->chunk);
    case WIRE_SNAPSHOT_ACK:
        return decode_ack(r, &f->ack);
    case WIRE_RELAY:
        return decode_relay(r, &f->relay);
    case WIRE_COMMIT_WANTED:
        return true;
    case WIRE_TYPE_END:
        break;
    }
    return false;
}

bool wire_decode(struct bytes frame, struct wire_frame *f)
{
    f->level = 0;
    if (frame.size > WIRE_FRAME_MAX)
        return false;
    struct reader r;
    reader_init(&r, frame);
    const uint8_t version = reader_u8(&r);
    const uint8_t type = reader_u8(&r);
    if (r.failed || version != WIRE_VERSION || type == 0 || type >= WIRE_TYPE_END)
        return false;
    f->type = (enum wire_type)type;
    return decode_body(&r, f) && !r.failed && reader_left(&r) == 0;
}
