/* verify.c -- the walk over all rows of a state, and what they add up to: see verify.h. */

#include "keyspace/verify_rows.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPIRY_KEY_DB 9
#define PACE_BYTES ((uint64_t)256 << 10) /* told at once */
#define ROW_BYTES 128 /* what a row costs beside its bytes: of small ones fewer bytes are read */
#define NAMED_MAX 20 /* bytes of a row's key that an error names */
#define VERSION_GRAVE_SIZE 9
#define DATABASE_GRAVE_SIZE 5

bool verify_wrong(struct verify *v, const char *what)
{
    if (v->what == NULL)
        v->what = what;
    return false;
}

bool verify_read(struct verify *v, struct bytes key, struct bytes value)
{
    if (v->pace == NULL)
        return true;
    v->unpaced += ROW_BYTES + key.size + value.size;
    if (v->unpaced < PACE_BYTES)
        return true;
    const uint64_t bytes = v->unpaced;
    v->unpaced = 0;
    if (v->pace->read(v->pace->context, bytes))
        return true;
    v->status = fail(v->e, STATUS_CLOSED, "it was called off");
    return false;
}

bool keyspace_verify_get(struct verify *v, struct bytes key, struct buf *value)
{
    const enum status status = kv_get(v->kv, key, value, v->e);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        v->status = status;
    return status == STATUS_OK;
}

bool verify_get(struct verify *v)
{
    return keyspace_verify_get(v, buf_bytes(&v->key), &v->row);
}

uint64_t verify_hash(const struct verify *v, struct bytes first, struct bytes second)
{
    return siphash(v->hash_key, first) * 0x9e3779b97f4a7c15u + siphash(v->hash_key, second);
}

