/* acl_describe.c -- users in words, as Redis 7.0 says them.
 *
 * What a selector allows is told by categories that fit best, then by single commands: a draft is
 * kept at what the words so far would allow. Beginning with +@all (commands of later builds too)
 * the words take away, else they add. */

#include "command/acl_user.h"

#include "base/panic.h"

/* How many commands of category are allowed, and how many not. */
static void count(const struct acl_selector *s, uint32_t category, uint32_t *on, uint32_t *off)
{
    const struct command *c;
    *on = *off = 0;
    for (uint32_t n = 0; (c = command_by_number(n)) != NULL; n++) {
        if (!(command_acl(c) & category))
            continue;
        if (acl_selector_allows(s, n))
            ++*on;
        else
            ++*off;
    }
}

/* The category that says most and is wrong about fewest, of those not in used; < 0: none helps. */
static int best_category(const struct acl_selector *left, bool adds, uint32_t used)
{
    int best = -1;
    uint32_t fewest_wrong = UINT32_MAX, most_right = 0;
    for (int i = 0; acl_category_name((size_t)i) != NULL; i++) {
        uint32_t on, off;
        if (used >> i & 1)
            continue;
        count(left, (uint32_t)1 << i, &on, &off);
        const uint32_t right = adds ? on : off, wrong = adds ? off : on;
        if (right > wrong &&
            (wrong < fewest_wrong || (wrong == fewest_wrong && right > most_right))) {
            best = i;
            fewest_wrong = wrong;
            most_right = right;
        }
    }
    return best;
}

static void say_command(const struct command *c, bool allow, struct buf *text)
{
    char name[COMMAND_NAME_MAX];
    buf_append_string(text, allow ? " +" : " -");
    buf_append_bytes(text, command_full_name(c, name));
}

void acl_describe_commands(const struct acl_selector *s, struct buf *text)
{
    const bool adds = !s->future;
    struct acl_selector draft = {0}, left = {0};
    memset(draft.allowed, adds ? 0 : 0xff, sizeof(draft.allowed));
    memcpy(left.allowed, s->allowed, sizeof(left.allowed));
    buf_append_string(text, adds ? "-@all" : "+@all");

    uint32_t used = 0;
    for (int i; (i = best_category(&left, adds, used)) >= 0; used |= (uint32_t)1 << i) {
        acl_selector_change_category(&draft, (uint32_t)1 << i, adds);
        acl_selector_change_category(&left, (uint32_t)1 << i, !adds);
        buf_printf(text, " %c@%s", adds ? '+' : '-', acl_category_name((size_t)i));
    }

    const struct command *c;
    for (uint32_t n = 0; (c = command_by_number(n)) != NULL; n++) {
        const bool allow = acl_selector_allows(s, n);
        if (allow != acl_selector_allows(&draft, n)) {
            say_command(c, allow, text);
            acl_selector_change(&draft, n, allow);
        }
        for (uint32_t i = 0; i < s->first_args.count && !allow; i++) {
            if (s->first_args.items[i].mark != n)
                continue;
            say_command(c, true, text);
            buf_append_u8(text, '|');
            buf_append_bytes(text, s->first_args.items[i].text);
        }
    }
}

void acl_describe_keys(const struct acl_selector *s, struct buf *text)
{
    static const char *const prefixes[] = {"", "%R~", "%W~", "~"};
    if (s->all_keys)
        buf_append_string(text, "~*");
    for (uint32_t i = 0; i < s->keys.count; i++) {
        buf_append_string(text, i > 0 ? " " : "");
        buf_append_string(text, prefixes[s->keys.items[i].mark]);
        buf_append_bytes(text, s->keys.items[i].text);
    }
}

void acl_describe_channels(const struct acl_selector *s, struct buf *text)
{
    if (s->all_channels)
        buf_append_string(text, "&*");
    for (uint32_t i = 0; i < s->channels.count; i++) {
        buf_append_string(text, i > 0 ? " &" : "&");
        buf_append_bytes(text, s->channels.items[i].text);
    }
}

static void describe_selector(const struct acl_selector *s, struct buf *text)
{
    const size_t begun = text->size;
    acl_describe_keys(s, text);
    buf_append_string(text, text->size > begun ? " " : "");
    if (!s->all_channels)
        buf_append_string(text, s->channels.count > 0 ? "resetchannels " : "resetchannels");
    acl_describe_channels(s, text);
    buf_append_u8(text, ' ');
    acl_describe_commands(s, text);
}

void acl_user_describe(const struct acl_user *u, struct buf *text)
{
    buf_append_string(text, u->is_on ? "on" : "off");
    buf_append_string(text, u->has_no_password ? " nopass" : "");
    buf_append_string(text, u->skips_sanitize ? " skip-sanitize-payload" : "");
    buf_append_string(text, u->wants_sanitize ? " sanitize-payload " : " ");
    for (uint32_t i = 0; i < u->passwords.count; i++) {
        buf_append_u8(text, '#');
        buf_append_bytes(text, u->passwords.items[i].text);
        buf_append_u8(text, ' ');
    }
    describe_selector(&u->selectors[0], text);
    for (uint32_t i = 1; i < u->selector_count; i++) {
        buf_append_string(text, " (");
        describe_selector(&u->selectors[i], text);
        buf_append_u8(text, ')');
    }
}
