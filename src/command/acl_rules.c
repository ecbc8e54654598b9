/* acl_rules.c -- one user: its rules parsed, kept, and written to its row.
 *
 * Rules of commands are kept in order, each with a mark: the number of the command that it is
 * about, or CATEGORY | bit. A rule that a later one overrules goes, so a selector holds at most one
 * for each command, category and first argument. */

#include "command/acl_user.h"

#include <stdlib.h>

#include "base/panic.h"
#include "resp/resp_read.h"

#define CATEGORY ((uint32_t)1 << 31)
#define CATEGORY_ALL (CATEGORY | 31)
#define ROW_FORMAT 1

static const char *const syntax_error = "Syntax error";
static const char *const unknown_command = "Unknown command or category name in ACL";
static const char *const bad_hash = "The password hash must be exactly 64 characters and contain "
                                    "only lowercase hexadecimal characters";

/* --- lists ------------------------------------------------------------------------------------ */

static struct bytes own(struct bytes b)
{
    char *copy = xmalloc(b.size + 1);
    if (b.size > 0)
        memcpy(copy, b.data, b.size);
    return bytes_of(copy, b.size);
}

static void list_add(struct acl_list *l, struct bytes text, uint32_t mark)
{
    if (l->count == l->capacity) {
        l->capacity = MAX(4, 2 * l->capacity);
        l->items = xrealloc(l->items, l->capacity * sizeof(*l->items));
    }
    l->items[l->count++] = (struct acl_item){own(text), mark};
}

static void list_remove(struct acl_list *l, uint32_t n)
{
    free((void *)l->items[n].text.data);
    memmove(&l->items[n], &l->items[n + 1], (--l->count - n) * sizeof(*l->items));
}

static void list_empty(struct acl_list *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        free((void *)l->items[i].text.data);
    free(l->items);
    *l = (struct acl_list){0};
}

static void list_copy(struct acl_list *to, const struct acl_list *from)
{
    *to = (struct acl_list){0};
    for (uint32_t i = 0; i < from->count; i++)
        list_add(to, from->items[i].text, from->items[i].mark);
}

static struct acl_item *list_find(const struct acl_list *l, struct bytes text)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (bytes_equal(l->items[i].text, text))
            return &l->items[i];
    return NULL;
}

/* --- selectors -------------------------------------------------------------------------------- */

static void selector_clear(struct acl_selector *s)
{
    list_empty(&s->keys);
    list_empty(&s->channels);
    list_empty(&s->rules);
    list_empty(&s->first_args);
}

static void selector_copy(struct acl_selector *to, const struct acl_selector *from)
{
    *to = *from;
    list_copy(&to->keys, &from->keys);
    list_copy(&to->channels, &from->channels);
    list_copy(&to->rules, &from->rules);
    list_copy(&to->first_args, &from->first_args);
}

bool acl_selector_allows(const struct acl_selector *s, uint32_t number)
{
    return (s->allowed[number / 64] >> number % 64 & 1) != 0;
}

static void set_bit(struct acl_selector *s, uint32_t number, bool allow)
{
    const uint64_t bit = (uint64_t)1 << number % 64;
    if (allow)
        s->allowed[number / 64] |= bit;
    else
        s->allowed[number / 64] &= ~bit;
    if (!allow)
        s->all_commands = false;
}

static bool has_subcommands(const struct command *c)
{
    return c->subcommands != NULL && !(c->subcommands->flags & CMD_UNLISTED);
}

void acl_selector_change(struct acl_selector *s, uint32_t number, bool allow)
{
    const struct command *c = command_by_number(number);
    set_bit(s, number, allow);
    for (uint32_t i = s->first_args.count; i-- > 0;)
        if (s->first_args.items[i].mark == number)
            list_remove(&s->first_args, i);
    if (has_subcommands(c))
        for (const struct command *sub = c->subcommands; sub->name != NULL; sub++)
            set_bit(s, command_number(sub), allow);
}