/* Of a database that is there; NULL: it was flushed. */
static struct tally *tally_of(struct verify *v, uint32_t number)
{
    for (uint32_t i = 0; i < v->counters.database_count; i++)
        if (v->counters.databases[i].number == number)
            return &v->tallies[i];
    return NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

static uint64_t due_hash(const struct verify *v, uint64_t deadline, struct bytes db_pos_name)
{
    uint8_t first[8];
    put_be64(first, deadline);
    return verify_hash(v, bytes_of(first, sizeof(first)), db_pos_name);
}

static bool key_row(struct verify *v, struct bytes key, struct bytes value)
{
    struct meta m;
    if (key.size < META_KEY_NAME ||
        meta_key_position(key) != meta_position(v->hash_key, bytes_from(key, META_KEY_NAME)))
        return verify_wrong(v, "it is not where its name belongs");
    if (!meta_parse(value, &m) || m.type < TYPE_STRING || m.type > TYPE_STREAM ||
        m.encoding > ENCODING_STREAM || m.fields.size > META_FIELDS_MAX)
        return verify_wrong(v, "it cannot be decoded");
    if (m.version >= v->counters.next_version)
        return verify_wrong(v, "its items have a number that was not given yet");
    struct tally *t = tally_of(v, meta_key_db(key));
    if (t == NULL)
        return true; /* flushed: it goes, with what hangs on it */
    if (!verify_object(v, &m))
        return verify_wrong(v, "its value is none");
    const bool is_timed = m.type == TYPE_HASH && m.fields.size > 0;
    const uint64_t earliest = is_timed ? get_le64(m.fields.data) : 0;
    uint64_t due = m.deadline;
    if (due == 0 || (earliest != 0 && earliest < due))
        due = earliest;
    t->size++;
    t->expires += m.deadline != 0;
    t->timed += earliest != 0;
    t->used_bytes += m.size_bytes;
    if (due != 0)
        t->due += due_hash(v, due, bytes_from(key, 1));
    return true;
}

static bool item_row(struct verify *v, struct bytes key)
{
    if (key.size < ITEM_KEY_SUBKEY)
        return verify_wrong(v, "its key is too short");
    const uint64_t version = get_be64(bytes_data(key) + 1);
    if (version == 0 || version >= v->counters.next_version)
        return verify_wrong(v, "its number was not given yet");
    return true;
}

static bool expiry_row(struct verify *v, struct bytes key, struct bytes value)
{
    if (key.size < EXPIRY_KEY_NAME || value.size > 0)
        return verify_wrong(v, "it is no deadline of a key");
    struct tally *t = tally_of(v, get_be32(bytes_data(key) + EXPIRY_KEY_DB));
    if (t != NULL)
        t->due -= due_hash(v, get_be64(bytes_data(key) + 1), bytes_from(key, EXPIRY_KEY_DB));
    return true;
}

static bool grave_row(struct verify *v, struct bytes key, struct bytes value)
{
    const bool is_version = key.size == VERSION_GRAVE_SIZE;
    if (value.size != 8 || (!is_version && key.size != DATABASE_GRAVE_SIZE))
        return verify_wrong(v, "it buries nothing");
    if (!is_version && tally_of(v, get_be32(bytes_data(key) + 1)) != NULL)
        return verify_wrong(v, "it buries a database that is in use");
    return true;
}

static bool row_is_sound(struct verify *v, struct bytes key, struct bytes value)
{
    if (bytes_equal(key, BYTES(APPLIED_ROW)))
        return true;
    switch (key.size == 0 ? '\0' : (char)*bytes_data(key)) {
    case 'K': return key_row(v, key, value);
    case 'I': return item_row(v, key);
    case 'X': return expiry_row(v, key, value);
    case 'G': return grave_row(v, key, value);
    default:
        return v->forms->row(v->forms->context, v, key, value) ||
               verify_wrong(v, "it cannot be decoded, or is of a newer version");
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* By its first bytes, as text where they are text. */
static void name_row(struct bytes key, char name[4 * NAMED_MAX + 1])
{
    name[0] = '\0';
    for (size_t i = 0; i < MIN(key.size, (size_t)NAMED_MAX); i++) {
        const uint8_t c = bytes_data(key)[i];
        const bool is_plain = c > ' ' && c < 0x7f && c != '"' && c != '\\';
        name += snprintf(name, 5, is_plain ? "%c" : "\\x%02x", c);
    }
}

static enum status rows_are_sound(struct verify *v)
{
    bool is_sound = true;
    char name[4 * NAMED_MAX + 1] = "";
    struct kv_iterator *rows = kv_iterate(v->kv, KV_RANGE_ALL);
    for (bool on = kv_iterator_first(rows); on && is_sound; on = kv_iterator_next(rows)) {
        const struct bytes key = kv_iterator_key(rows), value = kv_iterator_value(rows);
        is_sound = verify_read(v, key, value) && row_is_sound(v, key, value);
        if (!is_sound)
            name_row(key, name);
    }
    const enum status walked = kv_iterator_status(rows, v->e);
    kv_iterator_free(rows);
    const enum status looked = kv_iterator_status(v->items, v->e);
    if (walked != STATUS_OK || v->status != STATUS_OK)
        return walked != STATUS_OK ? walked : v->status;
    if (looked != STATUS_OK)
        return looked;
    return is_sound ? STATUS_OK
                    : fail(v->e, STATUS_CORRUPT, "row \"%s\" makes no sense: %s", name, v->what);
}

static enum status counters_are_true(struct verify *v)
{
    for (uint32_t i = 0; i < v->counters.database_count; i++) {
        const struct database *d = &v->counters.databases[i];
        const struct tally *t = &v->tallies[i];
        const char *what = t->size != d->size               ? "keys"
                           : t->expires != d->expires       ? "keys with a deadline"
                           : t->timed != d->timed           ? "hashes with deadlines"
                           : t->used_bytes != d->used_bytes ? "bytes"
                           : t->due != 0                    ? "deadlines in order"
                                                            : NULL;
        if (what != NULL)
            return fail(v->e, STATUS_CORRUPT, "database %u has not the %s that it counts", i,
                        what);
    }
    return STATUS_OK;
}

static bool numbers_differ(const struct counters *n)
{
    for (uint32_t i = 0; i < n->database_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (n->databases[i].number == n->databases[j].number)
                return false;
    for (uint32_t i = 0; i < n->database_count; i++)
        if (n->databases[i].number >= n->next_number)
            return false;
    return true;
}

static enum status load_counters(struct verify *v)
{
    struct applied applied;
    const enum status status = kv_get(v->kv, BYTES(APPLIED_ROW), &v->row, v->e);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_NOT_FOUND ||
        !keyspace_decode_applied(buf_bytes(&v->row), &applied, &v->counters) ||
        v->counters.database_count == 0 || !numbers_differ(&v->counters))
        return fail(v->e, STATUS_CORRUPT, "the row that says what was applied makes no sense");
    return STATUS_OK;
}

enum status keyspace_verify(struct kv *kv, const uint8_t hash_key[SIPHASH_KEY_SIZE],
                            const struct keyspace_forms *forms, const struct verify_pace *pace,
                            struct error *e)
{
    struct verify *v = xcalloc(1, sizeof(*v));
    v->kv = kv;
    v->hash_key = hash_key;
    v->forms = forms;
    v->pace = pace;
    v->e = e;
    enum status status = load_counters(v);
    if (status == STATUS_OK) {
        v->items = kv_iterate(kv, (struct kv_range){BYTES("I"), BYTES("J")});
        status = rows_are_sound(v);
        kv_iterator_free(v->items);
    }
    if (status == STATUS_OK)
        status = counters_are_true(v);
    buf_clear(&v->key);
    buf_clear(&v->row);
    free(v);
    return status;
}
