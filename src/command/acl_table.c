/* acl_table.c -- all users, parsed from their rows. */

#include "command/acl_user.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/cache.h"
#include "keyspace/keyspace.h"

/* The setting row that tells of a change: changes:8 last_id:4. It counts as a setting so that
 * keyspace_settings_version() tells of it, too. */

struct acl {
    struct acl_user **users; /* by name */
    struct acl_user **by_id;
    uint32_t count, capacity;
    struct acl_user *default_user;
    uint64_t settings_version; /* that was looked at */
    uint64_t changes;          /* of the rows that users were made from */
    uint32_t last_id;
    uint64_t version;
};

/* --- the array -------------------------------------------------------------------------------- */

/* Where name stands or would. */
static uint32_t place_of(const struct acl *a, struct bytes name)
{
    uint32_t low = 0, high = a->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(a->users[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same of an id in by_id. */
static uint32_t place_of_id(const struct acl *a, uint32_t id)
{
    uint32_t low = 0, high = a->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (a->by_id[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct acl *a, uint32_t place, struct bytes name)
{
    return place < a->count && bytes_equal(a->users[place]->name, name);
}

/* Takes u, in place of one of that name if there is one. */
static void set(struct acl *a, struct acl_user *u)
{
    const uint32_t place = place_of(a, u->name), by_id = place_of_id(a, u->id);
    if (is_at(a, place, u->name)) {
        CHECK(a->users[place] == a->by_id[by_id]);
        acl_user_free(a->users[place]);
    } else {
        if (a->count == a->capacity) {
            a->capacity = MAX(16, 2 * a->capacity);
            a->users = xrealloc(a->users, a->capacity * sizeof(*a->users));
            a->by_id = xrealloc(a->by_id, a->capacity * sizeof(*a->by_id));
        }
        memmove(&a->by_id[by_id + 1], &a->by_id[by_id], (a->count - by_id) * sizeof(*a->by_id));
        memmove(&a->users[place + 1], &a->users[place], (a->count - place) * sizeof(*a->users));
        a->count++;
    }
    a->users[place] = a->by_id[by_id] = u;
    if (u->id == ACL_DEFAULT_USER)
        a->default_user = u;
    a->version++;
}

static void empty(struct acl *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        acl_user_free(a->users[i]);
    a->count = 0;
}

static void set_first_default(struct acl *a)
{
    static const struct bytes rules[] = {
        {(const uint8_t *)"on", 2},  {(const uint8_t *)"nopass", 6}, {(const uint8_t *)"~*", 2},
        {(const uint8_t *)"&*", 2}, {(const uint8_t *)"+@all", 5},
    };
    struct acl_user *u = acl_user_new(BYTES("default"), false);
    struct buf error = {0};
    const bool good = acl_user_apply(u, rules, ARRAY_COUNT(rules), false, &error);
    CHECK(good);
    set(a, u);
}

struct acl *acl_new(void)
{
    struct acl *a = xcalloc(1, sizeof(*a));
    set_first_default(a);
    return a;
}

void acl_free(struct acl *a)
{
    if (a == NULL)
        return;
    empty(a);
    free(a->users);
    free(a->by_id);
    free(a);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void load(struct acl *a, struct keyspace *k)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    empty(a);
    set_first_default(a);
    cache_cursor_open(keyspace_cache(k), &cursor, BYTES("A"), BYTES("B"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value)) {
        struct acl_user *u = acl_user_decode(bytes_from(key, 1), value);
        if (u == NULL)
            panic("the row of user \"%.*s\" is malformed, or has a rule that this build does not "
                  "know: run the newer version",
                  (int)MIN(key.size - 1, 64), (const char *)key.data + 1);
        set(a, u);
    }
    cache_cursor_close(&cursor);
}

void acl_refresh(struct acl *a, struct keyspace *k)
{
    const uint64_t version = keyspace_settings_version(k);
    struct bytes row;
    if (a->settings_version == version)
        return;
    a->settings_version = version;
    const bool there = keyspace_setting(k, ACL_USERS_SETTING, &row);
    CHECK(!there || row.size == ACL_USERS_SETTING_SIZE);
    const uint64_t changes = there ? get_le64(row.data) : 0;
    if (changes == a->changes)
        return;
    a->changes = changes;
    a->last_id = there ? get_le32(bytes_data(row) + 8) : 0;
    load(a, k);
}

static struct bytes row_key(struct bytes name, struct buf *key)
{
    buf_append_u8(key, 'A');
    buf_append_bytes(key, name);
    return buf_bytes(key);
}

/* The table has what the rows have now. */
static void note_change(struct acl *a, struct keyspace *k)
{
    uint8_t row[ACL_USERS_SETTING_SIZE];
    put_le64(row, ++a->changes);
    put_le32(row + 8, a->last_id);
    keyspace_set_setting(k, ACL_USERS_SETTING, bytes_of(row, sizeof(row)));
    a->settings_version = keyspace_settings_version(k);
}

void acl_put(struct acl *a, struct keyspace *k, struct acl_user *u)
{
    struct buf key = {0}, row = {0};
    acl_refresh(a, k);
    const struct acl_user *old = acl_user_by_name(a, u->name);
    u->id = old != NULL ? old->id : ++a->last_id;
    acl_user_encode(u, &row);
    keyspace_row_put(k, row_key(u->name, &key), buf_bytes(&row));
    set(a, u);
    note_change(a, k);
    buf_clear(&key);
    buf_clear(&row);
}

bool acl_delete(struct acl *a, struct keyspace *k, struct bytes name)
{
    acl_refresh(a, k);
    const uint32_t place = place_of(a, name);
    if (!is_at(a, place, name))
        return false;
    CHECK(a->users[place] != a->default_user);
    struct buf key = {0};
    keyspace_row_del(k, row_key(name, &key));
    buf_clear(&key);
    const uint32_t by_id = place_of_id(a, a->users[place]->id);
    acl_user_free(a->users[place]);
    memmove(&a->by_id[by_id], &a->by_id[by_id + 1], (a->count - 1 - by_id) * sizeof(*a->by_id));
    memmove(&a->users[place], &a->users[place + 1],
            (--a->count - place) * sizeof(*a->users));
    a->version++;
    note_change(a, k);
    return true;
}

void acl_set_default_password(struct acl *a, struct keyspace *k, struct bytes password)
{
    struct buf rule = {0}, error = {0};
    acl_refresh(a, k);
    struct acl_user *u = acl_user_copy(a->default_user);
    buf_append_string(&rule, password.size == 0 ? "nopass" : ">");
    buf_append_bytes(&rule, password);
    const struct bytes rules[] = {BYTES("resetpass"), buf_bytes(&rule)};
    const bool good = acl_user_apply(u, rules, ARRAY_COUNT(rules), false, &error);
    CHECK(good);
    acl_put(a, k, u);
    buf_clear(&rule);
}

/* --- look-up ---------------------------------------------------------------------------------- */

uint64_t acl_version(const struct acl *a)
{
    return a->version;
}

uint32_t acl_count(const struct acl *a)
{
    return a->count;
}

const struct acl_user *acl_user_at(const struct acl *a, uint32_t n)
{
    return n < a->count ? a->users[n] : NULL;
}

const struct acl_user *acl_user_by_id(const struct acl *a, uint32_t id)
{
    if (id == ACL_DEFAULT_USER)
        return a->default_user;
    const uint32_t place = place_of_id(a, id);
    return place < a->count && a->by_id[place]->id == id ? a->by_id[place] : NULL;
}

const struct acl_user *acl_user_by_name(const struct acl *a, struct bytes name)
{
    const uint32_t place = place_of(a, name);
    return is_at(a, place, name) ? a->users[place] : NULL;
}
