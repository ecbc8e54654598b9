/* settings.c -- the table of replicated settings, their text forms, and the parsed copy.
 *
 * A row holds the text that the client gave; it was valid when it was accepted, so one that does
 * not parse now is a broken invariant. Fields of numbers are 64 bits wide, whatever their range. */

#include "command/settings.h"

#include "base/panic.h"
#include "command/command.h"
#include "keyspace/keyspace.h"

#define BULK_LEN_MIN (1024 * 1024)
#define SCRIPT_MEMORY_MIN (1024 * 1024)
#define SCRIPT_MEMORY_LIMIT ((uint64_t)1 << 40)

static const struct {
    char letter;
    uint32_t class;
} event_letters[] = {
    {'g', EVENT_GENERIC}, {'$', EVENT_STRING}, {'l', EVENT_LIST},     {'s', EVENT_SET},
    {'h', EVENT_HASH},    {'z', EVENT_ZSET},   {'x', EVENT_EXPIRED},  {'e', EVENT_EVICTED},
    {'t', EVENT_STREAM},  {'d', EVENT_MODULE}, {'n', EVENT_NEW},      {'K', EVENT_KEYSPACE},
    {'E', EVENT_KEYEVENT}, {'m', EVENT_KEY_MISS},
};

#define EVENT_ALL                                                                          \
    (EVENT_GENERIC | EVENT_STRING | EVENT_LIST | EVENT_SET | EVENT_HASH | EVENT_ZSET |     \
     EVENT_EXPIRED | EVENT_EVICTED | EVENT_STREAM | EVENT_MODULE)

static const char *const policies[] = {
    "volatile-lru", "volatile-lfu",   "volatile-random", "volatile-ttl",
    "allkeys-lru",  "allkeys-lfu", "allkeys-random",  "noeviction",
};

static const char *const pubsub_defaults[] = {"allchannels", "resetchannels"};

/* --- text forms ------------------------------------------------------------------------------- */

bool event_classes_parse(struct bytes letters, uint32_t *classes)
{
    uint32_t parsed = 0;
    for (size_t i = 0; i < letters.size; i++) {
        const char letter = (char)bytes_data(letters)[i];
        uint32_t class = letter == 'A' ? EVENT_ALL : 0;
        for (size_t j = 0; j < ARRAY_COUNT(event_letters) && class == 0; j++)
            if (event_letters[j].letter == letter)
                class = event_letters[j].class;
        if (class == 0)
            return false;
        parsed |= class;
    }
    *classes = parsed;
    return true;
}

/* As Redis 7.0.15 shows them: 'A' stands for its classes and, a quirk, hides 'n'. */
void event_classes_print(uint32_t classes, struct buf *out)
{
    const bool all = (classes & EVENT_ALL) == EVENT_ALL;
    if (all)
        buf_append_u8(out, 'A');
    for (size_t i = 0; i < ARRAY_COUNT(event_letters); i++) {
        const uint32_t class = event_letters[i].class;
        if ((classes & class) && !(all && (class & (EVENT_ALL | EVENT_NEW))))
            buf_append_u8(out, (uint8_t)event_letters[i].letter);
    }
}

bool memory_size_parse(struct bytes text, uint64_t *size)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {
        {"", 1},          {"b", 1},         {"k", 1000},          {"kb", 1 << 10},
        {"m", 1000000},   {"mb", 1 << 20},  {"g", 1000000000},    {"gb", 1 << 30},
    };
    size_t digits = 0;
    uint64_t number = 0;
    for (; digits < text.size; digits++) {
        const uint8_t c = bytes_data(text)[digits];
        if (c < '0' || c > '9')
            break;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, c - '0', &number))
            return false;
    }
    if (digits == 0)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (bytes_equal_nocase_string(bytes_from(text, digits), units[i].unit))
            return !__builtin_mul_overflow(number, units[i].factor, size);
    return false;
}

/* --- kinds of settings ------------------------------------------------------------------------ */

static bool parse_memory(struct bytes value, void *field)
{
    uint64_t size;
    if (!memory_size_parse(value, &size))
        return false;
    *(uint64_t *)field = size;
    return true;
}

static bool parse_size(struct bytes value, void *field)
{
    uint64_t size;
    if (!memory_size_parse(value, &size) || size > INT64_MAX)
        return false;
    *(uint64_t *)field = size;
    return true;
}

static bool parse_bulk_len(struct bytes value, void *field)
{
    uint64_t size;
    if (!parse_size(value, &size) || size < BULK_LEN_MIN)
        return false;
    *(uint64_t *)field = size;
    return true;
}

/* Below the lower bound no script gets anywhere, above the upper one is what no node has. */
static bool parse_script_memory(struct bytes value, void *field)
{
    uint64_t size;
    if (!parse_size(value, &size) || size < SCRIPT_MEMORY_MIN || size > SCRIPT_MEMORY_LIMIT)
        return false;
    *(uint64_t *)field = size;
    return true;
}

