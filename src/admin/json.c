#include "admin/json.h"

#include <limits.h>
#include "base/base64.h"
#include "base/panic.h"

#define DEPTH_MAX 8

static struct json_object *need(struct json_object *o)
{
    if (o == NULL)
        panic("json-c has no memory");
    return o;
}

/* --- out -------------------------------------------------------------------------------------- */

/* The size of the UTF-8 sequence at data, by RFC 3629; 0: none is. */
static size_t sequence_at(const uint8_t *data, size_t left)
{
    const uint8_t first = *data;
    if (first < 0x80)
        return first != 0;
    const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || size > left)
        return 0;
    const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (data[1] < low || data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

static bool is_text(struct bytes b)
{
    const uint8_t *data = bytes_data(b);
    for (size_t i = 0; i < b.size;) {
        const size_t size = sequence_at(data + i, b.size - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

struct json_object *json_bytes(struct bytes b)
{
    CHECK(b.size < INT_MAX);
    if (is_text(b))
        return need(json_object_new_string_len(b.size == 0 ? "" : b.data, (int)b.size));
    struct buf text = {0};
    struct json_object *o = need(json_object_new_object());
    base64_encode(b, &text);
    json_put(o, "base64",
             json_object_new_string_len((const char *)buf_data(&text), (int)text.size));
    buf_clear(&text);
    return o;
}

struct json_object *json_text(const char *text)
{
    return json_bytes(bytes_from_string(text));
}

void json_put(struct json_object *o, const char *name, struct json_object *value)
{
    if (json_object_object_add(o, name, value) != 0)
        panic("json-c has no memory");
}

void json_put_uint(struct json_object *o, const char *name, uint64_t value)
{
    json_put(o, name, need(json_object_new_uint64(value)));
}

void json_put_text(struct json_object *o, const char *name, const char *text)
{
    json_put(o, name, json_text(text));
}

void json_put_bool(struct json_object *o, const char *name, bool value)
{
    json_put(o, name, need(json_object_new_boolean(value)));
}

void json_write(struct json_object *o, struct buf *to)
{
    buf_append_string(to, json_object_to_json_string_ext(
                              o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

void json_error(const char *text, struct buf *to)
{
    struct json_object *o = need(json_object_new_object());
    json_put_text(o, "error", text);
    json_write(o, to);
}

void json_user(struct bytes user, struct buf *to)
{
    struct json_object *o = need(json_object_new_object());
    json_put(o, "user", json_bytes(user));
    json_write(o, to);
}

/* --- in --------------------------------------------------------------------------------------- */

struct json_object *json_read(struct bytes text)
{
    if (text.size == 0 || text.size >= INT_MAX)
        return NULL;
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
    if (t == NULL)
        panic("json-c has no memory");
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, text.data, (int)text.size);
    const bool is_good = json_tokener_get_error(t) == json_tokener_success &&
                         json_tokener_get_parse_end(t) == text.size &&
                         json_object_is_type(o, json_type_object);
    json_tokener_free(t);
    if (is_good)
        return o;
    json_object_put(o);
    return NULL;
}

bool json_get_bytes(struct json_object *value, struct buf *to)
{
    if (json_object_is_type(value, json_type_string)) {
        buf_append(to, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        return true;
    }
    struct json_object *coded;
    if (!json_object_is_type(value, json_type_object) ||
        !json_object_object_get_ex(value, "base64", &coded) ||
        !json_object_is_type(coded, json_type_string))
        return false;
    return base64_decode(bytes_of(json_object_get_string(coded),
                                  (size_t)json_object_get_string_len(coded)),
                         to);
}

bool json_get_uint(struct json_object *o, const char *name, uint64_t max, uint64_t *value)
{
    struct json_object *number;
    if (!json_object_object_get_ex(o, name, &number))
        return true;
    if (!json_object_is_type(number, json_type_int))
        return false;
    const int64_t given = json_object_get_int64(number);
    if (given < 0 || (uint64_t)given > max)
        return false;
    *value = (uint64_t)given;
    return true;
}
