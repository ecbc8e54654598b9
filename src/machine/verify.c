/* verify.c -- the machine's own rows in a state from elsewhere: see verify.h. System rows that
 * nobody here reads are let pass. */

#include "machine/verify.h"

#include "base/encode.h"
#include "machine/machine_internal.h"
#include "machine/verify_rows.h"

#define LEVEL_SIZE 4

bool totals_decode(struct bytes row, uint64_t totals[static 4])
{
    struct reader r;
    reader_init(&r, row);
    for (int i = 0; i < 4; i++)
        totals[i] = reader_le64(&r);
    return !r.failed && reader_left(&r) == 0;
}

static bool origin_row_is_sound(struct machine_seen *s, struct bytes name, struct bytes value)
{
    if (name.size != sizeof(uint64_t) || value.size != ORIGIN_ROW_SIZE)
        return false;
    s->parts.staged += get_le32(bytes_data(value) + ORIGIN_ROW_STAGED);
    return true;
}

static bool system_row_is_sound(struct machine_seen *s, struct bytes name, struct bytes value)
{
    if (bytes_has_prefix(name, BYTES("origin:")))
        return origin_row_is_sound(s, bytes_from(name, 7), value);
    if (bytes_equal(name, BYTES("setting:" ACL_USERS_SETTING)))
        return value.size == ACL_USERS_SETTING_SIZE;
    if (bytes_has_prefix(name, BYTES("setting:")))
        return setting_row_is_sound(bytes_from(name, 8), value);
    if (bytes_equal(name, BYTES("feature")))
        return value.size == LEVEL_SIZE && get_le32(value.data) <= FEATURE_LEVEL_MAX;
    if (bytes_equal(name, BYTES("scripts")))
        return totals_decode(value, s->scripts.totals);
    if (bytes_equal(name, BYTES("functions")))
        return totals_decode(value, s->functions.totals);
    return true;
}

static bool user_row_is_sound(struct bytes name, struct bytes value)
{
    struct acl_user *u = acl_user_decode(name, value);
    acl_user_free(u);
    return u != NULL;
}

static bool row(void *context, struct verify *v, struct bytes key, struct bytes value)
{
    struct machine_seen *s = context;
    s->verify = v;
    switch (key.size == 0 ? '\0' : (char)*bytes_data(key)) {
    case 'A': return user_row_is_sound(bytes_from(key, 1), value);
    case 'F': return function_row_is_sound(s, key, value);
    case 'L': return script_row_is_sound(s, key, value);
    case 'P': return part_row_is_sound(s, key, value);
    case 'S': return system_row_is_sound(s, bytes_from(key, 1), value);
    case 'W': return waiter_row_is_sound(s, key, value);
    default: return false;
    }
}

static bool begin(void *context, const struct object_form *of)
{
    return forms_begin(&((struct machine_seen *)context)->forms, of);
}

static bool element(void *context, enum space space, struct bytes subkey, struct bytes value)
{
    return forms_element(&((struct machine_seen *)context)->forms, space, subkey, value);
}

static bool end(void *context)
{
    return forms_end(&((struct machine_seen *)context)->forms);
}

static enum status adds_up(const struct machine_seen *s, struct error *e)
{
    const char *what = s->parts.rows != s->parts.staged       ? "pieces of large requests"
                       : !script_rows_add_up(&s->scripts)     ? "scripts"
                       : !function_rows_add_up(&s->functions) ? "functions"
                                                              : NULL;
    return what == NULL ? STATUS_OK
                        : fail(e, STATUS_CORRUPT, "it has not the %s that it counts", what);
}

enum status machine_verify(struct kv *kv, const uint8_t hash_key[SIPHASH_KEY_SIZE],
                           const struct verify_pace *pace, struct error *e)
{
    struct machine_seen s = {0};
    const struct keyspace_forms forms = {&s, row, begin, element, end};
    waiters_init(&s.waiters);
    arena_init(&s.arena);
    enum status status = keyspace_verify(kv, hash_key, &forms, pace, e);
    if (status == STATUS_OK)
        status = adds_up(&s, e);
    arena_clear(&s.arena);
    waiters_clear(&s.waiters);
    return status;
}