void acl_selector_change_category(struct acl_selector *s, uint32_t category, bool allow)
{
    const struct command *c;
    for (uint32_t n = 0; (c = command_by_number(n)) != NULL; n++)
        if (command_acl(c) & category)
            acl_selector_change(s, n, allow);
}

static void change_all(struct acl_selector *s, bool allow)
{
    memset(s->allowed, allow ? 0xff : 0, sizeof(s->allowed));
    s->all_commands = s->future = allow;
    list_empty(&s->first_args);
    list_empty(&s->rules);
    if (allow)
        list_add(&s->rules, BYTES("+@all"), CATEGORY_ALL);
}

/* --- rules of commands ------------------------------------------------------------------------ */

/* Rules before this one, about the same command, its subcommands or the same category, are over. */
static void keep_rule(struct acl_selector *s, struct bytes rule, uint32_t mark)
{
    const struct command *c = mark & CATEGORY ? NULL : command_by_number(mark);
    for (uint32_t i = s->rules.count; i-- > 0;) {
        const uint32_t other = s->rules.items[i].mark;
        const bool is_part = c != NULL && !(other & CATEGORY) &&
                             command_container(command_by_number(other)) == c;
        if (other == mark || is_part)
            list_remove(&s->rules, i);
    }
    list_add(&s->rules, rule, mark);
}

static const struct command *lookup(struct bytes name)
{
    const struct command *c = command_by_name(name);
    return c == NULL || c->flags & CMD_UNLISTED ? NULL : c;
}

static const char *change_category(struct acl_selector *s, struct bytes rule)
{
    const bool allow = *bytes_data(rule) == '+';
    const struct bytes name = bytes_from(rule, 2);
    if (bytes_equal_nocase_string(name, "all")) {
        change_all(s, allow);
        return NULL;
    }
    const char *category;
    for (uint32_t n = 0; (category = acl_category_name(n)) != NULL; n++) {
        if (!bytes_equal_nocase_string(name, category))
            continue;
        acl_selector_change_category(s, (uint32_t)1 << n, allow);
        keep_rule(s, rule, CATEGORY | n);
        return NULL;
    }
    return unknown_command;
}

/* "+select|0": the old way to allow one first argument of a command that is forbidden. */
static const char *add_first_arg(struct acl_selector *s, struct bytes rule, size_t bar)
{
    const struct command *c = lookup(bytes_of(bytes_data(rule) + 1, bar - 1));
    const struct bytes first = bytes_from(rule, bar + 1);
    if (c == NULL)
        return unknown_command;
    if (command_container(c) != NULL)
        return "Allowing first-arg of a subcommand is not supported";
    if (first.size == 0)
        return syntax_error;
    if (has_subcommands(c))
        return unknown_command;
    const uint32_t number = command_number(c);
    for (uint32_t i = 0; i < s->first_args.count; i++)
        if (s->first_args.items[i].mark == number &&
            bytes_equal_nocase(s->first_args.items[i].text, first))
            return NULL;
    list_add(&s->first_args, first, number);
    for (uint32_t i = s->rules.count; i-- > 0;) /* the same, taken back by a category since */
        if (bytes_equal_nocase(s->rules.items[i].text, rule))
            list_remove(&s->rules, i);
    list_add(&s->rules, rule, number);
    return NULL;
}

static const char *change_command(struct acl_selector *s, struct bytes rule)
{
    const bool allow = *bytes_data(rule) == '+';
    const struct command *c = lookup(bytes_from(rule, 1));
    if (c == NULL) {
        size_t bar = rule.size;
        while (bar > 1 && bytes_data(rule)[bar - 1] != '|')
            bar--;
        return allow && bar > 1 ? add_first_arg(s, rule, bar - 1) : unknown_command;
    }
    acl_selector_change(s, command_number(c), allow);
    keep_rule(s, rule, command_number(c));
    return NULL;
}

