/* acl.c -- ACL: users are replicated, so changes are writes and questions are reads like those of
 * keys. GENPASS, LOG, LOAD, SAVE and WHOAMI are the host's.
 *
 * No password comes here: the origin sends its hash (#, !) in place of > and <. */

#include "command/acl_user.h"
#include "command/args.h"
#include "command/settings.h"
#include "command/table.h"

/* --- changes ---------------------------------------------------------------------------------- */

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = bytes_data(name)[i];
        if (c == ' ' || (c >= '\t' && c <= '\r') || c == '\0')
            return false;
    }
    return true;
}

/* Takes u. What is too large for a row is refused. */
static void store(struct exec *x, struct acl_user *u)
{
    struct buf row = {0};
    acl_user_encode(u, &row);
    const bool fits = row.size <= ACL_USER_BYTES_MAX;
    buf_clear(&row);
    if (fits) {
        acl_put(x->acl, x->keyspace, u);
        reply_ok(x);
        return;
    }
    reply_errorf(x, "ERR a user may have %zu bytes of rules", ACL_USER_BYTES_MAX);
    acl_user_free(u);
}

/* ACL SETUSER name [rule ...] */
static void setuser(struct exec *x)
{
    const struct bytes name = x->args[2];
    const bool all_channels = x->settings->acl_pubsub_default == ACL_PUBSUB_ALL;
    if (!is_name(name)) {
        reply_error(x, "ERR Usernames can't contain spaces or null characters");
        return;
    }
    const struct acl_user *old = acl_user_by_name(x->acl, name);
    if (name.size > ACL_NAME_MAX || (old == NULL && acl_count(x->acl) >= ACL_USERS_MAX)) {
        reply_errorf(x, "ERR there may be %d users, with names of at most %d bytes", ACL_USERS_MAX,
                     ACL_NAME_MAX);
        return;
    }
    struct buf text = {0};
    struct acl_user *u = old != NULL ? acl_user_copy(old) : acl_user_new(name, all_channels);
    buf_append_string(&text, "ERR ");
    if (acl_user_apply(u, x->args + 3, x->arg_count - 3, all_channels, &text)) {
        store(x, u);
    } else {
        reply_error_bytes(x, buf_bytes(&text));
        acl_user_free(u);
    }
    buf_clear(&text);
}

/* ACL DELUSER name [name ...] -> how many there were */
static void deluser(struct exec *x)
{
    int64_t deleted = 0;
    for (uint32_t i = 2; i < x->arg_count; i++) {
        if (bytes_equal(x->args[i], BYTES("default"))) {
            reply_error(x, "ERR The 'default' user cannot be removed");
            return;
        }
    }
    for (uint32_t i = 2; i < x->arg_count; i++)
        deleted += acl_delete(x->acl, x->keyspace, x->args[i]);
    reply_int64(x, deleted);
}

/* --- questions -------------------------------------------------------------------------------- */

static void reply_text(struct exec *x, const char *name, const struct acl_selector *s,
                       void (*describe)(const struct acl_selector *s, struct buf *text))
{
    struct buf text = {0};
    describe(s, &text);
    reply_bulk_string(x, name);
    reply_bulk(x, buf_bytes(&text));
    buf_clear(&text);
}

static void reply_selector(struct exec *x, const struct acl_selector *s)
{
    reply_text(x, "commands", s, acl_describe_commands);
    reply_text(x, "keys", s, acl_describe_keys);
    reply_text(x, "channels", s, acl_describe_channels);
}

