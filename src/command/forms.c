/* forms.c -- streams, element by element; and which of lists and streams it is: see forms.h. */

#include "command/forms.h"

#include "base/encode.h"

#define FACTS_SIZE 96
#define NUMBER_BYTES_MAX 8
#define NODE_HEAD 48

/* A hash of numbers: SplitMix64's finalizer, chained. */
static uint64_t mix(uint64_t sum, uint64_t number)
{
    uint64_t z = sum * 31 + number + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t mix_id(uint64_t sum, struct stream_id id)
{
    return mix(mix(sum, id.ms), id.seq);
}

/* A number in a subkey: the count of its bytes, and these. What is behind it goes to *rest. */
static bool take_number(struct bytes subkey, uint64_t *number, struct bytes *rest)
{
    const uint8_t *at = subkey.data;
    if (subkey.size == 0 || at[0] == 0 || at[0] > NUMBER_BYTES_MAX ||
        subkey.size < 1 + (size_t)at[0])
        return false;
    *number = 0;
    for (uint8_t i = 1; i <= at[0]; i++)
        *number = *number << 8 | at[i];
    *rest = bytes_from(subkey, 1 + (size_t)at[0]);
    return *number != 0;
}

static bool take_numbered_id(struct bytes subkey, uint64_t *number, struct stream_id *id)
{
    struct bytes rest;
    if (!take_number(subkey, number, &rest) || rest.size != STREAM_ID_SIZE)
        return false;
    *id = stream_id_decode(rest);
    return true;
}

/* size:4 bytes, again and again; count of them, or any number. */
static bool are_words(struct bytes b, uint64_t count)
{
    struct reader r;
    uint64_t words = 0;
    reader_init(&r, b);
    for (; reader_left(&r) > 0 && !r.failed; words++)
        reader_bytes(&r, reader_le32(&r));
    return !r.failed && (count == UINT64_MAX || words == count);
}

/* --- rows of a stream ------------------------------------------------------------------------- */

static bool entry(struct stream_seen *s, struct bytes subkey, struct bytes value)
{
    const uint32_t words = get_le32(value.data);
    s->last = stream_id_decode(subkey);
    if (s->entries++ == 0)
        s->first = s->last;
    return words % 2 == 0 && are_words(bytes_from(value, 4), words);
}

static bool node(struct stream_seen *s, struct bytes subkey, struct bytes value)
{
    const uint8_t *at = value.data;
    const struct stream_id first = stream_id_decode(subkey);
    const struct stream_id last = stream_id_decode(bytes_of(at, STREAM_ID_SIZE));
    const struct stream_id before = stream_id_decode(bytes_of(at + 32, STREAM_ID_SIZE));
    const uint32_t count = get_le32(at + 24);
    const bool is_behind = s->nodes == 0 || stream_id_compare(first, s->node_end) > 0;
    s->nodes++;
    s->node_entries += count;
    s->node = first;
    s->node_end = last;
    return count > 0 && is_behind && stream_id_compare(first, last) <= 0 &&
           stream_id_compare(before, first) < 0 &&
           are_words(bytes_from(value, NODE_HEAD), UINT64_MAX);
}

static bool group(struct stream_seen *s, struct bytes value)
{
    const uint8_t *at = value.data;
    const uint64_t number = get_le64(at + 24), pending = get_le64(at + 32);
    s->groups++;
    s->of_groups += pending * mix(0, number);
    s->members += get_le64(at + 40) * mix(0, number);
    if (pending > 0)
        s->lowest += mix_id(number, stream_id_decode(bytes_of(at + 48, STREAM_ID_SIZE)));
    return number != 0 && number <= s->facts.last_number;
}

static bool pending(struct stream_seen *s, struct bytes subkey, struct bytes value)
{
    uint64_t number;
    struct stream_id id;
    const uint64_t consumer = get_le64(value.data);
    if (!take_numbered_id(subkey, &number, &id))
        return false;
    s->of_groups -= mix(0, number);
    s->of_consumers += mix(0, consumer);
    s->by_consumer += mix_id(consumer, id);
    if (number != s->pending_group)
        s->lowest -= mix_id(number, id);
    s->pending_group = number;
    return true;
}

static bool pending_by_consumer(struct stream_seen *s, struct bytes subkey)
{
    uint64_t number;
    struct stream_id id;
    if (!take_numbered_id(subkey, &number, &id))
        return false;
    s->by_consumer -= mix_id(number, id);
    return true;
}

static bool consumer(struct stream_seen *s, struct bytes subkey, struct bytes value)
{
    uint64_t number;
    struct bytes rest;
    if (!take_number(subkey, &number, &rest) || rest.size > 0)
        return false;
    s->consumers++;
    s->named += mix(0, number);
    s->of_consumers -= get_le64(bytes_data(value) + 8) * mix(0, number);
    return number <= s->facts.last_number;
}

static bool consumer_name(struct stream_seen *s, struct bytes subkey, struct bytes value)
{
    uint64_t number;
    struct bytes rest;
    if (!take_number(subkey, &number, &rest))
        return false;
    s->names++;
    s->named -= mix(0, get_le64(value.data));
    s->members -= mix(0, number);
    return true;
}

static bool is_same(struct stream_id a, struct stream_id b)
{
    return stream_id_compare(a, b) == 0;
}

static bool stream_end(const struct stream_seen *s)
{
    const struct stream *f = &s->facts;
    return s->entries == s->node_entries && s->nodes == f->node_count &&
           s->groups == f->group_count && s->consumers == s->names && s->by_consumer == 0 &&
           s->of_groups == 0 && s->of_consumers == 0 && s->members == 0 && s->named == 0 &&
           s->lowest == 0 && is_same(s->first, f->first) &&
           stream_id_compare(s->last, f->last) <= 0 && is_same(s->node, f->last_node) &&
           stream_id_compare(s->last, s->node_end) <= 0;
}

/* --- of an object ----------------------------------------------------------------------------- */

bool forms_begin(struct forms *f, const struct object_form *of)
{
    f->of = *of;
    if (of->type == TYPE_LIST)
        return list_seen_begin(&f->list, of);
    f->stream = (struct stream_seen){0};
    struct object o = {.type = of->type, .fields_size = (uint8_t)of->fields.size};
    if (of->fields.size != FACTS_SIZE)
        return false;
    memcpy(o.fields, of->fields.data, FACTS_SIZE);
    stream_facts(&o, &f->stream.facts);
    return true;
}

bool forms_element(struct forms *f, enum space space, struct bytes subkey, struct bytes value)
{
    struct stream_seen *s = &f->stream;
    switch (space) {
    case SPACE_ELEMENT: return list_seen_element(&f->list, subkey);
    case SPACE_FENCE: return list_seen_fence(&f->list, subkey, value);
    case SPACE_ENTRY: return entry(s, subkey, value);
    case SPACE_NODE: return node(s, subkey, value);
    case SPACE_GROUP: return group(s, value);
    case SPACE_PENDING: return pending(s, subkey, value);
    case SPACE_PENDING_BY_CONSUMER: return pending_by_consumer(s, subkey);
    case SPACE_CONSUMER: return consumer(s, subkey, value);
    case SPACE_CONSUMER_NAME: return consumer_name(s, subkey, value);
    default: return false;
    }
}

bool forms_end(struct forms *f)
{
    return f->of.type == TYPE_LIST ? list_seen_end(&f->list, &f->of) : stream_end(&f->stream);
}