/* --- rules of keys and channels --------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_blanks(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++)
        if (is_blank(bytes_data(b)[i]) || bytes_data(b)[i] == '\0')
            return true;
    return false;
}

/* "%RW~pattern": where the pattern begins, and *permissions; 0: malformed. */
static size_t key_permissions(struct bytes rule, uint32_t *permissions)
{
    *permissions = 0;
    for (size_t i = 1; i < rule.size; i++) {
        const uint8_t c = bytes_data(rule)[i] & (uint8_t)~0x20;
        if (bytes_data(rule)[i] == '~')
            return *permissions == 0 ? 0 : i + 1;
        const uint32_t bit = c == 'R' ? ACL_MAY_READ : c == 'W' ? ACL_MAY_WRITE : 0;
        if (bit == 0 || *permissions & bit)
            return 0;
        *permissions |= bit;
    }
    return *permissions == 0 ? 0 : rule.size; /* "%R" is "%R~" */
}

static const char *add_keys(struct acl_selector *s, struct bytes rule)
{
    if (s->all_keys)
        return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
               "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    uint32_t permissions = ACL_MAY_BOTH;
    const size_t at = *bytes_data(rule) == '~' ? 1 : key_permissions(rule, &permissions);
    if (at == 0 || has_blanks(bytes_from(rule, at)))
        return syntax_error;
    struct acl_item *same = list_find(&s->keys, bytes_from(rule, at));
    if (same != NULL)
        same->mark |= permissions;
    else
        list_add(&s->keys, bytes_from(rule, at), permissions);
    return NULL;
}

static const char *add_channels(struct acl_selector *s, struct bytes rule)
{
    if (s->all_channels)
        return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
               "does not have any effect. Try 'resetchannels' to start with an empty list of "
               "channels";
    if (has_blanks(bytes_from(rule, 1)))
        return syntax_error;
    if (list_find(&s->channels, bytes_from(rule, 1)) == NULL)
        list_add(&s->channels, bytes_from(rule, 1), 0);
    return NULL;
}

static void change_keys(struct acl_selector *s, bool all)
{
    s->all_keys = all;
    list_empty(&s->keys);
}

static void change_channels(struct acl_selector *s, bool all)
{
    s->all_channels = all;
    list_empty(&s->channels);
}

static bool is(struct bytes rule, const char *a, const char *b)
{
    return bytes_equal_nocase_string(rule, a) || (b != NULL && bytes_equal_nocase_string(rule, b));
}

static const char *selector_rule(struct acl_selector *s, struct bytes rule)
{
    if (is(rule, "allkeys", "~*") || is(rule, "resetkeys", NULL)) {
        change_keys(s, !is(rule, "resetkeys", NULL));
        return NULL;
    }
    if (is(rule, "allchannels", "&*") || is(rule, "resetchannels", NULL)) {
        change_channels(s, !is(rule, "resetchannels", NULL));
        return NULL;
    }
    if (is(rule, "allcommands", NULL) || is(rule, "nocommands", NULL)) {
        change_all(s, is(rule, "allcommands", NULL));
        return NULL;
    }
    const uint8_t first = *bytes_data(rule), second = rule.size > 1 ? bytes_data(rule)[1] : 0;
    if (first == '~' || first == '%')
        return add_keys(s, rule);
    if (first == '&')
        return add_channels(s, rule);
    if (first != '+' && first != '-')
        return syntax_error;
    return second == '@' ? change_category(s, rule) : change_command(s, rule);
}

/* --- selectors in parentheses ----------------------------------------------------------------- */

static struct acl_selector *add_selector(struct acl_user *u, bool all_channels)
{
    u->selectors = xrealloc(u->selectors, (u->selector_count + 1) * sizeof(*u->selectors));
    struct acl_selector *s = &u->selectors[u->selector_count++];
    memset(s, 0, sizeof(*s));
    s->all_channels = all_channels;
    return s;
}

