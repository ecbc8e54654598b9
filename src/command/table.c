/* table.c -- the arrays of the topics joined: a hash table from name to row, and the rows by name.
 *
 * Both are made at the first use and never change: the one state of the layer, and a constant. */

#include "command/table.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

#define COMMANDS_MAX 512
#define SLOTS 2048 /* a power of two, four times COMMANDS_MAX: chains stay near one */

static const struct command *const topics[] = {
    acl_commands,        bitfield_commands,     bitmap_commands,   cluster_commands,
    connection_commands, counter_commands,      debug_commands,    expire_commands,
    generic_commands,    geo_commands,          hash_commands,     hll_commands,
    lcs_commands,        introspection_commands, list_commands,    pubsub_commands,
    raft_commands,       scripting_commands,    server_commands,   set_commands,
    sort_commands,       stream_commands,       string_commands,   transaction_commands,
    zset_commands,       zset_combine_commands, zset_range_commands,
    list_range_commands, stream_group_commands, stream_info_commands, stream_pending_commands,
    stream_read_commands,
    dump_commands,
    hash_expire_commands,
};

static const char *const acl_names[] = {
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
    "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
    "connection", "transaction", "scripting",
};

static struct {
    const struct command *slots[SLOTS];
    const struct command *by_name[COMMANDS_MAX];
    size_t count;
    struct place {
        const struct command *command, *container;
        uint32_t number;
    } places[SLOTS]; /* by address: where a row stands */
    const struct command *by_number[COMMAND_NUMBERS_MAX];
    uint32_t numbers;
} table;

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static uint32_t hash_name(struct bytes name)
{
    uint32_t hash = 2166136261u; /* FNV-1a over the lower-case letters */
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ lower(bytes_data(name)[i])) * 16777619u;
    return hash ^ (hash >> 15);
}

static int compare_names(const void *a, const void *b)
{
    const struct command *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void add(const struct command *c)
{
    CHECK(table.count < COMMANDS_MAX);
    size_t slot = hash_name(bytes_from_string(c->name)) % SLOTS;
    for (; table.slots[slot] != NULL; slot = (slot + 1) % SLOTS)
        CHECK(strcmp(table.slots[slot]->name, c->name) != 0);
    table.slots[slot] = c;
    table.by_name[table.count++] = c;
}

static struct place *place_of(const struct command *c)
{
    size_t slot = (uintptr_t)c / sizeof(*c) % SLOTS;
    while (table.places[slot].command != NULL && table.places[slot].command != c)
        slot = (slot + 1) % SLOTS;
    return &table.places[slot];
}

/* A subcommand of which Redis has no row is its container, to the rules of users. */
static void number(const struct command *c, const struct command *container)
{
    const bool is_part = (c->flags & CMD_UNLISTED) != 0;
    CHECK(table.numbers < COMMAND_NUMBERS_MAX);
    *place_of(c) = (struct place){c, container,
                                  is_part ? place_of(container)->number : table.numbers};
    if (!is_part)
        table.by_number[table.numbers++] = c;
}

static void build(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++)
        for (const struct command *c = topics[i]; c->name != NULL; c++)
            add(c);
    qsort(table.by_name, table.count, sizeof(*table.by_name), compare_names);
    for (size_t i = 0; i < table.count; i++) {
        number(table.by_name[i], NULL);
        for (const struct command *c = table.by_name[i]->subcommands; c != NULL && c->name != NULL;
             c++)
            number(c, table.by_name[i]);
    }
}

static void need_table(void)
{
    static pthread_once_t built = PTHREAD_ONCE_INIT;
    pthread_once(&built, build);
}

static const struct command *find_top(struct bytes name)
{
    need_table();
    if (name.size == 0 || name.size >= COMMAND_NAME_MAX)
        return NULL;
    size_t slot = hash_name(name) % SLOTS;
    while (table.slots[slot] != NULL &&
           !bytes_equal_nocase_string(name, table.slots[slot]->name))
        slot = (slot + 1) % SLOTS;
    return table.slots[slot];
}

static const struct command *find_sub(const struct command *container, struct bytes name)
{
    for (const struct command *c = container->subcommands; c->name != NULL; c++)
        if (bytes_equal_nocase_string(name, c->name))
            return c;
    return NULL;
}

const struct command *command_find(const struct bytes *args, uint32_t arg_count,
                                   const struct command **parent)
{
    if (parent != NULL)
        *parent = NULL;
    const struct command *c = arg_count == 0 ? NULL : find_top(args[0]);
    if (c == NULL || c->subcommands == NULL)
        return c;
    if (parent != NULL)
        *parent = c;
    return arg_count == 1 ? c : find_sub(c, args[1]);
}

const struct command *command_at_level(const struct command *c, uint32_t level)
{
    return c != NULL && c->level <= level ? c : NULL;
}

const struct command *command_by_name(struct bytes name)
{
    const char *bar = name.size == 0 ? NULL : memchr(name.data, '|', name.size);
    if (bar == NULL)
        return find_top(name);
    const size_t size = (size_t)(bar - (const char *)name.data);
    const struct command *c = find_top(bytes_of(name.data, size));
    if (c == NULL || c->subcommands == NULL)
        return NULL;
    return find_sub(c, bytes_from(name, size + 1));
}

const struct command *command_at(size_t n)
{
    need_table();
    return n < table.count ? table.by_name[n] : NULL;
}

size_t command_count(void)
{
    need_table();
    return table.count;
}

size_t command_listed_parts(const struct command *c)
{
    size_t count = 0;
    for (const struct command *sub = c->subcommands; sub != NULL && sub->name != NULL; sub++)
        count += !(sub->flags & CMD_UNLISTED);
    return count;
}

const struct command *command_container(const struct command *c)
{
    need_table();
    return place_of(c)->container;
}

uint32_t command_number(const struct command *c)
{
    need_table();
    const struct place *place = place_of(c);
    CHECK(place->command == c);
    return place->number;
}

const struct command *command_by_number(uint32_t n)
{
    need_table();
    return n < table.numbers ? table.by_number[n] : NULL;
}

struct bytes command_full_name(const struct command *c, char name[static COMMAND_NAME_MAX])
{
    const struct command *container = command_container(c);
    const int size = container == NULL
                         ? snprintf(name, COMMAND_NAME_MAX, "%s", c->name)
                         : snprintf(name, COMMAND_NAME_MAX, "%s|%s", container->name, c->name);
    CHECK(size > 0);
    CHECK(size < COMMAND_NAME_MAX);
    return bytes_of(name, (size_t)size);
}

uint32_t command_acl(const struct command *c)
{
    uint32_t acl = c->acl | (c->flags & CMD_FAST ? ACL_FAST : ACL_SLOW);
    if (!(c->flags & CMD_PLAIN)) {
        if (c->flags & CMD_WRITE)
            acl |= ACL_WRITE;
        if ((c->flags & CMD_READ) && !(acl & ACL_SCRIPTING))
            acl |= ACL_READ;
    }
    if (c->flags & CMD_ADMIN)
        acl |= ACL_ADMIN | ACL_DANGEROUS;
    if (c->flags & CMD_PUBSUB)
        acl |= ACL_PUBSUB;
    if (c->flags & CMD_BLOCKING)
        acl |= ACL_BLOCKING;
    return acl;
}

const char *acl_category_name(size_t n)
{
    return n < ARRAY_COUNT(acl_names) ? acl_names[n] : NULL;
}
