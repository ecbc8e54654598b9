/* keyspec.c -- the keys among a command's arguments, by the key specs of its row.
 *
 * As Redis's getKeysUsingKeySpecs(); where a spec says too little (a keyword that can stand
 * anywhere, flags that depend on options) a function of the command's own does it, as Redis's
 * getkeys_proc. */

#include "command/keyspec.h"

#include "base/panic.h"

static void add(struct key_list *f, uint32_t position, uint32_t flags)
{
    f->keys[f->count++] = (struct key_position){position, flags};
}

static bool is_word(const struct bytes *args, uint32_t count, uint32_t n, const char *word)
{
    return n < count && bytes_equal_nocase_string(args[n], word);
}

/* --- commands with rules of their own --------------------------------------------------------- */

/* SET with GET reads the value too. */
static bool set_keys(const struct bytes *args, uint32_t count, struct key_list *f)
{
    uint32_t flags = KEY_OW | KEY_UPDATE;
    for (uint32_t i = 3; i < count; i++)
        if (is_word(args, count, i, "get"))
            flags = KEY_RW | KEY_ACCESS | KEY_UPDATE;
    add(f, 1, flags);
    return true;
}

/* BITFIELD that only reads. */
static bool bitfield_keys(const struct bytes *args, uint32_t count, struct key_list *f)
{
    bool writes = false;
    for (uint32_t i = 2; i < count; i++)
        if (is_word(args, count, i, "set") || is_word(args, count, i, "incrby"))
            writes = true;
    add(f, 1, writes ? KEY_RW | KEY_ACCESS | KEY_UPDATE : KEY_RO | KEY_ACCESS);
    return true;
}

/* SORT: the last STORE counts. Options with arguments are passed over, so that "BY store" is not
 * taken for one. What BY and GET point at depends on data and is not told. */
static bool sort_keys(const struct bytes *args, uint32_t count, struct key_list *f)
{
    static const struct {
        const char *word;
        uint32_t skip;
    } options[] = {{"limit", 2}, {"get", 1}, {"by", 1}};

    add(f, 1, KEY_RO | KEY_ACCESS);
    uint32_t store = 0;
    for (uint32_t i = 2; i < count; i++) {
        uint32_t skip = 0;
        for (size_t j = 0; j < ARRAY_COUNT(options) && skip == 0; j++)
            if (is_word(args, count, i, options[j].word))
                skip = options[j].skip;
        if (skip == 0 && is_word(args, count, i, "store") && i + 1 < count) {
            store = i + 1;
            skip = 1;
        }
        i += skip;
    }
    if (store > 0)
        add(f, store, KEY_OW | KEY_UPDATE);
    return true;
}

/* MIGRATE host port key|"" db timeout [... KEYS key ...] */
static bool migrate_keys(const struct bytes *args, uint32_t count, struct key_list *f)
{
    const uint32_t flags = KEY_RW | KEY_ACCESS | KEY_DELETE;
    for (uint32_t i = 6; i < count; i++) {
        if (is_word(args, count, i, "auth") || is_word(args, count, i, "auth2")) {
            i += is_word(args, count, i, "auth") ? 1 : 2;
            continue;
        }
        if (!is_word(args, count, i, "keys"))
            continue;
        if (args[3].size > 0) /* both forms at once */
            return false;
        for (uint32_t j = i + 1; j < count; j++)
            add(f, j, flags);
        return true;
    }
    add(f, 3, flags);
    return true;
}

static const struct {
    const char *name;
    bool (*keys)(const struct bytes *args, uint32_t count, struct key_list *f);
} own_rules[] = {
    {"set", set_keys}, {"bitfield", bitfield_keys}, {"sort", sort_keys}, {"migrate", migrate_keys},
};

/* The place in own_rules of a row whose specs are not the whole truth, or the number of rules. */
static size_t own_rule(const struct command *c)
{
    bool vague = false;
    for (size_t i = 0; i < KEY_SPECS_MAX && c->keys[i].flags != 0; i++)
        if (c->keys[i].begin == KEY_BEGIN_UNKNOWN ||
            c->keys[i].flags & (KEY_VARIABLE | KEY_INCOMPLETE))
            vague = true;
    size_t rule = vague ? 0 : ARRAY_COUNT(own_rules);
    while (rule < ARRAY_COUNT(own_rules) && strcmp(own_rules[rule].name, c->name) != 0)
        rule++;
    return rule;
}

/* --- specs ------------------------------------------------------------------------------------ */

/* Where the search begins; 0: nowhere. */
static uint32_t spec_begin(const struct key_spec *s, const struct bytes *args, uint32_t count)
{
    if (s->begin == KEY_BEGIN_INDEX)
        return (uint32_t)s->begin_at;
    if (s->begin != KEY_BEGIN_KEYWORD)
        return 0;
    const int64_t from = s->begin_at >= 0 ? s->begin_at : (int64_t)count + s->begin_at;
    const int64_t end = s->begin_at >= 0 ? (int64_t)count - 1 : 0;
    const int64_t step = from <= end ? 1 : -1;
    for (int64_t i = from; i != end; i += step) { /* the last argument cannot be the keyword */
        if (i >= (int64_t)count || i < 1)
            break;
        if (bytes_equal_nocase_string(args[i], s->keyword))
            return (uint32_t)i + 1;
    }
    return 0;
}

/* The last position and the step; false: the arguments make no sense. */
static bool spec_end(const struct key_spec *s, const struct bytes *args, uint32_t count,
                     int64_t *first, int64_t *last)
{
    if (s->find == KEY_FIND_RANGE) {
        if (s->last >= 0)
            *last = *first + s->last;
        else if (s->limit <= 1)
            *last = (int64_t)count + s->last;
        else
            *last = *first + ((int64_t)count - *first) / s->limit + s->last;
        return true;
    }
    CHECK(s->find == KEY_FIND_COUNTED);
    int64_t keys;
    if (*first >= (int64_t)count || !bytes_to_int64(args[*first], &keys))
        return false;
    if (keys < 0 || keys > count)
        return false;
    *first += 1;
    *last = *first + keys - 1;
    return true;
}

static bool extract_by_spec(const struct key_spec *s, const struct bytes *args, uint32_t count,
                            struct key_list *f)
{
    int64_t first = spec_begin(s, args, count), last;
    if (first == 0)
        return true;
    if (!spec_end(s, args, count, &first, &last))
        return false;
    for (int64_t i = first; i <= last; i += s->step) {
        if (i >= (int64_t)count || i < first)
            return false;
        add(f, (uint32_t)i, s->flags);
    }
    return true;
}

bool keyspec_extract(const struct command *c, const struct bytes *args, uint32_t arg_count,
                     struct arena *arena, struct key_list *list)
{
    *list = (struct key_list){NULL, 0};
    if (c->keys[0].flags == 0)
        return true;

    /* Each spec or rule gives an argument at most once. */
    list->keys = arena_alloc(arena, (size_t)arg_count * KEY_SPECS_MAX * sizeof(*list->keys));
    const size_t rule = own_rule(c);
    bool sense = rule == ARRAY_COUNT(own_rules) || own_rules[rule].keys(args, arg_count, list);
    for (size_t i = 0; rule == ARRAY_COUNT(own_rules) && i < KEY_SPECS_MAX && sense; i++)
        if (c->keys[i].flags != 0 && !(c->keys[i].flags & KEY_NOT_KEY))
            sense = extract_by_spec(&c->keys[i], args, arg_count, list);
    if (!sense)
        list->count = 0;
    CHECK(list->count <= (size_t)arg_count * KEY_SPECS_MAX);
    return sense;
}