static void clear_selectors(struct acl_user *u)
{
    while (u->selector_count > 1)
        selector_clear(&u->selectors[--u->selector_count]);
}

/* "(rule rule ...)": words as those of an inline request; quotes that do not match: none. */
static const char *add_selector_rules(struct acl_user *u, struct bytes rule, bool all_channels)
{
    struct acl_selector *s = add_selector(u, all_channels);
    struct buf line = {0};
    struct resp_reader reader = {0};
    struct resp_request words;
    struct resp_limits limits = RESP_LIMITS_DEFAULT;
    const char *error = NULL;
    buf_append_string(&line, ". "); /* a first word, so that no '*' is taken for RESP */
    for (size_t i = 1; i + 1 < rule.size; i++)
        buf_append_u8(&line, bytes_data(rule)[i] == '\n' ? ' ' : bytes_data(rule)[i]);
    buf_append_u8(&line, '\n');
    limits.inline_max = line.size;
    if (resp_read_next(&reader, buf_bytes(&line), &limits, &words) == RESP_REQUEST)
        for (size_t i = 1; i < words.arg_count && error == NULL; i++)
            error = words.args[i].size == 0 ? syntax_error : selector_rule(s, words.args[i]);
    resp_reader_clear(&reader);
    buf_clear(&line);
    return error;
}

/* --- rules of users --------------------------------------------------------------------------- */

