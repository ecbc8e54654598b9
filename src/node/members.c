/* members.c -- see members.h. The decoder survives any bytes: they may come from a peer. */

#include "node/members.h"

#include "base/panic.h"
#include "machine/entry.h"

enum role { ROLE_INCOMING = 1, ROLE_OUTGOING = 2, ROLE_LEARNER = 4, ROLE_SPARE = 8 };
#define ROLES_ALL (ROLE_INCOMING | ROLE_OUTGOING | ROLE_LEARNER | ROLE_SPARE)

bool address_equal(const struct peer_address *a, const struct peer_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* --- the book --------------------------------------------------------------------------------- */

static struct address_entry *find(const struct address_book *b, raft_node node)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->entries[i].node == node)
            return (struct address_entry *)&b->entries[i];
    return NULL;
}

const struct peer_address *book_find(const struct address_book *b, raft_node node)
{
    const struct address_entry *entry = find(b, node);
    return entry == NULL ? NULL : &entry->address;
}

raft_node book_node_at(const struct address_book *b, const struct peer_address *address)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (address_equal(&b->entries[i].address, address))
            return b->entries[i].node;
    return 0;
}

bool book_set(struct address_book *b, raft_node node, const struct peer_address *address)
{
    struct address_entry *entry = find(b, node);
    if (entry == NULL) {
        if (b->count == BOOK_MAX)
            return false;
        entry = &b->entries[b->count++];
        *entry = (struct address_entry){.node = node};
    } else if (address_equal(&entry->address, address)) {
        return false;
    }
    entry->address = *address;
    return true;
}

void book_heard(struct address_book *b, raft_node node, bool is_heard)
{
    struct address_entry *entry = find(b, node);
    if (entry != NULL)
        entry->is_heard = is_heard;
}

bool book_is_heard(const struct address_book *b, raft_node node)
{
    const struct address_entry *entry = find(b, node);
    return entry != NULL && entry->is_heard;
}

void book_forget(struct address_book *b, raft_node node)
{
    struct address_entry *entry = find(b, node);
    if (entry != NULL)
        *entry = b->entries[--b->count];
}

/* --- sets ------------------------------------------------------------------------------------- */

bool node_set_has(const struct raft_set *s, raft_node node)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->node[i] == node)
            return true;
    return false;
}

void node_set_add(struct raft_set *s, raft_node node)
{
    if (node_set_has(s, node))
        return;
    CHECK(s->count < RAFT_NODES_MAX);
    s->node[s->count++] = node;
}

void node_set_remove(struct raft_set *s, raft_node node)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->node[i] != node)
            continue;
        s->node[i] = s->node[--s->count];
        s->node[s->count] = 0;
        return;
    }
}

static void insert_sorted(struct raft_set *s, raft_node node)
{
    if (node_set_has(s, node))
        return;
    CHECK(s->count < RAFT_NODES_MAX);
    uint32_t at = s->count++;
    for (; at > 0 && s->node[at - 1] > node; at--)
        s->node[at] = s->node[at - 1];
    s->node[at] = node;
}

void config_nodes(const struct raft_config *c, struct raft_set *all)
{
    *all = (struct raft_set){0};
    const struct raft_set *sets[] = {&c->incoming, &c->outgoing, &c->learners};
    for (size_t s = 0; s < ARRAY_COUNT(sets); s++)
        for (uint32_t i = 0; i < sets[s]->count; i++)
            insert_sorted(all, sets[s]->node[i]);
}

/* --- payload ---------------------------------------------------------------------------------- */

static unsigned roles_of(const struct members *m, raft_node node)
{
    const bool is_learner = node_set_has(&m->config.learners, node);
    return (node_set_has(&m->config.incoming, node) ? ROLE_INCOMING : 0u) |
           (node_set_has(&m->config.outgoing, node) ? ROLE_OUTGOING : 0u) |
           (is_learner ? ROLE_LEARNER : 0u) |
           (is_learner && node_set_has(&m->spares, node) ? ROLE_SPARE : 0u);
}