static void getuser(struct exec *x)
{
    const struct acl_user *u = acl_user_by_name(x->acl, x->args[2]);
    if (u == NULL) {
        reply_null(x);
        return;
    }
    reply_map(x, 6);
    reply_bulk_string(x, "flags");
    reply_set(x, 1u + u->has_no_password + u->skips_sanitize + u->wants_sanitize);
    reply_bulk_string(x, u->is_on ? "on" : "off");
    if (u->has_no_password)
        reply_bulk_string(x, "nopass");
    if (u->skips_sanitize || u->wants_sanitize)
        reply_bulk_string(x, u->skips_sanitize ? "skip-sanitize-payload" : "sanitize-payload");
    reply_bulk_string(x, "passwords");
    reply_array(x, u->passwords.count);
    for (uint32_t i = 0; i < u->passwords.count; i++)
        reply_bulk(x, u->passwords.items[i].text);
    reply_selector(x, &u->selectors[0]);
    reply_bulk_string(x, "selectors");
    reply_array(x, u->selector_count - 1);
    for (uint32_t i = 1; i < u->selector_count; i++) {
        reply_map(x, 3);
        reply_selector(x, &u->selectors[i]);
    }
}

static void list(struct exec *x)
{
    const struct acl_user *u;
    struct buf text = {0};
    reply_array(x, acl_count(x->acl));
    for (uint32_t i = 0; (u = acl_user_at(x->acl, i)) != NULL; i++) {
        buf_reset(&text);
        buf_append_string(&text, "user ");
        buf_append_bytes(&text, u->name);
        buf_append_u8(&text, ' ');
        acl_user_describe(u, &text);
        reply_bulk(x, buf_bytes(&text));
    }
    buf_clear(&text);
}

static void users(struct exec *x)
{
    reply_array(x, acl_count(x->acl));
    for (uint32_t i = 0; i < acl_count(x->acl); i++)
        reply_bulk(x, acl_user_at(x->acl, i)->name);
}

/* What a word of the client's is in an error: as a C string. */
static int shown(struct bytes word)
{
    const void *end = word.size == 0 ? NULL : memchr(word.data, '\0', word.size);
    return (int)(end == NULL ? MIN(word.size, 512) : (size_t)((const char *)end -
                                                              (const char *)word.data));
}

/* ACL DRYRUN user command [arg ...] */
static void dryrun(struct exec *x)
{
    const struct acl_user *u = acl_user_by_name(x->acl, x->args[2]);
    struct exec asked = {.args = x->args + 3, .arg_count = x->arg_count - 3, .arena = x->arena};
    if (u == NULL) {
        reply_errorf(x, "ERR User '%.*s' not found", shown(x->args[2]),
                     (const char *)x->args[2].data);
        return;
    }
    const struct command *parent;
    asked.command = command_find(asked.args, asked.arg_count, &parent);
    if (parent != NULL && parent->subcommands->flags & CMD_UNLISTED)
        asked.command = parent;
    if (asked.command == NULL) {
        reply_errorf(x, "ERR Command '%.*s' not found", shown(asked.args[0]),
                     (const char *)asked.args[0].data);
        return;
    }
    char full[COMMAND_NAME_MAX];
    const struct bytes name = command_full_name(asked.command, full);
    if (!command_arity_fits(asked.command, asked.arg_count)) {
        reply_errorf(x, "ERR wrong number of arguments for '%.*s' command", (int)name.size, full);
        return;
    }
    struct acl_denial denial;
    struct buf text = {0};
    if (acl_check(u, &asked, &denial)) {
        reply_ok(x);
        return;
    }
    const bool of_command = denial.verdict == ACL_NO_COMMAND;
    const struct bytes object = of_command ? name : asked.args[denial.position];
    buf_printf(&text, "This user has no permissions to %s the '", of_command ? "run" : "access");
    buf_append(&text, object.data, of_command ? object.size : (size_t)shown(object));
    buf_append_string(&text, of_command                      ? "' command"
                             : denial.verdict == ACL_NO_KEY ? "' key"
                                                             : "' channel");
    reply_bulk(x, buf_bytes(&text));
    buf_clear(&text);
}