static bool is_hash(struct bytes b)
{
    bool good = b.size == SHA256_HEX_SIZE;
    for (size_t i = 0; i < b.size && good; i++) {
        const uint8_t c = bytes_data(b)[i];
        good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return good;
}

/* >password #hash <password !hash */
static const char *password_rule(struct acl_user *u, struct bytes rule)
{
    const uint8_t kind = *bytes_data(rule);
    char hex[SHA256_HEX_SIZE + 1];
    struct bytes hash = bytes_from(rule, 1);
    if (kind == '>' || kind == '<') {
        sha256_hex(hash, hex);
        hash = bytes_of(hex, SHA256_HEX_SIZE);
    } else if (!is_hash(hash)) {
        return bad_hash;
    }
    struct acl_item *same = list_find(&u->passwords, hash);
    if (kind == '<' || kind == '!') {
        if (same == NULL)
            return "The password you are trying to remove from the user does not exist";
        list_remove(&u->passwords, (uint32_t)(same - u->passwords.items));
        return NULL;
    }
    if (same == NULL)
        list_add(&u->passwords, hash, 0);
    u->has_no_password = false;
    return NULL;
}

static void reset(struct acl_user *u, bool all_channels)
{
    u->is_on = u->has_no_password = u->skips_sanitize = false;
    u->wants_sanitize = true;
    list_empty(&u->passwords);
    clear_selectors(u);
    change_keys(u->selectors, false);
    change_channels(u->selectors, all_channels);
    change_all(u->selectors, false);
}

/* One word about the user itself; false: it is none. */
static bool user_word(struct acl_user *u, struct bytes rule, bool all_channels)
{
    if (is(rule, "on", "off")) {
        u->is_on = is(rule, "on", NULL);
    } else if (is(rule, "skip-sanitize-payload", "sanitize-payload")) {
        u->skips_sanitize = is(rule, "skip-sanitize-payload", NULL);
        u->wants_sanitize = !u->skips_sanitize;
    } else if (is(rule, "nopass", "resetpass")) {
        u->has_no_password = is(rule, "nopass", NULL);
        list_empty(&u->passwords);
    } else if (is(rule, "clearselectors", NULL)) {
        clear_selectors(u);
    } else if (is(rule, "reset", NULL)) {
        reset(u, all_channels);
    } else {
        return false;
    }
    return true;
}

static const char *user_rule(struct acl_user *u, struct bytes rule, bool all_channels)
{
    if (rule.size == 0 || user_word(u, rule, all_channels))
        return NULL;
    const uint8_t first = *bytes_data(rule), last = bytes_data(rule)[rule.size - 1];
    if (first == '>' || first == '#' || first == '<' || first == '!')
        return password_rule(u, rule);
    if (first == '(' && last == ')')
        return add_selector_rules(u, rule, all_channels);
    return selector_rule(u->selectors, rule);
}

/* --- several rules ---------------------------------------------------------------------------- */

static void say_word(struct buf *error, struct bytes word)
{
    for (size_t i = 0; i < word.size && bytes_data(word)[i] != '\0'; i++)
        buf_append_u8(error, bytes_data(word)[i]);
}

static bool apply_one(struct acl_user *u, struct bytes rule, bool all_channels, struct buf *error)
{
    const char *why = user_rule(u, rule, all_channels);
    if (why == NULL)
        return true;
    buf_append_string(error, "Error in ACL SETUSER modifier '");
    say_word(error, rule);
    buf_printf(error, "': %s", why);
    return false;
}

static bool begins_selector(struct bytes rule)
{
    return rule.size > 0 && *bytes_data(rule) == '(' && bytes_data(rule)[rule.size - 1] != ')';
}

/* The selector that begins at *n ends before *end; one that begins before its end takes its place,
 * as in Redis. false: there is no end. */
static bool find_selector(const struct bytes *rules, uint32_t count, uint32_t *n, uint32_t *end)
{
    for (uint32_t i = *n + 1; i < count; i++) {
        *end = i + 1;
        if (begins_selector(rules[i]))
            *n = i;
        else if (rules[i].size > 0 && bytes_data(rules[i])[rules[i].size - 1] == ')')
            return true;
    }
    return false;
}

/* A parenthesis without an end: nothing is done. */
static bool selectors_end(const struct bytes *rules, uint32_t count, struct buf *error)
{
    for (uint32_t n = 0, end; n < count; n = end) {
        end = n + 1;
        if (!begins_selector(rules[n]) || find_selector(rules, count, &n, &end))
            continue;
        buf_append_string(error, "Unmatched parenthesis in acl selector starting at '");
        say_word(error, rules[n]);
        buf_append_string(error, "'.");
        return false;
    }
    return true;
}

bool acl_user_apply(struct acl_user *u, const struct bytes *rules, uint32_t count,
                    bool all_channels, struct buf *error)
{
    bool good = selectors_end(rules, count, error);
    struct buf joined = {0};
    for (uint32_t n = 0, end; n < count && good; n = end) {
        end = n + 1;
        if (begins_selector(rules[n]) && !find_selector(rules, count, &n, &end))
            break;
        buf_reset(&joined);
        for (uint32_t i = n; i < end; i++) {
            buf_append_string(&joined, i > n ? " " : "");
            buf_append_bytes(&joined, rules[i]);
        }
        good = apply_one(u, buf_bytes(&joined), all_channels, error);
    }
    buf_clear(&joined);
    return good;
}

/* --- one user --------------------------------------------------------------------------------- */

struct acl_user *acl_user_new(struct bytes name, bool all_channels)
{
    struct acl_user *u = xcalloc(1, sizeof(*u));
    u->name = own(name);
    add_selector(u, all_channels);
    return u;
}

struct acl_user *acl_user_copy(const struct acl_user *u)
{
    struct acl_user *copy = xmalloc(sizeof(*copy));
    *copy = *u;
    copy->name = own(u->name);
    list_copy(&copy->passwords, &u->passwords);
    copy->selectors = xcalloc(u->selector_count, sizeof(*copy->selectors));
    for (uint32_t i = 0; i < u->selector_count; i++)
        selector_copy(&copy->selectors[i], &u->selectors[i]);
    return copy;
}

void acl_user_free(struct acl_user *u)
{
    if (u == NULL)
        return;
    for (uint32_t i = 0; i < u->selector_count; i++)
        selector_clear(&u->selectors[i]);
    free(u->selectors);
    list_empty(&u->passwords);
    free((void *)u->name.data);
    free(u);
}

bool acl_user_opens(const struct acl_user *u, struct bytes password)
{
    if (!u->is_on)
        return false;
    if (u->has_no_password)
        return true;
    char hex[SHA256_HEX_SIZE + 1];
    sha256_hex(password, hex);
    bool opens = false;
    for (uint32_t i = 0; i < u->passwords.count; i++) {
        const uint8_t *wanted = bytes_data(u->passwords.items[i].text);
        uint8_t difference = 0;
        for (size_t n = 0; n < SHA256_HEX_SIZE; n++)
            difference |= (uint8_t)((uint8_t)hex[n] ^ wanted[n]);
        opens = opens || difference == 0;
    }
    return opens;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void put_rule(struct buf *row, const char *prefix, struct bytes text)
{
    buf_append_le32(row, (uint32_t)(strlen(prefix) + text.size));
    buf_append_string(row, prefix);
    buf_append_bytes(row, text);
}

static void put_selector(struct buf *row, const struct acl_selector *s)
{
    static const char *const prefixes[] = {"", "%R~", "%W~", "%RW~"}; /* "~*" were all keys */
    if (s->all_keys)
        put_rule(row, "~*", BYTES_NONE);
    for (uint32_t i = 0; i < s->keys.count; i++)
        put_rule(row, prefixes[s->keys.items[i].mark], s->keys.items[i].text);
    if (s->all_channels)
        put_rule(row, "&*", BYTES_NONE);
    for (uint32_t i = 0; i < s->channels.count; i++)
        put_rule(row, "&", s->channels.items[i].text);
    for (uint32_t i = 0; i < s->rules.count; i++)
        put_rule(row, "", s->rules.items[i].text);
}

void acl_user_encode(const struct acl_user *u, struct buf *row)
{
    buf_append_u8(row, ROW_FORMAT);
    buf_append_le32(row, u->id);
    if (u->is_on)
        put_rule(row, "on", BYTES_NONE);
    if (u->skips_sanitize)
        put_rule(row, "skip-sanitize-payload", BYTES_NONE);
    if (u->wants_sanitize)
        put_rule(row, "sanitize-payload", BYTES_NONE);
    if (u->has_no_password)
        put_rule(row, "nopass", BYTES_NONE);
    for (uint32_t i = 0; i < u->passwords.count; i++)
        put_rule(row, "#", u->passwords.items[i].text);
    put_selector(row, &u->selectors[0]);
    for (uint32_t i = 1; i < u->selector_count; i++) {
        put_rule(row, "(", BYTES_NONE);
        put_selector(row, &u->selectors[i]);
    }
}

/* A rule of a row: those behind "(" are that selector's. */
static bool take_rule(struct acl_user *u, struct bytes rule)
{
    if (rule.size == 1 && *bytes_data(rule) == '(') {
        add_selector(u, false);
        return true;
    }
    if (u->selector_count == 1)
        return user_rule(u, rule, false) == NULL;
    return selector_rule(&u->selectors[u->selector_count - 1], rule) == NULL;
}

struct acl_user *acl_user_decode(struct bytes name, struct bytes row)
{
    struct reader r;
    reader_init(&r, row);
    if (reader_u8(&r) != ROW_FORMAT)
        return NULL;
    struct acl_user *u = acl_user_new(name, false);
    u->id = reader_le32(&r);
    bool good = true;
    while (good && !r.failed && reader_left(&r) > 0) {
        const uint32_t size = reader_le32(&r);
        const struct bytes rule = reader_bytes(&r, size);
        good = !r.failed && rule.size > 0 && take_rule(u, rule);
    }
    if (good && !r.failed)
        return u;
    acl_user_free(u);
    return NULL;
}