void members_encode(const struct members *m, struct buf *to)
{
    struct raft_set all;
    config_nodes(&m->config, &all);
    CHECK(m->level >= FEATURE_LEVEL_FIRST);
    if (m->level == FEATURE_LEVEL_FIRST) { /* some member may know no other format */
        buf_append_u8(to, MEMBERS_FORMAT_FIRST);
    } else {
        buf_append_u8(to, MEMBERS_FORMAT);
        buf_append_le32(to, m->level);
    }
    buf_append_le64(to, m->next_node);
    buf_append_u8(to, all.count);
    for (uint32_t i = 0; i < all.count; i++) {
        const raft_node node = all.node[i];
        const struct peer_address *address = book_find(&m->book, node);
        const size_t host_size = address == NULL ? 0 : strlen(address->host);
        CHECK(host_size < HOST_MAX);
        buf_append_le64(to, node);
        buf_append_u8(to, (uint8_t)roles_of(m, node));
        buf_append_le16(to, address == NULL ? 0 : address->port);
        buf_append_u8(to, (uint8_t)host_size);
        if (host_size > 0)
            buf_append(to, address->host, host_size);
    }
}

static bool decode_member(struct reader *r, struct members *m, raft_node *previous)
{
    const raft_node node = reader_le64(r);
    const unsigned roles = reader_u8(r);
    struct peer_address address = {.port = reader_le16(r)};
    const struct bytes host = reader_bytes(r, reader_u8(r));
    if (r->failed || node <= *previous || node >= m->next_node)
        return false;
    if (roles == 0 || (roles & ~(unsigned)ROLES_ALL) != 0)
        return false;
    if ((roles & ROLE_INCOMING) != 0 && (roles & ROLE_LEARNER) != 0)
        return false;
    if ((roles & ROLE_SPARE) != 0 && (roles & ROLE_LEARNER) == 0)
        return false;
    if (host.size > 0 && memchr(host.data, '\0', host.size) != NULL)
        return false;

    *previous = node;
    if ((roles & ROLE_INCOMING) != 0)
        node_set_add(&m->config.incoming, node);
    if ((roles & ROLE_OUTGOING) != 0)
        node_set_add(&m->config.outgoing, node);
    if ((roles & ROLE_LEARNER) != 0)
        node_set_add(&m->config.learners, node);
    if ((roles & ROLE_SPARE) != 0)
        node_set_add(&m->spares, node);
    if (host.size > 0) {
        memcpy(address.host, host.data, host.size); /* one byte of size: it fits with its NUL */
        book_set(&m->book, node, &address);
    }
    return true;
}

bool members_decode(struct bytes payload, struct members *m)
{
    struct reader r;
    reader_init(&r, payload);
    *m = (struct members){0};
    const uint8_t format = reader_u8(&r);
    m->level = format == MEMBERS_FORMAT_FIRST ? FEATURE_LEVEL_FIRST : reader_le32(&r);
    m->next_node = reader_le64(&r);
    const uint8_t count = reader_u8(&r);
    if (r.failed || format == 0 || format > MEMBERS_FORMAT || m->level < FEATURE_LEVEL_FIRST ||
        count > RAFT_NODES_MAX)
        return false;

    raft_node previous = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!decode_member(&r, m, &previous))
            return false;
    return reader_left(&r) == 0 && m->config.incoming.count > 0;
}

enum status members_read(struct bytes payload, uint32_t level_max, struct members *m,
                         struct error *e)
{
    const uint32_t level = config_level(payload);
    if (level > level_max)
        return fail(e, STATUS_INVALID, "the cluster has feature level %u, and this build knows %u:"
                    " run the newer version", level, level_max);
    return members_decode(payload, m)
               ? STATUS_OK : fail(e, STATUS_CORRUPT, "a configuration of members makes no sense");
}

/* --- what the log says ------------------------------------------------------------------------ */

void members_log_append(struct members_log *log, raft_index index, const struct members *m)
{
    while (log->count > 0 && log->at[log->count - 1].index >= index)
        log->count--;
    if (log->count == ARRAY_COUNT(log->at))
        log->at[0] = log->at[--log->count];
    log->at[log->count].index = index;
    log->at[log->count++].members = *m;
}

void members_log_install(struct members_log *log, raft_index index, const struct members *m)
{
    if (log->count > 0 && log->at[log->count - 1].index > index) {
        log->at[1] = log->at[log->count - 1];
        log->at[0].index = index;
        log->at[0].members = *m;
        log->count = 2;
        return;
    }
    log->count = 0;
    members_log_append(log, index, m);
}

const struct members *members_log_at(struct members_log *log, raft_index index)
{
    while (log->count > 0 && log->at[log->count - 1].index > index)
        log->count--;
    const bool is_known = log->count > 0 && log->at[log->count - 1].index == index;
    return is_known ? &log->at[log->count - 1].members : NULL;
}