static void cat(struct exec *x)
{
    const char *category;
    uint32_t n = 0, wanted = 0;
    if (x->arg_count > 3) {
        reply_subcommand_error(x);
        return;
    }
    for (; (category = acl_category_name(n)) != NULL; n++)
        if (x->arg_count == 3 && arg_is(x, 2, category))
            wanted = (uint32_t)1 << n;
    if (x->arg_count == 2) {
        reply_array(x, n);
        for (n = 0; (category = acl_category_name(n)) != NULL; n++)
            reply_bulk_string(x, category);
        return;
    }
    if (wanted == 0) {
        reply_errorf(x, "ERR Unknown category '%.*s'", (int)MIN(shown(x->args[2]), 128),
                     (const char *)x->args[2].data);
        return;
    }
    const struct command *c;
    size_t count = 0;
    const size_t begun = reply_array_begin(x);
    for (n = 0; (c = command_by_number(n)) != NULL; n++) {
        char name[COMMAND_NAME_MAX];
        if (!(command_acl(c) & wanted))
            continue;
        reply_bulk(x, command_full_name(c, name));
        count++;
    }
    reply_array_end(x, begun, count);
}

static void help(struct exec *x)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    List all commands that belong to <category>, or all command categories",
        "    when no category is specified.",
        "DELUSER <username> [<username> ...]",
        "    Delete a list of users.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Returns whether the user can execute the given command without executing the command.",
        "GETUSER <username>",
        "    Get the user's details.",
        "GENPASS [<bits>]",
        "    Generate a secure 256-bit user password. The optional `bits` argument can",
        "    be used to specify a different size.",
        "LIST",
        "    Show users details in config file format.",
        "LOAD",
        "    Reload users from the ACL file.",
        "LOG [<count> | RESET]",
        "    Show the ACL log entries.",
        "SAVE",
        "    Save the current config to the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Create or modify a user with the specified attributes.",
        "USERS",
        "    List all the registered usernames.",
        "WHOAMI",
        "    Return the current connection username.",
        NULL,
    };
    reply_help(x, lines);
}

/* --- rows ------------------------------------------------------------------------------------- */

static const struct command acl_subcommands[] = {
    {.name = "cat", .run = cat, .arity = -2, .flags = CMD_PURE | CMD_NO_SCRIPT | CMD_LOADING |
         CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "The categories of commands, or the commands of one."},
    {.name = "deluser", .run = deluser, .arity = -3, .flags = CMD_WRITE | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Deletes users."},
    {.name = "dryrun", .run = dryrun, .arity = -4, .flags = CMD_READ | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "7.0.0", .complexity = "O(1)",
     .summary = "Whether a user could run a command."},
    {.name = "genpass", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "A random password."},
    {.name = "getuser", .run = getuser, .arity = 3, .flags = CMD_READ | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "The rules of a user."},
    {.name = "help", .run = help, .arity = 2, .flags = CMD_PURE | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "list", .run = list, .arity = 2, .flags = CMD_READ | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "All users with their rules."},
    {.name = "load", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Reads the users from the file."},
    {.name = "log", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "What was refused lately."},
    {.name = "save", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_ADMIN | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Writes the users to the file."},
    {.name = "setuser", .run = setuser, .arity = -3, .flags = CMD_WRITE | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "Creates or changes a user."},
    {.name = "users", .run = users, .arity = 2, .flags = CMD_READ | CMD_PLAIN | CMD_ADMIN |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(N)",
     .summary = "The names of all users."},
    {.name = "whoami", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_NO_SCRIPT |
         CMD_LOADING | CMD_STALE,
     .group = "server", .since = "6.0.0", .complexity = "O(1)",
     .summary = "The user of this connection."},
    {.name = NULL},
};

const struct command acl_commands[] = {
    {.name = "acl", .arity = -2, .flags = 0,
     .group = "server", .since = "6.0.0", .complexity = "Depends on subcommand.",
     .summary = "Users and what they may do.",
     .subcommands = acl_subcommands},
    {.name = NULL},
};