static bool parse_range(struct bytes value, int64_t min, int64_t max, int64_t *field)
{
    int64_t number;
    if (!bytes_to_int64(value, &number) || number < min || number > max)
        return false;
    *field = number;
    return true;
}

static bool parse_count(struct bytes value, void *field)
{
    return parse_range(value, 0, INT64_MAX, field);
}

static bool parse_depth(struct bytes value, void *field)
{
    return parse_range(value, 0, INT32_MAX, field);
}

static bool parse_int(struct bytes value, void *field)
{
    return parse_range(value, INT32_MIN, INT32_MAX, field);
}

static bool parse_databases(struct bytes value, void *field)
{
    return parse_range(value, 1, DATABASES_MAX, field);
}

static void print_number(const void *field, struct buf *out)
{
    char digits[INT64_DIGITS];
    buf_append_bytes(out, bytes_from_uint64(*(const uint64_t *)field, digits));
}

static void print_signed(const void *field, struct buf *out)
{
    char digits[INT64_DIGITS];
    buf_append_bytes(out, bytes_from_int64(*(const int64_t *)field, digits));
}

static bool parse_bool(struct bytes value, void *field)
{
    const bool yes = bytes_equal_nocase_string(value, "yes");
    if (!yes && !bytes_equal_nocase_string(value, "no"))
        return false;
    *(bool *)field = yes;
    return true;
}

static void print_bool(const void *field, struct buf *out)
{
    buf_append_string(out, *(const bool *)field ? "yes" : "no");
}

static bool parse_word(struct bytes value, const char *const *words, size_t count, uint64_t *field)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_nocase_string(value, words[i])) {
            *field = i;
            return true;
        }
    return false;
}

static bool parse_policy(struct bytes value, void *field)
{
    return parse_word(value, policies, ARRAY_COUNT(policies), field);
}

static void print_policy(const void *field, struct buf *out)
{
    buf_append_string(out, policies[*(const uint64_t *)field]);
}

static bool parse_pubsub(struct bytes value, void *field)
{
    return parse_word(value, pubsub_defaults, ARRAY_COUNT(pubsub_defaults), field);
}

static void print_pubsub(const void *field, struct buf *out)
{
    buf_append_string(out, pubsub_defaults[*(const uint64_t *)field]);
}

static bool parse_events(struct bytes value, void *field)
{
    return event_classes_parse(value, field);
}

static void print_events(const void *field, struct buf *out)
{
    event_classes_print(*(const uint32_t *)field, out);
}

static bool parse_text(struct bytes value, void *field)
{
    struct setting_text *t = field;
    if (value.size > sizeof(t->text))
        return false;
    t->size = (uint32_t)value.size;
    if (value.size > 0)
        memcpy(t->text, value.data, value.size);
    return true;
}

static void print_text(const void *field, struct buf *out)
{
    const struct setting_text *t = field;
    buf_append(out, t->text, t->size);
}

/* --- the table -------------------------------------------------------------------------------- */

#define FIELD(name) offsetof(struct settings, name)

static const struct setting settings_table[] = {
    {"acl-pubsub-default", NULL, "resetchannels", parse_pubsub, print_pubsub,
     FIELD(acl_pubsub_default)},
    {"active-expire", NULL, "yes", parse_bool, print_bool, FIELD(active_expire)},
    {"apply-rows-max", NULL, "10000000", parse_count, print_number, FIELD(apply_rows_max)},
    {"databases", NULL, "16", parse_databases, print_number, FIELD(databases)},
    {"hash-max-listpack-entries", "hash-max-ziplist-entries", "512", parse_count, print_number,
     FIELD(hash_max_listpack_entries)},
    {"hash-max-listpack-value", "hash-max-ziplist-value", "64", parse_size, print_number,
     FIELD(hash_max_listpack_value)},
    {"hll-sparse-max-bytes", NULL, "3000", parse_size, print_number, FIELD(hll_sparse_max_bytes)},
    {"list-compress-depth", NULL, "0", parse_depth, print_number, FIELD(list_compress_depth)},
    {"list-max-listpack-size", "list-max-ziplist-size", "-2", parse_int, print_signed,
     FIELD(list_max_listpack_size)},
    {"maxmemory", NULL, "0", parse_memory, print_number, FIELD(maxmemory)},
    {"maxmemory-policy", NULL, "noeviction", parse_policy, print_policy, FIELD(maxmemory_policy)},
    {"notify-keyspace-events", NULL, "", parse_events, print_events,
     FIELD(notify_keyspace_events)},
    {"proto-max-bulk-len", NULL, "536870912", parse_bulk_len, print_number,
     FIELD(proto_max_bulk_len)},
    {"requirepass", NULL, "", parse_text, print_text, FIELD(requirepass)},
    {"script-deny-debug", NULL, "yes", parse_bool, print_bool, FIELD(script_deny_debug)},
    {"script-instructions-max", NULL, "200000000", parse_count, print_number,
     FIELD(script_instructions_max)},
    {"script-memory-max", NULL, "268435456", parse_script_memory, print_number,
     FIELD(script_memory_max)},
    {"script-writes-max", NULL, "1073741824", parse_script_memory, print_number,
     FIELD(script_writes_max)},
    {"set-max-intset-entries", NULL, "512", parse_count, print_number,
     FIELD(set_max_intset_entries)},
    {"stream-node-max-bytes", NULL, "4096", parse_size, print_number,
     FIELD(stream_node_max_bytes)},
    {"stream-node-max-entries", NULL, "100", parse_count, print_number,
     FIELD(stream_node_max_entries)},
    {"zset-max-listpack-entries", "zset-max-ziplist-entries", "128", parse_count, print_number,
     FIELD(zset_max_listpack_entries)},
    {"zset-max-listpack-value", "zset-max-ziplist-value", "64", parse_size, print_number,
     FIELD(zset_max_listpack_value)},
};

