/* acl_check.c -- whether a user may run a command with these arguments. */

#include "command/acl_user.h"

#include "command/glob.h"
#include "command/keyspec.h"

/* Keys are looked for once for all selectors of a user. */
struct question {
    const struct command *command;
    uint32_t number;
    const struct bytes *args;
    uint32_t arg_count;
    struct arena *arena;
    struct key_list keys;
    bool has_keys; /* keys is filled */
};

/* --- commands --------------------------------------------------------------------------------- */

static bool allows_command(const struct acl_selector *s, const struct question *q)
{
    if (s->all_commands || q->command->flags & CMD_NO_AUTH ||
        acl_selector_allows(s, q->number))
        return true;
    for (uint32_t i = 0; i < s->first_args.count && q->arg_count > 1; i++)
        if (s->first_args.items[i].mark == q->number &&
            bytes_equal_nocase(s->first_args.items[i].text, q->args[1]))
            return true;
    return false;
}

/* --- keys ------------------------------------------------------------------------------------- */

static uint32_t permissions_for(uint32_t key_flags)
{
    uint32_t needed = key_flags & KEY_ACCESS ? ACL_MAY_READ : 0;
    if (key_flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE))
        needed |= ACL_MAY_WRITE;
    return needed;
}

static bool allows_key(const struct acl_selector *s, struct bytes key, uint32_t key_flags)
{
    const uint32_t needed = permissions_for(key_flags);
    for (uint32_t i = 0; i < s->keys.count; i++)
        if ((s->keys.items[i].mark & needed) == needed &&
            glob_match(s->keys.items[i].text, key, false))
            return true;
    return s->all_keys;
}

static bool allows_keys(const struct acl_selector *s, struct question *q, uint32_t *position)
{
    if (s->all_keys)
        return true;
    if (!q->has_keys) /* arguments without sense have no keys: the command will say so */
        (void)keyspec_extract(q->command, q->args, q->arg_count, q->arena, &q->keys);
    q->has_keys = true;
    for (size_t i = 0; i < q->keys.count; i++) {
        const struct key_position *key = &q->keys.keys[i];
        if (allows_key(s, q->args[key->position], key->flags))
            continue;
        *position = key->position;
        return false;
    }
    return true;
}

/* --- channels --------------------------------------------------------------------------------- */

static const struct channel_rule {
    const char *name;
    bool is_pattern, is_one;
} channel_rules[] = {
    {"publish", false, true}, {"spublish", false, true}, {"subscribe", false, false},
    {"ssubscribe", false, false}, {"psubscribe", true, false},
};

/* Where a command has channels; NULL: nowhere. */
static const struct channel_rule *channel_rule_of(const struct command *c)
{
    if (!(c->flags & CMD_PUBSUB))
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(channel_rules); i++)
        if (strcmp(channel_rules[i].name, c->name) == 0)
            return &channel_rules[i];
    return NULL;
}

static bool allows_channel(const struct acl_selector *s, struct bytes channel, bool is_pattern)
{
    for (uint32_t i = 0; i < s->channels.count; i++) {
        const struct bytes pattern = s->channels.items[i].text;
        if (is_pattern ? bytes_equal(pattern, channel) : glob_match(pattern, channel, false))
            return true;
    }
    return s->all_channels;
}

static bool allows_channels(const struct acl_selector *s, const struct question *q,
                            uint32_t *position)
{
    const struct channel_rule *rule = s->all_channels ? NULL : channel_rule_of(q->command);
    const uint32_t end = rule != NULL && rule->is_one ? MIN(2u, q->arg_count) : q->arg_count;
    for (uint32_t i = 1; rule != NULL && i < end; i++) {
        if (allows_channel(s, q->args[i], rule->is_pattern))
            continue;
        *position = i;
        return false;
    }
    return true;
}

bool acl_allows_channel(const struct acl_user *u, struct bytes channel, bool is_pattern)
{
    for (uint32_t i = 0; u != NULL && i < u->selector_count; i++)
        if (allows_channel(&u->selectors[i], channel, is_pattern))
            return true;
    return false;
}

/* --- the whole -------------------------------------------------------------------------------- */

bool acl_user_is_free(const struct acl_user *u)
{
    const struct acl_selector *root = u->selectors;
    return root->all_commands && root->all_keys && root->all_channels;
}

static struct question question_of(const struct exec *x)
{
    return (struct question){.command = x->command, .number = command_number(x->command),
                             .args = x->args, .arg_count = x->arg_count, .arena = x->arena};
}

static enum acl_verdict ask(const struct acl_selector *s, struct question *q, uint32_t *position)
{
    if (!allows_command(s, q))
        return ACL_NO_COMMAND;
    if (!allows_keys(s, q, position))
        return ACL_NO_KEY;
    return allows_channels(s, q, position) ? ACL_ALLOWED : ACL_NO_CHANNEL;
}

bool acl_check(const struct acl_user *u, const struct exec *x, struct acl_denial *denial)
{
    *denial = (struct acl_denial){ACL_NO_COMMAND, 0};
    if (u == NULL)
        return false;
    if (acl_user_is_free(u))
        return true;
    struct question q = question_of(x);
    for (uint32_t i = 0; i < u->selector_count; i++) { /* of several the one that came furthest */
        uint32_t position = 0;
        const enum acl_verdict verdict = ask(&u->selectors[i], &q, &position);
        if (verdict == ACL_ALLOWED)
            return true;
        if (verdict > denial->verdict ||
            (verdict == denial->verdict && position > denial->position))
            *denial = (struct acl_denial){verdict, position};
    }
    return false;
}

bool acl_allows(const struct exec *x, struct acl_denial *denial)
{
    return x->acl == NULL || x->user == ACL_NODE_USER ||
           acl_check(acl_user_by_id(x->acl, x->user), x, denial);
}

static bool reads_every_key(const struct acl_selector *s)
{
    for (uint32_t i = 0; i < s->keys.count; i++)
        if (s->keys.items[i].mark & ACL_MAY_READ && bytes_equal(s->keys.items[i].text, BYTES("*")))
            return true;
    return s->all_keys;
}

bool acl_reads_all_keys(const struct exec *x)
{
    const struct acl_user *u = x->acl == NULL ? NULL : acl_user_by_id(x->acl, x->user);
    if (x->acl == NULL || x->user == ACL_NODE_USER || (u != NULL && acl_user_is_free(u)))
        return true;
    struct question q = question_of(x);
    for (uint32_t i = 0; u != NULL && i < u->selector_count; i++) {
        uint32_t position;
        if (reads_every_key(&u->selectors[i]) &&
            ask(&u->selectors[i], &q, &position) == ACL_ALLOWED)
            return true;
    }
    return false;
}

void acl_denial_text(const struct acl_denial *d, const struct command *c, struct buf *text)
{
    char name[COMMAND_NAME_MAX];
    if (c->flags & CMD_UNLISTED)
        c = command_container(c);
    buf_append_string(text, "NOPERM this user has no permissions to ");
    if (d->verdict == ACL_NO_COMMAND) {
        buf_append_string(text, "run the '");
        buf_append_bytes(text, command_full_name(c, name));
        buf_append_string(text, "' command");
    } else {
        buf_printf(text, "access one of the %s used as arguments",
                   d->verdict == ACL_NO_KEY ? "keys" : "channels");
    }
}
