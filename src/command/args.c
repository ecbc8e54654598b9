/* args.c -- arguments into numbers, keys into objects, changes into events. */

#include "command/args.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/panic.h"
#include "command/settings.h"
#include "keyspace/expire.h"

#define DOUBLE_TEXT_SMALL 256 /* longer ones go to the heap */

bool arg_int64(struct exec *x, uint32_t n, int64_t *value)
{
    if (bytes_to_int64(x->args[n], value))
        return true;
    reply_not_an_integer(x);
    return false;
}

bool arg_int64_range(struct exec *x, uint32_t n, const int64_t range[static 2], int64_t *value,
                     const char *error)
{
    const bool is_number = bytes_to_int64(x->args[n], value);
    if (is_number && *value >= range[0] && *value <= range[1])
        return true;
    if (error != NULL)
        reply_error(x, error);
    else if (!is_number)
        reply_not_an_integer(x);
    else
        reply_errorf(x, "ERR value is out of range, value must between %" PRId64 " and %" PRId64,
                     range[0], range[1]);
    return false;
}

/* text is terminated behind size bytes. */
static bool text_to_double(const char *text, size_t size, double *value)
{
    if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
        return false;
    char *end;
    errno = 0;
    const double parsed = strtod(text, &end);
    if ((size_t)(end - text) != size || isnan(parsed))
        return false;
    if (errno == ERANGE && (isinf(parsed) || fpclassify(parsed) == FP_ZERO))
        return false;
    *value = parsed;
    return true;
}

bool bytes_to_double(struct bytes b, double *value)
{
    char small[DOUBLE_TEXT_SMALL];
    if (b.size == 0)
        return false;
    char *text = b.size < sizeof(small) ? small : xmalloc(b.size + 1); /* Redis knows no limit */
    memcpy(text, b.data, b.size);
    text[b.size] = '\0';
    const bool is_number = text_to_double(text, b.size, value);
    if (text != small)
        free(text);
    return is_number;
}

bool arg_double(struct exec *x, uint32_t n, double *value)
{
    if (bytes_to_double(x->args[n], value))
        return true;
    reply_error(x, "ERR value is not a valid float");
    return false;
}

bool arg_int32(struct exec *x, uint32_t n, const char *error, int64_t *value)
{
    const bool is_number = bytes_to_int64(x->args[n], value);
    if (is_number && *value >= INT32_MIN && *value <= INT32_MAX)
        return true;
    if (error != NULL)
        reply_error(x, error);
    else if (!is_number)
        reply_not_an_integer(x);
    else
        reply_error(x, "ERR value is out of range, value must between -2147483648 and 2147483647");
    return false;
}

bool database_of(struct exec *x, int64_t number, uint32_t *db)
{
    if (number < 0 || (uint64_t)number >= x->settings->databases) {
        reply_error(x, "ERR DB index is out of range");
        return false;
    }
    *db = (uint32_t)number;
    return true;
}

bool arg_is(const struct exec *x, uint32_t n, const char *word)
{
    return n < x->arg_count && bytes_equal_nocase_string(x->args[n], word);
}

bool open_key(struct exec *x, uint32_t n, enum type type, struct object *o)
{
    object_open(x->keyspace, x->db, x->args[n], o);
    if (o->type == TYPE_NONE || type == TYPE_NONE || o->type == type)
        return true;
    object_close(o);
    reply_wrong_type(x);
    return false;
}

bool open_key_or_null(struct exec *x, uint32_t n, enum type type, struct object *o)
{
    if (!open_key(x, n, type, o))
        return false;
    if (o->type != TYPE_NONE)
        return true;
    object_close(o);
    reply_null(x);
    return false;
}

bool open_write(struct exec *x, uint32_t n, enum type type, enum encoding encoding,
                struct object *o)
{
    if (!open_key(x, n, type, o))
        return false;
    if (o->type == TYPE_NONE)
        object_create(o, type, encoding);
    return true;
}

bool may_write_rows(struct exec *x, uint64_t rows)
{
    if (rows <= x->settings->apply_rows_max)
        return true;
    reply_error(x, "ERR this could write more elements than apply-rows-max allows");
    return false;
}

void tell_expired(struct exec *x)
{
    struct buf name = {0};
    uint32_t db;
    enum expired what;
    while (keyspace_take_expired(x->keyspace, &db, &name, &what)) {
        const bool is_key = what == EXPIRED_KEY;
        const struct key_change change = {is_key ? EVENT_EXPIRED : EVENT_HASH,
                                          is_key ? "expired" : "hexpired", db, buf_bytes(&name)};
        const struct key_change gone = {EVENT_GENERIC, "del", db, buf_bytes(&name)};
        x->host->changed(x->host_context, x, &change);
        if (what == EXPIRED_LAST_FIELDS)
            x->host->changed(x->host_context, x, &gone);
        buf_reset(&name);
    }
    buf_clear(&name);
}

void key_event(struct exec *x, enum event_class event_class, const char *event, uint32_t db,
               struct bytes key)
{
    tell_expired(x); /* happened before */
    const struct key_change change = {event_class, event, db, key};
    x->host->changed(x->host_context, x, &change);
}

static bool is_empty_collection(const struct object *o)
{
    return o->type != TYPE_NONE && o->type != TYPE_STRING && o->type != TYPE_STREAM &&
           object_count(o) == 0;
}

void changed(struct exec *x, struct object *o, enum event_class event_class, const char *event)
{
    const struct bytes name = o->name;
    const bool is_new = !o->existed && o->type != TYPE_NONE;
    const bool is_gone = is_empty_collection(o);
    if (o->type != TYPE_NONE)
        object_save(o);
    if (is_new && !is_gone)
        key_event(x, EVENT_NEW, "new", x->db, name);
    key_event(x, event_class, event, x->db, name);
    if (is_gone)
        key_event(x, EVENT_GENERIC, "del", x->db, name);
}

void delete_emptied(struct exec *x, struct object *o, enum event_class event_class,
                    const char *event)
{
    const struct bytes name = o->name;
    object_delete(o);
    key_event(x, event_class, event, x->db, name);
    key_event(x, EVENT_GENERIC, "del", x->db, name);
}

void delete_key(struct exec *x, struct object *o)
{
    const struct bytes name = o->name;
    object_delete(o);
    key_event(x, EVENT_GENERIC, "del", x->db, name);
}