const struct setting *setting_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings_table); i++) {
        const struct setting *s = &settings_table[i];
        if (bytes_equal_nocase_string(name, s->name) ||
            (s->alias != NULL && bytes_equal_nocase_string(name, s->alias)))
            return s;
    }
    return NULL;
}

const struct setting *setting_at(size_t n)
{
    return n < ARRAY_COUNT(settings_table) ? &settings_table[n] : NULL;
}

const char *setting_refusal(const struct setting *s, struct bytes value)
{
    static const struct {
        bool (*parse)(struct bytes, void *);
        const char *not_one, *out_of_range; /* out_of_range NULL: there is no range */
    } refusals[] = {
        {parse_memory, "argument must be a memory value", NULL},
        {parse_size, "argument must be a memory value",
         "argument must be between 0 and 9223372036854775807 inclusive"},
        {parse_bulk_len, "argument must be a memory value",
         "argument must be between 1048576 and 9223372036854775807 inclusive"},
        {parse_script_memory, "argument must be a memory value",
         "argument must be between 1048576 and 1099511627776 inclusive"},
        {parse_count, "argument couldn't be parsed into an integer",
         "argument must be between 0 and 9223372036854775807 inclusive"},
        {parse_depth, "argument couldn't be parsed into an integer",
         "argument must be between 0 and 2147483647 inclusive"},
        {parse_int, "argument couldn't be parsed into an integer",
         "argument must be between -2147483648 and 2147483647 inclusive"},
        {parse_databases, "argument couldn't be parsed into an integer",
         "argument must be between 1 and 256 inclusive"},
        {parse_bool, "argument must be 'yes' or 'no'", NULL},
        {parse_policy,
         "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
         "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction", NULL},
        {parse_pubsub, "argument(s) must be one of the following: allchannels, resetchannels",
         NULL},
        {parse_events, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.", NULL},
        {parse_text, "argument is too long", NULL},
    };
    uint64_t size;
    int64_t number;
    const bool is_number = memory_size_parse(value, &size) || bytes_to_int64(value, &number);
    const bool is_plain = bytes_to_int64(value, &number);
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        if (refusals[i].parse != s->parse)
            continue;
        const bool takes_units = s->parse == parse_size || s->parse == parse_bulk_len ||
                                 s->parse == parse_script_memory;
        const bool parses = takes_units ? is_number && !(is_plain && number < 0) : is_plain;
        if (refusals[i].out_of_range != NULL && parses)
            return refusals[i].out_of_range;
        return refusals[i].not_one;
    }
    panic("setting %s has no words of refusal", s->name);
}

/* --- the parsed copy -------------------------------------------------------------------------- */

static void set(struct settings *s, const struct setting *setting, struct bytes value)
{
    if (!setting->parse(value, (char *)s + setting->field))
        panic("setting %s holds a value that was never valid: '%.*s'", setting->name,
              (int)MIN(value.size, 64), value.size == 0 ? "" : (const char *)value.data);
}

bool settings_keep_frequency(const struct settings *s)
{
    return s->maxmemory_policy == POLICY_VOLATILE_LFU || s->maxmemory_policy == POLICY_ALLKEYS_LFU;
}

bool setting_row_is_sound(struct bytes name, struct bytes value)
{
    struct settings scratch;
    const struct setting *s = setting_find(name);
    return s == NULL || s->parse(value, (char *)&scratch + s->field);
}

void settings_init(struct settings *s)
{
    *s = (struct settings){0};
    for (size_t i = 0; i < ARRAY_COUNT(settings_table); i++)
        set(s, &settings_table[i], bytes_from_string(settings_table[i].default_value));
}

void settings_refresh(struct settings *s, struct keyspace *k)
{
    const uint64_t version = keyspace_settings_version(k);
    if (version == s->version)
        return;
    settings_init(s);
    for (size_t i = 0; i < ARRAY_COUNT(settings_table); i++) {
        struct bytes value;
        if (keyspace_setting(k, settings_table[i].name, &value))
            set(s, &settings_table[i], value);
    }
    s->version = version;
}
